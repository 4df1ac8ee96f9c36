/* RTL8139C+: EEPROM and locked registers, the C mode's descriptors and ring, the C+ mode's rings
 * with checksums, tags and large packets, timer, tally, and rings that lead nowhere. */
#include "tests/unit/net_rig.h"

#define MEM   0xe0000000u
#define RING  0x100000u /* what the tests put where */
#define TXBUF 0x200000u
#define DESCS 0x300000u
#define RXBUF 0x310000u

static const u8 own[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};

static u32 rd(struct nr_board *b, u32 reg, unsigned size)
{
    return (u32)phys_read(b->t->bus->phys, MEM + reg, size);
}

static void wr(struct nr_board *b, u32 reg, unsigned size, u32 value)
{
    phys_write(b->t->bus->phys, MEM + reg, size, value);
}

static int setup(void **state)
{
    *state = nr_board(&dev_rtl8139, "netdev=n0", 0xc001, MEM);
    return 0;
}

static int teardown(void **state)
{
    nr_close(*state);
    return 0;
}

static void own_frame(u8 *frame, size_t len, unsigned seed)
{
    nr_fill(frame, len, seed);
    memcpy(frame, own, 6);
}

/* One word by the four wires. */
static u16 eeprom_word(struct nr_board *b, unsigned addr)
{
    u32 command = 6u << 6 | addr, value = 0;

    wr(b, 0x50, 1, 0x88);
    for (unsigned i = 9; i-- > 0;) {
        u32 bit = command >> i & 1 ? 2 : 0;
        wr(b, 0x50, 1, 0x88 | bit);
        wr(b, 0x50, 1, 0x8c | bit);
    }
    assert_int_equal(rd(b, 0x50, 1) & 1, 0); /* the zero before the data */
    for (unsigned i = 0; i < 16; i++) {
        wr(b, 0x50, 1, 0x88);
        wr(b, 0x50, 1, 0x8c);
        value = value << 1 | (rd(b, 0x50, 1) & 1);
    }
    wr(b, 0x50, 1, 0);
    return (u16)value;
}

static void test_identity(void **state)
{
    struct nr_board *b = *state;

    assert_int_equal(pci_config_read(b->pci, NR_DEVFN, 0, 4), 0x813910ec);
    assert_int_equal(pci_config_read(b->pci, NR_DEVFN, PCI_REVISION, 1), 0x20);
    assert_int_equal(rd(b, 0x40, 4) & 0x7cc00000, 0x74800000);
    assert_int_equal(rd(b, 0, 4), 0x12005452);
    assert_int_equal(rd(b, 4, 2), 0x5634);
    assert_int_equal(eeprom_word(b, 0), 0x8129);
    assert_int_equal(eeprom_word(b, 7), 0x5452);
    assert_int_equal(eeprom_word(b, 9), 0x5634);
    wr(b, 0, 4, 0x44332211); /* locked */
    assert_int_equal(rd(b, 0, 4), 0x12005452);
    wr(b, 0x50, 1, 0xc0);
    wr(b, 0, 4, 0x44332211);
    assert_int_equal(rd(b, 0, 4), 0x44332211);
    wr(b, 0x50, 1, 0x40); /* loads the EEPROM again */
    assert_int_equal(rd(b, 0, 4), 0x12005452);
    assert_int_equal(rd(b, 0x64, 2) & 0x24, 0x24);
    dt_script(b->t, "inl c000 12005452; inw c004 5634; in c001 54"); /* as ports */
}

static void test_send(void **state)
{
    struct nr_board *b = *state;
    u8 frame[4][200];

    wr(b, 0x37, 1, 4);
    wr(b, 0x3c, 2, 4);
    assert_int_equal(rd(b, 0x60, 2), 0x000f);
    for (unsigned i = 0; i < 4; i++) {
        nr_fill(frame[i], 200, i);
        memcpy(b->ram + TXBUF + 0x1000 * i, frame[i], 200);
        wr(b, 0x20 + 4 * i, 4, TXBUF + 0x1000 * i);
    }
    wr(b, 0x14, 4, 0x2000 | 100); /* not its turn, and not given */
    assert_int_equal(b->rig.sent, 0);
    for (unsigned i = 0; i < 6; i++) {
        wr(b, 0x10 + 4 * (i % 4), 4, 100 + i);
        assert_int_equal(b->rig.sent, i + 1);
        assert_int_equal(b->rig.len, 100 + i);
        assert_memory_equal(b->rig.frame, frame[i % 4], 100 + i);
        assert_int_equal(rd(b, 0x10 + 4 * (i % 4), 4), 0xa000 | (100 + i));
    }
    dt_script(b->t, "irq 11 1; inw c03e 4; outw c03e 4; inw c03e 0; irq 11 0");
    assert_int_equal(rd(b, 0x60, 2), 0xf00f);
    wr(b, 0x37, 1, 0x10); /* reset: from descriptor 0 on */
    wr(b, 0x37, 1, 4);
    wr(b, 0x20, 4, TXBUF);
    wr(b, 0x10, 4, 60);
    assert_int_equal(b->rig.sent, 7);
}

/* Takes one frame out of the ring, which may wrap or not; 0: there is none. */
static u32 take(struct nr_board *b, u8 *frame, bool beyond)
{
    u32 get = (rd(b, 0x38, 2) + 16) & 0xffff, size = 8192, len;
    u8 header[4];

    if (rd(b, 0x37, 1) & 1)
        return 0;
    get %= size;
    memcpy(header, b->ram + RING + get, 4);
    assert_int_equal(load_le(header, 2), 0x4001);
    len = (u32)load_le(header + 2, 2);
    for (u32 i = 0; i < len; i++)
        frame[i] = b->ram[RING + (beyond ? get + 4 + i : (get + 4 + i) % size)];
    wr(b, 0x38, 2, ((get + 4 + len + 3) & ~3u) - 16);
    return len;
}

static void check_ring(struct nr_board *b, bool beyond)
{
    u8 frame[1514], back[1600];
    unsigned read = 0;

    wr(b, 0x37, 1, 0x10);
    wr(b, 0x30, 4, RING);
    wr(b, 0x44, 4, beyond ? 0x8a : 0x0a);
    wr(b, 0x37, 1, 8);
    wr(b, 0x38, 2, 0xfff0);
    assert_int_equal(rd(b, 0x37, 1), 9);
    for (unsigned i = 0; i < 100; i++) {
        own_frame(frame, 60 + i * 14, i);
        nr_input(&b->rig, b->t, frame, 60 + i * 14);
        if (i % 8 < 3 && take(b, back, beyond)) {
            own_frame(frame, 60 + read * 14, read);
            assert_memory_equal(back, frame, 60 + read * 14);
            read++;
        }
    }
    assert_int_equal(rd(b, 0x3e, 2), 1); /* no overflow */
    for (u32 len; (len = take(b, back, beyond)); read++) {
        assert_int_equal(len, 64 + read * 14);
        own_frame(frame, len - 4, read);
        assert_memory_equal(back, frame, len - 4);
        assert_int_equal(load_le(back + len - 4, 4), net_fcs(frame, len - 4));
    }
    assert_int_equal(read, 100);
}

static void test_ring(void **state)
{
    check_ring(*state, false);
}

static void test_ring_beyond(void **state)
{
    check_ring(*state, true);
}

static bool taken(struct nr_board *b, const u8 *mac, u32 rcr)
{
    u8 frame[60] = {0};

    wr(b, 0x37, 1, 0x10);
    wr(b, 0x30, 4, RING);
    wr(b, 0x44, 4, rcr);
    wr(b, 0x37, 1, 8);
    wr(b, 0x38, 2, 0xfff0);
    memcpy(frame, mac, 6);
    nr_input(&b->rig, b->t, frame, sizeof(frame));
    return !(rd(b, 0x37, 1) & 1);
}

static void test_filter(void **state)
{
    struct nr_board *b = *state;
    static const u8 other[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x57};
    static const u8 all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static const u8 group[6] = {1, 0, 0x5e, 0, 0, 1};

    assert_true(taken(b, own, 2));
    assert_false(taken(b, own, 8));
    assert_false(taken(b, other, 0x0e));
    assert_true(taken(b, other, 1));
    assert_true(taken(b, all, 8));
    assert_false(taken(b, all, 2));
    assert_false(taken(b, group, 4));
    wr(b, 0x08, 4, 1u << 0x1f);
    assert_true(taken(b, group, 4));
    wr(b, 0x44, 4, 2);
    pci_config_write(b->pci, NR_DEVFN, PCI_COMMAND, 2, 3); /* no bus master */
    assert_false(taken(b, own, 2));
}

static void put_desc(struct nr_board *b, u32 at, u32 word, u32 tag, u32 addr)
{
    store_le(b->ram + at, 4, word);
    store_le(b->ram + at + 4, 4, tag);
    store_le(b->ram + at + 8, 8, addr);
}

static void start_cplus(struct nr_board *b, u32 cpcr)
{
    wr(b, 0x37, 1, 0x10);
    wr(b, 0xe0, 2, cpcr);
    wr(b, 0x20, 4, DESCS);
    wr(b, 0x24, 4, 0);
    wr(b, 0xe4, 4, DESCS + 0x1000);
    wr(b, 0xe8, 4, 0);
    wr(b, 0x44, 4, 0x0a);
    wr(b, 0x37, 1, 0x0c);
}

static void test_cplus_send(void **state)
{
    struct nr_board *b = *state;
    u8 frame[400];
    u32 len = nr_tcp(frame, 300, 1);

    start_cplus(b, 0x0b);
    memcpy(b->ram + TXBUF, frame, len);
    store_le(b->ram + TXBUF + 24, 2, 0x1234); /* wrong sums */
    store_le(b->ram + TXBUF + 50, 2, 0x1234);
    put_desc(b, DESCS, 0xa0050000 | 54, 0, TXBUF);
    put_desc(b, DESCS + 16, 0xd0050000 | (len - 54), 0, TXBUF + 54);
    wr(b, 0xd9, 1, 0x40);
    assert_int_equal(b->rig.sent, 1);
    assert_int_equal(b->rig.len, len);
    assert_memory_equal(b->rig.frame, frame, len);
    assert_int_equal(load_le(b->ram + DESCS, 4) >> 31, 0);
    assert_int_equal(load_le(b->ram + DESCS + 16, 4) >> 31, 0);
    assert_int_equal(rd(b, 0x3e, 2), 0x84);
    /* the ring has ended: again from its start, now with a tag and the high priority too */
    put_desc(b, DESCS, 0xf0000000 | len, 0x00020000 | 0x0a00, TXBUF);
    wr(b, 0xd9, 1, 0x40);
    assert_int_equal(b->rig.len, len + 4);
    assert_int_equal(load_be(b->rig.frame + 12, 4), 0x8100000a);
    assert_memory_equal(b->rig.frame + 16, b->ram + TXBUF + 12, len - 12);
    wr(b, 0x28, 4, DESCS + 0x800);
    wr(b, 0x2c, 4, 0);
    put_desc(b, DESCS + 0x800, 0xf0000000 | 60, 0, TXBUF);
    wr(b, 0xd9, 1, 0x80);
    assert_int_equal(b->rig.sent, 3);
}

static void test_cplus_large(void **state)
{
    struct nr_board *b = *state;
    u8 *frame = b->ram + TXBUF;
    u32 len = nr_tcp(frame, 5000, 1);

    start_cplus(b, 0x0b);
    put_desc(b, DESCS, 0xf8000000 | 1460u << 16 | len, 0, TXBUF);
    wr(b, 0xd9, 1, 0x40);
    assert_int_equal(b->rig.sent, 4);
    assert_int_equal(b->rig.len, 54 + 5000 - 3 * 1460);
    assert_true(nr_sums_ok(b->rig.frame, (u32)b->rig.len));
    assert_memory_equal(b->rig.frame + 54, frame + 54 + 3 * 1460, 5000 - 3 * 1460);
}

static void test_cplus_receive(void **state)
{
    struct nr_board *b = *state;
    u8 frame[400];
    u32 len = nr_tcp(frame, 300, 1), at = DESCS + 0x1000;

    start_cplus(b, 0x6b);
    put_desc(b, at, 0x80000600, 0, RXBUF);
    put_desc(b, at + 16, 0xc0000600, 0, RXBUF + 0x1000);
    nr_input(&b->rig, b->t, frame, len);
    assert_int_equal(load_le(b->ram + at, 4), 0x32010000 | (len + 4)); /* to us, TCP, good */
    assert_memory_equal(b->ram + RXBUF, frame, len);
    assert_int_equal(load_le(b->ram + RXBUF + len, 4), net_fcs(frame, len));
    frame[60] ^= 1; /* a wrong sum, and a tag */
    memmove(frame + 16, frame + 12, len - 12);
    store_be(frame + 12, 4, 0x81000005);
    nr_input(&b->rig, b->t, frame, len + 4);
    assert_int_equal(load_le(b->ram + at + 16, 4), 0x72012000 | (len + 4));
    assert_int_equal(load_le(b->ram + at + 20, 4), 0x10500);
    assert_memory_equal(b->ram + RXBUF + 0x100c, frame + 16, len - 12);
    /* none is left: the third waits until there is one, which nobody says */
    nr_input(&b->rig, b->t, frame, 60);
    dt_step(b->t, 1000000);
    assert_int_equal(rd(b, 0x3e, 2), 1);
    put_desc(b, at, 0x80000600, 0, RXBUF);
    dt_step(b->t, 1000000);
    assert_int_equal(load_le(b->ram + at, 4) >> 31, 0);
    assert_int_equal(clock_next_deadline(&b->t->clk), CLOCK_NEVER);
    /* one that is too small */
    put_desc(b, at + 16, 0xc0000020, 0, RXBUF);
    nr_input(&b->rig, b->t, frame, 60);
    assert_int_equal(rd(b, 0x3e, 2), 0x11);
    assert_int_equal(rd(b, 0x4c, 4), 1);
}

/* A ring that gives itself back for ever, and one that is nowhere. */
static void test_endless(void **state)
{
    struct nr_board *b = *state;

    start_cplus(b, 0x0b);
    for (unsigned i = 0; i < 64; i++)
        put_desc(b, DESCS + 16 * i, 0xb0000000 | 60, 0, TXBUF);
    wr(b, 0xd9, 1, 0x40);
    assert_int_equal(b->rig.sent, 64);
    wr(b, 0x20, 4, 0xfff00000);
    wr(b, 0xd9, 1, 0xc0);
    wr(b, 0x24, 4, 0xffffffff);
    wr(b, 0xe8, 4, 0xffffffff);
    wr(b, 0xd9, 1, 0xc0);
    assert_int_equal(b->rig.sent, 64);
    wr(b, 0x20, 4, MEM); /* its own registers: out of reach */
    wr(b, 0x24, 4, 0);
    wr(b, 0xd9, 1, 0xc0);
    assert_int_equal(b->rig.sent, 64);
}

static void test_loopback_and_tally(void **state)
{
    struct nr_board *b = *state;
    u8 back[200];

    assert_true(taken(b, own, 2));
    take(b, back, false);
    wr(b, 0x37, 1, 0x0c);
    wr(b, 0x40, 4, 0x60000);
    own_frame(b->ram + TXBUF, 100, 9);
    wr(b, 0x20, 4, TXBUF);
    wr(b, 0x10, 4, 100);
    assert_int_equal(b->rig.sent, 0);
    assert_int_equal(take(b, back, false), 104);
    assert_memory_equal(back, b->ram + TXBUF, 100);
    wr(b, 0xe0, 2, 1);
    wr(b, 0x14, 4, 0);
    wr(b, 0x10, 4, RING | 8);
    assert_int_equal(rd(b, 0x10, 4), RING);
    assert_int_equal(load_le(b->ram + RING, 8), 1);      /* sent */
    assert_int_equal(load_le(b->ram + RING + 8, 8), 2);  /* received */
    assert_int_equal(load_le(b->ram + RING + 40, 8), 2); /* to this address */
}

static void test_timer(void **state)
{
    struct nr_board *b = *state;

    wr(b, 0x3c, 2, 0x4000);
    wr(b, 0x54, 4, 33000); /* a millisecond */
    wr(b, 0x48, 4, 0);
    dt_step(b->t, 999000);
    dt_script(b->t, "irq 11 0");
    dt_step(b->t, 2000);
    dt_script(b->t, "irq 11 1; outw c03e 4000; irq 11 0");
    assert_in_range(rd(b, 0x48, 4), 33000, 33066);
    wr(b, 0x48, 4, 0); /* it counts anew */
    dt_step(b->t, 1001000);
    dt_script(b->t, "irq 11 1");
    wr(b, 0x54, 4, 0);
    assert_int_equal(clock_next_deadline(&b->t->clk), CLOCK_NEVER);
}

static void test_cable(void **state)
{
    struct nr_board *b = *state;

    wr(b, 0x3c, 2, 0x20);
    net_set_carrier(&b->rig.link, false);
    dt_step(b->t, 0);
    dt_script(b->t, "irq 11 1; inw c03e 20; in c058 4&4; inw c064 0&24");
    net_set_carrier(&b->rig.link, true);
    dt_step(b->t, 0);
    dt_script(b->t, "in c058 0&4; inw c064 24&24");
}

static void test_without_cplus(void **state)
{
    struct nr_board *b = nr_board(&dev_rtl8139, "netdev=n0,cplus=off,addr=3", 0xc001, MEM);
    (void)state;
    assert_int_equal(pci_config_read(b->pci, NR_DEVFN, PCI_REVISION, 1), 0x10);
    assert_int_equal(rd(b, 0x40, 4) & 0x7cc00000, 0x74000000);
    wr(b, 0xe0, 2, 3);
    assert_int_equal(rd(b, 0xe0, 2), 0);
    nr_close(b);
}

#define WITH_BOARD(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BOARD(test_identity),
        WITH_BOARD(test_send),
        WITH_BOARD(test_ring),
        WITH_BOARD(test_ring_beyond),
        WITH_BOARD(test_filter),
        WITH_BOARD(test_cplus_send),
        WITH_BOARD(test_cplus_large),
        WITH_BOARD(test_cplus_receive),
        WITH_BOARD(test_endless),
        WITH_BOARD(test_loopback_and_tally),
        WITH_BOARD(test_timer),
        WITH_BOARD(test_cable),
        cmocka_unit_test(test_without_cplus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
