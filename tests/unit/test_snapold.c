/* What was saved once can be loaded for ever: the file of version 1 in this folder, on every back
 * end. `test_snapold --make FILE` writes such a file; those that are there are never replaced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/types.h"
#include "machine/orrery.h"
#include "machine/snapio.h"

#define CODE  0x1000
#define DATA  0x2000
#define TICKS 100000

static const char *file;

/* A firmware of no code at all: the handler of the first exception is the program. */
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
    char rom[] = "/tmp/orrery-rom-XXXXXX", err[200] = "";
    struct orrery_config config = {
        .ram_bytes = 1 << 20, .accel = accel, .bios = rom, .cpu = "486", .no_vga = true};
    struct orrery *o;

    config.serial_present[0] = true;
    make_rom(rom);
    o = orrery_create(&config, err, sizeof(err));
    unlink(rom);
    assert_string_equal(err, "");
    return o;
}

/* The counter in memory, in CX, and at the scratch register of the serial port. */
static void start(struct orrery *o)
{
    static const u8 vector[] = {CODE & 0xff, CODE >> 8, 0, 0};
    static const u8 code[] = {
        0xba, 0xff, 0x03,       /* 1000: mov dx, 3ffh */
        0xff, 0x06, 0x00, 0x20, /* 1003: inc word [2000h] */
        0x41,                   /* 1007: inc cx */
        0x89, 0xc8,             /* 1008: mov ax, cx */
        0xee,                   /* 100a: out dx, al */
        0xeb, 0xf6,             /* 100b: jmp 1003h */
    };

    assert_true(orrery_write_phys(o, 6 * 4, vector, sizeof(vector)));
    assert_true(orrery_write_phys(o, CODE, code, sizeof(code)));
    assert_int_equal(orrery_run(o, TICKS), ORRERY_RUNNING);
}

static u16 counter(struct orrery *o)
{
    u16 value;

    assert_true(orrery_read_phys(o, DATA, &value, 2));
    return value;
}

static void test_version_1(void **state)
{
    static const char *const accels[] = {NULL, "interp"};

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(accels); i++) {
        struct orrery *o = make(accels[i]);
        char err[300] = "";
        u32 byte = 0, was;

        if (!snap_can_compress()) {
            assert_false(orrery_load(o, file, err, sizeof(err)));
            assert_non_null(strstr(err, "compressed"));
            orrery_free(o);
            continue;
        }
        orrery_load(o, file, err, sizeof(err));
        assert_string_equal(err, "");
        assert_int_equal(orrery_tick(o), TICKS);
        was = counter(o);
        assert_in_range(was, TICKS / 5 - 5, TICKS / 5);
        assert_in_range(orrery_reg(o, ORRERY_EIP), CODE + 3, CODE + 0xb);
        assert_int_equal(orrery_run(o, 5000), ORRERY_RUNNING);
        assert_int_equal(counter(o), was + 1000);
        while (orrery_reg(o, ORRERY_EIP) != CODE + 0xb)
            orrery_run(o, 1);
        assert_int_equal(orrery_reg(o, 1), counter(o));
        assert_true(orrery_port_in(o, 0x3ff, 1, &byte));
        assert_int_equal(byte, counter(o) & 0xff);
        orrery_free(o);
    }
}

static int make_file(const char *path)
{
    struct orrery *o = make(NULL);
    char err[300] = "";
    bool ok;

    start(o);
    ok = orrery_save(o, path, err, sizeof(err));
    fputs(err, stderr);
    orrery_free(o);
    return !ok;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_version_1)};

    if (argc == 3 && !strcmp(argv[1], "--make"))
        return make_file(argv[2]);
    if (argc != 2)
        return 2;
    file = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
