/* Virtual-8086 mode extensions and protected-mode virtual interrupts (SDM 3B 20.3, 20.4; table 20-2
 * numbers the methods of INT n).
 *
 * With CR4.VME, virtual-8086 code at IOPL below 3 works on VIF instead of IF, and INT n whose bit
 * in the TSS is clear goes through the vectors at linear address 0 without a change of mode.
 * CR4.PVI gives CLI and STI at CPL 3 the same VIF. Nothing of it costs anything elsewhere: only
 * code that would have raised #GP(0) gets here. */
#include "cpu/vme.h"

#include "cpu/seg.h"

enum { TSS_IO_BASE = 0x66, REDIRECTION_BYTES = 32 };

static bool v86(const struct cpu *cpu)
{
    return cpu->eflags & FLAG_VM;
}

/* Privilege does not allow IF to be changed. */
static bool if_denied(const struct cpu *cpu)
{
    return cpu->cpl > cpu_iopl(cpu);
}

/* CLI and STI: true for VIF, false for IF. */
static bool choose_flag(struct cpu *cpu)
{
    bool extended = v86(cpu) ? cpu->cr4 & CR4_VME : (cpu->cr4 & CR4_PVI) && cpu->cpl == 3;

    if (!if_denied(cpu))
        return false;
    if (!extended)
        cpu_raise_err(cpu, VEC_GP, 0, why_value(RULE_iopl, cpu_eflags(cpu), FLAG_IOPL));
    return true;
}

void vme_cli(struct cpu *cpu)
{
    cpu->eflags &= ~(u32)(choose_flag(cpu) ? FLAG_VIF : FLAG_IF);
}

void vme_sti(struct cpu *cpu)
{
    if (choose_flag(cpu)) {
        if (cpu->eflags & FLAG_VIP)
            cpu_raise_err(cpu, VEC_GP, 0, why_value(RULE_vm_vip, cpu->eflags, FLAG_VIP));
        cpu->eflags |= FLAG_VIF;
        return;
    }
    if (!(cpu->eflags & FLAG_IF))
        cpu->events |= EV_SHADOW;
    cpu->eflags |= FLAG_IF;
}

bool vme_uses_vif(struct cpu *cpu, unsigned opsize)
{
    if (!v86(cpu) || !if_denied(cpu))
        return false;
    if (opsize == 4 || !(cpu->cr4 & CR4_VME))
        cpu_raise_err(cpu, VEC_GP, 0, why_value(RULE_iopl, cpu_eflags(cpu), FLAG_IOPL));
    return true;
}

void vme_check_load(struct cpu *cpu, u32 flags)
{
    if ((flags & FLAG_TF) || ((flags & FLAG_IF) && (cpu->eflags & FLAG_VIP)))
        cpu_raise_err(cpu, VEC_GP, 0,
                      why_value(RULE_vm_load_tf, flags, flags & (FLAG_TF | FLAG_IF)));
}

/* The redirection map lies right below the I/O map. */
static bool redirected(struct cpu *cpu, u8 vec)
{
    if (!(cpu->cr4 & CR4_VME))
        return false;
    if (!(cpu->tr.attr & 8) || cpu->tr.limit < TSS_IO_BASE + 1)
        cpu_raise_err(cpu, VEC_GP, 0,
                      why_limit(RULE_vm_redirect_map, cpu->tr.sel, TSS_IO_BASE, 2, cpu->tr.limit));
    u32 at =
        (u32)mem_read(cpu, cpu->tr.base + TSS_IO_BASE, 2, false) - REDIRECTION_BYTES + vec / 8u;
    if (at > cpu->tr.limit)
        cpu_raise_err(cpu, VEC_GP, 0,
                      why_limit(RULE_vm_redirect_map, cpu->tr.sel, at, 1, cpu->tr.limit));
    return !(mem_read(cpu, cpu->tr.base + at, 1, false) >> (vec & 7) & 1);
}

bool vme_soft_int(struct cpu *cpu, u8 vec, u32 next)
{
    bool vif = if_denied(cpu);

    if (!redirected(cpu, vec)) {
        if (vif)
            cpu_raise_err(cpu, VEC_GP, 0, why_value(RULE_iopl, cpu_eflags(cpu), FLAG_IOPL));
        return false;
    }
    struct stack st = stack_current(cpu);
    bool stepping = cpu->eflags & FLAG_TF;
    u32 flags = cpu_eflags(cpu), target = (u32)mem_read(cpu, vec * 4u, 4, false);
    if (vif)
        flags = (flags & ~(u32)FLAG_IF) | FLAG_IOPL | (flags & FLAG_VIF ? FLAG_IF : 0);
    stack_push(cpu, &st, 2, flags);
    stack_push(cpu, &st, 2, cpu->seg[SEG_CS].sel);
    stack_push(cpu, &st, 2, next);

    cpu->gpr[ESP] = st.sp;
    seg_set_v86(&cpu->seg[SEG_CS], (u16)(target >> 16));
    cpu->eip = target & 0xffff;
    cpu->eflags &= ~(u32)(FLAG_TF | FLAG_RF | (vif ? FLAG_VIF : FLAG_IF));
    cpu_update_mode(cpu);
    if (stepping)
        cpu->events |= EV_NO_STEP;
    return true;
}

void vme_after_load(struct cpu *cpu)
{
    const u32 both = FLAG_VIF | FLAG_VIP;
    u32 extension = v86(cpu) ? CR4_VME : CR4_PVI;

    if ((cpu->eflags & both) == both && (cpu->cr4 & extension) && cpu->cpl == 3 && if_denied(cpu))
        cpu->events |= EV_VIP;
}
