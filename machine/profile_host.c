/* Where the host's time goes. A timer of the thread's CPU time raises SIGPROF; its handler takes
 * the return addresses off the stack into a ring that the run loop empties. A sample is put into
 * the category of its innermost function that the table below knows; one whose stack begins in
 * translated code is a helper that the code called. Names come from the program's own symbol table,
 * those of libraries from the dynamic linker. */
#define _GNU_SOURCE
#include "jit/backend.h"
#include "machine/profile.h"
#include "machine/symbols.h"
#include "machine/tally.h"

#include <dlfcn.h>
#include <link.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <unwind.h>

#define PERIOD_NS  1003000 /* CPU time between samples */
#define MAX_FRAMES 40
#define RING       256u /* a power of two; runs are far shorter than as many periods */
#define TEXT_SIZE  2048

struct host_sample {
    u32 count; /* frames */
    uintptr_t pc[MAX_FRAMES];
};

struct host_profile {
    struct jit *jit;
    timer_t timer;
    bool running;
    u64 base; /* where the program is loaded */
    struct symbols *symbols;
    struct tally stacks, categories, functions;
    u32 lost; /* samples that found the ring full */
    _Atomic u32 head, tail;
    struct host_sample ring[RING];
};

/* The profile whose machine this thread runs. */
static _Thread_local struct host_profile *volatile current;

/* -- in the signal handler -- */

struct walk {
    struct host_sample *sample;
    bool beyond; /* past the signal's own frames */
};

/* The interrupted function is the first frame whose address is not one after a call. */
static _Unwind_Reason_Code take_frame(struct _Unwind_Context *context, void *opaque)
{
    struct walk *w = opaque;
    int exact = 0;
    uintptr_t pc = (uintptr_t)_Unwind_GetIPInfo(context, &exact);
    if (exact)
        w->beyond = true;
    if (!w->beyond || !pc)
        return _URC_NO_REASON;
    if (w->sample->count == MAX_FRAMES)
        return _URC_END_OF_STACK;
    w->sample->pc[w->sample->count++] = exact ? pc : pc - 1;
    return _URC_NO_REASON;
}

static void on_tick(int sig)
{
    struct host_profile *h = current;
    (void)sig;
    if (!h)
        return;
    u32 head = atomic_load_explicit(&h->head, memory_order_relaxed);
    if (head - atomic_load_explicit(&h->tail, memory_order_acquire) == RING) {
        h->lost++;
        return;
    }
    struct walk w = {.sample = &h->ring[head % RING]};
    w.sample->count = 0;
    _Unwind_Backtrace(take_frame, &w);
    atomic_store_explicit(&h->head, head + 1, memory_order_release);
}

/* -- names and categories -- */

/* Innermost first: what a function's time and that of all it calls counts as. */
static const struct {
    const char *function, *category;
} rules[] = {
    {"bus_in", "devices"},
    {"bus_out", "devices"},
    {"bus_intack", "devices"},
    {"clock_run", "devices"},
    {"phys_read", "devices"},
    {"phys_write", "devices"},
    {"profile_sample", "profiler"},
    {"translate", "translation"},
    {"ir_optimize", "translation"},
    {"x64_compile", "translation"},
    {"interp_compile", "translation"},
    {"block_insert", "translation"},
    {"block_drop_all", "translation"},
    {"block_invalidate", "code writes"},
    {"mmu_flush", "TLB flushes"},
    {"mmu_flush_page", "TLB flushes"},
    {"mmu_flush_nonglobal", "TLB flushes"},
    {"mmu_translate", "TLB misses"},
    {"mmu_translate_code", "TLB misses"},
    {"mem_slow_read", "TLB misses"},
    {"mem_slow_read_rmw", "TLB misses"},
    {"mem_slow_write", "TLB misses"},
    {"mem_slow_read_block", "TLB misses"},
    {"mem_slow_write_block", "TLB misses"},
    {"cpu_deliver_pending", "faults and interrupts"},
    {"cpu_interrupt", "faults and interrupts"},
    {"interp_steps", "interpreter"},
    {"interp_run", "interpreter"},
    {"jit_run", "run loop"},
    {"orrery_run", "machine"},
    {"orrery_state_hash", "state hash"},
};

/* The name of a function without what the compiler has appended ("f.part.0"). */
static void function_name(struct host_profile *h, uintptr_t pc, char *out, size_t size)
{
    const char *name = symbols_find(h->symbols, (u64)pc - h->base);
    Dl_info info;
    if (name) {
        snprintf(out, size, "%.*s", (int)strcspn(name, "."), name);
        return;
    }
    if (!dladdr((void *)pc, &info) || !info.dli_fname) {
        snprintf(out, size, "0x%llx", (unsigned long long)pc);
        return;
    }
    const char *slash = strrchr(info.dli_fname, '/');
    const char *file = slash ? slash + 1 : info.dli_fname;
    if (info.dli_sname)
        snprintf(out, size, "%s", info.dli_sname);
    else
        snprintf(out, size, "[%.*s]", (int)strcspn(file, "."), file);
}

static const char *category_of(const char *function)
{
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        if (!strcmp(rules[i].function, function))
            return rules[i].category;
    return NULL;
}

/* Are the machine's frames up to here, so that what is outside of them need not be told? */
static bool is_outermost(const char *function)
{
    return !strcmp(function, "jit_run") || !strcmp(function, "orrery_run");
}

static void count_sample(struct host_profile *h, const struct host_sample *s)
{
    char names[MAX_FRAMES][64], text[TEXT_SIZE];
    const char *category = NULL;
    u32 n = 0;
    bool translated = false;
    while (n < s->count && !translated) {
        if (jit_is_code(h->jit, (const void *)s->pc[n])) {
            translated = true;
            break;
        }
        function_name(h, s->pc[n], names[n], sizeof(names[n]));
        if (!category)
            category = category_of(names[n]);
        if (is_outermost(names[n++]))
            break;
    }
    if (translated && !category)
        category = n ? "helpers" : "translated code";
    if (!category)
        category = "outside";
    size_t at = (size_t)snprintf(text, sizeof(text), "%s", category);
    for (u32 i = n; i-- > 0 && at < sizeof(text);)
        at += (size_t)snprintf(text + at, sizeof(text) - at, ";%s", names[i]);
    tally_add(&h->stacks, text, 1);
    tally_add(&h->categories, category, 1);
    tally_add(&h->functions, n ? names[0] : "translated code", 1);
}

void host_profile_drain(struct host_profile *h)
{
    u32 tail = atomic_load_explicit(&h->tail, memory_order_relaxed);
    while (tail != atomic_load_explicit(&h->head, memory_order_acquire)) {
        count_sample(h, &h->ring[tail % RING]);
        atomic_store_explicit(&h->tail, ++tail, memory_order_release);
    }
}

/* -- making, ending -- */

/* The first object that the dynamic linker lists is the program. */
static int first_object(struct dl_phdr_info *info, size_t size, void *base)
{
    (void)size;
    *(u64 *)base = info->dlpi_addr;
    return 1;
}

static _Unwind_Reason_Code ignore_frame(struct _Unwind_Context *context, void *opaque)
{
    (void)context;
    (void)opaque;
    return _URC_NO_REASON;
}

struct host_profile *host_profile_new(struct jit *jit)
{
    char err[256];
    struct host_profile *h = calloc(1, sizeof(*h));
    if (!h)
        return NULL;
    h->jit = jit;
    h->symbols = symbols_new();
    if (!h->symbols) {
        free(h);
        return NULL;
    }
    symbols_load(h->symbols, "/proc/self/exe", 0, err, sizeof(err)); /* stripped: no names */
    dl_iterate_phdr(first_object, &h->base);
    symbols_find(h->symbols, 0);           /* sorts */
    _Unwind_Backtrace(ignore_frame, NULL); /* loads what it needs, which a handler must not */
    return h;
}

void host_profile_free(struct host_profile *h)
{
    if (!h)
        return;
    host_profile_stop(h);
    symbols_free(h->symbols);
    tally_free(&h->stacks);
    tally_free(&h->categories);
    tally_free(&h->functions);
    free(h);
}

/* The timer counts the time of the thread that runs the machine first. */
static void start_timer(struct host_profile *h)
{
    struct sigaction action = {.sa_handler = on_tick, .sa_flags = SA_RESTART};
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGPROF};
    const struct itimerspec period = {{0, PERIOD_NS}, {0, PERIOD_NS}};
    event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
    sigaction(SIGPROF, &action, NULL);
    if (timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &h->timer))
        return;
    timer_settime(h->timer, 0, &period, NULL);
    h->running = true;
}

void host_profile_enter(struct host_profile *h)
{
    current = h;
    if (!h->running)
        start_timer(h);
}

void host_profile_stop(struct host_profile *h)
{
    if (!h->running)
        return;
    timer_delete(h->timer);
    h->running = false;
    if (current == h)
        current = NULL;
    host_profile_drain(h);
    if (h->lost)
        tally_add(&h->categories, "lost", h->lost);
}

const struct tally *host_profile_stacks(const struct host_profile *h)
{
    return &h->stacks;
}

const struct tally *host_profile_categories(const struct host_profile *h)
{
    return &h->categories;
}

const struct tally *host_profile_functions(const struct host_profile *h)
{
    return &h->functions;
}
