/* The translator as the machine sees it: make one for a CPU, run it up to an instruction count. */
#ifndef JIT_JIT_H
#define JIT_JIT_H

#include <stdio.h>

#include "cpu/state.h"

struct backend;
struct jit;

/* What to log of each translation, to log.file. */
enum { LOG_IN_ASM = 1, LOG_IR = 2, LOG_OUT_ASM = 4, LOG_INT = 8 };

struct jit_config {
    const struct backend *backend;
    u64 cache_bytes; /* bound on code memory */
    FILE *log;
    u32 log_mask;   /* LOG_* */
    FILE *perf_map; /* list of the blocks in host memory, or NULL */
};

struct jit_stats {
    u64 blocks;      /* translated */
    u64 guest_insns; /* in them */
    u64 invalidated; /* blocks, by writes to their code */
    u64 evictions;   /* times the whole cache was emptied because it was full */
    u64 steps;       /* instructions run one by one */
    u64 lookups;     /* times the run loop searched for a block */
    u64 code_bytes;  /* code memory in use */
};

/* Sets cpu->jit and cpu->hooks and listens for writes to code. NULL with *why when the back end
 * can't start. */
struct jit *jit_new(struct cpu *cpu, const struct jit_config *config, const char **why);
void jit_free(struct jit *jit);

/* Runs until cpu_icount() reaches `until` exactly, or until cpu->events has a bit that the caller
 * handles (EV_STOP, EV_TRIPLE, EV_HALT). State is exact on return. */
void jit_run(struct jit *jit, u64 until);

/* Runs at most n instructions one by one (debuggers, tests). */
void jit_step(struct jit *jit, u32 n);

/* Shortens the current run: jit_run() will stop at instruction count `until` at the latest. For use
 * by devices that arm a timer while the CPU runs; callable only from port or MMIO handlers and
 * between runs. */
void jit_shorten(struct cpu *cpu, u64 until);

/* Forgets all translations (loading state, changed memory map). */
void jit_flush(struct jit *jit);

/* A block in host memory; for profilers. */
struct jit_block_info {
    paddr pa;
    u32 mode;
    u32 insns;
    const void *code;
    u32 code_size; /* without what lies out of line */
};

/* The block that runs the code at pa in a mode; false when there is none, or only to be
 * interpreted.
 */
bool jit_block_at(struct jit *jit, paddr pa, u32 mode, struct jit_block_info *out);
/* Is this host address in the code cache? */
bool jit_is_code(const struct jit *jit, const void *host);
/* "pm32_r0", "real16", "vm86"; 16 bytes are enough. */
void jit_mode_name(u32 mode, char *buf, size_t size);

/* What is told of a block: its instructions, the IR as lifted and as optimized, the host's code. */
enum jit_part { JIT_GUEST, JIT_IR, JIT_OPTIMIZED, JIT_HOST };

struct jit_explanation {
    paddr pa;
    u32 mode;
    u32 insns, bytes;
    u32 host_bytes; /* 0: there is no host code, or not yet */
    bool translated;
    u64 count; /* times the block was entered since it was explained for the first time: counting
                  costs a few host instructions, for 16 blocks */
    /* Tells of the block at a linear address, as it is or would be translated, one line at a time;
     * insn counts guest instructions from 0. */
    void (*tell)(void *opaque, enum jit_part part, u32 insn, const char *text);
    void *opaque;
};

/* Fills all but tell and opaque. False: no code can be read there. Not while the CPU runs. */
bool jit_explain(struct jit *jit, laddr la, struct jit_explanation *e);

void jit_get_stats(const struct jit *jit, struct jit_stats *stats);

#endif
