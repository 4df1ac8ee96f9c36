/* For tests of the IDE controller: a board with disks, and a driver that gives them commands. The
 * disks are one file of sectors with a known pattern. */
#ifndef TESTS_IDE_DRIVER_H
#define TESTS_IDE_DRIVER_H

#include "tests/unit/devtest.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/bytes.h"
#include "devices/pci.h"
#include "devices/piix3_ide.h"
#include "mmu/phys.h"
#include "tests/fuzz/pc_setup.h"

#define SECTORS 2100
#define RAM     (4u << 20)
#define BM      0xc000
#define TABLE   0x10000u
#define BUFFER  0x100000u

enum { BUSY = 0x80, READY = 0x50, DATA = 0x58, FAILED = 0x51 };

static char path[] = "/tmp/orrery-ide-XXXXXX";

static inline u8 pattern(u64 sector, unsigned i)
{
    return (u8)(sector * 7 + (sector >> 8) + i);
}

static inline int make_disk(void **state)
{
    int fd = mkstemp(path);
    u8 data[512];

    (void)state;
    assert_true(fd >= 0);
    for (unsigned s = 0; s < SECTORS; s++) {
        for (unsigned i = 0; i < 512; i++)
            data[i] = pattern(s, i);
        assert_int_equal(write(fd, data, 512), 512);
    }
    close(fd);
    return 0;
}

static inline int remove_disk(void **state)
{
    (void)state;
    return unlink(path);
}

static inline void read_file(u64 sector, u8 *data)
{
    int fd = open(path, O_RDONLY);
    assert_int_equal(pread(fd, data, 512, (off_t)sector * 512), 512);
    close(fd);
}

/* ---- a board with disks in the places of `mask`, and a driver ---- */

static inline struct devtest *open_empty_ide(struct dev **ide)
{
    struct devtest *t = dt_open();

    t->bus->phys = phys_new(RAM);
    dt_dev(t, &dev_i440fx, NULL);
    dt_dev(t, &dev_piix3_isa, NULL);
    *ide = dt_dev(t, &dev_piix3_ide, NULL);
    dt_dev(t, &dev_piix4_pm, NULL);
    dt_dev(t, &dev_pc_setup, NULL);
    return t;
}

static inline struct devtest *open_ide(unsigned mask, bool snapshot)
{
    struct dev *ide;
    struct devtest *t = open_empty_ide(&ide);
    char err[200];

    for (unsigned n = 0; n < 4; n++) {
        if (!(mask & 1u << n))
            continue;
        struct blk *blk = blk_open(path, snapshot, err, sizeof(err));
        if (!blk)
            fail_msg("%s", err);
        piix3_ide_attach(ide, n, blk);
    }
    return t;
}

static inline void close_ide(struct devtest *t)
{
    struct phys *phys = t->bus->phys;
    dt_close(t);
    phys_free(phys);
}

static inline void command28(struct devtest *t, u8 command, u32 lba, unsigned count)
{
    dt_out(t, 0x1f2, count);
    dt_out(t, 0x1f3, lba);
    dt_out(t, 0x1f4, lba >> 8);
    dt_out(t, 0x1f5, lba >> 16);
    dt_out(t, 0x1f6, 0xe0 | (lba >> 24 & 15));
    dt_out(t, 0x1f7, command);
}

static inline void command48(struct devtest *t, u8 command, u64 lba, unsigned count)
{
    dt_out(t, 0x1f2, count >> 8);
    dt_out(t, 0x1f3, (u32)(lba >> 24));
    dt_out(t, 0x1f4, (u32)(lba >> 32));
    dt_out(t, 0x1f5, (u32)(lba >> 40));
    dt_out(t, 0x1f2, count);
    dt_out(t, 0x1f3, (u32)lba);
    dt_out(t, 0x1f4, (u32)(lba >> 8));
    dt_out(t, 0x1f5, (u32)(lba >> 16));
    dt_out(t, 0x1f6, 0x40);
    dt_out(t, 0x1f7, command);
}

/* Runs until the drive is no longer busy; its status, without acknowledging. */
static inline u8 settle(struct devtest *t)
{
    for (int i = 0; i < 1000 && dt_in(t, 0x3f6) & BUSY; i++)
        dt_step(t, 1000);
    return (u8)dt_in(t, 0x3f6);
}

static inline void expect(struct devtest *t, u8 status)
{
    u8 is = settle(t);
    if (is != status)
        fail_msg("status %02x instead of %02x, error %02x", is, status, dt_in(t, 0x1f1));
}

static inline void read_words(struct devtest *t, u8 *data, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i += 2)
        store_le(data + i, 2, bus_in(t->bus, 0x1f0, 2));
}

static inline void write_words(struct devtest *t, const u8 *data, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i += 2)
        bus_out(t->bus, 0x1f0, 2, (u32)load_le(data + i, 2));
}

static inline void check_sector(const u8 *data, u64 sector)
{
    for (unsigned i = 0; i < 512; i++) {
        if (data[i] != pattern(sector, i))
            fail_msg("sector %u byte %u is %02x", (unsigned)sector, i, data[i]);
    }
}

/* One interrupt, acknowledged by reading the status. */
static inline void take_irq(struct devtest *t)
{
    dt_script(t, "irq 14 1; edges 14 1");
    dt_in(t, 0x1f7);
    dt_script(t, "irq 14 0");
}

/* ---- the bus master ---- */

static inline void prd(struct devtest *t, u32 at, u32 addr, u32 len, bool last)
{
    phys_write(t->bus->phys, at, 4, addr);
    phys_write(t->bus->phys, at + 4, 4, (len & 0xffff) | (last ? 0x80000000u : 0));
}

static inline void start_dma(struct devtest *t, u32 table, bool to_memory)
{
    bus_out(t->bus, BM, 1, to_memory ? 8 : 0);
    bus_out(t->bus, BM + 2, 1, 6);
    bus_out(t->bus, BM + 4, 4, table);
    bus_out(t->bus, BM, 1, to_memory ? 9 : 1);
}

#endif
