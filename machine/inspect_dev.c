/* Devices, buses and memory regions for people, in the form of QEMU's monitor as far as there is
 * the same to tell. */
#include "base/bytes.h"
#include "cpu/cpuid.h"
#include "devices/core/dev.h"
#include "devices/pci.h"
#include "machine/machine.h"

#include <string.h>

#define MAX_REGIONS 256

bool orrery_halted(const struct orrery *o)
{
    return o->cpu->events & EV_HALT;
}

bool orrery_has_apic(const struct orrery *o)
{
    return cpu_has(o->cpu, FEAT_APIC);
}

/* ---- interrupts ---- */

void orrery_print_pic(const struct orrery *o, FILE *out)
{
    static const char *const ids[] = {"ioapic", "i8259"};

    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        const struct dev *d = bus_find_dev(o->bus, ids[i]);
        if (d)
            d->type->describe(d, out);
    }
}

void orrery_print_lapic(const struct orrery *o, FILE *out)
{
    const struct dev *d = orrery_has_apic(o) ? bus_find_dev(o->bus, "lapic") : NULL;

    if (d)
        d->type->describe(d, out);
    else
        fputs("No local APIC found\n", out);
}

void orrery_print_irq(const struct orrery *o, FILE *out)
{
    fputs("IRQ statistics:\n", out);
    for (unsigned i = 0; i < ARRAY_LEN(o->irq_count); i++)
        if (o->irq_count[i])
            fprintf(out, "%2u: %llu\n", i, (unsigned long long)o->irq_count[i]);
}

/* ---- PCI ---- */

static struct orrery_pci_bar describe_bar(const struct pci_func *f, unsigned n)
{
    const struct pci_bar *bar = &f->bar[n];
    u32 value = (u32)load_le(&f->config[PCI_BAR0 + 4 * n], 4);

    return (struct orrery_pci_bar){.present = bar->io || bar->mem || bar->ram,
                                   .io = bar->io,
                                   .prefetch = bar->ram,
                                   .address = value & (bar->io ? ~3u : ~15u),
                                   .size = bar->size};
}

bool orrery_pci_function(const struct orrery *o, unsigned n, struct orrery_pci *out)
{
    const struct pci_bus *pci = pci_find(o->bus);
    const struct pci_func *f = NULL;

    for (unsigned i = 0; pci && i < ARRAY_LEN(pci->func); i++) {
        f = pci->func[i];
        if (f && !n--)
            break;
        f = NULL;
    }
    if (!f)
        return false;
    *out = (struct orrery_pci){
        .slot = f->devfn >> 3,
        .function = f->devfn & 7,
        .vendor = (u16)load_le(&f->config[PCI_VENDOR], 2),
        .device = (u16)load_le(&f->config[PCI_VENDOR + 2], 2),
        .class_code = (u16)load_le(&f->config[PCI_CLASS + 1], 2),
        .subsystem_vendor = (u16)load_le(&f->config[0x2c], 2),
        .subsystem = (u16)load_le(&f->config[0x2e], 2),
        .irq_line = f->config[PCI_INT_LINE],
        .irq_pin = f->config[PCI_INT_PIN],
    };
    for (unsigned i = 0; i < PCI_BARS; i++)
        out->bar[i] = describe_bar(f, i);
    return true;
}

/* ---- memory and ports ---- */

/* The device that shows its memory there through a PCI base address. */
static const char *owner_of_bar(const struct orrery *o, const struct phys_region *r)
{
    const struct pci_bus *pci = pci_find(o->bus);

    for (unsigned i = 0; pci && i < ARRAY_LEN(pci->func); i++) {
        const struct pci_func *f = pci->func[i];
        for (unsigned n = 0; f && n < PCI_BARS; n++)
            if (f->bar[n].ram && f->bar[n].ram == r->mem)
                return bus_owner(o->bus, f)->id;
    }
    return NULL;
}

static const char *region_name(const struct orrery *o, const struct phys_region *r)
{
    const struct dev *d = r->kind == PHYS_MMIO ? bus_owner(o->bus, r->opaque) : NULL;
    const char *bar;

    if (r->main)
        return "pc.ram";
    if (d)
        return d->id;
    bar = r->mem ? owner_of_bar(o, r) : NULL;
    return bar ? bar : r->kind == PHYS_ROM ? "rom" : r->kind == PHYS_RAM ? "ram" : "device";
}

static void print_range(u64 first, u64 bytes, u64 order, const char *kind, const char *name,
                        FILE *out)
{
    fprintf(out, "    %016llx-%016llx (prio %llu, %s): %s\n", (unsigned long long)first,
            (unsigned long long)(first + bytes - 1), (unsigned long long)order, kind, name);
}

static void print_memory(const struct orrery *o, bool rom_only, FILE *out)
{
    static const char *const kinds[] = {"ram", "rom", "i/o"};
    struct phys_region r[MAX_REGIONS];
    unsigned n = phys_regions(o->phys, r, MAX_REGIONS);

    for (unsigned i = 0; i < n; i++) {
        const char *name = region_name(o, &r[i]);
        if (!rom_only)
            print_range(r[i].base, r[i].size, r[i].order, kinds[r[i].kind], name, out);
        else if (r[i].kind == PHYS_ROM)
            fprintf(out, "addr=%016llx size=0x%06llx mem=rom name=\"%s\"\n",
                    (unsigned long long)r[i].base, (unsigned long long)r[i].size, name);
    }
}

static void print_ports(const struct orrery *o, FILE *out)
{
    const void *object;
    u32 count;
    u16 base;

    for (u32 port = 0; port < 0x10000; port++)
        for (unsigned n = 0; bus_io_range(o->bus, n, &base, &count, &object); n++)
            if (base == port) {
                const struct dev *d = bus_owner(o->bus, object);
                print_range(base, count, 0, "i/o", d ? d->id : "device", out);
            }
}

void orrery_print_mtree(struct orrery *o, FILE *out)
{
    fputs("address-space: memory\n"
          "  0000000000000000-ffffffffffffffff (prio 0, i/o): system\n",
          out);
    print_memory(o, false, out);
    fputs("\naddress-space: I/O\n  0000000000000000-000000000000ffff (prio 0, i/o): io\n", out);
    print_ports(o, out);
}

void orrery_print_roms(struct orrery *o, FILE *out)
{
    print_memory(o, true, out);
}

/* ---- devices ---- */

static void print_prop(const struct dev *d, const struct prop *p, FILE *out)
{
    const u8 *at = (const u8 *)d + p->offset;
    const char *text;
    u32 number;

    switch (p->kind) {
    case PROP_KIND_U32:
        memcpy(&number, at, sizeof(number));
        fprintf(out, "    %s = %u (0x%x)\n", p->name, number, number);
        break;
    case PROP_KIND_BOOL: fprintf(out, "    %s = %s\n", p->name, *at ? "true" : "false"); break;
    case PROP_KIND_STR:
        memcpy(&text, at, sizeof(text));
        fprintf(out, "    %s = \"%s\"\n", p->name, text ? text : "");
        break;
    case PROP_KIND_OBJECT: break; /* its name is among the options */
    }
}

void orrery_print_qtree(const struct orrery *o, FILE *out)
{
    fputs("bus: main-system-bus\n  type System\n", out);
    for (const struct dev *d = o->bus->devs; d; d = d->next) {
        fprintf(out, "  dev: %s, id \"%s\"\n", d->type->name, d->id);
        for (const struct prop *p = d->type->props; p && p->name; p++)
            print_prop(d, p, out);
    }
}

bool orrery_print_state(const struct orrery *o, const char *id, FILE *out)
{
    const struct dev *d = id ? bus_find_dev(o->bus, id) : NULL;

    if (!id)
        bus_dump(o->bus, out);
    else if (d)
        dev_dump(d, out);
    return !id || d;
}

/* ---- translator ---- */

void orrery_print_jit(const struct orrery *o, FILE *out)
{
    struct jit_stats s;

    jit_get_stats(o->jit, &s);
    fprintf(out, "Translation buffer state:\n");
    fprintf(out, "gen code size       %llu\n", (unsigned long long)s.code_bytes);
    fprintf(out, "TB count            %llu\n", (unsigned long long)s.blocks);
    fprintf(out, "TB instructions     %llu\n", (unsigned long long)s.guest_insns);
    fprintf(out, "\nStatistics:\n");
    fprintf(out, "TB flush count      %llu\n", (unsigned long long)s.evictions);
    fprintf(out, "TB invalidate count %llu\n", (unsigned long long)s.invalidated);
    fprintf(out, "TB lookups          %llu\n", (unsigned long long)s.lookups);
    fprintf(out, "Instructions stepped %llu\n", (unsigned long long)s.steps);
}
