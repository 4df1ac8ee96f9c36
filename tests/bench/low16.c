/* Dispatcher of the 16-bit image, and kernels that only make sense there. */
#include "kernel.h"

extern const struct kernel __start_kernels[];

__attribute__((used)) u32 dispatch(u32 index, u32 reps)
{
    return __start_kernels[index].fn(reps);
}
