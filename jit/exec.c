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
#include "cpu/smm.h"
#include "cpu/stops.h"
#include "cpu/trace.h"

#include <stdlib.h>
#include <string.h>

/* siglongjmp() values; cpu_raise() uses UNWIND_FAULT. */
enum { UNWIND_FAULT = 1, UNWIND_SINGLE = 2 };

#define EVENTS_PENDING (EV_NMI | EV_VIP | EV_SMI)
#define EVENTS_LEAVE   (EV_STOP | EV_TRIPLE | EV_HALT)

/* Code at EIP, resolved. */
struct fetch {
    paddr pa, pa2;
    const u8 *host; /* NULL: code in a device */
    u32 mode;
    const u8 *host2;
    u64 eip_page;
    u32 limit_avail; /* bytes up to the CS limit */
    struct code_source src;
    u8 buf[32];
};

/* -- fetching -- */

/* Resolves an address of code. Raises #PF. */
static void resolve(struct cpu *cpu, laddr la, paddr *pa, const u8 **host)
{
    struct mmu_walk w;
    enum priv priv = cpu->mode & MODE_USER ? PRIV_USER : PRIV_SUPER;
    if (mmu_translate_code(&cpu->mmu, la, priv, &w) == MMU_FAULT)
        cpu_raise_pf(cpu, la, w.pf_code);
    *pa = w.pa;
    *host = w.host;
}

/* Resolves the code at cpu->eip; raises #PF or #GP. */
static void fetch_code(struct cpu *cpu, struct fetch *f)
{
    const struct segment *cs = &cpu->seg[SEG_CS];
    u64 eip = cpu->eip;
    laddr la = cpu_code_linear(cpu, eip);
    u32 off = la & PAGE_MASK;

    f->mode = cpu->mode;
    f->eip_page = (eip - off) & cpu->eip_mask;
    f->pa2 = ~(paddr)0;
    f->host2 = NULL;
    f->limit_avail = UINT32_MAX;
    if (!(cpu->mode & MODE_CS_FLAT)) {
        u32 top = (cpu->mode & MODE_CODE32) || cs->limit < 0xffff ? cs->limit : 0xffff;
        if (eip > cs->limit) {
            if (cpu->model->isa > ISA_286 || eip <= 0xffff)
                cpu_raise_err(cpu, VEC_GP, 0,
                              why_limit(RULE_eip_limit, cs->sel, eip, 1, cs->limit));
            cpu->eip &= 0xffff; /* IP has 16 bits */
            fetch_code(cpu, f);
            return;
        }
        u64 avail = cs->limit - eip + 1;
        f->limit_avail = avail > UINT32_MAX ? UINT32_MAX : (u32)avail;
        if (f->eip_page > eip || top < PAGE_MASK || f->eip_page > top - PAGE_MASK)
            f->mode |= MODE_EDGE;
    }
    resolve(cpu, la, &f->pa, &f->host);
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

/* The instruction at EIP goes on past the limit of CS, `have` bytes further. */
static struct why eip_why(const struct cpu *cpu, u32 have)
{
    const struct segment *cs = &cpu->seg[SEG_CS];
    return why_limit(RULE_eip_limit, cs->sel, cpu->eip + have, 1, cs->limit);
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
        cpu_raise_err(cpu, VEC_GP, 0, eip_why(cpu, have));
    CHECK(have < 16, "instruction of %u bytes does not decode", have);
    resolve(cpu, cpu_code_linear(cpu, wraps ? 0 : cpu->eip + have), &pa2, &host2);
    memmove(f->buf, f->src.bytes, have);
    for (u32 i = 0; i < 16; i++)
        f->buf[have + i] = host2 ? host2[i] : (u8)phys_read(cpu->mmu.phys, pa2 + i, 1);
    if (wraps) {
        f->limit_avail = UINT32_MAX;
        host2 = NULL; /* to be stepped: the two parts are not neighbours */
    }
    f->pa2 = pa2 & ~(paddr)PAGE_MASK;
    f->host2 = host2;
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
            cpu_raise_err(jit->cpu, VEC_GP, 0, eip_why(jit->cpu, f->limit_avail));
        }
    }
    CHECK(!jit->ir.overflow, "the IR of one block does not fit");
    return bytes;
}

/* -- stepping -- */

/* Returns the EIP behind the first of at most n instructions. */
static u64 step(struct jit *jit, u32 n)
{
    struct cpu *cpu = jit->cpu;
    struct fetch f;
    fetch_code(cpu, &f);
    u32 bytes;
    const struct icode *kept = n == 1 ? steps_find(jit->steps, f.pa, f.mode, &f.src, &bytes) : NULL;
    if (!kept) {
        bytes = fetch_translate(jit, &f, n);
        if (n == 1)
            steps_keep(jit->steps, f.pa, f.mode, &f.src, bytes, &jit->ir);
    }
    u64 next = (cpu->eip + bytes) & cpu->eip_mask;
    trace_insn(cpu, f.src.bytes, bytes);
    cpu->eip_page = f.eip_page;
    cpu_sync_fpu(cpu); /* devices are accessed from here */
    jit->stats.steps += kept || n < jit->ir.ninsns ? n : jit->ir.ninsns;
    if (kept)
        interp_run_prepared(cpu, kept, n);
    else
        interp_steps(cpu, &jit->ir, n);
    return f.mode & MODE_CODE32 ? next : next & 0xffff;
}

/* A breakpoint on the instruction at EIP comes as a fault before it, unless RF is set, which lasts
 * for one instruction, or MOV SS precedes (SDM 3B 17.3.1.1). */
static u32 breakpoints(struct cpu *cpu, bool after_mov_ss)
{
    u32 hits = 0;
    if (!debug_on_code(cpu))
        return 0;
    if (!(cpu->eflags & FLAG_RF) && !after_mov_ss)
        hits = debug_fetch(cpu);
    if (!cpu->rep_more)
        cpu->eflags &= ~(u32)FLAG_RF;
    return hits;
}

static void debug_exception(struct cpu *cpu, u32 hits)
{
    cpu->events &= ~(u32)EV_WAIT;
    cpu->debug_hits = 0;
    cpu_debug_trap(cpu, hits);
}

/* One instruction with the consequences of the trap flag and the debug registers (SDM 3B 17.3.1).
 * MOV SS hands its watchpoints on to the next instruction; those that the delivery of an interrupt
 * has met come before the handler's first. */
static void step_one(struct jit *jit)
{
    struct cpu *cpu = jit->cpu;
    bool after_mov_ss = cpu->events & EV_MOV_SS, trap = cpu->eflags & FLAG_TF;
    u32 hits = after_mov_ss ? 0 : cpu->debug_hits;
    if (cpu->stops && stops_fetch(cpu))
        return;
    if (!hits)
        hits = breakpoints(cpu, after_mov_ss);
    if (hits) {
        debug_exception(cpu, hits);
        cpu->budget--; /* a tick, as for every delivery between instructions */
        return;
    }
    cpu->events &= ~(u32)(EV_SHADOW | EV_MOV_SS | EV_NO_STEP);
    u64 next = step(jit, 1);
    if (cpu->events & (EV_MOV_SS | EV_TRIPLE))
        return;
    if (cpu->msr.debugctl & DEBUGCTL_BTF) /* taken branches only */
        trap = trap && cpu->eip != next && !cpu->rep_more;
    if (cpu->events & EV_NO_STEP)
        trap = false;
    cpu->events &= ~(u32)EV_NO_STEP;
    if (trap || cpu->debug_hits)
        debug_exception(cpu, cpu->debug_hits | (trap ? (u32)DR6_BS : 0));
}

/* -- blocks -- */

static struct block *compile(struct jit *jit, struct fetch *f)
{
    jit->counter = block_counter(jit, f->pa);
    u32 bytes = fetch_translate(jit, f, BLOCK_INSNS);
    jit->counter = 0;
    if (!f->host)
        return NULL;
    translate_log(jit, &f->src, bytes, f->mode, f->eip_page);
    ir_optimize(&jit->ir);
    struct block *b = block_new(jit);
    b->pa = f->pa;
    b->pa2 = f->pa2;
    b->host2 = f->host2;
    b->mode = f->mode;
    b->bytes = (u16)bytes;
    b->ninsns = (u16)jit->ir.ninsns;
    b->resumed = jit->cpu->budget == jit->first_budget;
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
    perf_map_add(jit, b);
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
    resolve(cpu, cpu_code_linear(cpu, cpu->eip + first), &pa2, &host);
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
    if (!f.host || block_step_first(jit, f.pa) || stops_offset(cpu, f.src.page_off))
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
    if (b && cpu->budget != jit->first_budget)
        b->resumed = false;
    if (b)
        jump_cache_enter(jit, b);
    return b;
}

static void try_chain(struct jit *jit, struct block_exit *e, struct block *to)
{
    if (!e->from->valid || e->to == to || e->from->mode != to->mode || (to->mode & MODE_EDGE) ||
        (to->pa2 != ~(paddr)0 && !jit->backend->native))
        return;
    if (e->to) /* another block was mapped there */
        block_unchain(jit, e);
    e->to = to;
    e->next = to->incoming;
    to->incoming = e;
    jit->backend->chain(jit->be, e, to);
}

/* Runs blocks from EIP until something needs the loop. */
static void run_blocks(struct jit *jit)
{
    struct cpu *cpu = jit->cpu;
    struct block_exit *exit = NULL;
    for (;;) {
        u64 evictions = jit->stats.evictions;
        struct block *b = jump_cache_find(cpu);
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

/* A tick, as for every delivery between instructions. */
static void note_interrupt(struct cpu *cpu)
{
    if (cpu->stops)
        cpu->stops->interrupted = true;
    cpu->budget--;
}

static bool take_smi(struct cpu *cpu)
{
    if (!(cpu->events & EV_SMI) || cpu->smm)
        return false;
    smm_enter(cpu);
    note_interrupt(cpu);
    return true;
}

/* Takes what is pending and allowed; costs one tick. */
static void take_interrupt(struct cpu *cpu)
{
    if (cpu->events & EV_SHADOW)
        return;
    if (cpu->events & EV_VIP) {
        cpu->events &= ~(u32)EV_VIP;
        cpu_raise_err(cpu, VEC_GP, 0,
                      why_value(RULE_vm_vip_pending, cpu->eflags, FLAG_VIF | FLAG_VIP));
    }
    if (take_smi(cpu))
        return;
    if ((cpu->events & EV_NMI) && !cpu->nmi_masked) {
        cpu->events &= ~(u32)EV_NMI;
        cpu->nmi_masked = true;
        cpu_interrupt(cpu, VEC_NMI);
        note_interrupt(cpu);
    } else if (cpu->irq_line && (cpu->eflags & FLAG_IF)) {
        cpu_interrupt(cpu, (u8)cpu->pins.intack(cpu->pins.opaque));
        note_interrupt(cpu);
    }
}

/* After an unwind: the instruction at hand has not retired. */
static void leave_block(struct cpu *cpu)
{
    struct jit *jit = cpu->jit;
    if (jit->backend->unwound)
        jit->backend->unwound(jit->be);
    jit->counter = 0; /* of a translation that was given up */
    if (cpu->insn_left) {
        cpu->eip = cpu_eip(cpu);
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
        fprintf(jit->config.log, "%s: vector 0x%02x at %04x:" LADDR_FMT " icount %llu\n",
                soft ? "instruction" : "interrupt", vec, cpu->seg[SEG_CS].sel,
                LADDR_ARG(cpu_eip(cpu)), (unsigned long long)cpu_icount(cpu));
}

static void log_fault(struct jit *jit)
{
    struct cpu *cpu = jit->cpu;
    if (logs_interrupts(jit))
        fprintf(jit->config.log,
                "fault: vector 0x%02x at %04x:" LADDR_FMT " error %x cr2 " LADDR_FMT
                " icount %llu\n",
                (unsigned)cpu->pending.vector, cpu->seg[SEG_CS].sel, LADDR_ARG(cpu->eip),
                cpu->pending.error, LADDR_ARG(cpu->cr2), (unsigned long long)cpu_icount(cpu));
}

/* Must the run loop step an instruction, or look at each? */
static bool steps(const struct cpu *cpu)
{
    return (cpu->eflags & FLAG_TF) || (cpu->events & EV_SHADOW) || cpu->debug_hits ||
           trace_steps(cpu) || (debug_armed(cpu) && debug_on_code(cpu));
}

void *jit_resume(struct cpu *cpu)
{
    if (cpu->events || cpu->irq_line || phys_generation(cpu->mmu.phys) != cpu->mmu.phys_gen ||
        steps(cpu))
        return NULL;
    jump_cache_mode(cpu->jit);
    struct block *b = jump_cache_find(cpu);
    if (!b)
        return NULL;
    cpu->io_done = 0;
    return b->code;
}

static void run_loop(struct jit *jit)
{
    struct cpu *cpu = jit->cpu;
    while (cpu->budget > 0 && !(cpu->events & EVENTS_LEAVE)) {
        block_reap(jit);
        if (phys_generation(cpu->mmu.phys) !=
            cpu->mmu.phys_gen) { /* a device moved its registers */
            mmu_flush(&cpu->mmu);
        }
        if (cpu->irq_line | (cpu->events & EVENTS_PENDING))
            take_interrupt(cpu);
        jump_cache_mode(jit);
        if (cpu->budget <= 0)
            break;
        if (steps(cpu))
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
    jit->first_budget = cpu->budget;
    if ((cpu->events & EV_HALT) && cpu_wakes(cpu)) {
        take_smi(cpu); /* which saves that the CPU was halted */
        cpu->events &= ~(u32)EV_WAIT;
    }
    cpu->unwind = &env;
    switch (sigsetjmp(env, 0)) {
    case UNWIND_FAULT:
        leave_block(cpu);
        cpu->debug_hits = 0; /* of accesses that have not been made */
        if (cpu->stops)
            cpu->stops->hit = false;
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
    cpu_sync_fpu(cpu);
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

static bool holds_code(void *opaque, paddr pa, u64 len)
{
    return block_holds_code(opaque, pa, len);
}

static void sync_fpu(struct cpu *cpu)
{
    struct jit *jit = cpu->jit;
    jit->backend->sync_fpu(cpu);
}

static const struct cpu_hooks hooks = {
    .sync_fpu = sync_fpu,
    .interrupted = log_interrupt,
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
    jit->be = jit->backend->init(jit, config->cache_bytes, why);
    if (!jit->be) {
        free(jit);
        return NULL;
    }
    jit->steps = steps_new();
    CHECK(jit->steps, "out of memory");
    cpu->jit = jit;
    cpu->hooks = &hooks;
    decoder_set_isa(cpu->decoder, cpu->model->isa);
    jump_cache_mode(jit);
    struct code_listener listener = {on_code_write, jit, holds_code};
    phys_set_code_listener(cpu->mmu.phys, &listener);
    return jit;
}

void jit_free(struct jit *jit)
{
    jit->config.perf_map = NULL; /* keeps what it has */
    block_index_free(jit);
    phys_set_code_listener(jit->cpu->mmu.phys, NULL);
    jit->backend->free(jit->be);
    jit->cpu->jit = NULL;
    steps_free(jit->steps);
    free(jit);
}

void jit_flush(struct jit *jit)
{
    block_drop_all(jit);
    steps_drop(jit->steps);
}

void jit_get_stats(const struct jit *jit, struct jit_stats *stats)
{
    *stats = jit->stats;
    stats->code_bytes = jit->backend->code_used(jit->be);
}
