/* virtio-console: VIRTIO 1.1, chapter 5.3, as a bus of ports: each is a device of its own, a
 * console (virtconsole) or a named stream of bytes (virtserialport) with a chardev. Without the
 * multiport feature the driver knows port 0 alone.
 *
 * What the device has to tell the driver about a port is a set of bits in the port, so that nothing
 * is lost while the driver has no room for it and nothing piles up. */
#include "devices/virtio.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "devices/core/chardev.h"

#define SERIAL_KIND "virtio-serial" /* of objects on the bus */
#define PORTS       ((VIRTIO_QUEUES - 2) / 2)
#define LATENCY_NS  5000
#define SHARE       (1u << 20) /* bytes at one moment */
#define COLUMNS     80
#define ROWS        25

enum { F_SIZE = 0, F_MULTIPORT = 1, F_EMERG_WRITE = 2 };
enum { C_COLUMNS = 0, C_ROWS = 2, C_MAX_PORTS = 4, C_EMERG_WRITE = 8, C_SIZE = 12 };

/* Queues: receive and transmit of port 0, of the control messages, of the other ports. */
enum { Q_CONTROL_IN = 2, Q_CONTROL_OUT = 3 };

/* Control messages: u32 port, u16 event, u16 value. */
enum event {
    E_DEVICE_READY,
    E_PORT_ADD,
    E_PORT_REMOVE,
    E_PORT_READY,
    E_CONSOLE_PORT,
    E_RESIZE,
    E_PORT_OPEN,
    E_PORT_NAME,
};
#define MESSAGE 8

struct port {
    struct dev dev;
    bool guest_open;
    u8 pending; /* events that the driver is to be told: 1 << enum event */
    struct chardev_ring ring;

    /* Set by init. */
    struct serial *serial;
    struct chardev *chardev;
    char *bus_name, *name;
    u32 nr;
};

struct serial {
    struct dev dev;
    struct virtio virtio;
    struct port *port[PORTS];
    char bus_name[64]; /* ID.0 */
};

static const struct field serial_fields[] = {
    FIELD_SUB(struct serial, virtio, virtio_fields),
    FIELD_END,
};

static const struct field port_fields[] = {
    FIELD(struct port, guest_open),
    FIELD(struct port, pending),
    FIELD_SUB(struct port, ring, chardev_ring_fields),
    FIELD_END,
};

static unsigned receive_queue(u32 nr)
{
    return nr ? 2 * nr + 2 : 0;
}

/* ---- data ---- */

static struct port *port_of(struct serial *s, unsigned queue)
{
    return s->port[queue < 2 ? 0 : queue / 2 - 1];
}

static bool is_open(const struct serial *s, const struct port *p)
{
    return p->guest_open || !virtio_has(&s->virtio, F_MULTIPORT);
}

/* Host to guest: what has arrived, as far as there is room. */
static u64 receive(struct serial *s, struct port *p, struct virtq *q)
{
    struct virtio_request r;
    u8 byte;

    while (p && is_open(s, p) && chardev_has_input(p->chardev) && virtq_pop(q, &r)) {
        while (r.in_at < r.in_bytes && chardev_has_input(p->chardev)) {
            byte = (u8)chardev_read(p->chardev);
            virtio_put(&r, &byte, 1);
        }
        virtq_push(q, &r, r.in_at);
    }
    return 0;
}

static u64 transmit(struct serial *s, struct port *p, struct virtq *q)
{
    struct virtio_request r;
    u8 piece[512];
    u64 bytes = 0;

    (void)s;
    while (bytes < SHARE) {
        if (!virtq_pop(q, &r))
            return 0;
        while (r.out_at < r.out_bytes) {
            u32 n = virtio_get(&r, piece, sizeof(piece));
            if (r.failed)
                break;
            if (p)
                chardev_write(p->chardev, piece, n);
        }
        bytes += r.out_at;
        virtq_push(q, &r, 0);
    }
    return bytes;
}

/* ---- control messages ---- */

static void tell(struct port *p, unsigned events)
{
    p->pending |= (u8)events;
    virtq_kick(&p->serial->virtio.queue[Q_CONTROL_IN]);
}

static void send_event(const struct port *p, enum event event, struct virtio_request *r)
{
    u8 head[MESSAGE], size[4];

    store_le(head, 4, p->nr);
    store_le(head + 4, 2, event);
    store_le(head + 6, 2, event != E_RESIZE);
    virtio_put(r, head, sizeof(head));
    if (event == E_PORT_NAME)
        virtio_put(r, p->name, (u32)strlen(p->name));
    store_le(size, 2, COLUMNS);
    store_le(size + 2, 2, ROWS);
    if (event == E_RESIZE)
        virtio_put(r, size, sizeof(size));
}

static u64 control_in(struct serial *s, struct virtq *q)
{
    struct virtio_request r;

    for (unsigned n = 0; n < PORTS; n++) {
        struct port *p = s->port[n];
        for (unsigned event = 0; p && event <= E_PORT_NAME; event++) {
            if (!(p->pending & 1u << event))
                continue;
            if (!virtq_pop(q, &r))
                return 0;
            send_event(p, event, &r);
            virtq_push(q, &r, r.in_at);
            p->pending &= (u8) ~(1u << event);
        }
    }
    return 0;
}

static void port_ready(struct port *p)
{
    bool console = !p->name;

    tell(p, console ? 1u << E_CONSOLE_PORT | 1u << E_RESIZE | 1u << E_PORT_OPEN
                    : 1u << E_PORT_NAME | 1u << E_PORT_OPEN);
}

static void take_message(struct serial *s, const u8 *message)
{
    u32 nr = (u32)load_le(message, 4);
    unsigned event = (unsigned)load_le(message + 4, 2), value = (unsigned)load_le(message + 6, 2);
    struct port *p = nr < PORTS ? s->port[nr] : NULL;

    if (event == E_DEVICE_READY && value == 1) {
        for (unsigned n = 0; n < PORTS; n++) {
            if (s->port[n])
                tell(s->port[n], 1u << E_PORT_ADD);
        }
    } else if (event == E_PORT_READY && value == 1 && p) {
        port_ready(p);
    } else if (event == E_PORT_OPEN && p) {
        p->guest_open = value;
        virtq_kick(&s->virtio.queue[receive_queue(nr)]);
    }
}

static u64 control_out(struct serial *s, struct virtq *q)
{
    struct virtio_request r;
    u8 message[MESSAGE];

    while (virtq_pop(q, &r)) {
        if (virtio_get(&r, message, MESSAGE) == MESSAGE && !r.failed)
            take_message(s, message);
        virtq_push(q, &r, 0);
    }
    return 0;
}

static u64 serial_serve(void *opaque, struct virtq *q)
{
    struct serial *s = opaque;

    if (q->index == Q_CONTROL_IN)
        return control_in(s, q);
    if (q->index == Q_CONTROL_OUT)
        return control_out(s, q);
    return q->index & 1 ? transmit(s, port_of(s, q->index), q)
                        : receive(s, port_of(s, q->index), q);
}

/* ---- the device ---- */

static void reset_ports(void *opaque)
{
    struct serial *s = opaque;

    for (unsigned n = 0; n < PORTS; n++) {
        if (s->port[n]) {
            s->port[n]->guest_open = false;
            s->port[n]->pending = 0;
        }
    }
}

/* A register for the last words of a driver: bytes go out at port 0 without any queue. */
static void serial_configured(void *opaque, unsigned first, unsigned size)
{
    struct serial *s = opaque;
    u8 byte = s->virtio.config[C_EMERG_WRITE];

    if (first <= C_EMERG_WRITE && first + size > C_EMERG_WRITE && s->port[0])
        chardev_write(s->port[0]->chardev, &byte, 1);
}

static void serial_reset(struct dev *dev)
{
    virtio_reset(&((struct serial *)dev)->virtio);
}

static bool serial_valid(const struct dev *copy)
{
    return virtio_valid(&((const struct serial *)copy)->virtio);
}

static void serial_loaded(struct dev *dev)
{
    virtio_loaded(&((struct serial *)dev)->virtio);
}

static const char *serial_init(struct dev *dev, struct bus *bus)
{
    static const struct virtio_type type = {
        .id = 3,
        .pci_device = 0x1003,
        .class_code = 0x078000,
        .queues = 2 * PORTS + 2,
        .queue_size = 128,
        .config_size = C_SIZE,
        .latency = LATENCY_NS,
        .serve = serial_serve,
        .reset = reset_ports,
        .configured = serial_configured,
    };
    struct serial *s = (struct serial *)dev;
    u8 *c = s->virtio.config;

    store_le(c + C_COLUMNS, 2, COLUMNS);
    store_le(c + C_ROWS, 2, ROWS);
    store_le(c + C_MAX_PORTS, 4, PORTS);
    memset(s->virtio.config_wmask + C_EMERG_WRITE, 0xff, 4);
    snprintf(s->bus_name, sizeof(s->bus_name), "%s.0", dev->id);
    if (!bus_find_object(bus, SERIAL_KIND, "")) /* where ports go that name no bus */
        bus_add_object(bus, SERIAL_KIND, "", s);
    bus_add_object(bus, SERIAL_KIND, s->bus_name, s);
    return virtio_init(&s->virtio, dev, &type,
                       1u << F_SIZE | 1u << F_MULTIPORT | 1u << F_EMERG_WRITE);
}

const struct dev_type dev_virtio_serial = {
    .name = "virtio-serial-pci",
    .size = sizeof(struct serial),
    .version = 1,
    .fields = serial_fields,
    .props = (const struct prop[]){VIRTIO_PROPS(struct serial), PROP_END},
    .init = serial_init,
    .reset = serial_reset,
    .loaded = serial_loaded,
    .valid = serial_valid,
};

/* ---- ports ---- */

#define NR_ANY UINT32_MAX
#define PORT_PROPS                                                                                 \
    PROP_OBJECT(struct port, chardev, CHARDEV_KIND), PROP_U32(struct port, nr, "0xffffffff"),      \
    {                                                                                              \
        .name = "bus", .kind = PROP_KIND_STR, .offset = offsetof(struct port, bus_name)            \
    }

static void on_input(void *opaque)
{
    struct port *p = opaque;

    virtq_kick(&p->serial->virtio.queue[receive_queue(p->nr)]);
}

/* Port 0 is a console's: drivers without the multiport feature use it as one. */
static const char *find_place(struct port *p)
{
    u32 n = p->name ? 1 : 0;

    while (p->nr == NR_ANY && n < PORTS && p->serial->port[n])
        n++;
    if (p->nr == NR_ANY)
        p->nr = n;
    if (p->nr >= PORTS)
        return "no port with such a number is left";
    if (p->serial->port[p->nr])
        return "its port number is taken";
    return p->name && !p->nr ? "port 0 is for a virtconsole" : NULL;
}

static const char *port_init(struct dev *dev, struct bus *bus)
{
    struct port *p = (struct port *)dev;
    const char *refusal;

    p->serial = bus_find_object(bus, SERIAL_KIND, p->bus_name ? p->bus_name : "");
    if (!p->serial)
        return "there is no such virtio-serial-pci for it";
    refusal = find_place(p);
    if (refusal)
        return refusal;
    if (p->chardev && p->chardev->ring)
        return "its chardev is in use";
    p->serial->port[p->nr] = p;
    if (p->chardev)
        chardev_attach(p->chardev, bus, dev->id, &p->ring, on_input, p);
    return NULL;
}

static const char *serialport_init(struct dev *dev, struct bus *bus)
{
    struct port *p = (struct port *)dev;

    return p->name && *p->name ? port_init(dev, bus) : "it needs a name, name=...";
}

const struct dev_type dev_virtconsole = {
    .name = "virtconsole",
    .size = sizeof(struct port),
    .version = 1,
    .fields = port_fields,
    .props = (const struct prop[]){PORT_PROPS, PROP_END},
    .init = port_init,
};

const struct dev_type dev_virtserialport = {
    .name = "virtserialport",
    .size = sizeof(struct port),
    .version = 1,
    .fields = port_fields,
    .props = (const struct prop[]){PORT_PROPS, PROP_STR(struct port, name, NULL), PROP_END},
    .init = serialport_init,
};
