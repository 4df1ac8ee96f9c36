/* The interpreter proper: executes icode. Operation by operation it does what jit/ir.def says;
 * helpers are called through libffi. Before anything that may leave, struct cpu is exact:
 * registers and flags always live there, and every INSN sets insn_off and insn_left. */
#include "jit/interp/icode.h"

#include "base/check.h"
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
    u32 *bank[OPERAND_BANKS];
    u32 limit; /* instructions to run */
    u32 begun; /* instructions begun */
    u32 temps[IR_MAX_TEMPS + 1];
};

static inline u32 get(const struct frame *f, u16 operand)
{
    return f->bank[operand >> OPERAND_BANK_SHIFT][operand & OPERAND_INDEX];
}

static inline void set(struct frame *f, u16 operand, u32 value)
{
    f->bank[operand >> OPERAND_BANK_SHIFT][operand & OPERAND_INDEX] = value;
}

/* -- guest memory -- */

/* Host address of size plain bytes at la, if the TLB grants the access and they lie in one page. */
static inline u8 *fast_ptr(const struct frame *f, laddr la, unsigned size, enum priv priv,
                           enum access acc)
{
    u64 entry = f->cpu->tlb.e[priv][acc][la >> PAGE_BITS].addend;
    if (!(entry & TLB_VALID) || (la & PAGE_MASK) > PAGE_SIZE - size)
        return NULL;
    return (u8 *)(uintptr_t)(la + entry - TLB_VALID);
}

static inline u32 host_load(const u8 *p, unsigned size)
{
    if (size == 4) {
        u32 v;
        memcpy(&v, p, 4);
        return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap32(v) : v;
    }
    return size == 1 ? p[0] : p[0] | (u32)p[1] << 8;
}

static inline void host_store(u8 *p, unsigned size, u32 v)
{
    if (size == 4) {
        v = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap32(v) : v;
        memcpy(p, &v, 4);
        return;
    }
    p[0] = (u8)v;
    if (size == 2)
        p[1] = (u8)(v >> 8);
}

static u32 slow_load(struct frame *f, const struct iop *o, laddr la)
{
    if (o->cc & 1) { /* supervisor access: no helper of its own, it is rare */
        if (o->op == IR_LDRMW)
            mem_probe_write(f->cpu, la, o->size, false);
        return (u32)mem_read(f->cpu, la, o->size, false);
    }
    return o->op == IR_LDRMW ? mem_slow_read_rmw(f->cpu, la, o->size)
                             : mem_slow_read(f->cpu, la, o->size);
}

/* Of the block, unless the operation says that it is the system's. */
static inline enum priv access_priv(const struct frame *f, const struct iop *o)
{
    return o->cc & 1 ? PRIV_SUPER : (enum priv)f->code->priv;
}

static inline u32 offset_in_seg(const struct frame *f, const struct iop *o)
{
    u32 off = get(f, o->a) + o->imm;
    return o->cc & IR_WRAP16 ? off & 0xffff : off;
}

static u32 load_in_seg(struct frame *f, const struct iop *o)
{
    enum seg seg = (enum seg)ir_seg_of(o->cc);
    u32 off = offset_in_seg(f, o);
    bool rmw = o->op == IR_LDRMW;
    const u8 *p = window_host(f->cpu, seg, off, o->size, rmw);
    if (p)
        return host_load(p, o->size);
    return rmw ? window_slow_read_rmw(f->cpu, off, o->size, seg)
               : window_slow_read(f->cpu, off, o->size, seg);
}

static void store_in_seg(struct frame *f, const struct iop *o)
{
    enum seg seg = (enum seg)ir_seg_of(o->cc);
    u32 off = offset_in_seg(f, o), v = get(f, o->b);
    u8 *p = window_host(f->cpu, seg, off, o->size, true);
    if (p)
        host_store(p, o->size, v);
    else
        window_slow_write(f->cpu, off, o->size, seg, v);
}

static inline u32 load(struct frame *f, const struct iop *o)
{
    if (ir_seg_of(o->cc) >= 0)
        return load_in_seg(f, o);
    laddr la = get(f, o->a) + o->imm;
    enum access acc = o->op == IR_LDRMW ? ACCESS_WRITE : ACCESS_READ;
    enum priv priv = access_priv(f, o);
    const u8 *p = fast_ptr(f, la, o->size, priv, acc);
    return p ? host_load(p, o->size) : slow_load(f, o, la);
}

static inline void store(struct frame *f, const struct iop *o)
{
    if (ir_seg_of(o->cc) >= 0) {
        store_in_seg(f, o);
        return;
    }
    laddr la = get(f, o->a) + o->imm;
    u32 v = get(f, o->b);
    enum priv priv = access_priv(f, o);
    u8 *p = fast_ptr(f, la, o->size, priv, ACCESS_WRITE);
    if (p)
        host_store(p, o->size, v);
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
    u32 off = get(f, o->a);
    if (o->cc == 2) {
        if (off > s->limit)
            seg_check_eip(f->cpu, off);
    } else if ((s64)off + o->size - 1 > (o->cc ? s->limit_w : s->limit_r)) {
        seg_linear(f->cpu, (enum seg)o->imm, off, o->size, o->cc ? ACCESS_WRITE : ACCESS_READ);
    }
}

/* -- the CPU's fields, flags, calls -- */

static u32 load_field(const struct cpu *cpu, u32 offset, unsigned size)
{
    const u8 *p = (const u8 *)cpu + offset;
    u16 v16;
    u32 v32;
    switch (size) {
    case 1: return *p;
    case 2: memcpy(&v16, p, 2); return v16;
    default: memcpy(&v32, p, 4); return v32;
    }
}

static void store_field(struct cpu *cpu, u32 offset, unsigned size, u32 v)
{
    u8 *p = (u8 *)cpu + offset;
    u8 v8 = (u8)v;
    u16 v16 = (u16)v;
    memcpy(p, size == 1 ? (void *)&v8 : size == 2 ? (void *)&v16 : (void *)&v, size);
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
        op &= ~(31u << FLAG_OP_CF_BIT);
        op |= FLAG_OP_CF | (u32)o->cc << FLAG_OP_CF_BIT;
    }
    if (o->d & FLAG_OP_OF) {
        cpu->cc_of = get(f, o->b);
        op &= ~(31u << FLAG_OP_OF_BIT);
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
    u32 args[FFI_CALL_ARGS] = {get(f, o->a), get(f, o->b), get(f, o->c), get(f, o->e)};
    set(f, o->d, ffi_call_helper(ffi, &helper_info[o->imm], f->cpu, args));
}

static void x87(struct frame *f, const struct iop *o)
{
    bool if_clear = x87_desc_opcode(o->imm) & 1; /* FCMOVNcc */
    bool bits = (get(f, o->a) != 0) != if_clear;
    set(f, o->d, help_x87_reg(f->cpu, o->imm, bits ? FLAG_CF | FLAG_ZF | FLAG_PF : 0));
}

static void x87_mem(struct frame *f, const struct iop *o)
{
    u32 off = o->b == NO_OPERAND ? get(f, o->a) + o->imm : get(f, o->b);
    help_x87_mem(f->cpu, get(f, o->c), off);
}

/* -- boundaries and leaving -- */

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
        cpu->eip = cpu->eip_page + o->imm;
        leave(f, f->begun);
        return false;
    }
    cpu->insn_off = o->imm;
    cpu->insn_left = f->limit - f->begun++;
    return true;
}

static enum icode_end leave_direct(struct frame *f, const struct iop *o, u8 *exit)
{
    f->cpu->eip = f->cpu->eip_page + o->imm;
    *exit = o->exit;
    leave(f, f->begun);
    return ICODE_DIRECT;
}

static enum icode_end leave_to(struct frame *f, u32 eip, enum icode_end how)
{
    f->cpu->eip = eip;
    leave(f, f->begun);
    return how;
}

#define EVAL1(OP)                                                                                  \
    case IR_##OP: set(&f, o->d, ir_eval1(IR_##OP, get(&f, o->a))); break
/* These may be partial. */
#define EVAL1_SIZED(OP)                                                                            \
    case IR_##OP:                                                                                  \
        v = get(&f, o->a);                                                                         \
        set(&f, o->d, ir_eval_sized(o->size, v, ir_eval1(IR_##OP, v)));                            \
        break
#define EVAL2_SIZED(OP)                                                                            \
    case IR_##OP:                                                                                  \
        v = get(&f, o->a);                                                                         \
        set(&f, o->d, ir_eval_sized(o->size, v, ir_eval2(IR_##OP, v, get(&f, o->b))));             \
        break
#define EVAL2(OP)                                                                                  \
    case IR_##OP: set(&f, o->d, ir_eval2(IR_##OP, get(&f, o->a), get(&f, o->b))); break

enum icode_end icode_run(struct cpu *cpu, struct ffi_calls *ffi, const struct icode *c, u32 limit,
                         u8 *exit)
{
    struct frame f;
    u32 lo, hi, v;
    f.cpu = cpu;
    f.code = c;
    f.bank[IRV_REG - 1] = cpu->gpr;
    f.bank[IRV_TEMP - 1] = f.temps;
    f.bank[IRV_CONST - 1] = c->consts;
    f.limit = limit < c->ninsns ? limit : c->ninsns;
    f.begun = 0;

    for (const struct iop *o = c->ops;; o++) {
        switch ((enum ir_op)o->op) {
            EVAL1(MOV);
            EVAL1_SIZED(NOT);
            EVAL1_SIZED(NEG);
            EVAL1(EXT8U);
            EVAL1(EXT8S);
            EVAL1(EXT16U);
            EVAL1(EXT16S);
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
        case IR_UMUL2:
        case IR_SMUL2:
            lo = ir_eval_mul2((enum ir_op)o->op, get(&f, o->a), get(&f, o->b), &hi);
            set(&f, o->d, lo);
            set(&f, o->d2, hi);
            break;
        case IR_LEA: set(&f, o->d, get(&f, o->a) + (get(&f, o->b) << o->size) + o->imm); break;
        case IR_SETC: set(&f, o->d, ir_eval_cond(o->cc, get(&f, o->a), get(&f, o->b))); break;
        case IR_SEL:
            v = ir_eval_cond(o->cc, get(&f, o->a), get(&f, o->b));
            set(&f, o->d, get(&f, v ? o->c : o->e));
            break;
        case IR_PCREL: set(&f, o->d, cpu->eip_page + o->imm); break;
        case IR_LDS: set(&f, o->d, load_field(cpu, o->imm, o->size)); break;
        case IR_STS: store_field(cpu, o->imm, o->size, get(&f, o->a)); break;
        case IR_LD:
        case IR_LDRMW: set(&f, o->d, load(&f, o)); break;
        case IR_LDSX:
            v = load(&f, o);
            set(&f, o->d, ir_eval1(o->size == 1 ? IR_EXT8S : IR_EXT16S, v));
            break;
        case IR_ST: store(&f, o); break;
        case IR_LDV: load_vector(&f, o); break;
        case IR_STV: store_vector(&f, o); break;
        case IR_SEGCHK: check_segment(&f, o); break;
        case IR_ALONE:
            if (ir_eval_cond(o->cc, get(&f, o->a), get(&f, o->b)))
                cpu_alone(cpu);
            break;
        case IR_FLAGS: set_flags(&f, o, o->imm); break;
        case IR_FLAGSIF:
            if (!(get(&f, o->e) & 31))
                return leave_direct(&f, o, exit);
            set_flags(&f, o, FLAG_OP(o->cc, (u32)__builtin_ctz(o->size)));
            break;
        case IR_FLAGBITS: set_flag_bits(&f, o); break;
        case IR_FLAGBITSIF:
            if (!(get(&f, o->e) & 31))
                return leave_direct(&f, o, exit);
            set_flag_bits(&f, o);
            break;
        case IR_GETCC: set(&f, o->d, condition(&f, o)); break;
        case IR_SELCC: set(&f, o->d, get(&f, condition(&f, o) ? o->a : o->b)); break;
        case IR_GETFL: set(&f, o->d, cpu_arith_flags(cpu)); break;
        case IR_VEC:
            vec_exec(cpu, (enum vec_op)(o->cc | o->size << 8), o->imm, get(&f, o->a),
                     get(&f, o->b));
            break;
        case IR_X87CHK: help_wait(cpu); break;
        case IR_X87: x87(&f, o); break;
        case IR_X87M: x87_mem(&f, o); break;
        case IR_X87HOME: break;
        case IR_CALL: call(&f, ffi, o); break;
        case IR_INSN:
            if (!begin_insn(&f, o))
                return ICODE_STOP;
            break;
        case IR_XCC:
            if (condition(&f, o))
                return leave_direct(&f, o, exit);
            break;
        case IR_XIF:
            if (ir_eval_cond(o->cc, get(&f, o->a), get(&f, o->b)))
                return leave_direct(&f, o, exit);
            break;
        case IR_XJMP: return leave_direct(&f, o, exit);
        case IR_XIND: return leave_to(&f, get(&f, o->a), ICODE_IND);
        case IR_XNEXT: return leave_to(&f, cpu->eip_page + o->imm, ICODE_NEXT);
        case IR_XLOOP: return leave_to(&f, cpu->eip, ICODE_LOOP);
        case IR_OP_COUNT: CHECK(false, "bad IR operation");
        }
    }
}
