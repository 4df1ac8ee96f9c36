/* Runs random streams on the translator and on the interpreter and compares.
 *
 *   streams [--count N] [--seed S] [--seconds N] [--jobs N] [--cases FILE]
 *   streams --case 'CONFIG SEED BYTES'
 *
 * The CPU's state is compared after every stream, all of RAM after every 256. Ends with the numbers
 * of streams and mismatches; a mismatch is a line that --case runs again and a file of --cases can
 * hold. A crash or a hang of this program is a finding too: the last stream of each job is printed
 * when it ends by a signal. */
#include "tests/streams/streams.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "tests/oracle/oracle.h"

#define BATCH     256
#define MAX_SHOWN 20
#define TOO_LONG  20 /* seconds for a batch */

struct options {
    u64 count, seconds, seed;
    unsigned jobs;
    const char *one_case, *cases;
};

/* Shared with the parent. */
struct counts {
    u64 streams, mismatches;
    struct stream last;
};

struct run {
    struct counts *counts;
    struct decoder *decoder;
    struct world *world[2];
    bool verbose;
};

static void print_case(const struct stream *s)
{
    printf("%u %016" PRIx64 " ", s->config, s->seed);
    for (unsigned i = 0; i < STREAM_BYTES; i++)
        printf("%02x", s->code[i]);
}

static bool read_case(struct stream *s, const char *line)
{
    char bytes[2 * STREAM_BYTES + 1];
    unsigned config;
    if (sscanf(line, "%u %" SCNx64 " %30s", &config, &s->seed, bytes) != 3 ||
        config >= world_configs || strlen(bytes) != 2 * STREAM_BYTES)
        return false;
    s->config = config;
    for (unsigned i = 0; i < STREAM_BYTES; i++) {
        unsigned v;
        if (sscanf(bytes + 2 * i, "%2x", &v) != 1)
            return false;
        s->code[i] = (u8)v;
    }
    return true;
}

static void report(struct run *r, const struct stream *s, const char *what)
{
    if (r->counts->mismatches++ >= MAX_SHOWN)
        return;
    printf("MISMATCH %s (%s): --case '", what, world_config_name(s->config));
    print_case(s);
    printf("'\n");
    fflush(stdout);
}

/* False: the CPUs differ. */
static bool run_one(struct run *r, const struct stream *s)
{
    u64 hash[2] = {0};
    r->counts->last = *s;
    for (unsigned i = 0; i < 2; i++) {
        if (!r->world[i])
            continue;
        world_load(r->world[i], s);
        hash[i] = world_run(r->world[i]);
    }
    r->counts->streams++;
    if (r->verbose) {
        world_print(r->world[1], "interp");
        if (r->world[0])
            world_print(r->world[0], "jit");
    }
    return !r->world[0] || hash[0] == hash[1];
}

static void restore(struct run *r)
{
    for (unsigned i = 0; i < 2; i++)
        if (r->world[i])
            world_restore(r->world[i]);
}

static bool same_ram(const struct run *r)
{
    return !r->world[0] || world_same_ram(r->world[0], r->world[1]);
}

/* One stream alone, all compared. */
static bool run_alone(struct run *r, const struct stream *s)
{
    restore(r);
    if (!run_one(r, s)) {
        report(r, s, "of the CPU");
        return false;
    }
    if (!same_ram(r)) {
        report(r, s, "of memory");
        return false;
    }
    return true;
}

static void run_batch(struct run *r, const struct stream *batch, unsigned n)
{
    bool good = true;
    alarm(TOO_LONG);
    restore(r);
    for (unsigned i = 0; i < n; i++)
        if (!run_one(r, &batch[i])) {
            good = run_alone(r, &batch[i]);
            if (good) /* it takes what streams before it have left */
                report(r, &batch[i], "of the CPU, not alone");
        }
    if (!same_ram(r)) {
        good = true;
        for (unsigned i = 0; i < n; i++)
            good &= run_alone(r, &batch[i]);
        if (good)
            report(r, &batch[0], "of memory, by one of a batch from");
    }
    alarm(0);
}

static bool run_cases(struct run *r, const char *path)
{
    char line[256];
    struct stream s;
    FILE *f = fopen(path, "r");
    bool good = f;
    while (f && fgets(line, sizeof(line), f)) {
        line[strcspn(line, "#\n")] = 0;
        if (!*line)
            continue;
        if (read_case(&s, line))
            run_alone(r, &s);
        else
            good = false;
    }
    if (f)
        fclose(f);
    if (!good)
        printf("streams: %s cannot be read\n", path);
    return good;
}

static int job(const struct options *o, unsigned number, struct counts *counts)
{
    struct run r = {.counts = counts, .decoder = decoder_new(), .verbose = o->one_case};
    struct stream batch[BATCH];
    bool good = true;
    time_t end = time(NULL) + (time_t)o->seconds;
    CHECK(r.decoder, "no decoder");
    r.world[0] = world_new("jit", r.decoder);
    r.world[1] = world_new("interp", r.decoder);
    if (o->one_case) {
        good = read_case(&batch[0], o->one_case) && run_alone(&r, &batch[0]);
    } else {
        u64 seed = o->seed * 0x9e3779b97f4a7c15ull + number;
        u64 share = o->count / o->jobs + (number < o->count % o->jobs);
        if (o->cases && number == 0)
            good = run_cases(&r, o->cases);
        while (o->seconds ? time(NULL) < end : counts->streams < share) {
            for (unsigned i = 0; i < BATCH; i++)
                stream_draw(&batch[i], rnd64(&seed));
            run_batch(&r, batch, BATCH);
        }
    }
    for (unsigned i = 0; i < 2; i++)
        if (r.world[i])
            world_free(r.world[i]);
    decoder_free(r.decoder);
    return good && !counts->mismatches ? 0 : 1;
}

static int run_jobs(const struct options *o, struct counts *counts)
{
    int bad = 0, status;
    pid_t pids[64];
    fflush(stdout);
    for (unsigned i = 0; i < o->jobs; i++) {
        pids[i] = fork();
        CHECK(pids[i] >= 0, "fork");
        if (pids[i] == 0) {
            int r = job(o, i, &counts[i]);
            fflush(stdout);
            exit(r);
        }
    }
    u64 streams = 0, mismatches = 0;
    for (unsigned i = 0; i < o->jobs; i++) {
        waitpid(pids[i], &status, 0);
        if (!WIFEXITED(status)) {
            printf("CRASH by signal %d: --case '", WTERMSIG(status));
            print_case(&counts[i].last);
            printf("'\n");
        }
        bad |= !WIFEXITED(status) || WEXITSTATUS(status);
        streams += counts[i].streams;
        mismatches += counts[i].mismatches;
    }
    printf("%" PRIu64 " streams, %" PRIu64 " mismatches\n", streams, mismatches);
    return bad;
}

int main(int argc, char **argv)
{
    struct options o = {.count = 200000, .seed = 1, .jobs = 1};
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *a = argv[i], *v = argv[i + 1];
        if (!strcmp(a, "--count"))
            o.count = strtoull(v, NULL, 10);
        else if (!strcmp(a, "--seconds"))
            o.seconds = strtoull(v, NULL, 10);
        else if (!strcmp(a, "--seed"))
            o.seed = strtoull(v, NULL, 10);
        else if (!strcmp(a, "--jobs"))
            o.jobs = (unsigned)strtoul(v, NULL, 10);
        else if (!strcmp(a, "--case"))
            o.one_case = v;
        else if (!strcmp(a, "--cases"))
            o.cases = v;
        else
            o.jobs = 0;
    }
    if (argc % 2 == 0 || o.jobs == 0 || o.jobs > 64) {
        fprintf(stderr, "usage: see tests/streams/streams.c\n");
        return 2;
    }
    size_t size = o.jobs * sizeof(struct counts);
    struct counts *counts =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(counts != MAP_FAILED, "out of memory");
    int status = run_jobs(&o, counts);
    munmap(counts, size);
    return status;
}
