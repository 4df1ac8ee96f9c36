/* System management mode (SDM 3C chapter 31). */
#ifndef CPU_SMM_H
#define CPU_SMM_H

#include "cpu/state.h"

/* Takes the pending SMI between instructions: saves the state to SMRAM and enters the handler. */
void smm_enter(struct cpu *cpu);

/* RSM. #UD outside SMM; a saved state that cannot be is EV_TRIPLE, shutdown. Sets cpu->eip. */
void smm_resume(struct cpu *cpu);

/* Kinds of I/O instruction in the saved I/O state field (SDM 3C table 31-7). */
enum smm_io_type {
    SMM_IO_OUT = 0,
    SMM_IO_IN = 1,
    SMM_IO_OUTS = 2,
    SMM_IO_INS = 3,
    SMM_IO_REP = 4,
    SMM_IO_IMM = 8
};

/* An I/O instruction has accessed its port, and has not changed a register yet but EAX: was an SMI
 * requested during it (events: cpu->events before)? mem: linear address of INS and OUTS. */
void smm_note_io(struct cpu *cpu, u32 events, u16 port, unsigned size, enum smm_io_type type,
                 laddr mem);

#endif
