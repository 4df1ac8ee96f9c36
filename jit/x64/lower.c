/* One block from IR to code: entry with the budget check, the ops in order; in the other part of
 * the code memory, what is out of line. Before that lie words that say where the stubs are which
 * the block's patched jumps go back to. */
#include "jit/x64/lower.h"

#include "jit/lower_op.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

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
        .clear = HOST_NONE,
        .slot = -1,
    };
    return q;
}

void emit_place(struct lower *l, u32 off, u32 left)
{
    _Static_assert(offsetof(struct cpu, insn_left) == offsetof(struct cpu, insn_off) + 2,
                   "one store");
    x_store_i(&l->e, 4, cpu_at(CPU_OFF(insn_off)), off | left << 16);
}

void emit_call_stub(struct lower *l, u32 stub)
{
    x_call_to(&l->e, (s64)l->be->stub[stub] - l->base);
    l->e.flags_gen++;
}

void emit_jmp_stub(struct lower *l, u32 stub)
{
    x_jmp_to(&l->e, (s64)l->be->stub[stub] - l->base);
}

static void lower_ool(struct lower *l, struct ool *q)
{
    if (q->kind == OOL_OVER)
        ool_over(l, q);
    else if (q->kind == OOL_DIVIDE)
        ool_divide(l, q);
    else if (q->kind == OOL_SLOT)
        ool_slot(l, q);
    else if (q->kind == OOL_CARRY)
        ool_carry(l, q);
    else
        ool_memory(l, q);
}

static u32 first_offset(const struct ir *ir)
{
    for (u32 i = 0; i < ir->nops; i++) {
        if (ir->ops[i].op == IR_INSN)
            return ir->ops[i].imm;
    }
    return 0;
}

/* Jumps taken if a block is not to be run; 0: none */
struct entry_jumps {
    u32 too_few, moved[2];
};

/* A block over two pages is only good while the second page is mapped where it was. */
static void emit_second_page(struct lower *l, struct entry_jumps *j)
{
    struct enc *e = &l->e;
    enum priv priv = l->ir->mode & MODE_USER ? PRIV_USER : PRIV_SUPER;
    if (l->b->pa2 == ~(paddr)0)
        return;
    x_load(e, l->word, R8, cpu_at(CPU_OFF(eip_page)));
    if (!(l->ir->mode & MODE_CS_FLAT))
        x_alu_rm(e, X_ADD, 4, R8, cpu_at(CPU_OFF(seg[SEG_CS].base)));
    x_alu_ri(e, X_ADD, l->word, R8, (s32)PAGE_SIZE);
    tlb_find(l->be, e, l->code64, (struct tlb_regs){R8, R9, R10}, priv, ACCESS_EXEC);
    if (l->code64)
        j->moved[1] = x_jcc(e, CC_NE);
    tlb_load(e, l->code64, R9, priv, ACCESS_EXEC);
    x_alu_rr(e, X_ADD, 8, R8, R9);
    x_mov_ri64(e, R9, (u64)(uintptr_t)l->b->host2 + TLB_VALID);
    x_alu_rr(e, X_CMP, 8, R8, R9);
    j->moved[0] = x_jcc(e, CC_NE);
}

/* Takes the block's instructions from the budget, unless there are too few left. */
static void emit_entry(struct lower *l, struct entry_jumps *j)
{
    x_alu_ri(&l->e, X_SUB, 8, REG_BUDGET, (s32)l->ir->ninsns);
    j->too_few = x_jcc(&l->e, CC_L);
}

static void emit_entry_ool(struct lower *l, const struct entry_jumps *j)
{
    u32 off = first_offset(l->ir);
    x_bind(&l->e, j->too_few);
    x_alu_ri(&l->e, X_ADD, 8, REG_BUDGET, (s32)l->ir->ninsns);
    x_mov_ri(&l->e, R8, off);
    emit_jmp_stub(l, STUB_EXIT_BUDGET);
    l->dead_stub = l->base + enc_pos(&l->e);
    for (unsigned n = 0; n < ARRAY_LEN(j->moved); n++) {
        if (j->moved[n])
            x_bind(&l->e, j->moved[n]);
    }
    x_mov_ri(&l->e, R8, off);
    emit_jmp_stub(l, STUB_EXIT_OFF);
}

static bool lower_ops(struct lower *l)
{
    for (l->i = 0; l->i < l->ir->nops && !l->ended; l->i++) {
        if (enc_room(&l->e) < OP_ROOM)
            return false;
        lower_op(l, &l->ir->ops[l->i]);
        ra_end_op(l);
    }
    return enc_room(&l->e) >= OP_ROOM;
}

static void begin(struct lower *l, struct x64 *be, const struct ir *ir, struct block *b)
{
    u32 start = (u32)(be->mem.part[CODE_HOT].used + 15) & ~15u;
    l->be = be;
    l->ir = ir;
    l->b = b;
    l->code64 = ir->mode & MODE_CODE64;
    l->word = l->code64 ? 8 : 4;
    l->base = start;
    enc_init(&l->e, be->mem.rw + start, be->mem.rw + be->mem.part[CODE_HOT].end);
    l->off = 0;
    l->left = l->begun = 0;
    l->nslots = 0;
    l->nool = 0;
    l->ended = false;
    l->fl = (struct recipe){0};
    l->hf_mask = 0;
    l->hf_gen = 0;
    l->alu.gen = 0;
    l->rmw.st = 0;
    l->vec.on = VU_OFF;
    l->vec.taker = l->vec.done = l->vec.flags_at = l->vec.flags_gen = 0;
    memset(&l->x87, 0, sizeof(l->x87));
    ra_begin(l);
    share_find(l);
}

/* Where the code out of line goes: after the block's words. */
static u32 cold_start(const struct x64 *be, const struct block *b)
{
    return (u32)be->mem.part[CODE_COLD].used + 4 * (1 + b->nexits);
}

/* Word n before the code out of line is at - 4 * (n + 1). */
static void write_words(struct lower *l)
{
    u8 *cold = l->be->mem.rw + cold_start(l->be, l->b);
    memcpy(cold - 4, &l->dead_stub, 4);
    for (s32 n = 0; n < l->nslots; n++)
        memcpy(cold - 4 * (n + 2), &l->exit_stub[n], 4);
}

u32 block_word(const struct x64 *be, const struct block *b, u32 n)
{
    u32 v;
    memcpy(&v, be->mem.rw + ((const u8 *)b->cold - be->mem.rx) - 4 * (n + 1), 4);
    return v;
}

/* Exits taken are often enough to stand behind the block. */
static bool lower_exits(struct lower *l)
{
    for (u32 n = 0; n < l->nool; n++) {
        if (enc_room(&l->e) < OP_ROOM)
            return false;
        if (l->ool[n].kind == OOL_EXIT)
            ool_exit(l, &l->ool[n]);
    }
    return true;
}

/* From here on code is put out of line: positions count from the block's start all the same. */
static void go_out_of_line(struct lower *l)
{
    const struct code_mem *m = &l->be->mem;
    l->e.p = m->rw + cold_start(l->be, l->b);
    l->e.end = m->rw + m->part[CODE_COLD].end;
}

static bool lower_cold(struct lower *l, const struct entry_jumps *j)
{
    for (u32 n = 0; n < l->nool; n++) {
        if (enc_room(&l->e) < OP_ROOM)
            return false;
        if (l->ool[n].kind != OOL_EXIT)
            lower_ool(l, &l->ool[n]);
    }
    if (enc_room(&l->e) < OP_ROOM)
        return false;
    emit_entry_ool(l, j);
    return true;
}

bool lower_block(struct x64 *be, const struct ir *ir, struct block *b)
{
    struct lower *l = be->lower;
    struct entry_jumps j = {0};
    if (code_mem_room(&be->mem, CODE_HOT) < 2 * OP_ROOM ||
        code_mem_room(&be->mem, CODE_COLD) < 2 * OP_ROOM)
        return false;
    begin(l, be, ir, b);
    emit_second_page(l, &j);
    emit_entry(l, &j);
    if (!lower_ops(l) || !lower_exits(l))
        return false;
    CHECK(l->ended, "a block without an end");
    u32 size = enc_pos(&l->e), cold = cold_start(be, b);
    go_out_of_line(l);
    if (!lower_cold(l, &j))
        return false;
    u32 end = l->base + enc_pos(&l->e);
    write_words(l);
    b->code = be->mem.rx + l->base;
    b->code_size = size;
    b->cold = be->mem.rx + cold;
    b->cold_size = end - cold;
    code_mem_commit(&be->mem, CODE_HOT, l->base + size);
    code_mem_commit(&be->mem, CODE_COLD, end);
    return true;
}
