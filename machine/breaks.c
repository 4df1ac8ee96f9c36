/* Break points of debuggers, on top of cpu/stops.h. */
#include "machine/machine.h"

#include "cpu/stops.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(ORRERY_MAX_BREAKS == STOPS_MAX, "one limit");

/* Both sides have the kinds in the same order. */
static const u32 longest[STOP_KINDS] = {
    [STOP_CODE] = 1,
    [STOP_WRITE] = STOP_MAX_DATA,
    [STOP_READ] = STOP_MAX_DATA,
    [STOP_ACCESS] = STOP_MAX_DATA,
    [STOP_PHYS_WRITE] = UINT32_MAX,
    [STOP_PHYS_READ] = UINT32_MAX,
    [STOP_PHYS_ACCESS] = UINT32_MAX,
    [STOP_OUT] = 65536,
    [STOP_IN] = 65536,
    [STOP_PORT] = 65536,
    [STOP_MAGIC] = 1,
    [STOP_MODE] = 1,
    [STOP_VECTOR] = 256,
    [STOP_CR3] = 1,
};
_Static_assert((int)ORRERY_BREAK_CR3 == STOP_CR3 && (int)ORRERY_BREAK_OUT == STOP_OUT &&
                   (int)ORRERY_BREAK_PHYS_WRITE == STOP_PHYS_WRITE,
               "the same kinds");

/* What translations depend on has changed. */
static bool is_other_code(const struct stops *before, const struct stops *now)
{
    return memcmp(before->code, now->code, sizeof(now->code)) ||
           ((before->kinds ^ now->kinds) & 1u << STOP_MAGIC);
}

bool orrery_set_breaks(struct orrery *o, const struct orrery_break *all, unsigned n)
{
    struct stop stops[STOPS_MAX];
    struct stops before;

    if (n > STOPS_MAX)
        return false;
    for (unsigned i = 0; i < n; i++) {
        if (all[i].len > longest[all[i].kind] || (!all[i].len && all[i].kind != ORRERY_BREAK_CR3))
            return false;
        stops[i] = (struct stop){(enum stop_kind)all[i].kind, all[i].linear, all[i].len};
    }
    if (!o->cpu->stops)
        o->cpu->stops = calloc(1, sizeof(*o->cpu->stops));
    if (!o->cpu->stops)
        return false;
    before = *o->cpu->stops;
    stops_set(o->cpu, stops, n);
    if (is_other_code(&before, o->cpu->stops))
        jit_flush(o->jit);
    return true;
}

void orrery_break_hit(const struct orrery *o, struct orrery_break *what, uint64_t *at)
{
    const struct stop *s = &o->cpu->stops->what;

    *what = (struct orrery_break){(enum orrery_break_kind)s->kind, s->at, s->len};
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
    if (breaks_met(o))
        orrery_break_pass(o);
}

void orrery_break_pass(struct orrery *o)
{
    struct stops *s = o->cpu->stops;

    if (s && !s->off) {
        s->passed = cpu_icount(o->cpu);
        s->hit = false;
    }
}

bool orrery_interrupted(struct orrery *o)
{
    struct stops *s = o->cpu->stops;
    bool yes = s && s->interrupted;

    if (s)
        s->interrupted = false;
    return yes;
}
