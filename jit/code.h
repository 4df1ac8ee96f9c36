/* Code memory of the native back ends: one memory file mapped twice, once to write and once to
 * execute, so that no address is ever both. Space is taken from the start upwards and given back
 * all at once. */
#ifndef JIT_CODE_H
#define JIT_CODE_H

#include "base/types.h"

struct code_mem {
    u8 *rw;      /* the writable view */
    u8 *rx;      /* the executable view of the same bytes */
    u64 size;    /* bytes of each view */
    u64 used;    /* bytes taken so far; untouched pages cost no memory */
    u64 keep;    /* bytes at the start that code_mem_reset() leaves alone */
    u64 dropped; /* `used` when the writable view's pages were last let go of */
    int fd;
};

/* Maps size bytes (rounded up to pages). False: *why says what the host refused. */
bool code_mem_init(struct code_mem *m, u64 size, const char **why);
void code_mem_free(struct code_mem *m);

/* Takes the next n bytes, already written at rw + used, and makes them ready to execute. */
void code_mem_commit(struct code_mem *m, u64 n);

/* Makes n bytes at offset, rewritten in place, ready to execute. */
void code_mem_sync(struct code_mem *m, u64 offset, u64 n);

/* Everything taken so far stays for good: stubs that every block needs. */
void code_mem_keep(struct code_mem *m);

/* Gives back all but what is kept, and the memory of it to the host. */
void code_mem_reset(struct code_mem *m);

static inline u64 code_mem_room(const struct code_mem *m)
{
    return m->size - m->used;
}

#endif
