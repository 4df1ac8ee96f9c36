/* The VGA's inside, shared by the files devices/vga*.c.
 *
 * Video memory is kept plane by plane within a dword: byte p of dword n is plane p's byte n. So the
 * planar modes handle four planes at once, and what chain-4 and the linear frame buffer show is the
 * memory as it stands. */
#ifndef DEVICES_VGA_STATE_H
#define DEVICES_VGA_STATE_H

#include "devices/pci.h"
#include "devices/vga.h"

#define VGA_VRAM_SIZE   (16u << 20)
#define VGA_PLANE_SIZE  0x10000u /* of the VGA proper: four of 64 KiB */
#define VGA_ROM_SIZE    0x10000u
#define VGA_WINDOW      0xa0000u
#define VGA_WINDOW_SIZE 0x20000u

enum { DISPI_MAX_X = 2560, DISPI_MAX_Y = 1600, DISPI_MAX_BPP = 32 };

/* Registers of the dispi interface, by index. */
enum dispi_register {
    DISPI_ID,
    DISPI_XRES,
    DISPI_YRES,
    DISPI_BPP,
    DISPI_ENABLE,
    DISPI_BANK,
    DISPI_VIRT_WIDTH,
    DISPI_VIRT_HEIGHT,
    DISPI_X_OFFSET,
    DISPI_Y_OFFSET,
    DISPI_MEMORY,
    DISPI_COUNT,
};

enum {
    DISPI_ENABLED = 0x01,
    DISPI_GETCAPS = 0x02,
    DISPI_8BIT_DAC = 0x20,
    DISPI_LFB = 0x40,
    DISPI_NOCLEAR = 0x80,
};

/* What the registers make of the window at A0000h. */
struct vga_path {
    u32 start, size; /* of the part that answers, from A0000h; size 0: none */
    u32 bank;        /* added to the offset in it */
    u32 last;        /* dword of the planes */
    u32 planes;      /* that are written to: all bits of their bytes */
    bool chain4, odd_even, odd_even_write, plain; /* plain: a byte is written as it is */
};

struct vga {
    struct dev dev;
    struct pci_func pci;
    u8 *vram;
    u32 vram_size;
    u8 *clean; /* marks of its pages: phys_track() */
    u32 latch; /* the four planes' bytes of the last read */
    u8 misc, feature;
    u8 seq_index, seq[8];
    u8 crtc_index, crtc[32];
    u8 gc_index, gc[16];
    u8 attr_index, attr[32]; /* index with bit 5: the screen shows the picture, not the border */
    bool attr_data;          /* flip-flop: the next write to 3C0h is data */
    u8 dac[768];             /* red, green, blue */
    u8 dac_mask, dac_read, dac_write, dac_part, dac_state;
    u64 armed; /* when CR11's bit 4 was set, in nanoseconds */
    u16 dispi_index, dispi[DISPI_COUNT];

    u8 *rom; /* VGA_ROM_SIZE bytes */

    /* Derived: what of the video memory stands at A0000h directly, or NULL; else how an access goes
     * through the planes. */
    u8 *direct;
    struct vga_path path;
};

/* The picture's timing, in dots and scan lines of a frame. */
struct vga_timing {
    u64 clock; /* dots a second */
    u32 htotal, hdisplay;
    u32 vtotal, vdisplay, vretrace, vretrace_end;
};

static inline bool vga_dispi_on(const struct vga *s)
{
    return s->dispi[DISPI_ENABLE] & DISPI_ENABLED;
}

/* -- vga_regs.c: ports 3B0h-3DFh, one byte each -- */
u8 vga_port_read(struct vga *s, u16 port);
void vga_port_write(struct vga *s, u16 port, u8 value);
void vga_timing(const struct vga *s, struct vga_timing *t);
/* Frames since power-on, and the place in the current one. */
u64 vga_beam(struct vga *s, const struct vga_timing *t, u32 *line, u32 *dot);

/* -- vga_mem.c: the window at A0000h -- */
extern const struct mmio_ops vga_window_ops;
/* After a register changed: puts the memory itself into the window, or takes it out again. */
void vga_update_window(struct vga *s);

/* -- vga_dispi.c -- */
extern const struct io_ops vga_dispi_ops;
u16 vga_dispi_read(const struct vga *s, unsigned reg);
void vga_dispi_write(struct vga *s, unsigned reg, u16 value);
/* Bytes from one row to the next; for 4 bits a pixel, of one plane. */
u32 vga_dispi_pitch(const struct vga *s);

/* -- vga_render.c -- */
bool vga_surface_size(struct vga_surface *out, u32 width, u32 height);
u32 vga_dac_colour(const struct vga *s, u8 index);
/* The colours of the 16 values that leave the planes. */
void vga_palette(const struct vga *s, u32 colours[16]);

/* -- vga_crt.c: the VGA's own modes -- */
bool vga_render_crt(struct vga *s, struct vga_surface *out);
bool vga_text_crt(struct vga *s, struct vga_text *out); /* false: graphics */

#endif
