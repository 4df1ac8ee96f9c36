/* What the screen is and does: AH=12h, 1Ah, 1Bh, 1Ch. */
#ifndef BIOS_VGA_STATE_H
#define BIOS_VGA_STATE_H

#include "bios/vga/modes.h"

enum { STATE_HARDWARE = 1, STATE_DATA_AREA = 2, STATE_DAC = 4, STATE_DISPI = 8 };

/* Bytes that the parts of the state take. */
u16 state_size(u8 parts);
/* Stores the parts at seg:at, or takes them from there. */
void state_save(u8 parts, u16 seg, u16 at);
void state_restore(u8 parts, u16 seg, u16 at);

void int10_alternate(struct frame *f); /* AH=12h */
void int10_display(struct frame *f);   /* AH=1Ah */
void int10_state(struct frame *f);     /* AH=1Bh */
void int10_save(struct frame *f);      /* AH=1Ch */
void print_screen(struct frame *f);    /* INT 05h */

#endif
