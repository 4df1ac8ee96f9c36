/* Translated blocks: keyed by physical address and mode word, so that one translation serves every
 * linear mapping of its page; indexed by page for invalidation. */
#ifndef JIT_BLOCK_H
#define JIT_BLOCK_H

#include "base/types.h"

struct block;
struct ir;
struct ir_insn;

/* A direct exit: can be patched to jump straight to its block. */
struct block_exit {
    struct block *from;
    struct block *to;        /* chained to, or NULL */
    struct block_exit *next; /* next exit chained to the same block */
    s32 page_off;            /* target */
    u32 patch;               /* back end's own: where to patch */
};

#define BLOCK_MAX_EXITS 8

struct block {
    /* what looking it up takes, in one cache line */
    paddr pa; /* of its first byte */
    u32 mode;
    u32 serial; /* tells it from others that have had the same memory; never 0 */
    struct block *hash_next;
    void *code; /* back end's entry point */
    paddr pa2;  /* page-crossing instruction: physical page of the second part, else ~0 */
    void *cold; /* native: what lies out of line, and its size */
    u32 code_size, cold_size;
    u16 bytes; /* guest bytes, all in one page unless pa2 is set */
    u16 ninsns;
    bool valid;
    bool resumed; /* begins where a run was stopped, and perhaps nowhere else */
    u8 nexits;

    void *priv;                  /* back end's own (interp: its IR) */
    const u8 *host2;             /* of the second page */
    struct block_exit *exits;    /* array of nexits, allocated with the block */
    struct block_exit *incoming; /* exits chained to this block */
    struct block *page_next[2];  /* lists of the blocks of page pa and page pa2 */
};

/* May this op's exit be chained: XCC, XIF or XJMP to an offset in the page, or with far anywhere?
 */
bool block_exit_chainable(const struct ir_insn *i, bool far);

/* Allocates and fills b->exits: one for each chainable op, in the order of ops, the first
 * BLOCK_MAX_EXITS of them. For use by compile(), which frees them if it fails. False: no memory. */
bool block_alloc_exits(struct block *b, const struct ir *ir, bool far);
void block_free_exits(struct block *b);

#endif
