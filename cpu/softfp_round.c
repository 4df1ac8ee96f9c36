/* Rounding, overflow, underflow and NaN selection for the softfp files.
 *
 * Tininess is detected after rounding, as x86 does. Masked responses deliver IEEE results; unmasked
 * overflow and underflow deliver the true result with its exponent wrapped by 24576 (SDM vol. 1,
 * 4.9.1.4, 4.9.1.5 and 8.5.4). */
#include "cpu/softfp_int.h"

static bool rounds_away(unsigned rc, bool sign, u128 rem, u128 half, bool odd)
{
    switch (rc) {
    case FP_NEAREST: return rem > half || (rem == half && odd);
    case FP_DOWN: return sign && rem;
    case FP_UP: return !sign && rem;
    default: return false;
    }
}

struct cut {
    u128 v;
    bool inexact, up, carry;
};

/* Rounds v to its top prec bits; carry: the result is 2^128 and v holds half of it. */
static struct cut cut_to(unsigned rc, bool sign, u128 v, unsigned prec)
{
    struct cut r;
    u128 unit = (u128)1 << (128 - prec);
    u128 rem = v & (unit - 1);

    r.inexact = rem != 0;
    r.up = rounds_away(rc, sign, rem, unit >> 1, (v & unit) != 0);
    r.v = v - rem + (r.up ? unit : 0);
    r.carry = r.up && r.v == 0;
    if (r.carry)
        r.v = (u128)1 << 127;
    return r;
}

static struct fp_rounded overflow(struct fpctx *c, bool sign, const struct fp_format *f)
{
    bool inf = c->rc == FP_NEAREST || c->rc == (sign ? FP_DOWN : FP_UP);
    c->flags |= FP_OE | FP_PE;
    c->c1 = inf;
    if (inf)
        return (struct fp_rounded){.sig = F80_INT_BIT, .exp = f->emax + 1};
    return (struct fp_rounded){.sig = ~0ull << (64 - f->prec), .exp = f->emax};
}

struct fp_rounded fp_round(struct fpctx *c, bool sign, int exp, u128 v, const struct fp_format *f)
{
    struct cut r = cut_to(c->rc, sign, v, f->prec);
    int rexp = exp + r.carry;
    bool tiny = rexp < f->emin;

    if (tiny && !(c->masks & FP_UE)) {
        c->flags |= FP_UE;
        if (!f->wrap)
            return (struct fp_rounded){.sig = 0, .exp = f->emin};
        rexp += f->wrap;
        if (rexp < f->emin) { /* only FSCALE gets this far down: zero, SDM vol. 1, 8.5.5 */
            c->flags |= FP_PE;
            c->c1 = false;
            return (struct fp_rounded){.sig = 0, .exp = f->emin};
        }
    } else if (exp < f->emin) {
        r = cut_to(c->rc, sign, shift_jam(v, f->emin - exp), f->prec);
        rexp = f->emin;
        if (tiny && r.inexact)
            c->flags |= FP_UE;
    } else if (rexp > f->emax) {
        if (c->masks & FP_OE)
            return overflow(c, sign, f);
        c->flags |= FP_OE;
        if (!f->wrap)
            return (struct fp_rounded){.sig = 0, .exp = f->emin};
        rexp -= f->wrap;
        if (rexp > f->emax) { /* likewise, to infinity */
            c->flags |= FP_PE;
            c->c1 = true;
            return (struct fp_rounded){.sig = F80_INT_BIT, .exp = f->emax + 1};
        }
    }
    if (r.inexact)
        c->flags |= FP_PE;
    c->c1 = r.up;
    return (struct fp_rounded){.sig = (u64)(r.v >> 64), .exp = rexp};
}

struct f80 f80_round_slow(struct fpctx *c, bool sign, int exp, u128 v, bool full)
{
    static const u8 bits[4] = {24, 64, 53, 64};
    struct fp_format f = {
        .prec = full ? 64 : bits[c->pc & 3], .emin = 1, .emax = 0x7ffe, .wrap = 24576};
    struct fp_rounded r = fp_round(c, sign, exp, v, &f);
    return f80_make(sign, r.sig >> 63 ? r.exp : 0, r.sig);
}

enum f80_class f80_class(struct f80 a)
{
    bool integer_bit = a.sig >> 63;

    if (f80_exp(a) == 0)
        return a.sig ? F80_DENORMAL : F80_ZERO;
    if (!integer_bit)
        return F80_UNSUPPORTED;
    if (f80_exp(a) != F80_EXP_MAX)
        return F80_NORMAL;
    if (a.sig == F80_INT_BIT)
        return F80_INF;
    return a.sig & F80_QUIET ? F80_QNAN : F80_SNAN;
}

struct f80 f80_invalid(struct fpctx *c)
{
    c->flags |= FP_IE;
    return F80_INDEFINITE;
}

struct f80 f80_nan1(struct fpctx *c, struct f80 a)
{
    enum f80_class k = f80_class(a);
    if (k == F80_UNSUPPORTED)
        return f80_invalid(c);
    if (k == F80_SNAN)
        c->flags |= FP_IE;
    a.sig |= F80_QUIET;
    return a;
}

/* SDM vol. 1, table 4-7: a QNaN wins over an SNaN, else the larger significand; of equal ones the
 * positive, which the manual does not say. */
struct f80 f80_nan(struct fpctx *c, struct f80 a, struct f80 b)
{
    enum f80_class ka = f80_class(a), kb = f80_class(b);
    bool nan_a = ka == F80_SNAN || ka == F80_QNAN, nan_b = kb == F80_SNAN || kb == F80_QNAN;

    if (ka == F80_UNSUPPORTED || kb == F80_UNSUPPORTED)
        return f80_invalid(c);
    if (!nan_b)
        return f80_nan1(c, a);
    if (!nan_a)
        return f80_nan1(c, b);
    if (ka == F80_SNAN || kb == F80_SNAN)
        c->flags |= FP_IE;
    if (ka != kb)
        return ka == F80_QNAN ? a : b;
    a.sig |= F80_QUIET;
    b.sig |= F80_QUIET;
    if (a.sig != b.sig)
        return a.sig > b.sig ? a : b;
    return f80_sign(a) ? b : a;
}
