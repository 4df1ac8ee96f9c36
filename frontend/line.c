/* Line editing for monitors on any character device, by a terminal's escape sequences: cursor and
 * editing keys, history, completion. What is typed at the end of the line is just echoed, so that
 * scripts see what they have sent. */
#include <stdlib.h>
#include <string.h>

#include "frontend/monitor.h"

#define CTRL(c) ((c)&0x1f)

static void print(const struct line *l, const char *text)
{
    l->print(l->opaque, text, strlen(text));
}

/* Everything from column 0 on. */
static void redraw(const struct line *l)
{
    char back[32];

    print(l, "\r");
    print(l, l->prompt);
    l->print(l->opaque, l->text, l->n);
    print(l, "\033[K");
    if (l->at < l->n) {
        snprintf(back, sizeof(back), "\033[%zuD", l->n - l->at);
        print(l, back);
    }
}

void line_prompt(struct line *l)
{
    print(l, l->prompt);
    l->print(l->opaque, l->text, l->n);
    l->at = l->n;
}

static void insert(struct line *l, char c)
{
    if (l->n == sizeof(l->text) - 1)
        return;
    memmove(l->text + l->at + 1, l->text + l->at, l->n - l->at);
    l->text[l->at++] = c;
    l->n++;
    if (l->at == l->n)
        l->print(l->opaque, &c, 1);
    else
        redraw(l);
}

/* Removes the bytes from `from` to `to`. */
static void cut(struct line *l, size_t from, size_t to)
{
    bool last = to == l->n && from + 1 == to && l->at == to;

    if (from >= to)
        return;
    memmove(l->text + from, l->text + to, l->n - to);
    l->n -= to - from;
    l->at = from;
    if (last)
        print(l, "\b \b");
    else
        redraw(l);
}

static void move(struct line *l, size_t at)
{
    if (at > l->n)
        return;
    l->at = at;
    redraw(l);
}

static size_t word_start(const struct line *l)
{
    size_t at = l->at;

    while (at && l->text[at - 1] == ' ')
        at--;
    while (at && l->text[at - 1] != ' ')
        at--;
    return at;
}

/* ---- history ---- */

static void remember(struct line *l)
{
    char **slot = &l->history[l->count % LINE_HISTORY];
    const char *before = l->count ? l->history[(l->count - 1) % LINE_HISTORY] : "";

    if (l->n && before && strcmp(before, l->text) != 0) {
        free(*slot);
        *slot = strdup(l->text);
        l->count++;
    }
    l->shown = l->count;
}

static void recall(struct line *l, int step)
{
    unsigned to = l->shown + (unsigned)step;
    const char *text = "";

    if (to > l->count || l->count - to > LINE_HISTORY)
        return;
    if (to < l->count)
        text = l->history[to % LINE_HISTORY];
    l->shown = to;
    l->n = l->at = (size_t)snprintf(l->text, sizeof(l->text), "%s", text ? text : "");
    redraw(l);
}

void line_print_history(const struct line *l, FILE *out)
{
    unsigned first = l->count > LINE_HISTORY ? l->count - LINE_HISTORY : 0;

    for (unsigned i = first; i < l->count; i++)
        fprintf(out, "%u: '%s'\n", i, l->history[i % LINE_HISTORY]);
}

/* ---- completion ---- */

struct matches {
    unsigned n;
    char common[64], all[1024];
};

static void match(void *opaque, const char *name)
{
    struct matches *m = opaque;
    size_t same = 0, len = strlen(m->all);

    if (!m->n++)
        snprintf(m->common, sizeof(m->common), "%s", name);
    while (m->common[same] && m->common[same] == name[same])
        same++;
    m->common[same] = 0;
    snprintf(m->all + len, sizeof(m->all) - len, "%s ", name);
}

static void complete(struct line *l)
{
    struct matches m = {.n = 0};
    bool info = !strncmp(l->text, "info ", 5), help = !strncmp(l->text, "help ", 5);
    size_t from = info || help ? 5 : 0;
    char begin[64];

    l->text[l->n] = 0;
    if (l->at != l->n || l->n - from >= sizeof(begin) || strchr(l->text + from, ' '))
        return;
    strcpy(begin, l->text + from);
    hmp_complete(begin, info, match, &m);
    if (!m.n)
        return;
    for (const char *c = m.common + strlen(begin); *c; c++)
        insert(l, *c);
    if (m.n == 1) {
        insert(l, ' ');
    } else if (!strcmp(m.common, begin)) {
        print(l, "\r\n");
        print(l, m.all);
        print(l, "\r\n");
        redraw(l);
    }
}

/* ---- keys ---- */

static void enter(struct line *l)
{
    char text[LINE_MAX_BYTES];

    l->text[l->n] = 0;
    remember(l);
    memcpy(text, l->text, l->n + 1);
    l->n = l->at = 0;
    print(l, "\r\n");
    l->done(l->opaque, text);
}

/* The last byte of an escape sequence. */
static void sequence(struct line *l, char c)
{
    switch (c) {
    case 'A': recall(l, -1); break;
    case 'B': recall(l, 1); break;
    case 'C': move(l, l->at + 1); break;
    case 'D': move(l, l->at - 1); break;
    case 'H': move(l, 0); break;
    case 'F': move(l, l->n); break;
    case '~':
        if (l->csi == 3 && l->at < l->n)
            cut(l, l->at, l->at + 1);
        else if (l->csi == 1 || l->csi == 7)
            move(l, 0);
        else if (l->csi == 4 || l->csi == 8)
            move(l, l->n);
        break;
    default: break;
    }
}

static void control(struct line *l, char c)
{
    switch (c) {
    case '\t': complete(l); break;
    case 0x7f:
    case '\b': cut(l, l->at ? l->at - 1 : 0, l->at); break;
    case CTRL('A'): move(l, 0); break;
    case CTRL('B'): move(l, l->at - 1); break;
    case CTRL('C'):
        l->n = l->at = 0;
        print(l, "\r\n");
        line_prompt(l);
        break;
    case CTRL('D'): cut(l, l->at, l->at + (l->at < l->n)); break;
    case CTRL('E'): move(l, l->n); break;
    case CTRL('F'): move(l, l->at + 1); break;
    case CTRL('K'): cut(l, l->at, l->n); break;
    case CTRL('L'): redraw(l); break;
    case CTRL('N'): recall(l, 1); break;
    case CTRL('P'): recall(l, -1); break;
    case CTRL('U'): cut(l, 0, l->at); break;
    case CTRL('W'): cut(l, word_start(l), l->at); break;
    case 0x1b: l->state = LINE_ESC; break;
    default: break;
    }
}

static void byte(struct line *l, char c)
{
    bool after_cr = l->was_cr;

    l->was_cr = c == '\r';
    if (l->state == LINE_ESC) {
        l->state = c == '[' || c == 'O' ? LINE_CSI : LINE_PLAIN;
        l->csi = 0;
    } else if (l->state == LINE_CSI) {
        if (c >= '0' && c <= '9' && l->csi < 100) {
            l->csi = l->csi * 10 + (unsigned)(c - '0');
            return;
        }
        l->state = LINE_PLAIN;
        sequence(l, c);
    } else if (c == '\r' || c == '\n') {
        if (c == '\r' || !after_cr) /* CR LF and CR NUL are one */
            enter(l);
    } else if ((unsigned char)c < 0x20 || c == 0x7f) {
        control(l, c);
    } else {
        insert(l, c);
    }
}

void line_input(struct line *l, const char *data, size_t n)
{
    for (size_t i = 0; i < n; i++)
        byte(l, data[i]);
}

void line_free(struct line *l)
{
    for (unsigned i = 0; i < LINE_HISTORY; i++)
        free(l->history[i]);
}
