/* The instruction forms that trials count: one for each row of the instruction table, and the
 * x87's eight rows taken apart by ModRM into the entries of SDM volume 2, tables. */
#include "tests/oracle/oracle.h"

#include "base/check.h"
#include "cpu/cpuid.h"
#include "cpu/lift.h"
#include "cpu/x87_ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Mnemonics that the oracle does not run, and why. */
static const struct {
    const char *name, *why;
} skipped[] = {
#define SKIP(name, why) {name, why},
#include "tests/oracle/skip.def"
};

/* ISA_BIT()s of the forms that the host has, found as those of a CPU model are. */
static u64 host_isas(void)
{
    static const struct cpu_pins pins;
    struct cpu_model model = *cpu_model_default();
    struct phys *phys = phys_new(1u << 20);
    struct cpu *cpu = cpu_new(phys, &pins);
    CHECK(phys && cpu, "out of memory");
    model.isa = ISA_GENERATIONS - 1;
    model.features = host_facts()->features;
    cpu_set_model(cpu, &model);
    u64 isas = cpu->isas;
    cpu_free(cpu);
    phys_free(phys);
    return isas;
}

static const char *skip_of(const struct insn_row *row, u64 isas)
{
    for (unsigned i = 0; i < ARRAY_LEN(skipped); i++)
        if (!strcmp(skipped[i].name, row->name))
            return skipped[i].why;
    if (!insn_row_lives(row, ISA_GENERATIONS - 1))
        return "of older processors only";
    if (row->attr & (IA_64 | IA_REXW))
        return "of 64-bit mode only";
    return isas >> row->isa & 1 ? NULL : "not an instruction of this host";
}

static const char *immediate(const struct insn_row *row)
{
    static const struct {
        u8 op;
        const char *text;
    } kinds[] = {{OP_Ib, " ib"}, {OP_sIb, " ib"}, {OP_Iw, " iw"}, {OP_Iz, " iz"}, {OP_Iv, " iv"},
                 {OP_Jb, " cb"}, {OP_Jz, " cz"},  {OP_Ap, " cp"}, {OP_Ob, " mo"}, {OP_Ov, " mo"}};
    for (unsigned i = 0; i < 3; i++)
        for (unsigned k = 0; k < ARRAY_LEN(kinds); k++)
            if (row->op[i] == kinds[k].op)
                return kinds[k].text;
    return "";
}

static bool has_op(const struct insn_row *row, u8 a, u8 b)
{
    for (unsigned i = 0; i < 3; i++)
        if (row->op[i] == a || row->op[i] == b)
            return true;
    return false;
}

/* As the manual writes it: "66 0F 38 00 /r", "80 /4 ib". */
static void describe(struct form *f, const struct insn_row *row)
{
    static const char *const prefixes[] = {
        [MP_ANY] = "", [MP_NONE] = "NP ", [MP_66] = "66 ", [MP_F3] = "F3 ", [MP_F2] = "F2 "};
    static const char *const maps[] = {"", "0F ", "0F 38 ", "0F 3A ", "0F 0F /r "};
    bool rex_r = row->reg >= 8 && row->reg < 16;
    char modrm[8] = "";
    if (row->reg >= MODRM(0))
        snprintf(modrm, sizeof(modrm), " %02X", row->reg & 0xff);
    else if (row->map == MAP_3DNOW)
        modrm[0] = 0;
    else if (row->reg >= 0)
        snprintf(modrm, sizeof(modrm), " /%d", row->reg & 7);
    else if (insn_row_has_modrm(row))
        strcpy(modrm, " /r");
    bool plain = row->reg >= MODRM(0) || row->map == MAP_3DNOW;
    if (plain)
        ;
    else if (insn_row_has_modrm(row) && !insn_row_takes_reg(row))
        strcat(modrm, " m");
    else if (insn_row_has_modrm(row) && !insn_row_takes_mem(row))
        strcat(modrm, " r");
    snprintf(f->name, sizeof(f->name), "%s", row->name);
    snprintf(f->encoding, sizeof(f->encoding), "%s%s%s%02X%s%s%s%s", prefixes[row->mand],
             row->attr & IA_REXW ? "REX.W "
             : rex_r             ? "REX.R "
                                 : "",
             maps[row->map], row->opcode, has_op(row, OP_Zb, OP_Zv) ? "+r" : "", modrm,
             immediate(row), row->attr & IA_64 ? " (64-bit mode)" : "");
}

static void describe_x87(struct form *f, struct decoder *d)
{
    const u8 bytes[16] = {f->opcode, f->modrm};
    char text[64];
    decode_text(d, bytes, sizeof(bytes), CODE32, 0, text, sizeof(text));
    text[strcspn(text, " ")] = 0;
    snprintf(f->name, sizeof(f->name), "%.15s", text);
    if (f->modrm < 0xc0)
        snprintf(f->encoding, sizeof(f->encoding), "%02X /%u m", f->opcode, f->modrm >> 3);
    else
        snprintf(f->encoding, sizeof(f->encoding), "%02X %02X%s", f->opcode, f->modrm,
                 f->rm_any ? "+i" : "");
}

static void add(struct forms *f, const struct form *form)
{
    f->form = realloc(f->form, (f->len + 1) * sizeof(*f->form));
    CHECK(f->form, "out of memory");
    f->form[f->len++] = *form;
}

/* Do all eight rm of a register row mean the same? */
static bool same_for_all(unsigned opcode, unsigned modrm)
{
    const struct x87_form *first = x87_lookup(opcode, modrm);
    for (unsigned i = 1; i < 8; i++)
        if (x87_lookup(opcode, modrm + i) != first)
            return false;
    return first;
}

static void add_x87(struct forms *f, u16 row, struct decoder *d, u64 isas)
{
    struct form form = {.row = row, .opcode = insn_table[row].opcode};
    form.skip = skip_of(&insn_table[row], isas);
    for (unsigned modrm = 0; modrm < 0x100; modrm += modrm < 0xc0 ? 8 : 1) {
        if ((modrm >= 0x40 && modrm < 0xc0) || !x87_lookup(form.opcode, modrm))
            continue;
        form.modrm = (u8)modrm;
        form.rm_any = modrm >= 0xc0 && same_for_all(form.opcode, modrm & 0xf8);
        if (form.rm_any && (modrm & 7))
            continue;
        describe_x87(&form, d);
        add(f, &form);
    }
}

struct forms *forms_new(void)
{
    struct forms *f = calloc(1, sizeof(*f));
    struct decoder *d = decoder_new();
    u64 isas = host_isas();
    CHECK(f && d, "out of memory");
    f->of_row = calloc(insn_table_len, sizeof(*f->of_row));
    CHECK(f->of_row, "out of memory");
    for (unsigned i = 0; i < insn_table_len; i++) {
        struct form form = {.row = (u16)i};
        f->of_row[i] = (u16)f->len;
        if (insn_table[i].isa == ISA_FPU) {
            add_x87(f, (u16)i, d, isas);
            continue;
        }
        form.skip = skip_of(&insn_table[i], isas);
        describe(&form, &insn_table[i]);
        add(f, &form);
    }
    decoder_free(d);
    return f;
}

void forms_free(struct forms *f)
{
    free(f->form);
    free(f->of_row);
    free(f);
}

unsigned form_of(const struct forms *f, const struct insn *in)
{
    unsigned i = f->of_row[in->row];
    if (insn_table[in->row].isa != ISA_FPU)
        return i;
    unsigned modrm = in->modrm < 0xc0 ? in->modrm & 0x38 : in->modrm;
    while (i + 1 < f->len && f->form[i + 1].row == in->row && f->form[i + 1].modrm <= modrm)
        i++;
    return i;
}

/* A plain instance of the form. */
static void instance(const struct form *form, struct insn *in)
{
    const struct insn_row *row = &insn_table[form->row];
    *in = (struct insn){.row = form->row,
                        .len = 4,
                        .map = row->map,
                        .opcode = row->opcode,
                        .opsize = 4,
                        .addrsize = 4,
                        .seg = SEG_DS,
                        .base = EBX,
                        .index = GPR_NONE,
                        .imm = 1};
    unsigned mod = insn_row_takes_mem(row) ? 0 : 0xc0;
    in->modrm = (u8)(mod | (row->reg > 0 ? (row->reg & 7) << 3 : 0) | 3);
    if (row->reg >= MODRM(0))
        in->modrm = (u8)row->reg;
    if (row->isa == ISA_FPU)
        in->modrm = form->modrm;
}

const char *form_how(const struct form *form)
{
    struct ir *ir = calloc(1, sizeof(*ir));
    struct lift l = {.ir = ir,
                     .isas = ISA_ALL,
                     .gen = ISA_GENERATIONS - 1,
                     .mode = MODE_CODE32 | MODE_STACK32 | MODE_PROT | MODE_CPL0 | MODE_CS_FLAT};
    struct insn in;
    bool calls = false;
    CHECK(ir, "out of memory");
    ir_begin(ir, l.mode);
    instance(form, &in);
    lift_insn(&l, &in);
    for (unsigned i = 0; i < ir->nops; i++)
        calls |= ir->ops[i].op == IR_CALL;
    free(ir);
    return calls ? "helper" : "lifted";
}
