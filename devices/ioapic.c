/* The I/O APIC (Intel 82093AA, 290566): 24 interrupt lines, each with an entry of its own that says
 * where its interrupts go. As on most boards ISA line 0 comes in at input 2, and the others at the
 * input of their number.
 *
 * Inputs are lines of the bus, which are high while asserted, so the polarity of an entry is kept
 * and makes no difference. A level triggered interrupt is sent once for each end of interrupt, an
 * edge on a masked input is lost. */
#include "devices/core/dev.h"
#include "devices/pc_setup.h"
#include "mmu/phys.h"

enum {
    REG_SELECT = 0x00,
    REG_WINDOW = 0x10,
    INDEX_ID = 0,
    INDEX_VERSION = 1,
    INDEX_ARBITRATION = 2,
    INDEX_ENTRIES = 0x10,
    VERSION = 0x11 | (BUS_GSIS - 1) << 16,
    ID_BITS = 0x0f000000,
};

/* The low half of an entry; the high half has the destination in its upper byte. */
enum {
    ENTRY_VECTOR = 0xff,
    ENTRY_MODE_SHIFT = 8,
    ENTRY_LOGICAL = 1 << 11,
    ENTRY_LOW = 1 << 13, /* polarity */
    ENTRY_REMOTE_IRR = 1 << 14,
    ENTRY_LEVEL = 1 << 15,
    ENTRY_MASKED = 1 << 16,
    ENTRY_WRITABLE = 0x1afff,
    DEST_SHIFT = 24,
};

struct entry {
    u32 low, high;
};

struct ioapic {
    struct dev dev;
    u32 id;
    u32 index; /* selected register */
    u32 lines; /* inputs as they stand */
    struct entry entry[BUS_GSIS];
};

static const struct field entry_fields[] = {
    FIELD(struct entry, low),
    FIELD(struct entry, high),
    FIELD_END,
};

static const struct field ioapic_fields[] = {
    FIELD(struct ioapic, id),
    FIELD(struct ioapic, index),
    FIELD(struct ioapic, lines),
    FIELD_SUBS(struct ioapic, entry, entry_fields),
    FIELD_END,
};

/* ---- sending ---- */

static unsigned mode_of(const struct entry *e)
{
    return e->low >> ENTRY_MODE_SHIFT & 7;
}

/* Only fixed and lowest priority interrupts can be level triggered. */
static bool is_level(const struct entry *e)
{
    return (e->low & ENTRY_LEVEL) && mode_of(e) <= APIC_LOWEST;
}

static bool send(struct ioapic *s, const struct entry *e)
{
    const struct apic_message m = {
        .dest = (u8)(e->high >> DEST_SHIFT),
        .logical = e->low & ENTRY_LOGICAL,
        .mode = (u8)mode_of(e),
        .vector = e->low & ENTRY_VECTOR,
        .level = is_level(e),
    };
    return bus_apic_message(s->dev.bus, &m);
}

/* Sends what a level triggered input asks for. */
static void service_level(struct ioapic *s, unsigned n)
{
    struct entry *e = &s->entry[n];

    if (!is_level(e) || (e->low & (ENTRY_MASKED | ENTRY_REMOTE_IRR)) || !(s->lines & 1u << n))
        return;
    if (send(s, e))
        e->low |= ENTRY_REMOTE_IRR;
}

static void on_line(void *opaque, int n, bool level)
{
    struct ioapic *s = opaque;
    const struct entry *e = &s->entry[n];
    u32 bit = 1u << n;
    bool rose = level && !(s->lines & bit);

    s->lines = level ? s->lines | bit : s->lines & ~bit;
    if (is_level(e))
        service_level(s, (unsigned)n);
    else if (rose && !(e->low & ENTRY_MASKED))
        send(s, e);
}

static void on_eoi(void *opaque, u8 vector)
{
    struct ioapic *s = opaque;

    for (unsigned n = 0; n < BUS_GSIS; n++) {
        struct entry *e = &s->entry[n];
        if (!(e->low & ENTRY_REMOTE_IRR) || (e->low & ENTRY_VECTOR) != vector)
            continue;
        e->low &= ~(u32)ENTRY_REMOTE_IRR;
        service_level(s, n);
    }
}

/* ---- registers ---- */

static u32 read_window(const struct ioapic *s)
{
    u32 n = s->index - INDEX_ENTRIES;

    switch (s->index) {
    case INDEX_ID:
    case INDEX_ARBITRATION: return s->id;
    case INDEX_VERSION: return VERSION;
    default: break;
    }
    if (n >= 2 * BUS_GSIS)
        return 0;
    return n & 1 ? s->entry[n / 2].high : s->entry[n / 2].low;
}

/* An entry that becomes edge triggered forgets that a level was being served, by which software
 * ends an interrupt that the local APIC has not. */
static void write_entry(struct ioapic *s, unsigned n, u32 value)
{
    struct entry *e = &s->entry[n];

    e->low = (value & ENTRY_WRITABLE) | (e->low & ENTRY_REMOTE_IRR);
    if (!is_level(e))
        e->low &= ~(u32)ENTRY_REMOTE_IRR;
    service_level(s, n);
}

static void write_window(struct ioapic *s, u32 value)
{
    u32 n = s->index - INDEX_ENTRIES;

    if (s->index == INDEX_ID)
        s->id = value & ID_BITS;
    else if (n < 2 * BUS_GSIS && (n & 1))
        s->entry[n / 2].high = value & 0xff000000;
    else if (n < 2 * BUS_GSIS)
        write_entry(s, n / 2, value);
}

/* The selector answers to bytes as well, the window to whole registers only. */
static u64 mmio_read(void *opaque, u64 addr, unsigned size)
{
    struct ioapic *s = opaque;

    if (addr == REG_SELECT)
        return s->index;
    return addr == REG_WINDOW && size == 4 ? read_window(s) : 0;
}

static void mmio_write(void *opaque, u64 addr, unsigned size, u64 value)
{
    struct ioapic *s = opaque;

    if (addr == REG_SELECT)
        s->index = value & 0xff;
    else if (addr == REG_WINDOW && size == 4)
        write_window(s, (u32)value);
}

/* ---- life ---- */

static void ioapic_reset(struct dev *dev)
{
    struct ioapic *s = (struct ioapic *)dev;

    s->id = s->index = 0;
    for (unsigned n = 0; n < BUS_GSIS; n++)
        s->entry[n] = (struct entry){.low = ENTRY_MASKED};
}

static const char *ioapic_init(struct dev *dev, struct bus *bus)
{
    static const struct mmio_ops mmio = {
        .read = mmio_read, .write = mmio_write, .min_size = 1, .max_size = 4};
    static const struct ioapic_ops ops = {.eoi = on_eoi};

    if (!bus->phys)
        return "there is no memory to put its registers in";
    bus_claim_mmio(bus, PC_IOAPIC_BASE, PAGE_SIZE, &mmio, dev);
    bus_set_ioapic(bus, &ops, dev);
    for (unsigned n = 0; n < BUS_GSIS; n++) {
        int input = n ? (int)n : 2;
        if (n != 2) /* the slave 8259's own */
            bus_set_gsi(bus, n, (struct irq_line){on_line, dev, input});
    }
    return NULL;
}

static void describe_pins(const char *title, u32 pins, FILE *out)
{
    fprintf(out, "  %s", title);
    for (unsigned i = 0; i < BUS_GSIS; i++)
        if (pins >> i & 1)
            fprintf(out, " %u", i);
    fputs(pins ? "\n" : " (none)\n", out);
}

static void ioapic_describe(const struct dev *dev, FILE *out)
{
    static const char *const modes[8] = {"fixed", "lowest", "SMI", "...",
                                         "NMI",   "INIT",   "...", "extINT"};
    const struct ioapic *s = (const struct ioapic *)dev;
    u32 remote = 0;

    fprintf(out, "ioapic0: ver=0x%x id=0x%02x sel=0x%02x\n", VERSION & 0xff, s->id >> 24, s->index);
    for (unsigned i = 0; i < BUS_GSIS; i++) {
        const struct entry *e = &s->entry[i];
        remote |= (u32) !!(e->low & ENTRY_REMOTE_IRR) << i;
        fprintf(out, "  pin %-2u 0x%08x%08x dest=%x vec=%-3u %s %-5s %-6s %-6s %s\n", i, e->high,
                e->low, e->high >> DEST_SHIFT, e->low & ENTRY_VECTOR,
                e->low & ENTRY_LOW ? "active-lo" : "active-hi",
                e->low & ENTRY_LEVEL ? "level" : "edge", e->low & ENTRY_MASKED ? "masked" : "",
                modes[mode_of(e)], e->low & ENTRY_LOGICAL ? "logical" : "physical");
    }
    describe_pins("IRR     ", s->lines, out);
    describe_pins("Remote IRR", remote, out);
}

const struct dev_type dev_ioapic = {
    .name = "ioapic",
    .on_board = true,
    .size = sizeof(struct ioapic),
    .version = 1,
    .fields = ioapic_fields,
    .init = ioapic_init,
    .reset = ioapic_reset,
    .describe = ioapic_describe,
};
