/* Virtual time and its timers. The armed timers are a list sorted by (deadline, order of
 * timer_init), so that what fires, and in which order, depends on nothing but the guest. A
 * machine has a dozen timers: a list beats a heap, and its order is the contract itself. */
#include "devices/core/clock.h"

#include <string.h>

#include "base/check.h"
#include "base/hash.h"

void clock_init(struct clock *clk)
{
    memset(clk, 0, sizeof(*clk));
    clk->num = 1;
    clk->den = 1;
}

void clock_set_hooks(struct clock *clk, const struct clock_hooks *hooks)
{
    clk->hooks = *hooks;
}

u64 clock_ticks(struct clock *clk)
{
    return clk->hooks.ticks ? clk->hooks.ticks(clk->hooks.opaque) : clk->base_ticks;
}

u64 clock_ns_at(const struct clock *clk, u64 ticks)
{
    u64 since = ticks > clk->base_ticks ? ticks - clk->base_ticks : 0;
    if (clk->num == clk->den)
        return clk->base_ns + since;
    return clk->base_ns + muldiv64(since, clk->num, clk->den);
}

u64 clock_now(struct clock *clk)
{
    return clock_ns_at(clk, clock_ticks(clk));
}

static void deadline_changed(struct clock *clk)
{
    if (clk->hooks.deadline_changed)
        clk->hooks.deadline_changed(clk->hooks.opaque);
}

void clock_set_scale(struct clock *clk, u32 num, u32 den)
{
    u64 now = clock_now(clk);
    CHECK(num && den, "clock scale %u/%u", num, den);
    clk->base_ns = now;
    clk->base_ticks = clock_ticks(clk);
    clk->num = num;
    clk->den = den;
    deadline_changed(clk);
}

u64 clock_next_deadline(const struct clock *clk)
{
    return clk->first ? clk->first->deadline : CLOCK_NEVER;
}

u64 clock_ticks_at(const struct clock *clk, u64 ns)
{
    unsigned __int128 ticks;

    if (ns == CLOCK_NEVER)
        return CLOCK_NEVER;
    if (ns <= clk->base_ns)
        return clk->base_ticks;
    /* the first tick whose time, rounded down, is not before ns */
    ticks = ((unsigned __int128)(ns - clk->base_ns) * clk->den + clk->num - 1) / clk->num;
    ticks += clk->base_ticks;
    return ticks < CLOCK_NEVER ? (u64)ticks : CLOCK_NEVER;
}

u64 clock_next_ticks(const struct clock *clk)
{
    return clock_ticks_at(clk, clock_next_deadline(clk));
}

void clock_run(struct clock *clk, u64 now)
{
    while (clk->first && clk->first->deadline <= now) {
        struct timer *timer = clk->first;
        clk->first = timer->next;
        timer->next = NULL;
        timer->armed = false;
        timer->fn(timer->opaque);
    }
}

void clock_hash(struct clock *clk, struct hash *h)
{
    hash_u64(h, clock_ticks(clk));
    hash_u64(h, clk->base_ns);
    hash_u64(h, clk->base_ticks);
    hash_uint(h, clk->num, 4);
    hash_uint(h, clk->den, 4);
}

void timer_init(struct timer *timer, struct clock *clk, void (*fn)(void *opaque), void *opaque)
{
    memset(timer, 0, sizeof(*timer));
    timer->clk = clk;
    timer->fn = fn;
    timer->opaque = opaque;
    timer->order = clk->timers++;
}

static bool fires_before(const struct timer *a, const struct timer *b)
{
    return a->deadline != b->deadline ? a->deadline < b->deadline : a->order < b->order;
}

void timer_arm(struct timer *timer, u64 deadline)
{
    struct clock *clk = timer->clk;
    u64 before = clock_next_deadline(clk);
    struct timer **at = &clk->first;

    timer_cancel(timer);
    timer->deadline = deadline;
    timer->armed = true;
    while (*at && !fires_before(timer, *at))
        at = &(*at)->next;
    timer->next = *at;
    *at = timer;
    if (deadline < before)
        deadline_changed(clk);
}

void timer_cancel(struct timer *timer)
{
    struct timer **at = &timer->clk->first;

    if (!timer->armed)
        return;
    while (*at && *at != timer)
        at = &(*at)->next;
    CHECK(*at, "armed timer %u is not in its clock's list", timer->order);
    *at = timer->next;
    timer->next = NULL;
    timer->armed = false;
}
