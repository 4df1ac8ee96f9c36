/* The "dispi" interface of Bochs and QEMU: linear modes of any size by eleven 16-bit registers, at
 * ports 1CEh (index) and 1CFh (data) and in the MMIO bar (Bochs, iodev/display; QEMU,
 * docs/specs/standard-vga). While it is enabled it replaces the VGA's picture, not its registers.
 */
#include "devices/vga_state.h"

#include <string.h>

#define ID_FIRST  0xb0c0
#define ID_LATEST 0xb0c5

static unsigned bits(const struct vga *s)
{
    unsigned bpp = s->dispi[DISPI_BPP];
    return bpp == 15 ? 16 : bpp;
}

u32 vga_dispi_pitch(const struct vga *s)
{
    return s->dispi[DISPI_VIRT_WIDTH] * bits(s) / 8 / (bits(s) == 4 ? 4 : 1);
}

/* Rows that video memory holds. */
static u32 rows(const struct vga *s)
{
    return s->vram_size / (bits(s) == 4 ? 4 : 1) / vga_dispi_pitch(s);
}

static u32 at_most(u32 value, u32 limit)
{
    return value < limit ? value : limit;
}

/* Makes the registers agree with each other and with the memory there is. */
static void settle(struct vga *s)
{
    u16 *r = s->dispi;

    r[DISPI_XRES] = (u16)at_most(r[DISPI_XRES] & ~7u, DISPI_MAX_X);
    if (!r[DISPI_XRES])
        r[DISPI_XRES] = 8;
    if (r[DISPI_VIRT_WIDTH] < r[DISPI_XRES])
        r[DISPI_VIRT_WIDTH] = r[DISPI_XRES];
    r[DISPI_VIRT_WIDTH] = r[DISPI_VIRT_WIDTH] & 0xfff8;
    r[DISPI_YRES] = (u16)at_most(r[DISPI_YRES], at_most(rows(s), DISPI_MAX_Y));
    if (!r[DISPI_YRES])
        r[DISPI_YRES] = 1;
    r[DISPI_VIRT_HEIGHT] = (u16)at_most(rows(s), 0xffff);
    r[DISPI_X_OFFSET] = (u16)at_most(r[DISPI_X_OFFSET], r[DISPI_VIRT_WIDTH] - r[DISPI_XRES]);
    r[DISPI_Y_OFFSET] = (u16)at_most(r[DISPI_Y_OFFSET], r[DISPI_VIRT_HEIGHT] - r[DISPI_YRES]);
}

/* The VGA's memory path so that the window shows the linear memory, or the planes. */
static void open_window(struct vga *s)
{
    bool planar = s->dispi[DISPI_BPP] == 4;

    s->gc[0] = s->gc[1] = s->gc[3] = 0;
    s->gc[5] = planar ? 0 : 0x40;
    s->gc[6] = 0x05; /* graphics, 64 KiB at A0000h */
    s->gc[8] = 0xff;
    s->seq[1] &= (u8)~0x20; /* screen on */
    s->seq[2] = 0x0f;
    s->seq[4] = planar ? 0x06 : 0x0e;
}

static void enable(struct vga *s, u16 value)
{
    bool was = vga_dispi_on(s);
    u32 size;

    s->dispi[DISPI_ENABLE] =
        value & (DISPI_ENABLED | DISPI_GETCAPS | DISPI_8BIT_DAC | DISPI_LFB | DISPI_NOCLEAR);
    if (!vga_dispi_on(s))
        s->dispi[DISPI_BANK] = 0;
    if (!vga_dispi_on(s) || was)
        return;
    s->dispi[DISPI_VIRT_WIDTH] = 0;
    s->dispi[DISPI_X_OFFSET] = s->dispi[DISPI_Y_OFFSET] = s->dispi[DISPI_BANK] = 0;
    settle(s);
    open_window(s);
    size = vga_dispi_pitch(s) * s->dispi[DISPI_YRES] * (bits(s) == 4 ? 4 : 1);
    if (!(value & DISPI_NOCLEAR)) {
        memset(s->clean, 0, (size + PAGE_MASK) >> PAGE_BITS);
        memset(s->vram, 0, size);
    }
}

u16 vga_dispi_read(const struct vga *s, unsigned reg)
{
    if (reg == DISPI_MEMORY)
        return (u16)(s->vram_size >> 16);
    if (s->dispi[DISPI_ENABLE] & DISPI_GETCAPS) {
        switch (reg) {
        case DISPI_XRES: return DISPI_MAX_X;
        case DISPI_YRES: return DISPI_MAX_Y;
        case DISPI_BPP: return DISPI_MAX_BPP;
        }
    }
    return reg < DISPI_COUNT ? s->dispi[reg] : 0;
}

static bool known_depth(u16 bpp)
{
    return bpp == 4 || bpp == 8 || bpp == 15 || bpp == 16 || bpp == 24 || bpp == 32;
}

void vga_dispi_write(struct vga *s, unsigned reg, u16 value)
{
    switch (reg) {
    case DISPI_ID:
        if (value >= ID_FIRST && value <= ID_LATEST)
            s->dispi[reg] = value;
        break;
    case DISPI_BPP:
        if (!value)
            value = 8;
        if (known_depth(value))
            s->dispi[reg] = value;
        break;
    case DISPI_ENABLE: enable(s, value); break;
    case DISPI_BANK: s->dispi[reg] = value & (u16)((s->vram_size >> 16) - 1); break;
    case DISPI_XRES:
    case DISPI_YRES:
    case DISPI_VIRT_WIDTH:
    case DISPI_X_OFFSET:
    case DISPI_Y_OFFSET: s->dispi[reg] = value; break;
    default: return; /* VIRT_HEIGHT follows from the width; the memory's size is what it is */
    }
    if (vga_dispi_on(s))
        settle(s);
    vga_update_window(s);
}

/* 1CEh is the index; 1CFh is data, and so is 1D0h for hosts of QEMU's that cannot do odd ports. */
static u32 dispi_in(void *opaque, u16 port, unsigned size)
{
    struct vga *s = opaque;

    (void)size;
    return port == 0x1ce ? s->dispi_index : vga_dispi_read(s, s->dispi_index);
}

static void dispi_out(void *opaque, u16 port, unsigned size, u32 value)
{
    struct vga *s = opaque;

    (void)size;
    if (port == 0x1ce)
        s->dispi_index = (u16)value;
    else
        vga_dispi_write(s, s->dispi_index, (u16)value);
}

const struct io_ops vga_dispi_ops = {dispi_in, dispi_out, 2, 2};
