/* Control and debug registers: legal combinations, what paging must forget, the mode word.
 *
 * struct mmu holds copies of CR0, CR3, CR4, EFER.NXE and EFER.LMA that always equal the CPU's (of
 * CR3 what the mode has of it); they are changed here only. SDM 3A 2.5, 4.4.1 (PDPTEs), 4.10.4
 * (what invalidates translations), 9.8.5 (IA-32e mode), 17.2. */
#include "cpu/crs.h"

#include <string.h>

#include "cpu/cpuid.h"
#include "cpu/debug.h"
#include "cpu/excp.h"
#include "cpu/seg.h"
#include "cpu/stops.h"

#define CR0_286 (CR0_PE | CR0_MP | CR0_EM | CR0_TS)
#define CR0_386 (CR0_286 | CR0_ET | CR0_PG)
#define CR0_486 (CR0_286 | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG)

u32 cr0_of_model(const struct cpu *cpu, u32 value)
{
    switch (cpu->model->isa) {
    case ISA_8086:
    case ISA_186:
    case ISA_286: return value & CR0_286;
    case ISA_386: return value & CR0_386;
    default: return (value & CR0_486) | CR0_ET;
    }
}

void crs_restored(struct cpu *cpu)
{
    struct mmu *m = &cpu->mmu;

    m->cr0 = cpu->cr0;
    m->cr3 = cpu_is_ia32e(cpu) ? cpu->cr3 : (u32)cpu->cr3;
    m->cr4 = cpu->cr4;
    m->lma = cpu_is_ia32e(cpu);
    m->nxe = cpu->msr.efer & EFER_NXE;
}

/* IA-32e mode is on while paging is and EFER.LME is set. */
static bool lma(const struct cpu *cpu, u32 cr0)
{
    return (cr0 & CR0_PG) && (cpu->msr.efer & EFER_LME);
}

/* Makes the control registers cr0, cr3, cr4; reloads the PDPTEs if they are in use. */
static void set_paging(struct cpu *cpu, u32 cr0, u64 cr3, u32 cr4)
{
    struct mmu *m = &cpu->mmu;

    m->cr0 = cr0;
    m->lma = lma(cpu, cr0);
    m->cr3 = m->lma ? cr3 : (u32)cr3;
    m->cr4 = cr4;
    if ((cr0 & CR0_PG) && (cr4 & CR4_PAE) && !m->lma) {
        u64 old[4];

        memcpy(old, m->pdpte, sizeof(old));
        if (!mmu_load_pdptes(m)) {
            memcpy(m->pdpte, old, sizeof(old));
            crs_restored(cpu);
            cpu_raise_err(cpu, VEC_GP, 0,
                          why_value(RULE_pdpte_reserved, m->fault.level[0].value, m->fault.bits));
        }
    }
    cpu->cr0 = cr0;
    cpu->cr3 = cr3;
    cpu->cr4 = cr4;
    cpu->msr.efer = (cpu->msr.efer & ~(u64)EFER_LMA) | (m->lma ? EFER_LMA : 0);
}

/* Protected mode has been left: CPL is 0, and CS can be written through (SDM 3A table 9-1 has it as
 * data). */
static void enter_real(struct cpu *cpu)
{
    struct segment *cs = &cpu->seg[SEG_CS];

    cpu->cpl = 0;
    cs->attr = (u16)((cs->attr & (SA_DB | SA_G)) | SA_P | SA_S | SA_RW | SA_ACCESSED);
    seg_update_cache(cs);
}

/* Of a control or debug register whose upper half must be 0. */
static void check_high(struct cpu *cpu, u64 value)
{
    const u64 high = ~(u64)UINT32_MAX;

    if (value & high)
        cpu_raise_err(cpu, VEC_GP, 0, why_value(RULE_cr_high, value, value & high));
}

/* Switching paging on or off, where that is IA-32e mode too (SDM 3A 9.8.5; SDM 2, MOV CR). */
static void check_ia32e(struct cpu *cpu, u32 cr0)
{
    bool code_l = cpu->seg[SEG_CS].attr & SA_L;
    enum rule broken = RULE_none;

    if (!lma(cpu, cr0))
        broken = cpu_is_code64(cpu) ? RULE_lma_off : RULE_none;
    else if (!(cpu->cr4 & CR4_PAE))
        broken = RULE_lma_pae;
    else if (code_l)
        broken = RULE_lma_code64;
    else if (!(cpu->tr.attr & 8))
        broken = RULE_lma_tss16;
    if (broken)
        cpu_raise_err(cpu, VEC_GP, 0, why_value(broken, cr0, CR0_PG));
}

void cr0_load(struct cpu *cpu, u64 value)
{
    u32 cr0 = cr0_of_model(cpu, (u32)value);
    u32 changed = cr0 ^ cpu->cr0;

    check_high(cpu, value);
    if ((cr0 & (CR0_PG | CR0_PE)) == CR0_PG || (cr0 & (CR0_NW | CR0_CD)) == CR0_NW)
        cpu_raise_err(
            cpu, VEC_GP, 0,
            why_value(RULE_cr0_combination, cr0, cr0 & (CR0_PG | CR0_PE | CR0_NW | CR0_CD)));
    if (changed & CR0_PG)
        check_ia32e(cpu, cr0);
    if (changed & (CR0_PG | CR0_NW | CR0_CD))
        set_paging(cpu, cr0, cpu->cr3, cpu->cr4);
    cpu->cr0 = cpu->mmu.cr0 = cr0;
    if ((changed & CR0_PE) && !(cr0 & CR0_PE))
        enter_real(cpu);
    if (changed & (CR0_PG | CR0_WP | CR0_PE))
        mmu_flush(&cpu->mmu);
    cpu_update_mode(cpu);
}

void cr3_load(struct cpu *cpu, u64 value)
{
    if (cpu_is_ia32e(cpu) && value >> cpu->mmu.phys_bits)
        cpu_raise_err(cpu, VEC_GP, 0,
                      why_value(RULE_cr3_reserved, value, value & ~0ull << cpu->mmu.phys_bits));
    set_paging(cpu, cpu->cr0, value, cpu->cr4);
    if (cpu->stops)
        stops_cr3(cpu);
    if (!(cpu->cr0 & CR0_PG))
        return;
    if (cpu->cr4 & CR4_PGE)
        mmu_flush_nonglobal(&cpu->mmu);
    else
        mmu_flush(&cpu->mmu);
}

void cr4_load(struct cpu *cpu, u64 value)
{
    const u32 pdptes = CR4_PSE | CR4_PAE | CR4_PGE | CR4_SMEP;
    u32 cr4 = (u32)value, changed = cr4 ^ cpu->cr4;

    if (value & ~(u64)cpu_cr4_bits(cpu))
        cpu_raise_err(cpu, VEC_GP, 0,
                      why_value(RULE_cr4_reserved, value, value & ~(u64)cpu_cr4_bits(cpu)));
    if (cpu_is_ia32e(cpu) && !(cr4 & CR4_PAE))
        cpu_raise_err(cpu, VEC_GP, 0, why_value(RULE_lma_pae, cr4, CR4_PAE));
    if (changed & pdptes)
        set_paging(cpu, cpu->cr0, cpu->cr3, cr4);
    if (changed & (pdptes | CR4_SMAP)) {
        mmu_flush(&cpu->mmu);
    }
    cpu->cr4 = cpu->mmu.cr4 = cr4;
    cpu_update_mode(cpu);
}

u64 cr8_read(const struct cpu *cpu)
{
    return cpu->pins.apic_tpr ? cpu->pins.apic_tpr(cpu->pins.opaque) >> 4 : cpu->cr8;
}

void cr8_load(struct cpu *cpu, u64 value)
{
    if (value > 15)
        cpu_raise_err(cpu, VEC_GP, 0, why_value(RULE_cr8_reserved, value, value & ~15ull));
    cpu->cr8 = (u32)value;
    if (cpu->pins.set_apic_tpr)
        cpu->pins.set_apic_tpr(cpu->pins.opaque, (u8)(value << 4));
}

bool efer_load(struct cpu *cpu, u64 value)
{
    u64 bits = cpu_has(cpu, FEAT_NX) ? EFER_NXE : 0, efer = value & ~(u64)EFER_LMA;

    if (cpu_has(cpu, FEAT_SYSCALL))
        bits |= EFER_SCE;
    if (cpu_has(cpu, FEAT_LM))
        bits |= EFER_LME;
    else
        efer = value;
    if ((efer & ~bits) || ((cpu->cr0 & CR0_PG) && ((efer ^ cpu->msr.efer) & EFER_LME)))
        return false;
    if ((efer ^ cpu->msr.efer) & EFER_NXE)
        mmu_flush(&cpu->mmu);
    cpu->msr.efer = efer | (cpu->msr.efer & EFER_LMA);
    cpu->mmu.nxe = efer & EFER_NXE;
    return true;
}

void dr_load(struct cpu *cpu, unsigned n, u64 value)
{
    if (n >= 6)
        check_high(cpu, value);
    if (n == 6)
        value = (value & 0xe00f) | 0xffff0ff0;
    else if (n == 7)
        value = (value & 0xffff27ff) | 0x400;
    cpu->dr[n] = value;
    debug_update(cpu);
}
