/* How character devices are named: -chardev KIND,id=...,PROP=VALUE and the short forms of -serial
 * and -monitor. Both become a struct chr_spec. What is unknown or contradicts itself is refused. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "frontend/chardevs.h"
#include "frontend/props.h"
#include "frontend/session.h"

/* A property of -chardev and where it goes. */
enum prop_type { TEXT, BOOL, NOT_BOOL, NUMBER, NOTHING };
static const struct prop {
    const char *name;
    enum prop_type type;
    size_t at;
} props[] = {
#define AT(f) offsetof(struct chr_spec, f)
    {"id", TEXT, AT(id)},
    {"path", TEXT, AT(path)},
    {"host", TEXT, AT(host)},
    {"port", TEXT, AT(port)},
    {"fd", TEXT, AT(fd)},
    {"logfile", TEXT, AT(logfile)},
    {"logappend", BOOL, AT(logappend)},
    {"mux", BOOL, AT(mux)},
    {"server", BOOL, AT(server)},
    {"wait", BOOL, AT(wait)},
    {"nowait", NOT_BOOL, AT(wait)},
    {"nodelay", BOOL, AT(nodelay)},
    {"delay", NOT_BOOL, AT(nodelay)},
    {"telnet", BOOL, AT(telnet)},
    {"append", BOOL, AT(append)},
    {"signal", BOOL, AT(signal)},
    {"size", NUMBER, AT(size)},
    {"ipv4", NOTHING, 0}, /* whichever of them the host's name has */
    {"ipv6", NOTHING, 0},
};
static const char common_props[] = "id mux logfile logappend ";

/* Is name in a list of names that are each followed by a space? */
static bool listed(const char *list, const char *name)
{
    size_t n = strlen(name);

    for (const char *at = list; at && *at; at = strchr(at, ' ') + 1)
        if (!strncmp(at, name, n) && at[n] == ' ')
            return true;
    return false;
}

static bool parse_switch(const char *value, bool *out)
{
    *out = !strcmp(value, "on") || !strcmp(value, "yes");
    return *out || !strcmp(value, "off") || !strcmp(value, "no");
}

/* 64K, 1M */
static bool parse_number(const char *value, uint32_t *out)
{
    char *end;
    unsigned long long v = strtoull(value, &end, 0);
    unsigned shift = *end == 'K' ? 10 : *end == 'M' ? 20 : 0;

    *out = (uint32_t)(v << shift);
    return end != value && *value != '-' && !end[shift != 0] && v <= (UINT32_MAX >> shift);
}

static bool set_prop(struct chr_spec *spec, const struct prop *p, char *value)
{
    void *at = (char *)spec + p->at;
    bool on = true;

    switch (p->type) {
    case TEXT: *(char **)at = value; return value;
    case NUMBER: return value && parse_number(value, at);
    case NOTHING: return true;
    default:
        if (value && !parse_switch(value, &on))
            return false;
        *(bool *)at = on != (p->type == NOT_BOOL);
        return true;
    }
}

static bool apply(struct chr_spec *spec, const char *option, char *name, char *value)
{
    for (size_t i = 0; i < sizeof(props) / sizeof(props[0]); i++) {
        if (strcmp(props[i].name, name) != 0)
            continue;
        if (!listed(common_props, name) && !listed(spec->kind->props, name) &&
            !(spec->kind == &chr_socket && !strcmp(name, "nowait")))
            break;
        return set_prop(spec, &props[i], value) ||
               complain("-%s: bad value '%s' for '%s'", option, value ? value : "", name);
    }
    return complain("-%s: %s has no property '%s'", option, spec->kind->name, name);
}

static bool apply_all(struct chr_spec *spec, const char *option, char *rest)
{
    char *name, *value;

    while (next_property(&rest, &name, &value))
        if (!apply(spec, option, name, value))
            return false;
    return true;
}

/* ---- making one ---- */

static void set_filename(struct chr *c, const struct chr_spec *s)
{
    const char *server = s->server ? ",server=on" : "", *kind = s->telnet ? "telnet" : "tcp";

    if (s->kind == &chr_socket && s->fd)
        snprintf(c->filename, sizeof(c->filename), "fd:%s%s", s->fd, server);
    else if (s->kind == &chr_socket && s->path)
        snprintf(c->filename, sizeof(c->filename), "unix:%s%s", s->path, server);
    else if (s->kind == &chr_socket)
        snprintf(c->filename, sizeof(c->filename), "%s:%s:%s%s", kind, s->host ? s->host : "",
                 s->port ? s->port : "", server);
    else if (s->path)
        snprintf(c->filename, sizeof(c->filename), "%s:%s", s->kind->name, s->path);
    else
        snprintf(c->filename, sizeof(c->filename), "%s", s->kind->name);
}

static void destroy(struct chr *c)
{
    if (c->kind->close)
        c->kind->close(c);
    free(c->out.data);
    free(c->state);
    free(c);
}

static struct chr *make(struct session *s, const char *option, const struct chr_spec *spec)
{
    struct chr *c = calloc(1, sizeof(*c)), **end = &s->chardevs;

    CHECK(c, "out of memory");
    c->session = s;
    c->kind = spec->kind;
    c->mux = spec->mux;
    c->fd_in = c->fd_out = -1;
    snprintf(c->id, sizeof(c->id), "%s", spec->id);
    set_filename(c, spec);
    if (chr_find(s, c->id)) {
        complain("-%s: there is a device '%s' already", option, c->id);
        free(c);
        return NULL;
    }
    if (spec->logfile)
        c->log = session_file(s, option, spec->logfile, spec->logappend);
    if ((spec->logfile && !c->log) || !c->kind->open(c, spec)) {
        destroy(c);
        return NULL;
    }
    while (*end)
        end = &(*end)->next;
    return *end = c;
}

static char *copy(struct session *s, const char *text)
{
    char *c = strdup(text);

    CHECK(c && s->ntexts < sizeof(s->texts) / sizeof(s->texts[0]), "out of memory");
    return s->texts[s->ntexts++] = c;
}

/* ---- -chardev ---- */

static bool list_kinds(void)
{
    fputs("orrery: -chardev: the kinds are", stderr);
    for (unsigned i = 0; chr_kinds[i]; i++)
        fprintf(stderr, " %s", chr_kinds[i]->name);
    fputc('\n', stderr);
    return false;
}

struct chr *chr_open_option(struct session *s, const char *text)
{
    struct chr_spec spec = {.wait = true, .signal = true};
    char *rest = copy(s, text), *name = rest, *value = NULL;

    next_property(&rest, &name, &value);
    for (unsigned i = 0; chr_kinds[i]; i++)
        if (!strcmp(chr_kinds[i]->name, name) && !value)
            spec.kind = chr_kinds[i];
    if (!spec.kind) {
        complain("-chardev: unknown kind of device '%s'", name);
        list_kinds();
        return NULL;
    }
    if (!apply_all(&spec, "chardev", rest))
        return NULL;
    if (!spec.id || !*spec.id) {
        complain("-chardev: %s needs an id", name);
        return NULL;
    }
    if (spec.kind->needs && !spec.path) {
        complain("-chardev: %s needs %s=", name, spec.kind->needs);
        return NULL;
    }
    if (spec.mux)
        spec.signal = false;
    return make(s, "chardev", &spec);
}

/* ---- short forms ---- */

/* HOST:PORT, [HOST]:PORT, PORT alone never. */
static bool parse_address(struct chr_spec *spec, char *text)
{
    char *colon = strrchr(text, ':');

    if (!colon || !colon[1])
        return false;
    *colon = 0;
    spec->port = colon + 1;
    spec->host = text;
    if (*text == '[' && colon[-1] == ']') {
        colon[-1] = 0;
        spec->host = text + 1;
    }
    return true;
}

static bool socket_form(struct chr_spec *spec, const char *option, const char *whole, char *text)
{
    char *rest = strchr(text, ',');

    spec->wait = true;
    if (rest)
        *rest++ = 0;
    if (spec->path)
        spec->path = text;
    else if (!parse_address(spec, text))
        return complain("-%s: '%s' is not HOST:PORT", option, whole);
    if (spec->path && !*spec->path)
        return complain("-%s: '%s' has no path", option, whole);
    return apply_all(spec, option, rest);
}

/* The rest of the text after a prefix, or NULL. */
static char *after(char *text, const char *prefix)
{
    size_t n = strlen(prefix);
    return strncmp(text, prefix, n) ? NULL : text + n;
}

static bool parse_form(struct chr_spec *spec, const char *option, const char *whole, char *text)
{
    static const struct {
        const char *prefix;
        const struct chr_kind *kind;
        bool path, telnet;
    } forms[] = {{"file:", &chr_file, true, false},
                 {"pipe:", &chr_pipe, true, false},
                 {"tcp:", &chr_socket, false, false},
                 {"telnet:", &chr_socket, false, true},
                 {"unix:", &chr_socket, true, false}};
    static const struct chr_kind *const plain[] = {&chr_stdio, &chr_pty,     &chr_null,
                                                   &chr_vc,    &chr_ringbuf, &chr_msmouse};
    char *rest;

    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        if (!strcmp(plain[i]->name, text) || (plain[i] == &chr_vc && after(text, "vc:"))) {
            spec->kind = plain[i];
            return true;
        }
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        rest = after(text, forms[i].prefix);
        if (!rest)
            continue;
        spec->kind = forms[i].kind;
        spec->path = forms[i].path ? rest : NULL;
        spec->telnet = forms[i].telnet;
        if (spec->kind == &chr_socket)
            return socket_form(spec, option, whole, rest);
        return *rest || complain("-%s: '%s' has no path", option, whole);
    }
    if (after(text, "udp:"))
        return complain("-%s: '%s': udp is not supported", option, whole);
    return complain("-%s: unknown device '%s' (stdio, mon:stdio, file:PATH, tcp:HOST:PORT, "
                    "telnet:HOST:PORT, unix:PATH, pipe:PATH, pty, null, none, msmouse, ringbuf, "
                    "chardev:ID)",
                    option, whole);
}

struct chr *chr_open_legacy(struct session *s, const char *option, const char *text,
                            const char *label)
{
    struct chr_spec spec = {.id = (char *)label, .signal = true};
    char *mine = copy(s, text), *name;
    struct chr *c;

    name = after(mine, "chardev:");
    if (name) {
        c = chr_find(s, name);
        if (!c)
            complain("-%s: there is no -chardev with id '%s'", option, name);
        return c;
    }
    name = after(mine, "mon:");
    spec.mux = name;
    if (spec.mux)
        spec.signal = false;
    return parse_form(&spec, option, text, name ? name : mine) ? make(s, option, &spec) : NULL;
}

struct chr *chr_open_now(struct session *s, const char *option, const char *text, const char *label)
{
    struct chr_spec spec = {.id = (char *)label, .signal = true};
    char *mine = strdup(text);
    struct chr *c = NULL;

    CHECK(mine, "out of memory");
    if (parse_form(&spec, option, text, mine)) {
        if (spec.kind == &chr_file || spec.kind == &chr_stdio || spec.logfile)
            complain("-%s: '%s' is none to be opened while the machine runs", option, text);
        else
            c = make(s, option, &spec);
    }
    free(mine);
    return c;
}
