/* Integers in memory of any alignment: guest memory, disk structures, packets. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <string.h>

#include "base/types.h"

/* The size (1..8) bytes at p as an integer, zero-extended. */
static inline u64 load_le(const void *p, unsigned size)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    u8 b;
    u16 w;
    u32 d;
    u64 q = 0;

    switch (size) { /* constant sizes become one host instruction */
    case 1: memcpy(&b, p, 1); return b;
    case 2: memcpy(&w, p, 2); return w;
    case 4: memcpy(&d, p, 4); return d;
    default: memcpy(&q, p, size); return q;
    }
#else
    const u8 *b = p;
    u64 v = 0;

    for (unsigned i = size; i-- > 0;)
        v = v << 8 | b[i];
    return v;
#endif
}

/* Stores the size (1..8) low bytes of v at p. */
static inline void store_le(void *p, unsigned size, u64 v)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    switch (size) {
    case 1: memcpy(p, &v, 1); break;
    case 2: memcpy(p, &v, 2); break;
    case 4: memcpy(p, &v, 4); break;
    default: memcpy(p, &v, size); break;
    }
#else
    u8 *b = p;

    for (unsigned i = 0; i < size; i++)
        b[i] = (u8)(v >> (8 * i));
#endif
}

/* The same, most significant byte first. */
static inline u64 load_be(const void *p, unsigned size)
{
    const u8 *b = p;
    u64 v = 0;

    for (unsigned i = 0; i < size; i++)
        v = v << 8 | b[i];
    return v;
}

static inline void store_be(void *p, unsigned size, u64 v)
{
    u8 *b = p;

    for (unsigned i = size; i-- > 0; v >>= 8)
        b[i] = (u8)v;
}

#endif
