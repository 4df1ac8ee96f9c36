/* The table of helpers by enum helper, from cpu/helper.def: what back ends need to call them. */
#include "cpu/helpers.h"
#include "jit/ir.h"

const struct helper_info helper_info[HELPER_COUNT] = {
#define HELPER(name, ret, nargs, flags)                                                            \
    [HELPER_##name] = {#name, (void (*)(void))help_##name, ret, nargs, flags, false},
#define HELPER64(name, ret, nargs, flags)                                                          \
    [HELPER_##name] = {#name, (void (*)(void))help_##name, ret, nargs, flags, true},
#include "cpu/helper.def"
#undef HELPER
#undef HELPER64
};
