/* What the files of the run loop, the block index and the translator share. */
#ifndef JIT_INTERNAL_H
#define JIT_INTERNAL_H

#include "jit/backend.h"
#include "jit/block.h"
#include "jit/ir.h"
#include "jit/jit.h"

#define BLOCK_INSNS    32 /* at most */
#define PAGE_HASH_BITS 12
#define HEAT_BITS      12
#define HEAT_STEP      24 /* from this heat on a rewritten line of code is stepped at first ... */
#define STEPS_WORTH    64 /* ... namely so many instructions: about what a translation takes */

/* The blocks of one physical page. */
struct code_page {
    paddr page;
    struct block *blocks;
    u64 *code; /* bit by byte: it may belong to a block. NULL until somebody asks */
    struct code_page *next;
};

struct block_slab {
    struct block_slab *next;
    struct block block[128];
};

/* Blocks by key and by page. Their memory is used again, but only for blocks. */
struct block_index {
    struct block **hash;
    u32 nbuckets, nblocks; /* in the hash */
    struct block_slab *slabs;
    struct block *unused;
    struct code_page *pages[1 << PAGE_HASH_BITS];
    u32 serial;         /* the last given to a block */
    struct block *dead; /* invalidated: freed when nothing runs */
    struct line_heat {
        u8 heat;            /* invalidations */
        u8 stepped;         /* since the last of them */
    } heat[1 << HEAT_BITS]; /* by 64-byte line, hashed */
    u64 heat_epoch;
};

/* What entries of the jump cache depend on besides the mapping, by the number in jump_tag. */
struct jump_mode {
    u32 mode;
    u32 cs_base, cs_limit; /* 0 if CS is flat */
};

#define MODE_CACHE 32 /* a power of 2 */

struct jit {
    struct cpu *cpu;
    struct jit_config config;
    const struct backend *backend;
    void *be;
    struct jit_stats stats;

    struct block_index index;

    struct jump_mode jump_modes[JUMP_TAG_COUNT];
    u32 njump_modes;
    u32 jump_mode;              /* that cpu->jump_tag is for */
    u16 mode_cache[MODE_CACHE]; /* the number of a mode that hashes here */

    s64 first_budget; /* cpu->budget when the run began */
    struct steps *steps;
    paddr counted[CPU_BLOCK_COUNTERS]; /* blocks whose runs are counted, where they begin */
    u32 ncounted;                      /* so far: the oldest makes room for the next */
    size_t counter;                    /* of the block being translated, in struct cpu; 0: none */
    struct ir ir;
};

/* -- blocks.c -- */
struct block *block_find(struct jit *jit, paddr pa, u32 mode);
struct block *block_new(struct jit *jit); /* all zero */
/* Enters a compiled block into the index and marks its code lines. */
void block_insert(struct jit *jit, struct block *b);
/* Invalidates the blocks that hold code in [pa, pa + len). */
void block_invalidate(struct jit *jit, paddr pa, u64 len);
/* May any block hold code in [pa, pa + len), which is in one page? */
bool block_holds_code(struct jit *jit, paddr pa, u64 len);
void block_unchain(struct jit *jit, struct block_exit *e); /* e is chained */
void block_reap(struct jit *jit); /* frees dead blocks; nothing may be running */
void block_drop_all(struct jit *jit);
void block_index_free(struct jit *jit);
/* Shall the instruction at pa be stepped, because its line is rewritten often and may be again
 * before a translation has paid off? */
bool block_step_first(struct jit *jit, paddr pa);

/* The blocks of the page of pa, one after the other. */
const struct block *block_first_in_page(struct jit *jit, paddr pa);
const struct block *block_next_in_page(const struct block *b, paddr pa);

/* -- inspect.c -- */
/* Where the runs of the block at pa are counted, in struct cpu; 0: nowhere. */
size_t block_counter(const struct jit *jit, paddr pa);
void perf_map_add(struct jit *jit, const struct block *b);
void perf_map_restart(struct jit *jit);

/* -- translate.c -- */
struct code_source {
    const u8 *bytes; /* code from the block's start on */
    u32 avail;       /* bytes there */
    u32 page_off;    /* page offset of bytes[0] */
    bool crossing;   /* bytes hold one instruction over the page's end: translate just that */
};
/* Fills jit->ir from at most max_insns instructions; returns guest bytes covered. Sets *needs_more
 * when the first instruction continues past avail. The IR is not optimized. */
u32 translate(struct jit *jit, const struct code_source *src, u32 mode, u32 max_insns,
              bool *needs_more);
void translate_log(struct jit *jit, const struct code_source *src, u32 bytes, u32 mode,
                   u64 eip_page);

void translate_log_host(struct jit *jit, const struct block *b);

/* -- jumps.c -- */
void jump_cache_mode(struct jit *jit); /* after the mode or CS may have changed: sets jump_tag */
void jump_cache_enter(struct jit *jit, struct block *b); /* b is the code at cpu->eip */
void jump_cache_clear(struct jit *jit);

/* -- steps.c -- */
struct steps *steps_new(void); /* NULL: out of memory */
void steps_free(struct steps *s);
void steps_drop(struct steps *s); /* all that has been kept */
/* The instruction at pa, of *len bytes, if it is kept and unchanged; and keeping it, `len` bytes of
 * src as ir. */
const struct icode *steps_find(struct steps *s, paddr pa, u32 mode, const struct code_source *src,
                               u32 *len);
void steps_keep(struct steps *s, paddr pa, u32 mode, const struct code_source *src, u32 len,
                const struct ir *ir);

#endif
