/* Text mode 3 as a video BIOS leaves it at power-on: 80 by 25 characters of 9 by 16 dots, 720 by
 * 400 at 70 Hz (IBM PS/2 Video Subsystem Technical Reference, register values of the BIOS modes).
 * All by the bus, as firmware would do it. */
#include "tests/fuzz/pc_setup.h"

#include "devices/vga.h"

#include "base/bytes.h"
#include "mmu/phys.h"

#define WINDOW    0xa0000u
#define TEXT      0xb8000u
#define TEXT_SIZE 0x8000u

static const u8 seq[5] = {0x03, 0x00, 0x03, 0x00, 0x02};
static const u8 crtc[25] = {0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00,
                            0x4f, 0x0d, 0x0e, 0x00, 0x00, 0x00, 0x00, 0x9c, 0x8e,
                            0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff};
static const u8 gc[9] = {0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x00, 0xff};
static const u8 attr[21] = {0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3a,
                            0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x0c, 0x00, 0x0f, 0x08, 0x00};

static void set_indexed(struct bus *bus, u16 port, unsigned reg, u8 value)
{
    bus_out(bus, port, 1, reg);
    bus_out(bus, (u16)(port + 1), 1, value);
}

static void set_registers(struct bus *bus)
{
    bus_out(bus, 0x1ce, 2, 4); /* dispi off */
    bus_out(bus, 0x1cf, 2, 0);
    bus_out(bus, 0x3c2, 1, 0x67);
    for (unsigned i = 0; i < sizeof(seq); i++)
        set_indexed(bus, 0x3c4, i, seq[i]);
    set_indexed(bus, 0x3d4, 0x11, 0); /* opens registers 0 to 7 */
    for (unsigned i = 0; i < sizeof(crtc); i++)
        set_indexed(bus, 0x3d4, i, crtc[i]);
    for (unsigned i = 0; i < sizeof(gc); i++)
        set_indexed(bus, 0x3ce, i, gc[i]);
    bus_in(bus, 0x3da, 1);
    for (unsigned i = 0; i < sizeof(attr); i++) {
        bus_out(bus, 0x3c0, 1, i);
        bus_out(bus, 0x3c0, 1, attr[i]);
    }
    bus_out(bus, 0x3c0, 1, 0x20); /* the picture on */
}

/* The EGA's 64 colours: bits 2 to 0 are two thirds of red, green, blue, bits 5 to 3 one third. */
static void set_colours(struct bus *bus)
{
    bus_out(bus, 0x3c6, 1, 0xff);
    bus_out(bus, 0x3c8, 1, 0);
    for (unsigned i = 0; i < 256; i++) {
        for (int bit = 2; bit >= 0; bit--)
            bus_out(bus, 0x3c9, 1, i < 64 ? (i >> bit & 1) * 42 + (i >> (bit + 3) & 1) * 21 : 0);
    }
}

/* Plane 2 alone, byte by byte, in the window at A0000h. */
static void load_font(struct bus *bus)
{
    u8 font[256][16];

    vga_font(font[0], 16);
    set_indexed(bus, 0x3c4, 2, 4);
    set_indexed(bus, 0x3c4, 4, 6);
    set_indexed(bus, 0x3ce, 5, 0);
    set_indexed(bus, 0x3ce, 6, 4);
    for (unsigned c = 0; c < 256; c++) {
        for (unsigned i = 0; i < 32; i += 8)
            phys_write(bus->phys, WINDOW + c * 32 + i, 8, i < 16 ? load_le(font[c] + i, 8) : 0);
    }
}

void vga_set_mode3(struct bus *bus)
{
    set_registers(bus);
    set_colours(bus);
    load_font(bus);
    set_registers(bus);
    for (u32 at = 0; at < TEXT_SIZE; at += 8)
        phys_write(bus->phys, TEXT + at, 8, 0x0720072007200720ull);
}
