/* The tables by which an operating system finds the PCI bus, its interrupts, the devices that
 * cannot be probed, and the power switch. ACPI 3.0, chapter 5. Interrupt lines have the same
 * numbers at the 8259s and at the I/O APIC, so that the routing of the DSDT holds for both.
 *
 * All of it is ROM. The FACS would be writable, but nothing of ours waits for its lock or wakes up.
 */
#include "devices/acpi_tables.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "devices/aml.h"
#include "devices/pc_setup.h"
#include "devices/pci.h"

const u8 pc_pirq_line[4] = {10, 10, 11, 11};

#define HEADER 36

struct image {
    u8 *buf;
    u32 len;
};

static u8 sum(const u8 *p, u32 len)
{
    u8 total = 0;
    while (len--)
        total += *p++;
    return total;
}

static u32 align(struct image *im, u32 to)
{
    im->len = (im->len + to - 1) & ~(to - 1);
    return im->len;
}

static u32 address(u32 offset)
{
    return ACPI_TABLES_BASE + offset;
}

/* Puts the header before a table of len bytes, header included. */
static void finish_table(struct image *im, u32 at, const char *signature, u8 revision, u32 len)
{
    u8 *t = im->buf + at;

    CHECK(at + len <= ACPI_TABLES_SIZE, "ACPI tables of more than %u bytes", ACPI_TABLES_SIZE);
    memcpy(t, signature, 4);
    store_le(t + 4, 4, len);
    t[8] = revision;
    t[9] = 0;
    memcpy(t + 10, "ORRERY", 6);
    memcpy(t + 16, "ORRERYPC", 8);
    store_le(t + 24, 4, 1);
    memcpy(t + 28, "ORRY", 4);
    store_le(t + 32, 4, 1);
    t[9] = (u8)-sum(t, len);
    im->len = at + len;
}

/* ---- DSDT ---- */

static void name_int(struct aml *a, const char *name, u32 value)
{
    aml_name(a, name);
    aml_int(a, value);
}

static void soft_off(struct aml *a)
{
    aml_name(a, "_S5_");
    u32 package = aml_package(a, 4);
    for (unsigned i = 0; i < 4; i++)
        aml_int(a, 0); /* SLP_TYP of the PIIX4's soft off */
    aml_end(a, package);
}

static void pci_windows(struct aml *a, u64 ram_bytes)
{
    struct aml_resources r = {.len = 0};

    aml_res_bus_window(&r, 0, 0xff);
    aml_res_io(&r, 0xcf8, 8);
    aml_res_io_window(&r, 0, 0xcf7);
    aml_res_io_window(&r, 0xd00, 0xffff);
    aml_res_mem_window(&r, 0xa0000, 0xbffff);
    aml_res_mem_window(&r, (u32)ram_bytes, PCI_MEMORY_END - 1);
    aml_name(a, "_CRS");
    aml_resources(a, &r);
}

/* For each slot's four pins the interrupt line that its PIRQ is routed to; see pirq_of() in pci.c.
 */
static void pci_routing(struct aml *a)
{
    aml_name(a, "_PRT");
    u32 table = aml_package(a, 32 * 4);
    for (u32 i = 0; i < 32 * 4; i++) {
        u32 slot = i / 4, pin = i % 4;
        u32 entry = aml_package(a, 4);
        aml_int(a, slot << 16 | 0xffff);
        aml_int(a, pin);
        aml_int(a, 0);
        aml_int(a, pc_pirq_line[(slot + 3 + pin) % 4]);
        aml_end(a, entry);
    }
    aml_end(a, table);
}

/* What sits behind the ISA bridge: up to five port ranges, a line and a DMA channel (0: none). */
static const struct isa_device {
    const char *name, *hid;
    struct {
        u16 port;
        u8 count;
    } io[5];
    u8 line;
    u8 uid;
    u8 dma;
} isa_devices[] = {
    {"PIC_", "PNP0000", {{0x20, 2}, {0xa0, 2}, {0x4d0, 2}}, 2, 0},
    {"DMAC", "PNP0200", {{0x00, 0x10}, {0x81, 0xf}, {0xc0, 0x20}}, 0, 0, 4},
    {"TIMR", "PNP0100", {{0x40, 4}}, 0, 0},
    {"RTC_", "PNP0B00", {{0x70, 2}}, 8, 0},
    {"SPKR", "PNP0800", {{0x61, 1}}, 0, 0},
    {"FPU_", "PNP0C04", {{0xf0, 1}}, 13, 0},
    {"KBD_", "PNP0303", {{0x60, 1}, {0x64, 1}}, 1, 0},
    {"MOU_", "PNP0F13", {{0}}, 12, 0},
    {"SYSR",
     "PNP0C02",
     {{0x80, 1}, {0x92, 1}, {0xb2, 2}, {PC_PM_BASE, PC_PM_PORTS}, {0x510, 12}},
     0,
     0},
    {"COM1", "PNP0501", {{0x3f8, 8}}, 4, 1},
    {"COM2", "PNP0501", {{0x2f8, 8}}, 3, 2},
    {"COM3", "PNP0501", {{0x3e8, 8}}, 4, 3},
    {"COM4", "PNP0501", {{0x2e8, 8}}, 3, 4},
    {"LPT1", "PNP0400", {{0x378, 3}}, 7, 0},
    {"FDC0", "PNP0700", {{0x3f2, 4}, {0x3f7, 1}}, 6, 0, 2},
};

static void isa_device(struct aml *a, const struct isa_device *d)
{
    struct aml_resources r = {.len = 0};
    u32 device = aml_device(a, d->name);

    aml_name(a, "_HID");
    aml_eisaid(a, d->hid);
    if (d->uid)
        name_int(a, "_UID", d->uid);
    for (unsigned i = 0; i < ARRAY_LEN(d->io) && d->io[i].count; i++)
        aml_res_io(&r, d->io[i].port, d->io[i].count);
    if (d->line)
        aml_res_irq(&r, d->line);
    if (d->dma)
        aml_res_dma(&r, d->dma);
    aml_name(a, "_CRS");
    aml_resources(a, &r);
    aml_end(a, device);
}

static void hpet_device(struct aml *a)
{
    struct aml_resources r = {.len = 0};
    u32 device = aml_device(a, "HPET");

    aml_name(a, "_HID");
    aml_eisaid(a, "PNP0103");
    aml_res_memory(&r, PC_HPET_BASE, 0x400);
    aml_name(a, "_CRS");
    aml_resources(a, &r);
    aml_end(a, device);
}

static bool is_there(const struct isa_device *d, const struct acpi_config *config)
{
    if (!memcmp(d->name, "COM", 3))
        return config->serial[d->uid - 1];
    if (!strcmp(d->name, "LPT1"))
        return config->parallel;
    return strcmp(d->name, "FDC0") || config->floppy;
}

static void isa_bridge(struct aml *a, const struct acpi_config *config)
{
    u32 bridge = aml_device(a, "ISA_");

    name_int(a, "_ADR", 0x00010000);
    for (size_t i = 0; i < ARRAY_LEN(isa_devices); i++) {
        const struct isa_device *d = &isa_devices[i];
        if (is_there(d, config))
            isa_device(a, d);
    }
    aml_end(a, bridge);
}

static u32 build_dsdt(struct image *im, const struct acpi_config *config)
{
    u32 at = align(im, 16);
    struct aml a = {.buf = im->buf + at, .size = ACPI_TABLES_SIZE - at, .len = HEADER};

    soft_off(&a);
    u32 scope = aml_scope(&a, "\\_SB_");
    u32 host = aml_device(&a, "PCI0");
    aml_name(&a, "_HID");
    aml_eisaid(&a, "PNP0A03");
    name_int(&a, "_UID", 0);
    pci_windows(&a, config->ram_bytes);
    pci_routing(&a);
    isa_bridge(&a, config);
    aml_end(&a, host);
    hpet_device(&a);
    aml_end(&a, scope);
    finish_table(im, at, "DSDT", 1, a.len); /* revision 1: 32-bit integers */
    return address(at);
}

/* ---- the fixed tables ---- */

static u32 build_facs(struct image *im)
{
    u32 at = align(im, 64);
    u8 *t = im->buf + at;

    memcpy(t, "FACS", 4);
    store_le(t + 4, 4, 64);
    t[32] = 1; /* version */
    im->len = at + 64;
    return address(at);
}

/* A register block: in its old 32-bit field, and as a generic address. */
static void fadt_block(u8 *t, u32 field, u32 generic, u16 port, u8 bytes)
{
    store_le(t + field, 4, port);
    t[generic] = 1; /* I/O space */
    t[generic + 1] = (u8)(8 * bytes);
    store_le(t + generic + 4, 8, port);
}

static void fadt_power(u8 *t)
{
    store_le(t + 46, 2, PC_SCI);
    store_le(t + 48, 4, 0xb2); /* SMI_CMD */
    t[52] = PC_ACPI_ENABLE;
    t[53] = PC_ACPI_DISABLE;
    fadt_block(t, 56, 148, PC_PM_BASE, 4);      /* PM1a_EVT */
    fadt_block(t, 64, 172, PC_PM_BASE + 4, 2);  /* PM1a_CNT */
    fadt_block(t, 76, 208, PC_PM_BASE + 8, 4);  /* PM_TMR */
    fadt_block(t, 80, 220, PC_PM_BASE + 12, 4); /* GPE0 */
    t[88] = 4;
    t[89] = 2;
    t[91] = 4;
    t[92] = 4;
}

static u32 build_fadt(struct image *im, u32 facs, u32 dsdt)
{
    u32 at = align(im, 16);
    u8 *t = im->buf + at;

    store_le(t + 36, 4, facs);
    store_le(t + 40, 4, dsdt);
    t[45] = 1; /* desktop */
    fadt_power(t);
    store_le(t + 96, 2, 101); /* C2 and C3: latencies that mean there are none */
    store_le(t + 98, 2, 1001);
    t[108] = 0x32;           /* century in the RTC's RAM */
    store_le(t + 109, 2, 3); /* ISA devices, 8042 */
    /* WBINVD, C1, no sleep button, no RTC wake status, reset register. */
    store_le(t + 112, 4, 1u << 0 | 1u << 2 | 1u << 5 | 1u << 6 | 1u << 10);
    t[116] = 1; /* reset register: I/O space, 8 bits, port CF9h */
    t[117] = 8;
    t[119] = 1;
    store_le(t + 120, 8, 0xcf9);
    t[128] = 6;
    store_le(t + 132, 8, facs);
    store_le(t + 140, 8, dsdt);
    finish_table(im, at, "FACP", 3, 244);
    return address(at);
}

/* ---- MADT: the local APIC, the I/O APIC, and how ISA lines reach it ---- */

enum { POLARITY_HIGH = 1, TRIGGER_LEVEL = 3 << 2 };

/* Lines that are not edge triggered, or not at the input of their number: PIT, SCI, and what the
 * PIRQs can be routed to. */
static const struct {
    u8 line, input, flags;
} overrides[] = {
    {0, 2, 0},
    {5, 5, POLARITY_HIGH | TRIGGER_LEVEL},
    {PC_SCI, PC_SCI, POLARITY_HIGH | TRIGGER_LEVEL},
    {10, 10, POLARITY_HIGH | TRIGGER_LEVEL},
    {11, 11, POLARITY_HIGH | TRIGGER_LEVEL},
};

static u8 *madt_entry(u8 **end, u8 type, u8 len)
{
    u8 *e = *end;
    e[0] = type;
    e[1] = len;
    *end += len;
    return e;
}

static u32 build_madt(struct image *im)
{
    u32 at = align(im, 16);
    u8 *t = im->buf + at, *end = t + 44, *e;

    store_le(t + 36, 4, PC_LAPIC_BASE);
    store_le(t + 40, 4, 1); /* there are 8259s as well */
    e = madt_entry(&end, 0, 8);
    store_le(e + 4, 4, 1); /* processor 0, APIC ID 0, enabled */
    e = madt_entry(&end, 1, 12);
    store_le(e + 4, 4, PC_IOAPIC_BASE); /* ID 0, its inputs are interrupts from 0 on */
    for (size_t i = 0; i < ARRAY_LEN(overrides); i++) {
        e = madt_entry(&end, 2, 10);
        e[3] = overrides[i].line;
        e[4] = overrides[i].input;
        e[8] = overrides[i].flags;
    }
    e = madt_entry(&end, 4, 6);
    e[2] = 0xff; /* NMI is LINT1 of every processor */
    e[5] = 1;
    finish_table(im, at, "APIC", 1, (u32)(end - t));
    return address(at);
}

/* ---- HPET ---- */

static u32 build_hpet(struct image *im)
{
    u32 at = align(im, 16);
    u8 *t = im->buf + at;

    store_le(t + 36, 4, 0x8086a201); /* the low half of its capabilities */
    t[41] = 64;                      /* address space 0: memory; 64 bits wide */
    store_le(t + 44, 8, PC_HPET_BASE);
    store_le(t + 53, 2, 100); /* ticks: the shortest period that loses no interrupts */
    finish_table(im, at, "HPET", 1, 56);
    return address(at);
}

static u32 build_rsdt(struct image *im, const u32 *tables, u32 count)
{
    u32 at = align(im, 16);
    for (u32 i = 0; i < count; i++)
        store_le(im->buf + at + HEADER + 4 * i, 4, tables[i]);
    finish_table(im, at, "RSDT", 1, HEADER + 4 * count);
    return address(at);
}

void acpi_build(const struct acpi_config *config, u8 *image)
{
    struct image im = {.buf = image, .len = 20}; /* the RSDP */

    memset(image, 0, ACPI_TABLES_SIZE);
    u32 facs = build_facs(&im), dsdt = build_dsdt(&im, config), tables[3], count = 0;

    tables[count++] = build_fadt(&im, facs, dsdt);
    if (config->apic)
        tables[count++] = build_madt(&im);
    tables[count++] = build_hpet(&im);
    u32 rsdt = build_rsdt(&im, tables, count);
    memcpy(image, "RSD PTR ", 8);
    memcpy(image + 9, "ORRERY", 6);
    store_le(image + 16, 4, rsdt);
    image[8] = (u8)-sum(image, 20);
}
