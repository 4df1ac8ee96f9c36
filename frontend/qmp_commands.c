/* The commands of QMP that do something. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "frontend/chardevs.h"
#include "frontend/keys.h"
#include "frontend/qmp_internal.h"

#define HOLD_MS  100
#define ABS_SIZE 32768 /* of QMP's absolute coordinates */

/* ---- the run ---- */

static bool run_stop(struct qmp_call *c)
{
    session_pause(c->session);
    return true;
}

static bool run_cont(struct qmp_call *c)
{
    return session_resume(c->session) ||
           qmp_fail(c, NULL, "Resetting the Virtual Machine is required");
}

static bool run_reset(struct qmp_call *c)
{
    session_reset(c->session, "host-qmp-system-reset");
    return true;
}

static bool run_powerdown(struct qmp_call *c)
{
    session_powerdown(c->session);
    return true;
}

static bool run_quit(struct qmp_call *c)
{
    session_shutdown(c->session, "host-qmp-quit", false);
    return true;
}

static bool run_nmi(struct qmp_call *c)
{
    orrery_nmi(c->session->machine);
    return true;
}

static bool run_hmp(struct qmp_call *c)
{
    char *out = NULL, *text;
    size_t n = 0, k = 0;
    FILE *f = open_memstream(&out, &n);

    CHECK(f, "out of memory");
    hmp_run(c->session, qmp_text(c, "command-line"), f, NULL);
    fclose(f);
    text = malloc(2 * n + 1);
    CHECK(text, "out of memory");
    for (size_t i = 0; i < n; i++) {
        if (out[i] == '\n')
            text[k++] = '\r';
        text[k++] = out[i] ? out[i] : '?';
    }
    text[k] = 0;
    c->result = qmp_string(text);
    free(text);
    free(out);
    return true;
}

/* ---- memory and screen ---- */

static bool save(struct qmp_call *c, bool phys)
{
    char err[1200];

    return monitor_save(c->session, (uint64_t)qmp_number(c, "val", 0),
                        (uint64_t)qmp_number(c, "size", 0), qmp_text(c, "filename"), phys, err,
                        sizeof(err)) ||
           qmp_fail(c, NULL, "%s", err);
}

static bool run_memsave(struct qmp_call *c)
{
    return save(c, false);
}

static bool run_pmemsave(struct qmp_call *c)
{
    return save(c, true);
}

static bool run_screendump(struct qmp_call *c)
{
    const char *format = qmp_text(c, "format");
    bool png = format && !strcmp(format, "png");
    char err[1200];

    if (format && !png && strcmp(format, "ppm") != 0)
        return qmp_fail(c, NULL, "Parameter 'format' does not accept value '%s'", format);
    return monitor_screendump(c->session, qmp_text(c, "filename"), png, err, sizeof(err)) ||
           qmp_fail(c, NULL, "%s", err);
}

/* ---- keyboard and mouse ---- */

/* A member of an object that is at `where` in the message; its type. NULL after qmp_fail(). */
static const json_t *member(struct qmp_call *c, const json_t *object, const char *where,
                            const char *name, json_type type)
{
    static const char *const names[] = {[JSON_STRING] = "string",
                                        [JSON_INTEGER] = "integer",
                                        [JSON_OBJECT] = "object",
                                        [JSON_TRUE] = "boolean"};
    const json_t *value = json_object_get(object, name);
    bool good = type == JSON_TRUE ? json_is_boolean(value) : value && json_typeof(value) == type;

    if (good)
        return value;
    if (!json_is_object(object))
        qmp_fail(c, NULL, "Invalid parameter type for '%s', expected: object", where);
    else if (!value)
        qmp_fail(c, NULL, "Parameter '%s.%s' is missing", where, name);
    else
        qmp_fail(c, NULL, "Invalid parameter type for '%s.%s', expected: %s", where, name,
                 names[type]);
    return NULL;
}

/* {"type": "qcode", "data": "a"} or {"type": "number", "data": 30} */
static bool parse_key(struct qmp_call *c, const json_t *key, const char *where, uint8_t *out)
{
    const json_t *type = member(c, key, where, "type", JSON_STRING), *data;
    const char *kind = json_string_value(type), *name;

    if (!type)
        return false;
    if (!strcmp(kind, "number")) {
        data = member(c, key, where, "data", JSON_INTEGER);
        *out = data ? (uint8_t)json_integer_value(data) : 0;
        return data && (json_integer_value(data) == *out ||
                        qmp_fail(c, NULL, "Parameter 'data' is no number of a key"));
    }
    if (strcmp(kind, "qcode") != 0)
        return qmp_fail(c, NULL, "Parameter 'type' does not accept value '%s'", kind);
    data = member(c, key, where, "data", JSON_STRING);
    if (!data)
        return false;
    name = json_string_value(data);
    *out = key_by_name(name, strlen(name));
    return *out || !strcmp(name, "unmapped") ||
           qmp_fail(c, NULL, "Parameter 'data' does not accept value '%s'", name);
}

static bool run_send_key(struct qmp_call *c)
{
    json_int_t hold = qmp_number(c, "hold-time", HOLD_MS);
    uint8_t keys[HANDS_KEYS] = {0};
    size_t i, n = 0;
    json_t *key;

    json_array_foreach(json_object_get(c->args, "keys"), i, key)
    {
        char where[32];
        if (n == HANDS_KEYS)
            return qmp_fail(c, NULL, "Too many keys");
        snprintf(where, sizeof(where), "keys[%zu]", i);
        if (!parse_key(c, key, where, &keys[n]))
            return false;
        n += keys[n] != 0;
    }
    if (hold < 0 || hold > 60000)
        return qmp_fail(c, NULL, "Parameter 'hold-time' is out of range");
    return hands_stroke(c->session, keys, (unsigned)n, (unsigned)hold) ||
           qmp_fail(c, NULL, "Too many keys are waiting");
}

static bool button_event(struct qmp_call *c, struct hands_mouse *m, const char *name, bool down)
{
    static const char *const buttons[] = {"left", "right", "middle", "side", "extra"};

    if (name && (!strcmp(name, "wheel-up") || !strcmp(name, "wheel-down"))) {
        m->wheel += !down ? 0 : name[6] == 'u' ? -1 : 1;
        return true;
    }
    for (unsigned i = 0; name && i < 5; i++) {
        if (!strcmp(buttons[i], name)) {
            m->buttons = down ? m->buttons | 1u << i : m->buttons & ~(1u << i);
            return true;
        }
    }
    return qmp_fail(c, NULL, "Parameter 'button' does not accept value '%s'", name ? name : "");
}

/* A mouse knows movements only: an absolute position is one from the last. */
static bool move_event(struct qmp_call *c, struct hands_mouse *m, const json_t *data, bool abs)
{
    const char *axis = json_string_value(json_object_get(data, "axis"));
    json_int_t value = json_integer_value(json_object_get(data, "value"));
    struct orrery_screen screen = {.width = 0};
    bool x = axis && !strcmp(axis, "x");
    int last, size, now;

    if (!axis || (!x && strcmp(axis, "y") != 0))
        return qmp_fail(c, NULL, "Parameter 'axis' does not accept value '%s'", axis ? axis : "");
    if (value < -ABS_SIZE || value > ABS_SIZE)
        return qmp_fail(c, NULL, "Parameter 'value' is out of range");
    if (abs) {
        orrery_screen(c->session->machine, &screen);
        size = (int)(x ? screen.width : screen.height);
        now = (int)value * size / ABS_SIZE;
        last = x ? m->x : m->y;
        *(x ? &m->x : &m->y) = now;
        orrery_screen_free(&screen);
        value = now - last;
    }
    *(x ? &m->dx : &m->dy) += (int)value;
    return true;
}

static bool one_event(struct qmp_call *c, struct hands_mouse *m, const json_t *event, size_t n)
{
    char where[48];
    const json_t *type, *data, *down = NULL, *what = NULL;
    const char *kind;
    uint8_t key = 0;

    snprintf(where, sizeof(where), "events[%zu]", n);
    type = member(c, event, where, "type", JSON_STRING);
    data = type ? member(c, event, where, "data", JSON_OBJECT) : NULL;
    if (!data)
        return false;
    kind = json_string_value(type);
    snprintf(where, sizeof(where), "events[%zu].data", n);
    if (!strcmp(kind, "rel") || !strcmp(kind, "abs"))
        return member(c, data, where, "axis", JSON_STRING) &&
               member(c, data, where, "value", JSON_INTEGER) &&
               move_event(c, m, data, *kind == 'a');
    if (strcmp(kind, "key") != 0 && strcmp(kind, "btn") != 0)
        return qmp_fail(c, NULL, "Parameter 'type' does not accept value '%s'", kind);
    what = *kind == 'k' ? member(c, data, where, "key", JSON_OBJECT)
                        : member(c, data, where, "button", JSON_STRING);
    down = what ? member(c, data, where, "down", JSON_TRUE) : NULL;
    if (!down)
        return false;
    if (*kind == 'b')
        return button_event(c, m, json_string_value(what), json_is_true(down));
    snprintf(where, sizeof(where), "events[%zu].data.key", n);
    if (!parse_key(c, what, where, &key))
        return false;
    if (key)
        orrery_key(c->session->machine, key, json_is_true(down));
    return true;
}

static bool run_input(struct qmp_call *c)
{
    struct hands_mouse *m = hands_mouse(c->session), before = *m;
    bool ok = true;
    json_t *event;
    size_t i;

    json_array_foreach(json_object_get(c->args, "events"), i, event)
    {
        ok = ok && one_event(c, m, event, i);
        if (m->wheel) /* a wheel turns by one step at a time */
            hands_move(c->session);
    }
    if (m->dx || m->dy || m->buttons != before.buttons)
        hands_move(c->session);
    return ok;
}

/* ---- media ---- */

/* The drive that "device" or "id" names, by number; false after qmp_fail(). */
static bool find_drive(struct qmp_call *c, unsigned *n, struct orrery_drive_state *d)
{
    const char *name = qmp_text(c, "device") ? qmp_text(c, "device") : qmp_text(c, "id");

    if (!name)
        return qmp_fail(c, NULL, "Need exactly one of 'device' and 'id'");
    for (*n = 0; orrery_drive_state(c->session->machine, *n, d); ++*n) {
        if (strcmp(d->name, name) != 0)
            continue;
        return d->removable || qmp_fail(c, NULL, "Device '%s' is not removable", name);
    }
    return qmp_fail(c, "DeviceNotFound", "Device '%s' not found", name);
}

static void set_in_tray(struct session *s, unsigned n, const char *file)
{
    char *copy = file ? strdup(file) : NULL;

    free(s->in_tray[n]);
    s->in_tray[n] = copy;
}

static bool eject(struct qmp_call *c, bool keep)
{
    struct orrery_drive_state d = {.name = ""};
    char err[512], *file;
    unsigned n = 0;
    bool ok;

    if (!find_drive(c, &n, &d))
        return false;
    if (keep && d.tray_open)
        return true;
    file = keep && d.file ? strdup(d.file) : NULL;
    ok = orrery_eject(c->session->machine, d.name, qmp_true(c, "force"), err, sizeof(err));
    if (ok)
        set_in_tray(c->session, n, file);
    else
        qmp_fail(c, NULL, "%s", err);
    free(file);
    return ok;
}

static bool run_eject(struct qmp_call *c)
{
    return eject(c, false);
}

static bool run_open_tray(struct qmp_call *c)
{
    return eject(c, true);
}

static bool insert(struct qmp_call *c, unsigned n, const char *drive, const char *file)
{
    char err[1200];

    if (!orrery_change(c->session->machine, drive, file, qmp_true(c, "force"), err, sizeof(err)))
        return qmp_fail(c, NULL, "%s", err);
    set_in_tray(c->session, n, NULL);
    return true;
}

static bool run_close_tray(struct qmp_call *c)
{
    struct orrery_drive_state d = {.name = ""};
    unsigned n = 0;

    if (!find_drive(c, &n, &d))
        return false;
    return !c->session->in_tray[n] || insert(c, n, d.name, c->session->in_tray[n]);
}

static bool run_remove(struct qmp_call *c)
{
    struct orrery_drive_state d = {.name = ""};
    unsigned n = 0;

    if (!find_drive(c, &n, &d))
        return false;
    if (!d.tray_open)
        return qmp_fail(c, NULL, "Tray of device '%s' is not open", d.name);
    set_in_tray(c->session, n, NULL);
    return true;
}

static bool run_change(struct qmp_call *c)
{
    const char *format = qmp_text(c, "format"), *file = qmp_text(c, "filename");
    const char *mode = qmp_text(c, "read-only-mode");
    struct orrery_drive_state d = {.name = ""};
    unsigned n = 0;

    if (!file) /* the old command "change" */
        file = qmp_text(c, "target");
    if (format && strcmp(format, "raw") != 0)
        return qmp_fail(c, NULL, "Unknown driver '%s'", format);
    if (mode && strcmp(mode, "retain") != 0)
        return qmp_fail(c, NULL, "Parameter 'read-only-mode' does not accept value '%s'", mode);
    return find_drive(c, &n, &d) && insert(c, n, d.name, file);
}

/* ---- the rest ---- */

static bool run_ringbuf_read(struct qmp_call *c)
{
    const char *id = qmp_text(c, "device");
    struct chr *chr = chr_find(c->session, id);
    json_int_t size = qmp_number(c, "size", 0);
    char *buf;
    size_t n;

    if (!chr || chr->kind != &chr_ringbuf)
        return qmp_fail(c, NULL, "Device '%s' is not a ringbuf", id);
    if (size <= 0 || size > 1 << 20)
        return qmp_fail(c, NULL, "size must be greater than zero, and at most 1 MiB");
    buf = malloc((size_t)size + 1);
    CHECK(buf, "out of memory");
    n = chr_ringbuf_read(chr, buf, (size_t)size);
    for (size_t i = 0; i < n; i++)
        buf[i] = buf[i] ? buf[i] : '?';
    buf[n] = 0;
    c->result = qmp_string(buf);
    free(buf);
    return true;
}

static bool run_wakeup(struct qmp_call *c)
{
    return qmp_fail(c, NULL, "Unable to wake up: guest is not in suspended state");
}

static bool run_device_add(struct qmp_call *c)
{
    return qmp_fail(c, NULL, "The board has no hotplug");
}

const struct qmp_command qmp_commands[] = {
    {"stop", "", run_stop},
    {"cont", "", run_cont},
    {"quit", "", run_quit},
    {"system_reset", "", run_reset},
    {"system_powerdown", "", run_powerdown},
    {"system_wakeup", "", run_wakeup},
    {"inject-nmi", "", run_nmi},
    {"human-monitor-command", "command-line:s cpu-index?:i", run_hmp},
    {"memsave", "val:i size:i filename:s cpu-index?:i", run_memsave},
    {"pmemsave", "val:i size:i filename:s", run_pmemsave},
    {"screendump", "filename:s device?:s head?:i format?:s", run_screendump},
    {"send-key", "keys:a hold-time?:i", run_send_key},
    {"input-send-event", "device?:s head?:i events:a", run_input},
    {"eject", "device?:s id?:s force?:b", run_eject},
    {"blockdev-open-tray", "device?:s id?:s force?:b", run_open_tray},
    {"blockdev-close-tray", "device?:s id?:s", run_close_tray},
    {"blockdev-remove-medium", "id?:s device?:s", run_remove},
    {"blockdev-change-medium", "device?:s id?:s filename:s format?:s force?:b read-only-mode?:s",
     run_change},
    {"change", "device:s target:s arg?:s", run_change},
    {"ringbuf-read", "device:s size:i format?:s", run_ringbuf_read},
    {"device_add", "driver:s id?:s bus?:s", run_device_add},
    {NULL, NULL, NULL},
};
