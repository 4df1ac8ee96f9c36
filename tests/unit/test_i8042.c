/* The keyboard controller, the keyboard with its three scan code sets, the mouse, A20 and reset. */
#include "devices/i8042.h"
#include "tests/unit/devtest.h"

static int setup(void **state)
{
    struct devtest *t = dt_open();
    dt_dev(t, &dev_i8042, NULL);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    dt_close(*state);
    return 0;
}

/* Reads what the controller sends until it is silent, as hexadecimal text; mouse bytes in
 * brackets. */
static const char *drain(struct devtest *t)
{
    static char text[512];
    char *at = text;
    *at = 0;
    for (;;) {
        dt_step(t, 500000);
        u32 status = dt_in(t, 0x64);
        if (!(status & 1) || at > text + sizeof(text) - 16)
            return text;
        at += sprintf(at, status & 0x20 ? "%s[%02x]" : "%s%02x", at == text ? "" : " ",
                      dt_in(t, 0x60));
    }
}

static void type(struct devtest *t, u8 key)
{
    i8042_send_key(t->journal, key, true);
    dt_step(t, 0);
    i8042_send_key(t->journal, key, false);
    dt_step(t, 0);
}

static const char *typed(struct devtest *t, u8 key)
{
    type(t, key);
    return drain(t);
}

static void test_controller(void **state)
{
    struct devtest *t = *state;
    dt_script(t, "in 64 18; out 64 aa; in 64 1c; step 10000; in 64 1d; irq 1 1; in 60 55"
                 "; in 64 1c; irq 1 0"
                 "; out 64 ab; step 10000; in 60 0; out 64 a9; step 10000; in 60 0"
                 "; out 64 60; out 60 47; out 64 20; step 10000; in 60 47"
                 "; out 64 65; out 60 99; out 64 25; step 10000; in 60 99"
                 "; out 64 a8; out 64 20; step 10000; in 60 47; out 64 a7; out 64 20"
                 "; step 10000; in 60 67"
                 "; out 64 d2; out 60 77; step 10000; in 64 15; irq 1 1; in 60 77"
                 "; out 64 d3; out 60 78; step 10000; in 64 35; irq 12 1; in 60 78; irq 12 0"
                 "; irq 1 0");
}

static void test_translated_keys(void **state)
{
    struct devtest *t = *state;
    assert_string_equal(typed(t, 0x1e), "1e 9e");
    assert_string_equal(typed(t, 0xc8), "e0 48 e0 c8");
    assert_string_equal(typed(t, 0x41), "41 c1"); /* F7 is 83h in set 2 */
    assert_string_equal(typed(t, 0x54), "54 d4");
    assert_string_equal(typed(t, KEY_PRINT), "e0 2a e0 37 e0 b7 e0 aa");
    assert_string_equal(typed(t, KEY_PAUSE), "e1 1d 45 e1 9d c5");
    /* every key comes out as its own number */
    for (u8 key = 1; key < 0x59; key++) {
        char wanted[16];
        if (key == 0x55)
            continue;
        snprintf(wanted, sizeof(wanted), "%02x %02x", key, key | 0x80);
        assert_string_equal(typed(t, key), wanted);
    }
}

static void test_scan_sets(void **state)
{
    struct devtest *t = *state;
    dt_script(t, "out 64 60; out 60 25"); /* no translation */
    assert_string_equal(typed(t, 0x1e), "1c f0 1c");
    assert_string_equal(typed(t, 0xc8), "e0 75 e0 f0 75");
    assert_string_equal(typed(t, KEY_PRINT), "e0 12 e0 7c e0 f0 7c e0 f0 12");
    dt_out(t, 0x60, 0xf0);
    assert_string_equal(drain(t), "fa");
    dt_out(t, 0x60, 0x00);
    assert_string_equal(drain(t), "fa 02");
    dt_script(t, "out 60 f0; out 60 1");
    assert_string_equal(drain(t), "fa fa");
    assert_string_equal(typed(t, 0xc8), "e0 48 e0 c8");
    dt_script(t, "out 60 f0; out 60 3");
    assert_string_equal(drain(t), "fa fa");
    assert_string_equal(typed(t, 0xc8), "63 f0 63");
    assert_string_equal(typed(t, 0x1e), "1c f0 1c");
}

static void test_keyboard_commands(void **state)
{
    struct devtest *t = *state;
    dt_script(t, "out 60 ff");
    assert_string_equal(drain(t), "fa aa");
    dt_script(t, "out 60 f2");
    assert_string_equal(drain(t), "fa ab 41"); /* translated 83 */
    dt_script(t, "out 60 ee");
    assert_string_equal(drain(t), "ee");
    dt_script(t, "out 60 fe");
    assert_string_equal(drain(t), "ee");
    dt_script(t, "out 60 ed");
    assert_string_equal(drain(t), "fa");
    dt_script(t, "out 60 7");
    assert_string_equal(drain(t), "fa");
    dt_script(t, "out 60 1");
    assert_string_equal(drain(t), "fe");
    dt_script(t, "out 60 f5");
    assert_string_equal(drain(t), "fa");
    assert_string_equal(typed(t, 0x1e), "");
    dt_script(t, "out 60 f4");
    assert_string_equal(drain(t), "fa");
    assert_string_equal(typed(t, 0x1e), "1e 9e");
}

static void test_disabled_line_holds_keys(void **state)
{
    struct devtest *t = *state;
    dt_script(t, "out 64 ad");
    assert_string_equal(typed(t, 0x1e), "");
    dt_script(t, "out 64 ae");
    assert_string_equal(drain(t), "1e 9e");
}

static void test_overrun(void **state)
{
    struct devtest *t = *state;
    dt_script(t, "out 64 60; out 60 25; out 64 ad");
    for (int i = 0; i < 50; i++)
        type(t, 0x1e);
    dt_script(t, "out 64 ae");
    const char *text = drain(t);
    assert_int_equal(strlen(text), 32 * 3 - 1);
    assert_string_equal(text + strlen(text) - 2, "00");
}

static void test_irq1(void **state)
{
    struct devtest *t = *state;
    i8042_send_key(t->journal, 0x1e, true);
    dt_script(t, "step 0; irq 1 0; step 99999; irq 1 0; step 1; irq 1 1; in 60 1e; irq 1 0"
                 "; in 60 1e");
    dt_script(t, "out 64 60; out 60 60");
    i8042_send_key(t->journal, 0x1e, false);
    dt_script(t, "step 1000000; irq 1 0; in 64 11&1; in 60 9e");
}

static void mouse(struct devtest *t, const char *bytes, const char *wanted)
{
    unsigned byte;
    int used;
    for (; sscanf(bytes, "%x%n", &byte, &used) == 1; bytes += used) {
        dt_out(t, 0x64, 0xd4);
        dt_out(t, 0x60, byte);
    }
    assert_string_equal(drain(t), wanted);
}

static void test_mouse(void **state)
{
    struct devtest *t = *state;
    dt_script(t, "out 64 60; out 60 47");
    mouse(t, "ff", "[fa] [aa] [00]");
    mouse(t, "f2", "[fa] [00]");
    mouse(t, "e9", "[fa] [00] [02] [64]");
    i8042_send_mouse(t->journal, 5, 5, 0, 0);
    assert_string_equal(drain(t), ""); /* reporting is off */
    mouse(t, "f6 f4", "[fa] [fa]");
    i8042_send_mouse(t->journal, 5, 3, 0, 1);
    assert_string_equal(drain(t), "[29] [05] [fd]");
    i8042_send_mouse(t->journal, -300, 0, 0, 0);
    assert_string_equal(drain(t), "[18] [01] [00] [18] [d3] [00]");
    mouse(t, "f3 c8 f3 64 f3 50 f2", "[fa] [fa] [fa] [fa] [fa] [fa] [fa] [03]");
    i8042_send_mouse(t->journal, 0, 0, -1, 4);
    assert_string_equal(drain(t), "[0c] [00] [00] [ff]");
    mouse(t, "f3 c8 f3 c8 f3 50 f2", "[fa] [fa] [fa] [fa] [fa] [fa] [fa] [04]");
    i8042_send_mouse(t->journal, 1, 0, 1, 0x18);
    assert_string_equal(drain(t), "[08] [01] [00] [31]");
    mouse(t, "ee 12 f4 ec", "[fa] [12] [f4] [fa]");
    mouse(t, "f0", "[fa]");
    i8042_send_mouse(t->journal, 7, 0, 0, 0);
    assert_string_equal(drain(t), "");
    mouse(t, "eb", "[fa] [08] [07] [00] [00]");
    mouse(t, "11", "[fe]");
}

static void test_mouse_irq12(void **state)
{
    struct devtest *t = *state;
    dt_script(t, "out 64 60; out 60 47; out 64 d4; out 60 f4; step 200000; irq 12 1; irq 1 0"
                 "; in 60 fa; irq 12 0");
}

static void test_a20_and_reset(void **state)
{
    struct devtest *t = *state;
    dt_script(t, "a20 1; out 64 d1; out 60 dd; a20 0; out 64 d1; out 60 df; a20 1"
                 "; out 64 d0; step 10000; in 60 cf");
    dt_dev(t, &dev_port92, NULL);
    dt_script(t, "in 92 0; out 64 d1; out 60 dd; a20 0; out 92 2; in 92 2; a20 1; out 92 0; a20 0");
    assert_int_equal(t->requests[BUS_RESET], 0);
    dt_script(t, "out 64 fe");
    assert_int_equal(t->requests[BUS_RESET], 1);
    dt_script(t, "out 64 ff; out 92 1; out 92 1");
    assert_int_equal(t->requests[BUS_RESET], 2);
    dt_script(t, "out 64 d1; out 60 fe");
    assert_int_equal(t->requests[BUS_RESET], 3);
    dt_script(t, "out 64 d1; out 60 dd; a20 0");
    bus_reset(t->bus);
    dt_script(t, "a20 1");
}

/* An answer of the controller is never mistaken for a key that waits. */
static void test_answer_overtakes(void **state)
{
    struct devtest *t = *state;
    i8042_send_key(t->journal, 0x1e, true);
    dt_script(t, "step 1000000; in 64 1&1; out 64 20; step 10000; in 60 61");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_controller, setup, teardown),
        cmocka_unit_test_setup_teardown(test_translated_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scan_sets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_keyboard_commands, setup, teardown),
        cmocka_unit_test_setup_teardown(test_disabled_line_holds_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_overrun, setup, teardown),
        cmocka_unit_test_setup_teardown(test_irq1, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mouse, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mouse_irq12, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a20_and_reset, setup, teardown),
        cmocka_unit_test_setup_teardown(test_answer_overtakes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
