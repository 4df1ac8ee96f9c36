/* The local APIC's timer: one-shot, periodic, and at a TSC deadline (SDM 3A 10.5.4). Its clock is
 * 1 GHz, one nanosecond of virtual time, before the divider.
 *
 * Nothing counts: the count follows from virtual time. The timer is armed only while an interrupt
 * can come of it, except for a deadline, which is gone once it has passed. */
#include "devices/lapic.h"

enum { MODES = LVT_PERIODIC | LVT_DEADLINE };

const struct field lapic_timer_fields[] = {
    FIELD(struct lapic_timer, initial),
    FIELD(struct lapic_timer, left),
    FIELD(struct lapic_timer, epoch),
    FIELD(struct lapic_timer, deadline),
    FIELD(struct lapic_timer, divide),
    FIELD(struct lapic_timer, timer),
    FIELD_END,
};

static bool by_deadline(const struct lapic *s)
{
    return (s->lvt[LVT_TIMER] & MODES) == LVT_DEADLINE;
}

/* Nanoseconds a count: bits 3, 1 and 0 are 2, 4 ... 128, and 1. */
static u32 step_ns(const struct lapic_timer *t)
{
    unsigned n = (t->divide & 3) | (t->divide >> 1 & 4);
    return n == 7 ? 1 : 2u << n;
}

/* Brings left and epoch to the last count before now, over as many periods as have passed. */
static void catch_up(struct lapic *s)
{
    struct lapic_timer *t = &s->timer;
    u64 counts = (clock_now(s->dev.bus->clock) - t->epoch) / step_ns(t);

    if (!t->left)
        return;
    t->epoch += counts * step_ns(t);
    if (counts < t->left)
        t->left -= (u32)counts;
    else if ((s->lvt[LVT_TIMER] & MODES) == LVT_PERIODIC && t->initial)
        t->left = t->initial - (u32)((counts - t->left) % t->initial);
    else
        t->left = 0;
}

/* Arms the timer for what comes next. Catch up first. */
static void arm(struct lapic *s)
{
    struct lapic_timer *t = &s->timer;

    if (by_deadline(s) && t->deadline)
        timer_arm(&t->timer, clock_ns_at(s->dev.bus->clock, t->deadline));
    else if (t->left && !(s->lvt[LVT_TIMER] & LVT_MASKED))
        timer_arm(&t->timer, t->epoch + (u64)t->left * step_ns(t));
    else
        timer_cancel(&t->timer);
}

static void on_timer(void *opaque)
{
    struct lapic *s = opaque;

    s->timer.deadline = 0;
    catch_up(s);
    lapic_local(s, LVT_TIMER);
    arm(s);
}

u32 lapic_timer_current(struct lapic *s)
{
    catch_up(s);
    return s->timer.left;
}

void lapic_timer_set_initial(struct lapic *s, u32 value)
{
    if (by_deadline(s))
        return;
    s->timer.initial = s->timer.left = value;
    s->timer.epoch = clock_now(s->dev.bus->clock);
    arm(s);
}

void lapic_timer_set_divide(struct lapic *s, u32 value)
{
    catch_up(s);
    s->timer.epoch = clock_now(s->dev.bus->clock);
    s->timer.divide = value & 0xb;
    arm(s);
}

/* Going to or from the deadline mode stops the timer. */
void lapic_timer_set_lvt(struct lapic *s, u32 value)
{
    bool was_deadline = by_deadline(s);

    catch_up(s);
    s->lvt[LVT_TIMER] = value;
    if (by_deadline(s) != was_deadline) {
        s->timer.initial = s->timer.left = 0;
        s->timer.deadline = 0;
    }
    arm(s);
}

void lapic_timer_set_deadline(struct lapic *s, u64 tick)
{
    if (!by_deadline(s))
        return;
    s->timer.deadline = tick;
    arm(s);
}

void lapic_timer_reset(struct lapic *s)
{
    timer_cancel(&s->timer.timer);
    s->timer.initial = s->timer.left = s->timer.divide = 0;
    s->timer.epoch = s->timer.deadline = 0;
}

void lapic_timer_init(struct lapic *s)
{
    timer_init(&s->timer.timer, s->dev.bus->clock, on_timer, s);
}
