/* What the system semantics share. */
#ifndef CPU_SEM_SYS_H
#define CPU_SEM_SYS_H

#include "cpu/lift.h"

/* Reads the far pointer of an OP_Mp operand: offset of the operand size, and selector; or two words
 * at an address that wraps. */
void lift_far_pointer(struct lift *l, const struct insn *in, struct irv *off, struct irv *sel);

/* User-mode instruction prevention: SGDT, SIDT, SLDT, SMSW, STR. */
static inline void lift_umip(struct lift *l)
{
    if (!(l->mode & MODE_CPL0))
        ir_call(l->ir, HELPER_umip, IR_NONE, IR_NONE, IR_NONE, IR_NONE);
}

/* A shift or rotate by CL of the 8086, which does not mask the count (sem_old.c). */
void lift_shift_long(struct lift *l, const struct insn *in);

/* ORs bits into cpu.events. */
static inline void lift_add_events(struct lift *l, struct irv bits)
{
    const size_t events = offsetof(struct cpu, events);

    ir_sts(l->ir, events, 4, ir_op2(l->ir, IR_OR, ir_lds(l->ir, events, 4), bits));
}

#endif
