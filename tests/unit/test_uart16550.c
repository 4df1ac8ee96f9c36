/* The serial port: what drivers probe, both directions, FIFOs, every interrupt, loopback; and
 * the two other ports that programs talk to their host through. */
#include "tests/unit/devtest.h"

#define CHAR_NS 86805u /* 8N1 at 115200: 10 bits */

static struct chardev serial;

static struct devtest *open_uart(const char *options)
{
    struct devtest *t = dt_open();
    dt_chardev(t, &serial, "serial0");
    dt_dev(t, &dev_uart16550, options);
    dt_script(t, "out 3fb 83; out 3f8 1; out 3f9 0; out 3fb 3");
    return t;
}

static int setup(void **state)
{
    *state = open_uart("chardev=serial0");
    return 0;
}

static int teardown(void **state)
{
    dt_close(*state);
    return 0;
}

/* The steps by which Linux' 8250 driver tells a 16550A. */
static void test_autoconfig(void **state)
{
    dt_script(*state, "out 3f9 0; in 3f9 0; out 3f9 f; in 3f9 f; out 3f9 0"
                      "; out 3fc 1a; in 3fe 90&f0; out 3fc 0"
                      "; out 3fb bf; out 3fa 0; out 3fb 0; out 3fa 1; in 3fa c1"
                      "; out 3fa 0; in 3fa 1; out 3ff a5; in 3ff a5; out 3ff 5a; in 3ff 5a"
                      "; in 3fe b2; in 3fe b0; in 3fd 60");
}

static void test_divisor_latch(void **state)
{
    dt_script(*state, "out 3fb 80; out 3f8 34; out 3f9 12; in 3f8 34; in 3f9 12; out 3fb 3"
                      "; in 3fb 3; in 3f9 0");
}

static void test_output(void **state)
{
    struct devtest *t = *state;
    dt_script(t, "out 3f8 48; in 3fd 60; out 3f8 69; in 3fd 60");
    assert_int_equal(t->out_len, 2);
    assert_memory_equal(t->out, "Hi", 2);
    dt_script(t, "out 3fb 2; out 3f8 c8"); /* 7 bits */
    assert_int_equal(t->out[2], 'H');
}

static void test_tx_interrupt(void **state)
{
    /* enabling it interrupts, reading IIR ends it, writing brings it again, OUT2 gates it */
    dt_script(*state, "out 3f9 2; irq 4 0; out 3fc 8; irq 4 1; in 3fa 2; irq 4 0; in 3fa 1"
                      "; edges 4 1; out 3f8 41; irq 4 1; edges 4 1; out 3f8 42; irq 4 1; edges 4 1"
                      "; in 3fa 2; irq 4 0");
}

static void test_paced_output(void **state)
{
    (void)state;
    struct devtest *t = open_uart("chardev=serial0,pace=on");
    dt_script(t, "out 3f8 41; in 3fd 20; out 3f8 42; in 3fd 0");
    dt_step(t, CHAR_NS);
    dt_script(t, "in 3fd 20");
    dt_step(t, CHAR_NS);
    dt_script(t, "in 3fd 60");
    assert_memory_equal(t->out, "AB", 2);
    dt_close(t);
}

static void test_input(void **state)
{
    struct devtest *t = *state;
    dt_script(t, "out 3fc 8; out 3f9 1");
    chardev_input(&serial, "abc", 3);
    dt_step(t, 0);
    dt_script(t, "in 3fd 60; irq 4 0");
    dt_step(t, CHAR_NS);
    dt_script(t, "in 3fd 61; irq 4 1; in 3fa 4; in 3f8 61; in 3fd 60; irq 4 0");
    dt_step(t, 10 * CHAR_NS); /* without FIFO the third waits outside: no overrun */
    dt_script(t, "in 3fd 61; in 3f8 62; step 86806; in 3f8 63; in 3fd 60; step 1000000; in 3fd 60");
}

static void test_fifo_and_timeout(void **state)
{
    struct devtest *t = *state;
    dt_script(t, "out 3fc 8; out 3fa 81; out 3f9 1"); /* trigger at 8 */
    chardev_input(&serial, "0123456789", 10);
    dt_step(t, 7 * CHAR_NS + 7);
    dt_script(t, "in 3fd 61; irq 4 0");
    dt_step(t, CHAR_NS);
    dt_script(t, "irq 4 1; in 3fa c4; in 3f8 30; irq 4 0");
    dt_step(t, CHAR_NS + 2);
    dt_script(t, "irq 4 1; in 3f8 31; in 3f8 32; in 3f8 33; irq 4 0");
    dt_step(t, 6 * CHAR_NS); /* silence */
    dt_script(t, "irq 4 1; in 3fa cc; in 3f8 34; irq 4 0; out 3fa 83; in 3fd 60"
                 "; step 10000000; irq 4 0");
}

static void test_no_input_is_lost(void **state)
{
    struct devtest *t = *state;
    u8 sent[2000];
    for (size_t i = 0; i < sizeof(sent); i++)
        sent[i] = (u8)(i * 7);
    dt_script(t, "out 3fa 1");
    chardev_input(&serial, sent, sizeof(sent));
    dt_step(t, 0);
    assert_int_equal(chardev_room(&serial), CHARDEV_RING - sizeof(sent));
    for (size_t i = 0; i < sizeof(sent); i++) {
        dt_step(t, i % 100 ? CHAR_NS + 1 : 100 * CHAR_NS); /* a guest that pauses */
        assert_int_equal(dt_in(t, 0x3fd) & 3, 1);
        assert_int_equal(dt_in(t, 0x3f8), sent[i]);
    }
}

static void test_loopback(void **state)
{
    struct devtest *t = *state;
    dt_script(t, "out 3fc 1f; in 3fe f0&f0; out 3fc 10; in 3fe f&f4; in 3fe 0"); /* RI fell: TERI */
    dt_script(t, "out 3f8 55; in 3fd 20; step 90000; in 3fd 61; in 3f8 55");
    assert_int_equal(t->out_len, 0);
    /* overrun, as a line status interrupt */
    dt_script(t, "out 3fc 18; out 3f9 4; out 3f8 1; step 90000; irq 4 0; out 3f8 2"
                 "; step 90000; irq 4 1"
                 "; in 3fa 6; in 3fd 63; irq 4 0; in 3f8 2; in 3fd 60");
    dt_script(t, "out 3fb 43; in 3fd 71; in 3f8 0; in 3fd 60; out 3fb 3");
    dt_script(t, "out 3f9 8; in 3fe; out 3fc 1a; irq 4 1; in 3fa 0; in 3fe 91; irq 4 0");
}

static void test_fifo_overrun_keeps_old(void **state)
{
    struct devtest *t = *state;
    dt_script(t, "out 3fa 1; out 3fc 10");
    for (u32 i = 0; i < 17; i++) {
        dt_out(t, 0x3f8, i);
        dt_step(t, 2 * CHAR_NS);
    }
    dt_script(t, "in 3fd 63; in 3fd 61");
    for (u32 i = 0; i < 16; i++)
        assert_int_equal(dt_in(t, 0x3f8), i);
    dt_script(t, "in 3fd 60");
}

static void test_options(void **state)
{
    struct devtest *t = *state;
    char err[200] = "";
    assert_null(dev_create(t->bus, &dev_uart16550, "iobase=0x2f9", err, sizeof(err)));
    assert_non_null(strstr(err, "iobase"));
    assert_null(dev_create(t->bus, &dev_uart16550, "irq=16", err, sizeof(err)));
    assert_null(dev_create(t->bus, &dev_uart16550, "chardev=nosuch", err, sizeof(err)));
    assert_non_null(strstr(err, "nosuch"));
    dt_dev(t, &dev_uart16550, "iobase=0x2f8,irq=3");
    dt_script(t, "out 2f8 41; out 2fc 8; out 2f9 2; irq 3 1; irq 4 0");
    assert_int_equal(t->out_len, 0);
}

static void test_debugcon(void **state)
{
    struct devtest *t = *state;
    dt_dev(t, &dev_debugcon, "chardev=serial0");
    dt_script(t, "in e9 e9; out e9 6f; out e9 6b");
    assert_int_equal(t->out_len, 2);
    assert_memory_equal(t->out, "ok", 2);
}

static void test_debug_exit(void **state)
{
    struct devtest *t = *state;
    dt_dev(t, &dev_isa_debug_exit, NULL);
    dt_script(t, "out 501 10");
    assert_int_equal(t->requests[BUS_EXIT], 1);
    assert_int_equal(t->request_arg, 0x21);
    dt_dev(t, &dev_isa_debug_exit, "iobase=0xf4,iosize=4");
    dt_script(t, "outl f4 3; in f4 0; out f8 1");
    assert_int_equal(t->requests[BUS_EXIT], 2);
    assert_int_equal(t->request_arg, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_autoconfig, setup, teardown),
        cmocka_unit_test_setup_teardown(test_divisor_latch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_output, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tx_interrupt, setup, teardown),
        cmocka_unit_test(test_paced_output),
        cmocka_unit_test_setup_teardown(test_input, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fifo_and_timeout, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_input_is_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(test_loopback, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fifo_overrun_keeps_old, setup, teardown),
        cmocka_unit_test_setup_teardown(test_options, setup, teardown),
        cmocka_unit_test_setup_teardown(test_debugcon, setup, teardown),
        cmocka_unit_test_setup_teardown(test_debug_exit, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
