/* MMX and SSE instructions from bytes to their effect: each case is decoded, lifted and run by the
 * interpreter, as lifted and optimized. Arithmetic itself is test_vec.c's; here it is operands,
 * memory forms, faults, the MMX state, and what happens to MXCSR. What a case does not mention must
 * not change. */
#include "tests/unit/vec_cases.h"

/* -- cases -- */

/* clang-format off */

#define A "[20000]=0123456789abcdef [20008]=1122334455667788"
#define A_128 "11223344556677880123456789abcdef"
#define X0 "xmm0=ffeeddccbbaa99887766554433221100"
#define X1 "xmm1=0f1e2d3c4b5a69788796a5b4c3d2e1f0"

CASES(test_xmm_moves,
    { "0f 28 06 ; movaps xmm0, [esi]", A, "xmm0=" A_128 },
    { "66 0f 28 06 ; movapd xmm0, [esi]", A, "xmm0=" A_128 },
    { "66 0f 6f 06 ; movdqa xmm0, [esi]", A, "xmm0=" A_128 },
    { "0f 10 46 01 ; movups xmm0, [esi+1]", "[20001]=0123456789abcdef [20009]=1122334455667788", "xmm0=" A_128 },
    { "f3 0f 6f 46 ff ; movdqu xmm0, [esi-1]", "esi=20001 " A, "xmm0=" A_128 },
    { "f2 0f f0 46 ff ; lddqu xmm0, [esi-1]", "esi=20001 " A, "xmm0=" A_128 },
    { "66 0f 6f c1 ; movdqa xmm0, xmm1", X1, "xmm0=0f1e2d3c4b5a69788796a5b4c3d2e1f0" },
    { "0f 29 c1 ; movaps xmm1, xmm0", X0, "xmm1=ffeeddccbbaa99887766554433221100" },
    { "0f 29 06 ; movaps [esi], xmm0", X0, "[20000]=7766554433221100 [20008]=ffeeddccbbaa9988" },
    { "0f 11 46 03 ; movups [esi+3], xmm0", X0, "[20003]=7766554433221100 [2000b]=ffeeddccbbaa9988" },
    { "66 0f e7 06 ; movntdq [esi], xmm0", X0, "[20000]=7766554433221100 [20008]=ffeeddccbbaa9988" },
    { "0f 2b 06 ; movntps [esi], xmm0", X0, "[20000]=7766554433221100 [20008]=ffeeddccbbaa9988" },
    { "f3 0f 10 06 ; movss xmm0, [esi]", A, "xmm0=00000000000000000000000089abcdef" },
    { "f3 0f 10 c1 ; movss xmm0, xmm1", X0 " " X1, "xmm0=ffeeddccbbaa998877665544c3d2e1f0" },
    { "f3 0f 11 46 01 ; movss [esi+1], xmm0", X0, "[20001]=33221100" },
    { "f3 0f 11 c1 ; movss xmm1, xmm0", X0 " " X1, "xmm1=0f1e2d3c4b5a69788796a5b433221100" },
    { "f2 0f 10 06 ; movsd xmm0, [esi]", A, "xmm0=00000000000000000123456789abcdef" },
    { "f2 0f 10 c1 ; movsd xmm0, xmm1", X0 " " X1, "xmm0=ffeeddccbbaa99888796a5b4c3d2e1f0" },
    { "f2 0f 11 06 ; movsd [esi], xmm0", X0, "[20000]=7766554433221100" },
    { "f3 0f 7e 06 ; movq xmm0, [esi]", A, "xmm0=00000000000000000123456789abcdef" },
    { "f3 0f 7e c1 ; movq xmm0, xmm1", X1, "xmm0=00000000000000008796a5b4c3d2e1f0" },
    { "66 0f d6 c1 ; movq xmm1, xmm0", X0, "xmm1=00000000000000007766554433221100" },
    { "66 0f d6 06 ; movq [esi], xmm0", X0, "[20000]=7766554433221100" },
    { "0f 12 06 ; movlps xmm0, [esi]", A " " X0, "xmm0=ffeeddccbbaa99880123456789abcdef" },
    { "66 0f 16 06 ; movhpd xmm0, [esi]", A " " X0, "xmm0=0123456789abcdef7766554433221100" },
    { "0f 13 06 ; movlps [esi], xmm0", X0, "[20000]=7766554433221100" },
    { "0f 17 06 ; movhps [esi], xmm0", X0, "[20000]=ffeeddccbbaa9988" },
    { "0f 12 c1 ; movhlps xmm0, xmm1", X0 " " X1, "xmm0=ffeeddccbbaa99880f1e2d3c4b5a6978" },
    { "0f 16 c1 ; movlhps xmm0, xmm1", X0 " " X1, "xmm0=8796a5b4c3d2e1f07766554433221100" },
    { "66 0f 6e c3 ; movd xmm0, ebx", "ebx=80000001", "xmm0=00000000000000000000000080000001" },
    { "66 0f 6e 06 ; movd xmm0, [esi]", A, "xmm0=00000000000000000000000089abcdef" },
    { "66 0f 7e c3 ; movd ebx, xmm0", X0, "ebx=33221100" },
    { "66 0f 7e 46 01 ; movd [esi+1], xmm0", X0, "[20001]=33221100" },
    { "0f c3 1e ; movnti [esi], ebx", "ebx=12345678", "[20000]=12345678" },
    { "66 0f c4 c3 0b ; pinsrw xmm0, ebx, 3", X0 " ebx=1234abcd", "xmm0=ffeeddccbbaa9988abcd554433221100" },
    { "66 0f c4 06 07 ; pinsrw xmm0, [esi], 7", A " " X0, "xmm0=cdefddccbbaa99887766554433221100" },
    { "66 0f c5 d8 0c ; pextrw ebx, xmm0, 4", X0, "ebx=9988" },
    { "66 0f d7 d8 ; pmovmskb ebx, xmm0", X0, "ebx=ff00" },
    { "0f 50 d8 ; movmskps ebx, xmm0", X0, "ebx=c" },
    { "66 0f 50 d9 ; movmskpd ebx, xmm1", X1, "ebx=1" },
    { "64 66 0f 6f 06 ; movdqa xmm0, fs:[esi]", "esi=0 " A, "xmm0=" A_128 },
    { "0f 10 06 ; movups xmm0, [esi], across a page", "esi=20ffb [20ffb]=0123456789abcdef [21003]=1122334455667788", "xmm0=" A_128 },
)

CASES(test_xmm_operations,
    { "66 0f fc 06 ; paddb xmm0, [esi]", A " " X0, "xmm0=101010101010101078899aabbccddeef" },
    { "66 0f ef c0 ; pxor xmm0, xmm0", X0, "xmm0=00000000000000000000000000000000" },
    { "66 0f 70 c1 1b ; pshufd xmm0, xmm1, 1b", X1, "xmm0=c3d2e1f08796a5b44b5a69780f1e2d3c" },
    { "66 0f 73 d8 03 ; psrldq xmm0, 3", X0, "xmm0=000000ffeeddccbbaa99887766554433" },
    { "66 0f 73 f0 08 ; psllq xmm0, 8", X0, "xmm0=eeddccbbaa9988006655443322110000" },
    { "66 0f 72 e0 ff ; psrad xmm0, ff", X0, "xmm0=ffffffffffffffff0000000000000000" },
    { "66 0f f3 c1 ; psllq xmm0, xmm1", X0 " xmm1=00000000000000010000000000000004", "xmm0=feeddccbbaa998807665544332211000" },
    { "66 0f 38 00 c1 ; pshufb xmm0, xmm1", X0 " xmm1=0001020304050607ff09800b0c0d0e0f", "xmm0=0011223344556677009900bbccddeeff" },
    { "66 0f 3a 0f c1 0c ; palignr xmm0, xmm1, 0c", X0 " " X1, "xmm0=bbaa998877665544332211000f1e2d3c" },
    { "f2 0f 58 06 ; addsd xmm0, [esi]", "[20000]=4000000000000000 xmm0=123456789abcdef03ff0000000000000", "xmm0=123456789abcdef04008000000000000" },
    { "f3 0f 5e 46 01 ; divss xmm0, [esi+1]", "[20001]=40400000 xmm0=123456789abcdef0000000003f800000", "xmm0=123456789abcdef0000000003eaaaaab mxcsr=1fa0" },
    { "0f 58 c0 0f 5e c0 ; addps xmm0, xmm0; divps xmm0, xmm0", "xmm0=3f8000004000000000000000c0000000", "xmm0=3f8000003f800000ffc000003f800000 mxcsr=1f81" },
    { "66 0f c2 06 01 ; cmpltpd xmm0, [esi]", "[20000]=3ff0000000000000 [20008]=4000000000000000 xmm0=3ff00000000000003ff0000000000000", "xmm0=ffffffffffffffff0000000000000000" },
    { "f2 0f 2a c3 ; cvtsi2sd xmm0, ebx", X0 " ebx=ffffffff", "xmm0=ffeeddccbbaa9988bff0000000000000" },
    { "f3 0f 2a 06 ; cvtsi2ss xmm0, [esi]", X0 " [20000]=01000001", "xmm0=ffeeddccbbaa9988776655444b800000 mxcsr=1fa0" },
    { "f2 0f 2c 1e ; cvttsd2si ebx, [esi]", "[20000]=c004000000000000", "ebx=fffffffe mxcsr=1fa0" },
    { "f2 0f 2d d8 ; cvtsd2si ebx, xmm0", "mxcsr=5f80 xmm0=00000000000000004004000000000000", "ebx=3 mxcsr=5fa0" },
    { "f3 0f 2d d8 ; cvtss2si ebx, xmm0", "xmm0=0000000000000000000000007f800000", "ebx=80000000 mxcsr=1f81" },
    { "f2 0f 12 06 ; movddup xmm0, [esi]", A, "xmm0=0123456789abcdef0123456789abcdef" },
    { "0f 5a 06 ; cvtps2pd xmm0, [esi]", "[20000]=3f800000c0000000", "xmm0=3ff0000000000000c000000000000000" },
)

CASES(test_compare_flags,
    { "0f 2f 06 ; comiss xmm0, [esi]", "xmm0=0000000000000000000000003f800000 [20000]=40000000", "flags=1" },
    { "66 0f 2f c1 ; comisd xmm0, xmm1", "xmm0=00000000000000004000000000000000 xmm1=00000000000000003ff0000000000000", "flags=0" },
    { "66 0f 2e c0 ; ucomisd xmm0, xmm0", "xmm0=00000000000000003ff0000000000000", "flags=40" },
    { "66 0f 2e c0 ; ucomisd xmm0, xmm0", "xmm0=00000000000000007ff8000000000000", "flags=45" },
    { "66 0f 2f c0 ; comisd xmm0, xmm0", "xmm0=00000000000000007ff8000000000000", "flags=45 mxcsr=1f81" },
)

CASES(test_mmx,
    { "0f 6f 06 ; movq mm0, [esi]", A, "mm0=0123456789abcdef se0=ffff " MMX_ON },
    { "0f 6f d3 ; movq mm2, mm3", "mm3=8877665544332211", "mm2=8877665544332211 se2=ffff " MMX_ON },
    { "0f 7f da ; movq mm2, mm3", "mm3=8877665544332211", "mm2=8877665544332211 se2=ffff " MMX_ON },
    { "0f 7f 1e ; movq [esi], mm3", "mm3=8877665544332211", "[20000]=8877665544332211 " MMX_ON },
    { "0f e7 1e ; movntq [esi], mm3", "mm3=8877665544332211", "[20000]=8877665544332211 " MMX_ON },
    { "0f 6e fb ; movd mm7, ebx", "ebx=12345678", "mm7=12345678 se7=ffff " MMX_ON },
    { "0f 6e 3e ; movd mm7, [esi]", A, "mm7=89abcdef se7=ffff " MMX_ON },
    { "0f 7e fb ; movd ebx, mm7", "mm7=8877665544332211", "ebx=44332211 " MMX_ON },
    { "0f 7e 3e ; movd [esi], mm7", "mm7=8877665544332211", "[20000]=44332211 " MMX_ON },
    { "0f fc c1 ; paddb mm0, mm1", "mm0=ff01020304050607 mm1=0102030405060708", "mm0=00030507090b0d0f se0=ffff " MMX_ON, },
    { "0f fd 06 ; paddw mm0, [esi]", A " mm0=0001000100010001", "mm0=0124456889accdf0 se0=ffff " MMX_ON },
    { "0f 60 06 ; punpcklbw mm0, [esi]", A " mm0=1111111144332211", "mm0=8944ab33cd22ef11 se0=ffff " MMX_ON },
    { "0f 71 d0 04 ; psrlw mm0, 4", "mm0=8000400020001000", "mm0=0800040002000100 se0=ffff " MMX_ON },
    { "0f 70 c1 1b ; pshufw mm0, mm1, 1b", "mm1=4444333322221111", "mm0=1111222233334444 se0=ffff " MMX_ON },
    { "0f d7 d9 ; pmovmskb ebx, mm1", "mm1=80007f00ff000080", "ebx=89 " MMX_ON },
    { "0f c4 c3 05 ; pinsrw mm0, ebx, 1", "ebx=abcd mm0=4444333322221111", "mm0=44443333abcd1111 se0=ffff " MMX_ON },
    { "0f c5 d8 02 ; pextrw ebx, mm0, 2", "mm0=4444333322221111", "ebx=3333 " MMX_ON },
    { "0f 77 ; emms", "empty=0", "fsw=0 empty=ff" },
    { "0f fc c1 0f 77 0f fc c1 ; paddb; emms; paddb", "mm0=1 mm1=1", "mm0=3 se0=ffff " MMX_ON },
    { "d9 e8 0f fc c1 d9 e8 0f 6f d3 ; fld1; paddb; fld1 overflows the stack and moves TOP; movq", "empty=ff fsw=0 mm0=1 mm1=1 mm3=5", "mm0=2 se0=ffff mm7=c000000000000000 se7=ffff mm2=5 se2=ffff fsw=241 empty=0" },
    { "0f 2a c1 ; cvtpi2ps xmm0, mm1", X0 " mm1=00000002ffffffff", "xmm0=ffeeddccbbaa998840000000bf800000 " MMX_ON },
    { "0f 2a 06 ; cvtpi2ps xmm0, [esi]: no MMX register", X0 " [20000]=00000002ffffffff", "xmm0=ffeeddccbbaa998840000000bf800000" },
    { "66 0f 2d 0e ; cvtpd2pi mm1, [esi]", "[20000]=3ff8000000000000 [20008]=c000000000000000", "mm1=fffffffe00000002 se1=ffff mxcsr=1fa0 " MMX_ON },
    { "f3 0f d6 c1 ; movq2dq xmm0, mm1", "mm1=8877665544332211", "xmm0=00000000000000008877665544332211 " MMX_ON },
    { "f2 0f d6 c1 ; movdq2q mm0, xmm1", X1, "mm0=8796a5b4c3d2e1f0 se0=ffff " MMX_ON },
    { "0f f7 c1 ; maskmovq mm0, mm1", "mm0=8877665544332211 mm1=80007f00ff000080", "[20107]=88 [20103]=44 [20100]=11 " MMX_ON },
)

CASES(test_masked_store,
    { "66 0f f7 c1 ; maskmovdqu xmm0, xmm1", X0 " xmm1=80000000000000000000000000000080", "[20100]=00 [2010f]=ff" },
    { "66 0f f7 c1", "edi=21ffe " X0 " xmm1=00000000000000000000000000008080", "[21ffe]=1100" },
    { "66 0f f7 c1 ; the third byte's page is absent", "edi=21ffe " X0 " xmm1=00000000000000000000000000808080", "fault=e err=6" },
)

/* #UD, #NM, #MF; then alignment, segments and pages */
CASES(test_faults,
    { "0f 28 c1 ; movaps without OSFXSR", "cr4=0", "fault=6" },
    { "0f 28 c1 ; with EM", "cr0=80000025", "fault=6" },
    { "0f 28 c1 ; with TS", "cr0=80000029", "fault=7" },
    { "0f fc c1 ; paddb mm0, mm1 without OSFXSR", "cr4=0 mm0=1 mm1=1", "mm0=2 se0=ffff " MMX_ON },
    { "0f fc c1 ; with EM", "cr0=80000025", "fault=6" },
    { "0f fc c1 ; with TS", "cr0=80000029", "fault=7" },
    { "0f fc c1 ; with both", "cr0=8000002d cr4=0", "fault=6" },
    { "0f fc c1 ; with a pending x87 exception", "fsw=a881 fcw=37e", "fault=10" },
    { "0f 77", "fsw=a881 fcw=37e", "fault=10" },
    { "66 0f fc c1 ; of no interest to SSE", "fsw=a881 fcw=37e xmm0=00000000000000000000000000000001 xmm1=00000000000000000000000000000001", "xmm0=00000000000000000000000000000002" },
    { "0f ae 16 ; ldmxcsr with TS", "cr0=80000029", "fault=7" },
    { "0f ae f8 ; sfence needs nothing", "cr0=8000002d cr4=0", "" },
    { "0f c3 1e ; nor does movnti", "cr0=8000002d cr4=0 ebx=12345678", "[20000]=12345678" },
    { "0f 28 46 08 ; movaps, misaligned", "", "fault=d" },
    { "0f 29 46 08", "", "fault=d" },
    { "66 0f fc 46 01 ; paddb", "", "fault=d" },
    { "66 0f 2d 4e 08 ; cvtpd2pi mm1, [esi+8]", "", "fault=d" },
    { "f2 0f 58 46 01 ; addsd needs no alignment", "xmm0=00000000000000000000000000000000 [20001]=0000000000000000", "" },
    { "0f 28 46 08 ; alignment checks: still #GP", "ac=1", "fault=d" },
    { "0f 10 46 01 ; movups: nothing", "ac=1 [20001]=0123456789abcdef [20009]=1122334455667788", "xmm0=" A_128 },
    { "f2 0f 10 46 01 ; movsd", "ac=1", "fault=11" },
    { "0f 28 06 ; page fault", "esi=22000", "fault=e err=4" },
    { "0f 29 06", "esi=22000", "fault=e err=6" },
    { "0f 11 06 ; movups across the edge", "esi=21ff8", "fault=e err=6" },
    { "f3 0f 10 06", "esi=22000", "fault=e err=4" },
    { "0f 6f 06 ; movq mm0: MMX state unchanged", "esi=22000", "fault=e err=4" },
    { "0f 7f 06 ; the store: but for TOP", "esi=22000", "fault=e err=6 fsw=0" },
    { "65 0f 28 86 00 01 00 00 ; movaps xmm0, gs:[esi+100], at the limit", "[20100]=0123456789abcdef [20108]=1122334455667788", "xmm0=" A_128 },
    { "65 0f 28 86 10 01 00 00 ; past it", "", "fault=d" },
    { "65 0f 10 86 04 01 00 00", "", "fault=d" },
)

CASES(test_exceptions,
    { "f2 0f 5e c1 ; divsd: #Z unmasked", "mxcsr=1d80 xmm0=00000000000000003ff0000000000000 xmm1=00000000000000000000000000000000", "mxcsr=1d84 fault=13" },
    { "f2 0f 5e c1 ; without OSXMMEXCPT", "cr4=200 mxcsr=1d80 xmm0=00000000000000003ff0000000000000 xmm1=00000000000000000000000000000000", "mxcsr=1d84 fault=6" },
    { "f2 0f 5e c1 ; masked", "mxcsr=1e80 xmm0=00000000000000003ff0000000000000 xmm1=00000000000000000000000000000000", "mxcsr=1e84 xmm0=00000000000000007ff0000000000000" },
    { "0f 5e c1 ; divps: #P unmasked and #Z", "mxcsr=d80 xmm0=3f8000003f8000003f8000003f800000 xmm1=40400000000000003f8000003f800000", "mxcsr=d84 fault=13" },
    { "0f 5e c1 ; divps: #P unmasked", "mxcsr=f80 xmm0=3f8000003f8000003f8000003f800000 xmm1=404000003f8000003f8000003f800000", "mxcsr=fa0 fault=13" },
    { "66 0f 2f c0 ; comisd keeps the flags", "mxcsr=1f00 xmm0=00000000000000007ff8000000000000", "mxcsr=1f01 fault=13" },
    { "f2 0f 2d d8 ; cvtsd2si keeps the register", "mxcsr=f80 xmm0=00000000000000003ff8000000000000", "mxcsr=fa0 fault=13" },
    { "66 0f 2d c8 ; cvtpd2pi mm1, xmm0", "mxcsr=f80 xmm0=00000000000000003ff8000000000000", "mxcsr=fa0 fault=13 " MMX_ON },
    { "f2 0f 58 c1 ; old flags do not count", "mxcsr=3f xmm0=00000000000000003ff0000000000000 xmm1=00000000000000003ff0000000000000", "xmm0=00000000000000004000000000000000" },
)

CASES(test_mxcsr,
    { "0f ae 1e ; stmxcsr [esi]", "mxcsr=9fa5", "[20000]=00009fa5" },
    { "0f ae 16 ; ldmxcsr [esi]", "[20000]=0000ffff", "mxcsr=ffff" },
    { "0f ae 16 ; other masks: the block ends", "[20000]=00000000", "mxcsr=0" },
    { "0f ae 16 ; reserved bit", "[20000]=00010000", "fault=d" },
)

/* clang-format on */

static void test_fxsave(void **state)
{
    struct rig *r = *state;
    static const struct test save = {"0f ae 06 ; fxsave [esi]", "", ""};
    static const struct test faults[] = {
        {"0f ae 46 08 ; fxsave [esi+8]", "", "fault=d"},
        {"0f ae 4e 08 ; fxrstor [esi+8]", "", "fault=d"},
        {"0f ae 06", "esi=21f00", "fault=e err=6"},
        {"0f ae 0e", "esi=21f00", "fault=e err=4"},
        {"0f ae 06", "cr0=80000029", "fault=7"},
        {"0f ae 0e", "cr0=80000025", "fault=7"},
        {"65 0f ae 06 ; past the limit of GS", "", "fault=d"},
        {"0f ae 0e ; reserved MXCSR bit", "[20018]=00010000", "fault=d"},
    };
    static struct state in, out, back;
    u8 *image = phys_ram(r->phys) + DATA;

    for (unsigned i = 0; i < ARRAY_LEN(faults); i++)
        check(r, &faults[i], true);

    default_state(&in);
    in.empty = 0x0f;
    load_state(r, &in, false);
    rig_lift(r, rig_load(r, save.code), ISA_ALL, true);
    run(r, &out);
    assert_int_equal(out.fault, ~0u);
    assert_int_equal(load_le(image, 2), 0x37f);
    assert_int_equal(load_le(image + 2, 2), 5 << 11);
    assert_int_equal(image[4], 0xf0);
    assert_int_equal(load_le(image + 24, 4), MXCSR_RESET);
    assert_int_equal(load_le(image + 28, 4), 0xffff);
    assert_int_equal(load_le(image + 32, 8), in.mm[5]); /* ST(0) */
    assert_int_equal(load_le(image + 40, 8), 0x3fff);
    assert_memory_equal(image + 160 + 7 * 16, &in.xmm[7], 16);
    assert_memory_equal(image + 288, in.mem + 288, 224); /* left alone */

    /* And back, over a state that is all different. */
    back = in;
    memcpy(back.mem, out.mem, sizeof(back.mem));
    memset(back.xmm, 0xee, 8 * sizeof(union xmm)); /* the others stay */
    memset(back.mm, 0xee, sizeof(back.mm));
    back.fsw = back.empty = 0;
    back.mxcsr = 0;
    load_state(r, &back, false);
    rig_lift(r, rig_load(r, "0f ae 0e"), ISA_ALL, true);
    run(r, &out);
    assert_int_equal(out.fault, ~0u);
    assert_memory_equal(out.xmm, in.xmm, sizeof(in.xmm));
    assert_memory_equal(out.mm, in.mm, sizeof(in.mm));
    assert_memory_equal(out.se, in.se, sizeof(in.se));
    assert_int_equal(out.fsw, in.fsw);
    assert_int_equal(out.empty, in.empty);
    assert_int_equal(out.mxcsr, in.mxcsr);
    assert_false(r->cpu->mode & MODE_SSE_XM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_xmm_moves),     cmocka_unit_test(test_xmm_operations),
        cmocka_unit_test(test_compare_flags), cmocka_unit_test(test_mmx),
        cmocka_unit_test(test_masked_store),  cmocka_unit_test(test_faults),
        cmocka_unit_test(test_exceptions),    cmocka_unit_test(test_mxcsr),
        cmocka_unit_test(test_fxsave),
    };

    return cmocka_run_group_tests(tests, setup, rig_free);
}
