/* The interpreter: every operation through the back end's own interface, memory through the TLB
 * and past it, budget and position exact at every way out, chaining, the jump cache, stepping. */
#include "tests/unit/ir_world.h"

#include <time.h>

struct world {
    struct cpu *cpu;
    void *be;
    struct ir ir;
    struct block blocks[4];
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    const char *why = NULL;
    w->cpu = world_cpu();
    w->be = backend_interp.init(NULL, 1 << 20, &why);
    if (!w->be)
        return -1;
    world_log = 0;
    world_fault_mask = 0;
    world_io = world_faulted = false;
    world_fault_at = 0;
    world_writes = 0;
    w->cpu->budget = 100;
    w->cpu->icount_end = 100;
    w->cpu->eip_page = 0x7000;
    w->cpu->eip = 0x7010;
    w->cpu->jump_tag = 5 << JUMP_TAG_SHIFT;
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    backend_interp.free(w->be);
    for (unsigned i = 0; i < ARRAY_LEN(w->blocks); i++)
        free(w->blocks[i].exits);
    world_cpu_free(w->cpu);
    free(w);
    return 0;
}

static struct ir *begin(struct world *w)
{
    ir_begin(&w->ir, 0);
    return &w->ir;
}

/* Compiles w->ir as block n at page offset off. */
static struct block *compile(struct world *w, unsigned n, u32 off)
{
    struct block *b = &w->blocks[n];
    assert_null(ir_verify(&w->ir));
    b->pa = 0x123000 + off;
    b->pa2 = ~(paddr)0;
    b->ninsns = (u16)w->ir.ninsns;
    b->valid = true;
    assert_true(backend_interp.compile(w->be, w->cpu, &w->ir, b));
    return b;
}

static enum run_result run(struct world *w, struct block *b, struct block_exit **exit)
{
    struct block_exit *none;
    return backend_interp.run(w->be, w->cpu, b, exit ? exit : &none);
}

static void run_ir(struct world *w)
{
    assert_int_equal(interp_steps(w->cpu, &w->ir, w->ir.ninsns), RUN_NEXT);
}

static void put_page(struct world *w, bool user, enum access acc, laddr page, u8 *host)
{
    w->cpu->tlb.e[user][acc][page >> PAGE_BITS].addend = (u64)(uintptr_t)host - page + TLB_VALID;
}

static void arithmetic(void **state)
{
    struct world *w = *state;
    struct ir *ir = begin(w);
    struct irv lo, hi;
    w->cpu->gpr[EAX] = 0x81234567;
    w->cpu->gpr[EBX] = 0x89abcdef;
    ir_insn_begin(ir, 0x10, 1);
    struct irv eax = ir_reg(EAX), ebx = ir_reg(EBX);
    ir_sts(ir, offsetof(struct cpu, scratch[0]), 4, ir_op2(ir, IR_SUB, eax, ebx));
    ir_sts(ir, offsetof(struct cpu, scratch[1]), 4, ir_lea(ir, eax, ebx, 3, 5));
    ir_sts(ir, offsetof(struct cpu, scratch[2]), 4, ir_op2(ir, IR_DEP16, eax, ebx));
    ir_sts(ir, offsetof(struct cpu, scratch[3]), 2, ir_op1(ir, IR_EXT8S, ebx));
    ir_sts(ir, offsetof(struct cpu, scratch[4]), 1, ir_setc(ir, IRC_GTS, eax, ebx));
    ir_sts(ir, offsetof(struct cpu, scratch[5]), 4, ir_sel(ir, IRC_LTU, eax, ebx, eax, ebx));
    ir_sts(ir, offsetof(struct cpu, scratch[6]), 4, ir_op2(ir, IR_SAR, eax, ir_const(36)));
    ir_sts(ir, offsetof(struct cpu, scratch[7]), 4, ir_pcrel(ir, 0x22));
    ir_mul2(ir, IR_SMUL2, eax, ebx, &lo, &hi);
    ir_set_reg(ir, ECX, lo);
    ir_set_reg(ir, EDX, hi);
    ir_set_reg(ir, ESI, ir_lds(ir, offsetof(struct cpu, scratch[0]), 2));
    ir_xjmp(ir, 0x11);
    run_ir(w);
    const u32 *s = w->cpu->scratch;
    s64 product = (s64)(s32)0x81234567 * (s32)0x89abcdef;
    assert_int_equal(s[0], 0x81234567u - 0x89abcdefu);
    assert_int_equal(s[1], 0x81234567u + (0x89abcdefu << 3) + 5);
    assert_int_equal(s[2], 0x8123cdef);
    assert_int_equal(s[3], 0xffef);
    assert_int_equal(s[4], 0);
    assert_int_equal(s[5], 0x81234567);
    assert_int_equal(s[6], 0xf8123456);
    assert_int_equal(s[7], 0x7022);
    assert_int_equal(w->cpu->gpr[ECX], (u32)product);
    assert_int_equal(w->cpu->gpr[EDX], (u32)((u64)product >> 32));
    assert_int_equal(w->cpu->gpr[ESI], (0x81234567u - 0x89abcdefu) & 0xffff);
    assert_int_equal(w->cpu->eip, 0x7011);
}

static void memory_through_the_tlb(void **state)
{
    struct world *w = *state;
    struct ir *ir = begin(w);
    static u8 page[PAGE_SIZE];
    static const u8 bytes[8] = {0x80, 0x91, 0xa2, 0xb3, 0xc4, 0xd5, 0xe6, 0xf7};
    memcpy(page + 0xff8, bytes, 8);
    put_page(w, false, ACCESS_READ, 0x40000, page);
    put_page(w, false, ACCESS_WRITE, 0x40000, page);
    w->cpu->gpr[EBX] = 0x40ff0;
    ir_insn_begin(ir, 0x10, 1);
    ir_set_reg(ir, EAX, ir_ld(ir, IR_LD, ir_reg(EBX), 0xc, 4)); /* up to the page's last byte */
    ir_set_reg(ir, ECX, ir_ld(ir, IR_LDSX, ir_reg(EBX), 8, 1));
    ir_set_reg(ir, EDX, ir_ld(ir, IR_LDRMW, ir_reg(EBX), 9, 2));
    ir_st(ir, ir_reg(EBX), 0, 2, ir_const(0x11223344));
    ir_ldv(ir, offsetof(struct cpu, xmm_scratch), ir_lea(ir, ir_reg(EBX), IR_NONE, 0, 8), 8);
    ir_stv(ir, ir_reg(EBX), offsetof(struct cpu, xmm_scratch), 4);
    ir_st(ir, ir_reg(EBX), 0, 1, ir_const(0xee));
    ir_xjmp(ir, 0x11);
    run_ir(w);
    assert_int_equal(w->cpu->gpr[EAX], 0xf7e6d5c4);
    assert_int_equal(w->cpu->gpr[ECX], 0xffffff80);
    assert_int_equal(w->cpu->gpr[EDX], 0xa291);
    assert_true(w->cpu->xmm_scratch.q[0] == 0xf7e6d5c4b3a29180u);
    assert_int_equal(page[0xff0], 0xee);
    assert_int_equal(page[0xff1], 0x91);
    assert_int_equal(world_log, 0); /* no slow path */
}

/* Each way to miss the short way: crossing, no write permission, the other privilege. */
static void memory_past_the_tlb(void **state)
{
    struct world *w = *state;
    static u8 page[PAGE_SIZE];
    put_page(w, false, ACCESS_READ, 0x40000, page);
    for (unsigned k = 0; k < 6; k++) {
        struct ir *ir = begin(w);
        ir_insn_begin(ir, 0x10, 1);
        switch (k) {
        case 0: ir_ld(ir, IR_LD, ir_const(0x40ffd), 0, 4); break;
        case 1: ir_ld(ir, IR_LDRMW, ir_const(0x40010), 0, 4); break;
        case 2: ir_st(ir, ir_const(0x40010), 0, 4, ir_const(0xabcd)); break;
        case 3:
            ir->mode = MODE_USER;
            ir_ld(ir, IR_LD, ir_const(0x40010), 0, 4);
            break;
        case 4: ir_ldv(ir, offsetof(struct cpu, xmm_scratch), ir_const(0x40ff9), 8); break;
        default: ir_stv(ir, ir_const(0x40010), offsetof(struct cpu, xmm_scratch), 16); break;
        }
        ir_xjmp(ir, 0x11);
        world_last.la = 0;
        run_ir(w);
        assert_int_equal(world_last.la & ~0xfffu, 0x40000);
    }
    /* a supervisor access from user code uses the supervisor's entry */
    struct ir *ir = begin(w);
    ir->mode = MODE_USER;
    ir_insn_begin(ir, 0x10, 1);
    ir_ld(ir, IR_LD, ir_const(0x40010), 0, 4);
    ir->ops[ir->nops - 1].cc = 1;
    ir_st(ir, ir_const(0x40010), 0, 4, ir_const(1));
    ir->ops[ir->nops - 1].cc = 1;
    ir_xjmp(ir, 0x11);
    world_last.la = 0;
    world_last.user = true;
    world_writes = 0;
    run_ir(w);
    assert_int_equal(world_writes, 1);
    assert_false(world_last.user);
}

static void segment_check(void **state)
{
    struct world *w = *state;
    static const struct {
        u32 off, size;
        bool write, passes;
    } cases[] = {
        {0xfff, 1, false, true}, {0x1000, 1, false, false},     {0xffd, 4, false, false},
        {0xffc, 4, false, true}, {0xffffffff, 4, false, false}, {0, 1, true, false},
    };
    w->cpu->seg[SEG_DS].limit_r = 0xfff;
    w->cpu->seg[SEG_DS].limit_w = -1;
    for (unsigned k = 0; k < ARRAY_LEN(cases); k++) {
        struct ir *ir = begin(w);
        ir_insn_begin(ir, 0x10, 1);
        ir_segchk(ir, SEG_DS, ir_const(cases[k].off), cases[k].size, cases[k].write);
        ir_xjmp(ir, 0x11);
        world_log = 0;
        run_ir(w);
        assert_int_equal(world_log == 0, cases[k].passes);
    }
}

static void flags_and_conditions(void **state)
{
    struct world *w = *state;
    struct ir *ir = begin(w);
    w->cpu->gpr[ECX] = 5;
    ir_insn_begin(ir, 0x10, 1);
    ir_flags(ir, FK_CMP, 1, ir_const(0x105), ir_reg(ECX), IR_NONE); /* 5 - 5 in 8 bits */
    ir_set_reg(ir, EAX, ir_getcc(ir, 4));
    ir_set_reg(ir, EBX, ir_selcc(ir, 5, ir_const(1), ir_const(2)));
    ir_set_reg(ir, EDX, ir_getfl(ir));
    ir_flags_if(ir, ir_reg(ECX), 0x99, FK_ADC, 4, ir_const(0), ir_const(0xffffffff));
    ir_set_reg(ir, EDI, ir_getfl(ir));
    ir_xjmp(ir, 0x11);
    w->cpu->cc_aux = 1;
    run_ir(w);
    assert_int_equal(w->cpu->gpr[EAX], 1);
    assert_int_equal(w->cpu->gpr[EBX], 2);
    assert_int_equal(w->cpu->gpr[EDX], FLAG_ZF | FLAG_PF);
    assert_int_equal(w->cpu->gpr[EDI], FLAG_ZF | FLAG_PF | FLAG_CF | FLAG_AF);
}

/* CF and OF from elsewhere, until the next definition of all; and leaving where the count is 0. */
static void carry_and_overflow_alone(void **state)
{
    struct world *w = *state;
    struct ir *ir = begin(w);
    w->cpu->gpr[ECX] = 0x40;
    w->cpu->gpr[EBP] = 32; /* 0 of 31 */
    ir_insn_begin(ir, 0x10, 1);
    ir_flags(ir, FK_LOGIC, 4, ir_const(0), IR_NONE, IR_NONE);
    ir_flag_bits(ir, ir_reg(ECX), 6, IR_NONE, 0);
    ir_set_reg(ir, EAX, ir_getfl(ir));
    ir_flag_bits(ir, IR_NONE, 0, ir_const(0x800), 11);
    ir_flag_bits_if(ir, ir_reg(ECX), 0x99, ir_reg(ECX), 5, IR_NONE, 0); /* 0x40: leaves */
    ir_set_reg(ir, EBX, ir_const(7));
    ir_xjmp(ir, 0x11);
    run_ir(w);
    assert_int_equal(w->cpu->gpr[EAX], FLAG_ZF | FLAG_PF | FLAG_CF);
    assert_int_equal(cpu_arith_flags(w->cpu), FLAG_ZF | FLAG_PF | FLAG_CF | FLAG_OF);
    assert_int_not_equal(w->cpu->gpr[EBX], 7);
    assert_int_equal(w->cpu->eip & PAGE_MASK, 0x99);
}

/* Every helper gets its arguments and gives its value, whatever its signature. */
static void calls(void **state)
{
    struct world *w = *state;
    unsigned signatures = 0;
    for (unsigned h = 0; h < HELPER_COUNT; h++) {
        const u32 narrow[4] = {0x80000001, 0xffffffff, 3, 0x12345678};
        unsigned n = helper_info[h].nargs;
        u64 a[4];
        struct irv v[4] = {IR_NONE, IR_NONE, IR_NONE, IR_NONE};
        struct ir *ir = begin(w);
        signatures |= 1u << (n * 2 + helper_info[h].returns);
        for (unsigned k = 0; k < n; k++)
            v[k] = ir_const(narrow[k]);
        for (unsigned k = 0; k < 4; k++) /* constants of 64 bits are sign-extended */
            a[k] = helper_info[h].wide ? (u64)(s64)(s32)narrow[k] : narrow[k];
        ir_insn_begin(ir, 0x10, 1);
        struct irv d = ir_call(ir, (enum helper)h, v[0], v[1], v[2], v[3]);
        if (helper_info[h].returns)
            ir_sts(ir, offsetof(struct cpu, scratch[0]), 4, d);
        ir_xjmp(ir, 0x11);
        memset(w->cpu->gpr, 0, sizeof(w->cpu->gpr));
        world_log = 99;
        w->cpu->cc_op = 0;
        w->cpu->cc_src = 0;
        w->cpu->budget = 100;
        run_ir(w);
        u64 got = world_log;
        u32 result = w->cpu->scratch[0];
        memset(w->cpu->gpr, 0, sizeof(w->cpu->gpr));
        world_log = 99;
        w->cpu->cc_op = 0;
        w->cpu->cc_src = 0;
        w->cpu->budget = 99; /* as inside the call: one instruction taken, not retired */
        w->cpu->insn_left = 1;
        u32 want = (u32)fake_helper(w->cpu, (enum helper)h, n > 0 ? a[0] : 0, n > 1 ? a[1] : 0,
                                    n > 2 ? a[2] : 0, n > 3 ? a[3] : 0);
        w->cpu->insn_left = 0;
        assert_true(got == world_log);
        if (helper_info[h].returns)
            assert_int_equal(result, want);
    }
    assert_true(signatures & (signatures - 1)); /* more than one was tried */
}

/* n instructions that add 1 to EAX each, then leave to page offset `to` */
static void counting_block(struct ir *ir, u32 off, u32 n, s32 to)
{
    ir_begin(ir, 0);
    for (u32 k = 0; k < n; k++) {
        ir_insn_begin(ir, off + k, 1);
        ir_set_reg(ir, EAX, ir_op2(ir, IR_ADD, ir_reg(EAX), ir_const(1)));
    }
    ir_xjmp(ir, to);
}

static void budget_and_chaining(void **state)
{
    struct world *w = *state;
    struct block_exit *exit = NULL;
    counting_block(&w->ir, 0x10, 3, 0x20);
    struct block *a = compile(w, 0, 0x10);
    counting_block(&w->ir, 0x20, 4, 0x10);
    struct block *b = compile(w, 1, 0x20);
    assert_int_equal(run(w, a, &exit), RUN_NEXT);
    assert_ptr_equal(exit, &a->exits[0]);
    assert_int_equal(exit->page_off, 0x20);
    assert_int_equal(w->cpu->eip, 0x7020);
    assert_int_equal(w->cpu->budget, 97);
    backend_interp.chain(w->be, &a->exits[0], b);
    backend_interp.chain(w->be, &b->exits[0], a);
    w->cpu->eip = 0x7010;
    w->cpu->eip_page = 1; /* run() knows better */
    assert_int_equal(run(w, a, &exit), RUN_BUDGET);
    /* 97 = 13 * 7 + 3 + 3: block a fits once more, b does not */
    assert_int_equal(w->cpu->budget, 3);
    assert_int_equal(w->cpu->eip, 0x7020);
    assert_int_equal(w->cpu->gpr[EAX], 97);
    assert_int_equal(w->cpu->insn_left, 0);
    assert_int_equal(w->cpu->in_block, 0);
    backend_interp.unchain(w->be, &b->exits[0]);
    w->cpu->budget = 50;
    assert_int_equal(run(w, b, &exit), RUN_NEXT);
    assert_ptr_equal(exit, &b->exits[0]);
}

static void side_exits_give_back(void **state)
{
    struct world *w = *state;
    struct block_exit *exit;
    struct ir *ir = begin(w);
    for (u32 k = 0; k < 4; k++) {
        ir_insn_begin(ir, 0x10 + k, 1);
        ir_xif(ir, IRC_EQ, ir_reg(ECX), ir_const(k), k == 1 ? 0x1000 : 0x40 + (s32)k);
    }
    ir_xind(ir, ir_const(0x9008));
    struct block *a = compile(w, 0, 0x10);
    assert_int_equal(a->nexits, 3); /* the one out of the page is none */
    for (u32 k = 0; k <= 4; k++) {
        w->cpu->gpr[ECX] = k;
        w->cpu->budget = 10;
        w->cpu->eip = 0x7010;
        assert_int_equal(run(w, a, &exit), RUN_NEXT);
        assert_int_equal(w->cpu->budget, 10 - (k < 4 ? k + 1 : 4));
        assert_int_equal(w->cpu->eip, k == 4 ? 0x9008 : k == 1 ? 0x8000 : 0x7040 + k);
        if (k == 1 || k == 4)
            assert_null(exit);
        else
            assert_int_equal(exit->page_off, 0x40 + k);
    }
}

static void indirect_exits_use_the_jump_cache(void **state)
{
    struct world *w = *state;
    struct ir *ir = begin(w);
    ir_insn_begin(ir, 0x10, 1);
    ir_xind(ir, ir_const(0x9008));
    struct block *a = compile(w, 0, 0x10);
    ir = begin(w);
    ir_insn_begin(ir, 8, 1);
    ir_set_reg(ir, EDX, ir_pcrel(ir, 0xc));
    ir_xloop(ir);
    struct block *b = compile(w, 1, 8);
    world_jump_entry(w->cpu, 0x9008, b);
    assert_int_equal(run(w, a, NULL), RUN_EVENT);
    assert_int_equal(w->cpu->gpr[EDX], 0x900c);
    assert_int_equal(w->cpu->budget, 98);
    w->cpu->jump_tag = 6 << JUMP_TAG_SHIFT; /* another mode: the entry is void */
    w->cpu->eip = 0x7010;
    assert_int_equal(run(w, a, NULL), RUN_NEXT);
    assert_int_equal(w->cpu->eip, 0x9008);
}

static void stepping_stops_anywhere(void **state)
{
    struct world *w = *state;
    for (u32 n = 0; n <= 6; n++) {
        u32 ran = n < 5 ? n : 5;
        counting_block(&w->ir, 0x10, 5, 0x50);
        w->cpu->budget = 10;
        w->cpu->gpr[EAX] = 0;
        assert_int_equal(interp_steps(w->cpu, &w->ir, n), RUN_NEXT);
        assert_int_equal(w->cpu->gpr[EAX], ran);
        assert_int_equal(w->cpu->budget, 10 - ran);
        assert_int_equal(w->cpu->eip, n < 5 ? 0x7010 + n : 0x7050);
        assert_int_equal(w->cpu->insn_left, 0);
    }
}

static void device_access_stops_at_the_boundary(void **state)
{
    struct world *w = *state;
    struct ir *ir = begin(w);
    for (u32 k = 0; k < 3; k++) {
        ir_insn_begin(ir, 0x10 + k, 1);
        ir_st(ir, ir_const(0xb8000), 0, 1, ir_const(k));
    }
    ir_xjmp(ir, 0x13);
    world_io = true;
    assert_int_equal(interp_steps(w->cpu, ir, 3), RUN_EVENT);
    assert_int_equal(world_writes, 1);
    assert_int_equal(w->cpu->eip, 0x7011);
    assert_int_equal(w->cpu->budget, 99);
    assert_int_equal(w->cpu->io_done, 0);
    /* the last instruction of a block: chained or not, the loop is asked */
    counting_block(&w->ir, 0x20, 1, 0x10);
    struct block *b = compile(w, 1, 0x20);
    ir = begin(w);
    ir_insn_begin(ir, 0x10, 1);
    ir_st(ir, ir_const(0xb8000), 0, 1, ir_const(0));
    ir_xjmp(ir, 0x20);
    struct block *a = compile(w, 0, 0x10);
    backend_interp.chain(w->be, &a->exits[0], b);
    w->cpu->eip = 0x7010;
    assert_int_equal(run(w, a, NULL), RUN_EVENT);
    assert_int_equal(w->cpu->eip, 0x7020);
    assert_int_equal(w->cpu->gpr[EAX], 0);
}

static void faults_find_exact_state(void **state)
{
    struct world *w = *state;
    struct ir *ir = begin(w);
    for (u32 k = 0; k < 3; k++) {
        ir_insn_begin(ir, 0x10 + 2 * k, 2);
        if (k == 1)
            ir_ld(ir, IR_LD, ir_const(0x1234), 0, 4);
        ir_set_reg(ir, EAX, ir_const(k + 1));
    }
    ir_xjmp(ir, 0x16);
    struct block *a = compile(w, 0, 0x10);
    world_fault_at = 0x1234;
    if (!sigsetjmp(world_unwind, 0))
        run(w, a, NULL);
    assert_true(world_faulted);
    assert_int_equal(w->cpu->gpr[EAX], 1);
    assert_int_equal(w->cpu->insn_off, 0x12);
    assert_int_equal(w->cpu->insn_left, 2);
    assert_int_equal(cpu_eip(w->cpu), 0x7012);
    assert_int_equal(cpu_icount(w->cpu), 1);
}

static void discarded_code_may_still_run(void **state)
{
    struct world *w = *state;
    counting_block(&w->ir, 0x10, 3, 0x20);
    struct block *a = compile(w, 0, 0x10);
    u64 used = backend_interp.code_used(w->be);
    assert_true(used > 0);
    counting_block(&w->ir, 0x20, 3, 0x20);
    struct block *b = compile(w, 1, 0x20);
    backend_interp.discard(w->be, a);
    assert_true(backend_interp.code_used(w->be) > used); /* kept */
    w->cpu->eip = 0x7020;
    run(w, b, NULL);
    assert_int_equal(backend_interp.code_used(w->be), used);
    backend_interp.discard_all(w->be);
    assert_int_equal(backend_interp.code_used(w->be), 0);
}

static void full_cache_is_reported(void **state)
{
    struct world *w = *state;
    const char *why;
    struct block b = {.pa = 0x10};
    void *be = backend_interp.init(NULL, 300, &why);
    counting_block(&w->ir, 0x10, 1, 0x20);
    assert_true(backend_interp.compile(be, w->cpu, &w->ir, &b));
    free(b.exits);
    counting_block(&w->ir, 0x10, 20, 0x20);
    assert_false(backend_interp.compile(be, w->cpu, &w->ir, &b));
    backend_interp.free(be);
}

/* Not a bound, a measurement: what the portable back end costs */
static void speed(void **state)
{
    struct world *w = *state;
    struct timespec t0, t1;
    struct ir *ir = begin(w);
    struct irv t;
    for (u32 k = 0; k < 4; k++) {
        ir_insn_begin(ir, 0x10 + k, 1);
        t = ir_op2(ir, IR_ADD, ir_reg(EAX), ir_const(1));
        ir_flags(ir, FK_ADD, 4, t, ir_const(1), IR_NONE);
        ir_set_reg(ir, EAX, t);
    }
    ir_insn_begin(ir, 0x14, 1);
    ir_xcc(ir, 5, 0x10);
    ir_xjmp(ir, 0x15);
    ir_optimize(ir);
    struct block *a = compile(w, 0, 0x10);
    backend_interp.chain(w->be, &a->exits[0], a);
    w->cpu->budget = 5000000;
    clock_gettime(CLOCK_MONOTONIC, &t0);
    assert_int_equal(run(w, a, NULL), RUN_BUDGET);
    clock_gettime(CLOCK_MONOTONIC, &t1);
    double ns = (double)(t1.tv_sec - t0.tv_sec) * 1e9 + (double)(t1.tv_nsec - t0.tv_nsec);
    print_message("%.2f ns a guest instruction\n", ns / 5e6);
    assert_int_equal(w->cpu->gpr[EAX], 4000000);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(arithmetic),
        T(memory_through_the_tlb),
        T(memory_past_the_tlb),
        T(segment_check),
        T(flags_and_conditions),
        T(carry_and_overflow_alone),
        T(calls),
        T(budget_and_chaining),
        T(side_exits_give_back),
        T(indirect_exits_use_the_jump_cache),
        T(stepping_stops_anywhere),
        T(device_access_stops_at_the_boundary),
        T(faults_find_exact_state),
        T(discarded_code_may_still_run),
        T(full_cache_is_reported),
        T(speed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
