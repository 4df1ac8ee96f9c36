/* Inside of the softfp files: 128-bit significands and the rounding that every result goes through.
 * A significand is normalised when its bit 127 is set; its value is then v * 2^(exp - BIAS - 127),
 * with exp biased as in the 80-bit format but free to leave that format's range. Bits that do not
 * fit are "jammed": ORed into bit 0, which only has to tell exact from inexact. */
#ifndef CPU_SOFTFP_INT_H
#define CPU_SOFTFP_INT_H

#include "cpu/softfp.h"

typedef unsigned __int128 u128;

/* A destination format: bits of precision and exponent range (biased as for f80). */
struct fp_format {
    u8 prec;
    int emin, emax;
    int wrap; /* added to or taken from the exponent of an unmasked under- or overflow; 0, for
                 memory: the flag alone is raised, and there is no result */
};

/* A rounded value: exp > emax stands for infinity; a sig with bit 63 clear is denormal at emin. */
struct fp_rounded {
    u64 sig;
    int exp;
};

/* Rounds v, normalised and not zero, raising OE, UE and PE and setting C1 (softfp_round.c). */
struct fp_rounded fp_round(struct fpctx *c, bool sign, int exp, u128 v, const struct fp_format *f);

/* The same for an 80-bit result that obeys precision control, or, with full set, does not. */
struct f80 f80_round_slow(struct fpctx *c, bool sign, int exp, u128 v, bool full);

/* Picks the x87's answer among two operands of which at least one is a NaN or unsupported. */
struct f80 f80_nan(struct fpctx *c, struct f80 a, struct f80 b);
struct f80 f80_invalid(struct fpctx *c);

static inline int clz128(u128 v) /* v != 0 */
{
    u64 hi = (u64)(v >> 64);
    return hi ? __builtin_clzll(hi) : 64 + __builtin_clzll((u64)v);
}

/* v >> n, jammed; any n >= 0. */
static inline u128 shift_jam(u128 v, int n)
{
    if (n == 0)
        return v;
    if (n > 127)
        return v != 0;
    return v >> n | ((v << (128 - n)) != 0);
}

/* Rounds hi:lo (hi normalised) to an 80-bit result under rc and pc. The common case, 64 bits to
 * nearest and no exponent near the ends, is done in line. */
static inline struct f80 f80_pack(struct fpctx *c, bool sign, int exp, u64 hi, u64 lo)
{
    if (__builtin_expect(exp - 1u < 0x7ffdu && c->rc == FP_NEAREST && c->pc == FP_PC64, 1)) {
        if (lo) {
            bool up = lo > F80_INT_BIT || (lo == F80_INT_BIT && (hi & 1));
            c->flags |= FP_PE;
            c->c1 = up;
            hi += up;
            if (!hi) {
                hi = F80_INT_BIT;
                exp++;
            }
        }
        return f80_make(sign, exp, hi);
    }
    return f80_round_slow(c, sign, exp, (u128)hi << 64 | lo, false);
}

/* Normalises a finite nonzero operand: returns its exponent, which may be below 1. */
static inline int f80_normalize(struct f80 a, u64 *sig)
{
    int exp = f80_exp(a) ? f80_exp(a) : 1;
    int n = __builtin_clzll(a.sig);
    *sig = a.sig << n;
    return exp - n;
}

static inline bool fp_raise_denormal(struct fpctx *c, enum f80_class k)
{
    if (k != F80_DENORMAL)
        return false;
    c->flags |= FP_DE;
    return !(c->masks & FP_DE);
}

#endif
