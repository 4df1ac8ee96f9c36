/* The x87 bound to the CPU: short programs of real machine code, decoded, lifted and run by the
 * interpreter. What each instruction computes is test_x87_ops.c's business; here it is memory
 * operands, faults that must commit nothing, #NM, #UD, #MF, FERR#, EFLAGS, AX and the instruction
 * pointers. */
#include "tests/unit/insn_rig.h"

#include "cpu/softfp.h"
#include "cpu/x87_ops.h"

enum { CODE = 0x1100, DATA = 0x2000, DATA_LIMIT = 0xffff };

/* 32-bit protected mode without paging; FS has a limit of 64 KiB, so that it can fault. */
static int setup(void **state)
{
    struct rig *r = rig_new(CODE);

    r->cpu->cr0 = CR0_PE | CR0_NE;
    r->cpu->mmu.cr0 = r->cpu->cr0;
    r->cpu->cpl = 0;
    for (unsigned i = 0; i < SEG_COUNT; i++)
        rig_set_seg(r, i, (u16)(0x10 + 8 * i), 0, 0xffffffff, SA_DB | SA_G);
    rig_set_seg(r, SEG_CS, 8, 0, 0xffffffff, SA_DB | SA_G | SA_CODE);
    rig_set_seg(r, SEG_FS, 0x48, 0, DATA_LIMIT, SA_DB);
    x87_init(&r->cpu->fpu);
    r->cpu->gpr[ESI] = DATA;
    *state = r;
    return 0;
}

/* Runs code, hexadecimal, on a CPU of the given generation; the vector it raises, or -1. */
static int run_on(struct rig *r, const char *code, u64 isas)
{
    cpu_update_mode(r->cpu);
    rig_start(r);
    rig_lift(r, rig_load(r, code), isas, true);
    return rig_run(r, false) ? -1 : r->cpu->pending.vector;
}

static int run(struct rig *r, const char *code)
{
    return run_on(r, code, ISA_ALL);
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
    assert_int_equal(run_on(r, "db f1", ISA_ALL & ~ISA_BIT(ISA_P6)), VEC_UD);
    assert_int_equal(run_on(r, "da c1", ISA_ALL & ~ISA_BIT(ISA_P6)), VEC_UD);
    assert_int_equal(run_on(r, "dd 0e", ISA_ALL & ~ISA_BIT(ISA_SSE3)), VEC_UD); /* fisttp */
    assert_int_equal(run_on(r, "d9 fe", ISA_BIT(ISA_FPU)), -1);
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

/* FLDCW that unmasks what is set already: WAIT, lifted with it for another mode, is not run. */
static void unmasking_ends_the_steps(void **state)
{
    struct rig *r = *state;
    assert_int_equal(run(r, DIVIDE_BY_ZERO), -1);
    assert_false(r->cpu->mode & MODE_X87_MF);
    store_le(phys_ram(r->phys) + DATA, 2, FCW_INIT & ~FP_ZE);
    assert_int_equal(run(r, "d9 2e  9b"), -1);
    assert_int_equal(r->cpu->eip, CODE + 2);
    assert_true(r->cpu->mode & MODE_X87_MF);
    assert_int_equal(run(r, "9b"), VEC_MF);
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

/* -- 64-bit mode -- */

enum { LONG_CODE = 0x10100, LONG_DATA = 0x20000 };

static int setup64(void **state)
{
    setup(state);
    struct rig *r = *state;
    struct cpu *cpu = r->cpu;

    r->code = LONG_CODE;
    rig_map_long(r, 0x22000);
    cpu->cr0 |= CR0_PG;
    cpu->cr3 = RIG_DIR;
    cpu->cr4 = CR4_PAE;
    cpu->msr.efer = EFER_LME | EFER_LMA;
    cpu->seg[SEG_CS].attr ^= SA_L | SA_DB;
    cpu->seg[SEG_FS].base_high = RIG_HIGH >> 32;
    rig_update_mode(r);
    memset(phys_ram(r->phys) + LONG_DATA, 0xcc, 256);
    cpu->gpr[ESI] = RIG_HIGH + LONG_DATA;
    return 0;
}

/* Pointers have 64 bits; that of data is the offset in the segment. */
static void pointers_of_64_bits(void **state)
{
    struct rig *r = *state;
    const struct x87 *f = &r->cpu->fpu;
    r->cpu->gpr[8] = RIG_HIGH + LONG_DATA + 16;
    assert_int_equal(run(r, "d9 e8  41 dd 18"), -1); /* fld1; fstp qword [r8] */
    assert_int_equal(load_le(phys_ram(r->phys) + LONG_DATA + 16, 8), 0x3ff0000000000000);
    assert_true(f->fip == RIG_HIGH + LONG_CODE + 2);
    assert_true(f->fdp == RIG_HIGH + LONG_DATA + 16);
    assert_int_equal(f->empty, 0xff);
    assert_int_equal(run(r, "64 dd 04 25 10 00 02 00"), -1); /* fld qword fs:[20010] */
    assert_true(f->fdp == LONG_DATA + 16);
    assert_int_equal(run(r, "dd 1d 0a ff 00 00"), -1); /* fstp qword [rip+ff0a] */
    assert_true(f->fdp == RIG_HIGH + LONG_DATA + 16);
    assert_int_equal(run(r, "67 df 6e 10"), -1); /* fild qword [esi+16] */
    assert_true(f->fdp == LONG_DATA + 16);
    assert_int_equal(f->st[7].se, 0x3fff + 61);
}

/* By REX.W as little as by REX.R, which ModRM's reg field does not heed here. */
static void environment_in_64_bit_mode(void **state)
{
    struct rig *r = *state;
    const u8 *data = phys_ram(r->phys) + LONG_DATA;
    assert_int_equal(run(r, "d9 e8  4c d9 36"), -1); /* fld1; fnstenv */
    assert_int_equal(load_le(data + 12, 4), (u32)(RIG_HIGH + LONG_CODE));
    assert_int_equal(load_le(data + 16, 2), 8);
    assert_int_equal(data[28], 0xcc);
    assert_int_equal(run(r, "66 d9 76 40"), -1);
    assert_int_equal(load_le(data + 0x40 + 6, 2), LONG_CODE & 0xffff);
    assert_int_equal(data[0x40 + 14], 0xcc);
    assert_int_equal(run(r, "4c dd 76 40"), -1); /* fnsave: 108 bytes */
    assert_int_equal(data[0x40 + 108], 0xcc);
}

static void faults_in_64_bit_mode(void **state)
{
    struct rig *r = *state;
    assert_int_equal(run(r, "d9 e8"), -1);
    struct x87 before = r->cpu->fpu;
    r->cpu->gpr[ESI] = 0x0001000000000000;
    assert_int_equal(run(r, "dd 1e"), VEC_GP); /* not canonical */
    assert_int_equal(run(r, "db 3e"), VEC_GP);
    r->cpu->gpr[ESI] = RIG_HIGH + 0x21ffc;
    assert_int_equal(run(r, "dd 1e"), VEC_PF);
    assert_true(r->cpu->cr2 == RIG_HIGH + 0x22000);
    r->cpu->cpl = 3;
    r->cpu->cr0 |= CR0_AM;
    r->cpu->eflags |= FLAG_AC;
    r->cpu->gpr[ESI] = RIG_HIGH + LONG_DATA + 4;
    assert_int_equal(run(r, "dd 1e"), VEC_AC);
    assert_memory_equal(&r->cpu->fpu, &before, sizeof(before));
    assert_int_equal(run(r, "dd 5e 04"), -1);
    assert_true(r->cpu->fpu.fdp == RIG_HIGH + LONG_DATA + 8);
}

#define T(f)   cmocka_unit_test_setup_teardown(f, setup, rig_free)
#define T64(f) cmocka_unit_test_setup_teardown(f, setup64, rig_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(memory_operands),
        T(image_sizes),
        T(faults_commit_nothing),
        T(flags_and_ax),
        T(availability),
        T(pending_mf),
        T(unmasking_ends_the_steps),
        T(pending_ferr),
        T64(pointers_of_64_bits),
        T64(environment_in_64_bit_mode),
        T64(faults_in_64_bit_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
