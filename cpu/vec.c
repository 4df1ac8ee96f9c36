/* Running vector operations: operands come from struct cpu, a function of vec_int.c or vec_fp.c
 * works on copies, the result goes back. MXCSR is unpacked before and its flags are merged after.
 * SDM 1, 10.2.3, 11.5. */
#include "cpu/vec_fn.h"

#include <string.h>

const struct vec_op_info vec_op_info[VEC_OP_COUNT] = {
#define VEC_OP(name, fn, mand, map, opcode, ext, shape, attr)                                      \
    {#name, mand, map, opcode, ext, shape, attr},
#include "cpu/vec_op.def"
#undef VEC_OP
};

static void (*const functions[VEC_OP_COUNT])(struct vec_ctx *, union xmm *, const union xmm *,
                                             u32) = {
#define VEC_OP(name, fn, mand, map, opcode, ext, shape, attr) fn,
#include "cpu/vec_op.def"
#undef VEC_OP
};

/* Bytes read at dst, written there, and read at src. */
static const struct {
    u8 read, write, src;
} sizes[] = {
    [VS_X] = {16, 16, 16}, [VS_M] = {8, 8, 8},    [VS_XM] = {16, 16, 8}, [VS_MX] = {8, 8, 16},
    [VS_XR] = {16, 16, 4}, [VS_RX] = {0, 4, 16},  [VS_RM] = {0, 4, 8},   [VS_F] = {16, 0, 16},
    [VS_SI] = {16, 0, 16}, [VS_SM] = {16, 0, 16}, [VS_XQ] = {16, 16, 8}, [VS_QX] = {0, 8, 16},
};

static struct sfp unpack_mxcsr(u32 mxcsr)
{
    return (struct sfp){
        .rc = mxcsr >> MXCSR_RC_SHIFT & 3,
        .daz = mxcsr & MXCSR_DAZ,
        .ftz = mxcsr & MXCSR_FTZ,
        .masks = mxcsr >> MXCSR_MASK_SHIFT & MXCSR_FLAGS,
    };
}

static void compute(struct cpu *cpu, enum vec_op op, u32 dst_off, u32 src_off, u32 imm,
                    struct vec_ctx *c, union xmm *d)
{
    unsigned shape = vec_op_info[op].shape;
    union xmm s = {.q = {0, 0}};

    *d = s;
    c->n = shape == VS_M || shape == VS_RM ? 8 : 16;
    c->fp = unpack_mxcsr(cpu->mxcsr);
    c->value = c->flags = 0;
    c->done = 0;
    c->x0 = cpu->xmm[0];
    c->len[0] = cpu->scratch[2];
    c->len[1] = cpu->scratch[3];
    memcpy(d, (const u8 *)cpu + dst_off, sizes[shape].read);
    if (shape == VS_XR)
        memcpy(&VD(s, 0), (const u8 *)cpu + src_off, 4);
    else
        memcpy(&s, (const u8 *)cpu + src_off, sizes[shape].src);
    functions[op](c, d, &s, imm);
}

static void commit(struct cpu *cpu, enum vec_op op, u32 dst_off, const struct vec_ctx *c,
                   const union xmm *d)
{
    unsigned shape = vec_op_info[op].shape;
    u32 value = (u32)c->value;

    cpu->mxcsr |= c->fp.flags;
    if (shape == VS_RX || shape == VS_RM)
        memcpy((u8 *)cpu + dst_off, &value, 4);
    else if (shape == VS_QX)
        memcpy((u8 *)cpu + dst_off, &c->value, 8);
    else if (shape == VS_F)
        cpu->scratch[0] = value;
    else if (shape == VS_SI)
        cpu->scratch[0] = c->flags, cpu->scratch[1] = value;
    else if (shape == VS_SM)
        cpu->scratch[0] = c->flags, cpu->xmm[0] = c->x0;
    else
        memcpy((u8 *)cpu + dst_off, d, sizes[shape].write);
}

void vec_exec(struct cpu *cpu, enum vec_op op, u32 dst_off, u32 src_off, u32 imm)
{
    struct vec_ctx c;
    union xmm d;

    compute(cpu, op, dst_off, src_off, imm, &c, &d);
    commit(cpu, op, dst_off, &c, &d);
}

bool vec_exec_checked(struct cpu *cpu, enum vec_op op, u32 dst_off, u32 src_off, u32 imm)
{
    const unsigned before =
        FP_IE | FP_DE | FP_ZE; /* found before computing: the rest is then not looked at */
    struct vec_ctx c;
    union xmm d;
    unsigned unmasked;

    compute(cpu, op, dst_off, src_off, imm, &c, &d);
    unmasked = c.fp.flags & ~c.fp.masks;
    if (!unmasked) {
        commit(cpu, op, dst_off, &c, &d);
        return true;
    }
    cpu->mxcsr |= c.done | (unmasked & before ? c.fp.flags & before : c.fp.flags);
    return false;
}
