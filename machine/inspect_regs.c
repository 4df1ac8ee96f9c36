/* The CPU's registers for people and scripts, in the form of QEMU's "info registers", which many
 * scripts parse: names, order, widths and spaces are part of the interface. */
#include "machine/machine.h"

#include <string.h>

/* What a system descriptor's type is called. */
static const char *const system_types[16] = {"Reserved",   "TSS16-avl", "LDT",       "TSS16-busy",
                                             "CallGate16", "TaskGate",  "IntGate16", "TrapGate16",
                                             "Reserved",   "TSS32-avl", "Reserved",  "TSS32-busy",
                                             "CallGate32", "Reserved",  "IntGate32", "TrapGate32"};

/* Bits 8 to 23 of the descriptor's second half, in place; those of the limit as it now is. */
static u32 descriptor_flags(const struct segment *s)
{
    u32 limit = s->attr & SA_G ? s->limit >> 12 : s->limit;

    return (u32)(s->attr & 0xf0ff) << 8 | (limit & 0xf0000);
}

static void print_segment(const struct cpu *cpu, const char *name, const struct segment *s,
                          FILE *out)
{
    unsigned a = s->attr;

    fprintf(out, "%-3s=%04x %08x %08x %08x", name, s->sel, s->base, s->limit, descriptor_flags(s));
    if ((cpu->cr0 & CR0_PE) && (a & SA_P)) {
        fprintf(out, " DPL=%u ", (a & SA_DPL) >> SA_DPL_SHIFT);
        if (!(a & SA_S))
            fputs(system_types[a & SA_TYPE], out);
        else if (a & SA_CODE)
            fprintf(out, "%s [%c%c%c]", a & SA_DB ? "CS32" : "CS16", a & SA_DC ? 'C' : '-',
                    a & SA_RW ? 'R' : '-', a & SA_ACCESSED ? 'A' : '-');
        else
            fprintf(out, "%s [%c%c%c]", a & SA_DB ? "DS  " : "DS16", a & SA_DC ? 'E' : '-',
                    a & SA_RW ? 'W' : '-', a & SA_ACCESSED ? 'A' : '-');
    }
    fputc('\n', out);
}

static void print_general(const struct cpu *cpu, FILE *out)
{
    static const struct {
        const char *name;
        u8 reg;
    } order[] = {{"EAX", 0}, {"EBX", 3}, {"ECX", 1}, {"EDX", 2},
                 {"ESI", 6}, {"EDI", 7}, {"EBP", 5}, {"ESP", 4}};
    static const struct {
        u32 bit;
        char letter;
    } flags[] = {{FLAG_DF, 'D'}, {FLAG_OF, 'O'}, {FLAG_SF, 'S'}, {FLAG_ZF, 'Z'},
                 {FLAG_AF, 'A'}, {FLAG_PF, 'P'}, {FLAG_CF, 'C'}};
    u32 eflags = cpu_eflags(cpu);

    for (unsigned i = 0; i < ARRAY_LEN(order); i++)
        fprintf(out, "%s=%08x%c", order[i].name, cpu->gpr[order[i].reg], i % 4 == 3 ? '\n' : ' ');
    fprintf(out, "EIP=%08x EFL=%08x [", cpu_eip(cpu), eflags);
    for (unsigned i = 0; i < ARRAY_LEN(flags); i++)
        fputc(eflags & flags[i].bit ? flags[i].letter : '-', out);
    fprintf(out, "] CPL=%d II=%d A20=%d SMM=%d HLT=%d\n", cpu->cpl, !!(cpu->events & EV_SHADOW),
            (int)(cpu->mmu.a20_mask >> 20 & 1), cpu->smm, !!(cpu->events & EV_HALT));
}

static void print_system(const struct cpu *cpu, FILE *out)
{
    static const char *const names[SEG_COUNT] = {"ES", "CS", "SS", "DS", "FS", "GS"};

    for (unsigned i = 0; i < SEG_COUNT; i++)
        print_segment(cpu, names[i], &cpu->seg[i], out);
    print_segment(cpu, "LDT", &cpu->ldtr, out);
    print_segment(cpu, "TR", &cpu->tr, out);
    fprintf(out, "GDT=     %08x %08x\n", cpu->gdtr.base, cpu->gdtr.limit);
    fprintf(out, "IDT=     %08x %08x\n", cpu->idtr.base, cpu->idtr.limit);
    fprintf(out, "CR0=%08x CR2=%08x CR3=%08x CR4=%08x\n", cpu->cr0, cpu->cr2, cpu->cr3, cpu->cr4);
    for (unsigned i = 0; i < 4; i++)
        fprintf(out, "DR%u=%08x ", i, cpu->dr[i]);
    fprintf(out, "\nDR6=%08x DR7=%08x\n", cpu->dr[6], cpu->dr[7]);
    fprintf(out, "EFER=%016llx\n", (unsigned long long)cpu->msr.efer);
}

static void print_units(const struct cpu *cpu, FILE *out)
{
    const struct x87 *f = &cpu->fpu;

    fprintf(out, "FCW=%04x FSW=%04x [ST=%u] FTW=%02x MXCSR=%08x\n", f->fcw, f->fsw, x87_top(f),
            (u8)~f->empty, cpu->mxcsr);
    for (unsigned i = 0; i < 8; i++)
        fprintf(out, "FPR%u=%016llx %04x%c", i, (unsigned long long)f->st[i].sig, f->st[i].se,
                i % 2 ? '\n' : ' ');
    for (unsigned i = 0; i < ARRAY_LEN(cpu->xmm); i++)
        fprintf(out, "XMM%02u=%016llx %016llx%c", i, (unsigned long long)cpu->xmm[i].q[1],
                (unsigned long long)cpu->xmm[i].q[0], i % 2 ? '\n' : ' ');
}

void orrery_print_registers(const struct orrery *o, FILE *out)
{
    print_general(o->cpu, out);
    print_system(o->cpu, out);
    print_units(o->cpu, out);
}

/* ---- by name ---- */

/* The names that are a place in struct cpu. */
static const struct {
    const char *name;
    u16 offset;
    u8 size;
} places[] = {
#define GPR(n, i)                                                                                  \
    {                                                                                              \
        n, offsetof(struct cpu, gpr) + (i)*8, 4                                                    \
    }
#define PLACE(n, f, s)                                                                             \
    {                                                                                              \
        n, offsetof(struct cpu, f), s                                                              \
    }
#define SEGMENT(n, i)                                                                              \
    PLACE(n, seg[i].sel, 2), PLACE(n ".limit", seg[i].limit, 4), PLACE(n ".base", seg[i].base, 4)
    GPR("eax", 0),
    GPR("ecx", 1),
    GPR("edx", 2),
    GPR("ebx", 3),
    GPR("esp", 4),
    GPR("sp", 4),
    GPR("ebp", 5),
    GPR("fp", 5),
    GPR("esi", 6),
    GPR("edi", 7),
    SEGMENT("es", SEG_ES),
    SEGMENT("cs", SEG_CS),
    SEGMENT("ss", SEG_SS),
    SEGMENT("ds", SEG_DS),
    SEGMENT("fs", SEG_FS),
    SEGMENT("gs", SEG_GS),
    PLACE("cr0", cr0, 4),
    PLACE("cr2", cr2, 4),
    PLACE("cr3", cr3, 4),
    PLACE("cr4", cr4, 4),
    PLACE("gdtr", gdtr.base, 4),
    PLACE("idtr", idtr.base, 4),
    PLACE("ldtr", ldtr.sel, 2),
    PLACE("tr", tr.sel, 2),
};

bool orrery_reg_by_name(const struct orrery *o, const char *name, uint64_t *value)
{
    const struct cpu *cpu = o->cpu;

    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        if (!strcmp(places[i].name, name)) {
            u32 v = 0;
            memcpy(&v, (const u8 *)cpu + places[i].offset, places[i].size);
            *value = v;
            return true;
        }
    }
    if (!strcmp(name, "eip"))
        *value = cpu_eip(cpu);
    else if (!strcmp(name, "pc"))
        *value = cpu_code_linear(cpu, cpu_eip(cpu));
    else if (!strcmp(name, "eflags"))
        *value = cpu_eflags(cpu);
    else
        return false;
    return true;
}
