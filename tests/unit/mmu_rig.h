/* An MMU with its TLB and 32 MiB of RAM for tests, paging on; each program builds its page tables
 * by hand. */
#ifndef TESTS_MMU_RIG_H
#define TESTS_MMU_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "mmu/mmu.h"

#define RAM_SIZE (32u << 20)
#define FRAME    0x200000u /* where most pages are */

#define PG   (1u << 31)
#define WP   (1u << 16)
#define PSE  (1u << 4)
#define PAE  (1u << 5)
#define PGE  (1u << 7)
#define SMEP (1u << 20)
#define SMAP (1u << 21)

enum { P = 1, W = 2, U = 4, A = 0x20, D = 0x40, PS = 0x80, G = 0x100 };
#define NX (1ull << 63)

/* NULL: no memory. */
static inline struct mmu *mmu_rig_new(u32 cr3)
{
    struct mmu *m = mmap(NULL, sizeof(struct mmu) + sizeof(struct tlb), PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (m == MAP_FAILED)
        return NULL;
    m->tlb = (struct tlb *)(m + 1);
    m->phys = phys_new(RAM_SIZE);
    m->a20_mask = ~0ull;
    m->phys_bits = 36;
    m->pat = true;
    m->cr0 = PG | 1;
    m->cr3 = cr3;
    return m;
}

static inline int teardown(void **state)
{
    struct mmu *m = *state;

    mmu_release(m);
    phys_free(m->phys);
    munmap(m, sizeof(struct mmu) + sizeof(struct tlb));
    return 0;
}

/* The page is one of RAM's. */
static inline void expect_pa(struct mmu *m, laddr la, enum access acc, enum priv priv, paddr pa)
{
    struct mmu_walk w;

    assert_int_equal(mmu_translate(m, la, acc, priv, &w), MMU_MEMORY);
    assert_int_equal(w.pa, pa);
    assert_ptr_equal(w.host, phys_host(m->phys, pa, false) + (pa & PAGE_MASK));
}

/* A page fault with this error code */
static inline void expect_fault(struct mmu *m, laddr la, enum access acc, enum priv priv, u32 code)
{
    struct mmu_walk w;

    assert_int_equal(mmu_translate(m, la, acc, priv, &w), MMU_FAULT);
    assert_int_equal(w.pf_code, code);
    assert_null(w.host);
}

#endif
