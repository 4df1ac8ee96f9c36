/* What a PC's firmware does to the chip set at power-on, done in its stead, so that a kernel booted
 * without any finds the machine that the ACPI tables describe: PCI interrupts routed and level
 * triggered, IDE and power management switched on at their usual ports, DMA cascaded, the VGA in
 * text mode. For those that go back to real mode: interrupt vectors that lead to a ROM and return,
 * but for the VGA BIOS's; the interrupt controllers at 08h and 70h, and the timer, 18.2 times a
 * second, counted at 0040:006C.
 *
 * PCI devices in other slots get addresses and an interrupt line.
 *
 * Its reset comes after that of the devices it writes to, because it is created after them. */
#include "devices/pc_setup.h"

#include "devices/core/dev.h"
#include "devices/pci.h"
#include "devices/vga.h"

#include <string.h>

#include "base/bytes.h"
#include "mmu/phys.h"

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

#define ROM_BASE 0xff000u
#define ROM_SEG  0xf000u

/* The handlers of the ROM, where the first PC had its own. */
static const struct handler {
    u16 offset;
    u8 first, last; /* vectors */
    u8 size;
    u8 code[20];
} handlers[] = {
    /* IRET */
    {0xff53, 0x00, 0xff, 1, {0xcf}},
    /* PUSH DS, AX; XOR AX, AX; MOV DS, AX; INC DWORD [46Ch]; MOV AL, 20h; OUT 20h, AL; POP AX, DS
     */
    {0xfea5,
     0x08,
     0x08,
     18,
     {0x1e, 0x50, 0x31, 0xc0, 0x8e, 0xd8, 0x66, 0xff, 0x06, 0x6c, 0x04, 0xb0, 0x20, 0xe6, 0x20,
      0x58, 0x1f, 0xcf}},
    /* PUSH AX; MOV AL, 20h; OUT 20h, AL; POP AX; IRET */
    {0xff23, 0x09, 0x0f, 7, {0x50, 0xb0, 0x20, 0xe6, 0x20, 0x58, 0xcf}},
    /* the same with OUT A0h, AL */
    {0xff33, 0x70, 0x77, 9, {0x50, 0xb0, 0x20, 0xe6, 0xa0, 0xe6, 0x20, 0x58, 0xcf}},
};

static void set_vectors(struct bus *bus)
{
    u8 table[0x400];
    static const u8 counter[4] = {0};

    for (size_t i = 0; i < ARRAY_LEN(handlers); i++)
        for (unsigned v = handlers[i].first; v <= handlers[i].last; v++)
            store_le(table + 4 * v, 4, handlers[i].offset | ROM_SEG << 16);
    bus_dma_write(bus, 0, table, sizeof(table));
    bus_dma_write(bus, 0x46c, counter, sizeof(counter));
}

static void add_rom(struct phys *phys)
{
    u8 page[PAGE_SIZE];

    memset(page, 0xff, sizeof(page));
    for (size_t i = 0; i < ARRAY_LEN(handlers); i++)
        memcpy(page + (handlers[i].offset & PAGE_MASK), handlers[i].code, handlers[i].size);
    phys_add_rom(phys, ROM_BASE, sizeof(page), page);
}

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
    if (dev->bus->phys)
        set_vectors(dev->bus);
    if (!bus_find_dev(dev->bus, VGA_ID))
        return;
    vga_set_mode3(dev->bus);
    if (dev->bus->phys)
        vga_set_data_area(dev->bus);
}

static const char *pc_setup_init(struct dev *dev, struct bus *bus)
{
    (void)dev;
    if (!pci_find(bus))
        return "there is no PCI bus";
    if (bus->phys)
        add_rom(bus->phys);
    return NULL;
}

const struct dev_type dev_pc_setup = {
    .name = "pc-setup",
    .on_board = true,
    .size = sizeof(struct dev),
    .version = 1,
    .init = pc_setup_init,
    .reset = pc_setup_reset,
};
