/* The AArch64 back end as the run loop sees it: its data, entering code, and patching jumps between
 * blocks. A B reaches 128 MiB, which bounds the code memory. Where patched instructions are not
 * noticed without a system call (jit/code.h), an exit loads its target from a literal beside it,
 * which is data. */
#include "jit/a64/a64.h"

#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

enum { MIN_CACHE = 2 << 20, MAX_CACHE = 128 << 20 }; /* bytes */
enum { HOT_SIXTEENTHS = 14 };
enum { FPCR_FZ = 1 << 24 };
enum { HAVE_CRC32 = 1 << 7 }; /* HWCAP_CRC32 */

static void *a64_init(struct jit *jit, u64 cache_bytes, const char **why)
{
    struct a64 *be = calloc(1, sizeof(*be));
    struct lower *lower = lower_new();
    (void)jit;
    if (cache_bytes < MIN_CACHE)
        cache_bytes = MIN_CACHE;
    if (cache_bytes > MAX_CACHE)
        cache_bytes = MAX_CACHE;
    if (!be || !lower) {
        *why = "out of memory";
    } else if (code_mem_init(&be->mem, cache_bytes, HOT_SIXTEENTHS, why)) {
        be->lower = lower;
        __asm__("mrs %0, fpcr" : "=r"(be->fpcr));
        be->crc32 = getauxval(AT_HWCAP) & HAVE_CRC32;
        be->far_jumps = be->mem.stale;
        stubs_make(be);
        return be;
    }
    free(be);
    free(lower);
    return NULL;
}

static void a64_free(void *opaque)
{
    struct a64 *be = opaque;
    code_mem_free(&be->mem);
    free(be->lower);
    free(be);
}

static bool a64_compile(void *opaque, struct cpu *cpu, const struct ir *ir, struct block *b)
{
    ((struct a64 *)opaque)->phys = cpu->mmu.phys;
    if (!block_alloc_exits(b, ir, ir->mode & MODE_CS_FLAT))
        return false;
    if (lower_block(opaque, ir, b))
        return true;
    block_free_exits(b);
    return false;
}

/* -- patching -- */

static u32 offset_of(const struct a64 *be, const void *rx)
{
    return (u32)((const u8 *)rx - be->mem.rx);
}

static void patch_jump(struct a64 *be, u32 at, u32 target)
{
    u32 word = a_jump_word((s64)target - at);
    memcpy(be->mem.rw + at, &word, sizeof(word));
    code_mem_sync(&be->mem, at, sizeof(word));
}

static void patch_literal(struct a64 *be, u32 at, u64 v)
{
    memcpy(be->mem.rw + at, &v, sizeof(v));
}

static void patch_exit(struct a64 *be, const struct block_exit *e, u32 target, u64 host)
{
    if ((u32)e->page_off >= PAGE_SIZE)
        patch_literal(be, e->patch + (be->far_jumps ? EXIT_HOST : EXIT_HOST_NEAR), host);
    if (be->far_jumps)
        patch_literal(be, e->patch + EXIT_TARGET, (u64)(uintptr_t)(be->mem.rx + target));
    else
        patch_jump(be, e->patch, target);
}

static void a64_chain(void *opaque, struct block_exit *e, struct block *to)
{
    struct a64 *be = opaque;
    u64 host = FAR_NOWHERE;
    if ((u32)e->page_off >= PAGE_SIZE) {
        const u8 *page = phys_host(be->phys, to->pa & ~(paddr)PAGE_MASK, false);
        host = page ? (u64)(uintptr_t)page + TLB_VALID : FAR_NOWHERE;
    }
    patch_exit(be, e, offset_of(be, to->code), host);
}

static void a64_unchain(void *opaque, struct block_exit *e)
{
    struct a64 *be = opaque;
    u32 n = (u32)(e - e->from->exits);
    patch_exit(be, e, offset_of(be, e->from->cold) + EXIT_STUB_BYTES * n, FAR_NOWHERE);
}

/* Whoever still has the entry, in a jump cache or on its way there, is sent back to the run loop.
 */
static void a64_discard(void *opaque, struct block *b)
{
    struct a64 *be = opaque;
    patch_jump(be, offset_of(be, b->code),
               offset_of(be, b->cold) + EXIT_STUB_BYTES * (u32)b->nexits);
}

static void a64_discard_all(void *opaque)
{
    struct a64 *be = opaque;
    code_mem_reset(&be->mem);
}

/* -- running -- */

static void set_fpcr(u64 v)
{
    __asm__ volatile("msr fpcr, %0" ::"r"(v));
}

static void a64_unwound(void *opaque)
{
    set_fpcr(((const struct a64 *)opaque)->fpcr);
}

static enum run_result a64_run(void *opaque, struct cpu *cpu, struct block *b,
                               struct block_exit **exit)
{
    struct a64 *be = opaque;
    cpu->io_done = 0;
    cpu->in_block = 1;
    cpu->eip_page = (cpu->eip - ((u32)b->pa & PAGE_MASK)) & cpu->eip_mask;
    set_fpcr(FPCR_FZ); /* lower_fp.c */
    struct run_return r = be->enter(cpu, b->code, read_tlb(cpu));
    a64_unwound(be);
    cpu->in_block = 0;
    cpu->io_done = 0;
    *exit = r.exit;
    return (enum run_result)r.result;
}

static const u8 *a64_code_range(void *opaque, u64 *size)
{
    const struct a64 *be = opaque;
    *size = be->mem.size;
    return be->mem.rx;
}

static u64 a64_code_used(void *opaque)
{
    return code_mem_used(&((struct a64 *)opaque)->mem);
}

const struct backend backend_a64 = {
    .name = "a64",
    .native = true,
    .init = a64_init,
    .free = a64_free,
    .compile = a64_compile,
    .discard = a64_discard,
    .discard_all = a64_discard_all,
    .run = a64_run,
    .unwound = a64_unwound,
    .chain = a64_chain,
    .unchain = a64_unchain,
    .code_used = a64_code_used,
    .code_range = a64_code_range,
};
