/* Vector operations by the host's own: the rows of cpu/vec_op.def are host instructions. Guest XMM
 * registers are the host's of the same number once a block has asked for them (x64.h); MMX
 * registers stay in struct cpu and pass through XMM8 and XMM9, never through the host's MMX, which
 * would be its x87. What has no such instruction, or one that differs between hosts, is left to
 * vec_exec(). SDM 1, chapters 10 to 12; SDM 2.
 *
 * XMM8 to XMM15, which 64-bit code has, stay in struct cpu: operations take them from there as
 * memory operands, or load and store them in XMM9. */
#include "jit/x64/lower_vec.h"

#include "base/check.h"

enum {
    PUNPCKLQDQ = 0x6c | XO_0F | XO_66,
    MOVSD = 0x10 | XO_0F | XO_F2,
    CVTDQ2PS = 0x5b | XO_0F,
    CVTPS2DQ = 0x5b | XO_0F | XO_66,
    CVTTPS2DQ = 0x5b | XO_0F | XO_F3,
    CVTDQ2PD = 0xe6 | XO_0F | XO_F3,
    CVTPD2DQ = 0xe6 | XO_0F | XO_F2,
    CVTTPD2DQ = 0xe6 | XO_0F | XO_66,
    SHIFT_Q = 0x73 | XO_0F | XO_66,
    PSRLDQ = 3, /* SHIFT_Q's ModRM.reg */
};

/* Is it one of XMM8 to XMM15? */
static bool is_high_xmm(u32 off)
{
    u32 rel = off - (u32)xmm_offset(8);
    return rel < XMM_BYTES && rel % sizeof(union xmm) == 0;
}

/* -- the state in host registers -- */

void vec_enter(struct lower *l, u8 need)
{
    if (l->vec.on >= need)
        return;
    x_alu_mi(&l->e, X_CMP, 1, x_at(RSP, FRAME_VU), need == VU_FP ? VU_FP : VU_OFF);
    u32 on = x_jcc8(&l->e, need == VU_FP ? CC_E : CC_NE);
    emit_call_stub(l, need == VU_FP ? STUB_FP_ON : STUB_XMM_ON);
    x_bind8(&l->e, on);
    l->vec.on = need;
}

void vec_leave(struct lower *l)
{
    emit_call_stub(l, STUB_VU_OFF);
    l->vec.on = VU_OFF;
}

/* -- what the host can do -- */

/* How an MMX operation is done with XMM registers whose upper halves are 0. */
enum mmx_way {
    MMX_SAME,
    MMX_JOIN,  /* both operands as the halves of one, taken twice: packs and horizontal sums */
    MMX_HIGH,  /* by the operation on low halves, of whose result it is the upper half */
    MMX_TWICE, /* the first operand in both halves: bit 3 of an index does not matter */
    MMX_SHIFT, /* PALIGNR: both operands as the halves of one, shifted */
};

static enum mmx_way mmx_way(enum vec_op op)
{
    switch (op) {
    case VEC_OP_mm_packsswb:
    case VEC_OP_mm_packssdw:
    case VEC_OP_mm_packuswb:
    case VEC_OP_mm_phaddw:
    case VEC_OP_mm_phaddd:
    case VEC_OP_mm_phaddsw:
    case VEC_OP_mm_phsubw:
    case VEC_OP_mm_phsubd:
    case VEC_OP_mm_phsubsw: return MMX_JOIN;
    case VEC_OP_mm_punpckhbw:
    case VEC_OP_mm_punpckhwd:
    case VEC_OP_mm_punpckhdq: return MMX_HIGH;
    case VEC_OP_mm_pshufb: return MMX_TWICE;
    case VEC_OP_mm_palignr: return MMX_SHIFT;
    default: return MMX_SAME;
    }
}

static bool host_has(const struct x64 *be, enum vec_op op)
{
    const struct vec_op_info *v = &vec_op_info[op];
    if ((v->attr & VA_SOFT) || ((v->attr & VA_FP) && !be->daz))
        return false;
    return !(v->attr & VA_HOST & ~be->vec);
}

/* An operand of 16 bytes that is a register, or does not touch one. */
static bool is_operand(u32 off)
{
    return vec_xmm_at(off) != NOT_XMM || !vec_overlaps(off, 16);
}

static bool is_target(u32 off)
{
    return vec_xmm_at(off) != NOT_XMM || is_high_xmm(off);
}

bool vec_is_native(const struct lower *l, const struct ir_insn *o)
{
    u32 dst = o->imm, src = o->a.v;
    if (!host_has(l->be, vec_op_of(o)))
        return false;
    switch ((enum vec_shape)vec_op_info[vec_op_of(o)].shape) {
    case VS_X: return is_target(dst) && is_operand(src);
    case VS_XR: return is_target(dst) && !vec_overlaps(src, 4);
    case VS_XQ: return is_target(dst) && !vec_overlaps(src, 8);
    case VS_QX: return !vec_overlaps(dst, 8) && is_operand(src);
    case VS_RX: return !vec_overlaps(dst, 4) && is_operand(src);
    case VS_F:
    case VS_SI:
    case VS_SM: return is_operand(dst) && is_operand(src);
    case VS_M: return !vec_overlaps(dst, 8) && !vec_overlaps(src, 8);
    case VS_RM: return !vec_overlaps(dst, 4) && !vec_overlaps(src, 8);
    case VS_XM: return is_target(dst) && !vec_overlaps(src, 8);
    case VS_MX: return !vec_overlaps(dst, 8) && is_operand(src);
    default: return false;
    }
}

static u32 opcode_of(const struct vec_op_info *v)
{
    static const u32 maps[] = {[MAP_0F] = XO_0F, [MAP_0F38] = XO_0F38, [MAP_0F3A] = XO_0F3A};
    static const u32 prefixes[] = {[MP_66] = XO_66, [MP_F3] = XO_F3, [MP_F2] = XO_F2};
    return v->opcode | maps[v->map] | prefixes[v->mand] | (v->attr & VA_W ? (u32)XO_W : 0);
}

/* -- operations -- */

/* The register that has the 16 bytes at off: temp if they have to be loaded. */
static unsigned operand(struct lower *l, u32 off, unsigned temp)
{
    if (vec_xmm_at(off) != NOT_XMM)
        return (unsigned)vec_xmm_at(off);
    if (off != SCRATCH || l->vec.taker != l->i || !l->i)
        x_rm(&l->e, MOVUPS_LOAD, temp, cpu_at((s32)off));
    return temp;
}

static void emit_imm(struct lower *l, const struct ir_insn *o)
{
    if (vec_op_info[vec_op_of(o)].attr & VA_IMM)
        x_byte(&l->e, o->b.v & 0xff);
}

/* Those of the common operations that do not read their destination. */
static bool overwrites(enum vec_op op)
{
    return op == VEC_OP_movdqa || op == VEC_OP_movd || op == VEC_OP_movd_q || op == VEC_OP_movq ||
           op == VEC_OP_pshufd;
}

/* The register for the destination, with its value unless the operation does without. */
static unsigned begin_target(struct lower *l, const struct ir_insn *o)
{
    if (vec_xmm_at(o->imm) != NOT_XMM)
        return (unsigned)vec_xmm_at(o->imm);
    if (!overwrites(vec_op_of(o)))
        x_rm(&l->e, MOVAPS_LOAD, XMM_B, cpu_at((s32)o->imm));
    return XMM_B;
}

static void end_target(struct lower *l, const struct ir_insn *o)
{
    if (vec_xmm_at(o->imm) == NOT_XMM)
        x_rm(&l->e, MOVAPS_STORE, XMM_B, cpu_at((s32)o->imm));
}

/* Can the operation have its source in memory, and means the same then? */
static bool takes_memory(enum vec_op op)
{
    return op != VEC_OP_movss && op != VEC_OP_movsd && op != VEC_OP_movhlps &&
           op != VEC_OP_movlhps && op != VEC_OP_insertps;
}

static void emit_xmm(struct lower *l, const struct ir_insn *o)
{
    const struct vec_op_info *v = &vec_op_info[vec_op_of(o)];
    bool field = v->shape != VS_X || (is_high_xmm(o->a.v) && takes_memory(vec_op_of(o)));
    if (vec_op_of(o) == VEC_OP_movdqa && is_high_xmm(o->imm)) {
        x_rm(&l->e, MOVAPS_STORE, operand(l, o->a.v, XMM_A), cpu_at((s32)o->imm));
        return;
    }
    unsigned d = begin_target(l, o);
    if (v->ext >= 0)
        x_rr(&l->e, opcode_of(v), (unsigned)v->ext, d);
    else if (field)
        x_rm(&l->e, opcode_of(v), d, cpu_at((s32)o->a.v));
    else
        x_rr(&l->e, opcode_of(v), d, operand(l, o->a.v, XMM_A));
    emit_imm(l, o);
    end_target(l, o);
}

static void emit_to_field(struct lower *l, const struct ir_insn *o, u32 opcode, unsigned s)
{
    unsigned r = ra_scratch(l);
    x_rr(&l->e, opcode, r, s);
    x_store(&l->e, opcode & XO_W ? 8 : 4, cpu_at((s32)o->imm), r);
}

/* scratch[0] = flags of the comparison, which the host's remain. Of COMISS and its kin the second
 * and third result overrule those before; those of others add up. No AF comes of any. */
static void keep_flags(struct lower *l, bool overrule)
{
    static const struct {
        u8 cc;
        u32 value, alone;
    } results[] = {{CC_B, FLAG_CF, FLAG_CF},
                   {CC_E, FLAG_ZF, FLAG_ZF},
                   {CC_P, FLAG_ZF | FLAG_PF | FLAG_CF, 0},
                   {CC_S, 0, FLAG_SF},
                   {CC_O, 0, FLAG_OF}};
    unsigned r = ra_scratch(l), t = ra_scratch(l), zero = overrule ? r : ra_scratch(l);
    l->e.flags_gen++;
    x_mov_ri(&l->e, r, 0);
    if (!overrule)
        x_mov_ri(&l->e, zero, 0);
    for (unsigned n = 0; n < ARRAY_LEN(results); n++) {
        u32 value = overrule ? results[n].value : results[n].alone;
        if (!value)
            continue;
        x_mov_ri(&l->e, t, value);
        if (overrule) {
            x_cmov(&l->e, (enum x_cc)results[n].cc, 4, r, t);
        } else {
            x_cmov(&l->e, (enum x_cc)(results[n].cc ^ 1), 4, t, zero);
            x_lea(&l->e, 4, r, x_idx(r, t, 0, 0));
        }
    }
    x_store(&l->e, 4, cpu_at(CPU_OFF(scratch[0])), r);
    l->vec.flags_at = l->i;
    l->vec.flags_gen = l->e.flags_gen;
}

static void emit_compare(struct lower *l, const struct ir_insn *o)
{
    const struct vec_op_info *v = &vec_op_info[vec_op_of(o)];
    unsigned d = operand(l, o->imm, XMM_B);
    x_rr(&l->e, opcode_of(v), d, operand(l, o->a.v, XMM_A));
    keep_flags(l, v->attr & VA_FP);
}

/* The host's instruction has its lengths in EAX and EDX and leaves its index in ECX: the guest's
 * are put aside. */
static void emit_strings(struct lower *l, const struct ir_insn *o)
{
    const struct vec_op_info *v = &vec_op_info[vec_op_of(o)];
    static const u8 fixed[] = {RCX, RAX, RDX};
    unsigned count = v->attr & VA_LEN ? 3 : v->shape == VS_SI ? 1 : 0, saved[3];
    unsigned d = operand(l, o->imm, XMM_B), s = operand(l, o->a.v, XMM_A);
    for (unsigned n = 0; n < count; n++)
        x_mov_rr(&l->e, l->word, saved[n] = ra_scratch(l), fixed[n]);
    for (unsigned n = 1; n < count; n++)
        x_load(&l->e, 4, fixed[n], cpu_at(CPU_OFF(scratch[1 + n])));
    x_rr(&l->e, opcode_of(v), d, s);
    emit_imm(l, o);
    if (v->shape == VS_SI)
        x_store(&l->e, 4, cpu_at(CPU_OFF(scratch[1])), RCX);
    for (unsigned n = 0; n < count; n++)
        x_mov_rr(&l->e, l->word, fixed[n], saved[n]);
    ra_unlock_all(l);
    keep_flags(l, false);
}

/* VEC, LDS, FLAGS: as cpu/sem_vec.c makes it */
bool vec_left_flags(const struct lower *l)
{
    const struct ir_insn *o = &l->ir->ops[l->i], *lds = o - 1;
    return l->vec.flags_gen == l->e.flags_gen && l->vec.flags_at + 2 == l->i &&
           o->cc == FK_EFLAGS && lds->op == IR_LDS && lds->size == 4 &&
           lds->imm == (u32)CPU_OFF(scratch[0]) && lds->d.kind == o->b.kind && lds->d.v == o->b.v;
}

/* The 8 bytes of an MMX source */
static void load_mmx_source(struct lower *l, const struct ir_insn *o, unsigned to)
{
    if (o->a.v != SCRATCH || l->vec.taker != l->i || !l->i)
        x_rm(&l->e, MOVQ_LOAD, to, cpu_at((s32)o->a.v));
    else if (to != XMM_A)
        x_rr(&l->e, MOVAPS_LOAD, to, XMM_A);
}

static void emit_mmx(struct lower *l, const struct ir_insn *o)
{
    const struct vec_op_info *v = &vec_op_info[vec_op_of(o)];
    enum mmx_way way = mmx_way(vec_op_of(o));
    u32 opcode = opcode_of(v) | (vec_op_of(o) == VEC_OP_mm_pshufw ? XO_F2 : XO_66);
    struct x_mem dst = cpu_at((s32)o->imm);
    if (v->ext < 0)
        load_mmx_source(l, o, XMM_A);
    x_rm(&l->e, MOVQ_LOAD, XMM_B, dst);
    if (way == MMX_SHIFT) {
        x_rr(&l->e, PUNPCKLQDQ, XMM_A, XMM_B);
        x_rr(&l->e, SHIFT_Q, PSRLDQ, XMM_A);
        emit_imm(l, o);
        x_rm(&l->e, MOVQ_STORE, XMM_A, dst);
        return;
    }
    if (way == MMX_JOIN)
        x_rr(&l->e, PUNPCKLQDQ, XMM_B, XMM_A);
    if (way == MMX_TWICE)
        x_rr(&l->e, PUNPCKLQDQ, XMM_B, XMM_B);
    if (way == MMX_HIGH)
        opcode -= 8; /* PUNPCKL.. */
    x_rr(&l->e, opcode, v->ext >= 0 ? (unsigned)v->ext : XMM_B,
         v->ext >= 0 || way == MMX_JOIN ? XMM_B : XMM_A);
    emit_imm(l, o);
    if (way == MMX_HIGH) {
        x_rr(&l->e, SHIFT_Q, PSRLDQ, XMM_B);
        x_byte(&l->e, 8);
    }
    x_rm(&l->e, MOVQ_STORE, XMM_B, dst);
}

/* Between MMX and XMM: the host's instructions of that kind would touch its x87, so the conversions
 * from and to XMM registers do it. Lanes beyond those that count are 0, which raises nothing. */
static void emit_to_xmm(struct lower *l, const struct ir_insn *o)
{
    unsigned d = begin_target(l, o);
    struct x_mem src = cpu_at((s32)o->a.v);
    if (vec_op_of(o) == VEC_OP_cvtpi2ps) {
        x_rm(&l->e, MOVQ_LOAD, XMM_A, src);
        x_rr(&l->e, CVTDQ2PS, XMM_A, XMM_A);
        x_rr(&l->e, MOVSD, d, XMM_A);
    } else {
        x_rm(&l->e, vec_op_of(o) == VEC_OP_cvtpi2pd ? CVTDQ2PD : MOVQ_LOAD, d, src);
    }
    end_target(l, o);
}

static void emit_from_xmm(struct lower *l, const struct ir_insn *o)
{
    unsigned s = operand(l, o->a.v, XMM_A), r = XMM_A;
    switch (vec_op_of(o)) {
    case VEC_OP_cvtps2pi:
    case VEC_OP_cvttps2pi:
        x_rr(&l->e, MOVQ_LOAD, XMM_A, s);
        x_rr(&l->e, vec_op_of(o) == VEC_OP_cvtps2pi ? CVTPS2DQ : CVTTPS2DQ, XMM_A, XMM_A);
        break;
    case VEC_OP_cvtpd2pi: x_rr(&l->e, CVTPD2DQ, XMM_A, s); break;
    case VEC_OP_cvttpd2pi: x_rr(&l->e, CVTTPD2DQ, XMM_A, s); break;
    default: r = s; /* MOVDQ2Q */
    }
    x_rm(&l->e, MOVQ_STORE, r, cpu_at((s32)o->imm));
}

static void emit_native(struct lower *l, const struct ir_insn *o)
{
    const struct vec_op_info *v = &vec_op_info[vec_op_of(o)];
    if (v->shape != VS_M && v->shape != VS_RM)
        vec_enter(l, v->attr & VA_FP ? VU_FP : VU_XMM);
    switch ((enum vec_shape)v->shape) {
    case VS_X:
    case VS_XR:
    case VS_XQ: emit_xmm(l, o); break;
    case VS_RX:
    case VS_QX: emit_to_field(l, o, opcode_of(v), operand(l, o->a.v, XMM_A)); break;
    case VS_F: emit_compare(l, o); break;
    case VS_SI:
    case VS_SM: emit_strings(l, o); break;
    case VS_M: emit_mmx(l, o); break;
    case VS_XM: emit_to_xmm(l, o); break;
    case VS_MX: emit_from_xmm(l, o); break;
    case VS_RM:
        load_mmx_source(l, o, XMM_A);
        emit_to_field(l, o, opcode_of(v) | XO_66, XMM_A);
        break;
    default: CHECK(false, "vector shape %u has no host instruction", v->shape);
    }
}

void lower_vec(struct lower *l, const struct ir_insn *o)
{
    if (l->vec.done == l->i && l->i)
        return;
    if (vec_is_native(l, o)) {
        emit_native(l, o);
        return;
    }
    put_arg_reg(l, 0, HOST_NONE, vec_op_of(o));
    put_arg_reg(l, 1, HOST_NONE, o->imm);
    put_arg_reg(l, 2, HOST_NONE, o->a.v);
    put_arg_reg(l, 3, HOST_NONE, o->b.v);
    emit_call_stub(l, STUB_VEC);
    l->vec.on = VU_OFF;
}
