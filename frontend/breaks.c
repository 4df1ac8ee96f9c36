/* The session's break points. What GDB takes out and puts in again around every stop reaches the
 * machine only when it goes on, and only if it is something else then: translations that depend on
 * it are made anew. */
#include "frontend/breaks.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "frontend/session.h"

static bool same(const struct orrery_break *a, const struct orrery_break *b)
{
    return a->kind == b->kind && a->linear == b->linear && a->len == b->len;
}

bool breaks_add(struct session *s, enum break_owner owner, const struct orrery_break *what,
                bool hardware)
{
    struct breaks *b = &s->breaks;

    if (b->n == ORRERY_MAX_BREAKS)
        return false;
    b->numbers += owner == BREAK_USER;
    b->all[b->n++] = (struct breakpoint){.number = owner == BREAK_USER ? b->numbers : 0,
                                         .owner = owner,
                                         .hardware = hardware,
                                         .what = *what};
    return true;
}

static void remove_at(struct breaks *b, unsigned i)
{
    b->n--;
    memmove(&b->all[i], &b->all[i + 1], (b->n - i) * sizeof(b->all[0]));
}

bool breaks_delete(struct session *s, unsigned number)
{
    struct breaks *b = &s->breaks;

    for (unsigned i = 0; i < b->n; i++) {
        if (number && b->all[i].number == number) {
            remove_at(b, i);
            return true;
        }
    }
    return false;
}

bool breaks_remove(struct session *s, enum break_owner owner, const struct orrery_break *what,
                   bool hardware)
{
    struct breaks *b = &s->breaks;

    for (unsigned i = 0; i < b->n; i++) {
        const struct breakpoint *p = &b->all[i];
        if (p->owner == owner && p->hardware == hardware && same(&p->what, what)) {
            remove_at(b, i);
            return true;
        }
    }
    return false;
}

void breaks_clear(struct session *s, enum break_owner owner)
{
    struct breaks *b = &s->breaks;

    for (unsigned i = b->n; i-- > 0;)
        if (b->all[i].owner == owner)
            remove_at(b, i);
}

/* ---- the machine's ---- */

static bool has(const struct orrery_break *all, unsigned n, const struct orrery_break *what)
{
    for (unsigned i = 0; i < n; i++)
        if (same(&all[i], what))
            return true;
    return false;
}

void breaks_apply(struct session *s, bool step)
{
    struct breaks *b = &s->breaks;
    struct orrery_break now[ORRERY_MAX_BREAKS];
    unsigned n = 0;
    bool more = false;

    for (unsigned i = 0; i < b->n; i++) {
        if (has(now, n, &b->all[i].what))
            continue;
        more |= !has(b->applied, b->napplied, &b->all[i].what);
        now[n++] = b->all[i].what;
    }
    if (!more && (step || n == b->napplied))
        return;
    orrery_set_breaks(s->machine, now, n);
    memcpy(b->applied, now, n * sizeof(now[0]));
    b->napplied = n;
}

struct breakpoint *breaks_hit(struct session *s, const struct orrery_break *what)
{
    struct breakpoint *found = NULL;

    for (unsigned i = 0; i < s->breaks.n; i++) {
        struct breakpoint *p = &s->breaks.all[i];
        if (same(&p->what, what)) {
            p->hits++;
            if (!found || p->owner < found->owner)
                found = p;
        }
    }
    return found;
}

/* ---- words ---- */

static const char *const phrases[] = {
    [ORRERY_BREAK_CODE] = "code at",
    [ORRERY_BREAK_WRITE] = "write of",
    [ORRERY_BREAK_READ] = "read of",
    [ORRERY_BREAK_ACCESS] = "access to",
    [ORRERY_BREAK_PHYS_WRITE] = "write of physical",
    [ORRERY_BREAK_PHYS_READ] = "read of physical",
    [ORRERY_BREAK_PHYS_ACCESS] = "access to physical",
    [ORRERY_BREAK_OUT] = "output to port",
    [ORRERY_BREAK_IN] = "input from port",
    [ORRERY_BREAK_PORT] = "access to port",
    [ORRERY_BREAK_MAGIC] = "xchg bx,bx",
    [ORRERY_BREAK_MODE] = "change of",
    [ORRERY_BREAK_VECTOR] = "vector",
    [ORRERY_BREAK_CR3] = "load of cr3",
};

static const struct {
    const char *name;
    uint32_t bit;
} modes[] = {{"pe", ORRERY_MODE_PE},
             {"pg", ORRERY_MODE_PG},
             {"vm", ORRERY_MODE_VM},
             {"smm", ORRERY_MODE_SMM},
             {"lm", ORRERY_MODE_LM}};
#define MODES (sizeof(modes) / sizeof(modes[0]))

void breaks_describe(const struct orrery_break *what, char *text, size_t size)
{
    int n = snprintf(text, size, "%s", phrases[what->kind]);
    size_t at = (size_t)n;

    if (what->kind == ORRERY_BREAK_MODE) {
        for (unsigned i = 0; i < MODES && at < size; i++)
            if (what->linear & modes[i].bit)
                at += (size_t)snprintf(text + at, size - at, " %s", modes[i].name);
    } else if (what->kind != ORRERY_BREAK_MAGIC && what->len) {
        at += (size_t)snprintf(text + at, size - at, " 0x%" PRIx64, what->linear);
        if (what->len > 1 && at < size)
            snprintf(text + at, size - at, "-0x%" PRIx64, what->linear + what->len - 1);
    }
}

void breaks_print(const struct session *s, FILE *out)
{
    const struct breaks *b = &s->breaks;
    char text[96];

    if (!b->n && !b->on_triple)
        fputs("No breakpoints.\n", out);
    for (unsigned i = 0; i < b->n; i++) {
        breaks_describe(&b->all[i].what, text, sizeof(text));
        fprintf(out, "%-3u %s%s, hit %" PRIu64 " times\n", b->all[i].number, text,
                b->all[i].owner == BREAK_GDB ? " (gdb)" : "", b->all[i].hits);
    }
    if (b->on_triple)
        fputs("    triple fault\n", out);
}

/* ---- stop-on ---- */

/* The next word, lower case. */
static bool word(const char **text, char *out, size_t size)
{
    size_t n;

    *text += strspn(*text, " \t,=");
    n = strcspn(*text, " \t,=");
    if (!n || n >= size)
        return false;
    memcpy(out, *text, n);
    out[n] = 0;
    *text += n;
    return true;
}

/* A or A-B. */
static bool range(const char *text, uint64_t max, struct orrery_break *b)
{
    char *end;
    unsigned long long first = strtoull(text, &end, 0), last = first;

    if (end == text)
        return false;
    if (*end == '-') {
        const char *from = end + 1;
        last = strtoull(from, &end, 0);
        if (end == from)
            return false;
    }
    if (*end || first > last || last > max || last - first >= UINT32_MAX)
        return false;
    b->linear = first;
    b->len = (uint32_t)(last - first + 1);
    return true;
}

/* w, r or both: a kind and the two behind it. */
static bool direction(const char *text, struct orrery_break *b)
{
    if (!strcasecmp(text, "r"))
        b->kind += 1;
    else if (!strcasecmp(text, "rw") || !strcasecmp(text, "a") || !*text)
        b->kind += 2;
    else if (strcasecmp(text, "w") != 0)
        return false;
    return true;
}

static bool parse_range(const char *first, const char *second, uint64_t max, struct orrery_break *b)
{
    return range(first, max, b) && direction(second, b);
}

static bool parse_mode(const char *which, struct orrery_break *b)
{
    b->len = 1;
    for (unsigned i = 0; i < MODES; i++)
        if (!*which || !strcasecmp(which, modes[i].name))
            b->linear |= modes[i].bit;
    return b->linear;
}

static bool parse_cr3(const char *value, struct orrery_break *b)
{
    char *end;

    b->linear = strtoull(value, &end, 0);
    b->len = *value != 0;
    return !*end;
}

static bool parse(const char *kind, const char *first, const char *second, struct orrery_break *b)
{
    if (!strcasecmp(kind, "magic")) {
        *b = (struct orrery_break){ORRERY_BREAK_MAGIC, 0, 1};
        return !*first;
    }
    if (!strcasecmp(kind, "mode")) {
        b->kind = ORRERY_BREAK_MODE;
        return parse_mode(first, b) && !*second;
    }
    if (!strcasecmp(kind, "vector")) {
        b->kind = ORRERY_BREAK_VECTOR;
        return range(first, 255, b) && !*second;
    }
    if (!strcasecmp(kind, "cr3")) {
        b->kind = ORRERY_BREAK_CR3;
        return parse_cr3(first, b) && !*second;
    }
    if (!strcasecmp(kind, "port")) {
        b->kind = ORRERY_BREAK_OUT;
        return parse_range(first, second, 65535, b);
    }
    if (!strcasecmp(kind, "mmio") || !strcasecmp(kind, "phys")) {
        b->kind = ORRERY_BREAK_PHYS_WRITE;
        return parse_range(first, second, UINT64_MAX, b);
    }
    return false;
}

bool breaks_stop_on(struct session *s, const char *text, char *err, size_t err_size)
{
    const char *rest = text;
    char kind[16] = "", first[32] = "", second[8] = "";
    struct orrery_break b = {.len = 0};

    if (word(&rest, kind, sizeof(kind)) && word(&rest, first, sizeof(first)))
        word(&rest, second, sizeof(second));
    if (rest[strspn(rest, " \t,=")])
        kind[0] = 0;
    if (!strcasecmp(kind, "triple") && !*first)
        return s->breaks.on_triple = true;
    if (!parse(kind, first, second, &b)) {
        snprintf(err, err_size,
                 "'%s' is none of: magic, mode [pe|pg|vm|smm|lm], vector A[-B], port A[-B] [r|w], "
                 "mmio A[-B] [r|w], cr3 [VALUE], triple",
                 text);
        return false;
    }
    if (breaks_add(s, BREAK_USER, &b, false))
        return true;
    snprintf(err, err_size, "there are %d break points already", ORRERY_MAX_BREAKS);
    return false;
}

bool breaks_open(struct session *s)
{
    const struct options *o = &s->options;
    char err[256];

    for (unsigned i = 0; i < o->nstop_on; i++)
        if (!breaks_stop_on(s, o->stop_on[i], err, sizeof(err)))
            return complain("-stop-on: %s", err);
    return true;
}
