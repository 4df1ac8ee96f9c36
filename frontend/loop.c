/* One ppoll() for all sources. A signal's mark is the process's, as signals are. */
#define _GNU_SOURCE
#include "frontend/loop.h"

#include <signal.h>
#include <stddef.h>
#include <time.h>

static volatile sig_atomic_t interrupted;
static const int end_signals[] = {SIGTERM, SIGHUP, SIGINT};

static void on_signal(int sig)
{
    (void)sig;
    interrupted = 1;
}

void loop_catch_signals(void)
{
    struct sigaction sa = {.sa_handler = on_signal};

    for (size_t i = 0; i < sizeof(end_signals) / sizeof(end_signals[0]); i++)
        sigaction(end_signals[i], &sa, NULL);
}

bool loop_interrupted(void)
{
    return interrupted;
}

uint64_t loop_now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void loop_add(struct loop *loop, struct loop_source *source)
{
    source->next = loop->sources;
    loop->sources = source;
}

void loop_remove(struct loop *loop, struct loop_source *source)
{
    struct loop_source **at = &loop->sources;

    while (*at && *at != source)
        at = &(*at)->next;
    if (*at)
        *at = source->next;
}

int loop_watch(struct loop *loop, int fd, short events)
{
    if (loop->nfds == LOOP_FDS)
        return -1;
    loop->fd[loop->nfds] = (struct pollfd){.fd = fd, .events = events};
    return (int)loop->nfds++;
}

void loop_within(struct loop *loop, int timeout_ms)
{
    if (loop->timeout_ms < 0 || timeout_ms < loop->timeout_ms)
        loop->timeout_ms = timeout_ms;
}

short loop_ready(const struct loop *loop, int watch)
{
    return watch < 0 ? 0 : loop->fd[watch].revents;
}

/* poll(), but a signal that came just before it ends it too. */
static void wait(struct loop *loop)
{
    const struct timespec t = {loop->timeout_ms / 1000, loop->timeout_ms % 1000 * 1000000L};
    sigset_t block, before;

    sigemptyset(&block);
    for (size_t i = 0; i < sizeof(end_signals) / sizeof(end_signals[0]); i++)
        sigaddset(&block, end_signals[i]);
    sigprocmask(SIG_BLOCK, &block, &before);
    if (interrupted || ppoll(loop->fd, loop->nfds, loop->timeout_ms < 0 ? NULL : &t, &before) < 0)
        for (unsigned i = 0; i < loop->nfds; i++)
            loop->fd[i].revents = 0;
    sigprocmask(SIG_SETMASK, &before, NULL);
}

void loop_poll(struct loop *loop, int timeout_ms)
{
    struct loop_source *next;

    loop->nfds = 0;
    loop->timeout_ms = timeout_ms;
    for (struct loop_source *s = loop->sources; s; s = s->next)
        s->prepare(s->opaque, loop);
    if (loop->nfds && !loop->timeout_ms)
        poll(loop->fd, loop->nfds, 0);
    else if (loop->timeout_ms)
        wait(loop);
    for (struct loop_source *s = loop->sources; s; s = next) {
        next = s->next;
        s->dispatch(s->opaque, loop);
    }
}
