/* Mode 13h: 320 by 200 dots, a byte each, in one row at A0000h. The plasma is a sum of sines as an
 * index into a palette that turns; each dot is written anew in every picture. */
#include "bios/demo/demo.h"

#define WIDTH   320
#define HEIGHT  200
#define CAPTION 184 /* the first row of text */
#define MEMORY  ((u8 *)0xa0000)

static u32 picture;
static unsigned palette;
static bool moving;

/* Four colours to go round, of 63. */
static const u8 palettes[][4][3] = {
    {{2, 3, 16}, {46, 10, 36}, {63, 44, 14}, {10, 30, 50}},
    {{0, 6, 12}, {8, 40, 34}, {50, 60, 40}, {10, 18, 44}},
    {{6, 0, 0}, {50, 12, 0}, {63, 52, 10}, {30, 4, 18}},
    {{4, 4, 6}, {22, 24, 30}, {60, 61, 63}, {22, 24, 30}},
};

/* 0-239 are the plasma's, in four blends; 255 is for text. */
static void load_palette(void)
{
    for (u32 i = 0; i < 240; i++) {
        const u8 *a = palettes[palette][i / 60], *b = palettes[palette][(i / 60 + 1) % 4];
        u32 part = i % 60, mixed[3];
        for (unsigned c = 0; c < 3; c++)
            mixed[c] = (a[c] * (60 - part) + b[c] * part) / 60;
        set_palette((u8)i, (u8)mixed[0], (u8)mixed[1], (u8)mixed[2]);
    }
    set_palette(254, 1, 1, 3);
    set_palette(255, 63, 63, 63);
}

static void text(int x, int y, const char *s)
{
    for (; *s; s++, x += 8)
        for (int row = 0; row < 16; row++)
            for (int col = 0; col < 8; col++)
                if (glyph((u8)*s)[row] >> (7 - col) & 1)
                    MEMORY[(y + row) * WIDTH + x + col] = 255;
}

static void open_plasma(void)
{
    set_mode(0x13);
    load_palette();
    memset(MEMORY + CAPTION * WIDTH, 254, (HEIGHT - CAPTION) * WIDTH);
    text(4, CAPTION, "Mode 13h   320x200x256   P palette");
    moving = true;
}

/* What depends on the column only, or on the row, or on their sum, is computed once for each. */
static void draw_plasma(void)
{
    static u8 columns[WIDTH], diagonals[WIDTH + HEIGHT];

    if (!moving)
        return;
    picture++;
    for (u32 x = 0; x < WIDTH; x++)
        columns[x] = (u8)((sine(x * 4 + picture * 5) + sine(x * 7 - picture * 3)) >> 9);
    for (u32 i = 0; i < WIDTH + HEIGHT; i++)
        diagonals[i] = (u8)(sine(i * 3 + picture * 7) >> 9);
    for (u32 y = 0; y < CAPTION; y++) {
        u8 row =
            (u8)((sine(y * 6 - picture * 4) + sine(y * 3 + (u32)(sine(picture * 2) >> 5))) >> 9);
        u8 *to = MEMORY + y * WIDTH;
        for (u32 x = 0; x < WIDTH; x++) {
            u8 v = (u8)(row + columns[x] + diagonals[x + y] + picture);
            to[x] = (u8)(v * 240 / 256);
        }
    }
}

static void plasma_key(int key)
{
    if (key == 'p') {
        palette = (palette + 1) % ARRAY_LEN(palettes);
        load_palette();
    } else if (key == ' ') {
        moving = !moving;
    }
}

const struct page plasma_page = {
    .key = 'a',
    .name = "Mode 13h: plasma",
    .about = "320 by 200 dots of 256 colours, a byte each: the mode of games. Sums of sines, sixty "
             "thousand dots "
             "anew for each picture, and a palette to choose.",
    .hints = "P palette  Space stop  Esc menu",
    .interval = 4,
    .open = open_plasma,
    .draw = draw_plasma,
    .key_pressed = plasma_key,
    .graphics = true,
};
