/* Exact 80-bit extended arithmetic in integer C, with the x87's exception rules (SDM vol. 1, ch.
 * 8).
 *
 * Every operation takes a context that holds rounding, precision and masks, and that collects
 * exception flags and the round-up bit. A caller that sees fp_blocked() afterwards must drop the
 * result: an unmasked IE, DE or ZE is raised before the operation and leaves its operands alone. */
#ifndef CPU_SOFTFP_H
#define CPU_SOFTFP_H

#include "base/types.h"
#include "cpu/x87.h"

/* Exception bits, at their place in the x87 status and control words and in MXCSR's low bits. */
enum { FP_IE = 1, FP_DE = 2, FP_ZE = 4, FP_OE = 8, FP_UE = 16, FP_PE = 32 };

enum fp_round { FP_NEAREST, FP_DOWN, FP_UP, FP_ZERO };
enum { FP_PC24 = 0, FP_PC_RESERVED = 1, FP_PC53 = 2, FP_PC64 = 3 };

struct fpctx {
    u8 rc;     /* enum fp_round */
    u8 pc;     /* FP_PC*: only add, sub, mul, div and sqrt obey it; reserved acts as 64 bits */
    u16 masks; /* FP_*: masked exceptions */
    u16 flags; /* FP_*: raised so far; never cleared here */
    bool c1;   /* the last rounding was away from zero */
};

/* True when an unmasked pre-computation exception forbids delivering the result. */
static inline bool fp_blocked(const struct fpctx *c)
{
    return c->flags & ~c->masks & (FP_IE | FP_DE | FP_ZE);
}

/* True when a store to memory must be dropped: there OE and UE count as well (SDM vol. 1, 8.5.4).
 */
static inline bool fp_store_blocked(const struct fpctx *c)
{
    return c->flags & ~c->masks & (FP_IE | FP_DE | FP_ZE | FP_OE | FP_UE);
}

enum f80_class {
    F80_UNSUPPORTED, /* unnormal, pseudo-NaN, pseudo-infinity */
    F80_SNAN,
    F80_QNAN,
    F80_INF,
    F80_ZERO,
    F80_DENORMAL, /* pseudo-denormals too */
    F80_NORMAL,
};

#define F80_EXP_MAX    0x7fff
#define F80_BIAS       0x3fff
#define F80_INT_BIT    (1ull << 63)
#define F80_QUIET      (1ull << 62)
#define F80_INDEFINITE ((struct f80){.sig = 3ull << 62, .se = 0xffff})

static inline struct f80 f80_make(bool sign, int exp, u64 sig)
{
    return (struct f80){.sig = sig, .se = (u16)((unsigned)sign << 15 | (unsigned)exp)};
}
static inline bool f80_sign(struct f80 a)
{
    return a.se >> 15;
}
static inline int f80_exp(struct f80 a)
{
    return a.se & 0x7fff;
}
static inline bool f80_is_normal(struct f80 a)
{
    return f80_exp(a) - 1u < 0x7ffeu && a.sig >> 63;
}

enum f80_class f80_class(struct f80 a);

/* The answer to an operand that is a NaN or unsupported: quieted, or the indefinite; IE as due. */
struct f80 f80_nan1(struct fpctx *c, struct f80 a);

/* The arithmetic instructions; f80_sub is a - b, f80_div is a / b. */
struct f80 f80_add(struct fpctx *c, struct f80 a, struct f80 b);
struct f80 f80_sub(struct fpctx *c, struct f80 a, struct f80 b);
struct f80 f80_mul(struct fpctx *c, struct f80 a, struct f80 b);
struct f80 f80_div(struct fpctx *c, struct f80 a, struct f80 b);
struct f80 f80_sqrt(struct fpctx *c, struct f80 a);
struct f80 f80_rint(struct fpctx *c, struct f80 a);

/* a * 2^trunc(b). */
struct f80 f80_scale(struct fpctx *c, struct f80 a, struct f80 b);

/* Splits a into its exponent, returned, and its significand in [1,2), stored in *sig. */
struct f80 f80_xtract(struct fpctx *c, struct f80 a, struct f80 *sig);

/* FPREM (nearest false) and FPREM1 (nearest true). *q gets the low three quotient bits, *partial
 * whether the reduction is incomplete (C2). */
struct f80 f80_rem(struct fpctx *c, struct f80 a, struct f80 b, bool nearest, unsigned *q,
                   bool *partial);

/* The outcome of a comparison is C3, C2 and C0 as the x87 sets them, so that it can be stored. */
enum { F80_GREATER = 0, F80_LESS = 0x0100, F80_EQUAL = 0x4000, F80_UNORDERED = 0x4500 };

/* Compares; quiet: a QNaN does not raise IE (FUCOM). */
unsigned f80_compare(struct fpctx *c, struct f80 a, struct f80 b, bool quiet);

/* Conversions from memory formats. Signalling NaNs stay signalling and no flag is raised: whether a
 * NaN or a denormal source raises something depends on the instruction. */
struct f80 f80_from_f32(u32 bits);
struct f80 f80_from_f64(u64 bits);
struct f80 f80_from_s64(s64 v);
struct f80 f80_from_bcd(const u8 bcd[10]);

static inline bool f32_is_denormal(u32 bits)
{
    return !(bits & 0x7f800000u) && (bits & 0x7fffffu);
}
static inline bool f64_is_denormal(u64 bits)
{
    return !(bits & 0x7ff0000000000000u) && (bits & 0xfffffffffffffu);
}

/* Conversions to memory formats, rounding by c->rc and raising IE, OE, UE, PE. After an unmasked
 * OE or UE the value returned has no meaning. */
u32 f80_to_f32(struct fpctx *c, struct f80 a);
u64 f80_to_f64(struct fpctx *c, struct f80 a);
void f80_to_bcd(struct fpctx *c, struct f80 a, u8 bcd[10]);

/* To a signed integer of 16, 32 or 64 bits, sign-extended; out of range raises IE and gives the
 * integer indefinite, the most negative number. */
s64 f80_to_int(struct fpctx *c, struct f80 a, unsigned bits);

/* The transcendental instructions (fp_trans.c): within one unit in the last place, in practice
 * correctly rounded. They round by c->rc to 64 bits whatever the precision control. */
struct f80 f80_2xm1(struct fpctx *c, struct f80 a);
struct f80 f80_yl2x(struct fpctx *c, struct f80 y, struct f80 x);
struct f80 f80_yl2xp1(struct fpctx *c, struct f80 y, struct f80 x);
struct f80 f80_patan(struct fpctx *c, struct f80 y, struct f80 x);

/* Sine, cosine and tangent return false, and compute nothing, when |a| >= 2^63 (C2 is then set).
 * Any of the result pointers may be NULL. */
bool f80_sincos(struct fpctx *c, struct f80 a, struct f80 *sin, struct f80 *cos);
bool f80_tan(struct fpctx *c, struct f80 a, struct f80 *tan);

#endif
