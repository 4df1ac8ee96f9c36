/* NE2000 cards: on the ISA bus, and as a Realtek RTL8029AS on PCI (10ec:8029), which has the same
 * 32 ports in BAR 0. */
#include "devices/dp8390.h"
#include "devices/pci.h"

struct ne2k_isa {
    struct dev dev;
    struct dp8390 nic;
    u32 iobase, irq;
    struct irq_line line;
    struct net_link *netdev;
    char *mac;
};

struct ne2k_pci {
    struct dev dev;
    struct pci_func pci;
    struct dp8390 nic;
    struct net_link *netdev;
    char *mac, *addr;
};

static const struct field ne2k_isa_fields[] = {
    FIELD_SUB(struct ne2k_isa, nic, dp8390_fields),
    FIELD_END,
};

static const struct field ne2k_pci_fields[] = {
    FIELD_SUB(struct ne2k_pci, pci, pci_func_fields),
    FIELD_SUB(struct ne2k_pci, nic, dp8390_fields),
    FIELD_END,
};

static const struct prop ne2k_isa_props[] = {
    PROP_U32(struct ne2k_isa, iobase, "0x300"),
    PROP_U32(struct ne2k_isa, irq, "9"),
    PROP_OBJECT(struct ne2k_isa, netdev, NET_KIND),
    PROP_STR(struct ne2k_isa, mac, NULL),
    PROP_END,
};

static const struct prop ne2k_pci_props[] = {
    PROP_OBJECT(struct ne2k_pci, netdev, NET_KIND),
    PROP_STR(struct ne2k_pci, mac, NULL),
    PROP_STR(struct ne2k_pci, addr, NULL),
    PROP_END,
};

/* ---- ISA ---- */

static u32 isa_read(void *opaque, u16 port, unsigned size)
{
    struct ne2k_isa *s = opaque;
    return dp8390_read(&s->nic, port - s->iobase, size);
}

static void isa_write(void *opaque, u16 port, unsigned size, u32 value)
{
    struct ne2k_isa *s = opaque;
    dp8390_write(&s->nic, port - s->iobase, size, value);
}

static void isa_set_irq(struct dev *dev, bool level)
{
    irq_set(&((struct ne2k_isa *)dev)->line, level);
}

static const char *ne2k_isa_init(struct dev *dev, struct bus *bus)
{
    static const struct io_ops ops = {isa_read, isa_write, 1, 2};
    struct ne2k_isa *s = (struct ne2k_isa *)dev;
    const char *refusal;

    if (s->iobase % DP8390_PORTS || s->iobase > 0xffe0)
        return "iobase must be a multiple of 0x20 below 0x10000";
    if (s->irq >= BUS_IRQS)
        return "irq must be 0 to 15";
    refusal = dp8390_init(&s->nic, dev, s->netdev, s->mac, isa_set_irq);
    if (refusal)
        return refusal;
    s->line = bus_irq(bus, s->irq);
    bus_claim_io(bus, (u16)s->iobase, DP8390_PORTS, &ops, s);
    return NULL;
}

static void ne2k_isa_reset(struct dev *dev)
{
    dp8390_reset(&((struct ne2k_isa *)dev)->nic);
}

static bool ne2k_isa_valid(const struct dev *copy)
{
    return net_port_valid(&((const struct ne2k_isa *)copy)->nic.net);
}

const struct dev_type dev_ne2k_isa = {
    .name = "ne2k_isa",
    .size = sizeof(struct ne2k_isa),
    .version = 1,
    .fields = ne2k_isa_fields,
    .props = ne2k_isa_props,
    .init = ne2k_isa_init,
    .valid = ne2k_isa_valid,
    .reset = ne2k_isa_reset,
};

/* ---- PCI ---- */

static u32 pci_read(void *opaque, u16 port, unsigned size)
{
    struct ne2k_pci *s = opaque;
    return dp8390_read(&s->nic, port - s->pci.bar[0].at, size);
}

static void pci_write(void *opaque, u16 port, unsigned size, u32 value)
{
    struct ne2k_pci *s = opaque;
    dp8390_write(&s->nic, port - s->pci.bar[0].at, size, value);
}

static void pci_set_irq(struct dev *dev, bool level)
{
    pci_set_intx(&((struct ne2k_pci *)dev)->pci, level);
}

static const char *ne2k_pci_init(struct dev *dev, struct bus *bus)
{
    static const struct io_ops ops = {pci_read, pci_write, 1, 2};
    static const struct pci_id id = {
        .vendor = 0x10ec, .device = 0x8029, .class_code = 0x020000, .pin = 1};
    struct ne2k_pci *s = (struct ne2k_pci *)dev;
    u8 devfn;
    const char *refusal;

    if (!pci_parse_addr(s->addr, &devfn))
        return "addr= is not a PCI slot";
    refusal = pci_func_init(&s->pci, bus, devfn, &id);
    if (refusal)
        return refusal;
    pci_add_io_bar(&s->pci, 0, DP8390_PORTS, &ops, s);
    s->nic.realtek = true;
    return dp8390_init(&s->nic, dev, s->netdev, s->mac, pci_set_irq);
}

static void ne2k_pci_reset(struct dev *dev)
{
    struct ne2k_pci *s = (struct ne2k_pci *)dev;
    pci_func_reset(&s->pci);
    dp8390_reset(&s->nic);
}

static bool ne2k_pci_valid(const struct dev *copy)
{
    const struct ne2k_pci *s = (const struct ne2k_pci *)copy;
    return pci_func_valid(&s->pci) && net_port_valid(&s->nic.net);
}

static void ne2k_pci_loaded(struct dev *dev)
{
    pci_func_loaded(&((struct ne2k_pci *)dev)->pci);
}

const struct dev_type dev_ne2k_pci = {
    .name = "ne2k_pci",
    .size = sizeof(struct ne2k_pci),
    .version = 1,
    .fields = ne2k_pci_fields,
    .props = ne2k_pci_props,
    .init = ne2k_pci_init,
    .reset = ne2k_pci_reset,
    .loaded = ne2k_pci_loaded,
    .valid = ne2k_pci_valid,
};
