/* Paging: the page walk (SDM 3A chapter 4: 32-bit with PSE, PAE with NX, 4-level), TLB fill and
 * flush. The CPU sets the control fields and calls mmu_flush() when the SDM says cached
 * translations die. */
#ifndef MMU_MMU_H
#define MMU_MMU_H

#include "mmu/phys.h"
#include "mmu/tlb.h"

#define MMU_MAX_WATCH      68 /* four debug registers, 32 stops over two pages */
#define MMU_MAX_WATCH_PHYS 34 /* 32 stops, two pages of a trace */

/* Linear addresses have 48 bits; those above must equal bit 47 (SDM 1, 3.3.7.1). */
#define NONCANONICAL_BITS 0xffff800000000000ull
static inline bool laddr_is_canonical(laddr la)
{
    return (u64)((s64)(la << 16) >> 16) == la;
}

/* Physical addresses, both ends included. */
struct mmu_range {
    paddr first, last;
};

/* What denies a translation (SDM 3A 4.6.1, 4.7). */
enum mmu_deny {
    MMU_GRANTED,
    MMU_NOT_PRESENT,
    MMU_RESERVED,
    MMU_USER,       /* a user's access, U/S clear */
    MMU_WRITE_USER, /* a user's write, R/W clear */
    MMU_WRITE_WP,   /* a supervisor's write, R/W clear and CR0.WP set */
    MMU_NX,
    MMU_SMEP,
    MMU_SMAP,
    MMU_NONCANONICAL /* no page fault: #GP(0) or #SS(0) */
};

/* An entry of the paging structures as read. */
struct mmu_step {
    paddr pa;
    u64 value;
};

/* A translation step by step. */
struct mmu_trace {
    laddr la;
    u8 acc, priv;             /* enum access, enum priv */
    u8 n;                     /* entries passed; 0 without paging */
    u8 deny;                  /* enum mmu_deny; if it is not MMU_GRANTED: */
    u8 at;                    /* the level that denies, */
    u64 bits;                 /* those of its bits that do, */
    u32 pf_code;              /* and the error code */
    bool pae;                 /* three levels of tables, */
    bool lma;                 /* four */
    struct mmu_step level[4]; /* the first one first: PML4E (lma), PDPTE (lma, pae), PDE, PTE */
    paddr page, pa;           /* granted: of the byte, before and after A20 and the like */
};

enum mmu_large { MMU_LARGE_4M, MMU_LARGE_2M, MMU_LARGE_1G, MMU_LARGE_COUNT };
#define MMU_LARGE_BITS  12
#define MMU_LARGE_WORDS ((1 << MMU_LARGE_BITS) / 64)

struct mmu {
    struct phys *phys;
    struct tlb *tlb;
    u32 cr0, cr4;
    u64 cr3;
    bool lma;       /* EFER.LMA: four levels of tables, linear addresses of 48 bits */
    bool nxe;       /* EFER.NXE */
    bool smm;       /* the CPU is in SMM: the chipset shows it SMRAM */
    bool disturbed; /* a walk has set A or D in a line that holds translated code, or its fill has
                       replaced an entry, of which the running block may have made a note: the
                       TLB must not hold more by one back end than by another */
    u64 pdpte[4];   /* PAE: loaded by mmu_load_pdptes() at MOV CR3/CR0/CR4 (SDM 3A 4.4.1) */
    u64 a20_mask;   /* ANDed onto physical addresses: the address lines that there are, but for
                       a gated A20 */
    u8 phys_bits;   /* MAXPHYADDR, for reserved-bit faults */
    bool pat, pse36, page1gb;   /* the CPU has them: bits of entries that are reserved otherwise */
    u32 phys_gen;               /* phys_generation() that the TLB was filled under */
    laddr watch[MMU_MAX_WATCH]; /* addresses whose pages are not granted for data: accesses are
                                   watched. See mmu_watch() */
    u8 nwatch;
    bool watch_all; /* all of them are */
    u8 nwatch_phys;
    struct mmu_range watch_phys[MMU_MAX_WATCH_PHYS]; /* likewise, by physical address */
    struct mmu_trace fault; /* the last translation that was denied, and the PDPTE refused last */
    /* Where large pages were filled since the last flush: bit n of 4M is for the 4 MiB from n <<
     * 22, those of 2M and 1G are for all of that hash */
    u64 large[MMU_LARGE_COUNT][MMU_LARGE_WORDS];
};

/* Bits of CR4 that the walk and the TLB look at */
enum {
    CR4_PSE_BIT = 1u << 4,
    CR4_PAE_BIT = 1u << 5,
    CR4_PGE_BIT = 1u << 7,
    CR4_SMEP_BIT = 1u << 20,
    CR4_SMAP_BIT = 1u << 21
};

/* What a translation came to. */
enum mmu_result { MMU_MEMORY, MMU_MMIO, MMU_FAULT };

/* #PF error code bits (SDM 3A 4.7) */
enum { PF_P = 1, PF_W = 2, PF_U = 4, PF_RSVD = 8, PF_I = 16 };

struct mmu_walk {
    paddr pa;    /* of the byte asked for (A20 applied) */
    u8 *host;    /* MMU_MEMORY: host address of that byte, else NULL */
    u32 pf_code; /* MMU_FAULT: error code */
};

/* Translates one linear address for an access at the given privilege, from the TLB if it is cached
 * there; else it sets A and D bits and fills the TLB when the page is plain memory. The entry is
 * kept while somebody watches the page, and for writes while it holds code. An access to write
 * marks the page as written. ROM counts as memory for reads
 * and as MMIO for writes. Never crosses a page: the caller splits. */
enum mmu_result mmu_translate(struct mmu *m, laddr la, enum access acc, enum priv priv,
                              struct mmu_walk *out);

/* Translates for fetching code, from the TLB if it can. */
enum mmu_result mmu_translate_code(struct mmu *m, laddr la, enum priv priv, struct mmu_walk *out);

/* Fills the TLB for the page of la if the access would change nothing in memory: it is permitted,
 * and A (for writes D) is set. False: it has filled nothing. */
bool mmu_prefill(struct mmu *m, laddr la, enum access acc, enum priv priv);

/* The same as mmu_translate() without side effects (no A/D, no fill), for debuggers. */
enum mmu_result mmu_probe(struct mmu *m, laddr la, enum access acc, enum priv priv,
                          struct mmu_walk *out);

/* The same, telling of each step. */
void mmu_explain(struct mmu *m, laddr la, enum access acc, enum priv priv, struct mmu_trace *out);

/* Every page that the tables at CR3 map, in order, whoever may use it; paging is on. In IA-32e mode
 * that is the order of addresses as unsigned numbers. */
struct mmu_page {
    laddr la;
    u32 size;
    u64 entry;           /* of the last level */
    bool user, writable; /* by all levels */
};
void mmu_list(struct mmu *m, void (*fn)(void *opaque, const struct mmu_page *page), void *opaque);

/* Reads the four PDPTEs at cr3; false if one has reserved bits set (the caller raises #GP(0)):
 * m->fault has it then. */
bool mmu_load_pdptes(struct mmu *m);

/* A large page has been filled; 4M: of either size outside IA-32e mode. */
void mmu_note_large(struct mmu *m, laddr la, enum mmu_large size);

/* Is la in a page whose accesses are watched, or pa, which it maps to? */
bool mmu_watched(const struct mmu *m, laddr la, paddr pa);

void mmu_flush(struct mmu *m);                /* everything; cost: what was filled */
void mmu_flush_nonglobal(struct mmu *m);      /* MOV CR3 with PGE; may flush more */
void mmu_flush_page(struct mmu *m, laddr la); /* INVLPG */

/* The page at pa has got its first translated code: no TLB entry may grant writing to it any more.
 */
void mmu_protect_code(struct mmu *m, paddr pa);

/* The physical address by which phys knows what the CPU means by pa: they differ for SMRAM. */
static inline paddr mmu_smram(const struct mmu *m, paddr pa, bool fetch)
{
    return pa - SMRAM_BASE < SMRAM_SIZE ? phys_smram(m->phys, pa, m->smm, fetch) : pa;
}

/* After a change of watch: what was granted of these pages is kept from now on. */
void mmu_watch(struct mmu *m);

/* What the TLB holds is part of the machine's state: a guest need not have invalidated what it
 * changed in its tables, and pages that are cached get no new A and D bits. */
struct mmu_cached {
    u64 key; /* as the TLB's lists have it */
    bool global;
    paddr pa; /* as phys knows it */
};
/* Everything cached, as an array that the caller frees; NULL: no memory. From now on no entry
 * grants writing. */
u32 mmu_cached(struct mmu *m, struct mmu_cached **list);
void mmu_keep_writes(struct mmu *m); /* only that */
/* Does pa have memory for that access? */
bool mmu_is_cacheable(const struct mmu *m, const struct mmu_cached *c);
/* Flushes, and caches these, which are cacheable; none of them grants writing. */
void mmu_cache(struct mmu *m, const struct mmu_cached *list, u32 n);

/* Frees what the TLB has allocated (not the struct tlb, which is the CPU's), and empties it. */
void mmu_release(struct mmu *m);

#endif
