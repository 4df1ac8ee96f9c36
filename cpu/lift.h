/* Lifting one decoded guest instruction to IR: what the sem_*.c files are written with. One
 * function sem_<mnemonic> for each, named by its row in insn.def. See
 * docs/adding-an-instruction.md. */
#ifndef CPU_LIFT_H
#define CPU_LIFT_H

#include "cpu/insn.h"
#include "cpu/state.h"
#include "jit/ir.h"

/* An address in two parts, so that displacements fold into the access: addr + disp. It is linear,
 * or (in_seg) an offset in segment seg, which the access itself checks. */
struct mem_ref {
    struct irv addr;
    u32 disp;
    enum seg seg;
    bool in_seg;
};

/* The lifter's view of the block being built. The translator sets ir, mode, isas, gen and, before
 * each lift_insn(), off; the rest starts as zero and is lift.c's. */
struct lift {
    struct ir *ir;
    u32 mode;   /* mode word */
    u32 off;    /* page offset of the current instruction */
    s32 next;   /* page offset of the next one: off + len; set by lift_insn() */
    bool ended; /* the block has got its final exit */
    const struct insn_row *row;
    u64 isas;     /* ISA_BIT()s of what the CPU model has: other forms are #UD */
    enum isa gen; /* the model's generation, for where generations do one form differently */
    bool rex;     /* it has a REX prefix: byte registers 4 to 7 are SPL to DIL */
    bool has_rmw; /* opnd_read_rmw() has left the operand's address in rmw */
    struct mem_ref rmw;
    bool magic;     /* XCHG BX, BX stops the machine: stops.h */
    size_t counter; /* a u64 of struct cpu that the next instruction counts up; 0: none */
    bool shadow;    /* the instruction before may have left EV_SHADOW */
    bool mmx_ready; /* TOP is 0, all tags are valid and no x87 exception is pending since an earlier
                       instruction */
};

/* Lifts one instruction (emits INSN first): legality by row (mode, privilege, isa), then row->sem.
 * Sets l->ended when the block cannot go on. */
void lift_insn(struct lift *l, const struct insn *in);
/* Instead, what does not decode: raises. */
void lift_illegal(struct lift *l, enum vector vec, bool has_error, enum rule rule);

/* -- the width of what is emitted -- */
/* lift_insn() makes ops wide where the operand size is 8. These are for what goes by another size:
 * each changes the width and returns the one before, for lift_width(). */
bool lift_width(struct lift *l, bool wide);
bool lift_width_all(struct lift *l);                         /* wide in 64-bit mode */
bool lift_width_addr(struct lift *l, const struct insn *in); /* as the address size */
static inline bool lift_code64(const struct lift *l)
{
    return l->mode & MODE_CODE64;
}
/* v, if it is narrow or a constant of a narrow op, as an operand of ops of any width. */
struct irv lift_zext(struct lift *l, struct irv v);

/* -- registers: size 1, 2, 4, 8; byte registers 4..7 are AH CH DH BH without a REX prefix -- */
struct irv lift_gpr(struct lift *l, unsigned reg, unsigned size);
void lift_set_gpr(struct lift *l, unsigned reg, unsigned size, struct irv v);

/* -- operands by number, as the row says -- */
unsigned opnd_size(const struct lift *l, const struct insn *in, unsigned n);
bool opnd_is_mem(const struct lift *l, const struct insn *in, unsigned n);
/* Of a register the value may have garbage above its size. */
struct irv opnd_read(struct lift *l, const struct insn *in, unsigned n);
/* Read of an operand that will be written: keeps the address so that opnd_write() reuses it. */
struct irv opnd_read_rmw(struct lift *l, const struct insn *in, unsigned n);
void opnd_write(struct lift *l, const struct insn *in, unsigned n, struct irv v);
/* Writes v to operand n and sets the flags FLAG_OP(kind, its size) with dst v, src and aux, in the
 * order that lets a store fault first and a source operand be the destination register. */
void opnd_write_flags(struct lift *l, const struct insn *in, unsigned n, struct irv v,
                      unsigned kind, struct irv src, struct irv aux);

/* -- memory -- */
/* Effective address (offset in its segment) of the ModRM or moffs operand, wrapped to addrsize. */
struct irv lift_ea(struct lift *l, const struct insn *in);
/* The same with base instead of the base register's value. */
struct irv lift_ea_base(struct lift *l, const struct insn *in, struct irv base);
/* Linear address of seg:off with the segment's check as its class in the mode word demands. */
struct irv lift_linear(struct lift *l, enum seg seg, struct irv off, unsigned size, bool write);
/* The ModRM or moffs operand, for lift_load() and lift_store(). */
struct mem_ref lift_operand(struct lift *l, const struct insn *in, unsigned size, bool write);
struct irv lift_ld(struct lift *l, enum seg seg, struct irv off, unsigned size);
void lift_st(struct lift *l, enum seg seg, struct irv off, unsigned size, struct irv v);
struct irv lift_load(struct lift *l, enum ir_op op, struct mem_ref m, unsigned size);
void lift_store(struct lift *l, struct mem_ref m, unsigned size, struct irv v);
/* Push commits ESP after the store; pop returns the value and leaves ESP for lift_pop_commit(), so
 * that a later fault in the same instruction finds ESP unchanged. */
void lift_push(struct lift *l, unsigned size, struct irv v);
struct irv lift_pop(struct lift *l, unsigned size);
void lift_pop_commit(struct lift *l, u32 bytes);

/* reg + delta on the stack (reg is ESP or EBP), wrapped to the stack's address size
 * and checked. */
struct mem_ref lift_stack(struct lift *l, unsigned reg, s32 delta, unsigned size, bool write);
/* v + delta, of the stack's address size; not wrapped to 16 bits. */
struct irv lift_stack_add(struct lift *l, struct irv v, s32 delta);
/* RSP, ESP, or SP on a 16-bit stack, = v. */
void lift_set_sp(struct lift *l, struct irv v);

/* -- flags -- */
/* The six flags become (flags & ~mask) | set; set has no bits outside mask. */
void lift_merge_flags(struct lift *l, u32 mask, struct irv set);

/* -- ending -- */
/* Raises unconditionally; ends the block. */
void lift_raise(struct lift *l, enum vector vec, bool has_error, enum rule rule);
/* Direct jump, with CS limit check and 16-bit wrap as needed; ends the block. */
void lift_jump(struct lift *l, s64 page_off, unsigned opsize);
/* Indirect jump; the caller has called lift_check_target() before it committed anything. */
void lift_jump_ind(struct lift *l, struct irv eip);
void lift_exit_loop(struct lift *l); /* a helper has set cpu.eip, mode or events */
/* The same if changed is not 0: something that only the run loop can act on, such as the mode. */
void lift_exit_if(struct lift *l, struct irv changed);
void lift_exit_next(struct lift *l); /* go to the run loop before the next instruction */

/* Can a jump to page_off be a direct exit (no wrap to 16 bits, no limit to check, the offset fits)?
 * If not: lift_jump_eip() gives the target, to be checked by lift_check_target(), then jumped to by
 * lift_jump_ind(). */
bool lift_jump_direct(const struct lift *l, s64 page_off, unsigned opsize);
struct irv lift_jump_eip(struct lift *l, s64 page_off, unsigned opsize);

/* Raises #GP(0) unless eip, of opsize bytes, is within the CS limit, or canonical; nothing where it
 * must be. Call before committing a jump. */
void lift_check_target(struct lift *l, struct irv eip, unsigned opsize);

#endif
