/* The CPU of sys_fixture.h in IA-32e mode: four levels of tables that map all memory twice, a GDT
 * with 64-bit segments and descriptors of 16 bytes, a TSS, and ways between its modes. */
#ifndef TESTS_UNIT_SYS64_FIXTURE_H
#define TESTS_UNIT_SYS64_FIXTURE_H

#include "tests/unit/sys_fixture.h"

#include "cpu/cpuid.h"
#include "cpu/crs.h"
#include "cpu/excp.h"
#include "cpu/far.h"
#include "cpu/helpers.h"
#include "cpu/msr.h"

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

static inline u64 peek64(struct sys *s, u32 pa)
{
    u64 v;

    memcpy(&v, s->ram + pa, sizeof(v));
    return v;
}

static inline void poke64(struct sys *s, u32 pa, u64 v)
{
    memcpy(s->ram + pa, &v, sizeof(v));
}

static inline void put_idt64(struct sys *s, u32 vec, u32 sel, u64 off, u32 access, u32 ist)
{
    put_gate(s, IDT + vec * 16, sel, (u32)off, access, ist);
    poke64(s, IDT + vec * 16 + 8, off >> 32);
}

/* A descriptor of 16 bytes. */
static inline void put_desc16(struct sys *s, u32 sel, u64 base, u32 limit, u32 access)
{
    put_desc(s, sel, (u32)base, limit, access, 0);
    poke64(s, GDT + (sel & 0xfff8) + 8, base >> 32);
}

static inline void put_gate64(struct sys *s, u32 sel, u64 off)
{
    put_gate(s, GDT + S_GATE64, sel, (u32)off, 0xec, 0);
    poke64(s, GDT + S_GATE64 + 8, off >> 32);
}

static inline void put_tables64(struct sys *s)
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
static inline u16 code64(unsigned cpl)
{
    return cpl ? S_CODE64_3 : S_CODE64;
}

/* To code of 64 bits at a level, from anywhere in IA-32e mode. */
static inline void go(struct sys *s, unsigned cpl)
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
static inline int setup64(void **state)
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
static inline void go_compat(struct sys *s, unsigned cpl)
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

#define SYS64_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup64, sys_teardown)

#endif
