/* Characters, scrolling and pixels in graphics modes. */
#ifndef BIOS_VGA_GFX_H
#define BIOS_VGA_GFX_H

#include "bios/vga/modes.h"

/* A window of characters, both ends included. */
struct box {
    u8 top, left, bottom, right;
};

/* colour: bit 7 XORs in modes of up to 16 colours; background: in modes of 256 and more. */
void gfx_char(const struct view *v, u8 column, u8 row, u8 code, u8 colour, u8 background);
/* The character whose shape stands there, 0 if none. */
u8 gfx_read_char(const struct view *v, u8 column, u8 row);
void gfx_scroll(const struct view *v, const struct box *b, u8 n, bool down, u8 colour);

void int10_write_pixel(struct frame *f); /* AH=0Ch */
void int10_read_pixel(struct frame *f);  /* AH=0Dh */

#endif
