/* A machine's state but for its memory's contents, as sections in a struct pack: CPU, clock, what
 * the board keeps itself, each device, and what the TLB holds. In-memory snapshots and files have
 * the same. Each section is type, id, version of its fields, length and bytes. */
#ifndef MACHINE_STATE_H
#define MACHINE_STATE_H

#include "base/pack.h"
#include "machine/machine.h"

/* cpu_state.c. Version 2 has the evidence for exceptions, version 3 64-bit mode. Without `apply`
 * it is only looked at. */
#define CPU_STATE_VERSION 3
void cpu_save(const struct cpu *cpu, struct pack *out);
void cpu_load(struct cpu *cpu, unsigned version, bool apply, struct unpack *in);

/* Appends all sections. From here on the TLB grants no writing. */
void state_save(struct orrery *o, struct pack *out);

/* Is this the state of such a machine? If not, one line in err. Nothing is changed. */
bool state_check(struct orrery *o, const u8 *data, size_t len, char *err, size_t err_size);

/* Makes it the machine's; it has been checked, and memory is in place already. */
void state_load(struct orrery *o, const u8 *data, size_t len);

#endif
