/* Inside of the x87_*.c files: the register stack as instructions see it, and their functions.
 *
 * Each function works through struct x87_exec: operands from the stack or mem[], exceptions
 * gathered in x->c. One that meets an unmasked pre-computation exception (fp_blocked()) leaves
 * stack and destination as they were. C1 is x->c.c1: clear unless rounding up, a stack overflow or
 * the instruction itself sets it. */
#ifndef CPU_X87_INT_H
#define CPU_X87_INT_H

#include "base/bytes.h"
#include "cpu/x87_ops.h"

static inline struct f80 *reg(struct x87_exec *x, unsigned i)
{
    return &x->fpu->st[(x87_top(x->fpu) + i) & 7];
}

static inline bool is_empty(const struct x87_exec *x, unsigned i)
{
    return x->fpu->empty >> ((x87_top(x->fpu) + i) & 7) & 1;
}

static inline unsigned rm(const struct x87_exec *x)
{
    return x->modrm & 7;
}

static inline unsigned kind(const struct x87_exec *x)
{
    return x->modrm >> 3 & 7;
}

static inline void set_empty(struct x87_exec *x, unsigned i)
{
    x->fpu->empty |= (u8)(1u << ((x87_top(x->fpu) + i) & 7));
}

static inline void put(struct x87_exec *x, unsigned i, struct f80 v)
{
    *reg(x, i) = v;
    x->fpu->empty &= (u8) ~(1u << ((x87_top(x->fpu) + i) & 7));
}

static inline void pop(struct x87_exec *x, unsigned n)
{
    while (n--) {
        set_empty(x, 0);
        x87_set_top(x->fpu, x87_top(x->fpu) + 1);
    }
}

static inline void push(struct x87_exec *x, struct f80 v)
{
    x87_set_top(x->fpu, x87_top(x->fpu) - 1);
    put(x, 0, v);
}

static inline void set_cc(struct x87_exec *x, unsigned c3c2c0)
{
    x->fpu->fsw = (u16)((x->fpu->fsw & ~(FSW_C0 | FSW_C2 | FSW_C3)) | c3c2c0);
}

static inline void stack_fault(struct x87_exec *x, bool overflow)
{
    x->c.flags |= FP_IE;
    x->fpu->fsw = (u16)((x->fpu->fsw & ~FSW_C1) | FSW_SF);
    x->c.c1 = overflow;
}

/* True, with the fault raised, if ST(i) is empty. */
static inline bool underflow(struct x87_exec *x, unsigned i)
{
    if (!is_empty(x, i))
        return false;
    stack_fault(x, false);
    return true;
}

/* Raises an overflow if there is no room to push. */
static inline bool overflow(struct x87_exec *x)
{
    if (is_empty(x, 7))
        return false;
    stack_fault(x, true);
    return true;
}

static inline u16 mem16(const struct x87_exec *x)
{
    return (u16)load_le(x->mem, 2);
}

static inline u32 mem32(const struct x87_exec *x)
{
    return (u32)load_le(x->mem, 4);
}

static inline u64 mem64(const struct x87_exec *x)
{
    return load_le(x->mem, 8);
}

/* Instructions, by the table in x87_ops.c. */
void x87_fld_real(struct x87_exec *x);
void x87_fld_m80(struct x87_exec *x);
void x87_fild(struct x87_exec *x);
void x87_fbld(struct x87_exec *x);
void x87_fld_sti(struct x87_exec *x);
void x87_fld_const(struct x87_exec *x);
void x87_fst_real(struct x87_exec *x);
void x87_fst_m80(struct x87_exec *x);
void x87_fist(struct x87_exec *x);
void x87_fisttp(struct x87_exec *x);
void x87_fbstp(struct x87_exec *x);
void x87_fstp1(struct x87_exec *x);
void x87_fst_sti(struct x87_exec *x);
void x87_arith_m32(struct x87_exec *x);
void x87_arith_m64(struct x87_exec *x);
void x87_arith_int(struct x87_exec *x);
void x87_arith_reg(struct x87_exec *x);
void x87_fcom_reg(struct x87_exec *x);
void x87_ftst(struct x87_exec *x);
void x87_fxam(struct x87_exec *x);
void x87_fcmov(struct x87_exec *x);
void x87_fsqrt(struct x87_exec *x);
void x87_frndint(struct x87_exec *x);
void x87_f2xm1(struct x87_exec *x);
void x87_fchs(struct x87_exec *x);
void x87_fabs(struct x87_exec *x);
void x87_fxtract(struct x87_exec *x);
void x87_fptan(struct x87_exec *x);
void x87_fsincos(struct x87_exec *x);
void x87_fsin(struct x87_exec *x);
void x87_fprem(struct x87_exec *x);
void x87_fscale(struct x87_exec *x);
void x87_fyl2x(struct x87_exec *x);
void x87_fyl2xp1(struct x87_exec *x);
void x87_fpatan(struct x87_exec *x);
void x87_fxch(struct x87_exec *x);
void x87_ffree(struct x87_exec *x);
void x87_fincstp(struct x87_exec *x);
void x87_fnop(struct x87_exec *x);
void x87_fninit(struct x87_exec *x);
void x87_fnclex(struct x87_exec *x);
void x87_fldcw(struct x87_exec *x);
void x87_fnstcw(struct x87_exec *x);
void x87_fnstsw(struct x87_exec *x);
void x87_fnstenv(struct x87_exec *x);
void x87_fldenv(struct x87_exec *x);
void x87_fnsave(struct x87_exec *x);
void x87_frstor(struct x87_exec *x);

#endif
