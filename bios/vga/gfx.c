/* Characters, scrolling and pixels in graphics modes: a CGA's two interlaced halves, four planes,
 * 256 colours, and the linear VBE modes through the window's banks. Eight dots at a time. */
#include "bios/vga/gfx.h"

#include "bios/vga/dispi.h"

#define XOR   0x80 /* of a colour */
#define CHUNK 96   /* bytes that are copied by way of the stack: pixels of all sizes fit */

enum {
    GC_SET_RESET,
    GC_ENABLE,
    GC_COMPARE,
    GC_ROTATE,
    GC_READ_MAP,
    GC_MODE,
    GC_MASK = 8,
};

/* ---- addresses ---- */

/* Makes an address of the picture reachable; returns the offset in the window. */
static u16 reach(u32 at)
{
    if (!current_mode())
        dispi_write(DISPI_BANK, (u16)(at >> 16));
    return (u16)at;
}

/* The byte of eight dots' first one; x counts characters. */
static u32 address(const struct view *v, u8 column, u16 y)
{
    if (v->kind == CGA)
        return (y & 1) * 0x2000u + (y >> 1) * v->pitch + column * v->bits;
    if (v->kind == PLANAR)
        return v->start + y * v->pitch + column;
    return v->start + y * v->pitch + column * ((v->bits + 7u) & ~7u);
}

/* Bytes that n characters take on a line. */
static u16 line_bytes(const struct view *v, u8 n)
{
    return v->kind == PLANAR ? n : v->kind == CGA ? n * v->bits : n * ((v->bits + 7) & ~7u);
}

/* Bytes from `at` on that lie in one bank, of n. */
static u16 in_bank(u32 at, u16 n)
{
    u32 room = 0x10000 - (at & 0xffff);
    return n < room ? n : (u16)room;
}

static void write_bytes(const struct view *v, u32 at, const u8 *from, u16 n)
{
    while (n) {
        u16 part = in_bank(at, n);
        copy_bytes(v->segment, reach(at), stack_segment(), (u16)(u32)from, part);
        at += part;
        from += part;
        n -= part;
    }
}

static void read_bytes(const struct view *v, u32 at, u8 *into, u16 n)
{
    while (n) {
        u16 part = in_bank(at, n);
        copy_bytes(stack_segment(), (u16)(u32)into, v->segment, reach(at), part);
        at += part;
        into += part;
        n -= part;
    }
}

/* ---- colours of linear modes ---- */

/* What a pixel of colour 0 to 15 is in a mode of 15 bits and more: the CGA's colours. */
static u32 pixel_value(const struct view *v, u8 colour)
{
    u32 base = colour & 8 ? 0x55 : 0;
    u32 r = base + (colour & 4 ? 0xaa : 0), g = base + (colour & 2 ? 0xaa : 0);
    u32 b = base + (colour & 1 ? 0xaa : 0);

    if (v->bits == 8)
        return colour;
    if ((colour & 15) == 6)
        g = 0x55;
    if (v->bits == 15)
        return r >> 3 << 10 | g >> 3 << 5 | b >> 3;
    if (v->bits == 16)
        return r >> 3 << 11 | g >> 2 << 5 | b >> 3;
    return r << 16 | g << 8 | b;
}

/* ---- eight dots ---- */

/* Colour 1 to 3 wherever a bit is set, as pairs of bits. */
static u16 pairs(u8 bits, u8 colour)
{
    u16 out = 0;

    for (u8 i = 0; i < 8; i++)
        out = (u16)(out << 2 | (bits >> (7 - i) & 1 ? colour & 3 : 0));
    return (u16)(out << 8 | out >> 8);
}

static void dots_cga(const struct view *v, u32 at, u8 bits, u8 colour)
{
    if (v->bits == 1) {
        u8 old = colour & XOR ? peek8(v->segment, at) : 0;
        poke8(v->segment, at, old ^ (colour & 1 ? bits : 0));
    } else {
        u16 old = colour & XOR ? peek16(v->segment, at) : 0;
        poke16(v->segment, at, old ^ pairs(bits, colour));
    }
}

/* Set/reset makes the colour, the bit mask the shape; the latches keep the rest. */
static void paint_planar(const struct view *v, u32 at, u8 bits, u8 colour)
{
    u16 to = reach(at);

    set_reg(PORT_GC, GC_ENABLE, 0x0f);
    set_reg(PORT_GC, GC_SET_RESET, colour & 0x0f);
    set_reg(PORT_GC, GC_ROTATE, colour & XOR ? 0x18 : 0);
    set_reg(PORT_GC, GC_MASK, bits);
    peek8(v->segment, to);
    poke8(v->segment, to, 0);
    set_reg(PORT_GC, GC_MASK, 0xff);
    set_reg(PORT_GC, GC_ROTATE, 0);
    set_reg(PORT_GC, GC_SET_RESET, 0);
    set_reg(PORT_GC, GC_ENABLE, 0);
}

static void dots_planar(const struct view *v, u32 at, u8 bits, u8 colour)
{
    if (!(colour & XOR))
        paint_planar(v, at, (u8)~bits, 0);
    paint_planar(v, at, bits, colour);
}

static void dots_packed(const struct view *v, u32 at, u8 bits, u8 colour, u8 background)
{
    u8 out[8 * 4], n = 0, size = (v->bits + 7) / 8;

    for (u8 i = 0; i < 8; i++) {
        u32 value = pixel_value(v, bits >> (7 - i) & 1 ? colour : background);
        for (u8 b = 0; b < size; b++, value >>= 8)
            out[n++] = (u8)value;
    }
    write_bytes(v, at, out, n);
}

static void dots(const struct view *v, u32 at, u8 bits, u8 colour, u8 background)
{
    if (v->kind == CGA)
        dots_cga(v, at, bits, colour);
    else if (v->kind == PLANAR)
        dots_planar(v, at, bits, colour);
    else
        dots_packed(v, at, bits, colour, background);
}

/* The dots that are not of colour 0. */
static u8 read_dots(const struct view *v, u32 at)
{
    u8 in[8 * 4], bits = 0, size = (v->bits + 7) / 8;

    if (v->kind == PLANAR) {
        set_reg(PORT_GC, GC_MODE, 8); /* which dots are of colour 0? */
        set_reg(PORT_GC, GC_COMPARE, 0);
        bits = (u8)~peek8(v->segment, reach(at));
        set_reg(PORT_GC, GC_MODE, 0);
        return bits;
    }
    if (v->kind == CGA && v->bits == 1)
        return peek8(v->segment, at);
    if (v->kind == CGA) {
        u16 two = peek16(v->segment, at);
        two = (u16)(two << 8 | two >> 8);
        for (u8 i = 0; i < 8; i++)
            bits = (u8)(bits << 1 | !!(two >> (14 - 2 * i) & 3));
        return bits;
    }
    read_bytes(v, at, in, 8 * size);
    for (u8 i = 0; i < 8; i++) {
        u8 any = 0;
        for (u8 b = 0; b < size; b++)
            any |= in[i * size + b];
        bits = (u8)(bits << 1 | !!any);
    }
    return bits;
}

/* ---- characters ---- */

/* Vector 43h; the upper half in a CGA's modes by vector 1Fh. */
static u32 glyph(const struct view *v, u8 code)
{
    if (v->kind == CGA && code >= 0x80)
        return get_vector(0x1f) + (code - 0x80u) * v->height;
    return get_vector(0x43) + code * v->height;
}

void gfx_char(const struct view *v, u8 column, u8 row, u8 code, u8 colour, u8 background)
{
    u32 from = glyph(v, code);

    for (u8 line = 0; line < v->height; line++)
        dots(v, address(v, column, row * v->height + line), peek8((u16)(from >> 16), from + line),
             colour, background);
}

static bool same(const struct view *v, u8 code, const u8 *shape)
{
    u32 from = glyph(v, code);

    for (u8 line = 0; line < v->height; line++) {
        if (peek8((u16)(from >> 16), from + line) != shape[line])
            return false;
    }
    return true;
}

u8 gfx_read_char(const struct view *v, u8 column, u8 row)
{
    u8 shape[32];

    for (u8 line = 0; line < v->height && line < sizeof(shape); line++)
        shape[line] = read_dots(v, address(v, column, row * v->height + line));
    for (u16 code = 1; code < 256; code++) {
        if (same(v, (u8)code, shape))
            return (u8)code;
    }
    return 0;
}

/* ---- scrolling ---- */

static void copy_line(const struct view *v, const struct box *b, u16 to, u16 from)
{
    u32 target = address(v, b->left, to), source = address(v, b->left, from);
    u16 n = line_bytes(v, b->right - b->left + 1);
    u8 buffer[CHUNK];

    if (v->kind == CGA || v->kind == PACKED) {
        copy_bytes(v->segment, (u16)target, v->segment, (u16)source, n);
    } else if (v->kind == PLANAR) {
        for (; n; n--) { /* four planes at once, through the latches */
            peek8(v->segment, reach(source++));
            poke8(v->segment, reach(target++), 0);
        }
    } else {
        while (n) {
            u16 part = n < CHUNK ? n : CHUNK;
            read_bytes(v, source, buffer, part);
            write_bytes(v, target, buffer, part);
            source += part;
            target += part;
            n -= part;
        }
    }
}

/* Pixels of one colour, n bytes of them. */
static void fill_linear(const struct view *v, u32 at, u8 colour, u16 n)
{
    u32 value = pixel_value(v, colour);
    u8 buffer[CHUNK], size = (v->bits + 7) / 8;

    for (u8 i = 0; i < CHUNK; i++)
        buffer[i] = (u8)(value >> 8 * (i % size));
    for (; n > CHUNK; n -= CHUNK, at += CHUNK)
        write_bytes(v, at, buffer, CHUNK);
    write_bytes(v, at, buffer, n);
}

static void fill_line(const struct view *v, const struct box *b, u16 y, u8 colour)
{
    u32 at = address(v, b->left, y);
    u16 n = line_bytes(v, b->right - b->left + 1);

    if (v->kind == CGA) {
        fill_bytes(v->segment, (u16)at, v->bits == 1 ? (colour & 1) * 0xff : (colour & 3) * 0x55,
                   n);
    } else if (v->kind == PLANAR) {
        for (; n; n--)
            dots_planar(v, at++, 0xff, colour & 0x7f);
    } else {
        fill_linear(v, at, colour, n);
    }
}

void gfx_scroll(const struct view *v, const struct box *b, u8 n, bool down, u8 colour)
{
    u16 first = b->top * v->height, lines = (b->bottom - b->top + 1) * v->height;
    u16 by = n * v->height, last = first + lines - 1;

    if (v->kind == PLANAR)
        set_reg(PORT_GC, GC_MODE, 1);
    for (u16 i = 0; i < lines - by; i++) {
        u16 to = down ? last - i : first + i;
        copy_line(v, b, to, down ? to - by : to + by);
    }
    if (v->kind == PLANAR)
        set_reg(PORT_GC, GC_MODE, 0);
    for (u16 i = lines - by; i < lines; i++)
        fill_line(v, b, down ? last - i : first + i, colour);
}

/* ---- AH=0Ch, 0Dh ---- */

static u32 pixel_address(const struct view *v, u16 x, u16 y)
{
    u32 line = address(v, 0, y);

    if (v->kind == LINEAR || v->kind == PACKED)
        return line + x * ((v->bits + 7u) / 8);
    return line + (v->kind == CGA ? x * v->bits / 8u : x / 8u);
}

/* Where a CGA's pixel lies in its byte. */
static u8 pixel_shift(const struct view *v, u16 x)
{
    return 8 - v->bits - (x * v->bits & 7);
}

void int10_write_pixel(struct frame *f)
{
    u8 colour = f->al;
    struct view v;
    u32 at, value;

    get_view(&v, f->bh);
    at = pixel_address(&v, f->cx, f->dx);
    if (v.kind == PLANAR) {
        paint_planar(&v, at, 0x80 >> (f->cx & 7), colour);
    } else if (v.kind == CGA) {
        u8 shift = pixel_shift(&v, f->cx), mask = (u8)(((1 << v.bits) - 1) << shift);
        u8 old = peek8(v.segment, at), bits = (u8)(colour << shift) & mask;
        poke8(v.segment, at, colour & XOR ? old ^ bits : (u8)((old & ~mask) | bits));
    } else if (v.kind != TEXT) {
        value = pixel_value(&v, colour);
        write_bytes(&v, at, (const u8 *)&value, (v.bits + 7) / 8);
    }
}

static u8 read_planar(const struct view *v, u32 at, u8 bit)
{
    u8 colour = 0;

    for (u8 plane = 0; plane < 4; plane++) {
        set_reg(PORT_GC, GC_READ_MAP, plane);
        if (peek8(v->segment, reach(at)) & bit)
            colour |= 1 << plane;
    }
    set_reg(PORT_GC, GC_READ_MAP, 0);
    return colour;
}

/* The colour that AH=0Ch makes such a pixel with; 0 if there is none. */
static u8 read_linear(const struct view *v, u32 at)
{
    u32 value = 0;
    u8 colour = 15;

    read_bytes(v, at, (u8 *)&value, (v->bits + 7) / 8);
    if (v->bits == 8)
        return (u8)value;
    while (colour && pixel_value(v, colour) != (value & 0xffffff))
        colour--;
    return colour;
}

void int10_read_pixel(struct frame *f)
{
    struct view v;
    u32 at;

    get_view(&v, f->bh);
    at = pixel_address(&v, f->cx, f->dx);
    if (v.kind == PLANAR)
        f->al = read_planar(&v, at, 0x80 >> (f->cx & 7));
    else if (v.kind == CGA)
        f->al = peek8(v.segment, at) >> pixel_shift(&v, f->cx) & ((1 << v.bits) - 1);
    else if (v.kind != TEXT)
        f->al = read_linear(&v, at);
}
