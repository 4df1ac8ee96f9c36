/* Receiving by an 82540EM (8254x manual, 3.2): the address filters, the descriptors' ring, VLAN
 * tags, checksums, and the timers that put interrupts off. */
#include "devices/e1000.h"
#include "devices/net_offload.h"

#include <string.h>

#define FCS       4u
#define WIRE_MAX  1518u /* with a VLAN tag, without FCS */
#define LONG_MAX  16380u
#define TICK_NS   1024u /* of RDTR and RADV */
#define ADDRESSES 16

enum {
    RCTL_EN = 0x2,
    RCTL_UPE = 0x8,
    RCTL_MPE = 0x10,
    RCTL_LPE = 0x20,
    RCTL_BAM = 0x8000,
    RCTL_VFE = 0x40000,
    RCTL_BSEX = 0x2000000,
    RCTL_SECRC = 0x4000000,
};
enum {
    RX_DD = 1,
    RX_EOP = 2,
    RX_IXSM = 4,
    RX_VP = 8,
    RX_TCPCS = 0x20,
    RX_IPCS = 0x40,
    RX_PIF = 0x80
};
enum { ERROR_TCP = 0x20, ERROR_IP = 0x40 };
enum { RXCSUM_IP = 0x100, RXCSUM_TU = 0x200 };

static u32 buffer_size(struct e1000 *s)
{
    u32 rctl = *e1000_reg(s, E_RCTL), size = rctl >> 16 & 3;

    if (rctl & RCTL_BSEX)
        return size ? 32768u >> size : 2048;
    return 2048u >> size;
}

static u32 ring_size(struct e1000 *s)
{
    return *e1000_reg(s, E_RDLEN) / E1000_DESC;
}

/* Descriptors that software has given: from RDH to before RDT. */
static u32 available(struct e1000 *s)
{
    u32 n = ring_size(s), head = *e1000_reg(s, E_RDH), tail = *e1000_reg(s, E_RDT);

    if (head >= n || tail >= n)
        return 0;
    return (tail + n - head) % n;
}

static bool receiving(struct e1000 *s)
{
    return *e1000_reg(s, E_RCTL) & RCTL_EN && s->pci.config[PCI_COMMAND] & PCI_COMMAND_MASTER;
}

bool e1000_can_receive(void *dev)
{
    struct e1000 *s = dev;
    u32 size = buffer_size(s), need = (WIRE_MAX + FCS + size - 1) / size;

    return !receiving(s) || ring_size(s) <= need || available(s) >= need;
}

/* ---- filters ---- */

static bool exact_match(struct e1000 *s, const u8 *mac)
{
    for (unsigned i = 0; i < ADDRESSES; i++) {
        u32 low = *e1000_reg(s, E_RA + 8 * i), high = *e1000_reg(s, E_RA + 8 * i + 4);
        if (high >> 31 && load_le(mac, 4) == low && load_le(mac + 4, 2) == (high & 0xffff))
            return true;
    }
    return false;
}

static bool hash_match(struct e1000 *s, const u8 *mac)
{
    static const u8 shifts[4] = {4, 3, 2, 0};
    unsigned shift = shifts[*e1000_reg(s, E_RCTL) >> 12 & 3];
    u32 hash = (u32)load_le(mac + 4, 2) >> shift & 0xfff;
    return *e1000_reg(s, E_MTA + 4 * (hash >> 5)) >> (hash & 31) & 1;
}

static bool is_tagged(struct e1000 *s, const u8 *frame, u32 len)
{
    return len >= 18 && load_be(frame + 12, 2) == (*e1000_reg(s, E_VET) & 0xffff);
}

/* *hashed: only the inexact filter let it in. */
static bool accepts(struct e1000 *s, const u8 *frame, u32 len, bool *hashed)
{
    u32 rctl = *e1000_reg(s, E_RCTL), vlan;

    *hashed = false;
    if (rctl & RCTL_VFE && is_tagged(s, frame, len)) {
        vlan = (u32)load_be(frame + 14, 2) & 0xfff;
        if (!(*e1000_reg(s, E_VFTA + 4 * (vlan >> 5)) >> (vlan & 31) & 1))
            return false;
    }
    if (exact_match(s, frame))
        return true;
    if (net_is_broadcast(frame) && rctl & RCTL_BAM)
        return true;
    if (!net_is_multicast(frame))
        return rctl & RCTL_UPE;
    *hashed = !(rctl & RCTL_MPE);
    return rctl & RCTL_MPE || hash_match(s, frame);
}

/* ---- checksums ---- */

/* Status bits; errors through *errors. */
static u8 check_sums(struct e1000 *s, const u8 *frame, u32 len, u8 *errors)
{
    u32 rxcsum = *e1000_reg(s, E_RXCSUM), sum;
    struct net_layout l;
    u8 status = 0;

    if (!(rxcsum & (RXCSUM_IP | RXCSUM_TU)) || !net_parse(frame, len, &l))
        return RX_IXSM;
    if (rxcsum & RXCSUM_IP && l.ip4) {
        status |= RX_IPCS;
        if (net_checksum(net_sum(frame + l.ip, l.l4 - l.ip, 0)))
            *errors |= ERROR_IP;
    }
    if (!(rxcsum & RXCSUM_TU) || !(l.tcp || l.udp) ||
        (l.udp && !load_le(frame + l.l4 + 6, 2))) /* it has none */
        return status ? status : RX_IXSM;
    sum = net_pseudo_sum(frame + l.ip, l.tcp ? 6 : 17, l.end - l.l4);
    if (net_checksum(net_sum(frame + l.l4, l.end - l.l4, sum)))
        *errors |= ERROR_TCP;
    return status | RX_TCPCS;
}

/* ---- the ring ---- */

/* A frame as it goes to memory: two pieces, since a VLAN tag may be left out between them. */
struct pieces {
    const u8 *data[3];
    u32 len[3];
};

/* Writes up to len bytes of what is left; returns how many. */
static u32 put_pieces(struct e1000 *s, struct pieces *p, paddr to, u32 len)
{
    u32 done = 0;

    for (unsigned i = 0; i < ARRAY_LEN(p->data) && done < len; i++) {
        u32 n = p->len[i] < len - done ? p->len[i] : len - done;
        bus_master_write(s->dev.bus, s, to + done, p->data[i], n);
        p->data[i] += n;
        p->len[i] -= n;
        done += n;
    }
    return done;
}

/* Fills descriptors, of which there are enough; those without a buffer are left out. */
static void put_frame(struct e1000 *s, struct pieces *p, u32 total, u8 status, u8 errors,
                      u16 special)
{
    struct bus *bus = s->dev.bus;
    paddr ring = *e1000_reg(s, E_RDBAL) | (paddr)*e1000_reg(s, E_RDBAH) << 32;
    u32 *head = e1000_reg(s, E_RDH), n = ring_size(s), size = buffer_size(s), done = 0;

    for (u32 left = available(s); left && done < total; left--) {
        paddr at = ring + (paddr)*head * E1000_DESC;
        u8 desc[E1000_DESC];
        if (!bus_master_read(bus, s, at, desc, E1000_DESC))
            return;
        paddr to = load_le(desc, 8);
        u32 wrote = to ? put_pieces(s, p, to, size) : 0;
        done += wrote;
        memset(desc + 8, 0, 8);
        store_le(desc + 8, 2, wrote);
        desc[12] = RX_DD;
        if (done == total) {
            desc[12] |= RX_EOP | status;
            desc[13] = errors;
            store_le(desc + 14, 2, special);
        }
        bus_master_write(bus, s, at + 8, desc + 8, 8);
        *head = (*head + 1) % n;
    }
}

/* ---- interrupts ---- */

static void received(struct e1000 *s)
{
    u32 threshold = ring_size(s) >> ((*e1000_reg(s, E_RCTL) >> 8 & 3) + 1), causes = 0;
    u32 delay = *e1000_reg(s, E_RDTR) & 0xffff, most = *e1000_reg(s, E_RADV) & 0xffff;

    if (available(s) <= threshold)
        causes = INT_RXDMT0;
    if (delay) {
        timer_arm(&s->rx_delay, e1000_now(s) + delay * TICK_NS);
        if (most && !s->rx_absolute.armed)
            timer_arm(&s->rx_absolute, e1000_now(s) + most * TICK_NS);
    } else {
        causes |= INT_RXT0;
    }
    e1000_raise(s, causes);
}

static void count(struct e1000 *s, const u8 *frame, u32 len)
{
    e1000_count(s, E_TPR);
    e1000_count(s, E_GPRC);
    e1000_count_bytes(s, E_TORL, len + FCS);
    e1000_count_bytes(s, E_GORCL, len + FCS);
    e1000_count_size(s, E_PRC64, len + FCS);
    if (net_is_broadcast(frame))
        e1000_count(s, E_BPRC);
    else if (net_is_multicast(frame))
        e1000_count(s, E_MPRC);
}

void e1000_receive(void *dev, const u8 *frame, u32 len)
{
    struct e1000 *s = dev;
    u32 rctl = *e1000_reg(s, E_RCTL), total;
    u8 padded[NET_FRAME_MIN] = {0}, fcs[FCS], status, errors = 0;
    u16 special = 0;
    bool hashed;

    if (!receiving(s))
        return;
    if (len < NET_FRAME_MIN) {
        memcpy(padded, frame, len);
        frame = padded;
        len = NET_FRAME_MIN;
    }
    if (!accepts(s, frame, len, &hashed))
        return;
    if (len > (rctl & RCTL_LPE ? LONG_MAX : WIRE_MAX)) {
        e1000_count(s, E_ROC);
        return;
    }
    status = check_sums(s, frame, len, &errors);
    if (hashed)
        status |= RX_PIF;
    struct pieces p = {{frame, frame + len, fcs}, {len, 0, rctl & RCTL_SECRC ? 0 : FCS}};
    total = len + p.len[2];
    store_le(fcs, FCS, net_fcs(frame, len));
    if (*e1000_reg(s, E_CTRL) & CTRL_VME && is_tagged(s, frame, len)) {
        special = (u16)load_be(frame + 14, 2);
        status |= RX_VP;
        p.len[0] = 12;
        p.data[1] = frame + 16;
        p.len[1] = len - 16;
        total -= 4;
    }
    if ((u64)available(s) * buffer_size(s) < total) {
        e1000_count(s, E_MPC);
        e1000_count(s, E_RNBC);
        e1000_raise(s, INT_RXO);
        return;
    }
    count(s, frame, len);
    put_frame(s, &p, total, status, errors, special);
    received(s);
}
