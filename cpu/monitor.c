/* MONITOR and MWAIT (SDM 2; SDM 3A, 9.10.4), and what ends the waiting of MWAIT and HLT.
 *
 * MONITOR keeps a copy of the line. MWAIT waits as HLT does while the line is as it was: with one
 * CPU only a device can change it then, and a store in between has changed it before. So a wait
 * ends at the same instruction on every host. An interrupt or exception delivered in between
 * disarms the monitor, and MWAIT then does nothing. */
#include "cpu/monitor.h"

#include <string.h>

#include "cpu/cpuid.h"
#include "cpu/excp.h"
#include "cpu/helpers.h"
#include "cpu/mem.h"

static bool line_changed(const struct cpu *cpu)
{
    u8 now[MONITOR_LINE];

    phys_dma_read(cpu->mmu.phys, cpu->monitor.pa, now, sizeof(now));
    return memcmp(now, cpu->monitor.line, sizeof(now)) != 0;
}

static void check_available(struct cpu *cpu)
{
    if (cpu->cpl != 0 || !(cpu->msr.misc_enable & MISC_ENABLE_MONITOR))
        cpu_raise(cpu, VEC_UD, why(RULE_monitor_unavailable));
}

/* The checks are those of a load of one byte. Only plain memory is watched. */
void help_monitor64(struct cpu *cpu, u64 seg, u64 off)
{
    struct mmu_walk w;
    laddr la;

    check_available(cpu);
    if ((u32)cpu->gpr[ECX]) /* no extensions */
        cpu_raise_err(cpu, VEC_GP, 0, why_value(RULE_monitor_ecx, cpu->gpr[ECX], cpu->gpr[ECX]));
    la = seg_linear(cpu, (enum seg)seg, off, 1, ACCESS_READ);
    mem_translate(cpu, la, ACCESS_READ, cpu_priv(cpu), &w);
    cpu->monitor.pa = w.pa & ~(paddr)(MONITOR_LINE - 1);
    cpu->monitor.armed =
        w.host && phys_dma_read(cpu->mmu.phys, cpu->monitor.pa, cpu->monitor.line, MONITOR_LINE);
}

void help_monitor(struct cpu *cpu, u32 seg, u32 off)
{
    help_monitor64(cpu, seg, off);
}

/* ECX bit 0: interrupts end the wait even if IF masks them. */
void help_mwait(struct cpu *cpu)
{
    check_available(cpu);
    if ((u32)cpu->gpr[ECX] & ~1u)
        cpu_raise_err(cpu, VEC_GP, 0,
                      why_value(RULE_monitor_ecx, cpu->gpr[ECX], cpu->gpr[ECX] & ~1u));
    if (cpu->monitor.armed && !line_changed(cpu))
        cpu->events |= EV_HALT | (cpu->gpr[ECX] & 1 ? EV_MWAIT | EV_MWAIT_IRQ : EV_MWAIT);
    cpu->monitor.armed = false;
}

bool cpu_wakes(const struct cpu *cpu)
{
    if (cpu_interrupt_pending(cpu))
        return true;
    if ((cpu->events & EV_MWAIT_IRQ) && cpu->irq_line)
        return true;
    return (cpu->events & EV_MWAIT) && line_changed(cpu);
}

bool cpu_may_wake(const struct cpu *cpu)
{
    return (cpu->eflags & FLAG_IF) || (cpu->events & EV_MWAIT) || cpu_wakes(cpu);
}
