/* A byte chooses an action, those after it say with what: a port from a table of those that matter,
 * a register of a PCI function wherever it is mapped now, a piece of memory for DMA, a step of
 * time. Some actions are several ops that a driver would do together (a disk command, a virtio
 * request), with parts left to chance, because chance alone would take too long to find them. */
#include "tests/fuzz/decode.h"

#include <string.h>

#include "base/bytes.h"
#include "devices/pci.h"

#define RING_SLOTS 16
#define RINGS      0x20000u
#define RING_BYTES 0x4000u
#define BUFFERS    0x100000u /* 256 of 256 bytes; beyond them nothing lies */
#define TABLE      0x10000u  /* of a bus master, of descriptors */

struct source {
    struct board *board;
    struct devtest *t;
    const u8 *data;
    size_t left;
    void (*each)(void *opaque, const struct op *op);
    void *opaque;
    u16 avail[RING_SLOTS]; /* requests that were offered */
};

static u32 take(struct source *s, unsigned size)
{
    u32 value = 0;

    for (unsigned i = 0; i < size && s->left; i++, s->left--)
        value |= (u32)*s->data++ << (8 * i);
    return value;
}

/* ---- ops ---- */

static void emit(struct source *s, const struct op *op)
{
    char err[200];

    if (s->each)
        s->each(s->opaque, op);
    board_run(s->board, op, err, sizeof(err));
}

static void out(struct source *s, u32 port, unsigned size, u32 value)
{
    value &= size == 4 ? 0xffffffff : (1u << (8 * size)) - 1;
    emit(s, &(struct op){.kind = OP_OUT, .size = size, .at = port & 0xffff, .value = value});
}

static void in(struct source *s, u32 port, unsigned size)
{
    emit(s, &(struct op){.kind = OP_IN, .size = size, .at = port & 0xffff});
}

static void write_at(struct source *s, u32 at, unsigned size, u32 value)
{
    value &= size == 4 ? 0xffffffff : (1u << (8 * size)) - 1;
    emit(s, &(struct op){.kind = OP_WRITE, .size = size, .at = at, .value = value});
}

static void read_at(struct source *s, u32 at, unsigned size)
{
    emit(s, &(struct op){.kind = OP_READ, .size = size, .at = at});
}

static void number_op(struct source *s, enum op_kind kind, u64 at)
{
    emit(s, &(struct op){.kind = kind, .at = at});
}

static void memory(struct source *s, u32 at, const void *bytes, unsigned size)
{
    struct op op = {.kind = OP_MEM, .size = size, .at = at};

    memcpy(op.bytes, bytes, size);
    emit(s, &op);
}

static void pci_write(struct source *s, unsigned devfn, unsigned reg, unsigned size, u32 value)
{
    out(s, 0xcf8, 4, 0x80000000u | devfn << 8 | (reg & 0xfc));
    out(s, 0xcfc + (reg & 3 & ~(size - 1)), size, value);
}

/* ---- accesses ---- */

/* Most are of a byte. */
static unsigned access_size(u32 chance)
{
    static const u8 sizes[] = {1, 1, 1, 1, 1, 2, 2, 4};
    return sizes[chance % ARRAY_LEN(sizes)];
}

/* Byte values more often than full ones. */
static u32 access_value(struct source *s, unsigned size)
{
    return take(s, size);
}

static void access_port(struct source *s, u32 port)
{
    u32 how = take(s, 1);
    unsigned size = access_size(how >> 1);

    if (how & 1)
        out(s, port, size, access_value(s, size));
    else
        in(s, port, size);
}

static void access_memory(struct source *s, u32 at)
{
    static const u8 sizes[] = {4, 4, 2, 1};
    u32 how = take(s, 1);
    unsigned size = sizes[how >> 1 & 3];

    if (how & 1)
        write_at(s, at, size, access_value(s, size));
    else
        read_at(s, at, size);
}

static void do_port(struct source *s)
{
    static const u16 ports[] = {
        0x00,  0x01,  0x02,  0x03,   0x04,   0x05,   0x08,   0x09,   0x0a,   0x0b,   0x0c,   0x0d,
        0x0e,  0x0f,  0x20,  0x21,   0x40,   0x41,   0x42,   0x43,   0x60,   0x61,   0x64,   0x70,
        0x71,  0x80,  0x81,  0x83,   0x87,   0x92,   0xa0,   0xa1,   0xb2,   0xb3,   0xc0,   0xc4,
        0xc6,  0xd0,  0xd2,  0xd4,   0xd6,   0xd8,   0xda,   0xdc,   0xde,   0xe0,   0xe9,   0xf0,
        0x170, 0x171, 0x172, 0x173,  0x174,  0x175,  0x176,  0x177,  0x1ce,  0x1cf,  0x1d0,  0x1f0,
        0x1f1, 0x1f2, 0x1f3, 0x1f4,  0x1f5,  0x1f6,  0x1f7,  0x278,  0x2e8,  0x2e9,  0x2f8,  0x2f9,
        0x300, 0x310, 0x31f, 0x376,  0x378,  0x379,  0x37a,  0x388,  0x3b4,  0x3b5,  0x3ba,  0x3c0,
        0x3c1, 0x3c2, 0x3c3, 0x3c4,  0x3c5,  0x3c6,  0x3c7,  0x3c8,  0x3c9,  0x3ca,  0x3cc,  0x3ce,
        0x3cf, 0x3d4, 0x3d5, 0x3da,  0x3f0,  0x3f1,  0x3f2,  0x3f3,  0x3f4,  0x3f5,  0x3f6,  0x3f7,
        0x3f8, 0x3f9, 0x3fa, 0x3fb,  0x3fc,  0x3fd,  0x3fe,  0x3ff,  0x4d0,  0x4d1,  0x501,  0x502,
        0x510, 0x511, 0x514, 0x518,  0x600,  0x601,  0x602,  0x604,  0x608,  0x620,  0x700,  0xcf8,
        0xcf9, 0xcfc, 0xcfe, 0xc000, 0xc002, 0xc004, 0xc008, 0xc00a, 0xc00c, 0x2000, 0x2003, 0x200f,
    };

    access_port(s, ports[take(s, 1) % ARRAY_LEN(ports)]);
}

static void do_any_port(struct source *s)
{
    access_port(s, take(s, 2));
}

/* Index and data in one: VGA, its extension, CMOS RAM, fw_cfg. */
static void do_indexed(struct source *s)
{
    static const u16 ports[] = {0x3c4, 0x3ce, 0x3d4, 0x1ce, 0x70, 0x510, 0xcf8};
    unsigned n = take(s, 1) % ARRAY_LEN(ports);

    if (n < 3) {
        out(s, ports[n], 2, take(s, 2));
    } else if (n == 3) {
        out(s, 0x1ce, 2, take(s, 1) % 12);
        out(s, 0x1cf, 2, take(s, 2));
    } else if (n == 4) {
        out(s, 0x70, 1, take(s, 1));
        out(s, 0x71, 1, take(s, 1));
    } else if (n == 5) {
        out(s, 0x510, 2, take(s, 1) & 0x3f);
        in(s, 0x511, 1);
    } else {
        out(s, 0xcf8, 4, 0x80000000u | (take(s, 2) & 0x3ffc));
    }
}

static void do_registers(struct source *s)
{
    static const struct {
        u32 base, mask;
    } areas[] = {{0xfee00000, 0xfff}, {0xfec00000, 0x1f},    {0xfed00000, 0x1ff},
                 {0xa0000, 0xffff},   {0xb0000, 0xffff},     {0xfebf0000, 0xfff},
                 {0xf0000, 0xffff},   {0xfd000000, 0xffffff}};
    unsigned n = take(s, 1) % ARRAY_LEN(areas);

    access_memory(s, areas[n].base + (take(s, 2) & areas[n].mask));
}

/* The n-th function that there is, counted round. */
static struct pci_func *some_function(struct source *s)
{
    struct pci_bus *pci = pci_find(s->t->bus);
    unsigned n = take(s, 1), count = 0;

    for (unsigned i = 0; i < ARRAY_LEN(pci->func); i++)
        count += pci->func[i] != NULL;
    n %= count;
    for (unsigned i = 0; i < ARRAY_LEN(pci->func); i++) {
        if (pci->func[i] && n-- == 0)
            return pci->func[i];
    }
    return NULL;
}

static void do_bar(struct source *s)
{
    const struct pci_func *f = some_function(s);
    const struct pci_bar *bar = &f->bar[take(s, 1) % PCI_BARS];
    u32 offset = take(s, 2);

    if (!bar->at)
        return;
    if (bar->io)
        access_port(s, bar->at + offset % bar->size);
    else
        access_memory(s, bar->at + offset % bar->size);
}

static void do_config(struct source *s)
{
    static const u8 regs[] = {0x04, 0x10, 0x14, 0x18, 0x1c, 0x20, 0x24, 0x3c, 0x0c,
                              0x40, 0x60, 0x62, 0x72, 0x80, 0x88, 0x8c, 0x90, 0x94};
    const struct pci_func *f = some_function(s);
    u32 how = take(s, 1), reg = take(s, 1);
    unsigned size = how & 2 ? 4 : how & 4 ? 2 : 1;

    reg = how & 1 ? regs[reg % ARRAY_LEN(regs)] : reg;
    if (how & 8) {
        out(s, 0xcf8, 4, 0x80000000u | (u32)f->devfn << 8 | (reg & 0xfc));
        in(s, 0xcfc + (reg & 3 & ~(size - 1)), size);
        return;
    }
    pci_write(s, f->devfn, reg, size, take(s, size));
}

static void do_memory(struct source *s)
{
    u8 bytes[16];
    u32 at = take(s, 2) * 16, size = take(s, 1) % sizeof(bytes) + 1;

    for (u32 i = 0; i < size; i++)
        bytes[i] = (u8)take(s, 1);
    memory(s, at, bytes, size);
}

/* ---- time and wires ---- */

static void do_step(struct source *s)
{
    static const u32 steps[] = {1,     100,    900,     5000,    20000,
                                50000, 200000, 1000000, 5000000, 20000000};

    number_op(s, OP_STEP, steps[take(s, 1) % ARRAY_LEN(steps)]);
}

static void do_ack(struct source *s)
{
    number_op(s, OP_ACK, 0);
}

static void do_line(struct source *s)
{
    u32 how = take(s, 1);

    number_op(s, how & 0x80 ? OP_RAISE : OP_LOWER, (how & 0x7f) % BUS_GSIS);
}

static void do_apic(struct source *s)
{
    static const u32 bases[] = {0xfee00900, 0x5900, 0xfee00100, 0xfed00900, 0xfec00900, 0xfe000900};
    u32 how = take(s, 1);

    if (how & 1)
        number_op(s, OP_DEADLINE, s->t->ticks + take(s, 3));
    else
        number_op(s, OP_BASE, bases[(how >> 1) % ARRAY_LEN(bases)]);
}

static void do_reset(struct source *s)
{
    if (take(s, 1) < 32)
        number_op(s, OP_RESET, 0);
}

static void do_input(struct source *s)
{
    static const char *const channels[] = {"com1",
                                           "com2",
                                           "paced",
                                           "keyboard",
                                           "mouse",
                                           "rtc",
                                           "power-button",
                                           "virtconsole",
                                           "virtserialport",
                                           "virtio-rng-pci",
                                           "net virtio-net-pci",
                                           "medium ide1-cd0",
                                           "medium floppy0"};
    struct op op = {.kind = OP_INPUT};

    strcpy(op.name, channels[take(s, 1) % ARRAY_LEN(channels)]);
    op.size = take(s, 1) % OP_BYTES + 1;
    if (!strncmp(op.name, "medium ", 7)) /* a wish to have it out; no path to another */
        op.size = 1;
    for (unsigned i = 0; i < op.size; i++)
        op.bytes[i] = (u8)take(s, 1);
    emit(s, &op);
}

/* ---- what drivers do ---- */

/* An IDE command with its registers; a bus master's table with two descriptors at TABLE. */
static void do_ide(struct source *s)
{
    static const u8 commands[] = {0x20, 0x30, 0xc4, 0xc5, 0xc6, 0xc8, 0xca, 0x25, 0x35, 0xec, 0xa1,
                                  0xa0, 0xef, 0x91, 0xe7, 0x08, 0x90, 0x40, 0x70, 0xe0, 0xe1, 0xf8};
    u32 how = take(s, 1), base = how & 1 ? 0x170 : 0x1f0, bm = 0xc000 + (how & 1 ? 8 : 0);
    u8 prd[16] = {0};

    out(s, base + 6, 1, take(s, 1));
    out(s, base + 1, 1, how >> 6);
    out(s, base + 2, 1, take(s, 1));
    out(s, base + 3, 1, take(s, 1));
    out(s, base + 4, 1, how & 2 ? take(s, 1) : 0);
    out(s, base + 5, 1, how & 4 ? take(s, 1) : 0);
    store_le(prd, 4, BUFFERS + 256 * take(s, 1));
    store_le(prd + 4, 4, take(s, 2));
    store_le(prd + 8, 4, BUFFERS + 256 * take(s, 1));
    store_le(prd + 12, 4, take(s, 2) | 0x80000000);
    memory(s, TABLE, prd, sizeof(prd));
    out(s, bm + 4, 4, TABLE);
    out(s, base + 7, 1, commands[take(s, 1) % ARRAY_LEN(commands)]);
    if (how & 16)
        number_op(s, OP_STEP, 2000000);
    out(s, bm, 1, how & 8 ? 9 : 1);
}

/* A floppy command with its parameters, the DMA channel set up for it, the motor on. */
static void do_floppy(struct source *s)
{
    static const u8 commands[][2] = {{0x46, 9}, {0x45, 9}, {0x4a, 2}, {0x4d, 6}, {0x07, 2},
                                     {0x0f, 3}, {0x08, 1}, {0x03, 3}, {0x04, 2}, {0x42, 9},
                                     {0x51, 9}, {0x0e, 1}, {0x10, 1}, {0x13, 4}, {0x12, 2},
                                     {0x14, 1}, {0x49, 9}, {0x4c, 9}};
    u32 how = take(s, 1), n = take(s, 1) % ARRAY_LEN(commands), count = take(s, 2);

    out(s, 0x3f2, 1, how & 1 ? 0x1c : 0x2d);
    out(s, 0x0c, 1, 0);
    out(s, 0x0b, 1, how & 2 ? 0x46 : 0x4a);
    out(s, 0x04, 1, 0);
    out(s, 0x04, 1, take(s, 1));
    out(s, 0x81, 1, how >> 4);
    out(s, 0x05, 1, count);
    out(s, 0x05, 1, count >> 8);
    out(s, 0x0a, 1, 2);
    out(s, 0x3f5, 1, commands[n][0]);
    for (unsigned i = 1; i < commands[n][1]; i++)
        out(s, 0x3f5, 1, take(s, 1));
    if (how & 4)
        number_op(s, OP_STEP, 20000000);
}

/* The sound card: a DSP command with arguments that make sense together, FM registers, the mixer,
 * its DMA channels ready to go. */
static void do_sound(struct source *s)
{
    static const u8 starts[] = {0x14, 0x17, 0x1c, 0x2c, 0x75, 0x77, 0x80, 0x90, 0xb0,
                                0xb6, 0xbe, 0xc0, 0xc6, 0xce, 0xc4, 0x1f, 0x40, 0x41};
    u32 how = take(s, 1), value = take(s, 2);

    if (how & 8) {
        out(s, 0xd6, 1, 0xc0);
        out(s, 0xd4, 1, 0);
        out(s, 0x0b, 1, how & 16 ? 0x59 : 0x55);
        out(s, 0xd6, 1, 0x59);
        out(s, 0x0f, 1, 0);
    }
    if (how & 4) {
        out(s, how & 1 ? 0x388 : 0x222, 1, value & 0xff);
        out(s, how & 1 ? 0x389 : 0x223, 1, value >> 8);
        return;
    }
    if (how & 2) {
        out(s, 0x224, 2, value);
        return;
    }
    out(s, 0x22c, 1, starts[take(s, 1) % ARRAY_LEN(starts)]);
    out(s, 0x22c, 1, value & 0xff);
    out(s, 0x22c, 1, value >> 8);
    out(s, 0x22c, 1, take(s, 1));
}

/* A command packet for the CD-ROM drive that waits for one. */
static void do_packet(struct source *s)
{
    for (unsigned i = 0; i < 6; i++)
        out(s, 0x170, 2, take(s, i < 5 ? 2 : 1));
}

/* A virtio function, and one of its queues. */
struct ring {
    struct pci_func *f;
    u32 io, mem; /* where its bars are */
    unsigned queue, slot;
    u32 size, desc, avail, used;
};

static bool find_ring(struct source *s, struct ring *r)
{
    struct pci_bus *pci = pci_find(s->t->bus);
    u32 which = take(s, 1), n = 0;

    r->f = NULL;
    for (unsigned i = 0; i < ARRAY_LEN(pci->func); i++) {
        if (pci->func[i] && load_le(pci->func[i]->config, 2) == 0x1af4 && n++ <= (which & 3))
            r->f = pci->func[i];
    }
    if (!r->f)
        return false;
    r->io = r->f->bar[0].at;
    r->mem = r->f->bar[4].at;
    r->queue = which >> 2 & 7;
    r->slot = (which & 3) * 4 + (r->queue & 3);
    if (!r->io)
        return false;
    out(s, r->io + 0xe, 2, r->queue);
    r->size = bus_in(s->t->bus, (u16)(r->io + 0xc), 2);
    r->desc = RINGS + r->slot * RING_BYTES;
    r->avail = r->desc + 16 * r->size;
    r->used = (r->avail + 6 + 2 * r->size + 4095) & ~4095u;
    return r->size;
}

/* From a reset to a queue that works, by either interface. */
static void do_virtio_start(struct source *s)
{
    static const u8 zeros[OP_BYTES];
    struct ring r;
    u32 features = take(s, 2);

    if (!find_ring(s, &r))
        return;
    if (features & 0x8000)
        out(s, r.io + 0x12, 1, 0);
    s->avail[r.slot] = 0;
    memory(s, r.avail, zeros, 8);
    memory(s, r.used, zeros, 8);
    out(s, r.io + 4, 4, (features & 0x7fff) | (features & 3) << 28);
    if (!r.mem || !(features & 0x4000)) {
        out(s, r.io + 8, 4, r.desc >> 12);
        out(s, r.io + 0x12, 1, 7);
        return;
    }
    write_at(s, r.mem + 8, 4, 1);
    write_at(s, r.mem + 12, 4, 1);
    write_at(s, r.mem + 0x20, 4, r.desc);
    write_at(s, r.mem + 0x28, 4, r.avail);
    write_at(s, r.mem + 0x30, 4, r.used);
    write_at(s, r.mem + 0x1c, 2, 1);
    write_at(s, r.mem + 0x14, 1, 15);
}

static void descriptor(struct source *s, u32 at)
{
    u8 d[16];
    u32 how = take(s, 1), len = take(s, how & 0x40 ? 2 : 1);

    store_le(d, 8, BUFFERS + 256 * take(s, 1));
    if (how & 0x80)
        len = len << 9;
    store_le(d + 8, 4, len);
    store_le(d + 12, 2, how & 7);
    store_le(d + 14, 2, how >> 3 & 7);
    memory(s, at, d, sizeof(d));
}

/* A request: descriptors, the head of its data, the index, a notification. */
static void do_virtio_request(struct source *s)
{
    struct ring r;
    u8 head[16] = {0}, index[2];
    u32 how;

    if (!find_ring(s, &r))
        return;
    how = take(s, 1);
    for (unsigned i = 0; i < 1 + (how & 3); i++)
        descriptor(s, r.desc + 16 * i);
    store_le(head, 4, take(s, 1));
    store_le(head + 8, 4, take(s, 2));
    memory(s, BUFFERS + 256 * take(s, 1), head, sizeof(head));
    store_le(index, 2, how >> 2 & 3);
    memory(s, r.avail + 4 + 2 * (s->avail[r.slot] % r.size), index, 2);
    store_le(index, 2, ++s->avail[r.slot]);
    memory(s, r.avail + 2, index, 2);
    out(s, r.io + 0x10, 2, r.queue);
    if (how & 16)
        number_op(s, OP_STEP, 50000);
}

void decode_run(struct board *b, const u8 *data, size_t size,
                void (*each)(void *opaque, const struct op *op), void *opaque)
{
    static void (*const actions[])(struct source * s) = {
        do_port,           do_port,      do_port,  do_port,         do_any_port,
        do_indexed,        do_registers, do_bar,   do_bar,          do_config,
        do_memory,         do_step,      do_step,  do_step,         do_ack,
        do_line,           do_apic,      do_reset, do_input,        do_ide,
        do_packet,         do_floppy,    do_sound, do_virtio_start, do_virtio_request,
        do_virtio_request,
    };
    struct source s = {
        .board = b, .t = board_rig(b), .data = data, .left = size, .each = each, .opaque = opaque};

    while (s.left)
        actions[take(&s, 1) % ARRAY_LEN(actions)](&s);
}
