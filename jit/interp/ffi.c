/* Helper calls through libffi, the only place that knows it. All helpers share ten signatures (a
 * value or none, zero to four u32 after the CPU), so a call interface for each is prepared once
 * and kept. */
#include "jit/interp/ffi.h"

#include "base/check.h"
#include "jit/ir.h"

static ffi_cif *prepare(struct ffi_calls *f, unsigned sig, unsigned nargs, bool returns)
{
    if (!f->ready) {
        f->types[0] = &ffi_type_pointer;
        for (unsigned i = 1; i <= FFI_CALL_ARGS; i++)
            f->types[i] = &ffi_type_uint32;
    }
    ffi_status status = ffi_prep_cif(&f->cif[sig], FFI_DEFAULT_ABI, nargs + 1,
                                     returns ? &ffi_type_uint32 : &ffi_type_void, f->types);
    CHECK(status == FFI_OK, "libffi rejects a helper signature (%d)", (int)status);
    f->ready |= 1u << sig;
    return &f->cif[sig];
}

u32 ffi_call_helper(struct ffi_calls *f, const struct helper_info *h, struct cpu *cpu,
                    const u32 args[FFI_CALL_ARGS])
{
    unsigned sig = h->nargs * 2u + h->returns;
    ffi_cif *cif = f->ready >> sig & 1 ? &f->cif[sig] : prepare(f, sig, h->nargs, h->returns);
    void *values[FFI_CALL_ARGS + 1] = {&cpu};
    ffi_arg result = 0; /* libffi widens small integers to this */
    for (unsigned i = 0; i < FFI_CALL_ARGS; i++)
        values[i + 1] = (void *)(uintptr_t)&args[i];
    ffi_call(cif, h->fn, &result, values);
    return (u32)result;
}
