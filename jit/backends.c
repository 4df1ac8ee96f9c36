/* The table of back ends: one line each. */
#include "jit/backend.h"

#include <string.h>

static const struct backend *const backends[] = {
#ifdef __x86_64__
    &backend_x64,
#endif
#ifdef __aarch64__
    &backend_a64,
#endif
    &backend_interp,
};

const struct backend *backend_find(const char *accel)
{
    const struct backend *first = backends[0];
    if (!accel)
        return first;
    if (!strcmp(accel, "jit"))
        return first == &backend_interp ? NULL : first;
    return !strcmp(accel, "interp") ? &backend_interp : NULL;
}
