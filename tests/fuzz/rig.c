/* The board of tests/fuzz/rig.h. Its machine is the test: what devices ask for is counted. */
#include "tests/fuzz/rig.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/hash.h"
#include "mmu/phys.h"

static u64 ticks_now(void *opaque)
{
    return ((struct devtest *)opaque)->ticks;
}

static void on_deadline(void *opaque)
{
    ((struct devtest *)opaque)->deadline_changes++;
}

static void on_irq(void *opaque, int n, bool level)
{
    struct devtest *t = opaque;
    if (level && !t->level[n])
        t->rises[n]++;
    t->level[n] = level;
}

enum { PIN_INTR, PIN_NMI, PIN_A20 };

static void on_pin(void *opaque, int n, bool level)
{
    struct devtest *t = opaque;
    if (n == PIN_INTR)
        t->intr = level;
    else if (n == PIN_A20)
        t->a20 = level;
    else if (level)
        t->nmis++;
}

static void on_request(void *opaque, enum bus_request what, u32 arg)
{
    struct devtest *t = opaque;
    t->requests[what]++;
    t->request_arg = arg;
}

static u64 hash_now(void *opaque)
{
    struct devtest *t = opaque;
    struct hash h;
    hash_init(&h);
    clock_hash(&t->clk, &h);
    bus_hash(t->bus, &h);
    if (t->bus->phys)
        phys_hash_areas(t->bus->phys, &h);
    return hash_value(&h);
}

struct devtest *dt_open(void)
{
    struct devtest *t = calloc(1, sizeof(*t));
    CHECK(t, "out of memory");
    clock_init(&t->clk);
    clock_set_hooks(&t->clk, &(struct clock_hooks){ticks_now, on_deadline, t});
    t->journal = journal_create(&t->clk);
    journal_set_hooks(t->journal, &(struct journal_hooks){hash_now, NULL, t});
    t->bus = bus_create(&t->clk, t->journal, NULL);
    t->bus->irq_watch = (struct irq_line){on_irq, t, 0};
    t->bus->pins.intr = (struct irq_line){on_pin, t, PIN_INTR};
    t->bus->pins.nmi = (struct irq_line){on_pin, t, PIN_NMI};
    t->bus->pins.a20 = (struct irq_line){on_pin, t, PIN_A20};
    t->bus->hooks.request = on_request;
    t->bus->hooks.opaque = t;
    return t;
}

void dt_close(struct devtest *t)
{
    bus_destroy(t->bus);
    journal_destroy(t->journal);
    free(t);
}

void dt_run_to(struct devtest *t, u64 target)
{
    for (; !t->max_events || t->events < t->max_events; t->events++) {
        u64 next = clock_next_ticks(&t->clk), input = journal_next(t->journal);
        next = input < next ? input : next;
        if (next > target) {
            t->ticks = target;
            return;
        }
        t->ticks = next > t->ticks ? next : t->ticks;
        clock_run(&t->clk, clock_now(&t->clk));
        journal_run(t->journal);
    }
}

u64 dt_hash(struct devtest *t)
{
    return hash_now(t);
}
