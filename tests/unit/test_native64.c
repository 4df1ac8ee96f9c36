/* 64-bit code on the host's own back end, against the interpreter, as test_native.c does for the
 * rest: random blocks of wide and narrow operations, with addresses all over linear memory. Then
 * ways out of a block, where bits 63:32 of the addresses decide. */
#include "tests/unit/native_world.h"

/* -- random blocks -- */

static const struct gen_shape shape = {NATIVE_SHAPE, .mode = mode64, .op = emit_random64,
                                       .end = emit_end64};

static void random_blocks_run_alike(void **state)
{
    (void)state;
    run_random_blocks(&shape);
}

/* -- leaving -- */

#define HIGH 0xffffffff80005000

static int setup(void **state)
{
    return world_setup(state, LONG_MODE, HIGH);
}

/* The page's entry for code. */
static struct tlb_entry *map_code(struct world *w, u64 eip, u64 host)
{
    volatile u64 page = eip & ~(u64)PAGE_MASK; /* known, it would make a relocation out of range */
    u32 i = tlb_index(eip);
    w->cpu->tlb.e64[PRIV_SUPER][ACCESS_EXEC][i].addend = host - page + TLB_VALID;
    w->cpu->tlb.tag[PRIV_SUPER][ACCESS_EXEC][i] = (u32)(eip >> 32);
    return &w->cpu->tlb.e64[PRIV_SUPER][ACCESS_EXEC][i];
}

static void counts_have_64_bits(void **state)
{
    struct world *w = *state;
    struct block_exit *exit;
    struct block *a = make_loop(w, 0, 0x10, 0x10, 0x20, false);
    w->cpu->eip = HIGH + 0x10;
    w->cpu->gpr[ECX] = 0x100000001;
    assert_int_equal(native->run(w->be, w->cpu, a, &exit), RUN_NEXT);
    assert_ptr_equal(exit, &a->exits[0]);
    assert_true(w->cpu->gpr[ECX] == 0x100000000);
    assert_true(w->cpu->eip == HIGH + 0x10);
}

static void the_jump_cache_leads_on(void **state)
{
    struct world *w = *state;
    struct block_exit *exit;
    u64 to = HIGH + 0x7010;
    struct block *a = loop_block(w, 0, 0x10, 0x20, 0x7010);
    struct block *b = loop_block(w, 1, 0x20, 0x20, 0x40);
    assert_int_equal(run_last(w, a, &exit), RUN_NEXT); /* not in the cache */
    assert_null(exit);
    assert_true(w->cpu->eip == to);
    u64 addend = map_code(w, to, 0x5000000000)->addend;
    w->cpu->jump_cache[jump_cache_index((u32)to)] =
        (struct jump_cache_entry){(u32)to, b->serial, b->code, addend | w->cpu->jump_tag, b};
    assert_int_equal(run_last(w, a, &exit), RUN_NEXT);
    assert_ptr_equal(exit, &b->exits[0]);
    assert_true(w->cpu->eip_page == (to & ~(u64)PAGE_MASK));
    assert_true(w->cpu->eip == HIGH + 0x7020);
    w->cpu->tlb.tag[PRIV_SUPER][ACCESS_EXEC][tlb_index(to)] ^= 1; /* a page elsewhere */
    assert_int_equal(run_last(w, a, &exit), RUN_NEXT);
    assert_null(exit);
    assert_true(w->cpu->eip == to);
}

/* An exit to another page is chained, and taken only while that page is mapped there. */
static void far_exits_look_at_the_mapping(void **state)
{
    static const s32 places[] = {0x7010, -0x2ff0};
    struct world *w = *state;
    struct block_exit *exit;
    struct phys *phys = phys_new(2 << 20);
    w->cpu->mmu.phys = phys;
    for (unsigned i = 0; i < ARRAY_LEN(places); i++) {
        u64 to = HIGH + (u64)(s64)places[i];
        struct block *a = make_loop(w, 0, 0x10, 0x20, places[i], false);
        struct block *b = loop_block(w, 1, 0x10, 0x20, 0x40);
        native->chain(w->be, &a->exits[1], b);
        map_code(w, to, (u64)(uintptr_t)phys_host(phys, 0x123000, false));
        assert_int_equal(run_last(w, a, &exit), RUN_NEXT);
        assert_ptr_equal(exit, &b->exits[0]);
        assert_true(w->cpu->eip_page == (to & ~(u64)PAGE_MASK));
        w->cpu->tlb.tag[PRIV_SUPER][ACCESS_EXEC][tlb_index(to)] = 0;
        assert_int_equal(run_last(w, a, &exit), RUN_NEXT);
        assert_ptr_equal(exit, &a->exits[1]);
        assert_true(w->cpu->eip == to);
        free(a->exits);
        free(b->exits);
        a->exits = b->exits = NULL;
    }
    w->cpu->mmu.phys = NULL;
    phys_free(phys);
}

/* A block over two pages runs only while the second is where it was. */
static void a_second_page_is_looked_at(void **state)
{
    struct world *w = *state;
    struct block *b = &w->blocks[0];
    struct block_exit *exit;
    ir_begin(&w->ir, LONG_MODE);
    ir_insn_begin(&w->ir, 0xffe, 4);
    ir_xjmp(&w->ir, 0x1002);
    init_block(b, &w->ir);
    b->pa = 0x123ffe;
    b->pa2 = 0x200000;
    b->host2 = ram[1];
    assert_true(native->compile(w->be, w->cpu, &w->ir, b));
    map_code(w, HIGH + 0x1000, (u64)(uintptr_t)ram[1]);
    assert_int_equal(run_last(w, b, &exit), RUN_NEXT);
    assert_true(w->cpu->eip == HIGH + 0x1002);
    w->cpu->tlb.tag[PRIV_SUPER][ACCESS_EXEC][tlb_index(HIGH + 0x1000)] = 0x7fff;
    assert_int_equal(run_last(w, b, &exit), RUN_NEXT);
    assert_true(w->cpu->eip == HIGH + 0xffe);
    map_code(w, HIGH + 0x1000, (u64)(uintptr_t)ram[2]);
    assert_int_equal(run_last(w, b, &exit), RUN_NEXT);
    assert_true(w->cpu->eip == HIGH + 0xffe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_blocks_run_alike),
        cmocka_unit_test_setup_teardown(counts_have_64_bits, setup, teardown),
        cmocka_unit_test_setup_teardown(the_jump_cache_leads_on, setup, teardown),
        cmocka_unit_test_setup_teardown(far_exits_look_at_the_mapping, setup, teardown),
        cmocka_unit_test_setup_teardown(a_second_page_is_looked_at, setup, teardown),
    };
    return RUN_NATIVE_TESTS(tests);
}
