/* The public interface of liborrery: machines as independent objects, registers, memory, hash,
 * refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "machine/orrery.h"

#define MIB (1ull << 20)

static struct orrery *make(const char *accel)
{
    struct orrery_config config = {.ram_bytes = 2 * MIB, .accel = accel};
    char err[128] = "";
    struct orrery *o = orrery_create(&config, err, sizeof(err));
    assert_non_null(o);
    assert_string_equal(err, "");
    return o;
}

static void test_registers(void **state)
{
    struct orrery *o = make("interp");
    (void)state;
    assert_int_equal(orrery_reg(o, ORRERY_EIP), 0xfff0); /* SDM 3A 9.1.4: the reset vector */
    assert_int_equal(orrery_reg(o, ORRERY_ES + 1), 0xf000);
    assert_int_equal(orrery_reg(o, ORRERY_CR0), 0x60000010);
    for (unsigned i = 0; i < 8; i++)
        orrery_set_reg(o, i, 0x01020304u * (i + 1));
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(orrery_reg(o, i), 0x01020304u * (i + 1));
    orrery_set_reg(o, ORRERY_EFLAGS, 0x8d7);
    assert_int_equal(orrery_reg(o, ORRERY_EFLAGS), 0x8d7);
    orrery_set_reg(o, ORRERY_CR0, 0x11); /* read-only here */
    assert_int_equal(orrery_reg(o, ORRERY_CR0), 0x60000010);
    orrery_free(o);
}

static void test_memory(void **state)
{
    struct orrery *o = make("interp");
    uint8_t out[8192], in[8192];
    (void)state;
    for (unsigned i = 0; i < sizeof(in); i++)
        in[i] = (uint8_t)(i * 7 + (i >> 8));
    assert_true(orrery_write_phys(o, 0x10ffc, in, sizeof(in)));
    assert_true(orrery_read_phys(o, 0x10ffc, out, sizeof(out)));
    assert_memory_equal(in, out, sizeof(in));
    assert_false(orrery_read_phys(o, 2 * MIB - 4, out, 8)); /* past the end of RAM */
    assert_false(orrery_write_phys(o, 0xfffffff0, in, 4));
    orrery_free(o);
}

/* Two machines in one process: equal until one of them is touched, whatever runs them. */
static void test_independent(void **state)
{
    struct orrery *a = make(NULL), *b = make("interp");
    (void)state;
    assert_true(orrery_state_hash(a) == orrery_state_hash(b));
    assert_true(orrery_write_phys(a, 0x5000, "x", 1));
    assert_true(orrery_state_hash(a) != orrery_state_hash(b));
    assert_true(orrery_write_phys(b, 0x5000, "x", 1));
    assert_true(orrery_state_hash(a) == orrery_state_hash(b));
    /* no firmware: both run into the same exceptions at the reset vector, tick by tick */
    assert_int_equal(orrery_run(a, 5000), orrery_run(b, 5000));
    assert_true(orrery_state_hash(a) == orrery_state_hash(b));
    assert_true(orrery_time_ns(a) == orrery_time_ns(b));
    orrery_free(a);
    orrery_free(b);
}

/* A run with a CD-ROM drive whose disc is changed half way, recorded or replayed. Its state; 0: the
 * replay differs. */
static uint64_t change_discs(const char *disc, const char *record, const char *replay)
{
    struct orrery_config config = {
        .ram_bytes = 2 * MIB, .ide[3] = {.cdrom = true}, .record = record, .replay = replay};
    char err[256] = "";
    enum orrery_stop stop;
    uint64_t hash;
    struct orrery *o = orrery_create(&config, err, sizeof(err));

    if (!o)
        fail_msg("%s", err);
    orrery_run(o, 1000);
    if (!replay) {
        assert_false(orrery_eject(o, "ide0-cd0", true, err, sizeof(err)));
        assert_non_null(strstr(err, "ide0-cd0"));
        assert_false(orrery_change(o, "ide1-cd1", "/nonexistent", false, err, sizeof(err)));
        assert_true(orrery_change(o, "ide1-cd1", disc, false, err, sizeof(err)));
        orrery_run(o, 1000);
        assert_true(orrery_eject(o, "ide1-cd1", false, err, sizeof(err)));
        assert_true(orrery_change(o, "ide1-cd1", disc, true, err, sizeof(err)));
    }
    while ((stop = orrery_run(o, 1000)) == ORRERY_RUNNING && (replay || orrery_time_ns(o) < 5000))
        continue;
    assert_true(orrery_finish(o));
    hash = stop == ORRERY_DIVERGED ? 0 : orrery_state_hash(o);
    orrery_free(o);
    return hash;
}

static void test_change_discs(void **state)
{
    char disc[] = "/tmp/orrery-disc-XXXXXX", journal[] = "/tmp/orrery-journal-XXXXXX";
    int fd = mkstemp(disc), other = mkstemp(journal);
    uint64_t recorded;

    (void)state;
    assert_true(fd >= 0 && other >= 0);
    assert_int_equal(ftruncate(fd, 8192), 0);
    close(fd);
    close(other);
    recorded = change_discs(disc, journal, NULL);
    assert_true(recorded && change_discs(disc, NULL, journal) == recorded);
    unlink(disc); /* what is not there any more is noticed */
    assert_int_equal(change_discs(disc, NULL, journal), 0);
    unlink(journal);
}

/* How long instructions last is input: it is in the journal, and the clock goes by it. */
static uint64_t run_paces(const char *record, const char *replay)
{
    struct orrery_config config = {.ram_bytes = 2 * MIB, .record = record, .replay = replay};
    static const struct {
        uint32_t pace;
        uint64_t ns;
    } steps[] = {{ORRERY_PACE, 1000},      {2 * ORRERY_PACE, 2000},      {ORRERY_PACE_MAX, 64000},
                 {ORRERY_PACE - 1, 64000}, {ORRERY_PACE_MAX + 1, 64000}, {ORRERY_PACE, 1000}};
    char err[128] = "";
    struct orrery *o = orrery_create(&config, err, sizeof(err));
    uint64_t hash;

    assert_non_null(o);
    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        uint64_t began = orrery_time_ns(o);
        if (record)
            orrery_set_pace(o, steps[i].pace);
        orrery_run(o, 1000);
        assert_int_equal(orrery_time_ns(o) - began, steps[i].ns);
    }
    hash = orrery_state_hash(o);
    assert_true(orrery_finish(o));
    orrery_free(o);
    return hash;
}

static void test_pace(void **state)
{
    char journal[] = "/tmp/orrery-journal-XXXXXX";
    int fd = mkstemp(journal);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    assert_true(run_paces(journal, NULL) == run_paces(NULL, journal));
    unlink(journal);
}

static void refused(const struct orrery_config *config, const char *word)
{
    char err[128] = "";
    assert_null(orrery_create(config, err, sizeof(err)));
    assert_non_null(strstr(err, word));
    assert_null(strchr(err, '\n'));
}

static void test_refusals(void **state)
{
    (void)state;
    refused(&(struct orrery_config){.ram_bytes = 8192 * MIB}, "memory");
    refused(&(struct orrery_config){.ram_bytes = 4096}, "memory");
    refused(&(struct orrery_config){.accel = "kvm"}, "accelerator");
    refused(&(struct orrery_config){.cpu = "z80"}, "CPU model");
    refused(&(struct orrery_config){.cpu = "486,+turbo"}, "turbo");
    refused(&(struct orrery_config){.cpu = "486,sse"}, "sse");
    refused(&(struct orrery_config){.cpu = "286,+sse"}, "no CPUID");
    refused(&(struct orrery_config){.record = "a", .replay = "b"}, "exclude");
    refused(&(struct orrery_config){.ide = {{.file = "/nonexistent"}}}, "/nonexistent");
    refused(&(struct orrery_config){.devices = (const char *const[]){"i8042", NULL}}, "board");
    refused(&(struct orrery_config){.devices = (const char *const[]){"toaster", NULL}}, "toaster");
    assert_non_null(orrery_cpu_model(0));
}

/* The medium of a floppy drive is changed through the journal: a replay without the calls ends in
 * the same state. */
static uint64_t run_floppy(const char *image, const char *record, const char *replay)
{
    struct orrery_config config = {
        .ram_bytes = 2 * MIB, .floppy = {{.floppy = true}}, .record = record, .replay = replay};
    char err[300] = "";
    struct orrery *o = orrery_create(&config, err, sizeof(err));
    uint64_t before, hash;

    if (!o)
        fail_msg("%s", err);
    before = orrery_state_hash(o);
    if (record) {
        assert_true(orrery_change(o, "floppy0", image, false, err, sizeof(err)));
        assert_false(orrery_change(o, "floppy0", "/nonexistent", false, err, sizeof(err)));
        assert_non_null(strstr(err, "/nonexistent"));
        assert_false(orrery_eject(o, "floppy1", false, err, sizeof(err)));
        assert_non_null(strstr(err, "no drive 'floppy1'"));
    }
    orrery_run(o, 1);
    hash = orrery_state_hash(o);
    assert_true(hash != before);
    assert_true(orrery_finish(o));
    orrery_free(o);
    return hash;
}

static void test_floppy_change(void **state)
{
    char image[] = "/tmp/orrery-floppy-XXXXXX", journal[] = "/tmp/orrery-journal-XXXXXX";
    int fd = mkstemp(image), j = mkstemp(journal);
    uint64_t hash;

    (void)state;
    assert_true(fd >= 0 && j >= 0);
    assert_int_equal(ftruncate(fd, 720 << 10), 0);
    hash = run_floppy(image, journal, NULL);
    assert_int_equal(run_floppy(image, NULL, journal), hash);
    close(fd);
    close(j);
    unlink(image);
    unlink(journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_change_discs),  cmocka_unit_test(test_registers),
        cmocka_unit_test(test_memory),        cmocka_unit_test(test_independent),
        cmocka_unit_test(test_pace),          cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_floppy_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
