/* A translated block in three languages: the guest's, the IR before and after optimization side by
 * side for each instruction, the host's. jit/explain.c knows; this tells it as facts. */
#include "machine/facts.h"

#include <stdlib.h>
#include <string.h>

struct told {
    u8 part; /* enum jit_part */
    u32 insn;
    char *text;
};

struct listing {
    struct told *line;
    size_t n, room;
};

static void note(void *opaque, enum jit_part part, u32 insn, const char *text)
{
    struct listing *l = opaque;

    if (l->n == l->room) {
        size_t room = l->room ? 2 * l->room : 256;
        struct told *line = realloc(l->line, room * sizeof(*line));
        if (!line)
            return;
        l->line = line;
        l->room = room;
    }
    char *copy = strdup(text);
    if (copy)
        l->line[l->n++] = (struct told){(u8)part, insn, copy};
}

/* The next line of a part and an instruction from *at on; NULL: there is none. */
static const char *next(const struct listing *l, enum jit_part part, u32 insn, size_t *at)
{
    for (; *at < l->n; ++*at)
        if (l->line[*at].part == part && l->line[*at].insn == insn)
            return l->line[(*at)++].text;
    return NULL;
}

static void tell_list(const struct orrery_facts *f, const struct listing *l, const char *name,
                      enum jit_part part)
{
    fact_open_list(f, name);
    for (size_t i = 0; i < l->n; i++)
        if (l->line[i].part == part)
            fact_text(f, NULL, l->line[i].text);
    fact_close(f);
}

static void tell_instruction(const struct orrery *o, const struct orrery_facts *f,
                             const struct listing *l, u32 insn)
{
    size_t at = 0, lifted = 0, optimized = 0;
    const char *guest = next(l, JIT_GUEST, insn, &at), *a, *b;
    char symbol[300];

    if (guest)
        fact_line(f, "%s%s", guest,
                  fact_symbol(o, (laddr)strtoul(guest, NULL, 16), symbol, sizeof(symbol)));
    for (;;) {
        a = next(l, JIT_IR, insn, &lifted);
        b = next(l, JIT_OPTIMIZED, insn, &optimized);
        if (!a && !b)
            return;
        fact_line(f, "    %-44s | %s", a ? a : "", b ? b : "");
    }
}

static void tell_words(const struct orrery *o, const struct orrery_facts *f,
                       const struct listing *l, const struct jit_explanation *e)
{
    fact_line(f, "guest instructions; below each its IR as lifted | as optimized");
    for (u32 i = 0; i < e->insns; i++)
        tell_instruction(o, f, l, i);
    if (e->host_bytes)
        fact_line(f, "host code, %u bytes:", e->host_bytes);
    else
        fact_line(f, "no host code: %s",
                  e->translated ? "it is interpreted" : "it has not been translated yet");
    for (size_t i = 0; i < l->n; i++)
        if (l->line[i].part == JIT_HOST)
            fact_line(f, "    %s", l->line[i].text);
}

bool orrery_explain_block(struct orrery *o, uint64_t linear, const struct orrery_facts *f)
{
    struct listing l = {NULL, 0, 0};
    struct jit_explanation e = {.tell = note, .opaque = &l};
    bool ok;
    char mode[16];

    linear = orrery_linear(o, linear);
    ok = jit_explain(o->jit, linear, &e);
    if (ok) {
        jit_mode_name(e.mode, mode, sizeof(mode));
        fact_number(f, "linear", linear);
        fact_number(f, "physical", e.pa);
        fact_text(f, "mode", mode);
        fact_number(f, "instructions", e.insns);
        fact_number(f, "bytes", e.bytes);
        fact_flag(f, "translated", e.translated);
        fact_number(f, "host-bytes", e.host_bytes);
        fact_number(f, "count", e.count);
        fact_line(f,
                  "block at " LADDR_FMT
                  " (physical %08llx), mode %s: %u instructions, %u bytes; entered %llu "
                  "times since it was asked for first",
                  LADDR_ARG(linear), (unsigned long long)e.pa, mode, e.insns, e.bytes,
                  (unsigned long long)e.count);
        tell_list(f, &l, "guest", JIT_GUEST);
        tell_list(f, &l, "ir", JIT_IR);
        tell_list(f, &l, "optimized", JIT_OPTIMIZED);
        tell_list(f, &l, "host", JIT_HOST);
        tell_words(o, f, &l, &e);
    }
    for (size_t i = 0; i < l.n; i++)
        free(l.line[i].text);
    free(l.line);
    return ok;
}
