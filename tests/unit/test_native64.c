/* 64-bit code on the host's own back end, against the interpreter, as test_native.c does for the
 * rest: random blocks of wide and narrow operations, with addresses all over linear memory. Then
 * ways out of a block, where bits 63:32 of the addresses decide. */
#include "tests/unit/ir_gen.h"
#include "tests/unit/native_run.h"

/* -- random blocks -- */

static u64 random_u64(struct gen *g)
{
    u64 v = (u64)rnd(&g->seed) << 32 | rnd(&g->seed);
    return pick(g, 2) ? v >> pick(g, 64) : (u64)((s64)v >> pick(g, 64));
}

static void any_width(struct gen *g)
{
    g->ir->wide = pick(g, 4) != 0;
}

static struct irv value64(struct gen *g)
{
    return pick(g, 8) ? value(g) : ir_const64(g->ir, random_u64(g));
}

/* An address, most of the time in the test's RAM. */
static struct irv address(struct gen *g)
{
    u64 base = ram_bases[pick(g, ARRAY_LEN(ram_bases))];
    u32 kind = pick(g, 16);
    g->ir->wide = true;
    if (kind == 0)
        return value64(g);
    if (kind == 1) /* another page's entry, or none */
        base ^= 1ull << (32 + pick(g, 32));
    if (kind < 4) /* a constant, if it can be one */
        return ir_const64(g->ir, base + (pick(g, RAM_PAGES * PAGE_SIZE) & ~pick(g, 16)));
    struct irv a = ir_op2(g->ir, IR_AND, value(g), ir_const(RAM_PAGES * PAGE_SIZE - 1));
    a = ir_op2(g->ir, IR_OR, a, ir_const64(g->ir, base));
    if (pick(g, 2))
        return a;
    unsigned reg = pick(g, GPR_COUNT);
    ir_set_reg(g->ir, reg, a);
    return ir_reg(reg);
}

static u32 displacement(struct gen *g)
{
    static const u32 disps[] = {0, 0, 0, 8, 3, -8u, -1u, 0x1000, 0x7ffffff8, 0x80000000};
    return disps[pick(g, ARRAY_LEN(disps))];
}

static void emit_pure64(struct gen *g)
{
    any_width(g);
    switch (pick(g, 8)) {
    case 0:
        g->ir->wide = true;
        keep(g, ir_op1(g->ir, IR_EXT32S, value(g)));
        break;
    case 1:
        keep(g, ir_lea(g->ir, value64(g), pick(g, 2) ? value(g) : IR_NONE, pick(g, 4),
                       displacement(g)));
        break;
    case 2: keep(g, ir_copy(g->ir, value64(g))); break;
    default: emit_pure(g); break;
    }
}

static void emit_memory(struct gen *g)
{
    struct irv a = address(g);
    any_width(g);
    switch (pick(g, 8)) {
    case 0:
        keep(g, ir_ld(g->ir, pick(g, 2) ? IR_LD : IR_LDRMW, a, displacement(g), any_size(g)));
        break;
    case 1:
        keep(g, ir_ld(g->ir, IR_LDSX, a, displacement(g), size124(g)));
        g->ir->ops[g->ir->nops - 1].cc = IR_SX64;
        break;
    case 2: emit_load(g, a); break;
    case 3: ir_st(g->ir, a, displacement(g), any_size(g), value(g)); break;
    case 4: emit_store(g, a); break;
    case 5:
        ir_ldv(g->ir, pick(g, 2) ? mmx_offset(6) : xmm_offset(pick(g, 8)), a, 4u << pick(g, 3));
        break;
    case 6:
        ir_stv(g->ir, a, pick(g, 2) ? mmx_offset(6) : xmm_offset(pick(g, 8)), 4u << pick(g, 3));
        break;
    default:
        ir_ldv(g->ir, xmm_offset(pick(g, 8)), a, 16);
        ir_aligned(g->ir);
        break;
    }
    if (pick(g, 8) == 0)
        g->ir->ops[g->ir->nops - 1].cc |= 1;
}

/* As the lifter makes them: result, flags, write. Of size 4 it is not wide, of less it leaves the
 * rest of the register alone. */
static void emit_instruction(struct gen *g)
{
    static const struct {
        enum ir_op op;
        unsigned kind;
    } forms[] = {{IR_ADD, FK_ADD}, {IR_SUB, FK_SUB}, {IR_AND, FK_LOGIC}, {IR_XOR, FK_LOGIC},
                 {IR_ADD, FK_INC}, {IR_ADD, FK_DEC}, {IR_NEG, FK_SUB}};
    u32 f = pick(g, ARRAY_LEN(forms)), disp = displacement(g);
    bool mem = pick(g, 3) == 0;
    unsigned size = pick(g, 2) ? 8 : any_size(g), reg = pick(g, GPR_COUNT);
    struct irv at = mem ? address(g) : IR_NONE, b = value64(g), t;
    struct irv a = mem ? ir_ld(g->ir, IR_LDRMW, at, disp, size) : ir_reg(reg);
    g->ir->wide = size == 8;
    if (forms[f].kind == FK_INC || forms[f].kind == FK_DEC) {
        b = ir_getcc(g->ir, 2);
        t = ir_op2(g->ir, IR_ADD, a, ir_const(forms[f].kind == FK_INC ? 1 : ~0u));
    } else if (forms[f].op == IR_NEG) {
        b = a;
        t = ir_op1(g->ir, IR_NEG, a);
    } else {
        t = ir_op2(g->ir, forms[f].op, a, b);
    }
    if (mem)
        ir_st(g->ir, at, disp, size, t);
    ir_flags(g->ir, forms[f].kind, size, t, forms[f].kind == FK_LOGIC ? IR_NONE : b, IR_NONE);
    if (mem)
        return;
    g->ir->wide = size != 4;
    if (size < 4)
        t = ir_op2(g->ir, size == 1 ? IR_DEP8 : IR_DEP16, ir_reg(reg), t);
    ir_set_reg(g->ir, reg, t);
}

static void emit_compare(struct gen *g)
{
    unsigned size = any_size(g);
    ir_flags(g->ir, pick(g, 2) ? FK_CMP : FK_LOGIC, size, value(g), value(g), IR_NONE);
    g->ir->wide = pick(g, 2);
    keep(g, pick(g, 2) ? ir_getcc(g->ir, pick(g, 16))
                       : ir_selcc(g->ir, pick(g, 16), value(g), value(g)));
}

/* MUL and IMUL of RAX. */
static void emit_multiply(struct gen *g)
{
    struct irv lo, hi;
    unsigned size = pick(g, 2) ? 8 : 4;
    g->ir->wide = size == 8;
    ir_mul2(g->ir, pick(g, 2) ? IR_UMUL2 : IR_SMUL2, ir_reg(EAX), value(g), &lo, &hi);
    if (pick(g, 2))
        ir_flags(g->ir, FK_MUL, size, lo, hi, IR_NONE);
    ir_set_reg(g->ir, EAX, lo);
    ir_set_reg(g->ir, EDX, hi);
}

/* DIV and IDIV, often of a dividend that the host's instruction may be given. */
static void emit_divide(struct gen *g)
{
    bool is_signed = pick(g, 2);
    g->ir->wide = true;
    ir_set_reg(g->ir, EAX, value64(g));
    if (pick(g, 4))
        ir_set_reg(g->ir, EDX,
                   is_signed ? ir_op2(g->ir, IR_SAR, ir_reg(EAX), ir_const(63)) : ir_const(0));
    ir_call(g->ir, is_signed ? HELPER_idiv64 : HELPER_div64, value64(g), IR_NONE, IR_NONE, IR_NONE);
}

/* PUSH and POP, whose addresses hang together. */
static void emit_stack(struct gen *g)
{
    struct irv esp = ir_reg(ESP);
    g->ir->wide = true;
    for (u32 n = 1 + pick(g, 4); n-- > 0;) {
        if (pick(g, 2)) {
            ir_st(g->ir, esp, -8u, 8, value(g));
            ir_set_reg(g->ir, ESP, ir_lea(g->ir, esp, IR_NONE, 0, -8u));
        } else {
            struct irv v = ir_ld(g->ir, IR_LD, esp, 8 * pick(g, 3), 8);
            if (pick(g, 2))
                ir_set_reg(g->ir, ESP, ir_lea(g->ir, esp, IR_NONE, 0, 8));
            ir_set_reg(g->ir, pick(g, 8) ? EAX : ESP, v);
        }
    }
}

/* x87 operations among stores of registers that addresses hang on. */
static void emit_x87_code(struct gen *g)
{
    for (u32 n = 1 + pick(g, 8); n-- > 0;) {
        g->ir->wide = true;
        if (pick(g, 4) == 0)
            ir_set_reg(g->ir, pick(g, GPR_COUNT), value64(g));
        else
            emit_x87(g, address(g));
    }
    ir_x87_home(g->ir);
}

static void emit_exit(struct gen *g)
{
    s32 off = pick(g, 4) ? 77 : pick(g, 2) ? 0x1234 : -0x1234;
    any_width(g);
    if (pick(g, 2))
        ir_xcc(g->ir, pick(g, 16), off);
    else
        ir_xif(g->ir, (enum ir_cond)pick(g, 10), value(g), value(g), off);
}

static void emit_set_reg(struct gen *g)
{
    any_width(g);
    ir_set_reg(g->ir, pick(g, GPR_COUNT), value64(g));
}

static void emit_flag_users(struct gen *g)
{
    any_width(g);
    switch (pick(g, 4)) {
    case 0: keep(g, ir_getcc(g->ir, pick(g, 16))); break;
    case 1: emit_use(g); break;
    case 2: emit_flag_bits(g); break;
    default: emit_flags(g); break;
    }
}

static void emit_random(struct gen *g)
{
    switch (pick(g, 23)) {
    case 0:
    case 1:
    case 2: emit_memory(g); break;
    case 3: pick(g, 3) ? emit_stack(g) : emit_call(g); break;
    case 4:
    case 5:
    case 6: emit_flag_users(g); break;
    case 7:
    case 8:
    case 9: emit_instruction(g); break;
    case 10: emit_compare(g); break;
    case 11: emit_field(g); break;
    case 12: pick(g, 3) ? emit_multiply(g) : emit_exit(g); break;
    case 17: pick(g, 3) ? emit_x87_code(g) : emit_divide(g); break;
    case 13:
    case 14: emit_set_reg(g); break;
    case 15:
    case 16: emit_insn_begin(g); break;
    case 18: ir_segchk_eip(g->ir, value64(g)); break;
    default: emit_pure64(g); break;
    }
}

static u32 random_mode(struct gen *g)
{
    return LONG_MODE | (pick(g, 2) ? MODE_USER : 0);
}

static void emit_end(struct gen *g)
{
    g->ir->wide = true;
    switch (pick(g, 6)) {
    case 0: ir_xind(g->ir, value64(g)); break;
    case 1: ir_xnext(g->ir, pick(g, 2) ? g->off + 3 : -5); break;
    case 2: ir_xloop(g->ir); break;
    default: ir_xjmp(g->ir, pick(g, 4) ? g->off + 3 : pick(g, 2) ? 0x2345 : -0x2345); break;
    }
}

static void random_block(struct ir *ir, u64 seed)
{
    static const struct gen_shape shape = {
        .reg_values = 5,
        .temps = 48,
        .consts = 10,
        .carry_in = true,
        .leaves = true,
        .mode = random_mode,
        .op = emit_random,
        .end = emit_end,
    };
    gen_block(ir, &shape, seed);
}

static void random_blocks_run_alike(void **state)
{
    (void)state;
    run_random_blocks(random_block, 30000);
}

/* -- leaving -- */

struct world {
    struct cpu *cpu;
    void *be;
    struct ir ir;
    struct block blocks[3];
};

#define HIGH 0xffffffff80005000

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    const char *why = NULL;
    w->cpu = world_cpu();
    w->be = native->init(NULL, 2 << 20, &why);
    prepare(w->cpu, 1);
    prepare64(w->cpu, 1);
    w->cpu->mode = LONG_MODE;
    world_fault_mask = 0;
    *state = w;
    return w->be ? 0 : -1;
}

static int teardown(void **state)
{
    struct world *w = *state;
    native->free(w->be);
    for (unsigned i = 0; i < ARRAY_LEN(w->blocks); i++)
        free(w->blocks[i].exits);
    world_cpu_free(w->cpu);
    free(w);
    return 0;
}

/* Block n at offset off: RCX--, then to `taken` while it is not 0, else to `next`. */
static struct block *make_loop(struct world *w, unsigned n, u32 off, s32 taken, s32 next,
                               bool by_cache)
{
    struct block *b = &w->blocks[n];
    ir_begin(&w->ir, LONG_MODE);
    w->ir.wide = true;
    ir_insn_begin(&w->ir, off, 1);
    struct irv t = ir_lea(&w->ir, ir_reg(ECX), IR_NONE, 0, ~0u);
    ir_set_reg(&w->ir, ECX, t);
    ir_insn_begin(&w->ir, off + 1, 2);
    ir_xif(&w->ir, IRC_NE, t, ir_const(0), taken);
    if (by_cache)
        ir_xind(&w->ir, ir_pcrel(&w->ir, next));
    else
        ir_xjmp(&w->ir, next);
    assert_null(ir_verify(&w->ir));
    init_block(b, &w->ir);
    b->pa = 0x123000 + off;
    assert_true(native->compile(w->be, w->cpu, &w->ir, b));
    return b;
}

static enum run_result run(struct world *w, struct block *b, struct block_exit **exit)
{
    w->cpu->eip = HIGH + ((u32)b->pa & PAGE_MASK);
    w->cpu->gpr[ECX] = 1;
    return native->run(w->be, w->cpu, b, exit);
}

/* The page's entry for code. */
static struct tlb_entry *map_code(struct world *w, u64 eip, u64 host)
{
    u32 i = tlb_index(eip);
    w->cpu->tlb.e64[PRIV_SUPER][ACCESS_EXEC][i].addend = host - (eip & ~(u64)PAGE_MASK) + TLB_VALID;
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
    struct block *a = make_loop(w, 0, 0x10, 0x20, 0x7010, true);
    struct block *b = make_loop(w, 1, 0x20, 0x20, 0x40, true);
    assert_int_equal(run(w, a, &exit), RUN_NEXT); /* not in the cache */
    assert_null(exit);
    assert_true(w->cpu->eip == to);
    u64 addend = map_code(w, to, 0x5000000000)->addend;
    w->cpu->jump_cache[jump_cache_index((u32)to)] =
        (struct jump_cache_entry){(u32)to, b->serial, b->code, addend | w->cpu->jump_tag, b};
    assert_int_equal(run(w, a, &exit), RUN_NEXT);
    assert_ptr_equal(exit, &b->exits[0]);
    assert_true(w->cpu->eip_page == (to & ~(u64)PAGE_MASK));
    assert_true(w->cpu->eip == HIGH + 0x7020);
    w->cpu->tlb.tag[PRIV_SUPER][ACCESS_EXEC][tlb_index(to)] ^= 1; /* a page elsewhere */
    assert_int_equal(run(w, a, &exit), RUN_NEXT);
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
        struct block *b = make_loop(w, 1, 0x10, 0x20, 0x40, true);
        native->chain(w->be, &a->exits[1], b);
        map_code(w, to, (u64)(uintptr_t)phys_host(phys, 0x123000, false));
        assert_int_equal(run(w, a, &exit), RUN_NEXT);
        assert_ptr_equal(exit, &b->exits[0]);
        assert_true(w->cpu->eip_page == (to & ~(u64)PAGE_MASK));
        w->cpu->tlb.tag[PRIV_SUPER][ACCESS_EXEC][tlb_index(to)] = 0;
        assert_int_equal(run(w, a, &exit), RUN_NEXT);
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
    assert_int_equal(run(w, b, &exit), RUN_NEXT);
    assert_true(w->cpu->eip == HIGH + 0x1002);
    w->cpu->tlb.tag[PRIV_SUPER][ACCESS_EXEC][tlb_index(HIGH + 0x1000)] = 0x7fff;
    assert_int_equal(run(w, b, &exit), RUN_NEXT);
    assert_true(w->cpu->eip == HIGH + 0xffe);
    map_code(w, HIGH + 0x1000, (u64)(uintptr_t)ram[2]);
    assert_int_equal(run(w, b, &exit), RUN_NEXT);
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
    native = backend_find("jit");
    if (!native) {
        puts("SKIP: no back end for this host");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
