/* Monitors: the text one of people (QEMU's "human monitor") and, in qmp.h, the one of programs.
 * Each is a user of a character device. Commands are rows of tables. */
#ifndef FRONTEND_MONITOR_H
#define FRONTEND_MONITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "frontend/loop.h"

struct session;
struct chr;
struct hands;

enum monitor_kind { MONITOR_TEXT, MONITOR_QMP, MONITOR_QMP_PRETTY };

/* Puts a monitor on a device. False after a complaint. */
bool monitor_add(struct session *s, struct chr *c, enum monitor_kind kind, const char *option);
/* Those of the options -monitor, -qmp, -qmp-pretty, -mon. */
bool monitors_open(struct session *s);
void monitors_close(struct session *s);

/* ---- commands ---- */

/* One command as it is carried out. */
struct hmp {
    struct session *session;
    FILE *out;
    const char *args;           /* what is left of the line */
    bool json;                  /* it had --json */
    const struct line *history; /* of the monitor it was typed at, or NULL */
    const char *name;           /* of the command */
    const char *typed;          /* as it was given */
    size_t ntyped;
    bool misused; /* its arguments are not what it takes */
};

/* What a command is: `args` is for people; those whose ends in "[--json]" take that. run is false
 * after a message on h->out. */
struct hmp_command {
    const char *name, *alias, *args, *help;
    bool (*run)(struct hmp *h);
};

/* Carries out one line; its output goes to out. */
void hmp_run(struct session *s, const char *line, FILE *out, const struct line *history);
/* The names that begin so, each once to fn. */
void hmp_complete(const char *begin, bool info, void (*fn)(void *opaque, const char *name),
                  void *opaque);

/* -- arguments -- */

bool hmp_fail(struct hmp *h, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The next word, in quotes perhaps. False: there is none, or it is too long. */
bool hmp_word(struct hmp *h, char *buf, size_t size);
bool hmp_need_word(struct hmp *h, char *buf, size_t size, const char *what);
/* Is "-x" next? Takes it. */
bool hmp_flag(struct hmp *h, char flag);
bool hmp_at_end(struct hmp *h);
/* A value: numbers, $registers, operators (hmp_expr.c). False after a message. */
bool hmp_value(struct hmp *h, uint64_t *value);
/* "/COUNT FORMAT SIZE", where there is one. As in QEMU format and size that are not said are those
 * of the command before. */
struct hmp_format {
    unsigned count;
    char format;   /* one of xduotcis */
    unsigned size; /* 1, 2, 4, 8 */
};
bool hmp_format(struct hmp *h, struct hmp_format *f);
/* The same for commands whose format is their own: what is not said stays as it is in *f. */
bool hmp_own_format(struct hmp *h, struct hmp_format *f);

extern const struct hmp_command hmp_commands[], hmp_info_commands[], hmp_memory_commands[];
extern const struct hmp_command hmp_time_commands[], hmp_snapshot_commands[], hmp_who_commands[];
extern const struct hmp_command hmp_break_commands[], hmp_why_commands[], hmp_display_commands[];
extern const struct hmp_command hmp_net_commands[];
bool hmp_info_replay(struct hmp *h); /* of hmp_info_commands */
bool hmp_info_snapshots(struct hmp *h);
bool hmp_info_vnc(struct hmp *h);
bool hmp_info_network(struct hmp *h);
bool hmp_info_usernet(struct hmp *h);
/* What is left of the line is the VNC password. */
bool hmp_set_password(struct hmp *h);
/* "now", "never", seconds since 1970, "+" and seconds from now: as display_expire_password() wants
 * it. */
bool monitor_moment(const char *text, int64_t *when);
/* Facts go to h->out, as JSON if the line says so; facts_end() when all are told. */
struct facts;
bool hmp_facts(struct hmp *h, struct facts *f);
/* "info gdt" and the like: see orrery_explain_table(). */
bool hmp_table(struct hmp *h, const char *table);

/* Writes guest memory to a file; for the command and for QMP. */
bool monitor_save(struct session *s, uint64_t addr, uint64_t size, const char *path, bool phys,
                  char *err, size_t err_size);
bool monitor_screendump(struct session *s, const char *path, bool png, char *err, size_t err_size);

/* ---- the keyboard and mouse of scripts: hands.c ---- */

#define HANDS_KEYS 16 /* of one stroke */

/* Keys go down one after the other and up again in the reverse order, hold_ms of guest time apart,
 * after those that were asked for before. False: too many wait. */
bool hands_stroke(struct session *s, const uint8_t *keys, unsigned n, unsigned hold_ms);
/* "ctrl-alt-delete" */
bool hands_named(struct session *s, const char *names, unsigned hold_ms, char *err,
                 size_t err_size);
void hands_close(struct session *s);

struct hands_mouse {
    int dx, dy, wheel;
    unsigned buttons; /* held now */
    int x, y;         /* the last absolute position, in pixels */
};
struct hands_mouse *hands_mouse(struct session *s); /* what the next hands_move() passes on */
void hands_move(struct session *s);

/* ---- line editing: line.c ---- */

#define LINE_MAX_BYTES 1024
#define LINE_HISTORY   64

struct line {
    char text[LINE_MAX_BYTES];
    size_t n, at; /* bytes; the cursor */
    enum { LINE_PLAIN, LINE_ESC, LINE_CSI } state;
    unsigned csi; /* the number in an escape sequence */
    char *history[LINE_HISTORY];
    unsigned count, shown; /* lines so far; the one shown */
    bool was_cr;
    const char *prompt;
    void (*print)(void *opaque, const char *text, size_t n);
    void (*done)(void *opaque, const char *line); /* Enter */
    void *opaque;
};

void line_input(struct line *l, const char *data, size_t n);
void line_prompt(struct line *l); /* prompt, and what is typed so far */
void line_free(struct line *l);
void line_print_history(const struct line *l, FILE *out);

#endif
