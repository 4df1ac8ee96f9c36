/* Far control transfers: JMP, CALL, RET, IRET, SYSENTER, SYSEXIT. Each sets cpu->eip and all that
 * goes with it, or raises with nothing committed. opsize is 2, 4 or 8; next is the EIP after the
 * instruction. */
#ifndef CPU_FAR_H
#define CPU_FAR_H

#include "cpu/state.h"

/* In real and virtual-8086 mode: goes on at sel:eip. Checks nothing. */
void far_load_cs(struct cpu *cpu, u16 sel, u32 eip);
/* In protected mode. */
void far_jmp(struct cpu *cpu, u16 sel, u64 off, u64 next);
void far_call(struct cpu *cpu, u16 sel, u64 off, unsigned opsize, u64 next);
void far_ret(struct cpu *cpu, unsigned opsize,
             u32 release); /* release: bytes of parameters to drop */
/* In any mode. */
void far_iret(struct cpu *cpu, unsigned opsize, u64 next);
void far_sysenter(struct cpu *cpu);
void far_sysexit(struct cpu *cpu, unsigned opsize);
/* In 64-bit mode. */
void far_syscall(struct cpu *cpu, u64 next);
void far_sysret(struct cpu *cpu, unsigned opsize);

/* The EIP that off is in code segment cs, whose mode it will have; raises #GP(0) if it is beyond
 * the limit or not canonical. */
u64 far_target(struct cpu *cpu, const struct segment *cs, u64 off);

#endif
