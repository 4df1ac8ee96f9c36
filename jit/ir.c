/* Building IR: one function for each shape of operation, folding what is constant at once.
 * Overflow is sticky and harmless: further ops land in the last slot and the translator retries
 * with a shorter block. */
#include "jit/ir.h"

#include "base/check.h"
#include "cpu/state.h"
#include "jit/ir_eval.h"

const struct ir_op_info ir_op_info[IR_OP_COUNT] = {
#define P                                IRF_P
#define F                                IRF_F
#define FR                               IRF_FR
#define FW                               IRF_FW
#define X                                IRF_X
#define IR(name, text, outs, ins, flags) [IR_##name] = {text, outs, ins, flags},
#include "jit/ir.def"
#undef IR
#undef P
#undef F
#undef FR
#undef FW
#undef X
};

void ir_begin(struct ir *ir, u32 mode)
{
    ir->mode = mode;
    ir->ninsns = 0;
    ir->nops = 0;
    ir->ntemps = 0;
    ir->wide = false;
    ir->overflow = false;
}

struct ir_insn *ir_emit(struct ir *ir, enum ir_op op)
{
    struct ir_insn *i;
    if (ir->nops == IR_MAX_OPS) {
        ir->overflow = true;
        i = &ir->ops[IR_MAX_OPS - 1];
    } else {
        i = &ir->ops[ir->nops++];
    }
    *i = (struct ir_insn){.op = (u8)op, .wide = ir->wide};
    return i;
}

struct irv ir_temp(struct ir *ir)
{
    if (ir->ntemps == IR_MAX_TEMPS) {
        ir->overflow = true;
        return (struct irv){IR_MAX_TEMPS - 1, IRV_TEMP};
    }
    return (struct irv){ir->ntemps++, IRV_TEMP};
}

/* Are addresses of 64 bits? */
static bool is_code64(const struct ir *ir)
{
    return ir->mode & MODE_CODE64;
}

/* Emits op with a fresh temporary as output. */
static struct ir_insn *emit_out(struct ir *ir, enum ir_op op)
{
    struct irv d = ir_temp(ir);
    struct ir_insn *i = ir_emit(ir, op);
    i->d = d;
    return i;
}

/* x as it is now: registers are copied. */
static struct irv value_of(struct ir *ir, struct irv x)
{
    return irv_is(x, IRV_REG) ? ir_copy(ir, x) : x;
}

/* The value of a constant operand of what is emitted now. */
static u64 value(const struct ir *ir, struct irv x)
{
    return ir->wide ? (u64)(s64)(s32)x.v : x.v;
}

/* Is v a constant to what is emitted now? */
static bool fits(const struct ir *ir, u64 v)
{
    return !ir->wide || v == (u64)(s64)(s32)v;
}

struct irv ir_const64(struct ir *ir, u64 v)
{
    if (fits(ir, v))
        return ir_const((u32)v);
    struct ir_insn *i = emit_out(ir, IR_CONST64);
    i->imm = (u32)(v >> 32);
    i->a = ir_const((u32)v);
    return i->d;
}

struct irv ir_op1(struct ir *ir, enum ir_op op, struct irv a)
{
    if (irv_is(a, IRV_CONST))
        return ir_const64(ir, ir_eval1(op, ir->wide, value(ir, a)));
    struct ir_insn *i = emit_out(ir, op);
    i->a = a;
    return i->d;
}

struct irv ir_op2(struct ir *ir, enum ir_op op, struct irv a, struct irv b)
{
    if (irv_is(a, IRV_CONST) && irv_is(b, IRV_CONST))
        return ir_const64(ir, ir_eval2(op, ir->wide, value(ir, a), value(ir, b)));
    struct ir_insn *i = emit_out(ir, op);
    i->a = a;
    i->b = b;
    return i->d;
}

struct irv ir_lea(struct ir *ir, struct irv a, struct irv b, unsigned shift, u32 disp)
{
    if (irv_is(b, IRV_CONST)) {
        u64 sum = (u64)(s64)(s32)disp + (value(ir, b) << shift);
        if (!fits(ir, sum)) {
            b = ir_const64(ir, sum);
            disp = shift = 0;
        } else {
            disp = (u32)sum;
            b = IR_NONE;
        }
    }
    if (irv_is(a, IRV_CONST) && irv_is(b, IRV_NONE))
        return ir_const64(ir, ir_cut(ir->wide, value(ir, a) + (u64)(s64)(s32)disp));
    if (irv_is(a, IRV_CONST) && shift == 0 && fits(ir, value(ir, a) + (u64)(s64)(s32)disp)) {
        disp += a.v;
        a = b;
        b = IR_NONE;
    }
    if (irv_is(b, IRV_NONE) && disp == 0)
        return value_of(ir, a);
    struct ir_insn *i = emit_out(ir, IR_LEA);
    i->a = a;
    i->b = b;
    i->size = irv_is(b, IRV_NONE) ? 0 : (u8)shift;
    i->imm = disp;
    return i->d;
}

void ir_mul2(struct ir *ir, enum ir_op op, struct irv a, struct irv b, struct irv *lo,
             struct irv *hi)
{
    if (irv_is(a, IRV_CONST) && irv_is(b, IRV_CONST)) {
        u64 h;
        *lo = ir_const64(ir, ir_eval_mul2(op, ir->wide, value(ir, a), value(ir, b), &h));
        *hi = ir_const64(ir, h);
        return;
    }
    *hi = ir_temp(ir);
    struct ir_insn *i = emit_out(ir, op);
    i->a = a;
    i->b = b;
    i->d2 = *hi;
    *lo = i->d;
}

struct irv ir_setc(struct ir *ir, enum ir_cond cond, struct irv a, struct irv b)
{
    if (irv_is(a, IRV_CONST) && irv_is(b, IRV_CONST))
        return ir_const(ir_eval_cond(cond, ir->wide, value(ir, a), value(ir, b)));
    struct ir_insn *i = emit_out(ir, IR_SETC);
    i->cc = (u8)cond;
    i->a = a;
    i->b = b;
    return i->d;
}

struct irv ir_sel(struct ir *ir, enum ir_cond cond, struct irv a, struct irv b, struct irv x,
                  struct irv y)
{
    if (irv_is(a, IRV_CONST) && irv_is(b, IRV_CONST))
        return value_of(ir, ir_eval_cond(cond, ir->wide, value(ir, a), value(ir, b)) ? x : y);
    struct ir_insn *i = emit_out(ir, IR_SEL);
    i->cc = (u8)cond;
    i->a = a;
    i->b = b;
    i->c = x;
    i->e = y;
    return i->d;
}

struct irv ir_copy(struct ir *ir, struct irv a)
{
    if (!irv_is(a, IRV_REG))
        return a;
    struct ir_insn *i = emit_out(ir, IR_MOV);
    i->a = a;
    return i->d;
}

void ir_set_reg(struct ir *ir, unsigned gpr, struct irv a)
{
    struct ir_insn *i = ir_emit(ir, IR_MOV);
    i->d = ir_reg(gpr);
    i->a = a;
}

struct irv ir_pcrel(struct ir *ir, s32 page_off)
{
    struct ir_insn *i = emit_out(ir, IR_PCREL);
    i->wide = is_code64(ir);
    i->imm = (u32)page_off;
    return i->d;
}

struct irv ir_lds(struct ir *ir, size_t offset, unsigned size)
{
    struct ir_insn *i = emit_out(ir, IR_LDS);
    i->wide = size == 8;
    i->imm = (u32)offset;
    i->size = (u8)size;
    return i->d;
}

void ir_sts(struct ir *ir, size_t offset, unsigned size, struct irv a)
{
    struct ir_insn *i = ir_emit(ir, IR_STS);
    i->wide = size == 8;
    i->imm = (u32)offset;
    i->size = (u8)size;
    i->a = a;
}

struct irv ir_ld(struct ir *ir, enum ir_op op, struct irv addr, u32 disp, unsigned size)
{
    struct ir_insn *i = emit_out(ir, op);
    i->wide = is_code64(ir);
    i->a = addr;
    i->imm = disp;
    i->size = (u8)size;
    return i->d;
}

void ir_st(struct ir *ir, struct irv addr, u32 disp, unsigned size, struct irv v)
{
    struct ir_insn *i = ir_emit(ir, IR_ST);
    i->wide = is_code64(ir);
    i->a = addr;
    i->b = v;
    i->imm = disp;
    i->size = (u8)size;
}

void ir_in_seg(struct ir *ir, unsigned seg)
{
    struct ir_insn *i = &ir->ops[ir->nops - 1];
    if (!ir->overflow)
        i->cc |= (u8)IR_IN_SEG(seg);
}

void ir_sx64(struct ir *ir)
{
    struct ir_insn *i = &ir->ops[ir->nops - 1];
    if (!ir->overflow)
        i->cc |= IR_SX64;
}

void ir_ldv(struct ir *ir, size_t offset, struct irv addr, unsigned size)
{
    struct ir_insn *i = ir_emit(ir, IR_LDV);
    i->wide = is_code64(ir);
    i->a = addr;
    i->imm = (u32)offset;
    i->size = (u8)size;
}

void ir_stv(struct ir *ir, struct irv addr, size_t offset, unsigned size)
{
    struct ir_insn *i = ir_emit(ir, IR_STV);
    i->wide = is_code64(ir);
    i->a = addr;
    i->imm = (u32)offset;
    i->size = (u8)size;
}

void ir_aligned(struct ir *ir)
{
    struct ir_insn *i = &ir->ops[ir->nops - 1];
    if (ir->overflow)
        return;
    CHECK((i->op == IR_LDV || i->op == IR_STV) && i->size == 16, "nothing to be aligned");
    i->cc |= 2;
}

void ir_segchk(struct ir *ir, unsigned seg, struct irv off, unsigned size, bool write)
{
    struct ir_insn *i = ir_emit(ir, IR_SEGCHK);
    i->wide = is_code64(ir);
    i->a = off;
    i->imm = seg;
    i->size = (u8)size;
    i->cc = write;
}

void ir_segchk_eip(struct ir *ir, struct irv eip)
{
    ir_segchk(ir, SEG_CS, eip, 1, false);
    ir->ops[ir->nops - 1].cc = 2;
}

void ir_alone(struct ir *ir, enum ir_cond cond, struct irv a, struct irv b)
{
    struct ir_insn *i = ir_emit(ir, IR_ALONE);
    i->cc = (u8)cond;
    i->a = a;
    i->b = b;
}

void ir_flags(struct ir *ir, unsigned kind, unsigned size, struct irv dst, struct irv src,
              struct irv aux)
{
    struct ir_insn *i = ir_emit(ir, IR_FLAGS);
    i->cc = (u8)kind;
    i->size = size ? (u8)size : 4; /* FK_EFLAGS has none */
    i->wide = size == 8;
    i->a = dst;
    i->b = src;
    i->c = aux;
}

/* Does op, to be done if the count is not 0, need a test of it? Else *always is what happens. */
static bool is_conditional(const struct ir *ir, struct irv count, bool *always)
{
    *always = irv_is(count, IRV_CONST) && (count.v & ir_count_mask(ir->wide));
    return !irv_is(count, IRV_CONST);
}

void ir_flags_if(struct ir *ir, struct irv count, s32 next, unsigned kind, unsigned size,
                 struct irv dst, struct irv src)
{
    bool always, test = is_conditional(ir, count, &always);
    if (!test && !always)
        return;
    ir_flags(ir, kind, size, dst, src, IR_NONE);
    if (test && !ir->overflow) {
        struct ir_insn *i = &ir->ops[ir->nops - 1];
        i->op = IR_FLAGSIF;
        i->e = count;
        i->imm = (u32)next;
    }
}

void ir_flag_bits(struct ir *ir, struct irv cf, unsigned cf_bit, struct irv of, unsigned of_bit)
{
    struct ir_insn *i = ir_emit(ir, IR_FLAGBITS);
    i->a = cf;
    i->b = of;
    i->cc = (u8)cf_bit;
    i->size = (u8)of_bit;
}

void ir_flag_bits_if(struct ir *ir, struct irv count, s32 next, struct irv cf, unsigned cf_bit,
                     struct irv of, unsigned of_bit)
{
    bool always, test = is_conditional(ir, count, &always);
    if (!test && !always)
        return;
    ir_flag_bits(ir, cf, cf_bit, of, of_bit);
    if (test && !ir->overflow) {
        struct ir_insn *i = &ir->ops[ir->nops - 1];
        i->op = IR_FLAGBITSIF;
        i->e = count;
        i->imm = (u32)next;
    }
}

struct irv ir_getcc(struct ir *ir, unsigned cc)
{
    struct ir_insn *i = emit_out(ir, IR_GETCC);
    i->wide = false;
    i->cc = (u8)cc;
    return i->d;
}

struct irv ir_selcc(struct ir *ir, unsigned cc, struct irv x, struct irv y)
{
    struct ir_insn *i = emit_out(ir, IR_SELCC);
    i->cc = (u8)cc;
    i->a = x;
    i->b = y;
    return i->d;
}

struct irv ir_getfl(struct ir *ir)
{
    struct ir_insn *i = emit_out(ir, IR_GETFL);
    i->wide = false;
    return i->d;
}

struct irv ir_call(struct ir *ir, enum helper h, struct irv a, struct irv b, struct irv c,
                   struct irv e)
{
    struct irv d = helper_info[h].returns ? ir_temp(ir) : IR_NONE;
    struct ir_insn *i = ir_emit(ir, IR_CALL);
    i->wide = helper_info[h].wide;
    i->imm = (u32)h;
    i->d = d;
    i->a = a;
    i->b = b;
    i->c = c;
    i->e = e;
    return d;
}

void ir_vec(struct ir *ir, unsigned vec_op, size_t dst_off, size_t src_off, unsigned imm8)
{
    struct ir_insn *i = ir_emit(ir, IR_VEC);
    i->cc = (u8)vec_op;
    i->size = (u8)(vec_op >> 8);
    i->imm = (u32)dst_off;
    i->a = ir_const((u32)src_off);
    i->b = ir_const(imm8);
}

struct irv ir_x87(struct ir *ir, u32 desc, struct irv taken, bool result)
{
    struct ir_insn *i = result ? emit_out(ir, IR_X87) : ir_emit(ir, IR_X87);
    i->imm = desc;
    i->a = taken;
    return i->d;
}

void ir_x87_mem(struct ir *ir, u32 desc, struct irv addr, struct irv offset, unsigned size)
{
    struct ir_insn *i = ir_emit(ir, IR_X87M);
    i->wide = is_code64(ir);
    i->a = addr;
    i->b = offset;
    i->c = ir_const(desc);
    i->size = (u8)size;
}

void ir_x87_check(struct ir *ir)
{
    ir_emit(ir, IR_X87CHK);
}

void ir_x87_home(struct ir *ir)
{
    ir_emit(ir, IR_X87HOME);
}

void ir_insn_begin(struct ir *ir, u32 page_off, unsigned len)
{
    struct ir_insn *i = ir_emit(ir, IR_INSN);
    i->imm = page_off;
    i->size = (u8)len;
    ir->ninsns++;
}

static void emit_exit(struct ir *ir, enum ir_op op, s32 page_off)
{
    struct ir_insn *i = ir_emit(ir, op);
    i->imm = (u32)page_off;
}

void ir_xcc(struct ir *ir, unsigned cc, s32 page_off)
{
    struct ir_insn *i = ir_emit(ir, IR_XCC);
    i->cc = (u8)cc;
    i->imm = (u32)page_off;
}

void ir_xif(struct ir *ir, enum ir_cond cond, struct irv a, struct irv b, s32 page_off)
{
    struct ir_insn *i = ir_emit(ir, IR_XIF);
    i->cc = (u8)cond;
    i->a = a;
    i->b = b;
    i->imm = (u32)page_off;
}

void ir_xjmp(struct ir *ir, s32 page_off)
{
    emit_exit(ir, IR_XJMP, page_off);
}

void ir_xind(struct ir *ir, struct irv eip)
{
    struct ir_insn *i = ir_emit(ir, IR_XIND);
    i->wide = is_code64(ir);
    i->a = eip;
}

void ir_xnext(struct ir *ir, s32 page_off)
{
    emit_exit(ir, IR_XNEXT, page_off);
}

void ir_xloop(struct ir *ir)
{
    ir_emit(ir, IR_XLOOP);
}
