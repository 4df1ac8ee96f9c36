/* x87 loads, stores, exchanges and control instructions (SDM vol. 1, 8.3.3, 8.3.10; vol. 2 for
 * each). */
#include "cpu/x87_int.h"

/* ---- loads ---- */

static void push_checked(struct x87_exec *x, struct f80 v)
{
    if (overflow(x))
        v = F80_INDEFINITE;
    if (!fp_blocked(&x->c))
        push(x, v);
}

/* FLD m32, m64: arg is the size. */
void x87_fld_real(struct x87_exec *x)
{
    bool single = x->arg == 4;
    bool denormal = single ? f32_is_denormal(mem32(x)) : f64_is_denormal(mem64(x));
    struct f80 v = single ? f80_from_f32(mem32(x)) : f80_from_f64(mem64(x));

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

void x87_fld_m80(struct x87_exec *x)
{
    push_checked(x, (struct f80){.sig = mem64(x), .se = (u16)load_le(x->mem + 8, 2)});
}

void x87_fild(struct x87_exec *x)
{
    unsigned shift = 64 - 8 * x->arg;
    push_checked(x, f80_from_s64((s64)(mem64(x) << shift) >> shift));
}

void x87_fbld(struct x87_exec *x)
{
    push_checked(x, f80_from_bcd(x->mem));
}

void x87_fld_sti(struct x87_exec *x)
{
    struct f80 v = *reg(x, rm(x));
    if (underflow(x, rm(x)) || overflow(x))
        v = F80_INDEFINITE;
    if (!fp_blocked(&x->c))
        push(x, v);
}

/* FLD1, FLDL2T, FLDL2E, FLDPI, FLDLG2, FLDLN2, FLDZ: rounded by RC, never inexact. */
void x87_fld_const(struct x87_exec *x)
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

void x87_fst_real(struct x87_exec *x)
{
    struct f80 v = underflow(x, 0) ? F80_INDEFINITE : *reg(x, 0);
    if ((x->arg & 0x7f) == 4)
        store_le(x->mem, 4, f80_to_f32(&x->c, v));
    else
        store_le(x->mem, 8, f80_to_f64(&x->c, v));
    store_done(x);
}

void x87_fst_m80(struct x87_exec *x)
{
    struct f80 v = underflow(x, 0) ? F80_INDEFINITE : *reg(x, 0);
    store_le(x->mem, 8, v.sig);
    store_le(x->mem + 8, 2, v.se);
    store_done(x);
}

void x87_fist(struct x87_exec *x)
{
    unsigned bytes = x->arg & 0x7f;
    struct f80 v = underflow(x, 0) ? F80_INDEFINITE : *reg(x, 0);
    store_le(x->mem, bytes, (u64)f80_to_int(&x->c, v, 8 * bytes));
    store_done(x);
}

void x87_fisttp(struct x87_exec *x)
{
    x->c.rc = FP_ZERO;
    x87_fist(x);
}

void x87_fbstp(struct x87_exec *x)
{
    f80_to_bcd(&x->c, underflow(x, 0) ? F80_INDEFINITE : *reg(x, 0), x->mem);
    store_done(x);
}

/* FSTP1 (D9 D8+i, undocumented): an empty ST(0) is popped, without fault and without a store. */
void x87_fstp1(struct x87_exec *x)
{
    if (!is_empty(x, 0))
        put(x, rm(x), *reg(x, 0));
    pop(x, 1);
}

/* FST, FSTP ST(i): arg is the number of pops. */
void x87_fst_sti(struct x87_exec *x)
{
    struct f80 v = underflow(x, 0) ? F80_INDEFINITE : *reg(x, 0);
    if (fp_blocked(&x->c))
        return;
    put(x, rm(x), v);
    pop(x, x->arg);
}

/* ---- stack and control ---- */

void x87_fxch(struct x87_exec *x)
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
void x87_ffree(struct x87_exec *x)
{
    set_empty(x, rm(x));
    pop(x, x->arg);
}

/* FINCSTP, FDECSTP: arg is added to TOP. */
void x87_fincstp(struct x87_exec *x)
{
    x87_set_top(x->fpu, x87_top(x->fpu) + x->arg);
}

void x87_fnop(struct x87_exec *x)
{
    (void)x;
}

void x87_fninit(struct x87_exec *x)
{
    x87_init(x->fpu);
}

void x87_fnclex(struct x87_exec *x)
{
    x->fpu->fsw &= (u16) ~(FSW_EXCEPTIONS | FSW_SF | FSW_ES | FSW_B);
}

void x87_fldcw(struct x87_exec *x)
{
    x->fpu->fcw = (mem16(x) & FCW_WRITABLE) | FCW_RESERVED_ONE;
}

void x87_fnstcw(struct x87_exec *x)
{
    store_le(x->mem, 2, x->fpu->fcw);
}

void x87_fnstsw(struct x87_exec *x)
{
    x->ax = x->fpu->fsw;
    store_le(x->mem, 2, x->fpu->fsw);
}
