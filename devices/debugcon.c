/* The debug console of Bochs and QEMU: every byte written to port E9h is output; reading gives E9h,
 * which is how software finds out that it is there. */
#include "devices/core/chardev.h"

struct debugcon {
    struct dev dev;
    u32 iobase, readback;
    struct chardev *chardev;
};

static const struct prop debugcon_props[] = {
    PROP_U32(struct debugcon, iobase, "0xe9"),
    PROP_U32(struct debugcon, readback, "0xe9"),
    PROP_OBJECT(struct debugcon, chardev, CHARDEV_KIND),
    PROP_END,
};

static u32 debugcon_read(void *opaque, u16 port, unsigned size)
{
    struct debugcon *s = opaque;
    (void)port;
    (void)size;
    return s->readback;
}

static void debugcon_write(void *opaque, u16 port, unsigned size, u32 value)
{
    struct debugcon *s = opaque;
    u8 byte = (u8)value;
    (void)port;
    (void)size;
    chardev_write(s->chardev, &byte, 1);
}

static const char *debugcon_init(struct dev *dev, struct bus *bus)
{
    static const struct io_ops ops = {.read = debugcon_read, .write = debugcon_write};
    struct debugcon *s = (struct debugcon *)dev;

    if (s->iobase > 0xffff)
        return "iobase is not a port";
    bus_claim_io(bus, (u16)s->iobase, 1, &ops, dev);
    return NULL;
}

const struct dev_type dev_debugcon = {
    .name = "isa-debugcon",
    .size = sizeof(struct debugcon),
    .version = 1,
    .props = debugcon_props,
    .init = debugcon_init,
};
