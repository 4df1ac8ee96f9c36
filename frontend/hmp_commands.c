/* The text monitor's commands that do something to the machine. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "frontend/chardevs.h"
#include "frontend/monitor.h"
#include "frontend/session.h"

#define HOLD_MS 100

/* ---- the run ---- */

static bool run_stop(struct hmp *h)
{
    session_pause(h->session);
    return true;
}

static bool run_cont(struct hmp *h)
{
    return session_resume(h->session) ||
           hmp_fail(h, "Error: Resetting the Virtual Machine is required");
}

static bool run_reset(struct hmp *h)
{
    session_reset(h->session, "host-qmp-system-reset");
    return true;
}

static bool run_powerdown(struct hmp *h)
{
    session_powerdown(h->session);
    return true;
}

static bool run_quit(struct hmp *h)
{
    session_shutdown(h->session, "host-qmp-quit", false);
    return true;
}

static bool run_nmi(struct hmp *h)
{
    orrery_nmi(h->session->machine);
    return true;
}

/* ---- keyboard, mouse, screen ---- */

static bool run_sendkey(struct hmp *h)
{
    char keys[256], err[300];
    uint64_t hold = HOLD_MS;

    if (!hmp_need_word(h, keys, sizeof(keys), "string"))
        return false;
    if (!hmp_at_end(h) && !hmp_value(h, &hold))
        return false;
    if (hold > 60000)
        return hmp_fail(h, "hold time out of range");
    return hands_named(h->session, keys, (unsigned)hold, err, sizeof(err)) ||
           hmp_fail(h, "%s", err);
}

static bool run_mouse_move(struct hmp *h)
{
    struct hands_mouse *m = hands_mouse(h->session);
    char word[3][16];
    int value[3] = {0, 0, 0};

    for (int i = 0; i < 3; i++) {
        char *end;
        if (!hmp_word(h, word[i], sizeof(word[i]))) {
            if (i >= 2)
                break;
            h->misused = true;
            return hmp_fail(h, "mouse_move: string expected");
        }
        value[i] = (int)strtol(word[i], &end, 0);
        if (*end)
            return hmp_fail(h, "'%s' is not a number", word[i]);
    }
    m->dx = value[0];
    m->dy = value[1];
    m->wheel = value[2];
    hands_move(h->session);
    return true;
}

static bool run_mouse_button(struct hmp *h)
{
    static const unsigned bit[] = {0, 2, 1}; /* QEMU: 1 left, 2 middle, 4 right */
    struct hands_mouse *m = hands_mouse(h->session);
    uint64_t state;

    if (!hmp_value(h, &state))
        return false;
    m->buttons = 0;
    for (unsigned i = 0; i < 3; i++)
        m->buttons |= (unsigned)(state >> i & 1) << bit[i];
    hands_move(h->session);
    return true;
}

bool monitor_screendump(struct session *s, const char *path, bool png, char *err, size_t err_size)
{
    FILE *f;
    bool ok;

    if (png && !orrery_can_png()) {
        snprintf(err, err_size, "Enable PNG support with libpng for screendump");
        return false;
    }
    f = fopen(path, "wb");
    if (!f) {
        snprintf(err, err_size, "failed to open file '%s': %s", path, strerror(errno));
        return false;
    }
    ok = orrery_screendump(s->machine, f, png ? ORRERY_PNG : ORRERY_PPM, err, err_size);
    if (fclose(f) && ok) {
        snprintf(err, err_size, "failed to write file '%s': %s", path, strerror(errno));
        ok = false;
    }
    return ok;
}

static bool run_screendump(struct hmp *h)
{
    char path[1024], format[8] = "", err[1200];
    size_t n;
    bool png;

    if (hmp_flag(h, 'f'))
        hmp_word(h, format, sizeof(format));
    if (!hmp_need_word(h, path, sizeof(path), "filename"))
        return false;
    if (hmp_flag(h, 'f'))
        hmp_word(h, format, sizeof(format));
    n = strlen(path);
    png = *format ? !strcmp(format, "png") : n > 4 && !strcasecmp(path + n - 4, ".png");
    if (*format && !png && strcmp(format, "ppm") != 0)
        return hmp_fail(h, "Error: unknown format '%s' (ppm, png)", format);
    return monitor_screendump(h->session, path, png, err, sizeof(err)) ||
           hmp_fail(h, "Error: %s", err);
}

/* ---- media, character devices ---- */

static bool need_drive(struct hmp *h, char *name, size_t size)
{
    struct orrery_drive_state d;

    if (!hmp_need_word(h, name, size, "block device name"))
        return false;
    if (!strcmp(name, "vnc"))
        return true;
    for (unsigned n = 0; orrery_drive_state(h->session->machine, n, &d); n++)
        if (!strcmp(d.name, name))
            return true;
    return hmp_fail(h, "Error: Device '%s' not found", name);
}

static bool run_eject(struct hmp *h)
{
    bool force = hmp_flag(h, 'f');
    char drive[64], err[256];

    return need_drive(h, drive, sizeof(drive)) &&
           (orrery_eject(h->session->machine, drive, force, err, sizeof(err)) ||
            hmp_fail(h, "Error: %s", err));
}

static bool run_change(struct hmp *h)
{
    char drive[64], file[1024], format[32], err[1200];
    bool force = hmp_flag(h, 'f');

    if (!need_drive(h, drive, sizeof(drive)))
        return false;
    force |= hmp_flag(h, 'f');
    if (!hmp_need_word(h, file, sizeof(file), "filename"))
        return false;
    if (!strcmp(drive, "vnc") && (!strcmp(file, "password") || !strcmp(file, "passwd")))
        return hmp_set_password(h);
    if (hmp_word(h, format, sizeof(format)) && strcmp(format, "raw") != 0)
        return hmp_fail(h, "Error: unknown format '%s' (raw)", format);
    if (hmp_word(h, format, sizeof(format)) && strcmp(format, "retain") != 0)
        return hmp_fail(h, "Error: read-only-mode '%s' is not supported (retain)", format);
    return orrery_change(h->session->machine, drive, file, force, err, sizeof(err)) ||
           hmp_fail(h, "Error: %s", err);
}

static bool run_ringbuf_read(struct hmp *h)
{
    char id[64];
    uint64_t size;
    struct chr *c;

    if (!hmp_need_word(h, id, sizeof(id), "device") || !hmp_value(h, &size))
        return false;
    c = chr_find(h->session, id);
    if (!c || c->kind != &chr_ringbuf)
        return hmp_fail(h, "Error: there is no ringbuf device '%s'", id);
    for (char byte; size && chr_ringbuf_read(c, &byte, 1); size--)
        fputc(byte, h->out);
    fputc('\n', h->out);
    return true;
}

/* ---- what is not done, and why ---- */

static bool refuse(struct hmp *h, const char *why)
{
    h->args = "";
    return hmp_fail(h, "Error: %s", why);
}

static bool no_hotplug(struct hmp *h)
{
    return refuse(h, "the board has no hotplug: devices are made by -device when it starts");
}

static bool no_hpa(struct hmp *h)
{
    return refuse(h, "guest memory has no address on the host that outsiders could use");
}

/* There is one CPU, and one mouse at a time. */
static bool run_only_zero(struct hmp *h)
{
    uint64_t n;
    bool cpu = !strcmp(h->name, "cpu");

    if (!hmp_value(h, &n))
        return false;
    if (!n)
        return true;
    return cpu ? hmp_fail(h, "invalid CPU index")
               : hmp_fail(h, "Error: Mouse at index '%llu' not found", (unsigned long long)n);
}

static bool run_wakeup(struct hmp *h)
{
    return hmp_fail(h, "Error: Unable to wake up: guest is not in suspended state");
}

static bool no_boot_set(struct hmp *h)
{
    return refuse(h, "the boot order is that of the command line");
}

static bool no_log(struct hmp *h)
{
    return refuse(h, "the log is that of the command line (-d, -D)");
}

const struct hmp_command hmp_commands[] = {
    {"stop", "s", "", "stop emulation", run_stop},
    {"cont", "c", "", "resume emulation", run_cont},
    {"quit", "q", "", "quit the emulator", run_quit},
    {"system_reset", NULL, "", "reset the system", run_reset},
    {"system_powerdown", NULL, "", "send system power down event", run_powerdown},
    {"nmi", NULL, "", "inject an NMI", run_nmi},
    {"sendkey", NULL, "keys [hold_ms]",
     "send keys to the VM (e.g. 'sendkey ctrl-alt-f1', default hold time=100 ms)", run_sendkey},
    {"mouse_move", NULL, "dx dy [dz]", "send mouse move events", run_mouse_move},
    {"mouse_button", NULL, "state", "change mouse button state (1=L, 2=M, 4=R)", run_mouse_button},
    {"screendump", NULL, "[-f png|ppm] file", "save screen into image 'file'", run_screendump},
    {"eject", NULL, "[-f] device", "eject a removable medium (use -f to force it)", run_eject},
    {"change", NULL, "device [-f] file [raw [retain]]", "change a removable medium", run_change},
    {"ringbuf_read", NULL, "device size", "read from a ringbuf character device", run_ringbuf_read},
    {"cpu", NULL, "index", "set the default CPU (there is one)", run_only_zero},
    {"mouse_set", NULL, "index", "set which mouse device receives events (there is one)",
     run_only_zero},
    {"system_wakeup", NULL, "", "wakeup guest from suspend", run_wakeup},
    {"device_add", "device_del|netdev_add|netdev_del|drive_add|chardev-add|object_add", "...",
     "not supported: there is no hotplug", no_hotplug},
    {"gpa2hva", "gpa2hpa", "addr", "not supported", no_hpa},
    {"boot_set", NULL, "order", "not supported: see -boot", no_boot_set},
    {"log", "logfile", "items", "not supported: see -d and -D", no_log},
    {NULL, NULL, NULL, NULL, NULL},
};
