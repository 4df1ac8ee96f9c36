/* The options about displays: a table of names, most of which are QEMU's. Manual, "Displays". */
#include "frontend/display.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frontend/layouts.h"
#include "frontend/options.h"

enum meaning { SHOW, NOTHING, INSTEAD };

static const struct {
    const char *name;
    enum meaning meaning;
    const struct display_type *const *type;
    const char *library;
} names[] = {
    {"sdl", SHOW, &display_sdl, "SDL 2"},          {"curses", SHOW, &display_curses, "ncurses"},
    {"vnc", SHOW, &display_vnc, "LibVNCServer"},   {"none", NOTHING},
    {"gtk", INSTEAD, &display_sdl, "SDL 2"},       {"cocoa", INSTEAD, &display_sdl, "SDL 2"},
    {"spice-app", INSTEAD, &display_sdl, "SDL 2"}, {"default", INSTEAD, &display_sdl, "SDL 2"},
};

#define NAMES (sizeof(names) / sizeof(names[0]))

static bool want(struct options *o, const char *option, const struct display_type *type,
                 const char *library, const char *arg)
{
    struct display_options *d = &o->display;

    if (!type)
        return complain("-%s: Orrery was built without %s", option, library);
    if (d->count == MAX_DISPLAYS)
        return complain("-%s: at most %d displays", option, MAX_DISPLAYS);
    for (unsigned i = 0; i < d->count; i++)
        if (d->wanted[i].type == type)
            return complain("-%s: %s is already there", option, type->name);
    d->wanted[d->count].type = type;
    d->wanted[d->count++].arg = (char *)arg;
    return true;
}

bool display_opt_display(struct options *o, const char *name, const char *arg)
{
    size_t len = strcspn(arg, ",="), i = 0;

    if (!strcmp(arg, "help")) {
        for (i = 0; i < NAMES; i++)
            if (names[i].meaning == NOTHING || (names[i].meaning == SHOW && *names[i].type))
                puts(names[i].name);
        return o->done = true;
    }
    o->display.chosen = true;
    while (i < NAMES && (strlen(names[i].name) != len || strncmp(names[i].name, arg, len)))
        i++;
    if (i == NAMES)
        return complain("-%s: unknown display '%.*s' (" DISPLAY_SCREENS ")", name, (int)len, arg);
    if (names[i].meaning == NOTHING)
        return !arg[len] || complain("-%s: 'none' has no properties", name);
    if (names[i].meaning == INSTEAD)
        warn_user("-%s: '%s' is shown as 'sdl', without its own properties", name, names[i].name);
    return want(o, name, *names[i].type, names[i].library,
                names[i].meaning == INSTEAD ? "" : arg + len);
}

bool display_opt_short(struct options *o, const char *name, const char *arg)
{
    size_t i = 0;

    o->display.chosen = true;
    if (arg && !strcmp(arg, "none"))
        return true;
    while (strcmp(names[i].name, name))
        i++;
    return want(o, name, *names[i].type, names[i].library, arg ? arg : "");
}

bool display_opt_full_screen(struct options *o, const char *name, const char *arg)
{
    (void)name;
    (void)arg;
    return o->display.full_screen = true;
}

/* Keys of a window go by position, whatever is printed on them: this is for characters. */
bool display_opt_layout(struct options *o, const char *name, const char *arg)
{
    if (!layout_find(arg, &o->display.layout))
        warn_user("-%s: there is no layout '%s': characters are typed as on a US keyboard (da, de, "
                  "de-ch, en-gb, en-us, es, fi, fr, fr-be, fr-ch, it, no, pt, pt-br, sv)",
                  name, arg);
    return true;
}

bool display_opt_speed(struct options *o, const char *name, const char *arg)
{
    struct display_options *d = &o->display;
    char *end;
    unsigned long percent = strtoul(arg, &end, 10);

    d->free_running = !strcmp(arg, "max");
    d->speed = 0;
    if (d->free_running)
        return true;
    if (!strcmp(arg, "realtime"))
        percent = 100;
    else if (*arg < '0' || *arg > '9' || (*end && strcmp(end, "%")) || !percent || percent > 10000)
        return complain("-%s: '%s' is not a speed (1%% to 10000%%, realtime, max)", name, arg);
    d->speed = (unsigned)percent;
    return true;
}

static bool has_screen(void)
{
    const char *x = getenv("DISPLAY"), *wayland = getenv("WAYLAND_DISPLAY");

    return (x && *x) || (wayland && *wayland);
}

/* Whoever said nothing gets a window, where there can be one. */
bool display_finish(struct options *o)
{
    struct display_options *d = &o->display;

    if (o->config.no_vga && d->count)
        return complain("-display %s needs a VGA, not -vga none", d->wanted[0].type->name);
    if (d->chosen || o->nographic || o->config.no_vga)
        return true;
    if (display_sdl && has_screen())
        return want(o, "display", display_sdl, NULL, "");
    d->unseen = !o->nserial && !o->debugcon && !o->screendump && !o->config.replay;
    if (o->demo && d->unseen && !o->nmonitors && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)) {
        d->unseen = false; /* the demonstration shows itself on the serial port, too */
        o->nographic = true;
    }
    return true;
}
