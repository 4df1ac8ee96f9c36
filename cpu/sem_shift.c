/* Shifts and rotates. Counts are masked to 6 bits for 64-bit operands, else to 5, also for 8- and
 * 16-bit operands, so that a count may exceed the operand's width: SHL, SHR and SAR of the extended
 * value come out right by themselves, ROL and ROR rotate a value repeated to 32 bits, RCL and RCR
 * rotate width + 1 bits modulo that. Nothing, flags included, changes when the masked count is 0.
 * SDM volume 2, SAL/SAR/SHL/SHR, RCL/RCR/ ROL/ROR. Where OF is undefined (counts over 1) it follows
 * the formula for 1. */
#include "cpu/sem_sys.h"

enum { CC_B = 2 };

/* A count: n is masked; raw may have more, for IR shifts, which mask by themselves. */
struct count {
    struct irv raw, n;
};

static struct count read_count(struct lift *l, const struct insn *in, unsigned opnd)
{
    struct irv raw = opnd_read(l, in, opnd);
    struct count c = {raw, ir_op2(l->ir, IR_AND, raw, ir_const(ir_count_mask(l->ir->wide)))};

    if (irv_is(raw, IRV_CONST))
        c.raw = c.n;
    return c;
}

/* The count once operand 0 has been written, which may be ECX or a part of it. */
static struct irv count_after(struct lift *l, const struct insn *in, struct count c)
{
    return opnd_is_mem(l, in, 0) || (insn_rm(in) & 3) != ECX ? c.raw : c.n;
}

static bool is_zero(struct irv v)
{
    return irv_is(v, IRV_CONST) && v.v == 0;
}

static struct irv op2c(struct lift *l, enum ir_op op, struct irv a, u32 b)
{
    return ir_op2(l->ir, op, a, ir_const(b));
}

/* Operand 0, to be written later, extended to 32 bits if it is shorter. */
static struct irv read_extended(struct lift *l, const struct insn *in, bool is_signed)
{
    unsigned size = opnd_size(l, in, 0);
    struct irv v = opnd_read_rmw(l, in, 0);

    if (size >= 4 || (!is_signed && opnd_is_mem(l, in, 0))) /* loads zero-extend */
        return v;
    if (size == 1)
        return ir_op1(l->ir, is_signed ? IR_EXT8S : IR_EXT8U, v);
    return ir_op1(l->ir, is_signed ? IR_EXT16S : IR_EXT16U, v);
}

/* Nothing can fault in this instruction any more, once operand 0 has been written if it is memory.
 * A register is written before flags that depend on the count, which may end the instruction, but
 * after others: their source may be that register. */
static bool writes_first(struct lift *l, const struct insn *in, struct count c)
{
    return opnd_is_mem(l, in, 0) || !irv_is(c.raw, IRV_CONST);
}

/* Writes operand 0 and, if the count is not 0, flags of the given kind. */
static void finish(struct lift *l, const struct insn *in, struct count c, struct irv result,
                   unsigned kind, struct irv src)
{
    bool first = writes_first(l, in, c);

    if (first)
        opnd_write(l, in, 0, result);
    ir_flags_if(l->ir, count_after(l, in, c), l->next, kind, opnd_size(l, in, 0), result, src);
    if (!first)
        opnd_write(l, in, 0, result);
}

/* AF of shifts is undefined, and clear; on the 80286 shifts to the right set it, and to the left it
 * is bit 4 of the result (captured traces). */
static void finish_shift(struct lift *l, const struct insn *in, struct count c, struct irv result,
                         unsigned kind, struct irv before)
{
    struct irv af, fl;

    if (l->gen != ISA_286) {
        finish(l, in, c, result, kind, before);
        return;
    }
    before = ir_copy(l->ir, before);
    opnd_write(l, in, 0, result);
    ir_flags_if(l->ir, count_after(l, in, c), l->next, kind, opnd_size(l, in, 0), result, before);
    af = kind == FK_SHR ? ir_const(FLAG_AF) : ir_op2(l->ir, IR_AND, result, ir_const(FLAG_AF));
    fl = op2c(l, IR_AND, ir_getfl(l->ir), FLAGS_ARITH & ~(u32)FLAG_AF);
    ir_flags_if(l->ir, count_after(l, in, c), l->next, FK_EFLAGS, 4, IR_NONE,
                ir_op2(l->ir, IR_OR, fl, af));
}

static struct irv minus_one(struct lift *l, struct irv count)
{
    return ir_lea(l->ir, count, IR_NONE, 0, ~0u);
}

/* The flags' source is the value shifted by one less: its end bit is the last one shifted out. */
static void shift(struct lift *l, const struct insn *in, enum ir_op op, struct irv a,
                  struct count c)
{
    struct irv result, before;

    if (is_zero(c.n)) {
        opnd_write(l, in, 0, a);
        return;
    }
    result = ir_op2(l->ir, op, a, c.raw);
    before = irv_is(c.n, IRV_CONST) && c.n.v == 1 ? a : ir_op2(l->ir, op, a, minus_one(l, c.raw));
    finish_shift(l, in, c, result, op == IR_SHL ? FK_SHL : FK_SHR, before);
}

/* The 8086 takes all of CL. */
static bool unmasked(const struct lift *l)
{
    return l->gen == ISA_8086 && l->row->op[1] == OP_CL;
}

void sem_shl(struct lift *l, const struct insn *in)
{
    if (unmasked(l)) {
        lift_shift_long(l, in);
        return;
    }
    struct count c = read_count(l, in, 1);

    shift(l, in, IR_SHL, opnd_read_rmw(l, in, 0), c);
}

void sem_shr(struct lift *l, const struct insn *in)
{
    if (unmasked(l)) {
        lift_shift_long(l, in);
        return;
    }
    struct count c = read_count(l, in, 1);

    shift(l, in, IR_SHR, read_extended(l, in, false), c);
}

void sem_sar(struct lift *l, const struct insn *in)
{
    if (unmasked(l)) {
        lift_shift_long(l, in);
        return;
    }
    struct count c = read_count(l, in, 1);

    shift(l, in, IR_SAR, read_extended(l, in, true), c);
}

/* -- rotates: only CF and OF change -- */

/* CF and OF are bits of cf and of, which is not a register that is about to change. */
static void finish_rotate(struct lift *l, const struct insn *in, struct count c, struct irv result,
                          struct irv cf, unsigned cf_bit, struct irv of, unsigned of_bit)
{
    opnd_write(l, in, 0, result);
    ir_flag_bits_if(l->ir, count_after(l, in, c), l->next, cf, cf_bit, of, of_bit);
}

/* Bit n of the value is the exclusive or of bits n and n - 1 of v. */
static struct irv differ(struct lift *l, struct irv v)
{
    return ir_op2(l->ir, IR_XOR, v, op2c(l, IR_SHL, v, 1));
}

static void rotate(struct lift *l, const struct insn *in, enum ir_op op)
{
    unsigned size = opnd_size(l, in, 0), top = size * 8 - 1;
    struct count c = read_count(l, in, 1);
    struct irv a = read_extended(l, in, false);
    struct irv result;

    if (is_zero(c.n)) {
        opnd_write(l, in, 0, a);
        return;
    }
    if (size < 4) /* the operand repeated to fill 32 bits */
        a = op2c(l, IR_MUL, a, size == 1 ? 0x01010101 : 0x00010001);
    result = ir_op2(l->ir, op, a, c.raw);
    if (op ==
        IR_ROL) /* the end bits are neighbours after one more turn, also of a repeated operand */
        finish_rotate(l, in, c, result, result, 0,
                      ir_op2(l->ir, IR_XOR, result, op2c(l, IR_ROR, result, 1)), top);
    else
        finish_rotate(l, in, c, result, result, top, differ(l, result), top);
}

void sem_rol(struct lift *l, const struct insn *in)
{
    if (unmasked(l)) {
        lift_shift_long(l, in);
        return;
    }
    rotate(l, in, IR_ROL);
}

void sem_ror(struct lift *l, const struct insn *in)
{
    if (unmasked(l)) {
        lift_shift_long(l, in);
        return;
    }
    rotate(l, in, IR_ROR);
}

/* n modulo 9 or 17, for n up to 31. */
static struct irv modulo(struct lift *l, struct irv n, unsigned m)
{
    struct irv q;

    if (irv_is(n, IRV_CONST))
        return ir_const(n.v % m);
    q = m == 9 ? op2c(l, IR_SHR, op2c(l, IR_MUL, n, 57), 9)
               : op2c(l, IR_SHR, op2c(l, IR_MUL, n, 61), 10);
    return ir_op2(l->ir, IR_SUB, n, op2c(l, IR_MUL, q, m));
}

/* 8 and 16 bits: carry and operand are one number of width + 1 bits. */
static void rotate_carry_small(struct lift *l, const struct insn *in, struct count c, bool left)
{
    unsigned size = opnd_size(l, in, 0), width = size * 8;
    struct irv a = read_extended(l, in, false);
    struct irv x = ir_op2(l->ir, IR_OR, a, op2c(l, IR_SHL, ir_getcc(l->ir, CC_B), width));
    struct irv m = modulo(l, c.n, width + 1);
    struct irv rest = ir_op2(l->ir, IR_SUB, ir_const(width + 1), m);
    struct irv up = left ? m : rest, down = left ? rest : m;
    struct irv result =
        ir_op2(l->ir, IR_OR, ir_op2(l->ir, IR_SHL, x, up), ir_op2(l->ir, IR_SHR, x, down));

    finish_rotate(l, in, c, result, result, width, differ(l, result), left ? width : width - 1);
}

/* By one: CF is the bit that leaves. */
static void rotate_carry_by_1(struct lift *l, const struct insn *in, struct count c, bool left)
{
    unsigned top = opnd_size(l, in, 0) * 8 - 1;
    struct irv a = ir_copy(l->ir, opnd_read_rmw(l, in, 0));
    struct irv carry = ir_getcc(l->ir, CC_B), result;

    if (left) {
        result = ir_lea(l->ir, carry, a, 1, 0);
        finish_rotate(l, in, c, result, a, top, ir_op2(l->ir, IR_XOR, result, a), top);
    } else {
        result = ir_op2(l->ir, IR_OR, op2c(l, IR_SHR, a, 1), op2c(l, IR_SHL, carry, top));
        finish_rotate(l, in, c, result, a, 0, differ(l, result), top);
    }
}

/* 32 and 64 bits: the carry enters n - 1 places from the end, and no shift may be by the width. */
static void rotate_carry_large(struct lift *l, const struct insn *in, struct count c, bool left)
{
    enum ir_op fwd = left ? IR_SHL : IR_SHR, back = left ? IR_SHR : IR_SHL;
    unsigned top = opnd_size(l, in, 0) * 8 - 1;
    struct irv n = c.n, a = opnd_read_rmw(l, in, 0);
    struct irv carry = ir_getcc(l->ir, CC_B);
    struct irv rest = ir_op1(l->ir, IR_NEG, n); /* width - n, as the IR masks it */
    struct irv wrapped = ir_op2(l->ir, back, op2c(l, back, a, 1), rest);
    struct irv in_bit = ir_op2(l->ir, IR_SHL, carry, left ? minus_one(l, n) : rest);
    struct irv result =
        ir_op2(l->ir, IR_OR, ir_op2(l->ir, fwd, a, n), ir_op2(l->ir, IR_OR, wrapped, in_bit));
    struct irv cf = ir_op2(l->ir, IR_SHR, a, left ? rest : minus_one(l, n));
    struct irv of;

    result = ir_sel(l->ir, IRC_NE, n, ir_const(0), result, a);
    of = left ? ir_op2(l->ir, IR_XOR, result, op2c(l, IR_SHL, cf, top)) : differ(l, result);
    finish_rotate(l, in, c, result, cf, 0, of, top);
}

static void rotate_carry(struct lift *l, const struct insn *in, bool left)
{
    struct count c = read_count(l, in, 1);
    unsigned size = opnd_size(l, in, 0);

    if (is_zero(c.n))
        opnd_write(l, in, 0, opnd_read_rmw(l, in, 0));
    else if (size >= 4 && irv_is(c.n, IRV_CONST) && c.n.v == 1)
        rotate_carry_by_1(l, in, c, left);
    else if (size >= 4)
        rotate_carry_large(l, in, c, left);
    else
        rotate_carry_small(l, in, c, left);
}

void sem_rcl(struct lift *l, const struct insn *in)
{
    if (unmasked(l)) {
        lift_shift_long(l, in);
        return;
    }
    rotate_carry(l, in, true);
}

void sem_rcr(struct lift *l, const struct insn *in)
{
    if (unmasked(l)) {
        lift_shift_long(l, in);
        return;
    }
    rotate_carry(l, in, false);
}

/* -- double shifts -- */

/* 32 and 64 bits */
static void double_shift_large(struct lift *l, const struct insn *in, struct count c, bool left)
{
    struct irv n = c.n;
    enum ir_op fwd = left ? IR_SHL : IR_SHR, back = left ? IR_SHR : IR_SHL;
    struct irv b = opnd_read(l, in, 1), a = opnd_read_rmw(l, in, 0);
    struct irv fill = ir_op2(l->ir, back, b, ir_op1(l->ir, IR_NEG, n));
    struct irv result = ir_op2(l->ir, IR_OR, ir_op2(l->ir, fwd, a, n), fill);
    struct irv before = ir_op2(l->ir, fwd, a, minus_one(l, n));

    result = ir_sel(l->ir, IRC_NE, n, ir_const(0), result, a);
    finish(l, in, c, result, left ? FK_SHL : FK_SHR, before);
}

/* 16 bits: a:b rotates, so that counts over 16, which the SDM leaves undefined, go round to a again
 * as they do on processors. */
static void double_shift_16(struct lift *l, const struct insn *in, struct count c, bool left)
{
    struct irv n = c.n;
    struct irv b = opnd_read(l, in, 1), a = opnd_read_rmw(l, in, 0);
    enum ir_op op = left ? IR_ROL : IR_ROR;
    struct irv high = left ? a : b, low = left ? b : a;
    struct irv pair =
        ir_op2(l->ir, IR_OR, op2c(l, IR_SHL, high, 16), ir_op1(l->ir, IR_EXT16U, low));
    struct irv result = ir_op2(l->ir, op, pair, n);
    struct irv before = ir_op2(l->ir, op, pair, minus_one(l, n));

    if (left) {
        result = op2c(l, IR_SHR, result, 16);
        before = op2c(l, IR_SHR, before, 16);
    }
    finish(l, in, c, result, left ? FK_SHL : FK_SHR, before);
}

static void double_shift(struct lift *l, const struct insn *in, bool left)
{
    struct count c = read_count(l, in, 2);

    if (is_zero(c.n))
        opnd_write(l, in, 0, opnd_read_rmw(l, in, 0));
    else if (in->opsize >= 4)
        double_shift_large(l, in, c, left);
    else
        double_shift_16(l, in, c, left);
}

void sem_shld(struct lift *l, const struct insn *in)
{
    double_shift(l, in, true);
}

void sem_shrd(struct lift *l, const struct insn *in)
{
    double_shift(l, in, false);
}
