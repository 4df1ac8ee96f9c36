/* Jumps through a guest's time: a machine that goes back and forth by tick must be, at each, what a
 * machine is that ran straight there. Prints what it took. Exit status 1: it was not.
 *
 *   jumps [-kernel F] [-initrd F] [-append TEXT] [-hda F] [-m MIB] [-accel A] [-ticks N] [-jumps N]
 *         [-seed N] [-budget MIB] [-end N: begin with a jump to N] [-quiet] */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "machine/orrery.h"

#define MAX_JUMPS 1000
#define INPUTS    24
#define SPAN      1000000000000ull

struct world {
    struct orrery_config config;
    uint64_t ticks, seed, budget;
    unsigned jumps;
    uint64_t tick[MAX_JUMPS], want[MAX_JUMPS];
    uint64_t input[INPUTS];
    struct hash out; /* of what the guest has sent */
    uint64_t sent;
};

static void on_output(void *opaque, const void *data, size_t len)
{
    struct world *w = opaque;

    hash_bytes(&w->out, data, len);
    w->sent += len;
}

static uint64_t draw(struct world *w)
{
    w->seed = w->seed * 6364136223846793005ull + 1442695040888963407ull;
    return w->seed >> 11;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Of this thread's CPU time: other work on the host does not count. */
static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct orrery *make(struct world *w)
{
    char err[256];
    struct orrery *o = orrery_create(&w->config, err, sizeof(err));

    hash_init(&w->out);
    w->sent = 0;
    if (!o) {
        fprintf(stderr, "jumps: %s\n", err);
        exit(1);
    }
    return o;
}

/* Lets the guest live up to a tick (of a nanosecond). False: it has ended before. */
static bool run_to(struct orrery *o, uint64_t tick)
{
    while (orrery_tick(o) < tick) {
        enum orrery_stop stop = orrery_run(o, tick - orrery_tick(o));
        if (stop == ORRERY_IDLE || stop == ORRERY_STUCK)
            orrery_idle_skip(o, tick - orrery_tick(o));
        else if (stop != ORRERY_RUNNING)
            return false;
        if (stop == ORRERY_STUCK && orrery_idle_ns(o) == UINT64_MAX)
            return false;
    }
    return orrery_run(o, 0) != ORRERY_DIVERGED;
}

/* Typing, and a mouse that moves. */
static void give_input(struct orrery *o, unsigned n)
{
    static const char *const lines[] = {
        "ls -l /\n", "date\n", "cat /proc/interrupts\n",
        "i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; echo $i\n"};
    const char *line = lines[n % 4];

    orrery_serial_input(o, 0, line, strlen(line));
    orrery_key(o, (uint8_t)(0x10 + n), true);
    orrery_key(o, (uint8_t)(0x10 + n), false);
    orrery_mouse(o, (int)n, -(int)n, 0, n & 1);
}

/* Straight to the end; hashes at the chosen ticks, unless `want` is NULL. */
static void live(struct world *w, struct orrery *o, uint64_t *want)
{
    unsigned n = 0;

    for (unsigned i = 0; i <= w->jumps; i++) {
        uint64_t to = i < w->jumps ? w->tick[i] : w->ticks;
        for (; n < INPUTS && w->input[n] <= to; n++) {
            run_to(o, w->input[n]);
            give_input(o, n);
            orrery_run(o, 0);
        }
        if (!want && i < w->jumps)
            continue;
        if (!run_to(o, to)) {
            w->ticks = orrery_tick(o);
            for (; i < w->jumps; i++)
                w->tick[i] = w->ticks;
        } else if (want && i < w->jumps) {
            want[i] = orrery_state_hash(o);
        }
    }
}

static void complain(const char *what, uint64_t tick, uint64_t is, uint64_t want)
{
    fprintf(stderr, "jumps: %s tick %" PRIu64 ": %016" PRIx64 " instead of %016" PRIx64 "\n", what,
            tick, is, want);
    exit(1);
}

static double jump(struct orrery *o, uint64_t tick)
{
    char err[256];
    double began = seconds();

    if (!orrery_goto(o, tick, err, sizeof(err))) {
        fprintf(stderr, "jumps: %s\n", err);
        exit(1);
    }
    if (orrery_tick(o) != tick)
        complain("not at", tick, orrery_tick(o), tick);
    return seconds() - began;
}

/* A step back, and on again to where it was. */
static double step(struct orrery *o, uint64_t want)
{
    uint64_t tick = orrery_tick(o), is;
    double began = seconds(), took;
    enum orrery_stop stop = orrery_step_back(o);

    took = seconds() - began;
    if (stop != ORRERY_RUNNING)
        return 0;
    if (orrery_tick(o) >= tick)
        complain("not before", tick, orrery_tick(o), tick);
    if (orrery_tick(o) == tick - 1) {
        orrery_run(o, 1);
    } else { /* it was idle */
        orrery_run(o, 1);
        run_to(o, tick);
    }
    is = orrery_state_hash(o);
    if (is != want)
        complain("after a step back from", tick, is, want);
    return took;
}

static void jumps(struct world *w, struct orrery *o)
{
    double goto_sum = 0, goto_max = 0, step_sum = 0, step_max = 0;

    for (unsigned n = 0; n < w->jumps; n++) {
        unsigned i = (unsigned)(draw(w) % w->jumps);
        double took = jump(o, w->tick[i]);
        uint64_t is = orrery_state_hash(o);
        if (is != w->want[i])
            complain("at", w->tick[i], is, w->want[i]);
        if (took > 0.2)
            printf("slow: to %" PRIu64 " in %.0f ms\n", w->tick[i], 1e3 * took);
        goto_sum += took;
        goto_max = took > goto_max ? took : goto_max;
        took = step(o, w->want[i]);
        step_sum += took;
        step_max = took > step_max ? took : step_max;
    }
    printf("%u jumps: mean %.1f ms, at most %.1f ms; step back: mean %.1f ms, at most %.1f ms\n",
           w->jumps, 1e3 * goto_sum / w->jumps, 1e3 * goto_max, 1e3 * step_sum / w->jumps,
           1e3 * step_max);
}

static void options(struct world *w, int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *arg = argv[i + 1];
        if (!strcmp(name, "-kernel"))
            w->config.kernel = arg;
        else if (!strcmp(name, "-initrd"))
            w->config.initrd = arg;
        else if (!strcmp(name, "-append"))
            w->config.append = arg;
        else if (!strcmp(name, "-hda"))
            w->config.ide[0].file = arg;
        else if (!strcmp(name, "-accel"))
            w->config.accel = arg;
        else if (!strcmp(name, "-m"))
            w->config.ram_bytes = strtoull(arg, NULL, 0) << 20;
        else if (!strcmp(name, "-ticks"))
            w->ticks = strtoull(arg, NULL, 0);
        else if (!strcmp(name, "-jumps"))
            w->jumps = (unsigned)strtoul(arg, NULL, 0) % MAX_JUMPS;
        else if (!strcmp(name, "-seed"))
            w->seed = strtoull(arg, NULL, 0);
        else if (!strcmp(name, "-budget"))
            w->budget = strtoull(arg, NULL, 0) << 20;
    }
}

int main(int argc, char **argv)
{
    static struct world w = {.ticks = 100000000, .seed = 1, .jumps = 20};
    struct orrery *o;
    struct hash out;
    uint64_t end, sent;
    char err[256];
    double began;

    setvbuf(stdout, NULL, _IOLBF, 0);
    w.config.serial_present[0] = true;
    w.config.serial[0] = (struct orrery_sink){.write = on_output, .opaque = &w};
    options(&w, argc, argv);
    w.config.ide[0].snapshot = true;
    for (unsigned i = 0; i < w.jumps; i++)
        w.tick[i] = draw(&w) % w.ticks;
    for (unsigned i = 0; i < INPUTS; i++)
        w.input[i] = draw(&w) % w.ticks;
    qsort(w.tick, w.jumps, sizeof(w.tick[0]), by_value);
    qsort(w.input, INPUTS, sizeof(w.input[0]), by_value);

    o = make(&w);
    began = seconds();
    live(&w, o, NULL);
    printf("%" PRIu64 " ticks straight in %.2f s\n", orrery_tick(o), seconds() - began);
    orrery_free(o);

    o = make(&w);
    live(&w, o, w.want);
    end = orrery_state_hash(o);
    out = w.out;
    sent = w.sent;
    orrery_free(o);

    o = make(&w);
    if (!orrery_history_start(o, w.budget, err, sizeof(err))) {
        fprintf(stderr, "jumps: %s\n", err);
        return 1;
    }
    began = seconds();
    live(&w, o, NULL);
    struct orrery_history_info info;
    orrery_history_info(o, &info);
    printf("with a history in %.2f s: %u moments, %.1f MiB, %" PRIu64 " inputs\n",
           seconds() - began, info.moments, (double)info.bytes / 1048576, info.inputs);
    if (orrery_state_hash(o) != end)
        complain("with a history, at", w.ticks, orrery_state_hash(o), end);
    jumps(&w, o);
    jump(o, w.ticks);
    if (orrery_state_hash(o) != end)
        complain("back at", w.ticks, orrery_state_hash(o), end);
    if (w.sent != sent || hash_value(&w.out) != hash_value(&out))
        complain("output at", w.ticks, w.sent, sent);
    orrery_history_info(o, &info);
    printf("at the end: %u moments, %.1f MiB\n", info.moments, (double)info.bytes / 1048576);
    orrery_free(o);
    return 0;
}
