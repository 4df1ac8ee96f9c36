/* Making, resetting and classifying a CPU: memory, the power-up state (SDM 3A 9.1.1), the mode
 * word.
 *
 * struct cpu holds the TLB, so it is mapped rather than allocated: only pages that are touched
 * exist. cpu->mode is a pure function of seg[], cr0, cr4, EFER.LMA, cpl and eflags;
 * cpu_update_mode() recomputes it. */
#include "cpu/state.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cpu/cpuid.h"
#include "cpu/crs.h"
#include "cpu/debug.h"
#include "cpu/monitor.h"
#include "cpu/msr.h"
#include "cpu/persona.h"
#include "cpu/seg.h"
#include "cpu/stops.h"
#include "cpu/window.h"
#include "cpu/x87_ops.h"

struct cpu *cpu_new(struct phys *phys, const struct cpu_pins *pins)
{
    struct cpu *cpu = mmap(NULL, sizeof(*cpu), PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (cpu == MAP_FAILED)
        return NULL;
    cpu->pins = *pins;
    cpu->mmu.phys = phys;
    cpu->mmu.tlb = &cpu->tlb;
    cpu->mmu.phys_gen = phys_generation(phys);
    cpu_set_model(cpu, cpu_model_default());
    cpu_reset(cpu);
    return cpu;
}

void cpu_free(struct cpu *cpu)
{
    if (!cpu)
        return;
    mmu_release(&cpu->mmu);
    munmap(cpu, sizeof(*cpu));
}

/* CS:IP, by generation: 16 bytes below the end of the address space. */
static void reset_entry(struct cpu *cpu)
{
    static const struct {
        u16 sel, ip;
        u32 base;
    } entries[] = {
        [ISA_8086] = {0xffff, 0x0000, 0x000ffff0},
        [ISA_186] = {0xffff, 0x0000, 0x000ffff0},
        [ISA_286] = {0xf000, 0xfff0, 0x00ff0000},
        [ISA_386] = {0xf000, 0xfff0, 0xffff0000},
    };
    enum isa isa = cpu->model->isa < ISA_386 ? cpu->model->isa : ISA_386;

    cpu->seg[SEG_CS].sel = entries[isa].sel;
    cpu->seg[SEG_CS].base = entries[isa].base;
    cpu->eip = entries[isa].ip;
}

static void reset_segments(struct cpu *cpu)
{
    for (unsigned i = 0; i < SEG_COUNT; i++) {
        seg_null(&cpu->seg[i], 0);
        seg_set_real(&cpu->seg[i], 0);
    }
    reset_entry(cpu);
    seg_null(&cpu->ldtr, 0);
    cpu->ldtr.attr = SA_P | SYS_LDT;
    cpu->ldtr.limit = 0xffff;
    seg_null(&cpu->tr, 0);
    cpu->tr.attr = SA_P | (cpu->model->isa < ISA_386 ? SYS_TSS16_BUSY : SYS_TSS32_BUSY);
    cpu->tr.limit = 0xffff;
    cpu->gdtr.base = cpu->idtr.base = 0;
    cpu->gdtr.limit = cpu->idtr.limit = 0xffff;
    if (cpu->model->isa < ISA_486)
        cpu->idtr.limit = 0x3ff;
}

static void reset_fpu(struct cpu *cpu)
{
    cpu_sync_fpu(cpu);
    x87_reset(&cpu->fpu);
    cpu->mxcsr = MXCSR_RESET;
    memset(cpu->xmm, 0, sizeof(cpu->xmm));
}

static void reset_msrs(struct cpu *cpu)
{
    memset(&cpu->msr, 0, sizeof(cpu->msr));
    if (cpu_has(cpu, FEAT_APIC))
        cpu->msr.apic_base = 0xfee00000 | APIC_BASE_BSP | APIC_BASE_ENABLE;
    cpu->msr.pat = 0x0007040600070406;
    cpu->msr.misc_enable = 1; /* fast string operation */
    if (cpu_has(cpu, FEAT_MONITOR))
        cpu->msr.misc_enable |= MISC_ENABLE_MONITOR;
}

/* What reset and INIT have in common. */
static void reset_core(struct cpu *cpu)
{
    if (cpu->rom.model)
        persona_reset(cpu);
    memset(cpu->gpr, 0, sizeof(cpu->gpr));
    cpu->gpr[EDX] = cpu->model->signature;
    cpu->eip_page = 0;
    cpu->eip_mask = UINT32_MAX;
    cpu->insn_off = 0;
    cpu->budget += cpu->insn_left;
    cpu->insn_left = 0;
    cpu->cpl = 0;
    cpu->nmi_masked = false;
    cpu->smm = cpu->mmu.smm = cpu->smm_io.valid = false;
    cpu->events &= EV_STOP;
    cpu->debug_hits = 0;
    cpu->rep_more = false;
    cpu->fault_depth = 0;
    cpu->cr0 &= CR0_CD | CR0_NW | CR0_ET;
    cpu->cr2 = cpu->cr3 = cpu->cr4 = cpu->cr8 = 0;
    cpu_set_eflags(cpu, 0);
    memset(cpu->dr, 0, sizeof(cpu->dr));
    memset(cpu->test_regs, 0, sizeof(cpu->test_regs));
    cpu->dr[6] = 0xffff0ff0;
    cpu->dr[7] = 0x400;
    debug_update(cpu);
    memset(&cpu->monitor, 0, sizeof(cpu->monitor));
    reset_segments(cpu);
    cpu->msr.efer = 0;
    crs_restored(cpu);
    mmu_flush(&cpu->mmu);
    cpu_update_mode(cpu);
}

void cpu_reset(struct cpu *cpu)
{
    if (cpu->rom.model)
        persona_reset(cpu);
    cpu->cr0 = cpu->model->isa < ISA_386   ? 0
               : cpu->model->isa < ISA_486 ? CR0_ET
                                           : CR0_CD | CR0_NW | CR0_ET;
    cpu->tsc_offset = 0 - cpu_clock_at(cpu, cpu_icount(cpu));
    cpu->tsc_aux = 0;
    cpu->smbase = 0x30000;
    reset_fpu(cpu);
    reset_msrs(cpu);
    if (cpu->pins.apic_base)
        cpu->pins.apic_base(cpu->pins.opaque, cpu->msr.apic_base);
    reset_core(cpu);
}

void cpu_init(struct cpu *cpu)
{
    reset_core(cpu);
}

/* Without branches: far transfers classify all six. */
static u32 classify(const struct segment *s, bool code)
{
    const s64 all = 0xffffffff;
    u32 checked = (s->limit_r != all) | (!code & (s->limit_w != all));

    _Static_assert(SEGC_FLAT == 0 && SEGC_BASED == 1 && SEGC_CHECKED == 2, "one bit each");
    return checked << 1 | (~checked & (s->base != 0));
}

#define CODE64_BITS (MODE_CODE64 | MODE_CODE32 | MODE_CS_FLAT | MODE_CS_64K)
#define CS_BITS     (CODE64_BITS | 3u << (MODE_SEG_SHIFT + 2 * SEG_CS))

/* The part of the mode word that tells of CS. In 64-bit mode it has no limit, and CS.D counts for
 * nothing (SDM 3A 5.2.1). */
static u32 cs_bits(const struct cpu *cpu)
{
    const struct segment *cs = &cpu->seg[SEG_CS];
    u32 mode = classify(cs, true) << (MODE_SEG_SHIFT + 2 * SEG_CS);

    if (cpu_is_ia32e(cpu) && (cs->attr & SA_L))
        return CODE64_BITS;
    mode |= cs->attr & SA_DB ? MODE_CODE32 : 0;
    mode |= !cs->base && cs->limit == 0xffffffff ? MODE_CS_FLAT : 0;
    mode |= cs->limit >= 0xffff ? MODE_CS_64K : 0;
    return mode;
}

/* The class of a data segment: 64-bit mode knows the bases of FS and GS alone (SDM 3A 3.4.4). */
static u32 data_class(const struct cpu *cpu, enum seg seg, bool code64)
{
    if (!code64)
        return classify(&cpu->seg[seg], false);
    return (seg == SEG_FS || seg == SEG_GS) && segment_base64(&cpu->seg[seg]) ? SEGC_BASED
                                                                              : SEGC_FLAT;
}

void cpu_update_mode_seg(struct cpu *cpu, enum seg seg)
{
    bool code64 = cpu_is_code64(cpu);

    if (seg == SEG_CS && (cpu->rom.model || cpu_is_ia32e(cpu))) { /* more may change */
        cpu_update_mode_transfer(cpu);
        return;
    }
    if (seg == SEG_CS) {
        cpu->mode = (cpu->mode & ~(u32)CS_BITS) | cs_bits(cpu);
        if (cpu->tlb.live)
            window_update(cpu, SEG_CS);
        return;
    }
    unsigned shift = MODE_SEG_SHIFT + 2 * seg;
    u32 mode = cpu->mode & ~(3u << shift);

    mode |= data_class(cpu, seg, code64) << shift;
    if (seg == SEG_SS && !code64)
        mode = (mode & ~(u32)MODE_STACK32) | (cpu->seg[seg].attr & SA_DB ? MODE_STACK32 : 0u);
    cpu->mode = mode;
    if (cpu->tlb.live)
        window_update(cpu, seg);
}

/* After a change of mode; `transfer`: no segments but CS and SS have changed. */
static void check_windows(struct cpu *cpu, u32 old_mode, bool transfer)
{
    if (!cpu->tlb.live)
        return;
    if (mode_priv(cpu->mode) != mode_priv(old_mode))
        tlb_drop_windows(&cpu->tlb);
    if (transfer) {
        window_update(cpu, SEG_CS);
        window_update(cpu, SEG_SS);
    } else {
        windows_update(cpu);
    }
}

/* The part of the mode word that tells the class of a data segment. */
static u32 segment_bits(const struct cpu *cpu, enum seg seg, bool code64)
{
    return data_class(cpu, seg, code64) << (MODE_SEG_SHIFT + 2 * seg);
}

/* The part that tells of all data segments. */
static u32 segments_bits(const struct cpu *cpu, bool code64)
{
    u32 mode = 0;

    for (unsigned i = 0; i < SEG_COUNT; i++)
        mode |= i == SEG_CS ? 0 : segment_bits(cpu, (enum seg)i, code64);
    return mode;
}

/* All but those of data segments. */
static u32 mode_bits(const struct cpu *cpu)
{
    u32 mode = cs_bits(cpu);

    if ((cpu->seg[SEG_SS].attr & SA_DB) || (mode & MODE_CODE64))
        mode |= MODE_STACK32;
    if (cpu->cpl == 3)
        mode |= MODE_USER;
    if (cpu->cpl == 0)
        mode |= MODE_CPL0;
    if (cpu->eflags & FLAG_VM)
        mode |= MODE_VM86;
    else if (cpu->cr0 & CR0_PE)
        mode |= MODE_PROT;
    if (cpu->cr0 & (CR0_EM | CR0_TS))
        mode |= MODE_NOFPU;
    if ((cpu->cr0 & CR0_EM) || !(cpu->cr4 & CR4_OSFXSR))
        mode |= MODE_NOSSE;
    if ((cpu->cr0 & CR0_AM) && (cpu->eflags & FLAG_AC) && cpu->cpl == 3)
        mode |= MODE_ALIGN;
    if ((cpu->cr4 & CR4_SMAP) && (cpu->eflags & FLAG_AC) && cpu->cpl != 3)
        mode |= MODE_SMAP_AC;
    if (~cpu->mxcsr & MXCSR_MASKS)
        mode |= MODE_SSE_XM;
    if (cpu_in_rom(cpu))
        mode |= MODE_ROM;
    if (x87_unmasked(&cpu->fpu)) /* also of what the host has */
        mode |= cpu->cr0 & CR0_NE ? MODE_X87_MF : MODE_X87_SOFT;
    return mode;
}

/* 64-bit mode has been entered or left. Outside it the upper halves of the registers are not kept
 * (SDM 1, 3.4.1.1). */
static void switch_code64(struct cpu *cpu, bool on)
{
    cpu->eip_mask = on ? ~0ull : UINT32_MAX;
    cpu->tlb.wide = on;
    for (unsigned i = 0; !on && i < GPR_COUNT; i++)
        cpu->gpr[i] = (u32)cpu->gpr[i];
}

void cpu_update_mode(struct cpu *cpu)
{
    u32 mode, old_mode = cpu->mode;

    if (cpu->rom.model)
        persona_update(cpu);
    mode = mode_bits(cpu);
    mode |= segments_bits(cpu, mode & MODE_CODE64);
    cpu->mode = mode;
    if ((mode ^ old_mode) & MODE_CODE64)
        switch_code64(cpu, mode & MODE_CODE64);
    check_windows(cpu, old_mode, false);
    if (cpu->stops)
        stops_mode(cpu);
}

void cpu_update_mode_transfer(struct cpu *cpu)
{
    const u32 all = (1u << 2 * SEG_COUNT) - 1, changed = 3u << 2 * SEG_CS | 3u << 2 * SEG_SS;
    u32 old_mode = cpu->mode;

    if (cpu->rom.model)
        persona_update(cpu);
    u32 mode = mode_bits(cpu);
    if ((mode ^ old_mode) & MODE_CODE64) { /* data segments count differently */
        cpu_update_mode(cpu);
        return;
    }
    cpu->mode = mode | segment_bits(cpu, SEG_SS, mode & MODE_CODE64) |
                (old_mode & (all & ~changed) << MODE_SEG_SHIFT);
    check_windows(cpu, old_mode, true);
    if (cpu->stops)
        stops_mode(cpu);
}
