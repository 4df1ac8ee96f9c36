/* The picture that all displays share: made when it is due, compared with the last one by bands of
 * rows, so that displays have to do with what has changed. A guest that stands still is looked at
 * less often, and pictures that take long are made less often. */
#include "frontend/display.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frontend/session.h"

#define NS_PER_MS    1000000u
#define QUIET_NS     (50u * NS_PER_MS) /* between pictures when nothing moves */
#define QUIET_AFTER  60
#define SHARE        4 /* a picture may take one part in so many of the time */
#define MEASURE_NS   1000000000u
#define MAX_PICTURES 10000

/* ---- what has changed ---- */

static bool grow(struct orrery_screen *copy, const struct orrery_screen *of)
{
    size_t need = (size_t)of->width * of->height;

    if (need > copy->room) {
        uint32_t *pixels = realloc(copy->pixels, need * sizeof(*pixels));
        if (!pixels)
            return false;
        copy->pixels = pixels;
        copy->room = need;
    }
    copy->width = of->width;
    copy->height = of->height;
    return true;
}

/* Widens [*left, *right) by where two rows differ. */
static void compare_row(const uint32_t *a, const uint32_t *b, uint32_t width, uint32_t *left,
                        uint32_t *right)
{
    uint32_t from = 0, to = width;

    if (!memcmp(a, b, width * sizeof(*a)))
        return;
    while (a[from] == b[from])
        from++;
    while (a[to - 1] == b[to - 1])
        to--;
    *left = from < *left ? from : *left;
    *right = to > *right ? to : *right;
}

static void compare_band(struct displays *d, uint32_t y, uint32_t height)
{
    uint32_t width = d->screen.width, left = width, right = 0;

    for (uint32_t i = 0; i < height; i++) {
        size_t at = (size_t)(y + i) * width;
        compare_row(d->screen.pixels + at, d->before.pixels + at, width, &left, &right);
    }
    if (left >= right)
        return;
    d->changed[d->nchanged++] = (struct display_rect){left, y, right - left, height};
    memcpy(d->before.pixels + (size_t)y * width, d->screen.pixels + (size_t)y * width,
           (size_t)height * width * sizeof(uint32_t));
}

static bool compare(struct displays *d)
{
    uint32_t width = d->screen.width, height = d->screen.height;

    d->nchanged = 0;
    d->resized |= width != d->before.width || height != d->before.height;
    if (d->resized) {
        if (!grow(&d->before, &d->screen))
            return false;
        memcpy(d->before.pixels, d->screen.pixels, (size_t)width * height * sizeof(uint32_t));
        d->changed[d->nchanged++] = (struct display_rect){0, 0, width, height};
        return true;
    }
    for (uint32_t y = 0; y < height && d->nchanged < MAX_CHANGED; y += DISPLAY_BAND)
        compare_band(d, y, height - y < DISPLAY_BAND ? height - y : DISPLAY_BAND);
    return true;
}

/* ---- when ---- */

static bool is_active(const struct display *d)
{
    return d->type->active && d->type->active(d);
}

static bool any_active(const struct displays *d)
{
    for (unsigned i = 0; i < d->count; i++)
        if (is_active(&d->display[i]))
            return true;
    return false;
}

static void measure_speed(struct session *s, uint64_t now)
{
    struct displays *d = &s->displays;
    uint64_t guest = orrery_time_ns(s->machine), wall = now - d->measured_ns;

    if (wall < MEASURE_NS)
        return;
    d->speed = (unsigned)((guest - d->measured_guest_ns) / (wall / 100));
    d->measured_ns = now;
    d->measured_guest_ns = guest;
}

static void refresh(struct session *s)
{
    struct displays *d = &s->displays;
    uint64_t guest = orrery_time_ns(s->machine);

    if (guest == d->guest_ns && !d->resized) /* then nothing can be different */
        return;
    d->guest_ns = guest;
    if (!orrery_screen(s->machine, &d->screen) || !compare(d))
        return;
    d->quiet = d->nchanged ? 0 : d->quiet + 1;
    for (unsigned i = 0; i < d->count; i++)
        if (is_active(&d->display[i]) && d->display[i].type->refresh)
            d->display[i].type->refresh(&d->display[i]);
    d->resized = false;
}

static void prepare(void *opaque, struct loop *loop)
{
    struct session *s = opaque;
    uint64_t now = loop_now_ns(), due = s->displays.due_ns;

    if (any_active(&s->displays))
        loop_within(loop, now >= due ? 0 : (int)((due - now) / NS_PER_MS) + 1);
}

static void dispatch(void *opaque, struct loop *loop)
{
    struct session *s = opaque;
    struct displays *d = &s->displays;
    uint64_t began = loop_now_ns(), pause, took;

    (void)loop;
    measure_speed(s, began);
    if (began < d->due_ns || !any_active(d))
        return;
    refresh(s);
    pause = d->quiet < QUIET_AFTER ? DISPLAY_FRAME_NS : QUIET_NS;
    took = (loop_now_ns() - began) * SHARE;
    d->due_ns = began + (took > pause ? took : pause);
}

void displays_wake(struct session *s, bool all)
{
    s->displays.quiet = 0;
    s->displays.resized |= all;
    if (s->displays.due_ns > loop_now_ns() + DISPLAY_FRAME_NS || all)
        s->displays.due_ns = 0;
}

/* ---- life ---- */

bool displays_open(struct session *s)
{
    const struct display_options *o = &s->options.display;
    struct displays *d = &s->displays;

    if (o->unseen && isatty(STDERR_FILENO))
        complain("no display: %s (-nographic, -curses and -vnc :0 need none)",
                 display_sdl ? "DISPLAY and WAYLAND_DISPLAY are not set" : "built without SDL 2");
    if (o->speed || (o->count && !o->free_running)) {
        s->paced++;
        s->waiting++;
    }
    s->watched += o->count > 0;
    s->speed = o->speed;
    d->measured_ns = loop_now_ns();
    d->resized = true;
    for (unsigned i = 0; i < o->count; i++) {
        struct display *one = &d->display[d->count++];
        *one = (struct display){.type = o->wanted[i].type, .session = s, .arg = o->wanted[i].arg};
        s->waiting++;
        if (!one->type->open(one))
            return false;
    }
    if (d->count) {
        d->source = (struct loop_source){.prepare = prepare, .dispatch = dispatch, .opaque = s};
        loop_add(&s->loop, &d->source);
    }
    return true;
}

void displays_close(struct session *s)
{
    struct displays *d = &s->displays;

    while (d->count) {
        struct display *one = &d->display[--d->count];
        if (one->type->close)
            one->type->close(one);
    }
    orrery_screen_free(&d->screen);
    orrery_screen_free(&d->before);
}

void display_save_picture(struct session *s)
{
    enum orrery_picture format = orrery_can_png() ? ORRERY_PNG : ORRERY_PPM;
    char name[40], err[128] = "";
    FILE *file = NULL;

    for (unsigned n = 1; !file && n < MAX_PICTURES; n++) {
        snprintf(name, sizeof(name), "orrery-%u.%s", n, format == ORRERY_PNG ? "png" : "ppm");
        file = fopen(name, "wbx");
        if (!file && errno != EEXIST)
            break;
    }
    if (!file) {
        complain("cannot write a picture: %s", strerror(errno));
        return;
    }
    if (!orrery_screendump(s->machine, file, format, err, sizeof(err)))
        complain("%s: %s", name, err);
    else
        complain("the screen is saved in %s", name);
    fclose(file);
}
