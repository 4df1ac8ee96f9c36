/* The physical address space: RAM, ROM and MMIO regions, and which RAM lines hold translated code.
 * Knows nothing of CPUs or devices. */
#ifndef MMU_PHYS_H
#define MMU_PHYS_H

#include "base/types.h"

struct phys;

/* An MMIO region's handlers. addr is the offset in the region; size is within [min_size, max_size]
 * (1, 2, 4 or 8) and addr a multiple of it: phys splits others, and widens what is below min_size
 * (a write then reads the bytes around it first). Little-endian values. Quiet handlers look at no
 * clock and change nothing but what they return later: no line, no region, no memory. Translated
 * code goes on behind such an access. */
struct mmio_ops {
    u64 (*read)(void *opaque, u64 addr, unsigned size);
    void (*write)(void *opaque, u64 addr, unsigned size, u64 value);
    u8 min_size, max_size;
    bool quiet;
    u8 (*peek)(void *opaque, u64 addr); /* for people: changes nothing. May be NULL */
};

/* RAM of ram_size bytes at physical 0 (1 MiB to 3.5 GiB, a multiple of 4 KiB; 0xA0000-0xFFFFF is
 * carved out as unmapped until regions are added there). Demand-zero. NULL when the host refuses.
 */
struct phys *phys_new(u64 ram_size);
void phys_free(struct phys *p);

/* Adds a region over whatever was there; base and size are page multiples. The latest one added
 * wins. phys_add_rom copies data (of size bytes); writes to it are ignored. phys_add_ram makes
 * writable RAM (e.g. shadowed BIOS area) of its own. phys_remove unmaps what was last added at
 * base: what it covered shows again. Each of them reports the code lines of its range to the
 * listener and changes phys_generation(), by which mmu_translate() knows to flush; a caller that
 * lets translated code go on must flush TLBs at once. */
void phys_add_mmio(struct phys *p, paddr base, u64 size, const struct mmio_ops *ops, void *opaque);
void phys_add_rom(struct phys *p, paddr base, u64 size, const void *data);
void phys_add_ram(struct phys *p, paddr base, u64 size);
void phys_remove(struct phys *p, paddr base);

/* Removes what phys_add_mmio() added with the same ops and opaque, whatever else is at base. */
void phys_remove_mmio(struct phys *p, paddr base, const struct mmio_ops *ops, const void *opaque);

/* Adds RAM that belongs to the caller (video memory), which must outlive the region; the same
 * memory may show at several places. It is hashed if its owner has it tracked (phys_track()). Code
 * is fetched from it byte by byte and never kept, so writes by whatever way need no tracking.
 * phys_remove_shared() removes the region that shows mem at base. */
void phys_add_shared(struct phys *p, paddr base, u64 size, void *mem);
void phys_remove_shared(struct phys *p, paddr base, const void *mem);
/* Shows other memory of the caller's where mem was: the cheap way for banks. */
void phys_switch_shared(struct phys *p, paddr base, const void *mem, void *other);
bool phys_is_shared(struct phys *p, paddr pa);

/* Shadow RAM: shows the RAM behind 0xC0000-0xFFFFF in [base, base + size), page multiples, over
 * what was there. SHADOW_READ: reads go to that RAM, else to what it covers; SHADOW_WRITE likewise
 * for writes. 0 ends it. base and size are the same in every call for an area. */
enum { SHADOW_READ = 1, SHADOW_WRITE = 2 };
void phys_set_shadow(struct phys *p, paddr base, u64 size, unsigned how);

u32 phys_generation(const struct phys *p);

u64 phys_ram_size(const struct phys *p);
u8 *phys_ram(struct phys *p); /* the RAM array itself, for hashing and loaders */

/* Host address of the start of pa's page if it is memory that can be accessed directly (for write:
 * RAM, not ROM), else NULL. Code tracking is the caller's business. */
u8 *phys_host(struct phys *p, paddr pa, bool write);

/* SMRAM: the RAM behind the legacy video memory, which the host bridge shows to CPUs in SMM, or to
 * all while it is open; if closed, in SMM to instruction fetches only (290549, 3.2.21).
 * phys_smram() takes an address in [SMRAM_BASE, SMRAM_BASE + SMRAM_SIZE) and returns another one
 * for that RAM if the access goes there. Changing it changes phys_generation(). */
#define SMRAM_BASE 0xa0000u
#define SMRAM_SIZE 0x20000u
enum { SMRAM_ENABLED = 1, SMRAM_OPEN = 2, SMRAM_CLOSED = 4 };
void phys_set_smram(struct phys *p, unsigned how);
paddr phys_smram(const struct phys *p, paddr pa, bool smm, bool fetch);

/* One access of 1, 2, 4 or 8 bytes that does not cross a page; unmapped reads are all ones. Writes
 * to RAM report to the code listener first. */
u64 phys_read(struct phys *p, paddr pa, unsigned size);
void phys_write(struct phys *p, paddr pa, unsigned size, u64 value);
bool phys_is_mmio(struct phys *p, paddr pa);  /* no memory there: a device, or nothing */
bool phys_is_quiet(struct phys *p, paddr pa); /* nothing there, ROM, or a quiet device */
/* A byte as people see it: nothing changes by looking. Devices that do not say show ones. */
u8 phys_peek(struct phys *p, paddr pa);

/* Every region in order of addresses, what is hidden by others included. */
enum phys_kind { PHYS_RAM, PHYS_ROM, PHYS_MMIO };
struct phys_region {
    paddr base;
    u64 size;
    u64 order; /* a higher one hides lower ones */
    enum phys_kind kind;
    bool main;          /* RAM that the machine has been built with */
    const void *mem;    /* RAM, ROM */
    const void *opaque; /* MMIO: of its handlers */
};
unsigned phys_regions(const struct phys *p, struct phys_region *out, unsigned max);

/* DMA: memory only, never a device register; bytes outside memory read as ones, bytes outside RAM
 * are dropped on write. Returns false if any byte was. */
bool phys_dma_read(struct phys *p, paddr pa, void *buf, u64 len);
bool phys_dma_write(struct phys *p, paddr pa, const void *buf, u64 len);

/* Code tracking, by 64-byte lines of RAM and ROM pages. The translator marks lines; a write (by
 * phys_write, DMA, or the TLB's slow path) that touches a marked line calls the listener before it
 * happens, unless that knows better (holds): data beside code is written often. */
struct code_listener {
    void (*write)(void *opaque, paddr pa, u64 len); /* must unmark what it invalidates */
    void *opaque;
    /* Is any of the bytes, of one page with a marked line among them, code? May be NULL: all are */
    bool (*holds)(void *opaque, paddr pa, u64 len);
};
void phys_set_code_listener(struct phys *p, const struct code_listener *l); /* NULL: none */
void phys_mark_code(struct phys *p, paddr pa, unsigned len);
void phys_set_code_lines(struct phys *p, paddr page, u64 lines); /* replaces the page's mask */
u64 phys_code_lines(const struct phys *p, paddr pa);           /* mask of the page, bit n: line n */
bool phys_holds_code(const struct phys *p, paddr pa, u64 len); /* translated; [pa, pa + len) is in
                                                                  one page */
void phys_code_written(struct phys *p, paddr pa, u64 len);     /* call before a direct host write */

/* Whoever wants to know of accesses that do not come by a linear address: DMA, and the CPU's own of
 * tables by physical address. A write is told before it happens; buf: the bytes. The witness must
 * not change anything. */
enum phys_who { PHYS_DMA, PHYS_WALK, PHYS_CPU };
struct phys_witness {
    void (*access)(void *opaque, enum phys_who who, paddr pa, const void *buf, u64 len, bool write);
    void *opaque;
    struct phys_witness *next; /* the list's */
};
/* The caller's, until it is removed; which may be none of the list. */
void phys_add_witness(struct phys *p, struct phys_witness *w);
void phys_remove_witness(struct phys *p, struct phys_witness *w);
/* phys_write() of 1, 2, 4 or 8 bytes to memory that the CPU does by itself, told of. */
void phys_write_as(struct phys *p, enum phys_who who, paddr pa, unsigned size, u64 value);
/* Areas: memory that a guest writes to, with a mark for each page that says whether it may differ
 * from what somebody has kept of it. Area 0 is main RAM; others are those of phys_add_ram() and
 * what its owner names. All pages are not clean until somebody marks them; who does must see to it
 * that no TLB entry grants writing (mmu_cached()). Whoever writes to memory by other ways than
 * phys_write(), phys_dma_write() and mmu_translate() tells phys_touch() before it, or stores 0 in
 * the mark itself. */
struct phys_area {
    u8 *mem; /* NULL: there is no such area any more */
    u64 size;
    u8 *clean; /* by page: PHYS_*, or 0 once it was written to */
    u8 *sums;  /* page_hash.c */
};
/* Who has kept something of a page that has not been written to since: snapshots its contents, the
 * state hash its hash. */
enum { PHYS_KEPT = 1, PHYS_HASHED = 2 };
/* The caller's memory, of page multiples, which phys_add_shared() may show. phys_untrack() before
 * it goes. Returns its marks. */
u8 *phys_track(struct phys *p, u8 *mem, u64 size);
void phys_untrack(struct phys *p, const u8 *mem);
unsigned phys_areas(const struct phys *p);
const struct phys_area *phys_area(const struct phys *p, unsigned n);
/* Gives a page of area n other contents, PAGE_SIZE bytes (NULL: zeros), and drops translations made
 * from what changes. */
void phys_area_replace(struct phys *p, unsigned n, u64 page, const u8 *data);

/* Appends all areas. From now on no TLB entry may grant writing but by mmu_translate(). */
struct hash;
void phys_hash_areas(struct phys *p, struct hash *h);

bool phys_is_clean(const struct phys *p, paddr pa);
void phys_touch(struct phys *p, paddr pa);

/* Where the guest sees a host address of its memory (or one of the places), as phys_host() takes
 * it. False: nowhere. */
bool phys_address(const struct phys *p, const u8 *host, paddr *pa);

/* Bytes of main RAM that are resident on the host; 0 if it cannot say. Pages that were only read
 * count, too: ask before phys_hash_areas(). */
u64 phys_ram_touched(const struct phys *p);

#endif
