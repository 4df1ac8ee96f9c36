/* Links and ports of Ethernet. A record in the journal is a frame, or one byte that says whether
 * the cable is plugged in. Waiting frames stay in one piece, so that a card gets them without a
 * copy; the queue belongs to the state, so a snapshot holds what has arrived but was not yet taken.
 */
#include "devices/core/net.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/bytes.h"
#include "base/check.h"
#include "devices/core/journal.h"

#define NIC_KIND  "nic"
#define NAME_SIZE 96
#define LENGTH    4u /* bytes of a frame's length in the queue */
#define CRC_POLY  0x04c11db7u

const struct field net_port_fields[] = {
    FIELD_MAX(struct net_port, head, NET_QUEUE - LENGTH),
    FIELD_MAX(struct net_port, tail, NET_QUEUE - LENGTH),
    FIELD_MAX(struct net_port, used, NET_QUEUE),
    FIELD(struct net_port, unplugged),
    FIELD_ARRAY(struct net_port, data),
    FIELD_END,
};

/* ---- queue ---- */

static u32 room_for(u32 len)
{
    return LENGTH + ((len + 3) & ~3u);
}

/* False: the queue is full and the frame is lost. */
static bool queue_put(struct net_port *p, const void *frame, u32 len)
{
    u32 need = room_for(len), rest = NET_QUEUE - p->head;

    if (!p->used) {
        p->head = p->tail = 0;
        rest = NET_QUEUE;
    }
    if (need > NET_QUEUE - p->used)
        return false;
    if (p->head >= p->tail && need > rest) { /* not at the end: at the start? */
        if (need > p->tail)
            return false;
        store_le(&p->data[p->head], LENGTH, 0);
        p->used += rest;
        p->head = 0;
    }
    store_le(&p->data[p->head], LENGTH, len);
    memcpy(&p->data[p->head + LENGTH], frame, len);
    p->head = (p->head + need) % NET_QUEUE;
    p->used += need;
    return true;
}

/* The first frame, or NULL. It stays where it is until the next queue_put(). */
static const u8 *queue_take(struct net_port *p, u32 *len)
{
    if (!p->used)
        return NULL;
    *len = (u32)load_le(&p->data[p->tail], LENGTH);
    if (!*len) {
        p->used -= NET_QUEUE - p->tail;
        p->tail = 0;
        *len = (u32)load_le(&p->data[0], LENGTH);
    }
    const u8 *frame = &p->data[p->tail + LENGTH];
    p->tail = (p->tail + room_for(*len)) % NET_QUEUE;
    p->used -= room_for(*len);
    return frame;
}

bool net_port_valid(const struct net_port *p)
{
    u32 at = p->tail, left = p->used;
    bool gap = false;

    if ((at | p->head) & 3)
        return false;
    while (left) {
        u32 len = (u32)load_le(&p->data[at], LENGTH);
        u32 need = len ? room_for(len) : NET_QUEUE - at;

        if ((len && (len < NET_HEADER || len > NET_FRAME_MAX)) || need > left ||
            need > NET_QUEUE - at)
            return false;
        gap = !len;
        left -= need;
        at = (at + need) % NET_QUEUE;
    }
    return !gap && (!p->used || at == p->head);
}

/* ---- from the host ---- */

static void set_unplugged(struct net_port *p, bool unplugged)
{
    if (p->unplugged == unplugged)
        return;
    p->unplugged = unplugged;
    if (p->ops->carrier)
        p->ops->carrier(p->opaque);
}

static void show(const struct net_link *link, const void *frame, size_t len)
{
    if (link->tap)
        link->tap(link->tap_opaque, frame, len);
}

/* Journal sink. */
static void on_input(void *opaque, const void *data, size_t len)
{
    struct net_port *p = opaque;

    if (len == 1) {
        set_unplugged(p, !*(const u8 *)data);
        return;
    }
    if (p->unplugged || len < NET_HEADER || len > NET_FRAME_MAX)
        return;
    show(p->link, data, len);
    net_flush(p);
    if (!p->used && p->ops->can_receive(p->opaque))
        p->ops->receive(p->opaque, data, (u32)len);
    else
        queue_put(p, data, (u32)len);
}

void net_link_init(struct net_link *link,
                   void (*output)(void *opaque, const void *frame, size_t len), void *opaque)
{
    memset(link, 0, sizeof(*link));
    link->output = output;
    link->opaque = opaque;
    link->channel = -1;
}

void net_input(struct net_link *link, const void *frame, size_t len)
{
    if (link->journal && len >= NET_HEADER && len <= NET_FRAME_MAX)
        journal_input(link->journal, link->channel, frame, len);
}

size_t net_room(const struct net_link *link)
{
    const struct net_port *p = link->port;
    u32 rest;

    if (!p)
        return 0;
    if (!p->used)
        return NET_QUEUE;
    if (p->head < p->tail)
        return p->tail - p->head;
    rest = NET_QUEUE - p->head;
    return p->head == p->tail ? 0 : rest > p->tail ? rest : p->tail;
}

void net_set_carrier(struct net_link *link, bool plugged)
{
    u8 record = plugged;
    if (link->journal)
        journal_input(link->journal, link->channel, &record, 1);
}

/* ---- the card's side ---- */

/* Takes the next of the addresses that cards have by default. */
static bool default_mac(struct bus *bus, u8 mac[NET_MAC], void *owner)
{
    static const char *const names[NET_DEFAULT_NR] = {"0", "1", "2", "3", "4", "5", "6", "7"};
    static const u8 first[NET_MAC] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

    for (unsigned n = 0; n < NET_DEFAULT_NR; n++) {
        if (bus_find_object(bus, NIC_KIND, names[n]))
            continue;
        bus_add_object(bus, NIC_KIND, names[n], owner);
        memcpy(mac, first, NET_MAC);
        mac[5] = (u8)(mac[5] + n);
        return true;
    }
    return false;
}

const char *net_port_init(struct net_port *port, struct dev *dev, struct net_link *link,
                          const char *mac, const struct net_ops *ops)
{
    char name[NAME_SIZE];

    port->ops = ops;
    port->opaque = dev;
    port->link = link;
    if (mac && !net_parse_mac(mac, port->mac))
        return "mac= is not the address of a card (six bytes, 52:54:00:12:34:56)";
    if (!mac && !default_mac(dev->bus, port->mac, port))
        return "too many cards without mac=";
    if (!link)
        return NULL;
    if (link->port)
        return "another card is on that netdev";
    link->port = port;
    link->journal = dev->bus->journal;
    if (link->journal) {
        snprintf(name, sizeof(name), "net %s", dev->id);
        link->channel = journal_add_channel(link->journal, name, on_input, port);
    }
    return NULL;
}

void net_port_reset(struct net_port *port)
{
    port->head = port->tail = port->used = 0;
}

bool net_carrier(const struct net_port *port)
{
    return port->link && !port->unplugged;
}

void net_send(struct net_port *port, const void *frame, size_t len)
{
    const struct net_link *link = port->link;

    if (!net_carrier(port) || len < NET_HEADER || len > NET_FRAME_MAX)
        return;
    show(link, frame, len);
    if (link->output)
        link->output(link->opaque, frame, len);
}

void net_flush(struct net_port *port)
{
    while (port->used && port->ops->can_receive(port->opaque)) {
        u32 len = 0;
        const u8 *frame = queue_take(port, &len);
        port->ops->receive(port->opaque, frame, len);
    }
}

/* ---- Ethernet ---- */

bool net_parse_mac(const char *text, u8 mac[NET_MAC])
{
    unsigned b[NET_MAC];
    int end = -1;

    if (strlen(text) != 3 * NET_MAC - 1 ||
        sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &end) !=
            NET_MAC ||
        end != 3 * NET_MAC - 1 || (b[0] & 1))
        return false;
    for (unsigned i = 0; i < NET_MAC; i++)
        mac[i] = (u8)b[i];
    return true;
}

u32 net_fcs(const void *data, size_t len)
{
    return (u32)crc32(0, data, (uInt)len);
}

u32 net_crc_be(const void *data, size_t len)
{
    const u8 *p = data;
    u32 crc = 0xffffffff;

    for (size_t i = 0; i < len; i++) {
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc << 1 ^ ((crc >> 31 ^ p[i] >> bit) & 1 ? CRC_POLY : 0);
    }
    return crc;
}

bool net_is_broadcast(const u8 *mac)
{
    return (mac[0] & mac[1] & mac[2] & mac[3] & mac[4] & mac[5]) == 0xff;
}
