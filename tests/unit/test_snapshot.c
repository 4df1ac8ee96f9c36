/* Snapshots in memory: a machine that goes on after one, and one that came back to it, are the same
 * on every back end, at whatever points, and cached translations are part of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "machine/machine.h"
#include "machine/snapshot.h"
#include "tests/unit/machine_rig.h"

static const char *const accels[] = {NULL, "interp"};

static struct orrery *make(const char *accel, u64 ram, const char *const *devices)
{
    struct orrery_config config = {.ram_bytes = ram, .accel = accel, .devices = devices};
    char err[256] = "";
    struct orrery *o;

    config.serial_present[0] = true;
    config.ide[2].cdrom = true;
    o = orrery_create(&config, err, sizeof(err));
    assert_string_equal(err, "");
    assert_non_null(o);
    return o;
}

/* Firmware at work on every device of the board; each time some way on, back, and on again. */
static void test_repeat(void **state)
{
    static const char *const devices[] = {"virtio-rng-pci", "pc-testdev", NULL};
    u64 hashes[2][12];

    (void)state;
    for (unsigned a = 0; a < ARRAY_LEN(accels); a++) {
        struct orrery *o = make(accels[a], 16 << 20, devices);
        struct snapshot *s[12];

        for (unsigned i = 0; i < ARRAY_LEN(s); i++) {
            u64 ahead;
            s[i] = snapshot_take(o);
            assert_non_null(s[i]);
            hashes[a][i] = orrery_state_hash(o);
            advance(o, 777777 + 1013 * i);
            ahead = orrery_state_hash(o);
            snapshot_restore(o, s[i]);
            assert_int_equal(orrery_state_hash(o), hashes[a][i]);
            assert_int_equal(snapshot_tick(s[i]), cpu_icount(o->cpu));
            advance(o, 777777 + 1013 * i);
            assert_int_equal(orrery_state_hash(o), ahead);
        }
        for (unsigned i = ARRAY_LEN(s); i-- > 0;) { /* far back, and forward */
            unsigned k = i * 7 % ARRAY_LEN(s);
            snapshot_restore(o, s[k]);
            assert_int_equal(orrery_state_hash(o), hashes[a][k]);
            if (k + 1 < ARRAY_LEN(s)) {
                advance(o, 777777 + 1013 * k);
                assert_int_equal(orrery_state_hash(o), hashes[a][k + 1]);
            }
        }
        for (unsigned i = 0; i < ARRAY_LEN(s); i++)
            snapshot_free(s[i]);
        assert_int_equal(snapshot_all_bytes(o), 0);
        orrery_free(o);
    }
    assert_memory_equal(hashes[0], hashes[1], sizeof(hashes[0]));
}

/* A run without snapshots is the same as one with them. */
static void test_unnoticed(void **state)
{
    struct orrery *o = make(NULL, 16 << 20, NULL), *plain = make(NULL, 16 << 20, NULL);

    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        struct snapshot *s = snapshot_take(o);
        advance(o, 400001);
        snapshot_free(s);
    }
    advance(plain, 20 * 400001);
    assert_int_equal(orrery_state_hash(o), orrery_state_hash(plain));
    orrery_free(o);
    orrery_free(plain);
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* What is equal is shared, and what is not there costs nothing. */
static void test_size(void **state)
{
    struct orrery *o = make(NULL, 256 << 20, NULL);
    struct snapshot *first, *second, *third;
    double at;

    (void)state;
    advance(o, 2000000);
    first = snapshot_take(o);
    assert_in_range(snapshot_all_bytes(o), 1, 8 << 20);
    advance(o, 10);
    second = snapshot_take(o);
    at = seconds();
    third = snapshot_take(o);
    print_message("a snapshot of nothing new takes %.3f ms\n", (seconds() - at) * 1e3);
    assert_in_range(snapshot_bytes(second), 1, 256 << 10);
    snapshot_free(first);
    snapshot_free(second);
    snapshot_free(third);
    snapshot_free(NULL);
    assert_int_equal(snapshot_all_bytes(o), 0);
    orrery_free(o);
}

/* -- cached translations -- */

enum { DIRECTORY = 0x10000, TABLE = 0x11000, CODE = 0x20000, OLD = 0x30000, NEW = 0x31000 };
enum { LINEAR = 0x40000 };

static void poke(struct orrery *o, u32 at, u32 value)
{
    assert_true(orrery_write_phys(o, at, &value, 4));
}

static u32 peek(struct orrery *o, u32 at)
{
    u32 value;

    assert_true(orrery_read_phys(o, at, &value, 4));
    return value;
}

static void set_flat(struct segment *s, u16 attr)
{
    *s = (struct segment){.sel = 8, .attr = attr, .limit = ~0u, .limit_r = ~0u, .limit_w = ~0u};
}

/* 32-bit paged code: a loop over reads and writes of LINEAR that invalidates nothing. */
static struct orrery *make_paged(const char *accel)
{
    static const u8 code[] = {
        0xa1, 0x00, 0x00, 0x04, 0x00,       /* 20000: mov eax, [40000h] */
        0x01, 0xc3,                         /* add ebx, eax */
        0xff, 0x05, 0x04, 0x00, 0x04, 0x00, /* inc dword [40004h] */
        0x40,                               /* inc eax */
        0xeb, 0xf0,                         /* jmp 20000h */
    };
    struct orrery *o = make(accel, 2 << 20, NULL);
    struct cpu *cpu = o->cpu;

    for (u32 i = 0; i < 1024; i++)
        poke(o, TABLE + 4 * i, i << 12 | 7);
    poke(o, DIRECTORY, TABLE | 7);
    poke(o, TABLE + (LINEAR >> 10), OLD | 7);
    poke(o, OLD, 1);
    poke(o, NEW, 1000);
    assert_true(orrery_write_phys(o, CODE, code, sizeof(code)));
    for (unsigned i = 0; i < SEG_COUNT; i++)
        set_flat(&cpu->seg[i], SA_P | SA_S | SA_DB | SA_G | SA_ACCESSED | SA_RW);
    cpu->seg[SEG_CS].attr |= SA_CODE;
    cpu->cr0 = cpu->mmu.cr0 = CR0_PE | CR0_PG | CR0_ET;
    cpu->cr3 = cpu->mmu.cr3 = DIRECTORY;
    cpu->eip = CODE;
    mmu_flush(&cpu->mmu);
    cpu_update_mode(cpu);
    return o;
}

/* Who does not invalidate goes on with the old page, and A and D bits stay as they were cleared: as
 * without the snapshot. */
static void test_stale(void **state)
{
    (void)state;
    for (unsigned a = 0; a < ARRAY_LEN(accels); a++) {
        struct orrery *o = make_paged(accels[a]);
        struct snapshot *s;
        u32 sum, count;

        advance(o, 50);
        poke(o, TABLE + (LINEAR >> 10), NEW | 7); /* A and D are clear */
        s = snapshot_take(o);
        sum = o->cpu->gpr[EBX];
        count = peek(o, OLD + 4);
        for (unsigned again = 0; again < 3; again++) {
            advance(o, 50);
            assert_int_equal(o->cpu->gpr[EBX], sum + 10);
            assert_int_equal(peek(o, OLD + 4), count + 10);
            assert_int_equal(peek(o, NEW + 4), 0);
            assert_int_equal(peek(o, TABLE + (LINEAR >> 10)), NEW | 7);
            snapshot_restore(o, s);
            assert_int_equal(peek(o, OLD + 4), count);
        }
        mmu_flush(&o->cpu->mmu);
        advance(o, 50);
        assert_int_equal(peek(o, TABLE + (LINEAR >> 10)), NEW | 0x67);
        assert_int_equal(peek(o, NEW + 4), 10);
        snapshot_restore(o, s);
        advance(o, 50);
        assert_int_equal(peek(o, OLD + 4), count + 10);
        snapshot_free(s);
        orrery_free(o);
    }
}

/* So are the wide tables of IA-32e mode, entries of which share slots with the flat ones and with
 * each other, and where large pages are. */
static void test_wide(void **state)
{
    static const laddr at[] = {0xffff888000040000, 0x00007fff00041000, 0xfffffffffffff000};
    static const laddr large[] = {0x80000000, 0xffffffff81200000, 0xffff888040000000};
    struct orrery *o = make_paged(NULL);
    struct mmu *m = &o->cpu->mmu;
    struct tlb *t = m->tlb;
    u64 was[MMU_LARGE_COUNT][MMU_LARGE_WORDS];
    const u8 *page = phys_ram(m->phys) + OLD;
    struct snapshot *s;

    (void)state;
    advance(o, 50);
    for (unsigned i = 0; i < ARRAY_LEN(at); i++)
        tlb_fill(t, at[i], PRIV_USER, ACCESS_READ, page + i * PAGE_SIZE, i == 2);
    for (unsigned i = 0; i < MMU_LARGE_COUNT; i++)
        mmu_note_large(m, large[i], (enum mmu_large)i);
    memcpy(was, m->large, sizeof(was));
    s = snapshot_take(o);
    mmu_flush(m);
    tlb_fill(t, at[0] ^ 1ull << 46, PRIV_USER, ACCESS_READ, page, false);
    snapshot_restore(o, s);
    for (unsigned i = 0; i < ARRAY_LEN(at); i++) {
        assert_true(tlb_has(t, at[i], PRIV_USER, ACCESS_READ));
        assert_ptr_equal(tlb_host(t, at[i], PRIV_USER, ACCESS_READ), page + i * PAGE_SIZE);
    }
    assert_false(tlb_has(t, at[0] ^ 1ull << 46, PRIV_USER, ACCESS_READ));
    assert_true(tlb_has(t, LINEAR, PRIV_SUPER, ACCESS_READ));
    assert_memory_equal(m->large, was, sizeof(was));
    mmu_flush_nonglobal(m);
    assert_false(tlb_has(t, at[1], PRIV_USER, ACCESS_READ));
    assert_true(tlb_has(t, at[2], PRIV_USER, ACCESS_READ));
    snapshot_free(s);
    orrery_free(o);
}

/* Somebody who watches the page from outside changes nothing of that. */
static void test_watched(void **state)
{
    const struct orrery_break at = {ORRERY_BREAK_WRITE, LINEAR + 0x800, 4};

    (void)state;
    for (unsigned a = 0; a < ARRAY_LEN(accels); a++) {
        struct orrery *o = make_paged(accels[a]);

        advance(o, 50);
        poke(o, TABLE + (LINEAR >> 10), OLD | 7);
        assert_true(orrery_set_breaks(o, &at, 1));
        advance(o, 50);
        assert_int_equal(peek(o, TABLE + (LINEAR >> 10)), OLD | 7);
        assert_true(orrery_set_breaks(o, NULL, 0));
        advance(o, 50);
        assert_int_equal(peek(o, TABLE + (LINEAR >> 10)), OLD | 7);
        assert_int_equal(peek(o, OLD + 4), 30);
        orrery_free(o);
    }
}

/* Code that was rewritten since is translated anew; what was not stays. */
static void test_code(void **state)
{
    (void)state;
    for (unsigned a = 0; a < ARRAY_LEN(accels); a++) {
        struct orrery *o = make_paged(accels[a]);
        struct snapshot *s;
        struct jit_stats before, after;
        u64 hash;

        advance(o, 50);
        s = snapshot_take(o);
        advance(o, 50);
        hash = orrery_state_hash(o);
        jit_get_stats(o->jit, &before);
        snapshot_restore(o, s);
        advance(o, 50);
        jit_get_stats(o->jit, &after);
        assert_int_equal(after.blocks, before.blocks);
        snapshot_restore(o, s);
        poke(o, CODE + 5, 0x05ff9090); /* no addition any more */
        advance(o, 50);
        assert_int_not_equal(orrery_state_hash(o), hash);
        snapshot_restore(o, s);
        advance(o, 50);
        assert_int_equal(orrery_state_hash(o), hash);
        snapshot_free(s);
        orrery_free(o);
    }
}

/* How long an instruction lasts is of the state, with all clocks that go by it. */
static void test_pace(void **state)
{
    struct orrery *o = make(NULL, 4 << 20, NULL);
    struct snapshot *s;
    u64 hash, ns;

    (void)state;
    advance(o, 100000);
    orrery_set_pace(o, 5 * ORRERY_PACE);
    advance(o, 100000);
    s = snapshot_take(o);
    advance(o, 300000);
    hash = orrery_state_hash(o);
    ns = orrery_time_ns(o);
    assert_int_equal(ns, 100000 + 5 * 400000);
    orrery_set_pace(o, ORRERY_PACE);
    advance(o, 1000);
    snapshot_restore(o, s);
    advance(o, 300000);
    assert_int_equal(orrery_time_ns(o), ns);
    assert_true(orrery_state_hash(o) == hash);
    snapshot_free(s);
    orrery_free(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_repeat),  cmocka_unit_test(test_unnoticed),
        cmocka_unit_test(test_pace),    cmocka_unit_test(test_size),
        cmocka_unit_test(test_stale),   cmocka_unit_test(test_wide),
        cmocka_unit_test(test_watched), cmocka_unit_test(test_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
