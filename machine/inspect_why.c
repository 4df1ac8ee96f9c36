/* Why the last exception was raised, and what came of it: struct fault_record (cpu/state.h) in
 * words. The chain begins with the last fault that was not met during the delivery of another. */
#include "machine/facts.h"

#include <string.h>

#include "cpu/decode.h"

static const struct fault_record *nth(const struct cpu *cpu, u32 n)
{
    return &cpu->history[n % ARRAY_LEN(cpu->history)];
}

/* The instruction, if its bytes can still be read. */
static void tell_instruction(struct orrery *o, const struct orrery_facts *f,
                             const struct fault_record *r)
{
    char text[128];
    u8 code[15];
    unsigned n = 0;

    while (n < sizeof(code) && orrery_read_linear(o, r->linear + n, code + n, 1))
        n++;
    if (!n || !decode_text(o->cpu->decoder, code, n, r->code32, r->eip, text, sizeof(text)))
        return;
    fact_text(f, "instruction", text);
    fact_line(f, "    %s", text);
}

static void tell_place(struct orrery *o, const struct orrery_facts *f, const struct fault_record *r)
{
    char symbol[300];

    fact_number(f, "cs", r->cs);
    fact_number(f, "eip", r->eip);
    fact_number(f, "linear", r->linear);
    fact_place(o, f, r->linear);
    fact_number(f, "cpl", r->cpl);
    fact_number(f, "eflags", r->eflags);
    fact_number(f, "cr0", r->cr0);
    fact_number(f, "cr4", r->cr4);
    fact_number(f, "icount", r->icount);
    fact_line(f,
              "  at %04x:" LADDR_FMT
              "%s, CPL %u, after %llu instructions; CR0 %08x, CR4 %08x, EFLAGS %08x",
              r->cs, LADDR_ARG(r->eip), fact_symbol(o, r->linear, symbol, sizeof(symbol)), r->cpl,
              (unsigned long long)r->icount, r->cr0, r->cr4, r->eflags);
}

static void tell_evidence(struct orrery *o, const struct orrery_facts *f,
                          const struct fault_record *r)
{
    const struct why *w = &r->why;

    if (w->has & WHY_SEL)
        fact_selector(f, w->sel, "    ");
    if (w->has & WHY_DESC) {
        struct desc d = {w->lo, w->hi};
        struct long_desc l = {.d = d, .ia32e = cpu_is_ia32e(o->cpu)};
        fact_descriptor(f, l, "    ");
        fact_line(f, "    DPL %u, CPL %u", desc_dpl(d), r->cpl);
    }
    if (w->has & WHY_CACHE) {
        struct segment s = {.sel = w->sel, .attr = (u16)w->hi, .base = w->lo, .limit = w->limit};
        fact_segment(o, f, &s, "    ");
    }
    if (w->has & WHY_LIMIT) {
        fact_number(f, "offset", w->offset);
        fact_number(f, "size", w->size);
        fact_number(f, "limit", w->limit);
        fact_line(f, "    offset %08x, %u bytes, against the limit %08x", w->offset, w->size,
                  w->limit);
    }
    if (w->has & WHY_VALUE) {
        fact_number(f, "value", w->value);
        fact_number(f, "bits", w->bits);
        if (w->bits)
            fact_line(f, "    value %llx, of which %llx", (unsigned long long)w->value,
                      (unsigned long long)w->bits);
        else
            fact_line(f, "    value %llx", (unsigned long long)w->value);
    }
    if (r->vector == VEC_PF)
        fact_translation(f, &r->walk, "    ");
}

/* What the fault came to. */
static void tell_outcome(const struct orrery_facts *f, const struct fault_record *r)
{
    char name[24];

    fact_flag(f, "shutdown", r->shutdown);
    if (r->shutdown) {
        fact_line(f, "  so the CPU shut down");
        return;
    }
    vector_name(r->becomes, name, sizeof(name));
    fact_number(f, "becomes", r->becomes);
    if (r->becomes != r->vector)
        fact_line(f, "  so %s was raised in place of both", name);
}

static void tell_fault(struct orrery *o, const struct orrery_facts *f, const struct fault_record *r)
{
    char name[24], during[24], error[32] = "";

    vector_name(r->vector, name, sizeof(name));
    fact_open(f, NULL);
    fact_number(f, "vector", r->vector);
    fact_text(f, "name", name);
    if (r->has_error) {
        fact_number(f, "error-code", r->error);
        snprintf(error, sizeof(error), ", error code %04x", r->error);
    }
    if (r->nested) {
        vector_name(r->during, during, sizeof(during));
        fact_number(f, "during", r->during);
        fact_flag(f, "during-interrupt", r->interrupt);
        fact_line(f, "%s%s, while %s was being delivered", name, error, during);
    } else {
        fact_line(f, "%s%s", name, error);
    }
    if (r->vector == VEC_PF)
        fact_number(f, "cr2", r->cr2);
    tell_place(o, f, r);
    if (!r->nested)
        tell_instruction(o, f, r);
    fact_rule(f, (enum rule)r->why.rule, "  ");
    tell_evidence(o, f, r);
    tell_outcome(f, r);
    fact_close(f);
}

void orrery_why(struct orrery *o, const struct orrery_facts *f)
{
    const struct cpu *cpu = o->cpu;
    u32 end = cpu->history_next, kept = ARRAY_LEN(cpu->history), first = end;

    if (!nth(cpu, end - 1)->why.rule) { /* empty */
        fact_line(f, "no exception so far");
        fact_open_list(f, "chain");
        fact_close(f);
        return;
    }
    do
        first--;
    while (end - first < kept && nth(cpu, first - 1)->why.rule && nth(cpu, first)->nested &&
           !nth(cpu, first)->interrupt);
    fact_text(f, "rule", rule_infos[nth(cpu, first)->why.rule].name);
    fact_open_list(f, "chain");
    for (u32 n = first; n != end; n++)
        tell_fault(o, f, nth(cpu, n));
    fact_close(f);
    fact_flag(f, "shutdown", nth(cpu, end - 1)->shutdown);
}
