/* What the optimizer's files share: opt.c (the passes) and opt_fold.c (what one op folds to). */
#ifndef JIT_OPT_H
#define JIT_OPT_H

#include "cpu/insn.h"
#include "jit/ir.h"

#define OPT_REMOVED IR_OP_COUNT

/* What is known of a temporary. */
struct opt_temp {
    struct irv is; /* itself, or what it is a copy of; a REG: as of op def */
    bool high;     /* bits 63:32 may not be 0 */
    s32 def;       /* index of the op that defines it */
    s32 last_use;  /* index, -1 none */
    u16 uses;
    u8 need;   /* bytes of it that somebody looks at: 1, 2, 4, 8 */
    u8 holder; /* the register that it was last moved to, or GPR_COUNT */
    u8 reg;    /* the register that it was coalesced with, or GPR_COUNT */
};

struct opt {
    struct ir *ir;
    s32 flags_def;              /* the FLAGS op that made the flags of now, -1 unknown */
    s32 cf_def, of_def;         /* the same of CF and OF; may be a FLAGBITS */
    s32 last_write[GPR_COUNT];  /* index of the last write, -1 none */
    struct irv held[GPR_COUNT]; /* CONST or TEMP that the register equals, NONE unknown */
    bool high[GPR_COUNT];       /* of the register: bits 63:32 may not be 0 */
    struct opt_temp temp[IR_MAX_TEMPS];
};

/* The flags in groups that are followed one by one. */
enum flag_group { FG_CF, FG_OF, FG_REST, FG_COUNT };

/* Which of them, as bits, condition cc needs. */
u8 opt_condition_needs(unsigned cc);

/* The best operand for x at the current point of the forward pass. */
struct irv opt_resolve(const struct opt *p, struct irv x, bool wide); /* to a wide op? */
bool opt_has_high(const struct opt *p, struct irv x); /* may bits 63:32 of x not be 0? */

/* Simplifies o, whose inputs are resolved, in place; OPT_REMOVED when it does nothing. */
void opt_fold(struct opt *p, struct ir_insn *o);

#endif
