/* From a segment's offset to physical memory step by step, by the rules that the CPU itself uses
 * (cpu/rules.def), without a trace in the guest: SDM 3A 3.4, 5.3 to 5.6, chapter 4. */
#include "machine/facts.h"

#include <string.h>

static const char *const names[SEG_COUNT] = {"ES", "CS", "SS", "DS", "FS", "GS"};

struct query {
    struct orrery *o;
    const struct orrery_facts *f;
    u64 offset;
    unsigned size, cpl;
    enum access acc;
};

/* Ends in words; nothing follows. */
static void refuse(const struct query *q, enum rule rule)
{
    fact_flag(q->f, "allowed", false);
    fact_rule(q->f, rule, "denied by ");
}

static bool read_descriptor(struct query *q, u16 sel, struct desc *d)
{
    u8 bytes[8];
    laddr la;

    if (!desc_address(q->o->cpu, sel, &la)) {
        struct why w = desc_why(q->o->cpu, sel);
        if (w.has & WHY_LIMIT)
            fact_line(q->f, "  offset %x of the table, limit %x", w.offset, w.limit);
        refuse(q, (enum rule)w.rule);
        return false;
    }
    if (!orrery_read_linear(q->o, la, bytes, sizeof(bytes))) {
        refuse(q, RULE_page_present);
        return false;
    }
    *d = (struct desc){(u32)load_le(bytes, 4), (u32)load_le(bytes + 4, 4)};
    fact_descriptor(q->f, (struct long_desc){.d = *d, .ia32e = cpu_is_ia32e(q->o->cpu)}, "  ");
    return true;
}

/* The checks of a load of sel into DS, or of a jump to it; *s is the segment then. */
static bool load_selector(struct query *q, u16 sel, struct segment *s)
{
    struct cpu *cpu = q->o->cpu;
    enum rule broken = RULE_none;
    struct desc d;

    fact_selector(q->f, sel, "");
    if (!cpu_prot(cpu)) {
        seg_set_v86(s, sel);
        return true;
    }
    if (sel_null(sel)) {
        refuse(q, RULE_seg_null);
        return false;
    }
    if (!read_descriptor(q, sel, &d))
        return false;
    if (q->acc != ACCESS_EXEC)
        broken = seg_data_broken(sel, d, q->cpl);
    else if (!desc_is_code(d))
        broken = RULE_code_type;
    if (!broken && !(d.hi & DH_P))
        broken = RULE_data_present;
    if (broken) {
        refuse(q, broken);
        return false;
    }
    seg_from_desc(s, sel, d);
    return true;
}

/* Limit and type, which 64-bit mode does not look at. */
static bool use_segment(struct query *q, const struct segment *s)
{
    enum rule broken = RULE_none;

    fact_segment(q->o, q->f, s, "  ");
    if (cpu_is_code64(q->o->cpu))
        return true;
    q->offset = (u32)q->offset;
    if (q->acc != ACCESS_EXEC)
        broken = seg_broken(s, (u32)q->offset, q->size, q->acc);
    else if (q->offset > s->limit)
        broken = RULE_eip_limit;
    if (broken)
        refuse(q, broken);
    return !broken;
}

static void translate(struct query *q, laddr la)
{
    struct mmu *m = &q->o->cpu->mmu;
    bool ac = (q->o->cpu->cr4 & CR4_SMAP) && (q->o->cpu->eflags & FLAG_AC);
    enum priv priv = q->cpl == 3 ? PRIV_USER : ac ? PRIV_SUPER_AC : PRIV_SUPER;
    struct mmu_trace t;

    mmu_explain(m, la, q->acc, priv, &t);
    fact_translation(q->f, &t, "");
    if (t.deny) {
        if (t.deny != MMU_NONCANONICAL) {
            fact_number(q->f, "error-code", t.pf_code);
            fact_line(q->f, "page fault, error code %x", t.pf_code);
        }
        refuse(q, why_denied((enum mmu_deny)t.deny));
        return;
    }
    fact_flag(q->f, "allowed", true);
    fact_number(q->f, "physical", t.pa);
    fact_flag(q->f, "a20-masked", t.pa != t.page);
    fact_line(q->f, "physical %08llx%s", (unsigned long long)t.pa,
              t.pa != t.page ? " (an address line, A20 perhaps, is masked)" : "");
}

void orrery_explain_walk(struct orrery *o, const struct orrery_walk *w,
                         const struct orrery_facts *f)
{
    const struct cpu *cpu = o->cpu;
    struct query q = {.o = o,
                      .f = f,
                      .offset = w->offset,
                      .size = w->size ? w->size : 1,
                      .cpl = w->cpl < 0 ? cpu->cpl : (unsigned)w->cpl & 3,
                      .acc = w->access == 'w'   ? ACCESS_WRITE
                             : w->access == 'x' ? ACCESS_EXEC
                                                : ACCESS_READ};
    struct segment s = {.base = 0};
    laddr la = w->offset;

    fact_number(f, "cpl", q.cpl);
    fact_number(f, "offset", w->offset);
    if (w->seg != -2) {
        if (w->seg >= 0 && w->seg < SEG_COUNT) {
            s = cpu->seg[w->seg];
            fact_text(f, "register", names[w->seg]);
            fact_line(f, "%s holds:", names[w->seg]);
            fact_selector(f, s.sel, "  ");
        } else if (!load_selector(&q, w->selector, &s)) {
            return;
        }
        if (!use_segment(&q, &s))
            return;
        if (!cpu_is_code64(cpu))
            la = q.offset + s.base;
        else if (w->seg == SEG_FS || w->seg == SEG_GS)
            la += segment_base64(&s);
    }
    translate(&q, orrery_linear(o, la));
}
