/* Single accesses to ports and registers, time, wires and input, and what is done to devices that
 * have few registers. */
#include "tests/fuzz/drivers_int.h"

#include <string.h>

#include "base/bytes.h"
#include "devices/pci.h"

/* ---- accesses ---- */

static void access_port(struct draw *d, u32 port)
{
    static const u8 sizes[] = {1, 1, 1, 1, 1, 2, 2, 4};
    u32 how = take(d, 1);
    unsigned size = sizes[how >> 2 & 7];

    if (how & 1)
        put_out(d, port, size, take_value(d, size));
    else if (how & 0xe0)
        put_in(d, port, size);
    else
        put_ins(d, port, size, take(d, 2) % 600);
}

static void access_memory(struct draw *d, u32 at)
{
    static const u8 sizes[] = {4, 4, 2, 1};
    u32 how = take(d, 1);
    unsigned size = sizes[how >> 1 & 3];

    if (how & 1)
        put_write(d, at, size, take_value(d, size));
    else
        put_read(d, at, size);
}

/* Any that has a device behind it; ranges of few ports as often as those of many. */
void do_port(struct draw *d)
{
    unsigned n = take(d, 1) % d->places->ports;

    access_port(d, d->places->port[n].base + take(d, 2) % d->places->port[n].count);
}

void do_any_port(struct draw *d)
{
    access_port(d, take(d, 2));
}

/* Index and data in one: VGA, its extension, CMOS RAM, fw_cfg. */
void do_indexed(struct draw *d)
{
    static const u16 ports[] = {0x3c4, 0x3ce, 0x3d4, 0x1ce, 0x70, 0x510, 0x3c0, 0x3c8};
    unsigned n = take(d, 1) % ARRAY_LEN(ports);

    if (n < 3) {
        put_out(d, ports[n], 2, take(d, 2) & 0xff1f);
    } else if (n == 3) {
        put_out(d, 0x1ce, 2, take(d, 1) % 12);
        put_out(d, 0x1cf, 2, take_value(d, 2));
    } else if (n == 4) {
        put_out(d, 0x70, 1, take(d, 1) & 0x1f);
        put_out(d, 0x71, 1, take(d, 1));
    } else if (n == 5) {
        put_out(d, 0x510, 2, take(d, 1) & 0x3f);
        put_ins(d, 0x511, 1, take(d, 1));
    } else if (n == 6) {
        put_in(d, 0x3da, 1);
        put_out(d, 0x3c0, 1, take(d, 1) & 0x3f);
        put_out(d, 0x3c0, 1, take(d, 1));
    } else {
        put_out(d, 0x3c8, 1, take(d, 1));
        put_outs(d, 0x3c9, 1, take(d, 1), 3);
    }
}

void do_registers(struct draw *d)
{
    static const struct {
        u32 base, mask;
    } areas[] = {{0xfee00000, 0x3f0}, {0xfec00000, 0x10},     {0xfed00000, 0x1ff},
                 {0xa0000, 0xffff},   {0xb0000, 0xffff},      {0xfebf0000, 0xfff},
                 {0xf0000, 0xffff},   {0xfd000000, 0xffffff}, {0xfee00000, 0xfff}};
    unsigned n = take(d, 1) % ARRAY_LEN(areas);

    if (n == 1) /* which register of the I/O APIC */
        put_write(d, 0xfec00000, 4, take(d, 1) % 0x40);
    access_memory(d, areas[n].base + (take(d, 3) & areas[n].mask));
}

static const struct place *some_function(struct draw *d)
{
    return &d->places->function[take(d, 1) % d->places->functions];
}

void do_bar(struct draw *d)
{
    const struct place *p = some_function(d);
    unsigned n = take(d, 1) % PCI_BARS;
    u32 offset = take(d, 2);

    if (!p->bar[n].size)
        return;
    if (p->bar[n].io)
        access_port(d, p->bar[n].at + offset % p->bar[n].size);
    else
        access_memory(d, p->bar[n].at + (offset & ~3u) % p->bar[n].size);
}

void do_config(struct draw *d)
{
    static const u8 regs[] = {0x04, 0x10, 0x14, 0x18, 0x1c, 0x20, 0x24, 0x3c, 0x0c, 0x30, 0x40,
                              0x58, 0x5a, 0x60, 0x62, 0x72, 0x80, 0x88, 0x8c, 0x90, 0x94};
    const struct place *p = some_function(d);
    u32 how = take(d, 1), reg = take(d, 1);
    unsigned size = how & 2 ? 4 : how & 4 ? 2 : 1;

    reg = how & 1 ? PICK(d, regs) : reg;
    if (how & 8) {
        put_out(d, 0xcf8, 4, 0x80000000u | (u32)p->devfn << 8 | (reg & 0xfc));
        put_in(d, 0xcfc + (reg & 3 & ~(size - 1)), size);
        return;
    }
    put_pci(d, p->devfn, reg, size, take_value(d, size));
}

/* Everything decoded, bus master on. */
void do_enable(struct draw *d)
{
    put_pci(d, some_function(d)->devfn, PCI_COMMAND, 2, 0x117);
}

void do_memory(struct draw *d)
{
    u8 bytes[16];
    u32 at = take(d, 2) * 16, size = take(d, 1) % sizeof(bytes) + 1;

    for (u32 i = 0; i < size; i++)
        bytes[i] = (u8)take(d, 1);
    put_memory(d, at, bytes, size);
}

/* ---- time and wires ---- */

void do_ack(struct draw *d)
{
    put_number(d, OP_ACK, 0);
    if (take(d, 1) & 1)
        put_out(d, 0x20, 1, 0x20);
    else
        put_write(d, 0xfee000b0, 4, 0);
}

void do_line(struct draw *d)
{
    u32 how = take(d, 1);

    put_number(d, how & 0x80 ? OP_RAISE : OP_LOWER, (how & 0x7f) % BUS_GSIS);
}

void do_apic(struct draw *d)
{
    static const u32 bases[] = {0xfee00900, 0x5900, 0xfee00100, 0xfed00900, 0xfec00900, 0xfe000900};

    if (take(d, 1) & 1)
        put_number(d, OP_DEADLINE, take(d, 3));
    else
        put_number(d, OP_BASE, PICK(d, bases));
}

void do_reset(struct draw *d)
{
    if (take(d, 1) < 16)
        put_number(d, OP_RESET, 0);
}

void do_input(struct draw *d)
{
    static const struct {
        const char *name;
        u8 size; /* 0: any */
    } channels[] = {{"com1", 0},
                    {"com2", 0},
                    {"paced", 0},
                    {"keyboard", 2},
                    {"keyboard", 2},
                    {"mouse", 6},
                    {"rtc", 8},
                    {"power-button", 1},
                    {"virtconsole", 0},
                    {"virtserialport", 0},
                    {"virtio-rng-pci", 0},
                    {"net virtio-net-pci", 0},
                    {"net ne2k_isa", 0},
                    {"net ne2k_pci", 0},
                    {"net rtl8139", 0},
                    {"net e1000", 0}};
    unsigned n = take(d, 1) % ARRAY_LEN(channels), size = take(d, 1) % OP_BYTES + 1;
    struct op op = {.kind = OP_INPUT};

    strcpy(op.name, channels[n].name);
    op.size = channels[n].size && take(d, 1) < 250 ? channels[n].size : size;
    for (unsigned i = 0; i < op.size; i++)
        op.bytes[i] = (u8)take(d, 1);
    if (channels[n].size == 2)
        op.bytes[1] &= 1;                 /* down or up */
    if (op.size > 12 && take(d, 1) & 1) { /* a frame to all stations, of IPv4 or with a tag */
        memset(op.bytes, 0xff, 6);
        store_be(op.bytes + 12, 2, take(d, 1) & 3 ? 0x0800 : 0x8100);
    }
    if (take(d, 1) < 64) { /* a long one */
        op.kind = OP_INPUTS;
        op.times = take(d, 1) % 40;
    }
    put_op(d, &op);
}

/* A wish to have it out, by force perhaps; another medium is put in. */
void do_medium(struct draw *d)
{
    static const char *const media[] = {
        "e", "f", "i" MEDIA_DISC, "i" MEDIA_FLOPPY, "i" MEDIA_DISK, "inothing"};
    static const char *const slots[] = {"medium ide1-cd0", "medium ide1-cd1", "medium floppy0",
                                        "medium floppy1"};
    struct op op = {.kind = OP_INPUT};
    const char *what = PICK(d, media);

    strcpy(op.name, PICK(d, slots));
    op.size = (unsigned)strlen(what);
    memcpy(op.bytes, what, op.size);
    put_op(d, &op);
}

/* ---- what is behind few ports: commands and their parameters ---- */

void do_keyboard(struct draw *d)
{
    static const u8 controller[] = {0x20, 0x60, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xad, 0xae, 0xc0,
                                    0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xdd, 0xdf, 0xe0, 0xf0, 0xfe};
    static const u8 device[] = {0xed, 0xee, 0xf0, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xff, 0xe6,
                                0xe7, 0xe8, 0xe9, 0xea, 0xeb, 0xec, 0xf0, 0xf8, 0xfa, 0xfe};
    u32 how = take(d, 1);

    if (how & 1)
        put_out(d, 0x64, 1, how & 2 ? 0xd4 : PICK(d, controller));
    if (how & 4)
        put_out(d, 0x60, 1, PICK(d, device));
    if (how & 8)
        put_out(d, 0x60, 1, take_value(d, 1));
    put_wait(d);
    put_in(d, 0x60, 1);
}

void do_timer(struct draw *d)
{
    u32 control = take(d, 1), channel = control >> 6;

    put_out(d, 0x43, 1, control);
    if (channel < 3) {
        put_out(d, 0x40 + channel, 1, take_value(d, 1));
        put_out(d, 0x40 + channel, 1, take_value(d, 1));
        put_ins(d, 0x40 + channel, 1, take(d, 1) & 3);
    }
    if (control & 1)
        put_out(d, 0x61, 1, take(d, 1) & 3);
}

void do_pic(struct draw *d)
{
    u32 base = take(d, 1) & 1 ? 0xa0 : 0x20, how = take(d, 1);

    if (how & 1) { /* ICW1 to ICW4 */
        put_out(d, base, 1, 0x10 | (how >> 1 & 0xf));
        put_outs(d, base + 1, 1, take(d, 1), 3);
        put_out(d, base + 1, 1, 0);
        return;
    }
    put_out(d, base, 1, how & 2 ? take(d, 1) & 0xe7 : 0x08 | (how >> 2 & 0x67));
    put_in(d, base, 1);
}

/* Channels of the 8237s: address, count, page, mode. */
void do_dma(struct draw *d)
{
    static const u8 pages[8] = {0x87, 0x83, 0x81, 0x82, 0x8f, 0x8b, 0x89, 0x8a};
    u32 n = take(d, 1) & 7, low = n < 4 ? n * 2 : 0xc0 + (n - 4) * 4, step = n < 4 ? 1 : 2;
    u32 control = n < 4 ? 8 : 0xd0;

    put_out(d, control + 4 * step, 1, 0);
    put_outs(d, low, 1, take_value(d, 1), 2);
    put_outs(d, low + step, 1, take_value(d, 1), 2);
    put_out(d, pages[n], 1, take_value(d, 1));
    put_out(d, control + 3 * step, 1, (take(d, 1) & 0xfc) | (n & 3));
    put_out(d, control + 2 * step, 1, take(d, 1) & 7);
}

/* A timer of the HPET. */
void do_hpet(struct draw *d)
{
    u32 at = 0xfed00000, n = at + 0x100 + 0x20 * (take(d, 1) % 3);

    put_write(d, n, 4, take(d, 2));
    put_write(d, n + 8, 4, take_value(d, 4));
    if (take(d, 1) & 1)
        put_write(d, n + 12, 4, take_value(d, 4));
    put_write(d, n + 0x10, 4, take(d, 4));
    put_write(d, at + 0x10, 4, take(d, 1) & 3);
    put_wait(d);
}

/* The local APIC's timer, or a message of the I/O APIC. */
void do_apic_timer(struct draw *d)
{
    u32 pin = take(d, 1) % 24;

    put_write(d, 0xfee000f0, 4, 0x100 | take(d, 1));
    if (take(d, 1) & 1) {
        put_write(d, 0xfee00320, 4, take(d, 3) & 0x700ff);
        put_write(d, 0xfee003e0, 4, take(d, 1) & 0xf);
        put_write(d, 0xfee00380, 4, take_value(d, 4));
        put_wait(d);
        return;
    }
    put_write(d, 0xfec00000, 4, 0x10 + 2 * pin);
    put_write(d, 0xfec00010, 4, take(d, 3) & 0x1ffff);
    put_number(d, OP_RAISE, pin);
}

/* All registers of a mode, of which some make sense. */
void do_vga(struct draw *d)
{
    static const struct {
        u8 misc, seq4, gc5, gc6, crtc9, crtc17;
    } modes[] = {{0x67, 0x02, 0x10, 0x0e, 0x4f, 0xa3}, {0x63, 0x0e, 0x40, 0x05, 0x41, 0xa3},
                 {0x63, 0x06, 0x40, 0x05, 0x41, 0xe3}, {0xe3, 0x06, 0x00, 0x05, 0x40, 0xe3},
                 {0x63, 0x02, 0x30, 0x0f, 0xc1, 0xa2}, {0x63, 0x06, 0x00, 0x0d, 0xc1, 0xc2}};
    unsigned n = take(d, 1) % ARRAY_LEN(modes);

    put_out(d, 0x3c2, 1, modes[n].misc);
    put_out(d, 0x3c4, 2, 4 | modes[n].seq4 << 8);
    put_out(d, 0x3ce, 2, 5 | modes[n].gc5 << 8);
    put_out(d, 0x3ce, 2, 6 | modes[n].gc6 << 8);
    put_out(d, 0x3d4, 2, 0x11);
    put_out(d, 0x3d4, 2, 9 | modes[n].crtc9 << 8);
    put_out(d, 0x3d4, 2, 0x17 | modes[n].crtc17 << 8);
    put_out(d, 0x3d4, 2, take(d, 2) & 0xff1f);
    put_out(d, 0x3c4, 2, 2 | (take(d, 1) & 15) << 8);
    for (unsigned i = 0; i < 4; i++)
        access_memory(d, 0xa0000 + (take(d, 3) & 0x1ffff));
}

static void dispi_write(struct draw *d, unsigned index, u32 value)
{
    put_out(d, 0x1ce, 2, index);
    put_out(d, 0x1cf, 2, value);
}

/* A mode of the Bochs extension: size, depth, virtual size, panning, bank. */
void do_dispi(struct draw *d)
{
    static const u16 sizes[] = {320, 640, 800, 1024, 1280, 2560, 1, 8, 4096, 0xffff};
    static const u8 depths[] = {4, 8, 15, 16, 24, 32};

    dispi_write(d, 4, 0);
    dispi_write(d, 1, PICK(d, sizes));
    dispi_write(d, 2, PICK(d, sizes));
    dispi_write(d, 3, PICK(d, depths));
    dispi_write(d, 4, take(d, 1) & 0xe3);
    dispi_write(d, 6, PICK(d, sizes));
    dispi_write(d, 8, take_value(d, 2));
    dispi_write(d, 9, take_value(d, 2));
    dispi_write(d, 5, take(d, 1));
    access_memory(d, take(d, 1) & 1 ? 0xa0000 + take(d, 2) : 0xfd000000 + (take(d, 3) & ~3u));
}
