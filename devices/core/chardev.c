/* Byte streams between devices and the host. Input is delivered by the journal into the ring;
 * the ring belongs to the device's state, so a snapshot holds what has arrived but was not yet
 * read. */
#include "devices/core/chardev.h"

#include <string.h>

#include "devices/core/journal.h"

const struct field chardev_ring_fields[] = {
    FIELD(struct chardev_ring, head),
    FIELD(struct chardev_ring, tail),
    FIELD_ARRAY(struct chardev_ring, data),
    FIELD_END,
};

void chardev_init(struct chardev *c, void (*output)(void *opaque, const void *data, size_t len),
                  void *opaque)
{
    memset(c, 0, sizeof(*c));
    c->output = output;
    c->opaque = opaque;
    c->channel = -1;
}

size_t chardev_room(const struct chardev *c)
{
    return c->ring ? CHARDEV_RING - (c->ring->head - c->ring->tail) : 0;
}

/* Journal sink: input comes into the guest here. */
static void on_input(void *opaque, const void *data, size_t len)
{
    struct chardev *c = opaque;
    const u8 *bytes = data;
    bool was_empty = !chardev_has_input(c);

    if (len > chardev_room(c))
        len = chardev_room(c);
    for (size_t i = 0; i < len; i++)
        c->ring->data[c->ring->head++ % CHARDEV_RING] = bytes[i];
    if (was_empty && len && c->ready)
        c->ready(c->ready_opaque);
}

void chardev_attach(struct chardev *c, struct bus *bus, const char *name, struct chardev_ring *ring,
                    void (*ready)(void *opaque), void *opaque)
{
    c->ring = ring;
    c->ready = ready;
    c->ready_opaque = opaque;
    c->journal = bus->journal;
    if (c->journal)
        c->channel = journal_add_channel(c->journal, name, on_input, c);
}

void chardev_write(struct chardev *c, const void *data, size_t len)
{
    if (c && c->output)
        c->output(c->opaque, data, len);
}

void chardev_set_lines(struct chardev *c, bool dtr, bool rts)
{
    if (c && c->lines)
        c->lines(c->opaque, dtr, rts);
}

bool chardev_has_input(const struct chardev *c)
{
    return c && c->ring && c->ring->head != c->ring->tail;
}

int chardev_read(struct chardev *c)
{
    return chardev_has_input(c) ? c->ring->data[c->ring->tail++ % CHARDEV_RING] : -1;
}

void chardev_input(struct chardev *c, const void *data, size_t len)
{
    if (c->journal)
        journal_input(c->journal, c->channel, data, len);
}
