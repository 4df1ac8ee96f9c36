/* The printer port as a driver uses it: lines, handshake, interrupt, direction. */
#include "tests/unit/devtest.h"

static struct devtest *open_port(struct chardev *printer)
{
    struct devtest *t = dt_open();
    dt_chardev(t, printer, "parallel0");
    dt_dev(t, &dev_parport, "chardev=parallel0");
    return t;
}

static void test_registers(void **state)
{
    struct chardev printer;
    struct devtest *t = open_port(&printer);

    (void)state;
    dt_script(t, "in 378 0; in 379 df; in 37a cc; out 378 5a; in 378 5a; out 379 0; in 379 df");
    dt_script(t, "out 37a 2c; in 378 ff; in 37a ec; out 37a c; in 378 5a"); /* direction */
    dt_script(t, "out 37a 4; in 379 cf");                                   /* not selected */
    dt_script(t, "out 37a 8; in 379 5f"); /* held in its reset: busy */
    bus_reset(t->bus);
    dt_script(t, "in 378 0; in 37a cc");
    dt_close(t);
}

static void test_printing(void **state)
{
    struct chardev printer;
    struct devtest *t = open_port(&printer);

    (void)state;
    for (const char *p = "Hello"; *p; p++) {
        dt_out(t, 0x378, (u8)*p);
        dt_script(t, "out 37a d; out 37a c; in 379 5f"); /* busy */
        dt_out(t, 0x37a, 0x0d);                          /* hears nothing now */
        dt_script(t, "out 37a c; step 2000; in 379 9f; step 1000; in 379 df; edges 7 0");
    }
    assert_int_equal(t->out_len, 5);
    assert_memory_equal(t->out, "Hello", 5);
    dt_script(t, "out 37a 4; out 37a 5; out 37a 8; out 37a 9"); /* not selected; in reset */
    assert_int_equal(t->out_len, 5);
    dt_script(t, "out 37a c; out 37a d; out 37a 8; out 37a c; in 379 df"); /* reset ends it */
    assert_int_equal(t->out_len, 6);
    dt_step(t, 10000);
    dt_close(t);
}

static void test_interrupt(void **state)
{
    struct chardev printer;
    struct devtest *t = open_port(&printer);

    (void)state;
    dt_script(t, "out 37a 1d; out 37a 1c; step 2999; irq 7 0; step 1; irq 7 1; edges 7 1");
    dt_script(t, "in 379 df; irq 7 0"); /* taken by reading the status */
    dt_script(t, "out 37a 1d; out 37a 1c; step 3000; irq 7 1; out 37a 1d; irq 7 0; step 3000");
    dt_script(t, "irq 7 1; out 37a c; irq 7 0; edges 7 2");
    dt_close(t);
}

static void test_elsewhere(void **state)
{
    struct devtest *t = dt_open();
    char err[100];

    (void)state;
    dt_dev(t, &dev_parport, "iobase=0x278,irq=5");
    dt_script(t, "out 278 41; out 27a 1d; out 27a 1c; step 3000; irq 5 1"); /* no paper needed */
    assert_null(dev_create(t->bus, &dev_parport, "iobase=0x10000", err, sizeof(err)));
    assert_null(dev_create(t->bus, &dev_parport, "irq=16", err, sizeof(err)));
    dt_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registers),
        cmocka_unit_test(test_printing),
        cmocka_unit_test(test_interrupt),
        cmocka_unit_test(test_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
