/* Integer operations of SSE4.1 and SSE4.2 in portable C, the string comparisons among them. SDM
 * volume 2; the comparisons: 4.1, "Imm8 Control Byte Operation". */
#include "cpu/vec_lanes.h"

LANES_Q(pmuldq, (s64)(s32)a *(s32)b)
LANES_Q(pcmpeqq, -(u64)(a == b))
LANES_Q(pcmpgtq, -(u64)(sa > sb))
LANES_B(pminsb, sa < sb ? a : b)
LANES_B(pmaxsb, sa > sb ? a : b)
LANES_W(pminuw, a < b ? a : b)
LANES_W(pmaxuw, a > b ? a : b)
LANES_D(pminsd, sa < sb ? a : b)
LANES_D(pmaxsd, sa > sb ? a : b)
LANES_D(pminud, a < b ? a : b)
LANES_D(pmaxud, a > b ? a : b)
LANES_D(pmulld, a *b)
PACK(packusdw, VW, VD, s32, sat_u16)

/* -- widening -- */

#define WIDEN(name, to, from, type, n)                                                             \
    VEC_FN(name)                                                                                   \
    {                                                                                              \
        union xmm r;                                                                               \
        for (unsigned i = 0; i < n; i++)                                                           \
            to(r, i) = (type)from(*s, i);                                                          \
        *d = r;                                                                                    \
    }
#define VQ(x, i) ((x).q[i])
WIDEN(pmovsxbw, VW, (u16)(s16)(s8)VB, u16, 8)
WIDEN(pmovsxbd, VD, (u32)(s32)(s8)VB, u32, 4)
WIDEN(pmovsxbq, VQ, (u64)(s64)(s8)VB, u64, 2)
WIDEN(pmovsxwd, VD, (u32)(s32)(s16)VW, u32, 4)
WIDEN(pmovsxwq, VQ, (u64)(s64)(s16)VW, u64, 2)
WIDEN(pmovsxdq, VQ, (u64)(s64)(s32)VD, u64, 2)
WIDEN(pmovzxbw, VW, VB, u16, 8)
WIDEN(pmovzxbd, VD, VB, u32, 4)
WIDEN(pmovzxbq, VQ, VB, u64, 2)
WIDEN(pmovzxwd, VD, VW, u32, 4)
WIDEN(pmovzxwq, VQ, VW, u64, 2)
WIDEN(pmovzxdq, VQ, VD, u64, 2)

/* -- choosing -- */

VEC_FN(pblendvb)
{
    for (unsigned i = 0; i < 16; i++)
        VB(*d, i) = VB(c->x0, i) & 0x80 ? VB(*s, i) : VB(*d, i);
}

VEC_FN(blendvps)
{
    for (unsigned i = 0; i < 4; i++)
        VD(*d, i) = VD(c->x0, i) >> 31 ? VD(*s, i) : VD(*d, i);
}

VEC_FN(blendvpd)
{
    for (unsigned i = 0; i < 2; i++)
        d->q[i] = c->x0.q[i] >> 63 ? s->q[i] : d->q[i];
}

VEC_FN(pblendw)
{
    for (unsigned i = 0; i < 8; i++)
        VW(*d, i) = imm >> i & 1 ? VW(*s, i) : VW(*d, i);
}

VEC_FN(blendps)
{
    for (unsigned i = 0; i < 4; i++)
        VD(*d, i) = imm >> i & 1 ? VD(*s, i) : VD(*d, i);
}

VEC_FN(blendpd)
{
    for (unsigned i = 0; i < 2; i++)
        d->q[i] = imm >> i & 1 ? s->q[i] : d->q[i];
}

VEC_FN(insertps)
{
    VD(*d, imm >> 4 & 3) = VD(*s, imm >> 6 & 3);
    for (unsigned i = 0; i < 4; i++)
        if (imm >> i & 1)
            VD(*d, i) = 0;
}

VEC_FN(ptest)
{
    u64 common = (d->q[0] & s->q[0]) | (d->q[1] & s->q[1]);
    u64 rest = (~d->q[0] & s->q[0]) | (~d->q[1] & s->q[1]);

    c->value = (common ? 0 : FLAG_ZF) | (rest ? 0 : FLAG_CF);
}

/* -- across lanes -- */

VEC_FN(phminposuw)
{
    u32 least = VW(*s, 0), at = 0;

    for (u32 i = 1; i < 8; i++)
        if (VW(*s, i) < least)
            least = VW(*s, i), at = i;
    d->q[0] = least | at << 16;
    d->q[1] = 0;
}

VEC_FN(mpsadbw)
{
    unsigned from = imm & 3, at = imm >> 2 & 1;
    union xmm r;

    for (unsigned i = 0; i < 8; i++) {
        u32 sum = 0;
        for (unsigned k = 0; k < 4; k++) {
            u32 a = VB(*d, 4 * at + i + k), b = VB(*s, 4 * from + k);
            sum += a > b ? a - b : b - a;
        }
        VW(r, i) = (u16)sum;
    }
    *d = r;
}

/* -- strings -- */

struct strings {
    s32 a[16], b[16];
    u32 na, nb, max; /* elements that count, and those that a register holds */
};

static bool equal_any(const struct strings *t, u32 j)
{
    for (u32 i = 0; i < t->na; i++)
        if (j < t->nb && t->a[i] == t->b[j])
            return true;
    return false;
}

static bool in_range(const struct strings *t, u32 j)
{
    for (u32 i = 0; i + 1 < t->na; i += 2)
        if (j < t->nb && t->a[i] <= t->b[j] && t->b[j] <= t->a[i + 1])
            return true;
    return false;
}

static bool equal_each(const struct strings *t, u32 j)
{
    if (j >= t->na || j >= t->nb)
        return j >= t->na && j >= t->nb;
    return t->a[j] == t->b[j];
}

/* Does a begin at b's element j? The end of the register ends both. */
static bool equal_ordered(const struct strings *t, u32 j)
{
    for (u32 i = 0; i < t->na && i + j < t->max; i++)
        if (i + j >= t->nb || t->a[i] != t->b[i + j])
            return false;
    return true;
}

static s32 element(const union xmm *v, u32 i, u32 imm)
{
    switch (imm & 3) {
    case 0: return VB(*v, i);
    case 1: return VW(*v, i);
    case 2: return (s8)VB(*v, i);
    default: return (s16)VW(*v, i);
    }
}

static u32 bounded_length(u32 len, u32 max)
{
    u32 magnitude = len >> 31 ? 0 - len : len;
    return magnitude < max ? magnitude : max;
}

/* All bits of the mask, as bytes or words of register 0, or as they are. */
static void expand_mask(union xmm *r, u32 mask, u32 imm)
{
    *r = (union xmm){.q = {imm & 0x40 ? 0 : mask, 0}};
    for (unsigned i = 0; i < 16 && (imm & 0x40); i++)
        VB(*r, i) = mask >> (imm & 1 ? i / 2 : i) & 1 ? 0xff : 0;
}

static void compare_strings(struct vec_ctx *c, const union xmm *d, const union xmm *s, u32 imm)
{
    static bool (*const holds[4])(const struct strings *, u32) = {equal_any, in_range, equal_each,
                                                                  equal_ordered};
    struct strings t = {.max = imm & 1 ? 8 : 16};
    u32 mask = 0, all = (1u << t.max) - 1;

    t.na = bounded_length(c->len[0], t.max);
    t.nb = bounded_length(c->len[1], t.max);
    for (u32 i = 0; i < t.max; i++) {
        t.a[i] = element(d, i, imm);
        t.b[i] = element(s, i, imm);
    }
    for (u32 j = 0; j < t.max; j++)
        mask |= (u32)holds[imm >> 2 & 3](&t, j) << j;
    if (imm & 0x10)
        mask ^= imm & 0x20 ? (1u << t.nb) - 1 : all;
    c->value = !mask        ? t.max
               : imm & 0x40 ? 31 - (u32)__builtin_clz(mask)
                            : (u32)__builtin_ctz(mask);
    c->flags = (mask ? FLAG_CF : 0) | (t.nb < t.max ? FLAG_ZF : 0) | (t.na < t.max ? FLAG_SF : 0) |
               (mask & 1 ? FLAG_OF : 0);
    expand_mask(&c->x0, mask, imm);
}

VEC_FN(pcmpstr)
{
    compare_strings(c, d, s, imm);
}

static u32 implicit_length(const union xmm *v, u32 imm)
{
    u32 n = 0, max = imm & 1 ? 8 : 16;

    while (n < max && element(v, n, imm))
        n++;
    return n;
}

VEC_FN(pcmpstr_i)
{
    c->len[0] = implicit_length(d, imm);
    c->len[1] = implicit_length(s, imm);
    compare_strings(c, d, s, imm);
}
