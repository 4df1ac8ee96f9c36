/* The flat TLB's book-keeping: fill, flush, protect.
 *
 * Every entry that is not 0 is named in a list, one for global pages and one for the others, so a
 * flush never looks at the tables' other pages, nor a change of CR3 at the global ones. INVLPG
 * empties entries and leaves their names behind; a list is weeded out when it is full. Large pages
 * are filled as 4 KiB slices; a bit for each 4 MiB of linear space remembers where, since INVLPG of
 * any address in a large page kills all of it (SDM 3A 4.10.4.1). In IA-32e mode that is a bit by
 * page size for all the regions that have its hash: INVLPG then looks through the names, which is
 * seldom for nothing, and never so with pages of 4 KiB alone. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "mmu/mmu.h"

#define KEY_BITS    4
#define PAGE_NUM    ((1ull << 36) - 1)
#define HASH_FACTOR 0x9e3779b97f4a7c15ull
#define SEEN        2u /* in an entry, while the list is weeded: its name has been met */
#define FIRST_CAP   1024u

static inline u64 key_of(const struct tlb *t, laddr la, enum priv priv, enum access acc)
{
    return (tlb_is_wide(t, la) ? TLB_KEY_WIDE : 0) | (la >> PAGE_BITS & PAGE_NUM) << KEY_BITS |
           (u64)priv << 2 | acc;
}

void tlb_drop_window(struct tlb *t, unsigned n)
{
    struct tlb_window *w = &t->window[n];

    memset(w->end, 0, sizeof(w->end));
    w->bytes = w->bytes16 = 0;
    t->live &= ~(1u << n);
    t->stale |= 1u << n;
}

void tlb_drop_windows(struct tlb *t)
{
    t->run[0].entry = t->run[1].entry = 0;
    while (t->live)
        tlb_drop_window(t, (unsigned)__builtin_ctz(t->live));
}

/* Drops names of empty entries and all but one of repeated ones. */
static void weed(struct tlb *t, struct tlb_list *l)
{
    u32 n = 0;

    for (u32 i = 0; i < l->n; i++) {
        u64 *e = tlb_named(t, l->key[i]);
        if (e && *e && !(*e & SEEN)) {
            *e |= SEEN;
            l->key[n++] = l->key[i];
        }
    }
    l->n = n;
    for (u32 i = 0; i < n; i++)
        *tlb_named(t, l->key[i]) &= ~(u64)SEEN;
}

static void make_room(struct tlb *t, struct tlb_list *l)
{
    weed(t, l);
    if (l->n >= l->cap / 2) {
        u32 cap = l->cap ? 2 * l->cap : FIRST_CAP;
        u64 *key = realloc(l->key, cap * sizeof(*key));

        CHECK(key, "no memory for the list of TLB entries");
        l->key = key;
        l->cap = cap;
    }
}

static void put_flat(struct tlb *t, u64 *e, u64 entry)
{
    if (*e && *e != entry)
        tlb_drop_windows(t);
    if (!*e) /* a window may now be larger */
        t->stale = (1u << TLB_WINDOWS) - 1;
    *e = entry;
}

static void put_wide(struct tlb *t, u64 key, u64 entry)
{
    enum access acc = tlb_key_access(key);
    enum priv priv = tlb_key_priv(key);
    laddr la = tlb_key_linear(key);
    u32 i = tlb_index(la);

    if (t->tag[priv][acc][i] != (u32)(la >> 32)) {
        t->replaced |= acc != ACCESS_EXEC && t->e64[priv][acc][i].addend;
        t->tag[priv][acc][i] = (u32)(la >> 32);
    }
    t->e64[priv][acc][i].addend = entry;
}

static void put(struct tlb *t, u64 key, u64 entry, bool global)
{
    struct tlb_list *l = &t->filled[global];

    if (l->n == l->cap)
        make_room(t, l);
    l->key[l->n++] = key;
    if (key & TLB_KEY_WIDE)
        put_wide(t, key, entry);
    else
        put_flat(t, tlb_named(t, key), entry);
}

static u64 addend(laddr la, const u8 *host)
{
    return (u64)(uintptr_t)host - (la & ~(laddr)PAGE_MASK);
}

void tlb_fill(struct tlb *t, laddr la, enum priv priv, enum access acc, const u8 *host, bool global)
{
    put(t, key_of(t, la, priv, acc), addend(la, host) | TLB_VALID, global);
}

void tlb_keep(struct tlb *t, laddr la, enum priv priv, enum access acc, const u8 *host, bool global)
{
    put(t, key_of(t, la, priv, acc), addend(la, host) | TLB_KEPT, global);
}

static inline void clear(struct tlb *t, u64 key)
{
    u64 *e = tlb_named(t, key);

    if (e)
        *e = 0;
}

static void empty(struct tlb *t, struct tlb_list *l)
{
    tlb_drop_windows(t);
    for (u32 i = 0; i < l->n; i++)
        clear(t, l->key[i]);
    l->n = 0;
}

void mmu_flush(struct mmu *m)
{
    empty(m->tlb, &m->tlb->filled[false]);
    empty(m->tlb, &m->tlb->filled[true]);
    memset(m->large, 0, sizeof(m->large));
    m->phys_gen = phys_generation(m->phys);
}

void mmu_flush_nonglobal(struct mmu *m)
{
    empty(m->tlb, &m->tlb->filled[false]);
}

/* The bit for the large page around la. */
static inline u32 slot_of(laddr la, enum mmu_large size)
{
    static const u8 shift[] = {[MMU_LARGE_4M] = 22, [MMU_LARGE_2M] = 21, [MMU_LARGE_1G] = 30};
    u64 n = la >> shift[size];

    return size == MMU_LARGE_4M ? (u32)n : (u32)(n * HASH_FACTOR >> (64 - MMU_LARGE_BITS));
}

void mmu_note_large(struct mmu *m, laddr la, enum mmu_large size)
{
    u32 slot = slot_of(la, size);

    m->large[size][slot / 64] |= 1ull << slot % 64;
}

/* If the bit of la's page is set, empties all entries that have the same. */
static bool flush_large(struct mmu *m, laddr la, enum mmu_large size)
{
    u32 slot = slot_of(la, size);
    u64 *bits = &m->large[size][slot / 64], bit = 1ull << slot % 64;

    if (!(*bits & bit))
        return false;
    for (unsigned global = 0; global < 2; global++) {
        const struct tlb_list *l = &m->tlb->filled[global];
        for (u32 i = 0; i < l->n; i++)
            if (slot_of(tlb_key_linear(l->key[i]), size) == slot)
                clear(m->tlb, l->key[i]);
    }
    *bits &= ~bit;
    return true;
}

/* In IA-32e mode. Tables are not written to where there is nothing, which would cost memory. */
static void flush_page64(struct mmu *m, laddr la)
{
    struct tlb *t = m->tlb;
    u32 page = tlb_index(la), tag = (u32)(la >> 32);

    for (unsigned priv = 0; priv < (m->cr4 & CR4_SMAP_BIT ? PRIV_COUNT : PRIV_SUPER_AC); priv++)
        for (unsigned acc = 0; acc < ACCESS_COUNT; acc++) {
            if (t->tag[priv][acc][page] == tag && t->e64[priv][acc][page].addend)
                t->e64[priv][acc][page].addend = 0;
            if (!tag && t->e[priv][acc][page].addend)
                t->e[priv][acc][page].addend = 0;
        }
}

void mmu_flush_page(struct mmu *m, laddr la)
{
    tlb_drop_windows(m->tlb);
    if (m->lma) {
        bool done = flush_large(m, la, MMU_LARGE_2M);

        if (!(flush_large(m, la, MMU_LARGE_1G) | done))
            flush_page64(m, la);
        return;
    }
    la = (u32)la;
    if (flush_large(m, la, MMU_LARGE_4M))
        return;
    /* Without SMAP the last tables are empty, and better left untouched. */
    for (unsigned priv = 0; priv < (m->cr4 & CR4_SMAP_BIT ? PRIV_COUNT : PRIV_SUPER_AC); priv++)
        for (unsigned acc = 0; acc < ACCESS_COUNT; acc++)
            m->tlb->e[priv][acc][la >> PAGE_BITS].addend = 0;
}

static void keep(struct tlb *t, u64 *e)
{
    if (!(*e & TLB_VALID))
        return;
    tlb_drop_windows(t);
    *e = (*e & ~(u64)TLB_VALID) | TLB_KEPT;
}

static void protect_in(struct tlb *t, const struct tlb_list *l, u64 host)
{
    for (u32 i = 0; i < l->n; i++) {
        u64 key = l->key[i];
        u64 granted = (host - tlb_key_linear(key)) | TLB_VALID, *e;

        if (tlb_key_access(key) != ACCESS_WRITE)
            continue;
        e = tlb_named(t, key);
        if (e && *e == granted)
            keep(t, e);
    }
}

void mmu_protect_code(struct mmu *m, paddr pa)
{
    u64 host = (u64)(uintptr_t)phys_host(m->phys, pa, true);

    if (!host)
        return;
    protect_in(m->tlb, &m->tlb->filled[false], host);
    protect_in(m->tlb, &m->tlb->filled[true], host);
}

/* What the entry shows, as a host address. */
static const u8 *host_of(u64 key, u64 entry)
{
    return (const u8 *)(uintptr_t)(tlb_key_linear(key) + (entry & ~(u64)PAGE_MASK));
}

/* By the entry that key names, which may be empty. */
static bool is_watched(const struct mmu *m, u64 key, u64 entry)
{
    paddr pa = ~(paddr)0;

    if (m->nwatch_phys)
        phys_address(m->phys, host_of(key, entry), &pa);
    return mmu_watched(m, tlb_key_linear(key), pa);
}

void mmu_watch(struct mmu *m)
{
    bool any = m->nwatch | m->nwatch_phys || m->watch_all;

    for (unsigned global = 0; any && global < 2; global++) {
        const struct tlb_list *l = &m->tlb->filled[global];
        for (u32 i = 0; i < l->n; i++) {
            u64 key = l->key[i], *e = tlb_named(m->tlb, key);
            if (e && tlb_key_access(key) != ACCESS_EXEC && is_watched(m, key, *e))
                keep(m->tlb, e);
        }
    }
}

/* -- what is cached, for snapshots -- */

/* After a snapshot was taken and after it was restored, windows are to be the same: none. */
static void forget_windows(struct tlb *t)
{
    tlb_drop_windows(t);
    memset(t->window, 0, sizeof(t->window));
    t->stale = (1u << TLB_WINDOWS) - 1;
}

u32 mmu_cached(struct mmu *m, struct mmu_cached **list)
{
    u32 n = 0;

    if (m->phys_gen != phys_generation(m->phys))
        mmu_flush(m); /* as the next access would */
    forget_windows(m->tlb);
    weed(m->tlb, &m->tlb->filled[false]);
    weed(m->tlb, &m->tlb->filled[true]);
    *list = malloc((m->tlb->filled[0].n + m->tlb->filled[1].n + 1) * sizeof(**list));
    for (unsigned global = 0; *list && global < 2; global++) {
        const struct tlb_list *l = &m->tlb->filled[global];
        for (u32 i = 0; i < l->n; i++) {
            u64 key = l->key[i], *e = tlb_named(m->tlb, key); /* weeded: there is one */
            struct mmu_cached c = {.key = key, .global = global};
            if (!phys_address(m->phys, host_of(key, *e), &c.pa)) {
                *e = 0; /* nothing of the map's: as if it had been invalidated */
                continue;
            }
            if (tlb_key_access(key) == ACCESS_WRITE)
                keep(m->tlb, e);
            (*list)[n++] = c;
        }
    }
    return n;
}

void mmu_keep_writes(struct mmu *m)
{
    struct mmu_cached *list;

    mmu_cached(m, &list);
    CHECK(list, "out of memory");
    free(list);
}

bool mmu_is_cacheable(const struct mmu *m, const struct mmu_cached *c)
{
    enum access acc = tlb_key_access(c->key);
    bool named =
        c->key < TLB_KEY_WIDE ? !(tlb_key_linear(c->key) >> 32) : c->key < 2 * TLB_KEY_WIDE;

    return named && acc < ACCESS_COUNT && tlb_key_priv(c->key) < PRIV_COUNT &&
           !(c->pa & PAGE_MASK) && phys_host(m->phys, c->pa, acc == ACCESS_WRITE);
}

void mmu_cache(struct mmu *m, const struct mmu_cached *list, u32 n)
{
    mmu_flush(m);
    for (u32 i = 0; i < n; i++) {
        u64 key = list[i].key;
        enum access acc = tlb_key_access(key);
        laddr la = tlb_key_linear(key);
        const u8 *host = phys_host(m->phys, list[i].pa, acc == ACCESS_WRITE);
        bool kept = acc == ACCESS_WRITE || (acc == ACCESS_READ && mmu_watched(m, la, list[i].pa));

        put(m->tlb, key, addend(la, host) | (kept ? TLB_KEPT : TLB_VALID), list[i].global);
    }
    m->tlb->replaced = false;
    forget_windows(m->tlb);
}

void mmu_release(struct mmu *m)
{
    mmu_flush(m);
    for (unsigned global = 0; global < 2; global++) {
        free(m->tlb->filled[global].key);
        m->tlb->filled[global] = (struct tlb_list){0};
    }
}
