/* One run of the command: the machine, and whoever on the host's side has to do with it. */
#ifndef FRONTEND_SESSION_H
#define FRONTEND_SESSION_H

#include <limits.h>

#include "frontend/breaks.h"
#include "frontend/loop.h"
#include "frontend/monitor.h"
#include "frontend/nethost.h"
#include "frontend/options.h"
#include "frontend/outfile.h"
#include "frontend/term.h"

#define MAX_TRAYS 8
#define MAX_FILES (2 * MAX_CHARDEVS + ORRERY_AUDIODEVS + ORRERY_NETS + 8)

struct chr;
struct hands;
struct ports;
struct monitor;
struct gdb;

/* What observers are told. */
enum news_kind {
    NEWS_STOP,
    NEWS_RESUME,
    NEWS_RESET,
    NEWS_SHUTDOWN,
    NEWS_POWERDOWN,
    NEWS_TRAY_MOVED,
    NEWS_RTC_CHANGE,
    NEWS_VNC_CONNECTED,
    NEWS_VNC_INITIALIZED,
    NEWS_VNC_DISCONNECTED
};
struct news {
    enum news_kind kind;
    bool guest;         /* RESET, SHUTDOWN: the guest's doing ... */
    const char *reason; /* ... and why, in QMP's words */
    const char *device; /* TRAY_MOVED */
    bool open;
    int64_t offset;                    /* RTC_CHANGE: seconds ahead of where it would be */
    const struct display_peer *client; /* VNC_... */
};
struct observer {
    void (*tell)(void *opaque, const struct news *news);
    void *opaque;
    struct observer *next; /* the session's */
};

/* One instruction is being executed; what comes in between as an interrupt runs to its end first,
 * unless interrupts are to be stepped into. */
struct stepping {
    bool on, into_interrupts;
    bool interrupted; /* on the way back to pc, with that stack pointer */
    uint64_t pc, esp;
};

/* Why the guest stands. */
struct cause {
    enum orrery_stop stop; /* ORRERY_RUNNING: somebody wanted it, or a step is done */
    bool stepped;
    struct breakpoint met; /* ORRERY_BREAK */
    uint64_t at;           /* as orrery_break_hit() has it */
};

struct session {
    struct options options;
    struct orrery *machine;
    struct loop loop;
    struct nethost nets[ORRERY_NETS];
    struct chr *chardevs;
    char *texts[2 * MAX_CHARDEVS]; /* of their options, cut up */
    unsigned ntexts;
    struct ports *ports;             /* who is on them: ports.c */
    struct monitor *monitors;        /* monitor.c */
    struct gdb *gdb;                 /* gdb.c */
    struct hands *hands;             /* the keyboard of scripts: hands.c */
    struct outfile files[MAX_FILES]; /* outputs of character devices, log */
    unsigned nfiles;
    char profile_host[PATH_MAX], profile_report[PATH_MAX], perf_map[64];
    FILE *screendump;
    struct displays displays;
    bool quit;             /* somebody wants the program to end */
    bool asked;            /* a monitor has had a command since the guest ran last */
    bool paused;           /* the guest stands, the loop goes on: for monitors and debuggers */
    bool fresh;            /* paused, and has not yet run since it was switched on or reset */
    enum orrery_stop down; /* ORRERY_RUNNING, or why it has stopped for good under -no-shutdown */
    struct breaks breaks;
    struct stepping step;
    struct cause cause;
    unsigned debuggers; /* for whom it stays after a triple fault and at the end of a replay */
    unsigned held;      /* outputs that have to be taken before the guest goes on */
    /* How many there are for whom an idle guest has to wait by the wall clock: terminals, displays,
     * networks. Without any, idle time passes at once. */
    unsigned waiting;
    /* And how many for whom a busy guest must not be ahead of the wall clock either: displays,
     * monitors, loudspeakers. */
    unsigned paced;
    /* How many look at it: displays, monitors. While there are, a guest that has halted for ever
     * does not end the program. */
    unsigned watched;
    unsigned speed;    /* percent of real time that the guest runs at; 0: all of it */
    uint64_t trial_ns; /* guest time of a short slice */
    struct {           /* since the guest's pace was looked at last: see look_at_pace() */
        uint64_t host_ns, guest_ns;
    } ran;
    uint64_t wall_ns, guest_ns; /* a moment of both clocks, from which the lead is counted */
    struct observer *observers;
    int64_t epoch[2];         /* orrery_epoch() at first, and as observers know it */
    uint64_t resets;          /* that observers know of ... */
    const char *resetter;     /* ... and the reason of the one that is under way from outside */
    struct hmp_format format; /* that monitors were last asked for */
    unsigned trays;           /* that are open, by drive */
    char *in_tray[MAX_TRAYS]; /* what lies in a tray that a monitor has opened, or NULL */
};

/* Opens a file for output, which stays as it is until the machine stands. NULL after a complaint.
 */
FILE *session_output(struct session *s, const char *option, const char *path);
/* The same; append: what it holds stays. */
FILE *session_file(struct session *s, const char *option, const char *path, bool append);

/* Opens the character devices of the options. False after a complaint. */
bool session_chardevs(struct session *s);
/* When the machine stands, and when it has stopped, or there is to be none. */
void session_start_chardevs(struct session *s);
void session_stop_chardevs(struct session *s);

/* Mouse movement as for orrery_mouse(), to the serial mouse if there is one. */
void session_mouse(struct session *s, int dx, int dy, int wheel, unsigned buttons);

/* Lets the guest run and host time pass until the guest stops or somebody quits (ORRERY_RUNNING).
 */
enum orrery_stop session_run(struct session *s);

/* Observers are told, whoever does these. resume: false if only a reset helps. */
void session_pause(struct session *s);
bool session_resume(struct session *s);
/* The machine has been put to another moment: clocks are set together anew, and what it had stopped
 * for may not have happened. */
void session_moved(struct session *s);
void session_reset(struct session *s, const char *reason);
void session_powerdown(struct session *s);
void session_shutdown(struct session *s, const char *reason, bool guest); /* ends the program */
const char *session_status(const struct session *s);                      /* in QMP's words */

/* Resumes for one instruction; NEWS_STOP tells that it is done. */
bool session_step(struct session *s, bool into_interrupts);
/* The machine has been put to another time: it stands there, whatever it had stopped for. */
void session_moved(struct session *s);
/* orrery_run() has come back with ORRERY_BREAK: s->cause says for which. False: for one that has
 * been taken out, or is of no interest here. */
bool session_met(struct session *s);
/* Where the guest stands, and why: one line. */
void session_print_place(const struct session *s, FILE *out);

void session_observe(struct session *s, struct observer *observer);
void session_tell(struct session *s, struct news news);

#endif
