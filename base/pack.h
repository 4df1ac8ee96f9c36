/* Integers and bytes in and out of one growing piece of memory, little-endian whatever the host:
 * for files. A writer that has run out of memory and a reader that has run past its end remember
 * it, go on without harm, and are asked once at the end. */
#ifndef BASE_PACK_H
#define BASE_PACK_H

#include "base/types.h"

struct pack {
    u8 *data; /* malloc'ed; the user frees it */
    size_t len, room;
    bool failed; /* no memory */
};

void pack_bytes(struct pack *p, const void *data, size_t len);
void pack_uint(struct pack *p, u64 value, unsigned size); /* its 1 to 8 low bytes */
void pack_count(struct pack *p, u64 value);               /* small ones are short */
void pack_text(struct pack *p, const char *text);

struct unpack {
    const u8 *at, *end;
    bool failed; /* it has ended too soon, or said what cannot be */
};

/* len bytes where they stand; NULL if there are not so many. */
const u8 *unpack_bytes(struct unpack *u, size_t len);
u64 unpack_uint(struct unpack *u, unsigned size); /* 0 past the end; likewise */
u64 unpack_count(struct unpack *u);
const char *unpack_text(struct unpack *u); /* "" */

#endif
