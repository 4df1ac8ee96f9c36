/* The tables of x87 instructions (SDM vol. 2, tables ), and what is common to running
 * each of them: pointers before, status word after. */
#include "cpu/x87_int.h"

/* clang-format off */
#define POP 0x80 /* in arg of a store */

#define MEM(f, n, at, a)  {.fn = (f), .size = (n), .size16 = (n), .attr = (at), .arg = (a)}
#define LOAD(f, n)        MEM(f, n, X87_LOAD | X87_HOST, n)
#define STORE(f, n, p)    MEM(f, n, X87_STORE | X87_HOST, (n) | (p))
#define FISTTP(n)         MEM(x87_fisttp, n, X87_STORE | X87_SSE3 | X87_HOST, (n) | POP)
#define FBLD              MEM(x87_fbld, 10, X87_LOAD, 10)
#define FBSTP             MEM(x87_fbstp, 10, X87_STORE, 10 | POP)
#define ENV(f, a, n16, n) {.fn = (f), .size = (n), .size16 = (n16), .attr = (a) | X87_CONTROL}
#define ENV_STORE(f, n16, n) ENV(f, X87_STORE | X87_NOWAIT, n16, n)
#define WORD_STORE(f)     ENV(f, X87_STORE | X87_NOWAIT | X87_HOST, 2, 2)
#define ALL8(m)           {m, m, m, m, m, m, m, m}

/* By the low bits of the opcode and the reg field. */
static const struct x87_form mem_forms[8][8] = {
    ALL8(LOAD(x87_arith_m32, 4)),
    {LOAD(x87_fld_real, 4), {0}, STORE(x87_fst_real, 4, 0), STORE(x87_fst_real, 4, POP),
     ENV(x87_fldenv, X87_LOAD, 14, 28), ENV(x87_fldcw, X87_LOAD | X87_HOST, 2, 2),
     ENV_STORE(x87_fnstenv, 14, 28), WORD_STORE(x87_fnstcw)},
    ALL8(LOAD(x87_arith_int, 4)),
    {LOAD(x87_fild, 4), FISTTP(4), STORE(x87_fist, 4, 0), STORE(x87_fist, 4, POP), {0},
     LOAD(x87_fld_m80, 10), {0}, STORE(x87_fst_m80, 10, POP)},
    ALL8(LOAD(x87_arith_m64, 8)),
    {LOAD(x87_fld_real, 8), FISTTP(8), STORE(x87_fst_real, 8, 0), STORE(x87_fst_real, 8, POP),
     ENV(x87_frstor, X87_LOAD, 94, 108), {0}, ENV_STORE(x87_fnsave, 94, 108),
     WORD_STORE(x87_fnstsw)},
    ALL8(LOAD(x87_arith_int, 2)),
    {LOAD(x87_fild, 2), FISTTP(2), STORE(x87_fist, 2, 0), STORE(x87_fist, 2, POP),
     FBLD, LOAD(x87_fild, 8), FBSTP, STORE(x87_fist, 8, POP)},
};

#define REG(f, a)    {.fn = (f), .arg = (a), .attr = X87_HOST}
#define SOFT(f, a)   {.fn = (f), .arg = (a)} /* not X87_HOST: also the aliases, which are rare */
#define CTL(f, at)   {.fn = (f), .attr = (at) | X87_CONTROL}
#define P6(f, at, a) {.fn = (f), .attr = X87_P6 | X87_KEEP_C1 | X87_HOST | (at), .arg = (a)}
#define ARITH(a)     REG(x87_arith_reg, a)
#define COM(a)       REG(x87_fcom_reg, a)
#define COM_ALIAS(a) SOFT(x87_fcom_reg, a)
#define COMI(a)      P6(x87_fcom_reg, X87_FLAGS_OUT, (a) | 8)
#define CMOV(on)     P6(x87_fcmov, X87_FLAGS_IN, on)
#define CONST        REG(x87_fld_const, 0)

/* Rows whose instructions use all of ModRM: by the rm field. */
static const struct x87_form row_d9_2[8] = {{.fn = x87_fnop, .attr = X87_KEEP_C1 | X87_HOST}};
static const struct x87_form row_d9_4[8] = {REG(x87_fchs, 0), REG(x87_fabs, 0), {0}, {0},
                                            REG(x87_ftst, 0), REG(x87_fxam, 0)};
static const struct x87_form row_d9_5[8] = {CONST, CONST, CONST, CONST, CONST, CONST, CONST};
static const struct x87_form row_d9_6[8] = {
    SOFT(x87_f2xm1, 0),  SOFT(x87_fyl2x, 0), SOFT(x87_fptan, 0),  SOFT(x87_fpatan, 0),
    REG(x87_fxtract, 0), SOFT(x87_fprem, 1), REG(x87_fincstp, 7), REG(x87_fincstp, 1)};
static const struct x87_form row_d9_7[8] = {
    SOFT(x87_fprem, 0),  SOFT(x87_fyl2xp1, 0), REG(x87_fsqrt, 0), SOFT(x87_fsincos, 0),
    REG(x87_frndint, 0), REG(x87_fscale, 0),   SOFT(x87_fsin, 0), SOFT(x87_fsin, 1)};
static const struct x87_form row_da_5[8] = {{0}, COM(6)};
static const struct x87_form row_db_4[8] = {
    CTL(x87_fnop, X87_NOWAIT), /* FENI and FDISI of the 8087 */
    CTL(x87_fnop, X87_NOWAIT),
    CTL(x87_fnclex, X87_NOWAIT | X87_HOST),
    CTL(x87_fninit, X87_NOWAIT),
    CTL(x87_fnop, X87_NOWAIT), /* FSETPM of the 287 */
};
static const struct x87_form row_de_3[8] = {{0}, COM(2)};
static const struct x87_form row_df_4[8] = {CTL(x87_fnstsw, X87_NOWAIT | X87_AX | X87_HOST)};

#define ALL(f)  {.all = f}
#define ROW(r)  {.each = (r)}
#define UD      {.each = NULL}

/* By opcode and reg field. The undocumented aliases: D9/3 FSTP1, DC/2 FCOM2, DC/3 FCOMP3, DD/1 FXCH4,
 * DE/2 FCOMP5, DF/0 FFREEP, DF/1 FXCH7, DF/2 FSTP8, DF/3 FSTP9. */
static const struct row {
    struct x87_form all;         /* the same for every rm, */
    const struct x87_form *each; /* unless this is set */
} reg_forms[8][8] = {
    {ALL(ARITH(0)), ALL(ARITH(0)), ALL(COM(0)), ALL(COM(1)), ALL(ARITH(0)), ALL(ARITH(0)),
     ALL(ARITH(0)), ALL(ARITH(0))},
    {ALL(REG(x87_fld_sti, 0)), ALL(REG(x87_fxch, 0)), ROW(row_d9_2), ALL(SOFT(x87_fstp1, 0)),
     ROW(row_d9_4), ROW(row_d9_5), ROW(row_d9_6), ROW(row_d9_7)},
    {ALL(CMOV(0)), ALL(CMOV(0)), ALL(CMOV(0)), ALL(CMOV(0)), UD, ROW(row_da_5)},
    {ALL(CMOV(1)), ALL(CMOV(1)), ALL(CMOV(1)), ALL(CMOV(1)), ROW(row_db_4), ALL(COMI(4)),
     ALL(COMI(0))},
    {ALL(ARITH(1)), ALL(ARITH(1)), ALL(COM_ALIAS(0)), ALL(COM_ALIAS(1)), ALL(ARITH(1)), ALL(ARITH(1)),
     ALL(ARITH(1)), ALL(ARITH(1))},
    {ALL(REG(x87_ffree, 0)), ALL(SOFT(x87_fxch, 0)), ALL(REG(x87_fst_sti, 0)),
     ALL(REG(x87_fst_sti, 1)), ALL(COM(4)), ALL(COM(5))},
    {ALL(ARITH(3)), ALL(ARITH(3)), ALL(COM_ALIAS(1)), ROW(row_de_3), ALL(ARITH(3)), ALL(ARITH(3)),
     ALL(ARITH(3)), ALL(ARITH(3))},
    {ALL(SOFT(x87_ffree, 1)), ALL(SOFT(x87_fxch, 0)), ALL(SOFT(x87_fst_sti, 1)),
     ALL(SOFT(x87_fst_sti, 1)), ROW(row_df_4), ALL(COMI(5)), ALL(COMI(1))},
};
/* clang-format on */

const struct x87_form *x87_lookup(unsigned opcode, unsigned modrm)
{
    unsigned op = opcode & 7, r = modrm >> 3 & 7;
    const struct x87_form *f = &mem_forms[op][r];

    if (modrm >= 0xc0) {
        const struct row *row = &reg_forms[op][r];
        f = row->each ? &row->each[modrm & 7] : &row->all;
    }
    return f->fn ? f : NULL;
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
