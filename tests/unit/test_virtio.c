/* virtio's transport and rings by a device that only gives random numbers: configuration space,
 * both interfaces, negotiation, interrupts, indirect descriptors, event indexes; and rings that
 * make no sense, none of which may do more than stop the device. */
#include "tests/unit/virtio_driver.h"

static struct vdriver open_rng(bool modern)
{
    struct vdriver d = {.t = open_virtio(), .modern = modern};

    dt_dev(d.t, &dev_virtio_rng, NULL);
    virtio_board(d.t);
    return d;
}

#define BUFFER 0x200000u

static void test_configuration_space(void **state)
{
    struct vdriver d = open_rng(true);

    (void)state;
    dt_script(d.t, "outl cf8 80001800; inl cfc 10051af4; outl cf8 80001808; inl cfc 00ff0000");
    dt_script(d.t, "outl cf8 8000182c; inl cfc 00041af4; outl cf8 80001810; inl cfc c101");
    dt_script(d.t, "outl cf8 80001820; inl cfc fe000000; outl cf8 8000183c; inl cfc ffff&10b");
    dt_script(d.t, "outl cf8 80001834; in cfc 40; outl cf8 80001840; inl cfc 01105009; outl cf8 "
                   "80001850; in cfd 70");
    dt_script(d.t, "outl cf8 80001870; inl cfc 02148409; outl cf8 80001878; inl cfc 3000");
    dt_script(d.t, "outl cf8 80001880; inl cfc 4"); /* what notifications are multiplied by */
    /* The window: common configuration's number of queues. */
    dt_script(d.t, "outl cf8 80001888; out cfc 4; outl cf8 8000188c; outl cfc 12");
    dt_script(d.t, "outl cf8 80001890; outl cfc 2; outl cf8 80001894; inl cfc 1");
    dt_script(d.t, "outl cf8 8000188c; outl cfc 14; outl cf8 80001890; outl cfc 1");
    dt_script(d.t, "outl cf8 80001894; outl cfc 3; rd fe000014 00000003");
    close_virtio(d.t);
}

static void test_variants(void **state)
{
    struct devtest *t = open_virtio();
    char err[200];

    (void)state;
    dt_dev(t, &dev_virtio_rng, "disable-legacy=on,addr=5");
    dt_dev(t, &dev_virtio_rng, "disable-modern=on,addr=06.0");
    virtio_board(t);
    dt_script(t, "outl cf8 80002800; inl cfc 10441af4; outl cf8 80002810; inl cfc 0");
    dt_script(t, "outl cf8 80003000; inl cfc 10051af4; outl cf8 80003020; inl cfc 0");
    dt_script(t, "outl cf8 80003034; inl cfc 0");
    assert_null(dev_create(t->bus, &dev_virtio_rng, "addr=5", err, sizeof(err)));
    assert_null(dev_create(t->bus, &dev_virtio_rng, "addr=32", err, sizeof(err)));
    assert_null(dev_create(t->bus, &dev_virtio_rng, "disable-modern=on,disable-legacy=on", err,
                           sizeof(err)));
    close_virtio(t);
}

static void test_negotiation(void **state)
{
    struct vdriver d = open_rng(true);

    (void)state;
    dt_script(d.t,
              "rd fe000004 30000000; wr fe000000 1; rd fe000004 1; wr fe000000 2; rd fe000004 0");
    write_status(&d, 3);
    dt_script(d.t, "wr fe000008 0; wr fe00000c 80; wr fe000008 1; wr fe00000c 1");
    write_status(&d, 11); /* bit 7 was not offered */
    assert_int_equal(read_status(&d), 3);
    dt_script(d.t, "wr fe000008 0; wr fe00000c 0; rd fe00000c 0");
    write_status(&d, 11);
    assert_int_equal(read_status(&d), 11);
    dt_script(d.t, "wr fe00000c 30000000; rd fe00000c 0"); /* too late */
    write_status(&d, 0);
    dt_script(d.t, "wr fe000008 1; rd fe00000c 0");
    put16(&d, COMMON + 0x16, 1); /* there is no queue 1 */
    assert_int_equal(get16(&d, COMMON + 0x18), 0);
    put16(&d, COMMON + 0x16, 0);
    assert_int_equal(get16(&d, COMMON + 0x18), 8);
    put16(&d, COMMON + 0x18, 3);
    assert_int_equal(get16(&d, COMMON + 0x18), 8);
    put16(&d, COMMON + 0x18, 4);
    assert_int_equal(get16(&d, COMMON + 0x18), 4);
    dt_script(d.t, "outl c104 ffffffff; inl c104 30000000"); /* legacy takes what there is */
    close_virtio(d.t);
}

/* One request for len bytes; returns what came back, and checks the interrupt. */
static u32 ask(struct vdriver *d, u32 len)
{
    u32 got = 0;

    set_desc(d, desc_at(0, 2), BUFFER, len, WRITE, 0);
    offer(d, 0, 2);
    kick(d, 0);
    assert_int_equal(collect(d, 0, &got), -1); /* not at once */
    dt_step(d->t, 20000);
    assert_true(d->t->level[PIRQ_LINE]);
    assert_int_equal(read_isr(d), 1);
    assert_false(d->t->level[PIRQ_LINE]);
    assert_int_equal(collect(d, 0, &got), 2);
    return got;
}

static void test_requests(void **state)
{
    u32 word[2];

    (void)state;
    for (int modern = 0; modern < 2; modern++) {
        struct vdriver d = open_rng(modern);
        start(&d, 1, 0);
        assert_int_equal(ask(&d, 1000), 1000);
        assert_int_not_equal(get32(&d, BUFFER), get32(&d, BUFFER + 996));
        assert_int_equal(get32(&d, BUFFER + 1000), 0);
        word[modern] = get32(&d, BUFFER + 500);
        for (int i = 0; i < 100; i++) /* around the ring */
            assert_int_equal(ask(&d, 8), 8);
        bus_reset(d.t->bus);
        start(&d, 1, 0);
        ask(&d, 8);
        close_virtio(d.t);
    }
    assert_int_equal(word[0], word[1]); /* the seed decides */
}

static void test_seed_and_journal(void **state)
{
    u32 word[3];

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct vdriver d = {.t = open_virtio()};
        dt_dev(d.t, &dev_virtio_rng, i == 1 ? "seed=2,id=rng" : "id=rng");
        virtio_board(d.t);
        start(&d, 1, 0);
        if (i == 2)
            journal_input(d.t->journal, journal_find_channel(d.t->journal, "rng"), "entropy", 7);
        ask(&d, 4);
        word[i] = get32(&d, BUFFER);
        close_virtio(d.t);
    }
    assert_int_not_equal(word[0], word[1]);
    assert_int_not_equal(word[0], word[2]);
}

static void test_indirect(void **state)
{
    struct vdriver d = open_rng(true);
    u32 len;

    (void)state;
    start(&d, 1, 1u << VIRTIO_F_INDIRECT_DESC);
    set_desc(&d, desc_at(0, 0), 0x300000, 48, INDIRECT, 0);
    set_desc(&d, 0x300000, BUFFER, 4, WRITE | NEXT, 2);
    set_desc(&d, 0x300020, BUFFER + 16, 4, WRITE, 0);
    offer(&d, 0, 0);
    kick(&d, 0);
    dt_step(d.t, 20000);
    assert_int_equal(collect(&d, 0, &len), 0);
    assert_int_equal(len, 8);
    assert_int_not_equal(get32(&d, BUFFER + 16), 0);
    assert_int_equal(get32(&d, BUFFER + 4), 0);
    close_virtio(d.t);
}

/* An interrupt comes when the index that the driver waits for was reached, and not before. */
static void test_event_index(void **state)
{
    struct vdriver d = open_rng(true);
    u32 event;

    (void)state;
    start(&d, 1, 1u << VIRTIO_F_EVENT_IDX);
    event = avail_at(&d, 0) + 4 + 2u * d.size[0];
    put16(&d, event, 1);
    set_desc(&d, desc_at(0, 0), BUFFER, 4, WRITE, 0);
    for (unsigned i = 0; i < 4; i++) {
        offer(&d, 0, 0);
        kick(&d, 0);
        dt_step(d.t, 20000);
        assert_int_equal(d.t->level[PIRQ_LINE], i == 1);
        assert_int_equal(get16(&d, used_at(&d, 0) + 4 + 8u * d.size[0]), i + 1);
        read_isr(&d);
    }
    close_virtio(d.t);
}

static void test_no_interrupt(void **state)
{
    struct vdriver d = open_rng(false);
    u32 len;

    (void)state;
    start(&d, 1, 0);
    put16(&d, avail_at(&d, 0), 1);
    set_desc(&d, desc_at(0, 0), BUFFER, 4, WRITE, 0);
    offer(&d, 0, 0);
    kick(&d, 0);
    dt_step(d.t, 20000);
    assert_int_equal(collect(&d, 0, &len), 0);
    assert_false(d.t->level[PIRQ_LINE]);
    assert_int_equal(read_isr(&d), 0);
    close_virtio(d.t);
}

/* ---- rings that make no sense ---- */

static void loop_of_two(struct vdriver *d)
{
    set_desc(d, desc_at(0, 0), BUFFER, 4, WRITE | NEXT, 1);
    set_desc(d, desc_at(0, 1), BUFFER, 4, WRITE | NEXT, 0);
    offer(d, 0, 0);
}

static void next_beyond_the_ring(struct vdriver *d)
{
    set_desc(d, desc_at(0, 0), BUFFER, 4, WRITE | NEXT, 0xffff);
    offer(d, 0, 0);
}

static void head_beyond_the_ring(struct vdriver *d)
{
    offer(d, 0, 0x8000);
}

static void too_many_at_once(struct vdriver *d)
{
    put16(d, avail_at(d, 0) + 2, 1000);
}

static void too_many_bytes(struct vdriver *d)
{
    set_desc(d, desc_at(0, 0), BUFFER, 0xffffffff, WRITE | NEXT, 1);
    set_desc(d, desc_at(0, 1), BUFFER, 0xffffffff, WRITE, 0);
    offer(d, 0, 0);
}

static void read_after_write(struct vdriver *d)
{
    set_desc(d, desc_at(0, 0), BUFFER, 4, WRITE | NEXT, 1);
    set_desc(d, desc_at(0, 1), BUFFER, 4, 0, 0);
    offer(d, 0, 0);
}

static void table_in_a_table(struct vdriver *d)
{
    set_desc(d, desc_at(0, 0), 0x300000, 32, INDIRECT, 0);
    set_desc(d, 0x300000, 0x300000, 32, INDIRECT, 0);
    offer(d, 0, 0);
}

static void table_and_more(struct vdriver *d)
{
    set_desc(d, desc_at(0, 0), 0x300000, 16, INDIRECT | NEXT, 1);
    set_desc(d, desc_at(0, 1), BUFFER, 4, WRITE, 0);
    set_desc(d, 0x300000, BUFFER, 4, WRITE, 0);
    offer(d, 0, 0);
}

static void table_of_odd_size(struct vdriver *d)
{
    set_desc(d, desc_at(0, 0), 0x300000, 24, INDIRECT, 0);
    offer(d, 0, 0);
}

static void table_that_is_not_in_ram(struct vdriver *d)
{
    set_desc(d, desc_at(0, 0), 0xffffffffffffff00, 32, INDIRECT, 0);
    offer(d, 0, 0);
}

static void long_loop_in_a_table(struct vdriver *d)
{
    set_desc(d, desc_at(0, 0), 0x300000, 0xfffffff0, INDIRECT, 0);
    set_desc(d, 0x300000, BUFFER, 0, WRITE | NEXT, 0);
    offer(d, 0, 0);
}

static void test_nonsense(void **state)
{
    static void (*const rings[])(struct vdriver * d) = {
        loop_of_two,       next_beyond_the_ring,     head_beyond_the_ring, too_many_at_once,
        too_many_bytes,    read_after_write,         table_in_a_table,     table_and_more,
        table_of_odd_size, table_that_is_not_in_ram, long_loop_in_a_table,
    };
    u32 len;

    (void)state;
    for (int modern = 0; modern < 2; modern++) {
        struct vdriver d = open_rng(modern);
        for (size_t i = 0; i < ARRAY_LEN(rings); i++) {
            start(&d, 1, 1u << VIRTIO_F_INDIRECT_DESC);
            rings[i](&d);
            kick(&d, 0);
            dt_step(d.t, 1000000);
            assert_int_equal(collect(&d, 0, &len), -1);
            assert_int_equal(!!(read_status(&d) & VIRTIO_NEEDS_RESET), modern);
            assert_int_equal(read_isr(&d), modern ? 2 : 0);
            kick(&d, 0);
            dt_step(d.t, 1000000);
        }
        start(&d, 1, 0); /* a reset makes it good again */
        assert_int_equal(ask(&d, 16), 16);
        close_virtio(d.t);
    }
}

/* Rings where there is no memory, or before the driver is ready. */
static void test_not_ready(void **state)
{
    struct vdriver d = open_rng(true);
    u32 len;

    (void)state;
    start(&d, 1, 0);
    write_status(&d, 11);
    set_desc(&d, desc_at(0, 0), BUFFER, 4, WRITE, 0);
    offer(&d, 0, 0);
    kick(&d, 0);
    dt_step(d.t, 1000000);
    assert_int_equal(collect(&d, 0, &len), -1);
    write_status(&d, 15);
    kick(&d, 0);
    write_status(&d, 0); /* and gone before it was served */
    dt_step(d.t, 1000000);
    assert_int_equal(collect(&d, 0, &len), -1);
    bus_out(d.t->bus, IO + 8, 4, 0xfffff);
    bus_out(d.t->bus, IO + 0x10, 2, 0);
    dt_step(d.t, 1000000);
    bus_out(d.t->bus, IO + 0x10, 2, 7);
    close_virtio(d.t);
}

/* Two devices' registers over each other, moved away one by one. */
static void test_bars_that_overlap(void **state)
{
    struct devtest *t = open_virtio();

    (void)state;
    dt_dev(t, &dev_virtio_rng, NULL);
    dt_dev(t, &dev_virtio_rng, NULL);
    virtio_board(t);
    dt_script(t, "outl cf8 80002020; inl cfc fe004000; outl cfc fe000000; rd fe000018 ffff0008");
    dt_script(t,
              "outl cf8 80001820; outl cfc fe010000; rd fe010018 ffff0008; rd fe000018 ffff0008");
    dt_script(t,
              "outl cf8 80002020; outl cfc fe010000; rd fe000018 ffffffff; rd fe010018 ffff0008");
    dt_script(t,
              "outl cf8 80001820; outl cfc fe020000; rd fe020018 ffff0008; rd fe010018 ffff0008");
    close_virtio(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_configuration_space),
        cmocka_unit_test(test_variants),
        cmocka_unit_test(test_negotiation),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_seed_and_journal),
        cmocka_unit_test(test_indirect),
        cmocka_unit_test(test_event_index),
        cmocka_unit_test(test_no_interrupt),
        cmocka_unit_test(test_nonsense),
        cmocka_unit_test(test_not_ready),
        cmocka_unit_test(test_bars_that_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
