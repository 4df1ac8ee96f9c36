/* Mode X: mode 13h with its four planes apart, so that all of the card's 256 KiB can be used. There
 * is room for two pages: one is shown while the other is drawn, and a change of the start address
 * exchanges them. The split screen shows a panel from address 0, below, while the pages move above
 * it. */
#include "bios/demo/demo.h"

#define WIDTH      320
#define STRIDE     (WIDTH / 4)
#define HEIGHT     240
#define PANEL_ROWS 40
#define ROWS_ABOVE (HEIGHT - PANEL_ROWS)
#define PAGE_AT(n) (PANEL_ROWS * STRIDE + (n)*HEIGHT * STRIDE)
#define MEMORY     ((volatile u8 *)0xa0000)
#define CRTC       0x3d4
#define SEQUENCER  0x3c4

#define STARS   160
#define POINTS  700
#define RADIUS  78
#define SHADES  64
#define FIRST   1 /* of the shades of the globe */
#define STAR_AT 80
#define PAPER   250
#define INK     251

static u32 picture, hidden; /* the page that is not shown */
static int split = HEIGHT;  /* row at which the panel begins */
static int split_goal = ROWS_ABOVE;

static struct star {
    s16 x, y, z;
} stars[STARS];

/* Of the globe, by thirty-two thousandths of its radius. */
static struct point {
    s16 x, y, z;
} points[POINTS];

static void planes(u8 mask)
{
    register_write(SEQUENCER, 2, mask);
}

/* Chain-4 off in the sequencer, bytes instead of doublewords in the CRTC, and 480 lines of which
 * each dot takes two. */
static void unchain(void)
{
    static const u8 crtc[][2] = {{0x11, 0x0c}, {0x06, 0x0d}, {0x07, 0x3e}, {0x10, 0xea},
                                 {0x12, 0xdf}, {0x14, 0x00}, {0x15, 0xe7}, {0x16, 0x06},
                                 {0x17, 0xe3}, {0x11, 0x8c}};

    set_mode(0x13);
    register_write(SEQUENCER, 4, 0x06);
    outb(0x3c2, 0xe3);
    for (unsigned i = 0; i < ARRAY_LEN(crtc); i++)
        register_write(CRTC, crtc[i][0], crtc[i][1]);
    planes(15);
    for (u32 i = 0; i < 0x10000; i++)
        MEMORY[i] = 0;
}

/* The row from which on address 0 is shown: ten bits in three registers. Lines are doubled. */
static void set_split(int row)
{
    u32 line = (u32)row * 2 - 1;

    register_write(CRTC, 0x18, (u8)line);
    register_write(CRTC, 0x07, (u8)(0x2e | (line >> 8 & 1) << 4));
    register_write(CRTC, 0x09, (u8)(0x01 | (line >> 9 & 1) << 6));
}

static void show(u32 start)
{
    register_write(CRTC, 0x0c, (u8)(start >> 8));
    register_write(CRTC, 0x0d, (u8)start);
}

static void make_palette(void)
{
    for (u32 i = 0; i < SHADES; i++) {
        set_palette((u8)(FIRST + i), (u8)(4 + i * 58 / SHADES), (u8)(10 + i * 42 / SHADES),
                    (u8)(30 - i * 10 / SHADES));
        set_palette((u8)(STAR_AT + i), (u8)i, (u8)i, (u8)(i * 9 / 10 + 6));
    }
    set_palette(PAPER, 6, 9, 20);
    set_palette(INK, 60, 48, 20);
}

/* Each plane has every fourth column. */
static void panel_text(int x, int y, const char *s)
{
    for (; *s; s++, x += 8)
        for (int col = 0; col < 8; col++) {
            planes((u8)(1 << ((x + col) & 3)));
            for (int row = 0; row < 16; row++)
                if (glyph((u8)*s)[row] >> (7 - col) & 1)
                    MEMORY[(y + row) * STRIDE + (x + col) / 4] = INK;
        }
}

static void draw_panel(void)
{
    planes(15);
    for (u32 i = 0; i < PANEL_ROWS * STRIDE; i++)
        MEMORY[i] = i < STRIDE ? INK : PAPER;
    panel_text(8, 4, "Mode X   320x240x256   two pages");
    panel_text(8, 20, "This panel: split screen");
}

/* Points go round the globe in a spiral, so they lie evenly. */
static void make_globe(void)
{
    for (u32 i = 0; i < POINTS; i++) {
        int z = SINE_ONE - (int)(2 * i * SINE_ONE / (POINTS - 1));
        int r = (int)square_root((u32)(SINE_ONE * SINE_ONE - z * z));
        u32 turn = i * 391; /* the golden angle, of 1024 */
        points[i] = (struct point){(s16)(r * cosine(turn) / SINE_ONE), (s16)z,
                                   (s16)(r * sine(turn) / SINE_ONE)};
    }
    for (u32 i = 0; i < STARS; i++)
        stars[i] =
            (struct star){(s16)(random_number() % 640 - 320), (s16)(random_number() % 480 - 240),
                          (s16)(random_number() % 256 + 1)};
}

static void open_modex(void)
{
    unchain();
    make_palette();
    if (!points[0].y)
        make_globe();
    draw_panel();
    split = HEIGHT;
    set_split(split);
}

/* ---- a picture ---- */

static struct dot {
    s16 x, y;
    u8 colour;
} dots[STARS + POINTS * 4];
static u32 dot_count;

static void add_dot(int x, int y, u8 colour)
{
    if (x >= 0 && x < WIDTH && y >= 0 && y < HEIGHT)
        dots[dot_count++] = (struct dot){(s16)x, (s16)y, colour};
}

static void add_stars(void)
{
    for (u32 i = 0; i < STARS; i++) {
        struct star *s = &stars[i];
        s->z = (s16)(s->z > 3 ? s->z - 2 : 256);
        add_dot(WIDTH / 2 + s->x * 96 / s->z, HEIGHT / 2 - 16 + s->y * 96 / s->z,
                (u8)(STAR_AT + 63 - s->z / 5));
    }
}

/* Turned about the vertical, then tilted; what is nearer is brighter. */
static void add_globe(void)
{
    int c = cosine(picture * 3), s = sine(picture * 3), ct = cosine(60), st = sine(60);

    for (u32 i = 0; i < POINTS; i++) {
        const struct point *p = &points[i];
        int x = (p->x * c - p->z * s) / SINE_ONE, depth = (p->x * s + p->z * c) / SINE_ONE;
        int y = (p->y * ct - depth * st) / SINE_ONE;
        depth = (p->y * st + depth * ct) / SINE_ONE;
        u8 shade = (u8)(FIRST + (SINE_ONE - depth) * (SHADES - 1) / (2 * SINE_ONE));
        int sx = WIDTH / 2 + x * RADIUS / SINE_ONE, sy = HEIGHT / 2 - 18 + y * RADIUS / SINE_ONE;
        for (int part = 0; part < (depth < 0 ? 4 : 1); part++)
            add_dot(sx + part % 2, sy + part / 2, shade);
    }
}

/* One pass for each plane: changing the plane is dearer than looking at a dot four times. */
static void plot(u32 page)
{
    for (u32 plane = 0; plane < 4; plane++) {
        planes((u8)(1 << plane));
        for (u32 i = 0; i < dot_count; i++)
            if ((dots[i].x & 3) == (s16)plane)
                MEMORY[page + (u32)dots[i].y * STRIDE + (u32)dots[i].x / 4] = dots[i].colour;
    }
}

static void draw_modex(void)
{
    u32 page = PAGE_AT(hidden);

    picture++;
    planes(15);
    memset((u8 *)MEMORY + page, 0, HEIGHT * STRIDE); /* four dots a byte */
    dot_count = 0;
    add_stars();
    add_globe();
    plot(page);
    show(page);
    hidden ^= 1;
    if (split != split_goal) {
        split += split < split_goal ? 1 : -1;
        set_split(split);
    }
}

static void modex_key(int key)
{
    if (key == 's')
        split_goal = split_goal == HEIGHT ? ROWS_ABOVE : HEIGHT;
}

const struct page modex_page = {
    .key = 'b',
    .name = "Mode X: pages and split screen",
    .about = "320 by 240 with the four planes apart. Two pages change places, so no half-drawn "
             "picture is seen; "
             "below, a panel that the split screen keeps still.",
    .hints = "S split screen  Esc menu",
    .interval = 4,
    .open = open_modex,
    .draw = draw_modex,
    .key_pressed = modex_key,
    .graphics = true,
};
