/* Raw sectors of a data track, made from their user data. ECMA-130: sync and header chapter 14, EDC
 * 14.3, product code (P and Q parities) annex A.
 *
 * Both parities are Reed-Solomon codes over GF(2^8) with the polynomial 11Dh whose code words have
 * two parity bytes: all bytes of a word sum up to 0, and so do they weighted with the powers of 2
 * from its end. */
#include "devices/cd_sector.h"

#include <string.h>

#include "base/bytes.h"

#define MAX_SECTORS (256u * 60 * CD_FRAME)
#define LEAD_IN     150u /* sectors before sector 0 */

void cd_msf(u32 lba, u8 msf[3])
{
    u32 at = lba < MAX_SECTORS - LEAD_IN ? lba + LEAD_IN : MAX_SECTORS - 1;

    msf[0] = (u8)(at / (60 * CD_FRAME));
    msf[1] = (u8)(at / CD_FRAME % 60);
    msf[2] = (u8)(at % CD_FRAME);
}

bool cd_lba(const u8 msf[3], u32 *lba)
{
    u32 at = (msf[0] * 60u + msf[1]) * CD_FRAME + msf[2];

    if (msf[1] >= 60 || msf[2] >= CD_FRAME || at < LEAD_IN)
        return false;
    *lba = at - LEAD_IN;
    return true;
}

static u8 bcd(u8 value)
{
    return (u8)((value / 10 % 16) << 4 | value % 10);
}

/* x^32+x^31+x^16+x^15+x^4+x^3+x+1, least significant bit first. */
static u32 edc(const u8 *data, u32 len)
{
    u32 crc = 0;

    for (u32 i = 0; i < len; i++) {
        crc ^= data[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xd8018001u : 0);
    }
    return crc;
}

static u8 twice(u8 a)
{
    return (u8)(a << 1 ^ (a & 0x80 ? 0x1d : 0));
}

/* a / 3 */
static u8 third(u8 a)
{
    const u8 inverse = 0xf4; /* 3 * f4 = 1 */
    u8 product = 0;

    for (unsigned bit = 0; bit < 8; bit++) {
        product = (u8)(twice(product) ^ (inverse & 0x80 >> bit ? a : 0));
    }
    return product;
}

/* A parity plane over the bytes behind the sync: `words` code words of `data` bytes, byte i of
 * word w at start(w) + i * step, modulo the plane's size. The parities follow the plane. */
struct plane {
    u32 words, data, step, row; /* row: from a pair of words to the next */
    u32 parity;                 /* where they stand */
};

static void encode(u8 *raw, const struct plane *p)
{
    const u8 *plane = raw + CD_AT_HEADER;
    u32 size = p->words * p->data;

    for (u32 w = 0; w < p->words; w++) {
        u32 at = w / 2 * p->row + w % 2; /* two interleaved planes of bytes */
        u8 sum = 0, weighted = 0, first;
        for (u32 i = 0; i < p->data; i++) {
            sum ^= plane[at];
            weighted = (u8)(twice(weighted) ^ plane[at]);
            at = (at + p->step) % size;
        }
        first = third((u8)(twice(twice(weighted)) ^ sum));
        raw[p->parity + w] = first;
        raw[p->parity + p->words + w] = first ^ sum;
    }
}

void cd_mode1(u8 *raw, u32 lba)
{
    static const struct plane p = {86, 24, 86, 2, CD_AT_ECC_P};
    static const struct plane q = {52, 43, 88, 86, CD_AT_ECC_P + 2 * 86};
    u8 msf[3];

    raw[0] = raw[11] = 0;
    memset(raw + 1, 0xff, 10);
    cd_msf(lba, msf);
    for (unsigned i = 0; i < 3; i++)
        raw[CD_AT_HEADER + i] = bcd(msf[i]);
    raw[CD_AT_HEADER + 3] = 1;
    store_le(raw + CD_AT_EDC, 4, edc(raw, CD_AT_EDC));
    memset(raw + CD_AT_EDC + 4, 0, 8);
    encode(raw, &p);
    encode(raw, &q);
}
