/* All ways out of the machine lead through here: what it sends while it repeats what has been
 * before is not sent again. */
#include "machine/machine.h"

static void outlet_write(void *opaque, const void *data, size_t len)
{
    const struct outlet *out = opaque;

    if (!*out->muted)
        out->sink.write(out->sink.opaque, data, len);
}

static void outlet_lines(void *opaque, bool dtr, bool rts)
{
    const struct outlet *out = opaque;

    if (!*out->muted)
        out->sink.lines(out->sink.opaque, dtr, rts);
}

struct orrery_sink outlet_make(struct orrery *o, struct outlet *out, const struct orrery_sink *sink)
{
    *out = (struct outlet){&o->muted, *sink};
    return (struct orrery_sink){.write = sink->write ? outlet_write : NULL,
                                .opaque = out,
                                .lines = sink->lines ? outlet_lines : NULL};
}

void outlet_chardev(struct orrery *o, struct chardev *c, struct outlet *out,
                    const struct orrery_sink *sink)
{
    struct orrery_sink end = outlet_make(o, out, sink);

    chardev_init(c, end.write, end.opaque);
    c->lines = end.lines;
}
