/* A bare CPU with 2 MiB of RAM, paging off, a GDT, an IDT and a TSS, for the tests of the system
 * side. */
#ifndef TESTS_UNIT_SYS_FIXTURE_H
#define TESTS_UNIT_SYS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/gate.h"
#include "cpu/seg.h"
#include "cpu/state.h"

enum {
    GDT = 0x1000,
    IDT = 0x2000,
    TSS = 0x3000,
    TSS_OTHER = 0x3800,
    LDT = 0x3c00,
    STACK0 = 0x8000,
    STACK3 = 0x9000,
    STACK_OTHER = 0xa000
};

enum {
    S_CODE0 = 0x08,
    S_DATA0 = 0x10,
    S_CODE3 = 0x1b,
    S_DATA3 = 0x23,
    S_TSS = 0x28,
    S_LDT = 0x30,
    S_DOWN = 0x38,
    S_RDONLY = 0x40,
    S_ABSENT = 0x48,
    S_CONFORM = 0x50,
    S_CALLGATE = 0x58,
    S_TSS_OTHER = 0x60,
    S_TASKGATE = 0x68,
    S_XONLY = 0x70,
    S_DATA16 = 0x78,
    S_CODE16 = 0x80,
    GDT_END = 0x88
};

#define FLAT 0xfffff
enum { A_CODE = 0x9b, A_DATA = 0x93, A_3 = 0x60, F_32 = 0xc, F_16 = 0 };

struct sys {
    struct phys *phys;
    struct cpu *cpu;
    u8 *ram;
    u16 out_port; /* last port written */
    unsigned out_size;
    u32 out_value, in_value, in_count;
};

static u32 fixture_in(void *opaque, u16 port, unsigned size)
{
    struct sys *s = opaque;

    (void)port;
    (void)size;
    s->in_count++;
    return s->in_value++;
}

static void fixture_out(void *opaque, u16 port, unsigned size, u32 value)
{
    struct sys *s = opaque;

    s->out_port = port;
    s->out_size = size;
    s->out_value = value;
}

static inline u32 peek(struct sys *s, u32 pa, unsigned size)
{
    u32 v = 0;

    memcpy(&v, s->ram + pa, size);
    return v;
}

static inline void poke(struct sys *s, u32 pa, unsigned size, u32 v)
{
    memcpy(s->ram + pa, &v, size);
}

static inline void put_desc(struct sys *s, u32 sel, u32 base, u32 limit, u32 access, u32 flags)
{
    poke(s, GDT + (sel & 0xfff8), 4, (limit & 0xffff) | base << 16);
    poke(s, GDT + (sel & 0xfff8) + 4, 4,
         (base >> 16 & 0xff) | access << 8 | (limit & 0xf0000) | flags << 20 | (base & 0xff000000));
}

static inline void put_gate(struct sys *s, u32 at, u32 sel, u32 off, u32 access, u32 count)
{
    poke(s, at, 4, (off & 0xffff) | sel << 16);
    poke(s, at + 4, 4, count | access << 8 | (off & 0xffff0000));
}

static inline void put_idt(struct sys *s, u32 vec, u32 sel, u32 off, u32 access)
{
    put_gate(s, IDT + vec * 8, sel, off, access, 0);
}

static inline void load_flat(struct segment *seg, u16 sel, u32 access)
{
    struct desc d = {0xffff, 0xcf0000u | access << 8};

    seg_from_desc(seg, sel, d);
}

/* Protected mode, flat, at privilege cpl. */
static inline void enter(struct sys *s, unsigned cpl)
{
    struct cpu *cpu = s->cpu;
    u32 dpl = cpl == 3 ? A_3 : 0;

    for (unsigned i = 0; i < SEG_COUNT; i++)
        load_flat(&cpu->seg[i], cpl ? S_DATA3 : S_DATA0, A_DATA | dpl);
    load_flat(&cpu->seg[SEG_CS], cpl ? S_CODE3 : S_CODE0, A_CODE | dpl);
    cpu->cpl = (u8)cpl;
    cpu->cr0 |= CR0_PE;
    cpu->mmu.cr0 = cpu->cr0;
    cpu->eip = 0x5000;
    cpu->gpr[ESP] = cpl ? STACK3 : STACK0;
    cpu_set_eflags(cpu, 0x202);
    cpu_update_mode(cpu);
}

static inline void put_tables(struct sys *s)
{
    struct cpu *cpu = s->cpu;

    put_desc(s, S_CODE0, 0, FLAT, A_CODE, F_32);
    put_desc(s, S_DATA0, 0, FLAT, A_DATA, F_32);
    put_desc(s, S_CODE3, 0, FLAT, A_CODE | A_3, F_32);
    put_desc(s, S_DATA3, 0, FLAT, A_DATA | A_3, F_32);
    put_desc(s, S_TSS, TSS, 0x67 + 0x21, 0x8b, 0);
    put_desc(s, S_LDT, LDT, 0xf, 0x82, 0);
    put_desc(s, S_DOWN, 0x10000, 0xfff, 0x97, 4);
    put_desc(s, S_RDONLY, 0, FLAT, 0x90, F_32);
    put_desc(s, S_ABSENT, 0, FLAT, 0x13, F_32);
    put_desc(s, S_CONFORM, 0, FLAT, 0x9f, F_32);
    put_gate(s, GDT + S_CALLGATE, S_CODE0, 0x6000, 0xec, 2);
    put_desc(s, S_TSS_OTHER, TSS_OTHER, 0x67, 0x89, 0);
    put_gate(s, GDT + S_TASKGATE, S_TSS_OTHER, 0, 0xe5, 0);
    put_desc(s, S_XONLY, 0, FLAT, 0x99, F_32);
    put_desc(s, S_DATA16, 0, 0xffff, A_DATA, F_16);
    put_desc(s, S_CODE16, 0, 0xffff, A_CODE, F_16);
    cpu->gdtr.base = GDT;
    cpu->gdtr.limit = GDT_END - 1;
    cpu->idtr.base = IDT;
    cpu->idtr.limit = 0x7ff;
    seg_from_desc(&cpu->tr, S_TSS, (struct desc){TSS << 16 | (0x67 + 0x21), 0x8b00});
    poke(s, TSS + 4, 4, STACK0);
    poke(s, TSS + 8, 4, S_DATA0);
}

static inline int sys_setup(void **state)
{
    static struct sys machine; /* cmocka hands it on */
    struct sys *s = &machine;
    struct cpu_pins pins = {.in = fixture_in, .out = fixture_out, .opaque = s};

    memset(s, 0, sizeof(*s));
    s->phys = phys_new(2 << 20);
    s->cpu = cpu_new(s->phys, &pins);
    s->ram = phys_ram(s->phys);
    s->cpu->icount_end = s->cpu->budget = 1000000;
    put_tables(s);
    enter(s, 0);
    *state = s;
    return 0;
}

static inline int sys_teardown(void **state)
{
    struct sys *s = *state;

    cpu_free(s->cpu);
    phys_free(s->phys);
    return 0;
}

/* Runs statement with a place to unwind to; raised is set if it raised (see cpu->pending). */
#define CATCH(s, raised, statement)                                                                \
    do {                                                                                           \
        sigjmp_buf env_;                                                                           \
        (s)->cpu->unwind = &env_;                                                                  \
        (raised) = true;                                                                           \
        if (!sigsetjmp(env_, 0)) {                                                                 \
            statement;                                                                             \
            (raised) = false;                                                                      \
        }                                                                                          \
        (s)->cpu->unwind = NULL;                                                                   \
    } while (0)

#define ASSERT_RAISES(s, vec, err, statement)                                                      \
    do {                                                                                           \
        volatile bool raised_;                                                                     \
        CATCH(s, raised_, statement);                                                              \
        assert_true(raised_);                                                                      \
        assert_int_equal((s)->cpu->pending.vector, vec);                                           \
        assert_int_equal((s)->cpu->pending.error, err);                                            \
    } while (0)

#define ASSERT_OK(s, statement)                                                                    \
    do {                                                                                           \
        volatile bool raised_;                                                                     \
        CATCH(s, raised_, statement);                                                              \
        if (raised_)                                                                               \
            fail_msg("raised vector %d error %x", (s)->cpu->pending.vector,                        \
                     (s)->cpu->pending.error);                                                     \
    } while (0)

#define SYS_TEST(fn) cmocka_unit_test_setup_teardown(fn, sys_setup, sys_teardown)

#endif
