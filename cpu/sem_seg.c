/* Segment registers and descriptor tables: MOV, PUSH, POP, LxS of segment registers, LAR, LSL,
 * VERR, VERW, ARPL, and the table registers. A load may change the segment's class in the mode
 * word, so it ends the block. A selector is loaded before anything else of its instruction is
 * committed. */
#include "cpu/lift.h"
#include "cpu/sem_sys.h"

static size_t selector_field(unsigned seg)
{
    return offsetof(struct cpu, seg) + seg * sizeof(struct segment) + offsetof(struct segment, sel);
}

static struct irv load_seg(struct lift *l, enum seg seg, struct irv sel)
{
    enum helper helper = l->mode & MODE_PROT ? HELPER_load_seg : HELPER_load_seg_plain;

    return ir_call(l->ir, helper, ir_const(seg), sel, IR_NONE, IR_NONE);
}

/* MOV SS and POP SS keep interrupts and debug exceptions off until the next instruction has retired
 * (SDM 3A 6.8.3); on the 8086 a load of any segment register does. */
static void leave(struct lift *l, enum seg seg, struct irv changed)
{
    if (seg == SEG_SS || l->gen == ISA_8086) {
        lift_add_events(l, ir_const(EV_SHADOW | EV_MOV_SS));
        lift_exit_next(l);
    } else {
        lift_exit_if(l, changed);
    }
}

void sem_mov_from_seg(struct lift *l, const struct insn *in)
{
    opnd_write(l, in, 0, ir_lds(l->ir, selector_field(insn_reg3(in)), 2));
}

void sem_mov_to_seg(struct lift *l, const struct insn *in)
{
    enum seg seg = (enum seg)insn_reg3(in);

    leave(l, seg, load_seg(l, seg, opnd_read(l, in, 1)));
}

static enum seg named_segment(const struct lift *l)
{
    return (enum seg)(l->row->op[0] - OP_ES);
}

/* With a 32-bit operand too only 16 bits are written (SDM 2, PUSH: all recent processors); with one
 * of 64 bits all. */
void sem_push_seg(struct lift *l, const struct insn *in)
{
    struct irv sel = ir_lds(l->ir, selector_field(named_segment(l)), 2);
    s32 size = in->opsize;

    if (size != 4) {
        lift_push(l, in->opsize, sel);
        return;
    }
    struct mem_ref to = lift_stack(l, ESP, -size, 2, true);
    lift_store(l, to, 2, sel);
    lift_set_sp(l, lift_stack_add(l, ir_reg(ESP), -size));
}

/* Only the selector is read, whatever the operand size pops. */
void sem_pop_seg(struct lift *l, const struct insn *in)
{
    enum seg seg = named_segment(l);

    struct irv changed = load_seg(l, seg, lift_pop(l, 2));
    lift_pop_commit(l, in->opsize);
    leave(l, seg, changed);
}

void lift_far_pointer(struct lift *l, const struct insn *in, struct irv *off, struct irv *sel)
{
    struct irv ea = lift_ea(l, in);
    bool before = lift_width_addr(l, in);
    struct irv next = ir_lea(l->ir, ea, IR_NONE, 0, in->opsize);

    lift_width(l, before);
    if (in->addrsize == 2)
        next = ir_op1(l->ir, IR_EXT16U, next);
    *off = lift_ld(l, in->seg, ea, in->opsize);
    *sel = lift_ld(l, in->seg, next, 2);
}

/* The segment register that LES, LDS, LSS, LFS and LGS load, by opcode. */
static enum seg lxs_segment(const struct insn *in)
{
    switch (in->opcode) {
    case 0xc4: return SEG_ES;
    case 0xc5: return SEG_DS;
    case 0xb2: return SEG_SS;
    case 0xb4: return SEG_FS;
    default: return SEG_GS;
    }
}

void sem_lxs(struct lift *l, const struct insn *in)
{
    struct irv off, sel;

    lift_far_pointer(l, in, &off, &sel);
    struct irv changed = load_seg(l, lxs_segment(in), sel);
    opnd_write(l, in, 0, off);
    lift_exit_if(l, changed);
}

static void look_up(struct lift *l, const struct insn *in, enum helper helper)
{
    struct irv sel = opnd_read(l, in, 1);

    ir_call(l->ir, helper, sel, ir_const(insn_reg(in)), ir_const(in->opsize), IR_NONE);
}

void sem_lar(struct lift *l, const struct insn *in)
{
    look_up(l, in, HELPER_lar);
}

void sem_lsl(struct lift *l, const struct insn *in)
{
    look_up(l, in, HELPER_lsl);
}

void sem_verr(struct lift *l, const struct insn *in)
{
    ir_call(l->ir, HELPER_verify, opnd_read(l, in, 0), ir_const(0), IR_NONE, IR_NONE);
}

void sem_verw(struct lift *l, const struct insn *in)
{
    ir_call(l->ir, HELPER_verify, opnd_read(l, in, 0), ir_const(1), IR_NONE, IR_NONE);
}

/* Memory is read as by a load, and written only if the RPL rises. */
void sem_arpl(struct lift *l, const struct insn *in)
{
    struct ir *ir = l->ir;
    struct irv src = opnd_read(l, in, 1);

    if (opnd_is_mem(l, in, 0)) {
        ir_call(ir, HELPER_arpl, ir_const(in->seg), lift_ea(l, in), src, IR_NONE);
        return;
    }
    struct irv dst = opnd_read(l, in, 0);
    struct irv rpl = ir_op2(ir, IR_AND, dst, ir_const(3));
    struct irv want = ir_op2(ir, IR_AND, src, ir_const(3));
    struct irv raised = ir_op2(ir, IR_OR, ir_op2(ir, IR_AND, dst, ir_const(~3u)), want);
    struct irv lower = ir_setc(ir, IRC_LTU, rpl, want);

    opnd_write(l, in, 0, ir_sel(ir, IRC_LTU, rpl, want, raised, dst));
    ir_call(ir, HELPER_set_zf, lower, IR_NONE, IR_NONE, IR_NONE);
}

void sem_sldt(struct lift *l, const struct insn *in)
{
    lift_umip(l);
    opnd_write(l, in, 0, ir_lds(l->ir, offsetof(struct cpu, ldtr.sel), 2));
}

void sem_str(struct lift *l, const struct insn *in)
{
    lift_umip(l);
    opnd_write(l, in, 0, ir_lds(l->ir, offsetof(struct cpu, tr.sel), 2));
}

void sem_lldt(struct lift *l, const struct insn *in)
{
    ir_call(l->ir, HELPER_lldt, opnd_read(l, in, 0), IR_NONE, IR_NONE, IR_NONE);
}

void sem_ltr(struct lift *l, const struct insn *in)
{
    ir_call(l->ir, HELPER_ltr, opnd_read(l, in, 0), IR_NONE, IR_NONE, IR_NONE);
}

static void store_table(struct lift *l, const struct insn *in, u32 idt)
{
    lift_umip(l);
    if (lift_code64(l))
        ir_call(l->ir, HELPER_store_table64, ir_const(idt), ir_const(in->seg), lift_ea(l, in),
                IR_NONE);
    else
        ir_call(l->ir, HELPER_store_table, ir_const(idt), ir_const(in->seg), lift_ea(l, in),
                IR_NONE);
}

static void load_table(struct lift *l, const struct insn *in, u32 idt)
{
    if (lift_code64(l))
        ir_call(l->ir, HELPER_load_table64, ir_const(idt), ir_const(in->seg), lift_ea(l, in),
                IR_NONE);
    else
        ir_call(l->ir, HELPER_load_table, ir_const(idt), ir_const(in->seg), lift_ea(l, in),
                ir_const(in->opsize));
}

void sem_sgdt(struct lift *l, const struct insn *in)
{
    store_table(l, in, 0);
}

void sem_sidt(struct lift *l, const struct insn *in)
{
    store_table(l, in, 1);
}

void sem_lgdt(struct lift *l, const struct insn *in)
{
    load_table(l, in, 0);
}

void sem_lidt(struct lift *l, const struct insn *in)
{
    load_table(l, in, 1);
}

void sem_swapgs(struct lift *l, const struct insn *in)
{
    (void)in;
    lift_exit_if(l, ir_call(l->ir, HELPER_swapgs, IR_NONE, IR_NONE, IR_NONE, IR_NONE));
}
