/* Recording what a machine does to a trace file, within a window of time and filters. */
#ifndef MACHINE_TRACE_H
#define MACHINE_TRACE_H

#include "machine/machine.h"

struct trace;

/* "FILE,name=value,..." as -trace takes it. NULL with one line in err. */
struct trace *trace_new(struct orrery *o, const char *option, char *err, size_t err_size);
/* Writes what is left. False: the file could not be written. Frees t, which may be NULL. */
bool trace_free(struct trace *t);

/* Between two instructions: begins or ends what is due now. */
void trace_update(struct trace *t);
/* The tick at which that is needed next, or CLOCK_NEVER. */
u64 trace_due(const struct trace *t);
/* A port has been read or is going to be written, by the CPU. */
void trace_port(struct trace *t, u16 port, unsigned size, bool write, u32 value);
void trace_reset(struct trace *t);
/* While somebody runs the past again to look for something, nothing is recorded. Nests. */
void trace_pause(struct trace *t, bool paused);

/* All registers of traces (enum trace_reg). */
void trace_read_regs(const struct cpu *cpu, u64 *regs);

#endif
