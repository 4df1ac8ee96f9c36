/* Helpers of the MMX and SSE instructions: faults, MXCSR, FXSAVE's image, masked stores. A helper
 * raises before it writes anything but exception flags. FXSAVE image: SDM 2, table 3-46. */
#include <string.h>

#include "base/bytes.h"
#include "cpu/cpuid.h"
#include "cpu/excp.h"
#include "cpu/helpers.h"
#include "cpu/mem.h"
#include "cpu/seg.h"
#include "cpu/vec.h"
#include "cpu/x87_ops.h"

void help_mmx_unavailable(struct cpu *cpu)
{
    if (cpu->cr0 & CR0_EM)
        cpu_raise(cpu, VEC_UD, why_value(RULE_mmx_em, cpu->cr0, CR0_EM));
    cpu_raise(cpu, VEC_NM, why_value(RULE_simd_ts, cpu->cr0, CR0_TS));
}

/* The flags that are set and not masked. */
static struct why simd_why(const struct cpu *cpu, enum rule rule)
{
    u32 masked = (cpu->mxcsr & MXCSR_MASKS) >> MXCSR_MASK_SHIFT;

    return why_value(rule, cpu->mxcsr, cpu->mxcsr & MXCSR_FLAGS & ~masked);
}

void help_vec_trap(struct cpu *cpu, u32 op, u32 dst, u32 src, u32 imm)
{
    if (vec_exec_checked(cpu, (enum vec_op)op, dst, src, imm))
        return;
    if (cpu->cr4 & CR4_OSXMMEXCPT)
        cpu_raise(cpu, VEC_XM, simd_why(cpu, RULE_simd_exception));
    cpu_raise(cpu, VEC_UD, simd_why(cpu, RULE_simd_no_handler));
}

/* DAZ came with SSE2. */
static u32 mxcsr_mask(const struct cpu *cpu)
{
    return cpu_has(cpu, FEAT_SSE2) ? 0xffff : 0xffff & ~(u32)MXCSR_DAZ;
}

static void check_mxcsr(struct cpu *cpu, u32 v)
{
    if (v & ~mxcsr_mask(cpu))
        cpu_raise_err(cpu, VEC_GP, 0, why_value(RULE_mxcsr_reserved, v, v & ~mxcsr_mask(cpu)));
}

u32 help_ldmxcsr(struct cpu *cpu, u32 v)
{
    u32 mode = cpu->mode;

    check_mxcsr(cpu, v);
    cpu->mxcsr = v;
    cpu_update_mode(cpu);
    return cpu->mode ^ mode;
}

/* -- FXSAVE and FXRSTOR -- */

enum { FX_AREA = 512, FX_X87 = 160, FX_MXCSR = 24, FX_MXCSR_MASK = 28 };

/* XMM registers of the mode. */
static unsigned xmm_count(const struct cpu *cpu)
{
    return cpu_is_code64(cpu) ? 16 : 8;
}

static laddr fx_address(struct cpu *cpu, u32 seg, u32 off, enum access acc)
{
    const struct segment *s = &cpu->seg[seg];
    laddr la = s->base + off;

    if (!seg_allows(s, off, FX_AREA, acc))
        seg_refuse(cpu, (enum seg)seg, off, FX_AREA, acc);
    return la;
}

/* The reserved and available bytes past the XMM registers are left alone. */
static void fx_save(struct cpu *cpu, laddr la, bool wide)
{
    unsigned n = xmm_count(cpu);
    u8 image[FX_AREA] = {0};

    mem_check_align16(cpu, la);
    cpu_sync_fpu(cpu);
    x87_fxsave(&cpu->fpu, image, wide);
    store_le(image + FX_MXCSR, 4, cpu->mxcsr);
    store_le(image + FX_MXCSR_MASK, 4, mxcsr_mask(cpu));
    for (unsigned i = 0; i < 2 * n; i++)
        store_le(image + FX_X87 + 8 * i, 8, cpu->xmm[i / 2].q[i % 2]);
    mem_probe_write(cpu, la, FX_AREA, cpu_priv(cpu));
    mem_slow_write_block(cpu, la, image, FX_X87 + 16 * n);
}

static void fx_restore(struct cpu *cpu, laddr la, bool wide)
{
    u8 image[FX_AREA];

    mem_check_align16(cpu, la);
    mem_slow_read_block(cpu, la, image, sizeof(image));
    check_mxcsr(cpu, (u32)load_le(image + FX_MXCSR, 4));
    cpu_sync_fpu(cpu);
    x87_fxrstor(&cpu->fpu, image, wide);
    cpu->mxcsr = (u32)load_le(image + FX_MXCSR, 4);
    for (unsigned i = 0; i < 2 * xmm_count(cpu); i++)
        cpu->xmm[i / 2].q[i % 2] = load_le(image + FX_X87 + 8 * i, 8);
    cpu_update_mode(cpu);
}

void help_fxsave(struct cpu *cpu, u32 seg, u32 off)
{
    fx_save(cpu, fx_address(cpu, seg, off, ACCESS_WRITE), false);
}

void help_fxrstor(struct cpu *cpu, u32 seg, u32 off)
{
    fx_restore(cpu, fx_address(cpu, seg, off, ACCESS_READ), false);
}

void help_fxsave64(struct cpu *cpu, u64 la, u64 wide)
{
    fx_save(cpu, la, wide);
}

void help_fxrstor64(struct cpu *cpu, u64 la, u64 wide)
{
    fx_restore(cpu, la, wide);
}

/* -- masked stores -- */

void help_maskmov64(struct cpu *cpu, u64 la, u64 data_off, u64 mask_off, u64 n)
{
    union xmm data = {.q = {0, 0}}, mask = {.q = {0, 0}};

    memcpy(&data, (const u8 *)cpu + data_off, n);
    memcpy(&mask, (const u8 *)cpu + mask_off, n);
    for (u32 i = 0; i < n; i++)
        if (VB(mask, i) & 0x80)
            mem_probe_write(cpu, cpu_linear_next(cpu, la, i), 1, cpu_priv(cpu));
    for (u32 i = 0; i < n; i++)
        if (VB(mask, i) & 0x80)
            mem_slow_write(cpu, cpu_linear_next(cpu, la, i), 1, VB(data, i));
}

void help_maskmov(struct cpu *cpu, u32 la, u32 data_off, u32 mask_off, u32 n)
{
    help_maskmov64(cpu, la, data_off, mask_off, n);
}
