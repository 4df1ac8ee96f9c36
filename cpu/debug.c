/* The debug registers at work: which breakpoint matches what. The TLB does not grant
 * pages that are watched, so that every access to them comes through mem.c, which asks here. */
#include "cpu/debug.h"

#include "cpu/stops.h"
#include "cpu/trace.h"

enum kind { EXECUTE, WRITE, PORT, READ_WRITE };

struct breakpoint {
    bool on;
    enum kind kind;
    laddr start, last;
};

/* Breakpoint n: LENn is 1, 2, 8 or 4 bytes, and the address is aligned to it. */
static struct breakpoint breakpoint(const struct cpu *cpu, unsigned n)
{
    static const u8 lengths[4] = {1, 2, 8, 4};
    u32 dr7 = (u32)cpu->dr[7], len = lengths[dr7 >> (18 + 4 * n) & 3];
    struct breakpoint b = {.on = dr7 >> 2 * n & 3, .kind = dr7 >> (16 + 4 * n) & 3};

    b.start = cpu->dr[n] & ~(u64)(len - 1);
    b.last = b.start + len - 1;
    return b;
}

/* Addresses have the bits of mask. */
static bool overlaps(const struct breakpoint *b, laddr first, unsigned len, u64 mask)
{
    return ((first - b->start) & mask) <= b->last - b->start || ((b->start - first) & mask) < len;
}

bool debug_on_code(const struct cpu *cpu)
{
    for (unsigned n = 0; debug_armed(cpu) && n < 4; n++) {
        struct breakpoint b = breakpoint(cpu, n);
        if (b.on && b.kind == EXECUTE)
            return true;
    }
    return false;
}

u32 debug_fetch(const struct cpu *cpu)
{
    laddr la = cpu_code_linear(cpu, cpu->eip);
    u32 hits = 0;

    for (unsigned n = 0; n < 4; n++) {
        struct breakpoint b = breakpoint(cpu, n);
        if (b.on && b.kind == EXECUTE && cpu->dr[n] == la)
            hits |= 1u << n;
    }
    return hits;
}

static u32 memory_hits(const struct cpu *cpu, laddr la, unsigned len, enum access acc)
{
    u64 mask = la >> 32 ? ~0ull : cpu->eip_mask;
    u32 hits = 0;

    for (unsigned n = 0; n < 4; n++) {
        struct breakpoint b = breakpoint(cpu, n);
        if (b.on && (b.kind == READ_WRITE || (b.kind == WRITE && acc == ACCESS_WRITE)) &&
            overlaps(&b, la, len, mask))
            hits |= 1u << n;
    }
    return hits;
}

void debug_memory(struct cpu *cpu, laddr la, unsigned len, enum access acc)
{
    cpu->debug_hits |= memory_hits(cpu, la, len, acc);
    stops_memory(cpu, la, len, acc);
}

bool debug_watches(const struct cpu *cpu, laddr la, unsigned len, enum access acc)
{
    return memory_hits(cpu, la, len, acc) || stops_watch(cpu, la, len, acc);
}

static bool has_port_stops(const struct cpu *cpu)
{
    const u32 kinds = 1u << STOP_OUT | 1u << STOP_IN | 1u << STOP_PORT;

    return cpu->stops && (cpu->stops->kinds & kinds);
}

void debug_port(struct cpu *cpu, u16 port, unsigned size, bool out)
{
    if (has_port_stops(cpu))
        stops_port(cpu, port, size, out);
    if (!debug_armed(cpu) || !(cpu->cr4 & CR4_DE))
        return;
    for (unsigned n = 0; n < 4; n++) {
        struct breakpoint b = breakpoint(cpu, n);
        if (b.on && b.kind == PORT && overlaps(&b, port, size, ~0ull)) {
            if (cpu->in_block)
                cpu->hooks->restart_single(cpu);
            cpu->debug_hits |= 1u << n;
        }
    }
}

void debug_report(struct cpu *cpu, u32 dr6_bits)
{
    cpu->dr[6] = (cpu->dr[6] & ~15u) | dr6_bits;
}

void debug_entered(struct cpu *cpu)
{
    cpu->dr[7] &= ~(u32)DR7_GD;
    cpu->msr.debugctl &= ~(u64)DEBUGCTL_BTF;
}

/* DMA and the page walker's marks, which know no linear address. */
static void on_phys(void *opaque, enum phys_who who, paddr pa, const void *buf, u64 len, bool write)
{
    (void)who;
    (void)buf;
    stops_phys(opaque, pa, len, write);
}

static void watch_dma(struct cpu *cpu, bool on)
{
    if (!cpu->stops)
        return;
    phys_remove_witness(cpu->mmu.phys, &cpu->stops->witness);
    cpu->stops->witness = (struct phys_witness){.access = on_phys, .opaque = cpu};
    if (on)
        phys_add_witness(cpu->mmu.phys, &cpu->stops->witness);
}

static void watch_pages(struct cpu *cpu)
{
    const struct cpu_trace *t = cpu->trace;
    struct mmu *m = &cpu->mmu;

    m->watch_all = t && t->watched == TRACE_ALL_MEMORY;
    for (unsigned i = 0; t && t->watched == TRACE_PAGES && i < 2; i++)
        m->watch_phys[m->nwatch_phys++] = (struct mmu_range){t->page[i], t->page[i] + PAGE_MASK};
}

void debug_update(struct cpu *cpu)
{
    struct mmu *m = &cpu->mmu;

    m->nwatch = 0;
    for (unsigned n = 0; n < 4; n++) {
        struct breakpoint b = breakpoint(cpu, n);
        if (b.on && (b.kind == WRITE || b.kind == READ_WRITE))
            m->watch[m->nwatch++] = b.start;
    }
    m->nwatch_phys = 0;
    for (unsigned i = 0; cpu->stops && i < cpu->stops->n; i++) {
        const struct stop *s = &cpu->stops->all[i];
        if (s->kind >= STOP_WRITE && s->kind <= STOP_ACCESS) {
            m->watch[m->nwatch++] = s->at;
            m->watch[m->nwatch++] = s->at + s->len - 1;
        } else if (s->kind >= STOP_PHYS_WRITE && s->kind <= STOP_PHYS_ACCESS) {
            m->watch_phys[m->nwatch_phys++] = (struct mmu_range){s->at, (paddr)s->at + s->len - 1};
        }
    }
    watch_dma(cpu, m->nwatch_phys);
    watch_pages(cpu);
    mmu_watch(m);
}
