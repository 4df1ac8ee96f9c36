/* The orrery command: opens what the options name, builds the machine, runs it, and says how it
 * ended. */
#include "frontend/audio.h"
#include "frontend/daemon.h"
#include "frontend/session.h"

#include <inttypes.h>
#include <unistd.h>

#define EXIT_TRIPLE_FAULT 3
#define EXIT_STUCK        4

static bool open_log(struct session *s)
{
    struct options *o = &s->options;
    if (!o->config.log_mask)
        return true;
    o->config.log = o->log_path ? session_output(s, "D", o->log_path) : stderr;
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
    c->profile = session_output(s, "profile", path);
    c->profile_host = c->profile ? session_output(s, "profile", s->profile_host) : NULL;
    c->profile_report = c->profile_host ? session_output(s, "profile", s->profile_report) : NULL;
    return c->profile_report;
}

/* Where perf looks for the names of code that has no file. */
static bool open_perf_map(struct session *s)
{
    if (!s->options.perf_map)
        return true;
    snprintf(s->perf_map, sizeof(s->perf_map), "/tmp/perf-%d.map", (int)getpid());
    s->options.config.perf_map = session_output(s, "perf-map", s->perf_map);
    return s->options.config.perf_map;
}

static bool open_screendump(struct session *s)
{
    const char *path = s->options.screendump;
    s->screendump = path ? session_output(s, "screendump", path) : NULL;
    return !path || s->screendump;
}

static bool write_screendump(struct session *s, struct orrery *o)
{
    enum orrery_picture format = s->options.screendump_png ? ORRERY_PNG : ORRERY_PPM;
    char err[128];

    return !s->screendump || orrery_screendump(o, s->screendump, format, err, sizeof(err)) ||
           complain("-screendump: %s", err);
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

static bool load_snapshot(struct session *s)
{
    char err[1400];

    return !s->options.loadvm || orrery_load(s->machine, s->options.loadvm, err, sizeof(err)) ||
           complain("-loadvm: %s", err);
}

static bool start_history(struct session *s)
{
    char err[200];

    bool wanted = s->options.history || (s->gdb && !s->options.no_history);

    return !wanted ||
           orrery_history_start(s->machine, s->options.history_bytes, err, sizeof(err)) ||
           complain("-history: %s", err);
}

static int run_machine(struct session *s, struct daemon *d)
{
    char err[256];
    uint64_t began = loop_now_ns();
    struct orrery *o = s->machine = orrery_create(&s->options.config, err, sizeof(err));
    if (!o) {
        complain("%s", err);
        return 1;
    }
    if (!displays_open(s)) {
        displays_close(s);
        orrery_free(o);
        return 1;
    }
    for (unsigned i = 0; i < s->nfiles; i++)
        outfile_start(&s->files[i]);
    if (s->options.said_date && !s->options.loadvm) /* whose clock goes on */
        orrery_set_date(o, s->options.date);
    if (!load_snapshot(s) || !start_history(s)) {
        displays_close(s);
        orrery_free(o);
        return 1;
    }
    loop_catch_signals();
    enum orrery_stop stop = ORRERY_RUNNING;
    bool ran = nethosts_start(s);
    if (ran) {
        daemon_ready(d);
        session_start_chardevs(s);
        stop = session_run(s);
        session_stop_chardevs(s);
    }
    displays_close(s);
    int status = ran ? status_of(o, stop) : 1;
    nethosts_stop(s);
    if (!orrery_finish(o)) {
        complain("%s", orrery_error(o));
        status = 1;
    }
    session_stop_audio(s);
    if (!write_screendump(s, o))
        status = 1;
    if (s->options.stats) /* first: hashing reads all of the guest's memory */
        orrery_print_stats(o, (double)(loop_now_ns() - began) / 1e9, stderr);
    if (s->options.statehash)
        fprintf(stderr, "state hash: %016" PRIx64 "\n", orrery_state_hash(o));
    orrery_free(o);
    return status;
}

int main(int argc, char **argv)
{
    static struct session s;
    struct daemon daemon;
    int status = 1;
    if (!options_parse(&s.options, argc, argv))
        return 1;
    if (s.options.done)
        return 0;
    if (daemon_begin(&daemon, s.options.daemonize) && session_chardevs(&s) && breaks_open(&s) &&
        open_log(&s) && open_profile(&s) && open_perf_map(&s) && open_screendump(&s) &&
        session_audio(&s) && nethosts_open(&s) && daemon_pidfile(&daemon, s.options.pidfile))
        status = run_machine(&s, &daemon);
    session_stop_chardevs(&s);
    for (unsigned i = 0; i < s.nfiles; i++)
        outfile_close(&s.files[i]);
    daemon_end(&daemon);
    return status;
}
