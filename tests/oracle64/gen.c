/* Draws trials: an instruction form of the tables with random prefixes and operands, with registers
 * and memory such that its accesses go where the trial wants them: mostly into the data, sometimes
 * over the edge of a page, to where nothing is, or to an address that is not canonical. */
#include "tests/oracle64/oracle64.h"

#include "cpu/flags.h"

#include <string.h>

/* -- forms -- */

typedef void (*sem_fn)(struct lift *l, const struct insn *in);

#define INSN(name, map, opcode, mand, reg, op0, op1, op2, isa, attr, sem)                          \
    void sem(struct lift *l, const struct insn *in);
#include "cpu/insn.def"

/* What has to go somewhere beyond ModRM operands. */
enum special { PLAIN, STRING, XLAT, BITS, STACK, RET, FRAME, JUMP, BRANCH, COMPARE, POPF };

static const struct {
    sem_fn sem;
    u8 special;
} forms[] = {
    {sem_add, 0},
    {sem_adc, 0},
    {sem_sub, 0},
    {sem_sbb, 0},
    {sem_and, 0},
    {sem_or, 0},
    {sem_xor, 0},
    {sem_cmp, 0},
    {sem_test, 0},
    {sem_inc, 0},
    {sem_dec, 0},
    {sem_neg, 0},
    {sem_not, 0},
    {sem_mul, 0},
    {sem_imul1, 0},
    {sem_imul, 0},
    {sem_div, 0},
    {sem_idiv, 0},
    {sem_xadd, 0},
    {sem_cmpxchg, COMPARE},
    {sem_mov, 0},
    {sem_movbe, 0},
    {sem_movzx, 0},
    {sem_movsx, 0},
    {sem_lea, 0},
    {sem_xchg, 0},
    {sem_cmovcc, 0},
    {sem_setcc, 0},
    {sem_bswap, 0},
    {sem_xlat, XLAT},
    {sem_cbw, 0},
    {sem_cwd, 0},
    {sem_lahf, 0},
    {sem_sahf, 0},
    {sem_clc, 0},
    {sem_stc, 0},
    {sem_cmc, 0},
    {sem_cld, 0},
    {sem_std, 0},
    {sem_nop, 0},
    {sem_shl, 0},
    {sem_shr, 0},
    {sem_sar, 0},
    {sem_rol, 0},
    {sem_ror, 0},
    {sem_rcl, 0},
    {sem_rcr, 0},
    {sem_shld, 0},
    {sem_shrd, 0},
    {sem_bt, BITS},
    {sem_bts, BITS},
    {sem_btr, BITS},
    {sem_btc, BITS},
    {sem_bsf, 0},
    {sem_bsr, 0},
    {sem_popcnt, 0},
    {sem_crc32, 0},
    {sem_push, STACK},
    {sem_pop, STACK},
    {sem_enter, FRAME},
    {sem_leave, FRAME},
    {sem_pushf, STACK},
    {sem_popf, POPF},
    {sem_jcc, BRANCH},
    {sem_jmp, BRANCH},
    {sem_call, BRANCH},
    {sem_jmp_ind, JUMP},
    {sem_call_ind, JUMP},
    {sem_ret, RET},
    {sem_loop, BRANCH},
    {sem_loope, BRANCH},
    {sem_loopne, BRANCH},
    {sem_jcxz, BRANCH},
    {sem_movs, STRING},
    {sem_stos, STRING},
    {sem_lods, STRING},
    {sem_cmps, STRING},
    {sem_scas, STRING},
    {sem_cmpxchg8b, COMPARE},
    {sem_pusha, 0},
    {sem_popa, 0},
    {sem_daa, 0},
    {sem_aam, 0},
    {sem_salc, 0},
    {sem_push_seg, 0},
};

static int form_of(const struct insn_row *row)
{
    for (unsigned i = 0; i < ARRAY_LEN(forms); i++)
        if (forms[i].sem == row->sem)
            return (int)i;
    return -1;
}

/* Segment registers on the stack are here only for what 64-bit mode does not have. */
static bool is_drawn(const struct insn_row *row, const char *only)
{
    if (form_of(row) < 0 || (only && strcmp(only, row->name)))
        return false;
    if (row->sem == sem_push_seg && !(row->attr & IA_NO64))
        return false;
    return insn_row_lives(row, ISA_GENERATIONS - 1);
}

static const struct insn_row *draw_row(u64 *seed, const char *only)
{
    static const struct insn_row *rows[2048];
    static unsigned n;
    static const char *of;

    if (!n || of != only) {
        n = 0;
        for (unsigned i = 0; i < insn_table_len && n < ARRAY_LEN(rows); i++)
            if (is_drawn(&insn_table[i], only))
                rows[n++] = &insn_table[i];
        of = only;
    }
    return n ? rows[below(seed, n)] : NULL;
}

/* -- bytes -- */

static bool has_op(const struct insn_row *row, u8 kind)
{
    return row->op[0] == kind || row->op[1] == kind || row->op[2] == kind;
}

static unsigned put_prefixes(u8 *p, const struct insn_row *row, u64 *seed)
{
    static const u8 segs[] = {0x64, 0x65, 0x64, 0x65, 0x26, 0x2e, 0x36, 0x3e};
    unsigned n = 0;

    if ((row->attr & IA_LOCK) && one_in(seed, 6))
        p[n++] = 0xf0;
    if (one_in(seed, 5))
        p[n++] = segs[below(seed, ARRAY_LEN(segs))];
    if (one_in(seed, 5))
        p[n++] = 0x67;
    if (row->mand == MP_66 || (one_in(seed, 4) && row->mand != MP_NONE))
        p[n++] = 0x66;
    if (row->mand == MP_F3 || row->mand == MP_F2)
        p[n++] = row->mand == MP_F3 ? 0xf3 : 0xf2;
    else if ((row->attr & IA_STRING) && one_in(seed, 2))
        p[n++] = one_in(seed, 2) ? 0xf3 : 0xf2;
    if (!one_in(seed, 4))
        p[n++] = (u8)(REX | (rnd(seed) & 15));
    return n;
}

static unsigned put_modrm(u8 *p, const struct insn_row *row, u64 *seed)
{
    u8 modrm = (u8)rnd(seed);

    if (!insn_row_takes_mem(row) || (insn_row_takes_reg(row) && one_in(seed, 3)))
        modrm |= 0xc0;
    else if (modrm >= 0xc0)
        modrm &= 0x7f;
    if (row->reg >= MODRM(0))
        modrm = (u8)row->reg;
    else if (row->reg >= 0)
        modrm = (u8)((modrm & 0xc7) | (row->reg & 7) << 3);
    p[0] = modrm;
    p[1] = (u8)rnd(seed); /* SIB, or part of what follows */
    return modrm < 0xc0 && (modrm & 7) == 4 ? 2 : 1;
}

/* What follows ModRM and SIB is taken from random bytes. */
static void put_code(u8 *p, const struct insn_row *row, u64 *seed)
{
    static const u8 maps[][2] = {{0, 0}, {0x0f, 0}, {0x0f, 0x38}, {0x0f, 0x3a}};
    unsigned n = put_prefixes(p, row, seed);

    for (unsigned i = 0; i < 2; i++)
        if (maps[row->map][i])
            p[n++] = maps[row->map][i];
    p[n] = row->opcode;
    if (has_op(row, OP_Zb) || has_op(row, OP_Zv))
        p[n] |= below(seed, 8);
    n++;
    if (insn_row_has_modrm(row))
        n += put_modrm(p + n, row, seed);
    for (; n < MAX_BYTES; n += 4) {
        u32 v = (u32)edge(seed);
        memcpy(p + n, &v, MAX_BYTES - n < 4 ? MAX_BYTES - n : 4);
    }
}

/* Bytes from the end on that hold an immediate, a displacement, or a moffs. */
static void poke(struct trial *t, unsigned from_end, u64 v, unsigned size)
{
    memcpy(t->code + t->len - from_end, &v, size);
}

/* -- where it goes -- */

/* A linear address for an access; low: one below 4 GiB. */
static u64 pick_target(u64 *seed, bool low)
{
    u64 page = (!low && one_in(seed, 2) ? ARENA_HIGH : ARENA_LOW) + DATA_PAGE * PAGE_SIZE;
    u32 kind = below(seed, 64);

    if (kind == 0 && !low)
        return 0x0000800000000000ull + edge(seed) % 0xffff000000000000ull; /* not canonical */
    if (kind < 3)
        return page + below(seed, 4) * PAGE_SIZE - below(seed, 16); /* over an edge */
    if (kind < 5)
        return page + 2 * PAGE_SIZE + below(seed, PAGE_SIZE - 32); /* to be read only */
    if (kind < 7)
        return page + 3 * PAGE_SIZE + below(seed, PAGE_SIZE - 32); /* nothing */
    if (kind < 12)
        return page + PAGE_SIZE - below(seed, 32);
    page += 512 + below(seed, DATA_SIZE - 1024);
    return one_in(seed, 4) ? page : page & ~15ull;
}

static u64 pick_code(u64 *seed, const struct trial *t)
{
    u64 page = t->in.rip & ~(u64)PAGE_MASK;

    switch (below(seed, 16)) {
    case 0: return page + PAGE_SIZE + below(seed, PAGE_SIZE);        /* nothing */
    case 1: return 0x0000800000000000ull | (edge(seed) << 16 >> 16); /* mostly not canonical */
    case 2: return page + DATA_PAGE * PAGE_SIZE + below(seed, 64);   /* not to be executed */
    default: return page + 0x100 + below(seed, 0x600);
    }
}

/* Puts v there, if that is in the data. */
static void add_patch(struct trial *t, u64 la, u64 v)
{
    u64 at = la - ((la >> 32 ? ARENA_HIGH : ARENA_LOW) + DATA_PAGE * PAGE_SIZE);

    if (at <= DATA_SIZE - 8 && t->npatches < ARRAY_LEN(t->patch))
        t->patch[t->npatches++] = (struct patch){(u32)at, v};
}

static u64 addr_mask(const struct insn *in)
{
    return in->addrsize == 8 ? ~0ull : UINT32_MAX;
}

/* The offset that leads to linear address la: all of it, or with FS and GS any, and the rest is
 * their base. */
static u64 pick_offset(struct trial *t, u64 la, u64 *seed)
{
    u64 off = (u64)(s64)(s32)edge(seed) & addr_mask(&t->insn);

    if (t->insn.seg != SEG_FS && t->insn.seg != SEG_GS)
        return la;
    *(t->insn.seg == SEG_FS ? &t->fs : &t->gs) = la - off;
    return off;
}

/* Adds what the address size ignores. */
static u64 with_garbage(const struct insn *in, u64 off, u64 *seed)
{
    return in->addrsize == 8 ? off : (u32)off | rnd(seed) << 32;
}

/* 1 / (1 + 2^scale), modulo 2^64; of scales 1 to 3 */
static u64 inverse(unsigned scale)
{
    u64 n = 1 + (1u << scale), x = 1;

    for (unsigned i = 0; i < 6; i++)
        x *= 2 - n * x;
    return x;
}

/* Sets registers, or the displacement, so that the effective address is off. */
static bool aim(struct trial *t, u64 off, u64 *seed)
{
    struct insn *in = &t->insn;
    u64 *gpr = t->in.gpr, rest = off - (u64)(s64)in->disp;
    unsigned imm = insn_row_imm_size(insn_row_of(in), in->opsize);

    if (in->base == GPR_RIP) {
        u64 disp = off - (t->in.rip + t->len);
        poke(t, imm + 4, disp, 4);
        return ((u64)(s64)(s32)disp & addr_mask(in)) == (disp & addr_mask(in));
    }
    if (in->base == GPR_NONE && in->index == GPR_NONE) {
        poke(t, imm + 4, off, 4);
        return (u64)(s64)(s32)off == off;
    }
    if (in->index == GPR_NONE)
        gpr[in->base] = with_garbage(in, rest, seed);
    else if (in->base == GPR_NONE)
        gpr[in->index] = with_garbage(in, rest >> in->scale, seed);
    else if (in->base != in->index)
        gpr[in->base] = with_garbage(in, rest - (gpr[in->index] << in->scale), seed);
    else if (in->scale)
        gpr[in->base] = with_garbage(in, rest * inverse(in->scale), seed);
    else
        gpr[in->base] = with_garbage(in, rest >> 1, seed);
    return true;
}

/* Where it goes with these registers. */
static u64 linear_of(const struct trial *t)
{
    const struct insn *in = &t->insn;
    const u64 *gpr = t->in.gpr;
    u64 off = (u64)(s64)in->disp;

    if (in->base < GPR64_COUNT)
        off += gpr[in->base];
    if (in->index < GPR64_COUNT)
        off += gpr[in->index] << in->scale;
    off &= addr_mask(in);
    return off + (in->seg == SEG_FS ? t->fs : in->seg == SEG_GS ? t->gs : 0);
}

static bool is_moffs(const struct insn_row *row)
{
    return has_op(row, OP_Ob) || has_op(row, OP_Ov);
}

static bool has_memory(const struct trial *t)
{
    const struct insn_row *row = insn_row_of(&t->insn);

    return is_moffs(row) || (insn_row_has_modrm(row) && insn_mod(&t->insn) != 3);
}

/* Makes the ModRM or moffs operand go somewhere; *la becomes where. */
static bool aim_operand(struct trial *t, u64 *seed, u64 *la)
{
    struct insn *in = &t->insn;
    bool low = in->addrsize == 4 && in->seg != SEG_FS && in->seg != SEG_GS;
    u64 off;

    *la = pick_target(seed, low);
    if (in->base == GPR_RIP && in->seg != SEG_FS && in->seg != SEG_GS) /* within its reach */
        *la = (*la & PAGE_MASK) + (t->in.rip & ~(u64)PAGE_MASK) + DATA_PAGE * PAGE_SIZE;
    off = pick_offset(t, *la, seed);
    if (is_moffs(insn_row_of(in))) {
        poke(t, in->addrsize, off, in->addrsize);
        return true;
    }
    return aim(t, off, seed);
}

/* -- what particular instructions need -- */

static bool need_string(struct trial *t, u64 *seed)
{
    struct insn *in = &t->insn;
    bool low = in->addrsize == 4;
    u64 from = pick_target(seed, low), to = pick_target(seed, low);

    /* Both in one of the mappings: fast string operations look for overlaps of linear addresses. */
    if (insn_row_of(in)->sem == sem_movs && from >> 32 != to >> 32)
        to = (to & 0xffffff) | (from & ~0xffffffull);
    t->in.gpr[ESI] = with_garbage(in, pick_offset(t, from, seed), seed);
    t->in.gpr[EDI] = with_garbage(in, to, seed);
    t->in.gpr[ECX] = with_garbage(in, below(seed, one_in(seed, 8) ? 700 : 24), seed);
    return true;
}

/* A bit number around the unit that is addressed; false if it addresses that as well. */
static bool need_bits(struct trial *t, u64 *seed)
{
    struct insn *in = &t->insn;
    unsigned reg = insn_reg(in);
    u64 n = (u64)(s64)((s32)below(seed, 4096) - 2048);

    if (!has_op(insn_row_of(in), OP_Gv) || !has_memory(t))
        return true;
    if (reg == in->base || reg == in->index)
        return false;
    t->in.gpr[reg] = in->opsize == 8 ? n
                                     : (n & (in->opsize == 4 ? UINT32_MAX : 0xffff)) |
                                           rnd(seed) << in->opsize * 8;
    return true;
}

/* The accumulator and what it is compared with are often equal. */
static void need_compare(struct trial *t, u64 la, u64 *seed)
{
    bool pair = insn_row_of(&t->insn)->sem == sem_cmpxchg8b;
    u64 rax = t->in.gpr[EAX], rdx = t->in.gpr[EDX];

    if (one_in(seed, 2))
        return;
    if (!has_memory(t)) {
        t->in.gpr[insn_rm(&t->insn)] = rax;
        return;
    }
    if (pair && t->insn.opsize != 8)
        rax = (u32)rax | rdx << 32;
    add_patch(t, la, rax);
    if (pair && t->insn.opsize == 8)
        add_patch(t, la + 8, rdx);
}

static void need_stack(struct trial *t, u64 *seed)
{
    t->in.gpr[ESP] = pick_target(seed, false);
    t->in.gpr[EBP] = pick_target(seed, false);
}

static bool need_branch(struct trial *t, u64 *seed)
{
    const struct insn_row *row = insn_row_of(&t->insn);

    t->hlt = true;
    if (t->insn.addrsize == 4 && one_in(seed, 2))
        t->in.gpr[ECX] = rnd(seed) << 32 | below(seed, 3);
    else if (one_in(seed, 2))
        t->in.gpr[ECX] = below(seed, 3);
    if (has_op(row, OP_Jz))
        poke(t, 4,
             one_in(seed, 16) ? PAGE_SIZE
             : below(seed, 2) ? MAX_CODE + below(seed, 512)
                              : -32 - (u64)below(seed, 512),
             4);
    else /* not into the code itself */
        poke(t, 1,
             one_in(seed, 2) ? MAX_CODE + below(seed, 128 - MAX_CODE) : -32 - (u64)below(seed, 96),
             1);
    return true;
}

static void need_jump(struct trial *t, u64 la, u64 *seed)
{
    u64 to = pick_code(seed, t);

    t->hlt = true;
    if (has_memory(t))
        add_patch(t, la, to);
    else
        t->in.gpr[insn_rm(&t->insn)] = to;
}

/* Flags to be popped: no trap, and no check of alignment that the jump behind would meet. */
static void need_popf(struct trial *t, u64 *seed)
{
    t->hlt = true;
    add_patch(t, t->in.gpr[ESP], rnd(seed) & ~(u64)FLAG_TF);
}

static bool specialize(struct trial *t, enum special special, u64 *seed)
{
    u64 la = 0;

    if (special == STACK || special == RET || special == FRAME || special == POPF ||
        special == JUMP || special == BRANCH)
        need_stack(t, seed);
    if (special == BITS && !need_bits(t, seed))
        return false;
    if (has_memory(t) && !aim_operand(t, seed, &la))
        return false;
    if (has_memory(t) && special != JUMP && special != COMPARE)
        la = 0;
    switch (special) {
    case STRING: return need_string(t, seed);
    case XLAT:
        la = pick_target(seed, t->insn.addrsize == 4 && t->insn.seg < SEG_FS);
        t->in.gpr[EBX] =
            with_garbage(&t->insn, pick_offset(t, la, seed) - (u8)t->in.gpr[EAX], seed);
        return true;
    case COMPARE: need_compare(t, linear_of(t), seed); return true;
    case BRANCH: return need_branch(t, seed);
    case JUMP: need_jump(t, la, seed); return true;
    case RET:
        t->hlt = true;
        add_patch(t, t->in.gpr[ESP], pick_code(seed, t));
        return true;
    case POPF: need_popf(t, seed); return true;
    default: return true;
    }
}

/* -- trials -- */

static void draw_state(struct trial *t, u64 *seed)
{
    *t = (struct trial){0};
    for (unsigned i = 0; i < GPR64_COUNT; i++)
        t->in.gpr[i] = edge(seed);
    if (one_in(seed, 2)) /* a quotient that fits, perhaps */
        t->in.gpr[EDX] = one_in(seed, 2) ? below(seed, 4) : (u64)((s64)t->in.gpr[EAX] >> 63);
    t->in.rip = (one_in(seed, 2) ? ARENA_HIGH : ARENA_LOW) + CODE_PAGE * PAGE_SIZE + 0x800 +
                below(seed, 0x700);
    t->in.rflags = 0x202 | (rnd(seed) & (FLAGS_ARITH | FLAG_DF));
    if (one_in(seed, 16))
        t->in.rflags |= FLAG_AC;
    t->hlt = t->in.rflags & FLAG_AC;
    t->in.mxcsr = 0x1f80;
    for (unsigned i = 0; i < 16; i++)
        for (unsigned k = 0; k < 16; k += 8) {
            u64 v = edge(seed);
            memcpy(t->in.xmm[i] + k, &v, 8);
        }
}

/* Opcodes that are prefixes in 64-bit mode: REX, and those of VEX and EVEX, which Orrery has not.
 */
static bool is_prefix(const struct insn_row *row)
{
    return row->map == MAP_1B && ((row->opcode & 0xf0) == 0x40 || row->opcode == 0x62 ||
                                  row->opcode == 0xc4 || row->opcode == 0xc5);
}

static bool can_be_based(u64 base)
{
    return (u64)((s64)(base << 16) >> 16) == base;
}

/* Goes on with one that has no operand in memory and needs nothing. */
static void append(struct trial *t, struct decoder *d, u64 *seed)
{
    const struct insn_row *row = draw_row(seed, NULL);
    struct insn in;

    if (is_prefix(row) || forms[form_of(row)].special != PLAIN || undefined_flags(t))
        return;
    put_code(t->code + t->len, row, seed);
    if (decode(d, t->code + t->len, MAX_BYTES, CODE64, &in) != DECODE_OK || is_moffs(row) ||
        insn_row_of(&in) != row || (insn_row_has_modrm(row) && insn_mod(&in) != 3))
        return;
    t->len += in.len;
    t->last = in;
    t->ninsns++;
}

bool draw(struct trial *t, struct decoder *d, u64 seed, const char *only)
{
    const struct insn_row *row = draw_row(&seed, only);
    enum decode_result r;

    if (!row || is_prefix(row))
        return false;
    draw_state(t, &seed);
    put_code(t->code, row, &seed);
    r = decode(d, t->code, MAX_BYTES, CODE64, &t->insn);
    t->decodes = r == DECODE_OK;
    if (r == DECODE_UD) {
        t->len = MAX_BYTES;
        t->hlt = true;
        return true;
    }
    if (r != DECODE_OK || insn_row_of(&t->insn) != row)
        return false;
    t->len = t->insn.len;
    if (!specialize(t, (enum special)forms[form_of(row)].special, &seed))
        return false;
    r = decode(d, t->code, t->len, CODE64, &t->insn); /* with what has been poked */
    if (r != DECODE_OK || !can_be_based(t->fs) || !can_be_based(t->gs))
        return false;
    t->last = t->insn;
    t->ninsns = 1;
    for (u32 n = one_in(&seed, 2) ? below(&seed, 2 * MAX_INSNS) : 0; n && t->ninsns < MAX_INSNS;
         n--)
        append(t, d, &seed);
    return true;
}
