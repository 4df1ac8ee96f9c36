/* What the CD-ROM drive tells of itself and its disc: raw sectors, addresses in minutes, table of
 * contents, features, mode pages, and the state of playing. */
#include "tests/unit/atapi_driver.h"

#include "devices/cd_sector.h"

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
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_cd),    cmocka_unit_test(test_msf),
        cmocka_unit_test(test_toc),        cmocka_unit_test(test_configuration),
        cmocka_unit_test(test_mode_pages), cmocka_unit_test(test_playing),
    };
    return cmocka_run_group_tests(tests, make_other, remove_other);
}
