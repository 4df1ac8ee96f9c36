/* The text screen: pages draw into an array, screen_show() copies what has changed to the VGA at
 * B8000h. Mode 3 has 16 colours out of 262144; we choose our own. */
#include "bios/demo/demo.h"

#include <stdarg.h>

#define VGA_TEXT ((volatile struct cell *)0xb8000)

struct cell screen[ROWS][COLS];

static struct cell shown[ROWS][COLS];
static bool text_mode;

static struct hot_place {
    u8 row, col, width;
    u16 key;
} places[40];
static unsigned place_count;

/* Red, green, blue, of 63. In the order of the PC's own colours and near to them, because a
 * terminal that mirrors the screen has those. */
static const u8 theme[16][3] = {
    [DARK] = {2, 3, 7},          [PANEL] = {6, 9, 20},          [GREEN] = {26, 44, 28},
    [CYAN] = {22, 44, 52},       [RED] = {46, 14, 16},          [VIOLET] = {40, 30, 54},
    [GOLD] = {56, 41, 15},       [TEXT] = {51, 54, 59},         [DIM] = {31, 36, 47},
    [BAR] = {13, 22, 46},        [BRIGHT_GREEN] = {38, 60, 36}, [BRIGHT_CYAN] = {32, 57, 63},
    [BRIGHT_RED] = {63, 26, 24}, [PINK] = {58, 42, 60},         [YELLOW] = {63, 55, 24},
    [WHITE] = {63, 63, 63},
};

void screen_text_mode(void)
{
    struct bios_regs mode = {.eax = 0x0003}, blink = {.eax = 0x1003},
                     cursor = {.eax = 0x0100, .ecx = 0x2000};

    firmware(0x10, &mode);
    firmware(0x10, &blink);  /* off: 16 backgrounds instead of 8 */
    firmware(0x10, &cursor); /* off */
    for (u8 i = 0; i < 16; i++) {
        u8 entry = i == GOLD ? 0x14 : i < 8 ? i : 0x30 + i; /* brown is apart since the EGA */
        set_palette(entry, theme[i][0], theme[i][1], theme[i][2]);
    }
    text_mode = true;
    memset(shown, 0xff, sizeof(shown));
    mouse_area(COLS * 8, ROWS * 16);
}

void screen_graphics(void)
{
    text_mode = false;
}

static void show_cell(int row, int col, struct cell c)
{
    volatile struct cell *to = &VGA_TEXT[row * COLS + col];

    if (!memcmp(&c, &shown[row][col], sizeof(c)))
        return;
    shown[row][col] = c;
    to->ch = c.ch;
    to->colour = c.colour;
}

/* A mouse that has moved is shown as a cell in gold. */
void screen_show(void)
{
    int pointed = mouse.packets ? mouse.y / 16 * COLS + mouse.x / 8 : -1;

    for (int row = 0; text_mode && row < ROWS; row++)
        for (int col = 0; col < COLS; col++) {
            struct cell c = screen[row][col];
            if (row * COLS + col == pointed)
                c.colour = ON(DARK, GOLD);
            show_cell(row, col, c);
        }
}

void screen_clear(void)
{
    place_count = 0;
    fill(0, 0, ROWS, COLS, ' ', ON(TEXT, DARK));
}

void fill(int row, int col, int height, int width, u8 ch, u8 colour)
{
    for (int r = row; r < row + height && r < ROWS; r++)
        for (int c = col; c < col + width && c < COLS; c++)
            screen[r][c] = (struct cell){ch, colour};
}

void put(int row, int col, u8 colour, const char *fmt, ...)
{
    char text[COLS + 1];
    va_list list;

    va_start(list, fmt);
    int n = format_list(text, sizeof(text), fmt, list);
    va_end(list);
    for (int i = 0; i < n && col + i < COLS; i++)
        screen[row][col + i] = (struct cell){(u8)text[i], colour};
}

void box(int row, int col, int height, int width, const char *title)
{
    int bottom = row + height - 1, right = col + width - 1;

    fill(row, col, height, width, ' ', ON(TEXT, PANEL));
    fill(row, col, 1, width, 0xc4, ON(DIM, PANEL));
    fill(bottom, col, 1, width, 0xc4, ON(DIM, PANEL));
    fill(row, col, height, 1, 0xb3, ON(DIM, PANEL));
    fill(row, right, height, 1, 0xb3, ON(DIM, PANEL));
    screen[row][col].ch = 0xda;
    screen[row][right].ch = 0xbf;
    screen[bottom][col].ch = 0xc0;
    screen[bottom][right].ch = 0xd9;
    if (title)
        put(row, col + 2, ON(GOLD, PANEL), " %s ", title);
}

int paragraph(int row, int col, int width, u8 colour, const char *text)
{
    while (*text) {
        int end = 0, at = 0;
        while (text[at] && text[at] != '\n' && at <= width) {
            at++;
            if (!text[at] || text[at] == ' ' || text[at] == '\n')
                end = at <= width ? at : end;
        }
        for (int i = 0; i < end; i++)
            put(row, col + i, colour, "%c", text[i]);
        row++;
        text += end;
        text += *text == ' ' || *text == '\n';
    }
    return row;
}

void hot(int row, int col, int width, int key)
{
    if (place_count < ARRAY_LEN(places))
        places[place_count++] = (struct hot_place){(u8)row, (u8)col, (u8)width, (u16)key};
}

int hot_key(int row, int col)
{
    for (unsigned i = 0; i < place_count; i++)
        if (places[i].row == row && col >= places[i].col && col < places[i].col + places[i].width)
            return places[i].key;
    return KEY_NONE;
}
