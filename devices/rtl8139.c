/* Realtek RTL8139C+ Fast Ethernet controller (data sheet rev. 1.6): PCI 10ec:8139, 256 registers as
 * ports and in memory. Registers are rows of a table over an array of bytes. With cplus=off it is
 * an RTL8139C, for drivers that leave the C+ to others. Wake-up and boot ROM are not wired. */
#include "devices/rtl8139.h"

#include <string.h>

#include "mmu/phys.h"

#define PORTS         256u
#define MEMORY        4096u /* a page: the least that the bus maps */
#define TIMER_NUM     33u   /* TCTR counts at 33 MHz */
#define TIMER_DEN     1000u
#define TIMER_PERIOD  ((1ull << 32) * TIMER_DEN / TIMER_NUM)
#define RETRY_NS      100000u /* between looks for descriptors, while frames wait */
#define VERSION_C     0x74000000u
#define VERSION_CPLUS 0x74800000u

enum { CR9346_MODE = 0xc0, CR9346_CONFIG = 0xc0, CR9346_EEPROM = 0x80, CR9346_LOAD = 0x40 };
enum { CR9346_CS = 8, CR9346_CLOCK = 4, CR9346_IN = 2, CR9346_OUT = 1 };
enum { BMCR_RESET = 0x8000, BMCR_AUTO = 0x1000, BMCR_RESTART = 0x0200, BMCR_100_FULL = 0x2100 };
enum { BMSR_USUAL = 0x7809, BMSR_LINK = 0x0004, BMSR_DONE = 0x0020 };
enum { MSR_NO_LINK = 0x04 };

static const struct field rtl8139_fields[] = {
    FIELD_SUB(struct rtl8139, pci, pci_func_fields),
    FIELD_ARRAY(struct rtl8139, reg),
    FIELD_MAX(struct rtl8139, tx_next, 3),
    FIELD_MAX(struct rtl8139, rx_put, 1u << 20),
    FIELD_MAX(struct rtl8139, rx_get, 1u << 20),
    FIELD(struct rtl8139, rx_desc),
    FIELD_ARRAY(struct rtl8139, tx_desc),
    FIELD_MAX(struct rtl8139, tx_len, RTL_TX_MAX),
    FIELD(struct rtl8139, missed),
    FIELD(struct rtl8139, timer_base),
    FIELD(struct rtl8139, tally_tx),
    FIELD(struct rtl8139, tally_rx),
    FIELD(struct rtl8139, tally_rx_own),
    FIELD(struct rtl8139, tally_rx_broadcast),
    FIELD(struct rtl8139, tally_rx_multicast),
    FIELD(struct rtl8139, timer),
    FIELD(struct rtl8139, retry),
    FIELD_SUB(struct rtl8139, eeprom, eeprom93_fields),
    FIELD_SUB(struct rtl8139, net, net_port_fields),
    FIELD_ARRAY(struct rtl8139, tx),
    FIELD_END,
};

static const struct prop rtl8139_props[] = {
    PROP_OBJECT(struct rtl8139, netdev, NET_KIND),
    PROP_STR(struct rtl8139, mac, NULL),
    PROP_STR(struct rtl8139, addr, NULL),
    PROP_BOOL(struct rtl8139, cplus, "on"),
    PROP_END,
};

static void update_irq(struct rtl8139 *s)
{
    pci_set_intx(&s->pci, (rtl_get(s, R_ISR, 2) & rtl_get(s, R_IMR, 2)) != 0);
}

void rtl_raise(struct rtl8139 *s, u16 bits)
{
    rtl_put(s, R_ISR, 2, rtl_get(s, R_ISR, 2) | bits);
    update_irq(s);
}

/* ---- timers ---- */

static u64 now(struct rtl8139 *s)
{
    return clock_now(s->dev.bus->clock);
}

/* For the next time that TCTR equals TIMERINT. */
static void arm_timer(struct rtl8139 *s)
{
    u32 match = rtl_get(s, R_TIMERINT, 4);
    u64 passed = now(s) - s->timer_base, round = passed - passed % TIMER_PERIOD;
    u64 at = s->timer_base + round + muldiv64(match, TIMER_DEN, TIMER_NUM) + 1;

    timer_cancel(&s->timer);
    if (match)
        timer_arm(&s->timer, at > now(s) ? at : at + TIMER_PERIOD);
}

static void on_timer(void *opaque)
{
    struct rtl8139 *s = opaque;
    rtl_raise(s, INT_TIMEOUT);
    arm_timer(s);
}

/* The driver of a C+ hands descriptors back without a word. */
static void on_retry(void *opaque)
{
    struct rtl8139 *s = opaque;
    net_flush(&s->net);
    if (s->net.used)
        timer_arm(&s->retry, now(s) + RETRY_NS);
}

static bool can_receive(void *dev)
{
    struct rtl8139 *s = dev;
    bool can = rtl_can_receive(s);

    if (!can && !s->retry.armed && rtl_get(s, R_CPCR, 2) & CPCR_RX)
        timer_arm(&s->retry, now(s) + RETRY_NS);
    return can;
}

/* ---- reset ---- */

/* What the reset bit does: both directions start anew; addresses and configuration stay. */
static void soft_reset(struct rtl8139 *s)
{
    for (unsigned i = 0; i < 4; i++) {
        rtl_put(s, R_TSD + 4 * i, 4, TSD_OWN);
        rtl_put(s, R_TSAD + 4 * i, 4, 0);
    }
    memset(&s->reg[R_RBSTART], 0, R_9346CR - R_RBSTART);
    rtl_put(s, R_CPCR, 2, 0);
    rtl_put(s, R_TCR, 4, s->cplus ? VERSION_CPLUS : VERSION_C);
    s->tx_next = 0;
    s->rx_put = s->rx_get = s->rx_desc = s->tx_desc[0] = s->tx_desc[1] = s->tx_len = 0;
    s->missed = 0;
    s->timer_base = now(s);
    timer_cancel(&s->timer);
    rtl_put(s, R_TIMERINT, 4, 0);
    update_irq(s);
}

static void reset_phy(struct rtl8139 *s)
{
    rtl_put(s, R_BMCR, 2, BMCR_AUTO | BMCR_100_FULL);
    rtl_put(s, R_ANAR, 2, 0x05e1);   /* all of 10 and 100 Mb/s, flow control */
    rtl_put(s, R_ANLPAR, 2, 0x45e1); /* so has the other end */
    rtl_put(s, R_CSCR, 2, 0x0008);   /* the cable is good */
}

/* What comes from the EEPROM. */
static void load_eeprom(struct rtl8139 *s)
{
    for (unsigned i = 0; i < NET_MAC / 2; i++)
        rtl_put(s, R_IDR + 2 * i, 2, s->eeprom.word[7 + i]);
    s->reg[R_CONFIG1] = 0x0c; /* registers as ports and in memory */
    s->reg[R_CONFIG3] = 0x01; /* fast back-to-back */
}

static void rtl8139_reset(struct dev *dev)
{
    struct rtl8139 *s = (struct rtl8139 *)dev;

    pci_func_reset(&s->pci);
    memset(s->reg, 0, sizeof(s->reg));
    eeprom93_reset(&s->eeprom);
    load_eeprom(s);
    reset_phy(s);
    rtl_put(s, R_RERID, 1, 0x20);
    timer_cancel(&s->retry);
    net_port_reset(&s->net);
    s->tally_tx = s->tally_rx = s->tally_rx_own = s->tally_rx_broadcast = 0;
    s->tally_rx_multicast = 0;
    soft_reset(s);
}

/* ---- registers that do something ---- */

static void write_tsd(struct rtl8139 *s, unsigned at, u32 value)
{
    if (rtl_get(s, R_CPCR, 2) & CPCR_TX) {
        rtl_put(s, at, 4, value);
        if (at == R_DTCCR && value & 8)
            rtl_dump_tally(s, rtl_address(s, R_DTCCR) & ~63ull);
        return;
    }
    rtl_put(s, at, 4, value & 0x003f3fff);
    rtl_transmit(s);
}

static void write_cr(struct rtl8139 *s, unsigned at, u32 value)
{
    u8 was = s->reg[at];

    if (value & CR_RST) {
        soft_reset(s);
        value = 0;
    }
    if (value & CR_TE && !(was & CR_TE))
        s->tx_next = 0;
    if (value & CR_RE && !(was & CR_RE))
        s->rx_desc = 0;
    s->reg[at] = value & (CR_TE | CR_RE);
    rtl_transmit(s);
}

static void write_capr(struct rtl8139 *s, unsigned at, u32 value)
{
    rtl_put(s, at, 2, value);
    rtl_set_capr(s, (u16)value);
}

static void write_imr(struct rtl8139 *s, unsigned at, u32 value)
{
    rtl_put(s, at, 2, value & 0xe1ff);
    update_irq(s);
}

static void write_isr(struct rtl8139 *s, unsigned at, u32 value)
{
    rtl_put(s, at, 2, rtl_get(s, at, 2) & ~value);
    update_irq(s);
}

static void write_tcr(struct rtl8139 *s, unsigned at, u32 value)
{
    rtl_put(s, at, 4, (rtl_get(s, at, 4) & 0x7cc00000) | (value & 0x030707f0));
}

static void write_tctr(struct rtl8139 *s, unsigned at, u32 value)
{
    (void)at;
    (void)value;
    s->timer_base = now(s);
    arm_timer(s);
}

static void write_mpc(struct rtl8139 *s, unsigned at, u32 value)
{
    (void)at;
    (void)value;
    s->missed = 0;
}

static void write_9346cr(struct rtl8139 *s, unsigned at, u32 value)
{
    unsigned mode = value & CR9346_MODE;

    s->reg[at] = value & (CR9346_MODE | CR9346_CS | CR9346_CLOCK | CR9346_IN);
    if (mode == CR9346_EEPROM)
        eeprom93_write(&s->eeprom, value & CR9346_CS, value & CR9346_CLOCK, value & CR9346_IN);
    else
        eeprom93_write(&s->eeprom, false, false, false);
    if (mode == CR9346_LOAD) {
        load_eeprom(s);
        s->reg[at] = 0;
    }
}

static void write_timerint(struct rtl8139 *s, unsigned at, u32 value)
{
    rtl_put(s, at, 4, value);
    arm_timer(s);
}

static void write_bmcr(struct rtl8139 *s, unsigned at, u32 value)
{
    if (value & BMCR_RESET)
        reset_phy(s);
    else
        rtl_put(s, at, 2, value & (BMCR_AUTO | BMCR_100_FULL));
}

static void write_tppoll(struct rtl8139 *s, unsigned at, u32 value)
{
    (void)at;
    if (value & 1)
        rtl_raise(s, INT_SWINT);
    if (value & 0x80)
        rtl_poll(s, true);
    if (value & 0x40)
        rtl_poll(s, false);
}

static void write_cpcr(struct rtl8139 *s, unsigned at, u32 value)
{
    if (s->cplus)
        rtl_put(s, at, 2, value & 0x007b);
}

/* A new ring of descriptors is used from its start. */
static void write_ring(struct rtl8139 *s, unsigned at, u32 value)
{
    bool low = !(at & 4) == !(R_RDSAR & 4);

    rtl_put(s, at, 4, low ? value & ~0xffu : value);
    if (at == R_RDSAR)
        s->rx_desc = 0;
}

static void write_tsad(struct rtl8139 *s, unsigned at, u32 value)
{
    rtl_put(s, at, 4, value);
    if (at == R_TSAD)
        s->tx_desc[0] = 0;
    if (at == R_THPDS)
        s->tx_desc[1] = 0;
}

/* ---- the registers ---- */

static const struct row {
    u8 at, size;
    bool locked; /* writable only while 9346CR says so */
    u32 mask;    /* of bits that software writes; what no row names is read-only */
    void (*write)(struct rtl8139 *s, unsigned at, u32 value); /* instead */
} rows[] = {
    {R_IDR, 4, true, ~0u, NULL},
    {R_IDR + 4, 4, true, 0xffff, NULL},
    {R_MAR, 4, false, ~0u, NULL},
    {R_MAR + 4, 4, false, ~0u, NULL},
    {R_TSD, 4, false, 0, write_tsd},
    {R_TSD + 4, 4, false, 0, write_tsd},
    {R_TSD + 8, 4, false, 0, write_tsd},
    {R_TSD + 12, 4, false, 0, write_tsd},
    {R_TSAD, 4, false, 0, write_tsad},
    {R_TSAD + 4, 4, false, 0, write_tsad},
    {R_TSAD + 8, 4, false, 0, write_tsad},
    {R_TSAD + 12, 4, false, 0, write_tsad},
    {R_RBSTART, 4, false, ~0u, NULL},
    {R_CR, 1, false, 0, write_cr},
    {R_CAPR, 2, false, 0, write_capr},
    {R_IMR, 2, false, 0, write_imr},
    {R_ISR, 2, false, 0, write_isr},
    {R_TCR, 4, false, 0, write_tcr},
    {R_RCR, 4, false, 0x0f03ffbf, NULL},
    {R_TCTR, 4, false, 0, write_tctr},
    {R_MPC, 4, false, 0, write_mpc},
    {R_9346CR, 1, false, 0, write_9346cr},
    {R_CONFIG1, 1, true, 0xf3, NULL},
    {R_TIMERINT, 4, false, 0, write_timerint},
    {R_CONFIG3, 1, true, 0x70, NULL},
    {R_CONFIG4, 1, true, 0xf5, NULL},
    {R_MULINT, 2, false, 0x0fff, NULL},
    {R_BMCR, 2, false, 0, write_bmcr},
    {R_ANAR, 2, false, 0x2dff, NULL},
    {R_CSCR, 2, false, 0xfe00, NULL},
    {R_CONFIG5, 1, false, 0x7f, NULL},
    {R_TPPOLL, 1, false, 0, write_tppoll},
    {R_CPCR, 2, false, 0, write_cpcr},
    {R_RDSAR, 4, false, 0, write_ring},
    {R_RDSAR + 4, 4, false, 0, write_ring},
    {R_ETTHR, 1, false, 0x3f, NULL},
};

/* Bytes of a register that are not written keep their value; but not in those where ones clear. */
static void write_row(struct rtl8139 *s, const struct row *r, unsigned addr, unsigned size,
                      u32 value)
{
    u8 bytes[4];

    if (r->locked && (s->reg[R_9346CR] & CR9346_MODE) != CR9346_CONFIG)
        return;
    if (r->at == R_ISR)
        memset(bytes, 0, sizeof(bytes));
    else
        memcpy(bytes, &s->reg[r->at], r->size);
    for (unsigned i = 0; i < r->size; i++) {
        unsigned from = r->at + i - addr;
        if (from < size)
            bytes[i] = (u8)(value >> (8 * from));
    }
    u32 whole = (u32)load_le(bytes, r->size);
    if (r->write)
        r->write(s, r->at, whole);
    else
        rtl_put(s, r->at, r->size, (rtl_get(s, r->at, r->size) & ~r->mask) | (whole & r->mask));
}

static void rtl_write(struct rtl8139 *s, unsigned addr, unsigned size, u32 value)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].at < addr + size && addr < rows[i].at + (unsigned)rows[i].size)
            write_row(s, &rows[i], addr, size, value);
    }
    net_flush(&s->net);
}

/* TSADR: OWN, TABT, TUN and TOK of the four descriptors. */
static u16 tx_summary(const struct rtl8139 *s)
{
    static const u32 bits[4] = {TSD_OWN, TSD_TABT, 0x4000, TSD_TOK};
    u16 sum = 0;

    for (unsigned bit = 0; bit < 4; bit++) {
        for (unsigned i = 0; i < 4; i++) {
            if (rtl_get(s, R_TSD + 4 * i, 4) & bits[bit])
                sum |= (u16)(1u << (4 * bit + i));
        }
    }
    return sum;
}

/* Registers that follow from something else. */
static void refresh(struct rtl8139 *s)
{
    bool link = net_carrier(&s->net);
    u8 cr = s->reg[R_CR] & (CR_TE | CR_RE);

    s->reg[R_CR] = s->rx_put % rtl_ring_size(s) == s->rx_get ? cr | CR_BUFE : cr;
    rtl_put(s, R_CBR, 2, s->rx_put);
    rtl_put(s, R_MPC, 4, s->missed & 0xffffff);
    rtl_put(s, R_TCTR, 4, (u32)muldiv64(now(s) - s->timer_base, TIMER_NUM, TIMER_DEN));
    rtl_put(s, R_TSADR, 2, tx_summary(s));
    rtl_put(s, R_BMSR, 2, link ? BMSR_USUAL | BMSR_LINK | BMSR_DONE : BMSR_USUAL);
    s->reg[R_MSR] = link ? 0x80 : 0x80 | MSR_NO_LINK; /* flow control is possible */
    if ((s->reg[R_9346CR] & CR9346_MODE) == CR9346_EEPROM)
        s->reg[R_9346CR] =
            (u8)((s->reg[R_9346CR] & ~CR9346_OUT) | (eeprom93_out(&s->eeprom) ? CR9346_OUT : 0));
}

static u32 rtl_read(struct rtl8139 *s, unsigned addr, unsigned size)
{
    refresh(s);
    return rtl_get(s, addr, size);
}

static u32 io_read(void *opaque, u16 port, unsigned size)
{
    struct rtl8139 *s = opaque;
    unsigned addr = port - s->pci.bar[0].at;
    return addr + size <= PORTS ? rtl_read(s, addr, size) : ~0u;
}

static void io_write(void *opaque, u16 port, unsigned size, u32 value)
{
    struct rtl8139 *s = opaque;
    unsigned addr = port - s->pci.bar[0].at;
    if (addr + size <= PORTS)
        rtl_write(s, addr, size, value);
}

static u64 mem_read(void *opaque, u64 addr, unsigned size)
{
    return addr + size <= PORTS ? rtl_read(opaque, (unsigned)addr, size) : 0;
}

static void mem_write(void *opaque, u64 addr, unsigned size, u64 value)
{
    if (addr + size <= PORTS)
        rtl_write(opaque, (unsigned)addr, size, (u32)value);
}

/* ---- life ---- */

static void carrier(void *dev)
{
    rtl_raise(dev, INT_LINK);
}

static void fill_eeprom(struct rtl8139 *s)
{
    static const u16 first[] = {0x8129, 0x10ec, 0x8139, 0x10ec, 0x8139, 0x4020, 0xe512};

    memcpy(s->eeprom.word, first, sizeof(first));
    for (unsigned i = 0; i < NET_MAC / 2; i++)
        s->eeprom.word[7 + i] = (u16)load_le(&s->net.mac[2 * i], 2);
}

static const char *rtl8139_init(struct dev *dev, struct bus *bus)
{
    static const struct net_ops ops = {can_receive, rtl_receive, carrier};
    static const struct io_ops io = {io_read, io_write, 1, 4};
    static const struct mmio_ops mem = {mem_read, mem_write, 1, 4};
    struct rtl8139 *s = (struct rtl8139 *)dev;
    const struct pci_id id = {.vendor = 0x10ec,
                              .device = 0x8139,
                              .class_code = 0x020000,
                              .revision = s->cplus ? 0x20 : 0x10,
                              .pin = 1};
    u8 devfn;
    const char *refusal;

    if (!pci_parse_addr(s->addr, &devfn))
        return "addr= is not a PCI slot";
    refusal = pci_func_init(&s->pci, bus, devfn, &id);
    if (!refusal)
        refusal = net_port_init(&s->net, dev, s->netdev, s->mac, &ops);
    if (refusal)
        return refusal;
    pci_add_io_bar(&s->pci, 0, PORTS, &io, s);
    pci_add_mem_bar(&s->pci, 1, MEMORY, &mem, s);
    s->pci.wmask[PCI_CACHE_LINE] = 0xff; /* drivers insist on memory write and invalidate */
    s->pci.wmask[PCI_COMMAND] |= PCI_COMMAND_MWI;
    timer_init(&s->timer, bus->clock, on_timer, s);
    timer_init(&s->retry, bus->clock, on_retry, s);
    fill_eeprom(s);
    return NULL;
}

static bool rtl8139_valid(const struct dev *copy)
{
    const struct rtl8139 *s = (const struct rtl8139 *)copy;
    return pci_func_valid(&s->pci) && net_port_valid(&s->net);
}

static void rtl8139_loaded(struct dev *dev)
{
    pci_func_loaded(&((struct rtl8139 *)dev)->pci);
}

const struct dev_type dev_rtl8139 = {
    .name = "rtl8139",
    .size = sizeof(struct rtl8139),
    .version = 1,
    .fields = rtl8139_fields,
    .props = rtl8139_props,
    .init = rtl8139_init,
    .reset = rtl8139_reset,
    .loaded = rtl8139_loaded,
    .valid = rtl8139_valid,
};
