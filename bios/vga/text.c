/* Cursor, pages, characters, scrolling: AH=01h to 0Ah, 0Eh, 0Fh, 13h. Text modes are done here,
 * graphics by gfx.c (IBM PS/2 and PC BIOS Interface Technical Reference, INT 10h). */
#include "bios/vga/text.h"

#include "bios/vga/bell.h"
#include "bios/vga/gfx.h"

enum { BEL = 7, BS = 8, LF = 10, CR = 13 };

/* ---- cursor ---- */

/* What programs ask for in a CGA's eight lines, moved to the characters' true height. */
static u16 emulated_shape(u8 start, u8 end)
{
    u8 height = bda8(BDA_HEIGHT), last = height - 1;

    if (start >= 8 || end >= 8 || height <= 8) /* no CGA's */
        return (u16)(start << 8 | end);
    if (end < start) {
        if (end == 0)
            return (u16)(start << 8 | end);
        start = end;
    } else if (end <= 3) {
        return (u16)(start << 8 | end);
    } else if (start + 2 < end) {
        start = start > 2 ? (height + 1) / 2 : start;
    } else {
        u8 low = height >= 14; /* not on the last line */
        start = start - end + last - low;
        last -= low;
    }
    return (u16)(start << 8 | last);
}

void apply_cursor_shape(void)
{
    u16 shape = bda16(BDA_CURSOR_SHAPE), crtc = crtc_port();

    if (!(bda8(BDA_INFO) & INFO_NO_EMULATION))
        shape = emulated_shape(shape >> 8 & 0x3f, shape & 0x1f);
    set_reg(crtc, 0x0a, shape >> 8 & 0x3f);
    set_reg(crtc, 0x0b, shape & 0x1f);
}

void int10_cursor_shape(struct frame *f)
{
    set_bda16(BDA_CURSOR_SHAPE, f->cx & 0x7f1f);
    apply_cursor_shape();
}

/* Eight pages have one; programs that leave something else in BH do not mean the first. */
static u16 get_cursor(u8 page)
{
    return page < 8 ? bda16(BDA_CURSOR + page * 2) : 0;
}

static void set_address(u8 reg, u16 address)
{
    set_reg(crtc_port(), reg, address >> 8);
    set_reg(crtc_port(), reg + 1, (u8)address);
}

void set_cursor(u8 page, u8 column, u8 row)
{
    if (page >= 8)
        return;
    set_bda16(BDA_CURSOR + page * 2, (u16)(row << 8 | column));
    if (page == bda8(BDA_PAGE))
        set_address(0x0e, bda16(BDA_PAGE_START) / 2 + row * bda16(BDA_COLUMNS) + column);
}

/* Programs that do not set BH expect that nothing comes of a page that is not there. */
void int10_set_cursor(struct frame *f)
{
    if (f->bh < 8)
        set_cursor(f->bh, f->dl, f->dh);
}

void int10_get_cursor(struct frame *f)
{
    f->cx = bda16(BDA_CURSOR_SHAPE);
    f->dx = f->bh < 8 ? get_cursor(f->bh) : 0;
}

void int10_light_pen(struct frame *f)
{
    f->ah = 0; /* there is none */
}

void int10_page(struct frame *f)
{
    const struct mode ROM *m = current_mode();
    u16 start = bda16(BDA_PAGE_SIZE) * f->al, cursor = get_cursor(f->al);

    if (!m || f->al >= m->pages)
        return;
    set_bda8(BDA_PAGE, f->al);
    set_bda16(BDA_PAGE_START, start);
    set_address(0x0c, m->kind == TEXT ? start / 2 : start);
    set_cursor(f->al, (u8)cursor, cursor >> 8);
}

void int10_get_mode(struct frame *f)
{
    f->al = bda8(BDA_MODE) | (bda8(BDA_INFO) & INFO_NO_CLEAR);
    f->ah = bda8(BDA_COLUMNS);
    f->bh = bda8(BDA_PAGE);
}

/* ---- characters ---- */

static u16 cell(const struct view *v, u8 column, u8 row)
{
    return (u16)(v->start + (row * v->columns + column) * 2u);
}

/* The next cell; true: it is on the screen. */
static bool next(const struct view *v, u8 *column, u8 *row)
{
    if (++*column >= v->columns) {
        *column = 0;
        ++*row;
    }
    return *row <= v->last_row;
}

/* cx characters from the cursor on, which stays; in text without an attribute the old ones stay. */
static void repeat(const struct frame *f, bool attribute)
{
    u16 at = get_cursor(f->bh);
    u8 column = (u8)at, row = at >> 8;
    struct view v;

    get_view(&v, f->bh);
    for (u16 n = f->cx; n; n--) {
        if (v.kind != TEXT)
            gfx_char(&v, column, row, f->al, f->bl, f->bh);
        else if (attribute)
            poke16(v.segment, cell(&v, column, row), (u16)(f->bl << 8 | f->al));
        else
            poke8(v.segment, cell(&v, column, row), f->al);
        if (!next(&v, &column, &row) && v.kind != TEXT)
            return;
    }
}

void int10_write_cell(struct frame *f)
{
    repeat(f, true);
}

void int10_write_char(struct frame *f)
{
    repeat(f, false);
}

void int10_read_cell(struct frame *f)
{
    u16 at = get_cursor(f->bh);
    struct view v;

    get_view(&v, f->bh);
    if (v.kind == TEXT)
        f->ax = peek16(v.segment, cell(&v, (u8)at, at >> 8));
    else
        f->ax = gfx_read_char(&v, (u8)at, at >> 8);
}

/* ---- scrolling ---- */

/* Text: rows of a window, from the side that the others come to. */
static void scroll_text(const struct view *v, const struct box *b, u8 n, bool down, u8 attr)
{
    u8 rows = b->bottom - b->top + 1, width = b->right - b->left + 1;

    for (u8 i = 0; i < rows; i++) {
        u8 to = down ? b->bottom - i : b->top + i;
        u8 from = down ? to - n : to + n;
        if (i < rows - n)
            copy_bytes(v->segment, cell(v, b->left, to), v->segment, cell(v, b->left, from),
                       width * 2);
        else
            fill_words(v->segment, cell(v, b->left, to), (u16)(attr << 8 | ' '), width);
    }
}

static void scroll(const struct view *v, struct box *b, u8 n, bool down, u8 attr)
{
    if (b->bottom > v->last_row)
        b->bottom = v->last_row;
    if (b->right >= v->columns)
        b->right = (u8)(v->columns - 1);
    if (b->top > b->bottom || b->left > b->right)
        return;
    if (!n || n > b->bottom - b->top)
        n = b->bottom - b->top + 1;
    if (v->kind == TEXT)
        scroll_text(v, b, n, down, attr);
    else
        gfx_scroll(v, b, n, down, attr);
}

static void scroll_window(const struct frame *f, bool down)
{
    struct box b = {f->ch, f->cl, f->dh, f->dl};
    struct view v;

    get_view(&v, bda8(BDA_PAGE));
    scroll(&v, &b, f->al, down, f->bh);
}

void int10_scroll_up(struct frame *f)
{
    scroll_window(f, false);
}

void int10_scroll_down(struct frame *f)
{
    scroll_window(f, true);
}

/* ---- teletype ---- */

/* One line up; the new one looks as where the cursor is. */
static void line_feed(const struct view *v, u8 column)
{
    struct box b = {0, 0, v->last_row, (u8)(v->columns - 1)};
    u8 attr = v->kind == TEXT ? peek8(v->segment, cell(v, column, v->last_row) + 1u) : 0;

    scroll(v, &b, 1, false, attr);
}

/* In text attr < 0 keeps the attribute that is there. */
static void type(const struct view *v, u8 page, u8 c, s16 attr)
{
    u16 at = get_cursor(page);
    u8 column = (u8)at, row = at >> 8;

    switch (c) {
    case BEL: bell(); return;
    case BS: column -= column > 0; break;
    case LF: row++; break;
    case CR: column = 0; break;
    default:
        if (v->kind != TEXT)
            gfx_char(v, column, row, c, (u8)attr, 0);
        else if (attr < 0)
            poke8(v->segment, cell(v, column, row), c);
        else
            poke16(v->segment, cell(v, column, row), (u16)(attr << 8 | c));
        next(v, &column, &row);
    }
    if (row > v->last_row) {
        row = v->last_row;
        line_feed(v, column);
    }
    set_cursor(page, column, row);
}

void int10_teletype(struct frame *f)
{
    u8 page = bda8(BDA_PAGE);
    struct view v;

    get_view(&v, page);
    type(&v, page, f->al, v.kind == TEXT ? -1 : f->bl);
}

void int10_write_string(struct frame *f)
{
    u16 from = f->bp, before = get_cursor(f->bh);
    u8 attr = f->bl;
    struct view v;

    get_view(&v, f->bh);
    if (f->dh != 0xff) /* else: from the cursor on */
        set_cursor(f->bh, f->dl, f->dh);
    for (u16 n = f->cx; n; n--) {
        u8 c = peek8(f->es, from++);
        if (f->al & 2)
            attr = peek8(f->es, from++);
        type(&v, f->bh, c, attr);
    }
    if (!(f->al & 1))
        set_cursor(f->bh, (u8)before, before >> 8);
}
