/* What only old processors do: SETMO and shifts by more than 31 of the 8086, LOADALL of the 80286
 * and 80386, the test registers of the 80386 and 80486. */
#include "cpu/sem_sys.h"

/* By CL: only if it is not 0. Flags as of OR. */
void sem_setmo(struct lift *l, const struct insn *in)
{
    struct irv n = opnd_read(l, in, 1), old = opnd_read_rmw(l, in, 0), v = ir_const(~0u);

    if (!irv_is(n, IRV_CONST)) {
        n = ir_setc(l->ir, IRC_NE, ir_op1(l->ir, IR_EXT8U, n), ir_const(0));
        v = ir_sel(l->ir, IRC_NE, n, ir_const(0), v, old);
    }
    ir_flags_if(l->ir, n, l->next, FK_LOGIC, opnd_size(l, in, 0), ir_const(~0u), IR_NONE);
    opnd_write(l, in, 0, v);
}

void lift_shift_long(struct lift *l, const struct insn *in)
{
    unsigned size = opnd_size(l, in, 0);
    struct irv n = ir_op1(l->ir, IR_EXT8U, opnd_read(l, in, 1)), v = opnd_read_rmw(l, in, 0);

    v = ir_call(l->ir, HELPER_shift_long, ir_const(insn_reg(in) | size << 8), v, n, IR_NONE);
    opnd_write(l, in, 0, v);
}

static void load_all(struct lift *l, enum helper helper)
{
    ir_call(l->ir, helper, IR_NONE, IR_NONE, IR_NONE, IR_NONE);
    lift_exit_loop(l);
}

void sem_loadall286(struct lift *l, const struct insn *in)
{
    (void)in;
    load_all(l, HELPER_loadall286);
}

void sem_loadall386(struct lift *l, const struct insn *in)
{
    (void)in;
    load_all(l, HELPER_loadall386);
}

void sem_mov_from_tr(struct lift *l, const struct insn *in)
{
    size_t field = offsetof(struct cpu, test_regs) + insn_reg(in) * sizeof(u32);

    opnd_write(l, in, 0, ir_lds(l->ir, field, 4));
}

void sem_mov_to_tr(struct lift *l, const struct insn *in)
{
    ir_call(l->ir, HELPER_mov_to_tr, ir_const(insn_reg(in)), opnd_read(l, in, 0), IR_NONE, IR_NONE);
}
