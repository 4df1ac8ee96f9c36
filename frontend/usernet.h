/* A network of the user's own, by libslirp: a router, DHCP and name servers, and connections of the
 * guest's that are made as connections of this process. */
#ifndef FRONTEND_USERNET_H
#define FRONTEND_USERNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct net_forward;
struct netdev;
struct session;
struct usernet;

#ifdef HAVE_SLIRP
/* Begins to work in the session's loop, for network n of its machine. NULL after a complaint. The
 * description must outlive it. */
struct usernet *usernet_new(struct session *s, unsigned n, const struct netdev *d);
void usernet_free(struct usernet *u);

/* A frame from the guest. */
void usernet_send(struct usernet *u, const void *frame, size_t len);

/* While it works: a port of the host's leads into the guest's network, or no more. False: it is
 * taken, or there was no such. */
bool usernet_forward(struct usernet *u, const struct net_forward *f, bool add);
/* Its connections, as a table. */
void usernet_print(struct usernet *u, FILE *out);
#else
/* Options that would need it are refused. */
static inline struct usernet *usernet_new(struct session *s, unsigned n, const struct netdev *d)
{
    (void)s;
    (void)n;
    (void)d;
    return NULL;
}

static inline void usernet_free(struct usernet *u)
{
    (void)u;
}

static inline bool usernet_forward(struct usernet *u, const struct net_forward *f, bool add)
{
    (void)u;
    (void)f;
    (void)add;
    return false;
}

static inline void usernet_print(struct usernet *u, FILE *out)
{
    (void)u;
    (void)out;
}

static inline void usernet_send(struct usernet *u, const void *frame, size_t len)
{
    (void)u;
    (void)frame;
    (void)len;
}
#endif

#endif
