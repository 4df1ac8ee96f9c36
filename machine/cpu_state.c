/* The CPU's part of a machine's state: what a program can see of it, and what is pending in it,
 * between two instructions. All else in struct cpu is configuration, or follows from this. */
#include "machine/state.h"

#include <string.h>
#include <sys/mman.h>

#include "base/check.h"
#include "cpu/cpuid.h"
#include "cpu/crs.h"
#include "cpu/debug.h"
#include "devices/core/dev.h"

/* What is not kept in one member: the count of instructions, and flags by their value, whatever
 * lazy form they stand in. */
struct counted {
    u64 icount;
    u32 eflags, rep_flags;
};

static const struct field counted_fields[] = {
    FIELD(struct counted, icount),
    FIELD_MAX(struct counted, eflags, 0x3fffff),
    FIELD(struct counted, rep_flags),
    FIELD_END,
};

static const struct field segment_fields[] = {
    FIELD(struct segment, sel),
    FIELD(struct segment, attr),
    FIELD(struct segment, base),
    FIELD(struct segment, limit),
    FIELD(struct segment, limit_r),
    FIELD(struct segment, limit_w),
    FIELD_V(struct segment, base_high, 3),
    FIELD_END,
};

static const struct field f80_fields[] = {
    FIELD(struct f80, sig),
    FIELD(struct f80, se),
    FIELD_END,
};

static const struct field x87_fields[] = {
    FIELD_SUBS(struct x87, st, f80_fields),
    FIELD(struct x87, fcw),
    FIELD(struct x87, fsw),
    FIELD(struct x87, empty),
    FIELD(struct x87, fop),
    FIELD(struct x87, fcs),
    FIELD(struct x87, fds),
    FIELD_GREW(struct x87, fip, 3, u32),
    FIELD_GREW(struct x87, fdp, 3, u32),
    FIELD_END,
};

static const struct field xmm_fields[] = {
    FIELD_ARRAY(union xmm, q),
    FIELD_END,
};

static const struct field step_fields[] = {
    FIELD_V(struct mmu_step, pa, 2),
    FIELD_V(struct mmu_step, value, 2),
    FIELD_END,
};

static const struct field fault_fields[] = {
    FIELD(struct fault_record, vector),
    FIELD(struct fault_record, has_error),
    FIELD(struct fault_record, cs),
    FIELD_GREW(struct fault_record, eip, 3, u32),
    FIELD(struct fault_record, error),
    FIELD_GREW(struct fault_record, cr2, 3, u32),
    FIELD(struct fault_record, icount),
    FIELD_MAX_V(struct fault_record, cpl, 3, 2),
    FIELD_V(struct fault_record, nested, 2),
    FIELD_V(struct fault_record, interrupt, 2),
    FIELD_V(struct fault_record, during, 2),
    FIELD_V(struct fault_record, shutdown, 2),
    FIELD_V(struct fault_record, becomes, 2),
    FIELD_V(struct fault_record, eflags, 2),
    FIELD_V(struct fault_record, cr0, 2),
    FIELD_V(struct fault_record, cr4, 2),
    FIELD_GREW_V(struct fault_record, linear, 3, u32, 2),
    FIELD_MAX_V(struct fault_record, code32, CODE64, 2),
    FIELD_MAX_V(struct fault_record, why.rule, RULE_COUNT - 1, 2),
    FIELD_V(struct fault_record, why.sel, 2),
    FIELD_V(struct fault_record, why.has, 2),
    FIELD_V(struct fault_record, why.lo, 2),
    FIELD_V(struct fault_record, why.hi, 2),
    FIELD_V(struct fault_record, why.offset, 2),
    FIELD_V(struct fault_record, why.size, 2),
    FIELD_V(struct fault_record, why.limit, 2),
    FIELD_V(struct fault_record, why.value, 2),
    FIELD_V(struct fault_record, why.bits, 2),
    FIELD_GREW_V(struct fault_record, walk.la, 3, u32, 2),
    FIELD_MAX_V(struct fault_record, walk.acc, ACCESS_COUNT - 1, 2),
    FIELD_MAX_V(struct fault_record, walk.priv, PRIV_COUNT - 1, 2),
    FIELD_MAX_V(struct fault_record, walk.n, 4, 2),
    FIELD_MAX_V(struct fault_record, walk.deny, MMU_NONCANONICAL, 2),
    FIELD_MAX_V(struct fault_record, walk.at, 3, 2),
    FIELD_V(struct fault_record, walk.bits, 2),
    FIELD_V(struct fault_record, walk.pf_code, 2),
    FIELD_V(struct fault_record, walk.pae, 2),
    FIELD_V(struct fault_record, walk.lma, 3),
    FIELD_SUBS_GREW(struct fault_record, walk.level, step_fields, 3, 3),
    FIELD_END,
};

static const struct field cpu_fields[] = {
    FIELD_ARRAY_GREW(struct cpu, gpr, 3, u32, GPR_COUNT),
    FIELD_GREW(struct cpu, eip, 3, u32),
    FIELD(struct cpu, irq_line),
    FIELD(struct cpu, events),
    FIELD_SUBS(struct cpu, seg, segment_fields),
    FIELD_SUB(struct cpu, ldtr, segment_fields),
    FIELD_SUB(struct cpu, tr, segment_fields),
    FIELD_GREW(struct cpu, gdtr.base, 3, u32),
    FIELD(struct cpu, gdtr.limit),
    FIELD_GREW(struct cpu, idtr.base, 3, u32),
    FIELD(struct cpu, idtr.limit),
    FIELD(struct cpu, cr0),
    FIELD_GREW(struct cpu, cr2, 3, u32),
    FIELD_GREW(struct cpu, cr3, 3, u32),
    FIELD(struct cpu, cr4),
    FIELD_ARRAY_GREW(struct cpu, dr, 3, u32, 8),
    FIELD_ARRAY(struct cpu, test_regs),
    FIELD(struct cpu, debug_hits),
    FIELD_MAX(struct cpu, cpl, 3),
    FIELD(struct cpu, nmi_masked),
    FIELD(struct cpu, smm),
    FIELD(struct cpu, smbase),
    FIELD(struct cpu, smm_io.valid),
    FIELD(struct cpu, smm_io.size),
    FIELD(struct cpu, smm_io.type),
    FIELD(struct cpu, smm_io.port),
    FIELD_GREW(struct cpu, smm_io.eip, 3, u32),
    FIELD_GREW(struct cpu, smm_io.ecx, 3, u32),
    FIELD_GREW(struct cpu, smm_io.esi, 3, u32),
    FIELD_GREW(struct cpu, smm_io.edi, 3, u32),
    FIELD_GREW(struct cpu, smm_io.mem, 3, u32),
    FIELD(struct cpu, rep_more),
    FIELD_SUB(struct cpu, fpu, x87_fields),
    FIELD_MAX(struct cpu, mxcsr, 0xffff),
    FIELD_SUBS_GREW(struct cpu, xmm, xmm_fields, 3, 8),
    FIELD(struct cpu, monitor.pa),
    FIELD_ARRAY(struct cpu, monitor.line),
    FIELD(struct cpu, monitor.armed),
    FIELD(struct cpu, tsc_offset),
    FIELD_V(struct cpu, stretch.extra, 2),
    FIELD_V(struct cpu, stretch.since, 2),
    FIELD_V(struct cpu, stretch.sixteenths, 2),
    FIELD(struct cpu, tsc_aux),
    FIELD(struct cpu, msr.sysenter_cs),
    FIELD_GREW(struct cpu, msr.sysenter_esp, 3, u32),
    FIELD_GREW(struct cpu, msr.sysenter_eip, 3, u32),
    FIELD(struct cpu, msr.efer),
    FIELD(struct cpu, msr.apic_base),
    FIELD(struct cpu, msr.pat),
    FIELD(struct cpu, msr.misc_enable),
    FIELD(struct cpu, msr.mtrr_def),
    FIELD_ARRAY(struct cpu, msr.mtrr_fixed),
    FIELD_ARRAY(struct cpu, msr.mtrr_var),
    FIELD(struct cpu, msr.debugctl),
    FIELD(struct cpu, msr.ucode_rev),
    FIELD(struct cpu, msr.mcg_status),
    FIELD(struct cpu, msr.mcg_ctl),
    FIELD_ARRAY(struct cpu, msr.mc_ctl),
    FIELD_ARRAY(struct cpu, mmu.pdpte),
    FIELD_MAX(struct cpu, fault_depth, 2),
    FIELD_SUBS(struct cpu, history, fault_fields),
    FIELD(struct cpu, history_next),
    FIELD_SUBS(struct cpu, shutdown, fault_fields),
    FIELD_MAX_V(struct cpu, shutdown_n, 3, 2),
    FIELD_MAX_V(struct cpu, cr8, 15, 3),
    FIELD_V(struct cpu, msr.star, 3),
    FIELD_V(struct cpu, msr.lstar, 3),
    FIELD_V(struct cpu, msr.cstar, 3),
    FIELD_V(struct cpu, msr.sfmask, 3),
    FIELD_V(struct cpu, msr.kernel_gs_base, 3),
    FIELD_END,
};

void cpu_save(const struct cpu *cpu, struct pack *out)
{
    struct counted c = {cpu_icount(cpu), cpu_eflags(cpu), 0};

    if (cpu->rep_more)
        c.rep_flags = flags_eval_all(&cpu->rep_cc);
    fields_save(counted_fields, &c, out);
    fields_save(cpu_fields, cpu, out);
}

/* What follows from the fields; the TLB is cached anew later. */
static void loaded(struct cpu *cpu, const struct counted *c)
{
    cpu->budget = 0;
    cpu->insn_left = 0;
    cpu->icount_end = c->icount;
    cpu->io_done = 0;
    cpu->history_next %= ARRAY_LEN(cpu->history);
    cpu_set_eflags(cpu, c->rep_flags);
    cpu->rep_cc = cpu_lazy_flags(cpu);
    cpu_set_eflags(cpu, c->eflags);
    crs_restored(cpu);
    cpu->mmu.smm = cpu->smm;
    cpu->mmu.disturbed = false;
    debug_update(cpu);
    cpu_update_mode(cpu);
}

/* EFER, CR0, CR4 and the code segment agree about IA-32e mode (SDM 3A 9.8.5), and there are no bits
 * of 64 where 64-bit code has not been. */
static bool is_valid_long(const struct cpu *now, const struct cpu *cpu, const struct counted *c)
{
    const u64 bits = EFER_NXE | (cpu_has(now, FEAT_SYSCALL) ? (u64)EFER_SCE : 0) |
                     (cpu_has(now, FEAT_LM) ? (u64)(EFER_LME | EFER_LMA) : 0);
    bool lma = cpu->msr.efer & EFER_LMA, paging = cpu->cr0 & CR0_PG;
    u64 high = cpu->eip;

    if ((cpu->msr.efer & ~bits) || lma != (paging && (cpu->msr.efer & EFER_LME)))
        return false;
    if (lma && (!(cpu->cr4 & CR4_PAE) || (c->eflags & FLAG_VM)))
        return false;
    if (lma && (cpu->seg[SEG_CS].attr & SA_L))
        return !(cpu->seg[SEG_CS].attr & SA_DB);
    for (unsigned i = 0; i < GPR_COUNT; i++)
        high |= cpu->gpr[i];
    return !(high >> 32);
}

/* What no CPU of this model could be in. */
static bool is_valid(const struct cpu *now, const struct cpu *cpu, const struct counted *c)
{
    const u32 events = EV_STOP | EV_TRIPLE | EV_SHADOW | EV_NMI | EV_NO_STEP | EV_WAIT | EV_VIP |
                       EV_MOV_SS | EV_SMI;

    if ((cpu->cr0 & (CR0_PG | CR0_PE)) == CR0_PG || (cpu->cr4 & ~cpu_cr4_bits(now)) ||
        !is_valid_long(now, cpu, c) || (cpu->events & ~events))
        return false;
    if ((c->eflags & FLAG_VM) && (!(cpu->cr0 & CR0_PE) || cpu->cpl != 3))
        return false;
    return (cpu->cr0 & CR0_PE) || !cpu->cpl;
}

void cpu_load(struct cpu *cpu, unsigned version, bool apply, struct unpack *in)
{
    struct counted c = {0};
    struct cpu *to = cpu;

    if (!apply) {
        to = mmap(NULL, sizeof(*to), PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        CHECK(to != MAP_FAILED, "out of memory");
    }
    memset(to->history, 0, sizeof(to->history));
    memset(to->shutdown, 0, sizeof(to->shutdown));
    fields_load(counted_fields, version, &c, FIELDS_COPY, in);
    fields_load(cpu_fields, version, to, FIELDS_COPY, in);
    if (version < 2)
        to->shutdown_n = to->shutdown[2].icount ? ARRAY_LEN(to->shutdown) : 0;
    if (apply) {
        loaded(cpu, &c);
        return;
    }
    if (!in->failed && !is_valid(cpu, to, &c))
        in->failed = true;
    munmap(to, sizeof(*to));
}
