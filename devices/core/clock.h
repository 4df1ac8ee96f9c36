/* Virtual time. It is counted in ticks: one for every retired guest instruction, and one for
 * every instruction that could have retired while the CPU was halted. Devices see nanoseconds,
 * computed from ticks by a scale (1:1 at first). Host time never enters, so a run repeats
 * exactly.
 *
 * The machine loop owns progress: it runs the CPU until clock_next_ticks() at most, then calls
 * clock_run(). Devices own timers, embedded in their state. Everything is on the machine's
 * thread. */
#ifndef DEVICES_CORE_CLOCK_H
#define DEVICES_CORE_CLOCK_H

#include "base/types.h"

struct hash;

#define CLOCK_NEVER UINT64_MAX
#define NS_PER_SEC  1000000000ull

/* What the CPU loop supplies. `ticks` must be exact at any instruction boundary and during an
 * I/O or MMIO access (the count of instructions retired before the one that accesses). */
struct clock_hooks {
    u64 (*ticks)(void *opaque);
    void (*deadline_changed)(void *opaque); /* the next deadline moved nearer: shorten the budget */
    void *opaque;
};

struct timer {
    struct clock *clk;
    void (*fn)(void *opaque);
    void *opaque;
    struct timer *next; /* in the clock's list, nearest first */
    u64 deadline;       /* ns; meaningful while armed */
    u32 order;          /* of timer_init(): breaks ties between equal deadlines */
    bool armed;
};

struct clock {
    struct clock_hooks hooks;
    struct timer *first; /* armed timers by (deadline, order) */
    u64 base_ns;         /* time in ns at tick base_ticks: moves when the scale changes */
    u64 base_ticks;
    u32 num, den; /* ns = base_ns + (ticks - base_ticks) * num / den */
    u32 timers;   /* made so far */
};

/* Time starts at 0 with a 1:1 scale and no hooks: until there are some, it stands still at
 * base_ticks. */
void clock_init(struct clock *clk);
void clock_set_hooks(struct clock *clk, const struct clock_hooks *hooks);

/* From the current tick on, one tick lasts num/den ns (both nonzero). */
void clock_set_scale(struct clock *clk, u32 num, u32 den);

u64 clock_ticks(struct clock *clk);
u64 clock_now(struct clock *clk); /* ns */

/* The time at a tick count, in ns; what lies before the last change of scale counts as then. */
u64 clock_ns_at(const struct clock *clk, u64 ticks);

/* The first tick count at which a time has come, or CLOCK_NEVER. */
u64 clock_ticks_at(const struct clock *clk, u64 ns);

/* Deadline of the first armed timer in ns, or CLOCK_NEVER. */
u64 clock_next_deadline(const struct clock *clk);

/* The same as the first tick count at which that deadline has come, or CLOCK_NEVER. A machine whose
 * CPU is halted sets its tick count to this and calls clock_run(). */
u64 clock_next_ticks(const struct clock *clk);

/* Fires the timers due at `now` (ns, usually clock_now()) in order of (deadline, timer_init order),
 * including those that fired timers arm for `now` or earlier. */
void clock_run(struct clock *clk, u64 now);

/* Adds ticks, scale and base to a state hash; timers are hashed as fields of their devices. */
void clock_hash(struct clock *clk, struct hash *h);

/* Ties a timer to its clock and action; call once, in the device's init. fn runs with the timer
 * disarmed and may arm it again; a periodic one adds to its last deadline (timer->deadline
 * stays). */
void timer_init(struct timer *timer, struct clock *clk, void (*fn)(void *opaque), void *opaque);

/* Arms or re-arms for an absolute time in ns. A deadline already past fires at the next
 * clock_run(). */
void timer_arm(struct timer *timer, u64 deadline);
void timer_cancel(struct timer *timer);

/* a * b / c in 128 bits, truncated to 64: for frequencies and scales. c must not be 0. */
static inline u64 muldiv64(u64 a, u64 b, u64 c)
{
    return (u64)((unsigned __int128)a * b / c);
}

#endif
