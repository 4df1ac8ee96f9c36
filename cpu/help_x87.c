/* The x87 helpers: pending exceptions, memory operands, and the interrupt of an unmasked exception.
 *
 * With CR0.NE set a pending exception is #MF at the next waiting instruction. With NE clear it goes
 * the PC's way: FERR# asserts IRQ 13 as soon as it is pending, and waiting instructions proceed as
 * with IGNNE# asserted (SDM vol. 1, 8.7 and appendix D). An instruction runs on a copy of the state
 * when something may still stop it afterwards: its store, a FERR# that has to be exact in time, or
 * a change of the mode word, which blocks never see happen.
 */
#include "cpu/help_x87.h"
#include "cpu/excp.h"
#include "cpu/helpers.h"
#include "cpu/mem.h"
#include "cpu/x87_ops.h"

struct step {
    const struct x87_form *form;
    bool on_copy;
    struct x87 copy;
    struct x87_exec x;
};

static void begin(struct cpu *cpu, struct step *s, u32 desc)
{
    cpu_sync_fpu(cpu);
    s->form = x87_lookup(x87_desc_opcode(desc), x87_desc_modrm(desc));
    if (x87_pending(&cpu->fpu) && !(s->form->attr & X87_NOWAIT) && (cpu->cr0 & CR0_NE))
        cpu_raise(cpu, VEC_MF, x87_why(&cpu->fpu));
    s->on_copy = (s->form->attr & (X87_STORE | X87_CONTROL)) || !(cpu->cr0 & CR0_NE);
    s->x.fpu = s->on_copy ? &s->copy : &cpu->fpu;
    s->x.opcode = x87_desc_opcode(desc);
    s->x.modrm = x87_desc_modrm(desc);
    s->x.op16 = x87_desc_op16(desc);
    s->x.prot = cpu->mode & MODE_PROT;
    s->x.cs = cpu->seg[SEG_CS].sel;
    s->x.ip = cpu_eip(cpu);
}

/* Does the instruction, run on the copy, change what FERR# shows? */
static bool ferr_changes(const struct cpu *cpu, const struct step *s)
{
    return s->on_copy && !(cpu->cr0 & CR0_NE) && x87_pending(&s->copy) != x87_pending(&cpu->fpu);
}

/* Does it change the mode word? */
static bool mode_changes(const struct cpu *cpu, const struct step *s)
{
    return s->on_copy && x87_unmasked(&s->copy) != x87_unmasked(&cpu->fpu);
}

static void run(struct cpu *cpu, struct step *s)
{
    if (s->on_copy)
        s->copy = cpu->fpu;
    x87_run(s->form, &s->x);
    /* The interrupt must fall right behind this instruction, whatever runs it; and what follows is
     * translated for another mode. */
    if (ferr_changes(cpu, s) || mode_changes(cpu, s))
        cpu_alone(cpu);
}

static void commit(struct cpu *cpu, const struct step *s)
{
    bool ferr = ferr_changes(cpu, s), mode = mode_changes(cpu, s);
    if (s->on_copy)
        cpu->fpu = s->copy;
    if (mode)
        cpu_update_mode(cpu);
    if (ferr && cpu->pins.ferr)
        cpu->pins.ferr(cpu->pins.opaque, x87_pending(&cpu->fpu));
}

u32 help_x87_reg(struct cpu *cpu, u32 desc, u32 flags)
{
    struct step s;

    begin(cpu, &s, desc);
    s.x.eflags = flags;
    run(cpu, &s);
    commit(cpu, &s);
    return s.form->attr & X87_AX ? s.x.ax : s.x.eflags;
}

/* The linear address of the operand. seg_linear() checks alignment of powers of two only; m80 and
 * BCD want 8, the environment and state images the operand size (SDM vol. 3A, table 6-7). */
static laddr operand(struct cpu *cpu, enum seg seg, u64 off, unsigned size, bool op16, bool write)
{
    laddr la = seg_linear(cpu, seg, off, size, write ? ACCESS_WRITE : ACCESS_READ);
    if (cpu->mode & MODE_ALIGN) {
        unsigned align = size <= 8 ? 1 : size == 10 ? 8 : op16 ? 2 : 4;
        if (la & (align - 1))
            cpu_raise_err(cpu, VEC_AC, 0, why_value(RULE_align, la, la & (align - 1)));
    }
    return la;
}

void help_x87_mem(struct cpu *cpu, u32 desc, u32 off)
{
    help_x87_mem64(cpu, desc, off);
}

void help_x87_mem64(struct cpu *cpu, u64 desc, u64 off)
{
    struct step s;
    enum seg seg = (enum seg)x87_desc_seg((u32)desc);

    begin(cpu, &s, (u32)desc);
    s.x.ds = cpu->seg[seg].sel;
    s.x.dp = off;
    bool write = s.form->attr & X87_STORE;
    unsigned size = x87_mem_size(s.form, s.x.op16);
    if (!write)
        mem_slow_read_block(cpu, operand(cpu, seg, off, size, s.x.op16, false), s.x.mem, size);
    run(cpu, &s);
    if (write && s.x.store) /* a store that an unmasked exception suppresses touches no memory */
        mem_slow_write_block(cpu, operand(cpu, seg, off, size, s.x.op16, true), s.x.mem, size);
    commit(cpu, &s);
}
