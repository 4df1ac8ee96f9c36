/* Going back in time: snapshots in memory ("moments") every so often, the input since the first of
 * them (devices/core/journal.h), and what disks held between each two. The machine is put to a tick
 * by the nearest moment before it and by running from there.
 *
 * Invariants. moment[base] is the one that the present has been run from. What disks held at
 * moment[i], of all that has changed until moment[i + 1], is in moment[i].disks for i < base; what
 * they held at moment[i + 1] for i >= base, where the disks have not got to (again); and since
 * moment[base] in `current`. When moments are made goes by the host's time: that decides how fast
 * one goes back, never where one gets to. */
#include "machine/history.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "cpu/monitor.h"
#include "machine/trace.h"

#define DEFAULT_BUDGET (512ull << 20)

static bool fail(char *err, size_t size, const char *why)
{
    snprintf(err, size, "%s", why);
    return false;
}

/* ---- disks ---- */

static void on_overwrite(void *opaque, struct blk *b, u64 sector, u32 count)
{
    struct history *h = opaque;

    blk_delta_note(h->current, b, sector, count);
}

static void watch_disk(void *opaque, struct blk *b)
{
    struct history *h = opaque;

    blk_set_watch(b, &h->watch);
}

static void unwatch_disk(void *opaque, struct blk *b)
{
    (void)opaque;
    blk_set_watch(b, NULL);
}

static void keep_media(struct history *h, const struct blk_watch *watch)
{
    struct medium *m;

    for (unsigned n = 0; (m = machine_medium(h->o, n)); n++)
        medium_keep(m, watch);
}

/* Takes the disks from where they are to moment i. */
static void move_disks(struct history *h, unsigned i)
{
    bool ok = blk_delta_exchange(h->current);

    blk_delta_free(h->current);
    h->current = blk_delta_new();
    for (; h->base > i; h->base--)
        ok &= blk_delta_exchange(h->moment[h->base - 1].disks);
    for (; h->base < i; h->base++)
        ok &= blk_delta_exchange(h->moment[h->base].disks);
    h->disk_failed |= !ok;
}

/* ---- life ---- */

bool orrery_history_start(struct orrery *o, uint64_t budget, char *err, size_t err_size)
{
    struct history *h;

    if (o->history)
        return fail(err, err_size, "there is a history already");
    h = calloc(1, sizeof(*h));
    if (!h)
        return fail(err, err_size, "out of memory");
    h->o = o;
    h->budget = budget ? budget : DEFAULT_BUDGET;
    h->current = blk_delta_new();
    h->watch = (struct blk_watch){on_overwrite, h};
    journal_keep(o->journal);
    o->history = h;
    if (!history_plant(h)) {
        history_free(o);
        return fail(err, err_size, "the host has no memory for a history");
    }
    h->cost_ns = 0; /* the first one copies all memory, the others do not */
    machine_each_disk(o, watch_disk, h);
    keep_media(h, &h->watch);
    return true;
}

void history_free(struct orrery *o)
{
    struct history *h = o->history;

    if (!h)
        return;
    o->history = NULL;
    o->muted = false;
    if (o->drives)
        keep_media(h, NULL);
    machine_each_disk(o, unwatch_disk, NULL);
    for (unsigned i = 0; i < h->count; i++)
        moment_free(&h->moment[i]);
    free(h->moment);
    blk_delta_free(h->current);
    free(h);
}

void orrery_history_stop(struct orrery *o)
{
    if (!o->history)
        return;
    journal_forget(o->journal);
    history_free(o);
}

/* The last tick that one can go to. */
static u64 last_tick(const struct history *h)
{
    u64 now = cpu_icount(h->o->cpu), end = journal_known_end(h->o->journal);

    end = end > h->front ? end : h->front;
    return end > now ? end : now;
}

bool orrery_history_range(const struct orrery *o, uint64_t *first, uint64_t *last)
{
    if (!o->history)
        return false;
    *first = o->history->moment[0].tick;
    *last = last_tick(o->history);
    return true;
}

bool orrery_history_info(const struct orrery *o, struct orrery_history_info *out)
{
    const struct history *h = o->history;

    if (!h)
        return false;
    *out = (struct orrery_history_info){.bytes = history_bytes(h),
                                        .budget = h->budget,
                                        .moments = h->count,
                                        .inputs = journal_known(o->journal)};
    return orrery_history_range(o, &out->first, &out->last);
}

uint64_t orrery_tick(const struct orrery *o)
{
    return cpu_icount(o->cpu);
}

/* ---- another future ---- */

void orrery_history_fork(struct orrery *o)
{
    struct history *h = o->history;
    struct medium *m;
    u64 now = cpu_icount(o->cpu);

    if (!h)
        return;
    while (h->count > h->base + 1)
        moment_free(&h->moment[--h->count]);
    blk_delta_free(h->moment[h->base].disks);
    h->moment[h->base].disks = NULL;
    for (unsigned n = 0; (m = machine_medium(o, n)); n++)
        medium_cut(m, now);
    journal_fork(o->journal);
    h->front = now;
    o->muted = false;
}

bool history_disturb(struct orrery *o)
{
    if (journal_mode(o->journal) == JOURNAL_REPLAY) {
        snprintf(o->error, sizeof(o->error), "a replay cannot be changed");
        return false;
    }
    if (journal_is_past(o->journal))
        orrery_history_fork(o);
    return true;
}

/* ---- going ---- */

/* What is due at the present tick has happened, and what happens from now on is known. */
static void leave_front(struct history *h)
{
    struct orrery *o = h->o;
    u64 now;

    machine_run_until(o, cpu_icount(o->cpu));
    now = cpu_icount(o->cpu);
    if (o->muted || h->moment[h->base].tick == now)
        return;
    history_plant(h);
}

/* Puts the machine to moment i. */
static void put_to(struct history *h, unsigned i)
{
    struct orrery *o = h->o;
    const struct moment *m = &h->moment[i];
    u64 now = cpu_icount(o->cpu);
    struct medium *medium;

    if (!o->muted && now > h->front)
        h->front = now;
    journal_go_back(o->journal, m->place);
    move_disks(h, i);
    for (unsigned n = 0; (medium = machine_medium(o, n)); n++)
        medium_put(medium, m->medium[n]);
    snapshot_restore(o, m->snapshot);
    o->idle_since = m->idle_since;
    o->idle_after = m->idle_after;
    o->error[0] = 0;
    o->muted = cpu_icount(o->cpu) < h->front;
    h->due = cpu_icount(o->cpu);
}

/* Runs to a tick. False: it is not reached, for a break point or else; o->error says why if it is
 * an error. */
static bool run_to(struct history *h, u64 tick)
{
    struct orrery *o = h->o;
    u64 before;
    unsigned stands = 0;

    do {
        before = cpu_icount(o->cpu);
        enum orrery_stop stop = machine_run_until(o, tick);
        if (stop == ORRERY_DIVERGED || stop == ORRERY_BREAK)
            return false;
        if ((stop == ORRERY_IDLE || stop == ORRERY_STUCK) && cpu_icount(o->cpu) < tick) {
            machine_idle(o, tick - cpu_icount(o->cpu));
            if (cpu_icount(o->cpu) == tick)
                machine_run_until(o, tick);
        }
        stands = cpu_icount(o->cpu) == before ? stands + 1 : 0;
    } while (cpu_icount(o->cpu) < tick && stands < 4);
    return cpu_icount(o->cpu) >= tick;
}

/* The last moment that is not after a tick. */
static unsigned moment_before(const struct history *h, u64 tick)
{
    unsigned i = h->count - 1;

    while (i && h->moment[i].tick > tick)
        i--;
    return i;
}

/* To a tick of the range, by the shortest way; break points do not count. */
static bool go_to(struct history *h, u64 tick)
{
    struct orrery *o = h->o;
    u64 now = cpu_icount(o->cpu);
    unsigned i = moment_before(h, tick);
    bool there;

    breaks_ignore(o, true);
    trace_pause(o->trace, true);
    if (tick < now || h->moment[i].tick > now)
        put_to(h, i);
    h->target = tick;
    h->due = cpu_icount(o->cpu);
    there = run_to(h, tick);
    h->target = 0;
    trace_pause(o->trace, false);
    breaks_ignore(o, false);
    history_note_media(h);
    return there;
}

bool orrery_goto(struct orrery *o, uint64_t tick, char *err, size_t err_size)
{
    struct history *h = o->history;

    if (!h)
        return fail(err, err_size, "the machine has no history");
    if (tick < h->moment[0].tick || tick > last_tick(h)) {
        snprintf(err, err_size, "tick %llu is not between %llu and %llu", (unsigned long long)tick,
                 (unsigned long long)h->moment[0].tick, (unsigned long long)last_tick(h));
        return false;
    }
    leave_front(h);
    if (!go_to(h, tick)) {
        snprintf(err, err_size, "tick %llu cannot be reached: %s", (unsigned long long)tick,
                 o->error[0] ? o->error : "the machine stands");
        return false;
    }
    return !h->disk_failed || fail(err, err_size, "a disk image could not be put back");
}

u64 history_enter(struct orrery *o)
{
    leave_front(o->history);
    return cpu_icount(o->cpu);
}

bool history_visit(struct orrery *o, u64 tick)
{
    return go_to(o->history, tick);
}

bool history_rerun(struct orrery *o, u64 until)
{
    bool there;

    breaks_ignore(o, true);
    o->history->scanning = true;
    there = run_to(o->history, until);
    o->history->scanning = false;
    breaks_ignore(o, false);
    return there;
}

u64 history_moment(const struct orrery *o, u64 tick)
{
    const struct history *h = o->history;

    return tick > h->moment[0].tick ? h->moment[moment_before(h, tick - 1)].tick
                                    : h->moment[0].tick;
}

/* The CPU waits at this tick, and nothing ends that now. */
static bool idles(const struct orrery *o)
{
    return (o->cpu->events & EV_HALT) && !cpu_wakes(o->cpu);
}

enum orrery_stop orrery_step_back(struct orrery *o)
{
    struct history *h = o->history;
    u64 now, since;

    if (!h)
        return ORRERY_BEGIN;
    leave_front(h);
    now = cpu_icount(o->cpu);
    if (now <= h->moment[0].tick)
        return ORRERY_BEGIN;
    go_to(h, now - 1);
    if (!idles(o))
        return ORRERY_RUNNING;
    /* The tick before now was waited for: to the instruction that began to wait. */
    since = orrery_retired(o) == o->idle_after && o->idle_since ? o->idle_since : now - 1;
    if (since <= h->moment[0].tick) {
        go_to(h, h->moment[0].tick);
        return ORRERY_BEGIN;
    }
    go_to(h, since - 1);
    return ORRERY_RUNNING;
}

/* ---- back to a break point ---- */

struct meeting {
    bool met;
    u64 tick; /* where the machine stands then */
    struct stop what;
    laddr at;
};

/* Runs from moment i to a tick; the last break point met before it. */
static struct meeting last_meeting(struct history *h, unsigned i, u64 tick)
{
    struct orrery *o = h->o;
    const struct stops *s = o->cpu->stops;
    struct meeting last = {0};

    trace_pause(o->trace, true);
    put_to(h, i);
    breaks_ignore(o, false);
    for (;;) {
        run_to(h, tick);
        u64 now = cpu_icount(o->cpu), stands;
        if (!breaks_met(o)) {
            trace_pause(o->trace, false);
            return last;
        }
        stands = s->what.kind == STOP_CODE ? now : now - 1;
        if (stands < tick)
            last = (struct meeting){true, stands, s->what, s->at};
        breaks_pass(o);
    }
}

enum orrery_stop orrery_run_back(struct orrery *o)
{
    struct history *h = o->history;
    struct meeting m = {0};
    u64 until;

    if (!h)
        return ORRERY_BEGIN;
    leave_front(h);
    until = cpu_icount(o->cpu);
    while (o->cpu->stops && o->cpu->stops->n && !m.met && until > h->moment[0].tick) {
        unsigned i = moment_before(h, until - 1);
        u64 from = h->moment[i].tick;
        h->scanning = true;
        m = last_meeting(h, i, until);
        h->scanning = false;
        until = from;
    }
    go_to(h, m.met ? m.tick : h->moment[0].tick);
    if (!m.met)
        return ORRERY_BEGIN;
    o->cpu->stops->hit = true; /* and running on passes a code stop here */
    o->cpu->stops->what = m.what;
    o->cpu->stops->at = m.at;
    return ORRERY_BREAK;
}
