/* The host's end of a cable for tests of network cards: it keeps what the guest sends. */
#ifndef TESTS_UNIT_NET_RIG_H
#define TESTS_UNIT_NET_RIG_H

#include "base/bytes.h"
#include "devices/core/net.h"
#include "devices/net_offload.h"
#include "devices/pci.h"
#include "tests/unit/devtest.h"

struct net_rig {
    struct net_link link;
    unsigned sent; /* frames */
    size_t len;    /* of the last one */
    u8 frame[NET_FRAME_MAX];
};

DT_UNUSED static void nr_output(void *opaque, const void *frame, size_t len)
{
    struct net_rig *r = opaque;
    r->sent++;
    r->len = len;
    memcpy(r->frame, frame, len);
}

DT_UNUSED static void nr_open(struct net_rig *r, struct devtest *t, const char *name)
{
    memset(r, 0, sizeof(*r));
    net_link_init(&r->link, nr_output, r);
    bus_add_object(t->bus, NET_KIND, name, &r->link);
}

/* A frame with a pattern that depends on seed. */
DT_UNUSED static void nr_fill(u8 *frame, size_t len, unsigned seed)
{
    for (size_t i = 0; i < len; i++)
        frame[i] = (u8)(i * 7 + seed * 31 + (i >> 8));
}

/* Delivers a frame from the host. */
DT_UNUSED static void nr_input(struct net_rig *r, struct devtest *t, const void *frame, size_t len)
{
    net_input(&r->link, frame, len);
    dt_step(t, 0);
}

/* A board with memory, a PCI bus and a card on the cable "n0", whose first bar becomes `bar0` and
 * second one `bar1`. */
#define NR_RAM   (4u << 20)
#define NR_DEVFN PCI_DEVFN(PCI_FIRST_SLOT, 0)

struct nr_board {
    struct devtest *t;
    struct net_rig rig;
    struct dev *dev;
    struct pci_bus *pci;
    u8 *ram;
};

DT_UNUSED static struct nr_board *nr_board(const struct dev_type *type, const char *options,
                                           u32 bar0, u32 bar1)
{
    struct nr_board *b = calloc(1, sizeof(*b));
    assert_non_null(b);
    b->t = dt_open();
    b->t->bus->phys = phys_new(NR_RAM);
    assert_non_null(b->t->bus->phys);
    b->ram = phys_ram(b->t->bus->phys);
    nr_open(&b->rig, b->t, "n0");
    dt_dev(b->t, &dev_i440fx, NULL);
    dt_dev(b->t, &dev_piix3_isa, NULL);
    b->dev = dt_dev(b->t, type, options);
    b->pci = pci_find(b->t->bus);
    pci_config_write(b->pci, PCI_DEVFN(1, 0), 0x60, 4, 0x0b0b0b0b); /* all PIRQs to line 11 */
    pci_config_write(b->pci, NR_DEVFN, PCI_BAR0, 4, bar0);
    pci_config_write(b->pci, NR_DEVFN, PCI_BAR0 + 4, 4, bar1);
    pci_config_write(b->pci, NR_DEVFN, PCI_COMMAND, 2, 7);
    return b;
}

DT_UNUSED static void nr_close(struct nr_board *b)
{
    struct phys *phys = b->t->bus->phys;
    dt_close(b->t);
    phys_free(phys);
    free(b);
}

/* A TCP packet over IPv4 of `data` bytes, with the checksums of its headers right. */
DT_UNUSED static u32 nr_tcp(u8 *frame, u32 data, unsigned seed)
{
    static const u8 head[54] = {
        0x52, 0x54, 0,  0x12, 0x34, 0x56, 0x52, 0x55, 10, 0, 2, 2, 8,    0, /* Ethernet */
        0x45, 0,    0,  0,    0,    9,    0x40, 0,    64, 6, 0, 0, 10,   0,
        2,    2,    10, 0,    2,    15, /* IP */
        0,    80,   4,  0,    1,    2,    3,    4,    0,  0, 0, 0, 0x50, 0x19,
        0x10, 0,    0,  0,    0,    0 /* TCP: FIN PSH ACK */
    };
    struct net_layout l;

    memcpy(frame, head, sizeof(head));
    nr_fill(frame + sizeof(head), data, seed);
    store_be(frame + 16, 2, 40 + data);
    assert_true(net_parse(frame, (u32)sizeof(head) + data, &l) && l.tcp && l.ip4);
    net_fill_ip4(frame, &l);
    net_fill_l4(frame, &l);
    return (u32)sizeof(head) + data;
}

/* Both checksums of a TCP packet are right. */
DT_UNUSED static bool nr_sums_ok(const u8 *frame, u32 len)
{
    struct net_layout l;
    return net_parse(frame, len, &l) && l.tcp &&
           !net_checksum(net_sum(frame + l.ip, l.l4 - l.ip, 0)) &&
           !net_checksum(
               net_sum(frame + l.l4, l.end - l.l4, net_pseudo_sum(frame + l.ip, 6, l.end - l.l4)));
}

#endif
