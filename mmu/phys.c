/* The physical address space: main RAM, regions over it, code lines.
 *
 * Regions lie on top of one another in the order they were added; removing one uncovers what it
 * hid. Below 4 GiB a byte a page names the topmost region, so an access costs one table look-up;
 * above, where only a PSE-36 or PAE guest gets, the regions are searched. Region 0 is "nothing
 * there", region 1 is main RAM, which shows everywhere but at 0xA0000-0xFFFFF (the PC's hole for
 * video memory and ROMs). Code lines: one u64 a page beside each region's memory, bit n for
 * bytes 64n to 64n+63. */
#include "mmu/phys.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/check.h"

#define LOW_PAGES  (1u << (32 - PAGE_BITS))
#define LOW_END    (1ull << 32)
#define HOLE_START 0xA0000u
#define HOLE_END   0x100000u
#define MAX_RAM    (0xE00ull << 20)
#define LINE_BITS  6
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

/* Page-aligned, zero, and free of charge until touched. */
static void *map_zero(u64 size)
{
    void *m = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    return m == MAP_FAILED ? NULL : m;
}

static u64 lines_bytes(u64 size)
{
    return (size >> PAGE_BITS) * sizeof(u64);
}

static inline bool in_region(const struct region *r, paddr pa)
{
    return pa - r->base < r->size;
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

static const struct region *high_region(const struct phys *p, paddr pa)
{
    const struct region *top = &p->region[REGION_NONE];

    for (unsigned i = REGION_SMRAM; i < REGION_MAX; i++) {
        const struct region *r = &p->region[i];
        if (in_region(r, pa) && r->seq > top->seq)
            top = r;
    }
    return top;
}

static inline const struct region *region_at(const struct phys *p, paddr pa)
{
    if (__builtin_expect(pa < LOW_END, 1))
        return &p->region[p->map[pa >> PAGE_BITS]];
    return high_region(p, pa);
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

struct phys *phys_new(u64 ram_size)
{
    struct phys *p = map_zero(sizeof(*p));
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
    r->mem = map_zero(ram_size);
    r->lines = map_zero(lines_bytes(ram_size));
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

    r->mem = map_zero(size);
    r->lines = map_zero(lines_bytes(size));
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
    r->lines = map_zero(lines_bytes(size)); /* never marked */
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

/* One device access of a wider one: `size` bytes at addr, of which the first `used` from `skip`
 * on count. */
struct piece {
    u64 addr;
    unsigned size, skip, used;
};

/* The next access for the bytes [addr, addr + left): the largest the device takes that is
 * naturally aligned; when even its smallest is larger than what is left, the aligned one that
 * contains addr. */
static struct piece next_piece(const struct mmio_ops *ops, u64 addr, unsigned left)
{
    struct piece c = {.addr = addr, .size = left, .used = left};

    /* Mostly it is one access as it stands. */
    if (left >= ops->min_size && left <= ops->max_size && !(left & (left - 1)) &&
        !(addr & (left - 1)))
        return c;
    c.size = ops->max_size;
    while (c.size > ops->min_size && (c.size > left || (addr & (c.size - 1))))
        c.size >>= 1;
    c.skip = (unsigned)(addr & (c.size - 1));
    c.addr = addr - c.skip;
    c.used = c.size - c.skip < left ? c.size - c.skip : left;
    return c;
}

static u64 low_bytes(unsigned n)
{
    return n >= 8 ? ~0ull : (1ull << (8 * n)) - 1;
}

static u64 mmio_read(const struct region *r, u64 addr, unsigned size)
{
    const struct mmio_ops *ops = r->ops; /* the handler may remove its own region */
    void *opaque = r->opaque;
    u64 value = 0;

    for (unsigned done = 0; done < size;) {
        struct piece c = next_piece(ops, addr + done, size - done);
        u64 v = ops->read(opaque, c.addr, c.size) >> (8 * c.skip);

        value |= (v & low_bytes(c.used)) << (8 * done);
        done += c.used;
    }
    return value;
}

static void mmio_write(const struct region *r, u64 addr, unsigned size, u64 value)
{
    const struct mmio_ops *ops = r->ops;
    void *opaque = r->opaque;

    for (unsigned done = 0; done < size;) {
        struct piece c = next_piece(ops, addr + done, size - done);
        u64 v = (value >> (8 * done)) & low_bytes(c.used);

        if (c.used < c.size) {
            u64 old = ops->read(opaque, c.addr, c.size) & low_bytes(c.size);
            v = (old & ~(low_bytes(c.used) << (8 * c.skip))) | v << (8 * c.skip);
        }
        ops->write(opaque, c.addr, c.size, v);
        done += c.used;
    }
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
    u64 offset = top->base + addr - r->base;

    if (r->mem)
        return load_le(r->mem + offset, size);
    return r->ops ? mmio_read(r, offset, size) : low_bytes(size);
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

u64 phys_read(struct phys *p, paddr pa, unsigned size)
{
    const struct region *r = region_at(p, pa);

    if (__builtin_expect(r->mem != NULL, 1))
        return load_le(r->mem + (pa - r->base), size);
    return r->ops ? mmio_read(r, pa - r->base, size) : low_bytes(size);
}

u8 phys_peek(struct phys *p, paddr pa)
{
    const struct region *r = region_at(p, pa);

    if (r->mem)
        return r->mem[pa - r->base];
    return r->ops && r->ops->peek ? r->ops->peek(r->opaque, pa - r->base) : 0xff;
}

void phys_write(struct phys *p, paddr pa, unsigned size, u64 value)
{
    const struct region *r = region_at(p, pa);

    if (r->writable) {
        if (__builtin_expect(*lines_at(r, pa) != 0, 0))
            phys_code_written(p, pa, size);
        touch(r, pa);
        store_le(r->mem + (pa - r->base), size, value);
    } else if (r->ops) {
        mmio_write(r, pa - r->base, size, value);
    }
}

static void tell(struct phys *p, enum phys_who who, paddr pa, const void *buf, u64 len, bool write)
{
    for (struct phys_witness *w = p->witnesses; w; w = w->next)
        w->access(w->opaque, who, pa, buf, len, write);
}

void phys_add_witness(struct phys *p, struct phys_witness *w)
{
    w->next = p->witnesses;
    p->witnesses = w;
}

void phys_remove_witness(struct phys *p, struct phys_witness *w)
{
    struct phys_witness **at = &p->witnesses;

    while (*at && *at != w)
        at = &(*at)->next;
    if (*at)
        *at = w->next;
}

void phys_write_as(struct phys *p, enum phys_who who, paddr pa, unsigned size, u64 value)
{
    u8 bytes[8];

    if (p->witnesses && region_at(p, pa)->writable) {
        store_le(bytes, size, value);
        tell(p, who, pa, bytes, size, true);
    }
    phys_write(p, pa, size, value);
}

static u64 to_page_end(paddr pa, u64 len)
{
    u64 n = PAGE_SIZE - (pa & PAGE_MASK);

    return n < len ? n : len;
}

bool phys_dma_read(struct phys *p, paddr pa, void *buf, u64 len)
{
    u8 *out = buf;
    bool all = true;

    while (len) {
        u64 n = to_page_end(pa, len);
        const u8 *host = phys_host(p, pa, false);

        if (host) {
            memcpy(out, host + (pa & PAGE_MASK), n);
            tell(p, PHYS_DMA, pa, out, n, false);
        } else {
            memset(out, 0xff, n);
            all = false;
        }
        pa += n;
        out += n;
        len -= n;
    }
    return all;
}

bool phys_dma_write(struct phys *p, paddr pa, const void *buf, u64 len)
{
    const u8 *in = buf;
    bool all = true;

    while (len) {
        u64 n = to_page_end(pa, len);
        u8 *host = phys_host(p, pa, true);

        if (host) {
            tell(p, PHYS_DMA, pa, in, n, true);
            phys_code_written(p, pa, n);
            phys_touch(p, pa);
            memcpy(host + (pa & PAGE_MASK), in, n);
        } else {
            all = false;
        }
        pa += n;
        in += n;
        len -= n;
    }
    return all;
}

void phys_set_code_listener(struct phys *p, const struct code_listener *l)
{
    p->listener = l ? *l : (struct code_listener){0};
}

u64 phys_lines_mask(paddr pa, u64 len)
{
    unsigned first = (unsigned)(pa & PAGE_MASK) >> LINE_BITS;
    unsigned last = (unsigned)((pa & PAGE_MASK) + to_page_end(pa, len) - 1) >> LINE_BITS;

    return (~0ull << first) & (~0ull >> (63 - last));
}

void phys_mark_code(struct phys *p, paddr pa, unsigned len)
{
    for (u64 left = len; left;) {
        u64 n = to_page_end(pa, left);
        const struct region *r = region_at(p, pa);

        if (r->lines)
            *lines_at(r, pa) |= phys_lines_mask(pa, n);
        pa += n;
        left -= n;
    }
}

void phys_set_code_lines(struct phys *p, paddr page, u64 lines)
{
    const struct region *r = region_at(p, page);

    if (r->lines)
        *lines_at(r, page) = lines;
}

u64 phys_code_lines(const struct phys *p, paddr pa)
{
    const struct region *r = region_at(p, pa);

    return r->lines ? *lines_at(r, pa) : 0;
}

void phys_code_written(struct phys *p, paddr pa, u64 len)
{
    while (len) {
        u64 n = to_page_end(pa, len);

        if ((phys_code_lines(p, pa) & phys_lines_mask(pa, n)) && p->listener.write)
            p->listener.write(p->listener.opaque, pa, n);
        pa += n;
        len -= n;
    }
}

/* -- areas -- */

u8 *phys_track(struct phys *p, u8 *mem, u64 size)
{
    struct phys_area *a = &p->area[p->areas];
    u8 *clean = map_zero(size >> PAGE_BITS), *sums = map_zero((size >> PAGE_BITS) * 8);

    CHECK(p->areas < MAX_AREAS && clean && sums, "no room for %#llx bytes of memory",
          (unsigned long long)size);
    *a = (struct phys_area){mem, size, clean, sums};
    p->areas++;
    return clean;
}

void phys_untrack(struct phys *p, const u8 *mem)
{
    for (unsigned i = 0; i < p->areas; i++) {
        struct phys_area *a = &p->area[i];
        if (a->mem == mem) {
            munmap(a->clean, a->size >> PAGE_BITS);
            munmap(a->sums, (a->size >> PAGE_BITS) * 8);
            *a = (struct phys_area){0};
        }
    }
    while (p->areas && !p->area[p->areas - 1].mem)
        p->areas--;
}

unsigned phys_areas(const struct phys *p)
{
    return p->areas;
}

const struct phys_area *phys_area(const struct phys *p, unsigned n)
{
    return &p->area[n];
}

bool phys_is_clean(const struct phys *p, paddr pa)
{
    const struct region *r = region_at(p, pa);

    return r->clean && r->clean[(pa - r->base) >> PAGE_BITS];
}

void phys_touch(struct phys *p, paddr pa)
{
    touch(region_at(p, pa), pa);
}

bool phys_address(const struct phys *p, const u8 *host, paddr *pa)
{
    for (unsigned i = REGION_MAIN; i < REGION_MAX; i++) {
        const struct region *r = &p->region[i];
        u64 offset = (u64)((uintptr_t)host - (uintptr_t)r->mem);
        if (!r->mem || offset >= r->size || region_at(p, r->base + offset) != r)
            continue;
        *pa = r->base + offset;
        return true;
    }
    return false;
}

/* Code is kept by the address at which it is seen; what is seen nowhere has none. */
static void drop_changed_code(struct phys *p, const u8 *mem, const u8 *data)
{
    paddr pa;
    u64 lines = phys_address(p, mem, &pa) ? phys_code_lines(p, pa) : 0;

    while (lines) {
        unsigned line = (unsigned)__builtin_ctzll(lines), at = line << LINE_BITS;
        lines &= lines - 1;
        if (memcmp(mem + at, data + at, 1u << LINE_BITS))
            phys_code_written(p, pa + at, 1u << LINE_BITS);
    }
}

void phys_area_replace(struct phys *p, unsigned n, u64 page, const u8 *data)
{
    static const u8 zeros[PAGE_SIZE];
    u8 *mem = p->area[n].mem + (page << PAGE_BITS);

    data = data ? data : zeros;
    if (!memcmp(mem, data, PAGE_SIZE))
        return;
    drop_changed_code(p, mem, data);
    memcpy(mem, data, PAGE_SIZE);
    p->area[n].clean[page] = 0;
}

u64 phys_ram_touched(const struct phys *p)
{
    u64 page = (u64)sysconf(_SC_PAGESIZE), pages = (p->ram_size + page - 1) / page, touched = 0;
    unsigned char *resident = malloc(pages);

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
