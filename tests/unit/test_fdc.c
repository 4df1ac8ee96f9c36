/* The floppy controller's commands, each with its results and errors, through the ports. */
#include "tests/unit/fdc_rig.h"

/* ---- registers, resets, interrupts ---- */

static void test_registers(void **state)
{
    struct dev *fdc;
    struct devtest *t = open_bare(&fdc);

    (void)state;
    dt_script(t, "in 3f0 ff; in 3f1 ff; in 3f2 0; in 3f4 0; in 3f5 0; in 3f7 7f");
    start(t);
    dt_script(t, "in 3f2 3c; out 3f3 7; in 3f3 3; in 3f5 0"); /* nothing to be read */
    /* Reset by DSR ends by itself; while DMAGATE is low there is no interrupt. */
    dt_script(t, "out 3f2 34; out 3f4 80; in 3f4 0; step 1000000; in 3f4 80; irq 6 0; out 3f2 3c");
    dt_script(t, "irq 6 1; out 3f2 8; irq 6 0; in 3f4 0; step 1000000; in 3f4 0");
    start(t);
    /* Power down until a reset. */
    dt_script(t, "out 3f4 40; in 3f4 0; out 3f5 10; step 1000000; in 3f4 0; out 3f4 80");
    dt_script(t, "step 1000000; in 3f4 80; irq 6 1");
    send(t, "10");
    result(t, "90"); /* and the 10h before went nowhere */
    bus_reset(t->bus);
    dt_script(t, "in 3f2 0; in 3f4 0; irq 6 0");
    close_fdc(t);
}

static void test_settings(void **state)
{
    struct devtest *t = open_fdc();

    (void)state;
    send(t, "0e");
    result(t, "00 00 00 00 df 02 00 00 20 00");
    send(t, "13 00 5a 07");
    send(t, "12 ab");
    send(t, "0e");
    result(t, "00 00 00 00 df 02 00 2b 5a 07");
    send(t, "12 41"); /* without OW the drives stay */
    send(t, "0e");
    result(t, "00 00 00 00 df 02 00 29 5a 07");
    send(t, "94");
    result(t, "10");
    start(t);
    send(t, "0e"); /* locked: FIFO and precompensation stay, the rest does not */
    result(t, "00 00 00 00 df 02 00 a8 0a 07");
    send(t, "14");
    result(t, "00");
    start(t);
    send(t, "0e");
    result(t, "00 00 00 00 df 02 00 28 20 00");
    /* What is no command here: one byte 80h, without interrupt. */
    t->rises[6] = 0;
    for (unsigned i = 0; i < 7; i++) {
        static const char *const none[] = {"00", "01", "17", "18", "1f", "34", "a5"};
        send(t, none[i]);
        result(t, "80");
    }
    dt_script(t, "edges 6 0");
    close_fdc(t);
}

static void test_seeks(void **state)
{
    struct devtest *t = open_fdc();

    (void)state;
    send(t, "0f 00 0a");
    dt_script(t, "in 3f4 81; step 99999; in 3f4 81; irq 6 0; step 1; in 3f4 80; irq 6 1");
    send(t, "08");
    result(t, "20 0a");
    send(t, "04 04");
    result(t, "2c");     /* head 1, not at track 0 */
    send(t, "cf 00 05"); /* relative, in */
    await(t);
    send(t, "08");
    result(t, "20 0f");
    send(t, "8f 04 0f"); /* and out */
    await(t);
    send(t, "08");
    result(t, "24 00");
    send(t, "04 00");
    result(t, "38");
    /* Two units at once; B is not there and never finds track 0. */
    send(t, "0f 00 50");
    send(t, "07 01");
    dt_script(t, "in 3f4 83");
    await(t);
    dt_step(t, MS);
    send(t, "08");
    result(t, "20 50");
    assert_true(t->level[6]);
    send(t, "08");
    result(t, "71 00");
    /* From track 80 it takes two recalibrations. */
    send(t, "07 00");
    await(t);
    send(t, "08");
    result(t, "70 00");
    send(t, "07 00");
    await(t);
    send(t, "08");
    result(t, "20 00");
    close_fdc(t);
}

/* ---- reading by DMA ---- */

static void test_read(void **state)
{
    struct devtest *t = open_fdc();

    (void)state;
    dma(t, 0x46, 1024);
    send(t, "e6 00 00 00 02 02 12 1b ff");
    dt_script(t, "in 3f4 10; edges 6 0"); /* busy */
    ends(t, "00 00 00 00 00 04 02");
    check_buffer(t, 1, 2);
    /* The next address at a side's and a cylinder's end, with and without MT. */
    dma(t, 0x46, 512);
    send(t, "e6 00 00 00 12 02 12 1b ff");
    ends(t, "00 00 00 00 01 01 02");
    check_buffer(t, 17, 1);
    dma(t, 0x46, 512);
    send(t, "e6 04 00 01 12 02 12 1b ff");
    ends(t, "04 00 00 01 00 01 02");
    check_buffer(t, 35, 1);
    dma(t, 0x46, 512);
    send(t, "46 04 00 01 12 02 12 1b ff");
    ends(t, "04 00 00 01 01 01 02");
    /* Over both sides. */
    dma(t, 0x46, 36 * 512);
    send(t, "e6 00 00 00 01 02 12 1b ff");
    ends(t, "04 00 00 01 00 01 02");
    check_buffer(t, 0, 36);
    /* Terminal count within a sector. */
    dma(t, 0x46, 100);
    send(t, "e6 00 00 00 05 02 12 1b ff");
    ends(t, "00 00 00 00 00 06 02");
    /* DMA that verifies: nothing gets to memory. */
    dt_script(t, "wr 10000 12345678");
    dma(t, 0x42, 512);
    send(t, "e6 00 00 00 09 02 12 1b ff");
    ends(t, "00 00 00 00 00 0a 02");
    dt_script(t, "rd 10000 12345678");
    close_fdc(t);
}

static void test_read_errors(void **state)
{
    struct devtest *t = open_fdc();

    (void)state;
    dma(t, 0x46, 8192);
    send(t, "46 00 00 00 11 02 12 1b ff"); /* no terminal count up to EOT */
    ends(t, "40 80 00 01 00 01 02");
    send(t, "46 00 00 00 13 02 12 1b ff"); /* no such sector */
    ends(t, "40 04 00 00 00 13 02");
    send(t, "46 00 00 00 00 02 12 1b ff");
    ends(t, "40 04 00 00 00 00 02");
    send(t, "46 00 05 00 01 02 12 1b ff"); /* wrong cylinder */
    ends(t, "40 04 10 05 00 01 02");
    send(t, "46 00 00 01 01 02 12 1b ff"); /* wrong head address */
    ends(t, "40 04 00 00 01 01 02");
    send(t, "46 00 00 00 01 03 12 1b ff"); /* sectors of 1024 bytes */
    ends(t, "40 04 00 00 00 01 03");
    send(t, "06 04 00 00 01 02 12 1b ff"); /* FM */
    ends(t, "44 01 00 00 00 01 02");
    dt_script(t, "out 3f7 2"); /* the rate of another density */
    send(t, "46 00 00 00 01 02 12 1b ff");
    ends(t, "40 01 00 00 00 01 02");
    dt_script(t, "out 3f4 0"); /* the same setting in DSR */
    /* DMA stays masked: overrun, when the time for a byte is over. */
    dt_script(t, "out a 6");
    send(t, "46 00 00 00 01 02 12 1b ff");
    dt_script(t, "step 115999; irq 6 0; step 1; irq 6 1");
    ends(t, "40 10 00 00 00 01 02");
    /* In time. */
    send(t, "46 00 00 00 01 02 12 1b ff");
    dt_script(t, "step 110000; in 8 40&40");
    dma(t, 0x46, 512);
    ends(t, "00 00 00 00 00 02 02");
    check_buffer(t, 0, 1);
    /* Disk, drive or motor missing: for ever. */
    for (unsigned i = 0; i < 3; i++) {
        static const char *const how[] = {"out 3f2 2c", "out 3f2 3d", "out 3f2 3e"};
        dt_script(t, how[i]);
        send(t, i == 0 ? "46 00 00 00 01 02 12 1b ff" : "46 01 00 00 01 02 12 1b ff");
        dt_script(t, "step 2000000000; irq 6 0; in 3f4 10");
        start(t);
    }
    close_fdc(t);
}

static void test_implied_seek(void **state)
{
    struct devtest *t = open_fdc();

    (void)state;
    send(t, "13 00 60 00");
    dma(t, 0x46, 512);
    send(t, "46 04 4f 01 12 02 12 1b ff");
    ends(t, "24 00 00 50 01 01 02");
    check_buffer(t, 2879, 1);
    send(t, "0e");
    result(t, "4f 00 00 00 df 02 12 00 60 00");
    close_fdc(t);
}

/* ---- writing ---- */

static void test_write(void **state)
{
    struct dev *fdc;
    struct devtest *t = open_bare(&fdc);
    u8 data[512];
    u64 before;

    (void)state;
    fill_image(image_b, 1440);
    add_drive(fdc, 0, image_b, false, false);
    start(t);
    before = dt_hash(t);
    memset(data, 0x5a, 512);
    bus_dma_write(t->bus, BUFFER, data, 512);
    bus_dma_write(t->bus, BUFFER + 512, data, 512);
    dma(t, 0x4a, 612);
    send(t, "c5 00 00 00 03 02 12 1b ff");
    ends(t, "00 00 00 00 00 05 02");
    assert_true(dt_hash(t) != before);
    memset(data, 0, sizeof(data));
    read_image(image_b, 2, data);
    assert_int_equal(data[0] << 8 | data[511], 0x5a5a);
    read_image(image_b, 3, data); /* terminal count within it: zeros */
    assert_int_equal(data[99] << 8 | data[100], 0x5a00);
    assert_int_equal(data[511], 0);
    /* A deleted data mark: READ DATA reads on, says so and stops; READ DELETED DATA likes it. */
    dma(t, 0x4a, 512);
    send(t, "c9 00 00 00 08 02 12 1b ff");
    ends(t, "00 00 00 00 00 09 02");
    dma(t, 0x46, 2048);
    send(t, "46 00 00 00 07 02 12 1b ff");
    ends(t, "00 00 40 00 00 08 02");
    dt_script(t, "rd 10200 5a5a5a5a; in 5 ff; in 5 3");
    dma(t, 0x46, 1024);
    send(t, "66 00 00 00 07 02 12 1b ff"); /* SK: passed over */
    ends(t, "00 00 40 00 00 0a 02");
    dt_script(t, "rd 10200 2b2a2928");
    dma(t, 0x46, 512);
    send(t, "4c 00 00 00 08 02 12 1b ff");
    ends(t, "00 00 00 00 00 09 02");
    dma(t, 0x46, 1024);
    send(t, "4c 00 00 00 07 02 12 1b ff"); /* a normal one comes first */
    ends(t, "00 00 40 00 00 07 02");
    dma(t, 0x46, 512);
    send(t, "6c 00 00 00 07 02 12 1b ff");
    ends(t, "00 00 40 00 00 09 02");
    dma(t, 0x4a, 512); /* written normally, the mark is gone */
    send(t, "c5 00 00 00 08 02 12 1b ff");
    ends(t, "00 00 00 00 00 09 02");
    dma(t, 0x46, 512);
    send(t, "46 00 00 00 08 02 12 1b ff");
    ends(t, "00 00 00 00 00 09 02");
    close_fdc(t);
}

static void test_format(void **state)
{
    struct dev *fdc;
    struct devtest *t = open_bare(&fdc);
    u8 ids[72], data[512];

    (void)state;
    fill_image(image_b, 1440);
    add_drive(fdc, 0, image_b, false, false);
    start(t);
    for (unsigned i = 0; i < 18; i++) { /* interleaved, and one address that no image can hold */
        const u8 id[4] = {0, 1, (u8)(i * 5 % 18 + 1), 2};
        memcpy(ids + 4 * i, id, 4);
    }
    ids[2] = 99;
    bus_dma_write(t->bus, BUFFER, ids, sizeof(ids));
    dma(t, 0x4a, sizeof(ids));
    send(t, "4d 04 02 12 54 f6");
    await(t);
    result(t, "04 00 00 xx xx xx 02");
    for (u32 s = 17; s < 37; s++) {
        read_image(image_b, s, data);
        bool filled = s > 18 && s < 36;
        assert_int_equal(data[0], filled ? 0xf6 : pattern(s, 0));
        assert_int_equal(data[511], filled ? 0xf6 : pattern(s, 511));
    }
    /* Another density, too many sectors, sectors of another size. */
    send(t, "4d 04 02 13 54 f6");
    await(t);
    result(t, "44 02 00 xx xx xx 02");
    send(t, "4d 04 03 09 54 f6");
    await(t);
    result(t, "44 02 00 xx xx xx 03");
    dt_script(t, "out 3f7 2");
    send(t, "4d 04 02 09 54 f6");
    await(t);
    result(t, "44 02 00 xx xx xx 02");
    close_fdc(t);
}

/* ---- READ TRACK, READ ID, VERIFY, SCAN ---- */

static void test_read_track(void **state)
{
    struct devtest *t = open_fdc();

    (void)state;
    dma(t, 0x46, 18 * 512);
    send(t, "42 04 00 01 01 02 12 1b ff");
    ends(t, "04 00 00 00 01 13 02");
    check_buffer(t, 18, 18);
    dma(t, 0x46, 8192); /* ends after EOT sectors without terminal count */
    send(t, "42 00 00 00 01 02 03 1b ff");
    ends(t, "00 00 00 00 00 04 02");
    check_buffer(t, 0, 3);
    dma(t, 0x46, 8192); /* addresses that do not fit are told, and read all the same */
    send(t, "42 00 07 00 04 02 02 1b ff");
    ends(t, "00 04 10 07 00 06 02");
    check_buffer(t, 0, 2);
    close_fdc(t);
}

static void test_read_id(void **state)
{
    struct devtest *t = open_fdc();
    unsigned seen = 0;

    (void)state;
    for (unsigned i = 0; i < 40; i++) {
        send(t, "4a 04");
        await(t);
        for (unsigned b = 0; b < 7; b++) {
            static const u8 want[7] = {4, 0, 0, 0, 1, 0, 2};
            u8 is = (u8)dt_in(t, 0x3f5);
            if (b == 5)
                seen |= 1u << is;
            else
                assert_int_equal(is, want[b]);
        }
        dt_step(t, 130000);
    }
    assert_int_equal(seen & ~0x7fffeu, 0);
    assert_true(__builtin_popcount(seen) > 6); /* the disk turns */
    dt_script(t, "out 3f7 1");
    send(t, "4a 00");
    await(t);
    result(t, "40 01 00 xx xx xx xx");
    close_fdc(t);
}

static void test_verify(void **state)
{
    struct devtest *t = open_fdc();

    (void)state;
    send(t, "56 00 00 00 01 02 12 1b ff"); /* to the end of the side */
    ends(t, "00 00 00 01 00 01 02");
    send(t, "d6 00 00 00 01 02 12 1b ff"); /* of the cylinder */
    ends(t, "04 00 00 01 00 01 02");
    send(t, "d6 80 00 00 01 02 12 1b 14"); /* a number of sectors */
    ends(t, "04 00 00 00 01 03 02");
    send(t, "56 80 00 00 01 02 12 1b 14"); /* more than there are */
    ends(t, "40 80 00 01 00 01 02");
    send(t, "56 00 00 00 01 02 13 1b ff"); /* EOT beyond the last one */
    ends(t, "40 04 00 00 00 13 02");
    dt_script(t, "in 8 0");
    close_fdc(t);
}

static void scan_data(struct devtest *t, u32 sector, s8 change, bool wildcard)
{
    u8 data[512];
    for (unsigned i = 0; i < 512; i++)
        data[i] = pattern(sector, i);
    data[300] = (u8)(data[300] + change);
    if (wildcard)
        data[301] = 0xff;
    bus_dma_write(t->bus, BUFFER, data, 512);
    for (unsigned n = 1; n < 18; n++)
        bus_dma_write(t->bus, BUFFER + 512 * n, data, 512);
    dma(t, 0x4a, 8192);
}

static void test_scan(void **state)
{
    struct devtest *t = open_fdc();

    (void)state;
    scan_data(t, 4, 0, true);
    send(t, "51 00 00 00 01 02 12 1b 01"); /* found in the fifth */
    ends(t, "00 00 08 00 00 05 02");
    scan_data(t, 4, 0, false);
    send(t, "51 00 00 00 02 02 0c 1b 02"); /* by twos: not met */
    ends(t, "00 00 04 01 00 01 02");
    scan_data(t, 4, 1, false);
    send(t, "51 00 00 00 05 02 05 1b 01");
    ends(t, "00 00 04 01 00 01 02");
    send(t, "51 00 00 00 05 02 01 1b 01"); /* EOT before R: runs off the track */
    await(t);
    result(t, "40 04 00 00 00 13 02");
    scan_data(t, 4, 1, false); /* the disk's byte is lower than the host's */
    send(t, "59 00 00 00 05 02 05 1b 01");
    ends(t, "00 00 00 00 00 05 02");
    scan_data(t, 4, 1, false);
    send(t, "5d 00 00 00 05 02 05 1b 01");
    ends(t, "00 00 04 01 00 01 02");
    scan_data(t, 4, -1, false);
    send(t, "5d 00 00 00 05 02 05 1b 01");
    ends(t, "00 00 00 00 00 05 02");
    dma(t, 0x4a, 512); /* terminal count ends the search */
    send(t, "51 00 00 00 05 02 12 1b 01");
    ends(t, "00 00 04 00 00 06 02");
    close_fdc(t);
}

/* ---- without DMA ---- */

static void test_pio(void **state)
{
    struct devtest *t = open_fdc();
    u8 data[1024], back[1024];

    (void)state;
    send(t, "03 df 03");
    send(t, "46 00 00 00 03 02 04 1b ff");
    dt_script(t, "in 3f4 70; in 3f5 0");
    assert_int_equal(pio_in(t, data, 2000), 1024);
    ends(t, "40 80 00 01 00 01 02"); /* there is no terminal count */
    for (unsigned i = 0; i < 1024; i++)
        assert_int_equal(data[i], pattern(2 + i / 512, i % 512));
    for (unsigned i = 0; i < 1024; i++)
        data[i] = (u8)(i * 3);
    send(t, "45 00 00 00 03 02 04 1b ff");
    assert_int_equal(pio_out(t, data, 2000), 1024);
    ends(t, "40 80 00 01 00 01 02");
    send(t, "46 00 00 00 03 02 04 1b ff");
    assert_int_equal(pio_in(t, back, 2000), 1024);
    ends(t, "40 80 00 01 00 01 02");
    assert_memory_equal(back, data, 1024);
    close_fdc(t);
}

/* Interrupts come once for each byte, or for as many as the FIFO's threshold says. */
static void test_fifo(void **state)
{
    static const struct {
        const char *configure;
        unsigned interrupts;
    } rows[] = {
        {"13 00 20 00", 512}, {"13 00 00 00", 35}, {"13 00 07 00", 64}, {"13 00 0f 00", 512}};
    struct devtest *t = open_fdc();
    u8 data[512];

    (void)state;
    send(t, "03 df 03");
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        send(t, rows[i].configure);
        send(t, "46 00 00 00 01 02 01 1b ff");
        t->rises[6] = 0;
        assert_int_equal(pio_in(t, data, 2000), 512);
        ends(t, "40 80 00 01 00 01 02");
        assert_int_equal(t->rises[6], rows[i].interrupts + 1);
    }
    /* Too late by what the threshold gives: 8 bytes of 16 us. */
    send(t, "13 00 07 00");
    send(t, "46 00 00 00 01 02 01 1b ff");
    dt_script(t, "step 100000; in 3f4 f0; irq 6 1; in 3f5; in 3f5; step 127999; in 3f4 f0; step 1");
    ends(t, "40 10 00 00 00 01 02");
    close_fdc(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registers),   cmocka_unit_test(test_settings),
        cmocka_unit_test(test_seeks),       cmocka_unit_test(test_read),
        cmocka_unit_test(test_read_errors), cmocka_unit_test(test_implied_seek),
        cmocka_unit_test(test_write),       cmocka_unit_test(test_format),
        cmocka_unit_test(test_read_track),  cmocka_unit_test(test_read_id),
        cmocka_unit_test(test_verify),      cmocka_unit_test(test_scan),
        cmocka_unit_test(test_pio),         cmocka_unit_test(test_fifo),
    };
    return cmocka_run_group_tests(tests, make_images, remove_images);
}
