/* x87 arithmetic, comparison and transcendental instructions on the register stack (SDM vol.
 * 1, 8.3.5 to 8.3.9; vol. 2 for each). */
#include "cpu/x87_int.h"

#define ONE ((struct f80){.sig = F80_INT_BIT, .se = F80_BIAS})

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

void x87_arith_m32(struct x87_exec *x)
{
    arith_mem(x, f80_from_f32(mem32(x)), f32_is_denormal(mem32(x)));
}

void x87_arith_m64(struct x87_exec *x)
{
    arith_mem(x, f80_from_f64(mem64(x)), f64_is_denormal(mem64(x)));
}

void x87_arith_int(struct x87_exec *x)
{
    s32 v = x->arg == 2 ? (s16)mem16(x) : (s32)mem32(x);
    arith_mem(x, f80_from_s64(v), false);
}

/* D8, DC, DE register forms: arg bit 0: the destination is ST(i); bit 1: pop. */
void x87_arith_reg(struct x87_exec *x)
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
void x87_fcom_reg(struct x87_exec *x)
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

void x87_ftst(struct x87_exec *x)
{
    if (underflow(x, 0))
        set_cc(x, F80_UNORDERED);
    else
        compare(x, *reg(x, 0), f80_make(false, 0, 0), false);
}

void x87_fxam(struct x87_exec *x)
{
    static const u16 cc[] = {
        [F80_UNSUPPORTED] = 0,       [F80_SNAN] = FSW_C0, [F80_QNAN] = FSW_C0,
        [F80_INF] = FSW_C2 | FSW_C0, [F80_ZERO] = FSW_C3, [F80_DENORMAL] = FSW_C3 | FSW_C2,
        [F80_NORMAL] = FSW_C2,
    };
    x->c.c1 = f80_sign(*reg(x, 0));
    set_cc(x, is_empty(x, 0) ? FSW_C3 | FSW_C0 : cc[f80_class(*reg(x, 0))]);
}

/* FCMOVcc: arg is the x86 condition number. */
void x87_fcmov(struct x87_exec *x)
{
    static const u16 test[4] = {0x01 /* B: CF */, 0x40 /* E: ZF */, 0x41 /* BE */,
                                0x04 /* U: PF */};
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

void x87_fsqrt(struct x87_exec *x)
{
    unary(x, f80_sqrt);
}

void x87_frndint(struct x87_exec *x)
{
    unary(x, f80_rint);
}

void x87_f2xm1(struct x87_exec *x)
{
    unary(x, f80_2xm1);
}

/* FCHS, FABS: arg is the sign's new bit for FABS, a toggle for FCHS. */
void x87_fchs(struct x87_exec *x)
{
    struct f80 v = *reg(x, 0);
    v.se ^= 0x8000;
    if (underflow(x, 0))
        v = F80_INDEFINITE;
    if (!fp_blocked(&x->c))
        put(x, 0, v);
}

void x87_fabs(struct x87_exec *x)
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

void x87_fxtract(struct x87_exec *x)
{
    if (replace_push_fault(x))
        return;
    struct f80 sig, exp = f80_xtract(&x->c, *reg(x, 0), &sig);
    replace_push(x, exp, sig);
}

void x87_fptan(struct x87_exec *x)
{
    x->fpu->fsw &= (u16)~FSW_C2;
    if (replace_push_fault(x))
        return;
    struct f80 r;
    bool done = f80_tan(&x->c, *reg(x, 0), &r);
    if (!done)
        x->fpu->fsw |= FSW_C2;
    else
        replace_push(x, r, f80_class(r) <= F80_QNAN ? r : ONE);
}

void x87_fsincos(struct x87_exec *x)
{
    x->fpu->fsw &= (u16)~FSW_C2;
    if (replace_push_fault(x))
        return;
    struct f80 s, c;
    bool done = f80_sincos(&x->c, *reg(x, 0), &s, &c);
    if (!done)
        x->fpu->fsw |= FSW_C2;
    else
        replace_push(x, s, c);
}

/* FSIN, FCOS: arg selects the cosine. */
void x87_fsin(struct x87_exec *x)
{
    struct f80 r = F80_INDEFINITE;
    bool done = true;
    x->fpu->fsw &= (u16)~FSW_C2;
    if (!underflow(x, 0))
        done = f80_sincos(&x->c, *reg(x, 0), x->arg ? NULL : &r, x->arg ? &r : NULL);
    if (!done)
        x->fpu->fsw |= FSW_C2;
    else if (!fp_blocked(&x->c))
        put(x, 0, r);
}

/* ---- ST(0) and ST(1) ---- */

void x87_fprem(struct x87_exec *x)
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

void x87_fscale(struct x87_exec *x)
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
static void binary_pop(struct x87_exec *x, struct f80 (*fn)(struct fpctx *, struct f80, struct f80))
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

void x87_fyl2x(struct x87_exec *x)
{
    binary_pop(x, f80_yl2x);
}

void x87_fyl2xp1(struct x87_exec *x)
{
    binary_pop(x, f80_yl2xp1);
}

void x87_fpatan(struct x87_exec *x)
{
    binary_pop(x, f80_patan);
}
