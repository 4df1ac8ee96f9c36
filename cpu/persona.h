/* A CPU older than the 80386 runs Orrery's own firmware, which is code for an 80386.
 *
 * While CS is that of firmware the CPU is another model, with its instructions, address lines and
 * flags; it is the guest's again with the first instruction elsewhere. Firmware keeps what a guest
 * cannot see, the upper halves of registers and FS and GS, as anybody's registers, and a guest's
 * instructions do not touch them. So only firmware's own bytes tell that it is not of its time. */
#ifndef CPU_PERSONA_H
#define CPU_PERSONA_H

#include "cpu/cpuid.h"

/* From now on firmware runs as this model, with a decoder of its own (the CPU's does not own it).
 * To be called once, before cpu_reset(), which is firmware's. */
void cpu_set_rom_model(struct cpu *cpu, const struct cpu_model *model, struct decoder *decoder);

/* After a change of CS or CR0: makes the CPU the model that it is there. For cpu_update_mode(). */
void persona_update(struct cpu *cpu);
/* Before a reset. */
void persona_reset(struct cpu *cpu);

static inline bool cpu_in_rom(const struct cpu *cpu)
{
    return cpu->rom.model && cpu->model == cpu->rom.model;
}

#endif
