/* What is noted of memory: which lines of it hold translated code, and which pages were written to
 * since somebody kept them. */
#include "mmu/phys_int.h"

#include <string.h>
#include <sys/mman.h>

#include "base/check.h"

#define LINE_BITS 6

void phys_set_code_listener(struct phys *p, const struct code_listener *l)
{
    p->listener = l ? *l : (struct code_listener){0};
}

/* The lines that len (> 0) bytes at pa touch in pa's page. */
static u64 lines_mask(paddr pa, u64 len)
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
            *lines_at(r, pa) |= lines_mask(pa, n);
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

bool phys_holds_code(const struct phys *p, paddr pa, u64 len)
{
    const struct code_listener *l = &p->listener;

    return (phys_code_lines(p, pa) & lines_mask(pa, len)) &&
           (!l->holds || l->holds(l->opaque, pa, len));
}

void phys_code_written(struct phys *p, paddr pa, u64 len)
{
    while (len) {
        u64 n = to_page_end(pa, len);

        if (p->listener.write && phys_holds_code(p, pa, n))
            p->listener.write(p->listener.opaque, pa, n);
        pa += n;
        len -= n;
    }
}

/* -- areas -- */

u8 *phys_track(struct phys *p, u8 *mem, u64 size)
{
    struct phys_area *a = &p->area[p->areas];
    u8 *clean = phys_map_zero(size >> PAGE_BITS), *sums = phys_map_zero((size >> PAGE_BITS) * 8);

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
