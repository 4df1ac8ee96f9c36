/* Character devices that are descriptors: the terminal, files, named pipes, pseudo-terminals. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "frontend/chardevs.h"
#include "frontend/session.h"

#define LOOK_MS 200 /* how often is looked for somebody at a pseudo-terminal */

/* ---- stdio ---- */

struct chr *chr_stdio_of(struct session *s)
{
    struct chr *c = s->chardevs;

    while (c && c->kind != &chr_stdio)
        c = c->next;
    return c;
}

static bool open_stdio(struct chr *c, const struct chr_spec *spec)
{
    if (chr_stdio_of(c->session))
        return complain("only one device can be on standard input and output (mux=on shares)");
    c->signal = spec->signal;
    c->open = true;
    chr_set_fds(c, STDIN_FILENO, STDOUT_FILENO, false);
    return true;
}

static void start_stdio(struct chr *c)
{
    term_raw(c->signal);
}

static void close_stdio(struct chr *c)
{
    (void)c;
    term_restore();
}

/* ---- file ---- */

static bool open_file(struct chr *c, const struct chr_spec *spec)
{
    FILE *f = session_file(c->session, c->id, spec->path, spec->append);

    c->open = f;
    chr_set_fds(c, -1, f ? fileno(f) : -1, false);
    return f;
}

/* ---- pipe: PATH.in and PATH.out, or PATH for both ---- */

static int open_fifo(const char *path, const char *end)
{
    char name[4096];
    int n = snprintf(name, sizeof(name), "%s%s", path, end);

    /* for reading and writing, so that it does not wait for another end */
    return n < (int)sizeof(name) ? open(name, O_RDWR | O_CLOEXEC | O_NONBLOCK) : -1;
}

static bool open_pipe(struct chr *c, const struct chr_spec *spec)
{
    int in = open_fifo(spec->path, ".in"), out = open_fifo(spec->path, ".out");

    if (in < 0 || out < 0) {
        if (in >= 0)
            close(in);
        if (out >= 0)
            close(out);
        in = out = open_fifo(spec->path, "");
    }
    c->open = in >= 0;
    chr_set_fds(c, in, out, false);
    return c->open ||
           complain("%s: cannot open the pipe '%s': %s", c->id, spec->path, strerror(errno));
}

static void close_fds(struct chr *c)
{
    if (c->fd_in >= 0)
        close(c->fd_in);
    if (c->fd_out >= 0 && c->fd_out != c->fd_in)
        close(c->fd_out);
    c->fd_in = c->fd_out = -1;
}

/* ---- pty ---- */

static bool open_pty(struct chr *c, const struct chr_spec *spec)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave = -1;
    char name[64];
    struct termios mode;

    (void)spec;
    if (master >= 0 && !grantpt(master) && !unlockpt(master) &&
        !ptsname_r(master, name, sizeof(name)))
        slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0 || tcgetattr(slave, &mode)) {
        complain("%s: no pseudo-terminal: %s", c->id, strerror(errno));
        if (master >= 0)
            close(master);
        return false;
    }
    cfmakeraw(&mode);
    tcsetattr(slave, TCSAFLUSH, &mode);
    close(slave);
    fcntl(master, F_SETFL, O_NONBLOCK);
    chr_set_fds(c, master, master, false);
    c->coming = true;
    snprintf(c->filename, sizeof(c->filename), "pty:%s", name);
    printf("char device redirected to %s (label %s)\n", name, c->id);
    fflush(stdout);
    return true;
}

/* A pseudo-terminal that nobody has open is hung up. */
static void prepare_pty(struct chr *c, struct loop *loop)
{
    struct pollfd p = {.fd = c->fd_in, .events = POLLIN};

    poll(&p, 1, 0);
    if (!(p.revents & POLLHUP) || (p.revents & POLLIN))
        chr_set_open(c, true);
    else
        chr_set_open(c, false);
    if (!c->open)
        loop_within(loop, LOOK_MS);
}

const struct chr_kind chr_stdio = {
    .name = "stdio",
    .props = "signal ",
    .two_way = true,
    .open = open_stdio,
    .start = start_stdio,
    .close = close_stdio,
};
const struct chr_kind chr_file = {
    .name = "file", .props = "path append ", .needs = "path", .open = open_file};
const struct chr_kind chr_pipe = {
    .name = "pipe",
    .props = "path ",
    .needs = "path",
    .two_way = true,
    .open = open_pipe,
    .close = close_fds,
};
const struct chr_kind chr_pty = {
    .name = "pty",
    .props = "",
    .two_way = true,
    .open = open_pty,
    .close = close_fds,
    .prepare = prepare_pty,
};
