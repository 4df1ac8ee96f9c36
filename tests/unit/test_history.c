/* Going back in time: a machine that was put to a tick is what it was then, on every back end,
 * however it got there: memory, disks, media, break points; nothing is sent twice, and whoever
 * changes the past gets another future. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/types.h"
#include "machine/orrery.h"

#define CODE    0x1000
#define DATA    0x2000
#define SECTORS 64
#define STEP    5000

static const char *const accels[] = {NULL, "interp"};

struct world {
    struct orrery *o;
    char disk[64], other[64], rom[64], journal[64];
    u64 sent; /* bytes, to the debug port */
};

static void on_output(void *opaque, const void *data, size_t len)
{
    struct world *w = opaque;

    (void)data;
    w->sent += len;
}

static void make_file(char *path, u8 fill, size_t size)
{
    u8 *data = malloc(size);
    int fd;

    strcpy(path, "/tmp/orrery-history-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0 && data);
    memset(data, fill, size);
    assert_int_equal(write(fd, data, size), (ssize_t)size);
    close(fd);
    free(data);
}

static void files(struct world *w)
{
    make_file(w->rom, 0xff, 65536); /* no code: the handler of the first exception is the program */
    make_file(w->disk, 0x11, SECTORS * 512);
    make_file(w->other, 0x22, 1474560);
    make_file(w->journal, 0, 1);
}

static void start(struct world *w, struct orrery_config *config, const char *accel)
{
    static const u8 vector[] = {CODE & 0xff, CODE >> 8, 0, 0};
    static const u8 code[] = {
        0xa1, 0x00, 0x20, /* 1000: mov ax, [2000h] */
        0x40,             /* 1003: inc ax */
        0xa3, 0x00, 0x20, /* 1004: mov [2000h], ax */
        0x89, 0xc7,       /* 1007: mov di, ax */
        0x80, 0xcc, 0x40, /* 1009: or ah, 40h */
        0x89, 0xc3,       /* 100c: mov bx, ax */
        0x88, 0x07,       /* 100e: mov [bx], al */
        0xa8, 0x3f,       /* 1010: test al, 3fh */
        0x75, 0x02,       /* 1012: jnz 1016h */
        0xe6, 0xe9,       /* 1014: out e9h, al */
        0xeb, 0xe8,       /* 1016: jmp 1000h */
    };
    char err[200] = "";

    config->ram_bytes = 2 << 20;
    config->accel = accel;
    config->bios = w->rom;
    config->debugcon_present = true;
    config->debugcon = (struct orrery_sink){.write = on_output, .opaque = w};
    config->serial_present[0] = true;
    config->floppy[0].floppy = true;
    w->sent = 0;
    w->o = orrery_create(config, err, sizeof(err));
    if (!w->o)
        fail_msg("%s", err);
    if (config->replay)
        return;
    assert_true(orrery_write_phys(w->o, 6 * 4, vector, sizeof(vector)));
    assert_true(orrery_write_phys(w->o, CODE, code, sizeof(code)));
}

static void begin_history(struct world *w, u64 budget)
{
    char err[200] = "";

    if (!orrery_history_start(w->o, budget, err, sizeof(err)))
        fail_msg("%s", err);
}

static void finish(struct world *w)
{
    orrery_free(w->o);
    unlink(w->rom);
    unlink(w->disk);
    unlink(w->other);
    unlink(w->journal);
}

static void go(struct world *w, u64 tick)
{
    char err[200] = "";

    if (!orrery_goto(w->o, tick, err, sizeof(err)))
        fail_msg("%s", err);
    assert_int_equal(orrery_tick(w->o), tick);
}

/* ---- jumps ---- */

static void test_jumps(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(accels); i++) {
        struct world w;
        struct orrery_config config = {0};
        u64 want[40], sent[40], first, last;

        files(&w);
        start(&w, &config, accels[i]);
        assert_false(orrery_history_range(w.o, &first, &last));
        begin_history(&w, 0);
        for (unsigned n = 0; n < ARRAY_LEN(want); n++) {
            want[n] = orrery_state_hash(w.o);
            sent[n] = w.sent;
            assert_int_equal(orrery_run(w.o, STEP), ORRERY_RUNNING);
        }
        u64 all = w.sent, end = orrery_state_hash(w.o);
        assert_true(orrery_history_range(w.o, &first, &last));
        assert_int_equal(first, 0);
        assert_int_equal(last, ARRAY_LEN(want) * STEP);
        for (unsigned n = 0; n < 100; n++) {
            unsigned to = n * 7 % ARRAY_LEN(want);
            go(&w, to * STEP);
            assert_int_equal(orrery_state_hash(w.o), want[to]);
            assert_int_equal(w.sent, all);
        }
        assert_true(sent[20] < all);
        go(&w, last);
        assert_int_equal(orrery_state_hash(w.o), end);
        assert_int_equal(orrery_run(w.o, STEP), ORRERY_RUNNING);
        assert_true(w.sent > all); /* live again */
        char err[200];
        assert_false(orrery_goto(w.o, orrery_tick(w.o) + 1, err, sizeof(err)));
        orrery_history_stop(w.o);
        assert_false(orrery_goto(w.o, 0, err, sizeof(err)));
        finish(&w);
    }
}

static void test_steps(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(accels); i++) {
        struct world w;
        struct orrery_config config = {0};
        u64 want[300];

        files(&w);
        start(&w, &config, accels[i]);
        assert_int_equal(orrery_run(w.o, 1000), ORRERY_RUNNING);
        begin_history(&w, 0);
        for (unsigned n = 0; n < ARRAY_LEN(want); n++) {
            want[n] = orrery_state_hash(w.o);
            orrery_run(w.o, 1);
        }
        for (unsigned n = ARRAY_LEN(want); n-- > 0;) {
            assert_int_equal(orrery_step_back(w.o), ORRERY_RUNNING);
            assert_int_equal(orrery_tick(w.o), 1000 + n);
            assert_int_equal(orrery_state_hash(w.o), want[n]);
        }
        assert_int_equal(orrery_step_back(w.o), ORRERY_BEGIN);
        finish(&w);
    }
}

/* ---- break points ---- */

static void test_run_back(void **state)
{
    const struct orrery_break code = {ORRERY_BREAK_CODE, CODE + 3, 1};
    const struct orrery_break write = {ORRERY_BREAK_WRITE, DATA, 2};
    struct orrery_break hit;
    u64 at;

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(accels); i++) {
        struct world w;
        struct orrery_config config = {0};

        files(&w);
        start(&w, &config, accels[i]);
        begin_history(&w, 0);
        assert_int_equal(orrery_run(w.o, 30 * STEP), ORRERY_RUNNING);
        assert_int_equal(orrery_run_back(w.o), ORRERY_BEGIN); /* without any */
        assert_int_equal(orrery_tick(w.o), 0);
        go(&w, 30 * STEP);
        u64 before = orrery_tick(w.o);

        assert_true(orrery_set_breaks(w.o, &code, 1));
        for (unsigned n = 0; n < 5; n++) {
            assert_int_equal(orrery_run_back(w.o), ORRERY_BREAK);
            assert_int_equal(orrery_reg(w.o, ORRERY_EIP), CODE + 3);
            assert_true(orrery_tick(w.o) < before);
            assert_true(before - orrery_tick(w.o) < 14);
            before = orrery_tick(w.o);
        }
        assert_int_equal(orrery_run(w.o, 1000), ORRERY_BREAK); /* the one after this */
        assert_true(orrery_tick(w.o) > before);

        assert_true(orrery_set_breaks(w.o, &write, 1));
        assert_int_equal(orrery_run_back(w.o), ORRERY_BREAK);
        assert_int_equal(orrery_reg(w.o, ORRERY_EIP), CODE + 4); /* it is going to write */
        orrery_break_hit(w.o, &hit, &at);
        assert_int_equal(hit.kind, ORRERY_BREAK_WRITE);
        assert_int_equal(at, DATA);
        before = orrery_tick(w.o);
        assert_int_equal(orrery_run(w.o, 1000), ORRERY_BREAK);
        assert_int_equal(orrery_tick(w.o), before + 1);

        /* Far back: the first of all. */
        const struct orrery_break reset = {ORRERY_BREAK_CODE, 0xfffffff0, 1};
        assert_true(orrery_set_breaks(w.o, &reset, 1));
        assert_int_equal(orrery_run_back(w.o), ORRERY_BREAK);
        assert_int_equal(orrery_tick(w.o), 0);
        assert_int_equal(orrery_run_back(w.o), ORRERY_BEGIN);
        finish(&w);
    }
}

/* ---- another future ---- */

static void test_fork(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(accels); i++) {
        struct world w;
        struct orrery_config config = {0};
        u64 first, last;
        u8 byte;

        files(&w);
        start(&w, &config, accels[i]);
        begin_history(&w, 0);
        orrery_run(w.o, 10 * STEP);
        u64 end = orrery_state_hash(w.o);

        go(&w, 3 * STEP);
        size_t room = orrery_serial_room(w.o, 0);
        orrery_serial_input(w.o, 0, "ignored", 7); /* it has not happened */
        orrery_run(w.o, 0);
        assert_int_equal(orrery_serial_room(w.o, 0), room);
        orrery_history_range(w.o, &first, &last);
        assert_int_equal(last, 10 * STEP);
        orrery_run(w.o, 7 * STEP);
        assert_int_equal(orrery_state_hash(w.o), end);

        go(&w, 3 * STEP + 1);
        u64 sent = w.sent;
        assert_true(orrery_write_phys(w.o, 0x100000, "x", 1));
        orrery_history_range(w.o, &first, &last);
        assert_int_equal(last, 3 * STEP + 1);
        orrery_run(w.o, 7 * STEP);
        assert_true(w.sent > sent);
        assert_true(orrery_state_hash(w.o) != end);
        go(&w, 3 * STEP);
        assert_true(orrery_read_phys(w.o, 0x100000, &byte, 1) && byte == 0);
        go(&w, 3 * STEP + 2);
        assert_true(orrery_read_phys(w.o, 0x100000, &byte, 1) && byte == 'x');

        orrery_history_fork(w.o);
        orrery_serial_input(w.o, 0, "taken", 5);
        orrery_run(w.o, 0);
        assert_int_equal(orrery_serial_room(w.o, 0), room - 5);
        finish(&w);
    }
}

/* A recording keeps what a debugger wrote, and only the future that came to be. */
static void test_recorded(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(accels); i++) {
        struct world w;
        struct orrery_config config = {0};

        files(&w);
        config.record = w.journal;
        config.record_check = STEP;
        start(&w, &config, accels[i]);
        orrery_run(w.o, STEP);
        begin_history(&w, 0);
        orrery_serial_input(w.o, 0, "a", 1);
        orrery_run(w.o, 10 * STEP);
        orrery_serial_input(w.o, 0, "b", 1);
        orrery_run(w.o, 10 * STEP);
        go(&w, 9 * STEP);
        go(&w, 4 * STEP);
        assert_true(orrery_set_reg(w.o, 6, 0x1234));
        orrery_run(w.o, 3 * STEP);
        orrery_serial_input(w.o, 0, "c", 1);
        orrery_run(w.o, 3 * STEP);
        u64 end = orrery_tick(w.o), hash = orrery_state_hash(w.o);
        assert_true(orrery_finish(w.o));
        orrery_free(w.o);

        for (unsigned k = 0; k < ARRAY_LEN(accels); k++) {
            config.record = NULL;
            config.replay = w.journal;
            start(&w, &config, accels[k]);
            begin_history(&w, 0);
            assert_int_equal(orrery_run(w.o, 4 * STEP), ORRERY_RUNNING);
            assert_false(orrery_set_reg(w.o, 6, 0x1234));
            go(&w, 2 * STEP);
            assert_int_equal(orrery_run(w.o, 100 * STEP), ORRERY_REPLAY_END);
            assert_int_equal(orrery_tick(w.o), end);
            assert_int_equal(orrery_state_hash(w.o), hash);
            go(&w, STEP);
            go(&w, end);
            assert_int_equal(orrery_state_hash(w.o), hash);
            go(&w, end - STEP);
            orrery_history_fork(w.o); /* the replay ends here */
            assert_int_equal(orrery_run(w.o, 10 * STEP), ORRERY_RUNNING);
            assert_true(orrery_finish(w.o));
            if (k + 1 < ARRAY_LEN(accels))
                orrery_free(w.o);
        }
        finish(&w);
    }
}

/* ---- disks ---- */

/* Writes a sector of the first disk through the ports, as a guest would. */
static void write_sector(struct world *w, u8 sector, u8 fill)
{
    u32 status = 0x80;

    orrery_port_out(w->o, 0x1f6, 1, 0xe0);
    orrery_port_out(w->o, 0x1f2, 1, 1);
    orrery_port_out(w->o, 0x1f3, 1, sector);
    orrery_port_out(w->o, 0x1f4, 1, 0);
    orrery_port_out(w->o, 0x1f5, 1, 0);
    orrery_port_out(w->o, 0x1f7, 1, 0x30);
    for (unsigned n = 0; n < 1000 && (status & 0x88) != 0x08; n++) {
        orrery_run(w->o, 1000);
        assert_true(orrery_port_in(w->o, 0x1f7, 1, &status));
    }
    for (unsigned n = 0; n < 256; n++)
        orrery_port_out(w->o, 0x1f0, 2, (u32)(fill | fill << 8));
    for (unsigned n = 0; n < 1000 && (status & 0x88); n++) {
        orrery_run(w->o, 1000);
        orrery_port_in(w->o, 0x1f7, 1, &status);
    }
    assert_int_equal(status & 0x89, 0);
}

static u8 in_file(const char *path, u32 sector)
{
    u8 byte = 0;
    FILE *f = fopen(path, "rb");

    assert_non_null(f);
    assert_int_equal(fseek(f, (long)sector * 512 + 100, SEEK_SET), 0);
    assert_int_equal(fread(&byte, 1, 1, f), 1);
    fclose(f);
    return byte;
}

static void test_disk(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * ARRAY_LEN(accels); i++) {
        struct world w;
        struct orrery_config config = {0};
        bool writable = i & 1;
        u64 tick[6], want[6];

        files(&w);
        config.ide[0] = (struct orrery_drive){.file = w.disk, .raw = true, .snapshot = !writable};
        start(&w, &config, accels[i / 2]);
        begin_history(&w, 0);
        for (unsigned n = 0; n < ARRAY_LEN(tick); n++) {
            tick[n] = orrery_tick(w.o);
            want[n] = orrery_state_hash(w.o);
            orrery_run(w.o, 10); /* what comes at a tick belongs to it */
            write_sector(&w, (u8)(n / 2), (u8)(0x80 + n));
            write_sector(&w, (u8)(40 + n), (u8)(0x90 + n));
            if (n == 3) { /* a moment in the middle */
                go(&w, tick[2]);
                go(&w, tick[3] + 10);
                orrery_run(w.o, 0);
                u64 first, last;
                orrery_history_range(w.o, &first, &last);
                go(&w, last);
            }
        }
        u64 end = orrery_tick(w.o), hash = orrery_state_hash(w.o);
        for (unsigned n = 0; n < 60; n++) {
            unsigned to = n * 5 % 6;
            if (n % 10 == 9) {
                go(&w, end);
                assert_int_equal(orrery_state_hash(w.o), hash);
                if (writable)
                    assert_int_equal(in_file(w.disk, 2), 0x85);
                continue;
            }
            go(&w, tick[to]);
            assert_int_equal(orrery_state_hash(w.o), want[to]);
            if (!writable)
                continue;
            assert_int_equal(in_file(w.disk, 0), to >= 2 ? 0x81 : to == 1 ? 0x80 : 0x11);
            assert_int_equal(in_file(w.disk, 40 + 4), to >= 5 ? 0x94 : 0x11);
        }
        /* Another future writes elsewhere. */
        go(&w, tick[2]);
        orrery_run(w.o, 10);
        write_sector(&w, 63, 0xee);
        go(&w, tick[1]);
        go(&w, tick[2]);
        assert_int_equal(orrery_state_hash(w.o), want[2]);
        if (writable) {
            assert_int_equal(in_file(w.disk, 63), 0x11);
            assert_int_equal(in_file(w.disk, 2), 0x11);
        }
        if (!writable)
            assert_int_equal(in_file(w.disk, 0), 0x11);
        finish(&w);
    }
}

/* ---- media ---- */

static void test_media(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(accels); i++) {
        struct world w;
        struct orrery_config config = {0};
        struct orrery_drive_state drive;
        char err[200] = "";
        u64 want[3];

        files(&w);
        start(&w, &config, accels[i]);
        begin_history(&w, 0);
        orrery_run(w.o, STEP);
        want[0] = orrery_state_hash(w.o);
        orrery_run(w.o, 10);
        if (!orrery_change(w.o, "floppy0", w.other, true, err, sizeof(err)))
            fail_msg("%s", err);
        orrery_run(w.o, STEP - 10);
        want[1] = orrery_state_hash(w.o);
        orrery_run(w.o, 10);
        assert_true(orrery_eject(w.o, "floppy0", true, err, sizeof(err)));
        orrery_run(w.o, STEP - 10);
        want[2] = orrery_state_hash(w.o);
        unlink(w.other); /* it stays open */
        for (unsigned n = 0; n < 12; n++) {
            unsigned to = n * 5 % 3;
            go(&w, (to + 1) * STEP);
            assert_true(orrery_drive_state(w.o, 0, &drive));
            assert_int_equal(!!drive.file, to == 1);
            assert_int_equal(orrery_state_hash(w.o), want[to]);
        }
        finish(&w);
    }
}

/* ---- bounds ---- */

static void test_budget(void **state)
{
    struct world w;
    struct orrery_config config = {0};
    struct orrery_history_info info;

    (void)state;
    files(&w);
    start(&w, &config, NULL);
    begin_history(&w, 20 << 20);
    for (unsigned n = 0; n < 40; n++) {
        u8 page[4096];
        memset(page, (int)n, sizeof(page));
        for (u32 k = 0; k < 200; k++)
            assert_true(orrery_write_phys(w.o, 0x100000 + k * 4096, page, sizeof(page)));
        orrery_run(w.o, STEP);
        if (n % 2)
            go(&w, orrery_tick(w.o) - 10); /* makes moments */
        orrery_history_fork(w.o);
    }
    assert_true(orrery_history_info(w.o, &info));
    assert_true(info.bytes <= info.budget);
    go(&w, info.first);
    go(&w, (info.first + info.last) / 2);
    finish(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jumps),    cmocka_unit_test(test_steps),
        cmocka_unit_test(test_run_back), cmocka_unit_test(test_fork),
        cmocka_unit_test(test_recorded), cmocka_unit_test(test_disk),
        cmocka_unit_test(test_media),    cmocka_unit_test(test_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
