/* The optimizer: random blocks must behave the same before and after (every access, helper call,
 * fault and exit sees the same registers, flags and position), and the patterns that matter for
 * code quality must come out as the native back ends want them. */
#include "tests/unit/ir_gen64.h"

#include <time.h>

static struct ir *new_ir(u32 mode)
{
    struct ir *ir = malloc(sizeof(*ir));
    assert_non_null(ir);
    ir_begin(ir, mode);
    return ir;
}

/* -- random blocks -- */

static void emit_memory(struct gen *g)
{
    struct irv a = value(g);
    switch (pick(g, 6)) {
    case 0:
    case 1: emit_load(g, a); break;
    case 2:
    case 3: emit_store(g, a); break;
    case 4:
        if (pick(g, 2))
            emit_segchk(g, a);
        else if (pick(g, 2))
            emit_frame16(g);
        else
            emit_in_seg(g, 0xffff);
        break;
    default:
        if (pick(g, 2))
            ir_ldv(g->ir, offsetof(struct cpu, xmm_scratch), a, 4u << pick(g, 3));
        else
            ir_stv(g->ir, a, offsetof(struct cpu, xmm_scratch), 4u << pick(g, 3));
        break;
    }
}

static void emit_random(struct gen *g)
{
    switch (pick(g, 24)) {
    case 0:
    case 1: emit_memory(g); break;
    case 2: pick(g, 3) ? (void)0 : emit_call(g); break;
    case 3:
    case 4:
    case 5: pick(g, 2) ? emit_flags(g) : emit_flag_bits(g); break;
    case 6: keep(g, ir_getcc(g->ir, pick(g, 16))); break;
    case 7: emit_use(g); break;
    case 8: emit_field(g); break;
    case 9:
        if (pick(g, 4) == 0)
            ir_xcc(g->ir, pick(g, 16), 77);
        else if (pick(g, 4) == 0)
            ir_xif(g->ir, (enum ir_cond)pick(g, 10), value(g), value(g), 88);
        break;
    case 10:
    case 11:
    case 12:
    case 13:
    case 14: ir_set_reg(g->ir, pick(g, GPR_COUNT), value(g)); break;
    case 15:
    case 16: emit_insn_begin(g); break;
    default: emit_pure(g); break;
    }
}

static u32 random_mode(struct gen *g)
{
    return pick(g, 2) ? MODE_USER : 0;
}

static void emit_end(struct gen *g)
{
    switch (pick(g, 4)) {
    case 0: ir_xind(g->ir, value(g)); break;
    case 1: ir_xnext(g->ir, g->off + 3); break;
    default: ir_xjmp(g->ir, g->off + 3); break;
    }
}

static void random_block(struct ir *ir, u64 seed)
{
    static const struct gen_shape shape = {
        .reg_values = 4,
        .temps = 64,
        .consts = 8,
        .mode = random_mode,
        .op = emit_random,
        .end = emit_end,
    };
    gen_block(ir, &shape, seed);
}

static void random_block64(struct ir *ir, u64 seed)
{
    static const struct gen_shape shape = {
        .reg_values = 4,
        .temps = 64,
        .consts = 10,
        .mode = mode64,
        .op = emit_random64,
        .end = emit_end64,
    };
    gen_block(ir, &shape, seed);
}

struct outcome {
    u64 log;
    u64 gpr[GPR_COUNT];
    u64 eip;
    u32 flags, scratch[8];
    s64 budget;
    int result;
};

static void prepare64(struct cpu *cpu, u64 *seed)
{
    cpu->mode = LONG_MODE;
    cpu->tlb.wide = true;
    cpu->eip_mask = ~0ull;
    cpu->eip_page = 0xffffffff80005000;
    for (unsigned r = 0; r < GPR_COUNT; r++)
        cpu->gpr[r] = wide_value(seed);
    cpu->cc_op = rnd(seed) % (FK_COUNT * 4);
    cpu->cc_dst = wide_value(seed);
    cpu->cc_src = wide_value(seed);
    memset(&cpu->fpu, 0, sizeof(cpu->fpu));
    x87_init(&cpu->fpu);
    memset(cpu->xmm, 0, sizeof(cpu->xmm));
}

static void run_once(struct cpu *cpu, const struct ir *ir, u64 seed, struct outcome *o)
{
    volatile int result = -1;
    memset(o, 0, sizeof(*o));
    memset(cpu, 0, offsetof(struct cpu, seg));
    cpu->eip_mask = UINT32_MAX;
    for (unsigned r = 0; r < GPR_COUNT; r++)
        cpu->gpr[r] = rnd(&seed) >> (rnd(&seed) & 31);
    cpu->cc_op = rnd(&seed) % (FK_COUNT * 4);
    cpu->cc_op -= (cpu->cc_op & 3) == 3;
    cpu->cc_dst = rnd(&seed);
    cpu->cc_src = rnd(&seed);
    cpu->cc_aux = rnd(&seed) & 1;
    cpu->eip_page = 0x5000;
    if (ir->mode & MODE_CODE64)
        prepare64(cpu, &seed);
    cpu->budget = 1000;
    world_log = 0;
    world_faulted = false;
    world_fault_mask = seed & 1 ? 0 : 7;
    if (!sigsetjmp(world_unwind, 0))
        result = (int)interp_steps(cpu, ir, ir->ninsns);
    memcpy(o->gpr, cpu->gpr, sizeof(o->gpr));
    memcpy(o->scratch, cpu->scratch, sizeof(o->scratch));
    o->log = world_log;
    o->flags = world_flags(cpu);
    o->eip = cpu_eip(cpu);
    o->budget = cpu->budget + cpu->insn_left;
    o->result = result;
}

static void compare_random_blocks(void (*make)(struct ir *, u64 seed), u64 seeds)
{
    struct cpu *cpu = world_cpu();
    struct ir *a = new_ir(0), *b = new_ir(0);
    u32 before = 0, after = 0;
    for (u64 seed = 1; seed <= seeds; seed++) {
        struct outcome oa, ob;
        make(a, seed * 7919);
        assert_null(ir_verify(a));
        *b = *a;
        ir_optimize(b);
        const char *why = ir_verify(b);
        if (why) {
            print_ir("before:", a);
            print_ir("after:", b);
            fail_msg("seed %u: %s", (unsigned)seed, why);
        }
        for (u32 k = 0; k < 3; k++) {
            run_once(cpu, a, seed * 31 + k, &oa);
            run_once(cpu, b, seed * 31 + k, &ob);
            if (memcmp(&oa, &ob, sizeof(oa))) {
                print_ir("before:", a);
                print_ir("after:", b);
                fail_msg("seed %u: the optimized block behaves differently: log %d regs %d "
                         "flags %x %x eip %llx %llx scratch %d",
                         (unsigned)seed, oa.log != ob.log, memcmp(oa.gpr, ob.gpr, sizeof(oa.gpr)),
                         oa.flags, ob.flags, (unsigned long long)oa.eip, (unsigned long long)ob.eip,
                         memcmp(oa.scratch, ob.scratch, sizeof(oa.scratch)));
            }
        }
        before += a->nops;
        after += b->nops;
    }
    assert_true(after < before * 9 / 10);
    free(a);
    free(b);
    world_cpu_free(cpu);
}

static void random_blocks_behave_the_same(void **state)
{
    (void)state;
    compare_random_blocks(random_block, 40000);
}

static void random_blocks_of_64_bits_behave_the_same(void **state)
{
    (void)state;
    compare_random_blocks(random_block64, 40000);
}

/* -- patterns -- */

static void expect_text(struct ir *ir, const char *const *want)
{
    char line[160];
    u32 i = 0;
    assert_null(ir_verify(ir));
    ir_optimize(ir);
    assert_null(ir_verify(ir));
    for (; want[i] && i < ir->nops; i++) {
        if (strcmp(ir_text(ir, i, line, sizeof(line)), want[i])) {
            print_ir("got:", ir);
            assert_string_equal(line, want[i]);
        }
    }
    if (want[i] || i != ir->nops)
        print_ir("got:", ir);
    assert_null(want[i]);
    assert_int_equal(i, ir->nops);
    free(ir);
}

#define EXPECT(ir, ...) expect_text(ir, (const char *const[]){__VA_ARGS__, NULL})

/* add r, s as the lifter has it */
static void lift_add(struct ir *ir, u32 off, unsigned r, struct irv s)
{
    ir_insn_begin(ir, off, 2);
    struct irv t = ir_op2(ir, IR_ADD, ir_reg(r), s);
    ir_flags(ir, FK_ADD, 4, t, s, IR_NONE);
    ir_set_reg(ir, r, t);
}

static void result_goes_to_the_register(void **state)
{
    (void)state;
    struct ir *ir = new_ir(0);
    lift_add(ir, 0, EAX, ir_reg(EBX));
    ir_xjmp(ir, 2);
    EXPECT(ir, "insn +0x0, 2 bytes", "eax = add eax, ebx", "flags.4 add eax, ebx  ; exit",
           "xjmp 2");
}

static void flags_that_need_the_old_value_keep_it(void **state)
{
    (void)state;
    struct ir *ir = new_ir(0);
    lift_add(ir, 0, EAX, ir_reg(EAX));
    ir_xjmp(ir, 2);
    EXPECT(ir, "insn +0x0, 2 bytes", "t0 = add eax, eax", "flags.4 add t0, eax  ; exit",
           "eax = mov t0", "xjmp 2");
}

static void overwritten_flags_are_dropped(void **state)
{
    (void)state;
    struct ir *ir = new_ir(0);
    lift_add(ir, 0, EAX, ir_reg(EBX));
    lift_add(ir, 2, ECX, ir_const(1));
    ir_xjmp(ir, 4);
    EXPECT(ir, "insn +0x0, 2 bytes", "eax = add eax, ebx", "insn +0x2, 2 bytes",
           "ecx = add ecx, 0x1", "flags.4 add ecx, 0x1  ; exit", "xjmp 4");
}

static void flags_live_where_a_load_may_fault(void **state)
{
    (void)state;
    struct ir *ir = new_ir(0);
    lift_add(ir, 0, EAX, ir_reg(EBX));
    ir_insn_begin(ir, 2, 2);
    ir_set_reg(ir, EDX, ir_ld(ir, IR_LD, ir_lea(ir, ir_reg(EBP), IR_NONE, 0, 8), 4, 4));
    lift_add(ir, 4, EDX, ir_const(1));
    ir_xcc(ir, 4, 100);
    ir_xjmp(ir, 6);
    EXPECT(ir, "insn +0x0, 2 bytes", "eax = add eax, ebx", "flags.4 add eax, ebx  ; fault",
           "insn +0x2, 2 bytes", "edx = ld.4 [ebp+0xc]", "insn +0x4, 2 bytes", "edx = add edx, 0x1",
           "flags.4 add edx, 0x1  ; exit use", "xcc.e 100", "xjmp 6");
}

static void push_moves_the_stack_pointer_after_the_store(void **state)
{
    (void)state;
    struct ir *ir = new_ir(0);
    ir_insn_begin(ir, 0, 1);
    struct irv sp = ir_op2(ir, IR_SUB, ir_reg(ESP), ir_const(4));
    ir_st(ir, sp, 0, 4, ir_reg(EBP));
    ir_set_reg(ir, ESP, sp);
    ir_xjmp(ir, 1);
    EXPECT(ir, "insn +0x0, 1 bytes", "st.4 [esp+0xfffffffc], ebp", "esp = sub esp, 0x4", "xjmp 1");
}

static void pop_loads_the_register(void **state)
{
    (void)state;
    struct ir *ir = new_ir(0);
    ir_insn_begin(ir, 0, 1);
    struct irv v = ir_ld(ir, IR_LD, ir_reg(ESP), 0, 4);
    ir_set_reg(ir, ESP, ir_op2(ir, IR_ADD, ir_reg(ESP), ir_const(4)));
    ir_set_reg(ir, EBP, v);
    ir_xjmp(ir, 1);
    EXPECT(ir, "insn +0x0, 1 bytes", "ebp = ld.4 [esp]", "esp = add esp, 0x4", "xjmp 1");
}

static void exchange_needs_one_temporary(void **state)
{
    (void)state;
    struct ir *ir = new_ir(0);
    ir_insn_begin(ir, 0, 1);
    struct irv a = ir_copy(ir, ir_reg(EAX)), b = ir_copy(ir, ir_reg(EBX));
    ir_set_reg(ir, EAX, b);
    ir_set_reg(ir, EBX, a);
    ir_xjmp(ir, 1);
    EXPECT(ir, "insn +0x0, 1 bytes", "t0 = mov eax", "eax = mov ebx", "ebx = mov t0", "xjmp 1");
}

static void constants_flow_through_registers(void **state)
{
    (void)state;
    struct ir *ir = new_ir(0);
    ir_insn_begin(ir, 0, 2);
    struct irv t = ir_op2(ir, IR_XOR, ir_reg(EAX), ir_reg(EAX));
    ir_flags(ir, FK_LOGIC, 4, t, IR_NONE, IR_NONE);
    ir_set_reg(ir, EAX, t);
    ir_insn_begin(ir, 2, 3);
    ir_set_reg(ir, ECX, ir_setc(ir, IRC_EQ, ir_reg(EAX), ir_const(0)));
    ir_set_reg(ir, EDX, ir_getcc(ir, 2)); /* B */
    ir_set_reg(ir, EBX, ir_getcc(ir, 5)); /* NE */
    ir_xjmp(ir, 5);
    EXPECT(ir, "insn +0x0, 2 bytes", "flags.4 logic 0x0  ; exit", "eax = mov 0x0",
           "insn +0x2, 3 bytes", "ecx = mov 0x1", "edx = mov 0x0", "ebx = mov 0x0", "xjmp 5");
}

static void carry_after_inc_is_its_operand(void **state)
{
    (void)state;
    struct ir *ir = new_ir(0);
    for (u32 k = 0; k < 2; k++) {
        ir_insn_begin(ir, k, 1);
        struct irv c = ir_getcc(ir, 2);
        struct irv t = ir_op2(ir, IR_ADD, ir_reg(EAX), ir_const(1));
        ir_flags(ir, FK_INC, 4, t, c, IR_NONE);
        ir_set_reg(ir, EAX, t);
    }
    ir_xjmp(ir, 2);
    EXPECT(ir, "insn +0x0, 1 bytes", "t0 = getcc.b", "eax = add eax, 0x1", "insn +0x1, 1 bytes",
           "eax = add eax, 0x1", "flags.4 inc eax, t0  ; exit", "xjmp 2");
}

static void conditional_flags_do_not_kill(void **state)
{
    (void)state;
    struct ir *ir = new_ir(0);
    lift_add(ir, 0, EAX, ir_reg(EBX));
    ir_insn_begin(ir, 2, 2);
    ir_flags_if(ir, ir_reg(ECX), 4, FK_SHL, 4, ir_reg(EDX), ir_reg(ESI));
    ir_xjmp(ir, 4);
    EXPECT(ir, "insn +0x0, 2 bytes", "eax = add eax, ebx", "flags.4 add eax, ebx  ; exit",
           "insn +0x2, 2 bytes", "flagsif.4 shl edx, esi, -, ecx  ; exit", "xjmp 4");
}

/* A rotation through CF hands it on as a value; what the next one overwrites is not computed. */
static void carry_passes_from_rotation_to_rotation(void **state)
{
    (void)state;
    struct ir *ir = new_ir(0);
    for (u32 k = 0; k < 2; k++) {
        ir_insn_begin(ir, k, 1);
        struct irv a = ir_copy(ir, ir_reg(EAX)), carry = ir_getcc(ir, 2);
        struct irv t = ir_lea(ir, carry, a, 1, 0);
        ir_set_reg(ir, EAX, t);
        ir_flag_bits(ir, a, 31, ir_op2(ir, IR_XOR, t, a), 31);
    }
    ir_insn_begin(ir, 2, 1);
    ir_flag_bits(ir, ir_reg(EDX), 4, IR_NONE, 0); /* OF is the second rotation's */
    ir_xjmp(ir, 3);
    EXPECT(ir, "insn +0x0, 1 bytes", "t0 = mov eax", "t1 = getcc.b", "eax = lea t1, eax << 1 + 0x0",
           "insn +0x1, 1 bytes", "t4 = mov eax", "t5 = shr t0, 0x1f",
           "eax = lea t5, eax << 1 + 0x0", "t7 = xor eax, t4", "flagbits.31.31 -, t7  ; exit",
           "insn +0x2, 1 bytes", "flagbits.4.0 edx  ; exit", "xjmp 3");
}

/* What may leave instead of rotating stays, although nobody looks at its flags any more. */
static void a_folded_carry_keeps_what_may_leave(void **state)
{
    (void)state;
    struct ir *ir = new_ir(0);
    ir_insn_begin(ir, 0, 2);
    ir_flag_bits_if(ir, ir_reg(ECX), 2, ir_reg(EDX), 0, ir_reg(EDX), 31);
    ir_insn_begin(ir, 2, 1);
    struct irv carry = ir_getcc(ir, 2);
    ir_flags(ir, FK_INC, 4, ir_reg(EBX), carry, IR_NONE);
    ir_xjmp(ir, 3);
    EXPECT(ir, "insn +0x0, 2 bytes", "flagbitsif.0.31 -, -, -, ecx  ; use", "insn +0x2, 1 bytes",
           "t0 = and edx, 0x1", "flags.4 inc ebx, t0  ; exit", "xjmp 3");
}

static void byte_operands_lose_their_extensions(void **state)
{
    (void)state;
    struct ir *ir = new_ir(0);
    ir_insn_begin(ir, 0, 2);
    struct irv b = ir_op1(ir, IR_EXT8U, ir_reg(EBX));
    struct irv t = ir_op2(ir, IR_ADD, ir_op1(ir, IR_EXT8U, ir_reg(EAX)), b);
    ir_st(ir, ir_reg(ESI), 0, 1, ir_op1(ir, IR_EXT8U, t));
    ir_flags(ir, FK_ADD, 1, t, b, IR_NONE);
    ir_xjmp(ir, 2);
    EXPECT(ir, "insn +0x0, 2 bytes", "t0 = ext8u ebx", "t1 = ext8u eax", "t2 = add t1, t0",
           "st.1 [esi], t2", "flags.1 add t2, ebx  ; exit", "xjmp 2");
}

static void a_store_keeps_register_writes_in_place(void **state)
{
    (void)state;
    struct ir *ir = new_ir(0);
    ir_insn_begin(ir, 0, 2);
    struct irv t = ir_op2(ir, IR_ADD, ir_reg(EAX), ir_reg(EBX));
    ir_st(ir, ir_reg(ESI), 0, 4, t);
    ir_set_reg(ir, EAX, t);
    ir_xjmp(ir, 2);
    EXPECT(ir, "insn +0x0, 2 bytes", "t0 = add eax, ebx", "st.4 [esi], t0", "eax = mov t0",
           "xjmp 2");
}

/* Translation costs: the bound is generous, it is there to catch a quadratic pass. */
static void cost_is_linear(void **state)
{
    struct ir *ir = new_ir(0), *work = new_ir(0);
    struct timespec t0, t1;
    (void)state;
    for (u32 i = 0; ir->nops < IR_MAX_OPS - 8; i++) {
        lift_add(ir, i % 4000, i % 8, ir_reg((i + 3) % 8));
        if (i % 4 == 0)
            ir_st(ir, ir_reg(ESP), 4, 4, ir_reg(EAX));
    }
    ir_xjmp(ir, 1);
    double best = 1e9;
    for (u32 k = 0; k < 20; k++) {
        *work = *ir;
        clock_gettime(CLOCK_MONOTONIC, &t0);
        ir_optimize(work);
        clock_gettime(CLOCK_MONOTONIC, &t1);
        double ns = (double)(t1.tv_sec - t0.tv_sec) * 1e9 + (double)(t1.tv_nsec - t0.tv_nsec);
        best = ns < best ? ns : best;
    }
    print_message("%.1f ns an op\n", best / ir->nops);
    assert_true(best / ir->nops < 2000);
    free(ir);
    free(work);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(result_goes_to_the_register),
        cmocka_unit_test(flags_that_need_the_old_value_keep_it),
        cmocka_unit_test(overwritten_flags_are_dropped),
        cmocka_unit_test(flags_live_where_a_load_may_fault),
        cmocka_unit_test(push_moves_the_stack_pointer_after_the_store),
        cmocka_unit_test(pop_loads_the_register),
        cmocka_unit_test(exchange_needs_one_temporary),
        cmocka_unit_test(constants_flow_through_registers),
        cmocka_unit_test(carry_after_inc_is_its_operand),
        cmocka_unit_test(conditional_flags_do_not_kill),
        cmocka_unit_test(carry_passes_from_rotation_to_rotation),
        cmocka_unit_test(a_folded_carry_keeps_what_may_leave),
        cmocka_unit_test(byte_operands_lose_their_extensions),
        cmocka_unit_test(a_store_keeps_register_writes_in_place),
        cmocka_unit_test(random_blocks_behave_the_same),
        cmocka_unit_test(random_blocks_of_64_bits_behave_the_same),
        cmocka_unit_test(cost_is_linear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
