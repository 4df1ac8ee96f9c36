/* Random values, biased to where instructions change their minds: edges of integers, of packed
 * BCD, of the three floating-point formats (zeros, denormals and pseudo-denormals, unnormals,
 * infinities, NaNs of both kinds, halfway cases), and control words in all modes. */
#include "tests/oracle/oracle.h"

#include <string.h>

u64 rnd64(u64 *seed)
{
    u64 x = *seed += 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

u32 rnd32(u64 *seed)
{
    return (u32)rnd64(seed);
}

u32 below(u64 *seed, u32 n)
{
    return (u32)((rnd64(seed) >> 32) * n >> 32);
}

bool one_in(u64 *seed, u32 n)
{
    return below(seed, n) == 0;
}

u32 edge(u64 *seed)
{
    static const u32 values[] = {0,          1,          2,          3,          0x7f,   0x80,
                                 0xff,       0x100,      0x7fff,     0x8000,     0xffff, 0x10000,
                                 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, ~0u,    31,
                                 32,         33,         8,          9,          16,     17};
    switch (below(seed, 4)) {
    case 0: return values[below(seed, ARRAY_LEN(values))];
    case 1: return 1u << below(seed, 32);
    case 2:
        return values[below(seed, ARRAY_LEN(values))] << 16 |
               values[below(seed, ARRAY_LEN(values))];
    default: return rnd32(seed);
    }
}

static u64 edge_f64(u64 *seed)
{
    static const u64 f64[] = {0,
                              1,
                              0x0010000000000000,
                              0x3ff0000000000000,
                              0x3ff0000000000001,
                              0x7fefffffffffffff,
                              0x7ff0000000000000,
                              0x7ff8000000000000,
                              0x7ff4000000000001,
                              0x41dfffffffc00000,
                              0x41e0000000000000,
                              0x3fe0000000000000,
                              0x3690000000000000,
                              0x000fffffffffffff,
                              0x4330000000000001,
                              0x47efffffe0000000,
                              0x47efffffefffffff,
                              0x380fffffffffffff,
                              0x3ff8000000000000,
                              0x43e0000000000000};
    u64 v = one_in(seed, 3) ? (u64)(0x3fe00000 + below(seed, 0x300000)) << 32 | rnd32(seed)
                            : f64[below(seed, ARRAY_LEN(f64))];
    return v | (u64)below(seed, 2) << 63;
}

static u32 edge_f32(u64 *seed)
{
    static const u32 f32[] = {0,          1,          0x00800000, 0x3f800000, 0x3f800001,
                              0x7f7fffff, 0x7f800000, 0x7fc00000, 0x7fa00001, 0x4f000000,
                              0x4effffff, 0x3f000000, 0x007fffff, 0x3fc00000, 0x5f000000};
    u32 v =
        one_in(seed, 3) ? 0x3e000000 + below(seed, 0x4000000) : f32[below(seed, ARRAY_LEN(f32))];
    return v | below(seed, 2) << 31;
}

static void edge_f80(u64 *seed, u8 *p)
{
    static const u16 exps[] = {0,      1,      0x3fff, 0x3ffe, 0x4000,         0x7ffe,
                               0x7fff, 0x3fbf, 0x403e, 0x401e, 0x400e,         0x403d,
                               0x3f81, 0x3c01, 0x407e, 0x43fe, 0x3f6a,         0x3bcd,
                               0x403a, 0x7fff, 0x4001, 0x5ffd, 0x9ffd & 0x7fff};
    static const u64 sigs[] = {1ull << 63,
                               0,
                               1,
                               ~0ull,
                               0x7fffffffffffffff,
                               3ull << 62,
                               0xa000000000000000,
                               0xffffff0000000000,
                               0xffffff8000000000,
                               0xfffffffffffff800,
                               0xfffffffffffffc00,
                               0x8000000000000001,
                               0x8000008000000000,
                               0x8000000000000400,
                               0xde0b6b3a763ffff0,
                               0xde0b6b3a76400000,
                               0x4000000000000000,
                               0xc90fdaa22168c235,
                               0xb504f333f9de6484,
                               0xfffffffe00000000};
    u16 se =
        one_in(seed, 2) ? exps[below(seed, ARRAY_LEN(exps))] : (u16)(0x3fe0 + below(seed, 0x80));
    u64 sig = one_in(seed, 2) ? sigs[below(seed, ARRAY_LEN(sigs))] : rnd64(seed) | 1ull << 63;
    if (one_in(seed, 8))
        sig &= ~0ull << below(seed, 64);
    if (one_in(seed, 16))
        se = (u16)rnd32(seed);
    se = (u16)((se & 0x7fff) | below(seed, 2) << 15);
    memcpy(p, &sig, 8);
    memcpy(p + 8, &se, 2);
}

static void edge_bcd(u64 *seed, u8 *p)
{
    unsigned kind = below(seed, 4);
    for (unsigned i = 0; i < 10; i++) {
        u8 digits = (u8)(below(seed, 10) << 4 | below(seed, 10));
        p[i] = kind == 0 ? 0x99 : kind == 1 ? (u8)rnd32(seed) : digits;
    }
    p[9] = (u8)(one_in(seed, 4) ? rnd32(seed) : below(seed, 2) << 7);
}

static u64 edge_quad(u64 *seed)
{
    switch (below(seed, 4)) {
    case 0: return edge_f64(seed);
    case 1: return (u64)edge_f32(seed) << 32 | edge_f32(seed);
    case 2: return (u64)edge(seed) << 32 | edge(seed);
    default: return rnd64(seed);
    }
}

void edge_bytes(u64 *seed, u8 *p, unsigned len)
{
    unsigned done = 0;
    if (len >= 10 && one_in(seed, 3)) {
        if (one_in(seed, 4))
            edge_bcd(seed, p);
        else
            edge_f80(seed, p);
        done = 10;
    }
    for (; done < len; done += 8) {
        u64 q = edge_quad(seed);
        memcpy(p + done, &q, len - done < 8 ? len - done : 8);
    }
}

void plain_fx(u8 fx[512])
{
    static const u16 fcw = 0x37f, mxcsr = 0x1f80;
    memset(fx, 0, 512);
    memcpy(fx, &fcw, 2);
    memcpy(fx + 24, &mxcsr, 2);
}

void edge_fx(u64 *seed, u8 fx[512])
{
    u16 fcw = (u16)(0x7f | below(seed, 4) << 8 | below(seed, 4) << 10 | below(seed, 2) << 12);
    u16 fsw = (u16)(below(seed, 8) << 11 | (rnd32(seed) & 0x4700));
    u32 mxcsr = 0x1f80 | below(seed, 4) << 13;
    memset(fx, 0, 512);
    if (one_in(seed, 2))
        fcw = 0x37f;
    if (one_in(seed, 4))
        fcw &= (u16) ~(rnd32(seed) & 0x3f);
    if (one_in(seed, 4))
        fsw |= (u16)(rnd32(seed) & fcw & 0x3f); /* flags of masked exceptions */
    if (one_in(seed, 4))
        fsw |= 1u << 6;
    if (one_in(seed, 32))
        fsw |= (u16)(rnd32(seed) & 0x3f); /* pending */
    if (one_in(seed, 4))
        mxcsr |= rnd32(seed) & 0x8040;
    if (one_in(seed, 4))
        mxcsr &= ~(rnd32(seed) & 0x1f80);
    if (one_in(seed, 4))
        mxcsr |= rnd32(seed) & 0x3f;
    memcpy(fx, &fcw, 2);
    memcpy(fx + 2, &fsw, 2);
    fx[4] = one_in(seed, 2) ? (u8)rnd32(seed) : one_in(seed, 8) ? 0 : 0xff;
    memcpy(fx + 24, &mxcsr, 4);
    u32 fip = edge(seed), fdp = edge(seed);
    u16 fop = rnd32(seed) & 0x7ff;
    memcpy(fx + 6, &fop, 2);
    memcpy(fx + 8, &fip, 4);
    memcpy(fx + 16, &fdp, 4);
    for (unsigned i = 0; i < 8; i++) {
        edge_f80(seed, fx + 32 + 16 * i);
        if (one_in(seed, 4))
            memset(fx + 40 + 16 * i, 0xff, 2); /* as MMX leaves it */
        edge_bytes(seed, fx + 160 + 16 * i, 16);
    }
}

const u8 *background(void)
{
    static u8 bytes[DATA_SIZE];
    static bool made;
    u64 seed = 0x6f7272657279;
    if (!made)
        for (unsigned i = 0; i < DATA_SIZE; i += 4) {
            u32 v = one_in(&seed, 2) ? rnd32(&seed) : edge(&seed);
            memcpy(bytes + i, &v, 4);
        }
    made = true;
    return bytes;
}

void trial_fill(const struct trial *t, u8 *data)
{
    const u8 *from = background();
    u32 ro = DATA_RO - DATA_BASE, after = ro + PAGE_SIZE;
    memcpy(data, from, ro); /* the read-only page stays as it is */
    memcpy(data + after, from + after, DATA_SIZE - after);
    for (unsigned i = 0; i < t->npatches; i++)
        memcpy(data + (t->patches[i].at - DATA_BASE), t->patch_bytes + t->patches[i].from,
               t->patches[i].len);
}
