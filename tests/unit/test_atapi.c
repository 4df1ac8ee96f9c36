/* The CD-ROM drive as a driver uses it: its identity, reading by PIO and DMA, what it says when it
 * cannot read, and packets that make no sense. */
#include "tests/unit/atapi_driver.h"

static void test_signature(void **state)
{
    struct devtest *t = open_cd_with(path, false);

    (void)state;
    dt_script(t, "in 1f7 0; in 1f1 1; in 1f2 1; in 1f3 1; in 1f4 14; in 1f5 eb; in 1f6 0");
    /* What is for disks is refused, with the signature. */
    dt_script(t, "out 1f4 0; out 1f7 ec; step 100000; in 3f6 51; in 1f1 4; in 1f4 14; in 1f5 eb");
    dt_script(t, "irq 14 1; in 1f7 51; out 1f5 0; out 1f7 20; step 100000; in 1f7 51; in 1f5 eb");
    dt_script(t, "out 1f7 0; step 100000; in 1f7 51; in 1f1 4");
    dt_script(t, "out 1f7 30; step 100000; in 1f7 51; out 1f7 c8; step 100000; in 1f7 51");
    dt_script(t, "out 1f7 e5; step 100000; in 1f7 50; in 1f2 ff; edges 14 6");
    /* DEVICE RESET: no interrupt, status 0, whatever goes on. */
    dt_script(t, "out 1f4 0; out 1f7 8; in 1f7 80; step 100000; in 1f7 0; in 1f4 14; edges 14 0");
    dt_script(t, "out 1f7 a0; in 1f7 80; out 1f7 a1; in 1f7 80; out 1f7 8; step 100000; in 1f7 0");
    dt_script(t, "out 1f7 a0; step 100000; in 1f7 58; out 1f7 8; step 100000; in 1f7 0");
    /* EXECUTE DEVICE DIAGNOSTIC and a software reset. */
    dt_script(t, "out 1f4 0; out 1f7 90; step 100000; irq 14 1; in 1f7 0; in 1f1 1; in 1f4 14");
    dt_script(t, "out 1f4 0; out 3f6 4; in 3f6 80; out 3f6 0; step 1000000; in 1f7 0; in 1f4 14");
    /* Overlapped packets there are none. */
    dt_script(t, "out 1f1 2; out 1f7 a0; step 100000; in 1f7 51; in 1f1 4");
    close_ide(t);
}

static void test_identify(void **state)
{
    struct devtest *t = open_cd();
    u8 id[512], sum = 0;

    (void)state;
    dt_script(t, "out 1f6 a0; out 1f7 a1");
    expect(t, DATA);
    take_irq(t);
    read_words(t, id, 512);
    dt_script(t, "in 1f7 50; step 100000; edges 14 0");
    for (unsigned i = 0; i < 512; i++)
        sum += id[i];
    assert_int_equal(sum, 0);
    assert_int_equal(load_le(id, 2), 0x85c0);
    assert_memory_equal(id + 54, "ROERYRC -DOR M  ", 16);
    assert_int_equal(load_le(id + 98, 2) & 0x300, 0x300);
    assert_int_equal(load_le(id + 164, 2), 0x4218);
    dt_script(t, "out 1f1 3; out 1f2 42; out 1f7 ef; step 100000; in 1f7 50; out 1f7 a1");
    expect(t, DATA);
    read_words(t, id, 512);
    assert_int_equal(load_le(id + 176, 2), 0x043f);
    close_ide(t);
}

static void test_inquiry_and_attention(void **state)
{
    struct devtest *t = open_cd_with(path, false);

    (void)state;
    good(t, "12 0 0 0 24", 36); /* does not report that it was reset */
    assert_memory_equal(answer, "\x05\x80\0\x21\x1f\0\0\0ORRERY  CD-ROM          1.0 ", 36);
    refused(t, "0", 6, 0x29, 0);
    good(t, "0", 0);
    good(t, "3 0 0 0 12", 18); /* nothing is left */
    assert_int_equal(answer[2], 0);
    good(t, "12 0 0 0 5", 5); /* an odd length */
    assert_int_equal(answer[4], 0x1f);
    good(t, "12 0 0 0 0", 0);
    refused(t, "12 1 0 0 24", 5, 0x24, 0);
    refused(t, "12 0 80 0 24", 5, 0x24, 0);
    refused(t, "ff", 5, 0x20, 0);
    refused(t, "2a 0 0 0 0 0 0 0 1", 5, 0x20, 0); /* WRITE */
    close_ide(t);
}

/* ---- reading ---- */

static void test_read_pio(void **state)
{
    struct devtest *t = open_cd();

    (void)state;
    good(t, "25", 8);
    assert_int_equal(load_be(answer, 4), CD_SECTORS_N - 1);
    assert_int_equal(load_be(answer + 4, 4), 2048);
    good(t, "28 0 0 0 0 10 0 0 1", 2048);
    check_user(answer, 16);
    good(t, "28 0 0 0 1 0 0 0 d", 13 * 2048);
    for (unsigned i = 0; i < 13; i++)
        check_user(answer + 2048 * i, 256 + i);
    good(t, "a8 0 0 0 0 3 0 0 0 2", 4096);
    check_user(answer + 2048, 4);
    good(t, "28 0 0 0 0 0 0 0 0", 0); /* nothing is no mistake */
    good(t, "28 0 0 0 2 c 0 0 1", 2048);
    check_user(answer, CD_SECTORS_N - 1);
    refused(t, "28 0 0 0 2 d 0 0 1", 5, 0x21, 0);
    assert_int_equal(load_be(answer + 3, 4), CD_SECTORS_N);
    assert_int_equal(answer[0], 0xf0);
    refused(t, "28 0 0 0 2 c 0 0 2", 5, 0x21, 0);
    refused(t, "28 0 ff ff ff ff 0 ff ff", 5, 0x21, 0);
    refused(t, "a8 0 0 0 0 0 ff ff ff ff", 5, 0x21, 0);
    good(t, "2b 0 0 0 2 c", 0);
    refused(t, "2b 0 0 0 2 d", 5, 0x21, 0);
    good(t, "2f 0 0 0 0 0 0 0 9", 0);
    refused(t, "2f 0 0 0 2 0 0 0 ff", 5, 0x21, 0);
    close_ide(t);
}

/* The host's limit on a block: even blocks, an odd one at the end only. */
static void test_byte_count_limit(void **state)
{
    static const unsigned limits[] = {2, 3, 510, 512, 2047, 2048, 3000, 4096, 8192, 65534, 65535};
    struct devtest *t = open_cd();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        assert_int_equal(packet(t, "28 0 0 0 0 20 0 0 5", limits[i]), READY);
        assert_int_equal(answered, 5 * 2048);
        for (unsigned s = 0; s < 5; s++)
            check_user(answer + 2048 * s, 32 + s);
        assert_int_equal(packet(t, "12 0 0 0 23", limits[i]), READY);
        assert_int_equal(answered, 35);
    }
    /* A limit that lets no data through; without data it does not matter. */
    assert_int_equal(packet(t, "28 0 0 0 0 20 0 0 5", 0), FAILED);
    assert_int_equal(dt_in(t, 0x1f1), 4);
    assert_int_equal(packet(t, "28 0 0 0 0 20 0 0 5", 1), FAILED);
    assert_int_equal(packet(t, "0", 0), READY);
    /* Dwords at the data port; more than there is. */
    assert_int_equal(give(t, "12 0 0 0 6", 100, false), DATA);
    dt_script(t, "inl 1f0 21008005; inl 1f0 1f; inl 1f0 0");
    expect(t, READY);
    close_ide(t);
}

static void test_dma(void **state)
{
    struct devtest *t = open_cd();
    u8 *ram = phys_ram(t->bus->phys);

    (void)state;
    prd(t, TABLE, BUFFER, 0x3000, false);
    prd(t, TABLE + 8, BUFFER + 0x8000, 0x2800, true);
    start_dma(t, TABLE, true);
    assert_int_equal(give(t, "28 0 0 0 0 64 0 0 b", 0, true), READY);
    dt_script(t, "in 1f2 3; irq 14 1; edges 14 1; in c002 4; in 1f7 50; out c000 0; out c002 4");
    for (unsigned s = 0; s < 11; s++)
        check_user(ram + BUFFER + (s < 6 ? 2048 * s : 0x8000 + 2048 * (s - 6)), 100 + s);

    /* An answer shorter than the table. */
    prd(t, TABLE, BUFFER, 512, true);
    start_dma(t, TABLE, true);
    assert_int_equal(give(t, "12 0 0 0 24", 0, true), READY);
    assert_memory_equal(ram + BUFFER + 8, "ORRERY  CD-ROM", 14);
    dt_script(t, "in c002 5; in 1f7 50; out c000 0; out c002 4; edges 14 1");

    /* A table shorter than the answer: DEVICE RESET gets the drive back. */
    prd(t, TABLE, BUFFER, 2048, true);
    start_dma(t, TABLE, true);
    assert_int_equal(give(t, "28 0 0 0 0 0 0 0 2", 0, true), DATA);
    dt_script(t, "in c002 0; edges 14 0; out c000 0; out 1f7 8; step 100000; in 1f7 0");

    /* To the drive: a mode page. */
    memset(ram + BUFFER, 0, 16);
    memcpy(ram + BUFFER + 8, "\x01\x06\x20\x03\0\0\0\0", 8);
    prd(t, TABLE, BUFFER, 16, true);
    start_dma(t, TABLE, false);
    assert_int_equal(give(t, "55 10 0 0 0 0 0 0 10", 0, true), READY);
    dt_script(t, "in c002 4; in 1f7 50; out c000 0; out c002 4; edges 14 1");
    good(t, "5a 0 1 0 0 0 0 0 ff", 16);
    assert_int_equal(answer[10], 0x20);
    assert_int_equal(answer[11], 3);

    /* An error while the bus master waits, and the wrong direction. */
    start_dma(t, TABLE, true);
    assert_int_equal(give(t, "28 0 0 0 9 0 0 0 2", 0, true), FAILED);
    dt_script(t, "in c002 5; in 1f1 54; in 1f7 51; out c000 0; out c002 4; edges 14 1");
    start_dma(t, TABLE, false);
    assert_int_equal(give(t, "28 0 0 0 0 0 0 0 1", 0, true), DATA);
    dt_script(t, "in c002 2; out c000 0; out 1f7 8; step 100000; in 1f7 0");
    close_ide(t);
}
/* ---- random packets: nothing may break, and equal runs end in equal states ---- */

static u32 random_u32(u64 *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (u32)(*seed >> 33);
}

static void random_packet(struct devtest *t, u64 *seed)
{
    static const u8 codes[] = {0x00, 0x03, 0x12, 0x1b, 0x1e, 0x25, 0x28, 0x2b, 0x2f, 0x42,
                               0x43, 0x45, 0x46, 0x47, 0x4a, 0x4b, 0x51, 0x52, 0x55, 0x5a,
                               0xa5, 0xa8, 0xb9, 0xbb, 0xbd, 0xbe, 0x55, 0x28, 0xbe, 0x2a};
    u8 cdb[12];

    for (unsigned i = 0; i < 12; i++) { /* small numbers and zeros, mostly */
        u32 r = random_u32(seed);
        cdb[i] = (u8)(r & 0x300 ? r & 0x400 ? 0 : r & 7 : r);
    }
    cdb[0] = codes[random_u32(seed) % ARRAY_LEN(codes)];
    if (cdb[0] == 0x55)
        cdb[1] = 0x10;
    dt_out(t, 0x1f1, random_u32(seed) & 1);
    dt_out(t, 0x1f4, random_u32(seed));
    dt_out(t, 0x1f5, random_u32(seed) & 31);
    dt_out(t, 0x1f7, 0xa0);
    dt_step(t, 20000);
    write_words(t, cdb, 12);
}

/* What a driver may do after a packet, sensible or not. */
static void random_step(struct devtest *t, u64 *seed)
{
    u32 r = random_u32(seed);
    char err[200];

    switch (r % 16) {
    case 0: medium_eject(slot(t), r & 16, err, sizeof(err)); break;
    case 1: medium_change(slot(t), r & 16 ? path : other, r & 32, err, sizeof(err)); break;
    case 2: dt_script(t, "out c000 0; out c002 6; outl c004 10000; out c000 9"); break;
    case 3: dt_script(t, "out c000 0; outl c004 10000; out c000 1"); break;
    case 4: dt_out(t, 0x1f7, r & 16 ? 8 : r & 32 ? 0xa1 : 0xec); break;
    case 5: dt_out(t, 0x1f6, r & 0x70 ? 0xa0 : 0xb0); break;
    case 6: dt_out(t, 0x3f6, r & 0x70 ? 0 : 4); break;
    default: break;
    }
    dt_step(t, r % 5000);
    for (unsigned i = 0; i < (r >> 8) % 3000; i++) {
        if (!(dt_in(t, 0x3f6) & 8))
            dt_step(t, 3000);
        if (dt_in(t, 0x1f2) & 2)
            bus_in(t->bus, 0x1f0, 2 + (i & 2));
        else
            bus_out(t->bus, 0x1f0, 2, i & 15 ? 0 : r >> 16);
    }
}

static u64 random_run(u64 seed)
{
    struct devtest *t = open_cd();
    u64 hash;

    for (u32 at = 0; at < 0x10000; at += 8)
        prd(t, TABLE + at, BUFFER + at, at * 40503u, at % 64 == 0);
    for (unsigned i = 0; i < 400; i++) {
        random_packet(t, &seed);
        random_step(t, &seed);
    }
    hash = dt_hash(t);
    close_ide(t);
    return hash;
}

static void test_random(void **state)
{
    (void)state;
    for (u64 seed = 1; seed <= 4; seed++) {
        u64 first = random_run(seed);
        assert_true(first == random_run(seed));
    }
}

/* A host that fails in the middle is an error of the disc. */
static void test_medium_error(void **state)
{
    struct devtest *t;

    (void)state;
    t = open_cd();
    assert_int_equal(truncate(path, 2048 * 10), 0);
    u8 status = packet(t, "28 0 0 0 0 8 0 0 4", 0xfffe);
    assert_int_equal(status, FAILED);
    assert_int_equal(answered, 2 * 2048); /* what could be read */
    assert_int_equal(dt_in(t, 0x1f1), 0x30);
    good(t, "3 0 0 0 12", 18);
    assert_memory_equal(answer, "\xf0\0\3\0\0\0\x0a", 7);
    assert_int_equal(answer[12], 0x11);
    prd(t, TABLE, BUFFER, 8192, true);
    start_dma(t, TABLE, true);
    assert_int_equal(give(t, "28 0 0 0 0 8 0 0 4", 0, true), FAILED);
    dt_script(t, "in 1f1 30; in c002 5");
    close_ide(t);
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signature),
        cmocka_unit_test(test_identify),
        cmocka_unit_test(test_inquiry_and_attention),
        cmocka_unit_test(test_read_pio),
        cmocka_unit_test(test_byte_count_limit),
        cmocka_unit_test(test_dma),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_medium_error), /* last: it cuts the file short */
    };
    return cmocka_run_group_tests(tests, make_other, remove_other);
}
