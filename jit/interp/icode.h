/* The interpreter's form of a block: 20-byte operations whose operands are indices, ready to run.
 * */
#ifndef JIT_INTERP_ICODE_H
#define JIT_INTERP_ICODE_H

#include "cpu/state.h"
#include "jit/interp/ffi.h"
#include "jit/ir.h"

/* An operand: bank in the top two bits (enum irv_kind - 1), index in the rest. */
enum { OPERAND_BANK_SHIFT = 14, OPERAND_INDEX = (1 << OPERAND_BANK_SHIFT) - 1, OPERAND_BANKS = 3 };

/* An input that the operation does not have; reads as 0. */
#define NO_OPERAND ((IRV_CONST - 1u) << OPERAND_BANK_SHIFT)

#define NO_EXIT 0xffu

/* Beside the number of an operation that is wide and has a form for it */
#define IOP_WIDE 0x80u

struct iop {
    u8 op, size, cc;
    u8 exit;               /* X ops: index in the block's exits, or NO_EXIT */
    u32 imm;               /* FLAGS: the FLAG_OP() value */
    u16 d, d2, a, b, c, e; /* FLAGBITS: d has FLAG_OP_CF, FLAG_OP_OF */
};

struct block;

struct icode {
    struct icode *next, **link; /* list of the back end's live code */
    size_t bytes;
    u32 ninsns, nops, nconsts;
    u8 priv; /* enum priv of its memory accesses */
    struct iop *ops;
    u64 *consts;
};

#define ICODE_MAX_BYTES                                                                            \
    (sizeof(struct icode) + 8 + IR_MAX_OPS * sizeof(struct iop) +                                  \
     (4 * IR_MAX_OPS + 1) * sizeof(u64))

/* Bytes for the code of ir; and the code, made in such memory (aligned for pointers). */
size_t icode_size(const struct ir *ir);
struct icode *icode_make(void *memory, const struct ir *ir);

/* How icode_run() came to its end. */
enum icode_end {
    ICODE_STOP,   /* at an instruction boundary: limit reached, or a device access */
    ICODE_DIRECT, /* XCC, XIF, XJMP; *exit is set */
    ICODE_IND,    /* XIND */
    ICODE_NEXT,   /* XNEXT */
    ICODE_LOOP,   /* XLOOP */
};

/* Runs c from its start, at most limit instructions. The caller has taken limit or c->ninsns,
 * whichever is less, from cpu->budget; what did not run is given back. cpu->eip is exact
 * afterwards, insn_left 0. */
enum icode_end icode_run(struct cpu *cpu, struct ffi_calls *ffi, const struct icode *c, u32 limit,
                         u8 *exit);

#endif
