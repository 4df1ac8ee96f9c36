/* What graphic pages share: setting modes through the firmware, the VGA's registers, its palette,
 * and the font that the video BIOS has in its ROM. */
#include "bios/demo/demo.h"

bool set_mode(u16 mode)
{
    struct bios_regs plain = {.eax = mode}, vbe = {.eax = 0x4f02, .ebx = mode};

    screen_graphics();
    firmware(0x10, mode < 0x100 ? &plain : &vbe);
    return mode < 0x100 || (vbe.eax & 0xffff) == 0x004f;
}

void set_palette(u8 index, u8 red, u8 green, u8 blue)
{
    outb(0x3c8, index);
    outb(0x3c9, red);
    outb(0x3c9, green);
    outb(0x3c9, blue);
}

const u8 *glyph(u8 ch)
{
    static const u8 blank[16];

    return font_address ? (const u8 *)font_address + ch * 16 : blank;
}

void register_write(u16 port, u8 index, u8 value)
{
    outw(port, (u16)(index | value << 8));
}

/* The attribute controller has one port for both index and data; reading 3DAh makes the next byte
 * an index. Bit 5 of it leaves the screen on. */
void attribute_write(u8 index, u8 value)
{
    inb(0x3da);
    outb(0x3c0, index | 0x20);
    outb(0x3c0, value);
}
