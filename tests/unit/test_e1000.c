/* 82540EM: EEPROM and PHY, both rings with all kinds of descriptors, filters, tags, checksums,
 * large packets, interrupts that are put off, counters, and rings that lead nowhere. */
#include "tests/unit/net_rig.h"

#include "devices/e1000.h"

#define MEM     0xe0000000u
#define TXRING  0x100000u /* what the tests put where */
#define RXRING  0x110000u
#define TXBUF   0x200000u
#define RXBUF   0x300000u
#define ENTRIES 16u

static const u8 own[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};

static u32 rd(struct nr_board *b, u32 reg)
{
    return (u32)phys_read(b->t->bus->phys, MEM + reg, 4);
}

static void wr(struct nr_board *b, u32 reg, u32 value)
{
    phys_write(b->t->bus->phys, MEM + reg, 4, value);
}

/* Both rings, all buffers of 2 KiB given but one. */
static void start(struct nr_board *b, u32 rctl)
{
    for (unsigned i = 0; i < ENTRIES; i++) {
        memset(b->ram + RXRING + 16 * i, 0, 16);
        store_le(b->ram + RXRING + 16 * i, 8, RXBUF + 0x1000 * i);
    }
    wr(b, E_RDBAL, RXRING);
    wr(b, E_RDLEN, ENTRIES * 16);
    wr(b, E_RDH, 0);
    wr(b, E_RDT, ENTRIES - 1);
    wr(b, E_TDBAL, TXRING);
    wr(b, E_TDLEN, ENTRIES * 16);
    wr(b, E_TDH, 0);
    wr(b, E_TDT, 0);
    wr(b, E_TCTL, 0x2);
    wr(b, E_RCTL, rctl | 2);
}

static int setup(void **state)
{
    struct nr_board *b = nr_board(&dev_e1000, "netdev=n0", MEM, 0xc001);
    start(b, 0x8000);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    nr_close(*state);
    return 0;
}

static u8 *rx_desc(struct nr_board *b, unsigned i)
{
    return b->ram + RXRING + 16 * i;
}

static u8 *tx_desc(struct nr_board *b, unsigned i, u64 addr, u64 rest)
{
    u8 *desc = b->ram + TXRING + 16 * i;
    store_le(desc, 8, addr);
    store_le(desc + 8, 8, rest);
    return desc;
}

static void own_frame(u8 *frame, size_t len, unsigned seed)
{
    nr_fill(frame, len, seed);
    memcpy(frame, own, 6);
}

static u16 phy(struct nr_board *b, unsigned reg)
{
    wr(b, E_MDIC, 0x08200000 | reg << 16);
    assert_int_equal(rd(b, E_MDIC) >> 28, 1);
    return (u16)rd(b, E_MDIC);
}

static void test_identity(void **state)
{
    struct nr_board *b = *state;
    u16 sum = 0;

    assert_int_equal(pci_config_read(b->pci, NR_DEVFN, 0, 4), 0x100e8086);
    for (unsigned i = 0; i < 64; i++) {
        wr(b, E_EERD, i << 8 | 1);
        assert_int_equal(rd(b, E_EERD) & 0x10, 0x10);
        sum = (u16)(sum + (rd(b, E_EERD) >> 16));
    }
    assert_int_equal(sum, 0xbaba);
    assert_int_equal(rd(b, E_RA), 0x12005452);
    assert_int_equal(rd(b, E_RA + 4), 0x80005634);
    assert_int_equal(rd(b, 0x40), 0x12005452); /* an alias */
    assert_int_equal(rd(b, E_STATUS), 0x83);
    assert_int_equal(phy(b, 2), 0x0141);
    assert_int_equal(phy(b, 1) & 0x24, 0x24);
    wr(b, E_MDIC, 0x08400000); /* another PHY */
    assert_int_equal(rd(b, E_MDIC) >> 28, 5);
    wr(b, E_MDIC, 0x04200000 | 9u << 16 | 0x0300);
    assert_int_equal(phy(b, 9), 0x0300);
    /* by ports */
    dt_script(b->t, "outl c000 5400; inl c004 12005452; outl c000 38; inl c004 8100"
                    "; outl c004 1234; inl c004 1234");
    wr(b, E_CTRL, 1 << 26);
    assert_int_equal(rd(b, E_RCTL), 0);
    assert_int_equal(rd(b, E_VET), 0x8100);
}

static void test_eeprom_wires(void **state)
{
    struct nr_board *b = *state;
    u32 command = 6u << 6 | 0x3f, value = 0;

    wr(b, E_EECD, 0x40);
    assert_int_equal(rd(b, E_EECD) & 0x180, 0x180);
    wr(b, E_EECD, 0x42);
    for (unsigned i = 9; i-- > 0;) {
        u32 bit = command >> i & 1 ? 4 : 0;
        wr(b, E_EECD, 0x42 | bit);
        wr(b, E_EECD, 0x43 | bit);
    }
    for (unsigned i = 0; i < 16; i++) {
        wr(b, E_EECD, 0x42);
        wr(b, E_EECD, 0x43);
        value = value << 1 | (rd(b, E_EECD) >> 3 & 1);
    }
    wr(b, E_EERD, 0x3f01);
    assert_int_equal(value, rd(b, E_EERD) >> 16);
}

static void test_receive(void **state)
{
    struct nr_board *b = *state;
    u8 frame[1000];

    wr(b, E_IMS, 0x80);
    own_frame(frame, sizeof(frame), 1);
    nr_input(&b->rig, b->t, frame, sizeof(frame));
    dt_script(b->t, "irq 11 1");
    assert_memory_equal(b->ram + RXBUF, frame, sizeof(frame));
    assert_int_equal(load_le(b->ram + RXBUF + 1000, 4), net_fcs(frame, 1000));
    assert_int_equal(load_le(rx_desc(b, 0) + 8, 8), 0x700000000 | 1004); /* DD EOP IXSM */
    assert_int_equal(rd(b, E_RDH), 1);
    assert_int_equal(rd(b, E_ICR) & 0x80, 0x80);
    dt_script(b->t, "irq 11 0");
    assert_int_equal(rd(b, E_ICR), 0);
    /* SECRC leaves the FCS away; short frames are padded */
    wr(b, E_RCTL, 0x4008002);
    nr_input(&b->rig, b->t, frame, 20);
    assert_int_equal(load_le(rx_desc(b, 1) + 8, 2), 60);
    /* buffers of 256 bytes: several descriptors */
    wr(b, E_RCTL, 0x38002);
    nr_input(&b->rig, b->t, frame, 600);
    for (unsigned i = 2; i < 4; i++) {
        assert_int_equal(load_le(rx_desc(b, i) + 8, 8), 0x100000000 | 256);
        assert_memory_equal(b->ram + RXBUF + 0x1000 * i, frame + 256 * (i - 2), 256);
    }
    assert_int_equal(load_le(rx_desc(b, 4) + 8, 8), 0x700000000 | 92);
    assert_int_equal(rd(b, E_TPR), 3);
    assert_int_equal(rd(b, E_TPR), 0); /* reading clears */
    assert_int_equal(rd(b, E_GORCL), 1004 + 64 + 604);
    assert_int_equal(rd(b, E_GORCL + 4), 0);
    assert_int_equal(rd(b, E_GORCL), 0);
    assert_int_equal(rd(b, E_PRC64), 1);
    assert_int_equal(rd(b, E_PRC64 + 16), 2);
}

/* Frames wait while there are no descriptors; long ones only with LPE. */
static void test_ring(void **state)
{
    struct nr_board *b = *state;
    u8 frame[4000];
    unsigned read = 0;

    for (unsigned i = 0; i < 60; i++) {
        own_frame(frame, 60 + 20 * i, i);
        nr_input(&b->rig, b->t, frame, 60 + 20 * i);
    }
    assert_int_equal(rd(b, E_RDH), ENTRIES - 1);
    for (; read < 60; read++) {
        unsigned n = read % ENTRIES;
        own_frame(frame, 60 + 20 * read, read);
        assert_int_equal(load_le(rx_desc(b, n) + 8, 2), 64 + 20 * read);
        assert_memory_equal(b->ram + RXBUF + 0x1000 * n, frame, 60 + 20 * read);
        wr(b, E_RDT, n);
    }
    assert_int_equal(rd(b, E_ICR) & 0x40, 0);
    own_frame(frame, sizeof(frame), 1);
    u32 head = rd(b, E_RDH);
    nr_input(&b->rig, b->t, frame, sizeof(frame));
    assert_int_equal(rd(b, E_ROC), 1);
    assert_int_equal(rd(b, E_RDH), head);
    wr(b, E_RCTL, 0x8022);
    nr_input(&b->rig, b->t, frame, sizeof(frame));
    assert_int_equal(rd(b, E_RDH), (head + 2) % ENTRIES);
}

static bool taken(struct nr_board *b, const u8 *mac, u32 rctl)
{
    u8 frame[60] = {0};

    start(b, rctl);
    memcpy(frame, mac, 6);
    nr_input(&b->rig, b->t, frame, sizeof(frame));
    return rd(b, E_RDH) == 1;
}

static void test_filter(void **state)
{
    struct nr_board *b = *state;
    static const u8 other[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x57};
    static const u8 all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static const u8 group[6] = {1, 0, 0x5e, 0, 0x12, 0x34};

    assert_true(taken(b, own, 0));
    assert_false(taken(b, other, 0x8010));
    assert_true(taken(b, other, 8));
    assert_true(taken(b, all, 0x8000));
    assert_false(taken(b, all, 8));
    assert_false(taken(b, group, 0x8008));
    assert_true(taken(b, group, 0x10));
    for (unsigned mo = 0; mo < 4; mo++) {
        static const u8 shifts[4] = {4, 3, 2, 0};
        u32 hash = 0x3412u >> shifts[mo] & 0xfff;
        assert_false(taken(b, group, mo << 12));
        wr(b, E_MTA + 4 * (hash >> 5), 1u << (hash & 31));
        assert_true(taken(b, group, mo << 12));
        assert_int_equal(rx_desc(b, 0)[12] & 0x80, 0x80); /* an inexact filter */
        wr(b, E_MTA + 4 * (hash >> 5), 0);
    }
    wr(b, E_RA + 8, 0x12005452);
    wr(b, E_RA + 12, 0x80005734);
    assert_true(taken(b, other, 0));
    pci_config_write(b->pci, NR_DEVFN, PCI_COMMAND, 2, 3); /* no bus master */
    assert_false(taken(b, own, 0));
}

static void test_vlan(void **state)
{
    struct nr_board *b = *state;
    u8 frame[104];

    own_frame(frame, sizeof(frame), 1);
    store_be(frame + 12, 4, 0x81000005);
    wr(b, E_CTRL, rd(b, E_CTRL) | CTRL_VME);
    nr_input(&b->rig, b->t, frame, sizeof(frame));
    assert_int_equal(load_le(rx_desc(b, 0) + 8, 8), 0x0005000f00000000 | 104);
    assert_memory_equal(b->ram + RXBUF, frame, 12);
    assert_memory_equal(b->ram + RXBUF + 12, frame + 16, 88);
    wr(b, E_RCTL, 0x48002); /* filtered */
    nr_input(&b->rig, b->t, frame, sizeof(frame));
    assert_int_equal(rd(b, E_RDH), 1);
    wr(b, E_VFTA, 1 << 5);
    nr_input(&b->rig, b->t, frame, sizeof(frame));
    assert_int_equal(rd(b, E_RDH), 2);
    /* put in */
    own_frame(b->ram + TXBUF, 100, 2);
    tx_desc(b, 0, TXBUF, 0x0007000000000000 | 0x4bull << 24 | 100);
    wr(b, E_TDT, 1);
    assert_int_equal(b->rig.len, 104);
    assert_int_equal(load_be(b->rig.frame + 12, 4), 0x81000007);
    assert_memory_equal(b->rig.frame + 16, b->ram + TXBUF + 12, 88);
}

static void test_receive_checksums(void **state)
{
    struct nr_board *b = *state;
    u8 frame[300];
    u32 len = nr_tcp(frame, 200, 1);

    wr(b, E_RXCSUM, 0x300);
    nr_input(&b->rig, b->t, frame, len);
    assert_int_equal(load_le(rx_desc(b, 0) + 12, 2), 0x63);
    frame[100] ^= 1;
    nr_input(&b->rig, b->t, frame, len);
    assert_int_equal(load_le(rx_desc(b, 1) + 12, 2), 0x2063);
    frame[24] ^= 1;
    nr_input(&b->rig, b->t, frame, len);
    assert_int_equal(load_le(rx_desc(b, 2) + 12, 2), 0x6063);
    frame[13] = 6; /* ARP */
    nr_input(&b->rig, b->t, frame, len);
    assert_int_equal(load_le(rx_desc(b, 3) + 12, 2), 7);
}

static void test_send(void **state)
{
    struct nr_board *b = *state;
    u8 *frame = b->ram + TXBUF;

    wr(b, E_IMS, 1);
    own_frame(frame, 200, 4);
    u8 *first = tx_desc(b, 0, TXBUF, 0x00000000ull | 120);
    u8 *second = tx_desc(b, 1, TXBUF + 120, 0x09000000ull | 80); /* EOP RS */
    wr(b, E_TDT, 2);
    assert_int_equal(b->rig.sent, 1);
    assert_int_equal(b->rig.len, 200);
    assert_memory_equal(b->rig.frame, frame, 200);
    assert_int_equal(first[12], 0);
    assert_int_equal(second[12], 1);
    assert_int_equal(rd(b, E_TDH), 2);
    dt_script(b->t, "irq 11 1");
    assert_int_equal(rd(b, E_ICR) & 3, 3);
    assert_int_equal(rd(b, E_TPT), 1);
    /* padding; a checksum from byte 20 to byte 50 */
    wr(b, E_TCTL, 0xa);
    tx_desc(b, 2, TXBUF, 0x01000000ull | 30);
    tx_desc(b, 3, TXBUF, 20ull << 40 | 0x05000000ull | 50ull << 16 | 200);
    wr(b, E_TDT, 4);
    assert_int_equal(b->rig.sent, 3);
    assert_int_equal(b->rig.len, 200);
    assert_int_equal(load_be(b->rig.frame + 50, 2), net_checksum(net_sum(frame + 20, 180, 0)));
    wr(b, E_RCTL, 0x8042); /* loopback */
    tx_desc(b, 4, TXBUF, 0x01000000ull | 100);
    wr(b, E_TDT, 5);
    assert_int_equal(b->rig.sent, 3);
    assert_memory_equal(b->ram + RXBUF, frame, 100);
}

#define CONTEXT(tucmd, len) (0x20ull << 24 | (u64)(tucmd) << 24 | (len))
#define DATA(dcmd, len)     ((u64)(0x20 | (dcmd)) << 24 | 1ull << 20 | (len))

static void test_checksum_offload(void **state)
{
    struct nr_board *b = *state;
    u8 *frame = b->ram + TXBUF;
    u32 len = nr_tcp(frame, 100, 1), pseudo = net_pseudo_sum(frame + 14, 6, 120);

    store_be(frame + 24, 2, 0);
    store_be(frame + 50, 2, pseudo);
    tx_desc(b, 0, 14 | 24 << 8 | 33ull << 16 | 34ull << 32 | 50ull << 40, CONTEXT(3, 0));
    tx_desc(b, 1, TXBUF, DATA(9, len) | 3ull << 40);
    wr(b, E_TDT, 2);
    assert_int_equal(b->rig.len, len);
    assert_true(nr_sums_ok(b->rig.frame, len));
    /* offsets beyond the frame do nothing */
    tx_desc(b, 2, 255 | 255 << 8 | 65535ull << 16 | 255ull << 32 | 255ull << 40, CONTEXT(3, 0));
    tx_desc(b, 3, TXBUF, DATA(9, len) | 3ull << 40);
    wr(b, E_TDT, 4);
    assert_memory_equal(b->rig.frame, frame, len);
}

static void send_large(struct nr_board *b, u32 data)
{
    u32 len = nr_tcp(b->ram + TXBUF, data, 1);

    tx_desc(b, 0, 14 | 24 << 8 | 33ull << 16 | 34ull << 32 | 50ull << 40,
            CONTEXT(7, data) | 54ull << 40 | 1460ull << 48);
    tx_desc(b, 1, TXBUF, DATA(4, 54) | 3ull << 40);
    tx_desc(b, 2, TXBUF + 54, DATA(4, 3000));
    tx_desc(b, 3, TXBUF + 3054, DATA(0xd, len - 3054));
    wr(b, E_TDH, 0);
    wr(b, E_TDT, 4);
}

static void test_segmentation(void **state)
{
    struct nr_board *b = *state;

    send_large(b, 10000);
    assert_int_equal(b->rig.sent, 7);
    assert_int_equal(b->rig.len, 54 + 10000 - 6 * 1460);
    assert_true(nr_sums_ok(b->rig.frame, (u32)b->rig.len));
    assert_memory_equal(b->rig.frame + 54, b->ram + TXBUF + 54 + 6 * 1460, 10000 - 6 * 1460);
    assert_int_equal(rd(b, E_TSCTC), 1);
    b->rig.link.large = true; /* the other end takes it whole */
    send_large(b, 10000);
    assert_int_equal(b->rig.sent, 8);
    assert_int_equal(b->rig.len, 10054);
    assert_true(nr_sums_ok(b->rig.frame, 10054));
}

/* A ring as large as can be: what a driver does not have to send at once takes time. */
static void test_share(void **state)
{
    enum { RING = 0x380000, RING_BYTES = 0x7ff00, FRAMES = RING_BYTES / 16 - 1 };
    struct nr_board *b = *state;
    unsigned before;

    own_frame(b->ram + TXBUF, 60, 1);
    for (unsigned i = 0; i < FRAMES; i++) {
        store_le(b->ram + RING + 16 * i, 8, TXBUF);
        store_le(b->ram + RING + 16 * i + 8, 8, 0x01000000ull | 60); /* EOP */
    }
    wr(b, E_TDBAL, RING);
    wr(b, E_TDLEN, RING_BYTES);
    wr(b, E_TDT, FRAMES);
    before = b->rig.sent;
    assert_in_range(before, 1, 5000);
    wr(b, E_TDT, FRAMES); /* once more makes it no faster */
    assert_int_equal(b->rig.sent, before);
    dt_step(b->t, 5000000);
    assert_in_range(b->rig.sent, before + 1, 10000);
    dt_step(b->t, 50000000);
    assert_int_equal(b->rig.sent, FRAMES);
    assert_int_equal(rd(b, E_TDH), FRAMES);
}

static void test_throttle(void **state)
{
    struct nr_board *b = *state;
    u8 frame[60];

    own_frame(frame, sizeof(frame), 1);
    wr(b, E_ITR, 100); /* 25.6 microseconds */
    wr(b, E_IMS, 0x80);
    nr_input(&b->rig, b->t, frame, sizeof(frame));
    dt_script(b->t, "irq 11 1");
    rd(b, E_ICR);
    nr_input(&b->rig, b->t, frame, sizeof(frame));
    dt_script(b->t, "irq 11 0; step 25500; irq 11 0; step 100; irq 11 1");
    rd(b, E_ICR);
    /* RDTR: 2 x 1.024 microseconds after the last one, but RADV after the first */
    wr(b, E_ITR, 0);
    wr(b, E_RDTR, 2);
    wr(b, E_RADV, 3);
    nr_input(&b->rig, b->t, frame, sizeof(frame));
    dt_script(b->t, "irq 11 0; step 2000; irq 11 0");
    nr_input(&b->rig, b->t, frame, sizeof(frame));
    dt_script(b->t, "step 1000; irq 11 0; step 100; irq 11 1");
    rd(b, E_ICR);
    dt_script(b->t, "step 100000; irq 11 0");
    nr_input(&b->rig, b->t, frame, sizeof(frame));
    wr(b, E_RDTR, 0x80000002); /* now */
    dt_script(b->t, "irq 11 1");
    wr(b, E_IMC, 0x80);
    dt_script(b->t, "irq 11 0");
    rd(b, E_ICR);
    /* TIDV */
    wr(b, E_IMS, 1);
    wr(b, E_TIDV, 10);
    tx_desc(b, 0, TXBUF, 0x89000000ull | 60); /* IDE RS EOP */
    wr(b, E_TDT, 1);
    dt_script(b->t, "irq 11 0; step 10200; irq 11 0; step 100; irq 11 1");
    wr(b, E_ICS, 4);
    assert_int_equal(rd(b, E_ICR), 7);
}

static void test_cable(void **state)
{
    struct nr_board *b = *state;

    wr(b, E_IMS, 4);
    net_set_carrier(&b->rig.link, false);
    dt_step(b->t, 0);
    dt_script(b->t, "irq 11 1");
    assert_int_equal(rd(b, E_ICR), 4);
    assert_int_equal(rd(b, E_STATUS) & 2, 0);
    assert_int_equal(phy(b, 1) & 4, 0);
    net_set_carrier(&b->rig.link, true);
    dt_step(b->t, 0);
    assert_int_equal(rd(b, E_ICR), 4);
    assert_int_equal(rd(b, E_STATUS) & 2, 2);
}

/* Heads and tails outside, rings nowhere, rings of nothing but contexts, packets without end. */
static void test_nonsense(void **state)
{
    struct nr_board *b = *state;
    u8 frame[60];

    wr(b, E_TDT, 0xffff);
    wr(b, E_TDH, 0x1234);
    wr(b, E_TDT, 1);
    assert_int_equal(b->rig.sent, 0);
    wr(b, E_TDH, 0);
    wr(b, E_TDBAH, 0xffffffff);
    wr(b, E_TDLEN, 0xfff80);
    wr(b, E_TDT, 0xfff0);
    assert_int_equal(rd(b, E_TDH), 0);
    start(b, 0x8000);
    wr(b, E_TDBAH, 0);
    for (unsigned i = 0; i < ENTRIES; i++)
        tx_desc(b, i, TXBUF, DATA(0, 0xfffff));
    for (unsigned i = 0; i < 40; i++)
        wr(b, E_TDT, (rd(b, E_TDH) + ENTRIES - 1) % ENTRIES);
    assert_int_equal(b->rig.sent, 0);
    own_frame(frame, sizeof(frame), 1);
    wr(b, E_RDH, 0x7777);
    nr_input(&b->rig, b->t, frame, sizeof(frame));
    wr(b, E_RDLEN, 0);
    wr(b, E_RDT, 5);
    start(b, 0x8000);
    wr(b, E_RDBAL, MEM);
    nr_input(&b->rig, b->t, frame, sizeof(frame));
    assert_int_equal(rd(b, 0x1fffc) | rd(b, 0x6000), 0);
    wr(b, 0x1fffc, 1);
}

#define WITH_BOARD(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BOARD(test_identity),
        WITH_BOARD(test_eeprom_wires),
        WITH_BOARD(test_receive),
        WITH_BOARD(test_ring),
        WITH_BOARD(test_filter),
        WITH_BOARD(test_vlan),
        WITH_BOARD(test_receive_checksums),
        WITH_BOARD(test_send),
        WITH_BOARD(test_checksum_offload),
        WITH_BOARD(test_segmentation),
        WITH_BOARD(test_share),
        WITH_BOARD(test_throttle),
        WITH_BOARD(test_cable),
        WITH_BOARD(test_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
