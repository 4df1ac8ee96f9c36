/* The pair of 8259A interrupt controllers of a PC/AT: master at 20h, slave at A0h on the
 * master's input 2, edge/level control (ELCR) at 4D0h. Intel 8259A data sheet (231468); ELCR as
 * in the PIIX3.
 *
 * A request is its latch and its line: an edge that goes away before it is acknowledged leaves
 * nothing in IRR, and the acknowledge that finds nothing answers with the spurious level 7. */
#include "devices/core/dev.h"

enum { MASTER, SLAVE };

#define CASCADE 2

/* What the next write to the odd port is. */
enum icw_state { ICW_NONE, ICW2, ICW3, ICW4 };

struct pic {
    u8 lines; /* inputs as they stand */
    u8 latch; /* edges seen and not yet acknowledged */
    u8 imr, isr;
    u8 elcr;   /* 1: level triggered */
    u8 base;   /* vector of level 0 */
    u8 lowest; /* the level with the lowest priority */
    u8 icw3;
    u32 expect; /* enum icw_state */
    bool single, needs_icw4, level_mode;
    bool read_isr, poll, special_mask;
    bool auto_eoi, rotate_on_aeoi, nested_fully;
};

struct i8259 {
    struct dev dev;
    struct pic pic[2];
    bool intr; /* the output */
};

static const struct field pic_fields[] = {
    FIELD(struct pic, lines),
    FIELD(struct pic, latch),
    FIELD(struct pic, imr),
    FIELD(struct pic, isr),
    FIELD(struct pic, elcr),
    FIELD(struct pic, base),
    FIELD_MAX(struct pic, lowest, 7),
    FIELD(struct pic, icw3),
    FIELD_MAX(struct pic, expect, ICW4),
    FIELD(struct pic, single),
    FIELD(struct pic, needs_icw4),
    FIELD(struct pic, level_mode),
    FIELD(struct pic, read_isr),
    FIELD(struct pic, poll),
    FIELD(struct pic, special_mask),
    FIELD(struct pic, auto_eoi),
    FIELD(struct pic, rotate_on_aeoi),
    FIELD(struct pic, nested_fully),
    FIELD_END,
};

static const struct field i8259_fields[] = {
    FIELD_SUBS(struct i8259, pic, pic_fields),
    FIELD(struct i8259, intr),
    FIELD_END,
};

static u8 level_inputs(const struct pic *p)
{
    return p->level_mode ? 0xff : p->elcr;
}

static u8 irr(const struct pic *p)
{
    return p->lines & (p->latch | level_inputs(p));
}

/* The level with the highest priority in a mask, or -1. */
static int highest(const struct pic *p, u8 mask)
{
    for (int i = 1; i <= 8; i++) {
        int level = (p->lowest + i) & 7;
        if (mask & (1 << level))
            return level;
    }
    return -1;
}

static int priority(const struct pic *p, int level)
{
    return (level - p->lowest - 1) & 7; /* 0 is the highest */
}

/* The level that the chip now requests service for, or -1. */
static int request(const struct i8259 *s, int chip)
{
    const struct pic *p = &s->pic[chip];
    int level = highest(p, irr(p) & (u8)~p->imr);
    u8 blocking = p->isr;

    if (level < 0)
        return -1;
    if (p->special_mask)
        blocking &= (u8)~p->imr;
    if (p->nested_fully && chip == MASTER)
        blocking &= (u8) ~(1 << CASCADE); /* the slave may interrupt its own service */
    int serving = highest(p, blocking);
    return serving < 0 || priority(p, level) < priority(p, serving) ? level : -1;
}

static void set_line(struct pic *p, int level, bool high)
{
    u8 bit = (u8)(1 << level);
    if (!high) {
        p->lines &= (u8)~bit;
        p->latch &= (u8)~bit;
    } else if (!(p->lines & bit)) {
        p->lines |= bit;
        p->latch |= bit;
    }
}

/* Brings the cascade line and INTR in step with the state. */
static void update(struct i8259 *s)
{
    bool intr;
    set_line(&s->pic[MASTER], CASCADE, request(s, SLAVE) >= 0);
    intr = request(s, MASTER) >= 0;
    if (intr != s->intr) {
        s->intr = intr;
        bus_pic_request(s->dev.bus, intr);
    }
}

static void on_irq(void *opaque, int n, bool level)
{
    struct i8259 *s = opaque;
    set_line(&s->pic[n >> 3], n & 7, level);
    update(s);
}

/* The chip's share of an acknowledge: a level goes into service. */
static void acknowledge(struct i8259 *s, int chip, int level)
{
    struct pic *p = &s->pic[chip];
    p->latch &= (u8) ~(1 << level);
    if (!p->auto_eoi)
        p->isr |= (u8)(1 << level);
    else if (p->rotate_on_aeoi)
        p->lowest = (u8)level;
    if (chip == SLAVE) /* INT falls with the acknowledge, so a further request is a new edge */
        set_line(&s->pic[MASTER], CASCADE, false);
}

static int on_intack(void *opaque)
{
    struct i8259 *s = opaque;
    int level = request(s, MASTER), vector;

    if (level >= 0)
        acknowledge(s, MASTER, level);
    if (level == CASCADE && !s->pic[MASTER].single) {
        int second = request(s, SLAVE);
        if (second >= 0)
            acknowledge(s, SLAVE, second);
        vector = s->pic[SLAVE].base + (second >= 0 ? second : 7);
    } else {
        vector = s->pic[MASTER].base + (level >= 0 ? level : 7);
    }
    update(s);
    return vector;
}

/* ---- registers ---- */

static void write_icw1(struct pic *p, u8 value)
{
    p->latch = 0; /* a line that is high must fall and rise to be seen again */
    p->imr = p->isr = 0;
    p->lowest = 7;
    p->special_mask = p->read_isr = p->poll = false;
    p->auto_eoi = p->rotate_on_aeoi = p->nested_fully = false;
    p->needs_icw4 = value & 1;
    p->single = value & 2;
    p->level_mode = value & 8;
    p->expect = ICW2;
}

/* OCW2 bits 7-5: rotate, specific, end of interrupt. */
static void write_ocw2(struct pic *p, u8 value)
{
    bool rotate = value & 0x80, specific = value & 0x40, eoi = value & 0x20;
    int level = value & 7;

    if (!eoi) {
        if (!specific)
            p->rotate_on_aeoi = rotate;
        else if (rotate)
            p->lowest = (u8)level;
        return;
    }
    if (!specific) /* in special mask mode a masked level is not ended this way */
        level = highest(p, p->special_mask ? p->isr & (u8)~p->imr : p->isr);
    if (level < 0)
        return;
    p->isr &= (u8) ~(1 << level);
    if (rotate)
        p->lowest = (u8)level;
}

static void write_ocw3(struct pic *p, u8 value)
{
    p->poll = value & 4;
    if (value & 2)
        p->read_isr = value & 1;
    if (value & 0x40)
        p->special_mask = value & 0x20;
}

static void write_data(struct pic *p, u8 value)
{
    switch (p->expect) {
    case ICW2:
        p->base = value & 0xf8;
        p->expect = !p->single ? ICW3 : p->needs_icw4 ? ICW4 : ICW_NONE;
        break;
    case ICW3:
        p->icw3 = value;
        p->expect = p->needs_icw4 ? ICW4 : ICW_NONE;
        break;
    case ICW4:
        p->auto_eoi = value & 2;
        p->nested_fully = value & 0x10;
        p->expect = ICW_NONE;
        break;
    default: p->imr = value; break;
    }
}

static void pic_write(void *opaque, u16 port, unsigned size, u32 value)
{
    struct i8259 *s = opaque;
    struct pic *p = &s->pic[port & 0x80 ? SLAVE : MASTER];

    (void)size;
    if (port & 1)
        write_data(p, (u8)value);
    else if (value & 0x10)
        write_icw1(p, (u8)value);
    else if (value & 8)
        write_ocw3(p, (u8)value);
    else
        write_ocw2(p, (u8)value);
    update(s);
}

/* A poll is an acknowledge by reading: bit 7 and the level, or 0. */
static u8 read_poll(struct i8259 *s, int chip)
{
    int level = request(s, chip);
    s->pic[chip].poll = false;
    if (level < 0)
        return 0;
    acknowledge(s, chip, level);
    update(s);
    return (u8)(0x80 | level);
}

static u32 pic_read(void *opaque, u16 port, unsigned size)
{
    struct i8259 *s = opaque;
    int chip = port & 0x80 ? SLAVE : MASTER;
    const struct pic *p = &s->pic[chip];

    (void)size;
    if (p->poll)
        return read_poll(s, chip);
    if (port & 1)
        return p->imr;
    return p->read_isr ? p->isr : irr(p);
}

static u32 elcr_read(void *opaque, u16 port, unsigned size)
{
    struct i8259 *s = opaque;
    (void)size;
    return s->pic[port & 1].elcr;
}

/* IRQ 0, 1, 2, 8 and 13 are edge triggered for good. */
static void elcr_write(void *opaque, u16 port, unsigned size, u32 value)
{
    struct i8259 *s = opaque;
    (void)size;
    s->pic[port & 1].elcr = (u8)(value & (port & 1 ? 0xde : 0xf8));
    update(s);
}

/* ---- life ---- */

static void i8259_reset(struct dev *dev)
{
    struct i8259 *s = (struct i8259 *)dev;
    for (int chip = 0; chip < 2; chip++) {
        u8 lines = s->pic[chip].lines;
        s->pic[chip] = (struct pic){.lines = lines, .lowest = 7};
    }
    update(s);
}

static void i8259_loaded(struct dev *dev)
{
    struct i8259 *s = (struct i8259 *)dev;
    if (!dev->bus->apic) /* which restores what it makes of the request */
        irq_set(&dev->bus->pins.intr, s->intr);
}

static const char *i8259_init(struct dev *dev, struct bus *bus)
{
    static const struct io_ops pic_ops = {.read = pic_read, .write = pic_write};
    static const struct io_ops elcr_ops = {.read = elcr_read, .write = elcr_write};

    bus_claim_io(bus, 0x20, 2, &pic_ops, dev);
    bus_claim_io(bus, 0xa0, 2, &pic_ops, dev);
    bus_claim_io(bus, 0x4d0, 2, &elcr_ops, dev);
    for (unsigned n = 0; n < BUS_IRQS; n++) {
        if (n != CASCADE)
            bus_set_irq(bus, n, (struct irq_line){on_irq, dev, (int)n});
    }
    bus_set_intack(bus, on_intack, dev);
    return NULL;
}

static void i8259_describe(const struct dev *dev, FILE *out)
{
    const struct i8259 *s = (const struct i8259 *)dev;

    for (int i = SLAVE; i >= MASTER; i--) {
        const struct pic *p = &s->pic[i];
        fprintf(out,
                "pic%d: irr=%02x imr=%02x isr=%02x hprio=%d irq_base=%02x rr_sel=%d elcr=%02x "
                "fnm=%d\n",
                i, irr(p), p->imr, p->isr, (p->lowest + 1) & 7, p->base, p->read_isr, p->elcr,
                p->nested_fully);
    }
}

const struct dev_type dev_i8259 = {
    .name = "i8259",
    .on_board = true,
    .size = sizeof(struct i8259),
    .version = 1,
    .fields = i8259_fields,
    .init = i8259_init,
    .reset = i8259_reset,
    .loaded = i8259_loaded,
    .describe = i8259_describe,
};
