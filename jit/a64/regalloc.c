/* Register allocation in one forward pass. Temporaries live in X9 to X15, are copies of guest
 * registers, or wait in a frame slot; a backward pass before has found each one's last use. An
 * operand of the lazy flags whose place is given up goes to its own register. Nothing here emits an
 * instruction that alters NZCV. */
#include "jit/a64/lower.h"

#include "base/check.h"

static s32 slot_at(u32 slot)
{
    return (s32)(FRAME_SLOTS + 8 * slot);
}

/* -- lifetimes -- */

/* Must the flags be exact at o, or evaluated? */
static bool needs_flags(const struct ir_insn *o)
{
    if (o->op == IR_CALL)
        return helper_info[o->imm].flags & (HF_FAULT | HF_FLAGS_R | HF_FLAGS_W | HF_REGS);
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

static void need(struct lower *l, struct irv x, u32 at)
{
    if (irv_is(x, IRV_TEMP) && l->temp[x.v].last < at)
        l->temp[x.v].last = (u16)at;
}

static void find_lifetimes(struct lower *l)
{
    const struct ir *ir = l->ir;
    u32 end = 0;
    bool used = false;
    for (u32 i = ir->nops; i-- > 0;) {
        const struct ir_insn *o = &ir->ops[i];
        if (ir_op_info[o->op].flags & IRF_FW) {
            bool bits = o->op == IR_FLAGBITS || o->op == IR_FLAGBITSIF;
            l->flag_used[i] = used;
            l->flag_end[i] = (u16)(end ? end : i);
            used = used && bits;
            if (!bits)
                end = 0;
        }
        if (needs_flags(o) && (!end || flags_unknown_after(o)))
            end = i;
        used = (used && !flags_unknown_after(o)) || evaluates_flags(o);
        need(l, o->d, i);
        need(l, o->d2, i);
        need(l, o->a, i);
        need(l, o->b, i);
        need(l, o->c, i);
        need(l, o->e, i);
    }
}

void ra_begin(struct lower *l)
{
    for (u32 i = 0; i < l->ir->ntemps; i++)
        l->temp[i] = (struct temp){.slot = NO_SLOT, .reg = A_NONE};
    for (unsigned r = 0; r < ARRAY_LEN(l->owner); r++)
        l->owner[r] = OWNER_FREE;
    for (unsigned g = 0; g < GPR_COUNT; g++) {
        for (unsigned n = 0; n < ALIASES; n++)
            l->alias[g][n] = OWNER_FREE;
    }
    l->locked = l->scratch = 0;
    l->nspill = l->nfree_slots = 0;
    find_lifetimes(l);
}

/* -- registers -- */

static void give_to_flags(struct lower *l, u32 t, bool now)
{
    for (unsigned n = 0; n < FLAG_PARTS; n++) {
        struct irv v = l->fl.part[n].v;
        if (irv_is(v, IRV_TEMP) && v.v == t)
            flags_part_lost(l, n, now);
    }
}

static void evict(struct lower *l, unsigned reg)
{
    s16 t = l->owner[reg];
    l->owner[reg] = OWNER_FREE;
    if (t == OWNER_CACHE) {
        l->rmw.st = 0;
        return;
    }
    struct temp *temp = &l->temp[t];
    give_to_flags(l, (u32)t, true); /* while temp->reg still tells where it is */
    temp->reg = A_NONE;
    if (temp->slot == NO_SLOT) {
        temp->slot = (u16)(l->nfree_slots ? l->free_slots[--l->nfree_slots] : l->nspill++);
        a_access(&l->e, A_STR_X, reg, A_SP, slot_at(temp->slot));
    }
}

/* How gladly a register is given up. */
static u32 eviction_rank(const struct lower *l, unsigned reg)
{
    s16 t = l->owner[reg];
    return t == OWNER_CACHE ? 0x10000 : l->temp[t].last;
}

static unsigned take_reg(struct lower *l)
{
    unsigned best = A_NONE;
    u32 rank = 0;
    for (unsigned r = REG_TEMP; r <= REG_TEMP_LAST; r++) {
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
    CHECK(best != A_NONE, "out of host registers");
    evict(l, best);
    return best;
}

unsigned ra_scratch(struct lower *l)
{
    static const u8 regs[] = {0, 2, 3, 4};
    CHECK(l->scratch < ARRAY_LEN(regs), "out of scratch registers");
    return regs[l->scratch++];
}

unsigned ra_keep(struct lower *l)
{
    unsigned r = take_reg(l);
    l->owner[r] = OWNER_CACHE;
    l->locked |= 1u << r;
    return r;
}

static void settle(struct lower *l, u32 t, unsigned reg)
{
    l->owner[reg] = (s16)t;
    l->temp[t].reg = (u8)reg;
    l->locked |= 1u << reg;
}

unsigned ra_use(struct lower *l, struct irv x)
{
    if (irv_is(x, IRV_REG))
        return host_of(x.v);
    if (irv_is(x, IRV_TEMP)) {
        struct temp *t = &l->temp[x.v];
        if (t->reg == A_NONE) {
            unsigned r = take_reg(l);
            CHECK(t->slot != NO_SLOT, "temporary %u is nowhere", x.v);
            a_access(&l->e, A_LDR_X, r, A_SP, slot_at(t->slot));
            settle(l, x.v, r);
        }
        l->locked |= 1u << t->reg;
        return t->reg;
    }
    unsigned r = ra_scratch(l);
    a_mov_imm64(&l->e, r, irv_is(x, IRV_CONST) ? ir_const_value(&l->ir->ops[l->i], x) : 0);
    return r;
}

unsigned ra_use_z(struct lower *l, struct irv x)
{
    return irv_is(x, IRV_CONST) && !x.v ? (unsigned)A_ZR : ra_use(l, x);
}

unsigned ra_def(struct lower *l, struct irv d, struct irv reuse)
{
    if (irv_is(d, IRV_REG)) {
        ra_reg_written(l, d.v);
        return host_of(d.v);
    }
    if (irv_is(d, IRV_NONE))
        return A_IP1;
    if (irv_is(reuse, IRV_TEMP) && l->temp[reuse.v].last == l->i) {
        unsigned r = l->temp[reuse.v].reg;
        if (r != A_NONE && l->owner[r] == (s16)reuse.v) {
            give_to_flags(l, reuse.v, false);
            l->temp[reuse.v].reg = A_NONE;
            settle(l, d.v, r);
            return r;
        }
    }
    unsigned r = take_reg(l);
    settle(l, d.v, r);
    return r;
}

bool ra_is_wanted(const struct lower *l, struct irv d)
{
    return irv_is(d, IRV_REG) || (irv_is(d, IRV_TEMP) && l->temp[d.v].last > l->i);
}

/* -- copies of guest registers -- */

bool ra_alias(struct lower *l, u32 temp, unsigned gpr)
{
    for (unsigned n = 0; n < ALIASES; n++) {
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
    for (unsigned n = 0; n < FLAG_PARTS; n++) {
        struct irv v = l->fl.part[n].v;
        if (irv_is(v, IRV_REG) && v.v == gpr)
            flags_part_lost(l, n, false);
    }
    for (unsigned n = 0; n < ALIASES; n++) {
        s16 t = l->alias[gpr][n];
        if (t == OWNER_FREE)
            continue;
        l->alias[gpr][n] = OWNER_FREE;
        struct temp *temp = &l->temp[t];
        if (temp->last <= l->i) { /* read by this op at most: what it asked for is still good */
            give_to_flags(l, (u32)t, false);
            continue;
        }
        unsigned r = take_reg(l);
        a_mov(&l->e, 1, r, reg);
        l->owner[r] = t; /* not locked: whoever wants t at this op has asked before */
        temp->reg = (u8)r;
    }
}

/* -- end of an op -- */

/* Temp t dies: the flags find it elsewhere. */
static void hand_over(struct lower *l, u32 t, unsigned reg)
{
    for (unsigned n = 0; n < FLAG_PARTS; n++) {
        struct flag_part *p = &l->fl.part[n];
        if (!irv_is(p->v, IRV_TEMP) || p->v.v != t)
            continue;
        if (reg >= REG_GPR && reg < REG_GPR + GPR_COUNT)
            p->v = ir_reg(reg - REG_GPR);
        else
            flags_part_lost(l, n, false);
    }
}

static void release(struct lower *l, struct irv x)
{
    if (!irv_is(x, IRV_TEMP) || l->temp[x.v].last > l->i)
        return;
    struct temp *t = &l->temp[x.v];
    if (t->slot != NO_SLOT) {
        l->free_slots[l->nfree_slots++] = t->slot;
        t->slot = NO_SLOT;
    }
    if (t->reg == A_NONE)
        return;
    bool own = l->owner[t->reg] == (s16)x.v, alias = false;
    for (unsigned n = 0; n < ALIASES && t->reg >= REG_GPR; n++) {
        s16 *a = &l->alias[t->reg - REG_GPR][n];
        alias |= *a == (s16)x.v;
        if (*a == (s16)x.v)
            *a = OWNER_FREE;
    }
    if (own || alias)
        hand_over(l, x.v, t->reg);
    if (own)
        l->owner[t->reg] = OWNER_FREE;
    t->reg = A_NONE;
}

void ra_end_op(struct lower *l)
{
    const struct ir_insn *o = &l->ir->ops[l->i];
    l->locked = l->scratch = 0;
    release(l, o->a);
    release(l, o->b);
    release(l, o->c);
    release(l, o->e);
    release(l, o->d);
    release(l, o->d2);
}
