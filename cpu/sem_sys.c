/* Control and debug registers, caches and TLB, MSRs, the time stamp counter, CPUID, WAIT. What
 * changes the mode word or mappings, or reads the clock, ends the block (SDM 2; SDM 3A 2.8). */
#include "cpu/sem_sys.h"

static void call(struct lift *l, enum helper helper)
{
    ir_call(l->ir, helper, IR_NONE, IR_NONE, IR_NONE, IR_NONE);
}

static void call_and_leave(struct lift *l, enum helper helper)
{
    call(l, helper);
    lift_exit_next(l);
}

void sem_mov_from_cr(struct lift *l, const struct insn *in)
{
    static const u16 fields[] = {
        [0] = offsetof(struct cpu, cr0),
        [2] = offsetof(struct cpu, cr2),
        [3] = offsetof(struct cpu, cr3),
        [4] = offsetof(struct cpu, cr4),
    };

    opnd_write(l, in, 0, ir_lds(l->ir, fields[insn_reg(in)], 4));
}

void sem_mov_to_cr(struct lift *l, const struct insn *in)
{
    ir_call(l->ir, HELPER_mov_to_cr, ir_const(insn_reg(in)), opnd_read(l, in, 1), IR_NONE, IR_NONE);
    lift_exit_next(l);
}

void sem_mov_from_dr(struct lift *l, const struct insn *in)
{
    opnd_write(
        l, in, 0,
        ir_call(l->ir, HELPER_mov_from_dr, ir_const(insn_reg(in)), IR_NONE, IR_NONE, IR_NONE));
}

void sem_mov_to_dr(struct lift *l, const struct insn *in)
{
    ir_call(l->ir, HELPER_mov_to_dr, ir_const(insn_reg(in)), opnd_read(l, in, 1), IR_NONE, IR_NONE);
    lift_exit_next(l);
}

/* The bits that the 80286 has not read as ones. */
void sem_smsw(struct lift *l, const struct insn *in)
{
    struct irv v = ir_lds(l->ir, offsetof(struct cpu, cr0), 4);

    lift_umip(l);
    if (l->gen == ISA_286)
        v = ir_op2(l->ir, IR_OR, v, ir_const(0xfff0));
    opnd_write(l, in, 0, v);
}

static void set_ac(struct lift *l, bool on)
{
    ir_call(l->ir, HELPER_set_ac, ir_const(on), IR_NONE, IR_NONE, IR_NONE);
    lift_exit_next(l);
}

void sem_clac(struct lift *l, const struct insn *in)
{
    (void)in;
    set_ac(l, false);
}

void sem_stac(struct lift *l, const struct insn *in)
{
    (void)in;
    set_ac(l, true);
}

void sem_lmsw(struct lift *l, const struct insn *in)
{
    ir_call(l->ir, HELPER_lmsw, opnd_read(l, in, 0), IR_NONE, IR_NONE, IR_NONE);
    lift_exit_next(l);
}

void sem_clts(struct lift *l, const struct insn *in)
{
    (void)in;
    call_and_leave(l, HELPER_clts);
}

/* The address is not accessed: no limit or type counts, only the base. */
void sem_invlpg(struct lift *l, const struct insn *in)
{
    size_t base = offsetof(struct cpu, seg) + in->seg * sizeof(struct segment) +
                  offsetof(struct segment, base);
    struct irv la = ir_op2(l->ir, IR_ADD, lift_ea(l, in), ir_lds(l->ir, base, 4));

    ir_call(l->ir, HELPER_invlpg, la, IR_NONE, IR_NONE, IR_NONE);
    lift_exit_next(l);
}

/* Caches are not modelled, so there is nothing to write back or lose. */
void sem_invd(struct lift *l, const struct insn *in)
{
    (void)l;
    (void)in;
}

void sem_wbinvd(struct lift *l, const struct insn *in)
{
    (void)l;
    (void)in;
}

void sem_rdmsr(struct lift *l, const struct insn *in)
{
    (void)in;
    call_and_leave(l, HELPER_rdmsr);
}

void sem_wrmsr(struct lift *l, const struct insn *in)
{
    (void)in;
    call_and_leave(l, HELPER_wrmsr);
}

void sem_rdtsc(struct lift *l, const struct insn *in)
{
    (void)in;
    call(l, HELPER_rdtsc); /* exact in mid-block too: the helper computes the count */
}

void sem_rdtscp(struct lift *l, const struct insn *in)
{
    (void)in;
    call(l, HELPER_rdtscp);
}

/* At DS:EAX, or by a segment override. */
void sem_monitor(struct lift *l, const struct insn *in)
{
    struct irv off = in->addrsize == 2 ? ir_op1(l->ir, IR_EXT16U, ir_reg(EAX)) : ir_reg(EAX);

    ir_call(l->ir, HELPER_monitor, ir_const(in->seg), off, IR_NONE, IR_NONE);
}

void sem_mwait(struct lift *l, const struct insn *in)
{
    (void)in;
    call_and_leave(l, HELPER_mwait);
}

void sem_rdpmc(struct lift *l, const struct insn *in)
{
    (void)in;
    call(l, HELPER_rdpmc);
}

void sem_cpuid(struct lift *l, const struct insn *in)
{
    (void)in;
    call(l, HELPER_cpuid);
}

void sem_wait(struct lift *l, const struct insn *in)
{
    (void)in;
    if (l->mode & (MODE_NOFPU | MODE_X87_SOFT))
        call(l, HELPER_wait);
    else if (l->mode & MODE_X87_MF)
        ir_x87_check(l->ir);
    l->mmx_ready = false; /* the check may take the state to the host's x87 */
}

void sem_syscall(struct lift *l, const struct insn *in)
{
    (void)in;
    lift_raise(l, VEC_UD, false, RULE_insn_invalid);
}

void sem_sysret(struct lift *l, const struct insn *in)
{
    (void)in;
    lift_raise(l, VEC_UD, false, RULE_insn_invalid);
}

void sem_swapgs(struct lift *l, const struct insn *in)
{
    (void)in;
    lift_raise(l, VEC_UD, false, RULE_insn_invalid);
}
