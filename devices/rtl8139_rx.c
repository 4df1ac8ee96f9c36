/* Receiving by an RTL8139C+: the address filter; the C mode's ring of bytes, each frame after a
 * header of status and length; the C+ mode's descriptors, with checksums looked at and VLAN tags
 * taken out. */
#include "devices/net_offload.h"
#include "devices/rtl8139.h"

#include <string.h>

#define FCS         4u
#define HEADER      4u
#define WIRE_MAX    1514u
#define DESC_SIZE   16u
#define DESC_NUMBER 64u /* in a ring at most */

/* The header's status in the C mode, and what a descriptor's has of it. */
enum { RX_ROK = 0x0001, RX_BAR = 0x2000, RX_PAM = 0x4000, RX_MAR = 0x8000 };
#define DESC_OWN  0x80000000u
#define DESC_EOR  0x40000000u
#define DESC_BOTH 0x30000000u /* the frame's first and last */
#define DESC_MAR  0x04000000u
#define DESC_PAM  0x02000000u
#define DESC_BAR  0x01000000u
#define DESC_TAG  0x00010000u
enum { PID_TCP = 1u << 16, PID_UDP = 2u << 16, PID_IP = 3u << 16 };
enum { IP_FAIL = 1u << 15, UDP_FAIL = 1u << 14, TCP_FAIL = 1u << 13 };

u32 rtl_ring_size(const struct rtl8139 *s)
{
    return 8192u << (rtl_get(s, R_RCR, 4) >> 11 & 3);
}

/* CAPR is 16 less than what has been read. */
void rtl_set_capr(struct rtl8139 *s, u16 value)
{
    s->rx_get = (value + 16u) % rtl_ring_size(s);
}

static bool receiving(const struct rtl8139 *s)
{
    return s->reg[R_CR] & CR_RE && s->pci.config[PCI_COMMAND] & PCI_COMMAND_MASTER;
}

/* Room in the C mode's ring: a full one would look empty. */
static u32 ring_room(const struct rtl8139 *s)
{
    u32 size = rtl_ring_size(s), used = (s->rx_put + size - s->rx_get) % size;
    return size - used - 1;
}

static bool read_desc(struct rtl8139 *s, u8 desc[DESC_SIZE])
{
    paddr at = rtl_address(s, R_RDSAR) + s->rx_desc * DESC_SIZE;
    return bus_master_read(s->dev.bus, s, at, desc, DESC_SIZE) && load_le(desc, 4) & DESC_OWN;
}

bool rtl_can_receive(void *dev)
{
    struct rtl8139 *s = dev;
    u8 desc[DESC_SIZE];

    if (!receiving(s))
        return true;
    if (rtl_get(s, R_CPCR, 2) & CPCR_RX)
        return read_desc(s, desc);
    return ring_room(s) > HEADER + WIRE_MAX + FCS + 3;
}

/* The status bits of a frame that the filter lets in, 0 for others. */
static u16 accepts(const struct rtl8139 *s, const u8 *mac)
{
    u32 rcr = rtl_get(s, R_RCR, 4), index;

    if (net_is_broadcast(mac))
        return rcr & (RCR_AB | RCR_AAP) ? RX_ROK | RX_BAR : 0;
    if (net_is_multicast(mac)) {
        index = net_crc_be(mac, NET_MAC) >> 26;
        bool in = rcr & RCR_AM && s->reg[R_MAR + (index >> 3)] & 1u << (index & 7);
        return in || rcr & RCR_AAP ? RX_ROK | RX_MAR : 0;
    }
    if (!memcmp(mac, &s->reg[R_IDR], NET_MAC) && rcr & (RCR_APM | RCR_AAP))
        return RX_ROK | RX_PAM;
    return rcr & RCR_AAP ? RX_ROK : 0;
}

static void missed(struct rtl8139 *s)
{
    s->missed++;
    rtl_raise(s, INT_RXOVW);
}

/* ---- C mode ---- */

/* With RCR.WRAP what does not fit before the ring's end lies beyond it, if the ring is not the
 * largest. */
static void ring_put(struct rtl8139 *s, const void *data, u32 len)
{
    struct bus *bus = s->dev.bus;
    u32 size = rtl_ring_size(s), base = rtl_get(s, R_RBSTART, 4);
    u32 rest = s->rx_put < size ? size - s->rx_put : 0;
    bool beyond = rtl_get(s, R_RCR, 4) & RCR_WRAP && size < 65536;

    if (len <= rest || beyond) {
        bus_master_write(bus, s, (paddr)base + s->rx_put, data, len);
        s->rx_put += len;
        if (!beyond)
            s->rx_put %= size;
        return;
    }
    bus_master_write(bus, s, (paddr)base + s->rx_put, data, rest);
    bus_master_write(bus, s, base, (const u8 *)data + rest, len - rest);
    s->rx_put = len - rest;
}

static void ring_receive(struct rtl8139 *s, const u8 *frame, u32 len, u16 status)
{
    u8 header[HEADER], fcs[FCS];
    u32 size = rtl_ring_size(s);

    if (len > WIRE_MAX + FCS || ring_room(s) < HEADER + len + FCS + 3) {
        missed(s);
        return;
    }
    store_le(header, 2, status);
    store_le(header + 2, 2, len + FCS);
    store_le(fcs, FCS, net_fcs(frame, len));
    ring_put(s, header, HEADER);
    ring_put(s, frame, len);
    ring_put(s, fcs, FCS);
    s->rx_put = ((s->rx_put + 3) & ~3u) % size;
    rtl_raise(s, INT_ROK);
}

/* ---- C+ mode ---- */

static u32 check_sums(const u8 *frame, u32 len)
{
    struct net_layout l;
    u32 bits = PID_IP, sum;

    if (!net_parse(frame, len, &l) || !l.ip4)
        return 0;
    if (net_checksum(net_sum(frame + l.ip, l.l4 - l.ip, 0)))
        bits |= IP_FAIL;
    if (!l.tcp && !l.udp)
        return bits;
    bits = (bits & IP_FAIL) | (l.tcp ? PID_TCP : PID_UDP);
    if (l.udp && !load_le(frame + l.l4 + 6, 2)) /* it has none */
        return bits;
    sum = net_pseudo_sum(frame + l.ip, l.tcp ? 6 : 17, l.end - l.l4);
    if (net_checksum(net_sum(frame + l.l4, l.end - l.l4, sum)))
        bits |= l.tcp ? TCP_FAIL : UDP_FAIL;
    return bits;
}

static void desc_receive(struct rtl8139 *s, const u8 *frame, u32 len, u16 status)
{
    struct bus *bus = s->dev.bus;
    u32 cpcr = rtl_get(s, R_CPCR, 2), skip = 0, tag = 0, word;
    u8 desc[DESC_SIZE], fcs[FCS];
    paddr at = rtl_address(s, R_RDSAR) + s->rx_desc * DESC_SIZE, to;

    if (cpcr & CPCR_VLAN && len >= 18 && load_be(frame + 12, 2) == 0x8100) {
        tag = DESC_TAG | (u32)load_le(frame + 14, 2);
        skip = 4;
    }
    if (!read_desc(s, desc) || (load_le(desc, 4) & 0x1fff) < len - skip + FCS) {
        missed(s);
        return;
    }
    to = load_le(desc + 8, 8);
    store_le(fcs, FCS, net_fcs(frame, len));
    if (skip)
        bus_master_write(bus, s, to, frame, 12);
    bus_master_write(bus, s, skip ? to + 12 : to, skip ? frame + 16 : frame, skip ? len - 16 : len);
    bus_master_write(bus, s, to + len - skip, fcs, FCS);
    word = (u32)load_le(desc, 4) & DESC_EOR;
    s->rx_desc = word || s->rx_desc == DESC_NUMBER - 1 ? 0 : s->rx_desc + 1;
    word |= DESC_BOTH | (len - skip + FCS);
    word |= (status & RX_MAR ? DESC_MAR : 0) | (status & RX_PAM ? DESC_PAM : 0) |
            (status & RX_BAR ? DESC_BAR : 0);
    if (cpcr & CPCR_RXCHKSUM)
        word |= check_sums(frame, len);
    store_le(desc, 4, word);
    store_le(desc + 4, 4, tag);
    bus_master_write(bus, s, at + 4, desc + 4, 4);
    bus_master_write(bus, s, at, desc, 4); /* last: it is the guest's now */
    rtl_raise(s, INT_ROK);
}

void rtl_receive(void *dev, const u8 *frame, u32 len)
{
    struct rtl8139 *s = dev;
    u8 padded[NET_FRAME_MIN] = {0};
    u16 status = receiving(s) ? accepts(s, frame) : 0;

    if (!status)
        return;
    if (len < NET_FRAME_MIN) {
        memcpy(padded, frame, len);
        frame = padded;
        len = NET_FRAME_MIN;
    }
    s->tally_rx++;
    s->tally_rx_own += status & RX_PAM ? 1 : 0;
    s->tally_rx_broadcast += status & RX_BAR ? 1 : 0;
    s->tally_rx_multicast += status & RX_MAR ? 1 : 0;
    if (rtl_get(s, R_CPCR, 2) & CPCR_RX)
        desc_receive(s, frame, len, status);
    else
        ring_receive(s, frame, len, status);
}
