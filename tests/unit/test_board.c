/* The whole board: what answers where, disks, refusals, and that equal boards are equal. */
#include "tests/unit/devtest.h"

#include <fcntl.h>
#include <unistd.h>

#include "devices/board_pc.h"
#include "devices/core/blk.h"
#include "mmu/phys.h"
#include "tests/fuzz/pc_setup.h"

#define RAM (8u << 20)

static char disk[] = "/tmp/orrery-board-XXXXXX";

static int make_disk(void **state)
{
    int fd = mkstemp(disk);
    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 1 << 20), 0);
    close(fd);
    return 0;
}

static int remove_disk(void **state)
{
    (void)state;
    return unlink(disk);
}

static struct devtest *open_board(const struct board_pc *config, struct chardev *port)
{
    struct devtest *t = dt_open();
    char err[200] = "";

    t->bus->phys = phys_new(RAM);
    if (port)
        dt_chardev(t, port, "serial0");
    if (!board_pc_build(t->bus, config, err, sizeof(err)))
        fail_msg("%s", err);
    board_pc_finish(t->bus, config);
    dt_dev(t, &dev_pc_setup, NULL);
    return t;
}

static void close_board(struct devtest *t)
{
    struct phys *phys = t->bus->phys;
    dt_close(t);
    phys_free(phys);
}

static void test_what_answers(void **state)
{
    const struct board_pc config = {
        .ram_bytes = RAM, .ide = {[1] = {.file = disk, .mode = BLK_SNAPSHOT}}, .serial = {true}};
    struct chardev port;
    struct devtest *t = open_board(&config, &port);

    (void)state;
    dt_script(t, "outl cf8 80000000; inl cfc 12378086; outl cf8 80000800; inl cfc 70008086");
    dt_script(t, "outl cf8 80000900; inl cfc 70108086; outl cf8 80000b00; inl cfc 71138086");
    dt_script(t, "outl cf8 80000908; inl cfc 01018000; outl cf8 80000920; inl cfc c001");
    dt_script(t, "out 70 30; in 71 0; out 70 31; in 71 1c"); /* 7168 KiB above 1 MiB */
    dt_script(
        t,
        "in 3fd 60; in 2fd ff; in e9 ff; in 1f7 0; out 1f6 b0; in 1f7 50; in c002 0; in 64 10&10");
    dt_script(t, "out 3fb 3; out 3f8 41; step 10000000");
    assert_memory_equal(t->out, "A", 1);
    assert_null(board_pc_disk(t->bus, 0));
    assert_int_equal(blk_sectors(board_pc_disk(t->bus, 1)) * BLK_SECTOR, 1 << 20);
    close_board(t);
}

static void test_floppy_drives(void **state)
{
    const struct board_pc config = {
        .ram_bytes = RAM, .floppy = {[1] = {.floppy = true}}, .parallel = true};
    const struct board_pc both = {.ram_bytes = RAM, .floppy = {{.floppy = true}, {.floppy = true}}};
    const struct board_pc none = {.ram_bytes = RAM};
    const struct board_pc odd = {.ram_bytes = RAM, .floppy = {{.floppy = true, .file = "/tmp"}}};
    struct chardev printer;
    char err[300] = "";
    struct devtest *t = dt_open();

    (void)state;
    t->bus->phys = phys_new(RAM);
    dt_chardev(t, &printer, "parallel0");
    assert_true(board_pc_build(t->bus, &config, err, sizeof(err)));
    board_pc_finish(t->bus, &config);
    dt_dev(t, &dev_pc_setup, NULL);
    dt_script(t, "out 70 10; in 71 5; out 70 14; in 71 7; in 3f2 0; out 3f2 c; step 1000000");
    dt_script(t, "in 3f4 80; in de fe; in 379 df; out 378 21; out 37a d; step 10000"); /* cascade */
    assert_memory_equal(t->out, "!", 1);
    close_board(t);
    t = open_board(&both, NULL);
    dt_script(t, "out 70 10; in 71 55; out 70 14; in 71 47; in 379 ff");
    close_board(t);
    t = open_board(&none, NULL);
    dt_script(t, "out 70 10; in 71 0; out 70 14; in 71 6; in 3f7 7f");
    close_board(t);
    t = dt_open();
    t->bus->phys = phys_new(RAM);
    assert_false(board_pc_build(t->bus, &odd, err, sizeof(err)));
    assert_non_null(strstr(err, "is a directory"));
    close_board(t);
}

static void test_equal_boards(void **state)
{
    const struct board_pc config = {
        .ram_bytes = RAM,
        .ide = {{.file = disk, .mode = BLK_SNAPSHOT}, {.file = disk, .mode = BLK_SNAPSHOT}}};
    struct devtest *a = open_board(&config, NULL), *b = open_board(&config, NULL);
    const char *script =
        "outw 602 1; out 1f6 a0; out 1f7 ec; step 1000000; inw 1f0; outl cf8 80000960; "
        "outl cfc 80800b0a; out 43 34; out 40 0; out 40 10; step 50000";
    u64 start = dt_hash(a);

    (void)state;
    assert_true(start == dt_hash(b));
    dt_script(a, script);
    assert_true(dt_hash(a) != start);
    dt_script(b, script);
    assert_true(dt_hash(a) == dt_hash(b));
    bus_reset(a->bus);
    dt_script(a, "outl cf8 80000960; inl cfc 0; outl cf8 80000860; inl cfc 0b0b0a0a");
    close_board(a);
    close_board(b);
}

static void test_refusals(void **state)
{
    struct {
        struct board_pc config;
        const char *message;
    } cases[] = {
        {{.ram_bytes = RAM, .ide = {{.file = "/nonexistent/disk"}}}, "No such file"},
        {{.ram_bytes = RAM, .ide = {{.file = disk}, [3] = {.file = "/tmp"}}}, "is a directory"},
        {{.ram_bytes = RAM, .ide = {{.file = disk}, {.file = disk}}}, "in use"},
        {{.ram_bytes = RAM, .serial = {false, true}}, "serial1"},
        {{.ram_bytes = RAM, .debugcon = true}, "debugcon"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct devtest *t = dt_open();
        char err[200] = "";
        t->bus->phys = phys_new(RAM);
        assert_false(board_pc_build(t->bus, &cases[i].config, err, sizeof(err)));
        if (!strstr(err, cases[i].message))
            fail_msg("'%s' instead of '%s'", err, cases[i].message);
        close_board(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_answers),
        cmocka_unit_test(test_floppy_drives),
        cmocka_unit_test(test_equal_boards),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, make_disk, remove_disk);
}
