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

/* All keys of frontend/keys.def, in the three sets: IBM's tables for 101 and 102 keys, in rows of
 * number, set 2 (after E0 where the number's bit 7 is set), set 3. */
static const u8 all_keys[][3] = {
    {0x29, 0x0e, 0x0e}, {0x02, 0x16, 0x16}, {0x03, 0x1e, 0x1e}, {0x04, 0x26, 0x26},
    {0x05, 0x25, 0x25}, {0x06, 0x2e, 0x2e}, {0x07, 0x36, 0x36}, {0x08, 0x3d, 0x3d},
    {0x09, 0x3e, 0x3e}, {0x0a, 0x46, 0x46}, {0x0b, 0x45, 0x45}, {0x0c, 0x4e, 0x4e},
    {0x0d, 0x55, 0x55}, {0x0e, 0x66, 0x66}, {0x0f, 0x0d, 0x0d}, {0x10, 0x15, 0x15},
    {0x11, 0x1d, 0x1d}, {0x12, 0x24, 0x24}, {0x13, 0x2d, 0x2d}, {0x14, 0x2c, 0x2c},
    {0x15, 0x35, 0x35}, {0x16, 0x3c, 0x3c}, {0x17, 0x43, 0x43}, {0x18, 0x44, 0x44},
    {0x19, 0x4d, 0x4d}, {0x1a, 0x54, 0x54}, {0x1b, 0x5b, 0x5b}, {0x2b, 0x5d, 0x5c},
    {0x3a, 0x58, 0x14}, {0x1e, 0x1c, 0x1c}, {0x1f, 0x1b, 0x1b}, {0x20, 0x23, 0x23},
    {0x21, 0x2b, 0x2b}, {0x22, 0x34, 0x34}, {0x23, 0x33, 0x33}, {0x24, 0x3b, 0x3b},
    {0x25, 0x42, 0x42}, {0x26, 0x4b, 0x4b}, {0x27, 0x4c, 0x4c}, {0x28, 0x52, 0x52},
    {0x1c, 0x5a, 0x5a}, {0x2a, 0x12, 0x12}, {0x56, 0x61, 0x13}, {0x2c, 0x1a, 0x1a},
    {0x2d, 0x22, 0x22}, {0x2e, 0x21, 0x21}, {0x2f, 0x2a, 0x2a}, {0x30, 0x32, 0x32},
    {0x31, 0x31, 0x31}, {0x32, 0x3a, 0x3a}, {0x33, 0x41, 0x41}, {0x34, 0x49, 0x49},
    {0x35, 0x4a, 0x4a}, {0x36, 0x59, 0x59}, {0x1d, 0x14, 0x11}, {0x38, 0x11, 0x19},
    {0x39, 0x29, 0x29}, {0xb8, 0x11, 0x39}, {0x9d, 0x14, 0x58}, {0xd2, 0x70, 0x67},
    {0xd3, 0x71, 0x64}, {0xcb, 0x6b, 0x61}, {0xc7, 0x6c, 0x6e}, {0xcf, 0x69, 0x65},
    {0xc8, 0x75, 0x63}, {0xd0, 0x72, 0x60}, {0xc9, 0x7d, 0x6f}, {0xd1, 0x7a, 0x6d},
    {0xcd, 0x74, 0x6a}, {0x45, 0x77, 0x76}, {0x47, 0x6c, 0x6c}, {0x4b, 0x6b, 0x6b},
    {0x4f, 0x69, 0x69}, {0xb5, 0x4a, 0x77}, {0x48, 0x75, 0x75}, {0x4c, 0x73, 0x73},
    {0x50, 0x72, 0x72}, {0x52, 0x70, 0x70}, {0x37, 0x7c, 0x7e}, {0x49, 0x7d, 0x7d},
    {0x4d, 0x74, 0x74}, {0x51, 0x7a, 0x7a}, {0x53, 0x71, 0x71}, {0x4a, 0x7b, 0x84},
    {0x4e, 0x79, 0x7c}, {0x9c, 0x5a, 0x79}, {0x01, 0x76, 0x08}, {0x3b, 0x05, 0x07},
    {0x3c, 0x06, 0x0f}, {0x3d, 0x04, 0x17}, {0x3e, 0x0c, 0x1f}, {0x3f, 0x03, 0x27},
    {0x40, 0x0b, 0x2f}, {0x41, 0x83, 0x37}, {0x42, 0x0a, 0x3f}, {0x43, 0x01, 0x47},
    {0x44, 0x09, 0x4f}, {0x57, 0x78, 0x56}, {0x58, 0x07, 0x5e}, {0x46, 0x7e, 0x5f},
    {0xdb, 0x1f, 0x8b}, {0xdc, 0x27, 0x8c}, {0xdd, 0x2f, 0x8d}, {0x73, 0x51, 0x51},
    {0x7d, 0x6a, 0x5d}, {0x79, 0x64, 0x86}, {0x7b, 0x67, 0x85}, {0x70, 0x13, 0x87},
};

static void choose_set(struct devtest *t, unsigned set)
{
    dt_out(t, 0x60, 0xf0);
    dt_out(t, 0x60, set);
    assert_string_equal(drain(t), "fa fa");
}

static void test_all_keys(void **state)
{
    struct devtest *t = *state;
    char wanted[32];

    dt_script(t, "out 64 60; out 60 25"); /* no translation */
    for (size_t i = 0; i < ARRAY_LEN(all_keys); i++) {
        const u8 *k = all_keys[i];
        const char *extended = k[0] & 0x80 ? "e0 " : "";
        choose_set(t, 1);
        snprintf(wanted, sizeof(wanted), "%s%02x %s%02x", extended, k[0] & 0x7f, extended,
                 k[0] | 0x80);
        assert_string_equal(typed(t, k[0]), wanted);
        choose_set(t, 2);
        snprintf(wanted, sizeof(wanted), "%s%02x %sf0 %02x", extended, k[1], extended, k[1]);
        assert_string_equal(typed(t, k[0]), wanted);
        choose_set(t, 3);
        snprintf(wanted, sizeof(wanted), "%02x f0 %02x", k[2], k[2]);
        assert_string_equal(typed(t, k[0]), wanted);
    }
    assert_string_equal(typed(t, KEY_PRINT), "57 f0 57");
    assert_string_equal(typed(t, KEY_PAUSE), "62 f0 62");
    assert_string_equal(typed(t, 0xa0), ""); /* a key of later keyboards */
    assert_string_equal(typed(t, 0x64), "");
}

static const char *typed_with(struct devtest *t, u8 modifier, u8 key)
{
    const char *text;

    i8042_send_key(t->journal, modifier, true);
    dt_step(t, 0);
    drain(t);
    text = typed(t, key);
    i8042_send_key(t->journal, modifier, false);
    dt_step(t, 0);
    return text;
}

static void test_print_and_pause(void **state)
{
    static const struct {
        unsigned set;
        u8 modifier, key;
        const char *codes;
    } cases[] = {
        {1, 0x38, KEY_PRINT, "54 d4"},
        {1, 0xb8, KEY_PRINT, "54 d4"},
        {2, 0x38, KEY_PRINT, "84 f0 84"},
        {1, 0x2a, KEY_PRINT, "e0 37 e0 b7"},
        {1, 0x36, KEY_PRINT, "e0 37 e0 b7"},
        {2, 0x9d, KEY_PRINT, "e0 7c e0 f0 7c"},
        {1, 0x1d, KEY_PAUSE, "e0 46 e0 c6"},
        {2, 0x9d, KEY_PAUSE, "e0 7e e0 f0 7e"},
        {1, 0x2a, KEY_PAUSE, "e1 1d 45 e1 9d c5"},
    };
    struct devtest *t = *state;

    dt_script(t, "out 64 60; out 60 25");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        choose_set(t, cases[i].set);
        assert_string_equal(typed_with(t, cases[i].modifier, cases[i].key), cases[i].codes);
        drain(t);
    }
    choose_set(t, 2);
    assert_string_equal(typed(t, KEY_PRINT), "e0 12 e0 7c e0 f0 7c e0 f0 12");
    assert_string_equal(typed(t, KEY_PAUSE), "e1 14 77 e1 f0 14 f0 77");
}

static void press(struct devtest *t, u8 key, bool down)
{
    i8042_send_key(t->journal, key, down);
    dt_step(t, 0);
}

static void test_repeat(void **state)
{
    struct devtest *t = *state;

    press(t, 0x1e, true);
    assert_string_equal(drain(t), "1e");
    dt_step(t, 490000000);
    assert_string_equal(drain(t), ""); /* half a second, then 10.9 a second */
    dt_step(t, 10000000);
    assert_string_equal(drain(t), "1e");
    dt_step(t, 91700000);
    assert_string_equal(drain(t), "1e");
    press(t, 0xc8, true); /* another key takes over */
    assert_string_equal(drain(t), "e0 48");
    press(t, 0x1e, false);
    assert_string_equal(drain(t), "9e");
    dt_step(t, 500000000);
    assert_string_equal(drain(t), "e0 48");
    press(t, 0xc8, false);
    assert_string_equal(drain(t), "e0 c8");
    dt_step(t, 2000000000);
    assert_string_equal(drain(t), "");
    dt_script(t, "out 60 f3; out 60 0"); /* 250 ms, 30 a second */
    assert_string_equal(drain(t), "fa fa");
    press(t, KEY_PRINT, true);
    assert_string_equal(drain(t), "e0 2a e0 37");
    dt_step(t, 250000000);
    assert_string_equal(drain(t), "e0 37");
    dt_step(t, 33400000);
    assert_string_equal(drain(t), "e0 37");
    press(t, KEY_PRINT, false);
    assert_string_equal(drain(t), "e0 b7 e0 aa");
    dt_script(t, "out 64 ad"); /* nobody takes it: it is there once */
    press(t, 0x1e, true);
    dt_step(t, 1000000000);
    press(t, 0x1e, false);
    dt_script(t, "out 64 ae");
    assert_string_equal(drain(t), "1e 9e");
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

/* What did not fit into the queue is reported when there is room. */
static void test_mouse_backlog(void **state)
{
    struct devtest *t = *state;
    const char *text;

    dt_script(t, "out 64 60; out 60 47");
    mouse(t, "f6 f4", "[fa] [fa]");
    for (int i = 0; i < 20; i++)
        i8042_send_mouse(t->journal, 10, 0, 0, 1);
    i8042_send_mouse(t->journal, 0, 0, 0, 0);
    text = drain(t);
    assert_string_equal(text + strlen(text) - 14, "[08] [64] [00]");
    i8042_send_mouse(t->journal, 1, 0, 0, 0);
    assert_string_equal(drain(t), "[08] [01] [00]");
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
        cmocka_unit_test_setup_teardown(test_all_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_print_and_pause, setup, teardown),
        cmocka_unit_test_setup_teardown(test_repeat, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mouse_backlog, setup, teardown),
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
