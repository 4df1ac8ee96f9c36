/* QEMU's pc-testdev, for test guests: four bytes that read back what was written at port E0h, a
 * port from 2000h on for each interrupt line, and at FF000000h 64 KiB that are memory to the guest
 * and device registers to the emulator. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "devices/core/dev.h"
#include "mmu/phys.h"

#define SCRATCH_PORT 0xe0
#define LINE_PORT    0x2000
#define MEM_BASE     0xff000000u
#define MEM_SIZE     0x10000u

struct testdev {
    struct dev dev;
    u8 scratch[4];
    u8 *mem;
    u32 mem_size;
};

static const struct field testdev_fields[] = {
    FIELD_ARRAY(struct testdev, scratch),
    FIELD_MEM(struct testdev, mem, mem_size),
    FIELD_END,
};

/* An access may begin within the four bytes and end behind them. */
static u32 scratch_read(void *opaque, u16 port, unsigned size)
{
    const struct testdev *s = opaque;
    u8 bytes[8] = {0};
    memcpy(bytes, s->scratch, sizeof(s->scratch));
    return (u32)load_le(bytes + (port & 3), size);
}

static void scratch_write(void *opaque, u16 port, unsigned size, u32 value)
{
    struct testdev *s = opaque;
    for (unsigned i = 0; i < size && (port & 3) + i < sizeof(s->scratch); i++)
        s->scratch[(port & 3) + i] = (u8)(value >> (8 * i));
}

static u32 line_read(void *opaque, u16 port, unsigned size)
{
    (void)opaque;
    (void)port;
    (void)size;
    return 0;
}

static void line_write(void *opaque, u16 port, unsigned size, u32 value)
{
    struct testdev *s = opaque;
    struct irq_line line = bus_irq(s->dev.bus, port - LINE_PORT);
    (void)size;
    irq_set(&line, value != 0);
}

static u64 mem_read(void *opaque, u64 addr, unsigned size)
{
    const struct testdev *s = opaque;
    return load_le(s->mem + addr, size);
}

static void mem_write(void *opaque, u64 addr, unsigned size, u64 value)
{
    struct testdev *s = opaque;
    store_le(s->mem + addr, size, value);
}

static void testdev_reset(struct dev *dev)
{
    struct testdev *s = (struct testdev *)dev;
    memset(s->scratch, 0, sizeof(s->scratch));
    memset(s->mem, 0, s->mem_size);
}

static void testdev_destroy(struct dev *dev)
{
    free(((struct testdev *)dev)->mem);
}

static const char *testdev_init(struct dev *dev, struct bus *bus)
{
    static const struct io_ops scratch = {scratch_read, scratch_write, 1, 4};
    static const struct io_ops lines = {line_read, line_write, 1, 1};
    static const struct mmio_ops mem = {mem_read, mem_write, 1, 8};
    struct testdev *s = (struct testdev *)dev;

    s->mem_size = MEM_SIZE;
    s->mem = calloc(1, MEM_SIZE);
    if (!s->mem)
        return "out of memory";
    bus_claim_io(bus, SCRATCH_PORT, 4, &scratch, s);
    bus_claim_io(bus, LINE_PORT, BUS_IRQS, &lines, s);
    if (bus->phys)
        bus_claim_mmio(bus, MEM_BASE, MEM_SIZE, &mem, s);
    return NULL;
}

const struct dev_type dev_pc_testdev = {
    .name = "pc-testdev",
    .size = sizeof(struct testdev),
    .version = 1,
    .fields = testdev_fields,
    .init = testdev_init,
    .reset = testdev_reset,
    .destroy = testdev_destroy,
};
