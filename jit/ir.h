/* The intermediate representation: one block of guest code as a straight line of operations, with
 * exits. cpu/ semantics build it through this interface; back ends consume it. ir.def lists the
 * operations.
 *
 * State contract, for every op flagged F: at that point guest registers, the lazy flags and
 * insn_off/insn_left in struct cpu must be (or be made, on the slow path) exact as of the start of
 * the current instruction plus whatever it has committed. A lifter therefore commits (writes
 * registers, flags) only after the last op that may fault. */
#ifndef JIT_IR_H
#define JIT_IR_H

#include "base/types.h"

enum irv_kind { IRV_NONE, IRV_REG, IRV_TEMP, IRV_CONST };

/* An operand. REG: v = enum gpr, the register's value at this op. TEMP: v = its number. CONST: v,
 * to a wide op sign-extended. */
struct irv {
    u32 v;
    u8 kind;
};

#define IR_NONE ((struct irv){0, IRV_NONE})

static inline struct irv ir_reg(unsigned gpr)
{
    return (struct irv){gpr, IRV_REG};
}
static inline struct irv ir_const(u32 v)
{
    return (struct irv){v, IRV_CONST};
}
static inline bool irv_is(struct irv x, enum irv_kind kind)
{
    return x.kind == kind;
}

enum ir_op {
#define IR(name, text, outs, ins, flags) IR_##name,
#include "jit/ir.def"
#undef IR
    IR_OP_COUNT
};

enum { IRF_P = 1, IRF_F = 2, IRF_FR = 4, IRF_FW = 8, IRF_X = 16 };

struct ir_op_info {
    const char *text;
    u8 outs, ins, flags;
};
extern const struct ir_op_info ir_op_info[IR_OP_COUNT];

/* Comparison conditions for SETC, SEL, XIF (in cc) */
enum ir_cond {
    IRC_EQ,
    IRC_NE,
    IRC_LTU,
    IRC_GEU,
    IRC_LEU,
    IRC_GTU,
    IRC_LTS,
    IRC_GES,
    IRC_LES,
    IRC_GTS
};

/* Where a FLAGS op's result can be observed; filled by ir_optimize(). */
enum {
    FLO_FAULT =
        1, /* an op that may fault comes before the next FLAGS: needed only on its slow path */
    FLO_EXIT = 2, /* an exit or a helper that reads flags comes before the next FLAGS: must be in
                     memory there */
    FLO_USE = 4,  /* a GETCC, SELCC, XCC or GETFL consumes it in the block */
};

/* In cc of LD, LDSX, LDRMW, ST: the address is an offset in segment seg. Its number, or -1. */
#define IR_SX64        4 /* LDSX extends to 64 bits */
#define IR_WRAP16      8 /* of such: the offset is (a + imm) modulo 64 KiB */
#define IR_IN_SEG(seg) (((unsigned)(seg) + 1) << 4)
#define ir_seg_of(cc)  ((int)((cc) >> 4) - 1)

struct ir_insn {
    u8 op;
    u8 size;
    u8 cc;
    u8 live; /* those that write the flags: FLO_* */
    u32 imm;
    bool wide; /* of 64 bits: see ir.def */
    struct irv d, d2;
    struct irv a, b, c, e;
};

/* What constant x is to op o. */
static inline u64 ir_const_value(const struct ir_insn *o, struct irv x)
{
    return o->wide ? (u64)(s64)(s32)x.v : x.v;
}

/* The mask of a shift count. */
static inline unsigned ir_count_mask(bool wide)
{
    return wide ? 63 : 31;
}

/* Is it a block's last op, which leaves it in any case? */
static inline bool ir_ends(const struct ir_insn *o)
{
    return o->op == IR_XJMP || o->op == IR_XIND || o->op == IR_XNEXT || o->op == IR_XLOOP;
}

#define IR_MAX_INSNS 64 /* guest instructions in a block */
#define IR_MAX_OPS   2048
#define IR_MAX_TEMPS 2048

struct ir {
    u32 mode;   /* mode word of the block */
    u32 ninsns; /* guest instructions (INSN ops) */
    u32 nops, ntemps;
    bool wide;     /* of ops whose own size does not tell: those emitted from now on are wide */
    bool overflow; /* ran out of room: the translator retries with fewer instructions */
    struct ir_insn ops[IR_MAX_OPS];
};

/* Helpers: C functions u32 help_NAME(struct cpu *, u32 a, u32 b, u32 c, u32 e) with nargs of those
 * arguments, declared by one row in cpu/helper.def: HELPER(name, returns (0/1), nargs, flags); or,
 * by a row HELPER64(...), with u64 in place of u32. */
enum {
    HF_REGS = 1,    /* may read and write guest registers (they are in cpu.gpr during the call) */
    HF_FLAGS_R = 2, /* reads the lazy flags in memory */
    HF_FLAGS_W = 4, /* writes them: memory holds the truth afterwards */
    HF_FAULT = 8, /* may raise, or reads EIP, icount or the clock; implies all guest state is exact
                     in memory */
    HF_SEGS = 16, /* changes a segment register that is not CS; implied by HF_FAULT */
};

enum helper {
#define HELPER(name, ret, nargs, flags)   HELPER_##name,
#define HELPER64(name, ret, nargs, flags) HELPER_##name,
#include "cpu/helper.def"
#undef HELPER
#undef HELPER64
    HELPER_COUNT
};

struct helper_info {
    const char *name;
    void (*fn)(void); /* to be cast to u32 or void (*)(struct cpu *, u32...) */
    u8 returns, nargs, flags;
    bool wide; /* u64 instead of u32 */
};
extern const struct helper_info helper_info[HELPER_COUNT];

/* -- building -- */
void ir_begin(struct ir *ir, u32 mode);
struct ir_insn *ir_emit(struct ir *ir, enum ir_op op); /* never NULL; sets overflow when full */
struct irv ir_temp(struct ir *ir);

/* Ops with one output return a fresh temporary. Constant operands are folded at once where the
 * result is constant. */
struct irv ir_op1(struct ir *ir, enum ir_op op, struct irv a);
struct irv ir_op2(struct ir *ir, enum ir_op op, struct irv a, struct irv b);
struct irv ir_lea(struct ir *ir, struct irv a, struct irv b, unsigned shift, u32 disp);
void ir_mul2(struct ir *ir, enum ir_op op, struct irv a, struct irv b, struct irv *lo,
             struct irv *hi);
struct irv ir_setc(struct ir *ir, enum ir_cond cond, struct irv a, struct irv b);
struct irv ir_sel(struct ir *ir, enum ir_cond cond, struct irv a, struct irv b, struct irv x,
                  struct irv y);
struct irv ir_const64(struct ir *ir, u64 v); /* a constant if it can be, else a temporary */
struct irv ir_copy(struct ir *ir,
                   struct irv a); /* MOV into a temp: keeps a register's value of now */
void ir_set_reg(struct ir *ir, unsigned gpr, struct irv a); /* MOV reg, a */
struct irv ir_pcrel(struct ir *ir, s32 page_off);
struct irv ir_lds(struct ir *ir, size_t offset, unsigned size);
void ir_sts(struct ir *ir, size_t offset, unsigned size, struct irv a);
struct irv ir_ld(struct ir *ir, enum ir_op op, struct irv addr, u32 disp, unsigned size);
void ir_st(struct ir *ir, struct irv addr, u32 disp, unsigned size, struct irv v);
void ir_in_seg(struct ir *ir, unsigned seg); /* so is that of the LD... or ST just emitted */
void ir_sx64(struct ir *ir);                 /* the LDSX just emitted extends to 64 bits */
void ir_ldv(struct ir *ir, size_t offset, struct irv addr, unsigned size);
void ir_stv(struct ir *ir, struct irv addr, size_t offset, unsigned size);
void ir_aligned(struct ir *ir); /* the LDV or STV just emitted wants its 16 bytes aligned */
void ir_segchk(struct ir *ir, unsigned seg, struct irv off, unsigned size, bool write);
void ir_segchk_eip(struct ir *ir, struct irv eip);
void ir_alone(struct ir *ir, enum ir_cond cond, struct irv a, struct irv b);
void ir_flags(struct ir *ir, unsigned kind, unsigned size, struct irv dst, struct irv src,
              struct irv aux);
/* The same if the low five bits of count are not 0; else the instruction is over, without effect:
 * goes on at page offset next. To be called after whatever may fault. */
void ir_flags_if(struct ir *ir, struct irv count, s32 next, unsigned kind, unsigned size,
                 struct irv dst, struct irv src);
/* CF and OF become bits of values, unless NONE; the other flags stay. ir_flag_bits_if() as
 * ir_flags_if(). */
void ir_flag_bits(struct ir *ir, struct irv cf, unsigned cf_bit, struct irv of, unsigned of_bit);
void ir_flag_bits_if(struct ir *ir, struct irv count, s32 next, struct irv cf, unsigned cf_bit,
                     struct irv of, unsigned of_bit);
struct irv ir_getcc(struct ir *ir, unsigned cc);
struct irv ir_selcc(struct ir *ir, unsigned cc, struct irv x, struct irv y);
struct irv ir_getfl(struct ir *ir);
struct irv ir_call(struct ir *ir, enum helper h, struct irv a, struct irv b, struct irv c,
                   struct irv e);
void ir_vec(struct ir *ir, unsigned vec_op, size_t dst_off, size_t src_off, unsigned imm8);
struct irv ir_x87(struct ir *ir, u32 desc, struct irv taken, bool result); /* NONE: no result */
void ir_x87_mem(struct ir *ir, u32 desc, struct irv addr, struct irv offset, unsigned size);
void ir_x87_check(struct ir *ir);
void ir_x87_home(struct ir *ir);
void ir_insn_begin(struct ir *ir, u32 page_off, unsigned len);
void ir_xcc(struct ir *ir, unsigned cc, s32 page_off);
void ir_xif(struct ir *ir, enum ir_cond cond, struct irv a, struct irv b, s32 page_off);
void ir_xjmp(struct ir *ir, s32 page_off);
void ir_xind(struct ir *ir, struct irv eip);
void ir_xnext(struct ir *ir, s32 page_off);
void ir_xloop(struct ir *ir);

/* Copy and constant propagation, dead code, flag liveness (drops unobserved FLAGS, fills live),
 * coalescing. Afterwards any op may have registers as its outputs, also ones that it reads.
 * Registers and flags are then exact only where something may look: at F and X ops, and at INSN ops
 * whose cc is 1 (the instruction before has called a helper that may have done I/O). */
void ir_optimize(struct ir *ir);
/* Checks the rules (arity, defined before use, single assignment, block ends with an exit). NULL or
 * what is wrong. */
const char *ir_verify(const struct ir *ir);
/* One line of text for op i, without newline; returns buf. */
const char *ir_text(const struct ir *ir, u32 i, char *buf, size_t size);

#endif
