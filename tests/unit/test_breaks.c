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
    u32 where;

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
        cmocka_unit_test(test_code),
        cmocka_unit_test(test_data),
        cmocka_unit_test(test_unseen),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
