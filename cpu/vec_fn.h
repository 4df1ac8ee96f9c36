/* Inside of the vec files: the functions that the rows of vec_op.def name. */
#ifndef CPU_VEC_FN_H
#define CPU_VEC_FN_H

#include "cpu/softfp32_64.h"
#include "cpu/vec.h"

/* What a function gets besides its operands. */
struct vec_ctx {
    unsigned n;    /* bytes of the wider operand's register: 8 (MMX alone) or 16 */
    struct sfp fp; /* MXCSR, unpacked */
    u8 done;       /* exception flags of the steps before the last */
    u64 value;     /* result of shapes VS_RX, VS_QX, VS_RM and VS_F, index of VS_SI */
    u32 flags;     /* of VS_SI and VS_SM */
    u32 len[2];    /* VA_LEN: of d and s */
    union xmm x0;  /* VA_XMM0: register 0; VS_SM: what it becomes */
};

/* d is read and written, s read; both are copies, 16 bytes, of which those beyond the register read
 * as 0 and are not stored. */
#define VEC_OP(name, fn, mand, map, opcode, ext, shape, attr)                                      \
    void fn(struct vec_ctx *c, union xmm *d, const union xmm *s, u32 imm);
#include "cpu/vec_op.def"
#undef VEC_OP

/* Their definition: few use all of that. */
#define VEC_FN(name)                                                                               \
    void vec_##name(struct vec_ctx *c __attribute__((unused)),                                     \
                    union xmm *d __attribute__((unused)),                                          \
                    const union xmm *s __attribute__((unused)), u32 imm __attribute__((unused)))

#endif
