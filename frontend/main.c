/* The orrery command: options, terminal, and the loop that lets the machine run and host time pass.
 */
#include "frontend/options.h"
#include "frontend/outfile.h"
#include "frontend/term.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SLICE_INSNS       2000000u /* between looks at the terminal: a few milliseconds */
#define EXIT_TRIPLE_FAULT 3
#define EXIT_STUCK        4
#define MAX_FILES         (ORRERY_SERIAL_PORTS + 7)

struct session {
    struct options options;
    struct term term;
    struct outfile files[MAX_FILES]; /* outputs of character devices, log */
    unsigned nfiles;
    char profile_host[PATH_MAX], profile_report[PATH_MAX], perf_map[64];
    FILE *screendump;
    bool terminal; /* a serial port is on the terminal */
    unsigned terminal_port;
};

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void write_stdout(void *opaque, const void *data, size_t len)
{
    const char *p = data;
    (void)opaque;
    while (len) {
        ssize_t n = write(STDOUT_FILENO, p, len);
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return;
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        }
    }
}

static void write_file(void *opaque, const void *data, size_t len)
{
    fwrite(data, 1, len, opaque);
    fflush(opaque);
}

static FILE *open_output(struct session *s, const char *option, const char *path)
{
    struct outfile *f = &s->files[s->nfiles];
    if (!outfile_open(f, path)) {
        complain("-%s: cannot write '%s': %s", option, path, strerror(errno));
        return NULL;
    }
    s->nfiles++;
    return f->file;
}

/* Connects one character device by its description; *present false for "none". */
static bool open_sink(struct session *s, const char *option, const char *desc,
                      struct orrery_sink *sink, bool *present)
{
    *present = strcmp(desc, "none") != 0;
    memset(sink, 0, sizeof(*sink));
    if (!*present || !strcmp(desc, "null"))
        return true;
    if (!strcmp(desc, "stdio") || !strcmp(desc, "mon:stdio")) {
        sink->write = write_stdout;
        return true;
    }
    if (strncmp(desc, "file:", 5))
        return complain("-%s: unknown device '%s' (stdio, mon:stdio, file:PATH, null, none)",
                        option, desc);
    sink->write = write_file;
    sink->opaque = open_output(s, option, desc + 5);
    return sink->opaque;
}

static bool open_chardevs(struct session *s)
{
    struct options *o = &s->options;
    if (o->nserial == 0)
        o->serial[o->nserial++] = o->nographic ? "mon:stdio" : "null";
    for (unsigned i = 0; i < o->nserial; i++) {
        if (!open_sink(s, "serial", o->serial[i], &o->config.serial[i],
                       &o->config.serial_present[i]))
            return false;
        if (o->config.serial[i].write == write_stdout) {
            if (s->terminal)
                return complain("-serial: only one port can be on standard input and output");
            s->terminal = true;
            s->terminal_port = i;
        }
    }
    if (o->parallel &&
        !open_sink(s, "parallel", o->parallel, &o->config.parallel, &o->config.parallel_present))
        return false;
    return !o->debugcon ||
           open_sink(s, "debugcon", o->debugcon, &o->config.debugcon, &o->config.debugcon_present);
}

static bool open_log(struct session *s)
{
    struct options *o = &s->options;
    if (!o->config.log_mask)
        return true;
    o->config.log = o->log_path ? open_output(s, "D", o->log_path) : stderr;
    return o->config.log;
}

/* FILE, FILE.host and FILE.report. */
static bool open_profile(struct session *s)
{
    const char *path = s->options.profile_path;
    struct orrery_config *c = &s->options.config;
    if (!path)
        return true;
    snprintf(s->profile_host, sizeof(s->profile_host), "%s.host", path);
    snprintf(s->profile_report, sizeof(s->profile_report), "%s.report", path);
    c->profile = open_output(s, "profile", path);
    c->profile_host = c->profile ? open_output(s, "profile", s->profile_host) : NULL;
    c->profile_report = c->profile_host ? open_output(s, "profile", s->profile_report) : NULL;
    return c->profile_report;
}

/* Where perf looks for the names of code that has no file. */
static bool open_perf_map(struct session *s)
{
    if (!s->options.perf_map)
        return true;
    snprintf(s->perf_map, sizeof(s->perf_map), "/tmp/perf-%d.map", (int)getpid());
    s->options.config.perf_map = open_output(s, "perf-map", s->perf_map);
    return s->options.config.perf_map;
}

static bool open_screendump(struct session *s)
{
    const char *path = s->options.screendump;
    s->screendump = path ? open_output(s, "screendump", path) : NULL;
    return !path || s->screendump;
}

static bool write_screendump(struct session *s, struct orrery *o)
{
    enum orrery_picture format = s->options.screendump_png ? ORRERY_PNG : ORRERY_PPM;
    char err[128];

    return !s->screendump || orrery_screendump(o, s->screendump, format, err, sizeof(err)) ||
           complain("-screendump: %s", err);
}

/* Passes on what was typed, waiting for it at most timeout_ms. */
static void pump(struct session *s, struct orrery *o, int timeout_ms)
{
    char buf[256];
    size_t room = orrery_serial_room(o, s->terminal_port);
    if (!s->terminal)
        return;
    size_t n = term_read(&s->term, buf, room < sizeof(buf) ? room : sizeof(buf), timeout_ms);
    if (n)
        orrery_serial_input(o, s->terminal_port, buf, n);
}

/* The guest waits. Somebody at the keyboard: wait with it, by the wall clock; else let the time
 * pass at once. False when nothing can ever wake it. */
static bool idle(struct session *s, struct orrery *o)
{
    uint64_t left = orrery_idle_ns(o);
    bool paced = s->terminal && s->term.open && !s->options.config.replay;
    if (!paced) {
        orrery_idle_skip(o, UINT64_MAX);
        return left != UINT64_MAX;
    }
    double began = seconds();
    uint64_t ms = left / 1000000;
    if (left != UINT64_MAX && ms == 0) {
        orrery_idle_skip(o, left);
        return true;
    }
    pump(s, o, left == UINT64_MAX ? -1 : ms > 1000 ? 1000 : (int)ms);
    if (left != UINT64_MAX)
        orrery_idle_skip(o, (uint64_t)((seconds() - began) * 1e9));
    return true;
}

static enum orrery_stop run(struct session *s, struct orrery *o)
{
    while (!s->term.quit && !term_interrupted()) {
        enum orrery_stop stop = orrery_run(o, SLICE_INSNS);
        if (stop == ORRERY_IDLE) {
            if (!idle(s, o))
                return ORRERY_STUCK;
        } else if (stop != ORRERY_RUNNING) {
            return stop;
        }
        pump(s, o, 0);
    }
    return ORRERY_RUNNING;
}

static int status_of(struct orrery *o, enum orrery_stop stop)
{
    switch (stop) {
    case ORRERY_EXIT: return orrery_exit_code(o);
    case ORRERY_TRIPLE: orrery_report_shutdown(o, stderr); return EXIT_TRIPLE_FAULT;
    case ORRERY_DIVERGED: complain("%s", orrery_error(o)); return 1;
    case ORRERY_STUCK: complain("the guest has halted and nothing can wake it"); return EXIT_STUCK;
    default: return 0;
    }
}

static int run_machine(struct session *s)
{
    char err[256];
    double began = seconds();
    struct orrery *o = orrery_create(&s->options.config, err, sizeof(err));
    if (!o) {
        complain("%s", err);
        return 1;
    }
    for (unsigned i = 0; i < s->nfiles; i++)
        outfile_start(&s->files[i]);
    term_catch_signals();
    if (s->terminal)
        term_open(&s->term);
    enum orrery_stop stop = run(s, o);
    if (s->terminal)
        term_close(&s->term);
    int status = status_of(o, stop);
    if (!orrery_finish(o)) {
        complain("%s", orrery_error(o));
        status = 1;
    }
    if (!write_screendump(s, o))
        status = 1;
    if (s->options.stats) /* first: hashing reads all of the guest's memory */
        orrery_print_stats(o, seconds() - began, stderr);
    if (s->options.statehash)
        fprintf(stderr, "state hash: %016" PRIx64 "\n", orrery_state_hash(o));
    orrery_free(o);
    return status;
}

int main(int argc, char **argv)
{
    static struct session s;
    int status = 1;
    if (!options_parse(&s.options, argc, argv))
        return 1;
    if (s.options.done)
        return 0;
    if (open_chardevs(&s) && open_log(&s) && open_profile(&s) && open_perf_map(&s) &&
        open_screendump(&s))
        status = run_machine(&s);
    for (unsigned i = 0; i < s.nfiles; i++)
        outfile_close(&s.files[i]);
    return status;
}
