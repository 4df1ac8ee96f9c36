/* The oracle's loop: draws trials, runs them on the host and on every back end, compares.
 *
 *   oracle [--trials N] [--seconds N] [--seed S] [--jobs N] [--only MNEMONIC]
 *          [--strict] [--cases FILE] [--coverage FILE] [--forms] [--not-run]
 *   oracle --case 'LINE'
 *   oracle --record FILE --trials N [--seed S]
 *   oracle --recorded FILE [--trials N]
 *
 * Ends with the numbers of trials, forms and mismatches. A mismatch is one line, with the trial in
 * the text form of case.c, which --case runs again and a file of --cases can hold. --coverage adds
 * the trials of each form to a file if there was no mismatch; --record writes the host's results to
 * a file (record.c), --recorded holds the back ends of any host to those, the first N or all;
 * --strict compares flags that the manual leaves undefined, too; --forms lists all forms, --not-run
 * those that the oracle leaves out, and why. Exit status: 0, 1 after a mismatch, 77 where there is
 * nothing to compare. */
#define _GNU_SOURCE
#include "tests/oracle/oracle.h"

#include "base/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_SHOWN 20
#define MAX_FORMS 4096
#define MAX_JOBS  64

/* What the jobs share. */
struct counts {
    u64 trials, mismatches;
    u64 by_form[MAX_FORMS];
    struct trial last; /* tells what a job died of */
};

struct options {
    u64 trials, seconds, seed;
    unsigned jobs;
    const char *only, *one_case, *cases, *coverage, *record, *recorded;
    bool list, not_run, strict;
};

struct run {
    struct counts *counts; /* of this job */
    struct forms *forms;
    struct decoder *decoder;
    struct gen *gen;
    struct guest *guests[2];
    const char *names[2];
    u64 shown;
    struct recording *recording; /* read, or written */
    bool host;                   /* else the back ends are compared with each other */
};

/* -- running -- */

static void show(struct run *r, const struct trial *t, const char *name, const char *what)
{
    static char line[16384];
    if (r->shown++ >= MAX_SHOWN)
        return;
    case_write(t, line, sizeof(line));
    const char *first = t->decodes[0] ? r->forms->form[form_of(r->forms, &t->insn[0])].name : "ud";
    printf("MISMATCH %s%s on %s:%s; --case '%s'\n", first, t->ninsns > 1 ? "..." : "", name, what,
           line);
    fflush(stdout);
}

static void count(struct run *r, const struct trial *t)
{
    r->counts->trials++;
    for (unsigned i = 0; i < t->ninsns; i++)
        if (t->decodes[i])
            r->counts->by_form[form_of(r->forms, &t->insn[i])]++;
}

static void run_trial(struct run *r, const struct trial *t)
{
    struct trial_state want, got;
    char what[1024];
    unsigned from = r->host ? 0 : 1;
    r->counts->last = *t;
    if (r->host && !host_run(t, &want))
        return;
    if (!r->host)
        guest_run(r->guests[0], t, &want);
    for (unsigned i = from; i < 2; i++) {
        if (!r->guests[i])
            continue;
        guest_run(r->guests[i], t, &got);
        if (r->host && got.vector == 14 && host_own_page(got.cr2))
            return;
        const u8 *data = r->host ? host_data() : guest_data(r->guests[0]);
        if (compare(t, &want, &got, data, guest_data(r->guests[i]), what, sizeof(what))) {
            if (r->host && !t->plain_end) { /* has it read the far jump behind the code? */
                struct trial again = *t;
                again.plain_end = true;
                run_trial(r, &again);
                return;
            }
            r->counts->mismatches++;
            show(r, t, r->names[i], what);
        }
    }
    count(r, t);
}

static bool open_run(struct run *r, struct counts *counts, const struct options *o)
{
    char why[256];
    *r = (struct run){.counts = counts, .names = {"jit", "interp"}};
    if (o->recorded && !(r->recording = recording_open(o->recorded, why, sizeof(why)))) {
        printf("oracle: %s\n", why);
        return false;
    }
    r->host = !o->recorded && host_start(why, sizeof(why));
    if (!r->host && !o->recorded)
        printf("oracle: only the back ends are compared: %s\n", why);
    r->decoder = decoder_new();
    r->forms = forms_new();
    CHECK(r->decoder && r->forms->len <= MAX_FORMS, "forms");
    r->gen = gen_new(r->forms, r->decoder);
    for (unsigned i = 0; i < 2; i++)
        r->guests[i] = guest_new(r->names[i], r->decoder);
    return r->host || r->recording || (r->guests[0] && r->guests[1]);
}

static void close_run(struct run *r)
{
    for (unsigned i = 0; i < 2; i++)
        if (r->guests[i])
            guest_free(r->guests[i]);
    gen_free(r->gen);
    forms_free(r->forms);
    decoder_free(r->decoder);
}

static void run_random(struct run *r, const struct options *o, unsigned job)
{
    static struct trial t;
    time_t end = time(NULL) + (time_t)o->seconds;
    u64 share = o->trials / o->jobs + (job < o->trials % o->jobs);
    u64 seed = o->seed * 0x9e3779b97f4a7c15ull + job;
    for (u64 n = 0; o->seconds ? n % 64 || time(NULL) < end : r->counts->trials < share; n++) {
        if (gen_trial(r->gen, &t, seed, o->only)) {
            t.undefined &= o->strict || !r->host ? 0 : ~0u;
            run_trial(r, &t);
        }
        seed = rnd64(&seed) * o->jobs + job;
    }
}

/* -- with a recording -- */

/* What differs on one of the back ends; *strayed: one has found the host's own memory. */
static bool check_guests(struct run *r, const struct trial *t, const struct trial_state *want,
                         const u8 *data, bool *strayed)
{
    struct trial_state got;
    char what[1024];
    bool good = true;
    r->counts->last = *t;
    for (unsigned i = 0; i < 2; i++) {
        if (!r->guests[i])
            continue;
        guest_run(r->guests[i], t, &got);
        *strayed |= got.vector == 14 && host_own_page(got.cr2);
        if (*strayed || !compare(t, want, &got, data, guest_data(r->guests[i]), what, sizeof(what)))
            continue;
        show(r, t, r->names[i], what);
        r->counts->mismatches++;
        good = false;
    }
    return good;
}

/* The trials end by a fault, so the far jump is nowhere that they could read. */
static bool record_trials(struct run *r, const struct options *o)
{
    static struct trial t;
    struct trial_state want;
    char why[256] = "";
    r->recording = r->host ? recording_create(o->record, o->seed) : NULL;
    if (!r->recording || !recording_forms(r->recording, r->forms, r->gen, why, sizeof(why))) {
        printf("oracle: cannot write %s\n", o->record);
        return false;
    }
    while (r->counts->trials < o->trials) {
        bool strayed = false;
        recording_next(r->recording, r->gen, &t, why, sizeof(why));
        t.plain_end = true;
        bool ran = host_run(&t, &want);
        if (ran)
            check_guests(r, &t, &want, host_data(), &strayed);
        if (ran && !strayed) {
            recording_put(r->recording, &t, &want, host_data());
            count(r, &t);
        } else {
            recording_put_none(r->recording);
        }
    }
    return recording_close(r->recording);
}

static bool run_recorded(struct run *r, const struct options *o)
{
    static struct trial t;
    static u8 data[DATA_SIZE];
    struct trial_state want;
    char why[256];
    bool strayed = false, good = recording_forms(r->recording, r->forms, r->gen, why, sizeof(why));
    while (good && r->counts->trials < o->trials &&
           recording_next(r->recording, r->gen, &t, why, sizeof(why)))
        if (recording_get(r->recording, &t, &want, data)) {
            check_guests(r, &t, &want, data, &strayed);
            count(r, &t);
        }
    if (*why)
        printf("oracle: %s\n", why);
    return recording_close(r->recording) && !*why;
}

/* A file of cases: one a line, comments from '#' on. */
static bool run_cases(struct run *r, const char *path)
{
    static struct trial t;
    static char line[16384];
    FILE *f = fopen(path, "r");
    unsigned number = 0;
    bool good = f;
    if (!f)
        printf("oracle: cannot read %s\n", path);
    while (f && fgets(line, sizeof(line), f)) {
        number++;
        line[strcspn(line, "#\n")] = 0;
        if (!*line)
            continue;
        if (case_read(&t, line, r->decoder)) {
            run_trial(r, &t);
        } else {
            printf("%s:%u: not a case\n", path, number);
            good = false;
        }
    }
    if (f)
        fclose(f);
    return good;
}

/* -- coverage -- */

/* Adds the trials of an earlier file; lines "encoding TAB name TAB trials". */
static void add_coverage(const struct forms *forms, u64 *by_form, const char *path)
{
    char line[256], key[64];
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof(line), f)) {
        char *count = strrchr(line, '\t');
        for (unsigned i = 0; count && i < forms->len; i++) {
            int n =
                snprintf(key, sizeof(key), "%s\t%s", forms->form[i].encoding, forms->form[i].name);
            if (count - line == n && !memcmp(line, key, (size_t)n)) {
                by_form[i] += strtoull(count + 1, NULL, 10);
                break;
            }
        }
    }
    if (f)
        fclose(f);
}

static bool write_coverage(const struct forms *forms, u64 *by_form, const char *path)
{
    add_coverage(forms, by_form, path);
    FILE *f = fopen(path, "w");
    if (!f) {
        printf("oracle: cannot write %s\n", path);
        return false;
    }
    for (unsigned i = 0; i < forms->len; i++)
        if (by_form[i])
            fprintf(f, "%s\t%s\t%" PRIu64 "\n", forms->form[i].encoding, forms->form[i].name,
                    by_form[i]);
    return fclose(f) == 0;
}

/* All forms: encoding, name, ISA generation, lifted or helper, privileged or not, why not run. */
static void list_forms(const struct forms *forms)
{
    for (unsigned i = 0; i < forms->len; i++) {
        const struct form *f = &forms->form[i];
        const struct insn_row *row = &insn_table[f->row];
        printf("%s\t%s\t%u\t%s\t%s\t%s\n", f->encoding, f->name, row->isa, form_how(f),
               row->attr & IA_PRIV ? "privileged" : "", f->skip ? f->skip : "");
    }
}

static void list_not_run(const struct forms *forms)
{
    for (unsigned i = 0; i < forms->len; i++)
        if (forms->form[i].skip)
            printf("not run: %s (%s): %s\n", forms->form[i].name, forms->form[i].encoding,
                   forms->form[i].skip);
}

/* -- jobs -- */

/* In a process of its own. */
static int job(const struct options *o, unsigned number, struct counts *counts)
{
    static struct trial t;
    struct run r;
    bool good = true;
    if (!open_run(&r, counts, o))
        return o->recorded ? 1 : 77;
    if (o->one_case) {
        good = case_read(&t, o->one_case, r.decoder);
        if (good)
            run_trial(&r, &t);
        else
            printf("oracle: not a case\n");
    } else if (o->record) {
        good = record_trials(&r, o);
    } else if (o->recorded) {
        good = run_recorded(&r, o);
    } else {
        if (o->cases && number == 0)
            good = run_cases(&r, o->cases);
        run_random(&r, o, number);
    }
    close_run(&r);
    return good && !counts->mismatches ? 0 : 1;
}

static void print_death(int sig, const struct counts *c)
{
    static char line[16384];
    case_write(&c->last, line, sizeof(line));
    printf("CRASH by signal %d after %" PRIu64 " trials: --case '%s'\n", sig, c->trials, line);
}

static int run_jobs(const struct options *o, struct counts *counts)
{
    int worst = 0, status;
    pid_t pids[MAX_JOBS];
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
    for (unsigned i = 0; i < o->jobs; i++) {
        waitpid(pids[i], &status, 0);
        int r = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
        if (!WIFEXITED(status))
            print_death(WTERMSIG(status), &counts[i]);
        worst = r > worst ? r : worst;
    }
    for (unsigned i = 1; i < o->jobs; i++) {
        counts[0].trials += counts[i].trials;
        counts[0].mismatches += counts[i].mismatches;
        for (unsigned k = 0; k < MAX_FORMS; k++)
            counts[0].by_form[k] += counts[i].by_form[k];
    }
    return worst;
}

static bool parse(struct options *o, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i], *v = i + 1 < argc ? argv[i + 1] : NULL;
        bool with_value = true;
        if (!strcmp(a, "--forms"))
            o->list = true, with_value = false;
        else if (!strcmp(a, "--strict"))
            o->strict = true, with_value = false;
        else if (!strcmp(a, "--not-run"))
            o->not_run = true, with_value = false;
        else if (!v)
            return false;
        else if (!strcmp(a, "--trials"))
            o->trials = strtoull(v, NULL, 10);
        else if (!strcmp(a, "--seconds"))
            o->seconds = strtoull(v, NULL, 10);
        else if (!strcmp(a, "--seed"))
            o->seed = strtoull(v, NULL, 10);
        else if (!strcmp(a, "--jobs"))
            o->jobs = (unsigned)strtoul(v, NULL, 10);
        else if (!strcmp(a, "--only"))
            o->only = v;
        else if (!strcmp(a, "--case"))
            o->one_case = v;
        else if (!strcmp(a, "--cases"))
            o->cases = v;
        else if (!strcmp(a, "--record"))
            o->record = v;
        else if (!strcmp(a, "--recorded"))
            o->recorded = v;
        else if (!strcmp(a, "--coverage"))
            o->coverage = v;
        else
            return false;
        i += with_value;
    }
    return o->jobs > 0 && o->jobs <= MAX_JOBS;
}

static void summary(const struct forms *forms, const struct counts *c)
{
    unsigned ran = 0, not_run = 0;
    for (unsigned i = 0; i < forms->len; i++) {
        ran += c->by_form[i] != 0;
        not_run += forms->form[i].skip != NULL;
    }
    printf("%" PRIu64 " trials, %u of %u forms (%u not run on this host), %" PRIu64 " mismatches\n",
           c->trials, ran, forms->len, not_run, c->mismatches);
}

int main(int argc, char **argv)
{
    struct options o = {.trials = 1000000, .seed = 1, .jobs = 1};
    if (!parse(&o, argc, argv)) {
        fprintf(stderr, "usage: see tests/oracle/oracle.c\n");
        return 2;
    }
    size_t size = o.jobs * sizeof(struct counts);
    struct counts *counts =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(counts != MAP_FAILED, "out of memory");
    bool run = !o.list && !o.not_run;
    if (o.one_case || o.record || o.recorded)
        o.jobs = 1;
    int status = run ? run_jobs(&o, counts) : 0;
    struct forms *forms = forms_new(); /* the jobs have their own */
    if (o.list) {
        list_forms(forms);
    } else if (o.not_run) {
        list_not_run(forms);
    } else {
        if (status != 77)
            summary(forms, &counts[0]);
        if (o.coverage && !status && !write_coverage(forms, counts[0].by_form, o.coverage))
            status = 1;
    }
    munmap(counts, size);
    forms_free(forms);
    return status;
}
