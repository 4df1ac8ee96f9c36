/* What the machine's serial ports, printer port and debug port are connected to: character devices
 * of the host. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "frontend/chardevs.h"
#include "frontend/gdb.h"
#include "frontend/monitor.h"
#include "frontend/session.h"

struct port {
    struct session *session;
    unsigned number; /* of the serial port, or of the device's among the configuration's */
    struct chr_user user;
};

struct ports {
    struct port serial[ORRERY_SERIAL_PORTS], parallel, debugcon;
    struct port device[MAX_CHARDEVS]; /* those that -device options name: chardev=ID */
    struct orrery_chardev named[MAX_CHARDEVS + 1];
};

static size_t room(void *opaque)
{
    const struct port *p = opaque;
    return orrery_serial_room(p->session->machine, p->number);
}

static void input(void *opaque, const void *data, size_t len)
{
    const struct port *p = opaque;
    orrery_serial_input(p->session->machine, p->number, data, len);
}

static size_t device_room(void *opaque)
{
    const struct port *p = opaque;
    return orrery_chardev_room(p->session->machine, p->number);
}

static void device_input(void *opaque, const void *data, size_t len)
{
    const struct port *p = opaque;
    orrery_chardev_input(p->session->machine, p->number, data, len);
}

static void output(void *opaque, const void *data, size_t len)
{
    struct port *p = opaque;
    chr_write(&p->user, data, len);
}

static void lines(void *opaque, bool dtr, bool rts)
{
    const struct port *p = opaque;
    struct chr *c = p->user.chr;

    if (c->kind->lines)
        c->kind->lines(c, dtr, rts);
}

/* Connects one; *present false for "none". A port that has only output may share the terminal. */
static bool plug_in(struct session *s, const char *option, const char *text, const char *label,
                    bool two_way, struct port *p, struct orrery_sink *sink, bool *present)
{
    struct chr *shared = two_way || strcmp(text, "stdio") != 0 ? NULL : chr_stdio_of(s);
    struct chr *c;

    *present = strcmp(text, "none") != 0;
    if (!*present)
        return true;
    c = shared ? shared : chr_open_legacy(s, option, text, label);
    if (!c)
        return false;
    p->session = s;
    p->user = (struct chr_user){.opaque = p};
    if (two_way) {
        p->user.room = room;
        p->user.input = input;
    }
    p->user.chr = c;
    if (!shared && !chr_attach(c, &p->user, option))
        return false;
    c->guests++;
    *sink = (struct orrery_sink){.write = output, .lines = two_way ? lines : NULL, .opaque = p};
    return strncmp(text, "mon:", 4) != 0 || monitor_add(s, c, MONITOR_TEXT, option);
}

/* Does a -device option say chardev=ID? */
static bool is_named(const struct options *o, const char *id)
{
    size_t n = strlen(id);

    for (unsigned i = 0; i < o->ndevices; i++) {
        const char *at = strstr(o->devices[i], ",chardev=");
        if (at && !strncmp(at + 9, id, n) && (!at[9 + n] || at[9 + n] == ','))
            return true;
    }
    return false;
}

/* The devices of -chardev that -device options name. */
static bool plug_in_devices(struct session *s)
{
    unsigned n = 0;

    for (struct chr *c = s->chardevs; c; c = c->next) {
        struct port *p = &s->ports->device[n];
        if (!is_named(&s->options, c->id))
            continue;
        if (n == MAX_CHARDEVS)
            return complain("-chardev: at most %d devices", MAX_CHARDEVS);
        *p = (struct port){.session = s, .number = n};
        p->user = (struct chr_user){.room = device_room, .input = device_input, .opaque = p};
        if (!chr_attach(c, &p->user, "device"))
            return false;
        c->guests++;
        s->ports->named[n++] =
            (struct orrery_chardev){.id = c->id, .sink = {.write = output, .opaque = p}};
    }
    s->options.config.chardevs = s->ports->named;
    return true;
}

/* What QEMU has by default: a printer port; and on the terminal under -nographic whichever of the
 * first serial port and the monitor nothing was said of. */
static void add_defaults(struct options *o)
{
    bool serial = !o->nserial, monitor = !o->said_monitor && !o->nodefaults;

    for (unsigned i = 0; i < o->nserial; i++)
        monitor &= strncmp(o->serial[i], "mon:", 4) != 0;
    if (!o->parallel && !o->nodefaults)
        o->parallel = "null";
    if (serial)
        o->serial[o->nserial++] = !o->nographic ? "null" : monitor ? "mon:stdio" : "stdio";
    else if (o->nographic && monitor)
        o->monitors[o->nmonitors++] = (struct monitor_option){"monitor", "stdio"};
}

bool session_chardevs(struct session *s)
{
    static const char *const labels[] = {"serial0", "serial1", "serial2", "serial3"};
    struct options *o = &s->options;
    struct orrery_config *c = &o->config;

    s->ports = calloc(1, sizeof(*s->ports));
    CHECK(s->ports, "out of memory");
    add_defaults(o);
    for (unsigned i = 0; i < o->nchardevs; i++)
        if (!chr_open_option(s, o->chardevs[i]))
            return false;
    if (!plug_in_devices(s))
        return false;
    for (unsigned i = 0; i < o->nserial; i++) {
        s->ports->serial[i].number = i;
        if (!plug_in(s, "serial", o->serial[i], labels[i], true, &s->ports->serial[i],
                     &c->serial[i], &c->serial_present[i]))
            return false;
    }
    if (o->parallel && !plug_in(s, "parallel", o->parallel, "parallel0", false, &s->ports->parallel,
                                &c->parallel, &c->parallel_present))
        return false;
    if (o->debugcon && !plug_in(s, "debugcon", o->debugcon, "debugcon", false, &s->ports->debugcon,
                                &c->debugcon, &c->debugcon_present))
        return false;
    return gdb_open(s) && monitors_open(s);
}

void session_start_chardevs(struct session *s)
{
    chr_start_all(s);
}

void session_stop_chardevs(struct session *s)
{
    chr_stop_all(s);
    monitors_close(s);
    gdb_close(s);
    s->observers = NULL; /* that is who they were */
    free(s->ports);
    s->ports = NULL;
    while (s->ntexts)
        free(s->texts[--s->ntexts]);
}

void session_mouse(struct session *s, int dx, int dy, int wheel, unsigned buttons)
{
    for (struct chr *c = s->chardevs; c; c = c->next) {
        if (c->kind == &chr_msmouse && c->users) {
            chr_msmouse_move(c, dx, dy, buttons);
            return;
        }
    }
    orrery_mouse(s->machine, dx, dy, wheel, buttons);
}
