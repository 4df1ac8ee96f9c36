/* The interpreter proper: executes icode. Operation by operation it does what jit/ir.def says;
 * helpers are called through libffi. Before anything that may leave, struct cpu is exact:
 * registers and flags always live there, and every INSN sets insn_off and insn_left. */
#include "jit/interp/icode.h"

#include "base/check.h"
#include "base/bytes.h"
#include "cpu/help_x87.h"
#include "cpu/helpers.h"
#include "cpu/mem.h"
#include "cpu/vec.h"
#include "cpu/window.h"
#include "jit/ir_eval.h"

#include <string.h>

struct frame {
    struct cpu *cpu;
    const struct icode *code;
    u64 *bank[OPERAND_BANKS];
    u32 limit; /* instructions to run */
    u32 begun; /* instructions begun */
    u64 temps[IR_MAX_TEMPS + 1];
};

static inline u64 get(const struct frame *f, u16 operand)
{
    return f->bank[operand >> OPERAND_BANK_SHIFT][operand & OPERAND_INDEX];
}

static inline void set(struct frame *f, u16 operand, u64 value)
{
    f->bank[operand >> OPERAND_BANK_SHIFT][operand & OPERAND_INDEX] = value;
}

/* -- guest memory -- */

/* Host address of size plain bytes at la, if the TLB grants the access and they lie in one page. */
static inline u8 *fast_ptr(const struct frame *f, laddr la, unsigned size, enum priv priv,
                           enum access acc)
{
    u64 entry = tlb_addend(&f->cpu->tlb, la, priv, acc);
    if (!(entry & TLB_VALID) || (la & PAGE_MASK) > PAGE_SIZE - size)
        return NULL;
    return (u8 *)(uintptr_t)(la + entry - TLB_VALID);
}

/* The operation, wide or not. */
static inline enum ir_op op_of(const struct iop *o)
{
    return (enum ir_op)(o->op & ~IOP_WIDE);
}

static u64 slow_load(struct frame *f, const struct iop *o, laddr la)
{
    if (o->cc & 1) { /* supervisor access: no helper of its own, it is rare */
        if (op_of(o) == IR_LDRMW)
            mem_probe_write(f->cpu, la, o->size, false);
        return mem_read(f->cpu, la, o->size, false);
    }
    return op_of(o) == IR_LDRMW ? mem_slow_read_rmw(f->cpu, la, o->size)
                                : mem_slow_read(f->cpu, la, o->size);
}

/* Of the block, unless the operation says that it is the system's. */
static inline enum priv access_priv(const struct frame *f, const struct iop *o)
{
    return o->cc & 1 ? PRIV_SUPER : (enum priv)f->code->priv;
}

static inline u32 offset_in_seg(const struct frame *f, const struct iop *o)
{
    u32 off = (u32)get(f, o->a) + o->imm;
    return o->cc & IR_WRAP16 ? off & 0xffff : off;
}

static u32 load_in_seg(struct frame *f, const struct iop *o)
{
    enum seg seg = (enum seg)ir_seg_of(o->cc);
    u32 off = offset_in_seg(f, o);
    bool rmw = o->op == IR_LDRMW;
    const u8 *p = window_host(f->cpu, seg, off, o->size, rmw);
    if (p)
        return (u32)load_le(p, o->size);
    return rmw ? window_slow_read_rmw(f->cpu, off, o->size, seg)
               : window_slow_read(f->cpu, off, o->size, seg);
}

static void store_in_seg(struct frame *f, const struct iop *o)
{
    enum seg seg = (enum seg)ir_seg_of(o->cc);
    u32 off = offset_in_seg(f, o), v = (u32)get(f, o->b);
    u8 *p = window_host(f->cpu, seg, off, o->size, true);
    if (p)
        store_le(p, o->size, v);
    else
        window_slow_write(f->cpu, off, o->size, seg, v);
}

/* Of an operation whose address has 64 bits. */
static inline laddr address(const struct frame *f, const struct iop *o)
{
    if (o->op & IOP_WIDE)
        return get(f, o->a) + (u64)(s64)(s32)o->imm;
    return (u32)get(f, o->a) + o->imm;
}

static inline u64 load(struct frame *f, const struct iop *o)
{
    if (ir_seg_of(o->cc) >= 0)
        return load_in_seg(f, o);
    laddr la = address(f, o);
    enum access acc = op_of(o) == IR_LDRMW ? ACCESS_WRITE : ACCESS_READ;
    enum priv priv = access_priv(f, o);
    const u8 *p = fast_ptr(f, la, o->size, priv, acc);
    return p ? load_le(p, o->size) : slow_load(f, o, la);
}

static inline void store(struct frame *f, const struct iop *o)
{
    if (ir_seg_of(o->cc) >= 0) {
        store_in_seg(f, o);
        return;
    }
    laddr la = address(f, o);
    u64 v = get(f, o->b);
    enum priv priv = access_priv(f, o);
    u8 *p = fast_ptr(f, la, o->size, priv, ACCESS_WRITE);
    if (p)
        store_le(p, o->size, v);
    else if (o->cc & 1)
        mem_write(f->cpu, la, o->size, v, false);
    else
        mem_slow_write(f->cpu, la, o->size, v);
}

/* Between guest byte order and that of the fields of struct cpu: units of at most 8 bytes. */
static void copy_units(void *dst, const void *src, unsigned size)
{
    memcpy(dst, src, size);
    if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) {
        unsigned unit = size < 8 ? size : 8;
        u8 *p = dst;
        for (unsigned i = 0; i < size; i++)
            p[i] = ((const u8 *)src)[i / unit * unit + unit - 1 - i % unit];
    }
}

static void load_vector(struct frame *f, const struct iop *o)
{
    laddr la = get(f, o->a);
    enum priv priv = access_priv(f, o);
    u8 buf[16];
    if (o->cc & 2)
        mem_check_align16(f->cpu, la);
    const u8 *p = fast_ptr(f, la, o->size, priv, ACCESS_READ);
    if (!p) {
        if (o->cc & 1)
            mem_read_block(f->cpu, la, buf, o->size, false);
        else
            mem_slow_read_block(f->cpu, la, buf, o->size);
        p = buf;
    }
    copy_units((u8 *)f->cpu + o->imm, p, o->size);
}

static void store_vector(struct frame *f, const struct iop *o)
{
    laddr la = get(f, o->a);
    enum priv priv = access_priv(f, o);
    u8 buf[16];
    if (o->cc & 2)
        mem_check_align16(f->cpu, la);
    u8 *p = fast_ptr(f, la, o->size, priv, ACCESS_WRITE);
    copy_units(p ? p : buf, (const u8 *)f->cpu + o->imm, o->size);
    if (!p && (o->cc & 1))
        mem_write_block(f->cpu, la, buf, o->size, false);
    else if (!p)
        mem_slow_write_block(f->cpu, la, buf, o->size);
}

static void check_segment(struct frame *f, const struct iop *o)
{
    const struct segment *s = &f->cpu->seg[o->imm];
    u64 a = get(f, o->a);
    u32 off = (u32)a;
    if (o->cc == 2) {
        if (cpu_is_code64(f->cpu) ? !laddr_is_canonical(a) : off > s->limit)
            seg_check_eip(f->cpu, a);
    } else if ((s64)off + o->size - 1 > (o->cc ? s->limit_w : s->limit_r)) {
        seg_linear(f->cpu, (enum seg)o->imm, off, o->size, o->cc ? ACCESS_WRITE : ACCESS_READ);
    }
}

/* -- the CPU's fields, flags, calls -- */

static u64 load_field(const struct cpu *cpu, u32 offset, unsigned size)
{
    const u8 *p = (const u8 *)cpu + offset;
    u16 v16;
    u32 v32;
    u64 v64;
    switch (size) {
    case 1: return *p;
    case 2: memcpy(&v16, p, 2); return v16;
    case 4: memcpy(&v32, p, 4); return v32;
    default: memcpy(&v64, p, 8); return v64;
    }
}

static void store_field(struct cpu *cpu, u32 offset, unsigned size, u64 v)
{
    u8 *p = (u8 *)cpu + offset;
    u8 v8 = (u8)v;
    u16 v16 = (u16)v;
    u32 v32 = (u32)v;
    switch (size) {
    case 1: memcpy(p, &v8, 1); break;
    case 2: memcpy(p, &v16, 2); break;
    case 4: memcpy(p, &v32, 4); break;
    default: memcpy(p, &v, 8); break;
    }
}

static inline void set_flags(struct frame *f, const struct iop *o, u32 op)
{
    f->cpu->cc_op = op;
    f->cpu->cc_dst = get(f, o->a);
    f->cpu->cc_src = get(f, o->b);
    f->cpu->cc_aux = get(f, o->c);
}

/* CF and OF become bits of values; which of them is in d. */
static void set_flag_bits(struct frame *f, const struct iop *o)
{
    struct cpu *cpu = f->cpu;
    u32 op = cpu->cc_op;
    if (o->d & FLAG_OP_CF) {
        cpu->cc_cf = get(f, o->a);
        op &= ~((u32)FLAG_OP_BIT << FLAG_OP_CF_BIT);
        op |= FLAG_OP_CF | (u32)o->cc << FLAG_OP_CF_BIT;
    }
    if (o->d & FLAG_OP_OF) {
        cpu->cc_of = get(f, o->b);
        op &= ~((u32)FLAG_OP_BIT << FLAG_OP_OF_BIT);
        op |= FLAG_OP_OF | (u32)o->size << FLAG_OP_OF_BIT;
    }
    cpu->cc_op = op;
}

static inline u32 condition(const struct frame *f, const struct iop *o)
{
    return flags_cond(cpu_arith_flags(f->cpu), o->cc);
}

static void call(struct frame *f, struct ffi_calls *ffi, const struct iop *o)
{
    u64 args[FFI_CALL_ARGS] = {get(f, o->a), get(f, o->b), get(f, o->c), get(f, o->e)};
    set(f, o->d, ffi_call_helper(ffi, &helper_info[o->imm], f->cpu, args));
}

static void x87(struct frame *f, const struct iop *o)
{
    bool if_clear = x87_desc_opcode(o->imm) & 1; /* FCMOVNcc */
    bool bits = ((u32)get(f, o->a) != 0) != if_clear;
    set(f, o->d, help_x87_reg(f->cpu, o->imm, bits ? FLAG_CF | FLAG_ZF | FLAG_PF : 0));
}

static void x87_mem(struct frame *f, const struct iop *o)
{
    bool own = o->b != NO_OPERAND;
    u64 off = own ? get(f, o->b) : get(f, o->a) + (u64)(s64)(s32)o->imm;
    help_x87_mem64(f->cpu, get(f, o->c), f->cpu->mode & MODE_CODE64 ? off : (u32)off);
}

/* -- boundaries and leaving -- */

/* EIP at that offset of the page. */
static inline u64 page_eip(const struct cpu *cpu, u32 page_off)
{
    return (cpu->eip_page + (u64)(s64)(s32)page_off) & cpu->eip_mask;
}

/* Leaves with `retired` instructions done. */
static void leave(struct frame *f, u32 retired)
{
    f->cpu->budget += (s64)f->limit - retired;
    f->cpu->insn_left = 0;
}

/* Begins the instruction of o; false: stop before it. */
static inline bool begin_insn(struct frame *f, const struct iop *o)
{
    struct cpu *cpu = f->cpu;
    if (f->begun == f->limit || cpu->io_done) {
        cpu->eip = page_eip(cpu, o->imm);
        leave(f, f->begun);
        return false;
    }
    cpu->insn_off = o->imm;
    cpu->insn_left = f->limit - f->begun++;
    return true;
}

static enum icode_end leave_direct(struct frame *f, const struct iop *o, u8 *exit)
{
    f->cpu->eip = page_eip(f->cpu, o->imm);
    *exit = o->exit;
    leave(f, f->begun);
    return ICODE_DIRECT;
}

static enum icode_end leave_to(struct frame *f, u64 eip, enum icode_end how)
{
    f->cpu->eip = eip;
    leave(f, f->begun);
    return how;
}

/* Each in two forms, of which one is wide. */
#define EVAL1(OP)                                                                                  \
    case IR_##OP: set(&f, o->d, ir_eval1(IR_##OP, false, get(&f, o->a))); break;                   \
    case IR_##OP | IOP_WIDE:                                                                       \
        set(&f, o->d, ir_eval1(IR_##OP, true, get(&f, o->a)));                                     \
        break
#define EVAL2(OP)                                                                                  \
    case IR_##OP: set(&f, o->d, ir_eval2(IR_##OP, false, get(&f, o->a), get(&f, o->b))); break;    \
    case IR_##OP | IOP_WIDE:                                                                       \
        set(&f, o->d, ir_eval2(IR_##OP, true, get(&f, o->a), get(&f, o->b)));                      \
        break
/* These may be partial. */
#define EVAL1_SIZED(OP)                                                                            \
    case IR_##OP: sized1(&f, o, IR_##OP, false); break;                                            \
    case IR_##OP | IOP_WIDE:                                                                       \
        sized1(&f, o, IR_##OP, true);                                                              \
        break
#define EVAL2_SIZED(OP)                                                                            \
    case IR_##OP: sized2(&f, o, IR_##OP, false); break;                                            \
    case IR_##OP | IOP_WIDE:                                                                       \
        sized2(&f, o, IR_##OP, true);                                                              \
        break
#define BOTH(OP)                                                                                   \
    case IR_##OP:                                                                                  \
    case IR_##OP | IOP_WIDE

IR_INLINE void sized1(struct frame *f, const struct iop *o, enum ir_op op, bool wide)
{
    u64 a = ir_cut(wide, get(f, o->a));
    set(f, o->d, ir_eval_sized(o->size, a, ir_eval1(op, wide, a)));
}

IR_INLINE void sized2(struct frame *f, const struct iop *o, enum ir_op op, bool wide)
{
    u64 a = ir_cut(wide, get(f, o->a));
    set(f, o->d, ir_eval_sized(o->size, a, ir_eval2(op, wide, a, get(f, o->b))));
}

static u64 load_signed(struct frame *f, const struct iop *o)
{
    u64 v = load(f, o);
    v = (u64)(o->size == 1 ? (s8)v : o->size == 2 ? (s16)v : (s64)(s32)v);
    return ir_cut(o->cc & IR_SX64, v);
}

static void multiply(struct frame *f, const struct iop *o)
{
    u64 hi;
    u64 lo = ir_eval_mul2(op_of(o), o->op & IOP_WIDE, get(f, o->a), get(f, o->b), &hi);
    set(f, o->d, lo);
    set(f, o->d2, hi);
}

static inline bool compare(const struct frame *f, const struct iop *o)
{
    return ir_eval_cond(o->cc, o->op & IOP_WIDE, get(f, o->a), get(f, o->b));
}

/* The value that a SEL, SELCC takes. */
static inline void choose(struct frame *f, const struct iop *o, u16 operand)
{
    set(f, o->d, ir_cut(o->op & IOP_WIDE, get(f, operand)));
}

static inline bool count_is_zero(const struct frame *f, const struct iop *o)
{
    return !(get(f, o->e) & ir_count_mask(o->op & IOP_WIDE));
}

enum icode_end icode_run(struct cpu *cpu, struct ffi_calls *ffi, const struct icode *c, u32 limit,
                         u8 *exit)
{
    struct frame f;
    f.cpu = cpu;
    f.code = c;
    f.bank[IRV_REG - 1] = cpu->gpr;
    f.bank[IRV_TEMP - 1] = f.temps;
    f.bank[IRV_CONST - 1] = c->consts;
    f.limit = limit < c->ninsns ? limit : c->ninsns;
    f.begun = 0;

    for (const struct iop *o = c->ops;; o++) {
        switch (o->op) {
            EVAL1(MOV);
            EVAL1_SIZED(NOT);
            EVAL1_SIZED(NEG);
            EVAL1(EXT8U);
            EVAL1(EXT8S);
            EVAL1(EXT16U);
            EVAL1(EXT16S);
            EVAL1(EXT32S);
            EVAL1(EXTH8);
            EVAL1(BSWAP);
            EVAL1(CTZ);
            EVAL1(BSR);
            EVAL2_SIZED(ADD);
            EVAL2_SIZED(SUB);
            EVAL2_SIZED(AND);
            EVAL2_SIZED(OR);
            EVAL2_SIZED(XOR);
            EVAL2(SHL);
            EVAL2(SHR);
            EVAL2(SAR);
            EVAL2(ROL);
            EVAL2(ROR);
            EVAL2(MUL);
            EVAL2(DEP8);
            EVAL2(DEPH8);
            EVAL2(DEP16);
            BOTH(UMUL2) : BOTH(SMUL2) : multiply(&f, o);
            break;
        case IR_CONST64 | IOP_WIDE: set(&f, o->d, (u64)o->imm << 32 | (u32)get(&f, o->a)); break;
        case IR_LEA:
            set(&f, o->d, (u32)(get(&f, o->a) + (get(&f, o->b) << o->size) + o->imm));
            break;
        case IR_LEA | IOP_WIDE:
            set(&f, o->d, get(&f, o->a) + (get(&f, o->b) << o->size) + (u64)(s64)(s32)o->imm);
            break;
            BOTH(SETC) : set(&f, o->d, compare(&f, o));
            break;
            BOTH(SEL) : choose(&f, o, compare(&f, o) ? o->c : o->e);
            break;
            BOTH(PCREL) : set(&f, o->d, page_eip(cpu, o->imm));
            break;
            BOTH(LDS) : set(&f, o->d, load_field(cpu, o->imm, o->size));
            break;
            BOTH(STS) : store_field(cpu, o->imm, o->size, get(&f, o->a));
            break;
            BOTH(LD) : BOTH(LDRMW) : set(&f, o->d, load(&f, o));
            break;
            BOTH(LDSX) : set(&f, o->d, load_signed(&f, o));
            break;
            BOTH(ST) : store(&f, o);
            break;
            BOTH(LDV) : load_vector(&f, o);
            break;
            BOTH(STV) : store_vector(&f, o);
            break;
            BOTH(SEGCHK) : check_segment(&f, o);
            break;
            BOTH(ALONE) : if (compare(&f, o)) cpu_alone(cpu);
            break;
            BOTH(FLAGS) : set_flags(&f, o, o->imm);
            break;
            BOTH(FLAGSIF) : if (count_is_zero(&f, o)) return leave_direct(&f, o, exit);
            set_flags(&f, o, FLAG_OP(o->cc, (u32)__builtin_ctz(o->size)));
            break;
            BOTH(FLAGBITS) : set_flag_bits(&f, o);
            break;
            BOTH(FLAGBITSIF) : if (count_is_zero(&f, o)) return leave_direct(&f, o, exit);
            set_flag_bits(&f, o);
            break;
            BOTH(GETCC) : set(&f, o->d, condition(&f, o));
            break;
            BOTH(SELCC) : choose(&f, o, condition(&f, o) ? o->a : o->b);
            break;
            BOTH(GETFL) : set(&f, o->d, cpu_arith_flags(cpu));
            break;
            BOTH(VEC)
                : vec_exec(cpu, (enum vec_op)(o->cc | o->size << 8), o->imm, (u32)get(&f, o->a),
                           (u32)get(&f, o->b));
            break;
            BOTH(X87CHK) : help_wait(cpu);
            break;
            BOTH(X87) : x87(&f, o);
            break;
            BOTH(X87M) : x87_mem(&f, o);
            break;
            BOTH(X87HOME) : break;
            BOTH(CALL) : call(&f, ffi, o);
            break;
            BOTH(INSN) : if (!begin_insn(&f, o)) return ICODE_STOP;
            break;
            BOTH(XCC) : if (condition(&f, o)) return leave_direct(&f, o, exit);
            break;
            BOTH(XIF) : if (compare(&f, o)) return leave_direct(&f, o, exit);
            break;
            BOTH(XJMP) : return leave_direct(&f, o, exit);
            BOTH(XIND) : return leave_to(&f, get(&f, o->a), ICODE_IND);
            BOTH(XNEXT) : return leave_to(&f, page_eip(cpu, o->imm), ICODE_NEXT);
            BOTH(XLOOP) : return leave_to(&f, cpu->eip, ICODE_LOOP);
        default: CHECK(false, "bad IR operation");
        }
    }
}
