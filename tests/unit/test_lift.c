/* The integer instructions, from bytes to their effect: each case is decoded, lifted and run by the
 * interpreter, once as lifted and once optimized. What a case does not mention must not change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "cpu/decode.h"
#include "cpu/excp.h"
#include "cpu/help_str.h"
#include "cpu/helpers.h"
#include "cpu/lift.h"
#include "cpu/seg.h"
#include "jit/backend.h"

/* Physical memory, mapped one to one but for the absent page. */
enum {
    DIR = 0x1000,
    TABLE = 0x2000,
    CODE = 0x10100,
    DATA = 0x20000, /* [ESI] */
    STACK = 0x28000,
    ABSENT = 0x30000,
    DATA_END = 0x34000,
    RAM = 1 << 20,
};

enum env {
    FLAT,   /* 32-bit code, CPL 3 */
    KERNEL, /* the same, CPL 0 */
    REAL,   /* real mode: CS, DS, ES base 0x10000, SS base 0x20000 */
    V86,    /* the same in virtual-8086 mode */
    ALIGN,  /* FLAT with alignment checks */
    BASED,  /* FLAT with FS of base 0x20000 */
    OLD,    /* FLAT on an 80386 */
};

struct test {
    const char *code;     /* bytes in hexadecimal; text after a ; is for the reader */
    const char *in, *out; /* name=value ..., in hexadecimal; see parse() */
    enum env env;
};

struct state {
    u32 gpr[GPR_COUNT];
    u32 eflags;
    u32 flags_known; /* of an expectation */
    u32 eip;         /* relative to the code; ~0: right after it */
    u32 fault, err;  /* fault ~0: none */
    u8 mem[DATA_END - DATA];
};

struct rig {
    struct phys *phys;
    struct cpu *cpu;
    struct ir *ir;
};

static int setup(void **state)
{
    static const struct cpu_pins pins;
    struct rig *r = calloc(1, sizeof(*r));

    r->phys = phys_new(RAM);
    r->cpu = cpu_new(r->phys, &pins);
    r->cpu->decoder = decoder_new();
    r->ir = malloc(sizeof(*r->ir));
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;

    decoder_free(r->cpu->decoder);
    cpu_free(r->cpu);
    phys_free(r->phys);
    free(r->ir);
    free(r);
    return 0;
}

/* -- states as text -- */

static const char *const reg_names[] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};

static const struct {
    const char *name;
    u32 mask;
} flag_names[] = {
    {"cf", FLAG_CF}, {"pf", FLAG_PF}, {"af", FLAG_AF}, {"zf", FLAG_ZF}, {"sf", FLAG_SF},
    {"of", FLAG_OF}, {"df", FLAG_DF}, {"if", FLAG_IF}, {"tf", FLAG_TF}, {"iopl", FLAG_IOPL},
    {"nt", FLAG_NT}, {"ac", FLAG_AC}, {"id", FLAG_ID},
};

static void parse_one(struct state *s, const char *name, u32 v)
{
    for (unsigned i = 0; i < ARRAY_LEN(reg_names); i++) {
        if (!strcmp(name, reg_names[i])) {
            s->gpr[i] = v;
            return;
        }
    }
    for (unsigned i = 0; i < ARRAY_LEN(flag_names); i++) {
        if (!strcmp(name, flag_names[i].name)) {
            u32 mask = flag_names[i].mask;
            s->eflags = (s->eflags & ~mask) | (v * (mask & -mask));
            s->flags_known |= mask;
            return;
        }
    }
    if (!strcmp(name, "flags")) { /* all arithmetic flags */
        s->eflags = (s->eflags & ~(u32)FLAGS_ARITH) | v;
        s->flags_known |= FLAGS_ARITH;
    } else if (!strcmp(name, "eip")) {
        s->eip = v;
    } else if (!strcmp(name, "fault")) {
        s->fault = v;
    } else if (!strcmp(name, "err")) {
        s->err = v;
    } else if (name[0] == '[') {
        store_le(s->mem + strtoul(name + 1, NULL, 16) - DATA, 4, v);
    } else {
        fail_msg("no such name: %s", name);
    }
}

/* Names: registers, flags, eip, fault, err, and [address] for a dword of memory. */
static void parse(struct state *s, const char *text)
{
    char name[16], value[16];
    int used;

    while (sscanf(text, " %15[^= ]=%15s%n", name, value, &used) == 2) {
        parse_one(s, name, (u32)strtoul(value, NULL, 16));
        text += used;
    }
}

static void default_state(struct state *s)
{
    static const u32 gpr[] = {0x11223344, 0x55667788,    0x99aabbcc, 0xddeeff00,
                              STACK,      STACK + 0x100, DATA,       DATA + 0x100};

    memset(s, 0, sizeof(*s));
    memcpy(s->gpr, gpr, sizeof(gpr));
    s->eflags = 2;
    s->fault = ~0u;
    s->eip = ~0u;
    for (unsigned i = 0; i < sizeof(s->mem); i++)
        s->mem[i] = (u8)(i * 7 + (i >> 8));
}

/* -- the machine -- */

static void set_seg(struct cpu *cpu, enum seg seg, u32 base, u32 limit, u16 attr)
{
    struct segment *s = &cpu->seg[seg];

    s->sel = (u16)(base >> 4);
    s->base = base;
    s->limit = limit;
    s->attr = attr;
    seg_update_cache(s);
}

static void load_environment(struct cpu *cpu, enum env env)
{
    bool real = env == REAL || env == V86;
    u16 dpl = env == KERNEL || env == REAL ? 0 : SA_DPL;
    u16 big = real ? 0 : SA_DB | SA_G;
    u32 limit = real ? 0xffff : 0xffffffff;

    cpu->cr0 = CR0_PG | (env == REAL ? 0 : CR0_PE) | (env == ALIGN ? CR0_AM : 0);
    cpu->cr3 = DIR;
    cpu->cr4 = 0;
    cpu->cpl = dpl ? 3 : 0;
    for (unsigned i = 0; i < SEG_COUNT; i++)
        set_seg(cpu, (enum seg)i, real ? 0x10000 : 0, limit,
                SA_P | SA_S | SA_RW | dpl | big | SA_ACCESSED);
    set_seg(cpu, SEG_CS, real ? 0x10000 : 0, limit,
            SA_P | SA_S | SA_RW | SA_ACCESSED | big | dpl | (real ? 0 : SA_CODE));
    if (real)
        set_seg(cpu, SEG_SS, 0x20000, limit, SA_P | SA_S | SA_RW | SA_ACCESSED | dpl);
    if (env == BASED)
        set_seg(cpu, SEG_FS, DATA, limit, SA_P | SA_S | SA_RW | SA_ACCESSED | big | dpl);
    if (env == V86)
        cpu->eflags |= FLAG_VM;
    if (env == ALIGN)
        cpu->eflags |= FLAG_AC;
    cpu->mmu.cr0 = cpu->cr0;
    cpu->mmu.cr3 = cpu->cr3;
    cpu->mmu.cr4 = cpu->cr4;
    mmu_flush(&cpu->mmu);
    cpu_update_mode(cpu);
}

static void load_tables(u8 *ram)
{
    store_le(ram + DIR, 4, TABLE | 7);
    for (u32 i = 0; i < 256; i++)
        store_le(ram + TABLE + i * 4, 4, i == ABSENT >> 12 ? 0 : i << 12 | 7);
}

static unsigned load_code(u8 *ram, const char *code)
{
    unsigned n = 0, byte;
    int used;

    while (sscanf(code, " %2x%n", &byte, &used) == 1) {
        ram[CODE + n++] = (u8)byte;
        code += used;
    }
    return n;
}

static void load_state(struct rig *r, const struct state *s, enum env env)
{
    struct cpu *cpu = r->cpu;

    memcpy(phys_ram(r->phys) + DATA, s->mem, sizeof(s->mem));
    memcpy(cpu->gpr, s->gpr, sizeof(s->gpr));
    cpu_set_eflags(cpu, s->eflags);
    load_environment(cpu, env);
    cpu->eip = CODE - cpu->seg[SEG_CS].base;
    cpu->eip_page = cpu->eip - (CODE & PAGE_MASK);
    cpu->budget = 1000;
    cpu->icount_end = 1000;
    cpu->insn_left = 0;
    cpu->in_block = 0;
    cpu->events = 0;
}

/* Lifts the code at CODE; true if its last instruction repeats itself. */
static bool lift_code(struct rig *r, unsigned len, enum env env, bool optimize)
{
    struct lift l = {
        .ir = r->ir, .mode = r->cpu->mode, .isa = env == OLD ? ISA_386 : ISA_COUNT - 1};
    bool repeats = false;
    const char *wrong;
    unsigned pos = 0;

    ir_begin(r->ir, l.mode);
    while (!l.ended && pos < len) {
        struct insn in;
        l.off = (CODE & PAGE_MASK) + pos;
        assert_int_equal(decode(r->cpu->decoder, phys_ram(r->phys) + CODE + pos, len - pos,
                                l.mode & MODE_CODE32, &in),
                         DECODE_OK);
        lift_insn(&l, &in);
        repeats = insn_row_of(&in)->attr & IA_STRING;
        pos += in.len;
    }
    assert_int_equal(pos, len);
    if (!l.ended)
        ir_xjmp(r->ir, (s32)((CODE & PAGE_MASK) + pos));
    assert_false(r->ir->overflow);
    wrong = ir_verify(r->ir);
    if (wrong)
        fail_msg("%s", wrong);
    if (optimize) {
        ir_optimize(r->ir);
        wrong = ir_verify(r->ir);
        if (wrong)
            fail_msg("optimized: %s", wrong);
    }
    return repeats;
}

/* Runs the lifted code; a repeated string instruction until it is done. Fills *out. */
static void run(struct rig *r, bool repeats, struct state *out)
{
    struct cpu *cpu = r->cpu;
    u32 start = cpu->eip;
    sigjmp_buf env;

    out->fault = ~0u;
    out->err = 0;
    cpu->unwind = &env;
    if (sigsetjmp(env, 0)) {
        out->fault = cpu->pending.vector;
        out->err = cpu->pending.has_error ? cpu->pending.error : 0;
        cpu->eip = cpu->eip_page + cpu->insn_off;
        cpu->budget += cpu->insn_left;
        cpu->insn_left = 0;
    } else {
        do
            interp_steps(cpu, r->ir, r->ir->ninsns);
        while (repeats && cpu->eip == start && cpu->budget > 0);
    }
    cpu->unwind = NULL;
    memcpy(out->gpr, cpu->gpr, sizeof(out->gpr));
    out->eflags = cpu_eflags(cpu);
    out->eip = cpu->eip - start;
    memcpy(out->mem, phys_ram(r->phys) + DATA, sizeof(out->mem));
}

static void compare(const struct test *t, const struct state *want, const struct state *got)
{
    u32 changed = (want->eflags ^ got->eflags) & want->flags_known;

    for (unsigned i = 0; i < GPR_COUNT; i++)
        if (want->gpr[i] != got->gpr[i])
            fail_msg("%s: %s is %x, not %x", t->code, reg_names[i], got->gpr[i], want->gpr[i]);
    if (changed)
        fail_msg("%s: flags are %x, not %x (%x differ)", t->code, got->eflags, want->eflags,
                 changed);
    if (want->eip != got->eip)
        fail_msg("%s: eip is %x, not %x", t->code, got->eip, want->eip);
    if (want->fault != got->fault || want->err != got->err)
        fail_msg("%s: fault %x(%x), not %x(%x)", t->code, got->fault, got->err, want->fault,
                 want->err);
    for (unsigned i = 0; i < sizeof(got->mem); i++)
        if (want->mem[i] != got->mem[i])
            fail_msg("%s: byte %x is %02x, not %02x", t->code, DATA + i, got->mem[i], want->mem[i]);
}

static void check(struct rig *r, const struct test *t, bool optimize)
{
    static struct state in, want, got;
    u8 *ram = phys_ram(r->phys);
    unsigned len;
    bool repeats;

    default_state(&in);
    parse(&in, t->in);
    want = in;
    want.flags_known = 0;
    parse(&want, t->out);
    load_tables(ram);
    len = load_code(ram, t->code);
    if (want.eip == ~0u)
        want.eip = want.fault == ~0u ? len : 0;
    load_state(r, &in, t->env);
    repeats = lift_code(r, len, t->env, optimize);
    run(r, repeats, &got);
    compare(t, &want, &got);
}

static void check_all(void **state, const struct test *t, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        check(*state, &t[i], false);
        check(*state, &t[i], true);
    }
}

#define CASES(name, ...)                                                                           \
    static void name(void **state)                                                                 \
    {                                                                                              \
        static const struct test tests[] = {__VA_ARGS__};                                          \
        check_all(state, tests, ARRAY_LEN(tests));                                                 \
    }

/* -- cases -- */

/* clang-format off */

CASES(test_add_sub,
    { "01 d8 ; add eax, ebx", "eax=ffffffff ebx=1", "eax=0 flags=55", 0 },
    { "01 d8", "eax=7fffffff ebx=1", "eax=80000000 flags=894", 0 },
    { "00 fc ; add ah, bh", "eax=80ff ebx=8000", "eax=00ff flags=845", 0 },
    { "66 05 01 00 ; add ax, 1", "eax=1234ffff", "eax=12340000 flags=55", 0 },
    { "01 c0 ; add eax, eax", "eax=80000001", "eax=2 flags=801", 0 },
    { "83 06 ff ; add dword [esi], -1", "[20000]=5", "[20000]=4 flags=11", 0 },
    { "00 06 ; add [esi], al", "eax=1 [20000]=aabbccff", "[20000]=aabbcc00 flags=55", 0 },
    { "11 d8 ; adc eax, ebx", "eax=ffffffff ebx=0 cf=1", "eax=0 flags=55", 0 },
    { "14 7f ; adc al, 7f", "eax=0 cf=1", "eax=80 flags=890", 0 },
    { "11 c0 ; adc eax, eax", "eax=80000000 cf=1", "eax=1 flags=801", 0 },
    { "29 d8 ; sub eax, ebx", "eax=0 ebx=1", "eax=ffffffff flags=95", 0 },
    { "29 c0 ; sub eax, eax", "eax=5 flags=8d5", "eax=0 flags=44", 0 },
    { "28 e0 ; sub al, ah", "eax=1280", "eax=126e af=1 zf=0 sf=0 of=1 cf=0 pf=0", 0 },
    { "19 c0 ; sbb eax, eax", "eax=5 cf=1", "eax=ffffffff flags=95", 0 },
    { "19 c0", "eax=5", "eax=0 flags=44", 0 },
    { "18 e0 ; sbb al, ah", "eax=ff00 cf=1", "eax=ff00 flags=55", 0 },
    { "66 1d ff ff ; sbb ax, ffff", "eax=0 cf=1", "eax=0 flags=55", 0 },
    { "3b 06 ; cmp eax, [esi]", "eax=1 [20000]=2", "flags=95", 0 },
    { "38 fc ; cmp ah, bh", "eax=100 ebx=100", "flags=44", 0 },
    { "40 ; inc eax", "eax=7fffffff cf=1", "eax=80000000 flags=895", 0 },
    { "fe c4 ; inc ah", "eax=ffff", "eax=ff flags=54", 0 },
    { "ff 0e ; dec dword [esi]", "[20000]=1 cf=1", "[20000]=0 flags=45", 0 },
    { "66 48 ; dec ax", "eax=12348000", "eax=12347fff flags=814", 0 },
    { "f7 d8 ; neg eax", "eax=80000000", "flags=885", 0 },
    { "f6 dc ; neg ah", "eax=100", "eax=ff00 flags=95", 0 },
    { "f7 d8", "eax=0", "flags=44", 0 },
    { "f7 16 ; not dword [esi]", "[20000]=f0f0f0f0 flags=8d5", "[20000]=f0f0f0f flags=8d5", 0 },
)

CASES(test_logic,
    { "31 c0 ; xor eax, eax", "flags=8d5", "eax=0 flags=44", 0 },
    { "66 31 c0 ; xor ax, ax", "eax=12345678", "eax=12340000 flags=44", 0 },
    { "30 e4 ; xor ah, ah", "eax=12345678", "eax=12340078 flags=44", 0 },
    { "30 e0 ; xor al, ah", "eax=ff0f", "eax=fff0 flags=84", 0 },
    { "21 d8 ; and eax, ebx", "eax=f0f0 ebx=ff", "eax=f0 flags=4", 0 },
    { "21 c0 ; and eax, eax", "eax=80000000 cf=1", "sf=1 zf=0 cf=0 of=0", 0 },
    { "08 e4 ; or ah, ah", "eax=ff00ff", "zf=1 sf=0", 0 },
    { "0d 00 00 00 80 ; or eax, 80000000", "eax=1", "eax=80000001 flags=80", 0 },
    { "a8 80 ; test al, 80", "eax=80", "flags=80", 0 },
    { "85 c0 ; test eax, eax", "eax=0 cf=1", "flags=44", 0 },
    { "f6 06 01 ; test byte [esi], 1", "[20000]=fe", "flags=44", 0 },
)

CASES(test_mul_div,
    { "f7 e3 ; mul ebx", "eax=ffffffff ebx=ffffffff", "eax=1 edx=fffffffe cf=1 of=1", 0 },
    { "f7 e3", "eax=10000 ebx=ffff", "eax=ffff0000 edx=0 cf=0 of=0", 0 },
    { "66 f7 e3 ; mul bx", "eax=1000100 ebx=100 edx=11110000", "eax=1000000 edx=11110001 cf=1 of=1", 0 },
    { "f6 e7 ; mul bh", "eax=12340010 ebx=1000", "eax=12340100 cf=1 of=1", 0 },
    { "f6 eb ; imul bl", "eax=ff ebx=ff", "eax=1 cf=0 of=0", 0 },
    { "f6 eb", "eax=80 ebx=80", "eax=4000 cf=1 of=1", 0 },
    { "66 f7 eb ; imul bx", "eax=8000 ebx=ffff edx=0", "eax=8000 edx=0 cf=1 of=1", 0 },
    { "f7 eb ; imul ebx", "eax=ffffffff ebx=7", "eax=fffffff9 edx=ffffffff cf=0 of=0", 0 },
    { "0f af c3 ; imul eax, ebx", "eax=10000 ebx=8000", "eax=80000000 cf=1 of=1", 0 },
    { "0f af c3", "eax=fffffffe ebx=3", "eax=fffffffa cf=0 of=0", 0 },
    { "66 69 c3 00 10 ; imul ax, bx, 1000", "ebx=10 eax=12340000", "eax=12340000 cf=1 of=1", 0 },
    { "6b 06 fe ; imul eax, [esi], -2", "[20000]=5", "eax=fffffff6 cf=0 of=0", 0 },
    { "f7 f3 ; div ebx", "edx=1 eax=0 ebx=3 flags=8d5", "eax=55555555 edx=1 flags=8d5", 0 },
    { "f7 f3", "edx=3 ebx=3", "fault=0", 0 },
    { "f6 f7 ; div bh", "eax=12340064 ebx=700", "eax=1234020e", 0 },
    { "66 f7 f3 ; div bx", "edx=aaaa0001 eax=bbbb0000 ebx=3", "eax=bbbb5555 edx=aaaa0001", 0 },
    { "f7 fb ; idiv ebx", "edx=ffffffff eax=fffffff9 ebx=2", "eax=fffffffd edx=ffffffff", 0 },
    { "f7 fb", "edx=80000000 eax=0 ebx=ffffffff", "fault=0", 0 },
    { "f7 fb", "edx=ffffffff eax=80000000 ebx=ffffffff", "fault=0", 0 },
    { "f7 fb", "edx=ffffffff eax=80000000 ebx=1", "eax=80000000 edx=0", 0 },
    { "f6 fb ; idiv bl", "eax=ff80 ebx=1", "eax=80", 0 },
    { "66 f7 fb ; idiv bx", "edx=ffff eax=8000 ebx=ffff", "fault=0", 0 },
    { "f7 36 ; div dword [esi]", "edx=0 eax=64 [20000]=7", "eax=e edx=2", 0 },
)

CASES(test_shift,
    { "c1 e0 04 ; shl eax, 4", "eax=18000001", "eax=80000010 flags=81", 0 },
    { "d1 e0 ; shl eax, 1", "eax=80000000", "eax=0 cf=1 of=1 zf=1 pf=1 sf=0", 0 },
    { "c1 e0 20 ; shl eax, 32", "flags=8d5", "flags=8d5", 0 },
    { "d3 e0 ; shl eax, cl", "ecx=21 eax=1", "eax=2 cf=0 zf=0", 0 },
    { "d3 e0", "ecx=20 flags=8d5", "flags=8d5", 0 },
    { "d3 e1 ; shl ecx, cl", "ecx=4", "ecx=40 zf=0", 0 },
    { "d2 e4 ; shl ah, cl", "ecx=9 eax=ff55", "eax=55 cf=0 zf=1", 0 },
    { "c0 26 01 ; shl byte [esi], 1", "[20000]=112233c0", "[20000]=11223380 cf=1 of=0 sf=1", 0 },
    { "66 d3 e8 ; shr ax, cl", "ecx=4 eax=1234ff08", "eax=12340ff0 cf=1 sf=0", 0 },
    { "d1 e8 ; shr eax, 1", "eax=80000001", "eax=40000000 cf=1 of=1", 0 },
    { "c0 fc 03 ; sar ah, 3", "eax=84ff", "eax=f0ff cf=1 sf=1", 0 },
    { "66 c1 f8 1f ; sar ax, 31", "eax=8000", "eax=ffff cf=1 sf=1 zf=0", 0 },
    { "d1 f8 ; sar eax, 1", "eax=80000001", "eax=c0000000 cf=1 of=0 sf=1", 0 },
    { "d3 3e ; sar dword [esi], cl", "ecx=4 [20000]=80000000", "[20000]=f8000000 cf=0", 0 },
    { "0f a4 d8 08 ; shld eax, ebx, 8", "eax=12345678 ebx=9abcdef0", "eax=3456789a cf=0", 0 },
    { "0f a5 d8 ; shld eax, ebx, cl", "eax=12345678 ebx=9abcdef0 ecx=20 flags=8d5", "flags=8d5", 0 },
    { "0f ac d8 08 ; shrd eax, ebx, 8", "eax=123456f8 ebx=9abcdef0", "eax=f0123456 cf=1", 0 },
    { "66 0f a5 d8 ; shld ax, bx, cl", "eax=8001 ebx=f000 ecx=1", "eax=3 cf=1 of=1", 0 },
    { "66 0f ad 1e ; shrd [esi], bx, cl", "[20000]=8001 ebx=f ecx=4", "[20000]=f800 cf=0", 0 },
)

CASES(test_rotate,
    { "d1 c0 ; rol eax, 1", "eax=80000000 zf=1 sf=1", "eax=1 cf=1 of=1 zf=1 sf=1", 0 },
    { "c0 c4 0c ; rol ah, 12", "eax=1200", "eax=2100 cf=1", 0 },
    { "c0 c0 08 ; rol al, 8", "eax=81", "cf=1", 0 },
    { "c0 c0 20 ; rol al, 32", "eax=81 flags=844", "flags=844", 0 },
    { "66 d3 c8 ; ror ax, cl", "eax=12340001 ecx=1", "eax=12348000 cf=1 of=1", 0 },
    { "c1 0e 08 ; ror dword [esi], 8", "[20000]=12345678", "[20000]=78123456 cf=0", 0 },
    { "d1 d0 ; rcl eax, 1", "eax=80000000 cf=1", "eax=1 cf=1 of=1", 0 },
    { "c1 d0 08 ; rcl eax, 8", "eax=12345678 cf=1", "eax=34567889 cf=0", 0 },
    { "d3 d0 ; rcl eax, cl", "eax=12345678 cf=1 ecx=8", "eax=34567889 cf=0", 0 },
    { "d3 d0", "eax=12345678 flags=8d5 ecx=20", "flags=8d5", 0 },
    { "d3 d8 ; rcr eax, cl", "eax=12345678 cf=1 ecx=8", "eax=f1123456 cf=0", 0 },
    { "d1 d8 ; rcr eax, 1", "eax=1 cf=1", "eax=80000000 cf=1 of=1", 0 },
    { "d2 d4 ; rcl ah, cl", "eax=8000 ecx=9 cf=1", "cf=1", 0 },
    { "d2 d4", "eax=8000 ecx=a cf=1", "eax=100 cf=1", 0 },
    { "c0 dc 02 ; rcr ah, 2", "eax=300 cf=0", "eax=8000 cf=1", 0 },
    { "66 c1 d0 11 ; rcl ax, 17", "eax=1234 cf=1", "cf=1", 0 },
    { "66 c1 d8 04 ; rcr ax, 4", "eax=1234 cf=1", "eax=9123 cf=0", 0 },
)

CASES(test_move,
    { "b4 12 ; mov ah, 12", "eax=ffffffff", "eax=ffff12ff", 0 },
    { "88 e0 ; mov al, ah", "eax=12345678", "eax=12345656", 0 },
    { "66 89 d8 ; mov ax, bx", "eax=12345678 ebx=ffff0000", "eax=12340000", 0 },
    { "8b 44 9e 04 ; mov eax, [esi+ebx*4+4]", "ebx=2 [2000c]=deadbeef", "eax=deadbeef", 0 },
    { "8b 04 9d 00 00 02 00 ; mov eax, [ebx*4+20000]", "ebx=2 [20008]=deadbeef", "eax=deadbeef", 0 },
    { "a1 10 00 02 00 ; mov eax, [20010]", "[20010]=12345678", "eax=12345678", 0 },
    { "67 8b 07 ; mov eax, [bx]", "ebx=ffff0000", "eax=0", 0 },
    { "c7 46 fc 78 56 34 12 ; mov dword [esi-4], 12345678", "esi=20004", "[20000]=12345678", 0 },
    { "0f b6 c4 ; movzx eax, ah", "eax=12345678", "eax=56", 0 },
    { "0f be 06 ; movsx eax, byte [esi]", "[20000]=80", "eax=ffffff80", 0 },
    { "66 0f be c4 ; movsx ax, ah", "eax=12348000", "eax=1234ff80", 0 },
    { "0f bf c3 ; movsx eax, bx", "ebx=12348000", "eax=ffff8000", 0 },
    { "0f b7 06 ; movzx eax, word [esi]", "[20000]=12348000", "eax=8000", 0 },
    { "8d 44 8b ff ; lea eax, [ebx+ecx*4-1]", "ebx=10 ecx=3", "eax=1b", 0 },
    { "67 8d 40 ff ; lea eax, [bx+si-1]", "ebx=10001 esi=2ffff", "eax=ffff", 0 },
    { "66 8d 03 ; lea ax, [ebx]", "eax=11110000 ebx=22223333", "eax=11113333", 0 },
    { "93 ; xchg eax, ebx", "eax=1 ebx=2", "eax=2 ebx=1", 0 },
    { "86 e0 ; xchg al, ah", "eax=1234", "eax=3412", 0 },
    { "86 c4 ; xchg ah, al", "eax=1234", "eax=3412", 0 },
    { "87 06 ; xchg eax, [esi]", "eax=1 [20000]=2", "eax=2 [20000]=1", 0 },
    { "87 36 ; xchg esi, [esi]", "[20000]=2", "esi=2 [20000]=20000", 0 },
    { "0f c8 ; bswap eax", "eax=12345678", "eax=78563412", 0 },
    { "98 ; cwde", "eax=8000", "eax=ffff8000", 0 },
    { "66 98 ; cbw", "eax=12340080", "eax=1234ff80", 0 },
    { "99 ; cdq", "eax=80000000", "edx=ffffffff", 0 },
    { "66 99 ; cwd", "eax=7fff edx=12345678", "edx=12340000", 0 },
    { "d7 ; xlat", "ebx=20000 eax=12345603 [20000]=99000000", "eax=12345699", 0 },
    { "67 64 d7 ; fs xlat, 16-bit", "ebx=ffffffff eax=1 [20000]=99", "eax=99", BASED },
    { "64 8b 46 04 ; mov eax, fs:[esi+4]", "esi=8 [2000c]=77", "eax=77", BASED },
    { "0f 44 c3 ; cmove eax, ebx", "zf=1 ebx=5", "eax=5", 0 },
    { "66 0f 44 c3 ; cmove ax, bx", "zf=0 ebx=5", "", 0 },
    { "0f 4c 06 ; cmovl eax, [esi]", "sf=1 [20000]=5", "eax=5", 0 },
    { "0f 44 05 00 00 03 00 ; cmove eax, [30000]", "zf=0", "fault=e err=4", 0 },
    { "0f 9f c4 ; setg ah", "eax=0", "eax=100", 0 },
    { "0f 94 06 ; sete [esi]", "[20000]=ffffffff", "[20000]=ffffff00", 0 },
)

CASES(test_flag_insns,
    { "9f ; lahf", "eax=0 flags=8d5", "eax=d700 flags=8d5", 0 },
    { "9e ; sahf", "eax=d500 of=1", "flags=8d5", 0 },
    { "9e", "eax=0 flags=8d5", "flags=800", 0 },
    { "f8 ; clc", "flags=8d5", "flags=8d4", 0 },
    { "f9 ; stc", "", "flags=1", 0 },
    { "f5 ; cmc", "flags=8d5", "flags=8d4", 0 },
    { "f5 f5 f5", "flags=8d4", "flags=8d5", 0 },
    { "fd ; std", "", "df=1 flags=0", 0 },
    { "fc ; cld", "df=1", "df=0", 0 },
    { "d6 ; salc", "cf=1", "eax=112233ff cf=1", 0 },
)

CASES(test_exchange,
    { "0f c1 d8 ; xadd eax, ebx", "eax=1 ebx=2", "eax=3 ebx=1 flags=4", 0 },
    { "0f c1 c0 ; xadd eax, eax", "eax=4", "eax=8", 0 },
    { "0f c0 e0 ; xadd al, ah", "eax=102", "eax=203", 0 },
    { "0f c1 1e ; xadd [esi], ebx", "[20000]=ffffffff ebx=1", "[20000]=0 ebx=ffffffff flags=55", 0 },
    { "0f b1 1e ; cmpxchg [esi], ebx", "eax=5 ebx=9 [20000]=5", "[20000]=9 flags=44", 0 },
    { "0f b1 1e", "eax=5 ebx=9 [20000]=6", "eax=6 flags=95", 0 },
    { "0f b1 d8 ; cmpxchg eax, ebx", "eax=5 ebx=9", "eax=9 zf=1", 0 },
    { "0f b1 cb ; cmpxchg ebx, ecx", "eax=5 ebx=9", "eax=9 zf=0", 0 },
    { "0f b0 dc ; cmpxchg ah, bl", "eax=505 ebx=9", "eax=905 zf=1", 0 },
    { "66 0f b1 1e ; cmpxchg [esi], bx", "eax=aaaa0005 ebx=9 [20000]=bbbb0005", "[20000]=bbbb0009 zf=1", 0 },
    { "0f c7 0e ; cmpxchg8b [esi]", "eax=1 edx=2 ebx=3 ecx=4 [20000]=1 [20004]=2 flags=895",
      "[20000]=3 [20004]=4 flags=8d5", 0 },
    { "0f c7 0e", "eax=1 edx=2 ebx=3 ecx=4 [20000]=1 [20004]=9 flags=8d5", "edx=9 flags=895", 0 },
    { "f0 0f b1 1e ; lock cmpxchg", "eax=5 ebx=9 [20000]=5", "[20000]=9 flags=44", 0 },
)

CASES(test_bits,
    { "0f a3 c8 ; bt eax, ecx", "eax=8 ecx=23 flags=8d4", "flags=8d5", 0 },
    { "0f a3 0e ; bt [esi], ecx", "ecx=21 [20004]=2", "cf=1", 0 },
    { "0f ab 0e ; bts [esi], ecx", "ecx=ffffffff esi=20004 [20000]=0", "[20000]=80000000 cf=0", 0 },
    { "66 0f b3 0e ; btr [esi], cx", "ecx=fff0 esi=20002 [20000]=ffffffff", "[20000]=fffffffe cf=1", 0 },
    { "0f ba e8 25 ; bts eax, 37", "eax=0", "eax=20 cf=0", 0 },
    { "0f ba 3e 04 ; btc dword [esi], 4", "[20000]=10", "[20000]=0 cf=1", 0 },
    { "66 0f bb c8 ; btc ax, cx", "eax=12340000 ecx=1f", "eax=12348000 cf=0", 0 },
    { "0f bc c3 ; bsf eax, ebx", "ebx=100", "eax=8 zf=0", 0 },
    { "0f bc c3", "ebx=0", "zf=1", 0 },
    { "66 0f bd c3 ; bsr ax, bx", "eax=12340000 ebx=ffff0010", "eax=12340004 zf=0", 0 },
    { "66 0f bd c3", "ebx=ffff0000", "zf=1", 0 },
    { "0f bd c0 ; bsr eax, eax", "eax=80000000", "eax=1f zf=0", 0 },
)

CASES(test_bcd,
    { "27 ; daa", "eax=79", "eax=79 cf=0 af=0", 0 },
    { "27", "eax=ae", "eax=14 cf=1 af=1", 0 },
    { "27", "eax=12 af=1 cf=1", "eax=78 cf=1 af=1", 0 },
    { "27", "eax=fb", "eax=61 cf=1 af=1", 0 },
    { "2f ; das", "eax=ee", "eax=88 cf=1 af=1 sf=1", 0 },
    { "2f", "eax=3 af=1", "eax=fd cf=1 af=1", 0 },
    { "2f", "eax=9a", "eax=34 cf=1 af=1", 0 },
    { "37 ; aaa", "eax=123400fe", "eax=12340204 cf=1 af=1", 0 },
    { "37", "eax=5", "cf=0 af=0", 0 },
    { "3f ; aas", "eax=12340203", "cf=0 af=0", 0 },
    { "3f", "eax=12340003 af=1", "eax=1234fe0d cf=1 af=1", 0 },
    { "d4 0a ; aam", "eax=1234ff63", "eax=12340909 zf=0 pf=1", 0 },
    { "d4 00", "", "fault=0", 0 },
    { "d4 ff", "eax=ff", "eax=100 zf=1", 0 },
    { "d5 0a ; aad", "eax=12340909", "eax=12340063 zf=0", 0 },
)

CASES(test_stack,
    { "50 ; push eax", "eax=77", "esp=27ffc [27ffc]=77", 0 },
    { "54 ; push esp", "", "esp=27ffc [27ffc]=28000", 0 },
    { "66 50 ; push ax", "eax=12345678 [27ffc]=0", "esp=27ffe [27ffc]=56780000", 0 },
    { "6a ff ; push -1", "", "esp=27ffc [27ffc]=ffffffff", 0 },
    { "ff 34 24 ; push dword [esp]", "[28000]=9", "esp=27ffc [27ffc]=9", 0 },
    { "5b ; pop ebx", "[28000]=9", "ebx=9 esp=28004", 0 },
    { "5c ; pop esp", "[28000]=12345678", "esp=12345678", 0 },
    { "66 5b ; pop bx", "[28000]=12345678", "ebx=ddee5678 esp=28002", 0 },
    { "8f 04 24 ; pop dword [esp]", "[28000]=9", "esp=28004 [28004]=9", 0 },
    { "8f 44 24 fc ; pop dword [esp-4]", "[28000]=9", "esp=28004", 0 },
    { "8f 05 00 00 03 00 ; pop dword [30000]", "", "fault=e err=6", 0 },
    { "60 ; pusha", "", "esp=27fe0 [27ffc]=11223344 [27ff8]=55667788 [27ff4]=99aabbcc [27ff0]=ddeeff00 "
      "[27fec]=28000 [27fe8]=28100 [27fe4]=20000 [27fe0]=20100", 0 },
    { "61 ; popa", "[28000]=1 [28004]=2 [28008]=3 [2800c]=4 [28010]=5 [28014]=6 [28018]=7 [2801c]=8",
      "edi=1 esi=2 ebp=3 ebx=5 edx=6 ecx=7 eax=8 esp=28020", 0 },
    { "61", "esp=2fff0", "fault=e err=4", 0 },
    { "c8 10 00 00 ; enter 16, 0", "", "[27ffc]=28100 ebp=27ffc esp=27fec", 0 },
    { "c8 04 00 02 ; enter 4, 2", "[280fc]=abc", "[27ffc]=28100 [27ff8]=abc [27ff4]=27ffc ebp=27ffc esp=27ff0", 0 },
    { "c8 00 20 00 ; enter into the absent page", "esp=32800", "[327fc]=28100 fault=e err=6", 0 },
    { "c9 ; leave", "[28100]=5", "esp=28104 ebp=5", 0 },
    { "9c ; pushf", "flags=8d5 df=1", "esp=27ffc [27ffc]=cd7 flags=8d5", 0 },
    { "9d ; popf", "[28000]=244fd7", "esp=28004 flags=8d5 df=1 tf=1 if=0 iopl=0 nt=1 ac=1 id=1", 0 },
    { "9d", "[28000]=ff2ad7", "esp=28004 flags=8d5 tf=0 if=1 iopl=2 df=0", KERNEL },
    { "66 9d", "iopl=3 [28000]=200", "esp=28002 if=1 iopl=3", 0 },
    { "50 ; push into the absent page", "esp=30800", "fault=e err=6", 0 },
    { "53 ; push bx, SP wraps", "esp=12340000 ebx=7 [2fffc]=0", "esp=1234fffe [2fffc]=70000", REAL },
    { "53 ; push bx in SS", "esp=aaaa8000 ebx=7 [27ffc]=0", "esp=aaaa7ffe [27ffc]=70000", REAL },
    { "58 ; pop ax", "esp=aaaafffe [2fffc]=12345678", "esp=aaaa0000 eax=11221234", REAL },
    { "66 8f 04 24 ; 16-bit pop in 32-bit code", "[28000]=12345678 [28004]=0",
      "esp=28002 [28000]=56785678", 0 },
    { "67 66 8f 04 24 ; 32-bit pop [esp], SP 16 bits wide", "esp=8000 [28000]=5", "esp=8004 [28004]=5", REAL },
    { "53 ; push bx at SP 1", "esp=1", "fault=c", REAL },
    { "9c ; pushf, IOPL 0", "", "fault=d", V86 },
    { "9d ; popf, IOPL 0", "", "fault=d", V86 },
    { "9c ; pushf, IOPL 3", "iopl=3 esp=8000 [27ffc]=0", "esp=7ffe [27ffc]=30020000 iopl=3", V86 },
)

CASES(test_branch,
    { "74 10 ; je +16", "zf=1", "eip=12", 0 },
    { "74 10", "zf=0", "", 0 },
    { "0f 8c f0 fe ff ff ; jl backwards out of the page", "sf=1", "eip=fffffef6", 0 },
    { "39 d8 77 10 ; cmp eax, ebx; ja", "eax=5 ebx=3", "eip=14", 0 },
    { "39 d8 77 10 40 ; falls through", "eax=3 ebx=5", "eax=4", 0 },
    { "eb fe ; jmp $", "", "eip=0", 0 },
    { "e9 00 00 10 00 ; jmp far off", "", "eip=100005", 0 },
    { "66 e9 00 00 ; 16-bit jmp truncates EIP", "", "eip=ffff0004", 0 },
    { "66 74 00 ; 16-bit je", "zf=1", "eip=ffff0003", 0 },
    { "66 74 00", "zf=0", "", 0 },
    { "e8 10 00 00 00 ; call", "", "eip=15 esp=27ffc [27ffc]=10105", 0 },
    { "ff d0 ; call eax", "eax=12345678", "eip=12335578 esp=27ffc [27ffc]=10102", 0 },
    { "ff d4 ; call esp", "", "eip=17f00 esp=27ffc [27ffc]=10102", 0 },
    { "ff 14 24 ; call [esp]", "[28000]=10200", "eip=100 esp=27ffc [27ffc]=10103", 0 },
    { "ff 26 ; jmp [esi]", "[20000]=10200", "eip=100", 0 },
    { "66 ff e0 ; jmp ax", "eax=12345678", "eip=ffff5578", 0 },
    { "c3 ; ret", "[28000]=10200", "eip=100 esp=28004", 0 },
    { "c2 08 00 ; ret 8", "[28000]=10200", "eip=100 esp=2800c", 0 },
    { "66 c3 ; 16-bit ret", "[28000]=12340200", "eip=ffff0100 esp=28002", 0 },
    { "e2 10 ; loop", "ecx=2", "ecx=1 eip=12", 0 },
    { "e2 10", "ecx=1", "ecx=0", 0 },
    { "67 e2 10 ; loop by cx", "ecx=10001", "ecx=10000", 0 },
    { "e1 10 ; loope", "ecx=2 zf=1", "ecx=1 eip=12", 0 },
    { "e1 10", "ecx=2 zf=0", "ecx=1", 0 },
    { "e0 10 ; loopne", "ecx=1 zf=0", "ecx=0", 0 },
    { "e0 10", "ecx=0 zf=0", "ecx=ffffffff eip=12", 0 },
    { "e3 10 ; jecxz", "ecx=0", "eip=12", 0 },
    { "67 e3 10 ; jcxz", "ecx=10000", "eip=13", 0 },
    { "e8 fe 00 ; call in real mode", "esp=8000 [27ffc]=0", "eip=101 esp=7ffe [27ffc]=1030000", REAL },
    { "e9 00 ff ; jmp wraps", "", "eip=ffffff03", REAL },
    { "66 e9 00 00 10 00 ; 32-bit jmp past the limit", "", "fault=d", REAL },
    { "66 0f 84 00 00 10 00 ; je past the limit", "zf=1", "fault=d", REAL },
    { "66 0f 84 00 00 10 00", "zf=0", "", REAL },
    { "66 e8 00 00 10 00 ; call past the limit pushes nothing", "esp=8000", "fault=d", REAL },
    { "66 c3 ; ret past the limit", "esp=8000 [28000]=10000", "fault=d", REAL },
    { "66 ff e0 ; jmp eax past the limit", "eax=10000", "fault=d", V86 },
    { "62 06 ; bound eax, [esi]", "eax=5 [20000]=fffffffe [20004]=5", "", 0 },
    { "62 06", "eax=6 [20000]=fffffffe [20004]=5", "fault=5", 0 },
    { "66 62 06 ; bound ax, [esi]", "eax=fffe [20000]=5fffe", "", 0 },
    { "66 62 06", "eax=fffd [20000]=5fffe", "fault=5", 0 },
)

CASES(test_string,
    { "a5 ; movsd", "[20000]=12345678", "[20100]=12345678 esi=20004 edi=20104", 0 },
    { "a4 ; movsb down", "df=1 [20000]=5 [20100]=0", "[20100]=5 esi=1ffff edi=200ff", 0 },
    { "64 a5 ; movsd fs:", "esi=10 [20010]=9", "[20100]=9 esi=14 edi=20104", BASED },
    { "aa ; stosb", "[20100]=0", "[20100]=44 edi=20101", 0 },
    { "66 ab ; stosw", "[20100]=0", "[20100]=3344 edi=20102", 0 },
    { "ac ; lodsb", "[20000]=99", "eax=11223399 esi=20001", 0 },
    { "67 ad ; lodsd, 16-bit address", "esi=12340000 df=1 eax=0", "eax=0 esi=1234fffc", 0 },
    { "a7 ; cmpsd", "[20000]=1 [20100]=2", "esi=20004 edi=20104 flags=95", 0 },
    { "ae ; scasb", "[20100]=44", "edi=20101 flags=44", 0 },
    { "f3 a5 ; rep movsd", "ecx=0", "", 0 },
    { "f3 a5", "ecx=2 [20000]=1 [20004]=2", "[20100]=1 [20104]=2 ecx=0 esi=20008 edi=20108", 0 },
    { "f2 a4 ; repne movsb is rep", "ecx=1 [20000]=5 [20100]=0", "[20100]=5 ecx=0 esi=20001 edi=20101", 0 },
    { "f3 a4 ; rep movsb over itself", "ecx=7 esi=20100 edi=20101 [20100]=42 [20104]=0",
      "[20100]=42424242 [20104]=42424242 ecx=0 esi=20107 edi=20108", 0 },
    { "f3 a4 ; down over itself", "df=1 ecx=3 esi=20103 edi=20102 [20100]=42000000",
      "[20100]=42424242 ecx=0 esi=20100 edi=200ff", 0 },
    { "f3 a4 ; down, moved up", "df=1 ecx=3 esi=20102 edi=20103 [20100]=112233",
      "[20100]=11223333 ecx=0 esi=200ff edi=20100", 0 },
    { "f3 ab ; rep stosd over a page end", "ecx=2 eax=5 edi=20ffc", "[20ffc]=5 [21000]=5 ecx=0 edi=21004", 0 },
    { "f3 ab ; an element over a page end", "ecx=2 eax=5 edi=20ffe [20ffc]=0 [21000]=0 [21004]=0",
      "[20ffc]=50000 [21000]=50000 ecx=0 edi=21006", 0 },
    { "66 f3 ab ; rep stosw, ESI kept", "ecx=3 eax=5 edi=20100 [20104]=0", "[20100]=50005 [20104]=5 ecx=0 edi=20106", 0 },
    { "f3 ab ; faults at the second", "ecx=5 eax=5 edi=2fffc", "[2fffc]=5 ecx=4 edi=30000 fault=e err=6", 0 },
    { "f3 a5 ; faults at the source's second", "ecx=5 esi=2fffc edi=20000 [2fffc]=9",
      "[20000]=9 ecx=4 esi=30000 edi=20004 fault=e err=4", 0 },
    { "f3 ad ; rep lodsd", "ecx=3 [20008]=77", "eax=77 ecx=0 esi=2000c", 0 },
    { "f3 a6 ; repe cmpsb", "ecx=8 [20000]=44332211 [20100]=44aa2211",
      "ecx=5 esi=20003 edi=20103 zf=0 cf=1", 0 },
    { "f3 a6", "ecx=3 [20000]=44332211 [20100]=aa332211", "ecx=0 esi=20003 edi=20103 flags=44", 0 },
    { "f2 a7 ; repne cmpsd", "ecx=8 [20000]=1 [20100]=2 [20004]=3 [20104]=3",
      "ecx=6 esi=20008 edi=20108 flags=44", 0 },
    { "f3 a6", "ecx=0 flags=8d5", "flags=8d5", 0 },
    { "f2 ae ; repne scasb", "ecx=ffffffff eax=0 [20100]=112233 ", "ecx=fffffffb edi=20104 flags=44", 0 },
    { "f3 af ; repe scasd", "ecx=8 eax=1 [20100]=1 [20104]=2", "ecx=6 edi=20108 flags=95", 0 },
    { "f3 aa ; CX and DI are 16 bits wide, DI wraps", "ecx=aaaa0003 edi=bbbb0001 df=1", "ecx=aaaa0000 edi=bbbbfffe", REAL },
)

CASES(test_legality,
    { "0f 0b ; ud2", "", "fault=6", 0 },
    { "0f 44 c3 ; cmove on a 386", "", "fault=6", OLD },
    { "0f c8 ; bswap on a 386", "", "fault=6", OLD },
    { "63 c0 ; arpl in real mode", "", "fault=6", REAL },
    { "f4 ; hlt in user mode", "", "fault=d", 0 },
    { "f3 90 ; pause", "", "", 0 },
    { "0f 1f 05 00 00 03 00 ; nop [30000]", "", "", 0 },
    { "2e 88 06 ; mov cs:[esi], al", "", "fault=d", 0 },
    { "2e 8a 06 ; mov al, cs:[esi]", "[20000]=9", "eax=11223309", 0 },
    { "8b 46 01 ; misaligned", "", "fault=11", ALIGN },
    { "8a 46 01 ; a byte is never misaligned", "[20000]=900", "eax=11223309", ALIGN },
)

/* clang-format on */

/* -- REP STOS into a page that holds translated code -- */

static sigjmp_buf restart_point;

static _Noreturn void restart(struct cpu *cpu)
{
    (void)cpu;
    siglongjmp(restart_point, 1);
}

struct written {
    paddr pa;
    u64 len;
    unsigned calls;
};

static void on_code_write(void *opaque, paddr pa, u64 len)
{
    struct written *w = opaque;

    w->pa = pa;
    w->len = len;
    w->calls++;
}

static void test_rep_over_code(void **state)
{
    static const struct cpu_hooks hooks = {.restart_single = restart};
    static struct state in, out;
    struct rig *r = *state;
    struct written w = {0, 0, 0};
    const struct code_listener listener = {on_code_write, &w};
    u8 *ram = phys_ram(r->phys);
    unsigned len;

    default_state(&in);
    parse(&in, "edi=2011c ecx=8 df=1 eax=0");
    load_tables(ram);
    len = load_code(ram, "f3 ab");
    phys_set_code_listener(r->phys, &listener);
    phys_mark_code(r->phys, DATA + 0x104, 1);
    load_state(r, &in, FLAT);
    lift_code(r, len, FLAT, true);

    /* Native code leaves before anything is written... */
    r->cpu->hooks = &hooks;
    r->cpu->in_block = 1;
    if (!sigsetjmp(restart_point, 0)) {
        help_rep_stos(r->cpu, rep_info(4, 4, SEG_DS, false));
        fail_msg("no restart");
    }
    r->cpu->in_block = 0;
    r->cpu->hooks = NULL;
    assert_int_equal(r->cpu->gpr[ECX], 8);
    assert_memory_equal(ram + DATA, in.mem, sizeof(in.mem));
    assert_int_equal(w.calls, 0);

    /* ... and the interpreter reports just the bytes that it writes. */
    run(r, true, &out);
    assert_int_equal(w.calls, 1);
    assert_int_equal(w.pa, DATA + 0x100);
    assert_int_equal(w.len, 32);
    assert_int_equal(out.gpr[ECX], 0);
    assert_int_equal(out.gpr[EDI], DATA + 0xfc);
    assert_int_equal(load_le(ram + DATA + 0x100, 8), 0);
    phys_set_code_listener(r->phys, NULL);
    phys_set_code_lines(r->phys, DATA, 0);
}

/* One chunk a call, whatever the TLB holds: the count of retired instructions follows from the
 * addresses. */
static void test_rep_retires(void **state)
{
    static struct state in, out;
    struct rig *r = *state;
    unsigned len;

    for (unsigned warm = 0; warm < 2; warm++) {
        default_state(&in);
        parse(&in, "esi=20ff0 edi=22000 ecx=1800");
        load_tables(phys_ram(r->phys));
        len = load_code(phys_ram(r->phys), "f3 a4");
        load_state(r, &in, FLAT);
        if (warm)
            mem_read(r->cpu, 0x21000, 4, true);
        run(r, lift_code(r, len, FLAT, true), &out);
        assert_int_equal(out.gpr[ECX], 0);
        assert_int_equal(1000 - r->cpu->budget, 4); /* 10, ff0, 10, 7f0 bytes */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add_sub),       cmocka_unit_test(test_logic),
        cmocka_unit_test(test_mul_div),       cmocka_unit_test(test_shift),
        cmocka_unit_test(test_rotate),        cmocka_unit_test(test_move),
        cmocka_unit_test(test_flag_insns),    cmocka_unit_test(test_exchange),
        cmocka_unit_test(test_bits),          cmocka_unit_test(test_bcd),
        cmocka_unit_test(test_stack),         cmocka_unit_test(test_branch),
        cmocka_unit_test(test_string),        cmocka_unit_test(test_legality),
        cmocka_unit_test(test_rep_over_code), cmocka_unit_test(test_rep_retires),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
