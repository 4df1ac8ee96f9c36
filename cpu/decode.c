/* The decoder: a scan of our own (decode_scan.c) and ModRM layout, the row of cpu/insn.def that
 * fits, and Capstone's word on whether the form exists. The normalising rule, which keeps the known
 * defects of Capstone 4 and 5 out of reach: Capstone sees only what decides the form (67 and 66, or
 * the one mandatory prefix right before 0F; opcode, ModRM, SIB; zeros for displacement and
 * immediate) and always in 32- or 64-bit mode: a 16-bit segment is the 32-bit one with 66 and 67
 * toggled. In 64-bit mode REX counts among what decides the form. Everything with a value in it
 * (immediates, displacements, branch targets, sizes, segments, LOCK legality) is computed here from
 * the raw bytes.
 *
 * The memo is keyed by the same normalised bytes, all of which fit one word, so equal keys are
 * equal forms. Prefixes, ModRM: SDM volume 2, chapter 2; the 15-byte limit: volume 3, 6.15,
 * interrupt 13; REX and operand sizes in 64-bit mode: volume 2, 2.2.1, appendix A.2.5 and B.1.
 */
#include <capstone/capstone.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/decode_scan.h"

enum {
    MAX_LEN = 15,
    MAX_LEN_286 = 10,
    MEMO_BITS = 14,
    MEMO_SIZE = 1 << MEMO_BITS,
    NO_ROW = 0xffff,
    SPAN = 8
};

/* A form, as the memo keeps it. */
struct form {
    u32 key;      /* form_key(), */
    u16 key_high; /* bits 47:32 of it, never 0 */
    u16 row;      /* NO_ROW: #UD */
    u8 opsize, seg, base, index, scale;
    u8 disp_size, imm_size;
    u8 sel_size : 2;
    bool imm_signed : 1, lock_ok : 1, disp_signed : 1;
};
_Static_assert(sizeof(struct form) == 16, "the memo should stay small");

struct decoder {
    csh cs[2]; /* of 32 and 64 bits, by scan.code64 */
    csh host;  /* of decode_host_text(); 0 until first used */
    cs_insn *insn;
    struct decoder_stats stats;
    struct scan_rules rules;
    u16 first[MAP_COUNT * 256 + 1]; /* rows of opcode n: rows[first[n]..first[n + 1] - 1] */
    u16 *rows;
    struct form memo[MEMO_SIZE];
};

/* Forms of our table that hold whatever the installed Capstone says: it rejects some of each, or
 * sees another length. modrm is compared under mask. */
static const struct supplement {
    u8 map, first, last, mask, modrm;
    const char *why;
} supplements[] = {
    {MAP_1B, 0x0f, 0x0f, 0, 0, "POP CS of the 8086"},
    {MAP_1B, 0x8e, 0x8e, 0x38, 0x08, "MOV CS of the 8086"},
    {MAP_0F, 0x10, 0x13, 0, 0, "UMOV of the 80386 and 80486"},
    {MAP_0F, 0x24, 0x24, 0, 0, "test registers of the 80386 and 80486"},
    {MAP_0F, 0x26, 0x26, 0, 0, "test registers of the 80386 and 80486"},
    {MAP_1B, 0x63, 0x63, 0, 0, "MOVSXD without REX.W: unknown to 5"},
    {MAP_1B, 0x90, 0x90, 0, 0, "PAUSE with 67: unknown to 5"},
    {MAP_1B, 0xd8, 0xdf, 0, 0, "x87: sem_x87 decides; 4 and 5 know different aliases"},
    {MAP_0F, 0x0d, 0x0d, 0, 0, "prefetch: unknown to 4, without some hints in 5"},
    {MAP_0F, 0x18, 0x1f, 0, 0, "hint NOPs: register forms, and other hints than 0F 1F /0"},
    {MAP_0F, 0xae, 0xae, 0xc0, 0xc0, "fences with a ModRM.rm other than 0"},
    {MAP_0F, 0xb9, 0xb9, 0, 0, "UD1: without its ModRM byte in 4 and 5"},
    {MAP_0F, 0xff, 0xff, 0, 0, "UD0: without its ModRM byte in 4 and 5, 66 unknown to 4"},
};

static bool supplemented(const struct scan *s)
{
    for (unsigned i = 0; i < ARRAY_LEN(supplements); i++) {
        const struct supplement *p = &supplements[i];

        if (s->map == p->map && s->opcode >= p->first && s->opcode <= p->last &&
            (s->modrm & p->mask) == p->modrm)
            return true;
    }
    return false;
}

/* -- rows by opcode -- */

static unsigned row_span(const struct insn_row *row)
{
    for (unsigned i = 0; i < ARRAY_LEN(row->op); i++)
        if (row->op[i] == OP_Zb || row->op[i] == OP_Zv)
            return SPAN;
    return 1;
}

static bool row_has_kind(const struct insn_row *row, enum opnd kind)
{
    return row->op[0] == kind || row->op[1] == kind || row->op[2] == kind;
}

/* By counting: first[n] becomes the end of opcode n's rows, then, filled from there, their begin.
 */
static void index_rows(struct decoder *d)
{
    for (unsigned r = 0; r < insn_table_len; r++) {
        const struct insn_row *row = &insn_table[r];
        for (unsigned i = 0; i < row_span(row); i++) {
            u8 *flags = &d->rules.flags[row->map][row->opcode + i];
            d->first[row->map * 256u + row->opcode + i]++;
            if (insn_row_has_modrm(row))
                *flags |= OF_MODRM;
            if (row_has_kind(row, OP_Ry))
                *flags |= OF_RM_IS_REG;
        }
    }
    for (unsigned n = 1; n <= MAP_COUNT * 256; n++)
        d->first[n] = (u16)(d->first[n] + d->first[n - 1]);
    for (unsigned r = insn_table_len; r-- > 0;) {
        const struct insn_row *row = &insn_table[r];
        for (unsigned i = 0; i < row_span(row); i++)
            d->rows[--d->first[row->map * 256u + row->opcode + i]] = (u16)r;
    }
}

/* Does ModRM.reg fit the row? With REX.R there are control and debug registers from 8 on, which
 * must be named; elsewhere an opcode's extension and a segment register have three bits. */
static bool row_takes_reg_field(const struct decoder *d, const struct scan *s,
                                const struct insn_row *row)
{
    unsigned reg = (s->modrm >> 3) & 7;

    if ((d->rules.flags[s->map][s->opcode] & OF_RM_IS_REG) && (s->rex & REX_R))
        reg |= 8;
    if (row->reg < 0)
        return reg < 8;
    return row->reg == (row->reg < 16 ? (s16)reg : MODRM(s->modrm));
}

/* Does the row exist in the mode, and with this REX? */
static bool row_takes_mode(const struct scan *s, const struct insn_row *row)
{
    if (row->attr & (s->code64 ? IA_NO64 : IA_64))
        return false;
    return !((row->attr & IA_REXW) && !(s->rex & REX_W)) &&
           !((row->attr & IA_NOREXB) && (s->rex & REX_B));
}

static unsigned row_opsize(const struct scan *s, const struct insn_row *row)
{
    if (!s->code64)
        return s->opsize;
    if (row->attr & IA_F64)
        return 8;
    if (row->attr & IA_D64)
        return s->opsize == 2 ? 2 : 8;
    return (row->attr & IA_MAX32) && s->opsize == 8 ? 4 : s->opsize;
}

static unsigned find_row(const struct decoder *d, const struct scan *s)
{
    unsigned n = s->map * 256u + s->opcode;
    bool has_modrm = d->rules.flags[s->map][s->opcode] & OF_MODRM;

    for (unsigned i = d->first[n]; i < d->first[n + 1]; i++) {
        const struct insn_row *row = &insn_table[d->rows[i]];

        if (row->mand != MP_ANY && row->mand != s->mand)
            continue;
        if (!insn_row_lives(row, d->rules.isa) || !row_takes_mode(s, row))
            continue;
        if (has_modrm && !row_takes_reg_field(d, s, row))
            continue;
        if (has_modrm &&
            !(scan_is_reg(&d->rules, s) ? insn_row_takes_reg(row) : insn_row_takes_mem(row)))
            continue;
        return d->rows[i];
    }
    return NO_ROW;
}

/* -- the memo's key -- */

/* Two bits of map: the fifth stands in the place of a mandatory prefix, which it has not. */
static u64 form_key(const struct scan *s)
{
    u32 mand = s->map == MAP_3DNOW ? 7 : s->mand;
    u32 mode = 1u << 7 | (u32)s->code64 << 6 | (s->rex & 15u);
    u32 sizes = (s->opsize / 2u) << 3 | s->addrsize / 2u;

    return (u64)(mode << 8 | sizes) << 32 | mand << 26 | (u32)(s->map & 3) << 24 |
           (u32)s->opcode << 16 | (u32)s->sib << 8 | s->modrm;
}

/* -- asking Capstone -- */

/* REX without bits that do nothing, but confuse Capstone: REX.R with a segment register, REX.W
 * where the operand size is 8 anyway. */
static u8 clean_rex(const struct scan *s, const struct insn_row *row)
{
    unsigned useless = row_has_kind(row, OP_Sw) ? REX_R : row->attr & IA_F64 ? REX_W : 0;

    return (u8)(s->rex & ~useless);
}

/* Writes the normalised bytes of s to buf, without displacement and immediate; returns their
 * number. */
static unsigned normalise(const struct decoder *d, const struct scan *s, const struct insn_row *row,
                          u8 *buf)
{
    static const u8 mand_byte[] = {[MP_66] = 0x66, [MP_F3] = 0xf3, [MP_F2] = 0xf2};
    unsigned n = 0, flags = d->rules.flags[s->map][s->opcode];

    if (s->addrsize == (s->code64 ? 4 : 2))
        buf[n++] = 0x67;
    if (row->mand == MP_ANY) {
        if (row_opsize(s, row) == 2)
            buf[n++] = 0x66;
    } else if (mand_byte[row->mand]) {
        buf[n++] = mand_byte[row->mand];
    }
    if (s->rex)
        buf[n++] = clean_rex(s, row);
    if (s->map != MAP_1B)
        buf[n++] = 0x0f;
    if (s->map == MAP_0F38 || s->map == MAP_0F3A)
        buf[n++] = s->map == MAP_0F38 ? 0x38 : 0x3a;
    buf[n++] = s->map == MAP_3DNOW ? 0x0f : s->opcode;
    if (flags & OF_MODRM)
        buf[n++] = flags & OF_RM_IS_REG ? s->modrm | 0xc0 : s->modrm;
    if (s->addrsize != 2 && (s->modrm & 7) == 4 && (flags & OF_MODRM) && !scan_is_reg(&d->rules, s))
        buf[n++] = s->sib;
    return n;
}

/* True if the form exists. extra is the bytes of displacement and immediate that we count. */
static bool ask_capstone(struct decoder *d, const struct scan *s, const struct insn_row *row,
                         unsigned extra)
{
    u8 buf[24] = {0};
    unsigned n = normalise(d, s, row, buf);
    const u8 *code = buf;
    size_t size = sizeof(buf);
    u64 address = 0;
    bool known = supplemented(s);

    if (s->map == MAP_3DNOW)
        buf[n + extra - 1] = s->opcode;
    if (!cs_disasm_iter(d->cs[s->code64], &code, &size, &address, d->insn)) {
        if (known)
            d->stats.supplemented++;
        else
            d->stats.rejected++;
        return known;
    }
    if (d->insn->size != n + extra && !known)
        d->stats.length_mismatches++;
    return true;
}

/* -- scan to form -- */

static void form_mem16(struct form *f, unsigned mod, unsigned rm)
{
    static const struct {
        u8 base, index;
    } regs[8] = {
        {EBX, ESI},      {EBX, EDI},      {EBP, ESI},      {EBP, EDI},
        {ESI, GPR_NONE}, {EDI, GPR_NONE}, {EBP, GPR_NONE}, {EBX, GPR_NONE},
    };

    if (mod == 0 && rm == 6)
        return;
    f->base = regs[rm].base;
    f->index = regs[rm].index;
}

/* What has a special meaning has it by its low three bits, but for the index, which R12 can be. */
static void form_mem32(struct form *f, unsigned mod, unsigned rm, const struct scan *s)
{
    unsigned base = rm;

    if (rm == 4) {
        unsigned index = ((s->sib >> 3) & 7u) | (s->rex & REX_X ? 8u : 0);

        base = s->sib & 7;
        if (index != ESP) {
            f->index = (u8)index;
            f->scale = s->sib >> 6;
        }
    }
    if (mod || base != EBP)
        f->base = (u8)(base | (s->rex & REX_B ? 8u : 0));
    else if (s->code64 && rm != 4)
        f->base = GPR_RIP;
}

static void form_mem(struct form *f, const struct scan *s)
{
    unsigned mod = s->modrm >> 6, rm = s->modrm & 7;

    f->disp_size = scan_disp_size(s);
    if (s->addrsize == 2)
        form_mem16(f, mod, rm);
    else
        form_mem32(f, mod, rm, s);
    f->disp_signed = f->base != GPR_NONE || f->index != GPR_NONE;
    if (f->base == EBP || f->base == ESP)
        f->seg = SEG_SS;
}

/* The immediates: the first goes to insn.imm, a second or a far pointer's selector to insn.sel. */
static void form_imm(struct form *f, const struct insn_row *row)
{
    unsigned size = insn_row_imm_size(row, f->opsize);

    if (row_has_kind(row, OP_Ap))
        f->sel_size = 2;
    else if (row->op[0] == OP_Iw && row->op[1] == OP_Ib) /* ENTER */
        f->sel_size = 1;
    else if (row->op[1] == OP_Ib && row->op[2] == OP_Ib)
        f->sel_size = 1;
    f->imm_size = size - f->sel_size;
    f->imm_signed =
        row_has_kind(row, OP_sIb) || row_has_kind(row, OP_Jb) || row_has_kind(row, OP_Jz);
}

static void form_make(struct decoder *d, const struct scan *s, u64 key, struct form *f)
{
    unsigned r = find_row(d, s);
    bool has_modrm = d->rules.flags[s->map][s->opcode] & OF_MODRM;
    const struct insn_row *row;

    *f = (struct form){.key = (u32)key,
                       .key_high = (u16)(key >> 32),
                       .row = NO_ROW,
                       .seg = SEG_DS,
                       .base = GPR_NONE,
                       .index = GPR_NONE};
    if (has_modrm && !scan_is_reg(&d->rules, s))
        form_mem(f, s);
    if (r == NO_ROW)
        return;
    row = &insn_table[r];
    if (row_has_kind(row, OP_Ob) || row_has_kind(row, OP_Ov))
        f->disp_size = s->addrsize;
    f->opsize = row_opsize(s, row);
    form_imm(f, row);
    f->lock_ok = d->rules.isa < ISA_386 || ((row->attr & IA_LOCK) && !scan_is_reg(&d->rules, s));
    if (ask_capstone(d, s, row, f->disp_size + f->imm_size + f->sel_size))
        f->row = r;
}

static const struct form *form_lookup(struct decoder *d, const struct scan *s)
{
    u64 key = form_key(s);
    struct form *f = &d->memo[key * 0x9e3779b97f4a7c15u >> (64 - MEMO_BITS)];

    if (__builtin_expect(f->key == (u32)key && f->key_high == key >> 32, 1)) {
        d->stats.hits++;
    } else {
        d->stats.misses++;
        form_make(d, s, key, f);
    }
    return f;
}

/* -- form and bytes to instruction -- */

/* Little-endian value of size bytes (0, 1, 2 or 4; of 8 the low half), sign- or zero-extended. */
static u32 get_value(const u8 *p, unsigned size, bool is_signed)
{
    u32 v;

    switch (size) {
    case 0: return 0;
    case 1: return is_signed ? (u32)(s8)p[0] : p[0];
    case 2: v = p[0] | (u32)p[1] << 8; return is_signed ? (u32)(s16)v : v;
    default: return p[0] | (u32)p[1] << 8 | (u32)p[2] << 16 | (u32)p[3] << 24;
    }
}

static enum decode_result decode_scan(struct decoder *d, const u8 *bytes, unsigned avail,
                                      enum code_size code, struct scan *s, struct insn *out)
{
    enum decode_result result = scan_bytes(&d->rules, bytes, avail, code, s);
    const struct form *f;
    unsigned n = s->len, len;

    *out = (struct insn){.len = n};
    if (result != DECODE_OK)
        return result;
    f = form_lookup(d, s);
    len = n + f->disp_size + f->imm_size + f->sel_size;
    if (f->row == NO_ROW) {
        out->len = len <= avail ? len : n;
        return DECODE_UD;
    }
    if (len > avail || len > d->rules.max_len)
        return avail >= d->rules.max_len ? DECODE_LONG : DECODE_MORE;

    *out = (struct insn){
        .row = f->row,
        .len = len,
        .prefixes = s->prefixes,
        .map = s->map,
        .opcode = s->opcode,
        .modrm = s->modrm,
        .rex = s->rex,
        .opsize = f->opsize,
        .addrsize = s->addrsize,
        .seg = s->prefixes & PFX_SEG ? s->seg : f->seg,
        .base = f->base,
        .index = f->index,
        .scale = f->scale,
        .disp = (s32)get_value(bytes + n, f->disp_size, f->disp_signed),
        .imm = get_value(bytes + n + f->disp_size, f->imm_size, f->imm_signed),
        .sel = get_value(bytes + n + f->disp_size + f->imm_size, f->sel_size, false),
    };
    if (f->disp_size == 8 || f->imm_size == 8) /* nothing has both */
        out->imm_high = get_value(bytes + n + 4, 4, false);
    return (s->prefixes & PFX_LOCK) && !f->lock_ok ? DECODE_UD : DECODE_OK;
}

enum decode_result decode(struct decoder *d, const u8 *bytes, unsigned avail, enum code_size code,
                          struct insn *out)
{
    struct scan s;

    return decode_scan(d, bytes, avail, code, &s, out);
}

void decoder_set_isa(struct decoder *d, enum isa isa)
{
    d->rules.isa = isa;
    d->rules.max_len = isa == ISA_286 ? MAX_LEN_286 : MAX_LEN;
    memset(d->memo, 0, sizeof(d->memo));
}

const struct decoder_stats *decoder_stats(const struct decoder *d)
{
    return &d->stats;
}

/* -- life -- */

struct decoder *decoder_new(void)
{
    struct decoder *d = calloc(1, sizeof(*d));

    if (!d)
        return NULL;
    d->rows = calloc((size_t)insn_table_len * SPAN, sizeof(d->rows[0]));
    if (!d->rows || cs_open(CS_ARCH_X86, CS_MODE_32, &d->cs[0]) != CS_ERR_OK ||
        cs_open(CS_ARCH_X86, CS_MODE_64, &d->cs[1]) != CS_ERR_OK ||
        !(d->insn = cs_malloc(d->cs[0]))) {
        decoder_free(d);
        return NULL;
    }
    index_rows(d);
    decoder_set_isa(d, ISA_COUNT - 1);
    return d;
}

void decoder_free(struct decoder *d)
{
    if (!d)
        return;
    if (d->insn)
        cs_free(d->insn, 1);
    for (unsigned i = 0; i < ARRAY_LEN(d->cs); i++)
        if (d->cs[i])
            cs_close(&d->cs[i]);
    if (d->host)
        cs_close(&d->host);
    free(d->rows);
    free(d);
}

/* -- text -- */

static bool text_branch(const struct insn *in, u64 eip, char *buf, size_t size)
{
    const struct insn_row *row = insn_row_of(in);
    u64 target = eip + in->len + (u64)(s32)in->imm;
    unsigned unused = 64 - in->opsize * 8u;

    if (row->op[0] != OP_Jb && row->op[0] != OP_Jz)
        return false;
    snprintf(buf, size, "%s 0x%llx", row->name, (unsigned long long)(target << unused >> unused));
    return true;
}

unsigned decode_text(struct decoder *d, const u8 *bytes, unsigned avail, enum code_size code,
                     u64 eip, char *buf, size_t size)
{
    static const u8 seg_byte[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65};
    u8 clean[32];
    const u8 *next = clean;
    size_t left;
    u64 address = eip;
    struct scan s;
    struct insn in;
    unsigned n = 0;

    if (decode_scan(d, bytes, avail, code, &s, &in) != DECODE_OK)
        return 0;
    if (text_branch(&in, eip, buf, size))
        return in.len;
    if (s.prefixes & PFX_SEG)
        clean[n++] = seg_byte[s.seg];
    if (s.prefixes & PFX_LOCK)
        clean[n++] = 0xf0;
    /* F2/F3 stand before 66: the other order is the one 4.0.2 misreads. */
    if (insn_row_of(&in)->attr & IA_STRING && s.prefixes & (PFX_REP | PFX_REPNE))
        clean[n++] = s.prefixes & PFX_REP ? 0xf3 : 0xf2;
    n += normalise(d, &s, insn_row_of(&in), clean + n);
    memcpy(clean + n, bytes + s.len, in.len - s.len);
    left = n + in.len - s.len;
    if (cs_disasm_iter(d->cs[s.code64], &next, &left, &address, d->insn) && !left)
        snprintf(buf, size, "%s%s%s", d->insn->mnemonic, d->insn->op_str[0] ? " " : "",
                 d->insn->op_str);
    else
        snprintf(buf, size, "%s", insn_row_of(&in)->name);
    return in.len;
}

#ifdef __aarch64__
#define HOST_ARCH CS_ARCH_ARM64
#define HOST_MODE CS_MODE_ARM
#else
#define HOST_ARCH CS_ARCH_X86
#define HOST_MODE CS_MODE_64
#endif

unsigned decode_host_text(struct decoder *d, const void *code, size_t avail, u64 address, char *buf,
                          size_t size)
{
    const u8 *next = code;
    size_t left = avail;

    if (!d->host && cs_open(HOST_ARCH, HOST_MODE, &d->host) != CS_ERR_OK)
        return 0;
    if (!cs_disasm_iter(d->host, &next, &left, &address, d->insn))
        return 0;
    snprintf(buf, size, "%s %s", d->insn->mnemonic, d->insn->op_str);
    return (unsigned)(avail - left);
}
