/* Was it an access through SS? */
#ifndef CPU_STACK_REF_H
#define CPU_STACK_REF_H

#include "cpu/state.h"

/* Does the instruction at EIP, in 64-bit mode, reach la through the stack segment: with ESP or EBP
 * as its base, or as what it pushes and pops? */
bool insn_is_on_stack(struct cpu *cpu, laddr la);

#endif
