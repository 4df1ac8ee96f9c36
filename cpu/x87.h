/* The x87 state and the 80-bit format. Semantics are in x87_ops.c, arithmetic in softfp80.c. */
#ifndef CPU_X87_H
#define CPU_X87_H

#include "base/types.h"

/* An 80-bit extended real: explicit integer bit in the significand's bit 63. */
struct f80 {
    u64 sig;
    u16 se; /* sign in bit 15, biased exponent in bits 14:0 */
};

/* st[] is indexed by physical register number; ST(i) is st[(top + i) & 7]. MMX register i is
 * st[i].sig. */
struct x87 {
    struct f80 st[8];
    u16 fcw;
    u16 fsw;  /* TOP is kept in bits 13:11, ES and B are always up to date */
    u8 empty; /* bit i set: physical register i is empty */
    u16 fop;  /* last opcode, 11 bits */
    u16 fcs, fds;
    u64 fip, fdp;
};

/* Status word; its low six bits are the exception flags FP_IE to FP_PE of softfp.h. */
enum {
    FSW_EXCEPTIONS = 0x3f,
    FSW_SF = 1 << 6,
    FSW_ES = 1 << 7,
    FSW_C0 = 1 << 8,
    FSW_C1 = 1 << 9,
    FSW_C2 = 1 << 10,
    FSW_TOP_SHIFT = 11,
    FSW_TOP = 7 << FSW_TOP_SHIFT,
    FSW_C3 = 1 << 14,
    FSW_B = 1 << 15,
};

/* Control word: exception masks at the places of the flags, then these. */
enum {
    FCW_RESERVED_ONE = 1 << 6,
    FCW_PC_SHIFT = 8,
    FCW_RC_SHIFT = 10,
    FCW_WRITABLE = 0x1f3f, /* infinity control (bit 12) is kept and means nothing */
    FCW_INIT = 0x037f,
};

static inline unsigned x87_top(const struct x87 *f)
{
    return (f->fsw >> FSW_TOP_SHIFT) & 7;
}
static inline void x87_set_top(struct x87 *f, unsigned top)
{
    f->fsw = (u16)((f->fsw & ~FSW_TOP) | (top & 7) << FSW_TOP_SHIFT);
}

/* An unmasked exception waits to be reported by the next waiting instruction. */
static inline bool x87_pending(const struct x87 *f)
{
    return f->fsw & FSW_ES;
}

/* Some exception is not masked. */
static inline bool x87_unmasked(const struct x87 *f)
{
    return ~f->fcw & FSW_EXCEPTIONS;
}

/* Makes ES and B agree with flags and masks; after any change of fcw or fsw. */
static inline void x87_update_es(struct x87 *f)
{
    f->fsw &= (u16) ~(FSW_ES | FSW_B);
    if (f->fsw & ~f->fcw & FSW_EXCEPTIONS)
        f->fsw |= FSW_ES | FSW_B;
}

#endif
