/* From the VGA's state to a picture: colours, the dispi modes, and the choice of who draws. Reads
 * the device and its clock, changes nothing. */
#include "devices/vga_state.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

bool vga_surface_size(struct vga_surface *out, u32 width, u32 height)
{
    size_t need = (size_t)width * height;

    if (need > out->room) {
        u32 *pixels = realloc(out->pixels, need * sizeof(*pixels));
        if (!pixels)
            return false;
        out->pixels = pixels;
        out->room = need;
    }
    out->width = width;
    out->height = height;
    return true;
}

void vga_surface_free(struct vga_surface *s)
{
    free(s->pixels);
    *s = (struct vga_surface){0};
}

/* ---- colours ---- */

static u32 widen(u32 value, unsigned bits)
{
    return bits == 6 ? value << 2 | value >> 4 : bits == 5 ? value << 3 | value >> 2 : value;
}

u32 vga_dac_colour(const struct vga *s, u8 index)
{
    const u8 *c = &s->dac[3 * (index & s->dac_mask)];
    unsigned bits = s->dispi[DISPI_ENABLE] & DISPI_8BIT_DAC ? 8 : 6;

    return widen(c[0], bits) << 16 | widen(c[1], bits) << 8 | widen(c[2], bits);
}

void vga_palette(const struct vga *s, u32 colours[16])
{
    u8 mode = s->attr[0x10], select = s->attr[0x14];

    for (unsigned i = 0; i < 16; i++) {
        u8 index = s->attr[i & s->attr[0x12] & 15];
        if (mode & 0x80) /* bits 4 and 5 by colour select */
            index = (u8)((index & 15) | (select & 3) << 4);
        colours[i] = vga_dac_colour(s, (u8)(index | (select & 12) << 4));
    }
}

/* ---- dispi ---- */

static u32 direct_colour(u32 v, unsigned bpp)
{
    switch (bpp) {
    case 15: return widen(v >> 10 & 31, 5) << 16 | widen(v >> 5 & 31, 5) << 8 | widen(v & 31, 5);
    case 16: return widen(v >> 11, 5) << 16 | widen(v >> 5 & 63, 6) << 8 | widen(v & 31, 5);
    default: return v & 0xffffff;
    }
}

/* `at`: offset of the row's first pixel, in bits; the memory wraps at its end. */
static void draw_linear(const struct vga *s, u64 at, u32 *row, u32 width)
{
    unsigned bpp = s->dispi[DISPI_BPP], size = (bpp + 7) / 8;

    for (u32 x = 0; x < width; x++) {
        u64 byte = (at / 8 + (u64)x * size) % s->vram_size;
        u32 v = byte + size <= s->vram_size ? (u32)load_le(s->vram + byte, size) : 0;
        row[x] = bpp == 8 ? vga_dac_colour(s, (u8)v) : direct_colour(v, bpp);
    }
}

static void draw_planes(const struct vga *s, u64 at, u32 *row, u32 width, const u32 colours[16])
{
    for (u32 x = 0; x < width; x++) {
        const u8 *planes = s->vram + (at + x) / 8 * 4 % s->vram_size;
        unsigned bit = 7 - ((at + x) & 7), index = 0;
        for (unsigned p = 0; p < 4; p++)
            index |= (planes[p] >> bit & 1u) << p;
        row[x] = colours[index];
    }
}

static bool render_dispi(const struct vga *s, struct vga_surface *out)
{
    const u16 *r = s->dispi;
    u32 colours[16], depth = r[DISPI_BPP] == 4 ? 1 : (r[DISPI_BPP] + 7u) / 8 * 8;

    if (!vga_surface_size(out, r[DISPI_XRES], r[DISPI_YRES]))
        return false;
    vga_palette(s, colours);
    for (u32 y = 0; y < out->height; y++) {
        u64 at =
            (u64)(y + r[DISPI_Y_OFFSET]) * vga_dispi_pitch(s) * 8 + (u64)r[DISPI_X_OFFSET] * depth;
        u32 *row = out->pixels + (size_t)y * out->width;
        if (depth == 1)
            draw_planes(s, at, row, out->width, colours);
        else
            draw_linear(s, at, row, out->width);
    }
    return true;
}

/* ---- the screen ---- */

static bool blank(const struct vga *s)
{
    bool attr_on = s->attr_index & 0x20, seq_on = !(s->seq[1] & 0x20);

    return !attr_on || !seq_on || (!vga_dispi_on(s) && (s->seq[0] & 3) != 3);
}

static bool render_blank(const struct vga *s, struct vga_surface *out)
{
    struct vga_timing t;

    vga_timing(s, &t);
    if (!vga_surface_size(out, t.hdisplay, t.vdisplay))
        return false;
    memset(out->pixels, 0, (size_t)out->width * out->height * sizeof(*out->pixels));
    return true;
}

bool vga_render(struct dev *dev, struct vga_surface *out)
{
    struct vga *s = (struct vga *)dev;

    if (blank(s))
        return render_blank(s, out);
    return vga_dispi_on(s) ? render_dispi(s, out) : vga_render_crt(s, out);
}

bool vga_text(struct dev *dev, struct vga_text *out)
{
    struct vga *s = (struct vga *)dev;
    return !blank(s) && !vga_dispi_on(s) && vga_text_crt(s, out);
}

void vga_text_free(struct vga_text *t)
{
    free(t->cells);
    *t = (struct vga_text){0};
}
