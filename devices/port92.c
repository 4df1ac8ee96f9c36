/* System control port A (92h) of the PS/2 and later: A20 in bit 1, fast reset in bit 0. */
#include "devices/core/dev.h"

struct port92 {
    struct dev dev;
    u8 value;
};

static const struct field port92_fields[] = {
    FIELD(struct port92, value),
    FIELD_END,
};

static u32 port92_read(void *opaque, u16 port, unsigned size)
{
    struct port92 *s = opaque;
    (void)port;
    (void)size;
    return s->value;
}

/* The reset happens on the rising edge of bit 0, which software may leave set. */
static void port92_write(void *opaque, u16 port, unsigned size, u32 value)
{
    struct port92 *s = opaque;
    bool reset = value & ~s->value & 1;
    (void)port;
    (void)size;
    s->value = (u8)value;
    bus_set_a20(s->dev.bus, A20_PORT92, value & 2);
    if (reset)
        bus_request(s->dev.bus, BUS_RESET, 0);
}

static void port92_reset(struct dev *dev)
{
    struct port92 *s = (struct port92 *)dev;
    s->value = 0;
    bus_set_a20(dev->bus, A20_PORT92, false);
}

static void port92_loaded(struct dev *dev)
{
    struct port92 *s = (struct port92 *)dev;
    bus_set_a20(dev->bus, A20_PORT92, s->value & 2);
}

static const char *port92_init(struct dev *dev, struct bus *bus)
{
    static const struct io_ops ops = {.read = port92_read, .write = port92_write};
    bus_claim_io(bus, 0x92, 1, &ops, dev);
    return NULL;
}

const struct dev_type dev_port92 = {
    .name = "port92",
    .on_board = true,
    .size = sizeof(struct port92),
    .version = 1,
    .fields = port92_fields,
    .init = port92_init,
    .reset = port92_reset,
    .loaded = port92_loaded,
};
