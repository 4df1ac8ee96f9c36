/* AH=00h: sets a mode by the video parameter table: registers, colours, font, memory, and what the
 * BIOS data area says of it (IBM PS/2 and PC BIOS Interface Technical Reference, INT 10h). */
#include "bios/vga/modes.h"

#include "bios/vga/dispi.h"
#include "bios/vga/font.h"
#include "bios/vga/palette.h"
#include "bios/vga/text.h"

#define SCREEN_OFF 0x20 /* sequencer, register 1 */

const struct mode ROM *find_mode(u8 number)
{
    for (u8 i = 0; i < modes_count; i++) {
        if (modes[i].number == number)
            return &modes[i];
    }
    return 0;
}

const struct mode ROM *current_mode(void)
{
    return bda16(BDA_VBE_MODE) ? 0 : find_mode(bda8(BDA_MODE));
}

u16 crtc_port(void)
{
    return bda16(BDA_CRTC);
}

void get_view(struct view *v, u8 page)
{
    const struct mode ROM *m = current_mode();

    v->columns = bda16(BDA_COLUMNS);
    v->height = bda16(BDA_HEIGHT);
    v->last_row = bda8(BDA_LAST_ROW);
    if (!m) {
        dispi_view(v);
        return;
    }
    v->kind = m->kind;
    v->bits = m->bits;
    v->segment = m->segment;
    v->start = m->pages > 1 ? bda16(BDA_PAGE_SIZE) * (u32)page : 0;
    v->pitch = m->kind == CGA ? 80 : m->kind == PACKED ? 320 : v->columns;
}

/* ---- registers ---- */

/* The attribute controller's port takes index and data in turn; reading the status register makes
 * the next an index. Bit 5 of the index keeps the picture on. */
static void attr_index(u8 index)
{
    inb((u16)(crtc_port() + 6));
    outb(PORT_ATTR, index);
}

void write_attr(u8 index, u8 value)
{
    attr_index(index);
    outb(PORT_ATTR, value);
    attr_index(0x20);
}

u8 read_attr(u8 index)
{
    u8 value;

    attr_index(index);
    value = inb(PORT_ATTR + 1);
    attr_index(0x20);
    return value;
}

void screen_on(void)
{
    set_reg(PORT_SEQ, 1, get_reg(PORT_SEQ, 1) & (u8)~SCREEN_OFF);
    attr_index(0x20);
}

void get_params(struct params *p, u8 row)
{
    u32 save = peek32(0x40, BDA_SAVE_POINTER);
    u32 table = peek32((u16)(save >> 16), save);

    for (u8 i = 0; i < sizeof(*p); i++)
        ((u8 *)p)[i] = peek8((u16)(table >> 16), table + row * sizeof(*p) + i);
}

static void set_registers(const struct params *p)
{
    u16 crtc = p->misc & 1 ? 0x3d4 : 0x3b4;

    set_reg(PORT_SEQ, 0, 1); /* reset while the clock changes */
    set_reg(PORT_SEQ, 1, p->seq[0] | SCREEN_OFF);
    for (u8 i = 1; i < sizeof(p->seq); i++)
        set_reg(PORT_SEQ, i + 1, p->seq[i]);
    outb(PORT_MISC, p->misc);
    set_reg(PORT_SEQ, 0, 3);
    set_reg(crtc, 0x11, 0); /* opens registers 0 to 7 */
    for (u8 i = 0; i < sizeof(p->crtc); i++)
        set_reg(crtc, i, p->crtc[i]);
    for (u8 i = 0; i < sizeof(p->gc); i++)
        set_reg(PORT_GC, i, p->gc[i]);
    inb(crtc + 6);
    for (u8 i = 0; i < sizeof(p->attr); i++) {
        outb(PORT_ATTR, i);
        outb(PORT_ATTR, p->attr[i]);
    }
    outb(PORT_ATTR, 0x14); /* colour select */
    outb(PORT_ATTR, 0);
}

/* ---- AH=00h ---- */

static void set_data_area(const struct mode ROM *m, const struct params *p, u8 keep)
{
    static const u8 ROM cga_mode[8] = {0x2c, 0x28, 0x2d, 0x29, 0x2a, 0x2e, 0x1e, 0x29};
    u8 equipment = bda8(BDA_EQUIPMENT) & 0xcf;
    bool mono = !(p->misc & 1);

    set_bda8(BDA_EQUIPMENT, equipment | (mono ? 0x30 : p->columns == 40 ? 0x10 : 0x20));
    set_bda8(BDA_MODE, m->number);
    set_bda16(BDA_COLUMNS, p->columns);
    set_bda16(BDA_PAGE_SIZE, p->page_size);
    set_bda16(BDA_PAGE_START, 0);
    for (u8 page = 0; page < 8; page++)
        set_bda16(BDA_CURSOR + page * 2, 0);
    set_bda16(BDA_CURSOR_SHAPE, m->kind != TEXT ? 0 : mono ? 0x0b0c : 0x0607);
    set_bda8(BDA_PAGE, 0);
    set_bda16(BDA_CRTC, mono ? 0x3b4 : 0x3d4);
    set_bda8(BDA_CGA_MODE, m->number < 8 ? cga_mode[m->number] : 0);
    set_bda8(BDA_CGA_COLOUR, m->number == 6 ? 0x3f : 0x30);
    set_bda8(BDA_LAST_ROW, p->last_row);
    set_bda16(BDA_HEIGHT, p->height);
    set_bda8(BDA_INFO, (bda8(BDA_INFO) & ~(INFO_NO_CLEAR | INFO_MONO | INFO_INACTIVE)) | keep |
                           (mono ? INFO_MONO : 0));
    set_bda16(BDA_VBE_MODE, 0);
}

static void clear(const struct mode ROM *m)
{
    if (m->kind == TEXT)
        fill_words(m->segment, 0, 0x0720, 0x4000);
    else if (m->kind == CGA)
        fill_words(m->segment, 0, 0, 0x4000);
    else
        fill_words(m->segment, 0, 0, 0x8000);
}

static u8 params_row(const struct mode ROM *m)
{
    u8 flags = bda8(BDA_FLAGS);
    return m->params[flags & FLAG_200_LINES ? 0 : flags & FLAG_400_LINES ? 2 : 1];
}

/* The 200-line text modes have a CGA's colours. */
static u8 colours_of(const struct mode ROM *m, const struct params *p)
{
    return m->kind == TEXT && m->palette == PALETTE_EGA && p->height == 8 ? PALETTE_CGA
                                                                          : m->palette;
}

void set_mode(u8 number)
{
    u8 keep = number & INFO_NO_CLEAR;
    const struct mode ROM *m = find_mode(number & 0x7f);
    struct params p;

    if (!m)
        return;
    get_params(&p, params_row(m));
    dispi_off();
    set_registers(&p);
    if (!(bda8(BDA_FLAGS) & FLAG_NO_PALETTE))
        load_palette(colours_of(m, &p));
    set_data_area(m, &p, keep);
    if (!keep)
        clear(m);
    if (m->kind == TEXT)
        load_rom_font(p.height, 0);
    set_font_vectors(p.height);
    screen_on();
}
