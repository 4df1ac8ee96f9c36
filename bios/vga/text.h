/* Cursor, characters, scrolling. */
#ifndef BIOS_VGA_TEXT_H
#define BIOS_VGA_TEXT_H

#include "bios/vga/modes.h"

void int10_cursor_shape(struct frame *f); /* AH=01h */
void int10_set_cursor(struct frame *f);   /* AH=02h */
void int10_get_cursor(struct frame *f);   /* AH=03h */
void int10_light_pen(struct frame *f);    /* AH=04h */
void int10_page(struct frame *f);         /* AH=05h */
void int10_scroll_up(struct frame *f);    /* AH=06h */
void int10_scroll_down(struct frame *f);  /* AH=07h */
void int10_read_cell(struct frame *f);    /* AH=08h */
void int10_write_cell(struct frame *f);   /* AH=09h */
void int10_write_char(struct frame *f);   /* AH=0Ah */
void int10_teletype(struct frame *f);     /* AH=0Eh */
void int10_get_mode(struct frame *f);     /* AH=0Fh */
void int10_write_string(struct frame *f); /* AH=13h */

/* Programs the cursor's lines as 0040:0060 and the character height say. */
void apply_cursor_shape(void);
/* Puts the screen's start and the cursor where the active page has them. */
void set_cursor(u8 page, u8 column, u8 row);

#endif
