/* Segment loads, the exact segment check, the mode word, control registers, ports, far transfers
 * and tasks. */
#include "tests/unit/sys_fixture.h"

#include "cpu/cpuid.h"
#include "cpu/crs.h"
#include "cpu/debug.h"
#include "cpu/far.h"
#include "cpu/help_io.h"
#include "cpu/helpers.h"
#include "cpu/msr.h"
#include "cpu/x87_ops.h"

static void test_load_data(void **state)
{
    struct sys *s = *state;

    put_desc(s, S_DATA3, 0x12345678, 0x1ffff, 0x92 | A_3, 4); /* not accessed yet */
    ASSERT_OK(s, seg_load(s->cpu, SEG_DS, S_DATA3));
    assert_int_equal(s->cpu->seg[SEG_DS].base, 0x12345678);
    assert_int_equal(s->cpu->seg[SEG_DS].limit, 0x1ffff);
    assert_int_equal(s->cpu->seg[SEG_DS].limit_w, 0x1ffff);
    assert_int_equal(peek(s, GDT + 0x25, 1), 0xf3);
    assert_int_equal(mode_seg_class(s->cpu->mode, SEG_DS), SEGC_CHECKED);
    ASSERT_OK(s, seg_load(s->cpu, SEG_ES, 3));
    assert_int_equal(s->cpu->seg[SEG_ES].limit_r, -1);
    ASSERT_OK(s, seg_load(s->cpu, SEG_FS, S_CONFORM));
    assert_int_equal(s->cpu->seg[SEG_FS].limit_w, -1);
}

static void test_load_faults(void **state)
{
    struct sys *s = *state;

    ASSERT_RAISES(s, VEC_GP, GDT_END, seg_load(s->cpu, SEG_DS, GDT_END));
    ASSERT_RAISES(s, VEC_GP, 4, seg_load(s->cpu, SEG_DS, 7)); /* no LDT */
    ASSERT_RAISES(s, VEC_GP, S_TSS, seg_load(s->cpu, SEG_DS, S_TSS));
    ASSERT_RAISES(s, VEC_GP, S_XONLY, seg_load(s->cpu, SEG_DS, S_XONLY));
    ASSERT_RAISES(s, VEC_GP, S_DATA0, seg_load(s->cpu, SEG_DS, S_DATA0 | 3));
    ASSERT_RAISES(s, VEC_NP, S_ABSENT, seg_load(s->cpu, SEG_DS, S_ABSENT));
    ASSERT_RAISES(s, VEC_SS, S_ABSENT, seg_load(s->cpu, SEG_SS, S_ABSENT));
    ASSERT_RAISES(s, VEC_GP, 0, seg_load(s->cpu, SEG_SS, 0));
    ASSERT_RAISES(s, VEC_GP, S_RDONLY, seg_load(s->cpu, SEG_SS, S_RDONLY));
    ASSERT_RAISES(s, VEC_GP, S_DATA3 & ~3, seg_load(s->cpu, SEG_SS, S_DATA3));
    assert_int_equal(s->cpu->seg[SEG_DS].sel, S_DATA0);
    enter(s, 3);
    ASSERT_RAISES(s, VEC_GP, S_DATA0, seg_load(s->cpu, SEG_DS, S_DATA0));
}

static void test_real_and_v86_load(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    cr0_load(cpu, cpu->cr0 & ~(u32)CR0_PE);
    assert_false(cpu->mode & MODE_PROT);
    seg_load(cpu, SEG_DS, 0x1234); /* the 4 GiB limit stays: unreal mode */
    assert_int_equal(cpu->seg[SEG_DS].base, 0x12340);
    assert_int_equal(mode_seg_class(cpu->mode, SEG_DS), SEGC_BASED);
    assert_int_equal(cpu->seg[SEG_CS].limit_w, 0xffffffff);

    enter(s, 3);
    cpu->eflags |= FLAG_VM;
    cpu_update_mode(cpu);
    ASSERT_OK(s, seg_load(cpu, SEG_DS, 0x1234));
    assert_int_equal(cpu->seg[SEG_DS].limit_w, 0xffff);
    assert_int_equal(cpu->seg[SEG_DS].attr, 0xf3);
    assert_int_equal(cpu->mode & (MODE_VM86 | MODE_PROT | MODE_USER), MODE_VM86 | MODE_USER);
}

static void test_linear(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;
    volatile laddr la = 0;

    ASSERT_OK(s, seg_load(cpu, SEG_ES, S_DOWN)); /* offsets 0x1000 up to 4 GiB - 1 */
    assert_int_equal(cpu->seg[SEG_ES].limit_r, -1);
    ASSERT_OK(s, la = seg_linear(cpu, SEG_ES, 0x1000, 4, ACCESS_WRITE));
    assert_int_equal(la, 0x11000);
    ASSERT_RAISES(s, VEC_GP, 0, seg_linear(cpu, SEG_ES, 0xfff, 4, ACCESS_READ));
    ASSERT_RAISES(s, VEC_GP, 0, seg_linear(cpu, SEG_ES, 0xfffffffe, 4, ACCESS_READ));
    ASSERT_OK(s, seg_load(cpu, SEG_ES, S_DATA16));
    ASSERT_OK(s, seg_linear(cpu, SEG_ES, 0xfffc, 4, ACCESS_WRITE));
    ASSERT_RAISES(s, VEC_GP, 0, seg_linear(cpu, SEG_ES, 0xfffd, 4, ACCESS_WRITE));
    ASSERT_OK(s, seg_load(cpu, SEG_SS, S_DATA16));
    ASSERT_RAISES(s, VEC_SS, 0, seg_linear(cpu, SEG_SS, 0x10000, 1, ACCESS_READ));
    ASSERT_OK(s, seg_load(cpu, SEG_ES, S_RDONLY));
    ASSERT_RAISES(s, VEC_GP, 0, seg_linear(cpu, SEG_ES, 0, 1, ACCESS_WRITE));
    ASSERT_RAISES(s, VEC_GP, 0, seg_linear(cpu, SEG_CS, 0, 1, ACCESS_WRITE));
    ASSERT_OK(s, seg_linear(cpu, SEG_CS, 0, 1, ACCESS_READ));
    enter(s, 3);
    cpu->cr0 |= CR0_AM;
    cpu->eflags |= FLAG_AC;
    cpu_update_mode(cpu);
    ASSERT_RAISES(s, VEC_AC, 0, seg_linear(cpu, SEG_DS, 2, 4, ACCESS_READ));
}

static void test_mode_word(void **state)
{
    struct sys *s = *state;
    const u32 flat =
        MODE_CODE32 | MODE_STACK32 | MODE_PROT | MODE_CS_FLAT | MODE_CS_64K | MODE_NOSSE;

    assert_int_equal(s->cpu->mode, flat | MODE_CPL0 | MODE_X87_SOFT); /* FCW of power-up is 40 */
    x87_init(&s->cpu->fpu);
    enter(s, 3);
    assert_int_equal(s->cpu->mode, flat | MODE_USER);
    cr0_load(s->cpu, s->cpu->cr0 | CR0_TS);
    assert_true(s->cpu->mode & MODE_NOFPU);
    help_clts(s->cpu);
    assert_false(s->cpu->mode & MODE_NOFPU);
}

static void test_control_registers(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    ASSERT_RAISES(s, VEC_GP, 0, cr0_load(cpu, CR0_PG));
    ASSERT_RAISES(s, VEC_GP, 0, cr0_load(cpu, CR0_PE | CR0_NW));
    ASSERT_RAISES(s, VEC_GP, 0, cr4_load(cpu, 1u << 31));
    ASSERT_OK(s, cr4_load(cpu, CR4_PAE));
    poke(s, 0x20000, 4, 0x20001 | 6); /* reserved bits of a PDPTE */
    ASSERT_OK(s, cr3_load(cpu, 0x20000));
    ASSERT_RAISES(s, VEC_GP, 0, cr0_load(cpu, cpu->cr0 | CR0_PG));
    assert_false(cpu->mmu.cr0 & CR0_PG);
    assert_int_equal(cpu->mmu.cr3, 0x20000);
    help_lmsw(cpu, 0xe);
    assert_int_equal(cpu->cr0 & 0xf, 0xf); /* PE stays */
    dr_load(cpu, 7, 0xffffffff);
    ASSERT_RAISES(s, VEC_DB, 0, help_mov_to_dr(cpu, 0, 1));
    assert_int_equal(cpu->dr[6] & 0x2000, 0x2000);
    debug_entered(cpu); /* as its delivery does */
    ASSERT_OK(s, help_mov_to_dr(cpu, 5, 0x400));
    assert_int_equal(cpu->dr[7], 0x400);
}

static void test_msr_cpuid(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;
    u64 v;
    u32 r[4];

    assert_true(msr_write(cpu, 0x175, 0x1234));
    assert_int_equal(cpu->msr.sysenter_esp, 0x1234);
    assert_false(msr_read(cpu, 0x12345, &v));
    assert_false(msr_write(cpu, 0xfe, 0));
    assert_true(msr_write(cpu, 0x26f, 0x0606060606060606));
    assert_int_equal(cpu->msr.mtrr_fixed[10], 0x0606060606060606);
    assert_false(msr_write(cpu, 0x26f, 2));
    assert_true(msr_write(cpu, 0xc0000080, EFER_NXE));
    assert_true(cpu->mmu.nxe);
    assert_false(msr_write(cpu, 0xc0000080, 2));
    assert_true(msr_write(cpu, 0x10, 1000));
    assert_true(msr_read(cpu, 0x10, &v));
    assert_int_equal(v, 1000);
    cpu->budget -= 5;
    assert_int_equal(cpu_tsc(cpu), 1005);

    cpu_cpuid(cpu, 0, 0, r);
    assert_memory_equal(&r[1], "Auth", 4);
    cpu_cpuid(cpu, 1, 0, r);
    assert_int_equal(r[0] >> 8 & 15, 15);
    assert_true(r[3] & 1 << 9);
    assert_true(r[3] & 1 << 8);
    cpu_cpuid(cpu, 0x80000002, 0, r);
    assert_memory_equal(r, "Orrery virtual C", 16);
}

/* The board's side of the local APIC's MSRs. */
static struct {
    u64 base, deadline;
    unsigned changes;
} apic;

static void on_apic_base(void *opaque, u64 value)
{
    (void)opaque;
    apic.base = value;
    apic.changes++;
}

static u64 on_deadline(void *opaque)
{
    (void)opaque;
    return apic.deadline;
}

static void on_set_deadline(void *opaque, u64 icount)
{
    (void)opaque;
    apic.deadline = icount;
}

static void test_apic_base(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;
    u64 v;
    u32 r[4];

    cpu->pins.apic_base = on_apic_base;
    assert_true(msr_read(cpu, 0x1b, &v));
    assert_int_equal(v, 0xfee00900);
    memset(&apic, 0, sizeof(apic));
    assert_true(msr_write(cpu, 0x1b, 0xf12345900));
    assert_int_equal(apic.base, 0xf12345900);
    assert_false(msr_write(cpu, 0x1b, 0xfee00d00)); /* x2APIC */
    assert_false(msr_write(cpu, 0x1b, 0xfee00901));
    assert_false(msr_write(cpu, 0x1b, 1ull << 36 | 0xfee00900));
    assert_int_equal(apic.changes, 1);
    assert_true(msr_write(cpu, 0x1b, 0xfee00100));
    cpu_cpuid(cpu, 1, 0, r);
    assert_int_equal(r[3] & 1 << 9, 0); /* it looks as if there were none */
    assert_true(msr_write(cpu, 0x1b, 0xfee00900));
    cpu_cpuid(cpu, 1, 0, r);
    assert_true(r[3] & 1 << 9);
    msr_write(cpu, 0x1b, 0);
    cpu_reset(cpu);
    assert_int_equal(apic.base, 0xfee00900);
    assert_int_equal(apic.changes, 5);
}

static void test_tsc_deadline(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;
    u64 v;

    cpu->pins.apic_deadline = on_deadline;
    cpu->pins.set_apic_deadline = on_set_deadline;
    memset(&apic, 0, sizeof(apic));
    cpu->budget -= 100; /* the count of instructions is 100, the TSC 5000 */
    msr_write(cpu, 0x10, 5000);
    assert_true(msr_read(cpu, 0x6e0, &v));
    assert_int_equal(v, 0);
    assert_true(msr_write(cpu, 0x6e0, 5300));
    assert_int_equal(apic.deadline, 400);
    assert_true(msr_read(cpu, 0x6e0, &v));
    assert_int_equal(v, 5300);
    msr_write(cpu, 0x10, 5200); /* the deadline is nearer now */
    assert_int_equal(apic.deadline, 200);
    msr_write(cpu, 0x10, 6000); /* and now it is past */
    assert_int_equal(apic.deadline, 100);
    msr_write(cpu, 0x6e0, 1);
    assert_int_equal(apic.deadline, 100);
    msr_write(cpu, 0x6e0, 0);
    assert_int_equal(apic.deadline, 0);
    msr_write(cpu, 0x6e0, ~0ull);
    assert_true(apic.deadline == ~0ull - 6000 + 100);
    cpu_set_model(cpu, cpu_model_find("pentium3"));
    assert_false(msr_read(cpu, 0x6e0, &v));
}

/* Where instructions last longer than the clock's counts the TSC goes faster, and deadlines come
 * after fewer instructions. */
static void test_pace(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;
    u64 v;

    cpu->pins.apic_deadline = on_deadline;
    cpu->pins.set_apic_deadline = on_set_deadline;
    memset(&apic, 0, sizeof(apic));
    cpu->budget -= 100;
    msr_write(cpu, 0x10, 5000);
    msr_write(cpu, 0x6e0, 5300);
    cpu_set_pace(cpu, 3 * CPU_PACE / 2);
    assert_int_equal(cpu_tsc(cpu), 5000);
    assert_int_equal(apic.deadline, 300);
    assert_true(msr_read(cpu, 0x6e0, &v));
    assert_int_equal(v, 5300);
    cpu->budget -= 100;
    assert_int_equal(cpu_tsc(cpu), 5150);
    msr_write(cpu, 0x6e0, 5152); /* two counts are two instructions: the first is not enough */
    assert_int_equal(apic.deadline, 202);
    msr_write(cpu, 0x10, 1000);
    assert_int_equal(cpu_tsc(cpu), 1000);
    cpu_set_pace(cpu, CPU_PACE);
    cpu->budget -= 10;
    assert_int_equal(cpu_tsc(cpu), 1010);
    cpu_reset(cpu);
    assert_int_equal(cpu_tsc(cpu), 0);
}

static void test_init(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;
    const u16 fcw = cpu->fpu.fcw = 0x1234;

    cpu->pins.apic_base = on_apic_base;
    memset(&apic, 0, sizeof(apic));
    msr_write(cpu, 0x10, 777);
    msr_write(cpu, 0x175, 0x1234);
    cpu->xmm[3].q[1] = 42;
    cpu->mxcsr = 0x3f80;
    cpu->gpr[EBX] = 1;
    cpu->cr3 = 0x1000;
    cpu->cr0 &= ~(u32)(CR0_CD | CR0_NW);
    cpu->events |= EV_HALT;
    cpu->smbase = 0xa0000;
    cpu_init(cpu);
    assert_int_equal(cpu->smbase, 0xa0000);
    assert_int_equal(cpu->eip, 0xfff0);
    assert_int_equal(cpu->seg[SEG_CS].base, 0xffff0000);
    assert_int_equal(cpu->cr0, CR0_ET);
    assert_int_equal(cpu->cr3 | cpu->mmu.cr3 | cpu->gpr[EBX] | cpu->events, 0);
    assert_int_equal(cpu_eflags(cpu), 2);
    assert_int_equal(cpu_tsc(cpu), 777);
    assert_int_equal(cpu->msr.sysenter_esp, 0x1234);
    assert_int_equal(cpu->fpu.fcw, fcw);
    assert_int_equal(cpu->xmm[3].q[1], 42);
    assert_int_equal(cpu->mxcsr, 0x3f80);
    assert_int_equal(apic.changes, 0);
}

static void test_ports(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    enter(s, 3);
    poke(s, TSS + 0x66, 2, 0x68);
    memset(s->ram + TSS + 0x68, 0xff, 0x21);
    poke(s, TSS + 0x68, 1, 0xf7); /* port 3 only */
    ASSERT_OK(s, help_out(cpu, 3, 1, 0x1ff));
    assert_int_equal(s->out_value, 0xff);
    ASSERT_RAISES(s, VEC_GP, 0, help_out(cpu, 3, 2, 0));
    ASSERT_RAISES(s, VEC_GP, 0, help_in(cpu, 4, 1));
    ASSERT_RAISES(s, VEC_GP, 0, help_in(cpu, 0x1000, 1)); /* beyond the TSS */
    cpu->eflags |= FLAG_IOPL;
    ASSERT_OK(s, help_in(cpu, 4, 1));

    cpu->gpr[ECX] = 4;
    cpu->gpr[EDI] = 0x30000;
    s->in_value = 0x1111;
    cpu->eip = 0x5000;
    ASSERT_OK(s, help_ins(cpu, IO_STRING(2, 4, SEG_DS, true), 2));
    assert_int_equal(peek(s, 0x30006, 2), 0x1114);
    assert_int_equal(cpu->gpr[EDI], 0x30008);
    assert_int_equal(cpu->gpr[ECX], 0);
    assert_int_equal(cpu->eip, 0x5002);
    cpu->gpr[ECX] = 4;
    cpu->irq_line = 1; /* after one element the interrupt comes first */
    ASSERT_OK(s, help_outs(cpu, IO_STRING(1, 4, SEG_DS, true), 2));
    assert_int_equal(cpu->gpr[ECX], 3);
    assert_int_equal(cpu->eip, 0x5002);

    /* A fault must not swallow what the device has. */
    cpu->seg[SEG_ES].limit_w = cpu->seg[SEG_ES].limit = 0xfff;
    u32 before = s->in_count;
    ASSERT_RAISES(s, VEC_GP, 0, help_ins(cpu, IO_STRING(2, 4, SEG_DS, false), 1));
    assert_int_equal(s->in_count, before);
}

static void test_call_gate(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    enter(s, 3);
    cpu->gpr[ESP] = STACK3 - 8;
    poke(s, STACK3 - 8, 4, 0x11);
    poke(s, STACK3 - 4, 4, 0x22);
    ASSERT_OK(s, far_call(cpu, S_CALLGATE | 3, 0, 4, 0x5007));
    assert_int_equal(cpu->cpl, 0);
    assert_int_equal(cpu->eip, 0x6000);
    assert_int_equal(cpu->seg[SEG_CS].sel, S_CODE0);
    assert_int_equal(cpu->gpr[ESP], STACK0 - 24);
    const u32 want[] = {0x5007, S_CODE3, 0x11, 0x22, STACK3 - 8, S_DATA3};
    assert_memory_equal(s->ram + STACK0 - 24, want, sizeof(want));

    ASSERT_OK(s, seg_load(cpu, SEG_DS, S_DATA0));
    ASSERT_OK(s, far_ret(cpu, 4, 8));
    assert_int_equal(cpu->cpl, 3);
    assert_int_equal(cpu->eip, 0x5007);
    assert_int_equal(cpu->gpr[ESP], STACK3);
    assert_int_equal(cpu->seg[SEG_DS].sel, 0); /* dropped */
    assert_int_equal(cpu->seg[SEG_ES].sel, S_DATA3);
    ASSERT_RAISES(s, VEC_GP, S_CODE0, far_jmp(cpu, S_CALLGATE | 3, 0, 0));
    ASSERT_RAISES(s, VEC_GP, S_CODE0, far_jmp(cpu, S_CODE0, 0, 0));
    ASSERT_OK(s, far_jmp(cpu, S_CONFORM, 0x7000, 0));
    assert_int_equal(cpu->seg[SEG_CS].sel, S_CONFORM | 3);
    assert_int_equal(cpu->cpl, 3);
}

static void test_sysenter(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    enter(s, 3);
    ASSERT_RAISES(s, VEC_GP, 0, far_sysenter(cpu));
    cpu->msr.sysenter_cs = S_CODE0;
    cpu->msr.sysenter_eip = 0x6000;
    cpu->msr.sysenter_esp = STACK0;
    ASSERT_OK(s, far_sysenter(cpu));
    assert_int_equal(cpu->eflags & FLAG_IF, 0);
    assert_int_equal(cpu->seg[SEG_SS].sel, S_DATA0);
    assert_true(cpu->mode & MODE_CPL0);
    cpu->gpr[EDX] = 0x5002;
    cpu->gpr[ECX] = STACK3;
    ASSERT_OK(s, far_sysexit(cpu, 4));
    assert_int_equal(cpu->seg[SEG_CS].sel, S_CODE3);
    assert_int_equal(cpu->eip, 0x5002);
    assert_int_equal(cpu->cpl, 3);
}

static void put_task(struct sys *s)
{
    poke(s, TSS_OTHER + 0x20, 4, 0x7000);
    poke(s, TSS_OTHER + 0x24, 4, 2);
    poke(s, TSS_OTHER + 0x28, 4, 0xaaaa);
    poke(s, TSS_OTHER + 0x38, 4, STACK_OTHER);
    poke(s, TSS_OTHER + 0x4c, 4, S_CODE0);
    for (u32 off = 0x48; off <= 0x5c; off += 4)
        if (off != 0x4c)
            poke(s, TSS_OTHER + off, 4, S_DATA0);
}

static void test_task_call_and_iret(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    put_task(s);
    cpu->gpr[EAX] = 0x1234;
    ASSERT_OK(s, far_call(cpu, S_TSS_OTHER, 0, 4, 0x5007));
    assert_int_equal(cpu->eip, 0x7000);
    assert_int_equal(cpu->gpr[EAX], 0xaaaa);
    assert_int_equal(cpu->tr.sel, S_TSS_OTHER);
    assert_int_equal(peek(s, TSS_OTHER, 2), S_TSS);
    assert_int_equal(peek(s, GDT + S_TSS_OTHER + 5, 1), 0x8b); /* both busy */
    assert_int_equal(peek(s, GDT + S_TSS + 5, 1), 0x8b);
    assert_true(cpu->eflags & FLAG_NT);
    assert_true(cpu->cr0 & CR0_TS);

    ASSERT_OK(s, far_iret(cpu, 4, 0x7001));
    assert_int_equal(cpu->eip, 0x5007);
    assert_int_equal(cpu->gpr[EAX], 0x1234);
    assert_int_equal(cpu->tr.sel, S_TSS);
    assert_int_equal(peek(s, GDT + S_TSS_OTHER + 5, 1), 0x89);
    assert_int_equal(peek(s, TSS_OTHER + 0x24, 4) & FLAG_NT, 0);
    assert_int_equal(peek(s, TSS_OTHER + 0x20, 4), 0x7001);

    ASSERT_OK(s, far_jmp(cpu, S_TASKGATE, 0, 0x5009));
    assert_int_equal(cpu->eip, 0x7001);
    assert_int_equal(cpu->eflags & FLAG_NT, 0);
    assert_int_equal(peek(s, GDT + S_TSS + 5, 1), 0x89);
    ASSERT_RAISES(s, VEC_GP, S_TSS_OTHER, far_jmp(cpu, S_TSS_OTHER, 0, 0)); /* busy */
}

/* A fault after the switch belongs to the new task. */
static void test_task_bad_segment(void **state)
{
    struct sys *s = *state;

    put_task(s);
    poke(s, TSS_OTHER + 0x54, 4, S_XONLY); /* DS */
    s->cpu->eip_page = 0x5000;
    s->cpu->insn_off = 0x10;
    s->cpu->insn_left = 3;
    s64 budget = s->cpu->budget;
    ASSERT_RAISES(s, VEC_TS, S_XONLY, far_jmp(s->cpu, S_TSS_OTHER, 0, 0x5017));
    assert_int_equal(s->cpu->eip, 0x7000);
    assert_int_equal(s->cpu->tr.sel, S_TSS_OTHER);
    assert_int_equal(s->cpu->budget, budget + 2); /* the jump has retired */
    assert_int_equal(peek(s, TSS + 0x20, 4), 0x5017);
}

static void test_task_16(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    put_desc(s, S_TSS_OTHER, TSS_OTHER, 0x2b, 0x81, 0);
    memset(s->ram + TSS_OTHER, 0, 0x2c);
    poke(s, TSS_OTHER + 0x0e, 2, 0x7000);
    poke(s, TSS_OTHER + 0x10, 2, 2);
    poke(s, TSS_OTHER + 0x14, 2, 0xcccc);
    poke(s, TSS_OTHER + 0x24, 2, S_CODE16);
    poke(s, TSS_OTHER + 0x26, 2, S_DATA16);
    poke(s, TSS_OTHER + 0x28, 2, S_DATA16);
    ASSERT_OK(s, far_jmp(cpu, S_TSS_OTHER, 0, 0x5007));
    assert_int_equal(cpu->eip, 0x7000);
    assert_int_equal(cpu->gpr[ECX] & 0xffff, 0xcccc);
    assert_false(cpu->mode & (MODE_CODE32 | MODE_STACK32));
    assert_int_equal(cpu->seg[SEG_FS].limit_r, -1);
    ASSERT_OK(s, far_jmp(cpu, S_TSS, 0, 0x7003));
    assert_int_equal(cpu->eip, 0x5007);
    assert_int_equal(peek(s, TSS_OTHER + 0x0e, 2), 0x7003);
}

static void test_descriptor_queries(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    help_lar(cpu, S_CODE3, EAX, 4);
    assert_int_equal(cpu->gpr[EAX], 0x00cffb00); /* as a real part says */
    assert_true(cpu_eflags(cpu) & FLAG_ZF);
    help_lsl(cpu, S_TSS, EBX, 2);
    assert_int_equal(cpu->gpr[EBX], 0x88);
    cpu->gpr[EAX] = 77;
    help_lsl(cpu, S_CALLGATE, EAX, 4);
    assert_int_equal(cpu->gpr[EAX], 77);
    assert_false(cpu_eflags(cpu) & FLAG_ZF);
    help_verify(cpu, S_XONLY, 0);
    assert_false(cpu_eflags(cpu) & FLAG_ZF);
    help_verify(cpu, S_RDONLY, 0);
    assert_true(cpu_eflags(cpu) & FLAG_ZF);
    help_verify(cpu, S_RDONLY, 1);
    assert_false(cpu_eflags(cpu) & FLAG_ZF);
    ASSERT_OK(s, help_lldt(cpu, S_LDT));
    assert_int_equal(cpu->ldtr.base, LDT);
    ASSERT_RAISES(s, VEC_GP, S_TSS, help_ltr(cpu, S_TSS)); /* busy */
    ASSERT_OK(s, help_ltr(cpu, S_TSS_OTHER));
    assert_int_equal(peek(s, GDT + S_TSS_OTHER + 5, 1), 0x8b);
    poke(s, 0x40000, 2, 0x1ff);
    poke(s, 0x40002, 4, 0x12345678);
    ASSERT_OK(s, help_load_table(cpu, 1, SEG_DS, 0x40000, 2));
    assert_int_equal(cpu->idtr.base, 0x345678);
    ASSERT_OK(s, help_store_table(cpu, 0, SEG_DS, 0x40000));
    assert_int_equal(peek(s, 0x40002, 4), GDT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYS_TEST(test_load_data),
        SYS_TEST(test_load_faults),
        SYS_TEST(test_real_and_v86_load),
        SYS_TEST(test_linear),
        SYS_TEST(test_mode_word),
        SYS_TEST(test_control_registers),
        SYS_TEST(test_msr_cpuid),
        SYS_TEST(test_apic_base),
        SYS_TEST(test_tsc_deadline),
        SYS_TEST(test_pace),
        SYS_TEST(test_init),
        SYS_TEST(test_ports),
        SYS_TEST(test_call_gate),
        SYS_TEST(test_sysenter),
        SYS_TEST(test_task_call_and_iret),
        SYS_TEST(test_task_bad_segment),
        SYS_TEST(test_task_16),
        SYS_TEST(test_descriptor_queries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
