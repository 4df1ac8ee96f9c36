/* Break points from outside: they stop at the right instruction on every back end, and the guest
 * and its time know nothing of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/types.h"
#include "machine/orrery.h"

#define CODE 0x1000
#define DATA 0x2000

/* Firmware that is no code at all: the handler of the first exception is the program. */
static void make_rom(char *path)
{
    static u8 rom[65536];
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    memset(rom, 0xff, sizeof(rom));
    assert_int_equal(write(fd, rom, sizeof(rom)), sizeof(rom));
    close(fd);
}

static struct orrery *make(const char *accel)
{
    static const u8 vector[] = {CODE & 0xff, CODE >> 8, 0, 0};
    static const u8 code[] = {
        0xa1, 0x00, 0x20, /* 1000: mov ax, [2000h] */
        0x40,             /* 1003: inc ax */
        0xa3, 0x00, 0x20, /* 1004: mov [2000h], ax */
        0xeb, 0xf7,       /* 1007: jmp 1000h */
    };
    char rom[] = "/tmp/orrery-rom-XXXXXX", err[128] = "";
    struct orrery_config config = {.ram_bytes = 2 << 20, .accel = accel, .bios = rom};
    struct orrery *o;

    make_rom(rom);
    o = orrery_create(&config, err, sizeof(err));
    unlink(rom);
    assert_non_null(o);
    assert_true(orrery_write_phys(o, 6 * 4, vector, sizeof(vector)));
    assert_true(orrery_write_phys(o, CODE, code, sizeof(code)));
    assert_int_equal(orrery_run(o, 1000), ORRERY_RUNNING);
    return o;
}

static const char *const accels[] = {NULL, "interp"};

static void expect_break(struct orrery *o, u32 eip, u32 at)
{
    struct orrery_break what;
    u64 where;

    assert_int_equal(orrery_run(o, 1000), ORRERY_BREAK);
    assert_int_equal(orrery_reg(o, ORRERY_EIP), eip);
    orrery_break_hit(o, &what, &where);
    assert_int_equal(where, at);
}

static void test_code(void **state)
{
    const struct orrery_break at = {ORRERY_BREAK_CODE, CODE + 3, 1};

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(accels); i++) {
        struct orrery *o = make(accels[i]);
        u64 then;

        assert_true(orrery_set_breaks(o, &at, 1));
        expect_break(o, CODE + 3, CODE + 3);
        then = orrery_retired(o);
        for (unsigned n = 1; n < 20; n++) {
            expect_break(o, CODE + 3, CODE + 3);
            assert_int_equal(orrery_retired(o), then + 4ul * n);
        }
        orrery_free(o);
    }
}

static void test_data(void **state)
{
    const struct orrery_break write = {ORRERY_BREAK_WRITE, DATA, 2};
    const struct orrery_break read = {ORRERY_BREAK_READ, DATA + 1, 1};
    const struct orrery_break both = {ORRERY_BREAK_ACCESS, DATA, 1};
    const struct orrery_break beside = {ORRERY_BREAK_ACCESS, DATA + 2, 64};

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(accels); i++) {
        struct orrery *o = make(accels[i]);

        assert_true(orrery_set_breaks(o, &write, 1));
        expect_break(o, CODE + 7, DATA);
        expect_break(o, CODE + 7, DATA);
        assert_true(orrery_set_breaks(o, &read, 1));
        expect_break(o, CODE + 3, DATA);
        expect_break(o, CODE + 3, DATA);
        assert_true(orrery_set_breaks(o, &both, 1));
        expect_break(o, CODE + 7, DATA);
        expect_break(o, CODE + 3, DATA);
        assert_true(orrery_set_breaks(o, &beside, 1));
        assert_int_equal(orrery_run(o, 1000), ORRERY_RUNNING);
        orrery_free(o);
    }
}

/* With stops here and there, and without: the same state at the same time. */
static void test_unseen(void **state)
{
    const struct orrery_break all[] = {{ORRERY_BREAK_CODE, CODE + 4, 1},
                                       {ORRERY_BREAK_WRITE, DATA, 4}};

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(accels); i++) {
        struct orrery *a = make(accels[i]), *b = make(NULL);
        u64 end;

        assert_true(orrery_set_breaks(a, all, 2));
        for (unsigned n = 0; n < 100; n++)
            assert_int_equal(orrery_run(a, 1000), ORRERY_BREAK);
        assert_true(orrery_set_breaks(a, NULL, 0));
        assert_int_equal(orrery_run(a, 12345), ORRERY_RUNNING);
        end = orrery_retired(a);
        assert_int_equal(orrery_run(b, end - orrery_retired(b)), ORRERY_RUNNING);
        assert_int_equal(orrery_retired(b), end);
        assert_true(orrery_state_hash(a) == orrery_state_hash(b));
        orrery_free(a);
        orrery_free(b);
    }
}

/* The other kinds, one after the other in a small program of real mode. */
static struct orrery *make_kinds(const char *accel)
{
    static const u8 vectors[] = {0x80, CODE >> 8, 0, 0};
    static const u8 code[] = {
        0x87, 0xdb,                /* 1000: xchg bx, bx */
        0xe4, 0x61,                /* 1002: in al, 61h */
        0xe6, 0x80,                /* 1004: out 80h, al */
        0xcd, 0x40,                /* 1006: int 40h, to 1080h */
        0x0f, 0x22, 0xdb,          /* 1008: mov cr3, ebx */
        0xc6, 0x06, 0,    0x20, 7, /* 100b: mov byte [2000h], 7 */
        0x0f, 0x01, 0xe0,          /* 1010: smsw ax */
        0x40,                      /* 1013: inc ax */
        0x0f, 0x01, 0xf0,          /* 1014: lmsw ax: protected mode */
        0xeb, 0xfe,                /* 1017: jmp $ */
    };
    static const u8 iret = 0xcf;
    struct orrery *o = make(accel);

    assert_true(orrery_write_phys(o, 0x40 * 4, vectors, sizeof(vectors)));
    assert_true(orrery_write_phys(o, CODE + 0x80, &iret, 1));
    assert_true(orrery_write_phys(o, CODE, code, sizeof(code)));
    assert_true(orrery_set_reg(o, ORRERY_EIP, CODE));
    return o;
}

static void test_kinds(void **state)
{
    static const struct {
        struct orrery_break what;
        u32 eip, at; /* eip 0: not met */
    } cases[] = {
        {{ORRERY_BREAK_MAGIC, 0, 1}, CODE + 2, CODE},
        {{ORRERY_BREAK_IN, 0x60, 2}, CODE + 4, 0x61},
        {{ORRERY_BREAK_OUT, 0x60, 2}, 0, 0},
        {{ORRERY_BREAK_OUT, 0x80, 1}, CODE + 6, 0x80},
        {{ORRERY_BREAK_PORT, 0x70, 32}, CODE + 6, 0x80},
        {{ORRERY_BREAK_VECTOR, 0x40, 1}, CODE + 0x80, 0x40},
        {{ORRERY_BREAK_VECTOR, 0x41, 9}, 0, 0},
        {{ORRERY_BREAK_CR3, 0, 0}, CODE + 11, 0},
        {{ORRERY_BREAK_CR3, 5, 1}, 0, 0},
        {{ORRERY_BREAK_PHYS_WRITE, DATA, 1}, CODE + 16, DATA},
        {{ORRERY_BREAK_PHYS_ACCESS, DATA - 8, 16}, CODE + 16, DATA},
        {{ORRERY_BREAK_PHYS_READ, DATA, 1}, 0, 0},
        {{ORRERY_BREAK_MODE, ORRERY_MODE_PE, 1}, CODE + 0x17, ORRERY_MODE_PE},
        {{ORRERY_BREAK_MODE, ORRERY_MODE_PG | ORRERY_MODE_VM, 1}, 0, 0},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(accels); i++) {
        for (unsigned n = 0; n < ARRAY_LEN(cases); n++) {
            struct orrery *o = make_kinds(accels[i]), *plain = make_kinds(accels[i]);
            u64 end;

            assert_true(orrery_set_breaks(o, &cases[n].what, 1));
            if (cases[n].eip)
                expect_break(o, cases[n].eip, cases[n].at);
            assert_int_equal(orrery_run(o, 1000), ORRERY_RUNNING);
            end = orrery_tick(o);
            assert_int_equal(orrery_run(plain, end - orrery_tick(plain)), ORRERY_RUNNING);
            assert_true(orrery_state_hash(o) == orrery_state_hash(plain));
            orrery_free(o);
            orrery_free(plain);
        }
    }
}

static bool set(struct orrery *o, const char *name, u32 value)
{
    u8 bytes[ORRERY_REGISTER_MAX] = {(u8)value, (u8)(value >> 8), (u8)(value >> 16),
                                     (u8)(value >> 24)};

    return orrery_write_register(o, orrery_find_register(name), bytes);
}

static u32 get(struct orrery *o, const char *name)
{
    u8 b[ORRERY_REGISTER_MAX];

    orrery_read_register(o, orrery_find_register(name), b);
    return b[0] | (u32)b[1] << 8 | (u32)b[2] << 16 | (u32)b[3] << 24;
}

/* What a register takes, and what it refuses and stays. */
static void test_registers(void **state)
{
    static const struct {
        const char *name;
        u32 value;
        bool taken;
    } cases[] = {
        {"eax", 0x12345678, true},  {"eip", 0x8000, true},      {"eip", 0x10000, false},
        {"pc", 0x2345, true},       {"cs", 0x1234, true},       {"pc", 0x12345, true},
        {"pc", 0x2345, false},      {"ds", 0xffff, true},       {"es.base", 0x123456, true},
        {"cr0", 0x80000000, false}, {"cr4", 0x80000000, false}, {"cr3", 0x5000, true},
        {"mxcsr", 0x10000, false},  {"mxcsr", 0x1f00, true},    {"fctrl", 0x37f, true},
        {"ftag", 0xffff, true},     {"efer", 2, false},         {"cs.limit", 5, false},
        {"dr0", 0x1000, true},      {"cr2", 7, true},           {"gdtr.limit", 0x7f, true},
    };
    struct orrery *o = make(NULL);

    (void)state;
    assert_int_equal(orrery_find_register("r16"), -1);
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        u32 before = get(o, cases[i].name);
        assert_int_equal(set(o, cases[i].name, cases[i].value), cases[i].taken);
        assert_int_equal(get(o, cases[i].name), cases[i].taken ? cases[i].value : before);
    }
    orrery_free(o);
}

static void test_memory(void **state)
{
    struct orrery *o = make(NULL);
    u8 bytes[4] = {1, 2, 3, 4};

    (void)state;
    assert_true(orrery_write_linear(o, DATA + 0xffe, bytes, 4));
    memset(bytes, 0, 4);
    assert_true(orrery_read_linear(o, DATA + 0xffe, bytes, 4));
    assert_int_equal(bytes[3], 4);
    assert_false(orrery_write_linear(o, 0xffff0, bytes, 4));       /* ROM */
    assert_false(orrery_write_linear(o, (2 << 20) - 2, bytes, 4)); /* the end of RAM */
    assert_true(orrery_read_linear(o, (2 << 20) - 2, bytes, 2));
    assert_int_equal(bytes[0], 0);
    orrery_free(o);
}

static void test_refusals(void **state)
{
    struct orrery_break many[ORRERY_MAX_BREAKS + 1] = {{ORRERY_BREAK_CODE, 0, 1}};
    const struct orrery_break wide = {ORRERY_BREAK_WRITE, DATA, 4097};
    struct orrery *o = make(NULL);

    (void)state;
    assert_false(orrery_set_breaks(o, many, ORRERY_MAX_BREAKS + 1));
    assert_false(orrery_set_breaks(o, &wide, 1));
    orrery_free(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_code),      cmocka_unit_test(test_data),
        cmocka_unit_test(test_unseen),    cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_registers), cmocka_unit_test(test_memory),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
