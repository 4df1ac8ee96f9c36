/* A machine in 64-bit mode, from outside: registers in words and by name, memory, break points, its
 * state hash, and that state kept in snapshots and files. The guest is a loop at the top of the
 * address space. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "cpu/crs.h"
#include "cpu/seg.h"
#include "machine/snapshot.h"
#include "machine/state.h"
#include "tests/unit/machine_rig.h"

#define TOP   0xffffffff80000000ull /* where the first 2 MiB are, too */
#define CODE  0x1000
#define DATA  0x2000
#define PML4  0x10000
#define PDPT  0x11000
#define PDPT2 0x12000
#define PD    0x13000
#define R15   0x123456789abcdef0ull

static const char *const accels[] = {NULL, "interp"};

static struct orrery *make(const char *accel, const char *model)
{
    struct orrery_config config = {
        .ram_bytes = 16 << 20, .accel = accel, .cpu = model, .no_vga = true};
    char err[200] = "";
    struct orrery *o = orrery_create(&config, err, sizeof(err));

    assert_string_equal(err, "");
    return o;
}

static void poke(struct orrery *o, u64 addr, u64 value)
{
    u8 bytes[8];

    store_le(bytes, 8, value);
    assert_true(orrery_write_phys(o, addr, bytes, 8));
}

static void set_segments(struct cpu *cpu)
{
    for (unsigned i = 0; i < SEG_COUNT; i++) {
        struct segment *s = &cpu->seg[i];
        *s = (struct segment){.sel = i == SEG_CS ? 8 : 16,
                              .attr = SA_P | SA_S | SA_RW | SA_ACCESSED | SA_G,
                              .limit = 0xffffffff};
        s->attr |= i == SEG_CS ? SA_CODE | SA_L : SA_DB;
        seg_update_cache(s);
    }
    cpu->seg[SEG_GS].base = 0x3000;
    cpu->seg[SEG_GS].base_high = 0xffff8000;
    cpu->tr.attr = SA_P | 11;
    cpu->tr.base_high = 0xffffffff;
}

/* 64-bit mode at TOP + CODE. */
static struct orrery *start(const char *accel)
{
    static const u8 code[] = {
        0x48, 0xff, 0xc0,                               /* 1000: inc rax */
        0x48, 0x89, 0x04, 0x25, 0x00, 0x20, 0x00, 0x80, /* 1003: mov [TOP + 2000h], rax */
        0x4c, 0x8d, 0x04, 0x40,                         /* 100b: lea r8, [rax + 2 * rax] */
        0xeb, 0xef,                                     /* 100f: jmp 1000h */
    };
    struct orrery *o = make(accel, "orrery");
    struct cpu *cpu = o->cpu;

    poke(o, PML4, PDPT | 7);
    poke(o, PML4 + 511 * 8, PDPT2 | 7);
    poke(o, PDPT, PD | 7);
    poke(o, PDPT2 + 510 * 8, PD | 7);
    poke(o, PD, 0x83 | 1 << 8); /* 2 MiB, global */
    assert_true(orrery_write_phys(o, CODE, code, sizeof(code)));
    cpu->msr.efer = EFER_LME | EFER_LMA | EFER_SCE | EFER_NXE;
    cpu->cr0 = CR0_PE | CR0_PG | CR0_ET | CR0_NE;
    cpu->cr4 = CR4_PAE | CR4_PGE;
    cpu->cr3 = PML4;
    set_segments(cpu);
    crs_restored(cpu);
    mmu_flush(&cpu->mmu);
    cpu_update_mode(cpu);
    assert_int_equal(orrery_code_bits(o), 64);
    cpu->eip = TOP + CODE;
    cpu->gpr[EAX] = 0x100000000ull;
    cpu->gpr[ESP] = TOP + 0x8000;
    cpu->gpr[15] = R15;
    cpu->xmm[15].q[1] = 0x1122334455667788ull;
    cpu->msr.lstar = TOP + 0x4000;
    cpu->msr.kernel_gs_base = 0xffff888000000000ull;
    cpu->cr2 = 0x7fffdeadbeefull;
    cpu->gdtr.base = TOP + 0x5000;
    cpu->gdtr.limit = 0x2f;
    return o;
}

static char *words(struct orrery *o)
{
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);

    orrery_print_registers(o, f);
    fclose(f);
    return text;
}

/* The lines of qemu-system-x86_64. */
static void test_words(void **state)
{
    static const char *const lines[] = {
        "RAX=0000000100000000 RBX=",
        "R8 =0000000000000000 R9 =0000000000000000 R10=0000000000000000 R11=0000000000000000\n",
        "R15=123456789abcdef0\nRIP=ffffffff80001000 RFL=00000002 [-------] CPL=0 II=0 A20=1 SMM=0",
        "\nCS =0008 0000000000000000 ffffffff 00af9b00 DPL=0 CS64 [-RA]\n",
        "\nDS =0010 0000000000000000 ffffffff 00cf9300 DPL=0 DS   [-WA]\n",
        "\nGS =0010 ffff800000003000 ffffffff 00cf9300 DPL=0 DS   [-WA]\n",
        "\nTR =0000 ffffffff00000000 0000ffff 00008b00 DPL=0 TSS64-busy\n",
        "\nGDT=     ffffffff80005000 0000002f\n",
        "\nCR0=80000031 CR2=00007fffdeadbeef CR3=0000000000010000 CR4=",
        " CR4=000000a0\nDR0=0000000000000000 ",
        "\nEFER=0000000000000d01\n",
        " XMM15=1122334455667788 0000000000000000\n",
    };
    struct orrery *o = start(NULL);
    char *text = words(o);
    u64 value;

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(lines); i++)
        if (!strstr(text, lines[i]))
            fail_msg("%s\nis not in\n%s", lines[i], text);
    free(text);
    /* compatibility mode shows the registers that it has, and all of the tables' addresses */
    o->cpu->seg[SEG_CS].attr ^= SA_L | SA_DB;
    cpu_update_mode(o->cpu);
    o->cpu->eip &= o->cpu->eip_mask;
    text = words(o);
    assert_non_null(strstr(text, "EAX=00000000 EBX="));
    assert_non_null(strstr(text, "\nEIP=80001000 EFL=00000002 ["));
    assert_non_null(strstr(text, "\nCS =0008 00000000 ffffffff 00cf9b00 DPL=0 CS32 [-RA]\n"));
    assert_non_null(strstr(text, "\nGDT=     ffffffff80005000 0000002f\n"));
    assert_null(strstr(text, "XMM08"));
    free(text);
    assert_true(orrery_reg_by_name(o, "r15", &value));
    assert_int_equal(value, R15);
    assert_true(orrery_reg_by_name(o, "gs.base", &value));
    assert_int_equal(value, 0xffff800000003000ull);
    assert_true(orrery_reg_by_name(o, "gdtr", &value));
    assert_int_equal(value, 0xffffffff80005000ull);
    assert_true(orrery_reg_by_name(o, "eip", &value));
    assert_int_equal(value, 0x80001000);
    assert_true(orrery_reg_by_name(o, "rflags", &value));
    assert_int_equal(value, 2);
    assert_false(orrery_reg_by_name(o, "xmm0", &value)); /* not one value */
    orrery_free(o);
}

static u64 read_reg(struct orrery *o, const char *name)
{
    u8 value[ORRERY_REGISTER_MAX] = {0};
    int reg = orrery_find_register(name);

    assert_true(reg >= 0);
    orrery_read_register(o, reg, value);
    return load_le(value, orrery_register_bytes(reg) < 8 ? 4 : 8);
}

static bool write_reg(struct orrery *o, const char *name, u64 value)
{
    u8 bytes[ORRERY_REGISTER_MAX] = {0};

    store_le(bytes, 8, value);
    return orrery_write_register(o, orrery_find_register(name), bytes);
}

static void test_registers(void **state)
{
    struct orrery *o = start(NULL);

    (void)state;
    assert_int_equal(read_reg(o, "pc64"), TOP + CODE);
    assert_int_equal(read_reg(o, "rip"), TOP + CODE);
    assert_int_equal(read_reg(o, "pc"), (u32)(TOP + CODE));
    assert_int_equal(read_reg(o, "rsp"), TOP + 0x8000);
    assert_int_equal(read_reg(o, "cs.bits"), 64);
    assert_int_equal(read_reg(o, "gs.base64"), 0xffff800000003000ull);
    assert_true(write_reg(o, "r15", 5));
    assert_true(write_reg(o, "rbx", ~0ull));
    assert_true(write_reg(o, "fs.base64", TOP));
    assert_false(write_reg(o, "fs.base64", 1ull << 47));
    assert_false(write_reg(o, "rip", 1ull << 63));
    assert_false(write_reg(o, "cr0", CR0_PE)); /* not in 64-bit mode */
    assert_true(write_reg(o, "cr8", 9));
    assert_int_equal(read_reg(o, "cr8"), 9);
    assert_int_equal(o->cpu->gpr[15], 5);
    assert_int_equal(o->cpu->gpr[EBX], ~0ull);
    assert_int_equal(segment_base64(&o->cpu->seg[SEG_FS]), TOP);
    assert_true(orrery_set_reg(o, 3, 0x123456789ull));
    assert_int_equal(orrery_reg(o, 3), 0x123456789ull);
    o->cpu->seg[SEG_CS].attr ^= SA_L | SA_DB;
    cpu_update_mode(o->cpu);
    assert_true(write_reg(o, "rbx", ~0ull));
    assert_int_equal(o->cpu->gpr[EBX], UINT32_MAX); /* the rest is not there now */
    orrery_free(o);
}

static void test_memory(void **state)
{
    struct orrery *o = start(NULL);
    u8 byte = 0x5a;
    u64 phys = 0;
    char text[64];

    (void)state;
    assert_true(orrery_translate(o, TOP + 0x1234, &phys));
    assert_int_equal(phys, 0x1234);
    assert_false(orrery_translate(o, TOP + (2 << 20), &phys));
    assert_false(orrery_translate(o, 1ull << 47, &phys));
    assert_true(orrery_write_linear(o, TOP + DATA, &byte, 1));
    byte = 0;
    assert_true(orrery_read_linear(o, DATA, &byte, 1));
    assert_int_equal(byte, 0x5a);
    assert_int_equal(orrery_disassemble(o, (const u8 *)"\xeb\xef", 2, TOP + CODE + 0xf, text, 64),
                     2);
    assert_string_equal(text, "jmp 0xffffffff80001000");
    orrery_free(o);
}

/* Stops before code and after a write, and runs as it should. */
static void test_breaks(void **state)
{
    (void)state;
    for (unsigned a = 0; a < ARRAY_LEN(accels); a++) {
        struct orrery *o = start(accels[a]);
        struct orrery_break what[] = {{ORRERY_BREAK_CODE, TOP + CODE + 0xf, 1},
                                      {ORRERY_BREAK_WRITE, TOP + DATA + 4, 1},
                                      {ORRERY_BREAK_CODE, CODE + 0xf, 1}};
        struct orrery_break hit;
        u64 at, value = 0;

        assert_true(orrery_set_breaks(o, what, 3));
        assert_int_equal(orrery_run(o, 100), ORRERY_BREAK);
        orrery_break_hit(o, &hit, &at);
        assert_int_equal(hit.kind, ORRERY_BREAK_WRITE);
        assert_int_equal(at, TOP + DATA);
        assert_int_equal(orrery_reg(o, ORRERY_EIP), TOP + CODE + 0xb);
        assert_int_equal(orrery_run(o, 100), ORRERY_BREAK);
        orrery_break_hit(o, &hit, &at);
        assert_int_equal(hit.linear, TOP + CODE + 0xf);
        assert_int_equal(at, TOP + CODE + 0xf);
        assert_true(orrery_set_breaks(o, NULL, 0));
        assert_int_equal(orrery_run(o, 4000), ORRERY_RUNNING);
        assert_true(orrery_read_phys(o, DATA, &value, 8));
        assert_int_equal(value, 0x100000000ull + 1001);
        assert_int_equal(o->cpu->gpr[8] >> 32, 3);
        orrery_free(o);
    }
}

/* Each bit of the state that only 64-bit mode has counts. */
static void test_hash(void **state)
{
    struct orrery *o = start(NULL);
    struct cpu *c = o->cpu;
    void *const places[] = {&c->gpr[8],           &c->gpr[15],
                            (u32 *)&c->cr2 + 1,   (u32 *)&c->cr3 + 1,
                            (u32 *)&c->eip + 1,   &c->xmm[8],
                            &c->xmm[15].q[1],     &c->seg[SEG_FS].base_high,
                            &c->tr.base_high,     (u32 *)&c->gdtr.base + 1,
                            &c->msr.star,         &c->msr.lstar,
                            &c->msr.cstar,        &c->msr.sfmask,
                            &c->msr.efer,         &c->msr.kernel_gs_base,
                            (u32 *)&c->dr[0] + 1, (u32 *)&c->msr.sysenter_eip + 1};
    u64 hash = orrery_state_hash(o);

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(places); i++) {
        *(u8 *)places[i] ^= 1;
        if (orrery_state_hash(o) == hash)
            fail_msg("place %u does not count", i);
        *(u8 *)places[i] ^= 1;
    }
    assert_int_equal(orrery_state_hash(o), hash);
    orrery_free(o);
}

/* Back in memory and from a file, on the other back end, to 64-bit mode from another. */
static void test_snapshots(void **state)
{
    char path[] = "/tmp/orrery-long-XXXXXX", err[300] = "";
    struct orrery *o = start(NULL), *other = make("interp", "orrery"),
                  *plain = make(NULL, "orrery,-lm");
    struct snapshot *s;
    u64 hash, later;

    (void)state;
    close(mkstemp(path));
    advance(o, 1000);
    hash = orrery_state_hash(o);
    s = snapshot_take(o);
    assert_non_null(s);
    orrery_save(o, path, err, sizeof(err));
    assert_string_equal(err, "");
    advance(o, 1000);
    later = orrery_state_hash(o);
    snapshot_restore(o, s);
    assert_int_equal(orrery_state_hash(o), hash);
    advance(o, 1000);
    assert_int_equal(orrery_state_hash(o), later);
    orrery_load(other, path, err, sizeof(err));
    assert_string_equal(err, "");
    assert_int_equal(orrery_state_hash(other), hash);
    assert_int_equal(other->cpu->gpr[15], R15);
    advance(other, 1000);
    assert_int_equal(orrery_state_hash(other), later);
    assert_false(orrery_load(plain, path, err, sizeof(err)));
    assert_null(strchr(err, '\n'));
    snapshot_free(s);
    orrery_free(o);
    orrery_free(other);
    orrery_free(plain);
    unlink(path);
}

static bool can_load(struct cpu *cpu)
{
    struct pack out = {0};
    struct unpack in;

    cpu_save(cpu, &out);
    in = (struct unpack){out.data, out.data + out.len, false};
    cpu_load(cpu, CPU_STATE_VERSION, false, &in);
    free(out.data);
    return !in.failed;
}

/* States that no CPU is in. */
static void test_nonsense(void **state)
{
    struct orrery *o = start(NULL), *plain = make(NULL, "orrery,-lm");
    struct cpu *cpu = o->cpu;

    (void)state;
    assert_true(can_load(cpu));
    cpu->msr.efer ^= EFER_LMA;
    assert_false(can_load(cpu));
    cpu->msr.efer ^= EFER_LMA | EFER_LME;
    assert_false(can_load(cpu));
    cpu->msr.efer ^= EFER_LME;
    cpu->cr4 ^= CR4_PAE;
    assert_false(can_load(cpu));
    cpu->cr4 ^= CR4_PAE;
    cpu->seg[SEG_CS].attr ^= SA_DB;
    assert_false(can_load(cpu)); /* L and D */
    cpu->seg[SEG_CS].attr ^= SA_L;
    assert_false(can_load(cpu)); /* RIP of 64 bits in compatibility mode */
    cpu->seg[SEG_CS].attr ^= SA_L | SA_DB;
    assert_true(can_load(cpu));
    assert_true(can_load(plain->cpu));
    plain->cpu->msr.efer = EFER_LME;
    assert_false(can_load(plain->cpu));
    orrery_free(o);
    orrery_free(plain);
}

/* ---- what is told of tables ---- */

static void ignore(void *opaque)
{
    (void)opaque;
}

static void ignore_open(void *opaque, const char *name, bool list)
{
    (void)opaque;
    (void)name;
    (void)list;
}

static void ignore_number(void *opaque, const char *name, uint64_t value)
{
    (void)opaque;
    (void)name;
    (void)value;
}

static void ignore_text(void *opaque, const char *name, const char *value)
{
    (void)opaque;
    (void)name;
    (void)value;
}

static void ignore_flag(void *opaque, const char *name, bool value)
{
    (void)opaque;
    (void)name;
    (void)value;
}

static void take_line(void *opaque, const char *text)
{
    fprintf(opaque, "%s\n", text);
}

static struct orrery_facts sink(FILE *f)
{
    return (struct orrery_facts){ignore_open, ignore, ignore_number, ignore_text, ignore_flag,
                                 take_line,   f};
}

static void expect_lines(struct orrery *o, const char *table, const struct orrery_walk *w,
                         const char *const *lines)
{
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    struct orrery_facts facts = sink(f);

    if (table)
        assert_true(orrery_explain_table(o, table, &facts));
    else
        orrery_explain_walk(o, w, &facts);
    fclose(f);
    for (; *lines; lines++)
        if (!strstr(text, *lines))
            fail_msg("%s\nis not in\n%s", *lines, text);
    free(text);
}

/* Descriptors of 16 bytes, the 64-bit TSS, tables at the top. */
static void test_tables(void **state)
{
    struct orrery *o = start(NULL);
    struct cpu *cpu = o->cpu;

    (void)state;
    poke(o, 0x5008, 0x00af9b000000ffff);
    poke(o, 0x5010, 0x00cf93000000ffff);
    poke(o, 0x5018, 0x80008b0060000067); /* TSS at TOP + 6000h */
    poke(o, 0x5020, 0xffffffff);
    poke(o, 0x5028, 0x00cff3000000ffff);
    poke(o, 0x60e0, 0x80008e0200081000); /* vector 0eh, to TOP + 1000h, on the second stack */
    poke(o, 0x60e8, 0xffffffff);
    poke(o, 0x6004, TOP + 0x7000);
    poke(o, 0x602c, TOP + 0x7800);
    cpu->idtr.base = TOP + 0x6000;
    cpu->idtr.limit = 0xfff;
    cpu->tr = (struct segment){
        .sel = 0x18, .attr = SA_P | 11, .base = 0x80006000, .base_high = 0xffffffff, .limit = 0x67};
    expect_lines(o, "gdt", NULL,
                 (const char *const[]){
                     "base ffffffff80005000, limit 002f\n",
                     "0008 descriptor 00af9b00 0000ffff: 64-bit code, readable, nonconforming, ",
                     "0018 descriptor 80008b00 60000067: 64-bit TSS, busy, base ffffffff80006000, ",
                     "67, DPL 0, present\n0028 descriptor 00cff300 0000ffff: data, ", NULL});
    expect_lines(o, "idt", NULL,
                 (const char *const[]){"base ffffffff80006000, limit 0fff\n",
                                       "0e #PF       descriptor 80008e02 00081000: 64-bit "
                                       "interrupt gate, to 0008:ffffffff80001000, stack 2, DPL 0, ",
                                       NULL});
    expect_lines(o, "tss", NULL,
                 (const char *const[]){"TR 0018: 64-bit TSS, base ffffffff80006000, limit 00000067",
                                       "  04 rsp0    ffffffff80007000\n",
                                       "  2c ist2    ffffffff80007800\n", NULL});
    expect_lines(o, NULL, &(struct orrery_walk){SEG_DS, 0, TOP + DATA, 'w', -1, 8},
                 (const char *const[]){"linear ffffffff80002000, write", "PML4E at ",
                                       "physical 00002000\n", NULL});
    expect_lines(o, NULL, &(struct orrery_walk){SEG_GS, 0, 0, 'r', -1, 8},
                 (const char *const[]){"base ffff800000003000", "linear ffff800000003000, read",
                                       "denied", NULL});
    expect_lines(o, NULL, &(struct orrery_walk){-2, 0, 1ull << 47, 'r', -1, 8},
                 (const char *const[]){"denied by rule", NULL});
    orrery_free(o);
}

/* SYSRET to an address that is not canonical faults there, at level 3, as on AMD's. */
static void test_sysret_astray(void **state)
{
    static const u8 code[] = {0x48, 0x0f, 0x07}, handler[] = {0xf4};
    const u64 astray = 1ull << 47;

    (void)state;
    for (unsigned a = 0; a < ARRAY_LEN(accels); a++) {
        struct orrery *o = start(accels[a]);
        struct cpu *cpu = o->cpu;
        u64 frame[6];

        poke(o, 0x5008, 0x00209b0000000000ull);
        poke(o, 0x6000 + 13 * 16, 0x80008e0000081100ull);
        poke(o, 0x6000 + 13 * 16 + 8, 0xffffffff);
        poke(o, 0x9004, TOP + 0x7000);
        assert_true(orrery_write_phys(o, CODE, code, sizeof(code)));
        assert_true(orrery_write_phys(o, 0x1100, handler, sizeof(handler)));
        cpu->idtr.base = TOP + 0x6000;
        cpu->idtr.limit = 0xfff;
        cpu->tr.base = (u32)(TOP + 0x9000);
        cpu->tr.limit = 0x67;
        cpu->msr.star = 0x23ull << 48;
        cpu->gpr[ECX] = astray;
        cpu->gpr[11] = 2;
        assert_int_equal(orrery_run(o, 100), ORRERY_STUCK);
        assert_true(cpu->eip == TOP + 0x1101 && cpu->gpr[ESP] == TOP + 0x7000 - sizeof(frame));
        assert_true(orrery_read_phys(o, 0x7000 - sizeof(frame), frame, sizeof(frame)));
        assert_int_equal(frame[0], 0);
        assert_int_equal(frame[1], astray);
        assert_int_equal(frame[2], 0x33);
        assert_int_equal(frame[5], 0x2b);
        orrery_free(o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),         cmocka_unit_test(test_registers),
        cmocka_unit_test(test_memory),        cmocka_unit_test(test_breaks),
        cmocka_unit_test(test_hash),          cmocka_unit_test(test_snapshots),
        cmocka_unit_test(test_nonsense),      cmocka_unit_test(test_tables),
        cmocka_unit_test(test_sysret_astray),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
