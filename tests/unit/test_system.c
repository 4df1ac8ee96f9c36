/* The order of checks in transfers, error codes of task switches, alignment checks of implicit
 * accesses, machine check and memory type registers, bits of page table entries that a model lacks.
 */
#include "tests/unit/sys_fixture.h"

#include "base/bytes.h"
#include "cpu/cpuid.h"
#include "cpu/crs.h"
#include "cpu/far.h"
#include "cpu/helpers.h"
#include "cpu/mem.h"
#include "cpu/msr.h"
#include "cpu/task.h"

/* A stack with room for n bytes: expand-down, so that pushes run into its end. */
static void small_stack(struct cpu *cpu, u32 n)
{
    struct segment *ss = &cpu->seg[SEG_SS];

    ss->limit = 0xfff;
    ss->attr |= SA_DC;
    seg_update_cache(ss);
    cpu->gpr[ESP] = 0x1000 + n;
    cpu_update_mode(cpu);
}

static void test_stack_before_target(void **state)
{
    struct sys *s = *state;
    const struct event ev = {.vec = 0x20};

    put_idt(s, 0x20, S_CODE16, 0x12345, 0x8e); /* beyond the limit of that code segment */
    ASSERT_RAISES(s, VEC_GP, 1, gate_deliver(s->cpu, &ev));
    small_stack(s->cpu, 10);
    ASSERT_RAISES(s, VEC_SS, 1, gate_deliver(s->cpu, &ev));
    ASSERT_RAISES(s, VEC_GP, 0, far_call(s->cpu, S_CODE16, 0x12345, 4, 0));
    small_stack(s->cpu, 6);
    ASSERT_RAISES(s, VEC_SS, 0, far_call(s->cpu, S_CODE16, 0x12345, 4, 0));
    assert_int_equal(s->cpu->gpr[ESP], 0x1006);

    enter(s, 3);
    put_gate(s, GDT + S_CALLGATE, S_CODE16, 0x12345, 0xec, 2);
    poke(s, s->cpu->gpr[ESP], 4, 1);
    ASSERT_RAISES(s, VEC_GP, 0, far_call(s->cpu, S_CALLGATE, 0, 4, 0));
    put_desc(s, S_DATA0, 0, 0xfff, 0x97, 4); /* inner stack: ends just there */
    poke(s, TSS + 4, 4, 0x1000 + 20);        /* four registers and two parameters need 24 */
    ASSERT_RAISES(s, VEC_SS, S_DATA0, far_call(s->cpu, S_CALLGATE, 0, 4, 0));
    assert_int_equal(s->cpu->cpl, 3);
}

static void test_iret_order(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;
    u32 frame[] = {0x12345678, 0, 0x202, STACK3, S_DATA0};

    put_desc(s, S_CODE16, 0, 0xffff, A_CODE | A_3, F_32 & ~8);
    frame[1] = S_CODE16 | 3;
    cpu->gpr[ESP] = STACK0 - sizeof(frame);
    memcpy(s->ram + STACK0 - sizeof(frame), frame, sizeof(frame));
    ASSERT_RAISES(s, VEC_GP, S_DATA0, far_iret(cpu, 4, 0)); /* SS first */
    poke(s, STACK0 - 4, 4, S_DATA3);
    ASSERT_RAISES(s, VEC_GP, 0, far_iret(cpu, 4, 0));
    cpu->nmi_masked = true;
    ASSERT_RAISES(s, VEC_GP, 0, far_iret(cpu, 4, 0));
    assert_false(cpu->nmi_masked);
}

/* Selectors of the new task that do not load: EXT tells of an event from outside. */
static void test_task_errors(void **state)
{
    static const struct {
        u16 field, sel, vec, err;
    } cases[] = {
        {0x60, S_DATA0, VEC_TS, S_DATA0},   {0x4c, S_DATA0, VEC_TS, S_DATA0},
        {0x50, S_DATA3, VEC_TS, 0x20},      {0x50, 0, VEC_TS, 0},
        {0x48, S_XONLY, VEC_TS, S_XONLY},   {0x54, S_ABSENT, VEC_NP, S_ABSENT},
        {0x50, S_ABSENT, VEC_SS, S_ABSENT},
    };
    struct sys *s = *state;
    const struct event hard = {.vec = 0x20}, soft = {.vec = 0x20, .soft = true};

    put_idt(s, 0x20, S_TSS_OTHER, 0, 0x85);
    for (volatile unsigned n = 0; n < 2 * ARRAY_LEN(cases); n++) {
        const unsigned i = n;
        const bool ext = i & 1;
        const u16 field = cases[i / 2].field;

        enter(s, 0);
        seg_from_desc(&s->cpu->tr, S_TSS, (struct desc){TSS << 16 | (0x67 + 0x21), 0x8b00});
        put_desc(s, S_TSS_OTHER, TSS_OTHER, 0x67, 0x89, 0);
        poke(s, TSS_OTHER + 0x20, 4, 0x7000);
        poke(s, TSS_OTHER + 0x24, 4, 2);
        poke(s, TSS_OTHER + 0x38, 4, STACK_OTHER);
        for (unsigned f = 0x48; f <= 0x60; f += 4)
            poke(s, TSS_OTHER + f, 4, 0);
        poke(s, TSS_OTHER + 0x4c, 4, S_CODE0);
        poke(s, TSS_OTHER + 0x50, 4, S_DATA0);
        poke(s, TSS_OTHER + field, 4, cases[i / 2].sel);
        ASSERT_RAISES(s, cases[i / 2].vec, (u32)cases[i / 2].err + ext,
                      gate_deliver(s->cpu, ext ? &hard : &soft));
        assert_int_equal(s->cpu->tr.sel, S_TSS_OTHER); /* in the new task */
        assert_int_equal(s->cpu->eip, 0x7000);
    }
}

static void test_alignment(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    enter(s, 3);
    cpu->cr0 |= CR0_AM;
    cpu->eflags |= FLAG_AC;
    cpu_update_mode(cpu);
    cpu->gpr[ESP] = STACK3 + 2;
    ASSERT_RAISES(s, VEC_AC, 0, far_call(cpu, S_CODE3, 0x5000, 4, 0));
    ASSERT_OK(s, far_call(cpu, S_CODE3, 0x5000, 2, 0));
    ASSERT_RAISES(s, VEC_AC, 0, help_store_table(cpu, 0, SEG_DS, 0x8002));
    ASSERT_OK(s, help_store_table(cpu, 0, SEG_DS, 0x8004));
}

static void test_machine_check_registers(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;
    u64 v;

    assert_true(msr_read(cpu, 0x179, &v)); /* MCG_CAP */
    const u32 banks = v & 0xff;
    assert_true(banks > 0);
    assert_true(msr_write(cpu, 0x410, ~0x400ull)); /* any value on AMD's, and Linux's are such */
    assert_true(msr_read(cpu, 0x410, &v));
    assert_true(v == ~0x400ull);
    cpu_set_model(cpu, cpu_model_find("orrery32"));
    assert_true(msr_read(cpu, 0x179, &v));
    assert_false(msr_write(cpu, 0x179, v));
    for (u32 i = 0; i < 4 * banks; i++) {
        assert_true(msr_write(cpu, 0x400 + i, 0));
        assert_false(msr_write(cpu, 0x400 + i, 5));
        assert_int_equal(msr_write(cpu, 0x400 + i, ~0ull), i % 4 == 0);
        assert_true(msr_read(cpu, 0x400 + i, &v));
        assert_int_equal(v, i % 4 == 0 ? ~0ull : 0);
    }
    assert_false(msr_read(cpu, 0x400 + 4 * banks, &v));
    assert_true(msr_write(cpu, 0x17a, 4));
    assert_false(msr_write(cpu, 0x17a, 8));
    ASSERT_OK(s, cr4_load(cpu, CR4_MCE));
    cpu_set_model(cpu, cpu_model_find("pentium"));
    assert_false(msr_read(cpu, 0x179, &v));
    assert_true(msr_read(cpu, 0, &v)); /* P5_MC_ADDR */
}

static void test_memory_types(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    assert_true(msr_write(cpu, 0x277, 0x0007040600070406));
    assert_false(msr_write(cpu, 0x277, 0x0003040600070406));
    assert_true(msr_write(cpu, 0x200, 0xfe0000006));
    assert_false(msr_write(cpu, 0x200, 0xfe0000002));
    assert_false(msr_write(cpu, 0x200, 0xfe0000106));
    assert_false(msr_write(cpu, 0x200, 0x1000000006));
    assert_true(msr_write(cpu, 0x201, 0xfe0000800));
    assert_false(msr_write(cpu, 0x201, 0xfe0000801));
    assert_false(msr_write(cpu, 0x201, 0x1000000800));
    assert_true(msr_write(cpu, 0x2ff, 0xc06));
    assert_false(msr_write(cpu, 0x2ff, 0xc07));
}

/* Pages of 4 KiB and 4 MiB with the PAT's bit, or with PSE-36 address bits. */
static void test_entry_bits(void **state)
{
    struct sys *s = *state;
    struct mmu *m = &s->cpu->mmu;
    struct mmu_walk w;

    cpu_set_model(s->cpu, cpu_model_find("pentiumpro"));
    m->cr0 |= CR0_PG;
    m->cr3 = 0x20000;
    m->cr4 = 0;
    poke(s, 0x20000, 4, 0x21007);
    poke(s, 0x21000, 4, 0x8087); /* PAT */
    poke(s, 0x20004, 4, 0x1087); /* large, PAT */
    poke(s, 0x20008, 4, 0x2087); /* large, address bit 32 */
    assert_int_equal(mmu_translate(m, 0, ACCESS_READ, false, &w), MMU_MEMORY);
    m->cr4 = CR4_PSE; /* only now are there reserved bits (SDM 3A 4.3) */
    mmu_flush(m);
    for (laddr la = 0; la < 3u << 22; la += 1u << 22) {
        assert_int_equal(mmu_translate(m, la, ACCESS_READ, false, &w), MMU_FAULT);
        assert_int_equal(w.pf_code, PF_P | PF_RSVD);
    }
    cpu_set_model(s->cpu, cpu_model_find("pentium3"));
    assert_int_equal(mmu_translate(m, 0x123, ACCESS_READ, false, &w), MMU_MEMORY);
    assert_int_equal(w.pa, 0x8123);
    assert_int_equal(mmu_translate(m, 0x400000, ACCESS_READ, false, &w), MMU_MEMORY);
    assert_int_equal(w.pa, 0);
    assert_int_equal(mmu_translate(m, 0x800000, ACCESS_READ, false, &w), MMU_MMIO);
    assert_int_equal(w.pa, 0x100000000);
    m->cr4 = CR4_PAE;
    m->pdpte[0] = 0x22001;
    poke(s, 0x22000, 4, 0x23007);
    poke(s, 0x23000, 4, 0x8087);
    mmu_flush(m);
    assert_int_equal(mmu_translate(m, 0x123, ACCESS_READ, false, &w), MMU_MEMORY);
    cpu_set_model(s->cpu, cpu_model_find("pentiumpro"));
    mmu_flush(m);
    assert_int_equal(mmu_translate(m, 0x123, ACCESS_READ, false, &w), MMU_FAULT);
    assert_int_equal(w.pf_code, PF_P | PF_RSVD);
}

/* The accessed bit goes into a read-only GDT only if CR0.WP does not protect it. */
static void test_read_only_gdt(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    poke(s, 0x20000, 4, 0x21003);
    for (u32 i = 0; i < 16; i++)
        poke(s, 0x21000 + 4 * i, 4, i << 12 | (i == GDT >> 12 ? 1 : 3));
    ASSERT_OK(s, cr3_load(cpu, 0x20000));
    ASSERT_OK(s, cr0_load(cpu, cpu->cr0 | CR0_PG | CR0_WP));
    put_desc(s, S_DATA16, 0, 0xffff, 0x92, F_16);
    ASSERT_RAISES(s, VEC_PF, PF_P | PF_W, seg_load(cpu, SEG_ES, S_DATA16));
    assert_int_equal(cpu->cr2, GDT + S_DATA16 + 5);
    assert_int_equal(cpu->seg[SEG_ES].sel, S_DATA0);
    ASSERT_OK(s, seg_load(cpu, SEG_ES, S_DATA0)); /* set already */
    ASSERT_OK(s, cr0_load(cpu, cpu->cr0 & ~(u32)CR0_WP));
    ASSERT_OK(s, seg_load(cpu, SEG_ES, S_DATA16));
    assert_int_equal(peek(s, GDT + S_DATA16 + 5, 1), 0x93);
}

/* AMD's have SYSCALL and SYSRET in legacy mode. */
static void test_amd_legacy(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    cpu_set_model(cpu, cpu_model_find("orrery"));
    cpu->msr.efer = EFER_SCE;
    cpu->msr.star = (u64)(S_CODE0 | 3) << 48 | (u64)S_CODE0 << 32 | 0x6000;
    cpu->gpr[11] = 0x1234;
    enter(s, 3);
    cpu_set_eflags(cpu, 0x202 | FLAG_DF);
    ASSERT_OK(s, far_syscall(cpu, 0x5002));
    assert_true(cpu->eip == 0x6000 && cpu->gpr[ECX] == 0x5002 && cpu->gpr[11] == 0x1234);
    assert_int_equal(cpu_eflags(cpu), 2 | FLAG_DF);
    assert_int_equal(cpu->seg[SEG_CS].sel, S_CODE0);
    assert_int_equal(cpu->seg[SEG_SS].sel, S_CODE0 + 8);
    assert_true(cpu->mode & MODE_CPL0);
    ASSERT_OK(s, far_sysret(cpu, 4));
    assert_true(cpu->eip == 0x5002 && cpu->cpl == 3);
    assert_int_equal(cpu->seg[SEG_CS].sel, S_CODE0 | 3);
    assert_int_equal(cpu_eflags(cpu), 0x202 | FLAG_DF);
    ASSERT_RAISES(s, VEC_GP, 0, far_sysret(cpu, 4));
    cpu_set_model(cpu, cpu_model_find("max"));
    ASSERT_RAISES(s, VEC_UD, 0, far_syscall(cpu, 0x5002)); /* Intel's */
}

/* What the family has for firmware reads as after reset; Intel's have none of it. */
static void test_amd_msrs(void **state)
{
    static const u32 list[] = {0xc0010000, 0xc0010010, 0xc0010015, 0xc001001a, 0xc001001f,
                               0xc0010055, 0xc0010114, 0xc0010117, 0xc0011022, 0xc0011029};
    struct cpu *cpu = ((struct sys *)*state)->cpu;
    u64 v;

    for (unsigned i = 0; i < ARRAY_LEN(list); i++) {
        cpu_set_model(cpu, cpu_model_find("orrery"));
        assert_true(msr_write(cpu, list[i], 0x40));
        assert_true(msr_read(cpu, list[i], &v));
        assert_int_equal(v, 0);
        cpu_set_model(cpu, cpu_model_find("orrery32"));
        assert_false(msr_read(cpu, list[i], &v));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYS_TEST(test_stack_before_target),
        SYS_TEST(test_iret_order),
        SYS_TEST(test_task_errors),
        SYS_TEST(test_alignment),
        SYS_TEST(test_machine_check_registers),
        SYS_TEST(test_memory_types),
        SYS_TEST(test_entry_bits),
        SYS_TEST(test_read_only_gdt),
        SYS_TEST(test_amd_legacy),
        SYS_TEST(test_amd_msrs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
