/* The keyboard and mouse of monitors and scripts: strokes one after the other, each key held for
 * some of the guest's time, and what is known of the mouse between two commands. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "frontend/keys.h"
#include "frontend/monitor.h"
#include "frontend/session.h"

#define QUEUE     1024 /* changes of keys */
#define NS_PER_MS 1000000ull

struct change {
    uint64_t wait_ns; /* after the change before */
    uint8_t key;
    bool down;
};

struct hands {
    struct loop_source source;
    struct session *session;
    struct change queue[QUEUE];
    unsigned head, tail; /* taken, put in */
    uint64_t due_ns;     /* guest time of the first */
    struct hands_mouse mouse;
};

static void prepare(void *opaque, struct loop *loop)
{
    const struct hands *h = opaque;
    uint64_t now = orrery_time_ns(h->session->machine);

    if (h->head != h->tail && !h->session->paused)
        loop_within(loop, h->due_ns > now ? (int)((h->due_ns - now) / NS_PER_MS) + 1 : 0);
}

static void dispatch(void *opaque, struct loop *loop)
{
    struct hands *h = opaque;
    struct session *s = h->session;

    (void)loop;
    while (h->head != h->tail && !s->paused && orrery_time_ns(s->machine) >= h->due_ns) {
        const struct change *c = &h->queue[h->head++ % QUEUE];
        orrery_key(s->machine, c->key, c->down);
        h->due_ns = orrery_time_ns(s->machine) + h->queue[h->head % QUEUE].wait_ns;
    }
}

static struct hands *hands_of(struct session *s)
{
    struct hands *h = s->hands;

    if (h)
        return h;
    h = s->hands = calloc(1, sizeof(*h));
    CHECK(h, "out of memory");
    h->session = s;
    h->source = (struct loop_source){.prepare = prepare, .dispatch = dispatch, .opaque = h};
    loop_add(&s->loop, &h->source);
    return h;
}

void hands_close(struct session *s)
{
    if (s->hands)
        loop_remove(&s->loop, &s->hands->source);
    free(s->hands);
    s->hands = NULL;
}

static void put(struct hands *h, uint8_t key, bool down, unsigned wait_ms)
{
    if (h->head == h->tail)
        h->due_ns = orrery_time_ns(h->session->machine) + wait_ms * NS_PER_MS;
    h->queue[h->tail++ % QUEUE] = (struct change){wait_ms * NS_PER_MS, key, down};
}

bool hands_stroke(struct session *s, const uint8_t *keys, unsigned n, unsigned hold_ms)
{
    struct hands *h = hands_of(s);
    bool first = h->head == h->tail;

    if (h->tail - h->head + 2 * n > QUEUE)
        return false;
    for (unsigned i = 0; i < n; i++)
        put(h, keys[i], true, i || !first ? hold_ms : 0);
    for (unsigned i = n; i-- > 0;)
        put(h, keys[i], false, hold_ms);
    return true;
}

bool hands_named(struct session *s, const char *names, unsigned hold_ms, char *err, size_t err_size)
{
    uint8_t keys[HANDS_KEYS];
    unsigned n = 0;

    while (*names) {
        size_t len = strcspn(names, "-");
        len = len ? len : 1; /* the key "-" itself */
        if (n == HANDS_KEYS) {
            snprintf(err, err_size, "too many keys");
            return false;
        }
        keys[n] = *names == '-' && len == 1 ? key_by_name("minus", 5) : key_by_name(names, len);
        if (!keys[n]) {
            snprintf(err, err_size, "invalid parameter: %.*s", (int)(len < 100 ? len : 100), names);
            return false;
        }
        n++;
        names += len + (names[len] == '-');
    }
    if (hands_stroke(s, keys, n, hold_ms))
        return true;
    snprintf(err, err_size, "too many keys are waiting");
    return false;
}

struct hands_mouse *hands_mouse(struct session *s)
{
    return &hands_of(s)->mouse;
}

void hands_move(struct session *s)
{
    struct hands_mouse *m = hands_mouse(s);

    session_mouse(s, m->dx, m->dy, m->wheel, m->buttons);
    m->dx = m->dy = m->wheel = 0;
}
