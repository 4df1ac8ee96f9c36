/* What the command loop and the kernels need from where they run. */
#ifndef BENCH_RUNTIME_H
#define BENCH_RUNTIME_H

#include "kernel.h"

/* The next byte of the command stream, waiting for it; -1 at its end. */
int runtime_get(void);
void runtime_put(char c);
/* A time stamp; under an emulator whose time is instructions retired, their number. */
u64 runtime_stamp(void);

/* More kernels than those of this program: the 16-bit ones. NULL past the end. */
struct extra_kernel {
    const char *group, *name, *unit;
    u32 ops;
};
int runtime_extra(u32 index, struct extra_kernel *out);
u32 runtime_run_extra(u32 index, u32 reps);

/* Answers commands until the stream ends. */
void command_loop(void);

#endif
