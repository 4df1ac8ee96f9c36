/* Loading the control and debug registers, with their checks and what follows from a change (SDM
 * 3A 2.5). All may raise #GP(0) before anything has changed. */
#ifndef CPU_CRS_H
#define CPU_CRS_H

#include "cpu/state.h"

/* The bits of value that CR0 has in this model; ET is 1 since the 80486. */
u32 cr0_of_model(const struct cpu *cpu, u32 value);

void cr0_load(struct cpu *cpu, u32 value);
void cr3_load(struct cpu *cpu, u32 value);
void cr4_load(struct cpu *cpu, u32 value);
/* EFER has been changed: NXE. */
void efer_changed(struct cpu *cpu);

/* MOV to and from DR0 to DR7; DR4 and DR5 have been resolved. */
void dr_load(struct cpu *cpu, unsigned n, u32 value);

#endif
