/* The page about PCI: all functions of bus 0, found by configuration mechanism 1 (ports CF8h and
 * CFCh). */
#include "bios/demo/demo.h"

#define LINES 15

static unsigned chosen;

static const struct {
    u16 class;
    const char *name;
} classes[] = {
    {0x0100, "SCSI or virtio disk"},
    {0x0101, "IDE controller"},
    {0x0106, "SATA controller"},
    {0x0180, "mass storage"},
    {0x0200, "Ethernet"},
    {0x0300, "VGA"},
    {0x0401, "audio"},
    {0x0500, "RAM"},
    {0x0600, "host bridge"},
    {0x0601, "ISA bridge"},
    {0x0604, "PCI bridge"},
    {0x0680, "bridge, power"},
    {0x0780, "communication"},
    {0x0c03, "USB"},
    {0x0c05, "SMBus"},
    {0x00ff, "virtio, old"},
};

static u32 config_read(unsigned devfn, u8 offset)
{
    outl(0xcf8, 0x80000000u | devfn << 8 | offset);
    return inl(0xcfc);
}

static const char *class_name(u16 class)
{
    for (unsigned i = 0; i < ARRAY_LEN(classes); i++)
        if (classes[i].class == class)
            return classes[i].name;
    return "";
}

static void draw_function(int row, unsigned devfn, bool here)
{
    u8 back = here ? BAR : PANEL;
    u32 id = config_read(devfn, 0), class = config_read(devfn, 8), line = config_read(devfn, 0x3c);

    fill(row, 2, 1, 76, ' ', ON(TEXT, back));
    put(row, 3, ON(GOLD, back), "00:%02x.%u", devfn >> 3, devfn & 7);
    put(row, 13, ON(WHITE, back), "%04x:%04x", id & 0xffff, id >> 16);
    put(row, 25, ON(TEXT, back), "%06x  %s", class >> 8, class_name((u16)(class >> 16)));
    if (line >> 8 & 0xff)
        put(row, 57, ON(BRIGHT_CYAN, back), "INT%c, IRQ %u", 'A' - 1 + (int)(line >> 8 & 7),
            line & 0xff);
}

/* Base address registers of the chosen function. */
static void draw_bars(unsigned devfn)
{
    int col = 3;

    put(20, col, ON(DIM, PANEL), "base addresses");
    col += 16;
    for (u8 i = 0; i < 6; i++) {
        u32 bar = config_read(devfn, (u8)(0x10 + 4 * i));
        if (!bar || col > 64)
            continue;
        put(20, col, ON(WHITE, PANEL), bar & 1 ? "port %04x" : "%08x", bar & ~(bar & 1 ? 3u : 15u));
        col += 11;
    }
}

static void draw_pci(void)
{
    unsigned found = 0;

    box(2, 1, 20, 78, "PCI, bus 0");
    put(4, 3, ON(DIM, PANEL), "place     vendor:id   class                           interrupt");
    for (unsigned devfn = 0; devfn < 256 && found < LINES; devfn++) {
        if ((u16)config_read(devfn, 0) == 0xffff)
            continue;
        if (devfn % 8 && !(config_read(devfn & ~7u, 0x0c) & 0x800000)) /* one function only */
            continue;
        draw_function(5 + (int)found, devfn, found == chosen);
        if (found == chosen)
            draw_bars(devfn);
        found++;
    }
    if (!found)
        put(6, 4, ON(YELLOW, PANEL), "There is no PCI here.");
    if (chosen >= found)
        chosen = found ? found - 1 : 0;
}

static void pci_key(int key)
{
    if (key == KEY_DOWN)
        chosen++;
    else if (key == KEY_UP && chosen)
        chosen--;
}

const struct page pci_page = {
    .key = '8',
    .name = "PCI",
    .about = "What sits on the bus, found by asking each place in turn: vendor, class, interrupt, "
             "and the addresses "
             "that the firmware has given it.",
    .hints = "\x18\x19 choose  Esc menu",
    .interval = 100,
    .draw = draw_pci,
    .key_pressed = pci_key,
};
