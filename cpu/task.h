/* Hardware task switches (SDM 3A chapter 7). */
#ifndef CPU_TASK_H
#define CPU_TASK_H

#include "cpu/gate.h"

enum task_reason { TASK_JMP, TASK_CALL, TASK_IRET, TASK_EVENT };

/* Switches to the task of the TSS selected by sel. return_eip is saved as the old task's EIP. For
 * TASK_EVENT ev is what is delivered: its error code goes onto the new stack. Faults before the
 * switch leave everything as it was; faults after it are the new task's. */
void task_switch(struct cpu *cpu, u16 sel, enum task_reason reason, u32 return_eip,
                 const struct event *ev);

/* Follows a task gate: task_switch() to the TSS it names. */
void task_gate(struct cpu *cpu, struct desc gate, enum task_reason reason, u32 return_eip,
               const struct event *ev);

#endif
