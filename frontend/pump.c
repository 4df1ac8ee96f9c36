/* The thread between two sockets. It only moves bytes: out by a buffer that grows as it has to, in
 * by a small one. It shares with the others the number of bytes that wait, and nothing else. How
 * much may come to wait, the writer decides by pump_is_empty(). */
#define _GNU_SOURCE
#include "frontend/pump.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"

#define PIECE       65536
#define NETWORK_HAS (256 << 10) /* bytes in the host's buffers that are as good as sent */

struct bytes {
    char *data;
    size_t at, n, room; /* data[at] to data[n] */
};

struct pump {
    pthread_t thread;
    int inner, mine, outer; /* the library's end, its other end, the network */
    struct bytes out, in;
    _Atomic size_t waiting; /* bytes that are neither in the pair nor with the host's network */
};

static bool is_empty(const struct bytes *b)
{
    return b->at == b->n;
}

/* Room for `more` bytes behind the others. */
static void grow(struct bytes *b, size_t more)
{
    if (is_empty(b))
        b->at = b->n = 0;
    if (b->n + more <= b->room)
        return;
    b->room = 2 * b->room + more;
    b->data = realloc(b->data, b->room);
    CHECK(b->data, "out of memory");
}

/* False at the end of what comes. */
static bool receive(int from, struct bytes *b)
{
    ssize_t got;

    grow(b, PIECE);
    got = recv(from, b->data + b->n, PIECE, MSG_DONTWAIT);
    if (got > 0)
        b->n += (size_t)got;
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

/* False if nobody is there to take it. */
static bool transmit(int to, struct bytes *b)
{
    ssize_t sent = send(to, b->data + b->at, b->n - b->at, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (sent > 0)
        b->at += (size_t)sent;
    return sent >= 0 || errno == EAGAIN || errno == EINTR;
}

/* False when the library has closed its end; then what is left is tried once. */
static bool from_library(struct pump *p)
{
    p->waiting = p->out.n - p->out.at + PIECE; /* before it leaves the pair */
    if (receive(p->mine, &p->out))
        return true;
    if (!is_empty(&p->out))
        transmit(p->outer, &p->out);
    return false;
}

/* False when it is over. */
static bool step(struct pump *p)
{
    struct pollfd fds[] = {{p->mine, POLLIN, 0}, {p->outer, 0, 0}};

    if (!is_empty(&p->out))
        fds[1].events |= POLLOUT;
    if (is_empty(&p->in))
        fds[1].events |= POLLIN;
    else
        fds[0].events |= POLLOUT;
    if (poll(fds, 2, -1) < 0)
        return errno == EINTR;
    if (fds[0].revents & (POLLIN | POLLHUP | POLLERR) && !from_library(p))
        return false;
    if (!is_empty(&p->out) && !transmit(p->outer, &p->out))
        return false;
    p->waiting = p->out.n - p->out.at;
    if (!is_empty(&p->in))
        return transmit(p->mine, &p->in);
    return !(fds[1].revents & (POLLIN | POLLHUP | POLLERR)) || receive(p->outer, &p->in);
}

static void *run(void *opaque)
{
    struct pump *p = opaque;

    while (step(p))
        continue;
    shutdown(p->mine, SHUT_RDWR);
    shutdown(p->outer, SHUT_RDWR);
    return NULL;
}

/* Signals are for the other threads. */
static bool start_thread(struct pump *p)
{
    sigset_t all, before;
    bool ok;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    ok = !pthread_create(&p->thread, NULL, run, p);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ok;
}

struct pump *pump_start(int outer)
{
    struct pump *p = calloc(1, sizeof(*p));
    int pair[2], one = 1;

    CHECK(p, "out of memory");
    setsockopt(outer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* of no use on a Unix socket */
    if (!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
        p->inner = pair[0];
        p->mine = pair[1];
        p->outer = outer;
        if (start_thread(p))
            return p;
        close(pair[0]);
        close(pair[1]);
    }
    close(outer);
    free(p);
    return NULL;
}

int pump_inner(const struct pump *p)
{
    return p->inner;
}

bool pump_is_empty(const struct pump *p)
{
    int in_pair = 0, in_network = 0;

    if (ioctl(p->inner, SIOCOUTQ, &in_pair) || in_pair || p->waiting)
        return false;
    return !ioctl(p->outer, SIOCOUTQ, &in_network) && in_network <= NETWORK_HAS;
}

void pump_stop(struct pump *p)
{
    shutdown(p->mine, SHUT_RDWR);
    shutdown(p->outer, SHUT_RD);
    pthread_join(p->thread, NULL);
    close(p->mine);
    close(p->outer);
    free(p->out.data);
    free(p->in.data);
    free(p);
}
