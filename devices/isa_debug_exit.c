/* QEMU's isa-debug-exit: a write of v ends the run with exit status (v << 1) | 1, so that a test
 * guest can tell its host how it went and never with 0. */
#include "devices/core/dev.h"

struct debug_exit {
    struct dev dev;
    u32 iobase, iosize;
};

static const struct prop debug_exit_props[] = {
    PROP_U32(struct debug_exit, iobase, "0x501"),
    PROP_U32(struct debug_exit, iosize, "2"),
    PROP_END,
};

static u32 debug_exit_read(void *opaque, u16 port, unsigned size)
{
    (void)opaque;
    (void)port;
    (void)size;
    return 0;
}

static void debug_exit_write(void *opaque, u16 port, unsigned size, u32 value)
{
    struct debug_exit *s = opaque;
    (void)port;
    (void)size;
    bus_request(s->dev.bus, BUS_EXIT, value << 1 | 1);
}

static const char *debug_exit_init(struct dev *dev, struct bus *bus)
{
    static const struct io_ops ops = {
        .read = debug_exit_read, .write = debug_exit_write, .min_size = 1, .max_size = 4};
    struct debug_exit *s = (struct debug_exit *)dev;

    if (!s->iosize || s->iosize > 4)
        return "iosize is not within 1..4";
    if (s->iobase > 0x10000 - s->iosize)
        return "iobase is not a port";
    bus_claim_io(bus, (u16)s->iobase, s->iosize, &ops, dev);
    return NULL;
}

const struct dev_type dev_isa_debug_exit = {
    .name = "isa-debug-exit",
    .size = sizeof(struct debug_exit),
    .version = 1,
    .props = debug_exit_props,
    .init = debug_exit_init,
};
