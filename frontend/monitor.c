/* The text monitor's end of a character device, and which monitors there are. */
#include "frontend/monitor.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "frontend/chardevs.h"
#include "frontend/qmp.h"
#include "frontend/session.h"
#include "frontend/version.h"

struct monitor {
    struct monitor *next;
    struct session *session;
    struct chr_user user;
    struct line line;
    struct qmp *qmp; /* or NULL: a text one */
    bool greeted;
};

/* Output with the line ends of a terminal. */
static void print(void *opaque, const char *text, size_t n)
{
    struct monitor *m = opaque;

    while (n) {
        const char *end = memchr(text, '\n', n);
        size_t plain = end ? (size_t)(end - text) : n;
        bool bare = end && (end == text || end[-1] != '\r');
        if (plain)
            chr_write(&m->user, text, plain);
        if (end)
            chr_write(&m->user, bare ? "\r\n" : "\n", bare ? 2 : 1);
        text += plain + (end != NULL);
        n -= plain + (end != NULL);
    }
}

static void run_line(void *opaque, const char *text)
{
    struct monitor *m = opaque;
    char *out = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&out, &n);

    CHECK(f, "out of memory");
    hmp_run(m->session, text, f, &m->line);
    fclose(f);
    print(m, out, n);
    free(out);
    if (!m->session->quit)
        line_prompt(&m->line);
}

/* What waits to go out has to be taken first. */
static size_t room(void *opaque)
{
    const struct monitor *m = opaque;
    return chr_waiting(&m->user) < CHR_LIMIT ? SIZE_MAX : 0;
}

static void input(void *opaque, const void *data, size_t len)
{
    struct monitor *m = opaque;
    line_input(&m->line, data, len);
}

static void event(void *opaque, enum chr_event what)
{
    static const char greeting[] = ORRERY_NAME " monitor - type 'help' for more information\n";
    struct monitor *m = opaque;

    if (what == CHR_CLOSED)
        m->line.n = m->line.at = 0;
    if (what == CHR_CLOSED || (what == CHR_OPENED && m->user.chr->mux)) {
        m->greeted = false;
        return;
    }
    if (!m->greeted)
        print(m, greeting, sizeof(greeting) - 1);
    else
        print(m, "\n", 1);
    m->greeted = true;
    line_prompt(&m->line);
}

static bool make_qmp(struct monitor *m, enum monitor_kind kind, const char *option)
{
    m->qmp = qmp_new(m->session, &m->user, kind == MONITOR_QMP_PRETTY);
    return m->qmp || complain("-%s: built without Jansson, there is no QMP", option);
}

static void make_text(struct monitor *m)
{
    m->user = (struct chr_user){.room = room, .input = input, .event = event, .opaque = m};
    m->line.prompt = "(qemu) "; /* what scripts look for */
    m->line.print = print;
    m->line.done = run_line;
    m->line.opaque = m;
}

bool monitor_add(struct session *s, struct chr *c, enum monitor_kind kind, const char *option)
{
    struct monitor *m = calloc(1, sizeof(*m));

    CHECK(m, "out of memory");
    m->session = s;
    m->next = s->monitors;
    s->monitors = m;
    if (kind == MONITOR_TEXT)
        make_text(m);
    else if (!make_qmp(m, kind, option))
        return false;
    if (!c->guests)
        c->paced = true;
    return chr_attach(c, &m->user, option);
}

/* -mon [chardev=]ID,mode=control|readline,pretty=on|off */
static bool open_mon(struct session *s, const char *text)
{
    char copy[256], *rest = copy, *item;
    struct chr *c = NULL;
    bool control = false, pretty = false;

    snprintf(copy, sizeof(copy), "%s", text);
    while ((item = strsep(&rest, ","))) {
        char *value = strchr(item, '=');
        if (value)
            *value++ = 0;
        if (!value || !strcmp(item, "chardev"))
            c = chr_find(s, value ? value : item);
        else if (!strcmp(item, "mode") && (!strcmp(value, "control") || !strcmp(value, "readline")))
            control = *value == 'c';
        else if (!strcmp(item, "pretty") && (!strcmp(value, "on") || !strcmp(value, "off")))
            pretty = !strcmp(value, "on");
        else
            return complain("-mon: bad property '%s=%s' (chardev, mode=control|readline, "
                            "pretty=on|off)",
                            item, value);
    }
    if (!c)
        return complain("-mon: '%s' names no -chardev", text);
    return monitor_add(s, c,
                       !control ? MONITOR_TEXT
                       : pretty ? MONITOR_QMP_PRETTY
                                : MONITOR_QMP,
                       "mon");
}

bool monitors_open(struct session *s)
{
    struct options *o = &s->options;
    char label[32];

    for (unsigned i = 0; i < o->nmonitors; i++) {
        const struct monitor_option *m = &o->monitors[i];
        enum monitor_kind kind = !strcmp(m->option, "monitor") ? MONITOR_TEXT
                                 : !strcmp(m->option, "qmp")   ? MONITOR_QMP
                                                               : MONITOR_QMP_PRETTY;
        struct chr *c;

        if (!strcmp(m->option, "mon")) {
            if (!open_mon(s, m->text))
                return false;
            continue;
        }
        if (!strcmp(m->text, "none"))
            continue;
        snprintf(label, sizeof(label), "compat_monitor%u", i);
        c = chr_open_legacy(s, m->option, m->text, label);
        if (!c || !monitor_add(s, c, kind, m->option))
            return false;
    }
    return true;
}

void monitors_close(struct session *s)
{
    while (s->monitors) {
        struct monitor *m = s->monitors;
        s->monitors = m->next;
        line_free(&m->line);
        qmp_free(m->qmp);
        free(m);
    }
    for (unsigned i = 0; i < MAX_TRAYS; i++)
        free(s->in_tray[i]), s->in_tray[i] = NULL;
    hands_close(s);
}
