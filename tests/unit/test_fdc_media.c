/* Floppy media: formats, drives, rates, write protection, changes through the journal. */
#include "devices/core/medium.h"
#include "tests/unit/fdc_rig.h"

static struct medium *slot(struct dev *fdc, unsigned n)
{
    struct medium *m = bus_find_object(fdc->bus, MEDIUM_KIND, n ? "b" : "a");
    assert_non_null(m);
    return m;
}

static void refused(struct dev *fdc, const char *path, const char *says)
{
    char err[300] = "";
    assert_false(medium_change(slot(fdc, 0), path, false, err, sizeof(err)));
    if (!strstr(err, says))
        fail_msg("'%s' does not say '%s'", err, says);
}

static void insert(struct dev *fdc, unsigned n, const char *path)
{
    char err[300];
    if (!medium_change(slot(fdc, n), path, false, err, sizeof(err)))
        fail_msg("%s", err);
}

static void eject(struct dev *fdc, unsigned n)
{
    char err[300];
    if (!medium_eject(slot(fdc, n), false, err, sizeof(err)))
        fail_msg("%s", err);
}

static void read_last(struct devtest *t, unsigned cylinders, unsigned heads, unsigned sectors)
{
    char text[64];

    snprintf(text, sizeof(text), "0f 00 %02x", cylinders - 1);
    send(t, text);
    await(t);
    send(t, "08");
    snprintf(text, sizeof(text), "20 %02x", cylinders - 1);
    result(t, text);
    dma(t, 0x46, 512);
    snprintf(text, sizeof(text), "46 %02x %02x %02x %02x 02 %02x 1b ff", (heads - 1) << 2,
             cylinders - 1, heads - 1, sectors, sectors);
    send(t, text);
    snprintf(text, sizeof(text), "%02x 00 00 %02x %02x 01 02", (heads - 1) << 2, cylinders,
             heads - 1);
    ends(t, text);
    check_buffer(t, cylinders * heads * sectors - 1, 1);
}

/* The last sector of every format is where it should be, and there is none behind it. */
static void test_formats(void **state)
{
    static const struct {
        unsigned kib, cylinders, heads, sectors, rate, type;
    } rows[] = {
        {160, 40, 1, 8, 2, 1},   {180, 40, 1, 9, 2, 1},   {320, 40, 2, 8, 2, 1},
        {360, 40, 2, 9, 2, 1},   {720, 80, 2, 9, 2, 3},   {1200, 80, 2, 15, 0, 2},
        {1440, 80, 2, 18, 0, 4}, {1680, 80, 2, 21, 0, 4}, {1722, 82, 2, 21, 0, 4},
        {2880, 80, 2, 36, 3, 5},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dev *fdc;
        struct devtest *t = open_bare(&fdc);
        char text[64];

        fill_image(image_b, rows[i].kib);
        add_drive(fdc, 0, image_b, false, true);
        assert_int_equal(floppy_type(fdc, 0), rows[i].type);
        assert_int_equal(floppy_type(fdc, 1), 0);
        assert_int_equal(floppy_bytes(fdc, 0), rows[i].kib * 1024);
        start(t);
        dt_out(t, 0x3f7, rows[i].rate);
        read_last(t, rows[i].cylinders, rows[i].heads, rows[i].sectors);
        snprintf(text, sizeof(text), "46 00 %02x 00 %02x 02 ff 1b ff", rows[i].cylinders - 1,
                 rows[i].sectors + 1);
        send(t, text);
        snprintf(text, sizeof(text), "40 04 00 %02x 00 %02x 02", rows[i].cylinders - 1,
                 rows[i].sectors + 1);
        ends(t, text);
        if (rows[i].heads == 1) { /* the other side is empty */
            send(t, "46 04 27 01 01 02 08 1b ff");
            ends(t, "44 01 00 27 01 01 02");
        }
        send(t, "0f 00 53"); /* behind the last cylinder nothing is formatted */
        await(t);
        send(t, "08");
        result(t, "20 53");
        send(t, "46 00 53 00 01 02 12 1b ff");
        ends(t, "40 01 00 53 00 01 02");
        close_fdc(t);
    }
}

/* A 360 KB disk in a 1.2 MB drive: every second track, at 300 kbit/s. */
static void test_double_steps(void **state)
{
    struct dev *fdc;
    struct devtest *t = open_bare(&fdc);

    (void)state;
    fill_image(image_b, 1200);
    add_drive(fdc, 0, image_b, false, true);
    start(t);
    fill_image(image_b, 360);
    eject(fdc, 0);
    dt_step(t, 1);
    insert(fdc, 0, image_b);
    dt_script(t, "step 1; out 3f7 1");
    send(t, "0f 00 02");
    await(t);
    send(t, "08");
    result(t, "20 02");
    dma(t, 0x46, 512);
    send(t, "46 00 01 00 01 02 09 1b ff");
    ends(t, "00 00 00 01 00 02 02");
    check_buffer(t, 18, 1);
    send(t, "cf 00 01");
    await(t);
    send(t, "08");
    result(t, "20 03");
    send(t, "46 00 01 00 01 02 09 1b ff");
    ends(t, "40 01 00 01 00 01 02");
    close_fdc(t);
}

static void test_write_protection(void **state)
{
    struct dev *fdc;
    struct devtest *t = open_bare(&fdc);
    u8 data[512];

    (void)state;
    fill_image(image_b, 1440);
    add_drive(fdc, 0, image_b, true, false);
    start(t);
    send(t, "04 00");
    result(t, "78");
    dma(t, 0x4a, 512);
    send(t, "45 00 00 00 01 02 12 1b ff");
    ends(t, "40 02 00 00 00 01 02");
    send(t, "49 00 00 00 01 02 12 1b ff");
    ends(t, "40 02 00 00 00 01 02");
    send(t, "4d 00 02 12 54 f6");
    await(t);
    result(t, "40 02 00 xx xx xx 02");
    dt_script(t, "in 4 0; in 4 0; in 5 ff; in 5 1"); /* nothing was fetched */
    dma(t, 0x46, 512);
    send(t, "46 00 00 00 01 02 12 1b ff");
    ends(t, "00 00 00 00 00 02 02");
    check_buffer(t, 0, 1);
    read_image(image_b, 0, data);
    assert_int_equal(data[1], pattern(0, 1));
    close_fdc(t);
}

static void test_disk_change(void **state)
{
    struct dev *fdc;
    struct devtest *t = open_bare(&fdc);

    (void)state;
    fill_image(image_b, 720);
    add_drive(fdc, 0, NULL, false, true);
    add_drive(fdc, 1, image_a, false, true);
    start(t);
    dt_script(t, "in 3f7 7f; out 3f2 3d; in 3f7 ff"); /* B has its first disk */
    send(t, "0f 01 01");
    await(t);
    send(t, "08");
    result(t, "21 01");
    dt_script(t, "in 3f7 7f");
    insert(fdc, 0, image_b);
    dt_script(t, "step 1; in 3f7 7f; out 3f2 3c; in 3f7 ff");
    send(t, "0f 00 00"); /* no step, no change */
    await(t);
    send(t, "08");
    result(t, "20 00");
    dt_script(t, "in 3f7 ff; out 3f7 2");
    read_last(t, 80, 2, 9);
    dt_script(t, "in 3f7 7f");
    eject(fdc, 0);
    dt_script(t, "step 1; in 3f7 ff");
    assert_int_equal(floppy_bytes(fdc, 0), 0);
    send(t, "0f 00 00"); /* and without a disk it stays */
    await(t);
    send(t, "08");
    result(t, "20 00");
    dt_script(t, "in 3f7 ff");
    /* Taken out in the middle of a write. */
    insert(fdc, 0, image_b);
    dt_step(t, 1);
    send(t, "03 df 03");
    send(t, "45 00 00 00 01 02 09 1b ff");
    dt_script(t, "step 100000; in 3f4 b0");
    eject(fdc, 0);
    dt_step(t, 1);
    for (unsigned i = 0; i < 512; i++) {
        dt_out(t, 0x3f5, i);
        dt_step(t, 200);
    }
    dt_script(t, "step 100000000; in 3f4 30; out 3f2 0; out 3f2 c; step 1000000; in 3f4 80");
    close_fdc(t);
}

static void test_refusals(void **state)
{
    struct dev *fdc;
    struct devtest *t = open_bare(&fdc);
    char err[300] = "";

    (void)state;
    fill_image(image_b, 2881);
    assert_false(floppy_add_drive(fdc, 0, image_b, "a", BLK_SNAPSHOT, err, sizeof(err)));
    assert_non_null(strstr(err, "2950144"));
    close_fdc(t);
    t = open_bare(&fdc);
    add_drive(fdc, 0, NULL, false, true);
    refused(fdc, image_b, "2950144");
    refused(fdc, "/nonexistent", "No such file");
    fill_image(image_b, 1200);
    refused(fdc, image_b, "does not fit");
    close_fdc(t);
    t = open_bare(&fdc);
    fill_image(image_b, 1440);
    assert_true(floppy_add_drive(fdc, 0, image_b, "a", BLK_SNAPSHOT, err, sizeof(err)));
    fill_image(image_b, 2880);
    refused(fdc, image_b, "does not fit");
    close_fdc(t);
}

/* The beginning of a disk: its rest is zeros, and stays so. */
static void test_short_image(void **state)
{
    struct dev *fdc;
    struct devtest *t = open_bare(&fdc);
    u8 byte = 1;

    (void)state;
    fill_image(image_b, 9);
    assert_int_equal(truncate(image_b, 17 * 512 + 100), 0); /* up to the 18th sector */
    add_drive(fdc, 0, image_b, false, false);
    assert_int_equal(floppy_type(fdc, 0), FLOPPY_1440);
    start(t);
    dma(t, 0x46, 1024);
    send(t, "c6 00 00 00 12 02 12 1b ff");
    ends(t, "04 00 00 00 01 02 02");
    assert_true(bus_dma_read(t->bus, BUFFER + 99, &byte, 1));
    assert_int_equal(byte, pattern(17, 99));
    for (unsigned i = 100; i < 1024; i += 4) {
        assert_true(bus_dma_read(t->bus, BUFFER + i, &byte, 1));
        assert_int_equal(byte, 0);
    }
    dma(t, 0x4a, 512);
    send(t, "45 04 00 01 01 02 12 1b ff");
    await(t);
    result(t, "44 xx xx 00 01 01 02");
    close_fdc(t);
}

/* What is in a drive of its own may be put into it again; into no other. */
static void test_same_image(void **state)
{
    struct dev *fdc;
    struct devtest *t = open_bare(&fdc);
    char err[300];

    (void)state;
    fill_image(image_b, 1440);
    add_drive(fdc, 0, image_b, false, false);
    add_drive(fdc, 1, NULL, false, false);
    assert_false(medium_change(slot(fdc, 1), image_b, false, err, sizeof(err)));
    assert_non_null(strstr(err, "in use"));
    fill_image(image_b, 720);
    insert(fdc, 0, image_b);
    dt_step(t, 1);
    assert_int_equal(floppy_bytes(fdc, 0), 720 * 1024);
    close_fdc(t);
}

/* The same changes at the same ticks, from the file. */
static u64 changes(struct devtest *t, struct dev *fdc, bool live)
{
    dt_step(t, 100);
    if (live)
        eject(fdc, 0);
    start(t);
    dt_script(t, "in 3f7 ff");
    if (live)
        insert(fdc, 0, image_b);
    dt_step(t, 100);
    dt_script(t, "out 3f7 2");
    read_last(t, 80, 2, 9);
    send(t, "04 00");
    result(t, "28");
    return dt_hash(t);
}

static void test_replay(void **state)
{
    char journal[] = "/tmp/orrery-fd-journal-XXXXXX";
    int fd = mkstemp(journal);
    struct dev *fdc;
    struct devtest *t = open_bare(&fdc);
    char err[200];
    u64 first;

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    fill_image(image_b, 720);
    add_drive(fdc, 0, image_a, false, true);
    if (!journal_record(t->journal, journal, "x", 0, err, sizeof(err)))
        fail_msg("%s", err);
    first = changes(t, fdc, true);
    assert_true(journal_finish(t->journal));
    close_fdc(t);
    t = open_bare(&fdc);
    add_drive(fdc, 0, image_a, false, true);
    if (!journal_replay(t->journal, journal, "x", err, sizeof(err)))
        fail_msg("%s", err);
    assert_int_equal(changes(t, fdc, false), first);
    close_fdc(t);
    unlink(journal);
}

/* ---- random commands ---- */

static u32 random_u32(u64 *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (u32)(*seed >> 33);
}

/* What a driver would send, with some bytes wrong. */
static void random_command(struct devtest *t, u64 *seed)
{
    static const u8 commands[] = {0xe6, 0x46, 0xc5, 0x45, 0x66, 0xc9, 0x4c, 0x42, 0x51, 0x59,
                                  0x5d, 0x56, 0x4d, 0x4a, 0x0f, 0x07, 0x8f, 0xcf, 0x08, 0x08,
                                  0x03, 0x13, 0x12, 0x14, 0x94, 0x04, 0x0e, 0x10};
    u32 r = random_u32(seed);
    u8 bytes[9] = {commands[r % ARRAY_LEN(commands)],
                   r >> 8 & 4,
                   0,
                   r >> 10 & 1,
                   (u8)(r >> 12 & 15),
                   2,
                   18,
                   27,
                   255};

    if (!(r >> 20 & 3))
        bytes[random_u32(seed) % 9] = (u8)random_u32(seed);
    if (bytes[0] == 0x03)
        bytes[2] = r >> 22 & 1; /* with and without DMA */
    for (unsigned i = 0; i < 9 && (dt_in(t, 0x3f4) & 0xd0) != 0xd0; i++)
        dt_out(t, 0x3f5, bytes[i]);
}

static void random_step(struct devtest *t, struct dev *fdc, u64 *seed)
{
    static const u16 ports[] = {0x3f2, 0x3f3, 0x3f4, 0x3f5, 0x3f7, 8,
                                0xa,   0xb,   0xd,   0xf,   0xd4,  0xd6};
    u32 r = random_u32(seed);

    switch (r & 15) {
    case 0: dt_step(t, r >> 8 & 0xffff); break;
    case 1: dt_step(t, r >> 4 & 0xffffff); break;
    case 2: dma(t, 0x42 + (r >> 4 & 0x3c), (r >> 8 & 0x1fff) + 1); break;
    case 3: dt_out(t, ports[(r >> 4) % ARRAY_LEN(ports)], r >> 16); break;
    case 4: dt_script(t, "out 3f2 3c; out d6 c0; out d4 0; out 3f7 0"); break;
    case 5:
        if (r >> 4 & 1)
            insert(fdc, 0, r >> 5 & 1 ? image_a : image_b);
        else if (!(r >> 5 & 3))
            eject(fdc, 0);
        dt_step(t, 1);
        break;
    case 6:
    case 7:
    case 8:
        for (u32 i = 0; i < (r >> 8 & 0x3ff); i++) {
            if (dt_in(t, 0x3f4) & 0x40)
                dt_in(t, 0x3f5);
            else
                dt_step(t, 200);
        }
        break;
    default: random_command(t, seed); break;
    }
}

/* Nothing may crash or trip a sanitizer, and the same steps give the same state. */
static u64 random_run(u64 seed)
{
    struct dev *fdc;
    struct devtest *t = open_bare(&fdc);
    u64 hash;

    add_drive(fdc, 0, NULL, false, true);
    insert(fdc, 0, image_a);
    start(t);
    for (unsigned i = 0; i < 3000; i++)
        random_step(t, fdc, &seed);
    hash = dt_hash(t);
    close_fdc(t);
    return hash;
}

static void test_random(void **state)
{
    (void)state;
    fill_image(image_b, 720);
    for (u64 seed = 1; seed <= 20; seed++) {
        u64 first = random_run(seed);
        if (random_run(seed) != first)
            fail_msg("seed %llu: two runs differ", (unsigned long long)seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats),          cmocka_unit_test(test_double_steps),
        cmocka_unit_test(test_write_protection), cmocka_unit_test(test_disk_change),
        cmocka_unit_test(test_refusals),         cmocka_unit_test(test_short_image),
        cmocka_unit_test(test_same_image),       cmocka_unit_test(test_replay),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, make_images, remove_images);
}
