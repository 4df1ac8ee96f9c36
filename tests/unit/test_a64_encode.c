/* The AArch64 encoder against Capstone: what each call emits is disassembled again. Runs on every
 * host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <capstone/capstone.h>

#include "base/bytes.h"
#include "jit/a64/encode.h"

static u8 code[256];
static struct a_enc enc;
static csh cs;

/* Capstone 5 writes MOV for a MOVZ that stands for it, as the manual does; 4 does not. */
static const char *mnemonic(const cs_insn *insn)
{
    return strcmp(insn->mnemonic, "movz") ? insn->mnemonic : "mov";
}

/* What has been encoded since the last call, as text: instructions separated by "; ". */
static void expect(const char *want)
{
    char got[512] = "";
    cs_insn *insn;
    size_t n = cs_disasm(cs, code, a_pos(&enc), 0x1000, 0, &insn), bytes = 0;
    for (size_t i = 0; i < n; i++) {
        size_t at = strlen(got);
        snprintf(got + at, sizeof(got) - at, "%s%s%s%s", i ? "; " : "", mnemonic(&insn[i]),
                 *insn[i].op_str ? " " : "", insn[i].op_str);
        bytes += insn[i].size;
    }
    cs_free(insn, n);
    assert_int_equal(bytes, a_pos(&enc));
    assert_string_equal(got, want);
    a_init(&enc, code, code + sizeof(code));
}

static int setup(void **state)
{
    (void)state;
    a_init(&enc, code, code + sizeof(code));
    return cs_open(CS_ARCH_ARM64, CS_MODE_ARM, &cs) != CS_ERR_OK;
}

static int teardown(void **state)
{
    (void)state;
    return cs_close(&cs) != CS_ERR_OK;
}

static void arithmetic(void **state)
{
    struct a_enc *e = &enc;
    (void)state;
    a_addsub(e, 0, A_ADD, 1, 2, 3);
    expect("add w1, w2, w3");
    a_addsub(e, 1, A_SUBS, 19, 20, 21);
    expect("subs x19, x20, x21");
    a_addsub_shift(e, 0, A_SUB, 1, 2, 3, A_LSL, 24);
    expect("sub w1, w2, w3, lsl #24");
    a_addsub_shift(e, 0, A_ADDS, A_ZR, A_ZR, 3, A_LSL, 24);
    expect("cmn wzr, w3, lsl #24");
    a_addsub_ext(e, 1, A_ADD, 16, 16, 3, A_UXTW, 0);
    expect("add x16, x16, w3, uxtw");
    a_addsub_ext(e, 1, A_ADD, 0, 2, 0, A_SXTW, 0);
    a_addsub_shift(e, 1, A_SUBS, A_ZR, 17, 1, A_LSR, 32);
    expect("add x0, x2, w0, sxtw; cmp x17, x1, lsr #32");
    a_addsub_carry(e, 1, A_ADDS, A_ZR, 2, 3);
    a_addsub_carry(e, 1, A_SUBS, A_ZR, 2, 3);
    expect("adcs xzr, x2, x3; sbcs xzr, x2, x3");
    assert_true(a_addsub_imm(e, 1, A_SUBS, 27, 27, 12));
    expect("subs x27, x27, #0xc");
    assert_true(a_addsub_imm(e, 1, A_ADD, 8, 29, 0x800000));
    expect("add x8, x29, #0x800, lsl #12");
    assert_true(a_addsub_imm(e, 0, A_ADD, 1, 2, ~0u));
    expect("sub w1, w2, #1");
    assert_true(a_addsub_imm(e, 0, A_SUBS, A_ZR, 2, 5));
    expect("cmp w2, #5");
    assert_true(a_addsub_imm(e, 1, A_SUB, A_SP, A_SP, 96));
    expect("sub sp, sp, #0x60");
    assert_false(a_addsub_imm(e, 0, A_ADD, 1, 2, 0x12345678));
    a_addsub_any(e, 0, A_ADD, 1, 2, 0x12345678, 16);
    expect("mov w16, #0x5678; movk w16, #0x1234, lsl #16; add w1, w2, w16");
    a_mul(e, 0, A_MADD, 1, 2, 3, A_ZR);
    expect("mul w1, w2, w3");
    a_mul(e, 1, A_UMADDL, 1, 2, 3, A_ZR);
    expect("umull x1, w2, w3");
    a_mul(e, 1, A_SMADDL, 1, 2, 3, A_ZR);
    expect("smull x1, w2, w3");
    a_mul(e, 1, A_SMULH, 1, 2, 3, A_ZR);
    a_mul(e, 1, A_UMULH, 1, 2, 3, A_ZR);
    expect("smulh x1, x2, x3; umulh x1, x2, x3");
    a_mul(e, 0, A_MSUB, 1, 2, 3, 4);
    expect("msub w1, w2, w3, w4");
    a_two(e, 0, A_UDIV, 1, 2, 3);
    a_two(e, 1, A_SDIV, 1, 2, 3);
    expect("udiv w1, w2, w3; sdiv x1, x2, x3");
}

static void logic(void **state)
{
    static const u64 masks[] = {1,      31,         0xff,       0xfff,     0x80,
                                0xff00, 0x80000000, 0xfffffffe, 0x7fffffff};
    struct a_enc *e = &enc;
    char want[64];
    (void)state;
    a_logic(e, 0, A_AND, 1, 2, 3);
    a_logic(e, 0, A_EOR, 1, 2, 3);
    a_logic(e, 0, A_ORN, 1, A_ZR, 3);
    a_logic(e, 1, A_ANDS, A_ZR, 2, 3);
    expect("and w1, w2, w3; eor w1, w2, w3; mvn w1, w3; tst x2, x3");
    a_logic_shift(e, 0, A_EOR, 1, 2, 3, A_LSR, 4);
    expect("eor w1, w2, w3, lsr #4");
    for (size_t i = 0; i < sizeof(masks) / sizeof(*masks); i++) {
        assert_true(a_logic_imm(e, 0, A_AND, 1, 2, masks[i]));
        snprintf(want, sizeof(want), masks[i] > 9 ? "and w1, w2, #0x%llx" : "and w1, w2, #%llu",
                 (unsigned long long)masks[i]);
        expect(want);
    }
    assert_true(a_logic_imm(e, 1, A_ANDS, A_ZR, 2, 0x100000000));
    expect("tst x2, #0x100000000");
    assert_true(a_logic_imm(e, 0, A_ORR, 1, 2, 0x55555555));
    expect("orr w1, w2, #0x55555555");
    assert_false(a_logic_imm(e, 0, A_AND, 1, 2, 0x12345));
    assert_false(a_logic_imm(e, 0, A_AND, 1, 2, 0));
    assert_false(a_logic_imm(e, 0, A_AND, 1, 2, ~0u));
}

static void moves(void **state)
{
    struct a_enc *e = &enc;
    (void)state;
    a_mov(e, 0, 1, 2);
    a_mov(e, 1, 1, A_ZR);
    expect("mov w1, w2; mov x1, xzr");
    a_mov_imm(e, 1, 0);
    a_mov_imm(e, 1, 0x1234);
    expect("mov w1, #0; mov w1, #0x1234");
    a_mov_imm(e, 1, 0x12340000); /* MOVZ W1, #0x1234, LSL #16; MOVN W1, #1: Capstones differ */
    a_mov_imm(e, 1, ~1u);
    assert_int_equal(a_pos(e), 8);
    assert_int_equal(load_le(code, 4), 0x52a24681);
    assert_int_equal(load_le(code + 4, 4), 0x12800021);
    a_init(e, code, code + sizeof(code));
    a_mov_imm64(e, 1, 0x123400005678);
    expect("mov x1, #0x5678; movk x1, #0x1234, lsl #32");
    a_mov_imm64(e, 1, 0xffffffff81000000); /* MOVN, MOVK */
    a_mov_imm64(e, 1, 0xfffffffff2345678);
    assert_int_equal(a_pos(e), 16);
    assert_int_equal(load_le(code, 4), 0x929fffe1);
    assert_int_equal(load_le(code + 4, 4), 0xf2b02001);
    assert_int_equal(load_le(code + 8, 4), 0x929530e1);
    assert_int_equal(load_le(code + 12, 4), 0xf2be4681);
    a_init(e, code, code + sizeof(code));
    a_mov_imm64(e, 1, ~(u64)0);
    assert_int_equal(load_le(code, 4), 0x92800001);
    a_init(e, code, code + sizeof(code));
    a_bitfield(e, 0, A_UBFM, 1, 2, 0, 15);
    a_bitfield(e, 0, A_SBFM, 1, 2, 0, 7);
    a_bitfield(e, 0, A_UBFM, 1, 2, 8, 15);
    expect("uxth w1, w2; sxtb w1, w2; ubfx w1, w2, #8, #8");
    a_bitfield(e, 0, A_BFM, 1, 2, 0, 15);
    a_bitfield(e, 0, A_BFM, 1, 2, 24, 7);
    expect("bfxil w1, w2, #0, #0x10; bfi w1, w2, #8, #8");
    a_shift_imm(e, 0, A_LSL, 1, 2, 24);
    a_shift_imm(e, 0, A_LSR, 1, 2, 12);
    a_shift_imm(e, 1, A_ASR, 1, 2, 32);
    a_shift_imm(e, 0, A_ROR, 1, 2, 7);
    expect("lsl w1, w2, #0x18; lsr w1, w2, #0xc; asr x1, x2, #0x20; ror w1, w2, #7");
    a_two(e, 0, A_LSLV, 1, 2, 3);
    a_two(e, 0, A_RORV, 1, 2, 3);
    expect("lsl w1, w2, w3; ror w1, w2, w3");
    a_one(e, 0, A_REV, 1, 2);
    a_one(e, 0, A_RBIT, 1, 2);
    a_one(e, 0, A_CLZ, 1, 2);
    expect("rev w1, w2; rbit w1, w2; clz w1, w2");
    a_select(e, 0, A_CSEL, 1, 2, 3, A_GT);
    a_cset(e, 1, A_CS);
    a_ccmp_imm(e, 0, 1, 0, 4, A_CS);
    a_ccmp(e, 1, 1, 2, 0, A_EQ);
    expect("csel w1, w2, w3, gt; cset w1, hs; ccmp w1, #0, #4, hs; ccmp x1, x2, #0, eq");
    a_crc32c(e, 2, 1, 2, 3);
    expect("crc32cw w1, w2, w3");
}

static void memory(void **state)
{
    struct a_enc *e = &enc;
    (void)state;
    a_access(e, A_LDR_W, 1, 2, 0);
    a_access(e, A_LDR_X, 1, 2, 0x7ff8);
    a_access(e, A_STR_W, 1, A_SP, 64);
    a_access(e, A_LDRB, 1, 2, -1);
    expect("ldr w1, [x2]; ldr x1, [x2, #0x7ff8]; str w1, [sp, #0x40]; ldurb w1, [x2, #-1]");
    a_access(e, A_LDRSB_W, 1, 2, 3);
    a_access(e, A_LDRSH_W, 1, 2, 2);
    a_access(e, A_STRH, 1, 2, 2);
    expect("ldrsb w1, [x2, #3]; ldrsh w1, [x2, #2]; strh w1, [x2, #2]");
    a_access(e, A_LDRSB_X, 1, 2, 3);
    a_access(e, A_LDRSH_X, 1, 2, 2);
    a_access(e, A_LDRSW, 1, 2, 4);
    expect("ldrsb x1, [x2, #3]; ldrsh x1, [x2, #2]; ldrsw x1, [x2, #4]");
    a_access(e, A_LDR_Q, 1, 2, 16);
    a_access(e, A_STR_D, 1, 2, 8);
    a_access(e, A_LDR_S, 1, 2, -1);
    expect("ldr q1, [x2, #0x10]; str d1, [x2, #8]; ldur s1, [x2, #-1]");
    a_access_reg(e, A_LDR_X, 1, 2, 3, A_UXTW, true);
    a_access_reg(e, A_STR_W, 1, 2, 3, A_UXTX, false);
    expect("ldr x1, [x2, w3, uxtw #3]; str w1, [x2, x3]");
    a_pair(e, 0, true, 5, 6, 28, 40);
    a_pair(e, 1, false, 29, 30, A_SP, 80);
    expect("ldp w5, w6, [x28, #0x28]; stp x29, x30, [sp, #0x50]");
    a_load_literal(e, 16, 8);
    expect("ldr x16, #0x1008");
    assert_false(a_offset_fits(A_LDR_W, 0x4000));
    assert_false(a_offset_fits(A_LDR_X, 0x104));
    assert_true(a_offset_fits(A_LDR_X, 0xfc));
}

static void jumps(void **state)
{
    struct a_enc *e = &enc;
    (void)state;
    u32 at[4] = {a_jump(e), a_jump_if(e, A_LT), a_jump_zero(e, 1, true, 3),
                 a_jump_bit(e, false, 16, 0)};
    for (unsigned n = 0; n < 4; n++)
        a_bind(e, at[n]);
    expect("b #0x1010; b.lt #0x1010; cbz x3, #0x1010; tbz w16, #0, #0x1010");
    a_ret(e);
    a_jump_to(e, 0);
    a_jump_if_to(e, A_NE, 0);
    a_call_to(e, 0);
    expect("ret; b #0x1000; b.ne #0x1000; bl #0x1000");
    a_br(e, 16);
    a_blr(e, 16);
    expect("br x16; blr x16");
}

static void vectors(void **state)
{
    struct a_enc *e = &enc;
    (void)state;
    a_vec3(e, 0x4e20d400, 2, 0, 1);
    a_vec3(e, 0x1e601800, 2, 0, 1);
    a_read_fpsr(e, 3);
    a_clear_fpsr(e);
    expect("fadd v2.4s, v0.4s, v1.4s; fdiv d2, d0, d1; mrs x3, fpsr; msr fpsr, xzr");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic), cmocka_unit_test(logic), cmocka_unit_test(moves),
        cmocka_unit_test(memory),     cmocka_unit_test(jumps), cmocka_unit_test(vectors),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
