/* The local APIC, as in processors since the Pentium 4: 32-bit registers 16 bytes apart in a page
 * that IA32_APIC_BASE places and switches on. SDM 3A, chapter 10.
 *
 * The 8259s' request comes in on LINT0 and passes to the CPU in ExtINT mode, which LINT0 has from
 * reset on, as the BIOS of a PC would set it ("virtual wire"): what knows no APIC sees none. While
 * the APIC is switched off by IA32_APIC_BASE the inputs are the CPU's INTR and NMI.
 *
 * There is one processor: what an interprocessor interrupt can reach is this one. */
#include "devices/lapic.h"

#include <string.h>

#include "devices/pc_setup.h"
#include "mmu/phys.h"

enum {
    BASE_BSP = 1 << 8,
    BASE_ENABLE = 1 << 11,
    VERSION = 0x14 | (LVT_COUNT - 1) << 16,
    SVR_ENABLE = 1 << 8,
    DFR_FLAT = 0xf,
    ICR_LOGICAL = 1 << 11,
    ICR_ASSERT = 1 << 14,
    ICR_LEVEL = 1 << 15,
    FIRST_VECTOR = 16, /* those below are for exceptions */
};

/* Error status register. */
enum { SEND_ILLEGAL_VECTOR = 1 << 5, RECEIVED_ILLEGAL_VECTOR = 1 << 6, ILLEGAL_REGISTER = 1 << 7 };

enum shorthand { TO_DESTINATION, TO_SELF, TO_ALL, TO_OTHERS };

static const struct field lapic_fields[] = {
    FIELD(struct lapic, base),
    FIELD(struct lapic, id),
    FIELD(struct lapic, tpr),
    FIELD(struct lapic, ldr),
    FIELD(struct lapic, dfr),
    FIELD(struct lapic, svr),
    FIELD(struct lapic, esr),
    FIELD(struct lapic, errors),
    FIELD(struct lapic, icr_low),
    FIELD(struct lapic, icr_high),
    FIELD_ARRAY(struct lapic, lvt),
    FIELD_ARRAY(struct lapic, isr),
    FIELD_ARRAY(struct lapic, tmr),
    FIELD_ARRAY(struct lapic, irr),
    FIELD_ARRAY(struct lapic, lint),
    FIELD(struct lapic, intr),
    FIELD_SUB(struct lapic, timer, lapic_timer_fields),
    FIELD_END,
};

static const struct prop lapic_props[] = {
    PROP_BOOL(struct lapic, tsc_deadline, "on"),
    PROP_END,
};

/* What of each entry of the local vector table can be written. */
static const u32 lvt_bits[LVT_COUNT] = {
    [LVT_TIMER] = 0x700ff, [LVT_THERMAL] = 0x107ff, [LVT_PERF] = 0x107ff,
    [LVT_LINT0] = 0x1a7ff, [LVT_LINT1] = 0x1a7ff,   [LVT_ERROR] = 0x100ff,
};

/* ---- sets of vectors ---- */

static u32 bit(u8 vector)
{
    return 1u << (vector & 31);
}

/* The highest member, or -1. */
static int highest(const u32 set[8])
{
    for (int i = 7; i >= 0; i--) {
        if (set[i])
            return 32 * i + 31 - __builtin_clz(set[i]);
    }
    return -1;
}

/* ---- from request to CPU ---- */

static bool enabled(const struct lapic *s)
{
    return s->base & BASE_ENABLE;
}

static u32 ppr(const struct lapic *s)
{
    int serving = highest(s->isr);
    u32 class = serving < 0 ? 0 : (u32)serving & 0xf0;
    return (s->tpr & 0xf0) >= class ? s->tpr : class;
}

/* The vector that is to interrupt the CPU now, or -1. */
static int deliverable(const struct lapic *s)
{
    int vector = highest(s->irr);
    return vector >= 0 && ((u32)vector & 0xf0) > (ppr(s) & 0xf0) ? vector : -1;
}

static unsigned mode_of(u32 lvt)
{
    return lvt >> LVT_MODE_SHIFT & 7;
}

/* The 8259s' request passes through. */
static bool extint(const struct lapic *s)
{
    u32 lvt = s->lvt[LVT_LINT0];

    if (!s->lint[APIC_LINT0])
        return false;
    return !enabled(s) || (!(lvt & LVT_MASKED) && mode_of(lvt) == APIC_EXTINT);
}

/* Brings the output in step with the state. */
static void update(struct lapic *s)
{
    bool intr = extint(s) || (enabled(s) && deliverable(s) >= 0);

    if (intr != s->intr) {
        s->intr = intr;
        irq_set(&s->dev.bus->pins.intr, intr);
    }
}

static int on_intack(void *opaque)
{
    struct lapic *s = opaque;
    int vector = enabled(s) ? deliverable(s) : -1;

    if (vector >= 0) {
        s->irr[vector / 32] &= ~bit((u8)vector);
        s->isr[vector / 32] |= bit((u8)vector);
        update(s);
        return vector;
    }
    if (!enabled(s) || extint(s))
        return bus_pic_intack(s->dev.bus);
    return s->svr & 0xff; /* spurious: the request has gone */
}

static void found_error(struct lapic *s, u32 error)
{
    bool new = error & ~s->errors;

    s->errors |= error;
    if (new)
        lapic_local(s, LVT_ERROR);
}

static bool accept_vector(struct lapic *s, u8 vector, bool level)
{
    if (!(s->svr & SVR_ENABLE))
        return false;
    if (vector < FIRST_VECTOR) {
        found_error(s, RECEIVED_ILLEGAL_VECTOR);
        return false;
    }
    s->irr[vector / 32] |= bit(vector);
    if (level)
        s->tmr[vector / 32] |= bit(vector);
    else
        s->tmr[vector / 32] &= ~bit(vector);
    update(s);
    return true;
}

/* An interrupt of any kind for this processor. Startup messages mean something only to one that has
 * not started, and ExtINT only as the mode of an input. */
static bool deliver(struct lapic *s, unsigned mode, u8 vector, bool level)
{
    struct bus *bus = s->dev.bus;

    switch (mode) {
    case APIC_FIXED:
    case APIC_LOWEST: return accept_vector(s, vector, level);
    case APIC_SMI: irq_pulse(&bus->pins.smi); return true;
    case APIC_NMI: irq_pulse(&bus->pins.nmi); return true;
    case APIC_INIT: bus_request(bus, BUS_INIT, 0); return true;
    default: return false;
    }
}

void lapic_local(struct lapic *s, enum lapic_lvt n)
{
    u32 lvt = s->lvt[n];

    if (enabled(s) && !(lvt & LVT_MASKED))
        deliver(s, mode_of(lvt), lvt & LVT_VECTOR, false);
}

/* ---- inputs ---- */

/* LINT0 as a level triggered interrupt: a request for as long as it is high, one at a time. */
static void sense_level(struct lapic *s)
{
    u32 *lvt = &s->lvt[LVT_LINT0];
    bool level = (*lvt & LVT_LEVEL) && mode_of(*lvt) == APIC_FIXED;

    if (!level || !s->lint[APIC_LINT0] || (*lvt & (LVT_MASKED | LVT_REMOTE_IRR)))
        return;
    if (accept_vector(s, *lvt & LVT_VECTOR, true))
        *lvt |= LVT_REMOTE_IRR;
}

static void on_lint(void *opaque, unsigned n, bool level)
{
    struct lapic *s = opaque;
    enum lapic_lvt entry = n == APIC_LINT0 ? LVT_LINT0 : LVT_LINT1;
    u32 lvt = s->lvt[entry];
    bool rose = level && !s->lint[n];

    s->lint[n] = level;
    if (!enabled(s)) {
        if (n == APIC_LINT1 && rose)
            irq_pulse(&s->dev.bus->pins.nmi);
    } else if (n == APIC_LINT0 && (lvt & LVT_LEVEL) && mode_of(lvt) == APIC_FIXED) {
        sense_level(s);
    } else if (rose) {
        lapic_local(s, entry);
    }
    update(s);
}

/* Is the message for this APIC? */
static bool is_addressed(const struct lapic *s, const struct apic_message *m)
{
    u8 mine = (u8)(s->ldr >> 24);

    if (!m->logical)
        return m->dest == s->id >> 24 || m->dest == 0xff;
    if (s->dfr >> 28 == DFR_FLAT)
        return m->dest & mine;
    if (s->dfr >> 28)
        return false;
    return (m->dest >> 4 == mine >> 4 || m->dest >> 4 == 15) && (m->dest & mine & 15);
}

static bool on_message(void *opaque, const struct apic_message *m)
{
    struct lapic *s = opaque;
    return enabled(s) && is_addressed(s, m) && deliver(s, m->mode, m->vector, m->level);
}

/* ---- registers ---- */

static u32 read_version(struct lapic *s, unsigned n)
{
    (void)s;
    (void)n;
    return VERSION;
}

static u32 read_ppr(struct lapic *s, unsigned n)
{
    (void)n;
    return ppr(s);
}

/* Arbitration priority (SDM 3A 10.6.2.4). */
static u32 read_apr(struct lapic *s, unsigned n)
{
    int serving = highest(s->isr), waiting = highest(s->irr);
    u32 isrv = serving < 0 ? 0 : (u32)serving & 0xf0, irrv = waiting < 0 ? 0 : (u32)waiting & 0xf0;
    u32 tpr = s->tpr & 0xf0;
    (void)n;
    if (tpr >= irrv && tpr > isrv)
        return s->tpr;
    return isrv > irrv ? isrv : irrv;
}

static u32 read_nothing(struct lapic *s, unsigned n)
{
    (void)s;
    (void)n;
    return 0;
}

static u32 read_count(struct lapic *s, unsigned n)
{
    (void)n;
    return lapic_timer_current(s);
}

static void write_tpr(struct lapic *s, unsigned n, u32 value)
{
    (void)n;
    s->tpr = value & 0xff;
    update(s);
}

static void write_eoi(struct lapic *s, unsigned n, u32 value)
{
    int vector = highest(s->isr);
    u32 *lint0 = &s->lvt[LVT_LINT0];
    (void)n;
    (void)value;
    if (vector < 0)
        return;
    s->isr[vector / 32] &= ~bit((u8)vector);
    if (s->tmr[vector / 32] & bit((u8)vector)) {
        if ((*lint0 & LVT_REMOTE_IRR) && (*lint0 & LVT_VECTOR) == (u32)vector)
            *lint0 &= ~(u32)LVT_REMOTE_IRR;
        sense_level(s);
        bus_apic_eoi(s->dev.bus, (u8)vector);
    }
    update(s);
}

static void write_dfr(struct lapic *s, unsigned n, u32 value)
{
    (void)n;
    s->dfr = value | 0x0fffffff;
}

static void write_lvt(struct lapic *s, unsigned n, u32 value)
{
    u32 kept = s->lvt[n] & LVT_REMOTE_IRR;

    value &= lvt_bits[n];
    if (n == LVT_TIMER && !s->tsc_deadline)
        value &= ~(u32)LVT_DEADLINE;
    if (!(s->svr & SVR_ENABLE))
        value |= LVT_MASKED;
    if (n == LVT_TIMER) {
        lapic_timer_set_lvt(s, value);
        return;
    }
    s->lvt[n] = value | (value & LVT_LEVEL ? kept : 0);
    sense_level(s);
    update(s);
}

/* Switching the APIC off masks all that is local. */
static void write_svr(struct lapic *s, unsigned n, u32 value)
{
    (void)n;
    s->svr = value & 0x3ff;
    for (unsigned i = 0; i < LVT_COUNT && !(s->svr & SVR_ENABLE); i++)
        write_lvt(s, i, s->lvt[i]);
}

/* A write, of anything, shows what was found since the last one. */
static void write_esr(struct lapic *s, unsigned n, u32 value)
{
    (void)n;
    (void)value;
    s->esr = s->errors;
    s->errors = 0;
}

/* Sends an interprocessor interrupt. */
static void write_icr(struct lapic *s, unsigned n, u32 value)
{
    struct apic_message m = {
        .dest = (u8)(s->icr_high >> 24),
        .logical = value & ICR_LOGICAL,
        .mode = value >> 8 & 7,
        .vector = (u8)value,
    };
    enum shorthand to = value >> 18 & 3;
    (void)n;
    s->icr_low = value & 0xccfff;
    if (m.mode == APIC_INIT && (value & ICR_LEVEL) && !(value & ICR_ASSERT))
        return; /* a deassertion is for older processors' arbitration */
    if (m.vector < FIRST_VECTOR && (m.mode == APIC_FIXED || m.mode == APIC_LOWEST))
        found_error(s, SEND_ILLEGAL_VECTOR);
    else if (to == TO_SELF || to == TO_ALL || (to == TO_DESTINATION && is_addressed(s, &m)))
        deliver(s, m.mode, m.vector, false);
}

static void write_initial(struct lapic *s, unsigned n, u32 value)
{
    (void)n;
    lapic_timer_set_initial(s, value);
}

static void write_divide(struct lapic *s, unsigned n, u32 value)
{
    (void)n;
    lapic_timer_set_divide(s, value);
}

/* The registers, by address / 16. A field is read as it is, and written under a mask, where there
 * are no functions for it. */
static const struct reg {
    u8 first, last;
    u16 field;
    u32 mask;
    u32 (*read)(struct lapic *s, unsigned n); /* n: from the row's first on */
    void (*write)(struct lapic *s, unsigned n, u32 value);
} regs[] = {
#define AT(f) offsetof(struct lapic, f)
    {0x02, 0x02, AT(id), 0xff000000, NULL, NULL},
    {0x03, 0x03, 0, 0, read_version, NULL},
    {0x08, 0x08, AT(tpr), 0, NULL, write_tpr},
    {0x09, 0x09, 0, 0, read_apr, NULL},
    {0x0a, 0x0a, 0, 0, read_ppr, NULL},
    {0x0b, 0x0b, 0, 0, read_nothing, write_eoi},
    {0x0d, 0x0d, AT(ldr), 0xff000000, NULL, NULL},
    {0x0e, 0x0e, AT(dfr), 0, NULL, write_dfr},
    {0x0f, 0x0f, AT(svr), 0, NULL, write_svr},
    {0x10, 0x17, AT(isr), 0, NULL, NULL},
    {0x18, 0x1f, AT(tmr), 0, NULL, NULL},
    {0x20, 0x27, AT(irr), 0, NULL, NULL},
    {0x28, 0x28, AT(esr), 0, NULL, write_esr},
    {0x30, 0x30, AT(icr_low), 0, NULL, write_icr},
    {0x31, 0x31, AT(icr_high), 0xff000000, NULL, NULL},
    {0x32, 0x37, AT(lvt), 0, NULL, write_lvt},
    {0x38, 0x38, AT(timer.initial), 0, NULL, write_initial},
    {0x39, 0x39, 0, 0, read_count, NULL},
    {0x3e, 0x3e, AT(timer.divide), 0, NULL, write_divide},
#undef AT
};

static const struct reg *find_reg(struct lapic *s, u64 addr)
{
    for (unsigned i = 0; i < ARRAY_LEN(regs); i++) {
        if (addr >> 4 >= regs[i].first && addr >> 4 <= regs[i].last)
            return &regs[i];
    }
    found_error(s, ILLEGAL_REGISTER);
    return NULL;
}

static u32 *field(struct lapic *s, const struct reg *r, unsigned n)
{
    return (u32 *)(void *)((u8 *)s + r->field) + n;
}

/* A register is bytes 0 to 3 of its 16. Reads may be of part of it; beyond it they give 0. */
static u64 mmio_read(void *opaque, u64 addr, unsigned size)
{
    struct lapic *s = opaque;
    const struct reg *r = find_reg(s, addr);
    unsigned skip = addr & 15, n;

    if (!r || skip + size > 4)
        return 0;
    n = (unsigned)(addr >> 4) - r->first;
    return (r->read ? r->read(s, n) : *field(s, r, n)) >> (8 * skip);
}

/* Only whole registers are written. */
static void mmio_write(void *opaque, u64 addr, unsigned size, u64 value)
{
    struct lapic *s = opaque;
    const struct reg *r = find_reg(s, addr);
    unsigned n;

    if (!r || size != 4 || (addr & 15))
        return;
    n = (unsigned)(addr >> 4) - r->first;
    if (r->write)
        r->write(s, n, (u32)value);
    else if (r->mask)
        *field(s, r, n) = (u32)value & r->mask;
}

/* ---- life ---- */

static void map_registers(struct lapic *s)
{
    static const struct mmio_ops ops = {
        .read = mmio_read, .write = mmio_write, .min_size = 1, .max_size = 4};
    paddr at = s->base & ~(u64)PAGE_MASK;

    if (s->mapped && (!enabled(s) || s->at != at)) {
        bus_release_mmio(s->dev.bus, s->at, &ops, s);
        s->mapped = false;
    }
    if (!s->mapped && enabled(s)) {
        bus_claim_mmio(s->dev.bus, at, PAGE_SIZE, &ops, s);
        s->at = at;
        s->mapped = true;
    }
}

/* What reset, INIT and switching it off and on again do (SDM 3A 10.4.7). */
static void reset_registers(struct lapic *s)
{
    s->tpr = s->ldr = s->esr = s->errors = s->icr_low = s->icr_high = 0;
    s->dfr = 0xffffffff;
    s->svr = 0xff;
    memset(s->isr, 0, sizeof(s->isr));
    memset(s->tmr, 0, sizeof(s->tmr));
    memset(s->irr, 0, sizeof(s->irr));
    for (unsigned n = 0; n < LVT_COUNT; n++)
        s->lvt[n] = LVT_MASKED;
    s->lvt[LVT_LINT0] = APIC_EXTINT << LVT_MODE_SHIFT;
    lapic_timer_reset(s);
    update(s);
}

static void on_init(void *opaque)
{
    reset_registers(opaque);
}

static void on_base(void *opaque, u64 value)
{
    struct lapic *s = opaque;
    bool was_enabled = enabled(s);

    s->base = value;
    map_registers(s);
    if (was_enabled != enabled(s))
        reset_registers(s);
}

static u64 on_deadline_read(void *opaque)
{
    return ((struct lapic *)opaque)->timer.deadline;
}

static void on_deadline(void *opaque, u64 tick)
{
    lapic_timer_set_deadline(opaque, tick);
}

static u8 on_tpr_read(void *opaque)
{
    return (u8)((struct lapic *)opaque)->tpr;
}

static void on_tpr(void *opaque, u8 value)
{
    write_tpr(opaque, 0, value);
}

static void lapic_reset(struct dev *dev)
{
    struct lapic *s = (struct lapic *)dev;
    s->base = PC_LAPIC_BASE | BASE_BSP | BASE_ENABLE;
    s->id = 0;
    map_registers(s);
    reset_registers(s);
}

static void lapic_loaded(struct dev *dev)
{
    struct lapic *s = (struct lapic *)dev;
    map_registers(s);
    irq_set(&dev->bus->pins.intr, s->intr);
}

static const char *lapic_init(struct dev *dev, struct bus *bus)
{
    static const struct apic_ops ops = {
        .lint = on_lint,
        .intack = on_intack,
        .message = on_message,
        .init = on_init,
        .set_base = on_base,
        .deadline = on_deadline_read,
        .set_deadline = on_deadline,
        .tpr = on_tpr_read,
        .set_tpr = on_tpr,
    };

    if (!bus->phys)
        return "there is no memory to put its registers in";
    lapic_timer_init((struct lapic *)dev);
    bus_set_apic(bus, &ops, dev);
    return NULL;
}

const struct dev_type dev_lapic = {
    .name = "lapic",
    .on_board = true,
    .size = sizeof(struct lapic),
    .version = 1,
    .fields = lapic_fields,
    .props = lapic_props,
    .init = lapic_init,
    .reset = lapic_reset,
    .loaded = lapic_loaded,
    .describe = lapic_describe,
};
