/* Model-specific registers, as RDMSR and WRMSR see them (SDM 4). */
#ifndef CPU_MSR_H
#define CPU_MSR_H

#include "cpu/state.h"

/* IA32_APIC_BASE; the page of its registers is in the upper bits. */
enum { APIC_BASE_BSP = 1 << 8, APIC_BASE_ENABLE = 1 << 11 };

/* False: no such register, or the value is not allowed: #GP(0). Nothing has changed then. */
bool msr_read(struct cpu *cpu, u32 index, u64 *value);
bool msr_write(struct cpu *cpu, u32 index, u64 value);

/* The time stamp counter. */
static inline u64 cpu_tsc(const struct cpu *cpu)
{
    return cpu_clock_at(cpu, cpu_icount(cpu)) + cpu->tsc_offset;
}

/* From now on an instruction lasts pace / 16 counts of the clock that the TSC and its deadlines go
 * by, CPU_PACE at first and at least. The machine's other clocks are to be told before. */
void cpu_set_pace(struct cpu *cpu, u32 pace);

#endif
