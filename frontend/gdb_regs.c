/* GDB's view of the registers: their numbers, and the target description that names them.
 *
 * GDB's pc is what it disassembles at, sets breakpoints by and steps from, and all of that is in
 * linear addresses here: so register 8, GDB's $eip and $pc, is CS.base + EIP in every mode. The
 * offset itself is $ip. Where CS.base is 0 they are the same. */
#include "frontend/gdb.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "frontend/session.h"

/* Which description has a register: GDB's of 32-bit mode, of 64-bit mode. */
enum { NARROW = 1, WIDE = 2, BOTH = NARROW | WIDE };

/* In GDB's order. */
static const struct reg {
    const char *name, *ours; /* GDB's, the library's */
    const char *type;
    unsigned in;
} core[] = {
    {"eax", "eax", "int32", NARROW},      {"ecx", "ecx", "int32", NARROW},
    {"edx", "edx", "int32", NARROW},      {"ebx", "ebx", "int32", NARROW},
    {"esp", "esp", "data_ptr", NARROW},   {"ebp", "ebp", "data_ptr", NARROW},
    {"esi", "esi", "int32", NARROW},      {"edi", "edi", "int32", NARROW},
    {"eip", "pc", "code_ptr", NARROW},    {"rax", "rax", "int64", WIDE},
    {"rbx", "rbx", "int64", WIDE},        {"rcx", "rcx", "int64", WIDE},
    {"rdx", "rdx", "int64", WIDE},        {"rsi", "rsi", "int64", WIDE},
    {"rdi", "rdi", "int64", WIDE},        {"rbp", "rbp", "data_ptr", WIDE},
    {"rsp", "rsp", "data_ptr", WIDE},     {"r8", "r8", "int64", WIDE},
    {"r9", "r9", "int64", WIDE},          {"r10", "r10", "int64", WIDE},
    {"r11", "r11", "int64", WIDE},        {"r12", "r12", "int64", WIDE},
    {"r13", "r13", "int64", WIDE},        {"r14", "r14", "int64", WIDE},
    {"r15", "r15", "int64", WIDE},        {"rip", "pc64", "code_ptr", WIDE},
    {"eflags", "eflags", "eflags", BOTH}, {"cs", "cs", "int32", BOTH},
    {"ss", "ss", "int32", BOTH},          {"ds", "ds", "int32", BOTH},
    {"es", "es", "int32", BOTH},          {"fs", "fs", "int32", BOTH},
    {"gs", "gs", "int32", BOTH},          {"st0", "st0", "i387_ext", BOTH},
    {"st1", "st1", "i387_ext", BOTH},     {"st2", "st2", "i387_ext", BOTH},
    {"st3", "st3", "i387_ext", BOTH},     {"st4", "st4", "i387_ext", BOTH},
    {"st5", "st5", "i387_ext", BOTH},     {"st6", "st6", "i387_ext", BOTH},
    {"st7", "st7", "i387_ext", BOTH},     {"fctrl", "fctrl", "int", BOTH},
    {"fstat", "fstat", "int", BOTH},      {"ftag", "ftag", "int", BOTH},
    {"fiseg", "fiseg", "int", BOTH},      {"fioff", "fioff", "int", BOTH},
    {"foseg", "foseg", "int", BOTH},      {"fooff", "fooff", "int", BOTH},
    {"fop", "fop", "int", BOTH},
};
static const struct reg sse[] = {
    {"xmm0", "xmm0", "vec128", BOTH},   {"xmm1", "xmm1", "vec128", BOTH},
    {"xmm2", "xmm2", "vec128", BOTH},   {"xmm3", "xmm3", "vec128", BOTH},
    {"xmm4", "xmm4", "vec128", BOTH},   {"xmm5", "xmm5", "vec128", BOTH},
    {"xmm6", "xmm6", "vec128", BOTH},   {"xmm7", "xmm7", "vec128", BOTH},
    {"xmm8", "xmm8", "vec128", WIDE},   {"xmm9", "xmm9", "vec128", WIDE},
    {"xmm10", "xmm10", "vec128", WIDE}, {"xmm11", "xmm11", "vec128", WIDE},
    {"xmm12", "xmm12", "vec128", WIDE}, {"xmm13", "xmm13", "vec128", WIDE},
    {"xmm14", "xmm14", "vec128", WIDE}, {"xmm15", "xmm15", "vec128", WIDE},
    {"mxcsr", "mxcsr", "mxcsr", BOTH},
};
static const struct reg segments[] = {
    {"fs_base", "fs.base64", "int64", WIDE},
    {"gs_base", "gs.base64", "int64", WIDE},
};
static const struct reg machine[] = {
    {"ip", "eip", "int32", NARROW},
    {"ip", "rip", "int64", WIDE},
    {"k_gs_base", "kernel_gs.base", "int64", WIDE},
    {"cs_base", "cs.base", "int32", BOTH},
    {"ss_base", "ss.base", "int32", BOTH},
    {"ds_base", "ds.base", "int32", BOTH},
    {"es_base", "es.base", "int32", BOTH},
    {"fs_base", "fs.base", "int32", NARROW},
    {"gs_base", "gs.base", "int32", NARROW},
    {"cs_limit", "cs.limit", "int32", BOTH},
    {"ss_limit", "ss.limit", "int32", BOTH},
    {"ds_limit", "ds.limit", "int32", BOTH},
    {"es_limit", "es.limit", "int32", BOTH},
    {"fs_limit", "fs.limit", "int32", BOTH},
    {"gs_limit", "gs.limit", "int32", BOTH},
    {"cpl", "cpl", "int32", BOTH},
    {"code_bits", "cs.bits", "int32", BOTH},
    {"cr0", "cr0", "cr0", BOTH},
    {"cr2", "cr2", "int32", NARROW},
    {"cr3", "cr3", "int32", NARROW},
    {"cr2", "cr2.64", "int64", WIDE},
    {"cr3", "cr3.64", "int64", WIDE},
    {"cr4", "cr4", "cr4", BOTH},
    {"efer", "efer", "int64", NARROW},
    {"dr0", "dr0", "int32", NARROW},
    {"dr1", "dr1", "int32", NARROW},
    {"dr2", "dr2", "int32", NARROW},
    {"dr3", "dr3", "int32", NARROW},
    {"dr6", "dr6", "int32", NARROW},
    {"dr7", "dr7", "int32", NARROW},
    {"gdtr", "gdtr", "int32", NARROW},
    {"cr8", "cr8", "int32", WIDE},
    {"efer", "efer", "efer", WIDE},
    {"dr0", "dr0.64", "int64", WIDE},
    {"dr1", "dr1.64", "int64", WIDE},
    {"dr2", "dr2.64", "int64", WIDE},
    {"dr3", "dr3.64", "int64", WIDE},
    {"dr6", "dr6.64", "int64", WIDE},
    {"dr7", "dr7.64", "int64", WIDE},
    {"gdtr", "gdtr.64", "int64", WIDE},
    {"gdtr_limit", "gdtr.limit", "int32", BOTH},
    {"idtr", "idtr", "int32", NARROW},
    {"idtr", "idtr.64", "int64", WIDE},
    {"idtr_limit", "idtr.limit", "int32", BOTH},
    {"ldtr", "ldtr", "int32", BOTH},
    {"ldtr_base", "ldtr.base", "int32", NARROW},
    {"ldtr_base", "ldtr.base64", "int64", WIDE},
    {"tr", "tr", "int32", BOTH},
    {"tr_base", "tr.base", "int32", NARROW},
    {"tr_base", "tr.base64", "int64", WIDE},
};

static const struct flag {
    const char *type, *name;
    unsigned bit;
} flags[] = {
    {"eflags", "CF", 0},       {"eflags", "", 1},    {"eflags", "PF", 2},   {"eflags", "AF", 4},
    {"eflags", "ZF", 6},       {"eflags", "SF", 7},  {"eflags", "TF", 8},   {"eflags", "IF", 9},
    {"eflags", "DF", 10},      {"eflags", "OF", 11}, {"eflags", "NT", 14},  {"eflags", "RF", 16},
    {"eflags", "VM", 17},      {"eflags", "AC", 18}, {"eflags", "VIF", 19}, {"eflags", "VIP", 20},
    {"eflags", "ID", 21},      {"mxcsr", "IE", 0},   {"mxcsr", "DE", 1},    {"mxcsr", "ZE", 2},
    {"mxcsr", "OE", 3},        {"mxcsr", "UE", 4},   {"mxcsr", "PE", 5},    {"mxcsr", "DAZ", 6},
    {"mxcsr", "IM", 7},        {"mxcsr", "DM", 8},   {"mxcsr", "ZM", 9},    {"mxcsr", "OM", 10},
    {"mxcsr", "UM", 11},       {"mxcsr", "PM", 12},  {"mxcsr", "FZ", 15},   {"cr0", "PE", 0},
    {"cr0", "MP", 1},          {"cr0", "EM", 2},     {"cr0", "TS", 3},      {"cr0", "ET", 4},
    {"cr0", "NE", 5},          {"cr0", "WP", 16},    {"cr0", "AM", 18},     {"cr0", "NW", 29},
    {"cr0", "CD", 30},         {"cr0", "PG", 31},    {"cr4", "VME", 0},     {"cr4", "PVI", 1},
    {"cr4", "TSD", 2},         {"cr4", "DE", 3},     {"cr4", "PSE", 4},     {"cr4", "PAE", 5},
    {"cr4", "MCE", 6},         {"cr4", "PGE", 7},    {"cr4", "PCE", 8},     {"cr4", "OSFXSR", 9},
    {"cr4", "OSXMMEXCPT", 10}, {"cr4", "UMIP", 11},  {"cr4", "SMEP", 20},   {"cr4", "SMAP", 21},
    {"efer", "SCE", 0},        {"efer", "LME", 8},   {"efer", "LMA", 10},   {"efer", "NXE", 11},
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* The features of the description, in the order of the numbers. */
static const struct feature {
    const char *name;
    const struct reg *regs;
    unsigned n;
    unsigned in; /* descriptions */
    const char *group;
    bool sse;
} features[] = {
    {"org.gnu.gdb.i386.core", core, COUNT(core), BOTH, NULL, false},
    {"org.gnu.gdb.i386.sse", sse, COUNT(sse), BOTH, NULL, true},
    {"org.gnu.gdb.i386.segments", segments, COUNT(segments), WIDE, NULL, false},
    {"org.orrery.i386.machine", machine, COUNT(machine), BOTH, "system", false},
};

static unsigned description(const struct gdb_target *t)
{
    return t->wide ? WIDE : NARROW;
}

static bool is_there(const struct gdb_target *t, const struct feature *f)
{
    return (f->in & description(t)) && (!f->sse || orrery_has_sse(t->session->machine));
}

/* The register of this number, or NULL; *n: how many were passed over on the way. */
static const struct reg *look_up(const struct gdb_target *t, unsigned number, unsigned *n)
{
    *n = 0;
    for (unsigned i = 0; i < COUNT(features); i++) {
        const struct feature *f = &features[i];
        for (unsigned k = 0; k < f->n && is_there(t, f); k++)
            if ((f->regs[k].in & description(t)) && (*n)++ == number)
                return &f->regs[k];
    }
    return NULL;
}

unsigned gdb_registers(const struct gdb_target *t)
{
    unsigned n;

    look_up(t, UINT_MAX, &n);
    return n;
}

/* The library's number, or -1. */
static int find(const struct gdb_target *t, unsigned reg)
{
    unsigned n;
    const struct reg *r = look_up(t, reg, &n);

    return r ? orrery_find_register(r->ours) : -1;
}

bool gdb_put_register(const struct gdb_target *t, unsigned reg, struct gdb_reply *r)
{
    uint8_t value[ORRERY_REGISTER_MAX];
    int ours = find(t, reg);

    if (ours < 0)
        return false;
    orrery_read_register(t->session->machine, ours, value);
    gdb_put_hex(r, value, orrery_register_bytes(ours));
    return true;
}

void gdb_put_registers(const struct gdb_target *t, struct gdb_reply *r)
{
    for (unsigned i = 0; gdb_put_register(t, i, r); i++)
        ;
}

bool gdb_write_register(const struct gdb_target *t, unsigned reg, const char *hex, size_t *used)
{
    uint8_t value[ORRERY_REGISTER_MAX], now[ORRERY_REGISTER_MAX];
    int ours = find(t, reg);
    unsigned bytes;

    if (ours < 0)
        return false;
    bytes = orrery_register_bytes(ours);
    *used = 2 * bytes;
    if (!gdb_hex(hex, value, bytes))
        return false;
    orrery_read_register(t->session->machine, ours, now);
    return !memcmp(value, now, bytes) || orrery_write_register(t->session->machine, ours, value);
}

/* ---- the description ---- */

static const char vec128[] =
    "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>"
    "<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
    "<vector id=\"v16i8\" type=\"int8\" count=\"16\"/>"
    "<vector id=\"v8i16\" type=\"int16\" count=\"8\"/>"
    "<vector id=\"v4i32\" type=\"int32\" count=\"4\"/>"
    "<vector id=\"v2i64\" type=\"int64\" count=\"2\"/>"
    "<union id=\"vec128\"><field name=\"v4_float\" type=\"v4f\"/>"
    "<field name=\"v2_double\" type=\"v2d\"/><field name=\"v16_int8\" type=\"v16i8\"/>"
    "<field name=\"v8_int16\" type=\"v8i16\"/><field name=\"v4_int32\" type=\"v4i32\"/>"
    "<field name=\"v2_int64\" type=\"v2i64\"/><field name=\"uint128\" type=\"uint128\"/></union>";

static void put_flags(FILE *out, const char *type)
{
    fprintf(out, "<flags id=\"%s\" size=\"%u\">", type,
            orrery_register_bytes(orrery_find_register(type)));
    for (size_t i = 0; i < COUNT(flags); i++)
        if (!strcmp(flags[i].type, type))
            fprintf(out, "<field name=\"%s\" start=\"%u\" end=\"%u\"/>", flags[i].name,
                    flags[i].bit, flags[i].bit);
    fputs("</flags>", out);
}

/* The types of flags that the feature's registers have. */
static void put_types(FILE *out, const struct feature *f, unsigned in)
{
    static const char *const types[] = {"eflags", "mxcsr", "cr0", "cr4", "efer"};

    for (unsigned i = 0; i < COUNT(types); i++)
        for (unsigned k = 0; k < f->n; k++)
            if ((f->regs[k].in & in) && !strcmp(f->regs[k].type, types[i]))
                put_flags(out, types[i]);
}

static void put_feature(FILE *out, const struct feature *f, unsigned in)
{
    fprintf(out, "<feature name=\"%s\">", f->name);
    put_types(out, f, in);
    if (f->sse)
        fputs(vec128, out);
    for (unsigned i = 0; i < f->n; i++) {
        const struct reg *r = &f->regs[i];
        unsigned bytes = orrery_register_bytes(orrery_find_register(r->ours));
        if (!(r->in & in))
            continue;
        fprintf(out, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\"", r->name, 8 * bytes, r->type);
        if (f->group)
            fprintf(out, " group=\"%s\"", f->group);
        fputs("/>", out);
    }
    fputs("</feature>", out);
}

char *gdb_description(struct gdb_target *t)
{
    const struct session *s = t->session;
    bool kernel = s->options.config.kernel; /* what is debugged, not what starts it */
    const char *arch = kernel || orrery_code_bits(s->machine) > 16 ? "i386" : "i8086";
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);

    CHECK(out, "out of memory");
    t->wide = orrery_debugs_64(s->machine);
    if (t->wide)
        arch = "i386:x86-64";
    fprintf(out,
            "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target>"
            "<architecture>%s</architecture><osabi>none</osabi>",
            arch);
    for (unsigned i = 0; i < COUNT(features); i++)
        if (is_there(t, &features[i]))
            put_feature(out, &features[i], description(t));
    fputs("</target>", out);
    CHECK(!fclose(out), "out of memory");
    return text;
}
