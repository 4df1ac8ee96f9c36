/* Descriptor fetches, segment register loads and the exact segment check.
 *
 * Everything is checked before anything is committed; the accessed bit is written last of what may
 * fault. SDM 3A 3.4 (registers and descriptors), 5.3 to 5.6 (limit, type and privilege checks). */
#include "cpu/seg.h"

#include "cpu/cpuid.h"

bool desc_address(const struct cpu *cpu, u16 sel, laddr *la)
{
    u64 base = cpu->gdtr.base;
    u32 limit = cpu->gdtr.limit;

    if (sel & 4) {
        if (!(cpu->ldtr.attr & SA_P))
            return false;
        base = system_base(cpu, &cpu->ldtr);
        limit = cpu->ldtr.limit;
    }
    base += sel & 0xfff8u;
    *la = cpu_is_ia32e(cpu) ? base : (u32)base;
    return (sel | 7u) <= limit;
}

u32 desc_fetch_high(struct cpu *cpu, u16 sel)
{
    struct desc d;

    if ((sel | 7u) + 8 > 0xffff || !desc_fetch(cpu, (u16)(sel + 8), &d))
        cpu_raise_err(cpu, VEC_GP, sel_err(sel), why_sel(RULE_desc16_limit, sel));
    if (d.hi & (DH_S | DH_TYPE))
        cpu_raise_err(cpu, VEC_GP, sel_err(sel), why_desc(RULE_desc16_type, sel, d));
    return d.lo;
}

struct why desc_why(const struct cpu *cpu, u16 sel)
{
    bool ldt = sel & 4;

    if (ldt && !(cpu->ldtr.attr & SA_P))
        return why_sel(RULE_ldt_absent, sel);
    return why_limit(RULE_table_limit, sel, sel & 0xfff8u, 8,
                     ldt ? cpu->ldtr.limit : cpu->gdtr.limit);
}

struct desc desc_read(struct cpu *cpu, laddr la)
{
    u64 v = mem_read(cpu, la, 8, false);
    struct desc d = {(u32)v, (u32)(v >> 32)};

    if (cpu->model->isa == ISA_286) {
        d.hi &= 0xffff;
        if (!(d.hi & DH_S) && (d.hi & DH_TYPE386))
            d.hi &= ~(u32)DH_TYPE; /* 0: invalid */
    }
    return d;
}

bool desc_fetch(struct cpu *cpu, u16 sel, struct desc *d)
{
    laddr la;

    if (!desc_address(cpu, sel, &la))
        return false;
    *d = desc_read(cpu, la);
    return true;
}

void desc_set(struct cpu *cpu, u16 sel, struct desc *d, u32 bits)
{
    laddr la;

    if ((d->hi & bits) == bits || !desc_address(cpu, sel, &la))
        return;
    d->hi |= bits;
    mem_write(cpu, la + 5, 1, (u8)(d->hi >> 8), false);
}

void seg_update_cache(struct segment *s)
{
    s->limit_r = s->limit_w = -1;
    if (!(s->attr & SA_P))
        return;
    if (s->attr & SA_CODE) {
        if (s->attr & SA_RW)
            s->limit_r = s->limit;
    } else if (!(s->attr & SA_DC)) {
        s->limit_r = s->limit;
        if (s->attr & SA_RW)
            s->limit_w = s->limit;
    }
}

void seg_from_desc(struct segment *s, u16 sel, struct desc d)
{
    s->sel = sel;
    s->attr = (u16)(d.hi >> 8) & 0xf0ff;
    s->base = desc_base(d);
    s->base_high = 0;
    s->limit = desc_limit(d);
    seg_update_cache(s);
}

void seg_null(struct segment *s, u16 sel)
{
    *s = (struct segment){.sel = sel, .limit_r = -1, .limit_w = -1};
}

void seg_set_v86(struct segment *s, u16 sel)
{
    *s = (struct segment){.sel = sel,
                          .attr = SA_P | SA_DPL | SA_S | SA_RW | SA_ACCESSED,
                          .base = (u32)sel << 4,
                          .limit = 0xffff,
                          .limit_r = 0xffff,
                          .limit_w = 0xffff};
}

void seg_set_real(struct segment *s, u16 sel)
{
    s->sel = sel;
    s->base = (u32)sel << 4;
    s->base_high = 0;
    if (!(s->attr & SA_P)) { /* it was null when protected mode was left */
        s->attr = SA_P | SA_S | SA_RW | SA_ACCESSED;
        s->limit = 0xffff;
        seg_update_cache(s);
    }
}

enum rule seg_broken(const struct segment *s, u32 off, unsigned size, enum access acc)
{
    u64 last = (u64)off + size - 1;

    if (!(s->attr & SA_P))
        return RULE_seg_null;
    if (s->attr & SA_CODE) {
        if (acc == ACCESS_WRITE)
            return RULE_seg_write_code;
        if (acc == ACCESS_READ && !(s->attr & SA_RW))
            return RULE_seg_read_code;
    } else {
        if (acc == ACCESS_WRITE && !(s->attr & SA_RW))
            return RULE_seg_write_rodata;
        if (s->attr & SA_DC) /* expand-down: the limit is the last offset that is not valid */
            return off > s->limit && last <= stack_mask(s) ? RULE_none : RULE_seg_expand_down;
    }
    /* A 4 GiB segment has no end: offsets wrap, as where segments are flat and nothing is checked.
     */
    return last <= s->limit || s->limit == 0xffffffff ? RULE_none : RULE_seg_limit;
}

_Noreturn void seg_refuse(struct cpu *cpu, enum seg seg, u32 off, unsigned size, enum access acc)
{
    const struct segment *s = &cpu->seg[seg];

    cpu_raise_err(cpu, seg == SEG_SS ? VEC_SS : VEC_GP, 0,
                  why_access(seg_broken(s, off, size, acc), s, off, size));
}

/* The 8086 has none. */
static bool has_limits(const struct cpu *cpu)
{
    return cpu->model->isa != ISA_8086;
}

static void check_limit(struct cpu *cpu, enum seg seg, u32 off, unsigned size, enum access acc)
{
    const struct segment *s = &cpu->seg[seg];
    s64 limit = acc == ACCESS_WRITE ? s->limit_w : s->limit_r;

    if ((s64)off + (s64)size - 1 > limit && !seg_allows(s, off, size, acc) && has_limits(cpu))
        seg_refuse(cpu, seg, off, size, acc);
}

laddr seg_linear(struct cpu *cpu, enum seg seg, u64 off, unsigned size, enum access acc)
{
    laddr la = (seg_base(cpu, seg) + off) & cpu->eip_mask;

    if (!cpu_is_code64(cpu))
        check_limit(cpu, seg, (u32)off, size, acc);
    if ((cpu->mode & MODE_ALIGN) && size <= 8 && !(size & (size - 1)) && (la & (size - 1)) &&
        laddr_is_canonical(la))
        cpu_raise_err(cpu, VEC_AC, 0, why_value(RULE_align, la, la & (size - 1)));
    return la;
}

void seg_check_eip(struct cpu *cpu, u64 eip)
{
    const struct segment *cs = &cpu->seg[SEG_CS];

    if (cpu_is_code64(cpu)) {
        if (!laddr_is_canonical(eip))
            cpu_raise_noncanonical(cpu, eip);
    } else if (eip > cs->limit) {
        cpu_raise_err(cpu, VEC_GP, 0, why_access(RULE_eip_limit, cs, (u32)eip, 1));
    }
}

enum rule seg_ss_broken(u16 sel, struct desc d, unsigned cpl)
{
    if ((sel & 3) != cpl)
        return RULE_ss_rpl;
    if (!desc_is_writable_data(d))
        return RULE_ss_type;
    return desc_dpl(d) != cpl ? RULE_ss_dpl : RULE_none;
}

enum rule seg_data_broken(u16 sel, struct desc d, unsigned cpl)
{
    if (!(d.hi & DH_S) || (d.hi & (DH_CODE | DH_RW)) == DH_CODE)
        return RULE_data_type;
    if ((d.hi & (DH_CODE | DH_CONFORM)) != (DH_CODE | DH_CONFORM) &&
        (desc_dpl(d) < (sel & 3u) || desc_dpl(d) < cpl))
        return RULE_data_privilege;
    return RULE_none;
}

void seg_check_ss(struct cpu *cpu, struct segment *out, u16 sel, unsigned cpl, enum vector vec,
                  u32 ext)
{
    struct desc d;

    if (sel_null(sel))
        cpu_raise_err(cpu, vec, ext, why_sel(RULE_ss_null, sel));
    if (!desc_fetch(cpu, sel, &d))
        cpu_raise_err(cpu, vec, sel_err(sel) | ext, desc_why(cpu, sel));
    enum rule broken = seg_ss_broken(sel, d, cpl);
    if (broken)
        cpu_raise_err(cpu, vec, sel_err(sel) | ext, why_desc(broken, sel, d));
    if (!(d.hi & DH_P))
        cpu_raise_err(cpu, VEC_SS, sel_err(sel) | ext, why_desc(RULE_ss_present, sel, d));
    desc_set(cpu, sel, &d, DH_ACCESSED);
    seg_from_desc(out, sel, d);
}

void seg_null_ss(struct segment *ss, unsigned cpl)
{
    seg_null(ss, (u16)cpl);
    ss->attr = (u16)(cpl << SA_DPL_SHIFT);
}

void seg_check_ss64(struct cpu *cpu, struct segment *out, u16 sel, unsigned cpl)
{
    if (sel_null(sel) && cpl != 3 && (sel & 3) == cpl)
        seg_null_ss(out, cpl);
    else
        seg_check_ss(cpu, out, sel, cpl, VEC_GP, 0);
}

static void check_data(struct cpu *cpu, struct segment *out, u16 sel)
{
    struct desc d;

    if (sel_null(sel)) {
        seg_null(out, sel);
        return;
    }
    if (!desc_fetch(cpu, sel, &d))
        cpu_raise_err(cpu, VEC_GP, sel_err(sel), desc_why(cpu, sel));
    enum rule broken = seg_data_broken(sel, d, cpu->cpl);
    if (broken)
        cpu_raise_err(cpu, VEC_GP, sel_err(sel), why_desc(broken, sel, d));
    if (!(d.hi & DH_P))
        cpu_raise_err(cpu, VEC_NP, sel_err(sel), why_desc(RULE_data_present, sel, d));
    desc_set(cpu, sel, &d, DH_ACCESSED);
    seg_from_desc(out, sel, d);
}

void seg_load(struct cpu *cpu, enum seg seg, u16 sel)
{
    struct segment s;

    if (!(cpu->cr0 & CR0_PE)) {
        seg_set_real(&cpu->seg[seg], sel);
    } else if (cpu->eflags & FLAG_VM) {
        seg_set_v86(&cpu->seg[seg], sel);
    } else {
        if (seg == SEG_SS && cpu_is_code64(cpu))
            seg_check_ss64(cpu, &s, sel, cpu->cpl);
        else if (seg == SEG_SS)
            seg_check_ss(cpu, &s, sel, cpu->cpl, VEC_GP, 0);
        else
            check_data(cpu, &s, sel);
        cpu->seg[seg] = s;
    }
    cpu_update_mode_seg(cpu, seg);
}

void seg_drop_inner(struct cpu *cpu)
{
    static const u8 segs[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};

    for (unsigned i = 0; i < ARRAY_LEN(segs); i++) {
        struct segment *s = &cpu->seg[segs[i]];
        bool conforming = (s->attr & (SA_CODE | SA_DC)) == (SA_CODE | SA_DC);

        if ((s->attr & SA_P) && !conforming &&
            (unsigned)(s->attr & SA_DPL) >> SA_DPL_SHIFT < cpu->cpl) {
            u32 base = s->base, high = s->base_high;

            seg_null(s, 0);
            if (cpu_is_ia32e(cpu)) { /* the MSRs keep theirs */
                s->base = base;
                s->base_high = high;
            }
            cpu_update_mode_seg(cpu, (enum seg)segs[i]);
        }
    }
}

/* #SS unless all of the bytes have canonical addresses. */
static void check_canonical(struct cpu *cpu, const struct stack *st, laddr la, unsigned size)
{
    laddr bad = laddr_is_canonical(la) ? la + size - 1 : la;

    if (!laddr_is_canonical(bad))
        cpu_raise_err(cpu, VEC_SS, st->err,
                      why_value(RULE_noncanonical, bad, bad & NONCANONICAL_BITS));
}

static bool is_stack64(const struct stack *st)
{
    return st->mask == ~0ull;
}

static _Noreturn void refuse_stack(struct cpu *cpu, const struct stack *st, u32 off, unsigned size,
                                   enum access acc)
{
    enum rule broken = seg_broken(st->ss, off, size, acc);

    if (broken == RULE_seg_limit)
        broken = RULE_stack_limit;
    cpu_raise_err(cpu, VEC_SS, st->err, why_access(broken, st->ss, off, size));
}

static void check_push(struct cpu *cpu, const struct stack *st, u32 off, unsigned size)
{
    if ((s64)off + size - 1 > st->ss->limit_w && !seg_allows(st->ss, off, size, ACCESS_WRITE) &&
        has_limits(cpu))
        refuse_stack(cpu, st, off, size, ACCESS_WRITE);
}

void stack_check_room(struct cpu *cpu, const struct stack *st, u32 bytes)
{
    if (is_stack64(st)) {
        check_canonical(cpu, st, st->sp - bytes, bytes);
        return;
    }
    if (st->sp >= bytes && st->sp <= st->mask && (s64)st->sp - 1 <= st->ss->limit_w)
        return; /* all of it lies below the limit */
    for (u32 n = 2; n <= bytes; n += 2)
        check_push(cpu, st, (u32)((st->sp - n) & st->mask), 2);
}

static void check_aligned(struct cpu *cpu, const struct stack *st, laddr la, unsigned size)
{
    if ((cpu->mode & MODE_ALIGN) && st->priv == PRIV_USER && (la & (size - 1)))
        cpu_raise_err(cpu, VEC_AC, 0, why_value(RULE_align, la, la & (size - 1)));
}

static void push64(struct cpu *cpu, struct stack *st, unsigned size, u64 value)
{
    laddr la = st->sp - size;

    check_canonical(cpu, st, la, size);
    check_aligned(cpu, st, la, size);
    mem_write(cpu, la, size, value, st->priv);
    st->sp = la;
}

void stack_push(struct cpu *cpu, struct stack *st, unsigned size, u64 value)
{
    if (is_stack64(st)) {
        push64(cpu, st, size, value);
        return;
    }
    u32 off = (u32)((st->sp - size) & st->mask);

    if (!has_limits(cpu) && off == 0xffff) { /* the word goes on at the segment's start */
        mem_write(cpu, st->ss->base + off, 1, value & 0xff, PRIV_SUPER);
        mem_write(cpu, st->ss->base, 1, value >> 8 & 0xff, PRIV_SUPER);
        st->sp = stack_sp_add(st, 0 - (u64)size);
        return;
    }
    check_push(cpu, st, off, size);
    check_aligned(cpu, st, st->ss->base + off, size);
    mem_write(cpu, (u32)(st->ss->base + off), size, value, st->priv);
    st->sp = stack_sp_add(st, 0 - (u64)size);
}

u64 stack_peek(struct cpu *cpu, const struct stack *st, u32 at, unsigned size)
{
    u32 off = (u32)((st->sp + at) & st->mask);
    laddr la = (u32)(st->ss->base + off);

    if (is_stack64(st)) {
        la = st->sp + at;
        check_canonical(cpu, st, la, size);
        check_aligned(cpu, st, la, size);
        return mem_read(cpu, la, size, st->priv);
    }

    if ((s64)off + size - 1 > st->ss->limit_r && !seg_allows(st->ss, off, size, ACCESS_READ)) {
        if (has_limits(cpu))
            refuse_stack(cpu, st, off, size, ACCESS_READ);
        return mem_read(cpu, la, 1, PRIV_SUPER) | mem_read(cpu, st->ss->base, 1, PRIV_SUPER) << 8;
    }
    check_aligned(cpu, st, la, size);
    return mem_read(cpu, la, size, st->priv);
}

u64 stack_pop(struct cpu *cpu, struct stack *st, unsigned size)
{
    u64 value = stack_peek(cpu, st, 0, size);

    st->sp = stack_sp_add(st, size);
    return value;
}
