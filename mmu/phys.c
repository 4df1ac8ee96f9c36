/* The physical address space: main RAM, regions over it, code lines.
 *
 * Regions lie on top of one another in the order they were added; removing one uncovers what it
 * hid. Below 4 GiB a byte a page names the topmost region, so an access costs one table look-up;
 * above, where only a PSE-36 or PAE guest gets, the regions are searched. Region 0 is "nothing
 * there", region 1 is main RAM, which shows everywhere but at 0xA0000-0xFFFFF (the PC's hole for
 * video memory and ROMs). Code lines: one u64 a page beside each region's memory, bit n for
 * bytes 64n to 64n+63. */
#include "mmu/phys_int.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/check.h"
void *phys_map_zero(u64 size)
{
    void *m = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    return m == MAP_FAILED ? NULL : m;
}

static u64 lines_bytes(u64 size)
{
    return (size >> PAGE_BITS) * sizeof(u64);
}

/* Puts region i on the map within [start, end), both page multiples. */
static void paint(struct phys *p, unsigned i, paddr start, paddr end)
{
    const struct region *r = &p->region[i];
    paddr from = r->base > start ? r->base : start;
    paddr to = r->base + r->size < end ? r->base + r->size : end;

    if (to > LOW_END)
        to = LOW_END;
    if (from < to)
        memset(p->map + (from >> PAGE_BITS), (int)i, (to - from) >> PAGE_BITS);
}

/* Draws the map of [start, end) anew: main RAM, then every region in the order of adding. */
static void repaint(struct phys *p, paddr start, paddr end)
{
    u64 done = 0;

    paint(p, REGION_NONE, start, end);
    paint(p, REGION_MAIN, start, end < HOLE_START ? end : HOLE_START);
    paint(p, REGION_MAIN, start > HOLE_END ? start : HOLE_END, end);
    for (;;) {
        unsigned next = REGION_NONE;

        for (unsigned i = REGION_FIRST; i < REGION_MAX; i++) {
            const struct region *r = &p->region[i];
            if (r->size && r->seq > done && (!next || r->seq < p->region[next].seq))
                next = i;
        }
        if (!next)
            return;
        paint(p, next, start, end);
        done = p->region[next].seq;
    }
}

const struct region *phys_high_region(const struct phys *p, paddr pa)
{
    const struct region *top = &p->region[REGION_NONE];

    for (unsigned i = REGION_SMRAM; i < REGION_MAX; i++) {
        const struct region *r = &p->region[i];
        if (in_region(r, pa) && r->seq > top->seq)
            top = r;
    }
    return top;
}

struct phys *phys_new(u64 ram_size)
{
    struct phys *p = phys_map_zero(sizeof(*p));
    struct region *r;

    if (!p)
        return NULL;
    CHECK(ram_size >= HOLE_END && ram_size <= MAX_RAM && !(ram_size & PAGE_MASK), "RAM size %#llx",
          (unsigned long long)ram_size);
    p->ram_size = ram_size;
    p->next_seq = 1;
    p->generation = 1;
    p->region[REGION_NONE].size = LOW_END;
    r = &p->region[REGION_MAIN];
    *r = (struct region){.size = ram_size, .writable = true};
    r->mem = phys_map_zero(ram_size);
    r->lines = phys_map_zero(lines_bytes(ram_size));
    if (!r->mem || !r->lines) {
        phys_free(p);
        return NULL;
    }
    r->clean = phys_track(p, r->mem, ram_size);
    p->region[REGION_SMRAM] = (struct region){.base = SMRAM_ALIAS,
                                              .size = SMRAM_SIZE,
                                              .seq = p->next_seq++,
                                              .mem = r->mem + SMRAM_BASE,
                                              .lines = r->lines + (SMRAM_BASE >> PAGE_BITS),
                                              .clean = r->clean + (SMRAM_BASE >> PAGE_BITS),
                                              .writable = true};
    repaint(p, 0, ram_size);
    return p;
}

static void free_memory(struct phys *p, struct region *r)
{
    if (r->mem && !r->shared && !r->shadow) {
        if (r->clean)
            phys_untrack(p, r->mem);
        munmap(r->mem, r->size);
    }
    if (r->lines && !r->shadow)
        munmap(r->lines, lines_bytes(r->size));
    *r = (struct region){0};
}

void phys_free(struct phys *p)
{
    if (!p)
        return;
    p->region[REGION_SMRAM] = (struct region){0}; /* part of main RAM */
    for (unsigned i = REGION_MAIN; i < REGION_MAX; i++)
        free_memory(p, &p->region[i]);
    munmap(p, sizeof(*p));
}

/* Translations made from what is about to be hidden or to vanish die first. */
static void drop_code(struct phys *p, paddr base, u64 size)
{
    for (paddr pa = base; pa - base < size; pa += PAGE_SIZE)
        if (phys_code_lines(p, pa))
            phys_code_written(p, pa, PAGE_SIZE);
}

static struct region *add_region(struct phys *p, paddr base, u64 size)
{
    unsigned i = REGION_FIRST;

    CHECK(size && !((base | size) & PAGE_MASK) && base + size > base, "region %#llx size %#llx",
          (unsigned long long)base, (unsigned long long)size);
    while (i < REGION_MAX && p->region[i].size)
        i++;
    CHECK(i < REGION_MAX, "too many physical regions");
    drop_code(p, base, size);
    p->region[i] = (struct region){.base = base, .size = size, .seq = p->next_seq++};
    paint(p, i, base, base + size);
    p->generation++;
    return &p->region[i];
}

void phys_add_mmio(struct phys *p, paddr base, u64 size, const struct mmio_ops *ops, void *opaque)
{
    struct region *r;

    CHECK(ops->min_size && ops->min_size <= ops->max_size && ops->max_size <= 8 &&
              !(ops->min_size & (ops->min_size - 1)) && !(ops->max_size & (ops->max_size - 1)),
          "MMIO access sizes %u to %u", ops->min_size, ops->max_size);
    r = add_region(p, base, size);
    r->ops = ops;
    r->opaque = opaque;
}

static struct region *add_memory(struct phys *p, paddr base, u64 size)
{
    struct region *r = add_region(p, base, size);

    r->mem = phys_map_zero(size);
    r->lines = phys_map_zero(lines_bytes(size));
    CHECK(r->mem && r->lines, "no memory for a region of %#llx bytes", (unsigned long long)size);
    return r;
}

void phys_add_rom(struct phys *p, paddr base, u64 size, const void *data)
{
    memcpy(add_memory(p, base, size)->mem, data, size);
}

void phys_add_ram(struct phys *p, paddr base, u64 size)
{
    struct region *r = add_memory(p, base, size);

    r->writable = true;
    r->clean = phys_track(p, r->mem, size);
}

/* The marks of memory that may be in somebody's area. */
static u8 *clean_of(const struct phys *p, const u8 *mem)
{
    for (unsigned i = 0; i < p->areas; i++) {
        const struct phys_area *a = &p->area[i];
        u64 offset = (u64)((uintptr_t)mem - (uintptr_t)a->mem);
        if (a->mem && offset < a->size)
            return a->clean + (offset >> PAGE_BITS);
    }
    return NULL;
}

void phys_add_shared(struct phys *p, paddr base, u64 size, void *mem)
{
    struct region *r = add_region(p, base, size);

    r->mem = mem;
    r->lines = phys_map_zero(lines_bytes(size)); /* never marked */
    CHECK(r->lines, "no memory for a region of %#llx bytes", (unsigned long long)size);
    r->clean = clean_of(p, mem);
    r->writable = r->shared = true;
}

bool phys_is_shared(struct phys *p, paddr pa)
{
    return region_at(p, pa)->shared;
}

static void remove_region(struct phys *p, struct region *r)
{
    paddr base = r->base;
    u64 size = r->size;

    drop_code(p, base, size);
    free_memory(p, r);
    if (base < LOW_END)
        repaint(p, base, base + size);
    p->generation++;
}

static struct region *shared_region(struct phys *p, paddr base, const void *mem)
{
    for (unsigned i = REGION_FIRST; i < REGION_MAX; i++) {
        struct region *r = &p->region[i];
        if (r->size && r->shared && r->base == base && r->mem == mem)
            return r;
    }
    CHECK(false, "no shared memory at %#llx", (unsigned long long)base);
    return NULL;
}

void phys_remove_shared(struct phys *p, paddr base, const void *mem)
{
    remove_region(p, shared_region(p, base, mem));
}

void phys_switch_shared(struct phys *p, paddr base, const void *mem, void *other)
{
    struct region *r = shared_region(p, base, mem);

    r->mem = other;
    r->clean = clean_of(p, other);
    p->generation++;
}

void phys_remove_mmio(struct phys *p, paddr base, const struct mmio_ops *ops, const void *opaque)
{
    for (unsigned i = REGION_FIRST; i < REGION_MAX; i++) {
        struct region *r = &p->region[i];
        if (r->size && r->ops == ops && r->base == base && r->opaque == opaque) {
            remove_region(p, r);
            return;
        }
    }
    CHECK(false, "no registers at %#llx", (unsigned long long)base);
}

void phys_remove(struct phys *p, paddr base)
{
    struct region *r = NULL;

    for (unsigned i = REGION_FIRST; i < REGION_MAX; i++) {
        struct region *c = &p->region[i];
        if (c->size && !c->shared && !c->shadow && c->base == base && (!r || c->seq > r->seq))
            r = c;
    }
    CHECK(r, "no region at %#llx", (unsigned long long)base);
    remove_region(p, r);
}

void phys_set_smram(struct phys *p, unsigned how)
{
    if (how == p->smram)
        return;
    p->smram = how;
    p->generation++;
}

paddr phys_smram(const struct phys *p, paddr pa, bool smm, bool fetch)
{
    bool seen = p->smram & SMRAM_OPEN;

    if (smm)
        seen = seen || fetch || !(p->smram & SMRAM_CLOSED);
    return seen && (p->smram & SMRAM_ENABLED) ? pa - SMRAM_BASE + SMRAM_ALIAS : pa;
}

u32 phys_generation(const struct phys *p)
{
    return p->generation;
}

u64 phys_ram_size(const struct phys *p)
{
    return p->ram_size;
}

u8 *phys_ram(struct phys *p)
{
    return p->region[REGION_MAIN].mem;
}

u8 *phys_host(struct phys *p, paddr pa, bool write)
{
    const struct region *r = region_at(p, pa);

    if (!r->mem || (write && !r->writable))
        return NULL;
    return r->mem + ((pa - r->base) & ~(u64)PAGE_MASK);
}

bool phys_is_mmio(struct phys *p, paddr pa)
{
    return !region_at(p, pa)->mem;
}

bool phys_is_quiet(struct phys *p, paddr pa)
{
    const struct region *r = region_at(p, pa);

    return r->ops ? r->ops->quiet : !r->writable;
}

/* What a region covers at pa. */
static const struct region *below(const struct region *top, paddr pa)
{
    const struct region *found = &top->owner->region[REGION_NONE];

    for (unsigned i = REGION_FIRST; i < REGION_MAX; i++) {
        const struct region *r = &top->owner->region[i];
        if (r->size && in_region(r, pa) && r->seq < top->seq && r->seq > found->seq)
            found = r;
    }
    return found;
}

/* -- shadow RAM that is only written to: its region is a device whose opaque is the region -- */

static u64 covered_read(void *opaque, u64 addr, unsigned size)
{
    const struct region *top = opaque, *r = below(top, top->base + addr);

    return region_read(r, top->base + addr - r->base, size);
}

static void covering_write(void *opaque, u64 addr, unsigned size, u64 value)
{
    const struct region *top = opaque;
    touch(&top->owner->region[REGION_MAIN], top->base + addr);
    store_le(phys_ram(top->owner) + top->base + addr, size, value);
}

static struct region *find_shadow(struct phys *p, paddr base)
{
    for (unsigned i = REGION_FIRST; i < REGION_MAX; i++) {
        struct region *r = &p->region[i];
        if (r->size && r->shadow && r->base == base)
            return r;
    }
    return NULL;
}

void phys_set_shadow(struct phys *p, paddr base, u64 size, unsigned how)
{
    static const struct mmio_ops write_only = {covered_read, covering_write, 1, 8};
    struct region *main = &p->region[REGION_MAIN], *r = find_shadow(p, base);

    CHECK(base >= HOLE_START && base + size <= HOLE_END, "shadow RAM at %#llx",
          (unsigned long long)base);
    if (r)
        remove_region(p, r);
    if (!how)
        return;
    r = add_region(p, base, size);
    r->shadow = true;
    if (how & SHADOW_READ) {
        r->mem = main->mem + base;
        r->lines = main->lines + (base >> PAGE_BITS);
        r->clean = main->clean + (base >> PAGE_BITS);
        r->writable = how & SHADOW_WRITE;
    } else {
        r->owner = p;
        r->ops = &write_only;
        r->opaque = r;
    }
}

u64 phys_ram_touched(const struct phys *p)
{
    u64 page = (u64)sysconf(_SC_PAGESIZE), pages = (p->ram_size + page - 1) / page, touched = 0;
    /* The kernel below an emulator of processes may know smaller pages, and fill in more of it. */
    unsigned char *resident = malloc(p->ram_size / PAGE_SIZE + 1);

    if (resident && !mincore(p->region[REGION_MAIN].mem, p->ram_size, resident)) {
        for (u64 i = 0; i < pages; i++)
            touched += (resident[i] & 1) * page;
    }
    free(resident);
    return touched;
}

static int by_base(const void *a, const void *b)
{
    const struct phys_region *x = a, *y = b;

    if (x->base != y->base)
        return x->base < y->base ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

unsigned phys_regions(const struct phys *p, struct phys_region *out, unsigned max)
{
    unsigned n = 0;

    for (unsigned i = REGION_MAIN; i < REGION_MAX && n < max; i++) {
        const struct region *r = &p->region[i];
        if (!r->size || i == REGION_SMRAM)
            continue;
        out[n++] = (struct phys_region){
            .base = r->base,
            .size = r->size,
            .order = r->seq,
            .kind = !r->mem       ? PHYS_MMIO
                    : r->writable ? PHYS_RAM
                                  : PHYS_ROM,
            .main = i == REGION_MAIN,
            .mem = r->mem,
            .opaque = r->opaque,
        };
    }
    qsort(out, n, sizeof(*out), by_base);
    return n;
}
