/* Hardware task switches by JMP, CALL, IRET and task gates, between TSSs of 16 and 32 bits (SDM
 * 3A 7.2, 7.3).
 *
 * The order is the manual's: what can fault in the old task first (both TSSs are read or probed
 * whole), then the old state is saved, the new one loaded; from there faults (#TS, #NP, #SS, #GP,
 * #PF) belong to the new task, whose first instruction has not run. */
#include "cpu/task.h"

#include "cpu/crs.h"
#include "cpu/debug.h"
#include "cpu/vme.h"

/* The state that a TSS holds, and its layout (SDM 3A figures 7-2 and 7-10). */
enum tss_field {
    TF_EIP,
    TF_EFLAGS,
    TF_GPR,
    TF_SEG = TF_GPR + GPR_COUNT,
    TF_LDT = TF_SEG + SEG_COUNT,
    TF_CR3,
    TF_COUNT
};

struct tss_layout {
    u8 width;     /* of EIP, EFLAGS and general registers, in bytes */
    u8 eip;       /* offset of EIP; EFLAGS, general and segment registers follow, width apart */
    u8 nsegs;     /* segment registers it has */
    u8 ldt;       /* offset of the LDT selector */
    u8 min_limit; /* #TS if the limit is less */
};

static const struct tss_layout layout16 = {2, 0x0e, 4, 0x2a, 0x2b};
static const struct tss_layout layout32 = {4, 0x20, 6, 0x60, 0x67};

enum { TSS_CR3 = 0x1c, TSS_TRAP = 0x64 };

static const struct tss_layout *layout_of(unsigned type)
{
    return type & 8 ? &layout32 : &layout16;
}

static laddr field_addr(const struct tss_layout *t, laddr base, unsigned field)
{
    return base + t->eip + field * t->width;
}

static void read_state(struct cpu *cpu, const struct tss_layout *t, laddr base, u32 *v)
{
    for (unsigned i = 0; i < TF_LDT; i++)
        v[i] = i < (unsigned)TF_SEG + t->nsegs
                   ? (u32)mem_read(cpu, field_addr(t, base, i), t->width, false)
                   : 0;
    v[TF_LDT] = (u32)mem_read(cpu, base + t->ldt, 2, false);
    v[TF_CR3] = t == &layout32 ? (u32)mem_read(cpu, base + TSS_CR3, 4, false) : 0;
    if (t == &layout16)
        for (unsigned i = 0; i < GPR_COUNT; i++)
            v[TF_GPR + i] |= 0xffff0000;
}

static void save_state(struct cpu *cpu, const struct tss_layout *t, u32 eip, u32 eflags)
{
    laddr base = cpu->tr.base;

    mem_write(cpu, field_addr(t, base, TF_EIP), t->width, eip, false);
    mem_write(cpu, field_addr(t, base, TF_EFLAGS), t->width, eflags, false);
    for (unsigned i = 0; i < GPR_COUNT; i++)
        mem_write(cpu, field_addr(t, base, TF_GPR + i), t->width, cpu->gpr[i], false);
    for (unsigned i = 0; i < t->nsegs; i++)
        mem_write(cpu, field_addr(t, base, TF_SEG + i), 2, cpu->seg[i].sel, false);
}

/* Nothing happens to a TR that LTR never loaded. */
static void set_busy(struct cpu *cpu, u16 sel, bool busy)
{
    laddr la;

    if (sel_null(sel) || !desc_address(cpu, sel, &la))
        return;
    u8 type = (u8)mem_read(cpu, la + 5, 1, false);
    mem_write(cpu, la + 5, 1, busy ? type | 2u : type & ~2u, false);
}

/* Raises what writing both TSSs and both descriptors may raise. */
static void probe_writes(struct cpu *cpu, u16 sel, laddr to, bool nested,
                         const struct tss_layout *from)
{
    laddr la;

    if (desc_address(cpu, sel, &la))
        mem_probe_write(cpu, la + 5, 1, false);
    if (!sel_null(cpu->tr.sel) && desc_address(cpu, cpu->tr.sel, &la))
        mem_probe_write(cpu, la + 5, 1, false);
    if (nested)
        mem_probe_write(cpu, to, 2, false);
    mem_probe_write(cpu, cpu->tr.base, from->min_limit + 1u, false);
}

static void load_ldt(struct cpu *cpu, u16 sel, u32 ext)
{
    struct desc d;

    seg_null(&cpu->ldtr, sel);
    if (sel_null(sel))
        return;
    if (sel & 4)
        cpu_raise_err(cpu, VEC_TS, sel_err(sel) | ext, why_sel(RULE_task_ldt, sel));
    if (!desc_fetch(cpu, sel, &d))
        cpu_raise_err(cpu, VEC_TS, sel_err(sel) | ext, desc_why(cpu, sel));
    if (desc_type(d) != SYS_LDT || !(d.hi & DH_P))
        cpu_raise_err(cpu, VEC_TS, sel_err(sel) | ext, why_desc(RULE_task_ldt, sel, d));
    seg_from_desc(&cpu->ldtr, sel, d);
}

static void load_cs(struct cpu *cpu, u16 sel, u32 ext)
{
    struct desc d;
    unsigned rpl = sel & 3;

    if (sel_null(sel))
        cpu_raise_err(cpu, VEC_TS, sel_err(sel) | ext, why_sel(RULE_far_null, sel));
    if (!desc_fetch(cpu, sel, &d))
        cpu_raise_err(cpu, VEC_TS, sel_err(sel) | ext, desc_why(cpu, sel));
    if (!desc_is_code(d))
        cpu_raise_err(cpu, VEC_TS, sel_err(sel) | ext, why_desc(RULE_task_cs_type, sel, d));
    if (d.hi & DH_CONFORM ? desc_dpl(d) > rpl : desc_dpl(d) != rpl)
        cpu_raise_err(cpu, VEC_TS, sel_err(sel) | ext, why_desc(RULE_task_cs_dpl, sel, d));
    if (!(d.hi & DH_P))
        cpu_raise_err(cpu, VEC_NP, sel_err(sel) | ext, why_desc(RULE_code_present, sel, d));
    desc_set(cpu, sel, &d, DH_ACCESSED);
    seg_from_desc(&cpu->seg[SEG_CS], sel, d);
}

static void load_data(struct cpu *cpu, enum seg seg, u16 sel, u32 ext)
{
    struct desc d;

    if (sel_null(sel))
        return;
    if (!desc_fetch(cpu, sel, &d))
        cpu_raise_err(cpu, VEC_TS, sel_err(sel) | ext, desc_why(cpu, sel));
    enum rule broken = seg_data_broken(sel, d, cpu->cpl);
    if (broken)
        cpu_raise_err(cpu, VEC_TS, sel_err(sel) | ext, why_desc(broken, sel, d));
    if (!(d.hi & DH_P))
        cpu_raise_err(cpu, VEC_NP, sel_err(sel) | ext, why_desc(RULE_data_present, sel, d));
    desc_set(cpu, sel, &d, DH_ACCESSED);
    seg_from_desc(&cpu->seg[seg], sel, d);
}

/* The new task's segments, from selectors that are already in place. */
static void load_segments(struct cpu *cpu, const u32 *v, u32 ext)
{
    static const u8 data[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};

    load_ldt(cpu, (u16)v[TF_LDT], ext);
    if (cpu->eflags & FLAG_VM) {
        for (unsigned i = 0; i < SEG_COUNT; i++)
            seg_set_v86(&cpu->seg[i], (u16)v[TF_SEG + i]);
        return;
    }
    load_cs(cpu, (u16)v[TF_SEG + SEG_CS], ext);
    seg_check_ss(cpu, &cpu->seg[SEG_SS], (u16)v[TF_SEG + SEG_SS], cpu->cpl, VEC_TS, ext);
    for (unsigned i = 0; i < ARRAY_LEN(data); i++)
        load_data(cpu, data[i], (u16)v[TF_SEG + data[i]], ext);
}

/* Registers that load without checks; every segment is unusable until load_segments(). */
static void load_registers(struct cpu *cpu, const u32 *v, u32 eflags)
{
    cpu->eip = v[TF_EIP];
    cpu_set_eflags(cpu, debug_on_code(cpu) ? eflags : eflags & ~(u32)FLAG_RF);
    for (unsigned i = 0; i < GPR_COUNT; i++)
        cpu->gpr[i] = v[TF_GPR + i];
    for (unsigned i = 0; i < SEG_COUNT; i++)
        seg_null(&cpu->seg[i], (u16)v[TF_SEG + i]);
    seg_null(&cpu->ldtr, (u16)v[TF_LDT]);
    cpu->cpl = eflags & FLAG_VM ? 3 : v[TF_SEG + SEG_CS] & 3;
    cpu->cr0 |= CR0_TS;
    cpu->mmu.cr0 = cpu->cr0;
    cpu->dr[7] &= ~(u32)DR7_LOCAL;
    debug_update(cpu);
    cpu_update_mode(cpu);
}

static void push_error(struct cpu *cpu, const struct tss_layout *t, u32 error, u32 ext)
{
    struct stack st = stack_current(cpu);

    st.err = ext;
    stack_push(cpu, &st, t->width, error);
    cpu->gpr[ESP] = st.sp;
}

/* The part that runs, and faults, in the new task. */
static void enter(struct cpu *cpu, const struct tss_layout *t, const u32 *v, const struct event *ev)
{
    u32 ext = ev && !ev->soft;

    if (t == &layout32 && (cpu->cr0 & CR0_PG))
        cr3_load(cpu, v[TF_CR3]);
    load_segments(cpu, v, ext);
    cpu_update_mode(cpu);
    if (ev && ev->has_error)
        push_error(cpu, t, ev->error, ext);
    if (cpu->eip > cpu->seg[SEG_CS].limit)
        cpu_raise_err(cpu, VEC_GP, ext, why_access(RULE_eip_limit, &cpu->seg[SEG_CS], cpu->eip, 1));
    vme_after_load(cpu);
    if (t == &layout32 && (mem_read(cpu, cpu->tr.base + TSS_TRAP, 1, false) & 1))
        cpu_debug_trap(cpu, DR6_BT);
}

void task_switch(struct cpu *cpu, u16 sel, enum task_reason reason, u32 return_eip,
                 const struct event *ev)
{
    u32 ext = ev && !ev->soft;
    bool nested = reason == TASK_CALL || reason == TASK_EVENT;
    enum vector vec = reason == TASK_IRET ? VEC_TS : VEC_GP;
    u32 want = reason == TASK_IRET ? DH_BUSY : 0;
    u16 old_sel = cpu->tr.sel;
    u32 v[TF_COUNT];
    struct desc d;
    struct segment tr;

    if (sel_null(sel) || (sel & 4))
        cpu_raise_err(cpu, vec, sel_err(sel) | ext,
                      why_sel(sel_null(sel) ? RULE_task_null : RULE_task_local, sel));
    if (!desc_fetch(cpu, sel, &d))
        cpu_raise_err(cpu, vec, sel_err(sel) | ext, desc_why(cpu, sel));
    if ((desc_type(d) & ~0xau) != SYS_TSS16)
        cpu_raise_err(cpu, vec, sel_err(sel) | ext, why_desc(RULE_task_type, sel, d));
    if ((d.hi & DH_BUSY) != want)
        cpu_raise_err(cpu, vec, sel_err(sel) | ext,
                      why_desc(want ? RULE_task_not_busy : RULE_task_busy, sel, d));
    if (!(d.hi & DH_P))
        cpu_raise_err(cpu, VEC_NP, sel_err(sel) | ext, why_desc(RULE_task_present, sel, d));
    const struct tss_layout *to = layout_of(desc_type(d)),
                            *from = layout_of(cpu->tr.attr & SA_TYPE);
    if (desc_limit(d) < to->min_limit)
        cpu_raise_err(cpu, VEC_TS, sel_err(sel) | ext, why_desc(RULE_task_limit, sel, d));
    seg_from_desc(&tr, sel, d);
    read_state(cpu, to, tr.base, v);
    probe_writes(cpu, sel, tr.base, nested, from);
    u32 eflags = cpu_eflags(cpu);
    if (reason == TASK_IRET)
        eflags &= ~(u32)FLAG_NT;
    else if (ev && ev->fault)
        eflags |= FLAG_RF;

    if (!nested)
        set_busy(cpu, old_sel, false);
    if (reason != TASK_IRET)
        set_busy(cpu, sel, true);
    save_state(cpu, from, return_eip, eflags);
    read_state(cpu, to, tr.base, v); /* again: the two may be one */
    if (nested) {
        mem_write(cpu, tr.base, 2, old_sel, false);
        v[TF_EFLAGS] |= FLAG_NT;
    }
    if (to == &layout16)
        v[TF_EFLAGS] &= 0xffff;

    /* Inside a block: this instruction retires now, and what faults from here on is at the new EIP.
     */
    u32 left = cpu->insn_left;
    if (left) {
        cpu->budget += left - 1;
        cpu->insn_left = 0;
    }
    cpu->tr = tr;
    cpu->tr.attr |= SA_RW; /* busy */
    load_registers(cpu, v, v[TF_EFLAGS]);
    enter(cpu, to, v, ev);
    if (left) {
        cpu->budget -= left - 1;
        cpu->insn_left = left;
    }
}

void task_gate(struct cpu *cpu, struct desc gate, enum task_reason reason, u32 return_eip,
               const struct event *ev)
{
    task_switch(cpu, (u16)(gate.lo >> 16), reason, return_eip, ev);
}
