/* Breakpoints and watchpoints of the debug registers (SDM 3B 17.2 and 17.3.1). While there is one
 * on an instruction, the run loop takes one instruction at a time, so that none is passed over.
 * Blocks run on where only data and ports are watched: an access that meets a watchpoint repeats
 * its instruction alone, and its trap comes right after it. */
#ifndef CPU_DEBUG_H
#define CPU_DEBUG_H

#include "cpu/state.h"

static inline bool debug_armed(const struct cpu *cpu)
{
    return cpu->dr[7] & 0xff;
}

/* Is there a breakpoint on an instruction? */
bool debug_on_code(const struct cpu *cpu);
/* Breakpoints on the instruction at CS:EIP, as bits of DR6; 0: none. */
u32 debug_fetch(const struct cpu *cpu);

/* An access that is going to be made: what watches it goes to cpu->debug_hits, or stops the
 * machine. Before one to a port that is watched, translated code is left. */
void debug_memory(struct cpu *cpu, laddr la, unsigned len, enum access acc);
/* Would it meet any? */
bool debug_watches(const struct cpu *cpu, laddr la, unsigned len, enum access acc);
void debug_port(struct cpu *cpu, u16 port, unsigned size, bool out);

/* What a #DB tells in DR6: of bits 3:0 only the latest event's, the others stay set until software
 * clears them (SDM 3B 17.2.3). */
void debug_report(struct cpu *cpu, u32 dr6_bits);
/* #DB has been delivered: its handler can reach the debug registers and steps by instructions. */
void debug_entered(struct cpu *cpu);

/* DR0 to DR3 or DR7 has changed, or the stops (cpu/stops.h). */
void debug_update(struct cpu *cpu);

#endif
