/* INT 10h AH=4Fh: VESA BIOS Extension, Core Functions Standard, version 3.0. */
#ifndef BIOS_VGA_VBE_H
#define BIOS_VGA_VBE_H

#include "bios/vga/modes.h"

struct vbe_mode {
    u16 number, width, height;
    u8 bits; /* a pixel: 4, 8, 15, 16, 24, 32 */
} __attribute__((packed));

enum { VBE_NO_CLEAR = 0x8000, VBE_LINEAR = 0x4000, VBE_NUMBER = 0x01ff };

#define MODE_6A 0x6a /* VESA's first: 102h by another number */

/* Answers in AX: 4Fh and what became of it. */
enum { VBE_DONE = 0x004f, VBE_FAILED = 0x014f, VBE_UNSUPPORTED = 0x024f, VBE_INVALID = 0x034f };

extern const u8 ROM edid[128]; /* made from devices/vga_edid.c */

/* The mode's row, or NULL. */
const struct vbe_mode ROM *find_vbe_mode(u16 number);
bool set_vbe_mode(u16 mode);
/* Waits for the beginning of the vertical retrace. */
void wait_for_retrace(void);
/* The memory's size in units of 64 KiB, and where the PCI BAR shows it; 0: nowhere. */
u16 memory_size(void);
u32 memory_address(void);

void int10_vbe(struct frame *f);
void vbe_window(struct frame *f); /* 4F05h without an answer */

u16 vbe_controller(struct frame *f); /* 4F00h */
u16 vbe_mode_info(struct frame *f);  /* 4F01h */

#endif
