/* The host's own back end against the interpreter: random blocks must leave the same registers,
 * flags, memory and position, and every access, helper call and fault on the way must see the same
 * state. Then what only a native back end has: chaining, the budget check, discarding, code memory
 * that fills up. */
#include "tests/unit/native_world.h"
#include "tests/unit/vec_gen.h"

/* -- random blocks -- */

/* An address, most of the time in the test's RAM. */
static struct irv address(struct gen *g)
{
    struct irv a = value(g);
    if (pick(g, 8) == 0)
        return a;
    a = ir_op2(g->ir, IR_AND, a, ir_const(RAM_PAGES * PAGE_SIZE - 1));
    a = ir_op2(g->ir, IR_OR, a, ir_const(RAM_BASE));
    return pick(g, 2) ? a : in_register(g, a);
}

/* An instruction as the lifter makes it: result, flags, write. */
static void emit_instruction(struct gen *g)
{
    const struct gen_alu *f = pick_alu(g);
    bool mem = pick(g, 3) == 0;
    unsigned size = pick(g, 2) ? 4 : size124(g), reg = pick(g, GPR_COUNT);
    u32 disp = pick(g, 2) * 4;
    struct irv at = mem ? address(g) : IR_NONE;
    struct irv b = value(g), a = mem ? ir_ld(g->ir, IR_LDRMW, at, disp, size) : ir_reg(reg), t;
    t = emit_alu(g, f, a, &b);
    if (mem)
        ir_st(g->ir, at, disp, size, t);
    if (pick(g, 8) == 0)
        ir_set_reg(g->ir, pick(g, GPR_COUNT), ir_const(pick(g, 3)));
    bool early = !mem && size < 4 && pick(g, 4); /* flags of the merged register */
    if (early)
        t = ir_op2(g->ir, size == 1 ? IR_DEP8 : IR_DEP16, ir_reg(reg), t);
    ir_flags(g->ir, f->kind, size, t, b, IR_NONE);
    if (!mem)
        ir_set_reg(
            g->ir, reg,
            size == 4 || early ? t : ir_op2(g->ir, size == 1 ? IR_DEP8 : IR_DEP16, ir_reg(reg), t));
}

static void emit_memory(struct gen *g)
{
    struct irv a = address(g);
    switch (pick(g, 8)) {
    case 0:
    case 1:
    case 2: emit_load(g, a); break;
    case 3:
    case 4: emit_store(g, a); break;
    case 5:
        if (pick(g, 2))
            emit_segchk(g, a);
        else if (pick(g, 2))
            emit_frame16(g);
        else
            emit_in_seg(g, RAM_PAGES * PAGE_SIZE - 1);
        return;
    case 6: ir_ldv(g->ir, mmx_offset(6), a, 4u << pick(g, 3)); break;
    default: ir_stv(g->ir, a, mmx_offset(6), 4u << pick(g, 3)); break;
    }
    if (pick(g, 6) == 0)
        g->ir->ops[g->ir->nops - 1].cc = 1;
}

static void emit_exit(struct gen *g)
{
    u32 off = pick(g, 4) ? 77 : 0x1234;
    if (pick(g, 2))
        ir_xcc(g->ir, pick(g, 16), (s32)off);
    else
        ir_xif(g->ir, (enum ir_cond)pick(g, 10), value(g), value(g), (s32)off);
}

/* -- x87 -- */

/* Some x87 among other things; the state comes home for what accesses MMX registers. */
static void emit_x87_code(struct gen *g)
{
    static void (*const other[])(struct gen *) = {emit_flags, emit_instruction, emit_insn_begin,
                                                  emit_exit,  emit_use,         emit_stack};
    u32 n = 2 + pick(g, 10);
    for (u32 i = 0; i < n; i++) {
        if (pick(g, 3))
            emit_x87(g, address(g));
        else
            other[pick(g, ARRAY_LEN(other))](g);
    }
    if ((g->ir->mode & MODE_X87_MF) && pick(g, 2))
        ir_x87_check(g->ir);
    ir_x87_home(g->ir);
    if ((g->ir->mode & MODE_X87_MF) && pick(g, 2))
        ir_x87_check(g->ir);
}

static void emit_random(struct gen *g)
{
    switch (pick(g, 27)) {
    case 0:
    case 1: emit_memory(g); break;
    case 2: pick(g, 3) ? emit_stack(g) : emit_call(g); break;
    case 3:
    case 4: pick(g, 3) ? emit_flags(g) : emit_flag_bits(g); break;
    case 5:
    case 6:
    case 7: emit_instruction(g); break;
    case 8: keep(g, ir_getcc(g->ir, pick(g, 16))); break;
    case 9: emit_use(g); break;
    case 10: emit_field(g); break;
    case 11: pick(g, 3) ? (void)0 : emit_exit(g); break;
    case 12:
    case 18: emit_vector(g); break;
    case 13:
    case 14:
    case 15: ir_set_reg(g->ir, pick(g, GPR_COUNT), value(g)); break;
    case 16:
    case 17: emit_insn_begin(g); break;
    case 19: pick(g, 2) ? emit_x87_code(g) : (void)0; break;
    default: emit_pure(g); break;
    }
}

static u32 random_mode(struct gen *g)
{
    return (pick(g, 2) ? MODE_USER : 0) | (pick(g, 2) ? MODE_CS_FLAT : 0) |
           (pick(g, 3) ? 0 : MODE_X87_MF);
}

static void emit_end(struct gen *g)
{
    switch (pick(g, 6)) {
    case 0: ir_xind(g->ir, value(g)); break;
    case 1: ir_xnext(g->ir, g->off + 3); break;
    case 2: ir_xloop(g->ir); break;
    default: ir_xjmp(g->ir, pick(g, 4) ? g->off + 3 : 0x2345); break;
    }
}

static const struct gen_shape shape = {NATIVE_SHAPE, .mode = random_mode, .address = address,
                                       .op = emit_random, .end = emit_end};

static void random_blocks_run_alike(void **state)
{
    (void)state;
    run_random_blocks(&shape);
}

/* -- blocks together -- */

static int setup(void **state)
{
    return world_setup(state, MODE_CS_FLAT, 0x5000);
}

static void chained_exits_stay_inside(void **state)
{
    struct world *w = *state;
    struct block_exit *exit;
    struct block *a = loop_block(w, 0, 0x10, 0x10, 0x20), *b = loop_block(w, 1, 0x20, 0x10, 0x30);
    w->cpu->gpr[ECX] = 10;
    assert_int_equal(run(w, a, &exit), RUN_NEXT);
    assert_ptr_equal(exit, &a->exits[0]);
    assert_int_equal(w->cpu->eip, 0x5010);
    assert_int_equal(w->cpu->budget, 998);
    native->chain(w->be, exit, a);
    assert_int_equal(run(w, a, &exit), RUN_NEXT);
    assert_ptr_equal(exit, &a->exits[1]);
    assert_int_equal(w->cpu->gpr[ECX], 0);
    assert_int_equal(w->cpu->eip, 0x5020);
    assert_int_equal(w->cpu->budget, 980);
    native->chain(w->be, exit, b);
    w->cpu->gpr[ECX] =
        3; /* three turns of a, and b wraps to the taken exit, which is not chained */
    assert_int_equal(run(w, a, &exit), RUN_NEXT);
    assert_ptr_equal(exit, &b->exits[0]);
    assert_int_equal(w->cpu->gpr[ECX], ~0u);
    native->unchain(w->be, &a->exits[0]);
    w->cpu->gpr[ECX] = 3;
    assert_int_equal(run(w, a, &exit), RUN_NEXT);
    assert_ptr_equal(exit, &a->exits[0]);
    assert_int_equal(w->cpu->gpr[ECX], 2);
}

static void a_block_that_exceeds_the_budget_does_not_start(void **state)
{
    struct world *w = *state;
    struct block_exit *exit;
    struct block *a = loop_block(w, 0, 0x10, 0x10, 0x20);
    native->chain(w->be, &a->exits[0], a);
    w->cpu->gpr[ECX] = 100;
    w->cpu->budget = 7;
    assert_int_equal(run(w, a, &exit), RUN_BUDGET);
    assert_null(exit);
    assert_int_equal(w->cpu->budget, 1);
    assert_int_equal(w->cpu->gpr[ECX], 97);
    assert_int_equal(w->cpu->eip, 0x5010);
    assert_int_equal(w->cpu->insn_left, 0);
}

static void the_jump_cache_leads_on(void **state)
{
    struct world *w = *state;
    struct block_exit *exit;
    struct block *a = loop_block(w, 0, 0x10, 0x20, 0x7010), *b = loop_block(w, 1, 0x20, 0x20, 0x40);
    assert_int_equal(run_last(w, a, &exit), RUN_NEXT); /* not in the cache */
    assert_null(exit);
    assert_int_equal(w->cpu->eip, 0xc010);
    world_jump_entry(w->cpu, 0xc010, b);
    assert_int_equal(run_last(w, a, &exit), RUN_NEXT);
    assert_ptr_equal(exit, &b->exits[0]);
    assert_int_equal(w->cpu->eip_page, 0xc000);
    assert_int_equal(w->cpu->eip, 0xc020);
    w->cpu->jump_tag = 10 << JUMP_TAG_SHIFT; /* another mode */
    assert_int_equal(run_last(w, a, &exit), RUN_NEXT);
    assert_null(exit);
    assert_int_equal(w->cpu->eip, 0xc010);
    w->cpu->jump_tag = 9 << JUMP_TAG_SHIFT;
    w->cpu->tlb.e[false][ACCESS_EXEC][0xc].addend += PAGE_SIZE; /* another mapping */
    assert_int_equal(run_last(w, a, &exit), RUN_NEXT);
    assert_null(exit);
    assert_int_equal(w->cpu->eip, 0xc010);
}

/* An exit to another page is chained, and taken only while that page is mapped there. */
static void far_exits_look_at_the_mapping(void **state)
{
    struct world *w = *state;
    struct block_exit *exit;
    struct block *a = make_loop(w, 0, 0x10, 0x20, 0x7010, false);
    struct block *b = loop_block(w, 1, 0x10, 0x20, 0x40);
    struct tlb_entry *page = &w->cpu->tlb.e[PRIV_SUPER][ACCESS_EXEC][0xc];
    struct phys *phys = phys_new(2 << 20);
    w->cpu->mmu.phys = phys;
    assert_int_equal(run_last(w, a, &exit), RUN_NEXT);
    assert_ptr_equal(exit, &a->exits[1]);
    assert_int_equal(w->cpu->eip, 0xc010);
    a = make_loop(w, 2, 0x10, 0x20, 0x7010, false); /* by a back end that knows phys */
    native->chain(w->be, &a->exits[1], b);
    page->addend = (u64)(uintptr_t)phys_host(phys, 0x123000, false) - 0xc000 + TLB_VALID;
    assert_int_equal(run_last(w, a, &exit), RUN_NEXT);
    assert_ptr_equal(exit, &b->exits[0]);
    assert_int_equal(w->cpu->eip_page, 0xc000);
    page->addend += PAGE_SIZE;
    assert_int_equal(run_last(w, a, &exit), RUN_NEXT);
    assert_ptr_equal(exit, &a->exits[1]);
    assert_int_equal(w->cpu->eip, 0xc010);
    page->addend = 0;
    assert_int_equal(run_last(w, a, &exit), RUN_NEXT);
    assert_ptr_equal(exit, &a->exits[1]);
    w->cpu->mmu.phys = NULL;
    phys_free(phys);
}

static void a_discarded_block_sends_back(void **state)
{
    struct world *w = *state;
    struct block_exit *exit;
    struct block *a = loop_block(w, 0, 0x10, 0x20, 0x7010);
    struct block *b = loop_block(w, 1, 0x20, 0x20, 0x40);
    world_jump_entry(w->cpu, 0xc010, b);
    native->discard(w->be, b);
    assert_int_equal(run_last(w, a, &exit), RUN_NEXT);
    assert_null(exit);
    assert_int_equal(w->cpu->gpr[ECX], 0);
    assert_int_equal(w->cpu->budget, 998);
}

static void code_memory_fills_and_empties(void **state)
{
    struct world *w = *state;
    struct block *b = &w->blocks[0];
    u64 empty = native->code_used(w->be);
    u32 made = 0;
    gen_block(&w->ir, &shape, 12345);
    for (;;) {
        init_block(b, &w->ir);
        if (!native->compile(w->be, w->cpu, &w->ir, b))
            break;
        free(b->exits);
        b->exits = NULL;
        made++;
    }
    assert_true(made > 50);
    assert_true(native->code_used(w->be) <= 2 << 20);
    native->discard_all(w->be);
    assert_true(native->code_used(w->be) == empty);
    assert_true(native->compile(w->be, w->cpu, &w->ir, b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_blocks_run_alike),
        cmocka_unit_test_setup_teardown(chained_exits_stay_inside, setup, teardown),
        cmocka_unit_test_setup_teardown(a_block_that_exceeds_the_budget_does_not_start, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_jump_cache_leads_on, setup, teardown),
        cmocka_unit_test_setup_teardown(far_exits_look_at_the_mapping, setup, teardown),
        cmocka_unit_test_setup_teardown(a_discarded_block_sends_back, setup, teardown),
        cmocka_unit_test_setup_teardown(code_memory_fills_and_empties, setup, teardown),
    };
    return RUN_NATIVE_TESTS(tests);
}
