/* Calling helpers through libffi: works on every host, whatever its calling convention. */
#ifndef JIT_INTERP_FFI_H
#define JIT_INTERP_FFI_H

#include <ffi.h>

#include "base/types.h"

struct cpu;
struct helper_info;

#define FFI_CALL_ARGS  4
#define FFI_SIGNATURES (2 * (FFI_CALL_ARGS + 1)) /* returns u32 or nothing; 0 to 4 arguments */

/* One call interface for each signature, prepared when first needed. Zero-initialize. */
struct ffi_calls {
    u32 ready; /* bit by signature */
    ffi_cif cif[FFI_SIGNATURES];
    ffi_type *types[FFI_CALL_ARGS + 1];
};

/* Calls the helper with its nargs arguments; returns its value, 0 if it has none. */
u32 ffi_call_helper(struct ffi_calls *f, const struct helper_info *h, struct cpu *cpu,
                    const u32 args[FFI_CALL_ARGS]);

#endif
