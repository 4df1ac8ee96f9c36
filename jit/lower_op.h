/* Which function lowers which op of the IR: the part of lower.c that every native back end has in
 * common. Each includes it once, after its own lower.h, where struct lower and these functions are
 * declared. */
#ifndef JIT_LOWER_OP_H
#define JIT_LOWER_OP_H

#include "base/check.h"

static void begin_insn(struct lower *l, const struct ir_insn *o)
{
    l->off = (u16)o->imm;
    l->left = l->ir->ninsns - l->begun++;
}

static void lower_op(struct lower *l, const struct ir_insn *o)
{
    if (lower_alu(l, o))
        return;
    switch ((enum ir_op)o->op) {
    case IR_INSN: begin_insn(l, o); break;
    case IR_LDS: lower_lds(l, o); break;
    case IR_STS: lower_sts(l, o); break;
    case IR_LD:
    case IR_LDSX:
    case IR_LDRMW: lower_load(l, o); break;
    case IR_ST: lower_store(l, o); break;
    case IR_LDV: lower_ldv(l, o); break;
    case IR_STV: lower_stv(l, o); break;
    case IR_SEGCHK: lower_segchk(l, o); break;
    case IR_ALONE: lower_alone(l, o); break;
    case IR_FLAGS: lower_flags(l, o); break;
    case IR_FLAGSIF:
        lower_leave_if_zero(l, o);
        lower_flags(l, o);
        break;
    case IR_FLAGBITS: lower_flagbits(l, o); break;
    case IR_FLAGBITSIF:
        lower_leave_if_zero(l, o);
        lower_flagbits(l, o);
        break;
    case IR_GETCC: lower_getcc(l, o); break;
    case IR_SELCC: lower_selcc(l, o); break;
    case IR_GETFL: lower_getfl(l, o); break;
    case IR_VEC: lower_vec(l, o); break;
    case IR_X87CHK: lower_x87chk(l); break;
    case IR_X87: lower_x87(l, o); break;
    case IR_X87M: lower_x87m(l, o); break;
    case IR_X87HOME: lower_x87home(l); break;
    case IR_CALL: lower_call(l, o); break;
    case IR_XCC: lower_xcc(l, o); break;
    case IR_XIF: lower_xif(l, o); break;
    case IR_XJMP:
    case IR_XIND:
    case IR_XNEXT:
    case IR_XLOOP: lower_end(l, o); break;
    default: CHECK(false, "no lowering for IR op %u", o->op);
    }
}

#endif
