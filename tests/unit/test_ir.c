/* Building, verifying and printing IR. */
#include "tests/unit/ir_world.h"

#include "jit/ir_eval.h"

static struct ir *new_ir(void)
{
    struct ir *ir = malloc(sizeof(*ir));
    assert_non_null(ir);
    ir_begin(ir, MODE_CODE32);
    ir_insn_begin(ir, 0x10, 2);
    return ir;
}

static void expect_const(struct irv v, u32 want)
{
    assert_int_equal(v.kind, IRV_CONST);
    assert_int_equal(v.v, want);
}

static void constants_fold_at_once(void **state)
{
    struct ir *ir = new_ir();
    struct irv lo, hi;
    (void)state;
    expect_const(ir_op2(ir, IR_ADD, ir_const(5), ir_const(0xffffffff)), 4);
    expect_const(ir_op2(ir, IR_SHL, ir_const(3), ir_const(33)), 6);
    expect_const(ir_op2(ir, IR_SAR, ir_const(0x80000000), ir_const(31)), 0xffffffff);
    expect_const(ir_op2(ir, IR_ROR, ir_const(1), ir_const(1)), 0x80000000);
    expect_const(ir_op2(ir, IR_DEPH8, ir_const(0x11223344), ir_const(0x5566)), 0x11226644);
    expect_const(ir_op1(ir, IR_EXT8S, ir_const(0x80)), 0xffffff80);
    expect_const(ir_op1(ir, IR_EXTH8, ir_const(0x1234)), 0x12);
    expect_const(ir_op1(ir, IR_BSR, ir_const(0)), 0);
    expect_const(ir_op1(ir, IR_BSR, ir_const(0x400)), 10);
    expect_const(ir_op1(ir, IR_CTZ, ir_const(0)), 0);
    expect_const(ir_lea(ir, ir_const(1), ir_const(3), 2, 0xfffffff0), 0xfffffffd);
    expect_const(ir_setc(ir, IRC_LTS, ir_const(0xffffffff), ir_const(0)), 1);
    expect_const(ir_setc(ir, IRC_LTU, ir_const(0xffffffff), ir_const(0)), 0);
    ir_mul2(ir, IR_SMUL2, ir_const(0xffffffff), ir_const(2), &lo, &hi);
    expect_const(lo, 0xfffffffe);
    expect_const(hi, 0xffffffff);
    ir_mul2(ir, IR_UMUL2, ir_const(0xffffffff), ir_const(2), &lo, &hi);
    expect_const(hi, 1);
    assert_int_equal(ir->nops, 1); /* nothing but INSN */
    free(ir);
}

/* A result is a value: it must not follow the register it was made from. */
static void results_are_snapshots(void **state)
{
    struct ir *ir = new_ir();
    (void)state;
    assert_int_equal(ir_copy(ir, ir_reg(EAX)).kind, IRV_TEMP);
    assert_int_equal(ir_lea(ir, ir_reg(EAX), IR_NONE, 0, 0).kind, IRV_TEMP);
    struct irv one = ir_const(1);
    assert_int_equal(ir_sel(ir, IRC_EQ, one, one, ir_reg(EAX), ir_reg(ECX)).kind, IRV_TEMP);
    assert_int_equal(ir_op2(ir, IR_ADD, ir_reg(EAX), ir_const(0)).kind, IRV_TEMP);
    free(ir);
}

static void overflow_is_harmless(void **state)
{
    struct ir *ir = new_ir();
    (void)state;
    for (u32 i = 0; i < IR_MAX_OPS * 2; i++)
        ir_op2(ir, IR_ADD, ir_reg(EAX), ir_reg(ECX));
    assert_true(ir->overflow);
    assert_int_equal(ir->nops, IR_MAX_OPS);
    ir_begin(ir, 0);
    assert_false(ir->overflow);
    free(ir);
}

static void constant_condition_of_flags(void **state)
{
    struct ir *ir = new_ir();
    (void)state;
    ir_flags_if(ir, ir_const(32), 2, FK_SHL, 4, ir_reg(EAX), ir_reg(ECX));
    assert_int_equal(ir->nops, 1);
    ir_flags_if(ir, ir_const(3), 2, FK_SHL, 4, ir_reg(EAX), ir_reg(ECX));
    assert_int_equal(ir->ops[1].op, IR_FLAGS);
    free(ir);
}

static void expect_bad(struct ir *ir, const char *part)
{
    const char *why = ir_verify(ir);
    assert_non_null(why);
    if (!strstr(why, part))
        fail_msg("expected \"%s\", got \"%s\"", part, why);
    free(ir);
}

static void verifier_finds_what_is_wrong(void **state)
{
    struct ir *ir = new_ir();
    (void)state;
    expect_bad(ir, "ends with one"); /* no exit */
    ir = new_ir();
    ir_xjmp(ir, 1);
    assert_null(ir_verify(ir));
    ir_set_reg(ir, EAX, ir_const(0));
    expect_bad(ir, "ends with one"); /* code after the end */
    ir = new_ir();
    struct irv t = ir_temp(ir);
    ir_set_reg(ir, EAX, t);
    ir_xjmp(ir, 1);
    expect_bad(ir, "before its definition");
    ir = new_ir();
    t = ir_copy(ir, ir_reg(EAX));
    struct ir_insn *i = ir_emit(ir, IR_NOT);
    i->d = t;
    i->a = t;
    ir_xjmp(ir, 1);
    expect_bad(ir, "defined twice");
    ir = new_ir();
    ir_set_reg(ir, EAX, IR_NONE);
    ir_xjmp(ir, 1);
    expect_bad(ir, "input is missing");
    ir = new_ir();
    ir_ld(ir, IR_LD, ir_reg(EAX), 0, 3);
    ir_xjmp(ir, 1);
    expect_bad(ir, "access size");
    ir = new_ir();
    ir_lds(ir, offsetof(struct cpu, gpr) + 4, 4);
    ir_xjmp(ir, 1);
    expect_bad(ir, "registers and lazy flags");
    ir = new_ir();
    ir_emit(ir, IR_ADD)->a = ir_reg(EAX);
    ir_xjmp(ir, 1);
    expect_bad(ir, "input is missing");
    ir = new_ir();
    ir_emit(ir, IR_INSN);
    ir_xjmp(ir, 1);
    expect_bad(ir, "number of instructions");
    ir = new_ir();
    ir_emit(ir, IR_CALL)->imm = HELPER_COUNT;
    ir_xjmp(ir, 1);
    expect_bad(ir, "no such helper");
    ir = new_ir();
    ir_flags(ir, FK_COUNT, 4, ir_reg(EAX), ir_reg(EAX), IR_NONE);
    ir_xjmp(ir, 1);
    expect_bad(ir, "kind of flags");
}

static void expect_line(const struct ir *ir, const char *want)
{
    char line[160];
    assert_string_equal(ir_text(ir, ir->nops - 1, line, sizeof(line)), want);
}

static void text_of_operations(void **state)
{
    struct ir *ir = new_ir();
    struct irv lo, hi;
    char tiny[8];
    (void)state;
    expect_line(ir, "insn +0x10, 2 bytes");
    ir_lea(ir, ir_reg(EAX), ir_reg(EDI), 2, 8);
    expect_line(ir, "t0 = lea eax, edi << 2 + 0x8");
    ir_mul2(ir, IR_UMUL2, ir_reg(EAX), ir_reg(EDX), &lo, &hi);
    expect_line(ir, "t2:t1 = umul2 eax, edx");
    ir_ld(ir, IR_LDSX, ir_reg(ESP), 4, 2);
    expect_line(ir, "t3 = ldsx.2 [esp+0x4]");
    ir_st(ir, lo, 0, 1, ir_const(7));
    expect_line(ir, "st.1 [t2], 0x7");
    ir_flags(ir, FK_ADC, 2, lo, hi, ir_const(1));
    expect_line(ir, "flags.2 adc t2, t1, 0x1  ;");
    ir_segchk(ir, SEG_SS, ir_reg(ESP), 4, true);
    expect_line(ir, "segchk.4w 2:esp");
    ir_xcc(ir, 13, -3);
    expect_line(ir, "xcc.ge -3");
    ir_xif(ir, IRC_NE, ir_reg(ECX), ir_const(0), 5);
    expect_line(ir, "xif.ne ecx, 0x0 5");
    assert_string_equal(ir_text(ir, 0, tiny, sizeof(tiny)), "insn +0");
    free(ir);
}

static void shifts_of_every_count(void **state)
{
    (void)state;
    for (u32 n = 0; n < 64; n++) {
        u32 x = 0x8123cdef, k = n & 31;
        assert_int_equal(ir_eval2(IR_ROL, false, x, n), k ? x << k | x >> (32 - k) : x);
        assert_int_equal(ir_eval2(IR_ROR, false, x, n), k ? x >> k | x << (32 - k) : x);
        assert_int_equal(ir_eval2(IR_SAR, false, x, n), (u32)((s32)x >> k));
        assert_int_equal(ir_eval2(IR_SAR, false, x >> 1, n), x >> 1 >> k);
        assert_int_equal(ir_eval2(IR_SHR, false, x, n), x >> k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constants_fold_at_once),
        cmocka_unit_test(results_are_snapshots),
        cmocka_unit_test(overflow_is_harmless),
        cmocka_unit_test(constant_condition_of_flags),
        cmocka_unit_test(verifier_finds_what_is_wrong),
        cmocka_unit_test(text_of_operations),
        cmocka_unit_test(shifts_of_every_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
