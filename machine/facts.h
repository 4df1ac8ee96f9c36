/* Telling facts to a struct orrery_facts: what the inspect_*.c files share. Numbers, texts and
 * flags are for programs, lines say the same to people. */
#ifndef MACHINE_FACTS_H
#define MACHINE_FACTS_H

#include "cpu/seg.h"
#include "machine/machine.h"

/* An object or, with list, a list; name is NULL for what is in a list. Each ends by fact_close().
 */
void fact_open(const struct orrery_facts *f, const char *name);
void fact_open_list(const struct orrery_facts *f, const char *name);
void fact_close(const struct orrery_facts *f);
void fact_number(const struct orrery_facts *f, const char *name, u64 value);
void fact_text(const struct orrery_facts *f, const char *name, const char *value);
void fact_flag(const struct orrery_facts *f, const char *name, bool value);
void fact_line(const struct orrery_facts *f, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* " <name+0x12>" for a linear address, or "". */
const char *fact_symbol(const struct orrery *o, laddr la, char *buf, size_t size);
/* The symbol as a fact, if there is one. */
void fact_place(const struct orrery *o, const struct orrery_facts *f, laddr la);

/* A selector, a descriptor (gates too), a segment register's cache. Lines begin with indent. */
void fact_selector(const struct orrery_facts *f, u16 sel, const char *indent);
struct long_desc {
    struct desc d;
    bool ia32e; /* as IA-32e mode reads it: system descriptors have 16 bytes, ... */
    u32 high;   /* ... the third dword of which is this */
};
void fact_descriptor(const struct orrery_facts *f, struct long_desc d, const char *indent);
/* Has it 16 bytes? */
bool descriptor_is_long(struct long_desc d);
/* What kind of descriptor it is, in words. */
const char *descriptor_kind(struct desc d, bool ia32e, char *buf, size_t size);
void fact_segment(const struct orrery *o, const struct orrery_facts *f, const struct segment *s,
                  const char *indent);

/* A translation of a linear address, entry by entry, with what denies it. */
void fact_translation(const struct orrery_facts *f, const struct mmu_trace *t, const char *indent);
/* The names of the bits that are set in an entry. */
const char *entry_bits(u64 entry, bool leaf, bool large, char *buf, size_t size);

/* "#GP"; a number where there is no name */
const char *vector_name(unsigned vec, char *buf, size_t size);
void fact_rule(const struct orrery_facts *f, enum rule rule, const char *indent);

#endif
