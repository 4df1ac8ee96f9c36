/* Lifting of one instruction to IR: legality, operands, effective addresses, segments and the
 * stack. The sem_*.c files are written with what is here. Invariant: nothing here writes a guest
 * register or the flags before the last op that may fault, except where lift.h says so. Addresses:
 * SDM volume 1, 3.7.5; segment checks: SDM volume 3A, 5.3. */
#include "cpu/lift.h"

#include "base/check.h"

#define SEG_FIELD(seg, field)                                                                      \
    (offsetof(struct cpu, seg) + (seg) * sizeof(struct segment) + offsetof(struct segment, field))

/* The instruction at hand is what the shadow of the one before was for. */
static void end_shadow(struct lift *l)
{
    const size_t events = offsetof(struct cpu, events);

    ir_sts(l->ir, events, 4,
           ir_op2(l->ir, IR_AND, ir_lds(l->ir, events, 4), ir_const(~(u32)EV_SHADOW)));
    l->shadow = false;
}

/* The block is being entered. */
static void count_entry(struct lift *l)
{
    const size_t at = l->counter;
    struct irv low = ir_op2(l->ir, IR_ADD, ir_lds(l->ir, at, 4), ir_const(1));
    struct irv carry = ir_setc(l->ir, IRC_EQ, low, ir_const(0));

    ir_sts(l->ir, at, 4, low);
    ir_sts(l->ir, at + 4, 4, ir_op2(l->ir, IR_ADD, ir_lds(l->ir, at + 4, 4), carry));
    l->counter = 0;
}

bool lift_width(struct lift *l, bool wide)
{
    bool before = l->ir->wide;

    l->ir->wide = wide;
    return before;
}

bool lift_width_all(struct lift *l)
{
    return lift_width(l, lift_code64(l));
}

bool lift_width_addr(struct lift *l, const struct insn *in)
{
    return lift_width(l, in->addrsize == 8);
}

struct irv lift_zext(struct lift *l, struct irv v)
{
    bool before = lift_width(l, false);

    v = ir_op1(l->ir, IR_MOV, v);
    if (irv_is(v, IRV_CONST) && lift_code64(l)) {
        lift_width(l, true);
        v = ir_const64(l->ir, v.v);
    }
    lift_width(l, before);
    return v;
}

/* Byte forms are narrow whatever REX.W says. */
static bool is_wide(const struct lift *l, const struct insn *in)
{
    return in->opsize == 8 && opnd_size(l, in, 0) != 1;
}

static void lift_form(struct lift *l, const struct insn *in)
{
    lift_width(l, is_wide(l, in));
    l->row->sem(l, in);
    lift_width(l, false);
}

void lift_insn(struct lift *l, const struct insn *in)
{
    const struct insn_row *row = insn_row_of(in);

    l->row = row;
    l->rex = in->rex;
    l->next = (s32)(l->off + in->len);
    l->has_rmw = false;
    if (row->isa == ISA_FPU)
        l->mmx_ready = false;
    ir_insn_begin(l->ir, l->off, in->len);
    if (l->counter)
        count_entry(l);
    if (l->shadow)
        end_shadow(l);
    if (l->gen == ISA_286 && (in->prefixes & PFX_LOCK) && !(l->mode & MODE_CPL0))
        ir_call(l->ir, HELPER_check_iopl, IR_NONE, IR_NONE, IR_NONE, IR_NONE);
    if (!(l->isas >> row->isa & 1))
        lift_raise(l, VEC_UD, false, RULE_insn_model);
    else if ((row->attr & IA_PROT) && !(l->mode & MODE_PROT))
        lift_raise(l, VEC_UD, false, RULE_insn_protected);
    else if ((row->attr & IA_PRIV) && !(l->mode & MODE_CPL0))
        lift_raise(l, VEC_GP, true, RULE_insn_privileged);
    else
        lift_form(l, in);
}

void lift_illegal(struct lift *l, enum vector vec, bool has_error, enum rule rule)
{
    ir_insn_begin(l->ir, l->off, 1);
    if (l->shadow)
        end_shadow(l);
    lift_raise(l, vec, has_error, rule);
}

/* -- registers -- */

#define GPR_FIELD(reg) (offsetof(struct cpu, gpr) + (reg) * sizeof(u64))

/* Is it AH, CH, DH or BH? */
static bool is_high_byte(const struct lift *l, unsigned reg, unsigned size)
{
    return size == 1 && reg >= 4 && reg < GPR_COUNT && !l->rex;
}

struct irv lift_gpr(struct lift *l, unsigned reg, unsigned size)
{
    if (reg >= GPR_COUNT)
        return ir_lds(l->ir, GPR_FIELD(reg), size);
    if (is_high_byte(l, reg, size))
        return ir_op1(l->ir, IR_EXTH8, ir_reg(reg - 4));
    return ir_reg(reg);
}

/* R8 to R15 are fields of the CPU. */
static void set_field(struct lift *l, unsigned reg, unsigned size, struct irv v)
{
    if (size == 4) {
        v = lift_zext(l, v);
        size = 8;
    }
    ir_sts(l->ir, GPR_FIELD(reg), size, v);
}

/* The register's whole new value, where a part of it becomes v; *reg becomes its number. */
static struct irv merge(struct lift *l, unsigned *reg, unsigned size, struct irv v)
{
    bool high = is_high_byte(l, *reg, size), before = lift_width_all(l);

    *reg -= high ? 4 : 0;
    v = ir_op2(l->ir, size == 2 ? IR_DEP16 : high ? IR_DEPH8 : IR_DEP8, ir_reg(*reg), v);
    lift_width(l, before);
    return v;
}

static void set_whole(struct lift *l, unsigned reg, unsigned size, struct irv v)
{
    bool before = lift_width(l, lift_code64(l) && size != 4);

    ir_set_reg(l->ir, reg, v);
    lift_width(l, before);
}

void lift_set_gpr(struct lift *l, unsigned reg, unsigned size, struct irv v)
{
    if (reg >= GPR_COUNT) {
        set_field(l, reg, size, v);
        return;
    }
    if (size < 4)
        v = merge(l, &reg, size, v);
    set_whole(l, reg, size, v);
}

/* -- operands -- */

enum opnd_class {
    OC_OTHER,  /* for the semantics to know */
    OC_RM,     /* ModRM.rm: register or memory */
    OC_RM_REG, /* ModRM.rm: register, whatever mod says */
    OC_REG,    /* ModRM.reg */
    OC_LOW,    /* register in the low opcode bits */
    OC_MOFFS,
    OC_FIXED, /* register .reg */
    OC_IMM,
    OC_ONE,
};

enum { SIZE_V = 0xff, SIZE_Y = 0xfe, SIZE_Z = 0xfd }; /* by the operand size, as in insn.h */

/* clang-format off */
static const struct opnd_info {
    u8 class, size, reg;
} opnds[] = {
    [OP_Eb] = { OC_RM, 1, 0 },      [OP_Ew] = { OC_RM, 2, 0 },      [OP_Ed] = { OC_RM, 4, 0 },
    [OP_Ev] = { OC_RM, SIZE_V, 0 }, [OP_Gb] = { OC_REG, 1, 0 },     [OP_Gw] = { OC_REG, 2, 0 },
    [OP_Ey] = { OC_RM, SIZE_Y, 0 }, [OP_Ez] = { OC_RM, SIZE_Z, 0 }, [OP_Gy] = { OC_REG, SIZE_Y, 0 },
    [OP_Gd] = { OC_REG, 4, 0 },     [OP_Gv] = { OC_REG, SIZE_V, 0 }, [OP_M] = { OC_RM, SIZE_V, 0 },
    [OP_Mb] = { OC_RM, 1, 0 },      [OP_Mw] = { OC_RM, 2, 0 },      [OP_Md] = { OC_RM, 4, 0 },
    [OP_My] = { OC_RM, SIZE_Y, 0 }, [OP_Iv] = { OC_IMM, SIZE_V, 0 },
    [OP_Mq] = { OC_RM, 8, 0 },      [OP_Mp] = { OC_RM, SIZE_V, 0 }, [OP_Ma] = { OC_RM, SIZE_V, 0 },
    [OP_Ib] = { OC_IMM, 1, 0 },     [OP_Iw] = { OC_IMM, 2, 0 },     [OP_Iz] = { OC_IMM, SIZE_V, 0 },
    [OP_sIb] = { OC_IMM, SIZE_V, 0 }, [OP_Ap] = { OC_IMM, SIZE_V, 0 },
    [OP_Jb] = { OC_IMM, SIZE_V, 0 }, [OP_Jz] = { OC_IMM, SIZE_V, 0 },
    [OP_Ob] = { OC_MOFFS, 1, 0 },   [OP_Ov] = { OC_MOFFS, SIZE_V, 0 },
    [OP_AL] = { OC_FIXED, 1, EAX }, [OP_CL] = { OC_FIXED, 1, ECX }, [OP_DX] = { OC_FIXED, 2, EDX },
    [OP_eAX] = { OC_FIXED, SIZE_V, EAX },
    [OP_Zb] = { OC_LOW, 1, 0 },     [OP_Zv] = { OC_LOW, SIZE_V, 0 },
    [OP_1] = { OC_ONE, 1, 0 },
    [OP_Xb] = { OC_OTHER, 1, 0 },   [OP_Xv] = { OC_OTHER, SIZE_V, 0 },
    [OP_Yb] = { OC_OTHER, 1, 0 },   [OP_Yv] = { OC_OTHER, SIZE_V, 0 }, [OP_Sw] = { OC_OTHER, 2, 0 },
    [OP_RvMw] = { OC_RM, SIZE_V, 0 }, [OP_RdMb] = { OC_RM, 4, 0 }, [OP_RdMw] = { OC_RM, 4, 0 },
    [OP_Mx] = { OC_RM, 16, 0 },
    [OP_Ry] = { OC_RM_REG, SIZE_Y, 0 },
};
/* clang-format on */

static struct opnd_info opnd_info(const struct lift *l, unsigned n)
{
    const struct opnd_info none = {OC_OTHER, 0, 0};
    unsigned kind = l->row->op[n];

    return kind < ARRAY_LEN(opnds) ? opnds[kind] : none;
}

bool opnd_is_mem(const struct lift *l, const struct insn *in, unsigned n)
{
    unsigned class = opnd_info(l, n).class;

    return class == OC_MOFFS || (class == OC_RM && insn_mod(in) != 3);
}

unsigned opnd_size(const struct lift *l, const struct insn *in, unsigned n)
{
    unsigned size = opnd_info(l, n).size, kind = l->row->op[n];

    if (insn_mod(in) != 3 && (kind == OP_RvMw || kind == OP_RdMw || kind == OP_RdMb))
        return kind == OP_RdMb ? 1 : 2;
    switch (size) {
    case SIZE_V: return in->opsize;
    case SIZE_Y: return in->opsize == 8 ? 8 : 4;
    case SIZE_Z: return in->opsize == 2 ? 2 : 4;
    default: return size;
    }
}

/* The register that operand n names. */
static unsigned opnd_reg(const struct lift *l, const struct insn *in, unsigned n)
{
    struct opnd_info o = opnd_info(l, n);

    switch (o.class) {
    case OC_RM:
    case OC_RM_REG: return insn_rm(in);
    case OC_REG: return insn_reg(in);
    case OC_LOW: return insn_low(in);
    default:
        CHECK(o.class == OC_FIXED, "%s: operand %u is no register", l->row->name, n);
        return o.reg;
    }
}

struct irv lift_load(struct lift *l, enum ir_op op, struct mem_ref m, unsigned size)
{
    struct irv v = ir_ld(l->ir, op, m.addr, m.disp, size);

    if (m.in_seg)
        ir_in_seg(l->ir, m.seg);
    return v;
}

void lift_store(struct lift *l, struct mem_ref m, unsigned size, struct irv v)
{
    ir_st(l->ir, m.addr, m.disp, size, v);
    if (m.in_seg)
        ir_in_seg(l->ir, m.seg);
}

/* Only MOV has one of 8 bytes: to others of that operand size it is sign-extended. */
static struct irv immediate(struct lift *l, const struct insn *in, unsigned n)
{
    if (l->row->op[n] == OP_Iv && in->opsize == 8)
        return ir_const64(l->ir, (u64)in->imm_high << 32 | in->imm);
    return ir_const(in->imm);
}

struct irv opnd_read(struct lift *l, const struct insn *in, unsigned n)
{
    unsigned size = opnd_size(l, in, n);

    if (opnd_is_mem(l, in, n))
        return lift_load(l, IR_LD, lift_operand(l, in, size, false), size);
    switch (opnd_info(l, n).class) {
    case OC_IMM: return immediate(l, in, n);
    case OC_ONE: return ir_const(1);
    default: return lift_gpr(l, opnd_reg(l, in, n), size);
    }
}

struct irv opnd_read_rmw(struct lift *l, const struct insn *in, unsigned n)
{
    unsigned size = opnd_size(l, in, n);

    if (!opnd_is_mem(l, in, n))
        return opnd_read(l, in, n);
    l->rmw = lift_operand(l, in, size, true);
    l->has_rmw = true;
    return lift_load(l, IR_LDRMW, l->rmw, size);
}

void opnd_write(struct lift *l, const struct insn *in, unsigned n, struct irv v)
{
    unsigned size = opnd_size(l, in, n);

    if (opnd_is_mem(l, in, n)) {
        lift_store(l, l->has_rmw ? l->rmw : lift_operand(l, in, size, true), size, v);
    } else {
        lift_set_gpr(l, opnd_reg(l, in, n), size, v);
    }
}

void opnd_write_flags(struct lift *l, const struct insn *in, unsigned n, struct irv v,
                      unsigned kind, struct irv src, struct irv aux)
{
    unsigned size = opnd_size(l, in, n), reg;

    if (opnd_is_mem(l, in, n)) {
        opnd_write(l, in, n, v);
        ir_flags(l->ir, kind, size, v, src, aux);
        return;
    }
    reg = opnd_reg(l, in, n);
    if (reg < GPR_COUNT && size < 4 && !is_high_byte(l, reg, size)) {
        v = merge(l, &reg, size, v); /* the result is where it will be found later */
        ir_flags(l->ir, kind, size, v, src, aux);
        set_whole(l, reg, size, v);
    } else {
        ir_flags(l->ir, kind, size, v, src, aux);
        lift_set_gpr(l, reg, size, v);
    }
}

/* -- memory -- */

static struct irv join(struct lift *l, struct mem_ref m)
{
    return m.disp ? ir_lea(l->ir, m.addr, IR_NONE, 0, m.disp) : m.addr;
}

static bool is_moffs(const struct lift *l)
{
    return opnd_info(l, 0).class == OC_MOFFS || opnd_info(l, 1).class == OC_MOFFS;
}

/* An address without registers. */
static struct mem_ref absolute(struct lift *l, const struct insn *in)
{
    u32 disp = (u32)in->disp;
    struct irv at;

    if (in->addrsize == 8 && is_moffs(l))
        at = ir_const64(l->ir, (u64)in->imm_high << 32 | disp);
    else
        at = ir_const(in->addrsize == 2 ? disp & 0xffff : disp);
    return (struct mem_ref){.addr = at};
}

/* The address of the next instruction and a displacement. */
static struct mem_ref relative(struct lift *l, const struct insn *in)
{
    s64 off = (s64)l->next + in->disp;

    if (off == (s32)off)
        return (struct mem_ref){.addr = ir_pcrel(l->ir, (s32)off)};
    return (struct mem_ref){.addr = ir_pcrel(l->ir, l->next), .disp = (u32)in->disp};
}

static struct mem_ref sum(struct lift *l, const struct insn *in, struct irv base)
{
    bool has_base = !irv_is(base, IRV_NONE), has_index = in->index != GPR_NONE;
    struct irv index = has_index ? lift_gpr(l, in->index, 8) : IR_NONE;
    struct mem_ref m = {.addr = base, .disp = (u32)in->disp};

    if (in->base == GPR_RIP)
        return relative(l, in);
    if (!has_base && !has_index)
        return absolute(l, in);
    if (has_base && has_index) {
        m.addr = ir_lea(l->ir, base, index, in->scale, m.disp);
        m.disp = 0;
    } else if (has_index && in->scale) {
        m.addr = ir_lea(l->ir, ir_const(m.disp), index, in->scale, 0);
        m.disp = 0;
    } else if (has_index) {
        m.addr = index;
    }
    return m;
}

/* Effective address in two parts, of which one smaller than linear addresses has no displacement:
 * it has to wrap. */
static struct mem_ref effective(struct lift *l, const struct insn *in, struct irv base)
{
    bool before = lift_width_addr(l, in);
    struct mem_ref m = sum(l, in, base);

    if (in->addrsize == 2 && !irv_is(m.addr, IRV_CONST))
        m = (struct mem_ref){.addr = ir_op1(l->ir, IR_EXT16U, join(l, m))};
    else if (in->addrsize == 4 && lift_code64(l))
        m = (struct mem_ref){.addr = lift_zext(l, join(l, m))};
    lift_width(l, before);
    return m;
}

/* Is memory of seg accessed through a window? That is for 16-bit code, whose segments are small. */
static bool has_window(const struct lift *l, enum seg seg, bool code_write)
{
    return mode_seg_class(l->mode, seg) == SEGC_CHECKED &&
           !(l->mode & (MODE_CODE32 | MODE_ALIGN)) && !code_write;
}

/* Is it a write through CS? CS's class tells of reads: a code segment is never writable in
 * protected mode. In 64-bit mode nothing is checked. */
static bool writes_code(const struct lift *l, enum seg seg, bool write)
{
    return seg == SEG_CS && write && (l->mode & MODE_PROT) && !lift_code64(l);
}

static void check_alignment(struct lift *l, struct irv la, unsigned size)
{
    enum helper h = lift_code64(l) ? HELPER_align_check64 : HELPER_align_check;

    ir_call(l->ir, h, la, ir_const(size), IR_NONE, IR_NONE);
}

/* Makes a segment offset a linear address, with the checks that the segment's class asks for. */
static struct mem_ref linear(struct lift *l, enum seg seg, struct mem_ref m, unsigned size,
                             bool write)
{
    enum seg_class class = mode_seg_class(l->mode, seg);
    bool before = lift_width_all(l);

    if (class == SEGC_CHECKED || writes_code(l, seg, write)) {
        m.addr = join(l, m);
        m.disp = 0;
        ir_segchk(l->ir, seg, m.addr, size, write);
    }
    if (class != SEGC_FLAT)
        m.addr = ir_op2(l->ir, IR_ADD, m.addr,
                        ir_lds(l->ir, SEG_FIELD(seg, base), lift_code64(l) ? 8 : 4));
    if ((l->mode & MODE_ALIGN) && size > 1)
        check_alignment(l, join(l, m), size);
    lift_width(l, before);
    return m;
}

/* GPR_RIP is no register: see sum(). */
static struct irv base_value(struct lift *l, const struct insn *in)
{
    return in->base < GPR64_COUNT ? lift_gpr(l, in->base, 8) : IR_NONE;
}

/* Makes a segment offset an address to access. */
static struct mem_ref reference(struct lift *l, enum seg seg, struct mem_ref m, unsigned size,
                                bool write)
{
    if (!has_window(l, seg, writes_code(l, seg, write)))
        return linear(l, seg, m, size, write);
    m.seg = seg;
    m.in_seg = true;
    return m;
}

struct mem_ref lift_operand(struct lift *l, const struct insn *in, unsigned size, bool write)
{
    return reference(l, in->seg, effective(l, in, base_value(l, in)), size, write);
}

struct irv lift_ea_base(struct lift *l, const struct insn *in, struct irv base)
{
    bool before = lift_width_all(l);
    struct irv ea = join(l, effective(l, in, base));

    lift_width(l, before);
    return ea;
}

struct irv lift_ea(struct lift *l, const struct insn *in)
{
    return lift_ea_base(l, in, base_value(l, in));
}

static struct mem_ref offset_ref(struct lift *l, enum seg seg, struct irv off, unsigned size,
                                 bool write)
{
    return reference(l, seg, (struct mem_ref){.addr = off}, size, write);
}

struct irv lift_linear(struct lift *l, enum seg seg, struct irv off, unsigned size, bool write)
{
    return linear(l, seg, (struct mem_ref){.addr = off}, size, write).addr;
}

struct irv lift_ld(struct lift *l, enum seg seg, struct irv off, unsigned size)
{
    return lift_load(l, IR_LD, offset_ref(l, seg, off, size, false), size);
}

void lift_st(struct lift *l, enum seg seg, struct irv off, unsigned size, struct irv v)
{
    lift_store(l, offset_ref(l, seg, off, size, true), size, v);
}

/* -- stack -- */

struct mem_ref lift_stack(struct lift *l, unsigned reg, s32 delta, unsigned size, bool write)
{
    struct mem_ref m = {.addr = ir_reg(reg), .disp = (u32)delta};

    if (!(l->mode & MODE_STACK32)) {
        m.addr = ir_op1(l->ir, IR_EXT16U, join(l, m));
        m.disp = 0;
    }
    return reference(l, SEG_SS, m, size, write);
}

struct irv lift_stack_add(struct lift *l, struct irv v, s32 delta)
{
    bool before = lift_width_all(l);

    v = ir_lea(l->ir, v, IR_NONE, 0, (u32)delta);
    lift_width(l, before);
    return v;
}

void lift_set_sp(struct lift *l, struct irv v)
{
    lift_set_gpr(l, ESP, lift_code64(l) ? 8 : l->mode & MODE_STACK32 ? 4 : 2, v);
}

void lift_push(struct lift *l, unsigned size, struct irv v)
{
    lift_store(l, lift_stack(l, ESP, -(s32)size, size, true), size, v);
    lift_set_sp(l, lift_stack_add(l, ir_reg(ESP), -(s32)size));
}

struct irv lift_pop(struct lift *l, unsigned size)
{
    return lift_load(l, IR_LD, lift_stack(l, ESP, 0, size, false), size);
}

void lift_pop_commit(struct lift *l, u32 bytes)
{
    lift_set_sp(l, lift_stack_add(l, ir_reg(ESP), (s32)bytes));
}

/* -- flags -- */

void lift_merge_flags(struct lift *l, u32 mask, struct irv set)
{
    struct irv keep = ir_op2(l->ir, IR_AND, ir_getfl(l->ir), ir_const(FLAGS_ARITH & ~mask));

    ir_flags(l->ir, FK_EFLAGS, 4, IR_NONE, ir_op2(l->ir, IR_OR, keep, set), IR_NONE);
}
