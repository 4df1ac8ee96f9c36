/* Vector and x87 operations of 64-bit code on the host's own back end, against the interpreter:
 * XMM0 to XMM15 in every place of every operation, lanes of up to 8 bytes, operands all over linear
 * memory, x87 pointers of 64 bits. */
#include "tests/unit/native_run.h"
#include "tests/unit/vec_gen.h"

/* An address, most of the time in the test's RAM. */
static struct irv address(struct gen *g)
{
    u64 base = ram_bases[pick(g, ARRAY_LEN(ram_bases))];
    u32 kind = pick(g, 16);
    g->ir->wide = true;
    if (kind == 0)
        return value(g);
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

/* Some x87 among other things; the state comes home for what accesses MMX registers. */
static void emit_x87_code(struct gen *g)
{
    static void (*const other[])(struct gen *) = {emit_flags, emit_insn_begin, emit_use};
    for (u32 n = 2 + pick(g, 10); n-- > 0;) {
        if (pick(g, 3))
            emit_x87(g, address(g));
        else if (pick(g, 3))
            other[pick(g, ARRAY_LEN(other))](g);
        else
            ir_set_reg(g->ir, pick(g, GPR_COUNT), value(g));
    }
    ir_x87_home(g->ir);
}

/* One register onto another, from memory, to memory: what moves are made of. */
static void emit_move(struct gen *g)
{
    size_t reg = xmm_offset(pick_xmm(g));
    switch (pick(g, 3)) {
    case 0: ir_vec(g->ir, VEC_OP_movdqa, reg, xmm_offset(pick_xmm(g)), 0); break;
    case 1: ir_ldv(g->ir, reg, address(g), 16); break;
    default: ir_stv(g->ir, address(g), reg, 16); break;
    }
}

static void emit_random(struct gen *g)
{
    g->ir->wide = pick(g, 2);
    switch (pick(g, 16)) {
    case 0: emit_load(g, address(g)); break;
    case 1: emit_store(g, address(g)); break;
    case 2: emit_use(g); break;
    case 3: emit_call(g); break;
    case 4: emit_field(g); break;
    case 5: emit_x87_code(g); break;
    case 6:
    case 7: emit_insn_begin(g); break;
    case 8: emit_pure(g); break;
    case 9:
    case 10: emit_move(g); break;
    default: emit_vector(g); break;
    }
}

static u32 random_mode(struct gen *g)
{
    return LONG_MODE | (pick(g, 2) ? MODE_USER : 0) | (pick(g, 3) ? 0 : MODE_X87_MF);
}

static void emit_end(struct gen *g)
{
    ir_xjmp(g->ir, g->off + 3);
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
        .address = address,
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_blocks_run_alike),
    };
    native = backend_find("jit");
    if (!native) {
        puts("SKIP: no back end for this host");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
