/* The AdLib Music Synthesizer Card: an OPL2 at 388h. Its programmers' manual. */
#include "devices/opl.h"

struct adlib {
    struct dev dev;
    u32 iobase;
    struct audio *audiodev;
    struct opl opl;
};

static const struct field adlib_fields[] = {
    FIELD_SUB(struct adlib, opl, opl_fields),
    FIELD_END,
};

static const struct prop adlib_props[] = {
    PROP_U32(struct adlib, iobase, "0x388"),
    PROP_OBJECT(struct adlib, audiodev, AUDIO_KIND),
    PROP_END,
};

static u32 adlib_read(void *opaque, u16 port, unsigned size)
{
    struct adlib *s = opaque;
    (void)size;
    return opl_read(&s->opl, port - s->iobase);
}

static void adlib_write(void *opaque, u16 port, unsigned size, u32 value)
{
    struct adlib *s = opaque;
    (void)size;
    opl_write(&s->opl, port - s->iobase, (u8)value);
}

static const char *adlib_init(struct dev *dev, struct bus *bus)
{
    static const struct io_ops ops = {.read = adlib_read, .write = adlib_write};
    struct adlib *s = (struct adlib *)dev;

    if (s->iobase > 0xfffe)
        return "iobase is not a port";
    opl_init(&s->opl, bus, false, s->audiodev);
    bus_claim_io(bus, (u16)s->iobase, 2, &ops, dev);
    return NULL;
}

static void adlib_reset(struct dev *dev)
{
    opl_reset(&((struct adlib *)dev)->opl);
}

static void adlib_loaded(struct dev *dev)
{
    opl_loaded(&((struct adlib *)dev)->opl);
}

static void adlib_destroy(struct dev *dev)
{
    opl_destroy(&((struct adlib *)dev)->opl);
}

const struct dev_type dev_adlib = {
    .name = "adlib",
    .size = sizeof(struct adlib),
    .version = 1,
    .fields = adlib_fields,
    .props = adlib_props,
    .init = adlib_init,
    .reset = adlib_reset,
    .destroy = adlib_destroy,
    .loaded = adlib_loaded,
};
