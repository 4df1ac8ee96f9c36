/* Segmentation: descriptors, the cached form in struct cpu, loads with all checks, and stacks that
 * are pushed to before anything is committed (SDM 3A chapters 3 and 5). */
#ifndef CPU_SEG_H
#define CPU_SEG_H

#include "cpu/excp.h"
#include "cpu/mem.h"
#include "cpu/state.h"

/* A descriptor as it stands in memory (SDM 3A 3.4.5 and 3.5). */
struct desc {
    u32 lo, hi;
};

/* Bits of desc.hi */
enum {
    DH_ACCESSED = 1u << 8,
    DH_RW = 1u << 9, /* readable code, writable data */
    DH_CONFORM = 1u << 10,
    DH_CODE = 1u << 11,
    DH_TYPE = 0xfu << 8,
    DH_TYPE386 = 1u << 11, /* of a system descriptor: one that the 80286 does not know */
    DH_S = 1u << 12,
    DH_P = 1u << 15,
    DH_L = 1u << 21, /* of a code segment, in IA-32e mode: 64-bit code */
    DH_DB = 1u << 22,
    DH_G = 1u << 23,
    DH_BUSY = 1u << 9, /* of a TSS */
};

/* Types of system descriptors, and of segment.attr with S clear (SDM 3A table 3-2). */
enum sys_type {
    SYS_TSS16 = 1,
    SYS_LDT = 2,
    SYS_TSS16_BUSY = 3,
    SYS_CALL16 = 4,
    SYS_TASK_GATE = 5,
    SYS_INT16 = 6,
    SYS_TRAP16 = 7,
    SYS_TSS32 = 9,
    SYS_TSS32_BUSY = 11,
    SYS_CALL32 = 12,
    SYS_INT32 = 14,
    SYS_TRAP32 = 15,
};

static inline unsigned desc_dpl(struct desc d)
{
    return (d.hi >> 13) & 3;
}

/* S and type: 0..15 are enum sys_type, 16..31 data and code. */
static inline unsigned desc_type(struct desc d)
{
    return (d.hi >> 8) & 0x1f;
}

static inline bool desc_is_code(struct desc d)
{
    return (d.hi & (DH_S | DH_CODE)) == (DH_S | DH_CODE);
}

static inline bool desc_is_writable_data(struct desc d)
{
    return (d.hi & (DH_S | DH_CODE | DH_RW)) == (DH_S | DH_RW);
}

static inline u32 desc_base(struct desc d)
{
    return d.lo >> 16 | (d.hi & 0xff) << 16 | (d.hi & 0xff000000);
}

/* In bytes, granularity applied. */
static inline u32 desc_limit(struct desc d)
{
    u32 limit = (d.lo & 0xffff) | (d.hi & 0xf0000);
    return d.hi & DH_G ? limit << 12 | 0xfff : limit;
}

/* A code segment that IA-32e mode refuses: L and D are both set (SDM 3A 5.2.1). */
static inline bool desc_is_code_bad64(const struct cpu *cpu, struct desc d)
{
    return cpu_is_ia32e(cpu) && (d.hi & (DH_L | DH_DB)) == (DH_L | DH_DB);
}

/* Does code in this segment run in 64-bit mode? */
static inline bool seg_is_code64(const struct cpu *cpu, const struct segment *cs)
{
    return cpu_is_ia32e(cpu) && (cs->attr & SA_L);
}

/* Evidence for an exception: a descriptor as read; a segment register, and an access to it. */
static inline struct why why_desc(enum rule rule, u16 sel, struct desc d)
{
    return (struct why){
        .rule = (u16)rule, .has = WHY_SEL | WHY_DESC, .sel = sel, .lo = d.lo, .hi = d.hi};
}

static inline struct why why_access(enum rule rule, const struct segment *s, u32 off, unsigned size)
{
    return (struct why){.rule = (u16)rule,
                        .has = WHY_SEL | WHY_CACHE | WHY_LIMIT,
                        .sel = s->sel,
                        .lo = s->base,
                        .hi = s->attr,
                        .offset = off,
                        .size = size,
                        .limit = s->limit};
}

static inline bool sel_null(u16 sel)
{
    return !(sel & 0xfffc);
}

/* The selector part of an error code. */
static inline u32 sel_err(u16 sel)
{
    return sel & 0xfffcu;
}

static inline bool cpu_prot(const struct cpu *cpu) /* protected and not virtual-8086 mode */
{
    return (cpu->cr0 & CR0_PE) && !(cpu->eflags & FLAG_VM);
}

static inline unsigned cpu_iopl(const struct cpu *cpu)
{
    return (cpu->eflags & FLAG_IOPL) >> 12;
}

/* The base of LDTR, TR, FS or GS. */
static inline laddr system_base(const struct cpu *cpu, const struct segment *s)
{
    return cpu_is_ia32e(cpu) ? segment_base64(s) : s->base;
}

/* Linear address of sel's descriptor in the GDT or LDT; false if it is beyond the table. */
bool desc_address(const struct cpu *cpu, u16 sel, laddr *la);
/* Reads the descriptor at la as the model sees it: to an 80286 the last word means nothing, and the
 * system types of the 80386 are invalid. */
struct desc desc_read(struct cpu *cpu, laddr la);
/* Reads sel's descriptor (may raise #PF); false if it is beyond its table. Null selectors are the
 * caller's. */
bool desc_fetch(struct cpu *cpu, u16 sel, struct desc *d);
/* The second half of a descriptor of 16 bytes, which those of LDTs, TSSs and call gates are in
 * IA-32e mode (SDM 3A 5.8.3.1, 7.2.3): bits 63:32 of the base or offset. Raises #GP(sel) for what
 * is wrong with it. */
u32 desc_fetch_high(struct cpu *cpu, u16 sel);
/* Why desc_address() said no. */
struct why desc_why(const struct cpu *cpu, u16 sel);
/* Sets bits in the second dword of sel's descriptor, in memory and in *d, if they are not set yet.
 */
void desc_set(struct cpu *cpu, u16 sel, struct desc *d, u32 bits);

/* limit_r and limit_w from attr and limit; after any change of those. */
void seg_update_cache(struct segment *s);
void seg_from_desc(struct segment *s, u16 sel, struct desc d);
void seg_null(struct segment *s, u16 sel);
/* As virtual-8086 mode loads it; as real mode does (limit and attributes stay). */
void seg_set_v86(struct segment *s, u16 sel);
void seg_set_real(struct segment *s, u16 sel);

/* The rule that an access to size bytes at off would break: type, limit, expand-down; no privilege.
 * RULE_none: it may. */
enum rule seg_broken(const struct segment *s, u32 off, unsigned size, enum access acc);
static inline bool seg_allows(const struct segment *s, u32 off, unsigned size, enum access acc)
{
    return seg_broken(s, off, size, acc) == RULE_none;
}
/* Raises what such an access raises. */
_Noreturn void seg_refuse(struct cpu *cpu, enum seg seg, u32 off, unsigned size, enum access acc);
/* The same for descriptors that are to be loaded: into DS, ES, FS, GS at cpl (but for P); into SS
 * at cpl. */
enum rule seg_data_broken(u16 sel, struct desc d, unsigned cpl);
enum rule seg_ss_broken(u16 sel, struct desc d, unsigned cpl);

/* MOV, POP and LxS to ES, SS, DS, FS, GS: checks by mode, commits, updates the mode word. */
void seg_load(struct cpu *cpu, enum seg seg, u16 sel);
/* The checks of SS for a given CPL, raising vec (#GP or #TS) for what is wrong and #SS if not
 * present, error codes ORed with ext. Sets the accessed bit; fills *out. */
void seg_check_ss(struct cpu *cpu, struct segment *out, u16 sel, unsigned cpl, enum vector vec,
                  u32 ext);
/* The same for code that runs in 64-bit mode at cpl, where SS may be null but at level 3; #GP. */
void seg_check_ss64(struct cpu *cpu, struct segment *out, u16 sel, unsigned cpl);
/* SS as an entry of level cpl in 64-bit mode leaves it: null (SDM 3A 6.14.2). */
void seg_null_ss(struct segment *ss, unsigned cpl);
/* ES, DS, FS, GS that CPL may no longer use become null (after a return to an outer level). */
void seg_drop_inner(struct cpu *cpu);

/* A stack in use by an instruction that has not committed yet. */
struct stack {
    const struct segment *ss;
    u64 sp;         /* whole RSP */
    u64 mask;       /* the bits of it that are the stack pointer, by SS.B; all: SS does not count,
                       64-bit mode's stack */
    enum priv priv; /* of the accesses */
    u32 err;        /* error code of #SS */
};

static inline u32 stack_mask(const struct segment *ss)
{
    return ss->attr & SA_DB ? 0xffffffff : 0xffff;
}

/* Accesses to the stack of a privilege level that is about to be entered. */
static inline enum priv stack_priv(const struct cpu *cpu, unsigned cpl)
{
    if (cpl == 3)
        return PRIV_USER;
    return (cpu->cr4 & CR4_SMAP) && (cpu->eflags & FLAG_AC) ? PRIV_SUPER_AC : PRIV_SUPER;
}

/* The current stack. */
static inline struct stack stack_current(const struct cpu *cpu)
{
    const struct segment *ss = &cpu->seg[SEG_SS];
    u64 mask = cpu_is_code64(cpu) ? ~0ull : stack_mask(ss);
    return (struct stack){ss, cpu->gpr[ESP], mask, cpu_priv(cpu), 0};
}

/* A stack of 64-bit mode at privilege level cpl. */
static inline struct stack stack_64(const struct cpu *cpu, unsigned cpl, u64 sp, u32 err)
{
    return (struct stack){&cpu->seg[SEG_SS], sp, ~0ull, stack_priv(cpu, cpl), err};
}

/* Raises #SS unless bytes more fit on the stack, by its segment alone. */
void stack_check_room(struct cpu *cpu, const struct stack *st, u32 bytes);
/* Both change st->sp within its mask only: once all is pushed or popped, it is the new ESP. */
void stack_push(struct cpu *cpu, struct stack *st, unsigned size, u64 value);
u64 stack_pop(struct cpu *cpu, struct stack *st, unsigned size);
/* What a pop would bring, at bytes further up. */
u64 stack_peek(struct cpu *cpu, const struct stack *st, u32 at, unsigned size);

static inline u64 stack_sp_add(const struct stack *st, u64 n)
{
    return (st->sp & ~st->mask) | ((st->sp + n) & st->mask);
}

#endif
