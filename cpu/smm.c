/* System management mode: the state save map, entry, RSM (SDM 3C 31.4 to 31.12; the 32-bit map of
 * table 31-1).
 *
 * What the manual leaves reserved in the map holds what is not architectural: descriptor caches,
 * table registers, CR4, and where an interrupted I/O instruction began. So it does of IA-32e mode:
 * a CPU that has it saves by the 32-bit map, too, with the upper halves of registers and R8 to R15
 * in such places (no map of 64 bits is common to all makers). SMRAM is reached by physical
 * addresses as the chipset shows them in SMM (mmu_smram()); no translation survives entry or RSM.
 */
#include "cpu/smm.h"

#include <string.h>

#include "base/bytes.h"
#include "cpu/cpuid.h"
#include "cpu/crs.h"
#include "cpu/debug.h"
#include "cpu/excp.h"
#include "cpu/seg.h"
#include "cpu/trace.h"

/* Offsets in the map, from SMBASE + 8000h */
enum {
    MAP_BASE = 0x7e00,
    MAP_BYTES = 0x200,
    MAP_SMBASE = 0x7ef8,
    MAP_REVISION = 0x7efc,
    MAP_IO_RESTART = 0x7f00,
    MAP_HALT_RESTART = 0x7f02,
    MAP_IO_ADDRESS = 0x7fa0,
    MAP_IO_STATE = 0x7fa4,
    MAP_SELECTORS = 0x7fa8, /* ES CS SS DS FS GS, dwords */
    MAP_EFLAGS = 0x7ff4,
    MAP_EIP = 0x7ff0,
    /* ours, in what is reserved */
    MAP_SEGMENTS = 0x7f18,   /* attributes, limit, base of ES to GS, LDTR, TR: 12 bytes each */
    MAP_PRIVATE_IO = 0x7e20, /* EIP, ECX, ESI, EDI of an I/O instruction; then whether it is one */
    MAP_NMI_MASKED = 0x7e34,
    MAP_EFER = 0x7e38, /* 0 if it is not IA-32e mode that has been interrupted */
    MAP_EIP_HIGH = 0x7e3c,
    MAP_PRIVATE_IO_HIGH = 0x7e40,
    MAP_BASES_HIGH = 0x7e50, /* of ES to GS, LDTR, TR */
};

/* Bits of the revision identifier: SMBASE relocation, I/O restart. */
enum { REVISION = 1 << 17 | 1 << 16 };
enum { ENTRY_EIP = 0x8000, IO_RESTART = 0xff, HALT_RESTART = 1 };

#define HIGH(field) (offsetof(struct cpu, field) + 4)
#define LOW_HIGH(at, field)                                                                        \
    {at, offsetof(struct cpu, field)},                                                             \
    {                                                                                              \
        at + 4, HIGH(field)                                                                        \
    }

/* The dwords that are fields of struct cpu as they are, or halves of them. */
static const struct {
    u16 at;
    size_t field;
} plain[] = {
    {0x7ffc, offsetof(struct cpu, cr0)},
    {0x7ff8, offsetof(struct cpu, cr3)},
    {0x7fec, offsetof(struct cpu, gpr[EDI])},
    {0x7fe8, offsetof(struct cpu, gpr[ESI])},
    {0x7fe4, offsetof(struct cpu, gpr[EBP])},
    {0x7fe0, offsetof(struct cpu, gpr[ESP])},
    {0x7fdc, offsetof(struct cpu, gpr[EBX])},
    {0x7fd8, offsetof(struct cpu, gpr[EDX])},
    {0x7fd4, offsetof(struct cpu, gpr[ECX])},
    {0x7fd0, offsetof(struct cpu, gpr[EAX])},
    {0x7fcc, offsetof(struct cpu, dr[6])},
    {0x7fc8, offsetof(struct cpu, dr[7])},
    {0x7e10, offsetof(struct cpu, cr4)},
    {0x7e14, offsetof(struct cpu, gdtr.base)},
    {0x7e18, offsetof(struct cpu, idtr.base)},
    {0x7e70, HIGH(gpr[EAX])},
    {0x7e74, HIGH(gpr[ECX])},
    {0x7e78, HIGH(gpr[EDX])},
    {0x7e7c, HIGH(gpr[EBX])},
    {0x7e80, HIGH(gpr[ESP])},
    {0x7e84, HIGH(gpr[EBP])},
    {0x7e88, HIGH(gpr[ESI])},
    {0x7e8c, HIGH(gpr[EDI])},
    {0x7e90, HIGH(cr3)},
    {0x7e94, HIGH(gdtr.base)},
    {0x7e98, HIGH(idtr.base)},
    LOW_HIGH(0x7ea0, gpr[8]),
    LOW_HIGH(0x7ea8, gpr[9]),
    LOW_HIGH(0x7eb0, gpr[10]),
    LOW_HIGH(0x7eb8, gpr[11]),
    LOW_HIGH(0x7ec0, gpr[12]),
    LOW_HIGH(0x7ec8, gpr[13]),
    LOW_HIGH(0x7ed0, gpr[14]),
    LOW_HIGH(0x7ed8, gpr[15]),
};

struct map {
    u8 bytes[MAP_BYTES];
};

static u32 get(const struct map *m, unsigned at, unsigned size)
{
    return (u32)load_le(m->bytes + at - MAP_BASE, size);
}

static u64 get64(const struct map *m, unsigned low, unsigned high)
{
    return get(m, low, 4) | (u64)get(m, high, 4) << 32;
}

static void put(struct map *m, unsigned at, unsigned size, u32 value)
{
    store_le(m->bytes + at - MAP_BASE, size, value);
}

static paddr map_address(const struct cpu *cpu, unsigned i)
{
    paddr pa = (u32)(cpu->smbase + ENTRY_EIP + MAP_BASE + i) & cpu->mmu.a20_mask;

    return mmu_smram(&cpu->mmu, pa, false);
}

static void map_write(struct cpu *cpu, const struct map *m)
{
    for (unsigned i = 0; i < MAP_BYTES; i += 4)
        phys_write_as(cpu->mmu.phys, PHYS_CPU, map_address(cpu, i), 4, load_le(m->bytes + i, 4));
}

static void map_read(struct cpu *cpu, struct map *m)
{
    for (unsigned i = 0; i < MAP_BYTES; i += 4)
        store_le(m->bytes + i, 4, phys_read(cpu->mmu.phys, map_address(cpu, i), 4));
}

/* The segment registers and then LDTR and TR, with the places of their selectors. */
enum { SEGMENTS = SEG_COUNT + 2 };

static struct segment *segment(struct cpu *cpu, unsigned i, unsigned *selector)
{
    static const u16 system[] = {0x7fc0, 0x7fc4};

    if (i < SEG_COUNT) {
        *selector = MAP_SELECTORS + 4 * i;
        return &cpu->seg[i];
    }
    *selector = system[i - SEG_COUNT];
    return i == SEG_COUNT ? &cpu->ldtr : &cpu->tr;
}

static void save_io(struct cpu *cpu, struct map *m)
{
    const struct smm_io *io = &cpu->smm_io;

    if (!io->valid)
        return;
    put(m, MAP_IO_STATE, 4, 1 | (u32)io->size << 1 | (u32)io->type << 4 | (u32)io->port << 16);
    put(m, MAP_IO_ADDRESS, 4, (u32)io->mem);
    const u64 regs[] = {io->eip, io->ecx, io->esi, io->edi};
    for (unsigned i = 0; i < ARRAY_LEN(regs); i++) {
        put(m, MAP_PRIVATE_IO + 4 * i, 4, (u32)regs[i]);
        put(m, MAP_PRIVATE_IO_HIGH + 4 * i, 4, (u32)(regs[i] >> 32));
    }
    put(m, MAP_PRIVATE_IO + 16, 4, 1);
}

static void save(struct cpu *cpu, struct map *m, bool halted)
{
    for (unsigned i = 0; i < ARRAY_LEN(plain); i++)
        put(m, plain[i].at, 4, *(const u32 *)(const void *)((const u8 *)cpu + plain[i].field));
    put(m, MAP_EFLAGS, 4, cpu_eflags(cpu));
    put(m, MAP_EIP, 4, (u32)cpu->eip);
    put(m, MAP_EIP_HIGH, 4, (u32)(cpu->eip >> 32));
    put(m, MAP_EFER, 4, cpu_is_ia32e(cpu) ? (u32)cpu->msr.efer : 0);
    for (unsigned i = 0; i < SEGMENTS; i++) {
        unsigned selector, at = MAP_SEGMENTS + 12 * i;
        const struct segment *s = segment(cpu, i, &selector);

        put(m, selector, 4, s->sel);
        put(m, at, 4, s->attr);
        put(m, at + 4, 4, s->limit);
        put(m, at + 8, 4, s->base);
        put(m, MAP_BASES_HIGH + 4 * i, 4, s->base_high);
    }
    put(m, 0x7e1c, 4, cpu->gdtr.limit | (u32)cpu->idtr.limit << 16);
    put(m, MAP_NMI_MASKED, 4, cpu->nmi_masked);
    put(m, MAP_HALT_RESTART, 2, halted ? HALT_RESTART : 0);
    put(m, MAP_SMBASE, 4, cpu->smbase);
    put(m, MAP_REVISION, 4, REVISION);
    save_io(cpu, m);
}

/* Everything that translations and the mode depend on has changed. */
static void state_changed(struct cpu *cpu)
{
    crs_restored(cpu);
    cpu->mmu.smm = cpu->smm;
    cpu->smm_io.valid = false;
    cpu->rep_more = false;
    cpu->debug_hits = 0;
    debug_update(cpu);
    mmu_flush(&cpu->mmu);
    cpu_update_mode(cpu);
}

/* SDM 3C 31.5: real-mode addressing with 4 GiB segments. */
void smm_enter(struct cpu *cpu)
{
    bool halted = (cpu->events & EV_WAIT) == EV_HALT; /* MWAIT ends */
    struct map m = {{0}};

    cpu->events &= ~(u32)(EV_SMI | EV_WAIT);
    cpu->smm = cpu->mmu.smm = true;
    save(cpu, &m, halted);
    trace_delivery(cpu, &(struct cpu_delivery){.kind = DELIVER_SMI});
    map_write(cpu, &m);
    trace_delivered(cpu);

    cpu_set_eflags(cpu, 2);
    cpu->eip = ENTRY_EIP;
    cpu->cr0 &= ~(u32)(CR0_PE | CR0_EM | CR0_TS | CR0_PG);
    cpu->cr4 = 0;
    if (cpu_is_ia32e(cpu))
        cpu->msr.efer = 0;
    cpu->dr[7] = 0x400;
    cpu->cpl = 0;
    cpu->nmi_masked = true;
    for (unsigned i = 0; i < SEG_COUNT; i++) {
        struct segment *s = &cpu->seg[i];

        *s = (struct segment){.attr = SA_P | SA_S | SA_RW | SA_ACCESSED, .limit = 0xffffffff};
        seg_update_cache(s);
    }
    cpu->seg[SEG_CS].sel = (u16)(cpu->smbase >> 4);
    cpu->seg[SEG_CS].base = cpu->smbase;
    state_changed(cpu);
}

/* SDM 3C 31.7: what RSM refuses. */
static bool acceptable(const struct cpu *cpu, const struct map *m)
{
    const u32 lma = EFER_LMA | EFER_LME;
    u32 cr0 = get(m, 0x7ffc, 4), cr4 = get(m, 0x7e10, 4), smbase = get(m, MAP_SMBASE, 4);
    u32 efer = get(m, MAP_EFER, 4);

    if (cr4 & ~cpu_cr4_bits(cpu))
        return false;
    if ((cr0 & (CR0_PG | CR0_PE)) == CR0_PG || (cr0 & (CR0_NW | CR0_CD)) == CR0_NW)
        return false;
    if (efer &&
        (!cpu_has(cpu, FEAT_LM) || (efer & lma) != lma || !(cr0 & CR0_PG) || !(cr4 & CR4_PAE)))
        return false;
    return cpu->model->isa >= ISA_P6 || !(smbase & 0x7fff);
}

static void load_segments(struct cpu *cpu, const struct map *m)
{
    for (unsigned i = 0; i < SEGMENTS; i++) {
        unsigned selector, at = MAP_SEGMENTS + 12 * i;
        struct segment *s = segment(cpu, i, &selector);

        *s = (struct segment){.sel = (u16)get(m, selector, 4),
                              .attr = (u16)get(m, at, 4) & 0xf0ff,
                              .limit = get(m, at + 4, 4),
                              .base = get(m, at + 8, 4),
                              .base_high = get(m, MAP_BASES_HIGH + 4 * i, 4)};
        seg_update_cache(s);
    }
}

static void load_flags(struct cpu *cpu, u32 eflags)
{
    bool prot = cpu->cr0 & CR0_PE;

    cpu_set_eflags(cpu, prot ? eflags : eflags & ~(u32)FLAG_VM);
    if (!prot)
        cpu->cpl = 0;
    else if (cpu->eflags & FLAG_VM)
        cpu->cpl = 3;
    else
        cpu->cpl = (u8)((cpu->seg[SEG_SS].attr & SA_DPL) >> SA_DPL_SHIFT);
}

static void load(struct cpu *cpu, const struct map *m)
{
    for (unsigned i = 0; i < ARRAY_LEN(plain); i++)
        *(u32 *)(void *)((u8 *)cpu + plain[i].field) = get(m, plain[i].at, 4);
    cpu->cr0 = cr0_of_model(cpu, cpu->cr0);
    if (get(m, MAP_EFER, 4))
        cpu->msr.efer = get(m, MAP_EFER, 4) & (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE);
    dr_load(cpu, 6, cpu->dr[6]);
    dr_load(cpu, 7, cpu->dr[7]);
    cpu->gdtr.limit = (u16)get(m, 0x7e1c, 2);
    cpu->idtr.limit = (u16)get(m, 0x7e1e, 2);
    load_segments(cpu, m);
    load_flags(cpu, get(m, MAP_EFLAGS, 4));
    cpu->eip = get64(m, MAP_EIP, MAP_EIP_HIGH);
    cpu->nmi_masked = get(m, MAP_NMI_MASKED, 1) & 1;
    cpu->smbase = get(m, MAP_SMBASE, 4);
    if (get(m, MAP_IO_RESTART, 1) == IO_RESTART && get(m, MAP_PRIVATE_IO + 16, 1)) {
        cpu->eip = get64(m, MAP_PRIVATE_IO, MAP_PRIVATE_IO_HIGH);
        cpu->gpr[ECX] = get64(m, MAP_PRIVATE_IO + 4, MAP_PRIVATE_IO_HIGH + 4);
        cpu->gpr[ESI] = get64(m, MAP_PRIVATE_IO + 8, MAP_PRIVATE_IO_HIGH + 8);
        cpu->gpr[EDI] = get64(m, MAP_PRIVATE_IO + 12, MAP_PRIVATE_IO_HIGH + 12);
    }
    if (get(m, MAP_HALT_RESTART, 1) & HALT_RESTART)
        cpu->events |= EV_HALT;
}

static void shut_down(struct cpu *cpu)
{
    cpu->shutdown_n = 0;
    cpu->eip = cpu_eip(cpu);
    cpu->events |= EV_TRIPLE;
}

void smm_resume(struct cpu *cpu)
{
    struct map m;

    if (!cpu->smm)
        cpu_raise(cpu, VEC_UD, why(RULE_rsm));
    map_read(cpu, &m);
    if (!acceptable(cpu, &m)) {
        shut_down(cpu);
        return;
    }
    load(cpu, &m);
    cpu->smm = false;
    state_changed(cpu);
    if ((cpu->cr0 & CR0_PG) && (cpu->cr4 & CR4_PAE) && !cpu_is_ia32e(cpu) &&
        !mmu_load_pdptes(&cpu->mmu))
        shut_down(cpu);
}

void smm_note_io(struct cpu *cpu, u32 events, u16 port, unsigned size, enum smm_io_type type,
                 laddr mem)
{
    if (!(~events & cpu->events & EV_SMI) || cpu->smm)
        return;
    cpu->smm_io = (struct smm_io){.valid = true,
                                  .port = port,
                                  .size = (u8)size,
                                  .type = (u8)type,
                                  .mem = mem,
                                  .eip = cpu_eip(cpu),
                                  .ecx = cpu->gpr[ECX],
                                  .esi = cpu->gpr[ESI],
                                  .edi = cpu->gpr[EDI]};
}
