/* The stack: PUSH, POP, PUSHA, POPA, ENTER, LEAVE, PUSHF, POPF. Values go by the operand size,
 * addresses by the stack's size (SS.B; 64 bits in 64-bit mode); SP wraps at 16 bits and the upper
 * half of ESP stays. ESP is written after the last access that may fault. SDM volume 1, chapter 6.
 */
#include "cpu/lift.h"

static struct irv stack_load(struct lift *l, unsigned reg, s32 delta, unsigned size)
{
    return lift_load(l, IR_LD, lift_stack(l, reg, delta, size, false), size);
}

static void stack_store(struct lift *l, unsigned reg, s32 delta, unsigned size, struct irv v)
{
    lift_store(l, lift_stack(l, reg, delta, size, true), size, v);
}

/* PUSH ESP stores the value from before, since the 80286; the 8086 the one from after (SDM 3B
 * 22.17). */
void sem_push(struct lift *l, const struct insn *in)
{
    struct irv v = opnd_read(l, in, 0);

    if (l->gen < ISA_286 && irv_is(v, IRV_REG) && v.v == ESP)
        v = lift_stack_add(l, v, -(s32)in->opsize);
    lift_push(l, in->opsize, v);
}

/* A destination addressed by ESP uses ESP as it is after the increment. */
static void pop_memory(struct lift *l, const struct insn *in)
{
    unsigned size = in->opsize;
    struct irv v = lift_pop(l, size);
    struct irv off;

    if (in->base == ESP) {
        struct irv esp = lift_stack_add(l, ir_reg(ESP), (s32)size);
        if (!(l->mode & MODE_STACK32))
            esp = ir_op2(l->ir, IR_DEP16, ir_reg(ESP), esp);
        off = lift_ea_base(l, in, esp);
    } else {
        off = lift_ea(l, in);
    }
    lift_st(l, in->seg, off, size, v);
    lift_pop_commit(l, size);
}

void sem_pop(struct lift *l, const struct insn *in)
{
    if (opnd_is_mem(l, in, 0)) {
        pop_memory(l, in);
    } else {
        struct irv v = lift_pop(l, in->opsize);
        lift_pop_commit(l, in->opsize);
        opnd_write(l, in, 0, v);
    }
}

void sem_pusha(struct lift *l, const struct insn *in)
{
    s32 size = in->opsize;

    for (unsigned reg = EAX; reg <= EDI; reg++)
        stack_store(l, ESP, -size * (s32)(reg + 1), (unsigned)size, ir_reg(reg));
    lift_set_sp(l, lift_stack_add(l, ir_reg(ESP), -8 * size));
}

/* Each register is written as it is popped, as real chips do: a fault leaves ESP alone, which is
 * enough to start over. */
void sem_popa(struct lift *l, const struct insn *in)
{
    unsigned size = in->opsize;

    for (unsigned i = 0; i < GPR_COUNT; i++) {
        unsigned reg = EDI - i;
        if (reg != ESP)
            lift_set_gpr(l, reg, size, stack_load(l, ESP, (s32)(i * size), size));
    }
    lift_pop_commit(l, 8 * size);
}

/* SDM volume 2, ENTER. Nested frames are left to a helper. */
void sem_enter(struct lift *l, const struct insn *in)
{
    unsigned size = in->opsize;
    u32 locals = in->imm & 0xffff;
    struct irv frame;
    struct mem_ref end;

    if (in->sel & 31) {
        ir_call(l->ir, HELPER_enter, ir_const(size), ir_const(locals), ir_const(in->sel & 31),
                IR_NONE);
        return;
    }
    stack_store(l, ESP, -(s32)size, size, ir_reg(EBP));
    /* A write at the final stack pointer has to be possible. */
    end = lift_stack(l, ESP, -(s32)(size + locals), size, true);
    lift_load(l, IR_LDRMW, end, size);
    frame = lift_stack_add(l, ir_reg(ESP), -(s32)size);
    if (!(l->mode & MODE_STACK32))
        frame = ir_op2(l->ir, IR_DEP16, ir_reg(ESP), frame);
    lift_set_gpr(l, EBP, size, frame);
    lift_set_sp(l, lift_stack_add(l, frame, -(s32)locals));
}

void sem_leave(struct lift *l, const struct insn *in)
{
    unsigned size = in->opsize;
    struct irv v = stack_load(l, EBP, 0, size);

    lift_set_sp(l, lift_stack_add(l, ir_reg(EBP), (s32)size));
    lift_set_gpr(l, EBP, size, v);
}

/* EFLAGS as PUSHF stores it. */
static struct irv flags_image(struct lift *l, unsigned opsize)
{
    struct ir *ir = l->ir;
    struct irv sys, df;

    if (l->mode & MODE_VM86)
        return ir_call(ir, HELPER_pushf_v86, ir_const(opsize), IR_NONE, IR_NONE, IR_NONE);
    sys = ir_op2(ir, IR_AND, ir_lds(ir, offsetof(struct cpu, eflags), 4),
                 ir_const(~(u32)(FLAG_VM | FLAG_RF)));
    /* 1 or -1 */
    df = ir_op2(ir, IR_AND, ir_lds(ir, offsetof(struct cpu, df), 4), ir_const(FLAG_DF));
    return ir_op2(ir, IR_OR, ir_op2(ir, IR_OR, sys, df), ir_getfl(ir));
}

void sem_pushf(struct lift *l, const struct insn *in)
{
    lift_push(l, in->opsize, flags_image(l, in->opsize));
}

void sem_popf(struct lift *l, const struct insn *in)
{
    bool v86 = l->mode & MODE_VM86;
    struct irv size = ir_const(in->opsize), v, changed;

    if (v86)
        ir_call(l->ir, HELPER_popf_check, size, IR_NONE, IR_NONE, IR_NONE);
    v = lift_pop(l, in->opsize);
    changed = ir_call(l->ir, v86 ? HELPER_popf_v86 : HELPER_popf, v, size, IR_NONE, IR_NONE);
    ir_flags(l->ir, FK_EFLAGS, 4, IR_NONE, v, IR_NONE);
    lift_pop_commit(l, in->opsize);
    lift_exit_if(l, changed);
}
