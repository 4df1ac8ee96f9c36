/* Mode 12h: 640 by 480 dots of 16 colours, in four planes of a bit each at the same addresses. The
 * moon in its phases, in 16 greys that ordered dithering makes many of; and each plane can be
 * hidden, to see what it has. */
#include "bios/demo/demo.h"

#define WIDTH   640
#define HEIGHT  480
#define STRIDE  (WIDTH / 8)
#define MEMORY  ((u8 *)0xa0000)
#define RADIUS  64
#define MOONS   8
#define COLUMNS 4

static u8 shown; /* planes */

/* A threshold for each dot of 4 by 4: neighbours round differently, and the eye sees what is
 * between. */
static const u8 thresholds[4][4] = {{0, 8, 2, 10}, {12, 4, 14, 6}, {3, 11, 1, 9}, {15, 7, 13, 5}};

static const char *const names[MOONS] = {
    "new",  "waxing crescent", "first quarter", "waxing gibbous",
    "full", "waning gibbous",  "last quarter",  "waning crescent"};

static const struct crater {
    s8 x, y;
    u8 radius, depth;
} craters[] = {{-20, -30, 16, 60}, {24, -18, 12, 70}, {-34, 10, 10, 50}, {8, 14, 18, 56},
               {30, 26, 8, 60},    {-12, 42, 12, 64}, {-44, -14, 6, 40}, {44, 2, 6, 44},
               {2, -50, 7, 50},    {16, 46, 5, 60}};

static u8 planes[4][STRIDE]; /* a row of dots */
static char labels[HEIGHT / 16][WIDTH / 8];

static void add_dot(int x, u8 colour)
{
    for (unsigned p = 0; p < 4; p++)
        if (colour >> p & 1)
            planes[p][x / 8] |= (u8)(0x80 >> (x & 7));
}

/* A write goes to the planes that the map mask lets through. */
static void write_row(int y)
{
    for (unsigned p = 0; p < 4; p++) {
        register_write(0x3c4, 2, (u8)(1 << p));
        memcpy(MEMORY + y * STRIDE, planes[p], STRIDE);
    }
}

/* Brightness 0-255 of the surface, darker in the craters. */
static int surface(int x, int y)
{
    int v = 255;

    for (unsigned i = 0; i < ARRAY_LEN(craters); i++) {
        const struct crater *c = &craters[i];
        int dx = x - c->x, dy = y - c->y, r = c->radius, d = dx * dx + dy * dy;
        if (d < r * r)
            v -= c->depth * (r * r - d) / (r * r) + 10;
    }
    return v;
}

/* The light comes from the side by the angle of the phase: its cosine with the surface's normal. */
static int moon(unsigned phase, int x, int y)
{
    int rest = RADIUS * RADIUS - x * x - y * y;
    u32 angle = phase * SINE_STEPS / MOONS;

    if (rest < 0)
        return 0;
    int z = (int)square_root((u32)rest * 16) / 4;
    int light = (x * sine(angle) - z * cosine(angle)) / RADIUS;
    int v = light > 0 ? surface(x, y) * light / SINE_ONE : 0;
    return v + 10;
}

static int brightness(int x, int y)
{
    int col = x / (WIDTH / COLUMNS), row = y < 260 ? 0 : 1;
    int cx = col * (WIDTH / COLUMNS) + WIDTH / COLUMNS / 2, cy = row ? 340 : 150;

    if (y < 80 || y > 410)
        return 0;
    return moon((unsigned)(row * COLUMNS + col), x - cx, y - cy);
}

static void draw_row(int y)
{
    memset(planes, 0, sizeof(planes));
    for (int x = 0; x < WIDTH; x++) {
        int v = brightness(x, y) * 15 + thresholds[y & 3][x & 3] * 16;
        if (v >= 256)
            add_dot(x, (u8)(v >> 8 > 15 ? 15 : v >> 8));
        char c = labels[y / 16][x / 8];
        if (c && glyph((u8)c)[y & 15] >> (7 - (x & 7)) & 1)
            add_dot(x, 15);
    }
    write_row(y);
}

static void label(int row, int centre, const char *text)
{
    memcpy(&labels[row][centre - (int)strlen(text) / 2], text, strlen(text));
}

static void open_planar(void)
{
    set_mode(0x12);
    for (u8 i = 0; i < 16; i++) {
        attribute_write(i, i);
        set_palette(i, (u8)(1 + i * 62 / 15), (u8)(2 + i * 58 / 15), (u8)(6 + i * 48 / 15));
    }
    memset(labels, 0, sizeof(labels));
    label(2, COLUMNS * 10, "Mode 12h: 640x480, 16 colours in four planes");
    for (unsigned i = 0; i < MOONS; i++)
        label(i < COLUMNS ? 14 : 26, (int)(i % COLUMNS) * 20 + 10, names[i]);
    label(28, COLUMNS * 10, "keys 1-4: a plane away and back");
    for (int y = 0; y < HEIGHT; y++)
        draw_row(y);
    shown = 15;
}

/* Color Plane Enable, of the attribute controller: bits of hidden planes read as zero. */
static void draw_planar(void)
{
    attribute_write(0x12, shown);
}

static void planar_key(int key)
{
    if (key >= '1' && key <= '4')
        shown ^= (u8)(1 << (key - '1'));
}

const struct page planar_page = {
    .key = 'c',
    .name = "Mode 12h: four planes",
    .about = "640 by 480 dots of 16 colours: each colour's four bits lie in four planes at one "
             "address. The phases "
             "of the moon, dithered; hide a plane and see what it holds.",
    .hints = "1 2 3 4 planes  Esc menu",
    .interval = 20,
    .open = open_planar,
    .draw = draw_planar,
    .key_pressed = planar_key,
    .graphics = true,
};
