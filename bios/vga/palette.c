/* AH=10h: palette registers and the DAC; AH=0Bh: a CGA's palette; and the colours that modes begin
 * with. */
#include "bios/vga/palette.h"

/* Levels of the primaries, of 63. */
enum { THIRD = 0x15, TWO_THIRDS = 0x2a, FULL = 0x3f };

void write_dac(u8 index, u8 red, u8 green, u8 blue)
{
    outb(PORT_DAC_WRITE, index);
    outb(PORT_DAC_DATA, red);
    outb(PORT_DAC_DATA, green);
    outb(PORT_DAC_DATA, blue);
}

/* ---- the modes' colours ---- */

/* Bits 2 to 0: red, green, blue; bit 4 intensity. Dark yellow is brown. */
static void cga_colour(u8 index)
{
    u8 base = index & 0x10 ? THIRD : 0, c[3];

    for (u8 i = 0; i < 3; i++)
        c[i] = base + (index >> (2 - i) & 1 ? TWO_THIRDS : 0);
    if ((index & 0x17) == 6)
        c[1] = THIRD;
    write_dac(index, c[0], c[1], c[2]);
}

/* Bits 2 to 0: two thirds of red, green, blue, bits 5 to 3: one third. */
static void ega_colour(u8 index)
{
    u8 c[3];

    for (u8 i = 0; i < 3; i++)
        c[i] = (index >> (2 - i) & 1 ? TWO_THIRDS : 0) + (index >> (5 - i) & 1 ? THIRD : 0);
    write_dac(index, c[0], c[1], c[2]);
}

static void mono_colour(u8 index)
{
    static const u8 ROM levels[4] = {0, TWO_THIRDS, 0, FULL};
    u8 level = levels[index >> 3 & 3];

    write_dac(index, level, level, level);
}

/* Mode 13h: a CGA's 16 colours, 16 grays, and nine rings of 24 hues: three intensities of three
 * saturations each. A ring goes from blue by red and green back to blue; each of its colours has
 * one primary at its most, one at its least, and one that takes five steps between them. */
static void hue(u8 index, const u8 ROM *steps, u8 place)
{
    static const u8 ROM high[6] = {2, 0, 0, 1, 1, 2}; /* primaries: 0 red, 1 green, 2 blue */
    static const u8 ROM moving[6] = {0, 2, 1,
                                     0, 2, 1}; /* rises in even sixths, falls in odd ones */
    u8 sixth = place / 4, step = place % 4, c[3] = {steps[0], steps[0], steps[0]};

    c[high[sixth]] = steps[4];
    c[moving[sixth]] = steps[sixth & 1 ? 4 - step : step];
    write_dac(index, c[0], c[1], c[2]);
}

static void load_vga(void)
{
    static const u8 ROM grays[16] = {0x00, 0x05, 0x08, 0x0b, 0x0e, 0x11, 0x14, 0x18,
                                     0x1c, 0x20, 0x24, 0x28, 0x2d, 0x32, 0x38, 0x3f};
    static const u8 ROM rings[9][5] = {
        {0x00, 0x10, 0x1f, 0x2f, 0x3f}, {0x1f, 0x27, 0x2f, 0x37, 0x3f},
        {0x2d, 0x31, 0x36, 0x3a, 0x3f}, {0x00, 0x07, 0x0e, 0x15, 0x1c},
        {0x0e, 0x11, 0x15, 0x18, 0x1c}, {0x14, 0x16, 0x18, 0x1a, 0x1c},
        {0x00, 0x04, 0x08, 0x0c, 0x10}, {0x08, 0x0a, 0x0c, 0x0e, 0x10},
        {0x0b, 0x0c, 0x0d, 0x0f, 0x10},
    };
    u8 index = 0;

    for (; index < 16; index++) {
        u8 base = index & 8 ? THIRD : 0, c[3];
        for (u8 i = 0; i < 3; i++)
            c[i] = base + (index >> (2 - i) & 1 ? TWO_THIRDS : 0);
        write_dac(index, c[0], index == 6 ? THIRD : c[1], c[2]);
    }
    for (; index < 32; index++)
        write_dac(index, grays[index - 16], grays[index - 16], grays[index - 16]);
    for (u8 ring = 0; ring < ARRAY_LEN(rings); ring++) {
        for (u8 place = 0; place < 24; place++)
            hue(index++, rings[ring], place);
    }
    for (; index; index++)
        write_dac(index, 0, 0, 0);
}

void load_palette(u8 palette)
{
    outb(PORT_DAC_MASK, 0xff);
    for (u8 i = 0; i < 64; i++) {
        switch (palette) {
        case PALETTE_MONO: mono_colour(i); break;
        case PALETTE_CGA: cga_colour(i); break;
        case PALETTE_EGA: ega_colour(i); break;
        }
    }
    if (palette == PALETTE_VGA)
        load_vga();
    for (u8 i = palette == PALETTE_VGA ? 0 : 64; i; i++)
        write_dac(i, 0, 0, 0);
    if (bda8(BDA_FLAGS) & FLAG_GRAY)
        gray_colours(0, palette == PALETTE_VGA ? 256 : 64);
}

/* 30 % red, 59 % green, 11 % blue. */
void gray_colours(u8 first, u16 n)
{
    for (; n; n--, first++) {
        u32 sum = 0x80;
        outb(PORT_DAC_READ, first);
        sum += 77u * inb(PORT_DAC_DATA);
        sum += 151u * inb(PORT_DAC_DATA);
        sum += 28u * inb(PORT_DAC_DATA);
        write_dac(first, (u8)(sum >> 8), (u8)(sum >> 8), (u8)(sum >> 8));
    }
}

/* ---- AH=0Bh ---- */

static void background(u8 colour)
{
    set_bda8(BDA_CGA_COLOUR, (bda8(BDA_CGA_COLOUR) & 0xe0) | (colour & 0x1f));
    colour = (colour & 7) | (colour & 8) << 1; /* as the CGA's colours lie in the DAC */
    if (bda8(BDA_MODE) > 3)
        write_attr(0x00, colour);
    write_attr(0x11, colour);
    for (u8 i = 1; i < 4; i++)
        write_attr(i, (read_attr(i) & 0xef) | (bda8(BDA_CGA_COLOUR) & 0x10));
}

void int10_cga_palette(struct frame *f)
{
    if (f->bh == 0) {
        background(f->bl);
    } else if (f->bh == 1) { /* green, red, brown; or cyan, magenta, white */
        set_bda8(BDA_CGA_COLOUR, (bda8(BDA_CGA_COLOUR) & 0xdf) | (f->bl & 1) << 5);
        for (u8 i = 1; i < 4; i++)
            write_attr(i, (read_attr(i) & 0xf0) | i << 1 | (f->bl & 1));
    }
}

/* ---- AH=10h ---- */

static void set_all(u16 seg, u16 at)
{
    for (u8 i = 0; i < 16; i++)
        write_attr(i, peek8(seg, at++));
    write_attr(0x11, peek8(seg, at));
}

static void get_all(u16 seg, u16 at)
{
    for (u8 i = 0; i < 16; i++)
        poke8(seg, at++, read_attr(i));
    poke8(seg, at, read_attr(0x11));
}

static void set_block(struct frame *f)
{
    u16 at = f->dx;

    outb(PORT_DAC_WRITE, f->bl);
    for (u16 n = f->cx; n; n--) {
        for (u8 i = 0; i < 3; i++)
            outb(PORT_DAC_DATA, peek8(f->es, at++));
    }
}

static void get_block(struct frame *f)
{
    u16 at = f->dx;

    outb(PORT_DAC_READ, f->bl);
    for (u16 n = f->cx; n; n--) {
        for (u8 i = 0; i < 3; i++)
            poke8(f->es, at++, inb(PORT_DAC_DATA));
    }
}

static void get_colour(struct frame *f)
{
    outb(PORT_DAC_READ, f->bl);
    f->dh = inb(PORT_DAC_DATA);
    f->ch = inb(PORT_DAC_DATA);
    f->cl = inb(PORT_DAC_DATA);
}

/* The DAC's pages: four of 64 colours, or sixteen of 16. */
static void select_page(u8 what, u8 value)
{
    u8 mode = read_attr(0x10);

    if (what == 0)
        write_attr(0x10, (mode & 0x7f) | value << 7);
    else if (what == 1)
        write_attr(0x14, mode & 0x80 ? value & 15 : (value & 3) << 2);
}

static void get_page(struct frame *f)
{
    u8 mode = read_attr(0x10) >> 7, select = read_attr(0x14) & 15;

    f->bl = mode;
    f->bh = mode ? select : select >> 2;
}

void int10_palette(struct frame *f)
{
    switch (f->al) {
    case 0x00:
        if (f->bl < 0x15)
            write_attr(f->bl, f->bh);
        break;
    case 0x01: write_attr(0x11, f->bh); break;
    case 0x02: set_all(f->es, f->dx); break;
    case 0x03: write_attr(0x10, (read_attr(0x10) & 0xf7) | (f->bl & 1) << 3); break;
    case 0x07:
        if (f->bl < 0x15)
            f->bh = read_attr(f->bl);
        break;
    case 0x08: f->bh = read_attr(0x11); break;
    case 0x09: get_all(f->es, f->dx); break;
    case 0x10: write_dac(f->bl, f->dh, f->ch, f->cl); break;
    case 0x12: set_block(f); break;
    case 0x13: select_page(f->bl, f->bh); break;
    case 0x15: get_colour(f); break;
    case 0x17: get_block(f); break;
    case 0x18: outb(PORT_DAC_MASK, f->bl); break;
    case 0x19: f->bl = inb(PORT_DAC_MASK); break;
    case 0x1a: get_page(f); break;
    case 0x1b: gray_colours(f->bl, f->cx); break;
    }
}
