/* Arithmetic and logic: ADD OR ADC SBB AND SUB XOR CMP TEST, INC DEC NEG NOT, MUL IMUL DIV IDIV,
 * XADD and CMPXCHG. 8- and 16-bit forms compute in 32 bits; what is above their size is garbage
 * that the flags' evaluation and the partial register writes ignore. SDM volume 2. */
#include "cpu/lift.h"

enum { CC_B = 2 };

/* Do both operands name the same general register? */
static bool same_reg(const struct insn *in)
{
    return insn_row_has_modrm(insn_row_of(in)) && insn_mod(in) == 3 &&
           insn_reg(in) == insn_rm(in) && insn_row_of(in)->reg < 0;
}

static void arith(struct lift *l, const struct insn *in, enum ir_op op, unsigned kind)
{
    struct irv b = opnd_read(l, in, 1);
    struct irv a = opnd_read_rmw(l, in, 0);

    opnd_write_flags(l, in, 0, ir_op2(l->ir, op, a, b), kind, b, IR_NONE);
}

static void with_carry(struct lift *l, const struct insn *in, enum ir_op op, unsigned kind)
{
    struct irv b = opnd_read(l, in, 1);
    struct irv a = opnd_read_rmw(l, in, 0);
    struct irv carry = ir_getcc(l->ir, CC_B);
    struct irv t = ir_op2(l->ir, op, ir_op2(l->ir, op, a, b), carry);

    opnd_write_flags(l, in, 0, t, kind, b, carry);
}

static void logic(struct lift *l, const struct insn *in, enum ir_op op)
{
    struct irv b = opnd_read(l, in, 1);
    struct irv a = opnd_read_rmw(l, in, 0);

    opnd_write_flags(l, in, 0, ir_op2(l->ir, op, a, b), FK_LOGIC, IR_NONE, IR_NONE);
}

/* AND r,r and OR r,r write nothing new, unless bits 63:32 become 0. */
static void logic_idempotent(struct lift *l, const struct insn *in, enum ir_op op)
{
    if (same_reg(in) && !(lift_code64(l) && opnd_size(l, in, 0) == 4))
        ir_flags(l->ir, FK_LOGIC, opnd_size(l, in, 0), opnd_read(l, in, 0), IR_NONE, IR_NONE);
    else
        logic(l, in, op);
}

void sem_add(struct lift *l, const struct insn *in)
{
    arith(l, in, IR_ADD, FK_ADD);
}

void sem_adc(struct lift *l, const struct insn *in)
{
    with_carry(l, in, IR_ADD, FK_ADC);
}

void sem_sub(struct lift *l, const struct insn *in)
{
    if (same_reg(in)) /* the flags of XOR r,r are the same */
        opnd_write_flags(l, in, 0, ir_const(0), FK_LOGIC, IR_NONE, IR_NONE);
    else
        arith(l, in, IR_SUB, FK_SUB);
}

void sem_sbb(struct lift *l, const struct insn *in)
{
    if (same_reg(in)) {
        struct irv b = opnd_read(l, in, 1), carry = ir_getcc(l->ir, CC_B);
        opnd_write_flags(l, in, 0, ir_op1(l->ir, IR_NEG, carry), FK_SBB, b, carry);
    } else {
        with_carry(l, in, IR_SUB, FK_SBB);
    }
}

void sem_and(struct lift *l, const struct insn *in)
{
    logic_idempotent(l, in, IR_AND);
}

void sem_or(struct lift *l, const struct insn *in)
{
    logic_idempotent(l, in, IR_OR);
}

void sem_xor(struct lift *l, const struct insn *in)
{
    if (same_reg(in))
        opnd_write_flags(l, in, 0, ir_const(0), FK_LOGIC, IR_NONE, IR_NONE);
    else
        logic(l, in, IR_XOR);
}

void sem_cmp(struct lift *l, const struct insn *in)
{
    struct irv a = opnd_read(l, in, 0), b = opnd_read(l, in, 1);

    ir_flags(l->ir, FK_CMP, opnd_size(l, in, 0), a, b, IR_NONE);
}

void sem_test(struct lift *l, const struct insn *in)
{
    struct irv a = opnd_read(l, in, 0);

    if (!same_reg(in))
        a = ir_op2(l->ir, IR_AND, a, opnd_read(l, in, 1));
    ir_flags(l->ir, FK_LOGIC, opnd_size(l, in, 0), a, IR_NONE, IR_NONE);
}

static void step_by(struct lift *l, const struct insn *in, u32 delta, unsigned kind)
{
    struct irv a = opnd_read_rmw(l, in, 0);
    struct irv carry = ir_getcc(l->ir, CC_B);

    opnd_write_flags(l, in, 0, ir_op2(l->ir, IR_ADD, a, ir_const(delta)), kind, carry, IR_NONE);
}

void sem_inc(struct lift *l, const struct insn *in)
{
    step_by(l, in, 1, FK_INC);
}

void sem_dec(struct lift *l, const struct insn *in)
{
    step_by(l, in, ~0u, FK_DEC);
}

void sem_neg(struct lift *l, const struct insn *in)
{
    struct irv a = opnd_read_rmw(l, in, 0);

    opnd_write_flags(l, in, 0, ir_op1(l->ir, IR_NEG, a), FK_SUB, a, IR_NONE);
}

void sem_not(struct lift *l, const struct insn *in)
{
    opnd_write(l, in, 0, ir_op1(l->ir, IR_NOT, opnd_read_rmw(l, in, 0)));
}

/* -- multiplication -- */

static struct irv extend(struct lift *l, struct irv v, unsigned size, bool is_signed)
{
    if (size == 1)
        return ir_op1(l->ir, is_signed ? IR_EXT8S : IR_EXT8U, v);
    if (size == 2)
        return ir_op1(l->ir, is_signed ? IR_EXT16S : IR_EXT16U, v);
    return v;
}

/* a * b of that size: the low half and something nonzero if the product does not fit in it. */
static struct irv multiply(struct lift *l, struct irv a, struct irv b, unsigned size,
                           bool is_signed, struct irv *hi, struct irv *overflow)
{
    struct irv lo;

    if (size >= 4) {
        ir_mul2(l->ir, is_signed ? IR_SMUL2 : IR_UMUL2, a, b, &lo, hi);
        *overflow = *hi;
        if (is_signed)
            *overflow =
                ir_op2(l->ir, IR_XOR, *hi, ir_op2(l->ir, IR_SAR, lo, ir_const(size * 8 - 1)));
        return lo;
    }
    lo = ir_op2(l->ir, IR_MUL, extend(l, a, size, is_signed), extend(l, b, size, is_signed));
    *hi = ir_op2(l->ir, IR_SHR, lo, ir_const(size * 8));
    /* Of a signed product the bits above the sign must all be copies of it; they are shifted down
     * into the part that FK_MUL looks at. */
    *overflow = *hi;
    if (is_signed)
        *overflow = ir_op2(l->ir, IR_SHR, ir_op2(l->ir, IR_XOR, lo, extend(l, lo, size, true)),
                           ir_const(size * 8));
    return lo;
}

/* Flags of a product. SF, ZF, PF and AF are undefined; up to the 80286 they are of the high half,
 * AF set on the 80286 (captured traces) and clear on the 8086. */
static void product_flags(struct lift *l, unsigned size, struct irv lo, struct irv hi,
                          struct irv overflow)
{
    struct irv set;

    if (l->gen > ISA_286) {
        ir_flags(l->ir, FK_MUL, size, lo, overflow, IR_NONE);
        return;
    }
    overflow = extend(l, overflow, size, false);
    ir_flags(l->ir, FK_LOGIC, size, hi, IR_NONE, IR_NONE);
    set = ir_sel(l->ir, IRC_NE, overflow, ir_const(0), ir_const(FLAG_CF | FLAG_OF), ir_const(0));
    if (l->gen == ISA_286)
        set = ir_op2(l->ir, IR_OR, set, ir_const(FLAG_AF));
    lift_merge_flags(l, FLAG_CF | FLAG_OF | FLAG_AF, set);
}

static void widening(struct lift *l, const struct insn *in, bool is_signed)
{
    unsigned size = opnd_size(l, in, 0);
    struct irv hi, overflow;
    struct irv lo = multiply(l, ir_reg(EAX), opnd_read(l, in, 0), size, is_signed, &hi, &overflow);

    product_flags(l, size, lo, hi, overflow);
    lift_set_gpr(l, EAX, size == 1 ? 2 : size, lo);
    if (size > 1)
        lift_set_gpr(l, EDX, size, hi);
}

void sem_mul(struct lift *l, const struct insn *in)
{
    widening(l, in, false);
}

void sem_imul1(struct lift *l, const struct insn *in)
{
    widening(l, in, true);
}

/* Two and three operands. */
void sem_imul(struct lift *l, const struct insn *in)
{
    bool three = l->row->op[2] != OP_NONE;
    struct irv a = opnd_read(l, in, three ? 1 : 0), b = opnd_read(l, in, three ? 2 : 1);
    struct irv hi, overflow;
    struct irv lo = multiply(l, a, b, opnd_size(l, in, 0), true, &hi, &overflow);

    product_flags(l, opnd_size(l, in, 0), lo, hi, overflow);
    opnd_write(l, in, 0, lo);
}

/* All flags are undefined and stay as they were; on the 80286 (captured traces) AF is set and SF,
 * ZF and PF are of the remainder. CF and OF are equal: of IDIV set unless the divisor is negative;
 * of DIV, whose last step shifts a bit into the partial remainder, clear if that was subtracted
 * from without a bit above. */
static void quotient_flags(struct lift *l, unsigned size, struct irv divisor, bool is_signed)
{
    struct irv eax = ir_reg(EAX), left, carry, set;

    left = size == 1 ? ir_op1(l->ir, IR_EXTH8, eax) : extend(l, ir_reg(EDX), size, false);
    if (is_signed) {
        carry = ir_op2(l->ir, IR_XOR, divisor, ir_const(~0u));
        carry = ir_op2(l->ir, IR_SHR, carry, ir_const(8 * size - 1));
    } else {
        carry = ir_op2(l->ir, IR_ADD, left, extend(l, divisor, size, false));
        carry = ir_op2(l->ir, IR_SHR, carry, ir_const(8 * size));
        carry = ir_op2(l->ir, IR_OR, carry, ir_op1(l->ir, IR_NOT, eax));
    }
    carry = ir_op2(l->ir, IR_AND, carry, ir_const(1));
    set = ir_op2(l->ir, IR_MUL, carry, ir_const(FLAG_CF | FLAG_OF));
    ir_flags(l->ir, FK_LOGIC, size, left, IR_NONE, IR_NONE);
    lift_merge_flags(l, FLAG_AF | FLAG_CF | FLAG_OF, ir_op2(l->ir, IR_OR, set, ir_const(FLAG_AF)));
}

static void divide(struct lift *l, const struct insn *in, const enum helper *helpers,
                   bool is_signed)
{
    unsigned size = opnd_size(l, in, 0);
    struct irv divisor = opnd_read(l, in, 0);
    bool flags = l->gen == ISA_286;

    if (flags) /* the divisor may be a register that the result goes to */
        divisor = ir_copy(l->ir, divisor);
    ir_call(l->ir, helpers[size >> 1], divisor, size == 8 ? IR_NONE : ir_const(in->len), IR_NONE,
            IR_NONE);
    if (flags)
        quotient_flags(l, size, divisor, is_signed);
    /* On the 8086 a REP prefix before IDIV negates the quotient: microcode uses the same flag. */
    if (l->gen == ISA_8086 && is_signed && (in->prefixes & (PFX_REP | PFX_REPNE)))
        lift_set_gpr(l, EAX, size, ir_op1(l->ir, IR_NEG, ir_reg(EAX)));
}

void sem_div(struct lift *l, const struct insn *in)
{
    static const enum helper helpers[] = {HELPER_div8, HELPER_div16, HELPER_div32, 0, HELPER_div64};

    divide(l, in, helpers, false);
}

void sem_idiv(struct lift *l, const struct insn *in)
{
    static const enum helper helpers[] = {HELPER_idiv8, HELPER_idiv16, HELPER_idiv32, 0,
                                          HELPER_idiv64};

    divide(l, in, helpers, true);
}

/* -- exchanges with arithmetic -- */

void sem_xadd(struct lift *l, const struct insn *in)
{
    unsigned size = opnd_size(l, in, 0);
    struct irv b = opnd_read(l, in, 1);
    struct irv a = opnd_read_rmw(l, in, 0);
    struct irv sum = ir_op2(l->ir, IR_ADD, a, b);
    bool mem = opnd_is_mem(l, in, 0);

    if (mem)
        opnd_write(l, in, 0, sum);
    ir_flags(l->ir, FK_ADD, size, sum, b, IR_NONE);
    opnd_write(l, in, 1, a); /* the source first: XADD r,r leaves the sum */
    if (!mem)
        opnd_write(l, in, 0, sum);
}

/* Of 32 bits in 64-bit mode: a register that keeps its value keeps the high half, too (Intel's
 * processors). */
static void compare_exchange_32(struct lift *l, const struct insn *in)
{
    struct irv src = lift_zext(l, opnd_read(l, in, 1));
    struct irv old = lift_zext(l, opnd_read_rmw(l, in, 0));
    struct irv acc = lift_zext(l, ir_reg(EAX)), rax;
    bool mem = opnd_is_mem(l, in, 0);

    lift_width_all(l);
    struct irv keep = mem ? old : lift_gpr(l, insn_rm(in), 8);
    struct irv result = ir_sel(l->ir, IRC_EQ, acc, old, src, keep);
    if (mem)
        opnd_write(l, in, 0, result);
    rax = ir_sel(l->ir, IRC_EQ, acc, old, ir_reg(EAX), old);
    ir_flags(l->ir, FK_CMP, 4, acc, old, IR_NONE);
    lift_set_gpr(l, EAX, 8, rax);
    if (!mem)
        lift_set_gpr(l, insn_rm(in), 8, result);
}

void sem_cmpxchg(struct lift *l, const struct insn *in)
{
    unsigned size = opnd_size(l, in, 0);

    if (size == 4 && lift_code64(l)) {
        compare_exchange_32(l, in);
        return;
    }
    struct irv src = opnd_read(l, in, 1);
    struct irv old = opnd_read_rmw(l, in, 0);
    bool mem = opnd_is_mem(l, in, 0);
    struct irv cur = mem ? old : ir_copy(l->ir, extend(l, old, size, false));
    struct irv acc = extend(l, ir_reg(EAX), size, false);
    /* Memory is written in any case, as the SDM says. */
    struct irv result = ir_sel(l->ir, IRC_EQ, acc, cur, src, cur);

    if (mem)
        opnd_write(l, in, 0, result);
    ir_flags(l->ir, FK_CMP, size, acc, cur, IR_NONE);
    /* When they were equal the accumulator gets the value that it had. */
    lift_set_gpr(l, EAX, size, cur);
    if (!mem)
        opnd_write(l, in, 0, result);
}

/* Of two values of 4 bytes, or with REX.W of 8: CMPXCHG16B. Its operand has to be aligned, whatever
 * the mode (SDM 2). */
void sem_cmpxchg8b(struct lift *l, const struct insn *in)
{
    unsigned half = in->opsize == 8 ? 8 : 4;
    struct irv la = lift_linear(l, in->seg, lift_ea(l, in), half == 8 ? 1 : 8, true);

    if (half == 8)
        ir_call(l->ir, HELPER_align16, la, IR_NONE, IR_NONE, IR_NONE);
    struct irv lo = ir_ld(l->ir, IR_LDRMW, la, 0, half);
    struct irv hi = ir_ld(l->ir, IR_LDRMW, la, half, half);
    struct irv diff = ir_op2(l->ir, IR_OR, ir_op2(l->ir, IR_XOR, lo, ir_reg(EAX)),
                             ir_op2(l->ir, IR_XOR, hi, ir_reg(EDX)));
    struct irv new_lo = ir_sel(l->ir, IRC_EQ, diff, ir_const(0), ir_reg(EBX), lo);
    struct irv new_hi = ir_sel(l->ir, IRC_EQ, diff, ir_const(0), ir_reg(ECX), hi);
    struct irv equal = ir_setc(l->ir, IRC_EQ, diff, ir_const(0));

    ir_st(l->ir, la, 0, half, new_lo);
    ir_st(l->ir, la, half, half, new_hi);
    lift_merge_flags(l, FLAG_ZF, ir_op2(l->ir, IR_SHL, equal, ir_const(6)));
    if (half == 4 && lift_code64(l)) { /* if they were equal, the high halves stay, too */
        lift_width_all(l);
        lo = ir_sel(l->ir, IRC_NE, equal, ir_const(0), ir_reg(EAX), lo);
        hi = ir_sel(l->ir, IRC_NE, equal, ir_const(0), ir_reg(EDX), hi);
        half = 8;
    }
    lift_set_gpr(l, EAX, half, lo);
    lift_set_gpr(l, EDX, half, hi);
}
