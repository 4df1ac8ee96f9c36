/* orrery-trace diff: two traces side by side up to the first event that is not the same. */
#include "frontend/trace/tool.h"

#include <stdlib.h>
#include <string.h>

#define LINE 1024

/* The last lines that both have. */
struct past {
    char (*line)[LINE];
    unsigned room, n; /* n: so far */
};

static void remember(struct past *p, const char *line)
{
    if (p->room)
        memcpy(p->line[p->n++ % p->room], line, LINE);
}

static void print_past(const struct past *p)
{
    for (unsigned i = p->n > p->room ? p->n - p->room : 0; i < p->n; i++)
        printf("  %s\n", p->line[i % p->room]);
}

/* The next event that is chosen. */
static bool next(const struct choice *c, struct walk *w, char *line, bool *ok)
{
    memset(line, 0, LINE);
    while (walk_next(w, ok)) {
        if (!choice_shows(c, w))
            continue;
        walk_text(w, line, LINE);
        return true;
    }
    return false;
}

/* Lines show at most the beginning of data. */
static bool same_data(const struct trace_event *a, const struct trace_event *b)
{
    return !a->data || !b->data || a->kind == TRACE_TEXT || a->kind == TRACE_PICTURE ||
           (a->size == b->size && !memcmp(a->data, b->data, a->size));
}

static void print_rest(const struct choice *c, struct walk *w, char mark, char *line)
{
    bool ok;

    printf("%c %s\n", mark, line);
    for (unsigned i = 0; i < c->context && next(c, w, line, &ok); i++)
        printf("%c %s\n", mark, line);
}

static int compare(const struct choice *c, struct walk w[2], struct past *past)
{
    static char line[2][LINE];
    bool more[2], ok[2];

    for (;;) {
        for (unsigned i = 0; i < 2; i++)
            more[i] = next(c, &w[i], line[i], &ok[i]);
        if (!ok[0] || !ok[1])
            return 1;
        if (!more[0] && !more[1])
            return 0;
        if (more[0] != more[1] || strcmp(line[0], line[1]) != 0 ||
            w[0].event.tick != w[1].event.tick || !same_data(&w[0].event, &w[1].event))
            break;
        remember(past, line[0]);
    }
    print_past(past);
    for (unsigned i = 0; i < 2; i++) {
        if (more[i])
            print_rest(c, &w[i], "-+"[i], line[i]);
        else
            printf("%c (the end of %s)\n", "-+"[i], w[i].path);
    }
    return 2;
}

int tool_diff(const struct choice *c)
{
    struct past past = {.room = c->context};
    struct walk w[2];
    int status = 1;

    if (!walk_open(&w[0], c->files[0]))
        return 1;
    if (walk_open(&w[1], c->files[1])) {
        past.line = calloc(c->context + 1, LINE);
        if (past.line)
            status = compare(c, w, &past);
        free(past.line);
        walk_close(&w[1]);
    }
    walk_close(&w[0]);
    return status;
}
