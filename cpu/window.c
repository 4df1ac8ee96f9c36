/* Windows of segments: their making, and accesses that miss them.
 *
 * A window never shows more than the TLB entries behind it, so whatever changes those drops it
 * (mmu/tlb.c); what changes the segment drops it here. Pages not touched yet are taken in when that
 * changes nothing in memory. Both back ends look into the same windows and make them by the same
 * functions, so that the TLB is filled alike. Segment checks: SDM 3A, 5.3. */
#include "cpu/window.h"

#include "cpu/cpuid.h"
#include "cpu/mem.h"

/* Offsets beyond this are not worth a window: code that uses them is rarely 16-bit code. */
#define WINDOW_TOP 0x1ffff

#define MISSES 16
#define WIDE   0x100 /* pages that a run may go on beyond a segment */

static s64 limit_of(const struct segment *s, bool write)
{
    return write ? s->limit_w : s->limit_r;
}

/* Pages to look for a window in. */
struct range {
    struct cpu *cpu;
    enum access access;
    bool may_fill; /* entries that are empty may be filled */
    u32 first, last;
};

/* The TLB's entry for a page; 0: none. */
static u64 entry_of(const struct range *r, u32 page)
{
    enum priv priv = cpu_priv(r->cpu);
    const struct tlb_entry *e = &r->cpu->tlb.e[priv][r->access][page];

    if (!e->addend && r->may_fill)
        mmu_prefill(&r->cpu->mmu, page << PAGE_BITS, r->access, priv);
    return e->addend & TLB_VALID ? e->addend : 0;
}

/* Narrows r to the run of pages around `page` that have its entry. Returns the entry, 0: there is
 * none. */
static u64 find_run(struct range *r, u32 page)
{
    u64 entry = entry_of(r, page);
    u32 lo = page, hi = page;

    while (entry && lo > r->first && entry_of(r, lo - 1) == entry)
        lo--;
    while (entry && hi < r->last && entry_of(r, hi + 1) == entry)
        hi++;
    r->first = lo;
    r->last = hi;
    return entry;
}

/* What run shows of segment s: false if nothing, or not its start for reading. */
static bool intersect(const struct tlb_run *run, const struct segment *s, bool write,
                      struct tlb_window *w)
{
    s64 limit = limit_of(s, write);
    u64 top = (u64)s->base + (u64)(limit < WINDOW_TOP ? limit : WINDOW_TOP);
    u64 begin = (u64)run->first << PAGE_BITS, end = (u64)run->last << PAGE_BITS | PAGE_MASK;

    begin = begin < s->base ? s->base : begin;
    end = end < top ? end : top;
    if (!run->entry || limit < 0 || begin > end || (!write && begin > s->base))
        return false;
    w->host = begin + run->entry - TLB_VALID;
    w->lo = (u32)(begin - s->base);
    w->bytes = end + 1 - begin;
    w->bytes16 = w->lo > 0xffff ? 0 : w->bytes < 0x10000 - w->lo ? w->bytes : 0x10000 - w->lo;
    w->end[0] = (u32)w->bytes;
    w->end[1] = (u32)w->bytes - 1;
    w->end[2] = w->bytes < 4 ? 0 : (u32)w->bytes - 3;
    w->misses = 0;
    return true;
}

/* Finds the run that shows the byte at off, and for reading all below it. */
static bool find(struct cpu *cpu, const struct segment *s, bool write, bool may_fill, u32 off,
                 struct tlb_run *run)
{
    s64 limit = limit_of(s, write);
    u64 top = (u64)s->base + (u64)(limit < WINDOW_TOP ? limit : WINDOW_TOP);
    struct range r = {cpu, write ? ACCESS_WRITE : ACCESS_READ, may_fill, s->base >> PAGE_BITS, 0};
    u32 page;

    top = top < UINT32_MAX ? top : UINT32_MAX;
    if (limit < 0 || off > WINDOW_TOP || (u64)s->base + off > top)
        return false;
    r.last = (u32)(top >> PAGE_BITS);
    page = write ? (s->base + off) >> PAGE_BITS : r.first;
    run->entry = find_run(&r, page);
    if (!run->entry)
        return false;
    /* What lies around the segment will be another's. */
    r.may_fill = false;
    r.first = page < WIDE ? 0 : page - WIDE;
    r.last = page + WIDE < TLB_PAGES ? page + WIDE : TLB_PAGES - 1;
    find_run(&r, page);
    run->first = r.first;
    run->last = r.last;
    return true;
}

/* Makes a window for an access that has missed it (and not only been thought to): at once if
 * something has changed, else now and then, as the program may have gone from one end of the
 * segment to the other. */
static void refresh(struct cpu *cpu, enum seg seg, bool write, u32 off)
{
    unsigned n = window_of(seg, write);
    struct tlb_window *w = &cpu->tlb.window[n];
    const struct segment *s = &cpu->seg[seg];
    struct tlb_run run;
    bool stale = cpu->tlb.stale >> n & 1;

    /* A device has no entry, and would be looked for in vain at each access. */
    if (!tlb_has(&cpu->tlb, s->base + off, cpu_priv(cpu), write ? ACCESS_WRITE : ACCESS_READ))
        return;
    if (window_host(cpu, seg, off, 1, write) || (!stale && ++w->misses % MISSES) ||
        !find(cpu, s, write, stale, off, &run) || !intersect(&run, s, write, w))
        return;
    cpu->tlb.run[write] = run;
    cpu->window_seg[seg] = *s;
    cpu->tlb.live |= 1u << n;
    cpu->tlb.stale &= ~(1u << n);
}

void window_update(struct cpu *cpu, enum seg seg)
{
    struct segment *was = &cpu->window_seg[seg], *s = &cpu->seg[seg];

    if (was->base == s->base && was->limit_r == s->limit_r && was->limit_w == s->limit_w)
        return;
    was->base = s->base; /* not *s, parts of which have just been written: the host would wait */
    was->limit_r = s->limit_r;
    was->limit_w = s->limit_w;
    for (unsigned write = 0; write < 2; write++) {
        unsigned n = window_of(seg, write);

        /* Code that is called hardly ever looks at its own segment. */
        if (seg == SEG_CS || !intersect(&cpu->tlb.run[write], s, write, &cpu->tlb.window[n])) {
            tlb_drop_window(&cpu->tlb, n);
        } else {
            cpu->tlb.live |= 1u << n;
            cpu->tlb.stale |= 1u << n;
        }
    }
}

void windows_update(struct cpu *cpu)
{
    for (unsigned i = 0; i < SEG_COUNT; i++)
        window_update(cpu, (enum seg)i);
}

static bool wraps(const struct cpu *cpu, u32 off, unsigned size)
{
    return cpu->model->isa == ISA_8086 && size == 2 && off == 0xffff;
}

u32 window_slow_read(struct cpu *cpu, u32 off, unsigned size, enum seg seg)
{
    laddr base = cpu->seg[seg].base;

    if (wraps(cpu, off, size)) {
        u32 low = mem_slow_read(cpu, base + off, 1);
        return low | mem_slow_read(cpu, base, 1) << 8;
    }
    u32 v = mem_slow_read(cpu, seg_linear(cpu, seg, off, size, ACCESS_READ), size);
    refresh(cpu, seg, false, off);
    return v;
}

u32 window_slow_read_rmw(struct cpu *cpu, u32 off, unsigned size, enum seg seg)
{
    laddr base = cpu->seg[seg].base;

    if (wraps(cpu, off, size)) {
        u32 low = mem_slow_read_rmw(cpu, base + off, 1);
        return low | mem_slow_read_rmw(cpu, base, 1) << 8;
    }
    u32 v = mem_slow_read_rmw(cpu, seg_linear(cpu, seg, off, size, ACCESS_WRITE), size);
    refresh(cpu, seg, true, off);
    return v;
}

void window_slow_write(struct cpu *cpu, u32 off, unsigned size, enum seg seg, u32 value)
{
    laddr base = cpu->seg[seg].base;

    if (wraps(cpu, off, size)) {
        mem_slow_write(cpu, base + off, 1, value & 0xff);
        mem_slow_write(cpu, base, 1, value >> 8 & 0xff);
        return;
    }
    mem_slow_write(cpu, seg_linear(cpu, seg, off, size, ACCESS_WRITE), size, value);
    refresh(cpu, seg, true, off);
}
