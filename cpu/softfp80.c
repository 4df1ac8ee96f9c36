/* 80-bit arithmetic: add, subtract, multiply, divide, square root, remainder, comparison, scaling.
 *
 * Operations take the short way for two normal operands and drop into a *_special function for
 * everything else. Results equal those of Intel processors from the 387 on, bit for bit, flags and
 * C1 included (SDM vol. 1, chapters 4 and 8). */
#include "cpu/softfp_int.h"

static bool is_nan_or_bad(enum f80_class k)
{
    return k <= F80_QNAN;
}

static struct f80 zero(bool sign)
{
    return f80_make(sign, 0, 0);
}

static struct f80 infinity(bool sign)
{
    return f80_make(sign, F80_EXP_MAX, F80_INT_BIT);
}

/* Denormal operands of a two-operand instruction; true if DE is unmasked and the operation off. */
static bool denormal_stops(struct fpctx *c, enum f80_class ka, enum f80_class kb)
{
    bool a = fp_raise_denormal(c, ka), b = fp_raise_denormal(c, kb);
    return a || b;
}

/* Packs v, which need not be normalised and may be zero, with exp for its bit 127. */
static struct f80 pack128(struct fpctx *c, bool sign, int exp, u128 v)
{
    if (v == 0)
        return zero(c->rc == FP_DOWN);
    int n = clz128(v);
    v <<= n;
    return f80_pack(c, sign, exp - n, (u64)(v >> 64), (u64)v);
}

/* ---- addition ---- */

/* Adds two nonzero magnitudes with normalised significands; bit 127 is left free for the carry. */
static inline struct f80 add_finite(struct fpctx *c, bool sa, int ea, u64 a, bool sb, int eb, u64 b)
{
    if (ea < eb || (ea == eb && a < b)) {
        u64 t = a;
        int te = ea;
        bool ts = sa;
        a = b, ea = eb, sa = sb;
        b = t, eb = te, sb = ts;
    }
    u128 va = (u128)a << 63, vb = (u128)b << 63;
    if (ea != eb)
        vb = shift_jam(vb, ea - eb);
    if (sa != sb)
        return pack128(c, sa, ea + 1, va - vb);
    va += vb;
    if (va >> 127)
        return f80_pack(c, sa, ea + 1, (u64)(va >> 64), (u64)va);
    va <<= 1;
    return f80_pack(c, sa, ea, (u64)(va >> 64), (u64)va);
}

static struct f80 add_special(struct fpctx *c, struct f80 a, struct f80 b, bool subtract)
{
    enum f80_class ka = f80_class(a), kb = f80_class(b);
    bool sa = f80_sign(a), sb = f80_sign(b) != subtract;

    if (is_nan_or_bad(ka) || is_nan_or_bad(kb))
        return f80_nan(c, a, b);
    if (ka == F80_INF && kb == F80_INF && sa != sb)
        return f80_invalid(c);
    if (denormal_stops(c, ka, kb))
        return a;
    if (ka == F80_INF)
        return infinity(sa);
    if (kb == F80_INF)
        return infinity(sb);
    if (ka == F80_ZERO && kb == F80_ZERO)
        return zero(sa == sb ? sa : c->rc == FP_DOWN);

    u64 siga = 0, sigb = 0;
    int ea = ka == F80_ZERO ? 0 : f80_normalize(a, &siga);
    int eb = kb == F80_ZERO ? 0 : f80_normalize(b, &sigb);
    if (ka == F80_ZERO)
        return f80_pack(c, sb, eb, sigb, 0);
    if (kb == F80_ZERO)
        return f80_pack(c, sa, ea, siga, 0);
    return add_finite(c, sa, ea, siga, sb, eb, sigb);
}

struct f80 f80_add(struct fpctx *c, struct f80 a, struct f80 b)
{
    if (f80_is_normal(a) && f80_is_normal(b))
        return add_finite(c, f80_sign(a), f80_exp(a), a.sig, f80_sign(b), f80_exp(b), b.sig);
    return add_special(c, a, b, false);
}

struct f80 f80_sub(struct fpctx *c, struct f80 a, struct f80 b)
{
    if (f80_is_normal(a) && f80_is_normal(b))
        return add_finite(c, f80_sign(a), f80_exp(a), a.sig, !f80_sign(b), f80_exp(b), b.sig);
    return add_special(c, a, b, true);
}

/* ---- multiplication and division ---- */

static inline struct f80 mul_finite(struct fpctx *c, bool sign, int ea, u64 a, int eb, u64 b)
{
    u128 v = (u128)a * b;
    int exp = ea + eb - F80_BIAS + 1;
    if (!(v >> 127)) {
        v <<= 1;
        exp--;
    }
    return f80_pack(c, sign, exp, (u64)(v >> 64), (u64)v);
}

static struct f80 mul_special(struct fpctx *c, struct f80 a, struct f80 b)
{
    enum f80_class ka = f80_class(a), kb = f80_class(b);
    bool sign = f80_sign(a) != f80_sign(b);

    if (is_nan_or_bad(ka) || is_nan_or_bad(kb))
        return f80_nan(c, a, b);
    if ((ka == F80_INF && kb == F80_ZERO) || (ka == F80_ZERO && kb == F80_INF))
        return f80_invalid(c);
    if (denormal_stops(c, ka, kb))
        return a;
    if (ka == F80_INF || kb == F80_INF)
        return infinity(sign);
    if (ka == F80_ZERO || kb == F80_ZERO)
        return zero(sign);

    u64 siga, sigb;
    int ea = f80_normalize(a, &siga), eb = f80_normalize(b, &sigb);
    return mul_finite(c, sign, ea, siga, eb, sigb);
}

struct f80 f80_mul(struct fpctx *c, struct f80 a, struct f80 b)
{
    if (f80_is_normal(a) && f80_is_normal(b))
        return mul_finite(c, f80_sign(a) != f80_sign(b), f80_exp(a), a.sig, f80_exp(b), b.sig);
    return mul_special(c, a, b);
}

static inline struct f80 div_finite(struct fpctx *c, bool sign, int ea, u64 a, int eb, u64 b)
{
    int exp = ea - eb + F80_BIAS - (a < b);
    u128 num = (u128)a << (a < b ? 64 : 63);
    u64 q = (u64)(num / b), r = (u64)(num - (u128)q * b), lo = 0;
    /* The remainder, against half the divisor, stands for all further bits. */
    if (r)
        lo = r > b - r ? F80_INT_BIT + 1 : r == b - r ? F80_INT_BIT : 1;
    return f80_pack(c, sign, exp, q, lo);
}

static struct f80 div_special(struct fpctx *c, struct f80 a, struct f80 b)
{
    enum f80_class ka = f80_class(a), kb = f80_class(b);
    bool sign = f80_sign(a) != f80_sign(b);

    if (is_nan_or_bad(ka) || is_nan_or_bad(kb))
        return f80_nan(c, a, b);
    if ((ka == F80_INF && kb == F80_INF) || (ka == F80_ZERO && kb == F80_ZERO))
        return f80_invalid(c);
    if (kb == F80_ZERO && ka != F80_INF) {
        c->flags |= FP_ZE; /* before, and instead of, a denormal dividend's DE */
        return infinity(sign);
    }
    if (denormal_stops(c, ka, kb))
        return a;
    if (ka == F80_INF)
        return infinity(sign);
    if (ka == F80_ZERO || kb == F80_INF)
        return zero(sign);

    u64 siga, sigb;
    int ea = f80_normalize(a, &siga), eb = f80_normalize(b, &sigb);
    return div_finite(c, sign, ea, siga, eb, sigb);
}

struct f80 f80_div(struct fpctx *c, struct f80 a, struct f80 b)
{
    if (f80_is_normal(a) && f80_is_normal(b))
        return div_finite(c, f80_sign(a) != f80_sign(b), f80_exp(a), a.sig, f80_exp(b), b.sig);
    return div_special(c, a, b);
}

/* ---- square root ---- */

/* Integer square roots of n with one of its top two bits set, each from the root of the upper half
 * (Zimmermann, "Karatsuba square root"). The remainder can have one bit more than the root. */
static u32 isqrt32(u32 n, u32 *rem)
{
    u32 r = 0;
    for (u32 bit = 1u << 15; bit; bit >>= 1)
        if ((r + bit) * (r + bit) <= n)
            r += bit;
    *rem = n - r * r;
    return r;
}

static u64 isqrt64(u64 n, u64 *rem)
{
    u32 rh;
    u64 s = isqrt32((u32)(n >> 32), &rh);
    u64 num = (u64)rh << 16 | (n >> 16 & 0xffff);
    u64 q = num / (2 * s), u = num % (2 * s);
    s = (s << 16) + q;
    s64 r = (s64)((u << 16 | (n & 0xffff)) - q * q);
    if (r < 0) {
        r += (s64)(2 * s - 1);
        s--;
    }
    *rem = (u64)r;
    return s;
}

static u64 isqrt128(u128 n, u128 *rem)
{
    u64 rh;
    u64 s = isqrt64((u64)(n >> 64), &rh);
    u128 num = (u128)rh << 32 | ((u64)n >> 32); /* up to 65 bits */
    u64 q = (u64)(num / (2 * s)), u = (u64)(num % (2 * s));
    u128 root = ((u128)s << 32) + q;
    u128 rest = (u128)u << 32 | (u32)n;
    u128 q2 = (u128)q * q;
    if (rest < q2) {
        rest += 2 * root - 1;
        root--;
    }
    *rem = rest - q2;
    return (u64)root;
}

struct f80 f80_sqrt(struct fpctx *c, struct f80 a)
{
    enum f80_class k = f80_class(a);
    if (is_nan_or_bad(k))
        return f80_nan1(c, a);
    if (k == F80_ZERO)
        return a;
    if (f80_sign(a))
        return f80_invalid(c);
    if (k == F80_INF || fp_raise_denormal(c, k))
        return a;

    u64 sig;
    u128 rem;
    int e = f80_normalize(a, &sig) - F80_BIAS;
    u64 root = isqrt128((u128)sig << (e & 1 ? 64 : 63), &rem);
    u64 lo = rem == 0 ? 0 : rem > root ? F80_INT_BIT + 1 : 1; /* a tie is impossible */
    return f80_pack(c, false, ((e - (e & 1)) / 2) + F80_BIAS, root, lo);
}

/* ---- rounding to integer, scaling, splitting ---- */

struct f80 f80_rint(struct fpctx *c, struct f80 a)
{
    enum f80_class k = f80_class(a);
    if (is_nan_or_bad(k))
        return f80_nan1(c, a);
    if (k == F80_INF || k == F80_ZERO || fp_raise_denormal(c, k))
        return a;

    u64 sig;
    int e = f80_normalize(a, &sig) - F80_BIAS; /* weight of bit 63 */
    if (e >= 63)
        return a;
    /* Rounding as a format whose smallest unit is 1: emin puts bit 63 at weight 63. */
    struct fp_format f = {.prec = 64, .emin = F80_BIAS + 63, .emax = 0x7ffe};
    struct fpctx t = {.rc = c->rc, .masks = 0x3f};
    struct fp_rounded r = fp_round(&t, f80_sign(a), e + F80_BIAS, (u128)sig << 64, &f);
    c->flags |= t.flags & FP_PE;
    c->c1 = t.c1;
    if (r.sig == 0)
        return zero(f80_sign(a));
    int n = __builtin_clzll(r.sig);
    return f80_make(f80_sign(a), r.exp - n, r.sig << n);
}

/* a as a result that is not computed: no UE, even unmasked, but a pseudo-denormal becomes normal.
 */
static struct f80 unchanged(struct f80 a)
{
    a.se += !f80_exp(a) && a.sig >> 63;
    return a;
}

struct f80 f80_scale(struct fpctx *c, struct f80 a, struct f80 b)
{
    enum f80_class ka = f80_class(a), kb = f80_class(b);
    if (is_nan_or_bad(ka) || is_nan_or_bad(kb))
        return f80_nan(c, a, b);
    if (kb == F80_INF && ((ka == F80_ZERO && !f80_sign(b)) || (ka == F80_INF && f80_sign(b))))
        return f80_invalid(c);
    if (denormal_stops(c, ka, kb))
        return a;
    if (ka == F80_ZERO || ka == F80_INF)
        return a;
    if (kb == F80_ZERO)
        return unchanged(a);
    if (kb == F80_INF)
        return f80_sign(b) ? zero(f80_sign(a)) : infinity(f80_sign(a));

    u64 sig;
    int exp = f80_normalize(a, &sig), n = 0;
    int eb = f80_exp(b) - F80_BIAS;
    if (kb == F80_NORMAL && eb >= 0)
        n = eb > 16 ? 0x20000 : (int)(b.sig >> (63 - eb));
    exp += f80_sign(b) ? -n : n;
    return f80_round_slow(c, f80_sign(a), exp, (u128)sig << 64, true);
}

struct f80 f80_xtract(struct fpctx *c, struct f80 a, struct f80 *sig)
{
    enum f80_class k = f80_class(a);
    if (is_nan_or_bad(k))
        return *sig = f80_nan1(c, a);
    *sig = a;
    if (k == F80_INF)
        return infinity(false);
    if (k == F80_ZERO) {
        c->flags |= FP_ZE;
        return infinity(true);
    }
    if (fp_raise_denormal(c, k))
        return a;
    u64 s;
    int exp = f80_normalize(a, &s);
    *sig = f80_make(f80_sign(a), F80_BIAS, s);
    return f80_from_s64(exp - F80_BIAS);
}

/* ---- remainder ---- */

struct f80 f80_rem(struct fpctx *c, struct f80 a, struct f80 b, bool nearest, unsigned *q,
                   bool *partial)
{
    enum f80_class ka = f80_class(a), kb = f80_class(b);
    *q = 0;
    *partial = false;
    if (is_nan_or_bad(ka) || is_nan_or_bad(kb))
        return f80_nan(c, a, b);
    if (ka == F80_INF || kb == F80_ZERO)
        return f80_invalid(c);
    if (denormal_stops(c, ka, kb) || ka == F80_ZERO)
        return a;

    u64 siga, sigb;
    int ea = f80_normalize(a, &siga);
    if (kb == F80_INF)
        return unchanged(a);
    int eb = f80_normalize(b, &sigb), d = ea - eb;
    if (d < -1 || (d < 0 && !nearest))
        return f80_round_slow(c, f80_sign(a), ea, (u128)siga << 64, true);

    /* Reduce by d bits when that is less than 64; else by 32 to 63, a choice that leaves the rest a
     * multiple of 32 (SDM vol. 2, FPREM leaves it open). */
    int n = d;
    if (d >= 64) {
        *partial = true;
        n = 32 + (d & 31);
    }
    bool sign = f80_sign(a);
    u128 num = n < 0 ? siga : (u128)siga << n;
    u128 div = n < 0 ? (u128)sigb << 1 : sigb;
    u128 quot = num / div, r = num - quot * div;
    int exp = n < 0 ? ea : eb + d - n;
    if (nearest && !*partial && (r > div - r || (r == div - r && (quot & 1)))) {
        r = div - r;
        quot++;
        sign = !sign;
    }
    if (!*partial)
        *q = (unsigned)quot & 7;
    if (r == 0)
        return zero(f80_sign(a));
    int lead = clz128(r);
    return f80_round_slow(c, sign, exp + 64 - lead, r << lead, true);
}

/* ---- comparison ---- */

static unsigned compare_magnitude(struct f80 a, struct f80 b)
{
    u64 siga = 0, sigb = 0;
    int ea = -0x10000, eb = -0x10000;
    if (a.sig)
        ea = f80_normalize(a, &siga);
    if (b.sig)
        eb = f80_normalize(b, &sigb);
    if (ea != eb)
        return ea < eb ? F80_LESS : F80_GREATER;
    return siga == sigb ? F80_EQUAL : siga < sigb ? F80_LESS : F80_GREATER;
}

unsigned f80_compare(struct fpctx *c, struct f80 a, struct f80 b, bool quiet)
{
    enum f80_class ka = f80_class(a), kb = f80_class(b);
    if (is_nan_or_bad(ka) || is_nan_or_bad(kb)) {
        if (!quiet || ka < F80_QNAN || kb < F80_QNAN)
            c->flags |= FP_IE;
        return F80_UNORDERED;
    }
    denormal_stops(c, ka, kb);
    if (ka == F80_ZERO && kb == F80_ZERO)
        return F80_EQUAL;
    if (f80_sign(a) != f80_sign(b))
        return f80_sign(a) ? F80_LESS : F80_GREATER;
    return f80_sign(a) ? compare_magnitude(b, a) : compare_magnitude(a, b);
}
