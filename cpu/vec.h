/* Vector operations of lifted code (MMX and SSE), by number: the rows of cpu/vec_op.def. They work on
 * struct cpu in place, so that a back end without vector code of its own calls vec_exec() and is done. */
#ifndef CPU_VEC_H
#define CPU_VEC_H

#include "cpu/state.h"

enum vec_op {
#define VEC_OP(name) VEC_OP_##name,
#include "cpu/vec_op.def"
#undef VEC_OP
    VEC_OP_COUNT
};

/* Executes op on the registers at byte offsets dst_off (read and written) and src_off of struct cpu. */
void vec_exec(struct cpu *cpu, enum vec_op op, u32 dst_off, u32 src_off, u32 imm);

#endif
