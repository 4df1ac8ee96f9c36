/* Where somebody outside wants the machine to stop: before an instruction at a linear address, or
 * after one that has read or written memory. They are no part of the guest's state, which they
 * leave as it is; what is not near one runs at full speed. Instructions at the page offset of a
 * code stop are never in a block, so the run loop sees each of them; the TLB keeps the
 * pages of watched data without granting them, like those of the debug registers. */
#ifndef CPU_STOPS_H
#define CPU_STOPS_H

#include "cpu/state.h"

#define STOPS_MAX    32
#define STOP_MAX_LEN 64 /* bytes of data that one can watch */

enum stop_kind { STOP_CODE, STOP_WRITE, STOP_READ, STOP_ACCESS };

struct stop {
    enum stop_kind kind;
    laddr la;
    u32 len; /* bytes; a code stop's is 1 */
};

struct stops {
    struct stop all[STOPS_MAX];
    unsigned n;
    u64 code[PAGE_SIZE / 64]; /* the page offsets of code stops */
    u64 passed; /* at this instruction count code stops are passed: the run goes on from there */
    bool off;   /* none counts */
    bool hit;
    struct stop what; /* the first one met */
    laddr at;         /* by an access here */
};

static inline bool stops_offset(const struct cpu *cpu, u32 page_off)
{
    const struct stops *s = cpu->stops;

    return s && page_off < PAGE_SIZE && (s->code[page_off / 64] >> page_off % 64 & 1);
}

/* Replaces all of cpu->stops. Translations made before must be dropped. */
void stops_set(struct cpu *cpu, const struct stop *all, unsigned n);

/* Is a code stop due at CS:EIP? Then it is the hit, and EV_STOP is set. */
bool stops_fetch(struct cpu *cpu);
/* An access that is going to be made; its hit stops the machine after the instruction. */
void stops_memory(struct cpu *cpu, laddr la, unsigned len, enum access acc);
/* Would it meet one? */
bool stops_watch(const struct cpu *cpu, laddr la, unsigned len, enum access acc);

#endif
