/* The jump cache: from EIP to translated code without the run loop. Translated code looks into it
 * by itself; what it checks is in struct jump_cache_entry. An entry stays good over changes of the
 * page tables and switches between address spaces as long as the exec TLB says the same of its
 * page. */
#include "jit/jit_internal.h"

#include <string.h>

static struct jump_mode current_mode(const struct cpu *cpu)
{
    const struct segment *cs = &cpu->seg[SEG_CS];
    bool flat = cpu->mode & MODE_CS_FLAT;
    return (struct jump_mode){cpu->mode, flat ? 0 : cs->base, flat ? 0 : cs->limit};
}

static bool is_same(const struct jump_mode *x, const struct jump_mode *y)
{
    return x->mode == y->mode && x->cs_base == y->cs_base && x->cs_limit == y->cs_limit;
}

static u32 mode_hash(const struct jump_mode *m)
{
    u32 h = (m->mode ^ m->cs_base << 8 ^ m->cs_base >> 4 ^ m->cs_limit << 16) * 0x9e3779b1u;
    return h / (UINT32_MAX / MODE_CACHE + 1);
}

void jump_cache_clear(struct jit *jit)
{
    memset(jit->cpu->jump_cache, 0, sizeof(jit->cpu->jump_cache));
    jit->njump_modes = 0;
    jump_cache_mode(jit);
}

static void set_mode(struct jit *jit, u32 n)
{
    jit->jump_mode = n;
    jit->cpu->jump_tag = (u64)(n + 1) << JUMP_TAG_SHIFT;
}

void jump_cache_mode(struct jit *jit)
{
    struct jump_mode m = current_mode(jit->cpu);
    u16 *cached = &jit->mode_cache[mode_hash(&m)];
    if (jit->jump_mode < jit->njump_modes && is_same(&jit->jump_modes[jit->jump_mode], &m))
        return;
    u32 n = *cached;
    if (n >= jit->njump_modes || !is_same(&jit->jump_modes[n], &m)) {
        n = 0;
        while (n < jit->njump_modes && !is_same(&jit->jump_modes[n], &m))
            n++;
    }
    if (n == JUMP_TAG_COUNT) {
        jump_cache_clear(jit);
        return;
    }
    if (n == jit->njump_modes)
        jit->jump_modes[jit->njump_modes++] = m;
    *cached = (u16)n;
    set_mode(jit, n);
}

/* What an entry for EIP must say of its page; without TLB_VALID if nothing can be said. */
static u64 where(const struct cpu *cpu)
{
    laddr la = cpu_code_linear(cpu, cpu->eip);
    enum priv priv = cpu->mode & MODE_USER ? PRIV_USER : PRIV_SUPER;
    return tlb_addend(&cpu->tlb, la, priv, ACCESS_EXEC) | cpu->jump_tag;
}

void jump_cache_enter(struct jit *jit, struct block *b)
{
    struct cpu *cpu = jit->cpu;
    u64 page = where(cpu);
    if (page & TLB_VALID)
        cpu->jump_cache[jump_cache_index(cpu->eip)] =
            (struct jump_cache_entry){(u32)cpu->eip, b->serial, b->code, page, b};
}

struct block *jump_cache_find(struct cpu *cpu)
{
    const struct jump_cache_entry *e = &cpu->jump_cache[jump_cache_index(cpu->eip)];
    if (e->eip != (u32)cpu->eip || e->where != where(cpu) || !(e->where & TLB_VALID) ||
        e->block->serial != e->serial || !e->block->valid || e->block->pa2 != ~(paddr)0)
        return NULL;
    cpu->eip_page = (cpu->eip - (cpu_code_linear(cpu, cpu->eip) & PAGE_MASK)) & cpu->eip_mask;
    return e->block;
}
