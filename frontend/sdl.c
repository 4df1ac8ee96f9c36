/* A window with SDL 2: the picture scaled to it, the keyboard by position, the mouse while it is
 * captured. Ctrl-Alt with a letter is for the window itself: the table of commands. SDL has no
 * file descriptor to wait for, so it is asked every few milliseconds. Manual, "The window". */
#include "frontend/display.h"

#ifdef HAVE_SDL
#include <SDL.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/keys.h"
#include "frontend/props.h"
#include "frontend/session.h"
#include "frontend/typist.h"

#define POLL_MS   8
#define MAX_TITLE 160
#define MAX_NAME  64 /* bytes of it in the title */

enum scale { FIT, INTEGER, FOUR_TO_THREE };

/* What is held for a command: grab-mod. Each of the masks has to have one down. */
static const struct grab {
    const char *name, *title;
    uint16_t masks[3];
} grabs[] = {
    {"lctrl-lalt", "Ctrl-Alt-G", {KMOD_CTRL, KMOD_ALT, 0}},
    {"lshift-lctrl-lalt", "Ctrl-Alt-Shift-G", {KMOD_CTRL, KMOD_ALT, KMOD_SHIFT}},
    {"rctrl", "Right-Ctrl-G", {KMOD_RCTRL, 0, 0}},
};

#define GRABS (sizeof(grabs) / sizeof(grabs[0]))

struct sdl {
    struct session *session;
    struct loop_source source;
    SDL_Window *window;
    SDL_Renderer *renderer;
    SDL_Texture *texture;
    int width, height; /* of the texture */
    enum scale scale;
    const struct grab *grab;
    int zoom;
    bool captured, hidden, started;
    unsigned buttons;
    struct keys_held held;
    struct typist typist;
    char title[MAX_TITLE];
};

/* ---- the picture ---- */

/* Where in the window the picture goes. */
static SDL_Rect place(const struct sdl *w)
{
    SDL_Rect r = {0};
    int room_x, room_y, shape_x = w->width, shape_y = w->height;

    SDL_GetRendererOutputSize(w->renderer, &room_x, &room_y);
    if (w->scale == FOUR_TO_THREE) {
        shape_x = 4;
        shape_y = 3;
    }
    r.w = room_x;
    r.h = (int)((int64_t)room_x * shape_y / shape_x);
    if (r.h > room_y) {
        r.h = room_y;
        r.w = (int)((int64_t)room_y * shape_x / shape_y);
    }
    if (w->scale == INTEGER && r.w >= w->width && r.h >= w->height) {
        int times = r.w / w->width < r.h / w->height ? r.w / w->width : r.h / w->height;
        r.w = w->width * times;
        r.h = w->height * times;
    }
    r.x = (room_x - r.w) / 2;
    r.y = (room_y - r.h) / 2;
    return r;
}

static void present(struct sdl *w)
{
    SDL_Rect to;

    if (!w->texture)
        return;
    to = place(w);
    SDL_SetRenderDrawColor(w->renderer, 0, 0, 0, 255);
    SDL_RenderClear(w->renderer);
    SDL_RenderCopy(w->renderer, w->texture, NULL, &to);
    SDL_RenderPresent(w->renderer);
}

static bool is_plain(const struct sdl *w)
{
    return !(SDL_GetWindowFlags(w->window) &
             (SDL_WINDOW_FULLSCREEN_DESKTOP | SDL_WINDOW_MAXIMIZED));
}

/* The guest has another picture size. The window follows, unless its size is the user's. */
static bool resize(struct sdl *w, int width, int height)
{
    int now_x, now_y;
    bool follow;

    SDL_GetWindowSize(w->window, &now_x, &now_y);
    follow = !w->texture || (now_x == w->width * w->zoom && now_y == w->height * w->zoom);
    SDL_DestroyTexture(w->texture);
    w->texture = SDL_CreateTexture(w->renderer, SDL_PIXELFORMAT_RGB888, SDL_TEXTUREACCESS_STREAMING,
                                   width, height);
    w->width = width;
    w->height = height;
    if (follow && is_plain(w))
        SDL_SetWindowSize(w->window, width * w->zoom, height * w->zoom);
    return w->texture;
}

static void set_title(struct sdl *w)
{
    const struct displays *d = &w->session->displays;
    const char *name = w->session->options.name ? w->session->options.name : "";
    int length = (int)strcspn(name, ",");
    char title[MAX_TITLE];

    length = length < MAX_NAME ? length : MAX_NAME;
    snprintf(title, sizeof(title), "Orrery %s%.*s%s%u%%%s%s%s%s", length ? "(" : "", length, name,
             length ? ") " : "", d->speed, w->session->paused ? " (paused)" : "",
             w->captured ? " - " : "", w->captured ? w->grab->title : "",
             w->captured ? " releases the mouse" : "");
    if (!strcmp(title, w->title))
        return;
    memcpy(w->title, title, sizeof(title));
    SDL_SetWindowTitle(w->window, title);
}

static void sdl_refresh(struct display *d)
{
    struct sdl *w = d->state;
    const struct displays *all = &d->session->displays;
    const struct orrery_screen *screen = &all->screen;

    if ((all->resized || !w->texture) && !resize(w, (int)screen->width, (int)screen->height))
        return;
    for (unsigned i = 0; i < all->nchanged; i++) {
        const struct display_rect *c = &all->changed[i];
        SDL_Rect r = {(int)c->x, (int)c->y, (int)c->width, (int)c->height};
        SDL_UpdateTexture(w->texture, &r, screen->pixels + (size_t)c->y * screen->width + c->x,
                          (int)screen->width * 4);
    }
    if (all->nchanged)
        present(w);
}

static bool sdl_active(const struct display *d)
{
    return !((const struct sdl *)d->state)->hidden;
}

/* ---- commands: Ctrl-Alt and a key ---- */

static void capture(struct sdl *w, bool on)
{
    if (w->captured == on)
        return;
    w->captured = on;
    SDL_SetRelativeMouseMode(on ? SDL_TRUE : SDL_FALSE);
    SDL_SetWindowKeyboardGrab(w->window, on ? SDL_TRUE : SDL_FALSE);
    if (!on && w->buttons)
        session_mouse(w->session, 0, 0, 0, w->buttons = 0);
    set_title(w);
}

static void do_capture(struct sdl *w)
{
    capture(w, !w->captured);
}

static void do_full_screen(struct sdl *w)
{
    bool is = SDL_GetWindowFlags(w->window) & SDL_WINDOW_FULLSCREEN_DESKTOP;

    SDL_SetWindowFullscreen(w->window, is ? 0 : SDL_WINDOW_FULLSCREEN_DESKTOP);
}

static void do_save(struct sdl *w)
{
    display_save_picture(w->session);
}

static void do_paste(struct sdl *w)
{
    char *text = SDL_GetClipboardText();

    if (text)
        typist_text(&w->typist, text);
    SDL_free(text);
}

static void zoom(struct sdl *w, int by)
{
    if (w->zoom + by < 1 || w->zoom + by > 8 || !is_plain(w))
        return;
    w->zoom += by;
    SDL_SetWindowSize(w->window, w->width * w->zoom, w->height * w->zoom);
}

static void do_larger(struct sdl *w)
{
    zoom(w, 1);
}

static void do_smaller(struct sdl *w)
{
    zoom(w, -1);
}

static void do_quit(struct sdl *w)
{
    w->session->quit = true;
}

static const struct {
    SDL_Scancode key;
    void (*fn)(struct sdl *w);
} commands[] = {
    {SDL_SCANCODE_G, do_capture},     {SDL_SCANCODE_F, do_full_screen},
    {SDL_SCANCODE_S, do_save},        {SDL_SCANCODE_V, do_paste},
    {SDL_SCANCODE_EQUALS, do_larger}, {SDL_SCANCODE_KP_PLUS, do_larger},
    {SDL_SCANCODE_MINUS, do_smaller}, {SDL_SCANCODE_KP_MINUS, do_smaller},
    {SDL_SCANCODE_Q, do_quit},
};

/* The guest has seen the modifiers go down; it sees them come up before anything happens here. */
static bool command(struct sdl *w, const SDL_Keysym *pressed)
{
    SDL_Scancode key = pressed->scancode;

    for (int i = 0; i < 3; i++)
        if (w->grab->masks[i] && !(pressed->mod & w->grab->masks[i]))
            return false;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (commands[i].key == key) {
            keys_release(&w->held, w->session->machine);
            commands[i].fn(w);
            return true;
        }
    }
    return false;
}

/* ---- events ---- */

static void on_key(struct sdl *w, const SDL_KeyboardEvent *e)
{
    bool down = e->type == SDL_KEYDOWN;

    if (e->repeat || (down && command(w, &e->keysym)))
        return;
    keys_change(&w->held, w->session->machine, key_by_scancode(e->keysym.scancode), down);
}

static void on_button(struct sdl *w, const SDL_MouseButtonEvent *e)
{
    static const uint8_t bits[] = {[SDL_BUTTON_LEFT] = 1,
                                   [SDL_BUTTON_RIGHT] = 2,
                                   [SDL_BUTTON_MIDDLE] = 4,
                                   [SDL_BUTTON_X1] = 8,
                                   [SDL_BUTTON_X2] = 16};
    unsigned bit = e->button < sizeof(bits) ? bits[e->button] : 0;

    if (!w->captured) {
        if (e->type == SDL_MOUSEBUTTONDOWN && e->button == SDL_BUTTON_LEFT)
            capture(w, true);
        return;
    }
    w->buttons = e->type == SDL_MOUSEBUTTONDOWN ? w->buttons | bit : w->buttons & ~bit;
    session_mouse(w->session, 0, 0, 0, w->buttons);
}

static void on_window(struct sdl *w, const SDL_WindowEvent *e)
{
    switch (e->event) {
    case SDL_WINDOWEVENT_FOCUS_LOST:
        keys_release(&w->held, w->session->machine);
        capture(w, false);
        break;
    case SDL_WINDOWEVENT_MINIMIZED:
    case SDL_WINDOWEVENT_HIDDEN: w->hidden = true; break;
    case SDL_WINDOWEVENT_SHOWN:
    case SDL_WINDOWEVENT_RESTORED:
        w->hidden = false;
        displays_wake(w->session, true);
        break;
    case SDL_WINDOWEVENT_EXPOSED:
    case SDL_WINDOWEVENT_SIZE_CHANGED: present(w); break;
    case SDL_WINDOWEVENT_CLOSE: w->session->quit = true; break;
    default: break;
    }
}

static void on_event(struct sdl *w, const SDL_Event *e)
{
    switch (e->type) {
    case SDL_QUIT: w->session->quit = true; break;
    case SDL_WINDOWEVENT: on_window(w, &e->window); break;
    case SDL_KEYDOWN:
    case SDL_KEYUP: on_key(w, &e->key); break;
    case SDL_MOUSEBUTTONDOWN:
    case SDL_MOUSEBUTTONUP: on_button(w, &e->button); break;
    case SDL_MOUSEMOTION:
        if (w->captured)
            session_mouse(w->session, e->motion.xrel, e->motion.yrel, 0, w->buttons);
        break;
    case SDL_MOUSEWHEEL:
        if (w->captured)
            session_mouse(w->session, 0, 0, -e->wheel.y, w->buttons);
        break;
    case SDL_RENDER_TARGETS_RESET:
    case SDL_RENDER_DEVICE_RESET: displays_wake(w->session, true); break;
    default: return;
    }
    if (e->type == SDL_KEYDOWN || e->type == SDL_MOUSEMOTION)
        displays_wake(w->session, false);
}

static void prepare(void *opaque, struct loop *loop)
{
    (void)opaque;
    loop_within(loop, POLL_MS);
}

static void dispatch(void *opaque, struct loop *loop)
{
    struct sdl *w = opaque;
    SDL_Event e;

    (void)loop;
    while (SDL_PollEvent(&e))
        on_event(w, &e);
    set_title(w);
}

/* ---- life ---- */

static bool set_grab(struct sdl *w, const char *name)
{
    for (size_t i = 0; i < GRABS; i++) {
        if (strcmp(grabs[i].name, name) != 0)
            continue;
        w->grab = &grabs[i];
        return true;
    }
    return complain("-display sdl: grab-mod is lctrl-lalt, lshift-lctrl-lalt or rctrl, not '%s'",
                    name);
}

static bool options(struct sdl *w, char *arg)
{
    static const char *const scales[] = {"fit", "integer", "4:3"};
    char *name, *value;

    while (next_property(&arg, &name, &value)) {
        const char *v = value ? value : "on";
        if (!*name || !strcmp(name, "gl") || !strcmp(name, "window-close") ||
            !strcmp(name, "show-cursor"))
            continue; /* QEMU's, of no consequence here */
        if (!strcmp(name, "full-screen")) {
            w->session->options.display.full_screen = !strcmp(v, "on");
        } else if (!strcmp(name, "zoom") && v[0] >= '1' && v[0] <= '8' && !v[1]) {
            w->zoom = v[0] - '0';
        } else if (!strcmp(name, "grab-mod")) {
            if (!set_grab(w, v))
                return false;
        } else if (!strcmp(name, "scale")) {
            size_t i = 0;
            while (i < 3 && strcmp(scales[i], v))
                i++;
            if (i == 3)
                return complain("-display sdl: scale is fit, integer or 4:3, not '%s'", v);
            w->scale = (enum scale)i;
        } else {
            return complain("-display sdl: unknown or malformed property '%s' (full-screen=on, "
                            "scale=fit|integer|4:3, zoom=1..8, grab-mod=...)",
                            name);
        }
    }
    return true;
}

/* Without a desktop there may be the console's own screen; SDL's other choices draw for nobody. */
static bool start_video(void)
{
    bool desktop = getenv("DISPLAY") || getenv("WAYLAND_DISPLAY") || getenv("SDL_VIDEODRIVER");

    if (!desktop)
        SDL_SetHint("SDL_VIDEODRIVER", "KMSDRM");
    if (!SDL_InitSubSystem(SDL_INIT_VIDEO))
        return true;
    if (!desktop)
        SDL_SetError("no screen: DISPLAY and WAYLAND_DISPLAY are not set");
    return false;
}

static bool open_window(struct sdl *w)
{
    uint32_t flags = SDL_WINDOW_RESIZABLE | SDL_WINDOW_ALLOW_HIGHDPI |
                     (w->session->options.display.full_screen ? SDL_WINDOW_FULLSCREEN_DESKTOP : 0);

    SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");
    SDL_SetHint(SDL_HINT_VIDEO_ALLOW_SCREENSAVER, "1");
    SDL_SetHint(SDL_HINT_RENDER_SCALE_QUALITY, w->scale == INTEGER ? "nearest" : "linear");
    w->started = start_video();
    if (!w->started)
        return false;
    w->window = SDL_CreateWindow("Orrery", SDL_WINDOWPOS_UNDEFINED, SDL_WINDOWPOS_UNDEFINED,
                                 720 * w->zoom, 400 * w->zoom, flags);
    if (!w->window)
        return false;
    w->renderer = SDL_CreateRenderer(w->window, -1, 0);
    if (!w->renderer)
        w->renderer = SDL_CreateRenderer(w->window, -1, SDL_RENDERER_SOFTWARE);
    return w->renderer;
}

static bool sdl_open(struct display *d)
{
    struct sdl *w = d->state = calloc(1, sizeof(*w));

    if (!w)
        return complain("-display sdl: out of memory");
    w->session = d->session;
    w->zoom = 1;
    w->grab = &grabs[0];
    if (!options(w, d->arg))
        return false;
    if (!open_window(w))
        return complain("-display sdl: %s", SDL_GetError());
    w->source = (struct loop_source){.prepare = prepare, .dispatch = dispatch, .opaque = w};
    loop_add(&w->session->loop, &w->source);
    typist_open(&w->typist, w->session->machine, w->session->options.display.layout,
                &w->session->loop);
    return true;
}

static void sdl_close(struct display *d)
{
    struct sdl *w = d->state;

    if (!w)
        return;
    SDL_DestroyTexture(w->texture);
    SDL_DestroyRenderer(w->renderer);
    SDL_DestroyWindow(w->window);
    if (w->started)
        SDL_QuitSubSystem(SDL_INIT_VIDEO);
    free(w);
}

static const struct display_type type = {
    .name = "sdl",
    .open = sdl_open,
    .active = sdl_active,
    .refresh = sdl_refresh,
    .close = sdl_close,
};

const struct display_type *const display_sdl = &type;
#endif
