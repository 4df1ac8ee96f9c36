/* float32 and float64 arithmetic in integers. Both formats share one core, written for a format
 * that is a constant at each use. Tininess is detected after rounding, as x86 does (SDM
 * 1, 4.9.1.5); NaN rules: SDM 1, table 4-7; order of the exceptions: SDM 1, 4.9.2.
 *
 * A finite nonzero operand is unpacked to sig * 2^(exp - bias - 63) with bit 63 of sig set; exp is
 * biased as in the format but may leave its range. Bits that do not fit are ORed into bit 0
 * ("jammed"). */
#include "cpu/softfp32_64.h"

struct fmt {
    unsigned mant; /* fraction bits */
    int emax;      /* exponent field of all ones */
};
#define F32 ((struct fmt){23, 0xff})
#define F64 ((struct fmt){52, 0x7ff})

enum kind { ZERO, FINITE, INF, QNAN, SNAN };

struct num {
    enum kind kind;
    bool sign, denormal;
    int exp;
    u64 sig;
};

#define INLINE static inline __attribute__((always_inline))

typedef unsigned __int128 u128;

INLINE u64 infinity(struct fmt f)
{
    return (u64)f.emax << f.mant;
}

INLINE u64 quiet_bit(struct fmt f)
{
    return 1ull << (f.mant - 1);
}

INLINE u64 sign_of(struct fmt f, bool sign)
{
    return (u64)sign << (f.mant == 23 ? 31 : 63);
}

INLINE u64 indefinite(struct sfp *c, struct fmt f)
{
    c->flags |= FP_IE;
    return sign_of(f, true) | infinity(f) | quiet_bit(f);
}

INLINE struct num unpack(const struct sfp *c, struct fmt f, u64 a)
{
    struct num n = {.sign = a >> (f.mant == 23 ? 31 : 63)};
    u64 frac = a & ((1ull << f.mant) - 1);

    n.exp = (int)(a >> f.mant) & f.emax;
    if (n.exp == f.emax) {
        n.kind = !frac ? INF : frac & quiet_bit(f) ? QNAN : SNAN;
    } else if (n.exp) {
        n.kind = FINITE;
        n.sig = (frac << (63 - f.mant)) | 1ull << 63;
    } else if (frac && !c->daz) {
        int shift = __builtin_clzll(frac);

        n.kind = FINITE;
        n.denormal = true;
        n.sig = frac << shift;
        n.exp = 1 - (shift - (int)(63 - f.mant));
    }
    return n;
}

INLINE u64 shift_jam64(u64 v, unsigned n)
{
    if (n > 63)
        return v != 0;
    return n ? v >> n | ((v << (64 - n)) != 0) : v;
}

/* Should v be rounded away from zero, given its low bits rem, half of their unit, and whether it is
 * odd above them? */
INLINE bool rounds_up(unsigned rc, bool sign, u64 rem, u64 half, bool odd)
{
    switch (rc) {
    case FP_NEAREST: return rem > half || (rem == half && odd);
    case FP_DOWN: return sign && rem;
    case FP_UP: return !sign && rem;
    default: return false;
    }
}

/* The top mant + 1 bits of sig, rounded; may come out as 2^(mant + 1). */
INLINE u64 cut(struct fmt f, unsigned rc, bool sign, u64 sig, bool *inexact)
{
    unsigned shift = 63 - f.mant;
    u64 rem = sig & ((1ull << shift) - 1), kept = sig >> shift;

    *inexact = rem != 0;
    return kept + rounds_up(rc, sign, rem, 1ull << (shift - 1), kept & 1);
}

INLINE u64 overflow(struct sfp *c, struct fmt f, bool sign, bool inexact)
{
    bool inf = c->rc == FP_NEAREST || c->rc == (sign ? FP_DOWN : FP_UP);

    c->flags |= FP_OE;
    if ((c->masks & FP_OE) || inexact)
        c->flags |= FP_PE;
    return sign_of(f, sign) | (infinity(f) - !inf);
}

/* Rounds sig (bit 63 set) * 2^(exp - bias - 63). */
INLINE u64 round_pack(struct sfp *c, struct fmt f, bool sign, int exp, u64 sig)
{
    bool inexact, tiny = false;
    u64 kept = cut(f, c->rc, sign, sig, &inexact);

    if (__builtin_expect(exp < 1, 0)) {
        tiny = !(exp == 0 && kept >> (f.mant + 1));
        if (tiny && c->ftz && (c->masks & FP_UE)) {
            c->flags |= FP_UE | FP_PE;
            return sign_of(f, sign);
        }
        if (tiny &&
            !(c->masks & FP_UE)) { /* nobody gets a result; PE is that of an unbounded exponent */
            c->flags |= FP_UE | (inexact ? FP_PE : 0);
            return 0;
        }
        kept = cut(f, c->rc, sign, shift_jam64(sig, (unsigned)(1 - exp)), &inexact);
        if (tiny && inexact)
            c->flags |= FP_UE;
        if (inexact)
            c->flags |= FP_PE;
        return sign_of(f, sign) | kept; /* the smallest normal number if all bits carried */
    }
    if (exp + (int)(kept >> (f.mant + 1)) >= f.emax) {
        return overflow(c, f, sign, inexact);
    }
    if (inexact)
        c->flags |= FP_PE;
    /* kept's leading bit adds one to the exponent field, a carry two */
    return sign_of(f, sign) | (((u64)exp << f.mant) + kept - (1ull << f.mant));
}

/* The result where a or b is a NaN. */
INLINE u64 nan_result(struct sfp *c, struct fmt f, struct num a, struct num b, u64 va, u64 vb)
{
    if (a.kind == SNAN || b.kind == SNAN)
        c->flags |= FP_IE;
    return (a.kind >= QNAN ? va : vb) | quiet_bit(f);
}

INLINE void note_denormals(struct sfp *c, struct num a, struct num b)
{
    if (a.denormal || b.denormal)
        c->flags |= FP_DE;
}

INLINE u64 add(struct sfp *c, struct fmt f, u64 va, u64 vb, bool negate)
{
    struct num a = unpack(c, f, va), b = unpack(c, f, vb);
    bool zero_sign = c->rc == FP_DOWN;
    u64 sig;

    if (a.kind >= QNAN || b.kind >= QNAN)
        return nan_result(c, f, a, b, va, vb);
    b.sign ^= negate;
    if (a.kind == INF && b.kind == INF && a.sign != b.sign)
        return indefinite(c, f);
    note_denormals(c, a, b);
    if (a.kind == INF || b.kind == INF)
        return sign_of(f, a.kind == INF ? a.sign : b.sign) | infinity(f);
    if (a.kind == ZERO && b.kind == ZERO)
        return sign_of(f, a.sign == b.sign ? a.sign : zero_sign);
    if (b.kind == ZERO)
        return round_pack(c, f, a.sign, a.exp, a.sig);
    if (a.kind == ZERO)
        return round_pack(c, f, b.sign, b.exp, b.sig);
    if (a.exp < b.exp || (a.exp == b.exp && a.sig < b.sig)) {
        struct num t = a;
        a = b;
        b = t;
    }
    b.sig = shift_jam64(b.sig >> 1, (unsigned)(a.exp - b.exp));
    a.sig >>= 1;
    sig = a.sign == b.sign ? a.sig + b.sig : a.sig - b.sig;
    if (!sig)
        return sign_of(f, zero_sign);
    unsigned shift = (unsigned)__builtin_clzll(sig);
    return round_pack(c, f, a.sign, a.exp + 1 - (int)shift, sig << shift);
}

INLINE u64 mul(struct sfp *c, struct fmt f, u64 va, u64 vb)
{
    struct num a = unpack(c, f, va), b = unpack(c, f, vb);
    bool sign = a.sign != b.sign;

    if (a.kind >= QNAN || b.kind >= QNAN)
        return nan_result(c, f, a, b, va, vb);
    if ((a.kind == INF && b.kind == ZERO) || (a.kind == ZERO && b.kind == INF))
        return indefinite(c, f);
    note_denormals(c, a, b);
    if (a.kind == INF || b.kind == INF)
        return sign_of(f, sign) | infinity(f);
    if (a.kind == ZERO || b.kind == ZERO)
        return sign_of(f, sign);
    u128 p = (u128)a.sig * b.sig;
    int exp = a.exp + b.exp - (f.emax >> 1) + 1;
    if (!(p >> 127)) {
        p <<= 1;
        exp--;
    }
    return round_pack(c, f, sign, exp, (u64)(p >> 64) | ((u64)p != 0));
}

INLINE u64 div(struct sfp *c, struct fmt f, u64 va, u64 vb)
{
    struct num a = unpack(c, f, va), b = unpack(c, f, vb);
    bool sign = a.sign != b.sign, less;

    if (a.kind >= QNAN || b.kind >= QNAN)
        return nan_result(c, f, a, b, va, vb);
    if (a.kind == b.kind && a.kind != FINITE)
        return indefinite(c, f);
    if (b.kind == ZERO && a.kind == FINITE) {
        c->flags |= FP_ZE;
        return sign_of(f, sign) | infinity(f);
    }
    note_denormals(c, a, b);
    if (a.kind == INF || b.kind == ZERO)
        return sign_of(f, sign) | infinity(f);
    if (a.kind == ZERO || b.kind == INF)
        return sign_of(f, sign);
    less = a.sig < b.sig;
    u128 n = (u128)a.sig << (63 + less);
    u64 q = (u64)(n / b.sig);
    return round_pack(c, f, sign, a.exp - b.exp + (f.emax >> 1) - less, q | (n % b.sig != 0));
}

/* The integer square root, and whether it is exact. n >= 2^126. */
static u64 root(u128 n, bool *exact)
{
    u64 r = 0;
    u128 rest = 0;

    for (int i = 126; i >= 0; i -= 2) {
        u128 trial = (u128)r << 2 | 1;

        rest = rest << 2 | (n >> i & 3);
        r <<= 1;
        if (rest >= trial) {
            rest -= trial;
            r |= 1;
        }
    }
    *exact = rest == 0;
    return r;
}

INLINE u64 square_root(struct sfp *c, struct fmt f, u64 va)
{
    struct num a = unpack(c, f, va);
    int bias = f.emax >> 1;
    bool exact;

    if (a.kind >= QNAN)
        return nan_result(c, f, a, a, va, va);
    if (a.kind == ZERO)
        return sign_of(f, a.sign);
    if (a.sign)
        return indefinite(c, f);
    note_denormals(c, a, a);
    if (a.kind == INF)
        return va;
    int e = a.exp - bias;
    bool odd = e & 1;
    u64 r = root((u128)a.sig << (63 + odd), &exact);
    return round_pack(c, f, false, (e - odd) / 2 + bias, r | !exact);
}

/* -- comparisons -- */

/* Magnitude and sign of a number as an integer that orders like it. */
INLINE s64 ordinal(struct fmt f, struct num n, u64 v)
{
    u64 magnitude = v & (sign_of(f, true) - 1);

    return n.kind == ZERO ? 0 : n.sign ? -(s64)magnitude : (s64)magnitude;
}

INLINE enum sfp_order compare(struct sfp *c, struct fmt f, u64 va, u64 vb, bool signaling)
{
    struct num a = unpack(c, f, va), b = unpack(c, f, vb);
    s64 x, y;

    if (a.kind >= QNAN || b.kind >= QNAN) {
        if (signaling || a.kind == SNAN || b.kind == SNAN)
            c->flags |= FP_IE;
        return SFP_UNORDERED;
    }
    note_denormals(c, a, b);
    x = ordinal(f, a, va);
    y = ordinal(f, b, vb);
    return x < y ? SFP_LESS : x > y ? SFP_GREATER : SFP_EQUAL;
}

/* A denormal operand that MIN or MAX returns is the zero that DAZ makes of it. */
INLINE u64 flushed(const struct sfp *c, struct fmt f, u64 v)
{
    return c->daz && !(v & infinity(f)) ? v & sign_of(f, true) : v;
}

INLINE u64 pick(struct sfp *c, struct fmt f, u64 a, u64 b, enum sfp_order first)
{
    return flushed(c, f, compare(c, f, a, b, true) == first ? a : b);
}

/* -- conversions -- */

INLINE u64 from_int(struct sfp *c, struct fmt f, s64 v)
{
    u64 magnitude = v < 0 ? 0 - (u64)v : (u64)v;

    if (!v)
        return 0;
    int n = __builtin_clzll(magnitude);
    return round_pack(c, f, v < 0, (f.emax >> 1) + 63 - n, magnitude << n);
}

/* A finite a as an integer and the fraction below it, jammed, in units of 2^-64; e is its exponent,
 * at most 63. */
INLINE u64 split(struct num a, int e, u64 *fraction)
{
    if (e < 0) {
        *fraction = shift_jam64(a.sig, (unsigned)(-1 - e));
        return 0;
    }
    *fraction = e == 63 ? 0 : a.sig << (e + 1);
    return a.sig >> (63 - e);
}

/* Of 32 or 64 bits, zero-extended. Neither denormals nor the loss of their bits but inexactness
 * counts here. */
INLINE u64 to_int(struct sfp *c, struct fmt f, u64 va, unsigned rc, unsigned bits)
{
    const u64 sign = 1ull << (bits - 1);
    struct num a = unpack(c, f, va);
    int e = a.exp - (f.emax >> 1);
    u64 v, rem;

    if (a.kind == ZERO)
        return 0;
    if (a.kind != FINITE || e > (int)bits - 1) {
        c->flags |= FP_IE;
        return sign;
    }
    v = split(a, e, &rem);
    v += rounds_up(rc, a.sign, rem, 1ull << 63, v & 1);
    if (v > sign - !a.sign) {
        c->flags |= FP_IE;
        return sign;
    }
    if (rem)
        c->flags |= FP_PE;
    return (a.sign ? 0 - v : v) & (sign | (sign - 1));
}

INLINE u64 round_int(struct sfp *c, struct fmt f, u64 va, u32 control)
{
    unsigned rc = control & 4 ? c->rc : control & 3;
    struct num a = unpack(c, f, va);
    int e = a.exp - (f.emax >> 1);
    u64 v, rem;

    if (a.kind >= QNAN)
        return nan_result(c, f, a, a, va, va);
    if (a.kind == ZERO)
        return sign_of(f, a.sign);
    if (a.kind == INF || e >= (int)f.mant)
        return va;
    v = split(a, e, &rem);
    v += rounds_up(rc, a.sign, rem, 1ull << 63, v & 1);
    if (rem && !(control & 8))
        c->flags |= FP_PE;
    if (!v)
        return sign_of(f, a.sign);
    int n = __builtin_clzll(v);
    return round_pack(c, f, a.sign, (f.emax >> 1) + 63 - n, v << n);
}

INLINE u64 convert(struct sfp *c, struct fmt from, struct fmt to, u64 va)
{
    struct num a = unpack(c, from, va);
    u64 frac = va & ((1ull << from.mant) - 1);

    switch (a.kind) {
    case ZERO: return sign_of(to, a.sign);
    case INF: return sign_of(to, a.sign) | infinity(to);
    case SNAN: c->flags |= FP_IE; /* fall through */
    case QNAN:
        frac = to.mant > from.mant ? frac << (to.mant - from.mant) : frac >> (from.mant - to.mant);
        return sign_of(to, a.sign) | infinity(to) | quiet_bit(to) | frac;
    default: break;
    }
    note_denormals(c, a, a);
    return round_pack(c, to, a.sign, a.exp - (from.emax >> 1) + (to.emax >> 1), a.sig);
}

/* -- the two formats -- */

#define OPERATIONS(type, sf, F)                                                                    \
    type sf##_add(struct sfp *c, type a, type b)                                                   \
    {                                                                                              \
        return (type)add(c, F, a, b, false);                                                       \
    }                                                                                              \
    type sf##_sub(struct sfp *c, type a, type b)                                                   \
    {                                                                                              \
        return (type)add(c, F, a, b, true);                                                        \
    }                                                                                              \
    type sf##_mul(struct sfp *c, type a, type b)                                                   \
    {                                                                                              \
        return (type)mul(c, F, a, b);                                                              \
    }                                                                                              \
    type sf##_div(struct sfp *c, type a, type b)                                                   \
    {                                                                                              \
        return (type)div(c, F, a, b);                                                              \
    }                                                                                              \
    type sf##_sqrt(struct sfp *c, type a)                                                          \
    {                                                                                              \
        return (type)square_root(c, F, a);                                                         \
    }                                                                                              \
    type sf##_min(struct sfp *c, type a, type b)                                                   \
    {                                                                                              \
        return (type)pick(c, F, a, b, SFP_LESS);                                                   \
    }                                                                                              \
    type sf##_max(struct sfp *c, type a, type b)                                                   \
    {                                                                                              \
        return (type)pick(c, F, a, b, SFP_GREATER);                                                \
    }                                                                                              \
    enum sfp_order sf##_compare(struct sfp *c, type a, type b, bool signaling)                     \
    {                                                                                              \
        return compare(c, F, a, b, signaling);                                                     \
    }                                                                                              \
    type sf##_round(struct sfp *c, type a, u32 control)                                            \
    {                                                                                              \
        return (type)round_int(c, F, a, control);                                                  \
    }                                                                                              \
    u32 sf##_to_s32(struct sfp *c, type a, unsigned rc)                                            \
    {                                                                                              \
        return (u32)to_int(c, F, a, rc, 32);                                                       \
    }                                                                                              \
    u64 sf##_to_s64(struct sfp *c, type a, unsigned rc)                                            \
    {                                                                                              \
        return to_int(c, F, a, rc, 64);                                                            \
    }                                                                                              \
    type sf##_from_s64(struct sfp *c, s64 v)                                                       \
    {                                                                                              \
        return (type)from_int(c, F, v);                                                            \
    }

OPERATIONS(u32, sf32, F32)
OPERATIONS(u64, sf64, F64)

u32 sf32_from_s32(struct sfp *c, s32 v)
{
    return (u32)from_int(c, F32, v);
}

u64 sf64_from_s32(s32 v)
{
    struct sfp c = {.masks = 0x3f};

    return from_int(&c, F64, v);
}

u64 sf64_from_sf32(struct sfp *c, u32 a)
{
    return convert(c, F32, F64, a);
}

u32 sf32_from_sf64(struct sfp *c, u64 a)
{
    return (u32)convert(c, F64, F32, a);
}

/* -- approximations -- */

enum { APPROX_BITS = 12 }; /* of fraction */

/* frac has APPROX_BITS bits below its leading one, or is 2^(APPROX_BITS + 1). */
static u32 approx_pack(bool sign, int exp, u64 frac)
{
    if (exp + (int)(frac >> (APPROX_BITS + 1)) < 1)
        return (u32)sign << 31;
    return ((u32)sign << 31) + (u32)(exp - 1) * (1u << 23) + ((u32)frac << (23 - APPROX_BITS));
}

u32 sf32_rcp(u32 a)
{
    struct sfp c = {.daz = true};
    struct num n = unpack(&c, F32, a);
    u64 m = n.sig >> 40; /* 2^23 to 2^24 - 1 */

    switch (n.kind) {
    case ZERO: return (u32)sign_of(F32, n.sign) | (u32)infinity(F32);
    case INF: return (u32)sign_of(F32, n.sign);
    case QNAN:
    case SNAN: return a | (u32)quiet_bit(F32);
    default: break;
    }
    /* 2 / m, rounded: from just above 1 to 2 */
    return approx_pack(n.sign, 2 * 127 - 1 - n.exp, ((1ull << (25 + APPROX_BITS)) / m + 1) >> 1);
}

u32 sf32_rsqrt(u32 a)
{
    struct sfp c = {.daz = true};
    struct num n = unpack(&c, F32, a);
    bool exact;

    if (n.kind >= QNAN)
        return a | (u32)quiet_bit(F32);
    if (n.kind == ZERO)
        return (u32)sign_of(F32, n.sign) | (u32)infinity(F32);
    if (n.sign)
        return (u32)(sign_of(F32, true) | infinity(F32) | quiet_bit(F32));
    if (n.kind == INF)
        return 0;
    /* a = m * 2^e with e even and m in [1, 4): 2 / sqrt(m) lies in (1, 2] */
    int e = n.exp - 127, odd = e & 1;
    u64 r = root((u128)n.sig << (63 + odd), &exact) >> 31; /* sqrt(m) * 2^32, in [2^32, 2^33) */
    u64 q = ((1ull << (34 + APPROX_BITS)) / r + 1) >> 1;
    return approx_pack(false, 127 - 1 - (e - odd) / 2, q);
}
