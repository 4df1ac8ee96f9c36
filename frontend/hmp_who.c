/* The text monitor's commands about who has done what: who, trace. */
#include "frontend/facts.h"
#include "frontend/monitor.h"
#include "frontend/session.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- who ---- */

static const char *kind_name(const struct orrery_writer *w)
{
    static const char *const names[] = {
        [ORRERY_WRITER_NONE] = "none",           [ORRERY_WRITER_INSN] = "instruction",
        [ORRERY_WRITER_INTERRUPT] = "interrupt", [ORRERY_WRITER_DMA] = "dma",
        [ORRERY_WRITER_WALK] = "page-walk",      [ORRERY_WRITER_SMM] = "smm",
        [ORRERY_WRITER_OTHER] = "reset"};

    return names[w->kind];
}

/* For people. */
static void say_who(const struct orrery_facts *f, const struct orrery_writer *w)
{
    static const char *const what[] = {[ORRERY_WRITER_INSN] = "an instruction",
                                       [ORRERY_WRITER_INTERRUPT] = "the delivery of",
                                       [ORRERY_WRITER_DMA] = "DMA of",
                                       [ORRERY_WRITER_WALK] = "the page walk (A or D bit)",
                                       [ORRERY_WRITER_SMM] = "the entry to system management mode",
                                       [ORRERY_WRITER_OTHER] = "a reset"};
    char which[96] = "", line[256];

    if (w->kind == ORRERY_WRITER_NONE) {
        snprintf(line, sizeof(line), "nobody since tick %" PRIu64, w->first);
        f->line(f->opaque, line);
        return;
    }
    if (w->kind == ORRERY_WRITER_DMA)
        snprintf(which, sizeof(which), " %s", w->device);
    if (w->kind == ORRERY_WRITER_INTERRUPT)
        snprintf(which, sizeof(which), " %s 0x%02x",
                 w->fault  ? "exception"
                 : w->soft ? "the instruction's interrupt"
                           : "interrupt",
                 w->vector);
    snprintf(line, sizeof(line), "%s%s at tick %" PRIu64 ": %#" PRIx64 " -> %#" PRIx64,
             what[w->kind], which, w->tick, w->before, w->after);
    f->line(f->opaque, line);
    snprintf(line, sizeof(line), "  %04x:%0*" PRIx64 "  %s", w->cs, w->eip >> 32 ? 16 : 8, w->eip,
             w->len ? w->text : "(cannot be read)");
    f->line(f->opaque, line);
}

static void tell_who(const struct orrery_facts *f, const struct orrery_writer *w)
{
    f->text(f->opaque, "writer", kind_name(w));
    f->number(f->opaque, "first", w->first);
    if (w->kind == ORRERY_WRITER_NONE)
        return;
    f->number(f->opaque, "tick", w->tick);
    f->number(f->opaque, "cs", w->cs);
    f->number(f->opaque, "eip", w->eip);
    f->number(f->opaque, "linear", w->linear);
    f->text(f->opaque, "instruction", w->len ? w->text : "");
    f->number(f->opaque, "before", w->before);
    f->number(f->opaque, "after", w->after);
    if (w->kind == ORRERY_WRITER_DMA)
        f->text(f->opaque, "device", w->device);
    if (w->kind == ORRERY_WRITER_INTERRUPT) {
        f->number(f->opaque, "vector", w->vector);
        f->flag(f->opaque, "soft", w->soft);
        f->flag(f->opaque, "exception", w->fault);
    }
}

/* Takes a word if it is next. */
static bool take(struct hmp *h, const char *word)
{
    size_t n = strlen(word);

    if (hmp_at_end(h) || strncmp(h->args, word, n) != 0 || (h->args[n] && h->args[n] != ' '))
        return false;
    h->args += n;
    return true;
}

/* "/b", "/w", "/l" or "/g" bytes. */
static bool who_memory(struct hmp *h, struct orrery_writer *w)
{
    struct hmp_format f = {.count = 1, .format = 'x', .size = 4};
    bool phys = take(h, "phys");
    char err[128];
    uint64_t at;

    if (!hmp_own_format(h, &f) || !hmp_value(h, &at))
        return false;
    if (!phys && !orrery_translate(h->session->machine, at, &at))
        return hmp_fail(h, "nothing is mapped there");
    return orrery_who_memory(h->session->machine, at, f.size, w, err, sizeof(err)) ||
           hmp_fail(h, "who: %s", err);
}

static bool who_register(struct hmp *h, struct orrery_writer *w)
{
    char name[32], err[128];

    h->args += *h->args == '$';
    if (!hmp_need_word(h, name, sizeof(name), "a register"))
        return false;
    for (char *p = name; *p; p++)
        *p = *p == '.' ? '_' : *p;
    return orrery_who_register(h->session->machine, name, w, err, sizeof(err)) ||
           hmp_fail(h, "who %s: %s", name, err);
}

static bool run_who(struct hmp *h)
{
    struct orrery_writer w = {.kind = ORRERY_WRITER_NONE};
    struct facts f;
    bool reg;

    if (hmp_at_end(h))
        return hmp_fail(h, "an address or a register expected");
    if (!h->session->paused && h->session->down == ORRERY_RUNNING)
        return hmp_fail(h, "the guest runs: stop first");
    reg = !strchr("0123456789/(", *h->args) && strncmp(h->args, "phys", 4) != 0;
    if ((reg ? !who_register(h, &w) : !who_memory(h, &w)) || !hmp_facts(h, &f))
        return false;
    say_who(&f.sink, &w);
    tell_who(&f.sink, &w);
    facts_end(&f);
    return true;
}

/* ---- trace ---- */

static bool run_trace(struct hmp *h)
{
    struct orrery *o = h->session->machine;
    char word[16], option[1024], err[256];
    bool ok;

    if (!hmp_need_word(h, word, sizeof(word), "'on' or 'off'"))
        return false;
    if (!strcmp(word, "on")) {
        if (!hmp_need_word(h, option, sizeof(option), "FILE,what=...,from=TICK,to=TICK,..."))
            return false;
        ok = orrery_trace_start(o, option, err, sizeof(err));
    } else if (!strcmp(word, "off")) {
        ok = orrery_trace_stop(o, err, sizeof(err));
    } else {
        return hmp_fail(h, "'on' or 'off' expected");
    }
    return ok || hmp_fail(h, "%s", err);
}

const struct hmp_command hmp_who_commands[] = {
    {"who", NULL, "[--json] [phys] [/b|w|g] addr | register",
     "who has written to memory, or changed a register, last", run_who},
    {"trace", NULL, "on file[,what=...,from=tick,...] | off", "write a trace for orrery-trace",
     run_trace},
    {NULL, NULL, NULL, NULL, NULL},
};
