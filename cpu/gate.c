/* Delivery of interrupts and exceptions: the real-mode vector table, and the IDT's interrupt, trap
 * and task gates of 16 and 32 bits, from protected and virtual-8086 mode, and gates of 64 bits (SDM
 * 3A 6.12, 6.14, 20.3; SDM 2, INT n).
 *
 * Everything that may fault comes first: descriptors, accessed bits, the pushes. Registers change
 * last. */
#include "cpu/gate.h"

#include "cpu/task.h"

/* What to push, in order. */
struct frame {
    u64 v[10];
    unsigned n;
};

static void push_frame(struct cpu *cpu, struct stack *st, const struct frame *f, unsigned size)
{
    for (unsigned i = 0; i < f->n; i++)
        stack_push(cpu, st, size, f->v[i]);
}

void tss_stack(struct cpu *cpu, unsigned cpl, u32 ext, struct segment *ss, u32 *esp)
{
    bool wide = cpu->tr.attr & 8;
    u32 off = wide ? 4 + 8 * cpl : 2 + 4 * cpl;
    u32 size = wide ? 4 : 2;

    if (off + size + 1 > cpu->tr.limit)
        cpu_raise_err(cpu, VEC_TS, sel_err(cpu->tr.sel) | ext,
                      why_access(RULE_tss_stack_limit, &cpu->tr, off, size + 2));
    laddr la = cpu->tr.base + off;
    *esp = (u32)mem_read(cpu, la, size, false);
    u16 sel = (u16)mem_read(cpu, la + size, 2, false);
    seg_check_ss(cpu, ss, sel, cpl, VEC_TS, ext);
}

u64 tss_stack64(struct cpu *cpu, u32 off, u32 ext)
{
    if (off + 7 > cpu->tr.limit)
        cpu_raise_err(cpu, VEC_TS, sel_err(cpu->tr.sel) | ext,
                      why_access(RULE_tss_stack_limit, &cpu->tr, off, 8));
    return mem_read(cpu, segment_base64(&cpu->tr) + off, 8, false);
}

unsigned gate_code(struct cpu *cpu, u16 sel, u32 ext, struct segment *out)
{
    struct desc d;

    if (sel_null(sel))
        cpu_raise_err(cpu, VEC_GP, ext, why_sel(RULE_gate_code_null, sel));
    if (!desc_fetch(cpu, sel, &d))
        cpu_raise_err(cpu, VEC_GP, sel_err(sel) | ext, desc_why(cpu, sel));
    if (!desc_is_code(d))
        cpu_raise_err(cpu, VEC_GP, sel_err(sel) | ext, why_desc(RULE_gate_code_type, sel, d));
    if (desc_dpl(d) > cpu->cpl)
        cpu_raise_err(cpu, VEC_GP, sel_err(sel) | ext, why_desc(RULE_gate_code_dpl, sel, d));
    if (cpu_is_ia32e(cpu) && (d.hi & (DH_L | DH_DB)) != DH_L)
        cpu_raise_err(cpu, VEC_GP, sel_err(sel) | ext, why_desc(RULE_gate_code64, sel, d));
    if (!(d.hi & DH_P))
        cpu_raise_err(cpu, VEC_NP, sel_err(sel) | ext, why_desc(RULE_code_present, sel, d));
    desc_set(cpu, sel, &d, DH_ACCESSED);
    seg_from_desc(out, sel, d);
    return d.hi & DH_CONFORM ? cpu->cpl : desc_dpl(d);
}

/* The linear address of byte `at` of the IDT. */
static laddr idt_address(const struct cpu *cpu, u32 at)
{
    laddr la = cpu->idtr.base + at;

    return cpu_is_ia32e(cpu) ? la : (u32)la;
}

static void deliver_real(struct cpu *cpu, const struct event *ev)
{
    struct stack st = stack_current(cpu);

    if (ev->vec * 4u + 3 > cpu->idtr.limit)
        cpu_raise_err(cpu, VEC_GP, ev->vec * 8u + 2,
                      why_table(RULE_ivt_limit, ev->vec * 4u, 4, cpu->idtr.limit));
    u32 target = (u32)mem_read(cpu, idt_address(cpu, ev->vec * 4u), 4, false);
    struct frame f = {{cpu_eflags(cpu), cpu->seg[SEG_CS].sel, cpu->eip}, 3};
    push_frame(cpu, &st, &f, 2);

    cpu->gpr[ESP] = st.sp;
    seg_set_real(&cpu->seg[SEG_CS], (u16)(target >> 16));
    cpu->eip = target & 0xffff;
    cpu->eflags &= ~(u32)(FLAG_IF | FLAG_TF | FLAG_AC | FLAG_RF);
    cpu_update_mode_transfer(cpu);
}

static struct why why_gate(enum rule rule, struct desc gate)
{
    return (struct why){.rule = (u16)rule, .has = WHY_DESC, .lo = gate.lo, .hi = gate.hi};
}

/* Reads and checks the IDT entry of ev, of size bytes: a present interrupt or trap gate that may be
 * used, or where those have 8 bytes a task gate. */
static struct desc fetch_gate(struct cpu *cpu, const struct event *ev, unsigned size)
{
    u32 err = ev->vec * 8u + 2 + !ev->soft, at = ev->vec * size;
    unsigned types = size == 8 ? 9 : 1; /* bits of the type that may differ */

    if (at + size - 1 > cpu->idtr.limit)
        cpu_raise_err(cpu, VEC_GP, err, why_table(RULE_idt_limit, at, size, cpu->idtr.limit));
    struct desc gate = desc_read(cpu, idt_address(cpu, at));
    unsigned type = desc_type(gate);
    if ((type != SYS_TASK_GATE || size != 8) && (type & ~types) != (SYS_INT32 & ~types))
        cpu_raise_err(cpu, VEC_GP, err, why_gate(RULE_idt_type, gate));
    if (ev->soft && desc_dpl(gate) < cpu->cpl)
        cpu_raise_err(cpu, VEC_GP, err, why_gate(RULE_idt_dpl, gate));
    if (!(gate.hi & DH_P))
        cpu_raise_err(cpu, VEC_NP, err, why_gate(RULE_idt_present, gate));
    return gate;
}

static u32 flags_image(struct cpu *cpu, const struct event *ev)
{
    bool rf = ev->fault && ev->vec != VEC_DF;

    return cpu_eflags(cpu) | (rf ? (u32)FLAG_RF : 0);
}

/* Through an interrupt or trap gate. */
static void deliver_gate(struct cpu *cpu, const struct event *ev, struct desc gate)
{
    unsigned type = desc_type(gate);
    u32 ext = !ev->soft;
    u16 sel = (u16)(gate.lo >> 16);
    u32 eip = (gate.lo & 0xffff) | (type & 8 ? gate.hi & 0xffff0000 : 0);
    bool vm = cpu->eflags & FLAG_VM;
    struct segment cs, ss;
    struct stack st = stack_current(cpu);
    struct frame f = {{0}, 0};

    unsigned cpl = gate_code(cpu, sel, ext, &cs);
    if (vm && cpl != 0) /* virtual-8086 mode is left for level 0 only */
        cpu_raise_err(cpu, VEC_GP, sel_err(sel) | ext, why_sel(RULE_vm_handler_dpl, sel));
    if (cpl != cpu->cpl) {
        u32 esp;

        tss_stack(cpu, cpl, ext, &ss, &esp);
        st = (struct stack){&ss, esp, stack_mask(&ss), stack_priv(cpu, cpl), sel_err(ss.sel) | ext};
        if (vm) {
            f.v[f.n++] = cpu->seg[SEG_GS].sel;
            f.v[f.n++] = cpu->seg[SEG_FS].sel;
            f.v[f.n++] = cpu->seg[SEG_DS].sel;
            f.v[f.n++] = cpu->seg[SEG_ES].sel;
        }
        f.v[f.n++] = cpu->seg[SEG_SS].sel;
        f.v[f.n++] = cpu->gpr[ESP];
    } else {
        st.err = ext;
    }
    f.v[f.n++] = flags_image(cpu, ev);
    f.v[f.n++] = cpu->seg[SEG_CS].sel;
    f.v[f.n++] = cpu->eip;
    if (ev->has_error)
        f.v[f.n++] = ev->error;
    stack_check_room(cpu, &st, f.n * (type & 8 ? 4 : 2));
    if (eip > cs.limit)
        cpu_raise_err(cpu, VEC_GP, ext, why_access(RULE_eip_limit, &cs, eip, 1));
    push_frame(cpu, &st, &f, type & 8 ? 4 : 2);

    if (vm) {
        static const u8 segs[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};
        for (unsigned i = 0; i < ARRAY_LEN(segs); i++)
            seg_null(&cpu->seg[segs[i]], 0);
    }
    cpu->gpr[ESP] = st.sp;
    if (cpl != cpu->cpl)
        cpu->seg[SEG_SS] = ss;
    cs_commit(cpu, &cs, cpl);
    cpu->eip = eip;
    cpu->eflags &= ~(u32)(FLAG_TF | FLAG_NT | FLAG_RF | FLAG_VM);
    if (!(type & 1))
        cpu->eflags &= ~(u32)FLAG_IF;
    if (vm)
        cpu_update_mode(cpu);
    else
        cpu_update_mode_transfer(cpu);
}

/* The stack that a gate of IA-32e mode uses (SDM 3A 6.14.4, 6.14.5): of the interrupt stack table,
 * of an inner level, or the one there is. */
static struct stack gate_stack64(struct cpu *cpu, struct desc gate, unsigned cpl, u32 ext)
{
    enum { IST1 = 0x24 };
    unsigned ist = gate.hi & 7;
    u64 rsp = cpu->gpr[ESP];

    if (ist)
        rsp = tss_stack64(cpu, IST1 + 8 * (ist - 1), ext);
    else if (cpl != cpu->cpl)
        rsp = tss_stack64(cpu, tss_rsp_offset(cpl), ext);
    return stack_64(cpu, cpl, rsp & ~15ull, ext);
}

/* In IA-32e mode. SS:RSP is always pushed (SDM 3A 6.14.2). */
static void deliver_gate64(struct cpu *cpu, const struct event *ev)
{
    struct desc gate = fetch_gate(cpu, ev, 16);
    u32 ext = !ev->soft;
    u64 rip = (gate.lo & 0xffff) | (gate.hi & 0xffff0000);
    struct segment cs;

    rip |= mem_read(cpu, idt_address(cpu, ev->vec * 16u + 8), 4, false) << 32;
    unsigned cpl = gate_code(cpu, (u16)(gate.lo >> 16), ext, &cs);
    struct stack st = gate_stack64(cpu, gate, cpl, ext);
    struct frame f = {{cpu->seg[SEG_SS].sel, cpu->gpr[ESP], flags_image(cpu, ev),
                       cpu->seg[SEG_CS].sel, cpu->eip, ev->error},
                      ev->has_error ? 6 : 5};

    stack_check_room(cpu, &st, 8 * f.n);
    if (!laddr_is_canonical(rip))
        cpu_raise_err(cpu, VEC_GP, ext, why_value(RULE_noncanonical, rip, rip & NONCANONICAL_BITS));
    push_frame(cpu, &st, &f, 8);

    if (cpl != cpu->cpl)
        seg_null_ss(&cpu->seg[SEG_SS], cpl);
    cs_commit(cpu, &cs, cpl);
    cpu->gpr[ESP] = st.sp;
    cpu->eip = rip;
    cpu->eflags &= ~(u32)(FLAG_TF | FLAG_NT | FLAG_RF);
    if (!(desc_type(gate) & 1))
        cpu->eflags &= ~(u32)FLAG_IF;
    cpu_update_mode_transfer(cpu);
}

void gate_deliver(struct cpu *cpu, const struct event *ev)
{
    cpu->rep_more = false;
    if (!(cpu->cr0 & CR0_PE)) {
        deliver_real(cpu, ev);
        return;
    }
    if (cpu_is_ia32e(cpu)) {
        deliver_gate64(cpu, ev);
        return;
    }
    struct desc gate = fetch_gate(cpu, ev, 8);
    if (desc_type(gate) == SYS_TASK_GATE)
        task_gate(cpu, gate, TASK_EVENT, (u32)cpu->eip, ev);
    else
        deliver_gate(cpu, ev, gate);
}
