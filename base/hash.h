/* The state hash: 64 bits over everything that makes up a machine (RAM, CPU, devices). Its value
 * is the same on every host. It guards against divergence and damage, not against an adversary. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/types.h"

#define HASH_LANES 4
#define HASH_BLOCK (8 * HASH_LANES)

struct hash {
    u64 lane[HASH_LANES];
    u64 total;           /* bytes taken so far */
    u8 tail[HASH_BLOCK]; /* the bytes of an unfinished block: total % HASH_BLOCK of them */
};

void hash_init(struct hash *h);

/* Appends n bytes. How the bytes are cut into calls makes no difference. */
void hash_bytes(struct hash *h, const void *data, size_t n);

/* Appends an integer as its `size` (1..8) low bytes, little end first, whatever the host. */
void hash_uint(struct hash *h, u64 value, unsigned size);

static inline void hash_u64(struct hash *h, u64 value)
{
    hash_uint(h, value, 8);
}

/* The hash of everything so far; h may be continued afterwards. */
u64 hash_value(const struct hash *h);

#endif
