/* orrery-trace: looks at what orrery -trace has written. */
#include "frontend/trace/tool.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define CONTEXT 10

static const struct {
    const char *name, *args;
    unsigned files;
    int (*run)(const struct choice *c);
    const char *help;
} commands[] = {
    {"print", "FILE", 1, tool_print, "events in words, a line each"},
    {"diff", "FILE FILE", 2, tool_diff, "the first difference; status 2 if there is one"},
    {"html", "FILE", 1, tool_html, "a page to look through an interval offline"},
    {"info", "FILE", 1, tool_info, "what the file holds; checks all of it"},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const char options_help[] =
    "  --from TICK, --to TICK   an interval of time (to is not included)\n"
    "  --addr A-B               accesses to linear addresses A to B\n"
    "  --pc A-B                 instructions at linear addresses A to B, and what they do\n"
    "  --kind KIND,...          insn, regs, sync, mem, mmio, int, port, dma, walk, phys, text,\n"
    "                           picture, reset\n"
    "  --limit N                at most N events (html: instructions)\n"
    "  --context N              diff: lines around the difference (10)\n"
    "  -o FILE                  html: the page\n";

bool tool_complain(const char *fmt, ...)
{
    va_list ap;

    fflush(stdout);
    fputs("orrery-trace: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    return false;
}

static int usage(FILE *out, int status)
{
    fputs("orrery-trace COMMAND FILE... [OPTIONS]\n", out);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-5s %-18s %s\n", commands[i].name, commands[i].args, commands[i].help);
    fputs(options_help, out);
    return status;
}

static bool parse_number(const char *text, u64 *value)
{
    char *end;

    errno = 0;
    *value = strtoull(text, &end, 0);
    return *text >= '0' && *text <= '9' && !*end && !errno;
}

static bool parse_range(char *text, u64 range[2])
{
    char *dash = strchr(text, '-');

    if (dash)
        *dash = 0;
    return parse_number(text, &range[0]) && parse_number(dash ? dash + 1 : text, &range[1]) &&
           range[0] <= range[1];
}

static bool parse_kinds(char *text, unsigned *kinds)
{
    char *rest;

    *kinds = 0;
    for (char *name = strtok_r(text, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
        unsigned i = 0;
        while (i < TRACE_KINDS && strcmp(name, trace_kind_name((enum trace_kind)i)) != 0)
            i++;
        if (i == TRACE_KINDS)
            return false;
        *kinds |= 1u << i;
    }
    return *kinds;
}

static bool parse_option(struct choice *c, const char *name, char *value)
{
    u64 context;

    if (!strcmp(name, "from"))
        return parse_number(value, &c->from);
    if (!strcmp(name, "to"))
        return parse_number(value, &c->to);
    if (!strcmp(name, "addr"))
        return parse_range(value, c->addr);
    if (!strcmp(name, "pc"))
        return parse_range(value, c->pc);
    if (!strcmp(name, "kind"))
        return parse_kinds(value, &c->kinds);
    if (!strcmp(name, "limit"))
        return parse_number(value, &c->limit);
    if (!strcmp(name, "context") && parse_number(value, &context) && context <= 1000) {
        c->context = (unsigned)context;
        return true;
    }
    if (!strcmp(name, "o")) {
        c->output = value;
        return true;
    }
    return false;
}

static bool parse(struct choice *c, int argc, char **argv, unsigned files)
{
    for (int i = 0; i < argc; i++) {
        const char *name = argv[i] + strspn(argv[i], "-");
        if (name == argv[i]) {
            if (c->nfiles == files)
                return tool_complain("'%s' is one file too many", argv[i]);
            c->files[c->nfiles++] = argv[i];
        } else if (i + 1 == argc || !parse_option(c, name, argv[i + 1])) {
            return tool_complain("bad option '%s%s%s' (see orrery-trace help)", argv[i],
                                 i + 1 < argc ? " " : "", i + 1 < argc ? argv[i + 1] : "");
        } else {
            i++;
        }
    }
    return c->nfiles == files || tool_complain("a file is missing");
}

int main(int argc, char **argv)
{
    struct choice c = {.to = UINT64_MAX,
                       .addr = {0, UINT64_MAX},
                       .pc = {0, UINT64_MAX},
                       .kinds = ~0u,
                       .context = CONTEXT};

    if (argc < 2)
        return usage(stderr, 1);
    if (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
        return usage(stdout, 0);
    for (size_t i = 0; i < COMMANDS; i++)
        if (!strcmp(argv[1], commands[i].name))
            return parse(&c, argc - 2, argv + 2, commands[i].files) ? commands[i].run(&c) : 1;
    tool_complain("unknown command '%s'", argv[1]);
    return usage(stderr, 1);
}
