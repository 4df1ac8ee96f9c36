/* Draws streams: bytes at random, or opcodes of the instruction table with random prefixes and
 * random bytes behind them, or these with a byte changed. */
#include "tests/streams/streams.h"

#include <string.h>

#include "tests/oracle/oracle.h"

static unsigned put_form(u8 *p, u64 *seed)
{
    static const u8 prefixes[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3};
    static const u8 mandatory[] = {[MP_66] = 0x66, [MP_F3] = 0xf3, [MP_F2] = 0xf2};
    const struct insn_row *row = &insn_table[below(seed, insn_table_len)];
    unsigned n = 0;
    while (one_in(seed, 4) && n < 4)
        p[n++] = prefixes[below(seed, ARRAY_LEN(prefixes))];
    if (row->mand > MP_NONE)
        p[n++] = mandatory[row->mand];
    if (row->map != MAP_1B)
        p[n++] = 0x0f;
    if (row->map == MAP_0F38 || row->map == MAP_0F3A)
        p[n++] = row->map == MAP_0F38 ? 0x38 : 0x3a;
    if (row->map == MAP_3DNOW)
        p[n++] = 0x0f; /* its opcode comes last, by chance */
    else
        p[n++] = row->opcode;
    if (insn_row_has_modrm(row)) {
        u8 modrm = (u8)rnd32(seed);
        if (row->reg >= MODRM(0))
            modrm = (u8)row->reg;
        else if (row->reg >= 0)
            modrm = (u8)((modrm & 0xc7) | row->reg << 3);
        else if (row->map == MAP_3DNOW && (modrm |= 0xc0))
            p[n + 1] = row->opcode;
        p[n++] = modrm;
        n += row->map == MAP_3DNOW;
    }
    for (unsigned i = below(seed, 7); i > 0; i--)
        p[n++] = one_in(seed, 2) ? (u8)rnd32(seed) : (u8)below(seed, 4);
    return n;
}

void stream_draw(struct stream *s, u64 seed)
{
    u8 bytes[STREAM_BYTES + 24];
    unsigned n = 0, kind;
    s->config = below(&seed, world_configs);
    kind = below(&seed, 4);
    while (n < STREAM_BYTES) {
        if (kind == 0)
            bytes[n++] = (u8)rnd32(&seed);
        else
            n += put_form(bytes + n, &seed);
    }
    if (kind == 3)
        bytes[below(&seed, STREAM_BYTES)] = (u8)rnd32(&seed);
    memcpy(s->code, bytes, STREAM_BYTES);
    s->seed = rnd64(&seed);
}
