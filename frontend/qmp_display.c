/* The commands of QMP about displays, that is about the VNC server: who is there, and by which
 * password. */
#include <string.h>

#include "frontend/qmp_internal.h"

#define MAX_CLIENTS 64 /* that are listed */

json_t *qmp_peer(const struct display_peer *peer)
{
    return json_pack("{s:s,s:s,s:o,s:b}", "family", peer->family, "service", peer->service, "host",
                     qmp_string(peer->host), "websocket", 0);
}

json_t *qmp_vnc_server(const struct session *s)
{
    struct display_peer name;
    bool asks = false;
    json_t *server;

    if (!display_vnc_server(s, &name, &asks))
        return NULL;
    server = qmp_peer(&name);
    json_object_set_new(server, "auth", json_string(asks ? "vnc" : "none"));
    return server;
}

static json_t *clients(const struct session *s)
{
    json_t *list = json_array();
    struct display_peer name;

    for (unsigned n = 0; n < MAX_CLIENTS && display_vnc_client(s, n, &name); n++)
        json_array_append_new(list, qmp_peer(&name));
    return list;
}

static bool query_vnc(struct qmp_call *c)
{
    json_t *server = qmp_vnc_server(c->session);

    c->result = json_pack("{s:b}", "enabled", server != NULL);
    if (!server)
        return true;
    json_object_del(server, "websocket");
    json_object_update(c->result, server);
    json_object_set_new(c->result, "clients", clients(c->session));
    json_decref(server);
    return true;
}

static bool query_vnc_servers(struct qmp_call *c)
{
    json_t *server = qmp_vnc_server(c->session);

    c->result = !server ? json_array()
                        : json_pack("[{s:s,s:O,s:[o],s:o}]", "id", "default", "auth",
                                    json_object_get(server, "auth"), "server", server, "clients",
                                    clients(c->session));
    return true;
}

/* What this display calls itself, of QMP's DisplayType. */
static bool query_display_options(struct qmp_call *c)
{
    const struct displays *d = &c->session->displays;
    const char *type = "none";

    for (unsigned i = 0; i < d->count; i++)
        if (d->display[i].type != display_vnc)
            type = d->display[i].type->name;
    c->result = json_pack("{s:s}", "type", type);
    return true;
}

static bool is_vnc(struct qmp_call *c)
{
    const char *protocol = qmp_text(c, "protocol");

    if (!strcmp(protocol, "spice"))
        return qmp_fail(c, "DeviceNotActive", "SPICE is not in use");
    return !strcmp(protocol, "vnc") ||
           qmp_fail(c, NULL, "Parameter 'protocol' does not accept value '%s'", protocol);
}

static bool change_password(struct qmp_call *c)
{
    return display_set_password(c->session, qmp_text(c, "password")) ||
           qmp_fail(c, NULL, "Could not set password");
}

static bool set_password(struct qmp_call *c)
{
    const char *connected = qmp_text(c, "connected");

    if (!is_vnc(c))
        return false;
    if (connected && strcmp(connected, "keep") != 0)
        return qmp_fail(c, NULL, "Invalid parameter 'connected'");
    return change_password(c);
}

static bool expire_password(struct qmp_call *c)
{
    int64_t when;

    if (!is_vnc(c))
        return false;
    if (!monitor_moment(qmp_text(c, "time"), &when))
        return qmp_fail(c, NULL, "Parameter 'time' is 'now', 'never', a number or '+' and one");
    return display_expire_password(c->session, when) ||
           qmp_fail(c, NULL, "Could not set password expire time");
}

const struct qmp_command qmp_displays[] = {
    {"query-vnc", "", query_vnc},
    {"query-vnc-servers", "", query_vnc_servers},
    {"query-display-options", "", query_display_options},
    {"set_password", "protocol:s password:s connected?:s display?:s", set_password},
    {"expire_password", "protocol:s time:s display?:s", expire_password},
    {"change-vnc-password", "password:s", change_password},
    {NULL, NULL, NULL},
};
