/* Vector operations: the guest's registers are in struct cpu, and an operation that NEON has
 * exactly is a load, the instruction and a store; floating point, where NaNs, flags and denormals
 * differ, and the rest is vec_exec(). x87 is software: helpers do it. */
#include "jit/a64/lower.h"

#include "cpu/vec.h"
#include "cpu/x87_ops.h"

static void call_vec(struct lower *l, const struct ir_insn *o)
{
    struct a_enc *e = &l->e;
    a_mov_imm(e, 1, o->cc | (u32)o->size << 8);
    a_mov_imm(e, 2, o->imm);
    a_mov_imm(e, 3, o->a.v);
    a_mov_imm(e, 4, irv_is(o->b, IRV_CONST) ? o->b.v : 0);
    emit_call_stub(l, STUB_VEC);
}

void lower_vec(struct lower *l, const struct ir_insn *o)
{
    call_vec(l, o);
}

/* -- x87 -- */

void lower_x87chk(struct lower *l)
{
    flags_sync_inline(l);
    emit_place(l, l->off, l->left);
    emit_call_stub(l, STUB_X87_WAIT);
}

void lower_x87(struct lower *l, const struct ir_insn *o)
{
    a_mov_imm(&l->e, 1, o->imm);
    if (irv_is(o->a, IRV_NONE) || irv_is(o->a, IRV_CONST))
        a_mov_imm(&l->e, 2, irv_is(o->a, IRV_CONST) ? o->a.v : 0);
    else
        a_mov(&l->e, 0, 2, ra_use(l, o->a));
    emit_place(l, l->off, l->left); /* FIP */
    emit_call_stub(l, STUB_X87);
    if (ra_is_wanted(l, o->d))
        a_mov(&l->e, 0, ra_def(l, o->d, IR_NONE), 0);
}

void lower_x87m(struct lower *l, const struct ir_insn *o)
{
    struct a_enc *e = &l->e;
    struct irv off = irv_is(o->b, IRV_NONE) ? o->a : o->b;
    u32 disp = irv_is(o->b, IRV_NONE) ? o->imm : 0;
    flags_sync_inline(l);
    if (irv_is(off, IRV_CONST))
        a_mov_imm(e, 2, off.v + disp);
    else
        a_addsub_any(e, 0, A_ADD, 2, ra_use(l, off), disp, A_IP0);
    a_mov_imm(e, 1, o->c.v);
    emit_place(l, l->off, l->left);
    emit_call_stub(l, STUB_X87_MEM);
}
