/* Prototypes of all helpers, from helper.def. */
#ifndef CPU_HELPERS_H
#define CPU_HELPERS_H

#include "cpu/state.h"

#define HELPER_ARGS_0
#define HELPER_ARGS_1 , u32 a
#define HELPER_ARGS_2 , u32 a, u32 b
#define HELPER_ARGS_3 , u32 a, u32 b, u32 c
#define HELPER_ARGS_4 , u32 a, u32 b, u32 c, u32 e
#define HELPER_RET_0  void
#define HELPER_RET_1  u32
#define HELPER(name, ret, nargs, flags)                                                            \
    HELPER_RET_##ret help_##name(struct cpu *cpu HELPER_ARGS_##nargs);
#define HELPER64_ARGS_0
#define HELPER64_ARGS_1 , u64 a
#define HELPER64_ARGS_2 , u64 a, u64 b
#define HELPER64_ARGS_3 , u64 a, u64 b, u64 c
#define HELPER64_ARGS_4 , u64 a, u64 b, u64 c, u64 e
#define HELPER64_RET_0  void
#define HELPER64_RET_1  u64
#define HELPER64(name, ret, nargs, flags)                                                          \
    HELPER64_RET_##ret help_##name(struct cpu *cpu HELPER64_ARGS_##nargs);
#include "cpu/helper.def"
#undef HELPER
#undef HELPER64

#endif
