/* The oracle's loop: draws trials, runs them on the host and on every back end, compares.
 *   oracle [--trials N] [--seconds N] [--seed S] [--only MNEMONIC]
 * Ends with the numbers of trials, forms and mismatches; each mismatch is one line that names the
 * seed of its trial
 * (--seed S --trials 1 repeats it). */
#include "tests/oracle/oracle.h"

#include "cpu/flags.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_SHOWN 20

struct run {
    u64 trials, mismatches;
    u64 *by_form; /* trials of each row of insn_table */
    struct guest *guests[2];
    const char *names[2];
};

static const char *const regs[] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};

/* Control, status and tag word, MXCSR; ST0 to ST7, XMM0 to XMM7. */
static int differs_fx(const u8 *want, const u8 *got, char *text, size_t size)
{
    static const struct {
        const char *name;
        u16 at, bytes, count;
    } parts[] = {{"fcw", 0, 2, 1},    {"fsw", 2, 2, 1},  {"tags", 4, 1, 1},
                 {"mxcsr", 24, 4, 1}, {"st", 32, 10, 8}, {"xmm", 160, 16, 8}};
    int n = 0;
    for (unsigned i = 0; i < ARRAY_LEN(parts); i++) {
        for (unsigned k = 0; k < parts[i].count; k++) {
            const u8 *a = want + parts[i].at + 16 * k, *b = got + parts[i].at + 16 * k;
            if (!memcmp(a, b, parts[i].bytes) || n > 200)
                continue;
            n += snprintf(text + n, size - (size_t)n, " %s%u ", parts[i].name, k);
            for (unsigned j = parts[i].bytes; j-- > 0;)
                n += snprintf(text + n, size - (size_t)n, "%02x", b[j]);
            n += snprintf(text + n, size - (size_t)n, " want ");
            for (unsigned j = parts[i].bytes; j-- > 0;)
                n += snprintf(text + n, size - (size_t)n, "%02x", a[j]);
        }
    }
    return n;
}

/* What differs, as one line in text; false if nothing does. */
static bool differs(const struct trial *t, const struct trial_state *want,
                    const struct trial_state *got, char *text, size_t size)
{
    u32 mask = (FLAGS_ARITH | FLAG_DF) & ~t->undefined;
    int n = 0;
    text[0] = 0;
    if (want->vector != got->vector || want->error != got->error)
        n += snprintf(text + n, size - (size_t)n, " fault %u/%x want %u/%x", got->vector,
                      got->error, want->vector, want->error);
    if (want->eip != got->eip)
        n += snprintf(text + n, size - (size_t)n, " eip %x want %x", got->eip, want->eip);
    for (unsigned i = 0; i < 8; i++)
        if (want->gpr[i] != got->gpr[i])
            n += snprintf(text + n, size - (size_t)n, " %s %x want %x", regs[i], got->gpr[i],
                          want->gpr[i]);
    if ((want->eflags ^ got->eflags) & mask)
        n += snprintf(text + n, size - (size_t)n, " eflags %x want %x (mask %x)",
                      got->eflags & mask, want->eflags & mask, mask);
    n += differs_fx(want->fx, got->fx, text + n, size - (size_t)n);
    if (memcmp(want->data, got->data, DATA_SIZE)) {
        unsigned i = 0;
        while (want->data[i] == got->data[i])
            i++;
        n += snprintf(text + n, size - (size_t)n, " [%x] %02x want %02x", DATA_BASE + i,
                      got->data[i], want->data[i]);
    }
    return n > 0;
}

static void show(const struct trial *t, u64 seed, const char *backend, const char *what)
{
    printf("MISMATCH --seed %" PRIu64 " %s on %s:", seed, t->row->name, backend);
    for (unsigned i = 0; i < t->len; i++)
        printf(" %02x", t->bytes[i]);
    printf(" eflags %x;", t->in.eflags);
    for (unsigned i = 0; i < 8; i++)
        printf(" %s=%x", regs[i], t->in.gpr[i]);
    printf(";%s\n", what);
}

/* One trial drawn from seed; false if the draw came to nothing. */
static bool run_trial(struct run *r, u64 seed, const char *only)
{
    static struct trial t;
    static struct trial_state want, got;
    u64 s = seed;
    char what[1024];
    if (!trial_make(&t, &s) || (only && strcmp(only, t.row->name)))
        return false;
    host_run(&t, &want);
    for (unsigned i = 0; i < 2; i++) {
        if (!r->guests[i])
            continue;
        guest_run(r->guests[i], &t, &got);
        if (differs(&t, &want, &got, what, sizeof(what)) && r->mismatches++ < MAX_SHOWN)
            show(&t, seed, r->names[i], what);
    }
    r->trials++;
    r->by_form[t.row - insn_table]++;
    return true;
}

int main(int argc, char **argv)
{
    u64 trials = 100000, seed = 1;
    double limit = 0;
    const char *only = NULL;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--trials"))
            trials = strtoull(argv[i + 1], NULL, 0);
        else if (!strcmp(argv[i], "--seconds"))
            limit = strtod(argv[i + 1], NULL), trials = UINT64_MAX;
        else if (!strcmp(argv[i], "--seed"))
            seed = strtoull(argv[i + 1], NULL, 0);
        else if (!strcmp(argv[i], "--only"))
            only = argv[i + 1];
        else
            return fprintf(stderr, "oracle: unknown option %s\n", argv[i]), 1;
    }
    char why[128];
    if (!host_start(why, sizeof(why))) {
        printf("oracle: skipped: %s\n", why);
        return 77;
    }
    struct run r = {.names = {"jit", "interp"}};
    r.by_form = calloc(insn_table_len, sizeof(u64));
    for (unsigned i = 0; i < 2; i++)
        r.guests[i] = guest_new(r.names[i]);
    time_t end = time(NULL) + (time_t)limit;
    for (u64 n = 0; r.trials < trials && (limit == 0 || time(NULL) < end); n++)
        run_trial(&r, seed + n, only);
    unsigned forms = 0;
    for (unsigned i = 0; i < insn_table_len; i++)
        forms += r.by_form[i] != 0;
    printf("%" PRIu64 " trials, %u forms, %" PRIu64 " mismatches\n", r.trials, forms, r.mismatches);
    for (unsigned i = 0; i < 2; i++)
        if (r.guests[i])
            guest_free(r.guests[i]);
    free(r.by_form);
    host_stop();
    return r.mismatches != 0;
}
