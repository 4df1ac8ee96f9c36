/* What is not compared with the host, from undefined.def; and how flags flow, so that no
 * instruction of a sequence is given a flag that the one before left undefined. */
#include "tests/oracle/oracle.h"

#include "cpu/flags.h"

#include <string.h>

enum when { ALWAYS, COUNT, COUNT_1, COUNT_SIZE, COUNT_OVER };

static const struct {
    const char *name;
    u32 flags;
    u8 when;
    bool as_intel;
} undefined[] = {
#define FLAGS(name, flags, when, source)    {name, flags, when, false},
#define AS_INTEL(name, flags, when, source) {name, flags, when, true},
#include "tests/oracle/undefined.def"
};

static const struct {
    const char *name;
    u8 what;
} state[] = {
#define STATE(name, what, source) {name, what},
#include "tests/oracle/undefined.def"
};

static const struct {
    u8 opcode, first, last, what;
} x87_state[] = {
#define X87(opcode, first, last, what, source) {opcode, first, last, what},
#include "tests/oracle/undefined.def"
};

/* The count of a shift, or -1 if it depends on what is not known. */
static int shift_count(const struct insn *in, const u32 *gpr)
{
    const struct insn_row *row = insn_row_of(in);
    u8 op = row->op[2] != OP_NONE ? row->op[2] : row->op[1];
    if (op == OP_1)
        return 1;
    if (op == OP_CL)
        return gpr ? (int)(gpr[ECX] & 31) : -1;
    return (int)(in->imm & 31);
}

static bool applies(enum when when, const struct insn *in, const u32 *gpr)
{
    if (when == ALWAYS)
        return true;
    int count = shift_count(in, gpr);
    int bits = insn_row_of(in)->op[0] == OP_Eb ? 8 : 8 * in->opsize;
    if (count < 0)
        return true;
    switch (when) {
    case COUNT: return count != 0;
    case COUNT_1: return count > 1;
    case COUNT_SIZE: return count >= bits;
    default: return count > bits;
    }
}

u32 undefined_flags(const struct insn *in, const u32 *gpr)
{
    const char *name = insn_row_of(in)->name;
    u32 flags = 0;
    bool intel = host_facts()->intel;
    for (unsigned i = 0; i < ARRAY_LEN(undefined); i++)
        if (!(intel && undefined[i].as_intel) && name[0] == undefined[i].name[0] &&
            !strcmp(undefined[i].name, name) && applies((enum when)undefined[i].when, in, gpr))
            flags |= undefined[i].flags;
    return flags;
}

static u32 listed_state(const struct insn *in)
{
    const struct insn_row *row = insn_row_of(in);
    if (row->isa == ISA_FPU) {
        unsigned modrm = in->modrm < 0xc0 ? in->modrm & 0x38 : in->modrm;
        for (unsigned i = 0; i < ARRAY_LEN(x87_state); i++)
            if (x87_state[i].opcode == in->opcode && modrm >= x87_state[i].first &&
                modrm <= x87_state[i].last && (modrm >= 0xc0 || modrm == x87_state[i].first))
                return x87_state[i].what;
        return 0;
    }
    for (unsigned i = 0; i < ARRAY_LEN(state); i++)
        if (row->name[0] == state[i].name[0] && !strcmp(state[i].name, row->name))
            return state[i].what;
    return 0;
}

u32 undefined_state(const struct insn *in)
{
    const u8 *op = insn_row_of(in)->op;
    u32 what = listed_state(in);
    for (unsigned i = 0; i < 3; i++)
        if ((op[i] == OP_Wx || op[i] == OP_Mx) && in->seg == SEG_SS)
            what |= IGN_ORDER;
    return what;
}

/* -- what an image in memory holds that is not compared -- */

static u32 operand_at(const struct trial *t, const struct insn *in, const u32 *gpr)
{
    u32 off = (u32)in->disp;
    if (in->base != GPR_NONE)
        off += gpr[in->base];
    if (in->index != GPR_NONE)
        off += gpr[in->index] << in->scale;
    if (in->addrsize == 2)
        off &= 0xffff;
    return test_seg_base(t->in.seg[in->seg]) + off;
}

static void ignore(struct trial *t, u32 at, u32 len)
{
    if (t->nignored < ARRAY_LEN(t->ignored))
        t->ignored[t->nignored++] = (struct range){at, len};
}

static void ignore_image(struct trial *t, const struct insn *in)
{
    u32 at = operand_at(t, in, t->in.gpr);
    if (in->map == MAP_0F) {
        ignore(t, at + 6, 2);     /* FOP */
        ignore(t, at + 12, 12);   /* FCS, FDP, FDS */
        ignore(t, at + 28, 4);    /* MXCSR_MASK */
        ignore(t, at + 288, 224); /* reserved */
    } else if (in->opsize == 4) {
        ignore(t, at + 16, 12);
    } else {
        ignore(t, at + 8, 6);
    }
}

void undefined_set(struct trial *t)
{
    const u32 *gpr = t->in.gpr;
    t->undefined = t->ignore = 0;
    t->nignored = 0;
    /* all of the sequence, since any of it may be the last that ran */
    for (unsigned i = 0; i < t->ninsns; i++, gpr = NULL) {
        if (!t->decodes[i])
            continue;
        u32 what = undefined_state(&t->insn[i]);
        t->undefined |= undefined_flags(&t->insn[i], gpr);
        t->ignore |= what & ~(u32)IGN_POINTERS;
        if ((what & IGN_POINTERS) && i == 0)
            ignore_image(t, &t->insn[i]);
    }
}

struct range undefined_partial(const struct trial *t, unsigned i, const u32 *gpr)
{
    if (i >= t->ninsns || !t->decodes[i] || !(undefined_state(&t->insn[i]) & IGN_ORDER))
        return (struct range){0, 0};
    return (struct range){operand_at(t, &t->insn[i], gpr), 16};
}

/* -- flow -- */

u32 flags_read_by(const struct insn *in)
{
    static const char *const readers[] = {
        "adc", "sbb", "rcl", "rcr", "lahf", "pushf", "loope", "loopne", "into",  "daa",
        "das", "aaa", "aas", "cmc", "salc", "int",   "int3",  "int1",   "setalc"};
    const char *name = insn_row_of(in)->name;
    if (insn_row_of(in)->isa == ISA_FPU)
        return (in->opcode == 0xda || in->opcode == 0xdb) && in->modrm >= 0xc0 ? FLAGS_ARITH : 0;
    if (name[0] == 'j' || !strncmp(name, "set", 3) || !strncmp(name, "cmov", 4))
        return FLAGS_ARITH;
    for (unsigned i = 0; i < ARRAY_LEN(readers); i++)
        if (!strcmp(readers[i], name))
            return FLAGS_ARITH;
    return 0;
}

u32 flags_defined_by(const struct insn *in)
{
    static const struct {
        const char *name;
        u32 flags;
    } rows[] = {{"add", FLAGS_ARITH},     {"sub", FLAGS_ARITH},     {"cmp", FLAGS_ARITH},
                {"adc", FLAGS_ARITH},     {"sbb", FLAGS_ARITH},     {"neg", FLAGS_ARITH},
                {"xadd", FLAGS_ARITH},    {"cmpxchg", FLAGS_ARITH}, {"and", FLAGS_ARITH},
                {"or", FLAGS_ARITH},      {"xor", FLAGS_ARITH},     {"test", FLAGS_ARITH},
                {"ucomiss", FLAGS_ARITH}, {"ucomisd", FLAGS_ARITH}, {"comiss", FLAGS_ARITH},
                {"comisd", FLAGS_ARITH}};
    const char *name = insn_row_of(in)->name;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
        if (!strcmp(rows[i].name, name))
            return rows[i].flags;
    return 0;
}
