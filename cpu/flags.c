/* The one place that computes arithmetic flags from their lazy form (SDM vol. 1, 3.4.3.1). Every
 * kind is brought to a result and two operands; carries then follow from the full-adder identities,
 * so that no kind needs wider arithmetic. */
#include "cpu/flags.h"

enum { FLAGS_CARRY = FLAG_CF | FLAG_AF | FLAG_OF };

static u32 bit_if(u64 cond, u32 flag)
{
    return cond ? flag : 0;
}

/* ZF SF PF of a result */
static u32 result_flags(u64 res, u64 mask, u64 sign)
{
    u32 f = bit_if(!(res & mask), FLAG_ZF) | bit_if(res & sign, FLAG_SF);
    return f | bit_if(!__builtin_parity((u32)res & 0xff), FLAG_PF);
}

/* CF AF OF of res = a + b + carry */
static u32 add_flags(u64 res, u64 a, u64 b, u64 sign)
{
    u64 carry = (a & b) | ((a | b) & ~res);
    return bit_if(carry & sign, FLAG_CF) | (u32)((a ^ b ^ res) & FLAG_AF) |
           bit_if((a ^ res) & (b ^ res) & sign, FLAG_OF);
}

/* CF AF OF of res = a - b - borrow */
static u32 sub_flags(u64 res, u64 a, u64 b, u64 sign)
{
    u64 borrow = (~a & b) | ((~a | b) & res);
    return bit_if(borrow & sign, FLAG_CF) | (u32)((a ^ b ^ res) & FLAG_AF) |
           bit_if((a ^ b) & (a ^ res) & sign, FLAG_OF);
}

u32 flags_eval(u32 op, u64 dst, u64 src, u64 aux)
{
    op &= FLAG_OP_MASK;
    u32 bits = 8u << (op & 3);
    u64 mask = ~0ull >> (64 - bits);
    u64 sign = mask ^ mask >> 1;
    u32 f = 0;

    switch ((enum flag_kind)(op >> 2)) {
    case FK_EFLAGS: return (u32)src & FLAGS_ARITH;
    case FK_ADD: f = add_flags(dst, dst - src, src, sign); break;
    case FK_ADC: f = add_flags(dst, dst - src - aux, src, sign); break;
    case FK_SUB: f = sub_flags(dst, dst + src, src, sign); break;
    case FK_SBB: f = sub_flags(dst, dst + src + aux, src, sign); break;
    case FK_CMP:
        f = sub_flags(dst - src, dst, src, sign);
        dst -= src;
        break;
    case FK_INC:
        f = (add_flags(dst, dst - 1, 1, sign) & ~(u32)FLAG_CF) | ((u32)src & FLAG_CF);
        break;
    case FK_DEC:
        f = (sub_flags(dst, dst + 1, 1, sign) & ~(u32)FLAG_CF) | ((u32)src & FLAG_CF);
        break;
    case FK_SHL: f = bit_if(src & sign, FLAG_CF) | bit_if((dst ^ src) & sign, FLAG_OF); break;
    case FK_SHR: f = ((u32)src & FLAG_CF) | bit_if((dst ^ src) & sign, FLAG_OF); break;
    case FK_MUL: f = bit_if(src & mask, FLAG_CF | FLAG_OF); break;
    case FK_LOGIC:
    case FK_COUNT: break;
    }
    return (f & FLAGS_CARRY) | result_flags(dst, mask, sign);
}

u32 flags_eval_all(const struct lazy_flags *f)
{
    u32 fl = flags_eval(f->op, f->dst, f->src, f->aux);
    if (f->op & FLAG_OP_CF)
        fl = (fl & ~(u32)FLAG_CF) |
             bit_if(f->cf >> (f->op >> FLAG_OP_CF_BIT & FLAG_OP_BIT) & 1, FLAG_CF);
    if (f->op & FLAG_OP_OF)
        fl = (fl & ~(u32)FLAG_OF) |
             bit_if(f->of >> (f->op >> FLAG_OP_OF_BIT & FLAG_OP_BIT) & 1, FLAG_OF);
    return fl;
}
