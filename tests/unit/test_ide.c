/* The IDE controller as a driver uses it: PIO, multiple, DMA, addresses, resets, absent drives, and
 * guests that hand it descriptor tables made to hurt. */
#include "tests/unit/devtest.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/bytes.h"
#include "devices/pci.h"
#include "devices/piix3_ide.h"
#include "mmu/phys.h"

#define SECTORS 2100
#define RAM     (4u << 20)
#define BM      0xc000
#define TABLE   0x10000u
#define BUFFER  0x100000u

enum { BUSY = 0x80, READY = 0x50, DATA = 0x58, FAILED = 0x51 };

static char path[] = "/tmp/orrery-ide-XXXXXX";

static u8 pattern(u64 sector, unsigned i)
{
    return (u8)(sector * 7 + (sector >> 8) + i);
}

static int make_disk(void **state)
{
    int fd = mkstemp(path);
    u8 data[512];

    (void)state;
    assert_true(fd >= 0);
    for (unsigned s = 0; s < SECTORS; s++) {
        for (unsigned i = 0; i < 512; i++)
            data[i] = pattern(s, i);
        assert_int_equal(write(fd, data, 512), 512);
    }
    close(fd);
    return 0;
}

static int remove_disk(void **state)
{
    (void)state;
    return unlink(path);
}

static void read_file(u64 sector, u8 *data)
{
    int fd = open(path, O_RDONLY);
    assert_int_equal(pread(fd, data, 512, (off_t)sector * 512), 512);
    close(fd);
}

/* ---- a board with disks in the places of `mask`, and a driver ---- */

static struct devtest *open_ide(unsigned mask, bool snapshot)
{
    struct devtest *t = dt_open();
    struct dev *ide;
    char err[200];

    t->bus->phys = phys_new(RAM);
    dt_dev(t, &dev_i440fx, NULL);
    dt_dev(t, &dev_piix3_isa, NULL);
    ide = dt_dev(t, &dev_piix3_ide, NULL);
    dt_dev(t, &dev_piix4_pm, NULL);
    dt_dev(t, &dev_pc_setup, NULL);
    for (unsigned n = 0; n < 4; n++) {
        if (!(mask & 1u << n))
            continue;
        struct blk *blk = blk_open(path, snapshot, err, sizeof(err));
        if (!blk)
            fail_msg("%s", err);
        piix3_ide_attach(ide, n, blk);
    }
    return t;
}

static void close_ide(struct devtest *t)
{
    struct phys *phys = t->bus->phys;
    dt_close(t);
    phys_free(phys);
}

static void command28(struct devtest *t, u8 command, u32 lba, unsigned count)
{
    dt_out(t, 0x1f2, count);
    dt_out(t, 0x1f3, lba);
    dt_out(t, 0x1f4, lba >> 8);
    dt_out(t, 0x1f5, lba >> 16);
    dt_out(t, 0x1f6, 0xe0 | (lba >> 24 & 15));
    dt_out(t, 0x1f7, command);
}

static void command48(struct devtest *t, u8 command, u64 lba, unsigned count)
{
    dt_out(t, 0x1f2, count >> 8);
    dt_out(t, 0x1f3, (u32)(lba >> 24));
    dt_out(t, 0x1f4, (u32)(lba >> 32));
    dt_out(t, 0x1f5, (u32)(lba >> 40));
    dt_out(t, 0x1f2, count);
    dt_out(t, 0x1f3, (u32)lba);
    dt_out(t, 0x1f4, (u32)(lba >> 8));
    dt_out(t, 0x1f5, (u32)(lba >> 16));
    dt_out(t, 0x1f6, 0x40);
    dt_out(t, 0x1f7, command);
}

/* Runs until the drive is no longer busy; its status, without acknowledging. */
static u8 settle(struct devtest *t)
{
    for (int i = 0; i < 1000 && dt_in(t, 0x3f6) & BUSY; i++)
        dt_step(t, 1000);
    return (u8)dt_in(t, 0x3f6);
}

static void expect(struct devtest *t, u8 status)
{
    u8 is = settle(t);
    if (is != status)
        fail_msg("status %02x instead of %02x, error %02x", is, status, dt_in(t, 0x1f1));
}

static void read_words(struct devtest *t, u8 *data, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i += 2)
        store_le(data + i, 2, bus_in(t->bus, 0x1f0, 2));
}

static void write_words(struct devtest *t, const u8 *data, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i += 2)
        bus_out(t->bus, 0x1f0, 2, (u32)load_le(data + i, 2));
}

static void check_sector(const u8 *data, u64 sector)
{
    for (unsigned i = 0; i < 512; i++) {
        if (data[i] != pattern(sector, i))
            fail_msg("sector %u byte %u is %02x", (unsigned)sector, i, data[i]);
    }
}

/* One interrupt, acknowledged by reading the status. */
static void take_irq(struct devtest *t)
{
    dt_script(t, "irq 14 1; edges 14 1");
    dt_in(t, 0x1f7);
    dt_script(t, "irq 14 0");
}

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
    dt_script(t, "edges 14 0; inw 1f0 ffff"); /* no more data, no more interrupts */

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

/* ---- drives that are there and that are not ---- */

static void test_absent(void **state)
{
    struct devtest *t = open_ide(1, true);

    (void)state;
    /* Drive 0 answers for drive 1, which has no status and takes no command. */
    dt_script(t, "out 1f6 b0; in 1f7 0; in 3f6 0; out 1f2 55; in 1f2 55; out 1f7 ec; step 100000; "
                 "in 1f7 0; edges 14 0");
    dt_script(t, "inw 1f0 ffff; out 1f6 a0; in 1f7 50");
    /* An empty channel: nobody is busy, nothing sticks, nothing happens. */
    dt_script(t, "in 177 7f; out 172 55; in 172 7f; out 176 a0; out 177 ec; out 376 4; out 376 0; "
                 "step 1000000");
    dt_script(t, "in 177 7f; in 376 7f; edges 15 0");
    close_ide(t);

    /* Only a slave, on the other channel. */
    t = open_ide(8, true);
    dt_script(t,
              "in 177 7f; out 176 b0; in 177 50; out 177 ec; step 100000; edges 15 1; in 177 58");
    dt_script(t, "in 1f7 7f");
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
                 "1f6 0; inw 1f0 ffff");
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

/* ---- bus master ---- */

static void prd(struct devtest *t, u32 at, u32 addr, u32 len, bool last)
{
    phys_write(t->bus->phys, at, 4, addr);
    phys_write(t->bus->phys, at + 4, 4, (len & 0xffff) | (last ? 0x80000000u : 0));
}

static void start_dma(struct devtest *t, u32 table, bool to_memory)
{
    bus_out(t->bus, BM, 1, to_memory ? 8 : 0);
    bus_out(t->bus, BM + 2, 1, 6);
    bus_out(t->bus, BM + 4, 4, table);
    bus_out(t->bus, BM, 1, to_memory ? 9 : 1);
}

static void test_dma(void **state)
{
    struct devtest *t = open_ide(1, true);
    u8 *ram = phys_ram(t->bus->phys);

    (void)state;
    /* 20 sectors into three pieces, one of them odd in place and size. */
    prd(t, TABLE, BUFFER + 0x102, 1000, false);
    prd(t, TABLE + 8, BUFFER + 0x4000, 5000, false);
    prd(t, TABLE + 16, BUFFER + 0x8000, 20 * 512 - 6000, true);
    command28(t, 0xc8, 300, 20);
    dt_step(t, 1000000);
    dt_script(t, "edges 14 0; in 3f6 58; in c002 0"); /* it waits for the bus master */
    start_dma(t, TABLE, true);
    dt_script(t, "in 3f6 80; in c002 1");
    expect(t, READY);
    dt_script(t, "in c002 4; edges 14 1; in 1f7 50; irq 14 0; out c002 4; in c002 0; out c000 0");
    for (unsigned i = 0; i < 20 * 512; i++) {
        u32 at = i < 1000 ? 0x102 + i : i < 6000 ? 0x4000 + i - 1000 : 0x8000 + i - 6000;
        assert_int_equal(ram[BUFFER + at], pattern(300 + i / 512, i % 512));
    }
    assert_int_equal(ram[BUFFER + 0x102 + 1000], 0);
    assert_int_equal(ram[BUFFER + 0x8000 + 20 * 512 - 6000], 0);

    /* And back to another place; the start bit before the command; a length of 0 is 64 KiB. */
    memset(ram + BUFFER, 0xc3, 131072);
    prd(t, TABLE, BUFFER, 0, false);
    prd(t, TABLE + 8, BUFFER + 65536, 0, true);
    start_dma(t, TABLE, false);
    command48(t, 0x35, 1024, 256);
    expect(t, READY);
    dt_script(t, "in c002 4; out c000 0; out c002 4");
    memset(ram + BUFFER, 0, 131072);
    start_dma(t, TABLE, true);
    command48(t, 0x25, 1023, 256);
    expect(t, READY);
    check_sector(ram + BUFFER, 1023);
    for (unsigned i = 512; i < 131072; i++)
        assert_int_equal(ram[BUFFER + i], 0xc3);
    close_ide(t);
}

static void test_dma_tables(void **state)
{
    struct devtest *t = open_ide(1, true);
    u8 *ram = phys_ram(t->bus->phys);

    (void)state;
    /* Longer than the transfer: interrupt, and still active. */
    prd(t, TABLE, BUFFER, 4096, true);
    start_dma(t, TABLE, true);
    command28(t, 0xc8, 0, 2);
    expect(t, READY);
    dt_script(t, "in c002 5; out c000 0; in c002 4; out c002 4; in 1f7 50; edges 14 1");
    assert_int_equal(ram[BUFFER + 1024], 0);

    /* Shorter: inactive, no interrupt; a reset gets the drive back. */
    prd(t, TABLE, BUFFER, 512, true);
    start_dma(t, TABLE, true);
    command28(t, 0xc8, 0, 2);
    dt_script(t, "step 10000000; in c002 0; in 3f6 58; edges 14 0; out c000 0; out 3f6 4; out 3f6 "
                 "0; step 1000000; in 1f7 50");

    /* Memory that is not there: for the data, for the table. */
    prd(t, TABLE, 0xf0000000, 512, true);
    start_dma(t, TABLE, true);
    command28(t, 0xc8, 0, 1);
    dt_script(t, "step 10000000; in c002 2; edges 14 0; out c000 0; out 3f6 4; out 3f6 0; step "
                 "1000000; in 1f7 50");
    start_dma(t, 0xfffffff8, false);
    command28(t, 0xca, 0, 1);
    dt_script(
        t, "step 10000000; in c002 2; out c000 0; out 3f6 4; out 3f6 0; step 1000000; in 1f7 50");

    /* The wrong direction. */
    prd(t, TABLE, BUFFER, 512, true);
    start_dma(t, TABLE, false);
    command28(t, 0xc8, 0, 1);
    dt_script(
        t, "step 10000000; in c002 2; out c000 0; out 3f6 4; out 3f6 0; step 1000000; in 1f7 50");

    /* Given up before it began. */
    memset(ram + BUFFER, 0, 512);
    start_dma(t, TABLE, true);
    command28(t, 0xc8, 0, 1);
    dt_script(t, "step 5000; out c000 0; step 10000000; in c002 0; edges 14 0; in 3f6 58");
    assert_int_equal(ram[BUFFER + 1], 0);
    start_dma(t, TABLE, true);
    expect(t, READY);
    check_sector(ram + BUFFER, 0);
    close_ide(t);
}

/* Two bytes a descriptor and no last one: the walk ends at the table's boundary of 64 KiB. The
 * table is also its own target, so that it changes while it is walked. */
static void test_dma_hostile(void **state)
{
    struct devtest *t = open_ide(1, true);
    u8 *ram = phys_ram(t->bus->phys);

    (void)state;
    for (u32 at = TABLE; at < TABLE + 0x20000; at += 8)
        prd(t, at, BUFFER, 2, false);
    start_dma(t, TABLE, true);
    command48(t, 0x25, 0, 2000);
    dt_script(t, "step 100000000; in c002 0; edges 14 0; in 3f6 58; out c000 0; out 3f6 4; out 3f6 "
                 "0; step 1000000");
    /* 8192 descriptors: 16 KiB are gone; the word at the buffer is the last moved. */
    assert_int_equal(ram[BUFFER + 1], pattern(31, 511));

    for (u32 at = TABLE; at < TABLE + 0x10000; at += 8)
        prd(t, at, TABLE, 0, false);
    start_dma(t, TABLE, true);
    command48(t, 0x25, 0, 2000);
    dt_script(t, "step 100000000; out c000 0; out 3f6 4; out 3f6 0; step 1000000; in 1f7 50");

    /* The table's last entry ends it wherever it starts. */
    prd(t, TABLE + 0xfff8, BUFFER, 512, false);
    prd(t, TABLE + 0x10000, BUFFER, 512, true);
    start_dma(t, TABLE + 0xfff8, true);
    command28(t, 0xc8, 0, 2);
    dt_script(t, "step 100000000; in c002 0; in 3f6 58; out c000 0; out 3f6 4; out 3f6 0; step "
                 "1000000; in 1f7 50");
    close_ide(t);
}

/* The overlay takes the writes, the file stays, and equal runs have equal hashes. */
static void test_snapshot(void **state)
{
    u64 hash[2], start[2];
    u8 data[512];

    (void)state;
    for (int run = 0; run < 2; run++) {
        struct devtest *t = open_ide(1, true);
        start[run] = dt_hash(t);
        prd(t, TABLE, BUFFER, 0x8000, true);
        memset(phys_ram(t->bus->phys) + BUFFER, 0xee, 0x8000);
        start_dma(t, TABLE, false);
        command28(t, 0xca, 60, 64);
        expect(t, READY);
        dt_in(t, 0x1f7);
        hash[run] = dt_hash(t);
        close_ide(t);
    }
    assert_true(hash[0] == hash[1] && start[0] == start[1] && hash[0] != start[0]);
    for (unsigned s = 60; s < 124; s++) {
        read_file(s, data);
        check_sector(data, s);
    }
}

/* A host that fails is an error of the drive, not of the emulator. */
static void test_medium_errors(void **state)
{
    struct devtest *t = open_ide(1, true);
    u8 data[512] = {0};

    (void)state;
    assert_int_equal(truncate(path, 512 * 10), 0);
    command28(t, 0x20, 20, 1);
    expect(t, FAILED);
    dt_script(t, "in 1f1 40; in 1f3 14");
    command28(t, 0x30, 20, 1);
    expect(t, DATA);
    write_words(t, data, 512);
    expect(t, 0x71);
    dt_script(t, "in 1f1 4");
    prd(t, TABLE, BUFFER, 512, true);
    start_dma(t, TABLE, true);
    command28(t, 0xc8, 20, 1);
    expect(t, FAILED);
    dt_script(t, "in 1f1 40; in c002 5");
    close_ide(t);
}

/* Random port traffic: nothing may break, whatever a guest writes. */
static void test_random(void **state)
{
    static const u16 ports[] = {0x1f0, 0x1f1,  0x1f2,  0x1f3,  0x1f4, 0x1f5, 0x1f6, 0x1f7,
                                0x3f6, 0xc000, 0xc002, 0xc004, 0x170, 0x177, 0x376, 0xc008};
    static const u8 commands[] = {0x20, 0x24, 0x25, 0x29, 0x30, 0x34, 0x35, 0x39, 0xc4, 0xc5,
                                  0xc6, 0xc8, 0xca, 0xec, 0xef, 0x90, 0x91, 0xf8, 0x27, 0x70};
    struct devtest *t = open_ide(7, true);
    u32 seed = 12345;

    (void)state;
    for (u32 at = 0; at < RAM; at += 8)
        prd(t, at, (at * 2654435761u) >> 9, at * 40503u, at % 64 == 0);
    for (int i = 0; i < 200000; i++) {
        seed = seed * 1664525u + 1013904223u;
        u16 port = ports[(seed >> 8) % ARRAY_LEN(ports)];
        u32 value = seed >> 16;
        unsigned size = port == 0x1f0 || port == 0xc004 ? 4 : 1;
        if ((port & 7) == 7 && port < 0x3f6)
            value = commands[value % ARRAY_LEN(commands)];
        if (port == 0x3f6 && value % 8)
            value &= ~4u;
        if (seed & 0x80)
            bus_in(t->bus, port, size);
        else
            bus_out(t->bus, port, size, value);
        dt_step(t, (seed >> 4) % 3000);
    }
    close_ide(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identify),       cmocka_unit_test(test_pio_read),
        cmocka_unit_test(test_pio_write),      cmocka_unit_test(test_multiple),
        cmocka_unit_test(test_addresses),      cmocka_unit_test(test_other_commands),
        cmocka_unit_test(test_absent),         cmocka_unit_test(test_two_drives),
        cmocka_unit_test(test_software_reset), cmocka_unit_test(test_dma),
        cmocka_unit_test(test_dma_tables),     cmocka_unit_test(test_dma_hostile),
        cmocka_unit_test(test_snapshot),       cmocka_unit_test(test_random),
        cmocka_unit_test(test_medium_errors), /* last: it cuts the file short */
    };
    return cmocka_run_group_tests(tests, make_disk, remove_disk);
}
