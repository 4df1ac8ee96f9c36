/* Guest memory by linear address, for helpers and for the slow paths of translated code.
 *
 * An access is cut into at most two parts, one a page. All parts are translated before any is
 * touched, so a fault commits nothing; CR2 is the first byte that faults: the access's own
 * address, or the start of the second page (SDM 3A 6.15, #PF). Whatever reaches a device that is
 * not quiet, or code that has been translated, sets cpu->io_done; from native code such an access
 * restarts the instruction in the interpreter instead. */
#include "cpu/mem.h"

#include "base/bytes.h"
#include "cpu/debug.h"
#include "cpu/excp.h"
#include "cpu/stops.h"
#include "cpu/trace.h"

#define NO_ADDRESS (~(paddr)0)

struct part {
    u8 *host; /* NULL: not plain memory for this access */
    laddr la;
    paddr pa; /* NO_ADDRESS if the TLB has granted the access */
    unsigned len;
    bool code; /* a write to translated code */
    bool loud; /* a device that others may hear of: see struct mmio_ops */
};

struct span {
    unsigned n;
    struct part part[2];
};

enum mmu_result mem_translate(struct cpu *cpu, laddr la, enum access acc, enum priv priv,
                              struct mmu_walk *w)
{
    enum mmu_result r = mmu_translate(&cpu->mmu, la, acc, priv, w);

    if (r == MMU_FAULT)
        cpu_raise_pf(cpu, la, w->pf_code);
    if (cpu->mmu.disturbed) { /* perhaps the running block: nothing has been done yet */
        cpu->mmu.disturbed = false;
        if (cpu->in_block)
            cpu->hooks->restart_single(cpu);
        cpu->io_done = 1;
    }
    return r;
}

static void map_part(struct cpu *cpu, laddr la, unsigned len, enum access acc, enum priv priv,
                     struct part *out)
{
    struct mmu_walk w;

    *out = (struct part){.len = len, .la = la, .pa = NO_ADDRESS};
    if (tlb_has(cpu->mmu.tlb, la, priv, acc)) {
        out->host = tlb_host(cpu->mmu.tlb, la, priv, acc);
        return;
    }
    mem_translate(cpu, la, acc, priv, &w);
    out->host = w.host;
    out->pa = w.pa;
    if (acc == ACCESS_WRITE && w.host)
        out->code = phys_holds_code(cpu->mmu.phys, w.pa, len);
    out->loud = !w.host && !phys_is_quiet(cpu->mmu.phys, w.pa);
}

/* Translated code stops for a watchpoint before anything has happened. A task switch that has
 * retired already (insn_left is 0) goes on: the run loop comes next. */
static void watch(struct cpu *cpu, laddr la, unsigned len, enum access acc)
{
    if (cpu->in_block && cpu->insn_left && debug_watches(cpu, la, len, acc))
        cpu->hooks->restart_single(cpu);
}

/* The same by physical address. */
static void watch_part(struct cpu *cpu, const struct part *p, enum access acc)
{
    bool write = acc == ACCESS_WRITE;

    if (!stops_watch_phys(cpu, p->pa, p->len, write))
        return;
    if (cpu->in_block && cpu->insn_left)
        cpu->hooks->restart_single(cpu);
    stops_phys(cpu, p->pa, p->len, write);
}

/* Translates [la, la + len), of at most a page's length; raises #PF if any of it is not
 * accessible. */
static void map_span(struct cpu *cpu, laddr la, unsigned len, enum access acc, enum priv priv,
                     struct span *s)
{
    unsigned first = PAGE_SIZE - (la & PAGE_MASK);

    s->n = 1;
    if (len <= first) {
        map_part(cpu, la, len, acc, priv, &s->part[0]);
    } else {
        laddr next = cpu_linear_next(cpu, la, first);

        if (!laddr_is_canonical(next)) /* that comes before what the first page raises */
            map_part(cpu, next, len - first, acc, priv, &s->part[1]);
        map_part(cpu, la, first, acc, priv, &s->part[0]);
        map_part(cpu, next, len - first, acc, priv, &s->part[1]);
        s->n = 2;
    }
    if (cpu->mmu.nwatch) {
        watch(cpu, la, len, acc);
        debug_memory(cpu, la, len, acc);
    }
    for (unsigned i = 0; cpu->mmu.nwatch_phys && i < s->n; i++)
        if (s->part[i].pa != NO_ADDRESS)
            watch_part(cpu, &s->part[i], acc);
}

/* The largest access unit that fits into len bytes. */
static unsigned unit(unsigned len)
{
    return len >= 8 ? 8 : len >= 4 ? 4 : len >= 2 ? 2 : 1;
}

static void read_device(struct cpu *cpu, paddr pa, u8 *buf, unsigned len)
{
    while (len) {
        unsigned n = unit(len);

        store_le(buf, n, phys_read(cpu->mmu.phys, pa, n));
        pa += n;
        buf += n;
        len -= n;
    }
}

static void write_device(struct cpu *cpu, paddr pa, const u8 *buf, unsigned len)
{
    while (len) {
        unsigned n = unit(len);

        phys_write(cpu->mmu.phys, pa, n, load_le(buf, n));
        pa += n;
        buf += n;
        len -= n;
    }
}

static void tell(struct cpu *cpu, const struct part *p, const u8 *buf, bool write)
{
    struct cpu_access a = {
        .la = p->la, .pa = p->pa, .host = p->host, .buf = buf, .len = p->len, .write = write};

    if (cpu->trace->memory && a.pa != NO_ADDRESS)
        cpu->trace->memory(cpu->trace->opaque, &a);
}

static void span_read(struct cpu *cpu, const struct span *s, u8 *buf)
{
    for (unsigned i = 0; i < s->n; i++) {
        const struct part *p = &s->part[i];

        cpu->io_done |= p->loud;
        if (p->host)
            memcpy(buf, p->host, p->len);
        else
            read_device(cpu, p->pa, buf, p->len);
        if (cpu->trace)
            tell(cpu, p, buf, false);
        buf += p->len;
    }
}

static void span_write(struct cpu *cpu, const struct span *s, const u8 *buf)
{
    for (unsigned i = 0; i < s->n; i++) {
        const struct part *p = &s->part[i];

        cpu->io_done |= p->loud;
        if (cpu->trace)
            tell(cpu, p, buf, true);
        if (p->code) {
            phys_code_written(cpu->mmu.phys, p->pa, p->len);
            cpu->io_done = 1;
        }
        if (p->host)
            memcpy(p->host, buf, p->len);
        else
            write_device(cpu, p->pa, buf, p->len);
        buf += p->len;
    }
}

/* Native code may go on only if the access is to memory alone: a device needs the exact time,
 * and a write to translated code may change the rest of the running block. */
static void leave_native(struct cpu *cpu, const struct span *s)
{
    if (!cpu->in_block)
        return;
    for (unsigned i = 0; i < s->n; i++)
        if (s->part[i].loud || s->part[i].code)
            cpu->hooks->restart_single(cpu);
}

u64 mem_read_miss(struct cpu *cpu, laddr la, unsigned size, enum priv priv)
{
    struct span s;
    u8 buf[8];

    map_span(cpu, la, size, ACCESS_READ, priv, &s);
    span_read(cpu, &s, buf);
    return load_le(buf, size);
}

void mem_write_miss(struct cpu *cpu, laddr la, unsigned size, u64 value, enum priv priv)
{
    struct span s;
    u8 buf[8];

    store_le(buf, size, value);
    map_span(cpu, la, size, ACCESS_WRITE, priv, &s);
    span_write(cpu, &s, buf);
}

/* Translates every page of [la, la + len) for the access, to raise what there is to raise. */
static void probe(struct cpu *cpu, laddr la, unsigned len, enum access acc, enum priv priv)
{
    while (len) {
        unsigned n = PAGE_SIZE - (la & PAGE_MASK);
        struct part p;

        n = n < len ? n : len;
        map_part(cpu, la, n, acc, priv, &p);
        if (cpu->mmu.nwatch)
            watch(cpu, la, n, acc);
        if (cpu->mmu.nwatch_phys && p.pa != NO_ADDRESS && cpu->in_block && cpu->insn_left &&
            stops_watch_phys(cpu, p.pa, n, acc == ACCESS_WRITE))
            cpu->hooks->restart_single(cpu);
        la = cpu_linear_next(cpu, la, n);
        len -= n;
    }
}

void mem_probe_write(struct cpu *cpu, laddr la, unsigned size, enum priv priv)
{
    probe(cpu, la, size, ACCESS_WRITE, priv);
}

void mem_read_block(struct cpu *cpu, laddr la, void *buf, unsigned len, enum priv priv)
{
    struct span s;
    u8 *out = buf;

    if (len > PAGE_SIZE)
        probe(cpu, la, len, ACCESS_READ, priv);
    while (len) {
        unsigned n = len < PAGE_SIZE ? len : PAGE_SIZE;

        map_span(cpu, la, n, ACCESS_READ, priv, &s);
        span_read(cpu, &s, out);
        la = cpu_linear_next(cpu, la, n);
        out += n;
        len -= n;
    }
}

void mem_write_block(struct cpu *cpu, laddr la, const void *buf, unsigned len, enum priv priv)
{
    struct span s;
    const u8 *in = buf;

    if (len > PAGE_SIZE)
        probe(cpu, la, len, ACCESS_WRITE, priv);
    while (len) {
        unsigned n = len < PAGE_SIZE ? len : PAGE_SIZE;

        map_span(cpu, la, n, ACCESS_WRITE, priv, &s);
        span_write(cpu, &s, in);
        la = cpu_linear_next(cpu, la, n);
        in += n;
        len -= n;
    }
}

void mem_slow_read_block(struct cpu *cpu, laddr la, void *buf, unsigned len)
{
    struct span s;

    map_span(cpu, la, len, ACCESS_READ, cpu_priv(cpu), &s);
    leave_native(cpu, &s);
    span_read(cpu, &s, buf);
}

void mem_slow_write_block(struct cpu *cpu, laddr la, const void *buf, unsigned len)
{
    struct span s;

    map_span(cpu, la, len, ACCESS_WRITE, cpu_priv(cpu), &s);
    leave_native(cpu, &s);
    span_write(cpu, &s, buf);
}

u64 mem_slow_read(struct cpu *cpu, laddr la, unsigned size)
{
    u8 buf[8];

    mem_slow_read_block(cpu, la, buf, size);
    return load_le(buf, size);
}

void mem_slow_write(struct cpu *cpu, laddr la, unsigned size, u64 value)
{
    u8 buf[8];

    store_le(buf, size, value);
    mem_slow_write_block(cpu, la, buf, size);
}

u64 mem_slow_read_rmw(struct cpu *cpu, laddr la, unsigned size)
{
    struct span s;
    u8 buf[8];

    map_span(cpu, la, size, ACCESS_WRITE, cpu_priv(cpu), &s);
    leave_native(cpu, &s);
    span_read(cpu, &s, buf);
    return load_le(buf, size);
}

void mem_check_align16(struct cpu *cpu, laddr la)
{
    if (la & 15)
        cpu_raise_err(cpu, VEC_GP, 0, why_value(RULE_align16, la, la & 15));
}
