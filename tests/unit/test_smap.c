/* SMAP, SMEP and UMIP with code on every back end: what supervisor code may do with user pages,
 * under both values of EFLAGS.AC and after each way to change it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "cpu/cpuid.h"
#include "cpu/decode.h"
#include "cpu/excp.h"
#include "cpu/seg.h"
#include "jit/backend.h"
#include "jit/jit.h"

enum {
    GDT = 0x1000,
    IDT = 0x2000,
    TSS = 0x3000,
    DIR = 0x4000,
    TABLE = 0x5000,
    CODE = 0x10000,
    HANDLER = 0x11000,
    STACK = 0x12000,
    USER = 0x20000, /* a user page */
    RAM = 2 << 20
};
enum { S_CODE = 8, S_DATA = 0x10, S_UCODE = 0x1b, S_UDATA = 0x23 };

struct box {
    struct phys *phys;
    struct cpu *cpu;
    struct jit *jit;
    u8 *ram;
};

static void put_flat(struct box *b, unsigned sel, u8 access)
{
    store_le(b->ram + GDT + (sel & ~7u), 8, 0x00cf00000000ffffull | (u64)access << 40);
}

static void load(struct box *b, enum seg seg, u16 sel)
{
    u64 d = load_le(b->ram + GDT + (sel & ~7u), 8);

    seg_from_desc(&b->cpu->seg[seg], sel, (struct desc){(u32)d, (u32)(d >> 32)});
}

/* Every vector leads to HLT at HANDLER + vector. */
static void make_tables(struct box *b)
{
    put_flat(b, S_CODE, 0x9b);
    put_flat(b, S_DATA, 0x93);
    put_flat(b, S_UCODE, 0xfb);
    put_flat(b, S_UDATA, 0xf3);
    for (unsigned v = 0; v < 32; v++)
        store_le(b->ram + IDT + 8 * v, 8,
                 ((HANDLER + v) & 0xffff) | S_CODE << 16 | 0x8e0000000000ull |
                     (u64)(HANDLER >> 16) << 48);
    memset(b->ram + HANDLER, 0xf4, 32);
    store_le(b->ram + TSS + 4, 4, STACK);
    store_le(b->ram + TSS + 8, 2, S_DATA);
    store_le(b->ram + DIR, 4, TABLE | 7);
    for (u32 i = 0; i < 512; i++)
        store_le(b->ram + TABLE + 4 * i, 4, i << 12 | (i == USER >> 12 ? 7 : 3));
}

static void box_open(struct box *b, const struct backend *backend, const struct cpu_model *model)
{
    static const struct cpu_pins pins = {0};
    struct jit_config config = {.backend = backend, .cache_bytes = 1 << 20};
    const char *why;

    b->phys = phys_new(RAM);
    b->cpu = cpu_new(b->phys, &pins);
    b->ram = phys_ram(b->phys);
    b->cpu->decoder = decoder_new();
    b->jit = jit_new(b->cpu, &config, &why);
    assert_non_null(b->jit);
    cpu_set_model(b->cpu, model);
    make_tables(b);
}

static void box_close(struct box *b)
{
    jit_free(b->jit);
    decoder_free(b->cpu->decoder);
    cpu_free(b->cpu);
    phys_free(b->phys);
}

/* Runs code (hexadecimal, then HLT) at CODE, or at USER for CPL 3; returns the vector of the
 * exception that ended it, or -1 for its own HLT. */
static int run(struct box *b, unsigned cpl, u32 cr4, const char *code)
{
    struct cpu *cpu = b->cpu;
    u32 at = cpl ? USER + 0x800 : CODE, n = 0;

    for (; *code; code += 2) {
        unsigned byte;
        while (*code == ' ')
            code++;
        assert_int_equal(sscanf(code, "%2x", &byte), 1);
        phys_write(b->phys, at + n++, 1, byte);
    }
    phys_write(b->phys, at + n, 2, 0xfeeb); /* for CPL 3, where there is no HLT */
    if (!cpl)
        phys_write(b->phys, at + n, 1, 0xf4);
    cpu_reset(cpu);
    for (unsigned i = 0; i < SEG_COUNT; i++)
        load(b, (enum seg)i, cpl ? S_UDATA : S_DATA);
    load(b, SEG_CS, cpl ? S_UCODE : S_CODE);
    cpu->cpl = (u8)cpl;
    cpu->gdtr.base = GDT;
    cpu->gdtr.limit = 0x27;
    cpu->idtr.base = IDT;
    cpu->idtr.limit = 0xff;
    seg_from_desc(&cpu->tr, 0, (struct desc){TSS << 16 | 0x67, 0x8b00});
    cpu->cr0 = CR0_PE | CR0_PG | CR0_ET | CR0_WP;
    cpu->cr3 = DIR;
    cpu->cr4 = cr4;
    cpu->mmu.cr0 = cpu->cr0;
    cpu->mmu.cr3 = cpu->cr3;
    cpu->mmu.cr4 = cpu->cr4;
    cpu->gpr[ESP] = cpl ? USER + 0x400 : STACK;
    cpu->gpr[EBX] = USER;
    cpu->eip = at;
    mmu_flush(&cpu->mmu);
    cpu_update_mode(cpu);
    jit_run(b->jit, cpu_icount(cpu) + 20000);
    if (!(cpu->events & EV_HALT))
        return -1;
    u32 handler = cpu->eip - 1 - HANDLER;
    return handler < 32 ? (int)handler : -1;
}

/* Error code at the top of the handler's stack */
static u32 error_code(struct box *b)
{
    return (u32)load_le(b->ram + b->cpu->gpr[ESP], 4);
}

#define EXPECT_PF(b, err, addr)                                                                    \
    do {                                                                                           \
        assert_int_equal(error_code(b), err);                                                      \
        assert_int_equal((b)->cpu->cr2, addr);                                                     \
    } while (0)

#define STAC "0f01cb"
#define CLAC "0f01ca"

static void check_smap(struct box *b)
{
    const u32 smap = CR4_SMAP;

    assert_int_equal(run(b, 0, 0, "8b03"), -1); /* MOV EAX, [EBX] */
    assert_int_equal(run(b, 0, smap, "8b03"), VEC_PF);
    EXPECT_PF(b, PF_P, USER);
    assert_int_equal(run(b, 0, smap, "c60301"), VEC_PF); /* MOV BYTE [EBX], 1 */
    EXPECT_PF(b, PF_P | PF_W, USER);
    assert_int_equal(run(b, 0, smap, STAC "c60301 8b03"), -1);
    assert_int_equal(run(b, 0, smap, STAC "c60301 8b03" CLAC "8b4304"), VEC_PF);
    EXPECT_PF(b, PF_P, USER + 4);
    /* 100 times, then once more without STAC: MOV ECX, 100; l: STAC; INC DWORD [EBX]; CLAC;
     * MOV EAX, [10000h]; LOOP l; INC DWORD [EBX] */
    phys_write(b->phys, USER, 4, 0);
    assert_int_equal(run(b, 0, smap, "b964000000" STAC "ff03" CLAC "a100000100 e2f1 ff03"), VEC_PF);
    EXPECT_PF(b, PF_P | PF_W, USER);
    assert_int_equal(load_le(b->ram + USER, 4), 100);
    /* POPF: PUSH 40002h; POPF; MOV [EBX], EAX; PUSH 2; POPF; MOV EAX, [EBX] */
    assert_int_equal(run(b, 0, smap, "6802000400 9d 8903 6a02 9d 8b03"), VEC_PF);
    EXPECT_PF(b, PF_P, USER);
    /* switched off: XOR EAX, EAX; MOV CR4, EAX; MOV EAX, [EBX] */
    assert_int_equal(run(b, 0, smap, "31c0 0f22e0 8b03"), -1);
    /* REP MOVSB out of the user page: MOV ESI, EBX; MOV EDI, 10800h; MOV ECX, 16; REP MOVSB */
    assert_int_equal(run(b, 0, smap, "89de bf00080100 b910000000 f3a4"), VEC_PF);
    assert_int_equal(run(b, 0, smap, STAC "89de bf00080100 b910000000 f3a4"), -1);
    /* user code has its pages whatever AC says */
    assert_int_equal(run(b, 3, smap, "8b03 c60301"), -1);
}

/* Descriptors are read as by a supervisor without AC: LGDT of a table in the user page. */
static void check_implicit(struct box *b)
{
    memcpy(b->ram + USER + 0x100, b->ram + GDT, 0x28);
    store_le(b->ram + CODE + 0x800, 2, 0x27);
    store_le(b->ram + CODE + 0x802, 4, USER + 0x100);
    /* LGDT [10800h]; STAC; MOV EAX, 10h; MOV DS, EAX */
    assert_int_equal(run(b, 0, 0, "0f011500080100 b810000000 8ed8"), -1);
    run(b, 0, CR4_SMAP, "0f011500080100" STAC "b810000000 8ed8");
    assert_true(b->cpu->events & EV_TRIPLE); /* the handlers' descriptors are out of reach, too */
    assert_int_equal(b->cpu->shutdown[0].vector, VEC_PF);
    assert_int_equal(b->cpu->shutdown[0].error, PF_P);
}

static void check_smep(struct box *b)
{
    phys_write(b->phys, USER, 1, 0xf4);
    assert_int_equal(run(b, 0, 0, "ffe3"), -1); /* JMP EBX */
    assert_int_equal(run(b, 0, CR4_SMEP, "ffe3"), VEC_PF);
    EXPECT_PF(b, PF_P | PF_I, USER);
    assert_int_equal(run(b, 0, CR4_SMEP | CR4_SMAP, STAC "ffe3"), VEC_PF); /* AC does not help */
    EXPECT_PF(b, PF_P | PF_I, USER);
    assert_int_equal(run(b, 3, CR4_SMEP, "90"), -1);
    /* and switched on while the page runs: 20h with SMEP in EAX; MOV CR4, EAX in the user page */
    phys_write(b->phys, USER, 4, 0xf4e0220f);
    assert_int_equal(run(b, 0, 0, "b800001000 ffe3"), VEC_PF);
    EXPECT_PF(b, PF_P | PF_I, USER + 3);
}

static void check_umip(struct box *b)
{
    static const char *const insns[] = {"0f0103", "0f010b", "0f00c0", "0f00c8", "0f01e0"};

    for (unsigned i = 0; i < ARRAY_LEN(insns); i++) { /* SGDT SIDT SLDT STR SMSW */
        assert_int_equal(run(b, 3, 0, insns[i]), -1);
        assert_int_equal(run(b, 3, CR4_UMIP, insns[i]), VEC_GP);
        assert_int_equal(error_code(b), 0);
        assert_int_equal(run(b, 0, CR4_UMIP, insns[i]), -1);
    }
    assert_int_equal(run(b, 3, 0, STAC), VEC_UD);
    assert_int_equal(run(b, 3, 0, CLAC), VEC_UD);
    assert_int_equal(run(b, 0, 0, "0f01c8"), VEC_UD);
}

static void check_absent(struct box *b)
{
    assert_int_equal(run(b, 0, 0, STAC), VEC_UD);
    assert_int_equal(run(b, 0, 0, "b800002000 0f22e0"), VEC_GP);
    assert_int_equal(run(b, 0, 0, "b800001000 0f22e0"), VEC_GP);
    assert_int_equal(run(b, 0, 0, "b800080000 0f22e0"), VEC_GP);
}

static void test_all(void **state)
{
    static const char *const names[] = {"jit", "interp"};
    struct cpu_model later = *cpu_model_find("pentium3");
    u32 r[4];

    (void)state;
    later.features |= FEAT_BIT(SMEP) | FEAT_BIT(SMAP) | FEAT_BIT(UMIP);
    later.max_leaf = 7;
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        struct box b;

        box_open(&b, backend_find(names[i]), &later);
        cpu_cpuid(b.cpu, 7, 0, r);
        assert_int_equal(r[1], 1 << 7 | 1 << 20);
        assert_int_equal(r[2], 1 << 2);
        check_smap(&b);
        check_implicit(&b);
        check_smep(&b);
        check_umip(&b);
        box_close(&b);
        box_open(&b, backend_find(names[i]), cpu_model_find("pentium3"));
        check_absent(&b);
        box_close(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
