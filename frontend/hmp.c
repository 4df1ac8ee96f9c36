/* The text monitor's lines: finding the command, taking its arguments apart, help. */
#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "frontend/monitor.h"
#include "frontend/session.h"

static const struct hmp_command *const tables[] = {
    hmp_commands,      hmp_memory_commands,  hmp_snapshot_commands,
    hmp_time_commands, hmp_who_commands,     hmp_break_commands,
    hmp_why_commands,  hmp_display_commands, hmp_net_commands};

bool hmp_fail(struct hmp *h, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vfprintf(h->out, fmt, ap);
    va_end(ap);
    fputc('\n', h->out);
    return false;
}

/* ---- arguments ---- */

static void skip_space(struct hmp *h)
{
    while (isspace((unsigned char)*h->args))
        h->args++;
}

bool hmp_at_end(struct hmp *h)
{
    skip_space(h);
    return !*h->args;
}

bool hmp_word(struct hmp *h, char *buf, size_t size)
{
    const char *p;
    size_t n = 0;
    bool quoted;

    skip_space(h);
    p = h->args;
    quoted = *p == '"';
    p += quoted;
    while (*p && (quoted ? *p != '"' : !isspace((unsigned char)*p))) {
        if (quoted && *p == '\\' && (p[1] == '"' || p[1] == '\\'))
            p++;
        if (n + 1 == size)
            return false;
        buf[n++] = *p++;
    }
    buf[n] = 0;
    h->args = p + (quoted && *p);
    return n || quoted;
}

bool hmp_need_word(struct hmp *h, char *buf, size_t size, const char *what)
{
    if (hmp_word(h, buf, size))
        return true;
    h->misused = true;
    return hmp_fail(h, "%s: %s expected", h->name, what);
}

bool hmp_flag(struct hmp *h, char flag)
{
    skip_space(h);
    if (h->args[0] != '-' || h->args[1] != flag ||
        (h->args[2] && !isspace((unsigned char)h->args[2])))
        return false;
    h->args += 2;
    return true;
}

static bool format_char(struct hmp_format *f, char c)
{
    static const char sizes[] = "bhwg";
    const char *size = strchr(sizes, c);

    if (size)
        f->size = 1u << (size - sizes);
    else if (strchr("xduotcis", c))
        f->format = c;
    else
        return false;
    return true;
}

bool hmp_own_format(struct hmp *h, struct hmp_format *f)
{
    skip_space(h);
    if (*h->args != '/')
        return true;
    h->args++;
    if (isdigit((unsigned char)*h->args))
        f->count = 0;
    for (; isdigit((unsigned char)*h->args); h->args++)
        f->count = f->count < 100000000 ? f->count * 10 + (unsigned)(*h->args - '0') : f->count;
    for (; *h->args && !isspace((unsigned char)*h->args); h->args++) {
        if (format_char(f, *h->args))
            continue;
        h->misused = true;
        return hmp_fail(h, "invalid char in format: '%c'", *h->args);
    }
    return true;
}

bool hmp_format(struct hmp *h, struct hmp_format *f)
{
    struct hmp_format *last = &h->session->format;

    if (!last->size)
        *last = (struct hmp_format){.format = 'x', .size = 4};
    *f = *last;
    f->count = 1;
    if (!hmp_own_format(h, f))
        return false;
    *last = *f;
    return true;
}

/* ---- the tables ---- */

/* name or one of "alias|alias" */
static bool is_called(const struct hmp_command *c, const char *name, size_t n)
{
    const char *alias = c->alias ? c->alias : "";

    if (strlen(c->name) == n && !strncmp(c->name, name, n))
        return true;
    while (*alias) {
        size_t len = strcspn(alias, "|");
        if (len == n && !strncmp(alias, name, n))
            return true;
        alias += len + (alias[len] == '|');
    }
    return false;
}

static const struct hmp_command *find(const struct hmp_command *table, const char *name, size_t n)
{
    for (; table->name; table++)
        if (is_called(table, name, n))
            return table;
    return NULL;
}

static const struct hmp_command *find_any(const char *name, size_t n)
{
    const struct hmp_command *c = NULL;

    for (size_t i = 0; !c && i < sizeof(tables) / sizeof(tables[0]); i++)
        c = find(tables[i], name, n);
    return c;
}

void hmp_complete(const char *begin, bool info, void (*fn)(void *opaque, const char *name),
                  void *opaque)
{
    size_t n = strlen(begin);

    for (size_t i = 0; i < (info ? 1 : sizeof(tables) / sizeof(tables[0])); i++)
        for (const struct hmp_command *c = info ? hmp_info_commands : tables[i]; c->name; c++)
            if (!strncmp(c->name, begin, n))
                fn(opaque, c->name);
    if (!info && !strncmp("info", begin, n))
        fn(opaque, "info");
    if (!info && !strncmp("help", begin, n))
        fn(opaque, "help");
}

static void print_help(const char *prefix, const struct hmp_command *c, FILE *out)
{
    fprintf(out, "%s%s%s%s %s -- %s\n", prefix, c->name, c->alias ? "|" : "",
            c->alias ? c->alias : "", c->args, c->help);
}

static void print_helps(const char *prefix, const struct hmp_command *table, FILE *out)
{
    for (; table->name; table++)
        print_help(prefix, table, out);
}

static void help(struct hmp *h)
{
    const struct hmp_command *c;
    char name[64];

    if (!hmp_word(h, name, sizeof(name))) {
        for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
            print_helps("", tables[i], h->out);
        fputs("info [subcommand] -- show various information about the machine\n"
              "help|? [command] -- show the help\n",
              h->out);
        return;
    }
    c = find_any(name, strlen(name));
    if (!strcmp(name, "info"))
        print_helps("info ", hmp_info_commands, h->out);
    else if (c)
        print_help("", c, h->out);
}

static bool takes_json(const struct hmp_command *c)
{
    return strstr(c->args, "[--json]");
}

static void run(struct hmp *h, const struct hmp_command *c, const char *prefix)
{
    if (h->json && !takes_json(c)) {
        hmp_fail(h, "%s%s: there is no --json", prefix, c->name);
        return;
    }
    h->name = c->name;
    if (c->run(h) && !hmp_at_end(h)) {
        hmp_fail(h, "%s%s%s: extraneous characters at the end of line", c->name,
                 c->alias ? "|" : "", c->alias ? c->alias : "");
        h->misused = true;
    }
    if (h->misused)
        hmp_fail(h, "Try \"help %s%.*s\" for more information", prefix, (int)h->ntyped, h->typed);
}

/* Expects h->args at the name. */
static const char *take_name(struct hmp *h, size_t *n)
{
    const char *name;

    skip_space(h);
    name = h->args;
    while (*h->args && !isspace((unsigned char)*h->args) && *h->args != '/')
        h->args++;
    *n = h->ntyped = (size_t)(h->args - name);
    return h->typed = name;
}

static void run_info(struct hmp *h, const char *whole)
{
    size_t n;
    const char *name = take_name(h, &n);
    const struct hmp_command *c = find(hmp_info_commands, name, n);

    if (!n)
        print_helps("info ", hmp_info_commands, h->out);
    else if (c)
        run(h, c, "info ");
    else
        hmp_fail(h, "unknown command: '%s'", whole);
}

/* Takes the word --json out of a line. */
static bool take_json(char *line)
{
    char *at = strstr(line, "--json");

    if (!at || at == line || !isspace((unsigned char)at[-1]) ||
        (at[6] && !isspace((unsigned char)at[6])))
        return false;
    memset(at, ' ', 6);
    return true;
}

static void run_line(struct session *s, char *line, FILE *out, const struct line *history)
{
    struct hmp h = {
        .session = s, .out = out, .json = take_json(line), .args = line, .history = history};
    size_t n;
    const char *name = take_name(&h, &n);
    const struct hmp_command *c = find_any(name, n);

    if (!n)
        return;
    if (n == 4 && !strncmp(name, "info", n))
        run_info(&h, line);
    else if ((n == 4 && !strncmp(name, "help", n)) || (n == 1 && *name == '?'))
        help(&h);
    else if (c)
        run(&h, c, "");
    else
        hmp_fail(&h, "unknown command: '%.*s'", (int)n, name);
}

void hmp_run(struct session *s, const char *line, FILE *out, const struct line *history)
{
    char *copy = strdup(line);

    CHECK(copy, "out of memory");
    s->asked = true;
    run_line(s, copy, out, history);
    free(copy);
}
