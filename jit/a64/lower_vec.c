/* Vector operations: the guest's registers are in struct cpu, and an operation that NEON has
 * exactly is a load, the instruction and a store; floating point is in lower_fp.c, and the rest is
 * vec_exec(). x87 is software: helpers do it. */
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

/* NEON's instruction for an operation, three registers: of vectors of 8 bytes; size is the lanes'.
 * DDI 0487, C4.1 (Advanced SIMD three same, permute). */
#define SAME(u, size, opcode) (0x0e200400u | (u32)(u) << 29 | (u32)(size) << 22 | (opcode) << 11)
#define ZIP(high, size)       (0x0e003800u | (u32)(high) << 14 | (u32)(size) << 22)
enum { WHOLE = 1u << 30 }; /* 16 bytes */

#define BOTH(name, op) [VEC_OP_mm_##name] = (op), [VEC_OP_##name] = WHOLE | (op)
static const u32 neon[VEC_OP_COUNT] = {
    BOTH(paddb, SAME(0, 0, 16)),
    BOTH(paddw, SAME(0, 1, 16)),
    BOTH(paddd, SAME(0, 2, 16)),
    BOTH(psubb, SAME(1, 0, 16)),
    BOTH(psubw, SAME(1, 1, 16)),
    BOTH(psubd, SAME(1, 2, 16)),
    BOTH(paddsb, SAME(0, 0, 1)),
    BOTH(paddsw, SAME(0, 1, 1)),
    BOTH(paddusb, SAME(1, 0, 1)),
    BOTH(paddusw, SAME(1, 1, 1)),
    BOTH(psubsb, SAME(0, 0, 5)),
    BOTH(psubsw, SAME(0, 1, 5)),
    BOTH(psubusb, SAME(1, 0, 5)),
    BOTH(psubusw, SAME(1, 1, 5)),
    BOTH(pcmpeqb, SAME(1, 0, 17)),
    BOTH(pcmpeqw, SAME(1, 1, 17)),
    BOTH(pcmpeqd, SAME(1, 2, 17)),
    BOTH(pcmpgtb, SAME(0, 0, 6)),
    BOTH(pcmpgtw, SAME(0, 1, 6)),
    BOTH(pcmpgtd, SAME(0, 2, 6)),
    BOTH(pmaxsw, SAME(0, 1, 12)),
    BOTH(pminsw, SAME(0, 1, 13)),
    BOTH(pmaxub, SAME(1, 0, 12)),
    BOTH(pminub, SAME(1, 0, 13)),
    BOTH(pavgb, SAME(1, 0, 2)),
    BOTH(pavgw, SAME(1, 1, 2)),
    BOTH(pmullw, SAME(0, 1, 19)),
    BOTH(pand, SAME(0, 0, 3)),
    BOTH(por, SAME(0, 2, 3)),
    BOTH(pxor, SAME(1, 0, 3)),
    BOTH(pandn, SAME(0, 1, 3)),
    BOTH(punpcklbw, ZIP(0, 0)),
    BOTH(punpcklwd, ZIP(0, 1)),
    BOTH(punpckldq, ZIP(0, 2)),
    BOTH(punpckhbw, ZIP(1, 0)),
    BOTH(punpckhwd, ZIP(1, 1)),
    BOTH(punpckhdq, ZIP(1, 2)),
    [VEC_OP_andps] = WHOLE | SAME(0, 0, 3),
    [VEC_OP_andpd] = WHOLE | SAME(0, 0, 3),
    [VEC_OP_orps] = WHOLE | SAME(0, 2, 3),
    [VEC_OP_orpd] = WHOLE | SAME(0, 2, 3),
    [VEC_OP_xorps] = WHOLE | SAME(1, 0, 3),
    [VEC_OP_xorpd] = WHOLE | SAME(1, 0, 3),
    [VEC_OP_andnps] = WHOLE | SAME(0, 1, 3),
    [VEC_OP_andnpd] = WHOLE | SAME(0, 1, 3),
    [VEC_OP_unpcklps] = WHOLE | ZIP(0, 2),
    [VEC_OP_unpckhps] = WHOLE | ZIP(1, 2),
    [VEC_OP_unpcklpd] = WHOLE | ZIP(0, 3),
    [VEC_OP_unpckhpd] = WHOLE | ZIP(1, 3),
    [VEC_OP_paddq] = WHOLE | SAME(0, 3, 16),
    [VEC_OP_psubq] = WHOLE | SAME(1, 3, 16),
    [VEC_OP_punpcklqdq] = WHOLE | ZIP(0, 3),
    [VEC_OP_punpckhqdq] = WHOLE | ZIP(1, 3),
};

static bool lower_neon(struct lower *l, const struct ir_insn *o)
{
    struct a_enc *e = &l->e;
    enum vec_op op = (enum vec_op)(o->cc | (u32)o->size << 8);
    u32 insn = neon[op];
    if (!insn)
        return false;
    bool whole = insn & WHOLE, reversed = (insn & ~(u32)WHOLE) == SAME(0, 1, 3); /* BIC */
    field_access(e, whole ? A_LDR_Q : A_LDR_D, 0, (s32)o->imm);
    field_access(e, whole ? A_LDR_Q : A_LDR_D, 1, (s32)o->a.v);
    a_vec3(e, insn, 0, reversed, !reversed);
    field_access(e, whole ? A_STR_Q : A_STR_D, 0, (s32)o->imm);
    return true;
}

/* -- moves: a load of a part of the source, a store into the destination; loads clear the rest --
 */

static const struct move {
    u8 load, store; /* enum a_access; 0: no move */
    u8 from, to;    /* bytes to add to the offsets */
} moves[VEC_OP_COUNT] = {
    [VEC_OP_movdqa] = {A_LDR_Q, A_STR_Q, 0, 0},  [VEC_OP_movd] = {A_LDR_S, A_STR_Q, 0, 0},
    [VEC_OP_movq] = {A_LDR_D, A_STR_Q, 0, 0},    [VEC_OP_movss] = {A_LDR_S, A_STR_S, 0, 0},
    [VEC_OP_movsd] = {A_LDR_D, A_STR_D, 0, 0},   [VEC_OP_movhlps] = {A_LDR_D, A_STR_D, 8, 0},
    [VEC_OP_movlhps] = {A_LDR_D, A_STR_D, 0, 8}, [VEC_OP_movq2dq] = {A_LDR_D, A_STR_Q, 0, 0},
    [VEC_OP_movdq2q] = {A_LDR_D, A_STR_D, 0, 0}, [VEC_OP_movd_q] = {A_LDR_D, A_STR_Q, 0, 0},
};

static bool lower_move(struct lower *l, const struct ir_insn *o)
{
    const struct move *m = &moves[o->cc | (u32)o->size << 8];
    if (!m->store)
        return false;
    field_access(&l->e, (enum a_access)m->load, 0, (s32)(o->a.v + m->from));
    field_access(&l->e, (enum a_access)m->store, 0, (s32)(o->imm + m->to));
    return true;
}

/* -- shifts by an immediate; the count is a field with the lane's size (SHL, USHR, SSHR) -- */

enum { SHIFT_LEFT = 0x0f005400, SHIFT_RIGHT = 0x2f000400, SHIFT_SIGNED = 0x0f000400 };

#define BY_IMM(name, op, bits) [VEC_OP_mm_##name##_i] = {op, bits}, [VEC_OP_##name##_i] = {op, bits}
static const struct shift {
    u32 op;
    u8 bits;
} shifts[VEC_OP_COUNT] = {
    BY_IMM(psllw, SHIFT_LEFT, 16),   BY_IMM(pslld, SHIFT_LEFT, 32),
    BY_IMM(psllq, SHIFT_LEFT, 64),   BY_IMM(psrlw, SHIFT_RIGHT, 16),
    BY_IMM(psrld, SHIFT_RIGHT, 32),  BY_IMM(psrlq, SHIFT_RIGHT, 64),
    BY_IMM(psraw, SHIFT_SIGNED, 16), BY_IMM(psrad, SHIFT_SIGNED, 32),
};

static bool lower_shift(struct lower *l, const struct ir_insn *o)
{
    struct a_enc *e = &l->e;
    enum vec_op op = (enum vec_op)(o->cc | (u32)o->size << 8);
    const struct shift *s = &shifts[op];
    u32 by = irv_is(o->b, IRV_CONST) ? o->b.v : 0;
    bool whole = vec_op_info[op].shape == VS_X;
    if (!s->op || !by || by >= s->bits)
        return false;
    u32 field = s->op == SHIFT_LEFT ? s->bits + by : 2u * s->bits - by;
    field_access(e, whole ? A_LDR_Q : A_LDR_D, 0, (s32)o->imm);
    a_vec3(e, s->op | field << 16 | (whole || s->bits == 64 ? (u32)WHOLE : 0), 0, 0, 0);
    field_access(e, whole ? A_STR_Q : A_STR_D, 0, (s32)o->imm);
    return true;
}

/* -- shuffles whose lanes come from the source, or from the destination in the lower half -- */

enum { INS_LANE = 0x6e000400 };

static void move_lane(struct a_enc *e, unsigned log2, unsigned to, unsigned v, unsigned from)
{
    a_vec3(e, INS_LANE | (2 * to + 1) << log2 << 16 | from << log2 << 11, 2, v, 0);
}

static bool lower_shuffle(struct lower *l, const struct ir_insn *o)
{
    struct a_enc *e = &l->e;
    enum vec_op op = (enum vec_op)(o->cc | (u32)o->size << 8);
    bool one = op == VEC_OP_pshufd, doubles = op == VEC_OP_shufpd;
    u32 order = o->b.v, lanes = doubles ? 2 : 4;
    if (!one && !doubles && op != VEC_OP_shufps)
        return false;
    field_access(e, A_LDR_Q, 1, (s32)o->a.v);
    if (!one)
        field_access(e, A_LDR_Q, 0, (s32)o->imm);
    for (u32 n = 0; n < lanes; n++, order >>= lanes / 2)
        move_lane(e, doubles ? 3 : 2, n, one || n >= lanes / 2, order & (lanes - 1));
    field_access(e, A_STR_Q, 2, (s32)o->imm);
    return true;
}

void lower_vec(struct lower *l, const struct ir_insn *o)
{
    if (!lower_neon(l, o) && !lower_fp(l, o) && !lower_move(l, o) && !lower_shift(l, o) &&
        !lower_shuffle(l, o))
        call_vec(l, o);
}

/* -- x87 -- */

/* Where it always is. */
void lower_x87home(struct lower *l)
{
    (void)l;
}

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
    u64 disp = irv_is(o->b, IRV_NONE) ? ir_const_value(o, ir_const(o->imm)) : 0;
    flags_sync_inline(l);
    if (irv_is(off, IRV_CONST) && o->wide)
        a_mov_imm64(e, 2, ir_const_value(o, off) + disp);
    else if (irv_is(off, IRV_CONST))
        a_mov_imm(e, 2, off.v + (u32)disp);
    else
        a_addsub_any(e, o->wide, A_ADD, 2, ra_use(l, off), disp, A_IP0);
    a_mov_imm(e, 1, o->c.v);
    emit_place(l, l->off, l->left);
    emit_call_stub(l, STUB_X87_MEM);
}
