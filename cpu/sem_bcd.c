/* Decimal adjustment: DAA, DAS, AAA, AAS by helpers, AAM and AAD inline. SDM volume 1, 7.3.4. */
#include "cpu/lift.h"

enum { CC_B = 2 };

static void adjust(struct lift *l, enum helper h)
{
    ir_set_reg(l->ir, EAX, ir_call(l->ir, h, ir_reg(EAX), IR_NONE, IR_NONE, IR_NONE));
}

void sem_daa(struct lift *l, const struct insn *in)
{
    (void)in;
    adjust(l, HELPER_daa);
}

void sem_das(struct lift *l, const struct insn *in)
{
    (void)in;
    adjust(l, HELPER_das);
}

void sem_aaa(struct lift *l, const struct insn *in)
{
    (void)in;
    adjust(l, HELPER_aaa);
}

void sem_aas(struct lift *l, const struct insn *in)
{
    (void)in;
    adjust(l, HELPER_aas);
}

/* AL / base by multiplication: exact for all AL and bases of a byte, since 255 * 255 < 65536. */
void sem_aam(struct lift *l, const struct insn *in)
{
    u32 base = in->imm & 0xff;
    struct irv al = ir_op1(l->ir, IR_EXT8U, ir_reg(EAX)), q, r;

    if (!base) {
        ir_call(l->ir, HELPER_aam_zero, al, ir_const(in->len), IR_NONE, IR_NONE);
        lift_exit_loop(l);
        return;
    }
    q = ir_op2(l->ir, IR_SHR, ir_op2(l->ir, IR_MUL, al, ir_const(65536 / base + 1)), ir_const(16));
    r = ir_op2(l->ir, IR_SUB, al, ir_op2(l->ir, IR_MUL, q, ir_const(base)));
    ir_flags(l->ir, FK_LOGIC, 1, r, IR_NONE, IR_NONE);
    lift_set_gpr(l, EAX, 2, ir_op2(l->ir, IR_OR, r, ir_op2(l->ir, IR_SHL, q, ir_const(8))));
}

/* The flags that the SDM leaves undefined are those of the addition; OF is CF on the 80286
 * (captured traces). */
void sem_aad(struct lift *l, const struct insn *in)
{
    struct irv high =
        ir_op2(l->ir, IR_MUL, ir_op1(l->ir, IR_EXTH8, ir_reg(EAX)), ir_const(in->imm & 0xff));
    struct irv al = ir_op1(l->ir, IR_EXT8U, ir_op2(l->ir, IR_ADD, ir_reg(EAX), high));

    ir_flags(l->ir, FK_ADD, 1, al, high, IR_NONE);
    lift_set_gpr(l, EAX, 2, al);
    if (l->gen == ISA_286)
        ir_flag_bits(l->ir, IR_NONE, 0, ir_getcc(l->ir, CC_B), 0);
}
