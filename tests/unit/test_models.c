/* CPU models: what generations decode, do and refuse differently, on every back end. Each case is a
 * few bytes of code that run up to a HLT in a flat machine; an exception ends at a HLT too, one
 * that tells its vector. Expectations are from the processors' manuals and from captured traces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "cpu/cpuid.h"
#include "cpu/decode.h"
#include "cpu/seg.h"
#include "jit/backend.h"
#include "jit/jit.h"

/* Real mode: CS 1000, DS 2000, ES 3000, SS 4000; the code at CS:0100. */
enum {
    RAM = 16 << 20,
    CODE_SEG = 0x1000,
    CODE_IP = 0x100,
    HANDLERS = 0x900, /* segment: the handler of vector n is a HLT at offset n */
    STACK = 0x1000,   /* SP */
};

struct world {
    struct phys *phys;
    struct cpu *cpu;
    struct jit *jit;
};

struct test {
    const char *models; /* names, each followed by a space */
    const char *code;   /* bytes in hexadecimal */
    const char *in, *out;
};

static u32 pin_in(void *opaque, u16 port, unsigned size)
{
    (void)opaque;
    (void)port;
    (void)size;
    return ~0u;
}

static void pin_out(void *opaque, u16 port, unsigned size, u32 value)
{
    (void)opaque;
    (void)port;
    (void)size;
    (void)value;
}

static void open_world(struct world *w, const char *model, const struct backend *backend)
{
    const struct cpu_pins pins = {.in = pin_in, .out = pin_out};
    const struct jit_config config = {.backend = backend, .cache_bytes = 1u << 20};
    const struct cpu_model *m = cpu_model_find(model);
    const char *why = "";

    assert_non_null(m);
    w->phys = phys_new(RAM);
    phys_add_ram(w->phys, 0xa0000, 0x60000);
    w->cpu = cpu_new(w->phys, &pins);
    cpu_set_model(w->cpu, m);
    w->cpu->decoder = decoder_new();
    w->jit = jit_new(w->cpu, &config, &why);
    assert_non_null(w->jit);
    cpu_reset(w->cpu);
}

static void close_world(struct world *w)
{
    jit_free(w->jit);
    decoder_free(w->cpu->decoder);
    cpu_free(w->cpu);
    phys_free(w->phys);
}

static void poke(struct world *w, u32 addr, unsigned size, u64 value)
{
    u8 b[8];

    store_le(b, size, value);
    phys_dma_write(w->phys, addr, b, size);
}

static u32 peek(struct world *w, u32 addr, unsigned size)
{
    u8 b[4] = {0};

    phys_dma_read(w->phys, addr, b, size);
    return (u32)load_le(b, size);
}

/* Writes bytes given in hexadecimal, and HLT behind them; their number. */
static unsigned put_code(struct world *w, u32 addr, const char *code)
{
    unsigned n = 0, byte;
    int used;

    while (sscanf(code, " %2x%n", &byte, &used) == 1) {
        poke(w, addr + n++, 1, byte);
        code += used;
    }
    poke(w, addr + n, 1, 0xf4);
    return n;
}

static void put_handlers(struct world *w)
{
    for (u32 v = 0; v < 256; v++) {
        poke(w, 4 * v, 4, HANDLERS << 16 | v);
        poke(w, HANDLERS * 16 + v, 1, 0xf4);
    }
}

static void default_state(struct world *w)
{
    static const u16 sels[] = {
        [SEG_ES] = 0x3000, [SEG_CS] = CODE_SEG, [SEG_SS] = 0x4000, [SEG_DS] = 0x2000};
    struct cpu *cpu = w->cpu;

    for (unsigned i = 0; i < SEG_COUNT; i++)
        seg_set_real(&cpu->seg[i], i < ARRAY_LEN(sels) ? sels[i] : 0);
    memset(cpu->gpr, 0, sizeof(cpu->gpr));
    cpu->gpr[ESP] = STACK;
    cpu->eip = CODE_IP;
    cpu_set_eflags(cpu, 0);
    cpu_update_mode(cpu);
}

/* -- states as text: name=value in hexadecimal -- */

static const char *const gprs[] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};
static const char *const segs[] = {"es", "cs", "ss", "ds"};

static u64 *register_named(struct cpu *cpu, const char *name)
{
    for (unsigned i = 0; i < ARRAY_LEN(gprs); i++)
        if (!strcmp(name, gprs[i]))
            return &cpu->gpr[i];
    return NULL;
}

static void set_one(struct world *w, const char *name, u32 v)
{
    u64 *reg = register_named(w->cpu, name);

    if (reg) {
        *reg = v;
        return;
    }
    for (unsigned i = 0; i < ARRAY_LEN(segs); i++)
        if (!strcmp(name, segs[i])) {
            seg_set_real(&w->cpu->seg[i], (u16)v);
            return;
        }
    if (!strcmp(name, "fl"))
        cpu_set_eflags(w->cpu, v);
    else if (!strcmp(name, "ip"))
        w->cpu->eip = v;
    else if (name[0] == '[')
        poke(w, (u32)strtoul(name + 1, NULL, 16), 2, v);
    else
        fail_msg("no such name: %s", name);
}

/* vec: the vector of the exception, -1: none; ret: the address it pushed, from the code's start. */
static u32 get_one(struct world *w, const char *name)
{
    struct cpu *cpu = w->cpu;
    u64 *reg = register_named(cpu, name);
    bool raised = cpu->seg[SEG_CS].sel == HANDLERS;

    if (reg)
        return *reg;
    for (unsigned i = 0; i < ARRAY_LEN(segs); i++)
        if (!strcmp(name, segs[i]))
            return cpu->seg[i].sel;
    if (!strcmp(name, "fl"))
        return cpu_eflags(cpu);
    if (!strcmp(name, "ip"))
        return (cpu->eip - 1) & 0xffff; /* of the HLT */
    if (!strcmp(name, "vec"))
        return raised ? cpu->eip - 1 : ~0u;
    if (!strcmp(name, "ret"))
        return (peek(w, cpu->seg[SEG_SS].base + (cpu->gpr[ESP] & 0xffff), 2) - CODE_IP) & 0xffff;
    if (name[0] == '[')
        return peek(w, (u32)strtoul(name + 1, NULL, 16), 2);
    fail_msg("no such name: %s", name);
    return 0;
}

static void parse(struct world *w, const char *text, void (*one)(struct world *, const char *, u32))
{
    char name[16];
    unsigned value;
    int used;

    while (sscanf(text, " %15[^= ]=%x%n", name, &value, &used) == 2) {
        one(w, name, value);
        text += used;
    }
}

static char where[200];

static void check_one(struct world *w, const char *name, u32 want)
{
    u32 got = get_one(w, name);

    if (got != want)
        fail_msg("%s: %s is %x, not %x", where, name, got, want);
}

static void run(struct world *w)
{
    w->cpu->events = 0;
    jit_run(w->jit, cpu_icount(w->cpu) + 100000);
    if (!(w->cpu->events & EV_HALT))
        fail_msg("%s: does not end", where);
}

static void run_case(const struct test *t, const char *model, const char *accel)
{
    const struct backend *backend = backend_find(accel);
    struct world w;

    if (!backend)
        return;
    snprintf(where, sizeof(where), "%s on %s by %s", t->code, model, accel);
    open_world(&w, model, backend);
    put_handlers(&w);
    default_state(&w);
    parse(&w, t->in, set_one);
    unsigned n = put_code(&w, w.cpu->seg[SEG_CS].base + w.cpu->eip, t->code);
    poke(&w, CODE_SEG * 16 + 0x200, 1, 0xf4); /* where jumps of cases go */
    run(&w);
    if (!strstr(t->out, "vec=") && !strstr(t->out, "ip="))
        check_one(&w, "ip", (CODE_IP + n) & 0xffff);
    parse(&w, t->out, check_one);
    close_world(&w);
}

static void run_cases(const struct test *t, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        const char *models = t[i].models;
        char model[20];
        int used;

        while (sscanf(models, " %19s%n", model, &used) == 1) {
            run_case(&t[i], model, "interp");
            run_case(&t[i], model, "jit");
            models += used;
        }
    }
}

#define CASES(name, ...)                                                                           \
    static void name(void **state)                                                                 \
    {                                                                                              \
        static const struct test tests[] = {__VA_ARGS__};                                          \
        (void)state;                                                                               \
        run_cases(tests, ARRAY_LEN(tests));                                                        \
    }

#define OLD_16  "8086 286 "
#define FROM386 "386 486 pentium pentium3 orrery "

/* clang-format off */
CASES(test_decoding_8086,
    {"8086 ", "60 01 40 ; JO", "fl=800", "eax=0"},
    {"8086 ", "60 01 40 ; JO", "fl=0", "eax=1"},
    {"8086 ", "6f 01 40 ; JG", "fl=0", "eax=0"},
    {"286 386 ", "60 ; PUSHA", "ecx=1234", "esp=ff0 [40ffc]=1234"},
    {"8086 ", "c0 04 00 ; RET 4", "[41000]=200", "esp=1006 ip=200"},
    {"8086 ", "c1 ; RET", "[41000]=200", "esp=1002 ip=200"},
    {"8086 ", "c8 04 00 ; RETF 4", "[41000]=200 [41002]=1000", "esp=1008 ip=200"},
    {"8086 ", "c9 ; RETF", "[41000]=200 [41002]=1000", "esp=1004 ip=200"},
    {"286 ", "c9 ; LEAVE", "ebp=800 [40800]=55", "esp=802 ebp=55"},
    {"8086 ", "0f ; POP CS", "[41000]=1000", "esp=1002 cs=1000"},
    {"8086 ", "0f ; POP CS", "[41000]=1010 [10201]=f4", "esp=1002 cs=1010 ip=101"},
    {"8086 ", "8e c8 ; MOV CS", "eax=1000", "cs=1000"},
    {"286 386 486 orrery ", "8e c8 ; MOV CS", "eax=1000", "vec=6 ret=0"},
    {"8086 ", "8c e0 ; MOV AX,ES again", "es=1234", "eax=1234"},
    {"286 ", "8c e0 ; no FS yet", "", "vec=6 ret=0"},
    {FROM386, "8c e0", "eax=ffff", "eax=0"},
    {OLD_16, "f1 40 ; F1 is a prefix", "", "eax=1"},
    {FROM386, "f1 ; INT1", "", "vec=1 ret=1"},
    {"8086 ", "ff f8 ; PUSH", "eax=1234", "esp=ffe [40ffe]=1234"},
    {"286 386 ", "ff f8", "", "vec=6 ret=0"},
    {"8086 ", "c6 cb 77 ; MOV BL, whatever reg says", "", "ebx=77"},
    {"286 386 ", "c6 cb 77", "", "vec=6 ret=0"},
    {"8086 ", "c4 c0 ; no #UD: LES of a register is of no use", "", "esp=1000"},
    {"8086 ", "fe d0", "", "esp=1000"},
    {"286 386 486 orrery ", "fe d0", "", "vec=6 ret=0"},
    {"8086 ", "64 01 40 ; JE", "fl=40", "eax=0"},
    {"286 ", "64 40 ; no FS prefix", "", "vec=6 ret=0"},
    {"286 ", "66 40", "", "vec=6 ret=0"},
    {"286 ", "67 40", "", "vec=6 ret=0"},
    {FROM386, "64 40", "", "eax=1"},
    {FROM386, "66 48 67 40", "", "eax=ffff0000"},
    {"8086 286 386 486 orrery ", "d6 ; SALC", "fl=1", "eax=ff"})

CASES(test_lengths_and_lock,
    {"286 ", "2e 2e 2e 2e 2e 2e 2e 2e 2e 40 ; ten bytes", "", "eax=1"},
    {"286 ", "2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 40 ; eleven", "", "vec=d ret=0"},
    {FROM386 "8086 ", "2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 40", "", "eax=1"},
    {FROM386, "2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 40", "", "vec=d ret=0"},
    {OLD_16, "f0 40 ; LOCK on anything", "", "eax=1"},
    {OLD_16, "f0 8b 07", "[20000]=1234", "eax=1234"},
    {FROM386, "f0 40", "", "vec=6 ret=0"},
    {FROM386, "f0 8b 07", "", "vec=6 ret=0"},
    {FROM386 OLD_16, "f0 ff 07", "[20000]=1234", "[20000]=1235"})

CASES(test_shift_counts,
    {"8086 ", "d3 e0 ; SHL AX,33", "eax=1234 ecx=21", "eax=0 fl=f046"},
    {"286 ", "d3 e0", "eax=1234 ecx=21", "eax=2468"},
    {FROM386, "d3 e0", "eax=1234 ecx=21", "eax=2468"},
    {"8086 ", "d2 e8 ; SHR AL,8", "eax=80 ecx=8", "eax=0 fl=f047"},
    {"8086 ", "d2 f8 ; SAR AL,100", "eax=80 ecx=64", "eax=ff"},
    {"8086 ", "d3 c0 ; ROL AX,255", "eax=1 ecx=ff", "eax=8000"},
    {"8086 ", "d3 d0 ; RCL AX,34 is all the way twice", "eax=1234 ecx=22 fl=1", "eax=1234 fl=f803"},
    {"8086 ", "d3 d8 ; RCR AX,1", "eax=1 ecx=1 fl=1", "eax=8000"},
    {"8086 ", "d3 27 ; SHL [BX],4", "[20000]=123 ecx=4", "[20000]=1230"},
    {"8086 ", "d3 e0 ; by 0", "eax=1234 ecx=0 fl=8d5", "eax=1234 fl=f8d7"},
    {"8086 ", "d0 f0 ; SETMO", "eax=1234", "eax=12ff fl=f086"},
    {"8086 ", "d3 f0 ; SETMOC", "eax=1234 ecx=1", "eax=ffff"},
    {"8086 ", "d3 f0", "eax=1234 ecx=100", "eax=1234"},
    {"286 386 orrery ", "d0 f0 ; SHL again", "eax=1234", "eax=1268"})

CASES(test_stack,
    {"8086 ", "54 ; PUSH SP", "", "[40ffe]=ffe esp=ffe"},
    {"8086 ", "ff f4", "", "[40ffe]=ffe"},
    {"286 ", "54", "", "[40ffe]=1000"},
    {FROM386, "54", "", "[40ffe]=1000"},
    {"8086 ", "50 ; PUSH at SP 1", "esp=1 eax=1234", "esp=ffff [4ffff]=34 [40000]=12"},
    {"8086 ", "58 ; POP at SP FFFF", "esp=ffff [4ffff]=34 [40000]=12", "esp=1 eax=1234"},
    {"8086 ", "c3 ; RET at SP FFFF", "esp=ffff [4ffff]=0 [40000]=2", "esp=1 ip=200"},
    {"8086 ", "cd 21 ; INT at SP 1", "esp=1", "vec=21 esp=fffb [4ffff]=2 [40000]=f0"},
    {"8086 ", "cf ; IRET at SP FFFF", "esp=ffff [4ffff]=0 [40000]=2 [40001]=1000 [40003]=0", "esp=5 ip=200 fl=f002"},
    {"286 ", "58 ; one vector for all overruns", "esp=ffff", "vec=d ret=0 esp=fff9"},
    {FROM386, "58", "esp=ffff", "vec=c ret=0 esp=fff9"})

CASES(test_flags_register,
    {"8086 ", "9c ; PUSHF", "", "[40ffe]=f002"},
    {"286 386 orrery ", "9c", "", "[40ffe]=2"},
    {"8086 ", "9d ; POPF", "[41000]=0", "fl=f002"},
    {"286 ", "9d", "[41000]=f000", "fl=2"},
    {FROM386, "9d", "[41000]=f000", "fl=7002"},
    {"286 ", "cf ; IRET", "[41000]=200 [41002]=1000 [41004]=7000", "fl=2 ip=200"},
    {"386 ", "66 9d ; POPFD", "[41000]=0 [41002]=24", "fl=2"},
    {"486 pentium orrery ", "66 9d", "[41000]=0 [41002]=24", "fl=240002"})

CASES(test_division,
    {"8086 ", "f6 f1 ; DIV by 0", "eax=5", "vec=0 ret=2"},
    {"286 " FROM386, "f6 f1", "eax=5", "vec=0 ret=0"},
    {"8086 ", "d4 00 ; AAM 0", "eax=5", "vec=0 ret=2"},
    {"286 " FROM386, "d4 00", "eax=5", "vec=0 ret=0"},
    {"8086 ", "f6 f9 ; IDIV: -128", "eax=ff80 ecx=1", "vec=0 ret=2"},
    {"286 " FROM386, "f6 f9", "eax=ff80 ecx=1", "eax=80"},
    {"8086 ", "f3 f6 f9 ; REP negates the quotient", "eax=16 ecx=5", "eax=2fc"},
    {"286 386 orrery ", "f3 f6 f9", "eax=16 ecx=5", "eax=204"},
    {"8086 ", "f7 f9 ; IDIV: -32768", "eax=8000 edx=ffff ecx=1", "vec=0 ret=2"},
    {"286 " FROM386, "f7 f9", "eax=8000 edx=ffff ecx=1", "eax=8000 edx=0"},
    {"286 ", "f6 f1 ; flags of the remainder", "eax=83 ecx=84", "eax=8300 fl=893"},
    {"286 ", "f6 f1", "eax=85 ecx=84", "eax=101 fl=12"},
    {"286 ", "f6 f9 ; IDIV by -1", "eax=5 ecx=ff", "eax=fb fl=56"},
    {FROM386, "f6 f1 ; flags stay", "eax=83 ecx=84", "eax=8300 fl=2"})

CASES(test_undefined_flags,
    {"8086 ", "f6 e1 ; MUL: ZF of the high half", "eax=40 ecx=40 fl=40", "eax=1000 fl=f803"},
    {"286 ", "f6 e1 ; and AF", "eax=40 ecx=40 fl=40", "eax=1000 fl=813"},
    {"orrery ", "f6 e1", "eax=80 ecx=3", "eax=180 fl=883"},
    {"286 ", "d0 e8 ; SHR sets AF", "eax=4", "eax=2 fl=12"},
    {"286 ", "d0 e0 ; SHL: bit 4 of the result", "eax=8", "eax=10 fl=12"},
    {"286 ", "d3 e0 ; none if it does not shift", "eax=8 ecx=20", "eax=8 fl=2"},
    {FROM386, "d0 e8", "eax=4", "eax=2 fl=2"},
    {"286 ", "d5 0a ; AAD: OF is CF", "eax=1af0", "eax=f4 fl=82"},
    {"286 ", "d5 0a", "eax=0fff", "eax=95 fl=897"},
    {"286 ", "37 ; AAA: SF of the whole", "eax=7a", "eax=100 fl=893"},
    {FROM386, "37", "eax=7a", "eax=100"})

CASES(test_8086_aaa,
    {"8086 ", "37 ; AAA: no carry into AH", "eax=fa", "eax=100"},
    {"286 386 orrery ", "37", "eax=fa", "eax=200"})

CASES(test_word_at_end,
    {"8086 ", "8b 07", "ebx=ffff [2ffff]=34 [20000]=12", "eax=1234"},
    {"8086 ", "89 07", "ebx=ffff eax=1234", "[2ffff]=34 [20000]=12"},
    {"8086 ", "01 07 ; read, modify, write", "ebx=ffff eax=1 [2ffff]=ff [20000]=0", "[2ffff]=0 [20000]=1"},
    {"8086 ", "8b 46 00 ; stack segment", "ebp=ffff [4ffff]=34 [40000]=12", "eax=1234"},
    {"8086 ", "c5 37 ; LDS", "ebx=fffd [2fffd]=1234 [2ffff]=78 [20000]=56", "esi=1234 ds=5678"},
    {"8086 ", "a5 ; MOVSW", "esi=ffff edi=ffff [2ffff]=34 [20000]=12", "[3ffff]=34 [30000]=12 esi=1 edi=1"},
    {"8086 ", "f3 a5", "ecx=2 esi=fffd edi=fffd [2fffd]=5678 [2ffff]=34 [20000]=12", "[3fffd]=5678 [3ffff]=34 [30000]=12 ecx=0 esi=1 edi=1"},
    {"8086 ", "fd f3 ab ; STOSW down", "ecx=2 edi=ffff eax=1234", "[3ffff]=34 [30000]=12 [3fffd]=1234 edi=fffb"},
    {"8086 ", "f3 a7 ; CMPSW", "ecx=5 esi=ffff edi=10 [2ffff]=34 [20000]=12 [30010]=1234 [30012]=1", "ecx=3 esi=3 edi=14"},
    {"286 " FROM386, "8b 07", "ebx=ffff", "vec=d ret=0"},
    {"286 ", "8b 46 00", "ebp=ffff", "vec=d ret=0"},
    {FROM386, "8b 46 00", "ebp=ffff", "vec=c ret=0"},
    {"286 ", "62 07 ; BOUND over the end", "ebx=fffe [2fffe]=0 [20000]=5", "eax=0"},
    {FROM386, "62 07", "ebx=fffe [2fffe]=0 [20000]=5", "vec=d ret=0"})

CASES(test_286_overruns,
    {"286 ", "a5 ; MOVSW has counted", "esi=ffff edi=10", "vec=d ret=0 esi=1 edi=10"},
    {"286 ", "a5", "esi=10 edi=ffff", "vec=d ret=0 esi=12 edi=1"},
    {"286 ", "f3 a5", "ecx=5 esi=fffd edi=10 [2fffd]=1234", "vec=d ret=0 ecx=3 esi=1 edi=12 [30010]=1234"},
    {"286 ", "a7 ; CMPSW reads ES:DI first", "esi=ffff edi=ffff", "vec=d ret=0 esi=ffff edi=1"},
    {"286 ", "a7", "esi=ffff edi=10", "vec=d ret=0 esi=1 edi=12"},
    {"286 ", "f3 6d ; INSW", "ecx=9 edi=ffff", "vec=d ret=0 ecx=7 edi=1"},
    {"286 ", "f3 6d", "ecx=9 edi=fffd", "vec=d ret=0 ecx=6 edi=1"},
    {"286 ", "f3 6f ; OUTSW", "ecx=9 esi=ffff", "vec=d ret=0 ecx=8 esi=1"},
    {FROM386, "f3 a5", "ecx=5 esi=ffff edi=10", "vec=d ret=0 ecx=5 esi=ffff edi=10"})

CASES(test_address_lines,
    {"8086 ", "a0 10 00", "ds=ffff [0]=1234", "eax=34"},
    {"286 " FROM386, "a0 10 00", "ds=ffff [100000]=77", "eax=77"})

CASES(test_ip_wraps,
    {"8086 286 ", "40", "ip=ffff [10000]=f4", "eax=1 ip=0"},
    {FROM386, "40", "ip=ffff", "vec=d"},
    {"8086 ", "b8", "ip=ffff [10000]=1234 [10002]=f4", "eax=1234 ip=2"},
    {"286 386 ", "b8", "ip=ffff", "vec=d"})

/* SMSW; LMSW sets PE and cannot clear it. */
CASES(test_control,
    {"286 ", "0f 01 e0", "", "eax=fff0"},
    {"286 ", "0f 01 f0 40 0f 01 f0 0f 01 e0", "eax=e", "eax=ffff"},
    {"286 ", "0f 20 c0", "", "vec=6 ret=0"},
    {"386 ", "0f 20 c0 ; MOV EAX,CR0", "", "eax=10"},
    {"486 pentium orrery ", "0f 20 c0", "", "eax=60000010"},
    {"386 ", "66 b8 2e 00 05 00 0f 22 c0 66 31 c0 0f 20 c0", "", "eax=e"},
    {"486 ", "66 b8 2e 00 05 00 0f 22 c0 66 31 c0 0f 20 c0", "", "eax=5003e"},
    {"386 486 ", "0f 20 e0 ; CR4", "", "vec=6 ret=0"},
    {"pentium orrery ", "0f 20 e0", "eax=5", "eax=0"},
    {"286 ", "0f 01 07 ; SGDT", "", "[20000]=ffff [20002]=0 [20004]=ff00"},
    {"386 ", "66 0f 01 07", "", "[20000]=ffff [20002]=0 [20004]=0"})

CASES(test_generations,
    {"386 ", "0f a2 ; CPUID", "", "vec=6 ret=0"},
    {"386 ", "66 0f c8 ; BSWAP", "", "vec=6 ret=0"},
    {"486 pentium ", "66 0f c8", "eax=12345678", "eax=78563412"},
    {"386 ", "0f b1 0f ; CMPXCHG", "", "vec=6 ret=0"},
    {"486 ", "0f b1 0f", "[20000]=0 ecx=5", "[20000]=5"},
    {"486 ", "0f 31 ; RDTSC", "", "vec=6 ret=0"},
    {"486 ", "0f c7 0f ; CMPXCHG8B", "", "vec=6 ret=0"},
    {"pentium ", "0f c7 0f", "[20000]=1", "eax=1"},
    {"pentium ", "0f 44 c1 ; CMOVE", "", "vec=6 ret=0"},
    {"pentium-mmx k6-2 ", "0f 44 c1", "", "vec=6 ret=0"},
    {"pentiumpro athlon ", "0f 44 c1", "ecx=5 fl=40", "eax=5"},
    {"pentium pentiumpro ", "0f 77 ; EMMS", "", "vec=6 ret=0"},
    {"pentium-mmx k6-2 pentium2 athlon ", "0f 77", "", "esp=1000"},
    {"pentium3 ", "0f 0e ; FEMMS", "", "vec=6 ret=0"},
    {"k6-2 athlon max ", "0f 0e", "", "esp=1000"},
    {"pentium4 ", "f3 0f b8 c1 ; POPCNT", "", "vec=6 ret=0"},
    {"max ", "f3 0f b8 c1", "ecx=ff", "eax=8"},
    {"386 486 ", "0f 10 c8 ; UMOV AL,CL", "ecx=5", "eax=5"},
    {"386 486 ", "0f 11 07", "eax=1234", "[20000]=1234"},
    {"386 486 ", "0f 12 07", "[20000]=12", "eax=12"},
    {"386 486 ", "0f 13 cb", "ebx=1234", "ecx=1234"},
    {"286 pentium pentiumpro ", "0f 10 c8", "", "vec=6 ret=0"},
    {"386 486 ", "0f 26 f8 0f 24 fb ; MOV TR7,EAX", "eax=1234", "ebx=1234"},
    {"386 ", "0f 26 f8 0f 26 f1 0f 24 fb ; a look-up misses", "eax=1010 ecx=1", "ebx=1000"},
    {"386 ", "0f 24 d8 ; TR3", "", "vec=6 ret=0"},
    {"486 ", "0f 24 d8", "eax=5", "eax=0"},
    {"286 pentium orrery ", "0f 24 f8", "", "vec=6 ret=0"},
    {"286 orrery ", "0f 07 ; LOADALL of the 80386", "", "vec=6 ret=0"})

/* FNINIT, FSIN of an empty stack, FNSTSW [BX]; FNSTSW AX. */
CASES(test_coprocessors,
    {"8086 286 ", "db e3 d9 fe dd 3f", "", "[20000]=0"},
    {"386 486 pentium ", "db e3 d9 fe dd 3f", "", "[20000]=41"},
    {"8086 ", "db e3 df e0", "eax=1234", "eax=1234"},
    {"286 386 486 ", "db e3 df e0", "eax=1234", "eax=0"},
    {"286 386 ", "da f0 ; no form: nothing", "", "esp=1000"},
    {"486 pentium ", "da f0", "", "vec=6 ret=0"})
/* clang-format on */

/* -- what does not fit in a line -- */

static void each_backend(const char *model, void (*body)(struct world *w))
{
    static const char *const accels[] = {"interp", "jit"};

    for (unsigned i = 0; i < ARRAY_LEN(accels); i++) {
        const struct backend *backend = backend_find(accels[i]);
        struct world w;

        if (!backend)
            continue;
        snprintf(where, sizeof(where), "%s by %s", model, accels[i]);
        open_world(&w, model, backend);
        put_handlers(&w);
        default_state(&w);
        body(&w);
        close_world(&w);
    }
}

/* LGDT; LMSW 1; DS = 8: a descriptor whose last word an 80286 does not look at. LAR and LSL of a
 * TSS of the 80386, which is none to it. */
static void load_descriptor(struct world *w)
{
    bool old = w->cpu->model->isa == ISA_286;

    poke(w, 0x20000, 2, 0x1f);
    poke(w, 0x20002, 4, 0x20100);
    poke(w, 0x20108, 8, 0xffcf930500000fffull); /* base FF050000, limit F0FFF pages */
    poke(w, 0x20110, 8, 0x0000890500000067ull); /* TSS32 */
    poke(w, 0x50010, 1, 0x55);
    put_code(w, CODE_SEG * 16 + CODE_IP,
             "0f 01 17 b8 01 00 0f 01 f0 b8 08 00 8e d8 0f 03 c8 b8 10 00 0f 02 d0 9c 5e 8a 07");
    w->cpu->gpr[EBX] = 0;
    w->cpu->seg[SEG_DS].base = 0x20000;
    w->cpu->gpr[EDX] = 0x7777;
    run(w);
    assert_int_equal(w->cpu->seg[SEG_DS].base, old ? 0x050000 : 0xff050000);
    assert_int_equal(w->cpu->seg[SEG_DS].limit, old ? 0xfff : 0xf0ffffff);
    assert_int_equal(w->cpu->gpr[ECX] & 0xffff, old ? 0xfff : 0xffff);
    assert_int_equal(w->cpu->gpr[EDX] & 0xffff, old ? 0x7777 : 0x8900);
}

static void test_descriptors(void **state)
{
    (void)state;
    each_backend("286", load_descriptor);
    each_backend("386", load_descriptor);
}

static void load_all_286(struct world *w)
{
    struct cpu *cpu = w->cpu;

    for (u32 i = 0; i < 0x66; i += 2)
        poke(w, 0x800 + i, 2, 0);
    poke(w, 0x804, 2, 0);
    poke(w, 0x806, 2, 0xfff0);
    poke(w, 0x818, 2, 0x0042);
    poke(w, 0x81a, 2, 0x300);
    poke(w, 0x822, 2, 0x1234); /* CS: selector and cache need not agree */
    poke(w, 0x820, 2, 0x4321);
    poke(w, 0x834, 2, 0xaaaa);
    poke(w, 0x826, 2, 0xdddd);
    poke(w, 0x83c, 6, 0xffff93050000ull); /* base 050000 */
    poke(w, 0x842, 6, 0xffff93060000ull);
    poke(w, 0x848, 6, 0xffff93200000ull); /* DS: base 2 MiB, in real mode */
    poke(w, 0x84e, 6, 0x001f00123456ull);
    poke(w, 0x85a, 6, 0x03ff00000000ull);
    poke(w, 0x200010, 2, 0x5678);
    put_code(w, 0x50300, "8b 1e 10 00"); /* MOV BX,[10] */
    put_code(w, CODE_SEG * 16 + CODE_IP, "0f 05");
    run(w);
    assert_int_equal(cpu->gpr[EAX] & 0xffff, 0xaaaa);
    assert_int_equal(cpu->gpr[EDI] & 0xffff, 0xdddd);
    assert_int_equal(cpu->gpr[EBX] & 0xffff, 0x5678);
    assert_int_equal(cpu->seg[SEG_CS].sel, 0x1234);
    assert_int_equal(cpu->seg[SEG_SS].base, 0x060000);
    assert_int_equal(cpu->gdtr.base, 0x123456);
    assert_int_equal(cpu->gdtr.limit, 0x1f);
    assert_int_equal(cpu->eip, 0x305);
    assert_int_equal(cpu_eflags(cpu), 0x42);
}

static void load_all_386(struct world *w)
{
    struct cpu *cpu = w->cpu;
    const u32 at = 0x30000;

    for (u32 i = 0; i < 0xcc; i += 4)
        poke(w, at + i, 4, 0);
    poke(w, at, 4, 0x10);
    poke(w, at + 4, 4, 0x42);
    poke(w, at + 8, 4, 0x300);
    poke(w, at + 0x0c, 4, 0x11112222); /* EDI */
    poke(w, at + 0x28, 4, 0x33334444); /* EAX */
    poke(w, at + 0x44, 4, 0x77);       /* DS */
    for (u32 i = 0; i < 6; i++) {      /* GS FS DS SS CS ES */
        poke(w, at + 0x84 + 12 * i, 4, 0x9300);
        poke(w, at + 0x88 + 12 * i, 4, i == 4 ? 0x50000 : 0x300000);
        poke(w, at + 0x8c + 12 * i, 4, 0xfffff);
    }
    poke(w, at + 0x74, 4, 0x1f);
    poke(w, at + 0x68, 4, 0x3ff);
    poke(w, 0x380000, 2, 0x5678);
    put_code(w, 0x50300, "66 bb 00 00 08 00 67 8b 13"); /* MOV EBX,80000; MOV DX,[EBX] */
    put_code(w, CODE_SEG * 16 + CODE_IP, "0f 07");
    run(w);
    assert_int_equal(cpu->gpr[EAX], 0x33334444);
    assert_int_equal(cpu->gpr[EDI], 0x11112222);
    assert_int_equal(cpu->gpr[EDX] & 0xffff, 0x5678);
    assert_int_equal(cpu->seg[SEG_DS].sel, 0x77);
    assert_int_equal(cpu->gdtr.limit, 0x1f);
    assert_int_equal(cpu_eflags(cpu), 0x42);
}

static void test_loadall(void **state)
{
    (void)state;
    each_backend("286", load_all_286);
    each_backend("386", load_all_386);
}

static void test_reset(void **state)
{
    static const struct {
        const char *model;
        u16 cs, ip;
        u32 base, cr0, edx, eflags;
    } rows[] = {
        {"8086", 0xffff, 0, 0xffff0, 0, 0, 0xf002},
        {"286", 0xf000, 0xfff0, 0xff0000, 0, 0, 2},
        {"386", 0xf000, 0xfff0, 0xffff0000, 0x10, 0x308, 2},
        {"486", 0xf000, 0xfff0, 0xffff0000, 0x60000010, 0x480, 2},
        {"pentium", 0xf000, 0xfff0, 0xffff0000, 0x60000010, 0x52c, 2},
        {"k6-2", 0xf000, 0xfff0, 0xffff0000, 0x60000010, 0x58c, 2},
        {"orrery", 0xf000, 0xfff0, 0xffff0000, 0x60000010, 0x60fb1, 2},
        {"orrery32", 0xf000, 0xfff0, 0xffff0000, 0x60000010, 0x686, 2},
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct world w;

        open_world(&w, rows[i].model, backend_find("interp"));
        assert_int_equal(w.cpu->seg[SEG_CS].sel, rows[i].cs);
        assert_int_equal(w.cpu->seg[SEG_CS].base, rows[i].base);
        assert_int_equal(w.cpu->eip, rows[i].ip);
        assert_int_equal(w.cpu->cr0, rows[i].cr0);
        assert_int_equal(w.cpu->gpr[EDX], rows[i].edx);
        assert_int_equal(cpu_eflags(w.cpu), rows[i].eflags);
        close_world(&w);
    }
}

/* CPUID as each model reports it. */
static void test_cpuid(void **state)
{
    static const struct {
        const char *model, *vendor;
        u32 leaf, reg, mask, value;
    } rows[] = {
        {"486", "GenuineIntel", 1, 0, ~0u, 0x480},
        {"486", "GenuineIntel", 1, 3, ~0u, 1},
        {"pentium-mmx", "GenuineIntel", 1, 3, 1u << 23 | 1u << 15, 1u << 23},
        {"pentium2", "GenuineIntel", 1, 3, 3u << 24 | 1 << 11, 1u << 24 | 1 << 11},
        {"pentium3", "GenuineIntel", 1, 3, 3u << 25, 1u << 25},
        {"pentium4", "GenuineIntel", 1, 3, 3u << 25, 3u << 25},
        {"pentium4", "GenuineIntel", 0, 0, ~0u, 5},
        {"core-duo", "GenuineIntel", 0x80000002, 0, ~0u, 0x756e6547}, /* Genu */
        {"k6-2", "AuthenticAMD", 1, 3, 1u << 15 | 1 << 23, 1u << 23},
        {"k6-2", "AuthenticAMD", 0x80000001, 0, ~0u, 0x68c},
        {"k6-2", "AuthenticAMD", 0x80000001, 3, 1u << 23 | 1u << 4, 1u << 23 | 1u << 4},
        {"k6-2", "AuthenticAMD", 0x80000005, 2, ~0u, 0x20020220},
        {"k6-2", "AuthenticAMD", 0x80000001, 3, 3u << 30, 1u << 31},
        {"athlon", "AuthenticAMD", 0x80000001, 3, 3u << 30 | 1 << 22, 3u << 30 | 1 << 22},
        {"pentium3", "GenuineIntel", 1, 2, ~0u, 0},
        {"pentium4", "GenuineIntel", 1, 2, 1 | 1 << 9, 1},
        {"core-duo", "GenuineIntel", 1, 2, 1 | 1 << 9, 1},
        {"athlon", "AuthenticAMD", 1, 3, 1u << 15 | 1 << 25, 1u << 15},
        {"athlon", "AuthenticAMD", 0x80000006, 2, ~0u, 0x01008140},
        {"athlon", "AuthenticAMD", 0x80000001, 0, ~0u, 0x742},
        {"orrery", "AuthenticAMD", 1, 0, ~0u, 0x60fb1},
        {"orrery", "AuthenticAMD", 1, 2, 1u << 31 | 1 << 13, 1u << 31 | 1 << 13}, /* hypervisor */
        {"orrery", "AuthenticAMD", 2, 0, ~0u, 0},
        {"orrery", "AuthenticAMD", 7, 3, ~0u, 0}, /* no ARCH_CAPABILITIES */
        {"orrery", "AuthenticAMD", 0x40000000, 0, ~0u, 0},
        {"orrery", "AuthenticAMD", 0x40000000, 1, ~0u, 0},
        {"orrery", "AuthenticAMD", 0x80000001, 0, ~0u, 0x60fb1},
        {"orrery", "AuthenticAMD", 0x80000001, 3, 0x0183f3ff, 0x0183f3ff}, /* as leaf 1 */
        {"orrery", "AuthenticAMD", 0x80000001, 3, ~0x0183f3ffu,
         0x28100800}, /* LM RDTSCP NX SYSCALL */
        {"orrery", "AuthenticAMD", 0x80000001, 2, ~0u, 1},
        {"orrery", "AuthenticAMD", 0x80000007, 3, ~0u, 1 << 8},
        {"orrery", "AuthenticAMD", 0x80000008, 0, ~0u, 48 << 8 | 36},
        {"orrery32", "GenuineIntel", 1, 2, 1u << 31, 0},
        {"orrery32", "GenuineIntel", 7, 3, ~0u, 1 << 29},
        {"orrery32", "GenuineIntel", 0x80000001, 3, 1u << 29 | 1 << 11, 0},
        {"orrery32", "GenuineIntel", 0x40000000, 3, ~0u, 1 << 29}, /* as the last leaf */
        {"max", "GenuineIntel", 0x40000000, 3, ~0u, 0},
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct world w;
        u32 out[4];
        char vendor[13] = "";

        open_world(&w, rows[i].model, backend_find("interp"));
        cpu_cpuid(w.cpu, 0, 0, out);
        memcpy(vendor, &out[1], 4);
        memcpy(vendor + 4, &out[3], 4);
        memcpy(vendor + 8, &out[2], 4);
        assert_string_equal(vendor, rows[i].vendor);
        cpu_cpuid(w.cpu, rows[i].leaf, 0, out);
        if ((out[rows[i].reg] & rows[i].mask) != rows[i].value)
            fail_msg("%s: leaf %x register %u is %x", rows[i].model, rows[i].leaf, rows[i].reg,
                     out[rows[i].reg]);
        close_world(&w);
    }
}

/* Every row of the table can be made, found by its name, and has a speed. */
static void test_table(void **state)
{
    (void)state;
    for (unsigned i = 0; cpu_model_at(i); i++) {
        const struct cpu_model *m = cpu_model_at(i);
        struct world w;

        assert_ptr_equal(cpu_model_find(m->name), m);
        assert_true(m->kips > 0 && m->kips <= 1000000);
        assert_true(!m->max_leaf || strlen(m->vendor) == 12);
        assert_true(!m->max_ext || strlen(m->brand) < 48);
        open_world(&w, m->name, backend_find("interp"));
        close_world(&w);
    }
    assert_null(cpu_model_find("80586"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decoding_8086),   cmocka_unit_test(test_lengths_and_lock),
        cmocka_unit_test(test_shift_counts),    cmocka_unit_test(test_stack),
        cmocka_unit_test(test_flags_register),  cmocka_unit_test(test_division),
        cmocka_unit_test(test_undefined_flags), cmocka_unit_test(test_8086_aaa),
        cmocka_unit_test(test_word_at_end),     cmocka_unit_test(test_286_overruns),
        cmocka_unit_test(test_address_lines),   cmocka_unit_test(test_ip_wraps),
        cmocka_unit_test(test_control),         cmocka_unit_test(test_generations),
        cmocka_unit_test(test_coprocessors),    cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_loadall),         cmocka_unit_test(test_reset),
        cmocka_unit_test(test_cpuid),           cmocka_unit_test(test_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
