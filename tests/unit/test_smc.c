/* Code that changes behind the translator's back, on every back end: by DMA, by the page walker's
 * accessed bits; and code in ROM and in device memory. What a guest can do by itself is in
 * tests/guest/mini/smc.s and codepages.s. */
#include "tests/unit/sys_fixture.h"

#include "cpu/decode.h"
#include "jit/backend.h"
#include "jit/jit.h"

enum { CODE = 0x5000 };

static struct jit *jit_open(struct sys *s, const char *name)
{
    struct jit_config config = {.backend = backend_find(name), .cache_bytes = 1 << 20};
    const char *why;

    if (!s->cpu->decoder)
        s->cpu->decoder = decoder_new();
    enter(s, 0);
    s->cpu->cr0 &= ~(u32)CR0_PG;
    s->cpu->mmu.cr0 = s->cpu->cr0;
    s->cpu->events = 0;
    mmu_flush(&s->cpu->mmu);
    return jit_new(s->cpu, &config, &why);
}

/* Runs from eip to HLT. */
static void run(struct sys *s, struct jit *jit, u32 eip)
{
    s->cpu->eip = eip;
    s->cpu->events &= ~(u32)EV_HALT;
    jit_run(jit, cpu_icount(s->cpu) + 10000);
    assert_true(s->cpu->events & EV_HALT);
}

static void put_code(struct sys *s, u32 at, const char *code, unsigned len)
{
    phys_dma_write(s->phys, at, code, len);
}
#define PUT(s, at, code) put_code(s, at, code, sizeof(code) - 1)

static void check_dma(struct sys *s, struct jit *jit)
{
    static const u8 five = 5;

    PUT(s, CODE, "\xb8\x01\x00\x00\x00\xf4"); /* MOV EAX, 1; HLT */
    for (unsigned i = 0; i < 3; i++)
        run(s, jit, CODE);
    assert_int_equal(s->cpu->gpr[EAX], 1);
    assert_true(phys_dma_write(s->phys, CODE + 1, &five, 1));
    run(s, jit, CODE);
    assert_int_equal(s->cpu->gpr[EAX], 5);
}

/* A device that writes behind the OUT that starts it. */
static void dma_out(void *opaque, u16 port, unsigned size, u32 value)
{
    struct sys *s = opaque;
    u8 byte = (u8)value;

    (void)port;
    (void)size;
    phys_dma_write(s->phys, CODE + 7, &byte, 1);
}

static void check_dma_at_once(struct sys *s, struct jit *jit)
{
    s->cpu->pins.out = dma_out;
    PUT(s, CODE,
        "\xb0\x2a\xe6\x80\x90\x90\xb3\x00\xf4"); /* MOV AL; OUT; NOP; NOP; MOV BL, 0; HLT */
    for (u8 n = 1; n < 4; n++) {
        PUT(s, CODE + 7, "\x00");
        phys_dma_write(s->phys, CODE + 1, &n, 1);
        run(s, jit, CODE);
        assert_int_equal(s->cpu->gpr[EBX] & 0xff, n);
    }
}

/* The entry of the page that an instruction reads is what is executed next: setting its accessed
 * bit makes INC EDI (47) a prefix (67). */
static void check_walker(struct sys *s, struct jit *jit)
{
    enum { DIR = 0x20000, TABLE = 0x21000, LA = 0x40000, PTE = TABLE + (LA >> 12) * 4 };
    struct cpu *cpu = s->cpu;

    poke(s, DIR, 4, TABLE | 3);
    for (u32 i = 0; i < 0x30; i++)
        poke(s, TABLE + 4 * i, 4, i << 12 | 3);
    PUT(s, PTE - 5, "\xa1\x00\x00\x04\x00"); /* MOV EAX, [LA] */
    PUT(s, PTE, "\x47\x90\x04\x00\xf4");     /* INC EDI; NOP; ADD AL, 0; HLT */
    cpu->cr3 = cpu->mmu.cr3 = DIR;
    cpu->cr0 |= CR0_PG;
    cpu->mmu.cr0 = cpu->cr0;
    mmu_flush(&cpu->mmu);
    cpu->gpr[EDI] = 100;
    run(s, jit, PTE - 5);
    assert_int_equal(peek(s, PTE, 1), 0x67);
    assert_int_equal(cpu->gpr[EDI], 100);
}

static u64 device_read(void *opaque, u64 addr, unsigned size)
{
    static const u8 code[] = {0x41, 0xa1, 0x00, 0x00, 0x20, 0x00, 0xeb, 0xf8}; /* INC ECX; MOV */
    u64 v = 0;

    (*(unsigned *)opaque)++;
    for (unsigned i = 0; i < size; i++)
        v |= (u64)code[(addr + i) % 8] << 8 * i; /* EAX, [200000h]; JMP to the start */
    return v;
}

static void device_write(void *opaque, u64 addr, unsigned size, u64 value)
{
    (void)opaque;
    (void)addr;
    (void)size;
    (void)value;
}

static void check_rom_and_device(struct sys *s, struct jit *jit)
{
    static const struct mmio_ops ops = {device_read, device_write, 1, 8};
    static u8 rom[PAGE_SIZE] = {0xb8, 7, 0, 0, 0, 0xa2, 1, 0, 0x10, 0, 0xeb, 0xf4};
    unsigned reads = 0;
    struct cpu *cpu = s->cpu;

    /* MOV EAX, 7; MOV [itself + 1], AL; JMP to HLT before it, which is RAM */
    rom[10] = 0xf4;
    phys_add_rom(s->phys, 0x100000, PAGE_SIZE, rom);
    rom[0] = 0xb8;
    cpu->gpr[EAX] = 0;
    for (unsigned i = 0; i < 3; i++) {
        run(s, jit, 0x100000);
        assert_int_equal(cpu->gpr[EAX], 7);
    }
    phys_remove(s->phys, 0x100000);
    rom[1] = 8; /* another ROM in its place */
    phys_add_rom(s->phys, 0x100000, PAGE_SIZE, rom);
    run(s, jit, 0x100000);
    assert_int_equal(cpu->gpr[EAX], 8);
    phys_remove(s->phys, 0x100000);
    rom[1] = 7;

    phys_add_mmio(s->phys, 0x200000, PAGE_SIZE, &ops, &reads);
    cpu->gpr[ECX] = 0;
    cpu->events &= ~(u32)EV_HALT;
    cpu->eip = 0x200000;
    jit_run(jit, cpu_icount(cpu) + 300);
    assert_int_equal(cpu->gpr[ECX], 100);
    assert_int_equal(cpu->gpr[EAX], 0x0000a141);
    assert_true(reads > 300);
    phys_remove(s->phys, 0x200000);
}

/* Data right before and right after the code that changes them, in one line of 64 bytes: nothing is
 * translated again, nothing stepped; a byte further it is. */
static void check_neighbours(struct sys *s, struct jit *jit)
{
    struct jit_stats before, after;

    PUT(s, CODE + 4,
        "\xb9\xe8\x03\x00\x00"     /* MOV ECX, 1000 */
        "\xff\x05\x00\x50\x00\x00" /* loop: INC dword [CODE] */
        "\xff\x05\x18\x50\x00\x00" /* INC dword [CODE + 18h] */
        "\xe2\xf2\xf4");           /* LOOP loop; HLT */
    PUT(s, CODE, "\0\0\0\0");
    PUT(s, CODE + 0x18, "\0\0\0\0");
    run(s, jit, CODE + 4); /* translates */
    jit_get_stats(jit, &before);
    run(s, jit, CODE + 4);
    jit_get_stats(jit, &after);
    assert_int_equal(phys_read(s->phys, CODE, 4), 2000);
    assert_int_equal(phys_read(s->phys, CODE + 0x18, 4), 2000);
    assert_int_equal(after.invalidated, before.invalidated);
    assert_int_equal(after.blocks, before.blocks);
    assert_true(after.steps - before.steps < 100);
    phys_write(s->phys, CODE + 5, 1, 7); /* one byte of code: 0307h times */
    run(s, jit, CODE + 4);
    assert_int_equal(phys_read(s->phys, CODE, 4), 2000 + 0x307);
}

static void test_all(void **state)
{
    static const char *const names[] = {"jit", "interp"};
    static void (*const checks[])(struct sys * s, struct jit * jit) = {
        check_dma, check_dma_at_once, check_walker, check_rom_and_device, check_neighbours};
    struct sys *s = *state;

    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        for (unsigned c = 0; backend_find(names[i]) && c < ARRAY_LEN(checks); c++) {
            struct jit *jit = jit_open(s, names[i]);
            assert_non_null(jit);
            checks[c](s, jit);
            jit_free(jit);
        }
    decoder_free(s->cpu->decoder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {SYS_TEST(test_all)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
