/* virtio-net: VIRTIO 1.1, chapter 5.1. One pair of queues and the control queue; frames as they are
 * on the wire, no offloads. What arrives goes into the driver's buffers at the tick when the
 * journal brings it; without a buffer it waits in the port's queue.
 *
 * Until the driver says what it wants to hear it hears everything. */
#include "devices/virtio.h"

#include <string.h>

#include "base/bytes.h"
#include "devices/core/net.h"

enum {
    F_MAC = 5,
    F_MRG_RXBUF = 15,
    F_STATUS = 16,
    F_CTRL_VQ = 17,
    F_CTRL_RX = 18,
    F_CTRL_RX_EXTRA = 20,
    F_GUEST_ANNOUNCE = 21,
    F_CTRL_MAC_ADDR = 23,
};

enum { C_MAC = 0, C_STATUS = 6, C_SIZE = 8 };
enum { STATUS_LINK_UP = 1, STATUS_ANNOUNCE = 2 };
enum { Q_RECEIVE, Q_TRANSMIT, Q_CONTROL, QUEUES };

#define HEADER       12 /* without num_buffers, its last two bytes, in the legacy interface */
#define SHARE        (1u << 18) /* bytes at one moment */
#define LATENCY_NS   5000
#define BYTES_PER_NS 4
#define TABLE        64    /* addresses of each kind */
#define TABLE_MAX    4096u /* of what a driver may give, though no more than TABLE are looked at */

/* Bits of `mode`, in the order of the commands that set them (5.1.6.5.1). */
enum { PROMISC = 1, ALL_MULTI = 2, ALL_UNI = 4, NO_MULTI = 8, NO_UNI = 16, NO_BROADCAST = 32 };

struct addresses {
    u32 count;
    bool overflow; /* there were more of them: all are let in */
    u8 mac[TABLE * NET_MAC];
};

struct virtio_net {
    struct dev dev;
    struct virtio virtio;
    struct net_port net;
    u8 mode;
    struct addresses uni, multi;

    /* Properties. */
    struct net_link *netdev;
    char *mac;

    u8 frame[NET_FRAME_MAX + 1];
};

static const struct field addresses_fields[] = {
    FIELD_MAX(struct addresses, count, TABLE),
    FIELD(struct addresses, overflow),
    FIELD_ARRAY(struct addresses, mac),
    FIELD_END,
};

static const struct field virtio_net_fields[] = {
    FIELD_SUB(struct virtio_net, virtio, virtio_fields),
    FIELD_SUB(struct virtio_net, net, net_port_fields),
    FIELD(struct virtio_net, mode),
    FIELD_SUB(struct virtio_net, uni, addresses_fields),
    FIELD_SUB(struct virtio_net, multi, addresses_fields),
    FIELD_END,
};

static const struct prop virtio_net_props[] = {
    VIRTIO_PROPS(struct virtio_net),
    PROP_OBJECT(struct virtio_net, netdev, NET_KIND),
    PROP_STR(struct virtio_net, mac, NULL),
    PROP_END,
};

static u32 header_size(const struct virtio_net *s)
{
    bool long_one =
        virtio_has(&s->virtio, VIRTIO_F_VERSION_1) || virtio_has(&s->virtio, F_MRG_RXBUF);
    return long_one ? HEADER : HEADER - 2;
}

/* ---- receiving ---- */

static bool in_table(const struct addresses *a, const u8 *mac)
{
    for (u32 i = 0; i < a->count; i++) {
        if (!memcmp(a->mac + i * NET_MAC, mac, NET_MAC))
            return true;
    }
    return a->overflow;
}

static bool is_for_us(const struct virtio_net *s, const u8 *frame)
{
    if (s->mode & PROMISC)
        return true;
    if (net_is_broadcast(frame))
        return !(s->mode & NO_BROADCAST);
    if (net_is_multicast(frame))
        return !(s->mode & NO_MULTI) && (s->mode & ALL_MULTI || in_table(&s->multi, frame));
    return !(s->mode & NO_UNI) && (s->mode & ALL_UNI || in_table(&s->uni, frame) ||
                                   !memcmp(frame, s->virtio.config + C_MAC, NET_MAC));
}

/* How many of the buffers that wait take `bytes` together; 0: they do not, or there are none. */
static u16 buffers_for(struct virtio_net *s, struct virtq *q, u32 bytes)
{
    struct virtio_request r;
    u64 room = 0;
    u16 n = 0, most = virtio_has(&s->virtio, F_MRG_RXBUF) ? q->size : 1;

    while (room < bytes && n < most && virtq_pop(q, &r)) {
        room += r.in_bytes;
        n++;
    }
    virtq_unpop(q, n);
    return room < bytes ? 0 : n;
}

/* Without a driver, frames are thrown away. */
static bool can_receive(void *dev)
{
    struct virtio_net *s = dev;

    return !(s->virtio.status & VIRTIO_DRIVER_OK) || s->virtio.broken ||
           virtq_waits(&s->virtio.queue[Q_RECEIVE]);
}

static void receive(void *dev, const u8 *frame, u32 len)
{
    struct virtio_net *s = dev;
    struct virtq *q = &s->virtio.queue[Q_RECEIVE];
    u8 header[HEADER] = {0};
    u32 head = header_size(s), done = 0;
    u16 n;

    if (!(s->virtio.status & VIRTIO_DRIVER_OK) || !is_for_us(s, frame))
        return;
    n = buffers_for(s, q, head + len);
    store_le(header + 10, 2, n);
    for (u16 i = 0; i < n; i++) {
        struct virtio_request r;
        if (!virtq_pop(q, &r))
            return;
        if (i == 0)
            virtio_put(&r, header, head);
        done += virtio_put(&r, frame + done, len - done);
        virtq_push(q, &r, r.in_at);
    }
    virtq_signal(q);
}

static void on_carrier(void *dev)
{
    struct virtio_net *s = dev;
    u8 *status = &s->virtio.config[C_STATUS];

    *status = net_carrier(&s->net) ? STATUS_LINK_UP : 0;
    if (*status && virtio_has(&s->virtio, F_GUEST_ANNOUNCE))
        *status |= STATUS_ANNOUNCE; /* the network may be another one */
    virtio_config_changed(&s->virtio);
}

/* ---- sending ---- */

static u64 transmit(struct virtio_net *s, struct virtq *q)
{
    struct virtio_request r;
    u8 header[HEADER];
    u64 bytes = 0;

    while (bytes < SHARE) {
        u32 len;
        if (!virtq_pop(q, &r))
            return 0;
        virtio_get(&r, header, header_size(s));
        len = virtio_get(&r, s->frame, sizeof(s->frame));
        if (!r.failed)
            net_send(&s->net, s->frame, len); /* checks the length */
        bytes += len + NET_FRAME_MIN;
        virtq_push(q, &r, 0);
    }
    return bytes / BYTES_PER_NS;
}

/* ---- control ---- */

/* u32 count, then so many addresses. */
static bool read_table(struct virtio_request *r, struct addresses *a)
{
    u8 mac[NET_MAC];
    u32 count;

    if (virtio_get(r, mac, 4) != 4)
        return false;
    count = (u32)load_le(mac, 4);
    if (count > TABLE_MAX)
        return false;
    memset(a, 0, sizeof(*a));
    a->overflow = count > TABLE;
    for (u32 i = 0; i < count; i++) {
        if (virtio_get(r, mac, NET_MAC) != NET_MAC)
            return false;
        if (i < TABLE)
            memcpy(a->mac + a->count++ * NET_MAC, mac, NET_MAC);
    }
    return true;
}

static bool set_mode(struct virtio_net *s, struct virtio_request *r, u8 command)
{
    u8 bit, on;

    if (command > 5 || virtio_get(r, &on, 1) != 1)
        return false;
    bit = (u8)(1u << command);
    s->mode = on ? s->mode | bit : s->mode & (u8)~bit;
    return true;
}

static bool set_addresses(struct virtio_net *s, struct virtio_request *r, u8 command)
{
    u8 mac[NET_MAC];

    if (command == 0)
        return read_table(r, &s->uni) && read_table(r, &s->multi);
    if (command != 1 || virtio_get(r, mac, NET_MAC) != NET_MAC)
        return false;
    memcpy(s->virtio.config + C_MAC, mac, NET_MAC);
    return true;
}

static bool announced(struct virtio_net *s, struct virtio_request *r, u8 command)
{
    (void)r;
    s->virtio.config[C_STATUS] &= (u8)~STATUS_ANNOUNCE;
    return command == 0;
}

static bool control(struct virtio_net *s, struct virtio_request *r)
{
    static bool (*const classes[])(struct virtio_net *, struct virtio_request *,
                                   u8) = {[0] = set_mode, [1] = set_addresses, [3] = announced};
    u8 head[2];

    if (virtio_get(r, head, 2) != 2 || head[0] >= ARRAY_LEN(classes) || !classes[head[0]])
        return false;
    return classes[head[0]](s, r, head[1]) && !r->failed;
}

static u64 serve_control(struct virtio_net *s, struct virtq *q)
{
    struct virtio_request r;

    while (virtq_pop(q, &r)) {
        u8 failed = !control(s, &r);
        virtio_put(&r, &failed, 1);
        virtq_push(q, &r, r.in_at);
    }
    return 0;
}

static u64 net_serve(void *opaque, struct virtq *q)
{
    struct virtio_net *s = opaque;

    if (q->index == Q_TRANSMIT)
        return transmit(s, q);
    if (q->index == Q_CONTROL)
        return serve_control(s, q);
    net_flush(&s->net);
    return 0;
}

/* ---- life ---- */

static void reset_net(void *opaque)
{
    struct virtio_net *s = opaque;

    s->mode = PROMISC;
    memset(&s->uni, 0, sizeof(s->uni));
    memset(&s->multi, 0, sizeof(s->multi));
    memcpy(s->virtio.config + C_MAC, s->net.mac, NET_MAC);
    s->virtio.config[C_STATUS] = net_carrier(&s->net) ? STATUS_LINK_UP : 0;
}

static void virtio_net_reset(struct dev *dev)
{
    struct virtio_net *s = (struct virtio_net *)dev;

    net_port_reset(&s->net);
    virtio_reset(&s->virtio);
}

static bool virtio_net_valid(const struct dev *copy)
{
    const struct virtio_net *s = (const struct virtio_net *)copy;
    return virtio_valid(&s->virtio) && net_port_valid(&s->net);
}

static void virtio_net_loaded(struct dev *dev)
{
    virtio_loaded(&((struct virtio_net *)dev)->virtio);
}

static const char *virtio_net_init(struct dev *dev, struct bus *bus)
{
    static const struct virtio_type type = {
        .id = 1,
        .pci_device = 0x1000,
        .class_code = 0x020000,
        .queues = QUEUES,
        .queue_size = VIRTIO_QUEUE_SIZE,
        .config_size = C_SIZE,
        .latency = LATENCY_NS,
        .serve = net_serve,
        .reset = reset_net,
    };
    static const struct net_ops ops = {can_receive, receive, on_carrier};
    static const u64 features = 1u << F_MAC | 1u << F_MRG_RXBUF | 1u << F_STATUS | 1u << F_CTRL_VQ |
                                1u << F_CTRL_RX | 1u << F_CTRL_RX_EXTRA | 1u << F_GUEST_ANNOUNCE |
                                1u << F_CTRL_MAC_ADDR;
    struct virtio_net *s = (struct virtio_net *)dev;
    const char *refusal = virtio_init(&s->virtio, dev, &type, features);

    (void)bus;
    memset(s->virtio.config_wmask + C_MAC, 0xff, NET_MAC);
    return refusal ? refusal : net_port_init(&s->net, dev, s->netdev, s->mac, &ops);
}

const struct dev_type dev_virtio_net = {
    .name = "virtio-net-pci",
    .size = sizeof(struct virtio_net),
    .version = 1,
    .fields = virtio_net_fields,
    .props = virtio_net_props,
    .init = virtio_net_init,
    .reset = virtio_net_reset,
    .loaded = virtio_net_loaded,
    .valid = virtio_net_valid,
};
