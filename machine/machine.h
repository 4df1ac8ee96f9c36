/* The machine's inside, shared by the files of machine/. */
#ifndef MACHINE_MACHINE_H
#define MACHINE_MACHINE_H

#include "cpu/cpuid.h"
#include "devices/core/audio.h"
#include "devices/core/blk.h"
#include "devices/core/bus.h"
#include "devices/core/chardev.h"
#include "devices/core/clock.h"
#include "devices/core/journal.h"
#include "devices/core/net.h"
#include "devices/core/medium.h"
#include "jit/jit.h"
#include "machine/orrery.h"

struct profile; /* machine/profile.c */
struct trace;   /* machine/trace.c */
struct linux_image;
struct multiboot_image;
struct firmware;
struct symbols;  /* machine/symbols.h */
struct kept_map; /* machine/inspect_map.c */

#define MAX_DRIVES 6
/* A tick lasts MACHINE_NS_PER_MS / kips nanoseconds at first; at a pace, MACHINE_PACE_NUM * pace /
 * kips. */
#define MACHINE_NS_PER_MS 1000000u
#define MACHINE_PACE_NUM  (MACHINE_NS_PER_MS / ORRERY_PACE)

/* A way out to the host: outlets.c. */
struct outlet {
    const bool *muted;
    struct orrery_sink sink;
};

/* What outsiders may want to know of a drive; its state is the board's. */
struct drive_note {
    char name[MEDIUM_NAME];
    char *file; /* or NULL */
    bool removable, readonly;
};

struct orrery {
    struct phys *phys;
    struct cpu *cpu;
    struct cpu_model model; /* of -cpu */
    struct jit *jit;
    struct clock clock;
    struct journal *journal;
    struct bus *bus;
    struct chardev serial[ORRERY_SERIAL_PORTS];
    struct chardev parallel, debugcon;
    struct {
        struct chardev end;
        struct outlet out;
        char *name; /* NULL: there is none */
    } chardev[ORRERY_CHARDEVS];
    struct {
        struct blk *blk; /* NULL: there is none */
        char *name;
    } disk[ORRERY_DISKS];
    struct net_link net[ORRERY_NETS];
    char *net_name[ORRERY_NETS];           /* NULL: there is none */
    struct audio *audio[ORRERY_AUDIODEVS]; /* or NULL */
    char *audio_name[ORRERY_AUDIODEVS];
    struct firmware *firmware;
    struct linux_image *kernel;        /* what firmware is to start, or NULL */
    struct multiboot_image *multiboot; /* likewise */
    struct history *history;           /* or NULL */
    bool muted;                        /* what happens has happened before: nothing is sent out */
    struct outlet serial_out[ORRERY_SERIAL_PORTS], parallel_out, debugcon_out;
    struct outlet net_out[ORRERY_NETS], tap_out[ORRERY_NETS], audio_out[ORRERY_AUDIODEVS];
    struct profile *profile; /* or NULL */
    struct trace *trace;     /* or NULL */
    struct symbols *symbols; /* or NULL */
    struct kept_map *maps;
    const char *accel;
    bool no_reboot, keep_triple;
    FILE *log_resets; /* or NULL */
    char boot_order[4], boot_once[4];
    bool boot_any_floppy;
    const char *boot_wanted; /* the one to set at the next reset, NULL: it is set */
    bool reset_wanted, poweroff_wanted, exit_wanted, init_wanted;
    bool reset_from_outside; /* with reset_wanted: orrery_reset() */
    int exit_code;
    int control;                         /* journal channel of control.c */
    u32 pace;                            /* of orrery_set_pace(), now */
    u32 port_value;                      /* what was read last from outside */
    bool write_done;                     /* what was written last could be */
    u64 resets;                          /* so far, but for the one at power-on */
    u64 irq_count[BUS_GSIS];             /* rising edges, for people */
    u32 irq_level;                       /* what they rise from */
    struct drive_note drive[MAX_DRIVES]; /* media.c */
    unsigned drives;
    u64 idle_ticks;          /* ticks skipped while halted: virtual time that retired nothing */
    u64 idle_since;          /* the tick at which the last time of idling began ... */
    u64 idle_after;          /* ... after so many retired instructions */
    struct present *present; /* while there are snapshots: snapshot.c */
    char *config_text;
    char error[256];
};

/* -- chardevs.c -- */
bool chardevs_build(struct orrery *o, const struct orrery_config *c, char *err, size_t err_size);
void chardevs_describe(const struct orrery *o, FILE *out);
void chardevs_free(struct orrery *o); /* after the bus */

/* -- disks.c -- */
unsigned machine_drive_mode(const struct orrery_drive *d); /* enum blk_mode */
bool disks_build(struct orrery *o, const struct orrery_config *c, char *err, size_t err_size);
void disks_describe(const struct orrery *o, const struct orrery_config *c, FILE *out);
void disks_free(struct orrery *o); /* after the bus */

/* Calls fn for every disk and every medium in a drive. */
void machine_each_disk(struct orrery *o, void (*fn)(void *opaque, struct blk *b), void *opaque);

/* -- outlets.c: sinks that are silent while o->muted -- */
struct orrery_sink outlet_make(struct orrery *o, struct outlet *out,
                               const struct orrery_sink *sink);
void outlet_chardev(struct orrery *o, struct chardev *c, struct outlet *out,
                    const struct orrery_sink *sink);

/* -- machine.c -- */

/* orrery_run() to a tick; and letting at most so many ticks pass while it idles. */
enum orrery_stop machine_run_until(struct orrery *o, u64 end);
void machine_idle(struct orrery *o, u64 ticks);

/* -- wires.c -- */

/* The CPU's pins, for cpu_new(); and the bus's end of the wires. */
struct cpu_pins cpu_wires(struct orrery *o);
void bus_wires(struct orrery *o);

/* -- describe.c -- */

/* What a journal must agree with to be replayed, into o->config_text. False: no memory. */
bool describe(struct orrery *o, const struct orrery_config *c);
/* The same with the contents of all images: malloc'ed, or NULL and err. */
char *describe_run(struct orrery *o, char *err, size_t err_size);

/* -- history.c -- */

/* The next tick at which history_run() must be called, or CLOCK_NEVER without a history. */
u64 history_due(const struct orrery *o);
/* The machine stands there, and all that was due has been delivered. */
void history_run(struct orrery *o);
void history_free(struct orrery *o);
/* Somebody changes the machine on purpose: what is known of the future is dropped. False: in a
 * replay nothing can be changed; o->error says so. */
bool history_disturb(struct orrery *o);

/* -- breaks.c -- */

/* The log of resets, from report.c: registers before one. */
void report_reset(const struct orrery *o, FILE *out);

/* Has a break point been met in this run? */
bool breaks_met(const struct orrery *o);
/* None is met from now on, or all are again; none has been met. */
void breaks_ignore(struct orrery *o, bool ignore);
/* A run begins: the break point met last does not count. */
void breaks_pass(struct orrery *o);

/* -- nets.c -- */
bool nets_build(struct orrery *o, const struct orrery_config *c, char *err, size_t err_size);
void nets_free(struct orrery *o);

/* -- inspect_map.c -- */
void maps_free(struct orrery *o);

/* -- sound.c -- */

bool sound_build(struct orrery *o, const struct orrery_config *c, char *err, size_t size);
void sound_free(struct orrery *o);
/* Hands out what is due, before timers fire; the tick at which that is needed next, or CLOCK_NEVER.
 */
void sound_run(struct orrery *o);
u64 sound_tick(const struct orrery *o);
/* Time has jumped: what comes now begins there. */
void sound_seek(struct orrery *o);
/* All that is left. */
void sound_finish(struct orrery *o);

/* -- registers.c -- */

/* By its place in the list. False: it cannot be that, and is as it was. */
bool machine_set_register(struct orrery *o, unsigned reg, const u8 *value, size_t len);

/* -- control.c, media.c -- */

/* Gives the control channel a record, and it happens now. False: a replay cannot be changed. */
bool control_now(struct orrery *o, const void *record, size_t len);
void machine_add_control(struct orrery *o);
void machine_note_drives(struct orrery *o, const struct orrery_config *c);
void machine_forget_drives(struct orrery *o);
/* The n-th drive with removable media, NULL past the last; its present image is known anew. */
struct medium *machine_medium(struct orrery *o, unsigned n);
void machine_note_medium(struct orrery *o, const struct medium *m);

/* -- report.c -- */
void machine_hash_cpu(struct cpu *cpu, struct hash *h);
void machine_set_reg(struct orrery *o, unsigned reg, u64 value); /* orrery_set_reg() at its tick */

#endif
