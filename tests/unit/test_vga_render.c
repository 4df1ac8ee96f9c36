/* Small pictures of every kind of mode, dot by dot. */
#include "tests/unit/vga_rig.h"
#include "tests/fuzz/pc_setup.h"

#define A0000    0xa0000u
#define B8000    0xb8000u
#define IDENTITY 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15

/* 640 by 480, four planes */
static const struct vga_mode mode_12 = {
    0xe3,
    {0x03, 0x01, 0x0f, 0x00, 0x06},
    {0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0x0b, 0x3e, 0x00, 0x40, 0,    0,   0,
     0,    0,    0,    0xea, 0x8c, 0xdf, 0x28, 0x00, 0xe7, 0x04, 0xe3, 0xff},
    {0, 0, 0, 0, 0, 0x00, 0x05, 0x0f, 0xff},
    {IDENTITY, 0x01, 0x00, 0x0f, 0x00, 0x00},
};

/* 320 by 200, 256 colours */
static const struct vga_mode mode_13 = {
    0x63,
    {0x03, 0x01, 0x0f, 0x00, 0x0e},
    {0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0x00, 0x41, 0,    0,   0,
     0,    0,    0,    0x9c, 0x8e, 0x8f, 0x28, 0x40, 0x96, 0xb9, 0xa3, 0xff},
    {0, 0, 0, 0, 0, 0x40, 0x05, 0x0f, 0xff},
    {IDENTITY, 0x41, 0x00, 0x0f, 0x00, 0x00},
};

/* 320 by 200, four planes */
static const struct vga_mode mode_0d = {
    0x63,
    {0x03, 0x09, 0x0f, 0x00, 0x06},
    {0x2d, 0x27, 0x28, 0x90, 0x2b, 0x80, 0xbf, 0x1f, 0x00, 0xc0, 0,    0,   0,
     0,    0,    0,    0x9c, 0x8e, 0x8f, 0x14, 0x00, 0x96, 0xb9, 0xe3, 0xff},
    {0, 0, 0, 0, 0, 0x00, 0x05, 0x0f, 0xff},
    {IDENTITY, 0x01, 0x00, 0x0f, 0x00, 0x00},
};

/* 320 by 200, four colours, like a CGA */
static const struct vga_mode mode_04 = {
    0x63,
    {0x03, 0x09, 0x03, 0x00, 0x02},
    {0x2d, 0x27, 0x28, 0x90, 0x2b, 0x80, 0xbf, 0x1f, 0x00, 0xc1, 0,    0,   0,
     0,    0,    0,    0x9c, 0x8e, 0x8f, 0x14, 0x00, 0x96, 0xb9, 0xa2, 0xff},
    {0, 0, 0, 0, 0, 0x30, 0x0f, 0x0f, 0xff},
    {IDENTITY, 0x01, 0x00, 0x03, 0x00, 0x00},
};

/* 640 by 200, two colours, like a CGA */
static const struct vga_mode mode_06 = {
    0x63,
    {0x03, 0x01, 0x01, 0x00, 0x06},
    {0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0x00, 0xc1, 0,    0,   0,
     0,    0,    0,    0x9c, 0x8e, 0x8f, 0x28, 0x00, 0x96, 0xb9, 0xc2, 0xff},
    {0, 0, 0, 0, 0, 0x00, 0x0d, 0x0f, 0xff},
    {IDENTITY, 0x01, 0x00, 0x01, 0x00, 0x00},
};

static struct vga_surface screen;

static void draw(struct devtest *t, u32 width, u32 height)
{
    assert_true(vga_render(bus_find_dev(t->bus, VGA_ID), &screen));
    assert_int_equal(screen.width, width);
    assert_int_equal(screen.height, height);
}

static u32 dot(u32 x, u32 y)
{
    assert_true(x < screen.width && y < screen.height);
    return screen.pixels[y * screen.width + x];
}

/* The row of dots at (x, y), as bits: set where the colour is that. */
static u32 bits(u32 x, u32 y, unsigned n, u32 colour)
{
    u32 v = 0;
    for (unsigned i = 0; i < n; i++)
        v = v << 1 | (dot(x + i, y) == colour);
    return v;
}

static void window_write(struct devtest *t, u32 addr, unsigned size, u64 value)
{
    phys_write(t->bus->phys, addr, size, value);
}

static void start_at(struct devtest *t, u16 at)
{
    reg(t, 0x3d4, 0x0c, (u8)(at >> 8));
    reg(t, 0x3d4, 0x0d, (u8)at);
}

static void test_mode_13(void **state)
{
    struct devtest *t = *state;

    set_mode(t, &mode_13);
    for (u32 i = 0; i < 64000; i++)
        poke(t, A0000 + i, (u8)(i % 320 + i / 320 * 7));
    draw(t, 640, 400);
    for (u32 y = 0; y < 400; y += 3)
        for (u32 x = 0; x < 640; x += 7)
            assert_int_equal(dot(x, y), shade((x / 2 + y / 2 * 7) & 0xff));
    start_at(t, 80 * 10 + 1); /* ten lines and four pixels on */
    draw(t, 640, 400);
    assert_int_equal(dot(10, 20), shade((5 + 4 + 20 * 7) & 0xff));
    attr(t, 0x13, 2); /* and one pixel to the left */
    draw(t, 640, 400);
    assert_int_equal(dot(10, 20), shade((5 + 5 + 20 * 7) & 0xff));
    reg(t, 0x3d4, 0x18, 99); /* lines from 100 on show the memory's start */
    reg(t, 0x3d4, 7, 0x0f);
    reg(t, 0x3d4, 9, 0x01);
    reg(t, 0x3d4, 0x11, 0);
    reg(t, 0x3d4, 7, 0x0f);
    draw(t, 640, 400);
    assert_int_equal(dot(0, 99), shade((5 + (10 + 49) * 7) & 0xff));
    assert_int_equal(dot(0, 100), shade(1));
    assert_int_equal(dot(0, 102), shade(8));
    attr(t, 0x10, 0x61); /* panning ends at the split */
    draw(t, 640, 400);
    assert_int_equal(dot(0, 99), shade((5 + (10 + 49) * 7) & 0xff));
    assert_int_equal(dot(0, 100), shade(0));
    dt_out(t, 0x3c6, 0x0f); /* the DAC's mask */
    draw(t, 640, 400);
    assert_int_equal(dot(40, 100), shade(20 & 0x0f));
}

static void test_mode_x(void **state)
{
    struct devtest *t = *state;

    set_mode(t, &mode_13);
    reg(t, 0x3c4, 4, 0x06);
    reg(t, 0x3d4, 0x14, 0x00);
    reg(t, 0x3d4, 0x17, 0xe3);
    for (u32 p = 0; p < 4; p++) {
        reg(t, 0x3c4, 2, (u8)(1 << p));
        for (u32 i = 0; i < 80 * 400; i++)
            poke(t, A0000 + i, (u8)(i % 80 * 4 + p + i / 80 * 3));
    }
    start_at(t, 80 * 200); /* the second page */
    draw(t, 640, 400);
    for (u32 y = 0; y < 400; y += 5)
        for (u32 x = 0; x < 640; x += 9)
            assert_int_equal(dot(x, y), shade((x / 2 + (200 + y / 2) * 3) & 0xff));
    reg(t, 0x3d4, 9, 0x40); /* 400 lines */
    start_at(t, 0);
    draw(t, 640, 400);
    assert_int_equal(dot(6, 399), shade((3 + 399 * 3) & 0xff));
}

/* The hardware's own use of dword mode, chain-4 off: every fourth byte of the planes. */
static void test_dword_mode(void **state)
{
    struct devtest *t = *state;

    set_mode(t, &mode_13);
    reg(t, 0x3c4, 4, 0x06);
    set_planes(t, 4, 0x04030201);
    draw(t, 640, 400);
    assert_int_equal(dot(8, 0), shade(1));
    assert_int_equal(dot(14, 0), shade(4));
}

static void test_mode_12(void **state)
{
    struct devtest *t = *state;

    set_mode(t, &mode_12);
    set_planes(t, 0, 0x80c0e0f0); /* first pixel 15, then 7, 3, 1, 0 */
    set_planes(t, 479 * 80 + 79, 0x00000001);
    draw(t, 640, 480);
    static const u8 first[6] = {15, 7, 3, 1, 0, 0};
    for (u32 x = 0; x < 6; x++)
        assert_int_equal(dot(x, 0), shade(first[x]));
    assert_int_equal(dot(639, 479), shade(1));
    attr(t, 0x12, 0x05); /* planes 0 and 2 only */
    attr(t, 5, 0x2a);    /* palette */
    draw(t, 640, 480);
    assert_int_equal(dot(0, 0), shade(0x2a));
    attr(t, 0x14, 0x0d); /* colour select: bits 7, 6; and 5, 4 with mode bit 7 */
    draw(t, 640, 480);
    assert_int_equal(dot(0, 0), shade(0xc0 | 0x2a));
    attr(t, 0x10, 0x81);
    draw(t, 640, 480);
    assert_int_equal(dot(0, 0), shade(0xc0 | 0x10 | 0x0a));
    attr(t, 0x13, 3);
    attr(t, 0x14, 0);
    draw(t, 640, 480);
    assert_int_equal(dot(0, 0), shade(0x11 & ~0x10));
    reg(t, 0x3c4, 1, 0x21); /* screen off */
    draw(t, 640, 480);
    assert_int_equal(dot(0, 0), 0);
}

static void test_mode_0d(void **state)
{
    struct devtest *t = *state;

    set_mode(t, &mode_0d);
    set_planes(t, 40 * 3 + 39, 0x01000001); /* (319, 3) in colour 9 */
    draw(t, 640, 400);
    assert_int_equal(dot(638, 6), shade(9));
    assert_int_equal(dot(639, 7), shade(9));
    assert_int_equal(dot(637, 7) | dot(639, 5) | dot(639, 8), shade(0));
}

static void test_cga_modes(void **state)
{
    struct devtest *t = *state;

    set_mode(t, &mode_04);
    poke(t, B8000, 0x1b);                /* 0, 1, 2, 3 */
    poke(t, B8000 + 1, 0xe4);            /* 3, 2, 1, 0 */
    poke(t, B8000 + 0x2000 + 79, 0x03);  /* (319, 1) */
    poke(t, B8000 + 80 * 99 + 79, 0x02); /* (319, 198) */
    draw(t, 640, 400);
    static const u8 first[8] = {0, 1, 2, 3, 3, 2, 1, 0};
    for (u32 x = 0; x < 16; x++)
        assert_int_equal(dot(x, 1), shade(first[x / 2]));
    assert_int_equal(dot(639, 2), shade(3));
    assert_int_equal(dot(639, 3), shade(3));
    assert_int_equal(dot(639, 1) | dot(639, 4), 0);
    assert_int_equal(dot(638, 396), shade(2));

    set_mode(t, &mode_06);
    for (u32 i = 0; i < 0x4000; i++)
        poke(t, B8000 + i, 0);
    poke(t, B8000 + 80, 0x81);
    poke(t, B8000 + 0x2000 + 1, 0x40);
    draw(t, 640, 400);
    assert_int_equal(bits(0, 4, 8, shade(1)), 0x81);
    assert_int_equal(bits(8, 3, 8, shade(1)), 0x40);
    assert_int_equal(bits(8, 4, 8, shade(1)), 0);
}

/* -- text -- */

static u32 colour(unsigned i) /* of text mode's 16 */
{
    static const u32 colours[16] = {0x000000, 0x0000aa, 0x00aa00, 0x00aaaa, 0xaa0000, 0xaa00aa,
                                    0xaa5500, 0xaaaaaa, 0x555555, 0x5555ff, 0x55ff55, 0x55ffff,
                                    0xff5555, 0xff55ff, 0xffff55, 0xffffff};
    return colours[i];
}

static void test_text(void **state)
{
    struct devtest *t = *state;
    struct vga_text text = {0};
    u8 font[256][16];

    vga_set_mode3(t->bus);
    vga_font(font[0], 16);
    for (u32 i = 0; i < 256; i++)
        window_write(t, B8000 + 2 * (80 + i), 2, 0x1e00 | i);
    draw(t, 720, 400);
    for (u32 i = 0; i < 256; i++) {
        u32 x = i % 80 * 9, y = 16 + i / 80 * 16;
        bool wide = i >= 0xc0 && i <= 0xdf;
        for (u32 line = 0; line < 16; line++) {
            u32 want = (u32)font[i][line] << 1 | (wide ? font[i][line] & 1 : 0);
            assert_int_equal(bits(x, y + line, 9, colour(14)), want);
            assert_int_equal(bits(x, y + line, 9, colour(1)), want ^ 0x1ff);
        }
    }
    assert_int_equal(bits(0, 0, 9, colour(0)), 0x1ff);

    reg(t, 0x3d4, 0x0e, 0);
    reg(t, 0x3d4, 0x0f, 81);
    assert_true(vga_text(bus_find_dev(t->bus, VGA_ID), &text));
    assert_int_equal(text.columns, 80);
    assert_int_equal(text.rows, 25);
    assert_int_equal(text.cells[79], 0x0720);
    assert_int_equal(text.cells[80 + 'A'], 0x1e00 | 'A');
    assert_int_equal(text.cursor, 81);
    reg(t, 0x3d4, 0x0a, 0x2d);
    start_at(t, 80);
    assert_true(vga_text(bus_find_dev(t->bus, VGA_ID), &text));
    assert_int_equal(text.cells['B'], 0x1e00 | 'B');
    assert_int_equal(text.cursor, -1);
    vga_text_free(&text);
    set_mode(t, &mode_13);
    assert_false(vga_text(bus_find_dev(t->bus, VGA_ID), &text));
}

/* A frame takes 900 * 449 dots at 28.322 MHz; the cursor blinks every 8, characters every 16. */
static void test_cursor_and_blink(void **state)
{
    struct devtest *t = *state;
    const u64 frame = 14268343;

    vga_set_mode3(t->bus);
    window_write(t, B8000 + 2, 2, 0xcfdb); /* a white block, blinking, on red */
    reg(t, 0x3d4, 0x0f, 2);
    for (unsigned n = 0; n < 40; n += 4) {
        bool cursor = !(n / 8 % 2), block = !(n / 16 % 2);
        dt_run_to(t, n * frame + frame / 2);
        draw(t, 720, 400);
        assert_int_equal(dot(9, 5), block ? colour(15) : colour(4));
        assert_int_equal(dot(18, 12), colour(0));
        assert_int_equal(bits(18, 13, 9, colour(7)), cursor ? 0x1ff : 0);
        assert_int_equal(bits(18, 14, 9, colour(7)), cursor ? 0x1ff : 0);
        assert_int_equal(dot(18, 15), colour(0));
    }
    attr(t, 0x10, 0x04); /* intensity instead */
    draw(t, 720, 400);
    assert_int_equal(dot(9, 5), colour(15));
    assert_int_equal(dot(17, 5), colour(15)); /* line graphics */
    attr(t, 0x10, 0x00);
    draw(t, 720, 400);
    assert_int_equal(dot(17, 5), colour(12));
}

static void test_text_details(void **state)
{
    struct devtest *t = *state;

    vga_set_mode3(t->bus);
    reg(t, 0x3d4, 0x0a, 0x20);
    window_write(t, B8000, 2, 0x0120); /* underlined where CR14 says */
    reg(t, 0x3d4, 0x14, 12);
    draw(t, 720, 400);
    assert_int_equal(bits(0, 12, 9, colour(1)), 0x1ff);
    assert_int_equal(bits(0, 11, 9, colour(1)), 0);

    /* Attribute bit 3 chooses the font at 16 KiB. */
    reg(t, 0x3c4, 2, 4);
    reg(t, 0x3c4, 4, 6);
    reg(t, 0x3ce, 6, 4);
    reg(t, 0x3ce, 5, 0);
    poke(t, A0000 + 0x4000 + 'x' * 32 + 3, 0xa5);
    reg(t, 0x3c4, 2, 3);
    reg(t, 0x3c4, 4, 2);
    reg(t, 0x3ce, 6, 0x0e);
    reg(t, 0x3ce, 5, 0x10);
    window_write(t, B8000 + 2, 2, 0x0a78);
    reg(t, 0x3c4, 3, 0x04);
    draw(t, 720, 400);
    assert_int_equal(bits(9, 3, 9, colour(10)), 0xa5 << 1);
    attr(t, 0x13, 0); /* nine-dot panning begins at 8: this is one dot */
    draw(t, 720, 400);
    assert_int_equal(bits(8, 3, 9, colour(10)), 0xa5 << 1);
    attr(t, 0x13, 8);
    reg(t, 0x3d4, 8, 3); /* three lines up */
    draw(t, 720, 400);
    assert_int_equal(bits(9, 0, 9, colour(10)), 0xa5 << 1);
    reg(t, 0x3d4, 8, 0);
    reg(t, 0x3c4, 1, 1); /* eight dots */
    draw(t, 640, 400);
    assert_int_equal(bits(8, 3, 8, colour(10)), 0xa5);
    reg(t, 0x3d4, 0x0a, 0);
    reg(t, 0x3d4, 0x18, 31); /* the split: two rows, then the first again */
    reg(t, 0x3d4, 7, 0x0f);
    reg(t, 0x3d4, 9, 0x0f);
    reg(t, 0x3d4, 0x11, 0);
    reg(t, 0x3d4, 7, 0x0f);
    draw(t, 640, 400);
    assert_int_equal(bits(8, 32 + 3, 8, colour(10)), 0xa5);
    dt_in(t, 0x3da);
    dt_out(t, 0x3c0, 0); /* the border instead of the picture */
    draw(t, 640, 400);
    assert_int_equal(bits(8, 3, 8, 0), 0xff);
}

/* -- dispi -- */

static void test_depths(void **state)
{
    static const struct {
        u16 bpp;
        u32 value, colour;
    } depths[] = {
        {8, 0x9c, 0},
        {15, 0x7c1f, 0xff00ff},
        {15, 0x03e1, 0x00ff08},
        {16, 0xf81f, 0xff00ff},
        {16, 0x07e1, 0x00ff08},
        {24, 0x123456, 0x123456},
        {32, 0xff654321, 0x654321},
    };
    struct devtest *t = *state;

    set_mode(t, &mode_13); /* for the DAC */
    for (unsigned i = 0; i < ARRAY_LEN(depths); i++) {
        unsigned size = (depths[i].bpp + 7u) / 8;
        dispi(t, 4, 0);
        dispi(t, 1, 800);
        dispi(t, 2, 600);
        dispi(t, 3, depths[i].bpp);
        dispi(t, 4, 0x41);
        dispi(t, 6, 1024);
        u32 at = LFB + (599 * 1024 + 799) * size;
        for (unsigned b = 0; b < size; b++)
            poke(t, at + b, (u8)(depths[i].value >> 8 * b));
        draw(t, 800, 600);
        u32 want = i ? depths[i].colour : shade(0x9c);
        assert_int_equal(dot(799, 599), want);
        dispi(t, 8, 3);
        dispi(t, 9, 5);
        draw(t, 800, 600);
        assert_int_equal(dot(796, 594), want);
        assert_int_equal(dot(799, 599), 0);
    }
    dispi(t, 4, 0);
    dispi(t, 3, 4);
    dispi(t, 4, 0x41);
    set_planes(t, 800 / 8 * 2 + 1, 0x01000101);
    draw(t, 800, 600);
    assert_int_equal(dot(15, 2), shade(11));
    dispi(t, 4, 0);
    dispi(t, 1, 2560);
    dispi(t, 2, 1600);
    dispi(t, 3, 32);
    dispi(t, 4, 0x41);
    phys_write(t->bus->phys, LFB + 2560 * 1600 * 4 - 4, 4, 0xabcdef);
    draw(t, 2560, 1600);
    assert_int_equal(dot(2559, 1599), 0xabcdef);
}

/* The picture is a function of the state: drawing changes nothing. */
static void test_pure(void **state)
{
    struct devtest *t = *state;
    u64 before;

    vga_set_mode3(t->bus);
    before = dt_hash(t);
    draw(t, 720, 400);
    assert_true(dt_hash(t) == before);
    vga_set_mode3(t->bus);
    assert_true(dt_hash(t) == before);
}

/* In no size do two characters look the same, but those that are blank by nature. */
static void test_font(void **state)
{
    static const unsigned sizes[] = {8, 14, 16};
    u8 font[256 * 16], none[16] = {0};

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(sizes); n++) {
        unsigned rows = sizes[n];
        vga_font(font, rows);
        for (unsigned i = 0; i < 256; i++) {
            bool blank = !memcmp(font + i * rows, none, rows);
            assert_int_equal(blank, i == 0 || i == 0x20 || i == 0xff);
            for (unsigned j = 0; j < i && !blank; j++)
                if (!memcmp(font + i * rows, font + j * rows, rows))
                    fail_msg("characters %02x and %02x look the same in %u rows", j, i, rows);
        }
    }
}

static int free_screen(void **state)
{
    vga_surface_free(&screen);
    return vga_teardown(state);
}

#define T(f) cmocka_unit_test_setup_teardown(f, vga_setup, free_screen)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_mode_13),      T(test_mode_x),    T(test_dword_mode), T(test_mode_12),
        T(test_mode_0d),      T(test_cga_modes), T(test_text),       T(test_cursor_and_blink),
        T(test_text_details), T(test_depths),    T(test_pure),       cmocka_unit_test(test_font),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
