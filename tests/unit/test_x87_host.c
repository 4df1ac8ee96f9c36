/* Programs of x87, MMX and integer instructions on both back ends, stopped at the same instruction
 * counts: all of the state must be the same each time. What differs between the back ends is where
 * the x87 state lives, so the programs are made of what moves it: memory operands that fault or
 * cross pages, exceptions unmasked and pending, images stored and loaded, MMX, and the helpers in
 * between. What single instructions compute is test_x87_ops.c's business. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "cpu/decode.h"
#include "cpu/seg.h"
#include "cpu/x87_ops.h"
#include "jit/backend.h"
#include "jit/jit.h"
#include "tests/unit/number_values.h"

enum {
    RAM = 1 << 20,
    GDT = 0x1000,
    IDT = 0x2000,
    HANDLERS = 0x3000, /* 16 bytes a vector */
    PAGE_DIR = 0x4000,
    PAGE_TABLE = 0x5000,
    CODE =
        0x80000,   /* each program has its own place: lines that are rewritten are not translated */
    PROGRAMS = 64, /* with one pair of machines */
    DATA = 0x20000,
    ABSENT = 0x23000, /* page that is not there */
    WORDS = 0x25000,  /* control words */
    IMAGES = 0x26000, /* of FNSTENV, FNSAVE and FXSAVE, 512 bytes each */
    SAFE = 0x20100,   /* where the #PF handler points ESI and EDI */
    CODE_MAX = 1024,
    STOPS = 24,
};

struct pc {
    struct phys *phys;
    struct cpu *cpu;
    struct jit *jit;
    u64 ferr; /* hash of when FERR# changed, and of what went out */
};

static u32 rnd(u64 *s)
{
    u64 x = *s += 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return (u32)(x ^ (x >> 31));
}

static u32 below(u64 *s, u32 n)
{
    return rnd(s) % n;
}

/* -- the machine -- */

static void on_ferr(void *opaque, bool level)
{
    struct pc *pc = opaque;
    pc->ferr = pc->ferr * 31 + cpu_icount(pc->cpu) * 2 + level;
}

/* Jumps into the middle of instructions make all kinds of others. */
static u32 on_in(void *opaque, u16 port, unsigned size)
{
    (void)opaque;
    (void)size;
    return port;
}

static void on_out(void *opaque, u16 port, unsigned size, u32 value)
{
    struct pc *pc = opaque;
    (void)size;
    pc->ferr = pc->ferr * 31 + port + value;
}

static struct pc *pc_new(const char *accel)
{
    struct pc *pc = calloc(1, sizeof(*pc));
    const struct cpu_pins pins = {.in = on_in, .out = on_out, .ferr = on_ferr, .opaque = pc};
    const struct jit_config config = {.backend = backend_find(accel), .cache_bytes = 4 << 20};
    const char *why = "";
    assert_non_null(config.backend);
    pc->phys = phys_new(RAM);
    pc->cpu = cpu_new(pc->phys, &pins);
    pc->cpu->decoder = decoder_new();
    pc->jit = jit_new(pc->cpu, &config, &why);
    assert_non_null(pc->jit);
    return pc;
}

static void pc_free(struct pc *pc)
{
    jit_free(pc->jit);
    decoder_free(pc->cpu->decoder);
    cpu_free(pc->cpu);
    phys_free(pc->phys);
    free(pc);
}

static void set_segment(struct cpu *cpu, unsigned s, u16 sel)
{
    struct segment *seg = &cpu->seg[s];
    seg->sel = sel;
    seg->base = 0;
    seg->limit = UINT32_MAX;
    seg->attr = (u16)(SA_P | SA_S | SA_DB | SA_G | SA_RW | SA_ACCESSED | (sel == 8 ? SA_CODE : 0));
    seg_update_cache(seg);
}

/* Faults end the run, but #MF clears the exception and #PF mends the addresses, and both go on. */
static void make_tables(u8 *ram)
{
    static const u8 on_mf[] = {0xdb, 0xe2, 0xcf};
    static const u8 on_pf[] = {0xbe, 0x00, 0x01, 0x02, 0x00, 0xbf, 0x00,
                               0x01, 0x02, 0x00, 0x83, 0xc4, 0x04, 0xcf};
    store_le(ram + GDT + 8, 8, 0x00cf9b000000ffff);
    store_le(ram + GDT + 16, 8, 0x00cf93000000ffff);
    for (u32 v = 0; v < 32; v++) {
        store_le(ram + IDT + 8 * v, 8, 0x00008e0000080000 | (HANDLERS + 16 * v));
        ram[HANDLERS + 16 * v] = 0xf4;
    }
    memcpy(ram + HANDLERS + 16 * VEC_MF, on_mf, sizeof(on_mf));
    memcpy(ram + HANDLERS + 16 * VEC_PF, on_pf, sizeof(on_pf));
    store_le(ram + PAGE_DIR, 4, PAGE_TABLE | 3);
    for (u32 p = 0; p < RAM; p += PAGE_SIZE)
        store_le(ram + PAGE_TABLE + p / PAGE_SIZE * 4, 4, p == ABSENT ? 0 : p | 3);
}

static u64 number(u64 *s)
{
    u64 v = (u64)rnd(s) << 32 | rnd(s);
    if (below(s, 2))
        return number_values[v % ARRAY_LEN(number_values)];
    return below(s, 2) ? (v & 0x800fffffffffffff) | 0x3ff0000000000000 : v;
}

static void make_data(u8 *ram, u64 *s)
{
    static const u16 words[] = {0x37f, 0x37f, 0x27f, 0x07f, 0xf7f,
                                0xb7f, 0x77f, 0x33e, 0x372, 0x340};
    struct x87 f;
    for (u32 i = 0; i < 0x4000; i += 8)
        store_le(ram + DATA + i, 8, number(s));
    for (u32 i = 0; i < 64; i++)
        store_le(ram + WORDS + 2 * i, 2, words[below(s, below(s, 3) ? 7 : ARRAY_LEN(words))]);
    x87_init(&f);
    memset(ram + IMAGES, 0, 0x1000);
    for (u32 i = 0; i < 2; i++) {
        store_le(ram + IMAGES + 0x200 * i, 4, 0x37f);
        store_le(ram + IMAGES + 0x200 * i + 8, 4, 0xffff);
    }
    x87_fxsave(&f, ram + IMAGES + 0x400, false);
    store_le(ram + IMAGES + 0x400 + 24, 4, 0x1f80);
}

static void prepare(struct pc *pc, const u8 *code, u64 seed, bool ne)
{
    u32 at = CODE + (u32)(seed % PROGRAMS) * CODE_MAX;
    struct cpu *cpu = pc->cpu;
    u8 *ram = phys_ram(pc->phys);
    make_tables(ram);
    make_data(ram, &seed);
    phys_dma_write(pc->phys, at, code, CODE_MAX);
    cpu_reset(cpu);
    for (unsigned i = 0; i < SEG_COUNT; i++)
        set_segment(cpu, i, i == SEG_CS ? 8 : 16);
    cpu->gdtr.base = GDT;
    cpu->gdtr.limit = 0x17;
    cpu->idtr.base = IDT;
    cpu->idtr.limit = 0xff;
    cpu->cr0 = CR0_PE | CR0_PG | CR0_WP | (ne ? CR0_NE : 0);
    cpu->cr3 = PAGE_DIR;
    cpu->cr4 = CR4_OSFXSR | CR4_OSXMMEXCPT;
    cpu->mmu.cr0 = cpu->cr0;
    cpu->mmu.cr3 = cpu->cr3;
    cpu->mmu.cr4 = cpu->cr4;
    mmu_flush(&cpu->mmu);
    x87_init(&cpu->fpu);
    cpu->fpu.fcw = (u16)load_le(ram + WORDS, 2) | FCW_RESERVED_ONE;
    cpu->gpr[ESP] = 0xf000;
    cpu->gpr[ESI] = DATA + 0x800 + below(&seed, 64);
    cpu->gpr[EDI] = DATA + 0x2000 + (below(&seed, 2) ? 0xff0 + below(&seed, 8) : 0xfd0);
    cpu->gpr[EBX] = WORDS;
    cpu->gpr[EDX] = IMAGES;
    cpu->gpr[ECX] = 12; /* turns */
    cpu->eip = at;
    cpu->events = 0;
    cpu_set_eflags(cpu, 2);
    cpu_update_mode(cpu);
    pc->ferr = 0;
}

/* -- programs -- */

struct program {
    u8 bytes[CODE_MAX];
    u32 len;
    u64 seed;
};

static void put(struct program *p, u32 v, unsigned size)
{
    store_le(p->bytes + p->len, size, v);
    p->len += size;
}

/* ModRM of [ESI + d] or [EDI + d], or [ESI + EBP * 4 + d] */
static void put_memory(struct program *p, unsigned reg)
{
    u64 *s = &p->seed;
    switch (below(s, 4)) {
    case 0:
        put(p, 0x84 | reg << 3, 1);
        put(p, 0xae, 1);
        put(p, below(s, 64) * 4, 4);
        break;
    case 1:
        put(p, 0x47 | reg << 3, 1);
        put(p, below(s, 12) * 4, 1);
        break;
    default:
        put(p, 0x46 | reg << 3, 1);
        put(p, below(s, 28) * 4, 1);
        break;
    }
}

static void put_x87(struct program *p)
{
    u64 *s = &p->seed;
    for (;;) {
        unsigned op = 0xd8 + below(s, 8), modrm = below(s, 256), r = modrm >> 3 & 7;
        const struct x87_form *form = x87_lookup(op, modrm);
        bool control = form && (form->attr & X87_CONTROL);
        if (!form || (control && below(s, 4)))
            continue;
        if (modrm < 0xc0 && control && (form->attr & X87_LOAD) && form->size == 2) { /* FLDCW */
            put(p, op | (0x40u | r << 3 | EBX) << 8, 2);
            put(p, below(s, 64) * 2, 1);
        } else if (modrm < 0xc0 && control && form->size > 2) { /* environment; all */
            put(p, op | (0x80u | r << 3 | EDX) << 8, 2);
            put(p, form->size == 28 ? 0 : 0x200, 4);
        } else {
            put(p, op, 1);
            if (modrm < 0xc0)
                put_memory(p, r);
            else
                put(p, modrm, 1);
        }
        return;
    }
}

/* What balances the stack, so that it is not empty or full all the time. */
static void put_plain_x87(struct program *p)
{
    static const u16 forms[] = {0xe8d9, 0xebd9, 0xeed9, 0xc0d9, 0xc1d9, 0xc9d9, 0xcad9,
                                0xc1de, 0xcade, 0xe9de, 0xd9dd, 0xf1db, 0xe9db, 0xd9de};
    static const u16 mem[] = {0x0d9, 0x0dd, 0x0db, 0x5df, 0x5db, 0x3dd, 0x3d9, 0x3db, 0x0d8, 0x1dc};
    u64 *s = &p->seed;
    if (below(s, 2)) {
        put(p, forms[below(s, ARRAY_LEN(forms))], 2);
        return;
    }
    u16 m = mem[below(s, ARRAY_LEN(mem))];
    put(p, m & 0xff, 1);
    put_memory(p, m >> 8);
}

static void put_mmx(struct program *p)
{
    static const u8 ops[] = {0xfc, 0xfd, 0xfe, 0xef, 0xeb, 0x60,
                             0x69, 0x63, 0xd5, 0x74, 0x6f, 0x7f};
    u64 *s = &p->seed;
    put(p, 0x0f | ops[below(s, ARRAY_LEN(ops))] << 8, 2);
    if (below(s, 2))
        put_memory(p, below(s, 8));
    else
        put(p, 0xc0 | below(s, 64), 1);
}

static void put_integer(struct program *p)
{
    u64 *s = &p->seed;
    switch (below(s, 9)) {
    case 0: put(p, 0x9e, 1); break;                              /* SAHF */
    case 1: put(p, 0x45c4f6, 3); break;                          /* TEST AH, 45 */
    case 2: put(p, 0xe0df, 2); break;                            /* FNSTSW AX */
    case 3: put(p, 0xc683 | (below(s, 8) * 4u) << 16, 3); break; /* ADD ESI, n */
    case 4: put(p, 0xee83 | (below(s, 8) * 4u) << 16, 3); break; /* SUB ESI, n */
    case 5:
        put(p, 0x70 | below(s, 16) | 0x200, 2);
        put_plain_x87(p);
        break;                                               /* Jcc, perhaps into it */
    case 6: put(p, 0xbd, 1), put(p, below(s, 16), 4); break; /* MOV EBP, n */
    case 7:
        put(p, 0x8b, 1);
        put_memory(p, EAX);
        break;
    default: put(p, 0x9b, 1); break; /* WAIT */
    }
}

/* What saves, loads or changes all of the state: opcode, ModRM with EDX or EBX, displacement. */
static void put_switch(struct program *p)
{
    static const struct {
        u16 opcode;
        u8 modrm;
        u32 disp;
    } forms[] = {
        {0xae0f, 0x82, 0x400}, {0xae0f, 0x8a, 0x400}, /* FXSAVE, FXRSTOR */
        {0xd9, 0xa2, 0},       {0xd9, 0xb2, 0},       /* FLDENV, FNSTENV */
        {0xdd, 0xa2, 0x200},   {0xdd, 0xb2, 0x200},   /* FRSTOR, FNSAVE */
        {0xd9, 0xab, 0},       {0xd9, 0xab, 0},       /* FLDCW */
        {0xd9, 0xab, 0},       {0xd9, 0xab, 0},
    };
    static const u16 others[] = {0x770f, 0xe3db, 0xe2db}; /* EMMS, FNINIT, FNCLEX */
    u64 *s = &p->seed;
    u32 k = below(s, ARRAY_LEN(forms) + ARRAY_LEN(others));
    if (k >= ARRAY_LEN(forms)) {
        put(p, others[k - ARRAY_LEN(forms)], 2);
        return;
    }
    put(p, forms[k].opcode, forms[k].opcode > 0xff ? 2 : 1);
    put(p, forms[k].modrm, 1);
    bool fldcw = forms[k].modrm == 0xab;
    put(p, forms[k].disp + (fldcw ? below(s, 64) * 2 : 0), 4);
    if (fldcw && below(s, 2))
        put(p, 0x9b, 1); /* WAIT */
}

static void make_program(struct program *p, u64 seed)
{
    memset(p->bytes, 0xf4, sizeof(p->bytes));
    p->len = 0;
    p->seed = seed;
    u32 n = 8 + below(&p->seed, 60), mmx = below(&p->seed, 4) ? 0 : 3;
    for (u32 i = 0; i < n; i++) {
        u32 k = below(&p->seed, 20 + mmx);
        if (k < 9)
            put_plain_x87(p);
        else if (k < 14)
            put_x87(p);
        else if (k < 19)
            put_integer(p);
        else if (k > 19)
            put_mmx(p);
        else
            put_switch(p);
    }
    put(p, 0x49, 1); /* DEC ECX */
    put(p, 0x850f, 2);
    put(p, 0u - (p->len + 4), 4); /* JNZ to the start */
    put(p, 0xf4, 1);
}

/* -- comparing -- */

static void same_x87(const struct x87 *a, const struct x87 *b)
{
    assert_int_equal(a->fcw, b->fcw);
    assert_int_equal(a->fsw, b->fsw);
    assert_int_equal(a->empty, b->empty);
    assert_int_equal(a->fop, b->fop);
    assert_int_equal(a->fip, b->fip);
    assert_int_equal(a->fcs, b->fcs);
    assert_int_equal(a->fdp, b->fdp);
    assert_int_equal(a->fds, b->fds);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(a->st[i].se, b->st[i].se);
        assert_true(a->st[i].sig == b->st[i].sig);
    }
}

static void same(const struct pc *a, const struct pc *b)
{
    const struct cpu *x = a->cpu, *y = b->cpu;
    assert_false(x->fpu_host || y->fpu_host);
    assert_int_equal(x->eip, y->eip);
    assert_true(cpu_icount(x) == cpu_icount(y));
    assert_memory_equal(x->gpr, y->gpr, sizeof(x->gpr));
    assert_int_equal(cpu_eflags(x), cpu_eflags(y));
    same_x87(&x->fpu, &y->fpu);
    assert_int_equal(x->mxcsr, y->mxcsr);
    assert_int_equal(x->mode, y->mode);
    assert_int_equal(x->events, y->events);
    assert_true(a->ferr == b->ferr);
    assert_memory_equal(phys_ram(a->phys) + DATA, phys_ram(b->phys) + DATA, IMAGES + 0x1000 - DATA);
}

static void run_both(struct pc **pc, const struct program *p, u64 seed)
{
    u64 s = seed, now[2];
    for (unsigned i = 0; i < 2; i++) {
        prepare(pc[i], p->bytes, seed, seed & 6);
        now[i] = cpu_icount(pc[i]->cpu);
    }
    for (unsigned n = 0; n < STOPS && !(pc[0]->cpu->events & (EV_HALT | EV_TRIPLE)); n++) {
        u32 more = below(&s, 4) ? 40 + below(&s, 300) : 1 + below(&s, 40); /* blocks; steps */
        for (unsigned i = 0; i < 2; i++)
            jit_run(pc[i]->jit, now[i] += more);
        assert_int_equal(cpu_icount(pc[0]->cpu) - now[0], cpu_icount(pc[1]->cpu) - now[1]);
        now[1] = now[0] = cpu_icount(pc[0]->cpu);
        same(pc[0], pc[1]);
    }
}

static void renew(struct pc **pc, bool now)
{
    static const char *const accels[2] = {"jit", "interp"};
    for (unsigned i = 0; i < 2 && now; i++) {
        if (pc[i])
            pc_free(pc[i]);
        pc[i] = pc_new(accels[i]);
    }
}

static void programs_run_alike(void **state)
{
    const char *only = getenv("X87_SEED"), *count = getenv("X87_COUNT");
    u64 first = only ? strtoull(only, NULL, 0) : 1;
    u64 last = only ? first : count ? strtoull(count, NULL, 0) : 3000;
    struct pc *pc[2] = {NULL, NULL};
    struct program p;
    (void)state;
    for (u64 seed = first; seed <= last; seed++) {
        make_program(&p, seed * 7919);
        for (u32 i = 0; only && i < p.len; i++)
            fprintf(stderr, i + 1 == p.len ? "%02x\n" : "%02x ", p.bytes[i]);
        renew(pc, seed == first || seed % PROGRAMS == 0);
        run_both(pc, &p, seed);
    }
    pc_free(pc[0]);
    pc_free(pc[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(programs_run_alike)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
