/* What the machine and tests see of the VGA: the picture it shows, and the cells of text modes. */
#ifndef DEVICES_VGA_H
#define DEVICES_VGA_H

#include "devices/core/dev.h"

#define VGA_ID         "vga" /* bus_find_dev() */
#define VGA_MAX_WIDTH  4608  /* pixels a picture can have */
#define VGA_MAX_HEIGHT 2050

/* A picture. Pixels are 0x00RRGGBB, rows without gaps, top to bottom. Zero-initialize; memory grows
 * as needed and is freed by vga_surface_free(). */
struct vga_surface {
    u32 width, height;
    u32 *pixels;
    size_t room; /* pixels allocated */
};

/* The characters of a text mode: low byte the character, high byte its attribute. Handled like a
 * surface. */
struct vga_text {
    u32 columns, rows;
    s32 cursor; /* index of the cell that it is in, -1: off or not on the screen */
    u16 *cells;
    size_t room;
};

/* Draws what the monitor would show now: every dot and every scan line of the display area, without
 * borders. Changes nothing in the device. False if the host has no memory for it. */
bool vga_render(struct dev *dev, struct vga_surface *out);
void vga_surface_free(struct vga_surface *s);

/* The cells of the screen; false in graphics modes, when the screen is blank, or without memory. */
bool vga_text(struct dev *dev, struct vga_text *out);
void vga_text_free(struct vga_text *t);

/* Our own font: 256 characters of code page 437, of 8, 14 or 16 rows (bytes) each, leftmost dot in
 * bit 7. */
void vga_font(u8 *font, unsigned rows);

/* The monitor's EDID. */
#define VGA_EDID_SIZE 128
void vga_edid(u8 out[VGA_EDID_SIZE]);

#endif
