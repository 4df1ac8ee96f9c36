/* The decoder's rules for 64-bit mode by hand-picked bytes: REX, operand and address sizes, operand
 * layout, what the mode takes away and brings. test_decode.c has the rest, test_decode_sweep.c the
 * breadth. */
#include "tests/unit/decode_rig.h"

static struct insn good64(void **state, const u8 *bytes, unsigned n)
{
    return good(state, CODE64, bytes, n);
}

static void assert_name(const struct insn *in, const char *want)
{
    assert_string_equal(name(in), want);
}

static void assert_address(const struct insn *in, u8 base, u8 index, u8 scale, s32 disp)
{
    assert_int_equal(in->base, base);
    assert_int_equal(in->index, index);
    if (index != GPR_NONE)
        assert_int_equal(in->scale, scale);
    assert_int_equal(in->disp, disp);
}

static void test_rex(void **state)
{
    struct insn in = good64(state, BYTES(0x4d, 0x89, 0xc1)); /* mov r9, r8 */

    assert_int_equal(in.rex, REX | REX_W | REX_R | REX_B);
    assert_int_equal(insn_reg(&in), 8);
    assert_int_equal(insn_rm(&in), 9);
    assert_int_equal(insn_reg3(&in), 0);
    assert_int_equal(insn_rm3(&in), 1);
    in = good64(state, BYTES(0x41, 0x57)); /* push r15 */
    assert_int_equal(insn_low(&in), 15);
    in = good64(state, BYTES(0x40, 0x88, 0xf0)); /* mov al, sil: told from dh by rex */
    assert_int_equal(in.rex, REX);
    in = good64(state, BYTES(0x88, 0xf0));
    assert_int_equal(in.rex, 0);
    /* Before another prefix it is ignored; the last of several counts. */
    in = good64(state, BYTES(0x4f, 0x66, 0x89, 0xc1));
    assert_int_equal(in.rex, 0);
    assert_int_equal(in.opsize, 2);
    in = good64(state, BYTES(0x4f, 0x2e, 0x89, 0xc1));
    assert_int_equal(in.rex, 0);
    in = good64(state, BYTES(0x4f, 0x41, 0x89, 0xc1));
    assert_int_equal(in.rex, REX | REX_B);
    assert_int_equal(in.opsize, 4);
    /* Mandatory prefixes stand before. */
    in = good64(state, BYTES(0x66, 0x49, 0x0f, 0x6e, 0xc0)); /* movq xmm0, r8 */
    assert_name(&in, "movd");
    assert_int_equal(in.opsize, 8);
    in = good64(state, BYTES(0xf3, 0x4c, 0x0f, 0x2a, 0xc0)); /* cvtsi2ss xmm8, rax */
    assert_name(&in, "cvtsi2ss");
    assert_int_equal(insn_reg(&in), 8);
    /* In other modes these are INC and DEC. */
    assert_int_equal(result(state, CODE32, BYTES(0x48)), DECODE_OK);
    assert_int_equal(result(state, CODE64, BYTES(0x48)), DECODE_MORE);
}

static void test_operand_size(void **state)
{
    static const struct {
        u8 bytes[7], len, opsize;
    } cases[] = {
        {{0x01, 0xc8}, 2, 4},
        {{0x48, 0x01, 0xc8}, 3, 8},
        {{0x66, 0x01, 0xc8}, 3, 2},
        {{0x66, 0x48, 0x01, 0xc8}, 4, 8}, /* REX.W wins over 66 */
        /* The stack: 8, or 2, never 4. */
        {{0x50}, 1, 8},
        {{0x66, 0x50}, 2, 2},
        {{0x66, 0x48, 0x50}, 3, 8},
        {{0x68, 1, 2, 3, 0x84}, 5, 8},
        {{0x66, 0x68, 1, 2}, 4, 2},
        {{0x6a, 0x80}, 2, 8},
        {{0x8f, 0xc0}, 2, 8},
        {{0xff, 0xf0}, 2, 8},
        {{0x9c}, 1, 8},
        {{0x66, 0x9d}, 2, 2},
        {{0xc8, 1, 0, 0}, 4, 8},
        {{0x66, 0xc9}, 2, 2},
        {{0x0f, 0xa0}, 2, 8},
        {{0x0f, 0xa9}, 2, 8},
        /* Near branches: 8, 66 does nothing and leaves the displacement 32 bits. */
        {{0x66, 0xe8, 1, 2, 3, 4}, 6, 8},
        {{0x66, 0xe9, 1, 2, 3, 4}, 6, 8},
        {{0x66, 0xeb, 1}, 3, 8},
        {{0x66, 0x74, 1}, 3, 8},
        {{0x66, 0x0f, 0x84, 1, 2, 3, 4}, 7, 8},
        {{0x66, 0xe2, 1}, 3, 8},
        {{0x66, 0xc3}, 2, 8},
        {{0x66, 0xc2, 1, 2}, 4, 8},
        {{0x66, 0xff, 0xd0}, 3, 8},
        {{0x66, 0xff, 0xe0}, 3, 8},
        /* Far ones and IRET: as other instructions. */
        {{0xcf}, 1, 4},
        {{0x48, 0xcf}, 2, 8},
        {{0x48, 0xcb}, 2, 8},
        {{0x48, 0xff, 0x2f}, 3, 8},
        {{0x66, 0xff, 0x2f}, 3, 2},
        /* System registers: 8. */
        {{0x0f, 0x20, 0xc0}, 3, 8},
        {{0x66, 0x0f, 0x23, 0xc0}, 4, 8},
        {{0x0f, 0x01, 0x17}, 3, 8},
        {{0x66, 0x0f, 0x01, 0x07}, 4, 8},
        /* Ports: never 8. */
        {{0x48, 0xed}, 2, 4},
        {{0x48, 0xe7, 0x80}, 3, 4},
        {{0x48, 0x6d}, 2, 4},
        {{0x66, 0x6f}, 2, 2},
        {{0x48, 0xa5}, 2, 8},
    };

    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        struct insn in = good64(state, cases[i].bytes, cases[i].len);

        if (in.opsize != cases[i].opsize)
            print_message("case %u\n", i);
        assert_int_equal(in.opsize, cases[i].opsize);
    }
}

static void test_immediates(void **state)
{
    /* imm32, which the lifter sign-extends, but for MOV r64, imm64. */
    struct insn in = good64(state, BYTES(0x48, 0x05, 1, 2, 3, 0x84));

    assert_int_equal(in.imm, 0x84030201);
    assert_int_equal(in.imm_high, 0);
    in = good64(state, BYTES(0x48, 0xc7, 0x45, 0xf8, 1, 2, 3, 0x84));
    assert_int_equal(in.imm, 0x84030201);
    assert_int_equal(in.disp, -8);
    in = good64(state, BYTES(0x49, 0xb9, 1, 2, 3, 0x84, 5, 6, 7, 0x88));
    assert_int_equal(in.imm, 0x84030201);
    assert_int_equal(in.imm_high, 0x88070605);
    assert_int_equal(insn_low(&in), 9);
    in = good64(state, BYTES(0xb8, 1, 2, 3, 0x84));
    assert_int_equal(in.imm, 0x84030201);
    assert_int_equal(in.imm_high, 0);
    in = good64(state, BYTES(0x66, 0xb8, 1, 0x82));
    assert_int_equal(in.imm, 0x8201);
    in = good64(state, BYTES(0x48, 0x83, 0xc0, 0x80));
    assert_int_equal(in.imm, 0xffffff80);
    in = good64(state, BYTES(0x48, 0x69, 0xc0, 1, 2, 3, 4)); /* imul rax, rax, imm32 */
    assert_int_equal(in.imm, 0x04030201);
    assert_int_equal(result(state, CODE64, BYTES(0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7)), DECODE_MORE);
}

static void test_moffs(void **state)
{
    struct insn in = good64(state, BYTES(0xa1, 1, 2, 3, 0x84, 5, 6, 7, 0x88));

    assert_int_equal(in.opsize, 4);
    assert_int_equal(in.addrsize, 8);
    assert_int_equal((u32)in.disp, 0x84030201);
    assert_int_equal(in.imm_high, 0x88070605);
    in = good64(state, BYTES(0x48, 0xa3, 1, 2, 3, 4, 5, 6, 7, 8));
    assert_int_equal(in.opsize, 8);
    in = good64(state, BYTES(0x67, 0x64, 0x48, 0xa3, 1, 2, 3, 0x84));
    assert_int_equal(in.addrsize, 4);
    assert_int_equal((u32)in.disp, 0x84030201);
    assert_int_equal(in.imm_high, 0);
    assert_int_equal(in.seg, SEG_FS);
}

static void test_addresses(void **state)
{
    struct insn in = good64(state, BYTES(0x8b, 0x05, 0xf0, 0xff, 0xff, 0xff)); /* [rip - 16] */

    assert_address(&in, GPR_RIP, GPR_NONE, 0, -16);
    assert_int_equal(in.addrsize, 8);
    assert_int_equal(in.seg, SEG_DS);
    in = good64(state, BYTES(0x67, 0x41, 0x8b, 0x05, 1, 0, 0, 0)); /* [eip + 1], REX.B or not */
    assert_address(&in, GPR_RIP, GPR_NONE, 0, 1);
    assert_int_equal(in.addrsize, 4);
    in = good64(state, BYTES(0x8b, 0x04, 0x25, 1, 2, 3, 0x84)); /* [disp32] */
    assert_address(&in, GPR_NONE, GPR_NONE, 0, (s32)0x84030201);
    in = good64(state, BYTES(0x41, 0x8b, 0x04, 0x25, 1, 0, 0, 0)); /* no base: REX.B says nothing */
    assert_address(&in, GPR_NONE, GPR_NONE, 0, 1);
    in = good64(state, BYTES(0x42, 0x8b, 0x04, 0x25, 1, 0, 0, 0)); /* [r12 + disp32]: an index */
    assert_address(&in, GPR_NONE, 12, 0, 1);
    in = good64(state, BYTES(0x42, 0x8b, 0x04, 0xe0)); /* [rax + r12 * 8] */
    assert_address(&in, EAX, 12, 3, 0);
    in = good64(state, BYTES(0x43, 0x8b, 0x44, 0x48, 0x10)); /* [r8 + r9 * 2 + 16] */
    assert_address(&in, 8, 9, 1, 16);
    in = good64(state, BYTES(0x41, 0x8b, 0x04, 0x24)); /* [r12]: rm 4 is a SIB, REX.B or not */
    assert_address(&in, 12, GPR_NONE, 0, 0);
    assert_int_equal(in.seg, SEG_DS);                  /* not the stack's */
    in = good64(state, BYTES(0x41, 0x8b, 0x45, 0x00)); /* [r13 + 0] */
    assert_address(&in, 13, GPR_NONE, 0, 0);
    assert_int_equal(in.seg, SEG_DS);
    in = good64(state, BYTES(0x8b, 0x45, 0x00)); /* [rbp + 0] */
    assert_int_equal(in.seg, SEG_SS);
    in = good64(state, BYTES(0x43, 0x8b, 0x44, 0x25, 0x00)); /* [r13 + r12 + 0] */
    assert_address(&in, 13, 12, 0, 0);
    in = good64(state, BYTES(0x67, 0x8b, 0x00)); /* 67: 32 bits, never 16 */
    assert_int_equal(in.addrsize, 4);
    assert_address(&in, EAX, GPR_NONE, 0, 0);
}

static void test_segments(void **state)
{
    static const u8 ignored[] = {0x26, 0x2e, 0x36, 0x3e};

    for (unsigned i = 0; i < ARRAY_LEN(ignored); i++) {
        struct insn in = good64(state, BYTES(ignored[i], 0x8b, 0x45, 0x00));

        assert_int_equal(in.seg, SEG_SS);
        assert_false(in.prefixes & PFX_SEG);
        in = good64(state, BYTES(0x65, ignored[i], 0x8b, 0x00)); /* does not undo GS */
        assert_int_equal(in.seg, SEG_GS);
        assert_true(in.prefixes & PFX_SEG);
    }
    struct insn in = good64(state, BYTES(0x64, 0x48, 0x8b, 0x45, 0x00));

    assert_int_equal(in.seg, SEG_FS);
    in = good64(state, BYTES(0x44, 0x8e, 0xd8)); /* REX.R does not make another segment register */
    assert_int_equal(insn_reg3(&in), SEG_DS);
}

/* What the mode takes away. */
static void test_gone(void **state)
{
    static const u8 gone[] = {0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x27,
                              0x2f, 0x37, 0x3f, 0x60, 0x61, 0x62, 0x82, 0x9a,
                              0xc4, 0xc5, 0xce, 0xd4, 0xd5, 0xd6, 0xea};

    for (unsigned i = 0; i < ARRAY_LEN(gone); i++) {
        const u8 bytes[16] = {gone[i]};

        assert_int_equal(result(state, CODE64, bytes, sizeof(bytes)), DECODE_UD);
        assert_int_equal(result(state, CODE32, bytes, sizeof(bytes)), DECODE_OK);
    }
}

/* What it brings, and what it makes of other modes' opcodes. */
static void test_new(void **state)
{
    static const struct {
        u8 bytes[8], len;
        const char *name;
    } cases[] = {
        {{0x63, 0xc8}, 2, "movsxd"},
        {{0x48, 0x63, 0xc8}, 3, "movsxd"},
        {{0x0f, 0x05}, 2, "syscall"},
        {{0x0f, 0x07}, 2, "sysret"},
        {{0x48, 0x0f, 0x07}, 3, "sysret"},
        {{0x0f, 0x01, 0xf8}, 3, "swapgs"},
        {{0x48, 0x0f, 0xc7, 0x0f}, 4, "cmpxchg16b"},
        {{0xf0, 0x48, 0x0f, 0xc7, 0x0f}, 5, "cmpxchg16b"},
        {{0x0f, 0xc7, 0x0f}, 3, "cmpxchg8b"},
        {{0x90}, 1, "nop"},
        {{0x48, 0x90}, 2, "nop"},
        {{0x41, 0x90}, 2, "xchg"},
        {{0x66, 0x41, 0x90}, 3, "xchg"},
        {{0xf3, 0x90}, 2, "pause"},
        {{0xf3, 0x41, 0x90}, 3, "pause"}, /* so does a processor */
        {{0x9e}, 1, "sahf"},
        {{0x44, 0x0f, 0x20, 0xc0}, 4, "mov"}, /* CR8 */
        {{0x44, 0x0f, 0x22, 0xc0}, 4, "mov"},
    };

    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        struct insn in = good64(state, cases[i].bytes, cases[i].len);

        assert_name(&in, cases[i].name);
    }
    /* MOVSXD's source: 32 bits, but a word with 66. */
    struct insn in = good64(state, BYTES(0x66, 0x63, 0xc8));

    assert_int_equal(in.opsize, 2);
    assert_int_equal(result(state, CODE32, BYTES(0x0f, 0x05)), DECODE_OK); /* AMD's have it */
    assert_int_equal(result(state, CODE32, BYTES(0x0f, 0x01, 0xf8)), DECODE_UD);
    assert_int_equal(decode(*state, BYTES(0x63, 0xc8), CODE32, &in), DECODE_OK);
    assert_name(&in, "arpl");
    /* CMPXCHG16B is of memory; CR9 and DR8 do not exist. */
    assert_int_equal(result(state, CODE64, BYTES(0x48, 0x0f, 0xc7, 0xc8)), DECODE_UD);
    assert_int_equal(result(state, CODE64, BYTES(0x44, 0x0f, 0x20, 0xc8)), DECODE_UD);
    assert_int_equal(result(state, CODE64, BYTES(0x44, 0x0f, 0x21, 0xc0)), DECODE_UD);
    assert_int_equal(result(state, CODE64, BYTES(0x44, 0x0f, 0x23, 0xc0)), DECODE_UD);
}

/* One memo for all modes: the same bytes, three forms. */
static void test_memo(void **state)
{
    static const u8 bytes[] = {0x8b, 0x05, 1, 0, 0, 0};
    struct insn in;

    for (unsigned round = 0; round < 2; round++) {
        assert_int_equal(decode(*state, bytes, 6, CODE64, &in), DECODE_OK);
        assert_address(&in, GPR_RIP, GPR_NONE, 0, 1);
        assert_int_equal(decode(*state, bytes, 6, CODE32, &in), DECODE_OK);
        assert_address(&in, GPR_NONE, GPR_NONE, 0, 1);
        assert_int_equal(decode(*state, bytes, 6, CODE16, &in), DECODE_OK);
        assert_address(&in, EDI, GPR_NONE, 0, 0);
        in = good64(state, BYTES(0x48, 0x8b, 0x07));
        assert_int_equal(in.opsize, 8);
        in = good64(state, BYTES(0x41, 0x8b, 0x07));
        assert_int_equal(in.base, 15);
        assert_int_equal(in.opsize, 4);
    }
}

static void assert_text(void **state, u64 rip, const u8 *bytes, unsigned n, const char *want)
{
    char buf[96];

    assert_int_equal(decode_text(*state, bytes, n, CODE64, rip, buf, sizeof(buf)), n);
    assert_string_equal(buf, want);
}

static void test_text(void **state)
{
    const u64 high = 0xffffffff81000000;

    assert_text(state, 0, BYTES(0x48, 0x8b, 0x43, 0x04), "mov rax, qword ptr [rbx + 4]");
    assert_text(state, 0, BYTES(0x65, 0x4c, 0x89, 0x24, 0x25, 0x10, 0, 0, 0),
                "mov qword ptr gs:[0x10], r12");
    assert_text(state, 0, BYTES(0x40, 0x88, 0xf0), "mov al, sil");
    assert_text(state, 0, BYTES(0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8),
                "movabs rax, 0x807060504030201");
    assert_text(state, 0, BYTES(0xf3, 0x48, 0xa5), "rep movsq qword ptr [rdi], qword ptr [rsi]");
    assert_text(state, high, BYTES(0xe8, 0xfb, 0xff, 0xff, 0xff), "call 0xffffffff81000000");
    assert_text(state, high, BYTES(0x74, 0xf0), "je 0xffffffff80fffff2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rex),        cmocka_unit_test(test_operand_size),
        cmocka_unit_test(test_immediates), cmocka_unit_test(test_moffs),
        cmocka_unit_test(test_addresses),  cmocka_unit_test(test_segments),
        cmocka_unit_test(test_gone),       cmocka_unit_test(test_new),
        cmocka_unit_test(test_memo),       cmocka_unit_test(test_text),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
