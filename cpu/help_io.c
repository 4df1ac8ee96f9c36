/* Port input and output: permission by IOPL and the TSS's bitmap (SDM 1, 18.5), single accesses,
 * INS and OUTS.
 *
 * A repeated INS or OUTS runs in chunks: registers are exact after every element, so a fault, an
 * interrupt or the end of a chunk leaves an instruction that goes on where it stopped when it is
 * executed again. */
#include "cpu/help_io.h"
#include "cpu/cpuid.h"
#include "cpu/debug.h"
#include "cpu/help_str.h"
#include "cpu/helpers.h"
#include "cpu/seg.h"
#include "cpu/smm.h"

enum { CHUNK = 1024, TSS_IO_BASE = 0x66 };

/* #GP(0) unless all of the ports port .. port + size - 1 are allowed. */
static void check_ports(struct cpu *cpu, u16 port, unsigned size)
{
    if (!(cpu->cr0 & CR0_PE) || (cpu->cpl <= cpu_iopl(cpu) && !(cpu->eflags & FLAG_VM)))
        return;
    if (!(cpu->tr.attr & SA_P) || !(cpu->tr.attr & 8) || cpu->tr.limit < TSS_IO_BASE + 1)
        cpu_raise_err(cpu, VEC_GP, 0,
                      why_limit(RULE_io_no_map, cpu->tr.sel, TSS_IO_BASE, 2, cpu->tr.limit));
    laddr tss = system_base(cpu, &cpu->tr);
    u32 at = (u32)mem_read(cpu, tss + TSS_IO_BASE, 2, false) + port / 8u;
    if (at + 1 > cpu->tr.limit)
        cpu_raise_err(cpu, VEC_GP, 0,
                      why_limit(RULE_io_map_limit, cpu->tr.sel, at, 2, cpu->tr.limit));
    u32 map = (u32)mem_read(cpu, tss + at, 2, false) >> (port & 7);
    if (map & ((1u << size) - 1))
        cpu_raise_err(cpu, VEC_GP, 0,
                      why_value(RULE_io_denied, map & 0xff, map & ((1u << size) - 1)));
}

/* type and mem: what the access is part of, enum smm_io_type and the linear address of INS, OUTS.
 */
static u32 port_in(struct cpu *cpu, u16 port, unsigned size, unsigned type, laddr mem)
{
    u32 events = cpu->events;

    cpu->io_done = 1;
    cpu_sync_fpu(cpu);
    debug_port(cpu, port, size, false);
    u32 value = cpu->pins.in(cpu->pins.opaque, port, size);
    smm_note_io(cpu, events, port, size, (enum smm_io_type)type, mem);
    return value;
}

static void port_out(struct cpu *cpu, u16 port, unsigned size, u32 value, unsigned type, laddr mem)
{
    u32 mask = size == 4 ? 0xffffffff : (1u << 8 * size) - 1, events = cpu->events;

    cpu->io_done = 1;
    cpu_sync_fpu(cpu);
    debug_port(cpu, port, size, true);
    cpu->pins.out(cpu->pins.opaque, port, size, value & mask);
    smm_note_io(cpu, events, port, size, (enum smm_io_type)type, mem);
}

static unsigned immediate(u32 how)
{
    return how & IO_IMMEDIATE ? SMM_IO_IMM : 0;
}

u32 help_in(struct cpu *cpu, u32 port, u32 how)
{
    unsigned size = how & 7;

    check_ports(cpu, (u16)port, size);
    return port_in(cpu, (u16)port, size, SMM_IO_IN | immediate(how), 0);
}

void help_out(struct cpu *cpu, u32 port, u32 how, u32 value)
{
    unsigned size = how & 7;

    check_ports(cpu, (u16)port, size);
    port_out(cpu, (u16)port, size, value, SMM_IO_OUT | immediate(how), 0);
}

struct io_string {
    unsigned size;
    u64 mask; /* of index and count, by the address size */
    enum seg seg;
    bool rep;
};

static struct io_string unpack(u32 a)
{
    return (struct io_string){.size = a & 0xff,
                              .mask = ~0ull >> (64 - 8 * (a >> 8 & 0xff)),
                              .seg = a >> 16 & 0xff,
                              .rep = a >> 24};
}

/* An address of 32 bits clears the upper half. */
static void add_masked(u64 *reg, s64 n, u64 mask)
{
    u64 keep = mask == 0xffff ? ~mask : 0;

    *reg = (*reg & keep) | ((*reg + (u64)n) & mask);
}

static unsigned repeated(const struct io_string *s)
{
    return s->rep ? SMM_IO_REP : 0;
}

/* As check_overrun() of sem_string.c does for the other string instructions. */
static void check_overrun(struct cpu *cpu, const struct io_string *s, enum overrun what)
{
    if (s->size == 2 && cpu->model->isa == ISA_286 && !(cpu->cr0 & CR0_PE))
        help_overrun(cpu, what, s->rep);
}

static void ins_one(struct cpu *cpu, const struct io_string *s)
{
    check_overrun(cpu, s, OVERRUN_INS);
    laddr la = seg_linear(cpu, SEG_ES, cpu->gpr[EDI] & s->mask, s->size, ACCESS_WRITE);

    mem_probe_write(cpu, la, s->size, cpu_priv(cpu)); /* before the device gives the datum away */
    u32 value = port_in(cpu, (u16)cpu->gpr[EDX], s->size, SMM_IO_INS | repeated(s), la);
    mem_write(cpu, la, s->size, value, cpu_priv(cpu));
    add_masked(&cpu->gpr[EDI], (s64)cpu->df * s->size, s->mask);
}

static void outs_one(struct cpu *cpu, const struct io_string *s)
{
    check_overrun(cpu, s, OVERRUN_OUTS);
    laddr la = seg_linear(cpu, s->seg, cpu->gpr[ESI] & s->mask, s->size, ACCESS_READ);
    u32 value = (u32)mem_read(cpu, la, s->size, cpu_priv(cpu));

    port_out(cpu, (u16)cpu->gpr[EDX], s->size, value, SMM_IO_OUTS | repeated(s), la);
    add_masked(&cpu->gpr[ESI], (s64)cpu->df * s->size, s->mask);
}

static bool interrupted(const struct cpu *cpu)
{
    return cpu->events || (cpu->irq_line && (cpu->eflags & FLAG_IF)) || (cpu->eflags & FLAG_TF) ||
           debug_armed(cpu);
}

static void run_string(struct cpu *cpu, u32 a, u32 len,
                       void (*one)(struct cpu *cpu, const struct io_string *s))
{
    struct io_string s = unpack(a);
    u64 here = cpu_eip(cpu), next = (here + len) & cpu->eip_mask;

    if (!(cpu->mode & MODE_CODE32) && here <= 0xffff)
        next &= 0xffff;
    check_ports(cpu, (u16)cpu->gpr[EDX], s.size); /* even if the count is 0 */
    if (!s.rep) {
        one(cpu, &s);
    } else if (cpu->gpr[ECX] & s.mask) {
        for (unsigned n = 0; n < CHUNK; n++) {
            one(cpu, &s);
            add_masked(&cpu->gpr[ECX], -1, s.mask);
            if (!(cpu->gpr[ECX] & s.mask) || interrupted(cpu))
                break;
        }
        if (cpu->gpr[ECX] & s.mask)
            next = here;
    }
    cpu->eip = next;
    cpu->rep_more = next == here; /* and RF, as in help_str.c */
    cpu->eflags = (cpu->eflags & ~(u32)FLAG_RF) | (cpu->rep_more ? (u32)FLAG_RF : 0);
}

void help_ins(struct cpu *cpu, u32 a, u32 len)
{
    run_string(cpu, a, len, ins_one);
}

void help_outs(struct cpu *cpu, u32 a, u32 len)
{
    run_string(cpu, a, len, outs_one);
}
