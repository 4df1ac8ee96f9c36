/* The text monitor's commands about networks. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "frontend/monitor.h"
#include "frontend/session.h"
#include "frontend/usernet.h"

/* "[NETWORK] RULE": the network that is named, or the first. NULL after a message. */
static struct usernet *network(struct hmp *h, char *rule, size_t size)
{
    struct nets *nets = &h->session->options.nets;
    char name[64] = "";
    unsigned n = 0;

    if (!hmp_need_word(h, rule, size, "string"))
        return NULL;
    if (!hmp_at_end(h)) {
        snprintf(name, sizeof(name), "%s", rule);
        if (!hmp_need_word(h, rule, size, "string"))
            return NULL;
    }
    while (n < nets->count && *name && strcmp(nets->dev[n].id, name) != 0)
        n++;
    if (n < nets->count && h->session->nets[n].user)
        return h->session->nets[n].user;
    hmp_fail(h, *name ? "unrecognized netdev id '%s'" : "no user network%s", name);
    return NULL;
}

static bool run_add(struct hmp *h)
{
    char rule[256];
    struct net_forward f;
    struct usernet *u = network(h, rule, sizeof(rule));

    if (!u)
        return false;
    if (!nets_forward(rule, true, &f))
        return hmp_fail(h, "Invalid host forwarding rule '%s'", rule);
    return usernet_forward(u, &f, true) ||
           hmp_fail(h, "Could not set up host forwarding rule '%s': %s", rule, strerror(errno));
}

static bool run_remove(struct hmp *h)
{
    char rule[256];
    struct net_forward f;
    struct usernet *u = network(h, rule, sizeof(rule));

    if (!u)
        return false;
    if (!nets_forward(rule, false, &f))
        return hmp_fail(h, "invalid format");
    fprintf(h->out, "host forwarding rule for %s %s\n", rule,
            usernet_forward(u, &f, false) ? "removed" : "not found");
    return true;
}

bool hmp_info_network(struct hmp *h)
{
    const struct nets *nets = &h->session->options.nets;

    for (unsigned n = 0; n < nets->count; n++) {
        const struct netdev *d = &nets->dev[n];
        char net[INET_ADDRSTRLEN];
        fprintf(h->out, "%s: index=0,type=user,net=%s,restrict=%s\n", d->id,
                inet_ntop(AF_INET, &d->net, net, sizeof(net)), d->restricted ? "on" : "off");
    }
    return true;
}

bool hmp_info_usernet(struct hmp *h)
{
    const struct nets *nets = &h->session->options.nets;

    for (unsigned n = 0; n < nets->count; n++) {
        if (!h->session->nets[n].user)
            continue;
        fprintf(h->out, "Hub -1 (%s):\n", nets->dev[n].id);
        usernet_print(h->session->nets[n].user, h->out);
    }
    return true;
}

const struct hmp_command hmp_net_commands[] = {
    {"hostfwd_add", NULL, "[netdev_id] [tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport",
     "redirect TCP or UDP connections from host to guest", run_add},
    {"hostfwd_remove", NULL, "[netdev_id] [tcp|udp]:[hostaddr]:hostport",
     "remove host-to-guest TCP or UDP redirection", run_remove},
    {NULL, NULL, NULL, NULL, NULL},
};
