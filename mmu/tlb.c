/* The flat TLB's book-keeping: fill, flush, protect.
 *
 * Every entry that is not 0 is named in a list, one for global pages and one for the others, so a
 * flush never looks at the tables' other pages, nor a change of CR3 at the global ones. INVLPG
 * empties entries and leaves their names behind; a list is weeded out when it is full. Large pages
 * are filled as 4 KiB slices; a bit for each 4 MiB of linear space remembers where, since INVLPG of
 * any address in a large page kills all of it (SDM 3A 4.10.4.1). */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "mmu/mmu.h"

#define KEY_BITS  4
#define SEEN      2u /* in an entry, while the list is weeded: its name has been met */
#define FIRST_CAP 1024u

static inline u32 key_of(laddr la, enum priv priv, enum access acc)
{
    return (la >> PAGE_BITS) << KEY_BITS | (u32)priv << 2 | acc;
}

static inline u64 *entry_of(struct tlb *t, u32 key)
{
    return &t->e[key >> 2 & 3][key & 3][key >> KEY_BITS].addend;
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
        u64 *e = entry_of(t, l->key[i]);
        if (*e && !(*e & SEEN)) {
            *e |= SEEN;
            l->key[n++] = l->key[i];
        }
    }
    l->n = n;
    for (u32 i = 0; i < n; i++)
        *entry_of(t, l->key[i]) &= ~(u64)SEEN;
}

static void make_room(struct tlb *t, struct tlb_list *l)
{
    weed(t, l);
    if (l->n >= l->cap / 2) {
        u32 cap = l->cap ? 2 * l->cap : FIRST_CAP;
        u32 *key = realloc(l->key, cap * sizeof(*key));

        CHECK(key, "no memory for the list of TLB entries");
        l->key = key;
        l->cap = cap;
    }
}

static void put(struct tlb *t, u32 key, u64 entry, bool global)
{
    struct tlb_list *l = &t->filled[global];
    u64 *e = entry_of(t, key);

    if (*e && *e != entry)
        tlb_drop_windows(t);
    if (!*e) /* a window may now be larger */
        t->stale = (1u << TLB_WINDOWS) - 1;
    if (l->n == l->cap)
        make_room(t, l);
    l->key[l->n++] = key;
    *e = entry;
}

static u64 addend(laddr la, const u8 *host)
{
    return (u64)(uintptr_t)host - (la & ~PAGE_MASK);
}

void tlb_fill(struct tlb *t, laddr la, enum priv priv, enum access acc, const u8 *host, bool global)
{
    put(t, key_of(la, priv, acc), addend(la, host) | TLB_VALID, global);
}

void tlb_keep(struct tlb *t, laddr la, enum priv priv, enum access acc, const u8 *host, bool global)
{
    put(t, key_of(la, priv, acc), addend(la, host) | TLB_KEPT, global);
}

static void empty(struct tlb *t, struct tlb_list *l)
{
    tlb_drop_windows(t);
    for (u32 i = 0; i < l->n; i++)
        *entry_of(t, l->key[i]) = 0;
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

/* Empties all entries of the 4 MiB that slot numbers. */
static void flush_slot(struct mmu *m, u32 slot)
{
    for (unsigned global = 0; global < 2; global++) {
        struct tlb_list *l = &m->tlb->filled[global];
        for (u32 i = 0; i < l->n; i++) {
            if (l->key[i] >> (KEY_BITS + 10) == slot)
                *entry_of(m->tlb, l->key[i]) = 0;
        }
    }
    m->large[slot / 64] &= ~(1ull << slot % 64);
}

void mmu_flush_page(struct mmu *m, laddr la)
{
    u32 slot = la >> 22;

    tlb_drop_windows(m->tlb);
    if (m->large[slot / 64] >> slot % 64 & 1) {
        flush_slot(m, slot);
        return;
    }
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
        u32 key = l->key[i];
        u64 granted = (host - ((u64)(key >> KEY_BITS) << PAGE_BITS)) | TLB_VALID;
        u64 *e = entry_of(t, key);

        if ((key & 3) == ACCESS_WRITE && *e == granted)
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

/* By the entry that key names, which may be empty. */
static bool is_watched(const struct mmu *m, u32 key)
{
    laddr la = key >> KEY_BITS << PAGE_BITS;
    const u8 *host = tlb_host(m->tlb, la, (enum priv)(key >> 2 & 3), (enum access)(key & 3));
    paddr pa = ~(paddr)0;

    if (m->nwatch_phys)
        phys_address(m->phys, host, &pa);
    return mmu_watched(m, la, pa);
}

void mmu_watch(struct mmu *m)
{
    bool any = m->nwatch | m->nwatch_phys || m->watch_all;

    for (unsigned global = 0; any && global < 2; global++) {
        const struct tlb_list *l = &m->tlb->filled[global];
        for (u32 i = 0; i < l->n; i++) {
            u32 key = l->key[i];
            if ((key & 3) != ACCESS_EXEC && is_watched(m, key))
                keep(m->tlb, entry_of(m->tlb, key));
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
            u32 key = l->key[i];
            u64 *e = entry_of(m->tlb, key);
            struct mmu_cached c = {.key = key, .global = global};
            laddr la = key >> KEY_BITS << PAGE_BITS;
            const u8 *host = (const u8 *)(uintptr_t)(la + (*e & ~(u64)PAGE_MASK));
            if (!phys_address(m->phys, host, &c.pa)) {
                *e = 0; /* nothing of the map's: as if it had been invalidated */
                continue;
            }
            if ((key & 3) == ACCESS_WRITE)
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
    enum access acc = (enum access)(c->key & 3);

    return acc < ACCESS_COUNT && (c->key >> 2 & 3) < PRIV_COUNT && !(c->pa & PAGE_MASK) &&
           phys_host(m->phys, c->pa, acc == ACCESS_WRITE);
}

void mmu_cache(struct mmu *m, const struct mmu_cached *list, u32 n)
{
    mmu_flush(m);
    for (u32 i = 0; i < n; i++) {
        u32 key = list[i].key;
        enum access acc = (enum access)(key & 3);
        laddr la = key >> KEY_BITS << PAGE_BITS;
        const u8 *host = phys_host(m->phys, list[i].pa, acc == ACCESS_WRITE);
        bool kept = acc == ACCESS_WRITE || (acc == ACCESS_READ && mmu_watched(m, la, list[i].pa));

        put(m->tlb, key, addend(la, host) | (kept ? TLB_KEPT : TLB_VALID), list[i].global);
    }
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
