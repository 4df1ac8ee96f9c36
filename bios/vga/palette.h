/* AH=10h and the colours that modes begin with. */
#ifndef BIOS_VGA_PALETTE_H
#define BIOS_VGA_PALETTE_H

#include "bios/vga/modes.h"

void load_palette(u8 palette);
/* Replaces n of the DAC's colours by their grays. */
void gray_colours(u8 first, u16 n);
void write_dac(u8 index, u8 red, u8 green, u8 blue);

void int10_palette(struct frame *f);
void int10_cga_palette(struct frame *f); /* AH=0Bh */

#endif
