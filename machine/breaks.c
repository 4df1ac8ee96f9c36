/* Break points of debuggers, on top of cpu/stops.h. */
#include "machine/machine.h"

#include "cpu/stops.h"

#include <stdlib.h>

_Static_assert(ORRERY_MAX_BREAKS == STOPS_MAX, "one limit");

static const enum stop_kind kinds[] = {
    [ORRERY_BREAK_CODE] = STOP_CODE,
    [ORRERY_BREAK_WRITE] = STOP_WRITE,
    [ORRERY_BREAK_READ] = STOP_READ,
    [ORRERY_BREAK_ACCESS] = STOP_ACCESS,
};

bool orrery_set_breaks(struct orrery *o, const struct orrery_break *all, unsigned n)
{
    struct stop stops[STOPS_MAX];

    if (n > STOPS_MAX)
        return false;
    for (unsigned i = 0; i < n; i++) {
        if (!all[i].len || all[i].len > STOP_MAX_LEN)
            return false;
        stops[i] = (struct stop){kinds[all[i].kind], all[i].linear, all[i].len};
    }
    if (!o->cpu->stops)
        o->cpu->stops = calloc(1, sizeof(*o->cpu->stops));
    if (!o->cpu->stops)
        return false;
    stops_set(o->cpu, stops, n);
    jit_flush(o->jit);
    return true;
}

void orrery_break_hit(const struct orrery *o, struct orrery_break *what, uint32_t *at)
{
    static const enum orrery_break_kind back[] = {
        [STOP_CODE] = ORRERY_BREAK_CODE,
        [STOP_WRITE] = ORRERY_BREAK_WRITE,
        [STOP_READ] = ORRERY_BREAK_READ,
        [STOP_ACCESS] = ORRERY_BREAK_ACCESS,
    };
    const struct stop *s = &o->cpu->stops->what;

    *what = (struct orrery_break){back[s->kind], s->la, s->len};
    *at = o->cpu->stops->at;
}

bool breaks_met(const struct orrery *o)
{
    return o->cpu->stops && o->cpu->stops->hit;
}

void breaks_ignore(struct orrery *o, bool ignore)
{
    struct stops *s = o->cpu->stops;

    if (!s)
        return;
    s->off = ignore;
    s->hit = false;
    s->passed = CLOCK_NEVER;
}

void breaks_pass(struct orrery *o)
{
    struct stops *s = o->cpu->stops;

    if (s && s->hit && !s->off) {
        s->passed = cpu_icount(o->cpu);
        s->hit = false;
    }
}
