/* Character devices of the command line: what serial ports, the printer port and the debug port are
 * connected to, and the terminal as one of them. */
#include "frontend/session.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static void write_stdout(void *opaque, const void *data, size_t len)
{
    const char *p = data;
    (void)opaque;
    while (len) {
        ssize_t n = write(STDOUT_FILENO, p, len);
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return;
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        }
    }
}

static void write_file(void *opaque, const void *data, size_t len)
{
    fwrite(data, 1, len, opaque);
    fflush(opaque);
}

/* Connects one character device by its description; *present false for "none". */
static bool open_sink(struct session *s, const char *option, const char *desc,
                      struct orrery_sink *sink, bool *present)
{
    *present = strcmp(desc, "none") != 0;
    memset(sink, 0, sizeof(*sink));
    if (!*present || !strcmp(desc, "null"))
        return true;
    if (!strcmp(desc, "stdio") || !strcmp(desc, "mon:stdio")) {
        sink->write = write_stdout;
        return true;
    }
    if (strncmp(desc, "file:", 5))
        return complain("-%s: unknown device '%s' (stdio, mon:stdio, file:PATH, null, none)",
                        option, desc);
    sink->write = write_file;
    sink->opaque = session_output(s, option, desc + 5);
    return sink->opaque;
}

/* ---- the terminal ---- */

static void terminal_prepare(void *opaque, struct loop *loop)
{
    struct session *s = opaque;

    s->term.watch = s->term.open && orrery_serial_room(s->machine, s->term.port)
                        ? loop_watch(loop, STDIN_FILENO, POLLIN)
                        : -1;
}

/* Passes on what was typed. Who has no more to say is not waited for. */
static void terminal_dispatch(void *opaque, struct loop *loop)
{
    struct session *s = opaque;
    char buf[256];
    size_t room, n;

    if (!loop_ready(loop, s->term.watch))
        return;
    room = orrery_serial_room(s->machine, s->term.port);
    n = term_read(&s->term, buf, room < sizeof(buf) ? room : sizeof(buf));
    if (n)
        orrery_serial_input(s->machine, s->term.port, buf, n);
    s->quit |= s->term.quit;
    if (!s->term.open)
        s->waiting--;
}

static bool term_attach(struct session *s, unsigned port)
{
    struct term *t = &s->term;

    if (t->used)
        return complain("-serial: only one port can be on standard input and output");
    *t = (struct term){.used = true, .port = port};
    t->source = (struct loop_source){
        .prepare = terminal_prepare, .dispatch = terminal_dispatch, .opaque = s};
    return true;
}

void session_start_chardevs(struct session *s)
{
    if (!s->term.used)
        return;
    term_open(&s->term);
    loop_add(&s->loop, &s->term.source);
    s->waiting++;
}

void session_stop_chardevs(struct session *s)
{
    if (s->term.used)
        term_close(&s->term);
}

/* ---- all of them ---- */

bool session_chardevs(struct session *s)
{
    struct options *o = &s->options;
    if (o->nserial == 0)
        o->serial[o->nserial++] = o->nographic ? "mon:stdio" : "null";
    for (unsigned i = 0; i < o->nserial; i++) {
        if (!open_sink(s, "serial", o->serial[i], &o->config.serial[i],
                       &o->config.serial_present[i]))
            return false;
        if (o->config.serial[i].write == write_stdout && !term_attach(s, i))
            return false;
    }
    if (o->parallel &&
        !open_sink(s, "parallel", o->parallel, &o->config.parallel, &o->config.parallel_present))
        return false;
    return !o->debugcon ||
           open_sink(s, "debugcon", o->debugcon, &o->config.debugcon, &o->config.debugcon_present);
}
