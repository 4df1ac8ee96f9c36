/* Helper calls through libffi, the only place that knows it. All helpers share twenty signatures
 * (a value or none, zero to four u32 or u64 after the CPU), so a call interface for each is
 * prepared once and kept. */
#include "jit/interp/ffi.h"

#include "base/check.h"
#include "jit/ir.h"

static ffi_cif *prepare(struct ffi_calls *f, unsigned sig, unsigned nargs, bool returns, bool wide)
{
    if (!f->ready) {
        f->types[0][0] = f->types[1][0] = &ffi_type_pointer;
        for (unsigned i = 1; i <= FFI_CALL_ARGS; i++) {
            f->types[0][i] = &ffi_type_uint32;
            f->types[1][i] = &ffi_type_uint64;
        }
    }
    ffi_type *result = !returns ? &ffi_type_void : wide ? &ffi_type_uint64 : &ffi_type_uint32;
    ffi_status status =
        ffi_prep_cif(&f->cif[sig], FFI_DEFAULT_ABI, nargs + 1, result, f->types[wide]);
    CHECK(status == FFI_OK, "libffi rejects a helper signature (%d)", (int)status);
    f->ready |= 1u << sig;
    return &f->cif[sig];
}

u64 ffi_call_helper(struct ffi_calls *f, const struct helper_info *h, struct cpu *cpu,
                    const u64 args[FFI_CALL_ARGS])
{
    unsigned sig = h->nargs * 4u + h->wide * 2u + h->returns;
    ffi_cif *cif =
        f->ready >> sig & 1 ? &f->cif[sig] : prepare(f, sig, h->nargs, h->returns, h->wide);
    void *values[FFI_CALL_ARGS + 1] = {&cpu};
    u32 low[FFI_CALL_ARGS];
    union {
        ffi_arg word; /* libffi widens small integers to this */
        u64 value;
    } result = {0};
    for (unsigned i = 0; i < FFI_CALL_ARGS; i++) {
        low[i] = (u32)args[i];
        values[i + 1] = h->wide ? (void *)(uintptr_t)&args[i] : &low[i];
    }
    ffi_call(cif, h->fn, &result, values);
    return h->wide ? result.value : (u32)result.word;
}
