/* The table of x87 instructions, and what is common to running each of them: pointers before, status
 * word after. SDM vol. 2, appendix B.17, and for the undocumented aliases vol. 3A, 23.18.6.6. */
#include "cpu/x87_int.h"

#define POP 0x80
#define MEM(f, n, at, a)  {.fn = (f), .size = (n), .size16 = (n), .attr = (at), .arg = (a)}
#define LOAD(f, n)        MEM(f, n, X87_LOAD, n)
#define STORE(f, n, p)    MEM(f, n, X87_STORE, (n) | (p))
#define TTP(n)            MEM(x87_fisttp, n, X87_STORE | X87_SSE3, (n) | POP)
#define ENV(f, a, n16, n) {.fn = (f), .size = (n), .size16 = (n16), .attr = (a) | X87_CONTROL}
#define REG(f, a)         {.fn = (f), .arg = (a)}
#define CTL(f, at)        {.fn = (f), .attr = (at) | X87_CONTROL}
#define ALL8(m)           {m, m, m, m, m, m, m, m}

static const struct x87_form mem_forms[8][8] = {
    ALL8(LOAD(x87_arith_m32, 4)),
    {LOAD(x87_fld_real, 4), {0}, STORE(x87_fst_real, 4, 0), STORE(x87_fst_real, 4, POP),
     ENV(x87_fldenv, X87_LOAD, 14, 28), ENV(x87_fldcw, X87_LOAD, 2, 2),
     ENV(x87_fnstenv, X87_STORE | X87_NOWAIT, 14, 28), ENV(x87_fnstcw, X87_STORE | X87_NOWAIT, 2, 2)},
    ALL8(LOAD(x87_arith_int, 4)),
    {LOAD(x87_fild, 4), TTP(4), STORE(x87_fist, 4, 0), STORE(x87_fist, 4, POP), {0}, LOAD(x87_fld_m80, 10), {0},
     STORE(x87_fst_m80, 10, POP)},
    ALL8(LOAD(x87_arith_m64, 8)),
    {LOAD(x87_fld_real, 8), TTP(8), STORE(x87_fst_real, 8, 0), STORE(x87_fst_real, 8, POP),
     ENV(x87_frstor, X87_LOAD, 94, 108), {0}, ENV(x87_fnsave, X87_STORE | X87_NOWAIT, 94, 108),
     ENV(x87_fnstsw, X87_STORE | X87_NOWAIT, 2, 2)},
    ALL8(LOAD(x87_arith_int, 2)),
    {LOAD(x87_fild, 2), TTP(2), STORE(x87_fist, 2, 0), STORE(x87_fist, 2, POP), LOAD(x87_fbld, 10), LOAD(x87_fild, 8),
     STORE(x87_fbstp, 10, POP), STORE(x87_fist, 8, POP)},
};

#define ARITH(a)     REG(x87_arith_reg, a)
#define COM(a)       REG(x87_fcom_reg, a)
#define COMI(a)      {.fn = x87_fcom_reg, .attr = X87_P6 | X87_EFLAGS | X87_KEEP_C1, .arg = (a) | 8}
#define CMOV(on)     {.fn = x87_fcmov, .attr = X87_P6 | X87_EFLAGS | X87_KEEP_C1, .arg = (on)}

/* Register forms by opcode and reg; rows left empty are in single_forms or #UD. The undocumented
 * aliases: D9/3 FSTP1, DC/2 FCOM2, DC/3 FCOMP3, DD/1 FXCH4, DE/2 FCOMP5, DF/1 FXCH7, DF/2 FSTP8,
 * DF/3 FSTP9, DF/0 FFREEP. */
static const struct x87_form reg_forms[8][8] = {
    {ARITH(0), ARITH(0), COM(0), COM(1), ARITH(0), ARITH(0), ARITH(0), ARITH(0)},
    {REG(x87_fld_sti, 0), REG(x87_fxch, 0), {0}, REG(x87_fstp1, 0)},
    {CMOV(0), CMOV(0), CMOV(0), CMOV(0)},
    {CMOV(1), CMOV(1), CMOV(1), CMOV(1), {0}, COMI(4), COMI(0)},
    {ARITH(1), ARITH(1), COM(0), COM(1), ARITH(1), ARITH(1), ARITH(1), ARITH(1)},
    {REG(x87_ffree, 0), REG(x87_fxch, 0), REG(x87_fst_sti, 0), REG(x87_fst_sti, 1), COM(4), COM(5)},
    {ARITH(3), ARITH(3), COM(1), {0}, ARITH(3), ARITH(3), ARITH(3), ARITH(3)},
    {REG(x87_ffree, 1), REG(x87_fxch, 0), REG(x87_fst_sti, 1), REG(x87_fst_sti, 1), {0}, COMI(5), COMI(1)},
};

/* Instructions that use all of ModRM. */
static const struct {
    u8 opcode, modrm;
    struct x87_form form;
} single_forms[] = {
    {0xd9, 0xd0, {.fn = x87_fnop, .attr = X87_KEEP_C1}},
    {0xda, 0xe9, COM(6)},
    {0xdb, 0xe0, CTL(x87_fnop, X87_NOWAIT)}, /* FENI, FDISI of the 8087 */
    {0xdb, 0xe1, CTL(x87_fnop, X87_NOWAIT)},
    {0xdb, 0xe2, CTL(x87_fnclex, X87_NOWAIT)},
    {0xdb, 0xe3, CTL(x87_fninit, X87_NOWAIT)},
    {0xdb, 0xe4, CTL(x87_fnop, X87_NOWAIT)}, /* FSETPM of the 287 */
    {0xde, 0xd9, COM(2)},
    {0xdf, 0xe0, CTL(x87_fnstsw, X87_NOWAIT | X87_AX)},
};

/* D9 E0 to D9 FF. */
static const struct x87_form d9_forms[32] = {
    REG(x87_fchs, 0), REG(x87_fabs, 0), {0}, {0}, REG(x87_ftst, 0), REG(x87_fxam, 0), {0}, {0},
    REG(x87_fld_const, 0), REG(x87_fld_const, 0), REG(x87_fld_const, 0), REG(x87_fld_const, 0),
    REG(x87_fld_const, 0), REG(x87_fld_const, 0), REG(x87_fld_const, 0), {0},
    REG(x87_f2xm1, 0), REG(x87_fyl2x, 0), REG(x87_fptan, 0), REG(x87_fpatan, 0),
    REG(x87_fxtract, 0), REG(x87_fprem, 1), REG(x87_fincstp, 7), REG(x87_fincstp, 1),
    REG(x87_fprem, 0), REG(x87_fyl2xp1, 0), REG(x87_fsqrt, 0), REG(x87_fsincos, 0),
    REG(x87_frndint, 0), REG(x87_fscale, 0), REG(x87_fsin, 0), REG(x87_fsin, 1),
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
