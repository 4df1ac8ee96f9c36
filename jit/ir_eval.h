/* What the pure IR operations compute, in C: constant folding and the interpreter share this
 * definition. With a constant op the switch folds away. */
#ifndef JIT_IR_EVAL_H
#define JIT_IR_EVAL_H

#include "jit/ir.h"

#define IR_INLINE static inline __attribute__((always_inline))

IR_INLINE u32 ir_rotl(u32 x, u32 n)
{
    return x << (n & 31) | x >> (-n & 31);
}

/* x >> n, n < 32, arithmetic, without relying on signed shifts */
IR_INLINE u32 ir_sar(u32 x, u32 n)
{
    return x >> 31 ? ~(~x >> n) : x >> n;
}

/* Ops with one input and one output */
IR_INLINE u32 ir_eval1(enum ir_op op, u32 a)
{
    switch (op) {
    case IR_NOT: return ~a;
    case IR_NEG: return 0u - a;
    case IR_EXT8U: return a & 0xff;
    case IR_EXT8S: return (u32)(s32)(s8)a;
    case IR_EXT16U: return a & 0xffff;
    case IR_EXT16S: return (u32)(s32)(s16)a;
    case IR_EXTH8: return a >> 8 & 0xff;
    case IR_BSWAP: return __builtin_bswap32(a);
    case IR_CTZ: return a ? (u32)__builtin_ctz(a) : 0;
    case IR_BSR: return a ? 31 - (u32)__builtin_clz(a) : 0;
    default: return a; /* MOV */
    }
}

/* v, or its low size bytes in place of a's. */
IR_INLINE u32 ir_eval_sized(unsigned size, u32 a, u32 v)
{
    u32 mask = size == 1 ? 0xff : size == 2 ? 0xffff : ~0u;
    return (a & ~mask) | (v & mask);
}

/* Ops with two inputs and one output, but SETC and LEA, which have parameters */
IR_INLINE u32 ir_eval2(enum ir_op op, u32 a, u32 b)
{
    switch (op) {
    case IR_ADD: return a + b;
    case IR_SUB: return a - b;
    case IR_AND: return a & b;
    case IR_OR: return a | b;
    case IR_XOR: return a ^ b;
    case IR_SHL: return a << (b & 31);
    case IR_SHR: return a >> (b & 31);
    case IR_SAR: return ir_sar(a, b & 31);
    case IR_ROL: return ir_rotl(a, b);
    case IR_ROR: return ir_rotl(a, 0u - b);
    case IR_MUL: return a * b;
    case IR_DEP8: return (a & ~0xffu) | (b & 0xff);
    case IR_DEPH8: return (a & ~0xff00u) | (b & 0xff) << 8;
    case IR_DEP16: return (a & ~0xffffu) | (b & 0xffff);
    default: return 0;
    }
}

IR_INLINE bool ir_eval_cond(unsigned cond, u32 a, u32 b)
{
    switch ((enum ir_cond)cond) {
    case IRC_EQ: return a == b;
    case IRC_NE: return a != b;
    case IRC_LTU: return a < b;
    case IRC_GEU: return a >= b;
    case IRC_LEU: return a <= b;
    case IRC_GTU: return a > b;
    case IRC_LTS: return (s32)a < (s32)b;
    case IRC_GES: return (s32)a >= (s32)b;
    case IRC_LES: return (s32)a <= (s32)b;
    case IRC_GTS: return (s32)a > (s32)b;
    }
    return false;
}

/* The double-width products: low half; high half in *hi */
IR_INLINE u32 ir_eval_mul2(enum ir_op op, u32 a, u32 b, u32 *hi)
{
    u64 p = op == IR_UMUL2 ? (u64)a * b : (u64)((s64)(s32)a * (s32)b);
    *hi = (u32)(p >> 32);
    return (u32)p;
}

#endif
