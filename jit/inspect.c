/* What translations there are, for profilers: the block at an address, whether a host address is
 * translated code, and the list of blocks that Linux's perf reads ("perf map": start, size and name
 * a line; linux/tools/perf/Documentation/jit-interface.txt). */
#define _GNU_SOURCE
#include "jit/jit_internal.h"

#include <unistd.h>

/* The block of that mode which covers pa and begins nearest before it: loops begin blocks of their
 * own. But one that only exists because the run was stopped there is the last choice. */
bool jit_block_at(struct jit *jit, paddr pa, u32 mode, struct jit_block_info *out)
{
    const struct block *best = NULL;
    for (const struct block *b = block_first_in_page(jit, pa); b; b = block_next_in_page(b, pa))
        if ((b->mode & ~(u32)MODE_EDGE) == mode && b->pa <= pa && pa < b->pa + b->bytes &&
            (!best || best->resumed > b->resumed ||
             (best->resumed == b->resumed && b->pa > best->pa)))
            best = b;
    if (!best || !jit->backend->native)
        return false;
    *out = (struct jit_block_info){best->pa, best->mode, best->ninsns, best->code, best->code_size};
    return true;
}

bool jit_is_code(const struct jit *jit, const void *host)
{
    u64 size = 0;
    const u8 *start =
        jit->backend->code_range ? jit->backend->code_range(jit->be, &size) : (const u8 *)NULL;
    return start && (const u8 *)host >= start && (u64)((const u8 *)host - start) < size;
}

void jit_mode_name(u32 mode, char *buf, size_t size)
{
    const char *kind = mode & MODE_VM86 ? "vm86" : !(mode & MODE_PROT) ? "real" : "pm";
    const char *bits = mode & MODE_CODE64 ? "64" : mode & MODE_CODE32 ? "32" : "16";
    const char *ring = mode & MODE_USER ? "_r3" : mode & MODE_CPL0 ? "_r0" : "_r12";
    bool prot = mode & MODE_PROT;
    snprintf(buf, size, "%s%s%s", kind, mode & MODE_VM86 ? "" : bits, prot ? ring : "");
}

/* EIP is where the block is about to run. */
void perf_map_add(struct jit *jit, const struct block *b)
{
    FILE *f = jit->config.perf_map;
    char mode[16];
    if (!f || !jit->backend->native)
        return;
    laddr la = cpu_code_linear(jit->cpu, jit->cpu->eip);
    jit_mode_name(b->mode, mode, sizeof(mode));
    fprintf(f, "%llx %x guest_" LADDR_FMT "_%s\n", (unsigned long long)(uintptr_t)b->code,
            b->code_size, LADDR_ARG(la), mode);
    if (b->cold_size)
        fprintf(f, "%llx %x guest_" LADDR_FMT "_%s_cold\n", (unsigned long long)(uintptr_t)b->cold,
                b->cold_size, LADDR_ARG(la), mode);
}

/* The cache was emptied: addresses are about to be used again, for other blocks. */
void perf_map_restart(struct jit *jit)
{
    FILE *f = jit->config.perf_map;
    if (!f)
        return;
    fflush(f);
    (void)!ftruncate(fileno(f), 0); /* a pipe cannot be cut: it keeps the old ones as well */
    rewind(f);
}
