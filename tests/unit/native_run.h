/* Running blocks of IR by the host's own back end and by the interpreter, and comparing: both must
 * leave the same registers, flags, memory and position, and every access, helper call and fault on
 * the way must see the same state. For tests, with ir_world.h. */
#ifndef TESTS_NATIVE_RUN_H
#define TESTS_NATIVE_RUN_H

#include "tests/unit/ir_gen64.h"
#include "tests/unit/number_values.h"

#ifdef __x86_64__
#include "jit/x64/x64.h"
#endif

static const struct backend *native;

/* There is no run loop here. */
void *jit_resume(struct cpu *cpu)
{
    (void)cpu;
    return NULL;
}

static u8 ram[RAM_PAGES][PAGE_SIZE];

struct outcome {
    u64 log, ram;
    u64 gpr[GPR_COUNT];
    u64 eip, eip_page;
    u32 flags, scratch[8], mxcsr;
    union xmm xmm[16];
    u64 x87[2][8]; /* registers, the rest */
    u64 fip, fdp;
    s64 budget;
    int result;
    int exit;
};

/* Where nothing is granted, the wide entry is another page's. Not inline, for a fault of gcc 12
 * (ivopts), not of ours: in the caller's loop it would reckon the entries' address from that of the
 * tags, which are half their size, as twice that less the CPU's, relative to a pointer of value 0.
 * That points to nothing, its analysis of aliases then finds, so the caller has no effects. */
static __attribute__((noinline)) void fill_page(struct cpu *cpu, laddr la, u32 user, u32 acc,
                                                u64 addend)
{
    if (cpu->tlb.wide) {
        cpu->tlb.e64[user][acc][tlb_index(la)].addend = addend ? addend : TLB_VALID;
        cpu->tlb.tag[user][acc][tlb_index(la)] = (u32)(la >> 32) ^ (addend ? 0 : 0x15555);
    } else {
        cpu->tlb.e[user][acc][tlb_index(la)].addend = addend;
    }
}

/* Page 0 is readable and writable, 1 readable, 2 and 3 by their privilege. Only the tables that
 * are to be used grant anything. */
static void fill_tlb(struct cpu *cpu, bool grant)
{
    static const u8 grants[RAM_PAGES][2] = {{3, 3}, {1, 1}, {3, 0}, {0, 3}};
    for (u32 n = 0; n < RAM_PAGES * (cpu->tlb.wide ? ARRAY_LEN(ram_bases) : 1); n++) {
        u32 p = n % RAM_PAGES;
        laddr la = ram_bases[n / RAM_PAGES] + p * PAGE_SIZE;
        for (u32 user = 0; user < 2; user++) {
            for (u32 acc = ACCESS_READ; acc <= ACCESS_WRITE; acc++) {
                bool ok = grant && (grants[p][user] >> acc & 1);
                fill_page(cpu, la, user, acc, ok ? (u64)(uintptr_t)ram[p] - la + TLB_VALID : 0);
            }
        }
    }
}

/* Some windows show all, some a page, some nothing. */
static void fill_windows(struct cpu *cpu, u64 *seed)
{
    for (unsigned n = 0; n < TLB_WINDOWS; n++) {
        u32 pages = (const u8[]){0, 1, 2, 4}[rnd(seed) & 3], first = n & 1 && pages < 4 ? 1 : 0;
        struct tlb_window *w = &cpu->tlb.window[n];
        *w = (struct tlb_window){.host = (u64)(uintptr_t)ram[first], .lo = first * PAGE_SIZE};
        for (unsigned k = 0; k < 3 && pages; k++)
            w->end[k] = pages * PAGE_SIZE - (1u << k) + 1;
        w->bytes = w->bytes16 = pages * PAGE_SIZE;
    }
}

static u64 ram_hash(void)
{
    u64 h = 0, v;
    for (u32 p = 0; p < RAM_PAGES; p++) {
        for (u32 i = 0; i < PAGE_SIZE; i += 8) {
            memcpy(&v, &ram[p][i], 8);
            h = mix(h, v);
        }
    }
    return h;
}

static u64 lanes(u64 *seed)
{
    u64 v = (u64)rnd(seed) << 32 | rnd(seed);
    return rnd(seed) & 1 ? v : number_values[v % ARRAY_LEN(number_values)];
}

/* Numbers of all kinds, rarely with a full or an empty stack. */
static void prepare_x87(struct x87 *f, u64 *seed)
{
    static const u16 exponents[] = {0, 1, 0x7fff, 0x3fff, 0x3fff, 0x403e, 0x3f81, 0x407f};
    memset(f, 0, sizeof(*f));
    for (unsigned i = 0; i < 8; i++) {
        f->st[i].sig = lanes(seed) | (rnd(seed) % 8 ? F80_INT_BIT : 0);
        f->st[i].se = (u16)(exponents[rnd(seed) % 8] | (rnd(seed) & 0x8000));
        if (rnd(seed) % 2)
            f->st[i].se = (u16)(0x3ff0 + rnd(seed) % 32);
    }
    f->fcw = (u16)(FCW_INIT & ~(3u << FCW_PC_SHIFT)) | (u16)((rnd(seed) & 0xf) << FCW_PC_SHIFT);
    f->fsw = (u16)(rnd(seed) & (FSW_TOP | FSW_C0 | FSW_C1 | FSW_C2 | FSW_C3));
    f->empty = (u8)(rnd(seed) & rnd(seed));
}

static void copy_x87(const struct x87 *f, struct outcome *o)
{
    for (unsigned i = 0; i < 8; i++) {
        o->x87[0][i] = f->st[i].sig;
        o->x87[1][i] = f->st[i].se;
    }
    o->x87[1][0] |= (u64)f->fcw << 48 | (u64)f->fsw << 32 | (u64)f->empty << 16;
    o->x87[1][1] |= (u64)f->fop << 16;
    o->fip = f->fip;
    o->fdp = f->fdp;
    o->x87[1][2] |= (u64)f->fcs << 32 | (u64)f->fds << 16;
}

static void prepare(struct cpu *cpu, u64 seed)
{
    memset(cpu, 0, offsetof(struct cpu, dr));
    cpu->eip_mask = UINT32_MAX;
    for (u32 i = 0; i < sizeof(ram); i += 8) {
        u64 v = i < PAGE_SIZE ? lanes(&seed) : (u64)i << 48 | (seed + i);
        memcpy(&ram[0][0] + i, &v, 8);
    }
    for (unsigned r = 0; r < GPR_COUNT; r++)
        cpu->gpr[r] = rnd(&seed) >> (rnd(&seed) & 31);
    cpu->gpr[ESP] = (RAM_BASE | (rnd(&seed) & 0x3fff)) & ~3u;
    for (unsigned s = 0; s < SEG_COUNT; s++) {
        cpu->seg[s].base = s << 8;
        cpu->seg[s].limit = 0x42000;
        cpu->seg[s].limit_r = rnd(&seed) & 1 ? UINT32_MAX : 0x41fff;
        cpu->seg[s].limit_w = rnd(&seed) & 1 ? -1 : 0x43fff;
    }
    cpu->cc_op = rnd(&seed) % (FK_COUNT * 4);
    cpu->cc_op -= (cpu->cc_op & 3) == 3;
    cpu->cc_dst = rnd(&seed);
    cpu->cc_src =
        cpu->cc_op >> 2 == FK_INC || cpu->cc_op >> 2 == FK_DEC ? rnd(&seed) & 1 : rnd(&seed);
    cpu->cc_aux = rnd(&seed) & 1;
    cpu->cc_op |= rnd(&seed) & (FLAG_OP_CF | FLAG_OP_OF | 0x1f1f0000);
    cpu->cc_cf = rnd(&seed);
    cpu->cc_of = rnd(&seed);
    for (unsigned i = 0; i < 32; i++)
        cpu->xmm[i / 2].q[i % 2] = lanes(&seed);
    prepare_x87(&cpu->fpu, &seed);
    cpu->mxcsr =
        (rnd(&seed) & (MXCSR_FLAGS | MXCSR_DAZ | MXCSR_FTZ | 3u << MXCSR_RC_SHIFT)) | MXCSR_MASKS;
    cpu->eip = 0x5010;
    cpu->budget = 1000;
    cpu->icount_end = 5000;
    cpu->jump_tag = 9 << JUMP_TAG_SHIFT;
    cpu->tlb.wide = true;
    fill_tlb(cpu, false);
    cpu->tlb.wide = false;
    fill_tlb(cpu, true);
    fill_windows(cpu, &seed);
    world_log = 0;
    world_faulted = false;
    world_fault_mask = seed & 1 ? 0 : 7;
}

/* What 64-bit code has more; after prepare(). */
static void prepare64(struct cpu *cpu, u64 seed)
{
    fill_tlb(cpu, false);
    cpu->tlb.wide = true;
    fill_tlb(cpu, true);
    cpu->eip_mask = ~0ull;
    for (unsigned r = 0; r < GPR_COUNT; r++)
        cpu->gpr[r] = wide_value(&seed);
    cpu->gpr[ESP] = (ram_bases[rnd(&seed) % ARRAY_LEN(ram_bases)] | (rnd(&seed) & 0x3fff)) & ~7ull;
    cpu->cc_dst = wide_value(&seed);
    cpu->cc_op = rnd(&seed) % (FK_COUNT * 4);
    if (cpu->cc_op >> 2 == FK_INC || cpu->cc_op >> 2 == FK_DEC)
        cpu->cc_src = rnd(&seed) & 1;
    else
        cpu->cc_src = wide_value(&seed);
    cpu->cc_op |= rnd(&seed) & (FLAG_OP_CF | FLAG_OP_OF | (u32)FLAG_OP_BIT << FLAG_OP_CF_BIT |
                                (u32)FLAG_OP_BIT << FLAG_OP_OF_BIT);
    cpu->cc_cf = wide_value(&seed);
    cpu->cc_of = wide_value(&seed);
    if (rnd(&seed) & 1) /* where data are, too */
        cpu->eip = ram_bases[rnd(&seed) % ARRAY_LEN(ram_bases)] + 0x10;
    else
        cpu->eip = rnd(&seed) & 1 ? 0xffffffff80005010 : 0x7ffffffff010;
}

static void sync_fpu(struct cpu *cpu)
{
    native->sync_fpu(cpu);
}

static const struct cpu_hooks hooks = {.sync_fpu = sync_fpu};

/* Half of the blocks do without what some hosts of the kind have not. */
static void set_features(void *be, bool all)
{
#ifdef __x86_64__
    static bool bmi2;
    struct x64 *x64 = be;
    bmi2 |= x64->bmi2; /* else they shift by CL */
    x64->bmi2 = bmi2 && all;
#else
    (void)be;
    (void)all;
#endif
}

static void run_once(const struct backend *backend, void *be, struct cpu *cpu, struct block *b,
                     u64 seed, struct outcome *o)
{
    struct block_exit *exit = NULL;
    volatile int result = -1;
    memset(o, 0, sizeof(*o));
    prepare(cpu, seed);
    if (b->mode & MODE_CODE64)
        prepare64(cpu, seed);
    cpu->mode = b->mode;
    cpu->hooks = &hooks;
    if (b->mode & MODE_X87_MF)
        cpu->fpu.fcw &= (u16) ~(1u << seed % 6 | (seed & FSW_EXCEPTIONS));
    if (!sigsetjmp(world_unwind, 0))
        result = (int)backend->run(be, cpu, b, &exit);
    cpu_sync_fpu(cpu);
    memcpy(o->gpr, cpu->gpr, sizeof(o->gpr));
    memcpy(o->scratch, cpu->scratch, sizeof(o->scratch));
    memcpy(o->xmm, cpu->xmm, sizeof(o->xmm));
    copy_x87(&cpu->fpu, o);
    o->mxcsr = cpu->mxcsr;
    o->log = world_log;
    o->ram = ram_hash();
    o->flags = world_flags(cpu);
    o->eip = cpu_eip(cpu);
    o->eip_page = cpu->eip_page;
    o->budget = cpu->budget + cpu->insn_left;
    o->result = result;
    /* only native code has exits for other pages */
    o->exit = exit && (u32)exit->page_off < PAGE_SIZE ? exit->page_off : -1;
}

static void explain(const struct ir *ir, u64 seed, const struct outcome *a, const struct outcome *b)
{
    print_ir("block:", ir);
    for (unsigned r = 0; r < GPR_COUNT; r++) {
        if (a->gpr[r] != b->gpr[r])
            fprintf(stderr, "gpr %u: %016llx, should be %016llx\n", r,
                    (unsigned long long)b->gpr[r], (unsigned long long)a->gpr[r]);
    }
    for (unsigned i = 0; i < 16; i++) {
        if (a->x87[i / 8][i % 8] != b->x87[i / 8][i % 8])
            fprintf(stderr, "x87 %u: %016llx, should be %016llx\n", i,
                    (unsigned long long)b->x87[i / 8][i % 8],
                    (unsigned long long)a->x87[i / 8][i % 8]);
    }
    for (unsigned i = 0; i < 16; i++) {
        if (memcmp(&a->xmm[i], &b->xmm[i], 16))
            fprintf(stderr, "xmm%u: %016llx%016llx, should be %016llx%016llx\n", i,
                    (unsigned long long)b->xmm[i].q[1], (unsigned long long)b->xmm[i].q[0],
                    (unsigned long long)a->xmm[i].q[1], (unsigned long long)a->xmm[i].q[0]);
    }
    if (a->fip != b->fip || a->fdp != b->fdp)
        fprintf(stderr, "fip %llx fdp %llx, should be %llx %llx\n", (unsigned long long)b->fip,
                (unsigned long long)b->fdp, (unsigned long long)a->fip, (unsigned long long)a->fdp);
    fprintf(stderr,
            "mxcsr %x/%x log %d ram %d flags %x/%x eip %llx/%llx page %llx/%llx budget %d/%d "
            "result %d/%d "
            "exit %d/%d "
            "scratch %d\n",
            b->mxcsr, a->mxcsr, a->log != b->log, a->ram != b->ram, b->flags, a->flags,
            (unsigned long long)b->eip, (unsigned long long)a->eip, (unsigned long long)b->eip_page,
            (unsigned long long)a->eip_page, (int)b->budget, (int)a->budget, b->result, a->result,
            b->exit, a->exit, memcmp(a->scratch, b->scratch, sizeof(a->scratch)));
    fail_msg("seed %llu: the back ends differ", (unsigned long long)seed);
}

static void init_block(struct block *b, const struct ir *ir)
{
    *b = (struct block){.pa = 0x123010, .pa2 = ~(paddr)0, .mode = ir->mode, .valid = true};
    b->ninsns = (u16)ir->ninsns;
}

static const char *verdict(const struct ir *ir)
{
    const char *why = ir_verify(ir);
    return why ? why : "";
}

static void compare(struct cpu *cpu, void *interp, void *be, const struct ir *ir, u64 seed)
{
    struct block bi, bx;
    struct outcome oi, ox;
    init_block(&bi, ir);
    init_block(&bx, ir);
    assert_true(backend_interp.compile(interp, cpu, ir, &bi));
    if (!native->compile(be, cpu, ir, &bx)) {
        native->discard_all(be);
        assert_true(native->compile(be, cpu, ir, &bx));
    }
    for (u32 k = 0; k < 3; k++) {
        run_once(&backend_interp, interp, cpu, &bi, seed * 31 + k, &oi);
        run_once(native, be, cpu, &bx, seed * 31 + k, &ox);
        if (bx.nexits == BLOCK_MAX_EXITS) /* those for other pages may have taken the last slots */
            oi.exit = ox.exit = -1;
        if (memcmp(&oi, &ox, sizeof(oi)))
            explain(ir, seed, &oi, &ox);
    }
    backend_interp.discard(interp, &bi);
    free(bi.exits);
    free(bx.exits);
}

/* Of random blocks for back ends: all but their mode and what they are made of. */
#define NATIVE_SHAPE .reg_values = 5, .temps = 48, .consts = 10, .carry_in = true, .leaves = true

/* Many blocks of this shape, as they are and optimized. */
static void run_random_blocks(const struct gen_shape *shape)
{
    const char *why = NULL, *only = getenv("NATIVE_SEED"), *count = getenv("NATIVE_COUNT");
    struct cpu *cpu = world_cpu();
    struct ir *ir = malloc(sizeof(*ir));
    void *interp = backend_interp.init(NULL, 16 << 20, &why);
    void *be = native->init(NULL, 4 << 20, &why);
    u64 first = only ? strtoull(only, NULL, 0) : 1;
    u64 last = only ? first : count ? strtoull(count, NULL, 0) : 30000;
    assert_non_null(be);
    for (u64 seed = first; seed <= last; seed++) {
        set_features(be, seed & 1);
        gen_block(ir, shape, seed * 7919);
        assert_string_equal(verdict(ir), "");
        compare(cpu, interp, be, ir, seed);
        ir_optimize(ir);
        assert_string_equal(verdict(ir), "");
        compare(cpu, interp, be, ir, seed);
    }
    free(ir);
    backend_interp.free(interp);
    native->free(be);
    world_cpu_free(cpu);
}

/* main() of tests of the host's back end. */
#define RUN_NATIVE_TESTS(tests)                                                                    \
    ((native = backend_find("jit")) ? cmocka_run_group_tests(tests, NULL, NULL)                    \
                                    : (puts("SKIP: no back end for this host"), 77))

#endif
