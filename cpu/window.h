/* Windows of segments (mmu/tlb.h): what 16-bit code accesses its memory through. A window is made
 * when an access misses it, from a segment's cached descriptor and the TLB entries of the pages
 * behind it, and says all at once: within the limit, permitted, plain memory, no translated code,
 * and contiguous in the host's memory. Those for reading begin at offset 0, so that one comparison
 * tells. */
#ifndef CPU_WINDOW_H
#define CPU_WINDOW_H

#include "cpu/state.h"

/* The number of the window of seg: struct tlb's bits and index. */
static inline unsigned window_of(enum seg seg, bool write)
{
    return 2 * (unsigned)seg + write;
}

/* Host address of size (1, 2, 4) bytes at off, or NULL: not through the window. */
static inline u8 *window_host(const struct cpu *cpu, enum seg seg, u32 off, unsigned size,
                              bool write)
{
    const struct tlb_window *w = &cpu->tlb.window[window_of(seg, write)];
    u32 at = off - w->lo;

    return at < w->end[size >> 1] ? (u8 *)(uintptr_t)(w->host + at) : NULL;
}

/* Accesses that a window does not allow, with all checks: like mem_slow_read() and its kin, of
 * which they make use. Afterwards there may be a window. On the 8086 the second byte of a word at
 * offset FFFF is at offset 0. */
u32 window_slow_read(struct cpu *cpu, u32 off, unsigned size, enum seg seg);
u32 window_slow_read_rmw(struct cpu *cpu, u32 off, unsigned size, enum seg seg);
void window_slow_write(struct cpu *cpu, u32 off, unsigned size, enum seg seg, u32 value);

/* After a change of segments, if there are windows: those that are no longer theirs go, or move
 * with them if it is known what is there. */
void window_update(struct cpu *cpu, enum seg seg);
void windows_update(struct cpu *cpu);

#endif
