/* The hardware oracle for 64-bit code: an instruction, or a few, on the host's CPU and on every
 * back end, and everything compared.
 *
 * Both sides run in user mode at the same linear addresses, in an arena of a few pages that is
 * mapped twice, below 4 GiB and far above it. The code page is full of HLT, so that every trial
 * ends with a fault; on the host a jump behind the code often stands in for the HLT there, as it
 * costs no signal. What tests/oracle says of undefined flags holds here: on Intel's processors
 * nothing is masked, and on others there are no trials. */
#ifndef TESTS_ORACLE64_H
#define TESTS_ORACLE64_H

#include "base/types.h"
#include "cpu/decode.h"
#include "cpu/insn.h"
#include "tests/oracle/guest_cpu.h"

#define ARENA_LOW  0x00600000u
#define ARENA_HIGH 0x123456600000ull
/* Pages of it: code, nothing, two to write to, one to read, nothing. */
enum { ARENA_PAGES = 6, CODE_PAGE = 0, DATA_PAGE = 2, RO_PAGE = 4, GAP_PAGE = 5 };
#define DATA_SIZE (2 * PAGE_SIZE)

#define FLAGS_COMPARED (FLAGS_ARITH | FLAG_DF | FLAG_TF | FLAG_IOPL | FLAG_NT | FLAG_AC | FLAG_ID)

enum { MAX_BYTES = 15, MAX_INSNS = 5, MAX_CODE = MAX_BYTES * MAX_INSNS };

struct state {
    u64 gpr[GPR64_COUNT];
    u64 rip, rflags;
    u64 cr2; /* out, of a page fault */
    u32 vector, error;
    u32 mxcsr;
    u8 xmm[16][16];
};

/* 8 bytes of memory that differ from the background. */
struct patch {
    u32 at; /* in the data */
    u64 value;
};

struct trial {
    u8 code[MAX_CODE];
    u8 len;
    bool decodes; /* else #UD is expected */
    bool hlt;     /* ends with HLT on the host, too */
    unsigned ninsns;
    struct insn insn; /* the first, which alone may have operands in memory, ... */
    struct insn last; /* ... and the last */
    struct state in;
    u64 fs, gs; /* bases */
    u8 npatches;
    struct patch patch[3];
};

u64 rnd(u64 *seed);
u32 below(u64 *seed, u32 n);
bool one_in(u64 *seed, u32 n);
u64 edge(u64 *seed); /* of any size, near where carries, signs and counts change */

const u8 *background(void); /* DATA_SIZE bytes, then a page to be read */
void trial_fill(const struct trial *t, u8 *data);
/* Of what the trial leaves, flags that the manual leaves undefined and each processor handles in
 * its way. */
u32 undefined_flags(const struct trial *t);

/* Draws a trial; false: it came to nothing. */
bool draw(struct trial *t, struct decoder *d, u64 seed, const char *only);

bool host_start(const char **why);
/* False: the trial has gone astray. */
bool host_run(const struct trial *t, struct state *out);
const u8 *host_data(void);

struct guest *guest_new(const char *accel, struct decoder *d);
void guest_run(struct guest *g, const struct trial *t, struct state *out);
const u8 *guest_data(struct guest *g);

#endif
