/* The high precision event timer (IA-PC HPET Specification 1.0a): a 64-bit counter of 100 MHz and
 * three comparators of 64 bits, each of which can be periodic.
 *
 * Nothing counts: the counter follows from virtual time. In legacy replacement mode the first two
 * comparators take the place of PIT and RTC on lines 0 and 8: the HPET stands between those two and
 * their lines. Otherwise a comparator drives the input of the I/O APIC that its configuration
 * names, 20 to 23, which nothing else does. */
#include "devices/core/dev.h"
#include "devices/pc_setup.h"
#include "mmu/phys.h"

#define TICK_NS   10u
#define FS_PER_NS 1000000u
#define TIMERS    3
#define ROUTES    0x00f00000u /* inputs that a comparator can drive */

/* Offsets; the comparators' are at 100h + 20h * n. */
enum {
    REG_CAPABILITIES = 0x000,
    REG_CONFIG = 0x010,
    REG_STATUS = 0x020,
    REG_COUNTER = 0x0f0,
    REG_TIMERS = 0x100,
    REG_TIMERS_END = REG_TIMERS + 0x20 * TIMERS,
    TIMER_CONFIG = 0x00,
    TIMER_COMPARATOR = 0x08,
};

enum { CONFIG_ENABLE = 1, CONFIG_LEGACY = 2 };

enum {
    T_LEVEL = 1 << 1,
    T_ENABLE = 1 << 2,
    T_PERIODIC = 1 << 3,
    T_CAN_PERIODIC = 1 << 4,
    T_CAN_64 = 1 << 5,
    T_SET_VALUE = 1 << 6,
    T_32BIT = 1 << 8,
    T_ROUTE_SHIFT = 9,
    T_ROUTE = 31 << T_ROUTE_SHIFT,
    T_WRITABLE = T_LEVEL | T_ENABLE | T_PERIODIC | T_SET_VALUE | T_32BIT | T_ROUTE,
};

/* Revision 1, three comparators, 64 bits, legacy replacement, Intel, and femtoseconds a tick. */
#define CAPABILITIES                                                                               \
    (0x8086ull << 16 | 1u << 15 | 1u << 13 | (TIMERS - 1) << 8 | 1 |                               \
     (u64)(TICK_NS * FS_PER_NS) << 32)

struct comparator {
    struct hpet *hpet;
    u32 config;
    u64 value;
    u64 period; /* as last written, of a periodic one */
    struct timer timer;
};

struct hpet {
    struct dev dev;
    u32 config, status;
    u64 base;  /* counter at `epoch`; while disabled the counter itself */
    u64 epoch; /* ns; of a whole tick */
    struct comparator timer[TIMERS];
    u32 high;       /* lines that level triggered comparators hold high */
    bool legacy[2]; /* what PIT and RTC drive */
};

static const struct field comparator_fields[] = {
    FIELD(struct comparator, config),
    FIELD(struct comparator, value),
    FIELD(struct comparator, period),
    FIELD(struct comparator, timer),
    FIELD_END,
};

static const struct field hpet_fields[] = {
    FIELD(struct hpet, config),
    FIELD(struct hpet, status),
    FIELD(struct hpet, base),
    FIELD(struct hpet, epoch),
    FIELD_SUBS(struct hpet, timer, comparator_fields),
    FIELD(struct hpet, high),
    FIELD_ARRAY(struct hpet, legacy),
    FIELD_END,
};

static const u8 legacy_lines[2] = {0, 8};

/* ---- time ---- */

static u64 counter(const struct hpet *s)
{
    if (!(s->config & CONFIG_ENABLE))
        return s->base;
    return s->base + (clock_now(s->dev.bus->clock) - s->epoch) / TICK_NS;
}

static u64 width(const struct comparator *c)
{
    return c->config & T_32BIT ? 0xffffffff : ~0ull;
}

/* Arms for the next time that the counter is what the comparator says; `matched`: it is now, and
 * that has been seen to. Nobody waits for what is centuries away. */
static void arm(struct comparator *c, bool matched)
{
    const struct hpet *s = c->hpet;
    u64 now = counter(s), wait = (c->value - now) & width(c), ticks;

    if (matched && !wait)
        wait = c->config & T_32BIT ? 1ull << 32 : ~0ull;
    ticks = now - s->base + wait;
    if (!(s->config & CONFIG_ENABLE) || !(c->config & (T_ENABLE | T_LEVEL | T_PERIODIC)) ||
        wait >> 59 || ticks >> 59)
        timer_cancel(&c->timer);
    else
        timer_arm(&c->timer, s->epoch + ticks * TICK_NS);
}

static void arm_all(struct hpet *s)
{
    for (unsigned n = 0; n < TIMERS; n++)
        arm(&s->timer[n], false);
}

/* ---- interrupts ---- */

static bool replaces_legacy(const struct hpet *s)
{
    return (s->config & (CONFIG_ENABLE | CONFIG_LEGACY)) == (CONFIG_ENABLE | CONFIG_LEGACY);
}

/* The line that a comparator drives, or -1. */
static int line_of(const struct hpet *s, unsigned n)
{
    unsigned route = s->timer[n].config >> T_ROUTE_SHIFT & 31;

    if (replaces_legacy(s) && n < ARRAY_LEN(legacy_lines))
        return legacy_lines[n];
    return ROUTES >> route & 1 ? (int)route : -1;
}

/* Brings the lines of level triggered comparators in step with the status. */
static void update_lines(struct hpet *s)
{
    u32 high = 0, changed;

    for (unsigned n = 0; n < TIMERS; n++) {
        bool active =
            (s->config & CONFIG_ENABLE) && (s->timer[n].config & T_ENABLE) && (s->status & 1u << n);
        if (active && line_of(s, n) >= 0)
            high |= 1u << line_of(s, n);
    }
    changed = s->high ^ high;
    s->high = high;
    for (unsigned line = 0; line < BUS_GSIS; line++) {
        if (changed & 1u << line)
            bus_drive_irq(s->dev.bus, line, high & 1u << line);
    }
}

/* An edge. At an 8259 it is there for as long as the line stays high. */
static void pulse(struct hpet *s, unsigned n)
{
    int line = line_of(s, n);

    if (line < 0)
        return;
    bus_drive_irq(s->dev.bus, (unsigned)line, false);
    bus_drive_irq(s->dev.bus, (unsigned)line, true);
    if (line >= BUS_IRQS)
        bus_drive_irq(s->dev.bus, (unsigned)line, false);
}

static void on_match(void *opaque)
{
    struct comparator *c = opaque;
    struct hpet *s = c->hpet;
    unsigned n = (unsigned)(c - s->timer);

    if (c->config & T_PERIODIC)
        c->value = (c->value + c->period) & width(c);
    arm(c, true);
    if (c->config & T_LEVEL) {
        s->status |= 1u << n;
        update_lines(s);
    } else if (c->config & T_ENABLE) {
        pulse(s, n);
    }
}

/* PIT and RTC: their lines are their own unless replaced. */
static void on_legacy(void *opaque, int n, bool level)
{
    struct hpet *s = opaque;
    s->legacy[n == legacy_lines[1]] = level;
    if (!replaces_legacy(s))
        bus_drive_irq(s->dev.bus, (unsigned)n, level);
}

/* ---- registers ---- */

static void drive_legacy(struct hpet *s, bool mine)
{
    for (unsigned i = 0; i < ARRAY_LEN(legacy_lines); i++)
        bus_drive_irq(s->dev.bus, legacy_lines[i], !mine && s->legacy[i]);
}

static void set_config(struct hpet *s, u32 value)
{
    bool was_legacy = replaces_legacy(s);
    u64 now = counter(s);

    if (s->config & CONFIG_ENABLE)
        s->epoch += (now - s->base) * TICK_NS;
    else
        s->epoch = clock_now(s->dev.bus->clock);
    s->base = now;
    s->config = value & (CONFIG_ENABLE | CONFIG_LEGACY);
    if (replaces_legacy(s) && !was_legacy)
        drive_legacy(s, true);
    update_lines(s);
    if (was_legacy && !replaces_legacy(s))
        drive_legacy(s, false);
    arm_all(s);
}

static void set_timer_config(struct hpet *s, unsigned n, u32 value)
{
    struct comparator *c = &s->timer[n];

    c->config = value & T_WRITABLE;
    c->value &= width(c);
    c->period &= width(c);
    if (!(c->config & T_LEVEL))
        s->status &= ~(1u << n);
    arm(c, false);
    update_lines(s);
}

/* While periodic, the comparator moves on by what was last written to it; it is itself written only
 * if software has asked for that. */
static void set_comparator(struct comparator *c, u64 value, u64 mask)
{
    if (c->config & T_PERIODIC)
        c->period = ((c->period & ~mask) | (value & mask)) & width(c);
    if (!(c->config & T_PERIODIC) || (c->config & T_SET_VALUE))
        c->value = ((c->value & ~mask) | (value & mask)) & width(c);
    c->config &= ~(u32)T_SET_VALUE;
    arm(c, false);
}

static u64 read_timer(const struct comparator *c, u32 reg)
{
    switch (reg) {
    case TIMER_CONFIG:
        return (u64)ROUTES << 32 | (c->config & ~(u32)T_SET_VALUE) | T_CAN_PERIODIC | T_CAN_64;
    case TIMER_COMPARATOR: return c->value;
    default: return 0;
    }
}

static u64 read_reg(const struct hpet *s, u32 reg)
{
    if (reg >= REG_TIMERS && reg < REG_TIMERS_END)
        return read_timer(&s->timer[(reg - REG_TIMERS) / 0x20], reg & 0x1f);
    switch (reg) {
    case REG_CAPABILITIES: return CAPABILITIES;
    case REG_CONFIG: return s->config;
    case REG_STATUS: return s->status;
    case REG_COUNTER: return counter(s);
    default: return 0;
    }
}

static void write_timer(struct hpet *s, unsigned n, u32 reg, u64 value, u64 mask)
{
    struct comparator *c = &s->timer[n];

    if (reg == TIMER_CONFIG && (mask & 1))
        set_timer_config(s, n, (u32)value);
    else if (reg == TIMER_COMPARATOR)
        set_comparator(c, value, mask);
}

/* `mask` has the bits of the register that are written. */
static void write_reg(struct hpet *s, u32 reg, u64 value, u64 mask)
{
    if (reg >= REG_TIMERS && reg < REG_TIMERS_END)
        write_timer(s, (reg - REG_TIMERS) / 0x20, reg & 0x1f, value, mask);
    else if (reg == REG_CONFIG && (mask & 1))
        set_config(s, (u32)value);
    else if (reg == REG_STATUS) {
        s->status &= ~(u32)(value & mask);
        update_lines(s);
    } else if (reg == REG_COUNTER && !(s->config & CONFIG_ENABLE))
        s->base = (s->base & ~mask) | (value & mask);
}

/* Registers are 64 bits, and accessed whole or by halves. */
static u64 mmio_read(void *opaque, u64 addr, unsigned size)
{
    (void)size;
    return read_reg(opaque, (u32)addr & ~7u) >> 8 * (addr & 4);
}

static void mmio_write(void *opaque, u64 addr, unsigned size, u64 value)
{
    unsigned shift = 8 * (addr & 4);
    u64 mask = size == 8 ? ~0ull : 0xffffffffull << shift;
    write_reg(opaque, (u32)addr & ~7u, value << shift, mask);
}

/* ---- life ---- */

static void hpet_reset(struct dev *dev)
{
    struct hpet *s = (struct hpet *)dev;

    for (unsigned n = 0; n < TIMERS; n++) {
        struct comparator *c = &s->timer[n];
        timer_cancel(&c->timer);
        c->config = 0;
        c->value = ~0ull;
        c->period = 0;
    }
    s->status = 0;
    set_config(s, 0);
    s->base = s->epoch = 0;
}

static const char *hpet_init(struct dev *dev, struct bus *bus)
{
    static const struct mmio_ops ops = {
        .read = mmio_read, .write = mmio_write, .min_size = 4, .max_size = 8};
    struct hpet *s = (struct hpet *)dev;

    if (!bus->phys)
        return "there is no memory to put its registers in";
    for (unsigned n = 0; n < TIMERS; n++) {
        s->timer[n].hpet = s;
        timer_init(&s->timer[n].timer, bus->clock, on_match, &s->timer[n]);
    }
    bus_claim_mmio(bus, PC_HPET_BASE, PAGE_SIZE, &ops, dev);
    for (unsigned i = 0; i < ARRAY_LEN(legacy_lines); i++) {
        unsigned n = legacy_lines[i];
        bus_intercept_irq(bus, n, (struct irq_line){on_legacy, dev, (int)n});
    }
    return NULL;
}

const struct dev_type dev_hpet = {
    .name = "hpet",
    .on_board = true,
    .size = sizeof(struct hpet),
    .version = 1,
    .fields = hpet_fields,
    .init = hpet_init,
    .reset = hpet_reset,
};
