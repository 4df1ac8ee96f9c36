/* The guest's flags. FLAGS emits nothing: it leaves a recipe, whose operands stay where they are.
 * They go to struct cpu when their register is about to change, in the code out of line of whatever
 * may fault or leave, or before what reads them from memory. A condition is evaluated by the host:
 * its flags are the guest's right after the operation itself; later the recipe makes them again,
 * and if only memory knows, a stub does. AF is never taken from the host: cpu/flags.h defines it
 * where the host's is undefined. */
#include "jit/x64/lower.h"

#include "base/check.h"

#include <string.h>

/* Which operands a kind has. */
static const u8 kind_parts[FK_COUNT] = {
    [FK_EFLAGS] = 2, [FK_ADD] = 3, [FK_ADC] = 7, [FK_SUB] = 3, [FK_CMP] = 3, [FK_SBB] = 7,
    [FK_LOGIC] = 1,  [FK_INC] = 3, [FK_DEC] = 3, [FK_SHL] = 3, [FK_SHR] = 3, [FK_MUL] = 3,
};

static const s32 part_at[FLAG_PARTS] = {CPU_OFF(cc_dst), CPU_OFF(cc_src), CPU_OFF(cc_aux),
                                        CPU_OFF(cc_cf), CPU_OFF(cc_of)};

/* What cc_op says of CF and OF that come from elsewhere. */
static u32 over_op(const struct recipe *r)
{
    u32 op = 0;
    if (r->over & HF_C)
        op |= FLAG_OP_CF | (u32)r->bit[0] << FLAG_OP_CF_BIT;
    if (r->over & HF_O)
        op |= FLAG_OP_OF | (u32)r->bit[1] << FLAG_OP_OF_BIT;
    return op;
}

static u32 recipe_op(const struct recipe *r)
{
    return (r->known ? FLAG_OP(r->kind, (u32)__builtin_ctz(r->size)) : 0) | over_op(r);
}

/* -- memory -- */

static void store_part(struct lower *l, unsigned n)
{
    const struct flag_part *p = &l->fl.part[n];
    if (irv_is(p->v, IRV_CONST))
        x_store_i(&l->e, p->bytes, cpu_at(part_at[n]), p->v.v);
    else
        x_store(&l->e, p->bytes, cpu_at(part_at[n]), ra_use(l, p->v));
}

void flags_part_lost(struct lower *l, unsigned n, bool now)
{
    struct flag_part *p = &l->fl.part[n];
    if (l->fl.end + (now ? 1u : 0u) > l->i && p->needed && !p->in_mem) {
        store_part(l, n);
        p->in_mem = true;
    }
    p->v = IR_NONE;
}

struct flag_sync flags_sync(const struct lower *l)
{
    const struct recipe *r = &l->fl;
    struct flag_sync s = {.x87 = l->x87.last};
    memset(s.reg, HOST_NONE, sizeof(s.reg));
    if (r->end < l->i)
        return s;
    s.store_op = r->known && !r->op_in_mem;
    s.add_op = !r->known && r->over && !r->op_in_mem;
    s.op = recipe_op(r);
    for (unsigned n = 0; n < FLAG_PARTS; n++) {
        const struct flag_part *p = &l->fl.part[n];
        if (!p->needed || p->in_mem)
            continue;
        CHECK(!irv_is(p->v, IRV_NONE), "flags part %u is lost", n);
        s.store[n] = true;
        s.bytes[n] = p->bytes;
        if (irv_is(p->v, IRV_CONST))
            s.imm[n] = p->v.v;
        else if (irv_is(p->v, IRV_REG))
            s.reg[n] = (u8)host_of(p->v.v);
        else
            s.reg[n] = l->temp[p->v.v].reg;
        CHECK(irv_is(p->v, IRV_CONST) || s.reg[n] != HOST_NONE, "flags part %u is nowhere", n);
    }
    return s;
}

void flags_resync(const struct lower *l, struct flag_sync *s)
{
    for (unsigned n = 0; n < FLAG_PARTS; n++)
        s->store[n] &= s->reg[n] < R8 || s->reg[n] > R12 || !l->fl.part[n].in_mem;
}

bool flags_sync_is_empty(const struct flag_sync *s)
{
    bool empty = !s->store_op && !s->add_op && !s->x87.code && !s->x87.data;
    for (unsigned n = 0; n < FLAG_PARTS; n++)
        empty &= !s->store[n];
    return empty;
}

/* CF and OF get other sources in memory: cc_op by bytes. */
static void add_op(struct lower *l, u32 op)
{
    s32 at = CPU_OFF(cc_op);
    x_alu_mi(&l->e, X_OR, 1, cpu_at(at), (s8)(op & 0xff));
    if (op & FLAG_OP_CF)
        x_store_i(&l->e, 1, cpu_at(at + FLAG_OP_CF_BIT / 8), op >> FLAG_OP_CF_BIT & FLAG_OP_BIT);
    if (op & FLAG_OP_OF)
        x_store_i(&l->e, 1, cpu_at(at + FLAG_OP_OF_BIT / 8), op >> FLAG_OP_OF_BIT & FLAG_OP_BIT);
}

static void store_parts(struct lower *l, const struct flag_sync *s)
{
    if (s->store_op)
        x_store_i(&l->e, 4, cpu_at(CPU_OFF(cc_op)), s->op);
    if (s->add_op)
        add_op(l, s->op);
    for (unsigned n = 0; n < FLAG_PARTS; n++) {
        if (!s->store[n])
            continue;
        if (s->reg[n] == HOST_NONE)
            x_store_i(&l->e, s->bytes[n], cpu_at(part_at[n]), s->imm[n]);
        else
            x_store(&l->e, s->bytes[n], cpu_at(part_at[n]), s->reg[n]);
    }
}

void flags_store(struct lower *l, const struct flag_sync *s)
{
    x87_store_last(l, &s->x87, HOST_NONE);
    store_parts(l, s);
}

void flags_sync_inline(struct lower *l)
{
    struct flag_sync s = flags_sync(l);
    x87_store_last(l, &s.x87, ra_free(l));
    store_parts(l, &s);
    l->x87.last = (struct x87_last){0};
    l->fl.op_in_mem = true;
    for (unsigned n = 0; n < FLAG_PARTS; n++)
        l->fl.part[n].in_mem |= s.store[n];
}

/* -- definitions -- */

static bool same(struct irv x, struct irv y)
{
    return x.kind == y.kind && x.v == y.v;
}

/* The host flags are those of the op before: which of them serve the new recipe? */
static u8 flags_of_alu(const struct lower *l)
{
    u8 op = l->alu.op;
    struct irv a = l->alu.a, b = l->alu.b;
    const struct recipe *r = &l->fl;
    if (r->size != l->alu.size || !same(l->alu.d, r->part[0].v))
        return 0;
    switch (r->kind) {
    case FK_ADD:
        if (op == IR_ADD && (same(b, r->part[1].v) || same(a, r->part[1].v)))
            return HF_ALL;
        break;
    case FK_SUB:
        if ((op == IR_SUB && same(b, r->part[1].v)) || (op == IR_NEG && same(a, r->part[1].v)))
            return HF_ALL;
        break;
    case FK_LOGIC:
        if (op == IR_AND || op == IR_OR || op == IR_XOR)
            return HF_ALL;
        break;
    case FK_INC:
    case FK_DEC:
        if (op == IR_ADD && irv_is(b, IRV_CONST) && b.v == (r->kind == FK_INC ? 1 : ~0u))
            return HF_ALL & ~HF_C;
        break;
    default: break;
    }
    return 0;
}

/* Part n is v, an operand of o, from now on. */
static void set_part(struct lower *l, const struct ir_insn *o, unsigned n, struct irv v)
{
    struct recipe *r = &l->fl;
    u8 bytes = (u8)width_of(o);
    r->part[n] = (struct flag_part){.v = v, .bytes = bytes, .needed = !irv_is(v, IRV_NONE)};
    if (irv_is(v, IRV_TEMP) && l->temp[v.v].reg == HOST_NONE && r->end > l->i)
        ra_use(l, v); /* so that code out of line can store it */
}

void lower_flags(struct lower *l, const struct ir_insn *o)
{
    const struct irv v[3] = {o->a, o->b, o->c};
    struct recipe *r = &l->fl;
    bool from_host = l->alu.gen == l->e.flags_gen && l->alu.at + 1 == l->i;
    *r = (struct recipe){.known = true, .kind = o->cc, .size = o->size, .end = l->flag_end[l->i]};
    for (unsigned n = 0; n < FLAG_PARTS; n++)
        set_part(l, o, n, n < 3 && (kind_parts[o->cc] >> n & 1) ? v[n] : IR_NONE);
    if (from_host)
        l->hf_mask = flags_of_alu(l);
    else
        l->hf_mask = vec_left_flags(l) ? HF_ALL : x87_left_flags(l) ? HF_C | HF_Z | HF_P : 0;
    l->hf_gen = l->e.flags_gen;
}

void lower_flagbits(struct lower *l, const struct ir_insn *o)
{
    struct recipe *r = &l->fl;
    r->end = l->flag_end[l->i];
    r->op_in_mem = false;
    if (!irv_is(o->a, IRV_NONE)) {
        r->over |= HF_C;
        r->bit[0] = o->cc;
        set_part(l, o, PART_CF, o->a);
    }
    if (!irv_is(o->b, IRV_NONE)) {
        r->over |= HF_O;
        r->bit[1] = o->size;
        set_part(l, o, PART_OF, o->b);
    }
    l->hf_mask &= (u8)~r->over;
}

/* Will the flags of the op at hand be asked for? Then it is worth computing them on the way. */
bool flags_wanted_from(const struct lower *l)
{
    const struct ir_insn *next = &l->ir->ops[l->i + 1];
    return next->op == IR_FLAGS && next->size == width_of(next - 1) && l->flag_used[l->i + 1] &&
           same(next->a, l->ir->ops[l->i].d);
}

/* -- the host flags made again -- */

static const u8 cc_needs[8] = {
    HF_O, HF_C, HF_Z, HF_C | HF_Z, HF_S, HF_P, HF_S | HF_O, HF_Z | HF_S | HF_O,
};

/* reg = reg <op> part n, of the recipe's size */
static void alu_part(struct lower *l, enum x_alu op, unsigned size, unsigned reg, unsigned n)
{
    const struct flag_part *p = &l->fl.part[n];
    if (irv_is(p->v, IRV_NONE))
        x_alu_rm(&l->e, op, size, reg, cpu_at(part_at[n]));
    else if (irv_is(p->v, IRV_CONST))
        x_alu_ri(&l->e, op, size, reg, (s32)p->v.v);
    else
        x_alu_rr(&l->e, op, size, reg, ra_use(l, p->v));
}

/* Bytes that registers must have of the operands. */
static unsigned part_width(const struct lower *l)
{
    return l->fl.size == 8 ? 8 : 4;
}

/* Part n in a register, which must not be changed. */
static unsigned part_reg(struct lower *l, unsigned n)
{
    const struct flag_part *p = &l->fl.part[n];
    if (irv_is(p->v, IRV_CONST))
        return ra_const(l, p->bytes == 8 ? (u64)(s64)(s32)p->v.v : p->v.v);
    if (!irv_is(p->v, IRV_NONE))
        return ra_use(l, p->v);
    unsigned r = ra_scratch(l);
    x_load(&l->e, part_width(l), r, cpu_at(part_at[n]));
    return r;
}

/* A copy of part n to compute with. */
static unsigned part_copy(struct lower *l, unsigned n)
{
    unsigned r = ra_scratch(l);
    if (irv_is(l->fl.part[n].v, IRV_NONE))
        x_load(&l->e, part_width(l), r, cpu_at(part_at[n]));
    else
        ra_move(l, part_width(l), r, l->fl.part[n].v);
    return r;
}

/* Host CF = bit of part n */
static void carry_from(struct lower *l, unsigned n, unsigned bit)
{
    const struct flag_part *p = &l->fl.part[n];
    if (irv_is(p->v, IRV_NONE)) {
        x_bt_mi(&l->e, cpu_at(part_at[n]), bit);
    } else if (irv_is(p->v, IRV_CONST)) {
        x_byte(&l->e, p->v.v >> (bit < 31 ? bit : 31) & 1 ? 0xf9 : 0xf8); /* STC, CLC */
        l->e.flags_gen++;
    } else {
        x_bt_ri(&l->e, ra_use(l, p->v), bit);
    }
}

static u8 test_dst(struct lower *l, u8 mask)
{
    unsigned r = part_reg(l, 0);
    x_test_rr(&l->e, l->fl.size, r, r);
    return mask;
}

static u8 remake_compare(struct lower *l)
{
    const struct flag_part *src = &l->fl.part[1];
    u32 mask = l->fl.size >= 4 ? ~0u : (1u << 8 * l->fl.size) - 1;
    if (irv_is(src->v, IRV_CONST) && !(src->v.v & mask))
        return test_dst(l, HF_ALL);
    alu_part(l, X_CMP, l->fl.size, part_reg(l, 0), 1);
    return HF_ALL;
}

static u8 remake_add(struct lower *l, u8 needs)
{
    unsigned size = l->fl.size;
    if (needs == HF_C) { /* the sum wrapped */
        alu_part(l, X_CMP, size, part_reg(l, 0), 1);
        return HF_C;
    }
    unsigned r = part_copy(l, 0);
    alu_part(l, X_SUB, size, r, 1);
    alu_part(l, X_ADD, size, r, 1);
    return HF_ALL;
}

static u8 remake_sub(struct lower *l, u8 needs)
{
    unsigned r = part_copy(l, 0);
    alu_part(l, X_ADD, l->fl.size, r, 1);
    if (needs == HF_C) /* it borrowed if adding back carries */
        return HF_C;
    alu_part(l, X_CMP, l->fl.size, r, 1);
    return HF_ALL;
}

static u8 remake_with_carry(struct lower *l, enum x_alu undo, enum x_alu redo)
{
    unsigned r = part_copy(l, 0);
    alu_part(l, undo, l->fl.size, r, 1);
    alu_part(l, undo, l->fl.size, r, 2);
    carry_from(l, 2, 0);
    alu_part(l, redo, l->fl.size, r, 1);
    return HF_ALL;
}

static u8 remake_step(struct lower *l, u8 needs)
{
    unsigned dec = l->fl.kind == FK_DEC;
    if (needs == HF_C) {
        carry_from(l, 1, 0);
        return HF_C;
    }
    unsigned r = part_copy(l, 0);
    x_incdec(&l->e, !dec, l->fl.size, r);
    if (needs & HF_C)
        carry_from(l, 1, 0);
    x_incdec(&l->e, dec, l->fl.size, r);
    return needs & HF_C ? HF_ALL : HF_ALL & ~HF_C;
}

/* Host CF = CF or OF that comes from elsewhere. */
static void over_to_carry(struct lower *l, bool overflow)
{
    carry_from(l, overflow ? PART_OF : PART_CF, l->fl.bit[overflow]);
}

static u8 from_memory(struct lower *l, u8 needs)
{
    flags_sync_inline(l);
    emit_call_stub(l, needs == HF_C ? STUB_CARRY : STUB_FLAGS);
    return needs == HF_C ? HF_C : HF_ALL;
}

/* Emits what gives the host the flags in needs; returns those it has then. */
static u8 remake(struct lower *l, u8 needs)
{
    const struct recipe *r = &l->fl;
    if (needs == HF_C && (r->over & HF_C)) {
        over_to_carry(l, false);
        return HF_C;
    }
    if (!r->known || (needs & r->over))
        return from_memory(l, needs);
    if (r->kind == FK_CMP)
        return remake_compare(l);
    if (r->kind == FK_LOGIC)
        return test_dst(l, HF_ALL);
    if (!(needs & ~HF_ZSP) && r->kind != FK_EFLAGS)
        return test_dst(l, HF_ZSP);
    switch (r->kind) {
    case FK_ADD: return remake_add(l, needs);
    case FK_SUB: return remake_sub(l, needs);
    case FK_ADC: return remake_with_carry(l, X_SUB, X_ADC);
    case FK_SBB: return remake_with_carry(l, X_ADD, X_SBB);
    case FK_INC:
    case FK_DEC: return remake_step(l, needs);
    case FK_SHL:
    case FK_SHR:
        if (needs == HF_C) {
            carry_from(l, 1, r->kind == FK_SHL ? 8 * r->size - 1u : 0);
            return HF_C;
        }
        return from_memory(l, needs);
    default: return from_memory(l, needs);
    }
}

/* Of flags that are a number: any of the bits that a condition is about? Not for those that compare
 * two. */
static bool test_eflags(struct lower *l, enum x_cc cc)
{
    static const u16 bits[8] = {FLAG_OF, FLAG_CF, FLAG_ZF, FLAG_CF | FLAG_ZF, FLAG_SF, FLAG_PF};
    u8 needs = cc_needs[cc >> 1];
    if (!l->fl.known || l->fl.kind != FK_EFLAGS || !bits[cc >> 1] || (needs & l->fl.over))
        return false;
    x_test_ri(&l->e, 4, part_reg(l, PART_SRC), bits[cc >> 1]);
    ra_unlock_all(l);
    return true;
}

enum x_cc flags_to_host(struct lower *l, enum x_cc cc)
{
    u8 needs = cc_needs[cc >> 1];
    if (l->hf_gen == l->e.flags_gen && !(needs & ~l->hf_mask))
        return cc;
    if (needs == HF_O && (l->fl.over & HF_O)) {
        over_to_carry(l, true);
        ra_unlock_all(l);
        return cc & 1 ? CC_AE : CC_B;
    }
    if (test_eflags(l, cc))
        return cc & 1 ? CC_E : CC_NE;
    u8 mask = remake(l, needs) & (u8) ~(needs & l->fl.over ? 0 : l->fl.over);
    CHECK(!(needs & ~mask), "condition %d of flag kind %d", cc, l->fl.kind);
    l->hf_mask = mask;
    l->hf_gen = l->e.flags_gen;
    ra_unlock_all(l);
    return cc;
}

/* -- uses -- */

/* CF when only memory knows: INC and DEC, by far the commonest askers, leave it in cc_src; there it
 * is, too, when memory has all flags as a number. */
static void carry_of_memory(struct lower *l, unsigned d)
{
    struct ool *q = ool_new(l, OOL_CARRY);
    _Static_assert(FK_EFLAGS == 0 && FK_DEC == 2, "one comparison");
    x_alu_mi(&l->e, X_CMP, 4, cpu_at(CPU_OFF(cc_op)), FLAG_OP(FK_DEC, 3));
    q->from[0] = x_jcc(&l->e, CC_A);
    x_load(&l->e, 4, d, cpu_at(CPU_OFF(cc_src)));
    x_alu_ri(&l->e, X_AND, 4, d, 1);
    q->back = enc_pos(&l->e);
    q->dst = (u8)d;
}

void ool_carry(struct lower *l, const struct ool *q)
{
    x_bind(&l->e, q->from[0]);
    emit_call_stub(l, STUB_CARRY);
    x_setcc(&l->e, CC_B, q->dst);
    x_zx(&l->e, 1, q->dst, q->dst);
    x_jmp_to(&l->e, q->back);
}

void lower_getcc(struct lower *l, const struct ir_insn *o)
{
    struct recipe *r = &l->fl;
    bool in_host = l->hf_gen == l->e.flags_gen && (l->hf_mask & HF_C);
    if (!r->known && !(r->over & HF_C) && o->cc == CC_B && !in_host) {
        carry_of_memory(l, ra_def(l, o->d, IR_NONE));
        return;
    }
    if (r->known && (r->kind == FK_INC || r->kind == FK_DEC) && !(r->over & HF_C) &&
        o->cc == CC_B) {
        unsigned s = part_reg(l, 1), d = ra_def(l, o->d, IR_NONE);
        if (s != d)
            x_mov_rr(&l->e, 4, d, s);
        return;
    }
    enum x_cc cc = flags_to_host(l, (enum x_cc)o->cc);
    unsigned d = ra_def(l, o->d, IR_NONE);
    x_setcc(&l->e, cc, d);
    x_zx(&l->e, 1, d, d);
}

void lower_selcc(struct lower *l, const struct ir_insn *o)
{
    enum x_cc cc = flags_to_host(l, (enum x_cc)o->cc);
    unsigned a = ra_use(l, o->a), b = ra_use(l, o->b);
    unsigned d = ra_def(l, o->d, IR_NONE);
    if (d == a) {
        x_cmov(&l->e, cc ^ 1, width_of(o), d, b);
        return;
    }
    if (d != b)
        x_mov_rr(&l->e, width_of(o), d, b);
    x_cmov(&l->e, cc, width_of(o), d, a);
}

/* The bits of PUSHF that are the guest's once the host flags are made anew; 0: AF is not. */
static u32 pushed_flags(const struct lower *l)
{
    const struct recipe *r = &l->fl;
    const struct flag_part *src = &r->part[1];
    if (!r->known || r->over)
        return 0;
    switch (r->kind) {
    case FK_LOGIC: return FLAGS_ARITH & ~(u32)FLAG_AF;
    case FK_CMP: /* remake_compare() may test instead */
        return irv_is(src->v, IRV_CONST) ? 0 : FLAGS_ARITH;
    case FK_ADD:
    case FK_SUB:
    case FK_ADC:
    case FK_SBB:
    case FK_INC:
    case FK_DEC: return FLAGS_ARITH;
    default: return 0;
    }
}

void lower_getfl(struct lower *l, const struct ir_insn *o)
{
    u32 bits = pushed_flags(l);
    if (bits) {
        if (l->hf_gen != l->e.flags_gen || l->hf_mask != HF_ALL)
            l->hf_mask = remake(l, HF_ALL);
        ra_unlock_all(l);
        unsigned d = ra_def(l, o->d, IR_NONE);
        x_byte(&l->e, 0x9c); /* PUSHF */
        x_pop(&l->e, d);
        x_alu_ri(&l->e, X_AND, 4, d, (s32)bits);
        return;
    }
    flags_sync_inline(l);
    emit_call_stub(l, STUB_GETFL);
    x_load(&l->e, 4, ra_def(l, o->d, IR_NONE), arg_at(0, 0));
}
