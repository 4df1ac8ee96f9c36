/* The decoder: bytes to struct insn, by Capstone under the normalising rule (see decode.c), with a
 * memo keyed by bytes. The only user of Capstone's headers is decode.c. */
#ifndef CPU_DECODE_H
#define CPU_DECODE_H

#include "cpu/insn.h"

struct decoder; /* one per machine; not shared between threads */

enum decode_result {
    DECODE_OK,
    DECODE_MORE, /* avail bytes are a valid beginning, but the instruction needs more */
    DECODE_UD,   /* no such instruction: #UD. out->len holds what is known of the length */
    DECODE_LONG, /* longer than the limit, 15 bytes (80286: 10): #GP(0) */
};

/* Returns NULL if Capstone cannot be opened. Free with decoder_free(). */
struct decoder *decoder_new(void);
void decoder_free(struct decoder *d);

/* The processor generation whose encodings count: prefixes, aliases, the length limit. A new
 * decoder has those of the latest. */
void decoder_set_isa(struct decoder *d, enum isa isa);

/* Decodes the instruction at bytes[0..avail-1] for a code segment of that size. Reads no byte past
 * avail; avail may be over 15. Mode (real, V86), CPU model and CPL legality are the lifter's
 * business. */
enum decode_result decode(struct decoder *d, const u8 *bytes, unsigned avail, enum code_size code,
                          struct insn *out);

/* What the memo and Capstone have done so far; for tests and the monitor. */
struct decoder_stats {
    u64 hits, misses;      /* memo lookups that did not, and did, ask Capstone */
    u64 rejected;          /* forms with a row that Capstone rejects and no supplement admits */
    u64 supplemented;      /* forms that Capstone rejects and the supplement table admits */
    u64 length_mismatches; /* forms whose length Capstone sees differently (ours is used) */
};
const struct decoder_stats *decoder_stats(const struct decoder *d);

/* Disassembly of one instruction into buf for logs ("mov eax, dword ptr [ebx + 4]"); returns its
 * length in bytes, 0 if it does not decode. eip is used for branch targets. */
unsigned decode_text(struct decoder *d, const u8 *bytes, unsigned avail, enum code_size code,
                     u64 eip, char *buf, size_t size);

/* The same for one instruction of the host's own code, for logs of what was translated. */
unsigned decode_host_text(struct decoder *d, const void *code, size_t avail, u64 address, char *buf,
                          size_t size);

#endif
