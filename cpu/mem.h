/* Guest memory as helpers see it: by linear address, or by segment and offset with all checks. Any
 * of these may raise (#PF, #GP, #SS, #AC) and then not return; nothing has been written in that
 * case. */
#ifndef CPU_MEM_H
#define CPU_MEM_H

#include "base/bytes.h"
#include "cpu/state.h"

/* What mem_read() and mem_write() do where the TLB does not grant the access. */
u64 mem_read_miss(struct cpu *cpu, laddr la, unsigned size, enum priv priv);
void mem_write_miss(struct cpu *cpu, laddr la, unsigned size, u64 value, enum priv priv);

static inline bool mem_hit(const struct cpu *cpu, laddr la, unsigned size, enum access acc,
                           enum priv priv)
{
    return tlb_has(&cpu->tlb, la, priv, acc) && (la & PAGE_MASK) + size <= PAGE_SIZE;
}

/* size 1, 2, 4 or 8; may cross a page (both pages are checked before either is touched). */
static inline u64 mem_read(struct cpu *cpu, laddr la, unsigned size, enum priv priv)
{
    if (mem_hit(cpu, la, size, ACCESS_READ, priv))
        return load_le(tlb_host(&cpu->tlb, la, priv, ACCESS_READ), size);
    return mem_read_miss(cpu, la, size, priv);
}

static inline void mem_write(struct cpu *cpu, laddr la, unsigned size, u64 value, enum priv priv)
{
    if (mem_hit(cpu, la, size, ACCESS_WRITE, priv))
        store_le(tlb_host(&cpu->tlb, la, priv, ACCESS_WRITE), size, value);
    else
        mem_write_miss(cpu, la, size, value, priv);
}

/* mmu_translate() that raises #PF. */
enum mmu_result mem_translate(struct cpu *cpu, laddr la, enum access acc, enum priv priv,
                              struct mmu_walk *w);
/* Checks that a write would succeed, without writing. */
void mem_probe_write(struct cpu *cpu, laddr la, unsigned size, enum priv priv);
/* Any length, for FXSAVE and the like. A device among the pages is accessed in the largest units
 * that fit. */
void mem_read_block(struct cpu *cpu, laddr la, void *buf, unsigned len, enum priv priv);
void mem_write_block(struct cpu *cpu, laddr la, const void *buf, unsigned len, enum priv priv);

/* What is added to offsets in seg: in 64-bit mode only FS and GS have a base. */
static inline laddr seg_base(const struct cpu *cpu, enum seg seg)
{
    if (!cpu_is_code64(cpu))
        return cpu->seg[seg].base;
    return seg >= SEG_FS ? segment_base64(&cpu->seg[seg]) : 0;
}

/* Exact segment check (limit, type, expand-down, alignment of the mode) for size bytes at off;
 * raises #GP(0), or #SS(0) for SS; returns the linear address. In 64-bit mode nothing but
 * alignment is checked: the access itself finds what is not canonical. */
laddr seg_linear(struct cpu *cpu, enum seg seg, u64 off, unsigned size, enum access acc);

/* #GP(0) unless eip is within the limit of CS, or in 64-bit mode canonical. */
void seg_check_eip(struct cpu *cpu, u64 eip);

/* Of an instruction's own accesses */
static inline enum priv cpu_priv(const struct cpu *cpu)
{
    return mode_priv(cpu->mode);
}

/* Slow paths that translated code calls when the inline TLB test fails, at the privilege of
 * cpu->cpl. size 1, 2, 4, 8; vectors (8, 16) go through buffers. Inside a native block
 * (cpu->in_block) an access to a device that is not quiet, or a write to lines that hold translated
 * code, restarts the instruction in the interpreter before anything has happened. Outside, and in
 * the functions above, it is done, and cpu->io_done set. */
u64 mem_slow_read(struct cpu *cpu, laddr la, unsigned size);
void mem_slow_write(struct cpu *cpu, laddr la, unsigned size, u64 value);
/* A read that will be followed by a write of the same bytes: faults as a write does. */
u64 mem_slow_read_rmw(struct cpu *cpu, laddr la, unsigned size);
void mem_slow_read_block(struct cpu *cpu, laddr la, void *buf, unsigned len);
void mem_slow_write_block(struct cpu *cpu, laddr la, const void *buf, unsigned len);

/* An SSE operand of 16 bytes: #GP(0) unless la is a multiple of 16 (SDM 1, 10.4.1.1). */
void mem_check_align16(struct cpu *cpu, laddr la);

#endif
