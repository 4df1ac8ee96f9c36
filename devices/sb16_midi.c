/* The MPU-401 of the Sound Blaster 16, which knows the UART mode only: data at the first port,
 * status and commands at the second. Nothing is connected to it: what is sent goes nowhere and
 * nothing comes but acknowledges. */
#include "devices/sb16.h"

enum { CMD_UART = 0x3f, CMD_RESET = 0xff, ACK = 0xfe, ST_EMPTY = 0x80 };

const struct field sb16_midi_fields[] = {
    FIELD(struct sb_midi, uart),
    FIELD(struct sb_midi, ack),
    FIELD_END,
};

static void set_ack(struct sb16 *s, bool ack)
{
    s->midi.ack = ack;
    if (ack)
        sb16_raise(s, SB_IRQ_MIDI);
    else
        sb16_lower(s, SB_IRQ_MIDI);
}

static u32 midi_read(void *opaque, u16 port, unsigned size)
{
    struct sb16 *s = opaque;
    bool full = s->midi.ack;

    (void)size;
    if (port != s->mpu)
        return full ? 0x3f : 0x3f | ST_EMPTY; /* always ready to send */
    set_ack(s, false);
    return full ? ACK : 0xff;
}

/* In UART mode a reset is the only command, and not acknowledged. */
static void midi_write(void *opaque, u16 port, unsigned size, u32 value)
{
    struct sb16 *s = opaque;
    bool uart = s->midi.uart;

    (void)size;
    if (port == s->mpu || (uart && value != CMD_RESET))
        return;
    s->midi.uart = value == CMD_UART;
    set_ack(s, !uart);
}

void sb16_midi_reset(struct sb16 *s)
{
    s->midi = (struct sb_midi){0};
    sb16_lower(s, SB_IRQ_MIDI);
}

void sb16_midi_init(struct sb16 *s)
{
    static const struct io_ops ops = {.read = midi_read, .write = midi_write};
    bus_claim_io(s->dev.bus, (u16)s->mpu, 2, &ops, s);
}
