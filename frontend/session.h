/* One run of the command: the machine, and whoever on the host's side has to do with it. */
#ifndef FRONTEND_SESSION_H
#define FRONTEND_SESSION_H

#include <limits.h>

#include "frontend/loop.h"
#include "frontend/nethost.h"
#include "frontend/options.h"
#include "frontend/outfile.h"
#include "frontend/term.h"

#define MAX_FILES (ORRERY_SERIAL_PORTS + ORRERY_AUDIODEVS + ORRERY_NETS + 8)

struct session {
    struct options options;
    struct orrery *machine;
    struct loop loop;
    struct term term;
    struct nethost nets[ORRERY_NETS];
    struct outfile files[MAX_FILES]; /* outputs of character devices, log */
    unsigned nfiles;
    char profile_host[PATH_MAX], profile_report[PATH_MAX], perf_map[64];
    FILE *screendump;
    bool quit;   /* somebody wants the program to end */
    bool paused; /* the guest stands, the loop goes on: for monitors and debuggers */
    /* How many there are for whom an idle guest has to wait by the wall clock: terminals, displays,
     * networks. Without any, idle time passes at once. */
    unsigned waiting;
    /* And how many for whom a busy guest must not be ahead of the wall clock either: displays. */
    unsigned paced;
    uint64_t wall_ns, guest_ns; /* a moment of both clocks, from which the lead is counted */
};

/* Opens a file for output, which stays as it is until the machine stands. NULL after a complaint.
 */
FILE *session_output(struct session *s, const char *option, const char *path);

/* Opens the character devices of the options. False after a complaint. */
bool session_chardevs(struct session *s);
/* When the machine stands, and when it has stopped: the terminal changes its mode. */
void session_start_chardevs(struct session *s);
void session_stop_chardevs(struct session *s);

/* Lets the guest run and host time pass until the guest stops or somebody quits (ORRERY_RUNNING).
 */
enum orrery_stop session_run(struct session *s);

#endif
