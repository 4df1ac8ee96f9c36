/* Conversions between the 80-bit format and float32, float64, integers and packed BCD, with the
 * rules of FLD, FILD, FBLD, FST, FIST and FBSTP (SDM vol. 1, 8.3.3 and 8.5.1.2). */
#include <string.h>

#include "cpu/softfp_int.h"

struct f80 f80_from_f32(u32 bits)
{
    bool sign = bits >> 31;
    int exp = (int)(bits >> 23 & 0xff);
    u64 frac = (u64)(bits & 0x7fffff) << 40;

    if (exp == 0xff)
        return f80_make(sign, F80_EXP_MAX, F80_INT_BIT | frac);
    if (exp)
        return f80_make(sign, exp - 127 + F80_BIAS, F80_INT_BIT | frac);
    if (!frac)
        return f80_make(sign, 0, 0);
    int n = __builtin_clzll(frac);
    return f80_make(sign, 1 - 127 + F80_BIAS - n, frac << n);
}

struct f80 f80_from_f64(u64 bits)
{
    bool sign = bits >> 63;
    int exp = (int)(bits >> 52 & 0x7ff);
    u64 frac = bits << 12 >> 1;

    if (exp == 0x7ff)
        return f80_make(sign, F80_EXP_MAX, F80_INT_BIT | frac);
    if (exp)
        return f80_make(sign, exp - 1023 + F80_BIAS, F80_INT_BIT | frac);
    if (!frac)
        return f80_make(sign, 0, 0);
    int n = __builtin_clzll(frac);
    return f80_make(sign, 1 - 1023 + F80_BIAS - n, frac << n);
}

struct f80 f80_from_s64(s64 v)
{
    if (v == 0)
        return f80_make(false, 0, 0);
    u64 mag = v < 0 ? 0 - (u64)v : (u64)v;
    int n = __builtin_clzll(mag);
    return f80_make(v < 0, F80_BIAS + 63 - n, mag << n);
}

struct f80 f80_from_bcd(const u8 bcd[10])
{
    u64 v = 0;
    for (int i = 8; i >= 0; i--)
        v = v * 100 + (bcd[i] >> 4) * 10u + (bcd[i] & 15u);
    struct f80 r = f80_from_s64((s64)v);
    r.se |= (u16)((bcd[9] & 0x80u) << 8);
    return r;
}

/* Rounds a to a format of mant fraction bits and an exponent field of all ones at maxexp; returns
 * exponent field and fraction, without the sign. */
static u64 to_format(struct fpctx *c, struct f80 a, unsigned mant, int maxexp)
{
    u64 expmask = (u64)maxexp << mant;
    switch (f80_class(a)) {
    case F80_UNSUPPORTED:
        c->flags |= FP_IE;
        return expmask | 1ull << (mant - 1); /* the caller makes it negative */
    case F80_SNAN:
        c->flags |= FP_IE;
        a.sig |= F80_QUIET;
        /* fall through */
    case F80_QNAN:
    case F80_INF: return expmask | (a.sig << 1 >> (64 - mant));
    case F80_ZERO: return 0;
    default: break;
    }
    int bias = maxexp >> 1;
    struct fp_format f = {
        .prec = (u8)(mant + 1), .emin = F80_BIAS - bias + 1, .emax = F80_BIAS + bias};
    u64 sig;
    int exp = f80_normalize(a, &sig);
    struct fp_rounded r = fp_round(c, f80_sign(a), exp, (u128)sig << 64, &f);
    u64 field = r.sig >> 63 ? (u64)(r.exp - f.emin + 1) : 0;
    return field << mant | (r.sig << 1 >> (64 - mant));
}

/* True if a, rounded to nearest, surely is a normal number of the format; then *out is what
 * to_format() would return. */
static inline bool to_format_fast(struct fpctx *c, struct f80 a, unsigned mant, int maxexp,
                                  u64 *out)
{
    int exp = f80_exp(a) - F80_BIAS + (maxexp >> 1);
    u64 half = 1ull << (62 - mant), rest = a.sig & (2 * half - 1);

    if (c->rc != FP_NEAREST || !(a.sig >> 63) || exp < 1 || exp >= maxexp - 1)
        return false;
    u64 v = a.sig >> (63 - mant); /* with the integer bit, which adds one to the exponent field */
    bool up = rest > half || (rest == half && (v & 1));
    if (rest) {
        c->flags |= FP_PE;
        c->c1 = up;
    }
    *out = ((u64)(exp - 1) << mant) + v + up;
    return true;
}

u32 f80_to_f32(struct fpctx *c, struct f80 a)
{
    u64 fast;
    if (to_format_fast(c, a, 23, 0xff, &fast))
        return (u32)f80_sign(a) << 31 | (u32)fast;
    bool sign = f80_sign(a) || f80_class(a) == F80_UNSUPPORTED;
    return (u32)sign << 31 | (u32)to_format(c, a, 23, 0xff);
}

u64 f80_to_f64(struct fpctx *c, struct f80 a)
{
    u64 fast;
    if (to_format_fast(c, a, 52, 0x7ff, &fast))
        return (u64)f80_sign(a) << 63 | fast;
    bool sign = f80_sign(a) || f80_class(a) == F80_UNSUPPORTED;
    return (u64)sign << 63 | to_format(c, a, 52, 0x7ff);
}

/* Rounds |a| to an integer not above limit; false, with IE raised, if it does not fit. */
static bool to_magnitude(struct fpctx *c, struct f80 a, u64 limit, u64 *mag)
{
    struct fpctx t = {.rc = c->rc, .masks = 0x3f};
    enum f80_class k = f80_class(a);

    *mag = 0;
    if (k == F80_ZERO)
        return true;
    if (k <= F80_INF) {
        c->flags |= FP_IE;
        return false;
    }
    u64 sig;
    int exp = f80_normalize(a, &sig);
    if (exp <= F80_BIAS + 63) {
        /* Denormals of a format whose smallest unit is 1 are the integers. */
        struct fp_format f = {.prec = 64, .emin = F80_BIAS + 63, .emax = F80_BIAS + 64};
        struct fp_rounded r = fp_round(&t, f80_sign(a), exp, (u128)sig << 64, &f);
        *mag = r.sig;
    }
    if (exp > F80_BIAS + 63 || *mag > limit) {
        c->flags |= FP_IE;
        return false;
    }
    c->flags |= t.flags & FP_PE;
    c->c1 = t.c1;
    return true;
}

s64 f80_to_int(struct fpctx *c, struct f80 a, unsigned bits)
{
    u64 min = 1ull << (bits - 1), mag;
    if (!to_magnitude(c, a, f80_sign(a) ? min : min - 1, &mag))
        return (s64)(0 - min);
    return (s64)(f80_sign(a) ? 0 - mag : mag);
}

void f80_to_bcd(struct fpctx *c, struct f80 a, u8 bcd[10])
{
    static const u8 indefinite[10] = {0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0xff};
    u64 mag;
    if (!to_magnitude(c, a, 999999999999999999ull, &mag)) {
        memcpy(bcd, indefinite, 10);
        return;
    }
    for (int i = 0; i < 9; i++, mag /= 100) {
        unsigned two = (unsigned)(mag % 100);
        bcd[i] = (u8)(two / 10 << 4 | two % 10);
    }
    bcd[9] = f80_sign(a) ? 0x80 : 0;
}
