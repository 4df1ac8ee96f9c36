/* The first half of decoding: an encoding reduced to what decides its form. Part of the decoder. */
#ifndef CPU_DECODE_SCAN_H
#define CPU_DECODE_SCAN_H

#include "cpu/decode.h"

/* An encoding reduced to what decides its form. */
struct scan {
    u8 len;      /* bytes up to and including the SIB byte */
    u8 prefixes; /* PFX_* */
    u8 seg;      /* enum seg, or SEG_NONE */
    u8 map, opcode, modrm, sib;
    u8 mand;             /* enum mand, never MP_ANY */
    u8 opsize, addrsize; /* by mode and prefixes alone: rows may differ */
    u8 rex;              /* REX_* */
    bool code64;
};

/* Per opcode, from its rows. */
enum { OF_MODRM = 1, OF_RM_IS_REG = 2 /* MOV CR/DR: ModRM.mod is ignored, REX.R is not */ };

/* What the scan depends on besides the bytes and the mode. */
struct scan_rules {
    enum isa isa; /* generation whose encodings count */
    unsigned max_len;
    u8 flags[MAP_COUNT][256]; /* OF_* */
};

/* Reads prefixes, opcode, ModRM and SIB: DECODE_OK, DECODE_MORE or DECODE_LONG. */
enum decode_result scan_bytes(const struct scan_rules *r, const u8 *bytes, unsigned avail,
                              enum code_size code, struct scan *s);

/* Bytes of displacement of a ModRM memory operand. */
unsigned scan_disp_size(const struct scan *s);

static inline bool scan_is_reg(const struct scan_rules *r, const struct scan *s)
{
    return s->modrm >= 0xc0 || (r->flags[s->map][s->opcode] & OF_RM_IS_REG);
}

#endif
