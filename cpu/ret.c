/* RET far and IRET: same level, outer level, virtual-8086 mode, nested tasks, between 64-bit and
 * compatibility mode (SDM 2, RET and IRET; SDM 3A 6.14.3, 20.2). All is popped and checked before
 * anything is committed. */
#include "cpu/far.h"

#include "cpu/debug.h"
#include "cpu/task.h"
#include "cpu/vme.h"

/* What the instruction popped. */
struct image {
    u64 eip;
    u32 cs, eflags;
};

/* The highest first, and of CS 16 bits only, as real chips do: it shows in which fault comes. */
static struct image pop_image(struct cpu *cpu, struct stack *st, unsigned size, bool iret)
{
    struct image im = {0};

    if (iret)
        im.eflags = (u32)stack_peek(cpu, st, 2 * size, size);
    im.cs = (u32)stack_peek(cpu, st, size, 2);
    im.eip = stack_peek(cpu, st, 0, size);
    st->sp = stack_sp_add(st, iret ? 3 * size : 2 * size);
    return im;
}

/* EFLAGS after IRET has popped value at privilege cpl; real mode counts as 0 (SDM 2, IRET). */
static void load_eflags(struct cpu *cpu, u32 value, unsigned size, unsigned cpl)
{
    u32 may = FLAGS_ARITH | FLAG_TF | FLAG_DF | FLAG_NT;

    if (size >= 4)
        may |= FLAG_AC | FLAG_ID | (cpl == 0 ? (u32)(FLAG_VIF | FLAG_VIP) : 0);
    if (cpl == 0)
        may |= FLAG_IOPL;
    if (cpl <= cpu_iopl(cpu))
        may |= FLAG_IF;
    /* RF matters to instruction breakpoints only, which clear it; kept otherwise it would show in
     * frames. */
    if (size >= 4 && debug_on_code(cpu))
        may |= FLAG_RF;
    cpu_set_eflags(cpu, (cpu_eflags(cpu) & ~(may | FLAG_RF)) | (value & may));
}

/* Real and virtual-8086 mode. */
static void iret_plain(struct cpu *cpu, unsigned size)
{
    struct stack st = stack_current(cpu);
    bool vm = cpu->eflags & FLAG_VM;
    struct image im = pop_image(cpu, &st, size, true);

    seg_check_eip(cpu, im.eip);
    cpu->gpr[ESP] = st.sp;
    far_load_cs(cpu, (u16)im.cs, (u32)im.eip);
    load_eflags(cpu, im.eflags, size, vm ? 3 : 0);
    cpu_update_mode_transfer(cpu);
}

/* IRET of virtual-8086 mode with VIF in IF's place (SDM 3B 20.3). */
static void iret_vif(struct cpu *cpu)
{
    const u32 may = FLAGS_ARITH | FLAG_DF | FLAG_NT;
    struct stack st = stack_current(cpu);
    struct image im = pop_image(cpu, &st, 2, true);

    vme_check_load(cpu, im.eflags);
    cpu->gpr[ESP] = st.sp;
    seg_set_v86(&cpu->seg[SEG_CS], (u16)im.cs);
    cpu->eip = im.eip;
    cpu_set_eflags(cpu, (cpu_eflags(cpu) & ~(may | FLAG_TF | FLAG_RF | FLAG_VIF)) |
                            (im.eflags & may) | (im.eflags & FLAG_IF ? (u32)FLAG_VIF : 0));
    cpu_update_mode(cpu);
}

/* The code segment returned to. */
static void check_cs(struct cpu *cpu, const struct image *im, struct segment *cs)
{
    u16 sel = (u16)im->cs;
    unsigned rpl = sel & 3;
    struct desc d;

    if (sel_null(sel))
        cpu_raise_err(cpu, VEC_GP, 0, why_sel(RULE_ret_null, sel));
    if (!desc_fetch(cpu, sel, &d))
        cpu_raise_err(cpu, VEC_GP, sel_err(sel), desc_why(cpu, sel));
    enum rule broken = RULE_none;
    if (!desc_is_code(d))
        broken = RULE_code_type;
    else if (rpl < cpu->cpl)
        broken = RULE_ret_rpl;
    else if (d.hi & DH_CONFORM ? desc_dpl(d) > rpl : desc_dpl(d) != rpl)
        broken = RULE_ret_dpl;
    else if (desc_is_code_bad64(cpu, d))
        broken = RULE_code_bits;
    if (broken)
        cpu_raise_err(cpu, VEC_GP, sel_err(sel), why_desc(broken, sel, d));
    if (!(d.hi & DH_P))
        cpu_raise_err(cpu, VEC_NP, sel_err(sel), why_desc(RULE_code_present, sel, d));
    desc_set(cpu, sel, &d, DH_ACCESSED);
    seg_from_desc(cs, sel, d);
}

/* The stack that a return pops. */
static void pop_stack(struct cpu *cpu, struct stack *st, unsigned size, unsigned cpl, bool code64,
                      struct segment *ss, u64 *sp)
{
    u64 base = stack_pop(cpu, st, size);
    u16 sel = (u16)stack_pop(cpu, st, size);

    if (code64)
        seg_check_ss64(cpu, ss, sel, cpl);
    else
        seg_check_ss(cpu, ss, sel, cpl, VEC_GP, 0);
    /* On a 16-bit stack the upper half of ESP stays the inner level's, as on real parts. */
    u64 mask = code64 ? ~0ull : stack_mask(ss);
    *sp = ((code64 ? 0 : (u32)cpu->gpr[ESP]) & ~mask) | (base & mask);
}

static void ret_prot(struct cpu *cpu, const struct image *im, struct stack *st, unsigned size,
                     u32 release, bool iret)
{
    unsigned old = cpu->cpl, cpl = im->cs & 3;
    bool pops = cpl != old || (iret && cpu_is_code64(cpu));
    struct segment cs, ss;
    u64 sp;

    check_cs(cpu, im, &cs);
    st->sp = stack_sp_add(st, release);
    if (pops) {
        bool code64 = seg_is_code64(cpu, &cs);

        pop_stack(cpu, st, size, cpl, code64, &ss, &sp);
        st->mask = code64 ? ~0ull : stack_mask(&ss);
        st->sp = sp;
        st->sp = stack_sp_add(st, release);
    }
    u64 target = far_target(cpu, &cs, im->eip);
    if (pops)
        cpu->seg[SEG_SS] = ss;
    if (iret)
        load_eflags(cpu, im->eflags, size, old);
    cs_commit(cpu, &cs, cpl);
    cpu->gpr[ESP] = st->sp;
    cpu->eip = target;
    if (cpl != old)
        seg_drop_inner(cpu);
    cpu_update_mode_transfer(cpu);
}

/* From level 0 to virtual-8086 mode: six more words wait on the stack. */
static void iret_to_v86(struct cpu *cpu, const struct image *im, struct stack *st)
{
    static const u8 order[] = {SEG_SS, SEG_ES, SEG_DS, SEG_FS, SEG_GS};
    u16 sel[ARRAY_LEN(order)];
    u32 esp = (u32)stack_pop(cpu, st, 4);

    for (unsigned i = 0; i < ARRAY_LEN(order); i++)
        sel[i] = (u16)stack_pop(cpu, st, 4);
    if ((im->eip & 0xffff) != im->eip)
        cpu_raise_err(cpu, VEC_GP, 0, why_table(RULE_iret_vm_eip, (u32)im->eip, 1, 0xffff));
    load_eflags(cpu, im->eflags, 4, 0);
    cpu->eflags |= FLAG_VM;
    seg_set_v86(&cpu->seg[SEG_CS], (u16)im->cs);
    for (unsigned i = 0; i < ARRAY_LEN(order); i++)
        seg_set_v86(&cpu->seg[order[i]], sel[i]);
    cpu->cpl = 3;
    cpu->eip = im->eip;
    cpu->gpr[ESP] = esp;
    cpu_update_mode(cpu);
}

void far_ret(struct cpu *cpu, unsigned opsize, u32 release)
{
    struct stack st = stack_current(cpu);
    struct image im = pop_image(cpu, &st, opsize, false);
    ret_prot(cpu, &im, &st, opsize, release, false);
}

void far_iret(struct cpu *cpu, unsigned opsize, u64 next)
{
    bool vif = vme_uses_vif(cpu, opsize);

    cpu->nmi_masked = false; /* even if it faults from here on */
    if (vif) {
        iret_vif(cpu);
    } else if (!cpu_prot(cpu)) {
        iret_plain(cpu, opsize);
    } else if (cpu->eflags & FLAG_NT) {
        if (cpu_is_ia32e(cpu))
            cpu_raise_err(cpu, VEC_GP, 0, why_value(RULE_ia32e_task, cpu->eflags, FLAG_NT));
        u16 link = (u16)mem_read(cpu, cpu->tr.base, 2, false);
        task_switch(cpu, link, TASK_IRET, (u32)next, NULL);
    } else {
        struct stack st = stack_current(cpu);
        struct image im = pop_image(cpu, &st, opsize, true);
        if (opsize == 4 && (im.eflags & FLAG_VM) && cpu->cpl == 0 && !cpu_is_ia32e(cpu))
            iret_to_v86(cpu, &im, &st);
        else
            ret_prot(cpu, &im, &st, opsize, 0, true);
        vme_after_load(cpu);
    }
}
