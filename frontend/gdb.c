/* The connection to GDB: packets in and out of a character device, acknowledgements, Ctrl-C; stops
 * of the guest become stop replies. The guest stands as soon as a debugger comes. */
#include "frontend/gdb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "frontend/chardevs.h"
#include "frontend/session.h"

#define INTERRUPT 0x03

struct gdb {
    struct gdb_target target;
    struct chr_user user;
    struct observer observer;
    bool attached, running; /* running: a packet is being answered */
    enum { BETWEEN, PACKET, SUM_HIGH, SUM_LOW } state;
    char packet[GDB_PACKET + 1];
    size_t n;
    uint8_t sum, said;
    struct gdb_reply reply; /* the last one, for a debugger that has not got it */
};

/* ---- out ---- */

static void send_packet(struct gdb *g, const char *text, size_t n)
{
    uint8_t sum = 0;
    char end[8];

    for (size_t i = 0; i < n; i++)
        sum = (uint8_t)(sum + (uint8_t)text[i]);
    chr_write(&g->user, "$", 1);
    chr_write(&g->user, text, n);
    snprintf(end, sizeof(end), "#%02x", sum);
    chr_write(&g->user, end, 3);
}

static void send_reply(struct gdb *g)
{
    send_packet(g, g->reply.text, g->reply.n);
}

static void start_reply(struct gdb *g)
{
    g->reply.n = 0;
    g->reply.text[0] = 0;
    g->reply.raw = false;
}

void gdb_output(struct gdb_target *t, const char *text, size_t n)
{
    struct gdb *g = t->session->gdb;
    char out[1 + 2 * 1024];

    while (n) {
        size_t part = n < 1024 ? n : 1024;
        out[0] = 'O';
        for (size_t i = 0; i < part; i++)
            snprintf(out + 1 + 2 * i, 3, "%02x", (uint8_t)text[i]);
        send_packet(g, out, 1 + 2 * part);
        text += part;
        n -= part;
    }
}

/* ---- news of the guest ---- */

static void stopped(struct gdb *g)
{
    char text[2048];

    if (gdb_explain(&g->target, text, sizeof(text)))
        gdb_output(&g->target, text, strlen(text));
    start_reply(g);
    gdb_put_stop(&g->target, &g->reply);
    g->target.waiting = false;
    send_reply(g);
}

static void tell(void *opaque, const struct news *news)
{
    struct gdb *g = opaque;
    const struct session *s = g->target.session;
    bool exited = s->cause.stop == ORRERY_EXIT;

    if (!g->target.waiting)
        return;
    if (news->kind == NEWS_STOP) {
        stopped(g);
    } else if (news->kind == NEWS_SHUTDOWN && !s->options.no_shutdown) {
        g->target.waiting = false;
        start_reply(g);
        gdb_put(&g->reply, "W%02x", exited ? orrery_exit_code(s->machine) & 0xff : 0);
        send_reply(g);
    }
}

static void detach(struct gdb *g)
{
    struct session *s = g->target.session;

    if (!g->attached)
        return;
    g->attached = false;
    s->debuggers--;
    breaks_clear(s, BREAK_GDB);
    free(g->target.xml);
    g->target.xml = NULL;
}

static void attach(struct gdb *g)
{
    struct session *s = g->target.session;

    g->state = BETWEEN;
    g->target =
        (struct gdb_target){.session = s,
                            .step_bits = GDB_STEP_ENABLE | GDB_STEP_NOIRQ | GDB_STEP_NOTIMER,
                            .wide = orrery_debugs_64(s->machine)};
    g->attached = true;
    s->debuggers++;
    session_pause(s);
}

static void event(void *opaque, enum chr_event what)
{
    struct gdb *g = opaque;

    if (what == CHR_FOCUS)
        return;
    detach(g);
    if (what == CHR_OPENED)
        attach(g);
    else if (g->user.chr->kind == &chr_stdio) /* the debugger's own machine */
        session_shutdown(g->target.session, "host-signal", false);
}

/* ---- in ---- */

static void run_packet(struct gdb *g)
{
    g->packet[g->n] = 0;
    start_reply(g);
    g->running = true;
    gdb_packet(&g->target, g->packet, g->n, &g->reply);
    g->running = false;
    if (!g->reply.raw)
        send_reply(g);
    if (g->target.detached)
        detach(g);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 0;
}

/* Bytes between packets. */
static void take_command(struct gdb *g, char c)
{
    if (c == '$') {
        g->state = PACKET;
        g->n = 0;
        g->sum = 0;
    } else if (c == '-' && !g->target.no_ack && g->reply.n) {
        send_reply(g);
    } else if (c == INTERRUPT && g->target.waiting) {
        session_pause(g->target.session);
    }
}

static void take(struct gdb *g, char c)
{
    bool good;

    switch (g->state) {
    case BETWEEN: take_command(g, c); break;
    case PACKET:
        if (c == '#') {
            g->state = SUM_HIGH;
        } else if (c == '$' || g->n == GDB_PACKET) { /* something got lost */
            g->n = 0;
            g->sum = 0;
        } else {
            g->packet[g->n++] = c;
            g->sum = (uint8_t)(g->sum + (uint8_t)c);
        }
        break;
    case SUM_HIGH:
        g->said = (uint8_t)(hex_digit(c) << 4);
        g->state = SUM_LOW;
        break;
    case SUM_LOW:
        g->state = BETWEEN;
        good = g->sum == (g->said | hex_digit(c));
        if (!g->target.no_ack)
            chr_write(&g->user, good ? "+" : "-", 1);
        if (good)
            run_packet(g);
        break;
    }
}

static size_t room(void *opaque)
{
    const struct gdb *g = opaque;
    return chr_waiting(&g->user) < CHR_LIMIT ? SIZE_MAX : 0;
}

static void input(void *opaque, const void *data, size_t len)
{
    struct gdb *g = opaque;

    for (size_t i = 0; i < len; i++) {
        if (!g->attached) /* detached, and the line stays */
            attach(g);
        take(g, ((const char *)data)[i]);
    }
}

/* ---- options ---- */

/* As QEMU does: a TCP or Unix socket is a server that nobody has to wait for. */
static void complete(const char *text, char *out, size_t size)
{
    bool tcp = !strncmp(text, "tcp:", 4), local = !strncmp(text, "unix:", 5);

    snprintf(out, size, "%s%s%s", text,
             (tcp || local) && !strstr(text, ",server") ? ",server=on,wait=off" : "",
             tcp && !strstr(text, ",nodelay") ? ",nodelay=on" : "");
}

/* What serves GDB, before one has come. */
static struct gdb *make(struct session *s)
{
    struct gdb *g = s->gdb;

    if (g)
        return g;
    g = s->gdb = calloc(1, sizeof(*g));
    CHECK(g, "out of memory");
    g->target.session = s;
    g->observer = (struct observer){.tell = tell, .opaque = g};
    session_observe(s, &g->observer);
    return g;
}

static bool put_on(struct gdb *g, struct chr *c)
{
    g->user = (struct chr_user){.room = room, .input = input, .event = event, .opaque = g};
    c->debugger = true;
    return chr_attach(c, &g->user, "gdb");
}

bool gdb_open(struct session *s)
{
    char text[512];
    struct chr *c;

    if (!s->options.gdb || !strcmp(s->options.gdb, "none"))
        return true;
    complete(s->options.gdb, text, sizeof(text));
    c = chr_open_legacy(s, "gdb", text, "gdb");
    return c && put_on(make(s), c);
}

bool gdb_move(struct session *s, const char *device)
{
    struct gdb *g = make(s);
    char text[512];
    struct chr *c = g->user.chr;

    if (g->running || (c && (c->kind == &chr_stdio || c->mux)))
        return false;
    if (c)
        chr_remove(c);
    g->user.chr = NULL;
    if (!strcmp(device, "none"))
        return true;
    complete(device, text, sizeof(text));
    c = chr_open_now(s, "gdb", text, "gdb");
    if (!c)
        return false;
    put_on(g, c);
    chr_start(c);
    return true;
}

void gdb_close(struct session *s)
{
    if (s->gdb)
        free(s->gdb->target.xml);
    free(s->gdb);
    s->gdb = NULL;
}
