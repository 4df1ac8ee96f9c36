/* The CD-ROM drive as a driver uses it: every packet command by PIO, what it says when it refuses,
 * reading by PIO and DMA, raw sectors, and discs that come and go. */
#include "tests/unit/ide_driver.h"

#include "devices/cd_sector.h"
#include "devices/core/medium.h"

#define CD_SECTORS_N (SECTORS / 4) /* of the same file */
#define NAME         "cd0"

static u8 answer[65536];
static unsigned answered; /* bytes of the last command */

/* A board with a CD-ROM drive as primary master; without the unit attention of power-on. */
static struct devtest *open_cd_with(const char *file, bool ready)
{
    struct dev *ide;
    struct devtest *t = open_empty_ide(&ide);
    char err[200] = "";
    struct blk *blk = file ? blk_open(file, BLK_READONLY, err, sizeof(err)) : NULL;

    if (file && !blk)
        fail_msg("%s", err);
    piix3_ide_attach_cd(ide, 0, blk, NAME);
    if (ready) {
        dt_script(t, "out 1f6 a0; out 1f1 0; out 1f4 12; out 1f5 0; out 1f7 a0; step 100000");
        dt_script(t, "outw 1f0 3; outw 1f0 0; outw 1f0 12; outw 1f0 0; outw 1f0 0; outw 1f0 0");
        dt_script(t, "step 100000; in 1f7 58");
        for (unsigned i = 0; i < 9; i++)
            answer[i] = (u8)bus_in(t->bus, 0x1f0, 2);
        expect(t, READY);
        dt_in(t, 0x1f7);
        dt_script(t, "edges 14 2");
    }
    return t;
}

static struct devtest *open_cd(void)
{
    return open_cd_with(path, true);
}

static struct medium *slot(struct devtest *t)
{
    struct medium *m = bus_find_object(t->bus, MEDIUM_KIND, NAME);
    assert_non_null(m);
    return m;
}

/* Parses "28 0 0 0 ..." into a packet, zero behind what is given. */
static void parse(const char *text, u8 *cdb)
{
    unsigned n = 0;
    char *end;

    memset(cdb, 0, 12);
    for (; n < 12 && *text; n++, text = end)
        cdb[n] = (u8)strtoul(text, &end, 16);
}

/* Gives a packet, up to the moment when the drive has looked at it. */
static u8 give(struct devtest *t, const char *text, unsigned limit, bool dma)
{
    u8 cdb[12];

    parse(text, cdb);
    dt_out(t, 0x1f6, 0xa0);
    dt_out(t, 0x1f1, dma);
    dt_out(t, 0x1f4, limit);
    dt_out(t, 0x1f5, limit >> 8);
    dt_out(t, 0x1f7, 0xa0);
    expect(t, DATA);
    assert_int_equal(dt_in(t, 0x1f2), 1); /* a command, to the drive */
    dt_script(t, "irq 14 0; edges 14 0");
    write_words(t, cdb, 12);
    return settle(t);
}

/* A whole command by PIO; what it answers is in `answer`. Its last status. */
static u8 packet(struct devtest *t, const char *text, unsigned limit)
{
    u8 status = give(t, text, limit, false);

    for (answered = 0; status == DATA;) {
        unsigned n = dt_in(t, 0x1f4) | dt_in(t, 0x1f5) << 8;
        assert_int_equal(dt_in(t, 0x1f2), 2); /* data, to the host */
        assert_true(n && n <= limit && answered + n + 1 <= sizeof(answer));
        take_irq(t);
        read_words(t, answer + answered, n);
        answered += n;
        status = settle(t);
    }
    assert_int_equal(dt_in(t, 0x1f2), 3); /* status */
    take_irq(t);
    return status;
}

static void good(struct devtest *t, const char *text, unsigned bytes)
{
    u8 status = packet(t, text, 0xfffe);
    if (status != READY || answered != bytes)
        fail_msg("'%s': status %02x, error %02x, %u bytes", text, status, dt_in(t, 0x1f1),
                 answered);
}

/* Ends with this sense: key, code, qualifier. */
static void refused(struct devtest *t, const char *text, u8 key, u8 asc, u8 ascq)
{
    u8 status = packet(t, text, 0xfffe), error = (u8)dt_in(t, 0x1f1);

    if (status != FAILED || error >> 4 != key || answered)
        fail_msg("'%s': status %02x, error %02x", text, status, error);
    good(t, "3 0 0 0 12", 18);
    if ((answer[2] & 15) != key || answer[12] != asc || answer[13] != ascq)
        fail_msg("'%s': sense %x %02x %02x", text, answer[2], answer[12], answer[13]);
    assert_int_equal(answer[7], 10);
}

static void check_user(const u8 *data, u32 lba)
{
    for (unsigned i = 0; i < 4; i++)
        check_sector(data + 512 * i, 4 * lba + i);
}

/* ---- the drive ---- */

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

/* Remainder of the sector's bits by the EDC polynomial: 0 over data and EDC. */
static u32 edc_remainder(const u8 *data, unsigned len)
{
    u64 rest = 0;
    for (unsigned i = 0; i < len * 8; i++) {
        rest = rest << 1 ^ (data[i / 8] >> i % 8 & 1);
        if (rest >> 32)
            rest ^= 0x18001801bull;
    }
    return (u32)rest;
}

/* a * 2^n in GF(2^8), the definition written out. */
static u8 times_power(u8 a, unsigned n)
{
    for (unsigned v = a;; v = v << 1 ^ (v & 0x80 ? 0x11d : 0)) {
        if (!n--)
            return (u8)v;
    }
}

static void check_parities(const u8 *raw)
{
    const u8 *b = raw + 12; /* ECMA-130 annex A counts from the header */

    for (unsigned n = 0; n < 43; n++) {
        for (unsigned half = 0; half < 2; half++) {
            u8 sum = 0, weighted = 0;
            for (unsigned m = 0; m < 26; m++) { /* a column of P */
                u8 v = b[2 * (43 * m + n) + half];
                sum ^= v;
                weighted ^= times_power(v, 25 - m);
            }
            assert_int_equal(sum | weighted, 0);
        }
    }
    for (unsigned n = 0; n < 26; n++) {
        for (unsigned half = 0; half < 2; half++) {
            u8 sum = 0, weighted = 0;
            for (unsigned m = 0; m < 45; m++) { /* a diagonal of Q, and its parities */
                unsigned word = m < 43 ? (44 * m + 43 * n) % 1118 : 1118 + 26 * (m - 43) + n;
                u8 v = b[2 * word + half];
                sum ^= v;
                weighted ^= times_power(v, 44 - m);
            }
            assert_int_equal(sum | weighted, 0);
        }
    }
}

static void test_read_cd(void **state)
{
    struct devtest *t = open_cd();
    u8 raw[2352];

    (void)state;
    good(t, "be 0 0 0 0 4b 0 0 2 f8", 2 * 2352);
    memcpy(raw, answer + 2352, 2352);
    assert_memory_equal(raw, "\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0", 12);
    assert_memory_equal(raw + 12, "\x00\x03\x01\x01", 4); /* 75 + 1 + 150 */
    check_user(raw + 16, 76);
    assert_int_equal(edc_remainder(raw, 2068), 0);
    assert_memory_equal(raw + 2068, "\0\0\0\0\0\0\0\0", 8);
    check_parities(raw);

    static const struct {
        u8 parts;
        u16 from, bytes;
    } ok[] = {{0x10, 16, 2048}, {0x18, 16, 2336}, {0x20, 12, 4},   {0x30, 12, 2052},
              {0x38, 12, 2340}, {0x50, 16, 2048}, {0x60, 12, 4},   {0x78, 12, 2340},
              {0x80, 0, 12},    {0xa0, 0, 16},    {0xb0, 0, 2064}, {0xb8, 0, 2352},
              {0xf8, 0, 2352},  {0, 0, 0},        {0x40, 0, 0}};
    static const u8 gaps[] = {0x08, 0x28, 0x48, 0x68, 0x88, 0x90, 0x98, 0xa8, 0xc0, 0xd0, 0xd8};
    char text[64];
    for (size_t i = 0; i < ARRAY_LEN(ok); i++) {
        snprintf(text, sizeof(text), "be 8 0 0 0 4c 0 0 1 %x", ok[i].parts);
        good(t, text, ok[i].bytes);
        assert_memory_equal(answer, raw + ok[i].from, ok[i].bytes);
        snprintf(text, sizeof(text), "b9 0 0 0 3 1 0 3 2 %x", ok[i].parts);
        good(t, text, ok[i].bytes);
        assert_memory_equal(answer, raw + ok[i].from, ok[i].bytes);
    }
    for (size_t i = 0; i < ARRAY_LEN(gaps); i++) {
        snprintf(text, sizeof(text), "be 0 0 0 0 4c 0 0 1 %x", gaps[i]);
        refused(t, text, 5, 0x24, 0);
    }
    refused(t, "be 4 0 0 0 4c 0 0 1 10", 5, 0x64, 0);   /* as audio */
    refused(t, "be 10 0 0 0 4c 0 0 1 10", 5, 0x64, 0);  /* as mode 2 */
    refused(t, "be 18 0 0 0 4c 0 0 1 10", 5, 0x24, 0);  /* as what there is not */
    refused(t, "be 0 0 0 0 4c 0 0 1 12", 5, 0x24, 0);   /* with C2 pointers */
    refused(t, "be 0 0 0 0 4c 0 0 1 10 1", 5, 0x24, 0); /* with subchannels */
    refused(t, "be 0 0 0 2 0 0 1 0 10", 5, 0x21, 0);
    refused(t, "b9 0 0 0 1 0 0 3 2 10", 5, 0x24, 0);  /* before the first sector */
    refused(t, "b9 0 0 0 3 1 0 3 0 10", 5, 0x24, 0);  /* backwards */
    refused(t, "b9 0 0 0 3 4b 0 4 0 10", 5, 0x24, 0); /* frame 75 */
    close_ide(t);
}

static void test_msf(void **state)
{
    u8 msf[3];
    u32 lba;

    (void)state;
    cd_msf(0, msf);
    assert_memory_equal(msf, "\0\2\0", 3);
    cd_msf(449849, msf);
    assert_memory_equal(msf, "\x63\x3b\x4a", 3); /* 99:59:74 */
    assert_true(cd_lba(msf, &lba));
    assert_int_equal(lba, 449849 - 0);
    cd_msf(UINT32_MAX, msf);
    assert_memory_equal(msf, "\xff\x3b\x4a", 3);
    assert_false(cd_lba((const u8 *)"\0\1\x4a", &lba));
    assert_false(cd_lba((const u8 *)"\0\x3c\0", &lba));
}

/* ---- descriptions ---- */

static void test_toc(void **state)
{
    struct devtest *t = open_cd();

    (void)state;
    good(t, "43 0 0 0 0 0 0 0 ff", 20);
    assert_memory_equal(answer, "\0\x12\1\1\0\x14\1\0\0\0\0\0\0\x14\xaa\0\0\0\2\x0d", 20);
    good(t, "43 2 0 0 0 0 0 0 ff", 20); /* 525 sectors are 7 seconds */
    assert_memory_equal(answer, "\0\x12\1\1\0\x14\1\0\0\0\2\0\0\x14\xaa\0\0\0\x09\0", 20);
    good(t, "43 0 0 0 0 0 1 0 4", 4);
    assert_int_equal(answer[1], 18); /* how long it would have been */
    good(t, "43 0 0 0 0 0 aa 0 ff", 12);
    assert_int_equal(answer[6], 0xaa);
    refused(t, "43 0 0 0 0 0 2 0 ff", 5, 0x24, 0);
    good(t, "43 0 1 0 0 0 0 0 ff", 12);
    assert_memory_equal(answer, "\0\x0a\1\1\0\x14\1\0\0\0\0\0", 12);
    good(t, "43 0 0 0 0 0 0 0 ff 40", 12); /* SFF-8020i's place of the format */
    good(t, "43 2 2 0 0 0 0 0 ff", 48);
    assert_memory_equal(answer, "\0\x2e\1\1\1\x14\0\xa0\0\0\0\0\1\0\0", 15);
    assert_memory_equal(answer + 26, "\1\x14\0\xa2\0\0\0\0\0\x09\0", 11);
    assert_memory_equal(answer + 37, "\1\x14\0\1\0\0\0\0\0\2\0", 11);
    refused(t, "43 0 4 0 0 0 0 0 ff", 5, 0x24, 0);

    good(t, "51 0 0 0 0 0 0 0 ff", 34);
    assert_memory_equal(answer, "\0\x20\x0e\1\1\1\1\x20", 8);
    good(t, "52 1 0 0 0 1 0 0 ff", 36);
    assert_memory_equal(answer, "\0\x22\1\1\0\4\1\0\0\0\0\0", 12);
    assert_int_equal(load_be(answer + 24, 4), CD_SECTORS_N);
    good(t, "52 0 0 0 1 0 0 0 1c", 28);
    refused(t, "52 0 0 0 2 d 0 0 ff", 5, 0x24, 0);
    refused(t, "52 1 0 0 0 2 0 0 ff", 5, 0x24, 0);
    good(t, "52 2 0 0 0 1 0 0 ff", 36);

    good(t, "28 0 0 0 0 4b 0 0 1", 2048);
    good(t, "42 2 40 1 0 0 0 0 ff", 16);
    assert_memory_equal(answer, "\0\x15\0\x0c\1\x14\1\1\0\0\3\1\0\0\3\1", 16);
    good(t, "42 0 0 1 0 0 0 0 ff", 4);
    good(t, "42 0 40 2 0 0 0 0 ff", 24);
    refused(t, "42 0 40 4 0 0 0 0 ff", 5, 0x24, 0);
    close_ide(t);
}

static void test_configuration(void **state)
{
    struct devtest *t = open_cd();
    unsigned features = 0;

    (void)state;
    good(t, "46 0 0 0 0 0 0 0 8", 8);
    assert_int_equal(load_be(answer + 6, 2), 0x0008);
    packet(t, "46 0 0 0 0 0 0 1 0", 0xfffe);
    assert_int_equal(load_be(answer, 4), answered - 4);
    for (unsigned at = 8, last = 0; at < answered; at += 4u + answer[at + 3], features++) {
        assert_true(!features || load_be(answer + at, 2) > last);
        last = (unsigned)load_be(answer + at, 2);
    }
    assert_int_equal(features, 8);
    good(t, "46 2 0 1e 0 0 0 1 0", 16); /* READ CD, current */
    assert_memory_equal(answer + 8, "\0\x1e\1\4", 4);
    good(t, "46 2 0 1f 0 0 0 1 0", 12); /* DVD: not with this disc */
    assert_memory_equal(answer + 8, "\0\x1f\0\0", 4);
    good(t, "46 1 0 1f 0 0 0 1 0", 12); /* of the current ones from there on: power management */
    assert_memory_equal(answer + 8, "\1\0\3\0", 4);
    good(t, "46 2 12 34 0 0 0 1 0", 8);
    refused(t, "46 3 0 0 0 0 0 1 0", 5, 0x24, 0);
    close_ide(t);
}

static void mode_select(struct devtest *t, const char *cdb, const void *data, unsigned bytes,
                        unsigned limit)
{
    u8 status = give(t, cdb, limit, false);

    for (unsigned done = 0; status == DATA;) {
        unsigned n = dt_in(t, 0x1f4) | dt_in(t, 0x1f5) << 8;
        assert_int_equal(dt_in(t, 0x1f2), 0); /* data, to the drive */
        take_irq(t);
        assert_true(done + n <= bytes);
        write_words(t, (const u8 *)data + done, n);
        done += n;
        status = settle(t);
    }
    take_irq(t);
}

static void test_mode_pages(void **state)
{
    struct devtest *t = open_cd();

    (void)state;
    good(t, "5a 0 3f 0 0 0 0 0 ff", 8 + 8 + 8 + 16 + 20);
    assert_memory_equal(answer, "\0\x3a\1\0\0\0\0\0\1\6\0\5", 12);
    assert_memory_equal(answer + 16, "\x0d\6\0\x0d\0\x3c\0\x4b\x0e\x0e\4", 11);
    good(t, "5a 0 2a 0 0 0 0 0 ff", 28);
    assert_memory_equal(answer + 8, "\x2a\x12\x0b\0\x70\0\x29\0", 8);
    assert_int_equal(load_be(answer + 22, 2), 4234);
    good(t, "bb 0 2 c2", 0); /* SET CD SPEED, 706 kB/s */
    good(t, "5a 0 2a 0 0 0 0 0 ff", 28);
    assert_int_equal(load_be(answer + 22, 2), 706);
    good(t, "5a 0 aa 0 0 0 0 0 ff", 28); /* default */
    assert_int_equal(load_be(answer + 22, 2), 4234);
    good(t, "5a 0 6a 0 0 0 0 0 ff", 28); /* changeable: nothing */
    assert_memory_equal(answer + 8, "\x2a\x12\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
    good(t, "5a 0 41 0 0 0 0 0 ff", 16);
    assert_memory_equal(answer + 8, "\1\6\x37\xff", 4);
    refused(t, "5a 0 c1 0 0 0 0 0 ff", 5, 0x39, 0);
    refused(t, "5a 0 5 0 0 0 0 0 ff", 5, 0x24, 0);

    /* By small blocks, two pages at once. */
    static const u8 two[] = {0,    0,    0, 0, 0, 0, 0, 0,    1, 6,    1, 9,    0, 0, 0, 0,
                             0x0e, 0x0e, 4, 0, 0, 0, 0, 0x4b, 1, 0x80, 2, 0x7f, 0, 0, 0, 0};
    mode_select(t, "55 10 0 0 0 0 0 0 20", two, sizeof(two), 6);
    assert_int_equal(dt_in(t, 0x3f6), READY);
    good(t, "5a 0 e 0 0 0 0 0 ff", 24);
    assert_memory_equal(answer + 16, "\1\x80\2\x7f", 4);
    good(t, "5a 0 1 0 0 0 0 0 ff", 16);
    assert_memory_equal(answer + 10, "\1\x09", 2);

    /* What cannot be changed, or is no page; nothing is changed then. */
    u8 bad[32];
    memcpy(bad, two, sizeof(bad));
    bad[11] = 7;
    bad[23] = 0x4c;
    mode_select(t, "55 10 0 0 0 0 0 0 20", bad, sizeof(bad), 0x20);
    assert_int_equal(dt_in(t, 0x3f6), FAILED);
    good(t, "3 0 0 0 12", 18);
    assert_int_equal(answer[12], 0x26);
    good(t, "5a 0 1 0 0 0 0 0 ff", 16);
    assert_int_equal(answer[11], 9);
    mode_select(t, "55 10 0 0 0 0 0 0 9", bad, 9, 0x20);
    assert_int_equal(dt_in(t, 0x3f6), FAILED);
    good(t, "3 0 0 0 12", 18);
    assert_int_equal(answer[12], 0x1a);
    bad[7] = 8; /* a block descriptor */
    mode_select(t, "55 10 0 0 0 0 0 0 10", bad, 16, 0x20);
    assert_int_equal(dt_in(t, 0x3f6), FAILED);
    refused(t, "55 0 0 0 0 0 0 0 10", 5, 0x24, 0);
    refused(t, "55 11 0 0 0 0 0 0 10", 5, 0x24, 0);
    refused(t, "55 10 0 0 0 0 0 0 7", 5, 0x1a, 0);
    refused(t, "55 10 0 0 0 0 0 ff ff", 5, 0x1a, 0);
    good(t, "55 10", 0);
    close_ide(t);
}

static void test_playing(void **state)
{
    struct devtest *t = open_cd();

    (void)state;
    refused(t, "45 0 0 0 0 0 0 0 1", 5, 0x64, 0);
    refused(t, "45 0 0 0 9 0 0 0 1", 5, 0x21, 0);
    good(t, "45", 0);
    refused(t, "a5 0 0 0 0 0 0 0 0 1", 5, 0x64, 0);
    refused(t, "47 0 0 0 2 0 0 3 0", 5, 0x64, 0);
    refused(t, "47 0 0 0 3 0 0 2 0", 5, 0x24, 0);
    refused(t, "4b", 5, 0x2c, 0);
    good(t, "4e", 0);
    good(t, "bd 0 0 0 0 0 0 0 0 8", 8);
    assert_memory_equal(answer, "\0\0\0\0\0\1\0\0", 8);
    close_ide(t);
}

/* ---- discs that come and go ---- */

static void test_empty(void **state)
{
    static const char *const need_disc[] = {"0",  "25", "28", "2b", "2f", "42", "43", "45", "47",
                                            "4b", "4e", "51", "52", "a5", "a8", "b9", "be"};
    struct devtest *t = open_cd_with(NULL, true);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(need_disc); i++)
        refused(t, need_disc[i], 2, 0x3a, 1);
    good(t, "46 0 0 0 0 0 0 0 8", 8);
    assert_int_equal(load_be(answer + 6, 2), 0);
    good(t, "4a 1 0 0 10 0 0 0 8", 8);
    assert_memory_equal(answer, "\0\6\4\x10\0\0\0\0", 8);
    good(t, "5a 0 1 0 0 0 0 0 ff", 16);
    assert_int_equal(answer[2], 0x70);
    good(t, "1b 0 0 0 2", 0); /* open */
    refused(t, "0", 2, 0x3a, 2);
    good(t, "1b 0 0 0 3", 0); /* close: nothing came in */
    refused(t, "0", 2, 0x3a, 1);
    close_ide(t);
}

static void test_tray(void **state)
{
    struct devtest *t = open_cd();

    (void)state;
    good(t, "1b 0 0 0 0", 0); /* stop: reading starts it again */
    good(t, "28 0 0 0 0 0 0 0 1", 2048);
    good(t, "1b 0 0 0 2", 0);
    refused(t, "0", 2, 0x3a, 2);
    good(t, "bd 0 0 0 0 0 0 0 0 8", 8);
    assert_int_equal(answer[1], 0x10);
    good(t, "4a 1 0 0 10 0 0 0 8", 8); /* removal, tray open; then nothing new */
    assert_memory_equal(answer, "\0\6\4\x10\3\1\0\0", 8);
    good(t, "4a 1 0 0 10 0 0 0 8", 8);
    assert_memory_equal(answer, "\0\6\4\x10\0\1\0\0", 8);
    good(t, "5a 0 1 0 0 0 0 0 ff", 16);
    assert_int_equal(answer[2], 0x71);
    good(t, "1b 0 0 0 3", 0); /* the same disc comes in */
    good(t, "4a 1 0 0 10 0 0 0 8", 8);
    assert_memory_equal(answer, "\0\6\4\x10\2\2\0\0", 8);
    refused(t, "28 0 0 0 0 0 0 0 1", 6, 0x28, 0);
    good(t, "28 0 0 0 0 0 0 0 1", 2048);
    /* Locked. */
    good(t, "1e 0 0 0 1", 0);
    refused(t, "1b 0 0 0 2", 5, 0x53, 2);
    good(t, "0", 0);
    good(t, "5a 0 2a 0 0 0 0 0 ff", 28);
    assert_int_equal(answer[14], 0x2b);
    good(t, "1e 0 0 0 0", 0);
    good(t, "1b 0 0 0 2", 0);
    refused(t, "4a 0 0 0 10 0 0 0 8", 5, 0x24, 0); /* only when asked */
    good(t, "4a 1 0 0 2 0 0 0 8", 4);
    assert_memory_equal(answer, "\0\2\x80\x10", 4);
    close_ide(t);
}

static char other[] = "/tmp/orrery-cd2-XXXXXX";

static int make_other(void **state)
{
    u8 sector[512];
    int fd = mkstemp(other);

    assert_true(fd >= 0);
    memset(sector, 0xcd, sizeof(sector));
    for (unsigned i = 0; i < 9; i++) /* two sectors and a quarter */
        assert_int_equal(write(fd, sector, sizeof(sector)), sizeof(sector));
    close(fd);
    return make_disk(state);
}

static int remove_other(void **state)
{
    unlink(other);
    return remove_disk(state);
}

static void test_change(void **state)
{
    struct devtest *t = open_cd();
    char err[200] = "";

    (void)state;
    good(t, "1e 0 0 0 1", 0);
    /* The guest holds it: it is asked, and nothing else happens. */
    assert_false(medium_change(slot(t), other, false, err, sizeof(err)));
    assert_non_null(strstr(err, "locked"));
    dt_step(t, 1);
    good(t, "4a 1 0 0 10 0 0 0 8", 8);
    assert_memory_equal(answer, "\0\6\4\x10\1\2\0\0", 8);
    refused(t, "0", 6, 0x5a, 1);
    good(t, "25", 8);
    assert_int_equal(load_be(answer, 4), CD_SECTORS_N - 1);
    good(t, "1e", 0);
    assert_true(medium_change(slot(t), other, false, err, sizeof(err)));
    dt_step(t, 1);
    good(t, "4a 1 0 0 10 0 0 0 8", 8);
    assert_int_equal(answer[4], 3);
    good(t, "4a 1 0 0 10 0 0 0 8", 8);
    assert_int_equal(answer[4], 2);
    refused(t, "25", 6, 0x28, 0);
    good(t, "25", 8);
    assert_int_equal(load_be(answer, 4), 2);
    good(t, "28 0 0 0 0 2 0 0 1", 2048); /* the last one is filled up */
    assert_int_equal(answer[511], 0xcd);
    assert_int_equal(answer[512], 0);
    /* Out by force. */
    good(t, "1e 0 0 0 1", 0);
    assert_true(medium_eject(slot(t), true, err, sizeof(err)));
    dt_step(t, 1);
    refused(t, "0", 2, 0x3a, 2);
    /* What cannot be opened changes nothing. */
    assert_false(medium_change(slot(t), "/nonexistent", false, err, sizeof(err)));
    assert_non_null(strstr(err, "No such file"));
    assert_true(medium_change(slot(t), path, false, err, sizeof(err)));
    dt_step(t, 1);
    refused(t, "0", 6, 0x28, 0);
    good(t, "28 0 0 0 0 0 0 0 1", 2048);
    check_user(answer, 0);
    /* In the middle of a transfer it ends as a disc that cannot be read. */
    assert_int_equal(give(t, "28 0 0 0 0 0 0 0 10", 2048, false), DATA);
    assert_true(medium_change(slot(t), path, false, err, sizeof(err)));
    dt_step(t, 1);
    for (unsigned i = 0; settle(t) == DATA && i < 16; i++) {
        dt_in(t, 0x1f7);
        read_words(t, answer, 2048);
    }
    expect(t, FAILED);
    assert_int_equal(dt_in(t, 0x1f1) >> 4, 3);
    close_ide(t);
}

/* The same changes from a journal, at the same ticks. */
static void test_replay(void **state)
{
    char journal[] = "/tmp/orrery-cdj-XXXXXX", err[200] = "";
    u64 hash[2];
    int fd = mkstemp(journal);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    for (int replay = 0; replay < 2; replay++) {
        struct devtest *t = open_cd_with(path, false);
        bool ok = replay ? journal_replay(t->journal, journal, "", err, sizeof(err))
                         : journal_record(t->journal, journal, "", 1000, err, sizeof(err));
        if (!ok)
            fail_msg("%s", err);
        dt_step(t, 5000);
        if (!replay)
            assert_true(medium_eject(slot(t), false, err, sizeof(err)));
        dt_step(t, 7000);
        if (!replay)
            assert_true(medium_change(slot(t), other, false, err, sizeof(err)));
        dt_step(t, 9000);
        hash[replay] = dt_hash(t);
        if (replay)
            assert_null(journal_error(t->journal));
        else
            assert_true(journal_finish(t->journal));
        close_ide(t);
    }
    assert_true(hash[0] == hash[1]);
    unlink(journal);
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
        cmocka_unit_test(test_read_cd),
        cmocka_unit_test(test_msf),
        cmocka_unit_test(test_toc),
        cmocka_unit_test(test_configuration),
        cmocka_unit_test(test_mode_pages),
        cmocka_unit_test(test_playing),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_tray),
        cmocka_unit_test(test_change),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_medium_error), /* last: it cuts the file short */
    };
    return cmocka_run_group_tests(tests, make_other, remove_other);
}
