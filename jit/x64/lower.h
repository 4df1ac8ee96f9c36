/* Lowering one block: the work area, and what its files offer one another. */
#ifndef JIT_X64_LOWER_H
#define JIT_X64_LOWER_H

#include "jit/x64/x64.h"

enum {
    OWNER_FREE = -1,
    OWNER_SCRATCH = -2, /* for the current op */
    OWNER_CACHE = -3,   /* something worth keeping that may be dropped: see cache_dropped() */
};

enum { NO_SLOT = 0xffff };

/* What is known of a value: that of root, which nothing is known of, plus delta. */
struct place {
    u16 root;
    s32 delta;
};

struct temp {
    u16 last;   /* op index of the last need, flags included */
    u16 strong; /* op index of the last op that names it */
    u16 slot;   /* of its spilled value, or NO_SLOT */
    u8 reg;     /* where it is, or HOST_NONE; a guest register's when it is a copy of that */
    bool wide;  /* bits 63:32 are looked at by somebody */
    bool dirty; /* there may be something in them, though a narrow op should not have left it */
    struct place place, place16; /* lower_share.c */
};

/* One operand of the lazy flags. */
struct flag_part {
    struct irv v; /* where it is, unless only memory has it (NONE) */
    u8 bytes;     /* of it that count: 4, 8 */
    bool needed;  /* this kind has it */
    bool in_mem;  /* struct cpu has it */
};

/* Where the x87 state is, for certain: cpu.fpu_host tells. */
enum { X87_AT_EITHER, X87_AT_HOST, X87_AT_HOME };

/* Parts: the operands of the last operation, and what CF and OF are bits of if they come from
 * elsewhere. */
enum { PART_DST, PART_SRC, PART_AUX, PART_CF, PART_OF, FLAG_PARTS };

/* What is known of the guest's flags: the operation that set them last and its operands, which go
 * to memory only where somebody may look. */
struct recipe {
    bool known; /* else only memory tells, but for CF and OF if they are in over */
    bool op_in_mem;
    u8 kind, size;
    u8 over;   /* HF_C, HF_O: from elsewhere */
    u8 bit[2]; /* of PART_CF, PART_OF */
    u16 end;   /* op index of the last that needs it */
    struct flag_part part[FLAG_PARTS];
};

/* Of the x87 instructions so far, what struct cpu does not have yet: see lower_x87.c. */
enum { X87_DATA_NONE, X87_DATA_STORED, X87_DATA_LATER }; /* FDP is in struct cpu; is base + disp */
struct x87_last {
    bool code; /* FIP, FCS, FOP: page offset and opcode */
    u8 data;   /* X87_DATA_*: FDS and FDP */
    u8 seg;
    u8 base; /* guest register, or GPR_NONE */
    u16 off, fop;
    u32 disp;
};

/* Stores that complete the flags in memory, for code out of line; and the x87 pointers. */
struct flag_sync {
    struct x87_last x87;
    u32 op;
    bool store_op;
    bool add_op; /* only memory knows the kind: op is what to add for CF and OF. Alters the host
                    flags */
    u8 reg[FLAG_PARTS]; /* HOST_NONE: imm, if store is set */
    u8 bytes[FLAG_PARTS];
    bool store[FLAG_PARTS];
    u32 imm[FLAG_PARTS];
};

/* Code out of line, emitted after the block. Positions are 0 where there is none. */
enum ool_kind {
    OOL_LOAD,
    OOL_STORE,
    OOL_VECTOR,
    OOL_X87,
    OOL_X87CHK,
    OOL_SEGCHK,
    OOL_EXIT,
    OOL_OVER,
    OOL_DIVIDE,
    OOL_CARRY,
    OOL_ALONE,
    OOL_SLOT
};

struct ool {
    u8 kind;
    u8 size;
    u8 access; /* enum slow_access; SEGCHK, X87: enum access; VECTOR: enum stub */
    u8 addr;   /* host register; HOST_NONE: the address is disp */
    u8 entry;  /* register to be of the TLB entry */
    u8 tag;    /* register to work with when looking it up in 64-bit code */
    u32 move;  /* VECTOR: opcode; X87: X87_DESC() */
    u8 value;  /* STORE, X87: host register, or HOST_NONE: imm */
    u8 dst;    /* LOAD, CARRY: host register; VECTOR: XMM register to load by move, or HOST_NONE */
    u8 clear;  /* register to zero after the slow path, or HOST_NONE */
    u8 sx;     /* LOAD: sign-extended to so many bytes; 0: not */
    bool wrap; /* ... and the sum is cut to 16 bits */
    u8 in_seg; /* the access is to a segment: its number + 1; disp is to be added to addr */
    bool shared; /* the access is one of a group; addr is the base, disp to be added */
    bool leader; /* the one that checks for all */
    u8 priv;
    s8 slot;       /* EXIT: number, or -1 */
    u32 disp;      /* to be added to addr if shared; in 64-bit code it is signed */
    u8 how;        /* VECTOR: enum vector_how; X87: lower_x87.c */
    u32 imm;       /* STORE: value; VECTOR: offset; EXIT: page offset; SEGCHK: segment */
    u32 from[3];   /* jumps that lead here */
    u32 cross;     /* jump taken when the access is not aligned */
    u32 back_fast; /* where an access that does not cross a page goes on */
    u32 back;
    u16 off; /* of the instruction in its page */
    u8 left; /* instructions not retired, this one included */
    struct flag_sync sync;
};

/* Host address of a read-modify-write in progress. */
struct rmw {
    u32 st;         /* op index of the ST; 0: none */
    u8 addr, entry; /* linear address; TLB entry, 0 when the load took the slow path */
    bool own_addr;
};

/* Accesses that share a look-up: see lower_share.c. */
struct group {
    s32 lo, hi; /* bytes [lo, hi) from the root */
    u16 left;   /* members not lowered yet */
    u8 reg;     /* host address of the root's value, HOST_NONE while there is none */
    u8 in_seg;  /* it is in a segment: cc of its accesses */
    bool read, write;
};

struct lower {
    struct x64 *be;
    const struct ir *ir;
    struct block *b;
    struct enc e;
    bool code64;
    u8 word;  /* bytes of addresses and of EIP: 8 in 64-bit code, else 4 */
    u32 base; /* position of e.base in the code memory */
    u32 i;    /* op at hand */
    u16 off;  /* of the instruction at hand */
    u32 left; /* instructions not retired, that one included */
    u32 begun;
    s8 nslots;                      /* exit slots used */
    u32 exit_stub[BLOCK_MAX_EXITS]; /* positions in the code memory */
    u32 dead_stub;
    bool ended;

    /* registers */
    s16 owner[HOST_REGS];
    u16 locked;              /* by register: in use by the op at hand */
    s16 alias[GPR_COUNT][2]; /* temps that are copies of a guest register */
    u32 nspill;
    u32 nfree_slots;

    struct recipe fl;
    u32 hf_gen; /* e.flags_gen as long as the host flags are the guest's ... */
    u8 hf_mask; /* ... these of them, HF_* */
    struct {    /* last arithmetic op in host flags */
        u32 gen, at;
        u8 op, size;
        struct irv d, a, b;
    } alu;
    struct rmw rmw;
    struct {
        u8 on;         /* VU_*: at least this holds here */
        u32 taker;     /* index of the VEC op that finds xmm_scratch in XMM_A; 0: none */
        u32 done;      /* index of the VEC op that the load before has done already; 0: none */
        u32 flags_at;  /* index of the last compare that left its result ... */
        u32 flags_gen; /* ... in host flags of that generation */
    } vec;
    struct {
        u8 at;        /* X87_AT_* */
        bool checked; /* nothing is pending */
        struct x87_last last;
        u32 flags_at; /* as vec's */
        u32 flags_gen;
    } x87;
    u32 nool;
    u32 ngroups;
    u16 eip_root; /* the place of cpu.eip_page in 64-bit code; 0: none */

    struct temp temp[IR_MAX_TEMPS];
    u16 free_slots[IR_MAX_TEMPS];
    u16 flag_end[IR_MAX_OPS];   /* FLAGS: op index of the last that needs them */
    bool flag_used[IR_MAX_OPS]; /* FLAGS: a condition of them is evaluated */
    u16 op_group[IR_MAX_OPS];   /* memory ops: index of the group, 0 none */
    s32 op_off[IR_MAX_OPS];     /* bytes from the group's root */
    struct group group[IR_MAX_OPS + 1];
    struct ool ool[IR_MAX_OPS];
};

enum {
    HF_C = 1,
    HF_P = 2,
    HF_Z = 4,
    HF_S = 8,
    HF_O = 16,
    HF_ALL = 31,
    HF_ZSP = HF_Z | HF_S | HF_P
};

/* -- regalloc.c -- */
void ra_begin(struct lower *l);
void ra_end_op(struct lower *l);
/* The host register that holds x now; constants are loaded as the op at hand means them. It stays
 * put until the op ends. */
unsigned ra_use(struct lower *l, struct irv x);
unsigned ra_const(struct lower *l, u64 v); /* a scratch register that holds v */
/* A register for d, to be written after all sources have been asked for. It may be one of theirs
 * only if reuse is that source, dies here and is read no later than d is written. */
unsigned ra_def(struct lower *l, struct irv d, struct irv reuse);
unsigned ra_scratch(struct lower *l);
unsigned ra_free(const struct lower *l); /* a register that holds nothing now, or HOST_NONE */
void ra_unlock_all(struct lower *l);
/* Turns a scratch register of this op into the home of temp d. */
void ra_give(struct lower *l, struct irv d, unsigned reg);
bool ra_alias(struct lower *l, u32 temp,
              unsigned gpr);                        /* temp becomes a copy of gpr without code */
void ra_reg_written(struct lower *l, unsigned gpr); /* before gpr changes */
/* reg = x, whatever x is, of size bytes, 4 or 8; keeps the flags */
void ra_move(struct lower *l, unsigned size, unsigned reg, struct irv x);
bool ra_is_wanted(const struct lower *l, struct irv d); /* is output d ever read? */

/* -- lower_flags.c -- */
struct flag_sync flags_sync(const struct lower *l);           /* what is missing in memory now */
void flags_store(struct lower *l, const struct flag_sync *s); /* emits the stores */
void flags_sync_inline(struct lower *l);
void flags_resync(const struct lower *l,
                  struct flag_sync *s); /* s from before ra_def(), which may have stored parts */
/* Part n's register is about to change: before the op at hand is done with it (now), or by its
 * result. */
void flags_part_lost(struct lower *l, unsigned n, bool now);
enum x_cc flags_to_host(struct lower *l,
                        enum x_cc cc); /* the host condition that is guest condition cc */
bool flags_sync_is_empty(const struct flag_sync *s); /* nothing to store */
bool flags_wanted_from(const struct lower *l); /* will the op's own host flags be asked for? */
void lower_flags(struct lower *l, const struct ir_insn *o);
void lower_flagbits(struct lower *l, const struct ir_insn *o);
void lower_getcc(struct lower *l, const struct ir_insn *o);
void lower_selcc(struct lower *l, const struct ir_insn *o);
void lower_getfl(struct lower *l, const struct ir_insn *o);
void ool_carry(struct lower *l, const struct ool *q);

/* -- lower_alu.c -- */
bool lower_alu(struct lower *l, const struct ir_insn *o);          /* false: not one of its ops */
enum x_cc lower_compare(struct lower *l, const struct ir_insn *o); /* a <cc> b in host flags */

/* -- lower_mem.c -- */
void lower_load(struct lower *l, const struct ir_insn *o);
void lower_store(struct lower *l, const struct ir_insn *o);
void lower_segchk(struct lower *l, const struct ir_insn *o);
void lower_alone(struct lower *l, const struct ir_insn *o);
void lower_lds(struct lower *l, const struct ir_insn *o);
void lower_sts(struct lower *l, const struct ir_insn *o);
u32 find_store(const struct lower *l, const struct ir_insn *o);
void cache_dropped(struct lower *l, unsigned reg);
void ool_memory(struct lower *l, struct ool *q);
enum priv access_priv(const struct lower *l, const struct ir_insn *o);
unsigned mem_address(struct lower *l, const struct ir_insn *o, u32 disp, struct ool *q, bool *own);
unsigned mem_scratch(struct lower *l, struct ool *q); /* for the entry; q->tag, too, if needed */
void mem_look_up(struct lower *l, const struct ir_insn *o, u32 disp, unsigned addr, unsigned entry,
                 enum access acc, struct ool *q);
struct x_mem mem_guest_at(const struct ool *q, unsigned addr, unsigned entry);
void put_arg_reg(struct lower *l, unsigned n, unsigned reg, u64 imm); /* reg HOST_NONE: imm */
/* Word n becomes the address of an access: q's register or constant, and what is to be added. */
void put_address(struct lower *l, unsigned n, const struct ool *q);

/* -- lower_window.c -- */
void lower_window_load(struct lower *l, const struct ir_insn *o);
void lower_window_store(struct lower *l, const struct ir_insn *o);
void slow_window(struct lower *l, const struct ool *q); /* out of line: the call */

/* -- lower_share.c -- */
void share_find(struct lower *l); /* before lowering: groups the block's accesses */
struct group *share_begin(struct lower *l, struct ool *q); /* NULL: the op at hand does not share */
struct x_mem share_look_up(struct lower *l, const struct ir_insn *o, struct group *g, struct ool *q,
                           unsigned base, unsigned entry);
void share_end(struct lower *l, struct group *g);
void share_drop(struct lower *l, unsigned reg); /* the register has been taken for something else */

/* -- lower_exit.c -- */
void lower_call(struct lower *l, const struct ir_insn *o);
void lower_xcc(struct lower *l, const struct ir_insn *o);
void lower_xif(struct lower *l, const struct ir_insn *o);
void lower_end(struct lower *l, const struct ir_insn *o); /* XJMP XIND XNEXT XLOOP */
void ool_exit(struct lower *l, struct ool *q);
void lower_leave_if_zero(struct lower *l, const struct ir_insn *o); /* FLAGSIF, FLAGBITSIF */
void ool_over(struct lower *l, const struct ool *q);
bool lower_divide(struct lower *l, const struct ir_insn *o); /* false: not for the host */
void ool_divide(struct lower *l, const struct ool *q);
void ool_slot(struct lower *l, struct ool *q);

/* -- lower_vec.c, lower_vec_mem.c -- */
void lower_vec(struct lower *l, const struct ir_insn *o);
void lower_ldv(struct lower *l, const struct ir_insn *o);
void lower_stv(struct lower *l, const struct ir_insn *o);
bool lower_vec_lds(struct lower *l, const struct ir_insn *o); /* true: done */
bool lower_vec_sts(struct lower *l, const struct ir_insn *o);
bool vec_left_flags(const struct lower *l); /* the host flags are those that FLAGS at hand takes */
void slow_vector(struct lower *l, const struct ool *q);

/* -- lower_x87.c -- */
void lower_x87chk(struct lower *l);
void lower_x87(struct lower *l, const struct ir_insn *o);
void lower_x87m(struct lower *l, const struct ir_insn *o);
void lower_x87home(struct lower *l);
bool x87_left_flags(const struct lower *l); /* as vec_left_flags(), but ZF PF CF alone */
/* Keeps flags and registers but free, which may be HOST_NONE. */
void x87_store_last(struct lower *l, const struct x87_last *last, unsigned free);
void x87_store_place(struct lower *l); /* the block knows no last instruction any more */
void x87_reg_written(struct lower *l, unsigned gpr);             /* before gpr changes */
bool x87_shares(const struct lower *l, const struct ir_insn *o); /* may X87M be in a group? */
bool x87_writes(const struct ir_insn *o);                        /* is it a store? */
void slow_x87(struct lower *l, const struct ool *q);

/* -- lower.c -- */
/* v as an address, or as an operand of ops that access memory */
static inline u64 address_const(const struct lower *l, u32 v)
{
    return l->code64 ? (u64)(s64)(s32)v : v;
}
/* Bytes that o's operands have. */
static inline unsigned width_of(const struct ir_insn *o)
{
    return o->wide ? 8 : 4;
}
struct ool *ool_new(struct lower *l, enum ool_kind kind); /* with the place of now */
void emit_place(struct lower *l, u32 off, u32 left);      /* cpu->insn_off, insn_left */
void emit_call_stub(struct lower *l, u32 stub);
void emit_jmp_stub(struct lower *l, u32 stub);

#endif
