/* The AArch64 encoder: instructions into a buffer, one function per encoding class; what tells the
 * instructions of a class apart is data. It knows nothing of IR or guests. Encodings: Arm
 * Architecture Reference Manual (DDI 0487), C4.1. sf is 1 for 64-bit registers, 0 for 32-bit ones,
 * whose upper halves become 0. */
#ifndef JIT_A64_ENCODE_H
#define JIT_A64_ENCODE_H

#include "base/types.h"

/* Register 31 is SP or zero, by the instruction. */
enum { A_IP0 = 16, A_IP1 = 17, A_LR = 30, A_ZR = 31, A_SP = 31, A_NONE = 0xff };

/* flags_gen changes with every instruction that writes NZCV, so that a remembered value tells
 * whether they are still those of an earlier instruction. */
struct a_enc {
    u8 *base, *p, *end;
    u32 flags_gen;
};

enum a_cond {
    A_EQ,
    A_NE,
    A_CS,
    A_CC,
    A_MI,
    A_PL,
    A_VS,
    A_VC,
    A_HI,
    A_LS,
    A_GE,
    A_LT,
    A_GT,
    A_LE,
    A_AL,
};

/* Bits 30 and 29 of the class: op and S. */
enum a_addsub { A_ADD, A_ADDS, A_SUB, A_SUBS };
/* opc, and with 4 the second source is inverted. */
enum a_logic { A_AND, A_ORR, A_EOR, A_ANDS, A_BIC, A_ORN, A_EON, A_BICS };
enum a_shift { A_LSL, A_LSR, A_ASR, A_ROR };
enum a_bitfield { A_SBFM, A_BFM, A_UBFM };
enum a_extend { A_UXTB, A_UXTH, A_UXTW, A_UXTX, A_SXTB, A_SXTH, A_SXTW, A_SXTX };
enum a_two_source { A_UDIV = 2, A_SDIV = 3, A_LSLV = 8, A_LSRV, A_ASRV, A_RORV };
enum a_one_source { A_RBIT = 0, A_REV16, A_REV32, A_REV = 3, A_CLZ = 4 };
enum a_select { A_CSEL, A_CSINC, A_CSINV, A_CSNEG };
enum a_mul {
    A_MADD = 0x000,
    A_SMADDL = 0x120,
    A_UMADDL = 0x1a0,
    A_SMULH = 0x140, /* the addend is A_ZR */
    A_UMULH = 0x1c0,
    A_MSUB = 0x001
};

/* Loads and stores: size << 3 | V << 2 | opc. */
enum a_access {
    A_STRB = 0 << 3,
    A_LDRB,
    A_LDRSB_X,
    A_LDRSB_W,
    A_STRH = 1 << 3,
    A_LDRH,
    A_LDRSH_X,
    A_LDRSH_W,
    A_STR_W = 2 << 3,
    A_LDR_W,
    A_LDRSW,
    A_STR_X = 3 << 3,
    A_LDR_X,
    A_STR_S = (2 << 3) + 4,
    A_LDR_S,
    A_STR_D = (3 << 3) + 4,
    A_LDR_D,
    A_STR_Q = (0 << 3) + 6,
    A_LDR_Q,
};

void a_init(struct a_enc *e, u8 *base, u8 *end);
static inline u32 a_pos(const struct a_enc *e)
{
    return (u32)(e->p - e->base);
}
static inline u32 a_room(const struct a_enc *e)
{
    return (u32)(e->end - e->p);
}
void a_word(struct a_enc *e, u32 word);
void a_quad(struct a_enc *e, u64 v);

/* d = n op (m shifted) */
void a_addsub(struct a_enc *e, unsigned sf, enum a_addsub op, unsigned d, unsigned n, unsigned m);
void a_addsub_shift(struct a_enc *e, unsigned sf, enum a_addsub op, unsigned d, unsigned n,
                    unsigned m, enum a_shift shift, unsigned by);
/* d = n + m + C, or with A_SUB and A_SUBS n - m - !C */
void a_addsub_carry(struct a_enc *e, unsigned sf, enum a_addsub op, unsigned d, unsigned n,
                    unsigned m);
/* n and d may be SP; m is extended, then shifted by 0 to 4 */
void a_addsub_ext(struct a_enc *e, unsigned sf, enum a_addsub op, unsigned d, unsigned n,
                  unsigned m, enum a_extend ext, unsigned by);
/* False: imm fits neither as it is nor negated; nothing is emitted. Register 31 is SP, but as
 * destination of those that set flags zero. */
bool a_addsub_imm(struct a_enc *e, unsigned sf, enum a_addsub op, unsigned d, unsigned n, u64 imm);
/* By any constant, through register via (not n) if need be. */
void a_addsub_any(struct a_enc *e, unsigned sf, enum a_addsub op, unsigned d, unsigned n, u64 imm,
                  unsigned via);
void a_logic(struct a_enc *e, unsigned sf, enum a_logic op, unsigned d, unsigned n, unsigned m);
void a_logic_shift(struct a_enc *e, unsigned sf, enum a_logic op, unsigned d, unsigned n,
                   unsigned m, enum a_shift shift, unsigned by);
bool a_logic_imm(struct a_enc *e, unsigned sf, enum a_logic op, unsigned d, unsigned n, u64 imm);
void a_logic_any(struct a_enc *e, unsigned sf, enum a_logic op, unsigned d, unsigned n, u64 imm,
                 unsigned via);
void a_mov(struct a_enc *e, unsigned sf, unsigned d, unsigned s); /* not SP */
void a_mov_imm(struct a_enc *e, unsigned d, u32 imm);
void a_mov_imm64(struct a_enc *e, unsigned d, u64 imm);
void a_mov_address(struct a_enc *e, unsigned d, u64 v); /* always four instructions */
void a_bitfield(struct a_enc *e, unsigned sf, enum a_bitfield op, unsigned d, unsigned n,
                unsigned immr, unsigned imms);
void a_shift_imm(struct a_enc *e, unsigned sf, enum a_shift op, unsigned d, unsigned n,
                 unsigned by);
void a_two(struct a_enc *e, unsigned sf, enum a_two_source op, unsigned d, unsigned n, unsigned m);
void a_one(struct a_enc *e, unsigned sf, enum a_one_source op, unsigned d, unsigned n);
void a_crc32c(struct a_enc *e, unsigned log2, unsigned d, unsigned n, unsigned m);
void a_mul(struct a_enc *e, unsigned sf, enum a_mul op, unsigned d, unsigned n, unsigned m,
           unsigned a);
void a_select(struct a_enc *e, unsigned sf, enum a_select op, unsigned d, unsigned n, unsigned m,
              enum a_cond c);
void a_cset(struct a_enc *e, unsigned d, enum a_cond c);
/* If c, NZCV of n - imm (0 to 31) or n - m, else nzcv. */
void a_ccmp_imm(struct a_enc *e, unsigned sf, unsigned n, unsigned imm, unsigned nzcv,
                enum a_cond c);
void a_ccmp(struct a_enc *e, unsigned sf, unsigned n, unsigned m, unsigned nzcv, enum a_cond c);

/* Can offset be encoded? */
bool a_offset_fits(enum a_access op, s64 offset);
/* t at base n + offset, which must fit */
void a_access(struct a_enc *e, enum a_access op, unsigned t, unsigned n, s64 offset);
/* at n + (m extended); scaled: times the size of the access */
void a_access_reg(struct a_enc *e, enum a_access op, unsigned t, unsigned n, unsigned m,
                  enum a_extend ext, bool scaled);
/* A pair of X registers at n + offset (a multiple of 8, -512 to 504); a pair of W: sf 0, halves. */
void a_pair(struct a_enc *e, unsigned sf, bool load, unsigned t, unsigned t2, unsigned n,
            s32 offset);
void a_load_literal(struct a_enc *e, unsigned t, s32 from_here); /* 64 bits */

/* Jumps return their position, to be bound later; the others lead to a position at once. */
u32 a_jump(struct a_enc *e);
u32 a_jump_if(struct a_enc *e, enum a_cond c);
u32 a_jump_zero(struct a_enc *e, unsigned sf, bool zero, unsigned t);
u32 a_jump_bit(struct a_enc *e, bool set, unsigned t, unsigned bit);
void a_jump_to(struct a_enc *e, s64 pos);
void a_jump_if_to(struct a_enc *e, enum a_cond c, s64 pos);
void a_call_to(struct a_enc *e, s64 pos);
void a_bind(struct a_enc *e, u32 jump); /* the jump at that position leads here */
void a_br(struct a_enc *e, unsigned n);
void a_blr(struct a_enc *e, unsigned n);
void a_ret(struct a_enc *e);
u32 a_jump_word(s64 distance); /* B */
void a_align(struct a_enc *e, unsigned to);

/* -- vectors -- */

/* op: all of the instruction but the registers. */
void a_vec3(struct a_enc *e, u32 op, unsigned d, unsigned n, unsigned m);
void a_read_fpsr(struct a_enc *e, unsigned t);
void a_clear_fpsr(struct a_enc *e);

#endif
