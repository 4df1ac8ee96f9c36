/* Lifting of MMX, 3DNow! and SSE. Arithmetic becomes one VEC operation on the registers in struct
 * cpu, memory operands coming by way of xmm_scratch; moves are loads and stores of the registers
 * themselves.
 *
 * Availability (SDM 2, 2.4 to 2.6; SDM 3A, 12.1 and 13.1): SSE is #UD by CR0.EM or without
 * CR4.OSFXSR, #NM by CR0.TS; MMX is #UD by EM, #NM by TS, and reports a pending x87 exception
 * first. Using an MMX register makes TOP 0 and all tags valid, writing one fills its exponent with
 * ones. That is done once nothing can fault, except that a store that faults leaves TOP 0, and
 * MASKMOVQ and conversions that raise #XM the tags as well (observed on processors; the SDM is
 * silent). Where an SSE exception is unmasked (MODE_SSE_XM), arithmetic is a call that may raise
 * it.
 *
 * REX names 16 XMM registers, but no more MMX registers than 8. */
#include "cpu/lift.h"
#include "cpu/vec.h"

#define SCRATCH offsetof(struct cpu, xmm_scratch)
#define RESULT  offsetof(struct cpu, scratch[1]) /* of operations that give a u32, */
#define RESULT8 offsetof(struct cpu, scratch[2]) /* a u64 */

/* -- from instruction to operation -- */

/* After those of single opcodes: of groups, of forms with REX.W, which all are in map 0F and have a
 * mandatory prefix. */
enum {
    GROUP_BASE = MAP_COUNT * 5 * 256,
    GROUP_FIRST = 0x71,
    WIDE_BASE = GROUP_BASE + 5 * 3 * 8,
    OP_KEYS = WIDE_BASE + 5 * 256,
    WITH_W = -2 /* as ext */
};

#define OP_KEY(map, mand, opcode, ext)                                                             \
    ((ext) == WITH_W ? WIDE_BASE + (mand)*256 + (opcode)                                           \
     : (ext) < 0     ? ((map)*5 + (mand)) * 256 + (opcode)                                         \
                     : GROUP_BASE + ((mand)*3 + (opcode)-GROUP_FIRST) * 8 + (ext))

static const u16 op_of[OP_KEYS] = {
#define VEC_OP(name, fn, mand, map, opcode, ext, shape, attr)                                      \
    [OP_KEY(map, mand, opcode, ext)] = VEC_OP_##name,
#include "cpu/vec_op.def"
#undef VEC_OP
};

static enum vec_op find_op(const struct insn *in)
{
    const struct insn_row *row = insn_row_of(in);
    u16 wide = in->opsize == 8 && row->map == MAP_0F
                   ? op_of[OP_KEY(MAP_0F, row->mand, row->opcode, WITH_W)]
                   : 0; /* none of them has number 0 */

    if (wide)
        return (enum vec_op)wide;
    return (enum vec_op)op_of[OP_KEY(row->map, row->mand, row->opcode, row->reg)];
}

/* -- availability and the MMX state -- */

static bool is_mmx_register(const struct insn *in, unsigned kind)
{
    return kind == OP_Pq || kind == OP_Nq ||
           ((kind == OP_Qq || kind == OP_Qd) && insn_mod(in) == 3);
}

static bool is_xmm(unsigned kind)
{
    return kind == OP_Vx || kind == OP_Wx || kind == OP_Wq || kind == OP_Wd || kind == OP_Ww ||
           kind == OP_Ux;
}

static size_t xmm_reg(const struct insn *in)
{
    return xmm_offset(insn_reg(in));
}

static size_t xmm_rm(const struct insn *in)
{
    return xmm_offset(insn_rm(in));
}

static size_t mmx_reg(const struct insn *in)
{
    return mmx_offset(insn_reg3(in));
}

static size_t mmx_rm(const struct insn *in)
{
    return mmx_offset(insn_rm3(in));
}

static bool uses_mmx(const struct insn *in)
{
    const u8 *op = insn_row_of(in)->op;

    return is_mmx_register(in, op[0]) || is_mmx_register(in, op[1]);
}

static bool uses_xmm(const struct insn *in)
{
    const u8 *op = insn_row_of(in)->op;

    return is_xmm(op[0]) || is_xmm(op[1]);
}

/* False: the instruction raises instead. */
static bool enter_sse(struct lift *l)
{
    if (l->mode & MODE_NOSSE)
        lift_raise(l, VEC_UD, false, RULE_sse_off);
    else if (l->mode & MODE_NOFPU)
        lift_raise(l, VEC_NM, false, RULE_simd_ts);
    return !l->ended;
}

/* TOP = 0 */
static void clear_top(struct lift *l)
{
    const size_t fsw = offsetof(struct cpu, fpu.fsw);
    struct irv v = ir_op2(l->ir, IR_AND, ir_lds(l->ir, fsw, 2), ir_const(0xffff & ~(u32)FSW_TOP));

    ir_sts(l->ir, fsw, 2, v);
}

static bool enter_mmx(struct lift *l)
{
    if (l->mode & MODE_NOFPU) {
        ir_call(l->ir, HELPER_mmx_unavailable, IR_NONE, IR_NONE, IR_NONE, IR_NONE);
        lift_exit_loop(l);
        return false;
    }
    if (l->mmx_ready)
        return true;
    ir_x87_home(l->ir);
    if (l->mode & MODE_X87_SOFT)
        ir_call(l->ir, HELPER_wait, IR_NONE, IR_NONE, IR_NONE, IR_NONE);
    else if (l->mode & MODE_X87_MF)
        ir_x87_check(l->ir);
    return true;
}

static bool enter(struct lift *l, const struct insn *in)
{
    return (!uses_xmm(in) || enter_sse(l)) && (!uses_mmx(in) || enter_mmx(l));
}

static void set_tags(struct lift *l, u32 empty)
{
    ir_sts(l->ir, offsetof(struct cpu, fpu.empty), 1, ir_const(empty));
}

static void leave_mmx(struct lift *l)
{
    if (!l->mmx_ready) {
        clear_top(l);
        set_tags(l, 0);
    }
    l->mmx_ready = true;
}

/* MMX register n has been written. */
static void leave_mmx_written(struct lift *l, unsigned n)
{
    size_t reg = offsetof(struct cpu, fpu.st) + n * sizeof(struct f80);

    leave_mmx(l);
    ir_sts(l->ir, reg + offsetof(struct f80, se), 2, ir_const(0xffff));
}

/* -- memory -- */

/* The memory operand's linear address. Aligned 16-byte operands raise #GP(0) and not #AC, unaligned
 * ones nothing at all, as Intel's processors do. */
static struct irv address(struct lift *l, const struct insn *in, unsigned size, bool write)
{
    u32 mode = l->mode;
    struct irv la;

    if (size == 16)
        l->mode &= ~(u32)MODE_ALIGN;
    la = lift_linear(l, in->seg, lift_ea(l, in), size, write);
    l->mode = mode;
    return la;
}

static void load(struct lift *l, const struct insn *in, unsigned size, bool aligned, size_t to)
{
    ir_ldv(l->ir, to, address(l, in, size, false), size);
    if (aligned)
        ir_aligned(l->ir);
}

static void store(struct lift *l, const struct insn *in, unsigned size, bool aligned, size_t from)
{
    ir_stv(l->ir, address(l, in, size, true), from, size);
    if (aligned)
        ir_aligned(l->ir);
}

/* -- operations -- */

static void operate(struct lift *l, enum vec_op op, size_t dst, size_t src, u32 imm)
{
    if ((vec_op_info[op].attr & VA_FP) && (l->mode & MODE_SSE_XM))
        ir_call(l->ir, HELPER_vec_trap, ir_const(op), ir_const((u32)dst), ir_const((u32)src),
                ir_const(imm));
    else
        ir_vec(l->ir, op, dst, src, imm);
}

/* Lane i of size bytes of the XMM register at reg, modulo the number of lanes. */
static size_t lane(size_t reg, unsigned size, u32 i)
{
    i &= 16 / size - 1;
    switch (size) {
    case 1: return vec_b(reg, i);
    case 2: return vec_w(reg, i);
    case 4: return vec_d(reg, i);
    default: return vec_q(reg, i);
    }
}

/* Offset of source operand n in struct cpu; one in memory or in a general register goes to the
 * scratch. */
static size_t source(struct lift *l, const struct insn *in, unsigned n)
{
    static const u8 sizes[] = {[OP_Qq] = 8, [OP_Qd] = 4, [OP_Wx] = 16, [OP_Wq] = 8, [OP_Wd] = 4};
    unsigned kind = l->row->op[n];

    if (kind == OP_Ey) {
        unsigned size = opnd_size(l, in, n);
        size_t at = lane(SCRATCH, size, 0);
        ir_sts(l->ir, at, size, opnd_read(l, in, n));
        return at;
    }
    if (insn_mod(in) != 3 && kind == OP_Ww) {
        ir_sts(l->ir, vec_d(SCRATCH, 0), 4, ir_ld(l->ir, IR_LD, address(l, in, 2, false), 0, 2));
        return SCRATCH;
    }
    if (insn_mod(in) != 3) {
        load(l, in, sizes[kind], kind == OP_Wx, sizes[kind] == 4 ? vec_d(SCRATCH, 0) : SCRATCH);
        return SCRATCH;
    }
    return is_xmm(kind) ? xmm_rm(in) : mmx_rm(in);
}

void sem_vec(struct lift *l, const struct insn *in)
{
    enum vec_op op = find_op(in);
    unsigned shape = vec_op_info[op].shape;
    bool group = l->row->reg >= 0; /* destination ModRM.rm, no source */
    unsigned size = shape == VS_RX || shape == VS_RM ? 4 : shape == VS_QX ? 8 : 0;
    bool mmx = shape == VS_M || shape == VS_MX;
    unsigned mm = group ? insn_rm3(in) : insn_reg3(in);
    size_t dst = mmx ? mmx_offset(mm) : group ? xmm_rm(in) : xmm_reg(in), src;

    if (!enter(l, in))
        return;
    if (size)
        dst = size == 8 ? RESULT8 : RESULT;
    src = group ? dst : source(l, in, 1);
    if (uses_mmx(in))
        leave_mmx(l);
    operate(l, op, dst, src, in->imm & 0xff);
    if (mmx)
        leave_mmx_written(l, mm);
    if (size)
        lift_set_gpr(l, insn_reg(in), size, ir_lds(l->ir, dst, size));
    else if (shape == VS_F)
        ir_flags(l->ir, FK_EFLAGS, 4, IR_NONE, ir_lds(l->ir, offsetof(struct cpu, scratch[0]), 4),
                 IR_NONE);
}

/* -- moves of XMM registers -- */

/* A whole register, either way. */
static void move(struct lift *l, const struct insn *in, bool aligned)
{
    bool to_reg = l->row->op[0] == OP_Vx;
    size_t reg = xmm_reg(in), rm = xmm_rm(in);

    if (!enter_sse(l))
        return;
    if (insn_mod(in) == 3)
        ir_vec(l->ir, VEC_OP_movdqa, to_reg ? reg : rm, to_reg ? rm : reg, 0);
    else if (to_reg)
        load(l, in, 16, aligned, reg);
    else
        store(l, in, 16, aligned, reg);
}

void sem_vec_mova(struct lift *l, const struct insn *in)
{
    move(l, in, true);
}

void sem_vec_movu(struct lift *l, const struct insn *in)
{
    move(l, in, false);
}

/* MOVSS and MOVSD: from memory they clear the rest of the register, from a register they keep it.
 */
void sem_vec_movs(struct lift *l, const struct insn *in)
{
    bool to_reg = l->row->op[0] == OP_Vx, single = l->row->mand == MP_F3;
    unsigned size = single ? 4 : 8;
    size_t reg = xmm_reg(in), rm = xmm_rm(in);
    size_t scratch = single ? vec_d(SCRATCH, 0) : SCRATCH;

    if (!enter_sse(l))
        return;
    if (insn_mod(in) == 3) {
        ir_vec(l->ir, single ? VEC_OP_movss : VEC_OP_movsd, to_reg ? reg : rm, to_reg ? rm : reg,
               0);
    } else if (to_reg) {
        load(l, in, size, false, scratch);
        ir_vec(l->ir, single ? VEC_OP_movd : VEC_OP_movq, reg, scratch, 0);
    } else {
        store(l, in, size, false, single ? vec_d(reg, 0) : reg);
    }
}

/* MOVLPS, MOVLPD (12, 13) and MOVHPS, MOVHPD (16, 17): one half, the other stays. */
void sem_vec_movlh(struct lift *l, const struct insn *in)
{
    bool high = in->opcode & 4;
    size_t reg = xmm_reg(in);

    if (!enter_sse(l))
        return;
    if (l->row->op[0] == OP_Vx) {
        load(l, in, 8, false, SCRATCH);
        ir_vec(l->ir, high ? VEC_OP_movlhps : VEC_OP_movsd, reg, SCRATCH, 0);
    } else {
        store(l, in, 8, false, vec_q(reg, high));
    }
}

void sem_vec_movd_store(struct lift *l, const struct insn *in)
{
    unsigned size = opnd_size(l, in, 0);

    if (enter_sse(l))
        opnd_write(l, in, 0, ir_lds(l->ir, lane(xmm_reg(in), size, 0), size));
}

void sem_vec_movq_store(struct lift *l, const struct insn *in)
{
    size_t reg = xmm_reg(in);

    if (!enter_sse(l))
        return;
    if (insn_mod(in) == 3)
        ir_vec(l->ir, VEC_OP_movq, xmm_rm(in), reg, 0);
    else
        store(l, in, 8, false, reg);
}

/* -- moves of MMX registers -- */

static void copy_dword(struct lift *l, size_t to, size_t from)
{
    ir_sts(l->ir, to, 4, ir_lds(l->ir, from, 4));
}

/* MOVQ, either way, and MOVNTQ */
void sem_mmx_movq(struct lift *l, const struct insn *in)
{
    bool to_reg = l->row->op[0] == OP_Pq;
    unsigned reg = insn_reg3(in), rm = insn_rm3(in);
    unsigned to = to_reg ? reg : rm, from = to_reg ? rm : reg;

    if (!enter_mmx(l))
        return;
    if (insn_mod(in) == 3) {
        copy_dword(l, mmx_offset(to), mmx_offset(from));
        copy_dword(l, mmx_offset(to) + 4, mmx_offset(from) + 4);
        leave_mmx_written(l, to);
    } else if (to_reg) {
        load(l, in, 8, false, mmx_offset(to));
        leave_mmx_written(l, to);
    } else {
        clear_top(l);
        store(l, in, 8, false, mmx_offset(from));
        leave_mmx(l);
    }
}

/* MOVD, either way, and MOVQ of a general register */
void sem_mmx_movd(struct lift *l, const struct insn *in)
{
    bool to_reg = l->row->op[0] == OP_Pq;
    unsigned size = opnd_size(l, in, to_reg ? 1 : 0);
    size_t at = size == 8 ? mmx_reg(in) : vec_d(mmx_reg(in), 0);

    if (!enter_mmx(l))
        return;
    if (to_reg) {
        ir_sts(l->ir, at, size, opnd_read(l, in, 1));
        if (size == 4)
            ir_sts(l->ir, vec_d(mmx_reg(in), 1), 4, ir_const(0));
        leave_mmx_written(l, insn_reg3(in));
    } else {
        clear_top(l);
        opnd_write(l, in, 0, ir_lds(l->ir, at, size));
        leave_mmx(l);
    }
}

void sem_emms(struct lift *l, const struct insn *in)
{
    (void)in;
    if (!enter_mmx(l))
        return;
    clear_top(l);
    set_tags(l, 0xff);
    l->mmx_ready = false;
}

/* -- words in and out, masked stores -- */

void sem_vec_pinsrw(struct lift *l, const struct insn *in)
{
    bool mmx = uses_mmx(in);

    if (!enter(l, in))
        return;
    ir_sts(l->ir, mmx ? vec_w(mmx_reg(in), in->imm & 3) : vec_w(xmm_reg(in), in->imm & 7), 2,
           opnd_read(l, in, 1));
    if (mmx)
        leave_mmx_written(l, insn_reg3(in));
}

void sem_vec_pextrw(struct lift *l, const struct insn *in)
{
    bool mmx = uses_mmx(in);
    size_t from = mmx ? vec_w(mmx_rm(in), in->imm & 3) : vec_w(xmm_rm(in), in->imm & 7);

    if (!enter(l, in))
        return;
    lift_set_gpr(l, insn_reg(in), 4, ir_lds(l->ir, from, 2));
    if (mmx)
        leave_mmx(l);
}

/* PEXTRB, PEXTRW, PEXTRD or PEXTRQ, EXTRACTPS: opcodes 14 to 17 */
void sem_vec_pextr(struct lift *l, const struct insn *in)
{
    unsigned size = in->opcode == 0x14 ? 1 : in->opcode == 0x15 ? 2 : opnd_size(l, in, 0);

    if (enter_sse(l))
        opnd_write(l, in, 0, ir_lds(l->ir, lane(xmm_reg(in), size, in->imm), size));
}

/* PINSRB, PINSRD and PINSRQ */
void sem_vec_pinsr(struct lift *l, const struct insn *in)
{
    unsigned size = in->opcode == 0x20 ? 1 : opnd_size(l, in, 1);

    if (enter_sse(l))
        ir_sts(l->ir, lane(xmm_reg(in), size, in->imm), size, opnd_read(l, in, 1));
}

/* In memory there is one element to choose. */
void sem_vec_insertps(struct lift *l, const struct insn *in)
{
    if (enter_sse(l))
        operate(l, VEC_OP_insertps, xmm_reg(in), source(l, in, 1),
                in->imm & (insn_mod(in) == 3 ? 0xff : 0x3f));
}

/* The explicit length in register reg, signed: from -16 to 16 if it has 64 bits, since what is
 * beyond that does not count. */
static struct irv string_length(struct lift *l, const struct insn *in, unsigned reg)
{
    struct irv n = ir_reg(reg);

    if (in->opsize != 8)
        return n;
    n = ir_sel(l->ir, IRC_GTS, n, ir_const(16), ir_const(16), n);
    return ir_sel(l->ir, IRC_LTS, n, ir_const(-16u), ir_const(-16u), n);
}

/* PCMPESTRM, PCMPESTRI, PCMPISTRM, PCMPISTRI. Operands in memory need no alignment. */
void sem_vec_pcmpstr(struct lift *l, const struct insn *in)
{
    enum vec_op op = find_op(in);
    const struct vec_op_info *info = &vec_op_info[op];
    size_t src = xmm_rm(in), scratch = offsetof(struct cpu, scratch);

    if (!enter_sse(l))
        return;
    if (insn_mod(in) != 3) {
        load(l, in, 16, false, SCRATCH);
        src = SCRATCH;
    }
    if (info->attr & VA_LEN) {
        ir_sts(l->ir, scratch + 8, 4, string_length(l, in, EAX));
        ir_sts(l->ir, scratch + 12, 4, string_length(l, in, EDX));
    }
    ir_vec(l->ir, op, xmm_reg(in), src, in->imm & 0xff);
    ir_flags(l->ir, FK_EFLAGS, 4, IR_NONE, ir_lds(l->ir, scratch, 4), IR_NONE);
    if (info->shape == VS_SI)
        lift_set_gpr(l, ECX, 4, ir_lds(l->ir, RESULT, 4));
}

/* RDI, EDI or DI, as an address. */
static struct irv edi_offset(struct lift *l, const struct insn *in)
{
    if (in->addrsize == 2)
        return ir_op1(l->ir, IR_EXT16U, ir_reg(EDI));
    return in->addrsize == 4 && lift_code64(l) ? lift_zext(l, ir_reg(EDI)) : ir_reg(EDI);
}

/* MASKMOVQ and MASKMOVDQU, to [EDI] */
void sem_vec_maskmov(struct lift *l, const struct insn *in)
{
    bool mmx = uses_mmx(in), wide = lift_code64(l);
    size_t data = mmx ? mmx_reg(in) : xmm_reg(in), mask = mmx ? mmx_rm(in) : xmm_rm(in);
    struct irv off = edi_offset(l, in), la;
    u32 mode = l->mode, n = mmx ? 8 : 16;

    if (!enter(l, in))
        return;
    if (mmx)
        leave_mmx(l);
    l->mode &= ~(u32)MODE_ALIGN;
    la = lift_linear(l, in->seg, off, n, true);
    l->mode = mode;
    if (mode & MODE_ALIGN)
        ir_call(l->ir, wide ? HELPER_align_check64 : HELPER_align_check, la, ir_const(8), IR_NONE,
                IR_NONE);
    ir_call(l->ir, wide ? HELPER_maskmov64 : HELPER_maskmov, la, ir_const((u32)data),
            ir_const((u32)mask), ir_const(n));
}

/* -- control and state -- */

void sem_ldmxcsr(struct lift *l, const struct insn *in)
{
    struct irv changed;

    if (!enter_sse(l))
        return;
    changed = ir_call(l->ir, HELPER_ldmxcsr, opnd_read(l, in, 0), IR_NONE, IR_NONE, IR_NONE);
    if (!(l->mode & MODE_EDGE))
        ir_xif(l->ir, IRC_EQ, changed, ir_const(0), l->next);
    lift_exit_next(l);
}

void sem_stmxcsr(struct lift *l, const struct insn *in)
{
    if (enter_sse(l))
        opnd_write(l, in, 0, ir_lds(l->ir, offsetof(struct cpu, mxcsr), 4));
}

/* In 64-bit code the helper gets the linear address, and whether pointers have 64 bits. */
static bool fx(struct lift *l, const struct insn *in, enum helper helper, enum helper helper64,
               bool write)
{
    u32 mode = l->mode;
    struct irv at;

    if (mode & MODE_NOFPU) {
        lift_raise(l, VEC_NM, false, RULE_simd_ts);
        return false;
    }
    at = lift_ea(l, in);
    if (!lift_code64(l)) {
        ir_call(l->ir, helper, ir_const(in->seg), at, IR_NONE, IR_NONE);
        return true;
    }
    l->mode &= ~(u32)MODE_ALIGN;
    at = lift_linear(l, in->seg, at, 16, write);
    l->mode = mode;
    ir_call(l->ir, helper64, at, ir_const(in->opsize == 8), IR_NONE, IR_NONE);
    return true;
}

void sem_fxsave(struct lift *l, const struct insn *in)
{
    fx(l, in, HELPER_fxsave, HELPER_fxsave64, true);
}

void sem_fxrstor(struct lift *l, const struct insn *in)
{
    /* the mode word may have changed */
    if (fx(l, in, HELPER_fxrstor, HELPER_fxrstor64, false))
        lift_exit_next(l);
}

/* Memory is strongly ordered here. */
void sem_fence(struct lift *l, const struct insn *in)
{
    (void)l;
    (void)in;
}

/* There is no cache; the access checks are those of a load (SDM 2, CLFLUSH). */
/* As a load, but for an execute-only code segment, which it may name (SDM 2, CLFLUSH). */
void sem_clflush(struct lift *l, const struct insn *in)
{
    if (in->seg != SEG_CS || !(l->mode & MODE_PROT)) {
        opnd_read(l, in, 0);
        return;
    }
    struct irv off = lift_ea(l, in);
    size_t base = offsetof(struct cpu, seg[SEG_CS].base);

    ir_segchk_eip(l->ir, off);
    ir_ld(l->ir, IR_LD, ir_op2(l->ir, IR_ADD, off, ir_lds(l->ir, base, 4)), 0, 1);
}
