/* virtio-blk by both interfaces: what is read is the file's, what is written lands there; sizes,
 * ends, read-only and snapshot disks, discards, identity, flushing, and requests that are none. */
#include "tests/unit/virtio_driver.h"

#include <fcntl.h>
#include <unistd.h>

#include "devices/core/blk.h"

#define SECTORS 2048
#define HEADER  0x200000u
#define STATUS  0x200800u
#define DATA    0x210000u

enum { OK, IOERR, UNSUPP, NONE = 0xee };

static char path[] = "/tmp/orrery-vblk-XXXXXX";

static int make_disk(void **state)
{
    int fd = mkstemp(path);
    u32 word;

    (void)state;
    assert_true(fd >= 0);
    for (word = 0; word < SECTORS * 128; word++)
        assert_int_equal(write(fd, &word, 4), 4);
    close(fd);
    return 0;
}

static int remove_disk(void **state)
{
    (void)state;
    return unlink(path);
}

static u32 file_word(u64 sector)
{
    int fd = open(path, O_RDONLY);
    u32 word;

    assert_int_equal(pread(fd, &word, 4, (off_t)sector * 512), 4);
    close(fd);
    return word;
}

struct disk {
    struct vdriver d;
    struct blk *blk;
};

static struct disk open_disk(bool modern, unsigned mode, const char *options)
{
    char err[200] = "", text[200];
    struct disk k = {.d = {.t = open_virtio(), .modern = modern}};

    k.blk = blk_open(path, mode, err, sizeof(err));
    if (!k.blk)
        fail_msg("%s", err);
    bus_add_object(k.d.t->bus, BLK_KIND, "disk", k.blk);
    snprintf(text, sizeof(text), "drive=disk,%s", options);
    dt_dev(k.d.t, &dev_virtio_blk, text);
    virtio_board(k.d.t);
    return k;
}

static void close_disk(struct disk *k)
{
    close_virtio(k->d.t);
    blk_close(k->blk);
}

/* Builds a request of three descriptors from number n on: header, data, status. */
static void build(struct vdriver *d, unsigned n, u32 type, u64 sector, u32 len, bool in)
{
    u32 header = HEADER + 16 * n, status = STATUS + n;

    put32(d, header, type);
    put32(d, header + 4, 0);
    put32(d, header + 8, (u32)sector);
    put32(d, header + 12, (u32)(sector >> 32));
    phys_write(d->t->bus->phys, status, 1, NONE);
    set_desc(d, desc_at(0, n), header, 16, NEXT, len ? n + 1 : n + 2);
    set_desc(d, desc_at(0, n + 1), DATA + 0x1000 * n, len, NEXT | (in ? WRITE : 0), n + 2);
    set_desc(d, desc_at(0, n + 2), status, 1, WRITE, 0);
    offer(d, 0, n);
}

static u32 do_request(struct vdriver *d, u32 type, u64 sector, u32 len, bool in)
{
    u32 got;

    build(d, 0, type, sector, len, in);
    kick(d, 0);
    assert_int_equal(get8(d, STATUS), NONE);
    dt_step(d->t, 1000000);
    assert_int_equal(collect(d, 0, &got), 0);
    assert_int_equal(got, get8(d, STATUS) == OK && in ? len + 1 : 1);
    return get8(d, STATUS);
}

static u32 zero(struct vdriver *d, u32 type, u64 sector, u32 count, u32 flags)
{
    put32(d, DATA, (u32)sector);
    put32(d, DATA + 4, 0);
    put32(d, DATA + 8, count);
    put32(d, DATA + 12, flags);
    return do_request(d, type, 0, 16, false);
}

static u32 config_word(struct vdriver *d, unsigned at)
{
    u32 value = 0;

    for (unsigned i = 0; i < 4; i++)
        value |= config_byte(d, at + i) << (8 * i);
    return value;
}

static void test_reads_and_writes(void **state)
{
    (void)state;
    for (int modern = 0; modern < 2; modern++) {
        struct disk k = open_disk(modern, BLK_WRITABLE, "serial=first");
        struct vdriver *d = &k.d;
        start(d, 1, 1u << 9);
        assert_int_equal(config_word(d, 0), SECTORS);
        assert_int_equal(config_word(d, 12), 254);
        assert_int_equal(config_word(d, 20), 512);
        assert_int_equal(do_request(d, 0, 7, 3 * 512, true), OK);
        for (unsigned i = 0; i < 384; i++)
            assert_int_equal(get32(d, DATA + 4 * i), 7 * 128 + i);
        put32(d, DATA, 0x12345678);
        assert_int_equal(do_request(d, 1, 100 + (u32)modern, 512, false), OK);
        assert_int_equal(file_word(100 + (u32)modern), 0x12345678);
        assert_int_equal(do_request(d, 4, 0, 0, false), OK);
        assert_int_equal(do_request(d, 8, 0, 20, true), OK);
        assert_int_equal(get32(d, DATA), 0x73726966);
        assert_int_equal(get16(d, DATA + 4), 't');
        close_disk(&k);
    }
}

static void test_ends(void **state)
{
    struct disk k = open_disk(true, BLK_SNAPSHOT, "");
    struct vdriver *d = &k.d;

    (void)state;
    start(d, 1, 1u << 9);
    assert_int_equal(do_request(d, 0, SECTORS - 1, 512, true), OK);
    assert_int_equal(do_request(d, 0, SECTORS - 1, 1024, true), IOERR);
    assert_int_equal(do_request(d, 0, UINT64_MAX, 512, true), IOERR);
    assert_int_equal(do_request(d, 1, SECTORS, 512, false), IOERR);
    assert_int_equal(do_request(d, 0, 0, 100, true), IOERR);
    assert_int_equal(do_request(d, 1, 0, 513, false), IOERR);
    assert_int_equal(do_request(d, 0, 0, 0, true), OK);
    assert_int_equal(do_request(d, 77, 0, 512, true), UNSUPP);
    close_disk(&k);
}

/* As many as the ring holds wait, and come back in order. */
static void test_many_at_once(void **state)
{
    struct disk k = open_disk(true, BLK_SNAPSHOT, "");
    struct vdriver *d = &k.d;
    u32 len;

    (void)state;
    start(d, 1, 1u << 9);
    for (unsigned i = 0; i < 16; i++)
        build(d, 3 * i, 0, 11 * i, 512, true);
    kick(d, 0);
    dt_step(d->t, 100000);
    for (unsigned i = 0; i < 16; i++) {
        assert_int_equal(collect(d, 0, &len), 3 * i);
        assert_int_equal(get8(d, STATUS + 3 * i), OK);
        assert_int_equal(get32(d, DATA + 0x3000 * i), 11 * i * 128);
    }
    assert_int_equal(collect(d, 0, &len), -1);
    close_disk(&k);
}

static void test_read_only(void **state)
{
    struct disk k = open_disk(true, BLK_READONLY, "");
    struct vdriver *d = &k.d;

    (void)state;
    dt_script(d->t, "rd fe000004 30000e76"); /* read-only, and no discards */
    start(d, 1, 1u << 9);
    assert_int_equal(do_request(d, 1, 0, 512, false), IOERR);
    assert_int_equal(zero(d, 11, 0, 1, 0), IOERR);
    assert_int_equal(do_request(d, 0, 0, 512, true), OK);
    close_disk(&k);
}

static void test_discard(void **state)
{
    (void)state;
    for (unsigned mode = BLK_WRITABLE; mode <= BLK_SNAPSHOT; mode++) {
        struct disk k = open_disk(true, mode, "");
        struct vdriver *d = &k.d;
        start(d, 1, 1u << 9);
        put32(d, DATA, 5);
        assert_int_equal(do_request(d, 1, 900, 512, false), OK);
        assert_int_equal(zero(d, 13, 700, 300, 1), OK);
        assert_int_equal(zero(d, 11, 1500, 1, 0), OK);
        for (u32 sector = 699; sector <= 1000; sector++) {
            assert_int_equal(do_request(d, 0, sector, 512, true), OK);
            assert_int_equal(get32(d, DATA), sector == 699 || sector == 1000 ? sector * 128 : 0);
        }
        put32(d, DATA, 5);
        assert_int_equal(do_request(d, 1, 900, 512, false), OK); /* and it is written again */
        assert_int_equal(do_request(d, 0, 899, 1024, true), OK);
        assert_int_equal(get32(d, DATA), 0);
        assert_int_equal(get32(d, DATA + 512), 5);
        assert_int_equal(file_word(1500), 0); /* by the first of the two */
        assert_int_equal(zero(d, 11, 0, 1, 1), UNSUPP);
        assert_int_equal(zero(d, 13, 0, 1, 2), UNSUPP);
        assert_int_equal(zero(d, 11, SECTORS - 1, 2, 0), IOERR);
        assert_int_equal(zero(d, 11, 0, 0xffffffff, 0), IOERR);
        assert_int_equal(do_request(d, 11, 0, 32, false), UNSUPP);
        close_disk(&k);
    }
}

static void test_large_blocks(void **state)
{
    struct disk k = open_disk(true, BLK_SNAPSHOT, "logical_block_size=4096");
    struct vdriver *d = &k.d;

    (void)state;
    start(d, 1, 1u << 9);
    assert_int_equal(config_word(d, 20), 4096);
    assert_int_equal(do_request(d, 0, 8, 4096, true), OK);
    assert_int_equal(do_request(d, 0, 4, 4096, true), IOERR);
    assert_int_equal(do_request(d, 0, 8, 512, true), IOERR);
    close_disk(&k);
}

/* No header, no room for a status: the device stops. Data outside RAM: an error. */
static void test_bad_requests(void **state)
{
    struct disk k = open_disk(true, BLK_SNAPSHOT, "");
    struct vdriver *d = &k.d;
    u32 len;

    (void)state;
    start(d, 1, 1u << 9);
    build(d, 0, 0, 0, 512, true);
    set_desc(d, desc_at(0, 1), 0x80000000, 512, NEXT | WRITE, 2);
    kick(d, 0);
    dt_step(d->t, 100000);
    assert_int_equal(collect(d, 0, &len), 0);
    assert_int_equal(get8(d, STATUS), IOERR);
    assert_int_equal(len, 1);
    for (unsigned i = 0; i < 2; i++) {
        start(d, 1, 1u << 9);
        set_desc(d, desc_at(0, 0), HEADER, i ? 16 : 15, i ? 0 : NEXT, 1);
        set_desc(d, desc_at(0, 1), STATUS, 1, WRITE, 0);
        offer(d, 0, 0);
        kick(d, 0);
        dt_step(d->t, 100000);
        assert_int_equal(collect(d, 0, &len), -1);
        assert_int_equal(read_status(d), 15 | VIRTIO_NEEDS_RESET);
    }
    close_disk(&k);
}

/* Requests that fail at their end have taken their time, too. */
static void test_late_failures(void **state)
{
    struct disk k = open_disk(true, BLK_SNAPSHOT, "");
    struct vdriver *d = &k.d;
    u32 len;

    (void)state;
    start(d, 1, 1u << 9);
    for (unsigned i = 0; i < 3; i++) {
        build(d, 4 * i, 0, 0, 512, true);
        set_desc(d, desc_at(0, 4 * i + 1), DATA, (1u << 20) - 512, NEXT | WRITE, 4 * i + 3);
        set_desc(d, desc_at(0, 4 * i + 3), 0x80000000, 512, NEXT | WRITE, 4 * i + 2);
    }
    kick(d, 0);
    dt_step(d->t, 100000);
    assert_int_equal(collect(d, 0, &len), 0);
    assert_int_equal(get8(d, STATUS), IOERR);
    assert_int_equal(collect(d, 0, &len), -1);
    dt_step(d->t, 1000000);
    assert_int_equal(collect(d, 0, &len), 4);
    assert_int_equal(collect(d, 0, &len), 8);
    close_disk(&k);
}

static void test_refusals(void **state)
{
    static const char *const options[] = {
        "",
        "drive=nothing",
        "drive=disk",
        "drive=second,logical_block_size=100",
        "drive=second,addr=99",
    };
    struct disk k = open_disk(true, BLK_SNAPSHOT, "");
    char err[200];
    struct blk *second = blk_open(path, BLK_SNAPSHOT, err, sizeof(err));

    (void)state;
    bus_add_object(k.d.t->bus, BLK_KIND, "second", second);
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        assert_null(dev_create(k.d.t->bus, &dev_virtio_blk, options[i], err, sizeof(err)));
    close_disk(&k);
    blk_close(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_and_writes), cmocka_unit_test(test_ends),
        cmocka_unit_test(test_many_at_once),     cmocka_unit_test(test_read_only),
        cmocka_unit_test(test_discard),          cmocka_unit_test(test_large_blocks),
        cmocka_unit_test(test_bad_requests),     cmocka_unit_test(test_late_failures),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, make_disk, remove_disk);
}
