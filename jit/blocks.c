/* The block index: finds blocks by physical address and mode word, and by page for invalidation.
 *
 * Code is tracked by 64-byte lines (phys_mark_code), in those by bytes: a write to other bytes of a
 * code page costs a slow store and nothing else. A line that keeps being rewritten grows hot and is
 * then stepped instead of translated, until it has cooled. Dead blocks are freed only between runs:
 * one of them may be running. */
#include "jit/jit_internal.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_BUCKETS = 1 << 14 };

/* Neighbours in a page are neighbours in the hash: code that runs is found in few cache lines. */
static u32 key_hash(paddr pa, u32 mode)
{
    u64 page = (pa >> PAGE_BITS) ^ (u64)mode << 36;
    return (u32)(page * 0x9e3779b97f4a7c15u >> 32) + ((u32)(pa & PAGE_MASK) >> 4);
}

static struct block **bucket(struct block_index *x, paddr pa, u32 mode)
{
    return &x->hash[key_hash(pa, mode) & (x->nbuckets - 1)];
}

/* Twice the buckets: there shall be as many as blocks. */
static void grow_hash(struct block_index *x)
{
    u32 old = x->nbuckets;
    struct block **from = x->hash;
    x->nbuckets = old ? 2 * old : FIRST_BUCKETS;
    x->hash = calloc(x->nbuckets, sizeof(struct block *));
    CHECK(x->hash, "out of memory for the block index");
    for (u32 i = 0; i < old; i++) {
        for (struct block *b = from[i], *next; b; b = next) {
            struct block **at = bucket(x, b->pa, b->mode);
            next = b->hash_next;
            b->hash_next = *at;
            *at = b;
        }
    }
    free(from);
}

struct block *block_new(struct jit *jit)
{
    struct block_index *x = &jit->index;
    if (!x->unused) {
        struct block_slab *s = calloc(1, sizeof(*s));
        CHECK(s, "out of memory for a block");
        s->next = x->slabs;
        x->slabs = s;
        for (u32 i = 0; i < ARRAY_LEN(s->block); i++) {
            s->block[i].hash_next = x->unused;
            x->unused = &s->block[i];
        }
    }
    struct block *b = x->unused;
    x->unused = b->hash_next;
    *b = (struct block){.serial = ++x->serial};
    return b;
}

static u32 page_hash(paddr page)
{
    return (u32)(page >> PAGE_BITS) & ((1u << PAGE_HASH_BITS) - 1);
}

static u8 *heat_of(struct jit *jit, paddr pa)
{
    return &jit->index.heat[(u32)(pa >> 6) & ((1u << HEAT_BITS) - 1)];
}

struct block *block_find(struct jit *jit, paddr pa, u32 mode)
{
    if (!jit->index.nblocks)
        return NULL;
    struct block *b = *bucket(&jit->index, pa, mode);
    while (b && (b->pa != pa || b->mode != mode))
        b = b->hash_next;
    return b;
}

static struct code_page *page_get(struct jit *jit, paddr page, bool create)
{
    struct code_page **slot = &jit->index.pages[page_hash(page)];
    for (struct code_page *p = *slot; p; p = p->next)
        if (p->page == page)
            return p;
    if (!create)
        return NULL;
    struct code_page *p = calloc(1, sizeof(*p));
    CHECK(p, "out of memory for the code page index");
    p->page = page;
    p->next = *slot;
    *slot = p;
    return p;
}

/* Which of the block's two page links belongs to this page. */
static unsigned link_of(const struct block *b, paddr page)
{
    return (b->pa & ~(paddr)PAGE_MASK) == page ? 0 : 1;
}

/* Bytes of the block that lie in the page, as offset and length. */
static void bytes_in_page(const struct block *b, paddr page, u32 *off, u32 *len)
{
    u32 start = (u32)b->pa & PAGE_MASK;
    u32 first = start + b->bytes > PAGE_SIZE ? PAGE_SIZE - start : b->bytes;
    if ((b->pa & ~(paddr)PAGE_MASK) == page) {
        *off = start;
        *len = first;
    } else {
        *off = 0;
        *len = b->bytes - first;
    }
}

/* Of line n of a page, the bits of those of the bytes first to last that lie in it. */
static u64 line_bits(u32 n, u32 first, u32 last)
{
    u32 from = first / 64 == n ? first % 64 : 0, to = last / 64 == n ? last % 64 : 63;
    return (~0ull << from) & (~0ull >> (63 - to));
}

static void mark_bytes(struct code_page *p, struct phys *phys, u32 off, u32 len)
{
    for (u32 n = off / 64; n * 64 < off + len; n++)
        p->code[n] |= line_bits(n, off, off + len - 1);
    phys_mark_code(phys, p->page + off, len);
}

bool block_covers(struct jit *jit, paddr pa, u64 len)
{
    const struct code_page *p = page_get(jit, pa & ~(paddr)PAGE_MASK, false);
    u32 first = (u32)pa & PAGE_MASK, last = first + (u32)len - 1;
    u64 any = 0;

    for (u32 n = first / 64; p && n <= last / 64; n++)
        any |= p->code[n] & line_bits(n, first, last);
    return any;
}

static void link_page(struct jit *jit, struct block *b, paddr page)
{
    struct phys *phys = jit->cpu->mmu.phys;
    struct code_page *p = page_get(jit, page, true);
    unsigned n = link_of(b, page);
    u32 off, len;
    b->page_next[n] = p->blocks;
    p->blocks = b;
    bytes_in_page(b, page, &off, &len);
    bool first = phys_code_lines(phys, page) == 0;
    mark_bytes(p, phys, off, len);
    if (first)
        mmu_protect_code(&jit->cpu->mmu, page);
}

void block_insert(struct jit *jit, struct block *b)
{
    if (jit->index.nblocks++ >= jit->index.nbuckets)
        grow_hash(&jit->index);
    struct block **slot = bucket(&jit->index, b->pa, b->mode);
    b->hash_next = *slot;
    *slot = b;
    b->valid = true;
    link_page(jit, b, b->pa & ~(paddr)PAGE_MASK);
    if (b->pa2 != ~(paddr)0)
        link_page(jit, b, b->pa2);
}

const struct block *block_first_in_page(struct jit *jit, paddr pa)
{
    const struct code_page *p = page_get(jit, pa & ~(paddr)PAGE_MASK, false);
    return p ? p->blocks : NULL;
}

const struct block *block_next_in_page(const struct block *b, paddr pa)
{
    return b->page_next[link_of(b, pa & ~(paddr)PAGE_MASK)];
}

static void unlink_page(struct jit *jit, struct block *b, paddr page)
{
    struct code_page *p = page_get(jit, page, false);
    if (!p)
        return;
    struct block **at = &p->blocks;
    while (*at && *at != b)
        at = &(*at)->page_next[link_of(*at, page)];
    if (*at)
        *at = b->page_next[link_of(b, page)];
}

static void unchain_incoming(struct jit *jit, struct block *b)
{
    while (b->incoming) {
        struct block_exit *e = b->incoming;
        b->incoming = e->next;
        jit->backend->unchain(jit->be, e);
        e->to = NULL;
        e->next = NULL;
    }
}

void block_unchain(struct jit *jit, struct block_exit *e)
{
    struct block_exit **at = &e->to->incoming;
    while (*at && *at != e)
        at = &(*at)->next;
    if (*at)
        *at = e->next;
    jit->backend->unchain(jit->be, e);
    e->to = NULL;
    e->next = NULL;
}

/* Takes the block's own exits off the lists of the blocks they lead to. */
static void unchain_outgoing(struct jit *jit, struct block *b)
{
    for (unsigned i = 0; i < b->nexits; i++) {
        if (b->exits[i].to)
            block_unchain(jit, &b->exits[i]);
    }
}

static void kill_block(struct jit *jit, struct block *b)
{
    struct block **at = bucket(&jit->index, b->pa, b->mode);
    while (*at != b)
        at = &(*at)->hash_next;
    *at = b->hash_next;
    jit->index.nblocks--;
    unlink_page(jit, b, b->pa & ~(paddr)PAGE_MASK);
    if (b->pa2 != ~(paddr)0)
        unlink_page(jit, b, b->pa2);
    unchain_incoming(jit, b);
    unchain_outgoing(jit, b);
    b->valid = false;
    jit->backend->discard(jit->be, b);
    b->hash_next = jit->index.dead;
    jit->index.dead = b;
}

/* The page's marks, made anew from the blocks that are left. */
static void refresh_lines(struct jit *jit, struct code_page *p)
{
    struct phys *phys = jit->cpu->mmu.phys;
    phys_set_code_lines(phys, p->page, 0);
    memset(p->code, 0, sizeof(p->code));
    for (struct block *b = p->blocks; b; b = b->page_next[link_of(b, p->page)]) {
        u32 off, len;
        bytes_in_page(b, p->page, &off, &len);
        mark_bytes(p, phys, off, len);
    }
}

static void invalidate_in_page(struct jit *jit, paddr page, u32 first, u32 last)
{
    struct code_page *p = page_get(jit, page, false);
    bool any = false;
    if (!p)
        return;
    for (struct block *b = p->blocks, *next; b; b = next) {
        u32 off, len;
        next = b->page_next[link_of(b, page)];
        bytes_in_page(b, page, &off, &len);
        if (off <= last && off + len - 1 >= first) {
            u8 *heat = heat_of(jit, b->pa);
            if (*heat < 255)
                ++*heat;
            kill_block(jit, b);
            jit->stats.invalidated++;
            any = true;
        }
    }
    if (any)
        refresh_lines(jit, p);
}

void block_invalidate(struct jit *jit, paddr pa, u64 len)
{
    u64 now = cpu_icount(jit->cpu) >> 24;
    if (now != jit->index.heat_epoch) { /* cool down every 16 Mi instructions */
        jit->index.heat_epoch = now;
        for (u32 i = 0; i < ARRAY_LEN(jit->index.heat); i++)
            jit->index.heat[i] /= 2;
    }
    while (len) {
        u32 off = (u32)pa & PAGE_MASK;
        u64 n = PAGE_SIZE - off < len ? PAGE_SIZE - off : len;
        invalidate_in_page(jit, pa & ~(paddr)PAGE_MASK, off, off + (u32)n - 1);
        pa += n;
        len -= n;
    }
}

bool block_is_hot_line(struct jit *jit, paddr pa)
{
    return *heat_of(jit, pa) >= HEAT_STEP_ONLY;
}

static void free_block(struct jit *jit, struct block *b)
{
    block_free_exits(b);
    b->valid = false;
    b->serial = 0;
    b->hash_next = jit->index.unused;
    jit->index.unused = b;
}

void block_reap(struct jit *jit)
{
    while (jit->index.dead) {
        struct block *b = jit->index.dead;
        jit->index.dead = b->hash_next;
        free_block(jit, b);
    }
}

void block_drop_all(struct jit *jit)
{
    struct phys *phys = jit->cpu->mmu.phys;
    for (u32 i = 0; i < ARRAY_LEN(jit->index.pages); i++) {
        while (jit->index.pages[i]) {
            struct code_page *p = jit->index.pages[i];
            phys_set_code_lines(phys, p->page, 0);
            jit->index.pages[i] = p->next;
            free(p);
        }
    }
    for (u32 i = 0; i < jit->index.nbuckets; i++) {
        while (jit->index.hash[i]) {
            struct block *b = jit->index.hash[i];
            jit->index.hash[i] = b->hash_next;
            free_block(jit, b);
        }
    }
    jit->index.nblocks = 0;
    block_reap(jit);
    jit->backend->discard_all(jit->be);
    perf_map_restart(jit);
    jump_cache_clear(jit); /* the code memory is used again */
}

void block_index_free(struct jit *jit)
{
    block_drop_all(jit);
    while (jit->index.slabs) {
        struct block_slab *s = jit->index.slabs;
        jit->index.slabs = s->next;
        free(s);
    }
    free(jit->index.hash);
}
