/* The debug registers: which access meets which breakpoint, and that watched pages stay out of the
 * TLB. What a guest sees of them is in tests/guest/mini/watch.s. */
#include "tests/unit/sys_fixture.h"

#include "cpu/crs.h"
#include "cpu/debug.h"
#include "cpu/decode.h"
#include "cpu/mem.h"
#include "jit/backend.h"
#include "jit/jit.h"

enum { X = 0, W = 1, IO = 2, RW = 3 };

/* Breakpoint n alone: kind and LEN field. */
static void set(struct cpu *cpu, unsigned n, u32 addr, u32 kind, u32 len)
{
    dr_load(cpu, n, addr);
    dr_load(cpu, 7, 1u << 2 * n | kind << (16 + 4 * n) | len << (18 + 4 * n));
}

static u32 memory(struct cpu *cpu, laddr la, unsigned len, enum access acc)
{
    cpu->debug_hits = 0;
    debug_memory(cpu, la, len, acc);
    return cpu->debug_hits;
}

static void test_lengths(void **state)
{
    static const unsigned bytes[4] = {1, 2, 8, 4};
    struct cpu *cpu = ((struct sys *)*state)->cpu;

    for (unsigned n = 0; n < 4; n++)
        for (unsigned field = 0; field < 4; field++) {
            unsigned len = bytes[field];
            set(cpu, n, 0x12340 + len - 1, RW, field); /* unaligned: its low bits do not count */
            for (laddr la = 0x12340 - 10; la < 0x12340 + 20; la++)
                for (unsigned size = 1; size <= 8; size *= 2) {
                    bool meets = la < 0x12340 + len && la + size > 0x12340;
                    assert_int_equal(memory(cpu, la, size, ACCESS_READ), meets ? 1u << n : 0);
                }
        }
}

static void test_kinds(void **state)
{
    struct cpu *cpu = ((struct sys *)*state)->cpu;

    set(cpu, 1, 0x7000, W, 3);
    assert_int_equal(memory(cpu, 0x7000, 4, ACCESS_READ), 0);
    assert_int_equal(memory(cpu, 0x7000, 4, ACCESS_WRITE), 2);
    set(cpu, 1, 0x7000, RW, 3);
    assert_int_equal(memory(cpu, 0x7000, 4, ACCESS_READ), 2);
    set(cpu, 1, 0x7000, IO, 3);
    assert_int_equal(memory(cpu, 0x7000, 4, ACCESS_WRITE), 0);
    debug_port(cpu, 0x7002, 1, false);
    assert_int_equal(cpu->debug_hits, 0); /* only with CR4.DE */
    cpu->cr4 |= CR4_DE;
    debug_port(cpu, 0x7002, 1, false);
    assert_int_equal(cpu->debug_hits, 2);
    set(cpu, 1, 0x5000, X, 0);
    assert_int_equal(memory(cpu, 0x5000, 4, ACCESS_WRITE), 0);
    assert_int_equal(debug_fetch(cpu), 2);
    cpu->eip++;
    assert_int_equal(debug_fetch(cpu), 0);
    dr_load(cpu, 7, 0);
    cpu->eip--;
    assert_int_equal(debug_fetch(cpu), 0);
    assert_false(debug_armed(cpu));
}

/* The last bytes of the address space, an access that wraps. */
static void test_wrap(void **state)
{
    struct cpu *cpu = ((struct sys *)*state)->cpu;

    set(cpu, 0, 0xfffffffc, W, 3);
    assert_int_equal(memory(cpu, 0xfffffffe, 4, ACCESS_WRITE), 1);
    assert_int_equal(memory(cpu, 0, 4, ACCESS_WRITE), 0);
    set(cpu, 0, 0, W, 0);
    assert_int_equal(memory(cpu, 0xfffffffe, 4, ACCESS_WRITE), 1);
    assert_int_equal(memory(cpu, 0xfffffffe, 2, ACCESS_WRITE), 0);
}

static void test_tlb(void **state)
{
    struct cpu *cpu = ((struct sys *)*state)->cpu;

    mem_write(cpu, 0x7ffc, 4, 1, false);
    assert_true(tlb_has(cpu->mmu.tlb, 0x7000, false, ACCESS_WRITE));
    set(cpu, 2, 0x7100, W, 0);
    assert_false(tlb_has(cpu->mmu.tlb, 0x7000, false, ACCESS_WRITE));
    cpu->debug_hits = 0;
    mem_write(cpu, 0x7200, 4, 1, false);
    mem_write(cpu, 0x8000, 4, 1, false);
    assert_false(tlb_has(cpu->mmu.tlb, 0x7000, false, ACCESS_WRITE));
    assert_false(tlb_has(cpu->mmu.tlb, 0x7000, false, ACCESS_READ));
    assert_true(tlb_has(cpu->mmu.tlb, 0x8000, false, ACCESS_WRITE));
    assert_int_equal(cpu->debug_hits, 0);
    mem_write(cpu, 0x70fe, 4, 1, false);
    assert_int_equal(cpu->debug_hits, 4);
    dr_load(cpu, 7, 0);
    mem_write(cpu, 0x7100, 4, 1, false);
    assert_true(tlb_has(cpu->mmu.tlb, 0x7000, false, ACCESS_WRITE));
}

/* Code that is not concerned runs as blocks, and the trap comes right after the access. */
static void test_speed(void **state)
{
    static const char *const names[] = {"jit", "interp"};
    /* MOV ECX, 1000; l: INC DWORD [7200h]; LOOP l; MOV [7100h], ECX; HLT */
    static const u8 code[] = {0xb9, 0xe8, 3,    0,    0,    0xff, 0x05, 0, 0x72, 0,
                              0,    0xe2, 0xf8, 0x89, 0x0d, 0,    0x71, 0, 0,    0xf4};
    struct sys *s = *state;
    struct cpu *cpu = s->cpu;
    const char *why;

    put_idt(s, VEC_DB, S_CODE0, 0x6000, 0x8e);
    poke(s, 0x6000, 1, 0xf4);
    memcpy(s->ram + 0x5000, code, sizeof(code));
    cpu->decoder = decoder_new();
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        struct jit_config config = {.backend = backend_find(names[i]), .cache_bytes = 1 << 20};
        struct jit *jit = jit_new(cpu, &config, &why);
        struct jit_stats stats;

        enter(s, 0);
        cpu->events = 0;
        poke(s, 0x7200, 4, 0);
        set(cpu, 1, 0x7100, W, 3);
        jit_run(jit, cpu_icount(cpu) + 10000);
        jit_get_stats(jit, &stats);
        assert_int_equal(peek(s, 0x7200, 4), 1000);
        assert_int_equal(cpu->eip, 0x6001);
        assert_int_equal(peek(s, cpu->gpr[ESP], 4), 0x5013); /* at HLT */
        assert_int_equal(cpu->dr[6] & 15, 2);
        assert_true(stats.steps < 20);
        dr_load(cpu, 7, 0);
        jit_free(jit);
    }
    decoder_free(cpu->decoder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lengths, sys_setup, sys_teardown),
        cmocka_unit_test_setup_teardown(test_kinds, sys_setup, sys_teardown),
        cmocka_unit_test_setup_teardown(test_wrap, sys_setup, sys_teardown),
        cmocka_unit_test_setup_teardown(test_tlb, sys_setup, sys_teardown),
        cmocka_unit_test_setup_teardown(test_speed, sys_setup, sys_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
