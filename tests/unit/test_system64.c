/* The system side of IA-32e mode: its way in and out, control registers and MSRs, gates with the
 * interrupt stack table, returns in all directions, fast system calls, segments and descriptors of
 * 16 bytes, faults with their error codes. */
#include "tests/unit/sys_fixture.h"

#include "cpu/cpuid.h"
#include "cpu/crs.h"
#include "cpu/debug.h"
#include "cpu/excp.h"
#include "cpu/far.h"
#include "cpu/helpers.h"
#include "cpu/msr.h"
#include "cpu/smm.h"

enum { HANDLER = 0x6000, PML4 = 0x100000, PDPT = 0x101000, PD = 0x102000, IST = 0xb000 };

/* All memory once more, for everybody, up there. */
#define HIGH          0xffff800000000000ull
#define NOT_CANONICAL 0x800000000000ull

enum { /* selectors behind the fixture's */
       S_CODE64 = 0x88,
       S_CODE64_3 = 0x93,
       S_TSS64 = 0x98,
       S_LDT64 = 0xa8,
       S_GATE64 = 0xb8,
       S_BAD64 = 0xc8,
       END64 = 0xd0,
};

enum {
    M_EFER = (int)0xc0000080,
    M_STAR,
    M_LSTAR,
    M_CSTAR,
    M_SFMASK,
    M_FS = (int)0xc0000100,
    M_GS,
    M_KERNEL_GS,
};

static u64 peek64(struct sys *s, u32 pa)
{
    u64 v;

    memcpy(&v, s->ram + pa, sizeof(v));
    return v;
}

static void poke64(struct sys *s, u32 pa, u64 v)
{
    memcpy(s->ram + pa, &v, sizeof(v));
}

static void put_idt64(struct sys *s, u32 vec, u32 sel, u64 off, u32 access, u32 ist)
{
    put_gate(s, IDT + vec * 16, sel, (u32)off, access, ist);
    poke64(s, IDT + vec * 16 + 8, off >> 32);
}

/* A descriptor of 16 bytes. */
static void put_desc16(struct sys *s, u32 sel, u64 base, u32 limit, u32 access)
{
    put_desc(s, sel, (u32)base, limit, access, 0);
    poke64(s, GDT + (sel & 0xfff8) + 8, base >> 32);
}

static void put_gate64(struct sys *s, u32 sel, u64 off)
{
    put_gate(s, GDT + S_GATE64, sel, (u32)off, 0xec, 0);
    poke64(s, GDT + S_GATE64 + 8, off >> 32);
}

static void put_tables64(struct sys *s)
{
    struct cpu *cpu = s->cpu;

    poke64(s, PML4, PDPT | 7);
    poke64(s, PML4 + 256 * 8, PDPT | 7);
    poke64(s, PDPT, PD | 7);
    poke64(s, PD, 0x87);
    put_desc(s, S_CODE64, 0, 0, A_CODE, 2);
    put_desc(s, S_CODE64_3, 0, 0, A_CODE | A_3, 2);
    put_desc(s, S_BAD64, 0, 0, A_CODE, 6);
    put_desc16(s, S_TSS64, HIGH + TSS, 0x67, 0x89);
    put_desc16(s, S_LDT64, HIGH + LDT, 0xf, 0x82);
    put_gate64(s, S_CODE64, HIGH + HANDLER);
    memset(s->ram + TSS, 0, 0x68);
    poke64(s, TSS + 4, HIGH + STACK0);
    poke64(s, TSS + 0x24 + 8, HIGH + IST); /* IST2 */
    cpu->gdtr.limit = END64 - 1;
}

/* Selectors that 64-bit code has at a level. */
static u16 code64(unsigned cpl)
{
    return cpl ? S_CODE64_3 : S_CODE64;
}

/* To code of 64 bits at a level, from anywhere in IA-32e mode. */
static void go(struct sys *s, unsigned cpl)
{
    struct cpu *cpu = s->cpu;
    struct segment cs;

    ASSERT_OK(s, gate_code(cpu, S_CODE64, 0, &cs));
    cs_commit(cpu, &cs, 0);
    cpu_update_mode(cpu);
    u64 frame[] = {HIGH + 0x5000, code64(cpl), 0x202, HIGH + (cpl ? STACK3 : STACK0),
                   cpl ? S_DATA3 : S_DATA0};

    memcpy(s->ram + STACK_OTHER, frame, sizeof(frame));
    cpu->gpr[ESP] = STACK_OTHER;
    ASSERT_OK(s, far_iret(cpu, 8, 0));
}

/* By the sequence of SDM 3A 9.8.5; then 64-bit code at level 0. */
static int setup64(void **state)
{
    struct sys *s;
    struct cpu *cpu;

    sys_setup(state);
    s = *state;
    cpu = s->cpu;
    cpu_set_model(cpu, cpu_model_find("max"));
    put_tables64(s);
    ASSERT_OK(s, cr4_load(cpu, CR4_PAE));
    assert_true(msr_write(cpu, (u32)M_EFER, EFER_LME | EFER_SCE));
    ASSERT_OK(s, cr3_load(cpu, PML4));
    ASSERT_OK(s, cr0_load(cpu, cpu->cr0 | CR0_PG));
    assert_true(cpu_is_ia32e(cpu));
    assert_false(cpu_is_code64(cpu));
    ASSERT_OK(s, far_jmp(cpu, S_CODE64, 0x5000, 0));
    ASSERT_OK(s, help_ltr(cpu, S_TSS64));
    go(s, 0);
    return 0;
}

/* To compatibility mode at a level. */
static void go_compat(struct sys *s, unsigned cpl)
{
    struct cpu *cpu = s->cpu;
    u64 frame[] = {0x5000, cpl ? S_CODE3 : S_CODE0, 0x202, cpl ? STACK3 : STACK0,
                   cpl ? S_DATA3 : S_DATA0};

    memcpy(s->ram + STACK_OTHER, frame, sizeof(frame));
    cpu->gpr[ESP] = STACK_OTHER;
    ASSERT_OK(s, far_iret(cpu, 8, 0));
    assert_false(cpu_is_code64(cpu));
    ASSERT_OK(s, seg_load(cpu, SEG_DS, cpl ? S_DATA3 : S_DATA0));
}

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
    cpu_set_model(cpu, cpu_model_find("pentium4"));
    cpu_reset(cpu);
    cpu_cpuid(cpu, 0x80000008, 0, out);
    assert_int_equal(out[0] >> 8, 32);
    assert_false(msr_read(cpu, (u32)M_LSTAR, &v));
    assert_false(msr_write(cpu, (u32)M_EFER, EFER_LME));
    assert_true(msr_write(cpu, 0x175, HIGH + 0x5000) && cpu->msr.sysenter_esp == 0x5000);
}

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
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup64, sys_teardown)
    const struct CMUnitTest tests[] = {
        T(test_enter),       T(test_control),         T(test_msrs),
        T(test_cpuid),       T(test_same_level),      T(test_from_user),
        T(test_from_compat), T(test_gate_errors),     T(test_iret_errors),
        T(test_iret_sizes),  T(test_far_ret),         T(test_far_call),
        T(test_far_errors),  T(test_syscall),         T(test_sysenter),
        T(test_segments),    T(test_system_segments), T(test_tables),
        T(test_watchpoint),  T(test_io_map),          T(test_smm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
