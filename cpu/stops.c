/* Stops for debuggers: matching, and who keeps what out of the fast paths. */
#include "cpu/stops.h"

#include "cpu/debug.h"

#include <string.h>

void stops_set(struct cpu *cpu, const struct stop *all, unsigned n)
{
    struct stops *s = cpu->stops;

    memset(s->code, 0, sizeof(s->code));
    s->n = n;
    for (unsigned i = 0; i < n; i++) {
        u32 off = all[i].la & PAGE_MASK;

        s->all[i] = all[i];
        if (all[i].kind == STOP_CODE)
            s->code[off / 64] |= 1ull << off % 64;
    }
    debug_update(cpu);
}

static void meet(struct cpu *cpu, const struct stop *stop, laddr at)
{
    struct stops *s = cpu->stops;

    if (s->off)
        return;
    cpu->events |= EV_STOP;
    if (s->hit)
        return;
    s->hit = true;
    s->what = *stop;
    s->at = at;
}

bool stops_fetch(struct cpu *cpu)
{
    const struct stops *s = cpu->stops;
    laddr la = cpu->seg[SEG_CS].base + cpu->eip;

    if (!stops_offset(cpu, la & PAGE_MASK) || s->off || s->passed == cpu_icount(cpu))
        return false;
    for (unsigned i = 0; i < s->n; i++) {
        if (s->all[i].kind == STOP_CODE && s->all[i].la == la) {
            meet(cpu, &s->all[i], la);
            return true;
        }
    }
    return false;
}

static const struct stop *find_data(const struct cpu *cpu, laddr la, unsigned len, enum access acc)
{
    const struct stops *s = cpu->stops;
    enum stop_kind kind = acc == ACCESS_WRITE ? STOP_WRITE : STOP_READ;

    for (unsigned i = 0; s && i < s->n; i++) {
        const struct stop *stop = &s->all[i];
        if ((stop->kind == kind || stop->kind == STOP_ACCESS) &&
            (la - stop->la < stop->len || stop->la - la < len))
            return stop;
    }
    return NULL;
}

void stops_memory(struct cpu *cpu, laddr la, unsigned len, enum access acc)
{
    const struct stop *stop = find_data(cpu, la, len, acc);

    if (stop)
        meet(cpu, stop, la);
}

bool stops_watch(const struct cpu *cpu, laddr la, unsigned len, enum access acc)
{
    return find_data(cpu, la, len, acc);
}
