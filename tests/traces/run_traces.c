/* Runs captured traces of a real processor on the CPU model they came from, on every back end.
 *   run-traces [--accel jit|interp] [--file NAME] [--index N] [-v] DIR...
 *   run-traces [--default TOP]
 * Ends with "N passed, N failed"; a test passes if it does on all back ends. -v prints a line for
 * each failure, --undefined compares flags too that are not defined. Without a DIR the environment
 * variable ORRERY_TRACES, or else TOP, is the folder that holds the suites. Exit status 1 for
 * failures and errors, 77 where there is nothing to run.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/traces/masks.h"
#include "tests/traces/replay.h"

enum { SKIPPED = 77, MAX_FILES = 4096 };

/* Suites by the CPU that metadata.json names. */
static const struct {
    const char *cpu, *model;
} cpus[] = {{"286", "286"}};

struct options {
    const char *accel; /* NULL: all */
    const char *file;  /* NULL: all; without .MOO.gz */
    const char *top;   /* --default; may be NULL */
    long index;        /* -1: all */
    bool verbose;
    bool undefined; /* compare the flags too that the metadata call undefined */
};

struct run {
    const struct options *opt;
    struct replay *machines[2];
    const char *names[2];
    unsigned long passed, failed;
    bool error;
};

static void run_test(struct run *r, const char *file, const struct trace *t, u16 mask)
{
    bool good = true;

    for (unsigned i = 0; i < ARRAY_LEN(r->machines); i++) {
        char text[400];

        if (!r->machines[i] || replay_run(r->machines[i], t, mask, text, sizeof(text)))
            continue;
        good = false;
        if (!r->opt->verbose)
            continue;
        printf("%s %u %s %s:%s (", file, t->index, r->names[i], t->name, text);
        for (unsigned k = 0; k < t->nbytes; k++)
            printf("%02x", t->bytes[k]);
        printf("%s)\n", t->excepted ? ", raises" : "");
    }
    if (good)
        r->passed++;
    else
        r->failed++;
}

static void run_file(struct run *r, const char *dir, const char *name, u16 mask)
{
    char path[1024], err[1200];
    const struct trace *t;
    unsigned long failed = r->failed;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    struct moo *m = moo_open(path, err, sizeof(err));
    if (!m) {
        fprintf(stderr, "%s\n", err);
        r->error = true;
        return;
    }
    while ((t = moo_next(m, err, sizeof(err))))
        if (r->opt->index < 0 || t->index == (u32)r->opt->index)
            run_test(r, name, t, mask);
    if (err[0]) {
        fprintf(stderr, "%s: %s\n", path, err);
        r->error = true;
    }
    moo_close(m);
    if (r->failed != failed)
        printf("%s: %lu failed\n", name, r->failed - failed);
}

/* -- folders -- */

static bool is_trace_file(const struct options *opt, const char *name)
{
    const char *suffix = strstr(name, ".MOO");
    size_t len = suffix ? (size_t)(suffix - name) : 0;

    if (!suffix || (strcmp(suffix, ".MOO.gz") != 0 && strcmp(suffix, ".MOO") != 0))
        return false;
    return !opt->file || (strlen(opt->file) == len && !strncmp(opt->file, name, len)) ||
           !strcmp(opt->file, name);
}

static bool make_machines(struct run *r, const char *model)
{
    static const char *const accels[] = {"interp", "jit"};
    bool any = false;

    for (unsigned i = 0; i < ARRAY_LEN(accels); i++) {
        if (r->opt->accel && strcmp(accels[i], r->opt->accel) != 0)
            continue;
        r->names[i] = accels[i];
        r->machines[i] = replay_new(accels[i], model);
        any |= r->machines[i] != NULL;
    }
    return any;
}

static void free_machines(struct run *r)
{
    for (unsigned i = 0; i < ARRAY_LEN(r->machines); i++) {
        replay_free(r->machines[i]);
        r->machines[i] = NULL;
    }
}

static bool fail(struct run *r, const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    r->error = true;
    return false;
}

/* The masks of a suite, with machines made for it. */
static struct masks *open_suite(struct run *r, const char *dir)
{
    char path[1024], err[1200];
    const char *model = NULL;

    snprintf(path, sizeof(path), "%s/metadata.json", dir);
    struct masks *m = masks_open(path, err, sizeof(err));
    if (!m) { /* or beside the folder */
        snprintf(path, sizeof(path), "%s/../metadata.json", dir);
        m = masks_open(path, err, sizeof(err));
    }
    if (!m) {
        fail(r, "metadata", err);
        return NULL;
    }
    for (unsigned i = 0; i < ARRAY_LEN(cpus); i++)
        if (!strcmp(masks_cpu(m), cpus[i].cpu))
            model = cpus[i].model;
    if (!model)
        fail(r, path, "traces of a processor that no CPU model stands for");
    else if (!make_machines(r, model))
        fail(r, r->opt->accel ? r->opt->accel : "back ends", "not available here");
    else
        return m;
    masks_close(m);
    return NULL;
}

static void run_dir(struct run *r, const char *dir)
{
    struct dirent **files;
    int n = scandir(dir, &files, NULL, alphasort);

    if (n < 0) {
        fail(r, dir, strerror(errno));
        return;
    }
    struct masks *m = open_suite(r, dir);
    for (int i = 0; i < n; i++) {
        if (m && is_trace_file(r->opt, files[i]->d_name))
            run_file(r, dir, files[i]->d_name,
                     r->opt->undefined ? 0xffff : masks_of(m, files[i]->d_name));
        free(files[i]);
    }
    free(files);
    masks_close(m);
    free_machines(r);
}

/* Every folder in top that holds a suite; false: there is none. */
static bool run_all(struct run *r, const char *top)
{
    struct dirent **files;
    int n = scandir(top, &files, NULL, alphasort);
    bool any = false;

    for (int i = 0; i < n; i++) {
        char dir[1024], meta[1100];
        FILE *f;

        snprintf(dir, sizeof(dir), "%s/%s", top, files[i]->d_name);
        snprintf(meta, sizeof(meta), "%s/metadata.json", dir);
        free(files[i]);
        f = fopen(meta, "r");
        if (!f)
            continue;
        fclose(f);
        any = true;
        run_dir(r, dir);
    }
    if (n >= 0)
        free(files);
    return any;
}

/* -- command line -- */

static _Noreturn void usage(void)
{
    fprintf(stderr, "usage: run-traces [--accel jit|interp] [--file NAME] [--index N] [-v] "
                    "[--undefined] DIR...\n");
    exit(1);
}

/* Takes argv[*i] and its value as an option; false: it is a folder. */
static bool option(struct options *opt, char **argv, int *i)
{
    const char *arg = argv[*i];

    if (arg[0] != '-')
        return false;
    if (!strcmp(arg, "--undefined")) {
        opt->undefined = true;
        return true;
    }
    if (!strcmp(arg, "-v")) {
        opt->verbose = true;
        return true;
    }
    if (!argv[*i + 1])
        usage();
    const char *value = argv[++*i];
    if (!strcmp(arg, "--accel"))
        opt->accel = value;
    else if (!strcmp(arg, "--file"))
        opt->file = value;
    else if (!strcmp(arg, "--default"))
        opt->top = value;
    else if (!strcmp(arg, "--index"))
        opt->index = strtol(value, NULL, 0);
    else
        usage();
    return true;
}

int main(int argc, char **argv)
{
    struct options opt = {.index = -1};
    struct run r = {.opt = &opt};
    int dirs = 0;

    for (int i = 1; i < argc; i++)
        if (!option(&opt, argv, &i))
            argv[++dirs] = argv[i];
    for (int i = 1; i <= dirs; i++)
        run_dir(&r, argv[i]);
    if (!dirs) {
        const char *top = getenv("ORRERY_TRACES");

        top = top ? top : opt.top;
        if (!top || !run_all(&r, top)) {
            printf("SKIP: no captured traces (ORRERY_TRACES names their folder)\n");
            return SKIPPED;
        }
    }
    printf("%lu passed, %lu failed\n", r.passed, r.failed);
    return r.failed || r.error || !r.passed ? 1 : 0;
}
