/* The guest's side of the profiler, and the files. A sample is taken between two instructions,
 * every `every` of them: the function at EIP and, if the code keeps frame pointers, its callers.
 * Frames are believed as long as each lies above the last and its return address follows a call;
 * nothing of the guest's state is touched. Folded stacks: "root;caller;function count". */
#include "machine/profile.h"

#include "base/bytes.h"
#include "cpu/decode.h"
#include "machine/symbols.h"
#include "machine/tally.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_EVERY 100003u /* a prime: out of step with loops */
#define MAX_FRAMES    64
#define MAX_FRAME     0x100000u /* bytes of stack between two frames */
#define TEXT_SIZE     4096
#define TOP           25 /* rows of each table of the report */

/* A block that was sampled. */
struct hot_block {
    paddr pa;
    laddr la; /* where it ran when it was sampled first */
    u32 mode, guest, host;
    u64 samples;
};

struct profile {
    struct orrery *o;
    FILE *guest_out, *host_out, *report_out;
    u64 every, due;
    struct symbols *symbols;
    struct tally stacks, functions;
    struct hot_block *blocks;
    size_t nblocks, block_room;
    struct host_profile *host;
    bool finished;
};

/* -- stacks -- */

static bool user_mode(const struct cpu *cpu)
{
    return cpu->mode & MODE_USER;
}

/* Reads without side effects. */
static bool peek(struct cpu *cpu, laddr la, unsigned size, u64 *value)
{
    u8 bytes[8];
    for (unsigned i = 0; i < size; i++) {
        struct mmu_walk w;
        if (mmu_probe(&cpu->mmu, cpu_linear_next(cpu, la, i), ACCESS_READ, user_mode(cpu), &w) !=
            MMU_MEMORY)
            return false;
        bytes[i] = *w.host;
    }
    *value = load_le(bytes, size);
    return true;
}

/* Does a CALL end at la? Direct, or FF /2 with 2, 3, 6 or 7 bytes and perhaps REX. */
static bool follows_call(struct cpu *cpu, laddr la)
{
    static const u8 lengths[] = {2, 3, 6, 7};
    u64 v;
    if (peek(cpu, la - 5, 1, &v) && v == 0xe8)
        return true;
    for (unsigned i = 0; i < sizeof(lengths); i++)
        if (peek(cpu, la - lengths[i], 2, &v) && (v & 0x38ff) == 0x10ff)
            return true;
    return false;
}

/* Return addresses from the innermost on, by frame pointers. */
static unsigned walk_frames(struct cpu *cpu, laddr out[MAX_FRAMES])
{
    const u32 flat32 = MODE_CODE32 | MODE_STACK32;
    bool wide = cpu_is_code64(cpu);
    laddr base = wide ? 0 : cpu->seg[SEG_SS].base;
    u64 below = cpu->gpr[ESP], frame = cpu->gpr[EBP], next, ret;
    unsigned size = wide ? 8 : 4, n = 0;
    if ((cpu->mode & flat32) != flat32)
        return 0;
    while (n < MAX_FRAMES && frame >= below && frame - below < MAX_FRAME && frame % size == 0 &&
           peek(cpu, cpu_linear_next(cpu, base, frame), size, &next) &&
           peek(cpu, cpu_linear_next(cpu, base, frame + size), size, &ret) &&
           follows_call(cpu, cpu_code_linear(cpu, ret))) {
        out[n++] = cpu_code_linear(cpu, ret);
        below = frame + 2 * size;
        frame = next;
    }
    return n;
}

/* The function at a linear address, or the address. */
static const char *name_of(struct profile *p, laddr la, char *text, size_t size)
{
    const char *name = symbols_find(p->symbols, la);
    if (name)
        return name;
    snprintf(text, size, "0x" LADDR_FMT, LADDR_ARG(la));
    return text;
}

static const char *root_name(const struct cpu *cpu)
{
    if (cpu->mode & MODE_VM86)
        return "virtual-8086";
    if (!(cpu->mode & MODE_PROT))
        return "real";
    return user_mode(cpu) ? "user" : "kernel";
}

static void append(char *text, const char *part)
{
    size_t at = strlen(text);
    snprintf(text + at, TEXT_SIZE - at, ";%s", part);
}

static void sample_stack(struct profile *p)
{
    struct cpu *cpu = p->o->cpu;
    laddr frames[MAX_FRAMES], at = cpu_code_linear(cpu, cpu_eip(cpu));
    char text[TEXT_SIZE], number[24];
    unsigned n = walk_frames(cpu, frames);
    snprintf(text, sizeof(text), "%s", root_name(cpu));
    while (n-- > 0)
        append(text, name_of(p, frames[n] - 1, number, sizeof(number)));
    const char *leaf = name_of(p, at, number, sizeof(number));
    append(text, leaf);
    tally_add(&p->stacks, text, 1);
    tally_add(&p->functions, leaf, 1);
}

/* -- blocks -- */

static u32 host_insns(struct profile *p, const struct jit_block_info *b)
{
    const u8 *code = b->code;
    u32 n = 0;
    char text[96];
    for (u32 pos = 0; pos < b->code_size; n++) {
        u32 len = decode_host_text(p->o->cpu->decoder, code + pos, b->code_size - pos,
                                   (u64)(uintptr_t)(code + pos), text, sizeof(text));
        if (!len)
            break;
        pos += len;
    }
    return n;
}

static struct hot_block *block_slot(struct hot_block *v, size_t room, paddr pa, u32 mode)
{
    size_t i = (size_t)((pa ^ (u64)mode << 40) * 0x9e3779b97f4a7c15u >> 20) & (room - 1);
    while (v[i].samples && (v[i].pa != pa || v[i].mode != mode))
        i = (i + 1) & (room - 1);
    return &v[i];
}

static bool grow_blocks(struct profile *p)
{
    size_t room = p->block_room ? 2 * p->block_room : 1024;
    struct hot_block *v = calloc(room, sizeof(*v));
    if (!v)
        return false;
    for (size_t i = 0; i < p->block_room; i++)
        if (p->blocks[i].samples)
            *block_slot(v, room, p->blocks[i].pa, p->blocks[i].mode) = p->blocks[i];
    free(p->blocks);
    p->blocks = v;
    p->block_room = room;
    return true;
}

static void sample_block(struct profile *p)
{
    struct cpu *cpu = p->o->cpu;
    laddr la = cpu_code_linear(cpu, cpu_eip(cpu));
    struct mmu_walk w;
    struct jit_block_info b;
    if (mmu_probe(&cpu->mmu, la, ACCESS_EXEC, user_mode(cpu), &w) == MMU_FAULT ||
        !jit_block_at(p->o->jit, w.pa, cpu->mode, &b))
        return;
    if (2 * (p->nblocks + 1) > p->block_room && !grow_blocks(p))
        return;
    struct hot_block *hot = block_slot(p->blocks, p->block_room, b.pa, b.mode);
    if (!hot->samples) {
        *hot = (struct hot_block){b.pa,    la - (laddr)(w.pa - b.pa), b.mode,
                                  b.insns, host_insns(p, &b),         0};
        p->nblocks++;
    }
    hot->samples++;
}

u64 profile_due(const struct profile *p)
{
    return p->due;
}

void profile_sample(struct profile *p)
{
    u64 now = cpu_icount(p->o->cpu);
    if (now < p->due)
        return;
    if (!(p->o->cpu->events & EV_HALT)) { /* halted time retires nothing */
        sample_stack(p);
        sample_block(p);
    }
    while (p->due <= now)
        p->due += p->every;
}

/* -- making, ending -- */

static bool load_symbols(struct profile *p, const struct orrery_config *c, char *err,
                         size_t err_size)
{
    p->symbols = symbols_new();
    if (!p->symbols) {
        snprintf(err, err_size, "out of memory");
        return false;
    }
    for (unsigned i = 0; c->profile_symbols && c->profile_symbols[i].path; i++)
        if (!symbols_load(p->symbols, c->profile_symbols[i].path, c->profile_symbols[i].offset, err,
                          err_size))
            return false;
    /* A stripped kernel is no reason to refuse: nobody asked for its symbols. */
    char ignored[1];
    if (symbols_empty(p->symbols) && c->kernel && symbols_is_elf(c->kernel))
        symbols_load(p->symbols, c->kernel, 0, ignored, sizeof(ignored));
    return true;
}

struct profile *profile_new(struct orrery *o, const struct orrery_config *c, char *err,
                            size_t err_size)
{
    err[0] = 0;
    if (!c->profile && !c->profile_host && !c->profile_report)
        return NULL;
    struct profile *p = calloc(1, sizeof(*p));
    if (!p) {
        snprintf(err, err_size, "out of memory");
        return NULL;
    }
    p->o = o;
    p->guest_out = c->profile;
    p->host_out = c->profile_host;
    p->report_out = c->profile_report;
    p->every = c->profile_every ? c->profile_every : DEFAULT_EVERY;
    p->due = cpu_icount(o->cpu) + p->every;
    if (!load_symbols(p, c, err, err_size)) {
        profile_free(p);
        return NULL;
    }
    if (p->host_out || p->report_out) {
        p->host = host_profile_new(o->jit);
        if (!p->host) {
            snprintf(err, err_size, "out of memory");
            profile_free(p);
            return NULL;
        }
    }
    return p;
}

void profile_free(struct profile *p)
{
    if (!p)
        return;
    host_profile_free(p->host);
    symbols_free(p->symbols);
    tally_free(&p->stacks);
    tally_free(&p->functions);
    free(p->blocks);
    free(p);
}

void profile_enter(struct profile *p)
{
    if (p->host && !p->finished)
        host_profile_enter(p->host);
}

void profile_leave(struct profile *p)
{
    if (p->host && !p->finished)
        host_profile_drain(p->host);
}

/* -- files -- */

static bool write_folded(FILE *f, const struct tally *t)
{
    struct tally_row *rows = tally_sorted(t, false);
    for (size_t i = 0; rows && i < t->used; i++)
        fprintf(f, "%s %" PRIu64 "\n", rows[i].key, rows[i].count);
    free(rows);
    return !fflush(f) && !ferror(f);
}

static double percent(u64 part, u64 whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void write_table(FILE *f, const char *title, const struct tally *t)
{
    struct tally_row *rows = tally_sorted(t, true);
    fprintf(f, "\n%s\n", title);
    for (size_t i = 0; rows && i < t->used && i < TOP; i++)
        fprintf(f, "%7.2f%% %9" PRIu64 "  %s\n", percent(rows[i].count, t->total), rows[i].count,
                rows[i].key);
    free(rows);
}

static int by_samples(const void *a, const void *b)
{
    const struct hot_block *x = a, *y = b;
    if (x->samples != y->samples)
        return x->samples > y->samples ? -1 : 1;
    return x->pa != y->pa ? (x->pa < y->pa ? -1 : 1) : (x->mode > y->mode) - (x->mode < y->mode);
}

/* Samples are in proportion to instructions, so that of a block stands for samples / guest runs. */
static void write_blocks(struct profile *p)
{
    FILE *f = p->report_out;
    double weight = 0, host = 0;
    if (!p->blocks)
        return;
    qsort(p->blocks, p->block_room, sizeof(*p->blocks), by_samples);
    for (size_t i = 0; i < p->nblocks; i++) {
        weight += (double)p->blocks[i].samples;
        host += (double)p->blocks[i].samples * p->blocks[i].host / p->blocks[i].guest;
    }
    if (host > 0)
        fprintf(f, "\nhost instructions per guest instruction: %.2f\n", host / weight);
    fprintf(f, "\nblocks: share, samples, guest and host instructions, mode, address\n");
    for (size_t i = 0; i < p->nblocks && i < TOP; i++) {
        const struct hot_block *b = &p->blocks[i];
        char mode[16], number[24];
        jit_mode_name(b->mode, mode, sizeof(mode));
        fprintf(f, "%7.2f%% %9" PRIu64 " %3u %4u  %-8s 0x" LADDR_FMT " %s\n",
                percent(b->samples, p->functions.total), b->samples, b->guest, b->host, mode,
                LADDR_ARG(b->la), name_of(p, b->la, number, sizeof(number)));
    }
    p->nblocks = p->block_room = 0; /* sorted: no hash table any more */
}

static bool write_report(struct profile *p)
{
    FILE *f = p->report_out;
    fprintf(f, "guest: %" PRIu64 " samples, one every %" PRIu64 " instructions\n",
            p->functions.total, p->every);
    write_table(f, "guest functions", &p->functions);
    write_blocks(p);
    fprintf(f, "\nhost: %" PRIu64 " samples of CPU time\n",
            host_profile_categories(p->host)->total);
    write_table(f, "host time", host_profile_categories(p->host));
    write_table(f, "host functions", host_profile_functions(p->host));
    return !fflush(f) && !ferror(f);
}

bool profile_finish(struct profile *p, char *err, size_t err_size)
{
    bool ok = true;
    if (p->finished)
        return true;
    p->finished = true;
    if (p->host)
        host_profile_stop(p->host);
    if (p->guest_out)
        ok &= write_folded(p->guest_out, &p->stacks);
    if (p->host_out)
        ok &= write_folded(p->host_out, host_profile_stacks(p->host));
    if (p->report_out)
        ok &= write_report(p);
    if (!ok)
        snprintf(err, err_size, "the profile cannot be written");
    return ok;
}
