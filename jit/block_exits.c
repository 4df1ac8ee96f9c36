/* The exits of a block that may be chained, for every back end: one slot for each XCC, XIF and XJMP
 * whose target lies in the block's own page, or anywhere if the back end can chain that, in the
 * order of the ops, up to BLOCK_MAX_EXITS. */
#include "jit/block.h"
#include "jit/ir.h"

#include <stdlib.h>

bool block_exit_chainable(const struct ir_insn *i, bool far)
{
    return (i->op == IR_XCC || i->op == IR_XIF || i->op == IR_XJMP) && (far || i->imm < PAGE_SIZE);
}

void block_free_exits(struct block *b)
{
    free(b->exits);
    b->exits = NULL;
    b->nexits = 0;
}

bool block_alloc_exits(struct block *b, const struct ir *ir, bool far)
{
    u32 n = 0;
    struct block_exit exits[BLOCK_MAX_EXITS] = {0};
    for (u32 i = 0; i < ir->nops && n < BLOCK_MAX_EXITS; i++) {
        if (block_exit_chainable(&ir->ops[i], far)) {
            exits[n].from = b;
            exits[n++].page_off = (s32)ir->ops[i].imm;
        }
    }
    b->nexits = (u8)n;
    b->exits = NULL;
    if (n) {
        b->exits = malloc(n * sizeof(*b->exits));
        if (!b->exits)
            return false;
        for (u32 i = 0; i < n; i++)
            b->exits[i] = exits[i];
    }
    return true;
}
