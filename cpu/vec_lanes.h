/* For the files of integer vector operations: saturation, and the shapes that many operations
 * share, as macros that define their functions. */
#ifndef CPU_VEC_LANES_H
#define CPU_VEC_LANES_H

#include "cpu/vec_fn.h"

static inline s32 clamp(s32 v, s32 low, s32 high)
{
    return v < low ? low : v > high ? high : v;
}

static inline u8 sat_s8(s32 v)
{
    return (u8)clamp(v, -128, 127);
}

static inline u8 sat_u8(s32 v)
{
    return (u8)clamp(v, 0, 255);
}

static inline u16 sat_s16(s32 v)
{
    return (u16)clamp(v, -32768, 32767);
}

static inline u16 sat_u16(s32 v)
{
    return (u16)clamp(v, 0, 65535);
}

/* a and b are the lanes, unsigned; the signed ones are sa and sb. */
#define LANES(name, field, utype, stype, expr)                                                     \
    VEC_FN(name)                                                                                   \
    {                                                                                              \
        for (unsigned i = 0; i < c->n / sizeof(utype); i++) {                                      \
            utype a = d->field[i], b = s->field[i];                                                \
            stype sa = (stype)a, sb = (stype)b;                                                    \
            (void)a, (void)b, (void)sa, (void)sb;                                                  \
            d->field[i] = (utype)(expr);                                                           \
        }                                                                                          \
    }
#define LANES_B(name, expr) LANES(name, b, u8, s8, expr)
#define LANES_W(name, expr) LANES(name, w, u16, s16, expr)
#define LANES_D(name, expr) LANES(name, d, u32, s32, expr)
#define LANES_Q(name, expr) LANES(name, q, u64, s64, expr)

/* Both operands' lanes, narrowed. */
#define PACK(name, to, from, type, sat)                                                            \
    VEC_FN(name)                                                                                   \
    {                                                                                              \
        unsigned half = (c->n == 16 ? 16 : 8) / sizeof(type); /* the compiler's bound */           \
        union xmm r = {.q = {0, 0}};                                                               \
        for (unsigned i = 0; i < half; i++) {                                                      \
            to(r, i) = sat((type)from(*d, i));                                                     \
            to(r, i + half) = sat((type)from(*s, i));                                              \
        }                                                                                          \
        *d = r;                                                                                    \
    }

#endif
