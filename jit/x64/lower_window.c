/* Accesses to a segment through its window (cpu/window.h): one comparison does for limit, rights
 * and pages, and the host's address is the window's plus the offset. Windows to read begin at
 * offset 0, which saves a subtraction. What a window does not show goes out of line to C, which
 * perhaps makes one that does.
 *
 * A read-modify-write compares once: LDRMW leaves the host's address for the ST that follows, or 0
 * if it had to go the slow way. */
#include "jit/x64/lower.h"

#include "cpu/window.h"

static struct x_mem window_field(unsigned n, size_t field)
{
    return cpu_at(CPU_OFF(tlb.window) + (s32)(n * sizeof(struct tlb_window) + field));
}

static struct x_mem window_end(unsigned n, unsigned size)
{
    return window_field(n, offsetof(struct tlb_window, end) + (size >> 1) * sizeof(u32));
}

static struct x_mem window_host_at(unsigned n)
{
    return window_field(n, offsetof(struct tlb_window, host));
}

/* What the slow way is told: it adds disp to the register, if there is one, itself. */
static void begin(struct lower *l, const struct ir_insn *o, struct ool *q, enum slow_access access)
{
    q->size = o->size;
    q->access = (u8)access;
    q->sx = o->op == IR_LDSX ? 4 : 0;
    q->in_seg = o->cc >> 4;
    q->wrap = o->cc & IR_WRAP16;
    q->addr = irv_is(o->a, IRV_CONST) ? HOST_NONE : (u8)ra_use(l, o->a);
    q->disp = o->imm + (irv_is(o->a, IRV_CONST) ? o->a.v : 0);
    if (q->wrap && q->addr == HOST_NONE)
        q->disp &= 0xffff;
}

/* at = the offset + more */
static void copy_offset(struct lower *l, const struct ool *q, unsigned at, s32 more)
{
    u32 disp = q->disp + (u32)more;
    unsigned from = q->addr;

    if (q->addr == HOST_NONE) {
        x_mov_ri(&l->e, at, q->wrap ? disp & 0xffff : disp);
        return;
    }
    if (disp) {
        x_lea(&l->e, 4, at, x_at(q->addr, (s32)disp));
        from = at;
    }
    if (q->wrap)
        x_zx(&l->e, 2, at, from);
    else if (from != at)
        x_mov_rr(&l->e, 4, at, from);
}

static void load(struct lower *l, const struct ir_insn *o, unsigned d, struct x_mem m)
{
    if (o->op == IR_LDSX)
        x_load_sx(&l->e, o->size, 4, d, m);
    else
        x_load(&l->e, o->size, d, m);
}

static void load_plain(struct lower *l, const struct ir_insn *o, struct ool *q)
{
    unsigned n = window_of((enum seg)(q->in_seg - 1), false), host = ra_scratch(l);
    bool fixed = q->addr == HOST_NONE && q->disp <= INT32_MAX;
    unsigned at = q->addr;

    if (!fixed && (q->disp || q->wrap || at == HOST_NONE)) {
        at = ra_scratch(l);
        copy_offset(l, q, at, 0);
    }
    q->sync = flags_sync(l);
    unsigned d = ra_def(l, o->d, o->a);
    flags_resync(l, &q->sync);
    q->dst = (u8)d;
    if (fixed)
        x_alu_mi(&l->e, X_CMP, 4, window_end(n, o->size), (s32)q->disp);
    else
        x_alu_rm(&l->e, X_CMP, 4, at, window_end(n, o->size));
    q->from[0] = x_jcc(&l->e, fixed ? CC_BE : CC_AE);
    x_load(&l->e, 8, host, window_host_at(n));
    load(l, o, d, fixed ? x_at(host, (s32)q->disp) : x_idx(at, host, 0, 0));
}

/* at = host address in a window to write to. */
static void point(struct lower *l, const struct ir_insn *o, struct ool *q, unsigned at,
                  unsigned host, struct x_mem *m)
{
    unsigned n = window_of((enum seg)(q->in_seg - 1), true);

    x_alu_rm(&l->e, X_SUB, 4, at, window_field(n, offsetof(struct tlb_window, lo)));
    x_alu_rm(&l->e, X_CMP, 4, at, window_end(n, o->size));
    q->from[0] = x_jcc(&l->e, CC_AE);
    x_load(&l->e, 8, host, window_host_at(n));
    *m = x_idx(at, host, 0, 0);
}

static void load_rmw(struct lower *l, const struct ir_insn *o, struct ool *q)
{
    unsigned at = ra_scratch(l), host = ra_scratch(l);
    u32 st = find_store(l, o);
    struct x_mem m;

    copy_offset(l, q, at, 0);
    q->sync = flags_sync(l);
    unsigned d = ra_def(l, o->d, IR_NONE);
    flags_resync(l, &q->sync);
    q->dst = (u8)d;
    point(l, o, q, at, host, &m);
    if (!st) {
        load(l, o, d, m);
        return;
    }
    x_alu_rr(&l->e, X_ADD, 8, at, host);
    load(l, o, d, x_at(at, 0));
    q->clear = (u8)at;
    l->rmw = (struct rmw){.st = st, .addr = HOST_NONE, .entry = (u8)at};
    l->owner[at] = OWNER_CACHE;
}

/* Leaves unless window n shows all of g, whose first byte is at offset or (in a window to write to)
 * distance `at`. */
static u32 check_all(struct lower *l, const struct group *g, unsigned n, unsigned at)
{
    size_t bytes = g->in_seg & IR_WRAP16 ? offsetof(struct tlb_window, bytes16)
                                         : offsetof(struct tlb_window, bytes);

    x_lea(&l->e, 8, g->reg, x_at(at, g->hi - g->lo));
    x_alu_rm(&l->e, X_CMP, 8, g->reg, window_field(n, bytes));
    return x_jcc(&l->e, CC_A);
}

/* One comparison for a group (lower_share.c): its register = host address of its root, or 0. If it
 * both reads and writes, both windows must show it: each access could have gone through its own. */
static struct x_mem share(struct lower *l, const struct group *g, struct ool *q, unsigned at)
{
    enum seg seg = (enum seg)(q->in_seg - 1);
    unsigned n = window_of(seg, g->write);
    s32 off = l->op_off[l->i];

    if (!q->leader) {
        x_test_rr(&l->e, 8, g->reg, g->reg);
        q->from[0] = x_jcc(&l->e, CC_E);
        return x_at(g->reg, off);
    }
    copy_offset(l, q, at, g->lo - off);
    if (g->write && g->read)
        q->from[1] = check_all(l, g, window_of(seg, false), at);
    if (g->write)
        x_alu_rm(&l->e, X_SUB, 4, at, window_field(n, offsetof(struct tlb_window, lo)));
    q->from[0] = check_all(l, g, n, at);
    x_load(&l->e, 8, g->reg, window_host_at(n));
    x_lea(&l->e, 8, g->reg, x_idx(g->reg, at, 0, -g->lo));
    q->clear = g->reg;
    return x_at(g->reg, off);
}

static void load_shared(struct lower *l, const struct ir_insn *o, struct group *g, struct ool *q)
{
    unsigned at = q->leader ? ra_scratch(l) : 0;
    q->sync = flags_sync(l);
    unsigned d = ra_def(l, o->d, o->a);
    flags_resync(l, &q->sync);
    q->dst = (u8)d;
    load(l, o, d, share(l, g, q, at));
}

void lower_window_load(struct lower *l, const struct ir_insn *o)
{
    struct ool *q = ool_new(l, OOL_LOAD);
    struct group *g = share_begin(l, q);

    begin(l, o, q, o->op == IR_LDRMW ? SLOW_RMW : SLOW_READ);
    q->shared = g;
    if (g)
        load_shared(l, o, g, q);
    else if (o->op == IR_LDRMW)
        load_rmw(l, o, q);
    else
        load_plain(l, o, q);
    q->back = enc_pos(&l->e);
    if (g)
        share_end(l, g);
}

static struct x_mem store_at(struct lower *l, const struct ir_insn *o, struct ool *q)
{
    struct x_mem m;

    if (l->rmw.st && l->rmw.st == l->i) {
        unsigned at = l->rmw.entry;
        x_test_rr(&l->e, 8, at, at);
        q->from[0] = x_jcc(&l->e, CC_E);
        l->owner[at] = OWNER_FREE;
        l->rmw.st = 0;
        return x_at(at, 0);
    }
    unsigned at = ra_scratch(l), host = ra_scratch(l);
    copy_offset(l, q, at, 0);
    point(l, o, q, at, host, &m);
    return m;
}

void lower_window_store(struct lower *l, const struct ir_insn *o)
{
    struct ool *q = ool_new(l, OOL_STORE);
    struct group *g = share_begin(l, q);
    unsigned value = irv_is(o->b, IRV_CONST) ? (unsigned)HOST_NONE : ra_use(l, o->b);

    if (l->rmw.st && l->rmw.st == l->i)
        l->locked |= (u16)(1u << l->rmw.entry);
    begin(l, o, q, SLOW_WRITE);
    q->shared = g;
    struct x_mem m = g ? share(l, g, q, q->leader ? ra_scratch(l) : 0) : store_at(l, o, q);
    q->sync = flags_sync(l);
    q->value = (u8)value;
    q->imm = o->b.v;
    if (value == HOST_NONE)
        x_store_i(&l->e, o->size, m, o->b.v);
    else
        x_store(&l->e, o->size, m, value);
    q->back = enc_pos(&l->e);
    if (g)
        share_end(l, g);
}

void slow_window(struct lower *l, const struct ool *q)
{
    put_arg_reg(l, 0, q->addr, q->disp);
    if (q->addr != HOST_NONE && q->disp)
        x_alu_mi(&l->e, X_ADD, 4, arg_at(0, 0), (s32)q->disp);
    if (q->addr != HOST_NONE && q->wrap)
        x_store_i(&l->e, 2, x_at(RSP, FRAME_ARGS + 2), 0);
    put_arg_reg(l, 1, HOST_NONE, q->in_seg - 1u);
    if (q->kind == OOL_STORE)
        put_arg_reg(l, 2, q->value, q->imm);
    emit_call_stub(l, (q->shared ? STUB_TRY_WINDOW : STUB_WINDOW) + q->access * 3u +
                          (u32)__builtin_ctz(q->size));
}
