/* Sending by an RTL8139C+: the C mode's four descriptors in registers, the C+ mode's two rings in
 * memory, with checksums filled in, VLAN tags put in and large TCP packets cut. Frames are sent at
 * once. */
#include "devices/net_offload.h"
#include "devices/rtl8139.h"

#include <string.h>

#define DESC_SIZE   16u
#define DESC_NUMBER 64u
#define DESC_OWN    0x80000000u
#define DESC_EOR    0x40000000u
#define DESC_FIRST  0x20000000u
#define DESC_LAST   0x10000000u
#define DESC_LARGE  0x08000000u
#define DESC_TAG    0x00020000u
#define TALLY_SIZE  64

enum { SUM_IP = 1u << 18, SUM_UDP = 1u << 17, SUM_TCP = 1u << 16 };

/* Onto the wire, or back. */
static void send_frame(void *opaque, u8 *frame, u32 len)
{
    struct rtl8139 *s = opaque;

    s->tally_tx++;
    if ((rtl_get(s, R_TCR, 4) & TCR_LOOPBACK) != TCR_LOOPBACK)
        net_send(&s->net, frame, len);
    else if (len >= NET_HEADER)
        rtl_receive(s, frame, len);
}

static bool sending(const struct rtl8139 *s, bool cplus)
{
    return s->reg[R_CR] & CR_TE && !(rtl_get(s, R_CPCR, 2) & CPCR_TX) == !cplus &&
           s->pci.config[PCI_COMMAND] & PCI_COMMAND_MASTER;
}

/* ---- C mode ---- */

void rtl_transmit(struct rtl8139 *s)
{
    while (sending(s, false)) {
        unsigned at = R_TSD + 4u * s->tx_next;
        u32 tsd = rtl_get(s, at, 4), len = tsd & 0x1fff;
        paddr from = rtl_get(s, R_TSAD + 4u * s->tx_next, 4);

        if (tsd & TSD_OWN)
            return;
        bus_master_read(s->dev.bus, s, from, s->tx, len);
        rtl_put(s, at, 4, tsd | TSD_OWN | TSD_TOK);
        s->tx_next = (s->tx_next + 1) % 4;
        send_frame(s, s->tx, len);
        rtl_raise(s, INT_TOK);
    }
}

/* ---- C+ mode ---- */

/* The tag, as it is in memory: in the order of the wire. */
static void insert_tag(struct rtl8139 *s, u32 tag)
{
    if (s->tx_len < 12 || s->tx_len > RTL_TX_MAX - 4)
        return;
    memmove(s->tx + 16, s->tx + 12, s->tx_len - 12);
    store_be(s->tx + 12, 2, 0x8100);
    store_le(s->tx + 14, 2, tag & 0xffff);
    s->tx_len += 4;
}

static void send_gathered(struct rtl8139 *s, u32 word)
{
    struct net_layout l;
    bool ip = net_parse(s->tx, s->tx_len, &l);

    if (word & DESC_LARGE && ip && l.tcp) {
        struct net_cut cut = {.ip = l.ip,
                              .l4 = l.l4,
                              .header = l.l4 + (s->tx[l.l4 + 12] >> 4) * 4u,
                              .mss = word >> 16 & 0x7ff,
                              .ip6 = l.ip6,
                              .tcp = true,
                              .ip_sum = true,
                              .l4_sum = true};
        net_cut(s->tx, l.end, &cut, send_frame, s);
        return;
    }
    if (!(word & DESC_LARGE) && ip) {
        if (word & SUM_IP && l.ip4)
            net_fill_ip4(s->tx, &l);
        if ((word & SUM_TCP && l.tcp) || (word & SUM_UDP && l.udp))
            net_fill_l4(s->tx, &l);
    }
    send_frame(s, s->tx, s->tx_len);
}

/* One descriptor; false if it is not ours. */
static bool one_desc(struct rtl8139 *s, bool high)
{
    struct bus *bus = s->dev.bus;
    paddr at = rtl_address(s, high ? R_THPDS : R_TSAD) + s->tx_desc[high] * DESC_SIZE;
    u8 desc[DESC_SIZE];
    u32 word, tag, len;

    if (!bus_master_read(bus, s, at, desc, DESC_SIZE))
        return false;
    word = (u32)load_le(desc, 4);
    tag = (u32)load_le(desc + 4, 4);
    if (!(word & DESC_OWN))
        return false;
    if (word & DESC_FIRST)
        s->tx_len = 0;
    len = word & 0xffff;
    if (len > RTL_TX_MAX - s->tx_len)
        len = RTL_TX_MAX - s->tx_len;
    bus_master_read(bus, s, load_le(desc + 8, 8), s->tx + s->tx_len, len);
    s->tx_len += len;
    store_le(desc, 4, word & ~DESC_OWN);
    bus_master_write(bus, s, at, desc, 4);
    s->tx_desc[high] =
        word & DESC_EOR || s->tx_desc[high] == DESC_NUMBER - 1 ? 0 : s->tx_desc[high] + 1;
    if (!(word & DESC_LAST))
        return true;
    if (tag & DESC_TAG)
        insert_tag(s, tag);
    send_gathered(s, word);
    s->tx_len = 0;
    rtl_raise(s, INT_TOK);
    return true;
}

void rtl_poll(struct rtl8139 *s, bool high)
{
    unsigned n = 0;

    if (!sending(s, true))
        return;
    while (n < DESC_NUMBER && one_desc(s, high))
        n++;
    if (n)
        rtl_raise(s, INT_TDU);
}

void rtl_dump_tally(struct rtl8139 *s, u64 addr)
{
    u8 block[TALLY_SIZE] = {0};

    store_le(block, 8, s->tally_tx);
    store_le(block + 8, 8, s->tally_rx);
    store_le(block + 28, 2, s->missed);
    store_le(block + 40, 8, s->tally_rx_own);
    store_le(block + 48, 8, s->tally_rx_broadcast);
    store_le(block + 56, 4, s->tally_rx_multicast);
    bus_master_write(s->dev.bus, s, addr, block, sizeof(block));
    rtl_put(s, R_DTCCR, 4, rtl_get(s, R_DTCCR, 4) & ~8u);
}
