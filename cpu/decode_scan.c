/* Bytes to struct scan: prefixes in any order, REX, the opcode's map, ModRM and SIB, up to the
 * length limit, as the processor generation and the mode have them (SDM volume 2, chapter 2; the 15
 * bytes: volume 3, 6.15, interrupt 13; REX: volume 2, 2.2.1). */
#include "cpu/decode_scan.h"

/* Takes one prefix byte into s; false if it is none. Before the 80386 there are no 64 to 67, and F1
 * is a prefix too: LOCK on the 8086, without effect on the 80286. In 64-bit mode ES CS SS DS do
 * nothing, not even against an FS or GS before them. */
static bool scan_prefix(const struct scan_rules *r, struct scan *s, u8 byte)
{
    bool wide = r->isa >= ISA_386;

    switch (byte) {
    case 0x26:
    case 0x2e:
    case 0x36:
    case 0x3e:
        if (s->code64)
            return true;
        s->seg = (byte >> 3) & 3; /* ES CS SS DS */
        s->prefixes |= PFX_SEG;
        return true;
    case 0x64:
    case 0x65:
        if (!wide)
            return false;
        s->seg = byte == 0x64 ? SEG_FS : SEG_GS;
        s->prefixes |= PFX_SEG;
        return true;
    case 0x66: s->prefixes |= wide ? PFX_OPSIZE : 0; return wide;
    case 0x67: s->prefixes |= wide ? PFX_ADDRSIZE : 0; return wide;
    case 0xf0: s->prefixes |= PFX_LOCK; return true;
    case 0xf1: s->prefixes |= r->isa == ISA_8086 ? PFX_LOCK : 0; return !wide;
    case 0xf2:
    case 0xf3:
        s->prefixes &= ~(PFX_REP | PFX_REPNE);
        s->prefixes |= byte == 0xf3 ? PFX_REP : PFX_REPNE;
        return true;
    default: return false;
    }
}

/* The prefixes, REX, which counts right before the opcode alone, included; returns their number. */
static unsigned scan_prefixes(const struct scan_rules *r, const u8 *bytes, unsigned limit,
                              struct scan *s)
{
    unsigned n = 0;

    for (; n < limit; n++) {
        if (s->code64 && (bytes[n] & 0xf0) == REX)
            s->rex = bytes[n];
        else if (scan_prefix(r, s, bytes[n]))
            s->rex = 0;
        else
            break;
    }
    return n;
}

/* The 8086 decodes some opcodes in part only, and knows no illegal ones: each of these is what the
 * decoded bits make it. */
static u8 opcode_8086(u8 opcode)
{
    if ((opcode & 0xf0) == 0x60) /* conditional jumps */
        return opcode | 0x10;
    if ((opcode & 0xf6) == 0xc0) /* returns */
        return opcode | 2;
    return opcode;
}

static u8 modrm_8086(u8 opcode, u8 modrm)
{
    switch (opcode) {
    case 0x8c:
    case 0x8e: return modrm & ~0x20u; /* four segment registers */
    case 0x8f:
    case 0xc6:
    case 0xc7: return modrm & ~0x38u;
    case 0xff: return (modrm & 0x38) == 0x38 ? modrm & ~0x08u : modrm; /* PUSH */
    default: return modrm;
    }
}

static void scan_sizes(struct scan *s, enum code_size code)
{
    bool op = s->prefixes & PFX_OPSIZE, addr = s->prefixes & PFX_ADDRSIZE;

    if (code == CODE64) {
        s->opsize = s->rex & REX_W ? 8 : op ? 2 : 4;
        s->addrsize = addr ? 4 : 8;
    } else {
        s->opsize = (code == CODE32) != op ? 4 : 2;
        s->addrsize = (code == CODE32) != addr ? 4 : 2;
    }
}

static enum mand scan_mand(unsigned prefixes)
{
    if (prefixes & PFX_REP)
        return MP_F3;
    if (prefixes & PFX_REPNE)
        return MP_F2;
    return prefixes & PFX_OPSIZE ? MP_66 : MP_NONE;
}

/* Bytes ran out at n. */
static enum decode_result scan_short(const struct scan_rules *r, struct scan *s, unsigned n)
{
    s->len = n;
    return n >= r->max_len ? DECODE_LONG : DECODE_MORE;
}

unsigned scan_disp_size(const struct scan *s)
{
    unsigned mod = s->modrm >> 6, rm = s->modrm & 7;

    if (mod & 1)
        return mod == 1;
    if (s->addrsize == 2)
        return mod || rm == 6 ? 2 : 0;
    return mod || rm == 5 || (rm == 4 && (s->sib & 7) == 5) ? 4 : 0;
}

enum decode_result scan_bytes(const struct scan_rules *r, const u8 *bytes, unsigned avail,
                              enum code_size code, struct scan *s)
{
    unsigned n, limit = avail < r->max_len ? avail : r->max_len;
    bool old = r->isa == ISA_8086;

    *s = (struct scan){.seg = SEG_NONE, .code64 = code == CODE64};
    n = scan_prefixes(r, bytes, limit, s);
    s->mand = scan_mand(s->prefixes);
    scan_sizes(s, code);

    if (n >= limit)
        return scan_short(r, s, n);
    s->opcode = old ? opcode_8086(bytes[n]) : bytes[n];
    n++;
    if (s->opcode == 0x0f && !old) {
        if (n >= limit)
            return scan_short(r, s, n);
        s->map = MAP_0F;
        s->opcode = bytes[n++];
        if (s->opcode == 0x0f) { /* all opcodes of the map have ModRM: the last one will do */
            s->map = MAP_3DNOW;
            s->opcode = 0xbf;
        } else if (s->opcode == 0x38 || s->opcode == 0x3a) {
            if (n >= limit)
                return scan_short(r, s, n);
            s->map = s->opcode == 0x38 ? MAP_0F38 : MAP_0F3A;
            s->opcode = bytes[n++];
        }
    }
    if (r->flags[s->map][s->opcode] & OF_MODRM) {
        if (n >= limit)
            return scan_short(r, s, n);
        s->modrm = old ? modrm_8086(s->opcode, bytes[n]) : bytes[n];
        n++;
        if (s->addrsize != 2 && (s->modrm & 7) == 4 && !scan_is_reg(r, s)) {
            if (n >= limit)
                return scan_short(r, s, n);
            s->sib = bytes[n++];
        }
    }
    s->len = n;
    if (s->map == MAP_3DNOW) {
        n += scan_disp_size(s);
        if (n >= limit)
            return scan_short(r, s, limit);
        s->opcode = bytes[n];
        s->mand = MP_NONE; /* prefixes do not matter */
    }
    return DECODE_OK;
}
