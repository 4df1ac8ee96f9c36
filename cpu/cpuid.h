/* CPU models: what CPUID reports, and which instructions and control bits exist because of it. */
#ifndef CPU_CPUID_H
#define CPU_CPUID_H

#include "cpu/state.h"

enum cpu_feature {
#define FEATURE(name, text, leaf, reg, bit, complete) FEAT_##name,
#include "cpu/features.def"
#undef FEATURE
    FEAT_COUNT
};
_Static_assert(FEAT_COUNT <= 64, "feature sets are 64-bit masks");

#define FEAT_BIT(name) (1ull << FEAT_##name)

/* One row of the table of models. */
struct cpu_model {
    const char *name; /* as in -cpu */
    const char *brand;
    const char *vendor;    /* twelve characters */
    u32 signature;         /* CPUID.1:EAX, and EDX at reset */
    enum isa isa;          /* generation; extensions follow from the features */
    u32 max_leaf, max_ext; /* max_leaf 0: there is no CPUID */
    u64 features;          /* FEAT_BIT()s; those that are not complete are not reported */
    u32 caches[3]; /* as the part reports them. Intel: CPUID.2 EAX EBX EDX. AMD: 80000005h ECX EDX,
                      80000006h ECX */
    u32 tlbs[3];   /* of AMD's: 80000005h EAX EBX, 80000006h EBX */
    u32 kips;      /* instructions a millisecond of virtual time */
};

/* By index, for lists; NULL past the end. */
const struct cpu_model *cpu_model_at(unsigned i);
const struct cpu_model *cpu_model_find(const char *name); /* NULL: no such model */
/* Makes *m of "NAME,+FEATURE,-FEATURE...". False and one line in err. */
bool cpu_model_parse(struct cpu_model *m, const char *text, char *err, size_t err_size);
const char *cpu_feature_name(unsigned i); /* NULL past the end */
const struct cpu_model *cpu_model_default(void);

/* Before cpu_reset(): also sets what the MMU needs to know. */
void cpu_set_model(struct cpu *cpu, const struct cpu_model *model);

/* Opens or closes the gate of address line 20, where the model has one. */
void cpu_set_a20(struct cpu *cpu, bool open);

/* Does the CPU have (and report) the feature? */
bool cpu_has(const struct cpu *cpu, enum cpu_feature f);
/* Is it one of AMD's, which do some things differently? */
bool cpu_is_amd(const struct cpu *cpu);
/* The bits of CR4 that exist. */
u32 cpu_cr4_bits(const struct cpu *cpu);

/* CPUID with EAX = leaf, ECX = subleaf; out is EAX EBX ECX EDX. */
void cpu_cpuid(const struct cpu *cpu, u32 leaf, u32 subleaf, u32 out[4]);

#endif
