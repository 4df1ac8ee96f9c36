/* Discs that come and go: an empty drive, the tray, changing by the guest and from outside, and the
 * same in a replay. */
#include "tests/unit/atapi_driver.h"

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
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_tray),
        cmocka_unit_test(test_change),
        cmocka_unit_test(test_replay),
    };
    return cmocka_run_group_tests(tests, make_other, remove_other);
}
