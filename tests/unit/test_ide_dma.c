/* The IDE controller as bus master: transfers, guests that hand it descriptor tables made to hurt,
 * and what becomes of the data: snapshots, a host that fails, random port traffic. */
#include "tests/unit/ide_driver.h"

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
        cmocka_unit_test(test_dma),
        cmocka_unit_test(test_dma_tables),
        cmocka_unit_test(test_dma_hostile),
        cmocka_unit_test(test_snapshot),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_medium_errors), /* last: it cuts the file short */
    };
    return cmocka_run_group_tests(tests, make_disk, remove_disk);
}
