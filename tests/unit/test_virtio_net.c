/* virtio-net by both interfaces: frames both ways, buffers that are merged and that are too small,
 * filters set through the control queue, the cable, and commands that make no sense. */
#include "tests/unit/net_rig.h"
#include "tests/unit/virtio_driver.h"

#define BUFFER 0x200000u
#define SMALL  64 /* bytes of a small buffer */
#define ALL    (1u << 17 | 1u << 18 | 1u << 20 | 1u << 23)
#define MERGE  (1u << 15)
#define GUEST  (1u << 21)

static const u8 our_mac[] = {0x52, 0x54, 0, 1, 2, 3};

struct card {
    struct vdriver d;
    struct net_rig host;
};

static struct vdriver *open_card(struct card *c, bool modern)
{
    memset(c, 0, sizeof(*c));
    c->d.t = open_virtio();
    c->d.modern = modern;
    nr_open(&c->host, c->d.t, "n0");
    dt_dev(c->d.t, &dev_virtio_net, "netdev=n0,mac=52:54:00:01:02:03");
    virtio_board(c->d.t);
    return &c->d;
}

/* Offers buffer n of the receive queue, `len` bytes at BUFFER + 0x1000 * n. */
static u32 room(struct vdriver *d, unsigned n, u32 len)
{
    set_desc(d, desc_at(0, n), BUFFER + 0x1000 * n, len, WRITE, 0);
    offer(d, 0, n);
    kick(d, 0);
    dt_step(d->t, 20000);
    return BUFFER + 0x1000 * n;
}

/* A command of the control queue; returns its answer. */
static u32 command(struct vdriver *d, const void *data, u32 len)
{
    u32 at = BUFFER + 0x100000, got = 0;

    bus_dma_write(d->t->bus, at, data, len);
    set_desc(d, desc_at(2, 0), at, len, NEXT, 1);
    set_desc(d, desc_at(2, 1), at + 0x10000, 1, WRITE, 0);
    offer(d, 2, 0);
    kick(d, 2);
    dt_step(d->t, 20000);
    assert_int_equal(collect(d, 2, &got), 0);
    assert_int_equal(got, 1);
    return get8(d, at + 0x10000);
}

static void make_frame(u8 *frame, size_t len, const u8 *mac)
{
    nr_fill(frame, len, 3);
    memcpy(frame, mac, 6);
}

static void test_both_ways(void **state)
{
    struct card c;
    u8 frame[100], back[100];
    u32 at, len;

    (void)state;
    for (int modern = 0; modern < 2; modern++) {
        struct vdriver *d = open_card(&c, modern);
        u32 head = modern ? 12 : 10;
        start(d, 2, 1u << 5);
        for (unsigned i = 0; i < 6; i++)
            assert_int_equal(config_byte(d, i), our_mac[i]);
        assert_int_equal(config_byte(d, 6), 1);
        make_frame(frame, sizeof(frame), our_mac);
        nr_input(&c.host, d->t, frame, sizeof(frame)); /* waits for a buffer */
        at = room(d, 0, 2000);
        assert_int_equal(collect(d, 0, &len), 0);
        assert_int_equal(len, head + sizeof(frame));
        bus_dma_read(d->t->bus, at + head, back, sizeof(back));
        assert_memory_equal(frame, back, sizeof(frame));
        assert_int_equal(get8(d, at + 10), modern ? 1 : our_mac[0]); /* num_buffers */
        room(d, 1, 2000);
        nr_input(&c.host, d->t, frame, 60); /* a buffer waits */
        assert_int_equal(collect(d, 0, &len), 1);
        assert_int_equal(len, head + 60);
        assert_true(d->t->level[PIRQ_LINE]);
        bus_dma_write(d->t->bus, BUFFER + head, frame, sizeof(frame));
        set_desc(d, desc_at(1, 0), BUFFER, head, NEXT, 1);
        set_desc(d, desc_at(1, 1), BUFFER + head, 40, NEXT, 2);
        set_desc(d, desc_at(1, 2), BUFFER + head + 40, 60, 0, 0);
        offer(d, 1, 0);
        kick(d, 1);
        assert_int_equal(c.host.sent, 0);
        dt_step(d->t, 20000);
        assert_int_equal(c.host.sent, 1);
        assert_int_equal(c.host.len, sizeof(frame));
        assert_memory_equal(c.host.frame, frame, sizeof(frame));
        assert_int_equal(collect(d, 1, &len), 0);
        close_virtio(d->t);
    }
}

static void test_merged_buffers(void **state)
{
    struct card c;
    struct vdriver *d = open_card(&c, true);
    u8 frame[150], back[SMALL];
    u32 len;

    (void)state;
    make_frame(frame, sizeof(frame), our_mac);
    start(d, 1, 0);
    room(d, 0, SMALL);
    nr_input(&c.host, d->t, frame, sizeof(frame)); /* larger than the buffer: lost */
    assert_int_equal(collect(d, 0, &len), -1);
    start(d, 1, MERGE);
    for (unsigned n = 0; n < 4; n++)
        room(d, n, SMALL);
    nr_input(&c.host, d->t, frame, sizeof(frame));
    assert_int_equal(collect(d, 0, &len), 0);
    assert_int_equal(len, SMALL);
    assert_int_equal(get16(d, BUFFER + 10), 3);
    assert_int_equal(collect(d, 0, &len), 1);
    assert_int_equal(collect(d, 0, &len), 2);
    assert_int_equal(len, 12 + 150 - 2 * SMALL);
    bus_dma_read(d->t->bus, BUFFER + 0x1000, back, SMALL);
    assert_memory_equal(back, frame + SMALL - 12, SMALL);
    assert_int_equal(collect(d, 0, &len), -1);
    close_virtio(d->t);
}

static bool arrives(struct card *c, const u8 *mac)
{
    u8 frame[60];
    u32 len;

    make_frame(frame, sizeof(frame), mac);
    room(&c->d, 0, 2000);
    nr_input(&c->host, c->d.t, frame, sizeof(frame));
    if (collect(&c->d, 0, &len) == 0)
        return true;
    c->d.avail[0]--; /* the buffer is still there: take it back */
    put16(&c->d, avail_at(&c->d, 0) + 2, c->d.avail[0]);
    return false;
}

static void test_filters(void **state)
{
    static const u8 other[] = {2, 0, 0, 0, 0, 9}, second[] = {2, 0, 0, 0, 0, 8},
                    group[] = {1, 0, 0x5e, 0, 0, 1}, all[] = {255, 255, 255, 255, 255, 255};
    static const u8 table[] = {1, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 8, 1, 0, 0, 0, 1, 0, 0x5e, 0, 0, 1};
    struct card c;
    struct vdriver *d = open_card(&c, true);

    (void)state;
    start(d, 3, ALL);
    assert_true(arrives(&c, other)); /* promiscuous at first */
    assert_int_equal(command(d, "\0\0\0", 3), 0);
    assert_false(arrives(&c, other));
    assert_true(arrives(&c, our_mac));
    assert_true(arrives(&c, all));
    assert_false(arrives(&c, group));
    assert_int_equal(command(d, table, sizeof(table)), 0);
    assert_true(arrives(&c, group));
    assert_true(arrives(&c, second));
    assert_false(arrives(&c, other));
    assert_int_equal(command(d, "\0\1\1", 3), 0); /* all multicasts */
    assert_int_equal(command(d, "\0\2\1", 3), 0); /* all unicasts */
    assert_true(arrives(&c, other));
    assert_int_equal(command(d, "\0\5\1", 3), 0);
    assert_false(arrives(&c, all));
    assert_int_equal(command(d, "\0\2\0", 3), 0);
    assert_int_equal(command(d, "\1\1\2\0\0\0\0\11", 8), 0); /* our new address */
    assert_true(arrives(&c, other));
    assert_int_equal(config_byte(d, 5), 9);
    close_virtio(d->t);
}

static void test_nonsense(void **state)
{
    static const u8 long_table[] = {1, 0, 255, 255, 255, 255, 1, 2, 3, 4, 5, 6};
    struct card c;
    struct vdriver *d = open_card(&c, true);
    u32 len;

    (void)state;
    start(d, 3, ALL);
    assert_int_equal(command(d, "\0\6\1", 3), 1);
    assert_int_equal(command(d, "\0\0", 2), 1);
    assert_int_equal(command(d, "\2\0\1", 3), 1);
    assert_int_equal(command(d, "\377\0\1", 3), 1);
    assert_int_equal(command(d, "\1", 1), 1);
    assert_int_equal(command(d, "\1\1\1", 3), 1);
    assert_int_equal(command(d, long_table, sizeof(long_table)), 1);
    assert_int_equal(command(d, "\3\1", 2), 1);
    for (u32 count = 4096; count <= 4097; count++) { /* so many addresses are not looked at */
        static u8 endless[2 + 4 + 4097 * 6 + 4] = {1, 0};
        store_le(endless + 2, 4, count);
        assert_int_equal(command(d, endless, 2 + 4 + count * 6 + 4), count > 4096);
    }
    for (u32 size = 0; size < 26; size++) { /* no frames at all */
        set_desc(d, desc_at(1, 0), BUFFER, size, 0, 0);
        offer(d, 1, 0);
        kick(d, 1);
        dt_step(d->t, 20000);
        assert_int_equal(collect(d, 1, &len), 0);
        assert_int_equal(c.host.sent, 0);
    }
    close_virtio(d->t);
}

static void test_cable(void **state)
{
    struct card c;
    struct vdriver *d = open_card(&c, true);

    (void)state;
    start(d, 3, ALL | GUEST);
    dt_script(d->t, "rd fe002004 00010302");
    net_set_carrier(&c.host.link, false);
    dt_step(d->t, 1);
    dt_script(d->t, "rd fe002004 00000302; irq 11 1; rdb fe001000 2; irq 11 0");
    net_set_carrier(&c.host.link, true);
    dt_step(d->t, 1);
    dt_script(d->t, "rd fe002004 00030302"); /* and the guest should say where it is */
    assert_int_equal(command(d, "\3\0", 2), 0);
    dt_script(d->t, "rd fe002004 00010302");
    close_virtio(d->t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways), cmocka_unit_test(test_merged_buffers),
        cmocka_unit_test(test_filters),   cmocka_unit_test(test_nonsense),
        cmocka_unit_test(test_cable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
