/* IR as text, for logs and tests: `t3 = add eax, 0x4`, `st.4 [t3+0x8], ebx`, `flags.4 sub t3,
 * 0x4`; of a wide operation the name has an asterisk. */
#include "jit/ir.h"

#include <stdarg.h>
#include <stdio.h>

struct out {
    char *buf;
    size_t size, len;
};

static void put(struct out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void put(struct out *o, const char *fmt, ...)
{
    va_list ap;
    if (o->len >= o->size)
        return;
    va_start(ap, fmt);
    int n = vsnprintf(o->buf + o->len, o->size - o->len, fmt, ap);
    va_end(ap);
    if (n > 0)
        o->len += (size_t)n;
}

static void put_value(struct out *o, struct irv x)
{
    static const char *const regs[] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};
    switch ((enum irv_kind)x.kind) {
    case IRV_REG: put(o, "%s", x.v < 8 ? regs[x.v] : "r?"); break;
    case IRV_TEMP: put(o, "t%u", (unsigned)x.v); break;
    case IRV_CONST: put(o, "0x%x", (unsigned)x.v); break;
    case IRV_NONE: put(o, "-"); break;
    }
}

static void put_inputs(struct out *o, const struct ir_insn *i)
{
    const struct irv in[] = {i->a, i->b, i->c, i->e};
    unsigned n = ir_op_info[i->op].ins;
    while (n && irv_is(in[n - 1], IRV_NONE))
        n--;
    for (unsigned k = 0; k < n; k++) {
        put(o, k ? ", " : " ");
        put_value(o, in[k]);
    }
}

static const char *cond_name(unsigned cond)
{
    static const char *const names[] = {"eq",  "ne",  "ltu", "geu", "leu",
                                        "gtu", "lts", "ges", "les", "gts"};
    return cond < sizeof(names) / sizeof(names[0]) ? names[cond] : "?";
}

static const char *cc_name(unsigned cc)
{
    static const char *const names[] = {"o", "no", "b", "ae", "e", "ne", "be", "a",
                                        "s", "ns", "p", "np", "l", "ge", "le", "g"};
    return cc < 16 ? names[cc] : "?";
}

static const char *kind_name(unsigned kind)
{
    static const char *const names[] = {"eflags", "inc", "dec",   "add", "adc", "sub",
                                        "cmp",    "sbb", "logic", "shl", "shr", "mul"};
    return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "?";
}

static void put_address(struct out *o, const struct ir_insn *i)
{
    static const char *const segs[] = {"es:", "cs:", "ss:", "ds:", "fs:", "gs:"};
    int seg = ir_seg_of(i->cc);
    put(o, ".%u%s [%s%s", i->size, i->cc & 1 ? "s" : "", seg >= 0 && seg < 6 ? segs[seg] : "",
        i->cc & IR_WRAP16 ? "word " : "");
    put_value(o, i->a);
    if (i->imm)
        put(o, "+0x%x", (unsigned)i->imm);
    put(o, "]");
}

static void put_live(struct out *o, u8 live)
{
    put(o, "  ;%s%s%s", live & FLO_FAULT ? " fault" : "", live & FLO_EXIT ? " exit" : "",
        live & FLO_USE ? " use" : "");
}

/* What follows the mnemonic */
static void put_rest(struct out *o, const struct ir_insn *i)
{
    switch (i->op) {
    case IR_LD:
    case IR_LDSX:
    case IR_LDRMW: put_address(o, i); break;
    case IR_ST:
        put_address(o, i);
        put(o, ", ");
        put_value(o, i->b);
        break;
    case IR_LDV:
    case IR_STV:
        put(o, ".%u%s%s {%u}", i->size, i->cc & 1 ? "s" : "", i->cc & 2 ? "a" : "",
            (unsigned)i->imm);
        put_inputs(o, i);
        break;
    case IR_X87:
        put(o, " %02x %02x", i->imm & 0xff, i->imm >> 8 & 0xff);
        put_inputs(o, i);
        break;
    case IR_X87M:
        put_address(o, i);
        put(o, " %02x %02x", i->c.v & 0xff, i->c.v >> 8 & 0xff);
        break;
    case IR_STS:
    case IR_LDS:
        put(o, ".%u {%u}", i->size, (unsigned)i->imm);
        put_inputs(o, i);
        break;
    case IR_SEGCHK:
        put(o, ".%u%s %u:", i->size, i->cc == 2 ? "x" : i->cc ? "w" : "r", (unsigned)i->imm);
        put_value(o, i->a);
        break;
    case IR_FLAGS:
    case IR_FLAGSIF:
        put(o, ".%u %s", i->size, kind_name(i->cc));
        put_inputs(o, i);
        put_live(o, i->live);
        break;
    case IR_FLAGBITS:
    case IR_FLAGBITSIF:
        put(o, ".%u.%u", i->cc, i->size);
        put_inputs(o, i);
        put_live(o, i->live);
        break;
    case IR_LEA:
        put_inputs(o, i);
        put(o, " << %u + 0x%x", i->size, (unsigned)i->imm);
        break;
    case IR_SETC:
    case IR_SEL:
    case IR_ALONE:
        put(o, ".%s", cond_name(i->cc));
        put_inputs(o, i);
        break;
    case IR_GETCC:
    case IR_SELCC:
        put(o, ".%s", cc_name(i->cc));
        put_inputs(o, i);
        break;
    case IR_XCC: put(o, ".%s %d", cc_name(i->cc), (int)(s32)i->imm); break;
    case IR_XIF:
        put(o, ".%s", cond_name(i->cc));
        put_inputs(o, i);
        put(o, " %d", (int)(s32)i->imm);
        break;
    case IR_XJMP:
    case IR_XNEXT:
    case IR_PCREL: put(o, " %d", (int)(s32)i->imm); break;
    case IR_INSN: put(o, " +0x%x, %u bytes", (unsigned)i->imm, i->size); break;
    case IR_VEC:
        put(o, " %u {%u}", (unsigned)(i->cc | i->size << 8), (unsigned)i->imm);
        put_inputs(o, i);
        break;
    case IR_CALL:
        put(o, " %s", i->imm < HELPER_COUNT ? helper_info[i->imm].name : "?");
        put_inputs(o, i);
        break;
    default:
        if (i->size)
            put(o, ".%u", i->size);
        put_inputs(o, i);
        break;
    }
}

const char *ir_text(const struct ir *ir, u32 i, char *buf, size_t size)
{
    struct out o = {buf, size, 0};
    const struct ir_insn *in = &ir->ops[i];
    if (size)
        buf[0] = 0;
    if (in->op >= IR_OP_COUNT) {
        put(&o, "op %u?", in->op);
        return buf;
    }
    if (!irv_is(in->d, IRV_NONE)) {
        put_value(&o, in->d);
        if (!irv_is(in->d2, IRV_NONE)) {
            put(&o, ":");
            put_value(&o, in->d2);
        }
        put(&o, " = ");
    }
    put(&o, "%s%s", ir_op_info[in->op].text, in->wide ? "*" : "");
    put_rest(&o, in);
    return buf;
}
