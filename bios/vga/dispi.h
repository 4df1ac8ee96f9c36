/* The dispi registers that set linear modes (docs/video.md). */
#ifndef BIOS_VGA_DISPI_H
#define BIOS_VGA_DISPI_H

#include "bios/vga/modes.h"

enum {
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
enum { ENABLED = 0x01, GETCAPS = 0x02, DAC_8BIT = 0x20, LFB = 0x40, NO_CLEAR = 0x80 };

#define DISPI_INDEX 0x1ce
#define DISPI_DATA  0x1cf

static inline u16 dispi_read(u16 reg)
{
    outw(DISPI_INDEX, reg);
    return inw(DISPI_DATA);
}

static inline void dispi_write(u16 reg, u16 value)
{
    outw(DISPI_INDEX, reg);
    outw(DISPI_DATA, value);
}

static inline void dispi_off(void)
{
    dispi_write(DISPI_ENABLE, 0);
}

/* Bytes from line to line; of one plane in modes of four bits. */
u32 dispi_pitch(void);
/* The part of a view that follows from the registers. */
void dispi_view(struct view *v);

#endif
