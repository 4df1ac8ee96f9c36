/* String instructions: MOVS, STOS, LODS, CMPS, SCAS. One iteration is lifted inline; with a REP
 * prefix a helper does as many as fit in one page and the instruction leaves to itself until it is
 * done, so that interrupts fall between. SDM volume 2, REP/REPE/REPNE. */
#include "cpu/help_str.h"
#include "cpu/lift.h"

static struct irv index_reg(struct lift *l, const struct insn *in, unsigned reg)
{
    if (in->addrsize == 4 && lift_code64(l))
        return lift_zext(l, ir_reg(reg));
    return in->addrsize == 2 ? ir_op1(l->ir, IR_EXT16U, ir_reg(reg)) : ir_reg(reg);
}

static struct irv load_source(struct lift *l, const struct insn *in, unsigned size)
{
    return lift_ld(l, in->seg, index_reg(l, in, ESI), size);
}

static struct irv load_dest(struct lift *l, const struct insn *in, unsigned size)
{
    return lift_ld(l, SEG_ES, index_reg(l, in, EDI), size);
}

static void store_dest(struct lift *l, const struct insn *in, unsigned size, struct irv v)
{
    lift_st(l, SEG_ES, index_reg(l, in, EDI), size, v);
}

/* reg += size in the direction of DF */
static void advance(struct lift *l, const struct insn *in, unsigned reg, unsigned size)
{
    struct irv df = ir_lds(l->ir, offsetof(struct cpu, df), 4), v;
    bool before = lift_width_addr(l, in);

    if (in->addrsize == 8)
        df = ir_op1(l->ir, IR_EXT32S, df);
    v = ir_lea(l->ir, ir_reg(reg), df, (unsigned)__builtin_ctz(size), 0);
    lift_width(l, before);
    lift_set_gpr(l, reg, in->addrsize, v);
}

/* Calls a helper that knows what an 80286 in real mode does to registers before it finds that a
 * word at offset FFFF does not fit. */
static void check_overrun(struct lift *l, const struct insn *in, enum overrun what, unsigned size)
{
    u32 rep = in->prefixes & (PFX_REP | PFX_REPNE);

    if (l->gen == ISA_286 && !(l->mode & MODE_PROT) && size == 2)
        ir_call(l->ir, HELPER_overrun, ir_const(what), ir_const(rep), IR_NONE, IR_NONE);
}

static bool repeated(const struct insn *in)
{
    return in->prefixes & (PFX_REP | PFX_REPNE);
}

/* One chunk; if there is more to do, back to the instruction itself. */
static void repeat(struct lift *l, const struct insn *in, enum helper h, unsigned size)
{
    u32 info = rep_info(size, in->addrsize, in->seg < SEG_COUNT ? in->seg : SEG_DS,
                        in->prefixes & PFX_REPNE);
    struct irv more = ir_call(l->ir, h, ir_const(info), IR_NONE, IR_NONE, IR_NONE);

    if (l->mode & MODE_EDGE) {
        lift_jump_ind(l, ir_sel(l->ir, IRC_NE, more, ir_const(0), ir_pcrel(l->ir, (s32)l->off),
                                ir_pcrel(l->ir, l->next)));
    } else {
        ir_xif(l->ir, IRC_NE, more, ir_const(0), (s32)l->off);
        ir_xjmp(l->ir, l->next);
        l->ended = true;
    }
}

void sem_movs(struct lift *l, const struct insn *in)
{
    unsigned size = opnd_size(l, in, 0);

    check_overrun(l, in, OVERRUN_MOVS, size);
    if (repeated(in)) {
        repeat(l, in, HELPER_rep_movs, size);
        return;
    }
    store_dest(l, in, size, load_source(l, in, size));
    advance(l, in, ESI, size);
    advance(l, in, EDI, size);
}

void sem_stos(struct lift *l, const struct insn *in)
{
    unsigned size = opnd_size(l, in, 0);

    check_overrun(l, in, OVERRUN_STOS, size);
    if (repeated(in)) {
        repeat(l, in, HELPER_rep_stos, size);
        return;
    }
    store_dest(l, in, size, ir_reg(EAX));
    advance(l, in, EDI, size);
}

void sem_lods(struct lift *l, const struct insn *in)
{
    unsigned size = opnd_size(l, in, 0);
    struct irv v;

    check_overrun(l, in, OVERRUN_LODS, size);
    if (repeated(in)) {
        repeat(l, in, HELPER_rep_lods, size);
        return;
    }
    v = load_source(l, in, size);
    advance(l, in, ESI, size);
    lift_set_gpr(l, EAX, size, v);
}

void sem_cmps(struct lift *l, const struct insn *in)
{
    unsigned size = opnd_size(l, in, 0);
    struct irv a, b;

    check_overrun(l, in, OVERRUN_CMPS, size);
    if (repeated(in)) {
        repeat(l, in, HELPER_rep_cmps, size);
        return;
    }
    b = load_dest(l, in, size); /* first, as real chips do */
    a = load_source(l, in, size);
    ir_flags(l->ir, FK_CMP, size, a, b, IR_NONE);
    advance(l, in, ESI, size);
    advance(l, in, EDI, size);
}

void sem_scas(struct lift *l, const struct insn *in)
{
    unsigned size = opnd_size(l, in, 0);
    struct irv b;

    check_overrun(l, in, OVERRUN_SCAS, size);
    if (repeated(in)) {
        repeat(l, in, HELPER_rep_scas, size);
        return;
    }
    b = load_dest(l, in, size);
    ir_flags(l->ir, FK_CMP, size, ir_reg(EAX), b, IR_NONE);
    advance(l, in, EDI, size);
}
