/* The transcendental instructions: F2XM1, FYL2X, FYL2XP1, FPATAN, FSIN, FCOS, FSINCOS, FPTAN.
 *
 * Integer arithmetic only, so that every host computes the same bits. Arguments are reduced by
 * small tables (fp_tables.h), exactly or with 126 correct bits; series are evaluated in 128-bit
 * fixed point. The error before the one final rounding is below 2^-110 relative. FSIN, FCOS and
 * FPTAN reduce by the 66-bit pi of Intel's processors (SDM vol. 1, 8.3.8), so large arguments agree
 * with them. Every nonzero result but a few exact ones is irrational: it is rounded with a jammed
 * last bit. */
#include "cpu/fp_tables.h"
#include "cpu/softfp_int.h"

/* m * 2^(e - 127), m normalised. */
struct big {
    u128 m;
    int e;
};

#define TOP ((u128)1 << 127)
#define ONE f80_make(false, F80_BIAS, F80_INT_BIT)

/* floor(2^128 / n) for n that is no power of two: coefficients of series in Q0.128. */
#define INV(n) (~(u128)0 / (n))

static u128 mulhi(u128 a, u128 b)
{
    u64 ah = (u64)(a >> 64), al = (u64)a, bh = (u64)(b >> 64), bl = (u64)b;
    u128 mid = (u128)ah * bl, low = (u128)al * bh;
    u128 sum = (u64)mid + (u128)(u64)low + ((u128)al * bl >> 64);
    return (u128)ah * bh + (mid >> 64) + (low >> 64) + (sum >> 64);
}

static struct big normalize(u128 m, int e) /* m != 0 */
{
    int n = clz128(m);
    return (struct big){m << n, e - n};
}

static struct big big_mul(struct big a, struct big b)
{
    return normalize(mulhi(a.m, b.m), a.e + b.e + 1);
}

/* The next 64 bits of *r / b, for *r < b; *r becomes the remainder. */
static u64 div_digit(u128 *r, u128 b)
{
    u64 bh = (u64)(b >> 64), bl = (u64)b;
    u128 guess = *r / bh;
    u64 q = guess >> 64 ? ~0ull : (u64)guess;
    u128 low = (u128)q * bl, high = (u128)q * bh + (low >> 64);
    u64 plow = (u64)low;
    while (high > *r || (high == *r && plow)) { /* q * b > r * 2^64: at most twice */
        q--;
        high -= (u128)bh + (plow < bl);
        plow -= bl;
    }
    *r = (*r - high) * ((u128)1 << 64) - plow;
    return q;
}

static struct big big_div(struct big a, struct big b)
{
    u128 r = a.m;
    int e = a.e - b.e;
    if (a.m >= b.m)
        r >>= 1; /* its last bit is lost; relative error 2^-127 */
    else
        e--;
    u128 q = (u128)div_digit(&r, b.m) << 64;
    q |= div_digit(&r, b.m);
    return normalize(q, e);
}

/* The value times 2^scale, truncated. */
static u128 to_fixed(struct big a, int scale)
{
    int n = 127 - a.e - scale;
    return n > 127 ? 0 : n >= 0 ? a.m >> n : a.m << -n;
}

static struct big unpack(struct f80 a)
{
    u64 sig;
    int e = f80_normalize(a, &sig) - F80_BIAS;
    return (struct big){(u128)sig << 64, e};
}

static struct f80 finish(struct fpctx *c, bool sign, struct big r)
{
    return f80_round_slow(c, sign, r.e + F80_BIAS, r.m | 1, true);
}

/* x * (1 - s(x^2)) for a series s given by its coefficients, alternating and each positive:
 * s = k0 u - k1 u^2 + k2 u^3 ... with u = x^2. The correction is at least one unit, so that a
 * result just below x is never rounded as if it were x. */
static u128 one_minus(u128 u, const u128 *k, unsigned n)
{
    u128 s = k[n - 1];
    while (--n)
        s = k[n - 1] - mulhi(u, s);
    return 0 - (mulhi(u, s) | 1);
}

static u128 square_fixed(struct big x) /* |x| < 1, Q0.128 */
{
    int n = -2 - 2 * x.e;
    return n > 127 ? 0 : mulhi(x.m, x.m) >> n;
}

/* ---- sine, cosine, tangent ---- */

/* clang-format off */
#define F3   6ull
#define F5   (F3 * 20)
#define F7   (F5 * 42)
#define F9   (F7 * 72)
#define F11  (F9 * 110)
#define F13  (F11 * 156)
#define F15  (F13 * 210)
#define F17  (F15 * 272)
#define F19  (F17 * 342)
#define F21  ((u128)F19 * 420)
#define F23  (F21 * 506)
#define F25  (F23 * 600)
#define F27  (F25 * 702)
#define F29  (F27 * 812)
#define F31  (F29 * 930)
#define EVEN(odd, n) INV((odd) / (n)) /* (n-1)! from n! */

static const u128 sin_series[] = {INV(F3),  INV(F5),  INV(F7),  INV(F9),  INV(F11),
                                  INV(F13), INV(F15), INV(F17), INV(F19), INV(F21),
                                  INV(F23), INV(F25), INV(F27), INV(F29), INV(F31)};
static const u128 cos_series[] = {TOP,           EVEN(F5, 5),   EVEN(F7, 7),   EVEN(F9, 9),
                                  EVEN(F11, 11), EVEN(F13, 13), EVEN(F15, 15), EVEN(F17, 17),
                                  EVEN(F19, 19), EVEN(F21, 21), EVEN(F23, 23), EVEN(F25, 25),
                                  EVEN(F27, 27), EVEN(F29, 29), EVEN(F31, 31)};
/* clang-format on */

/* Reduces |a| to r in [0, pi/4], exactly; returns the quadrant, and in *neg whether r is to be
 * negated. No 64-bit argument is a multiple of the 66-bit pi, so r is never zero. */
static unsigned reduce(struct big a, struct big *r, bool *neg)
{
    const u128 p = (u128)3 << 64 | 0x243f6a8885a308d3ull; /* pi * 2^64; half of it in 2^-65 units */
    unsigned q = 0;

    *neg = false;
    *r = a;
    if (a.e < -1)
        return 0;
    u128 v = a.m >> 64;
    for (int n = a.e + 2; n > 0; n -= 62) {
        int step = n < 62 ? n : 62;
        v <<= step;
        q = (step < 2 ? q << step : 0) + (unsigned)(v / p); /* modulo 4 */
        v %= p;
    }
    if (2 * v > p) {
        v = p - v;
        q++;
        *neg = true;
    }
    *r = normalize(v, 127 - 65);
    return q & 3;
}

/* Both functions of |a|, and the signs they have for it. */
static void sincos_abs(struct big a, struct big *s, struct big *k, bool *s_neg, bool *k_neg)
{
    struct big r;
    bool neg;
    unsigned q = reduce(a, &r, &neg);
    u128 u = square_fixed(r);
    struct big ratio = {one_minus(u, sin_series, ARRAY_LEN(sin_series)), -1};
    struct big sr = big_mul(r, ratio);
    struct big cr = {one_minus(u, cos_series, ARRAY_LEN(cos_series)), -1};

    *s = q & 1 ? cr : sr;
    *k = q & 1 ? sr : cr;
    *s_neg = (q >> 1) ^ (q & 1 ? false : neg);
    *k_neg = (q == 1 || q == 2) ^ (q & 1 ? neg : false);
}

/* The operands that need no computing. True if *r is the answer, for the sine and tangent. */
static bool trig_special(struct fpctx *c, struct f80 a, enum f80_class k, struct f80 *r)
{
    *r = a;
    if (k <= F80_QNAN)
        *r = f80_nan1(c, a);
    else if (k == F80_INF)
        *r = f80_invalid(c);
    else
        return k == F80_ZERO || fp_raise_denormal(c, k);
    return true;
}

/* Below 2^-34 the hardware returns sin x = tan x = x and cos x = 1, whatever the rounding. */
#define TINY_EXP (-34)

static struct f80 tiny_result(struct fpctx *c, struct f80 a)
{
    struct big x = unpack(a);
    c->flags |= FP_PE;
    if (x.e < 1 - F80_BIAS)
        c->flags |= FP_UE;
    return f80_round_slow(c, f80_sign(a), x.e + F80_BIAS, x.m, true);
}

static bool out_of_range(struct f80 a)
{
    return f80_is_normal(a) && f80_exp(a) >= F80_BIAS + 63;
}

bool f80_sincos(struct fpctx *c, struct f80 a, struct f80 *sin, struct f80 *cos)
{
    enum f80_class k = f80_class(a);
    struct f80 r;
    if (out_of_range(a))
        return false;
    if (trig_special(c, a, k, &r)) {
        if (sin)
            *sin = r;
        if (cos)
            *cos = k == F80_ZERO ? ONE : r;
        return true;
    }
    if (f80_exp(a) < F80_BIAS + TINY_EXP) {
        c->flags |= FP_PE;
        if (sin)
            *sin = tiny_result(c, a);
        if (cos)
            *cos = ONE;
        return true;
    }
    struct big s, co;
    bool s_neg, c_neg;
    sincos_abs(unpack(a), &s, &co, &s_neg, &c_neg);
    if (sin)
        *sin = finish(c, s_neg != f80_sign(a), s);
    if (cos)
        *cos = finish(c, c_neg, co);
    return true;
}

bool f80_tan(struct fpctx *c, struct f80 a, struct f80 *tan)
{
    if (out_of_range(a))
        return false;
    if (trig_special(c, a, f80_class(a), tan))
        return true;
    if (f80_exp(a) < F80_BIAS + TINY_EXP) {
        *tan = tiny_result(c, a);
        return true;
    }
    struct big s, co;
    bool s_neg, c_neg;
    sincos_abs(unpack(a), &s, &co, &s_neg, &c_neg);
    *tan = finish(c, (s_neg != c_neg) != f80_sign(a), big_div(s, co));
    return true;
}

/* ---- 2^x - 1 ---- */

/* clang-format off */
static const u128 exp_series[] = {TOP,     INV(F3),       INV(24),      INV(F5),       INV(720),
                                  INV(F7), EVEN(F9, 9),   INV(F9),      EVEN(F11, 11), INV(F11),
                                  EVEN(F13, 13), INV(F13), EVEN(F15, 15), INV(F15), EVEN(F17, 17)};
/* clang-format on */

/* e^t - 1 for |t| <= ln 2 / 32, without its sign, which is t's. */
static struct big expm1_small(bool neg, struct big t)
{
    u128 u = to_fixed(t, 128), s;
    if (neg)
        return big_mul(t, (struct big){one_minus(u, exp_series, ARRAY_LEN(exp_series)), -1});
    s = exp_series[ARRAY_LEN(exp_series) - 1];
    for (unsigned n = ARRAY_LEN(exp_series) - 1; n; n--)
        s = exp_series[n - 1] + mulhi(u, s);
    return big_mul(t, (struct big){TOP | mulhi(u, s) >> 1, 0});
}

static struct big exp2m1(bool neg, struct big x) /* |x| < 1, nonzero */
{
    const struct big ln2 = {ln2_128, -1};
    /* |x| = k/16 + r, exactly */
    u128 fixed = x.e < -6 ? 0 : to_fixed(x, 127);
    unsigned k = (unsigned)((fixed + ((u128)1 << 122)) >> 123);
    if (k == 0)
        return expm1_small(neg, big_mul(x, ln2));

    u128 base = (u128)k << 123;
    bool r_neg = (fixed < base) != neg;
    u128 r = fixed < base ? base - fixed : fixed - base;
    /* 2^(+-k/16) and the rest's 2^r - 1 as Q3.124 */
    unsigned i = neg ? 16 - k : k;
    __int128 t = (__int128)(exp2_table[i & 15] >> (3 + neg - (i >> 4)));
    __int128 p = 0;
    if (r) {
        struct big small = big_mul(normalize(r, 0), ln2);
        struct big e = expm1_small(r_neg, small);
        p = (__int128)to_fixed(big_mul(e, normalize((u128)t, 3)), 124);
    }
    __int128 v = t - ((__int128)1 << 124) + (r_neg ? -p : p);
    return normalize((u128)(v < 0 ? -v : v), 3);
}

struct f80 f80_2xm1(struct fpctx *c, struct f80 a)
{
    enum f80_class k = f80_class(a);
    bool neg = f80_sign(a);
    if (k <= F80_QNAN)
        return f80_nan1(c, a);
    if (k == F80_INF)
        return neg ? f80_make(true, F80_BIAS, F80_INT_BIT) : a;
    if (k == F80_ZERO || fp_raise_denormal(c, k))
        return a;
    struct big x = unpack(a);
    if (x.e >= 0) { /* 1 and -1 are exact; beyond, where SDM leaves it undefined, the operand */
        c->flags |= FP_PE; /* in any case */
        return x.e == 0 && x.m == TOP && neg ? f80_make(true, F80_BIAS - 1, F80_INT_BIT) : a;
    }
    return finish(c, neg, exp2m1(neg, x));
}

/* ---- y * log2(x) ---- */

static const u128 atanh_series[] = {INV(3),  INV(5),  INV(7),  INV(9),
                                    INV(11), INV(13), INV(15), INV(17)};

/* 2 atanh(s) / ln 2 = log2((1 + s) / (1 - s)), |s| <= 2^-7. */
static struct big log2_ratio(struct big s)
{
    const struct big factor = {two_over_ln2_126, 1};
    u128 u = square_fixed(s), sum = atanh_series[ARRAY_LEN(atanh_series) - 1];
    for (unsigned n = ARRAY_LEN(atanh_series) - 1; n; n--)
        sum = atanh_series[n - 1] + mulhi(u, sum);
    return big_mul(big_mul(s, factor), (struct big){TOP | mulhi(u, sum) >> 1, 0});
}

/* log2(m * 2^e), m in [1,2) as Q2.126, the whole not 1. */
static struct big log2_abs(u128 m, int e, bool *neg, bool *exact)
{
    unsigned i = (unsigned)((m - ((u128)1 << 126) + ((u128)1 << 119)) >> 120);
    u128 f = (u128)(64 + i) << 120;
    bool s_neg = m < f;
    u128 num = s_neg ? f - m : m - f;

    if (i == 64) {
        i = 0;
        e++;
    }
    struct big l = {0, 0};
    if (num)
        l = log2_ratio(big_div(normalize(num, 1), normalize(m + f, 1)));
    *exact = !num && i == 0;
    if (e == 0 && i == 0) {
        *neg = s_neg;
        return l;
    }
    /* Sum in fixed point; only |e| <= 1 needs many fraction bits. */
    int scale = e == 0 || e == -1 ? 126 : 110;
    __int128 v = (__int128)e * ((__int128)1 << scale) + (__int128)(log2_table[i] >> (126 - scale));
    if (num)
        v += s_neg ? -(__int128)to_fixed(l, scale) : (__int128)to_fixed(l, scale);
    *neg = v < 0;
    return normalize((u128)(v < 0 ? -v : v), 127 - scale);
}

/* y * l, for finite nonzero y. The hardware takes exact results too for inexact. */
static struct f80 times_log(struct fpctx *c, struct f80 y, struct big l, bool neg, bool exact)
{
    struct big p = big_mul(unpack(y), l);
    struct f80 r = f80_round_slow(c, f80_sign(y) != neg, p.e + F80_BIAS, p.m | !exact, true);
    c->flags |= f80_class(r) == F80_DENORMAL ? FP_PE | FP_UE : FP_PE;
    return r;
}

static struct f80 signed_inf(bool sign)
{
    return f80_make(sign, F80_EXP_MAX, F80_INT_BIT);
}

/* y * l where l, of sign neg, is zero or infinite, or y is. */
static struct f80 log_limit(struct fpctx *c, struct f80 y, bool l_zero, bool l_inf, bool neg)
{
    enum f80_class ky = f80_class(y);
    bool sign = f80_sign(y) != neg;
    if ((ky == F80_INF && l_zero) || (ky == F80_ZERO && l_inf))
        return f80_invalid(c);
    return ky == F80_INF || l_inf ? signed_inf(sign) : f80_make(sign, 0, 0);
}

struct f80 f80_yl2x(struct fpctx *c, struct f80 y, struct f80 x)
{
    enum f80_class kx = f80_class(x), ky = f80_class(y);
    if (kx <= F80_QNAN || ky <= F80_QNAN)
        return f80_nan(c, y, x);
    if (f80_sign(x) && kx != F80_ZERO)
        return f80_invalid(c);
    if (kx == F80_ZERO && ky != F80_INF && ky != F80_ZERO) {
        c->flags |= FP_ZE; /* and no DE */
        return signed_inf(!f80_sign(y));
    }
    if (fp_raise_denormal(c, kx) || fp_raise_denormal(c, ky))
        return y;
    if (kx == F80_ZERO || kx == F80_INF)
        return log_limit(c, y, false, true, kx == F80_ZERO);

    struct big b = unpack(x);
    bool one = b.m == TOP && b.e == 0;
    if (one || ky == F80_INF || ky == F80_ZERO)
        return log_limit(c, y, one, false, b.e < 0);
    bool neg, exact;
    struct big l = log2_abs(b.m >> 1, b.e, &neg, &exact);
    return times_log(c, y, l, neg, exact);
}

/* log2(1 + x) for finite nonzero x > -1. */
static struct big log2_1p(bool x_neg, struct big x, bool *neg, bool *exact)
{
    *neg = x_neg;
    *exact = false;
    if (x.e < -7) {
        u128 d = to_fixed(x, 126);
        u128 two = (u128)1 << 127;
        return log2_ratio(big_div(x, normalize(x_neg ? two - d : two + d, 1)));
    }
    if (x.e >= 62) /* far outside the instruction's domain: 1 + x is x */
        return log2_abs(x.m >> 1, x.e, neg, exact);
    /* 1 + x has 64 + 7 bits at most below the point, or 62 above it: exact */
    int scale = x.e < 0 ? 126 : 126 - x.e - 1;
    u128 one = (u128)1 << scale, d = to_fixed(x, scale);
    struct big m = normalize(x_neg ? one - d : one + d, 127 - scale);
    return log2_abs(m.m >> 1, m.e, neg, exact);
}

struct f80 f80_yl2xp1(struct fpctx *c, struct f80 y, struct f80 x)
{
    enum f80_class kx = f80_class(x), ky = f80_class(y);
    bool neg = f80_sign(x), exact;
    if (kx <= F80_QNAN || ky <= F80_QNAN)
        return f80_nan(c, y, x);
    if (neg && kx == F80_INF)
        return f80_invalid(c);
    if (fp_raise_denormal(c, kx) || fp_raise_denormal(c, ky))
        return y;
    if (kx == F80_ZERO || kx == F80_INF || ky == F80_ZERO || ky == F80_INF)
        return log_limit(c, y, kx == F80_ZERO, kx == F80_INF, neg);
    if (neg && f80_exp(x) >= F80_BIAS) { /* outside the domain: Intel's processors return x */
        c->flags |= FP_PE;
        return x;
    }
    struct big l = log2_1p(neg, unpack(x), &neg, &exact);
    return times_log(c, y, l, neg, exact);
}

/* ---- arc tangent ---- */

/* atan(num / den), |num / den| <= 2^-6. */
static struct big atan_small(struct big t)
{
    static const u128 series[] = {INV(3),  INV(5),  INV(7),  INV(9),  INV(11),
                                  INV(13), INV(15), INV(17), INV(19), INV(21)};
    u128 ratio = one_minus(square_fixed(t), series, ARRAY_LEN(series));
    return big_mul(t, (struct big){ratio, -1});
}

/* atan(a / b) for 0 < a <= b. With k near 64 a/b, it is atan(k/64) + atan((64a - kb) / (64b + ka)),
 * whose numerator and denominator are exact. */
static struct big atan_ratio(struct big a, struct big b)
{
    int d = b.e - a.e;
    u128 sa = a.m >> 64, sb = b.m >> 64;
    unsigned k = d > 8 ? 0 : ((unsigned)((sa << 7 >> d) / sb) + 1) / 2;
    if (k == 0)
        return atan_small(big_div(a, b));
    sb <<= d;
    u128 p = sa << 6, q = sb * k;
    u128 fixed = atan_table[k];
    if (p != q) {
        bool neg = p < q;
        struct big t = big_div(normalize(neg ? q - p : p - q, 0), normalize((sb << 6) + sa * k, 0));
        u128 rest = to_fixed(atan_small(t), 126);
        fixed += neg ? 0 - rest : rest;
    }
    return normalize(fixed, 1);
}

/* A multiple of pi/4, for the axes and infinities. */
static struct f80 quarter_pi(struct fpctx *c, bool sign, unsigned n)
{
    return finish(c, sign, normalize((pi_126 >> 2) * n, 1));
}

struct f80 f80_patan(struct fpctx *c, struct f80 y, struct f80 x)
{
    enum f80_class kx = f80_class(x), ky = f80_class(y);
    bool sign = f80_sign(y), left = f80_sign(x);
    if (kx <= F80_QNAN || ky <= F80_QNAN)
        return f80_nan(c, y, x);
    if (fp_raise_denormal(c, kx) || fp_raise_denormal(c, ky))
        return y;
    if (kx == F80_INF && ky == F80_INF)
        return quarter_pi(c, sign, left ? 3 : 1);
    if (ky == F80_ZERO || kx == F80_INF)
        return left ? quarter_pi(c, sign, 4) : f80_make(sign, 0, 0);
    if (kx == F80_ZERO || ky == F80_INF)
        return quarter_pi(c, sign, 2);

    struct big bx = unpack(x), by = unpack(y);
    bool steep = by.e > bx.e || (by.e == bx.e && by.m > bx.m);
    struct big r = steep ? atan_ratio(bx, by) : atan_ratio(by, bx);
    if (steep || left) {
        u128 fixed = to_fixed(r, 126), base = steep ? half_pi_126 : pi_126;
        r = normalize(steep && left ? base + fixed : base - fixed, 1);
    }
    return finish(c, sign, r);
}
