/* Vector and x87 operations of 64-bit code on the host's own back end, against the interpreter:
 * XMM0 to XMM15 in every place of every operation, lanes of up to 8 bytes, operands all over linear
 * memory, x87 pointers of 64 bits. */
#include "tests/unit/native_run.h"
#include "tests/unit/vec_gen.h"

/* Some x87 among other things; the state comes home for what accesses MMX registers. */
static void emit_x87_code(struct gen *g)
{
    static void (*const other[])(struct gen *) = {emit_flags, emit_insn_begin, emit_use};
    for (u32 n = 2 + pick(g, 10); n-- > 0;) {
        if (pick(g, 3))
            emit_x87(g, address64(g));
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
    case 1: ir_ldv(g->ir, reg, address64(g), 16); break;
    default: ir_stv(g->ir, address64(g), reg, 16); break;
    }
}

static void emit_random(struct gen *g)
{
    g->ir->wide = pick(g, 2);
    switch (pick(g, 16)) {
    case 0: emit_load(g, address64(g)); break;
    case 1: emit_store(g, address64(g)); break;
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

static const struct gen_shape shape = {NATIVE_SHAPE, .mode = random_mode, .address = address64,
                                       .op = emit_random, .end = emit_end};

static void random_blocks_run_alike(void **state)
{
    (void)state;
    run_random_blocks(&shape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_blocks_run_alike),
    };
    return RUN_NATIVE_TESTS(tests);
}
