/* What the power-on code finds out and the real-mode services tell. The variables live in segment
 * E000; linear code sees them through SHARED(). */
#ifndef BIOS_SHARED_H
#define BIOS_SHARED_H

#include "base/types.h"

enum memory_type { MEMORY_RAM = 1, MEMORY_RESERVED = 2, MEMORY_ACPI = 3, MEMORY_NVS = 4 };

struct memory_range {
    u64 base, len;
    u32 type;
} __attribute__((packed));

#define MAX_RANGES 16

/* A ROM to run: of a PCI function. */
struct rom {
    u16 seg;
    u16 function; /* bus and devfn */
};

#define MAX_ROMS 8

struct shared {
    struct memory_range memory[MAX_RANGES];
    u32 ranges;
    u32 ram_end;  /* of the RAM below 4 GiB */
    u32 low_used; /* end of tables in segment F000, an offset */
    struct rom roms[MAX_ROMS];
    u32 rom_count;
    u16 first_rom;    /* segment of the one that is to be booted first; 0: none */
    u16 boot_menu;    /* ask for F12 */
    u16 menu_wait;    /* ms */
    u16 apm16, apm32; /* entries, offsets in segment E000 */
    u32 pci32;        /* entry of the PCI BIOS, linear */
    u16 routing;      /* the $PIR table, an offset in segment F000; 0: none */
    u8 last_bus;
    bool firmware_config;
};

extern struct shared shared;

/* Entry of the power-on code (post/setup.c), called from real mode; returns nothing of use. */
u32 post_setup(u32 unused);
/* Ends writing to the shadow RAM but for our variables. */
u32 post_lock(u32 unused);
u32 call32(u32 (*function)(u32), u32 argument);

#endif
