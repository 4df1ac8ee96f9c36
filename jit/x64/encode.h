/* The x86-64 encoder: instructions into a buffer. One function per instruction shape; opcodes are
 * data. It knows nothing of IR or guests. Encodings: SDM volume 2, chapters 2 and 3. */
#ifndef JIT_X64_ENCODE_H
#define JIT_X64_ENCODE_H

#include "base/types.h"

enum host_reg {
    RAX,
    RCX,
    RDX,
    RBX,
    RSP,
    RBP,
    RSI,
    RDI,
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15,
    HOST_REGS,
    HOST_NONE = 0xff,
};

/* Where code goes; 16 bytes past an instruction may be scribbled on, so leave that much room.
 * flags_gen changes whenever an instruction is emitted that alters CF PF ZF SF OF, so that a
 * remembered value tells whether the host's flags are still those of some earlier instruction. */
struct enc {
    u8 *base, *p, *end;
    u32 flags_gen;
};

/* Memory operand: base + (index << scale) + disp; either register may be HOST_NONE. */
struct x_mem {
    u8 base, index, scale;
    s32 disp;
};

static inline struct x_mem x_at(unsigned base, s32 disp)
{
    return (struct x_mem){(u8)base, HOST_NONE, 0, disp};
}
static inline struct x_mem x_idx(unsigned base, unsigned index, unsigned scale, s32 disp)
{
    return (struct x_mem){(u8)base, (u8)index, (u8)scale, disp};
}

/* An opcode byte with what goes around it. */
enum {
    XO_0F = 1 << 8,   /* 0F map */
    XO_0F38 = 1 << 9, /* 0F 38 map */
    XO_66 = 1 << 10,
    XO_F2 = 1 << 11,
    XO_F3 = 1 << 12,
    XO_W = 1 << 13,    /* REX.W */
    XO_BREG = 1 << 14, /* the reg field names a byte register: 4..7 are SPL..DIL */
    XO_BRM = 1 << 15,  /* the same for rm */
    XO_FL = 1 << 16,   /* alters the flags */
    XO_0F3A = 1 << 17, /* 0F 3A map */
};

enum x_alu { X_ADD, X_OR, X_ADC, X_SBB, X_AND, X_SUB, X_XOR, X_CMP };
enum x_shift { X_ROL, X_ROR, X_RCL, X_RCR, X_SHL, X_SHR, X_SAR = 7 };
enum x_cc {
    CC_O,
    CC_NO,
    CC_B,
    CC_AE,
    CC_E,
    CC_NE,
    CC_BE,
    CC_A,
    CC_S,
    CC_NS,
    CC_P,
    CC_NP,
    CC_L,
    CC_GE,
    CC_LE,
    CC_G
};

void enc_init(struct enc *e, u8 *base, u8 *end);
static inline u32 enc_pos(const struct enc *e)
{
    return (u32)(e->p - e->base);
}
static inline u32 enc_room(const struct enc *e)
{
    return (u32)(e->end - e->p);
}
void x_byte(struct enc *e, unsigned b);
void x_u32(struct enc *e, u32 v);
void x_u64(struct enc *e, u64 v);

/* Any instruction with a ModRM byte: reg field and register or memory operand. */
void x_rr(struct enc *e, u32 op, unsigned reg, unsigned rm);
void x_rm(struct enc *e, u32 op, unsigned reg, struct x_mem m);

/* size is 1, 2, 4 or 8 bytes throughout */
void x_alu_rr(struct enc *e, enum x_alu op, unsigned size, unsigned d, unsigned s);
void x_alu_ri(struct enc *e, enum x_alu op, unsigned size, unsigned d, s32 imm);
void x_alu_rm(struct enc *e, enum x_alu op, unsigned size, unsigned d, struct x_mem s);
void x_alu_mr(struct enc *e, enum x_alu op, unsigned size, struct x_mem d, unsigned s);
void x_alu_mi(struct enc *e, enum x_alu op, unsigned size, struct x_mem d, s32 imm);
void x_test_rr(struct enc *e, unsigned size, unsigned a, unsigned b);
void x_test_ri(struct enc *e, unsigned size, unsigned a, u32 imm);
void x_mov_rr(struct enc *e, unsigned size, unsigned d, unsigned s);
void x_mov_ri(struct enc *e, unsigned d, u32 imm); /* zero-extends; keeps the flags */
/* Always with 64 bits, to be patched: returns their position. */
u32 x_mov_r64(struct enc *e, unsigned reg, u64 v);
void x_mov_ri64(struct enc *e, unsigned d, u64 imm);
void x_mov_low_ri(struct enc *e, unsigned size, unsigned d,
                  u32 imm); /* size 1 or 2: the low part alone */
void x_mov_high(struct enc *e, unsigned d,
                unsigned s); /* d's bits 15:8 = s's low byte; both RAX..RBX */
void x_mov_high_i(struct enc *e, unsigned d, unsigned imm);
void x_movzx_high(struct enc *e, unsigned d,
                  unsigned s); /* d (RAX..RDI) = bits 15:8 of s (RAX..RBX) */
void x_load(struct enc *e, unsigned size, unsigned d, struct x_mem m); /* zero-extended */
/* Sign-extended to `to` bytes, 4 or 8; size is less */
void x_load_sx(struct enc *e, unsigned size, unsigned to, unsigned d, struct x_mem m);
void x_sx(struct enc *e, unsigned size, unsigned to, unsigned d, unsigned s);
void x_store(struct enc *e, unsigned size, struct x_mem m, unsigned s);
void x_store_i(struct enc *e, unsigned size, struct x_mem m, u32 imm);
void x_lea(struct enc *e, unsigned size, unsigned d, struct x_mem m); /* size 4 or 8 */
void x_zx(struct enc *e, unsigned size, unsigned d, unsigned s); /* from size 1 or 2 to 32 bits */
void x_shift_ri(struct enc *e, enum x_shift op, unsigned size, unsigned d, unsigned count);
void x_shift_cl(struct enc *e, enum x_shift op, unsigned size, unsigned d);
/* BMI2; SHL SHR SAR; size 4 or 8 */
void x_shiftx(struct enc *e, enum x_shift op, unsigned size, unsigned d, unsigned s,
              unsigned count);
void x_rorx64(struct enc *e, unsigned d, unsigned s, unsigned count); /* BMI2; 64 bits */
void x_unary(struct enc *e, unsigned n, unsigned size,
             unsigned d); /* F7 /n: 2 NOT, 3 NEG, 4 MUL, 5 IMUL */
void x_incdec(struct enc *e, unsigned n, unsigned size, unsigned d); /* FF /n: 0 INC, 1 DEC */
void x_imul_rr(struct enc *e, unsigned size, unsigned d, unsigned s);
void x_imul_rri(struct enc *e, unsigned size, unsigned d, unsigned s, s32 imm);
void x_crc32(struct enc *e, unsigned size, unsigned d, unsigned s); /* SSE4.2; size 1, 2, 4 */
void x_bswap(struct enc *e, unsigned size, unsigned d);
void x_bt_ri(struct enc *e, unsigned a, unsigned bit);
void x_bt_mi(struct enc *e, struct x_mem m, unsigned bit);
void x_xchg(struct enc *e, unsigned a, unsigned b); /* 64 bits */
void x_setcc(struct enc *e, enum x_cc cc, unsigned d);
void x_cmov(struct enc *e, enum x_cc cc, unsigned size, unsigned d, unsigned s);
void x_push(struct enc *e, unsigned r);
void x_pop(struct enc *e, unsigned r);
/* Jumps with a 32-bit displacement, returned as its position, to be bound later; or straight to a
 * position. */
u32 x_jcc(struct enc *e, enum x_cc cc);
u32 x_jmp(struct enc *e);
void x_jmp_to(struct enc *e, s64 pos);
void x_jcc_to(struct enc *e, enum x_cc cc, s64 pos);
void x_call_to(struct enc *e, s64 pos);
void x_bind(struct enc *e, u32 disp_pos); /* the displacement at disp_pos leads here */
/* The same with 8 bits, for short skips */
u32 x_jcc8(struct enc *e, enum x_cc cc);
void x_bind8(struct enc *e, u32 disp_pos);
void x_align(struct enc *e, unsigned to); /* pads with INT3 */

#endif
