/* Character devices of the host: byte streams that serial ports, monitors and others are put on.
 * What kinds there are says the table in chardevs_kinds.c, how they are named chardevs_opts.c.
 *
 * Output is buffered and goes out as the other end takes it, between two slices of the guest; while
 * more than CHR_LIMIT waits for an end that is there the guest stands (session.held), so that
 * nothing is lost. With nobody at the other end output is dropped. Input is only read as the user
 * has room for it. */
#ifndef FRONTEND_CHARDEVS_H
#define FRONTEND_CHARDEVS_H

#include <stdio.h>

#include "frontend/loop.h"

struct session;
struct chr;

#define CHR_LIMIT 65536u
#define CHR_USERS 4 /* of one multiplexed device */

enum chr_event {
    CHR_OPENED, /* somebody is at the other end; given to every user once at the start, too */
    CHR_CLOSED, /* and has gone */
    CHR_FOCUS,  /* multiplexed: what is typed goes to this user now */
};

/* Owned by whoever uses the device; opaque is for the functions. */
struct chr_user {
    size_t (*room)(void *opaque); /* bytes that it takes now */
    void (*input)(void *opaque, const void *data, size_t len);
    void (*event)(void *opaque, enum chr_event event); /* may be NULL */
    void *opaque;
    struct chr *chr;
};

/* How a device is described. */
struct chr_spec {
    const struct chr_kind *kind;
    char *id, *path, *host, *port, *fd, *logfile;
    bool server, wait, telnet, nodelay, mux, append, logappend, signal;
    uint32_t size;
};

/* A kind of device. Members may be NULL. */
struct chr_kind {
    const char *name; /* as in -chardev */
    const char
        *props; /* properties besides id, mux, logfile, logappend; each followed by a space */
    const char *needs; /* one that must be there */
    bool two_way;      /* input may come: the guest's idle time is the host's */
    bool (*open)(struct chr *c, const struct chr_spec *spec); /* false after a complaint */
    void (*start)(struct chr *c);                             /* the machine stands */
    void (*close)(struct chr *c);
    /* For devices without descriptors: takes output. */
    void (*output)(struct chr *c, const void *data, size_t len);
    /* On the way out and in: telnet. encode adds to c->out, decode works in place. */
    void (*encode)(struct chr *c, const uint8_t *data, size_t len);
    size_t (*decode)(struct chr *c, uint8_t *data, size_t len);
    /* The other end has gone; c->fd_in and fd_out are still open. */
    void (*hung_up)(struct chr *c);
    void (*prepare)(struct chr *c, struct loop *loop);
    void (*dispatch)(struct chr *c, struct loop *loop);
    void (*lines)(struct chr *c, bool dtr, bool rts);
};

/* The bytes from data[at] to data[n]. */
struct chr_bytes {
    uint8_t *data;
    size_t at, n, room;
};

struct chr_input {
    uint8_t data[512];
    size_t at, n;
};

struct chr {
    struct session *session;
    struct chr *next;
    const struct chr_kind *kind;
    char id[64], filename[160]; /* of it, and as "info chardev" shows it */
    bool mux, open;             /* open: there is another end */
    bool coming;                /* or may come to be one */
    bool signal;                /* stdio: Ctrl-C ends the program */
    struct chr_user *user[CHR_USERS];
    unsigned users, focus;
    bool escape;                       /* the last byte was Ctrl-A */
    unsigned guests;                   /* users that the guest is */
    bool paced;                        /* a person or script controls the machine through it */
    bool debugger;                     /* one does: the guest need not keep time for it */
    bool waits, paces, watches, holds; /* counted in the session */
    int fd_in, fd_out;                 /* -1: none */
    bool socket;
    int watch_in, watch_out;
    struct chr_bytes out;
    struct chr_input in[CHR_USERS]; /* read, but not yet taken by the user */
    FILE *log;
    void *state; /* the kind's */
    struct loop_source source;
};

extern const struct chr_kind *const chr_kinds[]; /* ends with NULL */

/* Opens what -serial, -monitor and their like name ("tcp:HOST:PORT,server"), for `option`, under
 * the name `label`; or finds "chardev:ID". NULL after a complaint. */
struct chr *chr_open_legacy(struct session *s, const char *option, const char *text,
                            const char *label);
/* The same while the machine runs; not for files. To be started. */
struct chr *chr_open_now(struct session *s, const char *option, const char *text,
                         const char *label);
/* The same for the text of -chardev. */
struct chr *chr_open_option(struct session *s, const char *text);
struct chr *chr_find(struct session *s, const char *id);
/* The one on standard input and output, or NULL. */
struct chr *chr_stdio_of(struct session *s);
/* With its user attached: from now on it takes part in the loop. */
void chr_start(struct chr *c);
void chr_start_all(struct session *s);
/* Its users are told that it has closed. Not from within its own input. */
void chr_remove(struct chr *c);
void chr_stop_all(struct session *s); /* after all has gone out, if it is taken within seconds */

/* Puts a user on a device; a second one if it is multiplexed. False after a complaint. */
bool chr_attach(struct chr *c, struct chr_user *user, const char *option);
void chr_write(struct chr_user *user, const void *data, size_t len);
/* Bytes that wait to go out. */
size_t chr_waiting(const struct chr_user *user);

/* -- for kinds -- */

void chr_add(struct chr_bytes *b, const void *data, size_t len);
/* Input, cut to what there is room for. */
void chr_take(struct chr *c, const void *data, size_t len);
/* Somebody is there, or no more; tells the users. */
void chr_set_open(struct chr *c, bool open);
/* c->fd_in, fd_out have become another pair (-1: none). */
void chr_set_fds(struct chr *c, int in, int out, bool socket);

extern const struct chr_kind chr_socket, chr_stdio, chr_file, chr_pipe, chr_pty, chr_null, chr_vc,
    chr_ringbuf, chr_msmouse;

/* -- ringbuf -- */

/* Takes at most size bytes out. */
size_t chr_ringbuf_read(struct chr *c, void *buf, size_t size);
/* -- msmouse: movement and buttons as orrery_mouse() -- */
void chr_msmouse_move(struct chr *c, int dx, int dy, unsigned buttons);

#endif
