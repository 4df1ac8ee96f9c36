/* The wires between the CPU and the board: what either asks of the other or tells it. */
#include "machine/machine.h"
#include "machine/trace.h"

static u32 pin_in(void *opaque, u16 port, unsigned size)
{
    struct orrery *o = opaque;
    u32 value = bus_in(o->bus, port, size);
    if (o->trace)
        trace_port(o->trace, port, size, false, value);
    return value;
}

static void pin_out(void *opaque, u16 port, unsigned size, u32 value)
{
    struct orrery *o = opaque;
    if (o->trace)
        trace_port(o->trace, port, size, true, value);
    bus_out(o->bus, port, size, value);
}

static int pin_intack(void *opaque)
{
    struct orrery *o = opaque;
    return bus_intack(o->bus);
}

static void pin_ferr(void *opaque, bool level)
{
    struct orrery *o = opaque;
    struct irq_line line = bus_irq(o->bus, 13);
    irq_set(&line, level);
}

static void pin_apic_base(void *opaque, u64 value)
{
    struct orrery *o = opaque;
    if (o->bus) /* else the board is not there yet */
        bus_apic_set_base(o->bus, value);
}

static u64 pin_apic_deadline(void *opaque)
{
    struct orrery *o = opaque;
    return bus_apic_deadline(o->bus);
}

static void pin_set_apic_deadline(void *opaque, u64 icount)
{
    struct orrery *o = opaque;
    bus_apic_set_deadline(o->bus, icount);
}

static u8 pin_apic_tpr(void *opaque)
{
    struct orrery *o = opaque;
    return bus_apic_tpr(o->bus);
}

static void pin_set_apic_tpr(void *opaque, u8 value)
{
    struct orrery *o = opaque;
    bus_apic_set_tpr(o->bus, value);
}

static void wire_intr(void *opaque, int n, bool level)
{
    struct orrery *o = opaque;
    (void)n;
    o->cpu->irq_line = level;
}

static void wire_nmi(void *opaque, int n, bool level)
{
    struct orrery *o = opaque;
    (void)n;
    if (level)
        o->cpu->events |= EV_NMI;
}

static void wire_smi(void *opaque, int n, bool level)
{
    struct orrery *o = opaque;
    (void)n;
    if (level)
        o->cpu->events |= EV_SMI;
}

static void wire_a20(void *opaque, int n, bool level)
{
    struct orrery *o = opaque;
    (void)n;
    cpu_set_a20(o->cpu, level);
}

static void on_request(void *opaque, enum bus_request what, u32 arg)
{
    struct orrery *o = opaque;
    switch (what) {
    case BUS_RESET: o->reset_wanted = true; break;
    case BUS_POWEROFF: o->poweroff_wanted = true; break;
    case BUS_INIT: o->init_wanted = true; break;
    case BUS_EXIT:
        o->exit_wanted = true;
        o->exit_code = (int)arg;
        break;
    }
    o->cpu->events |= EV_STOP;
}

struct cpu_pins cpu_wires(struct orrery *o)
{
    return (struct cpu_pins){.in = pin_in,
                             .out = pin_out,
                             .intack = pin_intack,
                             .ferr = pin_ferr,
                             .apic_base = pin_apic_base,
                             .apic_deadline = pin_apic_deadline,
                             .set_apic_deadline = pin_set_apic_deadline,
                             .apic_tpr = pin_apic_tpr,
                             .set_apic_tpr = pin_set_apic_tpr,
                             .opaque = o};
}

static void count_irq(void *opaque, int n, bool level)
{
    struct orrery *o = opaque;
    u32 bit = 1u << n, before = o->irq_level;
    o->irq_level = level ? before | bit : before & ~bit;
    o->irq_count[n] += level && !(before & bit);
}

void bus_wires(struct orrery *o)
{
    o->bus->irq_watch = (struct irq_line){count_irq, o, 0};
    o->bus->pins.intr = (struct irq_line){wire_intr, o, 0};
    o->bus->pins.nmi = (struct irq_line){wire_nmi, o, 0};
    o->bus->pins.smi = (struct irq_line){wire_smi, o, 0};
    o->bus->pins.a20 = (struct irq_line){wire_a20, o, 0};
    o->bus->hooks.request = on_request;
    o->bus->hooks.opaque = o;
}
