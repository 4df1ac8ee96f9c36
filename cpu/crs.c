/* Control and debug registers: legal combinations, what paging must forget, the mode word.
 *
 * struct mmu holds copies of CR0, CR3, CR4 and EFER.NXE that always equal the CPU's; they are
 * changed here only (and at reset). SDM 3A 2.5, 4.4.1 (PDPTEs), 4.10.4 (what invalidates
 * translations), 17.2. */
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

/* Makes the control registers cr0, cr3, cr4; reloads the PDPTEs if they are in use. */
static void set_paging(struct cpu *cpu, u32 cr0, u32 cr3, u32 cr4)
{
    struct mmu *m = &cpu->mmu;

    m->cr0 = cr0;
    m->cr3 = cr3;
    m->cr4 = cr4;
    if ((cr0 & CR0_PG) && (cr4 & CR4_PAE)) {
        u64 old[4];

        memcpy(old, m->pdpte, sizeof(old));
        if (!mmu_load_pdptes(m)) {
            memcpy(m->pdpte, old, sizeof(old));
            m->cr0 = cpu->cr0;
            m->cr3 = cpu->cr3;
            m->cr4 = cpu->cr4;
            cpu_raise_err(cpu, VEC_GP, 0,
                          why_value(RULE_pdpte_reserved, m->fault.level[0].value, m->fault.bits));
        }
    }
    cpu->cr0 = cr0;
    cpu->cr3 = cr3;
    cpu->cr4 = cr4;
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

void cr0_load(struct cpu *cpu, u32 value)
{
    u32 cr0 = cr0_of_model(cpu, value);
    u32 changed = cr0 ^ cpu->cr0;

    if ((cr0 & (CR0_PG | CR0_PE)) == CR0_PG || (cr0 & (CR0_NW | CR0_CD)) == CR0_NW)
        cpu_raise_err(
            cpu, VEC_GP, 0,
            why_value(RULE_cr0_combination, cr0, cr0 & (CR0_PG | CR0_PE | CR0_NW | CR0_CD)));
    if (changed & (CR0_PG | CR0_NW | CR0_CD))
        set_paging(cpu, cr0, cpu->cr3, cpu->cr4);
    cpu->cr0 = cpu->mmu.cr0 = cr0;
    if ((changed & CR0_PE) && !(cr0 & CR0_PE))
        enter_real(cpu);
    if (changed & (CR0_PG | CR0_WP | CR0_PE))
        mmu_flush(&cpu->mmu);
    cpu_update_mode(cpu);
}

void cr3_load(struct cpu *cpu, u32 value)
{
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

void cr4_load(struct cpu *cpu, u32 value)
{
    const u32 pdptes = CR4_PSE | CR4_PAE | CR4_PGE | CR4_SMEP;
    u32 changed = value ^ cpu->cr4;

    if (value & ~cpu_cr4_bits(cpu))
        cpu_raise_err(cpu, VEC_GP, 0,
                      why_value(RULE_cr4_reserved, value, value & ~cpu_cr4_bits(cpu)));
    if (changed & pdptes)
        set_paging(cpu, cpu->cr0, cpu->cr3, value);
    if (changed & (pdptes | CR4_SMAP)) {
        mmu_flush(&cpu->mmu);
    }
    cpu->cr4 = cpu->mmu.cr4 = value;
    cpu_update_mode(cpu);
}

void efer_changed(struct cpu *cpu)
{
    bool nxe = cpu->msr.efer & EFER_NXE;

    if (nxe == cpu->mmu.nxe)
        return;
    cpu->mmu.nxe = nxe;
    mmu_flush(&cpu->mmu);
}

void dr_load(struct cpu *cpu, unsigned n, u32 value)
{
    if (n == 6)
        value = (value & 0xe00f) | 0xffff0ff0;
    else if (n == 7)
        value = (value & 0xffff27ff) | 0x400;
    cpu->dr[n] = value;
    debug_update(cpu);
}
