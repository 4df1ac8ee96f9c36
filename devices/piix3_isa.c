/* The PIIX3's PCI to ISA bridge (82371SB, 290550): routes the four PCI interrupt lines to ISA lines
 * (PIRQRC, 60h-63h) and holds the reset control register at port CF9h.
 *
 * `high` is what the bridge drives. It touches a line only where that changes, so lines that no
 * PIRQ is routed to stay their ISA device's own. */
#include "devices/core/dev.h"
#include "devices/pci.h"

#define PIRQRC     0x60    /* PIRQA..PIRQD: bits 3-0 the line, bit 7 not routed */
#define ROUTABLE   0xdef8u /* lines 3-7, 9-12, 14, 15 */
#define RESET_PORT 0xcf9

enum { RESET_HARD = 2, RESET_NOW = 4 };

struct piix3_isa {
    struct dev dev;
    struct pci_func pci;
    u16 high;         /* ISA lines driven high */
    u8 reset_control; /* CF9h */
};

static const struct field piix3_isa_fields[] = {
    FIELD_SUB(struct piix3_isa, pci, pci_func_fields),
    FIELD(struct piix3_isa, high),
    FIELD(struct piix3_isa, reset_control),
    FIELD_END,
};

static void update_lines(struct piix3_isa *s)
{
    u16 high = 0, changed;

    for (unsigned pirq = 0; pirq < PCI_PIRQS; pirq++) {
        u8 route = s->pci.config[PIRQRC + pirq];
        if (!(route & 0x80) && pci_pirq_level(s->pci.pci, pirq))
            high |= (u16)(1u << (route & 15));
    }
    high &= ROUTABLE;
    changed = s->high ^ high;
    s->high = high;
    for (unsigned n = 0; n < BUS_IRQS; n++) {
        struct irq_line line = bus_irq(s->dev.bus, n);
        if (changed & (1u << n))
            irq_set(&line, high & (1u << n));
    }
}

static void on_pirq(void *opaque, unsigned pirq, bool level)
{
    (void)pirq;
    (void)level;
    update_lines(opaque);
}

static void on_config(struct pci_func *f, unsigned first, unsigned size)
{
    struct piix3_isa *s = (struct piix3_isa *)((u8 *)f - offsetof(struct piix3_isa, pci));
    if (first + size > PIRQRC && first < PIRQRC + PCI_PIRQS)
        update_lines(s);
}

static u32 reset_read(void *opaque, u16 port, unsigned size)
{
    struct piix3_isa *s = opaque;
    (void)port;
    (void)size;
    return s->reset_control;
}

/* The rising edge of bit 2 resets. */
static void reset_write(void *opaque, u16 port, unsigned size, u32 value)
{
    struct piix3_isa *s = opaque;
    bool now = value & ~(u32)s->reset_control & RESET_NOW;
    (void)port;
    (void)size;
    s->reset_control = value & (RESET_HARD | RESET_NOW);
    if (now)
        bus_request(s->dev.bus, BUS_RESET, 0);
}

static void piix3_isa_reset(struct dev *dev)
{
    struct piix3_isa *s = (struct piix3_isa *)dev;
    pci_func_reset(&s->pci);
    for (unsigned pirq = 0; pirq < PCI_PIRQS; pirq++)
        s->pci.config[PIRQRC + pirq] = 0x80;
    s->reset_control = 0;
    update_lines(s);
}

static const char *piix3_isa_init(struct dev *dev, struct bus *bus)
{
    static const struct io_ops reset_ops = {.read = reset_read, .write = reset_write};
    static const struct pci_id id = {
        .vendor = 0x8086, .device = 0x7000, .class_code = 0x060100, .multi = true};
    struct piix3_isa *s = (struct piix3_isa *)dev;
    const char *refusal = pci_func_init(&s->pci, bus, PCI_DEVFN(1, 0), &id);

    if (refusal)
        return refusal;
    /* Its positive decode cannot be switched off. */
    s->pci.wmask[PCI_COMMAND] = 0;
    s->pci.config[PCI_COMMAND] = PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
    for (unsigned pirq = 0; pirq < PCI_PIRQS; pirq++)
        s->pci.wmask[PIRQRC + pirq] = 0x8f;
    s->pci.written = on_config;
    s->pci.pci->route = on_pirq;
    s->pci.pci->route_opaque = s;
    bus_claim_io(bus, RESET_PORT, 1, &reset_ops, s);
    return NULL;
}

static bool piix3_isa_valid(const struct dev *copy)
{
    return pci_func_valid(&((const struct piix3_isa *)copy)->pci);
}

const struct dev_type dev_piix3_isa = {
    .name = "PIIX3",
    .on_board = true,
    .size = sizeof(struct piix3_isa),
    .version = 1,
    .fields = piix3_isa_fields,
    .init = piix3_isa_init,
    .reset = piix3_isa_reset,
    .valid = piix3_isa_valid,
};
