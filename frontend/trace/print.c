/* orrery-trace print, info. */
#include "frontend/trace/tool.h"

#include <inttypes.h>
#include <string.h>

#define LINE 1024

int tool_print(const struct choice *c)
{
    struct walk w;
    char line[LINE];
    u64 shown = 0;
    bool ok;

    if (!walk_open(&w, c->files[0]))
        return 1;
    trace_seek(w.reader, c->from);
    while (walk_next(&w, &ok)) {
        if (w.event.kind == TRACE_INSN && w.event.tick >= c->to)
            break;
        if (!choice_shows(c, &w))
            continue;
        walk_text(&w, line, sizeof(line));
        puts(line);
        if (c->limit && ++shown == c->limit)
            break;
    }
    walk_close(&w);
    return !ok;
}

static void print_counts(const u64 counts[TRACE_KINDS])
{
    for (unsigned i = 0; i < TRACE_KINDS; i++)
        if (counts[i])
            printf("  %-8s %" PRIu64 "\n", trace_kind_name((enum trace_kind)i), counts[i]);
}

/* Reads all of it, so that what is damaged is found. */
int tool_info(const struct choice *c)
{
    struct walk w;
    u64 counts[TRACE_KINDS] = {0}, first = 0, last = 0, events = 0;
    bool ok;

    if (!walk_open(&w, c->files[0]))
        return 1;
    fputs(trace_text(w.reader), stdout);
    while (walk_next(&w, &ok)) {
        if (!events++)
            first = w.event.tick;
        last = w.event.tick;
        counts[w.event.kind]++;
    }
    printf("ticks: %" PRIu64 " to %" PRIu64 "\n", first, last);
    printf("chunks: %" PRIu64 "%s\n", trace_chunks(w.reader),
           trace_is_whole(w.reader) ? "" : ", without an index: it was not brought to its end");
    printf("events: %" PRIu64 "\n", events);
    print_counts(counts);
    walk_close(&w);
    return !ok;
}
