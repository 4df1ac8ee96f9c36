/* Lowering one block: the entry with the budget check, the ops in order, the exits taken; in the
 * other part of the code memory what unchained exits and a discarded block go to, then what is out
 * of line. */
#include "jit/a64/lower.h"

#include "jit/lower_op.h"

#include "base/check.h"

#include <stdlib.h>

enum { OP_ROOM = 1024 }; /* bytes that no single op, in line or out of line, exceeds */

struct lower *lower_new(void)
{
    return malloc(sizeof(struct lower));
}

struct ool *ool_new(struct lower *l, enum ool_kind kind)
{
    CHECK(l->nool < IR_MAX_OPS, "too much code out of line");
    struct ool *q = &l->ool[l->nool++];
    *q = (struct ool){
        .kind = (u8)kind,
        .off = l->off,
        .left = (u8)l->left,
        .addr = A_NONE,
        .value = A_NONE,
        .dst = A_NONE,
        .clear = A_NONE,
        .slot = -1,
    };
    return q;
}

void emit_place(struct lower *l, u32 off, u32 left)
{
    _Static_assert(offsetof(struct cpu, insn_left) == offsetof(struct cpu, insn_off) + 2,
                   "one store");
    a_mov_imm(&l->e, A_IP0, off | left << 16);
    a_access(&l->e, A_STR_W, A_IP0, REG_CPU, CPU_OFF(insn_off));
}

void emit_eip(struct lower *l, unsigned reg, u32 imm, unsigned via)
{
    bool wide = is_code64(l);
    a_access(&l->e, wide ? A_LDR_X : A_LDR_W, reg, REG_CPU, CPU_OFF(eip_page));
    if (imm)
        a_addsub_any(&l->e, wide, A_ADD, reg, reg, (u64)(s64)(s32)imm, via);
}

void emit_page_entry(struct lower *l)
{
    struct a_enc *e = &l->e;
    enum priv own = mode_priv(l->ir->mode), priv = exec_priv(l->ir->mode);
    unsigned table = table_reg(e, own, priv, ACCESS_EXEC, A_IP1);
    a_shift_imm(e, 0, A_LSR, 1, 0, PAGE_BITS);
    if (is_code64(l)) {
        load_tags(e, own, priv, ACCESS_EXEC, A_LR);
        a_access_reg(e, A_LDR_W, A_LR, A_LR, 1, A_UXTW, true);
        a_addsub_shift(e, 1, A_SUBS, A_ZR, A_LR, 0, A_LSR, 32);
    }
    a_access_reg(e, A_LDR_X, 1, table, 1, A_UXTW, true);
    a_addsub(e, 1, A_ADD, 1, 1, 0);
}

void emit_page_compare(struct lower *l)
{
    if (is_code64(l))
        a_ccmp(&l->e, 1, 1, 2, 0, A_EQ);
    else
        a_addsub(&l->e, 1, A_SUBS, A_ZR, 1, 2);
}

void emit_call_stub(struct lower *l, u32 stub)
{
    a_call_to(&l->e, (s64)l->be->stub[stub] - l->base);
    l->e.flags_gen++;
}

void emit_jmp_stub(struct lower *l, u32 stub)
{
    a_jump_to(&l->e, (s64)l->be->stub[stub] - l->base);
}

static void lower_ool(struct lower *l, const struct ool *q)
{
    switch ((enum ool_kind)q->kind) {
    case OOL_MEMORY: ool_memory(l, q); break;
    case OOL_CALL: ool_call(l, q); break;
    case OOL_OVER: ool_over(l, q); break;
    case OOL_CARRY: ool_carry(l, q); break;
    case OOL_FP: ool_fp(l, q); break;
    case OOL_EXIT: ool_exit(l, q); break;
    }
}

static u32 first_offset(const struct ir *ir)
{
    for (u32 i = 0; i < ir->nops; i++) {
        if (ir->ops[i].op == IR_INSN)
            return ir->ops[i].imm;
    }
    return 0;
}

/* A block over two pages is only good while the second page is mapped where it was. Returns the
 * jump taken if not. */
static u32 emit_second_page(struct lower *l)
{
    struct a_enc *e = &l->e;
    if (l->b->pa2 == ~(paddr)0)
        return 0;
    emit_eip(l, 0, PAGE_SIZE, 1);
    if (!(l->ir->mode & MODE_CS_FLAT)) {
        a_access(e, A_LDR_W, 1, REG_CPU, CPU_OFF(seg[SEG_CS].base));
        a_addsub(e, 0, A_ADD, 0, 0, 1);
    }
    emit_page_entry(l);
    a_mov_imm64(e, 2, (u64)(uintptr_t)l->b->host2 + TLB_VALID);
    emit_page_compare(l);
    return a_jump_if(e, A_NE);
}

/* Takes the block's instructions from the budget; returns the jump taken when there are too few
 * left. */
static u32 emit_entry(struct lower *l)
{
    a_addsub_imm(&l->e, 1, A_SUBS, REG_BUDGET, REG_BUDGET, l->ir->ninsns);
    return a_jump_if(&l->e, A_LT);
}

/* These are in the hot part: a conditional jump reaches 1 MiB. */
static void emit_entry_failures(struct lower *l, u32 too_few, u32 moved)
{
    u32 off = first_offset(l->ir);
    a_bind(&l->e, too_few);
    a_addsub_imm(&l->e, 1, A_ADD, REG_BUDGET, REG_BUDGET, l->ir->ninsns);
    a_mov_imm(&l->e, 0, off);
    emit_jmp_stub(l, STUB_EXIT_BUDGET);
    if (!moved)
        return;
    a_bind(&l->e, moved);
    a_mov_imm(&l->e, 0, off);
    emit_jmp_stub(l, STUB_EXIT_OFF);
}

static bool lower_ops(struct lower *l)
{
    for (l->i = 0; l->i < l->ir->nops && !l->ended; l->i++) {
        if (a_room(&l->e) < OP_ROOM)
            return false;
        lower_op(l, &l->ir->ops[l->i]);
        ra_end_op(l);
    }
    return a_room(&l->e) >= OP_ROOM;
}

static void begin(struct lower *l, struct a64 *be, const struct ir *ir, struct block *b)
{
    u32 start = (u32)(be->mem.part[CODE_HOT].used + 15) & ~15u;
    l->be = be;
    l->ir = ir;
    l->b = b;
    l->base = start;
    a_init(&l->e, be->mem.rw + start, be->mem.rw + be->mem.part[CODE_HOT].end);
    l->off = 0;
    l->left = l->begun = 0;
    l->nslots = 0;
    l->nool = 0;
    l->ended = false;
    l->fl = (struct recipe){0};
    l->alu.gen = l->nzcv_gen = l->e.flags_gen - 1;
    l->rmw.st = 0;
    ra_begin(l);
}

/* Of one kind: exits taken, which are often enough to stand behind the block, or the others. They
 * too have to be within reach of the jumps there. */
static bool lower_rest(struct lower *l)
{
    for (u32 pass = 0; pass < 2; pass++) {
        for (u32 n = 0; n < l->nool; n++) {
            if (a_room(&l->e) < OP_ROOM)
                return false;
            if ((l->ool[n].kind == OOL_EXIT) == !pass)
                lower_ool(l, &l->ool[n]);
        }
    }
    return a_room(&l->e) >= OP_ROOM;
}

/* What unchained exits and a discarded block go to. */
static void emit_exit_stubs(struct lower *l, u32 cold)
{
    const struct code_mem *m = &l->be->mem;
    a_init(&l->e, m->rw + cold, m->rw + m->part[CODE_COLD].end);
    l->base = cold;
    for (u32 n = 0; n < l->b->nexits; n++) {
        a_mov_address(&l->e, 0, (u64)(uintptr_t)&l->b->exits[n]);
        emit_jmp_stub(l, STUB_EXIT_SLOT);
    }
    a_mov_imm(&l->e, 0, first_offset(l->ir));
    emit_jmp_stub(l, STUB_EXIT_OFF);
}

bool lower_block(struct a64 *be, const struct ir *ir, struct block *b)
{
    struct lower *l = be->lower;
    if (code_mem_room(&be->mem, CODE_HOT) < 2 * OP_ROOM ||
        code_mem_room(&be->mem, CODE_COLD) < 2 * OP_ROOM)
        return false;
    begin(l, be, ir, b);
    u32 hot = l->base, cold = (u32)be->mem.part[CODE_COLD].used;
    b->cold = be->mem.rx + cold;
    u32 moved = emit_second_page(l);
    u32 too_few = emit_entry(l);
    if (!lower_ops(l))
        return false;
    CHECK(l->ended, "a block without an end");
    if (!lower_rest(l))
        return false;
    emit_entry_failures(l, too_few, moved);
    b->code = be->mem.rx + hot;
    b->code_size = a_pos(&l->e);
    emit_exit_stubs(l, cold);
    b->cold_size = a_pos(&l->e);
    code_mem_commit(&be->mem, CODE_HOT, hot + b->code_size);
    code_mem_commit(&be->mem, CODE_COLD, cold + b->cold_size);
    return true;
}
