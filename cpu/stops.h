/* Where somebody outside wants the machine to stop: before an instruction at a linear address,
 * after one that has read or written memory or a port, changed the mode or CR3, or is the magic
 * XCHG BX, BX, and at the first instruction of a handler. They are no part of the guest's state,
 * which they leave as it is; what is not near one runs at full speed. Instructions at the page
 * offset of a code stop are never in a block, so the run loop sees each of them; the TLB
 * keeps the pages of watched data without granting them, like those of the debug registers; the
 * magic instruction is known when it is translated; the others are met where the CPU is slow
 * anyway. */
#ifndef CPU_STOPS_H
#define CPU_STOPS_H

#include "cpu/state.h"

#define STOPS_MAX     32
#define STOP_MAX_DATA PAGE_SIZE /* bytes that one can watch by linear address */

enum stop_kind {
    STOP_CODE,
    STOP_WRITE, /* linear addresses */
    STOP_READ,
    STOP_ACCESS,
    STOP_PHYS_WRITE, /* physical ones, DMA and devices' registers included */
    STOP_PHYS_READ,
    STOP_PHYS_ACCESS,
    STOP_OUT, /* ports */
    STOP_IN,
    STOP_PORT,
    STOP_MAGIC,
    STOP_MODE,   /* any of the STOP_MODE_ bits in at has changed */
    STOP_VECTOR, /* one of the vectors from at on is being handled, its handler not begun */
    STOP_CR3,    /* at has been loaded; len 0: anything */
    STOP_KINDS
};

/* Parts of the mode that STOP_MODE watches. */
enum {
    STOP_MODE_PE = 1,
    STOP_MODE_PG = 2,
    STOP_MODE_VM = 4,
    STOP_MODE_SMM = 8,
    STOP_MODE_LM = 16 /* EFER.LMA */
};

struct stop {
    enum stop_kind kind;
    u64 at;  /* the first address, port or vector; or as the kind says */
    u32 len; /* how many of them; a code stop's is 1 */
};

struct stops {
    struct stop all[STOPS_MAX];
    unsigned n;
    u32 kinds; /* bits of those that there are */
    struct phys_witness witness;
    u64 code[PAGE_SIZE / 64]; /* the page offsets of code stops */
    u64 passed; /* at this instruction count code stops are passed: the run goes on from there */
    u32 mode;   /* STOP_MODE_ bits as they were */
    bool interrupted; /* an interrupt has come in; whoever wants to know clears it */
    bool off;         /* none counts */
    bool hit;
    struct stop what; /* the first one met */
    u64 at;           /* address, port, vector, changed bits of the mode, or value of CR3 */
};

static inline bool stops_offset(const struct cpu *cpu, u32 page_off)
{
    const struct stops *s = cpu->stops;

    return s && page_off < PAGE_SIZE && (s->code[page_off / 64] >> page_off % 64 & 1);
}

/* Is there one of the kind? */
static inline bool stops_have(const struct cpu *cpu, enum stop_kind kind)
{
    return cpu->stops && (cpu->stops->kinds >> kind & 1);
}

/* Replaces all of cpu->stops. Translations made before must be dropped. */
void stops_set(struct cpu *cpu, const struct stop *all, unsigned n);

/* Is a code stop due at CS:EIP? Then it is the hit, and EV_STOP is set. */
bool stops_fetch(struct cpu *cpu);
/* An access that is going to be made; its hit stops the machine after the instruction. */
void stops_memory(struct cpu *cpu, laddr la, unsigned len, enum access acc);
void stops_phys(struct cpu *cpu, paddr pa, u64 len, bool write);
void stops_port(struct cpu *cpu, u16 port, unsigned size, bool out);
/* Would it meet one? */
bool stops_watch(const struct cpu *cpu, laddr la, unsigned len, enum access acc);
bool stops_watch_phys(const struct cpu *cpu, paddr pa, u64 len, bool write);
/* What has just happened: the magic instruction, a vector delivered, the mode perhaps changed, CR3
 * loaded. */
void stops_magic(struct cpu *cpu);
void stops_vector(struct cpu *cpu, u8 vec);
void stops_mode(struct cpu *cpu);
void stops_cr3(struct cpu *cpu);

#endif
