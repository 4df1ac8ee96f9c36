/* The extensions after SSSE3, 3DNow!, and which processor has what. SSE4 and later are compared
 * with the host's in test_vec.c where the host has them; here stand examples (AES and PCLMULQDQ:
 * Intel's papers; SHA: FIPS 180), operands, memory forms and flags. 3DNow! has no host to be
 * compared with: its cases follow the tables of AMD's manual (21928). */
#include "tests/unit/vec_cases.h"

#include "cpu/cpuid.h"
#include "cpu/vec.h"

/* clang-format off */

#define A "[20000]=0123456789abcdef [20008]=1122334455667788"
#define A_128 "11223344556677880123456789abcdef"
#define X0 "xmm0=ffeeddccbbaa99887766554433221100"
#define X1 "xmm1=0f1e2d3c4b5a69788796a5b4c3d2e1f0"
#define X2 "xmm2=000102030405060708090a0b0c0d0e0f"

CASES(test_sse41,
    { "66 0f 38 10 d1 ; pblendvb xmm2, xmm1, xmm0", "xmm0=8000000000000000800000000000ff7f " X1 " " X2, "xmm2=0f0102030405060787090a0b0c0de10f" },
    { "66 0f 38 17 06 ; ptest xmm0, [esi]", "xmm0=00000000000000000000000000000000", "flags=40" },
    { "66 0f 38 17 06", "xmm0=ffffffffffffffffffffffffffffffff", "flags=1" },
    { "66 0f 38 17 c1 ; ptest xmm0, xmm1", "xmm0=00000000000000000000000000000000 xmm1=00000000000000000000000000000000", "flags=41" },
    { "66 0f 38 22 06 ; pmovsxbq xmm0, [esi], two bytes", "esi=21ffe [21ffe]=7f80", "xmm0=000000000000007fffffffffffffff80" },
    { "66 0f 38 21 06 ; pmovsxbd xmm0, [esi], four", "esi=21ffc [21ffc]=017f80ff", "xmm0=000000010000007fffffff80ffffffff" },
    { "66 0f 38 33 06 ; pmovzxwd xmm0, [esi]", A, "xmm0=0000012300004567000089ab0000cdef" },
    { "66 0f 3a 20 c3 0f ; pinsrb xmm0, ebx, 15", X0 " ebx=123456ab", "xmm0=abeeddccbbaa99887766554433221100" },
    { "66 0f 3a 20 06 11 ; pinsrb xmm0, [esi], 1", X0 " " A, "xmm0=ffeeddccbbaa9988776655443322ef00" },
    { "66 0f 3a 22 06 02 ; pinsrd xmm0, [esi], 2", X0 " " A, "xmm0=ffeeddcc89abcdef7766554433221100" },
    { "66 0f 3a 14 c3 08 ; pextrb ebx, xmm0, 8", X0, "ebx=88" },
    { "66 0f 3a 14 46 03 0f ; pextrb [esi+3], xmm0, 15", X0, "[20003]=ff" },
    { "66 0f 3a 15 c3 07 ; pextrw ebx, xmm0, 7", X0, "ebx=ffee" },
    { "66 0f 3a 15 06 08 ; pextrw [esi], xmm0, 0", X0, "[20000]=1100" },
    { "66 0f 3a 16 c3 03 ; pextrd ebx, xmm0, 3", X0, "ebx=ffeeddcc" },
    { "66 0f 3a 17 06 01 ; extractps [esi], xmm0, 1", X0, "[20000]=77665544" },
    { "66 0f 3a 21 c1 d1 ; insertps xmm0, xmm1, d1", X0 " " X1, "xmm0=ffeeddccbbaa99880f1e2d3c00000000" },
    { "66 0f 3a 21 06 c8 ; insertps xmm0, [esi], c8", X0 " " A, "xmm0=00000000bbaa99887766554489abcdef" },
    { "66 0f 3a 0b 06 01 ; roundsd xmm0, [esi], down", X0 " [20000]=bff8000000000000", "xmm0=ffeeddccbbaa9988c000000000000000 mxcsr=1fa0" },
    { "66 0f 3a 0b 06 0b ; toward zero, no #P", X0 " [20000]=bff8000000000000", "xmm0=ffeeddccbbaa9988bff0000000000000" },
    { "66 0f 3a 0a c1 04 ; roundss xmm0, xmm1, by MXCSR", "mxcsr=5f80 xmm0=00000000000000000000000000000000 xmm1=0000000000000000000000003f000001", "xmm0=0000000000000000000000003f800000 mxcsr=5fa0" },
    { "66 0f 3a 08 c1 00 ; roundps: zeros, infinity, NaN", "xmm1=80000000bf0000007f8000007f800001", "xmm0=80000000800000007f8000007fc00001 mxcsr=1fa1" },
    { "66 0f 38 2a 06 ; movntdqa xmm0, [esi]", A, "xmm0=" A_128 },
    { "66 0f 38 2a 46 08 ; misaligned", "", "fault=d" },
    { "66 0f 38 40 46 08 ; pmulld", "", "fault=d" },
    { "66 0f 38 41 c1 ; phminposuw xmm0, xmm1", "xmm1=00050004000300020009000800070006", "xmm0=00000000000000000000000000040002" },
    { "66 0f 3a 40 c1 ff ; dpps xmm0, xmm1", "xmm0=4080000040400000400000003f800000 xmm1=3f8000003f8000003f8000003f800000", "xmm0=41200000412000004120000041200000" },
    { "66 0f 3a 40 c1 31", "xmm0=4080000040400000400000003f800000 xmm1=3f8000003f8000003f8000003f800000", "xmm0=00000000000000000000000040400000" },
    { "66 0f 38 10 c1 ; without OSFXSR", "cr4=0", "fault=6" },
)

CASES(test_sse42,
    { "66 0f 38 37 c1 ; pcmpgtq xmm0, xmm1", "xmm0=0000000000000001ffffffffffffffff xmm1=00000000000000000000000000000000", "xmm0=ffffffffffffffff0000000000000000" },
    { "66 0f 3a 63 46 01 00 ; pcmpistri xmm0, [esi+1], any of", "xmm0=00000000000000000000000000006261 [20001]=627a7978 [20005]=00", "ecx=3 flags=c1" },
    { "66 0f 3a 63 46 01 00 ; none", "xmm0=00000000000000000000000000006261 [20001]=007a7978", "ecx=10 flags=c0" },
    { "66 0f 3a 63 c1 0d ; words in order", "xmm0=00000000000000000000000000330022 xmm1=00010001000100330022001100330022", "ecx=0 flags=881" },
    { "66 0f 3a 63 c1 4d ; the last", "xmm0=00000000000000000000000000330022 xmm1=00010001000100330022001100330022", "ecx=3 flags=881" },
    { "66 0f 3a 60 c1 48 ; pcmpestrm xmm0, xmm1, byte mask", "eax=3 edx=3 xmm0=00000000000000000000000000636261 xmm1=00000000000000000000000000646261", "xmm0=ffffffffffffffffffffffffff00ffff flags=8c1" },
    { "66 0f 3a 62 c1 08 ; pcmpistrm, bit mask", "xmm0=00000000000000000000000000636261 xmm1=00000000000000000000000000646261", "xmm0=0000000000000000000000000000fffb flags=8c1" },
    { "66 0f 3a 61 c0 18 ; pcmpestri xmm0, xmm0, first difference", "eax=ffffffec edx=7fffffff", "ecx=10 flags=0" },
    { "66 0f 3a 61 c0 18 ; a negative length is its magnitude", "eax=fffffffd edx=80000000", "ecx=3 flags=81" },
    { "f2 0f 38 f1 c3 f2 0f 38 f1 c1 f2 0f 38 f0 c2 ; crc32 of 123456789", "eax=ffffffff ebx=34333231 ecx=38373635 edx=ffffff39", "eax=1cf96d7c" },
    { "66 f2 0f 38 f1 06 66 f2 0f 38 f1 46 02 66 f2 0f 38 f1 46 04 66 f2 0f 38 f1 46 06 f2 0f 38 f0 46 08", "eax=ffffffff [20000]=3837363534333231 [20008]=39", "eax=1cf96d7c" },
)

CASES(test_popcnt_movbe,
    { "f3 0f b8 c3 ; popcnt eax, ebx", "ebx=ff00ff01", "eax=11 flags=0" },
    { "f3 0f b8 c3", "ebx=0", "eax=0 flags=40" },
    { "66 f3 0f b8 c3 ; popcnt ax, bx", "eax=12345678 ebx=ffff0003", "eax=12340002 flags=0" },
    { "66 f3 0f b8 c3", "eax=12345678 ebx=ffff0000", "eax=12340000 flags=40" },
    { "f3 0f b8 06 ; popcnt eax, [esi]", A, "eax=14 flags=0" },
    { "0f 38 f0 06 ; movbe eax, [esi]", A, "eax=efcdab89" },
    { "66 0f 38 f0 06 ; movbe ax, [esi]", A " eax=11223344", "eax=1122efcd" },
    { "0f 38 f1 1e ; movbe [esi], ebx", "ebx=12345678", "[20000]=78563412" },
    { "66 0f 38 f1 1e ; movbe [esi], bx", "ebx=12345678", "[20000]=7856" },
    { "0f 38 f1 06", "esi=22000", "fault=e err=6" },
)

#define AES_STATE "xmm0=7b5b54657374566563746f725d53475d"
#define AES_KEY   "xmm1=48692853686179295b477565726f6e5d"
CASES(test_crypto,
    { "66 0f 38 dc c1 ; aesenc xmm0, xmm1", AES_STATE " " AES_KEY, "xmm0=a8311c2f9fdba3c58b104b58ded7e595" },
    { "66 0f 38 dd c1 ; aesenclast", AES_STATE " " AES_KEY, "xmm0=c7fb881e938c5964177ec42553fdc611" },
    { "66 0f 38 de c1 ; aesdec", AES_STATE " " AES_KEY, "xmm0=138ac342faea2787b58eb95eb730392a" },
    { "66 0f 38 df c1 ; aesdeclast", AES_STATE " " AES_KEY, "xmm0=c5a391ef6b317f95d410637b72a593d0" },
    { "66 0f 38 db c0 ; aesimc xmm0, xmm0", AES_STATE, "xmm0=627a6f6644b109c82b18330a81c3b3e5" },
    { "66 0f 3a df c1 01 ; aeskeygenassist xmm0, xmm1, 1", "xmm1=3c4fcf098815f7aba6d2ae2816157e2b", "xmm0=01eb848beb848a013424b5e524b5e434" },
    { "66 0f 3a 44 c1 00 ; pclmulqdq xmm0, xmm1", AES_STATE " " AES_KEY, "xmm0=1d4d84c85c3440c0929633d5d36f0451" },
    { "66 0f 3a 44 c1 01", AES_STATE " " AES_KEY, "xmm0=1a2bf6db3a30862fbabf262df4b7d5c9" },
    { "66 0f 3a 44 c1 10", AES_STATE " " AES_KEY, "xmm0=1bd17c8d556ab5a17fa540ac2a281315" },
    { "66 0f 3a 44 c1 11", AES_STATE " " AES_KEY, "xmm0=1d1e1f2c592e7c45d66ee03e410fd4ed" },
    { "66 0f 38 dc 46 08 ; misaligned", "", "fault=d" },
    { "0f 38 cb 46 08 ; sha256rnds2, misaligned", "", "fault=d" },
)

CASES(test_3dnow,
    { "0f 0f c1 9e ; pfadd mm0, mm1", "mm0=3f80000040000000 mm1=400000003f000000", "mm0=4040000040200000 se0=ffff " MMX_ON },
    { "0f 0f 06 9e ; pfadd mm0, [esi]", "mm0=3f80000040000000 [20000]=400000003f000000", "mm0=4040000040200000 se0=ffff " MMX_ON },
    { "0f 0f c1 9e ; overflow", "mm0=7f7fffffff7fffff mm1=7f7fffffff7fffff", "mm0=7f7fffffff7fffff se0=ffff " MMX_ON },
    { "0f 0f c1 9e ; zeros", "mm0=8000000080000000 mm1=8000000000000000", "mm0=8000000000000000 se0=ffff " MMX_ON },
    { "0f 0f c1 9e ; cancelled: the sign of the first", "mm0=bf8000003f800000 mm1=3f800000bf800000", "mm0=8000000000000000 se0=ffff " MMX_ON },
    { "0f 0f c1 9e ; tiny: of the larger", "mm0=0080000100800000 mm1=8080000080800001", "mm0=0000000080000000 se0=ffff " MMX_ON },
    { "0f 0f c1 9e ; denormals are zeros", "mm0=000000013f800000 mm1=3f800000807fffff", "mm0=3f8000003f800000 se0=ffff " MMX_ON },
    { "0f 0f c1 9e ; to nearest, to even", "mm0=3f8000003f800001 mm1=3380000033800000", "mm0=3f8000003f800002 se0=ffff " MMX_ON },
    { "0f 0f c1 9a ; pfsub", "mm0=8000000000000000 mm1=000000003f800000", "mm0=80000000bf800000 se0=ffff " MMX_ON },
    { "0f 0f c1 aa ; pfsubr", "mm0=3f80000040000000 mm1=400000003f800000", "mm0=3f800000bf800000 se0=ffff " MMX_ON },
    { "0f 0f c1 b4 ; pfmul", "mm0=400000007f7fffff mm1=40400000c0000000", "mm0=40c00000ff7fffff se0=ffff " MMX_ON },
    { "0f 0f c1 b4 ; tiny, zero", "mm0=8080000000000000 mm1=3f000000bf800000", "mm0=8000000080000000 se0=ffff " MMX_ON },
    { "0f 0f c1 94 ; pfmin", "mm0=80000000c0000000 mm1=3f8000003f800000", "mm0=00000000c0000000 se0=ffff " MMX_ON },
    { "0f 0f c1 a4 ; pfmax", "mm0=80000000c0000000 mm1=bf8000003f800000", "mm0=000000003f800000 se0=ffff " MMX_ON },
    { "0f 0f c1 b0 ; pfcmpeq", "mm0=000000003f800000 mm1=8000000040000000", "mm0=ffffffff00000000 se0=ffff " MMX_ON },
    { "0f 0f c1 90 ; pfcmpge", "mm0=80000000bf800000 mm1=0000000040000000", "mm0=ffffffff00000000 se0=ffff " MMX_ON },
    { "0f 0f c1 a0 ; pfcmpgt", "mm0=40000000bf800000 mm1=3f800000bf800000", "mm0=ffffffff00000000 se0=ffff " MMX_ON },
    { "0f 0f c1 ae ; pfacc", "mm0=400000003f800000 mm1=4080000040400000", "mm0=40e0000040400000 se0=ffff " MMX_ON },
    { "0f 0f c1 1d ; pf2id", "mm1=bfc000004f000000", "mm0=ffffffff7fffffff se0=ffff " MMX_ON },
    { "0f 0f c1 1d", "mm1=ff7fffff3f7fffff", "mm0=8000000000000000 se0=ffff " MMX_ON },
    { "0f 0f c1 0d ; pi2fd truncates", "mm1=7fffffff81000001", "mm0=4effffffcefdffff se0=ffff " MMX_ON },
    { "0f 0f c1 b7 ; pmulhrw", "mm0=4000400080000003 mm1=40000001800000ff", "mm0=1000000040000000 se0=ffff " MMX_ON },
    { "0f 0f c1 bf ; pavgusb", "mm0=00ff010203040506 mm1=01ff000203040507", "mm0=01ff010203040507 se0=ffff " MMX_ON },
    { "0f 0f c1 96 ; pfrcp of the low half", "mm1=3f80000040000000", "mm0=3f0000003f000000 se0=ffff " MMX_ON },
    { "0f 0f c1 96 ; of zero", "mm1=3f80000080000000", "mm0=ff7fffffff7fffff se0=ffff " MMX_ON },
    { "0f 0f c1 96 ; of the largest", "mm1=3f800000ff7fffff", "mm0=8000000080000000 se0=ffff " MMX_ON },
    { "0f 0f c1 97 ; pfrsqrt", "mm1=3f800000c0800000", "mm0=bf000000bf000000 se0=ffff " MMX_ON },
    { "0f 0f c1 97 ; of zero", "mm1=3f80000000000001", "mm0=7f7fffff7f7fffff se0=ffff " MMX_ON },
    { "0f 0e ; femms", "empty=0", "fsw=0 empty=ff" },
    { "0f 0d 0e ; prefetchw of nowhere", "esi=22000", "" },
    { "0f 0f c1 9e ; with TS", "cr0=80000029", "fault=7" },
    { "0f 0f c1 9e ; with EM", "cr0=80000025", "fault=6" },
    { "0f 0f c1 9e ; with a pending x87 exception", "fsw=a881 fcw=37e", "fault=10" },
    { "0f 0f 06 9e ; page fault", "esi=22000", "fault=e err=4" },
)

CASES(test_3dnow_extended,
    { "0f 0f c1 1c ; pf2iw", "mm1=47000000c7000100", "mm0=00007fffffff8000 se0=ffff " MMX_ON },
    { "0f 0f c1 0c ; pi2fw", "mm1=1234ffff00008000", "mm0=bf800000c7000000 se0=ffff " MMX_ON },
    { "0f 0f c1 8a ; pfnacc", "mm0=400000003f800000 mm1=4080000040400000", "mm0=bf800000bf800000 se0=ffff " MMX_ON },
    { "0f 0f c1 8e ; pfpnacc", "mm0=400000003f800000 mm1=4080000040400000", "mm0=40e00000bf800000 se0=ffff " MMX_ON },
    { "0f 0f c1 bb ; pswapd", "mm1=1111111122222222", "mm0=2222222211111111 se0=ffff " MMX_ON },
)

/* clang-format on */

/* -- the approximations -- */

static double value_of(u32 bits)
{
    float f;

    memcpy(&f, &bits, 4);
    return f;
}

/* Runs op on the low halves of MM0 and MM1. */
static u32 compute(struct cpu *cpu, enum vec_op op, u32 d, u32 s)
{
    cpu->fpu.st[0].sig = d;
    cpu->fpu.st[1].sig = s;
    vec_exec(cpu, op, (u32)mmx_offset(0), (u32)mmx_offset(1), 0);
    return (u32)cpu->fpu.st[0].sig;
}

static void check_error(const char *what, u32 of, double got, double want, double bound)
{
    double error = got / want - 1;

    if (!(error <= bound && error >= -bound))
        fail_msg("%s of %08x is %.9g, not %.9g", what, of, got, want);
}

static double newton_root(double v)
{
    double r = v;

    for (unsigned i = 0; i < 200; i++)
        r = (r + v / r) / 2;
    return r;
}

/* 14 and 15 bits at first, float32's last place after the steps that the manual gives. */
static void test_reciprocals(void **state)
{
    struct cpu *cpu = ((struct rig *)*state)->cpu;
    const double ulp = 1.0 / (1 << 23);
    u32 v = 0x00801234;

    for (unsigned i = 0; i < 100000; i++, v += 21269) {
        double x = value_of(v);
        u32 rough, fine;

        if (v > 0x7e000000)
            v -= 0x7d000000;
        x = value_of(v);
        rough = compute(cpu, VEC_OP_pfrcp, 0, v);
        check_error("pfrcp", v, value_of(rough), 1 / x, 1.0 / (1 << 14));
        fine = compute(cpu, VEC_OP_pfrcpit1, v, rough);
        fine = compute(cpu, VEC_OP_pfrcpit2, fine, rough);
        check_error("the reciprocal", v, value_of(fine), 1 / x, ulp);
        if (i % 8)
            continue;
        x = newton_root(x);
        rough = compute(cpu, VEC_OP_pfrsqrt, 0, v);
        check_error("pfrsqrt", v, value_of(rough), 1 / x, 1.0 / (1 << 15));
        fine = compute(cpu, VEC_OP_pfmul, rough, rough);
        fine = compute(cpu, VEC_OP_pfrsqit1, v, fine);
        fine = compute(cpu, VEC_OP_pfrcpit2, fine, rough);
        check_error("the reciprocal root", v, value_of(fine), 1 / x, ulp);
    }
}

/* -- SHA -- */

static void exec(struct cpu *cpu, enum vec_op op, unsigned d, unsigned s, u32 imm)
{
    vec_exec(cpu, op, (u32)xmm_offset(d), (u32)xmm_offset(s), imm);
}

static void set_lanes(struct cpu *cpu, unsigned n, u32 d3, u32 d2, u32 d1, u32 d0)
{
    union xmm *x = &cpu->xmm[n];

    VD(*x, 0) = d0;
    VD(*x, 1) = d1;
    VD(*x, 2) = d2;
    VD(*x, 3) = d3;
}

static void assert_lanes(const struct cpu *cpu, unsigned n, u32 d3, u32 d2, u32 d1, u32 d0)
{
    const union xmm *x = &cpu->xmm[n];

    assert_int_equal(VD(*x, 0), d0);
    assert_int_equal(VD(*x, 1), d1);
    assert_int_equal(VD(*x, 2), d2);
    assert_int_equal(VD(*x, 3), d3);
}

/* SHA-1 of "abc": A to D in XMM0, E in XMM1, the message in XMM4 to XMM7. */
static void test_sha1(void **state)
{
    struct cpu *cpu = ((struct rig *)*state)->cpu;

    set_lanes(cpu, 0, 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476);
    set_lanes(cpu, 1, 0xc3d2e1f0, 0, 0, 0);
    set_lanes(cpu, 4, 0x61626380, 0, 0, 0);
    set_lanes(cpu, 5, 0, 0, 0, 0);
    set_lanes(cpu, 6, 0, 0, 0, 0);
    set_lanes(cpu, 7, 0, 0, 0, 24);
    for (unsigned g = 0; g < 20; g++) {
        unsigned w = 4 + g % 4, w1 = 4 + (g + 1) % 4, w2 = 4 + (g + 2) % 4, w3 = 4 + (g + 3) % 4;
        if (g >= 4) {
            exec(cpu, VEC_OP_sha1msg1, w, w1, 0);
            exec(cpu, VEC_OP_pxor, w, w2, 0);
            exec(cpu, VEC_OP_sha1msg2, w, w3, 0);
        }
        exec(cpu, g ? VEC_OP_sha1nexte : VEC_OP_paddd, 1, w, 0);
        exec(cpu, VEC_OP_movdqa, 2, 0, 0);
        exec(cpu, VEC_OP_sha1rnds4, 0, 1, g / 5);
        exec(cpu, VEC_OP_movdqa, 1, 2, 0);
    }
    set_lanes(cpu, 3, 0xc3d2e1f0, 0, 0, 0);
    exec(cpu, VEC_OP_sha1nexte, 1, 3, 0);
    set_lanes(cpu, 3, 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476);
    exec(cpu, VEC_OP_paddd, 0, 3, 0);
    assert_lanes(cpu, 0, 0xa9993e36, 0x4706816a, 0xba3e2571, 0x7850c26c);
    assert_lanes(cpu, 1, 0x9cd0d89d, 0, 0, 0);
}

/* The first 32 bits of the fraction of prime number n's cube root. */
static u32 sha256_constant(unsigned n)
{
    u64 prime = 2, root = 0;

    for (unsigned found = 0; found < n;) {
        bool is_prime = true;
        prime++;
        for (u64 d = 2; d * d <= prime; d++)
            is_prime &= prime % d != 0;
        found += is_prime;
    }
    for (int bit = 34; bit >= 0; bit--) {
        unsigned __int128 r = root | 1ull << bit;
        if (r * r * r <= (unsigned __int128)prime << 96)
            root = (u64)r;
    }
    return (u32)root;
}

/* SHA-256 of "abc": A, B, E, F in XMM1, C, D, G, H in XMM2, the message in XMM4 to XMM7. */
static void test_sha256(void **state)
{
    struct cpu *cpu = ((struct rig *)*state)->cpu;

    set_lanes(cpu, 1, 0x6a09e667, 0xbb67ae85, 0x510e527f, 0x9b05688c);
    set_lanes(cpu, 2, 0x3c6ef372, 0xa54ff53a, 0x1f83d9ab, 0x5be0cd19);
    set_lanes(cpu, 4, 0, 0, 0, 0x61626380);
    set_lanes(cpu, 5, 0, 0, 0, 0);
    set_lanes(cpu, 6, 0, 0, 0, 0);
    set_lanes(cpu, 7, 24, 0, 0, 0);
    for (unsigned g = 0; g < 16; g++) {
        unsigned w = 4 + g % 4, w1 = 4 + (g + 1) % 4, w2 = 4 + (g + 2) % 4, w3 = 4 + (g + 3) % 4;
        if (g >= 4) {
            exec(cpu, VEC_OP_sha256msg1, w, w1, 0);
            exec(cpu, VEC_OP_movdqa, 3, w3, 0);
            exec(cpu, VEC_OP_palignr, 3, w2, 4);
            exec(cpu, VEC_OP_paddd, w, 3, 0);
            exec(cpu, VEC_OP_sha256msg2, w, w3, 0);
        }
        set_lanes(cpu, 0, sha256_constant(4 * g + 3), sha256_constant(4 * g + 2),
                  sha256_constant(4 * g + 1), sha256_constant(4 * g));
        exec(cpu, VEC_OP_paddd, 0, w, 0);
        exec(cpu, VEC_OP_sha256rnds2, 2, 1, 0);
        exec(cpu, VEC_OP_pshufd, 0, 0, 0x0e);
        exec(cpu, VEC_OP_sha256rnds2, 1, 2, 0);
    }
    set_lanes(cpu, 3, 0x6a09e667, 0xbb67ae85, 0x510e527f, 0x9b05688c);
    exec(cpu, VEC_OP_paddd, 1, 3, 0);
    set_lanes(cpu, 3, 0x3c6ef372, 0xa54ff53a, 0x1f83d9ab, 0x5be0cd19);
    exec(cpu, VEC_OP_paddd, 2, 3, 0);
    assert_lanes(cpu, 1, 0xba7816bf, 0x8f01cfea, 0xb00361a3, 0x96177a9c);
    assert_lanes(cpu, 2, 0x414140de, 0x5dae2223, 0xb410ff61, 0xf20015ad);
}

/* -- who has what -- */

/* A form of each extension: #UD without it, whatever else there is. */
static void test_gate(void **state)
{
    static const struct {
        u8 isa;
        const char *code;
        bool code64;
    } forms[] = {
        {ISA_SEP, "0f 34", false},
        {ISA_FXSR, "0f ae 06", false},
        {ISA_MMX, "0f fc c1", false},
        {ISA_MMXEXT, "0f da c1", false},
        {ISA_MMXEXT, "0f 70 c1 1b", false},
        {ISA_MMXEXT, "0f ae f8", false},
        {ISA_3DNOW, "0f 0f c1 9e", false},
        {ISA_3DNOW, "0f 0e", false},
        {ISA_3DNOWEXT, "0f 0f c1 bb", false},
        {ISA_PREFETCHW, "0f 0d 0e", false},
        {ISA_SSE, "0f 58 c1", false},
        {ISA_SSE2, "66 0f fc c1", false},
        {ISA_CLFLUSH, "0f ae 3e", false},
        {ISA_SSE3, "f2 0f d0 c1", false},
        {ISA_MONITOR, "0f 01 c8", false},
        {ISA_MONITOR, "0f 01 c9", false},
        {ISA_SSSE3, "66 0f 38 00 c1", false},
        {ISA_SSE41, "66 0f 38 17 c1", false},
        {ISA_SSE42, "f2 0f 38 f1 c1", false},
        {ISA_POPCNT, "f3 0f b8 c1", false},
        {ISA_MOVBE, "0f 38 f0 06", false},
        {ISA_AES, "66 0f 38 dc c1", false},
        {ISA_PCLMUL, "66 0f 3a 44 c1 00", false},
        {ISA_SHA, "0f 38 c8 c1", false},
        {ISA_RDTSCP, "0f 01 f9", false},
        {ISA_SMAP, "0f 01 ca", false},
        {ISA_LM, "48 63 c1", true},
        {ISA_SYSCALL, "0f 05", true},
        {ISA_CX16, "48 0f c7 0e", true},
        {ISA_LAHF64, "9f", true},
    };
    struct rig *r = *state;
    static struct state in, out;
    u64 seen = 0;

    for (unsigned i = 0; i < ARRAY_LEN(forms); i++) {
        default_state(&in);
        load_state(r, &in, forms[i].code64);
        rig_lift(r, rig_load(r, forms[i].code), ISA_ALL & ~ISA_BIT(forms[i].isa), true);
        run(r, &out);
        assert_int_equal(out.fault, VEC_UD);
        seen |= ISA_BIT(forms[i].isa);
    }
    for (unsigned isa = ISA_GENERATIONS; isa < ISA_COUNT; isa++)
        assert_true((seen >> isa & 1) || isa == ISA_FPU);
}

static u64 isas_of(struct cpu *cpu, enum isa generation, u64 features)
{
    struct cpu_model model = *cpu_model_default();

    model.isa = generation;
    model.features = features;
    cpu_set_model(cpu, &model);
    u64 isas = cpu->isas;
    cpu_set_model(cpu, cpu_model_default());
    return isas;
}

/* Extensions follow from features, not from the generation. */
static void test_models(void **state)
{
    struct cpu *cpu = ((struct rig *)*state)->cpu;
    const u64 p5 = ISA_BIT(ISA_P5 + 1) - 1, fpu = ISA_BIT(ISA_FPU);
    const u64 mmx = FEAT_BIT(MMX), amd = mmx | FEAT_BIT(3DNOW), athlon = amd | FEAT_BIT(MMXEXT);

    assert_true(isas_of(cpu, ISA_P5, 0) == (p5 | fpu));
    assert_true(isas_of(cpu, ISA_P5, amd) ==
                (p5 | fpu | ISA_BIT(ISA_MMX) | ISA_BIT(ISA_3DNOW) | ISA_BIT(ISA_PREFETCHW)));
    assert_true(isas_of(cpu, ISA_P6, athlon) ==
                (p5 | fpu | ISA_BIT(ISA_P6) | ISA_BIT(ISA_MMX) | ISA_BIT(ISA_3DNOW) |
                 ISA_BIT(ISA_PREFETCHW) | ISA_BIT(ISA_MMXEXT)));
    assert_true(isas_of(cpu, ISA_P6, mmx | FEAT_BIT(SSE)) ==
                (p5 | fpu | ISA_BIT(ISA_P6) | ISA_BIT(ISA_MMX) | ISA_BIT(ISA_PREFETCHW) |
                 ISA_BIT(ISA_MMXEXT) | ISA_BIT(ISA_SSE)));
    assert_true(isas_of(cpu, ISA_386, 0) == ((ISA_BIT(ISA_386 + 1) - 1) | fpu));
    assert_true(isas_of(cpu, ISA_P6, ~0ull) == ISA_ALL);
}

static void test_cpuid(void **state)
{
    struct cpu *cpu = ((struct rig *)*state)->cpu;
    u32 r[4];

    cpu_set_model(cpu, cpu_model_default());
    cpu_reset(cpu);
    cpu_cpuid(cpu, 1, 0, r);
    assert_int_equal(r[2], 1u << 0 | 1 << 1 | 1 << 3 | 1 << 9 | 1 << 13 | 1 << 19 | 1 << 20 |
                               1 << 22 | 1 << 23 | 1 << 24 | 1 << 25 | 1u << 31);
    assert_int_equal(r[1] & 0xff00, 8 << 8); /* CLFLUSH: 64 bytes */
    assert_true(r[3] >> 19 & 1);
    cpu_cpuid(cpu, 7, 0, r);
    assert_int_equal(r[1], 1 << 29); /* SHA */
    cpu_cpuid(cpu, 0x80000001, 0, r);
    assert_true(r[3] >> 27 & 1);
    assert_int_equal(r[3] >> 30, 0); /* no 3DNow! */
    cpu_set_model(cpu, cpu_model_find("pentium3"));
    cpu_reset(cpu);
    cpu_cpuid(cpu, 1, 0, r);
    assert_int_equal(r[2], 0);
    assert_int_equal(r[1] & 0xff00, 0);
    cpu_set_model(cpu, cpu_model_default());
    cpu_reset(cpu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sse41),        cmocka_unit_test(test_sse42),
        cmocka_unit_test(test_popcnt_movbe), cmocka_unit_test(test_crypto),
        cmocka_unit_test(test_3dnow),        cmocka_unit_test(test_3dnow_extended),
        cmocka_unit_test(test_reciprocals),  cmocka_unit_test(test_sha1),
        cmocka_unit_test(test_sha256),       cmocka_unit_test(test_gate),
        cmocka_unit_test(test_models),       cmocka_unit_test(test_cpuid),
    };

    return cmocka_run_group_tests(tests, setup, rig_free);
}
