/* A linear frame buffer of 32 bits a dot, as VBE offers it, and drawing into pieces of it. */
#ifndef DEMO_VBE_H
#define DEMO_VBE_H

#include "base/types.h"

struct frame_buffer {
    int width, height;
    u32 stride; /* bytes of a row */
    u32 address;
};

/* Sets the mode of that size; false: there is none. */
bool vbe_open(struct frame_buffer *fb, u16 width, u16 height);

/* A rectangle of dots in memory: of the screen's coordinates, those from (x, y) on. */
struct tile {
    int x, y, width, height, stride;
    u32 *dots;
};

static inline bool in_tile(const struct tile *t, int x, int y)
{
    return x >= t->x && x < t->x + t->width && y >= t->y && y < t->y + t->height;
}

/* alpha 0-256 of the colour over what is there. */
u32 mix(u32 below, u32 colour, u32 alpha);
void blend(struct tile *t, int x, int y, u32 colour, u32 alpha);
void tile_text(struct tile *t, int x, int y, int scale, u32 colour, const char *text);
/* To the screen, as far as it is on it. */
void tile_show(const struct tile *t, const struct frame_buffer *fb);

#endif
