/* IN, OUT, INS, OUTS. What a device does may change anything that the run loop watches, so a port
 * access ends its block. */
#include "cpu/help_io.h"
#include "cpu/lift.h"

/* The port: DX or an immediate byte. */
static struct irv port(struct lift *l, const struct insn *in, unsigned n)
{
    if (l->row->op[n] == OP_DX)
        return ir_op1(l->ir, IR_EXT16U, ir_reg(EDX));
    return ir_const(in->imm);
}

void sem_in(struct lift *l, const struct insn *in)
{
    struct irv size = ir_const(opnd_size(l, in, 0));

    opnd_write(l, in, 0, ir_call(l->ir, HELPER_in, port(l, in, 1), size, IR_NONE, IR_NONE));
    lift_exit_next(l);
}

void sem_out(struct lift *l, const struct insn *in)
{
    struct irv size = ir_const(opnd_size(l, in, 1));

    ir_call(l->ir, HELPER_out, port(l, in, 0), size, opnd_read(l, in, 1), IR_NONE);
    lift_exit_next(l);
}

static void string(struct lift *l, const struct insn *in, enum helper helper, unsigned opnd)
{
    bool rep = in->prefixes & (PFX_REP | PFX_REPNE);
    u32 what = IO_STRING(opnd_size(l, in, opnd), in->addrsize, in->seg, rep);

    ir_call(l->ir, helper, ir_const(what), ir_const(in->len), IR_NONE, IR_NONE);
    lift_exit_loop(l);
}

void sem_ins(struct lift *l, const struct insn *in)
{
    string(l, in, HELPER_ins, 0);
}

void sem_outs(struct lift *l, const struct insn *in)
{
    string(l, in, HELPER_outs, 1);
}
