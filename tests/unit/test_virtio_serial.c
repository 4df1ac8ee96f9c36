/* virtio-console: bytes both ways with and without the multiport feature, control messages, ports
 * that are closed, emergency output, and messages that make no sense. */
#include "tests/unit/virtio_driver.h"

#define BUFFER 0x200000u

struct serial_rig {
    struct vdriver d;
    struct chardev console, stream;
};

static struct vdriver *open_serial(struct serial_rig *r, bool modern)
{
    memset(r, 0, sizeof(*r));
    r->d.t = open_virtio();
    r->d.modern = modern;
    dt_chardev(r->d.t, &r->console, "con");
    dt_chardev(r->d.t, &r->stream, "str");
    dt_dev(r->d.t, &dev_virtio_serial, "id=vs");
    dt_dev(r->d.t, &dev_virtserialport, "chardev=str,name=org.test.0,bus=vs.0");
    dt_dev(r->d.t, &dev_virtconsole, "chardev=con");
    virtio_board(r->d.t);
    return &r->d;
}

/* Gives the queue room: descriptor n, 64 bytes at BUFFER + (queue * 16 + n) * 64. */
static u32 room(struct vdriver *d, unsigned q, unsigned n)
{
    u32 at = BUFFER + (q * 16 + n) * 64;

    set_desc(d, desc_at(q, n), at, 64, WRITE, 0);
    offer(d, q, n);
    kick(d, q);
    return at;
}

static void send_bytes(struct vdriver *d, unsigned q, const void *data, u32 len)
{
    u32 at = BUFFER + 0x10000, got;

    bus_dma_write(d->t->bus, at, data, len);
    set_desc(d, desc_at(q, 0), at, len, 0, 0);
    offer(d, q, 0);
    kick(d, q);
    dt_step(d->t, 20000);
    assert_int_equal(collect(d, q, &got), 0);
    assert_int_equal(got, 0);
}

static void send_message(struct vdriver *d, u32 port, u32 event, u32 value)
{
    u8 message[8];

    store_le(message, 4, port);
    store_le(message + 4, 2, event);
    store_le(message + 6, 2, value);
    send_bytes(d, 3, message, sizeof(message));
}

static void expect_message(struct vdriver *d, unsigned n, u32 port, u32 event, u32 value)
{
    u32 at = BUFFER + (2 * 16 + n) * 64, len;

    assert_int_equal(collect(d, 2, &len), n);
    assert_true(len >= 8);
    assert_int_equal(get32(d, at), port);
    assert_int_equal(get16(d, at + 4), event);
    assert_int_equal(get16(d, at + 6), value);
}

static void test_single_port(void **state)
{
    struct serial_rig r;
    u32 at, len;

    (void)state;
    for (int modern = 0; modern < 2; modern++) {
        struct vdriver *d = open_serial(&r, modern);
        start(d, 2, 0);
        send_bytes(d, 1, "hello", 5);
        assert_int_equal(d->t->out_len, 5);
        assert_memory_equal(d->t->out, "hello", 5);
        chardev_input(&r.console, "typed", 5);
        dt_step(d->t, 20000);
        assert_int_equal(collect(d, 0, &len), -1); /* no room yet */
        at = room(d, 0, 3);
        dt_step(d->t, 20000);
        assert_int_equal(collect(d, 0, &len), 3);
        assert_int_equal(len, 5);
        assert_int_equal(get32(d, at), 0x65707974);
        room(d, 0, 4); /* room first, then input */
        dt_step(d->t, 20000);
        chardev_input(&r.console, "x", 1);
        dt_step(d->t, 20000);
        assert_int_equal(collect(d, 0, &len), 4);
        assert_int_equal(len, 1);
        assert_int_equal(config_byte(d, 0), 80);
        assert_int_equal(config_byte(d, 2), 25);
        bus_out(d->t->bus, IO + 0x14 + 8, 4, '!');
        assert_int_equal(d->t->out[5], '!');
        close_virtio(d->t);
    }
}

static void test_multiport(void **state)
{
    struct serial_rig r;
    struct vdriver *d = open_serial(&r, true);
    u32 at, len;

    (void)state;
    start(d, 6, 2);
    for (unsigned n = 0; n < 10; n++)
        room(d, 2, n);
    send_message(d, 0xffffffff, 0, 1);
    dt_step(d->t, 20000);
    expect_message(d, 0, 0, 1, 1);
    expect_message(d, 1, 1, 1, 1);
    send_message(d, 0, 3, 1);
    dt_step(d->t, 20000);
    expect_message(d, 2, 0, 4, 1); /* it is a console, */
    expect_message(d, 3, 0, 5, 0); /* this large, */
    assert_int_equal(get32(d, BUFFER + (2 * 16 + 3) * 64 + 8), 80 | 25 << 16);
    expect_message(d, 4, 0, 6, 1); /* and open */
    send_message(d, 1, 3, 1);
    dt_step(d->t, 20000);
    expect_message(d, 5, 1, 6, 1);
    expect_message(d, 6, 1, 7, 1);
    assert_int_equal(get32(d, BUFFER + (2 * 16 + 6) * 64 + 8), 0x2e67726f); /* org. */
    /* A port that the driver has not opened keeps what came. */
    at = room(d, 4, 0);
    chardev_input(&r.stream, "data", 4);
    dt_step(d->t, 20000);
    assert_int_equal(collect(d, 4, &len), -1);
    send_message(d, 1, 6, 1);
    dt_step(d->t, 20000);
    assert_int_equal(collect(d, 4, &len), 0);
    assert_int_equal(len, 4);
    assert_int_equal(get32(d, at), 0x61746164);
    send_bytes(d, 5, "out", 3);
    assert_memory_equal(d->t->out, "out", 3);
    close_virtio(d->t);
}

static void test_nonsense(void **state)
{
    struct serial_rig r;
    struct vdriver *d = open_serial(&r, true);
    u32 len;

    (void)state;
    start(d, 8, 2);
    send_message(d, 500, 3, 1);
    send_message(d, 500, 6, 1);
    send_message(d, 5, 3, 1);
    send_message(d, 0, 99, 1);
    send_bytes(d, 3, "abc", 3);
    send_bytes(d, 7, "to nobody", 9);
    room(d, 6, 0);
    dt_step(d->t, 20000);
    assert_int_equal(collect(d, 6, &len), -1);
    send_message(d, 0xffffffff, 0, 1); /* no room for the answers: they wait */
    dt_step(d->t, 20000);
    room(d, 2, 0);
    dt_step(d->t, 20000);
    expect_message(d, 0, 0, 1, 1);
    room(d, 2, 1);
    dt_step(d->t, 20000);
    expect_message(d, 1, 1, 1, 1);
    close_virtio(d->t);
}

static void test_refusals(void **state)
{
    static const struct {
        const struct dev_type *type;
        const char *options;
    } cases[] = {
        {&dev_virtconsole, "bus=none.0"},    {&dev_virtconsole, "nr=1"},
        {&dev_virtconsole, "nr=200"},        {&dev_virtconsole, "chardev=con"},
        {&dev_virtserialport, ""},           {&dev_virtserialport, "name=x,nr=0"},
        {&dev_virtserialport, "name=,nr=2"},
    };
    struct serial_rig r;
    struct vdriver *d = open_serial(&r, true);
    struct devtest *empty = open_virtio();
    char err[200];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_null(dev_create(d->t->bus, cases[i].type, cases[i].options, err, sizeof(err)));
    assert_null(dev_create(empty->bus, &dev_virtconsole, "", err, sizeof(err)));
    close_virtio(empty);
    close_virtio(d->t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_single_port),
        cmocka_unit_test(test_multiport),
        cmocka_unit_test(test_nonsense),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
