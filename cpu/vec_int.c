/* Integer vector operations, moves and shuffles of MMX and SSE to SSSE3 in portable C. SDM
 * volume 2.
 *
 * c->n is 8 or 16 and counts the bytes of the registers. Lane-wise operations ignore the order of
 * lanes; the others go through VB, VW and VD, which hide the host's byte order. */
#include "cpu/vec_lanes.h"

#include <string.h>

/* -- lane by lane -- */

LANES_B(paddb, a + b)
LANES_W(paddw, a + b)
LANES_D(paddd, a + b)
LANES_Q(paddq, a + b)
LANES_B(psubb, a - b)
LANES_W(psubw, a - b)
LANES_D(psubd, a - b)
LANES_Q(psubq, a - b)
LANES_B(paddsb, sat_s8(sa + sb))
LANES_W(paddsw, sat_s16(sa + sb))
LANES_B(paddusb, sat_u8(a + b))
LANES_W(paddusw, sat_u16(a + b))
LANES_B(psubsb, sat_s8(sa - sb))
LANES_W(psubsw, sat_s16(sa - sb))
LANES_B(psubusb, sat_u8(a - b))
LANES_W(psubusw, sat_u16(a - b))
LANES_B(pcmpeqb, -(a == b))
LANES_W(pcmpeqw, -(a == b))
LANES_D(pcmpeqd, -(u32)(a == b))
LANES_B(pcmpgtb, -(sa > sb))
LANES_W(pcmpgtw, -(sa > sb))
LANES_D(pcmpgtd, -(u32)(sa > sb))
LANES_B(pminub, a < b ? a : b)
LANES_B(pmaxub, a > b ? a : b)
LANES_W(pminsw, sa < sb ? a : b)
LANES_W(pmaxsw, sa > sb ? a : b)
LANES_B(pavgb, (a + b + 1) >> 1)
LANES_W(pavgw, (a + b + 1) >> 1)
LANES_W(pmullw, (u32)a *b)
LANES_W(pmulhw, (u32)(sa *sb) >> 16)
LANES_W(pmulhuw, (u32)a *b >> 16)
LANES_Q(pmuludq, (a & 0xffffffff) * (b & 0xffffffff))
LANES_Q(pand, a &b)
LANES_Q(pandn, ~a &b)
LANES_Q(por, a | b)
LANES_Q(pxor, a ^ b)
LANES_B(psignb, sb < 0 ? 0 - a : sb ? a : 0)
LANES_W(psignw, sb < 0 ? 0 - a : sb ? a : 0)
LANES_D(psignd, sb < 0 ? 0 - a : sb ? a : 0)
LANES_B(pabsb, sb < 0 ? 0 - b : b)
LANES_W(pabsw, sb < 0 ? 0 - b : b)
LANES_D(pabsd, sb < 0 ? 0 - b : b)
LANES_W(pmulhrsw, (u32)((sa * sb >> 14) + 1) >> 1)

/* -- shifts: a count beyond the lane clears it, or fills it with the sign -- */

#define SHIFT(name, field, utype, bits, shifted, beyond)                                           \
    static void name##_by(struct vec_ctx *c, union xmm *d, u64 n)                                  \
    {                                                                                              \
        for (unsigned i = 0; i < c->n / sizeof(utype); i++) {                                      \
            utype a = d->field[i];                                                                 \
            d->field[i] = (utype)(n < bits ? (shifted) : (beyond));                                \
        }                                                                                          \
    }                                                                                              \
    VEC_FN(name)                                                                                   \
    {                                                                                              \
        name##_by(c, d, s->q[0]);                                                                  \
    }                                                                                              \
    VEC_FN(name##_i)                                                                               \
    {                                                                                              \
        name##_by(c, d, imm);                                                                      \
    }

SHIFT(psllw, w, u16, 16, a << n, 0)
SHIFT(pslld, d, u32, 32, a << n, 0)
SHIFT(psllq, q, u64, 64, a << n, 0)
SHIFT(psrlw, w, u16, 16, a >> n, 0)
SHIFT(psrld, d, u32, 32, a >> n, 0)
SHIFT(psrlq, q, u64, 64, a >> n, 0)
SHIFT(psraw, w, u16, 16, (s16)a >> n, (s16)a >> 15)
SHIFT(psrad, d, u32, 32, (s32)a >> n, (s32)a >> 31)

/* Bytes from..from + n - 1 of the 2 * n bytes high:low; zeros beyond. */
static void align(union xmm *d, const union xmm *low, const union xmm *high, unsigned n, u32 from)
{
    union xmm r = {.q = {0, 0}};

    for (u32 i = 0; i < n; i++) {
        u32 at = i + from;
        VB(r, i) = at < n ? VB(*low, at) : at < 2 * n ? VB(*high, at - n) : 0;
    }
    *d = r;
}

VEC_FN(psrldq)
{
    static const union xmm zero;

    align(d, d, &zero, c->n, imm);
}

VEC_FN(pslldq)
{
    static const union xmm zero;

    align(d, &zero, d, c->n, imm < 16 ? 16 - imm : 0);
}

VEC_FN(palignr)
{
    align(d, s, d, c->n, imm);
}

/* -- packing and unpacking -- */

PACK(packsswb, VB, VW, s16, sat_s8)
PACK(packuswb, VB, VW, s16, sat_u8)
PACK(packssdw, VW, VD, s32, sat_s16)

/* Interleaves the low (high = 0) or high halves. */
#define UNPACK(name, at, size, high)                                                               \
    VEC_FN(name)                                                                                   \
    {                                                                                              \
        unsigned lanes = c->n / size;                                                              \
        union xmm r = {.q = {0, 0}};                                                               \
        for (unsigned i = 0; i < lanes / 2; i++) {                                                 \
            at(r, 2 * i) = at(*d, i + high * lanes / 2);                                           \
            at(r, 2 * i + 1) = at(*s, i + high * lanes / 2);                                       \
        }                                                                                          \
        *d = r;                                                                                    \
    }
#define VQ(x, i) ((x).q[i])
UNPACK(punpcklbw, VB, 1, 0)
UNPACK(punpcklwd, VW, 2, 0)
UNPACK(punpckldq, VD, 4, 0)
UNPACK(punpcklqdq, VQ, 8, 0)
UNPACK(punpckhbw, VB, 1, 1)
UNPACK(punpckhwd, VW, 2, 1)
UNPACK(punpckhdq, VD, 4, 1)
UNPACK(punpckhqdq, VQ, 8, 1)

/* -- shuffles -- */

VEC_FN(pshufd)
{
    for (unsigned i = 0; i < 4; i++)
        VD(*d, i) = VD(*s, imm >> 2 * i & 3);
}

/* PSHUFW of MMX as well: there is no high half to copy then. */
VEC_FN(pshuflw)
{
    for (unsigned i = 0; i < 4; i++)
        VW(*d, i) = VW(*s, imm >> 2 * i & 3);
    d->q[1] = s->q[1];
}

VEC_FN(pshufhw)
{
    for (unsigned i = 0; i < 4; i++)
        VW(*d, i + 4) = VW(*s, (imm >> 2 * i & 3) + 4);
    d->q[0] = s->q[0];
}

VEC_FN(shufps)
{
    union xmm r;

    for (unsigned i = 0; i < 4; i++)
        VD(r, i) = VD(*(i < 2 ? d : s), imm >> 2 * i & 3);
    *d = r;
}

VEC_FN(shufpd)
{
    d->q[0] = d->q[imm & 1];
    d->q[1] = s->q[imm >> 1 & 1];
}

VEC_FN(pshufb)
{
    union xmm r = {.q = {0, 0}};

    for (unsigned i = 0; i < c->n; i++) {
        u8 from = VB(*s, i);
        VB(r, i) = from & 0x80 ? 0 : VB(*d, from & (c->n - 1));
    }
    *d = r;
}

/* -- sums and products across lanes -- */

VEC_FN(pmaddwd)
{
    for (unsigned i = 0; i < c->n / 4; i++) {
        s32 low = (s16)VW(*d, 2 * i) * (s16)VW(*s, 2 * i);
        s32 high = (s16)VW(*d, 2 * i + 1) * (s16)VW(*s, 2 * i + 1);
        VD(*d, i) = (u32)low + (u32)high;
    }
}

VEC_FN(pmaddubsw)
{
    for (unsigned i = 0; i < c->n / 2; i++) {
        s32 low = VB(*d, 2 * i) * (s8)VB(*s, 2 * i);
        s32 high = VB(*d, 2 * i + 1) * (s8)VB(*s, 2 * i + 1);
        VW(*d, i) = sat_s16(low + high);
    }
}

VEC_FN(psadbw)
{
    for (unsigned q = 0; q < c->n / 8; q++) {
        u32 sum = 0;
        for (unsigned i = 8 * q; i < 8 * q + 8; i++)
            sum += d->b[i] > s->b[i] ? d->b[i] - s->b[i] : s->b[i] - d->b[i];
        d->q[q] = sum;
    }
}

/* Combines neighbours x, y: the pairs of d first, then those of s. */
#define HORIZONTAL(name, at, type, expr)                                                           \
    VEC_FN(name)                                                                                   \
    {                                                                                              \
        unsigned half = (c->n == 16 ? 16 : 8) / sizeof(type) / 2;                                  \
        union xmm r = {.q = {0, 0}};                                                               \
        for (unsigned i = 0; i < 2 * half; i++) {                                                  \
            const union xmm *from = i < half ? d : s;                                              \
            type x = (type)at(*from, 2 * (i % half)), y = (type)at(*from, 2 * (i % half) + 1);     \
            at(r, i) = expr;                                                                       \
        }                                                                                          \
        *d = r;                                                                                    \
    }
HORIZONTAL(phaddw, VW, s16, (u16)(x + y))
HORIZONTAL(phaddd, VD, u32, x + y)
HORIZONTAL(phaddsw, VW, s16, sat_s16(x + y))
HORIZONTAL(phsubw, VW, s16, (u16)(x - y))
HORIZONTAL(phsubd, VD, u32, x - y)
HORIZONTAL(phsubsw, VW, s16, sat_s16(x - y))

/* -- moves -- */

VEC_FN(mov)
{
    *d = *s;
}

VEC_FN(movd)
{
    d->q[0] = VD(*s, 0);
    d->q[1] = 0;
}

VEC_FN(movq)
{
    d->q[0] = s->q[0];
    d->q[1] = 0;
}

VEC_FN(movss)
{
    VD(*d, 0) = VD(*s, 0);
}

VEC_FN(movsd)
{
    d->q[0] = s->q[0];
}

VEC_FN(movhlps)
{
    d->q[0] = s->q[1];
}

VEC_FN(movlhps)
{
    d->q[1] = s->q[0];
}

VEC_FN(movsldup)
{
    VD(*d, 0) = VD(*d, 1) = VD(*s, 0);
    VD(*d, 2) = VD(*d, 3) = VD(*s, 2);
}

VEC_FN(movshdup)
{
    VD(*d, 0) = VD(*d, 1) = VD(*s, 1);
    VD(*d, 2) = VD(*d, 3) = VD(*s, 3);
}

VEC_FN(movddup)
{
    d->q[0] = d->q[1] = s->q[0];
}

VEC_FN(pmovmskb)
{
    for (unsigned i = 0; i < 16; i++) /* beyond an MMX register are zeros */
        c->value |= (u32)(VB(*s, i) >> 7) << i;
}

VEC_FN(movmskps)
{
    for (unsigned i = 0; i < 4; i++)
        c->value |= VD(*s, i) >> 31 << i;
}

VEC_FN(movmskpd)
{
    c->value = (u32)(s->q[0] >> 63 | s->q[1] >> 63 << 1);
}
