/* System management mode: the state through entry and RSM, what RSM refuses, HALT, NMI, and who
 * sees SMRAM. What a guest sees of it is in tests/guest/mini/smm.s. */
#include "tests/unit/sys_fixture.h"

#include "base/bytes.h"
#include "cpu/cpuid.h"
#include "cpu/decode.h"
#include "cpu/far.h"
#include "cpu/mem.h"
#include "cpu/smm.h"
#include "jit/backend.h"
#include "jit/jit.h"

enum { SMBASE = 0x30000, MAP = SMBASE + 0x8000, ENTRY = SMBASE + 0x8000 };

static void smi(struct sys *s)
{
    s->cpu->events |= EV_SMI;
    smm_enter(s->cpu);
}

static void test_state(void **state)
{
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;
    struct segment seg[SEG_COUNT];

    enter(s, 3);
    for (unsigned i = 0; i < GPR_COUNT; i++)
        cpu->gpr[i] = 0x11111111 * (i + 1);
    cpu_set_eflags(cpu, 0x244ed5 | FLAG_NT);
    cpu->cr4 = CR4_PSE;
    cpu->seg[SEG_GS].base = 0x1234;
    memcpy(seg, cpu->seg, sizeof(seg));
    cpu_update_mode(cpu);
    const u32 mode = cpu->mode, flags = cpu_eflags(cpu);
    const struct segment tr = cpu->tr;
    smi(s);
    assert_true(cpu->smm);
    assert_int_equal(cpu->events & EV_SMI, 0);
    assert_int_equal(cpu->eip, 0x8000);
    assert_int_equal(cpu->seg[SEG_CS].sel, 0x3000);
    assert_int_equal(cpu->seg[SEG_CS].base, SMBASE);
    assert_int_equal(cpu_eflags(cpu), 2);
    assert_int_equal(cpu->cr0 & (CR0_PE | CR0_PG), 0);
    assert_int_equal(cpu->cr4, 0);
    assert_int_equal(cpu->dr[7], 0x400);
    assert_int_equal(cpu->cpl, 0);
    assert_int_equal(cpu->mode & (MODE_CODE32 | MODE_PROT), 0);
    assert_int_equal(cpu->seg[SEG_DS].limit, 0xffffffff);
    assert_int_equal(peek(s, MAP + 0x7ff4, 4), flags);
    assert_int_equal(peek(s, MAP + 0x7fa8, 4), S_DATA3);
    assert_int_equal(peek(s, MAP + 0x7fd0, 4), 0x11111111);
    assert_int_equal(peek(s, MAP + 0x7ef8, 4), SMBASE);
    cpu->gpr[EDI] = 0;
    cpu->tr.base = 0;
    ASSERT_OK(s, smm_resume(cpu));
    assert_false(cpu->smm);
    assert_int_equal(cpu->mode, mode);
    assert_int_equal(cpu_eflags(cpu), flags);
    assert_int_equal(cpu->cpl, 3);
    assert_int_equal(cpu->gpr[EDI], 0x88888888);
    assert_int_equal(cpu->cr4, CR4_PSE);
    assert_memory_equal(cpu->seg, seg, sizeof(seg));
    assert_memory_equal(&cpu->tr, &tr, sizeof(tr));
    ASSERT_RAISES(s, VEC_UD, 0, smm_resume(cpu));
}

static void check_waiting(struct sys *s, u32 waits)
{
    struct cpu *cpu = s->cpu;

    enter(s, 0);
    cpu->events = waits;
    smi(s);
    assert_int_equal(cpu->events & EV_WAIT, 0);
    ASSERT_OK(s, smm_resume(cpu));
    assert_int_equal(cpu->events & EV_WAIT, waits == EV_HALT ? EV_HALT : 0);
}

/* HLT goes on after RSM, MWAIT does not. */
static void test_waiting(void **state)
{
    check_waiting(*state, EV_HALT);
    check_waiting(*state, EV_HALT | EV_MWAIT);
    check_waiting(*state, EV_HALT | EV_MWAIT | EV_MWAIT_IRQ);
}

static void test_refused(void **state)
{
    static const struct {
        u16 at;
        u32 value;
    } cases[] = {{0x7ffc, CR0_PG}, {0x7ffc, CR0_PE | CR0_NW}, {0x7e10, 1u << 31}};
    struct sys *s = *state;

    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        s->cpu->events = 0;
        s->cpu->smm = false;
        enter(s, 0);
        smi(s);
        poke(s, MAP + cases[i].at, 4, cases[i].value);
        smm_resume(s->cpu);
        assert_true(s->cpu->events & EV_TRIPLE);
    }
    s->cpu->events = 0;
    cpu_reset(s->cpu);
    smi(s);
    poke(s, MAP + 0x7ef8, 4, 0x41000); /* no multiple of 32 KiB: not on a Pentium */
    smm_resume(s->cpu);
    assert_int_equal(s->cpu->events, 0);
    assert_int_equal(s->cpu->smbase, 0x41000);
    cpu_set_model(s->cpu, cpu_model_find("pentium"));
    smi(s);
    smm_resume(s->cpu);
    assert_true(s->cpu->events & EV_TRIPLE);
}

static void test_halt_and_nmi(void **state)
{
    static const char *const names[] = {"jit", "interp"};
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;
    const char *why;

    poke(s, ENTRY, 4, 0x90aa0f90); /* NOP; RSM */
    poke(s, 0x5000, 4, 0x9090f4);  /* HLT; NOP; NOP */
    put_idt(s, VEC_NMI, S_CODE0, 0x6000, 0x8e);
    poke(s, 0x6000, 2, 0xf4f4);
    cpu->decoder = decoder_new();
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        struct jit_config config = {.backend = backend_find(names[i]), .cache_bytes = 1 << 20};
        struct jit *jit = jit_new(cpu, &config, &why);

        cpu->events = 0;
        cpu->nmi_masked = false;
        enter(s, 0);
        cpu->eflags &= ~(u32)FLAG_IF;
        jit_run(jit, cpu_icount(cpu) + 100);
        assert_int_equal(cpu->eip, 0x5001);
        assert_true(cpu->events & EV_HALT);
        cpu->events |= EV_SMI;
        u64 from = cpu_icount(cpu);
        jit_run(jit, from + 100);
        assert_int_equal(cpu_icount(cpu), from + 3); /* entry, NOP, RSM */
        assert_int_equal(cpu->eip, 0x5001);
        assert_true(cpu->events & EV_HALT); /* again */
        cpu->events |= EV_SMI;
        jit_run(jit, cpu_icount(cpu) + 2);
        assert_true(cpu->smm);
        assert_int_equal(peek(s, MAP + 0x7f02, 2), 1);
        poke(s, MAP + 0x7f02, 2, 0); /* the handler does not want it */
        cpu->events |= EV_NMI;       /* and this has to wait for RSM */
        jit_run(jit, cpu_icount(cpu) + 1);
        assert_false(cpu->smm);
        assert_int_equal(cpu->eip, 0x5001);
        assert_int_equal(cpu->events, EV_NMI);
        jit_run(jit, cpu_icount(cpu) + 100);
        assert_int_equal(cpu->eip, 0x6001);
        assert_true(cpu->nmi_masked);
        jit_free(jit);
    }
    decoder_free(cpu->decoder);
}

static void test_smram(void **state)
{
    static const struct {
        u8 how;
        bool smm, data, fetch;
    } cases[] = {
        {0, true, false, false},
        {SMRAM_ENABLED, false, false, false},
        {SMRAM_ENABLED, true, true, true},
        {SMRAM_ENABLED | SMRAM_OPEN, false, true, true},
        {SMRAM_OPEN, false, false, false},
        {SMRAM_ENABLED | SMRAM_CLOSED, true, false, true},
        {SMRAM_ENABLED | SMRAM_CLOSED, false, false, false},
    };
    struct sys *s = *state;
    struct mmu *m = &s->cpu->mmu;

    poke(s, 0xa8000, 4, 0x12345678);
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        struct mmu_walk w;

        phys_set_smram(s->phys, cases[i].how);
        m->smm = cases[i].smm;
        mmu_flush(m);
        assert_int_equal(mem_read(s->cpu, 0xa8000, 4, PRIV_SUPER) == 0x12345678, cases[i].data);
        for (unsigned twice = 0; twice < 2; twice++) {
            assert_int_equal(mmu_translate_code(m, 0xa8000, PRIV_SUPER, &w) == MMU_MEMORY,
                             cases[i].fetch);
            assert_int_equal(w.host == s->ram + 0xa8000, cases[i].fetch);
            assert_int_equal(w.pa != 0xa8000, cases[i].fetch); /* code is not mistaken for video */
        }
    }
    m->smm = true;
    phys_set_smram(s->phys, SMRAM_ENABLED);
    mem_write(s->cpu, 0xbfffe, 2, 0xabcd, PRIV_SUPER);
    assert_int_equal(peek(s, 0xbfffe, 2), 0xabcd);
    mem_write(s->cpu, 0xc0000, 2, 0xabcd, PRIV_SUPER); /* not part of it */
    assert_int_equal(peek(s, 0xc0000, 2), 0);
    assert_false(phys_dma_write(s->phys, 0xa8000, "x", 1)); /* nor does a device see it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYS_TEST(test_state),        SYS_TEST(test_waiting), SYS_TEST(test_refused),
        SYS_TEST(test_halt_and_nmi), SYS_TEST(test_smram),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
