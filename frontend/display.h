/* Displays: what shows the guest's screen to people and takes their input. All of one run look at
 * one picture, made some sixty times a second while anybody sees it and something moves. Manual,
 * "Displays". */
#ifndef FRONTEND_DISPLAY_H
#define FRONTEND_DISPLAY_H

#include "frontend/listen.h"
#include "frontend/loop.h"
#include "machine/orrery.h"

struct options;
struct session;
struct display;

#define MAX_DISPLAYS     4
#define DISPLAY_BAND     32 /* rows */
#define MAX_CHANGED      128
#define DISPLAY_SCREENS  "sdl, curses, vnc=ADDRESS, none"
#define DISPLAY_FRAME_NS 16666667u

/* Rows of a table. All but open may be NULL. */
struct display_type {
    const char *name;
    /* Reads display->arg, adds its sources to the loop. False after one line on standard error. */
    bool (*open)(struct display *d);
    bool (*active)(const struct display *d); /* somebody sees pictures now; NULL: never */
    void (*refresh)(struct display *d);      /* shows what changed in session->displays.screen */
    void (*close)(struct display *d);        /* also after a failed open */
};

/* NULL where Orrery was built without the library. */
extern const struct display_type *const display_sdl, *const display_curses, *const display_vnc;

/* As the options ask for it. */
struct display_options {
    struct {
        const struct display_type *type;
        char *arg; /* after the name: "=ADDRESS,NAME=VALUE,..." or "" */
    } wanted[MAX_DISPLAYS];
    unsigned count;
    bool chosen; /* an option about displays was given, if only "none" */
    bool unseen; /* nothing at all would be seen of the guest */
    bool full_screen;
    const struct layout *layout; /* of the guest's keyboard; NULL: US */
    bool free_running;           /* -speed max */
    unsigned speed;              /* percent of real time; 0: not said */
};

struct display {
    const struct display_type *type;
    struct session *session;
    char *arg;
    void *state; /* its own */
};

struct display_rect {
    uint32_t x, y, width, height;
};

struct displays {
    struct display display[MAX_DISPLAYS];
    unsigned count;
    struct loop_source source;
    struct orrery_screen screen; /* as it is now */
    struct orrery_screen before;
    bool resized; /* since the last refresh; then all of it is in changed */
    struct display_rect changed[MAX_CHANGED];
    unsigned nchanged;
    uint64_t due_ns;      /* the next picture */
    uint64_t guest_ns;    /* when the last was made */
    unsigned quiet;       /* pictures since the last change */
    unsigned speed;       /* percent of real time, measured each second */
    uint64_t measured_ns; /* when, by the wall clock */
    uint64_t measured_guest_ns;
};

/* Option handlers: -display, -vnc, -sdl, -curses, -full-screen, -k, -speed. */
bool display_opt_display(struct options *o, const char *name, const char *arg);
bool display_opt_short(struct options *o, const char *name, const char *arg);
bool display_opt_full_screen(struct options *o, const char *name, const char *arg);
bool display_opt_layout(struct options *o, const char *name, const char *arg);
bool display_opt_speed(struct options *o, const char *name, const char *arg);
/* After the last option: what is shown if nothing was said. */
bool display_finish(struct options *o);

/* With the machine there. False after a complaint; displays_close() in any case. */
bool displays_open(struct session *s);
void displays_close(struct session *s);

/* There was input, or somebody new looks: the next picture is due at once; all: with everything
 * in it, as if it had changed. */
void displays_wake(struct session *s, bool all);

/* Saves the screen as orrery-N.png (PPM without libpng) in the current folder, with the first N
 * that is free, and says so on standard error. */
void display_save_picture(struct session *s);

/* VNC: the password from now on, "" refuses everybody; when it stops to be one, in seconds since
 * 1970 (0: never). False without a VNC server that asks for one. */
bool display_set_password(struct session *s, const char *password);
bool display_expire_password(struct session *s, int64_t when);

/* VNC: where it listens, and the client number n. False: there is none. */
bool display_vnc_server(const struct session *s, struct display_peer *name, bool *asks);
bool display_vnc_client(const struct session *s, unsigned n, struct display_peer *name);

#endif
