/* Sockets as character devices: TCP and Unix, client or server of one at a time, with the telnet
 * protocol (RFC 854, 857, 858) if asked. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "frontend/chardevs.h"
#include "frontend/options.h"

enum { IAC = 255, DONT = 254, DO = 253, WONT = 252, WILL = 251, SB = 250, SE = 240 };
enum { OPT_BINARY = 0, OPT_ECHO = 1, OPT_SGA = 3 };

struct sock {
    int listener; /* -1: a client */
    int watch;
    bool telnet, nodelay;
    char *path; /* of a Unix server, to be removed */
    enum { PLAIN, COMMAND, OPTION, SUB, SUB_END } in;
};

/* ---- addresses ---- */

static bool failed(struct chr *c, const char *what)
{
    return complain("%s: cannot %s '%s': %s", c->id, what, c->filename, strerror(errno));
}

static bool unix_address(struct chr *c, const char *path, struct sockaddr_un *sa)
{
    *sa = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(sa->sun_path))
        return complain("%s: the path '%s' is too long for a socket", c->id, path);
    strcpy(sa->sun_path, path);
    return true;
}

static int open_unix(struct chr *c, const struct chr_spec *spec)
{
    struct sockaddr_un sa;
    struct stat st;
    int fd = unix_address(c, spec->path, &sa) ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;

    if (fd < 0)
        return -1;
    if (spec->server && !lstat(spec->path, &st) && S_ISSOCK(st.st_mode))
        unlink(spec->path); /* of a server that has gone */
    if (spec->server ? !bind(fd, (struct sockaddr *)&sa, sizeof(sa)) && !listen(fd, 1)
                     : !connect(fd, (struct sockaddr *)&sa, sizeof(sa)))
        return fd;
    failed(c, spec->server ? "listen on" : "connect to");
    close(fd);
    return -1;
}

static int try_tcp(const struct addrinfo *a, bool server)
{
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol), one = 1;

    if (fd < 0)
        return -1;
    if (server)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (server ? !bind(fd, a->ai_addr, a->ai_addrlen) && !listen(fd, 1)
               : !connect(fd, a->ai_addr, a->ai_addrlen))
        return fd;
    close(fd);
    return -1;
}

static int open_tcp(struct chr *c, const struct chr_spec *spec)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list;
    const char *host = spec->host && *spec->host ? spec->host : NULL;
    int fd = -1, why = getaddrinfo(host, spec->port, &hints, &list);

    if (why) {
        complain("%s: '%s': %s", c->id, c->filename, gai_strerror(why));
        return -1;
    }
    for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
        fd = try_tcp(a, spec->server);
    if (fd < 0)
        failed(c, spec->server ? "listen on" : "connect to");
    freeaddrinfo(list);
    return fd;
}

/* A socket that the program was started with: connected, or as a server listening. */
static int inherited(struct chr *c, const struct chr_spec *spec)
{
    int listening = 0, fd;
    socklen_t len = sizeof(listening);
    char *end;
    long n = strtol(spec->fd, &end, 10);

    fd = *end || end == spec->fd || n < 0 || n > INT_MAX ? -1 : (int)n;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len)) {
        complain("%s: fd '%s' is no socket", c->id, spec->fd);
        return -1;
    }
    if (!listening != !spec->server) {
        complain("%s: fd '%s' is a socket that %s", c->id, spec->fd,
                 listening ? "listens: add server=on" : "does not listen, as a server's must");
        return -1;
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

/* ---- connections ---- */

static void greet_telnet(struct chr *c)
{
    static const uint8_t offer[] = {IAC, WILL, OPT_ECHO,   IAC, WILL, OPT_SGA,
                                    IAC, WILL, OPT_BINARY, IAC, DO,   OPT_BINARY};
    chr_add(&c->out, offer, sizeof(offer));
}

static void begin(struct chr *c, int fd)
{
    struct sock *s = c->state;
    int one = 1;

    if (s->nodelay)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    s->in = PLAIN;
    chr_set_fds(c, fd, fd, true);
    if (s->telnet)
        greet_telnet(c);
    chr_set_open(c, true);
}

static void accept_one(struct chr *c, int flags)
{
    struct sock *s = c->state;
    int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | flags);

    if (fd >= 0)
        begin(c, fd);
}

static bool open_socket(struct chr *c, const struct chr_spec *spec)
{
    struct sock *s = calloc(1, sizeof(*s));
    int fd;

    CHECK(s, "out of memory");
    c->state = s;
    s->listener = -1;
    s->telnet = spec->telnet;
    s->nodelay = spec->nodelay && !spec->path;
    if (!!spec->path + !!spec->port + !!spec->fd != 1)
        return complain("%s: a socket needs either path, or host and port, or fd", c->id);
    fd = spec->fd ? inherited(c, spec) : spec->path ? open_unix(c, spec) : open_tcp(c, spec);
    if (fd < 0)
        return false;
    if (!spec->server) {
        begin(c, fd);
        return true;
    }
    s->listener = fd;
    s->path = spec->path ? strdup(spec->path) : NULL;
    c->coming = true;
    if (spec->wait) {
        fprintf(stderr, "orrery: waiting for connection on: %s\n", c->filename);
        accept_one(c, 0);
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return true;
}

static void hung_up(struct chr *c)
{
    if (c->fd_in >= 0)
        close(c->fd_in);
    chr_set_fds(c, -1, -1, false);
}

static void close_socket(struct chr *c)
{
    struct sock *s = c->state;

    hung_up(c);
    if (s->listener >= 0)
        close(s->listener);
    if (s->path)
        unlink(s->path);
    free(s->path);
}

static void prepare(struct chr *c, struct loop *loop)
{
    struct sock *s = c->state;

    s->watch = s->listener >= 0 && !c->open ? loop_watch(loop, s->listener, POLLIN) : -1;
}

static void dispatch(struct chr *c, struct loop *loop)
{
    struct sock *s = c->state;

    if (loop_ready(loop, s->watch) && !c->open)
        accept_one(c, 0);
}

/* ---- telnet ---- */

static void encode(struct chr *c, const uint8_t *data, size_t len)
{
    static const uint8_t escaped[] = {IAC, IAC};
    const struct sock *s = c->state;

    while (s->telnet && len) {
        const uint8_t *iac = memchr(data, IAC, len);
        size_t n = iac ? (size_t)(iac - data) : len;
        chr_add(&c->out, data, n);
        if (!iac)
            return;
        chr_add(&c->out, escaped, sizeof(escaped));
        data += n + 1;
        len -= n + 1;
    }
    chr_add(&c->out, data, len);
}

/* True: the byte is data. What the other end wants of options is what was offered, or not done. */
static bool telnet_byte(struct sock *s, uint8_t byte)
{
    switch (s->in) {
    case PLAIN:
        if (byte == IAC)
            s->in = COMMAND;
        return byte != IAC;
    case COMMAND:
        s->in = byte >= WILL && byte <= DONT ? OPTION : byte == SB ? SUB : PLAIN;
        return byte == IAC;
    case OPTION: s->in = PLAIN; return false;
    case SUB: s->in = byte == IAC ? SUB_END : SUB; return false;
    default: s->in = byte == SE ? PLAIN : SUB; return false;
    }
}

static size_t decode(struct chr *c, uint8_t *data, size_t len)
{
    struct sock *s = c->state;
    size_t n = 0;

    if (!s->telnet)
        return len;
    for (size_t i = 0; i < len; i++)
        if (telnet_byte(s, data[i]))
            data[n++] = data[i];
    return n;
}

const struct chr_kind chr_socket = {
    .name = "socket",
    .props = "path host port fd server wait nodelay delay telnet ipv4 ipv6 ",
    .two_way = true,
    .open = open_socket,
    .close = close_socket,
    .hung_up = hung_up,
    .prepare = prepare,
    .dispatch = dispatch,
    .encode = encode,
    .decode = decode,
};
