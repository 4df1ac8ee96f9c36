/* The input journal: a recorded run replays bit for bit; a journal that is foreign, damaged, cut
 * off or of another machine is refused, and a run that differs is noticed. */
#include <unistd.h>

#include "tests/unit/devtest.h"

static const char config[] = "ram=64M\ncpu=486";

struct run {
    struct devtest *t;
    struct chardev serial;
    char path[64];
};

static struct run *start(const char *path)
{
    struct run *r = calloc(1, sizeof(*r));
    assert_non_null(r);
    r->t = dt_open();
    dt_chardev(r->t, &r->serial, "serial0");
    dt_dev(r->t, &dev_uart16550, "chardev=serial0,id=com1");
    dt_dev(r->t, &dev_i8254, NULL);
    snprintf(r->path, sizeof(r->path), "%s", path);
    return r;
}

static void stop(struct run *r)
{
    dt_close(r->t);
    free(r);
}

/* A guest that echoes what it reads until `end`, and whose state depends on when it read it. */
static void guest(struct run *r, u64 end, bool live)
{
    struct devtest *t = r->t;
    dt_script(t, "out 3fb 3; out 43 34; out 40 0; out 40 10");
    while (t->ticks < end) {
        if (live && t->ticks == 5000)
            chardev_input(&r->serial, "hello", 5);
        if (live && t->ticks == 2000000)
            chardev_input(&r->serial, "!", 1);
        dt_step(t, 1000);
        if (dt_in(t, 0x3fd) & 1)
            dt_out(t, 0x3f8, dt_in(t, 0x3f8));
    }
    journal_run(t->journal);
}

static void record(const char *path)
{
    struct run *r = start(path);
    char err[200];
    assert_true(journal_record(r->t->journal, path, config, 500000, err, sizeof(err)));
    guest(r, 20000000, true);
    assert_string_equal(r->t->out, "hello!");
    assert_true(journal_finish(r->t->journal));
    stop(r);
}

static void temp_path(char *path)
{
    strcpy(path, "/tmp/orrery-journal-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
}

static void test_replay_repeats(void **state)
{
    char path[64], err[300] = "";
    (void)state;
    temp_path(path);
    record(path);
    struct run *r = start(path);
    if (!journal_replay(r->t->journal, path, config, err, sizeof(err)))
        fail_msg("%s", err);
    guest(r, 20000000, true); /* live input is ignored, or it would come twice */
    assert_string_equal(r->t->out, "hello!");
    assert_null(journal_error(r->t->journal));
    assert_true(journal_ended(r->t->journal));
    assert_true(journal_next(r->t->journal) == CLOCK_NEVER);
    stop(r);
    unlink(path);
}

static void test_divergence_is_noticed(void **state)
{
    char path[64], err[300] = "";
    (void)state;
    temp_path(path);
    record(path);
    struct run *r = start(path);
    assert_true(journal_replay(r->t->journal, path, config, err, sizeof(err)));
    dt_out(r->t, 0x3ff, 1); /* the recorded run did not do this */
    guest(r, 20000000, false);
    assert_non_null(strstr(journal_error(r->t->journal), "differs at tick 500000"));
    stop(r);
    unlink(path);
}

static void refused(const char *path, const char *with, const char *wanted)
{
    struct run *r = start(path);
    char err[300] = "";
    if (journal_replay(r->t->journal, path, with, err, sizeof(err)))
        fail_msg("accepted, wanted '%s'", wanted);
    if (!strstr(err, wanted))
        fail_msg("'%s' does not say '%s'", err, wanted);
    assert_true(journal_mode(r->t->journal) == JOURNAL_LIVE);
    stop(r);
}

static void write_file(const char *path, const u8 *data, size_t len)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    fclose(file);
}

static void test_bad_files(void **state)
{
    char path[64], copy[64];
    u8 data[8192];
    (void)state;
    temp_path(path);
    temp_path(copy);
    record(path);
    FILE *file = fopen(path, "rb");
    size_t len = fread(data, 1, sizeof(data), file);
    fclose(file);
    assert_true(len > 200 && len < sizeof(data));

    refused("/nonexistent/journal", config, "No such file");
    refused(path, "ram=64M\ncpu=pentium", "it has 'cpu=486', this one 'cpu=pentium'");
    refused(path, "ram=64M", "it has 'cpu=486', this one ''");
    write_file(copy, (const u8 *)"MZ rubbish", 10);
    refused(copy, config, "not an Orrery input journal");
    for (size_t cut = 0; cut < len; cut += 3) { /* cut off anywhere */
        write_file(copy, data, cut);
        refused(copy, config, cut < 8 ? "not an Orrery" : cut >= len - 8 ? "damaged" : "cut off");
    }
    for (size_t i = 0; i < len; i++) { /* one bit wrong anywhere */
        data[i] ^= 0x10;
        write_file(copy, data, len);
        refused(copy, config, copy);
        data[i] ^= 0x10;
    }
    data[8] = 9;
    write_file(copy, data, len);
    refused(copy, config, "journal version 9, this Orrery reads version 1");
    unlink(path);
    unlink(copy);
}

static void test_channels_must_match(void **state)
{
    char path[64], err[300] = "";
    (void)state;
    temp_path(path);
    record(path);
    struct devtest *t = dt_open();
    assert_false(journal_replay(t->journal, path, config, err, sizeof(err)));
    assert_non_null(strstr(err, "'com1' in the journal, 'nothing' here"));
    dt_close(t);
    struct run *r = start(path);
    dt_dev(r->t, &dev_i8042, NULL);
    assert_false(journal_replay(r->t->journal, path, config, err, sizeof(err)));
    assert_non_null(strstr(err, "'keyboard', the journal has not"));
    stop(r);
    unlink(path);
}

static void test_config_can_be_read(void **state)
{
    char path[64], err[300] = "";
    (void)state;
    temp_path(path);
    assert_null(journal_read_config(path, err, sizeof(err)));
    record(path);
    char *text = journal_read_config(path, err, sizeof(err));
    assert_string_equal(text, config);
    free(text);
    unlink(path);
}

/* A recording that was never finished is refused later. */
static void test_unfinished(void **state)
{
    char path[64], err[300] = "";
    (void)state;
    temp_path(path);
    struct run *r = start(path);
    assert_true(journal_record(r->t->journal, path, config, 0, err, sizeof(err)));
    guest(r, 10000, true);
    stop(r);
    refused(path, config, "no end record");
    unlink(path);
}

static void test_live_kick_and_order(void **state)
{
    struct run *r = start("");
    struct journal *j = r->t->journal;
    (void)state;
    assert_true(journal_next(j) == CLOCK_NEVER);
    chardev_input(&r->serial, "a", 1);
    chardev_input(&r->serial, "b", 1);
    assert_true(journal_next(j) == r->t->ticks);
    assert_false(chardev_has_input(&r->serial)); /* nothing reaches the guest before its time */
    journal_run(j);
    assert_int_equal(chardev_read(&r->serial), 'a');
    assert_int_equal(chardev_read(&r->serial), 'b');
    assert_int_equal(chardev_read(&r->serial), -1);
    stop(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replay_repeats),      cmocka_unit_test(test_divergence_is_noticed),
        cmocka_unit_test(test_bad_files),           cmocka_unit_test(test_channels_must_match),
        cmocka_unit_test(test_config_can_be_read),  cmocka_unit_test(test_unfinished),
        cmocka_unit_test(test_live_kick_and_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
