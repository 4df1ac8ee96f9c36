/* The hardware oracle: the same instruction on the host's CPU and on every back end, and everything
 * compared.
 *
 * Both sides run in flat 32-bit user mode at the same linear addresses, in an arena whose code page
 * is full of HLT: so every trial ends with a fault, either the instruction's own or #GP at the HLT
 * after it, and the fault's vector, error code and EIP, all registers, flags and the arena's memory
 * are the result. */
#ifndef TESTS_ORACLE_H
#define TESTS_ORACLE_H

#include "base/types.h"
#include "cpu/insn.h"

/* The arena, at this linear address on the host and at the same physical address in the guest. */
#define ARENA_BASE 0x00400000u
#define CODE_PAGE  ARENA_BASE
#define CODE_AT    (CODE_PAGE + 0x800)
#define DATA_BASE  (ARENA_BASE + 0x1000)
#define DATA_SIZE  0x2000u
#define ARENA_SIZE 0x3000u

/* What goes in and what comes out of a trial. */
struct trial_state {
    u32 gpr[8];
    u32 eflags;
    u32 eip;
    u32 vector, error; /* out: the fault that ended it */
    u8 fx[512] __attribute__((
        aligned(16))); /* FXSAVE image: x87, MMX, SSE; pointers and opcode do not count */
    u8 data[DATA_SIZE];
};

struct trial {
    const struct insn_row *row;
    u8 bytes[16];
    unsigned len;
    u32 undefined; /* EFLAGS bits that the manual leaves undefined after it */
    struct trial_state in;
};

/* -- gen.c -- */
/* Makes the next random trial from the seed; false: this draw came to nothing, draw again. */
bool trial_make(struct trial *t, u64 *seed);
u32 rnd32(u64 *seed);

/* -- host.c -- */
bool host_start(char *why, size_t size); /* false: no 32-bit mode here */
void host_run(const struct trial *t, struct trial_state *out);
void host_stop(void);

/* -- guest.c -- */
struct guest;
struct guest *guest_new(const char *accel); /* NULL: no such back end here */
void guest_run(struct guest *g, const struct trial *t, struct trial_state *out);
void guest_free(struct guest *g);

#endif
