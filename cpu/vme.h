/* Virtual interrupt flag and redirected INT n: CR4.VME in virtual-8086 mode, CR4.PVI at CPL 3 of
 * protected mode (SDM 3B 20.3 and 20.4). */
#ifndef CPU_VME_H
#define CPU_VME_H

#include "cpu/state.h"

/* CLI and STI where IOPL decides: IF, VIF or #GP(0). */
void vme_cli(struct cpu *cpu);
void vme_sti(struct cpu *cpu);

/* PUSHF, POPF, IRET: does VIF stand for IF? Raises #GP(0) where virtual-8086 mode has neither. */
bool vme_uses_vif(struct cpu *cpu, unsigned opsize);
/* Loading FLAGS would set TF, or VIF while an interrupt is pending: #GP(0). */
void vme_check_load(struct cpu *cpu, u32 flags);

/* INT n in virtual-8086 mode: true if it went to the 8086 program's own handler. Else the IDT is to
 * be used, unless this raised #GP(0) for IOPL. next: EIP of the next instruction. */
bool vme_soft_int(struct cpu *cpu, u8 vec, u32 next);

/* EFLAGS has come from IRET or a TSS: VIF and VIP together are #GP(0) before the next instruction,
 * by EV_VIP. */
void vme_after_load(struct cpu *cpu);

#endif
