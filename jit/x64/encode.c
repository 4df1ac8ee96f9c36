/* The x86-64 encoder. All instructions with a ModRM byte go through x_rr() and x_rm(), which place
 * the prefixes and REX; the rest of the file names opcodes. SDM volume 2, chapters 2 (formats) and
 * 3-5 (opcodes). */
#include "jit/x64/encode.h"

#include <string.h>

#include "base/check.h"

void enc_init(struct enc *e, u8 *base, u8 *end)
{
    e->base = e->p = base;
    e->end = end;
    e->flags_gen = 1;
}

void x_byte(struct enc *e, unsigned b)
{
    *e->p++ = (u8)b;
}

void x_u32(struct enc *e, u32 v)
{
    memcpy(e->p, &v, sizeof(v));
    e->p += sizeof(v);
}

void x_u64(struct enc *e, u64 v)
{
    memcpy(e->p, &v, sizeof(v));
    e->p += sizeof(v);
}

/* Prefixes, REX and opcode, gathered in a word and written at once: this runs for every
 * instruction. reg, index, rm: full register numbers, 0 where there is none. */
static inline void opcode(struct enc *e, u32 op, unsigned reg, unsigned index, unsigned rm,
                          bool byte_rex)
{
    unsigned rex = ((op & XO_W) ? 8 : 0) | (reg >> 3) << 2 | (index >> 3) << 1 | rm >> 3;
    u64 bytes = 0;
    unsigned bits = 0;
#define PUT(byte) (bytes |= (u64)(byte) << bits, bits += 8)
    if (op & (XO_66 | XO_F2 | XO_F3))
        PUT(op & XO_66 ? 0x66 : op & XO_F2 ? 0xf2 : 0xf3);
    if (rex || byte_rex)
        PUT(0x40 | rex);
    if (op & (XO_0F | XO_0F38 | XO_0F3A))
        PUT(0x0f);
    if (op & (XO_0F38 | XO_0F3A))
        PUT(op & XO_0F38 ? 0x38 : 0x3a);
    PUT(op & 0xff);
#undef PUT
    memcpy(e->p, &bytes, sizeof(bytes)); /* what is too much is written over */
    e->p += bits / 8;
    e->flags_gen += (op & XO_FL) != 0;
}

void x_rr(struct enc *e, u32 op, unsigned reg, unsigned rm)
{
    bool byte_rex = ((op & XO_BREG) && reg >= 4) || ((op & XO_BRM) && rm >= 4);
    opcode(e, op, reg, 0, rm, byte_rex);
    x_byte(e, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

static void modrm_mem(struct enc *e, unsigned reg, struct x_mem m)
{
    unsigned r = (reg & 7) << 3, base = m.base & 7;
    if (m.base == HOST_NONE) { /* SIB without base: always a 32-bit displacement */
        x_byte(e, r | 4);
        unsigned index = m.index == HOST_NONE ? 4 : m.index & 7;
        x_byte(e, (unsigned)m.scale << 6 | index << 3 | 5);
        x_u32(e, (u32)m.disp);
        return;
    }
    unsigned mod = 0x80;
    if (m.disp == 0 && base != RBP)
        mod = 0;
    else if (m.disp == (s8)m.disp)
        mod = 0x40;
    u8 *p = e->p;
    if (m.index != HOST_NONE || base == RSP) {
        unsigned index = m.index == HOST_NONE ? 4 : m.index & 7;
        CHECK(m.index != RSP, "rsp as an index");
        *p++ = (u8)(mod | r | 4);
        *p++ = (u8)((unsigned)m.scale << 6 | index << 3 | base);
    } else {
        *p++ = (u8)(mod | r | base);
    }
    memcpy(p, &m.disp, sizeof(m.disp));
    e->p = p + (mod == 0x80 ? 4 : mod == 0x40 ? 1 : 0);
}

void x_rm(struct enc *e, u32 op, unsigned reg, struct x_mem m)
{
    unsigned index = m.index == HOST_NONE ? 0 : m.index, base = m.base == HOST_NONE ? 0 : m.base;
    opcode(e, op, reg, index, base, (op & XO_BREG) && reg >= 4);
    modrm_mem(e, reg, m);
}

/* The usual opcode pair: even for bytes, odd for the rest, with size prefixes. */
static u32 sized(u32 op, unsigned size)
{
    switch (size) {
    case 1: return (op & ~1u) | XO_BREG | XO_BRM;
    case 2: return op | XO_66;
    case 8: return op | XO_W;
    default: return op;
    }
}

static void imm_sized(struct enc *e, unsigned size, u32 imm)
{
    if (size == 1) {
        x_byte(e, imm & 0xff);
    } else if (size == 2) {
        x_byte(e, imm & 0xff);
        x_byte(e, imm >> 8 & 0xff);
    } else {
        x_u32(e, imm);
    }
}

void x_alu_rr(struct enc *e, enum x_alu op, unsigned size, unsigned d, unsigned s)
{
    x_rr(e, sized(((u32)op << 3 | 3) | XO_FL, size), d, s);
}

void x_alu_rm(struct enc *e, enum x_alu op, unsigned size, unsigned d, struct x_mem s)
{
    x_rm(e, sized(((u32)op << 3 | 3) | XO_FL, size), d, s);
}

void x_alu_mr(struct enc *e, enum x_alu op, unsigned size, struct x_mem d, unsigned s)
{
    x_rm(e, sized(((u32)op << 3 | 1) | XO_FL, size), s, d);
}

/* 80 /n ib, 83 /n ib (sign-extended), 81 /n. */
static bool imm_is_byte(unsigned size, s32 *imm)
{
    if (size == 2)
        *imm = (s16)*imm;
    return size == 1 || *imm == (s8)*imm;
}

void x_alu_ri(struct enc *e, enum x_alu op, unsigned size, unsigned d, s32 imm)
{
    bool byte = imm_is_byte(size, &imm);
    x_rr(e, (sized((byte ? 0x83 : 0x81) | XO_FL, size) & ~(size == 1 ? 3u : 0u)) & ~(u32)XO_BREG,
         op, d);
    imm_sized(e, byte ? 1 : size, (u32)imm);
}

void x_alu_mi(struct enc *e, enum x_alu op, unsigned size, struct x_mem d, s32 imm)
{
    bool byte = imm_is_byte(size, &imm);
    x_rm(e, (sized((byte ? 0x83 : 0x81) | XO_FL, size) & ~(size == 1 ? 3u : 0u)) & ~(u32)XO_BREG,
         op, d);
    imm_sized(e, byte ? 1 : size, (u32)imm);
}

void x_test_rr(struct enc *e, unsigned size, unsigned a, unsigned b)
{
    x_rr(e, sized(0x85 | XO_FL, size), b, a);
}

void x_test_ri(struct enc *e, unsigned size, unsigned a, u32 imm)
{
    x_rr(e, sized(0xf7 | XO_FL, size) & ~(u32)XO_BREG, 0, a);
    imm_sized(e, size, imm);
}

void x_mov_rr(struct enc *e, unsigned size, unsigned d, unsigned s)
{
    x_rr(e, sized(0x8b, size), d, s);
}

void x_mov_ri(struct enc *e, unsigned d, u32 imm)
{
    if (d >= 8)
        x_byte(e, 0x41);
    x_byte(e, 0xb8 | (d & 7));
    x_u32(e, imm);
}

u32 x_mov_r64(struct enc *e, unsigned reg, u64 v)
{
    x_byte(e, 0x48 | reg >> 3);
    x_byte(e, 0xb8 | (reg & 7));
    x_u64(e, v);
    return enc_pos(e) - 8;
}

void x_mov_ri64(struct enc *e, unsigned d, u64 imm)
{
    if (imm == (u32)imm)
        x_mov_ri(e, d, (u32)imm);
    else if (imm == (u64)(s64)(s32)imm)
        x_mov_low_ri(e, 8, d, (u32)imm);
    else
        x_mov_r64(e, d, imm);
}

void x_mov_low_ri(struct enc *e, unsigned size, unsigned d, u32 imm)
{
    x_rr(e, sized(0xc7, size) & ~(u32)XO_BREG, 0, d);
    imm_sized(e, size, imm);
}

void x_mov_high(struct enc *e, unsigned d, unsigned s)
{
    CHECK(d < 4 && s < 4, "no REX with a high byte");
    x_byte(e, 0x8a);
    x_byte(e, 0xc0 | (d + 4) << 3 | s);
}

void x_mov_high_i(struct enc *e, unsigned d, unsigned imm)
{
    CHECK(d < 4, "no REX with a high byte");
    x_byte(e, 0xb4 + d);
    x_byte(e, imm & 0xff);
}

void x_movzx_high(struct enc *e, unsigned d, unsigned s)
{
    CHECK(d < 8 && s < 4, "no REX with a high byte");
    x_byte(e, 0x0f);
    x_byte(e, 0xb6);
    x_byte(e, 0xc0 | d << 3 | (s + 4));
}

void x_load(struct enc *e, unsigned size, unsigned d, struct x_mem m)
{
    if (size < 4)
        x_rm(e, (size == 1 ? 0xb6 : 0xb7) | XO_0F, d, m);
    else
        x_rm(e, sized(0x8b, size), d, m);
}

/* Sign-extending moves from size bytes to `to`. */
static u32 sign_extend(unsigned size, unsigned to)
{
    u32 op = size == 1 ? 0xbe | XO_0F | XO_BRM : size == 2 ? 0xbf | XO_0F : 0x63;
    return op | (to == 8 ? XO_W : 0);
}

void x_load_sx(struct enc *e, unsigned size, unsigned to, unsigned d, struct x_mem m)
{
    x_rm(e, sign_extend(size, to), d, m);
}

void x_store(struct enc *e, unsigned size, struct x_mem m, unsigned s)
{
    x_rm(e, sized(0x89, size), s, m);
}

void x_store_i(struct enc *e, unsigned size, struct x_mem m, u32 imm)
{
    x_rm(e, sized(0xc7, size) & ~(u32)XO_BREG, 0, m);
    imm_sized(e, size, imm);
}

void x_lea(struct enc *e, unsigned size, unsigned d, struct x_mem m)
{
    x_rm(e, sized(0x8d, size), d, m);
}

void x_zx(struct enc *e, unsigned size, unsigned d, unsigned s)
{
    x_rr(e, (size == 1 ? 0xb6 | XO_BRM : 0xb7) | XO_0F, d, s);
}

void x_sx(struct enc *e, unsigned size, unsigned to, unsigned d, unsigned s)
{
    x_rr(e, sign_extend(size, to), d, s);
}

void x_shift_ri(struct enc *e, enum x_shift op, unsigned size, unsigned d, unsigned count)
{
    if (count == 1) {
        x_rr(e, sized(0xd1 | XO_FL, size) & ~(u32)XO_BREG, op, d);
        return;
    }
    x_rr(e, sized(0xc1 | XO_FL, size) & ~(u32)XO_BREG, op, d);
    x_byte(e, count);
}

void x_shift_cl(struct enc *e, enum x_shift op, unsigned size, unsigned d)
{
    x_rr(e, sized(0xd3 | XO_FL, size) & ~(u32)XO_BREG, op, d);
}

/* VEX.LZ.{66,F3,F2}.0F38.W F7 /r: the count is in VEX.vvvv. */
void x_shiftx(struct enc *e, enum x_shift op, unsigned size, unsigned d, unsigned s, unsigned count)
{
    unsigned pp = op == X_SHL ? 1 : op == X_SAR ? 2 : 3;
    x_byte(e, 0xc4);
    x_byte(e, (d < 8 ? 0x80u : 0) | 0x40 | (s < 8 ? 0x20u : 0) | 2);
    x_byte(e, (size == 8 ? 0x80u : 0) | (~count & 15) << 3 | pp);
    x_byte(e, 0xf7);
    x_byte(e, 0xc0 | (d & 7) << 3 | (s & 7));
}

/* VEX.LZ.F2.0F3A.W1 F0 /r ib */
void x_rorx64(struct enc *e, unsigned d, unsigned s, unsigned count)
{
    x_byte(e, 0xc4);
    x_byte(e, (d < 8 ? 0x80u : 0) | 0x40 | (s < 8 ? 0x20u : 0) | 3);
    x_byte(e, 0x80 | 15 << 3 | 3);
    x_byte(e, 0xf0);
    x_byte(e, 0xc0 | (d & 7) << 3 | (s & 7));
    x_byte(e, count);
}

void x_unary(struct enc *e, unsigned n, unsigned size, unsigned d)
{
    x_rr(e, (sized(0xf7, size) & ~(u32)XO_BREG) | (n == 2 ? 0 : XO_FL), n, d);
}

void x_incdec(struct enc *e, unsigned n, unsigned size, unsigned d)
{
    x_rr(e, (sized(0xff, size) & ~(u32)XO_BREG) | XO_FL, n, d);
}

void x_imul_rr(struct enc *e, unsigned size, unsigned d, unsigned s)
{
    x_rr(e, 0xaf | XO_0F | XO_FL | (size == 8 ? XO_W : 0), d, s);
}

void x_imul_rri(struct enc *e, unsigned size, unsigned d, unsigned s, s32 imm)
{
    bool byte = imm == (s8)imm;
    x_rr(e, (byte ? 0x6b : 0x69) | XO_FL | (size == 8 ? XO_W : 0), d, s);
    imm_sized(e, byte ? 1 : 4, (u32)imm);
}

/* F2 is the mandatory prefix, before which 66 may stand. */
void x_crc32(struct enc *e, unsigned size, unsigned d, unsigned s)
{
    if (size == 2)
        x_byte(e, 0x66);
    x_rr(e, (size == 1 ? 0xf0 | XO_BRM : 0xf1) | XO_0F38 | XO_F2, d, s);
}

void x_bswap(struct enc *e, unsigned size, unsigned d)
{
    if (size == 8 || d >= 8)
        x_byte(e, 0x40 | (size == 8 ? 8u : 0) | d >> 3);
    x_byte(e, 0x0f);
    x_byte(e, 0xc8 | (d & 7));
}

void x_bt_ri(struct enc *e, unsigned a, unsigned bit)
{
    x_rr(e, 0xba | XO_0F | XO_FL | (bit > 31 ? XO_W : 0), 4, a);
    x_byte(e, bit);
}

void x_bt_mi(struct enc *e, struct x_mem m, unsigned bit)
{
    x_rm(e, 0xba | XO_0F | XO_FL | (bit > 31 ? XO_W : 0), 4, m);
    x_byte(e, bit);
}

void x_xchg(struct enc *e, unsigned a, unsigned b)
{
    x_rr(e, 0x87 | XO_W, a, b);
}

void x_setcc(struct enc *e, enum x_cc cc, unsigned d)
{
    x_rr(e, (0x90 | (u32)cc) | XO_0F | XO_BRM, 0, d);
}

void x_cmov(struct enc *e, enum x_cc cc, unsigned size, unsigned d, unsigned s)
{
    x_rr(e, sized((0x40 | (u32)cc) | XO_0F, size), d, s);
}

void x_push(struct enc *e, unsigned r)
{
    if (r >= 8)
        x_byte(e, 0x41);
    x_byte(e, 0x50 | (r & 7));
}

void x_pop(struct enc *e, unsigned r)
{
    if (r >= 8)
        x_byte(e, 0x41);
    x_byte(e, 0x58 | (r & 7));
}

u32 x_jcc(struct enc *e, enum x_cc cc)
{
    x_byte(e, 0x0f);
    x_byte(e, 0x80 | (unsigned)cc);
    x_u32(e, 0);
    return enc_pos(e) - 4;
}

u32 x_jmp(struct enc *e)
{
    x_byte(e, 0xe9);
    x_u32(e, 0);
    return enc_pos(e) - 4;
}

static void disp_to(struct enc *e, s64 pos)
{
    x_u32(e, (u32)(pos - (s64)enc_pos(e) - 4));
}

void x_jmp_to(struct enc *e, s64 pos)
{
    x_byte(e, 0xe9);
    disp_to(e, pos);
}

void x_jcc_to(struct enc *e, enum x_cc cc, s64 pos)
{
    x_byte(e, 0x0f);
    x_byte(e, 0x80 | (unsigned)cc);
    disp_to(e, pos);
}

void x_call_to(struct enc *e, s64 pos)
{
    x_byte(e, 0xe8);
    disp_to(e, pos);
}

void x_bind(struct enc *e, u32 disp_pos)
{
    u32 disp = enc_pos(e) - disp_pos - 4;
    memcpy(e->base + disp_pos, &disp, sizeof(disp));
}

u32 x_jcc8(struct enc *e, enum x_cc cc)
{
    x_byte(e, 0x70 | (unsigned)cc);
    x_byte(e, 0);
    return enc_pos(e) - 1;
}

void x_bind8(struct enc *e, u32 disp_pos)
{
    u32 disp = enc_pos(e) - disp_pos - 1;
    CHECK(disp < 128, "short jump over %u bytes", disp);
    e->base[disp_pos] = (u8)disp;
}

void x_align(struct enc *e, unsigned to)
{
    while (enc_pos(e) & (to - 1))
        x_byte(e, 0xcc);
}
