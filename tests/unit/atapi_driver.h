/* The CD-ROM drive as a driver uses it, for its tests: a board with one, whose disc is the file of
 * tests/unit/ide_driver.h, and packet commands by PIO. `other` is a small disc to change to. */
#ifndef TESTS_ATAPI_DRIVER_H
#define TESTS_ATAPI_DRIVER_H

#include "tests/unit/ide_driver.h"

#include "devices/core/medium.h"

#define CD_SECTORS_N (SECTORS / 4) /* of the same file */
#define NAME         "cd0"

static u8 answer[65536] DT_UNUSED;
static unsigned answered DT_UNUSED; /* bytes of the last command */

/* A board with a CD-ROM drive as primary master; without the unit attention of power-on. */
static inline struct devtest *open_cd_with(const char *file, bool ready)
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

static inline struct devtest *open_cd(void)
{
    return open_cd_with(path, true);
}

static inline struct medium *slot(struct devtest *t)
{
    struct medium *m = bus_find_object(t->bus, MEDIUM_KIND, NAME);
    assert_non_null(m);
    return m;
}

/* Parses "28 0 0 0 ..." into a packet, zero behind what is given. */
static inline void parse(const char *text, u8 *cdb)
{
    unsigned n = 0;
    char *end;

    memset(cdb, 0, 12);
    for (; n < 12 && *text; n++, text = end)
        cdb[n] = (u8)strtoul(text, &end, 16);
}

/* Gives a packet, up to the moment when the drive has looked at it. */
static inline u8 give(struct devtest *t, const char *text, unsigned limit, bool dma)
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
static inline u8 packet(struct devtest *t, const char *text, unsigned limit)
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

static inline void good(struct devtest *t, const char *text, unsigned bytes)
{
    u8 status = packet(t, text, 0xfffe);
    if (status != READY || answered != bytes)
        fail_msg("'%s': status %02x, error %02x, %u bytes", text, status, dt_in(t, 0x1f1),
                 answered);
}

/* Ends with this sense: key, code, qualifier. */
static inline void refused(struct devtest *t, const char *text, u8 key, u8 asc, u8 ascq)
{
    u8 status = packet(t, text, 0xfffe), error = (u8)dt_in(t, 0x1f1);

    if (status != FAILED || error >> 4 != key || answered)
        fail_msg("'%s': status %02x, error %02x", text, status, error);
    good(t, "3 0 0 0 12", 18);
    if ((answer[2] & 15) != key || answer[12] != asc || answer[13] != ascq)
        fail_msg("'%s': sense %x %02x %02x", text, answer[2], answer[12], answer[13]);
    assert_int_equal(answer[7], 10);
}

static inline void check_user(const u8 *data, u32 lba)
{
    for (unsigned i = 0; i < 4; i++)
        check_sector(data + 512 * i, 4 * lba + i);
}

static char other[] = "/tmp/orrery-cd2-XXXXXX";

static inline int make_other(void **state)
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

static inline int remove_other(void **state)
{
    unlink(other);
    return remove_disk(state);
}

#endif
