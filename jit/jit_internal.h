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
#define HEAT_STEP_ONLY 24 /* rewritten code lines from this heat on are stepped, not translated */

/* The blocks of one physical page. */
struct code_page {
    paddr page;
    struct block *blocks;
    struct code_page *next;
    u64 code[PAGE_SIZE / 64]; /* a bit for each byte that a block was made of, by line */
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
    u32 serial;              /* the last given to a block */
    struct block *dead;      /* invalidated: freed when nothing runs */
    u8 heat[1 << HEAT_BITS]; /* invalidations by 64-byte line, hashed */
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
/* Invalidates the blocks that are made of any byte in [pa, pa + len). */
void block_invalidate(struct jit *jit, paddr pa, u64 len);
bool block_covers(struct jit *jit, paddr pa, u64 len);     /* is there one? In one page, len > 0 */
void block_unchain(struct jit *jit, struct block_exit *e); /* e is chained */
void block_reap(struct jit *jit); /* frees dead blocks; nothing may be running */
void block_drop_all(struct jit *jit);
void block_index_free(struct jit *jit);
bool block_is_hot_line(struct jit *jit, paddr pa); /* rewritten too often to be worth translating */

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
                   u32 eip_page);

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
