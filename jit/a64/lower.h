/* Lowering one block: the work area, and what its files offer one another. */
#ifndef JIT_A64_LOWER_H
#define JIT_A64_LOWER_H

#include "jit/a64/a64.h"

enum {
    OWNER_FREE = -1,
    OWNER_CACHE = -2, /* a host address that may be dropped: struct rmw */
};

enum { NO_SLOT = 0xffff, ALIASES = 3 };

struct temp {
    u16 last; /* op index of the last use */
    u16 slot; /* of its spilled value, or NO_SLOT */
    u8 reg;   /* where it is, or A_NONE; a guest register's when it is a copy of that */
};

/* One operand of the lazy flags. */
struct flag_part {
    struct irv v; /* where it is, unless only its own register has it (NONE) */
    bool needed;  /* this kind has it */
    bool in_reg;  /* its own register has it */
};

enum { PART_DST, PART_SRC, FLAG_PARTS };

/* What is known of the guest's flags: the operation that set them last and its operands, which go
 * to REG_OP, REG_DST and REG_SRC only where somebody may look. */
struct recipe {
    bool known; /* else only the registers tell */
    bool op_in_reg;
    u8 kind, size;
    u32 over; /* FLAG_OP_CF, FLAG_OP_OF with their bits, of flags from elsewhere */
    u16 end;  /* op index of the last that needs it */
    struct flag_part part[FLAG_PARTS];
};

/* Moves that complete the flags, for code out of line. */
struct flag_sync {
    u32 op;
    bool set_op;
    bool set[FLAG_PARTS];
    u8 reg[FLAG_PARTS]; /* A_NONE: imm */
    u64 imm[FLAG_PARTS];
};

/* Code out of line, emitted after the block. Positions are 0 where there is none. */
enum ool_kind { OOL_MEMORY, OOL_CALL, OOL_EXIT, OOL_OVER, OOL_CARRY, OOL_FP };

struct ool {
    u8 kind;
    u8 size;
    u8 addr;   /* register to be moved to X1 */
    u8 value;  /* the same to X2, or A_NONE */
    u8 dst;    /* register for the result, or A_NONE */
    u8 clear;  /* register to zero after the slow path, or A_NONE */
    bool sx;   /* the result is to be sign-extended from size */
    bool wide; /* the result has 64 bits */
    u8 entry;  /* register of the page's TLB entry, still free when cross is taken */
    u8 nargs;  /* CALL: constants in arg[] for W1 on, but that of number `addr_arg` */
    u8 addr_arg;
    s8 slot; /* EXIT: number, or -1 */
    u32 stub;
    u64 arg[4];
    u32 imm;       /* EXIT, OVER: page offset */
    u32 from[2];   /* jumps that lead here */
    u32 cross;     /* jump taken when the access is not aligned */
    u32 back_fast; /* where an access that does not cross a page goes on */
    u32 commit;    /* FP: where an operation goes on that was only inexact */
    u32 back;
    u16 off; /* of the instruction in its page */
    u8 left; /* instructions not retired, this one included */
    struct flag_sync sync;
};

/* Host address of a read-modify-write in progress. */
struct rmw {
    u32 st; /* op index of the ST; 0: none */
    u8 reg; /* has it, or 0 if the load took the slow path */
};

struct lower {
    struct a64 *be;
    const struct ir *ir;
    struct block *b;
    struct a_enc e;
    u32 base; /* position of e.base in the code memory */
    u32 i;    /* op at hand */
    u16 off;  /* of the instruction at hand */
    u32 left; /* instructions not retired, that one included */
    u32 begun;
    s8 nslots; /* exit slots used */
    bool ended;

    s16 owner[32];
    u32 locked;                    /* by register: in use by the op at hand */
    u32 scratch;                   /* scratch registers used by it */
    s16 alias[GPR_COUNT][ALIASES]; /* temps that are copies of a guest register */
    u32 nspill;
    u32 nfree_slots;

    struct recipe fl;
    struct { /* whose flags NZCV has, while gen is e.flags_gen */
        u32 gen, at;
        u8 op; /* enum ir_op */
        bool wide;
        struct irv d, a, b;
    } alu;
    u32 nzcv_gen; /* NZCV is that of the recipe's operation while this is e.flags_gen */
    struct rmw rmw;
    u32 nool;

    struct temp temp[IR_MAX_TEMPS];
    u16 free_slots[IR_MAX_TEMPS];
    u16 flag_end[IR_MAX_OPS];   /* FLAGS: op index of the last that needs them */
    bool flag_used[IR_MAX_OPS]; /* FLAGS: a condition of them is evaluated */
    struct ool ool[IR_MAX_OPS];
};

/* Is it a block of 64-bit mode? Then addresses and EIP have 64 bits. */
static inline bool is_code64(const struct lower *l)
{
    return l->ir->mode & MODE_CODE64;
}

/* -- regalloc.c -- */
void ra_begin(struct lower *l);
void ra_end_op(struct lower *l);
/* The host register that holds x now; constants are loaded. It stays put until the op ends. */
unsigned ra_use(struct lower *l, struct irv x);
unsigned ra_use_z(struct lower *l, struct irv x); /* the same; the zero register for 0 */
/* A register for d, to be written after all sources have been asked for. It may be one of theirs
 * only if reuse is that source, dies here and is read no later than d is written. */
unsigned ra_def(struct lower *l, struct irv d, struct irv reuse);
unsigned ra_scratch(struct lower *l);                   /* until the op ends; there are four */
unsigned ra_keep(struct lower *l);                      /* a temporary's, marked OWNER_CACHE */
bool ra_alias(struct lower *l, u32 temp, unsigned gpr); /* temp becomes a copy without code */
void ra_reg_written(struct lower *l, unsigned gpr);     /* before gpr changes */
bool ra_is_wanted(const struct lower *l, struct irv d); /* is output d ever read? */

/* -- lower_flags.c -- */
struct flag_sync flags_sync(const struct lower *l);
void flags_store(struct lower *l, const struct flag_sync *s);
void flags_resync(const struct lower *l, struct flag_sync *s); /* s from before ra_def() */
void flags_sync_inline(struct lower *l);
/* Part n's register is about to change: before the op at hand is done with it (now), or by its
 * result. */
void flags_part_lost(struct lower *l, unsigned n, bool now);
bool flags_wanted_from(const struct lower *l);           /* will the op's own NZCV be asked for? */
enum a_cond flags_to_host(struct lower *l, unsigned cc); /* the condition that is guest's cc */
void lower_flags(struct lower *l, const struct ir_insn *o);
void lower_flagbits(struct lower *l, const struct ir_insn *o);
void lower_getcc(struct lower *l, const struct ir_insn *o);
void lower_selcc(struct lower *l, const struct ir_insn *o);
void lower_getfl(struct lower *l, const struct ir_insn *o);
void ool_carry(struct lower *l, const struct ool *q);

/* -- lower_alu.c -- */
bool lower_alu(struct lower *l, const struct ir_insn *o);            /* false: not one of its ops */
enum a_cond lower_compare(struct lower *l, const struct ir_insn *o); /* a <cc> b in NZCV */

/* -- lower_mem.c -- */
void lower_load(struct lower *l, const struct ir_insn *o);
void lower_store(struct lower *l, const struct ir_insn *o);
void lower_ldv(struct lower *l, const struct ir_insn *o);
void lower_stv(struct lower *l, const struct ir_insn *o);
void lower_segchk(struct lower *l, const struct ir_insn *o);
void lower_alone(struct lower *l, const struct ir_insn *o);
void lower_lds(struct lower *l, const struct ir_insn *o);
void lower_sts(struct lower *l, const struct ir_insn *o);
void ool_memory(struct lower *l, const struct ool *q);
void ool_call(struct lower *l, const struct ool *q);
/* Access to a field of struct cpu, wherever it is; may use X16. */
void field_access(struct a_enc *e, enum a_access op, unsigned t, s32 offset);

/* -- lower_exit.c -- */
void lower_call(struct lower *l, const struct ir_insn *o);
void lower_xcc(struct lower *l, const struct ir_insn *o);
void lower_xif(struct lower *l, const struct ir_insn *o);
void lower_end(struct lower *l, const struct ir_insn *o);           /* XJMP XIND XNEXT XLOOP */
void lower_leave_if_zero(struct lower *l, const struct ir_insn *o); /* FLAGSIF, FLAGBITSIF */
void ool_exit(struct lower *l, const struct ool *q);
void ool_over(struct lower *l, const struct ool *q);

/* -- lower_fp.c -- */
bool lower_fp(struct lower *l, const struct ir_insn *o); /* false: not one of its operations */
void ool_fp(struct lower *l, const struct ool *q);

/* -- lower_vec.c -- */
void lower_vec(struct lower *l, const struct ir_insn *o);
void lower_x87chk(struct lower *l);
void lower_x87home(struct lower *l);
void lower_x87(struct lower *l, const struct ir_insn *o);
void lower_x87m(struct lower *l, const struct ir_insn *o);

/* -- lower.c -- */
struct ool *ool_new(struct lower *l, enum ool_kind kind); /* with the place of now */
void emit_place(struct lower *l, u32 off, u32 left);      /* cpu->insn_off, insn_left */
/* reg = EIP at page offset imm; may use via */
void emit_eip(struct lower *l, unsigned reg, u32 imm, unsigned via);
/* Is the page of the linear address in X0 where a block wants it, executable? The first finds in X1
 * where it is, host address + TLB_VALID, the second sets NZCV to EQ if that is X2. May use X17,
 * X30. */
void emit_page_entry(struct lower *l);
void emit_page_compare(struct lower *l);
void emit_call_stub(struct lower *l, u32 stub);
void emit_jmp_stub(struct lower *l, u32 stub);

#endif
