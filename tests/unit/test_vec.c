/* Every vector operation of cpu/vec_op.def against the host's own instruction, which is made from
 * the row's opcode bytes: results and MXCSR bit for bit, on random and edge operands, with every
 * rounding mode, DAZ, FTZ, and unmasked exceptions. Skipped on other hosts than x86-64, where only
 * the approximations are tested. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/vec_fn.h"

static u64 rng = 0x123456789abcdef;

static u32 rnd(void)
{
    rng = rng * 6364136223846793005u + 1442695040888963407u;
    return (u32)(rng >> 32);
}

#ifdef __x86_64__
#include <cpuid.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

enum { ROUNDS = 4000, ROUNDS_FP = 20000 };

/* What the generated code reads and writes. */
struct io {
    union xmm dst, src;
    union xmm out;
    u64 gpr;
    u32 flags;
    u32 mxcsr, mxcsr_out, mxcsr_host;
    u32 len[2]; /* for EAX and EDX */
};

struct code {
    u8 *bytes;
    unsigned n;
    unsigned imm_at; /* 0: none */
};

static void put(struct code *c, const char *bytes, unsigned n)
{
    memcpy(c->bytes + c->n, bytes, n);
    c->n += n;
}

/* [mandatory prefix] [REX.W] 0F [38/3A] opcode modrm */
static void put_op(struct code *c, unsigned mand, bool w, unsigned map, unsigned opcode,
                   unsigned modrm)
{
    static const u8 prefix[] = {[MP_66] = 0x66, [MP_F3] = 0xf3, [MP_F2] = 0xf2};

    if (prefix[mand])
        c->bytes[c->n++] = prefix[mand];
    if (w)
        c->bytes[c->n++] = 0x48;
    c->bytes[c->n++] = 0x0f;
    if (map == MAP_0F38)
        c->bytes[c->n++] = 0x38;
    if (map == MAP_0F3A)
        c->bytes[c->n++] = 0x3a;
    c->bytes[c->n++] = (u8)opcode;
    c->bytes[c->n++] = (u8)modrm;
}

/* The same with the memory operand [rdi + disp]. */
static void put_mem(struct code *c, unsigned mand, unsigned opcode, unsigned reg, size_t disp)
{
    put_op(c, mand, false, MAP_0F, opcode, 0x47 | reg << 3);
    c->bytes[c->n++] = (u8)disp;
}

#define AT(field) offsetof(struct io, field)

/* Makes a function of a struct io * for the row: dst in register 0, src in register 1. */
static void make(struct code *c, const struct vec_op_info *o)
{
    bool from_gpr = o->shape == VS_XR || o->shape == VS_XQ;
    unsigned modrm = o->ext >= 0 ? 0xc0 | (unsigned)o->ext << 3 : from_gpr ? 0xc0 : 0xc1;

    c->n = 0;
    put_mem(c, MP_NONE, 0xae, 3, AT(mxcsr_host)); /* stmxcsr */
    put_mem(c, MP_NONE, 0xae, 2, AT(mxcsr));      /* ldmxcsr */
    put_mem(c, MP_F3, 0x6f, 0, AT(dst));          /* movdqu */
    put_mem(c, MP_F3, 0x6f, 1, AT(src));
    put_mem(c, MP_NONE, 0x6f, 0, AT(dst)); /* movq mm */
    put_mem(c, MP_NONE, 0x6f, 1, AT(src));
    put(c, "\x8b\x57", 2); /* mov edx, [rdi + ...] */
    c->bytes[c->n++] = AT(len[1]);
    put(c, "\x48\x8b\x47", 3); /* mov rax, [rdi + ...] */
    c->bytes[c->n++] = from_gpr ? AT(src) : AT(len[0]);
    put_op(c, o->mand, o->attr & VA_W, o->map, o->opcode, modrm);
    c->imm_at = 0;
    if (o->attr & VA_IMM)
        c->imm_at = c->n++;
    put(c, o->shape == VS_SI ? "\x48\x89\x4f" : "\x48\x89\x47",
        3); /* mov [rdi + ...], rcx or rax */
    c->bytes[c->n++] = AT(gpr);
    put(c, "\x9c\x59", 2); /* pushfq; pop rcx */
    put_mem(c, MP_NONE, 0xae, 3, AT(mxcsr_out));
    put(c, "\x89\x4f", 2); /* mov [rdi + ...], ecx */
    c->bytes[c->n++] = AT(flags);
    if (o->shape == VS_M || o->shape == VS_MX)
        put_mem(c, MP_NONE, 0x7f, 0, AT(out)); /* movq */
    else
        put_mem(c, MP_F3, 0x7f, 0, AT(out)); /* movdqu */
    put_mem(c, MP_NONE, 0xae, 2, AT(mxcsr_host));
    put(c, "\x0f\x77\xc3", 3); /* emms; ret */
}

static sigjmp_buf trapped;
static volatile u32 trapped_mxcsr;

static void on_fpe(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;

    (void)sig;
    (void)info;
    trapped_mxcsr = uc->uc_mcontext.fpregs->mxcsr;
    siglongjmp(trapped, 1);
}

/* True if it ran to its end; false if it raised SIGFPE. */
static bool run_host(const struct code *c, struct io *io)
{
    void (*fn)(struct io *);

    memcpy(&fn, &c->bytes, sizeof(fn));
    if (sigsetjmp(trapped, 1)) {
        u32 host = MXCSR_RESET;
        __asm__ volatile("ldmxcsr %0; emms" ::"m"(host));
        io->mxcsr_out = trapped_mxcsr;
        return false;
    }
    fn(io);
    return true;
}

/* -- operands -- */

static u32 edge32(void)
{
    static const u32 edges[] = {
        0,          0x80000000, 1,          0x80000001, 0x007fffff, 0x807fffff, 0x00800000,
        0x00800001, 0x80800000, 0x3f800000, 0xbf800000, 0x3f800001, 0x3f7fffff, 0x7f7fffff,
        0xff7fffff, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000, 0x7f800001, 0xffa12345,
        0x7fc54321, 0x4f000000, 0xcf000000, 0x4effffff, 0xcf000001, 0x5effffff, 0x5f000000,
        0xdf000000, 0xdf000001, 0x3f000000, 0xbf000000, 0x3effffff, 0x3fc00000, 0x4b000001,
        0x7e800000, 0x7e800001, 0x00400000, 0x33800000, 0x34000000, 0x7fffffff, 0xffffffff,
        0x00ff00ff, 0x20000000,
    };
    u32 v = edges[rnd() % ARRAY_LEN(edges)];

    return rnd() & 7 ? v : v ^ (1u << (rnd() & 31));
}

static u64 edge64(void)
{
    static const u64 edges[] = {
        0,
        1ull << 63,
        1,
        0x800fffffffffffff,
        0x0010000000000000,
        0x0010000000000001,
        0x3ff0000000000000,
        0xbff0000000000000,
        0x3ff0000000000001,
        0x3fefffffffffffff,
        0x7fefffffffffffff,
        0xffefffffffffffff,
        0x7ff0000000000000,
        0xfff0000000000000,
        0x7ff8000000000000,
        0xfff8000000000000,
        0x7ff0000000000001,
        0xfff4000012345678,
        0x7ff8abcdef012345,
        0x41dfffffffc00000,
        0xc1e0000000000000,
        0xc1e00000001fffff,
        0xc1e0000000200000,
        0x41dfffffffe00000,
        0x41e0000000000000,
        0x3fe0000000000000,
        0xbfe0000000000000,
        0x36a0000000000000,
        0x3690000000000000,
        0x380fffffffffffff,
        0x3810000000000000,
        0x47efffffe0000000,
        0x47efffffefffffff,
        0x47effffff0000000,
        0x47f0000000000000,
        0x380ffffff0000000,
        0x3ca0000000000000,
        0x1ff0000000000000,
        0x2000000000000000,
        0x5fe0000000000000,
        0x0008000000000000,
        0x43dfffffffffffff, /* near 2^63 */
        0x43e0000000000000,
        0xc3e0000000000000,
        0xc3e0000000000001,
        0x7fffffffffffffff,
        0x7ffffffffffffdff,
        0x7ffffffffffffe00,
        0xffffff7fffffffff,
        0x7fffff4000000000,
    };
    u64 v = edges[rnd() % ARRAY_LEN(edges)];

    return rnd() & 7 ? v : v ^ (1ull << (rnd() & 63));
}

static u64 random64(void)
{
    return (u64)rnd() << 32 | rnd();
}

/* A float32 or float64 whose exponent is near that of 1, so that sums and rounding matter. */
static u64 middling(void)
{
    if (rnd() & 1)
        return (random64() & 0x800fffffffffffff) | (0x3ffull - 8 + rnd() % 40) << 52;
    return (random64() & 0x807fffff807fffff) | (u64)(127 - 4 + rnd() % 30) << 55 |
           (127 - 4 + rnd() % 30) << 23;
}

static u64 operand(unsigned kind)
{
    switch (kind) {
    case 0: return random64();
    case 1: return edge64();
    case 2: return (u64)edge32() << 32 | edge32();
    case 3: return middling();
    case 4: return rnd() & 0x3f;                     /* shift counts */
    default: return random64() & 0x80ff7f00ff01fe80; /* near the limits of small integers */
    }
}

static void operands(struct io *io)
{
    unsigned kind = rnd() % 6, other = rnd() & 3 ? kind : rnd() % 6;

    for (unsigned i = 0; i < 2; i++) {
        io->dst.q[i] = operand(kind);
        io->src.q[i] = rnd() & 15 ? operand(other) : io->dst.q[i];
    }
}

/* Few different characters, with ends; lengths mostly within the register. */
static void string_operands(struct io *io)
{
    static const u8 alphabet[] = {0, 1, 'a', 'b', 0x7f, 0x80, 0xff, 'a'};
    unsigned letters = 2 + rnd() % 7;

    for (unsigned i = 0; i < 16 && (rnd() & 7); i++) {
        io->dst.b[i] = alphabet[((rnd() & 3 ? 2 : 0) + rnd() % letters) & 7];
        io->src.b[i] = alphabet[((rnd() & 7 ? 2 : 0) + rnd() % letters) & 7];
    }
    for (unsigned i = 0; i < 2; i++)
        io->len[i] = rnd() & 7 ? (u32)((s32)(rnd() % 41) - 20) : rnd();
}

static u32 random_mxcsr(void)
{
    u32 v = MXCSR_MASKS | (rnd() & 3) << MXCSR_RC_SHIFT;

    if (!(rnd() & 3))
        v |= MXCSR_DAZ;
    if (!(rnd() & 3))
        v |= MXCSR_FTZ;
    if (!(rnd() & 3))
        v &= ~(rnd() & MXCSR_MASKS);
    return v;
}

/* -- comparing -- */

static bool is_same(const struct vec_op_info *o, const struct io *host, const struct cpu *cpu)
{
    if (host->mxcsr_out != cpu->mxcsr)
        return false;
    switch ((enum vec_shape)o->shape) {
    case VS_RX:
    case VS_RM: return (u32)host->gpr == cpu->scratch[1];
    case VS_QX: return !memcmp(&host->gpr, &cpu->scratch[2], 8);
    case VS_F: return (host->flags & FLAGS_ARITH) == cpu->scratch[0];
    case VS_SI:
        return (host->flags & FLAGS_ARITH) == cpu->scratch[0] && (u32)host->gpr == cpu->scratch[1];
    case VS_SM:
        return (host->flags & FLAGS_ARITH) == cpu->scratch[0] &&
               !memcmp(&host->out, &cpu->xmm[0], 16);
    case VS_M:
    case VS_MX: return host->out.q[0] == cpu->xmm[0].q[0] && host->dst.q[1] == cpu->xmm[0].q[1];
    default: return !memcmp(&host->out, &cpu->xmm[0], 16);
    }
}

static void show(const struct vec_op_info *o, const struct io *io, const struct cpu *cpu, u32 imm)
{
    print_error("%s: dst %016llx:%016llx src %016llx:%016llx imm %02x mxcsr %04x\n", o->name,
                (unsigned long long)io->dst.q[1], (unsigned long long)io->dst.q[0],
                (unsigned long long)io->src.q[1], (unsigned long long)io->src.q[0], imm, io->mxcsr);
    print_error("  host %016llx:%016llx gpr %016llx flags %04x mxcsr %04x\n",
                (unsigned long long)io->out.q[1], (unsigned long long)io->out.q[0],
                (unsigned long long)io->gpr, io->flags & FLAGS_ARITH, io->mxcsr_out);
    print_error("  ours %016llx:%016llx gpr %08x%08x%08x flags %04x mxcsr %04x\n",
                (unsigned long long)cpu->xmm[0].q[1], (unsigned long long)cpu->xmm[0].q[0],
                cpu->scratch[3], cpu->scratch[2], cpu->scratch[1], cpu->scratch[0], cpu->mxcsr);
}

static bool host_has(const struct vec_op_info *o)
{
    static const struct {
        u32 bit;
        u16 attr;
    } ecx[] = {
        {bit_SSE3, VA_SSE3},    {bit_SSSE3, VA_SSSE3}, {bit_SSE4_1, VA_SSE41},
        {bit_SSE4_2, VA_SSE42}, {bit_AES, VA_AES},     {bit_PCLMUL, VA_PCLMUL},
    };
    unsigned a, b, c, d, has = 0;

    if (__get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA))
        has |= VA_SHA;
    if (__get_cpuid(1, &a, &b, &c, &d))
        for (unsigned i = 0; i < ARRAY_LEN(ecx); i++)
            has |= c & ecx[i].bit ? ecx[i].attr : 0;
    return !(o->attr & VA_HOST & ~has);
}

/* One comparison; false if they differ. */
static bool compare(const struct vec_op_info *o, enum vec_op op, struct code *c, struct cpu *cpu)
{
    struct io io = {.mxcsr = random_mxcsr()};
    u32 imm = rnd() & (rnd() & 1 ? 0xff : 0x1f);
    u32 dst = (u32)xmm_offset(0), src = (u32)xmm_offset(1);
    bool host_ok, ok, same;

    operands(&io);
    if (o->shape == VS_SI || o->shape == VS_SM)
        string_operands(&io);
    if (c->imm_at)
        c->bytes[c->imm_at] = (u8)imm;
    cpu->xmm[0] = io.dst;
    cpu->xmm[1] = io.src;
    cpu->mxcsr = io.mxcsr;
    cpu->scratch[0] = cpu->scratch[1] = 0xdeadbeef;
    cpu->scratch[2] = io.len[0];
    cpu->scratch[3] = io.len[1];
    if (o->shape == VS_RX || o->shape == VS_RM)
        dst = offsetof(struct cpu, scratch[1]);
    if (o->shape == VS_QX)
        dst = offsetof(struct cpu, scratch[2]);
    if (o->shape == VS_XR)
        cpu->scratch[2] = VD(io.src, 0), src = offsetof(struct cpu, scratch[2]);

    host_ok = run_host(c, &io);
    ok = vec_exec_checked(cpu, op, dst, src, imm);
    if (ok != host_ok)
        same = false;
    else if (ok)
        same = is_same(o, &io, cpu);
    else
        same = io.mxcsr_out == cpu->mxcsr && !memcmp(&cpu->xmm[0], &io.dst, 16);
    if (!same) {
        print_error("host %s, we %s\n", host_ok ? "ran" : "trapped", ok ? "ran" : "trapped");
        show(o, &io, cpu, imm);
        return false;
    }
    /* Unchecked, all is masked: the same result, or the masked response. */
    if (ok) {
        union xmm first = cpu->xmm[0];
        cpu->xmm[0] = io.dst;
        cpu->mxcsr = io.mxcsr;
        vec_exec(cpu, op, dst, src, imm);
        return !memcmp(&cpu->xmm[0], &first, 16) && cpu->mxcsr == io.mxcsr_out;
    }
    return true;
}

static void test_against_host(void **state)
{
    const struct sigaction act = {.sa_sigaction = on_fpe, .sa_flags = SA_SIGINFO};
    struct sigaction old;
    struct code c = {0};
    struct cpu *cpu = mmap(NULL, sizeof(*cpu), PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    unsigned failed = 0;

    (void)state;
    assert_ptr_not_equal(cpu, MAP_FAILED);
    c.bytes =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (c.bytes == MAP_FAILED) {
        print_message("skipped: the host allows no generated code\n");
        munmap(cpu, sizeof(*cpu));
        skip();
    }
    sigaction(SIGFPE, &act, &old);
    for (unsigned op = 0; op < VEC_OP_COUNT; op++) {
        const struct vec_op_info *o = &vec_op_info[op];
        unsigned rounds = o->attr & VA_FP ? ROUNDS_FP : ROUNDS, bad = 0;

        if (o->map == MAP_3DNOW ||
            ((o->attr & (VA_SOFT | VA_FP)) == VA_SOFT && (o->opcode == 0x52 || o->opcode == 0x53)))
            continue; /* approximations of our own; 3DNow! */
        if (!host_has(o)) {
            print_message("%s: not on this host\n", o->name);
            continue;
        }
        make(&c, o);
        for (unsigned i = 0; i < rounds && bad < 3; i++)
            bad += !compare(o, (enum vec_op)op, &c, cpu);
        failed += bad != 0;
    }
    sigaction(SIGFPE, &old, NULL);
    munmap(c.bytes, 4096);
    munmap(cpu, sizeof(*cpu));
    assert_int_equal(failed, 0);
}
#else
static void test_against_host(void **state)
{
    (void)state;
    print_message("skipped: not an x86-64 host\n");
    skip();
}
#endif

/* -- the approximations, which no host decides -- */

static double value_of(u32 bits)
{
    float f;

    memcpy(&f, &bits, 4);
    return f;
}

static void check_near(u32 got, double want)
{
    double error = value_of(got) / want - 1;

    if (!(error <= 1.5 / 4096 && error >= -1.5 / 4096))
        fail_msg("got %08x (%g), want %g", got, value_of(got), want);
}

static double newton_root(double v)
{
    double r = v > 1 ? v : 1;

    for (unsigned i = 0; i < 200; i++)
        r = (r + v / r) / 2;
    return r;
}

static void test_approximations(void **state)
{
    static const struct {
        u32 in, rcp, rsqrt;
    } special[] = {
        {0x00000000, 0x7f800000, 0x7f800000}, {0x80000000, 0xff800000, 0xff800000},
        {0x00000001, 0x7f800000, 0x7f800000}, {0x807fffff, 0xff800000, 0xff800000},
        {0x7f800000, 0x00000000, 0x00000000}, {0xff800000, 0x80000000, 0xffc00000},
        {0x7fc12345, 0x7fc12345, 0x7fc12345}, {0xff812345, 0xffc12345, 0xffc12345},
        {0x3f800000, 0x3f800000, 0x3f800000}, {0x40000000, 0x3f000000, 0x3f350800},
        {0x40800000, 0x3e800000, 0x3f000000}, {0xbf800000, 0xbf800000, 0xffc00000},
        {0x7e800000, 0x00800000, 0x20000000}, {0x7f000000, 0x00000000, 0x1fb50800},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(special); i++) {
        assert_int_equal(sf32_rcp(special[i].in), special[i].rcp);
        assert_int_equal(sf32_rsqrt(special[i].in), special[i].rsqrt);
    }
    for (unsigned i = 0; i < 200000; i++) {
        u32 v = (rnd() & 0x007fffff) | (1 + rnd() % 252) << 23;
        check_near(sf32_rcp(v), 1 / value_of(v));
        check_near(sf32_rcp(v | 0x80000000), -1 / value_of(v));
        if (i < 20000)
            check_near(sf32_rsqrt(v), 1 / newton_root(value_of(v)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_host),
        cmocka_unit_test(test_approximations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
