/* Helpers for far transfers and software interrupts. Each sets cpu->eip; the block leaves to the
 * run loop next. */
#include "cpu/excp.h"
#include "cpu/far.h"
#include "cpu/helpers.h"
#include "cpu/smm.h"
#include "cpu/vme.h"

static u64 next_eip(const struct cpu *cpu, u32 len)
{
    u64 next = (cpu_eip(cpu) + len) & cpu->eip_mask;

    /* 16-bit code in a segment of more than 64 KiB just goes on */
    return (cpu->mode & MODE_CODE32) || cpu_eip(cpu) > 0xffff ? next : next & 0xffff;
}

void help_load_cs(struct cpu *cpu, u32 sel, u32 eip)
{
    far_load_cs(cpu, (u16)sel, eip);
}

void help_far_jmp(struct cpu *cpu, u32 sel, u32 off, u32 len)
{
    far_jmp(cpu, (u16)sel, off, next_eip(cpu, len));
}

void help_far_jmp64(struct cpu *cpu, u64 sel, u64 off, u64 len)
{
    far_jmp(cpu, (u16)sel, off, next_eip(cpu, (u32)len));
}

void help_far_call(struct cpu *cpu, u32 sel, u32 off, u32 opsize, u32 len)
{
    far_call(cpu, (u16)sel, off, opsize, next_eip(cpu, len));
}

void help_far_call64(struct cpu *cpu, u64 sel, u64 off, u64 opsize, u64 len)
{
    far_call(cpu, (u16)sel, off, (unsigned)opsize, next_eip(cpu, (u32)len));
}

void help_far_ret(struct cpu *cpu, u32 opsize, u32 release)
{
    far_ret(cpu, opsize, release);
}

void help_iret(struct cpu *cpu, u32 opsize, u32 len)
{
    far_iret(cpu, opsize, next_eip(cpu, len));
}

static void soft_int(struct cpu *cpu, u8 vec, u32 len)
{
    cpu->eip = next_eip(cpu, len);
    cpu_soft_int(cpu, vec);
}

void help_int_n(struct cpu *cpu, u32 vec, u32 len)
{
    if (!(cpu->eflags & FLAG_VM) || !vme_soft_int(cpu, (u8)vec, (u32)next_eip(cpu, len)))
        soft_int(cpu, (u8)vec, len);
}

void help_int3(struct cpu *cpu, u32 len)
{
    soft_int(cpu, VEC_BP, len);
}

void help_into(struct cpu *cpu, u32 len)
{
    if (cpu_eflags(cpu) & FLAG_OF)
        soft_int(cpu, VEC_OF, len);
    else
        cpu->eip = next_eip(cpu, len);
}

void help_int1(struct cpu *cpu, u32 len)
{
    cpu->eip = next_eip(cpu, len);
    cpu_icebp(cpu);
}

void help_rsm(struct cpu *cpu)
{
    smm_resume(cpu);
}

void help_sysenter(struct cpu *cpu)
{
    far_sysenter(cpu);
}

void help_sysexit(struct cpu *cpu, u32 opsize)
{
    far_sysexit(cpu, opsize);
}

void help_syscall(struct cpu *cpu, u32 len)
{
    far_syscall(cpu, next_eip(cpu, len));
}

void help_sysret(struct cpu *cpu, u32 opsize)
{
    far_sysret(cpu, opsize);
}
