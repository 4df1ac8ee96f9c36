/* Semantics of the x87 instructions, and the table that finds them.
 *
 * Each function works through struct x87_exec: operands from the stack or mem[], exceptions gathered
 * in x->c. x87_run() wraps it: pointers before, status word after. A function that meets an unmasked
 * pre-computation exception (fp_blocked()) leaves stack and destination as they were. C1 is x->c.c1:
 * clear unless rounding up, a stack overflow or the instruction itself sets it.
 * SDM vol. 1, chapter 8; vol. 2 for each instruction. */
#include "cpu/x87_ops.h"

#include <string.h>

#define ONE ((struct f80){.sig = F80_INT_BIT, .se = F80_BIAS})

static struct f80 *reg(struct x87_exec *x, unsigned i)
{
    return &x->fpu->st[(x87_top(x->fpu) + i) & 7];
}

static bool is_empty(const struct x87_exec *x, unsigned i)
{
    return x->fpu->empty >> ((x87_top(x->fpu) + i) & 7) & 1;
}

static unsigned rm(const struct x87_exec *x)
{
    return x->modrm & 7;
}

static unsigned kind(const struct x87_exec *x)
{
    return x->modrm >> 3 & 7;
}

static void set_empty(struct x87_exec *x, unsigned i)
{
    x->fpu->empty |= (u8)(1u << ((x87_top(x->fpu) + i) & 7));
}

static void put(struct x87_exec *x, unsigned i, struct f80 v)
{
    *reg(x, i) = v;
    x->fpu->empty &= (u8)~(1u << ((x87_top(x->fpu) + i) & 7));
}

static void pop(struct x87_exec *x, unsigned n)
{
    while (n--) {
        set_empty(x, 0);
        x87_set_top(x->fpu, x87_top(x->fpu) + 1);
    }
}

static void push(struct x87_exec *x, struct f80 v)
{
    x87_set_top(x->fpu, x87_top(x->fpu) - 1);
    put(x, 0, v);
}

static void set_cc(struct x87_exec *x, unsigned c3c2c0)
{
    x->fpu->fsw = (u16)((x->fpu->fsw & ~(FSW_C0 | FSW_C2 | FSW_C3)) | c3c2c0);
}

static void stack_fault(struct x87_exec *x, bool overflow)
{
    x->c.flags |= FP_IE;
    x->fpu->fsw = (u16)((x->fpu->fsw & ~FSW_C1) | FSW_SF);
    x->c.c1 = overflow;
}

/* True, with the fault raised, if ST(i) is empty. */
static bool underflow(struct x87_exec *x, unsigned i)
{
    if (!is_empty(x, i))
        return false;
    stack_fault(x, false);
    return true;
}

/* Raises an overflow if there is no room to push. */
static bool overflow(struct x87_exec *x)
{
    if (is_empty(x, 7))
        return false;
    stack_fault(x, true);
    return true;
}

static u16 mem16(const struct x87_exec *x)
{
    return (u16)(x->mem[0] | x->mem[1] << 8);
}

static u32 mem32(const struct x87_exec *x)
{
    return mem16(x) | (u32)x->mem[2] << 16 | (u32)x->mem[3] << 24;
}

static u64 mem64(const struct x87_exec *x)
{
    u64 hi = x->mem[4] | (u32)x->mem[5] << 8 | (u32)x->mem[6] << 16 | (u32)x->mem[7] << 24;
    return hi << 32 | mem32(x);
}

static void mem_put(struct x87_exec *x, u64 v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        x->mem[i] = (u8)(v >> 8 * i);
}

/* ---- loads ---- */

static void push_checked(struct x87_exec *x, struct f80 v)
{
    if (overflow(x))
        v = F80_INDEFINITE;
    if (!fp_blocked(&x->c))
        push(x, v);
}

/* FLD m32, m64: arg is the size. */
static void fld_real(struct x87_exec *x)
{
    bool denormal = x->arg == 4 ? f32_is_denormal(mem32(x)) : f64_is_denormal(mem64(x));
    struct f80 v = x->arg == 4 ? f80_from_f32(mem32(x)) : f80_from_f64(mem64(x));

    if (overflow(x))
        v = F80_INDEFINITE;
    else if (f80_class(v) == F80_SNAN)
        v = f80_nan1(&x->c, v);
    if (fp_blocked(&x->c))
        return;
    push(x, v);
    if (denormal && f80_class(v) == F80_NORMAL)
        x->c.flags |= FP_DE; /* not a reason to withhold the load, unmasked or not */
}

static void fld_m80(struct x87_exec *x)
{
    push_checked(x, (struct f80){.sig = mem64(x), .se = (u16)(x->mem[8] | x->mem[9] << 8)});
}

static void fild(struct x87_exec *x)
{
    s64 v = x->arg == 2 ? (s16)mem16(x) : x->arg == 4 ? (s32)mem32(x) : (s64)mem64(x);
    push_checked(x, f80_from_s64(v));
}

static void fbld(struct x87_exec *x)
{
    push_checked(x, f80_from_bcd(x->mem));
}

static void fld_sti(struct x87_exec *x)
{
    struct f80 v = *reg(x, rm(x));
    if (underflow(x, rm(x)) || overflow(x))
        v = F80_INDEFINITE;
    if (!fp_blocked(&x->c))
        push(x, v);
}

/* FLD1, FLDL2T, FLDL2E, FLDPI, FLDLG2, FLDLN2, FLDZ: rounded by RC, never inexact. */
static void fld_const(struct x87_exec *x)
{
    static const struct {
        struct f80 low; /* rounded towards zero */
        bool up;        /* nearest is one more */
        bool exact;
    } table[7] = {
        {{0x8000000000000000, 0x3fff}, false, true},
        {{0xd49a784bcd1b8afe, 0x4000}, false, false},
        {{0xb8aa3b295c17f0bb, 0x3fff}, true, false},
        {{0xc90fdaa22168c234, 0x4000}, true, false},
        {{0x9a209a84fbcff798, 0x3ffd}, true, false},
        {{0xb17217f7d1cf79ab, 0x3ffe}, true, false},
        {{0, 0}, false, true},
    };
    struct f80 v = table[rm(x)].low;
    if (!table[rm(x)].exact)
        v.sig += x->c.rc == FP_UP || (x->c.rc == FP_NEAREST && table[rm(x)].up);
    push_checked(x, v);
}

/* ---- stores ---- */

/* Ends a store to memory; arg's bit 7 asks for a pop. */
static void store_done(struct x87_exec *x)
{
    x->store = !fp_store_blocked(&x->c);
    if (x->store && (x->arg & 0x80))
        pop(x, 1);
}

static void fst_real(struct x87_exec *x)
{
    struct f80 v = underflow(x, 0) ? F80_INDEFINITE : *reg(x, 0);
    if ((x->arg & 0x7f) == 4)
        mem_put(x, f80_to_f32(&x->c, v), 4);
    else
        mem_put(x, f80_to_f64(&x->c, v), 8);
    store_done(x);
}

static void fst_m80(struct x87_exec *x)
{
    struct f80 v = underflow(x, 0) ? F80_INDEFINITE : *reg(x, 0);
    mem_put(x, v.sig, 8);
    x->mem[8] = (u8)v.se;
    x->mem[9] = (u8)(v.se >> 8);
    store_done(x);
}

static void fist(struct x87_exec *x)
{
    unsigned bytes = x->arg & 0x7f;
    struct f80 v = underflow(x, 0) ? F80_INDEFINITE : *reg(x, 0);
    mem_put(x, (u64)f80_to_int(&x->c, v, 8 * bytes), bytes);
    store_done(x);
}

static void fisttp(struct x87_exec *x)
{
    x->c.rc = FP_ZERO;
    fist(x);
}

static void fbstp(struct x87_exec *x)
{
    f80_to_bcd(&x->c, underflow(x, 0) ? F80_INDEFINITE : *reg(x, 0), x->mem);
    store_done(x);
}

/* FSTP1 (D9 D8+i, undocumented): an empty ST(0) is popped, without fault and without a store. */
static void fstp1(struct x87_exec *x)
{
    if (!is_empty(x, 0))
        put(x, rm(x), *reg(x, 0));
    pop(x, 1);
}

/* FST, FSTP ST(i): arg is the number of pops. */
static void fst_sti(struct x87_exec *x)
{
    struct f80 v = underflow(x, 0) ? F80_INDEFINITE : *reg(x, 0);
    if (fp_blocked(&x->c))
        return;
    put(x, rm(x), v);
    pop(x, x->arg);
}

/* ---- arithmetic ---- */

/* The basic operations by their number in the reg field of ModRM. */
static struct f80 compute(struct x87_exec *x, unsigned op, struct f80 st0, struct f80 src)
{
    switch (op) {
    case 0: return f80_add(&x->c, st0, src);
    case 1: return f80_mul(&x->c, st0, src);
    case 4: return f80_sub(&x->c, st0, src);
    case 5: return f80_sub(&x->c, src, st0);
    case 6: return f80_div(&x->c, st0, src);
    default: return f80_div(&x->c, src, st0);
    }
}

static void compare(struct x87_exec *x, struct f80 a, struct f80 b, bool quiet)
{
    set_cc(x, f80_compare(&x->c, a, b, quiet));
}

/* ST(0) op src, or a comparison; denormal: src was one before it was widened. */
static void arith_mem(struct x87_exec *x, struct f80 src, bool denormal)
{
    unsigned op = kind(x);
    bool is_compare = op == 2 || op == 3;
    if (underflow(x, 0)) {
        if (is_compare)
            set_cc(x, F80_UNORDERED);
        if (fp_blocked(&x->c))
            return;
        if (!is_compare)
            put(x, 0, F80_INDEFINITE);
        pop(x, op == 3);
        return;
    }
    struct f80 st0 = *reg(x, 0);
    enum f80_class k = f80_class(st0);
    bool div0 = op == 7 && k == F80_ZERO; /* ZE goes before DE */
    if (denormal && k > F80_QNAN && !div0)
        x->c.flags |= FP_DE;
    if (is_compare) {
        compare(x, st0, src, false);
        if (!fp_blocked(&x->c))
            pop(x, op == 3);
        return;
    }
    if (fp_blocked(&x->c))
        return;
    struct f80 r = compute(x, op, st0, src);
    if (!fp_blocked(&x->c))
        put(x, 0, r);
}

static void arith_m32(struct x87_exec *x)
{
    arith_mem(x, f80_from_f32(mem32(x)), f32_is_denormal(mem32(x)));
}

static void arith_m64(struct x87_exec *x)
{
    arith_mem(x, f80_from_f64(mem64(x)), f64_is_denormal(mem64(x)));
}

static void arith_int(struct x87_exec *x)
{
    arith_mem(x, f80_from_s64(x->arg == 2 ? (s16)mem16(x) : (s32)mem32(x)), false);
}

/* D8, DC, DE register forms: arg bit 0: the destination is ST(i); bit 1: pop. */
static void arith_reg(struct x87_exec *x)
{
    unsigned i = rm(x), dst = x->arg & 1 ? i : 0;
    struct f80 r = F80_INDEFINITE;

    if (is_empty(x, 0) || is_empty(x, i))
        stack_fault(x, false);
    else
        r = compute(x, kind(x), *reg(x, 0), *reg(x, i));
    if (fp_blocked(&x->c))
        return;
    put(x, dst, r);
    pop(x, x->arg >> 1);
}

/* FCOM, FUCOM families on ST(i): arg bits 1:0: pops; bit 2: quiet; bit 3: into EFLAGS. */
static void fcom_reg(struct x87_exec *x)
{
    unsigned cc = F80_UNORDERED, i = rm(x);
    if (is_empty(x, 0) || is_empty(x, i))
        stack_fault(x, false);
    else
        cc = f80_compare(&x->c, *reg(x, 0), *reg(x, i), x->arg & 4);
    if (x->arg & 8) /* C3, C2, C0 go to ZF, PF, CF; OF, SF, AF are cleared */
        x->eflags = (x->eflags & ~0x8d5u) | cc >> 8;
    else
        set_cc(x, cc);
    if (!fp_blocked(&x->c))
        pop(x, x->arg & 3);
}

static void ftst(struct x87_exec *x)
{
    if (underflow(x, 0))
        set_cc(x, F80_UNORDERED);
    else
        compare(x, *reg(x, 0), f80_make(false, 0, 0), false);
}

static void fxam(struct x87_exec *x)
{
    static const u16 cc[] = {
        [F80_UNSUPPORTED] = 0,      [F80_SNAN] = FSW_C0,
        [F80_QNAN] = FSW_C0,        [F80_INF] = FSW_C2 | FSW_C0,
        [F80_ZERO] = FSW_C3,        [F80_DENORMAL] = FSW_C3 | FSW_C2,
        [F80_NORMAL] = FSW_C2,
    };
    x->c.c1 = f80_sign(*reg(x, 0));
    set_cc(x, is_empty(x, 0) ? FSW_C3 | FSW_C0 : cc[f80_class(*reg(x, 0))]);
}

/* FCMOVcc: arg is the x86 condition number. */
static void fcmov(struct x87_exec *x)
{
    static const u16 test[4] = {0x01 /* B: CF */, 0x40 /* E: ZF */, 0x41 /* BE */, 0x04 /* U: PF */};
    bool taken = ((x->eflags & test[kind(x)]) == 0) == x->arg;
    struct f80 v = *reg(x, rm(x));

    if (is_empty(x, 0) || is_empty(x, rm(x))) {
        stack_fault(x, false);
        v = F80_INDEFINITE;
        taken = true;
    }
    if (taken && !fp_blocked(&x->c))
        put(x, 0, v);
}

/* ---- one operand ---- */

/* Applies fn to ST(0). */
static void unary(struct x87_exec *x, struct f80 (*fn)(struct fpctx *, struct f80))
{
    struct f80 r = underflow(x, 0) ? F80_INDEFINITE : fn(&x->c, *reg(x, 0));
    if (!fp_blocked(&x->c))
        put(x, 0, r);
}

static void fsqrt(struct x87_exec *x)
{
    unary(x, f80_sqrt);
}

static void frndint(struct x87_exec *x)
{
    unary(x, f80_rint);
}

static void f2xm1(struct x87_exec *x)
{
    unary(x, f80_2xm1);
}

/* FCHS, FABS: arg is the sign's new bit for FABS, a toggle for FCHS. */
static void fchs(struct x87_exec *x)
{
    struct f80 v = *reg(x, 0);
    v.se ^= 0x8000;
    if (underflow(x, 0))
        v = F80_INDEFINITE;
    if (!fp_blocked(&x->c))
        put(x, 0, v);
}

static void fabs_st0(struct x87_exec *x)
{
    struct f80 v = *reg(x, 0);
    v.se &= 0x7fff;
    if (underflow(x, 0))
        v = F80_INDEFINITE;
    if (!fp_blocked(&x->c))
        put(x, 0, v);
}

/* Replaces ST(0) by a and pushes b: FXTRACT, FPTAN, FSINCOS. */
static void replace_push(struct x87_exec *x, struct f80 a, struct f80 b)
{
    if (fp_blocked(&x->c))
        return;
    put(x, 0, a);
    push(x, b);
}

/* The stack check of those three; true if it failed, and then all is done. */
static bool replace_push_fault(struct x87_exec *x)
{
    if (!is_empty(x, 0) && is_empty(x, 7))
        return false;
    stack_fault(x, !is_empty(x, 0));
    replace_push(x, F80_INDEFINITE, F80_INDEFINITE);
    return true;
}

static void fxtract(struct x87_exec *x)
{
    if (replace_push_fault(x))
        return;
    struct f80 sig, exp = f80_xtract(&x->c, *reg(x, 0), &sig);
    replace_push(x, exp, sig);
}

static void fptan(struct x87_exec *x)
{
    if (replace_push_fault(x))
        return;
    struct f80 r, st0 = *reg(x, 0);
    bool done = f80_tan(&x->c, st0, &r);
    x->fpu->fsw &= (u16)~FSW_C2;
    if (!done)
        x->fpu->fsw |= FSW_C2;
    else
        replace_push(x, r, f80_class(r) <= F80_QNAN ? r : ONE);
}

static void fsincos(struct x87_exec *x)
{
    if (replace_push_fault(x))
        return;
    struct f80 s, c;
    bool done = f80_sincos(&x->c, *reg(x, 0), &s, &c);
    x->fpu->fsw &= (u16)~FSW_C2;
    if (!done)
        x->fpu->fsw |= FSW_C2;
    else
        replace_push(x, s, c);
}

/* FSIN, FCOS: arg selects the cosine. */
static void fsin(struct x87_exec *x)
{
    struct f80 r = F80_INDEFINITE;
    bool done = true;
    if (!underflow(x, 0)) {
        done = f80_sincos(&x->c, *reg(x, 0), x->arg ? NULL : &r, x->arg ? &r : NULL);
        x->fpu->fsw &= (u16)~FSW_C2;
    }
    if (!done)
        x->fpu->fsw |= FSW_C2;
    else if (!fp_blocked(&x->c))
        put(x, 0, r);
}

/* ---- ST(0) and ST(1) ---- */

static void fprem(struct x87_exec *x)
{
    struct f80 r = F80_INDEFINITE;
    x->fpu->fsw &= (u16)~FSW_C2;
    if (is_empty(x, 0) || is_empty(x, 1)) {
        stack_fault(x, false);
    } else {
        unsigned q;
        bool partial;
        r = f80_rem(&x->c, *reg(x, 0), *reg(x, 1), x->arg, &q, &partial);
        if (f80_class(r) > F80_QNAN && !fp_blocked(&x->c)) {
            set_cc(x, (q & 4 ? FSW_C0 : 0) | (q & 2 ? FSW_C3 : 0) | (partial ? FSW_C2 : 0));
            x->c.c1 = q & 1;
        }
    }
    if (!fp_blocked(&x->c))
        put(x, 0, r);
}

static void fscale(struct x87_exec *x)
{
    struct f80 r = F80_INDEFINITE;
    if (is_empty(x, 0) || is_empty(x, 1))
        stack_fault(x, false);
    else
        r = f80_scale(&x->c, *reg(x, 0), *reg(x, 1));
    if (!fp_blocked(&x->c))
        put(x, 0, r);
}

/* FYL2X, FYL2XP1, FPATAN: fn(ST(1), ST(0)) to ST(1), pop. */
static void binary_pop(struct x87_exec *x,
                       struct f80 (*fn)(struct fpctx *, struct f80, struct f80))
{
    struct f80 r = F80_INDEFINITE;
    if (is_empty(x, 0) || is_empty(x, 1))
        stack_fault(x, false);
    else
        r = fn(&x->c, *reg(x, 1), *reg(x, 0));
    if (fp_blocked(&x->c))
        return;
    put(x, 1, r);
    pop(x, 1);
}

static void fyl2x(struct x87_exec *x)
{
    binary_pop(x, f80_yl2x);
}

static void fyl2xp1(struct x87_exec *x)
{
    binary_pop(x, f80_yl2xp1);
}

static void fpatan(struct x87_exec *x)
{
    binary_pop(x, f80_patan);
}

/* ---- stack and control ---- */

static void fxch(struct x87_exec *x)
{
    struct f80 a = *reg(x, 0), b = *reg(x, rm(x));
    if (is_empty(x, 0)) {
        stack_fault(x, false);
        a = F80_INDEFINITE;
    }
    if (is_empty(x, rm(x))) {
        stack_fault(x, false);
        b = F80_INDEFINITE;
    }
    if (fp_blocked(&x->c))
        return;
    put(x, 0, b);
    put(x, rm(x), a);
}

/* FFREE, FFREEP: arg is the number of pops. */
static void ffree(struct x87_exec *x)
{
    set_empty(x, rm(x));
    pop(x, x->arg);
}

/* FINCSTP, FDECSTP: arg is added to TOP. */
static void fincstp(struct x87_exec *x)
{
    x87_set_top(x->fpu, x87_top(x->fpu) + x->arg);
}

static void fnop(struct x87_exec *x)
{
    (void)x;
}

static void fninit(struct x87_exec *x)
{
    x87_init(x->fpu);
}

static void fnclex(struct x87_exec *x)
{
    x->fpu->fsw &= (u16)~(FSW_EXCEPTIONS | FSW_SF | FSW_ES | FSW_B);
}

static void fldcw(struct x87_exec *x)
{
    x->fpu->fcw = (mem16(x) & FCW_WRITABLE) | FCW_RESERVED_ONE;
}

static void fnstcw(struct x87_exec *x)
{
    mem_put(x, x->fpu->fcw, 2);
}

static void fnstsw(struct x87_exec *x)
{
    x->ax = x->fpu->fsw;
    mem_put(x, x->fpu->fsw, 2);
}

/* ---- the table ---- */

#define POP 0x80
#define MEM(f, n, at, a)  {.fn = (f), .size = (n), .size16 = (n), .attr = (at), .arg = (a)}
#define LOAD(f, n)        MEM(f, n, X87_LOAD, n)
#define STORE(f, n, p)    MEM(f, n, X87_STORE, (n) | (p))
#define TTP(n)            MEM(fisttp, n, X87_STORE | X87_SSE3, (n) | POP)
#define ENV(f, a, n16, n) {.fn = (f), .size = (n), .size16 = (n16), .attr = (a) | X87_CONTROL}
#define REG(f, a)         {.fn = (f), .arg = (a)}
#define CTL(f, at)        {.fn = (f), .attr = (at) | X87_CONTROL}
#define ALL8(m)           {m, m, m, m, m, m, m, m}

static const struct x87_form mem_forms[8][8] = {
    ALL8(LOAD(arith_m32, 4)),
    {LOAD(fld_real, 4), {0}, STORE(fst_real, 4, 0), STORE(fst_real, 4, POP),
     ENV(x87_fldenv, X87_LOAD, 14, 28), ENV(fldcw, X87_LOAD, 2, 2),
     ENV(x87_fnstenv, X87_STORE | X87_NOWAIT, 14, 28), ENV(fnstcw, X87_STORE | X87_NOWAIT, 2, 2)},
    ALL8(LOAD(arith_int, 4)),
    {LOAD(fild, 4), TTP(4), STORE(fist, 4, 0), STORE(fist, 4, POP), {0}, LOAD(fld_m80, 10), {0},
     STORE(fst_m80, 10, POP)},
    ALL8(LOAD(arith_m64, 8)),
    {LOAD(fld_real, 8), TTP(8), STORE(fst_real, 8, 0), STORE(fst_real, 8, POP),
     ENV(x87_frstor, X87_LOAD, 94, 108), {0}, ENV(x87_fnsave, X87_STORE | X87_NOWAIT, 94, 108),
     ENV(fnstsw, X87_STORE | X87_NOWAIT, 2, 2)},
    ALL8(LOAD(arith_int, 2)),
    {LOAD(fild, 2), TTP(2), STORE(fist, 2, 0), STORE(fist, 2, POP), LOAD(fbld, 10), LOAD(fild, 8),
     STORE(fbstp, 10, POP), STORE(fist, 8, POP)},
};

#define ARITH(a)     REG(arith_reg, a)
#define COM(a)       REG(fcom_reg, a)
#define COMI(a)      {.fn = fcom_reg, .attr = X87_P6 | X87_EFLAGS | X87_KEEP_C1, .arg = (a) | 8}
#define CMOV(on)     {.fn = fcmov, .attr = X87_P6 | X87_EFLAGS | X87_KEEP_C1, .arg = (on)}

/* Register forms by opcode and reg; rows left empty are in single_forms or #UD. The undocumented
 * aliases: D9/3 FSTP1, DC/2 FCOM2, DC/3 FCOMP3, DD/1 FXCH4, DE/2 FCOMP5, DF/1 FXCH7, DF/2 FSTP8,
 * DF/3 FSTP9, DF/0 FFREEP. */
static const struct x87_form reg_forms[8][8] = {
    {ARITH(0), ARITH(0), COM(0), COM(1), ARITH(0), ARITH(0), ARITH(0), ARITH(0)},
    {REG(fld_sti, 0), REG(fxch, 0), {0}, REG(fstp1, 0)},
    {CMOV(0), CMOV(0), CMOV(0), CMOV(0)},
    {CMOV(1), CMOV(1), CMOV(1), CMOV(1), {0}, COMI(4), COMI(0)},
    {ARITH(1), ARITH(1), COM(0), COM(1), ARITH(1), ARITH(1), ARITH(1), ARITH(1)},
    {REG(ffree, 0), REG(fxch, 0), REG(fst_sti, 0), REG(fst_sti, 1), COM(4), COM(5)},
    {ARITH(3), ARITH(3), COM(1), {0}, ARITH(3), ARITH(3), ARITH(3), ARITH(3)},
    {REG(ffree, 1), REG(fxch, 0), REG(fst_sti, 1), REG(fst_sti, 1), {0}, COMI(5), COMI(1)},
};

/* Instructions that use all of ModRM. */
static const struct {
    u8 opcode, modrm;
    struct x87_form form;
} single_forms[] = {
    {0xd9, 0xd0, {.fn = fnop, .attr = X87_KEEP_C1}},
    {0xda, 0xe9, COM(6)},
    {0xdb, 0xe0, CTL(fnop, X87_NOWAIT)}, /* FENI, FDISI of the 8087 */
    {0xdb, 0xe1, CTL(fnop, X87_NOWAIT)},
    {0xdb, 0xe2, CTL(fnclex, X87_NOWAIT)},
    {0xdb, 0xe3, CTL(fninit, X87_NOWAIT)},
    {0xdb, 0xe4, CTL(fnop, X87_NOWAIT)}, /* FSETPM of the 287 */
    {0xde, 0xd9, COM(2)},
    {0xdf, 0xe0, CTL(fnstsw, X87_NOWAIT | X87_AX)},
};

/* D9 E0 to D9 FF. */
static const struct x87_form d9_forms[32] = {
    REG(fchs, 0), REG(fabs_st0, 0), {0}, {0}, REG(ftst, 0), REG(fxam, 0), {0}, {0},
    REG(fld_const, 0), REG(fld_const, 0), REG(fld_const, 0), REG(fld_const, 0),
    REG(fld_const, 0), REG(fld_const, 0), REG(fld_const, 0), {0},
    REG(f2xm1, 0), REG(fyl2x, 0), REG(fptan, 0), REG(fpatan, 0),
    REG(fxtract, 0), REG(fprem, 1), REG(fincstp, 7), REG(fincstp, 1),
    REG(fprem, 0), REG(fyl2xp1, 0), REG(fsqrt, 0), REG(fsincos, 0),
    REG(frndint, 0), REG(fscale, 0), REG(fsin, 0), REG(fsin, 1),
};

const struct x87_form *x87_lookup(unsigned opcode, unsigned modrm)
{
    const struct x87_form *f;
    unsigned op = opcode & 7, r = modrm >> 3 & 7;

    if (modrm < 0xc0) {
        f = &mem_forms[op][r];
        return f->fn ? f : NULL;
    }
    if (opcode == 0xd9 && modrm >= 0xe0) {
        f = &d9_forms[modrm & 31];
        return f->fn ? f : NULL;
    }
    if (reg_forms[op][r].fn)
        return &reg_forms[op][r];
    for (size_t i = 0; i < ARRAY_LEN(single_forms); i++)
        if (single_forms[i].opcode == opcode && single_forms[i].modrm == modrm)
            return &single_forms[i].form;
    return NULL;
}

void x87_run(const struct x87_form *form, struct x87_exec *x)
{
    struct x87 *f = x->fpu;

    x->c = (struct fpctx){
        .rc = f->fcw >> FCW_RC_SHIFT & 3,
        .pc = f->fcw >> FCW_PC_SHIFT & 3,
        .masks = f->fcw & FSW_EXCEPTIONS,
    };
    x->arg = form->arg;
    x->store = form->attr & X87_STORE;
    if (form->attr & X87_CONTROL) {
        form->fn(x);
    } else {
        f->fop = (u16)((x->opcode & 7u) << 8 | x->modrm);
        f->fip = x->ip;
        f->fcs = x->cs;
        if (form->attr & (X87_LOAD | X87_STORE)) {
            f->fdp = x->dp;
            f->fds = x->ds;
        }
        form->fn(x);
        if (!(form->attr & X87_KEEP_C1))
            f->fsw = (u16)((f->fsw & ~FSW_C1) | (x->c.c1 ? FSW_C1 : 0));
        f->fsw |= x->c.flags;
    }
    x87_update_es(f);
}
