/* What the pure IR operations compute, in C: constant folding and the interpreter share this
 * definition. With a constant op the switch folds away. */
#ifndef JIT_IR_EVAL_H
#define JIT_IR_EVAL_H

#include "jit/ir.h"

#define IR_INLINE static inline __attribute__((always_inline))

IR_INLINE u32 ir_rotl32(u32 x, u32 n)
{
    return x << (n & 31) | x >> (-n & 31);
}

IR_INLINE u64 ir_rotl64(u64 x, u32 n)
{
    return x << (n & 63) | x >> (-n & 63);
}

/* x >> n, arithmetic, without relying on signed shifts */
IR_INLINE u32 ir_sar32(u32 x, u32 n)
{
    return x >> 31 ? ~(~x >> n) : x >> n;
}

IR_INLINE u64 ir_sar64(u64 x, u32 n)
{
    return x >> 63 ? ~(~x >> n) : x >> n;
}

IR_INLINE u64 ir_cut(bool wide, u64 v)
{
    return wide ? v : (u32)v;
}

/* Ops with one input and one output */
IR_INLINE u64 ir_eval1(enum ir_op op, bool wide, u64 a)
{
    u32 low = (u32)a;
    switch (op) {
    case IR_NOT: return ir_cut(wide, ~a);
    case IR_NEG: return ir_cut(wide, 0 - a);
    case IR_EXT8U: return a & 0xff;
    case IR_EXT8S: return ir_cut(wide, (u64)(s64)(s8)a);
    case IR_EXT16U: return a & 0xffff;
    case IR_EXT16S: return ir_cut(wide, (u64)(s64)(s16)a);
    case IR_EXT32S: return ir_cut(wide, (u64)(s64)(s32)a);
    case IR_EXTH8: return a >> 8 & 0xff;
    case IR_BSWAP: return wide ? __builtin_bswap64(a) : __builtin_bswap32(low);
    case IR_CTZ:
        if (wide)
            return a ? (u32)__builtin_ctzll(a) : 0;
        return low ? (u32)__builtin_ctz(low) : 0;
    case IR_BSR:
        if (wide)
            return a ? 63 - (u32)__builtin_clzll(a) : 0;
        return low ? 31 - (u32)__builtin_clz(low) : 0;
    default: return ir_cut(wide, a); /* MOV */
    }
}

/* v, or its low size bytes in place of a's. */
IR_INLINE u64 ir_eval_sized(unsigned size, u64 a, u64 v)
{
    u64 mask = size == 1 ? 0xff : size == 2 ? 0xffff : ~0ull;
    return (a & ~mask) | (v & mask);
}

/* Ops with two inputs and one output, but SETC and LEA, which have parameters */
IR_INLINE u64 ir_eval2(enum ir_op op, bool wide, u64 a, u64 b)
{
    u32 n = (u32)b & (wide ? 63 : 31), low = (u32)a;
    switch (op) {
    case IR_ADD: return ir_cut(wide, a + b);
    case IR_SUB: return ir_cut(wide, a - b);
    case IR_AND: return ir_cut(wide, a & b);
    case IR_OR: return ir_cut(wide, a | b);
    case IR_XOR: return ir_cut(wide, a ^ b);
    case IR_SHL: return wide ? a << n : low << n;
    case IR_SHR: return wide ? a >> n : low >> n;
    case IR_SAR: return wide ? ir_sar64(a, n) : ir_sar32(low, n);
    case IR_ROL: return wide ? ir_rotl64(a, n) : ir_rotl32(low, n);
    case IR_ROR: return wide ? ir_rotl64(a, 0u - n) : ir_rotl32(low, 0u - n);
    case IR_MUL: return ir_cut(wide, a * b);
    case IR_DEP8: return ir_cut(wide, (a & ~0xffull) | (b & 0xff));
    case IR_DEPH8: return ir_cut(wide, (a & ~0xff00ull) | (b & 0xff) << 8);
    case IR_DEP16: return ir_cut(wide, (a & ~0xffffull) | (b & 0xffff));
    default: return 0;
    }
}

IR_INLINE bool ir_eval_cond(unsigned cond, bool wide, u64 a, u64 b)
{
    if (!wide) {
        a = (u64)(s64)(s32)a;
        b = (u64)(s64)(s32)b;
    }
    switch ((enum ir_cond)cond) {
    case IRC_EQ: return a == b;
    case IRC_NE: return a != b;
    case IRC_LTU: return a < b;
    case IRC_GEU: return a >= b;
    case IRC_LEU: return a <= b;
    case IRC_GTU: return a > b;
    case IRC_LTS: return (s64)a < (s64)b;
    case IRC_GES: return (s64)a >= (s64)b;
    case IRC_LES: return (s64)a <= (s64)b;
    case IRC_GTS: return (s64)a > (s64)b;
    }
    return false;
}

/* The double-width products: low half; high half in *hi */
IR_INLINE u64 ir_eval_mul2(enum ir_op op, bool wide, u64 a, u64 b, u64 *hi)
{
    __extension__ typedef unsigned __int128 u128;
    __extension__ typedef __int128 s128;
    if (wide) {
        u128 w = op == IR_UMUL2 ? (u128)a * b : (u128)((s128)(s64)a * (s64)b);
        *hi = (u64)(w >> 64);
        return (u64)w;
    }
    u64 p = op == IR_UMUL2 ? (u64)(u32)a * (u32)b : (u64)((s64)(s32)a * (s32)b);
    *hi = p >> 32;
    return (u32)p;
}

#endif
