/* Arithmetic and data movement: three operands, so that copies are rare. NZCV is set on the way if
 * the guest's flags of the result will be asked for. */
#include "jit/a64/lower.h"

#include "base/check.h"

static bool is_const(struct irv x)
{
    return irv_is(x, IRV_CONST);
}

/* NZCV is now that of op. */
static void note_alu(struct lower *l, const struct ir_insn *o, struct irv a, struct irv b)
{
    l->alu.gen = l->e.flags_gen;
    l->alu.at = l->i;
    l->alu.op = o->op;
    l->alu.d = o->d;
    l->alu.a = a;
    l->alu.b = b;
}

/* d = a, but for the low size bytes, which are part's */
static void deposit(struct lower *l, unsigned d, unsigned a, unsigned part, unsigned size)
{
    if (d != a)
        a_mov(&l->e, 0, d, a);
    a_bitfield(&l->e, 0, A_BFM, d, part, 0, 8 * size - 1);
}

/* -- ADD SUB AND OR XOR NOT NEG -- */

struct binary {
    bool add; /* of the class of ADD, else of AND */
    u8 op, op_flags, inverse;
};

static const struct binary binaries[IR_OP_COUNT] = {
    [IR_ADD] = {true, A_ADD, A_ADDS, 0},  [IR_SUB] = {true, A_SUB, A_SUBS, 0},
    [IR_AND] = {false, A_AND, A_ANDS, 0}, [IR_OR] = {false, A_ORR, A_ORR, 0},
    [IR_XOR] = {false, A_EOR, A_EOR, 0},
};

static void emit_binary(struct lower *l, const struct binary *x, bool flags, unsigned d, unsigned a,
                        struct irv b)
{
    struct a_enc *e = &l->e;
    unsigned op = flags ? x->op_flags : x->op;
    if (is_const(b) && x->add && a != A_ZR) {
        if (!a_addsub_imm(e, 0, (enum a_addsub)op, d, a, b.v))
            a_addsub(e, 0, (enum a_addsub)op, d, a, ra_use(l, b));
    } else if (is_const(b) && !x->add) {
        if (!a_logic_imm(e, 0, (enum a_logic)op, d, a, b.v))
            a_logic(e, 0, (enum a_logic)op, d, a, ra_use_z(l, b));
    } else if (x->add) {
        a_addsub(e, 0, (enum a_addsub)op, d, a, ra_use_z(l, b));
    } else {
        a_logic(e, 0, (enum a_logic)op, d, a, ra_use_z(l, b));
    }
}

static void lower_binary(struct lower *l, const struct ir_insn *o)
{
    const struct binary *x = &binaries[o->op];
    struct irv va = o->a, vb = o->b;
    bool flags = flags_wanted_from(l) && !o->size;
    if (is_const(va) && o->op != IR_SUB && !o->size) {
        va = o->b;
        vb = o->a;
    }
    unsigned a = ra_use_z(l, va);
    if (!is_const(vb))
        ra_use(l, vb);
    if (o->size && o->size < 4) {
        emit_binary(l, x, false, A_IP0, a, vb);
        deposit(l, ra_def(l, o->d, va), a, A_IP0, o->size);
        return;
    }
    unsigned b = is_const(vb) ? (unsigned)A_NONE : ra_use(l, vb);
    unsigned d = ra_def(l, o->d, is_const(va) ? IR_NONE : va);
    if (b == A_NONE)
        emit_binary(l, x, flags, d, a, vb);
    else if (x->add)
        a_addsub(&l->e, 0, (enum a_addsub)(flags ? x->op_flags : x->op), d, a, b);
    else
        a_logic(&l->e, 0, (enum a_logic)(flags ? x->op_flags : x->op), d, a, b);
    if (flags && x->op_flags != x->op)
        note_alu(l, o, va, vb);
}

static void lower_unary(struct lower *l, const struct ir_insn *o)
{
    bool flags = flags_wanted_from(l) && !o->size && o->op == IR_NEG;
    unsigned a = ra_use(l, o->a);
    bool part = o->size && o->size < 4;
    unsigned d = part ? (unsigned)A_IP0 : ra_def(l, o->d, o->a);
    if (o->op == IR_NOT)
        a_logic(&l->e, 0, A_ORN, d, A_ZR, a);
    else
        a_addsub(&l->e, 0, flags ? A_SUBS : A_SUB, d, A_ZR, a);
    if (part)
        deposit(l, ra_def(l, o->d, o->a), a, A_IP0, o->size);
    if (flags)
        note_alu(l, o, o->a, IR_NONE);
}

static void lower_mov(struct lower *l, const struct ir_insn *o)
{
    if (irv_is(o->d, IRV_TEMP) && irv_is(o->a, IRV_REG) && ra_alias(l, o->d.v, o->a.v))
        return;
    if (is_const(o->a)) {
        a_mov_imm(&l->e, ra_def(l, o->d, IR_NONE), o->a.v);
        return;
    }
    unsigned a = ra_use(l, o->a), d = ra_def(l, o->d, o->a);
    if (a != d)
        a_mov(&l->e, 0, d, a);
}

static void lower_lea(struct lower *l, const struct ir_insn *o)
{
    struct a_enc *e = &l->e;
    u32 disp = o->imm + (is_const(o->a) ? o->a.v : 0);
    bool index = !irv_is(o->b, IRV_NONE) && !is_const(o->b);
    if (is_const(o->b))
        disp += o->b.v << o->size;
    unsigned a = is_const(o->a) ? (unsigned)A_ZR : ra_use(l, o->a);
    unsigned b = index ? ra_use(l, o->b) : (unsigned)A_ZR;
    unsigned d = ra_def(l, o->d, IR_NONE);
    if (index) {
        unsigned sum = disp ? (unsigned)A_IP0 : d;
        if (a == A_ZR && o->size)
            a_shift_imm(e, 0, A_LSL, sum, b, o->size);
        else
            a_addsub_shift(e, 0, A_ADD, sum, a, b, A_LSL, o->size);
        a = sum;
    }
    if (a == A_ZR)
        a_mov_imm(e, d, disp);
    else if (disp)
        a_addsub_any(e, 0, A_ADD, d, a, disp, A_IP1);
    else if (a != d)
        a_mov(e, 0, d, a);
}

/* -- shifts -- */

static void lower_shift(struct lower *l, const struct ir_insn *o, enum a_shift op)
{
    struct a_enc *e = &l->e;
    unsigned a = ra_use(l, o->a);
    bool left_rotate = o->op == IR_ROL;
    if (is_const(o->b)) {
        unsigned by = left_rotate ? -o->b.v & 31 : o->b.v & 31;
        unsigned d = ra_def(l, o->d, o->a);
        if (by)
            a_shift_imm(e, 0, op, d, a, by);
        else if (d != a)
            a_mov(e, 0, d, a);
        return;
    }
    unsigned b = ra_use(l, o->b);
    unsigned d = ra_def(l, o->d, o->a);
    if (left_rotate) {
        a_addsub(e, 0, A_SUB, A_IP0, A_ZR, b);
        b = A_IP0;
    }
    a_two(e, 0, (enum a_two_source)(A_LSLV + op), d, a, b);
}

/* -- multiplication -- */

static void lower_mul(struct lower *l, const struct ir_insn *o)
{
    unsigned a = ra_use(l, o->a), b = ra_use(l, o->b);
    a_mul(&l->e, 0, A_MADD, ra_def(l, o->d, IR_NONE), a, b, A_ZR);
}

static void lower_mul2(struct lower *l, const struct ir_insn *o)
{
    if (!ra_is_wanted(l, o->d2)) { /* the low halves are the same */
        lower_mul(l, o);
        return;
    }
    unsigned a = ra_use(l, o->a), b = ra_use(l, o->b);
    a_mul(&l->e, 1, o->op == IR_SMUL2 ? A_SMADDL : A_UMADDL, A_IP0, a, b, A_ZR);
    if (ra_is_wanted(l, o->d))
        a_mov(&l->e, 0, ra_def(l, o->d, IR_NONE), A_IP0);
    a_shift_imm(&l->e, 1, A_LSR, ra_def(l, o->d2, IR_NONE), A_IP0, 32);
}

/* -- parts -- */

static void lower_ext(struct lower *l, const struct ir_insn *o)
{
    static const struct {
        u8 op, from, to;
    } how[IR_OP_COUNT] = {
        [IR_EXT8U] = {A_UBFM, 0, 7},   [IR_EXT8S] = {A_SBFM, 0, 7},  [IR_EXT16U] = {A_UBFM, 0, 15},
        [IR_EXT16S] = {A_SBFM, 0, 15}, [IR_EXTH8] = {A_UBFM, 8, 15},
    };
    unsigned a = ra_use(l, o->a), d = ra_def(l, o->d, o->a);
    a_bitfield(&l->e, 0, (enum a_bitfield)how[o->op].op, d, a, how[o->op].from, how[o->op].to);
}

/* bits [at, at + width) of a copy of o->a are the low bits of o->b */
static void lower_dep(struct lower *l, const struct ir_insn *o, unsigned at, unsigned width)
{
    unsigned a = ra_use(l, o->a), b = ra_use_z(l, o->b);
    unsigned d = ra_def(l, o->d, o->a);
    if (b == d && a != d) { /* d is about to become a */
        a_mov(&l->e, 0, A_IP0, b);
        b = A_IP0;
    }
    if (a != d)
        a_mov(&l->e, 0, d, a);
    a_bitfield(&l->e, 0, A_BFM, d, b, -at & 31, width - 1);
}

/* 0 for 0: CLZ and RBIT give 32 there. */
static void lower_scan(struct lower *l, const struct ir_insn *o)
{
    struct a_enc *e = &l->e;
    unsigned a = ra_use(l, o->a), d = ra_def(l, o->d, o->a);
    if (o->op == IR_CTZ) {
        a_one(e, 0, A_RBIT, A_IP0, a);
        a_one(e, 0, A_CLZ, A_IP0, A_IP0);
        a_bitfield(e, 0, A_UBFM, d, A_IP0, 0, 4);
        return;
    }
    a_logic_imm(e, 0, A_ORR, A_IP0, a, 1); /* the answer is the same */
    a_one(e, 0, A_CLZ, A_IP0, A_IP0);
    a_logic_imm(e, 0, A_EOR, d, A_IP0, 31);
}

static void lower_pcrel(struct lower *l, const struct ir_insn *o)
{
    unsigned d = ra_def(l, o->d, IR_NONE);
    a_access(&l->e, A_LDR_W, d, REG_CPU, CPU_OFF(eip_page));
    if (o->imm)
        a_addsub_any(&l->e, 0, A_ADD, d, d, o->imm, A_IP0);
}

/* -- conditions -- */

enum a_cond lower_compare(struct lower *l, const struct ir_insn *o)
{
    static const u8 straight[] = {
        [IRC_EQ] = A_EQ,  [IRC_NE] = A_NE,  [IRC_LTU] = A_CC, [IRC_GEU] = A_CS, [IRC_LEU] = A_LS,
        [IRC_GTU] = A_HI, [IRC_LTS] = A_LT, [IRC_GES] = A_GE, [IRC_LES] = A_LE, [IRC_GTS] = A_GT,
    };
    unsigned a = ra_use_z(l, o->a);
    if (is_const(o->b) && a != A_ZR) {
        if (!a_addsub_imm(&l->e, 0, A_SUBS, A_ZR, a, o->b.v))
            a_addsub(&l->e, 0, A_SUBS, A_ZR, a, ra_use(l, o->b));
    } else {
        a_addsub(&l->e, 0, A_SUBS, A_ZR, a, ra_use_z(l, o->b));
    }
    return (enum a_cond)straight[o->cc];
}

static void lower_setc(struct lower *l, const struct ir_insn *o)
{
    enum a_cond c = lower_compare(l, o);
    a_cset(&l->e, ra_def(l, o->d, IR_NONE), c);
}

static void lower_sel(struct lower *l, const struct ir_insn *o)
{
    enum a_cond c = lower_compare(l, o);
    l->scratch = 0; /* the constants compared are used up */
    unsigned yes = ra_use_z(l, o->c), no = ra_use_z(l, o->e);
    a_select(&l->e, 0, A_CSEL, ra_def(l, o->d, IR_NONE), yes, no, c);
}

bool lower_alu(struct lower *l, const struct ir_insn *o)
{
    switch ((enum ir_op)o->op) {
    case IR_MOV: lower_mov(l, o); break;
    case IR_ADD:
    case IR_SUB:
    case IR_AND:
    case IR_OR:
    case IR_XOR: lower_binary(l, o); break;
    case IR_NOT:
    case IR_NEG: lower_unary(l, o); break;
    case IR_SHL: lower_shift(l, o, A_LSL); break;
    case IR_SHR: lower_shift(l, o, A_LSR); break;
    case IR_SAR: lower_shift(l, o, A_ASR); break;
    case IR_ROL:
    case IR_ROR: lower_shift(l, o, A_ROR); break;
    case IR_MUL: lower_mul(l, o); break;
    case IR_UMUL2:
    case IR_SMUL2: lower_mul2(l, o); break;
    case IR_LEA: lower_lea(l, o); break;
    case IR_EXT8U:
    case IR_EXT8S:
    case IR_EXT16U:
    case IR_EXT16S:
    case IR_EXTH8: lower_ext(l, o); break;
    case IR_DEP8: lower_dep(l, o, 0, 8); break;
    case IR_DEP16: lower_dep(l, o, 0, 16); break;
    case IR_DEPH8: lower_dep(l, o, 8, 8); break;
    case IR_BSWAP: {
        unsigned a = ra_use(l, o->a);
        a_one(&l->e, 0, A_REV, ra_def(l, o->d, o->a), a);
        break;
    }
    case IR_CTZ:
    case IR_BSR: lower_scan(l, o); break;
    case IR_PCREL: lower_pcrel(l, o); break;
    case IR_SETC: lower_setc(l, o); break;
    case IR_SEL: lower_sel(l, o); break;
    default: return false;
    }
    return true;
}
