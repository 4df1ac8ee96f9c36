/* Networks of the machine: the host's ends of the cables that network cards plug into. The frontend
 * numbers them as it lists them in the configuration; cards find them by name (netdev=ID). */
#include "machine/machine.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

bool nets_build(struct orrery *o, const struct orrery_config *c, char *err, size_t err_size)
{
    unsigned n = 0;

    for (const struct orrery_net *net = c->nets; net && net->id; net++, n++) {
        if (n == ORRERY_NETS || bus_find_object(o->bus, NET_KIND, net->id)) {
            snprintf(err, err_size, "netdev '%s': %s", net->id,
                     n == ORRERY_NETS ? "too many of them" : "the name is taken");
            return false;
        }
        o->net_name[n] = strdup(net->id);
        CHECK(o->net_name[n], "out of memory");
        struct orrery_sink end = outlet_make(o, &o->net_out[n], &net->sink);
        struct orrery_sink tap = outlet_make(o, &o->tap_out[n], &net->tap);
        net_link_init(&o->net[n], end.write, end.opaque);
        o->net[n].large = net->large;
        o->net[n].tap = tap.write;
        o->net[n].tap_opaque = tap.opaque;
        bus_add_object(o->bus, NET_KIND, o->net_name[n], &o->net[n]);
    }
    return true;
}

/* Whoever has an option that names a network. */
static bool is_card(const struct dev_type *type)
{
    for (const struct prop *p = type->props; p && p->name; p++) {
        if (p->kind == PROP_KIND_OBJECT && !strcmp(p->object_kind, NET_KIND))
            return true;
    }
    return false;
}

const char *orrery_net_model(unsigned n)
{
    for (const struct dev_type *const *type = dev_types; *type; type++) {
        if (is_card(*type) && !n--)
            return (*type)->name;
    }
    return NULL;
}

void nets_free(struct orrery *o)
{
    for (unsigned n = 0; n < ORRERY_NETS; n++)
        free(o->net_name[n]);
}

void orrery_net_input(struct orrery *o, unsigned net, const void *frame, size_t len)
{
    if (net >= ORRERY_NETS)
        return;
    net_input(&o->net[net], frame, len);
    jit_shorten(o->cpu, cpu_icount(o->cpu)); /* an answer to what the guest is just sending */
}

size_t orrery_net_room(const struct orrery *o, unsigned net)
{
    return net < ORRERY_NETS ? net_room(&o->net[net]) : 0;
}

bool orrery_net_plug(struct orrery *o, const char *id, bool plugged)
{
    for (unsigned n = 0; n < ORRERY_NETS; n++) {
        if (!o->net_name[n] || strcmp(o->net_name[n], id))
            continue;
        net_set_carrier(&o->net[n], plugged);
        return true;
    }
    return false;
}
