/* Draws a ball dot by dot: the normal of its surface is known everywhere, the light is the cosine
 * between that and the direction to the sun, and the edge covers its dots in part, so it looks
 * round. */
#include "bios/demo/sphere.h"
#include "bios/demo/demo.h"

#define AMBIENT   84  /* of 256: what the night side has */
#define RING_FLAT 3   /* the ring's ellipse is so many times wider than high */
#define RING_GAP  195 /* Cassini's, in hundredths of the radius */

int sphere_reach(const struct body *b)
{
    return (b->ring ? b->radius * b->ring / 10 : b->radius) + 3;
}

/* Bands on the giants, patches on others: 0-256 of the darker colour. */
static u32 pattern(const struct sphere *s, int x, int y, int radius)
{
    u32 across = (u32)(x * 320 / radius) + s->turn, along = (u32)(y * 256 / radius + SINE_STEPS);

    if (s->body->radius > 10)
        return (u32)(SINE_ONE + sine(along * 5 / 2)) >> 7;
    return (u32)(2 * SINE_ONE + sine(across * 2) + sine(along * 3 + across)) >> 8;
}

static u32 lit(const struct sphere *s, int x, int y, int z, int radius)
{
    if (s->shines)
        return mix(s->body->dark, s->body->colour, (u32)(z * 256 / radius));
    int light = (x * s->light[0] + y * s->light[1] + z * s->light[2]) / radius;
    u32 day = light > 0 ? (u32)light * (256 - AMBIENT) / SINE_ONE + AMBIENT : AMBIENT;
    u32 ground = mix(s->body->colour, s->body->dark, pattern(s, x, y, radius));
    return mix(0, ground, day > 256 ? 256 : day);
}

/* x and y from the middle, in SUBs. */
static void ball_dot(struct tile *t, const struct sphere *s, int px, int py, int x, int y)
{
    int radius = s->body->radius * SUB, square = x * x + y * y;
    int cover = radius + SUB / 2 - (int)square_root((u32)square);

    if (cover <= 0)
        return;
    int z = square < radius * radius ? (int)square_root((u32)(radius * radius - square)) : 0;
    blend(t, px, py, lit(s, x, y, z, radius), cover < SUB ? (u32)(cover * 256 / SUB) : 256);
}

static void ring_dot(struct tile *t, const struct sphere *s, int px, int py, int x, int y)
{
    int flat = y * RING_FLAT, radius = s->body->radius * SUB;
    int at = (int)square_root((u32)(x * x + flat * flat)) * 100 / radius;

    if (at < 130 || at > s->body->ring * 10 || (at > RING_GAP && at < RING_GAP + 12))
        return;
    blend(t, px, py, s->body->colour, (u32)(at < 155 ? 70 : 150));
}

static void halo_dot(struct tile *t, const struct sphere *s, int px, int py, int x, int y)
{
    int at = (int)square_root((u32)(x * x + y * y)), from = (s->body->radius + 2) * SUB;

    if (at >= from - SUB / 2 && at < from + SUB / 2)
        blend(t, px, py, 0xffffff, 150);
}

static int min(int a, int b)
{
    return a < b ? a : b;
}

static int max(int a, int b)
{
    return a > b ? a : b;
}

/* The far half of the ring is behind the ball, the near one before it. */
void sphere_draw(struct tile *t, const struct sphere *s)
{
    int reach = sphere_reach(s->body), cx = s->x / SUB, cy = s->y / SUB;
    int top = max(cy - reach, t->y), bottom = min(cy + reach + 1, t->y + t->height);
    int left = max(cx - reach, t->x), right = min(cx + reach + 1, t->x + t->width);

    for (int py = top; py < bottom; py++)
        for (int px = left; px < right; px++) {
            int x = px * SUB + SUB / 2 - s->x, y = py * SUB + SUB / 2 - s->y;
            if (s->body->ring && y < 0)
                ring_dot(t, s, px, py, x, y);
            ball_dot(t, s, px, py, x, y);
            if (s->body->ring && y >= 0)
                ring_dot(t, s, px, py, x, y);
            if (s->picked)
                halo_dot(t, s, px, py, x, y);
        }
}
