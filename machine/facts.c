/* Facts about the machine, told once for programs and once for people: see facts.h. Descriptors:
 * SDM 3A 3.4.5, 3.5, 6.11; entries of the paging structures: SDM 3A 4.3, 4.4. */
#include "machine/facts.h"

#include "machine/symbols.h"

#include <stdarg.h>
#include <string.h>

void fact_open(const struct orrery_facts *f, const char *name)
{
    f->open(f->opaque, name, false);
}

void fact_open_list(const struct orrery_facts *f, const char *name)
{
    f->open(f->opaque, name, true);
}

void fact_close(const struct orrery_facts *f)
{
    f->close(f->opaque);
}

void fact_number(const struct orrery_facts *f, const char *name, u64 value)
{
    f->number(f->opaque, name, value);
}

void fact_text(const struct orrery_facts *f, const char *name, const char *value)
{
    f->text(f->opaque, name, value);
}

void fact_flag(const struct orrery_facts *f, const char *name, bool value)
{
    f->flag(f->opaque, name, value);
}

void fact_line(const struct orrery_facts *f, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    f->line(f->opaque, text);
}

/* ---- names ---- */

bool orrery_symbol(const struct orrery *o, uint64_t linear, char *buf, size_t size)
{
    u64 start;
    const char *name = o->symbols ? symbols_locate(o->symbols, linear, &start) : NULL;

    if (name && start == linear)
        snprintf(buf, size, "%s", name);
    else if (name)
        snprintf(buf, size, "%s+0x%llx", name, (unsigned long long)(linear - start));
    return name;
}

const char *fact_symbol(const struct orrery *o, laddr la, char *buf, size_t size)
{
    char name[256];

    buf[0] = 0;
    if (orrery_symbol(o, la, name, sizeof(name)))
        snprintf(buf, size, " <%s>", name);
    return buf;
}

void fact_place(const struct orrery *o, const struct orrery_facts *f, laddr la)
{
    char name[256];

    if (orrery_symbol(o, la, name, sizeof(name)))
        fact_text(f, "symbol", name);
}

const char *vector_name(unsigned vec, char *buf, size_t size)
{
    static const char *const names[] = {"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD",
                                        "#NM", "#DF", NULL,  "#TS", "#NP", "#SS", "#GP",
                                        "#PF", NULL,  "#MF", "#AC", "#MC", "#XM"};

    if (vec < ARRAY_LEN(names) && names[vec])
        snprintf(buf, size, "%s", names[vec]);
    else
        snprintf(buf, size, "vector %u", vec);
    return buf;
}

void fact_rule(const struct orrery_facts *f, enum rule rule, const char *indent)
{
    const struct rule_info *r = &rule_infos[rule];
    char manual[64];

    snprintf(manual, sizeof(manual), "SDM %s", r->manual);
    fact_text(f, "rule", r->name);
    fact_text(f, "words", r->words);
    fact_text(f, "manual", manual);
    fact_line(f, "%srule %s: %s (%s)", indent, r->name, r->words, manual);
}

/* ---- segments ---- */

void fact_selector(const struct orrery_facts *f, u16 sel, const char *indent)
{
    fact_number(f, "selector", sel);
    fact_text(f, "table", sel & 4 ? "ldt" : "gdt");
    fact_number(f, "index", sel >> 3);
    fact_number(f, "rpl", sel & 3);
    fact_line(f, "%sselector %04x: %s, index %u, RPL %u%s", indent, sel, sel & 4 ? "LDT" : "GDT",
              sel >> 3, sel & 3, sel_null(sel) ? ", null" : "");
}

/* Outside and in IA-32e mode (SDM 3A table 3-2). */
static const char *const system_kinds[2][16] = {
    {"reserved", "16-bit TSS, available", "LDT", "16-bit TSS, busy", "16-bit call gate",
     "task gate", "16-bit interrupt gate", "16-bit trap gate", "reserved", "32-bit TSS, available",
     "reserved", "32-bit TSS, busy", "32-bit call gate", "reserved", "32-bit interrupt gate",
     "32-bit trap gate"},
    {"reserved", "reserved", "LDT", "reserved", "reserved", "reserved", "reserved", "reserved",
     "reserved", "64-bit TSS, available", "reserved", "64-bit TSS, busy", "64-bit call gate",
     "reserved", "64-bit interrupt gate", "64-bit trap gate"}};

const char *descriptor_kind(struct desc d, bool ia32e, char *buf, size_t size)
{
    if (!(d.hi & DH_S))
        snprintf(buf, size, "%s", system_kinds[ia32e][desc_type(d)]);
    else if (d.hi & DH_CODE)
        snprintf(buf, size, "%s-bit code, %s, %s",
                 ia32e && d.hi & DH_L ? "64"
                 : d.hi & DH_DB       ? "32"
                                      : "16",
                 d.hi & DH_RW ? "readable" : "execute-only",
                 d.hi & DH_CONFORM ? "conforming" : "nonconforming");
    else
        snprintf(buf, size, "data, %s%s%s", d.hi & DH_RW ? "writable" : "read-only",
                 d.hi & DH_CONFORM ? ", expand-down" : "", d.hi & DH_DB ? ", big" : "");
    return buf;
}

static bool is_gate(struct desc d)
{
    unsigned type = desc_type(d);

    return !(d.hi & DH_S) && (type & 4);
}

bool descriptor_is_long(struct long_desc d)
{
    return d.ia32e && !(d.d.hi & DH_S);
}

/* The code that a gate leads to. */
static u64 gate_offset(struct long_desc d)
{
    u32 low = (d.d.lo & 0xffff) | (desc_type(d.d) & 8 ? d.d.hi & 0xffff0000 : 0);

    return low | (descriptor_is_long(d) ? (u64)d.high << 32 : 0);
}

void fact_descriptor(const struct orrery_facts *f, struct long_desc l, const char *indent)
{
    char kind[64];
    struct desc d = l.d;
    const char *present = d.hi & DH_P ? "present" : "not present";
    u64 base = desc_base(d) | (descriptor_is_long(l) ? (u64)l.high << 32 : 0);
    unsigned ist = descriptor_is_long(l) && (desc_type(d) & 2) ? d.hi & 7 : 0; /* IST */
    char stack[16] = "";

    descriptor_kind(d, l.ia32e, kind, sizeof(kind));
    fact_open(f, "descriptor");
    fact_number(f, "low", d.lo);
    fact_number(f, "high", d.hi);
    fact_text(f, "kind", kind);
    fact_number(f, "type", desc_type(d));
    fact_number(f, "dpl", desc_dpl(d));
    fact_flag(f, "present", d.hi & DH_P);
    if (is_gate(d)) {
        fact_number(f, "target", d.lo >> 16);
        fact_number(f, "offset", gate_offset(l));
        if (ist) {
            fact_number(f, "stack", ist);
            snprintf(stack, sizeof(stack), ", stack %u", ist);
        }
        fact_line(f, "%sdescriptor %08x %08x: %s, to %04x:" LADDR_FMT "%s, DPL %u, %s", indent,
                  d.hi, d.lo, kind, d.lo >> 16, LADDR_ARG(gate_offset(l)), stack, desc_dpl(d),
                  present);
    } else {
        fact_number(f, "base", base);
        fact_number(f, "limit", desc_limit(d));
        fact_line(f, "%sdescriptor %08x %08x: %s, base " LADDR_FMT ", limit %08x, DPL %u, %s",
                  indent, d.hi, d.lo, kind, LADDR_ARG(base), desc_limit(d), desc_dpl(d), present);
    }
    fact_close(f);
}

void fact_segment(const struct orrery *o, const struct orrery_facts *f, const struct segment *s,
                  const char *indent)
{
    bool ia32e = cpu_is_ia32e(o->cpu);
    laddr base = system_base(o->cpu, s);
    struct desc d = {.hi = (u32)s->attr << 8};
    char kind[64];

    descriptor_kind(d, ia32e, kind, sizeof(kind));
    fact_open(f, "cache");
    fact_number(f, "base", base);
    fact_number(f, "limit", s->limit);
    fact_number(f, "dpl", desc_dpl(d));
    fact_text(f, "kind", kind);
    fact_flag(f, "usable", s->attr & SA_P);
    fact_close(f);
    fact_line(f, "%ssegment register: %s, base " LADDR_FMT ", limit %08x, DPL %u%s", indent, kind,
              LADDR_ARG(base), s->limit, desc_dpl(d), s->attr & SA_P ? "" : ", unusable (null)");
}

/* ---- pages ---- */

const char *entry_bits(u64 entry, bool leaf, bool large, char *buf, size_t size)
{
    static const struct {
        u8 bit;
        const char *name;
    } names[] = {{63, "XD"}, {8, "G"},   {7, "PS"},  {6, "D"},   {5, "A"},
                 {4, "PCD"}, {3, "PWT"}, {2, "U/S"}, {1, "R/W"}, {0, "P"}};
    size_t n = 0;

    buf[0] = 0;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *name = names[i].bit == 7 && leaf && !large ? "PAT" : names[i].name;
        if ((entry >> names[i].bit & 1) && (leaf || (names[i].bit != 8 && names[i].bit != 6)))
            n += (size_t)snprintf(buf + n, size - n, "%s%s", n ? " " : "", name);
    }
    return buf;
}

/* How far down entry i is: 3 for that of a page table. */
static unsigned depth_of(const struct mmu_trace *t, unsigned i)
{
    return (i + (t->lma ? 0 : t->pae ? 1 : 2)) & 3;
}

static const char *level_name(const struct mmu_trace *t, unsigned i)
{
    static const char *const names[] = {"PML4E", "PDPTE", "PDE", "PTE"};

    return names[depth_of(t, i)];
}

static void fact_entry(const struct orrery_facts *f, const struct mmu_trace *t, unsigned i,
                       const char *indent)
{
    u64 v = t->level[i].value;
    unsigned depth = depth_of(t, i);
    bool pte = depth == 3, leaf = pte || (depth && i + 1u == t->n && (v & 0x80));
    bool denies = t->deny && t->at == i;
    char bits[64], why[64] = "";

    entry_bits(v, leaf, !pte, bits, sizeof(bits));
    fact_open(f, NULL);
    fact_text(f, "level", level_name(t, i));
    fact_number(f, "address", t->level[i].pa);
    fact_number(f, "entry", v);
    fact_text(f, "bits", bits);
    if (denies) {
        fact_number(f, "denied-by", t->bits);
        snprintf(why, sizeof(why), "  <-- denied by bits %llx", (unsigned long long)t->bits);
    }
    fact_close(f);
    fact_line(f, "%s%-5s at %08llx: %0*llx [%s]%s", indent, level_name(t, i),
              (unsigned long long)t->level[i].pa, t->pae || t->lma ? 16 : 8, (unsigned long long)v,
              bits, why);
}

void fact_translation(const struct orrery_facts *f, const struct mmu_trace *t, const char *indent)
{
    static const char *const accesses[] = {"read", "write", "fetch"};

    fact_open(f, "translation");
    fact_number(f, "linear", t->la);
    fact_text(f, "access", accesses[t->acc]);
    fact_flag(f, "user", t->priv == PRIV_USER);
    fact_line(f, "%slinear %0*llx, %s as %s%s", indent, t->lma ? 16 : 8, (unsigned long long)t->la,
              accesses[t->acc], t->priv == PRIV_USER ? "user" : "supervisor",
              t->n || t->lma ? "" : ", no paging");
    fact_open_list(f, "entries");
    for (unsigned i = 0; i < t->n; i++)
        fact_entry(f, t, i, indent);
    fact_close(f);
    if (t->deny) {
        fact_number(f, "error-code", t->pf_code);
        if (t->n)
            fact_text(f, "denied-at", level_name(t, t->at));
        fact_text(f, "denied-rule", rule_infos[why_denied((enum mmu_deny)t->deny)].name);
    }
    fact_close(f);
}
