/* Register allocation in one forward pass. Temporaries live in R8-R12, are copies of guest
 * registers, or wait in a frame slot. A backward pass before has found each one's last need; the
 * lazy flags' operands count as needed until the last op that may look at the flags, but when
 * registers run short they go to their place in struct cpu instead of a slot. Nothing here emits an
 * instruction that alters the host flags. */
#include "jit/x64/lower.h"

#include "base/check.h"

static const u8 temp_regs[] = {R8, R9, R10, R11, R12};

static struct x_mem slot_at(u32 slot)
{
    return x_at(RSP, (s32)(FRAME_SLOTS + 8 * slot));
}

/* -- lifetimes -- */

/* Must the flags be exact at o, or evaluated? */
static bool needs_flags(const struct ir_insn *o)
{
    if (o->op == IR_CALL)
        return helper_info[o->imm].flags & (HF_FAULT | HF_FLAGS_R | HF_FLAGS_W);
    return ir_op_info[o->op].flags & (IRF_F | IRF_X | IRF_FR);
}

static bool flags_unknown_after(const struct ir_insn *o)
{
    return o->op == IR_CALL && (helper_info[o->imm].flags & HF_FLAGS_W);
}

static bool evaluates_flags(const struct ir_insn *o)
{
    return o->op == IR_GETCC || o->op == IR_SELCC || o->op == IR_XCC;
}

static void need(struct lower *l, struct irv x, u32 at, u32 strong)
{
    if (!irv_is(x, IRV_TEMP))
        return;
    struct temp *t = &l->temp[x.v];
    if (t->last < at)
        t->last = (u16)at;
    if (t->strong < strong)
        t->strong = (u16)strong;
}

/* Ends of the lives of the flags that hold at some op, all and CF and OF alone: 0 if nobody looks.
 */
struct flag_ends {
    u32 all, cf;
};

/* Op i writes flags: until when their operands are needed. */
static u32 flags_until(struct lower *l, u32 i, struct flag_ends *end)
{
    const struct ir_insn *o = &l->ir->ops[i];
    bool bits = o->op == IR_FLAGBITS || o->op == IR_FLAGBITSIF;
    u32 until = bits && irv_is(o->b, IRV_NONE) ? end->cf : end->all;
    l->flag_end[i] = (u16)(end->all ? end->all : i);
    if (!bits || !irv_is(o->a, IRV_NONE))
        end->cf = 0;
    if (!bits)
        end->all = 0;
    return until ? until : i;
}

/* Does o look at bits 63:32 of its input x? Of 64-bit code. */
static bool reads_wide(const struct ir_insn *o, const struct irv *x)
{
    switch ((enum ir_op)o->op) {
    case IR_ST: return x == &o->a || o->size == 8;
    case IR_DEP8:
    case IR_DEPH8:
    case IR_DEP16: return x == &o->a && o->wide;
    default: return o->wide && (o->op < IR_EXT8U || o->op > IR_EXTH8);
    }
}

static void note_width(struct lower *l, const struct ir_insn *o, const struct irv *x)
{
    if (irv_is(*x, IRV_TEMP))
        l->temp[x->v].wide |= reads_wide(o, x);
}

/* Whether somebody looks at bits 63:32 of temporaries, and what may be there. */
static void find_widths(struct lower *l)
{
    for (u32 i = 0; l->code64 && i < l->ir->nops; i++) {
        const struct ir_insn *o = &l->ir->ops[i];
        note_width(l, o, &o->a);
        note_width(l, o, &o->b);
        note_width(l, o, &o->c);
        note_width(l, o, &o->e);
        if (irv_is(o->d, IRV_TEMP))
            l->temp[o->d.v].dirty = o->wide || o->op == IR_MOV;
        if (irv_is(o->d2, IRV_TEMP))
            l->temp[o->d2.v].dirty = o->wide;
    }
}

static void find_lifetimes(struct lower *l)
{
    const struct ir *ir = l->ir;
    struct flag_ends end = {0};
    bool used = false;
    for (u32 i = ir->nops; i-- > 0;) {
        const struct ir_insn *o = &ir->ops[i];
        u32 until = i;
        need(l, o->d, i, i);
        need(l, o->d2, i, i);
        if (ir_op_info[o->op].flags & IRF_FW) {
            l->flag_used[i] = used;
            used = used && o->op == IR_FLAGBITS;
            until = flags_until(l, i, &end);
        }
        if (needs_flags(o) && (!end.all || flags_unknown_after(o)))
            end.all = i;
        if (needs_flags(o) && (!end.cf || flags_unknown_after(o)))
            end.cf = i;
        used = (used && !flags_unknown_after(o)) || evaluates_flags(o);
        need(l, o->a, until, i);
        need(l, o->b, until, i);
        need(l, o->c, until, i);
        need(l, o->e, i, i);
    }
}

void ra_begin(struct lower *l)
{
    for (u32 i = 0; i < l->ir->ntemps; i++)
        l->temp[i] = (struct temp){.slot = NO_SLOT, .reg = HOST_NONE};
    for (unsigned r = 0; r < HOST_REGS; r++)
        l->owner[r] = OWNER_FREE;
    for (unsigned g = 0; g < GPR_COUNT; g++)
        l->alias[g][0] = l->alias[g][1] = OWNER_FREE;
    l->locked = 0;
    l->nspill = 0;
    l->nfree_slots = 0;
    find_lifetimes(l);
    find_widths(l);
}

/* -- registers -- */

static void lock(struct lower *l, unsigned reg)
{
    l->locked |= (u16)(1u << reg);
}

/* Parts of the lazy flags that are in temp t go to memory; true if that is all it was kept for. */
static bool give_to_flags(struct lower *l, u32 t, bool now)
{
    for (unsigned n = 0; n < FLAG_PARTS; n++) {
        const struct flag_part *p = &l->fl.part[n];
        if (irv_is(p->v, IRV_TEMP) && p->v.v == t)
            flags_part_lost(l, n, now);
    }
    return l->temp[t].strong < l->i;
}

static void evict(struct lower *l, unsigned reg)
{
    s16 t = l->owner[reg];
    l->owner[reg] = OWNER_FREE;
    if (t == OWNER_CACHE) {
        cache_dropped(l, reg);
        return;
    }
    struct temp *temp = &l->temp[t];
    bool done = give_to_flags(l, (u32)t, true); /* while temp->reg still tells where it is */
    temp->reg = HOST_NONE;
    if (done) {
        temp->last = 0;
        return;
    }
    if (temp->slot == NO_SLOT) {
        temp->slot = (u16)(l->nfree_slots ? l->free_slots[--l->nfree_slots] : l->nspill++);
        x_store(&l->e, 8, slot_at(temp->slot), reg);
    }
}

/* How gladly a register is given up. */
static u32 eviction_rank(const struct lower *l, unsigned reg)
{
    s16 t = l->owner[reg];
    if (t == OWNER_CACHE)
        return 0x20000;
    if (l->temp[t].strong < l->i)
        return 0x10000u + l->temp[t].last;
    return l->temp[t].last;
}

static unsigned take_reg(struct lower *l)
{
    unsigned best = HOST_NONE;
    u32 rank = 0;
    for (unsigned n = 0; n < ARRAY_LEN(temp_regs); n++) {
        unsigned r = temp_regs[n];
        if (l->locked >> r & 1)
            continue;
        if (l->owner[r] == OWNER_FREE)
            return r;
        u32 k = eviction_rank(l, r) + 1;
        if (k > rank) {
            rank = k;
            best = r;
        }
    }
    CHECK(best != HOST_NONE, "out of host registers");
    evict(l, best);
    return best;
}

unsigned ra_scratch(struct lower *l)
{
    unsigned r = take_reg(l);
    l->owner[r] = OWNER_SCRATCH;
    lock(l, r);
    return r;
}

unsigned ra_free(const struct lower *l)
{
    for (unsigned n = 0; n < ARRAY_LEN(temp_regs); n++) {
        unsigned r = temp_regs[n];
        if (l->owner[r] == OWNER_FREE && !(l->locked >> r & 1))
            return r;
    }
    return HOST_NONE;
}

static void settle(struct lower *l, u32 t, unsigned reg)
{
    l->owner[reg] = (s16)t;
    l->temp[t].reg = (u8)reg;
    lock(l, reg);
}

unsigned ra_use(struct lower *l, struct irv x)
{
    if (irv_is(x, IRV_REG))
        return host_of(x.v);
    if (irv_is(x, IRV_TEMP)) {
        struct temp *t = &l->temp[x.v];
        if (t->reg == HOST_NONE) {
            unsigned r = take_reg(l);
            CHECK(t->slot != NO_SLOT, "temporary %u is nowhere", x.v);
            x_load(&l->e, 8, r, slot_at(t->slot));
            settle(l, x.v, r);
        }
        lock(l, t->reg);
        return t->reg;
    }
    return ra_const(l, irv_is(x, IRV_CONST) ? ir_const_value(&l->ir->ops[l->i], x) : 0);
}

unsigned ra_const(struct lower *l, u64 v)
{
    unsigned r = ra_scratch(l);
    x_mov_ri64(&l->e, r, v);
    return r;
}

void ra_move(struct lower *l, unsigned size, unsigned reg, struct irv x)
{
    if (irv_is(x, IRV_CONST)) {
        x_mov_ri64(&l->e, reg, size == 8 ? (u64)(s64)(s32)x.v : x.v);
    } else {
        unsigned s = ra_use(l, x);
        if (s != reg)
            x_mov_rr(&l->e, size, reg, s);
    }
}

unsigned ra_def(struct lower *l, struct irv d, struct irv reuse)
{
    if (irv_is(d, IRV_REG)) {
        ra_reg_written(l, d.v);
        return host_of(d.v);
    }
    if (irv_is(d, IRV_NONE))
        return ra_scratch(l);
    if (irv_is(reuse, IRV_TEMP) && l->temp[reuse.v].last == l->i) {
        unsigned r = l->temp[reuse.v].reg;
        if (r != HOST_NONE && l->owner[r] == (s16)reuse.v) {
            settle(l, d.v, r);
            return r;
        }
    }
    unsigned r = take_reg(l);
    settle(l, d.v, r);
    return r;
}

void ra_give(struct lower *l, struct irv d, unsigned reg)
{
    settle(l, d.v, reg);
}

bool ra_is_wanted(const struct lower *l, struct irv d)
{
    return irv_is(d, IRV_REG) || (irv_is(d, IRV_TEMP) && l->temp[d.v].last > l->i);
}

void ra_unlock_all(struct lower *l)
{
    for (unsigned n = 0; n < ARRAY_LEN(temp_regs); n++) {
        unsigned r = temp_regs[n];
        if (l->owner[r] == OWNER_SCRATCH)
            l->owner[r] = OWNER_FREE;
    }
    l->locked = 0;
}

/* -- copies of guest registers -- */

bool ra_alias(struct lower *l, u32 temp, unsigned gpr)
{
    for (unsigned n = 0; n < 2; n++) {
        if (l->alias[gpr][n] == OWNER_FREE) {
            l->alias[gpr][n] = (s16)temp;
            l->temp[temp].reg = (u8)host_of(gpr);
            return true;
        }
    }
    return false;
}

void ra_reg_written(struct lower *l, unsigned gpr)
{
    unsigned reg = host_of(gpr);
    x87_reg_written(l, gpr);
    for (unsigned n = 0; n < FLAG_PARTS; n++) {
        const struct flag_part *p = &l->fl.part[n];
        if (irv_is(p->v, IRV_REG) && p->v.v == gpr)
            flags_part_lost(l, n, false);
    }
    for (unsigned n = 0; n < 2; n++) {
        s16 t = l->alias[gpr][n];
        if (t == OWNER_FREE)
            continue;
        l->alias[gpr][n] = OWNER_FREE;
        struct temp *temp = &l->temp[t];
        if (temp->last <= l->i)
            continue; /* read by this op at most: the register it asked for is still good */
        if (temp->strong < l->i && give_to_flags(l, (u32)t, false)) {
            temp->reg = HOST_NONE;
            continue;
        }
        unsigned r = take_reg(l);
        x_mov_rr(&l->e, 8, r, reg);
        l->owner[r] = t; /* not locked: whoever wants t at this op has asked before */
        temp->reg = (u8)r;
    }
}

/* -- end of an op -- */

static void release(struct lower *l, struct irv x)
{
    if (!irv_is(x, IRV_TEMP) || l->temp[x.v].last > l->i)
        return;
    struct temp *t = &l->temp[x.v];
    if (t->slot != NO_SLOT) {
        l->free_slots[l->nfree_slots++] = t->slot;
        t->slot = NO_SLOT;
    }
    if (t->reg == HOST_NONE)
        return;
    if (l->owner[t->reg] == (s16)x.v)
        l->owner[t->reg] = OWNER_FREE;
    unsigned gpr = t->reg == REG_ESP ? (unsigned)ESP : t->reg;
    if (gpr < GPR_COUNT) {
        for (unsigned n = 0; n < 2; n++) {
            if (l->alias[gpr][n] == (s16)x.v)
                l->alias[gpr][n] = OWNER_FREE;
        }
    }
    t->reg = HOST_NONE;
}

void ra_end_op(struct lower *l)
{
    const struct ir_insn *o = &l->ir->ops[l->i];
    ra_unlock_all(l);
    release(l, o->a);
    release(l, o->b);
    release(l, o->c);
    release(l, o->e);
    release(l, o->d);
    release(l, o->d2);
    if (l->fl.end <= l->i) {
        for (unsigned n = 0; n < FLAG_PARTS; n++) {
            release(l, l->fl.part[n].v);
            l->fl.part[n] = (struct flag_part){.v = IR_NONE};
        }
    }
}
