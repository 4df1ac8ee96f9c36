/* The page that has our name: the sun and what goes round it, in a linear frame buffer of 800 by
 * 600 dots, with a mouse pointer. What does not move (stars, orbits, the sun's glow) is a picture
 * in memory. Whatever moves is drawn over a piece of that in a small tile, which then goes to the
 * screen whole: nothing flickers. */
#include "bios/demo/demo.h"
#include "bios/demo/sphere.h"

#define WIDTH     800
#define HEIGHT    600
#define CENTRE_X  (WIDTH / 2)
#define CENTRE_Y  (HEIGHT / 2 + 8)
#define BACKDROP  ((u32 *)0x100000) /* free memory: 1.9 MB from 1 MiB on */
#define TILT      8192              /* sine of our height above the orbits */
#define TILT_FAR  14189             /* its cosine */
#define GLOW      190
#define TILE_DOTS (400 * 100)
#define MAX_SPEED 8 /* of two to the power: 256 sixteenths of a day a picture */
#define NOBODY    (-1)

struct area {
    int x, y, width, height;
};

static struct frame_buffer fb;
static u32 tile_dots[TILE_DOTS];
static struct sphere spheres[BODIES];
static u8 order[BODIES]; /* from far to near */
static struct look {
    struct area area;
    struct sphere sphere;
    bool named;
} before[BODIES];
static struct area pointer_before;
static u32 day16; /* sixteenths of days since the epoch */
static unsigned speed;
static bool ready, moving, names_shown;
static int picked; /* under the mouse, or chosen */
static u32 clicks;

/* ---- what does not move ---- */

static struct tile whole(void)
{
    return (struct tile){0, 0, WIDTH, HEIGHT, WIDTH, BACKDROP};
}

/* Of 256, at a place from the sun's middle. */
static u32 glow(int x, int y)
{
    int flat = y * 3 / 2, square = x * x + flat * flat, rest = GLOW;

    if (square >= GLOW * GLOW)
        return 0;
    rest -= (int)square_root((u32)square);
    return (u32)(rest * rest * 150 / (GLOW * GLOW));
}

/* Shown row by row: on a slow CPU it takes a while. */
static void draw_sky(struct tile *t)
{
    for (int y = 0; y < HEIGHT; y++) {
        struct tile row = {0, y, WIDTH, 1, WIDTH, t->dots + y * WIDTH};
        u32 sky = (u32)(4 + y / 60) | 0x000200;
        for (int x = 0; x < WIDTH; x++) {
            bool near = x > CENTRE_X - GLOW && x < CENTRE_X + GLOW;
            row.dots[x] = near ? mix(sky, 0xff9632, glow(x - CENTRE_X, y - CENTRE_Y)) : sky;
        }
        tile_show(&row, &fb);
    }
    for (unsigned i = 0; i < 420; i++) {
        u32 r = random_number(), x = r % WIDTH, y = (r >> 10) % HEIGHT, light = r >> 20 & 0xff;
        blend(t, (int)x, (int)y, r >> 28 & 1 ? 0xfff0d8 : 0xd8e4ff, light * light / 256);
    }
}

/* angle: in sixteenths of a 1024th of a circle. */
static int fine_sine(u32 angle)
{
    int part = (int)(angle % 16);
    return (sine(angle / 16) * (16 - part) + sine(angle / 16 + 1) * part) / 16;
}

#define CIRCLE (SINE_STEPS * 16)

/* In steps of about half a dot. */
static void draw_orbit(struct tile *t, int radius)
{
    u32 step = radius < 100 ? 16 : radius < 200 ? 8 : 4;

    for (u32 a = 0; a < CIRCLE; a += step) {
        int c = fine_sine(a + CIRCLE / 4), s = fine_sine(a);
        int x = CENTRE_X * SINE_ONE + radius * c,
            y = CENTRE_Y * SINE_ONE + radius * s / (SINE_ONE / 64) * (TILT / 64);
        blend(t, (x + SINE_ONE / 2) / SINE_ONE, (y + SINE_ONE / 2) / SINE_ONE, 0x7896d2, 70);
    }
}

static void make_backdrop(void)
{
    struct tile t = whole();

    draw_sky(&t);
    for (unsigned i = 1; i < BODIES; i++)
        if (bodies[i].parent < 0)
            draw_orbit(&t, bodies[i].orbit);
    tile_text(&t, 18, 14, 2, 0xffd75e, "ORRERY");
    tile_text(&t, 18, 46, 1, 0x8c9bbe, "VBE, 800x600, 32 bits a dot");
    tile_text(&t, 18, HEIGHT - 26, 1, 0x8c9bbe,
              "+ - speed   Space stop   N names   mouse: who is who   Esc menu");
}

/* ---- where everything is ---- */

/* Sixteenths of a 1024th of a circle. Long periods lose three bits, so that the product fits. */
static u32 angle16(const struct body *b)
{
    unsigned lost = b->period >= 1 << 17 ? 3 : 0;

    if (!b->period)
        return 0;
    return b->start * 16u + ((day16 % b->period) >> lost) * CIRCLE / (b->period >> lost);
}

/* Orbits go against the clock, seen from above. */
static void place(unsigned i)
{
    const struct body *b = &bodies[i];
    struct sphere *s = &spheres[i];
    u32 a = CIRCLE - angle16(b) % CIRCLE;
    int c = fine_sine(a + CIRCLE / 4), n = fine_sine(a);
    int x = c * SUB / 16 * b->orbit / (SINE_ONE / 16),
        y = n * SUB / 16 * b->orbit / (SINE_ONE / 16);

    memset(s, 0, sizeof(*s));
    s->body = b;
    s->turn = b->radius > 10 ? 0 : day16 * 2; /* bands look the same all around */
    s->shines = i == SUN;
    s->picked = (int)i == picked;
    s->x = x + (b->parent < 0 ? CENTRE_X * SUB : spheres[b->parent].x);
    s->y =
        y * (TILT / 64) / (SINE_ONE / 64) + (b->parent < 0 ? CENTRE_Y * SUB : spheres[b->parent].y);
    s->light[0] = -c;
    s->light[1] = -n * (TILT / 64) / (SINE_ONE / 64);
    s->light[2] = -n * (TILT_FAR / 64) / (SINE_ONE / 64);
    if (b->parent >= 0)
        memcpy(s->light, spheres[b->parent].light, sizeof(s->light));
}

static void sort_by_depth(void)
{
    for (unsigned i = 0; i < BODIES; i++) {
        unsigned at = i;
        for (; at && spheres[order[at - 1]].y > spheres[i].y; at--)
            order[at] = order[at - 1];
        order[at] = (u8)i;
    }
}

/* ---- a piece of the picture ---- */

static void draw_pointer(struct tile *t)
{
    for (int row = 0; row < 16; row++)
        for (int col = 0; col <= row * 2 / 3 && row + col < 20; col++) {
            bool edge = !col || col == row * 2 / 3 || row == 15 || row + col == 19;
            blend(t, mouse.x + col, mouse.y + row, edge ? 0x101828 : 0xffffff, 256);
        }
}

/* Below it, and not beyond the screen's edge. */
static void draw_name(struct tile *t, const struct sphere *s)
{
    int width = (int)strlen(s->body->name) * 8, x = s->x / SUB - width / 2;

    if (x + width > WIDTH - 2)
        x = WIDTH - 2 - width;
    tile_text(t, x, s->y / SUB + s->body->radius + 4, 1, 0xb4c3e6, s->body->name);
}

static void compose(struct area a)
{
    struct tile t = {a.x, a.y, a.width, a.height, a.width, tile_dots};

    if (a.width * a.height > TILE_DOTS)
        return;
    for (int y = 0; y < a.height; y++)
        for (int x = 0; x < a.width; x++) {
            int sx = a.x + x, sy = a.y + y;
            bool inside = sx >= 0 && sx < WIDTH && sy >= 0 && sy < HEIGHT;
            tile_dots[y * a.width + x] = inside ? BACKDROP[sy * WIDTH + sx] : 0;
        }
    for (unsigned i = 0; i < BODIES; i++) {
        sphere_draw(&t, &spheres[order[i]]);
        if (names_shown && bodies[order[i]].parent < 0)
            draw_name(&t, &spheres[order[i]]);
    }
    if (mouse.packets)
        draw_pointer(&t);
    tile_show(&t, &fb);
}

static struct area area_of(const struct sphere *s)
{
    int reach = sphere_reach(s->body) + 1, half = reach > 36 || !names_shown ? reach : 36;
    int below = names_shown && s->body->radius + 22 > reach ? s->body->radius + 22 : reach;

    return (struct area){s->x / SUB - half, s->y / SUB - reach, 2 * half + 1, reach + below + 1};
}

/* Where something was and where it is now: together, if they overlap. */
static void recompose(struct area a, struct area b)
{
    int x = a.x < b.x ? a.x : b.x, y = a.y < b.y ? a.y : b.y;
    int right = a.x + a.width > b.x + b.width ? a.x + a.width : b.x + b.width;
    int bottom = a.y + a.height > b.y + b.height ? a.y + a.height : b.y + b.height;

    if (right - x < a.width + b.width && bottom - y < a.height + b.height) {
        compose((struct area){x, y, right - x, bottom - y});
        return;
    }
    compose(a);
    compose(b);
}

/* Bodies that look as before, where they were, are left alone. */
static void show_body(unsigned i)
{
    struct look now;

    memset(&now, 0, sizeof(now)); /* the gaps between fields, too: they are compared */
    now.area = area_of(&spheres[i]);
    now.sphere = spheres[i];
    now.named = names_shown;
    if (!memcmp(&now, &before[i], sizeof(now)))
        return;
    recompose(before[i].area, now.area);
    before[i] = now;
}

static void show_text(int x, int y, int width, u32 colour, const char *text)
{
    struct tile t = {x, y, width, 16, width, tile_dots};

    for (int row = 0; row < 16; row++)
        memcpy(tile_dots + row * width, BACKDROP + (y + row) * WIDTH + x, (size_t)width * 4);
    tile_text(&t, x, y, 1, colour, text);
    tile_show(&t, &fb);
}

/* ---- the date ---- */

static unsigned year_days(unsigned y)
{
    return y % 4 == 0 && (y % 100 || y % 400 == 0) ? 366 : 365;
}

static u8 month_days(unsigned y, unsigned m)
{
    static const u8 days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return (u8)(days[m] + (m == 1 && year_days(y) == 366));
}

/* The clock chip's date, if it is later than what the table of bodies is for. */
static u32 today16(void)
{
    struct date d = clock_read();
    u32 days = d.day - 1u;

    if (d.year < EPOCH_YEAR)
        return 0;
    for (unsigned y = EPOCH_YEAR; y < d.year; y++)
        days += year_days(y);
    for (unsigned m = 0; m + 1 < d.month; m++)
        days += month_days(d.year, m);
    return days * 16;
}

static void show_date(void)
{
    unsigned y = EPOCH_YEAR, m = 0, day = day16 / 16;
    char text[40];

    for (; day >= year_days(y); y++)
        day -= year_days(y);
    for (; day >= month_days(y, m); m++)
        day -= month_days(y, m);
    format(text, sizeof(text), "%u-%02u-%02u", y, m + 1, day + 1);
    show_text(WIDTH - 98, 18, 80, 0xffffff, text);
    format(text, sizeof(text), "%12s", moving ? "" : "stopped");
    show_text(WIDTH - 114, 36, 96, 0x8c9bbe, text);
}

static void show_facts(void)
{
    char text[64] = "";

    if (picked != NOBODY)
        format(text, sizeof(text), "%s: %s", bodies[picked].name, bodies[picked].facts);
    show_text(18, HEIGHT - 48, 400, 0xffd75e, text);
}

/* ---- the page ---- */

static bool has_memory(void)
{
    u32 start = (u32)BACKDROP, size = WIDTH * HEIGHT * 4;

    for (unsigned i = 0; i < memory_ranges; i++) {
        const struct memory_range *r = &memory_map[i];
        if (r->type == 1 && r->base <= start && r->base + r->len >= start + size)
            return true;
    }
    return false;
}

static void open_orrery(void)
{
    ready = has_memory() && vbe_open(&fb, WIDTH, HEIGHT);
    if (!ready) {
        put(17, 8, ON(YELLOW, DARK), "%s",
            has_memory() ? "This video BIOS has no such mode." : "That takes 4 MiB of memory.");
        screen_text_mode();
        screen_show();
        return;
    }
    mouse_area(WIDTH, HEIGHT);
    day16 = today16();
    speed = 2;
    moving = true;
    names_shown = false;
    picked = NOBODY;
    clicks = mouse.clicks;
    make_backdrop();
    struct tile t = whole();
    tile_show(&t, &fb);
    memset(before, 0, sizeof(before));
    memset(&pointer_before, 0, sizeof(pointer_before));
}

/* The nearest to us that the pointer is on; a click there keeps it. */
static void look_under_pointer(void)
{
    static bool kept;
    int found = NOBODY;

    for (unsigned n = 0; n < BODIES; n++) {
        const struct sphere *s = &spheres[order[n]];
        int dx = mouse.x - s->x / SUB, dy = mouse.y - s->y / SUB, reach = s->body->radius + 4;
        if (mouse.packets && dx * dx + dy * dy < reach * reach)
            found = order[n];
    }
    if (clicks != mouse.clicks) {
        clicks = mouse.clicks;
        kept = found != NOBODY;
        picked = found;
    }
    if (!kept || found != NOBODY)
        picked = found;
}

static void draw_orrery(void)
{
    struct area pointer = {mouse.x, mouse.y, 13, 17};

    if (!ready)
        return;
    if (moving)
        day16 += 1u << speed;
    look_under_pointer();
    for (unsigned i = 0; i < BODIES; i++)
        place(i);
    sort_by_depth();
    for (unsigned i = 0; i < BODIES; i++)
        show_body(i);
    if (mouse.packets && memcmp(&pointer, &pointer_before, sizeof(pointer))) {
        recompose(pointer_before, pointer);
        pointer_before = pointer;
    }
    show_date();
    show_facts();
}

static void orrery_key(int key)
{
    if ((key == '+' || key == '=') && speed < MAX_SPEED)
        speed++;
    else if (key == '-' && speed)
        speed--;
    else if (key == ' ')
        moving = !moving;
    else if (key == 'n')
        names_shown = !names_shown;
}

const struct page orrery_page = {
    .key = 'd',
    .name = "VBE: an orrery",
    .about = "A linear frame buffer of 800 by 600 dots in true colour, and the planets where they "
             "are today, lit by "
             "the sun. Point at one with the mouse. All of it is computed with integers.",
    .hints = "+ - speed  Space stop  N names  Esc menu",
    .interval = 4,
    .open = open_orrery,
    .draw = draw_orrery,
    .key_pressed = orrery_key,
    .graphics = true,
};
