/* Ethernet between network cards and the host. A link (struct net_link) is the host's end of a
 * cable: the frontend owns it, creates it before the card, and names it on the bus with
 * bus_add_object(bus, NET_KIND, id, link). A card has a port (struct net_port) in its struct, which
 * it plugs into one link.
 *
 * Frames have no preamble and no checksum (FCS) at their end; a card adds what its guest expects to
 * see. What the guest sends goes straight to a callback of the host. What it receives arrives
 * through the journal only, and waits in a queue that is part of the card's state for as long as
 * the card cannot take it.
 *
 *     struct foo { struct dev dev; struct net_port net; struct net_link *netdev; char *mac; };
 *     fields: FIELD_SUB(struct foo, net, net_port_fields)
 *     props:  PROP_OBJECT(struct foo, netdev, NET_KIND), PROP_STR(struct foo, mac, NULL)
 *     init:   net_port_init(&s->net, dev, s->netdev, s->mac, &ops)
 *     reset:  net_port_reset(&s->net)
 *     run:    net_send(&s->net, frame, len); net_flush(&s->net) once it can receive again */
#ifndef DEVICES_CORE_NET_H
#define DEVICES_CORE_NET_H

#include "devices/core/dev.h"

struct journal;

#define NET_KIND       "netdev"
#define NET_MAC        6
#define NET_HEADER     14           /* destination, source, type */
#define NET_FRAME_MIN  60           /* shorter ones are padded on the wire */
#define NET_FRAME_MAX  (65535 + 18) /* an IP packet with a VLAN tag */
#define NET_QUEUE      (256u << 10) /* bytes of frames that wait, lengths included */
#define NET_DEFAULT_NR 8            /* cards with addresses by default */

/* What a card does with a frame, on the machine's thread, between two instructions. dev is the
 * card. */
struct net_ops {
    /* It could store a frame of whatever length now, or would throw it away in any case. */
    bool (*can_receive)(void *dev);
    /* One frame, NET_HEADER..NET_FRAME_MAX bytes, maybe shorter than NET_FRAME_MIN. can_receive()
     * was true. Must not call net_flush(). */
    void (*receive)(void *dev, const u8 *frame, u32 len);
    /* The cable was pulled out or put in: net_carrier(). May be NULL. */
    void (*carrier)(void *dev);
};

struct net_port {
    /* State: frames, each its length (u32) and bytes, at a multiple of 4 and in one piece; a length
     * of zero stands where the rest of the ring is left out. */
    u32 head; /* where the next one goes */
    u32 tail; /* where the first one is */
    u32 used; /* bytes, gaps included */
    bool unplugged;
    u8 data[NET_QUEUE];

    /* Set by net_port_init(). */
    u8 mac[NET_MAC]; /* as configured: of the card's PROM */
    struct net_link *link;
    const struct net_ops *ops;
    void *opaque; /* for ops: the card, unless its init puts something else here */
};
extern const struct field net_port_fields[];

struct net_link {
    /* Host side: called on the machine's thread with every frame the guest sends, of NET_HEADER to
     * NET_FRAME_MAX bytes; NULL discards. */
    void (*output)(void *opaque, const void *frame, size_t len);
    void *opaque;
    /* Called with every frame, in both directions, when it passes; may be NULL. Set it, and
     * `large`, after net_link_init(). */
    void (*tap)(void *opaque, const void *frame, size_t len);
    void *tap_opaque;
    /* The host takes TCP packets of any length as one frame: a card that would cut them need not.
     * The same in a replay. */
    bool large;

    /* Set by net_port_init(). */
    struct net_port *port;
    struct journal *journal;
    int channel;
};

/* ---- the card's side ---- */

/* Card's init: plugs into link (NULL: no cable) and opens its journal channel "net ID". mac is the
 * option text "52:54:00:12:34:56", or NULL: 52:54:00:12:34:56 for the first card without one,
 * ...:57 for the next. Returns NULL or a message for dev_type.init. */
const char *net_port_init(struct net_port *port, struct dev *dev, struct net_link *link,
                          const char *mac, const struct net_ops *ops);

/* Empties the queue; the cable stays as it is. */
void net_port_reset(struct net_port *port);

/* Of a copy with fields from a file (dev_type.valid): does the queue make sense? */
bool net_port_valid(const struct net_port *copy);

/* There is a cable, and it is plugged in. */
bool net_carrier(const struct net_port *port);

static inline bool net_takes_large(const struct net_port *port)
{
    return port->link && port->link->large;
}

/* Puts a frame on the cable: len below NET_HEADER or above NET_FRAME_MAX, and what is sent without
 * a carrier, is lost. */
void net_send(struct net_port *port, const void *frame, size_t len);

/* Hands over waiting frames while the card can receive: call it when that may have become true. */
void net_flush(struct net_port *port);

/* ---- the host's side ---- */

void net_link_init(struct net_link *link,
                   void (*output)(void *opaque, const void *frame, size_t len), void *opaque);

/* Sends a frame to the guest, into the journal. What does not fit into the queue when it is
 * delivered is lost: frames that together have net_room() bytes, each counted with NET_FRAME_COST
 * more, do fit if nothing else is on its way (machine's thread only). Lengths outside
 * NET_HEADER..NET_FRAME_MAX are ignored. */
#define NET_FRAME_COST 7
void net_input(struct net_link *link, const void *frame, size_t len);
size_t net_room(const struct net_link *link);

/* Pulls the cable out or puts it in, through the journal. */
void net_set_carrier(struct net_link *link, bool plugged);

/* ---- Ethernet ---- */

bool net_parse_mac(const char *text, u8 mac[NET_MAC]);

/* Checksum of a frame: to be appended least significant byte first. */
u32 net_fcs(const void *data, size_t len);

/* The same CRC before its bits are turned around: its upper bits index tables of multicast
 * addresses. */
u32 net_crc_be(const void *data, size_t len);

bool net_is_broadcast(const u8 *mac);
static inline bool net_is_multicast(const u8 *mac) /* or broadcast */
{
    return mac[0] & 1;
}

#endif
