/* What the files that write stubs share. */
#ifndef JIT_X64_STUBS_H
#define JIT_X64_STUBS_H

#include "jit/x64/x64.h"

/* Emits: host flags = those in EAX, at their EFLAGS places; EAX changes. */
void stubs_eax_to_flags(const struct x64 *be, struct enc *e);

/* Writes STUB_FLAGS and STUB_CARRY; by_c: position of the code for the kinds that are rarely asked.
 */
void stubs_make_flags(struct x64 *be, struct enc *e, u32 by_c);

#endif
