/* The PC board: which devices there are and how they are wired. Nothing but wiring lives here. */
#ifndef DEVICES_BOARD_PC_H
#define DEVICES_BOARD_PC_H

#include "devices/core/bus.h"

struct board_pc {
    u64 ram_bytes;
    const char
        *hd[4];    /* raw disk images: primary master, slave, secondary master, slave; NULL: none */
    bool snapshot; /* their writes go to memory and are lost */
    bool vga;      /* there is a VGA */
    bool serial[4];    /* port n is there, on chardev "serial<n>" */
    bool debugcon;     /* on chardev "debugcon" */
    bool apic;         /* the CPU has a local APIC; then there is an I/O APIC, too */
    bool tsc_deadline; /* and its timer that mode */
    bool firmware;     /* there is some: it sets up the chip set and makes tables */
};

/* Creates all devices on the bus, and puts the firmware tables (ACPI) into memory. False and one
 * line in err. */
bool board_pc_build(struct bus *bus, const struct board_pc *config, char *err, size_t err_size);

/* Size of disk n in bytes, 0 if there is none. */
u64 board_pc_disk_bytes(struct bus *bus, unsigned n);

#endif
