/* What network cards compute for their drivers: checksums of the Internet, and the cutting of one
 * large TCP packet into frames. */
#ifndef DEVICES_NET_OFFLOAD_H
#define DEVICES_NET_OFFLOAD_H

#include "base/types.h"

/* Sum of 16-bit big-endian words of len bytes, added to `sum`, not yet folded (RFC 1071). An odd
 * byte at the end counts as the upper half of a word. */
u32 net_sum(const void *data, u32 len, u32 sum);
/* The checksum field of a sum. */
u16 net_checksum(u32 sum);
/* The sum of a pseudo header: addresses at `ip` (an IPv4 or IPv6 header), protocol, length. */
u32 net_pseudo_sum(const u8 *ip, u8 protocol, u32 len);

/* What is where in a frame. */
struct net_layout {
    bool ip4, ip6, tcp, udp; /* tcp, udp: a whole packet, no fragment */
    u32 ip, l4;              /* offsets */
    u32 end;                 /* of the IP packet, by its length field */
};
/* False: not IP, or malformed. */
bool net_parse(const u8 *frame, u32 len, struct net_layout *l);

/* Fill in the checksum of an IPv4 header, and of a TCP or UDP packet. */
void net_fill_ip4(u8 *frame, const struct net_layout *l);
void net_fill_l4(u8 *frame, const struct net_layout *l);

/* A packet to be cut: its headers end at `header`, the data after them goes into frames of `mss`
 * bytes (both nonzero) each. The headers' lengths, identifications, sequence numbers and flags are
 * counted on; with ip_sum and l4_sum their checksums are filled in. */
struct net_cut {
    u32 ip, l4;    /* offsets of the headers */
    u32 header;    /* at most NET_CUT_HEADER */
    u32 mss;       /* bytes of data in each frame */
    bool ip6, tcp; /* or IPv4, UDP */
    bool ip_sum, l4_sum;
};
#define NET_CUT_HEADER 256
/* A packet that would become more is left whole: an IP datagram of 68 bytes passes everywhere (RFC
 * 791, 3.2), so nobody has reason to ask for smaller ones. */
#define NET_CUT_PIECES 4096u

/* frame: len bytes, headers and data. Calls send for each piece, which lies over the end of the one
 * before: the frame is destroyed. */
void net_cut(u8 *frame, u32 len, const struct net_cut *how,
             void (*send)(void *opaque, u8 *frame, u32 len), void *opaque);

#endif
