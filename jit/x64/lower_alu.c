/* Arithmetic and data movement. The host's two-operand forms are used in place when the output may
 * share a register with an input, LEA where it saves a copy and nobody asks for the flags. An op
 * that is not wide uses 32-bit forms, which zero-extend as it has to. */
#include "jit/x64/lower.h"

#include "base/check.h"

static bool is_const(struct irv x)
{
    return irv_is(x, IRV_CONST);
}

/* Bytes of d that o computes. */
static unsigned op_size(const struct ir_insn *o)
{
    return o->size ? o->size : width_of(o);
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

/* d = s, as o takes it. What comes next computes all of d. */
static void mov(struct lower *l, const struct ir_insn *o, unsigned d, unsigned s)
{
    if (d != s)
        x_mov_rr(&l->e, width_of(o), d, s);
}

/* The same if what comes next leaves some of d as it is: an input is cut, even where it is. */
static void mov_cut(struct lower *l, const struct ir_insn *o, unsigned d, unsigned s)
{
    if (d != s || (l->code64 && !o->wide))
        x_mov_rr(&l->e, width_of(o), d, s);
}

/* d = x, a constant */
static void mov_const(struct lower *l, const struct ir_insn *o, unsigned d, struct irv x)
{
    x_mov_ri64(&l->e, d, ir_const_value(o, x));
}

static bool fits(s64 v)
{
    return v == (s32)v;
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
    bool negatable = alu == X_SUB && (!o->wide || imm != 0x80000000);
    if (d != a && !o->size && (alu == X_ADD || negatable) && !flags_wanted_from(l)) {
        x_lea(&l->e, width_of(o), d, x_at(a, (s32)(alu == X_ADD ? imm : 0 - imm)));
        return;
    }
    o->size ? mov_cut(l, o, d, a) : mov(l, o, d, a);
    x_alu_ri(&l->e, alu, op_size(o), d, (s32)imm);
    note_alu(l, o, o->a, o->b);
}

static void lower_binary(struct lower *l, const struct ir_insn *o, enum x_alu alu)
{
    struct irv x = o->a, y = o->b;
    unsigned size = op_size(o), width = width_of(o);
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
        if (alu != X_SUB && size == width) {
            x_alu_rr(&l->e, alu, size, d, a);
        } else {
            unsigned s = ra_scratch(l);
            x_mov_rr(&l->e, width, s, b);
            x_mov_rr(&l->e, width, d, a);
            x_alu_rr(&l->e, alu, size, d, s);
        }
    } else if (d != a && alu == X_ADD && size == width && !flags_wanted_from(l)) {
        x_lea(&l->e, width, d, x_idx(a, b, 0, 0));
        return;
    } else {
        o->size ? mov_cut(l, o, d, a) : mov(l, o, d, a);
        x_alu_rr(&l->e, alu, size, d, b);
    }
    note_alu(l, o, x, y);
}

static void lower_unary(struct lower *l, const struct ir_insn *o, unsigned n)
{
    unsigned a = ra_use(l, o->a);
    unsigned d = ra_def(l, o->d, o->a);
    o->size ? mov_cut(l, o, d, a) : mov(l, o, d, a);
    x_unary(&l->e, n, op_size(o), d);
    if (o->op == IR_NEG)
        note_alu(l, o, o->a, IR_NONE);
}

/* May d stand for register a, whose bits 63:32 are not o's? */
static bool may_alias(const struct lower *l, const struct ir_insn *o)
{
    return irv_is(o->d, IRV_TEMP) && irv_is(o->a, IRV_REG) &&
           (!l->code64 || o->wide || !l->temp[o->d.v].wide);
}

static void lower_mov(struct lower *l, const struct ir_insn *o)
{
    if (may_alias(l, o) && ra_alias(l, o->d.v, o->a.v))
        return;
    if (is_const(o->a)) {
        unsigned d = ra_def(l, o->d, IR_NONE);
        bool flags_live = l->hf_gen == l->e.flags_gen && l->hf_mask;
        if (o->a.v || flags_live)
            mov_const(l, o, d, o->a);
        else
            x_alu_rr(&l->e, X_XOR, 4, d, d);
        return;
    }
    unsigned a = ra_use(l, o->a);
    unsigned d = ra_def(l, o->d, o->a);
    if (irv_is(o->a, IRV_TEMP) && !l->temp[o->a.v].dirty)
        mov(l, o, d, a);
    else
        mov_cut(l, o, d, a);
}

static void lower_const64(struct lower *l, const struct ir_insn *o)
{
    x_mov_ri64(&l->e, ra_def(l, o->d, IR_NONE), (u64)o->imm << 32 | o->a.v);
}

/* x, shifted, becomes part of *disp if it is a constant and the sum is one still. */
static bool add_const(const struct ir_insn *o, struct irv x, unsigned shift, s32 *disp)
{
    s64 sum = (s64)*disp + (s64)(ir_const_value(o, x) << shift);
    if (!is_const(x) || (o->wide && !fits(sum)))
        return false;
    *disp = (s32)(u32)(u64)sum;
    return true;
}

static void lower_lea(struct lower *l, const struct ir_insn *o)
{
    struct x_mem m = {HOST_NONE, HOST_NONE, 0, (s32)o->imm};
    bool has_b = !irv_is(o->b, IRV_NONE) && !add_const(o, o->b, o->size, &m.disp);
    if (!add_const(o, o->a, 0, &m.disp))
        m.base = (u8)ra_use(l, o->a);
    if (has_b) {
        m.index = (u8)ra_use(l, o->b);
        m.scale = o->size;
        if (m.base == HOST_NONE && m.scale == 0) {
            m.base = m.index;
            m.index = HOST_NONE;
        }
    }
    unsigned d = ra_def(l, o->d, IR_NONE);
    if (m.base == HOST_NONE && m.index == HOST_NONE)
        mov_const(l, o, d, ir_const((u32)m.disp));
    else if (m.index == HOST_NONE && d == m.base)
        x_alu_ri(&l->e, X_ADD, width_of(o), d, m.disp);
    else
        x_lea(&l->e, width_of(o), d, m);
}

/* -- shifts -- */

static void shift_const(struct lower *l, const struct ir_insn *o, enum x_shift op)
{
    unsigned a = ra_use(l, o->a), count = o->b.v & ir_count_mask(o->wide);
    unsigned d = ra_def(l, o->d, o->a);
    if (!count) {
        mov_cut(l, o, d, a);
        return;
    }
    mov(l, o, d, a);
    x_shift_ri(&l->e, op, width_of(o), d, count);
}

static void lower_shift(struct lower *l, const struct ir_insn *o, enum x_shift op)
{
    if (is_const(o->b)) {
        shift_const(l, o, op);
        return;
    }
    unsigned a = ra_use(l, o->a), b = ra_use(l, o->b);
    if (l->be->bmi2 && op >= X_SHL) {
        x_shiftx(&l->e, op, width_of(o), ra_def(l, o->d, IR_NONE), a, b);
        return;
    }
    unsigned s = ra_scratch(l); /* the count must be in CL */
    mov(l, o, s, a);
    if (b != RCX)
        x_xchg(&l->e, RCX, b);
    x_shift_cl(&l->e, op, width_of(o), s);
    if (b != RCX)
        x_xchg(&l->e, RCX, b);
    mov(l, o, ra_def(l, o->d, IR_NONE), s);
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
        x_imul_rri(&l->e, width_of(o), ra_def(l, o->d, IR_NONE), a, (s32)y.v);
        return;
    }
    unsigned b = ra_use(l, y);
    unsigned d = ra_def(l, o->d, x);
    if (d == b && d != a) {
        x_imul_rr(&l->e, width_of(o), d, a);
    } else {
        mov(l, o, d, a);
        x_imul_rr(&l->e, width_of(o), d, b);
    }
}

/* RDX:RAX = RAX * x, where x is in register b. */
static void multiply_rax(struct lower *l, const struct ir_insn *o, unsigned b)
{
    enum { MUL = 4, IMUL = 5 };
    x_unary(&l->e, o->op == IR_SMUL2 ? IMUL : MUL, 8, b);
}

/* The sources are used up; some scratch registers are not. */
static void keep_only(struct lower *l, u16 regs)
{
    ra_unlock_all(l);
    l->locked = regs;
    for (unsigned r = 0; r < HOST_REGS; r++) {
        if (regs >> r & 1)
            l->owner[r] = OWNER_SCRATCH;
    }
}

/* Output d is what scratch register s holds. */
static void define_as(struct lower *l, struct irv d, unsigned s)
{
    if (irv_is(d, IRV_TEMP) && ra_is_wanted(l, d))
        ra_give(l, d, s);
    else if (irv_is(d, IRV_REG))
        x_mov_rr(&l->e, 8, ra_def(l, d, IR_NONE), s);
}

/* The host's instruction works on the registers that guests' have. For any other registers these
 * are put aside meanwhile. */
static void lower_mul128(struct lower *l, const struct ir_insn *o)
{
    struct enc *e = &l->e;
    unsigned a = ra_use(l, o->a), b = ra_use(l, o->b);
    if (b == RAX) {
        b = a;
        a = RAX;
    }
    if (irv_is(o->d, IRV_REG) && o->d.v == EAX && irv_is(o->d2, IRV_REG) && o->d2.v == EDX) {
        ra_def(l, o->d, IR_NONE);
        ra_def(l, o->d2, IR_NONE);
        if (a != RAX)
            x_mov_rr(e, 8, RAX, a);
        multiply_rax(l, o, b);
        return;
    }
    unsigned lo = ra_scratch(l), hi = ra_scratch(l);
    x_mov_rr(e, 8, lo, RAX);
    x_mov_rr(e, 8, hi, RDX);
    if (a != RAX)
        x_mov_rr(e, 8, RAX, a);
    multiply_rax(l, o, b);
    x_xchg(e, lo, RAX);
    x_xchg(e, hi, RDX);
    keep_only(l, (u16)(1u << lo | 1u << hi));
    define_as(l, o->d, lo);
    define_as(l, o->d2, hi);
}

/* The whole product in one 64-bit register: zero- or sign-extended operands do not overflow it. */
static void lower_mul2(struct lower *l, const struct ir_insn *o)
{
    bool is_signed = o->op == IR_SMUL2;
    if (!ra_is_wanted(l, o->d2)) { /* the low halves are the same */
        lower_mul(l, o);
        return;
    }
    if (o->wide) {
        lower_mul128(l, o);
        return;
    }
    unsigned a = ra_use(l, o->a), b = ra_use(l, o->b);
    unsigned s = ra_scratch(l);
    if (is_signed) {
        x_sx(&l->e, 4, 8, s, a);
        unsigned t = ra_scratch(l);
        x_sx(&l->e, 4, 8, t, b);
        x_imul_rr(&l->e, 8, s, t);
    } else {
        unsigned t = l->code64 ? ra_scratch(l) : b;
        x_mov_rr(&l->e, 4, s, a);
        if (t != b)
            x_mov_rr(&l->e, 4, t, b);
        x_imul_rr(&l->e, 8, s, t);
    }
    keep_only(l, (u16)(1u << s));
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
    case IR_EXT8S: x_sx(&l->e, 1, width_of(o), d, a); break;
    case IR_EXT16U: x_zx(&l->e, 2, d, a); break;
    case IR_EXT16S: x_sx(&l->e, 2, width_of(o), d, a); break;
    case IR_EXT32S: x_sx(&l->e, 4, 8, d, a); break;
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
        mov_const(l, o, d, o->a);
    else
        mov_cut(l, o, d, a);
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
        mov_const(l, o, d, o->a);
    else
        mov_cut(l, o, d, a);
    if (legacy && b == HOST_NONE) {
        x_mov_high_i(&l->e, d, o->b.v);
    } else if (legacy) {
        x_mov_high(&l->e, d, b);
    } else {
        x_shift_ri(&l->e, X_ROR, width_of(o), d, 8);
        if (b == HOST_NONE)
            x_mov_low_ri(&l->e, 1, d, o->b.v);
        else
            x_mov_rr(&l->e, 1, d, b);
        x_shift_ri(&l->e, X_ROL, width_of(o), d, 8);
    }
}

static void lower_bswap(struct lower *l, const struct ir_insn *o)
{
    unsigned a = ra_use(l, o->a);
    unsigned d = ra_def(l, o->d, o->a);
    mov(l, o, d, a);
    x_bswap(&l->e, width_of(o), d);
}

/* BSF and BSR leave their output undefined for 0: the IR wants 0. */
static void lower_scan(struct lower *l, const struct ir_insn *o, u32 opcode)
{
    unsigned a = ra_use(l, o->a), zero = ra_scratch(l);
    x_alu_rr(&l->e, X_XOR, 4, zero, zero);
    unsigned d = ra_def(l, o->d, o->a);
    x_rr(&l->e, opcode | XO_0F | XO_FL | (o->wide ? XO_W : 0), d, a);
    x_cmov(&l->e, CC_E, 4, d, zero);
}

static void lower_pcrel(struct lower *l, const struct ir_insn *o)
{
    unsigned d = ra_def(l, o->d, IR_NONE);
    x_load(&l->e, width_of(o), d, cpu_at(CPU_OFF(eip_page)));
    if (o->imm)
        x_lea(&l->e, width_of(o), d, x_at(d, (s32)o->imm));
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
    unsigned a = ra_use(l, x), width = width_of(o);
    if (!is_const(y))
        x_alu_rr(&l->e, X_CMP, width, a, ra_use(l, y));
    else if (y.v == 0)
        x_test_rr(&l->e, width, a, a);
    else
        x_alu_ri(&l->e, X_CMP, width, a, (s32)y.v);
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
        x_cmov(&l->e, cc ^ 1, width_of(o), d, no);
        return;
    }
    mov(l, o, d, no);
    x_cmov(&l->e, cc, width_of(o), d, yes);
}

bool lower_alu(struct lower *l, const struct ir_insn *o)
{
    switch ((enum ir_op)o->op) {
    case IR_MOV: lower_mov(l, o); break;
    case IR_CONST64: lower_const64(l, o); break;
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
    case IR_EXT32S:
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
