/* The one interface between the run loop and a host back end. A back end turns the IR of a block
 * into something it can run, runs it and whatever it is chained to, and comes back with exact
 * state. */
#ifndef JIT_BACKEND_H
#define JIT_BACKEND_H

#include "cpu/state.h"
#include "jit/block.h"
#include "jit/ir.h"

struct jit;

/* Why a back end came back to the run loop. State in struct cpu is exact, cpu->eip valid, insn_left
 * 0. */
enum run_result {
    RUN_NEXT, /* continue at cpu->eip: look the block up (and chain exit slot *exit if not NULL) */
    RUN_BUDGET, /* the next block is longer than the budget, or the budget is spent */
    RUN_EVENT,  /* a helper asked for the loop's attention: XNEXT, XLOOP */
};

struct backend {
    const char *name; /* as in -accel */
    /* Makes and destroys the back end's own data (jit->be). cache_bytes bounds the code memory.
     * NULL + errno-style message. */
    void *(*init)(struct jit *jit, u64 cache_bytes, const char **why);
    void (*free)(void *be);
    /* Translates ir for block b and sets b->code (and b->exits); false: the code memory is full,
     * evict and retry. */
    bool (*compile)(void *be, struct cpu *cpu, const struct ir *ir, struct block *b);
    /* The block's code will not be entered any more, except that it may be running now: the memory
     * is reused only after discard_all(). Must undo what points into it. */
    void (*discard)(void *be, struct block *b);
    void (*discard_all)(void *be); /* forget all code; nothing is running */
    /* Runs from block b until one of the results. *exit: the block exit taken, or NULL. */
    enum run_result (*run)(void *be, struct cpu *cpu, struct block *b, struct block_exit **exit);
    void (*unwound)(void *be);         /* siglongjmp() has led out of run(); may be NULL */
    void (*sync_fpu)(struct cpu *cpu); /* cpu_hooks.sync_fpu; NULL: it never sets cpu.fpu_host */
    /* Makes exit e jump straight to block to (same page, same mode); and undo. */
    void (*chain)(void *be, struct block_exit *e, struct block *to);
    void (*unchain)(void *be, struct block_exit *e);
    u64 (*code_used)(void *be);
    const u8 *(*code_range)(void *be, u64 *size); /* where code lies as it runs; NULL: not native */
    bool native;                                  /* b->code is host code of b->code_size bytes */
};

/* By the name of -accel: "interp", "jit" (the host's own back end), NULL (the best there is). NULL:
 * not on this host. */
const struct backend *backend_find(const char *accel);

/* The block that the jump cache has for EIP, or NULL. Sets cpu->eip_page. Not for a block over two
 * pages: its second page has to be looked at. */
struct block *jump_cache_find(struct cpu *cpu);

/* After XNEXT or XLOOP: where translated code goes on at cpu->eip without the run loop, or NULL
 * when that has to look. Sets cpu->eip_page. */
void *jit_resume(struct cpu *cpu);

extern const struct backend backend_interp;
extern const struct backend backend_x64;
extern const struct backend backend_a64;

/* Runs exactly n instructions (fewer if something must leave the block: an exception, an exit, a
 * device access) of ir from its start by interpretation, boundary-exact; used for single steps in
 * any mode. cpu->eip_page must be set; on return cpu->eip is exact. MMIO and port accesses are
 * performed. Always retires what it ran from cpu->budget. Unless n covers all of ir, it must not
 * have been optimized. */
enum run_result interp_steps(struct cpu *cpu, const struct ir *ir, u32 n);

/* The same in two parts: code made of ir in memory of the caller's (aligned for pointers; NULL if
 * it does not fit), and its run, any number of times. */
struct icode;
const struct icode *interp_prepare(const struct ir *ir, void *memory, size_t size);
enum run_result interp_run_prepared(struct cpu *cpu, const struct icode *c, u32 n);

#endif
