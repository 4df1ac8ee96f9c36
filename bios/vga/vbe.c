/* VBE's functions, but for its information blocks. Windows, display start, line length and DAC
 * width are registers of the dispi interface; the protected-mode interface is in vbe_pm.s. */
#include "bios/vga/vbe.h"

#include "bios/vga/dispi.h"
#include "bios/vga/font.h"
#include "bios/vga/palette.h"
#include "bios/vga/state.h"
#include "bios/vga/text.h"

extern const u8 ROM vbe_pm[], vbe_pm_end[]; /* vbe_pm.s */

#define RETRACE      0x08
#define WITH_RETRACE 0x80 /* of a subfunction */
#define CHAR_HEIGHT  16

static bool linear(void)
{
    return bda16(BDA_VBE_MODE);
}

void wait_for_retrace(void)
{
    u16 status = crtc_port() + 6;

    while (inb(status) & RETRACE)
        ;
    while (!(inb(status) & RETRACE))
        ;
}

/* ---- 4F02h, 4F03h ---- */

static void set_data(const struct vbe_mode ROM *m, u16 mode)
{
    u16 columns = m->width / 8;

    set_bda8(BDA_MODE, m->number == 0x102 ? MODE_6A : 0xff);
    set_bda16(BDA_COLUMNS, columns < 255 ? columns : 255); /* places are bytes */
    set_bda8(BDA_LAST_ROW, (u8)(m->height / CHAR_HEIGHT - 1));
    set_bda16(BDA_HEIGHT, CHAR_HEIGHT);
    set_bda16(BDA_PAGE_SIZE, 0);
    set_bda8(BDA_INFO, (bda8(BDA_INFO) & ~INFO_NO_CLEAR) | (mode >> 8 & INFO_NO_CLEAR));
    set_bda16(BDA_VBE_MODE, mode);
    set_font_vectors(CHAR_HEIGHT);
}

bool set_vbe_mode(u16 mode)
{
    const struct vbe_mode ROM *m = find_vbe_mode(mode & VBE_NUMBER);

    if (!m || (m->bits == 4 && mode & VBE_LINEAR))
        return false;
    set_mode(m->bits == 4 ? 0x92 : 0x93); /* 12h, 13h: colours, and all that stays as it is */
    dispi_write(DISPI_XRES, m->width);
    dispi_write(DISPI_YRES, m->height);
    dispi_write(DISPI_BPP, m->bits);
    dispi_write(DISPI_ENABLE,
                ENABLED | (mode & VBE_LINEAR ? LFB : 0) | (mode & VBE_NO_CLEAR ? NO_CLEAR : 0));
    set_data(m, mode & (VBE_NO_CLEAR | VBE_LINEAR | VBE_NUMBER));
    return true;
}

/* Timings that come with bit 11 have no effect: there is one refresh rate. */
static u16 vbe_set_mode(struct frame *f)
{
    u16 number = f->bx & VBE_NUMBER;

    if (number == MODE_6A)
        return set_vbe_mode((f->bx & VBE_NO_CLEAR) | 0x102) ? VBE_DONE : VBE_FAILED;
    if (number >= 0x100)
        return set_vbe_mode(f->bx) ? VBE_DONE : VBE_FAILED;
    if (!find_mode((u8)number))
        return VBE_FAILED;
    set_mode((u8)number | (f->bx & VBE_NO_CLEAR ? INFO_NO_CLEAR : 0));
    return VBE_DONE;
}

static u16 vbe_get_mode(struct frame *f)
{
    f->bx = linear() ? bda16(BDA_VBE_MODE) : bda8(BDA_MODE);
    return VBE_DONE;
}

/* ---- 4F04h ---- */

static u16 vbe_state(struct frame *f)
{
    u8 parts = f->cx & 15;

    switch (f->dl) {
    case 0: f->bx = (state_size(parts) + 63) / 64; return VBE_DONE;
    case 1: state_save(parts, f->es, f->bx); return VBE_DONE;
    case 2: state_restore(parts, f->es, f->bx); return VBE_DONE;
    default: return VBE_FAILED;
    }
}

/* ---- 4F05h to 4F07h ---- */

static u16 vbe_bank(struct frame *f)
{
    if (!linear() || dispi_read(DISPI_ENABLE) & LFB)
        return VBE_INVALID;
    if (f->bl || f->bh > 1) /* window A only */
        return VBE_FAILED;
    if (f->bh == 1) {
        f->dx = dispi_read(DISPI_BANK);
        return VBE_DONE;
    }
    if (f->dx >= memory_size())
        return VBE_FAILED;
    dispi_write(DISPI_BANK, f->dx);
    return VBE_DONE;
}

void vbe_window(struct frame *f)
{
    vbe_bank(f);
}

static u32 bits_per_pixel(void)
{
    u32 bits = dispi_read(DISPI_BPP);
    return bits == 15 ? 16 : bits;
}

/* Lines that memory holds; planes share the memory. */
static u32 lines_of(u32 width)
{
    u32 lines = ((u32)memory_size() << 16) / (width * bits_per_pixel() / 8);
    return lines < 0xffff ? lines : 0xffff;
}

/* The widest line that leaves memory for the whole picture. */
static u32 widest(void)
{
    u32 width = (((u32)memory_size() << 16) / dispi_read(DISPI_YRES)) * 8 / bits_per_pixel();
    return (width < 0xffff ? width : 0xffff) & ~7u;
}

static u16 vbe_line_length(struct frame *f)
{
    u32 width = f->cx, bits;

    if (!linear())
        return VBE_INVALID;
    bits = bits_per_pixel();
    if (f->bl > 3)
        return VBE_FAILED;
    if (f->bl == 2) /* from bytes, of one plane */
        width = bits == 4 ? width * 8 : (width * 8 + bits - 1) / bits;
    if (f->bl == 0 || f->bl == 2) {
        width = (width + 7) & ~7u;
        if (width < dispi_read(DISPI_XRES))
            width = dispi_read(DISPI_XRES);
        if (width > widest())
            return VBE_UNSUPPORTED;
        dispi_write(DISPI_VIRT_WIDTH, (u16)width);
    }
    width = f->bl == 3 ? widest() : dispi_read(DISPI_VIRT_WIDTH);
    f->bx = (u16)(bits == 4 ? width / 8 : width * bits / 8);
    f->cx = (u16)width;
    f->dx = (u16)lines_of(width);
    return VBE_DONE;
}

static u16 vbe_display_start(struct frame *f)
{
    if (!linear())
        return VBE_INVALID;
    if (f->bl == 1) {
        f->bh = 0;
        f->cx = dispi_read(DISPI_X_OFFSET);
        f->dx = dispi_read(DISPI_Y_OFFSET);
        return VBE_DONE;
    }
    if (f->bl & ~WITH_RETRACE)
        return VBE_FAILED;
    if (f->cx + dispi_read(DISPI_XRES) > dispi_read(DISPI_VIRT_WIDTH) ||
        f->dx + dispi_read(DISPI_YRES) > dispi_read(DISPI_VIRT_HEIGHT))
        return VBE_UNSUPPORTED;
    if (f->bl & WITH_RETRACE)
        wait_for_retrace();
    dispi_write(DISPI_X_OFFSET, f->cx);
    dispi_write(DISPI_Y_OFFSET, f->dx);
    return VBE_DONE;
}

/* ---- 4F08h, 4F09h ---- */

static u16 vbe_dac_width(struct frame *f)
{
    u16 enable = dispi_read(DISPI_ENABLE) & (ENABLED | DAC_8BIT | LFB);

    if (!linear() || bits_per_pixel() != 8)
        return VBE_INVALID;
    if (f->bl > 1)
        return VBE_FAILED;
    if (f->bl == 0) {
        enable = f->bh >= 8 ? enable | DAC_8BIT : enable & ~DAC_8BIT;
        dispi_write(DISPI_ENABLE, enable | NO_CLEAR);
    }
    f->bh = enable & DAC_8BIT ? 8 : 6;
    return VBE_DONE;
}

/* Four bytes a colour: blue, green, red, and one that is not used. */
static void set_colours(u16 seg, u16 at, u8 first, u16 n)
{
    for (; n; n--, at += 4)
        write_dac(first++, peek8(seg, at + 2u), peek8(seg, at + 1u), peek8(seg, at));
}

static void get_colours(u16 seg, u16 at, u8 first, u16 n)
{
    outb(PORT_DAC_READ, first);
    for (; n; n--, at += 4) {
        poke8(seg, at + 2u, inb(PORT_DAC_DATA));
        poke8(seg, at + 1u, inb(PORT_DAC_DATA));
        poke8(seg, at, inb(PORT_DAC_DATA));
        poke8(seg, at + 3u, 0);
    }
}

static u16 vbe_palette(struct frame *f)
{
    if (f->bl == 2 || f->bl == 3)
        return VBE_UNSUPPORTED; /* there is no second palette */
    if (f->bl > 3 && f->bl != WITH_RETRACE)
        return VBE_FAILED;
    if (f->cx > 256 || f->dx > 255)
        return VBE_FAILED;
    if (f->bl == 1) {
        get_colours(f->es, f->di, f->dl, f->cx);
        return VBE_DONE;
    }
    if (f->bl == WITH_RETRACE)
        wait_for_retrace();
    set_colours(f->es, f->di, f->dl, f->cx);
    return VBE_DONE;
}

/* ---- 4F0Ah, 4F10h, 4F15h ---- */

static u16 vbe_protected_mode(struct frame *f)
{
    if (f->bl)
        return VBE_FAILED;
    f->es = rom_segment();
    f->di = (u16)(u32)vbe_pm;
    f->cx = (u16)(vbe_pm_end - vbe_pm);
    return VBE_DONE;
}

/* Power management: on, or one of the states in which the screen is dark. */
static u16 vbe_power(struct frame *f)
{
    u8 mode = get_reg(PORT_SEQ, 1);

    switch (f->bl) {
    case 0: f->bx = 0x0710; return VBE_DONE; /* standby, suspend, off; version 1.0 */
    case 1: set_reg(PORT_SEQ, 1, f->bh ? mode | 0x20 : mode & ~0x20); return VBE_DONE;
    case 2: f->bh = mode & 0x20 ? 4 : 0; return VBE_DONE;
    default: return VBE_FAILED;
    }
}

static u16 vbe_display_data(struct frame *f)
{
    if (f->bl == 0) {
        f->bx = 0x0102; /* a second at most, DDC2 */
        return VBE_DONE;
    }
    if (f->bl != 1 || f->dx)
        return VBE_FAILED;
    for (u8 i = 0; i < sizeof(edid); i++)
        poke8(f->es, f->di + i, edid[i]);
    return VBE_DONE;
}

/* ---- AH=4Fh ---- */

typedef u16 vbe_function(struct frame *f);

static vbe_function *const ROM functions[] = {
    [0x00] = vbe_controller,   [0x01] = vbe_mode_info,      [0x02] = vbe_set_mode,
    [0x03] = vbe_get_mode,     [0x04] = vbe_state,          [0x05] = vbe_bank,
    [0x06] = vbe_line_length,  [0x07] = vbe_display_start,  [0x08] = vbe_dac_width,
    [0x09] = vbe_palette,      [0x0a] = vbe_protected_mode, [0x10] = vbe_power,
    [0x15] = vbe_display_data,
};

void int10_vbe(struct frame *f)
{
    u16 answer = 0x0100; /* not a function */

    if (f->al < ARRAY_LEN(functions) && functions[f->al])
        answer = functions[f->al](f);
    f->ax = answer;
}
