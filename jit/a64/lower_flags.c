/* The guest's flags. FLAGS emits nothing: it leaves a recipe, whose operands stay where they are.
 * They go to the registers of the lazy flags when their place is about to change, in the code out
 * of line of whatever may fault or leave, or before what needs them there. A condition is evaluated
 * from the recipe: mostly one instruction sets NZCV; right after the operation itself it is set
 * already. C is the inverse of x86's borrow after a subtraction, and the same as its carry after an
 * addition. PF and AF have no counterpart: PF comes from the result's low byte, AF only as part of
 * all flags, which C computes. */
#include "jit/a64/lower.h"

#include "base/check.h"

/* Which operands a kind has; that in aux is stored at once. */
enum { HAS_DST = 1, HAS_SRC = 2, HAS_AUX = 4 };
static const u8 kind_parts[FK_COUNT] = {
    [FK_EFLAGS] = 2, [FK_ADD] = 3, [FK_ADC] = 7, [FK_SUB] = 3, [FK_CMP] = 3, [FK_SBB] = 7,
    [FK_LOGIC] = 1,  [FK_INC] = 3, [FK_DEC] = 3, [FK_SHL] = 3, [FK_SHR] = 3, [FK_MUL] = 3,
};

static u32 recipe_op(const struct recipe *r)
{
    return FLAG_OP(r->kind, (u32)__builtin_ctz(r->size)) | r->over;
}

static bool same(struct irv x, struct irv y)
{
    return x.kind == y.kind && x.v == y.v;
}

/* Are the operands 64 bits wide? */
static bool is_wide(const struct lower *l)
{
    return l->fl.size == 8;
}

/* -- to their registers -- */

static u64 const_part(const struct recipe *r, struct irv v)
{
    return r->size == 8 ? (u64)(s64)(s32)v.v : v.v;
}

static unsigned place_of(const struct lower *l, struct irv v)
{
    unsigned r = irv_is(v, IRV_REG) ? host_of(v.v) : l->temp[v.v].reg;
    CHECK(r != A_NONE, "an operand of the flags is nowhere");
    return r;
}

void flags_part_lost(struct lower *l, unsigned n, bool now)
{
    struct flag_part *p = &l->fl.part[n];
    bool wanted = l->fl.end + (now ? 1u : 0u) > l->i;
    if (wanted && p->needed && !p->in_reg && !irv_is(p->v, IRV_NONE)) {
        a_mov(&l->e, 1, REG_DST + n, place_of(l, p->v));
        p->in_reg = true;
    }
    p->v = IR_NONE;
}

struct flag_sync flags_sync(const struct lower *l)
{
    const struct recipe *r = &l->fl;
    struct flag_sync s = {.op = 0};
    if (!r->known || r->end < l->i)
        return s;
    s.set_op = !r->op_in_reg;
    s.op = recipe_op(r);
    for (unsigned n = 0; n < FLAG_PARTS; n++) {
        const struct flag_part *p = &r->part[n];
        if (!p->needed || p->in_reg)
            continue;
        CHECK(!irv_is(p->v, IRV_NONE), "flags part %u is lost", n);
        s.set[n] = true;
        s.imm[n] = const_part(r, p->v);
        s.reg[n] = irv_is(p->v, IRV_CONST) ? A_NONE : (u8)place_of(l, p->v);
    }
    return s;
}

void flags_resync(const struct lower *l, struct flag_sync *s)
{
    for (unsigned n = 0; n < FLAG_PARTS; n++)
        s->set[n] &= !l->fl.part[n].in_reg;
}

void flags_store(struct lower *l, const struct flag_sync *s)
{
    for (unsigned n = 0; n < FLAG_PARTS; n++) {
        if (s->set[n] && s->reg[n] == A_NONE)
            a_mov_imm64(&l->e, REG_DST + n, s->imm[n]);
        else if (s->set[n])
            a_mov(&l->e, 1, REG_DST + n, s->reg[n]);
    }
    if (s->set_op)
        a_mov_imm(&l->e, REG_OP, s->op);
}

void flags_sync_inline(struct lower *l)
{
    struct flag_sync s = flags_sync(l);
    flags_store(l, &s);
    l->fl.op_in_reg |= s.set_op;
    for (unsigned n = 0; n < FLAG_PARTS; n++)
        l->fl.part[n].in_reg |= s.set[n];
}

/* -- definitions -- */

/* NZCV is that of the op before: is it the recipe's? */
static bool is_nzcv(const struct lower *l)
{
    struct irv a = l->alu.a, b = l->alu.b;
    const struct recipe *r = &l->fl;
    if (l->alu.gen != l->e.flags_gen || l->alu.at + 1 != l->i || r->size != (l->alu.wide ? 8 : 4) ||
        !same(l->alu.d, r->part[PART_DST].v))
        return false;
    switch (r->kind) {
    case FK_ADD:
        return l->alu.op == IR_ADD &&
               (same(b, r->part[PART_SRC].v) || same(a, r->part[PART_SRC].v));
    case FK_SUB:
        return (l->alu.op == IR_SUB && same(b, r->part[PART_SRC].v)) ||
               (l->alu.op == IR_NEG && same(a, r->part[PART_SRC].v));
    case FK_LOGIC: return l->alu.op == IR_AND;
    case FK_INC:
    case FK_DEC:
        return l->alu.op == IR_ADD && irv_is(b, IRV_CONST) && b.v == (r->kind == FK_INC ? 1 : ~0u);
    default: return false;
    }
}

static void set_part(struct lower *l, unsigned n, struct irv v)
{
    l->fl.part[n] = (struct flag_part){.v = v, .needed = !irv_is(v, IRV_NONE)};
    if (irv_is(v, IRV_TEMP))
        ra_use(l, v); /* so that code out of line finds it */
}

void lower_flags(struct lower *l, const struct ir_insn *o)
{
    struct recipe *r = &l->fl;
    u8 parts = kind_parts[o->cc];
    *r = (struct recipe){.known = true, .kind = o->cc, .size = o->size, .end = l->flag_end[l->i]};
    set_part(l, PART_DST, parts & HAS_DST ? o->a : IR_NONE);
    set_part(l, PART_SRC, parts & HAS_SRC ? o->b : IR_NONE);
    if (parts & HAS_AUX)
        a_access(&l->e, A_STR_X, ra_use_z(l, o->c), REG_CPU, CPU_OFF(cc_aux));
    l->nzcv_gen = is_nzcv(l) ? l->e.flags_gen : l->e.flags_gen - 1;
}

/* CF or OF is a bit of another value from now on. */
static void set_over(struct lower *l, struct irv v, s32 field, u32 flag, unsigned shift, u32 bit)
{
    struct a_enc *e = &l->e;
    if (irv_is(v, IRV_NONE))
        return;
    a_access(e, A_STR_X, ra_use_z(l, v), REG_CPU, field);
    if (l->fl.known) {
        l->fl.over = (l->fl.over & ~((u32)FLAG_OP_BIT << shift)) | flag | bit << shift;
        l->fl.op_in_reg = false;
        return;
    }
    a_logic_imm(e, 0, A_ORR, REG_OP, REG_OP, flag);
    a_mov_imm(e, A_IP0, bit);
    a_bitfield(e, 0, A_BFM, REG_OP, A_IP0, -shift & 31, 5);
}

void lower_flagbits(struct lower *l, const struct ir_insn *o)
{
    l->fl.end = l->flag_end[l->i];
    set_over(l, o->a, CPU_OFF(cc_cf), FLAG_OP_CF, FLAG_OP_CF_BIT, o->cc);
    set_over(l, o->b, CPU_OFF(cc_of), FLAG_OP_OF, FLAG_OP_OF_BIT, o->size);
    l->nzcv_gen = l->e.flags_gen - 1;
}

/* Will the flags of the op at hand be asked for? Then it is worth computing them on the way. */
bool flags_wanted_from(const struct lower *l)
{
    const struct ir_insn *o = &l->ir->ops[l->i], *next = o + 1;
    return next->op == IR_FLAGS && next->size == (o->wide ? 8 : 4) && l->flag_used[l->i + 1] &&
           same(next->a, o->d);
}

/* -- conditions -- */

/* x86's: pairs, the second of each the opposite */
enum { CC_O, CC_B = 2, CC_E = 4, CC_BE = 6, CC_S = 8, CC_P = 10, CC_L = 12, CC_LE = 14 };

static unsigned part(struct lower *l, unsigned n)
{
    const struct flag_part *p = &l->fl.part[n];
    if (irv_is(p->v, IRV_NONE) || p->in_reg)
        return REG_DST + n;
    if (!irv_is(p->v, IRV_CONST))
        return ra_use(l, p->v);
    unsigned r = ra_scratch(l); /* the op at hand may be of another width */
    a_mov_imm64(&l->e, r, const_part(&l->fl, p->v));
    return r;
}

static unsigned shift_up(const struct lower *l)
{
    return is_wide(l) ? 0 : 32 - 8 * l->fl.size;
}

/* NZCV of the operands a and part src, shifted up to 32 bits if they are smaller */
static void compare_src(struct lower *l, enum a_addsub op, unsigned a)
{
    struct a_enc *e = &l->e;
    const struct flag_part *src = &l->fl.part[PART_SRC];
    unsigned up = shift_up(l), sf = is_wide(l);
    if (up) {
        a_shift_imm(e, 0, A_LSL, A_IP0, a, up);
        a = A_IP0;
    }
    if (irv_is(src->v, IRV_CONST) &&
        a_addsub_imm(e, sf, op, A_ZR, a, const_part(&l->fl, src->v) << up))
        return;
    a_addsub_shift(e, sf, op, A_ZR, a, part(l, PART_SRC), A_LSL, up);
}

/* N and Z of the result; C and V are 0. */
static void test_dst(struct lower *l)
{
    unsigned up = shift_up(l), dst = part(l, PART_DST);
    if (up)
        a_addsub_shift(&l->e, 0, A_ADDS, A_ZR, A_ZR, dst, A_LSL, up);
    else
        a_logic(&l->e, is_wide(l), A_ANDS, A_ZR, dst, dst);
}

/* After a - b; after a + b only those that do not ask for C alone. */
static const u8 after_sub[8] = {A_VS, A_CC, A_EQ, A_LS, A_MI, A_AL, A_LT, A_LE};

static enum a_cond invert_if(enum a_cond c, bool invert)
{
    return invert ? c ^ 1 : c;
}

static enum a_cond test_bit(struct lower *l, unsigned reg, u64 bits)
{
    a_logic_any(&l->e, bits > UINT32_MAX, A_ANDS, A_ZR, reg, bits, A_IP1);
    return A_NE;
}

/* A condition of flags that are a number in reg; IP0 and IP1 are free. */
static enum a_cond of_number(struct lower *l, unsigned reg, unsigned cc)
{
    static const u16 bits[8] = {FLAG_OF, FLAG_CF, FLAG_ZF, FLAG_CF | FLAG_ZF, FLAG_SF, FLAG_PF};
    struct a_enc *e = &l->e;
    if (bits[cc >> 1])
        return test_bit(l, reg, bits[cc >> 1]);
    _Static_assert(FLAG_OF >> 4 == FLAG_SF, "one shift");
    a_logic_shift(e, 0, A_EOR, A_IP0, reg, reg, A_LSR, 4);
    a_logic_imm(e, 0, A_AND, A_IP0, A_IP0, FLAG_SF);
    if (cc >> 1 == CC_L >> 1)
        return test_bit(l, A_IP0, FLAG_SF);
    a_logic_imm(e, 0, A_AND, A_IP1, reg, FLAG_ZF);
    a_logic(e, 0, A_ORR, A_IP0, A_IP0, A_IP1);
    return test_bit(l, A_IP0, FLAG_SF | FLAG_ZF);
}

static enum a_cond from_c(struct lower *l, unsigned cc)
{
    flags_sync_inline(l);
    emit_call_stub(l, STUB_GETFL);
    return of_number(l, 0, cc);
}

static enum a_cond parity(struct lower *l)
{
    struct a_enc *e = &l->e;
    unsigned r = part(l, PART_DST);
    if (l->fl.kind == FK_CMP) {
        a_addsub(e, 0, A_SUB, A_IP0, r, part(l, PART_SRC));
        r = A_IP0;
    }
    a_logic_shift(e, 0, A_EOR, A_IP0, r, r, A_LSR, 4);
    a_logic_imm(e, 0, A_AND, A_IP0, A_IP0, 15);
    a_mov_imm(e, A_IP1, 0x9669); /* bit n: n has an even number of ones */
    a_two(e, 0, A_LSRV, A_IP0, A_IP1, A_IP0);
    return test_bit(l, A_IP0, 1);
}

static enum a_cond of_logic(struct lower *l, unsigned cc)
{
    test_dst(l);
    return cc >> 1 == CC_B >> 1    ? A_CS
           : cc >> 1 == CC_BE >> 1 ? A_EQ
                                   : (enum a_cond)after_sub[cc >> 1];
}

/* IP0 = part dst with src taken away or added back: the first operand */
static void first_operand(struct lower *l, enum a_addsub op)
{
    const struct flag_part *src = &l->fl.part[PART_SRC];
    unsigned dst = part(l, PART_DST);
    if (!irv_is(src->v, IRV_CONST) ||
        !a_addsub_imm(&l->e, is_wide(l), op, A_IP0, dst, const_part(&l->fl, src->v)))
        a_addsub(&l->e, is_wide(l), op, A_IP0, dst, part(l, PART_SRC));
}

static enum a_cond of_add(struct lower *l, unsigned cc)
{
    unsigned up = shift_up(l);
    if (cc >> 1 == CC_B >> 1 || cc >> 1 == CC_BE >> 1) { /* the sum wrapped */
        compare_src(l, A_SUBS, part(l, PART_DST));
        if (cc >> 1 == CC_B >> 1)
            return A_CC;
        if (!up)
            a_mov(&l->e, 1, A_IP0, part(l, PART_DST)); /* compare_src() has it there if not */
        a_ccmp_imm(&l->e, is_wide(l), A_IP0, 0, 4, A_CS);
        return A_EQ;
    }
    first_operand(l, A_SUB);
    compare_src(l, A_ADDS, A_IP0);
    return (enum a_cond)after_sub[cc >> 1];
}

static enum a_cond of_sub(struct lower *l, unsigned cc)
{
    first_operand(l, A_ADD);
    compare_src(l, A_SUBS, A_IP0);
    return (enum a_cond)after_sub[cc >> 1];
}

/* INC and DEC; CF is bit 0 of src. */
static enum a_cond of_step(struct lower *l, unsigned cc)
{
    struct a_enc *e = &l->e;
    bool inc = l->fl.kind == FK_INC;
    unsigned up = shift_up(l), dst = part(l, PART_DST);
    if (cc >> 1 == CC_B >> 1)
        return test_bit(l, part(l, PART_SRC), 1);
    if (cc >> 1 == CC_BE >> 1) {
        unsigned src = part(l, PART_SRC);
        if (up)
            a_shift_imm(e, 0, A_LSL, A_IP0, dst, up);
        test_bit(l, src, 1);
        a_ccmp_imm(e, is_wide(l), up ? (unsigned)A_IP0 : dst, 0, 4, A_EQ);
        return A_EQ;
    }
    a_addsub_imm(e, is_wide(l), inc ? A_SUB : A_ADD, A_IP0, dst, 1);
    if (up)
        a_shift_imm(e, 0, A_LSL, A_IP0, A_IP0, up);
    a_addsub_any(e, is_wide(l), inc ? A_ADDS : A_SUBS, A_ZR, A_IP0, 1u << up, A_IP1);
    return (enum a_cond)after_sub[cc >> 1];
}

/* CF of ADC and SBB of 64 bits: the operation once more */
static enum a_cond carry_of_sum64(struct lower *l)
{
    struct a_enc *e = &l->e;
    bool add = l->fl.kind == FK_ADC;
    unsigned dst = part(l, PART_DST), src = part(l, PART_SRC);
    enum a_addsub undo = add ? A_SUB : A_ADD;
    a_access(e, A_LDR_W, A_IP1, REG_CPU, CPU_OFF(cc_aux));
    a_addsub(e, 1, undo, A_IP0, dst, src);
    a_addsub(e, 1, undo, A_IP0, A_IP0, A_IP1);
    if (add)
        a_addsub_imm(e, 0, A_SUBS, A_ZR, A_IP1, 1);
    else
        a_addsub(e, 0, A_SUBS, A_ZR, A_ZR, A_IP1); /* C is no borrow */
    a_addsub_carry(e, 1, add ? A_ADDS : A_SUBS, A_ZR, A_IP0, src);
    return add ? A_CS : A_CC;
}

/* CF of ADC and SBB: bit 32 of the sum of the operands without their upper halves */
static enum a_cond carry_of_sum(struct lower *l)
{
    struct a_enc *e = &l->e;
    bool add = l->fl.kind == FK_ADC;
    unsigned dst = part(l, PART_DST), src = part(l, PART_SRC), bits = 8 * l->fl.size;
    a_access(e, A_LDR_W, A_IP1, REG_CPU, CPU_OFF(cc_aux));
    a_addsub(e, 0, add ? A_SUB : A_ADD, A_IP0, dst, src);
    a_addsub(e, 0, add ? A_SUB : A_ADD, A_IP0, A_IP0, A_IP1);
    if (bits < 32)
        a_bitfield(e, 0, A_UBFM, A_IP0, A_IP0, 0, bits - 1);
    a_addsub(e, 1, add ? A_ADD : A_SUB, A_IP0, A_IP0, A_IP1);
    a_addsub_ext(e, 1, add ? A_ADD : A_SUB, A_IP0, A_IP0, src,
                 bits == 8    ? A_UXTB
                 : bits == 16 ? A_UXTH
                              : A_UXTW,
                 0);
    a_logic_imm(e, 1, A_ANDS, A_ZR, A_IP0, (u64)1 << bits);
    return A_NE;
}

/* CF alone of shifts: a bit of src */
static enum a_cond carry_of_shift(struct lower *l)
{
    u64 top = (u64)1 << (8 * l->fl.size - 1);
    return test_bit(l, part(l, PART_SRC), l->fl.kind == FK_SHL ? top : 1);
}

/* CF or OF that is from elsewhere */
static enum a_cond over_bit(struct lower *l, bool overflow)
{
    unsigned shift = overflow ? FLAG_OP_OF_BIT : FLAG_OP_CF_BIT;
    a_access(&l->e, A_LDR_X, A_IP0, REG_CPU, overflow ? CPU_OFF(cc_of) : CPU_OFF(cc_cf));
    return test_bit(l, A_IP0, (u64)1 << (l->fl.over >> shift & FLAG_OP_BIT));
}

static bool uses_over(const struct lower *l, unsigned cc)
{
    static const u8 needs[8] = {2, 1, 0, 1, 0, 0, 2, 2}; /* 1 CF, 2 OF */
    return ((l->fl.over & FLAG_OP_CF) && (needs[cc >> 1] & 1)) ||
           ((l->fl.over & FLAG_OP_OF) && (needs[cc >> 1] & 2));
}

/* NZCV is that of the operation itself: which condition? A_AL: none. */
static enum a_cond of_nzcv(const struct lower *l, unsigned cc)
{
    bool carry = cc >> 1 == CC_B >> 1, carry_zero = cc >> 1 == CC_BE >> 1;
    if (l->nzcv_gen != l->e.flags_gen)
        return A_AL;
    switch (l->fl.kind) {
    case FK_ADD: return carry ? A_CS : carry_zero ? A_AL : (enum a_cond)after_sub[cc >> 1];
    case FK_LOGIC: return carry ? A_CS : carry_zero ? A_EQ : (enum a_cond)after_sub[cc >> 1];
    case FK_INC:
    case FK_DEC: return carry || carry_zero ? A_AL : (enum a_cond)after_sub[cc >> 1];
    default: return (enum a_cond)after_sub[cc >> 1]; /* SUB, CMP */
    }
}

static enum a_cond of_recipe(struct lower *l, unsigned cc)
{
    bool carry = cc >> 1 == CC_B >> 1;
    switch ((enum flag_kind)l->fl.kind) {
    case FK_EFLAGS: return of_number(l, part(l, PART_SRC), cc);
    case FK_LOGIC: return of_logic(l, cc);
    case FK_CMP: compare_src(l, A_SUBS, part(l, PART_DST)); return (enum a_cond)after_sub[cc >> 1];
    case FK_ADD: return of_add(l, cc);
    case FK_SUB: return of_sub(l, cc);
    case FK_INC:
    case FK_DEC: return of_step(l, cc);
    case FK_ADC:
    case FK_SBB: return !carry ? from_c(l, cc) : is_wide(l) ? carry_of_sum64(l) : carry_of_sum(l);
    case FK_SHL:
    case FK_SHR: return carry ? carry_of_shift(l) : from_c(l, cc);
    default: return from_c(l, cc);
    }
}

static enum a_cond condition(struct lower *l, unsigned cc)
{
    const struct recipe *r = &l->fl;
    bool result_only = cc >> 1 == CC_E >> 1 || cc >> 1 == CC_S >> 1;
    if (!r->known)
        return from_c(l, cc);
    if (uses_over(l, cc))
        return cc >> 1 == CC_O >> 1 || cc >> 1 == CC_B >> 1 ? over_bit(l, cc >> 1 == CC_O >> 1)
                                                            : from_c(l, cc);
    if (r->kind != FK_EFLAGS && cc >> 1 == CC_P >> 1)
        return parity(l);
    enum a_cond c = of_nzcv(l, cc);
    if (c != A_AL)
        return c;
    if (result_only && r->kind != FK_EFLAGS && r->kind != FK_CMP) {
        test_dst(l);
        return (enum a_cond)after_sub[cc >> 1];
    }
    c = of_recipe(l, cc);
    /* what a comparison has left serves the next condition, too */
    if (r->kind == FK_CMP || r->kind == FK_SUB)
        l->nzcv_gen = l->e.flags_gen;
    return c;
}

enum a_cond flags_to_host(struct lower *l, unsigned cc)
{
    enum a_cond c = invert_if(condition(l, cc), cc & 1);
    l->scratch = 0;
    return c;
}

/* -- uses -- */

/* CF when only the registers know: INC and DEC, by far the commonest askers, leave it in cc_src;
 * there it is, too, when all flags are a number. */
static void carry_unknown(struct lower *l, unsigned d)
{
    struct ool *q = ool_new(l, OOL_CARRY);
    _Static_assert(FK_EFLAGS == 0 && FK_DEC == 2, "one comparison");
    a_addsub_imm(&l->e, 0, A_SUBS, A_ZR, REG_OP, FLAG_OP(FK_DEC, 3));
    q->from[0] = a_jump_if(&l->e, A_HI);
    a_logic_imm(&l->e, 0, A_AND, d, REG_SRC, 1);
    q->back = a_pos(&l->e);
    q->dst = (u8)d;
}

void ool_carry(struct lower *l, const struct ool *q)
{
    a_bind(&l->e, q->from[0]);
    emit_call_stub(l, STUB_GETFL);
    a_logic_imm(&l->e, 0, A_AND, q->dst, 0, FLAG_CF);
    a_jump_to(&l->e, q->back);
}

void lower_getcc(struct lower *l, const struct ir_insn *o)
{
    struct recipe *r = &l->fl;
    bool own_carry = o->cc == CC_B && !(r->over & FLAG_OP_CF);
    if (own_carry && !r->known) {
        carry_unknown(l, ra_def(l, o->d, IR_NONE));
        return;
    }
    if (own_carry && (r->kind == FK_INC || r->kind == FK_DEC)) {
        unsigned src = part(l, PART_SRC), d = ra_def(l, o->d, IR_NONE);
        if (src != d)
            a_mov(&l->e, 0, d, src);
        return;
    }
    enum a_cond c = flags_to_host(l, o->cc);
    a_cset(&l->e, ra_def(l, o->d, IR_NONE), c);
}

void lower_selcc(struct lower *l, const struct ir_insn *o)
{
    enum a_cond c = flags_to_host(l, o->cc);
    unsigned a = ra_use_z(l, o->a), b = ra_use_z(l, o->b);
    a_select(&l->e, o->wide, A_CSEL, ra_def(l, o->d, IR_NONE), a, b, c);
}

void lower_getfl(struct lower *l, const struct ir_insn *o)
{
    flags_sync_inline(l);
    emit_call_stub(l, STUB_GETFL);
    a_mov(&l->e, 0, ra_def(l, o->d, IR_NONE), 0);
}
