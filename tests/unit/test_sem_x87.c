/* The x87 bound to the CPU: short programs of real machine code, decoded, lifted and run by the
 * interpreter. What each instruction computes is test_x87_ops.c's business; here it is memory
 * operands, faults that must commit nothing, #NM, #UD, #MF, FERR#, EFLAGS, AX and the instruction
 * pointers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "cpu/decode.h"
#include "cpu/excp.h"
#include "cpu/helpers.h"
#include "cpu/lift.h"
#include "cpu/seg.h"
#include "cpu/softfp.h"
#include "cpu/x87_ops.h"
#include "jit/backend.h"

enum { CODE = 0x1100, DATA = 0x2000, RAM = 1 << 20, DATA_LIMIT = 0xffff };

struct rig {
    struct phys *phys;
    struct cpu *cpu;
    struct ir ir;
    int ferr; /* -1: never driven */
};

static void pin_ferr(void *opaque, bool level)
{
    ((struct rig *)opaque)->ferr = level;
}

static void set_seg(struct cpu *cpu, enum seg seg, u16 sel, u32 limit, u16 attr)
{
    struct segment *s = &cpu->seg[seg];
    s->sel = sel;
    s->base = 0;
    s->limit = limit;
    s->attr = SA_P | SA_S | SA_RW | SA_ACCESSED | SA_DB | attr;
    seg_update_cache(s);
}

/* 32-bit protected mode without paging; FS has a limit of 64 KiB, so that it can fault. */
static int setup(void **state)
{
    struct rig *r = calloc(1, sizeof(*r));
    struct cpu_pins pins = {.ferr = pin_ferr, .opaque = r};

    r->phys = phys_new(RAM);
    r->cpu = cpu_new(r->phys, &pins);
    r->cpu->decoder = decoder_new();
    r->cpu->cr0 = CR0_PE | CR0_NE;
    r->cpu->mmu.cr0 = r->cpu->cr0;
    r->cpu->cpl = 0;
    for (unsigned i = 0; i < SEG_COUNT; i++)
        set_seg(r->cpu, (enum seg)i, (u16)(0x10 + 8 * i), 0xffffffff, SA_G);
    set_seg(r->cpu, SEG_CS, 8, 0xffffffff, SA_G | SA_CODE);
    set_seg(r->cpu, SEG_FS, 0x48, DATA_LIMIT, 0);
    x87_init(&r->cpu->fpu);
    r->cpu->gpr[ESI] = DATA;
    r->ferr = -1;
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;
    decoder_free(r->cpu->decoder);
    cpu_free(r->cpu);
    phys_free(r->phys);
    free(r);
    return 0;
}

static unsigned assemble(struct rig *r, const char *code)
{
    unsigned n = 0, byte;
    int used;
    while (sscanf(code, " %2x%n", &byte, &used) == 1) {
        phys_ram(r->phys)[CODE + n++] = (u8)byte;
        code += used;
    }
    return n;
}

static void lift_all(struct rig *r, unsigned len, enum isa isa)
{
    struct lift l = {.ir = &r->ir, .mode = r->cpu->mode, .isa = isa};
    unsigned pos = 0;

    ir_begin(&r->ir, l.mode);
    while (!l.ended && pos < len) {
        struct insn in;
        l.off = (CODE & PAGE_MASK) + pos;
        assert_int_equal(
            decode(r->cpu->decoder, phys_ram(r->phys) + CODE + pos, len - pos, true, &in),
            DECODE_OK);
        lift_insn(&l, &in);
        pos += in.len;
    }
    if (!l.ended)
        ir_xjmp(&r->ir, (s32)((CODE & PAGE_MASK) + pos));
    assert_null(ir_verify(&r->ir));
    ir_optimize(&r->ir);
}

/* Runs code, hexadecimal, on a CPU of the given generation; the vector it raises, or -1. */
static int run_on(struct rig *r, const char *code, enum isa isa)
{
    struct cpu *cpu = r->cpu;
    sigjmp_buf env;

    cpu_update_mode(cpu);
    cpu->eip = CODE;
    cpu->eip_page = CODE & ~PAGE_MASK;
    cpu->budget = 1000;
    cpu->icount_end = 1000;
    cpu->insn_left = 0;
    cpu->in_block = 0;
    lift_all(r, assemble(r, code), isa);
    cpu->unwind = &env;
    if (sigsetjmp(env, 0)) {
        cpu->insn_left = 0;
        return cpu->pending.vector;
    }
    interp_steps(cpu, &r->ir, r->ir.ninsns);
    return -1;
}

static int run(struct rig *r, const char *code)
{
    return run_on(r, code, ISA_COUNT - 1);
}

static void put_double(struct rig *r, unsigned at, double v)
{
    memcpy(phys_ram(r->phys) + DATA + at, &v, 8);
}

static double get_double(struct rig *r, unsigned at)
{
    double v;
    memcpy(&v, phys_ram(r->phys) + DATA + at, 8);
    return v;
}

static void memory_operands(void **state)
{
    struct rig *r = *state;
    put_double(r, 0, 1.5);
    put_double(r, 8, 2.25);
    /* fld qword [esi]; fadd qword [esi+8]; fstp qword [esi+16] */
    assert_int_equal(run(r, "dd 06  dc 46 08  dd 5e 10"), -1);
    assert_true(get_double(r, 16) == 3.75);
    assert_int_equal(r->cpu->fpu.empty, 0xff);
    /* the last non-control instruction and its operand; the control word does not count */
    assert_int_equal(run(r, "dd 06  d9 7e 18"), -1);
    assert_int_equal(load_le(phys_ram(r->phys) + DATA + 0x18, 2), FCW_INIT);
    assert_int_equal(r->cpu->fpu.fip, CODE);
    assert_int_equal(r->cpu->fpu.fcs, 8);
    assert_int_equal(r->cpu->fpu.fdp, DATA);
    assert_int_equal(r->cpu->fpu.fds, 0x10 + 8 * SEG_DS);
    assert_int_equal(r->cpu->fpu.fop, 0x506);
}

static void image_sizes(void **state)
{
    struct rig *r = *state;
    u8 *data = phys_ram(r->phys) + DATA;
    memset(data, 0xcc, 256);
    assert_int_equal(run(r, "66 dd 36"), -1); /* fnsave, 16 bits: 94 bytes */
    assert_int_equal(data[93], 0);
    assert_int_equal(data[94], 0xcc);
    assert_int_equal(run(r, "dd 36"), -1); /* 108 */
    assert_int_equal(data[107], 0);
    assert_int_equal(data[108], 0xcc);
    assert_int_equal(run(r, "db 2e  db 7e 40"), -1); /* fld, fstp tbyte */
    assert_memory_equal(data, data + 0x40, 10);
    assert_int_equal(data[0x4a], 0);
}

/* A store or load that faults leaves the whole x87 state alone. */
static void faults_commit_nothing(void **state)
{
    struct rig *r = *state;
    assert_int_equal(run(r, "d9 eb  d9 e8"), -1); /* fldpi; fld1 */
    struct x87 before = r->cpu->fpu;
    r->cpu->gpr[ESI] = DATA_LIMIT - 3;
    assert_int_equal(run(r, "64 dd 1e"), VEC_GP); /* fstp qword fs:[esi] */
    assert_memory_equal(&r->cpu->fpu, &before, sizeof(before));
    assert_int_equal(run(r, "64 db 3e"), VEC_GP); /* fstp tbyte fs:[esi] */
    assert_int_equal(run(r, "64 dd 06"), VEC_GP); /* fld qword fs:[esi] */
    assert_int_equal(run(r, "64 dd 36"), VEC_GP); /* fnsave fs:[esi] */
    assert_memory_equal(&r->cpu->fpu, &before, sizeof(before));
    assert_int_equal(run(r, "64 d9 1e"), -1); /* four bytes do fit */
}

static void flags_and_ax(void **state)
{
    struct rig *r = *state;
    cpu_set_eflags(r->cpu, 0x8d7);
    /* fld1; fldz; fcomi st1: 0 < 1: CF alone; fcmovb st0, st1 */
    assert_int_equal(run(r, "d9 e8  d9 ee  db f1  da c1"), -1);
    assert_int_equal(cpu_eflags(r->cpu) & FLAGS_ARITH, FLAG_CF);
    assert_int_equal(r->cpu->fpu.st[6].se, F80_BIAS);
    r->cpu->gpr[EAX] = 0x12345678;
    assert_int_equal(run(r, "df e0"), -1); /* fnstsw ax */
    assert_int_equal(r->cpu->gpr[EAX], 0x12340000 | r->cpu->fpu.fsw);
}

static void availability(void **state)
{
    struct rig *r = *state;
    assert_int_equal(run(r, "d9 d1"), VEC_UD);
    assert_int_equal(run_on(r, "db f1", ISA_P5), VEC_UD);
    assert_int_equal(run_on(r, "da c1", ISA_486), VEC_UD);
    assert_int_equal(run_on(r, "dd 0e", ISA_SSE2), VEC_UD); /* fisttp */
    assert_int_equal(run_on(r, "d9 fe", ISA_386), -1);
    r->cpu->cr0 |= CR0_TS;
    assert_int_equal(run(r, "d9 e8"), VEC_NM);
    assert_int_equal(run(r, "db e3"), VEC_NM); /* fninit too */
    r->cpu->cr0 ^= CR0_TS | CR0_EM;
    assert_int_equal(run(r, "d9 e8"), VEC_NM);
}

/* fld1; fldz; fdivp with ZE unmasked */
#define DIVIDE_BY_ZERO "d9 e8  d9 ee  de f9"

static void pending_mf(void **state)
{
    struct rig *r = *state;
    r->cpu->fpu.fcw = FCW_INIT & ~FP_ZE;
    assert_int_equal(run(r, DIVIDE_BY_ZERO), -1);
    assert_true(x87_pending(&r->cpu->fpu));
    assert_int_equal(r->ferr, -1);
    struct x87 before = r->cpu->fpu;
    assert_int_equal(run(r, "d9 e8"), VEC_MF);
    assert_int_equal(run(r, "dd 1e"), VEC_MF);
    assert_int_equal(run(r, "9b"), VEC_MF);
    assert_memory_equal(&r->cpu->fpu, &before, sizeof(before));
    assert_int_equal(run(r, "df e0  d9 3e  db e2  d9 e8"), -1); /* no-wait ones; fnclex ends it */
    assert_false(x87_pending(&r->cpu->fpu));
}

static void pending_ferr(void **state)
{
    struct rig *r = *state;
    r->cpu->cr0 &= ~(u32)CR0_NE;
    r->cpu->fpu.fcw = FCW_INIT & ~FP_ZE;
    assert_int_equal(run(r, "d9 e8  d9 ee"), -1);
    assert_int_equal(r->ferr, -1);
    assert_int_equal(run(r, "de f9"), -1);
    assert_int_equal(r->ferr, 1);
    assert_int_equal(run(r, "db e2"), -1);
    assert_int_equal(r->ferr, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(memory_operands), T(image_sizes), T(faults_commit_nothing), T(flags_and_ax),
        T(availability),    T(pending_mf),  T(pending_ferr),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
