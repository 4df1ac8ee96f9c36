/* Delivery of interrupts and exceptions, IRET, double and triple faults. */
#include "tests/unit/sys_fixture.h"

#include "cpu/excp.h"
#include "cpu/far.h"
#include "cpu/helpers.h"

enum { HANDLER = 0x6000 };

static void test_same_level(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    put_idt(s, 0x20, S_CODE0, HANDLER, 0x8e);
    cpu_interrupt(cpu, 0x20);
    assert_int_equal(cpu->eip, HANDLER);
    assert_int_equal(cpu->gpr[ESP], STACK0 - 12);
    const u32 want[] = {0x5000, S_CODE0, 0x202};
    assert_memory_equal(s->ram + STACK0 - 12, want, sizeof(want));
    assert_int_equal(cpu->eflags & FLAG_IF, 0);
    ASSERT_OK(s, far_iret(cpu, 4, 0));
    assert_int_equal(cpu->eip, 0x5000);
    assert_int_equal(cpu->gpr[ESP], STACK0);
    assert_int_equal(cpu_eflags(cpu), 0x202);
}

static void test_from_user_and_back(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    put_idt(s, 0x80, S_CODE0, HANDLER, 0xef); /* trap gate, DPL 3 */
    enter(s, 3);
    cpu_set_eflags(cpu, 0x246 | FLAG_TF | FLAG_NT | FLAG_AC | FLAG_CF);
    cpu->eip = 0x5002;
    ASSERT_OK(s, cpu_soft_int(cpu, 0x80));
    const u32 want[] = {0x5002, S_CODE3, 0x247 | FLAG_TF | FLAG_NT | FLAG_AC, STACK3, S_DATA3};
    assert_memory_equal(s->ram + STACK0 - 20, want, sizeof(want));
    assert_int_equal(cpu->cpl, 0);
    assert_int_equal(cpu->seg[SEG_SS].sel, S_DATA0);
    assert_int_equal(cpu->eflags & (FLAG_TF | FLAG_NT | FLAG_IF), FLAG_IF);
    ASSERT_OK(s, far_iret(cpu, 4, 0));
    assert_int_equal(cpu->cpl, 3);
    assert_int_equal(cpu->gpr[ESP], STACK3);
    assert_int_equal(cpu->seg[SEG_SS].sel, S_DATA3);
    assert_int_equal(cpu_eflags(cpu), 0x247 | FLAG_TF | FLAG_NT | FLAG_AC);
}

static void test_soft_int_privilege(void **state)
{
    struct sys *s = *state;

    put_idt(s, 0x21, S_CODE0, HANDLER, 0x8e);
    enter(s, 3);
    s->cpu->eip_page = 0x5000;
    s->cpu->insn_off = 0x10;
    s->cpu->insn_left = 1;
    ASSERT_RAISES(s, VEC_GP, 0x21 * 8 + 2, help_int_n(s->cpu, 0x21, 2));
    assert_int_equal(s->cpu->eip, 0x5010); /* the INT itself */
    assert_int_equal(s->cpu->insn_left, 0);
    ASSERT_RAISES(s, VEC_GP, 0x22 * 8 + 2, cpu_soft_int(s->cpu, 0x22)); /* an empty gate */
    put_idt(s, 0x22, S_CODE0, HANDLER, 0x6e);
    ASSERT_RAISES(s, VEC_NP, 0x22 * 8 + 2, cpu_soft_int(s->cpu, 0x22));
    put_idt(s, 0x22, S_CODE0, HANDLER, 0xee);
    poke(s, TSS + 8, 2, S_DATA3);
    ASSERT_RAISES(s, VEC_TS, S_DATA3 & ~3, cpu_soft_int(s->cpu, 0x22));
    poke(s, TSS + 8, 2, S_ABSENT);
    ASSERT_RAISES(s, VEC_SS, S_ABSENT, cpu_soft_int(s->cpu, 0x22));
    assert_int_equal(s->cpu->cpl, 3);
}

static void raise_and_deliver(struct sys *s, enum vector vec, bool has_error, u32 error)
{
    volatile bool raised;

    if (has_error)
        CATCH(s, raised, cpu_raise_err(s->cpu, vec, error, why(RULE_none)));
    else
        CATCH(s, raised, cpu_raise(s->cpu, vec, why(RULE_none)));
    assert_true(raised);
    cpu_deliver_pending(s->cpu);
}

static void test_fault_frame(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;
    volatile bool raised;

    put_idt(s, VEC_PF, S_CODE0, HANDLER, 0x8e);
    cpu->eip_page = 0x5000;
    cpu->insn_off = 0x123;
    cpu->insn_left = 2;
    u64 icount = cpu_icount(cpu);
    CATCH(s, raised, cpu_raise_pf(cpu, 0xdeadbeef, 6));
    assert_true(raised);
    cpu_deliver_pending(cpu);
    const u32 want[] = {6, 0x5123, S_CODE0, 0x202 | FLAG_RF};
    assert_memory_equal(s->ram + STACK0 - 16, want, sizeof(want));
    assert_int_equal(cpu->cr2, 0xdeadbeef);
    assert_int_equal(cpu_icount(cpu), icount);
    assert_int_equal(cpu->history[0].eip, 0x5123);
    assert_int_equal(cpu->history[0].vector, VEC_PF);
}

static void test_gate16(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    put_idt(s, VEC_GP, S_CODE0, 0x12346000, 0x86);
    raise_and_deliver(s, VEC_GP, true, 0x50);
    assert_int_equal(cpu->eip, HANDLER);
    assert_int_equal(cpu->gpr[ESP], STACK0 - 8);
    const u16 want[] = {0x50, 0x5000, S_CODE0, 0x202};
    assert_memory_equal(s->ram + STACK0 - 8, want, sizeof(want));
}

static void test_double_fault(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    put_idt(s, VEC_DF, S_CODE0, HANDLER, 0x8e);
    put_idt(s, VEC_NP, S_CODE0, HANDLER + 0x10, 0x8e);
    raise_and_deliver(s, VEC_GP, true, 0); /* no gate: #GP again */
    assert_int_equal(cpu->eip, HANDLER);
    assert_int_equal(peek(s, cpu->gpr[ESP], 4), 0);
    assert_int_equal(cpu->events & EV_TRIPLE, 0);

    enter(s, 0);
    raise_and_deliver(s, VEC_UD, false, 0); /* benign: #GP for the missing gate, which fails: #DF */
    assert_int_equal(cpu->eip, HANDLER);

    enter(s, 0);
    put_idt(s, VEC_UD, S_CODE0, HANDLER, 0x0e); /* not present: #NP, delivered */
    raise_and_deliver(s, VEC_UD, false, 0);
    assert_int_equal(cpu->eip, HANDLER + 0x10);
    assert_int_equal(peek(s, cpu->gpr[ESP], 4), VEC_UD * 8 + 3);
    assert_int_equal(cpu->fault_depth, 0);
}

static void test_triple_fault(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    cpu->idtr.limit = 0;
    raise_and_deliver(s, VEC_PF, true, 2);
    assert_true(cpu->events & EV_TRIPLE);
    assert_int_equal(cpu->shutdown[0].vector, VEC_PF);
    assert_int_equal(cpu->shutdown[1].vector, VEC_GP);
    assert_int_equal(cpu->shutdown[1].error, VEC_PF * 8 + 3);
    assert_int_equal(cpu->shutdown[2].vector, VEC_GP);
    assert_int_equal(cpu->shutdown[2].error, VEC_DF * 8 + 3);
    assert_int_equal(cpu->eip, 0x5000);
}

/* What Linux does: #DF on a task gate. */
static void test_double_fault_task(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    poke(s, TSS_OTHER + 0x20, 4, 0x7000);
    poke(s, TSS_OTHER + 0x24, 4, 2);
    poke(s, TSS_OTHER + 0x38, 4, STACK_OTHER);
    poke(s, TSS_OTHER + 0x4c, 4, S_CODE0);
    poke(s, TSS_OTHER + 0x50, 4, S_DATA0);
    put_idt(s, VEC_DF, S_TSS_OTHER, 0, 0x85);
    cpu->gpr[ESP] = 0;
    cpu->seg[SEG_SS].limit = 0xfff; /* the pushes fail: #SS, again: #DF */
    cpu->seg[SEG_SS].limit_w = 0xfff;
    put_idt(s, VEC_GP, S_CODE0, HANDLER, 0x8e);
    put_idt(s, VEC_SS, S_CODE0, HANDLER, 0x8e);
    raise_and_deliver(s, VEC_GP, true, 0x10);
    assert_int_equal(cpu->eip, 0x7000);
    assert_int_equal(cpu->tr.sel, S_TSS_OTHER);
    assert_int_equal(cpu->gpr[ESP], STACK_OTHER - 4);
    assert_int_equal(peek(s, STACK_OTHER - 4, 4), 0);
    assert_int_equal(peek(s, TSS + 0x20, 4), 0x5000);
    assert_true(cpu->eflags & FLAG_NT);
}

static void test_real_mode(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    cpu_reset(cpu);
    assert_int_equal(cpu->eip, 0xfff0);
    assert_int_equal(cpu->seg[SEG_CS].base, 0xffff0000);
    assert_int_equal(cpu->gpr[EDX], 0x60fb1);
    cpu->eflags |= FLAG_IF | FLAG_TF;
    cpu->gpr[ESP] = 0x12340002; /* wraps in the word */
    poke(s, 0x10 * 4, 4, 0x12340056);
    cpu_interrupt(cpu, 0x10);
    assert_int_equal(cpu->seg[SEG_CS].base, 0x12340);
    assert_int_equal(cpu->eip, 0x56);
    assert_int_equal(cpu->gpr[ESP], 0x1234fffc);
    assert_int_equal(peek(s, 0xfffc, 2), 0xfff0);
    assert_int_equal(peek(s, 0xfffe, 2), 0xf000);
    assert_int_equal(peek(s, 0, 2), 0x302);
    assert_int_equal(cpu->eflags, 2);
    ASSERT_OK(s, far_iret(cpu, 2, 0));
    assert_int_equal(cpu->eip, 0xfff0);
    assert_int_equal(cpu->seg[SEG_CS].base, 0xf0000);
    assert_int_equal(cpu_eflags(cpu), 0x302);
    assert_int_equal(cpu->gpr[ESP], 0x12340002);
}

static void test_v86(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    put_idt(s, VEC_GP, S_CODE0, HANDLER, 0x8e);
    const u32 frame[] = {0x100, 0x2000, 0x20202, 0xfff0, 0x3000, 0x1111, 0x2222, 0x3333, 0x4444};
    cpu->gpr[ESP] = STACK0 - sizeof(frame);
    memcpy(s->ram + STACK0 - sizeof(frame), frame, sizeof(frame));
    ASSERT_OK(s, far_iret(cpu, 4, 0));
    assert_int_equal(cpu->cpl, 3);
    assert_true(cpu->mode & MODE_VM86);
    assert_int_equal(cpu->seg[SEG_CS].base, 0x20000);
    assert_int_equal(cpu->seg[SEG_SS].base, 0x30000);
    assert_int_equal(cpu->seg[SEG_ES].sel, 0x1111);
    assert_int_equal(cpu->seg[SEG_GS].sel, 0x4444);
    assert_int_equal(cpu->gpr[ESP], 0xfff0);
    ASSERT_RAISES(s, VEC_GP, 0, help_int_n(cpu, 0x21, 2)); /* IOPL 0 */
    ASSERT_RAISES(s, VEC_GP, 0, far_iret(cpu, 2, 0));
    ASSERT_RAISES(s, VEC_GP, 0, help_cli(cpu));
    ASSERT_RAISES(s, VEC_GP, 0, help_sti(cpu));
    raise_and_deliver(s, VEC_GP, true, 0);
    assert_int_equal(cpu->cpl, 0);
    assert_int_equal(cpu->eip, HANDLER);
    assert_int_equal(cpu->gpr[ESP], STACK0 - sizeof(frame) - 4);
    assert_int_equal(cpu->seg[SEG_DS].sel, 0);
    assert_int_equal(peek(s, cpu->gpr[ESP], 4), 0);
    assert_int_equal(peek(s, cpu->gpr[ESP] + 4, 4), 0x100);
    assert_int_equal(peek(s, cpu->gpr[ESP] + 12, 4), 0x20202 | FLAG_RF);
    assert_memory_equal(s->ram + cpu->gpr[ESP] + 16, frame + 3, 6 * sizeof(u32));
    assert_true(cpu->mode & MODE_PROT);
}

static void test_iret_checks(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;
    const u32 frame[] = {0x5000, S_CODE3, 0x3246, STACK3, S_DATA0};

    cpu->gpr[ESP] = STACK0 - sizeof(frame);
    memcpy(s->ram + STACK0 - sizeof(frame), frame, sizeof(frame));
    ASSERT_RAISES(s, VEC_GP, S_DATA0, far_iret(cpu, 4, 0)); /* SS of the wrong level */
    assert_int_equal(cpu->gpr[ESP], STACK0 - sizeof(frame));
    assert_int_equal(cpu->cpl, 0);
    enter(s, 3);
    poke(s, STACK3 - 12, 4, 0x5000);
    poke(s, STACK3 - 8, 4, S_CODE0);
    poke(s, STACK3 - 4, 4, 0x3002);
    cpu->gpr[ESP] = STACK3 - 12;
    ASSERT_RAISES(s, VEC_GP, S_CODE0, far_iret(cpu, 4, 0));
    poke(s, STACK3 - 8, 4, S_CODE3);
    ASSERT_OK(s, far_iret(cpu, 4, 0));
    assert_int_equal(cpu_eflags(cpu), 0x202); /* neither IF nor IOPL may be changed */
}

static void test_icebp_and_trap(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    put_idt(s, VEC_DB, S_CODE0, HANDLER, 0x8e);
    enter(s, 3);
    ASSERT_OK(s, help_int1(cpu, 1)); /* DPL 0 does not matter */
    assert_int_equal(cpu->eip, HANDLER);
    assert_int_equal(peek(s, STACK0 - 20, 4), 0x5001);
    enter(s, 0);
    cpu_debug_trap(cpu, 1u << 14);
    assert_int_equal(cpu->dr[6], 0xffff4ff0);
    assert_int_equal(peek(s, STACK0 - 4, 4), 0x202); /* a trap: no RF */
    cpu->dr[6] = 0xffff0ff0;
    cpu->debug_hits = 1; /* MOV SS has met a watchpoint: one #DB tells of both */
    ASSERT_OK(s, cpu_icebp(cpu));
    assert_int_equal(cpu->dr[6], 0xffff0ff1);
    assert_int_equal(cpu->debug_hits, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYS_TEST(test_same_level),
        SYS_TEST(test_from_user_and_back),
        SYS_TEST(test_soft_int_privilege),
        SYS_TEST(test_fault_frame),
        SYS_TEST(test_gate16),
        SYS_TEST(test_double_fault),
        SYS_TEST(test_triple_fault),
        SYS_TEST(test_double_fault_task),
        SYS_TEST(test_real_mode),
        SYS_TEST(test_v86),
        SYS_TEST(test_iret_checks),
        SYS_TEST(test_icebp_and_trap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
