/* Looking at a machine from outside: state hash, registers, memory, statistics, the shutdown
 * report. */
#include "machine/machine.h"

#include "base/hash.h"
#include "cpu/cpuid.h"

#include <inttypes.h>
#include <string.h>

static void hash_segment(struct hash *h, const struct segment *s)
{
    hash_u64(h, s->sel | (u64)s->attr << 16 | (u64)s->limit << 32);
    hash_u64(h, s->base);
}

static void hash_fpu(struct hash *h, const struct x87 *f)
{
    for (unsigned i = 0; i < 8; i++) {
        hash_u64(h, f->st[i].sig);
        hash_u64(h, f->st[i].se);
    }
    hash_u64(h, f->fcw | (u64)f->fsw << 16 | (u64)f->empty << 32 | (u64)f->fop << 40);
    hash_u64(h, (u32)f->fip | (u64)f->fdp << 32);
    hash_u64(h, f->fcs | (u64)f->fds << 16);
}

static void hash_msrs(struct hash *h, const struct cpu *cpu)
{
    hash_u64(h, cpu->tsc_offset);
    hash_u64(h, cpu_clock_at(cpu, cpu_icount(cpu)));
    hash_u64(h, cpu->stretch.sixteenths);
    hash_u64(h, cpu->tsc_aux);
    hash_u64(h, cpu->msr.sysenter_cs | cpu->msr.sysenter_esp << 32);
    hash_u64(h, (u32)cpu->msr.sysenter_eip);
    hash_u64(h, cpu->msr.efer);
    hash_u64(h, cpu->msr.apic_base);
    hash_u64(h, cpu->msr.pat);
    hash_u64(h, cpu->msr.misc_enable);
    hash_u64(h, cpu->msr.mtrr_def);
    hash_u64(h, cpu->msr.debugctl);
    hash_u64(h, cpu->msr.mcg_status);
    hash_u64(h, cpu->msr.mcg_ctl);
    for (unsigned i = 0; i < CPU_MC_BANKS; i++)
        hash_u64(h, cpu->msr.mc_ctl[i]);
    for (unsigned i = 0; i < ARRAY_LEN(cpu->msr.mtrr_fixed); i++)
        hash_u64(h, cpu->msr.mtrr_fixed[i]);
    for (unsigned i = 0; i < ARRAY_LEN(cpu->msr.mtrr_var); i++)
        hash_u64(h, cpu->msr.mtrr_var[i]);
}

/* What only 64-bit mode makes other than 0: while it is 0, hashes are those of a CPU without. */
struct long_state {
    u64 value[64], any;
    unsigned n;
};

static void put(struct long_state *s, u64 value)
{
    s->value[s->n++] = value;
    s->any |= value;
}

static void hash_long_state(struct hash *h, const struct cpu *cpu)
{
    const u64 halves[] = {cpu_eip(cpu),          cpu->cr2,       cpu->cr3,
                          cpu->gdtr.base,        cpu->idtr.base, cpu->msr.sysenter_esp,
                          cpu->msr.sysenter_eip, cpu->fpu.fip,   cpu->fpu.fdp};
    const u64 whole[] = {cpu->cr8,       cpu->msr.star,   cpu->msr.lstar,
                         cpu->msr.cstar, cpu->msr.sfmask, cpu->msr.kernel_gs_base};
    struct long_state s = {.n = 0};

    for (unsigned i = GPR_COUNT; i < GPR64_COUNT; i++)
        put(&s, cpu->gpr[i]);
    for (unsigned i = 8; i < 16; i++) {
        put(&s, cpu->xmm[i].q[0]);
        put(&s, cpu->xmm[i].q[1]);
    }
    for (unsigned i = 0; i < SEG_COUNT; i++)
        put(&s, cpu->seg[i].base_high);
    put(&s, cpu->ldtr.base_high);
    put(&s, cpu->tr.base_high);
    for (unsigned i = 0; i < ARRAY_LEN(cpu->dr); i++)
        put(&s, cpu->dr[i] >> 32);
    for (unsigned i = 0; i < ARRAY_LEN(halves); i++)
        put(&s, halves[i] >> 32);
    for (unsigned i = 0; i < ARRAY_LEN(whole); i++)
        put(&s, whole[i]);
    for (unsigned i = 0; s.any && i < s.n; i++)
        hash_u64(h, s.value[i]);
}

void machine_hash_cpu(struct cpu *cpu, struct hash *h)
{
    u32 events = cpu->events & ~(u32)EV_STOP; /* the run loop's own */
    for (unsigned i = 0; i < GPR_COUNT; i++)
        hash_u64(h, cpu->gpr[i]);
    hash_u64(h, (u32)cpu_eip(cpu) | (u64)cpu_eflags(cpu) << 32);
    for (unsigned i = 0; i < SEG_COUNT; i++)
        hash_segment(h, &cpu->seg[i]);
    hash_segment(h, &cpu->ldtr);
    hash_segment(h, &cpu->tr);
    hash_u64(h, (u32)cpu->gdtr.base | (u64)cpu->gdtr.limit << 32);
    hash_u64(h, (u32)cpu->idtr.base | (u64)cpu->idtr.limit << 32);
    hash_u64(h, cpu->cr0 | cpu->cr2 << 32);
    hash_u64(h, (u32)cpu->cr3 | (u64)cpu->cr4 << 32);
    for (unsigned i = 0; i < 8; i++)
        hash_u64(h, (u32)cpu->dr[i] | (u64)cpu->test_regs[i] << 32);
    hash_u64(h, cpu->cpl | (u64)cpu->nmi_masked << 8 | (u64)cpu->rep_more << 9 | (u64)events << 32);
    hash_u64(h, cpu->debug_hits);
    hash_u64(h, cpu->smbase | (u64)cpu->smm << 32);
    if (cpu->rep_more)
        hash_u64(h, flags_eval_all(&cpu->rep_cc));
    hash_fpu(h, &cpu->fpu);
    hash_u64(h, cpu->mxcsr);
    for (unsigned i = 0; i < 8; i++) {
        hash_u64(h, cpu->xmm[i].q[0]);
        hash_u64(h, cpu->xmm[i].q[1]);
    }
    hash_msrs(h, cpu);
    hash_long_state(h, cpu);
    hash_u64(h, cpu->monitor.pa | (u64)cpu->monitor.armed << 63);
    hash_bytes(h, cpu->monitor.line, sizeof(cpu->monitor.line));
    hash_u64(h, cpu_icount(cpu));
}

uint64_t orrery_state_hash(struct orrery *o)
{
    struct hash h;
    hash_init(&h);
    machine_hash_cpu(o->cpu, &h);
    bus_hash(o->bus, &h);
    clock_hash(&o->clock, &h);
    mmu_keep_writes(&o->cpu->mmu);
    phys_hash_areas(o->phys, &h);
    return hash_value(&h);
}

uint64_t orrery_reg(const struct orrery *o, unsigned reg)
{
    const struct cpu *cpu = o->cpu;
    const u64 cr[] = {cpu->cr0, cpu->cr2, cpu->cr3, cpu->cr4};
    if (reg < GPR_COUNT)
        return cpu->gpr[reg];
    if (reg == ORRERY_EIP)
        return cpu_eip(cpu);
    if (reg == ORRERY_EFLAGS)
        return cpu_eflags(cpu);
    if (reg < ORRERY_CR0)
        return cpu->seg[reg - ORRERY_ES].sel;
    return reg < ORRERY_REGS ? cr[reg - ORRERY_CR0] : 0;
}

void machine_set_reg(struct orrery *o, unsigned reg, u64 value)
{
    if (reg < GPR_COUNT)
        o->cpu->gpr[reg] = value & o->cpu->eip_mask;
    else if (reg == ORRERY_EIP)
        o->cpu->eip = value & o->cpu->eip_mask;
    else if (reg == ORRERY_EFLAGS) {
        cpu_set_eflags(o->cpu, (u32)value);
        cpu_update_mode(o->cpu);
    }
}

bool orrery_read_phys(struct orrery *o, uint64_t addr, void *buf, size_t len)
{
    u8 *out = buf;
    for (size_t done = 0; done < len;) {
        size_t n = PAGE_SIZE - ((addr + done) & PAGE_MASK);
        const u8 *host = phys_host(o->phys, (addr + done) & ~(u64)PAGE_MASK, false);
        if (!host)
            return false;
        if (n > len - done)
            n = len - done;
        memcpy(out + done, host + ((addr + done) & PAGE_MASK), n);
        done += n;
    }
    return true;
}

void orrery_print_stats(const struct orrery *o, double host_seconds, FILE *out)
{
    struct jit_stats s;
    jit_get_stats(o->jit, &s);
    u64 retired = orrery_retired(o);
    fprintf(out, "accelerator: %s\n", o->accel);
    fprintf(out, "guest instructions retired: %" PRIu64 "\n", retired);
    fprintf(out, "virtual seconds: %.6f (halted %.6f)\n", (double)orrery_time_ns(o) / 1e9,
            (double)o->idle_ticks / o->cpu->model->kips / 1e3);
    fprintf(out, "blocks translated: %" PRIu64 " (%" PRIu64 " instructions)\n", s.blocks,
            s.guest_insns);
    fprintf(out, "blocks invalidated by writes: %" PRIu64 "\n", s.invalidated);
    fprintf(out, "code cache in use: %" PRIu64 " bytes, emptied %" PRIu64 " times\n", s.code_bytes,
            s.evictions);
    fprintf(out, "run loop lookups: %" PRIu64 "\n", s.lookups);
    fprintf(out, "instructions stepped: %" PRIu64 "\n", s.steps);
    fprintf(out, "guest RAM touched: %" PRIu64 " bytes\n", phys_ram_touched(o->phys));
    fprintf(out, "host seconds: %.3f\n", host_seconds);
    if (host_seconds > 0)
        fprintf(out, "million guest instructions a second: %.1f\n",
                (double)retired / host_seconds / 1e6);
}

static void print_registers(const struct cpu *cpu, FILE *out)
{
    static const char *const regs[] = {"AX",  "CX",  "DX",  "BX",  "SP",  "BP",  "SI",  "DI",
                                       "R08", "R09", "R10", "R11", "R12", "R13", "R14", "R15"};
    bool is_long = cpu_is_code64(cpu);
    int digits = is_long ? 16 : 8;
    const char *size = is_long ? "R" : "E";

    for (unsigned i = 0; i < (is_long ? GPR64_COUNT : GPR_COUNT); i++)
        fprintf(out, "%s%s%s=%0*" PRIx64,
                i % 4 ? " "
                : i   ? "\n  "
                      : "  ",
                i < 8 ? size : "", regs[i], digits, cpu->gpr[i]);
    fprintf(out,
            "\n  %sIP=%0*" PRIx64 " %sFL=%08x CR0=%08x CR2=%0*" PRIx64 " CR3=%0*" PRIx64
            " CR4=%08x\n",
            size, digits, cpu_eip(cpu), size, cpu_eflags(cpu), cpu->cr0, digits, cpu->cr2, digits,
            cpu->cr3, cpu->cr4);
}

void report_reset(const struct orrery *o, FILE *out)
{
    fprintf(out, "CPU reset after %" PRIu64 " instructions\n", orrery_retired(o));
    print_registers(o->cpu, out);
}

void orrery_report_shutdown(const struct orrery *o, FILE *out)
{
    static const char *const ordinal[] = {"first", "second", "third"};
    const struct cpu *cpu = o->cpu;
    unsigned faults = cpu->shutdown_n; /* 0: RSM found a state that cannot be */
    fprintf(out, "orrery: %s: the CPU has shut down\n",
            faults ? "triple fault" : "RSM with an invalid state");
    for (unsigned i = 0; i < faults && i < ARRAY_LEN(ordinal); i++) {
        const struct fault_record *f = &cpu->shutdown[i];
        fprintf(out, "  %s fault: vector 0x%02x at %04x:" LADDR_FMT, ordinal[i],
                (unsigned)f->vector, f->cs, LADDR_ARG(f->eip));
        if (f->has_error)
            fprintf(out, " error code %04x", f->error);
        if (f->vector == VEC_PF)
            fprintf(out, " CR2 " LADDR_FMT, LADDR_ARG(f->cr2));
        fprintf(out, " after %" PRIu64 " instructions\n", f->icount);
    }
    print_registers(cpu, out);
}
