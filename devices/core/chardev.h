/* A byte stream between a device (serial port, debug console) and the host. Output goes straight
 * to a callback. Input arrives through the journal only, in a ring that is part of the machine's
 * state: the device takes bytes out at its own pace in virtual time.
 *
 * The frontend owns the chardev, creates it before the device and names it on the bus with
 * bus_add_object(bus, CHARDEV_KIND, name, chardev). One device attaches to it. */
#ifndef DEVICES_CORE_CHARDEV_H
#define DEVICES_CORE_CHARDEV_H

#include "devices/core/dev.h"

struct journal;

#define CHARDEV_KIND "chardev"
#define CHARDEV_RING 4096 /* bytes; a power of two */

/* The input ring lives in the device's struct and is listed there as
 * FIELD_SUB(struct uart, ring, chardev_ring_fields), so that hash and snapshot cover it. */
struct chardev_ring {
    u32 head; /* bytes put in so far, modulo 2^32 */
    u32 tail; /* bytes taken out so far */
    u8 data[CHARDEV_RING];
};
extern const struct field chardev_ring_fields[];

struct chardev {
    /* Host side: called on the machine's thread with every piece of output; NULL discards. */
    void (*output)(void *opaque, const void *data, size_t len);
    /* The guest has set the lines of a serial port; may be NULL. */
    void (*lines)(void *opaque, bool dtr, bool rts);
    void *opaque;

    /* Device side, set by chardev_attach(). */
    void (*ready)(void *opaque); /* input came into an empty ring */
    void *ready_opaque;
    struct chardev_ring *ring;
    struct journal *journal;
    int channel;
};

/* Prepares a chardev with its output side. */
void chardev_init(struct chardev *c, void (*output)(void *opaque, const void *data, size_t len),
                  void *opaque);

/* Device's init: connects, and opens the journal channel `name` on the bus's journal. `ring` is the
 * device's own. `ready` may be NULL. */
void chardev_attach(struct chardev *c, struct bus *bus, const char *name, struct chardev_ring *ring,
                    void (*ready)(void *opaque), void *opaque);

/* Device side. A NULL chardev swallows output and never has input. */
void chardev_write(struct chardev *c, const void *data, size_t len);
void chardev_set_lines(struct chardev *c, bool dtr, bool rts);
bool chardev_has_input(const struct chardev *c);
int chardev_read(struct chardev *c); /* the next byte, or -1 */

/* Frontend side: sends input into the journal. Bytes beyond the ring's room when they are delivered
 * are lost, as on a real line; chardev_room() says how many fit now (machine's thread only). */
void chardev_input(struct chardev *c, const void *data, size_t len);
size_t chardev_room(const struct chardev *c);

#endif
