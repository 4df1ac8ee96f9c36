/* Control transfers that the helpers do: far JMP, CALL and RET, IRET, software interrupts, SYSENTER
 * and SYSEXIT; the interrupt flag, HLT, and undefined instructions. All of them leave to the run
 * loop. */
#include "cpu/lift.h"
#include "cpu/sem_sys.h"

static void transfer(struct lift *l, enum helper helper, struct irv a, struct irv b, struct irv c,
                     struct irv e)
{
    ir_call(l->ir, helper, a, b, c, e);
    lift_exit_loop(l);
}

static void far_jmp(struct lift *l, const struct insn *in, struct irv off, struct irv sel)
{
    transfer(l, HELPER_far_jmp, sel, off, ir_const(in->len), IR_NONE);
}

static void far_call(struct lift *l, const struct insn *in, struct irv off, struct irv sel)
{
    transfer(l, HELPER_far_call, sel, off, ir_const(in->opsize), ir_const(in->len));
}

void sem_jmp_far(struct lift *l, const struct insn *in)
{
    far_jmp(l, in, ir_const(in->imm), ir_const(in->sel));
}

void sem_call_far(struct lift *l, const struct insn *in)
{
    far_call(l, in, ir_const(in->imm), ir_const(in->sel));
}

void sem_jmp_far_ind(struct lift *l, const struct insn *in)
{
    struct irv off, sel;

    lift_far_pointer(l, in, &off, &sel);
    far_jmp(l, in, off, sel);
}

void sem_call_far_ind(struct lift *l, const struct insn *in)
{
    struct irv off, sel;

    lift_far_pointer(l, in, &off, &sel);
    far_call(l, in, off, sel);
}

void sem_retf(struct lift *l, const struct insn *in)
{
    u32 release = l->row->op[0] == OP_Iw ? in->imm : 0;

    transfer(l, HELPER_far_ret, ir_const(in->opsize), ir_const(release), IR_NONE, IR_NONE);
}

void sem_iret(struct lift *l, const struct insn *in)
{
    transfer(l, HELPER_iret, ir_const(in->opsize), ir_const(in->len), IR_NONE, IR_NONE);
}

void sem_int(struct lift *l, const struct insn *in)
{
    transfer(l, HELPER_int_n, ir_const(in->imm), ir_const(in->len), IR_NONE, IR_NONE);
}

void sem_int3(struct lift *l, const struct insn *in)
{
    transfer(l, HELPER_int3, ir_const(in->len), IR_NONE, IR_NONE, IR_NONE);
}

void sem_into(struct lift *l, const struct insn *in)
{
    transfer(l, HELPER_into, ir_const(in->len), IR_NONE, IR_NONE, IR_NONE);
}

void sem_int1(struct lift *l, const struct insn *in)
{
    transfer(l, HELPER_int1, ir_const(in->len), IR_NONE, IR_NONE, IR_NONE);
}

void sem_rsm(struct lift *l, const struct insn *in)
{
    (void)in;
    transfer(l, HELPER_rsm, IR_NONE, IR_NONE, IR_NONE, IR_NONE);
}

void sem_sysenter(struct lift *l, const struct insn *in)
{
    (void)in;
    transfer(l, HELPER_sysenter, IR_NONE, IR_NONE, IR_NONE, IR_NONE);
}

void sem_sysexit(struct lift *l, const struct insn *in)
{
    (void)in;
    transfer(l, HELPER_sysexit, IR_NONE, IR_NONE, IR_NONE, IR_NONE);
}

/* IOPL is not in the mode word: only level 0 is always allowed. */
void sem_cli(struct lift *l, const struct insn *in)
{
    const size_t eflags = offsetof(struct cpu, eflags);

    (void)in;
    if (l->mode & MODE_CPL0)
        ir_sts(l->ir, eflags, 4,
               ir_op2(l->ir, IR_AND, ir_lds(l->ir, eflags, 4), ir_const(~(u32)FLAG_IF)));
    else
        ir_call(l->ir, HELPER_cli, IR_NONE, IR_NONE, IR_NONE, IR_NONE);
}

/* Interrupts stay off for one more instruction if they were off: the next one ends the shadow, in
 * lift_insn(). An interrupt that waits must come right after that. */
static void set_if(struct lift *l)
{
    const size_t eflags = offsetof(struct cpu, eflags);
    struct ir *ir = l->ir;

    ir_alone(ir, IRC_NE, ir_lds(ir, offsetof(struct cpu, irq_line), 4), ir_const(0));
    struct irv old = ir_lds(ir, eflags, 4);
    struct irv was_off = ir_op2(ir, IR_AND, ir_op1(ir, IR_NOT, old), ir_const(FLAG_IF));

    _Static_assert(FLAG_IF >> 5 == EV_SHADOW, "the shift that follows");
    lift_add_events(l, ir_op2(ir, IR_SHR, was_off, ir_const(5)));
    ir_sts(ir, eflags, 4, ir_op2(ir, IR_OR, old, ir_const(FLAG_IF)));
    l->shadow = true;
}

void sem_sti(struct lift *l, const struct insn *in)
{
    (void)in;
    if (l->mode & MODE_CPL0) {
        set_if(l);
    } else {
        ir_call(l->ir, HELPER_sti, IR_NONE, IR_NONE, IR_NONE, IR_NONE);
        lift_exit_next(l);
    }
}

void sem_hlt(struct lift *l, const struct insn *in)
{
    (void)in;
    lift_add_events(l, ir_const(EV_HALT));
    lift_exit_next(l);
}

void sem_ud(struct lift *l, const struct insn *in)
{
    (void)in;
    lift_raise(l, VEC_UD, false, RULE_insn_undefined);
}
