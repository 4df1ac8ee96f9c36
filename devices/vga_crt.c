/* The VGA's own modes, drawn as the CRT controller scans them: a memory address counter (MA) and a
 * row scan counter (RA) go over the frame; each character clock fetches four planes' bytes, which
 * character generator or shift registers make dots of (IBM PS/2 Video Subsystem Technical
 * Reference, "VGA function"). Every mode falls out of the registers; none is known by number.
 *
 * In packed chain-4 (see vga_mem.c) addresses count as in byte mode. */
#include "devices/vga_state.h"

#include <stdlib.h>

#include "base/bytes.h"

#define MAX_CELLS 257 /* of a row: 256, and one that panning brings in */
#define MAX_DOTS  9   /* of a cell */

enum { BYTE_MODE, WORD_MODE, DWORD_MODE };

/* The registers of a frame, taken apart. */
struct crt {
    const u8 *vram;
    u32 columns;
    unsigned dots, stretch; /* per cell; screen dots per pixel of a cell */
    bool text, packed256, interleaved, line_graphics;
    u8 address_mode, count_shift;
    u8 crtc_mode; /* CR17 */
    u32 start, pitch, split;
    u8 first_scan, last_scan, pan;
    bool doubled, pan_resets;
    u32 font[2]; /* by attribute bit 3: byte offsets in plane 2 */
    u8 underline;
    bool blinking, visible; /* attribute bit 7 blinks; blinking things show now */
    u32 cursor;
    u8 cursor_start, cursor_end;
    bool cursor_on;
    u32 colour[16], colour256[256];
};

static u32 font_offset(unsigned select)
{
    return (select & 3) << 14 | (select & 4) << 11;
}

static void prepare_text(const struct vga *s, struct crt *c, u64 frame)
{
    u8 map = s->seq[3];

    c->font[0] = font_offset((map & 3) | (map >> 2 & 4));
    c->font[1] = font_offset((map >> 2 & 3) | (map >> 3 & 4));
    c->line_graphics = s->attr[0x10] & 4;
    c->underline = s->crtc[0x14] & 31;
    c->cursor = ((u32)s->crtc[0x0e] << 8 | s->crtc[0x0f]) + (s->crtc[0x0b] >> 5 & 3);
    c->cursor_start = s->crtc[0x0a] & 31;
    c->cursor_end = s->crtc[0x0b] & 31;
    c->cursor_on = !(s->crtc[0x0a] & 0x20) && !(frame >> 3 & 1);
}

/* Pixels to the left that the picture moves: nine-dot cells count from 8, 256 colours by twos. */
static u8 panning(const struct vga *s, const struct crt *c)
{
    u8 pan = s->attr[0x13] & 15;

    if (c->packed256)
        return pan >> 1 & 3;
    if (c->dots == 9)
        return pan >= 8 ? 0 : (u8)(pan + 1);
    return pan >= 8 ? 0 : pan;
}

static void prepare_scan(const struct vga *s, struct crt *c)
{
    u8 mode = c->crtc_mode;

    if (s->seq[4] & 8)
        c->address_mode = BYTE_MODE;
    else if (s->crtc[0x14] & 0x40)
        c->address_mode = DWORD_MODE;
    else
        c->address_mode = mode & 0x40 ? BYTE_MODE : WORD_MODE;
    c->count_shift = s->crtc[0x14] & 0x20 ? 2 : mode & 8 ? 1 : 0;
    c->start = ((u32)s->crtc[0x0c] << 8 | s->crtc[0x0d]) + (s->crtc[8] >> 5 & 3);
    c->pitch = s->crtc[0x13] * 2u;
    c->split = s->crtc[0x18] | (s->crtc[7] & 0x10u) << 4 | (s->crtc[9] & 0x40u) << 3;
    c->split <<= mode >> 2 & 1;
    c->first_scan = s->crtc[8] & 31;
    c->last_scan = s->crtc[9] & 31;
    c->doubled = s->crtc[9] & 0x80;
    c->pan = panning(s, c);
    c->pan_resets = s->attr[0x10] & 0x20;
}

static void prepare(struct vga *s, struct crt *c, const struct vga_timing *t)
{
    u32 line, dot;
    u64 frame = vga_beam(s, t, &line, &dot);

    *c = (struct crt){.vram = s->vram, .columns = s->crtc[1] + 1u, .crtc_mode = s->crtc[0x17]};
    c->text = !(s->gc[6] & 1) && !(s->attr[0x10] & 1);
    c->packed256 = !c->text && s->gc[5] & 0x40;
    c->interleaved = s->gc[5] & 0x20;
    c->dots = s->seq[1] & 1 ? 8 : 9;
    c->stretch = 1u << (s->seq[1] >> 3 & 1);
    c->blinking = s->attr[0x10] & 8;
    c->visible = !(frame >> 4 & 1);
    vga_palette(s, c->colour);
    for (unsigned i = 0; i < 256 && c->packed256; i++)
        c->colour256[i] = vga_dac_colour(s, (u8)i);
    if (c->text)
        prepare_text(s, c, frame);
    prepare_scan(s, c);
}

/* The planes' dword that counters select, as an offset into vram. */
static u32 fetch_at(const struct crt *c, u32 ma, u32 ra)
{
    u32 at = ma & 0xffff;

    if (c->address_mode == WORD_MODE)
        at = at << 1 | (at >> (c->crtc_mode & 0x20 ? 15 : 13) & 1);
    else if (c->address_mode == DWORD_MODE)
        at = at << 2 | (at >> 14 & 3);
    if (!(c->crtc_mode & 1)) /* the CGA's second bank, and the Hercules' */
        at = (at & ~0x2000u) | (ra & 1) << 13;
    if (!(c->crtc_mode & 2))
        at = (at & ~0x4000u) | (ra & 2) << 13;
    return (at & (VGA_PLANE_SIZE - 1)) * 4;
}

/* ---- cells: eight or nine dots, or four pixels of 256 colours ---- */

static bool in_cursor(const struct crt *c, u32 ma, u32 ra)
{
    return c->cursor_on && ma == c->cursor && ra >= c->cursor_start && ra <= c->cursor_end;
}

static void text_cell(const struct crt *c, u32 ma, u32 ra, u32 *out)
{
    const u8 *cell = c->vram + fetch_at(c, ma, ra);
    u8 code = cell[0], attr = cell[1];
    u32 glyph = c->font[attr >> 3 & 1] + code * 32u + ra;
    u32 dots = (u32)c->vram[glyph * 4 + 2] << 1;
    u8 front = attr & 15, back = attr >> 4;

    if (c->line_graphics && (code & 0xe0) == 0xc0)
        dots |= dots >> 1 & 1; /* line drawing characters go on into the gap */
    if (c->blinking) {
        back &= 7;
        if (attr & 0x80 && !c->visible)
            dots = 0;
    }
    if ((attr & 0x77) == 1 && ra == c->underline)
        dots = 0x1ff;
    if (in_cursor(c, ma, ra))
        dots = 0x1ff;
    for (unsigned i = 0; i < c->dots; i++)
        out[i] = c->colour[dots >> (8 - i) & 1 ? front : back];
}

/* Eight pixels of four planes; interleaved: four of two bits each from planes 0 and 2, then 1
 * and 3.
 */
static void planar_cell(const struct crt *c, u32 ma, u32 ra, u32 *out)
{
    const u8 *p = c->vram + fetch_at(c, ma, ra);

    for (unsigned i = 0; i < 8; i++) {
        unsigned index = 0;
        if (c->interleaved) {
            unsigned shift = 6 - 2 * (i & 3);
            index = (p[i >> 2] >> shift & 3u) | (p[2 + (i >> 2)] >> shift & 3u) << 2;
        } else {
            for (unsigned n = 0; n < 4; n++)
                index |= (p[n] >> (7 - i) & 1u) << n;
        }
        if (c->blinking) /* intensity blinks */
            index = c->visible ? index | 8 : index ^ 8;
        out[i] = c->colour[index];
    }
    out[8] = c->colour[0];
}

static void packed_cell(const struct crt *c, u32 ma, u32 ra, u32 *out)
{
    const u8 *p = c->vram + fetch_at(c, ma, ra);

    for (unsigned i = 0; i < 4; i++)
        out[i] = c->colour256[p[i]];
}

/* One scan line: the row that starts at ma, its line ra. */
static void draw_line(const struct crt *c, u32 ma, u32 ra, u8 pan, u32 *out, u32 width)
{
    u32 line[MAX_CELLS * MAX_DOTS];
    unsigned size = c->packed256 ? 4 : c->dots, stretch = c->stretch * (c->packed256 ? 2 : 1);

    for (u32 i = 0; i <= c->columns; i++) {
        u32 at = ma + (i >> c->count_shift), *cell = line + i * size;
        if (c->text)
            text_cell(c, at, ra, cell);
        else if (c->packed256)
            packed_cell(c, at, ra, cell);
        else
            planar_cell(c, at, ra, cell);
    }
    for (u32 x = 0; x < width; x++) {
        u32 pixel = x / stretch + pan;
        out[x] = pixel < (c->columns + 1) * size ? line[pixel] : 0;
    }
}

bool vga_render_crt(struct vga *s, struct vga_surface *out)
{
    struct vga_timing t;
    struct crt c;

    vga_timing(s, &t);
    prepare(s, &c, &t);
    if (!vga_surface_size(out, t.hdisplay, t.vdisplay))
        return false;
    u32 ma = c.start, ra = c.first_scan;
    u8 pan = c.pan;
    bool again = c.doubled; /* the same line once more */
    for (u32 y = 0; y < out->height; y++) {
        draw_line(&c, ma, ra, pan, out->pixels + (size_t)y * out->width, out->width);
        if (y == c.split) {
            ma = ra = 0;
            pan = c.pan_resets ? 0 : pan;
            again = c.doubled;
        } else if (again) {
            again = false;
        } else {
            again = c.doubled;
            ma += ra == c.last_scan ? c.pitch : 0;
            ra = ra == c.last_scan ? 0 : (ra + 1) & 31;
        }
    }
    return true;
}

bool vga_text_crt(struct vga *s, struct vga_text *out)
{
    struct vga_timing t;
    struct crt c;

    vga_timing(s, &t);
    prepare(s, &c, &t);
    u32 scans = (c.last_scan + 1u) << c.doubled, rows = t.vdisplay / scans;
    size_t need = (size_t)c.columns * rows;
    if (!c.text)
        return false;
    if (need > out->room) {
        u16 *cells = realloc(out->cells, need * sizeof(*cells));
        if (!cells)
            return false;
        out->cells = cells;
        out->room = need;
    }
    out->columns = c.columns;
    out->rows = rows;
    out->cursor = -1;
    for (u32 i = 0; i < need; i++) {
        u32 ma = c.start + i / c.columns * c.pitch + i % c.columns;
        out->cells[i] = (u16)load_le(s->vram + fetch_at(&c, ma, 0), 2);
        if (ma == c.cursor && !(s->crtc[0x0a] & 0x20))
            out->cursor = (s32)i;
    }
    return true;
}
