/* Control transfers that the helpers do: far JMP, CALL and RET, IRET, software interrupts, SYSENTER
 * and SYSEXIT, SYSCALL and SYSRET; the interrupt flag, HLT, and undefined instructions. All of them
 * leave to the run loop. */
#include "cpu/lift.h"
#include "cpu/sem_sys.h"

static void transfer(struct lift *l, enum helper helper, struct irv a, struct irv b, struct irv c,
                     struct irv e)
{
    ir_call(l->ir, helper, a, b, c, e);
    lift_exit_loop(l);
}

/* In real and virtual-8086 mode selectors are addresses, and far transfers are near ones that load
 * CS. */
static bool is_plain(const struct lift *l)
{
    return !(l->mode & MODE_PROT);
}

static void load_cs(struct lift *l, struct irv sel, struct irv eip)
{
    transfer(l, HELPER_load_cs, sel, eip, IR_NONE, IR_NONE);
}

static void far_jmp(struct lift *l, const struct insn *in, struct irv off, struct irv sel)
{
    if (!is_plain(l)) {
        transfer(l, lift_code64(l) ? HELPER_far_jmp64 : HELPER_far_jmp, sel, off, ir_const(in->len),
                 IR_NONE);
        return;
    }
    lift_check_target(l, off, in->opsize);
    load_cs(l, sel, off);
}

/* In 16-bit code EIP has 16 bits, unless it is beyond them already. */
static struct irv return_eip(struct lift *l, const struct insn *in)
{
    struct irv next = ir_pcrel(l->ir, l->next);

    if (in->opsize == 2 || (l->mode & MODE_CODE32))
        return next;
    return ir_sel(l->ir, IRC_GTU, ir_pcrel(l->ir, (s32)l->off), ir_const(0xffff), next,
                  ir_op1(l->ir, IR_EXT16U, next));
}

/* There must be room for both words before the first is pushed; what is pushed stands in memory
 * even if the target is refused. */
static void far_call(struct lift *l, const struct insn *in, struct irv off, struct irv sel)
{
    s32 size = in->opsize;

    if (!is_plain(l)) {
        transfer(l, lift_code64(l) ? HELPER_far_call64 : HELPER_far_call, sel, off,
                 ir_const((u32)size), ir_const(in->len));
        return;
    }
    struct irv cs = ir_lds(l->ir, offsetof(struct cpu, seg[SEG_CS].sel), 2);
    struct irv next = return_eip(l, in);
    struct irv low = ir_lea(l->ir, ir_reg(ESP), IR_NONE, 0, (u32)(-2 * size));

    lift_linear(l, SEG_SS, l->mode & MODE_STACK32 ? low : ir_op1(l->ir, IR_EXT16U, low),
                (unsigned)size, true);
    lift_store(l, lift_stack(l, ESP, -size, (unsigned)size, true), (unsigned)size, cs);
    lift_store(l, lift_stack(l, ESP, -2 * size, (unsigned)size, true), (unsigned)size, next);
    lift_check_target(l, off, in->opsize);
    lift_set_sp(l, low);
    load_cs(l, sel, off);
}

void sem_jmp_far(struct lift *l, const struct insn *in)
{
    far_jmp(l, in, ir_const(in->imm), ir_const(in->sel));
}

void sem_call_far(struct lift *l, const struct insn *in)
{
    far_call(l, in, ir_const(in->imm), ir_const(in->sel));
}

void sem_jmp_far_ind(struct lift *l, const struct insn *in)
{
    struct irv off, sel;

    lift_far_pointer(l, in, &off, &sel);
    far_jmp(l, in, off, sel);
}

void sem_call_far_ind(struct lift *l, const struct insn *in)
{
    struct irv off, sel;

    lift_far_pointer(l, in, &off, &sel);
    far_call(l, in, off, sel);
}

void sem_retf(struct lift *l, const struct insn *in)
{
    u32 release = l->row->op[0] == OP_Iw ? in->imm : 0, size = in->opsize;

    if (!is_plain(l)) {
        transfer(l, HELPER_far_ret, ir_const(size), ir_const(release), IR_NONE, IR_NONE);
        return;
    }
    struct irv sel = lift_load(l, IR_LD, lift_stack(l, ESP, (s32)size, 2, false), 2);
    struct irv eip = lift_pop(l, size);
    lift_check_target(l, eip, size);
    lift_pop_commit(l, 2 * size + release);
    load_cs(l, sel, eip);
}

void sem_iret(struct lift *l, const struct insn *in)
{
    transfer(l, HELPER_iret, ir_const(in->opsize), ir_const(in->len), IR_NONE, IR_NONE);
}

void sem_int(struct lift *l, const struct insn *in)
{
    transfer(l, HELPER_int_n, ir_const(in->imm), ir_const(in->len), IR_NONE, IR_NONE);
}

void sem_int3(struct lift *l, const struct insn *in)
{
    transfer(l, HELPER_int3, ir_const(in->len), IR_NONE, IR_NONE, IR_NONE);
}

void sem_into(struct lift *l, const struct insn *in)
{
    transfer(l, HELPER_into, ir_const(in->len), IR_NONE, IR_NONE, IR_NONE);
}

void sem_int1(struct lift *l, const struct insn *in)
{
    transfer(l, HELPER_int1, ir_const(in->len), IR_NONE, IR_NONE, IR_NONE);
}

void sem_rsm(struct lift *l, const struct insn *in)
{
    (void)in;
    transfer(l, HELPER_rsm, IR_NONE, IR_NONE, IR_NONE, IR_NONE);
}

void sem_sysenter(struct lift *l, const struct insn *in)
{
    (void)in;
    transfer(l, HELPER_sysenter, IR_NONE, IR_NONE, IR_NONE, IR_NONE);
}

void sem_sysexit(struct lift *l, const struct insn *in)
{
    transfer(l, HELPER_sysexit, ir_const(in->opsize), IR_NONE, IR_NONE, IR_NONE);
}

void sem_syscall(struct lift *l, const struct insn *in)
{
    transfer(l, HELPER_syscall, ir_const(in->len), IR_NONE, IR_NONE, IR_NONE);
}

void sem_sysret(struct lift *l, const struct insn *in)
{
    transfer(l, HELPER_sysret, ir_const(in->opsize), IR_NONE, IR_NONE, IR_NONE);
}

/* IOPL is not in the mode word: only level 0 is always allowed. */
void sem_cli(struct lift *l, const struct insn *in)
{
    const size_t eflags = offsetof(struct cpu, eflags);

    (void)in;
    if (l->mode & MODE_CPL0)
        ir_sts(l->ir, eflags, 4,
               ir_op2(l->ir, IR_AND, ir_lds(l->ir, eflags, 4), ir_const(~(u32)FLAG_IF)));
    else
        ir_call(l->ir, HELPER_cli, IR_NONE, IR_NONE, IR_NONE, IR_NONE);
}

/* Interrupts stay off for one more instruction if they were off: the next one ends the shadow, in
 * lift_insn(). An interrupt that waits must come right after that. */
static void set_if(struct lift *l)
{
    const size_t eflags = offsetof(struct cpu, eflags);
    struct ir *ir = l->ir;

    ir_alone(ir, IRC_NE, ir_lds(ir, offsetof(struct cpu, irq_line), 4), ir_const(0));
    struct irv old = ir_lds(ir, eflags, 4);
    struct irv was_off = ir_op2(ir, IR_AND, ir_op1(ir, IR_NOT, old), ir_const(FLAG_IF));

    _Static_assert(FLAG_IF >> 5 == EV_SHADOW, "the shift that follows");
    lift_add_events(l, ir_op2(ir, IR_SHR, was_off, ir_const(5)));
    ir_sts(ir, eflags, 4, ir_op2(ir, IR_OR, old, ir_const(FLAG_IF)));
    l->shadow = true;
}

void sem_sti(struct lift *l, const struct insn *in)
{
    (void)in;
    if (l->mode & MODE_CPL0) {
        set_if(l);
    } else {
        ir_call(l->ir, HELPER_sti, IR_NONE, IR_NONE, IR_NONE, IR_NONE);
        lift_exit_next(l);
    }
}

void sem_hlt(struct lift *l, const struct insn *in)
{
    (void)in;
    lift_add_events(l, ir_const(EV_HALT));
    lift_exit_next(l);
}

void sem_ud(struct lift *l, const struct insn *in)
{
    (void)in;
    lift_raise(l, VEC_UD, false, RULE_insn_undefined);
}
