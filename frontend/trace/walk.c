/* Walking through a trace event by event, with filters. */
#include "frontend/trace/tool.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

bool walk_open(struct walk *w, const char *path)
{
    char err[128];
    FILE *f = fopen(path, "rb");

    *w = (struct walk){.path = path};
    if (!f)
        return tool_complain("cannot read '%s': %s", path, strerror(errno));
    w->reader = trace_reader_new(f, err, sizeof(err));
    if (!w->reader)
        return tool_complain("'%s' %s", path, err);
    w->texts = trace_texts_new();
    if (!w->texts) {
        trace_reader_free(w->reader);
        return tool_complain("Capstone does not start");
    }
    return true;
}

void walk_close(struct walk *w)
{
    trace_reader_free(w->reader);
    trace_texts_free(w->texts);
}

bool walk_next(struct walk *w, bool *ok)
{
    memcpy(w->before, trace_regs(w->reader), sizeof(w->before));
    *ok = true;
    if (trace_next(w->reader, &w->event))
        return true;
    if (trace_error(w->reader))
        *ok = tool_complain("'%s' %s", w->path, trace_error(w->reader));
    return false;
}

/* Lines without a time of their own. */
static bool is_part(enum trace_kind kind)
{
    return kind == TRACE_CHANGED || kind == TRACE_SYNC || kind == TRACE_MEM || kind == TRACE_MMIO;
}

/* What an instruction does. */
static bool is_done(enum trace_kind kind)
{
    return is_part(kind) || kind == TRACE_WALK || kind == TRACE_PHYS || kind == TRACE_PORT;
}

/* Are instructions not asked for by address? */
static bool everywhere(const struct choice *c)
{
    return c->pc[0] == 0 && c->pc[1] == UINT64_MAX;
}

void walk_text(struct walk *w, char *buf, size_t size)
{
    const struct trace_event *e = &w->event;
    int n = is_part(e->kind) ? snprintf(buf, size, "%14s", "")
                             : snprintf(buf, size, "%12" PRIu64 "  ", e->tick);

    if (n > 0 && (size_t)n < size)
        trace_event_text(w->texts, e, trace_regs(w->reader), w->before, buf + n, size - (size_t)n);
}

static bool overlaps(const u64 range[2], u64 at, u64 size)
{
    return at <= range[1] && at + (size ? size - 1 : 0) >= range[0];
}

bool choice_shows(const struct choice *c, struct walk *w)
{
    const struct trace_event *e = &w->event;
    const u64 *regs = trace_regs(w->reader);

    if (e->kind == TRACE_INSN)
        w->inside = overlaps(c->pc, trace_linear(regs, e->eip), 1);
    else if (!is_done(e->kind) || everywhere(c))
        w->inside = everywhere(c);
    if (e->tick < c->from || e->tick >= c->to || !(c->kinds >> e->kind & 1) || !w->inside)
        return false;
    if (e->kind == TRACE_MEM || e->kind == TRACE_MMIO)
        return overlaps(c->addr, e->linear, e->size);
    return true;
}
