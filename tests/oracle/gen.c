/* Random trials: a form from the instruction table, random operands biased to edge values, random
 * harmless prefixes, and registers bent so that memory operands land in the data pages. */
#include "tests/oracle/oracle.h"

#include "cpu/flags.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include <string.h>

/* Not for user mode, or not comparable with a process of the host. */
static const char *const excluded[] = {
    "sysenter", "sysexit", "cpuid", "rdtsc",   "rdpmc",   "iret",    "popf",  "pushf",
    "hlt",      "int",     "int1",  "in",      "out",     "ins",     "outs",  "lcall",
    "ljmp",     "retf",    "les",   "lds",     "lss",     "lfs",     "lgs",   "sgdt",
    "sidt",     "sldt",    "str",   "smsw",    "verr",    "verw",    "lar",   "lsl",
    "wait",     "clflush", "cli",   "sti",     "ud0",     "ud1",     "arpl",  "fxsave",
    "fxrstor",  "rcpps",   "rcpss", "rsqrtps", "rsqrtss", "monitor", "mwait", "rdtscp",
};

/* Flags left undefined (SDM volume 2). Shift and rotate counts decide for themselves, below. */
static const struct {
    const char *name;
    u32 undefined;
} undefined_flags[] = {
    {"and", FLAG_AF},
    {"or", FLAG_AF},
    {"xor", FLAG_AF},
    {"test", FLAG_AF},
    {"mul", FLAG_SF | FLAG_ZF | FLAG_AF | FLAG_PF},
    {"imul", FLAG_SF | FLAG_ZF | FLAG_AF | FLAG_PF},
    {"div", FLAGS_ARITH},
    {"idiv", FLAGS_ARITH},
    {"aaa", FLAG_OF | FLAG_SF | FLAG_ZF | FLAG_PF},
    {"aas", FLAG_OF | FLAG_SF | FLAG_ZF | FLAG_PF},
    {"daa", FLAG_OF},
    {"das", FLAG_OF},
    {"aam", FLAG_OF | FLAG_AF | FLAG_CF},
    {"aad", FLAG_OF | FLAG_AF | FLAG_CF},
    {"bsf", FLAG_CF | FLAG_OF | FLAG_SF | FLAG_AF | FLAG_PF},
    {"bsr", FLAG_CF | FLAG_OF | FLAG_SF | FLAG_AF | FLAG_PF},
    {"bt", FLAG_OF | FLAG_SF | FLAG_AF | FLAG_PF},
    {"bts", FLAG_OF | FLAG_SF | FLAG_AF | FLAG_PF},
    {"btr", FLAG_OF | FLAG_SF | FLAG_AF | FLAG_PF},
    {"btc", FLAG_OF | FLAG_SF | FLAG_AF | FLAG_PF},
    {"shl", FLAG_AF},
    {"shr", FLAG_AF},
    {"sar", FLAG_AF},
    {"sal", FLAG_AF},
    {"shld", FLAG_AF},
    {"shrd", FLAG_AF},
};

static u64 next(u64 *s)
{
    u64 x = *s += 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

u32 rnd32(u64 *seed)
{
    return (u32)next(seed);
}

static u32 below(u64 *seed, u32 n)
{
    return rnd32(seed) % n;
}

static u32 edge(u64 *seed)
{
    static const u32 values[] = {0,          1,          2,          3,          0x7f,   0x80,
                                 0xff,       0x100,      0x7fff,     0x8000,     0xffff, 0x10000,
                                 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, ~0u,    31,
                                 32,         33,         8,          9,          16,     17};
    switch (below(seed, 4)) {
    case 0: return values[below(seed, ARRAY_LEN(values))];
    case 1: return 1u << below(seed, 32);
    case 2:
        return values[below(seed, ARRAY_LEN(values))] << 16 |
               values[below(seed, ARRAY_LEN(values))];
    default: return rnd32(seed);
    }
}

/* ISA_BIT()s of what the host's CPU has: all generations, and the extensions that CPUID reports. */
static u64 host_isas(void)
{
    static const struct {
        u32 leaf, bit;
        u8 reg; /* EAX to EDX */
        u8 isa;
    } rows[] = {
        {1, 23, 3, ISA_MMX},
        {1, 24, 3, ISA_FXSR},
        {1, 25, 3, ISA_SSE},
        {1, 25, 3, ISA_MMXEXT},
        {1, 26, 3, ISA_SSE2},
        {1, 19, 3, ISA_CLFLUSH},
        {1, 0, 2, ISA_SSE3},
        {1, 9, 2, ISA_SSSE3},
        {1, 19, 2, ISA_SSE41},
        {1, 20, 2, ISA_SSE42},
        {1, 23, 2, ISA_POPCNT},
        {1, 22, 2, ISA_MOVBE},
        {1, 25, 2, ISA_AES},
        {1, 1, 2, ISA_PCLMUL},
        {7, 29, 1, ISA_SHA},
        {0x80000001, 31, 3, ISA_3DNOW},
        {0x80000001, 30, 3, ISA_3DNOWEXT},
    };
    static u64 isas;

    if (isas)
        return isas;
    isas = (ISA_BIT(ISA_GENERATIONS) - 1) | ISA_BIT(ISA_PREFETCHW);
#if defined(__x86_64__)
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned r[4];
        if (__get_cpuid_count(rows[i].leaf, 0, r, r + 1, r + 2, r + 3) &&
            (r[rows[i].reg] >> rows[i].bit & 1))
            isas |= ISA_BIT(rows[i].isa);
    }
#endif
    return isas;
}

/* A quadword of edges for one of: bytes, integers, float32, float64. */
static u64 edge_quad(u64 *seed)
{
    static const u64 f64[] = {0,
                              1ull << 63,
                              1,
                              0x0010000000000000,
                              0x3ff0000000000000,
                              0xbff0000000000001,
                              0x7fefffffffffffff,
                              0x7ff0000000000000,
                              0xfff8000000000000,
                              0x7ff4000000000001,
                              0x41dfffffffc00000,
                              0xc1e0000000000000,
                              0x3fe0000000000000,
                              0x3690000000000000,
                              0x000fffffffffffff,
                              0x4330000000000001};
    static const u32 f32[] = {0,          0x80000000, 1,          0x00800000, 0x3f800000,
                              0xbf800001, 0x7f7fffff, 0x7f800000, 0xffc00000, 0x7fa00001,
                              0x4f000000, 0xcf000000, 0x3f000000, 0x007fffff};
    switch (below(seed, 5)) {
    case 0: return f64[below(seed, ARRAY_LEN(f64))];
    case 1: return (u64)f32[below(seed, ARRAY_LEN(f32))] << 32 | f32[below(seed, ARRAY_LEN(f32))];
    case 2: return (u64)edge(seed) << 32 | edge(seed);
    case 3: return (u64)(0x3fe00000 + below(seed, 0x300000)) << 32 | rnd32(seed);
    default: return next(seed);
    }
}

/* Any x87, MMX and SSE state; exceptions mostly masked, pending ones rare. */
static void make_fx(u8 *fx, u64 *seed)
{
    u16 fcw = 0x37f, fsw = (u16)(below(seed, 8) << 11);
    u32 mxcsr = 0x1f80 | below(seed, 4) << 13 | (below(seed, 4) ? 0 : 0x8000) |
                (below(seed, 4) ? 0 : 0x40) | (below(seed, 4) ? 0 : below(seed, 64));
    memset(fx, 0, 512);
    if (!below(seed, 4))
        mxcsr &= ~(below(seed, 64) << 7);
    if (!below(seed, 32)) {
        fcw = 0x340;
        fsw |= (u16)below(seed, 64);
    }
    memcpy(fx, &fcw, 2);
    memcpy(fx + 2, &fsw, 2);
    fx[4] = (u8)rnd32(seed);
    memcpy(fx + 24, &mxcsr, 4);
    for (unsigned i = 0; i < 8; i++) {
        u64 q[3] = {edge_quad(seed), edge_quad(seed), edge_quad(seed)};
        u16 se = (u16)rnd32(seed);
        memcpy(fx + 32 + 16 * i, q, 8);
        memcpy(fx + 40 + 16 * i, &se, 2);
        memcpy(fx + 160 + 16 * i, q + 1, 16);
    }
}

static bool is_excluded(const struct insn_row *row)
{
    if (row->isa == ISA_FPU || !(host_isas() >> row->isa & 1) || (row->attr & IA_PRIV))
        return true;
    for (unsigned i = 0; i < ARRAY_LEN(excluded); i++)
        if (!strcmp(row->name, excluded[i]))
            return true;
    for (unsigned i = 0; i < 3; i++) /* segment registers: loads depend on the descriptor tables */
        if (row->op[i] == OP_Sw || (row->op[i] >= OP_ES && row->op[i] <= OP_GS) ||
            row->op[i] == OP_Ap || row->op[i] == OP_Mp)
            return true;
    return false;
}

static bool has_op(const struct insn_row *row, u8 from, u8 to)
{
    for (unsigned i = 0; i < 3; i++)
        if (row->op[i] >= from && row->op[i] <= to)
            return true;
    return false;
}

static u32 data_target(u64 *seed)
{
    /* mostly within a page, sometimes over its edge */
    u32 middle = DATA_BASE + PAGE_SIZE;
    return below(seed, 8) ? DATA_BASE + 0x200 + below(seed, DATA_SIZE - 0x400)
                          : middle - 8 + below(seed, 12);
}

struct encoder {
    struct trial *t;
    u64 *seed;
    bool opsize16;
    bool mem;
    bool aligned; /* memory operands on a multiple of 16 */
    u32 target;   /* of the memory operand */
};

static void put(struct encoder *e, u32 v, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        e->t->bytes[e->t->len++] = (u8)(v >> (8 * i));
}

/* A ModRM memory operand that reaches the data pages, bending base registers where there is no
 * disp32. */
static bool put_memory(struct encoder *e, unsigned reg)
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
    e->target = data_target(e->seed);
    if (e->aligned)
        e->target &= ~15u;
    if (mod == 1)
        disp = (u32)(s8)edge(e->seed);
    if (no_base || mod == 2) {
        disp = e->target - addr - (no_base ? 0 : gpr[base]);
    } else {
        if (base == ESP || base == index)
            return false;
        gpr[base] = e->target - addr - disp;
    }
    put(e, mod << 6 | reg << 3 | rm, 1);
    if (sib)
        put(e, scale << 6 | index << 3 | base, 1);
    if (mod == 2 || no_base)
        put(e, disp, 4);
    else if (mod == 1)
        put(e, disp, 1);
    return true;
}

static bool put_modrm(struct encoder *e, const struct insn_row *row)
{
    u64 *seed = e->seed;
    unsigned reg = row->reg >= 0 ? (unsigned)row->reg & 7 : below(seed, 8);
    bool can_mem = insn_row_takes_mem(row), can_reg = insn_row_takes_reg(row);
    e->mem = can_mem && (!can_reg || below(seed, 2));
    if (!e->mem) {
        put(e, 0xc0 | reg << 3 | below(seed, 8), 1);
        return true;
    }
    /* Bit strings reach far: keep the bit offset small, and its register out of the address. */
    if (row->op[1] == OP_Gv && row->name[0] == 'b' && row->name[1] == 't') {
        if (reg == ESP)
            return false;
        u32 old = e->t->in.gpr[reg];
        e->t->in.gpr[reg] = (u32)((s32)(old << 21) >> 21);
        u32 kept = e->t->in.gpr[reg];
        return put_memory(e, reg) && e->t->in.gpr[reg] == kept;
    }
    return put_memory(e, reg);
}

static void put_prefixes(struct encoder *e, const struct insn_row *row)
{
    u64 *seed = e->seed;
    bool branch = has_op(row, OP_Jb, OP_Jz) || (row->attr & IA_END);
    if (row->mand != MP_ANY) {
        static const u8 bytes[] = {[MP_66] = 0x66, [MP_F3] = 0xf3, [MP_F2] = 0xf2};
        e->aligned = below(seed, 8);
        if (has_op(row, OP_Ev, OP_Ev) && below(seed, 3) == 0) { /* POPCNT, CRC32 */
            put(e, 0x66, 1);
            e->opsize16 = true;
        }
        if (bytes[row->mand])
            put(e, bytes[row->mand], 1);
    } else if (!branch && below(seed, 3) == 0) {
        put(e, 0x66, 1);
        e->opsize16 = true;
    }
    if (below(seed, row->mand == MP_ANY ? 12 : 64) == 0)
        put(e, 0xf0, 1);
    if ((row->attr & IA_STRING) ? below(seed, 2) : row->map == MAP_1B && below(seed, 16) == 0)
        put(e, below(seed, 2) ? 0xf3 : 0xf2, 1);
    if (below(seed, 8) == 0) {
        static const u8 segs[] = {0x26, 0x2e, 0x36, 0x3e};
        put(e, segs[below(seed, 4)], 1);
    }
}

static void put_opcode(struct encoder *e, const struct insn_row *row)
{
    static const u8 escapes[][2] = {[MAP_0F] = {0x0f},
                                    [MAP_0F38] = {0x0f, 0x38},
                                    [MAP_0F3A] = {0x0f, 0x3a},
                                    [MAP_3DNOW] = {0x0f, 0x0f}};
    if (row->map != MAP_1B)
        put(e, 0x0f, 1);
    if (row->map > MAP_0F)
        put(e, escapes[row->map][1], 1);
    if (row->map == MAP_3DNOW) /* its opcode comes last */
        return;
    put(e, row->opcode + (has_op(row, OP_Zb, OP_Zv) ? below(e->seed, 8) : 0), 1);
}

static void put_immediates(struct encoder *e, const struct insn_row *row)
{
    if (row->map == MAP_3DNOW) {
        put(e, row->opcode, 1);
        return;
    }
    for (unsigned i = 0; i < 3; i++) {
        switch (row->op[i]) {
        case OP_Ib:
        case OP_sIb: put(e, edge(e->seed), 1); break;
        case OP_Iw: put(e, edge(e->seed), 2); break;
        case OP_Iz: put(e, edge(e->seed), e->opsize16 ? 2 : 4); break;
        case OP_Jb: put(e, 0x20 + below(e->seed, 0x50), 1); break;
        case OP_Jz: put(e, 0x20 + below(e->seed, 0x500), e->opsize16 ? 2 : 4); break;
        case OP_Ob:
        case OP_Ov: put(e, data_target(e->seed), 4); break;
        default: break;
        }
    }
}

/* Registers and memory that particular instructions need to stay in the arena. */
static void bend(struct encoder *e, const struct insn_row *row)
{
    u32 *gpr = e->t->in.gpr;
    u8 *data = e->t->in.data;
    u32 code = CODE_PAGE + below(e->seed, 0x700);
    if (row->attr & IA_STRING) {
        gpr[ESI] = data_target(e->seed);
        gpr[EDI] = data_target(e->seed);
        gpr[ECX] = below(e->seed, 40);
    }
    if (!strncmp(row->name, "maskmov", 7))
        gpr[EDI] = data_target(e->seed);
    if (!strcmp(row->name, "ldmxcsr"))
        memset(data + (e->target - DATA_BASE) + 2, 0, below(e->seed, 8) ? 2 : 1);
    if (!strcmp(row->name, "xlatb"))
        gpr[EBX] = data_target(e->seed) - (gpr[EAX] & 0xff);
    if (!strcmp(row->name, "ret"))
        memcpy(data + (gpr[ESP] - DATA_BASE), &code, 4);
    if (!strcmp(row->name, "enter")) { /* bounded frame, so that the stack stays in the arena */
        e->t->bytes[e->t->len - 3] &= 0x7f;
        e->t->bytes[e->t->len - 2] = 0;
    }
}

/* JMP and CALL through a register or memory: lead to the code page. */
static bool bend_indirect(struct encoder *e, const struct insn_row *row, unsigned modrm_at)
{
    u32 *gpr = e->t->in.gpr;
    u32 code = CODE_PAGE + below(e->seed, 0x700);
    bool indirect = row->map == MAP_1B && row->opcode == 0xff && (row->reg == 2 || row->reg == 4);
    if (!indirect)
        return true;
    if (e->mem) {
        memcpy(e->t->in.data + (e->target - DATA_BASE), &code, 4);
        return true;
    }
    unsigned rm = e->t->bytes[modrm_at] & 7;
    if (rm == ESP)
        return false;
    gpr[rm] = code;
    return true;
}

static u32 undefined_of(const struct trial *t, const struct insn_row *row)
{
    u32 undefined = 0;
    for (unsigned i = 0; i < ARRAY_LEN(undefined_flags); i++)
        if (!strcmp(undefined_flags[i].name, row->name))
            undefined |= undefined_flags[i].undefined;
    bool shift = row->map == MAP_1B &&
                 (row->opcode == 0xc0 || row->opcode == 0xc1 || (row->opcode & 0xfc) == 0xd0);
    bool doubled = !strcmp(row->name, "shld") || !strcmp(row->name, "shrd");
    if (!shift && !doubled)
        return undefined;
    bool by_cl = row->op[1] == OP_CL || row->op[2] == OP_CL;
    bool by_one = row->op[1] == OP_1;
    u32 count = (by_one ? 1 : by_cl ? t->in.gpr[ECX] : t->bytes[t->len - 1]) & 31;
    if (count != 1)
        undefined |= FLAG_OF;
    if (count == 0)
        undefined &= ~(u32)(FLAG_OF | FLAG_AF);
    bool byte = row->op[0] == OP_Eb, word = row->op[0] == OP_Ev && memchr(t->bytes, 0x66, 4);
    if (!strncmp(row->name, "s", 1) && count >= (byte ? 8u : word ? 16u : 32u))
        undefined |= FLAG_CF; /* SHL, SHR: undefined from the operand's size on */
    if (doubled && word && count > 16)
        undefined |= FLAGS_ARITH;
    return undefined;
}

bool trial_make(struct trial *t, u64 *seed)
{
    const struct insn_row *row = &insn_table[below(seed, insn_table_len)];
    struct encoder e = {.t = t, .seed = seed};
    if (is_excluded(row))
        return false;
    t->row = row;
    t->len = 0;
    for (unsigned i = 0; i < 8; i++)
        t->in.gpr[i] = edge(seed);
    t->in.gpr[ESP] = DATA_BASE + 0x800 + below(seed, 0x1000);
    if (below(seed, 4))
        t->in.gpr[EBP] = DATA_BASE + 0x800 + below(seed, 0x1000);
    if (!strcmp(row->name, "leave") || !strcmp(row->name, "enter"))
        t->in.gpr[EBP] = DATA_BASE + 0x800 + below(seed, 0x1000);
    make_fx(t->in.fx, seed);
    t->in.eflags = rnd32(seed) & (FLAGS_ARITH | (below(seed, 2) ? FLAG_DF : 0));
    for (unsigned i = 0; i < DATA_SIZE; i += 4) {
        u32 v = below(seed, 4) ? rnd32(seed) : edge(seed);
        memcpy(t->in.data + i, &v, 4);
    }
    put_prefixes(&e, row);
    put_opcode(&e, row);
    unsigned modrm_at = t->len;
    if (insn_row_has_modrm(row) && !put_modrm(&e, row))
        return false;
    put_immediates(&e, row);
    bend(&e, row);
    if (!bend_indirect(&e, row, modrm_at))
        return false;
    t->undefined = undefined_of(t, row);
    return t->len <= 15;
}
