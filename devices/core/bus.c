/* The board as devices see it: dispatch of ports, wires, A20 and NMI gating, the list of
 * devices. One 16-bit slot number per port makes dispatch a single load; claims may overlap, the
 * latest wins, and a release rebuilds the map of its range, so that BARs can move over fixed
 * ports and back. */
#include "devices/core/bus.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "devices/core/dev.h"
#include "mmu/phys.h"

struct bus_object {
    struct bus_object *next;
    const char *kind;
    const char *name;
    void *object;
};

struct bus *bus_create(struct clock *clk, struct journal *journal, struct phys *phys)
{
    struct bus *bus = calloc(1, sizeof(*bus));
    CHECK(bus, "out of memory");
    bus->clock = clk;
    bus->journal = journal;
    bus->phys = phys;
    return bus;
}

/* Frees the list from its end, so that devices go in reverse order of creation. */
static void destroy_devs(struct dev *dev)
{
    if (!dev)
        return;
    destroy_devs(dev->next);
    dev_destroy(dev);
}

void bus_destroy(struct bus *bus)
{
    if (!bus)
        return;
    destroy_devs(bus->devs);
    while (bus->objects) {
        struct bus_object *next = bus->objects->next;
        free(bus->objects);
        bus->objects = next;
    }
    free(bus->claims);
    free(bus);
}

/* ---- ports ---- */

static u32 new_slot(struct bus *bus)
{
    for (u32 i = 0; i < bus->claim_slots; i++) {
        if (!bus->claims[i].ops)
            return i;
    }
    u32 old = bus->claim_slots;
    bus->claim_slots = old ? old * 2 : 32;
    CHECK(bus->claim_slots <= 32768, "too many port claims");
    bus->claims = realloc(bus->claims, bus->claim_slots * sizeof(*bus->claims));
    CHECK(bus->claims, "out of memory");
    memset(bus->claims + old, 0, (bus->claim_slots - old) * sizeof(*bus->claims));
    return old;
}

void bus_claim_io(struct bus *bus, u16 base, u32 count, const struct io_ops *ops, void *opaque)
{
    CHECK(count && base + count <= 65536, "port range %x+%x", base, count);
    u32 slot = new_slot(bus);
    bus->claims[slot] = (struct io_claim){ops, opaque, base, count, ++bus->claim_order};
    for (u32 i = 0; i < count; i++)
        bus->io_map[base + i] = (u16)(slot + 1);
}

/* The slot + 1 of the latest claim over a port, or 0. */
static u16 latest_claim(const struct bus *bus, u32 port)
{
    u32 best = 0, order = 0;
    for (u32 i = 0; i < bus->claim_slots; i++) {
        const struct io_claim *c = &bus->claims[i];
        if (c->ops && port >= c->base && port - c->base < c->count && c->order > order) {
            best = i + 1;
            order = c->order;
        }
    }
    return (u16)best;
}

void bus_release_io(struct bus *bus, u16 base, const struct io_ops *ops, void *opaque)
{
    for (u32 i = 0; i < bus->claim_slots; i++) {
        struct io_claim *c = &bus->claims[i];
        if (c->base != base || c->ops != ops || c->opaque != opaque)
            continue;
        c->ops = NULL;
        for (u32 port = base; port < base + c->count; port++)
            bus->io_map[port] = latest_claim(bus, port);
        return;
    }
    CHECK(false, "release of port %x, which was not claimed", base);
}

static u32 ones(unsigned size)
{
    return size >= 4 ? 0xffffffffu : (1u << (8 * size)) - 1;
}

u32 bus_in(struct bus *bus, u16 port, unsigned size)
{
    u16 slot = bus->io_map[port];
    const struct io_claim *c = slot ? &bus->claims[slot - 1] : NULL;
    unsigned max = c && c->ops->max_size ? c->ops->max_size : 1;
    u32 value = 0;

    if (size <= max) {
        if (!c || !c->ops->read || size < c->ops->min_size)
            return ones(size);
        return c->ops->read(c->opaque, port, size) & ones(size);
    }
    for (unsigned done = 0; done < size; done += max)
        value |= bus_in(bus, (u16)(port + done), max) << (8 * done);
    return value;
}

void bus_out(struct bus *bus, u16 port, unsigned size, u32 value)
{
    u16 slot = bus->io_map[port];
    const struct io_claim *c = slot ? &bus->claims[slot - 1] : NULL;
    unsigned max = c && c->ops->max_size ? c->ops->max_size : 1;

    if (size <= max) {
        if (c && c->ops->write && size >= c->ops->min_size)
            c->ops->write(c->opaque, port, size, value & ones(size));
        return;
    }
    for (unsigned done = 0; done < size; done += max)
        bus_out(bus, (u16)(port + done), max, (value >> (8 * done)) & ones(max));
}

/* ---- memory ---- */

void bus_claim_mmio(struct bus *bus, paddr base, u64 size, const struct mmio_ops *ops, void *opaque)
{
    CHECK(bus->phys, "a device claims memory on a bus without any");
    phys_add_mmio(bus->phys, base, size, ops, opaque);
}

void bus_release_mmio(struct bus *bus, paddr base, const struct mmio_ops *ops, const void *opaque)
{
    phys_remove_mmio(bus->phys, base, ops, opaque);
}

bool bus_dma_read(struct bus *bus, paddr addr, void *buf, size_t len)
{
    if (!bus->phys) {
        memset(buf, 0xff, len);
        return false;
    }
    return phys_dma_read(bus->phys, addr, buf, len);
}

bool bus_dma_write(struct bus *bus, paddr addr, const void *buf, size_t len)
{
    return bus->phys && phys_dma_write(bus->phys, addr, buf, len);
}

bool bus_master_read(struct bus *bus, const void *object, paddr addr, void *buf, size_t len)
{
    bus->master = object;
    bool all = bus_dma_read(bus, addr, buf, len);
    bus->master = NULL;
    return all;
}

bool bus_master_write(struct bus *bus, const void *object, paddr addr, const void *buf, size_t len)
{
    bus->master = object;
    bool all = bus_dma_write(bus, addr, buf, len);
    bus->master = NULL;
    return all;
}

/* ---- wires ---- */

void bus_drive_irq(struct bus *bus, unsigned n, bool level)
{
    if (bus->irq_watch.set)
        bus->irq_watch.set(bus->irq_watch.opaque, (int)n, level);
    if (n < BUS_IRQS)
        irq_set(&bus->irq[n], level);
    irq_set(&bus->gsi[n], level);
}

static void irq_forward(void *opaque, int n, bool level)
{
    struct bus *bus = opaque;

    if (n < BUS_IRQS && bus->intercept[n].set)
        irq_set(&bus->intercept[n], level);
    else
        bus_drive_irq(bus, (unsigned)n, level);
}

struct irq_line bus_irq(struct bus *bus, unsigned n)
{
    CHECK(n < BUS_GSIS, "interrupt line %u", n);
    return (struct irq_line){irq_forward, bus, (int)n};
}

void bus_set_irq(struct bus *bus, unsigned n, struct irq_line line)
{
    CHECK(n < BUS_IRQS, "interrupt line %u", n);
    bus->irq[n] = line;
}

void bus_set_gsi(struct bus *bus, unsigned n, struct irq_line line)
{
    CHECK(n < BUS_GSIS, "interrupt line %u", n);
    bus->gsi[n] = line;
}

void bus_intercept_irq(struct bus *bus, unsigned n, struct irq_line line)
{
    CHECK(n < BUS_IRQS, "interrupt line %u", n);
    bus->intercept[n] = line;
}

void bus_set_intack(struct bus *bus, int (*fn)(void *opaque), void *opaque)
{
    bus->intack = fn;
    bus->intack_opaque = opaque;
}

void bus_pic_request(struct bus *bus, bool level)
{
    if (bus->apic)
        bus->apic->lint(bus->apic_opaque, APIC_LINT0, level);
    else
        irq_set(&bus->pins.intr, level);
}

int bus_pic_intack(struct bus *bus)
{
    return bus->intack ? bus->intack(bus->intack_opaque) : -1;
}

int bus_intack(struct bus *bus)
{
    return bus->apic ? bus->apic->intack(bus->apic_opaque) : bus_pic_intack(bus);
}

void bus_set_apic(struct bus *bus, const struct apic_ops *ops, void *opaque)
{
    bus->apic = ops;
    bus->apic_opaque = opaque;
}

void bus_set_ioapic(struct bus *bus, const struct ioapic_ops *ops, void *opaque)
{
    bus->ioapic = ops;
    bus->ioapic_opaque = opaque;
}

bool bus_apic_message(struct bus *bus, const struct apic_message *m)
{
    return bus->apic && bus->apic->message(bus->apic_opaque, m);
}

void bus_apic_eoi(struct bus *bus, u8 vector)
{
    if (bus->ioapic)
        bus->ioapic->eoi(bus->ioapic_opaque, vector);
}

void bus_apic_init(struct bus *bus)
{
    if (bus->apic)
        bus->apic->init(bus->apic_opaque);
}

void bus_apic_set_base(struct bus *bus, u64 value)
{
    if (bus->apic)
        bus->apic->set_base(bus->apic_opaque, value);
}

u64 bus_apic_deadline(struct bus *bus)
{
    return bus->apic ? bus->apic->deadline(bus->apic_opaque) : 0;
}

void bus_apic_set_deadline(struct bus *bus, u64 tick)
{
    if (bus->apic)
        bus->apic->set_deadline(bus->apic_opaque, tick);
}

u8 bus_apic_tpr(struct bus *bus)
{
    return bus->apic ? bus->apic->tpr(bus->apic_opaque) : 0;
}

void bus_apic_set_tpr(struct bus *bus, u8 value)
{
    if (bus->apic)
        bus->apic->set_tpr(bus->apic_opaque, value);
}

void bus_nmi(struct bus *bus)
{
    if (bus->nmi_masked)
        return;
    if (!bus->apic) {
        irq_pulse(&bus->pins.nmi);
        return;
    }
    bus->apic->lint(bus->apic_opaque, APIC_LINT1, true);
    bus->apic->lint(bus->apic_opaque, APIC_LINT1, false);
}

void bus_mask_nmi(struct bus *bus, bool masked)
{
    bus->nmi_masked = masked;
}

void bus_smi(struct bus *bus)
{
    irq_pulse(&bus->pins.smi);
}

void bus_set_a20(struct bus *bus, u8 source, bool open)
{
    bus->a20_sources = (u8)(open ? bus->a20_sources | source : bus->a20_sources & ~source);
    irq_set(&bus->pins.a20, bus->a20_sources != 0);
}

void bus_request(struct bus *bus, enum bus_request what, u32 arg)
{
    if (bus->hooks.request)
        bus->hooks.request(bus->hooks.opaque, what, arg);
}

/* ---- objects and devices ---- */

void bus_add_object(struct bus *bus, const char *kind, const char *name, void *object)
{
    struct bus_object *o = malloc(sizeof(*o));
    CHECK(o, "out of memory");
    *o = (struct bus_object){bus->objects, kind, name, object};
    bus->objects = o;
}

void *bus_find_object(struct bus *bus, const char *kind, const char *name)
{
    for (struct bus_object *o = bus->objects; o; o = o->next) {
        if (!strcmp(o->kind, kind) && !strcmp(o->name, name))
            return o->object;
    }
    return NULL;
}

void bus_reset(struct bus *bus)
{
    for (struct dev *dev = bus->devs; dev; dev = dev->next) {
        if (dev->type->reset)
            dev->type->reset(dev);
    }
}

void bus_hash(struct bus *bus, struct hash *h)
{
    for (struct dev *dev = bus->devs; dev; dev = dev->next)
        dev_hash(dev, h);
}

void bus_dump(struct bus *bus, FILE *out)
{
    for (struct dev *dev = bus->devs; dev; dev = dev->next)
        dev_dump(dev, out);
}

struct dev *bus_find_dev(struct bus *bus, const char *id)
{
    for (struct dev *dev = bus->devs; dev; dev = dev->next) {
        if (!strcmp(dev->id, id))
            return dev;
    }
    return NULL;
}

/* ---- for people ---- */

bool bus_io_range(const struct bus *bus, unsigned n, u16 *base, u32 *count, const void **opaque)
{
    for (u32 i = 0; i < bus->claim_slots; i++) {
        const struct io_claim *c = &bus->claims[i];
        if (!c->ops || n--)
            continue;
        *base = c->base;
        *count = c->count;
        *opaque = c->opaque;
        return true;
    }
    return false;
}

const struct dev *bus_owner(const struct bus *bus, const void *object)
{
    for (const struct dev *d = bus->devs; d; d = d->next)
        if ((uintptr_t)object - (uintptr_t)d < d->type->size)
            return d;
    return NULL;
}
