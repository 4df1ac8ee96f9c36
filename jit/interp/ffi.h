/* Calling helpers through libffi: works on every host, whatever its calling convention. */
#ifndef JIT_INTERP_FFI_H
#define JIT_INTERP_FFI_H

#include <ffi.h>

#include "base/types.h"

struct cpu;
struct helper_info;

#define FFI_CALL_ARGS 4
/* 0 to 4 arguments; returns a value or nothing; of 32 or 64 bits */
#define FFI_SIGNATURES (4 * (FFI_CALL_ARGS + 1))

/* One call interface for each signature, prepared when first needed. Zero-initialize. */
struct ffi_calls {
    u32 ready; /* bit by signature */
    ffi_cif cif[FFI_SIGNATURES];
    ffi_type *types[2][FFI_CALL_ARGS + 1]; /* of 32 bits, of 64 */
};

/* Calls the helper with its nargs arguments; returns its value, 0 if it has none. */
u64 ffi_call_helper(struct ffi_calls *f, const struct helper_info *h, struct cpu *cpu,
                    const u64 args[FFI_CALL_ARGS]);

#endif
