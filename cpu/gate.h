/* Delivery of one event through the IDT or the real-mode vector table; used by excp.c only through
 * gate_deliver(). Stack switches through the TSS, shared with call gates. */
#ifndef CPU_GATE_H
#define CPU_GATE_H

#include "cpu/seg.h"

/* What is being delivered. */
struct event {
    u8 vec;
    bool soft; /* INT n, INT3, INTO: the gate's DPL counts, and errors do not set EXT */
    bool
        fault; /* the return address is that of an instruction to be restarted: RF is pushed as 1 */
    bool has_error; /* push error (protected mode) */
    u32 error;
};

/* Delivers with cpu->eip as the return address; may raise, and then nothing has been committed (but
 * for a task switch that failed half-way, which raises in the new task). */
void gate_deliver(struct cpu *cpu, const struct event *ev);

/* The stack that the current TSS holds for privilege level cpl: checked SS in *ss, and ESP. Raises
 * #TS or #SS with error codes ORed with ext. */
void tss_stack(struct cpu *cpu, unsigned cpl, u32 ext, struct segment *ss, u32 *esp);

/* The same in IA-32e mode: RSP at byte off of the TSS, which is one of RSP0 to RSP2 or of the
 * interrupt stack table (SDM 3A 7.7). */
u64 tss_stack64(struct cpu *cpu, u32 off, u32 ext);
static inline u32 tss_rsp_offset(unsigned cpl)
{
    return 4 + 8 * cpl;
}

/* The checks of the code segment that a gate leads to: *out is it as to be loaded (RPL not yet
 * CPL). errors are ORed with ext. Returns the privilege level it will run at. */
unsigned gate_code(struct cpu *cpu, u16 sel, u32 ext, struct segment *out);

/* Loads CS with its RPL set to cpl, and CPL. The caller updates the mode word. That of 64-bit code
 * has neither base nor limit. */
static inline void cs_commit(struct cpu *cpu, const struct segment *cs, unsigned cpl)
{
    struct segment *s = &cpu->seg[SEG_CS];

    *s = *cs;
    s->sel = (u16)((cs->sel & ~3u) | cpl);
    if (seg_is_code64(cpu, s)) {
        s->base = 0;
        s->limit = 0xffffffff;
        seg_update_cache(s);
    }
    cpu->cpl = (u8)cpl;
}

#endif
