/* What a single operation folds to, given what the forward pass knows: constants, identities,
 * input bits that nobody looks at, displacements, and conditions of flags whose definition is at
 * hand. */
#include "jit/opt.h"

#include "cpu/flags.h"
#include "jit/ir_eval.h"

#define MAX_CHAIN 4 /* definitions looked through for one operand: keeps the pass linear */

static const struct ir_insn *def_of(const struct opt *p, struct irv x)
{
    return irv_is(x, IRV_TEMP) ? &p->ir->ops[p->temp[x.v].def] : NULL;
}

/* Does input x of op `at` still have the value that it had there? */
static bool still_valid(const struct opt *p, struct irv x, s32 at)
{
    return !irv_is(x, IRV_REG) || p->last_write[x.v] < at;
}

static void become(struct ir_insn *o, struct irv value)
{
    o->op = IR_MOV;
    o->size = o->cc = 0;
    o->imm = 0;
    o->a = value;
    o->b = o->c = o->e = IR_NONE;
}

/* If it can be said. */
static void become_const(struct ir_insn *o, u64 v)
{
    if (!o->wide || v == (u64)(s64)(s32)v)
        become(o, ir_const((u32)v));
}

static bool same(struct irv x, struct irv y)
{
    return x.kind == y.kind && x.v == y.v && !irv_is(x, IRV_NONE);
}

/* -- bits -- */

static u32 low_mask(unsigned bits)
{
    return bits >= 32 ? ~0u : (1u << bits) - 1;
}

/* An operand with the same low bits as x, found by looking through extensions and the like. */
static struct irv narrow(const struct opt *p, struct irv x, unsigned bits)
{
    for (int n = 0; n < MAX_CHAIN && bits <= 32; n++) {
        const struct ir_insn *d = def_of(p, x);
        struct irv y = IR_NONE;
        if (!d)
            break;
        switch (d->op) {
        case IR_EXT8U:
        case IR_EXT8S: y = bits <= 8 ? d->a : IR_NONE; break;
        case IR_EXT16U:
        case IR_EXT16S: y = bits <= 16 ? d->a : IR_NONE; break;
        case IR_DEP8: y = bits <= 8 ? d->b : IR_NONE; break;
        case IR_DEP16: y = bits <= 16 ? d->b : IR_NONE; break;
        case IR_DEPH8: y = bits <= 8 ? d->a : IR_NONE; break;
        case IR_AND:
            if (irv_is(d->b, IRV_CONST) && (d->b.v & low_mask(bits)) == low_mask(bits))
                y = d->a;
            break;
        default: break;
        }
        if (irv_is(y, IRV_NONE) || !still_valid(p, y, p->temp[x.v].def))
            break;
        x = opt_resolve(p, y, false);
    }
    return x;
}

/* Bits of x above these are 0; of its low 32 if they are all that is looked at. */
static unsigned width(const struct opt *p, struct irv x)
{
    const struct ir_insn *d = def_of(p, x);
    if (irv_is(x, IRV_CONST))
        return x.v ? 32 - (unsigned)__builtin_clz(x.v) : 0;
    if (!d)
        return 32;
    switch (d->op) {
    case IR_EXT8U:
    case IR_EXTH8: return 8;
    case IR_EXT16U: return 16;
    case IR_SETC:
    case IR_GETCC: return 1;
    case IR_LD:
    case IR_LDRMW:
    case IR_LDS: return d->size * 8u;
    case IR_AND: return irv_is(d->b, IRV_CONST) ? width(p, d->b) : 32;
    default: return 32;
    }
}

static void fold_extend(const struct opt *p, struct ir_insn *o)
{
    bool wide = o->op == IR_EXT16U || o->op == IR_EXT16S;
    bool is_signed = o->op == IR_EXT8S || o->op == IR_EXT16S;
    unsigned bits = wide ? 16 : 8, w = width(p, o->a);
    if (w < bits || (w == bits && !is_signed)) {
        become(o, o->a);
        return;
    }
    o->a = narrow(p, o->a, bits);
}

/* The result that flags are of: a register that it was put into will do, and is longer at hand. */
static struct irv narrow_result(const struct opt *p, struct irv x, unsigned bits)
{
    const struct ir_insn *d = def_of(p, x);
    bool merged = d && ((d->op == IR_DEP16 && bits == 16) || (d->op == IR_DEP8 && bits == 8));

    return merged ? x : narrow(p, x, bits);
}

static void fold_narrow(const struct opt *p, struct ir_insn *o)
{
    switch (o->op) {
    case IR_DEP8:
    case IR_DEPH8: o->b = narrow(p, o->b, 8); break;
    case IR_DEP16: o->b = narrow(p, o->b, 16); break;
    case IR_ST: o->b = narrow(p, o->b, o->size * 8u); break;
    case IR_STS: o->a = narrow(p, o->a, o->size * 8u); break;
    case IR_FLAGS:
    case IR_FLAGSIF:
        if (o->op == IR_FLAGSIF)
            o->e = narrow(p, o->e, 6);
        if (o->cc != FK_EFLAGS) {
            o->a = narrow_result(p, o->a, o->size * 8u);
            o->b = narrow(p, o->b, o->size * 8u);
        }
        break;
    case IR_FLAGBITSIF: o->e = narrow(p, o->e, 6); break;
    default: break;
    }
}

/* -- arithmetic -- */

static bool is_commutative(u8 op)
{
    return op == IR_ADD || op == IR_AND || op == IR_OR || op == IR_XOR || op == IR_MUL;
}

/* op x, const that yields x, or a constant */
static void fold_right_const(struct ir_insn *o)
{
    u32 b = o->b.v;
    switch (o->op) {
    case IR_ADD:
    case IR_SUB:
    case IR_OR:
    case IR_XOR:
        if (b == 0)
            become(o, o->a);
        break;
    case IR_SHL:
    case IR_SHR:
    case IR_SAR:
    case IR_ROL:
    case IR_ROR:
        if ((b & ir_count_mask(o->wide)) == 0)
            become(o, o->a);
        break;
    case IR_AND:
        if (b == 0 || b == ~0u)
            become(o, b ? o->a : ir_const(0));
        break;
    case IR_MUL:
        if (b <= 1)
            become(o, b ? o->a : ir_const(0));
        break;
    default: break;
    }
}

static void fold_binary(struct ir_insn *o)
{
    if (irv_is(o->a, IRV_CONST) && irv_is(o->b, IRV_CONST)) {
        u64 v =
            ir_eval2((enum ir_op)o->op, o->wide, ir_const_value(o, o->a), ir_const_value(o, o->b));
        become_const(o, v);
        return;
    }
    if (irv_is(o->a, IRV_CONST) && is_commutative(o->op)) {
        struct irv t = o->a;
        o->a = o->b;
        o->b = t;
    }
    if (irv_is(o->b, IRV_CONST)) {
        fold_right_const(o);
    } else if (same(o->a, o->b)) {
        if (o->op == IR_XOR || o->op == IR_SUB)
            become(o, ir_const(0));
        else if (o->op == IR_AND || o->op == IR_OR || o->op == IR_DEP8 || o->op == IR_DEP16)
            become(o, o->a);
    }
}

/* Takes constants that were added to *base out into *disp. */
static void fold_displacement(const struct opt *p, struct irv *base, u32 *disp, bool wide)
{
    for (int n = 0; n < MAX_CHAIN; n++) {
        const struct ir_insn *d = def_of(p, *base);
        u32 more;
        if (!d || d->wide != wide)
            return;
        if (d->op == IR_ADD && irv_is(d->b, IRV_CONST))
            more = d->b.v;
        else if (d->op == IR_SUB && irv_is(d->b, IRV_CONST))
            more = 0u - d->b.v;
        else if (d->op == IR_LEA && irv_is(d->b, IRV_NONE))
            more = d->imm;
        else
            return;
        if (!still_valid(p, d->a, p->temp[base->v].def))
            return;
        s64 sum = (s64)(s32)*disp + (s32)more;
        if (wide && (sum != (s32)sum || more == 0x80000000))
            return;
        *disp += more;
        *base = opt_resolve(p, d->a, wide);
    }
}

/* Of an access in a segment whose offset has been cut to 16 bits: the access does that itself. */
static void fold_address(const struct opt *p, struct ir_insn *o)
{
    const struct ir_insn *d = def_of(p, o->a);

    if (ir_seg_of(o->cc) >= 0 && !o->imm && d && d->op == IR_EXT16U &&
        still_valid(p, d->a, p->temp[o->a.v].def)) {
        o->a = opt_resolve(p, d->a, false);
        o->cc |= IR_WRAP16;
    }
    fold_displacement(p, &o->a, &o->imm, o->wide);
}

static void fold_lea(const struct opt *p, struct ir_insn *o)
{
    fold_displacement(p, &o->a, &o->imm, o->wide);
    if (irv_is(o->b, IRV_CONST)) {
        u64 sum = (u64)(s64)(s32)o->imm + (ir_const_value(o, o->b) << o->size);
        if (o->wide && sum != (u64)(s64)(s32)sum)
            return;
        o->imm = (u32)sum;
        o->b = IR_NONE;
        o->size = 0;
    }
    if (irv_is(o->b, IRV_NONE)) {
        if (irv_is(o->a, IRV_CONST))
            become_const(o, ir_const_value(o, o->a) + (u64)(s64)(s32)o->imm);
        else if (o->imm == 0)
            become(o, o->a);
    }
}

/* -- conditions -- */

static bool both_const(const struct ir_insn *o)
{
    return irv_is(o->a, IRV_CONST) && irv_is(o->b, IRV_CONST);
}

static void fold_condition(struct ir_insn *o)
{
    if (!both_const(o)) {
        if (o->op == IR_SEL && same(o->c, o->e))
            become(o, o->c);
        return;
    }
    bool yes = ir_eval_cond(o->cc, o->wide, ir_const_value(o, o->a), ir_const_value(o, o->b));
    if (o->op == IR_SETC)
        become(o, ir_const(yes));
    else if (o->op == IR_SEL)
        become(o, yes ? o->c : o->e);
    else if (!yes) /* XIF, ALONE */
        o->op = OPT_REMOVED;
}

/* x86 conditions by number, the low bit inverts */
enum { CC_O, CC_B = 2, CC_E = 4, CC_BE = 6, CC_S = 8, CC_L = 12 };

u8 opt_condition_needs(unsigned cc)
{
    enum { C = 1 << FG_CF, O = 1 << FG_OF, R = 1 << FG_REST };
    static const u8 needs[8] = {O, C, R, C | R, R, R, O | R, O | R};
    return needs[cc >> 1];
}

static bool is_known(struct irv x)
{
    return irv_is(x, IRV_CONST) || irv_is(x, IRV_NONE);
}

/* What is known of condition cc: its value 0 or 1, or -1 */
static int known_condition(const struct ir_insn *f, u8 *cc)
{
    bool inverted = *cc & 1;
    if (is_known(f->a) && is_known(f->b) && is_known(f->c)) {
        u32 op = FLAG_OP(f->cc, (u32)__builtin_ctz(f->size));
        u32 fl = flags_eval(op, ir_const_value(f, f->a), ir_const_value(f, f->b),
                            ir_const_value(f, f->c));
        return (int)flags_cond(fl, *cc);
    }
    if (f->cc != FK_LOGIC)
        return -1;
    switch (*cc & ~1) { /* CF = OF = 0 */
    case CC_O:
    case CC_B: return inverted;
    case CC_BE: *cc = CC_E | inverted; break;
    case CC_L: *cc = CC_S | inverted; break;
    default: break;
    }
    return -1;
}

/* GETCC becomes the bit of v that f, a FLAGBITS, makes CF, 0 or 1, inverted if it asks for that. */
static void become_bit(struct ir_insn *o, const struct ir_insn *f, struct irv v, bool inverted)
{
    unsigned bit = f->cc;

    if (irv_is(v, IRV_CONST)) {
        become(o, ir_const((u32)(ir_const_value(f, v) >> bit & 1) ^ inverted));
    } else if (bit == 31 && !inverted) {
        become(o, v);
        o->op = IR_SHR;
        o->b = ir_const(31);
    } else if (bit == 0 && !inverted) {
        become(o, v);
        o->op = IR_AND;
        o->b = ir_const(1);
    }
}

/* CF as a value, if the definition has it as an operand: INC and DEC keep it, rotates and bit tests
 * have made it. A definition that may leave instead is still needed then: it is marked as used. */
static bool fold_carry(const struct opt *p, struct ir_insn *o)
{
    struct ir_insn *f = &p->ir->ops[p->cf_def];
    bool inverted = o->cc & 1;
    if (f->op == IR_FLAGBITS || f->op == IR_FLAGBITSIF) {
        if (still_valid(p, f->a, p->cf_def))
            become_bit(o, f, opt_resolve(p, f->a, f->wide), inverted);
        f->live = FLO_USE;
        return true;
    }
    if ((f->cc != FK_INC && f->cc != FK_DEC) || !still_valid(p, f->b, p->cf_def))
        return false;
    struct irv carry = opt_resolve(p, f->b, false);
    f->live = FLO_USE;
    become(o, carry);
    if (inverted && irv_is(carry, IRV_CONST)) {
        o->a = ir_const(carry.v ^ 1);
    } else if (inverted) {
        o->op = IR_XOR;
        o->b = ir_const(1);
    }
    return true;
}

static void fold_flags_use(const struct opt *p, struct ir_insn *o)
{
    u8 needs = opt_condition_needs(o->cc);
    if (needs == 1 << FG_CF && p->cf_def >= 0 && o->op == IR_GETCC && fold_carry(p, o))
        return;
    if (p->flags_def < 0 || ((needs >> FG_CF & 1) && p->cf_def != p->flags_def) ||
        ((needs >> FG_OF & 1) && p->of_def != p->flags_def))
        return;
    struct ir_insn *f = &p->ir->ops[p->flags_def];
    int known = known_condition(f, &o->cc);
    if (known < 0)
        return;
    f->live = FLO_USE;
    if (o->op == IR_GETCC)
        become(o, ir_const((u32)known));
    else if (o->op == IR_SELCC)
        become(o, known ? o->a : o->b);
    else if (!known) /* XCC */
        o->op = OPT_REMOVED;
}

/* Of a count that is known. With 0 the op leaves always: nothing to gain there. */
static void fold_flags_if(struct ir_insn *o)
{
    if (!irv_is(o->e, IRV_CONST) || !(o->e.v & ir_count_mask(o->wide)))
        return;
    o->op = o->op == IR_FLAGSIF ? IR_FLAGS : IR_FLAGBITS;
    o->e = IR_NONE;
    o->imm = 0;
}

void opt_fold(struct opt *p, struct ir_insn *o)
{
    switch ((enum ir_op)o->op) {
    case IR_EXT8U:
    case IR_EXT8S:
    case IR_EXT16U:
    case IR_EXT16S:
    case IR_EXT32S:
    case IR_NOT:
    case IR_NEG:
    case IR_EXTH8:
    case IR_BSWAP:
    case IR_CTZ:
    case IR_BSR:
        if (irv_is(o->a, IRV_CONST))
            become_const(o, ir_eval1((enum ir_op)o->op, o->wide, ir_const_value(o, o->a)));
        else if (o->op >= IR_EXT8U && o->op <= IR_EXT16S)
            fold_extend(p, o);
        break;
    case IR_ADD:
    case IR_SUB:
    case IR_AND:
    case IR_OR:
    case IR_XOR:
    case IR_SHL:
    case IR_SHR:
    case IR_SAR:
    case IR_ROL:
    case IR_ROR:
    case IR_MUL:
    case IR_DEP8:
    case IR_DEPH8:
    case IR_DEP16:
        fold_narrow(p, o);
        fold_binary(o);
        break;
    case IR_LEA: fold_lea(p, o); break;
    case IR_SETC:
    case IR_SEL:
    case IR_ALONE:
    case IR_XIF: fold_condition(o); break;
    case IR_LD:
    case IR_LDSX:
    case IR_LDRMW: fold_address(p, o); break;
    case IR_X87M: fold_displacement(p, &o->a, &o->imm, o->wide); break;
    case IR_ST:
        fold_address(p, o);
        fold_narrow(p, o);
        break;
    case IR_STS:
    case IR_FLAGS: fold_narrow(p, o); break;
    case IR_FLAGSIF:
    case IR_FLAGBITSIF:
        fold_narrow(p, o);
        fold_flags_if(o);
        break;
    case IR_GETCC:
    case IR_SELCC:
    case IR_XCC: fold_flags_use(p, o); break;
    default: break;
    }
}
