/* Disk images: what is refused, and where writes go. */
#include "tests/unit/devtest.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices/core/blk.h"

static char dir[] = "/tmp/orrery-blk-XXXXXX";
static char path[64], err[256];

static int setup(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/disk", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir);
}

/* A file of `size` bytes, every sector filled with its number, that begins with `head` at `offset`.
 */
static void make(size_t size, size_t offset, const char *head, size_t head_size)
{
    u8 *data = malloc(size + 1);
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);

    assert_non_null(data);
    assert_true(fd >= 0);
    for (size_t i = 0; i < size; i++)
        data[i] = (u8)(i / 512 + 1);
    memcpy(data + offset, head, head_size);
    assert_int_equal(write(fd, data, size), (ssize_t)size);
    close(fd);
    free(data);
}

static u8 file_byte(size_t at)
{
    u8 byte = 0;
    int fd = open(path, O_RDONLY);
    assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
    close(fd);
    return byte;
}

static void refused(const char *name, const char *why)
{
    for (int snapshot = 0; snapshot < 2; snapshot++) {
        err[0] = 0;
        assert_null(blk_open(name, snapshot, err, sizeof(err)));
        if (!strstr(err, why) || !strstr(err, name) || strchr(err, '\n'))
            fail_msg("message '%s' instead of '%s'", err, why);
    }
}

static void test_bad_files(void **state)
{
    char name[80];

    (void)state;
    unlink(path);
    refused(path, "No such file");
    refused(dir, "is a directory");
    make(0, 0, "", 0);
    refused(path, "is empty");
    snprintf(name, sizeof(name), "%s/fifo", dir);
    assert_int_equal(mkfifo(name, 0600), 0);
    refused(name, "neither a file nor a block device");
    unlink(name);
    make(512, 0, "", 0);
    chmod(path, 0);
    if (access(path, R_OK)) /* root may read anything */
        refused(path, "Permission denied");
    chmod(path, 0600);
}

/* A last sector that is not whole: zeros, until it is written. */
static void test_short_sector(void **state)
{
    u8 data[1024];

    (void)state;
    for (unsigned mode = 0; mode < 2; mode++) {
        struct blk *b;
        struct stat st;
        make(1000, 0, "", 0);
        b = blk_open(path, mode, err, sizeof(err));
        assert_non_null(b);
        assert_int_equal(blk_sectors(b), 2);
        assert_true(blk_read(b, 0, data, 2));
        assert_int_equal(data[999], 2);
        for (unsigned i = 1000; i < 1024; i++)
            assert_int_equal(data[i], 0);
        assert_false(blk_read(b, 2, data, 1));
        memset(data, 0xcc, sizeof(data));
        assert_true(blk_write(b, 1, data, 1));
        assert_true(blk_read(b, 1, data + 512, 1));
        assert_int_equal(data[1023], 0xcc);
        blk_close(b);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_size, mode ? 1000 : 1024);
    }
}

static void test_other_formats(void **state)
{
    static const struct {
        const char *name, *magic;
        size_t offset, size;
    } formats[] = {
        {"qcow2", "QFI\xfb\0\0\0\3", 0, 8},
        {"VMDK", "KDMV\1", 0, 5},
        {"VMDK", "# Disk DescriptorFile", 0, 21},
        {"VDI", "\x7f\x10\xda\xbe", 64, 4},
        {"VHD", "conectix", 0, 8},
        {"VHDX", "vhdxfile", 0, 8},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        make(65536, formats[i].offset, formats[i].magic, formats[i].size);
        refused(path, "not a raw image");
        assert_non_null(strstr(err, formats[i].name));
    }
    /* The text that begins a VMDK, in a file too short to be anything. */
    make(100, 0, "# Disk DescriptorFile", 21);
    refused(path, "not a raw image");
}

static void test_writes_reach_file(void **state)
{
    struct blk_log log = {0};
    struct blk *b;
    u8 data[1024];

    (void)state;
    make(512 * 300, 0, "", 0);
    b = blk_open(path, false, err, sizeof(err));
    assert_non_null(b);
    blk_attach(b, &log);
    assert_int_equal(blk_sectors(b), 300);
    assert_true(blk_read(b, 5, data, 2));
    assert_int_equal(data[0], 6);
    assert_int_equal(data[1023], 7);
    memset(data, 0xaa, sizeof(data));
    assert_true(blk_write(b, 298, data, 2));
    assert_true(blk_flush(b));
    assert_int_equal(file_byte(297 * 512 + 511), (u8)298);
    assert_int_equal(file_byte(298 * 512), 0xaa);
    assert_int_equal(file_byte(299 * 512 + 511), 0xaa);
    assert_int_equal(log.writes, 1);

    assert_false(blk_read(b, 299, data, 2));
    assert_false(blk_write(b, 299, data, 2));
    assert_false(blk_read(b, 301, data, 1));
    assert_false(blk_read(b, UINT64_MAX, data, 2));
    assert_int_equal(log.writes, 1);

    /* One writer at a time. */
    assert_null(blk_open(path, false, err, sizeof(err)));
    assert_non_null(strstr(err, "in use"));
    assert_null(blk_open(path, true, err, sizeof(err)));
    blk_close(b);
}

static void test_file_cut_short(void **state)
{
    u8 data[512];
    struct blk *b;

    (void)state;
    make(512 * 4, 0, "", 0);
    b = blk_open(path, true, err, sizeof(err));
    assert_int_equal(truncate(path, 512), 0);
    assert_true(blk_read(b, 0, data, 1));
    assert_false(blk_read(b, 3, data, 1));
    assert_false(blk_write(b, 3, data, 1));
    blk_close(b);
}

/* Many writes against a plain copy; the file stays as it was. */
static void test_snapshot(void **state)
{
    enum { SECTORS = 700 }; /* five and a half clusters */
    static u8 model[SECTORS * 512], data[SECTORS * 512];
    struct blk_log log = {0}, again = {0};
    u32 seed = 1;

    (void)state;
    make(sizeof(model), 0, "", 0);
    for (int round = 0; round < 2; round++) {
        struct blk *b = blk_open(path, true, err, sizeof(err));
        assert_non_null(b);
        blk_attach(b, round ? &again : &log);
        assert_true(blk_read(b, 0, model, SECTORS));
        assert_int_equal(model[0], 1);
        seed = 1;
        for (int i = 0; i < 300; i++) {
            seed = seed * 1664525u + 1013904223u;
            u32 at = (seed >> 8) % SECTORS, n = 1 + (seed >> 20) % 40;
            n = n < SECTORS - at ? n : SECTORS - at;
            memset(data, (int)(seed >> 24), n * 512);
            assert_true(blk_write(b, at, data, n));
            memcpy(model + at * 512, data, n * 512);
            assert_true(blk_read(b, at / 2, data, SECTORS - at / 2));
            assert_memory_equal(data, model + at / 2 * 512, (SECTORS - at / 2) * 512);
        }
        blk_close(b);
    }
    for (u32 i = 0; i < SECTORS; i++)
        assert_int_equal(file_byte(i * 512 + 17), (u8)(i + 1));
    assert_int_equal(log.writes, 300);
    assert_true(log.digest == again.digest);

    /* The same data in another place is another state. */
    struct blk *b = blk_open(path, true, err, sizeof(err));
    struct blk_log one = {0}, two = {0};
    blk_attach(b, &one);
    assert_true(blk_write(b, 1, data, 1));
    blk_attach(b, &two);
    assert_true(blk_write(b, 2, data, 1));
    assert_true(one.digest != two.digest);
    blk_close(b);
}

/* A file that ends with a hole, within a cluster. */
static void test_hole_at_the_end(void **state)
{
    u64 sum, full;

    (void)state;
    make(512, 0, "", 0);
    assert_int_equal(truncate(path, 1440 * 1024), 0);
    struct blk *b = blk_open(path, BLK_WRITABLE, err, sizeof(err));
    assert_non_null(b);
    assert_true(blk_checksum(b, &sum));
    u8 zeros[512] = {0};
    assert_true(blk_write(b, 2879, zeros, 1));
    assert_true(blk_checksum(b, &full));
    assert_true(sum == full);
    blk_close(b);
}

/* What is built in: a boot diskette, of which everybody writes to his own. */
static void test_demo(void **state)
{
    u8 sector[512], changed[512];
    struct blk *readonly = blk_open(BLK_DEMO, BLK_READONLY, err, sizeof(err));
    struct blk *own = blk_open(BLK_DEMO, BLK_WRITABLE, err, sizeof(err));

    (void)state;
    assert_non_null(readonly);
    assert_non_null(own);
    assert_int_equal(blk_sectors(readonly), 2880);
    assert_true(blk_read(readonly, 0, sector, 1));
    assert_int_equal(sector[510] | sector[511] << 8, 0xaa55);
    assert_false(blk_write(readonly, 0, sector, 1));
    memset(changed, 0x5a, sizeof(changed));
    assert_true(blk_write(own, 0, changed, 1));
    assert_true(blk_read(readonly, 0, changed, 1));
    assert_memory_equal(changed, sector, sizeof(sector));
    assert_true(blk_read(readonly, 2879, changed, 1));
    assert_int_equal(changed[0], 0);
    blk_close(readonly);
    blk_close(own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_files),       cmocka_unit_test(test_short_sector),
        cmocka_unit_test(test_other_formats),   cmocka_unit_test(test_writes_reach_file),
        cmocka_unit_test(test_file_cut_short),  cmocka_unit_test(test_snapshot),
        cmocka_unit_test(test_hole_at_the_end), cmocka_unit_test(test_demo),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
