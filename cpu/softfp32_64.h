/* Exact float32 and float64 arithmetic in integer C, with the exception rules of SSE (SDM 1, 11.5
 * and appendix E). Values are bit patterns. Every operation takes the unpacked control bits of
 * MXCSR and collects flags; results are always those of the masked response. */
#ifndef CPU_SOFTFP32_64_H
#define CPU_SOFTFP32_64_H

#include "cpu/softfp.h" /* FP_* */

struct sfp {
    u8 rc; /* enum fp_round */
    bool daz,
        ftz;  /* denormal operands are zeros; tiny results become zeros if underflow is masked */
    u8 masks; /* FP_* */
    u8 flags; /* FP_*: raised so far */
};

enum sfp_order { SFP_LESS, SFP_EQUAL, SFP_GREATER, SFP_UNORDERED };

/* Two operands: where both are NaNs the first wins. sub is a - b, div a / b. */
u32 sf32_add(struct sfp *c, u32 a, u32 b);
u32 sf32_sub(struct sfp *c, u32 a, u32 b);
u32 sf32_mul(struct sfp *c, u32 a, u32 b);
u32 sf32_div(struct sfp *c, u32 a, u32 b);
u32 sf32_sqrt(struct sfp *c, u32 a);
u64 sf64_add(struct sfp *c, u64 a, u64 b);
u64 sf64_sub(struct sfp *c, u64 a, u64 b);
u64 sf64_mul(struct sfp *c, u64 a, u64 b);
u64 sf64_div(struct sfp *c, u64 a, u64 b);
u64 sf64_sqrt(struct sfp *c, u64 a);

/* MIN and MAX of SSE: b if either is a NaN or both are zeros (SDM 2, MINPS). */
u32 sf32_min(struct sfp *c, u32 a, u32 b);
u32 sf32_max(struct sfp *c, u32 a, u32 b);
u64 sf64_min(struct sfp *c, u64 a, u64 b);
u64 sf64_max(struct sfp *c, u64 a, u64 b);

/* signaling: a quiet NaN raises IE too. */
enum sfp_order sf32_compare(struct sfp *c, u32 a, u32 b, bool signaling);
enum sfp_order sf64_compare(struct sfp *c, u64 a, u64 b, bool signaling);

/* To an integer in floating point (SSE4.1's ROUND): control is its immediate: rounding mode, or
 * with bit 2 set MXCSR's; bit 3: no PE. Denormals are not reported. */
u32 sf32_round(struct sfp *c, u32 a, u32 control);
u64 sf64_round(struct sfp *c, u64 a, u32 control);

u32 sf32_from_s32(struct sfp *c, s32 v);
u64 sf64_from_s32(s32 v); /* always exact */
u32 sf32_from_s64(struct sfp *c, s64 v);
u64 sf64_from_s64(struct sfp *c, s64 v);
u64 sf64_from_sf32(struct sfp *c, u32 a);
u32 sf32_from_sf64(struct sfp *c, u64 a);

/* Out of range and NaN: IE and the most negative number. rc: c->rc or FP_ZERO to truncate. */
u32 sf32_to_s32(struct sfp *c, u32 a, unsigned rc);
u32 sf64_to_s32(struct sfp *c, u64 a, unsigned rc);
u64 sf32_to_s64(struct sfp *c, u32 a, unsigned rc);
u64 sf64_to_s64(struct sfp *c, u64 a, unsigned rc);

/* RCPPS and RSQRTPS: 1/a and 1/sqrt(a) to 13 bits, the same on every host, without flags (SDM 2:
 * relative error at most 1.5 * 2^-12; denormals count as zeros). */
u32 sf32_rcp(u32 a);
u32 sf32_rsqrt(u32 a);

#endif
