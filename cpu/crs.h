/* Loading the control and debug registers, with their checks and what follows from a change (SDM
 * 3A 2.5). All may raise #GP(0) before anything has changed. */
#ifndef CPU_CRS_H
#define CPU_CRS_H

#include "cpu/state.h"

#define CR0_WRITABLE                                                                               \
    (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG)

void cr0_load(struct cpu *cpu, u32 value);
void cr3_load(struct cpu *cpu, u32 value);
void cr4_load(struct cpu *cpu, u32 value);
/* EFER has been changed: NXE. */
void efer_changed(struct cpu *cpu);

/* MOV to and from DR0 to DR7; DR4 and DR5 have been resolved. */
void dr_load(struct cpu *cpu, unsigned n, u32 value);

#endif
