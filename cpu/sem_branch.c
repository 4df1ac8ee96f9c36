/* Near control flow: Jcc, JMP, CALL, RET, LOOP, JCXZ, and BOUND. A target that a page-relative exit
 * cannot express (16-bit wrap, CS limit) is computed and checked before anything is committed.
 * SDM volume 2; volume 1, 6.4. */
#include "cpu/sem_sys.h"

enum { CC_E = 4, CC_NE = 5 };

/* Page offset of the target; but in 64-bit mode modulo 4 GiB. */
static s64 relative_target(const struct lift *l, const struct insn *in)
{
    if (lift_code64(l))
        return (s64)l->next + (s32)in->imm;
    return (s32)((u32)l->next + in->imm);
}

void sem_jcc(struct lift *l, const struct insn *in)
{
    unsigned cc = in->opcode & 15;
    s64 target = relative_target(l, in);
    struct irv eip;

    if (lift_jump_direct(l, target, in->opsize)) {
        ir_xcc(l->ir, cc, (s32)target); /* and the block goes on */
        return;
    }
    eip = lift_jump_eip(l, target, in->opsize);
    /* Only a jump that is taken can fault: else the instruction's own EIP is checked. */
    lift_check_target(l, ir_selcc(l->ir, cc, eip, ir_pcrel(l->ir, (s32)l->off)), in->opsize);
    lift_jump_ind(l, ir_selcc(l->ir, cc, eip, ir_pcrel(l->ir, l->next)));
}

void sem_jmp(struct lift *l, const struct insn *in)
{
    lift_jump(l, relative_target(l, in), in->opsize);
}

/* Pushes the return address, then checks the target: what is pushed stands in memory even if the
 * target is refused, as real chips leave it. eip: IR_NONE if there is nothing to check. */
static void push_return(struct lift *l, const struct insn *in, struct irv eip)
{
    u32 size = in->opsize;
    struct mem_ref to = lift_stack(l, ESP, -(s32)size, size, true);

    lift_store(l, to, size, ir_pcrel(l->ir, l->next));
    if (!irv_is(eip, IRV_NONE))
        lift_check_target(l, eip, size);
    lift_set_sp(l, lift_stack_add(l, ir_reg(ESP), -(s32)size));
}

void sem_call(struct lift *l, const struct insn *in)
{
    s64 target = relative_target(l, in);
    struct irv eip;

    if (lift_jump_direct(l, target, in->opsize)) {
        push_return(l, in, IR_NONE);
        lift_jump(l, target, in->opsize);
        return;
    }
    eip = lift_jump_eip(l, target, in->opsize);
    push_return(l, in, eip);
    lift_jump_ind(l, eip);
}

/* The target of an indirect jump, truncated. */
static struct irv indirect_target(struct lift *l, const struct insn *in)
{
    struct irv eip = opnd_read(l, in, 0);

    if (in->opsize == 2 && !opnd_is_mem(l, in, 0))
        eip = ir_op1(l->ir, IR_EXT16U, eip);
    return eip;
}

void sem_jmp_ind(struct lift *l, const struct insn *in)
{
    struct irv eip = indirect_target(l, in);

    lift_check_target(l, eip, in->opsize);
    lift_jump_ind(l, eip);
}

void sem_call_ind(struct lift *l, const struct insn *in)
{
    struct irv eip = indirect_target(l, in);

    if (irv_is(eip, IRV_REG) && eip.v == ESP) /* the push changes it */
        eip = ir_copy(l->ir, eip);
    push_return(l, in, eip);
    lift_jump_ind(l, eip);
}

void sem_ret(struct lift *l, const struct insn *in)
{
    struct irv eip = lift_pop(l, in->opsize);
    u32 extra = l->row->op[0] == OP_Iw ? in->imm & 0xffff : 0;

    lift_check_target(l, eip, in->opsize);
    lift_pop_commit(l, in->opsize + extra);
    lift_jump_ind(l, eip);
}

/* (E)CX as the address size says, zero-extended. */
static struct irv counter(struct lift *l, const struct insn *in, struct irv ecx)
{
    if (in->addrsize == 4 && lift_code64(l))
        return lift_zext(l, ecx);
    return in->addrsize == 2 ? ir_op1(l->ir, IR_EXT16U, ecx) : ecx;
}

/* (E)CX - 1 */
static struct irv count_down(struct lift *l, const struct insn *in)
{
    bool before = lift_width_addr(l, in);
    struct irv left = ir_lea(l->ir, ir_reg(ECX), IR_NONE, 0, ~0u);

    lift_width(l, before);
    return left;
}

/* Jumps if v is not zero (or is, for IRC_EQ) after making (E)CX new_count, unless that is NONE. */
static void branch_if(struct lift *l, const struct insn *in, enum ir_cond cond, struct irv v,
                      struct irv new_count)
{
    s64 target = relative_target(l, in);
    bool direct = lift_jump_direct(l, target, in->opsize);
    struct irv eip = IR_NONE;

    if (!direct) {
        struct irv taken = lift_jump_eip(l, target, in->opsize), zero = ir_const(0);
        lift_check_target(l, ir_sel(l->ir, cond, v, zero, taken, ir_pcrel(l->ir, (s32)l->off)),
                          in->opsize);
        eip = ir_sel(l->ir, cond, v, zero, taken, ir_pcrel(l->ir, l->next));
    }
    if (!irv_is(new_count, IRV_NONE))
        lift_set_gpr(l, ECX, in->addrsize, new_count);
    if (direct)
        ir_xif(l->ir, cond, v, ir_const(0), (s32)target);
    else
        lift_jump_ind(l, eip);
}

void sem_loop(struct lift *l, const struct insn *in)
{
    struct irv left = count_down(l, in);

    branch_if(l, in, IRC_NE, counter(l, in, left), left);
}

static void loop_while(struct lift *l, const struct insn *in, unsigned cc)
{
    struct irv left = count_down(l, in);
    struct irv go = ir_selcc(l->ir, cc, counter(l, in, left), ir_const(0));

    branch_if(l, in, IRC_NE, go, left);
}

void sem_loope(struct lift *l, const struct insn *in)
{
    loop_while(l, in, CC_E);
}

void sem_loopne(struct lift *l, const struct insn *in)
{
    loop_while(l, in, CC_NE);
}

void sem_jcxz(struct lift *l, const struct insn *in)
{
    branch_if(l, in, IRC_EQ, counter(l, in, ir_reg(ECX)), IR_NONE);
}

/* The lower bound is read and compared before the upper one is read. */
void sem_bound(struct lift *l, const struct insn *in)
{
    unsigned size = in->opsize;
    enum ir_op ext = size == 2 ? IR_EXT16S : IR_MOV;
    struct irv index = ir_op1(l->ir, ext, opnd_read(l, in, 0));
    struct irv off = lift_ea(l, in), next = ir_lea(l->ir, off, IR_NONE, 0, size);

    if (l->gen <= ISA_286) /* whose second word may be at offset 0 */
        next = ir_op1(l->ir, IR_EXT16U, next);
    struct irv lower = ir_op1(l->ir, ext, lift_ld(l, in->seg, off, size));
    ir_call(l->ir, HELPER_bound, index, lower, ir_const(INT32_MAX), IR_NONE);
    struct irv upper = ir_op1(l->ir, ext, lift_ld(l, in->seg, next, size));
    ir_call(l->ir, HELPER_bound, index, ir_const((u32)INT32_MIN), upper, IR_NONE);
}
