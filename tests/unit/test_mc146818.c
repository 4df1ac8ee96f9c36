/* The RTC: date and its encodings, setting it, the three interrupts, UIP, CMOS contents, NMI
 * mask. */
#include "devices/mc146818.h"
#include "tests/unit/devtest.h"

static int setup(void **state)
{
    struct devtest *t = dt_open();
    dt_dev(t, &dev_mc146818, "ram=64M,base=2024-02-28T23:59:58");
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    dt_close(*state);
    return 0;
}

static u32 get(struct devtest *t, u8 reg)
{
    dt_out(t, 0x70, reg);
    return dt_in(t, 0x71);
}

static void set(struct devtest *t, u8 reg, u8 value)
{
    dt_out(t, 0x70, reg);
    dt_out(t, 0x71, value);
}

static void check_date(struct devtest *t, const char *wanted)
{
    char text[64];
    snprintf(text, sizeof(text), "%02x%02x-%02x-%02x (%x) %02x:%02x:%02x", get(t, 0x32), get(t, 9),
             get(t, 8), get(t, 7), get(t, 6), get(t, 4), get(t, 2), get(t, 0));
    assert_string_equal(text, wanted);
}

static void test_date_runs(void **state)
{
    struct devtest *t = *state;
    check_date(t, "2024-02-28 (4) 23:59:58");
    dt_step(t, 2 * NS_PER_SEC - 1);
    check_date(t, "2024-02-28 (4) 23:59:59");
    dt_step(t, 1);
    check_date(t, "2024-02-29 (5) 00:00:00");
    dt_step(t, 86400 * NS_PER_SEC);
    check_date(t, "2024-03-01 (6) 00:00:00");
    dt_step(t, 365ull * 86400 * NS_PER_SEC);
    check_date(t, "2025-03-01 (7) 00:00:00");
}

static void test_formats(void **state)
{
    struct devtest *t = *state;
    dt_step(t, 13 * 3600 * NS_PER_SEC + 3 * NS_PER_SEC); /* 12:59... + = 13:00:01 */
    check_date(t, "2024-02-29 (5) 13:00:01");
    set(t, 0xb, 0x00);
    assert_int_equal(get(t, 4), 0x81); /* 1 pm */
    set(t, 0xb, 0x04);
    assert_int_equal(get(t, 4), 0x81);
    assert_int_equal(get(t, 7), 29);
    dt_step(t, 11 * 3600 * NS_PER_SEC);
    assert_int_equal(get(t, 4), 12); /* midnight is 12 am */
    set(t, 0xb, 0x06);
    assert_int_equal(get(t, 4), 0);
}

static void test_setting(void **state)
{
    struct devtest *t = *state;
    set(t, 0xb, 0x82);
    dt_step(t, 10 * NS_PER_SEC);
    check_date(t, "2024-02-28 (4) 23:59:58"); /* stopped */
    set(t, 0x32, 0x19);
    set(t, 9, 0x99);
    set(t, 8, 0x12);
    set(t, 7, 0x31);
    set(t, 6, 0x06);
    set(t, 4, 0x23);
    set(t, 2, 0x59);
    set(t, 0, 0x59);
    set(t, 0xb, 0x02);
    check_date(t, "1999-12-31 (6) 23:59:59");
    dt_step(t, NS_PER_SEC);
    check_date(t, "2000-01-01 (7) 00:00:00");
    set(t, 4, 0x05); /* without stopping it */
    dt_step(t, NS_PER_SEC);
    check_date(t, "2000-01-01 (7) 05:00:01");
    set(t, 6, 3); /* the day of the week is the guest's own affair */
    dt_step(t, 86400 * NS_PER_SEC);
    check_date(t, "2000-01-02 (4) 05:00:01");
}

static void test_divider_reset(void **state)
{
    struct devtest *t = *state;
    set(t, 0xa, 0x76);
    dt_step(t, 5 * NS_PER_SEC);
    check_date(t, "2024-02-28 (4) 23:59:58");
    set(t, 0xa, 0x26); /* the first update comes 500 ms later */
    dt_step(t, NS_PER_SEC / 2 - 1);
    check_date(t, "2024-02-28 (4) 23:59:58");
    dt_step(t, 1);
    check_date(t, "2024-02-28 (4) 23:59:59");
}

static void test_uip(void **state)
{
    struct devtest *t = *state;
    assert_int_equal(get(t, 0xa), 0x26);
    dt_step(t, NS_PER_SEC - 100000);
    assert_int_equal(get(t, 0xa), 0xa6);
    dt_step(t, 100000);
    assert_int_equal(get(t, 0xa), 0x26);
    set(t, 0xb, 0x82);
    dt_step(t, NS_PER_SEC - 100000);
    assert_int_equal(get(t, 0xa), 0x26);
}

static void test_update_interrupt(void **state)
{
    struct devtest *t = *state;
    assert_true(clock_next_deadline(&t->clk) == CLOCK_NEVER);
    set(t, 5, 0x12); /* keeps the alarm of 00:00:00 out of it */
    set(t, 0xb, 0x12);
    dt_step(t, NS_PER_SEC - 1);
    dt_script(t, "irq 8 0; step 1; irq 8 1; step 5000000000; edges 8 1");
    assert_int_equal(get(t, 0xc), 0xd0); /* the periodic flag comes up without its enable */
    dt_script(t, "irq 8 0");
    assert_int_equal(get(t, 0xc), 0x00);
    dt_script(t, "step 1000000000; irq 8 1");
}

static void test_periodic_interrupt(void **state)
{
    struct devtest *t = *state;
    unsigned count = 0;
    set(t, 0xb, 0x42); /* 1024 Hz */
    for (int i = 0; i < 4000; i++) {
        dt_step(t, NS_PER_SEC / 4000);
        if (t->level[8]) {
            count++;
            assert_int_equal(get(t, 0xc) & 0xc0, 0xc0);
        }
    }
    assert_int_equal(count, 1024);
    set(t, 0xa, 0x2f); /* 2 Hz */
    t->rises[8] = 0;
    for (int i = 0; i < 40; i++) {
        dt_step(t, NS_PER_SEC / 4);
        get(t, 0xc);
    }
    assert_int_equal(t->rises[8], 20);
    set(t, 0xb, 0x02);
    assert_true(clock_next_deadline(&t->clk) == CLOCK_NEVER);
}

static void test_alarm(void **state)
{
    struct devtest *t = *state;
    set(t, 1, 0x30);
    set(t, 3, 0x05);
    set(t, 5, 0xff); /* every hour at 05:30 */
    set(t, 0xb, 0x22);
    dt_step(t, 331 * NS_PER_SEC);
    dt_script(t, "irq 8 0; step 1000000000; irq 8 1");
    assert_int_equal(get(t, 0xc) & 0xa0, 0xa0);
    dt_step(t, 3599 * NS_PER_SEC);
    dt_script(t, "irq 8 0; step 1000000000; irq 8 1");
    /* without the enable the flag alone tells, however late one looks */
    set(t, 0xb, 0x02);
    get(t, 0xc);
    dt_step(t, 100 * NS_PER_SEC);
    assert_int_equal(get(t, 0xc) & 0x20, 0);
    dt_step(t, 86400 * NS_PER_SEC);
    assert_int_equal(get(t, 0xc) & 0xa0, 0x20);
}

static void test_memory_and_ram(void **state)
{
    struct devtest *t = *state;
    assert_int_equal(get(t, 0x15) | get(t, 0x16) << 8, 640);
    assert_int_equal(get(t, 0x17) | get(t, 0x18) << 8, 63 * 1024);
    assert_int_equal(get(t, 0x30) | get(t, 0x31) << 8, 63 * 1024);
    assert_int_equal(get(t, 0x34) | get(t, 0x35) << 8, 48 * 16);
    assert_int_equal(get(t, 0xd), 0x80);
    u32 sum = 0;
    for (u8 i = 0x10; i < 0x2e; i++)
        sum += get(t, i);
    assert_int_equal(get(t, 0x2e) << 8 | get(t, 0x2f), sum);
    set(t, 0x5f, 0xa5);
    mc146818_set_cmos(bus_find_dev(t->bus, "mc146818rtc"), 0x3d, 0x21);
    bus_reset(t->bus);
    assert_int_equal(get(t, 0x5f), 0xa5);
    assert_int_equal(get(t, 0x3d), 0x21);
}

static void test_nmi_mask(void **state)
{
    struct devtest *t = *state;
    bus_nmi(t->bus);
    assert_int_equal(t->nmis, 1);
    dt_out(t, 0x70, 0x8f);
    bus_nmi(t->bus);
    assert_int_equal(t->nmis, 1);
    dt_out(t, 0x70, 0x0f);
    bus_nmi(t->bus);
    assert_int_equal(t->nmis, 2);
}

static void test_date_from_journal(void **state)
{
    struct devtest *t = *state;
    u8 date[8] = {0x00, 0x0a, 0x95, 0x5e}; /* 5e950a00h = 2020-04-14 00:55:28 */
    journal_input(t->journal, journal_find_channel(t->journal, RTC_CHANNEL), date, 8);
    dt_step(t, 0);
    check_date(t, "2020-04-14 (3) 00:55:28");
}

static void test_bad_base(void **state)
{
    struct devtest *t = *state;
    char err[200] = "";
    assert_null(dev_create(t->bus, &dev_mc146818, "base=2024-13-01", err, sizeof(err)));
    assert_non_null(strstr(err, "base"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_date_runs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_formats, setup, teardown),
        cmocka_unit_test_setup_teardown(test_setting, setup, teardown),
        cmocka_unit_test_setup_teardown(test_divider_reset, setup, teardown),
        cmocka_unit_test_setup_teardown(test_uip, setup, teardown),
        cmocka_unit_test_setup_teardown(test_update_interrupt, setup, teardown),
        cmocka_unit_test_setup_teardown(test_periodic_interrupt, setup, teardown),
        cmocka_unit_test_setup_teardown(test_alarm, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory_and_ram, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nmi_mask, setup, teardown),
        cmocka_unit_test_setup_teardown(test_date_from_journal, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_base, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
