/* The text monitor's commands that explain: why, walk, map, mapdiff, translate, and the tables of
 * "info". Each tells in words, or with --json as one JSON object on a line. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "frontend/facts.h"
#include "frontend/monitor.h"
#include "frontend/session.h"

bool hmp_facts(struct hmp *h, struct facts *f)
{
    return facts_begin(f, h->json, h->out) ||
           hmp_fail(h, "built without Jansson, there is no --json");
}

static bool run_why(struct hmp *h)
{
    struct facts f;

    if (!hmp_facts(h, &f))
        return false;
    orrery_why(h->session->machine, &f.sink);
    facts_end(&f);
    return true;
}

/* ---- walk ---- */

/* SEG:OFF, where SEG is a register's name or a selector; or a linear address. */
static bool place(struct hmp *h, struct orrery_walk *w)
{
    static const char *const names[] = {"es", "cs", "ss", "ds", "fs", "gs"};
    uint64_t v;

    for (int i = 0; i < 6; i++) {
        const char *p = h->args + (*h->args == '$');
        if (!strncasecmp(p, names[i], 2) && p[2] == ':') {
            w->seg = i;
            h->args = p + 3;
            if (!hmp_value(h, &v))
                return false;
            w->offset = v;
            return true;
        }
    }
    if (!hmp_value(h, &v))
        return false;
    w->seg = -2;
    if (*h->args == ':') {
        w->seg = -1;
        w->selector = (uint16_t)v;
        h->args++;
        if (!hmp_value(h, &v))
            return false;
    }
    w->offset = v;
    return true;
}

/* [as r|w|x] [at cpl N] [size N] */
static bool manner(struct hmp *h, struct orrery_walk *w)
{
    char word[16];

    while (!hmp_at_end(h)) {
        uint64_t v;
        hmp_word(h, word, sizeof(word));
        if (!strcmp(word, "as")) {
            if (!hmp_word(h, word, sizeof(word)) || strlen(word) != 1 || !strchr("rwx", *word))
                return hmp_fail(h, "as: r, w or x expected");
            w->access = *word;
        } else if (!strcmp(word, "at")) {
            if (!hmp_word(h, word, sizeof(word)) || strcmp(word, "cpl") || !hmp_value(h, &v) ||
                v > 3)
                return hmp_fail(h, "at: cpl 0 to 3 expected");
            w->cpl = (int)v;
        } else if (!strcmp(word, "size")) {
            if (!hmp_value(h, &v) || !v || v > 4096)
                return hmp_fail(h, "size: 1 to 4096 expected");
            w->size = (unsigned)v;
        } else {
            return hmp_fail(h, "walk: '%s' is not understood", word);
        }
    }
    return true;
}

static bool run_walk(struct hmp *h)
{
    struct orrery_walk w = {.access = 'r', .cpl = -1, .size = 1};
    struct facts f;

    hmp_at_end(h); /* skips spaces */
    if (!place(h, &w) || !manner(h, &w) || !hmp_facts(h, &f))
        return false;
    orrery_explain_walk(h->session->machine, &w, &f.sink);
    facts_end(&f);
    return true;
}

/* ---- mappings ---- */

static bool is_tick(const char *name)
{
    return *name && !name[strspn(name, "0123456789")];
}

static bool run_map(struct hmp *h)
{
    char name[32];

    if (!hmp_need_word(h, name, sizeof(name), "name"))
        return false;
    if (!strcmp(name, "now") || is_tick(name))
        return hmp_fail(h, "'now' is the present, and numbers are ticks");
    return orrery_keep_map(h->session->machine, name) || hmp_fail(h, "out of memory");
}

/* A name that is a tick of the history: the map is taken there. */
static bool visit(struct hmp *h, const char *name, char *err, size_t err_size)
{
    if (!is_tick(name))
        return true;
    if (!orrery_goto(h->session->machine, strtoull(name, NULL, 10), err, err_size))
        return false;
    if (orrery_keep_map(h->session->machine, name))
        return true;
    snprintf(err, err_size, "out of memory");
    return false;
}

/* Takes the maps of ticks, and returns to the present. */
static bool visit_both(struct hmp *h, const char *from, const char *to, char *err, size_t err_size)
{
    uint64_t now = orrery_tick(h->session->machine);
    char ignored[200];
    bool ok;

    if (!is_tick(from) && !is_tick(to))
        return true;
    session_pause(h->session);
    ok = visit(h, from, err, err_size) && visit(h, to, err, err_size);
    orrery_goto(h->session->machine, now, ignored, sizeof(ignored));
    session_moved(h->session);
    return ok;
}

static bool run_mapdiff(struct hmp *h)
{
    char from[32], to[32] = "now", err[200];
    struct facts f;
    bool ok;

    if (!hmp_need_word(h, from, sizeof(from), "name"))
        return false;
    if (!hmp_at_end(h))
        hmp_word(h, to, sizeof(to));
    if (!visit_both(h, from, to, err, sizeof(err)))
        return hmp_fail(h, "Error: %s", err);
    if (!hmp_facts(h, &f))
        return false;
    ok = orrery_explain_map(h->session->machine, from, to, &f.sink, err, sizeof(err));
    facts_end(&f);
    return ok || hmp_fail(h, "Error: %s", err);
}

/* ---- translate ---- */

static bool run_translate(struct hmp *h)
{
    uint64_t addr;
    struct facts f;
    bool ok;

    if (!hmp_value(h, &addr) || !hmp_facts(h, &f))
        return false;
    ok = orrery_explain_block(h->session->machine, addr, &f.sink);
    facts_end(&f);
    return ok || hmp_fail(h, "Error: no code can be read at 0x%08llx",
                          (unsigned long long)orrery_linear(h->session->machine, addr));
}

/* ---- info ---- */

bool hmp_table(struct hmp *h, const char *table)
{
    struct facts f;

    if (!hmp_facts(h, &f))
        return false;
    orrery_explain_table(h->session->machine, table, &f.sink);
    facts_end(&f);
    return true;
}

const struct hmp_command hmp_why_commands[] = {
    {"why", NULL, "[--json]", "why the last exception was raised, and what came of it", run_why},
    {"walk", NULL, "seg:offset|address [as r|w|x] [at cpl n] [size n] [--json]",
     "an access step by step: segment, page tables, and what denies it", run_walk},
    {"map", NULL, "name", "keep the present mappings of pages under a name", run_map},
    {"mapdiff", NULL, "name|tick [name|tick|now] [--json]",
     "what has changed between two kept mappings, or ticks of the history", run_mapdiff},
    {"translate", NULL, "addr [--json]",
     "the block at an address: guest instructions, IR, host code, how often it has run",
     run_translate},
    {NULL, NULL, NULL, NULL, NULL},
};
