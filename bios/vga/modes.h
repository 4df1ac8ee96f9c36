/* The modes that INT 10h AH=00h knows, and the picture that is on the screen now. */
#ifndef BIOS_VGA_MODES_H
#define BIOS_VGA_MODES_H

#include "bios/vga/rom.h"

enum kind { TEXT, CGA, PLANAR, PACKED, LINEAR };
enum palette { PALETTE_MONO, PALETTE_CGA, PALETTE_EGA, PALETTE_VGA };

/* A row of the video parameter table, whose layout is IBM's: programs find it through 0040:00A8. */
struct params {
    u8 columns, last_row, height;
    u16 page_size;
    u8 seq[4]; /* from register 1 on */
    u8 misc;
    u8 crtc[25];
    u8 attr[20];
    u8 gc[9];
} __attribute__((packed));

struct mode {
    u8 number;
    u8 kind, bits; /* per pixel */
    u8 palette;
    u16 segment;
    u8 pages;
    u8 params[3]; /* rows of the table: 200, 350, 400 lines */
};

extern const struct mode ROM modes[];
extern const u8 ROM modes_count;
extern const struct params ROM params_table[];

/* The picture that is on the screen, as drawing needs it. */
struct view {
    u8 kind, bits;
    u16 segment;
    u16 columns, height; /* of characters: their number in a row, their lines */
    u8 last_row;
    u32 pitch; /* bytes from line to line; CGA: from one to the next but one */
    u32 start; /* of the active page, in bytes */
};

/* The mode's row, or NULL. */
const struct mode ROM *find_mode(u8 number);
/* The VGA's current mode, or NULL in a VBE mode. */
const struct mode ROM *current_mode(void);
/* page: of text modes and of those with several pages */
void get_view(struct view *v, u8 page);

/* AH=00h. */
void set_mode(u8 mode);
/* Base port of the CRT controller. */
u16 crtc_port(void);
void write_attr(u8 index, u8 value);
u8 read_attr(u8 index);
void screen_on(void);
/* Copies a row of the table in force, by 0040:00A8, to the stack. */
void get_params(struct params *p, u8 row);

#endif
