/* The architectural state of one CPU, and what translated code keeps beside it. Translated code
 * addresses it from one pinned host register: hot fields first, the TLB last. Allocated by
 * cpu_new() as demand-zero memory (the TLB alone spans 180 MiB of address space). */
#ifndef CPU_STATE_H
#define CPU_STATE_H

#include <setjmp.h>

#include "base/types.h"
#include "cpu/flags.h"
#include "cpu/insn.h"
#include "cpu/why.h"
#include "cpu/x87.h"
#include "mmu/mmu.h"

/* Cached descriptor of a segment register (SDM 3A 3.4.3). attr is bits 8-23 of the descriptor's
 * second dword shifted right by 8: type 3:0, S 4, DPL 6:5, P 7, AVL 12, L 13, D/B 14, G 15. */
struct segment {
    u16 sel;
    u16 attr;
    u32 limit;     /* in bytes, granularity applied */
    u32 base;      /* lifted code of 64-bit mode reads both halves at once */
    u32 base_high; /* bits 63:32, which only IA-32e mode has: of FS, GS, LDTR, TR */
    s64 limit_r; /* highest offset of a readable byte by the plain rule offset <= limit_r; -1: none,
                    or the */
    s64 limit_w; /* segment needs the exact check (expand-down): seg_update_cache() in seg.c sets
                    them */
};

enum {
    SA_TYPE = 0xf,
    SA_ACCESSED = 1,
    SA_RW = 2,
    SA_DC = 4,
    SA_CODE = 8,
    SA_S = 0x10,
    SA_DPL = 0x60,
    SA_DPL_SHIFT = 5,
    SA_P = 0x80,
    SA_AVL = 0x1000,
    SA_L = 0x2000,
    SA_DB = 0x4000,
    SA_G = 0x8000,
};

enum {
    CR0_PE = 1u << 0,
    CR0_MP = 1u << 1,
    CR0_EM = 1u << 2,
    CR0_TS = 1u << 3,
    CR0_ET = 1u << 4,
    CR0_NE = 1u << 5,
    CR0_WP = 1u << 16,
    CR0_AM = 1u << 18,
    CR0_NW = 1u << 29,
    CR0_CD = 1u << 30,
    CR0_PG = 1u << 31,
    CR4_VME = 1u << 0,
    CR4_PVI = 1u << 1,
    CR4_TSD = 1u << 2,
    CR4_DE = 1u << 3,
    CR4_PSE = 1u << 4,
    CR4_PAE = 1u << 5,
    CR4_MCE = 1u << 6,
    CR4_PGE = 1u << 7,
    CR4_PCE = 1u << 8,
    CR4_OSFXSR = 1u << 9,
    CR4_OSXMMEXCPT = 1u << 10,
    CR4_UMIP = 1u << 11,
    CR4_SMEP = 1u << 20,
    CR4_SMAP = 1u << 21,
};

#define CPU_MC_BANKS       5 /* of machine checks */
#define CPU_BLOCK_COUNTERS 16

enum {
    DR6_BD = 1 << 13,
    DR6_BS = 1 << 14,
    DR6_BT = 1 << 15,
    DR7_LOCAL = 0x155, /* L0 to L3, LE: cleared by task switches */
    DR7_GD = 1 << 13,
    DEBUGCTL_BTF = 2,
};

/* MXCSR (SDM 1, 10.2.3): exception flags in bits 5:0 (FP_* of softfp.h), their masks in 12:7. */
enum {
    MXCSR_FLAGS = 0x3f,
    MXCSR_DAZ = 1 << 6,
    MXCSR_MASK_SHIFT = 7,
    MXCSR_MASKS = 0x3f << MXCSR_MASK_SHIFT,
    MXCSR_RC_SHIFT = 13,
    MXCSR_FTZ = 1 << 15,
    MXCSR_RESET = 0x1f80,
};

enum vector {
    VEC_DE,
    VEC_DB,
    VEC_NMI,
    VEC_BP,
    VEC_OF,
    VEC_BR,
    VEC_UD,
    VEC_NM,
    VEC_DF,
    VEC_FPU_SEG,
    VEC_TS,
    VEC_NP,
    VEC_SS,
    VEC_GP,
    VEC_PF,
    VEC_MF = 16,
    VEC_AC,
    VEC_MC,
    VEC_XM,
};

/* The mode word: everything a block's translation depends on besides its bytes. cpu_mode() computes
 * it. */
enum {
    MODE_CODE32 = 1 << 0,  /* CS.D */
    MODE_STACK32 = 1 << 1, /* SS.B */
    MODE_USER = 1 << 2,    /* CPL 3: selects the TLB half */
    MODE_PROT = 1 << 3,    /* protected mode and not virtual-8086 */
    MODE_VM86 = 1 << 4,
    MODE_CPL0 = 1 << 5,    /* CPL 0 (real mode included): privileged instructions allowed */
    MODE_NOFPU = 1 << 6,   /* CR0.EM or CR0.TS: x87 raises #NM */
    MODE_NOSSE = 1 << 7,   /* CR0.EM, or CR4.OSFXSR clear: SSE raises #UD; with NOFPU only: #NM */
    MODE_CS_FLAT = 1 << 8, /* CS base 0 and limit 4 GiB - 1 */
    MODE_SEG_SHIFT = 9, /* two bits a segment, enum seg_class, at MODE_SEG_SHIFT + 2 * seg (CS: for
                           data reads) */
    MODE_ALIGN = 1 << 21, /* CR0.AM, EFLAGS.AC and CPL 3: alignment checks */
    MODE_EDGE = 1 << 22,  /* CS is not flat and the page reaches outside [0, limit]: every jump is a
                             computed XIND, checked */
    MODE_SSE_XM = 1 << 23,   /* MXCSR has an exception unmasked: SSE arithmetic may raise #XM */
    MODE_SMAP_AC = 1 << 24,  /* CR4.SMAP, EFLAGS.AC and CPL below 3: user pages may be accessed */
    MODE_X87_MF = 1 << 25,   /* FCW has an exception unmasked, CR0.NE is set: #MF may be pending */
    MODE_X87_SOFT = 1 << 26, /* unmasked with NE clear: FERR# must be exact in time */
    MODE_CS_64K = 1 << 27,   /* an EIP of 16 bits is within the limit of CS */
    MODE_ROM = 1 << 28,      /* firmware's generation, not the guest's: cpu/persona.h */
    MODE_CODE64 = 1 << 29,   /* 64-bit mode (IA-32e mode and CS.L): MODE_CODE32, MODE_STACK32 and
                                MODE_CS_FLAT are set too, and only FS and GS have a base */
    MODE_BITS = 30,
};

enum seg_class {
    SEGC_FLAT,    /* base 0, limit 4 GiB - 1, readable and writable: nothing to check. CS counts as
                     flat when    it is readable: a write through CS in protected mode must be lifted
                     as    SEGC_CHECKED */
    SEGC_BASED,   /* as flat but with a base to add */
    SEGC_CHECKED, /* base, limit_r and limit_w checked on every access */
};

static inline enum code_size mode_code_size(u32 mode)
{
    return mode & MODE_CODE64 ? CODE64 : mode & MODE_CODE32 ? CODE32 : CODE16;
}

static inline enum seg_class mode_seg_class(u32 mode, enum seg seg)
{
    return (enum seg_class)((mode >> (MODE_SEG_SHIFT + 2 * seg)) & 3);
}

/* Whose accesses a block's are. */
static inline enum priv mode_priv(u32 mode)
{
    if (mode & MODE_USER)
        return PRIV_USER;
    return mode & MODE_SMAP_AC ? PRIV_SUPER_AC : PRIV_SUPER;
}

/* What the board gives the CPU. */
struct cpu_pins {
    u32 (*in)(void *opaque, u16 port, unsigned size);
    void (*out)(void *opaque, u16 port, unsigned size, u32 value);
    int (*intack)(void *opaque); /* the vector of the interrupt now acknowledged */
    void (*ferr)(void *opaque, bool level);
    /* The local APIC's registers that are MSRs: IA32_APIC_BASE after a change; the deadline of its
     * timer as an instruction count, 0: none. NULL: there is no APIC. */
    void (*apic_base)(void *opaque, u64 value);
    u64 (*apic_deadline)(void *opaque);
    void (*set_apic_deadline)(void *opaque, u64 icount);
    u8 (*apic_tpr)(void *opaque); /* the task priority register, which CR8 is a part of */
    void (*set_apic_tpr)(void *opaque, u8 value);
    void *opaque;
};

/* Indirect jump cache: EIP to translated code. An entry is good while the exec TLB still maps EIP's
 * page as it did, in the mode of jump_tag: so there is nothing to flush when mappings change. Of a
 * 64-bit EIP the TLB vouches for the high half: an entry of another one would differ, since no two
 * pages of a machine's memory are a multiple of 4 GiB apart. */
#define JUMP_CACHE_BITS 16
struct jump_cache_entry {
    u32 eip;
    u32 serial; /* of block: it may be gone, and its memory another block's */
    void *code;
    u64 where; /* the page's entry in the exec TLB | jump_tag */
    struct block *block;
};

/* What entries depend on besides the mapping is a number in bits of jump_tag that exec TLB entries
 * have free. It is never 0, so that no EIP matches an empty entry. */
enum { JUMP_TAG_SHIFT = 3, JUMP_TAG_COUNT = 511 };

static inline u32 jump_cache_index(u64 eip)
{
    return (u32)eip & ((1u << JUMP_CACHE_BITS) - 1);
}

union xmm {
    u8 b[16];
    u16 w[8];
    u32 d[4];
    u64 q[2];
} __attribute__((aligned(16)));

/* One faulting event, kept for reports (triple fault, monitor). */
struct fault_record {
    u8 vector;
    bool has_error;
    u16 cs;
    u32 error;
    u64 eip, cr2;
    u64 icount;
    u8 cpl;
    bool nested;    /* met while `during` was being delivered: */
    bool interrupt; /* ... an interrupt, or a trap */
    u8 during;
    bool shutdown;        /* what it came to, with `during`: shutdown, ... */
    u8 becomes;           /* ... or the exception delivered then */
    u32 eflags, cr0, cr4; /* that the checks looked at */
    laddr linear;         /* of the instruction */
    u8 code32;            /* enum code_size of its segment */
    struct why why;
    struct mmu_trace walk; /* of a page fault */
};

/* What cpu_raise() recorded for cpu_deliver_pending(). */
struct pending_fault {
    u8 vector;
    bool has_error;
    u32 error;
    struct why why;
};

/* EFER (SDM 3A 2.2.1) */
enum {
    EFER_SCE = 1 << 0,
    EFER_LME = 1 << 8,
    EFER_LMA = 1 << 10,
    EFER_NXE = 1 << 11,
};

/* Why run() came back, set by helpers for the loop in jit/exec.c: bits in cpu.events. */
enum {
    EV_STOP = 1 << 1,   /* leave cpu_run(): power-off, debug exit, host request */
    EV_TRIPLE = 1 << 2, /* shutdown after a triple fault */
    EV_HALT = 1 << 3,   /* HLT: wait for an interrupt */
    EV_SHADOW = 1 << 4, /* STI or MOV SS: no interrupt before the next instruction has retired */
    EV_NMI = 1 << 5,
    EV_NO_STEP = 1 << 6,   /* this instruction causes no single-step trap: INT n and its kin */
    EV_MWAIT = 1 << 7,     /* with EV_HALT: so does a store to the monitored line, ... */
    EV_MWAIT_IRQ = 1 << 8, /* ... or an interrupt, masked or not: see monitor.h */
    EV_WAIT = EV_HALT | EV_MWAIT | EV_MWAIT_IRQ,
    EV_VIP = 1 << 10,    /* VIF and VIP were loaded together: #GP(0) before the next instruction */
    EV_MOV_SS = 1 << 11, /* beside EV_SHADOW: debug traps wait for the next instruction, too */
    EV_SMI = 1 << 12,    /* the SMI pin had an edge: taken once SMM is left */
};

struct cpu {
    /* -- hot: keep within 127 bytes of the start -- */
    u64 eip_page; /* inside a block: EIP of the page offset 0 of the page it runs from */
    u64 eip;      /* outside blocks: EIP or RIP. Inside: eip_page + insn_off, under eip_mask, is the
                     truth */
    u64 eip_mask; /* the bits that EIP has: 32, in 64-bit mode all */
    u64 cc_dst, cc_src, cc_aux, cc_cf, cc_of; /* lazy arithmetic flags, see flags.h; above the size
                                                 of the operation they may hold anything */
    u32 cc_op;
    u16 insn_off;  /* page offset of the current instruction; set before anything that may leave */
    u16 insn_left; /* instructions of the running block not yet retired, current one included; 0
                      outside */
    s64 budget;    /* instructions that may still begin (host register in translated code) */
    u64 jump_tag;  /* number << JUMP_TAG_SHIFT, as in jump_cache_entry.where */
    u32 eflags;    /* all but the arithmetic flags and DF; bit 1 set */
    s32 df;        /* 1 or -1: EFLAGS.DF clear or set */
    u32 irq_line;  /* level of INTR; set by the board */
    u32 events;    /* EV_* */
    u32 in_block; /* nonzero while a back end runs a block: MMIO must restart through restart_single
                   */
    u32 io_done; /* set by every device access (MMIO, port) that is carried out, and by a store that
                    hits translated code: stepping then stops after the instruction, where devices
                    have a say */

    u32 fpu_host; /* nonzero: the x87 state but for pointers and opcode is in the host's x87, and
                     fpu's copy is old; see cpu_sync_fpu() */

    u64 gpr[GPR64_COUNT]; /* the first GPR_COUNT live in host registers in translated code. Outside
                             64-bit mode bits 63:32 of those are 0 */
    u64 icount_end;       /* instruction count at which budget is 0 */
    u32 mode;             /* mode word; refreshed by cpu_update_mode() */
    u32 scratch[8];       /* for lifted code: values that cross a helper call */
    union xmm xmm_scratch;

    struct segment seg[SEG_COUNT];
    struct segment window_seg[SEG_COUNT]; /* as the windows show them: window.c */
    struct segment ldtr, tr;
    struct {
        u64 base;
        u16 limit;
    } gdtr, idtr;
    u32 cr0, cr4, cr8;
    u64 cr2, cr3;
    u64 dr[8];
    u32 test_regs[8]; /* TR3 to TR7 of the 80486 */
    u32 debug_hits;   /* watchpoints met since the last #DB could have come, as bits of DR6 */
    u8 cpl;
    bool nmi_masked;
    bool smm;
    u32 smbase;
    struct smm_io {
        bool valid;
        u8 size, type; /* enum smm_io_type */
        u16 port;
        u64 eip, ecx, esi, edi, mem;
    } smm_io; /* the I/O instruction that brought the pending SMI about */
    bool
        rep_more; /* the instruction at EIP is a string instruction between iterations; RF is set */
    struct lazy_flags rep_cc; /* its flags before the first one, for a fault (SDM 2, REP) */

    struct x87 fpu;
    u32 mxcsr;
    union xmm xmm[16];

    struct { /* of MONITOR: the line's address and what it held */
        paddr pa;
        u8 line[64];
        bool armed;
    } monitor;

    u64 tsc_offset;
    struct {              /* cpu_set_pace(): what cpu_clock() counts beside the instructions */
        u64 extra, since; /* so far, and from which instruction on */
        u32 sixteenths;   /* of a count, that are added with each instruction */
    } stretch;
    u32 tsc_aux;
    struct {
        u32 sysenter_cs;
        u64 sysenter_esp, sysenter_eip;
        u64 star, lstar, cstar, sfmask, kernel_gs_base;
        u64 efer, apic_base, pat, misc_enable;
        u64 mtrr_def, mtrr_fixed[11], mtrr_var[16];
        u64 debugctl, ucode_rev;
        u64 mcg_status, mcg_ctl, mc_ctl[CPU_MC_BANKS];
    } msr;
    const struct cpu_model *model; /* cpuid.h; cpu_set_model() sets it and ... */
    u64 isas;                      /* ISA_BIT()s of the forms that it has */
    struct cpu_persona {
        const struct cpu_model *model;
        struct decoder *decoder;
        u64 isas;
    } guest, rom; /* cpu/persona.h; rom.model NULL: the CPU is always the same */
    bool a20_open;

    struct mmu mmu;
    struct cpu_pins pins;
    struct decoder *decoder;
    void *jit; /* struct jit, for the hooks that cpu/ calls through cpu_hooks */
    const struct cpu_hooks *hooks;
    struct cpu_trace *trace; /* whoever set it owns it; NULL: none. See trace.h */
    struct stops *stops;     /* whoever set it owns it; NULL: none. See stops.h */

    /* exceptions */
    sigjmp_buf *unwind; /* where cpu_raise() goes */
    struct pending_fault pending;
    int fault_depth; /* 0; 1 while delivering an exception; 2 while delivering #DF */
    struct fault_record history[8];
    u32 history_next;
    struct fault_record shutdown[3]; /* EV_TRIPLE: the faults */
    unsigned shutdown_n;             /* 0: RSM found a state that cannot be */

    /* How often the blocks were entered whose runs are counted: see jit_explain() */
    u64 block_count[CPU_BLOCK_COUNTERS];

    struct jump_cache_entry jump_cache[1 << JUMP_CACHE_BITS];
    struct tlb tlb; /* last: huge */
};

/* IA-32e mode: 64-bit or compatibility mode. */
static inline bool cpu_is_ia32e(const struct cpu *cpu)
{
    return cpu->msr.efer & EFER_LMA;
}

/* 64-bit mode. */
static inline bool cpu_is_code64(const struct cpu *cpu)
{
    return cpu->mode & MODE_CODE64;
}

/* The base of FS, GS, LDTR or TR, of which legacy modes use the low half. */
static inline laddr segment_base64(const struct segment *s)
{
    return (u64)s->base_high << 32 | s->base;
}

/* Is an interrupt, NMI or SMI waiting that the CPU would take? It also ends HLT. */
static inline bool cpu_interrupt_pending(const struct cpu *cpu)
{
    return (cpu->irq_line && (cpu->eflags & FLAG_IF)) ||
           ((cpu->events & EV_NMI) && !cpu->nmi_masked) || ((cpu->events & EV_SMI) && !cpu->smm);
}

/* What the translator provides to cpu/. */
struct cpu_hooks {
    /* brings the x87 state home from the host's x87, which is empty afterwards */
    void (*sync_fpu)(struct cpu *cpu);
    /* rerun the current instruction alone, by the interpreter; does not return */
    void (*restart_single)(struct cpu *cpu);
    /* for a log, may be NULL: an interrupt, or INT n and its kin, is about to be delivered */
    void (*interrupted)(struct cpu *cpu, u8 vec, bool soft);
};

/* What follows needs the run loop: see IR_ALONE. */
static inline void cpu_alone(struct cpu *cpu)
{
    if (cpu->in_block)
        cpu->hooks->restart_single(cpu);
    cpu->io_done = 1;
}

/* Before C looks at cpu->fpu, or calls code that may use the host's x87 (a device, a library).
 * Outside jit_run() the state is always home. */
static inline void cpu_sync_fpu(struct cpu *cpu)
{
    if (cpu->fpu_host)
        cpu->hooks->sync_fpu(cpu);
}

static inline struct lazy_flags cpu_lazy_flags(const struct cpu *cpu)
{
    return (struct lazy_flags){cpu->cc_op,  cpu->cc_dst, cpu->cc_src,
                               cpu->cc_aux, cpu->cc_cf,  cpu->cc_of};
}

/* The six arithmetic flags. */
static inline u32 cpu_arith_flags(const struct cpu *cpu)
{
    struct lazy_flags f = cpu_lazy_flags(cpu);
    return flags_eval_all(&f);
}

/* EFLAGS complete, from the lazy form; and the reverse. */
u32 cpu_eflags(const struct cpu *cpu);
void cpu_set_eflags(struct cpu *cpu, u32 value);
/* All but the arithmetic flags. */
void cpu_set_system_flags(struct cpu *cpu, u32 value);

/* Current EIP, inside or outside a block. */
static inline u64 cpu_eip(const struct cpu *cpu)
{
    return cpu->insn_left ? (cpu->eip_page + cpu->insn_off) & cpu->eip_mask : cpu->eip;
}

/* Linear address of code at eip, which may be beyond the bits that EIP has. */
static inline laddr cpu_code_linear(const struct cpu *cpu, u64 eip)
{
    return (cpu->seg[SEG_CS].base + eip) & cpu->eip_mask;
}

/* The linear address n bytes on: below 4 GiB addresses wrap there, but in 64-bit mode. */
static inline laddr cpu_linear_next(const struct cpu *cpu, laddr la, u64 n)
{
    return la >> 32 ? la + n : (la + n) & cpu->eip_mask;
}

/* Instructions retired, exact inside helpers too. */
static inline u64 cpu_icount(const struct cpu *cpu)
{
    return cpu->icount_end - (u64)cpu->budget - cpu->insn_left;
}

/* The clock that the TSC goes by, at an instruction not before the present one: instructions, and
 * more when they last longer (cpu_set_pace() in msr.h). */
enum { CPU_PACE = 16 };
static inline u64 cpu_clock_at(const struct cpu *cpu, u64 icount)
{
    return icount + cpu->stretch.extra +
           (icount - cpu->stretch.since) * cpu->stretch.sixteenths / CPU_PACE;
}

struct cpu *cpu_new(struct phys *phys, const struct cpu_pins *pins); /* NULL: host refuses memory */
void cpu_free(struct cpu *cpu);
void cpu_reset(struct cpu *cpu); /* power-up state, SDM 3A 9.1.1 */
void cpu_init(struct cpu *cpu);  /* INIT#: the same but for caches, FPU, SSE, TSC, MSRs, SMBASE */
/* After any change of segments, CR0, CR4, EFER.LMA, CPL, EFLAGS.VM or AC, MXCSR, FCW. */
void cpu_update_mode(struct cpu *cpu);
/* After a far transfer: of those, what may have changed is CS, SS, CPL and EFLAGS. */
void cpu_update_mode_transfer(struct cpu *cpu);
/* After a change of one segment alone. */
void cpu_update_mode_seg(struct cpu *cpu, enum seg seg);

#endif
