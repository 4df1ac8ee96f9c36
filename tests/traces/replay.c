/* Runs one captured instruction: registers and memory as before it, up to the HLT that follows it
 * or that stands at the handler of the exception it raised, then compares with what the real
 * processor left. One machine serves all tests: each puts back to zero what it has touched. */
#include "tests/traces/replay.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "cpu/cpuid.h"
#include "cpu/decode.h"
#include "cpu/seg.h"
#include "jit/backend.h"
#include "jit/jit.h"

enum {
    RAM_BYTES = 16 << 20,
    HOLE = 0xa0000, /* that phys_new() leaves for a PC's devices */
    HOLE_BYTES = 0x60000,
    MAX_INSNS = 70000,
    JIT_TESTS =
        1000, /* then a new translator: one that is written over too often stops compiling */
};

struct replay {
    struct phys *phys;
    struct cpu *cpu;
    struct jit *jit;
    const struct backend *backend;
    unsigned tests; /* run by this jit */
};

static const struct {
    u8 reg, gpr;
} gprs[] = {{TR_AX, EAX}, {TR_BX, EBX}, {TR_CX, ECX}, {TR_DX, EDX},
            {TR_SP, ESP}, {TR_BP, EBP}, {TR_SI, ESI}, {TR_DI, EDI}};

static const struct {
    u8 reg, seg;
} segs[] = {{TR_CS, SEG_CS}, {TR_SS, SEG_SS}, {TR_DS, SEG_DS}, {TR_ES, SEG_ES}};

static const char *const reg_names[TR_COUNT] = {"ax", "bx", "cx", "dx", "cs", "ss", "ds",
                                                "es", "sp", "bp", "si", "di", "ip", "flags"};

static u32 pin_in(void *opaque, u16 port, unsigned size)
{
    (void)opaque;
    (void)port;
    return size == 4 ? ~0u : (1u << (8 * size)) - 1;
}

static void pin_out(void *opaque, u16 port, unsigned size, u32 value)
{
    (void)opaque;
    (void)port;
    (void)size;
    (void)value;
}

static void new_jit(struct replay *r)
{
    const struct jit_config config = {.backend = r->backend, .cache_bytes = 1u << 20};
    const char *why = "";

    if (r->jit)
        jit_free(r->jit);
    r->jit = jit_new(r->cpu, &config, &why);
    CHECK(r->jit, "%s", why);
    r->tests = 0;
}

struct replay *replay_new(const char *accel, const char *name)
{
    const struct cpu_pins pins = {.in = pin_in, .out = pin_out};
    const struct backend *backend = backend_find(accel);
    const struct cpu_model *model = cpu_model_find(name);

    if (!backend || !model)
        return NULL;
    struct replay *r = calloc(1, sizeof(*r));
    CHECK(r, "out of memory");
    r->backend = backend;
    r->phys = phys_new(RAM_BYTES);
    CHECK(r->phys, "out of memory");
    phys_add_ram(r->phys, HOLE, HOLE_BYTES);
    r->cpu = cpu_new(r->phys, &pins);
    CHECK(r->cpu, "out of memory");
    cpu_set_model(r->cpu, model);
    r->cpu->decoder = decoder_new();
    new_jit(r);
    cpu_reset(r->cpu);
    return r;
}

void replay_free(struct replay *r)
{
    if (!r)
        return;
    jit_free(r->jit);
    decoder_free(r->cpu->decoder);
    cpu_free(r->cpu);
    phys_free(r->phys);
    free(r);
}

static void poke(struct replay *r, u32 addr, u8 value)
{
    phys_dma_write(r->phys, addr, &value, 1);
}

static u8 peek(struct replay *r, u32 addr)
{
    u8 v;

    phys_dma_read(r->phys, addr, &v, 1);
    return v;
}

static void load(struct replay *r, const struct trace *t)
{
    struct cpu *cpu = r->cpu;

    for (unsigned i = 0; i < ARRAY_LEN(gprs); i++)
        cpu->gpr[gprs[i].gpr] = t->init.reg[gprs[i].reg];
    for (unsigned i = 0; i < ARRAY_LEN(segs); i++)
        seg_set_real(&cpu->seg[segs[i].seg], t->init.reg[segs[i].reg]);
    cpu->eip = t->init.reg[TR_IP];
    cpu_set_eflags(cpu, t->init.reg[TR_FLAGS]);
    cpu->events = 0;
    cpu_update_mode(cpu);
    for (u32 i = 0; i < t->init.nram; i++)
        poke(r, t->init.ram[i].addr, t->init.ram[i].value);
}

/* A line of differences that grows. */
struct line {
    char *text;
    size_t size, used;
};

static void add(struct line *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct line *l, const char *fmt, ...)
{
    va_list ap;
    size_t room = l->size - l->used;

    va_start(ap, fmt);
    int n = vsnprintf(l->text + l->used, room, fmt, ap);
    va_end(ap);
    l->used += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

static u16 reg_now(const struct cpu *cpu, enum trace_reg reg)
{
    for (unsigned i = 0; i < ARRAY_LEN(gprs); i++)
        if (gprs[i].reg == reg)
            return (u16)cpu->gpr[gprs[i].gpr];
    for (unsigned i = 0; i < ARRAY_LEN(segs); i++)
        if (segs[i].reg == reg)
            return cpu->seg[segs[i].seg].sel;
    return reg == TR_IP ? (u16)cpu->eip : (u16)cpu_eflags(cpu);
}

static void compare_regs(struct replay *r, const struct trace *t, u16 mask, struct line *l)
{
    for (unsigned i = 0; i < TR_COUNT; i++) {
        u16 want = t->fina.mask >> i & 1 ? t->fina.reg[i] : t->init.reg[i];
        u16 now = reg_now(r->cpu, i);

        if ((now ^ want) & (i == TR_FLAGS ? mask : 0xffff))
            add(l, " %s %04x want %04x", reg_names[i], now, want);
    }
}

/* Where the exception has pushed FLAGS. The suite says it by the even address of a bus cycle. */
static u32 flags_address(const struct trace *t, const struct cpu *cpu)
{
    u32 addr = (u32)cpu->seg[SEG_SS].sel * 16 + (u16)(cpu->gpr[ESP] + 4);

    return (addr & ~1u) == t->flags_addr ? addr : t->flags_addr;
}

static void compare_byte(struct replay *r, const struct trace *t, u16 mask, u32 addr, u8 want,
                         struct line *l)
{
    u32 at = addr - flags_address(t, r->cpu);
    u8 now = peek(r, addr), count = t->excepted && at < 2 ? (u8)(mask >> (8 * at)) : 0xff;

    if ((now ^ want) & count)
        add(l, " [%06x] %02x want %02x", addr, now, want);
}

static bool named(const struct trace_state *st, u32 addr)
{
    for (u32 i = 0; i < st->nram; i++)
        if (st->ram[i].addr == addr)
            return true;
    return false;
}

static void compare_ram(struct replay *r, const struct trace *t, u16 mask, struct line *l)
{
    for (u32 i = 0; i < t->fina.nram; i++)
        compare_byte(r, t, mask, t->fina.ram[i].addr, t->fina.ram[i].value, l);
    for (u32 i = 0; i < t->init.nram; i++)
        if (!named(&t->fina, t->init.ram[i].addr))
            compare_byte(r, t, mask, t->init.ram[i].addr, t->init.ram[i].value, l);
}

static void clear_ram(struct replay *r, const struct trace_state *st)
{
    for (u32 i = 0; i < st->nram; i++)
        poke(r, st->ram[i].addr, 0);
}

bool replay_run(struct replay *r, const struct trace *t, u16 mask, char *text, size_t size)
{
    struct line l = {text, size, 0};

    text[0] = 0;
    if (r->tests++ == JIT_TESTS)
        new_jit(r);
    load(r, t);
    jit_run(r->jit, cpu_icount(r->cpu) + MAX_INSNS);
    if (!(r->cpu->events & EV_HALT))
        add(&l, " no HLT after %u instructions,", MAX_INSNS);
    compare_regs(r, t, mask, &l);
    compare_ram(r, t, mask, &l);
    clear_ram(r, &t->init);
    clear_ram(r, &t->fina);
    return !l.used;
}
