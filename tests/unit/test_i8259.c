/* The interrupt controllers: initialisation, priorities and rotation, ends of interrupt, modes. */
#include "tests/unit/devtest.h"

/* Vectors 20h and 28h, nothing masked, fully nested. */
static const char setup_script[] = "out 20 11; out 21 20; out 21 4; out 21 1;"
                                   "out a0 11; out a1 28; out a1 2; out a1 1; out 21 0; out a1 0";

static int setup(void **state)
{
    struct devtest *t = dt_open();
    dt_dev(t, &dev_i8259, NULL);
    dt_script(t, setup_script);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    dt_close(*state);
    return 0;
}

static void test_one_interrupt(void **state)
{
    dt_script(*state, "intr 0; raise 3; intr 1; in 20 08; ack 23; intr 0; in 20 00"
                      "; out 20 b; in 20 8; out 20 20; in 20 0; intr 0"
                      /* the line is still high: only a new edge counts */
                      "; lower 3; intr 0; raise 3; intr 1; ack 23");
}

static void test_nesting(void **state)
{
    dt_script(*state, "raise 7; raise 0; ack 20; out 20 20; ack 27; out 20 20; lower 0; lower 7");
    dt_script(*state, "raise 4; ack 24; raise 5; intr 0; raise 3; intr 1; ack 23"
                      "; out 20 20; intr 0; out 20 20; intr 1; ack 25");
}

static void test_cascade(void **state)
{
    dt_script(*state, "raise 12; intr 1; in 20 4; ack 2c; out a0 b; in a0 10; out 20 b; in 20 4"
                      /* a higher slave level waits for the master: not specially nested */
                      "; raise 8; intr 0; out a0 20; intr 0; out 20 20; intr 1; ack 28");
}

static void test_sfnm(void **state)
{
    dt_script(*state, "out 20 11; out 21 20; out 21 4; out 21 11; out 21 0"
                      "; raise 12; ack 2c; raise 8; intr 1; ack 28");
}

static void test_spurious(void **state)
{
    dt_script(*state, "raise 5; intr 1; lower 5; intr 0; ack 27; out 20 b; in 20 0"
                      "; raise 14; intr 1; out a1 ff; intr 0; ack 27");
    /* the slave's request goes while the master's is acknowledged: masked there after the fact */
    dt_script(*state, "out a1 0; lower 14; raise 14; intr 1; ack 2e");
}

static void test_mask(void **state)
{
    dt_script(*state, "out 21 2; raise 1; intr 0; in 20 2; in 21 2; out 21 0; intr 1; ack 21");
}

static void test_specific_eoi(void **state)
{
    dt_script(*state, "raise 6; ack 26; raise 2; raise 3; ack 23; out 20 66; out 20 b; in 20 8"
                      "; out 20 63; in 20 0");
}

static void test_rotation(void **state)
{
    /* rotate on non-specific EOI: 3 becomes the lowest */
    dt_script(*state, "raise 3; ack 23; out 20 a0; lower 3; raise 3; raise 4; ack 24; out 20 20"
                      "; ack 23; out 20 20; lower 3; lower 4"
                      /* set priority: 5 lowest, so 6 comes before 0 */
                      "; out 20 c5; raise 0; raise 6; ack 26; out 20 20; ack 20; out 20 20"
                      "; lower 0; lower 6"
                      /* rotate on specific EOI: 0 is served and becomes the lowest */
                      "; raise 0; ack 20; out 20 e0; raise 7; lower 0; raise 0; ack 27");
}

static void test_auto_eoi(void **state)
{
    dt_script(*state, "out 20 11; out 21 20; out 21 4; out 21 3; out 21 0"
                      "; raise 3; ack 23; out 20 b; in 20 0; raise 4; ack 24"
                      /* rotating: after 3, 4 goes first */
                      "; out 20 80; lower 3; lower 4; raise 3; ack 23; lower 3"
                      "; raise 3; raise 4; ack 24");
}

static void test_special_mask(void **state)
{
    /* while 3 is served and masked, the lower 5 comes through; a plain EOI ends 5 and not 3 */
    dt_script(*state, "raise 3; ack 23; raise 5; intr 0; out 21 8; intr 0; out 20 68; intr 1"
                      "; ack 25; out 20 b; in 20 28; out 20 20; in 20 8; out 20 20; in 20 8"
                      "; out 20 63; in 20 0");
}

static void test_poll(void **state)
{
    dt_script(*state, "out 20 c; in 20 0; raise 6; out 20 c; in 20 86; out 20 b; in 20 40; intr 0");
}

static void test_level(void **state)
{
    dt_script(*state, "out 4d0 ff; in 4d0 f8; out 4d1 ff; in 4d1 de; out 4d0 20; raise 5; ack 25"
                      "; intr 0; out 20 20; intr 1; ack 25; lower 5; out 20 20; intr 0");
}

static void test_icw1_forgets_edges(void **state)
{
    dt_script(*state, "raise 3; intr 1");
    dt_script(*state, setup_script);
    dt_script(*state, "intr 0; in 20 0; lower 3; raise 3; ack 23");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_interrupt, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nesting, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cascade, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sfnm, setup, teardown),
        cmocka_unit_test_setup_teardown(test_spurious, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mask, setup, teardown),
        cmocka_unit_test_setup_teardown(test_specific_eoi, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rotation, setup, teardown),
        cmocka_unit_test_setup_teardown(test_auto_eoi, setup, teardown),
        cmocka_unit_test_setup_teardown(test_special_mask, setup, teardown),
        cmocka_unit_test_setup_teardown(test_poll, setup, teardown),
        cmocka_unit_test_setup_teardown(test_level, setup, teardown),
        cmocka_unit_test_setup_teardown(test_icw1_forgets_edges, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
