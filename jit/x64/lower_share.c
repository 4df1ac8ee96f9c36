/* One TLB look-up for several accesses. Accesses of a block whose addresses differ by constants
 * (off one base register: the stack frame, the fields of a structure) form a group. The first one
 * checks that all the bytes of the group lie in one page that the TLB grants, and leaves the host
 * address of the group's base in a register; the others only test that it is there. If it is not
 * (0), each is done out of line, by a stub that looks up what it needs alone. A group ends at calls
 * that may change the TLB.
 *
 * Register contents are told apart by root and delta: a root is a value that nothing is known of,
 * and constants that are added to it, in whatever register, make deltas (PUSH, POP, MOV EBP,ESP).
 * 64-bit code has operands relative to its own address: that is a root, too.
 * Of 16-bit code the low halves are told apart the same way, and its groups look into a window
 * (lower_window.c): there the first one checks that no offset of the group wraps, too. */
#include "jit/x64/lower.h"

enum {
    GROUP_SPAN = 256, /* bytes; a wider group would cross pages too often */
    MAX_ROOTS = 2048, /* more than that, and the rest of the block does not share */
};

struct finder {
    struct lower *l;
    struct place reg[GPR_COUNT], reg16[GPR_COUNT];
    u32 nroots;
    u16 group_of_root[MAX_ROOTS]; /* the group that an access may join; 0 none. Root 0: not known */
};

static s32 add_wrapping(s32 a, u32 b)
{
    return (s32)((u32)a + b);
}

enum { FAR_AWAY = 1 << 30 };

/* Addresses of 64 bits do not wrap where s32 does: deltas stay below that. */
static bool is_near(s64 delta)
{
    return delta > -FAR_AWAY && delta < FAR_AWAY;
}

static struct place fresh(struct finder *f)
{
    if (f->nroots == MAX_ROOTS - 1)
        return (struct place){0, 0};
    f->group_of_root[++f->nroots] = 0;
    return (struct place){(u16)f->nroots, 0};
}

static struct place place_of(const struct finder *f, struct irv x)
{
    if (irv_is(x, IRV_REG))
        return f->reg[x.v];
    return irv_is(x, IRV_TEMP) ? f->l->temp[x.v].place : (struct place){0, 0};
}

/* Of the low half. */
static struct place place16_of(const struct finder *f, struct irv x)
{
    if (irv_is(x, IRV_REG))
        return f->reg16[x.v];
    return irv_is(x, IRV_TEMP) ? f->l->temp[x.v].place16 : (struct place){0, 0};
}

static void define(struct finder *f, struct irv d, struct place p, struct place p16)
{
    if (irv_is(d, IRV_REG)) {
        f->reg[d.v] = p;
        f->reg16[d.v] = p16;
    } else if (irv_is(d, IRV_TEMP)) {
        f->l->temp[d.v].place = p;
        f->l->temp[d.v].place16 = p16;
    }
}

/* Is o's result a constant away from its input a, in the bytes that it computes? */
static bool is_step(const struct ir_insn *o, u32 *by)
{
    bool by_const = irv_is(o->b, IRV_CONST);
    *by = 0;
    switch (o->op) {
    case IR_MOV: return true;
    case IR_LEA: *by = o->imm; return irv_is(o->b, IRV_NONE);
    case IR_ADD: *by = o->b.v; return by_const;
    case IR_SUB: *by = 0u - o->b.v; return by_const;
    default: return false;
    }
}

/* What o leaves in its output: a known distance from one of its inputs, or something new. */
static struct place result_of(struct finder *f, const struct ir_insn *o)
{
    struct place p = place_of(f, o->a);
    if (o->op == IR_PCREL && f->l->eip_root && is_near((s32)o->imm))
        return (struct place){f->l->eip_root, (s32)o->imm};
    bool code64 = f->l->code64, whole = (o->op == IR_LEA || o->size == 0) && o->wide == code64;
    u32 by;
    if (p.root && whole && is_step(o, &by) && (!code64 || is_near((s64)p.delta + (s32)by)))
        return (struct place){p.root, add_wrapping(p.delta, by)};
    return fresh(f);
}

static struct place result16_of(struct finder *f, const struct ir_insn *o)
{
    struct place p = place16_of(f, o->op == IR_DEP16 ? o->b : o->a);
    bool whole = o->op == IR_LEA || o->size != 1;
    u32 by = 0;
    if (p.root && (o->op == IR_EXT16U || o->op == IR_DEP16 || (whole && is_step(o, &by))))
        return (struct place){p.root, (s16)(u16)add_wrapping(p.delta, by)};
    return fresh(f);
}

/* What the accesses of a group have in common in cc. */
static u8 segment_of(const struct ir_insn *o)
{
    bool may_be = o->op == IR_LD || o->op == IR_LDSX || o->op == IR_LDRMW || o->op == IR_ST;
    return may_be && ir_seg_of(o->cc) >= 0 ? o->cc : 0;
}

static void join(struct finder *f, u32 i, const struct ir_insn *o, struct place p, s32 off)
{
    struct lower *l = f->l;
    bool write = o->op == IR_ST || o->op == IR_STV || o->op == IR_LDRMW ||
                 (o->op == IR_X87M && x87_writes(o));
    s32 end = off + o->size;
    struct group *g = &l->group[f->group_of_root[p.root]];
    s32 lo = off < g->lo ? off : g->lo, hi = end > g->hi ? end : g->hi;
    if (!f->group_of_root[p.root] || (s64)hi - lo > GROUP_SPAN || g->in_seg != segment_of(o)) {
        f->group_of_root[p.root] = (u16)++l->ngroups;
        g = &l->group[l->ngroups];
        *g = (struct group){.reg = HOST_NONE, .in_seg = segment_of(o)};
        lo = off;
        hi = end;
    }
    g->lo = lo;
    g->hi = hi;
    g->left++;
    g->write |= write;
    g->read |= !write;
    l->op_group[i] = (u16)(g - l->group);
    l->op_off[i] = off;
}

static bool is_access(const struct lower *l, const struct ir_insn *o)
{
    if (o->op == IR_X87M)
        return x87_shares(l, o);
    return (o->op == IR_LD || o->op == IR_LDSX || o->op == IR_LDRMW || o->op == IR_ST ||
            o->op == IR_LDV || o->op == IR_STV) &&
           !(o->cc & 1);
}

static void new_segment(struct finder *f)
{
    for (u32 r = 0; r <= f->nroots; r++)
        f->group_of_root[r] = 0;
}

static void forget_registers(struct finder *f)
{
    for (unsigned g = 0; g < GPR_COUNT; g++) {
        f->reg[g] = fresh(f);
        f->reg16[g] = fresh(f);
    }
}

void share_find(struct lower *l)
{
    struct finder f;
    f.l = l;
    f.nroots = 0;
    f.group_of_root[0] = 0;
    l->ngroups = 0;
    forget_registers(&f);
    l->eip_root = l->code64 ? fresh(&f).root : 0;
    for (u32 i = 0; i < l->ir->nops; i++) {
        const struct ir_insn *o = &l->ir->ops[i];
        l->op_group[i] = 0;
        if (is_access(l, o)) {
            bool wraps = segment_of(o) & IR_WRAP16;
            struct place p = wraps ? place16_of(&f, o->a) : place_of(&f, o->a);
            bool vector = o->op == IR_LDV || o->op == IR_STV;
            u32 disp = vector ? 0 : o->imm;
            s32 off = add_wrapping(p.delta, disp);
            if (l->code64 && !is_near((s32)disp))
                p.root = 0;
            if (wraps)
                off = (s16)(u16)off;
            if (p.root && is_near(off))
                join(&f, i, o, p, off);
        } else if (o->op == IR_CALL) {
            u8 hf = helper_info[o->imm].flags;
            if (hf & HF_REGS)
                forget_registers(&f);
            if (hf & HF_FAULT)
                new_segment(&f);
        }
        if (!irv_is(o->d, IRV_NONE))
            define(&f, o->d, result_of(&f, o), result16_of(&f, o));
        if (!irv_is(o->d2, IRV_NONE))
            define(&f, o->d2, fresh(&f), fresh(&f));
    }
}

/* -- lowering -- */

/* Will op i take part in a group? Its registers are then asked for. Call before the op's other
 * allocations. */
struct group *share_begin(struct lower *l, struct ool *q)
{
    struct group *g = &l->group[l->op_group[l->i]];
    if (!l->op_group[l->i])
        return NULL;
    g->left--;
    q->leader = g->reg == HOST_NONE;
    if (q->leader && !g->left)
        return NULL; /* nobody to share with */
    if (q->leader) {
        g->reg = (u8)ra_scratch(l);
        l->owner[g->reg] = OWNER_CACHE;
    }
    l->locked |= (u16)(1u << g->reg);
    return g;
}

void share_end(struct lower *l, struct group *g)
{
    if (!g->left) {
        l->owner[g->reg] = OWNER_FREE;
        g->reg = HOST_NONE;
    }
}

void share_drop(struct lower *l, unsigned reg)
{
    for (u32 n = 1; n <= l->ngroups; n++) {
        if (l->group[n].reg == reg)
            l->group[n].reg = HOST_NONE;
    }
}

/* The group's register = host address of its base, with base (the op's address register) and entry
 * to work with: entry is needed by the leader only. */
struct x_mem share_look_up(struct lower *l, const struct ir_insn *o, struct group *g, struct ool *q,
                           unsigned base, unsigned entry)
{
    struct enc *e = &l->e;
    s32 off = l->op_off[l->i];
    u32 disp = o->op == IR_LDV || o->op == IR_STV ? 0 : o->imm;
    if (!q->leader) {
        x_test_rr(e, 8, g->reg, g->reg);
        q->from[0] = x_jcc(e, CC_E);
        return x_at(g->reg, off);
    }
    s32 to_lo = (s32)(disp + (u32)g->lo - (u32)off); /* from base to the group's first byte */
    if (to_lo)
        x_lea(e, l->word, g->reg, x_at(base, to_lo));
    else
        x_mov_rr(e, l->word, g->reg, base);
    x_mov_rr(e, 4, entry, g->reg);
    x_alu_ri(e, X_AND, 4, entry, PAGE_MASK);
    x_alu_ri(e, X_CMP, 4, entry, (s32)PAGE_SIZE - (g->hi - g->lo));
    q->from[0] = x_jcc(e, CC_A);
    enum priv priv = access_priv(l, o);
    enum access acc = g->write ? ACCESS_WRITE : ACCESS_READ;
    tlb_find(l->be, e, l->code64, (struct tlb_regs){g->reg, entry, q->tag}, priv, acc);
    if (l->code64)
        q->from[2] = x_jcc(e, CC_NE);
    tlb_load(e, l->code64, entry, priv, acc);
    x_test_ri(e, 1, entry, TLB_VALID);
    q->from[1] = x_jcc(e, CC_E);
    x_lea(e, 8, g->reg, x_idx(g->reg, entry, 0, -(s32)TLB_VALID - g->lo));
    q->clear = g->reg;
    return x_at(g->reg, off);
}
