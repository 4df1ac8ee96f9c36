/* Blocks together, for tests of what only a native back end has: a CPU, the back end, and blocks
 * that count ECX down and leave on one of two ways. With native_run.h. */
#ifndef TESTS_NATIVE_WORLD_H
#define TESTS_NATIVE_WORLD_H

#include "tests/unit/native_run.h"

struct world {
    struct cpu *cpu;
    void *be;
    u32 mode;
    u64 page; /* where the code is */
    struct ir ir;
    struct block blocks[3];
};

static inline int world_setup(void **state, u32 mode, u64 page)
{
    struct world *w = calloc(1, sizeof(*w));
    const char *why = NULL;
    w->cpu = world_cpu();
    w->be = native->init(NULL, 2 << 20, &why);
    w->mode = mode;
    w->page = page;
    prepare(w->cpu, 1);
    if (mode & MODE_CODE64) {
        prepare64(w->cpu, 1);
        w->cpu->mode = mode;
    }
    world_fault_mask = 0;
    *state = w;
    return w->be ? 0 : -1;
}

static inline int teardown(void **state)
{
    struct world *w = *state;
    native->free(w->be);
    for (unsigned i = 0; i < ARRAY_LEN(w->blocks); i++)
        free(w->blocks[i].exits);
    world_cpu_free(w->cpu);
    free(w);
    return 0;
}

/* Block n at offset off: ECX--, then to `taken` while it is not 0, else to `next`, which may be
 * looked up in the jump cache if it is in another page. */
static inline struct block *make_loop(struct world *w, unsigned n, u32 off, s32 taken, s32 next,
                                      bool far_by_cache)
{
    struct block *b = &w->blocks[n];
    ir_begin(&w->ir, w->mode);
    w->ir.wide = w->mode & MODE_CODE64;
    ir_insn_begin(&w->ir, off, 1);
    struct irv t = ir_lea(&w->ir, ir_reg(ECX), IR_NONE, 0, ~0u);
    ir_set_reg(&w->ir, ECX, t);
    ir_insn_begin(&w->ir, off + 1, 2);
    ir_xif(&w->ir, IRC_NE, t, ir_const(0), taken);
    if (far_by_cache && (u32)next >= PAGE_SIZE)
        ir_xind(&w->ir, ir_pcrel(&w->ir, next));
    else
        ir_xjmp(&w->ir, next);
    assert_null(ir_verify(&w->ir));
    init_block(b, &w->ir);
    b->pa = 0x123000 + off;
    assert_true(native->compile(w->be, w->cpu, &w->ir, b));
    return b;
}

static inline struct block *loop_block(struct world *w, unsigned n, u32 off, s32 taken, s32 next)
{
    return make_loop(w, n, off, taken, next, true);
}

static inline enum run_result run(struct world *w, struct block *b, struct block_exit **exit)
{
    w->cpu->eip = w->page + ((u32)b->pa & PAGE_MASK);
    return native->run(w->be, w->cpu, b, exit);
}

/* Block b ends its loop and goes to its `next`. */
static inline enum run_result run_last(struct world *w, struct block *b, struct block_exit **exit)
{
    w->cpu->gpr[ECX] = 1;
    return run(w, b, exit);
}

#endif
