/* Calls of helpers and ways out of a block. A direct exit is one jump, which chain() lets lead
 * straight to the next block; until then it leads to a stub that returns to the run loop. One to
 * another page tests first that the page is mapped as it was. Any other exit looks its EIP up in
 * the jump cache and goes on from there, or returns. At every exit the registers of the lazy flags
 * are complete; the budget gets back the instructions that were not run. */
#include "jit/a64/lower.h"

static void put_arg(struct lower *l, unsigned reg, struct irv x)
{
    const struct ir_insn *o = &l->ir->ops[l->i];
    if (irv_is(x, IRV_CONST) || irv_is(x, IRV_NONE))
        a_mov_imm64(&l->e, reg, irv_is(x, IRV_CONST) ? ir_const_value(o, x) : 0);
    else
        a_mov(&l->e, o->wide, reg, ra_use(l, x));
}

/* Helpers that the host has an instruction for. */
static bool lower_native_call(struct lower *l, const struct ir_insn *o)
{
    unsigned n = o->imm - HELPER_crc32_8;
    if (n > 2 || !l->be->crc32)
        return false;
    unsigned sum = ra_use(l, o->a), data = ra_use(l, o->b);
    a_crc32c(&l->e, n, ra_def(l, o->d, IR_NONE), sum, data);
    return true;
}

void lower_call(struct lower *l, const struct ir_insn *o)
{
    if (lower_native_call(l, o))
        return;
    const struct helper_info *h = &helper_info[o->imm];
    const struct irv args[4] = {o->a, o->b, o->c, o->e};
    if (h->flags & (HF_FAULT | HF_FLAGS_R | HF_FLAGS_W | HF_REGS))
        flags_sync_inline(l);
    for (unsigned n = 0; n < h->nargs; n++)
        put_arg(l, n + 1, args[n]);
    if (h->flags & HF_FAULT)
        emit_place(l, l->off, l->left);
    if (h->flags & HF_REGS) {
        for (unsigned g = 0; g < GPR_COUNT; g++)
            ra_reg_written(l, g);
    }
    emit_call_stub(l, STUB_HELPER + o->imm);
    if (h->returns && ra_is_wanted(l, o->d))
        a_mov(&l->e, o->wide, ra_def(l, o->d, IR_NONE), 0);
    if (h->flags & HF_FLAGS_W)
        l->fl = (struct recipe){0};
}

/* -- leaving, the flags in their registers -- */

/* X0 = EIP. Goes on with the block that the jump cache has for it. */
static void emit_look_up(struct lower *l)
{
    bool flat = l->ir->mode & MODE_CS_FLAT, user = l->ir->mode & MODE_USER;
    if (mode_priv(l->ir->mode) == PRIV_SUPER_AC)
        emit_jmp_stub(l, STUB_EXIT_EIP); /* rare, and its tables are elsewhere */
    else if (is_code64(l))
        emit_jmp_stub(l, STUB_LOOK_UP64 + user);
    else
        emit_jmp_stub(l, STUB_LOOK_UP + 2u * flat + user);
}

/* The jump that chain() patches. */
static void emit_patched(struct lower *l, s8 slot, u64 host)
{
    struct a_enc *e = &l->e;
    u32 cold = (u32)((u8 *)l->b->cold - l->be->mem.rx) + EXIT_STUB_BYTES * (u32)slot;
    l->b->exits[slot].patch = l->base + a_pos(e);
    if (l->be->far_jumps) {
        a_load_literal(e, A_IP0, EXIT_TARGET);
        a_br(e, A_IP0);
        a_quad(e, (u64)(uintptr_t)(l->be->mem.rx + cold));
    } else {
        a_jump_to(e, (s64)cold - l->base);
    }
    if (host)
        a_quad(e, host);
}

/* To another page: chained as if in the same page, but what is mapped there is looked at each time.
 * chain() fills in the page's host address. */
static void emit_far(struct lower *l, u32 imm, s8 slot)
{
    struct a_enc *e = &l->e;
    emit_eip(l, 0, imm & ~PAGE_MASK, 1);
    emit_page_entry(l);
    /* from the load: comparison, B.NE and STR, then the jump */
    a_load_literal(e, 2, 16 + (l->be->far_jumps ? EXIT_HOST : EXIT_HOST_NEAR));
    emit_page_compare(l);
    u32 elsewhere = a_jump_if(e, A_NE);
    a_access(e, A_STR_X, 0, REG_CPU, CPU_OFF(eip_page));
    emit_patched(l, slot, FAR_NOWHERE);
    a_bind(e, elsewhere);
    a_jump_to(e, (s64)((u8 *)l->b->cold - l->be->mem.rx) + EXIT_STUB_BYTES * slot - l->base);
}

/* To page offset imm; slot: its exit, or -1. */
static void emit_direct(struct lower *l, u32 imm, s8 slot)
{
    struct a_enc *e = &l->e;
    if (slot >= 0 && imm < PAGE_SIZE) {
        emit_patched(l, slot, 0);
    } else if (slot >= 0) {
        emit_far(l, imm, slot);
    } else if (imm < PAGE_SIZE) {
        a_mov_imm(e, 0, imm);
        emit_jmp_stub(l, STUB_EXIT_OFF);
    } else {
        emit_eip(l, 0, imm, 1);
        emit_look_up(l);
    }
}

static void emit_give_back(struct lower *l, u32 insns)
{
    if (insns)
        a_addsub_imm(&l->e, 1, A_ADD, REG_BUDGET, REG_BUDGET, insns);
}

static s8 take_slot(struct lower *l, const struct ir_insn *o)
{
    if (!block_exit_chainable(o, l->ir->mode & MODE_CS_FLAT) || (u8)l->nslots == l->b->nexits)
        return -1;
    return l->nslots++;
}

/* -- conditional -- */

static void side_exit(struct lower *l, const struct ir_insn *o, enum a_cond c)
{
    if (ir_ends(&l->ir->ops[l->i +
                            1])) /* both ways need the flags in their registers; moves keep NZCV */
        flags_sync_inline(l);
    s8 slot = take_slot(l, o);
    struct ool *q = ool_new(l, OOL_EXIT);
    q->sync = flags_sync(l);
    q->imm = o->imm;
    q->slot = slot;
    q->from[0] = a_jump_if(&l->e, c);
}

void lower_xcc(struct lower *l, const struct ir_insn *o)
{
    side_exit(l, o, flags_to_host(l, o->cc));
}

void lower_xif(struct lower *l, const struct ir_insn *o)
{
    side_exit(l, o, lower_compare(l, o));
}

void ool_exit(struct lower *l, const struct ool *q)
{
    a_bind(&l->e, q->from[0]);
    flags_store(l, &q->sync);
    emit_give_back(l, q->left ? q->left - 1u : 0);
    emit_direct(l, q->imm, q->slot);
}

/* An instruction that does nothing if its count is 0: that is rare, and then the block is left, so
 * that the flags are known afterwards. No slot: it would be one less for jumps. */
void lower_leave_if_zero(struct lower *l, const struct ir_insn *o)
{
    struct ool *q = ool_new(l, OOL_OVER);
    a_logic_imm(&l->e, 0, A_ANDS, A_ZR, ra_use(l, o->e), ir_count_mask(o->wide));
    l->scratch = 0;
    q->sync = flags_sync(l);
    q->imm = o->imm;
    q->from[0] = a_jump_if(&l->e, A_EQ);
}

void ool_over(struct lower *l, const struct ool *q)
{
    a_bind(&l->e, q->from[0]);
    flags_store(l, &q->sync);
    emit_give_back(l, q->left ? q->left - 1u : 0);
    emit_eip(l, 0, q->imm, 1);
    emit_look_up(l);
}

/* -- final -- */

void lower_end(struct lower *l, const struct ir_insn *o)
{
    struct a_enc *e = &l->e;
    flags_sync_inline(l);
    unsigned eip = o->op == IR_XIND ? ra_use(l, o->a) : 0;
    emit_give_back(l, l->left ? l->left - 1 : 0);
    switch ((enum ir_op)o->op) {
    case IR_XJMP: emit_direct(l, o->imm, take_slot(l, o)); break;
    case IR_XIND:
        if (eip != 0)
            a_mov(e, 1, 0, eip);
        emit_look_up(l);
        break;
    case IR_XNEXT:
        emit_eip(l, 0, o->imm, 1);
        a_access(e, A_STR_X, 0, REG_CPU, CPU_OFF(eip));
        emit_jmp_stub(l, STUB_EXIT_EVENT);
        break;
    default: emit_jmp_stub(l, STUB_EXIT_EVENT); break; /* XLOOP */
    }
    l->ended = true;
}
