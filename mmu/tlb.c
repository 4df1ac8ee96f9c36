/* The flat TLB's book-keeping: fill, flush, protect.
 *
 * Every entry that is not 0 is named in the filled list, so a flush never looks at the tables'
 * other pages. INVLPG empties entries and leaves their names behind; the list is weeded out when
 * it is full. Large pages are filled as 4 KiB slices; a bit for each 4 MiB of linear space
 * remembers where, since INVLPG of any address in a large page kills all of it (SDM 3A
 * 4.10.4.1). */
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

static inline u32 key_page(u32 key)
{
    return (key & ~TLB_FILLED_GLOBAL) >> KEY_BITS;
}

static inline u64 *entry_of(struct tlb *t, u32 key)
{
    return &t->e[key >> 2 & 3][key & 3][key_page(key)].addend;
}

/* Drops names of empty entries and all but the last of repeated ones. */
static void weed(struct tlb *t)
{
    u32 keep = t->nfilled;

    for (u32 i = t->nfilled; i-- > 0;) {
        u64 *e = entry_of(t, t->filled[i]);
        if (*e && !(*e & SEEN)) {
            *e |= SEEN;
            t->filled[--keep] = t->filled[i];
        }
    }
    t->nfilled -= keep;
    memmove(t->filled, t->filled + keep, t->nfilled * sizeof(*t->filled));
    for (u32 i = 0; i < t->nfilled; i++)
        *entry_of(t, t->filled[i]) &= ~(u64)SEEN;
}

static void make_room(struct tlb *t)
{
    if (t->nfilled)
        weed(t);
    if (t->nfilled >= t->cap / 2) {
        u32 cap = t->cap ? 2 * t->cap : FIRST_CAP;
        u32 *filled = realloc(t->filled, cap * sizeof(*filled));

        CHECK(filled, "no memory for the list of TLB entries");
        t->filled = filled;
        t->cap = cap;
    }
}

void tlb_fill(struct tlb *t, laddr la, enum priv priv, enum access acc, const u8 *host, bool global)
{
    u32 key = key_of(la, priv, acc);
    u64 value = ((u64)(uintptr_t)host - (la & ~PAGE_MASK)) | TLB_VALID |
                (global && acc == ACCESS_EXEC ? TLB_GLOBAL : 0);
    u64 *e = entry_of(t, key);

    if (*e != value) {
        if (t->nfilled == t->cap)
            make_room(t);
        t->filled[t->nfilled++] = key | (global ? TLB_FILLED_GLOBAL : 0);
    }
    *e = value;
}

void mmu_flush(struct mmu *m)
{
    struct tlb *t = m->tlb;

    for (u32 i = 0; i < t->nfilled; i++)
        *entry_of(t, t->filled[i]) = 0;
    t->nfilled = 0;
    memset(m->large, 0, sizeof(m->large));
    m->phys_gen = phys_generation(m->phys);
}

void mmu_flush_nonglobal(struct mmu *m)
{
    struct tlb *t = m->tlb;
    u32 n = 0;

    for (u32 i = 0; i < t->nfilled; i++) {
        u64 *e = entry_of(t, t->filled[i]);

        if (!(t->filled[i] & TLB_FILLED_GLOBAL))
            *e = 0;
        else if (*e)
            t->filled[n++] = t->filled[i];
    }
    t->nfilled = n;
}

/* Empties all entries of the 4 MiB that slot numbers. */
static void flush_slot(struct mmu *m, u32 slot)
{
    struct tlb *t = m->tlb;
    u32 n = 0;

    for (u32 i = 0; i < t->nfilled; i++) {
        if (key_page(t->filled[i]) >> 10 == slot)
            *entry_of(t, t->filled[i]) = 0;
        else
            t->filled[n++] = t->filled[i];
    }
    t->nfilled = n;
    m->large[slot / 64] &= ~(1ull << slot % 64);
}

bool mmu_flush_page(struct mmu *m, laddr la)
{
    u32 slot = la >> 22;

    if (m->large[slot / 64] >> slot % 64 & 1) {
        flush_slot(m, slot);
        return true;
    }
    /* Without SMAP the last tables are empty, and better left untouched. */
    for (unsigned priv = 0; priv < (m->cr4 & CR4_SMAP_BIT ? PRIV_COUNT : PRIV_SUPER_AC); priv++)
        for (unsigned acc = 0; acc < ACCESS_COUNT; acc++)
            m->tlb->e[priv][acc][la >> PAGE_BITS].addend = 0;
    return false;
}

void mmu_protect_code(struct mmu *m, paddr pa)
{
    struct tlb *t = m->tlb;
    u64 host = (u64)(uintptr_t)phys_host(m->phys, pa, true);

    if (!host)
        return;
    for (u32 i = 0; i < t->nfilled; i++) {
        u32 key = t->filled[i];
        u64 granted = (host - ((u64)key_page(key) << PAGE_BITS)) | TLB_VALID;
        u64 *e = entry_of(t, key);

        if ((key & 3) == ACCESS_WRITE && *e == granted)
            *e = 0;
    }
}

void mmu_release(struct mmu *m)
{
    mmu_flush(m);
    free(m->tlb->filled);
    m->tlb->filled = NULL;
    m->tlb->cap = 0;
}
