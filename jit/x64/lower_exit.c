/* Calls of helpers and ways out of a block. A direct exit within the page is one jump, which
 * chain() lets lead straight to the next block; until then it leads to a stub that returns to the
 * run loop. One to another page tests first that the page is mapped as it was. Any other exit looks
 * its EIP up in the jump cache and goes on from there, or returns. At every exit memory has the
 * guest's flags; the budget gets back the instructions that were not run. */
#include "jit/x64/lower.h"

#include "base/check.h"

#include "cpu/vec.h"

static void put_arg(struct lower *l, unsigned size, unsigned n, struct irv x)
{
    if (irv_is(x, IRV_CONST))
        x_store_i(&l->e, size, arg_at(0, n), x.v);
    else
        x_store(&l->e, size, arg_at(0, n), ra_use(l, x));
}

/* Helpers that the host has an instruction for. */
static bool lower_native_call(struct lower *l, const struct ir_insn *o)
{
    static const u8 sizes[] = {1, 2, 4};
    unsigned n = o->imm - HELPER_crc32_8;
    if ((o->imm == HELPER_popcnt || o->imm == HELPER_popcnt64) && l->be->popcnt) {
        unsigned a = ra_use(l, o->a);
        u32 popcnt = 0xb8 | XO_0F | XO_F3 | XO_FL | (o->wide ? XO_W : 0);
        x_rr(&l->e, popcnt, ra_def(l, o->d, o->a), a);
        return true;
    }
    if (n >= ARRAY_LEN(sizes) || !(l->be->vec & VA_SSE42))
        return false;
    unsigned sum = ra_use(l, o->a), data = ra_use(l, o->b), r = ra_scratch(l);
    x_mov_rr(&l->e, 4, r, sum);
    x_crc32(&l->e, sizes[n], r, data);
    x_mov_rr(&l->e, 4, ra_def(l, o->d, IR_NONE), r);
    return true;
}

void lower_call(struct lower *l, const struct ir_insn *o)
{
    if (lower_native_call(l, o) || lower_divide(l, o))
        return;
    const struct helper_info *h = &helper_info[o->imm];
    const struct irv args[4] = {o->a, o->b, o->c, o->e};
    if (h->flags & (HF_FAULT | HF_FLAGS_R | HF_FLAGS_W | HF_REGS))
        flags_sync_inline(l);
    else if (h->flags & HF_SEGS)
        x87_store_place(l);
    for (unsigned n = 0; n < h->nargs; n++)
        put_arg(l, width_of(o), n, args[n]);
    ra_unlock_all(l);
    if (h->flags & HF_FAULT)
        emit_place(l, l->off, l->left);
    if (h->flags & HF_REGS) {
        for (unsigned g = 0; g < GPR_COUNT; g++)
            ra_reg_written(l, g);
    }
    emit_call_stub(l, STUB_HELPER + o->imm);
    l->vec.on = VU_OFF;
    l->x87.at = X87_AT_EITHER;
    l->x87.checked = false;
    if (h->returns && ra_is_wanted(l, o->d))
        x_load(&l->e, width_of(o), ra_def(l, o->d, IR_NONE), arg_at(0, 0));
    if (h->flags & HF_FLAGS_W) {
        l->fl = (struct recipe){0};
        l->hf_mask = 0;
    }
}

/* -- leaving, everything stored -- */

enum { JUMP_ENTRY_LOG2 = 5 };
_Static_assert(sizeof(struct jump_cache_entry) == 1 << JUMP_ENTRY_LOG2 && JUMP_CACHE_BITS == 16,
               "the look-up computes the index by a move and a shift");

/* r8 = EIP at a page offset, which may be outside the page. */
static void load_eip(struct lower *l, u32 page_off)
{
    x_load(&l->e, l->word, R8, cpu_at(CPU_OFF(eip_page)));
    x_alu_ri(&l->e, X_ADD, l->word, R8, (s32)page_off);
}

/* A field of the entry at R9. */
static struct x_mem jump_entry(size_t field)
{
    return x_idx(REG_CPU, R9, 0, CPU_OFF(jump_cache) + (s32)field);
}

/* r8 = EIP. Goes on with the block that the jump cache has for it. */
static void emit_look_up(struct lower *l)
{
    struct enc *e = &l->e;
    bool flat = l->ir->mode & MODE_CS_FLAT;
    enum priv priv = l->ir->mode & MODE_USER ? PRIV_USER : PRIV_SUPER;
    s64 miss = (s64)l->be->stub[STUB_EXIT_EIP] - l->base;
    x_zx(e, 2, R9, R8); /* jump_cache_index() */
    x_shift_ri(e, X_SHL, 4, R9, JUMP_ENTRY_LOG2);
    x_alu_rm(e, X_CMP, 4, R8, jump_entry(offsetof(struct jump_cache_entry, eip)));
    x_jcc_to(e, CC_NE, miss);
    if (!flat) {
        x_mov_rr(e, 4, R10, R8);
        x_alu_rm(e, X_ADD, 4, R10, cpu_at(CPU_OFF(seg[SEG_CS].base)));
        x_mov_rr(e, 4, R11, R10);
    }
    tlb_find(l->be, e, l->code64, (struct tlb_regs){flat ? R8 : R10, R10, R11}, priv, ACCESS_EXEC);
    if (l->code64)
        x_jcc_to(e, CC_NE, miss);
    tlb_load(e, l->code64, R10, priv, ACCESS_EXEC);
    x_alu_rm(e, X_OR, 8, R10, cpu_at(CPU_OFF(jump_tag)));
    x_alu_rm(e, X_CMP, 8, R10, jump_entry(offsetof(struct jump_cache_entry, where)));
    x_jcc_to(e, CC_NE, miss);
    if (flat) {
        x_alu_ri(e, X_AND, l->word, R8, -(s32)PAGE_SIZE);
    } else {
        x_alu_ri(e, X_AND, 4, R11, PAGE_MASK);
        x_alu_rr(e, X_SUB, 4, R8, R11);
    }
    x_store(e, 8, cpu_at(CPU_OFF(eip_page)), R8);
    x_rm(e, 0xff, 4, jump_entry(offsetof(struct jump_cache_entry, code)));
}

/* Where exit `slot` leads while it is not chained. */
static void exit_stub(struct lower *l, s8 slot)
{
    l->exit_stub[slot] = l->base + enc_pos(&l->e);
    x_mov_ri64(&l->e, R8, (u64)(uintptr_t)&l->b->exits[slot]);
    emit_jmp_stub(l, STUB_EXIT_SLOT);
}

void ool_slot(struct lower *l, struct ool *q)
{
    for (unsigned n = 0; n < ARRAY_LEN(q->from); n++) {
        if (q->from[n])
            x_bind(&l->e, q->from[n]);
    }
    exit_stub(l, q->slot);
}

static struct ool *new_slot(struct lower *l, s8 slot)
{
    struct ool *q = ool_new(l, OOL_SLOT);
    q->slot = slot;
    return q;
}

/* To another page: chained as if in the same page, but what is mapped there is looked at each time.
 * chain() fills in the page's host address. */
static void emit_far(struct lower *l, u32 imm, s8 slot)
{
    struct enc *e = &l->e;
    enum priv priv = l->ir->mode & MODE_USER ? PRIV_USER : PRIV_SUPER;
    struct ool *q = new_slot(l, slot);
    load_eip(l, imm & ~PAGE_MASK);
    tlb_find(l->be, e, l->code64, (struct tlb_regs){R8, R9, R10}, priv, ACCESS_EXEC);
    if (l->code64)
        q->from[2] = x_jcc(e, CC_NE);
    tlb_load(e, l->code64, R9, priv, ACCESS_EXEC);
    x_alu_rr(e, X_ADD, 8, R9, R8);
    u32 host = x_mov_r64(e, R10, FAR_NOWHERE);
    x_alu_rr(e, X_CMP, 8, R9, R10);
    q->from[0] = x_jcc(e, CC_NE);
    x_store(e, 8, cpu_at(CPU_OFF(eip_page)), R8);
    q->from[1] = x_jmp(e);
    CHECK(q->from[1] - host == FAR_HOST, "the place of a far exit's host address");
    l->b->exits[slot].patch = l->base + q->from[1];
}

/* To page offset imm; slot: its exit, or -1. */
static void emit_direct(struct lower *l, u32 imm, s8 slot)
{
    struct enc *e = &l->e;
    if (slot >= 0 && imm < PAGE_SIZE) {
        struct ool *q = new_slot(l, slot);
        q->from[0] = x_jmp(e);
        l->b->exits[slot].patch = l->base + q->from[0];
    } else if (slot >= 0) {
        emit_far(l, imm, slot);
    } else if (imm < PAGE_SIZE) {
        x_mov_ri(e, R8, imm);
        emit_jmp_stub(l, STUB_EXIT_OFF);
    } else {
        load_eip(l, imm);
        emit_look_up(l);
    }
}

static void emit_give_back(struct lower *l, u32 insns)
{
    if (insns)
        x_alu_ri(&l->e, X_ADD, 8, REG_BUDGET, (s32)insns);
}

static s8 take_slot(struct lower *l, const struct ir_insn *o)
{
    if (!block_exit_chainable(o, l->ir->mode & MODE_CS_FLAT) || (u8)l->nslots == l->b->nexits)
        return -1;
    return l->nslots++;
}

/* -- conditional -- */

static void side_exit(struct lower *l, const struct ir_insn *o, enum x_cc cc)
{
    struct flag_sync sync = flags_sync(l);
    if (ir_ends(&l->ir->ops[l->i + 1]) && !sync.add_op) { /* both ways need the flags in memory */
        flags_sync_inline(l);
        sync = flags_sync(l);
    }
    s8 slot = take_slot(l, o);
    if (slot >= 0 && o->imm < PAGE_SIZE && l->left <= 1 && flags_sync_is_empty(&sync)) {
        struct ool *q = new_slot(l, slot);
        q->from[0] = x_jcc(&l->e, cc);
        l->b->exits[slot].patch = l->base + q->from[0];
        return;
    }
    struct ool *q = ool_new(l, OOL_EXIT);
    q->sync = sync;
    q->slot = slot;
    q->imm = o->imm;
    q->from[0] = x_jcc(&l->e, cc);
}

void lower_xcc(struct lower *l, const struct ir_insn *o)
{
    side_exit(l, o, flags_to_host(l, (enum x_cc)o->cc));
}

void lower_xif(struct lower *l, const struct ir_insn *o)
{
    side_exit(l, o, lower_compare(l, o));
}

void ool_exit(struct lower *l, struct ool *q)
{
    x_bind(&l->e, q->from[0]);
    flags_store(l, &q->sync);
    if (q->left)
        emit_give_back(l, q->left - 1u);
    emit_direct(l, q->imm, q->slot);
}

/* An instruction that does nothing if its count is 0: that is rare, and then the block is left, so
 * that the flags are known afterwards. No slot: it would be one less for jumps. */
void lower_leave_if_zero(struct lower *l, const struct ir_insn *o)
{
    struct ool *q = ool_new(l, OOL_OVER);
    x_test_ri(&l->e, 1, ra_use(l, o->e), ir_count_mask(o->wide));
    q->sync = flags_sync(l);
    q->imm = o->imm;
    q->from[0] = x_jcc(&l->e, CC_E);
}

void ool_over(struct lower *l, const struct ool *q)
{
    struct enc *e = &l->e;
    x_bind(e, q->from[0]);
    flags_store(l, &q->sync);
    if (q->left)
        emit_give_back(l, q->left - 1u);
    load_eip(l, q->imm);
    emit_look_up(l);
}

/* -- final -- */

void lower_end(struct lower *l, const struct ir_insn *o)
{
    struct enc *e = &l->e;
    flags_sync_inline(l);
    unsigned eip = o->op == IR_XIND ? ra_use(l, o->a) : 0;
    if (l->left)
        emit_give_back(l, l->left - 1);
    switch ((enum ir_op)o->op) {
    case IR_XJMP: emit_direct(l, o->imm, take_slot(l, o)); break;
    case IR_XIND:
        if (eip != R8)
            x_mov_rr(e, l->word, R8, eip);
        emit_look_up(l);
        break;
    case IR_XNEXT:
        load_eip(l, o->imm);
        x_store(e, 8, cpu_at(CPU_OFF(eip)), R8);
        emit_jmp_stub(l, STUB_EXIT_EVENT);
        break;
    default: emit_jmp_stub(l, STUB_EXIT_EVENT); break; /* XLOOP */
    }
    l->ended = true;
}
