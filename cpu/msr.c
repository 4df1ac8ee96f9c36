/* Model-specific registers: one table of ranges, of which the first counts whose feature there is.
 * A row is a field of struct cpu with the bits that may be set, or a constant; a few have
 * functions. What is in no row is #GP(0), as on a real part (SDM 4, chapter 2).
 *
 * Memory types (MTRRs, PAT) are kept and checked but change nothing: guest memory has no caches to
 * fool. */
#include "cpu/msr.h"

#include "cpu/cpuid.h"
#include "cpu/crs.h"
#include "cpu/monitor.h"

enum {
    MSR_F_CONST = 1,    /* reads as mask */
    MSR_F_IGNORE = 2,   /* bits outside mask are dropped; else they are #GP */
    MSR_F_U32 = 4,      /* the field is 32 bits */
    MSR_F_MEMTYPES = 8, /* eight bytes, each a memory type */
    MSR_F_LINEAR = 16,  /* a linear address: canonical, or #GP */
    MSR_F_INTEL = 32,   /* AMD's have it not */
    MSR_F_AMD = 64,     /* only AMD's have it */
};

struct msr_row {
    u32 first, last;
    u8 flags;
    u8 feature;    /* enum cpu_feature; FEAT_COUNT: always there */
    u16 stride;    /* bytes from one register's field to the next's */
    size_t offset; /* of the first one's field in struct cpu */
    u64 mask;
    u64 (*read)(struct cpu *cpu, u32 index);
    bool (*write)(struct cpu *cpu, u32 index, u64 value);
};

static u64 read_tsc(struct cpu *cpu, u32 index)
{
    (void)index;
    return cpu_tsc(cpu);
}

/* The timer's deadline, as a TSC value; 0: none. */
static u64 read_deadline(struct cpu *cpu, u32 index)
{
    (void)index;
    u64 at = cpu->pins.apic_deadline ? cpu->pins.apic_deadline(cpu->pins.opaque) : 0;
    return at ? cpu_clock_at(cpu, at) + cpu->tsc_offset : 0;
}

/* Instructions in which the clock counts so far, at least. */
static u64 insns_of(const struct cpu *cpu, u64 counts)
{
    u64 pace = (u64)CPU_PACE + cpu->stretch.sixteenths;

    return counts / pace * CPU_PACE + (counts % pace * CPU_PACE + pace - 1) / pace;
}

/* What is past comes at once. */
static bool write_deadline(struct cpu *cpu, u32 index, u64 value)
{
    (void)index;
    u64 tsc = cpu_tsc(cpu), now = cpu_icount(cpu);

    if (!cpu->pins.set_apic_deadline)
        return true;
    if (value)
        value = value > tsc ? now + insns_of(cpu, value - tsc) : now;
    cpu->pins.set_apic_deadline(cpu->pins.opaque, value);
    return true;
}

static bool write_tsc(struct cpu *cpu, u32 index, u64 value)
{
    (void)index;
    u64 deadline = read_deadline(cpu, 0);

    cpu->tsc_offset = value - cpu_clock_at(cpu, cpu_icount(cpu));
    if (deadline)
        write_deadline(cpu, 0, deadline);
    return true;
}

void cpu_set_pace(struct cpu *cpu, u32 pace)
{
    u64 now = cpu_icount(cpu), deadline = read_deadline(cpu, 0);

    cpu->stretch.extra = cpu_clock_at(cpu, now) - now;
    cpu->stretch.since = now;
    cpu->stretch.sixteenths = pace - CPU_PACE;
    if (deadline)
        write_deadline(cpu, 0, deadline);
}

static bool write_apic_base(struct cpu *cpu, u32 index, u64 value)
{
    (void)index;
    u64 page = ((1ull << cpu->mmu.phys_bits) - 1) & ~(u64)PAGE_MASK;

    if (value & ~(page | APIC_BASE_BSP | APIC_BASE_ENABLE))
        return false;
    cpu->msr.apic_base = value;
    if (cpu->pins.apic_base)
        cpu->pins.apic_base(cpu->pins.opaque, value);
    return true;
}

static bool write_efer(struct cpu *cpu, u32 index, u64 value)
{
    (void)index;
    return efer_load(cpu, value);
}

/* FS.base and GS.base */
static enum seg base_of(u32 index)
{
    return index & 1 ? SEG_GS : SEG_FS;
}

static u64 read_base(struct cpu *cpu, u32 index)
{
    return segment_base64(&cpu->seg[base_of(index)]);
}

static bool write_base(struct cpu *cpu, u32 index, u64 value)
{
    struct segment *s = &cpu->seg[base_of(index)];

    if (!laddr_is_canonical(value))
        return false;
    s->base = (u32)value;
    s->base_high = (u32)(value >> 32);
    cpu_update_mode_seg(cpu, base_of(index));
    return true;
}

static bool memtype_valid(unsigned t, bool pat)
{
    return t <= 7 && t != 2 && t != 3 && (t != 7 || pat); /* UC, WC, WT, WP, WB; PAT: UC- */
}

static bool write_mtrr_def(struct cpu *cpu, u32 index, u64 value)
{
    (void)index;
    if ((value & ~0xcffull) || !memtype_valid(value & 0xff, false))
        return false;
    cpu->msr.mtrr_def = value;
    return true;
}

/* A variable range is two registers: base and memory type, then mask and valid bit (SDM 3A
 * 11.11.2.3). */
static bool write_mtrr_var(struct cpu *cpu, u32 index, u64 value)
{
    u64 bits = (1ull << cpu->mmu.phys_bits) - 1;

    bits &= ~0xfffull | (index & 1 ? 0x800 : 0xff);
    if ((value & ~bits) || (!(index & 1) && !memtype_valid(value & 0xff, false)))
        return false;
    cpu->msr.mtrr_var[index - 0x200] = value;
    return true;
}

/* Machine check banks: nothing ever fails, so status, address and miscellany can only be cleared,
 * and a control register takes all ones or zeros, as on the P6 (SDM 3B 15.3.2), but any value on
 * AMD's (APM 2, 9.3.2). */
static bool write_mc_bank(struct cpu *cpu, u32 index, u64 value)
{
    bool control = !(index & 3);

    if (value && (!control || (value != ~0ull && !cpu_is_amd(cpu))))
        return false;
    if (control)
        cpu->msr.mc_ctl[(index - 0x400) / 4] = value;
    return true;
}

static u64 read_mc_bank(struct cpu *cpu, u32 index)
{
    return index & 3 ? 0 : cpu->msr.mc_ctl[(index - 0x400) / 4];
}

/* Five banks and MCG_CTL */
#define MCG_CAP (CPU_MC_BANKS | 1 << 8)

/* Fixed ranges and eight variable ones; write-combining exists. */
#define MTRR_CAP (8 | 1 << 8 | 1 << 10)

/* RDCL_NO, SKIP_L1DFL, SSB_NO, MDS_NO, PSCHANGE_MC_NO, TAA_NO, SBDR_SSDP_NO, FBSDP_NO, PSDP_NO,
 * BHI_NO, PBRSB_NO, GDS_NO, RFDS_NO (SDM 4, IA32_ARCH_CAPABILITIES): none of these flaws can be
 * there without speculation. */
#define ARCH_CAPS                                                                                  \
    (1ull << 0 | 1ull << 3 | 1ull << 4 | 1ull << 5 | 1ull << 6 | 1ull << 8 | 1ull << 13 |          \
     1ull << 14 | 1ull << 15 | 1ull << 20 | 1ull << 24 | 1ull << 26 | 1ull << 27)

#define AT(field) offsetof(struct cpu, msr.field)
#define CONST(index, value, feature)                                                               \
    {                                                                                              \
        index, index, MSR_F_CONST, feature, 0, 0, value, NULL, NULL                                \
    }

static const struct msr_row rows[] = {
    {0x00, 0x01, MSR_F_IGNORE, FEAT_MCE, 0, AT(ucode_rev), 0, NULL, NULL}, /* P5_MC_ADDR, _TYPE */
    {0x10, 0x10, 0, FEAT_TSC, 0, 0, 0, read_tsc, write_tsc},
    CONST(0x17, 0, FEAT_COUNT), /* PLATFORM_ID */
    {0x1b, 0x1b, 0, FEAT_APIC, 0, AT(apic_base), 0, NULL, write_apic_base},
    CONST(0x2a, 0, FEAT_COUNT),                                              /* EBL_CR_POWERON */
    {0x79, 0x79, MSR_F_IGNORE, FEAT_COUNT, 0, AT(ucode_rev), 0, NULL, NULL}, /* update trigger */
    {0x8b, 0x8b, MSR_F_IGNORE, FEAT_COUNT, 0, AT(ucode_rev), 0, NULL,
     NULL}, /* revision: none loaded */
    CONST(0xfe, MTRR_CAP, FEAT_MTRR),
    CONST(0x10a, ARCH_CAPS, FEAT_ARCHCAP),
    {0x119, 0x119, MSR_F_IGNORE, FEAT_COUNT, 0, AT(ucode_rev), 0, NULL, NULL}, /* BBL_CR_CTL */
    CONST(0x179, MCG_CAP, FEAT_MCA),
    {0x17a, 0x17a, 0, FEAT_MCA, 0, AT(mcg_status), 7, NULL, NULL},
    {0x17b, 0x17b, 0, FEAT_MCA, 0, AT(mcg_ctl), ~0ull, NULL, NULL},
    {0x174, 0x174, MSR_F_U32 | MSR_F_IGNORE, FEAT_SEP, 0, AT(sysenter_cs), 0xffff, NULL, NULL},
    /* of 32 bits on AMD's, which have no SYSENTER in IA-32e mode */
    {0x175, 0x175, MSR_F_LINEAR | MSR_F_INTEL, FEAT_LM, 0, AT(sysenter_esp), ~0ull, NULL, NULL},
    {0x176, 0x176, MSR_F_LINEAR | MSR_F_INTEL, FEAT_LM, 0, AT(sysenter_eip), ~0ull, NULL, NULL},
    {0x175, 0x175, MSR_F_U32 | MSR_F_IGNORE, FEAT_SEP, 0, AT(sysenter_esp), 0xffffffff, NULL, NULL},
    {0x176, 0x176, MSR_F_U32 | MSR_F_IGNORE, FEAT_SEP, 0, AT(sysenter_eip), 0xffffffff, NULL, NULL},
    {0x1a0, 0x1a0, MSR_F_IGNORE, FEAT_COUNT, 0, AT(misc_enable), 1 | MISC_ENABLE_MONITOR, NULL,
     NULL},
    {0x1d9, 0x1d9, MSR_F_IGNORE, FEAT_CMOV, 0, AT(debugctl), DEBUGCTL_BTF, NULL, NULL},
    {0x200, 0x20f, 0, FEAT_MTRR, 8, AT(mtrr_var), 0, NULL, write_mtrr_var},
    {0x250, 0x250, MSR_F_MEMTYPES, FEAT_MTRR, 8, AT(mtrr_fixed[0]), ~0ull, NULL, NULL},
    {0x258, 0x259, MSR_F_MEMTYPES, FEAT_MTRR, 8, AT(mtrr_fixed[1]), ~0ull, NULL, NULL},
    {0x268, 0x26f, MSR_F_MEMTYPES, FEAT_MTRR, 8, AT(mtrr_fixed[3]), ~0ull, NULL, NULL},
    {0x277, 0x277, MSR_F_MEMTYPES, FEAT_PAT, 0, AT(pat), ~0ull, NULL, NULL},
    {0x2ff, 0x2ff, 0, FEAT_MTRR, 0, AT(mtrr_def), 0, NULL, write_mtrr_def},
    {0x6e0, 0x6e0, 0, FEAT_TSCDEADLINE, 0, 0, 0, read_deadline, write_deadline},
    {0x400, 0x400 + 4 * CPU_MC_BANKS - 1, 0, FEAT_MCA, 0, 0, 0, read_mc_bank, write_mc_bank},
    {0xc0000080, 0xc0000080, 0, FEAT_NX, 0, AT(efer), 0, NULL, write_efer},
    {0xc0000080, 0xc0000080, 0, FEAT_LM, 0, AT(efer), 0, NULL, write_efer},
    {0xc0000081, 0xc0000081, 0, FEAT_SYSCALL, 0, AT(star), ~0ull, NULL, NULL},
    {0xc0000082, 0xc0000082, MSR_F_LINEAR, FEAT_LM, 0, AT(lstar), ~0ull, NULL, NULL},
    {0xc0000083, 0xc0000083, MSR_F_LINEAR, FEAT_LM, 0, AT(cstar), ~0ull, NULL, NULL},
    {0xc0000084, 0xc0000084, 0, FEAT_LM, 0, AT(sfmask), 0xffffffff, NULL, NULL},
    {0xc0000100, 0xc0000101, 0, FEAT_LM, 0, 0, 0, read_base, write_base},
    {0xc0000102, 0xc0000102, MSR_F_LINEAR, FEAT_LM, 0, AT(kernel_gs_base), ~0ull, NULL, NULL},
    {0xc0000103, 0xc0000103, MSR_F_U32, FEAT_RDTSCP, 0, offsetof(struct cpu, tsc_aux), 0xffffffff,
     NULL, NULL},
    /* What the K7 and its successors have for firmware (AMD 32559, Family 0Fh BKDG): SYSCFG, HWCR,
     * TOP_MEM, NB_CFG, INTERRUPT_PENDING, LS_CFG, ... Without effect, and at their reset values. */
    {0xc0010000, 0xc0010117, MSR_F_AMD | MSR_F_IGNORE, FEAT_CMOV, 0, AT(ucode_rev), 0, NULL, NULL},
    {0xc0011000, 0xc001103f, MSR_F_AMD | MSR_F_IGNORE, FEAT_CMOV, 0, AT(ucode_rev), 0, NULL, NULL},
};

static bool has_row(const struct cpu *cpu, const struct msr_row *r)
{
    unsigned other = cpu_is_amd(cpu) ? MSR_F_INTEL : MSR_F_AMD;

    return !(r->flags & other) && (r->feature == FEAT_COUNT || cpu_has(cpu, r->feature));
}

static const struct msr_row *find(const struct cpu *cpu, u32 index)
{
    if (!cpu_has(cpu, FEAT_MSR))
        return NULL;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        const struct msr_row *r = &rows[i];

        if (index >= r->first && index <= r->last && has_row(cpu, r))
            return r;
    }
    return NULL;
}

static u8 *field(struct cpu *cpu, const struct msr_row *r, u32 index)
{
    return (u8 *)cpu + r->offset + (size_t)(index - r->first) * r->stride;
}

static bool memtypes_valid(u64 value, bool pat)
{
    for (unsigned i = 0; i < 64; i += 8)
        if (!memtype_valid(value >> i & 0xff, pat))
            return false;
    return true;
}

bool msr_read(struct cpu *cpu, u32 index, u64 *value)
{
    const struct msr_row *r = find(cpu, index);

    if (!r)
        return false;
    if (r->read)
        *value = r->read(cpu, index);
    else if (r->flags & MSR_F_CONST)
        *value = r->mask;
    else if (r->flags & MSR_F_U32)
        *value = *(u32 *)(void *)field(cpu, r, index);
    else
        *value = *(u64 *)(void *)field(cpu, r, index);
    return true;
}

bool msr_write(struct cpu *cpu, u32 index, u64 value)
{
    const struct msr_row *r = find(cpu, index);

    if (!r || (r->flags & MSR_F_CONST))
        return false;
    if (r->write)
        return r->write(cpu, index, value);
    if ((value & ~r->mask) && !(r->flags & MSR_F_IGNORE))
        return false;
    if ((r->flags & MSR_F_LINEAR) && !laddr_is_canonical(value))
        return false;
    value &= r->mask;
    if ((r->flags & MSR_F_MEMTYPES) && !memtypes_valid(value, r->feature == FEAT_PAT))
        return false;
    if (r->flags & MSR_F_U32)
        *(u32 *)(void *)field(cpu, r, index) = (u32)value;
    else
        *(u64 *)(void *)field(cpu, r, index) = value;
    return true;
}
