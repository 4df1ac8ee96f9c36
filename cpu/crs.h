/* Loading the control and debug registers, with their checks and what follows from a change (SDM
 * 3A 2.5). All may raise #GP(0) before anything has changed. */
#ifndef CPU_CRS_H
#define CPU_CRS_H

#include "cpu/state.h"

/* The bits of value that CR0 has in this model; ET is 1 since the 80486. */
u32 cr0_of_model(const struct cpu *cpu, u32 value);

void cr0_load(struct cpu *cpu, u64 value);
void cr3_load(struct cpu *cpu, u64 value);
void cr4_load(struct cpu *cpu, u64 value);
/* CR8 is the task priority of the local APIC: bits 7:4 of its register (SDM 3A 10.8.6). */
u64 cr8_read(const struct cpu *cpu);
void cr8_load(struct cpu *cpu, u64 value);
/* WRMSR to EFER; false: #GP(0), nothing has changed. LMA is not written. */
bool efer_load(struct cpu *cpu, u64 value);

/* MOV to DR0 to DR7; DR4 and DR5 have been resolved. */
void dr_load(struct cpu *cpu, unsigned n, u64 value);

/* CR0, CR3, CR4 and EFER have been set as a whole, without checks: the MMU is told, and is not
 * flushed. */
void crs_restored(struct cpu *cpu);

#endif
