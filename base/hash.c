/* The state hash. Four independent lanes take eight bytes each in turn, so that the
 * multiplications of one block overlap and memory is the limit; the lanes are mixed together at
 * the end. Every step of a lane is a bijection of the lane for a given input, so a single
 * changed word always shows in its lane. Words are read little end first on any host. */
#include "base/hash.h"

#include <string.h>

#define MUL_A 0x9fb21c651e98df25ull
#define MUL_B 0xd6e8feb86659fd93ull

static u64 load_le64(const u8 *p)
{
    u64 v;
    memcpy(&v, p, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

static inline u64 lane_step(u64 lane, u64 word)
{
    lane = (lane ^ word) * MUL_A;
    return lane ^ (lane >> 29);
}

void hash_init(struct hash *h)
{
    memset(h, 0, sizeof(*h));
    for (u64 i = 0; i < HASH_LANES; i++)
        h->lane[i] = (i + 1) * MUL_B;
}

static void take_blocks(struct hash *h, const u8 *p, size_t blocks)
{
    u64 a = h->lane[0], b = h->lane[1], c = h->lane[2], d = h->lane[3];
    for (; blocks; blocks--, p += HASH_BLOCK) {
        a = lane_step(a, load_le64(p));
        b = lane_step(b, load_le64(p + 8));
        c = lane_step(c, load_le64(p + 16));
        d = lane_step(d, load_le64(p + 24));
    }
    h->lane[0] = a;
    h->lane[1] = b;
    h->lane[2] = c;
    h->lane[3] = d;
}

void hash_bytes(struct hash *h, const void *data, size_t n)
{
    const u8 *p = data;
    size_t held = h->total % HASH_BLOCK;

    if (!n)
        return;
    h->total += n;
    if (held) {
        size_t fill = HASH_BLOCK - held < n ? HASH_BLOCK - held : n;
        memcpy(h->tail + held, p, fill);
        p += fill;
        n -= fill;
        if (held + fill < HASH_BLOCK)
            return;
        take_blocks(h, h->tail, 1);
    }
    take_blocks(h, p, n / HASH_BLOCK);
    p += n / HASH_BLOCK * HASH_BLOCK;
    memcpy(h->tail, p, n % HASH_BLOCK);
}

void hash_uint(struct hash *h, u64 value, unsigned size)
{
    u8 bytes[8];
    for (unsigned i = 0; i < size; i++)
        bytes[i] = (u8)(value >> (8 * i));
    hash_bytes(h, bytes, size);
}

static u64 mix(u64 v)
{
    v = (v ^ (v >> 32)) * MUL_B;
    v = (v ^ (v >> 29)) * MUL_A;
    return v ^ (v >> 32);
}

u64 hash_value(const struct hash *h)
{
    struct hash last = *h;
    size_t held = h->total % HASH_BLOCK;
    u64 v = mix(h->total);

    if (held) {
        memset(last.tail + held, 0, HASH_BLOCK - held);
        take_blocks(&last, last.tail, 1);
    }
    for (int i = 0; i < HASH_LANES; i++)
        v = mix(v ^ last.lane[i]) + last.lane[i];
    return mix(v);
}
