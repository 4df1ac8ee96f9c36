/* The DP8390 (National Semiconductor DP8390D/NS32490D data sheet, 1995) as wired in an NE2000, and
 * the registers that Realtek's RTL8029AS adds. Frames are sent at once. The receive ring is never
 * made to overflow by ordinary frames: they wait in the port's queue until the guest has read what
 * is there; a frame that the ring can never hold overflows it as on the chip. */
#include "devices/dp8390.h"

#include <string.h>

#include "base/bytes.h"

enum { CR_STOP = 0x01, CR_START = 0x02, CR_TXP = 0x04, CR_RD = 0x38, CR_PAGE = 0xc0 };
enum { RD_READ = 0x08, RD_WRITE = 0x10, RD_SEND = 0x18, RD_ABORT = 0x20 };
enum {
    ISR_PRX = 0x01,
    ISR_PTX = 0x02,
    ISR_RXE = 0x04,
    ISR_OVW = 0x10,
    ISR_CNT = 0x20,
    ISR_RDC = 0x40,
    ISR_RST = 0x80,
};
enum { TSR_PTX = 0x01, TSR_CRS = 0x10, TSR_CDH = 0x40 };
enum { RSR_PRX = 0x01, RSR_CRC = 0x02, RSR_MPA = 0x10, RSR_PHY = 0x20, RSR_DIS = 0x40 };
enum { RCR_AR = 0x02, RCR_AB = 0x04, RCR_AM = 0x08, RCR_PRO = 0x10, RCR_MON = 0x20 };
enum { TCR_LOOPBACK = 0x06, DCR_WORD = 0x01 };
enum { PORT_DATA = 0x10, PORT_RESET = 0x18 };
enum { TALLY_MISSED = 2, CONFIG3_FUDUP = 0x40 };

#define RING_HEADER 4u
#define FCS         4u
#define WIRE_MAX    1514u /* the longest frame that the wire has, without FCS */

const struct field dp8390_fields[] = {
    FIELD(struct dp8390, cr),
    FIELD(struct dp8390, isr),
    FIELD(struct dp8390, imr),
    FIELD(struct dp8390, dcr),
    FIELD(struct dp8390, tcr),
    FIELD(struct dp8390, rcr),
    FIELD(struct dp8390, tsr),
    FIELD(struct dp8390, rsr),
    FIELD(struct dp8390, pstart),
    FIELD(struct dp8390, pstop),
    FIELD(struct dp8390, bnry),
    FIELD(struct dp8390, curr),
    FIELD(struct dp8390, tpsr),
    FIELD(struct dp8390, tbcr),
    FIELD(struct dp8390, rsar),
    FIELD(struct dp8390, rbcr),
    FIELD_ARRAY(struct dp8390, par),
    FIELD_ARRAY(struct dp8390, mar),
    FIELD_ARRAY(struct dp8390, tally),
    FIELD_ARRAY(struct dp8390, fifo),
    FIELD(struct dp8390, config3),
    FIELD_ARRAY(struct dp8390, memory),
    FIELD_SUB(struct dp8390, net, net_port_fields),
    FIELD_END,
};

static void update_irq(struct dp8390 *nic)
{
    nic->set_irq(nic->dev, (nic->isr & nic->imr & 0x7f) != 0);
}

static void raise(struct dp8390 *nic, u8 bits)
{
    nic->isr |= bits;
    update_irq(nic);
}

/* ---- memory ---- */

/* PROM at 0, RAM at 4000h, nothing elsewhere. */
static u8 memory_read(const struct dp8390 *nic, u16 addr)
{
    if (addr < sizeof(nic->prom))
        return nic->prom[addr];
    return addr >= DP8390_MEMORY && addr < 2 * DP8390_MEMORY ? nic->memory[addr - DP8390_MEMORY]
                                                             : 0xff;
}

static void memory_write(struct dp8390 *nic, u16 addr, u8 value)
{
    if (addr >= DP8390_MEMORY && addr < 2 * DP8390_MEMORY)
        nic->memory[addr - DP8390_MEMORY] = value;
}

/* ---- remote DMA: the data port ---- */

static void dma_advance(struct dp8390 *nic, unsigned size)
{
    nic->rsar = (u16)(nic->rsar + size);
    if (nic->rsar == nic->pstop * DP8390_PAGE)
        nic->rsar = (u16)(nic->pstart * DP8390_PAGE);
    nic->rbcr = (u16)(nic->rbcr > size ? nic->rbcr - size : 0);
    if (nic->rbcr)
        return;
    if ((nic->cr & CR_RD) == RD_SEND) { /* BNRY follows to the next frame */
        nic->bnry = memory_read(nic, (u16)(nic->bnry * DP8390_PAGE + 1));
        net_flush(&nic->net);
    }
    raise(nic, ISR_RDC);
}

static u32 data_read(struct dp8390 *nic, unsigned size)
{
    unsigned step = nic->dcr & DCR_WORD ? 2 : 1;
    u32 value = 0;

    for (unsigned i = 0; i < size && i < step; i++)
        value |= (u32)memory_read(nic, (u16)(nic->rsar + i)) << (8 * i);
    dma_advance(nic, step);
    return value;
}

static void data_write(struct dp8390 *nic, unsigned size, u32 value)
{
    unsigned step = nic->dcr & DCR_WORD ? 2 : 1;

    if (!nic->rbcr)
        return;
    for (unsigned i = 0; i < size && i < step; i++)
        memory_write(nic, (u16)(nic->rsar + i), (u8)(value >> (8 * i)));
    dma_advance(nic, step);
}

/* ---- receiving ---- */

/* Bytes of the ring between CURR and BNRY. */
static u32 ring_room(const struct dp8390 *nic)
{
    u32 pages = nic->pstop > nic->pstart ? (u32)nic->pstop - nic->pstart : 0;

    if (nic->curr < nic->bnry)
        return (nic->bnry - (u32)nic->curr) * DP8390_PAGE;
    return pages > (u32)(nic->curr - nic->bnry)
               ? (pages - (u32)(nic->curr - nic->bnry)) * DP8390_PAGE
               : 0;
}

static bool running(const struct dp8390 *nic)
{
    return (nic->cr & (CR_STOP | CR_START)) == CR_START && !(nic->tcr & TCR_LOOPBACK);
}

static bool dp8390_can_receive(void *opaque)
{
    const struct dp8390 *nic = opaque;
    u32 most = nic->pstop > nic->pstart ? (u32)(nic->pstop - nic->pstart) * DP8390_PAGE : 0;
    u32 need = RING_HEADER + WIRE_MAX + FCS;

    if (!running(nic) || nic->rcr & RCR_MON || most <= need)
        return true;
    return ring_room(nic) > need;
}

/* The address filter (data sheet, 7.0): RSR's bits for an accepted frame, 0 for others. */
static u8 accepts(const struct dp8390 *nic, const u8 *mac)
{
    u32 index;

    if (!net_is_multicast(mac)) {
        bool own = !memcmp(mac, nic->par, NET_MAC);
        return own || nic->rcr & RCR_PRO ? RSR_PRX : 0;
    }
    if (net_is_broadcast(mac))
        return nic->rcr & (RCR_AB | RCR_PRO) ? RSR_PRX | RSR_PHY : 0;
    index = net_crc_be(mac, NET_MAC) >> 26;
    if (nic->rcr & RCR_AM && nic->mar[index >> 3] & 1u << (index & 7))
        return RSR_PRX | RSR_PHY;
    return nic->rcr & RCR_PRO ? RSR_PRX | RSR_PHY : 0;
}

static void missed(struct dp8390 *nic, u8 isr)
{
    if (nic->tally[TALLY_MISSED] < 0xff)
        nic->tally[TALLY_MISSED]++;
    if (nic->tally[TALLY_MISSED] & 0x80)
        isr |= ISR_CNT;
    raise(nic, isr);
}

static void ring_put(struct dp8390 *nic, u32 *at, const void *data, u32 len)
{
    const u8 *p = data;

    for (u32 i = 0; i < len; i++) {
        memory_write(nic, (u16)*at, p[i]);
        if (++*at == nic->pstop * DP8390_PAGE)
            *at = nic->pstart * DP8390_PAGE;
    }
}

static void dp8390_receive(void *opaque, const u8 *frame, u32 len)
{
    struct dp8390 *nic = opaque;
    static const u8 zeros[NET_FRAME_MIN];
    u32 padding = len < NET_FRAME_MIN ? NET_FRAME_MIN - len : 0, at = nic->curr * DP8390_PAGE;
    u32 total = RING_HEADER + len + padding + FCS, pages = (total - 1) / DP8390_PAGE + 1, next;
    u8 status, tail[FCS], header[RING_HEADER];

    if (!running(nic) || !(status = accepts(nic, frame)))
        return;
    if (nic->rcr & RCR_MON) {
        nic->rsr = (u8)(status & RSR_PHY) | RSR_MPA | RSR_DIS;
        missed(nic, 0);
        return;
    }
    if (total >= ring_room(nic)) {
        nic->rsr = (u8)(status & RSR_PHY) | RSR_MPA;
        missed(nic, ISR_OVW);
        return;
    }
    next = nic->curr + pages;
    if (next >= nic->pstop)
        next -= (u32)nic->pstop - nic->pstart;
    header[0] = status;
    header[1] = (u8)next;
    store_le(header + 2, 2, total - RING_HEADER);
    store_le(tail, FCS, net_fcs(frame, len));
    ring_put(nic, &at, header, RING_HEADER);
    ring_put(nic, &at, frame, len);
    ring_put(nic, &at, zeros, padding);
    ring_put(nic, &at, tail, FCS);
    nic->curr = (u8)next;
    nic->rsr = status;
    raise(nic, ISR_PRX);
}

/* ---- sending ---- */

/* Frames that loop back reach the FIFO only; what stays there is the end of the frame, its FCS and
 * its length (data sheet, 12.0). */
static void loop_back(struct dp8390 *nic, const u8 *frame)
{
    static const u8 status[4] = {0, TSR_PTX | TSR_CRS | TSR_CDH | 2, TSR_PTX | TSR_CDH | 2,
                                 TSR_PTX | 2};
    u16 len = (u16)(nic->tbcr + FCS);

    nic->fifo[0] = nic->tbcr ? frame[nic->tbcr - 1] : 0;
    store_le(&nic->fifo[1], FCS, net_fcs(frame, nic->tbcr));
    nic->fifo[5] = (u8)len;
    nic->fifo[6] = nic->fifo[7] = (u8)(len >> 8);
    nic->tsr = status[nic->tcr >> 1 & 3];
    nic->rsr = accepts(nic, frame) ? RSR_PRX : RSR_CRC;
}

static void transmit(struct dp8390 *nic)
{
    static const u8 nothing[NET_FRAME_MIN];
    u32 at = nic->tpsr * DP8390_PAGE;
    bool there = at >= DP8390_MEMORY && at + nic->tbcr <= 2 * DP8390_MEMORY;
    const u8 *frame = there ? &nic->memory[at - DP8390_MEMORY] : nothing;

    if (nic->tcr & TCR_LOOPBACK && there) {
        loop_back(nic, frame);
    } else {
        if (there)
            net_send(&nic->net, frame, nic->tbcr);
        nic->tsr = TSR_PTX;
    }
    raise(nic, ISR_PTX);
}

/* ---- registers ---- */

static void write_command(struct dp8390 *nic, u8 value)
{
    nic->cr = value & (u8)~CR_TXP;
    if (value & CR_STOP) {
        nic->isr |= ISR_RST;
        net_flush(&nic->net);
        return;
    }
    if (value & CR_START)
        nic->isr &= (u8)~ISR_RST;
    if ((value & CR_RD) == RD_SEND) {
        nic->rsar = (u16)(nic->bnry * DP8390_PAGE);
        nic->rbcr = (u16)(memory_read(nic, (u16)(nic->rsar + 2)) |
                          memory_read(nic, (u16)(nic->rsar + 3)) << 8);
    }
    if (!(value & RD_ABORT) && value & CR_RD && !nic->rbcr)
        raise(nic, ISR_RDC);
    if (value & CR_TXP)
        transmit(nic);
    net_flush(&nic->net);
}

static u8 take_tally(struct dp8390 *nic, unsigned n)
{
    u8 value = nic->tally[n];
    nic->tally[n] = 0;
    return value;
}

static u8 take_fifo(struct dp8390 *nic)
{
    u8 value = nic->fifo[0];
    memmove(nic->fifo, nic->fifo + 1, sizeof(nic->fifo) - 1);
    nic->fifo[sizeof(nic->fifo) - 1] = value;
    return value;
}

static u8 read_page0(struct dp8390 *nic, unsigned reg)
{
    switch (reg) {
    case 0x1: return (u8)nic->rsar; /* CLDA: not what it is on the chip while it works */
    case 0x2: return (u8)(nic->rsar >> 8);
    case 0x3: return nic->bnry;
    case 0x4: return nic->tsr;
    case 0x6: return take_fifo(nic);
    case 0x7: return nic->isr;
    case 0x8: return (u8)nic->rsar;
    case 0x9: return (u8)(nic->rsar >> 8);
    case 0xa: return nic->realtek ? 0x50 : 0xff; /* 8029ID0, 1: 'P', 'C' */
    case 0xb: return nic->realtek ? 0x43 : 0xff;
    case 0xc: return nic->rsr;
    case 0xd:
    case 0xe:
    case 0xf: return take_tally(nic, reg - 0xd);
    default: return 0; /* 5, NCR: no collisions */
    }
}

static u8 read_page2(const struct dp8390 *nic, unsigned reg)
{
    switch (reg) {
    case 0x1: return nic->pstart;
    case 0x2: return nic->pstop;
    case 0x4: return nic->tpsr;
    case 0xc: return nic->rcr | 0xc0;
    case 0xd: return nic->tcr | 0xe0;
    case 0xe: return nic->dcr | 0x80;
    case 0xf: return nic->imr | 0x80;
    default: return 0xff;
    }
}

/* RTL8029AS: 9346CR, CONFIG0, CONFIG2 (link by twisted pair), CONFIG3, 8029ASID. */
static u8 read_page3(const struct dp8390 *nic, unsigned reg)
{
    if (!nic->realtek)
        return 0xff;
    switch (reg) {
    case 0x5: return 0x40;
    case 0x6: return nic->config3;
    case 0xe: return 0x29;
    case 0xf: return 0x80;
    default: return 0;
    }
}

static u8 read_register(struct dp8390 *nic, unsigned reg)
{
    if (!reg)
        return nic->cr;
    switch (nic->cr >> 6) {
    case 0: return read_page0(nic, reg);
    case 1: return reg < 7 ? nic->par[reg - 1] : reg == 7 ? nic->curr : nic->mar[reg - 8];
    case 2: return read_page2(nic, reg);
    default: return read_page3(nic, reg);
    }
}

static void set_byte(u16 *reg, unsigned n, u8 value)
{
    *reg = n ? (u16)((*reg & 0x00ff) | value << 8) : (u16)((*reg & 0xff00) | value);
}

static void write_page0(struct dp8390 *nic, unsigned reg, u8 value)
{
    switch (reg) {
    case 0x1: nic->pstart = value; break;
    case 0x2: nic->pstop = value; break;
    case 0x3: nic->bnry = value; break;
    case 0x4: nic->tpsr = value; break;
    case 0x5:
    case 0x6: set_byte(&nic->tbcr, reg - 0x5, value); break;
    case 0x7: nic->isr &= (u8) ~(value & 0x7f); break;
    case 0x8:
    case 0x9: set_byte(&nic->rsar, reg - 0x8, value); break;
    case 0xa:
    case 0xb: set_byte(&nic->rbcr, reg - 0xa, value); break;
    case 0xc: nic->rcr = value & 0x3f; break;
    case 0xd: nic->tcr = value & 0x1f; break;
    case 0xe: nic->dcr = value & 0x7f; break;
    case 0xf: nic->imr = value & 0x7f; break;
    default: break;
    }
    update_irq(nic);
    net_flush(&nic->net);
}

static void write_page1(struct dp8390 *nic, unsigned reg, u8 value)
{
    if (reg < 7)
        nic->par[reg - 1] = value;
    else if (reg == 7)
        nic->curr = value;
    else
        nic->mar[reg - 8] = value;
}

static void write_register(struct dp8390 *nic, unsigned reg, u8 value)
{
    if (!reg)
        write_command(nic, value);
    else if (!(nic->cr & CR_PAGE))
        write_page0(nic, reg, value);
    else if (nic->cr >> 6 == 1)
        write_page1(nic, reg, value);
    else if (nic->cr >> 6 == 3 && nic->realtek && reg == 6)
        nic->config3 = value & 0x46;
}

/* The reset port: reading it resets the chip, which keeps its memory and most registers. */
static void soft_reset(struct dp8390 *nic)
{
    nic->cr = CR_STOP | RD_ABORT;
    nic->isr = ISR_RST;
    nic->imr = 0;
    nic->tcr &= (u8)~TCR_LOOPBACK;
    update_irq(nic);
    net_flush(&nic->net);
}

u32 dp8390_read(struct dp8390 *nic, unsigned port, unsigned size)
{
    if (port >= PORT_RESET) {
        soft_reset(nic);
        return 0;
    }
    if (port >= PORT_DATA)
        return data_read(nic, size);
    u32 value = read_register(nic, port);
    return size == 1 ? value : value | (u32)read_register(nic, (port + 1) & 15) << 8;
}

void dp8390_write(struct dp8390 *nic, unsigned port, unsigned size, u32 value)
{
    if (port >= PORT_RESET)
        return;
    if (port >= PORT_DATA) {
        data_write(nic, size, value);
        return;
    }
    write_register(nic, port, (u8)value);
    if (size > 1)
        write_register(nic, (port + 1) & 15, (u8)(value >> 8));
}

/* ---- life ---- */

void dp8390_reset(struct dp8390 *nic)
{
    memset(nic, 0, offsetof(struct dp8390, net));
    nic->cr = CR_STOP | RD_ABORT;
    nic->isr = ISR_RST;
    nic->config3 = CONFIG3_FUDUP;
    net_port_reset(&nic->net);
    update_irq(nic);
}

const char *dp8390_init(struct dp8390 *nic, struct dev *dev, struct net_link *link, const char *mac,
                        void (*set_irq)(struct dev *dev, bool level))
{
    static const struct net_ops ops = {dp8390_can_receive, dp8390_receive, NULL};
    const char *refusal = net_port_init(&nic->net, dev, link, mac, &ops);

    nic->net.opaque = nic;
    nic->dev = dev;
    nic->set_irq = set_irq;
    for (unsigned i = 0; i < NET_MAC; i++) /* each byte at both halves of a word */
        nic->prom[2 * i] = nic->prom[2 * i + 1] = nic->net.mac[i];
    memset(&nic->prom[28], 'W', 4); /* a 16-bit card */
    return refusal;
}
