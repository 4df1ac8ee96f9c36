/* The text monitor's commands about who has done what: who, trace. */
#include "frontend/monitor.h"
#include "frontend/session.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_QMP
#include <jansson.h>
#endif

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

static void print_who(FILE *out, const struct orrery_writer *w)
{
    static const char *const what[] = {[ORRERY_WRITER_INSN] = "an instruction",
                                       [ORRERY_WRITER_INTERRUPT] = "the delivery of",
                                       [ORRERY_WRITER_DMA] = "DMA of",
                                       [ORRERY_WRITER_WALK] = "the page walk (A or D bit)",
                                       [ORRERY_WRITER_SMM] = "the entry to system management mode",
                                       [ORRERY_WRITER_OTHER] = "a reset"};

    if (w->kind == ORRERY_WRITER_NONE) {
        fprintf(out, "nobody since tick %" PRIu64 "\n", w->first);
        return;
    }
    fprintf(out, "%s", what[w->kind]);
    if (w->kind == ORRERY_WRITER_DMA)
        fprintf(out, " %s", w->device);
    if (w->kind == ORRERY_WRITER_INTERRUPT)
        fprintf(out, " %s 0x%02x",
                w->fault  ? "exception"
                : w->soft ? "the instruction's interrupt"
                          : "interrupt",
                w->vector);
    fprintf(out, " at tick %" PRIu64 ": %#" PRIx64 " -> %#" PRIx64 "\n", w->tick, w->before,
            w->after);
    fprintf(out, "  %04x:%08x  %s\n", w->cs, w->eip, w->len ? w->text : "(cannot be read)");
}

#ifdef HAVE_QMP
static bool print_json(struct hmp *h, const struct orrery_writer *w)
{
    json_t *all = json_pack("{s:s, s:I}", "writer", kind_name(w), "first", (json_int_t)w->first);
    char *text;

    if (w->kind != ORRERY_WRITER_NONE)
        json_object_update_new(
            all, json_pack("{s:I, s:i, s:I, s:I, s:s, s:I, s:I}", "tick", (json_int_t)w->tick, "cs",
                           (int)w->cs, "eip", (json_int_t)w->eip, "linear", (json_int_t)w->linear,
                           "instruction", w->len ? w->text : "", "before", (json_int_t)w->before,
                           "after", (json_int_t)w->after));
    if (w->kind == ORRERY_WRITER_DMA)
        json_object_set_new(all, "device", json_string(w->device));
    if (w->kind == ORRERY_WRITER_INTERRUPT)
        json_object_update_new(all, json_pack("{s:i, s:b, s:b}", "vector", (int)w->vector, "soft",
                                              (int)w->soft, "exception", (int)w->fault));
    text = json_dumps(all, JSON_COMPACT | JSON_PRESERVE_ORDER);
    fprintf(h->out, "%s\n", text ? text : "{}");
    free(text);
    json_decref(all);
    return true;
}
#else
static bool print_json(struct hmp *h, const struct orrery_writer *w)
{
    (void)w;
    (void)kind_name;
    return hmp_fail(h, "built without Jansson, there is no --json");
}
#endif

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

    if (!hmp_format(h, &f) || !hmp_value(h, &at))
        return false;
    if (!phys && !orrery_translate(h->session->machine, (uint32_t)at, &at))
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
    bool json = take(h, "--json"), reg;
    struct orrery_writer w;

    if (hmp_at_end(h))
        return hmp_fail(h, "an address or a register expected");
    if (!h->session->paused && h->session->down == ORRERY_RUNNING)
        return hmp_fail(h, "the guest runs: stop first");
    reg = !strchr("0123456789/(", *h->args) && strncmp(h->args, "phys", 4) != 0;
    if (reg ? !who_register(h, &w) : !who_memory(h, &w))
        return false;
    json = take(h, "--json") || json;
    if (json)
        return print_json(h, &w);
    print_who(h->out, &w);
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
