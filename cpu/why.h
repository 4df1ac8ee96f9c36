/* Why an exception was raised: the rule that was broken (cpu/rules.def) and what was compared.
 * Every place that raises names its rule; struct fault_record (state.h) keeps it. Built where a
 * fault is certain, so it costs nothing before. */
#ifndef CPU_WHY_H
#define CPU_WHY_H

#include "base/types.h"
#include "mmu/mmu.h"

enum rule {
    RULE_none,
#define RULE(name, words, manual) RULE_##name,
#include "cpu/rules.def"
#undef RULE
    RULE_COUNT
};

struct rule_info {
    const char *name;   /* as in rules.def */
    const char *words;  /* what must hold, and did not */
    const char *manual; /* where that stands */
};

extern const struct rule_info rule_infos[RULE_COUNT];

/* What is valid in a struct why besides the rule. */
enum {
    WHY_SEL = 1,    /* sel */
    WHY_DESC = 2,   /* lo, hi: sel's descriptor, or the gate, as read */
    WHY_LIMIT = 4,  /* offset, size, limit */
    WHY_CACHE = 8,  /* sel, lo, hi: base and attributes that a segment register has */
    WHY_VALUE = 16, /* value; bits: those of it that broke the rule */
};

struct why {
    u16 rule; /* enum rule */
    u16 sel;
    u8 has;           /* WHY_ */
    u32 lo, hi;       /* the descriptor's two dwords */
    u32 offset, size; /* of the bytes that were to be accessed, which ... */
    u32 limit;        /* ... do not lie within this limit */
    u64 value, bits;
};

/* The rule that an enum mmu_deny is. */
enum rule why_denied(enum mmu_deny deny);

static inline struct why why(enum rule rule)
{
    return (struct why){.rule = (u16)rule};
}

static inline struct why why_sel(enum rule rule, u16 sel)
{
    return (struct why){.rule = (u16)rule, .has = WHY_SEL, .sel = sel};
}

static inline struct why why_limit(enum rule rule, u16 sel, u32 offset, u32 size, u32 limit)
{
    return (struct why){.rule = (u16)rule,
                        .has = WHY_SEL | WHY_LIMIT,
                        .sel = sel,
                        .offset = offset,
                        .size = size,
                        .limit = limit};
}

/* Of a table that no selector names: GDT, IDT; and of the bounds of a register. */
static inline struct why why_table(enum rule rule, u32 offset, u32 size, u32 limit)
{
    return (struct why){
        .rule = (u16)rule, .has = WHY_LIMIT, .offset = offset, .size = size, .limit = limit};
}

static inline struct why why_value(enum rule rule, u64 value, u64 bits)
{
    return (struct why){.rule = (u16)rule, .has = WHY_VALUE, .value = value, .bits = bits};
}

#endif
