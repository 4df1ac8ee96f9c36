/* Sending by an 82540EM (8254x manual, 3.3-3.5): descriptors gathered into packets, checksums and
 * VLAN tags put in, large packets cut. Packets are sent at once, as long as they are not more than
 * a driver has to send; what a link takes in one piece is not cut. */
#include "devices/e1000.h"
#include "devices/net_offload.h"

#include <string.h>

#define FCS      4u
#define DESC_MAX 16384u /* bytes of data of one descriptor */
#define IP_MAX   65535u
#define TICK_NS  1024u /* of TIDV and TADV */
#define SHARE    4096u /* frames, about, at one moment; the wire takes as long for them: */
#define SHARE_NS 4000000u

enum { TCTL_EN = 0x2, TCTL_PSP = 0x8, RCTL_LBM = 0xc0 };
enum {
    CMD_EOP = 0x01,
    CMD_IC = 0x04,  /* legacy descriptors */
    CMD_TSE = 0x04, /* the others */
    CMD_RS = 0x08,
    CMD_DEXT = 0x20,
    CMD_VLE = 0x40,
    CMD_IDE = 0x80,
};
enum { CONTEXT_TCP = 0x01, CONTEXT_IP4 = 0x02, CONTEXT_TSE = 0x04 };
enum { OPTION_IP_SUM = 0x01, OPTION_SUM = 0x02 };
enum { STATUS_DD = 1 };

const struct field e1000_context_fields[] = {
    FIELD(struct e1000_context, ipcss),  FIELD(struct e1000_context, ipcso),
    FIELD(struct e1000_context, tucss),  FIELD(struct e1000_context, tucso),
    FIELD(struct e1000_context, ipcse),  FIELD(struct e1000_context, tucse),
    FIELD(struct e1000_context, mss),    FIELD(struct e1000_context, command),
    FIELD(struct e1000_context, header), FIELD_END,
};

/* ---- packets ---- */

static void send_frame(void *opaque, u8 *frame, u32 len)
{
    struct e1000 *s = opaque;

    if (len < NET_HEADER)
        return;
    e1000_count(s, E_TPT);
    e1000_count(s, E_GPTC);
    e1000_count_bytes(s, E_TOTL, len + FCS);
    e1000_count_bytes(s, E_GOTCL, len + FCS);
    e1000_count_size(s, E_PTC64, len + FCS);
    if (net_is_broadcast(frame))
        e1000_count(s, E_BPTC);
    else if (net_is_multicast(frame))
        e1000_count(s, E_MPTC);
    if (e1000_phy_loopback(s) || *e1000_reg(s, E_RCTL) & RCTL_LBM)
        e1000_receive(s, frame, len);
    else
        net_send(&s->net, frame, len);
}

/* The sum of [start, end] goes to `at`; end 0: that of the packet. What stands there before is part
 * of the sum. */
static void put_sum(struct e1000 *s, u32 start, u32 at, u32 end)
{
    u32 stop = end && end + 1 < s->tx_len ? end + 1 : s->tx_len;

    if (start < stop && at + 2 <= s->tx_len)
        store_be(s->tx + at, 2, net_checksum(net_sum(s->tx + start, stop - start, 0)));
}

static void insert_tag(struct e1000 *s, u16 tag)
{
    if (s->tx_len < 12)
        return;
    memmove(s->tx + 16, s->tx + 12, s->tx_len - 12);
    store_be(s->tx + 12, 2, *e1000_reg(s, E_VET));
    store_be(s->tx + 14, 2, tag);
    s->tx_len += 4;
}

/* shift: how far a VLAN tag has moved the headers. */
static void send_cut(struct e1000 *s, u32 shift)
{
    const struct e1000_context *c = &s->context[1];
    struct net_cut cut = {.ip = c->ipcss + shift,
                          .l4 = c->tucss + shift,
                          .header = c->header + shift,
                          .mss = c->mss,
                          .ip6 = !(c->command & CONTEXT_IP4),
                          .tcp = c->command & CONTEXT_TCP,
                          .ip_sum = s->tx_options & OPTION_IP_SUM,
                          .l4_sum = s->tx_options & OPTION_SUM};

    if (net_takes_large(&s->net) && s->tx_len <= IP_MAX && cut.mss)
        cut.mss = IP_MAX;
    e1000_count(s, E_TSCTC);
    net_cut(s->tx, s->tx_len, &cut, send_frame, s);
}

static void end_of_packet(struct e1000 *s, u8 command, u16 special)
{
    const struct e1000_context *c = &s->context[0];
    bool tag = command & CMD_VLE && *e1000_reg(s, E_CTRL) & CTRL_VME;

    if (!s->tx_cut && s->tx_options & OPTION_SUM)
        put_sum(s, c->tucss, c->tucso, c->tucse);
    if (!s->tx_cut && s->tx_options & OPTION_IP_SUM)
        put_sum(s, c->ipcss, c->ipcso, c->ipcse);
    if (tag)
        insert_tag(s, special);
    if (s->tx_cut) {
        send_cut(s, tag ? 4 : 0);
    } else {
        if (s->tx_len < NET_FRAME_MIN && *e1000_reg(s, E_TCTL) & TCTL_PSP) {
            memset(s->tx + s->tx_len, 0, NET_FRAME_MIN - s->tx_len);
            s->tx_len = NET_FRAME_MIN;
        }
        send_frame(s, s->tx, s->tx_len);
    }
    s->tx_first = true;
}

/* ---- descriptors ---- */

static void context_desc(struct e1000 *s, const u8 *desc)
{
    struct e1000_context *c = &s->context[desc[11] & CONTEXT_TSE ? 1 : 0];

    *c = (struct e1000_context){.ipcss = desc[0],
                                .ipcso = desc[1],
                                .ipcse = (u16)load_le(desc + 2, 2),
                                .tucss = desc[4],
                                .tucso = desc[5],
                                .tucse = (u16)load_le(desc + 6, 2),
                                .command = desc[11],
                                .header = desc[13],
                                .mss = (u16)load_le(desc + 14, 2)};
}

static void gather(struct e1000 *s, paddr from, u32 len)
{
    len = len < DESC_MAX ? len : DESC_MAX;
    if (len > E1000_TX_MAX - s->tx_len)
        len = E1000_TX_MAX - s->tx_len;
    bus_master_read(s->dev.bus, s, from, s->tx + s->tx_len, len);
    s->tx_len += len;
}

static void begin_packet(struct e1000 *s, u8 options, bool cut)
{
    if (!s->tx_first)
        return;
    s->tx_first = false;
    s->tx_len = 0;
    s->tx_options = options;
    s->tx_cut = cut;
}

/* Returns how many frames have been sent, but for a few. */
static u32 data_desc(struct e1000 *s, const u8 *desc)
{
    u8 command = desc[11];
    bool legacy = !(command & CMD_DEXT);
    u32 len = (u32)load_le(desc + 8, 4) & (legacy ? 0xffff : 0xfffff);

    begin_packet(s, legacy ? 0 : desc[13], !legacy && command & CMD_TSE);
    gather(s, load_le(desc, 8), len);
    if (!(command & CMD_EOP))
        return 0;
    if (legacy && command & CMD_IC)
        put_sum(s, desc[13], desc[10], 0);
    end_of_packet(s, command, (u16)load_le(desc + 14, 2));
    return 1 + (s->tx_cut && s->context[1].mss ? s->tx_len / s->context[1].mss : 0);
}

/* Status back to memory; true if the interrupt may wait. */
static bool report(struct e1000 *s, paddr at, u8 *desc, u32 *causes)
{
    u8 command = desc[11];

    if (!(command & CMD_RS))
        return false;
    desc[12] |= STATUS_DD;
    bus_master_write(s->dev.bus, s, at + 12, desc + 12, 1);
    if (command & CMD_IDE && *e1000_reg(s, E_TIDV) & 0xffff)
        return true;
    *causes |= INT_TXDW;
    return false;
}

static void put_off(struct e1000 *s)
{
    u32 delay = *e1000_reg(s, E_TIDV) & 0xffff, most = *e1000_reg(s, E_TADV) & 0xffff;

    timer_arm(&s->tx_delay, e1000_now(s) + delay * TICK_NS);
    if (most && !s->tx_absolute.armed)
        timer_arm(&s->tx_absolute, e1000_now(s) + most * TICK_NS);
}

void e1000_transmit(struct e1000 *s)
{
    paddr ring = *e1000_reg(s, E_TDBAL) | (paddr)*e1000_reg(s, E_TDBAH) << 32;
    u32 n = *e1000_reg(s, E_TDLEN) / E1000_DESC, *head = e1000_reg(s, E_TDH);
    u32 tail = *e1000_reg(s, E_TDT), causes = 0, frames = 0;
    bool later = false, some = false;

    if (!(*e1000_reg(s, E_TCTL) & TCTL_EN) || !(s->pci.config[PCI_COMMAND] & PCI_COMMAND_MASTER) ||
        *head >= n || tail >= n || s->tx_more.armed)
        return;
    while (*head != tail && frames < SHARE) { /* once around at most */
        paddr at = ring + (paddr)*head * E1000_DESC;
        u8 desc[E1000_DESC];
        if (!bus_master_read(s->dev.bus, s, at, desc, E1000_DESC))
            break;
        if ((desc[11] & CMD_DEXT) && !(desc[10] >> 4))
            context_desc(s, desc);
        else
            frames += data_desc(s, desc);
        later |= report(s, at, desc, &causes);
        *head = (*head + 1) % n;
        some = true;
    }
    if (frames >= SHARE)
        timer_arm(&s->tx_more, e1000_now(s) + SHARE_NS);
    if (later)
        put_off(s);
    if (some)
        e1000_raise(s, causes | INT_TXQE);
}
