/* DIV and IDIV by the host's instruction, which works on the same registers: EAX and EDX are in RAX
 * and RDX. Whatever it might refuse goes to the helper, out of line, which raises #DE or finds that
 * the quotient fits. Unsigned quotients fit if the upper half is below the divisor. Signed ones are
 * only taken if the dividend is a sign-extended lower half, as after CDQ, and the divisor is not
 * -1, 0 or 1: then the quotient is not the most negative number, of which generations differ. */
#include "jit/x64/lower.h"

/* Out of line unless the upper half of the dividend is less than register d; s is scratch. */
static void guard_unsigned(struct lower *l, struct ool *q, unsigned d, unsigned size, unsigned s)
{
    if (size == 1) {
        x_mov_rr(&l->e, 4, s, RAX);
        x_shift_ri(&l->e, X_SHR, 4, s, 8);
    }
    x_alu_rr(&l->e, X_CMP, size, size == 1 ? s : (unsigned)RDX, d);
    q->from[0] = x_jcc(&l->e, CC_AE);
}

static void guard_signed(struct lower *l, struct ool *q, unsigned d, unsigned size, unsigned s)
{
    if (size == 1) {
        x_sx(&l->e, 1, 4, s, RAX);
        x_alu_rr(&l->e, X_CMP, 2, s, RAX);
    } else {
        unsigned width = size == 8 ? 8 : 4;
        x_mov_rr(&l->e, width, s, RAX);
        if (size == 2)
            x_sx(&l->e, 2, 4, s, RAX);
        x_shift_ri(&l->e, X_SAR, width, s, 8 * width - 1);
        x_alu_rr(&l->e, X_CMP, size, s, RDX);
    }
    q->from[0] = x_jcc(&l->e, CC_NE);
    x_lea(&l->e, 8, s, x_at(d, 1));
    x_alu_ri(&l->e, X_CMP, size, s, 2);
    q->from[1] = x_jcc(&l->e, CC_BE);
}

bool lower_divide(struct lower *l, const struct ir_insn *o)
{
    static const struct {
        u8 size;
        bool is_signed;
    } helpers[] = {{1, false}, {2, false}, {4, false}, {1, true},
                   {2, true},  {4, true},  {8, false}, {8, true}};
    _Static_assert(HELPER_idiv64 == HELPER_div8 + 7, "the helpers' order");
    unsigned n = o->imm - HELPER_div8;
    if (n >= ARRAY_LEN(helpers) || irv_is(o->b, IRV_REG) || irv_is(o->b, IRV_TEMP))
        return false;
    unsigned size = helpers[n].size, d = ra_use(l, o->a);
    bool is_signed = helpers[n].is_signed;
    struct ool *q = ool_new(l, OOL_DIVIDE);
    unsigned s = ra_scratch(l);
    q->sync = flags_sync(l);
    ra_reg_written(l, EAX);
    if (size > 1)
        ra_reg_written(l, EDX);
    flags_resync(l, &q->sync);
    q->addr = (u8)d;
    q->imm = o->b.v;
    q->access = (u8)n;
    if (is_signed)
        guard_signed(l, q, d, size, s);
    else
        guard_unsigned(l, q, d, size, s);
    x_unary(&l->e, is_signed ? 7 : 6, size, d);
    q->back = enc_pos(&l->e);
    l->vec.on = VU_OFF; /* after the helper */
    l->x87.at = X87_AT_EITHER;
    return true;
}

void ool_divide(struct lower *l, const struct ool *q)
{
    for (unsigned n = 0; n < ARRAY_LEN(q->from); n++) {
        if (q->from[n])
            x_bind(&l->e, q->from[n]);
    }
    emit_place(l, q->off, q->left);
    flags_store(l, &q->sync);
    put_arg_reg(l, 0, q->addr, 0);
    put_arg_reg(l, 1, HOST_NONE, q->imm);
    emit_call_stub(l, STUB_HELPER + HELPER_div8 + q->access);
    x_jmp_to(&l->e, q->back);
}
