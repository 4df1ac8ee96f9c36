/* The PC board: which devices there are and how they are wired. Nothing but wiring lives here. */
#ifndef DEVICES_BOARD_PC_H
#define DEVICES_BOARD_PC_H

#include "devices/core/bus.h"

/* A disk if it has a file, or a CD-ROM or floppy drive, empty without one; otherwise nothing. */
struct board_drive {
    const char *file; /* raw image */
    bool cdrom, floppy;
    unsigned mode; /* of a disk or floppy drive: enum blk_mode */
    /* Of a CD-ROM or floppy drive, for changing media; NULL: ide0-cd0 ... ide1-cd1, floppy0 ... */
    const char *name;
};

struct board_pc {
    u64 ram_bytes;
    struct board_drive ide[4];    /* primary master, slave, secondary master, slave */
    struct board_drive floppy[2]; /* A, B */
    bool vga;                     /* there is a VGA */
    bool serial[4];               /* port n is there, on chardev "serial<n>" */
    bool parallel;                /* a printer port, on chardev "parallel0" */
    bool debugcon;                /* on chardev "debugcon" */
    const char *speaker;          /* audiodev that the loudspeaker is heard on, or NULL */
    bool apic;                    /* the CPU has a local APIC; then there is an I/O APIC, too */
    bool tsc_deadline;            /* and its timer that mode */
    bool boot_menu;               /* it asks what to boot */
    u16 boot_menu_ms;             /* for so long; 0: as it likes */
};

/* Creates all devices on the bus. False and one line in err. */
bool board_pc_build(struct bus *bus, const struct board_pc *config, char *err, size_t err_size);

/* After the last device was added: offers the tables that describe the board to firmware. */
void board_pc_finish(struct bus *bus, const struct board_pc *config);

/* What firmware boots from, up to three of the letters a and b (floppy), c (disk), d (CD-ROM), n
 * (network); any_floppy: also diskettes without a boot signature. */
void board_pc_set_boot_order(struct bus *bus, const char *order, bool any_floppy);

/* The disk or disc in IDE drive n, and the medium in floppy drive n; NULL if there is none. */
struct blk *board_pc_disk(struct bus *bus, unsigned n);
struct blk *board_pc_floppy(struct bus *bus, unsigned n);

#endif
