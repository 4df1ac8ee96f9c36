/* The x86-64 back end as the run loop sees it: its data, entering code, and patching jumps between
 * blocks. Patches go through the writable view of the code memory; the processor notices by
 * physical address. */
#include "jit/x64/x64.h"

#include <cpuid.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/vec.h"

enum { MIN_CACHE = 1 << 20, MAX_CACHE = 1 << 30 }; /* bytes; jumps reach 2 GiB */
enum { HOT_SIXTEENTHS = 8 }; /* of the code memory: measured, the parts are of equal size */

/* SDM 1, 11.6.6: a mask of 0 stands for FFBF, all but DAZ. */
static bool host_has_daz(void)
{
    u8 image[512] __attribute__((aligned(16))) = {0};
    u32 mask;
    __builtin_ia32_fxsave(image);
    memcpy(&mask, image + 28, sizeof(mask));
    return mask & MXCSR_DAZ;
}

static void find_features(struct x64 *be)
{
    static const struct {
        u32 bit;
        u16 attr;
    } ecx[] = {
        {bit_SSE3, VA_SSE3},    {bit_SSSE3, VA_SSSE3}, {bit_SSE4_1, VA_SSE41},
        {bit_SSE4_2, VA_SSE42}, {bit_AES, VA_AES},     {bit_PCLMUL, VA_PCLMUL},
    };
    unsigned a, b, c, d;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
        be->bmi2 = b & bit_BMI2;
        be->vec |= b & bit_SHA ? VA_SHA : 0;
    }
    if (__get_cpuid(1, &a, &b, &c, &d)) {
        be->popcnt = c & bit_POPCNT;
        for (unsigned i = 0; i < ARRAY_LEN(ecx); i++)
            be->vec |= c & ecx[i].bit ? ecx[i].attr : 0;
    }
    be->lahf = __get_cpuid(0x80000001, &a, &b, &c, &d) && (c & bit_LAHF_LM);
    be->daz = host_has_daz();
}

static void *x64_init(struct jit *jit, u64 cache_bytes, const char **why)
{
    struct x64 *be = calloc(1, sizeof(*be));
    struct lower *lower = lower_new();
    (void)jit;
    if (cache_bytes < MIN_CACHE)
        cache_bytes = MIN_CACHE;
    if (cache_bytes > MAX_CACHE)
        cache_bytes = MAX_CACHE;
    if (!be || !lower)
        *why = "out of memory";
    else if (code_mem_init(&be->mem, cache_bytes, HOT_SIXTEENTHS, why)) {
        be->lower = lower;
        find_features(be);
        stubs_make(be);
        return be;
    }
    free(be);
    free(lower);
    return NULL;
}

static void x64_free(void *opaque)
{
    struct x64 *be = opaque;
    code_mem_free(&be->mem);
    free(be->lower);
    free(be);
}

static bool x64_compile(void *opaque, struct cpu *cpu, const struct ir *ir, struct block *b)
{
    ((struct x64 *)opaque)->phys = cpu->mmu.phys;
    if (!block_alloc_exits(b, ir, ir->mode & MODE_CS_FLAT))
        return false;
    if (lower_block(opaque, ir, b))
        return true;
    block_free_exits(b);
    return false;
}

/* -- patching -- */

static void patch_jump(struct x64 *be, u32 disp_at, u32 target)
{
    u32 disp = target - disp_at - 4;
    memcpy(be->mem.rw + disp_at, &disp, sizeof(disp));
    code_mem_sync(&be->mem, disp_at, sizeof(disp));
}

static void patch_host(struct x64 *be, const struct block_exit *e, u64 host)
{
    u32 at = e->patch - FAR_HOST;
    memcpy(be->mem.rw + at, &host, sizeof(host));
    code_mem_sync(&be->mem, at, sizeof(host));
}

static void x64_chain(void *opaque, struct block_exit *e, struct block *to)
{
    struct x64 *be = opaque;
    if ((u32)e->page_off >= PAGE_SIZE) {
        const u8 *page = phys_host(be->phys, to->pa & ~(paddr)PAGE_MASK, false);
        patch_host(be, e, page ? (u64)(uintptr_t)page + TLB_VALID : FAR_NOWHERE);
    }
    patch_jump(be, e->patch, (u32)((u8 *)to->code - be->mem.rx));
}

static void x64_unchain(void *opaque, struct block_exit *e)
{
    struct x64 *be = opaque;
    if ((u32)e->page_off >= PAGE_SIZE)
        patch_host(be, e, FAR_NOWHERE);
    patch_jump(be, e->patch, block_word(be, e->from, 1 + (u32)(e - e->from->exits)));
}

/* Whoever still has the entry, in a jump cache or on its way there, is sent back to the run loop.
 */
static void x64_discard(void *opaque, struct block *b)
{
    struct x64 *be = opaque;
    u32 entry = (u32)((u8 *)b->code - be->mem.rx);
    be->mem.rw[entry] = 0xe9; /* JMP */
    patch_jump(be, entry + 1, block_word(be, b, 0));
}

static void x64_discard_all(void *opaque)
{
    struct x64 *be = opaque;
    code_mem_reset(&be->mem);
}

/* -- running -- */

static enum run_result x64_run(void *opaque, struct cpu *cpu, struct block *b,
                               struct block_exit **exit)
{
    struct x64 *be = opaque;
    cpu->io_done = 0;
    cpu->in_block = 1;
    cpu->eip_page = (cpu->eip - ((u32)b->pa & PAGE_MASK)) & cpu->eip_mask;
    struct run_return r = be->enter(cpu, b->code);
    cpu->in_block = 0;
    cpu->io_done = 0;
    *exit = r.exit;
    return (enum run_result)r.result;
}

static const u8 *x64_code_range(void *opaque, u64 *size)
{
    const struct x64 *be = opaque;
    *size = be->mem.size;
    return be->mem.rx;
}

static u64 x64_code_used(void *opaque)
{
    return code_mem_used(&((struct x64 *)opaque)->mem);
}

const struct backend backend_x64 = {
    .name = "x64",
    .native = true,
    .init = x64_init,
    .free = x64_free,
    .compile = x64_compile,
    .discard = x64_discard,
    .discard_all = x64_discard_all,
    .run = x64_run,
    .sync_fpu = host_x87_save,
    .chain = x64_chain,
    .unchain = x64_unchain,
    .code_used = x64_code_used,
    .code_range = x64_code_range,
};
