/* The page walk: linear to physical, permission, accessed and dirty bits, TLB fill.
 *
 * SDM 3A chapter 4: 4.3 (32-bit, PSE, PSE-36), 4.4 (PAE), 4.5 (4-level), 4.6 (rights), 4.7 (error
 * codes), 4.8 (A and D). Accessed bits are set at every level, the dirty bit at the leaf, and only
 * once the access is known to be permitted, so a fault changes nothing. */
#include "mmu/mmu.h"

enum {
    E_P = 1 << 0,
    E_RW = 1 << 1,
    E_US = 1 << 2,
    E_A = 1 << 5,
    E_D = 1 << 6,
    E_PS = 1 << 7,
    E_PAT = 1 << 7, /* of a 4 KiB page */
    E_PAT_LARGE = 1 << 12,
    E_G = 1 << 8,
};
#define E_NX     (1ull << 63)
#define PAE_ADDR 0x000ffffffffff000ull

enum { CR0_WP_BIT = 1u << 16, CR0_PG_BIT = 1u << 31 };

/* What the levels of a walk came to. */
struct path {
    paddr entry[4]; /* physical addresses of the entries passed, the directory's or PML4's first */
    u64 value[4];
    unsigned n; /* entries passed */
    u64 all;    /* AND of the entries: U/S and R/W as they count */
    u64 any;    /* OR of the entries: NX */
    paddr page; /* physical address of the 4 KiB (slice of the) page */
    u64 bad;    /* reserved bits that are set */
    bool peek;  /* read no device registers */
};

static inline bool paging(const struct mmu *m)
{
    return m->cr0 & CR0_PG_BIT;
}

static inline bool has_nx(const struct mmu *m)
{
    return (m->cr4 & CR4_PAE_BIT) && m->nxe;
}

static inline u64 bits_from(unsigned lo, unsigned end)
{
    return lo >= end ? 0 : (~0ull << lo) & (end >= 64 ? ~0ull : (1ull << end) - 1);
}

/* Without the PAT its bit in the entry of a page is reserved (SDM 3A 4.3, 4.4.2). */
static u64 pat_reserved(const struct mmu *m, bool large)
{
    if (m->pat)
        return 0;
    return large ? E_PAT_LARGE : E_PAT;
}

/* Bits that must be 0 in a present PAE entry (SDM 3A tables 4-9 to 4-11). */
static u64 pae_reserved(const struct mmu *m, bool large)
{
    return bits_from(m->phys_bits, 63) | (m->nxe ? 0 : E_NX) |
           (large ? bits_from(13, 21) | pat_reserved(m, true) : 0);
}

/* Physical address bits that a 4 MiB page's entry holds in bits 20:13 (PSE-36): how many. */
static unsigned pse36_bits(const struct mmu *m)
{
    unsigned bits = m->phys_bits > 40 ? 40 : m->phys_bits;

    return m->pse36 && bits > 32 ? bits - 32 : 0;
}

/* The walks return the error code bits of their fault (P, RSVD), or this. */
#define WALK_ON (~0u)

static u64 read_entry(struct mmu *m, struct path *w, paddr at, unsigned size)
{
    u64 v;

    at = mmu_smram(m, at & m->a20_mask, false);
    v = w->peek && phys_is_mmio(m->phys, at) ? 0 : phys_read(m->phys, at, size);
    w->entry[w->n] = at;
    w->value[w->n++] = v;
    w->all &= v;
    w->any |= v;
    return v;
}

static u32 walk_32(struct mmu *m, laddr la, struct path *w)
{
    u64 e = read_entry(m, w, (m->cr3 & ~PAGE_MASK) + (la >> 22) * 4, 4);

    if (!(e & E_P))
        return 0;
    if ((e & E_PS) && (m->cr4 & CR4_PSE_BIT)) {
        unsigned high = pse36_bits(m);

        w->bad = e & (bits_from(13 + high, 22) | pat_reserved(m, true)); /* table 4-4 */
        if (w->bad)
            return PF_P | PF_RSVD;
        w->page = (e & bits_from(13, 13 + high)) << 19 | (e & 0xffc00000u) | (la & 0x3ff000);
        return WALK_ON;
    }
    e = read_entry(m, w, (e & ~(u64)PAGE_MASK) + (la >> 12 & 0x3ff) * 4, 4);
    if (!(e & E_P))
        return 0;
    w->bad = m->cr4 & CR4_PSE_BIT ? e & pat_reserved(m, false) : 0;
    if (w->bad)
        return PF_P | PF_RSVD;
    w->page = e & ~(u64)PAGE_MASK;
    return WALK_ON;
}

static u32 walk_pae(struct mmu *m, laddr la, struct path *w)
{
    u64 e = m->pdpte[la >> 30];

    if (!(e & E_P)) /* no rights in this one (table 4-8) */
        return 0;
    e = read_entry(m, w, (e & PAE_ADDR) + (la >> 21 & 0x1ff) * 8, 8);
    if (!(e & E_P))
        return 0;
    w->bad = e & pae_reserved(m, e & E_PS);
    if (w->bad)
        return PF_P | PF_RSVD;
    if (e & E_PS) {
        w->page = (e & PAE_ADDR & ~0x1fffffull) | (la & 0x1ff000);
        return WALK_ON;
    }
    e = read_entry(m, w, (e & PAE_ADDR) + (la >> 12 & 0x1ff) * 8, 8);
    if (!(e & E_P))
        return 0;
    w->bad = e & (pae_reserved(m, false) | pat_reserved(m, false));
    if (w->bad)
        return PF_P | PF_RSVD;
    w->page = e & PAE_ADDR;
    return WALK_ON;
}

/* What reads the entries of 4-level paging: of PML4, PDPT, directory and table. SDM 3A tables 4-15
 * to 4-20. */
static u32 walk_4level(struct mmu *m, laddr la, struct path *w)
{
    const u64 always = bits_from(m->phys_bits, 52) | (m->nxe ? 0 : E_NX);
    u64 e = m->cr3;

    for (unsigned shift = 39;; shift -= 9) {
        bool may_be_page = shift == 21 || (shift == 30 && m->page1gb);

        e = read_entry(m, w, (e & PAE_ADDR) + (la >> shift & 0x1ff) * 8, 8);
        if (!(e & E_P))
            return 0;
        w->bad = e & always;
        if (shift > 12 && (e & E_PS))
            w->bad |= may_be_page ? e & bits_from(13, shift) : E_PS;
        if (w->bad)
            return PF_P | PF_RSVD;
        if (shift == 12 || (e & E_PS)) {
            w->page = (e & PAE_ADDR & ~bits_from(0, shift)) | (la & bits_from(12, shift));
            return WALK_ON;
        }
    }
}

/* SDM 3A 4.6.1 */
static enum mmu_deny denial(const struct mmu *m, const struct path *w, enum access acc,
                            enum priv priv)
{
    bool user_page = w->all & E_US;

    if (priv == PRIV_USER && !user_page)
        return MMU_USER;
    if (priv == PRIV_SUPER && user_page && acc != ACCESS_EXEC && (m->cr4 & CR4_SMAP_BIT))
        return MMU_SMAP;
    if (priv != PRIV_USER && user_page && acc == ACCESS_EXEC && (m->cr4 & CR4_SMEP_BIT))
        return MMU_SMEP;
    if (acc == ACCESS_WRITE && !(w->all & E_RW)) {
        if (priv == PRIV_USER)
            return MMU_WRITE_USER;
        return m->cr0 & CR0_WP_BIT ? MMU_WRITE_WP : MMU_GRANTED;
    }
    if (acc == ACCESS_EXEC && has_nx(m) && (w->any & E_NX))
        return MMU_NX;
    return MMU_GRANTED;
}

static bool permitted(const struct mmu *m, const struct path *w, enum access acc, enum priv priv)
{
    return denial(m, w, acc, priv) == MMU_GRANTED;
}

/* Sets what is not yet set, in the low dword of each entry. */
static void set_accessed(struct mmu *m, struct path *w, bool dirty)
{
    for (unsigned i = 0; i < w->n; i++) {
        u64 v = w->value[i] | E_A | (dirty && i == w->n - 1 ? E_D : 0);

        if (v != w->value[i]) {
            w->value[i] = v;
            if (phys_holds_code(m->phys, w->entry[i], 4))
                m->disturbed = true;
            phys_write_as(m->phys, PHYS_WALK, w->entry[i], 4, (u32)v);
        }
    }
}

static u32 walk_tables(struct mmu *m, laddr la, struct path *w)
{
    if (m->lma)
        return laddr_is_canonical(la) ? walk_4level(m, la, w) : 0;
    return m->cr4 & CR4_PAE_BIT ? walk_pae(m, la, w) : walk_32(m, la, w);
}

/* Walks; true if permitted. Else *out tells of the fault. */
static bool walk(struct mmu *m, laddr la, enum access acc, enum priv priv, struct path *w,
                 struct mmu_walk *out)
{
    u32 access = (acc == ACCESS_WRITE ? PF_W : 0) | (priv == PRIV_USER ? PF_U : 0) |
                 (acc == ACCESS_EXEC && (has_nx(m) || (m->cr4 & CR4_SMEP_BIT)) ? PF_I : 0);
    u32 r;

    w->n = 0;
    w->all = ~0ull;
    w->any = 0;
    r = walk_tables(m, la, w);
    if (r == WALK_ON && !permitted(m, w, acc, priv))
        r = PF_P;
    if (r == WALK_ON)
        return true;
    *out = (struct mmu_walk){.pf_code = r | access};
    return false;
}

/* The entry that denies, and its bits. */
static void find_denial(const struct mmu *m, const struct path *w, struct mmu_trace *t)
{
    static const u64 bit[] = {[MMU_USER] = E_US, [MMU_WRITE_USER] = E_RW, [MMU_WRITE_WP] = E_RW,
                              [MMU_NX] = E_NX,   [MMU_SMEP] = E_US,       [MMU_SMAP] = E_US};
    unsigned first = t->pae; /* the PDPTE has no rights */

    t->at = (u8)(t->n - 1);
    if (!t->n) {
        t->deny = MMU_NONCANONICAL;
        t->at = 0;
        t->bits = NONCANONICAL_BITS;
    } else if (t->deny == MMU_NOT_PRESENT) {
        t->bits = E_P;
    } else if (t->deny == MMU_RESERVED) {
        t->bits = w->bad;
    } else {
        t->deny = (u8)denial(m, w, (enum access)t->acc, (enum priv)t->priv);
        t->bits = bit[t->deny];
        bool set = t->deny == MMU_NX; /* the bit denies when it is set */
        for (unsigned i = t->n; t->deny != MMU_SMEP && t->deny != MMU_SMAP && i-- > first;)
            if (!(t->level[i].value & t->bits) != set)
                t->at = (u8)i;
    }
}

/* Tells of a walk that came to the error code. */
static void explain(const struct mmu *m, laddr la, enum access acc, enum priv priv,
                    const struct path *w, u32 pf_code, struct mmu_trace *t)
{
    unsigned pae = (m->cr4 & CR4_PAE_BIT) && !m->lma ? 1 : 0;

    *t = (struct mmu_trace){.la = la, .acc = (u8)acc, .priv = (u8)priv, .pae = pae, .lma = m->lma};
    if (pae) {
        t->level[0].pa = ((m->cr3 & ~31u) + (la >> 30) * 8) & m->a20_mask;
        t->level[0].value = m->pdpte[la >> 30];
    }
    for (unsigned i = 0; i < w->n; i++) {
        t->level[pae + i].pa = w->entry[i];
        t->level[pae + i].value = w->value[i];
    }
    t->n = (u8)(pae + w->n);
    t->pf_code = pf_code;
    t->deny = !(pf_code & PF_P) ? MMU_NOT_PRESENT : pf_code & PF_RSVD ? MMU_RESERVED : MMU_USER;
    find_denial(m, w, t);
}

/* From the page's physical address to the result. */
static enum mmu_result locate(struct mmu *m, laddr la, enum access acc, paddr page,
                              struct mmu_walk *out)
{
    out->pa = mmu_smram(m, ((page & ~(u64)PAGE_MASK) | (la & PAGE_MASK)) & m->a20_mask,
                        acc == ACCESS_EXEC);
    out->host = phys_host(m->phys, out->pa, acc == ACCESS_WRITE);
    out->pf_code = 0;
    if (acc == ACCESS_EXEC && phys_is_shared(m->phys, out->pa))
        out->host = NULL; /* video memory: code there is not tracked */
    if (!out->host)
        return MMU_MMIO;
    out->host += la & PAGE_MASK;
    return MMU_MEMORY;
}

bool mmu_watched(const struct mmu *m, laddr la, paddr pa)
{
    if (m->watch_all)
        return true;
    for (unsigned i = 0; i < m->nwatch; i++) {
        if (((la ^ m->watch[i]) & ~(laddr)PAGE_MASK) == 0)
            return true;
    }
    for (unsigned i = 0; i < m->nwatch_phys; i++) {
        if ((pa | PAGE_MASK) >= m->watch_phys[i].first &&
            (pa & ~(paddr)PAGE_MASK) <= m->watch_phys[i].last)
            return true;
    }
    return false;
}

static bool grants_write(const struct mmu *m, paddr pa)
{
    return !phys_code_lines(m->phys, pa) && !phys_is_clean(m->phys, pa);
}

/* Fills what the access has proven; writable: writing needs no further look at the tables (D is
 * set). */
static void fill(struct mmu *m, laddr la, enum access acc, enum priv priv,
                 const struct mmu_walk *at, bool writable, bool global)
{
    const u8 *page = at->host - (la & PAGE_MASK);

    if (acc == ACCESS_EXEC) {
        tlb_fill(m->tlb, la, priv, ACCESS_EXEC, page, global);
        return;
    }
    bool watched = mmu_watched(m, la, at->pa);
    (watched ? tlb_keep : tlb_fill)(m->tlb, la, priv, ACCESS_READ, page, global);
    if (!writable || !phys_host(m->phys, at->pa, true))
        return;
    if (watched || !grants_write(m, at->pa))
        tlb_keep(m->tlb, la, priv, ACCESS_WRITE, page, global);
    else
        tlb_fill(m->tlb, la, priv, ACCESS_WRITE, page, global);
}

static void fill_walked(struct mmu *m, laddr la, enum access acc, enum priv priv,
                        const struct path *w, const struct mmu_walk *at)
{
    u64 leaf = w->value[w->n - 1];
    bool global = (leaf & E_G) && (m->cr4 & CR4_PGE_BIT);

    fill(m, la, acc, priv, at, (leaf & E_D) && permitted(m, w, ACCESS_WRITE, priv), global);
    if (m->lma) {
        if (w->n < 4)
            mmu_note_large(m, la, w->n == 3 ? MMU_LARGE_2M : MMU_LARGE_1G);
    } else if (w->n == 1) {
        mmu_note_large(m, la, MMU_LARGE_4M);
    }
}

static enum mmu_result translate_flat(struct mmu *m, laddr la, enum access acc, enum priv priv,
                                      struct mmu_walk *out)
{
    enum mmu_result r = locate(m, la, acc, la, out);

    if (r == MMU_MEMORY) {
        if (acc == ACCESS_WRITE)
            phys_touch(m->phys, out->pa);
        fill(m, la, acc, priv, out, true, false);
    }
    return r;
}

/* The same by a kept entry, which is granted if nothing is in the way any more. */
static bool translate_kept(struct mmu *m, laddr la, enum access acc, enum priv priv,
                           struct mmu_walk *out)
{
    u64 *e = tlb_entry_of(m->tlb, la, priv, acc);

    out->host = tlb_host(m->tlb, la, priv, acc);
    out->pf_code = 0;
    if (!phys_address(m->phys, out->host, &out->pa))
        return false;
    if (acc == ACCESS_WRITE)
        phys_touch(m->phys, out->pa);
    if (!mmu_watched(m, la, out->pa) && (acc != ACCESS_WRITE || grants_write(m, out->pa)))
        *e = (*e & ~(u64)TLB_KEPT) | TLB_VALID;
    return true;
}

/* Outside IA-32e mode linear addresses have 32 bits. */
static inline laddr in_reach(const struct mmu *m, laddr la)
{
    return m->lma ? la : (u32)la;
}

enum mmu_result mmu_translate(struct mmu *m, laddr la, enum access acc, enum priv priv,
                              struct mmu_walk *out)
{
    struct path w = {.peek = false};
    enum mmu_result r;

    la = in_reach(m, la);
    if (m->phys_gen != phys_generation(m->phys))
        mmu_flush(m);
    if (tlb_is_kept(m->tlb, la, priv, acc) && translate_kept(m, la, acc, priv, out))
        return MMU_MEMORY;
    if (!paging(m))
        return translate_flat(m, la, acc, priv, out);
    if (!walk(m, la, acc, priv, &w, out)) {
        explain(m, la, acc, priv, &w, out->pf_code, &m->fault);
        mmu_flush_page(m, la); /* SDM 3A 4.10.4.1: a page fault does that */
        return MMU_FAULT;
    }
    set_accessed(m, &w, acc == ACCESS_WRITE);
    r = locate(m, la, acc, w.page, out);
    if (r == MMU_MEMORY) {
        if (acc == ACCESS_WRITE)
            phys_touch(m->phys, out->pa);
        fill_walked(m, la, acc, priv, &w, out);
        if (m->tlb->replaced)
            m->disturbed = true;
        m->tlb->replaced = false;
    }
    return r;
}

/* Have all entries of the walk the bits that the access would set? */
static bool is_marked(const struct path *w, enum access acc)
{
    return (w->all & E_A) && (acc != ACCESS_WRITE || (w->value[w->n - 1] & E_D));
}

bool mmu_prefill(struct mmu *m, laddr la, enum access acc, enum priv priv)
{
    struct path w = {.peek = true};
    struct mmu_walk at;

    la = in_reach(m, la);
    if (m->phys_gen != phys_generation(m->phys))
        return false;
    if (!paging(m)) {
        if (locate(m, la, acc, la, &at) == MMU_MEMORY)
            fill(m, la, acc, priv, &at, true, false);
    } else {
        if (!walk(m, la, acc, priv, &w, &at) || !is_marked(&w, acc))
            return false;
        if (locate(m, la, acc, w.page, &at) == MMU_MEMORY)
            fill_walked(m, la, acc, priv, &w, &at);
    }
    return tlb_has(m->tlb, la, priv, acc);
}

enum mmu_result mmu_translate_code(struct mmu *m, laddr la, enum priv priv, struct mmu_walk *out)
{
    if (tlb_has(m->tlb, la, priv, ACCESS_EXEC) && m->phys_gen == phys_generation(m->phys)) {
        u8 *host = tlb_host(m->tlb, la, priv, ACCESS_EXEC);
        u64 offset = (u64)(host - phys_ram(m->phys));
        /* not added RAM or ROM, nor SMRAM */
        if (offset < phys_ram_size(m->phys) && offset - SMRAM_BASE >= SMRAM_SIZE) {
            *out = (struct mmu_walk){.pa = offset, .host = host};
            return MMU_MEMORY;
        }
    }
    return mmu_translate(m, la, ACCESS_EXEC, priv, out);
}

enum mmu_result mmu_probe(struct mmu *m, laddr la, enum access acc, enum priv priv,
                          struct mmu_walk *out)
{
    struct path w = {.peek = true};

    la = in_reach(m, la);
    if (!paging(m))
        return locate(m, la, acc, la, out);
    if (!walk(m, la, acc, priv, &w, out))
        return MMU_FAULT;
    return locate(m, la, acc, w.page, out);
}

void mmu_explain(struct mmu *m, laddr la, enum access acc, enum priv priv, struct mmu_trace *out)
{
    struct path w = {.peek = true, .page = in_reach(m, la)};
    struct mmu_walk at;
    bool ok;

    la = in_reach(m, la);
    ok = !paging(m) || walk(m, la, acc, priv, &w, &at);

    if (paging(m))
        explain(m, la, acc, priv, &w, ok ? PF_P : at.pf_code, out);
    else
        *out = (struct mmu_trace){.la = la, .acc = (u8)acc, .priv = (u8)priv};
    if (!ok)
        return;
    locate(m, la, acc, w.page, &at);
    out->deny = MMU_GRANTED;
    out->pf_code = 0;
    out->page = (w.page & ~(u64)PAGE_MASK) | (la & PAGE_MASK);
    out->pa = at.pa;
}

bool mmu_load_pdptes(struct mmu *m)
{
    u64 reserved = bits_from(1, 3) | bits_from(5, 9) | bits_from(m->phys_bits, 64); /* table 4-8 */
    u64 v[4];

    for (unsigned i = 0; i < 4; i++) {
        v[i] = phys_read(m->phys, mmu_smram(m, ((m->cr3 & ~31u) + i * 8) & m->a20_mask, false), 8);
        if ((v[i] & E_P) && (v[i] & reserved)) {
            m->fault = (struct mmu_trace){
                .la = i << 30, .pae = true, .n = 1, .deny = MMU_RESERVED, .bits = v[i] & reserved};
            m->fault.level[0].pa = (m->cr3 & ~31u) + i * 8;
            m->fault.level[0].value = v[i];
            return false;
        }
    }
    for (unsigned i = 0; i < 4; i++)
        m->pdpte[i] = v[i];
    return true;
}
