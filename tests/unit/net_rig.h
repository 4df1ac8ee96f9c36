/* The host's end of a cable for tests of network cards: it keeps what the guest sends. */
#ifndef TESTS_UNIT_NET_RIG_H
#define TESTS_UNIT_NET_RIG_H

#include "devices/core/net.h"
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

#endif
