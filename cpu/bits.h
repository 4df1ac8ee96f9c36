/* Counting and checking bits: what POPCNT and CRC32 compute (SDM volume 2). */
#ifndef CPU_BITS_H
#define CPU_BITS_H

#include "base/types.h"

static inline u32 bits_count(u32 v)
{
    return (u32)__builtin_popcount(v);
}

/* CRC-32C of the low bits of data after sum: polynomial 11EDC6F41 reflected, nothing inverted. */
static inline u32 bits_crc32c(u32 sum, u32 data, unsigned bits)
{
    sum ^= bits == 32 ? data : data & ((1u << bits) - 1);
    for (unsigned i = 0; i < bits; i++)
        sum = sum >> 1 ^ (sum & 1 ? 0x82f63b78 : 0);
    return sum;
}

#endif
