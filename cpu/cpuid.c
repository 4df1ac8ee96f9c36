/* CPUID and the table of CPU models (SDM 2, CPUID).
 *
 * A model lists what it would have; features.def says which of it Orrery completely has. Only what
 * is in both is reported, and everything that depends on a feature asks cpu_has(). The default
 * model is a Pentium III with what later operating systems look for. It reports the absence of the
 * speculation flaws of real parts (ARCH_CAPABILITIES), which spares guests their workarounds, and a
 * TSC of constant rate, which it is. */
#include "cpu/cpuid.h"

#include <string.h>

#include "cpu/decode.h"

static const struct {
    u32 leaf;
    u8 reg, bit, complete;
} features[FEAT_COUNT] = {
#define FEATURE(name, text, leaf, reg, bit, complete) {leaf, reg, bit, complete},
#include "cpu/features.def"
#undef FEATURE
};

#define F_PENTIUM                                                                                  \
    (FEAT_BIT(FPU) | FEAT_BIT(VME) | FEAT_BIT(DE) | FEAT_BIT(PSE) | FEAT_BIT(TSC) |                \
     FEAT_BIT(MSR) | FEAT_BIT(MCE) | FEAT_BIT(CX8))
#define F_P6                                                                                       \
    (F_PENTIUM | FEAT_BIT(PAE) | FEAT_BIT(APIC) | FEAT_BIT(SEP) | FEAT_BIT(MTRR) | FEAT_BIT(PGE) | \
     FEAT_BIT(MCA) | FEAT_BIT(CMOV))
#define F_PENTIUM3                                                                                 \
    (F_P6 | FEAT_BIT(PAT) | FEAT_BIT(PSE36) | FEAT_BIT(MMX) | FEAT_BIT(FXSR) | FEAT_BIT(SSE))
#define F_ORRERY (F_PENTIUM3 | FEAT_BIT(SSE2) | FEAT_BIT(NX) | FEAT_BIT(ARCHCAP) | FEAT_BIT(INVTSC))

/* The first is the default. Cache descriptors: 16 KiB + 16 KiB first level, 256 KiB second level.
 */
static const struct cpu_model models[] = {
    {"orrery",
     "Orrery virtual CPU",
     "GenuineIntel",
     0x686,
     ISA_SSE2,
     7,
     0x80000008,
     F_ORRERY,
     {0x03020101, 0, 0x0c040882}},
    {"pentium3", "", "GenuineIntel", 0x686, ISA_SSE, 2, 0, F_PENTIUM3, {0x03020101, 0, 0x0c040882}},
    {"pentiumpro", "", "GenuineIntel", 0x619, ISA_P6, 2, 0, F_P6, {0x03020101, 0, 0x06040a42}},
    {"286", "", "", 0, ISA_286, 0, 0, 0, {0, 0, 0}},
    {"pentium", "", "GenuineIntel", 0x52c, ISA_P5, 1, 0, F_PENTIUM, {0, 0, 0}},
};

const struct cpu_model *cpu_model_at(unsigned i)
{
    return i < ARRAY_LEN(models) ? &models[i] : NULL;
}

const struct cpu_model *cpu_model_find(const char *name)
{
    for (unsigned i = 0; i < ARRAY_LEN(models); i++)
        if (!strcmp(models[i].name, name))
            return &models[i];
    return NULL;
}

const struct cpu_model *cpu_model_default(void)
{
    return &models[0];
}

bool cpu_has(const struct cpu *cpu, enum cpu_feature f)
{
    return (cpu->model->features >> f & 1) && features[f].complete;
}

void cpu_set_model(struct cpu *cpu, const struct cpu_model *model)
{
    cpu->model = model;
    if (cpu->decoder)
        decoder_set_isa(cpu->decoder, model->isa);
    cpu->mmu.phys_bits = cpu_has(cpu, FEAT_PAE) || cpu_has(cpu, FEAT_PSE36) ? 36 : 32;
}

u32 cpu_cr4_bits(const struct cpu *cpu)
{
    static const struct {
        u8 feature;
        u32 bits;
    } rows[] = {
        {FEAT_VME, CR4_VME | CR4_PVI}, {FEAT_TSC, CR4_TSD},  {FEAT_DE, CR4_DE},
        {FEAT_PSE, CR4_PSE},           {FEAT_PAE, CR4_PAE},  {FEAT_MCE, CR4_MCE},
        {FEAT_PGE, CR4_PGE},           {FEAT_CMOV, CR4_PCE}, {FEAT_FXSR, CR4_OSFXSR},
        {FEAT_SSE, CR4_OSXMMEXCPT},
    };
    u32 bits = 0;

    for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
        if (cpu_has(cpu, rows[i].feature))
            bits |= rows[i].bits;
    return bits;
}

static u32 letters(const char *s)
{
    return (u32)(u8)s[0] | (u32)(u8)s[1] << 8 | (u32)(u8)s[2] << 16 | (u32)(u8)s[3] << 24;
}

static void brand_part(const struct cpu_model *m, unsigned part, u32 out[4])
{
    char text[48] = {0};

    memcpy(text, m->brand, strlen(m->brand));
    for (unsigned i = 0; i < 4; i++)
        out[i] = letters(text + 16 * part + 4 * i);
}

void cpu_cpuid(const struct cpu *cpu, u32 leaf, u32 subleaf, u32 out[4])
{
    const struct cpu_model *m = cpu->model;

    memset(out, 0, 4 * sizeof(*out));
    if (leaf >= 0x80000000 ? leaf > m->max_ext || !m->max_ext : leaf > m->max_leaf)
        leaf = m->max_leaf; /* beyond the last: as the last basic leaf (SDM) */
    if (subleaf && leaf == 7)
        return;
    for (unsigned i = 0; i < FEAT_COUNT; i++)
        if (features[i].leaf == leaf && cpu_has(cpu, i))
            out[features[i].reg] |= 1u << features[i].bit;
    switch (leaf) {
    case 0:
        out[0] = m->max_leaf;
        out[1] = letters(m->vendor);
        out[3] = letters(m->vendor + 4);
        out[2] = letters(m->vendor + 8);
        break;
    case 1: out[0] = m->signature; break;
    case 2:
        out[0] = m->cache_desc[0];
        out[1] = m->cache_desc[1];
        out[3] = m->cache_desc[2];
        break;
    case 0x80000000: out[0] = m->max_ext; break;
    case 0x80000002:
    case 0x80000003:
    case 0x80000004: brand_part(m, leaf - 0x80000002, out); break;
    case 0x80000008: out[0] = cpu->mmu.phys_bits | 32 << 8; break;
    default: break;
    }
}
