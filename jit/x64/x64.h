/* What the files of the x86-64 back end share.
 *
 * In translated code: guest EAX ECX EDX EBX EBP ESI EDI are in the host registers of the same name,
 * guest ESP in R14, struct cpu * in R15, the budget in R13. R8-R12 hold temporaries. Outside 64-bit
 * code bits 63:32 of all of them are 0. The host stack has the frame below, aligned to 16; nothing
 * is ever pushed across operations.
 *
 * Guest XMM registers are in struct cpu until vector code asks for them: from then on, until code
 * is left or C is called, the first eight are in the host's registers of the same number (the
 * others, of 64-bit code, stay in struct cpu), and after the first floating-point operation the
 * host has the guest's MXCSR as well. The frame says so. */
#ifndef JIT_X64_X64_H
#define JIT_X64_X64_H

#include "jit/backend.h"
#include "jit/code.h"
#include "jit/x64/encode.h"

enum { REG_CPU = R15, REG_BUDGET = R13, REG_ESP = R14 };

/* The frame of translated code, from RSP: four words of 8 bytes that carry arguments to stubs and
 * results back, then slots for temporaries. */
enum {
    FRAME_ARGS = 0,
    FRAME_VU = 32,         /* byte: VU_* */
    FRAME_HOST_MXCSR = 36, /* the host's own, while VU_FP */
    FRAME_SLOTS = 40,
    FRAME_SIZE = FRAME_SLOTS + 8 * IR_MAX_TEMPS, /* 8 modulo 16: see make_enter() */
};

/* What of the guest's vector state the host's registers hold, cumulative: nothing, XMM0-7, MXCSR
 * too. */
enum { VU_OFF, VU_XMM = 1, VU_FP = 3 };

/* Code shared by all blocks, made once (stubs.c). Those marked r8 take a value there. */
enum stub {
    STUB_ENTER,
    STUB_EXIT_SLOT,   /* r8 = struct block_exit: to its page offset, RUN_NEXT with it */
    STUB_EXIT_OFF,    /* r8d = page offset: RUN_NEXT */
    STUB_EXIT_EIP,    /* r8 = EIP: RUN_NEXT */
    STUB_EXIT_BUDGET, /* r8d = page offset: RUN_BUDGET */
    STUB_EXIT_EVENT,  /* cpu->eip is set: on with the block there, or RUN_EVENT */
    STUB_EXIT_LOOP,   /* cpu->eip is set: RUN_EVENT */
    STUB_FLAGS,       /* host flags = guest flags as they are in memory, but AF */
    STUB_CARRY,       /* host CF = guest CF as memory has it */
    STUB_GETFL,       /* argument word 0 = guest flags */
    STUB_XMM_ON,      /* to VU_XMM, from VU_OFF */
    STUB_FP_ON,       /* to VU_FP, from anything */
    STUB_VU_OFF,      /* to VU_OFF, from anything */
    STUB_VU_SAVE,     /* the state to struct cpu, the host's MXCSR back; stubs call this ... */
    STUB_VU_LOAD,     /* ... and the reverse */
    STUB_VEC,         /* vec_exec(cpu, four argument words) */
    STUB_LDV,         /* vector access, slow: address, offset, size, enum vector_how */
    STUB_STV,
    STUB_ALONE,    /* see IR_ALONE: does not come back */
    STUB_X87_LOAD, /* host_x87_load(); these keep all but the flags and the x87 */
    STUB_X87_SAVE,
    STUB_X87_PENDING, /* help_wait() */
    STUB_X87_SLOW,    /* host_x87_slow(): two argument words */
    STUB_SEGCHK,      /* segment, offset, size, access */
    STUB_MEM,         /* + enum slow_access * 4 + log2 size: address, value; result in word 0 */
    STUB_TRY = STUB_MEM + 24, /* + stub_try(): the same, through the TLB if possible */
    STUB_WINDOW = STUB_TRY + 2 * PRIV_COUNT * 12, /* + SLOW_READ..SLOW_WRITE * 3 + log2 size:
                                                     offset, segment, value; result in word 0 */
    STUB_TRY_WINDOW = STUB_WINDOW + 9,            /* the same, through the window if possible */
    STUB_HELPER = STUB_TRY_WINDOW + 9,            /* + enum helper */
    STUB_COUNT = STUB_HELPER + HELPER_COUNT,
};

enum vector_how { VECTOR_PRIV = 3 /* enum priv */, VECTOR_SYS = 4, VECTOR_ALIGNED = 8 };
enum slow_access { SLOW_READ, SLOW_RMW, SLOW_WRITE, SLOW_READ_SYS, SLOW_RMW_SYS, SLOW_WRITE_SYS };

/* wide: in 64-bit code; access: one of the first three */
static inline u32 stub_try(bool wide, enum priv priv, enum slow_access access, unsigned log2)
{
    return (((u32)wide * PRIV_COUNT + (u32)priv) * 3 + (u32)access) * 4 + log2;
}

struct run_return {
    u64 result; /* enum run_result */
    struct block_exit *exit;
};

struct lower;

struct x64 {
    struct phys *phys;
    struct code_mem mem;
    u32 stub[STUB_COUNT]; /* positions in the code memory */
    bool bmi2, popcnt, lahf;
    u16 vec;  /* VA_HOST bits of cpu/vec.h that the host has */
    bool daz; /* MXCSR has all that a guest may set */
    struct run_return (*enter)(struct cpu *cpu, const void *code);
    struct lower *lower; /* work area of compile() */
};

static inline unsigned host_of(unsigned gpr)
{
    return gpr == ESP ? (unsigned)REG_ESP : gpr;
}

#define CPU_OFF(field) ((s32)offsetof(struct cpu, field))
static inline struct x_mem cpu_at(s32 offset)
{
    return x_at(REG_CPU, offset);
}

/* Word n of the arguments; rsp is depth below the frame. */
static inline struct x_mem arg_at(s32 depth, unsigned n)
{
    return x_at(RSP, depth + FRAME_ARGS + 8 * (s32)n);
}

/* Offsets of the TLB's tables in struct cpu: of entries, of tags */
static inline s32 tlb_table(bool wide, enum priv priv, enum access acc)
{
    size_t n = TLB_PAGES * ((unsigned)priv * ACCESS_COUNT + (unsigned)acc);
    size_t tables = wide ? offsetof(struct cpu, tlb.e64) : offsetof(struct cpu, tlb.e);
    return (s32)(tables + n * sizeof(struct tlb_entry));
}
static inline s32 tlb_tags(enum priv priv, enum access acc)
{
    size_t n = TLB_PAGES * ((unsigned)priv * ACCESS_COUNT + (unsigned)acc);
    return (s32)(offsetof(struct cpu, tlb.tag) + n * sizeof(u32));
}

/* look_up.c: entry = the number of addr's page in the table; if wide, the host flags are E if the
 * tag there is that of addr, NE if the entry is another page's. tag is to work with, and only if
 * wide. Then: entry = what the table has there. */
struct tlb_regs {
    unsigned addr, entry, tag;
};
void tlb_find(const struct x64 *be, struct enc *e, bool wide, struct tlb_regs r, enum priv priv,
              enum access acc);
void tlb_load(struct enc *e, bool wide, unsigned entry, enum priv priv, enum access acc);

/* A chained exit to another page compares the page's host address + TLB_VALID with a constant that
 * lies so many bytes before the jump's displacement; FAR_NOWHERE equals none. */
enum { FAR_HOST = 8 + 3 + 6 + 3 + 1, FAR_NOWHERE = 2 };

/* stubs.c: writes the stubs to the start of the code memory. */
void stubs_make(struct x64 *be);

/* host_x87.c: the guest's x87 state to the host, and home, where it must not be already. */
void host_x87_load(struct cpu *cpu);
void host_x87_save(struct cpu *cpu);
/* help_x87_mem64() of an operation that the host would have done, and goes on with. */
void host_x87_slow(struct cpu *cpu, u64 desc, u64 off);

/* lower.c: translates ir at the end of the code memory. False: no room. */
bool lower_block(struct x64 *be, const struct ir *ir, struct block *b);
struct lower *lower_new(void);

/* Words before a block's entry: [-1] where its dead-block stub is, [-2 - k] where exit k's stub is.
 */
u32 block_word(const struct x64 *be, const struct block *b, u32 n);

#endif
