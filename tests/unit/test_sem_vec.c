/* MMX and SSE instructions from bytes to their effect: each case is decoded, lifted and run by the interpreter,
 * as lifted and optimized. Arithmetic itself is test_vec.c's; here it is operands, memory forms, faults, the MMX
 * state, and what happens to MXCSR. What a case does not mention must not change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "cpu/decode.h"
#include "cpu/excp.h"
#include "cpu/lift.h"
#include "cpu/seg.h"
#include "cpu/vec.h"
#include "jit/backend.h"

/* Physical memory, mapped one to one but for the absent page. */
enum {
    DIR = 0x1000,
    TABLE = 0x2000,
    CODE = 0x10100,
    DATA = 0x20000, /* [ESI] */
    ABSENT = 0x22000,
    DATA_END = ABSENT,
    RAM = 1 << 20,
};

struct test {
    const char *code;     /* bytes in hexadecimal; text after a ; is for the reader */
    const char *in, *out; /* name=value ..., in hexadecimal; see fields[] */
};

/* What a case can name, and is compared. */
struct state {
    u32 gpr[GPR_COUNT];
    union xmm xmm[8];
    u64 mm[8];
    u32 se[8]; /* exponents of the MMX registers */
    u32 mxcsr, fcw, fsw, empty, flags, cr0, cr4, eflags_ac;
    u32 fault, err; /* fault ~0: none */
    u32 eip;        /* relative to the code; ~0: right after it */
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

#define FIELD(name) {#name, offsetof(struct state, name)}
static const struct {
    const char *name;
    size_t offset;
} fields[] = {
    {"eax", offsetof(struct state, gpr[EAX])}, {"ecx", offsetof(struct state, gpr[ECX])},
    {"edx", offsetof(struct state, gpr[EDX])}, {"ebx", offsetof(struct state, gpr[EBX])},
    {"esp", offsetof(struct state, gpr[ESP])}, {"ebp", offsetof(struct state, gpr[EBP])},
    {"esi", offsetof(struct state, gpr[ESI])}, {"edi", offsetof(struct state, gpr[EDI])},
    FIELD(mxcsr), FIELD(fcw), FIELD(fsw), FIELD(empty), FIELD(flags), FIELD(cr0), FIELD(cr4),
    {"ac", offsetof(struct state, eflags_ac)}, FIELD(fault), FIELD(err), FIELD(eip),
};

static void parse_one(struct state *s, const char *name, const char *value)
{
    unsigned n = (unsigned)strlen(value);
    char high[17] = {0};

    if (!strncmp(name, "xmm", 3)) { /* 32 digits, high part first */
        assert_int_equal(n, 32);
        memcpy(high, value, 16);
        s->xmm[name[3] - '0'].q[1] = strtoull(high, NULL, 16);
        s->xmm[name[3] - '0'].q[0] = strtoull(value + 16, NULL, 16);
        return;
    }
    if (!strncmp(name, "mm", 2)) {
        s->mm[name[2] - '0'] = strtoull(value, NULL, 16);
        return;
    }
    if (!strncmp(name, "se", 2)) {
        s->se[name[2] - '0'] = (u32)strtoul(value, NULL, 16);
        return;
    }
    if (name[0] == '[') { /* as many bytes as value has digits for */
        store_le(s->mem + strtoul(name + 1, NULL, 16) - DATA, n / 2, strtoull(value, NULL, 16));
        return;
    }
    for (unsigned i = 0; i < ARRAY_LEN(fields); i++) {
        if (!strcmp(name, fields[i].name)) {
            u32 v = (u32)strtoul(value, NULL, 16);
            memcpy((u8 *)s + fields[i].offset, &v, 4);
            return;
        }
    }
    fail_msg("no such name: %s", name);
}

static void parse(struct state *s, const char *text)
{
    char name[16], value[40];
    int used;

    while (sscanf(text, " %15[^= ]=%39s%n", name, value, &used) == 2) {
        parse_one(s, name, value);
        text += used;
    }
}

static void default_state(struct state *s)
{
    memset(s, 0, sizeof(*s));
    for (unsigned i = 0; i < 8; i++) {
        s->gpr[i] = 0x01010101 * i;
        s->xmm[i].q[0] = 0x1111111111111111 * i + 0x89abcdef;
        s->xmm[i].q[1] = 0x1111111111111111 * i + 0x01234567;
        s->mm[i] = 0x1111111111111111 * i + 0x42;
        s->se[i] = 0x3fff;
    }
    s->gpr[ESI] = DATA;
    s->gpr[EDI] = DATA + 0x100;
    s->mxcsr = MXCSR_RESET;
    s->fcw = 0x37f;
    s->fsw = 5 << FSW_TOP_SHIFT;
    s->empty = 0xff;
    s->flags = FLAG_CF | FLAG_OF;
    s->cr0 = CR0_PE | CR0_PG | CR0_NE;
    s->cr4 = CR4_OSFXSR | CR4_OSXMMEXCPT;
    s->fault = ~0u;
    s->eip = ~0u;
    for (unsigned i = 0; i < sizeof(s->mem); i++)
        s->mem[i] = (u8)(i * 7 + (i >> 8));
}

/* -- the machine -- */

static void load_segments(struct cpu *cpu)
{
    for (unsigned i = 0; i < SEG_COUNT; i++) {
        struct segment *s = &cpu->seg[i];

        s->base = i == SEG_FS ? DATA : 0;
        s->limit = i == SEG_GS ? DATA + 0x10f : 0xffffffff;
        s->attr = SA_P | SA_S | SA_RW | SA_ACCESSED | SA_DB | SA_G | SA_DPL |
                  (i == SEG_CS ? SA_CODE : 0);
        seg_update_cache(s);
    }
}

static void load_state(struct rig *r, const struct state *s)
{
    struct cpu *cpu = r->cpu;

    memcpy(phys_ram(r->phys) + DATA, s->mem, sizeof(s->mem));
    memcpy(cpu->gpr, s->gpr, sizeof(s->gpr));
    memcpy(cpu->xmm, s->xmm, sizeof(s->xmm));
    memset(&cpu->xmm_scratch, 0xa5, sizeof(cpu->xmm_scratch));
    memset(cpu->scratch, 0xa5, sizeof(cpu->scratch));
    for (unsigned i = 0; i < 8; i++)
        cpu->fpu.st[i] = (struct f80){.sig = s->mm[i], .se = (u16)s->se[i]};
    cpu->fpu.fcw = (u16)s->fcw;
    cpu->fpu.fsw = (u16)s->fsw;
    cpu->fpu.empty = (u8)s->empty;
    cpu->mxcsr = s->mxcsr;
    cpu->cr0 = s->cr0 | (s->eflags_ac ? CR0_AM : 0);
    cpu->cr3 = DIR;
    cpu->cr4 = s->cr4;
    cpu->cpl = 3;
    load_segments(cpu);
    cpu_set_eflags(cpu, 2 | s->flags | (s->eflags_ac ? FLAG_AC : 0));
    cpu->mmu.cr0 = cpu->cr0;
    cpu->mmu.cr3 = cpu->cr3;
    cpu->mmu.cr4 = cpu->cr4;
    mmu_flush(&cpu->mmu);
    cpu_update_mode(cpu);
    cpu->eip = CODE;
    cpu->eip_page = CODE & ~PAGE_MASK;
    cpu->budget = 1000;
    cpu->icount_end = 1000;
    cpu->insn_left = 0;
    cpu->in_block = 0;
}

static void save_state(const struct rig *r, struct state *s)
{
    const struct cpu *cpu = r->cpu;

    memcpy(s->gpr, cpu->gpr, sizeof(s->gpr));
    memcpy(s->xmm, cpu->xmm, sizeof(s->xmm));
    for (unsigned i = 0; i < 8; i++) {
        s->mm[i] = cpu->fpu.st[i].sig;
        s->se[i] = cpu->fpu.st[i].se;
    }
    s->fcw = cpu->fpu.fcw;
    s->fsw = cpu->fpu.fsw;
    s->empty = cpu->fpu.empty;
    s->mxcsr = cpu->mxcsr;
    s->flags = cpu_eflags(cpu) & FLAGS_ARITH;
    s->eip = cpu->eip - CODE;
    memcpy(s->mem, phys_ram(r->phys) + DATA, sizeof(s->mem));
}

static unsigned load_code(u8 *ram, const char *code)
{
    unsigned n = 0, byte;
    int used;

    store_le(ram + DIR, 4, TABLE | 7);
    for (u32 i = 0; i < 256; i++)
        store_le(ram + TABLE + i * 4, 4, i == ABSENT >> 12 ? 0 : i << 12 | 7);
    while (sscanf(code, " %2x%n", &byte, &used) == 1) {
        ram[CODE + n++] = (u8)byte;
        code += used;
    }
    return n;
}

static void lift_code(struct rig *r, unsigned len, bool optimize)
{
    struct lift l = {.ir = r->ir, .mode = r->cpu->mode, .isa = ISA_COUNT - 1};
    const char *wrong;
    unsigned pos = 0;

    ir_begin(r->ir, l.mode);
    while (!l.ended && pos < len) {
        struct insn in;
        l.off = (CODE & PAGE_MASK) + pos;
        assert_int_equal(decode(r->cpu->decoder, phys_ram(r->phys) + CODE + pos, len - pos, true, &in),
                         DECODE_OK);
        lift_insn(&l, &in);
        pos += in.len;
    }
    if (!l.ended)
        ir_xjmp(r->ir, (s32)((CODE & PAGE_MASK) + pos));
    if (optimize)
        ir_optimize(r->ir);
    wrong = ir_verify(r->ir);
    if (wrong)
        fail_msg("%s", wrong);
}

static void run(struct rig *r, struct state *out)
{
    struct cpu *cpu = r->cpu;
    sigjmp_buf env;

    out->fault = ~0u;
    out->err = 0;
    cpu->unwind = &env;
    if (sigsetjmp(env, 0)) {
        out->fault = cpu->pending.vector;
        out->err = cpu->pending.has_error ? cpu->pending.error : 0;
    } else {
        interp_steps(cpu, r->ir, r->ir->ninsns);
    }
    cpu->unwind = NULL;
    save_state(r, out);
}

static void compare(const struct test *t, const struct state *want, const struct state *got)
{
    for (unsigned i = 0; i < ARRAY_LEN(fields); i++) {
        u32 a, b;
        memcpy(&a, (const u8 *)want + fields[i].offset, 4);
        memcpy(&b, (const u8 *)got + fields[i].offset, 4);
        if (a != b)
            fail_msg("%s: %s is %x, not %x", t->code, fields[i].name, b, a);
    }
    for (unsigned i = 0; i < 8; i++) {
        if (memcmp(&want->xmm[i], &got->xmm[i], 16))
            fail_msg("%s: xmm%u is %016llx%016llx", t->code, i, (unsigned long long)got->xmm[i].q[1],
                     (unsigned long long)got->xmm[i].q[0]);
        if (want->mm[i] != got->mm[i] || want->se[i] != got->se[i])
            fail_msg("%s: mm%u is %04x %016llx", t->code, i, got->se[i], (unsigned long long)got->mm[i]);
    }
    for (unsigned i = 0; i < sizeof(got->mem); i++)
        if (want->mem[i] != got->mem[i])
            fail_msg("%s: byte %x is %02x, not %02x", t->code, DATA + i, got->mem[i], want->mem[i]);
}

static void check(struct rig *r, const struct test *t, bool optimize)
{
    static struct state in, want, got;
    unsigned len;

    default_state(&in);
    parse(&in, t->in);
    want = in;
    parse(&want, t->out);
    len = load_code(phys_ram(r->phys), t->code);
    if (want.eip == ~0u)
        want.eip = want.fault == ~0u ? len : 0;
    load_state(r, &in);
    lift_code(r, len, optimize);
    got = in;
    run(r, &got);
    compare(t, &want, &got);
}

#define CASES(name, ...)                                                                           \
    static void name(void **state)                                                                 \
    {                                                                                              \
        static const struct test tests[] = {__VA_ARGS__};                                          \
        for (unsigned i = 0; i < ARRAY_LEN(tests); i++) {                                          \
            check(*state, &tests[i], false);                                                       \
            check(*state, &tests[i], true);                                                        \
        }                                                                                          \
    }

/* -- cases -- */

/* clang-format off */

CASES(test_xmm_moves,
    { "0f 28 06 ; movaps xmm0, [esi]", "[20000]=0123456789abcdef [20008]=1122334455667788", "xmm0=11223344556677880123456789abcdef" },
    { "0f 10 46 01 ; movups xmm0, [esi+1]", "[20001]=0123456789abcdef [20009]=1122334455667788", "xmm0=11223344556677880123456789abcdef" },
    { "66 0f 6f ca ; movdqa xmm1, xmm2", "", "xmm1=22222222234567892222222 2ac" + 0 * 0, } /* see below */
)
