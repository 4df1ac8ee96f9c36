/* AH=11h and the ROM's fonts. */
#ifndef BIOS_VGA_FONT_H
#define BIOS_VGA_FONT_H

#include "bios/vga/modes.h"

/* Made from devices/vga_font.c: 256 characters of 8, 14 and 16 bytes. */
extern const u8 ROM font_8[], font_14[], font_16[];

/* Loads the ROM's font of that height into a block of plane 2. */
void load_rom_font(u8 height, u8 block);
/* Vectors 1Fh and 43h. */
void set_font_vectors(u8 height);
void int10_font(struct frame *f);

#endif
