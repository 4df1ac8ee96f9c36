/* The printer port of the PC at 378h with a printer that takes everything: IBM PC/AT Technical
 * Reference, printer adapter, with the direction bit of the PS/2's.
 *
 * The printer takes a byte at the leading edge of STROBE, is busy for a moment and then
 * acknowledges. The interrupt comes with the trailing edge of that and stays up until the status is
 * read or the next byte is sent, so that no interrupt is lost or spurious. */
#include "devices/core/chardev.h"

#define BUSY_NS 2000
#define ACK_NS  1000

enum { R_DATA, R_STATUS, R_CONTROL };
enum { C_STROBE = 0x01, C_INIT = 0x04, C_SELECT = 0x08, C_IRQ = 0x10, C_INPUT = 0x20 };

/* Lines as they read: BUSY is inverted, ACK and ERROR are low active; bits 0 to 2 are not there. */
enum { S_READY = 0x80, S_ACK = 0x40, S_SELECTED = 0x10, S_NO_ERROR = 0x08, S_UNUSED = 0x07 };

enum { PRINTER_IDLE, PRINTER_BUSY, PRINTER_ACK };

struct parport {
    struct dev dev;
    u32 iobase, irq;
    struct chardev *chardev;
    struct irq_line line;
    u8 data, control;
    u8 printer; /* PRINTER_* */
    bool level; /* of the line */
    struct timer timer;
};

static const struct field parport_fields[] = {
    FIELD(struct parport, data),  FIELD(struct parport, control), FIELD(struct parport, printer),
    FIELD(struct parport, level), FIELD(struct parport, timer),   FIELD_END,
};

static const struct prop parport_props[] = {
    PROP_U32(struct parport, iobase, "0x378"),
    PROP_U32(struct parport, irq, "7"),
    PROP_OBJECT(struct parport, chardev, CHARDEV_KIND),
    PROP_END,
};

static void set_line(struct parport *s, bool level)
{
    if (level != s->level) {
        s->level = level;
        irq_set(&s->line, level);
    }
}

static void enter(struct parport *s, u8 printer, u64 ns)
{
    s->printer = printer;
    timer_arm(&s->timer, clock_now(s->dev.bus->clock) + ns);
}

static void on_timer(void *opaque)
{
    struct parport *s = opaque;

    if (s->printer == PRINTER_BUSY) {
        enter(s, PRINTER_ACK, ACK_NS);
        return;
    }
    s->printer = PRINTER_IDLE;
    set_line(s, s->control & C_IRQ);
}

/* The printer hears nothing while it is not selected, busy, or held in its reset (INIT low). */
static void strobe(struct parport *s)
{
    if (!(s->control & C_SELECT) || !(s->control & C_INIT) || s->printer == PRINTER_BUSY)
        return;
    chardev_write(s->chardev, &s->data, 1);
    set_line(s, false);
    enter(s, PRINTER_BUSY, BUSY_NS);
}

static void write_control(struct parport *s, u8 value)
{
    u8 rising = value & (u8)~s->control;

    s->control = value & 0x3f;
    if (!(value & C_INIT)) {
        timer_cancel(&s->timer);
        s->printer = PRINTER_IDLE;
    }
    if (!(value & C_IRQ))
        set_line(s, false);
    if (rising & C_STROBE)
        strobe(s);
}

static u8 read_status(struct parport *s)
{
    u8 status = S_NO_ERROR | S_UNUSED;

    set_line(s, false);
    if (s->control & C_SELECT)
        status |= S_SELECTED;
    if (s->printer != PRINTER_BUSY && (s->control & C_INIT))
        status |= S_READY;
    if (s->printer != PRINTER_ACK)
        status |= S_ACK;
    return status;
}

static u32 parport_read(void *opaque, u16 port, unsigned size)
{
    struct parport *s = opaque;

    (void)size;
    switch (port - s->iobase) {
    case R_DATA: return s->control & C_INPUT ? 0xff : s->data; /* the printer drives nothing */
    case R_STATUS: return read_status(s);
    default: return s->control | 0xc0u;
    }
}

static void parport_write(void *opaque, u16 port, unsigned size, u32 value)
{
    struct parport *s = opaque;

    (void)size;
    if (port - s->iobase == R_DATA)
        s->data = (u8)value;
    else if (port - s->iobase == R_CONTROL)
        write_control(s, (u8)value);
}

static void parport_reset(struct dev *dev)
{
    struct parport *s = (struct parport *)dev;

    s->data = 0;
    s->control = C_SELECT | C_INIT;
    s->printer = PRINTER_IDLE;
    timer_cancel(&s->timer);
    set_line(s, false);
}

static const char *parport_init(struct dev *dev, struct bus *bus)
{
    static const struct io_ops ops = {.read = parport_read, .write = parport_write};
    struct parport *s = (struct parport *)dev;

    if (s->iobase > 0xfff8)
        return "iobase is not a port";
    if (s->irq >= BUS_IRQS)
        return "irq is not within 0..15";
    s->line = bus_irq(bus, s->irq);
    timer_init(&s->timer, bus->clock, on_timer, s);
    bus_claim_io(bus, (u16)s->iobase, 3, &ops, dev);
    return NULL;
}

const struct dev_type dev_parport = {
    .name = "isa-parallel",
    .size = sizeof(struct parport),
    .version = 1,
    .fields = parport_fields,
    .props = parport_props,
    .init = parport_init,
    .reset = parport_reset,
};
