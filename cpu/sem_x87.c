/* Lifting of the x87 opcodes D8 to DF. What depends on the mode word or the CPU model alone, #NM
 * and #UD, is decided here.
 *
 * Forms that every processor computes alike become one IR operation, which a back end may do by its
 * host's own instruction. Where an exception is unmasked, #MF may be pending and is tested for
 * before each that waits. Everything else, and all of it where an exception is reported by FERR#,
 * is two helpers, which find the form again by opcode and ModRM. */
#include "cpu/help_x87.h"
#include "cpu/lift.h"
#include "cpu/x87_ops.h"

enum fpu_kind { FPU_8087, FPU_287, FPU_387 };

/* What the 80387 and the 80287 brought. */
static const struct {
    u8 opcode, first, last; /* ModRM */
    u8 since;               /* enum fpu_kind */
} newer[] = {
    {0xd9, 0xf5, 0xf5, FPU_387}, /* FPREM1 */
    {0xd9, 0xfb, 0xfb, FPU_387}, /* FSINCOS */
    {0xd9, 0xfe, 0xff, FPU_387}, /* FSIN, FCOS */
    {0xda, 0xe9, 0xe9, FPU_387}, /* FUCOMPP */
    {0xdd, 0xe0, 0xef, FPU_387}, /* FUCOM, FUCOMP */
    {0xdb, 0xe4, 0xe4, FPU_287}, /* FSETPM */
    {0xdf, 0xe0, 0xe0, FPU_287}, /* FNSTSW AX */
};

/* Does the coprocessor of the time know it? */
static bool in_its_time(const struct lift *l, const struct insn *in)
{
    enum fpu_kind fpu = l->gen <= ISA_186 ? FPU_8087 : l->gen == ISA_286 ? FPU_287 : FPU_387;

    for (unsigned i = 0; i < ARRAY_LEN(newer); i++)
        if (in->opcode == newer[i].opcode && in->modrm >= newer[i].first &&
            in->modrm <= newer[i].last)
            return fpu >= newer[i].since;
    return true;
}

static bool known(const struct lift *l, const struct x87_form *form)
{
    if (!form || ((form->attr & X87_P6) && !(l->isas & ISA_BIT(ISA_P6))))
        return false;
    return !(form->attr & X87_SSE3) || (l->isas & ISA_BIT(ISA_SSE3));
}

/* By the helpers; they check segment and alignment themselves. */
static struct irv call(struct lift *l, const struct insn *in, u32 desc, struct irv flags)
{
    if (insn_mod(in) == 3)
        return ir_call(l->ir, HELPER_x87_reg, ir_const(desc), flags, IR_NONE, IR_NONE);
    ir_call(l->ir, lift_code64(l) ? HELPER_x87_mem64 : HELPER_x87_mem, ir_const(desc),
            lift_ea(l, in), IR_NONE, IR_NONE);
    return IR_NONE;
}

/* FCMOVcc's condition as an x86 condition number. */
static unsigned condition(const struct insn *in)
{
    static const u8 cc[4] = {2 /* B */, 4 /* E */, 6 /* BE */, 10 /* U: P */};
    return cc[insn_reg3(in) & 3] | (in->opcode & 1u);
}

/* A store that an unmasked exception suppresses touches no memory: where the segment would have to
 * be checked before that is known, the helper does it. The 8086 wraps addresses within an operand.
 */
static bool host_may(const struct lift *l, const struct insn *in, const struct x87_form *form)
{
    if (!(form->attr & X87_HOST) || (l->mode & (MODE_X87_SOFT | MODE_ALIGN)))
        return false;
    if (insn_mod(in) == 3)
        return true;
    if (l->gen == ISA_8086)
        return false;
    if (!(form->attr & X87_STORE) || !(l->mode & MODE_X87_MF))
        return true;
    return mode_seg_class(l->mode, in->seg) != SEGC_CHECKED &&
           !(in->seg == SEG_CS && (l->mode & MODE_PROT));
}

static struct irv by_host(struct lift *l, const struct insn *in, const struct x87_form *form,
                          u32 desc)
{
    if ((l->mode & MODE_X87_MF) && !(form->attr & X87_NOWAIT))
        ir_x87_check(l->ir);
    if (insn_mod(in) == 3) {
        struct irv taken = form->attr & X87_FLAGS_IN ? ir_getcc(l->ir, condition(in)) : IR_NONE;
        return ir_x87(l->ir, desc, taken, form->attr & (X87_AX | X87_FLAGS_OUT));
    }
    struct irv off = lift_ea(l, in);
    struct irv la = lift_linear(l, in->seg, off, form->size, form->attr & X87_STORE);
    bool same = la.kind == off.kind && la.v == off.v;
    ir_x87_mem(l->ir, desc, la, same ? IR_NONE : off, form->size);
    return IR_NONE;
}

void sem_x87(struct lift *l, const struct insn *in)
{
    const struct x87_form *form = x87_lookup(in->opcode, in->modrm);
    enum seg seg = insn_mod(in) != 3 ? in->seg : SEG_ES;
    u32 desc = X87_DESC(in->opcode, in->modrm, seg, in->opsize == 2);
    struct irv r;

    if (l->mode & MODE_NOFPU) {
        lift_raise(l, VEC_NM, false, RULE_fpu_absent);
        return;
    }
    if (!known(l, form) || !in_its_time(l, in)) {
        /* A coprocessor on its own chip does something or nothing, but cannot make it illegal. */
        if (l->gen > ISA_386)
            lift_raise(l, VEC_UD, false, RULE_insn_model);
        return;
    }
    if (host_may(l, in, form))
        r = by_host(l, in, form, desc);
    else
        r = call(l, in, desc, form->attr & X87_FLAGS_IN ? ir_getfl(l->ir) : ir_const(0));
    if (form->attr & X87_AX)
        lift_set_gpr(l, EAX, 2, r);
    if (form->attr & X87_FLAGS_OUT)
        ir_flags(l->ir, FK_EFLAGS, 4, IR_NONE, r, IR_NONE);
}
