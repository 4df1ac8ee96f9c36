/* The CPU's registers as a list, to be read and written by debuggers. What is written enters
 * through the journal (control.c). Writing keeps the CPU consistent: a selector is loaded with the
 * checks that its MOV would make, control registers take only what the manual allows (SDM 3A 2.5),
 * the mode word follows. */
#include "base/bytes.h"
#include "cpu/cpuid.h"
#include "cpu/crs.h"
#include "cpu/seg.h"
#include "cpu/x87_ops.h"
#include "machine/machine.h"

#include <string.h>

struct row {
    const char *name;
    u8 bytes;
    u8 arg;
    u16 at; /* offset in struct cpu, where a register is just that */
    void (*get)(const struct cpu *cpu, const struct row *r, u8 *out); /* NULL: by offset */
    bool (*set)(struct cpu *cpu, const struct row *r, const u8 *in);  /* NULL: read-only */
};

static u32 get32(const u8 *in)
{
    return (u32)load_le(in, 4);
}

/* Of a row that has 4 or 8 bytes. */
static u64 get_value(const struct row *r, const u8 *in)
{
    return load_le(in, r->bytes);
}

/* ---- by offset ---- */

static bool set_plain(struct cpu *cpu, const struct row *r, const u8 *in)
{
    memcpy((u8 *)cpu + r->at, in, r->bytes);
    return true;
}

/* Outside 64-bit mode general registers have 32 bits. */
static bool set_gpr(struct cpu *cpu, const struct row *r, const u8 *in)
{
    cpu->gpr[r->arg] = get_value(r, in) & cpu->eip_mask;
    return true;
}

/* What the mode word depends on. */
static bool set_mode(struct cpu *cpu, const struct row *r, const u8 *in)
{
    set_plain(cpu, r, in);
    cpu_update_mode(cpu);
    return true;
}

/* ---- EIP and flags ---- */

static void get_eip(const struct cpu *cpu, const struct row *r, u8 *out)
{
    store_le(out, r->bytes, r->arg ? cpu_code_linear(cpu, cpu_eip(cpu)) : cpu_eip(cpu));
}

/* It also ends HLT and a repeated instruction: the CPU is somewhere else. */
static bool set_eip(struct cpu *cpu, const struct row *r, const u8 *in)
{
    u64 eip = (get_value(r, in) - (r->arg ? cpu->seg[SEG_CS].base : 0)) & cpu->eip_mask;

    if (cpu_is_code64(cpu) ? !laddr_is_canonical(eip) : eip > cpu->seg[SEG_CS].limit)
        return false;
    if (eip == cpu->eip)
        return true;
    cpu->eip = eip;
    cpu->events &= ~(u32)EV_WAIT;
    cpu->rep_more = false;
    return true;
}

static void get_eflags(const struct cpu *cpu, const struct row *r, u8 *out)
{
    (void)r;
    store_le(out, 4, cpu_eflags(cpu));
}

/* VM stays: the segments would no longer fit. */
static bool set_eflags(struct cpu *cpu, const struct row *r, const u8 *in)
{
    (void)r;
    cpu_set_eflags(cpu, (get32(in) & ~(u32)FLAG_VM) | (cpu->eflags & FLAG_VM));
    cpu_update_mode(cpu);
    return true;
}

/* ---- what may be refused by a fault ---- */

/* False: it raised. Nothing has then been changed by it. */
static bool attempt(struct cpu *cpu, void (*fn)(struct cpu *cpu, unsigned arg, u64 value),
                    unsigned arg, u64 value)
{
    sigjmp_buf env, *outer = cpu->unwind;
    volatile u64 cr2 = cpu->cr2;
    volatile bool ok = true;

    cpu->unwind = &env;
    if (sigsetjmp(env, 0)) {
        cpu->cr2 = cr2;
        ok = false;
    } else {
        fn(cpu, arg, value);
    }
    cpu->unwind = outer;
    return ok;
}

/* CS of the same privilege, as a far jump would load it. */
static void load_cs(struct cpu *cpu, u16 sel)
{
    struct segment *cs = &cpu->seg[SEG_CS];
    struct desc d;

    if (!cpu_prot(cpu)) {
        if (cpu->eflags & FLAG_VM)
            seg_set_v86(cs, sel);
        else
            seg_set_real(cs, sel);
    } else {
        if (sel_null(sel) || !desc_fetch(cpu, sel, &d) || !desc_is_code(d) || !(d.hi & DH_P) ||
            (d.hi & DH_CONFORM ? desc_dpl(d) > cpu->cpl : desc_dpl(d) != cpu->cpl))
            cpu_raise_err(cpu, VEC_GP, sel_err(sel), why_sel(RULE_code_type, sel));
        desc_set(cpu, sel, &d, DH_ACCESSED);
        seg_from_desc(cs, (u16)((sel & ~3u) | cpu->cpl), d);
    }
    cpu_update_mode(cpu);
}

static void load_selector(struct cpu *cpu, unsigned seg, u64 sel)
{
    if (seg == SEG_CS)
        load_cs(cpu, (u16)sel);
    else
        seg_load(cpu, (enum seg)seg, (u16)sel);
}

static void get_selector(const struct cpu *cpu, const struct row *r, u8 *out)
{
    store_le(out, 4, cpu->seg[r->arg].sel);
}

static bool set_selector(struct cpu *cpu, const struct row *r, const u8 *in)
{
    return get32(in) == cpu->seg[r->arg].sel || attempt(cpu, load_selector, r->arg, get32(in));
}

static void load_cr(struct cpu *cpu, unsigned n, u64 value)
{
    static void (*const load[])(struct cpu * cpu, u64 value) = {
        [0] = cr0_load, [3] = cr3_load, [4] = cr4_load, [8] = cr8_load};

    load[n](cpu, value);
}

static bool set_cr(struct cpu *cpu, const struct row *r, const u8 *in)
{
    return attempt(cpu, load_cr, r->arg, get_value(r, in));
}

static void load_dr(struct cpu *cpu, unsigned n, u64 value)
{
    dr_load(cpu, n, value);
}

static void get_cr8(const struct cpu *cpu, const struct row *r, u8 *out)
{
    store_le(out, r->bytes, cr8_read(cpu));
}

/* Of FS, GS, LDTR and TR; the row's place is that of the low half. */
static bool set_base64(struct cpu *cpu, const struct row *r, const u8 *in)
{
    struct segment *s = &cpu->seg[r->arg];
    u64 base = get_value(r, in);

    if (!laddr_is_canonical(base))
        return false;
    s->base = (u32)base;
    s->base_high = (u32)(base >> 32);
    cpu_update_mode(cpu);
    return true;
}

static bool set_canonical(struct cpu *cpu, const struct row *r, const u8 *in)
{
    return laddr_is_canonical(get_value(r, in)) && set_plain(cpu, r, in);
}

static bool set_dr(struct cpu *cpu, const struct row *r, const u8 *in)
{
    return attempt(cpu, load_dr, r->arg, get_value(r, in));
}

static void get_cpl(const struct cpu *cpu, const struct row *r, u8 *out)
{
    (void)r;
    store_le(out, 4, cpu->cpl);
}

/* Of the code that runs now. */
static void get_code_bits(const struct cpu *cpu, const struct row *r, u8 *out)
{
    (void)r;
    store_le(out, 4, 16u << mode_code_size(cpu->mode));
}

/* ---- floating point ---- */

/* arg: the register on top of the stack is 0. */
static void get_st(const struct cpu *cpu, const struct row *r, u8 *out)
{
    const struct f80 *st = &cpu->fpu.st[(x87_top(&cpu->fpu) + r->arg) & 7];

    store_le(out, 8, st->sig);
    store_le(out + 8, 2, st->se);
}

static bool set_st(struct cpu *cpu, const struct row *r, const u8 *in)
{
    struct f80 *st = &cpu->fpu.st[(x87_top(&cpu->fpu) + r->arg) & 7];

    *st = (struct f80){load_le(in, 8), (u16)load_le(in + 8, 2)};
    return true;
}

static void get_u16(const struct cpu *cpu, const struct row *r, u8 *out)
{
    u16 v;

    memcpy(&v, (const u8 *)cpu + r->at, sizeof(v));
    store_le(out, 4, v);
}

static bool set_u16(struct cpu *cpu, const struct row *r, const u8 *in)
{
    u16 v = (u16)get32(in);

    memcpy((u8 *)cpu + r->at, &v, sizeof(v));
    return true;
}

static bool set_fcw(struct cpu *cpu, const struct row *r, const u8 *in)
{
    (void)r;
    cpu->fpu.fcw = (u16)((get32(in) & FCW_WRITABLE) | FCW_RESERVED_ONE);
    x87_update_es(&cpu->fpu);
    cpu_update_mode(cpu);
    return true;
}

static bool set_fsw(struct cpu *cpu, const struct row *r, const u8 *in)
{
    (void)r;
    cpu->fpu.fsw = (u16)get32(in);
    x87_update_es(&cpu->fpu);
    return true;
}

static void get_tags(const struct cpu *cpu, const struct row *r, u8 *out)
{
    (void)r;
    store_le(out, 4, x87_full_tags(&cpu->fpu));
}

static bool set_tags(struct cpu *cpu, const struct row *r, const u8 *in)
{
    u32 tags = get32(in);

    (void)r;
    cpu->fpu.empty = 0;
    for (unsigned i = 0; i < 8; i++)
        if ((tags >> 2 * i & 3) == 3)
            cpu->fpu.empty |= (u8)(1u << i);
    return true;
}

static bool set_fop(struct cpu *cpu, const struct row *r, const u8 *in)
{
    (void)r;
    cpu->fpu.fop = (u16)(get32(in) & 0x7ff);
    return true;
}

static bool set_mxcsr(struct cpu *cpu, const struct row *r, const u8 *in)
{
    if (get32(in) & ~0xffffu)
        return false;
    return set_mode(cpu, r, in);
}

/* ---- the list ---- */

#define AT(f) offsetof(struct cpu, f)
#define GPR(n, bytes, i)                                                                           \
    {                                                                                              \
        n, bytes, i, AT(gpr) + (i)*8, NULL, set_gpr                                                \
    }
#define SEL(n, i)                                                                                  \
    {                                                                                              \
        n, 4, i, 0, get_selector, set_selector                                                     \
    }
#define BASE(n, i)                                                                                 \
    {                                                                                              \
        n, 4, i, AT(seg[i].base), NULL, set_mode                                                   \
    }
#define LIMIT(n, i)                                                                                \
    {                                                                                              \
        n, 4, i, AT(seg[i].limit), NULL, NULL                                                      \
    }
#define CR(n, i)                                                                                   \
    {                                                                                              \
        n, 4, i, AT(cr##i), NULL, set_cr                                                           \
    }
#define DR(n, bytes, i)                                                                            \
    {                                                                                              \
        n, bytes, i, AT(dr[i]), NULL, set_dr                                                       \
    }
#define BASE64(n, s, i, set)                                                                       \
    {                                                                                              \
        n, 8, i, AT(s.base), NULL, set                                                             \
    }
#define ST(n, i)                                                                                   \
    {                                                                                              \
        n, 10, i, 0, get_st, set_st                                                                \
    }
#define FPU16(n, f, set)                                                                           \
    {                                                                                              \
        n, 4, 0, AT(fpu.f), get_u16, set                                                           \
    }
#define FPU32(n, f)                                                                                \
    {                                                                                              \
        n, 4, 0, AT(fpu.f), NULL, set_plain                                                        \
    }
#define XMM(n, i)                                                                                  \
    {                                                                                              \
        n, 16, 0, AT(xmm[i]), NULL, set_plain                                                      \
    }

/* Journals refer to rows by number: new ones go to the end. */
static const struct row rows[] = {
    GPR("eax", 4, EAX),
    GPR("ecx", 4, ECX),
    GPR("edx", 4, EDX),
    GPR("ebx", 4, EBX),
    GPR("esp", 4, ESP),
    GPR("ebp", 4, EBP),
    GPR("esi", 4, ESI),
    GPR("edi", 4, EDI),
    {"eip", 4, 0, 0, get_eip, set_eip},
    {"pc", 4, 1, 0, get_eip, set_eip},
    {"eflags", 4, 0, 0, get_eflags, set_eflags},
    SEL("es", SEG_ES),
    SEL("cs", SEG_CS),
    SEL("ss", SEG_SS),
    SEL("ds", SEG_DS),
    SEL("fs", SEG_FS),
    SEL("gs", SEG_GS),
    BASE("es.base", SEG_ES),
    BASE("cs.base", SEG_CS),
    BASE("ss.base", SEG_SS),
    BASE("ds.base", SEG_DS),
    BASE("fs.base", SEG_FS),
    BASE("gs.base", SEG_GS),
    LIMIT("es.limit", SEG_ES),
    LIMIT("cs.limit", SEG_CS),
    LIMIT("ss.limit", SEG_SS),
    LIMIT("ds.limit", SEG_DS),
    LIMIT("fs.limit", SEG_FS),
    LIMIT("gs.limit", SEG_GS),
    CR("cr0", 0),
    {"cr2", 4, 0, AT(cr2), NULL, set_plain},
    CR("cr3", 3),
    CR("cr4", 4),
    {"efer", 8, 0, AT(msr.efer), NULL, NULL},
    {"cpl", 4, 0, 0, get_cpl, NULL},
    {"cs.bits", 4, 0, 0, get_code_bits, NULL},
    DR("dr0", 4, 0),
    DR("dr1", 4, 1),
    DR("dr2", 4, 2),
    DR("dr3", 4, 3),
    DR("dr6", 4, 6),
    DR("dr7", 4, 7),
    {"gdtr", 4, 0, AT(gdtr.base), NULL, set_plain},
    {"idtr", 4, 0, AT(idtr.base), NULL, set_plain},
    {"gdtr.limit", 4, 0, AT(gdtr.limit), get_u16, set_u16},
    {"idtr.limit", 4, 0, AT(idtr.limit), get_u16, set_u16},
    {"ldtr", 4, 0, AT(ldtr.sel), get_u16, NULL},
    {"ldtr.base", 4, 0, AT(ldtr.base), NULL, NULL},
    {"tr", 4, 0, AT(tr.sel), get_u16, NULL},
    {"tr.base", 4, 0, AT(tr.base), NULL, NULL},
    ST("st0", 0),
    ST("st1", 1),
    ST("st2", 2),
    ST("st3", 3),
    ST("st4", 4),
    ST("st5", 5),
    ST("st6", 6),
    ST("st7", 7),
    FPU16("fctrl", fcw, set_fcw),
    FPU16("fstat", fsw, set_fsw),
    {"ftag", 4, 0, 0, get_tags, set_tags},
    FPU16("fiseg", fcs, set_u16),
    FPU32("fioff", fip),
    FPU16("foseg", fds, set_u16),
    FPU32("fooff", fdp),
    FPU16("fop", fop, set_fop),
    XMM("xmm0", 0),
    XMM("xmm1", 1),
    XMM("xmm2", 2),
    XMM("xmm3", 3),
    XMM("xmm4", 4),
    XMM("xmm5", 5),
    XMM("xmm6", 6),
    XMM("xmm7", 7),
    {"mxcsr", 4, 0, AT(mxcsr), NULL, set_mxcsr},
    GPR("rax", 8, EAX),
    GPR("rcx", 8, ECX),
    GPR("rdx", 8, EDX),
    GPR("rbx", 8, EBX),
    GPR("rsp", 8, ESP),
    GPR("rbp", 8, EBP),
    GPR("rsi", 8, ESI),
    GPR("rdi", 8, EDI),
    GPR("r8", 8, 8),
    GPR("r9", 8, 9),
    GPR("r10", 8, 10),
    GPR("r11", 8, 11),
    GPR("r12", 8, 12),
    GPR("r13", 8, 13),
    GPR("r14", 8, 14),
    GPR("r15", 8, 15),
    {"rip", 8, 0, 0, get_eip, set_eip},
    {"pc64", 8, 1, 0, get_eip, set_eip},
    BASE64("fs.base64", seg[SEG_FS], SEG_FS, set_base64),
    BASE64("gs.base64", seg[SEG_GS], SEG_GS, set_base64),
    BASE64("ldtr.base64", ldtr, 0, NULL),
    BASE64("tr.base64", tr, 0, NULL),
    {"kernel_gs.base", 8, 0, AT(msr.kernel_gs_base), NULL, set_canonical},
    {"cr2.64", 8, 0, AT(cr2), NULL, set_plain},
    {"cr3.64", 8, 3, AT(cr3), NULL, set_cr},
    {"cr8", 4, 8, 0, get_cr8, set_cr},
    DR("dr0.64", 8, 0),
    DR("dr1.64", 8, 1),
    DR("dr2.64", 8, 2),
    DR("dr3.64", 8, 3),
    DR("dr6.64", 8, 6),
    DR("dr7.64", 8, 7),
    {"gdtr.64", 8, 0, AT(gdtr.base), NULL, set_canonical},
    {"idtr.64", 8, 0, AT(idtr.base), NULL, set_canonical},
    XMM("xmm8", 8),
    XMM("xmm9", 9),
    XMM("xmm10", 10),
    XMM("xmm11", 11),
    XMM("xmm12", 12),
    XMM("xmm13", 13),
    XMM("xmm14", 14),
    XMM("xmm15", 15),
};

int orrery_find_register(const char *name)
{
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
        if (!strcmp(rows[i].name, name))
            return (int)i;
    return -1;
}

unsigned orrery_register_bytes(int reg)
{
    return rows[reg].bytes;
}

void orrery_read_register(const struct orrery *o, int reg, uint8_t *out)
{
    const struct row *r = &rows[reg];

    if (r->get)
        r->get(o->cpu, r, out);
    else
        memcpy(out, (const u8 *)o->cpu + r->at, r->bytes);
}

bool machine_set_register(struct orrery *o, unsigned reg, const u8 *value, size_t len)
{
    const struct row *r = &rows[reg];

    return reg < ARRAY_LEN(rows) && len == r->bytes && r->set && r->set(o->cpu, r, value);
}

bool orrery_has_sse(const struct orrery *o)
{
    return o->cpu->isas & ISA_BIT(ISA_SSE);
}
