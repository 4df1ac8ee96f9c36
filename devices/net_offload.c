/* Internet checksums (RFC 1071) and TCP segmentation. A piece's headers are written right before
 * its data, over data that has been sent already, so nothing is copied but the headers. */
#include "devices/net_offload.h"

#include <string.h>

#include "base/bytes.h"

enum { TYPE_IP4 = 0x0800, TYPE_IP6 = 0x86dd, TYPE_VLAN = 0x8100 };
enum { PROTOCOL_TCP = 6, PROTOCOL_UDP = 17 };
enum { TCP_FIN = 0x01, TCP_PSH = 0x08, TCP_CWR = 0x80 };

#define IP6_HEADER 40

/* ---- sums ---- */

static u32 fold(u64 sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (u32)sum;
}

u32 net_sum(const void *data, u32 len, u32 sum)
{
    const u8 *p = data;
    u64 all = 0;
    u32 i = 0;

    for (; i + 4 <= len; i += 4) /* the sum of swapped words is the swapped sum */
        all += load_le(p + i, 4);
    if (i + 2 <= len) {
        all += load_le(p + i, 2);
        i += 2;
    }
    if (i < len)
        all += p[i];
    u32 swapped = fold(all);
    return fold((u64)sum + ((swapped & 0xff) << 8 | swapped >> 8));
}

u16 net_checksum(u32 sum)
{
    return (u16)~fold(sum);
}

u32 net_pseudo_sum(const u8 *ip, u8 protocol, u32 len)
{
    bool v6 = *ip >> 4 == 6;
    u32 sum = net_sum(v6 ? ip + 8 : ip + 12, v6 ? 32 : 8, 0);
    return fold((u64)sum + protocol + (len >> 16) + (len & 0xffff));
}

/* ---- layout ---- */

static bool parse_ip4(const u8 *frame, u32 len, struct net_layout *l)
{
    const u8 *ip = frame + l->ip;
    u32 header, total;

    if (len - l->ip < 20 || *ip >> 4 != 4)
        return false;
    header = (*ip & 15u) * 4;
    total = (u32)load_be(ip + 2, 2);
    if (header < 20 || total < header || total > len - l->ip)
        return false;
    l->ip4 = true;
    l->l4 = l->ip + header;
    l->end = l->ip + total;
    if (load_be(ip + 6, 2) & 0x3fff) /* a fragment */
        return true;
    l->tcp = ip[9] == PROTOCOL_TCP;
    l->udp = ip[9] == PROTOCOL_UDP;
    return true;
}

static bool parse_ip6(const u8 *frame, u32 len, struct net_layout *l)
{
    const u8 *ip = frame + l->ip;

    if (len - l->ip < IP6_HEADER || *ip >> 4 != 6 || load_be(ip + 4, 2) > len - l->ip - IP6_HEADER)
        return false;
    l->ip6 = true;
    l->l4 = l->ip + IP6_HEADER;
    l->end = l->l4 + (u32)load_be(ip + 4, 2);
    l->tcp = ip[6] == PROTOCOL_TCP;
    l->udp = ip[6] == PROTOCOL_UDP;
    return true;
}

bool net_parse(const u8 *frame, u32 len, struct net_layout *l)
{
    u32 at = 12;

    memset(l, 0, sizeof(*l));
    if (len >= 18 && load_be(frame + at, 2) == TYPE_VLAN)
        at += 4;
    if (len < at + 2)
        return false;
    l->ip = at + 2;
    bool known = load_be(frame + at, 2) == TYPE_IP4   ? parse_ip4(frame, len, l)
                 : load_be(frame + at, 2) == TYPE_IP6 ? parse_ip6(frame, len, l)
                                                      : false;
    if (known && ((l->tcp && l->end - l->l4 < 20) || (l->udp && l->end - l->l4 < 8)))
        l->tcp = l->udp = false;
    return known;
}

void net_fill_ip4(u8 *frame, const struct net_layout *l)
{
    u8 *ip = frame + l->ip;

    store_be(ip + 10, 2, 0);
    store_be(ip + 10, 2, net_checksum(net_sum(ip, l->l4 - l->ip, 0)));
}

/* UDP: zero would say that there is none. */
static void fill_l4(u8 *ip, u8 *l4, bool tcp, u32 len)
{
    u8 *field = l4 + (tcp ? 16 : 6);
    u32 sum = net_pseudo_sum(ip, tcp ? PROTOCOL_TCP : PROTOCOL_UDP, len);
    u16 check;

    store_be(field, 2, 0);
    check = net_checksum(net_sum(l4, len, sum));
    store_be(field, 2, check || tcp ? check : 0xffff);
}

void net_fill_l4(u8 *frame, const struct net_layout *l)
{
    fill_l4(frame + l->ip, frame + l->l4, l->tcp, l->end - l->l4);
}

/* ---- segmentation ---- */

/* Headers of piece n, which has `size` bytes of data. */
static void fix_headers(u8 *frame, const struct net_cut *how, u32 n, u32 size, bool last)
{
    u8 *ip = frame + how->ip, *l4 = frame + how->l4;
    u32 l4_len = how->header - how->l4 + size;

    if (how->ip6) {
        store_be(ip + 4, 2, how->header - how->ip - IP6_HEADER + size);
    } else {
        store_be(ip + 2, 2, how->header - how->ip + size);
        store_be(ip + 4, 2, load_be(ip + 4, 2) + n);
        if (how->ip_sum) {
            store_be(ip + 10, 2, 0);
            store_be(ip + 10, 2, net_checksum(net_sum(ip, how->l4 - how->ip, 0)));
        }
    }
    if (how->tcp) {
        store_be(l4 + 4, 4, load_be(l4 + 4, 4) + (u64)n * how->mss);
        if (!last)
            l4[13] &= (u8) ~(TCP_FIN | TCP_PSH);
        if (n)
            l4[13] &= (u8)~TCP_CWR;
    } else {
        store_be(l4 + 4, 2, l4_len);
    }
    if (how->l4_sum)
        fill_l4(ip, l4, how->tcp, l4_len);
}

void net_cut(u8 *frame, u32 len, const struct net_cut *how,
             void (*send)(void *opaque, u8 *frame, u32 len), void *opaque)
{
    u8 header[NET_CUT_HEADER];
    u32 data = len > how->header ? len - how->header : 0;
    u32 l4_least = how->l4 + (how->tcp ? 20 : 8), ip_least = how->ip + (how->ip6 ? IP6_HEADER : 20);

    if (how->header > sizeof(header) || how->header > len || how->header < l4_least ||
        how->l4 < ip_least || !how->mss ||
        data / how->mss >= NET_CUT_PIECES) { /* not what it is said to be */
        send(opaque, frame, len);
        return;
    }
    memcpy(header, frame, how->header);
    for (u32 n = 0, done = 0; !n || done < data; n++) {
        u32 size = data - done < how->mss ? data - done : how->mss;
        u8 *piece = frame + done;
        if (n)
            memcpy(piece, header, how->header);
        fix_headers(piece, how, n, size, done + size == data);
        done += size;
        send(opaque, piece, how->header + size);
    }
}
