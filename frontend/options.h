/* The command line, in qemu-system-i386's spelling. One or two hyphens. */
#ifndef FRONTEND_OPTIONS_H
#define FRONTEND_OPTIONS_H

#include "frontend/audio.h"
#include "frontend/disks.h"
#include "frontend/display.h"
#include "frontend/drives.h"
#include "frontend/nets.h"
#include "machine/orrery.h"

#define MAX_DEVICES  32
#define MAX_SYMBOLS  8
#define MAX_CHARDEVS 16

/* -monitor, -qmp, -qmp-pretty or -mon, and its argument. */
struct monitor_option {
    const char *option, *text;
};

struct options {
    struct orrery_config config;
    struct drives drives;
    struct audio_options audio;
    struct nets nets;
    struct disks disks;
    struct display_options display;
    bool snapshot; /* for every drive that does not say otherwise */
    const char *devices[MAX_DEVICES + 1];
    unsigned ndevices;
    unsigned nserial;
    const char *serial[ORRERY_SERIAL_PORTS]; /* as given */
    const char *parallel, *debugcon;
    const char *chardevs[MAX_CHARDEVS];
    unsigned nchardevs;
    struct monitor_option monitors[MAX_CHARDEVS];
    unsigned nmonitors;
    bool said_monitor; /* -monitor or -mon */
    bool stopped;      /* -S */
    const char *gdb;   /* -gdb, or NULL */
    const char *stop_on[ORRERY_MAX_BREAKS];
    unsigned nstop_on;
    bool no_shutdown; /* the program stays when the guest has switched off */
    const char *name; /* of the machine */
    bool nographic, statehash, stats, perf_map;
    bool screendump_png;
    const char *loadvm;     /* snapshot file to go on from */
    const char *screendump; /* picture of the last screen: .png or PPM */
    const char *log_path;
    bool demo; /* nothing to boot was given: the demonstration is in drive A */
    bool nodefaults, said_vga, daemonize;
    const char *pidfile;
    char cpu[256]; /* -cpu, as the library takes it */
    bool said_date;
    int64_t date; /* -rtc, in seconds since 1970 */
    const char *profile_path;
    struct orrery_symbols symbols[MAX_SYMBOLS + 1];
    unsigned nsymbols;
    bool history, no_history; /* -history; without it others may want one */
    uint64_t history_bytes;   /* 0: as much as usual */
    bool profile_names;       /* -profile-symbols */
    bool done;                /* -help or -version was answered: exit with status 0 */
};

/* Fills *o from argv; false after one line on stderr. Strings point into argv. */
bool options_parse(struct options *o, int argc, char **argv);

/* One line on stderr, "orrery: ...". Returns false. */
bool complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same, "orrery: warning: ...", and the run goes on. Returns true. */
bool warn_user(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
