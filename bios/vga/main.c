/* Power-on and the dispatcher of INT 10h. */
#include "bios/vga/font.h"
#include "bios/vga/gfx.h"
#include "bios/vga/palette.h"
#include "bios/vga/state.h"
#include "bios/vga/text.h"
#include "bios/vga/vbe.h"

extern const u8 ROM int10[];                       /* entry.s */
extern const u8 ROM save_pointers[], crt_tables[]; /* tables.s */

void rom_init(void);
void int10_main(struct frame *f);

static void int10_mode(struct frame *f)
{
    u8 mode = f->al & 0x7f;

    if (mode == MODE_6A)
        set_vbe_mode(0x102 | (f->al & 0x80 ? VBE_NO_CLEAR : 0));
    else
        set_mode(f->al);
    f->al = mode > 7 ? 0x20 : mode == 6 ? 0x3f : 0x30;
}

typedef void function(struct frame *f);

static function *const ROM functions[] = {
    [0x00] = int10_mode,        [0x01] = int10_cursor_shape, [0x02] = int10_set_cursor,
    [0x03] = int10_get_cursor,  [0x04] = int10_light_pen,    [0x05] = int10_page,
    [0x06] = int10_scroll_up,   [0x07] = int10_scroll_down,  [0x08] = int10_read_cell,
    [0x09] = int10_write_cell,  [0x0a] = int10_write_char,   [0x0b] = int10_cga_palette,
    [0x0c] = int10_write_pixel, [0x0d] = int10_read_pixel,   [0x0e] = int10_teletype,
    [0x0f] = int10_get_mode,    [0x10] = int10_palette,      [0x11] = int10_font,
    [0x12] = int10_alternate,   [0x13] = int10_write_string, [0x1a] = int10_display,
    [0x1b] = int10_state,       [0x1c] = int10_save,         [0x4f] = int10_vbe,
};

void int10_main(struct frame *f)
{
    if (f->ah < ARRAY_LEN(functions) && functions[f->ah])
        functions[f->ah](f);
}

void rom_init(void)
{
    set_vector(0x42, get_vector(0x10)); /* the system BIOS's own */
    set_vector(0x10, ROM_POINTER(int10));
    set_bda8(BDA_INFO, 0x60);     /* 256 KiB */
    set_bda8(BDA_SWITCHES, 0xf9); /* a colour monitor of 80 columns */
    set_bda8(BDA_FLAGS, 0x40 | FLAG_400_LINES | FLAG_ACTIVE);
    set_bda8(BDA_DISPLAY, 0x0b);
    poke32(0x40, BDA_SAVE_POINTER, ROM_POINTER(save_pointers));
    set_vector(0x1d, ROM_POINTER(crt_tables));
    set_mode(3);
}
