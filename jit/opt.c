/* The optimizer: four linear passes over a block, with tables by temporary and by register instead
 * of searches, because translation time is part of what the guest feels.
 *
 *   forward   copy and constant propagation, folding, narrowing, address folding (opt_fold.c)
 *   backward  dead code, liveness of flags and guest registers
 *   coalesce  `t = op ...; MOV reg, t` becomes `reg = op ...`: the write moves up or the op down
 *   compact   renames what was coalesced and closes the gaps
 *
 * Invariants: registers and flags are exact wherever something may look (ops that may fault or
 * leave, helpers that read them); temporaries are assigned once; op indices do not change before
 * compact(). */
#include "jit/opt.h"

#include "cpu/flags.h"
#include "cpu/state.h"

enum { NO_REG = GPR_COUNT, ALL_REGS = (1 << GPR_COUNT) - 1 };

/* What an op does beyond its operands. */
struct effects {
    bool may_leave;  /* may fault, leave, or let a helper see and change registers */
    bool all_regs;   /* a helper may write every register */
    bool flags_lost; /* the lazy flags are not known afterwards */
    u8 observes;     /* FLO_FAULT, FLO_EXIT: who sees all flags before it */
};

static struct effects call_effects(const struct ir_insn *o)
{
    u8 hf = helper_info[o->imm].flags;
    return (struct effects){
        .may_leave = hf & (HF_REGS | HF_FAULT),
        .all_regs = hf & HF_REGS,
        .flags_lost = hf & HF_FLAGS_W,
        /* a helper may write flags on some paths only: it counts as a reader */
        .observes = hf & (HF_FLAGS_R | HF_FLAGS_W | HF_FAULT) ? FLO_EXIT : 0,
    };
}

static struct effects effects_of(const struct ir_insn *o)
{
    struct effects e = {0};
    u8 flags = ir_op_info[o->op].flags;
    if (o->op == IR_CALL)
        return call_effects(o);
    if (flags & IRF_F) {
        e.may_leave = true;
        e.observes = flags & IRF_X ? FLO_EXIT : FLO_FAULT;
    }
    if (flags & IRF_FW)
        e.flags_lost = true;
    if (o->op == IR_INSN && o->cc) { /* the interpreter may stop here */
        e.may_leave = true;
        e.observes = FLO_EXIT;
    }
    return e;
}

/* -- forward -- */

static bool same_value(struct irv x, struct irv y)
{
    return x.kind == y.kind && x.v == y.v;
}

static struct irv holder_of(const struct opt *p, struct irv x)
{
    if (irv_is(x, IRV_TEMP)) {
        u8 r = p->temp[x.v].holder;
        if (r != NO_REG && same_value(p->held[r], x))
            return ir_reg(r);
    }
    return x;
}

/* The best operand for x at the current point. */
static struct irv resolve(const struct opt *p, struct irv x)
{
    if (irv_is(x, IRV_REG))
        return irv_is(p->held[x.v], IRV_CONST) ? p->held[x.v] : x;
    if (!irv_is(x, IRV_TEMP))
        return x;
    struct irv is = p->temp[x.v].is;
    if (irv_is(is, IRV_CONST))
        return is;
    if (irv_is(is, IRV_REG))
        return p->last_write[is.v] < p->temp[x.v].def ? is : holder_of(p, x);
    return holder_of(p, is);
}

bool opt_has_high(const struct opt *p, struct irv x)
{
    switch ((enum irv_kind)x.kind) {
    case IRV_REG: return p->high[x.v];
    case IRV_TEMP: return p->temp[x.v].high;
    default: return false;
    }
}

/* A negative constant is another value to a wide op than to others: x equals it to a wide op only
 * if a wide op has made x, which has `high` set then. */
struct irv opt_resolve(const struct opt *p, struct irv x, bool wide)
{
    struct irv r = resolve(p, x);
    bool negative = irv_is(r, IRV_CONST) && !irv_is(x, IRV_CONST) && (s32)r.v < 0;
    return negative && wide && !opt_has_high(p, x) ? x : r;
}

static void resolve_inputs(const struct opt *p, struct ir_insn *o)
{
    unsigned n = ir_op_info[o->op].ins;
    if (n > 0)
        o->a = opt_resolve(p, o->a, o->wide);
    if (n > 1)
        o->b = opt_resolve(p, o->b, o->wide);
    if (n > 2) {
        o->c = opt_resolve(p, o->c, o->wide);
        o->e = opt_resolve(p, o->e, o->wide);
    }
}

/* May bits 63:32 of what o leaves be other than 0? */
static bool makes_high(const struct opt *p, const struct ir_insn *o)
{
    switch ((enum ir_op)o->op) {
    case IR_MOV:
        if (irv_is(o->a, IRV_CONST))
            return o->wide && (s32)o->a.v < 0;
        return o->wide && opt_has_high(p, o->a);
    case IR_LD:
    case IR_LDRMW:
    case IR_LDS: return o->size == 8;
    case IR_LDSX: return o->cc & IR_SX64;
    case IR_EXT8U:
    case IR_EXT16U:
    case IR_EXTH8:
    case IR_CTZ:
    case IR_BSR:
    case IR_SETC: return false;
    default: return o->wide;
    }
}

/* Does o, a MOV, cut its input to 32 bits? */
static bool is_cut(const struct opt *p, const struct ir_insn *o)
{
    return !o->wide && opt_has_high(p, o->a);
}

static void define(struct opt *p, struct irv d, struct irv value, s32 at, bool high)
{
    if (irv_is(d, IRV_TEMP)) {
        p->temp[d.v] = (struct opt_temp){
            .is = irv_is(value, IRV_NONE) ? d : value,
            .def = at,
            .high = high,
            .last_use = -1,
            .holder = NO_REG,
            .reg = NO_REG,
        };
    } else if (irv_is(d, IRV_REG)) {
        if (irv_is(value, IRV_REG))
            value = p->held[value.v];
        p->held[d.v] = value;
        p->high[d.v] = high;
        p->last_write[d.v] = at;
        if (irv_is(value, IRV_TEMP))
            p->temp[value.v].holder = (u8)d.v;
    }
}

/* MOV of what the register already holds */
static bool is_idle_move(const struct opt *p, const struct ir_insn *o)
{
    if (o->op != IR_MOV || !irv_is(o->d, IRV_REG) || is_cut(p, o))
        return false;
    if (irv_is(o->a, IRV_CONST) && (s32)o->a.v < 0 && o->wide != p->high[o->d.v])
        return false;
    return same_value(o->d, o->a) || (!irv_is(o->a, IRV_REG) && same_value(p->held[o->d.v], o->a));
}

/* Op o at i writes flags. */
static void define_flags(struct opt *p, const struct ir_insn *o, s32 i)
{
    bool bits = o->op == IR_FLAGBITS || o->op == IR_FLAGBITSIF;
    s32 def = ir_op_info[o->op].flags & IRF_FW ? i : -1;
    if (!bits || !irv_is(o->a, IRV_NONE))
        p->cf_def = def;
    if (!bits || !irv_is(o->b, IRV_NONE))
        p->of_def = def;
    if (!bits)
        p->flags_def = def;
}

static void forward(struct opt *p)
{
    bool called = false; /* the instruction at hand has called a helper that may have done I/O */
    bool code64 = p->ir->mode & MODE_CODE64;
    p->flags_def = p->cf_def = p->of_def = -1;
    for (unsigned r = 0; r < GPR_COUNT; r++)
        p->high[r] = code64;
    for (u32 i = 0; i < p->ir->nops; i++) {
        struct ir_insn *o = &p->ir->ops[i];
        if (o->op == IR_INSN) {
            o->cc = called;
            called = false;
            continue;
        }
        resolve_inputs(p, o);
        opt_fold(p, o);
        if (o->op == OPT_REMOVED)
            continue;
        if (is_idle_move(p, o)) {
            o->op = OPT_REMOVED;
            continue;
        }
        if (o->op == IR_CALL)
            called |= (helper_info[o->imm].flags & HF_FAULT) != 0;
        struct effects e = effects_of(o);
        if (e.flags_lost)
            define_flags(p, o, (s32)i);
        if (e.all_regs) {
            for (unsigned r = 0; r < GPR_COUNT; r++)
                define(p, ir_reg(r), IR_NONE, (s32)i, code64);
        }
        bool high = makes_high(p, o), copies = o->op == IR_MOV && !is_cut(p, o);
        define(p, o->d, copies ? o->a : IR_NONE, (s32)i, high);
        define(p, o->d2, IR_NONE, (s32)i, high);
    }
}

/* -- backward -- */

struct liveness {
    u8 flags[FG_COUNT]; /* FLO_* */
    u8 regs;            /* bit by register */
};

static bool is_dead(const struct opt *p, struct irv d, const struct liveness *l)
{
    switch ((enum irv_kind)d.kind) {
    case IRV_TEMP: return p->temp[d.v].uses == 0;
    case IRV_REG: return !(l->regs >> d.v & 1);
    default: return true;
    }
}

/* Groups of flags that o, which writes some, defines. */
static u8 flags_written(const struct ir_insn *o)
{
    if (o->op == IR_FLAGS || o->op == IR_FLAGSIF)
        return (1 << FG_COUNT) - 1;
    return (u8)((irv_is(o->a, IRV_NONE) ? 0 : 1 << FG_CF) |
                (irv_is(o->b, IRV_NONE) ? 0 : 1 << FG_OF));
}

/* What op o does to the liveness of the flags. */
static void flow_flags(const struct ir_insn *o, struct effects e, struct liveness *l)
{
    u8 written = ir_op_info[o->op].flags & IRF_FW ? flags_written(o) : 0, used = 0;
    if (o->op == IR_GETFL)
        used = (1 << FG_COUNT) - 1;
    else if (ir_op_info[o->op].flags & IRF_FR)
        used = opt_condition_needs(o->cc);
    for (unsigned g = 0; g < FG_COUNT; g++) {
        if (written >> g & 1)
            l->flags[g] = 0;
        l->flags[g] |= (u8)(e.observes | (used >> g & 1 ? FLO_USE : 0));
    }
}

/* Does nothing need op o? Flags ops get their live field. */
static bool is_useless(const struct opt *p, struct ir_insn *o, const struct liveness *l)
{
    u8 flags = ir_op_info[o->op].flags;
    if (flags & IRF_FW) {
        u8 groups = flags_written(o);
        if (!(flags & IRF_X)) /* else what the forward pass has folded may rely on it */
            o->live = 0;
        for (unsigned g = 0; g < FG_COUNT; g++)
            o->live |= groups >> g & 1 ? l->flags[g] : 0;
        if (groups == (1 << FG_CF | 1 << FG_OF)) { /* FLAGBITS */
            o->a = l->flags[FG_CF] ? o->a : IR_NONE;
            o->b = l->flags[FG_OF] ? o->b : IR_NONE;
        }
        return o->live == 0;
    }
    return flags & IRF_P && is_dead(p, o->d, l) && is_dead(p, o->d2, l);
}

static void use(struct opt *p, struct irv x, s32 at, u8 need, struct liveness *l)
{
    if (irv_is(x, IRV_TEMP)) {
        struct opt_temp *t = &p->temp[x.v];
        t->uses++;
        if (t->need < need)
            t->need = need;
        if (t->last_use < 0)
            t->last_use = at;
    } else if (irv_is(x, IRV_REG)) {
        l->regs |= (u8)(1 << x.v);
    }
}

/* How many bytes of input b of o count (of a, for flags). */
static u8 bytes_needed(const struct ir_insn *o, bool of_a)
{
    switch (o->op) {
    case IR_ST: return of_a ? 8 : o->size;
    case IR_DEP16: return of_a ? 8 : 2;
    case IR_DEP8: return of_a ? 8 : 1;
    case IR_FLAGS: return o->cc == FK_EFLAGS || o->cc == FK_MUL ? 8 : o->size;
    default: return 8;
    }
}

static void kill_reg(struct irv d, struct liveness *l)
{
    if (irv_is(d, IRV_REG))
        l->regs &= (u8) ~(1 << d.v);
}

static void backward(struct opt *p)
{
    struct liveness l = {{FLO_EXIT, FLO_EXIT, FLO_EXIT}, ALL_REGS};
    for (s32 i = (s32)p->ir->nops - 1; i >= 0; i--) {
        struct ir_insn *o = &p->ir->ops[i];
        if (o->op == OPT_REMOVED)
            continue;
        if (is_useless(p, o, &l)) {
            o->op = OPT_REMOVED;
            continue;
        }
        struct effects e = effects_of(o);
        kill_reg(o->d, &l);
        kill_reg(o->d2, &l);
        if (e.may_leave)
            l.regs = ALL_REGS;
        flow_flags(o, e, &l);
        unsigned n = ir_op_info[o->op].ins;
        if (n > 0)
            use(p, o->a, i, bytes_needed(o, true), &l);
        if (n > 1)
            use(p, o->b, i, bytes_needed(o, false), &l);
        if (n > 2) {
            use(p, o->c, i, 8, &l);
            use(p, o->e, i, 8, &l);
        }
        if (o->op == IR_CALL && irv_is(o->d, IRV_TEMP) && !p->temp[o->d.v].uses)
            o->d = IR_NONE;
    }
}

/* -- coalesce -- */

struct progress {
    s32 barrier; /* last op that may look at registers */
    s32 read[GPR_COUNT], write[GPR_COUNT];
};

/* `t = op` at i, `MOV r, t` at m: may the op write r at once? */
static bool can_hoist(const struct opt *p, const struct progress *g, u32 r,
                      const struct opt_temp *t, s32 m)
{
    const struct ir_insn *def = &p->ir->ops[t->def];
    return t->last_use == m && g->barrier <= t->def && g->read[r] <= t->def &&
           g->write[r] < t->def && !effects_of(def).all_regs;
}

static bool unchanged(const struct opt *p, const struct progress *g, struct irv x, s32 since)
{
    if (irv_is(x, IRV_REG))
        return g->write[x.v] < since;
    return !irv_is(x, IRV_TEMP) || p->temp[x.v].reg == NO_REG;
}

/* May the op move down to the MOV? */
static bool can_sink(const struct opt *p, const struct progress *g, const struct opt_temp *t)
{
    const struct ir_insn *def = &p->ir->ops[t->def];
    return t->uses == 1 && (ir_op_info[def->op].flags & (IRF_P | IRF_FR)) == IRF_P &&
           def->op != IR_LDS && irv_is(def->d2, IRV_NONE) && unchanged(p, g, def->a, t->def) &&
           unchanged(p, g, def->b, t->def) && unchanged(p, g, def->c, t->def) &&
           unchanged(p, g, def->e, t->def);
}

static bool may_be_partial(u8 op)
{
    return op == IR_ADD || op == IR_SUB || op == IR_AND || op == IR_OR || op == IR_XOR ||
           op == IR_NOT || op == IR_NEG;
}

/* `t = op x, y` and `DEP16 x, t` at o: one op of that size. */
static void merge_partial(struct opt *p, const struct progress *g, struct ir_insn *o)
{
    const struct opt_temp *t = irv_is(o->b, IRV_TEMP) ? &p->temp[o->b.v] : NULL;
    struct ir_insn *def = t ? &p->ir->ops[t->def] : NULL;
    struct irv b;
    u8 op;
    if (!t || t->reg != NO_REG || t->uses != 1 || irv_is(o->a, IRV_CONST))
        return;
    op = def->op;
    b = def->b;
    if (op == IR_LEA && irv_is(def->b, IRV_NONE)) {
        op = IR_ADD;
        b = ir_const(def->imm);
    }
    if (!may_be_partial(op) || (def->op != IR_LEA && def->size) ||
        !unchanged(p, g, def->a, t->def) || !unchanged(p, g, def->b, t->def))
        return;
    if (!same_value(def->a, o->a)) {
        if (!same_value(b, o->a) || op == IR_SUB)
            return;
        b = def->a;
    }
    o->size = o->op == IR_DEP16 ? 2 : 1;
    o->op = op;
    o->b = b;
    def->op = OPT_REMOVED;
}

/* The result of o goes nowhere but into flags and low parts: at its own size it leaves the flags
 * that are asked for. */
static void narrow_op(const struct opt *p, struct ir_insn *o, const struct ir_insn *next)
{
    if (irv_is(o->d, IRV_TEMP) && !o->size && !irv_is(o->a, IRV_CONST) && next->op == IR_FLAGS &&
        (next->live & FLO_USE) && same_value(next->a, o->d) && next->size < 4 &&
        p->temp[o->d.v].need <= next->size)
        o->size = next->size;
}

/* MOV reg, t at m */
static void coalesce_move(struct opt *p, struct progress *g, struct ir_insn *mov, s32 m)
{
    u32 r = mov->d.v, tn = mov->a.v;
    struct opt_temp *t = &p->temp[tn];
    struct ir_insn *def = &p->ir->ops[t->def];
    if (t->reg != NO_REG || (t->high && !mov->wide))
        return;
    if (can_hoist(p, g, r, t, m)) {
        if (irv_is(def->d, IRV_TEMP) && def->d.v == tn)
            def->d = mov->d;
        else
            def->d2 = mov->d;
        t->reg = (u8)r;
        g->read[r] = g->write[r] = m;
        mov->op = OPT_REMOVED;
    } else if (can_sink(p, g, t)) { /* its temporaries have no MOV of their own in between */
        *mov = *def;
        mov->d = ir_reg(r);
        def->op = OPT_REMOVED;
    }
}

static void note_read(const struct opt *p, struct progress *g, struct irv x, s32 at)
{
    if (irv_is(x, IRV_REG))
        g->read[x.v] = at;
    else if (irv_is(x, IRV_TEMP) && p->temp[x.v].reg != NO_REG)
        g->read[p->temp[x.v].reg] = at;
}

/* The op after i that is still there. */
static const struct ir_insn *next_of(const struct opt *p, s32 i)
{
    while (p->ir->ops[++i].op == OPT_REMOVED)
        ;
    return &p->ir->ops[i];
}

static void coalesce(struct opt *p)
{
    struct progress g = {.barrier = -1};
    for (unsigned r = 0; r < GPR_COUNT; r++)
        g.read[r] = g.write[r] = -1;
    for (s32 i = 0; i < (s32)p->ir->nops; i++) {
        struct ir_insn *o = &p->ir->ops[i];
        if (o->op == IR_DEP16 || o->op == IR_DEP8)
            merge_partial(p, &g, o);
        else if (may_be_partial(o->op))
            narrow_op(p, o, next_of(p, i));
        else if (o->op == IR_MOV && irv_is(o->d, IRV_REG) && irv_is(o->a, IRV_TEMP))
            coalesce_move(p, &g, o, i);
        if (o->op == OPT_REMOVED)
            continue;
        note_read(p, &g, o->a, i);
        note_read(p, &g, o->b, i);
        note_read(p, &g, o->c, i);
        note_read(p, &g, o->e, i);
        if (irv_is(o->d, IRV_REG))
            g.write[o->d.v] = i;
        if (irv_is(o->d2, IRV_REG))
            g.write[o->d2.v] = i;
        if (effects_of(o).may_leave)
            g.barrier = i;
        if (effects_of(o).all_regs) {
            for (unsigned r = 0; r < GPR_COUNT; r++)
                g.write[r] = i;
        }
    }
}

/* -- compact -- */

static void rename_temp(const struct opt *p, struct irv *x)
{
    if (irv_is(*x, IRV_TEMP) && p->temp[x->v].reg != NO_REG)
        *x = ir_reg(p->temp[x->v].reg);
}

static void compact(struct opt *p)
{
    u32 n = 0;
    for (u32 i = 0; i < p->ir->nops; i++) {
        struct ir_insn *o = &p->ir->ops[i];
        if (o->op == OPT_REMOVED)
            continue;
        rename_temp(p, &o->a);
        rename_temp(p, &o->b);
        rename_temp(p, &o->c);
        rename_temp(p, &o->e);
        if (n != i)
            p->ir->ops[n] = *o;
        n++;
    }
    p->ir->nops = n;
}

void ir_optimize(struct ir *ir)
{
    struct opt p;
    p.ir = ir;
    for (unsigned r = 0; r < GPR_COUNT; r++) {
        p.held[r] = IR_NONE;
        p.last_write[r] = -1;
    }
    forward(&p);
    backward(&p);
    coalesce(&p);
    compact(&p);
}
