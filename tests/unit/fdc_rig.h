/* For tests of the floppy controller: a board with DMA, controller and drives, and a driver whose
 * commands and results are hexadecimal text. */
#ifndef TESTS_FDC_RIG_H
#define TESTS_FDC_RIG_H

#include "tests/unit/devtest.h"

#include <fcntl.h>
#include <unistd.h>

#include "devices/core/blk.h"
#include "devices/floppy.h"
#include "devices/i8237.h"

#define RAM    (1u << 20)
#define BUFFER 0x10000u
#define MS     1000000u

static char image_a[] = "/tmp/orrery-fda-XXXXXX", image_b[] = "/tmp/orrery-fdb-XXXXXX";

static inline u8 pattern(u32 sector, unsigned i)
{
    return (u8)(sector * 5 + (sector >> 8) + i % 251);
}

static inline void fill_image(const char *path, unsigned kib)
{
    int fd = open(path, O_WRONLY | O_TRUNC);
    u8 data[512];

    assert_true(fd >= 0);
    for (u32 s = 0; s < 2 * kib; s++) {
        for (unsigned i = 0; i < 512; i++)
            data[i] = pattern(s, i);
        assert_int_equal(write(fd, data, 512), 512);
    }
    close(fd);
}

static inline int make_images(void **state)
{
    int a = mkstemp(image_a), b = mkstemp(image_b);
    (void)state;
    assert_true(a >= 0 && b >= 0);
    close(a);
    close(b);
    fill_image(image_a, 1440);
    return 0;
}

static inline int remove_images(void **state)
{
    (void)state;
    return unlink(image_a) + unlink(image_b);
}

static inline void read_image(const char *path, u32 sector, u8 *data)
{
    int fd = open(path, O_RDONLY);
    assert_int_equal(pread(fd, data, 512, (off_t)sector * 512), 512);
    close(fd);
}

/* ---- a board ---- */

/* Without drives, held in reset as after power-on. */
static inline struct devtest *open_bare(struct dev **fdc)
{
    struct devtest *t = dt_open();

    t->bus->phys = phys_new(RAM);
    assert_non_null(t->bus->phys);
    dt_dev(t, &dev_i8237, NULL);
    *fdc = dt_dev(t, &dev_fdc, NULL);
    dt_script(t, "out d6 c0; out d4 0");
    return t;
}

static inline void add_drive(struct dev *fdc, unsigned n, const char *path, bool read_only,
                             bool snapshot)
{
    unsigned mode = read_only ? BLK_READONLY : snapshot ? BLK_SNAPSHOT : BLK_WRITABLE;
    char err[300];
    if (!floppy_add_drive(fdc, n, path, n ? "b" : "a", mode, err, sizeof(err)))
        fail_msg("%s", err);
}

static inline void close_fdc(struct devtest *t)
{
    struct phys *phys = t->bus->phys;
    dt_close(t);
    phys_free(phys);
}

/* ---- a driver ---- */

static inline void send(struct devtest *t, const char *text)
{
    unsigned byte;
    int used;

    for (; sscanf(text, " %2x%n", &byte, &used) == 1; text += used) {
        if ((dt_in(t, 0x3f4) & 0xc0) != 0x80)
            fail_msg("at '%s' the controller takes nothing: status %02x", text, dt_in(t, 0x3f4));
        dt_out(t, 0x3f5, byte);
    }
}

/* The result phase gives these bytes and ends; "xx" is any. */
static inline void result(struct devtest *t, const char *text)
{
    char got[64] = "";
    const char *at = text;

    while ((dt_in(t, 0x3f4) & 0xd0) == 0xd0 && strlen(got) < 60)
        snprintf(got + strlen(got), 4, "%s%02x", *got ? " " : "", dt_in(t, 0x3f5));
    for (char *p = got; *p && *at == (*at == 'x' ? 'x' : *p); p++)
        at++;
    if (*at || strlen(got) != strlen(text))
        fail_msg("result '%s', not '%s'", got, text);
}

/* Runs until the controller interrupts. */
static inline void await(struct devtest *t)
{
    for (int i = 0; i < 2000 && !t->level[6]; i++)
        dt_step(t, 10000);
    if (!t->level[6])
        fail_msg("no interrupt; status %02x", dt_in(t, 0x3f4));
}

static inline void ends(struct devtest *t, const char *text)
{
    await(t);
    result(t, text);
    assert_false(t->level[6]);
}

/* DMA channel 2, mode 46h: to memory, 4Ah: from memory, 42h: verify. */
static inline void dma(struct devtest *t, unsigned mode, unsigned bytes)
{
    char script[200];
    snprintf(script, sizeof(script),
             "out a 6; out b %x; out 81 1; out c 0; out 4 0; out 4 0; out 5 %x; out 5 %x; out a 2",
             mode, (bytes - 1) & 0xff, (bytes - 1) >> 8);
    dt_script(t, script);
}

/* Ends a reset, takes its four interrupts, sets the times, DMA mode and data rate, and turns both
 * drives on, with A selected. */
static inline void start(struct devtest *t)
{
    dt_out(t, 0x3f2, 0);
    t->rises[6] = 0;
    dt_script(t, "out 3f2 3c; in 3f4 0");
    await(t);
    for (unsigned unit = 0; unit < 4; unit++) {
        char text[8];
        snprintf(text, sizeof(text), "c%u 00", unit);
        assert_true(t->level[6]);
        send(t, "08");
        result(t, text);
    }
    assert_false(t->level[6]);
    send(t, "08");
    result(t, "80");
    send(t, "03 df 02");
    dt_script(t, "out 3f7 0; in 3f4 80; edges 6 1");
}

static inline void check_buffer(struct devtest *t, u32 sector, u32 count)
{
    u8 data[512];
    for (u32 s = 0; s < count; s++) {
        assert_true(bus_dma_read(t->bus, BUFFER + s * 512, data, 512));
        for (unsigned i = 0; i < 512; i++)
            if (data[i] != pattern(sector + s, i))
                fail_msg("sector %u, byte %u: %02x", sector + s, i, data[i]);
    }
}

/* A 1.44 MB disk in drive A, ready; -snapshot. */
static inline struct devtest *open_fdc(void)
{
    struct dev *fdc;
    struct devtest *t = open_bare(&fdc);
    add_drive(fdc, 0, image_a, false, true);
    start(t);
    return t;
}

/* Without DMA: takes or gives the bytes of the data phase, as far as it goes. */
static inline u32 pio_in(struct devtest *t, u8 *data, u32 len)
{
    u32 done = 0;
    for (int idle = 0; idle < 10000 && done < len;) {
        u8 status = (u8)dt_in(t, 0x3f4);
        if ((status & 0xf0) == 0xf0)
            data[done++] = (u8)dt_in(t, 0x3f5);
        else if ((status & 0xf0) == 0xd0)
            break;
        else
            dt_step(t, 100), idle++;
    }
    return done;
}

static inline u32 pio_out(struct devtest *t, const u8 *data, u32 len)
{
    u32 done = 0;
    for (int idle = 0; idle < 10000 && done < len;) {
        u8 status = (u8)dt_in(t, 0x3f4);
        if ((status & 0xf0) == 0xb0)
            dt_out(t, 0x3f5, data[done++]);
        else if ((status & 0xf0) == 0xd0)
            break;
        else
            dt_step(t, 100), idle++;
    }
    return done;
}

#endif
