/* The HPET: registers, comparators, and its place among the interrupt lines. */
#include "tests/unit/devtest.h"

#include "mmu/phys.h"

#define HPET 0xfed00000u

enum {
    CAPABILITIES = 0,
    CONFIG = 0x10,
    STATUS = 0x20,
    COUNTER = 0xf0,
    T0_CONFIG = 0x100,
    T0_VALUE = 0x108,
    T1_CONFIG = 0x120,
    T1_VALUE = 0x128,
    T2_CONFIG = 0x140,
    T2_VALUE = 0x148,
};

/* Bits of a comparator's configuration. */
enum { LEVEL = 2, INTERRUPT = 4, PERIODIC = 8, CAN = 0x30, SET_VALUE = 0x40, NARROW = 0x100 };
#define ROUTE(n) ((n) << 9)

static u64 rd(struct devtest *t, u32 reg)
{
    return phys_read(t->bus->phys, HPET + reg, 8);
}

static void wr(struct devtest *t, u32 reg, u64 value)
{
    phys_write(t->bus->phys, HPET + reg, 8, value);
}

static int setup(void **state)
{
    struct devtest *t = dt_open();
    t->bus->phys = phys_new(1 << 20);
    assert_non_null(t->bus->phys);
    dt_dev(t, &dev_i8259, NULL);
    dt_dev(t, &dev_i8254, NULL);
    dt_dev(t, &dev_hpet, NULL);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct devtest *t = *state;
    struct phys *phys = t->bus->phys;
    dt_close(t);
    phys_free(phys);
    return 0;
}

static void test_registers(void **state)
{
    struct devtest *t = *state;
    struct phys *p = t->bus->phys;

    for (int again = 0; again < 2; again++) {
        assert_true(rd(t, CAPABILITIES) == 0x009896808086a201);
        assert_int_equal(phys_read(p, HPET, 4), 0x8086a201);
        assert_int_equal(phys_read(p, HPET + 4, 4), 10000000); /* femtoseconds */
        assert_int_equal(rd(t, CONFIG) | rd(t, STATUS) | rd(t, COUNTER), 0);
        for (u32 n = 0; n < 0x60; n += 0x20) {
            assert_true(rd(t, T0_CONFIG + n) == 0x00f0000000000030);
            assert_true(rd(t, T0_VALUE + n) == ~0ull);
            wr(t, T0_CONFIG + n, ~0ull);
            assert_true(rd(t, T0_CONFIG + n) == 0x00f0000000003f3e);
            assert_true(rd(t, T0_VALUE + n) == 0xffffffff); /* narrow now */
            assert_int_equal(rd(t, 0x110 + n), 0);
        }
        wr(t, CONFIG, ~0ull);
        assert_int_equal(rd(t, CONFIG), 3);
        wr(t, CAPABILITIES, 0);
        wr(t, 0x160, 5);
        wr(t, 0x3f8, 5);
        assert_int_equal(rd(t, 0x160) | rd(t, 0x3f8), 0);
        dt_step(t, 1000);
        bus_reset(t->bus);
    }
}

static void test_counter(void **state)
{
    struct devtest *t = *state;
    struct phys *p = t->bus->phys;

    dt_step(t, 1000);
    assert_int_equal(rd(t, COUNTER), 0);
    wr(t, CONFIG, 1);
    dt_step(t, 1009);
    assert_int_equal(rd(t, COUNTER), 100);
    wr(t, CONFIG, 1); /* loses nothing */
    dt_step(t, 1);
    assert_int_equal(rd(t, COUNTER), 101);
    wr(t, COUNTER, 5); /* not while it counts */
    assert_int_equal(rd(t, COUNTER), 101);
    wr(t, CONFIG, 0);
    dt_step(t, 1000);
    assert_int_equal(rd(t, COUNTER), 101);
    wr(t, COUNTER, 0xfffffffeull);
    wr(t, CONFIG, 1);
    dt_step(t, 50);
    assert_true(rd(t, COUNTER) == 0x100000003ull);
    assert_int_equal(phys_read(p, HPET + COUNTER, 4), 3);
    assert_int_equal(phys_read(p, HPET + COUNTER + 4, 4), 1);
    wr(t, CONFIG, 0);
    phys_write(p, HPET + COUNTER + 4, 4, 0x77);
    assert_true(rd(t, COUNTER) == 0x7700000003ull);
}

static void test_one_shot(void **state)
{
    struct devtest *t = *state;

    wr(t, T2_CONFIG, INTERRUPT | ROUTE(20));
    wr(t, T2_VALUE, 100);
    wr(t, CONFIG, 1);
    dt_step(t, 999);
    assert_int_equal(t->rises[20], 0);
    dt_step(t, 1);
    assert_int_equal(t->rises[20], 1);
    assert_int_equal(rd(t, STATUS), 0); /* an edge leaves no status */
    wr(t, T2_VALUE, 200);
    dt_step(t, 1000);
    assert_int_equal(t->rises[20], 2);
    wr(t, T2_VALUE, 150); /* the counter has been there */
    dt_step(t, 1000000000);
    assert_int_equal(t->rises[20], 2);
    wr(t, T2_VALUE, rd(t, COUNTER)); /* it is there */
    dt_step(t, 0);
    assert_int_equal(t->rises[20], 3);
    wr(t, T2_CONFIG, INTERRUPT | NARROW | ROUTE(20)); /* 32 bits come again */
    wr(t, T2_VALUE, 0x1200000000ull + (u32)rd(t, COUNTER) - 1);
    assert_true(rd(t, T2_VALUE) < 1ull << 32);
    dt_step(t, 42949672940ull);
    assert_int_equal(t->rises[20], 3);
    dt_step(t, 10);
    assert_int_equal(t->rises[20], 4);
    dt_step(t, 42949672950ull);
    assert_int_equal(t->rises[20], 4);
    dt_step(t, 10);
    assert_int_equal(t->rises[20], 5);
    wr(t, T2_CONFIG, ROUTE(20)); /* no interrupts; a line that is not for it; none while disabled */
    wr(t, T2_VALUE, rd(t, COUNTER) + 10);
    dt_step(t, 100);
    wr(t, T2_CONFIG, INTERRUPT | ROUTE(5));
    wr(t, T2_VALUE, rd(t, COUNTER) + 10);
    dt_step(t, 100);
    wr(t, T2_CONFIG, INTERRUPT | ROUTE(20));
    wr(t, T2_VALUE, rd(t, COUNTER) + 10);
    wr(t, CONFIG, 0);
    dt_step(t, 1000);
    assert_int_equal(t->rises[20], 5);
    assert_int_equal(t->rises[5], 0);
}

static void test_periodic(void **state)
{
    struct devtest *t = *state;

    wr(t, CONFIG, 1);
    wr(t, T1_CONFIG, INTERRUPT | PERIODIC | SET_VALUE | ROUTE(21));
    assert_int_equal(rd(t, T1_CONFIG) & 0x7f, INTERRUPT | PERIODIC | CAN);
    wr(t, T1_VALUE, 1000); /* where it begins */
    wr(t, T1_VALUE, 300);  /* and how it goes on */
    assert_int_equal(rd(t, T1_VALUE), 1000);
    dt_step(t, 9999);
    assert_int_equal(t->rises[21], 0);
    dt_step(t, 1);
    assert_int_equal(t->rises[21], 1);
    assert_int_equal(rd(t, T1_VALUE), 1300);
    dt_step(t, 30000);
    assert_int_equal(t->rises[21], 11);
    assert_int_equal(rd(t, T1_VALUE), 4300);
    wr(t, T1_VALUE, 100); /* a new period, after the present one */
    dt_step(t, 3000);
    assert_int_equal(t->rises[21], 12);
    dt_step(t, 1000);
    assert_int_equal(t->rises[21], 13);
    wr(t, T1_CONFIG, INTERRUPT | PERIODIC | SET_VALUE | ROUTE(21));
    wr(t, T1_VALUE, rd(t, COUNTER) + 7); /* one write sets both */
    dt_step(t, 70);
    assert_int_equal(t->rises[21], 14);
    assert_int_equal(rd(t, T1_VALUE), 2 * rd(t, COUNTER));
}

static void test_level(void **state)
{
    struct devtest *t = *state;

    wr(t, CONFIG, 1);
    wr(t, T0_CONFIG, LEVEL | INTERRUPT | ROUTE(22));
    wr(t, T1_CONFIG, LEVEL | ROUTE(22)); /* makes status only */
    wr(t, T0_VALUE, 10);
    wr(t, T1_VALUE, 20);
    dt_step(t, 100);
    assert_true(t->level[22]);
    assert_int_equal(rd(t, STATUS), 1);
    dt_step(t, 100);
    assert_int_equal(rd(t, STATUS), 3);
    wr(t, STATUS, 0);
    assert_true(t->level[22]);
    wr(t, STATUS, 1);
    assert_int_equal(rd(t, STATUS), 2);
    assert_false(t->level[22]);
    wr(t, T1_CONFIG, LEVEL | INTERRUPT | ROUTE(22));
    assert_true(t->level[22]);
    wr(t, T1_CONFIG, LEVEL | INTERRUPT | ROUTE(23)); /* takes its level along */
    assert_false(t->level[22]);
    assert_true(t->level[23]);
    wr(t, CONFIG, 0);
    assert_false(t->level[23]);
    wr(t, CONFIG, 1);
    assert_true(t->level[23]);
    wr(t, T1_CONFIG, INTERRUPT | ROUTE(23));
    assert_false(t->level[23]);
    assert_int_equal(rd(t, STATUS), 0);
}

/* The PIT's line 0 and the RTC's line 8 go over to the HPET and come back. */
static void test_legacy(void **state)
{
    struct devtest *t = *state;
    struct irq_line rtc = bus_irq(t->bus, 8);

    dt_script(t, "out 43 34; out 40 e8; out 40 3; step 2000000; edges 0 3"); /* 1000 clocks */
    irq_set(&rtc, true);
    dt_script(t, "irq 8 1; edges 8 1");
    wr(t, CONFIG, 2); /* both bits or none */
    dt_script(t, "irq 8 1; irq 0 1");
    wr(t, CONFIG, 3);
    dt_script(t, "irq 8 0; irq 0 0; step 3000000; edges 0 0");
    irq_set(&rtc, false);
    irq_set(&rtc, true);
    dt_script(t, "edges 8 0");
    wr(t, T0_CONFIG, INTERRUPT | PERIODIC | SET_VALUE);
    wr(t, T0_VALUE, rd(t, COUNTER) + 100);
    wr(t, T0_VALUE, 100);
    wr(t, T1_CONFIG, INTERRUPT);
    wr(t, T1_VALUE, rd(t, COUNTER) + 250);
    dt_script(
        t, "step 5000; edges 0 5; edges 8 1; irq 0 1; irq 8 1"); /* the edge is there to be taken */
    wr(t, CONFIG, 1);
    dt_script(t, "irq 0 1; irq 8 1; step 2000000; edges 0 3"); /* as their devices hold them */
    irq_set(&rtc, false);
    dt_script(t, "irq 8 0");
    wr(t, CONFIG, 3);
    irq_set(&rtc, true);
    dt_script(t, "irq 8 0");
    bus_reset(t->bus);
    dt_script(t, "irq 8 1; irq 0 0");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_registers), TEST(test_counter), TEST(test_one_shot),
        TEST(test_periodic),  TEST(test_level),   TEST(test_legacy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
