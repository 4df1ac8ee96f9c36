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

struct linux_image; /* machine/linux_boot.c */
struct profile;     /* machine/profile.c */
struct multiboot_image;
struct firmware;

#define MAX_DRIVES 6

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
    struct linux_image *kernel;        /* booted directly, or NULL */
    struct multiboot_image *multiboot; /* likewise */
    struct firmware *firmware;         /* -bios, or NULL */
    struct profile *profile;           /* or NULL */
    const char *accel;
    bool no_reboot;
    FILE *log_resets; /* or NULL */
    char boot_order[4], boot_once[4];
    const char *boot_wanted; /* the one to set at the next reset, NULL: it is set */
    bool reset_wanted, poweroff_wanted, exit_wanted, init_wanted;
    bool reset_from_outside; /* with reset_wanted: orrery_reset() */
    int exit_code;
    int control;                         /* journal channel of control.c */
    u32 port_value;                      /* what was read last from outside */
    bool poked;                          /* the last register written from outside has taken it */
    u64 resets;                          /* so far, but for the one at power-on */
    u64 irq_count[BUS_GSIS];             /* rising edges, for people */
    u32 irq_level;                       /* what they rise from */
    struct drive_note drive[MAX_DRIVES]; /* media.c */
    unsigned drives;
    u64 idle_ticks; /* ticks skipped while halted: virtual time that retired nothing */
    char *config_text;
    char error[256];
};

/* -- linux_boot.c: the 32-bit boot protocol (Documentation/arch/x86/boot.rst of Linux) -- */

/* Reads and checks kernel and initrd; NULL and err when missing or not a bzImage or too big for
 * ram_bytes. */
struct linux_image *linux_load(const char *kernel, const char *initrd, const char *append,
                               u64 ram_bytes, char *err, size_t err_size);
void linux_image_free(struct linux_image *img);
/* Copies the image into RAM and sets the CPU to its entry point. vga: there is a VGA, in text mode.
 */
void linux_boot(const struct linux_image *img, struct phys *phys, struct cpu *cpu, bool vga);
/* Hash of kernel, initrd and command line, for the journal's configuration. */
u64 linux_image_hash(const struct linux_image *img);
/* Offers kernel, initrd and command line to firmware, as items that refer to the image. */
void linux_add_items(const struct linux_image *img, struct dev *fw_cfg);

/* -- chardevs.c -- */
bool chardevs_build(struct orrery *o, const struct orrery_config *c, char *err, size_t err_size);
void chardevs_describe(const struct orrery *o, FILE *out);
void chardevs_free(struct orrery *o); /* after the bus */

/* -- disks.c -- */
unsigned machine_drive_mode(const struct orrery_drive *d); /* enum blk_mode */
bool disks_build(struct orrery *o, const struct orrery_config *c, char *err, size_t err_size);
void disks_describe(const struct orrery *o, const struct orrery_config *c, FILE *out);
void disks_free(struct orrery *o); /* after the bus */

/* -- wires.c -- */

/* The CPU's pins, for cpu_new(); and the bus's end of the wires. */
struct cpu_pins cpu_wires(struct orrery *o);
void bus_wires(struct orrery *o);

/* -- describe.c -- */

/* What a journal must agree with to be replayed, into o->config_text. False: no memory. */
bool describe(struct orrery *o, const struct orrery_config *c);

/* -- breaks.c -- */

/* The log of resets, from report.c: registers before one. */
void report_reset(const struct orrery *o, FILE *out);

/* Has a break point been met in this run? */
bool breaks_met(const struct orrery *o);
/* A run begins: the break point met last does not count. */
void breaks_pass(struct orrery *o);

/* -- nets.c -- */
bool nets_build(struct orrery *o, const struct orrery_config *c, char *err, size_t err_size);
void nets_free(struct orrery *o);

/* -- sound.c -- */

bool sound_build(struct orrery *o, const struct orrery_config *c, char *err, size_t size);
void sound_free(struct orrery *o);
/* Hands out what is due, before timers fire; the tick at which that is needed next, or CLOCK_NEVER.
 */
void sound_run(struct orrery *o);
u64 sound_tick(const struct orrery *o);
/* All that is left. */
void sound_finish(struct orrery *o);

/* -- registers.c -- */

/* By its place in the list. False: it cannot be that, and is as it was. */
bool machine_set_register(struct orrery *o, unsigned reg, const u8 *value, size_t len);

/* -- control.c, media.c -- */
void machine_add_control(struct orrery *o);
void machine_note_drives(struct orrery *o, const struct orrery_config *c);
void machine_forget_drives(struct orrery *o);

/* -- report.c -- */
void machine_hash_cpu(struct cpu *cpu, struct hash *h);

#endif
