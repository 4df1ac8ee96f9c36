/* SSE floating point by NEON, where the result is an ordinary one. FPCR.FZ is set while translated
 * code runs, so that FPSR tells of all that the two processors do differently: invalid operations
 * (default NaNs, signalling ones, conversions out of range), divisions by zero, overflow, results
 * that are tiny, and denormal operands. Then nothing has been written yet, and vec_exec() does it
 * all again. Quiet NaNs spread alike; an inexact result is the right one and sets MXCSR.PE. Other
 * rounding modes than to nearest are vec_exec()'s too. So guest's DAZ, FTZ and exception flags need
 * no care. SDM 1, 10.2.3 and 11.5; DDI 0487, A1.5 and C5.2 (FPCR, FPSR). */
#include "jit/a64/lower.h"

#include "cpu/vec.h"

enum {
    MXCSR_PE = 0x20,
    MXCSR_RC = 0x6000,
    RC_BIT = 13,
    FPSR_OTHER = 0x8f, /* IDC UFC OFC DZC IOC: not an ordinary result */
    FPSR_INEXACT = 0x10,
};

/* Registers: MXCSR, FPSR, those of its bits that count. */
enum { R_MXCSR = 2, R_FPSR = 3, R_MASK = 4, R_INT = 0 };

enum neon_kind {
    FP_NONE,
    FP_TWO,          /* V2 = V0 op V1 (destination op source) */
    FP_ONE,          /* V2 = op V1 */
    FP_MIN,          /* V2 = V1 > V0 ? V0 : V1: the source unless it is less */
    FP_MAX,          /* V2 = V0 > V1 ? V0 : V1 */
    FP_CMP,          /* V2 = mask by the predicate */
    FP_COMPARE,      /* NZCV of V0 and V1 to EFLAGS */
    FP_TO_INT,       /* W0 or X0 = op V1 */
    FP_FROM_INT,     /* V2 = op W0 or X0 */
    FP_WIDEN,        /* V2 = op (V1, extended to 64-bit integers); exact */
    FP_EXACT = 0x80, /* never sets a flag */
};

struct fp_row {
    u32 op;
    u8 kind;     /* enum neon_kind */
    u8 from, to; /* bytes read of the source, of the destination and written */
};

/* Classes of DDI 0487, C4.1, by their bits beyond size; D: double (sz or type), Q: 16 bytes. */
enum { D = 1u << 22, Q = 1u << 30 };
#define X                     (1u << 31) /* the general register has 64 bits */
#define SCALAR2(opcode)       (0x1e200800u | (u32)(opcode) << 12)
#define VECTOR2(u, a, opcode) (0x0e200400u | (u32)(u) << 29 | (u32)(a) << 23 | (u32)(opcode) << 11)
#define VECTOR1(u, a, opcode) (0x0e200800u | (u32)(u) << 29 | (u32)(a) << 23 | (u32)(opcode) << 12)
#define LANE2(u, a, opcode)   (0x5e200400u | (u32)(u) << 29 | (u32)(a) << 23 | (u32)(opcode) << 11)
enum {
    FSQRT_S = 0x1e21c000, /* scalar; the same with type */
    FCVT_S_D = 0x1e22c000,
    FCVT_D_S = 0x1e624000,
    FCMPE = 0x1e202010,
    FCVTZS = 0x1e380000, /* to W */
    FCVTNS = 0x1e200000,
    SCVTF = 0x1e220000, /* from W */
    BSL = 0x2e601c00 | Q,
    NOT = 0x2e205800 | Q,
    AND = 0x0e201c00 | Q,
    SSHLL = 0x0f20a400, /* .2D from .2S */
};

#define ARITH(name, kind, scalar, vector)                                                          \
    [VEC_OP_##name##ss] = {scalar, kind, 4, 4}, [VEC_OP_##name##sd] = {(scalar) | D, kind, 8, 8},  \
    [VEC_OP_##name##ps] = {(vector) | Q, kind, 16, 16},                                            \
    [VEC_OP_##name##pd] = {(vector) | Q | D, kind, 16, 16}

static const struct fp_row rows[VEC_OP_COUNT] = {
    ARITH(add, FP_TWO, SCALAR2(2), VECTOR2(0, 0, 26)),
    ARITH(sub, FP_TWO, SCALAR2(3), VECTOR2(0, 1, 26)),
    ARITH(mul, FP_TWO, SCALAR2(0), VECTOR2(1, 0, 27)),
    ARITH(div, FP_TWO, SCALAR2(1), VECTOR2(1, 0, 31)),
    ARITH(sqrt, FP_ONE, FSQRT_S, VECTOR1(1, 1, 31)),
    ARITH(min, FP_MIN, LANE2(1, 1, 28), VECTOR2(1, 1, 28)), /* FCMGT */
    ARITH(max, FP_MAX, LANE2(1, 1, 28), VECTOR2(1, 1, 28)),
    ARITH(cmp, FP_CMP, LANE2(0, 0, 28), VECTOR2(0, 0, 28)), /* FCMEQ; others differ in U and a */
    [VEC_OP_ucomiss] = {FCMPE, FP_COMPARE, 4, 4},
    [VEC_OP_ucomisd] = {FCMPE | D, FP_COMPARE, 8, 8},
    [VEC_OP_comiss] = {FCMPE, FP_COMPARE, 4, 4},
    [VEC_OP_comisd] = {FCMPE | D, FP_COMPARE, 8, 8},
    [VEC_OP_cvtss2sd] = {FCVT_S_D, FP_ONE, 4, 8},
    [VEC_OP_cvtsd2ss] = {FCVT_D_S, FP_ONE, 8, 4},
    [VEC_OP_cvtps2pd] = {0x0e617800, FP_ONE, 8, 16},  /* FCVTL */
    [VEC_OP_cvtpd2ps] = {0x0e616800, FP_ONE, 16, 16}, /* FCVTN */
    [VEC_OP_cvttss2si] = {FCVTZS, FP_TO_INT, 4, 4},
    [VEC_OP_cvttsd2si] = {FCVTZS | D, FP_TO_INT, 8, 4},
    [VEC_OP_cvtss2si] = {FCVTNS, FP_TO_INT, 4, 4},
    [VEC_OP_cvtsd2si] = {FCVTNS | D, FP_TO_INT, 8, 4},
    [VEC_OP_cvtsi2ss] = {SCVTF, FP_FROM_INT, 4, 4},
    [VEC_OP_cvtsi2sd] = {SCVTF | D, FP_FROM_INT | FP_EXACT, 4, 8},
    [VEC_OP_cvttss2si_q] = {FCVTZS | X, FP_TO_INT, 4, 8},
    [VEC_OP_cvttsd2si_q] = {FCVTZS | X | D, FP_TO_INT, 8, 8},
    [VEC_OP_cvtss2si_q] = {FCVTNS | X, FP_TO_INT, 4, 8},
    [VEC_OP_cvtsd2si_q] = {FCVTNS | X | D, FP_TO_INT, 8, 8},
    [VEC_OP_cvtsi2ss_q] = {SCVTF | X, FP_FROM_INT, 8, 4},
    [VEC_OP_cvtsi2sd_q] = {SCVTF | X | D, FP_FROM_INT, 8, 8},
    [VEC_OP_cvtdq2ps] = {VECTOR1(0, 0, 29) | Q, FP_ONE, 16, 16},
    [VEC_OP_cvttps2dq] = {VECTOR1(0, 1, 27) | Q, FP_ONE, 16, 16},
    [VEC_OP_cvtps2dq] = {VECTOR1(0, 0, 26) | Q, FP_ONE, 16, 16},
    [VEC_OP_cvtdq2pd] = {VECTOR1(0, 0, 29) | Q | D, FP_WIDEN | FP_EXACT, 8, 16},
};

static enum a_access access_of(unsigned bytes, bool load)
{
    static const u8 op[] = {[4] = A_STR_S, [8] = A_STR_D, [16] = A_STR_Q};
    return (enum a_access)(op[bytes] + load);
}

/* LT and LE compare the other way round, as greater: V1 with V0. EQ and ORD say nothing of quiet
 * NaNs (SDM 2, CMPPD). */
static void compare_by(struct a_enc *e, const struct fp_row *row, u32 predicate)
{
    const u32 greater = 1u << 29 | 1u << 23, greater_equal = 1u << 29;
    switch (predicate & 3) {
    case 0: a_vec3(e, row->op, 2, 0, 1); break;
    case 1: a_vec3(e, row->op | greater, 2, 1, 0); break;
    case 2: a_vec3(e, row->op | greater_equal, 2, 1, 0); break;
    default:
        a_vec3(e, row->op, 2, 0, 0);
        a_vec3(e, row->op, 1, 1, 1);
        a_vec3(e, AND, 2, 2, 1);
    }
    bool unordered = (predicate & 3) == 3; /* 3 is its opposite, UNORD; 7 ORD */
    if ((predicate >= 4) != unordered)
        a_vec3(e, NOT, 2, 2, 0);
}

/* ZF and CF; the operands are ordered. */
static void set_compared(struct a_enc *e)
{
    a_cset(e, R_INT, A_MI);
    a_cset(e, R_MXCSR, A_EQ);
    a_logic_shift(e, 0, A_ORR, R_INT, R_INT, R_MXCSR, A_LSL, 6);
}

static void load_operands(struct a_enc *e, const struct fp_row *row, unsigned kind, s32 dst,
                          s32 src)
{
    if (kind == FP_FROM_INT)
        field_access(e, row->from == 8 ? A_LDR_X : A_LDR_W, R_INT, src);
    else
        field_access(e, access_of(row->from, true), 1, src);
    if (kind != FP_ONE && kind != FP_TO_INT && kind != FP_FROM_INT && kind != FP_WIDEN)
        field_access(e, access_of(row->to, true), 0, dst);
}

static void compute(struct a_enc *e, const struct fp_row *row, unsigned kind, u32 imm)
{
    switch (kind) {
    case FP_TWO: a_vec3(e, row->op, 2, 0, 1); break;
    case FP_ONE: a_vec3(e, row->op, 2, 1, 0); break;
    case FP_MIN:
    case FP_MAX:
        a_vec3(e, row->op, 2, kind == FP_MIN, kind == FP_MAX);
        a_vec3(e, BSL, 2, 0, 1);
        break;
    case FP_CMP: compare_by(e, row, imm); break;
    case FP_COMPARE:
        a_vec3(e, row->op, 0, 0, 1);
        e->flags_gen++;
        set_compared(e);
        break;
    case FP_TO_INT: a_vec3(e, row->op, R_INT, 1, 0); break;
    case FP_FROM_INT: a_vec3(e, row->op, 2, R_INT, 0); break;
    default: a_vec3(e, SSHLL, 2, 1, 0); a_vec3(e, row->op, 2, 2, 0);
    }
}

/* What the flags are worth depends on MXCSR.PE: while it is set, an inexact result needs no care.
 */
static void begin_checked(struct a_enc *e, struct ool *q)
{
    field_access(e, A_LDR_W, R_MXCSR, CPU_OFF(mxcsr));
    a_mov_imm(e, R_MASK, MXCSR_RC | MXCSR_PE);
    a_logic_imm(e, 0, A_EOR, R_MXCSR, R_MXCSR, MXCSR_PE);
    a_logic(e, 0, A_AND, R_MXCSR, R_MXCSR, R_MASK);
    q->from[0] = a_jump_zero(e, 0, false, R_MXCSR);
    a_mov_imm(e, R_MASK, FPSR_OTHER);
    q->back_fast = a_pos(e);
}

static void end_checked(struct a_enc *e, struct ool *q)
{
    a_read_fpsr(e, R_FPSR);
    a_logic(e, 0, A_AND, R_FPSR, R_FPSR, R_MASK);
    q->from[1] = a_jump_zero(e, 0, false, R_FPSR);
    q->commit = a_pos(e);
}

bool lower_fp(struct lower *l, const struct ir_insn *o)
{
    struct a_enc *e = &l->e;
    enum vec_op op = (enum vec_op)(o->cc | (u32)o->size << 8);
    const struct fp_row *row = &rows[op];
    unsigned kind = row->kind & 0x7f;
    u32 imm = irv_is(o->b, IRV_CONST) ? o->b.v : 0;
    s32 dst = (s32)o->imm, src = (s32)o->a.v;
    if (!kind || (kind == FP_CMP && imm > 7))
        return false;
    struct ool *q = row->kind & FP_EXACT ? NULL : ool_new(l, OOL_FP);
    if (q)
        begin_checked(e, q);
    load_operands(e, row, kind, dst, src);
    compute(e, row, kind, imm);
    if (q)
        end_checked(e, q);
    if (kind == FP_COMPARE)
        field_access(e, A_STR_W, R_INT, CPU_OFF(scratch[0]));
    else if (kind == FP_TO_INT)
        field_access(e, row->to == 8 ? A_STR_X : A_STR_W, R_INT, dst);
    else
        field_access(e, access_of(row->to, false), 2, dst);
    if (q) {
        const u32 arg[4] = {op, o->imm, o->a.v, imm};
        for (unsigned n = 0; n < 4; n++)
            q->arg[n] = arg[n];
        q->back = a_pos(e);
        e->flags_gen++; /* of C's */
    }
    return true;
}

void ool_fp(struct lower *l, const struct ool *q)
{
    struct a_enc *e = &l->e;
    a_bind(e, q->from[0]);
    a_shift_imm(e, 0, A_LSR, R_MXCSR, R_MXCSR, RC_BIT);
    u32 rounding = a_jump_zero(e, 0, false, R_MXCSR);
    a_clear_fpsr(e);
    a_mov_imm(e, R_MASK, FPSR_OTHER | FPSR_INEXACT);
    a_jump_to(e, q->back_fast);
    a_bind(e, q->from[1]);
    a_clear_fpsr(e);
    a_addsub_imm(e, 0, A_SUB, R_FPSR, R_FPSR, FPSR_INEXACT);
    u32 special = a_jump_zero(e, 0, false, R_FPSR);
    field_access(e, A_LDR_W, R_MXCSR, CPU_OFF(mxcsr));
    a_logic_imm(e, 0, A_ORR, R_MXCSR, R_MXCSR, MXCSR_PE);
    field_access(e, A_STR_W, R_MXCSR, CPU_OFF(mxcsr));
    a_jump_to(e, q->commit);
    a_bind(e, rounding);
    a_bind(e, special);
    for (unsigned n = 0; n < 4; n++)
        a_mov_imm(e, n + 1, (u32)q->arg[n]);
    emit_call_stub(l, STUB_VEC);
    a_jump_to(e, q->back);
}
