/* MONITOR and MWAIT: waiting for a store to a line of memory, or an interrupt. */
#ifndef CPU_MONITOR_H
#define CPU_MONITOR_H

#include "cpu/state.h"

/* IA32_MISC_ENABLE bit 18: the instructions exist, and CPUID reports them. */
#define MISC_ENABLE_MONITOR (1ull << 18)

enum { MONITOR_LINE = 64 }; /* bytes, aligned */

/* The CPU waits (EV_HALT): has come what ends that? */
bool cpu_wakes(const struct cpu *cpu);

/* The CPU waits: could an interrupt or a device end that some time? If not, nothing ever will. */
bool cpu_may_wake(const struct cpu *cpu);

#endif
