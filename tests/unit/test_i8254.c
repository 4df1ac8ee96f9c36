/* The interval timer: every mode's output and counter at known clocks, BCD, latches, read-back,
 * gate. */
#include "tests/unit/devtest.h"

#define PIT_HZ 1193182u

static int setup(void **state)
{
    struct devtest *t = dt_open();
    dt_dev(t, &dev_i8254, NULL);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    dt_close(*state);
    return 0;
}

/* Moves time to the first nanosecond of a PIT clock. */
static void to_clock(struct devtest *t, u64 clock)
{
    dt_run_to(t, (clock * NS_PER_SEC + PIT_HZ - 1) / PIT_HZ);
}

static unsigned rises(struct devtest *t, int line)
{
    unsigned n = t->rises[line];
    t->rises[line] = 0;
    return n;
}

static u32 count16(struct devtest *t, u16 port)
{
    u32 low = dt_in(t, port);
    return low | dt_in(t, port) << 8;
}

static bool out2(struct devtest *t)
{
    return dt_in(t, 0x61) & 0x20;
}

static void test_mode0(void **state)
{
    struct devtest *t = *state;
    dt_script(t, "out 43 30; out 40 a; irq 0 0; out 40 0"); /* 10, loaded at clock 1 */
    to_clock(t, 10);
    dt_script(t, "irq 0 0; in 40 1; in 40 0");
    to_clock(t, 11);
    dt_script(t, "irq 0 1; in 40 0; in 40 0");
    to_clock(t, 12);
    assert_int_equal(count16(t, 0x40), 0xffff); /* counts on */
    dt_script(t, "out 40 5; irq 0 0; out 40 0");
    to_clock(t, 17);
    dt_script(t, "irq 0 0");
    to_clock(t, 18);
    dt_script(t, "irq 0 1; edges 0 2");
}

static void test_mode2_rate(void **state)
{
    struct devtest *t = *state;
    dt_script(t, "out 43 34; out 40 9c; out 40 2e"); /* 11932: 100 Hz */
    rises(t, 0);
    dt_step(t, NS_PER_SEC);
    assert_int_equal(rises(t, 0), 99); /* 1193182 / 11932 = 99.998 */
    dt_step(t, 100 * NS_PER_SEC);
    assert_int_equal(rises(t, 0), 10000);
}

static void test_mode2_shape(void **state)
{
    struct devtest *t = *state;
    dt_script(t, "out 43 14; out 40 4; irq 0 1"); /* loaded at clock 1 */
    static const u8 level[] = {1, 1, 1, 0, 1, 1, 1, 0, 1};
    static const u8 count[] = {4, 3, 2, 1, 4, 3, 2, 1, 4};
    for (u64 i = 0; i < sizeof(level); i++) {
        to_clock(t, 1 + i);
        assert_int_equal(t->level[0], level[i]);
        assert_int_equal(dt_in(t, 0x40), count[i]);
    }
    dt_script(t, "out 40 6"); /* takes over when this cycle ends, at clock 13 */
    to_clock(t, 12);
    assert_int_equal(dt_in(t, 0x40), 1);
    to_clock(t, 13);
    assert_int_equal(dt_in(t, 0x40), 6);
    to_clock(t, 18);
    dt_script(t, "irq 0 0");
    to_clock(t, 19);
    dt_script(t, "irq 0 1");
}

static void test_mode3_shape(void **state)
{
    struct devtest *t = *state;
    dt_script(t, "out 43 16; out 40 5");
    static const u8 odd_level[] = {1, 1, 1, 0, 0, 1, 1, 1, 0, 0};
    static const u8 odd_count[] = {4, 2, 0, 4, 2, 4, 2, 0, 4, 2};
    for (u64 i = 0; i < sizeof(odd_level); i++) {
        to_clock(t, 1 + i);
        assert_int_equal(t->level[0], odd_level[i]);
        assert_int_equal(dt_in(t, 0x40), odd_count[i]);
    }
    dt_script(t, "out 43 16; out 40 6"); /* written at 10, loaded at 11 */
    static const u8 even_level[] = {1, 1, 1, 0, 0, 0, 1};
    static const u8 even_count[] = {6, 4, 2, 6, 4, 2, 6};
    for (u64 i = 0; i < sizeof(even_level); i++) {
        to_clock(t, 11 + i);
        assert_int_equal(t->level[0], even_level[i]);
        assert_int_equal(dt_in(t, 0x40), even_count[i]);
    }
    dt_script(t, "out 40 2"); /* at 17, in the high half until 20: then low for 1, high for 1 */
    to_clock(t, 19);
    dt_script(t, "irq 0 1");
    to_clock(t, 20);
    dt_script(t, "irq 0 0");
    to_clock(t, 21);
    dt_script(t, "irq 0 1");
    to_clock(t, 22);
    dt_script(t, "irq 0 0");
}

static void test_mode4_strobe(void **state)
{
    struct devtest *t = *state;
    dt_script(t, "out 43 18; irq 0 1; out 40 3");
    to_clock(t, 3);
    dt_script(t, "irq 0 1; in 40 1");
    to_clock(t, 4);
    dt_script(t, "irq 0 0; in 40 0");
    to_clock(t, 5);
    dt_script(t, "irq 0 1; in 40 ff; edges 0 2");
    dt_step(t, 10 * NS_PER_SEC);
    dt_script(t, "edges 0 0");
}

/* Modes 1 and 5 wait for the gate, which only channel 2 has. */
static void test_mode1_one_shot(void **state)
{
    struct devtest *t = *state;
    dt_script(t, "out 43 92; out 42 4");
    to_clock(t, 100);
    assert_true(out2(t));
    dt_out(t, 0x61, 1); /* triggered: low from 101 for 4 clocks */
    assert_true(out2(t));
    to_clock(t, 101);
    assert_false(out2(t));
    to_clock(t, 103);
    dt_script(t, "out 61 0; out 61 1"); /* again, while it runs */
    to_clock(t, 107);
    assert_false(out2(t));
    to_clock(t, 108);
    assert_true(out2(t));
}

static void test_mode5_strobe(void **state)
{
    struct devtest *t = *state;
    dt_script(t, "out 43 9a; out 42 4; out 61 1");
    to_clock(t, 4);
    assert_true(out2(t));
    to_clock(t, 5);
    assert_false(out2(t));
    to_clock(t, 6);
    assert_true(out2(t));
}

static void test_gate2(void **state)
{
    struct devtest *t = *state;
    dt_script(t, "out 61 1; out 43 b0; out 42 64; out 42 0"); /* mode 0, 100 */
    to_clock(t, 41);
    assert_int_equal(count16(t, 0x42), 60);
    dt_out(t, 0x61, 0);
    to_clock(t, 1000);
    assert_int_equal(count16(t, 0x42), 60);
    assert_false(out2(t));
    dt_out(t, 0x61, 1);
    to_clock(t, 1059);
    assert_false(out2(t));
    to_clock(t, 1060);
    assert_true(out2(t));
    dt_script(t, "out 43 b4; out 42 64; out 42 0"); /* mode 2: a rising gate starts a new period */
    to_clock(t, 1100);
    dt_script(t, "out 61 0");
    assert_true(out2(t));
    to_clock(t, 2000);
    dt_script(t, "out 61 1");
    to_clock(t, 2001);
    assert_int_equal(count16(t, 0x42), 100);
}

static void test_bcd(void **state)
{
    struct devtest *t = *state;
    dt_script(t, "out 43 31; out 40 0; out 40 10"); /* 1000 */
    to_clock(t, 2);
    assert_int_equal(count16(t, 0x40), 0x999);
    to_clock(t, 1002);
    assert_int_equal(count16(t, 0x40), 0x9999);
    dt_script(t, "out 43 35; out 40 0; out 40 0"); /* 10000 */
    to_clock(t, 1003 + 9999);
    assert_int_equal(count16(t, 0x40), 1);
}

static void test_latch(void **state)
{
    struct devtest *t = *state;
    dt_script(t, "out 43 34; out 40 0; out 40 0");
    to_clock(t, 1 + 0x1234);
    dt_script(t, "out 43 0");
    to_clock(t, 0x5000);
    dt_script(t, "out 43 0; in 40 cc; in 40 ed"); /* 10000h - 1234h; a second latch does nothing */
    assert_int_equal(count16(t, 0x40), 0x10000 - 0x4fff);
}

static void test_read_back(void **state)
{
    struct devtest *t = *state;
    dt_script(t, "out 43 34; out 43 e2; in 40 f4"); /* OUT high, no count yet */
    dt_script(t, "out 40 10; out 40 0");
    to_clock(t, 0x10);
    dt_script(t, "out 43 c2"); /* count 1 and status: OUT low at count 1 */
    to_clock(t, 0x300);
    dt_script(t, "in 40 34; in 40 1; in 40 0");
    dt_script(t, "out 43 b6; out 43 e8; in 42 76&7f");
}

static void test_port61(void **state)
{
    struct devtest *t = *state;
    unsigned toggles = 0;
    u32 last = dt_in(t, 0x61) & 0x10;
    for (int i = 0; i < 10000; i++) {
        dt_step(t, 1000);
        toggles += (dt_in(t, 0x61) & 0x10) != last;
        last = dt_in(t, 0x61) & 0x10;
    }
    assert_in_range(toggles, 660, 666); /* every 15.09 us in 10 ms */
    dt_script(t, "out 61 ff; in 61 f&cf");
}

/* Only channel 0 in a mode that changes its output may cost events. */
static void test_idle_costs_nothing(void **state)
{
    struct devtest *t = *state;
    assert_true(clock_next_deadline(&t->clk) == CLOCK_NEVER);
    dt_script(t, "out 43 b6; out 42 0; out 42 0; out 61 3; out 43 14; out 40 1");
    assert_true(clock_next_deadline(&t->clk) == CLOCK_NEVER);
    dt_script(t, "out 40 2");
    dt_step(t, 2000);
    assert_true(clock_next_deadline(&t->clk) != CLOCK_NEVER);
}

static void test_hash_covers_state(void **state)
{
    struct devtest *t = *state;
    u64 before = dt_hash(t);
    dt_script(t, "out 43 34");
    u64 mid = dt_hash(t);
    dt_script(t, "out 40 1");
    assert_true(before != mid && mid != dt_hash(t));
}

/* Timer and port 61h answer at further ports, too. What drives the loudspeaker is read back. */
static void test_speaker_and_aliases(void **state)
{
    struct devtest *t = dt_open();

    (void)state;
    dt_dev(t, &dev_i8254, NULL);
    dt_script(t, "out 61 ff; in 61 f&cf; in 63 f&cf; out 67 0; in 65 0&cf");
    dt_script(t, "out 53 b6; out 52 9; out 42 3d; out 63 3; in 61 3&cf; step 900; in 61 20&20");
    dt_script(t, "step 6550000; in 61 0&20; step 6550000; in 67 20&20; out 61 0; in 61 20&2f");
    dt_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_mode0, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mode2_rate, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mode2_shape, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mode3_shape, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mode4_strobe, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mode1_one_shot, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mode5_strobe, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gate2, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bcd, setup, teardown),
        cmocka_unit_test_setup_teardown(test_latch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_read_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_port61, setup, teardown),
        cmocka_unit_test_setup_teardown(test_idle_costs_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hash_covers_state, setup, teardown),
        cmocka_unit_test(test_speaker_and_aliases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
