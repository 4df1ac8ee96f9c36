/* Arithmetic and data movement. The host's two-operand forms are used in place when the output may
 * share a register with an input, LEA where it saves a copy and nobody asks for the flags. */
#include "jit/x64/lower.h"

#include "base/check.h"

static bool is_const(struct irv x)
{
    return irv_is(x, IRV_CONST);
}

/* Bytes of d that o computes. */
static unsigned op_size(const struct ir_insn *o)
{
    return o->size ? o->size : 4;
}

/* The host flags are now those of op. */
static void note_alu(struct lower *l, const struct ir_insn *o, struct irv a, struct irv b)
{
    l->alu.gen = l->e.flags_gen;
    l->alu.at = l->i;
    l->alu.op = o->op;
    l->alu.size = op_size(o);
    l->alu.d = o->d;
    l->alu.a = a;
    l->alu.b = b;
}

static void mov(struct lower *l, unsigned d, unsigned s)
{
    if (d != s)
        x_mov_rr(&l->e, 4, d, s);
}

/* -- ADD SUB AND OR XOR -- */

struct binary {
    enum x_alu alu;
    bool commutes;
};

static void binary_const(struct lower *l, const struct ir_insn *o, enum x_alu alu)
{
    unsigned a = ra_use(l, o->a);
    unsigned d = ra_def(l, o->d, o->a);
    u32 imm = o->b.v;
    if (d != a && !o->size && (alu == X_ADD || alu == X_SUB) && !flags_wanted_from(l)) {
        x_lea(&l->e, 4, d, x_at(a, (s32)(alu == X_ADD ? imm : 0 - imm)));
        return;
    }
    mov(l, d, a);
    x_alu_ri(&l->e, alu, op_size(o), d, (s32)imm);
    note_alu(l, o, o->a, o->b);
}

static void lower_binary(struct lower *l, const struct ir_insn *o, enum x_alu alu)
{
    struct irv x = o->a, y = o->b;
    unsigned size = op_size(o);
    if (is_const(x) && alu != X_SUB && !o->size) {
        x = o->b;
        y = o->a;
    }
    if (is_const(y) && !is_const(x)) {
        struct ir_insn swapped = *o;
        swapped.a = x;
        swapped.b = y;
        binary_const(l, &swapped, alu);
        return;
    }
    unsigned a = ra_use(l, x), b = ra_use(l, y);
    unsigned d = ra_def(l, o->d, is_const(x) ? IR_NONE : x);
    if (d == b && d != a) {
        if (alu != X_SUB && size == 4) {
            x_alu_rr(&l->e, alu, 4, d, a);
        } else {
            unsigned s = ra_scratch(l);
            x_mov_rr(&l->e, 4, s, b);
            x_mov_rr(&l->e, 4, d, a);
            x_alu_rr(&l->e, alu, size, d, s);
        }
    } else if (d != a && alu == X_ADD && size == 4 && !flags_wanted_from(l)) {
        x_lea(&l->e, 4, d, x_idx(a, b, 0, 0));
        return;
    } else {
        mov(l, d, a);
        x_alu_rr(&l->e, alu, size, d, b);
    }
    note_alu(l, o, x, y);
}

static void lower_unary(struct lower *l, const struct ir_insn *o, unsigned n)
{
    unsigned a = ra_use(l, o->a);
    unsigned d = ra_def(l, o->d, o->a);
    mov(l, d, a);
    x_unary(&l->e, n, op_size(o), d);
    if (o->op == IR_NEG)
        note_alu(l, o, o->a, IR_NONE);
}

static void lower_mov(struct lower *l, const struct ir_insn *o)
{
    if (irv_is(o->d, IRV_TEMP) && irv_is(o->a, IRV_REG) && ra_alias(l, o->d.v, o->a.v))
        return;
    if (is_const(o->a)) {
        unsigned d = ra_def(l, o->d, IR_NONE);
        bool flags_live = l->hf_gen == l->e.flags_gen && l->hf_mask;
        if (o->a.v || flags_live)
            x_mov_ri(&l->e, d, o->a.v);
        else
            x_alu_rr(&l->e, X_XOR, 4, d, d);
        return;
    }
    unsigned a = ra_use(l, o->a);
    mov(l, ra_def(l, o->d, o->a), a);
}

static void lower_lea(struct lower *l, const struct ir_insn *o)
{
    struct x_mem m = {HOST_NONE, HOST_NONE, 0, (s32)o->imm};
    if (is_const(o->a))
        m.disp = (s32)(o->imm + o->a.v);
    else
        m.base = (u8)ra_use(l, o->a);
    if (is_const(o->b)) {
        m.disp = (s32)((u32)m.disp + (o->b.v << o->size));
    } else if (!irv_is(o->b, IRV_NONE)) {
        m.index = (u8)ra_use(l, o->b);
        m.scale = o->size;
        if (m.base == HOST_NONE && m.scale == 0) {
            m.base = m.index;
            m.index = HOST_NONE;
        }
    }
    unsigned d = ra_def(l, o->d, IR_NONE);
    if (m.base == HOST_NONE && m.index == HOST_NONE)
        x_mov_ri(&l->e, d, (u32)m.disp);
    else if (m.index == HOST_NONE && d == m.base)
        x_alu_ri(&l->e, X_ADD, 4, d, m.disp);
    else
        x_lea(&l->e, 4, d, m);
}

/* -- shifts -- */

static void shift_const(struct lower *l, const struct ir_insn *o, enum x_shift op)
{
    unsigned a = ra_use(l, o->a);
    unsigned d = ra_def(l, o->d, o->a);
    mov(l, d, a);
    if (o->b.v & 31)
        x_shift_ri(&l->e, op, 4, d, o->b.v & 31);
}

static void lower_shift(struct lower *l, const struct ir_insn *o, enum x_shift op)
{
    if (is_const(o->b)) {
        shift_const(l, o, op);
        return;
    }
    unsigned a = ra_use(l, o->a), b = ra_use(l, o->b);
    if (l->be->bmi2 && op >= X_SHL) {
        x_shiftx(&l->e, op, ra_def(l, o->d, IR_NONE), a, b);
        return;
    }
    unsigned s = ra_scratch(l); /* the count must be in CL */
    mov(l, s, a);
    if (b != RCX)
        x_xchg(&l->e, RCX, b);
    x_shift_cl(&l->e, op, 4, s);
    if (b != RCX)
        x_xchg(&l->e, RCX, b);
    mov(l, ra_def(l, o->d, IR_NONE), s);
}

/* -- multiplication -- */

static void lower_mul(struct lower *l, const struct ir_insn *o)
{
    struct irv x = o->a, y = o->b;
    if (is_const(x)) {
        x = o->b;
        y = o->a;
    }
    unsigned a = ra_use(l, x);
    if (is_const(y)) {
        x_imul_rri(&l->e, ra_def(l, o->d, IR_NONE), a, (s32)y.v);
        return;
    }
    unsigned b = ra_use(l, y);
    unsigned d = ra_def(l, o->d, x);
    if (d == b && d != a) {
        x_imul_rr(&l->e, 4, d, a);
    } else {
        mov(l, d, a);
        x_imul_rr(&l->e, 4, d, b);
    }
}

/* The whole product in one 64-bit register: zero- or sign-extended operands do not overflow it. */
static void lower_mul2(struct lower *l, const struct ir_insn *o)
{
    bool is_signed = o->op == IR_SMUL2;
    if (!ra_is_wanted(l, o->d2)) { /* the low halves are the same */
        lower_mul(l, o);
        return;
    }
    unsigned a = ra_use(l, o->a), b = ra_use(l, o->b);
    unsigned s = ra_scratch(l);
    if (is_signed) {
        x_movsxd(&l->e, s, a);
        unsigned t = ra_scratch(l);
        x_movsxd(&l->e, t, b);
        x_imul_rr(&l->e, 8, s, t);
    } else {
        x_mov_rr(&l->e, 4, s, a);
        x_imul_rr(&l->e, 8, s, b);
    }
    ra_unlock_all(l); /* the sources are used up; s is taken back at once */
    l->owner[s] = OWNER_SCRATCH;
    l->locked |= (u16)(1u << s);
    if (ra_is_wanted(l, o->d))
        x_mov_rr(&l->e, 4, ra_def(l, o->d, IR_NONE), s);
    if (ra_is_wanted(l, o->d2)) {
        unsigned d2 = irv_is(o->d2, IRV_TEMP) ? s : ra_def(l, o->d2, IR_NONE);
        x_shift_ri(&l->e, X_SHR, 8, s, 32);
        if (d2 == s)
            ra_give(l, o->d2, s);
        else
            x_mov_rr(&l->e, 4, d2, s);
    }
}

/* -- parts -- */

static void lower_ext(struct lower *l, const struct ir_insn *o)
{
    unsigned a = ra_use(l, o->a);
    unsigned d = ra_def(l, o->d, o->a);
    switch (o->op) {
    case IR_EXT8U: x_zx(&l->e, 1, d, a); break;
    case IR_EXT8S: x_sx(&l->e, 1, d, a); break;
    case IR_EXT16U: x_zx(&l->e, 2, d, a); break;
    case IR_EXT16S: x_sx(&l->e, 2, d, a); break;
    default: /* EXTH8 */
        if (d < 8 && a < 4) {
            x_movzx_high(&l->e, d, a);
        } else {
            x_zx(&l->e, 2, d, a);
            x_shift_ri(&l->e, X_SHR, 4, d, 8);
        }
    }
}

/* Puts the low size bytes of o->b into a copy of o->a. */
static void lower_dep(struct lower *l, const struct ir_insn *o, unsigned size)
{
    unsigned a = is_const(o->a) ? (unsigned)HOST_NONE : ra_use(l, o->a);
    unsigned b = is_const(o->b) ? (unsigned)HOST_NONE : ra_use(l, o->b);
    unsigned d = ra_def(l, o->d, o->a);
    if (b == d && a != d) { /* d is about to become a */
        b = ra_scratch(l);
        x_mov_rr(&l->e, 4, b, d);
    }
    if (a == HOST_NONE)
        x_mov_ri(&l->e, d, o->a.v);
    else
        mov(l, d, a);
    if (b == HOST_NONE)
        x_mov_low_ri(&l->e, size, d, o->b.v);
    else
        x_mov_rr(&l->e, size, d, b);
}

static void lower_deph8(struct lower *l, const struct ir_insn *o)
{
    unsigned a = is_const(o->a) ? (unsigned)HOST_NONE : ra_use(l, o->a);
    unsigned b = is_const(o->b) ? (unsigned)HOST_NONE : ra_use(l, o->b);
    unsigned d = ra_def(l, o->d, o->a);
    bool legacy = d < 4 && (b < 4 || b == HOST_NONE); /* no REX beside AH..BH */
    if (b == d && (a != d || !legacy)) {
        b = ra_scratch(l);
        x_mov_rr(&l->e, 4, b, d);
        legacy = false;
    }
    if (a == HOST_NONE)
        x_mov_ri(&l->e, d, o->a.v);
    else
        mov(l, d, a);
    if (legacy && b == HOST_NONE) {
        x_mov_high_i(&l->e, d, o->b.v);
    } else if (legacy) {
        x_mov_high(&l->e, d, b);
    } else {
        x_shift_ri(&l->e, X_ROR, 4, d, 8);
        if (b == HOST_NONE)
            x_mov_low_ri(&l->e, 1, d, o->b.v);
        else
            x_mov_rr(&l->e, 1, d, b);
        x_shift_ri(&l->e, X_ROL, 4, d, 8);
    }
}

static void lower_bswap(struct lower *l, const struct ir_insn *o)
{
    unsigned a = ra_use(l, o->a);
    unsigned d = ra_def(l, o->d, o->a);
    mov(l, d, a);
    x_bswap(&l->e, d);
}

/* BSF and BSR leave their output undefined for 0: the IR wants 0. */
static void lower_scan(struct lower *l, const struct ir_insn *o, u32 opcode)
{
    unsigned a = ra_use(l, o->a), zero = ra_scratch(l);
    x_alu_rr(&l->e, X_XOR, 4, zero, zero);
    unsigned d = ra_def(l, o->d, o->a);
    x_rr(&l->e, opcode | XO_0F | XO_FL, d, a);
    x_cmov(&l->e, CC_E, d, zero);
}

static void lower_pcrel(struct lower *l, const struct ir_insn *o)
{
    unsigned d = ra_def(l, o->d, IR_NONE);
    x_load(&l->e, 4, d, cpu_at(CPU_OFF(eip_page)));
    if (o->imm)
        x_lea(&l->e, 4, d, x_at(d, (s32)o->imm));
}

/* -- conditions -- */

enum x_cc lower_compare(struct lower *l, const struct ir_insn *o)
{
    static const u8 straight[] = {
        [IRC_EQ] = CC_E,  [IRC_NE] = CC_NE, [IRC_LTU] = CC_B,  [IRC_GEU] = CC_AE, [IRC_LEU] = CC_BE,
        [IRC_GTU] = CC_A, [IRC_LTS] = CC_L, [IRC_GES] = CC_GE, [IRC_LES] = CC_LE, [IRC_GTS] = CC_G,
    };
    static const u8 swapped[] = {
        [IRC_EQ] = CC_E,  [IRC_NE] = CC_NE, [IRC_LTU] = CC_A,  [IRC_GEU] = CC_BE, [IRC_LEU] = CC_AE,
        [IRC_GTU] = CC_B, [IRC_LTS] = CC_G, [IRC_GES] = CC_LE, [IRC_LES] = CC_GE, [IRC_GTS] = CC_L,
    };
    bool swap = is_const(o->a) && !is_const(o->b);
    struct irv x = swap ? o->b : o->a, y = swap ? o->a : o->b;
    unsigned a = ra_use(l, x);
    if (!is_const(y))
        x_alu_rr(&l->e, X_CMP, 4, a, ra_use(l, y));
    else if (y.v == 0)
        x_test_rr(&l->e, 4, a, a);
    else
        x_alu_ri(&l->e, X_CMP, 4, a, (s32)y.v);
    return (enum x_cc)(swap ? swapped : straight)[o->cc];
}

static void lower_setc(struct lower *l, const struct ir_insn *o)
{
    enum x_cc cc = lower_compare(l, o);
    unsigned d = ra_def(l, o->d, IR_NONE);
    x_setcc(&l->e, cc, d);
    x_zx(&l->e, 1, d, d);
}

static void lower_sel(struct lower *l, const struct ir_insn *o)
{
    enum x_cc cc = lower_compare(l, o);
    ra_unlock_all(l);
    unsigned yes = ra_use(l, o->c), no = ra_use(l, o->e);
    unsigned d = ra_def(l, o->d, IR_NONE);
    if (d == yes) {
        x_cmov(&l->e, cc ^ 1, d, no);
        return;
    }
    mov(l, d, no);
    x_cmov(&l->e, cc, d, yes);
}

bool lower_alu(struct lower *l, const struct ir_insn *o)
{
    switch ((enum ir_op)o->op) {
    case IR_MOV: lower_mov(l, o); break;
    case IR_ADD: lower_binary(l, o, X_ADD); break;
    case IR_SUB: lower_binary(l, o, X_SUB); break;
    case IR_AND: lower_binary(l, o, X_AND); break;
    case IR_OR: lower_binary(l, o, X_OR); break;
    case IR_XOR: lower_binary(l, o, X_XOR); break;
    case IR_NOT: lower_unary(l, o, 2); break;
    case IR_NEG: lower_unary(l, o, 3); break;
    case IR_SHL: lower_shift(l, o, X_SHL); break;
    case IR_SHR: lower_shift(l, o, X_SHR); break;
    case IR_SAR: lower_shift(l, o, X_SAR); break;
    case IR_ROL: lower_shift(l, o, X_ROL); break;
    case IR_ROR: lower_shift(l, o, X_ROR); break;
    case IR_MUL: lower_mul(l, o); break;
    case IR_UMUL2:
    case IR_SMUL2: lower_mul2(l, o); break;
    case IR_LEA: lower_lea(l, o); break;
    case IR_EXT8U:
    case IR_EXT8S:
    case IR_EXT16U:
    case IR_EXT16S:
    case IR_EXTH8: lower_ext(l, o); break;
    case IR_DEP8: lower_dep(l, o, 1); break;
    case IR_DEP16: lower_dep(l, o, 2); break;
    case IR_DEPH8: lower_deph8(l, o); break;
    case IR_BSWAP: lower_bswap(l, o); break;
    case IR_CTZ: lower_scan(l, o, 0xbc); break;
    case IR_BSR: lower_scan(l, o, 0xbd); break;
    case IR_PCREL: lower_pcrel(l, o); break;
    case IR_SETC: lower_setc(l, o); break;
    case IR_SEL: lower_sel(l, o); break;
    default: return false;
    }
    return true;
}
