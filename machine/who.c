/* Who wrote this? The past is run again, stretch by stretch backwards, with somebody watching; the
 * last write that is seen in the first stretch that has one is the answer. Then the machine is put
 * to that tick, to see the instruction, and back to the present.
 *
 * Memory is watched by physical page: everything else runs at full speed. A register is looked at
 * before each instruction, which are stepped for it, so its stretches begin short and grow. */
#include "cpu/decode.h"
#include "cpu/trace.h"
#include "devices/core/dev.h"
#include "machine/history.h"
#include "machine/trace.h"
#include "machine/trace_file.h"

#include "base/bytes.h"

#include <string.h>

#define FIRST_STRETCH 1000u /* ticks that are stepped first */
#define LAST_STRETCH  2000000u
#define REACH         100000000u /* that far back a register is looked for: some ten seconds */

struct search {
    struct orrery *o;
    struct orrery_writer *w;
    struct cpu_trace hooks;
    struct phys_witness witness;
    struct cpu_delivery delivery; /* the last one */
    /* memory */
    paddr pa; /* as phys_address() says it */
    unsigned len;
    const u8 *host;
    /* a register */
    unsigned reg;
    u64 value;
    struct orrery_writer last; /* what has begun last */
};

static bool fail(char *err, size_t size, const char *why)
{
    snprintf(err, size, "%s", why);
    return false;
}

/* ---- memory ---- */

/* A write of n bytes to a: are asked for ones among them? Then it is the answer up to now. */
static struct orrery_writer *met(struct search *s, paddr a, const u8 *buf, u64 n)
{
    struct orrery_writer *w = s->w;
    u8 bytes[8];

    if (a >= s->pa + s->len || a + n <= s->pa)
        return NULL;
    memcpy(bytes, s->host, s->len);
    w->before = load_le(bytes, 8) & (s->len < 8 ? (1ull << 8 * s->len) - 1 : ~0ull);
    for (unsigned i = 0; i < s->len; i++)
        if (s->pa + i - a < n)
            bytes[i] = buf[s->pa + i - a];
    w->after = load_le(bytes, 8) & (s->len < 8 ? (1ull << 8 * s->len) - 1 : ~0ull);
    w->tick = cpu_icount(s->o->cpu);
    w->device[0] = 0;
    return w;
}

static void describe_delivery(struct orrery_writer *w, const struct cpu_delivery *d)
{
    w->kind = d->kind == DELIVER_SMI ? ORRERY_WRITER_SMM : ORRERY_WRITER_INTERRUPT;
    w->vector = d->vec;
    w->soft = d->kind == DELIVER_SOFT;
    w->fault = d->kind == DELIVER_FAULT;
}

static void on_memory(void *opaque, const struct cpu_access *a)
{
    struct search *s = opaque;
    struct orrery_writer *w;
    paddr pa;

    if (!a->write || !a->host || !phys_address(s->o->phys, a->host, &pa))
        return;
    w = met(s, pa, a->buf, a->len);
    if (!w)
        return;
    if (s->hooks.delivering)
        describe_delivery(w, &s->delivery);
    else
        w->kind = ORRERY_WRITER_INSN;
}

static void on_phys(void *opaque, enum phys_who who, paddr at, const void *buf, u64 len, bool write)
{
    static const enum orrery_writer_kind kind[] = {[PHYS_DMA] = ORRERY_WRITER_DMA,
                                                   [PHYS_WALK] = ORRERY_WRITER_WALK,
                                                   [PHYS_CPU] = ORRERY_WRITER_SMM};
    struct search *s = opaque;
    const u8 *host = write ? phys_host(s->o->phys, at, true) : NULL;
    const struct bus *bus = s->o->bus;
    struct orrery_writer *w;
    paddr pa;

    if (!host || !phys_address(s->o->phys, host + (at & PAGE_MASK), &pa))
        return;
    w = met(s, pa, buf, len);
    if (!w)
        return;
    w->kind = kind[who];
    const struct dev *dev = bus->master ? bus_owner(bus, bus->master) : NULL;
    if (who == PHYS_DMA)
        snprintf(w->device, sizeof(w->device), "%s", dev ? dev->id : "board");
}

static void on_deliver(void *opaque, const struct cpu_delivery *d)
{
    struct search *s = opaque;

    s->delivery = *d;
}

static void watch_memory(struct search *s, paddr phys, bool on)
{
    const paddr pages[2] = {phys, s->pa};
    s->hooks.delivering = false;
    trace_set(s->o->cpu, on ? &s->hooks : NULL, TRACE_PAGES, pages);
    if (on)
        phys_add_witness(s->o->phys, &s->witness);
    else
        phys_remove_witness(s->o->phys, &s->witness);
}

/* ---- the answer ---- */

static void tell_instruction(struct orrery *o, struct orrery_writer *w)
{
    const struct cpu *cpu = o->cpu;
    unsigned n = 0;

    w->cs = cpu->seg[SEG_CS].sel;
    w->eip = cpu_eip(cpu);
    w->linear = cpu_code_linear(cpu, w->eip);
    while (n < sizeof(w->bytes) && orrery_read_linear(o, w->linear + n, w->bytes + n, 1))
        n++;
    if (n)
        w->len = (u8)decode_text(cpu->decoder, w->bytes, n, mode_code_size(cpu->mode), w->eip,
                                 w->text, sizeof(w->text));
}

/* Comes back, by way of the writer. */
static bool finish(struct search *s, u64 now, bool ok, char *err, size_t err_size)
{
    struct orrery *o = s->o;

    if (ok && s->w->kind != ORRERY_WRITER_NONE && history_visit(o, s->w->tick))
        tell_instruction(o, s->w);
    bool back = history_visit(o, now);
    trace_pause(o->trace, false);
    if (!back)
        return fail(err, err_size, "the machine could not be put back to the present");
    return ok || fail(err, err_size, "the past cannot be run again");
}

bool orrery_who_memory(struct orrery *o, uint64_t phys, unsigned len, struct orrery_writer *w,
                       char *err, size_t err_size)
{
    struct search s = {.o = o, .w = w, .len = len};
    const u8 *host = phys_host(o->phys, phys, false);
    bool ok = true;

    *w = (struct orrery_writer){0};
    if (!o->history)
        return fail(err, err_size, "the machine has no history");
    if (!len || len > 8 || (phys & PAGE_MASK) + len > PAGE_SIZE)
        return fail(err, err_size, "one page, and at most 8 bytes");
    if (!host || !phys_address(o->phys, host + (phys & PAGE_MASK), &s.pa))
        return fail(err, err_size, "there is no memory at this address");
    s.host = host + (phys & PAGE_MASK);
    s.hooks = (struct cpu_trace){.opaque = &s, .memory = on_memory, .deliver = on_deliver};
    s.witness = (struct phys_witness){.access = on_phys, .opaque = &s};
    trace_pause(o->trace, true);
    u64 now = history_enter(o), until = now, first, last;
    orrery_history_range(o, &first, &last);
    while (ok && w->kind == ORRERY_WRITER_NONE && until > first) {
        u64 from = history_moment(o, until);
        ok = history_visit(o, from);
        watch_memory(&s, phys, true);
        ok = ok && history_rerun(o, until);
        watch_memory(&s, phys, false);
        until = from;
    }
    w->first = until;
    return finish(&s, now, ok, err, err_size);
}

/* ---- registers ---- */

static u64 register_now(const struct search *s)
{
    u64 regs[TRACE_REGS];

    trace_read_regs(s->o->cpu, regs);
    return regs[s->reg];
}

/* Something begins: what has begun before it is over. */
static void look(struct search *s, const struct orrery_writer *next)
{
    u64 value = register_now(s);

    if (value != s->value) {
        *s->w = s->last;
        s->w->before = s->value;
        s->w->after = value;
    }
    s->value = value;
    if (next)
        s->last = *next;
}

static void on_step(void *opaque, const u8 *bytes, u32 len)
{
    struct search *s = opaque;
    const struct orrery_writer next = {.kind = ORRERY_WRITER_INSN, .tick = cpu_icount(s->o->cpu)};

    (void)bytes;
    (void)len;
    look(s, &next);
}

static void on_step_delivery(void *opaque, const struct cpu_delivery *d)
{
    struct search *s = opaque;
    struct orrery_writer next = {.tick = cpu_icount(s->o->cpu)};

    describe_delivery(&next, d);
    if (d->kind == DELIVER_SOFT) /* part of the instruction, which may have changed it before */
        s->last = next;
    else
        look(s, &next);
}

static bool step_stretch(struct search *s, u64 from, u64 until)
{
    struct orrery *o = s->o;
    bool ok = history_visit(o, from);

    s->value = register_now(s);
    s->last = (struct orrery_writer){.kind = ORRERY_WRITER_OTHER, .tick = from};
    trace_set(o->cpu, &s->hooks, TRACE_NO_MEMORY, NULL);
    ok = ok && history_rerun(o, until);
    trace_set(o->cpu, NULL, TRACE_NO_MEMORY, NULL);
    look(s, NULL);
    return ok;
}

/* By its name in traces; RAX and the like are those of EAX. */
static bool is_named(unsigned reg, const char *name)
{
    const char *known = trace_reg_info[reg].name;

    return !strcmp(name, known) ||
           (reg <= TREG_eflags && *name == 'r' && !strcmp(name + 1, known + 1));
}

bool orrery_who_register(struct orrery *o, const char *name, struct orrery_writer *w, char *err,
                         size_t err_size)
{
    struct search s = {.o = o, .w = w};
    u64 stretch = FIRST_STRETCH;
    bool ok = true;

    *w = (struct orrery_writer){0};
    while (s.reg < TRACE_REGS && !is_named(s.reg, name))
        s.reg++;
    if (!o->history)
        return fail(err, err_size, "the machine has no history");
    if (s.reg == TRACE_REGS || s.reg == TREG_eip)
        return fail(err, err_size, "no such register, or one that every instruction changes");
    s.hooks = (struct cpu_trace){.opaque = &s, .insn = on_step, .deliver = on_step_delivery};
    trace_pause(o->trace, true);
    u64 now = history_enter(o), until = now, first, last;
    orrery_history_range(o, &first, &last);
    first = now > REACH && now - REACH > first ? now - REACH : first;
    while (ok && w->kind == ORRERY_WRITER_NONE && until > first) {
        u64 from = until - first > stretch ? until - stretch : first;
        ok = step_stretch(&s, from, until);
        until = from;
        stretch = stretch < LAST_STRETCH ? 4 * stretch : stretch;
    }
    w->first = until;
    return finish(&s, now, ok, err, err_size);
}
