/* The text monitor's commands about the VNC server. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "frontend/monitor.h"
#include "frontend/session.h"

#define MAX_CLIENTS 64 /* that are listed */

bool monitor_moment(const char *text, int64_t *when)
{
    char *end;
    long long n = strtoll(text, &end, 10);

    if (!strcmp(text, "now"))
        *when = 1;
    else if (!strcmp(text, "never"))
        *when = 0;
    else if (*end || end == text || n < 0 || n > INT32_MAX)
        return false;
    else
        *when = *text == '+' ? time(NULL) + n : n;
    return true;
}

/* "vnc" or "spice", of which there is one. */
static bool protocol(struct hmp *h)
{
    char word[16];

    if (!hmp_need_word(h, word, sizeof(word), "string"))
        return false;
    if (!strcmp(word, "spice"))
        return hmp_fail(h, "Error: SPICE is not in use");
    return !strcmp(word, "vnc") || hmp_fail(h, "Error: invalid parameter value: %s", word);
}

bool hmp_set_password(struct hmp *h)
{
    char password[64];

    if (!hmp_need_word(h, password, sizeof(password), "string"))
        return false;
    return display_set_password(h->session, password) ||
           hmp_fail(h, "Error: Could not set password: -vnc ADDRESS,password=on asks for one");
}

static bool run_set_password(struct hmp *h)
{
    char password[64], connected[16];
    const char *from;

    if (!protocol(h))
        return false;
    from = h->args;
    if (!hmp_need_word(h, password, sizeof(password), "string"))
        return false;
    if (hmp_word(h, connected, sizeof(connected)) && connected[0] != '-' &&
        strcmp(connected, "keep") != 0)
        return hmp_fail(h, "Error: Invalid parameter 'connected'");
    h->args = from;
    if (!hmp_set_password(h))
        return false;
    h->args = "";
    return true;
}

static bool run_expire_password(struct hmp *h)
{
    char text[32];
    int64_t when;

    if (!protocol(h) || !hmp_need_word(h, text, sizeof(text), "string"))
        return false;
    if (!monitor_moment(text, &when))
        return hmp_fail(h, "Error: the time is 'now', 'never', a number or '+' and one");
    return display_expire_password(h->session, when) ||
           hmp_fail(h, "Error: Could not set password expire time");
}

static void print_peer(FILE *out, const char *what, const struct display_peer *peer)
{
    fprintf(out, "  %s: %s:%s (%s)\n", what, peer->host, peer->service, peer->family);
}

bool hmp_info_vnc(struct hmp *h)
{
    struct display_peer name;
    bool asks = false;

    if (!display_vnc_server(h->session, &name, &asks)) {
        fputs("None\n", h->out);
        return true;
    }
    fputs("default:\n", h->out);
    print_peer(h->out, "Server", &name);
    fprintf(h->out, "    Auth: %s (Sub: none)\n", asks ? "vnc" : "none");
    for (unsigned n = 0; n < MAX_CLIENTS && display_vnc_client(h->session, n, &name); n++) {
        print_peer(h->out, "Client", &name);
        fputs("    x509_dname: none\n    sasl_username: none\n", h->out);
    }
    return true;
}

const struct hmp_command hmp_display_commands[] = {
    {"set_password", NULL, "protocol password [connected]", "set the password of the VNC server",
     run_set_password},
    {"expire_password", NULL, "protocol time", "set when the VNC password expires",
     run_expire_password},
    {NULL, NULL, NULL, NULL, NULL},
};
