/* The lazy form of the arithmetic flags (CF PF AF ZF SF OF): the last operation and its operands,
 * and the one place that computes flags from it. Every back end must agree with flags_eval(),
 * undefined flags included. Values keep garbage above their size; evaluation truncates. */
#ifndef CPU_FLAGS_H
#define CPU_FLAGS_H

#include "base/types.h"

enum {
    FLAG_CF = 1u << 0,
    FLAG_PF = 1u << 2,
    FLAG_AF = 1u << 4,
    FLAG_ZF = 1u << 6,
    FLAG_SF = 1u << 7,
    FLAG_TF = 1u << 8,
    FLAG_IF = 1u << 9,
    FLAG_DF = 1u << 10,
    FLAG_OF = 1u << 11,
    FLAG_IOPL = 3u << 12,
    FLAG_NT = 1u << 14,
    FLAG_RF = 1u << 16,
    FLAG_VM = 1u << 17,
    FLAG_AC = 1u << 18,
    FLAG_VIF = 1u << 19,
    FLAG_VIP = 1u << 20,
    FLAG_ID = 1u << 21,
    FLAGS_ARITH = FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF,
};

/* What dst, src and aux mean for each kind. res is the result, a and b the operands. */
enum flag_kind {
    FK_EFLAGS, /* src = the flags themselves, at their EFLAGS places */
    FK_INC,    /* dst = res, src = CF to keep (0 or 1); up to FK_DEC bit 0 of src is CF */
    FK_DEC,    /* the same */
    FK_ADD,    /* dst = res, src = b */
    FK_ADC,    /* dst = res, src = b, aux = carry in (0 or 1) */
    FK_SUB,    /* dst = res, src = b            (SUB, NEG with a = 0, CMPXCHG...) */
    FK_CMP,    /* dst = a, src = b: flags of a - b (CMP, CMPS, SCAS) */
    FK_SBB,    /* dst = res, src = b, aux = borrow in (0 or 1) */
    FK_LOGIC,  /* dst = res; CF = OF = AF = 0 */
    FK_SHL, /* dst = res, src = a << (n - 1): CF = its top bit; OF = top bit of dst ^ src; AF = 0 */
    FK_SHR, /* dst = res, src = a >> (n - 1), arithmetic for SAR: CF = its bit 0; OF = top bit of
               dst ^ src; AF = 0 */
    FK_MUL, /* dst = low half of the product, src != 0: CF = OF = 1; SF ZF PF from dst; AF = 0 */
    FK_COUNT
};

/* cc_op packs kind and log2 of the size in bytes. */
#define FLAG_OP(kind, size_log2) ((u32)(kind)*4 + (size_log2))

/* Beside that, CF and OF may come from elsewhere, of an operation that leaves the other flags
 * alone: CF is then a bit of cc_cf, OF one of cc_of. A new definition of all flags ends that. */
enum {
    FLAG_OP_MASK = 0x3f,
    FLAG_OP_CF = 1 << 6,
    FLAG_OP_OF = 1 << 7,
    FLAG_OP_CF_BIT = 16, /* shift of the number of that bit, under FLAG_OP_BIT */
    FLAG_OP_OF_BIT = 24,
    FLAG_OP_BIT = 63,
};

/* The lazy flags of one moment. */
struct lazy_flags {
    u32 op;
    u64 dst, src, aux, cf, of;
};

/* All six flags, at their EFLAGS places, by op's kind and size alone. */
u32 flags_eval(u32 op, u64 dst, u64 src, u64 aux);
/* The same with CF and OF from elsewhere, if op says so. */
u32 flags_eval_all(const struct lazy_flags *f);

/* Does x86 condition code cc (0..15: O NO B AE E NE BE A S NS P NP L GE LE G) hold in eflags? 0
 * or 1. */
static inline u32 flags_cond(u32 eflags, unsigned cc)
{
    bool r;
    switch (cc >> 1) {
    case 0: r = eflags & FLAG_OF; break;
    case 1: r = eflags & FLAG_CF; break;
    case 2: r = eflags & FLAG_ZF; break;
    case 3: r = eflags & (FLAG_CF | FLAG_ZF); break;
    case 4: r = eflags & FLAG_SF; break;
    case 5: r = eflags & FLAG_PF; break;
    case 6: r = !(eflags & FLAG_SF) != !(eflags & FLAG_OF); break;
    default: r = (eflags & FLAG_ZF) || !(eflags & FLAG_SF) != !(eflags & FLAG_OF); break;
    }
    return (u32)r ^ (cc & 1);
}

#endif
