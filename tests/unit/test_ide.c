/* The IDE controller as a driver uses it: PIO, multiple, addresses, resets, absent drives. */
#include "tests/unit/ide_driver.h"

/* ---- PIO ---- */

static void test_identify(void **state)
{
    struct devtest *t = open_ide(1, true);
    u8 id[512], sum = 0;

    (void)state;
    dt_script(t, "out 1f6 a0; out 1f7 ec; in 3f6 80");
    expect(t, DATA);
    take_irq(t);
    read_words(t, id, 512);
    assert_int_equal(dt_in(t, 0x1f7), READY);
    for (unsigned i = 0; i < 512; i++)
        sum += id[i];
    assert_int_equal(sum, 0);
    assert_int_equal(load_le(id + 120, 4), SECTORS);
    assert_int_equal(load_le(id + 200, 8), SECTORS);
    assert_int_equal(load_le(id + 2, 2), SECTORS / 1008);
    assert_memory_equal(id + 54, "ROERYRH RADDSI K", 16);
    assert_int_equal(load_le(id + 98, 2) & 0x300, 0x300); /* LBA, DMA */
    /* The mode set shows. */
    dt_script(t,
              "out 1f1 3; out 1f2 22; out 1f7 ef; step 100000; in 1f7 50; out 1f7 ec; step 100000");
    read_words(t, id, 512);
    assert_int_equal(load_le(id + 126, 2), 0x0407);
    dt_script(t, "out 1f1 3; out 1f2 23; out 1f7 ef; step 100000; in 1f7 51; in 1f1 4");
    close_ide(t);
}

static void test_pio_read(void **state)
{
    struct devtest *t = open_ide(1, true);
    u8 data[512];

    (void)state;
    command28(t, 0x20, 1000, 3);
    for (unsigned s = 1000; s < 1003; s++) {
        expect(t, DATA);
        take_irq(t);
        read_words(t, data, 512);
        check_sector(data, s);
    }
    assert_int_equal(dt_in(t, 0x3f6), READY);
    dt_step(t, 100000);
    dt_script(t, "edges 14 0; inw 1f0 0"); /* no more data, no more interrupts */

    /* A count of 0 is 256; dword accesses; the last sector of the disk. */
    command28(t, 0x20, SECTORS - 256, 0);
    for (unsigned s = SECTORS - 256; s < SECTORS; s++) {
        expect(t, DATA);
        for (unsigned i = 0; i < 512; i += 4)
            store_le(data + i, 4, bus_in(t->bus, 0x1f0, 4));
        check_sector(data, s);
    }
    expect(t, READY);
    close_ide(t);
}

static void test_pio_write(void **state)
{
    struct devtest *t = open_ide(1, false);
    u8 data[1024], on_disk[512];
    u64 before = dt_hash(t);

    (void)state;
    memset(data, 0x5a, 512);
    memset(data + 512, 0xa5, 512);
    command28(t, 0x30, 40, 2);
    expect(t, DATA);
    dt_script(t, "edges 14 0"); /* none before the first block */
    write_words(t, data, 512);
    assert_int_equal(dt_in(t, 0x3f6), BUSY);
    expect(t, DATA);
    take_irq(t);
    write_words(t, data + 512, 512);
    expect(t, READY);
    take_irq(t);
    dt_script(t, "out 1f7 e7; step 100000; in 1f7 50"); /* FLUSH CACHE */
    read_file(41, on_disk);
    assert_memory_equal(on_disk, data + 512, 512);
    assert_true(dt_hash(t) != before);
    for (unsigned i = 0; i < 1024; i++)
        data[i] = pattern(40 + i / 512, i % 512);
    command28(t, 0x30, 40, 2); /* as it was, for the other tests */
    for (unsigned n = 0; n < 2; n++) {
        expect(t, DATA);
        write_words(t, data + 512 * n, 512);
    }
    expect(t, READY);
    close_ide(t);
}

static void test_multiple(void **state)
{
    struct devtest *t = open_ide(1, true);
    u8 data[16 * 512];

    (void)state;
    command28(t, 0xc4, 10, 4); /* not before SET MULTIPLE */
    expect(t, FAILED);
    assert_int_equal(dt_in(t, 0x1f1), 4);
    dt_script(t, "out 1f2 3; out 1f7 c6; step 100000; in 1f7 51");
    dt_script(t, "out 1f2 20; out 1f7 c6; step 100000; in 1f7 51");
    dt_script(t, "out 1f2 8; out 1f7 c6; step 100000; in 1f7 50; edges 14 4");
    command28(t, 0xc4, 10, 19); /* blocks of 8, 8 and 3 */
    for (unsigned done = 0, n; done < 19; done += n) {
        n = 19 - done < 8 ? 19 - done : 8;
        expect(t, DATA);
        take_irq(t);
        read_words(t, data, 512 * n);
        for (unsigned i = 0; i < n; i++)
            check_sector(data + 512 * i, 10 + done + i);
    }
    assert_int_equal(dt_in(t, 0x3f6), READY);

    memset(data, 0x77, sizeof(data));
    command48(t, 0x39, 100, 9);
    expect(t, DATA);
    write_words(t, data, 8 * 512);
    expect(t, DATA);
    take_irq(t);
    write_words(t, data, 512);
    expect(t, READY);
    take_irq(t);
    command48(t, 0x29, 99, 11);
    expect(t, DATA);
    read_words(t, data, 8 * 512);
    check_sector(data, 99);
    assert_int_equal(data[512], 0x77);
    expect(t, DATA);
    read_words(t, data, 3 * 512);
    assert_int_equal(data[1023], 0x77);
    check_sector(data + 1024, 109);
    close_ide(t);
}

static void test_addresses(void **state)
{
    struct devtest *t = open_ide(1, true);
    u8 data[512];

    (void)state;
    /* Beyond the end, and across it: nothing moves. */
    command28(t, 0x20, SECTORS, 1);
    expect(t, FAILED);
    assert_int_equal(dt_in(t, 0x1f1), 0x10);
    take_irq(t);
    command28(t, 0x30, SECTORS - 1, 2);
    expect(t, FAILED);
    command48(t, 0x24, 1ull << 40, 1);
    expect(t, FAILED);
    command48(t, 0x24, (1ull << 48) - 1, 0);
    expect(t, FAILED);
    command28(t, 0x40, SECTORS - 4, 4); /* READ VERIFY */
    expect(t, READY);
    command28(t, 0x40, SECTORS - 4, 5);
    expect(t, FAILED);
    command48(t, 0x24, SECTORS - 1, 1);
    expect(t, DATA);
    read_words(t, data, 512);
    check_sector(data, SECTORS - 1);

    /* Cylinder 1, head 2, sector 3 in the default geometry, then with 4 heads and 17 sectors. */
    dt_script(t, "out 1f2 1; out 1f3 3; out 1f4 1; out 1f5 0; out 1f6 a2; out 1f7 20");
    expect(t, DATA);
    read_words(t, data, 512);
    check_sector(data, (1 * 16 + 2) * 63 + 2);
    dt_script(t, "out 1f2 11; out 1f6 a3; out 1f7 91; step 100000; in 1f7 50");
    dt_script(t, "out 1f2 1; out 1f3 3; out 1f4 1; out 1f5 0; out 1f6 a2; out 1f7 20");
    expect(t, DATA);
    read_words(t, data, 512);
    check_sector(data, (1 * 4 + 2) * 17 + 2);
    dt_script(t, "out 1f3 0; out 1f7 20; step 100000; in 1f7 51; in 1f1 10");  /* sector 0 */
    dt_script(t, "out 1f3 12; out 1f7 20; step 100000; in 1f7 51");            /* sector 18 of 17 */
    dt_script(t, "out 1f6 a4; out 1f3 1; out 1f7 70; step 100000; in 1f7 51"); /* head 4 of 4 */
    dt_script(t, "out 1f2 0; out 1f7 91; step 100000; in 1f7 51");

    /* READ NATIVE MAX, 28 and 48 bits. */
    dt_script(t, "out 1f6 40; out 1f7 f8; step 100000; in 1f7 50; in 1f3 33; in 1f4 8; in 1f5 0");
    dt_script(t, "out 1f6 40; out 1f7 27; step 100000; in 1f7 50; out 3f6 80; in 1f3 0; out 3f6 0; "
                 "in 1f3 33");
    /* The previous contents of a register, until it is written. */
    dt_script(t, "out 1f3 12; out 1f3 34; out 3f6 80; in 1f3 12; out 3f6 0; in 1f3 34");
    close_ide(t);
}

static void test_other_commands(void **state)
{
    struct devtest *t = open_ide(1, true);

    (void)state;
    dt_script(t, "out 1f6 a0; out 1f7 10; step 100000; in 1f7 50"); /* RECALIBRATE */
    dt_script(t, "out 1f7 0; step 100000; in 1f7 51; in 1f1 4");    /* NOP */
    dt_script(t, "out 1f7 a1; step 100000; in 1f7 51; in 1f1 4");   /* no packet device */
    dt_script(t, "out 1f7 b0; step 100000; in 1f7 51");             /* no SMART */
    dt_script(t, "out 1f7 e5; step 100000; in 1f7 50; in 1f2 ff");
    dt_script(t, "out 1f7 e0; step 100000; in 1f7 50; out 1f7 e5; step 100000; in 1f2 0");
    dt_script(
        t, "out 1f7 90; step 100000; in 1f7 50; in 1f1 1; in 1f2 1; in 1f3 1; in 1f4 0; in 1f5 0");
    dt_script(t, "out 1f7 ea; step 100000; in 1f7 50");
    /* nIEN holds the interrupt back; it comes when that ends. */
    dt_script(t, "edges 14 9; out 3f6 2; out 1f7 10; step 100000; irq 14 0; out 3f6 0; irq 14 1; "
                 "in 1f7 50; irq 14 0");
    close_ide(t);
}

/* A sparse file of 3 TiB: what 28 bits cannot say, 48 can. */
static void test_large(void **state)
{
    static const u64 sectors = 3ull << 31; /* 3 TiB */
    char large[] = "/tmp/orrery-large-XXXXXX", err[200] = "";
    int fd = mkstemp(large);
    struct dev *ide;
    struct blk *blk;
    struct devtest *t;
    u8 data[512];

    (void)state;
    assert_true(fd >= 0);
    memset(data, 0x3c, sizeof(data));
    if (ftruncate(fd, (off_t)(sectors * 512)) ||
        pwrite(fd, data, 512, (off_t)((sectors - 1) * 512)) != 512) {
        close(fd);
        unlink(large);
        skip();
    }
    close(fd);
    t = open_empty_ide(&ide);
    blk = blk_open(large, BLK_SNAPSHOT, err, sizeof(err));
    assert_non_null(blk);
    piix3_ide_attach(ide, 0, blk);
    dt_script(t, "out 1f6 a0; out 1f7 ec");
    expect(t, DATA);
    read_words(t, data, 512);
    assert_int_equal(load_le(data + 2, 2), 16383);
    assert_int_equal(load_le(data + 120, 4), 0x0fffffff);
    assert_true(load_le(data + 200, 8) == sectors);
    assert_int_equal(load_le(data + 166, 2) & 0xc400, 0x4400);
    /* The last sector, and one behind it; writing it, and what was there before. */
    command48(t, 0x24, sectors - 1, 1);
    expect(t, DATA);
    read_words(t, data, 512);
    assert_int_equal(data[0], 0x3c);
    dt_in(t, 0x1f7);
    command48(t, 0x24, sectors, 1);
    expect(t, FAILED);
    command48(t, 0x24, sectors - 1, 2);
    expect(t, FAILED);
    memset(data, 0x99, sizeof(data));
    command48(t, 0x34, sectors - 2, 1);
    expect(t, DATA);
    write_words(t, data, 512);
    expect(t, READY);
    command48(t, 0x24, sectors - 2, 1);
    expect(t, DATA);
    read_words(t, data, 512);
    assert_int_equal(data[511], 0x99);
    command28(t, 0x20, 0x0fffffff, 1); /* the last one that 28 bits reach */
    expect(t, DATA);
    read_words(t, data, 512);
    assert_int_equal(data[0], 0);
    /* READ NATIVE MAX, in both widths. */
    dt_script(t, "out 1f6 40; out 1f7 f8; step 100000; in 1f7 50; in 1f3 ff; in 1f5 ff; in 1f6 4f");
    dt_script(t,
              "out 1f6 40; out 1f7 27; step 100000; in 1f7 50; in 1f3 ff; in 1f5 ff; out 3f6 80; "
              "in 1f3 7f; in 1f4 1; in 1f5 0; out 3f6 0");
    close_ide(t);
    unlink(large);
}

static void test_read_only(void **state)
{
    struct dev *ide;
    struct devtest *t = open_empty_ide(&ide);
    char err[200];
    u8 data[512] = {0};

    (void)state;
    piix3_ide_attach(ide, 0, blk_open(path, BLK_READONLY, err, sizeof(err)));
    command28(t, 0x30, 3, 1);
    expect(t, DATA);
    write_words(t, data, 512);
    expect(t, 0x71);
    dt_script(t, "in 1f1 4; in 1f7; out 1f7 e7; step 100000; in 1f7 50");
    command28(t, 0x20, 3, 1);
    expect(t, DATA);
    read_words(t, data, 512);
    check_sector(data, 3);
    close_ide(t);
}

/* ---- drives that are there and that are not ---- */

static void test_absent(void **state)
{
    struct devtest *t = open_ide(1, true);

    (void)state;
    /* Drive 0 answers for drive 1, which has no status and takes no command. */
    dt_script(t, "out 1f6 b0; in 1f7 0; in 3f6 0; out 1f2 55; in 1f2 55; out 1f7 ec; step 100000; "
                 "in 1f7 0; edges 14 0");
    dt_script(t, "inw 1f0 0; out 1f6 a0; in 1f7 50");
    /* An empty channel: nobody is busy, nothing sticks; a command to drive 0 gives an interrupt. */
    dt_script(t, "in 177 0; out 172 55; in 172 0; out 176 a0; out 177 ec; irq 15 1; in 376 0; "
                 "irq 15 1; inw 170 0; in 177 0; irq 15 0");
    dt_script(t, "out 176 b0; out 177 ec; irq 15 0; out 376 2; out 176 a0; out 177 ec; irq 15 0; "
                 "out 376 0; irq 15 1; out 376 4; irq 15 0; out 376 0; step 1000000");
    dt_script(t, "in 177 0; in 376 0; edges 15 2");
    close_ide(t);

    /* Only a slave, on the other channel. */
    t = open_ide(8, true);
    dt_script(t, "in 177 0; out 176 b0; in 177 50; out 177 ec; step 100000; edges 15 1; in 177 58");
    dt_script(t, "in 1f7 0");
    /* EXECUTE DEVICE DIAGNOSTIC reaches it through drive 0. */
    dt_script(t, "out 172 9; out 176 a0; out 177 90; step 100000; out 176 b0; in 171 1; in 172 1; "
                 "in 177 50");
    close_ide(t);
}

static void test_two_drives(void **state)
{
    struct devtest *t = open_ide(3, true);
    u8 data[512];

    (void)state;
    memset(data, 0x33, sizeof(data));
    command28(t, 0x30, 7, 1);
    expect(t, DATA);
    write_words(t, data, 512);
    expect(t, READY);
    dt_script(
        t, "irq 14 1; out 1f6 f0; irq 14 0; in 1f7 50; out 1f6 e0; irq 14 1; in 1f7 50; irq 14 0");
    /* The other drive has its own overlay. */
    dt_script(t, "out 1f2 1; out 1f3 7; out 1f4 0; out 1f5 0; out 1f6 f0; out 1f7 20");
    expect(t, DATA);
    read_words(t, data, 512);
    check_sector(data, 7);
    close_ide(t);
}

static void test_software_reset(void **state)
{
    struct devtest *t = open_ide(3, true);
    u8 data[512];

    (void)state;
    command28(t, 0x20, 5, 2); /* in the middle of a transfer */
    expect(t, DATA);
    dt_script(t, "irq 14 1; out 3f6 4; irq 14 0; in 3f6 80; step 10000000; in 3f6 80; out 3f6 0; "
                 "in 3f6 80; out 1f2 99");
    dt_script(t, "step 1000000; in 1f7 50; in 1f1 1; in 1f2 1; in 1f3 1; in 1f4 0; in 1f5 0; in "
                 "1f6 0; inw 1f0 0");
    dt_script(t, "out 1f6 10; in 1f7 50; in 1f2 1; edges 14 1");
    /* Reset again before it is over, and a command while busy. */
    dt_script(t, "out 3f6 4; out 3f6 0; out 1f7 ec; step 10; out 3f6 4; step 1000000; in 3f6 80; "
                 "out 3f6 0; step 1000000");
    dt_script(t, "in 1f7 50; edges 14 0");
    command28(t, 0x20, 5, 1);
    expect(t, DATA);
    read_words(t, data, 512);
    check_sector(data, 5);
    close_ide(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identify),       cmocka_unit_test(test_pio_read),
        cmocka_unit_test(test_pio_write),      cmocka_unit_test(test_multiple),
        cmocka_unit_test(test_addresses),      cmocka_unit_test(test_other_commands),
        cmocka_unit_test(test_absent),         cmocka_unit_test(test_two_drives),
        cmocka_unit_test(test_software_reset), cmocka_unit_test(test_large),
        cmocka_unit_test(test_read_only),
    };
    return cmocka_run_group_tests(tests, make_disk, remove_disk);
}
