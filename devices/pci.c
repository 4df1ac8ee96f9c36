/* PCI functions: configuration space as two byte arrays, values and write masks; base address
 * registers that follow it; interrupt pins. PCI Local Bus Specification 2.1, chapter 6.
 *
 * A bar is mapped exactly while the command register enables its space and its address makes sense.
 * `bar.at` says what is claimed on the board now, so a change releases the one and claims the
 * other. */
#include "devices/pci.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "mmu/phys.h"

const struct field pci_func_fields[] = {
    FIELD_ARRAY(struct pci_func, config),
    FIELD(struct pci_func, intx),
    FIELD_END,
};

struct pci_bus *pci_find(struct bus *bus)
{
    return bus_find_object(bus, PCI_KIND, "pci.0");
}

/* ---- base address registers ---- */

/* Does memory at `at` reach PCI? Others answer before: RAM, all below 1 MiB, APICs and firmware at
 * the top. */
static bool in_window(const struct pci_func *f, u32 at, u32 size)
{
    return at >= 0x100000 && at >= phys_ram_size(f->pci->bus->phys) && at <= PCI_MEMORY_END - size;
}

/* Where a bar belongs now, or 0. While software sizes a bar it holds ones, which is nowhere. */
static u32 wanted_address(const struct pci_func *f, unsigned n)
{
    const struct pci_bar *bar = &f->bar[n];
    u32 at = (u32)load_le(&f->config[PCI_BAR0 + 4 * n], 4) & ~(bar->size - 1);
    u8 command = f->config[PCI_COMMAND];

    if (bar->io)
        return command & PCI_COMMAND_IO && at + bar->size <= 0x10000 ? at : 0;
    return command & PCI_COMMAND_MEMORY && in_window(f, at, bar->size) ? at : 0;
}

static void map_bar(struct pci_func *f, unsigned n)
{
    struct pci_bar *bar = &f->bar[n];
    struct bus *bus = f->pci->bus;
    u32 at = wanted_address(f, n);

    if (at == bar->at)
        return;
    if (bar->at && bar->io)
        bus_release_io(bus, (u16)bar->at, bar->io, bar->opaque);
    else if (bar->at && bar->ram)
        phys_remove_shared(bus->phys, bar->at, bar->ram);
    else if (bar->at)
        bus_release_mmio(bus, bar->at, bar->mem, bar->opaque);
    bar->at = at;
    if (at && bar->io)
        bus_claim_io(bus, (u16)at, bar->size, bar->io, bar->opaque);
    else if (at && bar->ram)
        phys_add_shared(bus->phys, at, bar->size, bar->ram);
    else if (at)
        bus_claim_mmio(bus, at, bar->size, bar->mem, bar->opaque);
}

/* The expansion ROM has an enable bit of its own (6.2.5.2), which is enough here: Bochs' firmware
 * reads ROMs before it enables the function's memory. */
static void map_rom(struct pci_func *f)
{
    u32 reg = (u32)load_le(&f->config[PCI_ROM], 4), at = reg & ~(f->rom.size - 1);

    if (!(reg & 1) || !in_window(f, at, f->rom.size))
        at = 0;
    if (at == f->rom.at)
        return;
    if (f->rom.at)
        phys_remove(f->pci->bus->phys, f->rom.at);
    f->rom.at = at;
    if (at)
        phys_add_rom(f->pci->bus->phys, at, f->rom.size, f->rom.data);
}

static void map_bars(struct pci_func *f)
{
    if (f->rom.data)
        map_rom(f);
    for (unsigned n = 0; n < PCI_BARS; n++) {
        if (f->bar[n].size)
            map_bar(f, n);
    }
}

static struct pci_bar *add_bar(struct pci_func *f, unsigned n, u32 size, u32 flags)
{
    CHECK(n < PCI_BARS && size && !(size & (size - 1)), "bar %u of %#x bytes", n, size);
    store_le(&f->config[PCI_BAR0 + 4 * n], 4, flags);
    store_le(&f->wmask[PCI_BAR0 + 4 * n], 4, ~(size - 1));
    f->bar[n].size = size;
    return &f->bar[n];
}

void pci_add_io_bar(struct pci_func *f, unsigned n, u32 size, const struct io_ops *ops,
                    void *opaque)
{
    CHECK(size >= 4 && size <= 256, "I/O bar of %#x ports", size);
    struct pci_bar *bar = add_bar(f, n, size, 1);
    bar->io = ops;
    bar->opaque = opaque;
}

void pci_add_mem_bar(struct pci_func *f, unsigned n, u32 size, const struct mmio_ops *ops,
                     void *opaque)
{
    CHECK(size >= PAGE_SIZE, "memory bar of %#x bytes", size);
    struct pci_bar *bar = add_bar(f, n, size, 0);
    bar->mem = ops;
    bar->opaque = opaque;
}

void pci_add_ram_bar(struct pci_func *f, unsigned n, u32 size, u8 *ram)
{
    CHECK(size >= PAGE_SIZE, "memory bar of %#x bytes", size);
    add_bar(f, n, size, 8)->ram = ram; /* prefetchable */
}

void pci_add_rom(struct pci_func *f, u32 size, const u8 *data)
{
    CHECK(size >= PAGE_SIZE && !(size & (size - 1)), "expansion ROM of %#x bytes", size);
    store_le(&f->wmask[PCI_ROM], 4, ~(size - 1) | 1);
    f->rom.data = data;
    f->rom.size = size;
}

/* ---- life of a function ---- */

bool pci_parse_addr(const char *text, u8 *devfn)
{
    char *end;
    unsigned long slot;

    *devfn = PCI_DEVFN_ANY;
    if (!text)
        return true;
    slot = strtoul(text, &end, 16);
    if (end == text || slot > 31 || (*end && strcmp(end, ".0")))
        return false;
    *devfn = PCI_DEVFN(slot, 0);
    return true;
}

/* The first slot with no function at all, or PCI_DEVFN_ANY. */
static u8 free_slot(const struct pci_bus *pci)
{
    for (unsigned devfn = PCI_DEVFN(PCI_FIRST_SLOT, 0); devfn < ARRAY_LEN(pci->func); devfn += 8) {
        unsigned taken = 0;
        for (unsigned n = 0; n < 8; n++)
            taken += pci->func[devfn + n] != NULL;
        if (!taken)
            return (u8)devfn;
    }
    return PCI_DEVFN_ANY;
}

const char *pci_func_init(struct pci_func *f, struct bus *bus, u8 devfn, const struct pci_id *id)
{
    struct pci_bus *pci = pci_find(bus);

    if (!pci)
        return "there is no PCI bus";
    if (devfn == PCI_DEVFN_ANY)
        devfn = free_slot(pci);
    if (devfn == PCI_DEVFN_ANY)
        return "there is no free slot on the PCI bus";
    if (pci->func[devfn])
        return "its place on the PCI bus is taken";
    pci->func[devfn] = f;
    f->pci = pci;
    f->devfn = devfn;
    store_le(&f->config[PCI_VENDOR], 2, id->vendor);
    store_le(&f->config[PCI_VENDOR + 2], 2, id->device);
    store_le(&f->config[PCI_STATUS], 2, 0x0280); /* medium DEVSEL timing, fast back-to-back */
    f->config[PCI_REVISION] = id->revision;
    store_le(&f->config[PCI_CLASS], 3, id->class_code);
    f->config[PCI_HEADER] = id->multi ? 0x80 : 0;
    f->config[PCI_INT_PIN] = id->pin;
    f->wmask[PCI_COMMAND] = PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
    f->wmask[PCI_LATENCY] = 0xf8;
    f->wmask[PCI_INT_LINE] = id->pin ? 0xff : 0;
    return NULL;
}

void pci_func_reset(struct pci_func *f)
{
    for (unsigned i = 0; i < sizeof(f->config); i++)
        f->config[i] &= (u8)~f->wmask[i];
    map_bars(f);
    pci_set_intx(f, false);
}

bool pci_func_valid(const struct pci_func *copy)
{
    const u8 *is = copy->pci->func[copy->devfn]->config, *was = copy->config;

    return !memcmp(is, was, 4) && !memcmp(is + PCI_REVISION, was + PCI_REVISION, 4) &&
           is[PCI_HEADER] == was[PCI_HEADER] && is[PCI_INT_PIN] == was[PCI_INT_PIN];
}

void pci_func_loaded(struct pci_func *f)
{
    map_bars(f);
}

/* ---- interrupts ---- */

/* PCI BIOS's usual wiring of a board: INTA of slot 1 is PIRQA, of slot 2 PIRQB, and so on. */
static unsigned pirq_of(const struct pci_func *f)
{
    return ((f->devfn >> 3) + 3u + f->config[PCI_INT_PIN] - 1u) % PCI_PIRQS;
}

bool pci_pirq_level(const struct pci_bus *pci, unsigned pirq)
{
    for (unsigned i = 0; i < ARRAY_LEN(pci->func); i++) {
        const struct pci_func *f = pci->func[i];
        if (f && f->intx && pirq_of(f) == pirq)
            return true;
    }
    return false;
}

void pci_set_intx(struct pci_func *f, bool level)
{
    struct pci_bus *pci = f->pci;

    if (f->intx == level)
        return;
    CHECK(f->config[PCI_INT_PIN], "function %02x has no interrupt pin", f->devfn);
    f->intx = level;
    if (pci->route)
        pci->route(pci->route_opaque, pirq_of(f), pci_pirq_level(pci, pirq_of(f)));
}

/* ---- configuration cycles ---- */

u32 pci_config_read(struct pci_bus *pci, u8 devfn, unsigned addr, unsigned size)
{
    struct pci_func *f = pci->func[devfn];

    if (!f || (addr & 3) + size > 4)
        return 0xffffffff;
    if (f->reading)
        f->reading(f, addr & 0xff, size);
    return (u32)load_le(&f->config[addr & 0xff], size);
}

void pci_config_write(struct pci_bus *pci, u8 devfn, unsigned addr, unsigned size, u32 value)
{
    struct pci_func *f = pci->func[devfn];

    addr &= 0xff;
    if (!f || (addr & 3) + size > 4)
        return;
    for (unsigned i = 0; i < size; i++) {
        u8 mask = f->wmask[addr + i];
        f->config[addr + i] = (u8)((f->config[addr + i] & ~mask) | ((value >> (8 * i)) & mask));
    }
    map_bars(f);
    if (f->written)
        f->written(f, addr, size);
}
