/* orrery-trace: what its commands share. */
#ifndef FRONTEND_TRACE_TOOL_H
#define FRONTEND_TRACE_TOOL_H

#include "machine/trace_file.h"
#include "machine/trace_text.h"

/* What to show, from the command line. */
struct choice {
    u64 from, to;        /* ticks, to not included */
    u64 addr[2], pc[2];  /* linear, both included */
    unsigned kinds;      /* bits of enum trace_kind */
    u64 limit;           /* events, or of the html page ticks; 0: the command's own */
    unsigned context;    /* lines around a difference */
    const char *output;  /* NULL: standard output */
    const char *symbols; /* or NULL */
    const char *files[2];
    unsigned nfiles;
};

/* One line on standard error, behind the program's name. Always false. */
bool tool_complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A trace that is being read: the event at hand and the registers before it. */
struct walk {
    const char *path;
    struct trace_reader *reader;
    struct trace_texts *texts;
    struct trace_event event;
    u64 before[TRACE_REGS];
    bool inside; /* what belongs to the last instruction is shown: choice_shows() */
};

/* False after a complaint. */
bool walk_open(struct walk *w, const char *path);
void walk_close(struct walk *w);
/* False: the end, or a complaint with *ok false. */
bool walk_next(struct walk *w, bool *ok);
/* Tick and text of the event. */
void walk_text(struct walk *w, char *buf, size_t size);
/* Is the event among those chosen? To be asked for each in order. */
bool choice_shows(const struct choice *c, struct walk *w);

/* Exit status: 0 as it should be, 1 wrong, 2 (diff) there is a difference. */
int tool_print(const struct choice *c);
int tool_diff(const struct choice *c);
int tool_info(const struct choice *c);
int tool_html(const struct choice *c);

#endif
