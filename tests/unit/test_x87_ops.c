/* The x87 instructions against the host's own x87: every form, on random states biased to the edges
 * (zeros, denormals, unsupported formats, NaNs, full and empty stacks, unmasked exceptions, every
 * RC and PC), must leave the same registers, tags, status word, pointers, memory and EFLAGS.
 *
 * A snippet of machine code loads the state with FRSTOR, runs the one instruction and saves all
 * with FNSAVE, which reports nothing. On other hosts those tests skip, saying so. The first
 * argument, or X87_TRIALS, sets the trials for each form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/x87_ops.h"

static unsigned trials = 20000, only;

static const struct x87_form *form_of(unsigned opcode, unsigned modrm)
{
    const struct x87_form *form = x87_lookup(opcode, modrm);
    assert_non_null(form);
    return form;
}

static const struct {
    u8 opcode, modrm;
    u16 fcw;
    struct f80 st0, st1;
    u16 fsw;
    struct f80 want;
} vectors[] = {
#include "x87_vectors.def"
};

/* The same as host_forms, from a recording, for hosts without an x87. */
static void recorded(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        struct x87 f = {.fcw = vectors[i].fcw, .fsw = 6 << FSW_TOP_SHIFT, .empty = 0x3f};
        struct x87_exec x = {.fpu = &f, .opcode = vectors[i].opcode, .modrm = vectors[i].modrm};
        f.st[6] = vectors[i].st0;
        f.st[7] = vectors[i].st1;
        x87_run(form_of(x.opcode, x.modrm), &x);
        if (f.fsw != vectors[i].fsw || f.st[6].se != vectors[i].want.se ||
            f.st[6].sig != vectors[i].want.sig)
            fail_msg("vector %zu, %02x %02x: fsw %04x, %04x:%016llx", i, x.opcode, x.modrm, f.fsw,
                     f.st[6].se, (unsigned long long)f.st[6].sig);
    }
}

static struct x87 sample_state(void)
{
    struct x87 f = {.fcw = 0x37f,
                    .fsw = 5 << FSW_TOP_SHIFT,
                    .empty = 0x1f,
                    .fop = 0x5ab,
                    .fcs = 0xf123,
                    .fds = 0x2345,
                    .fip = 0x9876,
                    .fdp = 0xfedc};
    f.st[5] = f80_from_s64(7);
    f.st[7] = f80_make(true, 0x7fff, F80_INT_BIT);
    return f;
}

static void assert_registers(const struct x87 *a, const struct x87 *b)
{
    for (unsigned i = 0; i < 8; i++) {
        assert_true(a->st[i].sig == b->st[i].sig);
        assert_int_equal(a->st[i].se, b->st[i].se);
    }
}

/* Environments of 16 bits and of real mode (SDM vol. 1, figures 8-9 to 8-12). */
static void env_layouts(void **state)
{
    static const struct {
        bool op16, prot;
        u8 want[28];
    } table[] = {
        /* clang-format off */
        {true, true, {0x7f, 3, 0, 0x28, 0xff, 0x93, 0x76, 0x98, 0x23, 0xf1, 0xdc, 0xfe, 0x45, 0x23}},
        /* linear f123 * 16 + 9876 = faaa6, 2345 * 16 + fedc = 3332c */
        {true, false, {0x7f, 3, 0, 0x28, 0xff, 0x93, 0xa6, 0xaa, 0xab, 0xf5, 0x2c, 0x33, 0, 0x30}},
        {false, false, {0x7f, 3,    0xff, 0xff, 0,    0x28, 0xff, 0xff, 0xff, 0x93, 0xff, 0xff, 0xa6, 0xaa,
                        0xff, 0xff, 0xab, 0xf5, 0,    0,    0x2c, 0x33, 0xff, 0xff, 0,    0x30, 0,    0}},
        {false, true, {0x7f, 3,    0xff, 0xff, 0,    0x28, 0xff, 0xff, 0xff, 0x93, 0xff, 0xff, 0x76, 0x98,
                       0,    0,    0x23, 0xf1, 0xab, 5,    0xdc, 0xfe, 0,    0,    0x45, 0x23, 0xff, 0xff}},
        /* clang-format on */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct x87 f = sample_state(), g = {0};
        struct x87_exec x = {.fpu = &f, .op16 = table[i].op16, .prot = table[i].prot};
        const struct x87_form *save = form_of(0xdd, 0x30), *load = form_of(0xdd, 0x20);
        x87_run(save, &x);
        assert_true(x.store);
        assert_int_equal(x87_mem_size(save, x.op16), x.op16 ? 94 : 108);
        assert_memory_equal(x.mem, table[i].want, x.op16 ? 14 : 28);
        assert_int_equal(f.empty, 0xff); /* as FNINIT */
        x.fpu = &g;
        x87_run(load, &x);
        f = sample_state();
        assert_registers(&g, &f);
        assert_int_equal(g.fsw, f.fsw);
        assert_int_equal(g.empty, f.empty);
        u32 base = x.prot ? 0 : 0xf1230;
        assert_int_equal(g.fip, base + 0x9876);
    }
}

static void fxsave_image(void **state)
{
    struct x87 f = sample_state(), g = {0};
    u8 image[160] = {0};
    (void)state;
    x87_fxsave(&f, image, false);
    assert_int_equal(image[4], 0xe0);      /* abridged tags, by register */
    assert_int_equal(image[32 + 7], 0xe0); /* ST(0) is 7 = 1.11b * 2^2 */
    x87_fxrstor(&g, image, false);
    assert_registers(&g, &f);
    assert_int_equal(g.fsw, f.fsw);
    assert_int_equal(g.empty, f.empty);
    assert_int_equal(g.fop, f.fop);
    assert_int_equal(g.fdp, f.fdp);
}

/* What is no instruction: #UD. */
static void undefined_forms(void **state)
{
    static const u16 undefined[] = {0xd908, 0xd9d1, 0xd9e2, 0xd9ef, 0xdae0, 0xdae8, 0xdaf0, 0xdb20,
                                    0xdb30, 0xdbe5, 0xdbf8, 0xdd28, 0xddf0, 0xded8, 0xdfe1, 0xdff8};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(undefined); i++)
        assert_null(x87_lookup(undefined[i] >> 8, undefined[i] & 0xff));
}

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/mman.h>

/* FNSAVE and FRSTOR, 32-bit protected layout. */
static void to_image(const struct x87 *f, u8 image[108])
{
    struct x87 copy = *f;
    struct x87_exec x = {.fpu = &copy, .prot = true};
    x87_run(form_of(0xdd, 0x30), &x);
    memcpy(image, x.mem, 108);
}

static void from_image(struct x87 *f, const u8 image[108])
{
    struct x87_exec x = {.fpu = f, .prot = true};
    memcpy(x.mem, image, 108);
    x87_run(form_of(0xdd, 0x20), &x);
}

typedef u64 (*snippet_fn)(const u8 in[108], u8 out[108], u8 *mem, u64 *flags);

struct host {
    u8 *code;
    u32 ip;                /* of the instruction in it */
    bool fdp_on_exception; /* CPUID.7.EBX[6]: FDP only changes when an exception is unmasked */
};

static u64 rng_state;

static u64 rnd(void)
{
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return rng_state * 0x2545f4914f6cdd1dull;
}

static unsigned pick(unsigned n)
{
    return (unsigned)((rnd() >> 32) % n);
}

static u64 random_fraction(void)
{
    switch (pick(6)) {
    case 0: return 0;
    case 1: return ~0ull;
    case 2: return 1ull << pick(64);
    case 3: return ~0ull << pick(64);
    case 4: return (1ull << pick(64)) - pick(3) + ((u64)pick(2) << pick(64));
    default: return rnd();
    }
}

static unsigned random_exponent(void)
{
    switch (pick(8)) {
    case 0: return pick(0x8000);
    case 1: return pick(70);
    case 2: return 0x7fff - pick(70);
    case 3: return 0x3fff + 63 - pick(4);
    case 4: return 0x3fff - 1023 + pick(80) - 60;
    case 5: return pick(2) ? 0x3fff + 127 - pick(5) : 0x3fff - 120 - pick(60);
    default: return 0x3fff - 70 + pick(140);
    }
}

static struct f80 random_f80(void)
{
    bool sign = pick(2);
    u64 frac = random_fraction();
    switch (pick(12)) {
    case 0: return f80_make(sign, 0, 0);
    case 1: return f80_make(sign, 0, frac);
    case 2: return f80_make(sign, 0x7fff, frac | F80_INT_BIT);
    case 3: return f80_make(sign, 0x7fff, pick(4) ? F80_INT_BIT : frac);
    case 4: return f80_make(sign, (int)random_exponent(), pick(3) ? frac | F80_INT_BIT : frac);
    case 5: return f80_from_s64((s64)rnd() >> pick(64));
    default: return f80_make(sign, (int)random_exponent(), frac | F80_INT_BIT);
    }
}

/* A value near another one, for cancellation, comparisons and remainders. */
static struct f80 neighbour(struct f80 a)
{
    int exp = f80_exp(a) + (int)pick(pick(2) ? 5 : 140) - 2;
    if (exp < 0 || exp > 0x7ffe)
        exp = f80_exp(a);
    if (pick(2))
        a.sig += pick(5) - 2u;
    else
        a.sig = random_fraction() | F80_INT_BIT;
    return f80_make(pick(2), exp, a.sig);
}

/* Random registers: all of them, or for speed those that ST(0) and ST(i) are about to be. */
static void random_state(struct x87 *f, bool all, unsigned sti)
{
    f->fsw = (u16)rnd() & 0x7f00;
    for (unsigned i = 0; i < 8; i++)
        if (all || i <= 1 || i == sti)
            f->st[(x87_top(f) + i) & 7] =
                i && pick(3) == 0 ? neighbour(f->st[x87_top(f)]) : random_f80();
    f->fcw = (u16)(0x40 | (pick(3) ? 0x3f : pick(64)) | pick(4) << 10);
    f->fcw |= pick(3) ? 0x300 : pick(2) ? 0x200 : 0;
    f->fsw |= (u16)((pick(2) ? FSW_SF : 0) | (pick(2) ? f->fcw & pick(64) : 0));
    f->empty = pick(8) ? pick(8) ? 1u << ((x87_top(f) + 7) & 7) : 0 : (u8)rnd();
    f->fop = (u16)rnd() & 0x7ff;
    f->fip = (u32)rnd();
    f->fdp = (u32)rnd();
}

static void random_memory(u8 *mem, const struct x87_form *form)
{
    for (unsigned i = 0; i < 108; i++)
        mem[i] = (u8)rnd();
    struct f80 v = random_f80();
    struct fpctx c = {.masks = 0x3f};
    u32 s = f80_to_f32(&c, v);
    u64 d = f80_to_f64(&c, v);
    if (form->size == 4 && pick(2))
        memcpy(mem, &s, 4);
    else if (form->size == 4 && pick(2))
        memset(mem, 0, pick(5));
    else if (form->size == 8 && pick(2))
        memcpy(mem, &d, 8);
    else if (form->size == 8 && pick(2))
        memset(mem, 0, pick(9));
    else if (form->size == 2)
        mem[pick(2)] |= 0x3f; /* FLDCW: some masks */
}

/* FRSTOR, EFLAGS, the instruction with its memory operand at [rdx], EFLAGS, FNSAVE. */
static void build(struct host *h, unsigned opcode, unsigned modrm)
{
    u8 *p = h->code;
    static const u8 before[] = {0xdd, 0x27, 0xff, 0x31, 0x9d},
                    after[] = {0x9c, 0x8f, 0x01, 0xdd, 0x36, 0xc3};
    memcpy(p, before, sizeof(before)); /* frstor [rdi]; push [rcx]; popf */
    p += sizeof(before);
    h->ip = (u32)(uintptr_t)p;
    *p++ = (u8)opcode;
    *p++ = (u8)(modrm < 0xc0 ? (modrm & 0x38) | 2 : modrm); /* [rdx] */
    memcpy(p, after, sizeof(after)); /* pushf; pop [rcx]; fnsave [rsi]; ret */
}

static bool is_trans(unsigned opcode, unsigned modrm)
{
    return opcode == 0xd9 &&
           ((modrm >= 0xf0 && modrm <= 0xf3) || modrm == 0xf9 || modrm == 0xfb || modrm >= 0xfe);
}

static void dump(const char *name, const struct x87 *f)
{
    fprintf(stderr, "  %s fcw %04x fsw %04x empty %02x fop %03x fip %08llx fdp %08llx\n", name,
            f->fcw, f->fsw, f->empty, f->fop, (unsigned long long)f->fip,
            (unsigned long long)f->fdp);
    for (unsigned i = 0; i < 8; i++) {
        struct f80 v = f->st[(x87_top(f) + i) & 7];
        fprintf(stderr, "    st%u %04x:%016llx%s", i, v.se, (unsigned long long)v.sig,
                i & 1 ? "\n" : "");
    }
}

static bool same_f80(struct f80 a, struct f80 b)
{
    return a.se == b.se && a.sig == b.sig;
}

/* The host's transcendentals may differ from ours in the last place. */
static bool near_f80(struct f80 a, struct f80 b)
{
    if (f80_class(a) <= F80_INF || f80_class(b) <= F80_INF || f80_sign(a) != f80_sign(b))
        return same_f80(a, b);
    __int128 da = ((__int128)f80_exp(a) << 63) + (__int128)(a.sig << 1 >> 1);
    __int128 db = ((__int128)f80_exp(b) << 63) + (__int128)(b.sig << 1 >> 1);
    return da - db >= -1 && da - db <= 1;
}

struct outcome {
    struct x87 fpu;
    u8 mem[128];
    u32 eflags;
    u16 ax;
};

/* Memory operands of forms that load something structured. */
static void make_operand(u8 mem[128], const struct x87_form *form, unsigned opcode, unsigned modrm)
{
    random_memory(mem, form);
    if (form->attr & X87_LOAD && form->size >= 28) {
        struct x87 loaded;
        u8 image[108];
        random_state(&loaded, true, 0);
        to_image(&loaded, image);
        memcpy(mem, image, form->size);
    } else if (opcode == 0xdf && (modrm & 0xf8) == 0x20) { /* FBLD */
        for (unsigned i = 0; i < 9; i++)
            mem[i] = (u8)(pick(10) << 4 | pick(10));
    }
}

static void run_ours(const struct x87_form *form, struct outcome *o, unsigned opcode,
                     unsigned modrm, u32 ip, u32 dp)
{
    struct x87_exec x = {.fpu = &o->fpu, .prot = true};
    x.opcode = (u8)opcode;
    x.modrm = (u8)(modrm < 0xc0 ? modrm | 2 : modrm); /* as built */
    x.eflags = o->eflags;
    x.ip = ip;
    x.dp = dp;
    memcpy(x.mem, o->mem, 108);
    x87_run(form, &x);
    if (x.store)
        memcpy(o->mem, x.mem, form->size);
    o->eflags = x.eflags;
    o->ax = x.ax;
}

static bool agree(const struct host *h, const struct outcome *ours, const struct outcome *host,
                  bool trans)
{
    const struct x87 *a = &ours->fpu, *b = &host->fpu;
    u16 fsw_mask = trans ? (u16)~FSW_C1 : 0xffff;
    bool same = a->fcw == b->fcw && !((a->fsw ^ b->fsw) & fsw_mask) && a->empty == b->empty &&
                a->fip == b->fip && !memcmp(ours->mem, host->mem, 128) &&
                (ours->eflags | 0x202) == host->eflags;
    if (!h->fdp_on_exception || x87_pending(a))
        same = same && a->fdp == b->fdp;
    if (x87_pending(a))
        same = same && a->fop == b->fop;
    for (unsigned i = 0; i < 8; i++)
        same = same && (trans ? near_f80 : same_f80)(a->st[i], b->st[i]);
    return same;
}

/* Runs one random trial of one instruction here and there; false if they differ. */
static bool trial(const struct host *h, const struct x87_form *form, unsigned opcode,
                  unsigned modrm, struct x87 *start, bool verbose)
{
    snippet_fn fn = (snippet_fn)(uintptr_t)h->code;
    struct outcome ours, host;
    u8 in[108], out[108], mem[128] = {0};
    u64 flags = 0x202 | (rnd() & 0x8d5);

    random_state(start, false, modrm & 7);
    make_operand(mem, form, opcode, modrm);
    ours.fpu = *start;
    memcpy(ours.mem, mem, 128);
    ours.eflags = (u32)flags;

    to_image(start, in);
    memcpy(host.mem, mem, 128);
    u64 rax = fn(in, out, host.mem, &flags);
    from_image(&host.fpu, out);
    host.eflags = (u32)flags;

    run_ours(form, &ours, opcode, modrm, h->ip, (u32)(uintptr_t)host.mem);
    bool same = agree(h, &ours, &host, is_trans(opcode, modrm)) &&
                (!(form->attr & X87_AX) || (u16)rax == ours.ax);
    if (!same && verbose) {
        fprintf(stderr, "%02x %02x, eflags host %x, ours %x, mem start:host:ours\n", opcode, modrm,
                host.eflags, ours.eflags);
        for (unsigned i = 0; i < form->size; i++)
            fprintf(stderr, " %02x:%02x:%02x", mem[i], host.mem[i], ours.mem[i]);
        fprintf(stderr, "\n");
        dump("start", start);
        dump("host ", &host.fpu);
        dump("ours ", &ours.fpu);
    }
    return same;
}

/* All trials of one form; the number that differ. ST(1) stands for all ST(i), which get fewer. */
static unsigned try_form(struct host *h, unsigned opcode, unsigned modrm)
{
    const struct x87_form *form = x87_lookup(opcode, modrm);
    bool sti = modrm >= 0xc0 && !(opcode == 0xd9 && modrm >= 0xd8) && (modrm & 7) != 1;
    unsigned n = sti ? trials / 16 + 1 : trials, bad = 0;
    struct x87 start;

    if (!form || (only && only != (opcode << 8 | modrm)))
        return 0;
    rng_state = 0x9e3779b97f4a7c15ull * (opcode << 8 | modrm);
    memset(&start, 0, sizeof(start));
    random_state(&start, true, 0);
    build(h, opcode, modrm);
    for (unsigned i = 0; i < n; i++)
        bad += !trial(h, form, opcode, modrm, &start, bad < 1);
    if (bad)
        fprintf(stderr, "%02x %02x: %u of %u differ\n", opcode, modrm, bad, n);
    return bad;
}

static void host_forms(void **state)
{
    struct host h = {0};
    unsigned a, b, c, d, bad_forms = 0;
    (void)state;
    h.code =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(h.code != MAP_FAILED);
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d))
        h.fdp_on_exception = b >> 6 & 1;
    for (unsigned opcode = 0xd8; opcode <= 0xdf; opcode++) {
        for (unsigned modrm = 0; modrm < 0x40; modrm += 8)
            bad_forms += try_form(&h, opcode, modrm) != 0;
        for (unsigned modrm = 0xc0; modrm < 0x100; modrm++)
            bad_forms += try_form(&h, opcode, modrm) != 0;
    }
    munmap(h.code, 4096);
    assert_int_equal(bad_forms, 0);
}
#else
static void host_forms(void **state)
{
    (void)state;
    print_message("no x87 on this host: comparison with hardware skipped\n");
    skip();
}
#endif

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded),     cmocka_unit_test(env_layouts),
        cmocka_unit_test(fxsave_image), cmocka_unit_test(undefined_forms),
        cmocka_unit_test(host_forms),
    };
    const char *n = argc > 1 ? argv[1] : getenv("X87_TRIALS");
    if (n)
        trials = (unsigned)strtoul(n, NULL, 0);
    if (argc > 2)
        only = (unsigned)strtoul(argv[2], NULL, 16);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
