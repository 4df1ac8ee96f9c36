/* Networks on the command line. -nic makes a network and a card on it; -netdev a network that a
 * -device names; -net, the oldest way, one network and one card that belong together. What nobody
 * uses, is named twice, unknown or contradictory is refused. */
#include "frontend/nets.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/options.h"
#include "frontend/props.h"

#define DEFAULT_MODEL "e1000"

static bool bad_value(const char *option, const char *name, const char *value)
{
    return complain("-%s: bad value '%s' for '%s'", option, value, name);
}

/* ---- properties of a user network ---- */

static bool parse_address(const char *text, struct in_addr *out)
{
    return inet_pton(AF_INET, text, out) == 1;
}

static bool parse_port(const char *text, uint16_t *out)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end || !n || n > 65535)
        return false;
    *out = (uint16_t)n;
    return true;
}

/* "address:port"; the address may be left out. */
static bool parse_end(char *text, struct in_addr *address, uint16_t *port)
{
    char *colon = strrchr(text, ':');

    if (!colon)
        return false;
    *colon = 0;
    return (!*text || parse_address(text, address)) && parse_port(colon + 1, port);
}

static struct net_forward *new_forward(struct netdev *d, const char *option)
{
    if (d->forwards < MAX_FORWARDS)
        return &d->forward[d->forwards++];
    complain("-%s: at most %d forwarded ports", option, MAX_FORWARDS);
    return NULL;
}

/* "tcp:" or "udp:" may stand before; cut off. False: another protocol. */
static bool parse_protocol(char **text, bool *udp)
{
    char *colon = strchr(*text, ':');

    if (!colon)
        return false;
    *udp = !strncmp(*text, "udp:", 4);
    if (colon != *text && strncmp(*text, "tcp:", 4) && !*udp)
        return false;
    *text = colon + 1;
    return true;
}

bool nets_forward(const char *value, bool whole, struct net_forward *f)
{
    char *copy = strdup(value), *text = copy, *dash = NULL;
    bool ok;

    *f = (struct net_forward){.udp = false};
    if (!copy)
        return false;
    ok = parse_protocol(&text, &f->udp);
    if (ok && whole) {
        dash = strchr(text, '-');
        ok = dash;
    }
    if (dash)
        *dash = 0;
    ok = ok && parse_end(text, &f->host, &f->host_port) &&
         (!whole || parse_end(dash + 1, &f->guest, &f->guest_port));
    free(copy);
    return ok;
}

static bool set_hostfwd(struct netdev *d, const char *option, char *value)
{
    struct net_forward *f = new_forward(d, option);
    bool ok;

    if (!f)
        return false;
    ok = nets_forward(value, true, f);
    return ok || complain("-%s: hostfwd=%s is not [tcp|udp]:[ADDRESS]:PORT-[ADDRESS]:PORT", option,
                          value);
}

/* [tcp]:address:port-cmd:COMMAND */
static bool set_guestfwd(struct netdev *d, const char *option, char *value)
{
    struct net_forward *f = new_forward(d, option);
    char *text = value, *dash = strchr(value, '-');

    if (!f)
        return false;
    if (dash && !strncmp(dash, "-cmd:", 5) && dash[5]) {
        f->command = dash + 5;
        *dash = 0;
        if (parse_protocol(&text, &f->udp) && !f->udp &&
            parse_end(text, &f->guest, &f->guest_port) && f->guest.s_addr)
            return true;
        *dash = '-';
    }
    return complain("-%s: guestfwd=%s is not [tcp]:ADDRESS:PORT-cmd:COMMAND", option, value);
}

/* address, address/bits or address/mask */
static bool set_net(struct netdev *d, const char *option, char *value)
{
    char *slash = strchr(value, '/'), *end;
    unsigned long bits = 24;

    if (slash)
        *slash = 0;
    d->mask.s_addr = htonl(0xffffff00);
    if (!parse_address(value, &d->net))
        return bad_value(option, "net", value);
    if (!slash || parse_address(slash + 1, &d->mask))
        return true;
    bits = strtoul(slash + 1, &end, 10);
    if (!slash[1] || *end || bits < 4 || bits > 30)
        return bad_value(option, "net", slash + 1);
    d->mask.s_addr = htonl(0xffffffffu << (32 - bits));
    return true;
}

static bool set_search(struct netdev *d, const char *option, char *value)
{
    if (d->searches == MAX_SEARCH)
        return complain("-%s: at most %d domains in dnssearch", option, MAX_SEARCH);
    d->search[d->searches++] = value;
    return true;
}

enum user_kind { USER_TEXT, USER_ADDRESS, USER_ON, USER_OFF, USER_FN };

/* on, off: where it stands, true for the one or the other. */
static bool set_switch(const char *option, const char *name, const char *value, bool *out,
                       bool truth)
{
    bool on = !strcmp(value, "on") || !strcmp(value, "yes") || !strcmp(value, "y");

    if (!on && strcmp(value, "off") && strcmp(value, "no") && strcmp(value, "n"))
        return bad_value(option, name, value);
    *out = on == truth;
    return true;
}

#define AT(f) offsetof(struct netdev, f)

/* A property of a user network; *known is false if it is none. */
static bool user_property(struct netdev *d, const char *option, const char *name, char *value,
                          bool *known)
{
    static const struct {
        const char *name;
        enum user_kind kind;
        size_t at;
        bool (*fn)(struct netdev *d, const char *option, char *value);
    } table[] = {
        {"hostfwd", USER_FN, 0, set_hostfwd},
        {"guestfwd", USER_FN, 0, set_guestfwd},
        {"net", USER_FN, 0, set_net},
        {"dnssearch", USER_FN, 0, set_search},
        {"host", USER_ADDRESS, AT(host), NULL},
        {"dhcpstart", USER_ADDRESS, AT(dhcp), NULL},
        {"dns", USER_ADDRESS, AT(dns), NULL},
        {"hostname", USER_TEXT, AT(hostname), NULL},
        {"domainname", USER_TEXT, AT(domain), NULL},
        {"tftp", USER_TEXT, AT(tftp), NULL},
        {"bootfile", USER_TEXT, AT(bootfile), NULL},
        {"restrict", USER_ON, AT(restricted), NULL},
        {"ipv4", USER_OFF, AT(no_ipv4), NULL},
        {"ipv6", USER_OFF, AT(no_ipv6), NULL},
    };
    size_t n = 0, count = sizeof(table) / sizeof(table[0]);

    while (n < count && strcmp(table[n].name, name))
        n++;
    *known = n < count;
    if (!*known)
        return false;
    if (!value || !*value)
        return complain("-%s: property '%s' needs a value", option, name);
    char *at = (char *)d + table[n].at;
    switch (table[n].kind) {
    case USER_TEXT: *(const char **)(void *)at = value; return true;
    case USER_ADDRESS:
        return parse_address(value, (struct in_addr *)(void *)at) || bad_value(option, name, value);
    case USER_ON:
    case USER_OFF: return set_switch(option, name, value, (bool *)at, table[n].kind == USER_ON);
    default: return table[n].fn(d, option, value);
    }
}

/* ---- networks ---- */

static struct netdev *find_netdev(struct nets *all, const char *id)
{
    for (unsigned i = 0; i < all->count; i++)
        if (!strcmp(all->dev[i].id, id))
            return &all->dev[i];
    return NULL;
}

static struct netdev *new_netdev(struct nets *all, const char *option)
{
    struct netdev *d = &all->dev[all->count];

    if (all->count == ORRERY_NETS) {
        complain("-%s: at most %d networks", option, ORRERY_NETS);
        return NULL;
    }
    memset(d, 0, sizeof(*d));
    for (unsigned n = 0; !n || find_netdev(all, d->own_id); n++)
        snprintf(d->own_id, sizeof(d->own_id), "net%u", n);
    d->id = d->own_id;
    all->count++;
    return d;
}

static bool set_id(struct nets *all, struct netdev *d, const char *option, const char *value)
{
    if (!value || !*value || strlen(value) > 60)
        return complain("-%s: bad id", option);
    struct netdev *other = find_netdev(all, value);
    if (other && other != d)
        return complain("-%s: id '%s' is taken", option, value);
    d->id = value;
    return true;
}

/* The kinds of networks that there are. */
static bool check_kind(const char *option, const char *kind)
{
#ifndef HAVE_SLIRP
    if (!strcmp(kind, "user"))
        return complain("-%s: built without libslirp, there is no user network", option);
#endif
    return !strcmp(kind, "user") || complain("-%s: network '%s' is not supported (user%s)", option,
                                             kind, strcmp(option, "netdev") ? ", none" : "");
}

/* ---- cards ---- */

/* The device type of a model, or NULL after a complaint; model=help lists them. */
static const char *find_model(struct options *o, const char *option, const char *model)
{
    static const char virtio[] = "virtio";
    const char *name;

    if (!strcmp(model, "help")) {
        for (unsigned n = 0; (name = orrery_net_model(n)); n++)
            puts(name);
        o->done = true;
        return model;
    }
    for (unsigned n = 0; (name = orrery_net_model(n)); n++) {
        if (!strcmp(name, model) ||
            (!strcmp(model, virtio) && !strncmp(name, virtio, strlen(virtio))))
            return name;
    }
    complain("-%s: unknown model '%s' (model=help lists them)", option, model);
    return NULL;
}

/* What -nic and -net nic say of a card. */
struct card_line {
    const char *model, *mac, *addr, *name;
};

static bool card_property(struct card_line *c, const char *name, const char *value, bool *known)
{
    *known = true;
    if (!strcmp(name, "model"))
        c->model = value;
    else if (!strcmp(name, "mac") || !strcmp(name, "macaddr"))
        c->mac = value;
    else if (!strcmp(name, "addr"))
        c->addr = value;
    else if (!strcmp(name, "name"))
        c->name = value;
    else
        *known = false;
    return value && *value;
}

/* Adds the -device option. netdev NULL: no cable. */
static bool add_card(struct options *o, const char *option, const struct card_line *c,
                     const char *netdev)
{
    struct nets *all = &o->nets;
    const char *model = find_model(o, option, c->model ? c->model : DEFAULT_MODEL);
    char *text = all->card[all->cards];

    if (!model || o->done)
        return model;
    if (all->cards == ORRERY_NETS || o->ndevices == MAX_DEVICES)
        return complain("-%s: too many cards", option);
    int len = snprintf(text, CARD_TEXT, "%s%s%s%s%s%s%s%s%s", model, netdev ? ",netdev=" : "",
                       netdev ? netdev : "", c->mac ? ",mac=" : "", c->mac ? c->mac : "",
                       c->addr ? ",addr=" : "", c->addr ? c->addr : "", c->name ? ",id=" : "",
                       c->name ? c->name : "");
    if (len >= CARD_TEXT)
        return complain("-%s: too long", option);
    all->cards++;
    o->devices[o->ndevices++] = text;
    return true;
}

/* ---- options ---- */

/* The first word, which says what kind it is. */
static bool take_kind(char **rest, const char *option, char **kind)
{
    char *value;
    if (next_property(rest, kind, &value) && !value)
        return true;
    return complain("-%s: no kind of network is named", option);
}

bool nets_nic(struct options *o, const char *name, const char *arg)
{
    char *rest = (char *)arg, *key, *value, *kind;
    struct card_line card = {0};
    struct netdev *d;
    bool known;

    o->nets.said = true;
    if (!strncmp(arg, "model=", 6)) { /* as in -nic model=help */
        card.model = arg + 6;
        return !strcmp(card.model, "help") ? find_model(o, name, card.model) != NULL
                                           : complain("-nic: no kind of network is named");
    }
    if (!take_kind(&rest, name, &kind))
        return false;
    if (!strcmp(kind, "none"))
        return !rest || complain("-nic: none has no properties");
    if (!check_kind(name, kind) || !(d = new_netdev(&o->nets, name)))
        return false;
    d->has_card = true;
    while (next_property(&rest, &key, &value)) {
        bool ok = card_property(&card, key, value, &known);
        if (!known && !strcmp(key, "id"))
            ok = known = set_id(&o->nets, d, name, value);
        else if (!known)
            ok = user_property(d, name, key, value, &known);
        else if (!ok)
            return complain("-%s: property '%s' needs a value", name, key);
        if (!ok)
            return known || !strcmp(key, "id") ? false
                                               : complain("-%s: no property '%s'", name, key);
    }
    return add_card(o, name, &card, d->id);
}

bool nets_netdev(struct options *o, const char *name, const char *arg)
{
    char *rest = (char *)arg, *key, *value, *kind;
    struct netdev *d;
    bool known;

    o->nets.said = true;
    if (!take_kind(&rest, name, &kind) || !check_kind(name, kind) ||
        !(d = new_netdev(&o->nets, name)))
        return false;
    while (next_property(&rest, &key, &value)) {
        if (!strcmp(key, "id")) {
            if (!set_id(&o->nets, d, name, value))
                return false;
        } else if (!user_property(d, name, key, value, &known)) {
            return known ? false : complain("-%s: no property '%s'", name, key);
        }
    }
    return d->id != d->own_id || complain("-netdev: it needs an id, for a -device to name it");
}

static bool legacy_nic(struct options *o, char *rest)
{
    struct net_legacy *l = &o->nets.legacy;

    if (l->nic)
        return complain("-net: only one card; use -nic");
    l->nic = true;
    l->card = rest;
    return true;
}

/* What told one of several networks from another; here there is one. */
static bool is_label(const char *key)
{
    return !strcmp(key, "vlan") || !strcmp(key, "id") || !strcmp(key, "name");
}

static bool legacy_user(struct options *o, char *rest)
{
    struct net_legacy *l = &o->nets.legacy;
    struct netdev *d = new_netdev(&o->nets, "net");
    char *key, *value;
    bool known;

    if (!d)
        return false;
    if (l->user)
        return complain("-net: only one network; use -nic");
    l->user = d->has_card = true;
    l->netdev = d->id;
    while (next_property(&rest, &key, &value))
        if (!is_label(key) && !user_property(d, "net", key, value, &known))
            return known ? false : complain("-net: no property '%s'", key);
    return true;
}

bool nets_net(struct options *o, const char *name, const char *arg)
{
    char *rest = (char *)arg, *kind;

    o->nets.said = true;
    if (!take_kind(&rest, name, &kind))
        return false;
    if (!strcmp(kind, "none"))
        return !rest || complain("-net: none has no properties");
    if (!strcmp(kind, "nic"))
        return legacy_nic(o, rest);
    return check_kind(name, kind) && legacy_user(o, rest);
}

bool nets_object(struct options *o, const char *name, const char *arg)
{
    char *rest = (char *)arg, *key, *value;
    struct nets *all = &o->nets;
    const char *netdev = NULL, *file = NULL;

    if (!next_property(&rest, &key, &value) || strcmp(key, "filter-dump"))
        return complain("-%s: '%s' is not supported (filter-dump)", name, key ? key : "");
    while (next_property(&rest, &key, &value)) {
        if (!strcmp(key, "netdev"))
            netdev = value;
        else if (!strcmp(key, "file"))
            file = value;
        else if (strcmp(key, "id"))
            return complain("-%s: filter-dump: no property '%s'", name, key);
    }
    if (!netdev || !file || all->dumps == ORRERY_NETS)
        return complain("-%s: filter-dump needs netdev=ID and file=FILE", name);
    all->dump[all->dumps].netdev = netdev;
    all->dump[all->dumps++].file = file;
    return true;
}

/* ---- at the end ---- */

static bool finish_legacy(struct options *o)
{
    struct net_legacy *l = &o->nets.legacy;
    struct card_line card = {0};
    char *rest = l->card, *key, *value;
    bool known;

    if (!l->nic)
        return !l->user || warn_user("-net: there is a network, but no card: -net nic");
    while (next_property(&rest, &key, &value)) {
        if (!is_label(key) && (!card_property(&card, key, value, &known) || !known))
            return complain("-net: nic: no property '%s', or it has no value", key);
    }
    return add_card(o, "net", &card, l->netdev);
}

/* Addresses in the network that nobody gave, at their usual places. */
static bool finish_addresses(struct netdev *d)
{
    static const struct {
        size_t at;
        uint32_t number;
        const char *name;
    } usual[] = {
        {AT(host), 2, "host"},
        {AT(dns), 3, "dns"},
        {AT(dhcp), 15, "dhcpstart"},
    };

    if (!d->net.s_addr) {
        d->net.s_addr = htonl(0x0a000200);
        d->mask.s_addr = htonl(0xffffff00);
    }
    d->net.s_addr &= d->mask.s_addr;
    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
        struct in_addr *a = (struct in_addr *)(void *)((char *)d + usual[i].at);
        if (!a->s_addr)
            a->s_addr = d->net.s_addr | (htonl(usual[i].number) & ~d->mask.s_addr);
        if ((a->s_addr & d->mask.s_addr) != d->net.s_addr)
            return complain("network '%s': %s= is not in it", d->id, usual[i].name);
    }
    return true;
}

/* Does some -device name this network? */
static bool has_card(const struct options *o, const struct netdev *d)
{
    size_t len = strlen(d->id);

    for (unsigned i = 0; i < o->ndevices; i++) {
        for (const char *at = o->devices[i]; (at = strstr(at, ",netdev=")); at++)
            if (!strncmp(at + 8, d->id, len) && (!at[8 + len] || at[8 + len] == ','))
                return true;
    }
    return false;
}

/* A PC has a network card, as QEMU's has, unless something was said of networks; but no cable: what
 * comes in from outside somebody has to ask for. */
static bool add_usual(struct options *o)
{
    const struct card_line card = {0};

    return o->nodefaults || o->nets.said || add_card(o, "nic", &card, NULL);
}

bool nets_finish(struct options *o)
{
    struct nets *all = &o->nets;

    if (!finish_legacy(o) || !add_usual(o))
        return false;
    for (unsigned i = 0; i < all->count; i++) {
        struct netdev *d = &all->dev[i];
        if (!d->has_card && !has_card(o, d))
            warn_user("-netdev: no -device uses the network '%s'", d->id);
        if (!finish_addresses(d))
            return false;
        all->config[i].id = d->id;
    }
    for (unsigned i = 0; i < all->dumps; i++) {
        struct netdev *d = find_netdev(all, all->dump[i].netdev);
        if (!d || d->dump)
            return complain("-object: filter-dump: %s the network '%s'",
                            d ? "there is one already on" : "there is no -netdev for",
                            all->dump[i].netdev);
        d->dump = all->dump[i].file;
    }
    o->config.nets = all->config;
    return true;
}
