/* Character devices: buffers, the multiplexer with its escape key Ctrl-A, and their part in the
 * host's loop. A signal ends waiting for the other end. See the manual, "Character devices". */
#include "frontend/chardevs.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "frontend/session.h"

#define ESCAPE    0x01 /* Ctrl-A */
#define CHUNK     4096 /* PIPE_BUF: what a pipe that is ready takes without blocking */
#define READS     128  /* at most between two slices of the guest */
#define LAST_WAIT 5000 /* ms for the rest of the output to go out at the end */

void chr_add(struct chr_bytes *b, const void *data, size_t len)
{
    if (b->room - b->n < len) {
        b->room = (b->n + len) * 2;
        b->data = realloc(b->data, b->room);
        CHECK(b->data, "out of memory");
    }
    memcpy(b->data + b->n, data, len);
    b->n += len;
}

/* ---- what the session counts ---- */

static void count(bool *was, bool is, unsigned *counter)
{
    if (is != *was)
        *counter += is ? 1u : -1u;
    *was = is;
}

static size_t waiting(const struct chr *c)
{
    return c->out.n - c->out.at;
}

static void recount(struct chr *c)
{
    bool alive = c->users && c->kind->two_way && (c->coming || (c->open && c->fd_in >= 0));

    count(&c->waits, alive, &c->session->waiting);
    count(&c->paces, alive && c->paced, &c->session->paced);
    count(&c->watches, alive && (c->paced || c->debugger), &c->session->watched);
    count(&c->holds, c->guests && c->open && waiting(c) > CHR_LIMIT, &c->session->held);
}

/* ---- output ---- */

static ssize_t put(struct chr *c)
{
    struct pollfd p = {.fd = c->fd_out, .events = POLLOUT};
    const uint8_t *data = c->out.data + c->out.at;
    size_t n = waiting(c) < CHUNK ? waiting(c) : CHUNK;

    if (c->socket)
        return send(c->fd_out, data, n, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (poll(&p, 1, 0) == 1 && (p.revents & (POLLOUT | POLLERR)))
        return write(c->fd_out, data, n);
    errno = EAGAIN;
    return -1;
}

static void flush(struct chr *c)
{
    while (waiting(c) && c->fd_out >= 0) {
        ssize_t n = put(c);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (n < 0)
            chr_set_open(c, false);
        else
            c->out.at += (size_t)n;
    }
    if (!waiting(c))
        c->out.at = c->out.n = 0;
    recount(c);
}

void chr_write(struct chr_user *user, const void *data, size_t len)
{
    struct chr *c = user->chr;

    if (c->log) {
        fwrite(data, 1, len, c->log);
        fflush(c->log);
    }
    if (c->kind->output) {
        c->kind->output(c, data, len);
        return;
    }
    if (!c->open || c->fd_out < 0)
        return;
    if (c->kind->encode)
        c->kind->encode(c, data, len);
    else
        chr_add(&c->out, data, len);
    if (waiting(c) >= CHUNK || memchr(data, '\n', len))
        flush(c);
}

size_t chr_waiting(const struct chr_user *user)
{
    return waiting(user->chr);
}

static void write_text(struct chr *c, const char *text)
{
    struct chr_user here = {.chr = c};
    chr_write(&here, text, strlen(text));
}

/* ---- input ---- */

static void tell(struct chr *c, unsigned n, enum chr_event event)
{
    if (n < c->users && c->user[n]->event)
        c->user[n]->event(c->user[n]->opaque, event);
}

static void help(struct chr *c)
{
    write_text(c, "\r\nCtrl-A H  this help\r\nCtrl-A X  end the emulator\r\n");
    if (c->users > 1)
        write_text(c, "Ctrl-A C  switch between serial port and monitor\r\n");
    write_text(c, "Ctrl-A Ctrl-A  send Ctrl-A\r\n");
}

/* The key after Ctrl-A. True: it is for the user after all. */
static bool command(struct chr *c, uint8_t key)
{
    switch (key) {
    case 'x':
    case 'X': session_shutdown(c->session, "host-ui", false); return false;
    case 'h':
    case 'H':
    case '?': help(c); return false;
    case 'c':
    case 'C':
        c->focus = c->users ? (c->focus + 1) % c->users : 0;
        tell(c, c->focus, CHR_FOCUS);
        return false;
    default: return true; /* Ctrl-A Ctrl-A, and any key that means nothing */
    }
}

/* Passes on what was read, as much as its users take. */
static void pass_on(struct chr *c)
{
    for (unsigned i = 0; i < c->users; i++) {
        struct chr_input *in = &c->in[i];
        struct chr_user *u = c->user[i];

        while (in->at < in->n && u->room) {
            size_t room = u->room(u->opaque), take = in->n - in->at;
            const uint8_t *data = in->data + in->at;

            take = take < room ? take : room;
            if (!take)
                break;
            in->at += take;
            u->input(u->opaque, data, take);
        }
        if (in->at == in->n)
            in->at = in->n = 0;
    }
}

static size_t free_room(const struct chr *c)
{
    return c->users ? sizeof(c->in[0].data) - c->in[c->focus].n : 0;
}

void chr_take(struct chr *c, const void *data, size_t len)
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < len; i++) {
        bool plain = !c->escape;
        if (c->mux && plain && bytes[i] == ESCAPE) {
            c->escape = true;
            continue;
        }
        c->escape = false;
        if ((plain || command(c, bytes[i])) && free_room(c))
            c->in[c->focus].data[c->in[c->focus].n++] = bytes[i];
    }
    pass_on(c);
}

static void read_more(struct chr *c)
{
    uint8_t buf[sizeof(c->in[0].data)];
    size_t room = free_room(c);
    ssize_t n = read(c->fd_in, buf, room < sizeof(buf) ? room : sizeof(buf));

    if (n > 0)
        chr_take(c, buf, c->kind->decode ? c->kind->decode(c, buf, (size_t)n) : (size_t)n);
    else if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    else if (c->fd_in != c->fd_out && !c->debugger)
        c->fd_in = -1; /* the end of input; output goes on */
    else
        chr_set_open(c, false);
}

/* ---- the other end ---- */

void chr_set_open(struct chr *c, bool open)
{
    if (open == c->open)
        return;
    c->open = open;
    if (!open) {
        c->out.at = c->out.n = 0;
        c->escape = false;
        for (unsigned i = 0; !c->guests && i < CHR_USERS; i++)
            c->in[i].at = c->in[i].n = 0;
        if (c->kind->hung_up)
            c->kind->hung_up(c);
    }
    for (unsigned i = 0; i < c->users; i++)
        tell(c, i, open ? CHR_OPENED : CHR_CLOSED);
    recount(c);
}

void chr_set_fds(struct chr *c, int in, int out, bool socket)
{
    c->fd_in = in;
    c->fd_out = out;
    c->socket = socket;
}

static void prepare(void *opaque, struct loop *loop)
{
    struct chr *c = opaque;

    c->watch_in = c->watch_out = -1;
    if (c->kind->prepare)
        c->kind->prepare(c, loop);
    if (!c->open)
        return;
    if (c->fd_in >= 0 && free_room(c))
        c->watch_in = loop_watch(loop, c->fd_in, POLLIN);
    flush(c);
    if (waiting(c) && c->fd_out >= 0)
        c->watch_out = loop_watch(loop, c->fd_out, POLLOUT);
}

/* Is there input, and room for it? */
static bool is_ready(const struct chr *c)
{
    struct pollfd p = {.fd = c->fd_in, .events = POLLIN};

    return c->open && c->fd_in >= 0 && free_room(c) && poll(&p, 1, 0) == 1;
}

static void dispatch(void *opaque, struct loop *loop)
{
    struct chr *c = opaque;

    if (c->kind->dispatch)
        c->kind->dispatch(c, loop);
    pass_on(c);
    if (loop_ready(loop, c->watch_in))
        for (unsigned i = 0; i < READS && is_ready(c); i++)
            read_more(c);
    flush(c);
}

bool chr_attach(struct chr *c, struct chr_user *user, const char *option)
{
    if (c->users == (c->mux ? CHR_USERS : 1))
        return complain("-%s: '%s' is in use", option, c->id);
    user->chr = c;
    c->user[c->users++] = user;
    return true;
}

/* ---- all of them ---- */

struct chr *chr_find(struct session *s, const char *id)
{
    for (struct chr *c = s->chardevs; c; c = c->next)
        if (!strcmp(c->id, id))
            return c;
    return NULL;
}

void chr_start(struct chr *c)
{
    if (c->kind->start)
        c->kind->start(c);
    c->source = (struct loop_source){.prepare = prepare, .dispatch = dispatch, .opaque = c};
    loop_add(&c->session->loop, &c->source);
    if (c->open)
        for (unsigned i = 0; i < c->users; i++)
            tell(c, i, CHR_OPENED);
    recount(c);
}

void chr_start_all(struct session *s)
{
    for (struct chr *c = s->chardevs; c; c = c->next)
        chr_start(c);
}

/* What is left goes out, unless nobody takes it. */
static void drain(struct chr *c)
{
    struct pollfd p = {.fd = c->fd_out, .events = POLLOUT};
    int wait = c->kind == &chr_stdio ? -1 : LAST_WAIT;

    flush(c);
    while (c->open && waiting(c) && !loop_interrupted()) {
        if (poll(&p, 1, wait) == 0)
            return;
        flush(c);
    }
}

static void end(struct chr *c)
{
    drain(c);
    loop_remove(&c->session->loop, &c->source);
    if (c->kind->close)
        c->kind->close(c);
    free(c->out.data);
    free(c->state);
    free(c);
}

void chr_stop_all(struct session *s)
{
    while (s->chardevs) {
        struct chr *c = s->chardevs;
        s->chardevs = c->next;
        end(c);
    }
}

void chr_remove(struct chr *c)
{
    struct chr **at = &c->session->chardevs;

    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    drain(c);
    c->coming = false;
    chr_set_open(c, false);
    recount(c);
    end(c);
}
