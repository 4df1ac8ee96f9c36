/* Drivers of devices that move data: tables and rings in RAM, then what starts them. */
#include "tests/fuzz/drivers_int.h"

#include <string.h>

#include "base/bytes.h"
#include "devices/pci.h"

/* ---- disks ---- */

static void bus_master_table(struct draw *d, u32 port)
{
    u8 prd[16] = {0};

    store_le(prd, 4, buffer_address(d));
    store_le(prd + 4, 4, take(d, 2));
    store_le(prd + 8, 4, buffer_address(d));
    store_le(prd + 12, 4, take(d, 2) | 0x80000000);
    put_memory(d, TABLES, prd, sizeof(prd));
    put_out(d, port + 4, 4, take(d, 1) < 8 ? buffer_address(d) : TABLES);
}

/* A command with its registers, a bus master's table; data by port or by bus master. */
void do_ide(struct draw *d)
{
    static const u8 commands[] = {0x20, 0x30, 0xc4, 0xc5, 0xc6, 0xc8, 0xca, 0x25, 0x35, 0xec, 0xa1,
                                  0x24, 0x29, 0x34, 0x39, 0x27, 0xea, 0x42, 0xef, 0x91, 0xe7, 0x08,
                                  0x90, 0x40, 0x70, 0xe0, 0xe1, 0xf8, 0x21, 0x31, 0xa0, 0x10};
    u32 how = take(d, 1), base = how & 1 ? 0x170 : 0x1f0, bm = 0xc000 + (how & 1 ? 8 : 0);

    put_out(d, base + 6, 1, how & 2 ? 0xe0 : take(d, 1));
    for (unsigned reg = 1; reg < 6; reg++)
        put_out(d, base + reg, 1, how & 4 && reg > 3 ? 0 : take_value(d, 1));
    if (how & 8)
        bus_master_table(d, bm);
    put_out(d, base + 7, 1, PICK(d, commands));
    if (how & 8)
        put_out(d, bm, 1, how & 16 ? 9 : 1);
    put_wait(d);
    if (how & 32)
        put_ins(d, base, how & 64 ? 4 : 2, 256);
    else if (how & 128)
        put_outs(d, base, 2, take(d, 2), 256);
    put_in(d, base + 7, 1);
}

/* A packet for a CD-ROM drive, with or without a disc. */
void do_atapi(struct draw *d)
{
    static const u8 commands[] = {0x00, 0x03, 0x12, 0x1a, 0x1b, 0x1e, 0x25, 0x28, 0xa8, 0x2b,
                                  0x42, 0x43, 0x44, 0x46, 0x4a, 0x51, 0x52, 0x55, 0x5a, 0xac,
                                  0xad, 0xbb, 0xbd, 0xbe, 0xb9, 0x4b, 0x4e, 0x15};
    u32 how = take(d, 1);
    u8 packet[12];

    for (unsigned i = 0; i < sizeof(packet); i++)
        packet[i] = (u8)take_value(d, 1);
    packet[0] = PICK(d, commands);
    if (how & 1) /* few sectors near the beginning */
        memset(packet + 2, 0, 6);
    if (how & 32)
        bus_master_table(d, 0xc008);
    put_out(d, 0x176, 1, how & 2 ? 0xb0 : 0xa0);
    put_out(d, 0x171, 1, how >> 5 & 1);
    put_out(d, 0x174, 1, take_value(d, 1));
    put_out(d, 0x175, 1, take_value(d, 1));
    put_out(d, 0x177, 1, 0xa0);
    put_wait(d);
    for (unsigned i = 0; i < sizeof(packet); i += 2)
        put_out(d, 0x170, 2, (u32)load_le(packet + i, 2));
    if (how & 32)
        put_out(d, 0xc008, 1, 9);
    put_wait(d);
    put_ins(d, 0x170, 2, take(d, 2) % 1200);
    put_in(d, 0x177, 1);
}

/* A command with its parameters, the DMA channel set up for it, the motor on. */
void do_floppy(struct draw *d)
{
    static const u8 commands[][2] = {
        {0x46, 9}, {0x45, 9}, {0x4a, 2}, {0x4d, 6}, {0x07, 2}, {0x0f, 3}, {0x08, 1}, {0x03, 3},
        {0x04, 2}, {0x42, 9}, {0x51, 9}, {0x0e, 1}, {0x10, 1}, {0x13, 4}, {0x12, 2}, {0x14, 1},
        {0x49, 9}, {0x4c, 9}, {0x59, 9}, {0x5d, 9}, {0x8f, 3}, {0xcf, 3}, {0x94, 1}, {0x18, 1}};
    u32 how = take(d, 1), n = take(d, 1) % ARRAY_LEN(commands);

    if (how & 32)
        put_out(d, 0x3f2, 1, 0);
    put_out(d, 0x3f2, 1, (how & 1 ? 0x1c : 0x2d) & (how & 64 ? 0xf7 : 0xff));
    put_number(d, OP_STEP, 1000000);
    put_out(d, 0x0c, 1, 0);
    put_out(d, 0x0b, 1, how & 2 ? 0x46 : how & 4 ? 0x4a : 0x42);
    put_out(d, 0x04, 1, 0);
    put_out(d, 0x04, 1, take(d, 1));
    put_out(d, 0x81, 1, how >> 4 & 3);
    put_outs(d, 0x05, 1, take(d, 1), 2);
    put_out(d, 0x0a, 1, 2);
    put_out(d, 0x3f5, 1, commands[n][0]);
    for (unsigned i = 1; i < commands[n][1]; i++)
        put_out(d, 0x3f5, 1, how & 8 ? take(d, 1) & 3 : take(d, 1));
    put_number(d, OP_STEP, take(d, 1) & 1 ? 250000000 : 20000000);
    if (how & 64)
        put_ins(d, 0x3f5, 1, take(d, 1) * 2);
    else if (how & 128)
        put_ins(d, 0x3f5, 1, 7);
}

/* ---- sound ---- */

/* The sound card: a DSP command with arguments that make sense together, FM registers, the mixer,
 * its DMA channels ready to go. */
void do_sound(struct draw *d)
{
    static const u8 starts[] = {0x14, 0x17, 0x1c, 0x2c, 0x75, 0x77, 0x80, 0x90, 0xb0, 0xb6,
                                0xbe, 0xc0, 0xc6, 0xce, 0xc4, 0x1f, 0x40, 0x41, 0xd0, 0xd1,
                                0xd3, 0xd4, 0xd5, 0xd6, 0xd9, 0xda, 0xe0, 0xe2, 0xe4, 0xf2,
                                0x10, 0x20, 0x24, 0x48, 0x74, 0x7d, 0x7f, 0x91, 0x98, 0x99};
    u32 how = take(d, 1), value = take(d, 2);

    if (how & 8) {
        put_out(d, 0xd6, 1, 0xc0);
        put_out(d, 0xd4, 1, 0);
        put_out(d, 0x0b, 1, how & 16 ? 0x59 : 0x55);
        put_out(d, 0xd6, 1, 0x59);
        put_out(d, 0x0f, 1, 0);
    }
    if (how & 4) {
        put_out(d, how & 1 ? 0x388 : how & 32 ? 0x222 : 0x220, 1, value & 0xff);
        put_out(d, how & 1 ? 0x389 : how & 32 ? 0x223 : 0x221, 1, value >> 8);
    } else if (how & 2) {
        put_out(d, 0x224, 2, value);
    } else {
        if (how & 32)
            put_outs(d, 0x226, 1, 1, 1);
        if (how & 32)
            put_out(d, 0x226, 1, 0);
        put_out(d, 0x22c, 1, PICK(d, starts));
        put_out(d, 0x22c, 1, value & 0xff);
        put_out(d, 0x22c, 1, value >> 8);
        put_out(d, 0x22c, 1, take(d, 1));
    }
    if (how & 64)
        put_wait(d);
}

/* ---- the configuration device ---- */

void do_fw_cfg(struct draw *d)
{
    u8 control[16];

    store_be(control, 4, take(d, 3) & 0x3f001f);
    store_be(control + 4, 4, take_value(d, take(d, 1) & 1 ? 1 : 4));
    store_be(control + 8, 8, buffer_address(d));
    put_memory(d, TABLES + 0x1000, control, sizeof(control));
    put_out(d, 0x514, 4, 0);
    put_out(d, 0x518, 4, 0x00100100); /* big-endian */
}

/* ---- network cards ---- */

/* A frame at a buffer: to all stations, of IPv4 with TCP or UDP. */
static u32 put_frame(struct draw *d)
{
    u32 at = BUFFERS + 256 * take(d, 1);
    u8 frame[54] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, [12] = 0x08, [14] = 0x45};

    frame[17] = (u8)take(d, 1);
    frame[23] = take(d, 1) & 1 ? 6 : 17;
    frame[46] = (u8)take(d, 1);
    if (take(d, 1) & 1)
        put_memory(d, at, frame, sizeof(frame));
    return take(d, 1) < 230 ? at : buffer_address(d);
}

/* The DP8390: started, frames by remote DMA and on their way. */
void do_ne2000(struct draw *d)
{
    const struct place *p = find_function(d, 0x10ec, 0x8029);
    u32 how = take(d, 1), io = how & 1 || !p ? 0x300 : p->bar[0].at;
    u32 len = take(d, 2) % 1600;

    put_out(d, io, 1, 0x21);
    put_out(d, io + 0xe, 1, how & 2 ? 0x49 : take(d, 1));
    if (how & 4) {
        put_out(d, io + 1, 1, take(d, 1) % 0x80);
        put_out(d, io + 2, 1, take(d, 1) % 0x90);
        put_out(d, io + 3, 1, take(d, 1) % 0x80);
        put_out(d, io + 0xc, 1, take(d, 1) & 0x3f);
        put_out(d, io + 0xd, 1, take(d, 1) & 0x1f);
    }
    put_out(d, io + 8, 1, take_value(d, 1));
    put_out(d, io + 9, 1, how & 8 ? 0x40 : take(d, 1));
    put_out(d, io + 0xa, 1, len);
    put_out(d, io + 0xb, 1, len >> 8);
    put_out(d, io, 1, how & 16 ? 0x0a : 0x12);
    if (how & 16)
        put_ins(d, io + 0x10, how & 32 ? 2 : 1, len);
    else
        put_outs(d, io + 0x10, how & 32 ? 2 : 1, take(d, 2), len);
    put_out(d, io + 4, 1, how & 8 ? 0x40 : take(d, 1));
    put_out(d, io + 5, 1, len);
    put_out(d, io + 6, 1, len >> 8);
    put_out(d, io, 1, how & 64 ? 0x26 : take(d, 1));
    put_in(d, io + 7, 1);
}

static void rtl8139_ring(struct draw *d, u32 io, u32 how)
{
    u8 desc[32];

    for (unsigned i = 0; i < sizeof(desc); i += 16) {
        store_le(desc + i, 4, take(d, 4) & 0xf800ffff);
        store_le(desc + i + 4, 4, take_value(d, 4));
        store_le(desc + i + 8, 8, put_frame(d));
    }
    put_memory(d, TABLES + (how & 1 ? 0x2000 : 0x3000), desc, sizeof(desc));
    put_out(d, io + 0x50, 1, 0xc0);
    put_out(d, io + 0xe0, 2, how & 2 ? 0x63 : take(d, 1));
    put_out(d, io + 0x20, 4, TABLES + 0x2000);
    put_out(d, io + 0xe4, 4, TABLES + 0x3000);
    put_out(d, io + 0xd9, 1, take(d, 1) & 0xc0);
}

void do_rtl8139(struct draw *d)
{
    const struct place *p = find_function(d, 0x10ec, 0x8139);
    u32 how = take(d, 1), io = p ? p->bar[0].at : 0, slot = take(d, 1) & 3;

    if (!io)
        return;
    put_pci(d, p->devfn, PCI_COMMAND, 2, 7);
    put_out(d, io + 0x37, 1, how & 4 ? 0x0c : take(d, 1) & 0x1c);
    put_out(d, io + 0x30, 4, buffer_address(d));
    put_out(d, io + 0x44, 4, how & 8 ? 0x8f : take_value(d, 4));
    put_out(d, io + 0x40, 4, how & 16 ? 0x60000 : take_value(d, 4));
    put_out(d, io + 0x3c, 2, take_value(d, 2));
    if (how & 32) {
        rtl8139_ring(d, io, how >> 6);
    } else {
        put_out(d, io + 0x20 + 4 * slot, 4, put_frame(d));
        put_out(d, io + 0x10 + 4 * slot, 4, take(d, 2) & 0x1fff);
    }
    put_out(d, io + 0x38, 2, take_value(d, 2));
    put_in(d, io + 0x3e, 2);
}

/* A descriptor to send: a context, data of one, the older kind; or one to receive. */
static void e1000_descriptor(struct draw *d, u32 at)
{
    u32 how = take(d, 1);
    u8 desc[16];

    store_le(desc, 8, put_frame(d));
    store_le(desc + 8, 4, take(d, 4));
    store_le(desc + 12, 4, take(d, 4));
    desc[11] = (u8)take(d, 1);
    if (how & 1) { /* data or context */
        desc[10] = (u8)((desc[10] & 0x0f) | (how & 2 ? 0x10 : 0));
        desc[11] |= 0x20;
    }
    if (how & 4) /* a size that may be */
        store_le(desc + 8, 2, take(d, 2) % 600);
    if (how & 8 && !(how & 2)) { /* offsets in a packet */
        static const u8 offsets[8] = {14, 24, 33, 0, 34, 50, 0, 0};
        memcpy(desc, offsets, sizeof(offsets));
        desc[13] = 54;
    }
    put_memory(d, at, desc, sizeof(desc));
}

void do_e1000(struct draw *d)
{
    const struct place *p = find_function(d, 0x8086, 0x100e);
    u32 how = take(d, 1), at = p ? p->bar[0].at : 0, ring = how & 1 ? 0x3800 : 0x2800;
    u32 table = TABLES + (how & 1 ? 0x4000 : 0x5000), n = 1 + (take(d, 1) & 3);

    if (!at)
        return;
    if (how & 128) {
        put_pci(d, p->devfn, PCI_COMMAND, 2, 7);
        put_write(d, at, 4, 0x40);
        put_write(d, at + 0x400, 4, 0xa);
        put_write(d, at + 0x100, 4, how & 2 ? 0x801e : take(d, 4) | 2);
    }
    for (unsigned i = 0; i < n; i++)
        e1000_descriptor(d, table + 16 * i);
    if (how & 4) {
        put_write(d, at + ring, 4, table);
        put_write(d, at + ring + 8, 4, how & 8 ? 0x80 : take_value(d, 4));
        put_write(d, at + ring + 0x10, 4, how & 16 ? 0 : take_value(d, 2));
    }
    if (how & 32)
        put_write(d, at + 0xd0, 4, take_value(d, 4));
    put_write(d, at + ring + 0x18, 4, how & 64 ? n : take_value(d, 2));
    put_wait(d);
    put_read(d, at + 0xc0, 4);
}

/* ---- virtio ---- */

struct ring {
    const struct place *place;
    u32 io, mem; /* where its bars are */
    unsigned queue;
    u32 size, desc, avail, used;
    u16 offered; /* so far */
};

/* What has been offered was the last thing written to its place. */
static u16 find_offered(const struct draw *d, u32 at)
{
    for (unsigned i = d->to->count; i--;) {
        const struct op *op = &d->to->op[i];
        if (op->kind != OP_MEM)
            continue;
        if (op->at == at && op->size == 2)
            return (u16)load_le(op->bytes, 2);
        if (op->at + 2 == at && op->size == 8)
            return 0;
    }
    return 0;
}

static bool find_ring(struct draw *d, struct ring *r)
{
    unsigned n = 0, found[PLACE_FUNCTIONS], which;

    for (unsigned i = 0; i < d->places->functions; i++)
        if (d->places->function[i].vendor == 0x1af4 && d->places->function[i].bar[0].at)
            found[n++] = i;
    if (!n)
        return false;
    which = take(d, 1) % n;
    r->place = &d->places->function[found[which]];
    r->io = r->place->bar[0].at;
    r->mem = r->place->bar[4].at;
    r->queue = take(d, 1) % PLACE_QUEUES;
    if (!r->place->queue_size[r->queue])
        r->queue = take(d, 1) & 1;
    r->size = r->place->queue_size[r->queue];
    r->desc = RINGS + (which * 8 + r->queue) * RING_BYTES;
    r->avail = r->desc + 16 * r->size;
    r->used = (r->avail + 6 + 2 * r->size + 4095) & ~4095u;
    r->offered = find_offered(d, r->avail + 2);
    return r->size;
}

static void virtio_modern(struct draw *d, const struct ring *r, u32 features)
{
    put_write(d, r->mem + 8, 4, 1);
    put_write(d, r->mem + 12, 4, 1);
    put_write(d, r->mem + 8, 4, 0);
    put_write(d, r->mem + 12, 4, features);
    put_write(d, r->mem + 0x14, 1, 11);
    put_write(d, r->mem + 0x16, 2, r->queue);
    if (features & 0x10000)
        put_write(d, r->mem + 0x18, 2, take_value(d, 2));
    put_write(d, r->mem + 0x20, 4, r->desc);
    put_write(d, r->mem + 0x28, 4, r->avail);
    put_write(d, r->mem + 0x30, 4, r->used);
    put_write(d, r->mem + 0x1c, 2, 1);
    put_write(d, r->mem + 0x14, 1, 15);
}

/* From a reset to a queue that works, by either interface. */
void do_virtio_start(struct draw *d)
{
    static const u8 zeros[8];
    struct ring r;
    u32 how = take(d, 1), features = take(d, 4);

    if (!find_ring(d, &r))
        return;
    put_pci(d, r.place->devfn, PCI_COMMAND, 2, 7);
    if (how & 1)
        put_out(d, r.io + 0x12, 1, 0);
    put_memory(d, r.avail, zeros, sizeof(zeros));
    put_memory(d, r.used, zeros, sizeof(zeros));
    if (how & 2 && r.mem) {
        virtio_modern(d, &r, features);
        return;
    }
    put_out(d, r.io + 4, 4, features);
    put_out(d, r.io + 0xe, 2, r.queue);
    put_out(d, r.io + 8, 4, r.desc >> 12);
    put_out(d, r.io + 0x12, 1, 7);
}

static void virtio_descriptor(struct draw *d, u32 at, u32 address, u32 len, u32 flags, u32 next)
{
    u8 desc[16];

    store_le(desc, 8, address);
    store_le(desc + 8, 4, len);
    store_le(desc + 12, 2, flags);
    store_le(desc + 14, 2, next);
    put_memory(d, at, desc, sizeof(desc));
}

/* Descriptors without much sense. */
static void virtio_wild(struct draw *d, u32 at)
{
    for (unsigned i = 0, n = 1 + (take(d, 1) & 3); i < n; i++) {
        u32 how = take(d, 1), len = take(d, how & 0x40 ? 2 : 1);
        virtio_descriptor(d, at + 16 * i, buffer_address(d), how & 0x80 ? len << 9 : len, how & 7,
                          how >> 3 & 7);
    }
}

/* As drivers chain them: what is to be done, data, and where the answer goes; or one buffer. */
static void virtio_chain(struct draw *d, u32 at, u32 head)
{
    static const u8 heads[] = {16, 12, 10, 8, 3, 2};
    u32 how = take(d, 1), data = how & 1 ? 512u << (how >> 1 & 3) : take(d, 2) % 1600;
    u32 in = how & 8 ? 2 : 0;

    if (how & 0x10) {
        virtio_descriptor(d, at, head, data, in, 0);
        return;
    }
    virtio_descriptor(d, at, head, PICK(d, heads), 1, 1);
    virtio_descriptor(d, at + 16, buffer_address(d), data, how & 0x20 ? in : in | 1, 2);
    virtio_descriptor(d, at + 32, BUFFERS, 1, 2, 0);
}

/* A request: descriptors, the head of its data, the index, a notification. */
void do_virtio_request(struct draw *d)
{
    struct ring r;
    u8 head[16] = {0}, index[2];
    u32 how = take(d, 1), at = BUFFERS + 256 * take(d, 1);

    if (!find_ring(d, &r))
        return;
    if (how & 3)
        virtio_chain(d, r.desc, at);
    else
        virtio_wild(d, r.desc);
    store_le(head, 4, how & 32 ? take(d, 1) & 15 : take_value(d, 4));
    store_le(head + 4, 4, how & 128 ? take_value(d, 4) : 0);
    store_le(head + 8, 4, take(d, 2) & (how & 128 ? 0xffff : 0x3ff));
    put_memory(d, at, head, sizeof(head));
    store_le(index, 2, how & 64 ? how >> 2 & 3 : 0);
    put_memory(d, r.avail + 4 + 2 * (r.offered % r.size), index, 2);
    store_le(index, 2, r.offered + 1u);
    put_memory(d, r.avail + 2, index, 2);
    put_out(d, r.io + 0x10, 2, r.queue);
    if (how & 16)
        put_number(d, OP_STEP, 50000);
}
