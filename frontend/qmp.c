/* QMP connections: greeting, negotiation, commands in, replies and events out. */
#include "frontend/qmp.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "frontend/chardevs.h"
#include "frontend/qmp_internal.h"
#include "frontend/qmp_json.h"
#include "frontend/version.h"

struct qmp {
    struct session *session;
    struct chr_user *user;
    struct framer framer;
    struct observer observer;
    bool pretty, open, negotiated, oob;
};

json_t *qmp_version(void)
{
    return json_pack("{s:{s:i,s:i,s:i},s:s}", "qemu", "micro", QEMU_MICRO, "minor", QEMU_MINOR,
                     "major", QEMU_MAJOR, "package", ORRERY_NAME);
}

/* ---- arguments and errors ---- */

bool qmp_fail(struct qmp_call *c, const char *class, const char *fmt, ...)
{
    va_list ap;

    c->class = class;
    va_start(ap, fmt);
    vsnprintf(c->error, sizeof(c->error), fmt, ap);
    va_end(ap);
    return false;
}

const char *qmp_text(const struct qmp_call *c, const char *name)
{
    return json_string_value(json_object_get(c->args, name));
}

json_int_t qmp_number(const struct qmp_call *c, const char *name, json_int_t otherwise)
{
    const json_t *v = json_object_get(c->args, name);
    return json_is_integer(v) ? json_integer_value(v) : otherwise;
}

bool qmp_true(const struct qmp_call *c, const char *name)
{
    return json_is_true(json_object_get(c->args, name));
}

json_t *qmp_string(const char *text)
{
    json_t *s = json_string(text);
    char *copy;

    if (s)
        return s;
    copy = strdup(text); /* not UTF-8 */
    CHECK(copy, "out of memory");
    for (char *p = copy; *p; p++)
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    s = json_string(copy);
    free(copy);
    return s;
}

static const struct arg_type {
    char letter;
    json_type type;
    const char *name;
} arg_types[] = {{'s', JSON_STRING, "string"}, {'i', JSON_INTEGER, "integer"},
                 {'a', JSON_ARRAY, "array"},   {'o', JSON_OBJECT, "object"},
                 {'b', JSON_TRUE, "boolean"},  {0, JSON_NULL, NULL}};

static bool has_type(const json_t *value, const struct arg_type *t)
{
    return t->type == JSON_TRUE ? json_is_boolean(value) : json_typeof(value) == t->type;
}

/* Checks one parameter of a command's list; *known counts those that are there. */
static bool check_arg(struct qmp_call *c, const char *item, size_t n, size_t *known)
{
    const char *colon = memchr(item, ':', n);
    bool optional = colon[-1] == '?';
    const struct arg_type *t = arg_types;
    char name[64];
    const json_t *value;

    snprintf(name, sizeof(name), "%.*s", (int)(colon - item - optional), item);
    value = json_object_get(c->args, name);
    while (t->letter && t->letter != colon[1])
        t++;
    if (!value)
        return optional || qmp_fail(c, NULL, "Parameter '%s' is missing", name);
    ++*known;
    return has_type(value, t) ||
           qmp_fail(c, NULL, "Invalid parameter type for '%s', expected: %s", name, t->name);
}

static bool is_listed(const char *list, const char *name)
{
    size_t n = strlen(name);

    for (const char *at = list; *at; at += strcspn(at, " "), at += *at == ' ')
        if (!strncmp(at, name, n) && (at[n] == ':' || at[n] == '?'))
            return true;
    return false;
}

static bool check_args(struct qmp_call *c, const char *list)
{
    size_t known = 0, n;
    const char *name;
    json_t *value;

    for (const char *at = list; *at; at += n + (at[n] == ' ')) {
        n = strcspn(at, " ");
        if (!check_arg(c, at, n, &known))
            return false;
    }
    if (known == json_object_size(c->args))
        return true;
    json_object_foreach(c->args, name, value) if (!is_listed(list, name)) return qmp_fail(
        c, NULL, "Parameter '%s' is unexpected", name);
    return true;
}

/* ---- out ---- */

static void transmit(struct qmp *q, json_t *message)
{
    char *text = json_dumps(message, q->pretty ? JSON_INDENT(4) : 0);

    CHECK(text, "out of memory");
    chr_write(q->user, text, strlen(text));
    chr_write(q->user, "\r\n", 2);
    free(text);
    json_decref(message);
}

static void reply(struct qmp *q, const struct qmp_call *c, json_t *id, bool ok)
{
    json_t *message = json_object();

    if (ok)
        json_object_set_new(message, "return", c->result ? c->result : json_object());
    else
        json_object_set_new(message, "error",
                            json_pack("{s:s,s:o}", "class", c->class ? c->class : "GenericError",
                                      "desc", qmp_string(c->error)));
    if (id)
        json_object_set(message, "id", id);
    transmit(q, message);
}

/* By enum news_kind. */
static const char *const event_names[] = {[NEWS_STOP] = "STOP",
                                          [NEWS_RESUME] = "RESUME",
                                          [NEWS_RESET] = "RESET",
                                          [NEWS_SHUTDOWN] = "SHUTDOWN",
                                          [NEWS_POWERDOWN] = "POWERDOWN",
                                          [NEWS_TRAY_MOVED] = "DEVICE_TRAY_MOVED",
                                          [NEWS_RTC_CHANGE] = "RTC_CHANGE",
                                          [NEWS_VNC_CONNECTED] = "VNC_CONNECTED",
                                          [NEWS_VNC_INITIALIZED] = "VNC_INITIALIZED",
                                          [NEWS_VNC_DISCONNECTED] = "VNC_DISCONNECTED"};

const char *qmp_event_name(unsigned n)
{
    return n < sizeof(event_names) / sizeof(event_names[0]) ? event_names[n] : NULL;
}

static json_t *event_data(const struct session *s, const struct news *news)
{
    if (news->reason)
        return json_pack("{s:b,s:s}", "guest", news->guest, "reason", news->reason);
    if (news->device)
        return json_pack("{s:s,s:b,s:s}", "device", news->device, "tray-open", news->open, "id",
                         news->device);
    if (news->kind == NEWS_RTC_CHANGE)
        return json_pack("{s:I,s:s}", "offset", (json_int_t)news->offset, "qom-path",
                         "/machine/unattached/rtc");
    if (news->client)
        return json_pack("{s:o,s:o}", "server", qmp_vnc_server(s), "client",
                         qmp_peer(news->client));
    return NULL;
}

static void tell(void *opaque, const struct news *news)
{
    struct qmp *q = opaque;
    struct timespec t;
    json_t *message, *data;

    if (!q->negotiated)
        return;
    clock_gettime(CLOCK_REALTIME, &t);
    message =
        json_pack("{s:{s:I,s:I},s:s}", "timestamp", "seconds", (json_int_t)t.tv_sec, "microseconds",
                  (json_int_t)(t.tv_nsec / 1000), "event", event_names[news->kind]);
    data = event_data(q->session, news);
    if (data)
        json_object_set_new(message, "data", data);
    transmit(q, message);
}

/* ---- in ---- */

const struct qmp_command *const qmp_tables[] = {qmp_commands, qmp_queries, qmp_displays,
                                                qmp_schemas, NULL};

static const struct qmp_command *find(const char *name)
{
    for (const struct qmp_command *const *table = qmp_tables; *table; table++)
        for (const struct qmp_command *c = *table; c->name; c++)
            if (!strcmp(c->name, name))
                return c;
    return NULL;
}

static bool negotiate(struct qmp *q, struct qmp_call *c)
{
    const json_t *enable = json_object_get(c->args, "enable"), *name;
    size_t i;

    if (q->negotiated)
        return qmp_fail(c, "CommandNotFound",
                        "Capabilities negotiation is already complete, command ignored");
    if (!check_args(c, "enable?:a"))
        return false;
    json_array_foreach(enable, i, name)
    {
        const char *text = json_string_value(name);
        if (!text || strcmp(text, "oob") != 0)
            return qmp_fail(c, NULL, "Parameter 'enable' does not accept value '%s'",
                            text ? text : "");
        q->oob = true;
    }
    return q->negotiated = true;
}

static bool run(struct qmp *q, struct qmp_call *c, const char *name)
{
    const struct qmp_command *command;

    if (!strcmp(name, "qmp_capabilities"))
        return negotiate(q, c);
    if (!q->negotiated)
        return qmp_fail(c, "CommandNotFound",
                        "Expecting capabilities negotiation with 'qmp_capabilities'");
    command = find(name);
    if (!command)
        return qmp_fail(c, "CommandNotFound", "The command %s has not been found", name);
    if (c->oob && !q->oob)
        return qmp_fail(c, NULL, "QMP input member 'exec-oob' is unexpected");
    if (c->oob) /* nothing takes so long that something had to overtake it */
        return qmp_fail(c, NULL, "The command %s does not support OOB", name);
    return check_args(c, command->args) && command->run(c);
}

/* Checks the outer form. The name of the command, or NULL after qmp_fail(). */
static const char *open_message(struct qmp_call *c, json_t *message)
{
    const json_t *execute = json_object_get(message, "execute");
    const json_t *now = json_object_get(message, "exec-oob");
    json_t *value, *args = json_object_get(message, "arguments");
    const char *name;

    if (!json_is_object(message)) {
        qmp_fail(c, NULL, "QMP input must be a JSON object");
        return NULL;
    }
    json_object_foreach(message, name, value)
    {
        if (strcmp(name, "execute") != 0 && strcmp(name, "arguments") != 0 &&
            strcmp(name, "id") != 0 && strcmp(name, "exec-oob") != 0) {
            qmp_fail(c, NULL, "QMP input member '%s' is unexpected", name);
            return NULL;
        }
    }
    if (now && (execute || !json_is_string(now)))
        qmp_fail(c, NULL,
                 execute ? "QMP input member 'exec-oob' clashes with 'execute'"
                         : "QMP input member 'exec-oob' must be a string");
    else if (now)
        c->oob = true;
    else if (!execute)
        qmp_fail(c, NULL, "QMP input lacks member 'execute'");
    else if (!json_is_string(execute))
        qmp_fail(c, NULL, "QMP input member 'execute' must be a string");
    else if (args && !json_is_object(args))
        qmp_fail(c, NULL, "QMP input member 'arguments' must be an object");
    if (c->error[0])
        return NULL;
    c->args = args ? json_incref(args) : json_object();
    return json_string_value(now ? now : execute);
}

static void message(struct qmp *q, const char *text, size_t n)
{
    struct qmp_call c = {.session = q->session};
    json_error_t why;
    json_t *m = json_loadb(text, n, JSON_DECODE_ANY, &why);
    const char *name = NULL;
    bool ok = false;

    q->session->asked = true;
    if (m)
        name = open_message(&c, m);
    else
        qmp_fail(&c, NULL, "JSON parse error, %s", why.text);
    if (name)
        ok = run(q, &c, name);
    reply(q, &c, json_object_get(m, "id"), ok);
    if (!ok)
        json_decref(c.result);
    json_decref(c.args);
    json_decref(m);
}

static void input(void *opaque, const void *data, size_t len)
{
    const char *bytes = data;
    struct qmp *q = opaque;

    for (size_t i = 0; i < len && q->open && !q->session->quit; i++) {
        enum frame frame = framer_byte(&q->framer, bytes[i]);
        struct qmp_call c = {.session = q->session};

        if (frame == FRAME_MORE)
            continue;
        if (frame == FRAME_READY) {
            message(q, q->framer.text, q->framer.n);
        } else {
            qmp_fail(&c, NULL, "%s", q->framer.why);
            reply(q, &c, NULL, false);
        }
        framer_next(&q->framer);
    }
}

static size_t room(void *opaque)
{
    const struct qmp *q = opaque;
    return chr_waiting(q->user) < CHR_LIMIT ? SIZE_MAX : 0;
}

static void event(void *opaque, enum chr_event what)
{
    struct qmp *q = opaque;

    if (what == CHR_FOCUS)
        return;
    framer_reset(&q->framer);
    q->negotiated = q->oob = false;
    q->open = what == CHR_OPENED;
    if (what == CHR_OPENED)
        transmit(q, json_pack("{s:{s:o,s:[s]}}", "QMP", "version", qmp_version(), "capabilities",
                              "oob"));
}

struct qmp *qmp_new(struct session *s, struct chr_user *user, bool pretty)
{
    struct qmp *q = calloc(1, sizeof(*q));

    CHECK(q, "out of memory");
    q->session = s;
    q->user = user;
    q->pretty = pretty;
    *user = (struct chr_user){.room = room, .input = input, .event = event, .opaque = q};
    q->observer = (struct observer){.tell = tell, .opaque = q};
    session_observe(s, &q->observer);
    return q;
}

void qmp_free(struct qmp *q)
{
    if (q)
        framer_reset(&q->framer);
    free(q);
}
