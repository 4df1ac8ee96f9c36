/* PCI at power-on: numbers the buses, gives base address registers, bridge windows and interrupt
 * lines, and switches on the board's own functions.
 *
 * The board is known (440FX, PIIX): its interrupt router, power management and IDE ports. Anything
 * else is found by its registers. */
#include "bios/post/post.h"

#define ADDRESS 0xcf8
#define DATA    0xcfc

enum {
    VENDOR = 0,
    COMMAND = 4,
    CLASS = 0x0a,
    HEADER = 0x0e,
    BAR = 0x10,
    ROM_BAR = 0x30,
    LINE = 0x3c,
    PIN = 0x3d
};
enum { BUSES = 0x18, IO_WINDOW = 0x1c, MEM_WINDOW = 0x20, PREF_WINDOW = 0x24 };
enum { ENABLE_IO = 1, ENABLE_MEMORY = 2, ENABLE_MASTER = 4 };

/* Where memory of functions may be: large ones below, small ones above, both from the top down. */
#define LARGE     0x1000000u
#define LARGE_END 0xfe000000u
#define SMALL_END 0xfec00000u
#define IO_START  0xc000u
#define PM_BASE   0x600

static const u8 pirq_line[4] = {10, 10, 11, 11};

struct window {
    u32 io, io_end;
    u32 large, small;
};

static struct window board;

u32 pci_read(u16 function, u8 reg, unsigned size)
{
    outl(ADDRESS, 0x80000000u | (u32)function << 8 | (reg & 0xfc));
    switch (size) {
    case 1: return inb(DATA + (reg & 3));
    case 2: return inw(DATA + (reg & 2));
    default: return inl(DATA);
    }
}

void pci_write(u16 function, u8 reg, unsigned size, u32 value)
{
    outl(ADDRESS, 0x80000000u | (u32)function << 8 | (reg & 0xfc));
    switch (size) {
    case 1: outb(DATA + (reg & 3), (u8)value); break;
    case 2: outw(DATA + (reg & 2), (u16)value); break;
    default: outl(DATA, value); break;
    }
}

static void each_on_bus(u8 bus, void (*fn)(u16, void *), void *opaque)
{
    for (unsigned devfn = 0; devfn < 256; devfn++) {
        u16 function = (u16)(bus << 8 | devfn);
        if ((u16)pci_read(function, VENDOR, 2) == 0xffff) {
            if (!(devfn & 7))
                devfn |= 7;
            continue;
        }
        fn(function, opaque);
        if (!(devfn & 7) && !(pci_read(function, HEADER, 1) & 0x80))
            devfn |= 7;
    }
}

void pci_each(void (*fn)(u16 function, void *opaque), void *opaque)
{
    for (unsigned bus = 0; bus <= SHARED->last_bus; bus++)
        each_on_bus((u8)bus, fn, opaque);
}

static bool is_bridge(u16 function)
{
    return (pci_read(function, HEADER, 1) & 0x7f) == 1;
}

/* ---- bus numbers: depth first ---- */

static void number_bus(u16 function, void *opaque)
{
    u8 secondary;

    (void)opaque;
    if (!is_bridge(function) || SHARED->last_bus == 0xff)
        return;
    secondary = ++SHARED->last_bus;
    pci_write(function, BUSES, 4, 0xff0000u | (u32)secondary << 8 | (function >> 8));
    each_on_bus(secondary, number_bus, NULL);
    pci_write(function, BUSES + 2, 1, SHARED->last_bus);
}

/* ---- addresses ---- */

/* From the top down, naturally aligned. */
static u32 take_memory(u32 size)
{
    u32 *end = size >= LARGE ? &board.large : &board.small;
    u32 at = (*end - size) & ~(size - 1);

    if (end == &board.small && at < LARGE_END) {
        end = &board.large; /* no room left above */
        at = (*end - size) & ~(size - 1);
    }
    if (at < SHARED->ram_end || at > SMALL_END)
        return 0;
    *end = at;
    return at;
}

static u32 take_io(u32 size)
{
    u32 at = (board.io + size - 1) & ~(size - 1);

    if (at + size > 0x10000)
        return 0;
    board.io = at + size;
    return at;
}

struct bar_size {
    u32 size;
    bool io, wide;
};

static struct bar_size size_bar(u16 function, u8 reg)
{
    struct bar_size b = {0};
    u32 old = pci_read(function, reg, 4), mask;

    pci_write(function, reg, 4, reg == ROM_BAR ? 0xfffff800 : 0xffffffff);
    mask = pci_read(function, reg, 4);
    pci_write(function, reg, 4, old);
    if (!mask || mask == 0xffffffff)
        return b;
    b.io = reg != ROM_BAR && mask & 1;
    b.wide = reg != ROM_BAR && !b.io && (mask & 6) == 4;
    mask &= b.io ? ~3u : reg == ROM_BAR ? ~0x7ffu : ~15u;
    b.size = ~mask + 1;
    if (b.io)
        b.size &= 0xffff;
    return b;
}

struct span { /* addresses that a bridge has to pass on */
    u32 io, io_end, memory, memory_end;
};

static void widen(struct span *s, const struct bar_size *b, u32 at)
{
    u32 *first = b->io ? &s->io : &s->memory, *end = b->io ? &s->io_end : &s->memory_end;

    if (!*end || at < *first)
        *first = at;
    if (at + b->size > *end)
        *end = at + b->size;
}

static void set_bar(u16 function, u8 reg, struct span *span)
{
    struct bar_size b = size_bar(function, reg);
    u32 at;

    if (!b.size)
        return;
    at = b.io ? take_io(b.size) : take_memory(b.size < 4096 ? 4096 : b.size);
    if (!at) {
        debug("PCI %x: no room for %x bytes\n", function, b.size);
        return;
    }
    pci_write(function, reg, 4, at);
    if (b.wide)
        pci_write(function, reg + 4, 4, 0);
    widen(span, &b, at);
}

static void assign(u16 function, void *opaque);

/* A bridge's windows have a granularity of 4 KiB of ports and 1 MiB of memory; both are taken
 * whole, so that nobody else's addresses are in them. */
static void assign_bridge(u16 function, struct span *outer)
{
    struct span inner = {0};
    u8 bus = (u8)pci_read(function, BUSES + 1, 1);

    board.io = (board.io + 0xfff) & ~0xfffu;
    board.small &= ~0xfffffu;
    board.large &= ~0xfffffu;
    each_on_bus(bus, assign, &inner);
    board.io = (board.io + 0xfff) & ~0xfffu;
    board.small &= ~0xfffffu;
    board.large &= ~0xfffffu;
    pci_write(function, IO_WINDOW, 2,
              inner.io_end ? ((inner.io_end - 1) & 0xf000) | (inner.io >> 8 & 0xf0) : 0x00f0);
    pci_write(function, MEM_WINDOW, 4,
              inner.memory_end
                  ? ((inner.memory_end - 1) & 0xfff00000) | (inner.memory >> 16 & 0xfff0)
                  : 0x0000fff0);
    pci_write(function, PREF_WINDOW, 4, 0x0000fff0);
    pci_write(function, COMMAND, 2, ENABLE_IO | ENABLE_MEMORY | ENABLE_MASTER);
    if (inner.io_end)
        widen(outer, &(struct bar_size){.size = inner.io_end - inner.io, .io = true}, inner.io);
    if (inner.memory_end)
        widen(outer, &(struct bar_size){.size = inner.memory_end - inner.memory}, inner.memory);
}

u32 pci_map_rom(u16 function)
{
    struct bar_size b;
    u32 at;

    if (is_bridge(function))
        return 0;
    b = size_bar(function, ROM_BAR);
    if (!b.size || b.size > LARGE)
        return 0;
    at = pci_read(function, ROM_BAR, 4) & ~0x7ffu;
    if (!at)
        at = take_memory(b.size);
    if (!at)
        return 0;
    pci_write(function, ROM_BAR, 4, at | 1);
    pci_write(function, COMMAND, 2, pci_read(function, COMMAND, 2) | ENABLE_MEMORY);
    return at;
}

void pci_unmap_rom(u16 function)
{
    if (!is_bridge(function))
        pci_write(function, ROM_BAR, 4, pci_read(function, ROM_BAR, 4) & ~1u);
}

/* ---- interrupts ---- */

/* The pin of a function behind bridges comes out at another one on bus 0. */
static u8 line_of(u16 function, u8 pin)
{
    return pirq_line[((function >> 3 & 31) + 3 + (pin - 1u)) % 4];
}

static u16 bridge_of(u8 bus)
{
    for (unsigned f = 0; f < (unsigned)bus << 8; f++)
        if ((u16)pci_read((u16)f, VENDOR, 2) != 0xffff && is_bridge((u16)f) &&
            pci_read((u16)f, BUSES + 1, 1) == bus)
            return (u16)f;
    return 0;
}

static void set_line(u16 function)
{
    u8 pin = (u8)pci_read(function, PIN, 1);
    u16 at = function;

    if (!pin || pin > 4)
        return;
    while (at >> 8) {
        pin = (u8)((pin - 1u + (at >> 3 & 31)) % 4 + 1);
        at = bridge_of((u8)(at >> 8));
    }
    pci_write(function, LINE, 1, line_of(at, pin));
}

/* ---- functions of the board ---- */

static void setup_isa(u16 f)
{
    u16 level = 1u << 9;

    for (unsigned i = 0; i < 4; i++) {
        pci_write(f, (u8)(0x60 + i), 1, pirq_line[i]);
        level |= (u16)(1u << pirq_line[i]);
    }
    outb(0x4d0, LOW8(level));
    outb(0x4d1, HIGH8(level));
}

static void setup_ide(u16 f)
{
    pci_write(f, 0x40, 4, 0x80008000); /* both channels decode */
}

static void setup_pm(u16 f)
{
    pci_write(f, LINE, 1, 9);
    pci_write(f, 0x40, 4, PM_BASE | 1);
    pci_write(f, 0x80, 1, 1);
}

static const struct known {
    u32 id;
    void (*setup)(u16 function);
} knowns[] = {{0x70008086, setup_isa}, {0x70108086, setup_ide}, {0x71138086, setup_pm}};

static void assign(u16 function, void *opaque)
{
    struct span *span = opaque;
    u32 id = pci_read(function, VENDOR, 4);
    u8 bars = is_bridge(function) ? 2 : 6, on;

    if ((u16)pci_read(function, CLASS, 2) == 0x0600)
        return; /* host bridge */
    pci_write(function, COMMAND, 2, 0);
    for (u8 i = 0; i < bars; i++) {
        struct bar_size b = size_bar(function, (u8)(BAR + 4 * i));
        set_bar(function, (u8)(BAR + 4 * i), span);
        i += b.wide;
    }
    if (bars == 2) {
        assign_bridge(function, span);
        return;
    }
    set_line(function);
    for (unsigned i = 0; i < ARRAY_LEN(knowns); i++)
        if (knowns[i].id == id)
            knowns[i].setup(function);
    on = ENABLE_IO | ENABLE_MEMORY;
    if (pci_read(function, CLASS + 1, 1) == 1)
        on |= ENABLE_MASTER; /* disks */
    pci_write(function, COMMAND, 2, on);
}

void pci_setup(void)
{
    struct span all = {0};

    board = (struct window){.io = IO_START, .large = LARGE_END, .small = SMALL_END};
    each_on_bus(0, number_bus, NULL);
    each_on_bus(0, assign, &all);
}
