/* The host's events, between two slices of the guest: file descriptors to watch, deadlines, and
 * signals that end the program. Whoever has any is a source; all of them share one poll(). */
#ifndef FRONTEND_LOOP_H
#define FRONTEND_LOOP_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#define LOOP_FDS 128

struct loop;

/* Owned by whoever adds it; usually a member of its struct. */
struct loop_source {
    /* Before each poll: says what it waits for with loop_watch() and loop_within(). */
    void (*prepare)(void *opaque, struct loop *loop);
    /* After it, always: asks loop_ready() about its descriptors. May add and remove sources. */
    void (*dispatch)(void *opaque, struct loop *loop);
    void *opaque;
    struct loop_source *next; /* the loop's */
};

/* Zero-initialize. */
struct loop {
    struct loop_source *sources;
    struct pollfd fd[LOOP_FDS];
    unsigned nfds;
    int timeout_ms; /* -1: none */
};

void loop_add(struct loop *loop, struct loop_source *source);
void loop_remove(struct loop *loop, struct loop_source *source);

/* prepare: watch fd for events (POLLIN, POLLOUT); the result is for loop_ready(), -1 if there are
 * too many. */
int loop_watch(struct loop *loop, int fd, short events);
/* prepare: wait no longer than this. */
void loop_within(struct loop *loop, int timeout_ms);

/* dispatch: what happened to it (0: nothing). */
short loop_ready(const struct loop *loop, int watch);

/* Waits at most timeout_ms (-1: for ever) for the first event, and lets all sources see to theirs.
 */
void loop_poll(struct loop *loop, int timeout_ms);

/* From here on SIGTERM, SIGHUP and SIGINT only end loop_poll() and set loop_interrupted(). */
void loop_catch_signals(void);
bool loop_interrupted(void);

/* The host's monotonic clock, nanoseconds. */
uint64_t loop_now_ns(void);

#endif
