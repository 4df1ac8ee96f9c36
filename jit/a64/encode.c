/* The AArch64 encoder. Every instruction is one word; immediate fields are checked or built here,
 * so that callers see plain numbers. DDI 0487, C4.1 (encodings) and C6.2 (instructions). */
#include "jit/a64/encode.h"

#include "base/check.h"

#include <string.h>

void a_init(struct a_enc *e, u8 *base, u8 *end)
{
    *e = (struct a_enc){.base = base, .p = base, .end = end};
}

void a_word(struct a_enc *e, u32 word)
{
    u8 bytes[4] = {(u8)word, (u8)(word >> 8), (u8)(word >> 16), (u8)(word >> 24)};
    memcpy(e->p, bytes, 4);
    e->p += 4;
}

void a_quad(struct a_enc *e, u64 v)
{
    a_word(e, (u32)v);
    a_word(e, (u32)(v >> 32));
}

/* -- add and subtract -- */

static u32 addsub_bits(struct a_enc *e, unsigned sf, enum a_addsub op)
{
    e->flags_gen += op & 1;
    return (u32)sf << 31 | (u32)op << 29;
}

void a_addsub_shift(struct a_enc *e, unsigned sf, enum a_addsub op, unsigned d, unsigned n,
                    unsigned m, enum a_shift shift, unsigned by)
{
    a_word(e, 0x0b000000 | addsub_bits(e, sf, op) | (u32)shift << 22 | m << 16 | by << 10 | n << 5 |
                  d);
}

void a_addsub(struct a_enc *e, unsigned sf, enum a_addsub op, unsigned d, unsigned n, unsigned m)
{
    a_addsub_shift(e, sf, op, d, n, m, A_LSL, 0);
}

void a_addsub_carry(struct a_enc *e, unsigned sf, enum a_addsub op, unsigned d, unsigned n,
                    unsigned m)
{
    a_word(e, 0x1a000000 | addsub_bits(e, sf, op) | m << 16 | n << 5 | d);
}

void a_addsub_ext(struct a_enc *e, unsigned sf, enum a_addsub op, unsigned d, unsigned n,
                  unsigned m, enum a_extend ext, unsigned by)
{
    a_word(e,
           0x0b200000 | addsub_bits(e, sf, op) | m << 16 | (u32)ext << 13 | by << 10 | n << 5 | d);
}

bool a_addsub_imm(struct a_enc *e, unsigned sf, enum a_addsub op, unsigned d, unsigned n, u64 imm)
{
    u64 mask = sf ? ~(u64)0 : UINT32_MAX;
    imm &= mask;
    /* x - (-i) is x + i; of 0 the carries differ */
    if (imm > 0xfff && ((imm & 0xfff) || imm > 0xffffff)) {
        imm = (0 - imm) & mask;
        op ^= 2;
    }
    if (imm > 0xfff && ((imm & 0xfff) || imm > 0xffffff))
        return false;
    u32 shifted = imm > 0xfff;
    a_word(e, 0x11000000 | addsub_bits(e, sf, op) | shifted << 22 |
                  (u32)(shifted ? imm >> 12 : imm) << 10 | n << 5 | d);
    return true;
}

void a_addsub_any(struct a_enc *e, unsigned sf, enum a_addsub op, unsigned d, unsigned n, u64 imm,
                  unsigned via)
{
    if (a_addsub_imm(e, sf, op, d, n, imm))
        return;
    if (sf)
        a_mov_imm64(e, via, imm);
    else
        a_mov_imm(e, via, (u32)imm);
    a_addsub(e, sf, op, d, n, via);
}

/* -- logic -- */

void a_logic_shift(struct a_enc *e, unsigned sf, enum a_logic op, unsigned d, unsigned n,
                   unsigned m, enum a_shift shift, unsigned by)
{
    e->flags_gen += (op & 3) == A_ANDS;
    a_word(e, 0x0a000000 | (u32)sf << 31 | (op & 3u) << 29 | (u32)shift << 22 | (op >> 2) << 21 |
                  m << 16 | by << 10 | n << 5 | d);
}

void a_logic(struct a_enc *e, unsigned sf, enum a_logic op, unsigned d, unsigned n, unsigned m)
{
    a_logic_shift(e, sf, op, d, n, m, A_LSL, 0);
}

static u64 low_bits(unsigned n)
{
    return n >= 64 ? ~(u64)0 : ((u64)1 << n) - 1;
}

static u64 rotate(u64 v, unsigned by, unsigned width)
{
    by %= width;
    return by ? ((v >> by) | (v << (width - by))) & low_bits(width) : v;
}

/* N, immr, imms of a bit pattern: a rotated run of ones, repeated (DecodeBitMasks). 0: none. */
static u32 bit_mask(u64 imm, unsigned sf)
{
    unsigned size = sf ? 64 : 32;
    imm &= low_bits(size);
    if (!imm || imm == low_bits(size))
        return 0;
    while (size > 2 && rotate(imm, size / 2, size) == imm)
        imm &= low_bits(size /= 2);
    for (unsigned by = 0; by < size; by++) {
        u64 run = rotate(imm, by, size); /* imm = run rotated left by `by` */
        if (run & (run + 1))
            continue;
        unsigned ones = (unsigned)__builtin_popcountll(run);
        u32 imms = (~(size * 2 - 1) & 0x3f) | (ones - 1);
        u32 immr = (size - by) % size;
        return 1u << 31 | (u32)(size == 64) << 22 | immr << 16 | imms << 10;
    }
    return 0;
}

bool a_logic_imm(struct a_enc *e, unsigned sf, enum a_logic op, unsigned d, unsigned n, u64 imm)
{
    u32 fields = bit_mask(imm, sf);
    if (!fields)
        return false;
    e->flags_gen += op == A_ANDS;
    a_word(e, 0x12000000 | (u32)sf << 31 | (u32)op << 29 | (fields & 0x7fffffff) | n << 5 | d);
    return true;
}

void a_logic_any(struct a_enc *e, unsigned sf, enum a_logic op, unsigned d, unsigned n, u64 imm,
                 unsigned via)
{
    if (a_logic_imm(e, sf, op, d, n, imm))
        return;
    if (sf)
        a_mov_imm64(e, via, imm);
    else
        a_mov_imm(e, via, (u32)imm);
    a_logic(e, sf, op, d, n, via);
}

/* -- moves -- */

void a_mov(struct a_enc *e, unsigned sf, unsigned d, unsigned s)
{
    a_logic(e, sf, A_ORR, d, A_ZR, s);
}

enum { MOVN = 0x12800000, MOVZ = 0x52800000, MOVK = 0x72800000 };

static void move_wide(struct a_enc *e, u32 op, unsigned sf, unsigned d, u32 half, unsigned n)
{
    a_word(e, op | (u32)sf << 31 | n << 21 | (half & 0xffff) << 5 | d);
}

void a_mov_imm(struct a_enc *e, unsigned d, u32 imm)
{
    u32 lo = imm & 0xffff, hi = imm >> 16;
    if (!hi || !lo) {
        move_wide(e, MOVZ, 0, d, hi ? hi : lo, hi ? 1 : 0);
    } else if (hi == 0xffff || lo == 0xffff) {
        move_wide(e, MOVN, 0, d, ~(hi == 0xffff ? lo : hi), hi == 0xffff ? 0 : 1);
    } else if (!a_logic_imm(e, 0, A_ORR, d, A_ZR, imm)) {
        move_wide(e, MOVZ, 0, d, lo, 0);
        move_wide(e, MOVK, 0, d, hi, 1);
    }
}

/* How many quarters of imm are not half? */
static unsigned halves_unlike(u64 imm, u32 half)
{
    unsigned count = 0;
    for (unsigned n = 0; n < 4; n++)
        count += (imm >> 16 * n & 0xffff) != half;
    return count;
}

void a_mov_imm64(struct a_enc *e, unsigned d, u64 imm)
{
    bool first = true;
    if (imm <= UINT32_MAX) {
        a_mov_imm(e, d, (u32)imm);
        return;
    }
    if (a_logic_imm(e, 1, A_ORR, d, A_ZR, imm))
        return;
    u32 rest = halves_unlike(imm, 0xffff) < halves_unlike(imm, 0) ? 0xffff : 0;
    for (unsigned n = 0; n < 4; n++) {
        u32 half = (u32)(imm >> 16 * n) & 0xffff;
        if (half == rest)
            continue;
        move_wide(e, !first ? MOVK : rest ? MOVN : MOVZ, 1, d, first ? half ^ rest : half, n);
        first = false;
    }
    if (first) /* all ones */
        move_wide(e, MOVN, 1, d, 0, 0);
}

void a_mov_address(struct a_enc *e, unsigned d, u64 v)
{
    for (unsigned n = 0; n < 4; n++)
        move_wide(e, n ? MOVK : MOVZ, 1, d, (u32)(v >> 16 * n), n);
}

void a_bitfield(struct a_enc *e, unsigned sf, enum a_bitfield op, unsigned d, unsigned n,
                unsigned immr, unsigned imms)
{
    a_word(e, 0x13000000 | (u32)sf << 31 | (u32)op << 29 | (u32)sf << 22 | immr << 16 | imms << 10 |
                  n << 5 | d);
}

void a_shift_imm(struct a_enc *e, unsigned sf, enum a_shift op, unsigned d, unsigned n, unsigned by)
{
    unsigned top = sf ? 63 : 31;
    switch (op) {
    case A_LSL: a_bitfield(e, sf, A_UBFM, d, n, (top + 1 - by) & top, top - by); break;
    case A_LSR: a_bitfield(e, sf, A_UBFM, d, n, by, top); break;
    case A_ASR: a_bitfield(e, sf, A_SBFM, d, n, by, top); break;
    default: /* EXTR */
        a_word(e, 0x13800000 | (u32)sf << 31 | (u32)sf << 22 | n << 16 | by << 10 | n << 5 | d);
    }
}

/* -- others with registers -- */

void a_two(struct a_enc *e, unsigned sf, enum a_two_source op, unsigned d, unsigned n, unsigned m)
{
    a_word(e, 0x1ac00000 | (u32)sf << 31 | m << 16 | (u32)op << 10 | n << 5 | d);
}

void a_one(struct a_enc *e, unsigned sf, enum a_one_source op, unsigned d, unsigned n)
{
    u32 code = op == A_REV && !sf ? 2 : (u32)op; /* REV of W */
    a_word(e, 0x5ac00000 | (u32)sf << 31 | code << 10 | n << 5 | d);
}

void a_crc32c(struct a_enc *e, unsigned log2, unsigned d, unsigned n, unsigned m)
{
    a_word(e, 0x1ac05000 | m << 16 | log2 << 10 | n << 5 | d);
}

void a_mul(struct a_enc *e, unsigned sf, enum a_mul op, unsigned d, unsigned n, unsigned m,
           unsigned a)
{
    /* bits 23 to 21 are in op's upper part, bit 15 in bit 0 */
    u32 o = (u32)op;
    a_word(e, 0x1b000000 | (u32)sf << 31 | (o & 0x1e0) << 16 | m << 16 | (o & 1) << 15 | a << 10 |
                  n << 5 | d);
}

void a_select(struct a_enc *e, unsigned sf, enum a_select op, unsigned d, unsigned n, unsigned m,
              enum a_cond c)
{
    a_word(e, 0x1a800000 | (u32)sf << 31 | (op >> 1) << 30 | m << 16 | (u32)c << 12 |
                  (op & 1u) << 10 | n << 5 | d);
}

void a_cset(struct a_enc *e, unsigned d, enum a_cond c)
{
    a_select(e, 0, A_CSINC, d, A_ZR, A_ZR, c ^ 1);
}

void a_ccmp_imm(struct a_enc *e, unsigned sf, unsigned n, unsigned imm, unsigned nzcv,
                enum a_cond c)
{
    e->flags_gen++;
    a_word(e, 0x7a400800 | (u32)sf << 31 | imm << 16 | (u32)c << 12 | n << 5 | nzcv);
}

void a_ccmp(struct a_enc *e, unsigned sf, unsigned n, unsigned m, unsigned nzcv, enum a_cond c)
{
    e->flags_gen++;
    a_word(e, 0x7a400000 | (u32)sf << 31 | m << 16 | (u32)c << 12 | n << 5 | nzcv);
}

/* -- memory -- */

static unsigned access_log2(enum a_access op)
{
    return (op & 6) == 6 && (op >> 3) == 0 ? 4 : op >> 3;
}

static u32 access_bits(enum a_access op)
{
    return 0x38000000 | (u32)(op >> 3) << 30 | (op >> 2 & 1u) << 26 | (op & 3u) << 22;
}

bool a_offset_fits(enum a_access op, s64 offset)
{
    unsigned log2 = access_log2(op);
    if (offset >= -256 && offset < 256)
        return true;
    return offset >= 0 && !(offset & ((1 << log2) - 1)) && offset >> log2 < 4096;
}

void a_access(struct a_enc *e, enum a_access op, unsigned t, unsigned n, s64 offset)
{
    unsigned log2 = access_log2(op);
    CHECK(a_offset_fits(op, offset), "offset %lld of an access", (long long)offset);
    if (offset >= 0 && !(offset & ((1 << log2) - 1)))
        a_word(e, access_bits(op) | 1u << 24 | (u32)(offset >> log2) << 10 | n << 5 | t);
    else
        a_word(e, access_bits(op) | ((u32)offset & 0x1ff) << 12 | n << 5 | t);
}

void a_access_reg(struct a_enc *e, enum a_access op, unsigned t, unsigned n, unsigned m,
                  enum a_extend ext, bool scaled)
{
    a_word(e, access_bits(op) | 1u << 21 | m << 16 | (u32)ext << 13 | (u32)scaled << 12 | 2u << 10 |
                  n << 5 | t);
}

void a_pair(struct a_enc *e, unsigned sf, bool load, unsigned t, unsigned t2, unsigned n,
            s32 offset)
{
    a_word(e, 0x29000000 | (u32)sf << 31 | (u32)load << 22 |
                  ((u32)(offset / (sf ? 8 : 4)) & 0x7f) << 15 | t2 << 10 | n << 5 | t);
}

void a_load_literal(struct a_enc *e, unsigned t, s32 from_here)
{
    a_word(e, 0x58000000 | ((u32)(from_here / 4) & 0x7ffff) << 5 | t);
}

/* -- jumps -- */

enum { B = 0x14000000, BL = 0x94000000u, B_COND = 0x54000000, CBZ = 0x34000000, TBZ = 0x36000000 };

static u32 emit_jump(struct a_enc *e, u32 word)
{
    u32 pos = a_pos(e);
    a_word(e, word);
    return pos;
}

u32 a_jump(struct a_enc *e)
{
    return emit_jump(e, B);
}

u32 a_jump_if(struct a_enc *e, enum a_cond c)
{
    return emit_jump(e, B_COND | (u32)c);
}

u32 a_jump_zero(struct a_enc *e, unsigned sf, bool zero, unsigned t)
{
    return emit_jump(e, CBZ | (u32)sf << 31 | (u32)!zero << 24 | t);
}

u32 a_jump_bit(struct a_enc *e, bool set, unsigned t, unsigned bit)
{
    return emit_jump(e, TBZ | (bit >> 5) << 31 | (u32)set << 24 | (bit & 31) << 19 | t);
}

/* The displacement's field of a jump of this kind: width and position. */
static void lead(struct a_enc *e, u32 jump, s64 distance)
{
    u32 word;
    memcpy(&word, e->base + jump, 4);
    unsigned width = 19, shift = 5;
    if ((word & 0x7c000000) == B) {
        width = 26;
        shift = 0;
    } else if ((word & 0x7e000000) == TBZ) {
        width = 14;
    }
    s64 words = distance / 4;
    CHECK(words >= -((s64)1 << (width - 1)) && words < (s64)1 << (width - 1),
          "a jump of %lld bytes", (long long)distance);
    u32 mask = ((1u << width) - 1) << shift;
    word = (word & ~mask) | (((u32)words << shift) & mask);
    memcpy(e->base + jump, &word, 4);
}

void a_bind(struct a_enc *e, u32 jump)
{
    lead(e, jump, (s64)a_pos(e) - jump);
}

static void jump_to(struct a_enc *e, u32 word, s64 pos)
{
    u32 at = emit_jump(e, word);
    lead(e, at, pos - at);
}

void a_jump_to(struct a_enc *e, s64 pos)
{
    jump_to(e, B, pos);
}

void a_jump_if_to(struct a_enc *e, enum a_cond c, s64 pos)
{
    jump_to(e, B_COND | (u32)c, pos);
}

void a_call_to(struct a_enc *e, s64 pos)
{
    jump_to(e, BL, pos);
}

u32 a_jump_word(s64 distance)
{
    return B | ((u32)(distance / 4) & 0x3ffffff);
}

void a_br(struct a_enc *e, unsigned n)
{
    a_word(e, 0xd61f0000 | n << 5);
}

void a_blr(struct a_enc *e, unsigned n)
{
    a_word(e, 0xd63f0000 | n << 5);
}

void a_ret(struct a_enc *e)
{
    a_word(e, 0xd65f03c0);
}

void a_align(struct a_enc *e, unsigned to)
{
    while (a_pos(e) % to)
        a_word(e, 0xd4200000); /* BRK */
}

void a_vec3(struct a_enc *e, u32 op, unsigned d, unsigned n, unsigned m)
{
    a_word(e, op | m << 16 | n << 5 | d);
}

void a_read_fpsr(struct a_enc *e, unsigned t)
{
    a_word(e, 0xd53b4420 | t);
}

void a_clear_fpsr(struct a_enc *e)
{
    a_word(e, 0xd51b4420 | A_ZR);
}
