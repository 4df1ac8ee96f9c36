/* The guest's page tables, read as they stand: for people. Nothing is marked, filled or faulted. */
#include "mmu/mmu.h"

enum { E_P = 1 << 0, E_RW = 1 << 1, E_US = 1 << 2, E_PS = 1 << 7 };
#define PAE_ADDR 0x000ffffffffff000ull

/* What is not memory holds no tables. */
static u64 read_entry(struct mmu *m, paddr at, unsigned size)
{
    at = mmu_smram(m, at & m->a20_mask, false);
    return phys_is_mmio(m->phys, at) ? 0 : phys_read(m->phys, at, size);
}

struct list {
    struct mmu *m;
    unsigned size; /* of an entry: 4 or 8 */
    void (*fn)(void *opaque, const struct mmu_page *page);
    void *opaque;
};

static void found(const struct list *l, laddr la, u32 size, u64 above, u64 entry)
{
    const struct mmu_page page = {.la = la & NONCANONICAL_BITS ? la | NONCANONICAL_BITS : la,
                                  .size = size,
                                  .entry = entry,
                                  .user = above & entry & E_US,
                                  .writable = above & entry & E_RW};
    l->fn(l->opaque, &page);
}

/* May an entry of a table whose entries stand for 1 << shift bytes be a page's? If not, bit 7 is
 * ignored (32-bit) or reserved. */
static bool may_be_page(const struct list *l, unsigned shift)
{
    if (shift <= 21)
        return true;
    return shift == 30 ? l->m->page1gb : shift == 22 && (l->m->cr4 & CR4_PSE_BIT);
}

/* The pages of the table at `at`, whose entries stand for 1 << shift bytes each, and of those below
 * it; above: AND of the entries above. */
static void list_table(const struct list *l, laddr la, u64 above, paddr at, unsigned shift)
{
    unsigned n = PAGE_SIZE / l->size;

    for (unsigned i = 0; i < n; i++) {
        u64 e = read_entry(l->m, at + i * l->size, l->size);
        laddr here = la + ((laddr)i << shift);
        if (!(e & E_P))
            continue;
        if (shift == PAGE_BITS || ((e & E_PS) && may_be_page(l, shift)))
            found(l, here, 1u << shift, above, e);
        else if (!(e & E_PS) || shift == 22)
            list_table(l, here, above & e, e & PAE_ADDR, shift - (l->size == 8 ? 9 : 10));
    }
}

void mmu_list(struct mmu *m, void (*fn)(void *opaque, const struct mmu_page *page), void *opaque)
{
    const struct list l = {m, m->cr4 & CR4_PAE_BIT ? 8 : 4, fn, opaque};

    if (m->lma) {
        list_table(&l, 0, ~0ull, m->cr3 & PAE_ADDR, 39);
        return;
    }
    if (!(m->cr4 & CR4_PAE_BIT)) {
        list_table(&l, 0, ~0ull, m->cr3 & ~PAGE_MASK, 22);
        return;
    }
    for (u32 i = 0; i < 4; i++)
        if (m->pdpte[i] & E_P)
            list_table(&l, i << 30, ~0ull, m->pdpte[i] & PAE_ADDR, 21);
}
