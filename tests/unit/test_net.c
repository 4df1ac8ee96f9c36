/* The cable between network cards and the host: frames both ways, the queue under back pressure and
 * at its wrap, cables pulled, addresses, checksums, and that a recorded run repeats. */
#include "tests/unit/net_rig.h"

#include <unistd.h>

/* A card that takes as many frames as it is told to, and remembers a hash of them. */
struct card {
    struct dev dev;
    struct net_port net;
    struct net_link *netdev;
    char *mac;
    u32 credit; /* frames that it can take */
    bool carrier;
    u32 received;
    u32 last_len;
    u64 sum;
    u32 changes;
};

static const struct field card_fields[] = {
    FIELD_SUB(struct card, net, net_port_fields),
    FIELD(struct card, credit),
    FIELD(struct card, received),
    FIELD(struct card, last_len),
    FIELD(struct card, sum),
    FIELD_END,
};

static const struct prop card_props[] = {
    PROP_OBJECT(struct card, netdev, NET_KIND),
    PROP_STR(struct card, mac, NULL),
    PROP_END,
};

static bool card_can_receive(void *dev)
{
    return ((struct card *)dev)->credit != 0;
}

static void card_receive(void *dev, const u8 *frame, u32 len)
{
    struct card *c = dev;
    c->credit--;
    c->received++;
    c->last_len = len;
    c->sum = c->sum * 31 + net_fcs(frame, len);
}

static void card_carrier(void *dev)
{
    struct card *c = dev;
    c->changes++;
    c->carrier = net_carrier(&c->net);
}

static const char *card_init(struct dev *dev, struct bus *bus)
{
    static const struct net_ops ops = {card_can_receive, card_receive, card_carrier};
    struct card *c = (struct card *)dev;
    (void)bus;
    return net_port_init(&c->net, dev, c->netdev, c->mac, &ops);
}

static void card_reset(struct dev *dev)
{
    net_port_reset(&((struct card *)dev)->net);
}

static const struct dev_type dev_card = {
    .name = "card",
    .size = sizeof(struct card),
    .version = 1,
    .fields = card_fields,
    .props = card_props,
    .init = card_init,
    .reset = card_reset,
};

struct world {
    struct devtest *t;
    struct net_rig rig;
    struct card *card;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    w->t = dt_open();
    nr_open(&w->rig, w->t, "n0");
    w->card = (struct card *)dt_dev(w->t, &dev_card, "netdev=n0");
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    dt_close(w->t);
    free(w);
    return 0;
}

static void test_both_ways(void **state)
{
    struct world *w = *state;
    u8 frame[100];

    nr_fill(frame, sizeof(frame), 1);
    net_send(&w->card->net, frame, sizeof(frame));
    assert_int_equal(w->rig.len, sizeof(frame));
    assert_memory_equal(w->rig.frame, frame, sizeof(frame));
    net_send(&w->card->net, frame, NET_HEADER - 1);
    assert_int_equal(w->rig.sent, 1);

    w->card->credit = UINT32_MAX;
    nr_input(&w->rig, w->t, frame, sizeof(frame));
    nr_input(&w->rig, w->t, frame, NET_HEADER - 1);
    assert_int_equal(w->card->received, 1);
    assert_int_equal(w->card->last_len, sizeof(frame));
}

/* Frames of all lengths through the queue, never more than it promises to hold: none is lost and
 * their order stays. */
static void test_queue(void **state)
{
    struct world *w = *state;
    static u8 frame[NET_FRAME_MAX];
    u64 sum = 0;
    u32 sent = 0, seed = 1;

    for (unsigned round = 0; round < 300; round++) {
        size_t room = net_room(&w->rig.link);
        for (;;) {
            seed = seed * 1103515245 + 12345;
            size_t len = NET_HEADER + (seed >> 8) % (round & 1 ? 1600 : 30000);
            if (len + NET_FRAME_COST > room)
                break;
            nr_fill(frame, len, seed);
            sum = sum * 31 + net_fcs(frame, len);
            net_input(&w->rig.link, frame, len);
            room -= len + NET_FRAME_COST;
            if (++sent % 7 == 0)
                break;
        }
        dt_step(w->t, 0);
        w->card->credit = round % 3 ? 0 : round % 11;
        net_flush(&w->card->net);
    }
    w->card->credit = UINT32_MAX;
    net_flush(&w->card->net);
    assert_int_equal(w->card->received, sent);
    assert_true(w->card->sum == sum);
    assert_int_equal(w->card->net.used, 0);
}

/* What is too much is lost, and nothing else. */
static void test_overflow(void **state)
{
    struct world *w = *state;
    u8 frame[1000];

    nr_fill(frame, sizeof(frame), 3);
    for (unsigned i = 0; i < 1000; i++)
        nr_input(&w->rig, w->t, frame, sizeof(frame));
    assert_true(net_room(&w->rig.link) < sizeof(frame) + NET_FRAME_COST);
    w->card->credit = UINT32_MAX;
    net_flush(&w->card->net);
    assert_int_equal(w->card->received, NET_QUEUE / 1004);
    assert_int_equal(net_room(&w->rig.link), NET_QUEUE);
}

static void test_carrier(void **state)
{
    struct world *w = *state;
    u8 frame[64] = {0};

    assert_true(net_carrier(&w->card->net));
    net_set_carrier(&w->rig.link, false);
    dt_step(w->t, 0);
    assert_int_equal(w->card->changes, 1);
    assert_false(w->card->carrier);
    net_send(&w->card->net, frame, sizeof(frame));
    w->card->credit = UINT32_MAX;
    nr_input(&w->rig, w->t, frame, sizeof(frame));
    assert_int_equal(w->rig.sent + w->card->received, 0);
    net_set_carrier(&w->rig.link, true);
    dt_step(w->t, 0);
    assert_true(w->card->carrier);
}

static void test_addresses(void **state)
{
    struct world *w = *state;
    static const char *const bad[] = {"",
                                      "52:54:00:12:34",
                                      "52:54:00:12:34:5",
                                      "52:54:00:12:34:567",
                                      "53:54:00:12:34:56",
                                      "52:54:00:12:34:xx",
                                      "52-54-00-12-34-56"};
    static const u8 first[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
    static const u8 second[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x57};
    u8 mac[6];
    char err[200];

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(net_parse_mac(bad[i], mac));
    assert_memory_equal(w->card->net.mac, first, 6);
    struct card *own = (struct card *)dt_dev(w->t, &dev_card, "mac=02:00:00:00:00:aB");
    assert_int_equal(own->net.mac[5], 0xab);
    assert_false(net_carrier(&own->net));
    struct card *next = (struct card *)dt_dev(w->t, &dev_card, NULL);
    assert_memory_equal(next->net.mac, second, 6);
    assert_null(dev_create(w->t->bus, &dev_card, "netdev=n0", err, sizeof(err)));
    assert_non_null(strstr(err, "another card"));
    assert_null(dev_create(w->t->bus, &dev_card, "netdev=n1", err, sizeof(err)));
    assert_null(dev_create(w->t->bus, &dev_card, "mac=1", err, sizeof(err)));
}

/* The check value of CRC-32, and the multicast index of 01:00:5e:00:00:01 in an 8390. */
static void test_checksums(void **state)
{
    static const u8 group[6] = {0x01, 0x00, 0x5e, 0x00, 0x00, 0x01};
    (void)state;
    assert_int_equal(net_fcs("123456789", 9), 0xcbf43926);
    assert_int_equal(net_crc_be(group, 6) >> 26, 0x1f);
}

/* A record of frames, and of the cable, replayed without a host gives the same state. */
static u64 record_or_replay(const char *path, bool replay)
{
    struct devtest *t = dt_open();
    struct net_rig *rig = calloc(1, sizeof(*rig));
    u8 frame[500];
    char err[200] = "";
    u64 hash;

    assert_non_null(rig);
    nr_open(rig, t, "n0");
    struct card *card = (struct card *)dt_dev(t, &dev_card, "netdev=n0");
    card->credit = 35;
    assert_true(replay ? journal_replay(t->journal, path, "c", err, sizeof(err))
                       : journal_record(t->journal, path, "c", 1000, err, sizeof(err)));
    for (unsigned i = 0; i < 50; i++) {
        nr_fill(frame, sizeof(frame), replay ? 99 : i);
        net_input(&rig->link, frame, sizeof(frame) - i);
        if (i == 30)
            net_set_carrier(&rig->link, false);
        if (i == 35)
            net_set_carrier(&rig->link, true);
        dt_step(t, 100);
    }
    assert_int_equal(card->received, 35); /* 31 to 35 are lost, 40 and later wait */
    assert_true(card->net.used > 9 * 450);
    hash = dt_hash(t);
    if (!replay)
        assert_true(journal_finish(t->journal));
    assert_null(journal_error(t->journal));
    dt_close(t);
    free(rig);
    return hash;
}

static void test_replay(void **state)
{
    char path[] = "test_net_XXXXXX";
    int fd = mkstemp(path);
    (void)state;
    assert_true(fd >= 0);
    close(fd);
    u64 recorded = record_or_replay(path, false), replayed = record_or_replay(path, true);
    unlink(path);
    assert_true(recorded == replayed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_both_ways, setup, teardown),
        cmocka_unit_test_setup_teardown(test_queue, setup, teardown),
        cmocka_unit_test_setup_teardown(test_overflow, setup, teardown),
        cmocka_unit_test_setup_teardown(test_carrier, setup, teardown),
        cmocka_unit_test_setup_teardown(test_addresses, setup, teardown),
        cmocka_unit_test(test_checksums),
        cmocka_unit_test(test_replay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
