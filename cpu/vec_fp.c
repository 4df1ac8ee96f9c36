/* Floating-point vector operations: the lanes' arithmetic is softfp32_64.c's. Flags of all lanes
 * add up in c->fp. Scalar forms leave the rest of the destination alone. SDM 1, chapter 11 and
 * appendix E; SDM 2. */
#include "cpu/vec_fn.h"

/* The four forms of an operation whose lanes are a and b; sf is sf32_ or sf64_. */
#define FORM(name, type, at, lanes, expr)                                                          \
    VEC_FN(name)                                                                                   \
    {                                                                                              \
        for (unsigned i = 0; i < lanes; i++) {                                                     \
            type a = at(*d, i), b = at(*s, i);                                                     \
            (void)a;                                                                               \
            at(*d, i) = expr;                                                                      \
        }                                                                                          \
    }
#define VQ(x, i) ((x).q[i])
#define FORMS(name, fn, ...)                                                                       \
    FORM(name##ps, u32, VD, 4, sf32_##fn(&c->fp, __VA_ARGS__))                                     \
    FORM(name##pd, u64, VQ, 2, sf64_##fn(&c->fp, __VA_ARGS__))                                     \
    FORM(name##ss, u32, VD, 1, sf32_##fn(&c->fp, __VA_ARGS__))                                     \
    FORM(name##sd, u64, VQ, 1, sf64_##fn(&c->fp, __VA_ARGS__))

FORMS(add, add, a, b)
FORMS(sub, sub, a, b)
FORMS(mul, mul, a, b)
FORMS(div, div, a, b)
FORMS(min, min, a, b)
FORMS(max, max, a, b)
FORMS(sqrt, sqrt, b)

FORMS(round, round, b, imm)

/* -- comparisons -- */

/* Predicates 0 to 3: EQ, LT, LE, UNORD; 4 to 7 are their opposites (SDM 2, CMPPS, table 3-1). */
static bool holds(unsigned predicate, enum sfp_order order)
{
    static const u8 orders[4] = {1 << SFP_EQUAL, 1 << SFP_LESS, 1 << SFP_EQUAL | 1 << SFP_LESS,
                                 1 << SFP_UNORDERED};

    return (orders[predicate & 3] >> order & 1) != (predicate >> 2 & 1);
}

static bool signals(unsigned predicate)
{
    return (predicate & 3) == 1 || (predicate & 3) == 2;
}

static u32 sf32_mask(struct sfp *c, u32 a, u32 b, u32 predicate)
{
    return holds(predicate & 7, sf32_compare(c, a, b, signals(predicate))) ? ~0u : 0;
}

static u64 sf64_mask(struct sfp *c, u64 a, u64 b, u32 predicate)
{
    return holds(predicate & 7, sf64_compare(c, a, b, signals(predicate))) ? ~0ull : 0;
}

FORMS(cmp, mask, a, b, imm)

static u32 order_flags(enum sfp_order order)
{
    static const u32 flags[] = {
        [SFP_LESS] = FLAG_CF,
        [SFP_EQUAL] = FLAG_ZF,
        [SFP_GREATER] = 0,
        [SFP_UNORDERED] = FLAG_ZF | FLAG_PF | FLAG_CF,
    };

    return flags[order];
}

#define COMPARE(name, sf, at, signaling)                                                           \
    VEC_FN(name)                                                                                   \
    {                                                                                              \
        c->value = order_flags(sf##_compare(&c->fp, at(*d, 0), at(*s, 0), signaling));             \
    }
COMPARE(ucomiss, sf32, VD, false)
COMPARE(ucomisd, sf64, VQ, false)
COMPARE(comiss, sf32, VD, true)
COMPARE(comisd, sf64, VQ, true)

/* -- approximations -- */

FORM(rcpps, u32, VD, 4, sf32_rcp(b))
FORM(rcpss, u32, VD, 1, sf32_rcp(b))
FORM(rsqrtps, u32, VD, 4, sf32_rsqrt(b))
FORM(rsqrtss, u32, VD, 1, sf32_rsqrt(b))

/* -- across lanes (SSE3) -- */

FORM(addsubps, u32, VD, 4, i & 1 ? sf32_add(&c->fp, a, b) : sf32_sub(&c->fp, a, b))
FORM(addsubpd, u64, VQ, 2, i & 1 ? sf64_add(&c->fp, a, b) : sf64_sub(&c->fp, a, b))

#define HORIZONTAL(name, fn, at, lanes)                                                            \
    VEC_FN(name)                                                                                   \
    {                                                                                              \
        union xmm r;                                                                               \
        for (unsigned i = 0; i < lanes; i++) {                                                     \
            const union xmm *from = i < lanes / 2 ? d : s;                                         \
            unsigned pair = 2 * i % lanes;                                                         \
            at(r, i) = fn(&c->fp, at(*from, pair), at(*from, pair + 1));                           \
        }                                                                                          \
        *d = r;                                                                                    \
    }
HORIZONTAL(haddps, sf32_add, VD, 4)
HORIZONTAL(haddpd, sf64_add, VQ, 2)
HORIZONTAL(hsubps, sf32_sub, VD, 4)
HORIZONTAL(hsubpd, sf64_sub, VQ, 2)

/* -- dot products (SSE4.1) -- */

/* After a step: an exception that is unmasked ends the operation. */
static bool goes_on(struct vec_ctx *c)
{
    if (c->fp.flags & ~c->fp.masks)
        return false;
    c->done = c->fp.flags;
    return true;
}

/* Products of the lanes that imm's high bits name; their sum to those that the low bits name. Which
 * of several NaNs comes out is Intel's order, which the manual does not tell: each lane of DPPS has
 * its neighbour's product first, of DPPD its own. */
VEC_FN(dpps)
{
    u32 p[4], t[4], sum;

    for (unsigned i = 0; i < 4; i++)
        p[i] = imm >> (4 + i) & 1 ? sf32_mul(&c->fp, VD(*d, i), VD(*s, i)) : 0;
    if (!goes_on(c))
        return;
    for (unsigned i = 0; i < 4; i++)
        t[i] = sf32_add(&c->fp, p[i ^ 1], p[i]);
    if (!goes_on(c))
        return;
    for (unsigned i = 0; i < 4; i++) {
        sum = sf32_add(&c->fp, t[i], t[i ^ 2]);
        VD(*d, i) = imm >> i & 1 ? sum : 0;
    }
}

VEC_FN(dppd)
{
    u64 p[2], sum;

    for (unsigned i = 0; i < 2; i++)
        p[i] = imm >> (4 + i) & 1 ? sf64_mul(&c->fp, d->q[i], s->q[i]) : 0;
    if (!goes_on(c))
        return;
    for (unsigned i = 0; i < 2; i++) {
        sum = sf64_add(&c->fp, p[i], p[i ^ 1]);
        d->q[i] = imm >> i & 1 ? sum : 0;
    }
}

/* -- conversions -- */

/* lanes results of s's lanes b; the lanes above, up to 16 bytes, become 0 if clear is set. */
#define CONVERT(name, to, type, from, lanes, clear, expr)                                          \
    VEC_FN(name)                                                                                   \
    {                                                                                              \
        union xmm r = *d;                                                                          \
        for (unsigned i = 0; i < lanes; i++) {                                                     \
            type b = (type)from(*s, i);                                                            \
            to(r, i) = expr;                                                                       \
        }                                                                                          \
        if (clear)                                                                                 \
            r.q[1] = 0;                                                                            \
        *d = r;                                                                                    \
    }
CONVERT(cvtdq2ps, VD, s32, VD, 4, false, sf32_from_s32(&c->fp, b))
CONVERT(cvtpi2ps, VD, s32, VD, 2, false, sf32_from_s32(&c->fp, b))
CONVERT(cvtsi2ss, VD, s32, VD, 1, false, sf32_from_s32(&c->fp, b))
CONVERT(cvtdq2pd, VQ, s32, VD, 2, false, sf64_from_s32(b))
CONVERT(cvtsi2sd, VQ, s32, VD, 1, false, sf64_from_s32(b))
CONVERT(cvtsi2ss_q, VD, s64, VQ, 1, false, sf32_from_s64(&c->fp, b))
CONVERT(cvtsi2sd_q, VQ, s64, VQ, 1, false, sf64_from_s64(&c->fp, b))
CONVERT(cvtps2dq, VD, u32, VD, 4, false, sf32_to_s32(&c->fp, b, c->fp.rc))
CONVERT(cvttps2dq, VD, u32, VD, 4, false, sf32_to_s32(&c->fp, b, FP_ZERO))
CONVERT(cvtps2pi, VD, u32, VD, 2, true, sf32_to_s32(&c->fp, b, c->fp.rc))
CONVERT(cvttps2pi, VD, u32, VD, 2, true, sf32_to_s32(&c->fp, b, FP_ZERO))
CONVERT(cvtpd2dq, VD, u64, VQ, 2, true, sf64_to_s32(&c->fp, b, c->fp.rc))
CONVERT(cvttpd2dq, VD, u64, VQ, 2, true, sf64_to_s32(&c->fp, b, FP_ZERO))
CONVERT(cvtps2pd, VQ, u32, VD, 2, false, sf64_from_sf32(&c->fp, b))
CONVERT(cvtss2sd, VQ, u32, VD, 1, false, sf64_from_sf32(&c->fp, b))
CONVERT(cvtpd2ps, VD, u64, VQ, 2, true, sf32_from_sf64(&c->fp, b))
CONVERT(cvtsd2ss, VD, u64, VQ, 1, false, sf32_from_sf64(&c->fp, b))

#define TO_GPR(name, fn, at, rc)                                                                   \
    VEC_FN(name)                                                                                   \
    {                                                                                              \
        c->value = fn(&c->fp, at(*s, 0), rc);                                                      \
    }
TO_GPR(cvtss2si, sf32_to_s32, VD, c->fp.rc)
TO_GPR(cvttss2si, sf32_to_s32, VD, FP_ZERO)
TO_GPR(cvtsd2si, sf64_to_s32, VQ, c->fp.rc)
TO_GPR(cvttsd2si, sf64_to_s32, VQ, FP_ZERO)
TO_GPR(cvtss2si_q, sf32_to_s64, VD, c->fp.rc)
TO_GPR(cvttss2si_q, sf32_to_s64, VD, FP_ZERO)
TO_GPR(cvtsd2si_q, sf64_to_s64, VQ, c->fp.rc)
TO_GPR(cvttsd2si_q, sf64_to_s64, VQ, FP_ZERO)
