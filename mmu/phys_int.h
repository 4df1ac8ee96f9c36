/* The inside of the physical address space, shared by phys*.c. */
#ifndef MMU_PHYS_INT_H
#define MMU_PHYS_INT_H

#include "mmu/phys.h"

#define LOW_PAGES  (1u << (32 - PAGE_BITS))
#define LOW_END    (1ull << 32)
#define HOLE_START 0xA0000u
#define HOLE_END   0x100000u
#define MAX_RAM    (0xE00ull << 20)
#define MAX_AREAS  16

enum { REGION_NONE, REGION_MAIN, REGION_SMRAM, REGION_FIRST, REGION_MAX = 256 };

/* Where SMRAM is, for whoever may see it: far beyond what a guest can address. */
#define SMRAM_ALIAS (1ull << 50)

struct region {
    paddr base;
    u64 size; /* 0: free slot */
    u64 seq;  /* order of adding */
    u8 *mem;  /* RAM or ROM; NULL: MMIO or nothing */
    u64 *lines;
    u8 *clean; /* of its area, from mem on; NULL: it is in none */
    bool writable;
    bool shared;        /* mem is the caller's */
    bool shadow;        /* mem and lines are main RAM's */
    struct phys *owner; /* of shadow RAM that is only written to */
    const struct mmio_ops *ops;
    void *opaque;
};

struct phys {
    u64 ram_size;
    u32 generation;
    u64 next_seq;
    unsigned smram; /* SMRAM_* */
    struct code_listener listener;
    struct phys_witness *witnesses;
    struct phys_area area[MAX_AREAS];
    unsigned areas;
    struct region region[REGION_MAX];
    u8 map[LOW_PAGES]; /* the region on top at each page */
};

/* Page-aligned, zero, and free of charge until touched; NULL: no memory. */
void *phys_map_zero(u64 size);
/* region_at() above 4 GiB. */
const struct region *phys_high_region(const struct phys *p, paddr pa);
/* What is at an offset in a region. */
u64 region_read(const struct region *r, u64 offset, unsigned size);

static inline bool in_region(const struct region *r, paddr pa)
{
    return pa - r->base < r->size;
}

static inline const struct region *region_at(const struct phys *p, paddr pa)
{
    if (__builtin_expect(pa < LOW_END, 1))
        return &p->region[p->map[pa >> PAGE_BITS]];
    return phys_high_region(p, pa);
}

static inline void touch(const struct region *r, paddr pa)
{
    if (r->clean)
        r->clean[(pa - r->base) >> PAGE_BITS] = 0;
}

static inline u64 *lines_at(const struct region *r, paddr pa)
{
    return &r->lines[(pa - r->base) >> PAGE_BITS];
}

static inline u64 to_page_end(paddr pa, u64 len)
{
    u64 n = PAGE_SIZE - (pa & PAGE_MASK);

    return n < len ? n : len;
}

#endif
