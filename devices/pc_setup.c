/* What a PC's firmware does to the chip set at power-on, done in its stead, so that a kernel booted
 * without any finds the machine that the ACPI tables describe: PCI interrupts routed and level
 * triggered, IDE and power management switched on at their usual ports.
 *
 * Its reset comes after that of the devices it writes to, because it is created after them. */
#include "devices/pc_setup.h"

#include "devices/core/dev.h"
#include "devices/pci.h"

const u8 pc_pirq_line[4] = {10, 10, 11, 11};

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
};

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
    bus_out(dev->bus, 0x4d0, 1, level & 0xff);
    bus_out(dev->bus, 0x4d1, 1, level >> 8);
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
