/* Exceptions: recording and unwinding, delivery with double and triple faults (SDM 3A 6.15, table
 * 6-5).
 *
 * cpu_raise*() never returns: it unwinds to cpu->unwind, which is the run loop's, or deliver()'s
 * own while an event is being delivered. Delivery commits nothing before it can no longer fail, so
 * a fault inside it finds the machine as the first event left it, and every try starts from the
 * same state. */
#include "cpu/excp.h"

#include "cpu/cpuid.h"
#include "cpu/debug.h"
#include "cpu/gate.h"
#include "cpu/stack_ref.h"
#include "cpu/trace.h"
#include "cpu/stops.h"

enum fault_class { BENIGN, CONTRIBUTORY, PAGE_FAULT, DOUBLE_FAULT };

static enum fault_class classify(unsigned vec)
{
    switch (vec) {
    case VEC_DE:
    case VEC_TS:
    case VEC_NP:
    case VEC_SS:
    case VEC_GP: return CONTRIBUTORY;
    case VEC_PF: return PAGE_FAULT;
    case VEC_DF: return DOUBLE_FAULT;
    default: return BENIGN;
    }
}

/* The instruction that was running has not retired. */
static void leave_block(struct cpu *cpu)
{
    cpu->eip = cpu_eip(cpu);
    cpu->budget += cpu->insn_left;
    cpu->insn_left = 0;
    cpu->in_block = 0;
}

static _Noreturn void unwind(struct cpu *cpu, enum vector vec, bool has_error, u32 error,
                             struct why why)
{
    leave_block(cpu);
    cpu->pending = (struct pending_fault){(u8)vec, has_error, error, why};
    siglongjmp(*cpu->unwind, 1);
}

_Noreturn void cpu_raise(struct cpu *cpu, enum vector vec, struct why why)
{
    unwind(cpu, vec, false, 0, why);
}

/* The 80286 has one vector for all segment overruns in real mode, the stack's too (80286
 * Programmer's Reference, 5.2; captured traces). */
_Noreturn void cpu_raise_err(struct cpu *cpu, enum vector vec, u32 error, struct why why)
{
    if (vec == VEC_SS && cpu->model->isa == ISA_286 && !(cpu->cr0 & CR0_PE))
        vec = VEC_GP;
    unwind(cpu, vec, true, error, why);
}

_Noreturn void cpu_raise_after(struct cpu *cpu, enum vector vec, u32 len, struct why why)
{
    leave_block(cpu);
    cpu->eip = (cpu->eip + len) & 0xffff;
    unwind(cpu, vec, false, 0, why);
}

/* An access that is not to a canonical address. */
static _Noreturn void raise_unreachable(struct cpu *cpu, laddr la)
{
    bool stack =
        cpu->mmu.fault.acc != ACCESS_EXEC && cpu_is_code64(cpu) && insn_is_on_stack(cpu, la);

    unwind(cpu, stack ? VEC_SS : VEC_GP, true, 0,
           why_value(RULE_noncanonical, la, la & NONCANONICAL_BITS));
}

_Noreturn void cpu_raise_pf(struct cpu *cpu, laddr addr, u32 error)
{
    if (cpu->mmu.fault.deny == MMU_NONCANONICAL)
        raise_unreachable(cpu, addr);
    cpu->cr2 = addr;
    unwind(cpu, VEC_PF, true, error, why(why_denied((enum mmu_deny)cpu->mmu.fault.deny)));
}

_Noreturn void cpu_raise_noncanonical(struct cpu *cpu, laddr la)
{
    unwind(cpu, VEC_GP, true, 0, why_value(RULE_noncanonical, la, la & NONCANONICAL_BITS));
}

/* Records an exception that is met now, at CS:EIP. */
static void describe(const struct cpu *cpu, const struct pending_fault *p, struct fault_record *r)
{
    const struct segment *cs = &cpu->seg[SEG_CS];

    r->vector = p->vector;
    r->has_error = p->has_error;
    r->cs = cs->sel;
    r->eip = cpu->eip;
    r->error = p->error;
    r->cr2 = cpu->cr2;
    r->icount = cpu_icount(cpu);
    r->cpl = cpu->cpl;
    r->nested = r->interrupt = r->shutdown = false;
    r->during = 0;
    r->becomes = p->vector;
    r->eflags = cpu_eflags(cpu);
    r->cr0 = cpu->cr0;
    r->cr4 = cpu->cr4;
    r->linear = cpu_code_linear(cpu, cpu->eip);
    r->code32 = mode_code_size(cpu->mode);
    r->why = p->why;
    if (p->vector == VEC_PF)
        r->walk = cpu->mmu.fault;
}

static struct fault_record *nth_record(struct cpu *cpu, u32 n)
{
    return &cpu->history[n % ARRAY_LEN(cpu->history)];
}

/* Records a fault, met during the delivery of `during`, or NULL. */
static struct fault_record *record(struct cpu *cpu, const struct event *during)
{
    struct fault_record *r = nth_record(cpu, cpu->history_next++);

    describe(cpu, &cpu->pending, r);
    if (during) {
        r->nested = true;
        r->during = during->vec;
        r->interrupt = !during->fault;
    }
    return r;
}

/* The record of a trap, to be kept once it has been delivered. */
static struct fault_record describe_trap(const struct cpu *cpu, enum vector vec, struct why why)
{
    const struct pending_fault p = {.vector = (u8)vec, .why = why};
    struct fault_record r = {.vector = 0};

    describe(cpu, &p, &r);
    return r;
}

static void keep(struct cpu *cpu, const struct fault_record *r)
{
    *nth_record(cpu, cpu->history_next++) = *r;
}

/* The event that a fault during the delivery of another comes to; false: shutdown. */
static bool combine(struct event *ev, const struct pending_fault *next)
{
    enum fault_class first = ev->fault ? classify(ev->vec) : BENIGN;
    enum fault_class second = classify(next->vector);
    bool twice =
        first == CONTRIBUTORY ? second == CONTRIBUTORY : first >= PAGE_FAULT && second != BENIGN;

    if (twice && first == DOUBLE_FAULT)
        return false;
    /* A handler on a misaligned user stack: chips deliver #AC for ever, and hear of nothing but a
     * reset (CVE-2015-5307). That is a shutdown. */
    if (ev->fault && ev->vec == VEC_AC && next->vector == VEC_AC)
        return false;
    if (twice)
        *ev = (struct event){.vec = VEC_DF, .fault = true, .has_error = true};
    else
        *ev = (struct event){
            .vec = next->vector, .fault = true, .has_error = next->has_error, .error = next->error};
    return true;
}

/* Those outside who watch are told. */
static void deliver_told(struct cpu *cpu, const struct event *ev, enum delivery_kind kind)
{
    trace_delivery(
        cpu, &(struct cpu_delivery){
                 .kind = kind, .vec = ev->vec, .has_error = ev->has_error, .error = ev->error});
    gate_deliver(cpu, ev);
    trace_delivered(cpu);
    if (ev->vec == VEC_DB && !ev->soft)
        debug_entered(cpu);
    if (cpu->stops)
        stops_vector(cpu, ev->vec);
}

/* False: it faulted, and cpu->pending says how. */
static bool try_deliver(struct cpu *cpu, const struct event *ev)
{
    sigjmp_buf env;

    cpu->unwind = &env;
    if (sigsetjmp(env, 0))
        return false;
    deliver_told(cpu, ev, ev->fault ? DELIVER_FAULT : DELIVER_INTERRUPT);
    return true;
}

/* Shutdown: of the chain of faults that began with record `first` the first and the last two are
 * kept for the report. */
static void shut_down(struct cpu *cpu, u32 first)
{
    u32 n = cpu->history_next - first;

    if (n > ARRAY_LEN(cpu->history)) /* the oldest there is */
        first = cpu->history_next;
    cpu->shutdown_n = n < ARRAY_LEN(cpu->shutdown) ? n : ARRAY_LEN(cpu->shutdown);
    cpu->shutdown[0] = *nth_record(cpu, first);
    for (u32 i = 1; i < cpu->shutdown_n; i++)
        cpu->shutdown[i] = *nth_record(cpu, cpu->history_next - cpu->shutdown_n + i);
    cpu->events |= EV_TRIPLE;
}

/* Delivers ev, or what faults on the way make of it. */
static void deliver(struct cpu *cpu, struct event ev)
{
    sigjmp_buf *outer = cpu->unwind;
    u32 first = cpu->history_next;

    cpu->monitor.armed = false;
    if (ev.fault)
        record(cpu, NULL);
    cpu->fault_depth = 1;
    while (!try_deliver(cpu, &ev)) {
        struct pending_fault next = cpu->pending;
        struct fault_record *r = record(cpu, &ev);

        if (!combine(&ev, &next)) {
            r->shutdown = true;
            shut_down(cpu, first);
            break;
        }
        r->becomes = ev.vec;
        if (ev.vec == VEC_DF)
            cpu->fault_depth = 2;
    }
    cpu->fault_depth = 0;
    cpu->unwind = outer;
}

void cpu_deliver_pending(struct cpu *cpu)
{
    const struct pending_fault *p = &cpu->pending;

    deliver(cpu,
            (struct event){
                .vec = p->vector, .fault = true, .has_error = p->has_error, .error = p->error});
}

static void tell(struct cpu *cpu, u8 vec, bool soft)
{
    if (cpu->hooks && cpu->hooks->interrupted)
        cpu->hooks->interrupted(cpu, vec, soft);
}

void cpu_interrupt(struct cpu *cpu, u8 vec)
{
    tell(cpu, vec, false);
    deliver(cpu, (struct event){.vec = vec});
}

void cpu_debug_trap(struct cpu *cpu, u32 dr6_bits)
{
    enum rule rule = dr6_bits & DR6_BT   ? RULE_debug_task
                     : dr6_bits & DR6_BS ? RULE_debug_step
                                         : RULE_debug_breakpoint;

    debug_report(cpu, dr6_bits);
    struct fault_record r = describe_trap(cpu, VEC_DB, why_value(rule, cpu->dr[6], dr6_bits));
    u32 before = cpu->history_next;
    cpu_interrupt(cpu, VEC_DB);
    if (cpu->history_next == before)
        keep(cpu, &r);
}

void cpu_icebp(struct cpu *cpu)
{
    bool stepping = cpu->eflags & FLAG_TF;
    struct fault_record r = describe_trap(cpu, VEC_DB, why(RULE_debug_int1));

    u32 hits = cpu->debug_hits; /* of MOV SS before it: they come with this #DB */

    deliver_told(cpu, &(struct event){.vec = VEC_DB}, DELIVER_SOFT);
    if (hits)
        debug_report(cpu, hits);
    cpu->debug_hits &= ~hits;
    keep(cpu, &r);
    if (stepping)
        cpu->events |= EV_NO_STEP;
}

void cpu_soft_int(struct cpu *cpu, u8 vec)
{
    bool stepping = cpu->eflags & FLAG_TF, exception = vec == VEC_BP || vec == VEC_OF;
    enum rule rule = vec == VEC_BP ? RULE_breakpoint : RULE_overflow;
    struct fault_record r;

    tell(cpu, vec, true);
    if (exception)
        r = describe_trap(cpu, (enum vector)vec, why(rule));
    deliver_told(cpu, &(struct event){.vec = vec, .soft = true}, DELIVER_SOFT);
    if (exception)
        keep(cpu, &r);
    if (stepping) /* the handler is not stepped into (SDM 3B 17.3.1.4) */
        cpu->events |= EV_NO_STEP;
}
