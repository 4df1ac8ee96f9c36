/* Bit tests and scans: BT, BTS, BTR, BTC, BSF, BSR. A bit string in memory is addressed by a signed
 * bit offset in a register (SDM volume 1, 4.1.2 and figure 3-2). Of BT's flags all but CF stay. */
#include "cpu/lift.h"

enum bit_op { BIT_TEST, BIT_SET, BIT_RESET, BIT_COMPLEMENT };

/* Number of the operand-sized unit that holds the bit, from the one that is addressed on. */
static struct irv unit_number(struct lift *l, unsigned size, struct irv offset)
{
    if (size == 2)
        offset = ir_op1(l->ir, IR_EXT16S, offset);
    else if (size == 4 && lift_code64(l))
        offset = ir_op1(l->ir, IR_EXT32S, offset);
    return ir_op2(l->ir, IR_SAR, offset, ir_const(size == 2 ? 4 : size == 4 ? 5 : 6));
}

/* Its address */
static struct irv unit_address(struct lift *l, const struct insn *in, struct irv offset)
{
    unsigned size = in->opsize;
    struct irv ea = lift_ea(l, in), unit;
    bool before;

    if (l->row->op[1] == OP_Ib)
        return ea;
    before = lift_width_all(l);
    unit = unit_number(l, size, offset);
    lift_width_addr(l, in);
    ea = ir_lea(l->ir, ea, unit, (unsigned)__builtin_ctz(size), 0);
    lift_width(l, before);
    return in->addrsize == 2 ? ir_op1(l->ir, IR_EXT16U, ea) : ea;
}

static struct irv apply(struct lift *l, enum bit_op op, struct irv v, struct irv mask)
{
    switch (op) {
    case BIT_SET: return ir_op2(l->ir, IR_OR, v, mask);
    case BIT_RESET: return ir_op2(l->ir, IR_AND, v, ir_op1(l->ir, IR_NOT, mask));
    default: return ir_op2(l->ir, IR_XOR, v, mask);
    }
}

static void bit_test(struct lift *l, const struct insn *in, enum bit_op op)
{
    unsigned size = in->opsize;
    struct irv offset = opnd_read(l, in, 1);
    struct irv bit = ir_op2(l->ir, IR_AND, offset, ir_const(size * 8 - 1));
    bool mem = opnd_is_mem(l, in, 0);
    struct irv la = IR_NONE, v, cf, result = IR_NONE;

    if (mem) {
        la = lift_linear(l, in->seg, unit_address(l, in, offset), size, op != BIT_TEST);
        v = ir_ld(l->ir, op == BIT_TEST ? IR_LD : IR_LDRMW, la, 0, size);
    } else {
        v = opnd_read(l, in, 0);
    }
    if (op == BIT_TEST && irv_is(bit, IRV_CONST)) {
        ir_flag_bits(l->ir, v, bit.v, IR_NONE, 0);
        return;
    }
    cf = ir_op2(l->ir, IR_SHR, v, bit);
    if (op != BIT_TEST)
        result = apply(l, op, v, ir_op2(l->ir, IR_SHL, ir_const(1), bit));
    if (op != BIT_TEST && mem)
        ir_st(l->ir, la, 0, size, result);
    ir_flag_bits(l->ir, cf, 0, IR_NONE, 0);
    if (op != BIT_TEST && !mem)
        opnd_write(l, in, 0, result);
}

void sem_bt(struct lift *l, const struct insn *in)
{
    bit_test(l, in, BIT_TEST);
}

void sem_bts(struct lift *l, const struct insn *in)
{
    bit_test(l, in, BIT_SET);
}

void sem_btr(struct lift *l, const struct insn *in)
{
    bit_test(l, in, BIT_RESET);
}

void sem_btc(struct lift *l, const struct insn *in)
{
    bit_test(l, in, BIT_COMPLEMENT);
}

/* With a source of 0 ZF is set and the destination keeps its value, as on all processors; of one of
 * 32 bits that is all of the register. */
static void scan(struct lift *l, const struct insn *in, enum ir_op op)
{
    struct irv src = opnd_read(l, in, 1);
    struct irv index;

    if (in->opsize == 2 && !opnd_is_mem(l, in, 1))
        src = ir_op1(l->ir, IR_EXT16U, src);
    if (in->opsize == 4 && lift_code64(l))
        src = lift_zext(l, src);
    index = ir_op1(l->ir, op, src);
    if (in->opsize == 4)
        lift_width_all(l);
    index = ir_sel(l->ir, IRC_NE, src, ir_const(0), index, lift_gpr(l, insn_reg(in), 8));
    ir_flags(l->ir, FK_LOGIC, in->opsize, src, IR_NONE, IR_NONE);
    lift_set_gpr(l, insn_reg(in), in->opsize == 4 && lift_code64(l) ? 8 : in->opsize, index);
}

void sem_bsf(struct lift *l, const struct insn *in)
{
    scan(l, in, IR_CTZ);
}

void sem_bsr(struct lift *l, const struct insn *in)
{
    scan(l, in, IR_BSR);
}

/* Of the flags ZF alone can be set. */
void sem_popcnt(struct lift *l, const struct insn *in)
{
    struct irv src = opnd_read(l, in, 1);

    if (in->opsize == 2 && !opnd_is_mem(l, in, 1))
        src = ir_op1(l->ir, IR_EXT16U, src);
    struct irv zero = ir_setc(l->ir, IRC_EQ, src, ir_const(0));
    enum helper h = in->opsize == 8 ? HELPER_popcnt64 : HELPER_popcnt;
    struct irv n = ir_call(l->ir, h, src, IR_NONE, IR_NONE, IR_NONE);

    ir_flags(l->ir, FK_EFLAGS, 4, IR_NONE, ir_op2(l->ir, IR_SHL, zero, ir_const(6)), IR_NONE);
    opnd_write(l, in, 0, n);
}

/* Of 8 bytes: those of the low half, then of the high half. */
static struct irv crc32_8_bytes(struct lift *l, struct irv sum, struct irv data)
{
    struct irv high = ir_op2(l->ir, IR_SHR, data, ir_const(32));

    sum = ir_call(l->ir, HELPER_crc32_32, sum, data, IR_NONE, IR_NONE);
    return ir_call(l->ir, HELPER_crc32_32, sum, high, IR_NONE, IR_NONE);
}

/* The sum has 32 bits, whatever the source has. */
void sem_crc32(struct lift *l, const struct insn *in)
{
    static const enum helper helpers[] = {HELPER_crc32_8, HELPER_crc32_16, HELPER_crc32_32};
    unsigned size = opnd_size(l, in, 1);
    struct irv sum = opnd_read(l, in, 0), data = opnd_read(l, in, 1);

    if (size == 8)
        sum = crc32_8_bytes(l, sum, data);
    else
        sum = ir_call(l->ir, helpers[size >> 1], sum, data, IR_NONE, IR_NONE);
    opnd_write(l, in, 0, sum);
}
