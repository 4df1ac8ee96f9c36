/* Checksums against known ones, layouts of what is IP and what is not, and cut packets: their
 * pieces together are the packet, and each has right checksums. */
#include "tests/unit/net_rig.h"

/* RFC 1071, 3: 0001 f203 f4f5 f6f7. */
static void test_sums(void **state)
{
    static const u8 data[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7, 0x12};
    u8 big[70000];
    u64 slow = 0;
    (void)state;

    assert_int_equal(net_sum(data, 8, 0), 0xddf2);
    assert_int_equal(net_checksum(net_sum(data, 8, 0)), 0x220d);
    assert_int_equal(net_sum(data, 9, 0), 0xddf2 + 0x1200); /* a byte is the upper half */
    assert_int_equal(net_sum(data, 2, 0xffff), 1);
    nr_fill(big, sizeof(big), 3);
    for (unsigned i = 0; i < sizeof(big); i += 2)
        slow += load_be(big + i, 2);
    while (slow >> 16)
        slow = (slow & 0xffff) + (slow >> 16);
    assert_int_equal(net_sum(big, sizeof(big), 0), slow);
    assert_int_equal(net_sum(big + 1, 6, 0), net_sum(big + 3, 4, net_sum(big + 1, 2, 0)));
}

static void test_layout(void **state)
{
    u8 frame[200];
    struct net_layout l;
    u32 len = nr_tcp(frame, 100, 1);
    (void)state;

    assert_true(net_parse(frame, len, &l));
    assert_true(l.ip == 14 && l.l4 == 34 && l.end == len && l.tcp && !l.udp && !l.ip6);
    assert_true(nr_sums_ok(frame, len));
    assert_false(net_parse(frame, len - 1, &l)); /* cut off */
    assert_false(net_parse(frame, 30, &l));
    frame[14] = 0x44; /* a header of 16 bytes */
    assert_false(net_parse(frame, len, &l));
    frame[14] = 0x45;
    frame[20] |= 0x20; /* a fragment */
    assert_true(net_parse(frame, len, &l) && !l.tcp);
    frame[20] = 0;
    memmove(frame + 16, frame + 12, 150);
    store_be(frame + 12, 2, 0x8100);
    assert_true(net_parse(frame, len + 4, &l) && l.ip == 18 && l.tcp);
    frame[12] = 8;
    frame[13] = 6;
    assert_false(net_parse(frame, len, &l)); /* ARP */
    for (u32 n = 0; n < 18; n++)
        assert_false(net_parse(frame, n, &l));
}

static void test_udp_zero(void **state)
{
    u8 frame[42] = {[12] = 8, [14] = 0x45, [17] = 28, [23] = 17, [38] = 0, [39] = 8};
    struct net_layout l;
    (void)state;

    /* the source port makes the sum ffff, its complement zero */
    assert_true(net_parse(frame, sizeof(frame), &l) && l.udp);
    store_be(frame + 34, 2, 0xffff - net_sum(frame + 34, 8, net_pseudo_sum(frame + 14, 17, 8)));
    net_fill_l4(frame, &l);
    assert_int_equal(load_be(frame + 40, 2), 0xffff);
}

struct pieces {
    unsigned count;
    u32 bytes, mss, total;
    const u8 *whole;
};

static void on_piece(void *opaque, u8 *frame, u32 len)
{
    struct pieces *p = opaque;
    u32 data = len - 54;
    bool last = p->bytes + data == p->total;

    assert_true(nr_sums_ok(frame, len));
    assert_int_equal(load_be(frame + 16, 2), len - 14);
    assert_int_equal(load_be(frame + 18, 2), 9 + p->count);
    assert_int_equal(load_be(frame + 38, 4), 0x01020304 + p->bytes);
    assert_int_equal(frame[47], last ? 0x19 : 0x10); /* FIN and PSH at the end only */
    assert_memory_equal(frame + 54, p->whole + 54 + p->bytes, data);
    assert_true(last || data == p->mss);
    p->bytes += data;
    p->count++;
}

static void test_cut(void **state)
{
    static const u32 sizes[] = {0, 1, 999, 1000, 1001, 5000, 60000};
    static u8 frame[61000], whole[61000];
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct pieces p = {.mss = 1000, .total = sizes[i], .whole = whole};
        struct net_cut cut = {.ip = 14,
                              .l4 = 34,
                              .header = 54,
                              .mss = 1000,
                              .tcp = true,
                              .ip_sum = true,
                              .l4_sum = true};
        u32 len = nr_tcp(frame, sizes[i], (unsigned)i);
        memcpy(whole, frame, len);
        net_cut(frame, len, &cut, on_piece, &p);
        assert_int_equal(p.count, sizes[i] ? (sizes[i] + 999) / 1000 : 1);
        assert_int_equal(p.bytes, sizes[i]);
    }
}

static void count_piece(void *opaque, u8 *frame, u32 len)
{
    (void)frame;
    (void)len;
    ++*(unsigned *)opaque;
}

/* Offsets that make no sense: the frame goes out as it is. */
static void test_nonsense(void **state)
{
    const struct net_cut bad[] = {
        {.ip = 14, .l4 = 34, .header = 54, .mss = 0, .tcp = true},
        {.ip = 14, .l4 = 34, .header = 53, .mss = 100, .tcp = true},
        {.ip = 34, .l4 = 14, .header = 54, .mss = 100, .tcp = true},
        {.ip = 14, .l4 = 34, .header = 255, .mss = 100, .tcp = true},
        {.ip = 255, .l4 = 255, .header = 255, .mss = 100},
        {.ip = 14, .l4 = 34, .header = 54, .mss = 100, .ip6 = true},
        {.ip = 14, .l4 = 34, .header = 54, .mss = 1, .tcp = true},
    };
    u8 frame[54 + NET_CUT_PIECES] = {0};
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        unsigned n = 0;
        net_cut(frame, bad[i].mss == 1 ? sizeof(frame) : 200, &bad[i], count_piece, &n);
        assert_int_equal(n, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),     cmocka_unit_test(test_layout),
        cmocka_unit_test(test_udp_zero), cmocka_unit_test(test_cut),
        cmocka_unit_test(test_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
