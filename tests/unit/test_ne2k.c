/* NE2000: how drivers find it, remote DMA, sending, the receive ring with its wrap, filters,
 * loopback, overflow; and the PCI version. */
#include "tests/unit/net_rig.h"

#define BASE  0x300
#define START 0x46 /* pages of the receive ring */
#define STOP  0x60

struct world {
    struct devtest *t;
    struct net_rig rig;
};

static void out(struct world *w, unsigned reg, u32 value)
{
    bus_out(w->t->bus, (u16)(BASE + reg), 1, value);
}

static u8 in(struct world *w, unsigned reg)
{
    return (u8)bus_in(w->t->bus, (u16)(BASE + reg), 1);
}

/* As drivers do: stop, ring, filter, own address, start. */
static void start(struct world *w, u8 rcr)
{
    static const u8 mac[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};

    out(w, 0x0, 0x21);
    out(w, 0xe, 0x49); /* words */
    out(w, 0xc, rcr);
    out(w, 0xd, 0);
    out(w, 0x1, START);
    out(w, 0x2, STOP);
    out(w, 0x3, START);
    out(w, 0x7, 0xff);
    out(w, 0xf, 0x1f);
    out(w, 0x0, 0x61);
    for (unsigned i = 0; i < 6; i++)
        out(w, 1 + i, mac[i]);
    out(w, 0x7, START + 1);
    out(w, 0x0, 0x22);
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    w->t = dt_open();
    nr_open(&w->rig, w->t, "n0");
    dt_dev(w->t, &dev_ne2k_isa, "netdev=n0,irq=5");
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

static void remote(struct world *w, u16 addr, u16 len, u8 command)
{
    out(w, 0x8, addr & 0xff);
    out(w, 0x9, addr >> 8);
    out(w, 0xa, len & 0xff);
    out(w, 0xb, len >> 8);
    out(w, 0x0, command);
}

static void read_memory(struct world *w, u16 addr, u8 *to, u16 len)
{
    u16 even = (u16)((len + 1) & ~1);
    remote(w, addr, even, 0x0a);
    for (unsigned i = 0; i < even; i += 2) {
        u32 word = bus_in(w->t->bus, BASE + 0x10, 2);
        to[i] = (u8)word;
        if (i + 1u < len)
            to[i + 1] = (u8)(word >> 8);
    }
    assert_int_equal(in(w, 7) & 0x40, 0x40);
    out(w, 7, 0x40);
}

static void write_memory(struct world *w, u16 addr, const u8 *from, u16 len)
{
    remote(w, addr, (u16)((len + 1) & ~1), 0x12);
    for (unsigned i = 0; i < len; i += 2)
        bus_out(w->t->bus, BASE + 0x10, 2, from[i] | (i + 1u < len ? from[i + 1] : 0u) << 8);
    assert_int_equal(in(w, 7) & 0x40, 0x40);
    out(w, 7, 0x40);
}

static void test_probe(void **state)
{
    static const u8 prom[32] = {0x52, 0x52, 0x54, 0x54, 0, 0, 0x12, 0x12, 0x34, 0x34, 0x56,
                                0x56, 0,    0,    0,    0, 0, 0,    0,    0,    0,    0,
                                0,    0,    0,    0,    0, 0, 'W',  'W',  'W',  'W'};
    struct world *w = *state;
    u8 data[32];

    in(w, 0x1f); /* reset */
    assert_int_equal(in(w, 7), 0x80);
    assert_int_equal(in(w, 0), 0x21);
    start(w, 4);
    assert_int_equal(in(w, 7), 0);
    read_memory(w, 0, data, sizeof(data));
    assert_memory_equal(data, prom, sizeof(prom));
    out(w, 0xe, 0x48); /* bytes */
    remote(w, 0, 4, 0x0a);
    assert_int_equal(in(w, 0x10), 0x52);
    assert_int_equal(in(w, 0x10), 0x52);
    assert_int_equal(in(w, 0x10), 0x54);
}

static void test_registers(void **state)
{
    struct world *w = *state;

    dt_script(w->t,
              "out 300 61; out 301 11; out 306 66; out 308 80; out 30f 8f; out 307 4c"
              "; in 301 11; in 306 66; in 308 80; in 30f 8f; in 307 4c"
              "; out 300 21; out 301 46; out 302 60; out 304 40; out 30c 1f; out 30d 2; out 30e 49"
              "; out 30f 7f; in 303 0; out 303 50; in 303 50"
              "; out 300 a1; in 301 46; in 302 60; in 304 40; in 30c df; in 30d e2; in 30e c9"
              "; in 30f ff; out 300 e1; in 305 ff"); /* no page 3 without a Realtek */
}

static void test_memory(void **state)
{
    struct world *w = *state;
    u8 pattern[512], back[512];

    start(w, 4);
    nr_fill(pattern, sizeof(pattern), 5);
    write_memory(w, 0x4000, pattern, 512);
    read_memory(w, 0x4000, back, 512);
    assert_memory_equal(back, pattern, 512);
    out(w, 0xf, 0x40); /* at PSTOP the address goes to PSTART */
    write_memory(w, STOP * 256 - 4, pattern, 8);
    read_memory(w, START * 256, back, 4);
    assert_memory_equal(back, pattern + 4, 4);
    remote(w, 0x4000, 2, 0x12);
    dt_script(w->t, "irq 5 0; outw 310 1234; irq 5 1; out 307 40; irq 5 0");
    read_memory(w, 0x8000, back, 2);
    assert_int_equal(back[0], 0xff);
}

static void test_send(void **state)
{
    struct world *w = *state;
    u8 frame[100];

    start(w, 4);
    nr_fill(frame, sizeof(frame), 2);
    write_memory(w, 0x4000, frame, sizeof(frame));
    out(w, 4, 0x40);
    out(w, 5, sizeof(frame));
    out(w, 6, 0);
    out(w, 0, 0x26);
    assert_int_equal(w->rig.sent, 1);
    assert_int_equal(w->rig.len, sizeof(frame));
    assert_memory_equal(w->rig.frame, frame, sizeof(frame));
    dt_script(w->t, "in 300 22; in 304 1; in 307 2; irq 5 1; out 307 2; irq 5 0");
    out(w, 4, 0x7f); /* beyond the memory: nothing to send */
    out(w, 6, 4);
    out(w, 0, 0x26);
    assert_int_equal(w->rig.sent, 1);
    /* loopback keeps it in; its end stays in the FIFO */
    out(w, 4, 0x40);
    out(w, 6, 0);
    out(w, 0xd, 2);
    out(w, 0, 0x26);
    assert_int_equal(w->rig.sent, 1);
    assert_int_equal(in(w, 6), frame[99]);
    u32 fcs = net_fcs(frame, sizeof(frame));
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(in(w, 6), fcs >> (8 * i) & 0xff);
    assert_int_equal(in(w, 6), 104);
}

static void own_frame(u8 *frame, size_t len, unsigned seed)
{
    static const u8 mac[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
    nr_fill(frame, len, seed);
    memcpy(frame, mac, 6);
}

static u8 curr(struct world *w)
{
    out(w, 0, 0x62);
    u8 page = in(w, 7);
    out(w, 0, 0x22);
    return page;
}

static void test_receive(void **state)
{
    struct world *w = *state;
    u8 frame[300], back[320];

    start(w, 4);
    own_frame(frame, sizeof(frame), 1);
    nr_input(&w->rig, w->t, frame, sizeof(frame));
    dt_script(w->t, "in 307 1; irq 5 1; in 30c 1");
    assert_int_equal(curr(w), START + 3);
    read_memory(w, (START + 1) * 256, back, 308);
    assert_int_equal(back[0], 1);
    assert_int_equal(back[1], START + 3);
    assert_int_equal(load_le(back + 2, 2), 304);
    assert_memory_equal(back + 4, frame, 300);
    assert_int_equal(load_le(back + 304, 4), net_fcs(frame, 300));
    nr_input(&w->rig, w->t, frame, 20); /* padded */
    read_memory(w, (START + 3) * 256, back, 4);
    assert_int_equal(load_le(back + 2, 2), 64);
    dt_script(w->t, "out 300 21; in 307 81");
    nr_input(&w->rig, w->t, frame, sizeof(frame)); /* stopped: lost */
    assert_int_equal(curr(w), START + 4);
}

static bool taken(struct world *w, const u8 *mac, u8 rcr)
{
    u8 frame[60] = {0};
    start(w, rcr);
    memcpy(frame, mac, 6);
    nr_input(&w->rig, w->t, frame, sizeof(frame));
    return curr(w) != START + 1;
}

static void test_filter(void **state)
{
    struct world *w = *state;
    static const u8 own[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
    static const u8 other[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x57};
    static const u8 all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static const u8 group[6] = {1, 0, 0x5e, 0, 0, 1};

    assert_true(taken(w, own, 0));
    assert_false(taken(w, other, 0x0c));
    assert_true(taken(w, other, 0x10));
    assert_false(taken(w, all, 0));
    assert_true(taken(w, all, 4));
    assert_false(taken(w, group, 8));
    out(w, 0, 0x61);
    out(w, 8 + 0x1f / 8, 1 << (0x1f % 8));
    assert_true(taken(w, group, 8));
    assert_false(taken(w, group, 4));
    assert_false(taken(w, own, 0x20)); /* monitor mode only counts */
    assert_int_equal(in(w, 0xf), 1);
    assert_int_equal(in(w, 0xf), 0);
}

/* Reads one frame off the ring as a driver does; its length, 0 if there is none. */
static u32 take(struct world *w, u8 *frame)
{
    u8 next = in(w, 3) + 1u == STOP ? START : (u8)(in(w, 3) + 1), header[4];

    if (next == curr(w))
        return 0;
    read_memory(w, (u16)(next * 256), header, 4);
    u32 len = (u32)load_le(header + 2, 2);
    read_memory(w, (u16)(next * 256 + 4), frame, (u16)len);
    out(w, 3, header[1] == START ? STOP - 1 : header[1] - 1u);
    return len - 4;
}

/* Many more than fit, read late: the ring wraps, what is too much waits, nothing is lost. */
static void test_ring(void **state)
{
    struct world *w = *state;
    u8 frame[1514], back[1600];
    unsigned read = 0;

    start(w, 4);
    for (unsigned i = 0; i < 100; i++) {
        own_frame(frame, 60 + i * 14, i);
        nr_input(&w->rig, w->t, frame, 60 + i * 14);
        if (i % 3 == 2)
            continue;
        if (i % 8 && take(w, back)) {
            own_frame(frame, 60 + read * 14, read);
            assert_memory_equal(back, frame, 60 + read * 14);
            read++;
        }
    }
    assert_int_equal(in(w, 7) & 0x10, 0);
    for (u32 len; (len = take(w, back)); read++) {
        assert_int_equal(len, 60 + read * 14);
        own_frame(frame, len, read);
        assert_memory_equal(back, frame, len);
    }
    assert_int_equal(read, 100);
}

/* A ring that never has room. */
static void test_overflow(void **state)
{
    struct world *w = *state;
    u8 frame[1000];

    start(w, 4);
    out(w, 0, 0x21);
    out(w, 2, START + 3);
    out(w, 0, 0x22);
    own_frame(frame, sizeof(frame), 1);
    nr_input(&w->rig, w->t, frame, sizeof(frame));
    dt_script(w->t, "in 307 10&10; irq 5 1; in 30f 1");
    assert_int_equal(curr(w), START + 1);
}

/* The command that reads the next frame by itself, and counts BNRY on. */
static void test_send_packet_command(void **state)
{
    struct world *w = *state;
    u8 frame[60];

    start(w, 4);
    own_frame(frame, sizeof(frame), 7);
    nr_input(&w->rig, w->t, frame, sizeof(frame));
    out(w, 3, START + 1);
    out(w, 0, 0x1a);
    for (unsigned i = 0; i < 64; i += 2)
        bus_in(w->t->bus, BASE + 0x10, 2);
    assert_int_equal(in(w, 3), START + 2);
    assert_int_equal(in(w, 7) & 0x40, 0x40);
}

static void test_pci(void **state)
{
    struct nr_board *b = nr_board(&dev_ne2k_pci, "netdev=n0", 0xc001, 0);
    (void)state;
    assert_int_equal(pci_config_read(b->pci, NR_DEVFN, 0, 4), 0x802910ec);
    dt_script(b->t, "out c000 21; in c00a 50; in c00b 43; out c000 e1; in c00e 29; in c00f 80"
                    "; in c006 40; out c006 0; in c006 0; out c000 21; irq 11 0"
                    "; out c00f 7f; out c00e 49; out c00a 2; out c009 40; out c000 12"
                    "; outw c010 1234; irq 11 1; out c007 40; irq 11 0"
                    "; out c008 0; out c009 40; out c00a 4; out c000 a; inl c010 1234&ffff");
    nr_close(b);
}

static void test_refusals(void **state)
{
    struct world *w = *state;
    static const char *const bad[] = {"iobase=0x310", "iobase=0x10000", "irq=16", "mac=x",
                                      "netdev=none"};
    char err[200];

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_null(dev_create(w->t->bus, &dev_ne2k_isa, bad[i], err, sizeof(err)));
    assert_null(dev_create(w->t->bus, &dev_ne2k_pci, NULL, err, sizeof(err))); /* no PCI bus */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_probe, setup, teardown),
        cmocka_unit_test_setup_teardown(test_registers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_send, setup, teardown),
        cmocka_unit_test_setup_teardown(test_receive, setup, teardown),
        cmocka_unit_test_setup_teardown(test_filter, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ring, setup, teardown),
        cmocka_unit_test_setup_teardown(test_overflow, setup, teardown),
        cmocka_unit_test_setup_teardown(test_send_packet_command, setup, teardown),
        cmocka_unit_test(test_pci),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
