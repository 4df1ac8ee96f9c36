/* JMP and CALL far in protected mode: code segments, call gates with stack switch and parameters,
 * task gates and TSSs; SYSENTER and SYSEXIT, SYSCALL and SYSRET (SDM 3A 5.8, SDM 2). Checks and
 * pushes first, registers last. In the other modes translated code does it all (sem_int.c), but for
 * the load of CS. */
#include "cpu/far.h"

#include "cpu/cpuid.h"
#include "cpu/task.h"

u64 far_target(struct cpu *cpu, const struct segment *cs, u64 off)
{
    if (seg_is_code64(cpu, cs)) {
        if (!laddr_is_canonical(off))
            cpu_raise_noncanonical(cpu, off);
        return off;
    }
    if ((u32)off > cs->limit)
        cpu_raise_err(cpu, VEC_GP, 0, why_access(RULE_eip_limit, cs, (u32)off, 1));
    return (u32)off;
}

static void push_return(struct cpu *cpu, struct stack *st, unsigned size, u64 next)
{
    stack_push(cpu, st, size, cpu->seg[SEG_CS].sel);
    stack_push(cpu, st, size, next);
}

static void commit(struct cpu *cpu, const struct segment *cs, unsigned cpl, u64 eip)
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
    if (desc_is_code_bad64(cpu, d))
        cpu_raise_err(cpu, VEC_GP, sel_err(sel), why_desc(RULE_code_bits, sel, d));
    if (!(d.hi & DH_P))
        cpu_raise_err(cpu, VEC_NP, sel_err(sel), why_desc(RULE_code_present, sel, d));
    desc_set(cpu, sel, &d, DH_ACCESSED);
    seg_from_desc(cs, sel, d);
}

/* Through a call gate. JMP pushes nothing and cannot change CPL. */
static void through_gate(struct cpu *cpu, struct desc gate, bool call, u64 next)
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
            params[i] = (u32)stack_pop(cpu, &old, size);
        st = (struct stack){&ss, esp, stack_mask(&ss), stack_priv(cpu, cpl), sel_err(ss.sel)};
        stack_check_room(cpu, &st, (n + 4) * size);
        far_target(cpu, &cs, eip);
        stack_push(cpu, &st, size, cpu->seg[SEG_SS].sel);
        stack_push(cpu, &st, size, cpu->gpr[ESP]);
        while (n--)
            stack_push(cpu, &st, size, params[n]);
    }
    if (call && cpl == cpu->cpl)
        stack_check_room(cpu, &st, 2 * size);
    far_target(cpu, &cs, eip);
    if (call)
        push_return(cpu, &st, size, next);
    if (cpl != cpu->cpl)
        cpu->seg[SEG_SS] = ss;
    cpu->gpr[ESP] = st.sp;
    commit(cpu, &cs, cpl, eip);
}

/* In IA-32e mode: the inner stack is the TSS's RSP, with a null SS, and nothing is copied (SDM 3A
 * 5.8.5.1). */
static void through_gate64(struct cpu *cpu, u16 gate_sel, struct desc gate, bool call, u64 next)
{
    u64 rip =
        (gate.lo & 0xffff) | (gate.hi & 0xffff0000) | (u64)desc_fetch_high(cpu, gate_sel) << 32;
    u16 sel = (u16)(gate.lo >> 16);
    struct segment cs;
    unsigned cpl = gate_code(cpu, sel, 0, &cs);
    bool inner = cpl != cpu->cpl;

    if (inner && !call)
        cpu_raise_err(cpu, VEC_GP, sel_err(sel), why_sel(RULE_gate_jmp_inner, sel));
    struct stack st =
        stack_64(cpu, cpl, inner ? tss_stack64(cpu, tss_rsp_offset(cpl), 0) : cpu->gpr[ESP], 0);
    if (call)
        stack_check_room(cpu, &st, inner ? 32 : 16);
    far_target(cpu, &cs, rip);
    if (inner) {
        stack_push(cpu, &st, 8, cpu->seg[SEG_SS].sel);
        stack_push(cpu, &st, 8, cpu->gpr[ESP]);
    }
    if (call)
        push_return(cpu, &st, 8, next);
    if (inner)
        seg_null_ss(&cpu->seg[SEG_SS], cpl);
    cpu->gpr[ESP] = st.sp;
    commit(cpu, &cs, cpl, rip);
}

/* A system descriptor as target. */
static void through_system(struct cpu *cpu, u16 sel, struct desc d, bool call, u64 next)
{
    unsigned type = desc_type(d);
    bool ia32e = cpu_is_ia32e(cpu);
    enum task_reason reason = call ? TASK_CALL : TASK_JMP;

    if (desc_dpl(d) < cpu->cpl || desc_dpl(d) < (sel & 3u))
        cpu_raise_err(cpu, VEC_GP, sel_err(sel),
                      why_desc(d.hi & DH_S ? RULE_code_type : RULE_system_privilege, sel, d));
    if (ia32e && type != SYS_CALL32) /* no tasks, nor gates to code of 16 or 32 bits */
        cpu_raise_err(cpu, VEC_GP, sel_err(sel),
                      why_desc(d.hi & DH_S ? RULE_code_type : RULE_ia32e_task, sel, d));
    switch (type) {
    case SYS_CALL16:
    case SYS_CALL32:
    case SYS_TASK_GATE:
        if (!(d.hi & DH_P))
            cpu_raise_err(cpu, VEC_NP, sel_err(sel), why_desc(RULE_gate_present, sel, d));
        if (type == SYS_TASK_GATE)
            task_switch(cpu, (u16)(d.lo >> 16), reason, (u32)next, NULL);
        else if (ia32e)
            through_gate64(cpu, sel, d, call, next);
        else
            through_gate(cpu, d, call, next);
        break;
    case SYS_TSS16:
    case SYS_TSS32: task_switch(cpu, sel, reason, (u32)next, NULL); break;
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

void far_jmp(struct cpu *cpu, u16 sel, u64 off, u64 next)
{
    struct segment cs;
    struct desc d = fetch_target(cpu, sel);

    if (!desc_is_code(d)) {
        through_system(cpu, sel, d, false, next);
        return;
    }
    direct_code(cpu, sel, d, &cs);
    commit(cpu, &cs, cpu->cpl, far_target(cpu, &cs, off));
}

void far_call(struct cpu *cpu, u16 sel, u64 off, unsigned opsize, u64 next)
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
    off = far_target(cpu, &cs, off);
    cpu->gpr[ESP] = st.sp;
    commit(cpu, &cs, cpu->cpl, off);
}

/* The fixed segments of the fast system calls: flat, 4 GiB, no descriptor is read. bits: SA_DB or
 * SA_L. */
static void flat_segment(struct segment *s, u16 sel, unsigned bits, unsigned dpl)
{
    *s = (struct segment){
        .sel = (u16)((sel & ~3u) | dpl),
        .attr = (u16)(SA_P | SA_S | SA_RW | SA_ACCESSED | SA_G | bits | dpl << SA_DPL_SHIFT),
        .limit = 0xffffffff,
        .limit_r = 0xffffffff,
        .limit_w = bits & SA_CODE ? -1 : (s64)0xffffffff,
    };
}

/* Into code of 64 bits or 32. */
static void fast_transfer(struct cpu *cpu, u32 cs, u32 ss, unsigned cpl, bool code64, u64 eip)
{
    flat_segment(&cpu->seg[SEG_CS], (u16)cs, SA_CODE | (code64 ? SA_L : SA_DB), cpl);
    flat_segment(&cpu->seg[SEG_SS], (u16)ss, SA_DB, cpl);
    cpu->cpl = (u8)cpl;
    cpu->eip = eip;
    cpu_update_mode_transfer(cpu);
}

/* AMD APM 3, SYSENTER */
static void check_sysenter(struct cpu *cpu)
{
    if (cpu_is_ia32e(cpu) && cpu_is_amd(cpu))
        cpu_raise(cpu, VEC_UD, why(RULE_sysenter_amd));
}

void far_sysenter(struct cpu *cpu)
{
    u32 cs = cpu->msr.sysenter_cs;
    bool code64 = cpu_is_ia32e(cpu);

    check_sysenter(cpu);
    if (!(cpu->cr0 & CR0_PE) || !(cs & 0xfffc))
        cpu_raise_err(cpu, VEC_GP, 0, why_value(RULE_sysenter_unset, cs, 0));
    cpu->eflags &= ~(u32)(FLAG_VM | FLAG_IF | FLAG_RF);
    fast_transfer(cpu, cs, cs + 8, 0, code64,
                  code64 ? cpu->msr.sysenter_eip : (u32)cpu->msr.sysenter_eip);
    cpu->gpr[ESP] = code64 ? cpu->msr.sysenter_esp : (u32)cpu->msr.sysenter_esp;
}

static void check_return(struct cpu *cpu, u64 rip)
{
    if (!laddr_is_canonical(rip))
        cpu_raise_noncanonical(cpu, rip);
}

void far_sysexit(struct cpu *cpu, unsigned opsize)
{
    u32 cs = cpu->msr.sysenter_cs, by = opsize == 8 ? 32 : 16;
    u64 rip = cpu->gpr[EDX], rsp = cpu->gpr[ECX];

    check_sysenter(cpu);
    if (!(cpu->cr0 & CR0_PE) || !(cs & 0xfffc) || cpu->cpl != 0)
        cpu_raise_err(cpu, VEC_GP, 0,
                      why_value(cpu->cpl ? RULE_sysexit_cpl : RULE_sysenter_unset, cs, 0));
    if (opsize == 8) {
        check_return(cpu, rip);
        check_return(cpu, rsp);
    }
    fast_transfer(cpu, cs + by, cs + by + 8, 3, opsize == 8, opsize == 8 ? rip : (u32)rip);
    cpu->gpr[ESP] = opsize == 8 ? rsp : (u32)rsp;
}

/* Selectors in STAR: of SYSCALL's code in bits 47:32, of SYSRET's in 63:48. */
enum { STAR_SYSCALL = 32, STAR_SYSRET = 48 };

/* Intel's have it in 64-bit mode alone. On AMD's, compatibility mode has an entry of its own, and
 * legacy mode has it in STAR (AMD APM 3, SYSCALL). */
static void check_syscall(struct cpu *cpu)
{
    if (!(cpu->msr.efer & EFER_SCE) || (!cpu_is_code64(cpu) && !cpu_is_amd(cpu)))
        cpu_raise(cpu, VEC_UD, why_value(RULE_syscall, cpu->msr.efer, EFER_SCE));
}

/* In IA-32e mode. The trap flag that it leaves decides about a trap after it, not the one before.
 */
static void mask_flags(struct cpu *cpu)
{
    u32 flags = cpu_eflags(cpu);

    cpu->gpr[11] = flags & ~(u32)FLAG_RF;
    cpu_set_eflags(cpu, flags & ~((u32)cpu->msr.sfmask | FLAG_RF));
    if ((flags & FLAG_TF) && !(cpu->eflags & FLAG_TF))
        cpu->events |= EV_NO_STEP;
}

void far_syscall(struct cpu *cpu, u64 next)
{
    u32 cs = (u32)(cpu->msr.star >> STAR_SYSCALL) & 0xfffc;
    u64 entry = cpu_is_code64(cpu) ? cpu->msr.lstar : cpu->msr.cstar;

    check_syscall(cpu);
    cpu->gpr[ECX] = next;
    if (cpu_is_ia32e(cpu)) {
        mask_flags(cpu);
    } else {
        entry = (u32)cpu->msr.star;
        cpu->eflags &= ~(u32)(FLAG_VM | FLAG_IF | FLAG_RF);
    }
    fast_transfer(cpu, cs, cs + 8, 0, cpu_is_ia32e(cpu), entry);
}

/* From 64-bit mode. */
static void unmask_flags(struct cpu *cpu)
{
    const u32 flags = 0x3c7fd7; /* that are loaded: all but RF and VM */

    cpu_set_eflags(cpu, (u32)cpu->gpr[11] & flags);
    if (cpu->eflags & FLAG_TF) /* as if SYSCALL had just been stepped over */
        cpu->debug_hits |= DR6_BS;
}

/* AMD's go to an address that is not canonical and fault there. */
void far_sysret(struct cpu *cpu, unsigned opsize)
{
    u32 cs = (u32)(cpu->msr.star >> STAR_SYSRET);
    u64 rip = cpu->gpr[ECX];

    check_syscall(cpu);
    if (!(cpu->cr0 & CR0_PE) || cpu->cpl != 0)
        cpu_raise_err(cpu, VEC_GP, 0, why(RULE_insn_privileged));
    if (opsize == 8 && !cpu_is_amd(cpu))
        check_return(cpu, rip);
    if (cpu_is_code64(cpu))
        unmask_flags(cpu);
    else
        cpu->eflags |= FLAG_IF;
    fast_transfer(cpu, opsize == 8 ? cs + 16 : cs, cs + 8, 3, opsize == 8,
                  opsize == 8 ? rip : (u32)rip);
}
