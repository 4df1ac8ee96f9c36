/* Raising and delivering exceptions and interrupts (SDM 3A chapter 6). */
#ifndef CPU_EXCP_H
#define CPU_EXCP_H

#include "cpu/state.h"

/* Faults: abandon the current instruction, which has committed nothing, and deliver. Never return.
 * The exec loop catches the unwind and calls cpu_deliver_pending(). */
_Noreturn void cpu_raise(struct cpu *cpu, enum vector vec, struct why why);
_Noreturn void cpu_raise_err(struct cpu *cpu, enum vector vec, u32 error, struct why why);
/* A page fault, straight after the translation that failed: cpu->mmu.fault tells why. An address
 * that is not canonical is another fault: */
_Noreturn void cpu_raise_pf(struct cpu *cpu, laddr addr, u32 error);

/* An address that is not canonical (mmu.h), in 64-bit mode: #GP(0). */
_Noreturn void cpu_raise_noncanonical(struct cpu *cpu, laddr la);

/* The same, but the return address is len bytes on, in a 16-bit segment. */
_Noreturn void cpu_raise_after(struct cpu *cpu, enum vector vec, u32 len, struct why why);

/* Software interrupts (INT n, INT3, INTO): cpu->eip must already be that of the next instruction.
 * May raise; the IOPL check of INT n in virtual-8086 mode is the caller's. */
void cpu_soft_int(struct cpu *cpu, u8 vec);
/* INT1: a #DB of the processor's own, without the check of the gate's DPL (SDM 2, INT n). May
 * raise.
 */
void cpu_icebp(struct cpu *cpu);
/* Delivers #DB as a trap (single step, data breakpoint) between instructions, or as the fault of
 * an instruction breakpoint; dr6_bits go to DR6. */
void cpu_debug_trap(struct cpu *cpu, u32 dr6_bits);
/* Delivers an external interrupt or NMI between instructions (cpu->eip is the return address). */
void cpu_interrupt(struct cpu *cpu, u8 vec);
/* Delivers what cpu_raise recorded, between instructions; on nested faults goes to #DF and to
 * EV_TRIPLE. */
void cpu_deliver_pending(struct cpu *cpu);

#endif
