/* Who watches a run without being seen by it: each instruction, each access to memory, each
 * delivery of an interrupt or exception is told of just before it happens. Hooks must change
 * nothing, and must not raise. None is asked for in translated code: instructions are told of when
 * they are stepped, which the run loop does as long as there is a hook for them; accesses when they
 * come through mem.c, by whoever keeps their pages out of the TLB (debug_update()). Accesses by
 * physical address: struct phys_witness. */
#ifndef CPU_TRACE_H
#define CPU_TRACE_H

#include "cpu/state.h"

/* A part of an access by linear address: all of one, or what is in one of its two pages. */
struct cpu_access {
    laddr la;
    paddr pa;
    const u8 *host; /* memory: a write finds there what it is going to replace; NULL: a device */
    const u8 *buf;  /* the bytes read, or to be written */
    unsigned len;
    bool write;
};

/* DELIVER_SOFT: INT n and its kin, as part of the instruction. */
enum delivery_kind { DELIVER_INTERRUPT, DELIVER_FAULT, DELIVER_SOFT, DELIVER_SMI };

struct cpu_delivery {
    enum delivery_kind kind;
    u8 vec;
    bool has_error;
    u32 error;
};

enum trace_memory { TRACE_NO_MEMORY, TRACE_ALL_MEMORY, TRACE_PAGES };

struct cpu_trace {
    void *opaque;
    /* Each may be NULL. bytes: of the instruction at CS:EIP. */
    void (*insn)(void *opaque, const u8 *bytes, u32 len);
    void (*memory)(void *opaque, const struct cpu_access *a);
    void (*deliver)(void *opaque, const struct cpu_delivery *d);
    bool delivering; /* accesses are of the delivery told of last */
    enum trace_memory watched;
    paddr page[2];
};

/* Replaces the CPU's, NULL: none; memory: which accesses come through mem.c, besides those that do
 * anyway: all, or those to two physical pages. */
void trace_set(struct cpu *cpu, struct cpu_trace *t, enum trace_memory memory,
               const paddr pages[2]);

static inline bool trace_steps(const struct cpu *cpu)
{
    return cpu->trace && cpu->trace->insn;
}

static inline void trace_insn(struct cpu *cpu, const u8 *bytes, u32 len)
{
    if (!trace_steps(cpu))
        return;
    cpu->trace->delivering = false;
    cpu->trace->insn(cpu->trace->opaque, bytes, len);
}

static inline void trace_delivery(struct cpu *cpu, const struct cpu_delivery *d)
{
    if (!cpu->trace)
        return;
    cpu->trace->delivering = true;
    if (cpu->trace->deliver)
        cpu->trace->deliver(cpu->trace->opaque, d);
}

static inline void trace_delivered(struct cpu *cpu)
{
    if (cpu->trace)
        cpu->trace->delivering = false;
}

#endif
