/* pc-testdev: scratch bytes, interrupt lines, memory that is a device. */
#include "tests/unit/devtest.h"

#include "mmu/phys.h"

static void test_scratch(void **state)
{
    struct devtest *t = dt_open();
    (void)state;
    dt_dev(t, &dev_pc_testdev, NULL);
    dt_script(t, "inl e0 0; outl e0 12345678; inl e0 12345678; in e0 78; in e3 12; inw e1 3456\n"
                 "out e1 ff; outw e2 abcd; inl e0 abcdff78; outl e2 99998888; inl e0 8888ff78");
    bus_reset(t->bus);
    dt_script(t, "inl e0 0");
    dt_close(t);
}

static void test_lines(void **state)
{
    struct devtest *t = dt_open();
    (void)state;
    dt_dev(t, &dev_pc_testdev, NULL);
    dt_script(t, "out 200b 1; irq 11 1; out 200b 0; irq 11 0; edges 11 1; edges 10 0\n"
                 "outl 2003 1; irq 3 1; irq 4 0; outl 2003 100; irq 3 0; irq 4 1; out 2004 0");
    dt_close(t);
}

static void test_memory(void **state)
{
    struct devtest *t = dt_open();
    struct phys *phys = phys_new(1 << 20);
    u64 before;
    (void)state;
    t->bus->phys = phys;
    dt_dev(t, &dev_pc_testdev, NULL);
    before = dt_hash(t);
    assert_true(phys_is_mmio(phys, 0xff000000));
    phys_write(phys, 0xff000ffe, 2, 0xbeef);
    phys_write(phys, 0xff00fff8, 8, 0x1122334455667788);
    assert_int_equal(phys_read(phys, 0xff000ffc, 4), 0xbeef0000);
    assert_int_equal(phys_read(phys, 0xff00fffc, 4), 0x11223344);
    assert_true(dt_hash(t) != before);
    bus_reset(t->bus);
    assert_int_equal(phys_read(phys, 0xff000ffe, 2), 0);
    assert_true(dt_hash(t) == before);
    dt_close(t);
    phys_free(phys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scratch),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
