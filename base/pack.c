/* Packing and unpacking: see the header. A count is seven bits a byte, low ones first, the top bit
 * saying that more follow. A text is its bytes with the zero. */
#include "base/pack.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define FIRST_ROOM 4096u

static bool grow(struct pack *p, size_t len)
{
    size_t room = p->room ? p->room : FIRST_ROOM;
    u8 *data;

    while (room - p->len < len)
        room *= 2;
    data = p->failed ? NULL : realloc(p->data, room);
    if (!data) {
        p->failed = true;
        return false;
    }
    p->data = data;
    p->room = room;
    return true;
}

void pack_bytes(struct pack *p, const void *data, size_t len)
{
    if (!len || (p->room - p->len < len && !grow(p, len)))
        return;
    memcpy(p->data + p->len, data, len);
    p->len += len;
}

void pack_uint(struct pack *p, u64 value, unsigned size)
{
    u8 bytes[8];

    store_le(bytes, size, value);
    pack_bytes(p, bytes, size);
}

void pack_count(struct pack *p, u64 value)
{
    for (; value >= 0x80; value >>= 7)
        pack_uint(p, (value & 0x7f) | 0x80, 1);
    pack_uint(p, value, 1);
}

void pack_text(struct pack *p, const char *text)
{
    pack_bytes(p, text, strlen(text) + 1);
}

const u8 *unpack_bytes(struct unpack *u, size_t len)
{
    const u8 *at = u->at;

    if (u->failed || (size_t)(u->end - at) < len) {
        u->failed = true;
        return NULL;
    }
    u->at += len;
    return at;
}

u64 unpack_uint(struct unpack *u, unsigned size)
{
    const u8 *at = unpack_bytes(u, size);

    return at ? load_le(at, size) : 0;
}

u64 unpack_count(struct unpack *u)
{
    u64 value = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        u64 byte = unpack_uint(u, 1);
        value |= (byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
    u->failed = true;
    return 0;
}

const char *unpack_text(struct unpack *u)
{
    size_t left = u->failed ? 0 : (size_t)(u->end - u->at);
    const u8 *zero = left ? memchr(u->at, 0, left) : NULL;

    if (!zero) {
        u->failed = true;
        return "";
    }
    return (const char *)unpack_bytes(u, (size_t)(zero - u->at) + 1);
}
