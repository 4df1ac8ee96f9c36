/* CPUID and the table of CPU models (SDM 2, CPUID).
 *
 * A model lists what it would have; features.def says which of it Orrery completely has. Only what
 * is in both is reported, and everything that depends on a feature asks cpu_has(). The default
 * model is an AMD Athlon 64 with what later operating systems look for, of a family that guests
 * know to be free of most speculation flaws. orrery32 is a Pentium III likewise; Intel's family
 * would have them, so it reports their absence (ARCH_CAPABILITIES). Both have a TSC of constant
 * rate. */
#include "cpu/cpuid.h"

#include <string.h>

#include "cpu/decode.h"
#include "cpu/monitor.h"
#include "cpu/msr.h"

#define APIC_BIT    (1u << 9)  /* in EDX of CPUID.1, and of AMD's 80000001h */
#define SYSCALL_BIT (1u << 11) /* in EDX of 80000001h */

enum { CACHE_LINE = 64 }; /* bytes, of CLFLUSH */

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
#define F_PENTIUM2 (F_P6 | FEAT_BIT(PAT) | FEAT_BIT(PSE36) | FEAT_BIT(MMX) | FEAT_BIT(FXSR))
#define F_PENTIUM3 (F_PENTIUM2 | FEAT_BIT(SSE))
#define F_PENTIUM4                                                                                 \
    (F_PENTIUM3 | FEAT_BIT(SSE2) | FEAT_BIT(NX) | FEAT_BIT(CLFLUSH) | FEAT_BIT(SSE3) |             \
     FEAT_BIT(MONITOR))
#define F_K6     (F_PENTIUM | FEAT_BIT(PGE) | FEAT_BIT(MMX) | FEAT_BIT(3DNOW))
#define F_ATHLON (F_PENTIUM2 | FEAT_BIT(MMXEXT) | FEAT_BIT(3DNOW) | FEAT_BIT(3DNOWEXT))
#define F_ORRERY32                                                                                 \
    (F_PENTIUM3 | FEAT_BIT(SSE2) | FEAT_BIT(NX) | FEAT_BIT(ARCHCAP) | FEAT_BIT(INVTSC) |           \
     FEAT_BIT(CLFLUSH) | FEAT_BIT(SSE3) | FEAT_BIT(PCLMUL) | FEAT_BIT(SSSE3) | FEAT_BIT(SSE41) |   \
     FEAT_BIT(SSE42) | FEAT_BIT(MOVBE) | FEAT_BIT(POPCNT) | FEAT_BIT(AES) | FEAT_BIT(SHA) |        \
     FEAT_BIT(RDTSCP) | FEAT_BIT(MONITOR) | FEAT_BIT(TSCDEADLINE))
#define F_ORRERY                                                                                   \
    ((F_ORRERY32 & ~FEAT_BIT(ARCHCAP)) | FEAT_BIT(LM) | FEAT_BIT(SYSCALL) | FEAT_BIT(CX16) |       \
     FEAT_BIT(LAHF64) | FEAT_BIT(HYPERVISOR))

#define INTEL "GenuineIntel"
#define AMD   "AuthenticAMD"

/* The first is the default. Speeds are those of typical parts of their time, in typical code: 8 MHz
 * 8086, 12 MHz 80286, 33 MHz 80386, 100 MHz 80486, 133 MHz Pentium... What a thousand million a
 * second do is not slowed down. */
static const struct cpu_model models[] = {
    {
        .name = "orrery", /* signature of an Athlon 64 X2, Brisbane */
        .brand = "Orrery virtual CPU",
        .vendor = AMD,
        .signature = 0x60fb1,
        .isa = ISA_P6,
        .max_leaf = 7,
        .max_ext = 0x80000008,
        .features = F_ORRERY,
        .caches = {0x40020140, 0x40020140, 0x02008140},
        .tlbs = {0xff08ff08, 0xff20ff20, 0x42004200},
        .kips = 1000000,
    },
    {
        .name = "orrery32", /* signature of a Pentium III */
        .brand = "Orrery virtual CPU",
        .vendor = INTEL,
        .signature = 0x686,
        .isa = ISA_P6,
        .max_leaf = 7,
        .max_ext = 0x80000008,
        .features = F_ORRERY32,
        .caches = {0x03020101, 0, 0x0c040882},
        .kips = 1000000,
    },
    {.name = "8086", .isa = ISA_8086, .kips = 600},
    {.name = "286", .isa = ISA_286, .kips = 2400},
    {
        .name = "386", /* DX, stepping D1: no XBTS and IBTS any more */
        .signature = 0x308,
        .isa = ISA_386,
        .kips = 8000,
    },
    {
        .name = "486", /* DX4, the first with CPUID; without CR4 */
        .vendor = INTEL,
        .signature = 0x480,
        .isa = ISA_486,
        .max_leaf = 1,
        .features = FEAT_BIT(FPU),
        .kips = 60000,
    },
    {
        .name = "pentium", /* P54C */
        .vendor = INTEL,
        .signature = 0x52c,
        .isa = ISA_P5,
        .max_leaf = 1,
        .features = F_PENTIUM,
        .kips = 150000,
    },
    {
        .name = "pentium-mmx", /* P55C */
        .vendor = INTEL,
        .signature = 0x543,
        .isa = ISA_P5,
        .max_leaf = 1,
        .features = F_PENTIUM | FEAT_BIT(MMX),
        .kips = 250000,
    },
    {
        .name = "k6-2",
        .brand = "AMD-K6(tm) 3D processor",
        .vendor = AMD,
        .signature = 0x58c,
        .isa = ISA_P5,
        .max_leaf = 1,
        .max_ext = 0x80000005,
        .features = F_K6,
        .caches = {0x20020220, 0x20020220, 0},
        .kips = 400000,
    },
    {
        .name = "pentiumpro",
        .vendor = INTEL,
        .signature = 0x619,
        .isa = ISA_P6,
        .max_leaf = 2,
        .features = F_P6,
        .caches = {0x03020101, 0, 0x06040a42},
        .kips = 300000,
    },
    {
        .name = "pentium2", /* Deschutes */
        .vendor = INTEL,
        .signature = 0x652,
        .isa = ISA_P6,
        .max_leaf = 2,
        .features = F_PENTIUM2,
        .caches = {0x03020101, 0, 0x0c040843},
        .kips = 500000,
    },
    {
        .name = "pentium3", /* Coppermine */
        .vendor = INTEL,
        .signature = 0x686,
        .isa = ISA_P6,
        .max_leaf = 2,
        .features = F_PENTIUM3,
        .caches = {0x03020101, 0, 0x0c040882},
        .kips = 1000000,
    },
    {
        .name = "athlon", /* Thunderbird */
        .brand = "AMD Athlon(tm) Processor",
        .vendor = AMD,
        .signature = 0x642,
        .isa = ISA_P6,
        .max_leaf = 1,
        .max_ext = 0x80000008,
        .features = F_ATHLON,
        .caches = {0x40020140, 0x40020140, 0x01008140},
        .kips = 1000000,
    },
    {
        .name = "pentium4", /* Prescott */
        .brand = "Intel(R) Pentium(R) 4 CPU 3.00GHz",
        .vendor = INTEL,
        .signature = 0xf41,
        .isa = ISA_P6,
        .max_leaf = 5,
        .max_ext = 0x80000008,
        .features = F_PENTIUM4,
        .caches = {0x605b5001, 0, 0x007c7040},
        .kips = 1000000,
    },
    {
        .name = "core-duo", /* Yonah */
        .brand = "Genuine Intel(R) CPU           T2600  @ 2.16GHz",
        .vendor = INTEL,
        .signature = 0x6e8,
        .isa = ISA_P6,
        .max_leaf = 10,
        .max_ext = 0x80000008,
        .features = F_PENTIUM4,
        .caches = {0x02b3b001, 0x000000f0, 0x2c04307d},
        .kips = 1000000,
    },
    {
        .name = "max", /* all that there is */
        .brand = "Orrery virtual CPU",
        .vendor = INTEL,
        .signature = 0x686,
        .isa = ISA_P6,
        .max_leaf = 7,
        .max_ext = 0x80000008,
        .features = ~0ull,
        .caches = {0x03020101, 0, 0x0c040882},
        .kips = 1000000,
    },
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

bool cpu_is_amd(const struct cpu *cpu)
{
    return cpu->model->vendor && !strcmp(cpu->model->vendor, AMD);
}

/* The forms that the CPU has: ISA_BIT() of its generation and those before, and of extensions. */
static u64 find_isas(const struct cpu *cpu)
{
    /* Any of the features will do, or a generation from since on. */
    static const struct {
        u8 isa, since;
        u64 features;
    } rows[] = {
        {ISA_FPU, ISA_8086, 0},
        {ISA_SEP, ISA_COUNT, FEAT_BIT(SEP)},
        {ISA_FXSR, ISA_COUNT, FEAT_BIT(FXSR)},
        {ISA_MMX, ISA_COUNT, FEAT_BIT(MMX)},
        {ISA_MMXEXT, ISA_COUNT, FEAT_BIT(SSE) | FEAT_BIT(MMXEXT)},
        {ISA_3DNOW, ISA_COUNT, FEAT_BIT(3DNOW)},
        {ISA_3DNOWEXT, ISA_COUNT, FEAT_BIT(3DNOWEXT)},
        {ISA_PREFETCHW, ISA_P6, FEAT_BIT(3DNOW)},
        {ISA_SSE, ISA_COUNT, FEAT_BIT(SSE)},
        {ISA_SSE2, ISA_COUNT, FEAT_BIT(SSE2)},
        {ISA_CLFLUSH, ISA_COUNT, FEAT_BIT(CLFLUSH)},
        {ISA_SSE3, ISA_COUNT, FEAT_BIT(SSE3)},
        {ISA_MONITOR, ISA_COUNT, FEAT_BIT(MONITOR)},
        {ISA_SSSE3, ISA_COUNT, FEAT_BIT(SSSE3)},
        {ISA_SSE41, ISA_COUNT, FEAT_BIT(SSE41)},
        {ISA_SSE42, ISA_COUNT, FEAT_BIT(SSE42)},
        {ISA_POPCNT, ISA_COUNT, FEAT_BIT(POPCNT)},
        {ISA_MOVBE, ISA_COUNT, FEAT_BIT(MOVBE)},
        {ISA_AES, ISA_COUNT, FEAT_BIT(AES)},
        {ISA_PCLMUL, ISA_COUNT, FEAT_BIT(PCLMUL)},
        {ISA_SHA, ISA_COUNT, FEAT_BIT(SHA)},
        {ISA_RDTSCP, ISA_COUNT, FEAT_BIT(RDTSCP)},
        {ISA_SMAP, ISA_COUNT, FEAT_BIT(SMAP)},
        {ISA_LM, ISA_COUNT, FEAT_BIT(LM)},
        {ISA_SYSCALL, ISA_COUNT, FEAT_BIT(SYSCALL)},
        {ISA_CX16, ISA_COUNT, FEAT_BIT(CX16)},
        {ISA_LAHF64, ISA_COUNT, FEAT_BIT(LAHF64)},
    };
    _Static_assert(ARRAY_LEN(rows) == ISA_COUNT - ISA_GENERATIONS, "a row for each extension");
    u64 isas = ISA_BIT(cpu->model->isa + 1) - 1, has = 0;

    for (unsigned f = 0; f < FEAT_COUNT; f++)
        has |= cpu_has(cpu, f) ? 1ull << f : 0;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
        if (cpu->model->isa >= rows[i].since || (has & rows[i].features))
            isas |= ISA_BIT(rows[i].isa);
    return isas;
}

void cpu_set_model(struct cpu *cpu, const struct cpu_model *model)
{
    cpu->model = model;
    if (cpu->decoder)
        decoder_set_isa(cpu->decoder, model->isa);
    cpu_set_a20(cpu, true);
    cpu->isas = find_isas(cpu);
    cpu->mmu.phys_bits = cpu_has(cpu, FEAT_PAE) || cpu_has(cpu, FEAT_PSE36) ? 36 : 32;
    cpu->mmu.pat = cpu_has(cpu, FEAT_PAT);
    cpu->mmu.pse36 = cpu_has(cpu, FEAT_PSE36);
    cpu->mmu.page1gb = cpu_has(cpu, FEAT_PDPE1GB);
}

void cpu_set_a20(struct cpu *cpu, bool open)
{
    enum isa isa = cpu->model->isa;
    u64 lines = isa <= ISA_186 ? 0xfffff : isa == ISA_286 ? 0xffffff : ~0ull;
    u64 mask = open ? lines : lines & ~(1ull << 20);

    cpu->a20_open = open;
    if (cpu->mmu.a20_mask == mask)
        return;
    cpu->mmu.a20_mask = mask;
    mmu_flush(&cpu->mmu);
}

u32 cpu_cr4_bits(const struct cpu *cpu)
{
    static const struct {
        u8 feature;
        u32 bits;
    } rows[] = {
        {FEAT_VME, CR4_VME | CR4_PVI}, {FEAT_TSC, CR4_TSD},   {FEAT_DE, CR4_DE},
        {FEAT_PSE, CR4_PSE},           {FEAT_PAE, CR4_PAE},   {FEAT_MCE, CR4_MCE},
        {FEAT_PGE, CR4_PGE},           {FEAT_CMOV, CR4_PCE},  {FEAT_FXSR, CR4_OSFXSR},
        {FEAT_SSE, CR4_OSXMMEXCPT},    {FEAT_UMIP, CR4_UMIP}, {FEAT_SMEP, CR4_SMEP},
        {FEAT_SMAP, CR4_SMAP},
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

/* AMD repeats most of leaf 1's EDX. Its parts before those of 64 bits have a signature of their own
 * there, one generation on (AMD 20734). */
static void amd_features(const struct cpu *cpu, u32 out[4])
{
    u32 basic[4];

    cpu_cpuid(cpu, 1, 0, basic);
    out[0] = cpu_has(cpu, FEAT_LM) ? basic[0] : basic[0] + 0x100;
    out[3] |= basic[3] & 0x0183f3ff;
}

void cpu_cpuid(const struct cpu *cpu, u32 leaf, u32 subleaf, u32 out[4])
{
    const struct cpu_model *m = cpu->model;
    bool amd = cpu_is_amd(cpu);

    memset(out, 0, 4 * sizeof(*out));
    if (leaf >= 0x80000000 ? leaf > m->max_ext || !m->max_ext : leaf > m->max_leaf) {
        if (amd || (leaf >> 28 == 4 && cpu_has(cpu, FEAT_HYPERVISOR)))
            return;
        leaf = m->max_leaf; /* beyond the last: as the last basic leaf (SDM) */
    }
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
    case 1:
        out[0] = m->signature;
        if (cpu_has(cpu, FEAT_CLFLUSH))
            out[1] = CACHE_LINE / 8 << 8;
        if (!(cpu->msr.misc_enable & MISC_ENABLE_MONITOR))
            out[2] &= ~(1u << 3);
        break;
    case 2:
        if (!amd) {
            out[0] = m->caches[0];
            out[1] = m->caches[1];
            out[3] = m->caches[2];
        }
        break;
    case 0x80000000:
        out[0] = m->max_ext;
        if (amd) {
            out[1] = letters(m->vendor);
            out[3] = letters(m->vendor + 4);
            out[2] = letters(m->vendor + 8);
        }
        break;
    case 0x80000001:
        if (amd)
            amd_features(cpu, out);
        else if (!cpu_is_code64(cpu)) /* SYSCALL is for 64-bit mode alone, on Intel's */
            out[3] &= ~SYSCALL_BIT;
        break;
    case 0x80000005:
        if (amd) {
            out[0] = m->tlbs[0];
            out[1] = m->tlbs[1];
            out[2] = m->caches[0];
            out[3] = m->caches[1];
        }
        break;
    case 0x80000006:
        if (amd) {
            out[1] = m->tlbs[2];
            out[2] = m->caches[2];
        }
        break;
    case 5:
        if (cpu_has(cpu, FEAT_MONITOR)) {
            out[0] = out[1] = MONITOR_LINE; /* the smallest and the largest */
            out[2] = 3;                     /* interrupts may end MWAIT though IF is clear */
            out[3] = 1 << 4;                /* one state, C1 */
        }
        break;
    case 0x80000002:
    case 0x80000003:
    case 0x80000004: brand_part(m, leaf - 0x80000002, out); break;
    case 0x80000008: out[0] = cpu->mmu.phys_bits | (cpu_has(cpu, FEAT_LM) ? 48 : 32) << 8; break;
    default: break;
    }
    if ((leaf == 1 || leaf == 0x80000001) && !(cpu->msr.apic_base & APIC_BASE_ENABLE))
        out[3] &= ~APIC_BIT; /* switched off: as if it were not there */
}
