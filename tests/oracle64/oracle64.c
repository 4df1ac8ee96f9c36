/* The loop: draws trials, runs them on the host and on every back end, compares.
 *
 *   oracle64 [--trials N] [--seed S] [--only MNEMONIC] [--one SEED]
 *
 * A mismatch is a line with the trial's seed, which --one runs again and shows. Where the host
 * cannot run them the back ends are compared with each other. Exit status: 0, 1 after a mismatch,
 * 77 where there is nothing to compare. */
#include "tests/oracle64/oracle64.h"

#include "cpu/flags.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SHOWN 30

static const char *const regs[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                   "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

struct options {
    u64 trials, seed, one;
    bool just_one;
    const char *only;
};

struct run {
    struct decoder *decoder;
    struct guest *guest[2];
    const char *name[2];
    bool host; /* else the last back end stands in for it */
    u64 trials, mismatches;
    u32 trials_of[4096]; /* by row */
};

static void say(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(char *text, size_t size, const char *format, ...)
{
    size_t at = strlen(text);
    va_list args;

    va_start(args, format);
    vsnprintf(text + at, size - at, format, args);
    va_end(args);
}

static void compare_regs(const struct state *want, const struct state *got, u32 mask, char *text,
                         size_t size)
{
    for (unsigned i = 0; i < GPR64_COUNT; i++)
        if (want->gpr[i] != got->gpr[i])
            say(text, size, " %s %" PRIx64 " want %" PRIx64, regs[i], got->gpr[i], want->gpr[i]);
    for (unsigned i = 0; i < 16; i++)
        if (memcmp(want->xmm[i], got->xmm[i], 16))
            say(text, size, " xmm%u", i);
    if (want->mxcsr != got->mxcsr)
        say(text, size, " mxcsr %x want %x", got->mxcsr, want->mxcsr);
    if ((want->rflags ^ got->rflags) & mask)
        say(text, size, " flags %x want %x", (u32)got->rflags & mask, (u32)want->rflags & mask);
}

/* What differs, in text; false if nothing does. */
static bool compare(const struct trial *t, const struct state *want, const struct state *got,
                    const u8 *want_data, const u8 *got_data, char *text, size_t size)
{
    u32 hidden = want->cr2 >= 0x7ffffffff000; /* Linux does not tell what is present beyond */

    text[0] = 0;
    if (want->vector != got->vector || ((want->error ^ got->error) & ~hidden))
        say(text, size, " fault %u/%x want %u/%x", got->vector, got->error, want->vector,
            want->error);
    if (want->cr2 != got->cr2)
        say(text, size, " cr2 %" PRIx64 " want %" PRIx64, got->cr2, want->cr2);
    if (want->rip != got->rip)
        say(text, size, " rip %" PRIx64 " want %" PRIx64, got->rip, want->rip);
    compare_regs(want, got, FLAGS_COMPARED & ~undefined_flags(t), text, size);
    for (unsigned i = 0, n = 0; i < DATA_SIZE && n < 8; i++)
        if (want_data[i] != got_data[i] && ++n)
            say(text, size, " [%x] %02x want %02x", i, got_data[i], want_data[i]);
    return text[0];
}

static void show(const struct run *r, const struct trial *t, u64 seed, const char *name,
                 const char *what)
{
    char text[128] = "?", bytes[64] = "";

    for (unsigned i = 0; i < t->len; i++)
        say(bytes, sizeof(bytes), "%02x", t->code[i]);
    decode_text(r->decoder, t->code, t->len, CODE64, t->in.rip, text, sizeof(text));
    printf("MISMATCH --one %" PRIu64 " %s (%s) on %s:%s\n", seed, bytes, text, name, what);
    fflush(stdout);
}

static void show_state(const struct trial *t)
{
    for (unsigned i = 0; i < GPR64_COUNT; i++)
        printf("%s=%" PRIx64 " ", regs[i], t->in.gpr[i]);
    for (unsigned i = 0; i < t->npatches; i++)
        printf("[%x]=%" PRIx64 " ", t->patch[i].at, t->patch[i].value);
    printf("rip=%" PRIx64 " flags=%" PRIx64 " fs=%" PRIx64 " gs=%" PRIx64 "\n", t->in.rip,
           t->in.rflags, t->fs, t->gs);
}

static void run_trial(struct run *r, const struct trial *t, u64 seed)
{
    struct state want, got;
    char what[1024];

    if (r->host && !host_run(t, &want))
        return;
    if (!r->host)
        guest_run(r->guest[1], t, &want);
    r->trials++;
    if (t->decodes)
        r->trials_of[t->insn.row]++;
    const u8 *data = r->host ? host_data() : guest_data(r->guest[1]);
    for (unsigned i = 0; i < (r->host ? 2 : 1); i++) {
        if (!r->guest[i])
            continue;
        guest_run(r->guest[i], t, &got);
        if (compare(t, &want, &got, data, guest_data(r->guest[i]), what, sizeof(what)) &&
            r->mismatches++ < MAX_SHOWN)
            show(r, t, seed, r->name[i], what);
    }
}

static bool read_options(struct options *o, int argc, char **argv)
{
    *o = (struct options){.trials = 100000, .seed = 1};
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--trials"))
            o->trials = strtoull(argv[i + 1], NULL, 0);
        else if (!strcmp(argv[i], "--seed"))
            o->seed = strtoull(argv[i + 1], NULL, 0);
        else if (!strcmp(argv[i], "--only"))
            o->only = argv[i + 1];
        else if (!strcmp(argv[i], "--one"))
            o->one = strtoull(argv[i + 1], NULL, 0), o->just_one = true;
        else
            return false;
    }
    return argc % 2;
}

static unsigned count_rows(const struct run *r)
{
    unsigned n = 0;

    for (unsigned i = 0; i < ARRAY_LEN(r->trials_of); i++)
        n += r->trials_of[i] != 0;
    return n;
}

int main(int argc, char **argv)
{
    static struct run r = {.name = {"jit", "interp"}};
    struct options o;
    struct trial t;
    const char *why;

    if (!read_options(&o, argc, argv)) {
        fprintf(stderr, "usage: oracle64 [--trials N] [--seed S] [--only MNEMONIC] [--one SEED]\n");
        return 2;
    }
    r.host = host_start(&why);
    if (!r.host)
        printf("oracle64: %s\n", why);
    r.decoder = decoder_new();
    for (unsigned i = 0; i < 2; i++)
        r.guest[i] = guest_new(r.name[i], r.decoder);
    if (!r.host && !r.guest[0])
        return 77;
    for (u64 i = 0; i < (o.just_one ? 1 : o.trials); i++) {
        u64 seed = o.just_one ? o.one : o.seed * 1000000007 + i;
        if (!draw(&t, r.decoder, seed, o.only))
            continue;
        if (o.just_one)
            show_state(&t);
        run_trial(&r, &t, seed);
    }
    printf("%" PRIu64 " trials of %u forms, %" PRIu64 " mismatches\n", r.trials, count_rows(&r),
           r.mismatches);
    for (unsigned i = 0; i < 2; i++)
        if (r.guest[i])
            guest_free(r.guest[i]);
    decoder_free(r.decoder);
    return r.mismatches != 0;
}
