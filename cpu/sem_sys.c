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
    static const struct {
        u16 at;
        u8 size;
    } fields[] = {
        [0] = {offsetof(struct cpu, cr0), 4},
        [2] = {offsetof(struct cpu, cr2), 8},
        [3] = {offsetof(struct cpu, cr3), 8},
        [4] = {offsetof(struct cpu, cr4), 4},
    };
    unsigned n = insn_reg(in);

    if (n == 8)
        opnd_write(l, in, 0,
                   ir_call(l->ir, HELPER_mov_from_cr8, IR_NONE, IR_NONE, IR_NONE, IR_NONE));
    else
        opnd_write(l, in, 0, ir_lds(l->ir, fields[n].at, lift_code64(l) ? fields[n].size : 4));
}

/* The helper of 64-bit code, or of other code. */
static enum helper by_mode(const struct lift *l, enum helper other, enum helper code64)
{
    return lift_code64(l) ? code64 : other;
}

void sem_mov_to_cr(struct lift *l, const struct insn *in)
{
    ir_call(l->ir, by_mode(l, HELPER_mov_to_cr, HELPER_mov_to_cr64), ir_const(insn_reg(in)),
            opnd_read(l, in, 1), IR_NONE, IR_NONE);
    lift_exit_next(l);
}

void sem_mov_from_dr(struct lift *l, const struct insn *in)
{
    opnd_write(l, in, 0,
               ir_call(l->ir, by_mode(l, HELPER_mov_from_dr, HELPER_mov_from_dr64),
                       ir_const(insn_reg(in)), IR_NONE, IR_NONE, IR_NONE));
}

void sem_mov_to_dr(struct lift *l, const struct insn *in)
{
    ir_call(l->ir, by_mode(l, HELPER_mov_to_dr, HELPER_mov_to_dr64), ir_const(insn_reg(in)),
            opnd_read(l, in, 1), IR_NONE, IR_NONE);
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
    ir_call(l->ir, by_mode(l, HELPER_invlpg, HELPER_invlpg64), ir_const(in->seg), lift_ea(l, in),
            IR_NONE, IR_NONE);
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

/* At DS:RAX, or by a segment override. */
void sem_monitor(struct lift *l, const struct insn *in)
{
    struct irv off = ir_reg(EAX);

    if (in->addrsize == 2)
        off = ir_op1(l->ir, IR_EXT16U, off);
    else if (in->addrsize == 4)
        off = lift_zext(l, off);
    ir_call(l->ir, by_mode(l, HELPER_monitor, HELPER_monitor64), ir_const(in->seg), off, IR_NONE,
            IR_NONE);
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
