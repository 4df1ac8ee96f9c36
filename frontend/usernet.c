/* User networking by libslirp. It is driven by the session's loop, between slices of the guest, by
 * the host's clock; what it sends enters the guest through the journal, so nothing of the host's
 * timing escapes recording. Frames that the guest's card has no room for wait here; while many do,
 * libslirp is not asked for more, and its connections are slowed down by their windows. */
#include "frontend/usernet.h"

#include <errno.h>
#include <slirp/libslirp.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/session.h"

#define WAITING_SOON 65536u     /* bytes that wait: ask for no more */
#define WAITING_MAX  (4u << 20) /* frames beyond are lost */

struct timer {
    struct timer *next;
    SlirpTimerCb fn;
    void *opaque;
    int64_t at_ms; /* -1: not running */
};

struct frame {
    struct frame *next;
    size_t len;
    uint8_t data[];
};

struct usernet {
    struct session *session;
    unsigned n; /* of the machine's networks */
    const struct netdev *d;
    Slirp *slirp;
    struct loop_source source;
    struct timer *timers;
    struct frame *first, **last; /* waiting */
    size_t waiting;              /* bytes */
    size_t given;                /* bytes handed to the machine since the loop last came by */
    bool asked;                  /* in this turn of the loop */
};

/* ---- to the guest ---- */

static bool give(struct usernet *u, const void *frame, size_t len)
{
    struct orrery *o = u->session->machine;

    if (u->given + len + ORRERY_NET_COST > orrery_net_room(o, u->n))
        return false;
    orrery_net_input(o, u->n, frame, len);
    u->given += len + ORRERY_NET_COST;
    return true;
}

static void give_waiting(struct usernet *u)
{
    while (u->first && give(u, u->first->data, u->first->len)) {
        struct frame *f = u->first;
        u->waiting -= f->len;
        u->first = f->next;
        if (!u->first)
            u->last = &u->first;
        free(f);
    }
}

static ssize_t send_packet(const void *buf, size_t len, void *opaque)
{
    struct usernet *u = opaque;
    struct frame *f;

    if (!u->first && give(u, buf, len))
        return (ssize_t)len;
    f = u->waiting + len <= WAITING_MAX ? malloc(sizeof(*f) + len) : NULL;
    if (!f)
        return (ssize_t)len; /* lost, as on a busy wire */
    f->next = NULL;
    f->len = len;
    memcpy(f->data, buf, len);
    *u->last = f;
    u->last = &f->next;
    u->waiting += len;
    return (ssize_t)len;
}

void usernet_send(struct usernet *u, const void *frame, size_t len)
{
    slirp_input(u->slirp, frame, (int)len);
}

/* ---- libslirp's wishes ---- */

static void guest_error(const char *msg, void *opaque)
{
    (void)msg; /* a guest may send what it likes */
    (void)opaque;
}

static int64_t clock_get_ns(void *opaque)
{
    (void)opaque;
    return (int64_t)loop_now_ns();
}

static void *timer_new(SlirpTimerCb fn, void *fn_opaque, void *opaque)
{
    struct usernet *u = opaque;
    struct timer *t = calloc(1, sizeof(*t));

    if (!t)
        return NULL;
    *t = (struct timer){u->timers, fn, fn_opaque, -1};
    u->timers = t;
    return t;
}

static void timer_free(void *timer, void *opaque)
{
    struct usernet *u = opaque;

    for (struct timer **at = &u->timers; *at; at = &(*at)->next) {
        if (*at != timer)
            continue;
        *at = (*at)->next;
        free(timer);
        return;
    }
}

static void timer_mod(void *timer, int64_t at_ms, void *opaque)
{
    (void)opaque;
    if (timer)
        ((struct timer *)timer)->at_ms = at_ms;
}

static void watch_fd(int fd, void *opaque)
{
    (void)fd; /* they are asked for in every turn */
    (void)opaque;
}

static void notify(void *opaque)
{
    (void)opaque; /* the loop comes by soon enough */
}

/* ---- the loop ---- */

static const struct {
    short poll;
    int slirp;
} events[] = {{POLLIN, SLIRP_POLL_IN},
              {POLLOUT, SLIRP_POLL_OUT},
              {POLLPRI, SLIRP_POLL_PRI},
              {POLLERR, SLIRP_POLL_ERR},
              {POLLHUP, SLIRP_POLL_HUP}};

static int add_poll(int fd, int wanted, void *opaque)
{
    short mask = 0;

    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
        mask |= (short)(wanted & events[i].slirp ? events[i].poll : 0);
    return loop_watch(opaque, fd, mask);
}

static int get_revents(int watch, void *opaque)
{
    short got = loop_ready(opaque, watch);
    int mask = 0;

    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
        mask |= got & events[i].poll ? events[i].slirp : 0;
    return mask;
}

static void prepare(void *opaque, struct loop *loop)
{
    struct usernet *u = opaque;
    uint32_t timeout = UINT32_MAX;
    int64_t now = (int64_t)(loop_now_ns() / 1000000);

    u->given = 0;
    give_waiting(u);
    if (u->given) /* the guest has something to do now */
        loop_within(loop, 0);
    u->asked = u->waiting <= WAITING_SOON;
    if (u->asked) {
        slirp_pollfds_fill(u->slirp, &timeout, add_poll, loop);
        if (timeout != UINT32_MAX)
            loop_within(loop, timeout < 1000 ? (int)timeout : 1000);
    }
    for (const struct timer *t = u->timers; t; t = t->next)
        if (t->at_ms >= 0)
            loop_within(loop, t->at_ms <= now         ? 0
                              : t->at_ms - now < 1000 ? (int)(t->at_ms - now)
                                                      : 1000);
}

static void dispatch(void *opaque, struct loop *loop)
{
    struct usernet *u = opaque;
    int64_t now = (int64_t)(loop_now_ns() / 1000000);
    struct timer *t, *next;

    if (u->asked)
        slirp_pollfds_poll(u->slirp, 0, get_revents, loop);
    for (t = u->timers; t; t = next) {
        next = t->next;
        if (t->at_ms < 0 || t->at_ms > now)
            continue;
        t->at_ms = -1;
        t->fn(t->opaque);
    }
}

/* ---- life ---- */

static bool add_forwards(struct usernet *u)
{
    for (unsigned i = 0; i < u->d->forwards; i++) {
        struct net_forward f = u->d->forward[i];
        if (f.command) {
            if (slirp_add_exec(u->slirp, f.command, &f.guest, f.guest_port) < 0)
                return complain("network '%s': cannot forward port %u to '%s'", u->d->id,
                                f.guest_port, f.command);
            continue;
        }
        if (!f.guest.s_addr)
            f.guest = u->d->dhcp;
        if (slirp_add_hostfwd(u->slirp, f.udp, f.host, f.host_port, f.guest, f.guest_port) < 0)
            return complain("network '%s': cannot listen on the host's %s port %u: %s", u->d->id,
                            f.udp ? "UDP" : "TCP", f.host_port, strerror(errno));
    }
    return true;
}

bool usernet_forward(struct usernet *u, const struct net_forward *f, bool add)
{
    struct in_addr guest = f->guest.s_addr ? f->guest : u->d->dhcp;

    if (add)
        return slirp_add_hostfwd(u->slirp, f->udp, f->host, f->host_port, guest, f->guest_port) >=
               0;
    return slirp_remove_hostfwd(u->slirp, f->udp, f->host, f->host_port) >= 0;
}

void usernet_print(struct usernet *u, FILE *out)
{
    char *text = slirp_connection_info(u->slirp);

    if (text)
        fputs(text, out);
    free(text);
}

static void configure(SlirpConfig *c, const struct netdev *d)
{
    memset(c, 0, sizeof(*c));
    c->version = 1;
    c->restricted = d->restricted;
    c->in_enabled = !d->no_ipv4;
    c->vnetwork = d->net;
    c->vnetmask = d->mask;
    c->vhost = d->host;
    c->vdhcp_start = d->dhcp;
    c->vnameserver = d->dns;
    c->in6_enabled = !d->no_ipv6;
    inet_pton(AF_INET6, "fec0::", &c->vprefix_addr6);
    c->vprefix_len = 64;
    inet_pton(AF_INET6, "fec0::2", &c->vhost6);
    inet_pton(AF_INET6, "fec0::3", &c->vnameserver6);
    c->vhostname = d->hostname;
    c->vdomainname = d->domain;
    c->tftp_path = d->tftp;
    c->bootfile = d->bootfile;
    c->vdnssearch = d->searches ? (const char **)(uintptr_t)d->search : NULL;
}

struct usernet *usernet_new(struct session *s, unsigned n, const struct netdev *d)
{
    static const SlirpCb callbacks = {.send_packet = send_packet,
                                      .guest_error = guest_error,
                                      .clock_get_ns = clock_get_ns,
                                      .timer_new = timer_new,
                                      .timer_free = timer_free,
                                      .timer_mod = timer_mod,
                                      .register_poll_fd = watch_fd,
                                      .unregister_poll_fd = watch_fd,
                                      .notify = notify};
    struct usernet *u = calloc(1, sizeof(*u));
    SlirpConfig config;

    if (!u)
        return complain("out of memory"), NULL;
    u->session = s;
    u->n = n;
    u->d = d;
    u->last = &u->first;
    configure(&config, d);
    u->slirp = slirp_new(&config, &callbacks, u);
    if (!u->slirp) {
        free(u);
        return complain("network '%s': libslirp does not start", d->id), NULL;
    }
    u->source = (struct loop_source){.prepare = prepare, .dispatch = dispatch, .opaque = u};
    loop_add(&s->loop, &u->source);
    if (add_forwards(u))
        return u;
    usernet_free(u);
    return NULL;
}

void usernet_free(struct usernet *u)
{
    loop_remove(&u->session->loop, &u->source);
    slirp_cleanup(u->slirp);
    while (u->first) {
        struct frame *f = u->first;
        u->first = f->next;
        free(f);
    }
    while (u->timers)
        timer_free(u->timers, u);
    free(u);
}
