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
    void (*fn)(void *opaque, const struct mmu_page *page);
    void *opaque;
};

static void found(const struct list *l, laddr la, u32 size, u64 directory, u64 entry)
{
    const struct mmu_page page = {.la = la,
                                  .size = size,
                                  .entry = entry,
                                  .user = directory & entry & E_US,
                                  .writable = directory & entry & E_RW};
    l->fn(l->opaque, &page);
}

/* The pages of a table at `at`, of 1024 entries of 4 bytes or 512 of 8. */
static void list_table(const struct list *l, laddr la, u64 directory, paddr at, unsigned size)
{
    for (unsigned i = 0; i < PAGE_SIZE / size; i++) {
        u64 e = read_entry(l->m, at + i * size, size);
        if (e & E_P)
            found(l, la + i * PAGE_SIZE, PAGE_SIZE, directory, e);
    }
}

static void list_directory(const struct list *l, laddr la, paddr at, unsigned size)
{
    u32 large = PAGE_SIZE / size * PAGE_SIZE; /* 4 or 2 MiB */
    bool pse = size == 8 || (l->m->cr4 & CR4_PSE_BIT);

    for (unsigned i = 0; i < PAGE_SIZE / size; i++) {
        u64 e = read_entry(l->m, at + i * size, size);
        if (!(e & E_P))
            continue;
        if ((e & E_PS) && pse)
            found(l, la + i * large, large, ~0ull, e);
        else
            list_table(l, la + i * large, e, e & PAE_ADDR & (size == 8 ? ~0ull : 0xffffffffu),
                       size);
    }
}

void mmu_list(struct mmu *m, void (*fn)(void *opaque, const struct mmu_page *page), void *opaque)
{
    const struct list l = {m, fn, opaque};

    if (!(m->cr4 & CR4_PAE_BIT)) {
        list_directory(&l, 0, m->cr3 & ~PAGE_MASK, 4);
        return;
    }
    for (u32 i = 0; i < 4; i++)
        if (m->pdpte[i] & E_P)
            list_directory(&l, i << 30, m->pdpte[i] & PAE_ADDR, 8);
}
