/* Pieces of random blocks of IR (ir_gen.h) with vector operations: on all XMM registers
 * that the mode has, with operands in memory at the addresses of the shape. */
#ifndef TESTS_VEC_GEN_H
#define TESTS_VEC_GEN_H

#include "tests/unit/ir_gen.h"

/* -- vectors -- */

static const u8 xmm_parts[] = {0, 0, 0, 8, 4, 2, 12};

static inline unsigned pick_xmm(struct gen *g)
{
    return pick(g, is_code64(g) ? 16 : 8);
}

/* A field that a vector register may be, of size bytes. */
static inline size_t vector_field(struct gen *g, unsigned size)
{
    if (pick(g, 4) == 0)
        return mmx_offset(pick(g, 8));
    if (pick(g, 4) == 0 && size < 16)
        return xmm_offset(pick_xmm(g)) + (size < 8 ? pick(g, 16 - size) : pick(g, 2) * 8);
    return xmm_offset(pick_xmm(g));
}

static inline bool is_scalar(const struct vec_op_info *v)
{
    return v->shape == VS_X && (v->attr & VA_FP) && v->map == MAP_0F && v->mand == MP_F2 &&
           v->opcode >= 0x58 && v->opcode <= 0x5f && v->opcode != 0x5a && v->opcode != 0x5b;
}

static inline void emit_vec(struct gen *g)
{
    enum vec_op op = (enum vec_op)pick(g, VEC_OP_COUNT);
    const struct vec_op_info *v = &vec_op_info[op];
    bool from_mmx = v->shape == VS_M || v->shape == VS_XM || v->shape == VS_RM;
    bool to_mmx = v->shape == VS_M || v->shape == VS_MX,
         to_field = v->shape == VS_RX || v->shape == VS_RM || v->shape == VS_QX;
    size_t dst = to_field ? offsetof(struct cpu, scratch[2])
                 : to_mmx ? mmx_offset(pick(g, 8))
                          : xmm_offset(pick_xmm(g));
    size_t src = from_mmx ? mmx_offset(pick(g, 8)) : xmm_offset(pick_xmm(g));
    if (v->ext >= 0) {
        src = dst;
    } else if (v->shape == VS_XR || v->shape == VS_XQ) {
        src = offsetof(struct cpu, scratch[4]);
    } else if (pick(g, 2)) {
        src = offsetof(struct cpu, xmm_scratch);
        ir_ldv(g->ir, src, g->shape->address(g), is_scalar(v) || from_mmx ? 8 : 16);
        if (g->ir->ops[g->ir->nops - 1].size == 16 && pick(g, 2))
            ir_aligned(g->ir);
        if (pick(g, 4) == 0)
            ir_sts(g->ir, field(g), size124(g), value(g));
    }
    ir_vec(g->ir, op, dst, src, pick(g, 256));
    if (v->shape == VS_F && pick(g, 4)) {
        struct irv t = ir_lds(g->ir, offsetof(struct cpu, scratch[0]), 4);
        ir_flags(g->ir, FK_EFLAGS, 4, IR_NONE, t, IR_NONE);
    } else if (to_field) {
        keep(g, ir_lds(g->ir, dst, v->shape == VS_QX && is_code64(g) ? 8 : 4));
    }
}

static inline void emit_scalar_load(struct gen *g)
{
    unsigned size = pick(g, 2) ? 4 : 8;
    ir_ldv(g->ir, offsetof(struct cpu, xmm_scratch), g->shape->address(g), size);
    ir_vec(g->ir,
           size == 4    ? VEC_OP_movd
           : pick(g, 2) ? VEC_OP_movq
                        : VEC_OP_movlhps,
           xmm_offset(pick_xmm(g)), offsetof(struct cpu, xmm_scratch), 0);
}

static inline void emit_lane(struct gen *g)
{
    unsigned size = any_size(g);
    size_t at = xmm_offset(pick_xmm(g)) + (size == 8 ? 8 * pick(g, 2) : xmm_parts[pick(g, 7)]);
    if (pick(g, 2))
        keep(g, ir_lds(g->ir, at, size));
    else
        ir_sts(g->ir, at, size, value(g));
}

static inline void emit_vector(struct gen *g)
{
    unsigned size = 4u << pick(g, 3);
    switch (pick(g, 10)) {
    case 0: ir_ldv(g->ir, vector_field(g, size), g->shape->address(g), size); break;
    case 1: ir_stv(g->ir, g->shape->address(g), vector_field(g, size), size); break;
    case 2: emit_scalar_load(g); return;
    case 3: emit_lane(g); return;
    case 4: keep(g, ir_lds(g->ir, offsetof(struct cpu, mxcsr), 4)); return;
    default: emit_vec(g); return;
    }
    if (size == 16 && pick(g, 2))
        ir_aligned(g->ir);
}

#endif
