/* What the ways to start without firmware share. */
#ifndef MACHINE_BOOT_H
#define MACHINE_BOOT_H

#include "cpu/state.h"

/* Types of ranges in the memory map of a PC BIOS (INT 15h, AX = E820h). */
enum { E820_RAM = 1, E820_RESERVED = 2 };

#define E820_ENTRY_SIZE 20
#define E820_MAX        8

struct e820_entry {
    u64 base, len;
    u32 type;
};

/* The map of a machine with ram_bytes of memory; returns the number of entries, at most E820_MAX.
 */
unsigned boot_memory_map(u64 ram_bytes, struct e820_entry map[E820_MAX]);
/* As it lies in memory: base, length, type, E820_ENTRY_SIZE bytes. */
void boot_store_e820(u8 *at, const struct e820_entry *e);

/* "WHAT 'PATH': WHY" in err; false. */
bool boot_refuse(char *err, size_t size, const char *what, const char *path, const char *why);

/* Reads a whole file into *data (malloc). An empty one is refused. */
bool boot_read_file(const char *what, const char *path, u8 **data, u64 *len, char *err,
                    size_t size);

/* A GDT for boot_enter_flat(): flat code at the selector cs, flat data at the next one. The Linux
 * protocol prescribes 10h; Multiboot nothing, but kernels without a GDT of their own rely on 08h.
 */
#define BOOT_GDT_SIZE 32
enum { BOOT_CS_MULTIBOOT = 0x08, BOOT_CS_LINUX = 0x10 };
void boot_store_gdt(u8 gdt[BOOT_GDT_SIZE], u16 cs);

/* After cpu_reset(): flat 32-bit protected mode, paging and interrupts off, at entry; the GDT of
 * boot_store_gdt() is at gdt. */
void boot_enter_flat(struct cpu *cpu, u32 gdt, u16 cs, u32 entry);

#endif
