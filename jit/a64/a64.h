/* What the files of the AArch64 back end share.
 *
 * In translated code the guest's registers are in X19 to X26, outside 64-bit mode with upper halves
 * of 0; the budget is in X27, struct cpu * in X28. The lazy flags are in registers too: cc_op,
 * cc_dst, cc_src in X5 to X7; the rest of them is in struct cpu. X29 points to the TLB table for
 * reads at the block's privilege, in 64-bit mode the wide one, X8 to that for writes; the frame has
 * those of their tags. X9 to X15 hold temporaries; X0, X2, X3, X4 are scratch of one operation, X1
 * its address, X16, X17 and X30 scratch of one step. Stubs are called by BL with arguments in X1 to
 * X4 and answer in X0; they keep the temporaries. V0 to V7 hold nothing between operations: the
 * guest's vector registers are in struct cpu. FPCR is 0 but for FZ. The stack has the frame below.
 */
#ifndef JIT_A64_A64_H
#define JIT_A64_A64_H

#include "jit/a64/encode.h"
#include "jit/backend.h"
#include "jit/code.h"

enum {
    REG_OP = 5, /* this and the next two: lazy flags */
    REG_DST,
    REG_SRC,
    REG_WRITE_TLB = 8,
    REG_TEMP = 9,
    REG_TEMP_LAST = 15,
    REG_GPR = 19,
    REG_BUDGET = 27,
    REG_CPU = 28,
    REG_READ_TLB = 29,
};

/* From SP: what stubs save, then slots for temporaries. */
enum {
    FRAME_LINK = 0,   /* X30 and X9 to X15 while C runs */
    FRAME_TAGS = 64,  /* of the tables for reads and for writes; in 64-bit mode alone */
    FRAME_SLOTS = 80, /* 8 bytes each */
    FRAME_SIZE = FRAME_SLOTS + 8 * IR_MAX_TEMPS,
};

enum slow_access { SLOW_READ, SLOW_RMW, SLOW_WRITE, SLOW_READ_SYS, SLOW_RMW_SYS, SLOW_WRITE_SYS };
enum vector_how { VECTOR_PRIV = 3 /* enum priv */, VECTOR_SYS = 4, VECTOR_ALIGNED = 8 };

/* Code shared by all blocks, made once (stubs.c). */
enum stub {
    STUB_ENTER,
    STUB_EXIT_SLOT,   /* X0 = struct block_exit: to its page offset, RUN_NEXT with it */
    STUB_EXIT_OFF,    /* W0 = page offset: RUN_NEXT */
    STUB_EXIT_EIP,    /* X0 = EIP: RUN_NEXT */
    STUB_EXIT_BUDGET, /* W0 = page offset: RUN_BUDGET */
    STUB_EXIT_EVENT,  /* cpu->eip is set: on with the block there, or RUN_EVENT */
    STUB_EXIT_LOOP,   /* cpu->eip is set: RUN_EVENT */
    STUB_LOOK_UP,     /* + 2 * (CS is flat) + (user mode): W0 = EIP, on by the jump cache */
    STUB_LOOK_UP64 = STUB_LOOK_UP + 4, /* + (user mode): the same in 64-bit mode, X0 */
    STUB_GETFL = STUB_LOOK_UP64 + 2,
    STUB_VEC, /* vec_exec(): operation, destination, source, immediate */
    STUB_LDV, /* vector access, slow: address, offset, size, enum vector_how */
    STUB_STV,
    STUB_ALONE,    /* see IR_ALONE: does not come back */
    STUB_X87,      /* descriptor, taken? */
    STUB_X87_MEM,  /* descriptor, offset */
    STUB_X87_WAIT, /* help_wait() */
    STUB_SEGCHK,   /* segment, offset, size, access */
    STUB_MEM,      /* + enum slow_access * 4 + log2 size: address, value */
    STUB_WINDOW =
        STUB_MEM + 24, /* + SLOW_READ..SLOW_WRITE * 3 + log2 size: offset, segment, value */
    STUB_HELPER = STUB_WINDOW + 9, /* + enum helper */
    STUB_COUNT = STUB_HELPER + HELPER_COUNT,
};

struct run_return {
    u64 result; /* enum run_result */
    struct block_exit *exit;
};

struct lower;

struct a64 {
    struct phys *phys;
    struct code_mem mem;
    u32 stub[STUB_COUNT]; /* positions in the code memory */
    bool crc32;
    u64 fpcr;       /* the program's own */
    bool far_jumps; /* chained exits load their target: see chain() in backend.c */
    struct run_return (*enter)(struct cpu *cpu, const void *code, const void *read_tlb);
    struct lower *lower; /* work area of compile() */
};

#define CPU_OFF(field) ((s32)offsetof(struct cpu, field))

/* Distance between the tables of two kinds of access at one privilege */
#define TLB_TABLE_BYTES ((u64)sizeof(struct tlb_entry) * TLB_PAGES)
#define TAG_TABLE_BYTES ((u64)sizeof(u32) * TLB_PAGES)

static inline unsigned host_of(unsigned gpr)
{
    return REG_GPR + gpr;
}

static inline const void *read_tlb(const struct cpu *cpu)
{
    enum priv priv = mode_priv(cpu->mode);
    return cpu_is_code64(cpu) ? cpu->tlb.e64[priv][ACCESS_READ] : cpu->tlb.e[priv][ACCESS_READ];
}

/* What an unchained exit goes to lies at the start of the code out of line: for each exit so many
 * bytes, then the same for a discarded block. */
enum { EXIT_STUB_BYTES = 20 };

/* From the jump of an exit (B; or LDR literal, BR) to its literals. FAR_NOWHERE equals no page. */
enum { EXIT_TARGET = 8, EXIT_HOST = 16, EXIT_HOST_NEAR = 4, FAR_NOWHERE = 2 };

static inline enum priv exec_priv(u32 mode)
{
    return mode & MODE_USER ? PRIV_USER : PRIV_SUPER;
}

/* The register that points to the TLB table of priv and acc, in a block at privilege own: via, if
 * it has to be computed. */
unsigned table_reg(struct a_enc *e, enum priv own, enum priv priv, enum access acc, unsigned via);

/* The same of the tags, which come to register reg. */
void load_tags(struct a_enc *e, enum priv own, enum priv priv, enum access acc, unsigned reg);

/* stubs.c: writes the stubs to the start of the code memory. */
void stubs_make(struct a64 *be);

/* lower.c: translates ir at the end of the code memory. False: no room. */
bool lower_block(struct a64 *be, const struct ir *ir, struct block *b);
struct lower *lower_new(void);

#endif
