/* Code memory of the native back ends: one memory file mapped twice, once to write and once to
 * execute, so that no address is ever both. It has two parts, each filled upwards and given back
 * all at once: one for code that runs often, one for what lies out of line, so that the first is
 * dense in the host's caches. */
#ifndef JIT_CODE_H
#define JIT_CODE_H

#include "base/types.h"

enum code_part { CODE_HOT, CODE_COLD, CODE_PARTS };

struct code_mem {
    u8 *rw;   /* the writable view */
    u8 *rx;   /* the executable view of the same bytes */
    u64 size; /* bytes of each view */
    struct code_span {
        u64 start, end; /* offsets */
        u64 used;       /* offset of the next free byte; untouched pages cost no memory */
        u64 keep;       /* code_mem_reset() goes back to here */
        u64 dropped;    /* `used` when the writable view's pages were last let go of */
    } part[CODE_PARTS];
    u64 host_page_mask;
    bool stale; /* patched code is only noticed after a system call, which code_mem_sync() makes */
    int fd;
};

/* Maps size bytes (rounded up to pages), so many sixteenths of it for CODE_HOT. False: *why says
 * what the host refused. */
bool code_mem_init(struct code_mem *m, u64 size, unsigned hot_sixteenths, const char **why);
void code_mem_free(struct code_mem *m);

/* Takes the bytes of a part up to offset end, already written, and makes them ready to execute. */
void code_mem_commit(struct code_mem *m, enum code_part part, u64 end);

/* Makes n bytes at offset, rewritten in place, ready to execute. */
void code_mem_sync(struct code_mem *m, u64 offset, u64 n);

/* Everything taken so far stays for good: stubs that every block needs. */
void code_mem_keep(struct code_mem *m);

/* Gives back all but what is kept, and the memory of it to the host. */
void code_mem_reset(struct code_mem *m);

/* Bytes taken. */
u64 code_mem_used(const struct code_mem *m);

static inline u64 code_mem_room(const struct code_mem *m, enum code_part part)
{
    return m->part[part].end - m->part[part].used;
}

#endif
