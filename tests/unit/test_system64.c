/* The system side of IA-32e mode: its way in and out, control registers and MSRs, segments and
 * descriptors of 16 bytes, debug registers, SMM. */
#include "tests/unit/sys64_fixture.h"

#include "cpu/debug.h"
#include "cpu/decode.h"
#include "cpu/help_io.h"
#include "cpu/smm.h"

/* -- the mode -- */

static void test_enter(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;
    const u32 flat = MODE_CODE64 | MODE_CODE32 | MODE_STACK32 | MODE_CS_FLAT | MODE_PROT;

    assert_int_equal(cpu->mode & flat, flat);
    assert_int_equal(cpu->mode & MODE_EDGE, 0);
    assert_true(cpu->eip_mask == ~0ull && cpu->tlb.wide && cpu->mmu.lma);
    assert_true(cpu->msr.efer == (EFER_SCE | EFER_LME | EFER_LMA));
    assert_true(cpu_eip(cpu) == HIGH + 0x5000 && cpu->gpr[ESP] == HIGH + STACK0);
    ASSERT_RAISES(s, VEC_GP, 0, cr4_load(cpu, 0));
    ASSERT_RAISES(s, VEC_GP, 0, cr0_load(cpu, CR0_PE | CR0_ET));
    ASSERT_RAISES(s, VEC_GP, 0, cr0_load(cpu, cpu->cr0 | 1ull << 32));
    assert_false(msr_write(cpu, (u32)M_EFER, EFER_SCE)); /* LME while paging is on */
    assert_true(msr_write(cpu, (u32)M_EFER, EFER_LME | EFER_NXE));
    assert_true(cpu->msr.efer == (EFER_LME | EFER_LMA | EFER_NXE) && cpu->mmu.nxe);
    for (unsigned i = 0; i < GPR64_COUNT; i++)
        cpu->gpr[i] |= 0x1234567800000000;
    go_compat(s, 0);
    assert_false(cpu->mode & MODE_CODE64 || cpu->tlb.wide);
    assert_true(cpu->eip_mask == UINT32_MAX);
    for (unsigned i = 0; i < GPR_COUNT; i++)
        assert_int_equal(cpu->gpr[i] >> 32, 0);
    assert_int_equal(cpu->gpr[8] >> 32, 0x12345678);
    ASSERT_OK(s, cr0_load(cpu, cpu->cr0 & ~(u32)CR0_PG));
    assert_true(cpu->msr.efer == (EFER_LME | EFER_NXE));
    assert_false(cpu->mmu.lma);
    ASSERT_OK(s, cr4_load(cpu, 0));
    ASSERT_RAISES(s, VEC_GP, 0, cr0_load(cpu, cpu->cr0 | CR0_PG)); /* without PAE */
    assert_false(cpu->cr0 & CR0_PG || cpu->mmu.cr0 & CR0_PG);
    ASSERT_OK(s, cr4_load(cpu, CR4_PAE));
    cpu->seg[SEG_CS].attr |= SA_L;
    ASSERT_RAISES(s, VEC_GP, 0, cr0_load(cpu, cpu->cr0 | CR0_PG));
    cpu->seg[SEG_CS].attr &= ~SA_L;
    cpu->tr.attr = SA_P | SYS_TSS16_BUSY;
    ASSERT_RAISES(s, VEC_GP, 0, cr0_load(cpu, cpu->cr0 | CR0_PG));
    assert_false(cpu_is_ia32e(cpu));
}

static void test_control(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    ASSERT_RAISES(s, VEC_GP, 0, cr3_load(cpu, 1ull << 63 | PML4));
    ASSERT_OK(s, cr3_load(cpu, PML4));
    ASSERT_OK(s, help_mov_to_cr64(cpu, 2, HIGH + 1));
    assert_true(cpu->cr2 == HIGH + 1);
    ASSERT_OK(s, help_mov_to_cr64(cpu, 8, 9));
    assert_int_equal(help_mov_from_cr8(cpu), 9);
    ASSERT_RAISES(s, VEC_GP, 0, help_mov_to_cr64(cpu, 8, 16));
    ASSERT_OK(s, help_mov_to_dr64(cpu, 3, NOT_CANONICAL));
    assert_true(help_mov_from_dr64(cpu, 3) == NOT_CANONICAL);
    ASSERT_RAISES(s, VEC_GP, 0, help_mov_to_dr64(cpu, 7, 1ull << 32));
    ASSERT_RAISES(s, VEC_GP, 0, help_mov_to_dr64(cpu, 6, 1ull << 32));
}

static void test_msrs(void **state)
{
    static const u32 linear[] = {(u32)M_LSTAR, (u32)M_CSTAR,     (u32)M_FS, (u32)M_GS,
                                 0x175,        (u32)M_KERNEL_GS, 0x176};
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;
    u64 v;

    for (unsigned i = 0; i < ARRAY_LEN(linear); i++) {
        assert_true(msr_write(cpu, linear[i], HIGH + i));
        assert_false(msr_write(cpu, linear[i], NOT_CANONICAL));
        assert_true(msr_read(cpu, linear[i], &v) && v == HIGH + i);
    }
    assert_true(msr_write(cpu, (u32)M_STAR, ~0ull));
    assert_false(msr_write(cpu, (u32)M_SFMASK, 1ull << 32));
    assert_false(msr_write(cpu, (u32)M_EFER, EFER_LME | 2));
    assert_int_equal(mode_seg_class(cpu->mode, SEG_FS), SEGC_BASED);
    assert_true(msr_write(cpu, (u32)M_FS, 0));
    assert_int_equal(mode_seg_class(cpu->mode, SEG_FS), SEGC_FLAT);
    assert_int_equal(mode_seg_class(cpu->mode, SEG_GS), SEGC_BASED);
    assert_int_equal(help_swapgs(cpu), 0);
    assert_true(segment_base64(&cpu->seg[SEG_GS]) == HIGH + 5);
    assert_true(cpu->msr.kernel_gs_base == HIGH + 3);
    cpu->msr.kernel_gs_base = 0;
    assert_int_equal(help_swapgs(cpu), 1);
    assert_int_equal(mode_seg_class(cpu->mode, SEG_GS), SEGC_FLAT);
}

static void test_cpuid(void **state)
{
    const u32 syscall = 1u << 11, lm = 1u << 29;
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;
    u32 out[4];
    u64 v;

    cpu_cpuid(cpu, 0x80000001, 0, out);
    assert_int_equal(out[3] & (syscall | lm), syscall | lm);
    assert_int_equal(out[2] & 1, 1);
    go_compat(s, 0);
    cpu_cpuid(cpu, 0x80000001, 0, out);
    assert_int_equal(out[3] & (syscall | lm), lm);
    cpu_cpuid(cpu, 0x80000008, 0, out);
    assert_int_equal(out[0] >> 8, 48);
    cpu_cpuid(cpu, 1, 0, out);
    assert_int_equal(out[2] >> 13 & 1, 1);
    struct cpu_model model;
    char err[80];
    assert_true(cpu_model_parse(&model, "orrery,-nx", err, sizeof(err)));
    cpu_set_model(cpu, &model);
    cpu_reset(cpu);
    assert_false(msr_write(cpu, (u32)M_EFER, EFER_LME | EFER_NXE));
    assert_true(msr_write(cpu, (u32)M_EFER, EFER_LME));
    cpu_set_model(cpu, cpu_model_find("pentium4"));
    cpu_reset(cpu);
    cpu_cpuid(cpu, 0x80000008, 0, out);
    assert_int_equal(out[0] >> 8, 32);
    assert_false(msr_read(cpu, (u32)M_LSTAR, &v));
    assert_false(msr_write(cpu, (u32)M_EFER, EFER_LME));
    assert_true(msr_write(cpu, 0x175, HIGH + 0x5000) && cpu->msr.sysenter_esp == 0x5000);
}

/* -- segments -- */

static void test_segments(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    ASSERT_OK(s, seg_load(cpu, SEG_SS, 0)); /* null, at level 0 */
    ASSERT_RAISES(s, VEC_GP, 0, seg_load(cpu, SEG_SS, 3));
    assert_true(msr_write(cpu, (u32)M_FS, HIGH));
    ASSERT_OK(s, seg_load(cpu, SEG_FS, S_DOWN));
    assert_true(segment_base64(&cpu->seg[SEG_FS]) == 0x10000);
    assert_int_equal(mode_seg_class(cpu->mode, SEG_FS), SEGC_BASED);
    ASSERT_OK(s, seg_load(cpu, SEG_DS, S_DOWN)); /* its base and limit count for nothing */
    assert_int_equal(mode_seg_class(cpu->mode, SEG_DS), SEGC_FLAT);
    assert_true(seg_linear(cpu, SEG_DS, HIGH + 8, 8, ACCESS_WRITE) == HIGH + 8);
    go_compat(s, 0);
    ASSERT_RAISES(s, VEC_GP, 0, seg_load(cpu, SEG_SS, 0));
    ASSERT_OK(s, seg_load(cpu, SEG_DS, S_DOWN));
    assert_int_equal(mode_seg_class(cpu->mode, SEG_DS), SEGC_CHECKED);
    go(s, 3);
    ASSERT_RAISES(s, VEC_GP, 0, seg_load(cpu, SEG_SS, 3));
}

static void test_system_segments(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    assert_true(segment_base64(&cpu->tr) == HIGH + TSS);
    ASSERT_RAISES(s, VEC_GP, S_TSS64, help_ltr(cpu, S_TSS64)); /* busy */
    ASSERT_OK(s, help_lldt(cpu, S_LDT64));
    assert_true(segment_base64(&cpu->ldtr) == HIGH + LDT);
    poke64(s, LDT + 8, peek64(s, GDT + S_DATA0));
    ASSERT_OK(s, seg_load(cpu, SEG_ES, 0xc));
    put_desc16(s, S_LDT64, NOT_CANONICAL, 0xf, 0x82);
    ASSERT_RAISES(s, VEC_GP, S_LDT64, help_lldt(cpu, S_LDT64));
    put_desc16(s, S_LDT64, LDT, 0xf, 0x82);
    poke(s, GDT + S_LDT64 + 12, 4, 0x0200);
    ASSERT_RAISES(s, VEC_GP, S_LDT64, help_lldt(cpu, S_LDT64));
    put_desc16(s, S_TSS64, TSS, 0x67, 0x81); /* of 16 bits */
    ASSERT_RAISES(s, VEC_GP, S_TSS64, help_ltr(cpu, S_TSS64));
    cpu->gpr[EDX] = ~0ull;
    help_lar(cpu, S_TSS64, EDX, 8);
    assert_false(cpu_eflags(cpu) & FLAG_ZF);
    assert_true(cpu->gpr[EDX] == ~0ull);
    help_lar(cpu, S_GATE64, EDX, 8);
    assert_true((cpu_eflags(cpu) & FLAG_ZF) && !(cpu->gpr[EDX] >> 32));
}

static void test_tables(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    poke(s, 0x4000, 2, 0x1234);
    poke64(s, 0x4002, HIGH + IDT);
    ASSERT_OK(s, help_load_table64(cpu, 1, SEG_DS, HIGH + 0x4000));
    assert_true(cpu->idtr.base == HIGH + IDT && cpu->idtr.limit == 0x1234);
    ASSERT_OK(s, help_store_table64(cpu, 1, SEG_DS, HIGH + 0x4100));
    assert_memory_equal(s->ram + 0x4000, s->ram + 0x4100, 10);
    poke64(s, 0x4002, NOT_CANONICAL);
    ASSERT_RAISES(s, VEC_GP, 0, help_load_table64(cpu, 0, SEG_DS, 0x4000));
    put_idt64(s, 0x20, S_CODE64, HIGH + HANDLER, 0x8e, 0);
    cpu_interrupt(cpu, 0x20);
    assert_true(cpu->eip == HIGH + HANDLER);
}

/* -- debugging, ports -- */

static void test_watchpoint(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    dr_load(cpu, 0, HIGH + 0x4004);
    dr_load(cpu, 7, 1 | 1 << 16 | 3u << 18); /* writes, four bytes */
    mem_write(cpu, 0x4004, 4, 1, PRIV_SUPER);
    assert_int_equal(cpu->debug_hits, 0);
    mem_write(cpu, HIGH + 0x4000, 8, 1, PRIV_SUPER);
    assert_int_equal(cpu->debug_hits, 1);
    dr_load(cpu, 7, 1); /* execution */
    assert_int_equal(debug_fetch(cpu), 0);
    dr_load(cpu, 0, cpu->eip);
    assert_int_equal(debug_fetch(cpu), 1);
}

static void test_io_map(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    go(s, 3);
    cpu->tr.limit = 0x66;
    ASSERT_RAISES(s, VEC_GP, 0, help_in(cpu, 0x80, 1));
    cpu->tr.limit = 0x67 + 0x21;
    poke(s, TSS + 0x66, 2, 0x68);
    memset(s->ram + TSS + 0x68, 0, 0x21);
    ASSERT_OK(s, help_in(cpu, 0x80, 1)); /* by the map of a TSS far up */
}

/* Indices and count have 64 bits, or 32 by the address size. */
static void test_string_io(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;

    poke(s, 0x4000, 4, 0x33221100);
    cpu->gpr[ESI] = HIGH + 0x4000;
    cpu->gpr[ECX] = 3;
    ASSERT_OK(s, help_outs(cpu, IO_STRING(1, 8, SEG_DS, true), 2));
    assert_int_equal(s->out_value, 0x22);
    assert_true(cpu->gpr[ESI] == HIGH + 0x4003 && cpu->gpr[ECX] == 0);
    assert_true(cpu->eip == HIGH + 0x5002);
    cpu->gpr[EDI] = HIGH + 0x4010;
    cpu->gpr[ECX] = HIGH + 2;
    s->in_value = 0x77;
    ASSERT_OK(s, help_ins(cpu, IO_STRING(1, 4, SEG_ES, true), 2));
    assert_int_equal(peek(s, 0x4010, 4), 0x7877);
    assert_true(cpu->gpr[EDI] == 0x4012 && cpu->gpr[ECX] == 0);
    cpu->decoder = decoder_new(); /* asked whether it is an access to the stack */
    cpu->gpr[ESI] = NOT_CANONICAL;
    ASSERT_RAISES(s, VEC_GP, 0, help_outs(cpu, IO_STRING(1, 8, SEG_DS, false), 1));
    decoder_free(cpu->decoder);
}

/* An SMI in 64-bit mode, and RSM back to it. */
static void test_smm(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;
    const u32 map = 0x38000;
    u64 gpr[GPR64_COUNT];

    go(s, 3);
    for (unsigned i = 0; i < GPR64_COUNT; i++)
        cpu->gpr[i] = gpr[i] = 0x1111111122222222ull * (i + 1);
    assert_true(msr_write(cpu, (u32)M_GS, HIGH + 0x5000));
    cpu->cr3 = cpu->mmu.cr3 |= 1ull << 32;
    const struct segment gs = cpu->seg[SEG_GS], tr = cpu->tr;
    const u64 efer = cpu->msr.efer;
    const u32 mode = cpu->mode;
    cpu->events |= EV_SMI;
    smm_enter(cpu);
    assert_false(cpu_is_ia32e(cpu) || cpu_is_code64(cpu) || cpu->mmu.lma);
    assert_true(cpu->gpr[EDI] >> 32 == 0 && cpu->eip == 0x8000);
    assert_int_equal(peek(s, map + 0x7fd0, 4), 0x22222222);
    ASSERT_OK(s, smm_resume(cpu));
    assert_memory_equal(cpu->gpr, gpr, sizeof(gpr));
    assert_true(cpu->eip == HIGH + 0x5000 && cpu->msr.efer == efer && cpu->mode == mode);
    assert_true(cpu->cr3 == (1ull << 32 | PML4) && cpu->mmu.cr3 == cpu->cr3 && cpu->mmu.lma);
    assert_memory_equal(&cpu->seg[SEG_GS], &gs, sizeof(gs));
    assert_memory_equal(&cpu->tr, &tr, sizeof(tr));
    assert_int_equal(cpu->cpl, 3);
    cpu->events |= EV_SMI;
    smm_enter(cpu);
    poke(s, map + 0x7e10, 4, 0); /* CR4 without PAE */
    ASSERT_OK(s, smm_resume(cpu));
    assert_int_equal(cpu->events & EV_TRIPLE, EV_TRIPLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYS64_TEST(test_enter),     SYS64_TEST(test_control),    SYS64_TEST(test_msrs),
        SYS64_TEST(test_cpuid),     SYS64_TEST(test_segments),   SYS64_TEST(test_system_segments),
        SYS64_TEST(test_tables),    SYS64_TEST(test_watchpoint), SYS64_TEST(test_io_map),
        SYS64_TEST(test_string_io), SYS64_TEST(test_smm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
