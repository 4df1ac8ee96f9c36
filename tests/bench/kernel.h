/* A micro-kernel: a function that repeats one thing. Every source that has some puts rows of this
 * table into the section "kernels"; the linker joins them. The same sources run as a Linux program,
 * as a bare guest in 32-bit protected mode, and those of k_int.c in 16-bit modes too. */
#ifndef BENCH_KERNEL_H
#define BENCH_KERNEL_H

#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef int32_t s32;
typedef uint64_t u64;

struct kernel {
    const char *name;    /* group/name */
    const char *unit;    /* what is counted */
    u32 (*fn)(u32 reps); /* returns a checksum: the same wherever it runs */
    u32 ops;             /* units in one repetition */
};

#define KERNEL(fn, name, ops, unit)                                                                \
    static const struct kernel row_##fn                                                            \
        __attribute__((used, section("kernels"))) = {name, unit, fn, ops}

#define NOINLINE __attribute__((noinline, noclone))

/* Keeps the compiler from knowing a value, or from dropping it. */
#define HIDE(x) __asm__ volatile("" : "+r"(x))

/* A kernel whose body, in assembly, is repeated `reps` times; it may use EAX, EDX, ESI, EDI, and
 * leaves its checksum in EAX, which starts at 1; EDX and EDI start at 0. */
#define ASM_KERNEL(fn, name, ops, unit, body)                                                      \
    static u32 fn(u32 reps)                                                                        \
    {                                                                                              \
        u32 a = 1;                                                                                 \
        __asm__ volatile("xor %%edx, %%edx\n xor %%edi, %%edi\n .balign 16\n1:\n" body             \
                         "\n dec %1\n jnz 1b"                                                      \
                         : "+a"(a), "+c"(reps)                                                     \
                         :                                                                         \
                         : "edx", "esi", "edi", "cc", "memory");                                   \
        return a;                                                                                  \
    }                                                                                              \
    KERNEL(fn, name, ops, unit)

#endif
