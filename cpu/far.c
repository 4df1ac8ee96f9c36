/* JMP and CALL far in protected mode: code segments, call gates with stack switch and parameters,
 * task gates and TSSs; SYSENTER and SYSEXIT (SDM 3A 5.8, SDM 2). Checks and pushes first, registers
 * last. In the other modes translated code does it all (sem_int.c), but for the load of CS. */
#include "cpu/far.h"

#include "cpu/task.h"

static void check_target(struct cpu *cpu, const struct segment *cs, u32 off)
{
    if (off > cs->limit)
        cpu_raise_err(cpu, VEC_GP, 0, why_access(RULE_eip_limit, cs, off, 1));
}

static void push_return(struct cpu *cpu, struct stack *st, unsigned size, u32 next)
{
    stack_push(cpu, st, size, cpu->seg[SEG_CS].sel);
    stack_push(cpu, st, size, next);
}

static void commit(struct cpu *cpu, const struct segment *cs, unsigned cpl, u32 eip)
{
    cs_commit(cpu, cs, cpl);
    cpu->eip = eip;
    cpu_update_mode_transfer(cpu);
}

void far_load_cs(struct cpu *cpu, u16 sel, u32 eip)
{
    if (cpu->eflags & FLAG_VM)
        seg_set_v86(&cpu->seg[SEG_CS], sel);
    else
        seg_set_real(&cpu->seg[SEG_CS], sel);
    cpu->eip = eip;
    cpu_update_mode_seg(cpu, SEG_CS);
}

/* A code segment as the direct target of JMP or CALL: the transfer stays at CPL. */
static void direct_code(struct cpu *cpu, u16 sel, struct desc d, struct segment *cs)
{
    bool conforming = d.hi & DH_CONFORM;
    bool ok =
        conforming ? desc_dpl(d) <= cpu->cpl : (sel & 3u) <= cpu->cpl && desc_dpl(d) == cpu->cpl;
    if (!ok)
        cpu_raise_err(
            cpu, VEC_GP, sel_err(sel),
            why_desc(conforming ? RULE_code_conforming : RULE_code_nonconforming, sel, d));
    if (!(d.hi & DH_P))
        cpu_raise_err(cpu, VEC_NP, sel_err(sel), why_desc(RULE_code_present, sel, d));
    desc_set(cpu, sel, &d, DH_ACCESSED);
    seg_from_desc(cs, sel, d);
}

/* Through a call gate. JMP pushes nothing and cannot change CPL. */
static void through_gate(struct cpu *cpu, struct desc gate, bool call, u32 next)
{
    bool wide = desc_type(gate) == SYS_CALL32;
    unsigned size = wide ? 4 : 2;
    u32 eip = (gate.lo & 0xffff) | (wide ? gate.hi & 0xffff0000 : 0);
    u16 sel = (u16)(gate.lo >> 16);
    struct stack old = stack_current(cpu), st = old;
    struct segment cs, ss;

    unsigned cpl = gate_code(cpu, sel, 0, &cs);
    if (cpl != cpu->cpl) {
        u32 esp, params[31], n = gate.hi & 0x1f;

        if (!call)
            cpu_raise_err(cpu, VEC_GP, sel_err(sel), why_sel(RULE_gate_jmp_inner, sel));
        tss_stack(cpu, cpl, 0, &ss, &esp);
        for (u32 i = 0; i < n; i++)
            params[i] = stack_pop(cpu, &old, size);
        st = (struct stack){&ss, esp, stack_mask(&ss), stack_priv(cpu, cpl), sel_err(ss.sel)};
        stack_check_room(cpu, &st, (n + 4) * size);
        check_target(cpu, &cs, eip);
        stack_push(cpu, &st, size, cpu->seg[SEG_SS].sel);
        stack_push(cpu, &st, size, cpu->gpr[ESP]);
        while (n--)
            stack_push(cpu, &st, size, params[n]);
    }
    if (call && cpl == cpu->cpl)
        stack_check_room(cpu, &st, 2 * size);
    check_target(cpu, &cs, eip);
    if (call)
        push_return(cpu, &st, size, next);
    if (cpl != cpu->cpl)
        cpu->seg[SEG_SS] = ss;
    cpu->gpr[ESP] = st.sp;
    commit(cpu, &cs, cpl, eip);
}

/* A system descriptor as target. */
static void through_system(struct cpu *cpu, u16 sel, struct desc d, bool call, u32 next)
{
    unsigned type = desc_type(d);
    enum task_reason reason = call ? TASK_CALL : TASK_JMP;

    if (desc_dpl(d) < cpu->cpl || desc_dpl(d) < (sel & 3u))
        cpu_raise_err(cpu, VEC_GP, sel_err(sel),
                      why_desc(d.hi & DH_S ? RULE_code_type : RULE_system_privilege, sel, d));
    switch (type) {
    case SYS_CALL16:
    case SYS_CALL32:
    case SYS_TASK_GATE:
        if (!(d.hi & DH_P))
            cpu_raise_err(cpu, VEC_NP, sel_err(sel), why_desc(RULE_gate_present, sel, d));
        if (type == SYS_TASK_GATE)
            task_switch(cpu, (u16)(d.lo >> 16), reason, next, NULL);
        else
            through_gate(cpu, d, call, next);
        break;
    case SYS_TSS16:
    case SYS_TSS32: task_switch(cpu, sel, reason, next, NULL); break;
    default:
        cpu_raise_err(cpu, VEC_GP, sel_err(sel),
                      why_desc(d.hi & DH_S ? RULE_code_type : RULE_far_system_type, sel, d));
    }
}

static struct desc fetch_target(struct cpu *cpu, u16 sel)
{
    struct desc d;

    if (sel_null(sel))
        cpu_raise_err(cpu, VEC_GP, 0, why_sel(RULE_far_null, sel));
    if (!desc_fetch(cpu, sel, &d))
        cpu_raise_err(cpu, VEC_GP, sel_err(sel), desc_why(cpu, sel));
    return d;
}

void far_jmp(struct cpu *cpu, u16 sel, u32 off, u32 next)
{
    struct segment cs;
    struct desc d = fetch_target(cpu, sel);

    if (!desc_is_code(d)) {
        through_system(cpu, sel, d, false, next);
        return;
    }
    direct_code(cpu, sel, d, &cs);
    check_target(cpu, &cs, off);
    commit(cpu, &cs, cpu->cpl, off);
}

void far_call(struct cpu *cpu, u16 sel, u32 off, unsigned opsize, u32 next)
{
    struct stack st = stack_current(cpu);
    struct segment cs;
    struct desc d = fetch_target(cpu, sel);

    if (!desc_is_code(d)) {
        through_system(cpu, sel, d, true, next);
        return;
    }
    direct_code(cpu, sel, d, &cs);
    push_return(cpu, &st, opsize, next); /* what is pushed stays, whatever is then refused */
    check_target(cpu, &cs, off);
    cpu->gpr[ESP] = st.sp;
    commit(cpu, &cs, cpu->cpl, off);
}

/* The fixed segments of SYSENTER and SYSEXIT: flat, 4 GiB, no descriptor is read. */
static void flat_segment(struct segment *s, u16 sel, bool code, unsigned dpl)
{
    *s = (struct segment){
        .sel = sel,
        .attr = (u16)(SA_P | SA_S | SA_RW | SA_ACCESSED | SA_DB | SA_G | (code ? SA_CODE : 0) |
                      dpl << SA_DPL_SHIFT),
        .limit = 0xffffffff,
        .limit_r = 0xffffffff,
        .limit_w = code ? -1 : (s64)0xffffffff,
    };
}

static void fast_transfer(struct cpu *cpu, u32 cs, unsigned cpl, u32 eip, u32 esp)
{
    flat_segment(&cpu->seg[SEG_CS], (u16)((cs & 0xfffc) | cpl), true, cpl);
    flat_segment(&cpu->seg[SEG_SS], (u16)(((cs + 8) & 0xfffc) | cpl), false, cpl);
    cpu->cpl = (u8)cpl;
    cpu->eip = eip;
    cpu->gpr[ESP] = esp;
    cpu_update_mode_transfer(cpu);
}

void far_sysenter(struct cpu *cpu)
{
    u32 cs = cpu->msr.sysenter_cs;

    if (!(cpu->cr0 & CR0_PE) || !(cs & 0xfffc))
        cpu_raise_err(cpu, VEC_GP, 0, why_value(RULE_sysenter_unset, cs, 0));
    cpu->eflags &= ~(u32)(FLAG_VM | FLAG_IF | FLAG_RF);
    fast_transfer(cpu, cs, 0, cpu->msr.sysenter_eip, cpu->msr.sysenter_esp);
}

void far_sysexit(struct cpu *cpu)
{
    u32 cs = cpu->msr.sysenter_cs;

    if (!(cpu->cr0 & CR0_PE) || !(cs & 0xfffc) || cpu->cpl != 0)
        cpu_raise_err(cpu, VEC_GP, 0,
                      why_value(cpu->cpl ? RULE_sysexit_cpl : RULE_sysenter_unset, cs, 0));
    fast_transfer(cpu, cs + 16, 3, cpu->gpr[EDX], cpu->gpr[ECX]);
}
