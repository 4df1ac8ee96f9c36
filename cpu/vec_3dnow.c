/* 3DNow! and its extensions in portable C (AMD, 3DNow! Technology Manual, 21928; AMD64 Architecture
 * Programmer's Manual, volume 5). Two float32 lanes, rounded to nearest: denormals are zeros, too
 * small a result is a zero, too large a one the largest normal number; no exceptions. What infinite
 * and NaN operands give is undefined there; here it is what IEEE arithmetic makes of them.
 *
 * The approximations differ between processors; these are ours, on every host: PFRCP and PFRSQRT
 * have 15 bits of fraction, rounded up so that the Newton step (PFRCPIT1, PFRSQIT1) gives a factor
 * not above 1, where float32 has a bit more. */
#include "cpu/vec_fn.h"

enum { F32_SIGN = 1u << 31, F32_INF = 0x7f800000, F32_MAX = 0x7f7fffff };

static struct sfp nearest(void)
{
    return (struct sfp){.rc = FP_NEAREST, .daz = true, .ftz = true, .masks = 0x3f};
}

static u32 magnitude(u32 v)
{
    return (v & F32_INF) ? v & ~F32_SIGN : 0; /* denormals are zeros */
}

static bool is_number(u32 v)
{
    return magnitude(v) < F32_INF;
}

/* Of numbers: the result, an overflow of which stays finite. */
static u32 saturated(u32 a, u32 b, u32 result)
{
    bool overflow = is_number(a) && is_number(b) && magnitude(result) == F32_INF;

    return overflow ? (result & F32_SIGN) | F32_MAX : result;
}

static u32 add(u32 a, u32 b)
{
    struct sfp c = nearest();
    u32 r;

    if (!magnitude(a) && !magnitude(b))
        return a & b & F32_SIGN;
    if (!magnitude(a) || !magnitude(b))
        return magnitude(a) ? a : b;
    r = saturated(a, b, sf32_add(&c, a, b));
    if (!magnitude(r)) /* the sign of the larger, or of the first */
        r = (magnitude(b) > magnitude(a) ? b : a) & F32_SIGN;
    return r;
}

static u32 sub(u32 a, u32 b)
{
    return add(a, b ^ F32_SIGN);
}

static u32 mul(u32 a, u32 b)
{
    struct sfp c = nearest();

    if (!magnitude(a) || !magnitude(b))
        return (a ^ b) & F32_SIGN;
    return saturated(a, b, sf32_mul(&c, a, b));
}

/* Orders like the number; both zeros are 0. */
static s64 ordinal(u32 v)
{
    return v & F32_SIGN ? -(s64)magnitude(v) : (s64)magnitude(v);
}

static u32 value_of(u32 v)
{
    return magnitude(v) ? v : 0;
}

/* -- lane by lane -- */

#define LANES(name, expr)                                                                          \
    VEC_FN(name)                                                                                   \
    {                                                                                              \
        for (unsigned i = 0; i < 2; i++) {                                                         \
            u32 a = VD(*d, i), b = VD(*s, i);                                                      \
            (void)a;                                                                               \
            VD(*d, i) = (expr);                                                                    \
        }                                                                                          \
    }
LANES(pfadd, add(a, b))
LANES(pfsub, sub(a, b))
LANES(pfsubr, sub(b, a))
LANES(pfmul, mul(a, b))
LANES(pfmin, value_of(ordinal(a) < ordinal(b) ? a : b))
LANES(pfmax, value_of(ordinal(a) > ordinal(b) ? a : b))
LANES(pfcmpeq, ordinal(a) == ordinal(b) ? ~0u : 0)
LANES(pfcmpge, ordinal(a) >= ordinal(b) ? ~0u : 0)
LANES(pfcmpgt, ordinal(a) > ordinal(b) ? ~0u : 0)

VEC_FN(pfacc)
{
    u32 low = add(VD(*d, 0), VD(*d, 1)), high = add(VD(*s, 0), VD(*s, 1));

    VD(*d, 0) = low;
    VD(*d, 1) = high;
}

VEC_FN(pfnacc)
{
    u32 low = sub(VD(*d, 0), VD(*d, 1)), high = sub(VD(*s, 0), VD(*s, 1));

    VD(*d, 0) = low;
    VD(*d, 1) = high;
}

VEC_FN(pfpnacc)
{
    u32 low = sub(VD(*d, 0), VD(*d, 1)), high = add(VD(*s, 0), VD(*s, 1));

    VD(*d, 0) = low;
    VD(*d, 1) = high;
}

VEC_FN(pswapd)
{
    u32 low = VD(*s, 1), high = VD(*s, 0);

    VD(*d, 0) = low;
    VD(*d, 1) = high;
}

VEC_FN(pmulhrw)
{
    for (unsigned i = 0; i < 4; i++)
        VW(*d, i) = (u16)((u32)((s16)VW(*d, i) * (s16)VW(*s, i) + 0x8000) >> 16);
}

/* -- conversions, by truncation and saturating -- */

static u32 to_int(u32 v, s32 low, s32 high)
{
    struct sfp c = nearest();
    s32 r = (s32)sf32_to_s32(&c, v, FP_ZERO);

    if (c.flags & FP_IE) /* beyond 32 bits */
        r = v & F32_SIGN ? low : high;
    return (u32)(r < low ? low : r > high ? high : r);
}

static u32 from_int(s32 v)
{
    struct sfp c = {.rc = FP_ZERO, .masks = 0x3f};
    return sf32_from_s32(&c, v);
}

LANES(pf2id, to_int(b, -0x7fffffff - 1, 0x7fffffff))
LANES(pf2iw, to_int(b, -0x8000, 0x7fff))
LANES(pi2fd, from_int((s32)b))
LANES(pi2fw, from_int((s16)(b & 0xffff)))

/* -- reciprocals -- */

static void both(union xmm *d, u32 v)
{
    VD(*d, 0) = VD(*d, 1) = v;
}

/* Bits of fraction that the approximations keep; the least, in units of float32's fraction. */
enum { KEPT = 15, KEPT_UNIT = 1 << (23 - KEPT) };

/* The positive v, rounded up to that many bits, if more is below it or v was inexact. */
static u32 round_up(u32 v, bool inexact)
{
    u32 cut = v & ~(u32)(KEPT_UNIT - 1);

    return cut == v && !inexact ? v : cut + KEPT_UNIT;
}

/* f(|v|) by a division or square root that rounds down. */
static u32 reciprocal(u32 v, bool root)
{
    const u32 one = 0x3f800000;
    struct sfp c = {.rc = FP_ZERO, .daz = true, .ftz = true, .masks = 0x3f};
    u32 m = magnitude(v), r;

    if (!m)
        return (v & F32_SIGN) | F32_MAX;
    if (root) { /* 1 / sqrt(v) with 53 bits: no more than one unit off in float32's last place */
        u64 wide = sf64_sqrt(&c, sf64_from_sf32(&c, m));
        r = sf32_from_sf64(&c, sf64_div(&c, sf64_from_sf32(&c, one), wide));
    } else {
        r = sf32_div(&c, one, m);
    }
    if (magnitude(r) && is_number(r))
        r = round_up(r, c.flags & FP_PE);
    return (v & F32_SIGN) | r;
}

VEC_FN(pfrcp)
{
    both(d, reciprocal(VD(*s, 0), false));
}

VEC_FN(pfrsqrt)
{
    both(d, reciprocal(VD(*s, 0), true));
}

/* (from - a * b) * scale, rounded once. */
static u32 newton(u32 a, u32 b, u64 from, u64 scale)
{
    struct sfp c = nearest();
    u64 p = sf64_mul(&c, sf64_from_sf32(&c, a), sf64_from_sf32(&c, b));

    return sf32_from_sf64(&c, sf64_mul(&c, sf64_sub(&c, from, p), scale));
}

/* The first step: 2 - a * b, or (3 - a * b) / 2; the second is a product. */
#define F64_HALF  0x3fe0000000000000
#define F64_ONE   0x3ff0000000000000
#define F64_TWO   0x4000000000000000
#define F64_THREE 0x4008000000000000
LANES(pfrcpit1, newton(a, b, F64_TWO, F64_ONE))
LANES(pfrsqit1, newton(a, b, F64_THREE, F64_HALF))
LANES(pfrcpit2, mul(a, b))
