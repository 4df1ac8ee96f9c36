/* Helpers that read and test descriptors: segment loads, LAR, LSL, VERR, VERW, and the table
 * registers GDTR, IDTR, LDTR, TR (SDM 3A 2.4, 3.4, 5.10). */
#include "base/bytes.h"
#include "cpu/cpuid.h"
#include "cpu/helpers.h"
#include "cpu/seg.h"
#include "cpu/window.h"

u32 help_load_seg(struct cpu *cpu, u32 seg, u32 sel)
{
    u32 mode = cpu->mode;

    seg_load(cpu, (enum seg)seg, (u16)sel);
    return mode != cpu->mode;
}

u32 help_load_seg_plain(struct cpu *cpu, u32 seg, u32 sel)
{
    struct segment *s = &cpu->seg[seg];

    if (!(s->attr & SA_P)) /* null since protected mode */
        return help_load_seg(cpu, seg, sel);
    s->sel = (u16)sel;
    if (s->base == (u32)s->sel << 4)
        return 0;
    s->base = (u32)s->sel << 4;
    if (mode_seg_class(cpu->mode, seg) == SEGC_CHECKED) { /* as it was */
        if (cpu->tlb.live)
            window_update(cpu, (enum seg)seg);
        return 0;
    }
    u32 mode = cpu->mode;
    cpu_update_mode_seg(cpu, (enum seg)seg);
    return mode != cpu->mode;
}

/* SWAPGS; has the mode word changed? */
u32 help_swapgs(struct cpu *cpu)
{
    struct segment *gs = &cpu->seg[SEG_GS];
    u64 base = segment_base64(gs);
    u32 mode = cpu->mode;

    gs->base = (u32)cpu->msr.kernel_gs_base;
    gs->base_high = (u32)(cpu->msr.kernel_gs_base >> 32);
    cpu->msr.kernel_gs_base = base;
    cpu_update_mode_seg(cpu, SEG_GS);
    return mode != cpu->mode;
}

void help_set_zf(struct cpu *cpu, u32 zf)
{
    u32 flags = cpu_arith_flags(cpu);

    cpu->cc_src = (flags & ~(u32)FLAG_ZF) | (zf ? (u32)FLAG_ZF : 0);
    cpu->cc_op = FLAG_OP(FK_EFLAGS, 2);
}

void help_arpl(struct cpu *cpu, u32 seg, u32 off, u32 src)
{
    laddr from = seg_linear(cpu, (enum seg)seg, off, 2, ACCESS_READ);
    u32 old = (u32)mem_slow_read(cpu, from, 2);
    bool raise = (old & 3) < (src & 3);

    if (raise) {
        laddr la = seg_linear(cpu, (enum seg)seg, off, 2, ACCESS_WRITE);
        mem_slow_write(cpu, la, 2, (old & 0xfffc) | (src & 3));
    }
    help_set_zf(cpu, raise);
}

/* LSL knows segments that have a limit, LAR also gates that can be called; in IA-32e mode those of
 * 16 bits and task gates are none (SDM 2, tables of LAR and LSL). */
#define LSL_TYPES                                                                                  \
    (1u << SYS_TSS16 | 1u << SYS_LDT | 1u << SYS_TSS16_BUSY | 1u << SYS_TSS32 |                    \
     1u << SYS_TSS32_BUSY)
#define LAR_TYPES (LSL_TYPES | 1u << SYS_CALL16 | 1u << SYS_TASK_GATE | 1u << SYS_CALL32)
#define TYPES_64  (1u << SYS_LDT | 1u << SYS_TSS32 | 1u << SYS_TSS32_BUSY | 1u << SYS_CALL32)

/* Fetches sel's descriptor if a program at CPL may look at it; types: the system types that count.
 */
static bool visible(struct cpu *cpu, u16 sel, struct desc *d, u32 types)
{
    if (cpu_is_ia32e(cpu))
        types &= TYPES_64;
    if (sel_null(sel) || !desc_fetch(cpu, sel, d))
        return false;
    if (!(d->hi & DH_S) && !(types >> desc_type(*d) & 1))
        return false;
    if (desc_is_code(*d) && (d->hi & DH_CONFORM))
        return true;
    return desc_dpl(*d) >= cpu->cpl && desc_dpl(*d) >= (sel & 3u);
}

static void result(struct cpu *cpu, u32 reg, u32 size, bool ok, u32 value)
{
    if (ok)
        cpu->gpr[reg] = size >= 4 ? value : (cpu->gpr[reg] & ~0xffffull) | (value & 0xffff);
    help_set_zf(cpu, ok);
}

/* Real parts deliver the limit bits of the access rights too, which the manual leaves open. */
void help_lar(struct cpu *cpu, u32 sel, u32 reg, u32 size)
{
    struct desc d = {0, 0};
    bool ok = visible(cpu, (u16)sel, &d, LAR_TYPES);

    result(cpu, reg, size, ok, d.hi & 0x00ffff00);
}

void help_lsl(struct cpu *cpu, u32 sel, u32 reg, u32 size)
{
    struct desc d = {0, 0};
    bool ok = visible(cpu, (u16)sel, &d, LSL_TYPES);

    result(cpu, reg, size, ok, desc_limit(d));
}

void help_verify(struct cpu *cpu, u32 sel, u32 write)
{
    struct desc d = {0, 0};
    bool ok = visible(cpu, (u16)sel, &d, 0);

    if (write)
        ok = ok && desc_is_writable_data(d);
    else
        ok = ok && (d.hi & (DH_CODE | DH_RW)) != DH_CODE;
    help_set_zf(cpu, ok);
}

/* The checks that LLDT and LTR share. */
static struct desc fetch_system(struct cpu *cpu, u16 sel, u32 types, enum rule rule)
{
    struct desc d;

    if (sel & 4)
        cpu_raise_err(cpu, VEC_GP, sel_err(sel), why_sel(rule, sel));
    if (!desc_fetch(cpu, sel, &d))
        cpu_raise_err(cpu, VEC_GP, sel_err(sel), desc_why(cpu, sel));
    if ((d.hi & DH_S) || !(types >> desc_type(d) & 1))
        cpu_raise_err(cpu, VEC_GP, sel_err(sel), why_desc(rule, sel, d));
    if (!(d.hi & DH_P))
        cpu_raise_err(cpu, VEC_NP, sel_err(sel), why_desc(RULE_system_present, sel, d));
    return d;
}

/* The upper half of the base; it must be canonical. */
static u32 fetch_base_high(struct cpu *cpu, u16 sel, struct desc d)
{
    if (!cpu_is_ia32e(cpu))
        return 0;
    u32 high = desc_fetch_high(cpu, sel);
    laddr base = (u64)high << 32 | desc_base(d);
    if (!laddr_is_canonical(base))
        cpu_raise_err(cpu, VEC_GP, sel_err(sel),
                      why_value(RULE_noncanonical, base, base & NONCANONICAL_BITS));
    return high;
}

void help_lldt(struct cpu *cpu, u32 selector)
{
    u16 sel = (u16)selector;

    if (sel_null(sel)) {
        seg_null(&cpu->ldtr, sel);
        return;
    }
    struct desc d = fetch_system(cpu, sel, 1u << SYS_LDT, RULE_ldtr_type);
    u32 high = fetch_base_high(cpu, sel, d);
    seg_from_desc(&cpu->ldtr, sel, d);
    cpu->ldtr.base_high = high;
}

void help_ltr(struct cpu *cpu, u32 selector)
{
    u16 sel = (u16)selector;

    if (sel_null(sel))
        cpu_raise_err(cpu, VEC_GP, 0, why_sel(RULE_ltr_null, sel));
    u32 types = 1u << SYS_TSS32 | (cpu_is_ia32e(cpu) ? 0 : 1u << SYS_TSS16);
    struct desc d = fetch_system(cpu, sel, types, RULE_ltr_type);
    u32 high = fetch_base_high(cpu, sel, d);
    desc_set(cpu, sel, &d, DH_BUSY);
    seg_from_desc(&cpu->tr, sel, d);
    cpu->tr.base_high = high;
}

static void set_table(struct cpu *cpu, bool idt, laddr base, u16 limit)
{
    if (idt) {
        cpu->idtr.base = base;
        cpu->idtr.limit = limit;
    } else {
        cpu->gdtr.base = base;
        cpu->gdtr.limit = limit;
    }
}

void help_load_table(struct cpu *cpu, u32 idt, u32 seg, u32 off, u32 opsize)
{
    laddr la = seg_linear(cpu, (enum seg)seg, off, 6, ACCESS_READ);
    u16 limit = (u16)mem_read(cpu, la, 2, cpu_priv(cpu));
    u32 base = (u32)mem_read(cpu, la + 2, 4, cpu_priv(cpu));

    if (opsize == 2)
        base &= 0xffffff;
    set_table(cpu, idt, base, limit);
}

/* In 64-bit mode a table's image has ten bytes, whatever the operand size. */
void help_load_table64(struct cpu *cpu, u64 idt, u64 seg, u64 off)
{
    laddr la = seg_linear(cpu, (enum seg)seg, off, 10, ACCESS_READ);
    u8 image[10];

    mem_read_block(cpu, la, image, sizeof(image), cpu_priv(cpu));
    laddr base = load_le(image + 2, 8);
    if (!laddr_is_canonical(base))
        cpu_raise_noncanonical(cpu, base);
    set_table(cpu, idt, base, (u16)load_le(image, 2));
}

void help_store_table64(struct cpu *cpu, u64 idt, u64 seg, u64 off)
{
    laddr la = seg_linear(cpu, (enum seg)seg, off, 10, ACCESS_WRITE);
    u8 image[10];

    if ((cpu->mode & MODE_ALIGN) && (la & 7))
        cpu_raise_err(cpu, VEC_AC, 0, why_value(RULE_align, la, la & 7));
    store_le(image, 2, idt ? cpu->idtr.limit : cpu->gdtr.limit);
    store_le(image + 2, 8, idt ? cpu->idtr.base : cpu->gdtr.base);
    mem_slow_write_block(cpu, la, image, sizeof(image)); /* it may be the block's own code */
}

void help_store_table(struct cpu *cpu, u32 idt, u32 seg, u32 off)
{
    laddr la = seg_linear(cpu, (enum seg)seg, off, 6, ACCESS_WRITE);
    u32 base = (u32)(idt ? cpu->idtr.base : cpu->gdtr.base);

    if (cpu->model->isa == ISA_286) /* whose sixth byte is ones */
        base |= 0xff000000;
    if ((cpu->mode & MODE_ALIGN) && (la & 3)) /* SDM 3A table 6-7 */
        cpu_raise_err(cpu, VEC_AC, 0, why_value(RULE_align, la, la & 3));
    u8 image[6];
    store_le(image, 2, idt ? cpu->idtr.limit : cpu->gdtr.limit);
    store_le(image + 2, 4, base);
    mem_slow_write_block(cpu, la, image, sizeof(image)); /* it may be the block's own code */
}
