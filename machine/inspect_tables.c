/* The system tables as they stand in memory, decoded: GDT, LDT, IDT, the current TSS (SDM
 * 3A 3.5, 6.11, 7.2), the pages that are mapped, and what the TLB holds. */
#include "machine/facts.h"

#include <stdlib.h>
#include <string.h>

static bool read_entry(struct orrery *o, laddr at, struct desc *d)
{
    u8 bytes[8];

    if (!orrery_read_linear(o, at, bytes, sizeof(bytes)))
        return false;
    *d = (struct desc){(u32)load_le(bytes, 4), (u32)load_le(bytes + 4, 4)};
    return true;
}

/* The entry at an address; in IA-32e mode those of systems have 16 bytes. */
static bool read_descriptor(struct orrery *o, laddr at, struct long_desc *d)
{
    struct desc high = {0, 0};

    *d = (struct long_desc){.ia32e = cpu_is_ia32e(o->cpu)};
    if (!read_entry(o, at, &d->d))
        return false;
    if (descriptor_is_long(*d) && !read_entry(o, at + 8, &high))
        return false;
    d->high = high.lo;
    return true;
}

/* Entries of 8 bytes, or of 16, but for those that are all zeros. */
static void tell_descriptors(struct orrery *o, const struct orrery_facts *f, laddr base, u32 limit,
                             bool vectors, u16 selector_bits)
{
    char name[24], label[40];
    u32 step = vectors && cpu_is_ia32e(o->cpu) ? 16 : 8;
    struct long_desc d;

    fact_number(f, "base", base);
    fact_number(f, "limit", limit);
    fact_line(f, "base " LADDR_FMT ", limit %04x", LADDR_ARG(base), limit);
    fact_open_list(f, "entries");
    for (u32 at = 0; at + step - 1 <= limit && at < 65536; at += step) {
        u32 n = at / step;
        if (!read_descriptor(o, base + at, &d) || (!d.d.lo && !d.d.hi))
            continue;
        fact_open(f, NULL);
        fact_number(f, vectors ? "vector" : "selector", vectors ? n : at | selector_bits);
        if (vectors)
            snprintf(label, sizeof(label), "%02x %-9s ", n, vector_name(n, name, sizeof(name)));
        else
            snprintf(label, sizeof(label), "%04x ", at | selector_bits);
        fact_descriptor(f, d, label);
        fact_close(f);
        if (!vectors && descriptor_is_long(d))
            at += 8;
    }
    fact_close(f);
}

static void tell_gdt(struct orrery *o, const struct orrery_facts *f)
{
    tell_descriptors(o, f, o->cpu->gdtr.base, o->cpu->gdtr.limit, false, 0);
}

static void tell_ldt(struct orrery *o, const struct orrery_facts *f)
{
    const struct segment *s = &o->cpu->ldtr;

    fact_flag(f, "present", s->attr & SA_P);
    if (s->attr & SA_P)
        tell_descriptors(o, f, system_base(o->cpu, s), s->limit, false, 4);
    else
        fact_line(f, "LDTR holds a null selector: there is no LDT");
}

/* Real mode: offsets and segments (SDM 3B 20.1.4). */
static void tell_vectors(struct orrery *o, const struct orrery_facts *f)
{
    u32 base = o->cpu->idtr.base;
    u8 v[4];

    fact_number(f, "base", base);
    fact_number(f, "limit", o->cpu->idtr.limit);
    fact_line(f, "interrupt vector table at %08x, limit %04x", base, o->cpu->idtr.limit);
    fact_open_list(f, "entries");
    for (u32 n = 0; n < 256 && n * 4 + 3 <= o->cpu->idtr.limit; n++) {
        if (!orrery_read_linear(o, base + n * 4, v, 4) || !load_le(v, 4))
            continue;
        fact_open(f, NULL);
        fact_number(f, "vector", n);
        fact_number(f, "target", load_le(v + 2, 2));
        fact_number(f, "offset", load_le(v, 2));
        fact_line(f, "%02x %04x:%04x", n, (unsigned)load_le(v + 2, 2), (unsigned)load_le(v, 2));
        fact_close(f);
    }
    fact_close(f);
}

static void tell_idt(struct orrery *o, const struct orrery_facts *f)
{
    if (o->cpu->cr0 & CR0_PE)
        tell_descriptors(o, f, o->cpu->idtr.base, o->cpu->idtr.limit, true, 0);
    else
        tell_vectors(o, f);
}

/* ---- the TSS ---- */

struct tss_field {
    const char *name;
    u8 at, size;
};

static const struct tss_field fields32[] = {
    {"link", 0, 2},   {"esp0", 4, 4},    {"ss0", 8, 2},  {"esp1", 12, 4}, {"ss1", 16, 2},
    {"esp2", 20, 4},  {"ss2", 24, 2},    {"cr3", 28, 4}, {"eip", 32, 4},  {"eflags", 36, 4},
    {"eax", 40, 4},   {"ecx", 44, 4},    {"edx", 48, 4}, {"ebx", 52, 4},  {"esp", 56, 4},
    {"ebp", 60, 4},   {"esi", 64, 4},    {"edi", 68, 4}, {"es", 72, 2},   {"cs", 76, 2},
    {"ss", 80, 2},    {"ds", 84, 2},     {"fs", 88, 2},  {"gs", 92, 2},   {"ldt", 96, 2},
    {"trap", 100, 2}, {"io-map", 102, 2}};
static const struct tss_field fields16[] = {
    {"link", 0, 2},  {"esp0", 2, 2}, {"ss0", 4, 2},  {"esp1", 6, 2},    {"ss1", 8, 2},
    {"esp2", 10, 2}, {"ss2", 12, 2}, {"eip", 14, 2}, {"eflags", 16, 2}, {"eax", 18, 2},
    {"ecx", 20, 2},  {"edx", 22, 2}, {"ebx", 24, 2}, {"esp", 26, 2},    {"ebp", 28, 2},
    {"esi", 30, 2},  {"edi", 32, 2}, {"es", 34, 2},  {"cs", 36, 2},     {"ss", 38, 2},
    {"ds", 40, 2},   {"ldt", 42, 2}};

static const struct tss_field fields64[] = {{"rsp0", 4, 8},  {"rsp1", 12, 8},   {"rsp2", 20, 8},
                                            {"ist1", 36, 8}, {"ist2", 44, 8},   {"ist3", 52, 8},
                                            {"ist4", 60, 8}, {"ist5", 68, 8},   {"ist6", 76, 8},
                                            {"ist7", 84, 8}, {"io-map", 102, 2}};

static const struct tss_kind {
    const char *bits;
    const struct tss_field *fields;
    size_t n;
} tss16 = {"16", fields16, ARRAY_LEN(fields16)}, tss32 = {"32", fields32, ARRAY_LEN(fields32)},
  tss64 = {"64", fields64, ARRAY_LEN(fields64)};

static void tell_tss(struct orrery *o, const struct orrery_facts *f)
{
    const struct segment *tr = &o->cpu->tr;
    const struct tss_kind *kind = cpu_is_ia32e(o->cpu) ? &tss64 : tr->attr & 8 ? &tss32 : &tss16;
    laddr base = system_base(o->cpu, tr);
    char name[16];

    snprintf(name, sizeof(name), "%s-bit TSS", kind->bits);
    fact_number(f, "selector", tr->sel);
    fact_number(f, "base", base);
    fact_number(f, "limit", tr->limit);
    fact_text(f, "kind", name);
    fact_line(f, "TR %04x: %s, base " LADDR_FMT ", limit %08x%s", tr->sel, name, LADDR_ARG(base),
              tr->limit, sel_null(tr->sel) ? " (never loaded)" : "");
    fact_open(f, "fields");
    for (size_t i = 0; i < kind->n; i++) {
        const struct tss_field *at = &kind->fields[i];
        u8 bytes[8];
        if (at->at + at->size - 1u > tr->limit ||
            !orrery_read_linear(o, base + at->at, bytes, at->size))
            continue;
        u64 v = load_le(bytes, at->size);
        fact_number(f, at->name, v);
        fact_line(f, "  %02x %-7s %0*llx", at->at, at->name, at->size * 2, (unsigned long long)v);
    }
    fact_close(f);
}

/* ---- pages and the TLB ---- */

static void tell_page(void *opaque, const struct mmu_page *p)
{
    const struct orrery_facts *f = opaque;
    char bits[64];
    u64 pa = p->entry & 0x000ffffffffff000ull & ~(u64)(p->size - 1);

    entry_bits(p->entry, true, p->size > PAGE_SIZE, bits, sizeof(bits));
    fact_open(f, NULL);
    fact_number(f, "linear", p->la);
    fact_number(f, "size", p->size);
    fact_number(f, "physical", pa);
    fact_number(f, "entry", p->entry);
    fact_text(f, "bits", bits);
    fact_flag(f, "user", p->user);
    fact_flag(f, "writable", p->writable);
    fact_close(f);
    fact_line(f, LADDR_FMT " %4u KiB -> %09llx %s %s [%s]", LADDR_ARG(p->la), p->size >> 10,
              (unsigned long long)pa, p->user ? "user" : "supervisor", p->writable ? "rw" : "r-",
              bits);
}

static void tell_pages(struct orrery *o, const struct orrery_facts *f)
{
    fact_flag(f, "paging", orrery_paging(o));
    if (!orrery_paging(o))
        fact_line(f, "paging is off: linear addresses are physical ones");
    fact_open_list(f, "entries");
    if (orrery_paging(o))
        mmu_list(&o->cpu->mmu, tell_page, (void *)f);
    fact_close(f);
}

static int compare_keys(const void *a, const void *b)
{
    u64 x = *(const u64 *)a, y = *(const u64 *)b;

    return x < y ? -1 : x > y;
}

/* What translated code may access without a walk. */
static void tell_tlb_entry(const struct orrery_facts *f, u64 key)
{
    static const char *const who[] = {"supervisor", "user", "supervisor-ac"};
    static const char *const what[] = {"read", "write", "fetch"};
    laddr la = tlb_key_linear(key);

    fact_open(f, NULL);
    fact_number(f, "linear", la);
    fact_text(f, "who", who[tlb_key_priv(key)]);
    fact_text(f, "access", what[tlb_key_access(key)]);
    fact_close(f);
    fact_line(f, "%0*llx %s %s", key & TLB_KEY_WIDE ? 16 : 8, (unsigned long long)la,
              who[tlb_key_priv(key)], what[tlb_key_access(key)]);
}

static void tell_tlb(struct orrery *o, const struct orrery_facts *f)
{
    struct tlb *t = o->cpu->mmu.tlb;
    size_t n = 0, all = (size_t)t->filled[0].n + t->filled[1].n;
    u64 *key = malloc((all + 1) * sizeof(*key));

    for (unsigned i = 0; key && i < 2; i++)
        for (u32 k = 0; k < t->filled[i].n; k++) {
            u64 v = t->filled[i].key[k];
            const u64 *e = tlb_named(t, v);
            if (e && (*e & TLB_VALID))
                key[n++] = v;
        }
    if (n)
        qsort(key, n, sizeof(*key), compare_keys);
    fact_open_list(f, "entries");
    for (size_t i = 0; i < n; i++)
        if (!i || key[i] != key[i - 1])
            tell_tlb_entry(f, key[i]);
    fact_close(f);
    free(key);
}

bool orrery_explain_table(struct orrery *o, const char *table, const struct orrery_facts *f)
{
    static const struct {
        const char *name;
        void (*tell)(struct orrery *o, const struct orrery_facts *f);
    } tables[] = {{"gdt", tell_gdt}, {"ldt", tell_ldt}, {"idt", tell_idt},
                  {"tss", tell_tss}, {"tlb", tell_tlb}, {"pages", tell_pages}};

    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        if (!strcmp(tables[i].name, table)) {
            fact_text(f, "table", table);
            tables[i].tell(o, f);
            return true;
        }
    }
    return false;
}
