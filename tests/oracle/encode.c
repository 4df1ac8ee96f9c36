/* Encodes one instruction of a form with random operands and prefixes. Memory operands are led to
 * the arena: by the displacement, or, before the trial's first instruction, by bending the base
 * register. */
#include "tests/oracle/encode.h"

#include <string.h>

static void put(struct encoder *e, u32 v, unsigned size)
{
    for (unsigned i = 0; i < size && e->len < MAX_CODE; i++)
        e->t->code[e->len++] = (u8)(v >> (8 * i));
}

/* The part in [from, to). */
static void patch_in(struct trial *t, u32 from, u32 to, u32 at, const u8 *bytes, unsigned len)
{
    u32 begin = at < from ? from : at, end = at + len < to ? at + len : to;
    if (at + len < at || begin >= end || t->npatches == MAX_PATCHES ||
        t->npatch_bytes + (end - begin) > PATCH_BYTES)
        return;
    memcpy(t->patch_bytes + t->npatch_bytes, bytes + (begin - at), end - begin);
    t->patches[t->npatches++] = (struct patch){begin, (u16)(end - begin), (u16)t->npatch_bytes};
    t->npatch_bytes += end - begin;
}

void add_patch(struct trial *t, u32 at, const void *bytes, unsigned len)
{
    patch_in(t, DATA_BASE, DATA_RO, at, bytes, len);
    patch_in(t, DATA_RO + PAGE_SIZE, DATA_END, at, bytes, len);
}

static const struct test_seg *seg_in(const struct encoder *e, enum seg seg)
{
    return test_seg_of(e->t->in.seg[seg]);
}

static u32 seg_base(const struct encoder *e, enum seg seg)
{
    return test_seg_base(e->t->in.seg[seg]);
}

u32 pick_target(struct encoder *e, enum seg seg, bool aligned)
{
    static const u32 edges[] = {DATA_BASE, DATA_BASE + PAGE_SIZE, DATA_RO, DATA_RO + PAGE_SIZE,
                                DATA_END};
    u64 *seed = e->seed;
    const struct test_seg *s = seg_in(e, seg);
    u32 at = DATA_BASE + 0x40 + below(seed, 2 * PAGE_SIZE - 0x80);
    if (!host_facts()->intel)
        return aligned ? at & ~15u : at;
    if (one_in(seed, 6))
        at = edges[below(seed, ARRAY_LEN(edges))] - 20 + below(seed, 24);
    else if (one_in(seed, 16))
        at = DATA_RO + below(seed, 2 * PAGE_SIZE);
    else if (s && one_in(seed, 4))
        at = s->base + s->limit - 12 + below(seed, 16);
    else if (s && s->contents == 1 && one_in(seed, 2))
        at = DATA_BASE + 0x180 + below(seed, PAGE_SIZE);
    if (aligned)
        at &= ~15u;
    else if (one_in(seed, 3))
        at &= ~3u;
    return at;
}

u16 pick_selector(struct encoder *e, enum seg seg)
{
    u64 *seed = e->seed;
    static const u16 others[] = {0,      3,    1,    SEL_CODE32, SEL_DATA, 0x08, 0x10,
                                 0x18,   0x2a, 0x28, 0x40,       0x48,     0x60, 0x80,
                                 0xfff8, 0x83, 0x9f, 0x1004,     0xfffc,   0x53};
    (void)seg;
    if (one_in(seed, 3))
        return others[below(seed, ARRAY_LEN(others))];
    u16 sel = TEST_SEL(below(seed, test_segs_len + 1));
    return one_in(seed, 16) ? sel & ~(u16)below(seed, 4) : sel;
}

u32 pick_code(struct encoder *e, u16 cs)
{
    u32 at = CODE_PAGE + (one_in(e->seed, 2) ? 0x100 : 0x900) + below(e->seed, 0x600);
    return at - test_seg_base(cs);
}

/* -- ModRM -- */

static unsigned pick_reg(struct encoder *e)
{
    unsigned reg;
    do {
        reg = below(e->seed, 8);
    } while ((reg == e->keep[0] || reg == e->keep[1]) && !one_in(e->seed, 16));
    return reg;
}

static void choose_operand(struct encoder *e, unsigned base)
{
    bool stack = base == EBP || base == ESP;
    e->mem_seg = e->seg != SEG_NONE ? (enum seg)e->seg : stack ? SEG_SS : SEG_DS;
    bool vector = row_has(e->row, OP_Wx, OP_Wx) || row_has(e->row, OP_Mx, OP_Mx) ||
                  (e->row->map == MAP_0F && e->row->opcode == 0xae);
    e->target = pick_target(e, e->mem_seg, vector && !one_in(e->seed, 6));
}

/* 16-bit addressing (SDM 2, table 2-1). */
static bool put_memory16(struct encoder *e, unsigned reg)
{
    static const u8 bases[8] = {EBX, EBX, EBP, EBP, GPR_NONE, GPR_NONE, EBP, EBX};
    static const u8 indexes[8] = {ESI, EDI, ESI, EDI, ESI, EDI, GPR_NONE, GPR_NONE};
    u32 *gpr = e->t->in.gpr;
    unsigned mod = e->first ? below(e->seed, 3) : one_in(e->seed, 2) ? 2 : 0;
    unsigned rm = mod == 0 && !e->first ? 6 : below(e->seed, 8);
    bool lone = mod == 0 && rm == 6;
    unsigned base = lone ? GPR_NONE : bases[rm], index = lone ? GPR_NONE : indexes[rm];
    choose_operand(e, base);
    u32 off = e->target - seg_base(e, e->mem_seg);
    u32 sum = (base == GPR_NONE ? 0 : gpr[base]) + (index == GPR_NONE ? 0 : gpr[index]);
    u32 disp = mod == 1 ? (u32)(s8)edge(e->seed) : mod == 2 || lone ? off - sum : 0;
    unsigned bent = base != GPR_NONE ? base : index;
    if (mod != 2 && !lone)
        gpr[bent] = (gpr[bent] & 0xffff0000) | ((gpr[bent] + off - sum - disp) & 0xffff);
    put(e, mod << 6 | reg << 3 | rm, 1);
    put(e, disp, mod == 2 || lone ? 2 : mod);
    return true;
}

/* 32-bit addressing off a register that was kept for it, or absolute. */
static void put_memory_kept(struct encoder *e, unsigned reg)
{
    unsigned base = one_in(e->seed, 2) ? GPR_NONE : e->keep[below(e->seed, 2)];
    bool none = base == GPR_NONE || base == ESP;
    choose_operand(e, none ? GPR_NONE : base);
    u32 off = e->target - seg_base(e, e->mem_seg);
    put(e, (none ? 0 : 0x80) | reg << 3 | (none ? 5 : base), 1);
    put(e, none ? off : off - e->t->in.gpr[base], 4);
}

static bool put_memory32(struct encoder *e, unsigned reg)
{
    u32 *gpr = e->t->in.gpr;
    unsigned mod = below(e->seed, 3), rm = below(e->seed, 8);
    unsigned base = rm, index = 4, scale = 0;
    bool sib = rm == 4;
    if (sib) {
        scale = below(e->seed, 4);
        index = below(e->seed, 8);
        base = below(e->seed, 8);
    }
    bool no_base = mod == 0 && base == 5;
    u32 addr = index != 4 ? gpr[index] << scale : 0;
    u32 disp = 0;
    choose_operand(e, no_base ? GPR_NONE : base);
    u32 off = e->target - seg_base(e, e->mem_seg);
    if (mod == 1)
        disp = (u32)(s8)edge(e->seed);
    if (no_base || mod == 2) {
        disp = off - addr - (no_base ? 0 : gpr[base]);
    } else {
        if ((base == ESP && !one_in(e->seed, 4)) || base == index)
            return false;
        gpr[base] = off - addr - disp;
    }
    put(e, mod << 6 | reg << 3 | rm, 1);
    if (sib)
        put(e, scale << 6 | index << 3 | base, 1);
    put(e, disp, mod == 2 || no_base ? 4 : mod);
    return true;
}

static bool put_memory(struct encoder *e, unsigned reg)
{
    e->mem = true;
    if (!e->addr32)
        return put_memory16(e, reg);
    if (e->first)
        return put_memory32(e, reg);
    put_memory_kept(e, reg);
    return true;
}

static bool put_modrm(struct encoder *e)
{
    u64 *seed = e->seed;
    const struct insn_row *row = e->row;
    bool can_mem = insn_row_takes_mem(row), can_reg = insn_row_takes_reg(row);
    if (row->isa == ISA_FPU) {
        unsigned modrm = e->form->modrm;
        if (modrm < 0xc0)
            return put_memory(e, modrm >> 3);
        put(e, modrm + (e->form->rm_any ? below(seed, 8) : 0), 1);
        return true;
    }
    if (row->reg >= MODRM(0)) {
        put(e, row->reg & 0xff, 1);
        return true;
    }
    unsigned reg = row->reg >= 0 ? (unsigned)row->reg : pick_reg(e);
    if (!can_mem || (can_reg && one_in(seed, 2))) {
        put(e, 0xc0 | reg << 3 | pick_reg(e), 1);
        return true;
    }
    /* Bit strings reach far: keep the bit offset small, and its register out of the address. */
    if (row->op[1] == OP_Gv && row->name[0] == 'b' && row->name[1] == 't' && e->first &&
        !one_in(seed, 8)) {
        u32 old = e->t->in.gpr[reg];
        e->t->in.gpr[reg] = (u32)((s32)(old << 21) >> 21);
        u32 kept = e->t->in.gpr[reg];
        return put_memory(e, reg) && e->t->in.gpr[reg] == kept;
    }
    return put_memory(e, reg);
}

/* -- prefixes -- */

static const u8 seg_prefix[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65};

/* Prefixes that mean something to this form, and others; those that select it stand last. */
static void put_prefixes(struct encoder *e)
{
    static const u8 mandatory[] = {[MP_66] = 0x66, [MP_F3] = 0xf3, [MP_F2] = 0xf2};
    u64 *seed = e->seed;
    const struct insn_row *row = e->row;
    u8 p[40];
    unsigned n = 0;
    bool strange = one_in(seed, 16) && host_facts()->intel, has66 = false, has67;
    e->seg = SEG_NONE;
    if (one_in(seed, 8) || (strange && one_in(seed, 2))) {
        e->seg = (u8)below(seed, SEG_COUNT);
        unsigned copies = !strange ? 1 : one_in(seed, 4) ? 1 + below(seed, 15) : 1 + below(seed, 3);
        if (strange && one_in(seed, 2))
            p[n++] = seg_prefix[below(seed, SEG_COUNT)]; /* the last one counts */
        for (unsigned i = 0; i < copies; i++)
            p[n++] = seg_prefix[e->seg];
    }
    has67 = one_in(seed, e->code32 ? 10 : 4);
    if (has67)
        for (unsigned i = 0; i < (strange ? 2u : 1u); i++)
            p[n++] = 0x67;
    if (one_in(seed, row->attr & IA_LOCK ? 8 : 40))
        p[n++] = 0xf0;
    if (row->mand == MP_ANY) {
        has66 = one_in(seed, 4);
        if ((row->attr & IA_STRING) ? one_in(seed, 2) : strange && one_in(seed, 2))
            p[n++] = one_in(seed, 2) ? 0xf3 : 0xf2;
        if (strange && one_in(seed, 8))
            p[n++] = one_in(seed, 2) ? 0xf3 : 0xf2;
    } else if (mandatory[row->mand] >= 0xf2) {
        has66 = strange || (row_has(row, OP_Ev, OP_Ev) && one_in(seed, 3)); /* POPCNT, CRC32 */
    }
    if (has66)
        p[n++] = 0x66;
    for (unsigned i = n; strange && i > 1; i--) { /* but for segments, their order is free */
        unsigned k = below(seed, i);
        u8 a = p[k], b = p[i - 1];
        bool segs = a != 0x66 && a != 0x67 && a < 0xf0 && b != 0x66 && b != 0x67 && b < 0xf0;
        if (!segs && e->seg == SEG_NONE) {
            p[k] = b;
            p[i - 1] = a;
        }
    }
    if (row->mand > MP_NONE)
        p[n++] = mandatory[row->mand];
    e->op32 = e->code32 != (has66 || row->mand == MP_66);
    e->addr32 = e->code32 != has67;
    for (unsigned i = 0; i < n; i++)
        put(e, p[i], 1);
}

/* -- the rest -- */

static void put_opcode(struct encoder *e)
{
    const struct insn_row *row = e->row;
    if (row->map != MAP_1B)
        put(e, 0x0f, 1);
    if (row->map > MAP_0F)
        put(e, row->map == MAP_0F38 ? 0x38 : row->map == MAP_0F3A ? 0x3a : 0x0f, 1);
    if (row->map == MAP_3DNOW) /* its opcode comes last */
        return;
    put(e, row->opcode + (row_has(row, OP_Zb, OP_Zv) ? pick_reg(e) : 0), 1);
}

/* A branch goes forward over the instruction that follows, into HLTs, or far away. */
static u32 pick_displacement(struct encoder *e, bool byte)
{
    u64 *seed = e->seed;
    if (e->next_code)
        return e->next_code;
    switch (below(seed, byte ? 3 : 5)) {
    case 0: return 0x20 + below(seed, 0x50);
    case 1: return 0;
    case 2: return (u32)-0x80 + below(seed, 0x40);
    case 3: return 0x20 + below(seed, 0x500);
    default: return rnd32(seed);
    }
}

static void put_moffs(struct encoder *e)
{
    choose_operand(e, GPR_NONE);
    e->mem = true;
    put(e, e->target - seg_base(e, e->mem_seg), e->addr32 ? 4 : 2);
}

static void put_immediates(struct encoder *e)
{
    unsigned z = e->op32 ? 4 : 2;
    if (e->row->map == MAP_3DNOW)
        put(e, e->row->opcode, 1);
    for (unsigned i = 0; i < 3; i++) {
        switch (e->row->op[i]) {
        case OP_Ib:
        case OP_sIb: put(e, edge(e->seed), 1); break;
        case OP_Iw: put(e, edge(e->seed), 2); break;
        case OP_Iv:
        case OP_Iz: put(e, edge(e->seed), z); break;
        case OP_Jb: put(e, pick_displacement(e, true), 1); break;
        case OP_Jz: put(e, pick_displacement(e, false), z); break;
        case OP_Ap: {
            u16 cs = pick_selector(e, SEG_CS);
            put(e, one_in(e->seed, 8) ? rnd32(e->seed) : pick_code(e, cs), z);
            put(e, cs, 2);
            break;
        }
        case OP_Ob:
        case OP_Ov: put_moffs(e); break;
        default: break;
        }
    }
}

bool encode(struct encoder *e)
{
    e->row = &insn_table[e->form->row];
    e->len = e->at;
    e->mem = false;
    put_prefixes(e);
    put_opcode(e);
    if (insn_row_has_modrm(e->row) && !put_modrm(e))
        return false;
    put_immediates(e);
    if (e->row->map == MAP_1B && e->row->opcode == 0xcd && e->t->code[e->len - 1] == 0x80)
        return false; /* a system call of the host */
    return e->len < MAX_CODE - 16 && e->len - e->at <= 24;
}
