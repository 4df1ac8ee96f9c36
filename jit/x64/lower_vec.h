/* Inside of the vector lowering: lower_vec.c has the operations, lower_vec_mem.c loads, stores and
 * parts of registers. */
#ifndef JIT_X64_LOWER_VEC_H
#define JIT_X64_LOWER_VEC_H

#include "cpu/vec.h"
#include "jit/x64/lower.h"

enum { XMM_A = 8, XMM_B = 9 };
#define SCRATCH ((u32)offsetof(struct cpu, xmm_scratch))

enum {
    MOVD_TO = 0x6e | XO_0F | XO_66,
    MOVD_FROM = 0x7e | XO_0F | XO_66,
    MOVQ_LOAD = 0x7e | XO_0F | XO_F3,
    MOVQ_STORE = 0xd6 | XO_0F | XO_66,
    MOVUPS_LOAD = 0x10 | XO_0F,
    MOVUPS_STORE = 0x11 | XO_0F,
    MOVAPS_LOAD = 0x28 | XO_0F,
    MOVAPS_STORE = 0x29 | XO_0F,
};

/* -- offsets in struct cpu -- */

/* Of the registers that the host's may hold. */
enum { XMM_BYTES = 8 * sizeof(union xmm), NOT_XMM = -1 };

static inline bool vec_overlaps(u32 off, u32 size)
{
    return off + size > xmm_offset(0) && off < xmm_offset(0) + XMM_BYTES;
}

/* The register at that offset, or NOT_XMM. */
static inline s32 vec_xmm_at(u32 off)
{
    u32 rel = off - (u32)xmm_offset(0);
    return rel < XMM_BYTES && rel % sizeof(union xmm) == 0 ? (s32)(rel / sizeof(union xmm))
                                                           : NOT_XMM;
}

/* -- operations -- */

static inline enum vec_op vec_op_of(const struct ir_insn *o)
{
    return (enum vec_op)(o->cc | (u32)o->size << 8);
}

bool vec_is_native(const struct lower *l, const struct ir_insn *o);

/* -- the state in host registers -- */

void vec_enter(struct lower *l, u8 need); /* from here on it is, at least as far as need */
void vec_leave(struct lower *l);          /* struct cpu has it all */

#endif
