/* The options that give the machine its networks: -nic, -netdev, -net, and -object filter-dump.
 * Each function is false after one line on standard error. The cards themselves are -device
 * options, as given or made up here. */
#ifndef FRONTEND_NETS_H
#define FRONTEND_NETS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>

#include "machine/orrery.h"

struct options;

#define MAX_FORWARDS 32
#define MAX_SEARCH   8
#define CARD_TEXT    192 /* of a -device option made here */

/* From a port of the host to one of the guest; or, with a command, from an address and port in the
 * guest's network to a program of the host. */
struct net_forward {
    bool udp;
    struct in_addr host, guest;
    uint16_t host_port, guest_port;
    const char *command;
};

/* A network of the user's: what is behind the cable is made by libslirp. */
struct netdev {
    const char *id;
    char own_id[16];
    bool has_card; /* made here; otherwise some -device names it */
    bool restricted, no_ipv4, no_ipv6;
    struct in_addr net, mask, host, dhcp, dns; /* 0 where not given, until nets_finish() */
    const char *hostname, *domain, *tftp, *bootfile;
    const char *search[MAX_SEARCH + 1];
    unsigned searches;
    struct net_forward forward[MAX_FORWARDS];
    unsigned forwards;
    const char *dump; /* file for a copy of all frames */
};

/* What -net says, one of each at most. */
struct net_legacy {
    bool nic, user;
    char *card;         /* its text */
    const char *netdev; /* NULL: no cable */
};

struct nets {
    struct netdev dev[ORRERY_NETS];
    unsigned count;
    struct net_legacy legacy;
    struct {
        const char *netdev, *file;
    } dump[ORRERY_NETS];
    unsigned dumps;
    char card[ORRERY_NETS][CARD_TEXT];
    unsigned cards;
    bool said; /* something was said of networks */
    struct orrery_net config[ORRERY_NETS + 1];
};

/* Option handlers. The text of an option is cut up in place. */
bool nets_nic(struct options *o, const char *name, const char *arg);
bool nets_netdev(struct options *o, const char *name, const char *arg);
bool nets_net(struct options *o, const char *name, const char *arg);
bool nets_object(struct options *o, const char *name, const char *arg);

/* [tcp|udp]:[host address]:port, and if it is to be the whole rule -[guest address]:port. False,
 * without a complaint: it is none. */
bool nets_forward(const char *text, bool whole, struct net_forward *f);

/* After the last option: adds cards and networks to the machine's configuration. */
bool nets_finish(struct options *o);

#endif
