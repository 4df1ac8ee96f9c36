/* The flat TLB: one entry for every page of the low 4 GiB of linear space, per privilege and access
 * kind; and the wide one, which serves 64-bit code at all addresses and other code above 4 GiB: as
 * many entries, where a page's is that of bits 31:12 of its address, and a tag has bits 63:32.
 * Translated code reads it directly (SDM 3A 4.10 allows any caching that the flush rules undo).
 *
 * An entry is 0 when nothing is cached; else (host address of the page - linear address of the
 * page) | 1. So code tests bit 0 and then accesses [linear + entry - 1]. In a wide table the tag
 * must match first; another page's entry that falls into the same slot takes its place, which any
 * TLB may do. An address that is not canonical never has an entry. An entry promises: access
 * permitted, A (and for writes D) already set, plain memory that nobody watches, and for writes no
 * translated code in the page, which is not marked clean; bits 3 to 11 are 0. With bit 2 instead of
 * bit 0 the entry is kept: the translation is cached as well, and will be used without a walk, but
 * each access takes the slow path, which looks after what stands in the way. Whether an entry is
 * kept is nothing that a guest could find out. The lists of filled entries make a flush cost what
 * was filled; names in them whose entry has been emptied or replaced mean nothing.
 *
 * A window is a run of pages whose entries are equal, as seen from an address that is not linear
 * (an offset in a segment): the CPU makes them, and code tests one bound instead of a limit and an
 * entry. Whatever empties or changes an entry drops all of them. */
#ifndef MMU_TLB_H
#define MMU_TLB_H

#include "base/types.h"

enum access { ACCESS_READ, ACCESS_WRITE, ACCESS_EXEC, ACCESS_COUNT };

/* Whose access it is, which selects the tables. Supervisor accesses to user pages are a matter of
 * EFLAGS.AC when CR4.SMAP is set: those with AC set have tables of their own, which are used for
 * nothing else; implicit ones (of descriptors, TSSs) are always PRIV_SUPER (SDM 3A 4.6.1). */
enum priv { PRIV_SUPER, PRIV_USER, PRIV_SUPER_AC, PRIV_COUNT };

struct tlb_entry {
    u64 addend;
};

#define TLB_PAGES (1u << 20)
#define TLB_VALID 1u
#define TLB_KEPT  4u

/* Names of entries: page << 4 | priv << 2 | access, where the page is la bits 47:12, and whether it
 * is in the wide tables. */
#define TLB_KEY_WIDE (1ull << 40)
struct tlb_list {
    u64 *key;
    u32 n, cap;
};

/* size bytes at `at` may be accessed at host + (at - lo) if at - lo < end[log2 size]. */
struct tlb_window {
    u64 host; /* host address of lo */
    u32 lo;
    u32 end[3];  /* 0: not at all */
    u64 bytes;   /* from lo on ... */
    u64 bytes16; /* ... and below 64 KiB, where addresses of 16 bits go on at 0 */
    u32 misses;
};

/* Pages first to last have the same entry, which is not 0 (if it is, there is no run). */
struct tlb_run {
    u64 entry;
    u32 first, last;
};

#define TLB_WINDOWS 12 /* for each segment register, to read and to write */

struct tlb {
    bool wide;     /* the CPU is in 64-bit mode: the wide tables are used for all addresses */
    bool replaced; /* an entry for data has been, by another page's: see struct mmu */
    struct tlb_window window[TLB_WINDOWS];
    struct tlb_run run[2];     /* the last that windows were made of: to read, to write */
    u32 live;                  /* bit by window: end may not be 0 */
    u32 stale;                 /* bit by window: it is worth making anew */
    struct tlb_list filled[2]; /* [global: CR4.PGE and G]: every entry that is not 0 is named in the
                                  list of its last fill; others may be named too */
    struct tlb_entry e[PRIV_COUNT][ACCESS_COUNT]
                      [TLB_PAGES]; /* [priv][access][page]; demand-zero memory */
    struct tlb_entry e64[PRIV_COUNT][ACCESS_COUNT][TLB_PAGES]; /* the wide ones ... */
    u32 tag[PRIV_COUNT][ACCESS_COUNT][TLB_PAGES];              /* ... and their tags */
};

static inline u32 tlb_index(laddr la)
{
    return (u32)la >> PAGE_BITS;
}

/* Do accesses to la by C code go by the wide tables? */
static inline bool tlb_is_wide(const struct tlb *t, laddr la)
{
    return t->wide || la >> 32;
}

/* What is cached of la's page: its entry, or 0. */
static inline u64 tlb_addend(const struct tlb *t, laddr la, enum priv priv, enum access acc)
{
    u32 i = tlb_index(la);

    if (!tlb_is_wide(t, la))
        return t->e[priv][acc][i].addend;
    return t->tag[priv][acc][i] == (u32)(la >> 32) ? t->e64[priv][acc][i].addend : 0;
}

/* The entry that has it, if tlb_addend() is not 0. */
static inline u64 *tlb_entry_of(struct tlb *t, laddr la, enum priv priv, enum access acc)
{
    u32 i = tlb_index(la);

    return tlb_is_wide(t, la) ? &t->e64[priv][acc][i].addend : &t->e[priv][acc][i].addend;
}

/* What a name says. */
static inline enum access tlb_key_access(u64 key)
{
    return (enum access)(key & 3);
}

static inline enum priv tlb_key_priv(u64 key)
{
    return (enum priv)(key >> 2 & 3);
}

static inline laddr tlb_key_linear(u64 key)
{
    return (laddr)((s64)(key << 24) >> 16) & ~(laddr)PAGE_MASK;
}

/* The entry of that name; NULL: it is another page's. */
static inline u64 *tlb_named(struct tlb *t, u64 key)
{
    enum access acc = tlb_key_access(key);
    enum priv priv = tlb_key_priv(key);
    laddr la = tlb_key_linear(key);
    u32 i = tlb_index(la);

    if (!(key & TLB_KEY_WIDE))
        return &t->e[priv][acc][i].addend;
    return t->tag[priv][acc][i] == (u32)(la >> 32) ? &t->e64[priv][acc][i].addend : NULL;
}

/* Grants access acc to the page of la: host is the page's host address. */
void tlb_fill(struct tlb *t, laddr la, enum priv priv, enum access acc, const u8 *host,
              bool global);

/* The same, but kept for the slow path. */
void tlb_keep(struct tlb *t, laddr la, enum priv priv, enum access acc, const u8 *host,
              bool global);

void tlb_drop_window(struct tlb *t, unsigned n);
void tlb_drop_windows(struct tlb *t); /* all, and the runs */

static inline bool tlb_has(const struct tlb *t, laddr la, enum priv priv, enum access acc)
{
    return tlb_addend(t, la, priv, acc) & TLB_VALID;
}

/* Is the translation cached, but not granted? */
static inline bool tlb_is_kept(const struct tlb *t, laddr la, enum priv priv, enum access acc)
{
    return tlb_addend(t, la, priv, acc) & TLB_KEPT;
}

/* Host address of la, if tlb_has() or tlb_is_kept(). */
static inline u8 *tlb_host(const struct tlb *t, laddr la, enum priv priv, enum access acc)
{
    return (u8 *)(uintptr_t)(la + (tlb_addend(t, la, priv, acc) & ~(u64)PAGE_MASK));
}

#endif
