/* A CPU for trials on one of Orrery's back ends: all instructions there are, memory, user mode, no
 * devices and no IDT, so that the first fault becomes a triple fault whose record tells vector,
 * error code, CR2 and EIP and leaves the state as it was. */
#ifndef TESTS_ORACLE_GUEST_CPU_H
#define TESTS_ORACLE_GUEST_CPU_H

#include "cpu/cpuid.h"
#include "cpu/state.h"

/* In place of a vector: the trial has not ended, as without a host nobody leaves such ones out. */
enum { NO_FAULT = 0xff };

struct guest {
    struct phys *phys;
    struct cpu *cpu;
    struct jit *jit;
    struct cpu_model model;
    unsigned runs;
};

/* NULL: no such back end here. */
struct guest *guest_make(const char *accel, struct decoder *d);
void guest_free(struct guest *g);
/* User mode under PAE paging, or IA-32e mode's if EFER has it, with the tables that are there. */
void guest_enter(struct guest *g, u32 cr3, u64 efer);
/* Puts the code to this physical address. */
void guest_put(struct guest *g, u32 at, const u8 *code, unsigned len);
/* Runs to the first fault. */
struct fault_record guest_go(struct guest *g);
/* HLT again where the code was, a page at the most. */
void guest_clear(struct guest *g, u32 at, unsigned len);

#endif
