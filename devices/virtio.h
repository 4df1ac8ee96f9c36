/* virtio: devices of paravirtualized guests on PCI, with split rings. Virtual I/O Device (VIRTIO)
 * 1.1, and its legacy interface as transitional devices have it.
 *
 * A device has a struct virtio (virtio_pci.c: registers, feature negotiation) with its queues
 * (virtio_ring.c). When the guest has notified a queue, or virtq_kick() was called, the device's
 * serve() runs a little later on the virtual clock and takes requests out of the queue, moves their
 * data at once and puts them back; the guest is interrupted if it wants to be.
 *
 * All that the guest has put together is checked where it is read: chains have an end, lengths a
 * bound, DMA reaches RAM only. A ring that makes no sense stops the device until it is reset. */
#ifndef DEVICES_VIRTIO_H
#define DEVICES_VIRTIO_H

#include "devices/core/dev.h"
#include "devices/pci.h"

#define VIRTIO_QUEUES      20
#define VIRTIO_QUEUE_SIZE  256         /* the most that a queue may have */
#define VIRTIO_SEGMENTS    1024        /* of one request */
#define VIRTIO_REQUEST_MAX (64u << 20) /* bytes of one request */
#define VIRTIO_CONFIG_MAX  64

/* Bits of features, besides the devices' own. */
enum {
    VIRTIO_F_INDIRECT_DESC = 28,
    VIRTIO_F_EVENT_IDX = 29,
    VIRTIO_F_VERSION_1 = 32,
};

enum virtio_status {
    VIRTIO_ACKNOWLEDGE = 1,
    VIRTIO_DRIVER = 2,
    VIRTIO_DRIVER_OK = 4,
    VIRTIO_FEATURES_OK = 8,
    VIRTIO_NEEDS_RESET = 0x40,
    VIRTIO_FAILED = 0x80,
};

struct virtio;

struct virtq {
    u64 desc, avail, used; /* where its parts are in guest memory */
    u16 size;              /* a power of two */
    u16 next_avail;        /* next request to take, modulo 2^16 */
    u16 next_used;
    u16 signalled; /* next_used when the guest's wish for an interrupt was last looked at */
    bool enabled;
    struct timer timer;

    /* Set by virtio_init(). */
    struct virtio *virtio;
    u16 index;
};

/* What a kind of device is. `opaque` is the device. */
struct virtio_type {
    u16 id;         /* of the device type, VIRTIO 1.1 chapter 5 */
    u16 pci_device; /* PCI device id of the transitional device */
    u32 class_code;
    u8 queues;
    u16 queue_size;
    u8 config_size;
    u64 latency; /* ns from a notification to serve() */

    /* Takes what is in the queue. Returns the ns after which to call again, 0: when notified. */
    u64 (*serve)(void *opaque, struct virtq *q);
    /* The driver has reset the device, or the board was. May be NULL. */
    void (*reset)(void *opaque);
    /* Bytes [first, first + size) of virtio.config were written; or NULL. */
    void (*configured)(void *opaque, unsigned first, unsigned size);
};

struct virtio {
    struct pci_func pci;
    u64 features; /* what the driver has accepted */
    u32 device_select, driver_select;
    u16 queue_select;
    u8 status, isr, generation;
    bool broken; /* by a ring that made no sense */
    u8 config[VIRTIO_CONFIG_MAX];
    struct virtq queue[VIRTIO_QUEUES];

    /* Set by virtio_init() from here. */
    const struct virtio_type *type;
    void *opaque;
    struct bus *bus;
    u64 offered;
    u8 config_wmask[VIRTIO_CONFIG_MAX]; /* by the device: what the driver may write */

    /* Properties. */
    char *addr;
    bool disable_legacy, disable_modern;
};
extern const struct field virtio_fields[];

/* Properties of all of them, for a struct s with a member `virtio`. */
#define VIRTIO_PROPS(s)                                                                            \
    {.name = "addr", .kind = PROP_KIND_STR, .offset = offsetof(s, virtio.addr)},                   \
        {.name = "disable-legacy",                                                                 \
         .kind = PROP_KIND_BOOL,                                                                   \
         .offset = offsetof(s, virtio.disable_legacy)},                                            \
    {                                                                                              \
        .name = "disable-modern", .kind = PROP_KIND_BOOL,                                          \
        .offset = offsetof(s, virtio.disable_modern)                                               \
    }

/* Device's init: puts it onto the PCI bus. `features` are the device's own. Returns NULL or a
 * message for dev_type.init. Device's reset and loaded call the other two. */
const char *virtio_init(struct virtio *v, struct dev *dev, const struct virtio_type *type,
                        u64 features);
void virtio_reset(struct virtio *v);
void virtio_loaded(struct virtio *v);
bool virtio_valid(const struct virtio *copy); /* of dev_type.valid */

static inline bool virtio_has(const struct virtio *v, unsigned feature)
{
    return v->features >> feature & 1;
}

/* virtio.config has changed by itself: the driver is told. */
void virtio_config_changed(struct virtio *v);

/* The driver has broken the rules: nothing moves any more until it resets the device. */
void virtio_break(struct virtio *v);

/* ---- between virtio_pci.c and virtio_ring.c ---- */

void virtq_init(struct virtq *q, struct virtio *v, u16 index);
void virtq_reset(struct virtq *q);
void virtio_interrupt(struct virtio *v, u8 isr);

/* ---- queues ---- */

/* Serves the queue a little later, if the driver has set it up. */
void virtq_kick(struct virtq *q);

struct virtio_segment {
    u64 addr;
    u32 len;
};

/* A request taken out of a queue. Its data are two streams of bytes: those that the driver sends
 * (out), and room for those that it wants (in). */
struct virtio_request {
    struct bus *bus;
    const void *master; /* whose transfers these are: bus_master_read() */
    u16 head;
    u16 outs, ins; /* segments */
    u32 out_bytes, in_bytes;
    u32 out_at, in_at; /* bytes moved so far */
    bool failed;       /* part of it was not in RAM */
    struct {
        u16 n;
        u32 offset;
    } out_pos, in_pos;                              /* where that is */
    struct virtio_segment segment[VIRTIO_SEGMENTS]; /* outs, then ins */
};

/* Takes the next one; false: there is none. */
bool virtq_pop(struct virtq *q, struct virtio_request *r);

/* Would virtq_pop() find one? */
bool virtq_waits(struct virtq *q);

/* Gives the last n requests back that were taken and not yet pushed. */
void virtq_unpop(struct virtq *q, u16 n);

/* Hands a request back to the driver; `written` bytes of its room hold something. */
void virtq_push(struct virtq *q, const struct virtio_request *r, u32 written);

/* After pushing outside serve(): interrupts the driver if it wants to be. */
void virtq_signal(struct virtq *q);

/* The next bytes of a stream; fewer than len at its end. Parts outside RAM read as ones or are
 * lost, and r->failed is set. Returns how many. */
u32 virtio_get(struct virtio_request *r, void *buf, u32 len);
u32 virtio_put(struct virtio_request *r, const void *buf, u32 len);

/* Moves on in the room without writing. */
void virtio_skip_room(struct virtio_request *r, u32 len);

#endif
