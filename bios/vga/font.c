/* AH=11h: fonts of text modes, which are loaded into plane 2, and of graphics modes, which the BIOS
 * reads through vector 43h. */
#include "bios/vga/font.h"

#include "bios/vga/text.h"

extern const u8 ROM font_none[]; /* an empty list of characters that differ in nine dots */

#define FONT_PLANE 0xa000

static u32 rom_font(u8 height)
{
    return height == 8    ? ROM_POINTER(font_8)
           : height == 14 ? ROM_POINTER(font_14)
                          : ROM_POINTER(font_16);
}

/* Plane 2 alone, byte by byte, at A0000h; and back to text. */
static void open_plane(void)
{
    set_reg(PORT_SEQ, 0, 1);
    set_reg(PORT_SEQ, 2, 4);
    set_reg(PORT_SEQ, 4, 6);
    set_reg(PORT_SEQ, 0, 3);
    set_reg(PORT_GC, 4, 2);
    set_reg(PORT_GC, 5, 0);
    set_reg(PORT_GC, 6, 4);
}

static void close_plane(void)
{
    bool mono = bda16(BDA_CRTC) == 0x3b4;

    set_reg(PORT_SEQ, 0, 1);
    set_reg(PORT_SEQ, 2, 3);
    set_reg(PORT_SEQ, 4, 2);
    set_reg(PORT_SEQ, 0, 3);
    set_reg(PORT_GC, 4, 0);
    set_reg(PORT_GC, 5, 0x10);
    set_reg(PORT_GC, 6, mono ? 0x0a : 0x0e);
}

static u16 block_offset(u8 block)
{
    return (u16)((block & 3) << 14 | (block & 4) << 11);
}

static void load(u8 block, u32 font, u8 height, u16 first, u16 n)
{
    u16 to = block_offset(block) + first * 32, from = (u16)font;

    open_plane();
    for (; n; n--) {
        copy_bytes(FONT_PLANE, to, (u16)(font >> 16), from, height);
        to += 32;
        from += height;
    }
    close_plane();
}

void load_rom_font(u8 height, u8 block)
{
    load(block, rom_font(height), height, 0, 256);
}

void set_font_vectors(u8 height)
{
    set_vector(0x1f, ROM_POINTER(font_8) + 128 * 8);
    set_vector(0x43, rom_font(height));
}

/* ---- the number of rows follows the height ---- */

/* Of the mode, whatever an earlier font has left of them: monitors are told by the polarity of the
 * synchronization. */
static u16 scan_lines(void)
{
    static const u16 ROM lines[4] = {400, 400, 350, 480};
    return lines[inb(PORT_MISC_READ) >> 6];
}

/* As many whole rows as the picture has room for; the rest is no more displayed. */
static void fit_rows(u8 height)
{
    u16 crtc = crtc_port(), lines = scan_lines(), rows = lines / height;
    u8 scan = get_reg(crtc, 9);

    set_reg(crtc, 9, (scan & 0xe0) | (height - 1));
    if (scan & 0x80) /* each line twice */
        rows /= 2;
    set_reg(crtc, 0x12, (u8)((rows * height << (scan >> 7)) - 1));
    if (bda16(BDA_CRTC) == 0x3b4)
        set_reg(crtc, 0x14, (get_reg(crtc, 0x14) & 0xe0) | (height - 1));
    set_bda8(BDA_LAST_ROW, (u8)(rows - 1));
    set_bda16(BDA_HEIGHT, height);
    set_bda16(BDA_PAGE_SIZE, (u16)((rows * bda16(BDA_COLUMNS) * 2 + 0x1ff) & 0xfe00));
    apply_cursor_shape();
}

/* ---- AH=11h ---- */

/* Graphics: vector 43h and the rows; BL = 0: DL rows, 1: 14, 2: 25, 3: 43. */
static void graphics_font(const struct frame *f, u32 font, u16 height)
{
    static const u8 ROM rows[4] = {0, 14, 25, 43};

    set_vector(0x43, font);
    set_bda16(BDA_HEIGHT, height);
    set_bda8(BDA_LAST_ROW, (u8)((f->bl && f->bl < 4 ? rows[f->bl] : f->dl) - 1));
}

static void text_font(const struct frame *f, u8 what)
{
    static const u8 ROM heights[5] = {0, 14, 8, 0, 16};
    u8 height = what ? heights[what] : f->bh;

    if (what)
        load_rom_font(height, f->bl);
    else
        load(f->bl, FAR_POINTER(f->es, f->bp), height, f->dx, f->cx);
    if (f->al & 0x10 && height)
        fit_rows(height);
}

/* Where the fonts are. */
static void font_pointer(struct frame *f)
{
    u32 pointer;

    switch (f->bh) {
    case 0: pointer = get_vector(0x1f); break;
    case 1: pointer = get_vector(0x43); break;
    case 2: pointer = rom_font(14); break;
    case 3: pointer = rom_font(8); break;
    case 4: pointer = rom_font(8) + 128 * 8; break;
    case 5:
    case 7: pointer = ROM_POINTER(font_none); break;
    case 6: pointer = rom_font(16); break;
    default: return;
    }
    f->es = (u16)(pointer >> 16);
    f->bp = (u16)pointer;
    f->cx = bda16(BDA_HEIGHT);
    f->dl = bda8(BDA_LAST_ROW);
}

void int10_font(struct frame *f)
{
    switch (f->al) {
    case 0x00:
    case 0x01:
    case 0x02:
    case 0x04:
    case 0x10:
    case 0x11:
    case 0x12:
    case 0x14: text_font(f, f->al & 7); break;
    case 0x03: set_reg(PORT_SEQ, 3, f->bl); break;
    case 0x20: set_vector(0x1f, FAR_POINTER(f->es, f->bp)); break;
    case 0x21: graphics_font(f, FAR_POINTER(f->es, f->bp), f->cx); break;
    case 0x22: graphics_font(f, rom_font(14), 14); break;
    case 0x23: graphics_font(f, rom_font(8), 8); break;
    case 0x24: graphics_font(f, rom_font(16), 16); break;
    case 0x30: font_pointer(f); break;
    }
}
