/* Intel 82540EM Gigabit Ethernet controller (PCI/PCI-X Family of Gigabit Ethernet Controllers
 * Software Developer's Manual, 317453): PCI 8086:100e, registers in memory and behind two ports. A
 * row of the table for each register or range of them. Interrupts are throttled by ITR and put off
 * by the delay timers in virtual time. Wake-up, manageability and the packet buffer's memory are
 * not there. */
#include "devices/e1000.h"

#include <string.h>

#include "mmu/phys.h"

#define MEMORY     0x20000u
#define PORTS      64u
#define ITR_NS     256u
#define PHY_NUMBER 1u

enum { CTRL_RST = 1 << 26, CTRL_PHY_RST = 1u << 31 };
enum { STATUS_FD = 1, STATUS_LU = 2, STATUS_1000 = 0x80 };
enum { EECD_CLOCK = 1, EECD_CS = 2, EECD_IN = 4, EECD_OUT = 8, EECD_REQ = 0x40, EECD_GNT = 0x80 };
enum { EECD_PRESENT = 0x100, EERD_START = 1, EERD_DONE = 0x10 };
enum {
    MDIC_WRITE = 1,
    MDIC_READ = 2,
    MDIC_READY = 1 << 28,
    MDIC_INT = 1 << 29,
    MDIC_ERROR = 1 << 30
};
#define FLUSH_DELAY 0x80000000u /* RDTR, TIDV: let the interrupt come now */

static const struct field e1000_fields[] = {
    FIELD_SUB(struct e1000, pci, pci_func_fields),
    FIELD_ARRAY(struct e1000, reg),
    FIELD_ARRAY(struct e1000, phy),
    FIELD_MAX(struct e1000, io_addr, 0x1ffff),
    FIELD(struct e1000, next_irq),
    FIELD(struct e1000, itr),
    FIELD(struct e1000, rx_delay),
    FIELD(struct e1000, rx_absolute),
    FIELD(struct e1000, tx_delay),
    FIELD(struct e1000, tx_absolute),
    FIELD_SUB(struct e1000, eeprom, eeprom93_fields),
    FIELD_SUBS(struct e1000, context, e1000_context_fields),
    FIELD_MAX(struct e1000, tx_len, E1000_TX_MAX),
    FIELD(struct e1000, tx_first),
    FIELD(struct e1000, tx_options),
    FIELD(struct e1000, tx_cut),
    FIELD_SUB(struct e1000, net, net_port_fields),
    FIELD_ARRAY(struct e1000, tx),
    FIELD_V(struct e1000, tx_more, 2),
    FIELD_END,
};

static const struct prop e1000_props[] = {
    PROP_OBJECT(struct e1000, netdev, NET_KIND),
    PROP_STR(struct e1000, mac, NULL),
    PROP_STR(struct e1000, addr, NULL),
    PROP_END,
};

u64 e1000_now(struct e1000 *s)
{
    return clock_now(s->dev.bus->clock);
}

/* ---- interrupts ---- */

/* The pin rises at once, or when ITR allows it. */
static void update_irq(struct e1000 *s)
{
    u64 now = e1000_now(s), gap = (u64)(*e1000_reg(s, E_ITR) & 0xffff) * ITR_NS;

    if (!(*e1000_reg(s, E_ICR) & *e1000_reg(s, E_IMS))) {
        timer_cancel(&s->itr);
        pci_set_intx(&s->pci, false);
        return;
    }
    if (s->pci.intx)
        return;
    if (gap && now < s->next_irq) {
        if (!s->itr.armed)
            timer_arm(&s->itr, s->next_irq);
        return;
    }
    s->next_irq = now + gap;
    pci_set_intx(&s->pci, true);
}

void e1000_raise(struct e1000 *s, u32 causes)
{
    *e1000_reg(s, E_ICR) |= causes;
    update_irq(s);
}

static void on_itr(void *opaque)
{
    update_irq(opaque);
}

static void rx_delay_over(void *opaque)
{
    struct e1000 *s = opaque;
    timer_cancel(&s->rx_delay);
    timer_cancel(&s->rx_absolute);
    e1000_raise(s, INT_RXT0);
}

static void tx_delay_over(void *opaque)
{
    struct e1000 *s = opaque;
    timer_cancel(&s->tx_delay);
    timer_cancel(&s->tx_absolute);
    e1000_raise(s, INT_TXDW);
}

static void transmit_more(void *opaque)
{
    e1000_transmit(opaque);
}

/* ---- counters ---- */

void e1000_count(struct e1000 *s, unsigned at)
{
    u32 *counter = e1000_reg(s, at);
    if (*counter != UINT32_MAX)
        ++*counter;
}

void e1000_count_bytes(struct e1000 *s, unsigned at, u32 bytes)
{
    u64 sum = (*e1000_reg(s, at) | (u64)*e1000_reg(s, at + 4) << 32) + bytes;
    *e1000_reg(s, at) = (u32)sum;
    *e1000_reg(s, at + 4) = (u32)(sum >> 32);
}

void e1000_count_size(struct e1000 *s, unsigned at, u32 len)
{
    unsigned n = 0;

    for (u32 most = 64; n < 5 && len > most; most = most == 64 ? 127 : most * 2 + 1)
        n++;
    e1000_count(s, at + 4 * n);
}

/* ---- reset ---- */

static void load_address(struct e1000 *s)
{
    const u16 *word = s->eeprom.word;
    *e1000_reg(s, E_RA) = word[0] | (u32)word[1] << 16;
    *e1000_reg(s, E_RA + 4) = word[2] | 1u << 31;
}

static void cancel_timers(struct e1000 *s)
{
    timer_cancel(&s->itr);
    timer_cancel(&s->rx_delay);
    timer_cancel(&s->rx_absolute);
    timer_cancel(&s->tx_delay);
    timer_cancel(&s->tx_absolute);
    timer_cancel(&s->tx_more);
}

/* CTRL.RST: all but the PCI configuration. */
static void soft_reset(struct e1000 *s)
{
    static const struct {
        u16 at;
        u32 value;
    } initial[] = {
        {E_CTRL, CTRL_FD | CTRL_SLU | CTRL_SPEED_1000},
        {E_VET, 0x8100},
        {E_LEDCTL, 0x07068302},
        {E_PBA, 0x00100030},
        {E_MANC, 0x00000080},
    };

    memset(s->reg, 0, sizeof(s->reg));
    for (size_t i = 0; i < ARRAY_LEN(initial); i++)
        *e1000_reg(s, initial[i].at) = initial[i].value;
    load_address(s);
    memset(s->context, 0, sizeof(s->context));
    s->tx_len = 0;
    s->tx_first = true;
    s->tx_options = 0;
    s->tx_cut = false;
    s->next_irq = 0;
    cancel_timers(s);
    eeprom93_reset(&s->eeprom);
    update_irq(s);
}

static void e1000_reset(struct dev *dev)
{
    struct e1000 *s = (struct e1000 *)dev;

    pci_func_reset(&s->pci);
    s->io_addr = 0;
    memset(s->tx, 0, sizeof(s->tx));
    net_port_reset(&s->net);
    e1000_phy_reset(s);
    soft_reset(s);
}

/* ---- registers that do something ---- */

static u32 read_status(struct e1000 *s, unsigned at)
{
    (void)at;
    return STATUS_FD | STATUS_1000 |
           (net_carrier(&s->net) && *e1000_reg(s, E_CTRL) & CTRL_SLU ? STATUS_LU : 0);
}

static u32 read_eecd(struct e1000 *s, unsigned at)
{
    return *e1000_reg(s, at) | EECD_PRESENT | (eeprom93_out(&s->eeprom) ? EECD_OUT : 0);
}

static u32 read_icr(struct e1000 *s, unsigned at)
{
    u32 value = *e1000_reg(s, at);
    *e1000_reg(s, at) = 0;
    update_irq(s);
    return value;
}

/* Counters are cleared by reading, pairs by reading the upper half. */
static u32 read_counter(struct e1000 *s, unsigned at)
{
    static const u16 pairs[] = {E_GORCL, E_GOTCL, E_TORL, E_TOTL};
    u32 value = *e1000_reg(s, at);

    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        if (at == pairs[i])
            return value;
        if (at == pairs[i] + 4u)
            *e1000_reg(s, pairs[i]) = 0;
    }
    *e1000_reg(s, at) = 0;
    return value;
}

static void write_ctrl(struct e1000 *s, unsigned at, u32 value)
{
    if (value & CTRL_PHY_RST)
        e1000_phy_reset(s);
    if (value & CTRL_RST)
        soft_reset(s);
    else
        *e1000_reg(s, at) = value & ~(u32)CTRL_PHY_RST;
}

static void write_eecd(struct e1000 *s, unsigned at, u32 value)
{
    u32 kept = value & (EECD_CLOCK | EECD_CS | EECD_IN | EECD_REQ);

    *e1000_reg(s, at) = kept | (value & EECD_REQ ? EECD_GNT : 0);
    eeprom93_write(&s->eeprom, value & EECD_CS, value & EECD_CLOCK, value & EECD_IN);
}

static void write_eerd(struct e1000 *s, unsigned at, u32 value)
{
    u32 addr = value >> 8 & 0xff, data = addr < EEPROM93_WORDS ? s->eeprom.word[addr] : 0xffff;

    *e1000_reg(s, at) = value & EERD_START ? data << 16 | addr << 8 | EERD_DONE : value & 0xff00;
}

static void write_mdic(struct e1000 *s, unsigned at, u32 value)
{
    unsigned phy = value >> 21 & 31, reg = value >> 16 & 31, op = value >> 26 & 3;
    u32 result = value & 0x2fff0000;

    if (phy != PHY_NUMBER || (op != MDIC_READ && op != MDIC_WRITE))
        result |= MDIC_ERROR | (op == MDIC_READ ? 0xffff : value & 0xffff);
    else if (op == MDIC_READ)
        result |= e1000_phy_read(s, reg);
    else
        result |= value & 0xffff;
    *e1000_reg(s, at) = result | MDIC_READY;
    if (phy == PHY_NUMBER && op == MDIC_WRITE)
        e1000_phy_write(s, reg, (u16)value);
    if (value & MDIC_INT)
        e1000_raise(s, INT_MDAC);
}

static void write_icr(struct e1000 *s, unsigned at, u32 value)
{
    *e1000_reg(s, at) &= ~value;
    update_irq(s);
}

static void write_itr(struct e1000 *s, unsigned at, u32 value)
{
    *e1000_reg(s, at) = value & 0xffff;
    if (!(value & 0xffff)) {
        timer_cancel(&s->itr);
        update_irq(s);
    }
}

static void write_ics(struct e1000 *s, unsigned at, u32 value)
{
    (void)at;
    e1000_raise(s, value & 0x1ffff);
}

static void write_ims(struct e1000 *s, unsigned at, u32 value)
{
    *e1000_reg(s, at) |= value & 0x1ffff;
    update_irq(s);
}

static void write_imc(struct e1000 *s, unsigned at, u32 value)
{
    (void)at;
    *e1000_reg(s, E_IMS) &= ~value;
    update_irq(s);
}

static void write_rctl(struct e1000 *s, unsigned at, u32 value)
{
    *e1000_reg(s, at) = value & 0x06dfb3fe;
    net_flush(&s->net);
}

static void write_rdt(struct e1000 *s, unsigned at, u32 value)
{
    *e1000_reg(s, at) = value & 0xffff;
    net_flush(&s->net);
}

static void write_tctl(struct e1000 *s, unsigned at, u32 value)
{
    *e1000_reg(s, at) = value & 0x037ffffa;
    e1000_transmit(s);
}

static void write_tdt(struct e1000 *s, unsigned at, u32 value)
{
    *e1000_reg(s, at) = value & 0xffff;
    e1000_transmit(s);
}

static void write_rdtr(struct e1000 *s, unsigned at, u32 value)
{
    *e1000_reg(s, at) = value & 0xffff;
    if (value & FLUSH_DELAY && (s->rx_delay.armed || s->rx_absolute.armed))
        rx_delay_over(s);
}

static void write_tidv(struct e1000 *s, unsigned at, u32 value)
{
    *e1000_reg(s, at) = value & 0xffff;
    if (value & FLUSH_DELAY && (s->tx_delay.armed || s->tx_absolute.armed))
        tx_delay_over(s);
}

/* ---- the registers ---- */

static const struct row {
    u16 at, count;
    u32 mask; /* of bits that software writes */
    u32 (*read)(struct e1000 *s, unsigned at);
    void (*write)(struct e1000 *s, unsigned at, u32 value); /* instead */
} rows[] = {
    {E_END, 0, 0, NULL, NULL}, /* those that are not there: read zero */
    {E_CTRL, 1, 0, NULL, write_ctrl},
    {E_STATUS, 1, 0, read_status, NULL},
    {E_EECD, 1, 0, read_eecd, write_eecd},
    {E_EERD, 1, 0, NULL, write_eerd},
    {E_CTRL_EXT, 1, ~0u, NULL, NULL},
    {E_MDIC, 1, 0, NULL, write_mdic},
    {E_FCAL, 1, ~0u, NULL, NULL},
    {E_FCAH, 1, 0xffff, NULL, NULL},
    {E_FCT, 1, 0xffff, NULL, NULL},
    {E_VET, 1, 0xffff, NULL, NULL},
    {E_ICR, 1, 0, read_icr, write_icr},
    {E_ITR, 1, 0, NULL, write_itr},
    {E_ICS, 1, 0, NULL, write_ics},
    {E_IMS, 1, 0, NULL, write_ims},
    {E_IMC, 1, 0, NULL, write_imc},
    {E_RCTL, 1, 0, NULL, write_rctl},
    {E_FCTTV, 1, 0xffff, NULL, NULL},
    {E_TXCW, 1, ~0u, NULL, NULL},
    {E_RXCW, 1, 0, NULL, NULL},
    {E_TCTL, 1, 0, NULL, write_tctl},
    {E_TIPG, 1, 0x3fffffff, NULL, NULL},
    {E_AIFS, 1, 0xffff, NULL, NULL},
    {E_LEDCTL, 1, ~0u, NULL, NULL},
    {E_PBA, 1, 0xffff, NULL, NULL},
    {E_FCRTL, 1, 0x8000fff8, NULL, NULL},
    {E_FCRTH, 1, 0xfff8, NULL, NULL},
    {E_RDF, 9, 0x1fff, NULL, NULL},
    {E_RDBAL, 1, ~15u, NULL, NULL},
    {E_RDBAH, 1, ~0u, NULL, NULL},
    {E_RDLEN, 1, 0xfff80, NULL, NULL},
    {E_RDH, 1, 0xffff, NULL, NULL},
    {E_RDT, 1, 0, NULL, write_rdt},
    {E_RDTR, 1, 0, NULL, write_rdtr},
    {E_RXDCTL, 1, ~0u, NULL, NULL},
    {E_RADV, 1, 0xffff, NULL, NULL},
    {E_RSRPD, 1, 0xfff, NULL, NULL},
    {E_TDF, 9, 0x1fff, NULL, NULL},
    {E_TDBAL, 1, ~15u, NULL, NULL},
    {E_TDBAH, 1, ~0u, NULL, NULL},
    {E_TDLEN, 1, 0xfff80, NULL, NULL},
    {E_TDH, 1, 0xffff, NULL, NULL},
    {E_TDT, 1, 0, NULL, write_tdt},
    {E_TIDV, 1, 0, NULL, write_tidv},
    {E_TXDCTL, 1, ~0u, NULL, NULL},
    {E_TADV, 1, 0xffff, NULL, NULL},
    {E_TSPMT, 1, ~0u, NULL, NULL},
    {E_STATS, (E_STATS_END - E_STATS) / 4, 0, read_counter, NULL},
    {E_RXCSUM, 1, 0x3ff, NULL, NULL},
    {E_MTA, 128, ~0u, NULL, NULL},
    {E_RA, 32, ~0u, NULL, NULL},
    {E_VFTA, 128, ~0u, NULL, NULL},
    {E_WUC, 1, 0x3, NULL, NULL},
    {E_WUFC, 1, 0xfffff, NULL, NULL},
    {E_WUS, 1, 0, NULL, NULL},
    {E_MANC, 1, ~0u, NULL, NULL},
    {E_IPAV, 1, 0x1000f, NULL, NULL},
    {E_IP4AT, 8, ~0u, NULL, NULL},
    {E_IP6AT, 4, ~0u, NULL, NULL},
    {E_WUPL, 1, 0, NULL, NULL},
    {E_FFLT, 8, 0x7ff, NULL, NULL},
};

/* Where the 82542 had them, and a second CTRL (13.2.1). */
static const struct {
    u16 at, to, count;
} aliases[] = {
    {0x0004, E_CTRL, 1}, {0x0040, E_RA, 32}, {0x0108, E_RDTR, 1},  {0x0110, E_RDBAL, 3},
    {0x0120, E_RDH, 1},  {0x0128, E_RDT, 1}, {0x0200, E_MTA, 128}, {0x0420, E_TDBAL, 3},
    {0x0430, E_TDH, 1},  {0x0438, E_TDT, 1}, {0x0440, E_TIDV, 1},  {0x0600, E_VFTA, 128},
};

static void index_rows(struct e1000 *s)
{
    for (unsigned i = 0; i < E_WORDS; i++)
        s->canon[i] = (u16)i;
    for (size_t n = 0; n < ARRAY_LEN(rows); n++) {
        for (unsigned i = 0; i < rows[n].count; i++)
            s->row[rows[n].at / 4 + i] = (u8)n;
    }
    for (size_t n = 0; n < ARRAY_LEN(aliases); n++) {
        for (unsigned i = 0; i < aliases[n].count; i++)
            s->canon[aliases[n].at / 4 + i] = (u16)(aliases[n].to / 4 + i);
    }
}

static u64 mem_read(void *opaque, u64 addr, unsigned size)
{
    struct e1000 *s = opaque;
    (void)size;
    if (addr >= E_END)
        return 0;
    unsigned at = s->canon[addr / 4] * 4u;
    const struct row *r = &rows[s->row[at / 4]];
    return r->read ? r->read(s, at) : *e1000_reg(s, at);
}

static void mem_write(void *opaque, u64 addr, unsigned size, u64 value)
{
    struct e1000 *s = opaque;
    (void)size;
    if (addr >= E_END)
        return;
    unsigned at = s->canon[addr / 4] * 4u;
    const struct row *r = &rows[s->row[at / 4]];
    u32 *reg = e1000_reg(s, at);
    if (r->write)
        r->write(s, r->at, (u32)value);
    else
        *reg = (*reg & ~r->mask) | ((u32)value & r->mask);
}

/* Ports: an offset at 0, the register there at 4 (13.2.2). */
static u32 io_read(void *opaque, u16 port, unsigned size)
{
    struct e1000 *s = opaque;
    unsigned at = port - s->pci.bar[1].at;

    if (at == 0)
        return s->io_addr;
    return at == 4 ? (u32)mem_read(s, s->io_addr & ~3u, size) : 0;
}

static void io_write(void *opaque, u16 port, unsigned size, u32 value)
{
    struct e1000 *s = opaque;
    unsigned at = port - s->pci.bar[1].at;

    if (at == 0)
        s->io_addr = value & (MEMORY - 1);
    else if (at == 4)
        mem_write(s, s->io_addr & ~3u, size, value);
}

/* ---- life ---- */

static void carrier(void *dev)
{
    e1000_raise(dev, INT_LSC);
}

static const char *e1000_init(struct dev *dev, struct bus *bus)
{
    static const struct net_ops ops = {e1000_can_receive, e1000_receive, carrier};
    static const struct io_ops io = {io_read, io_write, 4, 4};
    static const struct mmio_ops mem = {mem_read, mem_write, 4, 4};
    static const struct pci_id id = {
        .vendor = 0x8086, .device = 0x100e, .class_code = 0x020000, .revision = 2, .pin = 1};
    struct e1000 *s = (struct e1000 *)dev;
    u8 devfn;
    const char *refusal;

    if (!pci_parse_addr(s->addr, &devfn))
        return "addr= is not a PCI slot";
    refusal = pci_func_init(&s->pci, bus, devfn, &id);
    if (!refusal)
        refusal = net_port_init(&s->net, dev, s->netdev, s->mac, &ops);
    if (refusal)
        return refusal;
    pci_add_mem_bar(&s->pci, 0, MEMORY, &mem, s);
    pci_add_io_bar(&s->pci, 1, PORTS, &io, s);
    s->pci.wmask[PCI_CACHE_LINE] = 0xff;
    s->pci.wmask[PCI_COMMAND] |= PCI_COMMAND_MWI;
    timer_init(&s->itr, bus->clock, on_itr, s);
    timer_init(&s->rx_delay, bus->clock, rx_delay_over, s);
    timer_init(&s->rx_absolute, bus->clock, rx_delay_over, s);
    timer_init(&s->tx_delay, bus->clock, tx_delay_over, s);
    timer_init(&s->tx_absolute, bus->clock, tx_delay_over, s);
    timer_init(&s->tx_more, bus->clock, transmit_more, s);
    index_rows(s);
    e1000_fill_eeprom(s);
    return NULL;
}

static bool e1000_valid(const struct dev *copy)
{
    const struct e1000 *s = (const struct e1000 *)copy;
    return pci_func_valid(&s->pci) && net_port_valid(&s->net);
}

static void e1000_loaded(struct dev *dev)
{
    pci_func_loaded(&((struct e1000 *)dev)->pci);
}

const struct dev_type dev_e1000 = {
    .name = "e1000",
    .size = sizeof(struct e1000),
    .version = 2,
    .fields = e1000_fields,
    .props = e1000_props,
    .init = e1000_init,
    .reset = e1000_reset,
    .loaded = e1000_loaded,
    .valid = e1000_valid,
};
