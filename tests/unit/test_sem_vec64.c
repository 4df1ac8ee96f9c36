/* MMX and SSE instructions in 64-bit mode, from bytes to their effect, as test_sem_vec.c does for
 * the rest: XMM8 to XMM15, operands of 64 bits, general registers whose upper halves are cleared,
 * addresses, images of FXSAVE. */
#include "tests/unit/vec_cases.h"

/* clang-format off */

#define A "[20000]=0123456789abcdef [20008]=1122334455667788"
#define A_128 "11223344556677880123456789abcdef"
#define X1 "xmm1=0f1e2d3c4b5a69788796a5b4c3d2e1f0"
#define X9 "xmm9=ffeeddccbbaa99887766554433221100"
#define HIGH_ESI "rsi=ffff800000020000" /* the same page */

CASES(test_moves,
    { "44 0f 28 0e ; movaps xmm9, [rsi]", A, "xmm9=" A_128, true },
    { "44 0f 28 0e ; movaps xmm9, [rsi]", HIGH_ESI " " A, "xmm9=" A_128, true },
    { "45 0f 28 0c 24 ; movaps xmm9, [r12]", "r12=ffff800000020000 " A, "xmm9=" A_128, true },
    { "67 44 0f 10 0e ; movups xmm9, [esi]", "rsi=1234567800020000 " A, "xmm9=" A_128, true },
    { "44 0f 10 4c 8e 04 ; movups xmm9, [rsi+rcx*4+4]", "rcx=ffffffffffffffff " A, "xmm9=" A_128, true },
    { "44 0f 29 0e ; movaps [rsi], xmm9", X9, "[20000]=7766554433221100 [20008]=ffeeddccbbaa9988", true },
    { "44 0f 28 c9 ; movaps xmm9, xmm1", X1, "xmm9=0f1e2d3c4b5a69788796a5b4c3d2e1f0", true },
    { "41 0f 28 c9 ; movaps xmm1, xmm9", X9, "xmm1=ffeeddccbbaa99887766554433221100", true },
    { "45 0f 28 f9 ; movaps xmm15, xmm9", X9, "xmm15=ffeeddccbbaa99887766554433221100", true },
    { "f3 44 0f 10 0e ; movss xmm9, [rsi]", A, "xmm9=00000000000000000000000089abcdef", true },
    { "f3 41 0f 10 c9 ; movss xmm1, xmm9", X1 " " X9, "xmm1=0f1e2d3c4b5a69788796a5b433221100", true },
    { "44 0f 16 0e ; movhps xmm9, [rsi]", X9 " " A, "xmm9=0123456789abcdef7766554433221100", true },
    { "44 0f 17 0e ; movhps [rsi], xmm9", X9, "[20000]=ffeeddccbbaa9988", true },
    { "66 44 0f d6 0e ; movq [rsi], xmm9", X9, "[20000]=7766554433221100", true },
    { "66 4c 0f 6e c8 ; movq xmm9, rax", "rax=fedcba9876543210", "xmm9=0000000000000000fedcba9876543210", true },
    { "66 44 0f 6e c8 ; movd xmm9, eax", "rax=fedcba9876543210", "xmm9=00000000000000000000000076543210", true },
    { "66 4d 0f 6e cb ; movq xmm9, r11", "r11=fedcba9876543210", "xmm9=0000000000000000fedcba9876543210", true },
    { "66 48 0f 6e 0e ; movq xmm1, [rsi]", A, "xmm1=00000000000000000123456789abcdef", true },
    { "66 4c 0f 7e c8 ; movq rax, xmm9", X9, "rax=7766554433221100", true },
    { "66 44 0f 7e c8 ; movd eax, xmm9", X9 " rax=fedcba9876543210", "rax=33221100", true },
    { "66 4d 0f 7e cb ; movq r11, xmm9", X9, "r11=7766554433221100", true },
    { "66 4c 0f 7e 0e ; movq [rsi], xmm9", X9, "[20000]=7766554433221100", true },
    { "48 0f 6e c8 ; movq mm1, rax", "rax=fedcba9876543210", "mm1=fedcba9876543210 se1=ffff " MMX_ON, true },
    { "4d 0f 6e cb ; movq mm1, r11 (REX.R has no meaning)", "r11=fedcba9876543210", "mm1=fedcba9876543210 se1=ffff " MMX_ON, true },
    { "48 0f 7e c8 ; movq rax, mm1", "mm1=fedcba9876543210", "rax=fedcba9876543210 " MMX_ON, true },
    { "0f 7e c8 ; movd eax, mm1", "mm1=fedcba9876543210 rax=ffffffffffffffff", "rax=76543210 " MMX_ON, true },
    { "48 0f c3 06 ; movnti [rsi], rax", "rax=fedcba9876543210", "[20000]=fedcba9876543210", true },
)

CASES(test_operations,
    { "66 45 0f fe ca ; paddd xmm9, xmm10", X9 " xmm10=00000001000000020000000300000004", "xmm9=ffeeddcdbbaa998a7766554733221104", true },
    { "66 44 0f fe c9 ; paddd xmm9, xmm1", X9 " xmm1=00000001000000020000000300000004", "xmm9=ffeeddcdbbaa998a7766554733221104", true },
    { "66 41 0f fe c9 ; paddd xmm1, xmm9", "xmm9=00000001000000020000000300000004 xmm1=00000000000000000000000000000001", "xmm1=00000001000000020000000300000005", true },
    { "66 44 0f fe 0e ; paddd xmm9, [rsi]", "xmm9=00000001000000020000000300000004 " A, "xmm9=112233455566778a0123456a89abcdf3", true },
    { "66 41 0f 73 f9 04 ; pslldq xmm9, 4", X9, "xmm9=bbaa9988776655443322110000000000", true },
    { "66 41 0f 72 d1 08 ; psrld xmm9, 8", X9, "xmm9=00ffeedd00bbaa990077665500332211", true },
    { "66 41 0f d7 c1 ; pmovmskb eax, xmm9", X9 " rax=ffffffffffffffff", "rax=ff00", true },
    { "66 4d 0f d7 d9 ; pmovmskb r11, xmm9", X9 " r11=ffffffffffffffff", "r11=ff00", true },
    { "41 0f 50 c1 ; movmskps eax, xmm9", X9 " rax=ffffffffffffffff", "rax=c", true },
    { "66 41 0f c5 c1 07 ; pextrw eax, xmm9, 7", X9 " rax=ffffffffffffffff", "rax=ffee", true },
    { "66 4c 0f 3a 16 c8 01 ; pextrq rax, xmm9, 1", X9, "rax=ffeeddccbbaa9988", true },
    { "66 44 0f 3a 16 c8 01 ; pextrd eax, xmm9, 1", X9 " rax=ffffffffffffffff", "rax=77665544", true },
    { "66 4c 0f 3a 16 0e 03 ; pextrq [rsi], xmm9, 3", X9, "[20000]=ffeeddccbbaa9988", true },
    { "66 44 0f 3a 14 c8 0f ; pextrb eax, xmm9, 15", X9 " rax=ffffffffffffffff", "rax=ff", true },
    { "66 4c 0f 3a 22 c8 01 ; pinsrq xmm9, rax, 1", X9 " rax=fedcba9876543210", "xmm9=fedcba98765432107766554433221100", true },
    { "66 4c 0f 3a 22 0e 00 ; pinsrq xmm9, [rsi], 0", X9 " " A, "xmm9=ffeeddccbbaa99880123456789abcdef", true },
    { "66 45 0f 2e ca ; ucomisd xmm9, xmm10", "xmm9=00000000000000003ff0000000000000 xmm10=00000000000000004000000000000000", "flags=1", true },
    { "45 0f c6 ca e4 ; shufps xmm9, xmm10, e4", X9 " xmm10=0f1e2d3c4b5a69788796a5b4c3d2e1f0", "xmm9=0f1e2d3c4b5a69787766554433221100", true },
    { "66 44 0f 38 10 0e ; pblendvb xmm9, [rsi]", X9 " xmm0=80008000800080000000000000000080 " A, "xmm9=11ee33cc55aa778877665544332211ef", true },
)

CASES(test_conversions,
    { "f2 4c 0f 2a c8 ; cvtsi2sd xmm9, rax", "rax=8000000000000000 " X9, "xmm9=ffeeddccbbaa9988c3e0000000000000", true },
    { "f2 48 0f 2a c8 ; cvtsi2sd xmm1, rax", "rax=7fffffffffffffff " X1, "xmm1=0f1e2d3c4b5a697843e0000000000000 mxcsr=1fa0", true },
    { "f2 44 0f 2a c8 ; cvtsi2sd xmm9, eax", "rax=7fffffffffffffff " X9, "xmm9=ffeeddccbbaa9988bff0000000000000", true },
    { "f3 4c 0f 2a 0e ; cvtsi2ss xmm9, [rsi]", "[20000]=0000010000000000 " X9, "xmm9=ffeeddccbbaa99887766554453800000", true },
    { "f2 4d 0f 2c d9 ; cvttsd2si r11, xmm9", "xmm9=0000000000000000c1e0000000200000", "r11=ffffffff7fffffff", true },
    { "f2 45 0f 2c d9 ; cvttsd2si r11d, xmm9", "xmm9=0000000000000000c1dfffffffc00000 r11=ffffffffffffffff", "r11=80000001", true },
    { "f2 49 0f 2c c1 ; cvttsd2si rax, xmm9", "xmm9=000000000000000043e0000000000000", "rax=8000000000000000 mxcsr=1f81", true },
    { "f2 49 0f 2d c1 ; cvtsd2si rax, xmm9", "xmm9=00000000000000004008000000000000", "rax=3", true },
    { "f3 48 0f 2c 06 ; cvttss2si rax, [rsi]", "[20000]=5effffff", "rax=7fffff8000000000", true },
    { "f3 48 0f 2d 06 ; cvtss2si rax, [rsi]", "[20000]=c0200000", "rax=fffffffffffffffe mxcsr=1fa0", true },
    { "f2 48 0f 2c c1 ; with MXCSR.IM clear", "mxcsr=1f00 xmm1=00000000000000007ff8000000000000", "fault=13 mxcsr=1f01", true },
)

CASES(test_strings_and_masks,
    /* lengths saturate: 2^32 characters are 16, or with REX.W clear none */
    { "66 48 0f 3a 61 ca 0c ; pcmpestri xmm1, xmm2", "rax=100000000 rdx=100000000 rcx=ffffffffffffffff xmm1=61616161616161616161616161616161 xmm2=61616161616161616161616161616161",
      "rcx=0 flags=801", true },
    { "66 0f 3a 61 ca 0c", "rax=100000000 rdx=100000000 rcx=ffffffffffffffff xmm1=61616161616161616161616161616161 xmm2=61616161616161616161616161616161",
      "rcx=0 flags=8c1", true },
    { "66 48 0f 3a 61 ca 0c", "rax=8000000000000000 rdx=ffffffffffffffff xmm1=61616161616161616161616161616161 xmm2=62626262626262626262626262626261",
      "rcx=10 flags=40", true },
    { "66 45 0f f7 ca ; maskmovdqu xmm9, xmm10", "rdi=ffff800000020000 " X9 " xmm10=80000000000000000000000000000080", "[20000]=00 [2000f]=ff", true },
    { "67 66 45 0f f7 ca ; to [edi]", "rdi=1234567800020000 " X9 " xmm10=80000000000000000000000000000080", "[20000]=00 [2000f]=ff", true },
)

CASES(test_faults,
    { "44 0f 28 4e 08 ; movaps xmm9, [rsi+8]", "", "fault=d", true },
    { "66 44 0f fe 4e 08 ; paddd xmm9, [rsi+8]", HIGH_ESI, "fault=d", true },
    { "44 0f 10 4e 08 ; movups xmm9, [rsi+8]", "rsi=0001000000000000", "fault=d", true },
    { "44 0f 10 0e ; movups xmm9, [rsi]", "rsi=21ff8", "fault=e err=4", true },
    { "44 0f 11 0e ; movups [rsi], xmm9", "rsi=ffff800000022000", "fault=e err=6", true },
    { "48 0f ae 46 08 ; fxsave64 [rsi+8]", "", "fault=d", true },
    { "48 0f ae 0e ; fxrstor64 [rsi]", "rsi=0001000000000000", "fault=d", true },
    { "0f ae 06 ; fxsave [rsi]", "rsi=21f00", "fault=e err=6", true },
)

/* clang-format on */

/* -- images of FXSAVE -- */

static void run_code(struct rig *r, const char *code, const struct state *in, struct state *out)
{
    load_state(r, in, true);
    r->cpu->fpu.fip = 0x123456789abcdef0;
    r->cpu->fpu.fdp = 0xfedcba9876543210;
    r->cpu->fpu.fcs = 0x33;
    r->cpu->fpu.fds = 0x2b;
    rig_lift(r, rig_load(r, code), ISA_ALL, true);
    *out = *in;
    run(r, out);
    assert_int_equal(out->fault, ~0u);
}

/* Saves by one instruction, restores by another over a state that is all different. */
static void check_images(struct rig *r, const char *save, const char *restore, u64 fip, u64 fdp,
                         u32 selectors)
{
    static struct state in, out, back;
    const struct x87 *f = &r->cpu->fpu;
    const u8 *image = phys_ram(r->phys) + DATA;

    rig_map_long(r, ABSENT);
    default_state(&in);
    run_code(r, save, &in, &out);
    assert_true(load_le(image + 8, 8) == (fip | (u64)(selectors & 0xffff) << 32));
    assert_true(load_le(image + 16, 8) == (fdp | (u64)(selectors >> 16) << 32));
    assert_memory_equal(image + 160, in.xmm, sizeof(in.xmm));
    assert_memory_equal(image + 416, in.mem + 416, 96); /* left alone */
    back = out;
    memset(back.xmm, 0xee, sizeof(back.xmm));
    run_code(r, restore, &back, &out);
    assert_memory_equal(out.xmm, in.xmm, sizeof(in.xmm));
    assert_true(f->fip == fip && f->fdp == fdp);
    assert_int_equal(f->fcs | (u32)f->fds << 16, selectors);
}

static void test_fxsave(void **state)
{
    check_images(*state, "0f ae 06", "0f ae 0e", 0x9abcdef0, 0x76543210, 0x2b0033);
    check_images(*state, "48 0f ae 06", "48 0f ae 0e", 0x123456789abcdef0, 0xfedcba9876543210, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moves),       cmocka_unit_test(test_operations),
        cmocka_unit_test(test_conversions), cmocka_unit_test(test_strings_and_masks),
        cmocka_unit_test(test_faults),      cmocka_unit_test(test_fxsave),
    };

    return cmocka_run_group_tests(tests, setup, rig_free);
}
