/* The screen in the terminal, with ncurses: text modes cell by cell, graphics modes as a line that
 * says so. Terminals report characters, not keys, and no releases: each becomes a stroke on a US
 * keyboard. Ctrl-A is the escape, as on a serial port. Manual, "In the terminal". */
#define _XOPEN_SOURCE_EXTENDED 1
#include "frontend/display.h"

#ifdef HAVE_CURSES
#include <curses.h>
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <wchar.h>

#include "frontend/chardevs.h"
#include "frontend/cp437.h"
#include "frontend/session.h"
#include "frontend/typist.h"

#define ESCAPE       1 /* Ctrl-A */
#define ESC          0x1b
#define ESC_DELAY_MS 25 /* after which an Esc stands for itself */
#define SIZES        48

struct curses {
    struct session *session;
    struct loop_source source;
    int watch;
    SCREEN *screen;
    struct orrery_text text, shown;
    struct typist typist;
    bool unicode, bright; /* the terminal has 16 colours */
    bool escape, stale;   /* Ctrl-A came; all has to be drawn anew */
    bool helping;         /* until the next key */
    int left, top;        /* cell in the terminal's corner, where it is the smaller */
};

/* ---- the screen ---- */

/* Red and blue change places between the PC's colours and a terminal's. */
static short colour(unsigned pc)
{
    return (short)((pc & 10) | (pc & 1) << 2 | (pc >> 2 & 1));
}

/* Each attribute has its pair of colours, made when it is first used. */
static void set_attribute(const struct curses *c, uint8_t attr)
{
    unsigned front = attr & (c->bright ? 15u : 7u), back = attr >> 4 & 7u;
    int pair = (int)(front << 3 | back) + 1;
    attr_t style = (attr & 0x80 ? A_BLINK : 0) | (!c->bright && attr & 8 ? A_BOLD : 0);
    short old_front, old_back;

    if (!has_colors()) {
        attr_set(style | (attr & 8 ? A_BOLD : 0) | (back ? A_REVERSE : 0), 0, NULL);
        return;
    }
    if (pair_content((short)pair, &old_front, &old_back) == ERR || old_front != colour(front) ||
        old_back != colour(back))
        init_pair((short)pair, colour(front), colour(back));
    attr_set(style, (short)pair, NULL);
}

static void put_cell(const struct curses *c, int y, int x, uint16_t cell)
{
    wchar_t wide[2] = {cp437_unicode[cell & 255], 0};

    set_attribute(c, (uint8_t)(cell >> 8));
    if (c->unicode)
        mvaddnwstr(y, x, wide, 1);
    else
        mvaddch(y, x, (chtype)(unsigned char)cp437_ascii((uint8_t)cell));
}

/* Where the view begins so that the cursor is in it. */
static int view(int from, int cells, int room, int cursor)
{
    if (cells <= room)
        return 0;
    if (cursor >= from + room)
        from = cursor - room + 1;
    if (cursor >= 0 && cursor < from)
        from = cursor;
    return from < cells - room ? from : cells - room;
}

static void draw_text(struct curses *c)
{
    const struct orrery_text *t = &c->shown;
    int columns = (int)t->columns, rows = (int)t->rows;
    int cursor_x = t->cursor < 0 ? -1 : t->cursor % columns;
    int cursor_y = t->cursor < 0 ? -1 : t->cursor / columns;

    c->left = view(c->left, columns, COLS, cursor_x);
    c->top = view(c->top, rows, LINES, cursor_y);
    for (int y = 0; y < rows - c->top && y < LINES; y++)
        for (int x = 0; x < columns - c->left && x < COLS; x++)
            put_cell(c, y, x, t->cells[(y + c->top) * columns + x + c->left]);
    curs_set(t->cursor >= 0);
    if (t->cursor >= 0)
        move(cursor_y - c->top, cursor_x - c->left);
}

static void draw_graphics(struct curses *c)
{
    const struct orrery_screen *s = &c->session->displays.screen;
    char line[SIZES];

    snprintf(line, sizeof(line), "%u x %u graphics", s->width, s->height);
    erase();
    attr_set(A_NORMAL, 0, NULL);
    mvaddstr(LINES / 2, COLS > (int)strlen(line) ? (COLS - (int)strlen(line)) / 2 : 0, line);
    curs_set(0);
    c->stale = true;
}

static bool is_black(const struct orrery_screen *s)
{
    for (size_t i = 0; i < (size_t)s->width * s->height; i++)
        if (s->pixels[i])
            return false;
    return true;
}

static bool same_text(const struct orrery_text *a, const struct orrery_text *b)
{
    return a->columns == b->columns && a->rows == b->rows && a->cursor == b->cursor &&
           !memcmp(a->cells, b->cells, (size_t)a->columns * a->rows * sizeof(*a->cells));
}

/* Not every change of the text is one of the picture: a cursor may be invisible. */
static void curses_refresh(struct display *d)
{
    struct curses *c = d->state;
    struct orrery_text before = c->shown;

    if (c->helping)
        return;
    if (orrery_text(d->session->machine, &c->text)) {
        if (!c->stale && before.cells && same_text(&c->text, &before))
            return;
        if (c->stale || before.columns != c->text.columns || before.rows != c->text.rows)
            erase();
        c->stale = false;
        c->shown = c->text;
        c->text = before;
        draw_text(c);
    } else if (!d->session->displays.nchanged && c->stale) {
        return;
    } else if (is_black(&d->session->displays.screen)) {
        erase();
        c->stale = true;
    } else {
        draw_graphics(c);
    }
    refresh();
}

static bool curses_active(const struct display *d)
{
    (void)d;
    return true;
}

/* ---- the keyboard ---- */

/* Keys that ncurses reports by name. Shifted function keys are those from F13 on. */
static void type_named(struct curses *c, wint_t code, unsigned modifiers)
{
    static const struct {
        wint_t code;
        const char *name;
        unsigned modifiers;
    } named[] = {
        {KEY_UP, "up", 0},
        {KEY_DOWN, "down", 0},
        {KEY_LEFT, "left", 0},
        {KEY_RIGHT, "right", 0},
        {KEY_HOME, "home", 0},
        {KEY_END, "end", 0},
        {KEY_PPAGE, "pgup", 0},
        {KEY_NPAGE, "pgdn", 0},
        {KEY_IC, "insert", 0},
        {KEY_DC, "delete", 0},
        {KEY_BACKSPACE, "backspace", 0},
        {KEY_ENTER, "kp_enter", 0},
        {KEY_BTAB, "tab", TYPE_SHIFT},
        {KEY_SLEFT, "left", TYPE_SHIFT},
        {KEY_SRIGHT, "right", TYPE_SHIFT},
        {KEY_SR, "up", TYPE_SHIFT},
        {KEY_SF, "down", TYPE_SHIFT},
        {KEY_SHOME, "home", TYPE_SHIFT},
        {KEY_SEND, "end", TYPE_SHIFT},
        {KEY_SDC, "delete", TYPE_SHIFT},
        {KEY_SIC, "insert", TYPE_SHIFT},
        {KEY_A1, "kp_7", 0},
        {KEY_A3, "kp_9", 0},
        {KEY_B2, "kp_5", 0},
        {KEY_C1, "kp_1", 0},
        {KEY_C3, "kp_3", 0},
    };
    static const unsigned function[] = {0, TYPE_SHIFT, TYPE_CTRL, TYPE_CTRL | TYPE_SHIFT, TYPE_ALT};
    char name[8];

    if (code > (wint_t)KEY_F(0) && code <= (wint_t)KEY_F(60)) {
        unsigned n = (unsigned)(code - (wint_t)KEY_F(1));
        snprintf(name, sizeof(name), "f%u", n % 12 + 1);
        typist_named(&c->typist, name, modifiers | function[n / 12]);
        return;
    }
    for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
        if (named[i].code == code)
            typist_named(&c->typist, named[i].name, modifiers | named[i].modifiers);
}

static void help(struct curses *c)
{
    static const char *const lines[] = {
        " Ctrl-A H       this help             ", " Ctrl-A X       end the emulator      ",
        " Ctrl-A S       save the screen       ", " Ctrl-A D       send Ctrl-Alt-Delete  ",
        " Ctrl-A Ctrl-A  send Ctrl-A           ", " Esc and a key  the key with Alt      "};

    attr_set(A_REVERSE, 0, NULL);
    for (int i = 0; i < (int)(sizeof(lines) / sizeof(lines[0])); i++)
        mvaddstr(i, 0, lines[i]);
    refresh();
    c->helping = true;
}

static void after_escape(struct curses *c, wint_t key)
{
    switch (key) {
    case 'x':
    case 'X': c->session->quit = true; break;
    case 's':
    case 'S': display_save_picture(c->session); break;
    case 'd':
    case 'D': typist_named(&c->typist, "delete", TYPE_CTRL | TYPE_ALT); break;
    case ESCAPE: typist_char(&c->typist, ESCAPE, 0); break;
    default: help(c); break;
    }
}

static void on_key(struct curses *c, int kind, wint_t key, unsigned modifiers)
{
    if (c->helping)
        c->stale = true;
    c->helping = false;
    if (kind == KEY_CODE_YES && key == KEY_RESIZE)
        c->stale = true;
    else if (kind == KEY_CODE_YES)
        type_named(c, key, modifiers);
    else if (c->escape)
        after_escape(c, key);
    else if (key != ESCAPE)
        typist_char(&c->typist, key, modifiers);
    c->escape = kind == OK && key == ESCAPE && !c->escape;
}

/* A key with modifiers that the terminal's description does not know, as xterm and its like send
 * it: CSI number ; modifiers ~, or CSI 1 ; modifiers letter. What else looks like one is left out.
 */
static void on_sequence(struct curses *c)
{
    static const struct {
        unsigned number;
        char final;
        const char *name;
    } keys[] = {{1, 'A', "up"},     {1, 'B', "down"},   {1, 'C', "right"}, {1, 'D', "left"},
                {1, 'F', "end"},    {1, 'H', "home"},   {1, 'P', "f1"},    {1, 'Q', "f2"},
                {1, 'R', "f3"},     {1, 'S', "f4"},     {1, 'Z', "tab"},   {1, '~', "home"},
                {2, '~', "insert"}, {3, '~', "delete"}, {4, '~', "end"},   {5, '~', "pgup"},
                {6, '~', "pgdn"},   {15, '~', "f5"},    {17, '~', "f6"},   {18, '~', "f7"},
                {19, '~', "f8"},    {20, '~', "f9"},    {21, '~', "f10"},  {23, '~', "f11"},
                {24, '~', "f12"}};
    unsigned number[2] = {0, 0}, at = 0, shift, modifiers;
    wint_t key = 0;

    while (get_wch(&key) == OK && key < '@') {
        if (key == ';')
            at = 1;
        else if (key >= '0' && key <= '9')
            number[at] = (number[at] * 10 + (unsigned)(key - '0')) % 1000;
    }
    shift = number[1] ? number[1] - 1 : 0; /* bits: Shift, Alt, Ctrl */
    modifiers = (shift & 1 ? TYPE_SHIFT : 0) | (shift & 2 ? TYPE_ALT : 0) |
                (shift & 4 ? TYPE_CTRL : 0) | (key == 'Z' ? TYPE_SHIFT : 0);
    number[0] += !number[0];
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (keys[i].number == number[0] && (wint_t)keys[i].final == key)
            typist_named(&c->typist, keys[i].name, modifiers);
}

/* Esc with something right behind it is Alt with that, or the beginning of a sequence. */
static void on_esc(struct curses *c)
{
    wint_t key = 0, next = 0;
    int kind;

    timeout(ESC_DELAY_MS);
    kind = get_wch(&key);
    timeout(0);
    if (kind == ERR) {
        on_key(c, OK, ESC, 0);
    } else if (kind == OK && key == '[' && get_wch(&next) == OK) {
        unget_wch((wchar_t)next);
        on_sequence(c);
    } else {
        on_key(c, kind, key, TYPE_ALT);
    }
}

static void prepare(void *opaque, struct loop *loop)
{
    struct curses *c = opaque;

    c->watch = loop_watch(loop, STDIN_FILENO, POLLIN);
}

static void dispatch(void *opaque, struct loop *loop)
{
    struct curses *c = opaque;
    wint_t key = 0;
    int kind;

    if (loop_ready(loop, c->watch) & (POLLHUP | POLLERR))
        c->session->quit = true;
    while ((kind = get_wch(&key)) != ERR) {
        displays_wake(c->session, false);
        if (kind == OK && key == ESC)
            on_esc(c);
        else
            on_key(c, kind, key, 0);
    }
}

/* ---- life ---- */

static bool start(struct curses *c)
{
    setlocale(LC_CTYPE, "");
    c->unicode = !strcmp(nl_langinfo(CODESET), "UTF-8");
    c->screen = newterm(NULL, stdout, stdin);
    if (!c->screen)
        return false;
    raw();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    set_escdelay(ESC_DELAY_MS);
    timeout(0);
    if (has_colors())
        start_color();
    c->bright = COLORS >= 16 && COLOR_PAIRS > 16 * 8;
    return true;
}

static bool curses_open(struct display *d)
{
    struct curses *c = d->state = calloc(1, sizeof(*c));

    if (!c)
        return complain("-display curses: out of memory");
    c->session = d->session;
    c->stale = true;
    if (*d->arg && strcasecmp(d->arg, ",charset=CP437") != 0) /* QEMU's name of what is always so */
        return complain("-display curses: unknown property '%s'", d->arg + 1);
    if (chr_stdio_of(d->session))
        return complain("-display curses: standard input and output are taken already");
    if (d->session->options.daemonize)
        return complain("-display curses: a process in the background has no terminal");
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return complain("-display curses: standard input and output are no terminal");
    if (!start(c))
        return complain("-display curses: no such terminal: TERM is '%s'",
                        getenv("TERM") ? getenv("TERM") : "");
    c->source = (struct loop_source){.prepare = prepare, .dispatch = dispatch, .opaque = c};
    loop_add(&c->session->loop, &c->source);
    typist_open(&c->typist, c->session->machine, c->session->options.display.layout,
                &c->session->loop);
    return true;
}

static void curses_close(struct display *d)
{
    struct curses *c = d->state;

    if (c && c->screen) {
        endwin();
        delscreen(c->screen);
    }
    if (c) {
        orrery_text_free(&c->text);
        orrery_text_free(&c->shown);
    }
    free(c);
}

static const struct display_type type = {
    .name = "curses",
    .open = curses_open,
    .active = curses_active,
    .refresh = curses_refresh,
    .close = curses_close,
};

const struct display_type *const display_curses = &type;
#endif
