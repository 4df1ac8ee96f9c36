/* For tests of virtio devices: a board with one, and a small driver that knows both interfaces.
 * Ring n has QUEUE descriptors and lies at RINGS + n * RING_BYTES, laid out as the legacy interface
 * has it, which the modern one allows. */
#ifndef TESTS_VIRTIO_DRIVER_H
#define TESTS_VIRTIO_DRIVER_H

#include "tests/unit/devtest.h"

#include "base/bytes.h"
#include "devices/pci.h"
#include "devices/virtio.h"
#include "tests/fuzz/pc_setup.h"

#define RAM        (4u << 20)
#define RINGS      0x10000u
#define RING_BYTES 0x4000u
#define IO         0xc100u /* where pc_setup puts the first device's bars */
#define MEM        0xfe000000u
#define PIRQ_LINE  11 /* slot 3, INTA */

enum { NEXT = 1, WRITE = 2, INDIRECT = 4 };
enum { COMMON = MEM, ISR = MEM + 0x1000, DEVICE = MEM + 0x2000, NOTIFY = MEM + 0x3000 };

struct vdriver {
    struct devtest *t;
    bool modern;
    u16 size[VIRTIO_QUEUES]; /* of the rings */
    u16 avail[VIRTIO_QUEUES], used[VIRTIO_QUEUES];
};

/* ---- guest memory ---- */

static inline void put16(struct vdriver *d, u32 at, u32 value)
{
    phys_write(d->t->bus->phys, at, 2, value);
}

static inline void put32(struct vdriver *d, u32 at, u32 value)
{
    phys_write(d->t->bus->phys, at, 4, value);
}

static inline u32 get16(struct vdriver *d, u32 at)
{
    return (u32)phys_read(d->t->bus->phys, at, 2);
}

static inline u32 get32(struct vdriver *d, u32 at)
{
    return (u32)phys_read(d->t->bus->phys, at, 4);
}

static inline u32 get8(struct vdriver *d, u32 at)
{
    return (u32)phys_read(d->t->bus->phys, at, 1);
}

/* ---- the parts of a ring ---- */

static inline u32 desc_at(unsigned q, unsigned n)
{
    return RINGS + q * RING_BYTES + 16 * n;
}

static inline u32 avail_at(struct vdriver *d, unsigned q)
{
    return desc_at(q, d->size[q]);
}

static inline u32 used_at(struct vdriver *d, unsigned q)
{
    return (avail_at(d, q) + 4 + 2u * d->size[q] + 2 + 4095) & ~4095u;
}

static inline void set_desc(struct vdriver *d, u32 at, u64 addr, u32 len, u32 flags, u32 next)
{
    put32(d, at, (u32)addr);
    put32(d, at + 4, (u32)(addr >> 32));
    put32(d, at + 8, len);
    put16(d, at + 12, flags);
    put16(d, at + 14, next);
}

static inline void kick(struct vdriver *d, unsigned q)
{
    if (d->modern)
        phys_write(d->t->bus->phys, NOTIFY + 4 * q, 2, q);
    else
        bus_out(d->t->bus, IO + 0x10, 2, q);
}

/* Makes the chain that begins with descriptor `head` available. */
static inline void offer(struct vdriver *d, unsigned q, u32 head)
{
    put16(d, avail_at(d, q) + 4 + 2 * (d->avail[q] % d->size[q]), head);
    put16(d, avail_at(d, q) + 2, ++d->avail[q]);
}

/* The next chain that came back: its head, and how many bytes were written. -1: none. */
static inline int collect(struct vdriver *d, unsigned q, u32 *len)
{
    u32 at = used_at(d, q) + 4 + 8 * (d->used[q] % d->size[q]);

    if (d->used[q] == get16(d, used_at(d, q) + 2))
        return -1;
    d->used[q]++;
    *len = get32(d, at + 4);
    return (int)get32(d, at);
}

/* ---- the device ---- */

static inline u32 read_status(struct vdriver *d)
{
    return d->modern ? get8(d, COMMON + 0x14) : bus_in(d->t->bus, IO + 0x12, 1);
}

static inline void write_status(struct vdriver *d, u32 value)
{
    if (d->modern)
        phys_write(d->t->bus->phys, COMMON + 0x14, 1, value);
    else
        bus_out(d->t->bus, IO + 0x12, 1, value);
}

static inline u32 read_isr(struct vdriver *d)
{
    return d->modern ? get8(d, ISR) : bus_in(d->t->bus, IO + 0x13, 1);
}

/* A byte of the device's own configuration. */
static inline u32 config_byte(struct vdriver *d, unsigned n)
{
    return d->modern ? get8(d, DEVICE + n) : bus_in(d->t->bus, (u16)(IO + 0x14 + n), 1);
}

static inline void agree_on(struct vdriver *d, u64 features)
{
    if (!d->modern) {
        bus_out(d->t->bus, IO + 4, 4, (u32)features);
        return;
    }
    put32(d, COMMON + 8, 0);
    put32(d, COMMON + 0xc, (u32)features);
    put32(d, COMMON + 8, 1);
    put32(d, COMMON + 0xc, (u32)(features >> 32) | 1);
    write_status(d, 11);
    assert_int_equal(read_status(d), 11);
}

static inline void set_up_modern(struct vdriver *d, unsigned q)
{
    put16(d, COMMON + 0x16, q);
    d->size[q] = (u16)get16(d, COMMON + 0x18);
    put32(d, COMMON + 0x20, desc_at(q, 0));
    put32(d, COMMON + 0x28, avail_at(d, q));
    put32(d, COMMON + 0x30, used_at(d, q));
    put16(d, COMMON + 0x1c, 1);
    assert_int_equal(get16(d, COMMON + 0x1c), 1);
}

static inline void set_up_legacy(struct vdriver *d, unsigned q)
{
    bus_out(d->t->bus, IO + 0xe, 2, q);
    d->size[q] = (u16)bus_in(d->t->bus, IO + 0xc, 2);
    bus_out(d->t->bus, IO + 8, 4, desc_at(q, 0) >> 12);
    assert_int_equal(bus_in(d->t->bus, IO + 8, 4), desc_at(q, 0) >> 12);
}

/* From reset to a running device with `queues` empty rings. */
static inline void start(struct vdriver *d, unsigned queues, u64 features)
{
    static const u8 zeros[RING_BYTES];

    memset(d->avail, 0, sizeof(d->avail));
    memset(d->used, 0, sizeof(d->used));
    write_status(d, 0);
    assert_int_equal(read_status(d), 0);
    write_status(d, 3);
    agree_on(d, features);
    for (unsigned q = 0; q < queues; q++) {
        bus_dma_write(d->t->bus, desc_at(q, 0), zeros, sizeof(zeros));
        if (d->modern)
            set_up_modern(d, q);
        else
            set_up_legacy(d, q);
        assert_in_range(d->size[q], 1, VIRTIO_QUEUE_SIZE);
    }
    write_status(d, d->modern ? 15 : 7);
}

/* A board with chip set and interrupt controllers; then add devices and call virtio_board(). */
static inline struct devtest *open_virtio(void)
{
    struct devtest *t = dt_open();

    t->bus->phys = phys_new(RAM);
    dt_dev(t, &dev_i8259, NULL);
    dt_dev(t, &dev_i440fx, NULL);
    dt_dev(t, &dev_piix3_isa, NULL);
    dt_dev(t, &dev_piix3_ide, NULL);
    dt_dev(t, &dev_piix4_pm, NULL);
    return t;
}

static inline void virtio_board(struct devtest *t)
{
    dt_dev(t, &dev_pc_setup, NULL);
}

static inline void close_virtio(struct devtest *t)
{
    struct phys *phys = t->bus->phys;

    dt_close(t);
    phys_free(phys);
}

#endif
