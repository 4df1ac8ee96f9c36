/* The serial port: a National PC16550D with its FIFOs. (PC16550D data sheet.)
 *
 * Received characters come from the chardev's ring at the line's speed in virtual time, and wait
 * in the ring while the FIFO is full, so none are lost however slow the guest. Sent characters
 * leave at once; with pace=on the transmitter takes the time of the line as well. As on the PC,
 * OUT2 gates the interrupt. */
#include "devices/core/chardev.h"

#define FIFO    16 /* a power of two */
#define UART_HZ 1843200u

enum { IER_RX = 1, IER_TX = 2, IER_LINE = 4, IER_MODEM = 8 };
enum { IIR_NONE = 1, IIR_MODEM = 0, IIR_TX = 2, IIR_RX = 4, IIR_LINE = 6, IIR_TIMEOUT = 0x0c };
enum { FCR_ENABLE = 1, FCR_CLEAR_RX = 2, FCR_CLEAR_TX = 4 };
enum { LCR_STOP = 4, LCR_PARITY = 8, LCR_BREAK = 0x40, LCR_DLAB = 0x80 };
enum { MCR_DTR = 1, MCR_RTS = 2, MCR_OUT1 = 4, MCR_OUT2 = 8, MCR_LOOP = 0x10 };
enum {
    LSR_DATA = 1,
    LSR_OVERRUN = 2,
    LSR_PARITY = 4,
    LSR_FRAMING = 8,
    LSR_BREAK = 0x10,
    LSR_THRE = 0x20,
    LSR_TEMT = 0x40,
    LSR_FIFO_ERROR = 0x80,
    LSR_ERRORS = LSR_OVERRUN | LSR_PARITY | LSR_FRAMING | LSR_BREAK,
};
enum { MSR_CTS = 0x10, MSR_DSR = 0x20, MSR_RI = 0x40, MSR_DCD = 0x80, MSR_TERI = 4 };

/* A FIFO; the high byte of a received character holds its LSR error bits. */
struct fifo {
    u32 head, tail;
    u16 data[FIFO];
};

struct uart {
    struct dev dev;
    u32 iobase, irq;
    bool pace;
    struct chardev *chardev;
    struct irq_line line;

    u8 ier, fcr, lcr, mcr, scr;
    u8 lsr_errors; /* overrun, and the errors of the character at the head, until LSR is read */
    u8 msr;        /* bits 0-3: changes since the last read; bits 4-7 as last seen */
    u16 divisor;
    struct fifo rx, tx;
    u16 shifting; /* the character in the transmitter */
    bool sending;
    bool tx_pending; /* the THRE interrupt */
    bool rx_timeout; /* the character timeout interrupt */
    bool level;      /* of the interrupt line */
    struct timer tx_timer, rx_timer, timeout_timer;
    struct chardev_ring ring;
};

static const struct field fifo_fields[] = {
    FIELD(struct fifo, head),
    FIELD(struct fifo, tail),
    FIELD_ARRAY(struct fifo, data),
    FIELD_END,
};

static const struct field uart_fields[] = {
    FIELD(struct uart, ier),
    FIELD(struct uart, fcr),
    FIELD(struct uart, lcr),
    FIELD(struct uart, mcr),
    FIELD(struct uart, scr),
    FIELD(struct uart, lsr_errors),
    FIELD(struct uart, msr),
    FIELD(struct uart, divisor),
    FIELD_SUB(struct uart, rx, fifo_fields),
    FIELD_SUB(struct uart, tx, fifo_fields),
    FIELD(struct uart, shifting),
    FIELD(struct uart, sending),
    FIELD(struct uart, tx_pending),
    FIELD(struct uart, rx_timeout),
    FIELD(struct uart, level),
    FIELD(struct uart, tx_timer),
    FIELD(struct uart, rx_timer),
    FIELD(struct uart, timeout_timer),
    FIELD_SUB(struct uart, ring, chardev_ring_fields),
    FIELD_END,
};

static const struct prop uart_props[] = {
    PROP_U32(struct uart, iobase, "0x3f8"),
    PROP_U32(struct uart, irq, "4"),
    PROP_BOOL(struct uart, pace, "off"),
    PROP_OBJECT(struct uart, chardev, CHARDEV_KIND),
    PROP_END,
};

/* ---- FIFOs and time ---- */

static u32 used(const struct fifo *f)
{
    return f->head - f->tail;
}

static void put(struct fifo *f, u16 value)
{
    f->data[f->head++ % FIFO] = value;
}

static u16 take(struct fifo *f)
{
    return f->data[f->tail++ % FIFO];
}

static u32 fifo_size(const struct uart *s)
{
    return s->fcr & FCR_ENABLE ? FIFO : 1;
}

/* How long a character takes on the line: start bit, data, parity, stop bits. */
static u64 char_ns(const struct uart *s)
{
    u32 bits = 1 + 5 + (s->lcr & 3) + (s->lcr & LCR_PARITY ? 1 : 0) + (s->lcr & LCR_STOP ? 2 : 1);
    return muldiv64((u64)bits * 16 * (s->divisor ? s->divisor : 1), NS_PER_SEC, UART_HZ);
}

static void arm_in(struct uart *s, struct timer *timer, u64 ns)
{
    timer_arm(timer, clock_now(s->dev.bus->clock) + ns);
}

/* ---- interrupts ---- */

static bool rx_trigger(const struct uart *s)
{
    static const u8 levels[4] = {1, 4, 8, 14};
    return used(&s->rx) >= (s->fcr & FCR_ENABLE ? levels[s->fcr >> 6] : 1u);
}

/* The interrupt with the highest priority, as IIR shows it. */
static u8 interrupt(const struct uart *s)
{
    if ((s->ier & IER_LINE) && s->lsr_errors)
        return IIR_LINE;
    if ((s->ier & IER_RX) && rx_trigger(s))
        return IIR_RX;
    if ((s->ier & IER_RX) && s->rx_timeout)
        return IIR_TIMEOUT;
    if ((s->ier & IER_TX) && s->tx_pending)
        return IIR_TX;
    if ((s->ier & IER_MODEM) && (s->msr & 15))
        return IIR_MODEM;
    return IIR_NONE;
}

static void update(struct uart *s)
{
    bool level = interrupt(s) != IIR_NONE && (s->mcr & MCR_OUT2);
    if (level != s->level) {
        s->level = level;
        irq_set(&s->line, level);
    }
}

/* ---- receiver ---- */

/* The errors of the character that is next to be read show in LSR. */
static void show_head_errors(struct uart *s)
{
    if (used(&s->rx))
        s->lsr_errors |= (u8)(s->rx.data[s->rx.tail % FIFO] >> 8);
}

static void receive(struct uart *s, u16 character)
{
    if (used(&s->rx) >= fifo_size(s)) {
        s->lsr_errors |= LSR_OVERRUN;
        if (!(s->fcr & FCR_ENABLE)) /* without FIFO the new character replaces the old one */
            s->rx.data[s->rx.tail % FIFO] = character;
    } else {
        put(&s->rx, character);
    }
    if (used(&s->rx) == 1)
        show_head_errors(s);
    if (s->fcr & FCR_ENABLE)
        arm_in(s, &s->timeout_timer, 4 * char_ns(s));
    update(s);
}

/* The line is busy with the next character of the ring if there is room for it. */
static void start_rx(struct uart *s)
{
    if (!s->rx_timer.armed && !(s->mcr & MCR_LOOP) && chardev_has_input(s->chardev) &&
        used(&s->rx) < fifo_size(s))
        arm_in(s, &s->rx_timer, char_ns(s));
}

static void on_rx_timer(void *opaque)
{
    struct uart *s = opaque;
    if (!(s->mcr & MCR_LOOP) && chardev_has_input(s->chardev) && used(&s->rx) < fifo_size(s))
        receive(s, (u16)chardev_read(s->chardev));
    start_rx(s);
}

static void on_input(void *opaque)
{
    start_rx(opaque);
}

static void on_timeout(void *opaque)
{
    struct uart *s = opaque;
    s->rx_timeout = used(&s->rx) > 0;
    update(s);
}

static u8 read_data(struct uart *s)
{
    u8 value;

    s->rx_timeout = false;
    if (!used(&s->rx))
        return (u8)s->rx.data[(s->rx.tail - 1) % FIFO];
    value = (u8)take(&s->rx);
    show_head_errors(s);
    if (used(&s->rx) && (s->fcr & FCR_ENABLE))
        arm_in(s, &s->timeout_timer, 4 * char_ns(s));
    else
        timer_cancel(&s->timeout_timer);
    start_rx(s);
    update(s);
    return value;
}

static void clear_rx(struct uart *s)
{
    s->rx.tail = s->rx.head;
    s->rx_timeout = false;
    timer_cancel(&s->timeout_timer);
}

/* ---- transmitter ---- */

static void emit(struct uart *s, u16 character)
{
    u8 byte = (u8)(character & (0xff >> (3 - (s->lcr & 3))));
    if (s->mcr & MCR_LOOP)
        receive(s, byte);
    else
        chardev_write(s->chardev, &byte, 1);
}

/* Moves characters from FIFO to line until it is busy (pace=on) or everything is sent. */
static void transmit(struct uart *s)
{
    while (!s->sending && used(&s->tx)) {
        s->shifting = take(&s->tx);
        if (s->pace || (s->mcr & MCR_LOOP)) {
            s->sending = true;
            arm_in(s, &s->tx_timer, char_ns(s));
        } else {
            emit(s, s->shifting);
        }
        if (!used(&s->tx))
            s->tx_pending = true;
    }
    update(s);
}

static void on_tx_timer(void *opaque)
{
    struct uart *s = opaque;
    s->sending = false;
    emit(s, s->shifting);
    transmit(s);
}

static void write_data(struct uart *s, u8 value)
{
    s->tx_pending = false;
    update(s);
    if (used(&s->tx) >= fifo_size(s)) /* overwrites what was not yet sent */
        s->tx.data[(s->tx.head - 1) % FIFO] = value;
    else
        put(&s->tx, value);
    transmit(s);
}

/* ---- registers ---- */

/* The modem inputs: a cable with everything connected, or in loopback the own outputs. */
static u8 modem_inputs(const struct uart *s)
{
    if (!(s->mcr & MCR_LOOP))
        return MSR_CTS | MSR_DSR | MSR_DCD;
    return (u8)((s->mcr & MCR_RTS ? MSR_CTS : 0) | (s->mcr & MCR_DTR ? MSR_DSR : 0) |
                (s->mcr & MCR_OUT1 ? MSR_RI : 0) | (s->mcr & MCR_OUT2 ? MSR_DCD : 0));
}

static void update_modem(struct uart *s)
{
    u8 now = modem_inputs(s), was = s->msr & 0xf0;
    u8 changed = (u8)((now ^ was) >> 4) & (u8)~MSR_TERI;
    if (was & ~now & MSR_RI) /* the ring indicator counts only when it ends */
        changed |= MSR_TERI;
    s->msr = (u8)(now | (s->msr & 15) | changed);
}

static void write_fcr(struct uart *s, u8 value)
{
    if ((value ^ s->fcr) & FCR_ENABLE)
        value |= FCR_CLEAR_RX | FCR_CLEAR_TX;
    if (value & FCR_CLEAR_RX)
        clear_rx(s);
    if ((value & FCR_CLEAR_TX) && used(&s->tx)) {
        s->tx.tail = s->tx.head;
        s->tx_pending = true;
    }
    s->fcr = value & FCR_ENABLE ? value & 0xc9 : 0;
    start_rx(s);
}

static void write_ier(struct uart *s, u8 value)
{
    if (value & ~s->ier & IER_TX)
        s->tx_pending = !used(&s->tx); /* enabling it with THRE set interrupts at once */
    s->ier = value & 15;
}

/* In loopback the break comes back as a character of zeros with the break error. */
static void write_lcr(struct uart *s, u8 value)
{
    bool starts = value & ~s->lcr & LCR_BREAK;
    s->lcr = value;
    if (starts && (s->mcr & MCR_LOOP))
        receive(s, LSR_BREAK << 8);
}

static void uart_write(void *opaque, u16 port, unsigned size, u32 value)
{
    struct uart *s = opaque;
    u8 byte = (u8)value;
    bool dlab = s->lcr & LCR_DLAB;

    (void)size;
    switch (port & 7) {
    case 0:
        if (dlab)
            s->divisor = (u16)((s->divisor & 0xff00) | byte);
        else
            write_data(s, byte);
        break;
    case 1:
        if (dlab)
            s->divisor = (u16)((s->divisor & 0xff) | byte << 8);
        else
            write_ier(s, byte);
        break;
    case 2: write_fcr(s, byte); break;
    case 3: write_lcr(s, byte); break;
    case 4:
        s->mcr = byte & 0x1f;
        if (!(byte & MCR_LOOP))
            chardev_set_lines(s->chardev, byte & MCR_DTR, byte & MCR_RTS);
        update_modem(s);
        start_rx(s);
        break;
    case 7: s->scr = byte; break;
    default: break; /* LSR and MSR: factory test only */
    }
    update(s);
}

/* Reading IIR ends the THRE interrupt if it is the one shown. */
static u8 read_iir(struct uart *s)
{
    u8 value = interrupt(s);
    if (value == IIR_TX) {
        s->tx_pending = false;
        update(s);
    }
    return (u8)(value | (s->fcr & FCR_ENABLE ? 0xc0 : 0));
}

static u8 read_lsr(struct uart *s)
{
    u8 value = s->lsr_errors;

    if (used(&s->rx))
        value |= LSR_DATA;
    if (!used(&s->tx))
        value |= s->sending ? LSR_THRE : LSR_THRE | LSR_TEMT;
    if (s->fcr & FCR_ENABLE) {
        for (u32 i = s->rx.tail; i != s->rx.head; i++) {
            if (s->rx.data[i % FIFO] >> 8)
                value |= LSR_FIFO_ERROR;
        }
    }
    s->lsr_errors = 0;
    update(s);
    return value;
}

static u8 read_msr(struct uart *s)
{
    u8 value = s->msr;
    s->msr &= 0xf0;
    update(s);
    return value;
}

static u32 uart_read(void *opaque, u16 port, unsigned size)
{
    struct uart *s = opaque;
    bool dlab = s->lcr & LCR_DLAB;

    (void)size;
    switch (port & 7) {
    case 0: return dlab ? s->divisor & 0xff : read_data(s);
    case 1: return dlab ? s->divisor >> 8 : s->ier;
    case 2: return read_iir(s);
    case 3: return s->lcr;
    case 4: return s->mcr;
    case 5: return read_lsr(s);
    case 6: return read_msr(s);
    default: return s->scr;
    }
}

/* ---- life ---- */

static void uart_reset(struct dev *dev)
{
    struct uart *s = (struct uart *)dev;
    timer_cancel(&s->tx_timer);
    timer_cancel(&s->rx_timer);
    clear_rx(s);
    s->tx.tail = s->tx.head;
    s->ier = s->fcr = s->lcr = s->mcr = s->scr = s->lsr_errors = 0;
    s->divisor = 12; /* 9600 baud; undefined in hardware */
    s->sending = s->tx_pending = false;
    s->msr = modem_inputs(s);
    update(s);
    start_rx(s);
}

static const char *uart_init(struct dev *dev, struct bus *bus)
{
    static const struct io_ops ops = {.read = uart_read, .write = uart_write};
    struct uart *s = (struct uart *)dev;

    if (s->iobase > 0xfff8 || (s->iobase & 7))
        return "iobase is not a port that is a multiple of 8";
    if (s->irq >= BUS_IRQS)
        return "irq is not within 0..15";
    s->line = bus_irq(bus, s->irq);
    timer_init(&s->tx_timer, bus->clock, on_tx_timer, s);
    timer_init(&s->rx_timer, bus->clock, on_rx_timer, s);
    timer_init(&s->timeout_timer, bus->clock, on_timeout, s);
    bus_claim_io(bus, (u16)s->iobase, 8, &ops, dev);
    if (s->chardev)
        chardev_attach(s->chardev, bus, dev->id, &s->ring, on_input, s);
    return NULL;
}

const struct dev_type dev_uart16550 = {
    .name = "isa-serial",
    .size = sizeof(struct uart),
    .version = 1,
    .fields = uart_fields,
    .props = uart_props,
    .init = uart_init,
    .reset = uart_reset,
};
