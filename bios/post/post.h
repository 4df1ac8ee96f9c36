/* Power-on code: 32 bits, flat, interrupts off, no BIOS services. */
#ifndef BIOS_POST_H
#define BIOS_POST_H

#include "bios/bios.h"
#include "bios/shared.h"

extern struct shared shared_flat; /* the same variable by its linear address: bios.ld */
#define SHARED (&shared_flat)

void *memcpy(void *to, const void *from, size_t len);
void *memset(void *to, int byte, size_t len);
int memcmp(const void *a, const void *b, size_t len);
size_t strlen(const char *s);
u8 sum(const void *data, u32 len);

/* Text to the debug port; %s %u %x. */
void debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* fwcfg.c: the configuration device. */
bool fwcfg_present(void);
bool fwcfg_item(u16 key, void *to, u32 len);
#define FWCFG_NAME 56
struct fwcfg_file {
    u32 len;
    u16 key;
    char name[FWCFG_NAME];
};
/* A file by name, or the n-th one; false: there is none. */
bool fwcfg_find(const char *name, struct fwcfg_file *f);
bool fwcfg_entry(u32 n, struct fwcfg_file *f);
u32 fwcfg_number(const char *name, u32 otherwise);

/* pci.c */
u32 pci_read(u16 function, u8 reg, unsigned size);
void pci_write(u16 function, u8 reg, unsigned size, u32 value);
void pci_setup(void);
/* Shows a function's expansion ROM; its address, 0: it has none. */
u32 pci_map_rom(u16 function);
void pci_unmap_rom(u16 function);
/* Calls fn for every function of every bus. */
void pci_each(void (*fn)(u16 function, void *opaque), void *opaque);

/* memory.c */
void memory_setup(void);
/* RAM for tables: at the top below 4 GiB, or in segment F000, where old software looks. 0: full. */
enum zone { ZONE_HIGH = 1, ZONE_LOW = 2 };
u32 allocate(enum zone zone, u32 size, u32 align);
void memory_finish(void);

/* tables.c */
void tables_setup(void);
/* mtrr.c: types of memory, where the CPU has such registers */
void mtrr_setup(void);
/* mptable.c, pirq.c */
void mptable_setup(void);
void pirq_setup(void);
/* directory.c */
void directory_setup(void);
/* roms.c */
void roms_setup(void);

#endif
