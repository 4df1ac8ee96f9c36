/* Moves and conversions: MOV, MOVZX/MOVSX, LEA, XCHG, CMOVcc, SETcc, BSWAP, XLAT, CBW/CWD,
 * LAHF/SAHF, the instructions that set or clear one flag, NOP. SDM volume 2. */
#include "cpu/lift.h"

enum { CC_O, CC_B = 2 };

void sem_mov(struct lift *l, const struct insn *in)
{
    opnd_write(l, in, 0, opnd_read(l, in, 1));
}

/* One side is memory. */
void sem_movbe(struct lift *l, const struct insn *in)
{
    struct irv v = ir_op1(l->ir, IR_BSWAP, opnd_read(l, in, 1));

    if (in->opsize == 2)
        v = ir_op2(l->ir, IR_SHR, v, ir_const(16));
    opnd_write(l, in, 0, v);
}

void sem_movzx(struct lift *l, const struct insn *in)
{
    struct irv v = opnd_read(l, in, 1);

    if (!opnd_is_mem(l, in, 1)) /* loads zero-extend by themselves */
        v = ir_op1(l->ir, opnd_size(l, in, 1) == 1 ? IR_EXT8U : IR_EXT16U, v);
    opnd_write(l, in, 0, v);
}

static struct irv sign_extend(struct lift *l, struct irv v, unsigned size)
{
    return ir_op1(l->ir, size == 1 ? IR_EXT8S : size == 2 ? IR_EXT16S : IR_EXT32S, v);
}

/* MOVSXD too, which without REX.W does not extend anything. */
void sem_movsx(struct lift *l, const struct insn *in)
{
    unsigned size = opnd_size(l, in, 1);
    struct irv v;

    if (size >= in->opsize) {
        v = opnd_read(l, in, 1);
    } else if (opnd_is_mem(l, in, 1)) {
        v = lift_load(l, IR_LDSX, lift_operand(l, in, size, false), size);
        if (in->opsize == 8)
            ir_sx64(l->ir);
    } else {
        v = sign_extend(l, opnd_read(l, in, 1), size);
    }
    opnd_write(l, in, 0, v);
}

/* Of an address computed for 32 bits only those matter. */
void sem_lea(struct lift *l, const struct insn *in)
{
    struct insn low = *in;

    if (in->opsize == 4 && in->addrsize == 8)
        low.addrsize = 4;
    opnd_write(l, in, 0, lift_ea(l, &low));
}

/* XCHG BX, BX, by which programs call Bochs's debugger; it changes nothing. */
static bool is_magic(const struct insn *in)
{
    return in->opcode == 0x87 && in->modrm == 0xdb && in->opsize == 2 && !in->rex;
}

void sem_xchg(struct lift *l, const struct insn *in)
{
    struct irv a, b;

    if (l->magic && is_magic(in)) {
        ir_call(l->ir, HELPER_magic, IR_NONE, IR_NONE, IR_NONE, IR_NONE);
        lift_exit_next(l);
        return;
    }
    a = opnd_read_rmw(l, in, 0);
    b = opnd_read(l, in, 1);
    if (opnd_is_mem(l, in, 0)) {
        opnd_write(l, in, 0, b);
        opnd_write(l, in, 1, a);
    } else {
        a = ir_copy(l->ir, a);
        opnd_write(l, in, 0, b);
        opnd_write(l, in, 1, a);
    }
}

/* The source is read whether or not the condition holds. */
void sem_cmovcc(struct lift *l, const struct insn *in)
{
    struct irv v = opnd_read(l, in, 1);

    opnd_write(l, in, 0, ir_selcc(l->ir, in->opcode & 15, v, opnd_read(l, in, 0)));
}

void sem_setcc(struct lift *l, const struct insn *in)
{
    opnd_write(l, in, 0, ir_getcc(l->ir, in->opcode & 15));
}

void sem_bswap(struct lift *l, const struct insn *in)
{
    /* With a 16-bit operand the SDM leaves it undefined; processors write zero. */
    if (in->opsize == 2)
        opnd_write(l, in, 0, ir_const(0));
    else
        opnd_write(l, in, 0, ir_op1(l->ir, IR_BSWAP, opnd_read(l, in, 0)));
}

void sem_xlat(struct lift *l, const struct insn *in)
{
    bool before = lift_width_addr(l, in);
    struct irv al = ir_op1(l->ir, IR_EXT8U, ir_reg(EAX));
    struct irv off = ir_op2(l->ir, IR_ADD, ir_reg(EBX), al);

    if (in->addrsize == 2)
        off = ir_op1(l->ir, IR_EXT16U, off);
    lift_width(l, before);
    lift_set_gpr(l, EAX, 1, lift_ld(l, in->seg, off, 1));
}

/* CBW, CWDE and CDQE */
void sem_cbw(struct lift *l, const struct insn *in)
{
    lift_set_gpr(l, EAX, in->opsize, sign_extend(l, ir_reg(EAX), in->opsize / 2));
}

/* CWD, CDQ and CQO */
void sem_cwd(struct lift *l, const struct insn *in)
{
    struct irv a = ir_reg(EAX);

    if (in->opsize == 2)
        a = ir_op1(l->ir, IR_EXT16S, a);
    lift_set_gpr(l, EDX, in->opsize, ir_op2(l->ir, IR_SAR, a, ir_const(in->opsize == 8 ? 63 : 31)));
}

void sem_lahf(struct lift *l, const struct insn *in)
{
    struct irv fl = ir_op2(l->ir, IR_OR, ir_getfl(l->ir), ir_const(2));
    bool before = lift_width_all(l);

    (void)in;
    ir_set_reg(l->ir, EAX, ir_op2(l->ir, IR_DEPH8, ir_reg(EAX), fl));
    lift_width(l, before);
}

void sem_sahf(struct lift *l, const struct insn *in)
{
    struct irv of = ir_getcc(l->ir, CC_O), fl = ir_op1(l->ir, IR_EXTH8, ir_reg(EAX));

    (void)in;
    ir_flags(l->ir, FK_EFLAGS, 4, IR_NONE, fl, IR_NONE);
    ir_flag_bits(l->ir, IR_NONE, 0, of, 0);
}

void sem_salc(struct lift *l, const struct insn *in)
{
    (void)in;
    lift_set_gpr(l, EAX, 1, ir_op1(l->ir, IR_NEG, ir_getcc(l->ir, CC_B)));
}

void sem_clc(struct lift *l, const struct insn *in)
{
    (void)in;
    ir_flag_bits(l->ir, ir_const(0), 0, IR_NONE, 0);
}

void sem_stc(struct lift *l, const struct insn *in)
{
    (void)in;
    ir_flag_bits(l->ir, ir_const(1), 0, IR_NONE, 0);
}

void sem_cmc(struct lift *l, const struct insn *in)
{
    (void)in;
    ir_flag_bits(l->ir, ir_getcc(l->ir, CC_B ^ 1), 0, IR_NONE, 0);
}

void sem_cld(struct lift *l, const struct insn *in)
{
    (void)in;
    ir_sts(l->ir, offsetof(struct cpu, df), 4, ir_const(1));
}

void sem_std(struct lift *l, const struct insn *in)
{
    (void)in;
    ir_sts(l->ir, offsetof(struct cpu, df), 4, ir_const(~0u));
}

/* Hints and prefetches too: their operand is not accessed. */
void sem_nop(struct lift *l, const struct insn *in)
{
    (void)l;
    (void)in;
}
