/* IR to the interpreter's operations, one for one. Operands become (bank, index) pairs, so that the
 * interpreter fetches each with two loads and no branch; constants go to a pool of the block. */
#include "jit/interp/icode.h"

#include "jit/block.h"

#include <string.h>

/* Temporary IR_MAX_TEMPS takes results that nobody wants. */
_Static_assert(IR_MAX_TEMPS <= OPERAND_INDEX, "temporaries must fit the operand index");
_Static_assert(IR_MAX_OPS * 4 + 1 <= OPERAND_INDEX + 1, "constants must fit the operand index");
_Static_assert(IRV_REG == 1 && IRV_TEMP == 2 && IRV_CONST == 3, "banks follow enum irv_kind");

static u16 operand(enum irv_kind kind, u32 index)
{
    return (u16)((kind - 1u) << OPERAND_BANK_SHIFT | index);
}

static u16 input(struct icode *c, const struct ir_insn *i, struct irv x)
{
    switch ((enum irv_kind)x.kind) {
    case IRV_REG:
    case IRV_TEMP: return operand(x.kind, x.v);
    case IRV_CONST:
        c->consts[c->nconsts] = ir_const_value(i, x);
        return operand(IRV_CONST, c->nconsts++);
    case IRV_NONE: break;
    }
    return NO_OPERAND;
}

static u16 output(struct irv x)
{
    return irv_is(x, IRV_NONE) ? operand(IRV_TEMP, IR_MAX_TEMPS) : operand(x.kind, x.v);
}

static struct iop convert(struct icode *c, const struct ir_insn *i)
{
    struct iop o = {
        .op = (u8)(i->op | (i->wide ? IOP_WIDE : 0)),
        .size = i->size,
        .cc = i->cc,
        .exit = NO_EXIT,
        .imm = i->imm,
        .d = output(i->d),
        .d2 = output(i->d2),
        .a = input(c, i, i->a),
        .b = input(c, i, i->b),
        .c = input(c, i, i->c),
        .e = input(c, i, i->e),
    };
    if (i->op == IR_FLAGS)
        o.imm = FLAG_OP(i->cc, (u32)__builtin_ctz(i->size));
    if (i->op == IR_FLAGBITS || i->op == IR_FLAGBITSIF)
        o.d = (u16)((irv_is(i->a, IRV_NONE) ? 0 : FLAG_OP_CF) |
                    (irv_is(i->b, IRV_NONE) ? 0 : FLAG_OP_OF));
    return o;
}

static size_t header_bytes(void)
{
    return (sizeof(struct icode) + 7) & ~(size_t)7;
}

static u32 count_consts(const struct ir *ir)
{
    u32 n = 1;
    for (u32 i = 0; i < ir->nops; i++) {
        const struct ir_insn *o = &ir->ops[i];
        n += irv_is(o->a, IRV_CONST) + irv_is(o->b, IRV_CONST) + irv_is(o->c, IRV_CONST) +
             irv_is(o->e, IRV_CONST);
    }
    return n;
}

size_t icode_size(const struct ir *ir)
{
    return header_bytes() + ir->nops * sizeof(struct iop) + count_consts(ir) * sizeof(u64);
}

struct icode *icode_make(void *memory, const struct ir *ir)
{
    struct icode *c = memory;
    u32 exits = 0;
    memset(c, 0, sizeof(*c));
    c->bytes = icode_size(ir);
    c->ninsns = ir->ninsns;
    c->nops = ir->nops;
    c->priv = (u8)mode_priv(ir->mode);
    c->consts = (u64 *)(void *)((u8 *)memory + header_bytes());
    c->ops = (struct iop *)(void *)(c->consts + count_consts(ir));
    c->consts[c->nconsts++] = 0;
    for (u32 i = 0; i < ir->nops; i++) {
        c->ops[i] = convert(c, &ir->ops[i]);
        if (block_exit_chainable(&ir->ops[i], false) && exits < BLOCK_MAX_EXITS)
            c->ops[i].exit = (u8)exits++;
    }
    return c;
}
