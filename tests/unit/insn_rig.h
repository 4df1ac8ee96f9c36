/* A CPU for tests that run instructions from their bytes: code in hexadecimal is put into memory,
 * decoded, lifted and run by the interpreter. Each program sets up the state it wants in between.
 */
#ifndef TESTS_INSN_RIG_H
#define TESTS_INSN_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "cpu/cpuid.h"
#include "cpu/decode.h"
#include "cpu/excp.h"
#include "cpu/lift.h"
#include "cpu/seg.h"
#include "jit/backend.h"

enum {
    RIG_RAM = 1 << 20,
    RIG_DIR = 0x1000, /* page tables of rig_map() */
    RIG_TABLE = 0x2000,
    RIG_PDPT = 0x3000, /* of rig_map_long(), beside those */
    RIG_PD = 0x4000,
    RIG_BUDGET = 1000, /* instructions */
};

/* Where 64-bit code runs, the upper half: there, too, is the first megabyte. */
#define RIG_HIGH 0xffff800000000000ull

struct state; /* what a program compares: its own */

struct rig {
    struct phys *phys;
    struct cpu *cpu;
    struct ir *ir;
    u32 code; /* physical address of the code */
    int ferr; /* level of FERR#; -1: never driven */
};

static inline void rig_ferr(void *opaque, bool level)
{
    ((struct rig *)opaque)->ferr = level;
}

static inline struct rig *rig_new(u32 code)
{
    struct rig *r = calloc(1, sizeof(*r));
    struct cpu_pins pins = {.ferr = rig_ferr, .opaque = r};

    r->phys = phys_new(RIG_RAM);
    r->cpu = cpu_new(r->phys, &pins);
    r->cpu->decoder = decoder_new();
    r->ir = malloc(sizeof(*r->ir));
    r->code = code;
    r->ferr = -1;
    return r;
}

/* As cmocka wants it */
static inline int rig_free(void **state)
{
    struct rig *r = *state;

    decoder_free(r->cpu->decoder);
    cpu_free(r->cpu);
    phys_free(r->phys);
    free(r->ir);
    free(r);
    return 0;
}

/* Cases as text, name=value ..., each handed to `one`. */
static inline void rig_parse(struct state *s, const char *text,
                             void (*one)(struct state *s, const char *name, const char *value))
{
    char name[16], value[40];
    int used;

    while (sscanf(text, " %15[^= ]=%39s%n", name, value, &used) == 2) {
        one(s, name, value);
        text += used;
    }
}

static inline void rig_set_seg(struct rig *r, unsigned seg, u16 sel, u32 base, u32 limit, u16 attr)
{
    struct segment *s = &r->cpu->seg[seg];

    s->sel = sel;
    s->base = base;
    s->limit = limit;
    s->attr = SA_P | SA_S | SA_RW | SA_ACCESSED | attr;
    seg_update_cache(s);
}

/* Maps the first megabyte one to one, for all privileges, but for one page. */
static inline void rig_map(struct rig *r, u32 absent)
{
    u8 *ram = phys_ram(r->phys);

    store_le(ram + RIG_DIR, 4, RIG_TABLE | 7);
    for (u32 i = 0; i < RIG_RAM >> 12; i++)
        store_le(ram + RIG_TABLE + i * 4, 4, i == absent >> 12 ? 0 : i << 12 | 7);
}

/* The same by 4-level tables, and once more at RIG_HIGH. */
static inline void rig_map_long(struct rig *r, u32 absent)
{
    u8 *ram = phys_ram(r->phys);

    memset(ram + RIG_DIR, 0, PAGE_SIZE);
    store_le(ram + RIG_DIR, 8, RIG_PDPT | 7);
    store_le(ram + RIG_DIR + 256 * 8, 8, RIG_PDPT | 7);
    store_le(ram + RIG_PDPT, 8, RIG_PD | 7);
    store_le(ram + RIG_PD, 8, RIG_TABLE | 7);
    for (u32 i = 0; i < RIG_RAM >> 12; i++)
        store_le(ram + RIG_TABLE + i * 8, 8, i == absent >> 12 ? 0 : i << 12 | 7);
}

/* After a change of control registers, EFER, EFLAGS or segments */
static inline void rig_update_mode(struct rig *r)
{
    struct cpu *cpu = r->cpu;

    cpu->mmu.cr0 = cpu->cr0;
    cpu->mmu.cr3 = cpu->cr3;
    cpu->mmu.cr4 = cpu->cr4;
    cpu->mmu.lma = cpu_is_ia32e(cpu);
    mmu_flush(&cpu->mmu);
    cpu_update_mode(cpu);
}

/* Makes the CPU stand at the code. */
static inline void rig_start(struct rig *r)
{
    struct cpu *cpu = r->cpu;

    cpu->eip = r->code - cpu->seg[SEG_CS].base + (cpu_is_code64(cpu) ? RIG_HIGH : 0);
    cpu->eip_page = cpu->eip - (r->code & PAGE_MASK);
    cpu->budget = RIG_BUDGET;
    cpu->icount_end = RIG_BUDGET;
    cpu->insn_left = 0;
    cpu->in_block = 0;
}

/* Puts code, bytes in hexadecimal that end where something else begins, into memory; their
 * number. */
static inline unsigned rig_load(struct rig *r, const char *code)
{
    unsigned n = 0, byte;
    int used;

    while (sscanf(code, " %2x%n", &byte, &used) == 1) {
        phys_ram(r->phys)[r->code + n++] = (u8)byte;
        code += used;
    }
    return n;
}

static inline void rig_verify(const struct rig *r, const char *when)
{
    const char *wrong = ir_verify(r->ir);

    if (wrong)
        fail_msg("%s: %s", when, wrong);
}

/* Lifts len bytes of code in the CPU's mode; true if the last instruction repeats itself. */
static inline bool rig_lift(struct rig *r, unsigned len, u64 isas, bool optimize)
{
    struct lift l = {.ir = r->ir, .mode = r->cpu->mode, .isas = isas, .gen = r->cpu->model->isa};
    u32 off = r->code & PAGE_MASK;
    bool repeats = false;
    unsigned pos = 0;

    ir_begin(r->ir, l.mode);
    while (!l.ended && pos < len) {
        struct insn in;
        l.off = off + pos;
        assert_int_equal(decode(r->cpu->decoder, phys_ram(r->phys) + r->code + pos, len - pos,
                                mode_code_size(l.mode), &in),
                         DECODE_OK);
        lift_insn(&l, &in);
        repeats = insn_row_of(&in)->attr & IA_STRING;
        pos += in.len;
    }
    assert_int_equal(pos, len);
    if (!l.ended)
        ir_xjmp(r->ir, (s32)(off + pos));
    assert_false(r->ir->overflow);
    rig_verify(r, "lifted");
    if (optimize) {
        ir_optimize(r->ir);
        rig_verify(r, "optimized");
    }
    return repeats;
}

/* Runs what was lifted, a repeated string instruction until it is done. False: it raised
 * cpu->pending, and EIP is that of the instruction. */
static inline bool rig_run(struct rig *r, bool repeats)
{
    struct cpu *cpu = r->cpu;
    u64 start = cpu->eip;
    sigjmp_buf env;

    cpu->unwind = &env;
    if (sigsetjmp(env, 0)) {
        cpu->unwind = NULL;
        cpu->eip = cpu_eip(cpu);
        cpu->budget += cpu->insn_left;
        cpu->insn_left = 0;
        return false;
    }
    do
        interp_steps(cpu, r->ir, r->ir->ninsns);
    while (repeats && cpu->eip == start && cpu->budget > 0);
    cpu->unwind = NULL;
    return true;
}

#endif
