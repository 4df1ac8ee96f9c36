/* Vector operations of lifted code (MMX and SSE), by number: the rows of cpu/vec_op.def. They work
 * on struct cpu in place, so that a back end without vector code of its own calls vec_exec() and is
 * done. */
#ifndef CPU_VEC_H
#define CPU_VEC_H

#include "cpu/state.h"

enum vec_op {
#define VEC_OP(name, fn, mand, map, opcode, ext, shape, attr) VEC_OP_##name,
#include "cpu/vec_op.def"
#undef VEC_OP
    VEC_OP_COUNT
};

/* What an operation reads (at src_off, and mostly at dst_off too) and writes (at dst_off), in
 * bytes. */
enum vec_shape {
    VS_X,  /* XMM op= XMM: 16, 16 */
    VS_M,  /* MMX op= MMX: 8, 8 */
    VS_XM, /* XMM from MMX: 16, 8 */
    VS_MX, /* MMX from XMM: 8, 16 */
    VS_XR, /* XMM from a u32: 16, 4 */
    VS_RX, /* u32 from XMM: 4, 16 */
    VS_XQ, /* XMM from a u64: 16, 8 */
    VS_QX, /* u64 from XMM: 8, 16 */
    VS_RM, /* u32 from MMX: 4, 8 */
    VS_F,  /* compares XMM with XMM and writes neither: ZF, PF, CF as in EFLAGS, other bits 0, to
              scratch[0] */
    VS_SI, /* compares strings: 0, 16 and 16; all six flags to scratch[0], an index to scratch[1].
              The explicit lengths are in scratch[2] (dst) and scratch[3] (src) */
    VS_SM, /* the same, but a mask to XMM register 0 instead of the index */
};

enum {
    VA_IMM = 1,  /* uses the immediate; the host's instruction has an imm8 */
    VA_FP = 2,   /* obeys MXCSR and sets its flags */
    VA_SOFT = 4, /* the host's instruction must not be used */
    VA_XMM0 = 8, /* reads XMM register 0 as well */
    VA_LEN = 16, /* strings: lengths are given, not found */
    VA_W = 32,   /* the form with REX.W */
    /* What the host must have beyond SSE2 */
    VA_SSE3 = 1 << 8,
    VA_SSSE3 = 1 << 9,
    VA_SSE41 = 1 << 10,
    VA_SSE42 = 1 << 11,
    VA_AES = 1 << 12,
    VA_PCLMUL = 1 << 13,
    VA_SHA = 1 << 14,
    VA_HOST = 0x7f << 8,
};

/* A row. The host's instruction is [mand] [REX.W] 0F [38/3A] opcode ModRM [imm8] with registers:
 * ModRM.reg = dst, ModRM.rm = src (a general register for VS_XR and VS_XQ; dst is one for VS_RX and
 * VS_QX), or with ext >= 0 ModRM.reg = ext, ModRM.rm = dst. It may stand in for vec_exec() unless
 * VA_SOFT, where VA_FP rows need a host MXCSR with the guest's DAZ, FTZ and rounding, all
 * exceptions masked, whose flags reach cpu.mxcsr before anyone looks. */
struct vec_op_info {
    const char *name;
    u8 mand, map, opcode; /* enum mand, enum insn_map */
    s8 ext;
    u8 shape;
    u16 attr;
};
extern const struct vec_op_info vec_op_info[VEC_OP_COUNT];

/* Executes op on the registers at byte offsets dst_off (read and written) and src_off of struct
 * cpu. VA_FP operations set flags in cpu->mxcsr and give the masked response, so that nothing ever
 * faults: lifted code uses them only where MODE_SSE_XM is clear, and calls the helper vec_trap
 * elsewhere. */
void vec_exec(struct cpu *cpu, enum vec_op op, u32 dst_off, u32 src_off, u32 imm);

/* Computes as vec_exec() does, but if an exception of the result is unmasked in MXCSR, stores its
 * flags only and returns false (SDM 1, 11.5.2). */
bool vec_exec_checked(struct cpu *cpu, enum vec_op op, u32 dst_off, u32 src_off, u32 imm);

/* Registers are kept as two host-order quadwords: on a big-endian host lanes are numbered backwards
 * within each. */
enum {
    VEC_B = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 7 : 0,
    VEC_W = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 3 : 0,
    VEC_D = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 1 : 0,
};
#define VB(x, i) ((x).b[(i) ^ VEC_B])
#define VW(x, i) ((x).w[(i) ^ VEC_W])
#define VD(x, i) ((x).d[(i) ^ VEC_D])

/* Byte offset in struct cpu of lane i of XMM register n. */
static inline size_t xmm_offset(unsigned n)
{
    return offsetof(struct cpu, xmm) + n * sizeof(union xmm);
}
static inline size_t mmx_offset(unsigned n)
{
    return offsetof(struct cpu, fpu.st) + n * sizeof(struct f80) + offsetof(struct f80, sig);
}
/* Within a register at that offset (or xmm_scratch): its quadword, doubleword, byte or word i. */
static inline size_t vec_q(size_t reg, unsigned i)
{
    return reg + i * 8;
}
static inline size_t vec_d(size_t reg, unsigned i)
{
    return reg + (i ^ VEC_D) * 4;
}
static inline size_t vec_b(size_t reg, unsigned i)
{
    return reg + (i ^ VEC_B);
}
static inline size_t vec_w(size_t reg, unsigned i)
{
    return reg + (i ^ VEC_W) * 2;
}

#endif
