/* INT 05h, once AH=12h BL=20h has put it there: the screen to the first printer, with as many rows
 * as there are. 0050:0000 tells how it goes: 1 at it, FFh an error. */
#include "bios/vga/state.h"

#include "bios/vga/gfx.h"
#include "bios/vga/text.h"

#define STATUS_SEGMENT 0x50

/* False: the printer is out of paper, has an error, or does not answer. */
static bool print(u8 c)
{
    u32 ax = c;

    __asm__ volatile("int $0x17" : "+a"(ax) : "d"(0) : "cc", "memory");
    return !(ax >> 8 & 0x29);
}

static bool print_row(struct frame *f, u8 row)
{
    for (u8 column = 0; column < bda16(BDA_COLUMNS); column++) {
        set_bda16(BDA_CURSOR + (f->bh & 7) * 2, (u16)(row << 8 | column));
        int10_read_cell(f);
        if (!print(f->al ? f->al : ' '))
            return false;
    }
    return print('\r') && print('\n');
}

void print_screen(struct frame *caller)
{
    struct frame f = {.es = caller->es};
    u16 cursor;
    bool ok = true;

    if (peek8(STATUS_SEGMENT, 0) == 1)
        return;
    poke8(STATUS_SEGMENT, 0, 1);
    f.bh = bda8(BDA_PAGE);
    cursor = bda16(BDA_CURSOR + (f.bh & 7) * 2);
    for (u8 row = 0; ok && row <= bda8(BDA_LAST_ROW); row++)
        ok = print_row(&f, row);
    set_bda16(BDA_CURSOR + (f.bh & 7) * 2, cursor);
    poke8(STATUS_SEGMENT, 0, ok ? 0 : 0xff);
}
