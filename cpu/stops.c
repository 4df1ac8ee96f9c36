/* Stops for debuggers: matching, and who keeps what out of the fast paths. */
#include "cpu/stops.h"

#include "cpu/debug.h"

#include <string.h>

static u32 mode_now(const struct cpu *cpu)
{
    return (cpu->cr0 & CR0_PE ? (u32)STOP_MODE_PE : 0) |
           (cpu->cr0 & CR0_PG ? (u32)STOP_MODE_PG : 0) |
           (cpu->eflags & FLAG_VM ? (u32)STOP_MODE_VM : 0) | (cpu->smm ? (u32)STOP_MODE_SMM : 0) |
           (cpu_is_ia32e(cpu) ? (u32)STOP_MODE_LM : 0);
}

void stops_set(struct cpu *cpu, const struct stop *all, unsigned n)
{
    struct stops *s = cpu->stops;

    memset(s->code, 0, sizeof(s->code));
    s->n = n;
    s->kinds = 0;
    s->mode = mode_now(cpu);
    for (unsigned i = 0; i < n; i++) {
        u32 off = all[i].at & PAGE_MASK;

        s->all[i] = all[i];
        s->kinds |= 1u << all[i].kind;
        if (all[i].kind == STOP_CODE)
            s->code[off / 64] |= 1ull << off % 64;
    }
    debug_update(cpu);
}

static void meet(struct cpu *cpu, const struct stop *stop, u64 at)
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
    laddr la = cpu_code_linear(cpu, cpu->eip);

    if (!stops_offset(cpu, la & PAGE_MASK) || s->off || s->passed == cpu_icount(cpu))
        return false;
    for (unsigned i = 0; i < s->n; i++) {
        if (s->all[i].kind == STOP_CODE && s->all[i].at == la) {
            meet(cpu, &s->all[i], la);
            return true;
        }
    }
    return false;
}

/* A stop of kind first (write), first + 1 (read) or first + 2 (both) that the range overlaps. */
static const struct stop *find(const struct cpu *cpu, enum stop_kind first, u64 at, u64 len,
                               bool write)
{
    const struct stops *s = cpu->stops;
    enum stop_kind kind = write ? first : first + 1, both = first + 2;

    for (unsigned i = 0; s && i < s->n; i++) {
        const struct stop *stop = &s->all[i];
        if ((stop->kind == kind || stop->kind == both) &&
            (at - stop->at < stop->len || stop->at - at < len))
            return stop;
    }
    return NULL;
}

static const struct stop *find_data(const struct cpu *cpu, laddr la, unsigned len, enum access acc)
{
    const struct stops *s = cpu->stops;
    enum stop_kind kind = acc == ACCESS_WRITE ? STOP_WRITE : STOP_READ;

    for (unsigned i = 0; s && i < s->n; i++) {
        const struct stop *stop = &s->all[i];
        u64 mask = (la | stop->at) >> 32 ? ~0ull : cpu->eip_mask; /* where addresses wrap */
        if ((stop->kind == kind || stop->kind == STOP_ACCESS) &&
            (((la - stop->at) & mask) < stop->len || ((stop->at - la) & mask) < len))
            return stop;
    }
    return NULL;
}

static void meet_if(struct cpu *cpu, const struct stop *stop, u64 at)
{
    if (stop)
        meet(cpu, stop, at);
}

void stops_memory(struct cpu *cpu, laddr la, unsigned len, enum access acc)
{
    meet_if(cpu, find_data(cpu, la, len, acc), la);
}

bool stops_watch(const struct cpu *cpu, laddr la, unsigned len, enum access acc)
{
    return find_data(cpu, la, len, acc);
}

void stops_phys(struct cpu *cpu, paddr pa, u64 len, bool write)
{
    meet_if(cpu, find(cpu, STOP_PHYS_WRITE, pa, len, write), pa);
}

bool stops_watch_phys(const struct cpu *cpu, paddr pa, u64 len, bool write)
{
    return find(cpu, STOP_PHYS_WRITE, pa, len, write);
}

void stops_port(struct cpu *cpu, u16 port, unsigned size, bool out)
{
    meet_if(cpu, find(cpu, STOP_OUT, port, size, out), port);
}

/* The stop of a kind by a value in its range. */
static const struct stop *find_value(const struct cpu *cpu, enum stop_kind kind, u64 value)
{
    for (unsigned i = 0; stops_have(cpu, kind) && i < cpu->stops->n; i++) {
        const struct stop *stop = &cpu->stops->all[i];
        if (stop->kind == kind && (!stop->len || value - stop->at < stop->len))
            return stop;
    }
    return NULL;
}

void stops_magic(struct cpu *cpu)
{
    meet_if(cpu, find_value(cpu, STOP_MAGIC, 0), cpu_code_linear(cpu, cpu_eip(cpu)));
}

void stops_vector(struct cpu *cpu, u8 vec)
{
    meet_if(cpu, find_value(cpu, STOP_VECTOR, vec), vec);
}

void stops_cr3(struct cpu *cpu)
{
    meet_if(cpu, find_value(cpu, STOP_CR3, cpu->cr3), cpu->cr3);
}

void stops_mode(struct cpu *cpu)
{
    struct stops *s = cpu->stops;
    u32 changed = s->mode ^ mode_now(cpu);

    s->mode ^= changed;
    for (unsigned i = 0; changed && i < s->n; i++)
        if (s->all[i].kind == STOP_MODE && (s->all[i].at & changed))
            meet(cpu, &s->all[i], changed);
}
