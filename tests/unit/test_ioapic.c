/* The I/O APIC: its registers, and interrupts through it to the local APIC. */
#include "tests/unit/apic_rig.h"

static int setup(void **state)
{
    struct devtest *t = rig_open(NULL);
    wr(t, R_SVR, 0x1ff);
    wr(t, R_LINT0, 0x10000);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    rig_close(*state);
    return 0;
}

static void test_registers(void **state)
{
    struct devtest *t = *state;
    struct phys *p = t->bus->phys;
    u64 hash = dt_hash(t);

    assert_int_equal(io_rd(t, 0), 0);
    assert_int_equal(io_rd(t, 1), 0x170011);
    io_wr(t, 0, 0xffffffff);
    assert_int_equal(io_rd(t, 0), 0x0f000000);
    assert_int_equal(io_rd(t, 2), 0x0f000000);
    io_wr(t, 1, 0);
    io_wr(t, 2, 0);
    assert_int_equal(io_rd(t, 1), 0x170011);
    for (u32 n = 0; n < BUS_GSIS; n++) {
        assert_int_equal(io_rd(t, 0x10 + 2 * n), 0x10000);
        assert_int_equal(io_rd(t, 0x11 + 2 * n), 0);
        io_wr(t, 0x10 + 2 * n, 0xffffffff);
        io_wr(t, 0x11 + 2 * n, 0xffffffff);
        assert_int_equal(io_rd(t, 0x10 + 2 * n), 0x1afff);
        assert_int_equal(io_rd(t, 0x11 + 2 * n), 0xff000000);
    }
    io_wr(t, 0x40, 0x1234);
    assert_int_equal(io_rd(t, 0x40), 0);
    assert_int_equal(io_rd(t, 0xff), 0);
    assert_int_equal(io_rd(t, 0xf), 0);
    /* The selector by bytes, the window not; nothing else answers. */
    phys_write(p, IOAPIC, 1, 1);
    assert_int_equal(phys_read(p, IOAPIC, 1), 1);
    assert_int_equal(phys_read(p, IOAPIC + 0x10, 4), 0x170011);
    assert_int_equal(phys_read(p, IOAPIC + 0x10, 1), 0);
    phys_write(p, IOAPIC, 4, 0x12345600);
    phys_write(p, IOAPIC + 0x10, 2, 0);
    phys_write(p, IOAPIC + 0x40, 4, 0xffffffff);
    assert_int_equal(io_rd(t, 0), 0x0f000000);
    bus_reset(t->bus);
    wr(t, R_SVR, 0x1ff);
    wr(t, R_LINT0, 0x10000);
    assert_true(dt_hash(t) == hash);
}

static void test_edge(void **state)
{
    struct devtest *t = *state;

    drive(t, 5, true); /* masked: lost */
    set_entry(t, 5, 0, 0x45);
    assert_false(t->intr);
    drive(t, 5, true);
    assert_false(t->intr);
    drive(t, 5, false);
    drive(t, 5, true);
    assert_int_equal(bus_intack(t->bus), 0x45);
    assert_false(in_set(t, R_TMR, 0x45));
    assert_int_equal(io_rd(t, 0x1a), 0x45);
    drive(t, 5, false);
    drive(t, 5, true); /* one may wait while another is served */
    assert_true(in_set(t, R_IRR, 0x45));
    wr(t, R_EOI, 0);
    assert_int_equal(bus_intack(t->bus), 0x45);
    wr(t, R_EOI, 0);
    assert_false(t->intr);
}

static void test_level(void **state)
{
    struct devtest *t = *state;

    drive(t, 10, true);
    set_entry(t, 10, 0, 0xa04a); /* taken when it is unmasked; the polarity makes no difference */
    assert_true(t->intr);
    assert_true(in_set(t, R_TMR, 0x4a));
    assert_int_equal(io_rd(t, 0x24), 0xe04a);
    assert_int_equal(bus_intack(t->bus), 0x4a);
    drive(t, 10, false);
    drive(t, 10, true);
    assert_false(in_set(t, R_IRR, 0x4a)); /* one at a time */
    wr(t, R_EOI, 0);
    assert_true(t->intr);
    assert_int_equal(bus_intack(t->bus), 0x4a);
    drive(t, 10, false);
    assert_int_equal(io_rd(t, 0x24), 0xe04a);
    wr(t, R_EOI, 0);
    assert_int_equal(io_rd(t, 0x24), 0xa04a);
    assert_false(t->intr);
    /* Masked while it is served; then edge and back, which ends it. */
    drive(t, 10, true);
    assert_int_equal(bus_intack(t->bus), 0x4a);
    io_wr(t, 0x24, 0x1a04a);
    assert_int_equal(io_rd(t, 0x24), 0x1e04a);
    wr(t, R_EOI, 0);
    assert_int_equal(io_rd(t, 0x24), 0x1a04a);
    assert_false(t->intr);
    io_wr(t, 0x24, 0xa04a);
    assert_int_equal(bus_intack(t->bus), 0x4a);
    io_wr(t, 0x24, 0x1204a);
    assert_int_equal(io_rd(t, 0x24), 0x1204a);
    io_wr(t, 0x24, 0xa04a);
    assert_true(in_set(t, R_IRR, 0x4a));
}

/* Two inputs with one vector: one end of interrupt is for both. */
static void test_shared_vector(void **state)
{
    struct devtest *t = *state;

    set_entry(t, 10, 0, 0x804a);
    set_entry(t, 11, 0, 0x804a);
    drive(t, 10, true);
    drive(t, 11, true);
    assert_int_equal(bus_intack(t->bus), 0x4a);
    drive(t, 10, false);
    wr(t, R_EOI, 0);
    assert_int_equal(io_rd(t, 0x24), 0x804a);
    assert_int_equal(io_rd(t, 0x26), 0xc04a);
    assert_int_equal(bus_intack(t->bus), 0x4a);
}

static void test_destinations(void **state)
{
    struct devtest *t = *state;

    wr(t, R_ID, 3u << 24);
    wr(t, R_LDR, 4u << 24);
    set_entry(t, 20, 0, 0x51);
    drive(t, 20, true);
    assert_false(t->intr);
    drive(t, 20, false);
    set_entry(t, 20, 3, 0x51);
    drive(t, 20, true);
    assert_int_equal(bus_intack(t->bus), 0x51);
    wr(t, R_EOI, 0);
    drive(t, 20, false);
    set_entry(t, 20, 6, 0x952); /* logical, lowest priority */
    drive(t, 20, true);
    assert_int_equal(bus_intack(t->bus), 0x52);
    wr(t, R_EOI, 0);
    /* Nobody takes it: it is not being served, and is sent once somebody may. */
    set_entry(t, 21, 7, 0x8053);
    drive(t, 21, true);
    assert_int_equal(io_rd(t, 0x3a), 0x8053);
    set_entry(t, 21, 3, 0x8053);
    assert_int_equal(io_rd(t, 0x3a), 0xc053);
    assert_int_equal(bus_intack(t->bus), 0x53);
}

static void test_modes(void **state)
{
    struct devtest *t = *state;

    set_entry(t, 22, 0, 0x8400); /* NMI is an edge, whatever the entry says */
    drive(t, 22, true);
    assert_int_equal(t->nmis, 1);
    assert_int_equal(io_rd(t, 0x3c), 0x8400);
    set_entry(t, 23, 0, 0x500);
    drive(t, 23, true);
    assert_int_equal(t->requests[BUS_INIT], 1);
    set_entry(t, 3, 0, 0x703);
    drive(t, 3, true);
    assert_false(t->intr);
}

/* ISA lines reach both kinds of controller; line 0 comes in at input 2. */
static void test_wiring(void **state)
{
    struct devtest *t = *state;

    rig_start_pic(t);
    wr(t, R_LINT0, 0x700);
    set_entry(t, 2, 0, 0x62);
    set_entry(t, 0, 0, 0x60);
    drive(t, 0, true);
    assert_int_equal(bus_intack(t->bus), 0x62);
    assert_int_equal(bus_intack(t->bus), 8);
    wr(t, R_EOI, 0);
    dt_script(t, "out 20 20; intr 0");
    for (unsigned n = 1; n < BUS_GSIS; n++) {
        if (n == 2)
            continue;
        set_entry(t, n, 0, 0x80 + n);
        drive(t, n, true);
        assert_int_equal(bus_intack(t->bus), 0x80 + n);
        wr(t, R_EOI, 0);
        assert_int_equal(t->intr, n < 16);
        if (n < 16) {
            assert_int_equal(bus_intack(t->bus), n < 8 ? 8 + n : 0x68 + n);
            dt_script(t, "out a0 20; out 20 20");
        }
        assert_false(t->intr);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_registers),    TEST(test_edge),  TEST(test_level),  TEST(test_shared_vector),
        TEST(test_destinations), TEST(test_modes), TEST(test_wiring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
