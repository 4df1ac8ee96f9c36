/* When the moments of a history are made, and which are given up when they are too many: dense
 * where the machine is, and thinner the further away; on the way to a tick of the past, at half of
 * what remains each time, so that stepping back from there is quick. */
#include "machine/history.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"

#define LOOK_TICKS  1000000ull  /* how often it is asked whether a moment is due */
#define MIN_NS      50000000ull /* of the CPU's time between two of them */
#define COST_SHARE  25          /* of that time may be spent on one: a 25th */
#define NEAR_TICKS  100000ull   /* closer to a target than this none are made */
#define MAX_MOMENTS 300u

static u64 host_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (u64)t.tv_sec * NS_PER_SEC + (u64)t.tv_nsec;
}

/* ---- one moment ---- */

void moment_free(struct moment *m)
{
    snapshot_free(m->snapshot);
    blk_delta_free(m->disks);
}

static bool take(struct history *h, struct moment *m)
{
    struct orrery *o = h->o;
    struct medium *medium;
    u64 begin = host_ns();

    *m = (struct moment){.snapshot = snapshot_take(o),
                         .tick = cpu_icount(o->cpu),
                         .place = journal_place(o->journal),
                         .idle_since = o->idle_since,
                         .idle_after = o->idle_after};
    for (unsigned n = 0; (medium = machine_medium(o, n)); n++)
        m->medium[n] = medium_now(medium);
    h->planted_ns = host_ns();
    h->cost_ns = h->planted_ns - begin;
    return m->snapshot;
}

/* ---- how many ---- */

u64 history_bytes(const struct history *h)
{
    u64 bytes = snapshot_all_bytes(h->o) + blk_delta_bytes(h->current);

    for (unsigned i = 0; i < h->count; i++)
        bytes += blk_delta_bytes(h->moment[i].disks);
    return bytes;
}

static struct blk_delta *merge(struct blk_delta *into, struct blk_delta *from)
{
    if (!into)
        return from;
    if (from)
        blk_delta_merge(into, from);
    blk_delta_free(from);
    return into;
}

/* Gives up moment i, which is neither the base nor the first: its neighbours' disks go together. */
static void drop(struct history *h, unsigned i)
{
    struct moment *m = &h->moment[i], *before = m - 1;

    /* Of a chunk in both, what was there at the far end counts. */
    before->disks = i < h->base ? merge(before->disks, m->disks) : merge(m->disks, before->disks);
    m->disks = NULL;
    moment_free(m);
    memmove(m, m + 1, (h->count - i - 1) * sizeof(*m));
    h->count--;
    h->base -= i < h->base;
}

static void drop_first(struct history *h)
{
    moment_free(&h->moment[0]);
    memmove(h->moment, h->moment + 1, (h->count - 1) * sizeof(*h->moment));
    h->count--;
    h->base--;
}

/* How much a moment is worth: the gap that it would leave, by its distance from where the machine
 * is or would be live. */
static double worth(const struct history *h, unsigned i)
{
    const struct moment *m = &h->moment[i];
    u64 now = cpu_icount(h->o->cpu), front = h->moment[h->count - 1].tick;
    u64 far = m->tick > now ? m->tick - now : now - m->tick;

    far = front - m->tick < far ? front - m->tick : far;
    return (double)(m[1].tick - m[-1].tick) / (double)(far + NEAR_TICKS);
}

/* The one to give up, or 0. */
static unsigned least(const struct history *h)
{
    unsigned best = 0;
    double min = 0;

    for (unsigned i = 1; i + 1 < h->count; i++) {
        double w = worth(h, i);
        if (i != h->base && (!best || w < min)) {
            best = i;
            min = w;
        }
    }
    return best;
}

static void thin(struct history *h)
{
    while (h->count > 1 && (h->count > MAX_MOMENTS || history_bytes(h) > h->budget)) {
        unsigned i = h->count > 4 ? least(h) : 0;
        if (i)
            drop(h, i);
        else if (h->base)
            drop_first(h);
        else
            return;
    }
}

/* ---- planting ---- */

static void grow(struct history *h)
{
    if (h->count < h->room)
        return;
    h->room = h->room ? h->room * 2 : 16;
    h->moment = realloc(h->moment, h->room * sizeof(*h->moment));
    CHECK(h->moment, "out of memory");
}

/* The present is moment i from now on: what the disks have changed since the base lies before it.
 */
static void arrive(struct history *h, unsigned i)
{
    blk_delta_free(h->moment[h->base].disks);
    h->moment[h->base].disks = h->current;
    h->current = blk_delta_new();
    h->base = i;
}

bool history_plant(struct history *h)
{
    struct moment m;
    unsigned i = h->count ? h->base + 1 : 0;

    if (!take(h, &m))
        return false;
    grow(h);
    memmove(&h->moment[i + 1], &h->moment[i], (h->count - i) * sizeof(m));
    if (i) { /* the way on from the base leads through here */
        m.disks = h->moment[h->base].disks;
        h->moment[h->base].disks = NULL;
    }
    h->moment[i] = m;
    h->count++;
    if (i)
        arrive(h, i);
    thin(h);
    return true;
}

/* Moments that are reached once more. One after which more came from outside at the same tick is
 * made anew. */
static void pass(struct history *h)
{
    struct orrery *o = h->o;
    u64 now = cpu_icount(o->cpu);

    while (h->base + 1 < h->count && h->moment[h->base + 1].tick <= now) {
        struct moment *m = &h->moment[h->base + 1];
        arrive(h, h->base + 1);
        if (m->tick == now && m->place == journal_place(o->journal))
            continue;
        snapshot_free(m->snapshot);
        struct blk_delta *disks = m->disks;
        CHECK(take(h, m), "out of memory");
        m->disks = disks;
    }
}

/* Half of the way that remains, while it is worth it. */
static u64 next_near(const struct history *h, u64 now)
{
    u64 left = h->target > now ? h->target - now : 0;

    return left > NEAR_TICKS ? now + left / 2 : CLOCK_NEVER;
}

u64 history_due(const struct orrery *o)
{
    const struct history *h = o->history;
    u64 due;

    if (!h)
        return CLOCK_NEVER;
    due = h->scanning ? CLOCK_NEVER : h->due;
    if (h->base + 1 < h->count && h->moment[h->base + 1].tick < due)
        due = h->moment[h->base + 1].tick;
    if (o->muted && h->front < due)
        due = h->front;
    return due;
}

void history_note_media(struct history *h)
{
    const struct medium *m;

    for (unsigned n = 0; (m = machine_medium(h->o, n)); n++)
        machine_note_medium(h->o, m);
}

void history_run(struct orrery *o)
{
    struct history *h = o->history;
    u64 now = cpu_icount(o->cpu);

    if (o->cpu->events & (EV_STOP | EV_TRIPLE)) /* what they are for has not happened yet */
        return;
    pass(h);
    if (o->muted && now >= h->front && !journal_is_past(o->journal)) {
        o->muted = false;
        history_note_media(h);
    }
    if (h->scanning || now < h->due)
        return;
    u64 wait = h->cost_ns * COST_SHARE > MIN_NS ? h->cost_ns * COST_SHARE : MIN_NS;
    if (h->moment[h->base].tick < now &&
        ((h->target && now >= h->near) || host_ns() - h->planted_ns >= wait))
        history_plant(h);
    h->near = next_near(h, now);
    h->due = now + LOOK_TICKS < h->near ? now + LOOK_TICKS : h->near;
}
