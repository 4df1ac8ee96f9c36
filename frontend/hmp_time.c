/* The text monitor's commands that go back in time. The guest stands while they do, and afterwards:
 * `cont` runs on from there. */
#include <stdlib.h>
#include <string.h>

#include "frontend/monitor.h"
#include "frontend/session.h"

#define BYTES_PER_MIB 1048576

/* Where the machine stands now. */
static bool print_place(struct hmp *h)
{
    const struct orrery *o = h->session->machine;
    uint64_t cs = 0;

    orrery_reg_by_name(o, "cs", &cs);
    fprintf(h->out, "tick %llu at %04llx:%0*llx\n", (unsigned long long)orrery_tick(o),
            (unsigned long long)cs, orrery_code_bits(o) == 64 ? 16 : 8,
            (unsigned long long)orrery_reg(o, ORRERY_EIP));
    return true;
}

static bool has_history(struct hmp *h)
{
    uint64_t first, last;

    if (orrery_history_range(h->session->machine, &first, &last))
        return true;
    h->args = "";
    return hmp_fail(h, "Error: there is no history: see -history and 'history start'");
}

static bool run_goto(struct hmp *h)
{
    char err[200];
    uint64_t tick;
    bool ok;

    if (!has_history(h) || !hmp_value(h, &tick))
        return false;
    session_pause(h->session);
    ok = orrery_goto(h->session->machine, tick, err, sizeof(err));
    session_moved(h->session);
    return ok ? print_place(h) : hmp_fail(h, "Error: %s", err);
}

static bool run_step_back(struct hmp *h)
{
    enum orrery_stop stop = ORRERY_RUNNING;
    uint64_t steps = 1;

    if (!has_history(h) || (!hmp_at_end(h) && !hmp_value(h, &steps)))
        return false;
    session_pause(h->session);
    for (; steps && stop == ORRERY_RUNNING; steps--)
        stop = orrery_step_back(h->session->machine);
    session_moved(h->session);
    if (stop == ORRERY_BEGIN)
        fputs("this is the begin of the history\n", h->out);
    return print_place(h);
}

static bool run_reverse_continue(struct hmp *h)
{
    struct session *s = h->session;
    enum orrery_stop stop;
    char text[96];

    if (!has_history(h))
        return false;
    session_pause(s);
    breaks_apply(s, false);
    stop = orrery_run_back(s->machine);
    session_moved(s);
    if (stop == ORRERY_BREAK) {
        session_met(s);
        breaks_describe(&s->cause.met.what, text, sizeof(text));
        fprintf(h->out, "before %s, by 0x%08llx\n", text, (unsigned long long)s->cause.at);
    } else {
        fputs("no break point was met: this is the begin of the history\n", h->out);
    }
    return print_place(h);
}

static bool print_history(struct hmp *h)
{
    struct orrery_history_info i;

    if (!orrery_history_info(h->session->machine, &i)) {
        fputs("there is no history\n", h->out);
        return true;
    }
    fprintf(h->out,
            "ticks: %llu to %llu\nnow: %llu\nmoments in memory: %u\nmemory: %.1f of %llu MiB\n"
            "inputs: %llu\n",
            (unsigned long long)i.first, (unsigned long long)i.last,
            (unsigned long long)orrery_tick(h->session->machine), i.moments,
            (double)i.bytes / BYTES_PER_MIB, (unsigned long long)(i.budget / BYTES_PER_MIB),
            (unsigned long long)i.inputs);
    return true;
}

static bool run_history(struct hmp *h)
{
    struct orrery *o = h->session->machine;
    char what[16], err[200];
    uint64_t mib = 0;

    if (!hmp_word(h, what, sizeof(what)))
        return print_history(h);
    if (!strcmp(what, "start")) {
        if (!hmp_at_end(h) && !hmp_value(h, &mib))
            return false;
        return orrery_history_start(o, mib * BYTES_PER_MIB, err, sizeof(err)) ||
               hmp_fail(h, "Error: %s", err);
    }
    if (!strcmp(what, "stop"))
        orrery_history_stop(o);
    else if (!strcmp(what, "fork"))
        orrery_history_fork(o);
    else
        return hmp_fail(h, "Error: start, stop or fork expected, not '%s'", what);
    return true;
}

const struct hmp_command hmp_time_commands[] = {
    {"goto", "replay_seek", "tick",
     "go to an instruction count, in the past or back to the present", run_goto},
    {"step-back", "stepback|reverse-stepi", "[n]", "go back by n instructions", run_step_back},
    {"reverse-continue", "rc", "", "go back to where a break point was met last",
     run_reverse_continue},
    {"history", NULL, "[start [MiB]|stop|fork]",
     "show how far one can go back; from now on; no longer; drop what is known of the future",
     run_history},
    {NULL, NULL, NULL, NULL, NULL},
};

bool hmp_info_replay(struct hmp *h)
{
    const struct orrery_config *c = &h->session->options.config;
    const char *path = c->record ? c->record : c->replay;

    if (path)
        fprintf(h->out, "%s execution '%s': instruction count = %llu\n",
                c->record ? "Recording" : "Replaying", path,
                (unsigned long long)orrery_tick(h->session->machine));
    else
        fputs("Record/replay is not active\n", h->out);
    return true;
}
