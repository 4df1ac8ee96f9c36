/* Helpers for control and debug registers, MSRs, the time stamp counter, CPUID and WAIT. */
#include "cpu/cpuid.h"
#include "cpu/crs.h"
#include "cpu/debug.h"
#include "cpu/excp.h"
#include "cpu/help_x87.h"
#include "cpu/helpers.h"
#include "cpu/msr.h"
#include "cpu/seg.h"
#include "cpu/stops.h"
#include "cpu/vme.h"

void help_cli(struct cpu *cpu)
{
    vme_cli(cpu);
}

void help_sti(struct cpu *cpu)
{
    vme_sti(cpu);
}

void help_check_iopl(struct cpu *cpu)
{
    if (cpu->cpl > cpu_iopl(cpu))
        cpu_raise_err(cpu, VEC_GP, 0, why_value(RULE_iopl, cpu_eflags(cpu), FLAG_IOPL));
}

void help_mov_to_cr64(struct cpu *cpu, u64 n, u64 value)
{
    switch (n) {
    case 0: cr0_load(cpu, value); break;
    case 2: cpu->cr2 = value; break;
    case 3: cr3_load(cpu, value); break;
    case 4: cr4_load(cpu, value); break;
    default:
        cpu_alone(cpu); /* an interrupt may have waited for it */
        cr8_load(cpu, value);
    }
}

void help_mov_to_cr(struct cpu *cpu, u32 n, u32 value)
{
    help_mov_to_cr64(cpu, n, value);
}

u64 help_mov_from_cr8(struct cpu *cpu)
{
    return cr8_read(cpu);
}

void help_lmsw(struct cpu *cpu, u32 value)
{
    const u32 low = CR0_MP | CR0_EM | CR0_TS; /* PE can be set but not cleared */

    cr0_load(cpu, (cpu->cr0 & ~low) | (value & (low | CR0_PE)));
}

void help_magic(struct cpu *cpu)
{
    stops_magic(cpu);
}

void help_clts(struct cpu *cpu)
{
    cpu->cr0 &= ~(u32)CR0_TS;
    cpu->mmu.cr0 = cpu->cr0;
    cpu_update_mode(cpu);
}

void help_set_ac(struct cpu *cpu, u32 on)
{
    if (cpu->cpl != 0)
        cpu_raise(cpu, VEC_UD, why(RULE_stac_cpl));
    cpu->eflags = (cpu->eflags & ~(u32)FLAG_AC) | (on ? (u32)FLAG_AC : 0);
    cpu_update_mode(cpu);
}

void help_umip(struct cpu *cpu)
{
    if (cpu->cr4 & CR4_UMIP)
        cpu_raise_err(cpu, VEC_GP, 0, why_value(RULE_umip, cpu->cr4, CR4_UMIP));
}

/* DR4 and DR5 are names of DR6 and DR7 unless CR4.DE is set; any access is #DB while DR7.GD is (SDM
 * 3A 17.2). */
static unsigned debug_register(struct cpu *cpu, u32 n)
{
    if (n == 4 || n == 5) {
        if (cpu->cr4 & CR4_DE)
            cpu_raise(cpu, VEC_UD, why_value(RULE_dr4_dr5, cpu->cr4, CR4_DE));
        n += 2;
    }
    if (cpu->dr[7] & DR7_GD) {
        debug_report(cpu, DR6_BD);
        cpu_raise(cpu, VEC_DB, why_value(RULE_dr_general_detect, cpu->dr[7], DR7_GD));
    }
    return n;
}

u64 help_mov_from_dr64(struct cpu *cpu, u64 n)
{
    return cpu->dr[debug_register(cpu, (u32)n)];
}

u32 help_mov_from_dr(struct cpu *cpu, u32 n)
{
    return (u32)help_mov_from_dr64(cpu, n);
}

void help_mov_to_dr64(struct cpu *cpu, u64 n, u64 value)
{
    dr_load(cpu, debug_register(cpu, (u32)n), value);
}

void help_mov_to_dr(struct cpu *cpu, u32 n, u32 value)
{
    help_mov_to_dr64(cpu, n, value);
}

/* An address that is not canonical has nothing to invalidate (SDM 2, INVLPG). */
void help_invlpg64(struct cpu *cpu, u64 seg, u64 off)
{
    laddr la = (seg_base(cpu, (enum seg)seg) + off) & cpu->eip_mask;

    if (laddr_is_canonical(la))
        mmu_flush_page(&cpu->mmu, la);
}

void help_invlpg(struct cpu *cpu, u32 seg, u32 off)
{
    help_invlpg64(cpu, seg, off);
}

static void set_edx_eax(struct cpu *cpu, u64 value)
{
    cpu->gpr[EAX] = (u32)value;
    cpu->gpr[EDX] = (u32)(value >> 32);
}

void help_rdmsr(struct cpu *cpu)
{
    u64 value;

    if (!msr_read(cpu, (u32)cpu->gpr[ECX], &value))
        cpu_raise_err(cpu, VEC_GP, 0, why_value(RULE_msr_read, cpu->gpr[ECX], 0));
    set_edx_eax(cpu, value);
}

void help_wrmsr(struct cpu *cpu)
{
    if (!msr_write(cpu, (u32)cpu->gpr[ECX], (u32)cpu->gpr[EAX] | cpu->gpr[EDX] << 32))
        cpu_raise_err(cpu, VEC_GP, 0, why_value(RULE_msr_write, cpu->gpr[ECX], 0));
}

void help_rdtsc(struct cpu *cpu)
{
    if (!cpu_has(cpu, FEAT_TSC))
        cpu_raise(cpu, VEC_UD, why(RULE_insn_model));
    if ((cpu->cr4 & CR4_TSD) && cpu->cpl != 0)
        cpu_raise_err(cpu, VEC_GP, 0, why_value(RULE_tsd, cpu->cr4, CR4_TSD));
    set_edx_eax(cpu, cpu_tsc(cpu));
}

/* Where there is no TSC, there is no RDTSCP. */
void help_rdtscp(struct cpu *cpu)
{
    help_rdtsc(cpu);
    cpu->gpr[ECX] = cpu->tsc_aux;
}

/* Two counters that never count. */
void help_rdpmc(struct cpu *cpu)
{
    if ((!(cpu->cr4 & CR4_PCE) && cpu->cpl != 0) || (u32)cpu->gpr[ECX] > 1)
        cpu_raise_err(cpu, VEC_GP, 0, why_value(RULE_rdpmc, cpu->gpr[ECX], 0));
    set_edx_eax(cpu, 0);
}

void help_cpuid(struct cpu *cpu)
{
    u32 out[4];

    if (!cpu->model->max_leaf)
        cpu_raise(cpu, VEC_UD, why(RULE_insn_model));
    cpu_cpuid(cpu, (u32)cpu->gpr[EAX], (u32)cpu->gpr[ECX], out);
    cpu->gpr[EAX] = out[0];
    cpu->gpr[EBX] = out[1];
    cpu->gpr[ECX] = out[2];
    cpu->gpr[EDX] = out[3];
}

/* WAIT: #NM by MP and TS together, then the pending x87 exception: #MF, or FERR# the PC's way (SDM
 * 1, 8.7). */
void help_wait(struct cpu *cpu)
{
    if ((cpu->cr0 & (CR0_MP | CR0_TS)) == (CR0_MP | CR0_TS))
        cpu_raise(cpu, VEC_NM, why_value(RULE_fpu_absent, cpu->cr0, CR0_MP | CR0_TS));
    cpu_sync_fpu(cpu);
    if (!x87_pending(&cpu->fpu))
        return;
    if (cpu->cr0 & CR0_NE)
        cpu_raise(cpu, VEC_MF, x87_why(&cpu->fpu));
    if (cpu->pins.ferr)
        cpu->pins.ferr(cpu->pins.opaque, true);
}
