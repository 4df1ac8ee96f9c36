/* Symbol tables (ELF of the host, lists, damaged files) and the tally of profiles. */
#include <errno.h>
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
#include "machine/symbols.h"
#include "machine/tally.h"

static char *make_file(const void *data, size_t len)
{
    static char path[64];
    strcpy(path, "/tmp/test_symbols_XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), (ssize_t)len);
    close(fd);
    return path;
}

/* Loads a file made of these bytes; the reason if it is refused. */
static const char *load(struct symbols *s, const void *data, size_t len, u64 offset)
{
    static char err[256];
    char *path = make_file(data, len);
    bool ok = symbols_load(s, path, offset, err, sizeof(err));
    unlink(path);
    return ok ? NULL : err;
}

static void test_list(void **state)
{
    static const char map[] = "00001000 T first\n"
                              "00001000 t alias\n"
                              "00001010 t second;odd name\n"
                              "00001020 D data\n"
                              "00002000 W weak\n"
                              "not a line\n"
                              "ffffffff80000000 T last";
    struct symbols *s = symbols_new();
    (void)state;
    assert_true(symbols_empty(s));
    assert_null(load(s, map, strlen(map), 0));
    assert_false(symbols_empty(s));
    assert_null(symbols_find(s, 0xfff));
    assert_string_equal(symbols_find(s, 0x1000), "first");
    assert_string_equal(symbols_find(s, 0x100f), "first");
    assert_string_equal(symbols_find(s, 0x1010), "second_odd");
    assert_null(symbols_find(s, 0x1020));
    assert_string_equal(symbols_find(s, 0x2000), "weak");
    assert_null(symbols_find(s, 0x40000000)); /* far behind it */
    assert_string_equal(symbols_find(s, 0xffffffff80000010u), "last");
    symbols_free(s);
}

static void test_offset(void **state)
{
    static const char map[] = "1000 T f\n1010 T g\n";
    struct symbols *s = symbols_new();
    (void)state;
    assert_null(load(s, map, strlen(map), 0x500));
    assert_null(symbols_find(s, 0x1000));
    assert_string_equal(symbols_find(s, 0x1505), "f");
    /* A second file: what is found there does not hide the first. */
    assert_null(load(s, "9000 T h\n", 9, 0));
    assert_string_equal(symbols_find(s, 0x1505), "f");
    assert_string_equal(symbols_find(s, 0x9001), "h");
    symbols_free(s);
}

/* An ELF file of 32 bits: a null section, .text, a symbol table, its names. */
static size_t make_elf(u8 *e)
{
    static const char names[] = "\0sized\0label\0object";
    enum { SECTIONS = 64, SYMS = SECTIONS + 4 * 40, NAMES = SYMS + 4 * 16 };
    memset(e, 0, 512);
    memcpy(e, "\177ELF\1\1\1", 7);
    store_le(e + 32, 4, SECTIONS);
    store_le(e + 46, 2, 40);
    store_le(e + 48, 2, 4);
    u8 *s = e + SECTIONS + 40;
    store_le(s + 4, 4, 1);
    store_le(s + 8, 4, 6); /* ALLOC, EXECINSTR */
    s += 40;
    store_le(s + 4, 4, 2); /* SYMTAB */
    store_le(s + 16, 4, SYMS);
    store_le(s + 20, 4, 4 * 16);
    store_le(s + 24, 4, 3);
    s += 40;
    store_le(s + 4, 4, 3);
    store_le(s + 16, 4, NAMES);
    store_le(s + 20, 4, sizeof(names));
    memcpy(e + NAMES, names, sizeof(names));
    const struct {
        u32 name, value, size, type;
    } syms[] = {{1, 0x100, 0x10, 2}, {7, 0x200, 0, 0}, {13, 0x300, 4, 1}};
    for (unsigned i = 0; i < 3; i++) {
        u8 *y = e + SYMS + 16 * (i + 1);
        store_le(y, 4, syms[i].name);
        store_le(y + 4, 4, syms[i].value);
        store_le(y + 8, 4, syms[i].size);
        y[12] = (u8)syms[i].type;
        store_le(y + 14, 2, 1);
    }
    return NAMES + sizeof(names);
}

static void test_elf32(void **state)
{
    u8 e[512];
    size_t len = make_elf(e);
    struct symbols *s = symbols_new();
    (void)state;
    assert_null(load(s, e, len, 0));
    assert_string_equal(symbols_find(s, 0x10f), "sized");
    assert_null(symbols_find(s, 0x110)); /* behind its size */
    assert_string_equal(symbols_find(s, 0x2ff), "label");
    symbols_free(s);
}

/* The program itself, as the host's profile reads it. */
static void test_own(void **state)
{
    char err[256];
    struct symbols *s = symbols_new();
    (void)state;
    assert_true(symbols_is_elf("/proc/self/exe"));
    assert_true(symbols_load(s, "/proc/self/exe", 0, err, sizeof(err)));
    symbols_free(s);
}

static void test_damaged(void **state)
{
    u8 e[512], bad[512];
    size_t len = make_elf(e);
    u32 seed = 1;
    (void)state;
    for (size_t cut = 0; cut <= len; cut++) { /* shorter than it says */
        struct symbols *s = symbols_new();
        load(s, e, cut, 0);
        symbols_find(s, 0x100);
        symbols_free(s);
    }
    for (unsigned i = 0; i < 2000; i++) {
        struct symbols *s = symbols_new();
        memcpy(bad, e, sizeof(bad));
        for (unsigned k = 0; k < 3; k++) {
            seed = seed * 1103515245u + 12345u;
            bad[(seed >> 8) % len] = (u8)(seed >> 24);
        }
        load(s, bad, len, 0);
        symbols_find(s, 0x100);
        symbols_free(s);
    }
}

static void test_refused(void **state)
{
    struct symbols *s = symbols_new();
    char err[256];
    u8 e[512];
    size_t len = make_elf(e);
    (void)state;
    assert_false(symbols_load(s, "/nonexistent", 0, err, sizeof(err)));
    assert_string_equal(err, "symbols '/nonexistent': No such file or directory");
    assert_non_null(strstr(load(s, "", 0, 0), "neither an ELF file nor a list"));
    assert_non_null(strstr(load(s, "1000 D data\n", 12, 0), "neither an ELF file nor a list"));
    store_le(e + 64 + 2 * 40 + 4, 4, 7); /* no symbol table any more */
    assert_non_null(strstr(load(s, e, len, 0), "no symbols of functions"));
    e[5] = 2;
    assert_non_null(strstr(load(s, e, len, 0), "big-endian"));
    symbols_free(s);
}

static void test_tally(void **state)
{
    struct tally t = {0};
    char key[16];
    (void)state;
    assert_null(tally_sorted(&t, true));
    for (unsigned round = 0; round < 3; round++)
        for (unsigned i = 0; i < 1000; i++) {
            snprintf(key, sizeof(key), "k%03u", i);
            tally_add(&t, key, i % 10);
        }
    assert_int_equal(t.used, 1000);
    assert_int_equal(t.total, 3 * 4500);
    struct tally_row *rows = tally_sorted(&t, false);
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(key, sizeof(key), "k%03u", i);
        assert_string_equal(rows[i].key, key);
        assert_int_equal(rows[i].count, 3 * (i % 10));
    }
    free(rows);
    rows = tally_sorted(&t, true);
    assert_string_equal(rows[0].key, "k009");
    assert_int_equal(rows[0].count, 27);
    assert_int_equal(rows[999].count, 0);
    free(rows);
    tally_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list),    cmocka_unit_test(test_offset),
        cmocka_unit_test(test_elf32),   cmocka_unit_test(test_own),
        cmocka_unit_test(test_damaged), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_tally),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
