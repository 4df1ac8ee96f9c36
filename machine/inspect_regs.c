/* The CPU's registers for people and scripts, in the form of QEMU's "info registers", which many
 * scripts parse: names, order, widths and spaces are part of the interface. As in
 * qemu-system-x86_64, general and segment registers have 64 bits while 64-bit code runs, tables and
 * control registers in all of IA-32e mode. */
#include "base/bytes.h"
#include "machine/machine.h"

#include <inttypes.h>
#include <string.h>

/* What a system descriptor's type is called, outside and in IA-32e mode. */
static const char *const system_types[2][16] = {
    {"Reserved", "TSS16-avl", "LDT", "TSS16-busy", "CallGate16", "TaskGate", "IntGate16",
     "TrapGate16", "Reserved", "TSS32-avl", "Reserved", "TSS32-busy", "CallGate32", "Reserved",
     "IntGate32", "TrapGate32"},
    {"<hiword>", "Reserved", "LDT", "Reserved", "Reserved", "Reserved", "Reserved", "Reserved",
     "Reserved", "TSS64-avl", "Reserved", "TSS64-busy", "CallGate64", "Reserved", "IntGate64",
     "TrapGate64"}};

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
    bool ia32e = cpu_is_ia32e(cpu), code64 = cpu_is_code64(cpu);

    fprintf(out, "%-3s=%04x %0*" PRIx64 " %08x %08x", name, s->sel, code64 ? 16 : 8,
            code64 ? segment_base64(s) : s->base, s->limit, descriptor_flags(s));
    if ((cpu->cr0 & CR0_PE) && (a & SA_P)) {
        fprintf(out, " DPL=%u ", (a & SA_DPL) >> SA_DPL_SHIFT);
        if (!(a & SA_S))
            fputs(system_types[ia32e][a & SA_TYPE], out);
        else if (a & SA_CODE)
            fprintf(out, "%s [%c%c%c]",
                    ia32e && a & SA_L ? "CS64"
                    : a & SA_DB       ? "CS32"
                                      : "CS16",
                    a & SA_DC ? 'C' : '-', a & SA_RW ? 'R' : '-', a & SA_ACCESSED ? 'A' : '-');
        else
            fprintf(out, "%s [%c%c%c]", a & SA_DB || ia32e ? "DS  " : "DS16", a & SA_DC ? 'E' : '-',
                    a & SA_RW ? 'W' : '-', a & SA_ACCESSED ? 'A' : '-');
    }
    fputc('\n', out);
}

static void print_general(const struct cpu *cpu, FILE *out)
{
    static const struct {
        const char *name;
        u8 reg;
    } order[] = {{"AX", 0}, {"BX", 3}, {"CX", 1}, {"DX", 2},
                 {"SI", 6}, {"DI", 7}, {"BP", 5}, {"SP", 4}};
    static const struct {
        u32 bit;
        char letter;
    } flags[] = {{FLAG_DF, 'D'}, {FLAG_OF, 'O'}, {FLAG_SF, 'S'}, {FLAG_ZF, 'Z'},
                 {FLAG_AF, 'A'}, {FLAG_PF, 'P'}, {FLAG_CF, 'C'}};
    u32 eflags = cpu_eflags(cpu);
    bool code64 = cpu_is_code64(cpu);
    char size = code64 ? 'R' : 'E';
    int digits = code64 ? 16 : 8;

    for (unsigned i = 0; i < ARRAY_LEN(order); i++)
        fprintf(out, "%c%s=%0*" PRIx64 "%c", size, order[i].name, digits, cpu->gpr[order[i].reg],
                i % 4 == 3 ? '\n' : ' ');
    for (unsigned i = GPR_COUNT; code64 && i < GPR64_COUNT; i++)
        fprintf(out, "R%-2u=%016" PRIx64 "%c", i, cpu->gpr[i], i % 4 == 3 ? '\n' : ' ');
    fprintf(out, "%cIP=%0*" PRIx64 " %cFL=%08x [", size, digits, cpu_eip(cpu), size, eflags);
    for (unsigned i = 0; i < ARRAY_LEN(flags); i++)
        fputc(eflags & flags[i].bit ? flags[i].letter : '-', out);
    fprintf(out, "] CPL=%d II=%d A20=%d SMM=%d HLT=%d\n", cpu->cpl, !!(cpu->events & EV_SHADOW),
            (int)(cpu->mmu.a20_mask >> 20 & 1), cpu->smm, !!(cpu->events & EV_HALT));
}

static void print_system(const struct cpu *cpu, FILE *out)
{
    static const char *const names[SEG_COUNT] = {"ES", "CS", "SS", "DS", "FS", "GS"};
    int digits = cpu_is_ia32e(cpu) ? 16 : 8;

    for (unsigned i = 0; i < SEG_COUNT; i++)
        print_segment(cpu, names[i], &cpu->seg[i], out);
    print_segment(cpu, "LDT", &cpu->ldtr, out);
    print_segment(cpu, "TR", &cpu->tr, out);
    fprintf(out, "GDT=     %0*" PRIx64 " %08x\n", digits, cpu->gdtr.base, cpu->gdtr.limit);
    fprintf(out, "IDT=     %0*" PRIx64 " %08x\n", digits, cpu->idtr.base, cpu->idtr.limit);
    fprintf(out, "CR0=%08x CR2=%0*" PRIx64 " CR3=%0*" PRIx64 " CR4=%08x\n", cpu->cr0, digits,
            cpu->cr2, digits, cpu->cr3, cpu->cr4);
    for (unsigned i = 0; i < 4; i++)
        fprintf(out, "DR%u=%0*" PRIx64 " ", i, digits, cpu->dr[i]);
    fprintf(out, "\nDR6=%0*" PRIx64 " DR7=%0*" PRIx64 "\n", digits, cpu->dr[6], digits, cpu->dr[7]);
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
    for (unsigned i = 0; i < (cpu_is_code64(cpu) ? 16 : 8); i++)
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

/* The debuggers' register of that name; of two, the one of 64 bits. */
static int find_widest(const char *name)
{
    static const char *const suffixes[] = {".64", "64", ""};
    char full[40];
    int reg = -1;

    for (unsigned i = 0; i < ARRAY_LEN(suffixes) && reg < 0; i++) {
        snprintf(full, sizeof(full), "%s%s", name, suffixes[i]);
        reg = orrery_find_register(full);
    }
    return reg;
}

bool orrery_reg_by_name(const struct orrery *o, const char *name, uint64_t *value)
{
    static const struct {
        const char *name, *ours;
    } others[] = {{"eip", "rip"}, {"sp", "rsp"}, {"fp", "rbp"}, {"rflags", "eflags"}};
    u8 bytes[ORRERY_REGISTER_MAX];
    int reg;

    for (unsigned i = 0; i < ARRAY_LEN(others); i++)
        if (!strcmp(others[i].name, name))
            name = others[i].ours;
    reg = find_widest(name);
    if (reg < 0 || orrery_register_bytes(reg) > sizeof(*value))
        return false;
    orrery_read_register(o, reg, bytes);
    *value = load_le(bytes, orrery_register_bytes(reg));
    return true;
}
