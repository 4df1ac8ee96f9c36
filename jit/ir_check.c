/* The verifier: the rules of the IR that lifters, the optimizer and back ends rely on. For tests
 * and for builds that check every block; it never looks at values. */
#include "cpu/flags.h"
#include "cpu/help_x87.h"
#include "cpu/state.h"
#include "cpu/vec.h"
#include "cpu/x87_ops.h"
#include "jit/ir.h"

struct checker {
    const struct ir *ir;
    u64 defined[(IR_MAX_TEMPS + 63) / 64];
};

static bool is_defined(const struct checker *c, u32 temp)
{
    return c->defined[temp / 64] >> (temp % 64) & 1;
}

static const char *check_input(const struct checker *c, struct irv x, bool wanted, bool optional)
{
    if (!wanted)
        return irv_is(x, IRV_NONE) ? NULL : "an input too many";
    switch ((enum irv_kind)x.kind) {
    case IRV_NONE: return optional ? NULL : "an input is missing";
    case IRV_REG: return x.v < GPR_COUNT ? NULL : "no such register";
    case IRV_TEMP:
        if (x.v >= c->ir->ntemps)
            return "no such temporary";
        return is_defined(c, x.v) ? NULL : "a temporary is used before its definition";
    case IRV_CONST: return NULL;
    }
    return "bad kind of operand";
}

static const char *check_output(struct checker *c, struct irv d, bool wanted, bool optional)
{
    if (!wanted)
        return irv_is(d, IRV_NONE) ? NULL : "an output too many";
    switch ((enum irv_kind)d.kind) {
    case IRV_NONE: return optional ? NULL : "an output is missing";
    case IRV_REG: return d.v < GPR_COUNT ? NULL : "no such register";
    case IRV_TEMP:
        if (d.v >= c->ir->ntemps)
            return "no such temporary";
        if (is_defined(c, d.v))
            return "a temporary is defined twice";
        c->defined[d.v / 64] |= (u64)1 << (d.v % 64);
        return NULL;
    default: return "an output is neither a register nor a temporary";
    }
}

static const char *check_operands(struct checker *c, const struct ir_insn *i)
{
    const struct ir_op_info *info = &ir_op_info[i->op];
    const struct irv in[] = {i->a, i->b, i->c, i->e};
    bool call = i->op == IR_CALL, flags = info->flags & IRF_FW;
    bool conditional = flags && (info->flags & IRF_X);
    unsigned nargs = call ? helper_info[i->imm].nargs : info->ins;
    const char *why;
    for (unsigned k = 0; k < 4; k++) {
        bool optional = (i->op == IR_LEA && k == 1) || (flags && !(conditional && k == 3)) ||
                        i->op == IR_X87 || (i->op == IR_X87M && k == 1);
        why = check_input(c, in[k], k < nargs, optional);
        if (why)
            return why;
    }
    bool out = call ? helper_info[i->imm].returns : info->outs > 0;
    if ((why = check_output(c, i->d, out, call || i->op == IR_X87)))
        return why;
    return check_output(c, i->d2, info->outs > 1, false);
}

static bool size_in(u8 size, unsigned allowed)
{
    return size < 32 && allowed >> size & 1;
}

enum { S1 = 1 << 1, S2 = 1 << 2, S4 = 1 << 4, S8 = 1 << 8, S16 = 1 << 16 };

static const char *check_field(u32 offset, u32 size)
{
    bool flags =
        offset < offsetof(struct cpu, insn_off) && offset + size > offsetof(struct cpu, cc_dst);
    bool regs =
        offset < offsetof(struct cpu, gpr[GPR_COUNT]) && offset + size > offsetof(struct cpu, gpr);
    if (flags || regs)
        return "guest registers and lazy flags are not accessed as fields";
    return (u64)offset + size <= offsetof(struct cpu, tlb) ? NULL : "no such field of struct cpu";
}

static const char *check_memory(const struct ir_insn *i, unsigned sizes)
{
    if (!size_in(i->size, sizes))
        return "bad access size";
    return i->cc <= 1 ? NULL : "bad access flags";
}

static const char *check_x87(const struct ir_insn *i)
{
    u32 desc = i->op == IR_X87 ? i->imm : i->c.v;
    const struct x87_form *form = x87_lookup(x87_desc_opcode(desc), x87_desc_modrm(desc));
    if (!form || !(form->attr & X87_HOST))
        return "no such x87 form";
    if (i->op == IR_X87)
        return form->size ? "bad x87 form" : NULL;
    return i->size && i->size == form->size && irv_is(i->c, IRV_CONST) ? NULL : "bad access size";
}

/* By linear address, perhaps the system's, or in a segment. */
static const char *check_access(const struct ir_insn *i, unsigned sizes)
{
    if (!size_in(i->size, sizes))
        return "bad access size";
    return i->cc <= 1 || (!(i->cc & 7) && ir_seg_of(i->cc) >= 0 && ir_seg_of(i->cc) < SEG_COUNT)
               ? NULL
               : "bad access flags";
}

/* Bit 1 of cc: the 16 bytes must be aligned. */
static const char *check_vector(const struct ir_insn *i)
{
    if (!size_in(i->size, S4 | S8 | S16))
        return "bad access size";
    return i->cc <= (i->size == 16 ? 3 : 1) ? NULL : "bad access flags";
}

static const char *check_fields(const struct ir_insn *i)
{
    const char *why;
    switch ((enum ir_op)i->op) {
    case IR_LEA: return i->size <= 3 ? NULL : "bad shift";
    case IR_ADD:
    case IR_SUB:
    case IR_AND:
    case IR_OR:
    case IR_XOR:
    case IR_NOT:
    case IR_NEG: return i->size <= 2 ? NULL : "bad size";
    case IR_LD:
    case IR_LDRMW:
    case IR_ST: return check_access(i, S1 | S2 | S4 | (i->wide ? S8 : 0));
    case IR_LDSX:
        if (i->cc & IR_SX64)
            return i->wide && i->cc <= 5 && size_in(i->size, S1 | S2 | S4) ? NULL : "bad access";
        return check_access(i, S1 | S2);
    case IR_LDS:
    case IR_STS:
        why = check_memory(i, i->wide ? S8 : S1 | S2 | S4);
        return why ? why : check_field(i->imm, i->size);
    case IR_LDV:
    case IR_STV: why = check_vector(i); return why ? why : check_field(i->imm, i->size);
    case IR_SEGCHK: return i->imm < SEG_COUNT && i->cc <= 2 && i->size ? NULL : "bad segment check";
    case IR_FLAGS:
    case IR_FLAGSIF:
        if (i->cc >= FK_COUNT)
            return "bad kind of flags";
        return size_in(i->size, i->wide ? S8 : S1 | S2 | S4) ? NULL : "bad flags size";
    case IR_FLAGBITS:
    case IR_FLAGBITSIF: return i->cc < 64 && i->size < 64 ? NULL : "bad number of a bit";
    case IR_SETC:
    case IR_SEL:
    case IR_ALONE:
    case IR_XIF: return i->cc <= IRC_GTS ? NULL : "bad comparison";
    case IR_GETCC:
    case IR_SELCC:
    case IR_XCC: return i->cc < 16 ? NULL : "bad condition code";
    case IR_X87:
    case IR_X87M: return check_x87(i);
    case IR_VEC: return (i->cc | i->size << 8) < VEC_OP_COUNT ? NULL : "bad vector operation";
    case IR_INSN: return i->imm < PAGE_SIZE && i->size <= 15 ? NULL : "bad instruction place";
    default: return NULL;
    }
}

static bool ends_block(const struct ir_insn *i)
{
    return (ir_op_info[i->op].flags & (IRF_X | IRF_FW)) == IRF_X && i->op != IR_XCC &&
           i->op != IR_XIF;
}

const char *ir_verify(const struct ir *ir)
{
    struct checker c = {.ir = ir};
    u32 insns = 0;
    if (ir->nops == 0 || ir->nops > IR_MAX_OPS || ir->ntemps > IR_MAX_TEMPS)
        return "empty, or longer than allowed";
    for (u32 n = 0; n < ir->nops; n++) {
        const struct ir_insn *i = &ir->ops[n];
        const char *why;
        if (i->op >= IR_OP_COUNT)
            return "no such operation";
        if (i->op == IR_CALL && i->imm >= (u32)HELPER_COUNT)
            return "no such helper";
        if (i->wide && !(ir->mode & MODE_CODE64))
            return "a wide operation outside 64-bit code";
        if ((why = check_operands(&c, i)) || (why = check_fields(i)))
            return why;
        if (ends_block(i) != (n == ir->nops - 1))
            return "a block ends with one unconditional exit, its last operation";
        insns += i->op == IR_INSN;
    }
    return insns == ir->ninsns ? NULL : "the number of instructions is wrong";
}
