/* What firmware does to the chip set at power-on, done in its stead for boards without a CPU: PCI
 * interrupts routed and level triggered, IDE and power management switched on at their usual ports,
 * addresses and interrupt lines for PCI devices in other slots, DMA cascaded, the interrupt
 * controllers at 08h and 70h, the timer running, the VGA in text mode.
 *
 * Its reset comes after that of the devices it writes to, because it is created after them. */
#include "tests/fuzz/pc_setup.h"

#include "devices/core/dev.h"
#include "devices/pc_setup.h"
#include "devices/pci.h"
#include "devices/vga.h"

#include "base/bytes.h"

struct config_write {
    u8 devfn, addr, size;
    u32 value;
};

static const struct config_write writes[] = {
    {PCI_DEVFN(1, 1), 0x40, 4, 0x80008000}, /* IDETIM: both channels decode */
    {PCI_DEVFN(1, 1), PCI_BAR0 + 16, 4, PC_BM_BASE},
    {PCI_DEVFN(1, 1), PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MASTER},
    {PCI_DEVFN(1, 3), 0x40, 4, PC_PM_BASE}, /* PMBA */
    {PCI_DEVFN(1, 3), 0x80, 1, 1},          /* PMREGMISC: PM ports on */
    {PCI_DEVFN(1, 3), PCI_INT_LINE, 1, PC_SCI},
    {PCI_DEVFN(2, 0), PCI_BAR0, 4, PC_VGA_MEMORY},
    {PCI_DEVFN(2, 0), PCI_BAR0 + 8, 4, PC_VGA_REGISTERS},
    {PCI_DEVFN(2, 0), PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY},
};

/* 8254: channel 0 in mode 3, 65536 clocks. 8259s, which forget the edge that this made: vectors 08h
 * and 70h, all masked but the timer and the cascade. The cascade of the 8237s, open. */
static const struct {
    u8 port, value;
} outs[] = {
    {0x43, 0x36}, {0x40, 0x00}, {0x40, 0x00}, {0x20, 0x11}, {0x21, 0x08},
    {0x21, 0x04}, {0x21, 0x01}, {0x21, 0xfa}, {0xa0, 0x11}, {0xa1, 0x70},
    {0xa1, 0x02}, {0xa1, 0x01}, {0xa1, 0xff}, {0xd6, 0xc0}, {0xd4, 0x00},
};

/* Gives a device's bars the next addresses of their kind, and switches them on. */
static void place_device(struct pci_func *f, u32 *io, u32 *mem)
{
    unsigned pin = f->config[PCI_INT_PIN], line = 0;

    for (unsigned n = 0; n < PCI_BARS; n++) {
        u32 size = f->bar[n].size, *next = f->bar[n].io ? io : mem;
        if (!size)
            continue;
        *next = (*next + size - 1) & ~(size - 1);
        pci_config_write(f->pci, f->devfn, PCI_BAR0 + 4 * n, 4, *next);
        *next += size;
    }
    if (pin)
        line = pc_pirq_line[((f->devfn >> 3) + 3u + pin - 1u) % PCI_PIRQS];
    pci_config_write(f->pci, f->devfn, PCI_INT_LINE, 1, line);
    pci_config_write(f->pci, f->devfn, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
}

static void place_devices(struct pci_bus *pci)
{
    u32 io = PC_IO_BASE, mem = PC_MEM_BASE;

    for (unsigned devfn = PCI_DEVFN(3, 0); devfn < ARRAY_LEN(pci->func); devfn++) {
        if (pci->func[devfn])
            place_device(pci->func[devfn], &io, &mem);
    }
}

static void pc_setup_reset(struct dev *dev)
{
    struct pci_bus *pci = pci_find(dev->bus);
    u32 level = 1u << PC_SCI;

    for (size_t i = 0; i < ARRAY_LEN(writes); i++)
        pci_config_write(pci, writes[i].devfn, writes[i].addr, writes[i].size, writes[i].value);
    for (unsigned pirq = 0; pirq < PCI_PIRQS; pirq++) {
        pci_config_write(pci, PCI_DEVFN(1, 0), 0x60 + pirq, 1, pc_pirq_line[pirq]);
        level |= 1u << pc_pirq_line[pirq];
    }
    place_devices(pci);
    bus_out(dev->bus, 0x4d0, 1, level & 0xff);
    bus_out(dev->bus, 0x4d1, 1, level >> 8);
    for (size_t i = 0; i < ARRAY_LEN(outs); i++)
        bus_out(dev->bus, outs[i].port, 1, outs[i].value);
    if (bus_find_dev(dev->bus, VGA_ID))
        vga_set_mode3(dev->bus);
}

static const char *pc_setup_init(struct dev *dev, struct bus *bus)
{
    (void)dev;
    return pci_find(bus) ? NULL : "there is no PCI bus";
}

const struct dev_type dev_pc_setup = {
    .name = "pc-setup",
    .on_board = true,
    .size = sizeof(struct dev),
    .version = 1,
    .init = pc_setup_init,
    .reset = pc_setup_reset,
};
