/* Recording: the CPU's hooks, ports, DMA and the screen become events of a trace file.
 *
 * Registers are compared whenever something new begins, so what an instruction or delivery has
 * changed is known when it is over, and nothing has to be asked of the instruction. With
 * instructions or memory the CPU is stepped while the window is open; else it runs as always.
 * Recording changes nothing in the machine: traces of one run are the same on every back end. */
#include "machine/trace.h"

#include "cpu/crs.h"
#include "cpu/trace.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "devices/core/dev.h"
#include "machine/trace_file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SCREEN 1000000u /* ticks between looks at the screen */

enum {
    WHAT_INSN = 1 << 0,
    WHAT_MEM = 1 << 1,
    WHAT_INT = 1 << 2,
    WHAT_IO = 1 << 3,
    WHAT_DMA = 1 << 4,
    WHAT_SCREEN = 1 << 5,
    WHAT_STEPS = WHAT_INSN | WHAT_MEM
};

static const struct {
    const char *name;
    unsigned bits;
} kinds[] = {
    {"insn", WHAT_INSN},
    {"mem", WHAT_MEM},
    {"int", WHAT_INT},
    {"io", WHAT_IO},
    {"dma", WHAT_DMA},
    {"screen", WHAT_SCREEN},
    {"all", WHAT_INSN | WHAT_MEM | WHAT_INT | WHAT_IO | WHAT_DMA | WHAT_SCREEN},
};

struct range {
    u64 first, last;
};

struct trace {
    struct orrery *o;
    FILE *f;
    struct trace_writer *writer;
    struct cpu_trace hooks;
    struct phys_witness witness;
    unsigned what;
    u64 from, to, screen_every, screen_due;
    struct range addr, phys, pc;
    bool open;       /* the window */
    unsigned paused; /* by how many: what happens is the machine's past */
    bool wanted;     /* the instruction under way is recorded */
    bool pending;    /* its changes of registers are not yet */
    u64 tick;        /* of it */
    u64 regs[TRACE_REGS];
    struct orrery_text text;
    struct orrery_screen screen;
    u64 screen_hash;
};

/* ---- registers ---- */

void trace_read_regs(const struct cpu *cpu, u64 *r)
{
    static const enum seg order[] = {SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS};

    for (unsigned i = 0; i < GPR_COUNT; i++)
        r[TREG_eax + i] = cpu->gpr[i];
    r[TREG_eip] = cpu_eip(cpu);
    r[TREG_eflags] = cpu_eflags(cpu);
    for (unsigned i = 0; i < SEG_COUNT; i++) {
        r[TREG_es + i] = cpu->seg[order[i]].sel;
        r[TREG_es_base + i] =
            cpu_is_ia32e(cpu) ? segment_base64(&cpu->seg[order[i]]) : cpu->seg[order[i]].base;
    }
    r[TREG_cr0] = cpu->cr0;
    r[TREG_cr2] = cpu->cr2;
    r[TREG_cr3] = cpu->cr3;
    r[TREG_cr4] = cpu->cr4;
    r[TREG_cpl] = cpu->cpl;
    r[TREG_code32] = mode_code_size(cpu->mode);
    r[TREG_stack32] = !!(cpu->seg[SEG_SS].attr & SA_DB);
    r[TREG_fcw] = cpu->fpu.fcw;
    r[TREG_fsw] = cpu->fpu.fsw;
    r[TREG_fempty] = cpu->fpu.empty;
    r[TREG_mxcsr] = cpu->mxcsr;
    for (unsigned i = 0; i < 8; i++) {
        r[TREG_r0 + i] = cpu->fpu.st[i].sig;
        r[TREG_r0_se + i] = cpu->fpu.st[i].se;
        r[TREG_xmm0_lo + i] = cpu->xmm[i].q[0];
        r[TREG_xmm0_hi + i] = cpu->xmm[i].q[1];
        r[TREG_r8 + i] = cpu->gpr[GPR_COUNT + i];
        r[TREG_xmm8_lo + i] = cpu->xmm[8 + i].q[0];
        r[TREG_xmm8_hi + i] = cpu->xmm[8 + i].q[1];
    }
    r[TREG_gdt_base] = cpu->gdtr.base;
    r[TREG_idt_base] = cpu->idtr.base;
    r[TREG_ldt] = cpu->ldtr.sel;
    r[TREG_tr] = cpu->tr.sel;
    r[TREG_efer] = cpu->msr.efer;
    r[TREG_cr8] = cr8_read(cpu);
    r[TREG_kernel_gs_base] = cpu->msr.kernel_gs_base;
}

/* The instruction under way, if it is recorded, is over. */
static void settle(struct trace *t)
{
    if (t->pending) {
        trace_read_regs(t->o->cpu, t->regs);
        trace_put_regs(t->writer, TRACE_CHANGED, t->tick, t->regs, false);
    }
    t->pending = false;
}

/* Before something that is no part of it. */
static void sync_regs(struct trace *t, u64 tick, bool eip)
{
    cpu_sync_fpu(t->o->cpu);
    settle(t);
    trace_read_regs(t->o->cpu, t->regs);
    trace_put_regs(t->writer, TRACE_SYNC, tick, t->regs, eip);
}

/* Before something at that tick that the instruction under way does, if there is one. */
static void part_of(struct trace *t, u64 tick)
{
    if (!t->pending || tick != t->tick)
        sync_regs(t, tick, true);
}

static u64 now(const struct trace *t)
{
    return cpu_icount(t->o->cpu);
}

/* ---- the hooks ---- */

static bool in_range(const struct range *r, u64 at, u64 size)
{
    return at <= r->last && at + size - 1 >= r->first;
}

static void on_insn(void *opaque, const u8 *bytes, u32 len)
{
    struct trace *t = opaque;
    const struct cpu *cpu = t->o->cpu;
    struct trace_event e = {.kind = TRACE_INSN, .tick = now(t), .eip = cpu_eip(cpu)};

    settle(t);
    t->tick = e.tick;
    t->wanted = in_range(&t->pc, cpu_code_linear(cpu, e.eip), 1);
    if (!t->wanted || !(t->what & WHAT_INSN))
        return;
    sync_regs(t, e.tick, false);
    e.len = len < TRACE_MAX_INSN ? (u8)len : TRACE_MAX_INSN;
    memcpy(e.bytes, bytes, e.len);
    trace_put(t->writer, &e);
    t->pending = true;
}

static void put_data(struct trace *t, struct trace_event *e, const u8 *data, const u8 *old, u64 len)
{
    for (u64 done = 0; done < len; done += e->size) {
        e->size = (u32)(len - done < TRACE_MAX_DATA ? len - done : TRACE_MAX_DATA);
        e->data = data + done;
        e->old = old ? old + done : NULL;
        trace_put(t->writer, e);
        e->linear += e->size;
        e->phys += e->size;
    }
}

static void on_memory(void *opaque, const struct cpu_access *a)
{
    struct trace *t = opaque;
    struct trace_event e = {.kind = a->host ? TRACE_MEM : TRACE_MMIO,
                            .tick = now(t),
                            .write = a->write,
                            .linear = a->la,
                            .phys = a->pa};

    if (!(t->what & (a->host ? WHAT_MEM : WHAT_MEM | WHAT_IO)) || !t->wanted ||
        !in_range(&t->addr, a->la, a->len) || !in_range(&t->phys, a->pa, a->len))
        return;
    part_of(t, e.tick);
    put_data(t, &e, a->buf, a->write ? a->host : NULL, a->len);
}

static void on_deliver(void *opaque, const struct cpu_delivery *d)
{
    static const u8 how[] = {[DELIVER_INTERRUPT] = TRACE_INTERRUPT,
                             [DELIVER_FAULT] = TRACE_FAULT,
                             [DELIVER_SOFT] = TRACE_SOFT,
                             [DELIVER_SMI] = TRACE_SMI};
    struct trace *t = opaque;
    struct trace_event e = {.kind = TRACE_INT,
                            .tick = now(t),
                            .vec = d->vec,
                            .how = how[d->kind],
                            .has_error = d->has_error,
                            .error = d->error};

    if (d->kind != DELIVER_SOFT) {
        settle(t);
        t->wanted = t->pc.first == 0 && t->pc.last == UINT64_MAX;
        t->tick = e.tick;
    }
    if (!(t->what & WHAT_INT) || !t->wanted)
        return;
    part_of(t, e.tick);
    trace_put(t->writer, &e);
    t->pending = true;
}

static void on_phys(void *opaque, enum phys_who who, paddr pa, const void *buf, u64 len, bool write)
{
    static const enum trace_kind kind[] = {
        [PHYS_DMA] = TRACE_DMA, [PHYS_WALK] = TRACE_WALK, [PHYS_CPU] = TRACE_PHYS};
    struct trace *t = opaque;
    struct trace_event e = {.kind = kind[who], .write = write, .phys = pa, .text = "board"};
    const u8 *host = phys_host(t->o->phys, pa, false);
    const struct bus *bus = t->o->bus;

    if (t->paused || !t->open || !in_range(&t->phys, pa, len) ||
        !(t->what & (who == PHYS_DMA ? WHAT_DMA : WHAT_MEM)) || (who != PHYS_DMA && !t->wanted))
        return;
    const struct dev *dev = bus->master ? bus_owner(bus, bus->master) : NULL;
    if (dev)
        e.text = dev->id;
    e.tick = now(t);
    part_of(t, e.tick);
    put_data(t, &e, buf, write && host ? host + (pa & PAGE_MASK) : NULL, len);
}

void trace_port(struct trace *t, u16 port, unsigned size, bool write, u32 value)
{
    struct trace_event e = {.kind = TRACE_PORT,
                            .tick = now(t),
                            .port = port,
                            .size = size,
                            .write = write,
                            .value = value};

    if (!t->open || t->paused || !(t->what & WHAT_IO) || !t->wanted)
        return;
    part_of(t, e.tick);
    trace_put(t->writer, &e);
}

void trace_reset(struct trace *t)
{
    struct trace_event e = {.kind = TRACE_RESET, .tick = now(t)};

    if (!t->open || t->paused)
        return;
    sync_regs(t, e.tick, true);
    trace_put(t->writer, &e);
}

/* ---- the screen ---- */

static u64 hash_of(const void *data, size_t len, const struct trace_event *e)
{
    struct hash h;

    hash_init(&h);
    hash_uint(&h, e->width, 4);
    hash_uint(&h, e->height, 4);
    hash_uint(&h, e->cursor, 4);
    hash_bytes(&h, data, len);
    return hash_value(&h);
}

static void put_screen(struct trace *t, struct trace_event *e, u8 *bytes, size_t len)
{
    u64 hash = hash_of(bytes, len, e);

    if (hash != t->screen_hash) {
        sync_regs(t, e->tick, true);
        e->data = bytes;
        trace_put(t->writer, e);
    }
    t->screen_hash = hash;
}

static void look_at_screen(struct trace *t)
{
    struct trace_event e = {.kind = TRACE_TEXT, .tick = now(t)};
    size_t cells, pixels;
    u8 *bytes;

    if (orrery_text(t->o, &t->text)) {
        e.width = t->text.columns;
        e.height = t->text.rows;
        e.cursor = (u32)(t->text.cursor + 1);
        cells = (size_t)e.width * e.height;
        bytes = malloc(2 * cells + 1);
        for (size_t i = 0; bytes && i < cells; i++)
            store_le(bytes + 2 * i, 2, t->text.cells[i]);
        if (bytes)
            put_screen(t, &e, bytes, 2 * cells);
        free(bytes);
    } else if (orrery_screen(t->o, &t->screen)) {
        e.kind = TRACE_PICTURE;
        e.width = t->screen.width;
        e.height = t->screen.height;
        pixels = (size_t)e.width * e.height;
        bytes = malloc(3 * pixels + 1);
        for (size_t i = 0; bytes && i < pixels; i++)
            store_be(bytes + 3 * i, 3, t->screen.pixels[i] & 0xffffff);
        if (bytes)
            put_screen(t, &e, bytes, 3 * pixels);
        free(bytes);
    }
}

/* ---- the window ---- */

static void set_hooks(struct trace *t, bool on)
{
    phys_remove_witness(t->o->phys, &t->witness);
    if (on)
        phys_add_witness(t->o->phys, &t->witness);
    trace_set(t->o->cpu, on ? &t->hooks : NULL,
              t->what & WHAT_MEM ? TRACE_ALL_MEMORY : TRACE_NO_MEMORY, NULL);
}

static void open_window(struct trace *t)
{
    t->open = true;
    t->wanted = true;
    t->tick = now(t);
    t->screen_due = t->what & WHAT_SCREEN ? t->tick : CLOCK_NEVER;
    sync_regs(t, t->tick, true);
    set_hooks(t, true);
}

static void close_window(struct trace *t)
{
    settle(t);
    set_hooks(t, false);
    t->open = false;
    t->screen_due = CLOCK_NEVER;
}

void trace_update(struct trace *t)
{
    u64 tick = now(t);
    bool inside = tick >= t->from && tick < t->to;

    if (t->paused)
        return;
    if (inside && !t->open)
        open_window(t);
    if (t->open && tick >= t->screen_due) {
        look_at_screen(t);
        t->screen_due = tick + t->screen_every;
    }
    if (!inside && t->open)
        close_window(t);
}

u64 trace_due(const struct trace *t)
{
    u64 edge = t->open ? t->to : now(t) < t->from ? t->from : CLOCK_NEVER;

    if (t->paused)
        return CLOCK_NEVER;
    return t->open && t->screen_due < edge ? t->screen_due : edge;
}

void trace_pause(struct trace *t, bool paused)
{
    if (!t)
        return;
    if (paused && !t->paused)
        settle(t);
    t->paused += paused ? 1 : -1u;
    if (t->open && t->paused <= 1)
        set_hooks(t, !t->paused);
}

/* ---- options ---- */

static bool fail(char *err, size_t size, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static bool fail(char *err, size_t size, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(err, size, fmt, ap);
    va_end(ap);
    return false;
}

static bool parse_number(const char *text, u64 *value)
{
    char *end;

    errno = 0;
    *value = strtoull(text, &end, 0);
    return *text >= '0' && *text <= '9' && !*end && !errno;
}

/* "A-B", both included, or "A". */
static bool parse_range(const char *text, struct range *r)
{
    char first[32];
    size_t n = strcspn(text, "-");

    if (n >= sizeof(first))
        return false;
    memcpy(first, text, n);
    first[n] = 0;
    return parse_number(first, &r->first) &&
           parse_number(text[n] ? text + n + 1 : first, &r->last) && r->first <= r->last;
}

/* "insn+mem+int" */
static bool parse_what(const char *text, unsigned *what)
{
    *what = 0;
    while (*text) {
        size_t n = strcspn(text, "+"), i = 0;

        while (i < ARRAY_LEN(kinds) &&
               (strlen(kinds[i].name) != n || strncmp(text, kinds[i].name, n) != 0))
            i++;
        if (i == ARRAY_LEN(kinds))
            return false;
        *what |= kinds[i].bits;
        text += n + (text[n] == '+');
    }
    return *what;
}

static bool parse_item(struct trace *t, char *item, char *err, size_t size)
{
    char *value = strchr(item, '=');
    const struct {
        const char *name;
        u64 *number;
        struct range *range;
    } names[] = {{"from", &t->from, NULL},           {"to", &t->to, NULL},
                 {"screen", &t->screen_every, NULL}, {"addr", NULL, &t->addr},
                 {"phys", NULL, &t->phys},           {"pc", NULL, &t->pc}};

    if (!value)
        return fail(err, size, "trace: '%s' is no name=value", item);
    *value++ = 0;
    if (!strcmp(item, "what"))
        return parse_what(value, &t->what) ||
               fail(err, size,
                    "trace: what=%s: any of insn, mem, int, io, dma, screen, all, with '+' between",
                    value);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(item, names[i].name) != 0)
            continue;
        if (names[i].number ? parse_number(value, names[i].number)
                            : parse_range(value, names[i].range))
            return true;
        return fail(err, size, "trace: bad value in '%s=%s'", item, value);
    }
    return fail(err, size, "trace: unknown item '%s'", item);
}

static bool parse(struct trace *t, char *text, char *err, size_t size)
{
    const struct range everything = {0, UINT64_MAX};
    char *rest;

    t->what = WHAT_INSN | WHAT_MEM | WHAT_INT | WHAT_IO | WHAT_DMA | WHAT_SCREEN;
    t->to = CLOCK_NEVER;
    t->screen_every = DEFAULT_SCREEN;
    t->addr = t->phys = t->pc = everything;
    for (char *item = strtok_r(text, ",", &rest); item; item = strtok_r(NULL, ",", &rest))
        if (!parse_item(t, item, err, size))
            return false;
    if (!t->screen_every)
        t->what &= ~(unsigned)WHAT_SCREEN;
    return true;
}

static bool begin(struct trace *t, const char *path, const char *items, char *err, size_t size)
{
    char text[4096];

    t->f = fopen(path, "wb");
    if (!t->f)
        return fail(err, size, "trace: cannot write '%s': %s", path, strerror(errno));
    snprintf(text, sizeof(text), "trace=%s\n%s", items, t->o->config_text ? t->o->config_text : "");
    t->writer = trace_writer_new(t->f, text);
    return t->writer || fail(err, size, "trace: out of memory");
}

struct trace *trace_new(struct orrery *o, const char *option, char *err, size_t err_size)
{
    struct trace *t = calloc(1, sizeof(*t));
    char *text = strdup(option), *items = strdup(option);
    size_t n = strcspn(option, ",");
    bool ok = t && text && items;

    if (ok) {
        t->o = o;
        t->screen_due = CLOCK_NEVER;
        t->hooks = (struct cpu_trace){.opaque = t};
        t->witness = (struct phys_witness){.access = on_phys, .opaque = t};
        text[n] = 0;
        memmove(items, option + n + (option[n] == ','),
                strlen(option + n + (option[n] == ',')) + 1);
        ok = n || fail(err, err_size, "trace: a file name is missing");
        char *copy = strdup(items);
        ok = ok && copy && parse(t, copy, err, err_size) && begin(t, text, items, err, err_size);
        free(copy);
    }
    free(text);
    free(items);
    if (ok) {
        if (t->what & WHAT_STEPS)
            t->hooks.insn = on_insn;
        t->hooks.memory = t->what & (WHAT_MEM | WHAT_IO) ? on_memory : NULL;
        t->hooks.deliver = on_deliver;
        return t;
    }
    if (t && t->f)
        fclose(t->f);
    free(t);
    return NULL;
}

bool trace_free(struct trace *t)
{
    bool ok;

    if (!t)
        return true;
    if (t->open)
        close_window(t);
    ok = trace_writer_end(t->writer);
    ok = !fclose(t->f) && ok;
    orrery_text_free(&t->text);
    orrery_screen_free(&t->screen);
    free(t);
    return ok;
}

/* ---- the public interface ---- */

bool orrery_trace_start(struct orrery *o, const char *option, char *err, size_t err_size)
{
    struct trace *t;

    if (o->trace)
        return fail(err, err_size, "trace: there is one already");
    t = trace_new(o, option, err, err_size);
    o->trace = t;
    return t;
}

bool orrery_trace_stop(struct orrery *o, char *err, size_t err_size)
{
    struct trace *t = o->trace;

    o->trace = NULL;
    if (!t)
        return fail(err, err_size, "trace: there is none");
    return trace_free(t) || fail(err, err_size, "trace: the file could not be written");
}
