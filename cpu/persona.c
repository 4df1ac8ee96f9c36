/* Which model a CPU older than the 80386 is at the moment: the guest's, or firmware's. A function
 * of CS and CR0.PE alone, so that it needs no state of its own. */
#include "cpu/persona.h"

#include "cpu/crs.h"
#include "cpu/decode.h"

#define ROM_FIRST 0xc0000u    /* segments of firmware and of the ROMs that it runs */
#define ROM_LAST  0xf0000u    /* not the one of FFFF, where programs that use the HMA are */
#define ROM_RESET 0xffff0000u /* an 80386 comes out of reset there */

static bool in_rom(const struct cpu *cpu)
{
    const struct segment *cs = &cpu->seg[SEG_CS];

    if (cs->base >= ROM_FIRST && cs->base <= ROM_LAST)
        return true;
    /* 32-bit segments are unknown to the guest's model */
    return cpu->cr0 & CR0_PE ? cs->attr & SA_DB : cs->base >= ROM_RESET;
}

static void become(struct cpu *cpu, const struct cpu_persona *p)
{
    cpu->model = p->model;
    cpu->decoder = p->decoder;
    cpu->isas = p->isas;
    cpu_set_a20(cpu, cpu->a20_open);
    cpu_set_system_flags(cpu, cpu->eflags | (cpu->df < 0 ? FLAG_DF : 0));
    cpu->cr0 = cpu->mmu.cr0 = cr0_of_model(cpu, cpu->cr0);
}

void persona_update(struct cpu *cpu)
{
    const struct cpu_persona *p = in_rom(cpu) ? &cpu->rom : &cpu->guest;

    if (cpu->model != p->model)
        become(cpu, p);
}

void persona_reset(struct cpu *cpu)
{
    become(cpu, &cpu->rom);
}

void cpu_set_rom_model(struct cpu *cpu, const struct cpu_model *model, struct decoder *decoder)
{
    struct cpu_persona guest = {cpu->model, cpu->decoder, cpu->isas};

    cpu->decoder = decoder;
    cpu_set_model(cpu, model);
    cpu->guest = guest;
    cpu->rom = (struct cpu_persona){model, decoder, cpu->isas};
    become(cpu, &cpu->guest);
}
