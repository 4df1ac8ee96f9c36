/* The run loop: interrupts between instructions, look-up and translation of the block at EIP,
 * chaining, and the exact stop at an instruction count.
 *
 * A native back end only starts a block that fits in the budget; what is left over is stepped by
 * the interpreter, which can stop after any instruction. The interpreter also runs single
 * instructions that must not share a block: under TF, in an interrupt shadow, at a device access,
 * in code that keeps being rewritten. So what the guest sees never depends on where blocks begin
 * and end. */
#include "jit/jit_internal.h"

#include "base/check.h"
#include "cpu/cpuid.h"
#include "cpu/debug.h"
#include "cpu/decode.h"
#include "cpu/excp.h"
#include "cpu/monitor.h"

#include <stdlib.h>
#include <string.h>

/* siglongjmp() values; cpu_raise() uses UNWIND_FAULT. */
enum { UNWIND_FAULT = 1, UNWIND_SINGLE = 2 };

#define BLOCK_INSNS   32
#define EVENTS_LEAVE  (EV_STOP | EV_TRIPLE | EV_HALT)
#define TAG_MODE_BITS 10

/* Code at EIP, resolved. */
struct fetch {
    paddr pa, pa2;
    const u8 *host; /* NULL: code in a device */
    u32 mode;
    bool global; /* the page of EIP */
    u32 eip_page;
    u32 limit_avail; /* bytes up to the CS limit */
    struct code_source src;
    u8 buf[32];
};

/* -- jump cache -- */

/* Makes the current tag: mode and generation. Entries with another tag are void. */
static void retag(struct jit *jit)
{
    struct cpu *cpu = jit->cpu;
    u32 id = 0;
    while (id < jit->nmodes && jit->mode_ids[id] != cpu->mode)
        id++;
    if (id == MODE_IDS || (jit->generation[0] | jit->generation[1]) >> (32 - TAG_MODE_BITS)) {
        memset(cpu->jump_cache, 0, sizeof(cpu->jump_cache));
        jit->nmodes = id = 0;
        jit->generation[0] = jit->generation[1] = 1;
    }
    if (id == jit->nmodes)
        jit->mode_ids[jit->nmodes++] = cpu->mode;
    jit->tag_mode = cpu->mode;
    u32 generation = jit->generation[cpu->mode & MODE_USER ? 1 : 0];
    cpu->jump_tag = (u64)(generation << TAG_MODE_BITS | id) << 32;
}

/* Drops the entries of one page, and of instructions that reach into it from the page before. */
static void drop_jumps(struct cpu *cpu, u32 page)
{
    for (u32 p = page - 1; p != page + 1; p++) {
        struct jump_cache_entry *e = &cpu->jump_cache[(p & 0xff) << 8];
        for (u32 i = 0; i < 256; i++) {
            u32 eip = (u32)e[i].key;
            if (eip >> PAGE_BITS == page || (eip + 15) >> PAGE_BITS == page)
                e[i].key = 0;
        }
    }
}

void jit_flush_jumps(struct cpu *cpu, enum jump_flush what, laddr la)
{
    struct jit *jit = cpu->jit;
    bool flat =
        cpu->mode & MODE_CS_FLAT; /* else entries are by EIP, which is not the linear address */
    if (what == JUMPS_PAGE && flat) {
        drop_jumps(cpu, la >> PAGE_BITS);
        return;
    }
    if (what != JUMPS_NONGLOBAL || !flat)
        jit->local_supervisor = true;
    jit->generation[1]++;
    if (jit->local_supervisor)
        jit->generation[0]++;
    jit->local_supervisor = false;
    retag(jit);
}

static void refresh_tag(struct jit *jit)
{
    const struct segment *cs = &jit->cpu->seg[SEG_CS];
    if (!(jit->cpu->mode & MODE_CS_FLAT) &&
        (cs->base != jit->cs_base || cs->limit != jit->cs_limit)) {
        jit->cs_base = cs->base;
        jit->cs_limit = cs->limit;
        jit_flush_jumps(jit->cpu, JUMPS_ALL, 0);
    } else if (jit->tag_mode != jit->cpu->mode) {
        retag(jit);
    }
}

/* -- fetching -- */

/* Resolves an address of code; true if its page is global. Raises #PF. */
static bool resolve(struct cpu *cpu, laddr la, paddr *pa, const u8 **host)
{
    struct mmu_walk w;
    bool global;
    if (mmu_translate_code(&cpu->mmu, la, cpu->mode & MODE_USER, &w, &global) == MMU_FAULT)
        cpu_raise_pf(cpu, la, w.pf_code);
    *pa = w.pa;
    *host = w.host;
    return global;
}

/* Resolves the code at cpu->eip; raises #PF or #GP. */
static void fetch_code(struct cpu *cpu, struct fetch *f)
{
    const struct segment *cs = &cpu->seg[SEG_CS];
    u32 eip = cpu->eip;
    laddr la = cs->base + eip;
    u32 off = la & PAGE_MASK;

    f->mode = cpu->mode;
    f->eip_page = eip - off;
    f->pa2 = ~(paddr)0;
    f->limit_avail = UINT32_MAX;
    if (!(cpu->mode & MODE_CS_FLAT)) {
        u32 top = (cpu->mode & MODE_CODE32) || cs->limit < 0xffff ? cs->limit : 0xffff;
        if (eip > cs->limit) {
            if (cpu->model->isa > ISA_286 || eip <= 0xffff)
                cpu_raise_err(cpu, VEC_GP, 0);
            cpu->eip &= 0xffff; /* IP has 16 bits */
            fetch_code(cpu, f);
            return;
        }
        f->limit_avail = cs->limit - eip == UINT32_MAX ? UINT32_MAX : cs->limit - eip + 1;
        if (f->eip_page > eip || top < PAGE_MASK || f->eip_page > top - PAGE_MASK)
            f->mode |= MODE_EDGE;
    }
    f->global = resolve(cpu, la, &f->pa, &f->host);
    f->src.page_off = off;
    f->src.crossing = false;
    f->src.avail = PAGE_SIZE - off;
    if (f->src.avail > f->limit_avail)
        f->src.avail = f->limit_avail;
    f->src.bytes = f->host;
    if (!f->host) { /* executing from a device: fetch once, translate one instruction */
        u32 n = f->src.avail < 16 ? f->src.avail : 16;
        for (u32 i = 0; i < n; i++)
            f->buf[i] = (u8)phys_read(cpu->mmu.phys, f->pa + i, 1);
        f->src.bytes = f->buf;
        f->src.avail = n;
        f->src.crossing = true;
    }
}

/* The instruction at EIP goes on past f->src.avail: adds the next page's bytes, or raises what
 * stops it. */
static void fetch_crossing(struct cpu *cpu, struct fetch *f)
{
    u32 have = f->src.avail;
    paddr pa2;
    const u8 *host2;
    bool wraps = have >= f->limit_avail;
    if (wraps && cpu->model->isa != ISA_8086)
        cpu_raise_err(cpu, VEC_GP, 0);
    CHECK(have < 16, "instruction of %u bytes does not decode", have);
    resolve(cpu, cpu->seg[SEG_CS].base + (wraps ? 0 : cpu->eip + have), &pa2, &host2);
    memmove(f->buf, f->src.bytes, have);
    for (u32 i = 0; i < 16; i++)
        f->buf[have + i] = host2 ? host2[i] : (u8)phys_read(cpu->mmu.phys, pa2 + i, 1);
    if (wraps) {
        f->limit_avail = UINT32_MAX;
        host2 = NULL; /* to be stepped: the two parts are not neighbours */
    }
    f->pa2 = pa2 & ~(paddr)PAGE_MASK;
    f->src.bytes = f->buf;
    f->src.avail = have + 16;
    if (f->src.avail > f->limit_avail)
        f->src.avail = f->limit_avail;
    f->src.crossing = true;
    if (!host2)
        f->host = NULL;
}

/* Translates at most n instructions at EIP into jit->ir. Returns the guest bytes. */
static u32 fetch_translate(struct jit *jit, struct fetch *f, u32 n)
{
    bool more;
    u32 bytes = translate(jit, &f->src, f->mode, n, &more);
    if (more) {
        fetch_crossing(jit->cpu, f);
        bytes = translate(jit, &f->src, f->mode, n, &more);
        if (more) { /* the CS limit cuts it off */
            cpu_raise_err(jit->cpu, VEC_GP, 0);
        }
    }
    CHECK(!jit->ir.overflow, "the IR of one block does not fit");
    return bytes;
}

/* -- stepping -- */

static void step(struct jit *jit, u32 n)
{
    struct cpu *cpu = jit->cpu;
    struct fetch f;
    fetch_code(cpu, &f);
    fetch_translate(jit, &f, n);
    cpu->eip_page = f.eip_page;
    jit->stats.steps += n < jit->ir.ninsns ? n : jit->ir.ninsns;
    interp_steps(cpu, &jit->ir, n);
}

/* A breakpoint on the instruction at EIP comes as a fault before it, unless RF is set, which lasts
 * for one instruction (SDM 3B 17.3.1.1). Costs a tick, as every delivery does. */
static bool at_breakpoint(struct cpu *cpu)
{
    u32 hits = cpu->eflags & FLAG_RF ? 0 : debug_fetch(cpu);
    cpu->eflags &= ~(u32)FLAG_RF;
    if (hits) {
        cpu_debug_trap(cpu, hits);
        cpu->budget--;
    }
    return hits;
}

/* One instruction with the consequences of the trap flag and the debug registers (SDM 3B 17.3.1).
 */
static void step_one(struct jit *jit)
{
    struct cpu *cpu = jit->cpu;
    u32 traps = cpu->eflags & FLAG_TF ? 1u << 14 : 0; /* BS */
    cpu->events &= ~(u32)(EV_SHADOW | EV_NO_STEP);
    cpu->debug_hits = 0;
    if (debug_armed(cpu) && at_breakpoint(cpu))
        return;
    step(jit, 1);
    traps |= cpu->debug_hits;
    if (traps && !(cpu->events & (EVENTS_LEAVE | EV_NO_STEP)))
        cpu_debug_trap(cpu, traps);
    cpu->events &= ~(u32)EV_NO_STEP;
}

/* -- blocks -- */

static struct block *compile(struct jit *jit, struct fetch *f)
{
    u32 bytes = fetch_translate(jit, f, BLOCK_INSNS);
    if (!f->host)
        return NULL;
    translate_log(jit, &f->src, bytes, f->mode, f->eip_page);
    ir_optimize(&jit->ir);
    struct block *b = calloc(1, sizeof(*b));
    CHECK(b, "out of memory for a block");
    b->pa = f->pa;
    b->pa2 = f->pa2;
    b->mode = f->mode;
    b->bytes = (u16)bytes;
    b->ninsns = (u16)jit->ir.ninsns;
    if (!jit->backend->compile(jit->be, jit->cpu, &jit->ir, b)) {
        jit->stats.evictions++;
        block_drop_all(jit);
        CHECK(jit->backend->compile(jit->be, jit->cpu, &jit->ir, b),
              "a block does not fit into the empty code cache");
    }
    jit->stats.blocks++;
    jit->stats.guest_insns += b->ninsns;
    block_insert(jit, b);
    translate_log_host(jit, b);
    return b;
}

/* A block over two pages is only good while the second page is still mapped there. */
static bool second_page_matches(struct cpu *cpu, const struct block *b)
{
    paddr pa2;
    const u8 *host;
    u32 first = PAGE_SIZE - ((u32)b->pa & PAGE_MASK);
    if (b->pa2 == ~(paddr)0)
        return true;
    resolve(cpu, cpu->seg[SEG_CS].base + cpu->eip + first, &pa2, &host);
    return (pa2 & ~(paddr)PAGE_MASK) == b->pa2;
}

/* The block at cpu->eip, translated if need be; NULL when it must be stepped. */
static struct block *lookup(struct jit *jit)
{
    struct cpu *cpu = jit->cpu;
    struct fetch f;
    jit->stats.lookups++;
    fetch_code(cpu, &f);
    cpu->eip_page = f.eip_page;
    if (!f.host || block_is_hot_line(jit, f.pa))
        return NULL;
    struct block *b = block_find(jit, f.pa, f.mode);
    if (b && !second_page_matches(cpu, b)) {
        block_invalidate(jit, b->pa, 1);
        b = NULL;
    }
    if (!b)
        b = compile(jit, &f);
    if (b && b->bytes > f.limit_avail)
        return NULL;
    if (b) {
        u32 i = jump_cache_index(cpu->eip);
        cpu->jump_cache[i] = (struct jump_cache_entry){cpu->jump_tag | cpu->eip, b->code};
        jit->jump_blocks[i] = b;
        if (!(cpu->mode & MODE_USER) && (!f.global || b->pa2 != ~(paddr)0))
            jit->local_supervisor = true;
    }
    return b;
}

static void try_chain(struct jit *jit, struct block_exit *e, struct block *to)
{
    if (!e->from->valid || e->to || e->from->mode != to->mode || to->pa2 != ~(paddr)0 ||
        (to->mode & MODE_EDGE))
        return;
    e->to = to;
    e->next = to->incoming;
    to->incoming = e;
    jit->backend->chain(jit->be, e, to);
}

/* The block that the jump cache has for EIP, or NULL. */
static struct block *cached_block(struct jit *jit)
{
    struct cpu *cpu = jit->cpu;
    u32 i = jump_cache_index(cpu->eip);
    if (cpu->jump_cache[i].key != (cpu->jump_tag | cpu->eip))
        return NULL;
    cpu->eip_page = cpu->eip - ((cpu->seg[SEG_CS].base + cpu->eip) & PAGE_MASK);
    return jit->jump_blocks[i];
}

/* Runs blocks from EIP until something needs the loop. */
static void run_blocks(struct jit *jit)
{
    struct cpu *cpu = jit->cpu;
    struct block_exit *exit = NULL;
    for (;;) {
        u64 evictions = jit->stats.evictions;
        struct block *b = cached_block(jit);
        if (!b)
            b = lookup(jit);
        if (!b) {
            step_one(jit);
            return;
        }
        if (exit && jit->stats.evictions == evictions)
            try_chain(jit, exit, b);
        exit = NULL;
        if (b->ninsns > cpu->budget) {
            step(jit, (u32)cpu->budget);
            return;
        }
        enum run_result r = jit->backend->run(jit->be, cpu, b, &exit);
        if (r == RUN_BUDGET && cpu->budget > 0) {
            if (cpu->budget < IR_MAX_INSNS)
                step(jit, (u32)cpu->budget);
            return;
        }
        if (r != RUN_NEXT || cpu->budget <= 0)
            return;
    }
}

/* -- the loop -- */

/* Takes what is pending and allowed; costs one tick. */
static void take_interrupt(struct cpu *cpu)
{
    if (cpu->events & EV_SHADOW)
        return;
    if ((cpu->events & EV_NMI) && !cpu->nmi_masked) {
        cpu->events &= ~(u32)EV_NMI;
        cpu->nmi_masked = true;
        cpu_interrupt(cpu, VEC_NMI);
        cpu->budget--;
    } else if (cpu->irq_line && (cpu->eflags & FLAG_IF)) {
        cpu_interrupt(cpu, (u8)cpu->pins.intack(cpu->pins.opaque));
        cpu->budget--;
    }
}

/* After an unwind: the instruction at hand has not retired. */
static void leave_block(struct cpu *cpu)
{
    if (cpu->insn_left) {
        cpu->eip = cpu->eip_page + cpu->insn_off;
        cpu->budget += cpu->insn_left;
        cpu->insn_left = 0;
    }
    cpu->in_block = 0;
    cpu->io_done = 0;
}

static bool logs_interrupts(const struct jit *jit)
{
    return jit->config.log && (jit->config.log_mask & LOG_INT);
}

static void log_interrupt(struct cpu *cpu, u8 vec, bool soft)
{
    struct jit *jit = cpu->jit;
    if (logs_interrupts(jit))
        fprintf(jit->config.log, "%s: vector 0x%02x at %04x:%08x icount %llu\n",
                soft ? "instruction" : "interrupt", vec, cpu->seg[SEG_CS].sel, cpu_eip(cpu),
                (unsigned long long)cpu_icount(cpu));
}

static void log_fault(struct jit *jit)
{
    struct cpu *cpu = jit->cpu;
    if (logs_interrupts(jit))
        fprintf(jit->config.log,
                "fault: vector 0x%02x at %04x:%08x error %x cr2 %08x icount %llu\n",
                (unsigned)cpu->pending.vector, cpu->seg[SEG_CS].sel, cpu->eip, cpu->pending.error,
                cpu->cr2, (unsigned long long)cpu_icount(cpu));
}

static void run_loop(struct jit *jit)
{
    struct cpu *cpu = jit->cpu;
    while (cpu->budget > 0 && !(cpu->events & EVENTS_LEAVE)) {
        block_reap(jit);
        if (phys_generation(cpu->mmu.phys) !=
            cpu->mmu.phys_gen) { /* a device moved its registers */
            mmu_flush(&cpu->mmu);
            jit_flush_jumps(cpu, JUMPS_ALL, 0);
        }
        if (cpu->irq_line | (cpu->events & EV_NMI))
            take_interrupt(cpu);
        refresh_tag(jit);
        if (cpu->budget <= 0)
            break;
        if ((cpu->eflags & FLAG_TF) || (cpu->events & EV_SHADOW) || debug_armed(cpu))
            step_one(jit);
        else
            run_blocks(jit);
    }
}

void jit_run(struct jit *jit, u64 until)
{
    struct cpu *cpu = jit->cpu;
    sigjmp_buf env;
    u64 now = cpu_icount(cpu);

    if (until <= now)
        return;
    cpu->budget = (s64)(until - now);
    cpu->icount_end = until;
    if ((cpu->events & EV_HALT) && cpu_wakes(cpu))
        cpu->events &= ~(u32)EV_WAIT;
    cpu->unwind = &env;
    switch (sigsetjmp(env, 0)) {
    case UNWIND_FAULT:
        leave_block(cpu);
        log_fault(jit);
        cpu_deliver_pending(cpu);
        cpu->budget--; /* a tick for each delivery: a handler that faults at once cannot stop time
                        */
        break;
    case UNWIND_SINGLE:
        leave_block(cpu);
        step_one(jit);
        break;
    default: break;
    }
    run_loop(jit);
    cpu->unwind = NULL;
}

void jit_shorten(struct cpu *cpu, u64 until)
{
    if (until < cpu->icount_end) {
        cpu->budget -= (s64)(cpu->icount_end - until);
        cpu->icount_end = until;
    }
}

static _Noreturn void restart_single(struct cpu *cpu)
{
    siglongjmp(*cpu->unwind, UNWIND_SINGLE);
}

static void on_code_write(void *opaque, paddr pa, u64 len)
{
    block_invalidate(opaque, pa, len);
}

static const struct cpu_hooks hooks = {
    .interrupted = log_interrupt,
    .flush_jumps = jit_flush_jumps,
    .restart_single = restart_single,
};

struct jit *jit_new(struct cpu *cpu, const struct jit_config *config, const char **why)
{
    struct jit *jit = calloc(1, sizeof(*jit));
    if (!jit) {
        *why = "out of memory";
        return NULL;
    }
    jit->cpu = cpu;
    jit->config = *config;
    jit->backend = config->backend;
    jit->generation[0] = jit->generation[1] = 1;
    jit->be = jit->backend->init(jit, config->cache_bytes, why);
    if (!jit->be) {
        free(jit);
        return NULL;
    }
    cpu->jit = jit;
    cpu->hooks = &hooks;
    decoder_set_isa(cpu->decoder, cpu->model->isa);
    retag(jit);
    struct code_listener listener = {.write = on_code_write, .opaque = jit};
    phys_set_code_listener(cpu->mmu.phys, &listener);
    return jit;
}

void jit_free(struct jit *jit)
{
    block_drop_all(jit);
    phys_set_code_listener(jit->cpu->mmu.phys, NULL);
    jit->backend->free(jit->be);
    jit->cpu->jit = NULL;
    free(jit);
}

void jit_flush(struct jit *jit)
{
    block_drop_all(jit);
}

void jit_get_stats(const struct jit *jit, struct jit_stats *stats)
{
    *stats = jit->stats;
    stats->code_bytes = jit->backend->code_used(jit->be);
}
