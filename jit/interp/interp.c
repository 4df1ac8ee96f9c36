/* The portable back end: runs the IR itself, on any host with a C compiler, and steps single
 * instructions for every other back end. Dead code is kept until nothing can be running it
 * (discard() may be called from a helper of the very block), that is, until the next run()
 * begins. */
#include "jit/backend.h"

#include "base/check.h"
#include "jit/interp/icode.h"

#include <stdlib.h>

struct interp {
    struct ffi_calls ffi;
    struct icode *live; /* code of blocks */
    struct icode *dead; /* discarded, perhaps still running */
    u64 used, limit;    /* bytes */
};

static void *interp_init(struct jit *jit, u64 cache_bytes, const char **why)
{
    struct interp *be = calloc(1, sizeof(*be));
    (void)jit;
    if (!be) {
        *why = "out of memory";
        return NULL;
    }
    be->limit = cache_bytes;
    return be;
}

static void list_add(struct icode **list, struct icode *c)
{
    c->next = *list;
    c->link = list;
    if (c->next)
        c->next->link = &c->next;
    *list = c;
}

static void list_remove(struct icode *c)
{
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
}

static void free_list(struct interp *be, struct icode **list)
{
    while (*list) {
        struct icode *c = *list;
        *list = c->next;
        be->used -= c->bytes;
        free(c);
    }
}

static void interp_discard_all(void *opaque)
{
    struct interp *be = opaque;
    free_list(be, &be->live);
    free_list(be, &be->dead);
}

static void interp_free(void *opaque)
{
    interp_discard_all(opaque);
    free(opaque);
}

static bool interp_compile(void *opaque, struct cpu *cpu, const struct ir *ir, struct block *b)
{
    struct interp *be = opaque;
    size_t bytes = icode_size(ir);
    (void)cpu;
    if (be->used + bytes > be->limit)
        return false;
    void *memory = malloc(bytes);
    if (!memory)
        return false;
    if (!block_alloc_exits(b, ir, false)) {
        free(memory);
        return false;
    }
    struct icode *c = icode_make(memory, ir);
    list_add(&be->live, c);
    be->used += bytes;
    b->priv = c;
    b->code = b; /* what the jump cache leads to */
    b->code_size = (u32)bytes;
    return true;
}

static void interp_discard(void *opaque, struct block *b)
{
    struct interp *be = opaque;
    struct icode *c = b->priv;
    if (c) {
        list_remove(c);
        list_add(&be->dead, c);
        b->priv = NULL;
    }
}

/* The block that follows after b was left at cpu->eip, or NULL: the run loop must look. */
static struct block *follow(struct cpu *cpu, struct block *b, enum icode_end end, u8 slot,
                            struct block_exit **exit)
{
    struct block *to;
    if (end == ICODE_DIRECT && slot != NO_EXIT) { /* in the same page: eip_page stays */
        struct block_exit *e = &b->exits[slot];
        if (!e->to)
            *exit = e;
        return e->to;
    }
    to = jump_cache_find(cpu);
    return to && to->priv ? to : NULL;
}

static enum run_result run_from(struct interp *be, struct cpu *cpu, struct block *b,
                                struct block_exit **exit)
{
    for (;;) {
        const struct icode *c = b->priv;
        u8 slot = NO_EXIT;
        CHECK(c, "running a discarded block");
        if (cpu->budget < c->ninsns)
            return RUN_BUDGET;
        cpu->budget -= c->ninsns;
        enum icode_end end = icode_run(cpu, &be->ffi, c, c->ninsns, &slot);
        if (end != ICODE_DIRECT && end != ICODE_IND)
            return RUN_EVENT;
        if (cpu->io_done) /* devices have a say; and b itself may be gone */
            return RUN_EVENT;
        b = follow(cpu, b, end, slot, exit);
        if (!b)
            return RUN_NEXT;
    }
}

static enum run_result interp_run(void *opaque, struct cpu *cpu, struct block *b,
                                  struct block_exit **exit)
{
    struct interp *be = opaque;
    free_list(be, &be->dead);
    *exit = NULL;
    cpu->io_done = 0;
    cpu->in_block = 1;
    cpu->eip_page = (cpu->eip - ((u32)b->pa & PAGE_MASK)) & cpu->eip_mask;
    enum run_result r = run_from(be, cpu, b, exit);
    cpu->in_block = 0;
    cpu->io_done = 0;
    return r;
}

static void interp_chain(void *opaque, struct block_exit *e, struct block *to)
{
    (void)opaque;
    e->to = to;
}

static void interp_unchain(void *opaque, struct block_exit *e)
{
    (void)opaque;
    e->to = NULL;
}

static u64 interp_code_used(void *opaque)
{
    return ((struct interp *)opaque)->used;
}

const struct backend backend_interp = {
    .name = "interp",
    .init = interp_init,
    .free = interp_free,
    .compile = interp_compile,
    .discard = interp_discard,
    .discard_all = interp_discard_all,
    .run = interp_run,
    .chain = interp_chain,
    .unchain = interp_unchain,
    .code_used = interp_code_used,
};

const struct icode *interp_prepare(const struct ir *ir, void *memory, size_t size)
{
    return icode_size(ir) <= size ? icode_make(memory, ir) : NULL;
}

enum run_result interp_run_prepared(struct cpu *cpu, const struct icode *c, u32 n)
{
    struct ffi_calls ffi = {0};
    u8 slot;

    cpu->in_block = 0;
    cpu->io_done = 0;
    cpu->budget -= n < c->ninsns ? n : c->ninsns;
    enum icode_end end = icode_run(cpu, &ffi, c, n, &slot);
    bool event = cpu->io_done || end == ICODE_NEXT || end == ICODE_LOOP;
    cpu->io_done = 0;
    return event ? RUN_EVENT : RUN_NEXT;
}

enum run_result interp_steps(struct cpu *cpu, const struct ir *ir, u32 n)
{
    u64 memory[(ICODE_MAX_BYTES + 7) / 8]; /* not from the heap: a helper may unwind past us */

    return interp_run_prepared(cpu, icode_make(memory, ir), n);
}
