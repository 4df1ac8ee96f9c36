/* The text screen on the serial port, for machines without a screen: what has changed goes out as
 * characters of UTF-8 and the escape sequences of ANSI terminals. Many of those have 24 rows, so
 * row 23 of the screen, which pages leave empty, is left out. */
#include "bios/demo/demo.h"

#define MIRRORED_ROWS 24
#define LEFT_OUT      23
#define ROOM          48 /* bytes that one cell can take */

static struct cell sent[MIRRORED_ROWS][COLS];
static int next_row, next_col;   /* where the search goes on */
static int there_row, there_col; /* of the terminal's cursor */
static int there_colour = -1;
static bool started;
static int unseen; /* cells to look at since the screen was drawn */

/* Code page 437, of what pages use. */
static const struct {
    u8 ch;
    u16 unicode;
} symbols[] = {
    {0x07, 0x2022}, {0x09, 0x25cb}, {0x0f, 0x263c}, {0x10, 0x25ba}, {0x11, 0x25c4}, {0x18, 0x2191},
    {0x19, 0x2193}, {0x1a, 0x2192}, {0x1b, 0x2190}, {0x1e, 0x25b2}, {0x1f, 0x25bc}, {0xb0, 0x2591},
    {0xb1, 0x2592}, {0xb2, 0x2593}, {0xb3, 0x2502}, {0xbf, 0x2510}, {0xc0, 0x2514}, {0xc1, 0x2534},
    {0xc2, 0x252c}, {0xc3, 0x251c}, {0xc4, 0x2500}, {0xd9, 0x2518}, {0xda, 0x250c}, {0xdb, 0x2588},
    {0xdc, 0x2584}, {0xdf, 0x2580}, {0xf8, 0x00b0}, {0xfa, 0x00b7}, {0xfe, 0x25a0},
};

/* The bytes of UTF-8 of a character. */
static unsigned encode(u8 ch, char *out)
{
    u16 code = ch >= 32 && ch < 127 ? ch : '?';

    for (unsigned i = 0; i < ARRAY_LEN(symbols); i++)
        if (symbols[i].ch == ch)
            code = symbols[i].unicode;
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    out[0] = (char)(0xe0 | code >> 12);
    out[1] = (char)(0x80 | (code >> 6 & 0x3f));
    out[2] = (char)(0x80 | (code & 0x3f));
    return 3;
}

/* The PC counts blue, green, red from bit 0 on, terminals red, green, blue. */
static u8 ansi(u8 colour)
{
    return (u8)((colour & 1) << 2 | (colour & 2) | (colour >> 2 & 1));
}

static void send_cell(int row, int col, struct cell c)
{
    char text[ROOM];
    size_t n = 0;
    u8 front = c.colour & 15, back = c.colour >> 4;

    if (row != there_row || col != there_col)
        n += (size_t)format(text, sizeof(text), "\33[%d;%dH", row + 1, col + 1);
    if (c.colour != there_colour)
        n +=
            (size_t)format(text + n, sizeof(text) - n, "\33[%d;%dm",
                           (front & 8 ? 90 : 30) + ansi(front), (back & 8 ? 100 : 40) + ansi(back));
    n += encode(c.ch, text + n);
    serial_send(text, n);
    there_row = row;
    there_col = col + 1 < COLS ? col + 1 : -1;
    there_colour = c.colour;
}

void mirror_changed(void)
{
    unseen = MIRRORED_ROWS * COLS;
}

void mirror_all(void)
{
    static const char prepare[] = "\33[0m\33[2J\33[?25l"; /* empty, no cursor */

    memset(sent, 0xff, sizeof(sent));
    there_row = there_colour = -1;
    next_row = next_col = 0;
    mirror_changed();
    started = serial_there();
    if (started)
        serial_send(prepare, sizeof(prepare) - 1);
}

/* Goes round the screen, or on with it until the line is full. */
void mirror_send(void)
{
    for (; started && unseen && serial_room() >= ROOM; unseen--) {
        struct cell c = screen[next_row < LEFT_OUT ? next_row : next_row + 1][next_col];
        struct cell *old = &sent[next_row][next_col];
        if (memcmp(&c, old, sizeof(c))) {
            *old = c;
            send_cell(next_row, next_col, c);
        }
        if (++next_col == COLS) {
            next_col = 0;
            next_row = (next_row + 1) % MIRRORED_ROWS;
        }
    }
}

/* The terminal as it was. */
void mirror_end(void)
{
    static const char restore[] = "\33[0m\33[2J\33[H\33[?25h";

    if (!started)
        return;
    while (serial_room() < sizeof(restore))
        wait_for_interrupt();
    serial_send(restore, sizeof(restore) - 1);
    for (u32 start = ticks; serial_room() < 4096 && ticks - start < TICKS_PER_SECOND;)
        wait_for_interrupt();
}
