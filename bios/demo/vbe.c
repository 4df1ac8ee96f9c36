/* VBE's linear frame buffer: the video BIOS is asked for its modes in real mode, the buffer is
 * mapped, and then a dot is a word in memory. */
#include "bios/demo/vbe.h"
#include "bios/demo/demo.h"

#define MAX_MODES  128
#define END        0xffff
#define LINEAR     0x4000
#define DIRECT     6      /* memory model: red, green, blue */
#define ATTRIBUTES 0x0081 /* supported, with a linear buffer */

struct vbe_info {
    char signature[4];
    u16 version;
    u32 maker, capabilities;
    u16 modes_offset, modes_segment, memory;
} __attribute__((packed));

struct vbe_mode {
    u16 attributes, windows, granularity, window_size, segments[2];
    u32 window_function;
    u16 stride, width, height;
    u8 char_width, char_height, planes, bits, banks, model, bank_size, pages, reserved;
    u8 red_size, red_at, green_size, green_at, blue_size, blue_at, other[3];
    u32 address;
} __attribute__((packed));

static bool call_vbe(u16 function, u16 mode)
{
    struct bios_regs r = {.eax = function, .ecx = mode, .edi = (u32)bios_buffer};

    firmware(0x10, &r);
    return (r.eax & 0xffff) == 0x004f;
}

/* The list may lie in the buffer that the next call overwrites. */
static unsigned list_modes(u16 *modes)
{
    const struct vbe_info *info = (const void *)bios_buffer;
    unsigned n = 0;

    memcpy(bios_buffer, "VBE2", 4);
    if (!call_vbe(0x4f00, 0) || memcmp(info->signature, "VESA", 4))
        return 0;
    for (const u16 *m = (const u16 *)(info->modes_segment * 16u + info->modes_offset);
         n < MAX_MODES && *m != END; m++)
        modes[n++] = *m;
    return n;
}

bool vbe_open(struct frame_buffer *fb, u16 width, u16 height)
{
    const struct vbe_mode *m = (const void *)bios_buffer;
    u16 modes[MAX_MODES];
    unsigned count = list_modes(modes);

    for (unsigned i = 0; i < count; i++) {
        if (!call_vbe(0x4f01, modes[i]) || (m->attributes & ATTRIBUTES) != ATTRIBUTES ||
            m->model != DIRECT || m->bits != 32 || m->red_at != 16 || m->width != width ||
            m->height != height)
            continue;
        *fb = (struct frame_buffer){width, height, m->stride, m->address};
        map_same(fb->address, fb->stride * height);
        return set_mode(modes[i] | LINEAR);
    }
    return false;
}

/* Red and blue together, green apart: two products instead of three. */
u32 mix(u32 below, u32 colour, u32 alpha)
{
    u32 rest = 256 - alpha;
    u32 red_blue = ((below & 0xff00ff) * rest + (colour & 0xff00ff) * alpha) >> 8 & 0xff00ff;
    u32 green = ((below & 0x00ff00) * rest + (colour & 0x00ff00) * alpha) >> 8 & 0x00ff00;

    return red_blue | green;
}

void blend(struct tile *t, int x, int y, u32 colour, u32 alpha)
{
    if (!in_tile(t, x, y))
        return;
    u32 *dot = &t->dots[(y - t->y) * t->stride + x - t->x];
    *dot = mix(*dot, colour, alpha);
}

void tile_text(struct tile *t, int x, int y, int scale, u32 colour, const char *text)
{
    for (; *text; text++, x += 8 * scale)
        for (int row = 0; row < 16 * scale; row++)
            for (int col = 0; col < 8 * scale; col++)
                if (glyph((u8)*text)[row / scale] >> (7 - col / scale) & 1)
                    blend(t, x + col, y + row, colour, 256);
}

void tile_show(const struct tile *t, const struct frame_buffer *fb)
{
    int left = t->x < 0 ? -t->x : 0,
        right = t->x + t->width > fb->width ? fb->width - t->x : t->width;

    if (right <= left)
        return;
    for (int row = 0; row < t->height; row++) {
        int y = t->y + row;
        if (y >= 0 && y < fb->height)
            memcpy((u8 *)fb->address + (u32)y * fb->stride + (u32)(t->x + left) * 4,
                   t->dots + row * t->stride + left, (size_t)(right - left) * 4);
    }
}
