/* IA-32e paging and the wide TLB tables: rights and error codes over four levels, page sizes,
 * reserved bits, addresses that are not canonical; entries that fall into one slot, INVLPG of all
 * page sizes, global pages, code, watched pages, what is cached for snapshots. The tables are at
 * PML4, PDPT, PD and PT; every address uses the same ones. */
#include "cpu/excp.h"
#include "cpu/mem.h"
#include "tests/unit/mmu_rig.h"

#define PML4   0x10000u
#define PDPT   0x11000u
#define PD     0x12000u
#define PT     0x13000u
#define LOW    0x08048000ull         /* below 4 GiB */
#define USER   0x00007f1208048000ull /* in the slot of LOW */
#define KERNEL 0xffff888008048000ull /* likewise */

#define ALL (P | W | U)

static int setup(void **state)
{
    struct mmu *m = mmu_rig_new(PML4);

    if (!m)
        return -1;
    m->tlb->wide = true;
    m->page1gb = m->lma = true;
    m->cr4 = PAE;
    *state = m;
    return m->phys ? 0 : -1;
}

/* Where la's entry of a level is: 0 PML4E, 3 PTE. */
static paddr entry_at(laddr la, unsigned level)
{
    return PML4 + level * PAGE_SIZE + (la >> (39 - 9 * level) & 0x1ff) * 8;
}

static u64 entry(struct mmu *m, laddr la, unsigned level)
{
    return phys_read(m->phys, entry_at(la, level), 8);
}

static void set_entry(struct mmu *m, laddr la, unsigned level, u64 value)
{
    phys_write(m->phys, entry_at(la, level), 8, value);
}

/* Entries above the PTE with these bits. */
static void map(struct mmu *m, laddr la, u64 bits, u64 pte)
{
    set_entry(m, la, 0, PDPT | bits);
    set_entry(m, la, 1, PD | bits);
    set_entry(m, la, 2, PT | bits);
    set_entry(m, la, 3, pte);
}

static void expect_entry(struct mmu *m, laddr la, enum access acc, enum priv priv, paddr pa)
{
    expect_pa(m, la, acc, priv, pa);
    assert_true(tlb_has(m->tlb, la, priv, acc) || tlb_is_kept(m->tlb, la, priv, acc));
    assert_ptr_equal(tlb_host(m->tlb, la, priv, acc),
                     phys_host(m->phys, pa, false) + (pa & PAGE_MASK));
}

/* The fault's error code, and what mmu_explain() has to say: the reason, the level, its bits. */
static void expect_reason(struct mmu *m, laddr la, enum access acc, enum priv priv, u32 code,
                          enum mmu_deny deny, unsigned level, u64 bits)
{
    struct mmu_trace t;

    expect_fault(m, la, acc, priv, code);
    assert_false(tlb_has(m->tlb, la, priv, acc));
    mmu_explain(m, la, acc, priv, &t);
    assert_true(t.lma && !t.pae);
    assert_int_equal(t.deny, deny);
    assert_int_equal(t.pf_code, code);
    assert_int_equal(t.at, level);
    assert_int_equal(t.bits, bits);
    assert_int_equal(m->fault.deny, deny);
    assert_int_equal(m->fault.at, level);
}

static void test_walk(void **state)
{
    static const laddr at[] = {
        LOW, USER, KERNEL, 0, 0x00007ffffffff000, 0xffff800000000000, 0xfffffffffffff000};
    struct mmu *m = *state;
    struct mmu_trace t;

    for (unsigned i = 0; i < ARRAY_LEN(at); i++) {
        map(m, at[i], ALL, FRAME | ALL);
        expect_entry(m, at[i] + 0x123, ACCESS_READ, PRIV_USER, FRAME + 0x123);
        for (unsigned level = 0; level < 3; level++)
            assert_int_equal(entry(m, at[i], level), (PDPT + level * PAGE_SIZE) | ALL | A);
        assert_int_equal(entry(m, at[i], 3), FRAME | ALL | A);
        assert_false(tlb_has(m->tlb, at[i], PRIV_USER, ACCESS_WRITE)); /* D is clear */
        expect_entry(m, at[i] + 0xfff, ACCESS_WRITE, PRIV_USER, FRAME + 0xfff);
        assert_int_equal(entry(m, at[i], 0), PDPT | ALL | A);
        assert_int_equal(entry(m, at[i], 3), FRAME | ALL | A | D);
        mmu_flush(m);
        expect_entry(m, at[i], ACCESS_READ, PRIV_USER, FRAME);
        assert_true(tlb_has(m->tlb, at[i], PRIV_USER, ACCESS_WRITE));
        assert_false(tlb_has(m->tlb, at[i], PRIV_SUPER, ACCESS_READ));
        mmu_explain(m, at[i] + 5, ACCESS_READ, PRIV_USER, &t);
        assert_int_equal(t.n, 4);
        assert_int_equal(t.deny, MMU_GRANTED);
        assert_int_equal(t.pa, FRAME + 5);
        for (unsigned level = 0; level < 4; level++)
            assert_int_equal(t.level[level].pa, entry_at(at[i], level));
    }
}

static void test_large_pages(void **state)
{
    struct mmu *m = *state;
    u64 pde = 0x00a00000 | ALL | PS, pdpte = 0x40000000 | ALL | PS;

    map(m, KERNEL, ALL, 0);
    set_entry(m, KERNEL, 2, pde | 1u << 12); /* PAT */
    expect_entry(m, KERNEL + 0x1234, ACCESS_WRITE, PRIV_SUPER,
                 0x00a00000 + ((KERNEL + 0x1234) & 0x1fffff));
    assert_int_equal(entry(m, KERNEL, 0), PDPT | ALL | A);
    assert_int_equal(entry(m, KERNEL, 1), PD | ALL | A);
    assert_int_equal(entry(m, KERNEL, 2), pde | 1u << 12 | A | D);
    mmu_flush(m);
    set_entry(m, KERNEL, 1, pdpte);
    phys_add_ram(m->phys, 0x40000000 + (KERNEL & 0x3ffff000), PAGE_SIZE);
    expect_entry(m, KERNEL + 0x777, ACCESS_WRITE, PRIV_SUPER,
                 0x40000000 + ((KERNEL + 0x777) & 0x3fffffff));
    assert_int_equal(entry(m, KERNEL, 0), PDPT | ALL | A);
    assert_int_equal(entry(m, KERNEL, 1), pdpte | A | D);
    m->page1gb = false;
    expect_reason(m, KERNEL + PAGE_SIZE, ACCESS_READ, PRIV_SUPER, PF_P | PF_RSVD, MMU_RESERVED, 1,
                  PS);
}

/* All combinations of U/S and R/W in four entries, of the access, WP and CPL (SDM 3A 4.6). */
static void test_rights(void **state)
{
    struct mmu *m = *state;

    for (unsigned i = 0; i < 1024; i++) {
        enum priv priv = i & 256 ? PRIV_USER : PRIV_SUPER;
        u32 user_bit = priv == PRIV_USER ? PF_U : 0;
        unsigned first_s = 4, first_r = 4;
        bool wp = i & 512;

        m->cr0 = PG | 1 | (wp ? WP : 0);
        map(m, USER, 0, 0);
        for (unsigned level = 4; level--;) {
            bool u = i >> level & 1, w = i >> (4 + level) & 1;
            set_entry(m, USER, level,
                      (level == 3 ? FRAME : PDPT + level * PAGE_SIZE) | P | (w ? W : 0) |
                          (u ? U : 0));
            first_s = u ? first_s : level;
            first_r = w ? first_r : level;
        }
        mmu_flush(m);
        if (user_bit && first_s < 4) {
            expect_reason(m, USER, ACCESS_READ, priv, PF_P | PF_U, MMU_USER, first_s, U);
            expect_reason(m, USER, ACCESS_EXEC, priv, PF_P | PF_U, MMU_USER, first_s, U);
            expect_reason(m, USER, ACCESS_WRITE, priv, PF_P | PF_U | PF_W, MMU_USER, first_s, U);
            assert_int_equal(entry(m, USER, 0) & A, 0); /* a fault marks nothing */
            continue;
        }
        expect_entry(m, USER, ACCESS_READ, priv, FRAME);
        expect_entry(m, USER, ACCESS_EXEC, priv, FRAME);
        if (first_r == 4 || (!user_bit && !wp))
            expect_entry(m, USER, ACCESS_WRITE, priv, FRAME);
        else
            expect_reason(m, USER, ACCESS_WRITE, priv, PF_P | PF_W | user_bit,
                          user_bit ? MMU_WRITE_USER : MMU_WRITE_WP, first_r, W);
    }
}

static void test_not_present(void **state)
{
    struct mmu *m = *state;

    for (unsigned level = 0; level < 4; level++) {
        map(m, KERNEL, ALL, FRAME | ALL);
        set_entry(m, KERNEL, level, ~(u64)P); /* all other bits are free */
        expect_reason(m, KERNEL, ACCESS_READ, PRIV_SUPER, 0, MMU_NOT_PRESENT, level, P);
        expect_reason(m, KERNEL, ACCESS_WRITE, PRIV_USER, PF_W | PF_U, MMU_NOT_PRESENT, level, P);
        expect_reason(m, KERNEL, ACCESS_EXEC, PRIV_USER, PF_U, MMU_NOT_PRESENT, level, P);
        m->nxe = true;
        expect_reason(m, KERNEL, ACCESS_EXEC, PRIV_USER, PF_U | PF_I, MMU_NOT_PRESENT, level, P);
        m->nxe = false;
    }
}

static void test_reserved(void **state)
{
    struct mmu *m = *state;

    for (unsigned level = 0; level < 4; level++) {
        for (unsigned bit = 36; bit < 64; bit++) {
            bool reserved = bit < 52 || bit == 63;
            map(m, USER, ALL, FRAME | ALL);
            set_entry(m, USER, level, entry(m, USER, level) | 1ull << bit);
            mmu_flush(m);
            if (reserved)
                expect_reason(m, USER, ACCESS_WRITE, PRIV_USER, PF_P | PF_RSVD | PF_W | PF_U,
                              MMU_RESERVED, level, 1ull << bit);
            else /* ignored */
                expect_entry(m, USER, ACCESS_WRITE, PRIV_USER, FRAME);
        }
    }
    map(m, USER, ALL, FRAME | ALL | PS); /* PAT */
    expect_entry(m, USER, ACCESS_READ, PRIV_USER, FRAME);
    set_entry(m, USER, 0, PDPT | ALL | PS);
    mmu_flush(m);
    expect_reason(m, USER, ACCESS_READ, PRIV_USER, PF_P | PF_RSVD | PF_U, MMU_RESERVED, 0, PS);
    for (unsigned bit = 13; bit < 30; bit++) {
        map(m, USER, ALL, 0);
        set_entry(m, USER, 1, ALL | PS | 1u << bit);
        expect_reason(m, USER, ACCESS_READ, PRIV_SUPER, PF_P | PF_RSVD, MMU_RESERVED, 1, 1u << bit);
        map(m, USER, ALL, 0);
        set_entry(m, USER, 2, ALL | PS | 1u << bit);
        if (bit < 21)
            expect_reason(m, USER, ACCESS_READ, PRIV_SUPER, PF_P | PF_RSVD, MMU_RESERVED, 2,
                          1u << bit);
    }
    /* what is reserved counts before rights */
    map(m, USER, P, FRAME | P | 1ull << 40);
    expect_reason(m, USER, ACCESS_WRITE, PRIV_USER, PF_P | PF_RSVD | PF_W | PF_U, MMU_RESERVED, 3,
                  1ull << 40);
}

static void test_nx_smep_smap(void **state)
{
    struct mmu *m = *state;

    m->nxe = true;
    for (unsigned level = 0; level < 4; level++) {
        map(m, KERNEL, ALL, FRAME | ALL);
        set_entry(m, KERNEL, level, entry(m, KERNEL, level) | NX);
        mmu_flush(m);
        expect_entry(m, KERNEL, ACCESS_WRITE, PRIV_USER, FRAME);
        expect_reason(m, KERNEL, ACCESS_EXEC, PRIV_USER, PF_P | PF_U | PF_I, MMU_NX, level, NX);
        expect_reason(m, KERNEL, ACCESS_EXEC, PRIV_SUPER, PF_P | PF_I, MMU_NX, level, NX);
    }
    m->cr4 |= SMEP | SMAP;
    map(m, USER, ALL, FRAME | ALL);
    mmu_flush(m);
    expect_reason(m, USER, ACCESS_EXEC, PRIV_SUPER_AC, PF_P | PF_I, MMU_SMEP, 3, U);
    expect_reason(m, USER, ACCESS_WRITE, PRIV_SUPER, PF_P | PF_W, MMU_SMAP, 3, U);
    expect_entry(m, USER, ACCESS_WRITE, PRIV_SUPER_AC, FRAME);
    expect_entry(m, USER, ACCESS_EXEC, PRIV_USER, FRAME);
    assert_false(tlb_has(m->tlb, USER, PRIV_SUPER, ACCESS_WRITE));
    mmu_flush_page(m, USER);
    assert_false(tlb_has(m->tlb, USER, PRIV_SUPER_AC, ACCESS_WRITE));
    set_entry(m, USER, 1, PD | P | W); /* not a user's page any more */
    expect_entry(m, USER, ACCESS_WRITE, PRIV_SUPER, FRAME);
    expect_entry(m, USER, ACCESS_EXEC, PRIV_SUPER, FRAME);
}

static void test_noncanonical(void **state)
{
    static const laddr at[] = {0x0000800000000000, 0xffff7fffffffffff, 0x8000000000000000,
                               USER | 1ull << 48, KERNEL & ~(1ull << 63)};
    struct mmu *m = *state;
    struct mmu_walk w;
    struct mmu_trace t;

    for (unsigned i = 0; i < ARRAY_LEN(at); i++) {
        map(m, at[i], ALL, FRAME | ALL);
        assert_int_equal(mmu_translate(m, at[i], ACCESS_READ, PRIV_SUPER, &w), MMU_FAULT);
        assert_int_equal(m->fault.deny, MMU_NONCANONICAL);
        assert_int_equal(mmu_probe(m, at[i], ACCESS_READ, PRIV_SUPER, &w), MMU_FAULT);
        mmu_explain(m, at[i], ACCESS_READ, PRIV_SUPER, &t);
        assert_int_equal(t.deny, MMU_NONCANONICAL);
        assert_int_equal(t.n, 0);
        assert_int_equal(entry(m, at[i], 0), PDPT | ALL);
        assert_int_equal(m->tlb->filled[false].n, 0);
    }
}

/* Tables and pages beyond 4 GiB. */
static void test_high_tables(void **state)
{
    struct mmu *m = *state;
    const paddr high = 0x912340000;

    phys_add_ram(m->phys, high, 4 * PAGE_SIZE);
    m->cr3 = high | 0x18; /* PWT and PCD */
    phys_write(m->phys, high + (USER >> 39) * 8, 8, (high + PAGE_SIZE) | ALL);
    phys_write(m->phys, high + PAGE_SIZE + (USER >> 30 & 0x1ff) * 8, 8,
               (high + 2 * PAGE_SIZE) | ALL);
    phys_write(m->phys, high + 2 * PAGE_SIZE + (USER >> 21 & 0x1ff) * 8, 8, PT | ALL);
    set_entry(m, USER, 3, (high + 3 * PAGE_SIZE) | ALL);
    expect_entry(m, USER + 1, ACCESS_WRITE, PRIV_USER, high + 3 * PAGE_SIZE + 1);
}

static bool has(struct mmu *m, laddr la)
{
    return tlb_has(m->tlb, la, PRIV_SUPER, ACCESS_READ);
}

/* Pages whose addresses have bits 31:12 in common share a slot. */
static void test_slots(void **state)
{
    struct mmu *m = *state;

    for (unsigned i = 0; i < 3; i++)
        map(m, (laddr[]){LOW, USER, KERNEL}[i], ALL, FRAME | ALL);
    for (unsigned i = 0; i < 3000; i++) { /* stale names must not fill the list for ever */
        expect_entry(m, USER, ACCESS_WRITE, PRIV_SUPER, FRAME);
        assert_false(has(m, KERNEL) || has(m, LOW));
        expect_entry(m, KERNEL, ACCESS_WRITE, PRIV_SUPER, FRAME);
        assert_false(has(m, USER) || has(m, LOW));
        expect_entry(m, LOW, ACCESS_WRITE, PRIV_SUPER, FRAME);
        assert_false(has(m, USER) || has(m, KERNEL));
    }
    assert_true(m->tlb->filled[false].cap <= 2048);
    assert_true(m->disturbed); /* blocks that share look-ups are left */
    m->disturbed = false;
    expect_entry(m, LOW, ACCESS_EXEC, PRIV_SUPER, FRAME);
    expect_entry(m, USER, ACCESS_EXEC, PRIV_SUPER, FRAME);
    expect_entry(m, LOW, ACCESS_WRITE, PRIV_SUPER, FRAME);
    assert_false(m->disturbed);
    mmu_flush_page(m, USER);
    mmu_flush_page(m, KERNEL);
    assert_true(has(m, LOW));
    mmu_flush_page(m, LOW + 0xfff);
    assert_false(has(m, LOW));
    expect_entry(m, USER, ACCESS_READ, PRIV_SUPER, FRAME);
    mmu_flush_page(m, LOW);
    assert_true(has(m, USER));
    mmu_flush(m);
    assert_false(has(m, USER));
    assert_int_equal(m->tlb->filled[false].n, 0);
}

/* Compatibility mode uses the flat tables below 4 GiB: INVLPG and flushes reach both. */
static void test_flat_and_wide(void **state)
{
    struct mmu *m = *state;

    map(m, LOW, ALL, FRAME | ALL);
    map(m, KERNEL, ALL, FRAME | ALL);
    for (unsigned how = 0; how < 3; how++) {
        m->tlb->wide = false;
        expect_entry(m, LOW, ACCESS_WRITE, PRIV_SUPER, FRAME);
        expect_entry(m, KERNEL, ACCESS_WRITE, PRIV_SUPER, FRAME); /* wide in any case */
        assert_true(has(m, LOW));
        m->tlb->wide = true;
        assert_true(has(m, KERNEL));
        assert_false(has(m, LOW));
        expect_entry(m, LOW, ACCESS_WRITE, PRIV_SUPER, FRAME);
        switch (how) {
        case 0: mmu_flush_page(m, LOW); break;
        case 1: mmu_flush_nonglobal(m); break;
        default: mmu_flush(m);
        }
        assert_false(has(m, LOW));
        m->tlb->wide = false;
        assert_false(has(m, LOW));
    }
    /* in legacy modes addresses have 32 bits */
    m->lma = false;
    m->cr0 = 1;
    struct mmu_walk w;
    assert_int_equal(mmu_translate(m, FRAME + (1ull << 32), ACCESS_READ, PRIV_SUPER, &w),
                     MMU_MEMORY);
    assert_int_equal(w.pa, FRAME);
    assert_true(has(m, FRAME));
}

static void test_invlpg_large(void **state)
{
    static const unsigned levels[] = {2, 1};
    struct mmu *m = *state;
    laddr other = KERNEL + (5ull << 39) + (3ull << 30) + (7 << 21);

    for (unsigned i = 0; i < ARRAY_LEN(levels); i++) {
        laddr size = levels[i] == 2 ? 2 << 20 : 1 << 30, start = KERNEL & ~(size - 1);

        map(m, KERNEL, ALL, 0);
        map(m, other, ALL, FRAME | ALL);
        set_entry(m, KERNEL, levels[i], ALL | PS | (levels[i] == 2 ? FRAME : 0));
        mmu_flush(m);
        /* in the page's first 640 KiB is RAM whatever its size */
        mmu_translate(m, start + 0x1000, ACCESS_READ, PRIV_SUPER, &(struct mmu_walk){0});
        mmu_translate(m, start + 0x9f000, ACCESS_EXEC, PRIV_SUPER, &(struct mmu_walk){0});
        m->tlb->wide = false;
        expect_entry(m, other, ACCESS_READ, PRIV_SUPER, FRAME);
        m->tlb->wide = true;
        assert_true(has(m, start + 0x1000));
        assert_true(tlb_has(m->tlb, start + 0x9f000, PRIV_SUPER, ACCESS_EXEC));
        mmu_flush_page(m, start + size - PAGE_SIZE);
        assert_false(has(m, start + 0x1000));
        assert_false(tlb_has(m->tlb, start + 0x9f000, PRIV_SUPER, ACCESS_EXEC));
        assert_true(has(m, other));
        for (unsigned n = 0; n < MMU_LARGE_WORDS; n++) /* names are not looked through again */
            assert_true(!m->large[MMU_LARGE_2M][n] && !m->large[MMU_LARGE_1G][n]);
    }
}

static void test_global(void **state)
{
    struct mmu *m = *state;
    laddr large = 0xffffffff81000000;

    m->cr4 |= PGE;
    map(m, USER, ALL, FRAME | ALL);
    expect_entry(m, USER, ACCESS_WRITE, PRIV_SUPER, FRAME);
    /* takes its slot: the name left behind does not end it with those that are not global */
    map(m, KERNEL, ALL, FRAME | ALL | G);
    expect_entry(m, KERNEL, ACCESS_WRITE, PRIV_SUPER, FRAME);
    map(m, large, ALL, 0);
    set_entry(m, large, 2, ALL | PS | G);
    expect_entry(m, large, ACCESS_READ, PRIV_SUPER, 0);
    map(m, USER + PAGE_SIZE, ALL, FRAME | ALL);
    expect_entry(m, USER + PAGE_SIZE, ACCESS_WRITE, PRIV_SUPER, FRAME);
    mmu_flush_nonglobal(m);
    assert_true(has(m, KERNEL));
    assert_true(tlb_has(m->tlb, KERNEL, PRIV_SUPER, ACCESS_WRITE));
    assert_true(has(m, large));
    assert_false(has(m, USER + PAGE_SIZE));
    mmu_flush_page(m, large + 0x1ff000); /* still known as large */
    assert_false(has(m, large));
    /* G of an upper level means nothing */
    map(m, USER, ALL | G, FRAME | ALL);
    expect_entry(m, USER, ACCESS_READ, PRIV_SUPER, FRAME);
    mmu_flush_nonglobal(m);
    assert_false(has(m, USER));
}

/* Self-modifying code depends on it: no entry grants writing to a page with translated code. */
static void test_code(void **state)
{
    struct mmu *m = *state;
    laddr alias = KERNEL + 5 * PAGE_SIZE;
    enum priv privs[] = {PRIV_USER, PRIV_SUPER, PRIV_SUPER};
    laddr at[] = {USER, alias, LOW + 9 * PAGE_SIZE};

    for (unsigned i = 0; i < 3; i++) {
        map(m, at[i], ALL, FRAME | ALL);
        expect_entry(m, at[i], ACCESS_WRITE, privs[i], FRAME);
    }
    map(m, KERNEL + PAGE_SIZE, ALL, (FRAME + PAGE_SIZE) | ALL);
    expect_entry(m, KERNEL + PAGE_SIZE, ACCESS_WRITE, PRIV_SUPER, FRAME + PAGE_SIZE);
    phys_mark_code(m->phys, FRAME + 0x100, 4);
    mmu_protect_code(m, FRAME + 0x100);
    for (unsigned i = 0; i < 3; i++) {
        assert_false(tlb_has(m->tlb, at[i], privs[i], ACCESS_WRITE));
        assert_true(tlb_is_kept(m->tlb, at[i], privs[i], ACCESS_WRITE));
        assert_true(tlb_has(m->tlb, at[i], privs[i], ACCESS_READ));
        expect_entry(m, at[i], ACCESS_WRITE, privs[i], FRAME); /* allowed, but not granted */
        assert_false(tlb_has(m->tlb, at[i], privs[i], ACCESS_WRITE));
    }
    assert_true(tlb_has(m->tlb, KERNEL + PAGE_SIZE, PRIV_SUPER, ACCESS_WRITE));
    phys_set_code_lines(m->phys, FRAME, 0);
    set_entry(m, USER, 3, 0); /* kept entries are used without a walk */
    expect_entry(m, USER, ACCESS_WRITE, PRIV_USER, FRAME);
    assert_true(tlb_has(m->tlb, USER, PRIV_USER, ACCESS_WRITE));
    assert_false(tlb_has(m->tlb, alias, PRIV_SUPER, ACCESS_WRITE));
}

static void test_watch(void **state)
{
    struct mmu *m = *state;
    laddr next = USER + PAGE_SIZE;

    map(m, USER, ALL, FRAME | ALL);
    map(m, next, ALL, (FRAME + PAGE_SIZE) | ALL);
    expect_entry(m, USER, ACCESS_WRITE, PRIV_USER, FRAME);
    expect_entry(m, next, ACCESS_WRITE, PRIV_USER, FRAME + PAGE_SIZE);
    m->watch[0] = KERNEL + 8; /* in the same slot, but another page */
    m->nwatch = 1;
    mmu_watch(m);
    assert_true(tlb_has(m->tlb, USER, PRIV_USER, ACCESS_WRITE));
    m->watch[0] = USER + 8;
    mmu_watch(m);
    assert_true(tlb_is_kept(m->tlb, USER, PRIV_USER, ACCESS_READ));
    assert_true(tlb_is_kept(m->tlb, USER, PRIV_USER, ACCESS_WRITE));
    assert_true(tlb_has(m->tlb, next, PRIV_USER, ACCESS_WRITE));
    expect_entry(m, USER, ACCESS_WRITE, PRIV_USER, FRAME);
    assert_false(tlb_has(m->tlb, USER, PRIV_USER, ACCESS_WRITE));
    m->nwatch = 0;
    expect_entry(m, USER, ACCESS_WRITE, PRIV_USER, FRAME);
    assert_true(tlb_has(m->tlb, USER, PRIV_USER, ACCESS_WRITE));
    expect_entry(m, USER, ACCESS_READ, PRIV_USER, FRAME);
    m->nwatch_phys = 1;
    m->watch_phys[0] = (struct mmu_range){FRAME + PAGE_SIZE + 8, FRAME + PAGE_SIZE + 8};
    mmu_watch(m);
    assert_true(tlb_is_kept(m->tlb, next, PRIV_USER, ACCESS_READ));
    assert_true(tlb_has(m->tlb, USER, PRIV_USER, ACCESS_READ));
}

static int compare_cached(const void *a, const void *b)
{
    const struct mmu_cached *x = a, *y = b;

    return x->key < y->key ? -1 : x->key > y->key;
}

static void test_cached(void **state)
{
    struct mmu *m = *state;
    struct mmu_cached *before, *after;
    laddr at[] = {USER, KERNEL + PAGE_SIZE, LOW + 2 * PAGE_SIZE, 0xfffffffffffff000};
    u32 n;

    m->cr4 |= PGE;
    for (unsigned i = 0; i < ARRAY_LEN(at); i++) {
        map(m, at[i], ALL, (FRAME + i * PAGE_SIZE) | ALL | (i & 1 ? (unsigned)G : 0));
        expect_entry(m, at[i], ACCESS_WRITE, PRIV_USER, FRAME + i * PAGE_SIZE);
    }
    m->tlb->wide = false;
    expect_entry(m, at[2], ACCESS_EXEC, PRIV_SUPER, FRAME + 2 * PAGE_SIZE);
    m->tlb->wide = true;
    map(m, KERNEL, ALL, FRAME | ALL);
    expect_entry(m, KERNEL, ACCESS_READ, PRIV_USER, FRAME); /* takes the slot of USER, to read */
    n = mmu_cached(m, &before);
    assert_int_equal(n, 2 * ARRAY_LEN(at) + 1);
    assert_true(tlb_is_kept(m->tlb, at[1], PRIV_USER, ACCESS_WRITE));
    for (u32 i = 0; i < n; i++)
        assert_true(mmu_is_cacheable(m, &before[i]));

    mmu_cache(m, before, n);
    assert_false(tlb_has(m->tlb, USER, PRIV_USER, ACCESS_READ));
    assert_true(tlb_has(m->tlb, KERNEL, PRIV_USER, ACCESS_READ));
    assert_true(tlb_is_kept(m->tlb, USER, PRIV_USER, ACCESS_WRITE));
    for (unsigned i = 1; i < ARRAY_LEN(at); i++) {
        assert_true(tlb_has(m->tlb, at[i], PRIV_USER, ACCESS_READ));
        assert_ptr_equal(tlb_host(m->tlb, at[i], PRIV_USER, ACCESS_WRITE),
                         phys_ram(m->phys) + FRAME + i * PAGE_SIZE);
    }
    assert_false(tlb_has(m->tlb, at[2], PRIV_SUPER, ACCESS_EXEC));
    m->tlb->wide = false;
    assert_true(tlb_has(m->tlb, at[2], PRIV_SUPER, ACCESS_EXEC));
    assert_int_equal(mmu_cached(m, &after), n);
    qsort(before, n, sizeof(*before), compare_cached);
    qsort(after, n, sizeof(*after), compare_cached);
    for (u32 i = 0; i < n; i++) {
        assert_int_equal(after[i].key, before[i].key);
        assert_int_equal(after[i].pa, before[i].pa);
        assert_int_equal(after[i].global, before[i].global);
    }
    mmu_flush_nonglobal(m);
    assert_true(tlb_has(m->tlb, at[1], PRIV_USER, ACCESS_READ));
    assert_false(tlb_has(m->tlb, at[2], PRIV_USER, ACCESS_READ));

    struct mmu_cached bad = before[0]; /* what no file of ours says */
    bad.key = 2 * TLB_KEY_WIDE | PRIV_USER << 2;
    assert_false(mmu_is_cacheable(m, &bad));
    bad.key = 1ull << 30 | PRIV_USER << 2; /* a flat table has pages below 4 GiB */
    assert_false(mmu_is_cacheable(m, &bad));
    bad.key |= TLB_KEY_WIDE;
    assert_true(mmu_is_cacheable(m, &bad));
    free(before);
    free(after);
}

struct listed {
    unsigned n;
    struct mmu_page page[8];
};

static void add_page(void *opaque, const struct mmu_page *p)
{
    struct listed *l = opaque;

    assert_true(l->n < ARRAY_LEN(l->page));
    l->page[l->n++] = *p;
}

static void test_list(void **state)
{
    struct mmu *m = *state;
    static const struct mmu_page expected[] = {
        {.la = 0x40200000, .size = 2 << 20, .user = true, .writable = true},
        {.la = 0x40401000, .size = PAGE_SIZE, .writable = true},
        {.la = 0x40601000, .size = PAGE_SIZE, .user = true},
        {.la = 0x80000000, .size = 1 << 30, .user = true},
    };
    struct listed l = {.n = 0};
    const laddr top = 0xffff800000000000;

    set_entry(m, 0, 0, PDPT | ALL);
    set_entry(m, top, 0, PDPT | P | W);
    set_entry(m, 1ull << 30, 1, PD | ALL);
    set_entry(m, 2ull << 30, 1, 0x40000000 | P | U | PS);
    set_entry(m, 2 << 20, 2, 0x600000 | ALL | PS);
    set_entry(m, 4 << 20, 2, PT | P | W);
    set_entry(m, 6 << 20, 2, PT | P | U);
    set_entry(m, PAGE_SIZE, 3, FRAME | ALL);
    mmu_list(m, add_page, &l);
    assert_int_equal(l.n, 8);
    for (unsigned i = 0; i < 8; i++) {
        const struct mmu_page *p = &l.page[i];
        assert_int_equal(p->la, (i < 4 ? 0 : top) + expected[i & 3].la);
        assert_int_equal(p->size, expected[i & 3].size);
        assert_int_equal(p->user, i < 4 && expected[i & 3].user);
        assert_int_equal(p->writable, expected[i & 3].writable);
    }
    m->page1gb = false; /* a walk finds a reserved bit there */
    l.n = 0;
    mmu_list(m, add_page, &l);
    assert_int_equal(l.n, 6);
}

/* A CPU in 64-bit mode, at privilege level 3, with the tables of m. */
static struct cpu *make_cpu(struct mmu *m)
{
    static const struct cpu_pins pins;
    struct cpu *cpu = cpu_new(phys_new(RAM_SIZE), &pins);

    assert_non_null(cpu);
    memcpy(phys_ram(cpu->mmu.phys), phys_ram(m->phys), RAM_SIZE);
    cpu->mmu.cr0 = m->cr0;
    cpu->mmu.cr3 = m->cr3;
    cpu->mmu.cr4 = m->cr4;
    cpu->mmu.lma = cpu->tlb.wide = true;
    cpu->eip_mask = ~0ull;
    cpu->mode |= MODE_USER;
    return cpu;
}

static void drop_cpu(struct cpu *cpu)
{
    struct phys *phys = cpu->mmu.phys;

    cpu_free(cpu);
    phys_free(phys);
}

/* An address that is not canonical is #GP(0), and not one byte has been written. */
static void test_raised(void **state)
{
    const laddr last = 0x00007ffffffff000;
    struct cpu *cpu;
    sigjmp_buf back;

    map(*state, last, ALL, FRAME | ALL);
    cpu = make_cpu(*state);
    cpu->unwind = &back;
    mem_slow_write(cpu, last + 0xff8, 8, 0x1122334455667788);
    assert_int_equal(mem_slow_read(cpu, last + 0xff8, 8), 0x1122334455667788);
    if (!sigsetjmp(back, 0)) {
        mem_slow_write(cpu, last + 0xffc, 8, 0);
        fail();
    }
    assert_int_equal(cpu->pending.vector, VEC_GP);
    assert_true(cpu->pending.has_error);
    assert_int_equal(cpu->pending.error, 0);
    assert_int_equal(cpu->pending.why.rule, RULE_noncanonical);
    assert_int_equal(cpu->cr2, 0);
    assert_int_equal(mem_read(cpu, last + 0xff8, 8, PRIV_USER), 0x1122334455667788);
    if (!sigsetjmp(back, 0)) { /* a page fault has the address in full */
        mem_probe_write(cpu, 0x7fffffffdff8, 16, PRIV_USER);
        fail();
    }
    assert_int_equal(cpu->pending.vector, VEC_PF);
    assert_int_equal(cpu->pending.error, PF_W | PF_U);
    assert_true(cpu->cr2 == 0x7fffffffdff8);
    drop_cpu(cpu);
}

/* Eight bytes over the end of a page, and over 4 GiB: there 64-bit mode goes on, others wrap. */
static void test_across(void **state)
{
    const u64 v = 0x8877665544332211;
    struct mmu *m = *state;
    struct cpu *cpu;
    u8 *frame;

    for (unsigned i = 0; i < 2; i++)
        map(m, USER + i * PAGE_SIZE, ALL, (FRAME + 2 * i * PAGE_SIZE) | ALL);
    map(m, 0xfffff000, ALL, FRAME | ALL);
    set_entry(m, 4ull << 30, 1, 0x40000000 | ALL | PS);
    set_entry(m, 0, 1, ALL | PS);
    cpu = make_cpu(m);
    cpu->mmu.page1gb = true;
    phys_add_ram(cpu->mmu.phys, 0x40000000, PAGE_SIZE);
    frame = phys_ram(cpu->mmu.phys) + FRAME;
    for (unsigned i = 1; i < 8; i++) {
        memset(frame, 0, 3 * PAGE_SIZE);
        mem_slow_write(cpu, USER + PAGE_SIZE - i, 8, v);
        assert_true(load_le(frame + PAGE_SIZE - i, i) == (v & ((1ull << 8 * i) - 1)));
        assert_true(load_le(frame + 2 * PAGE_SIZE, 8 - i) == v >> 8 * i);
        assert_int_equal(frame[PAGE_SIZE] | frame[2 * PAGE_SIZE + 8 - i], 0);
        assert_true(mem_slow_read(cpu, USER + PAGE_SIZE - i, 8) == v);
        assert_true(mem_slow_read_rmw(cpu, USER + PAGE_SIZE - i, 8) == v);
        assert_true(mem_read(cpu, USER + PAGE_SIZE - i, 8, PRIV_SUPER) == v);
    }
    mem_slow_write(cpu, 0xfffffffc, 8, v);
    assert_int_equal(phys_read(cpu->mmu.phys, 0x40000000, 4), v >> 32);
    cpu->eip_mask = UINT32_MAX;
    mem_slow_write(cpu, 0xfffffffc, 8, ~v);
    assert_int_equal(phys_read(cpu->mmu.phys, 0x40000000, 4), v >> 32);
    assert_int_equal(phys_read(cpu->mmu.phys, 0, 4), ~v >> 32);
    drop_cpu(cpu);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_walk),     T(test_large_pages),   T(test_rights),       T(test_not_present),
        T(test_reserved), T(test_nx_smep_smap),  T(test_noncanonical), T(test_high_tables),
        T(test_slots),    T(test_flat_and_wide), T(test_invlpg_large), T(test_global),
        T(test_code),     T(test_watch),         T(test_cached),       T(test_list),
        T(test_raised),   T(test_across),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
