/* Paging: rights, error codes, A and D, PSE, PAE, NX, reserved bits, global pages, TLB fills and
 * flushes. Page tables are built by hand in guest RAM: the directory at DIR, tables from TABLE
 * on. */
#include "tests/unit/mmu_rig.h"

#define DIR   0x10000u
#define TABLE 0x11000u
#define PDPT  0x13020u
#define LA    0x08048000u

static int setup(void **state)
{
    struct mmu *m = mmu_rig_new(DIR);

    if (!m)
        return -1;
    m->pse36 = true;
    *state = m;
    return m->phys ? 0 : -1;
}

/* 32-bit: the entries of la's directory and of the one table. */
static paddr pde_at(laddr la)
{
    return DIR + (la >> 22) * 4;
}

static paddr pte_at(laddr la)
{
    return TABLE + (la >> 12 & 0x3ff) * 4;
}

static void map32(struct mmu *m, laddr la, u32 pde_flags, u32 pte)
{
    phys_write(m->phys, pde_at(la), 4, TABLE | pde_flags);
    phys_write(m->phys, pte_at(la), 4, pte);
}

/* PAE: the same, with the directory of every GiB at DIR. */
static paddr pae_pde_at(laddr la)
{
    return DIR + (la >> 21 & 0x1ff) * 8;
}

static paddr pae_pte_at(laddr la)
{
    return TABLE + (la >> 12 & 0x1ff) * 8;
}

static void map_pae(struct mmu *m, laddr la, u64 pde, u64 pte)
{
    m->cr4 |= PAE;
    m->cr3 = PDPT;
    for (unsigned i = 0; i < 4; i++)
        phys_write(m->phys, PDPT + i * 8, 8, DIR | P);
    assert_true(mmu_load_pdptes(m));
    phys_write(m->phys, pae_pde_at(la), 8, pde);
    phys_write(m->phys, pae_pte_at(la), 8, pte);
}

static void test_paging_off(void **state)
{
    struct mmu *m = *state;
    struct mmu_walk w;

    m->cr0 = 1;
    expect_pa(m, 0x123456, ACCESS_WRITE, true, 0x123456);
    assert_true(tlb_has(m->tlb, 0x123000, true, ACCESS_READ));
    assert_true(tlb_has(m->tlb, 0x123fff, true, ACCESS_WRITE));
    assert_false(tlb_has(m->tlb, 0x123000, false, ACCESS_READ));
    assert_ptr_equal(tlb_host(m->tlb, 0x123789, true, ACCESS_WRITE), phys_ram(m->phys) + 0x123789);
    assert_int_equal(mmu_translate(m, 0xA0000, ACCESS_READ, false, &w), MMU_MMIO);
    assert_int_equal(w.pa, 0xA0000);
    assert_null(w.host);
    assert_false(tlb_has(m->tlb, 0xA0000, false, ACCESS_READ));
    m->a20_mask = ~(1ull << 20);
    mmu_flush(m);
    expect_pa(m, 0x123456, ACCESS_READ, false, 0x23456);
}

/* SDM 3A 4.6 and table of combined rights: every U/S and R/W of directory and table, WP, CPL. */
static void test_rights(void **state)
{
    struct mmu *m = *state;

    for (unsigned i = 0; i < 64; i++) {
        u32 pde = (i & 1 ? W : 0) | (i & 2 ? U : 0), pte = (i & 4 ? W : 0) | (i & 8 ? U : 0);
        bool user = i & 16, wp = i & 32;
        bool w = pde & pte & W, u = pde & pte & U;
        bool may_read = !user || u;
        bool may_write = user ? u && w : w || !wp;
        u32 user_bit = user ? PF_U : 0;

        m->cr0 = PG | 1 | (wp ? WP : 0);
        map32(m, LA, P | pde, FRAME | P | pte);
        mmu_flush(m);
        if (may_read)
            expect_pa(m, LA + 0x10, ACCESS_READ, user, FRAME + 0x10);
        else
            expect_fault(m, LA + 0x10, ACCESS_READ, user, PF_P | user_bit);
        if (may_read)
            expect_pa(m, LA, ACCESS_EXEC, user, FRAME);
        else
            expect_fault(m, LA, ACCESS_EXEC, user, PF_P | user_bit);
        if (may_write)
            expect_pa(m, LA + 0xfff, ACCESS_WRITE, user, FRAME + 0xfff);
        else
            expect_fault(m, LA + 0xfff, ACCESS_WRITE, user, PF_P | PF_W | user_bit);
        assert_int_equal(tlb_has(m->tlb, LA, user, ACCESS_WRITE), may_write);
        assert_false(tlb_has(m->tlb, LA, !user, ACCESS_READ));
    }
}

static void test_not_present(void **state)
{
    struct mmu *m = *state;

    expect_fault(m, LA, ACCESS_READ, false, 0);
    expect_fault(m, LA, ACCESS_WRITE, true, PF_W | PF_U);
    expect_fault(m, LA, ACCESS_EXEC, true, PF_U); /* no I bit without NX */
    map32(m, LA, P, FRAME | W | U); /* supervisor directory, table entry not present: P is 0 */
    expect_fault(m, LA, ACCESS_WRITE, true, PF_W | PF_U);
    m->nxe = true; /* NXE without PAE means nothing */
    expect_fault(m, LA, ACCESS_EXEC, true, PF_U);
    assert_int_equal(phys_read(m->phys, pde_at(LA), 4), TABLE | P); /* no A bit from a fault */
}

static void test_accessed_dirty(void **state)
{
    struct mmu *m = *state;

    map32(m, LA, P | W | U, FRAME | P | U);
    expect_fault(m, LA, ACCESS_WRITE, true, PF_P | PF_W | PF_U);
    assert_int_equal(phys_read(m->phys, pde_at(LA), 4), TABLE | P | W | U);
    assert_int_equal(phys_read(m->phys, pte_at(LA), 4), FRAME | P | U);
    expect_pa(m, LA, ACCESS_READ, true, FRAME);
    assert_int_equal(phys_read(m->phys, pde_at(LA), 4), TABLE | P | W | U | A);
    assert_int_equal(phys_read(m->phys, pte_at(LA), 4), FRAME | P | U | A);

    map32(m, LA, P | W | U, FRAME | P | W | U);
    mmu_flush(m);
    expect_pa(m, LA, ACCESS_EXEC, true, FRAME);
    assert_int_equal(phys_read(m->phys, pte_at(LA), 4), FRAME | P | W | U | A);
    assert_true(tlb_has(m->tlb, LA, true, ACCESS_EXEC));
    assert_false(tlb_has(m->tlb, LA, true, ACCESS_READ));
    expect_pa(m, LA, ACCESS_READ, true, FRAME);
    assert_true(tlb_has(m->tlb, LA, true, ACCESS_READ));
    assert_false(tlb_has(m->tlb, LA, true, ACCESS_WRITE)); /* D is clear */
    expect_pa(m, LA, ACCESS_WRITE, true, FRAME);
    assert_int_equal(phys_read(m->phys, pde_at(LA), 4), TABLE | P | W | U | A);
    assert_int_equal(phys_read(m->phys, pte_at(LA), 4), FRAME | P | W | U | A | D);
    assert_true(tlb_has(m->tlb, LA, true, ACCESS_WRITE));
    mmu_flush(m); /* D is set: a read grants writing */
    expect_pa(m, LA, ACCESS_READ, true, FRAME);
    assert_true(tlb_has(m->tlb, LA, true, ACCESS_WRITE));
}

static void test_probe(void **state)
{
    struct mmu *m = *state;
    struct mmu_walk w;

    map32(m, LA, P | W, FRAME | P | W);
    assert_int_equal(mmu_probe(m, LA + 5, ACCESS_WRITE, false, &w), MMU_MEMORY);
    assert_int_equal(w.pa, FRAME + 5);
    assert_int_equal(phys_read(m->phys, pde_at(LA), 4), TABLE | P | W);
    assert_int_equal(phys_read(m->phys, pte_at(LA), 4), FRAME | P | W);
    assert_false(tlb_has(m->tlb, LA, false, ACCESS_READ));
    assert_int_equal(mmu_probe(m, LA, ACCESS_READ, true, &w), MMU_FAULT);
    assert_int_equal(w.pf_code, PF_P | PF_U);
}

static void test_pse(void **state)
{
    struct mmu *m = *state;
    u32 pde = 0x00C00000 | P | W | U | PS;

    phys_write(m->phys, pde_at(LA), 4, pde);
    m->cr4 = PSE;
    expect_pa(m, 0x08345678, ACCESS_WRITE, true, 0x00F45678);
    assert_int_equal(phys_read(m->phys, pde_at(LA), 4), pde | A | D);
    /* PSE off: bit 7 means nothing, the entry points to a table */
    m->cr4 = 0;
    mmu_flush(m);
    phys_write(m->phys, pde_at(LA), 4, TABLE | P | W | U | PS);
    phys_write(m->phys, pte_at(LA), 4, FRAME | P | W | U);
    expect_pa(m, LA, ACCESS_READ, true, FRAME);
}

static void test_pse36(void **state)
{
    struct mmu *m = *state;
    struct mmu_walk w;

    m->cr4 = PSE;
    phys_add_ram(m->phys, 0xF00400000, 4 << 20);
    phys_write(m->phys, pde_at(LA), 4, 0x00400000 | 0xFu << 13 | P | PS);
    expect_pa(m, 0x08012345, ACCESS_READ, false, 0xF00412345);
    phys_write(m->phys, pde_at(LA), 4, 0x00400000 | 1u << 17 | P | PS);
    expect_fault(m, LA, ACCESS_READ, false, PF_P | PF_RSVD);
    phys_write(m->phys, pde_at(LA), 4, 0x00400000 | 1u << 21 | P | PS);
    expect_fault(m, LA, ACCESS_WRITE, true, PF_P | PF_RSVD | PF_W | PF_U);
    m->pse36 = false; /* all of bits 21:13 reserved */
    phys_write(m->phys, pde_at(LA), 4, 0x00400000 | 1u << 13 | P | PS);
    expect_fault(m, LA, ACCESS_READ, false, PF_P | PF_RSVD);
    phys_write(m->phys, pde_at(LA), 4, 0x00400000 | 1u << 12 | P | PS); /* PAT */
    assert_int_equal(mmu_translate(m, LA, ACCESS_READ, false, &w), MMU_MEMORY);
}

static void test_pae(void **state)
{
    struct mmu *m = *state;

    phys_add_ram(m->phys, 0x923456000, PAGE_SIZE);
    map_pae(m, LA, TABLE | P | W | U, 0x923456000 | P | W | U);
    expect_pa(m, LA + 0x123, ACCESS_WRITE, true, 0x923456123);
    assert_int_equal(phys_read(m->phys, pae_pde_at(LA), 8), TABLE | P | W | U | A);
    assert_int_equal(phys_read(m->phys, pae_pte_at(LA), 8), 0x923456000 | P | W | U | A | D);
    /* 2 MiB page, whatever CR4.PSE says */
    phys_write(m->phys, pae_pde_at(LA), 8, 0x00A00000 | P | W | PS);
    mmu_flush(m);
    expect_pa(m, LA + 0x1234, ACCESS_WRITE, false, 0x00A00000 + ((LA + 0x1234) & 0x1fffff));
    assert_int_equal(phys_read(m->phys, pae_pde_at(LA), 8), 0x00A00000 | P | W | PS | A | D);
    /* the PDPTEs are those of the last load */
    phys_write(m->phys, PDPT, 8, 0);
    mmu_flush(m);
    expect_pa(m, LA, ACCESS_READ, false, 0x00A00000 + (LA & 0x1fffff));
    assert_true(mmu_load_pdptes(m));
    mmu_flush(m);
    expect_fault(m, LA, ACCESS_READ, true, PF_U);
}

static void test_pae_reserved(void **state)
{
    struct mmu *m = *state;
    static const u64 bad_leaf[] = {1ull << 36, 1ull << 52, 1ull << 62, NX};

    for (unsigned i = 0; i < ARRAY_LEN(bad_leaf); i++) {
        map_pae(m, LA, TABLE | P | W | U, FRAME | bad_leaf[i] | P | W | U);
        expect_fault(m, LA, ACCESS_READ, false, PF_P | PF_RSVD);
        map_pae(m, LA, TABLE | bad_leaf[i] | P | W | U, FRAME | P | W | U);
        expect_fault(m, LA, ACCESS_WRITE, true, PF_P | PF_RSVD | PF_W | PF_U);
    }
    for (unsigned bit = 13; bit <= 20; bit++) {
        map_pae(m, LA, 0x00A00000 | 1u << bit | P | PS, 0);
        expect_fault(m, LA, ACCESS_READ, false, PF_P | PF_RSVD);
    }
    map_pae(m, LA, TABLE | P, (FRAME | NX | 1ull << 62) & ~(u64)P); /* not present: bits are free */
    expect_fault(m, LA, ACCESS_READ, false, 0);
    phys_write(m->phys, PDPT + 8, 8, DIR | P | W); /* R/W is reserved in a PDPTE */
    assert_false(mmu_load_pdptes(m));
    phys_write(m->phys, PDPT + 8, 8, DIR | P | 1ull << 36);
    assert_false(mmu_load_pdptes(m));
    phys_write(m->phys, PDPT + 8, 8, DIR | NX | W);
    assert_true(mmu_load_pdptes(m));
}

static void test_nx(void **state)
{
    struct mmu *m = *state;

    m->nxe = true;
    map_pae(m, LA, TABLE | P | U | W, FRAME | NX | P | U | W);
    expect_pa(m, LA, ACCESS_READ, true, FRAME);
    expect_pa(m, LA, ACCESS_WRITE, true, FRAME);
    expect_fault(m, LA, ACCESS_EXEC, true, PF_P | PF_U | PF_I);
    expect_fault(m, LA, ACCESS_EXEC, false, PF_P | PF_I);
    map_pae(m, LA, TABLE | NX | P | U | W, FRAME | P | U | W);
    expect_fault(m, LA, ACCESS_EXEC, false, PF_P | PF_I);
    map_pae(m, LA, TABLE | P | U | W, FRAME | P | W);
    expect_pa(m, LA, ACCESS_EXEC, false, FRAME);
    expect_fault(m, LA, ACCESS_EXEC, true, PF_P | PF_U | PF_I);
    map_pae(m, LA, TABLE | P | U | W, 0);
    expect_fault(m, LA, ACCESS_EXEC, true, PF_U | PF_I);
}

static void test_rom_and_devices(void **state)
{
    struct mmu *m = *state;
    struct mmu_walk w;
    static const u8 image[PAGE_SIZE] = {0x90};

    phys_add_rom(m->phys, 0xF0000, PAGE_SIZE, image);
    map32(m, LA, P | W, 0xF0000 | P | W | D);
    expect_pa(m, LA, ACCESS_READ, false, 0xF0000);
    assert_true(tlb_has(m->tlb, LA, false, ACCESS_READ));
    assert_false(tlb_has(m->tlb, LA, false, ACCESS_WRITE));
    assert_int_equal(mmu_translate(m, LA, ACCESS_WRITE, false, &w), MMU_MMIO);
    assert_false(tlb_has(m->tlb, LA, false, ACCESS_WRITE));
    map32(m, LA, P | W, 0xA0000 | P | W);
    mmu_flush(m);
    assert_int_equal(mmu_translate(m, LA + 3, ACCESS_WRITE, false, &w), MMU_MMIO);
    assert_int_equal(w.pa, 0xA0003);
    assert_int_equal(phys_read(m->phys, pte_at(LA), 4), 0xA0000 | P | W | A | D);
    assert_int_equal(m->tlb->filled[false].n, 0);
}

static void test_flush(void **state)
{
    struct mmu *m = *state;

    for (u32 i = 0; i < 1000; i++)
        map32(m, LA + i * PAGE_SIZE % 0x300000, P | W | U, FRAME | P | W | U);
    for (u32 i = 0; i < 700; i++) {
        expect_pa(m, LA + i * PAGE_SIZE, ACCESS_WRITE, true, FRAME);
        expect_pa(m, LA + i * PAGE_SIZE, ACCESS_EXEC, false, FRAME);
    }
    assert_int_equal(m->tlb->filled[false].n, 2100);
    mmu_flush(m);
    assert_int_equal(m->tlb->filled[false].n, 0);
    for (u32 i = 0; i < 700; i++) {
        for (unsigned acc = 0; acc < ACCESS_COUNT; acc++) {
            assert_false(tlb_has(m->tlb, LA + i * PAGE_SIZE, true, acc));
            assert_false(tlb_has(m->tlb, LA + i * PAGE_SIZE, false, acc));
        }
    }
}

static void test_invlpg(void **state)
{
    struct mmu *m = *state;
    laddr next = LA + PAGE_SIZE;

    map32(m, LA, P | W | U, FRAME | P | W | U);
    map32(m, next, P | W | U, FRAME | P | W | U);
    for (u32 i = 0; i < 5000; i++) { /* the list must not grow for ever */
        expect_pa(m, LA, ACCESS_WRITE, true, FRAME);
        expect_pa(m, LA, ACCESS_EXEC, false, FRAME);
        expect_pa(m, next, ACCESS_READ, true, FRAME);
        mmu_flush_page(m, LA + 0x123);
        assert_false(tlb_has(m->tlb, LA, true, ACCESS_READ));
        assert_false(tlb_has(m->tlb, LA, true, ACCESS_WRITE));
        assert_false(tlb_has(m->tlb, LA, false, ACCESS_EXEC));
        assert_true(tlb_has(m->tlb, next, true, ACCESS_READ));
    }
    assert_true(m->tlb->filled[false].cap <= 2048);
    mmu_flush(m);
    assert_false(tlb_has(m->tlb, next, true, ACCESS_READ));
}

/* SDM 3A 4.10.4.1: a page fault drops the entry of its page. */
static void test_fault_flushes(void **state)
{
    struct mmu *m = *state;

    map32(m, LA, P | W | U, FRAME | P | U);
    expect_pa(m, LA, ACCESS_READ, true, FRAME);
    expect_fault(m, LA, ACCESS_WRITE, true, PF_P | PF_W | PF_U);
    assert_false(tlb_has(m->tlb, LA, true, ACCESS_READ));
}

static void test_invlpg_large(void **state)
{
    struct mmu *m = *state;
    laddr small = LA + (8 << 20);

    m->cr4 = PSE;
    map32(m, small, P | W, FRAME | P | W);
    phys_write(m->phys, pde_at(LA), 4, 0x00C00000 | P | W | PS);
    expect_pa(m, 0x08001000, ACCESS_READ, false, 0x00C01000);
    expect_pa(m, 0x083ff000, ACCESS_WRITE, false, 0x00fff000);
    expect_pa(m, small, ACCESS_READ, false, FRAME);
    mmu_flush_page(m, 0x08200000); /* elsewhere in the large page */
    assert_false(tlb_has(m->tlb, 0x08001000, false, ACCESS_READ));
    assert_false(tlb_has(m->tlb, 0x083ff000, false, ACCESS_WRITE));
    assert_true(tlb_has(m->tlb, small, false, ACCESS_READ));
    mmu_flush(m);
    assert_false(tlb_has(m->tlb, small, false, ACCESS_READ));
}

static void test_global(void **state)
{
    struct mmu *m = *state;
    laddr plain = LA + PAGE_SIZE, large = 0xC0000000;

    m->cr4 = PGE | PSE;
    map32(m, LA, P | W, FRAME | P | W | G);
    map32(m, plain, P | W, FRAME | P | W);
    phys_write(m->phys, pde_at(large), 4, 0x00400000 | P | PS | G);
    expect_pa(m, LA, ACCESS_WRITE, false, FRAME);
    expect_pa(m, plain, ACCESS_WRITE, false, FRAME);
    expect_pa(m, large, ACCESS_READ, false, 0x00400000);
    mmu_flush_nonglobal(m);
    assert_true(tlb_has(m->tlb, LA, false, ACCESS_READ));
    assert_true(tlb_has(m->tlb, LA, false, ACCESS_WRITE));
    assert_true(tlb_has(m->tlb, large, false, ACCESS_READ));
    assert_false(tlb_has(m->tlb, plain, false, ACCESS_READ));
    assert_false(tlb_has(m->tlb, plain, false, ACCESS_WRITE));
    mmu_flush_page(m, large + 0x3ff000); /* still known as large */
    assert_false(tlb_has(m->tlb, large, false, ACCESS_READ));
    /* a page that was global and is no more */
    mmu_flush_page(m, LA);
    map32(m, LA, P | W, FRAME | P | W);
    expect_pa(m, LA, ACCESS_WRITE, false, FRAME);
    mmu_flush_nonglobal(m);
    assert_false(tlb_has(m->tlb, LA, false, ACCESS_WRITE));
    /* G counts only with CR4.PGE */
    m->cr4 = 0;
    map32(m, LA, P | W, FRAME | P | W | G);
    expect_pa(m, LA, ACCESS_WRITE, false, FRAME);
    mmu_flush_nonglobal(m);
    assert_false(tlb_has(m->tlb, LA, false, ACCESS_WRITE));
}

struct told {
    struct mmu *m;
    unsigned n;
    paddr pa;
};

static void tell(void *opaque, paddr pa, u64 len)
{
    struct told *t = opaque;

    (void)len;
    t->n++;
    t->pa = pa;
    phys_set_code_lines(t->m->phys, pa, 0);
}

static void test_code(void **state)
{
    struct mmu *m = *state;
    struct told t = {.m = m};
    struct code_listener l = {tell, &t};
    laddr alias = LA + 5 * PAGE_SIZE;

    phys_set_code_listener(m->phys, &l);
    map32(m, LA, P | W | U, FRAME | P | W | U);
    map32(m, alias, P | W | U, FRAME | P | W | U);
    expect_pa(m, LA, ACCESS_WRITE, true, FRAME);
    expect_pa(m, alias, ACCESS_WRITE, false, FRAME);
    phys_mark_code(m->phys, FRAME + 0x100, 4);
    mmu_protect_code(m, FRAME + 0x100);
    assert_false(tlb_has(m->tlb, LA, true, ACCESS_WRITE));
    assert_false(tlb_has(m->tlb, alias, false, ACCESS_WRITE));
    assert_true(tlb_has(m->tlb, LA, true, ACCESS_READ));
    expect_pa(m, LA, ACCESS_WRITE, true, FRAME); /* allowed, but not granted for the future */
    assert_false(tlb_has(m->tlb, LA, true, ACCESS_WRITE));
    assert_int_equal(t.n, 0);
    phys_set_code_lines(m->phys, FRAME, 0);
    expect_pa(m, LA, ACCESS_WRITE, true, FRAME);
    assert_true(tlb_has(m->tlb, LA, true, ACCESS_WRITE));
    /* the walker's own writes are writes */
    phys_mark_code(m->phys, pte_at(LA + 0x20000), 1);
    map32(m, LA + 0x20000, P | W | U, FRAME | P | W | U);
    assert_int_equal(t.n, 1);
    phys_mark_code(m->phys, pte_at(LA + 0x20000), 1);
    expect_pa(m, LA + 0x20000, ACCESS_READ, true, FRAME);
    assert_int_equal(t.n, 2);
    assert_int_equal(t.pa, pte_at(LA + 0x20000));
}

static void test_regions_change(void **state)
{
    struct mmu *m = *state;

    m->cr0 = 1;
    expect_pa(m, 0x300000, ACCESS_READ, false, 0x300000);
    phys_add_ram(m->phys, 0x300000, PAGE_SIZE);
    expect_pa(m, 0x500000, ACCESS_READ, false, 0x500000); /* any translation notices */
    assert_false(tlb_has(m->tlb, 0x300000, false, ACCESS_READ));
    expect_pa(m, 0x300000, ACCESS_READ, false, 0x300000);
    assert_ptr_not_equal(tlb_host(m->tlb, 0x300000, false, ACCESS_READ),
                         phys_ram(m->phys) + 0x300000);
}

static void test_a20_walk(void **state)
{
    struct mmu *m = *state;

    map32(m, LA, P | W, 0x300000 | P | W);
    m->cr3 = DIR | 1u << 20; /* A20 off: the same directory */
    m->a20_mask = ~(1ull << 20);
    expect_pa(m, LA + 1, ACCESS_WRITE, false, 0x200001);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_paging_off),
        T(test_rights),
        T(test_not_present),
        T(test_accessed_dirty),
        T(test_probe),
        T(test_pse),
        T(test_pse36),
        T(test_pae),
        T(test_pae_reserved),
        T(test_nx),
        T(test_rom_and_devices),
        T(test_flush),
        T(test_invlpg),
        T(test_fault_flushes),
        T(test_invlpg_large),
        T(test_global),
        T(test_code),
        T(test_regions_change),
        T(test_a20_walk),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
