/* The keyboard controller of the PC/AT and PS/2 at 60h and 64h, with an AT keyboard on its first
 * port and a PS/2 mouse on the second. IBM PS/2 Hardware Interface Technical Reference,
 * "Keyboard and Auxiliary Device Controller".
 *
 * There is one output buffer. It is filled, from the controller's own answers, the keyboard or
 * the mouse in this order, a short time after it is free and there is something to send:
 * software that writes a command and at once reads the status finds the buffer empty, as on the
 * real thing. */
#include "devices/i8042.h"

#include "devices/core/journal.h"
#include "devices/ps2.h"

enum { ST_OUTPUT_FULL = 1, ST_SYSTEM = 4, ST_COMMAND = 8, ST_UNLOCKED = 0x10, ST_AUX = 0x20 };
enum { CB_IRQ1 = 1, CB_IRQ12 = 2, CB_SYSTEM = 4 };
enum { CB_NO_KBD = 0x10, CB_NO_AUX = 0x20, CB_XLATE = 0x40 };
enum { OP_NO_RESET = 1, OP_A20 = 2, OP_IRQ1 = 0x10, OP_IRQ12 = 0x20 };

enum source { FROM_NONE, FROM_CONTROLLER, FROM_KEYBOARD, FROM_MOUSE };

#define ANSWER_NS 2000u   /* the controller's own processing */
#define SERIAL_NS 100000u /* a byte over the serial line of a device */

struct i8042 {
    struct dev dev;
    struct ps2_keyboard keyboard;
    struct ps2_mouse mouse;

    u8 ram[32];            /* byte 0 is the command byte */
    u8 status;             /* ST_* but OUTPUT_FULL and AUX, which follow from full_from */
    u8 output;             /* the output buffer: keeps its value when read */
    u32 full_from;         /* enum source: whose byte waits in it */
    u8 output_port;        /* bits 0-3, 6, 7 as written */
    u8 command;            /* waits for its data byte; 0: none */
    bool breaking;         /* translation: the F0 of a break code was seen */
    u8 answer, answer_aux; /* a byte of the controller's own, and whether it poses as the mouse's */
    bool answering;
    struct timer timer;
    struct irq_line irq1, irq12;
};

static const struct field i8042_fields[] = {
    FIELD_SUB(struct i8042, keyboard, ps2_keyboard_fields),
    FIELD_SUB(struct i8042, mouse, ps2_mouse_fields),
    FIELD_ARRAY(struct i8042, ram),
    FIELD(struct i8042, status),
    FIELD(struct i8042, output),
    FIELD_MAX(struct i8042, full_from, 3),
    FIELD(struct i8042, output_port),
    FIELD(struct i8042, command),
    FIELD(struct i8042, breaking),
    FIELD(struct i8042, answer),
    FIELD(struct i8042, answer_aux),
    FIELD(struct i8042, answering),
    FIELD(struct i8042, timer),
    FIELD_END,
};

const u8 i8042_translation[128] = {
    0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0x59,
    0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b,
    0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d,
    0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f,
    0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0x61,
    0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76,
    0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f,
    0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45, 0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54,
};

/* ---- the output buffer ---- */

static enum source next_source(const struct i8042 *s)
{
    if (s->answering)
        return FROM_CONTROLLER;
    if (!(s->ram[0] & CB_NO_KBD) && ps2_pending(&s->keyboard.port))
        return FROM_KEYBOARD;
    if (!(s->ram[0] & CB_NO_AUX) && ps2_pending(&s->mouse.port))
        return FROM_MOUSE;
    return FROM_NONE;
}

/* Starts the transfer of what comes next, unless one is under way. */
static void schedule(struct i8042 *s)
{
    enum source from = next_source(s);

    if (s->full_from != FROM_NONE || from == FROM_NONE || s->timer.armed)
        return;
    timer_arm(&s->timer,
              clock_now(s->dev.bus->clock) + (from == FROM_CONTROLLER ? ANSWER_NS : SERIAL_NS));
}

static void on_device_changed(void *opaque)
{
    schedule(opaque);
}

static bool aux_full(const struct i8042 *s)
{
    return s->full_from == FROM_MOUSE || (s->full_from == FROM_CONTROLLER && s->answer_aux);
}

static void update_irqs(struct i8042 *s)
{
    bool full = s->full_from != FROM_NONE, aux = aux_full(s);
    irq_set(&s->irq1, full && !aux && (s->ram[0] & CB_IRQ1));
    irq_set(&s->irq12, aux && (s->ram[0] & CB_IRQ12));
}

/* A keyboard byte on its way to the buffer; false: it was the F0 of a break code and stays
 * behind. */
static bool translate(struct i8042 *s, u8 *byte)
{
    if (!(s->ram[0] & CB_XLATE))
        return true;
    if (*byte == 0xf0) {
        s->breaking = true;
        return false;
    }
    if (*byte == 0x83) /* F7 and SysRq have codes beyond the table */
        *byte = 0x41;
    else if (*byte == 0x84)
        *byte = 0x54;
    else if (*byte < 0x80)
        *byte = i8042_translation[*byte];
    if (s->breaking)
        *byte |= 0x80;
    s->breaking = false;
    return true;
}

static void on_timer(void *opaque)
{
    struct i8042 *s = opaque;
    enum source from = next_source(s);
    u8 byte;

    switch (from) {
    case FROM_NONE: return;
    case FROM_CONTROLLER:
        byte = s->answer;
        s->answering = false;
        break;
    case FROM_MOUSE:
        byte = ps2_take(&s->mouse.port);
        ps2_mouse_refill(&s->mouse);
        break;
    default:
        byte = ps2_take(&s->keyboard.port);
        if (!translate(s, &byte)) {
            schedule(s);
            return;
        }
        break;
    }
    s->output = byte;
    s->full_from = from;
    update_irqs(s);
}

/* An answer of the controller overtakes whatever was about to be sent, and what waits in the
 * buffer. */
static void answer(struct i8042 *s, u8 byte, bool aux)
{
    s->answer = byte;
    s->answer_aux = aux;
    s->answering = true;
    s->full_from = FROM_NONE;
    update_irqs(s);
    timer_cancel(&s->timer);
    schedule(s);
}

/* ---- commands ---- */

static void set_output_port(struct i8042 *s, u8 value)
{
    bool reset = !(value & OP_NO_RESET);
    s->output_port = value | OP_NO_RESET;
    bus_set_a20(s->dev.bus, A20_KBC, value & OP_A20);
    if (reset)
        bus_request(s->dev.bus, BUS_RESET, 0);
}

static u8 get_output_port(const struct i8042 *s)
{
    u8 value = s->output_port & (u8) ~(OP_IRQ1 | OP_IRQ12);
    if (s->full_from != FROM_NONE)
        value |= aux_full(s) ? OP_IRQ12 : OP_IRQ1;
    return value;
}

static void set_command_byte(struct i8042 *s, u8 value)
{
    s->ram[0] = value;
    s->status = (u8)((s->status & ~ST_SYSTEM) | (value & CB_SYSTEM ? ST_SYSTEM : 0));
    update_irqs(s);
    schedule(s);
}

static void write_command(struct i8042 *s, u8 value)
{
    s->command = 0;
    s->status |= ST_COMMAND;
    if (value >= 0x20 && value < 0x40) {
        answer(s, s->ram[value & 31], false);
        return;
    }
    if (value >= 0x60 && value < 0x80) {
        s->command = value;
        return;
    }
    switch (value) {
    case 0xa4: answer(s, 0xf1, false); break; /* no password is set */
    case 0xa7: set_command_byte(s, s->ram[0] | CB_NO_AUX); break;
    case 0xa8: set_command_byte(s, s->ram[0] & (u8)~CB_NO_AUX); break;
    case 0xa9:
    case 0xab: answer(s, 0x00, false); break; /* line tests: no fault */
    case 0xaa:
        set_command_byte(s, s->ram[0] | CB_SYSTEM);
        answer(s, 0x55, false);
        break;
    case 0xad: set_command_byte(s, s->ram[0] | CB_NO_KBD); break;
    case 0xae: set_command_byte(s, s->ram[0] & (u8)~CB_NO_KBD); break;
    case 0xc0: answer(s, 0xa0, false); break; /* input port: unlocked, no manufacturing jumper */
    case 0xd0: answer(s, get_output_port(s), false); break;
    case 0xd1:
    case 0xd2:
    case 0xd3:
    case 0xd4: s->command = value; break;
    case 0xe0: answer(s, 0x00, false); break; /* test inputs: clock and data low */
    default:
        if (value >= 0xf0 && !(value & 1)) /* pulse: bit 0 is the reset line */
            bus_request(s->dev.bus, BUS_RESET, 0);
        break;
    }
}

static void write_data(struct i8042 *s, u8 value)
{
    u8 command = s->command;

    s->command = 0;
    s->status &= (u8)~ST_COMMAND;
    if (command == 0x60) {
        set_command_byte(s, value);
    } else if (command > 0x60 && command < 0x80) {
        s->ram[command & 31] = value;
    } else if (command == 0xd1) {
        set_output_port(s, value);
    } else if (command == 0xd2 || command == 0xd3) {
        answer(s, value, command == 0xd3);
    } else if (command == 0xd4) {
        set_command_byte(s, s->ram[0] & (u8)~CB_NO_AUX);
        ps2_mouse_write(&s->mouse, value);
    } else { /* writing to the keyboard enables its line */
        set_command_byte(s, s->ram[0] & (u8)~CB_NO_KBD);
        ps2_keyboard_write(&s->keyboard, value);
    }
}

/* ---- ports ---- */

static u32 data_read(void *opaque, u16 port, unsigned size)
{
    struct i8042 *s = opaque;
    (void)port;
    (void)size;
    if (s->full_from != FROM_NONE) {
        s->full_from = FROM_NONE;
        update_irqs(s);
        schedule(s);
    }
    return s->output;
}

static void data_write(void *opaque, u16 port, unsigned size, u32 value)
{
    (void)port;
    (void)size;
    write_data(opaque, (u8)value);
}

static u32 status_read(void *opaque, u16 port, unsigned size)
{
    const struct i8042 *s = opaque;
    u8 value = s->status | ST_UNLOCKED;
    (void)port;
    (void)size;
    if (s->full_from != FROM_NONE)
        value |= ST_OUTPUT_FULL;
    if (aux_full(s))
        value |= ST_AUX;
    return value;
}

static void command_write(void *opaque, u16 port, unsigned size, u32 value)
{
    (void)port;
    (void)size;
    write_command(opaque, (u8)value);
}

/* ---- input ---- */

void i8042_send_key(struct journal *j, u8 key, bool down)
{
    u8 event[2] = {key, down};
    int channel = journal_find_channel(j, KEYBOARD_CHANNEL);
    if (channel >= 0)
        journal_input(j, channel, event, sizeof(event));
}

static void on_key(void *opaque, const void *data, size_t len)
{
    struct i8042 *s = opaque;
    const u8 *event = data;
    if (len == 2)
        ps2_keyboard_key(&s->keyboard, event[0], event[1]);
}

void i8042_send_mouse(struct journal *j, s16 dx, s16 dy, s8 dz, u8 buttons)
{
    u16 x = (u16)dx, y = (u16)dy;
    u8 event[6] = {(u8)x, (u8)(x >> 8), (u8)y, (u8)(y >> 8), (u8)dz, buttons};
    int channel = journal_find_channel(j, MOUSE_CHANNEL);
    if (channel >= 0)
        journal_input(j, channel, event, sizeof(event));
}

static void on_mouse(void *opaque, const void *data, size_t len)
{
    struct i8042 *s = opaque;
    const u8 *event = data;
    if (len == 6)
        ps2_mouse_move(&s->mouse, (s16)(event[0] | event[1] << 8), (s16)(event[2] | event[3] << 8),
                       (s8)event[4], event[5]);
}

/* ---- life ---- */

/* A20 is open after reset: the reset vector lies above it. */
static void i8042_reset(struct dev *dev)
{
    struct i8042 *s = (struct i8042 *)dev;
    timer_cancel(&s->timer);
    ps2_keyboard_reset(&s->keyboard);
    ps2_mouse_reset(&s->mouse);
    for (size_t i = 0; i < sizeof(s->ram); i++)
        s->ram[i] = 0;
    s->ram[0] = CB_IRQ1 | CB_XLATE | CB_NO_AUX;
    s->status = ST_COMMAND;
    s->full_from = FROM_NONE;
    s->command = 0;
    s->answering = s->breaking = false;
    s->output_port = OP_NO_RESET | OP_A20 | 0xc0;
    bus_set_a20(dev->bus, A20_KBC, true);
    update_irqs(s);
}

static void i8042_loaded(struct dev *dev)
{
    bus_set_a20(dev->bus, A20_KBC, ((struct i8042 *)dev)->output_port & OP_A20);
}

static const char *i8042_init(struct dev *dev, struct bus *bus)
{
    static const struct io_ops data_ops = {.read = data_read, .write = data_write};
    static const struct io_ops command_ops = {.read = status_read, .write = command_write};
    struct i8042 *s = (struct i8042 *)dev;

    s->keyboard.port.changed = s->mouse.port.changed = on_device_changed;
    s->keyboard.port.opaque = s->mouse.port.opaque = s;
    s->irq1 = bus_irq(bus, 1);
    s->irq12 = bus_irq(bus, 12);
    timer_init(&s->timer, bus->clock, on_timer, s);
    ps2_keyboard_init(&s->keyboard, bus->clock);
    bus_claim_io(bus, 0x60, 1, &data_ops, dev);
    bus_claim_io(bus, 0x64, 1, &command_ops, dev);
    if (bus->journal) {
        journal_add_channel(bus->journal, KEYBOARD_CHANNEL, on_key, s);
        journal_add_channel(bus->journal, MOUSE_CHANNEL, on_mouse, s);
    }
    return NULL;
}

const struct dev_type dev_i8042 = {
    .name = "i8042",
    .on_board = true,
    .size = sizeof(struct i8042),
    .version = 1,
    .fields = i8042_fields,
    .init = i8042_init,
    .reset = i8042_reset,
    .loaded = i8042_loaded,
};
