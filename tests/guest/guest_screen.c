/* Boots a machine and works at it like somebody in front of its screen: reads the text, types,
 * takes pictures. Idle time passes at once, so a run is the same every time and on every back end.
 *
 *   guest-screen NAME=VALUE... <STEPS
 *
 * Names: accel, append, bios, boot, cdrom, cpu, device, fda, hda, initrd, kernel, pace (how many
 * times as long an instruction lasts, for guests that wait without halting), ram (MiB). Steps, one
 * a line; seconds are virtual ones: wait SECONDS TEXT          until a text screen shows it pass
 * SECONDS               no matter what happens keys NAME-NAME NAME ...    held together with -, one
 * after the other type TEXT                  on a US keyboard show                       the text
 * screen, to standard output picture FILE               as PPM hash                       the
 * state's A step that fails, or SIGTERM, ends the run with status 1, with the screen on standard
 * error. */
#include "frontend/keys.h"
#include "machine/orrery.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S    1000000000u
#define LOOK_NS     100000000u /* from one look at the screen to the next */
#define KEY_NS      50000000u  /* a key stays down, and until the next */
#define SLICE_INSNS 5000000u
#define MAX_DEVICES 8

struct desk {
    struct orrery_config config;
    const char *devices[MAX_DEVICES + 1];
    unsigned ndevices;
    struct orrery *machine;
    struct orrery_text text;
    unsigned pace;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
    (void)sig;
    interrupted = 1;
}

static int fail(const char *why, const char *what)
{
    fprintf(stderr, "guest-screen: %s%s\n", why, what);
    return 1;
}

static bool set_device(struct desk *d, const char *value)
{
    if (d->ndevices < MAX_DEVICES)
        d->devices[d->ndevices++] = value;
    return d->ndevices < MAX_DEVICES;
}

static bool set_order(struct desk *d, const char *value)
{
    return snprintf(d->config.boot.order, sizeof(d->config.boot.order), "%s", value) <
           (int)sizeof(d->config.boot.order);
}

static bool set_ram(struct desk *d, const char *value)
{
    d->config.ram_bytes = strtoull(value, NULL, 10) << 20;
    return d->config.ram_bytes;
}

static bool set_pace(struct desk *d, const char *value)
{
    d->pace = (unsigned)strtoul(value, NULL, 10);
    return d->pace >= 1 && d->pace <= ORRERY_PACE_MAX / ORRERY_PACE;
}

/* Those that are a string of the configuration, and those that need more. */
static const struct setting {
    const char *name;
    size_t at;
    bool (*fn)(struct desk *d, const char *value);
} settings[] = {
    {"accel", offsetof(struct orrery_config, accel), NULL},
    {"append", offsetof(struct orrery_config, append), NULL},
    {"bios", offsetof(struct orrery_config, bios), NULL},
    {"boot", 0, set_order},
    {"cdrom", offsetof(struct orrery_config, ide[2].file), NULL},
    {"cpu", offsetof(struct orrery_config, cpu), NULL},
    {"device", 0, set_device},
    {"fda", offsetof(struct orrery_config, floppy[0].file), NULL},
    {"hda", offsetof(struct orrery_config, ide[0].file), NULL},
    {"initrd", offsetof(struct orrery_config, initrd), NULL},
    {"kernel", offsetof(struct orrery_config, kernel), NULL},
    {"pace", 0, set_pace},
    {"ram", 0, set_ram},
};

static bool set(struct desk *d, const char *arg)
{
    size_t len = strcspn(arg, "=");
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        const struct setting *s = &settings[i];
        if (strlen(s->name) != len || strncmp(s->name, arg, len) != 0 || !arg[len])
            continue;
        if (s->fn)
            return s->fn(d, arg + len + 1);
        *(const char **)((char *)&d->config + s->at) = arg + len + 1;
        return true;
    }
    return false;
}

/* The text screen as lines; false in graphics modes. */
static bool show(struct desk *d, FILE *out)
{
    if (!orrery_text(d->machine, &d->text))
        return false;
    for (uint32_t row = 0; row < d->text.rows; row++) {
        for (uint32_t col = 0; col < d->text.columns; col++) {
            unsigned c = d->text.cells[row * d->text.columns + col] & 0xffu;
            fputc(c >= ' ' && c < 0x7f ? (int)c : c == 0 || c == 0xff ? ' ' : '~', out);
        }
        fputc('\n', out);
    }
    return true;
}

/* Lets ns of virtual time pass; false when the machine has come to an end. */
static bool pass(struct desk *d, uint64_t ns)
{
    uint64_t end = orrery_time_ns(d->machine) + ns;
    for (uint64_t now; (now = orrery_time_ns(d->machine)) < end;) {
        if (interrupted)
            return fail("interrupted", ""), false;
        uint64_t left = (end - now) / d->pace + 1;
        enum orrery_stop stop = orrery_run(d->machine, left < SLICE_INSNS ? left : SLICE_INSNS);
        now = orrery_time_ns(d->machine);
        if (stop == ORRERY_IDLE)
            orrery_idle_skip(d->machine, end > now ? end - now : 0);
        else if (stop != ORRERY_RUNNING) {
            fprintf(stderr, "guest-screen: the machine has stopped (%d)\n", stop);
            if (stop == ORRERY_TRIPLE)
                orrery_report_shutdown(d->machine, stderr);
            return false;
        }
    }
    return true;
}

static bool sees(struct desk *d, const char *what)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    bool found = false;

    if (memory) {
        found = show(d, memory);
        fclose(memory);
        found = found && strstr(text, what);
        free(text);
    }
    return found;
}

static bool step_wait(struct desk *d, const char *arg)
{
    char *what;
    uint64_t limit = orrery_time_ns(d->machine) + strtoull(arg, &what, 10) * NS_PER_S;

    what += *what == ' ';
    while (!sees(d, what))
        if (orrery_time_ns(d->machine) > limit || !pass(d, LOOK_NS))
            return fail("not seen: ", what), false;
    return true;
}

static bool step_pass(struct desk *d, const char *arg)
{
    return pass(d, (uint64_t)(strtod(arg, NULL) * NS_PER_S));
}

static bool press(struct desk *d, const uint8_t *keys, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        orrery_key(d->machine, keys[i], true);
    if (!pass(d, KEY_NS))
        return false;
    while (n--)
        orrery_key(d->machine, keys[n], false);
    return pass(d, KEY_NS);
}

static bool step_keys(struct desk *d, const char *arg)
{
    uint8_t keys[4];
    unsigned n = 0;

    while (*arg) {
        size_t len = strcspn(arg, "- ");
        keys[n] = key_by_name(arg, len);
        if (!keys[n++] || n == sizeof(keys))
            return fail("no such keys: ", arg), false;
        arg += len;
        if (*arg != '-') {
            if (!press(d, keys, n))
                return false;
            n = 0;
        }
        arg += *arg != 0;
    }
    return true;
}

static bool step_type(struct desk *d, const char *arg)
{
    for (; *arg; arg++) {
        bool shift;
        uint8_t keys[2] = {KEY_SHIFT, key_by_symbol((unsigned char)*arg, &shift)};
        if (!keys[1] || !press(d, keys + !shift, 1u + shift))
            return false;
    }
    return true;
}

static bool step_show(struct desk *d, const char *arg)
{
    (void)arg;
    return show(d, stdout) || (fail("no text screen", ""), false);
}

static bool step_picture(struct desk *d, const char *arg)
{
    char err[128] = "cannot write it";
    FILE *out = fopen(arg, "wb");
    bool good = out && orrery_screendump(d->machine, out, ORRERY_PPM, err, sizeof(err));

    if (out)
        good = !fclose(out) && good;
    return good || (fail("picture: ", err), false);
}

static bool step_hash(struct desk *d, const char *arg)
{
    (void)arg;
    return printf("state hash: %016" PRIx64 "\n", orrery_state_hash(d->machine)) > 0;
}

static const struct step {
    const char *name;
    bool (*fn)(struct desk *d, const char *arg);
} steps[] = {
    {"wait", step_wait}, {"pass", step_pass},       {"keys", step_keys}, {"type", step_type},
    {"show", step_show}, {"picture", step_picture}, {"hash", step_hash},
};

static bool follow(struct desk *d, char *line)
{
    size_t len = strcspn(line, " \n");
    line[strcspn(line, "\n")] = 0;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        if (strlen(steps[i].name) == len && !strncmp(steps[i].name, line, len))
            return steps[i].fn(d, line + len + (line[len] == ' '));
    return fail("no such step: ", line), false;
}

int main(int argc, char **argv)
{
    static struct desk d;
    char err[256], line[1024];
    bool good = true;

    signal(SIGTERM, on_signal);
    d.config.ide[2].cdrom = true;
    d.config.ide[0].snapshot = d.config.floppy[0].snapshot = true;
    d.config.devices = d.devices;
    d.config.no_reboot = true;
    d.pace = 1;
    for (int i = 1; i < argc; i++)
        if (!set(&d, argv[i]))
            return fail("cannot set ", argv[i]);
    d.config.floppy[0].floppy = d.config.floppy[0].file;
    d.machine = orrery_create(&d.config, err, sizeof(err));
    if (!d.machine)
        return fail(err, "");
    orrery_set_pace(d.machine, d.pace * ORRERY_PACE);
    while (good && fgets(line, sizeof(line), stdin)) {
        good = follow(&d, line);
        fflush(stdout);
    }
    fprintf(stderr, "%" PRIu64 " ms of virtual time\n", orrery_time_ns(d.machine) / 1000000);
    if (!good && !show(&d, stderr))
        fprintf(stderr, "guest-screen: no text screen\n");
    orrery_free(d.machine);
    orrery_text_free(&d.text);
    return !good;
}
