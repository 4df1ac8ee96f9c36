/* REP string instructions, one chunk a call. A chunk ends where the source's or the destination's
 * page ends, and is one element where an element crosses a page, under the trap flag, and in
 * segments with an exact check. So its length depends on architectural state alone, and all that
 * can fault or reach a device is decided before its first element: the count of retired
 * instructions is the same on every back end. SDM volume 2, REP. */
#include "base/bytes.h"
#include "cpu/cpuid.h"
#include "cpu/debug.h"
#include "cpu/excp.h"
#include "cpu/help_str.h"
#include "cpu/helpers.h"
#include "cpu/mem.h"

enum { REP_CUTS_SI = 1 << 8, REP_CUTS_DI = 1 << 9 }; /* beside what help_str.h has */

struct chunk {
    struct cpu *cpu;
    unsigned size, log2;
    s32 step;     /* size or -size */
    u64 mask;     /* of addresses and the count */
    enum seg seg; /* of the source */
    bool repne;
    u32 n; /* elements to do, at least 1 */
};

/* One side of the operation: n elements from linear address la on, in the direction of step. */
struct side {
    laddr la;
    u8 *host;   /* of the element at la, NULL: device, ROM to be written, or an element that crosses
                   a page */
    bool quiet; /* no host, but accesses at pa have no effect elsewhere: struct mmio_ops */
    paddr pa;
    bool wraps; /* a word at offset FFFF of the 8086, the only element: its second byte is at 0 */
};

/* A page is the most that a chunk can have. */
static u32 clamp_count(u64 n)
{
    return n < PAGE_SIZE ? (u32)n : PAGE_SIZE;
}

/* With addresses of 32 bits in 64-bit mode the high halves of the registers become 0 even if
 * nothing is done or a fault comes: of RCX, of MOVS and STOS those of the indices too (Intel's
 * processors). */
static void cut_registers(struct cpu *cpu, u32 info)
{
    if (!cpu_is_code64(cpu) || (info & REP_ADDR64))
        return;
    cpu->gpr[ECX] = (u32)cpu->gpr[ECX];
    if (info & REP_CUTS_SI)
        cpu->gpr[ESI] = (u32)cpu->gpr[ESI];
    if (info & REP_CUTS_DI)
        cpu->gpr[EDI] = (u32)cpu->gpr[EDI];
}

/* False if the count is 0. */
static bool chunk_begin(struct chunk *c, struct cpu *cpu, u32 info)
{
    cut_registers(cpu, info);
    c->cpu = cpu;
    c->log2 = info & REP_SIZE_LOG2;
    c->size = 1u << c->log2;
    c->step = (s32)c->size * cpu->df;
    c->mask = info & REP_ADDR16 ? 0xffff : info & REP_ADDR64 ? ~0ull : UINT32_MAX;
    c->seg = (enum seg)(info >> REP_SEG_SHIFT & 7);
    c->repne = info & REP_REPNE;
    c->n = clamp_count(cpu->gpr[ECX] & c->mask);
    if (c->n > 1 && ((cpu->eflags & FLAG_TF) || debug_armed(cpu)))
        c->n = 1;
    return c->n;
}

/* Of addresses of 32 bits the register's high half becomes 0. */
static void advance(const struct chunk *c, unsigned reg, s64 n)
{
    u64 *r = &c->cpu->gpr[reg], keep = c->mask == 0xffff ? ~c->mask : 0;

    *r = (*r & keep) | ((*r + (u64)n) & c->mask);
}

/* Done with the n elements: is some left? */
static bool chunk_end(const struct chunk *c, bool source, bool dest)
{
    s64 delta = (s64)c->n * c->step;

    advance(c, ECX, -(s64)c->n);
    if (source)
        advance(c, ESI, delta);
    if (dest)
        advance(c, EDI, delta);
    return c->cpu->gpr[ECX] & c->mask;
}

/* The end of a chunk: is there more? Between iterations RF is set: no breakpoint on the instruction
 * again, and what interrupts it pushes RF as 1 (SDM 3B 17.3.1.1). */
static u32 again(struct cpu *cpu, bool more)
{
    cpu->rep_more = more;
    cpu->eflags = (cpu->eflags & ~(u32)FLAG_RF) | (more ? (u32)FLAG_RF : 0);
    return more;
}

static void shorten(struct chunk *c, u64 n)
{
    if (n < c->n)
        c->n = n ? (u32)n : 1;
}

/* Elements from off on before the 16-bit address wraps or the segment's limit is passed. */
static void limit_offsets(struct chunk *c, enum seg seg, u64 off, enum access acc)
{
    const struct segment *s = &c->cpu->seg[seg];
    s64 last = acc == ACCESS_WRITE ? s->limit_w : s->limit_r;
    u64 top = c->mask;

    if (mode_seg_class(c->cpu->mode, seg) == SEGC_CHECKED) {
        if (last < 0)
            shorten(c, 1);
        else if ((u64)last < top)
            top = (u64)last;
    }
    if (c->step < 0)
        shorten(c, (off >> c->log2) + 1);
    else if (top >= off && top - off < UINT64_MAX)
        shorten(c, (top - off + 1) >> c->log2);
}

static bool crosses(laddr la, unsigned size)
{
    return (la & PAGE_MASK) + size > PAGE_SIZE;
}

/* The linear address of the side at register reg, its first element checked and the chunk shortened
 * to what lies in one page and in the segment. */
static laddr side_linear(struct chunk *c, enum seg seg, unsigned reg, enum access acc)
{
    u64 off = c->cpu->gpr[reg] & c->mask;
    laddr la = seg_linear(c->cpu, seg, off, c->size, acc);
    u32 room = (u32)la & PAGE_MASK;

    limit_offsets(c, seg, off, acc);
    if (crosses(la, c->size))
        c->n = 1;
    else
        shorten(c, c->step > 0 ? (PAGE_SIZE - room) >> c->log2 : (room >> c->log2) + 1);
    return la;
}

static bool wraps(struct chunk *c, unsigned reg)
{
    if (c->size != 2 || c->cpu->model->isa != ISA_8086 || (c->cpu->gpr[reg] & 0xffff) != 0xffff)
        return false;
    c->n = 1;
    return true;
}

#define NO_ADDRESS (~(paddr)0)

/* Resolves the page of s, of an element at la, raising #PF. */
static void resolve(struct cpu *cpu, struct side *s, laddr la, unsigned size, enum access acc)
{
    enum priv priv = cpu_priv(cpu);
    struct mmu_walk w;

    s->pa = NO_ADDRESS;
    if (crosses(la, size)) { /* both pages now, so that the sides fault in their order */
        resolve(cpu, s, la, 1, acc);
        resolve(cpu, s, cpu_linear_next(cpu, la | PAGE_MASK, 1), 1, acc);
        s->pa = NO_ADDRESS;
        s->host = NULL;
        s->quiet = false;
        return;
    }
    if (tlb_has(cpu->mmu.tlb, la, priv, acc)) {
        s->host = tlb_host(cpu->mmu.tlb, la, priv, acc);
        return;
    }
    mem_translate(cpu, la, acc, priv, &w);
    s->pa = w.pa;
    if (mmu_watched(&cpu->mmu, la, w.pa))
        return;
    s->host = w.host;
    s->quiet = !w.host && phys_is_quiet(cpu->mmu.phys, w.pa);
}

static struct side source_side(struct chunk *c, enum seg seg, unsigned reg)
{
    struct side s = {.la = side_linear(c, seg, reg, ACCESS_READ), .wraps = wraps(c, reg)};

    if (!s.wraps)
        resolve(c->cpu, &s, s.la, c->size, ACCESS_READ);
    return s;
}

/* Call it last: it reports the bytes that are going to be written to whoever holds translated code
 * there. */
static struct side dest_side(struct chunk *c)
{
    struct cpu *cpu = c->cpu;
    struct side s = {.la = side_linear(c, SEG_ES, EDI, ACCESS_WRITE), .wraps = wraps(c, EDI)};
    paddr pa;
    u64 len;

    if (s.wraps)
        return s;
    resolve(cpu, &s, s.la, c->size, ACCESS_WRITE);
    if (s.pa == NO_ADDRESS || (!s.host && !phys_host(cpu->mmu.phys, s.pa, true)))
        return s;
    pa = s.pa;
    len = (u64)c->n * c->size;
    if (c->step < 0)
        pa -= len - c->size;
    if (phys_holds_code(cpu->mmu.phys, pa, len)) {
        if (cpu->in_block)
            cpu->hooks->restart_single(cpu);
        phys_code_written(cpu->mmu.phys, pa, len);
        cpu->io_done = 1;
    }
    return s;
}

/* Element i of a side, by the slow path where there is no host address. A device restarts a native
 * block at element 0, where nothing has been done. */
static u64 get(const struct chunk *c, const struct side *s, u32 i)
{
    s64 delta = (s64)i * c->step;

    if (s->wraps)
        return mem_slow_read(c->cpu, s->la, 1) | mem_slow_read(c->cpu, s->la - 0xffff, 1) << 8;
    if (s->host)
        return load_le(s->host + delta, c->size);
    if (s->quiet)
        return phys_read(c->cpu->mmu.phys, s->pa + (u64)delta, c->size);
    return mem_slow_read(c->cpu, s->la + (u64)delta, c->size);
}

static void put(const struct chunk *c, const struct side *s, u32 i, u64 v)
{
    s64 delta = (s64)i * c->step;

    if (s->wraps) {
        mem_slow_write(c->cpu, s->la, 1, v & 0xff);
        mem_slow_write(c->cpu, s->la - 0xffff, 1, v >> 8 & 0xff);
    } else if (s->host)
        store_le(s->host + delta, c->size, v);
    else if (s->quiet)
        phys_write(c->cpu->mmu.phys, s->pa + (u64)delta, c->size, v);
    else
        mem_slow_write(c->cpu, s->la + (u64)delta, c->size, v);
}

/* Lowest host byte of a side. */
static u8 *low_end(const struct chunk *c, const struct side *s)
{
    return c->step > 0 ? s->host : s->host - (c->n - 1) * c->size;
}

/* The common case in short: all elements, upwards, from plain memory that the TLB grants, in one
 * page of segments that need no check, at register reg. Their number of bytes, and where they are;
 * 0 if it is not that. */
static u32 plain_run(const struct cpu *cpu, u32 info, enum seg seg, unsigned reg, enum access acc,
                     u8 **host)
{
    enum priv priv = cpu_priv(cpu);
    u64 mask = info & REP_ADDR64 ? ~0ull : UINT32_MAX, off = cpu->gpr[reg] & mask;
    laddr la = (seg_base(cpu, seg) + off) & cpu->eip_mask;
    u64 n = cpu->gpr[ECX] & mask;
    u32 len = (u32)n << (info & REP_SIZE_LOG2);

    if (n - 1 >= PAGE_SIZE || (la & PAGE_MASK) + len > PAGE_SIZE ||
        ((off + (len - 1)) & mask) < off || (info & REP_ADDR16) || cpu->df < 0 ||
        mode_seg_class(cpu->mode, seg) == SEGC_CHECKED || (cpu->mode & MODE_ALIGN) ||
        (cpu->eflags & FLAG_TF) || debug_armed(cpu) || !tlb_has(&cpu->tlb, la, priv, acc))
        return 0;
    *host = tlb_host(&cpu->tlb, la, priv, acc);
    return len;
}

/* After such a run of len bytes. */
static void plain_end(struct cpu *cpu, u32 info, u32 len, bool source)
{
    u64 mask = info & REP_ADDR64 ? ~0ull : UINT32_MAX;

    cpu->gpr[ECX] = 0;
    if (source)
        cpu->gpr[ESI] = (cpu->gpr[ESI] + len) & mask;
    cpu->gpr[EDI] = (cpu->gpr[EDI] + len) & mask;
}

/* Copies 1 to 16 bytes: all is read before anything is written. */
static void copy_short(u8 *to, const u8 *from, u32 len)
{
    u64 a, b;
    u8 first, mid, last;

    if (len >= 8) {
        memcpy(&a, from, 8);
        memcpy(&b, from + len - 8, 8);
        memcpy(to, &a, 8);
        memcpy(to + len - 8, &b, 8);
    } else if (len >= 4) {
        a = load_le(from, 4);
        b = load_le(from + len - 4, 4);
        store_le(to, 4, a);
        store_le(to + len - 4, 4, b);
    } else {
        first = from[0];
        mid = from[len / 2];
        last = from[len - 1];
        to[0] = first;
        to[len / 2] = mid;
        to[len - 1] = last;
    }
}

static bool movs_plain(struct cpu *cpu, u32 info)
{
    u8 *from, *to;
    u32 len = plain_run(cpu, info, (enum seg)(info >> REP_SEG_SHIFT), ESI, ACCESS_READ, &from);

    if (!len || !plain_run(cpu, info, SEG_ES, EDI, ACCESS_WRITE, &to) ||
        (uintptr_t)to - (uintptr_t)from < len)
        return false;
    if (len <= 16)
        copy_short(to, from, len);
    else
        memmove(to, from, len);
    plain_end(cpu, info, len, true);
    return true;
}

u32 help_rep_movs(struct cpu *cpu, u32 info)
{
    if (movs_plain(cpu, info))
        return again(cpu, false);
    struct chunk c;
    struct side src, dst;
    bool forward;
    uintptr_t from, to;
    u32 len;

    if (!chunk_begin(&c, cpu, info | REP_CUTS_SI | REP_CUTS_DI))
        return again(cpu, false);
    src = source_side(&c, c.seg, ESI);
    dst = dest_side(&c);
    len = c.n * c.size;
    forward = c.step > 0;
    from = src.host ? (uintptr_t)low_end(&c, &src) : 0;
    to = dst.host ? (uintptr_t)low_end(&c, &dst) : 0;
    /* Element by element where elements read what earlier ones wrote: a fill pattern. */
    if (from && to && (forward ? to - from >= len : from - to >= len))
        memmove((void *)to, (void *)from, len);
    else
        for (u32 i = 0; i < c.n; i++)
            put(&c, &dst, i, get(&c, &src, i));
    return again(cpu, chunk_end(&c, true, true));
}

static void fill(u8 *p, u32 len, u64 value, unsigned size)
{
    u32 done = size;

    if (size == 1) {
        memset(p, (int)(value & 0xff), len);
        return;
    }
    store_le(p, size, value);
    while (done < len) { /* what is there already, doubled */
        u32 n = done < len - done ? done : len - done;

        memcpy(p + done, p, n);
        done += n;
    }
}

/* Fills up to 32 bytes, at least one element, with the accumulator. */
static void fill_short(u8 *p, u32 len, u64 value, unsigned size)
{
    u64 v = size == 1   ? (value & 0xff) * 0x0101010101010101u
            : size == 2 ? (value & 0xffff) * 0x0001000100010001u
            : size == 4 ? (u32)value * 0x0000000100000001u
                        : value;

    if (len < 8) {
        for (u32 i = 0; i < len; i += size)
            store_le(p + i, size, value);
        return;
    }
    for (u32 i = 0; i + 8 < len; i += 8)
        store_le(p + i, 8, v);
    store_le(p + len - 8, 8, v); /* len is a multiple of the size: in phase */
}

static bool stos_plain(struct cpu *cpu, u32 info)
{
    u8 *to;
    u32 len = plain_run(cpu, info, SEG_ES, EDI, ACCESS_WRITE, &to);
    unsigned size = 1u << (info & REP_SIZE_LOG2);

    if (!len)
        return false;
    if (len <= 32)
        fill_short(to, len, cpu->gpr[EAX], size);
    else
        fill(to, len, cpu->gpr[EAX], size);
    plain_end(cpu, info, len, false);
    return true;
}

u32 help_rep_stos(struct cpu *cpu, u32 info)
{
    if (stos_plain(cpu, info))
        return again(cpu, false);
    struct chunk c;
    struct side dst;

    if (!chunk_begin(&c, cpu, info | REP_CUTS_DI))
        return again(cpu, false);
    dst = dest_side(&c);
    if (dst.host)
        fill(low_end(&c, &dst), c.n * c.size, cpu->gpr[EAX], c.size);
    else
        for (u32 i = 0; i < c.n; i++)
            put(&c, &dst, i, cpu->gpr[EAX]);
    return again(cpu, chunk_end(&c, false, true));
}

u32 help_rep_lods(struct cpu *cpu, u32 info)
{
    struct chunk c;
    struct side src;
    u64 v = 0, keep;

    if (!chunk_begin(&c, cpu, info))
        return again(cpu, false);
    src = source_side(&c, c.seg, ESI);
    for (u32 i = src.host ? c.n - 1 : 0; i < c.n; i++) /* devices see every read */
        v = get(&c, &src, i);
    keep = c.size >= 4 ? 0 : ~0ull << (c.size * 8);
    cpu->gpr[EAX] = (cpu->gpr[EAX] & keep) | v;
    return again(cpu, chunk_end(&c, true, false));
}

/* A fault in any chunk of a compare leaves the flags as they were before the first (SDM 2, REP). */
static void compare_begin(struct cpu *cpu)
{
    if (!cpu->rep_more) {
        cpu->rep_cc = cpu_lazy_flags(cpu);
    } else {
        cpu->cc_op = cpu->rep_cc.op;
        cpu->cc_dst = cpu->rep_cc.dst;
        cpu->cc_src = cpu->rep_cc.src;
        cpu->cc_aux = cpu->rep_cc.aux;
        cpu->cc_cf = cpu->rep_cc.cf;
        cpu->cc_of = cpu->rep_cc.of;
    }
}

/* Ends a compare whose last elements were a and b: sets the flags; nonzero if the repetition goes
 * on. */
static u32 compare_end(const struct chunk *c, u64 a, u64 b, bool source)
{
    struct cpu *cpu = c->cpu;
    bool left = chunk_end(c, source, true);

    cpu->cc_op = FLAG_OP(FK_CMP, c->log2);
    cpu->cc_dst = a;
    cpu->cc_src = b;
    cpu->cc_aux = 0;
    return again(cpu, (a == b) != c->repne && left);
}

u32 help_rep_cmps(struct cpu *cpu, u32 info)
{
    struct chunk c;
    struct side src, dst;
    u32 i = 0;
    u64 a, b;

    if (!chunk_begin(&c, cpu, info))
        return again(cpu, false);
    compare_begin(cpu);
    dst = source_side(&c, SEG_ES, EDI); /* first, as real chips do */
    src = source_side(&c, c.seg, ESI);
    if (src.host && dst.host && c.step > 0 && !c.repne) { /* leap over what is equal */
        u32 per = 16 / c.size;

        while (c.n - i > per && !memcmp(src.host + i * c.size, dst.host + i * c.size, 16))
            i += per;
    }
    do {
        a = get(&c, &src, i);
        b = get(&c, &dst, i);
        i++;
    } while (i < c.n && (a == b) != c.repne);
    c.n = i;
    return compare_end(&c, a, b, true);
}

u32 help_rep_scas(struct cpu *cpu, u32 info)
{
    struct chunk c;
    struct side dst;
    u32 i = 0;
    u64 a, b;

    if (!chunk_begin(&c, cpu, info))
        return again(cpu, false);
    compare_begin(cpu);
    dst = source_side(&c, SEG_ES, EDI);
    a = cpu->gpr[EAX] & ~0ull >> (64 - c.size * 8);
    if (dst.host && c.size == 1 && c.step > 0 && c.repne) {
        const u8 *hit = memchr(dst.host, (int)a, c.n);

        i = hit ? (u32)(hit - dst.host) : c.n - 1;
    }
    do {
        b = get(&c, &dst, i);
        i++;
    } while (i < c.n && (a == b) != c.repne);
    c.n = i;
    return compare_end(&c, a, b, false);
}

/* What the registers of an 80286 look like when a word at offset FFFF raises #GP in real mode: the
 * microcode has gone on by then. A write is found out only after the next repetition has counted
 * down. From captured traces; of the counts that those do not show (STOS, LODS, SCAS, CMPS by SI,
 * and INS whose last word it is) those of the instruction most like it. */
void help_overrun(struct cpu *cpu, u32 what, u32 repeated)
{
    static const struct {
        u8 first, then;       /* registers in the order of the accesses; GPR_NONE */
        u8 on_first, on_then; /* bits: SI, DI have moved when that one does not fit */
        u8 ticks[2];          /* by how much CX is less then */
    } rows[] = {
        [OVERRUN_MOVS] = {ESI, EDI, 1, 3, {1, 2}},   [OVERRUN_STOS] = {EDI, GPR_NONE, 2, 0, {2}},
        [OVERRUN_LODS] = {ESI, GPR_NONE, 1, 0, {1}}, [OVERRUN_CMPS] = {EDI, ESI, 2, 3, {0, 0}},
        [OVERRUN_SCAS] = {EDI, GPR_NONE, 2, 0, {0}}, [OVERRUN_INS] = {EDI, GPR_NONE, 2, 0, {2}},
        [OVERRUN_OUTS] = {ESI, GPR_NONE, 1, 0, {1}},
    };
    u64 *gpr = cpu->gpr;
    u32 delta = (u32)(2 * cpu->df), cx = gpr[ECX] & 0xffff;
    bool first = (gpr[rows[what].first] & 0xffff) == 0xffff;

    if (repeated && !cx)
        return;
    if (!first && (rows[what].then == GPR_NONE || (gpr[rows[what].then] & 0xffff) != 0xffff))
        return;
    u32 moved = first ? rows[what].on_first : rows[what].on_then;
    u32 ticks = rows[what].ticks[!first];

    if (moved & 1)
        gpr[ESI] = (gpr[ESI] & ~0xffffu) | ((gpr[ESI] + delta) & 0xffff);
    if (moved & 2)
        gpr[EDI] = (gpr[EDI] & ~0xffffu) | ((gpr[EDI] + delta) & 0xffff);
    if (repeated)
        gpr[ECX] = (gpr[ECX] & ~0xffffu) | (cx < ticks ? 0 : cx - ticks);
    cpu_raise_err(cpu, VEC_GP, 0, why_value(RULE_seg_word_wrap, 0xffff, 0));
}
