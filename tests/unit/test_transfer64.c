/* Transfers of control in IA-32e mode: gates with the interrupt stack table, returns in all
 * directions, far calls, fast system calls; faults with their error codes. */
#include "tests/unit/sys64_fixture.h"

/* -- interrupts -- */

static void test_same_level(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    put_idt64(s, 0x20, S_CODE64, HIGH + HANDLER, 0x8e, 0);
    cpu->gpr[ESP] -= 3; /* is made a multiple of 16 */
    cpu_interrupt(cpu, 0x20);
    const u64 want[] = {HIGH + 0x5000, S_CODE64, 0x202, HIGH + STACK0 - 3, S_DATA0};
    assert_true(cpu->eip == HIGH + HANDLER);
    assert_true(cpu->gpr[ESP] == HIGH + STACK0 - 16 - 40);
    assert_memory_equal(s->ram + STACK0 - 16 - 40, want, sizeof(want));
    assert_int_equal(cpu->eflags & FLAG_IF, 0);
    assert_int_equal(cpu->seg[SEG_SS].sel, S_DATA0);
    ASSERT_OK(s, far_iret(cpu, 8, 0));
    assert_true(cpu->eip == HIGH + 0x5000 && cpu->gpr[ESP] == HIGH + STACK0 - 3);
    assert_int_equal(cpu_eflags(cpu), 0x202);
}

static void test_from_user(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    put_idt64(s, VEC_GP, S_CODE64, HIGH + HANDLER, 0x8e, 2);
    put_idt64(s, 0x40, S_CODE64, HANDLER, 0xef, 0);
    go(s, 3);
    assert_true(cpu->mode & MODE_USER);
    ASSERT_RAISES(s, VEC_GP, VEC_GP * 8 + 2, cpu_soft_int(cpu, VEC_GP)); /* DPL */
    cpu_deliver_pending(cpu);
    const u64 want[] = {VEC_GP * 8 + 2,  HIGH + 0x5000, S_CODE64_3,
                        0x202 | FLAG_RF, HIGH + STACK3, S_DATA3};
    assert_true(cpu->gpr[ESP] == HIGH + IST - 48);
    assert_memory_equal(s->ram + IST - 48, want, sizeof(want));
    assert_int_equal(cpu->cpl, 0);
    assert_int_equal(cpu->seg[SEG_SS].sel, 0);
    assert_int_equal(cpu->seg[SEG_CS].sel, S_CODE64);
    cpu->gpr[ESP] += 8;
    ASSERT_OK(s, far_iret(cpu, 8, 0));
    assert_int_equal(cpu->cpl, 3);
    assert_int_equal(cpu->seg[SEG_SS].sel, S_DATA3);
    ASSERT_OK(s, cpu_soft_int(cpu, 0x40)); /* a trap gate; the level's stack */
    assert_true(cpu->gpr[ESP] == HIGH + STACK0 - 40 && cpu->eip == HANDLER);
    assert_int_equal(cpu->eflags & FLAG_IF, FLAG_IF);
}

static void test_from_compat(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    put_idt64(s, 0x40, S_CODE64, HIGH + HANDLER, 0xee, 0);
    for (volatile unsigned cpl = 0; cpl <= 3; cpl += 3) {
        go_compat(s, cpl);
        ASSERT_OK(s, cpu_soft_int(cpu, 0x40));
        assert_true(cpu_is_code64(cpu));
        assert_true(cpu->gpr[ESP] == (cpl ? HIGH : 0) + STACK0 - 40);
        assert_true(peek64(s, STACK0 - 40) == 0x5000);
        assert_true(peek64(s, STACK0 - 16) == (cpl ? STACK3 : STACK0));
        cpu->gpr[EAX] = ~0ull;
        ASSERT_OK(s, far_iret(cpu, 8, 0));
        assert_false(cpu_is_code64(cpu));
        assert_int_equal(cpu->eip, 0x5000);
        assert_int_equal(cpu->gpr[ESP], cpl ? STACK3 : STACK0);
        assert_true(cpu->gpr[EAX] == UINT32_MAX);
        assert_int_equal(cpu->seg[SEG_SS].sel, cpl ? S_DATA3 : S_DATA0);
    }
}

static void test_gate_errors(void **state)
{
    static const struct {
        u32 sel;
        u64 off;
        u32 access;
        u8 vec;
        u32 err;
    } cases[] = {
        {S_CODE64, HANDLER, 0x86, VEC_GP, 0x20 * 8 + 3}, /* types of other modes */
        {S_CODE64, HANDLER, 0x85, VEC_GP, 0x20 * 8 + 3},
        {S_CODE64, HANDLER, 0x0e, VEC_NP, 0x20 * 8 + 3},
        {S_CODE0, HANDLER, 0x8e, VEC_GP, S_CODE0 | 1}, /* compatibility mode */
        {S_BAD64, HANDLER, 0x8e, VEC_GP, S_BAD64 | 1},
        {0, HANDLER, 0x8e, VEC_GP, 1},
        {S_CODE64, NOT_CANONICAL, 0x8e, VEC_GP, 1},
    };
    const struct event ev = {.vec = 0x20}, last = {.vec = 0x80};
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    for (volatile unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        put_idt64(s, 0x20, cases[i].sel, cases[i].off, cases[i].access, 0);
        ASSERT_RAISES(s, cases[i].vec, cases[i].err, gate_deliver(cpu, &ev));
    }
    ASSERT_RAISES(s, VEC_GP, 0x80 * 8 + 3, gate_deliver(cpu, &last)); /* beyond the limit */
    put_idt64(s, 0x20, S_CODE64, HANDLER, 0x8e, 0);
    cpu->gpr[ESP] = NOT_CANONICAL + 32;
    ASSERT_RAISES(s, VEC_SS, 1, gate_deliver(cpu, &ev));
    go(s, 3);
    poke64(s, TSS + 4, NOT_CANONICAL + 64);
    ASSERT_RAISES(s, VEC_SS, 1, gate_deliver(cpu, &ev));
    put_idt64(s, 0x20, S_CODE64, HANDLER, 0x8e, 7);
    cpu->tr.limit = 0x5a;
    ASSERT_RAISES(s, VEC_TS, S_TSS64 | 1, gate_deliver(cpu, &ev));
    assert_int_equal(cpu->cpl, 3);
    assert_true(cpu->gpr[ESP] == HIGH + STACK3);
}

/* -- returns -- */

static void frame(struct sys *s, u64 rip, u32 cs, u64 rsp, u32 ss)
{
    u64 v[] = {rip, cs, 0x202, rsp, ss};

    memcpy(s->ram + STACK_OTHER, v, sizeof(v));
    s->cpu->gpr[ESP] = HIGH + STACK_OTHER;
}

static void test_iret_errors(void **state)
{
    static const struct {
        u64 rip;
        u32 cs, ss;
        u8 vec;
        u32 err;
    } cases[] = {
        {NOT_CANONICAL, S_CODE64, S_DATA0, VEC_GP, 0},
        {0x5000, S_BAD64, S_DATA0, VEC_GP, S_BAD64},
        {0x5000, S_CODE64_3, 0, VEC_GP, 0}, /* SS may not be null at level 3, ... */
        {0x5000, S_CODE64_3, 3, VEC_GP, 0},
        {0x5000, S_CODE0, 0, VEC_GP, 0}, /* ... nor for compatibility mode */
        {0x5000, S_CODE64, S_DATA3, VEC_GP, S_DATA3 & ~3},
        {0x12345, S_CODE16, S_DATA0, VEC_GP, 0},
        {0x5000, 0, S_DATA0, VEC_GP, 0},
    };
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    for (volatile unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        frame(s, cases[i].rip, cases[i].cs, HIGH + STACK0, cases[i].ss);
        ASSERT_RAISES(s, cases[i].vec, cases[i].err, far_iret(cpu, 8, 0));
        assert_true(cpu->gpr[ESP] == HIGH + STACK_OTHER);
    }
    frame(s, 0x5000, S_CODE64, HIGH + STACK0, 0); /* null is for 64-bit mode */
    ASSERT_OK(s, far_iret(cpu, 8, 0));
    assert_int_equal(cpu->seg[SEG_SS].sel, 0);
    cpu->eflags |= FLAG_NT;
    ASSERT_RAISES(s, VEC_GP, 0, far_iret(cpu, 8, 0)); /* no tasks */
    cpu->eflags &= ~(u32)FLAG_NT;
    cpu->gpr[ESP] = NOT_CANONICAL;
    ASSERT_RAISES(s, VEC_SS, 0, far_iret(cpu, 8, 0));
}

/* IRETD in 64-bit code pops SS and ESP too; to a 16-bit stack SP alone is loaded. */
static void test_iret_sizes(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;
    const u32 dwords[] = {0x80005000, S_CODE64, 0x202, 0x90000000, S_DATA0};

    memcpy(s->ram + STACK_OTHER, dwords, sizeof(dwords));
    cpu->gpr[ESP] = HIGH + STACK_OTHER;
    ASSERT_OK(s, far_iret(cpu, 4, 0));
    assert_true(cpu->eip == 0x80005000 && cpu->gpr[ESP] == 0x90000000);
    frame(s, 0x5000, S_CODE0, 0x12345678, S_DATA16);
    cpu->gpr[ESP] = STACK_OTHER;
    ASSERT_OK(s, far_iret(cpu, 8, 0));
    assert_int_equal(cpu->gpr[ESP], 0x5678);
    assert_false(cpu->mode & (MODE_CODE64 | MODE_STACK32));
}

static void test_far_ret(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    frame(s, HIGH + 0x5678, S_CODE64, 0, 0);
    ASSERT_OK(s, far_ret(cpu, 8, 8));
    assert_true(cpu->eip == HIGH + 0x5678 && cpu->gpr[ESP] == HIGH + STACK_OTHER + 24);
    frame(s, 0x5678, S_CODE64_3, 0, 0);
    poke64(s, STACK_OTHER + 16, HIGH + STACK3);
    poke64(s, STACK_OTHER + 24, S_DATA3);
    ASSERT_OK(s, seg_load(cpu, SEG_DS, S_DATA0));
    ASSERT_OK(s, seg_load(cpu, SEG_GS, S_DATA0));
    assert_true(msr_write(cpu, (u32)M_GS, HIGH));
    ASSERT_OK(s, far_ret(cpu, 8, 0));
    assert_int_equal(cpu->cpl, 3);
    assert_true(cpu->gpr[ESP] == HIGH + STACK3);
    assert_int_equal(cpu->seg[SEG_DS].sel, 0); /* inner level's segments go, the base stays */
    assert_int_equal(cpu->seg[SEG_GS].sel, 0);
    assert_true(segment_base64(&cpu->seg[SEG_GS]) == HIGH);
}

/* -- calls -- */

static void test_far_call(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    go(s, 3);
    ASSERT_OK(s, far_call(cpu, S_GATE64, 0, 8, HIGH + 0x5007));
    const u64 want[] = {HIGH + 0x5007, S_CODE64_3, HIGH + STACK3, S_DATA3};
    assert_true(cpu->eip == HIGH + HANDLER && cpu->gpr[ESP] == HIGH + STACK0 - 32);
    assert_memory_equal(s->ram + STACK0 - 32, want, sizeof(want));
    assert_int_equal(cpu->seg[SEG_SS].sel, 0);
    ASSERT_OK(s, far_ret(cpu, 8, 0));
    assert_int_equal(cpu->cpl, 3);
    ASSERT_RAISES(s, VEC_GP, S_CODE64, far_jmp(cpu, S_GATE64, 0, 0));
    go(s, 0);
    ASSERT_OK(s, far_call(cpu, S_GATE64, 0, 8, 0x5007));
    assert_true(cpu->gpr[ESP] == HIGH + STACK0 - 16);
    ASSERT_OK(s, far_call(cpu, S_CODE0, 0x5000, 4, 0x6007)); /* to compatibility mode */
    assert_false(cpu_is_code64(cpu));
    assert_int_equal(peek(s, STACK0 - 24, 4), 0x6007);
    ASSERT_OK(s, seg_load(cpu, SEG_SS, S_DATA0));
    cpu->gpr[ESP] = STACK0;
    ASSERT_OK(s, far_call(cpu, S_GATE64, 0, 4, 0x5007)); /* through the gate it is 64 bits again */
    assert_true(cpu_is_code64(cpu) && cpu->gpr[ESP] == STACK0 - 16);
}

static void test_far_errors(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    ASSERT_RAISES(s, VEC_GP, S_BAD64, far_jmp(cpu, S_BAD64, 0, 0));
    ASSERT_RAISES(s, VEC_GP, 0, far_jmp(cpu, S_CODE64, NOT_CANONICAL, 0));
    ASSERT_RAISES(s, VEC_GP, S_TSS_OTHER, far_jmp(cpu, S_TSS_OTHER, 0, 0));
    ASSERT_RAISES(s, VEC_GP, S_TASKGATE, far_call(cpu, S_TASKGATE, 0, 4, 0));
    poke(s, GDT + S_GATE64 + 12, 4, 0x0900); /* a type in the upper half */
    ASSERT_RAISES(s, VEC_GP, S_GATE64, far_call(cpu, S_GATE64, 0, 4, 0));
    put_gate64(s, S_CODE64, NOT_CANONICAL);
    ASSERT_RAISES(s, VEC_GP, 0, far_call(cpu, S_GATE64, 0, 4, 0));
    put_gate64(s, S_CODE0, 0x5000);
    ASSERT_RAISES(s, VEC_GP, S_CODE0, far_call(cpu, S_GATE64, 0, 4, 0));
    cpu->gdtr.limit = S_GATE64 + 7;
    ASSERT_RAISES(s, VEC_GP, S_GATE64, far_call(cpu, S_GATE64, 0, 4, 0));
}

static void test_syscall(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    cpu->msr.star = (u64)S_CODE64_3 << 48 | (u64)S_CODE64 << 32;
    cpu->msr.lstar = HIGH + 0x7000;
    cpu->msr.sfmask = FLAG_IF | FLAG_TF | FLAG_DF;
    go(s, 3);
    cpu_set_eflags(cpu, 0x202 | FLAG_DF | FLAG_TF | FLAG_CF);
    ASSERT_OK(s, far_syscall(cpu, HIGH + 0x5002));
    assert_true(cpu->eip == HIGH + 0x7000 && cpu->gpr[ECX] == HIGH + 0x5002);
    assert_int_equal(cpu->gpr[11], 0x202 | FLAG_DF | FLAG_TF | FLAG_CF);
    assert_int_equal(cpu_eflags(cpu), 2 | FLAG_CF);
    assert_int_equal(cpu->events & EV_NO_STEP, EV_NO_STEP); /* TF is gone */
    assert_int_equal(cpu->cpl, 0);
    assert_int_equal(cpu->seg[SEG_CS].sel, S_CODE64);
    assert_int_equal(cpu->seg[SEG_SS].sel, S_CODE64 + 8);
    assert_true(cpu->gpr[ESP] == HIGH + STACK3);
    cpu->gpr[ECX] = NOT_CANONICAL;
    ASSERT_RAISES(s, VEC_GP, 0, far_sysret(cpu, 8));
    assert_int_equal(cpu->cpl, 0);
    cpu->gpr[ECX] = HIGH + 0x5002;
    cpu->gpr[11] = 0x202 | FLAG_RF | FLAG_VM;
    ASSERT_OK(s, far_sysret(cpu, 8));
    assert_true(cpu->eip == HIGH + 0x5002 && cpu_is_code64(cpu));
    assert_int_equal(cpu_eflags(cpu), 0x202);
    assert_int_equal(cpu->debug_hits, 0);
    assert_int_equal(cpu->seg[SEG_CS].sel, (S_CODE64_3 & ~3) + 16 + 3);
    assert_int_equal(cpu->seg[SEG_SS].sel, (S_CODE64_3 & ~3) + 8 + 3);
    ASSERT_RAISES(s, VEC_GP, 0, far_sysret(cpu, 8)); /* CPL */
    go(s, 3);
    ASSERT_OK(s, far_syscall(cpu, 0x5002));
    cpu->gpr[11] = 0x202 | FLAG_TF;
    ASSERT_OK(s, far_sysret(cpu, 4)); /* to compatibility mode, and steps at once */
    assert_true(cpu->eip == 0x5002 && !cpu_is_code64(cpu));
    assert_int_equal(cpu->seg[SEG_CS].sel, S_CODE64_3);
    assert_int_equal(cpu->debug_hits, DR6_BS);
    ASSERT_RAISES(s, VEC_UD, 0, far_syscall(cpu, 0));
    go(s, 3);
    cpu->msr.efer &= ~(u64)EFER_SCE;
    ASSERT_RAISES(s, VEC_UD, 0, far_syscall(cpu, 0));
}

static void test_sysenter(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    cpu->msr.sysenter_cs = S_CODE64;
    cpu->msr.sysenter_eip = HIGH + 0x7000;
    cpu->msr.sysenter_esp = HIGH + STACK0;
    go_compat(s, 3);
    ASSERT_OK(s, far_sysenter(cpu));
    assert_true(cpu_is_code64(cpu) && cpu->eip == HIGH + 0x7000);
    assert_true(cpu->gpr[ESP] == HIGH + STACK0 && cpu->cpl == 0);
    cpu->gpr[EDX] = NOT_CANONICAL;
    ASSERT_RAISES(s, VEC_GP, 0, far_sysexit(cpu, 8));
    cpu->gpr[EDX] = HIGH + 0x5000;
    cpu->gpr[ECX] = HIGH + STACK3;
    ASSERT_OK(s, far_sysexit(cpu, 8));
    assert_true(cpu_is_code64(cpu) && cpu->eip == HIGH + 0x5000);
    assert_true(cpu->gpr[ESP] == HIGH + STACK3);
    assert_int_equal(cpu->seg[SEG_CS].sel, S_CODE64 + 32 + 3);
    assert_int_equal(cpu->seg[SEG_SS].sel, S_CODE64 + 40 + 3);
    go(s, 0);
    cpu->gpr[EDX] = HIGH + 0x5000;
    cpu->gpr[ECX] = HIGH + STACK3;
    ASSERT_OK(s, far_sysexit(cpu, 4));
    assert_true(!cpu_is_code64(cpu) && cpu->eip == 0x5000 && cpu->gpr[ESP] == STACK3);
    assert_int_equal(cpu->seg[SEG_CS].sel, S_CODE64 + 16 + 3);
}

/* AMD's: SYSCALL and SYSRET in compatibility mode, too, where SYSENTER and SYSEXIT are not. */

static void prepare_amd(struct cpu *cpu)
{
    cpu_set_model(cpu, cpu_model_find("orrery"));
    assert_true(msr_write(cpu, (u32)M_STAR, (u64)S_CODE64_3 << 48 | (u64)S_CODE64 << 32 | 0x6000));
    assert_true(msr_write(cpu, (u32)M_LSTAR, HIGH + 0x7000));
    assert_true(msr_write(cpu, (u32)M_CSTAR, HIGH + 0x7800));
    assert_true(msr_write(cpu, (u32)M_SFMASK, FLAG_IF | FLAG_DF));
}

static void test_amd_compatibility(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;
    u32 out[4];

    prepare_amd(cpu);
    go_compat(s, 3);
    cpu_set_eflags(cpu, 0x202 | FLAG_DF | FLAG_CF);
    ASSERT_OK(s, far_syscall(cpu, 0x5002));
    assert_true(cpu_is_code64(cpu) && cpu->eip == HIGH + 0x7800 && cpu->gpr[ECX] == 0x5002);
    assert_int_equal(cpu->gpr[11], 0x202 | FLAG_DF | FLAG_CF);
    assert_int_equal(cpu_eflags(cpu), 2 | FLAG_CF);
    assert_int_equal(cpu->seg[SEG_CS].sel, S_CODE64);
    ASSERT_OK(s, far_sysret(cpu, 4));
    assert_true(!cpu_is_code64(cpu) && cpu->eip == 0x5002 && cpu->cpl == 3);
    assert_int_equal(cpu_eflags(cpu), 0x202 | FLAG_DF | FLAG_CF);
    go(s, 0);
    go_compat(s, 0);
    cpu_set_eflags(cpu, 2);
    cpu->gpr[ECX] = 0x5004;
    cpu->gpr[11] = FLAG_DF; /* counts in 64-bit mode alone */
    ASSERT_OK(s, far_sysret(cpu, 4));
    assert_true(!cpu_is_code64(cpu) && cpu->eip == 0x5004 && cpu->cpl == 3);
    assert_int_equal(cpu_eflags(cpu), 0x202);
    cpu_cpuid(cpu, 0x80000001, 0, out);
    assert_int_equal(out[3] >> 11 & 1, 1);
    /* To where no code can be: the fault is the user's. */
    go(s, 0);
    cpu->gpr[ECX] = NOT_CANONICAL;
    cpu->gpr[11] = 2;
    ASSERT_OK(s, far_sysret(cpu, 8));
    assert_true(cpu->eip == NOT_CANONICAL && cpu->cpl == 3);
}

static void test_amd_sysenter(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    cpu_set_model(cpu, cpu_model_find("orrery"));
    assert_true(msr_write(cpu, 0x174, S_CODE64));
    assert_true(msr_write(cpu, 0x176, HIGH + 0x6000) && cpu->msr.sysenter_eip == 0x6000);
    go_compat(s, 3);
    ASSERT_RAISES(s, VEC_UD, 0, far_sysenter(cpu));
    go(s, 0);
    ASSERT_RAISES(s, VEC_UD, 0, far_sysenter(cpu));
    ASSERT_RAISES(s, VEC_UD, 0, far_sysexit(cpu, 8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYS64_TEST(test_same_level),   SYS64_TEST(test_from_user),
        SYS64_TEST(test_from_compat),  SYS64_TEST(test_gate_errors),
        SYS64_TEST(test_iret_errors),  SYS64_TEST(test_iret_sizes),
        SYS64_TEST(test_far_ret),      SYS64_TEST(test_far_call),
        SYS64_TEST(test_far_errors),   SYS64_TEST(test_syscall),
        SYS64_TEST(test_sysenter),     SYS64_TEST(test_amd_compatibility),
        SYS64_TEST(test_amd_sysenter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
