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
    l->alu.wide = o->wide;
    l->alu.d = o->d;
    l->alu.a = a;
    l->alu.b = b;
}

/* o's d = a, but for the low bytes, as many as it has, which are part's */
static void deposit(struct lower *l, const struct ir_insn *o, unsigned d, unsigned a, unsigned part)
{
    if (d != a)
        a_mov(&l->e, o->wide, d, a);
    a_bitfield(&l->e, o->wide, A_BFM, d, part, 0, 8u * o->size - 1);
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

static void emit_binary(struct lower *l, const struct ir_insn *o, bool flags, unsigned d,
                        unsigned a, struct irv b)
{
    const struct binary *x = &binaries[o->op];
    struct a_enc *e = &l->e;
    unsigned op = flags ? x->op_flags : x->op, sf = o->wide;
    if (is_const(b) && x->add && a != A_ZR) {
        if (!a_addsub_imm(e, sf, (enum a_addsub)op, d, a, ir_const_value(o, b)))
            a_addsub(e, sf, (enum a_addsub)op, d, a, ra_use(l, b));
    } else if (is_const(b) && !x->add) {
        if (!a_logic_imm(e, sf, (enum a_logic)op, d, a, ir_const_value(o, b)))
            a_logic(e, sf, (enum a_logic)op, d, a, ra_use_z(l, b));
    } else if (x->add) {
        a_addsub(e, sf, (enum a_addsub)op, d, a, ra_use_z(l, b));
    } else {
        a_logic(e, sf, (enum a_logic)op, d, a, ra_use_z(l, b));
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
        emit_binary(l, o, false, A_IP0, a, vb);
        deposit(l, o, ra_def(l, o->d, va), a, A_IP0);
        return;
    }
    unsigned b = is_const(vb) ? (unsigned)A_NONE : ra_use(l, vb);
    unsigned d = ra_def(l, o->d, is_const(va) ? IR_NONE : va);
    if (b == A_NONE)
        emit_binary(l, o, flags, d, a, vb);
    else if (x->add)
        a_addsub(&l->e, o->wide, (enum a_addsub)(flags ? x->op_flags : x->op), d, a, b);
    else
        a_logic(&l->e, o->wide, (enum a_logic)(flags ? x->op_flags : x->op), d, a, b);
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
        a_logic(&l->e, o->wide, A_ORN, d, A_ZR, a);
    else
        a_addsub(&l->e, o->wide, flags ? A_SUBS : A_SUB, d, A_ZR, a);
    if (part)
        deposit(l, o, ra_def(l, o->d, o->a), a, A_IP0);
    if (flags)
        note_alu(l, o, o->a, IR_NONE);
}

/* Does o change a value only by making its upper half 0? */
static bool cuts(const struct lower *l, const struct ir_insn *o)
{
    return is_code64(l) && !o->wide;
}

static void lower_mov(struct lower *l, const struct ir_insn *o)
{
    if (!cuts(l, o) && irv_is(o->d, IRV_TEMP) && irv_is(o->a, IRV_REG) &&
        ra_alias(l, o->d.v, o->a.v))
        return;
    if (is_const(o->a)) {
        a_mov_imm64(&l->e, ra_def(l, o->d, IR_NONE), ir_const_value(o, o->a));
        return;
    }
    unsigned a = ra_use(l, o->a), d = ra_def(l, o->d, o->a);
    if (a != d || cuts(l, o))
        a_mov(&l->e, o->wide, d, a);
}

static void lower_const64(struct lower *l, const struct ir_insn *o)
{
    a_mov_imm64(&l->e, ra_def(l, o->d, IR_NONE), (u64)o->imm << 32 | o->a.v);
}

static void lower_lea(struct lower *l, const struct ir_insn *o)
{
    struct a_enc *e = &l->e;
    unsigned sf = o->wide;
    u64 disp = ir_const_value(o, ir_const(o->imm)) + (is_const(o->a) ? ir_const_value(o, o->a) : 0);
    bool index = !irv_is(o->b, IRV_NONE) && !is_const(o->b);
    if (is_const(o->b))
        disp += ir_const_value(o, o->b) << o->size;
    if (!o->wide)
        disp = (u32)disp;
    unsigned a = is_const(o->a) ? (unsigned)A_ZR : ra_use(l, o->a);
    unsigned b = index ? ra_use(l, o->b) : (unsigned)A_ZR;
    unsigned d = ra_def(l, o->d, IR_NONE);
    if (index) {
        unsigned sum = disp ? (unsigned)A_IP0 : d;
        if (a == A_ZR && o->size)
            a_shift_imm(e, sf, A_LSL, sum, b, o->size);
        else
            a_addsub_shift(e, sf, A_ADD, sum, a, b, A_LSL, o->size);
        a = sum;
    }
    if (a == A_ZR)
        a_mov_imm64(e, d, disp);
    else if (disp)
        a_addsub_any(e, sf, A_ADD, d, a, disp, A_IP1);
    else if (a != d || cuts(l, o))
        a_mov(e, sf, d, a);
}

/* -- shifts -- */

static void lower_shift(struct lower *l, const struct ir_insn *o, enum a_shift op)
{
    struct a_enc *e = &l->e;
    unsigned a = ra_use(l, o->a), sf = o->wide;
    bool left_rotate = o->op == IR_ROL;
    if (is_const(o->b)) {
        unsigned by = (left_rotate ? -o->b.v : o->b.v) & ir_count_mask(o->wide);
        unsigned d = ra_def(l, o->d, o->a);
        if (by)
            a_shift_imm(e, sf, op, d, a, by);
        else if (d != a || cuts(l, o))
            a_mov(e, sf, d, a);
        return;
    }
    unsigned b = ra_use(l, o->b);
    unsigned d = ra_def(l, o->d, o->a);
    if (left_rotate) {
        a_addsub(e, 0, A_SUB, A_IP0, A_ZR, b);
        b = A_IP0;
    }
    a_two(e, sf, (enum a_two_source)(A_LSLV + op), d, a, b);
}

/* -- multiplication -- */

static void lower_mul(struct lower *l, const struct ir_insn *o)
{
    unsigned a = ra_use(l, o->a), b = ra_use(l, o->b);
    a_mul(&l->e, o->wide, A_MADD, ra_def(l, o->d, IR_NONE), a, b, A_ZR);
}

static void lower_mul2(struct lower *l, const struct ir_insn *o)
{
    if (!ra_is_wanted(l, o->d2)) { /* the low halves are the same */
        lower_mul(l, o);
        return;
    }
    unsigned a = ra_use(l, o->a), b = ra_use(l, o->b);
    if (o->wide) {
        a_mul(&l->e, 1, o->op == IR_SMUL2 ? A_SMULH : A_UMULH, A_IP0, a, b, A_ZR);
        if (ra_is_wanted(l, o->d))
            a_mul(&l->e, 1, A_MADD, ra_def(l, o->d, IR_NONE), a, b, A_ZR);
        a_mov(&l->e, 1, ra_def(l, o->d2, IR_NONE), A_IP0);
        return;
    }
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
        [IR_EXT16S] = {A_SBFM, 0, 15}, [IR_EXTH8] = {A_UBFM, 8, 15}, [IR_EXT32S] = {A_SBFM, 0, 31},
    };
    unsigned a = ra_use(l, o->a), d = ra_def(l, o->d, o->a);
    a_bitfield(&l->e, o->wide, (enum a_bitfield)how[o->op].op, d, a, how[o->op].from,
               how[o->op].to);
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
        a_mov(&l->e, o->wide, d, a);
    a_bitfield(&l->e, o->wide, A_BFM, d, b, -at & ir_count_mask(o->wide), width - 1);
}

/* 0 for 0: CLZ and RBIT give 32 or 64 there. */
static void lower_scan(struct lower *l, const struct ir_insn *o)
{
    struct a_enc *e = &l->e;
    unsigned a = ra_use(l, o->a), d = ra_def(l, o->d, o->a), sf = o->wide;
    if (o->op == IR_CTZ) {
        a_one(e, sf, A_RBIT, A_IP0, a);
        a_one(e, sf, A_CLZ, A_IP0, A_IP0);
        a_bitfield(e, 0, A_UBFM, d, A_IP0, 0, sf ? 5 : 4);
        return;
    }
    a_logic_imm(e, sf, A_ORR, A_IP0, a, 1); /* the answer is the same */
    a_one(e, sf, A_CLZ, A_IP0, A_IP0);
    a_logic_imm(e, 0, A_EOR, d, A_IP0, ir_count_mask(o->wide));
}

static void lower_pcrel(struct lower *l, const struct ir_insn *o)
{
    emit_eip(l, ra_def(l, o->d, IR_NONE), o->imm, A_IP0);
}

/* -- conditions -- */

enum a_cond lower_compare(struct lower *l, const struct ir_insn *o)
{
    static const u8 straight[] = {
        [IRC_EQ] = A_EQ,  [IRC_NE] = A_NE,  [IRC_LTU] = A_CC, [IRC_GEU] = A_CS, [IRC_LEU] = A_LS,
        [IRC_GTU] = A_HI, [IRC_LTS] = A_LT, [IRC_GES] = A_GE, [IRC_LES] = A_LE, [IRC_GTS] = A_GT,
    };
    unsigned a = ra_use_z(l, o->a), sf = o->wide;
    if (is_const(o->b) && a != A_ZR) {
        if (!a_addsub_imm(&l->e, sf, A_SUBS, A_ZR, a, ir_const_value(o, o->b)))
            a_addsub(&l->e, sf, A_SUBS, A_ZR, a, ra_use(l, o->b));
    } else {
        a_addsub(&l->e, sf, A_SUBS, A_ZR, a, ra_use_z(l, o->b));
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
    a_select(&l->e, o->wide, A_CSEL, ra_def(l, o->d, IR_NONE), yes, no, c);
}

bool lower_alu(struct lower *l, const struct ir_insn *o)
{
    switch ((enum ir_op)o->op) {
    case IR_MOV: lower_mov(l, o); break;
    case IR_CONST64: lower_const64(l, o); break;
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
    case IR_EXT32S:
    case IR_EXTH8: lower_ext(l, o); break;
    case IR_DEP8: lower_dep(l, o, 0, 8); break;
    case IR_DEP16: lower_dep(l, o, 0, 16); break;
    case IR_DEPH8: lower_dep(l, o, 8, 8); break;
    case IR_BSWAP: {
        unsigned a = ra_use(l, o->a);
        a_one(&l->e, o->wide, A_REV, ra_def(l, o->d, o->a), a);
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
