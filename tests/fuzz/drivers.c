/* Chance, ops and places for actions, and the choice between them. */
#include "tests/fuzz/drivers_int.h"

#include <string.h>

#include "base/bytes.h"
#include "devices/pci.h"
#include "mmu/phys.h"

/* ---- chance ---- */

static u64 next_random(struct draw *d)
{
    u64 x = d->random += 0x9e3779b97f4a7c15u;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

u32 take(struct draw *d, unsigned size)
{
    return (u32)(next_random(d) >> (64 - 8 * size));
}

u32 take_value(struct draw *d, unsigned size)
{
    u32 how = take(d, 1), bits = 8 * size, bit = take(d, 1) % bits;

    switch (how % 8) {
    case 0: return 0;
    case 1: return 0xffffffff;
    case 2: return 1u << (how >> 3) % bits;
    case 3: return 1u << (how >> 3) % bits | 1u << bit;
    case 4: return how >> 3;
    default: return take(d, size);
    }
}

/* ---- ops ---- */

void put_op(struct draw *d, const struct op *op)
{
    if (d->to->count < OPS_MAX)
        d->to->op[d->to->count++] = *op;
}

static u32 cut(u32 value, unsigned size)
{
    return value & (size == 4 ? 0xffffffff : (1u << (8 * size)) - 1);
}

void put_out(struct draw *d, u32 port, unsigned size, u32 value)
{
    put_op(d, &(struct op){
                  .kind = OP_OUT, .size = size, .at = port & 0xffff, .value = cut(value, size)});
}

void put_in(struct draw *d, u32 port, unsigned size)
{
    put_op(d, &(struct op){.kind = OP_IN, .size = size, .at = port & 0xffff});
}

void put_outs(struct draw *d, u32 port, unsigned size, u32 value, unsigned times)
{
    put_op(d, &(struct op){.kind = OP_OUTS,
                           .size = size,
                           .at = port & 0xffff,
                           .value = cut(value, size),
                           .times = times});
}

void put_ins(struct draw *d, u32 port, unsigned size, unsigned times)
{
    put_op(d, &(struct op){.kind = OP_INS, .size = size, .at = port & 0xffff, .times = times});
}

void put_write(struct draw *d, u32 at, unsigned size, u32 value)
{
    put_op(d, &(struct op){.kind = OP_WRITE, .size = size, .at = at, .value = cut(value, size)});
}

void put_read(struct draw *d, u32 at, unsigned size)
{
    put_op(d, &(struct op){.kind = OP_READ, .size = size, .at = at});
}

void put_number(struct draw *d, enum op_kind kind, u64 at)
{
    put_op(d, &(struct op){.kind = kind, .at = at});
}

void put_memory(struct draw *d, u32 at, const void *bytes, unsigned size)
{
    struct op op = {.kind = OP_MEM, .size = size, .at = at};

    memcpy(op.bytes, bytes, size);
    put_op(d, &op);
}

void put_pci(struct draw *d, unsigned devfn, unsigned reg, unsigned size, u32 value)
{
    put_out(d, 0xcf8, 4, 0x80000000u | devfn << 8 | (reg & 0xfc));
    put_out(d, 0xcfc + (reg & 3 & ~(size - 1)), size, value);
}

void put_wait(struct draw *d)
{
    static const u32 steps[] = {1,      100,     900,     5000,    20000,   50000,
                                200000, 1000000, 2000000, 5000000, 20000000};

    put_number(d, OP_STEP, PICK(d, steps));
}

/* Beside buffers: registers of a local APIC, video memory, ROM, the last bytes of RAM, and what is
 * not there. */
u32 buffer_address(struct draw *d)
{
    static const u32 others[] = {0xfee00000, 0xfed000f0, 0xa0000,    0xb8000,    0xf0000,
                                 0x1ffff0,   0x200000,   0xfffffff8, 0xfe000000, 0};
    u32 how = take(d, 1);

    return how < 16 ? PICK(d, others) + (how & 7) : BUFFERS + 256 * take(d, 1);
}

/* ---- places ---- */

static void find_bars(struct place *p, const struct pci_func *f)
{
    for (unsigned n = 0; n < PCI_BARS; n++) {
        p->bar[n].io = f->bar[n].io;
        p->bar[n].at = f->bar[n].at;
        p->bar[n].size = f->bar[n].at ? f->bar[n].size : 0;
    }
}

/* By the legacy interface: queue select at 0Eh, size at 0Ch. */
static void find_queues(struct place *p, struct devtest *t)
{
    for (unsigned q = 0; p->vendor == 0x1af4 && p->bar[0].at && q < PLACE_QUEUES; q++) {
        bus_out(t->bus, (u16)(p->bar[0].at + 0xe), 2, q);
        p->queue_size[q] = (u16)bus_in(t->bus, (u16)(p->bar[0].at + 0xc), 2);
    }
}

static void find_ports(struct places *p, struct devtest *t)
{
    const void *opaque;
    u32 count;
    u16 base;

    for (unsigned n = 0; p->ports < PLACE_PORTS && bus_io_range(t->bus, n, &base, &count, &opaque);
         n++) {
        p->port[p->ports].base = base;
        p->port[p->ports++].count = (u16)count;
    }
}

void places_find(struct places *p, struct devtest *t)
{
    struct pci_bus *pci = pci_find(t->bus);

    memset(p, 0, sizeof(*p));
    for (unsigned i = 0; i < ARRAY_LEN(pci->func) && p->functions < PLACE_FUNCTIONS; i++) {
        const struct pci_func *f = pci->func[i];
        struct place *place = &p->function[p->functions];
        if (!f)
            continue;
        place->devfn = f->devfn;
        place->vendor = (u16)load_le(f->config + PCI_VENDOR, 2);
        place->device = (u16)load_le(f->config + PCI_VENDOR + 2, 2);
        find_bars(place, f);
        find_queues(place, t);
        p->functions++;
    }
    find_ports(p, t);
}

const struct place *find_function(const struct draw *d, u16 vendor, u16 device)
{
    for (unsigned i = 0; i < d->places->functions; i++) {
        const struct place *p = &d->places->function[i];
        if (p->vendor == vendor && p->device == device)
            return p;
    }
    return NULL;
}

/* ---- the choice ---- */

void drivers_act(const struct places *p, u64 seed, struct ops *to)
{
    static void (*const actions[])(struct draw * d) = {
        do_port,
        do_port,
        do_port,
        do_port,
        do_any_port,
        do_indexed,
        do_indexed,
        do_registers,
        do_registers,
        do_bar,
        do_bar,
        do_bar,
        do_config,
        do_enable,
        do_memory,
        put_wait,
        put_wait,
        put_wait,
        do_ack,
        do_line,
        do_apic,
        do_reset,
        do_input,
        do_input,
        do_medium,
        do_keyboard,
        do_timer,
        do_pic,
        do_dma,
        do_hpet,
        do_apic_timer,
        do_vga,
        do_dispi,
        do_ide,
        do_ide,
        do_atapi,
        do_atapi,
        do_floppy,
        do_floppy,
        do_sound,
        do_sound,
        do_fw_cfg,
        do_ne2000,
        do_rtl8139,
        do_e1000,
        do_virtio_start,
        do_virtio_request,
        do_virtio_request,
    };
    struct draw d = {.places = p, .random = seed, .to = to};

    if (to->count + 64 < OPS_MAX) /* the longest action is shorter */
        PICK(&d, actions)(&d);
}
