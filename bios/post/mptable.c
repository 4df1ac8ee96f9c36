/* The MultiProcessor table (MP specification 1.4) for systems that know no ACPI: one processor, ISA
 * and PCI buses, the I/O APIC and how lines reach it. Only where the CPU has a local APIC. */
#include "bios/post/post.h"

#define LAPIC     0xfee00000u
#define IOAPIC    0xfec00000u
#define IOAPIC_ID 0
enum { ISA_BUS = 1, PCI_BUS = 0 };
enum { CONFORMS = 0, ACTIVE_HIGH_LEVEL = 0x0d };

static u8 *end;
static u16 entries;

static u8 *entry(u8 type, u8 len)
{
    u8 *e = end;

    memset(e, 0, len);
    e[0] = type;
    end += len;
    entries++;
    return e;
}

static void bus(u8 id, const char *name)
{
    u8 *e = entry(1, 8);
    e[1] = id;
    memcpy(e + 2, name, 6);
}

static void interrupt(u8 type, u8 kind, u16 flags, u8 from_bus, u8 from, u8 to, u8 input)
{
    u8 *e = entry(type, 8);
    e[1] = kind;
    e[2] = LOW8(flags);
    e[4] = from_bus;
    e[5] = from;
    e[6] = to;
    e[7] = input;
}

static void cpuid(u32 leaf, u32 *a, u32 *d)
{
    u32 b, c;
    asm volatile("cpuid" : "=a"(*a), "=b"(b), "=c"(c), "=d"(*d) : "a"(leaf));
}

/* CPUs without CPUID have no APIC either. */
static bool has_cpuid(void)
{
    u32 changed;

    asm volatile("pushfl\n\tpopl %%eax\n\tmovl %%eax, %%ecx\n\txorl $0x200000, %%eax\n\tpushl "
                 "%%eax\n\tpopfl\n\t"
                 "pushfl\n\tpopl %%eax\n\txorl %%ecx, %%eax"
                 : "=a"(changed)
                 :
                 : "ecx", "cc");
    return changed & 0x200000;
}

static void pci_interrupts(u16 function, void *opaque)
{
    u8 pin = (u8)pci_read(function, 0x3d, 1), line = (u8)pci_read(function, 0x3c, 1);

    (void)opaque;
    if (!pin || function >> 8)
        return;
    interrupt(3, 0, ACTIVE_HIGH_LEVEL, PCI_BUS, (u8)((function >> 3 & 31) << 2 | (pin - 1)),
              IOAPIC_ID, line);
}

static void processor(u32 signature, u32 features)
{
    u8 *e = entry(0, 20);
    e[2] = 0x14; /* version of the local APIC */
    e[3] = 3;    /* enabled, the boot processor */
    memcpy(e + 4, &signature, 4);
    memcpy(e + 8, &features, 4);
}

static void io_apic(void)
{
    u8 *e = entry(2, 8);
    u32 at = IOAPIC;
    e[1] = IOAPIC_ID;
    e[2] = 0x11;
    e[3] = 1;
    memcpy(e + 4, &at, 4);
}

static void isa_interrupts(void)
{
    for (u8 line = 0; line < 16; line++) {
        bool pci = line == 9 || line == 10 || line == 11;
        if (line != 2 && !pci)
            interrupt(3, 0, CONFORMS, ISA_BUS, line, IOAPIC_ID, line ? line : 2);
    }
    interrupt(3, 0, ACTIVE_HIGH_LEVEL, ISA_BUS, 9, IOAPIC_ID, 9);
    interrupt(4, 3, CONFORMS, ISA_BUS, 0, 0xff, 0); /* the 8259s at LINT0, NMI at LINT1 */
    interrupt(4, 1, CONFORMS, ISA_BUS, 0, 0xff, 1);
}

static void finish(u8 *table)
{
    u32 at = (u32)table, lapic = LAPIC, floating = allocate(ZONE_LOW, 16, 16);
    u16 len = (u16)(end - table);
    u8 *f = (u8 *)floating;

    memcpy(table, "PCMP", 4);
    memcpy(table + 4, &len, 2);
    table[6] = 4;
    memcpy(table + 8, "ORRERY  ORRERYPC    ", 20);
    memcpy(table + 34, &entries, 2);
    memcpy(table + 36, &lapic, 4);
    table[7] = (u8)-sum(table, len);
    if (!floating)
        return;
    memset(f, 0, 16);
    memcpy(f, "_MP_", 4);
    memcpy(f + 4, &at, 4);
    f[8] = 1;
    f[9] = 4;
    f[10] = (u8)-sum(f, 16);
}

void mptable_setup(void)
{
    u32 signature, features;
    u8 *table;

    if (!has_cpuid())
        return;
    cpuid(1, &signature, &features);
    if (!(features & 1u << 9))
        return;
    table = (u8 *)0x30000;
    memset(table, 0, 44);
    end = table + 44;
    entries = 0;
    processor(signature, features);
    bus(PCI_BUS, "PCI   ");
    bus(ISA_BUS, "ISA   ");
    io_apic();
    pci_each(pci_interrupts, NULL);
    isa_interrupts();
    {
        u32 len = (u32)(end - table), at = allocate(ZONE_LOW, len, 16);
        if (!at)
            return;
        memcpy((void *)at, table, len);
        end = (u8 *)at + len;
        finish((u8 *)at);
    }
}
