/* A block for people: what its guest instructions became. It is translated anew, outside the run,
 * so that nothing has to be kept for it; the host's code is that of the block that runs. Its runs
 * are counted from the first question on, by operations at its start. */
#include "jit/jit_internal.h"

#include "cpu/decode.h"

#include <string.h>

size_t block_counter(const struct jit *jit, paddr pa)
{
    for (u32 i = 0; i < jit->ncounted && i < CPU_BLOCK_COUNTERS; i++)
        if (jit->counted[i] == pa)
            return offsetof(struct cpu, block_count) + i * sizeof(u64);
    return 0;
}

/* From now on; the block is translated anew when it runs next. */
static void begin_counting(struct jit *jit, paddr pa)
{
    u32 n = jit->ncounted++ % CPU_BLOCK_COUNTERS;

    if (jit->ncounted > CPU_BLOCK_COUNTERS)
        block_invalidate(jit, jit->counted[n], 1);
    jit->counted[n] = pa;
    jit->cpu->block_count[n] = 0;
    block_invalidate(jit, pa, 1);
}

/* The code at la: up to the page's end, or one instruction over it. */
static bool find_code(struct cpu *cpu, laddr la, u8 buf[32], struct code_source *src, paddr *pa)
{
    enum priv priv = cpu->mode & MODE_USER ? PRIV_USER : PRIV_SUPER;
    struct mmu_walk w;
    u32 off = la & PAGE_MASK, have = PAGE_SIZE - off;

    if (mmu_probe(&cpu->mmu, la, ACCESS_EXEC, priv, &w) != MMU_MEMORY)
        return false;
    *pa = w.pa;
    *src = (struct code_source){.bytes = w.host, .avail = have, .page_off = off};
    if (have >= 16)
        return true;
    memcpy(buf, w.host, have);
    if (mmu_probe(&cpu->mmu, la + have, ACCESS_EXEC, priv, &w) == MMU_MEMORY)
        memcpy(buf + have, w.host, 16);
    else
        memset(buf + have, 0, 16);
    return true;
}

/* The block that begins at pa, of the present mode if there is one. */
static const struct block *find_block(struct jit *jit, paddr pa)
{
    const struct block *best = NULL;

    for (const struct block *b = block_first_in_page(jit, pa); b; b = block_next_in_page(b, pa))
        if (b->pa == pa && b->valid && (!best || (b->mode & ~(u32)MODE_EDGE) == jit->cpu->mode))
            best = b;
    return best;
}

static void tell_ir(const struct jit *jit, const struct jit_explanation *e, enum jit_part part)
{
    u32 insn = 0, begun = 0;
    char text[160];

    for (u32 i = 0; i < jit->ir.nops; i++) {
        if (jit->ir.ops[i].op == IR_INSN) {
            insn = begun++;
            continue;
        }
        e->tell(e->opaque, part, insn, ir_text(&jit->ir, i, text, sizeof(text)));
    }
}

static void tell_guest(struct jit *jit, const struct jit_explanation *e,
                       const struct code_source *src, laddr la)
{
    char text[96], line[192];
    u32 insn = 0;

    for (u32 pos = 0, len; pos < e->bytes; pos += len) {
        size_t n = (size_t)snprintf(line, sizeof(line), LADDR_FMT ":  ", LADDR_ARG(la + pos));
        len = decode_text(jit->cpu->decoder, src->bytes + pos, src->avail - pos,
                          mode_code_size(e->mode), la + pos, text, sizeof(text));
        for (u32 i = 0; i < len; i++)
            n += (size_t)snprintf(line + n, sizeof(line) - n, "%02x ", src->bytes[pos + i]);
        snprintf(line + n, sizeof(line) - n, " %s", len ? text : "(bad)");
        e->tell(e->opaque, JIT_GUEST, insn++, line);
        if (!len)
            return;
    }
}

static void tell_host(struct jit *jit, const struct jit_explanation *e, const u8 *code, u32 size)
{
    char text[96], line[128];

    for (u32 pos = 0, len; pos < size; pos += len) {
        len = decode_host_text(jit->cpu->decoder, code + pos, size - pos,
                               (u64)(uintptr_t)(code + pos), text, sizeof(text));
        if (!len)
            return;
        snprintf(line, sizeof(line), "%p:  %s", (const void *)(code + pos), text);
        e->tell(e->opaque, JIT_HOST, 0, line);
    }
}

static void tell_count(struct jit *jit, struct jit_explanation *e)
{
    size_t counter = block_counter(jit, e->pa);

    e->count = 0;
    if (counter)
        e->count = *(const u64 *)(const void *)((const u8 *)jit->cpu + counter);
    else
        begin_counting(jit, e->pa);
}

bool jit_explain(struct jit *jit, laddr la, struct jit_explanation *e)
{
    struct code_source src;
    bool more;
    u8 buf[32];

    if (!find_code(jit->cpu, la, buf, &src, &e->pa))
        return false;
    const struct block *b = find_block(jit, e->pa);
    e->mode = b ? b->mode : jit->cpu->mode;
    e->translated = b;
    e->bytes = translate(jit, &src, e->mode, BLOCK_INSNS, &more);
    if (more) { /* one instruction over the page's end */
        src = (struct code_source){
            .bytes = buf, .avail = src.avail + 16, .page_off = src.page_off, .crossing = true};
        e->bytes = translate(jit, &src, e->mode, BLOCK_INSNS, &more);
    }
    e->insns = jit->ir.ninsns;
    tell_guest(jit, e, &src, la);
    tell_ir(jit, e, JIT_IR);
    ir_optimize(&jit->ir);
    tell_ir(jit, e, JIT_OPTIMIZED);
    e->host_bytes = b && jit->backend->native ? b->code_size + b->cold_size : 0;
    if (e->host_bytes) {
        tell_host(jit, e, b->code, b->code_size);
        tell_host(jit, e, b->cold, b->cold_size);
    }
    tell_count(jit, e);
    return true;
}
