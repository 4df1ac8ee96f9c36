/* The VNC server: LibVNCServer does the protocol and its encodings, the listening sockets and the
 * loop are ours. The library waits when it writes, so what it writes goes to a thread (pump.h), and
 * the next picture is only made when the last has gone out: a slow network does not slow the guest.
 * Manual, "VNC". */
#define _GNU_SOURCE
#include "frontend/display.h"

#ifdef HAVE_VNC
#include <rfb/rfb.h>
#include <time.h>

#include "base/check.h"
#include "frontend/listen.h"
#include "frontend/props.h"
#include "frontend/pump.h"
#include "frontend/session.h"
#include "frontend/vnc_input.h"

#define FIRST_PORT    5900
#define POLL_MS       10
#define MAX_MESSAGES  16   /* of each client between two slices of the guest */
#define PARTIAL_MS    1000 /* for the rest of a message that has begun */
#define MAX_PASSWORD  8    /* the protocol's */
#define EXTENDED_KEYS (-258)
#define QEMU_MESSAGE  255

struct vnc {
    struct session *session;
    struct loop_source source;
    struct listener listener;
    int watch[MAX_LISTEN];
    rfbScreenInfoPtr rfb;
    unsigned clients;
    bool asks; /* for a password */
    char password[MAX_PASSWORD + 1];
    char *passwords[2];    /* the library's list of them */
    time_t expires;        /* the password is none from then on; 0: never */
    struct pump *arriving; /* of the client that is just coming in */
    struct display_peer arriving_from;
    struct vnc_input input;
};

/* What is known of a client: its clientData. */
struct peer {
    struct pump *pump;
    struct display_peer name;
    bool initialized; /* the handshake is over */
};

static struct vnc *of_client(rfbClientPtr client)
{
    return client->screen->screenData;
}

static struct peer *peer_of(rfbClientPtr client)
{
    return client->clientData;
}

static void tell(rfbClientPtr client, enum news_kind kind)
{
    session_tell(of_client(client)->session,
                 (struct news){.kind = kind, .client = &peer_of(client)->name});
}

/* ---- what clients send ---- */

static void on_symbol(rfbBool down, rfbKeySym symbol, rfbClientPtr client)
{
    struct vnc *v = of_client(client);

    vnc_input_symbol(&v->input, symbol, down);
    displays_wake(v->session, false);
}

static void on_pointer(int mask, int x, int y, rfbClientPtr client)
{
    struct vnc *v = of_client(client);

    vnc_input_pointer(&v->input, x, y, (unsigned)mask, v->rfb->width, v->rfb->height);
    displays_wake(v->session, false);
}

static void on_gone(rfbClientPtr client)
{
    struct vnc *v = of_client(client);

    tell(client, NEWS_VNC_DISCONNECTED);
    while (client->extensions) { /* the library forgets them */
        rfbExtensionData *next = client->extensions->next;
        free(client->extensions);
        client->extensions = next;
    }
    pump_stop(peer_of(client)->pump);
    free(client->clientData);
    if (!--v->clients)
        vnc_input_release(&v->input);
}

static enum rfbNewClientAction on_client(rfbClientPtr client)
{
    struct vnc *v = of_client(client);

    struct peer *peer = calloc(1, sizeof(*peer));

    CHECK(peer, "out of memory");
    v->clients++;
    client->clientGoneHook = on_gone;
    client->clientData = peer;
    peer->pump = v->arriving;
    peer->name = v->arriving_from;
    v->arriving = NULL;
    tell(client, NEWS_VNC_CONNECTED);
    displays_wake(v->session, true);
    return RFB_CLIENT_ACCEPT;
}

/* QEMU's extended key events, "RFB extensions: QEMU Extended Key Event Pseudo-encoding": the server
 * says by an empty rectangle that it knows them. */
static rfbBool offer_extended_keys(rfbClientPtr client, void **data, int encoding)
{
    static const char update[] = {0, 0, 0, 1, 0,          0,          0,          0,
                                  0, 0, 0, 0, (char)0xff, (char)0xff, (char)0xfe, (char)0xfe};

    (void)data;
    return encoding == EXTENDED_KEYS && rfbWriteExact(client, update, sizeof(update)) > 0;
}

static rfbBool on_message(rfbClientPtr client, void *data, const rfbClientToServerMsg *message)
{
    uint8_t rest[11]; /* kind, 16 bits down, 32 bits symbol, 32 bits key */
    struct vnc *v = of_client(client);

    (void)data;
    if (message->type != QEMU_MESSAGE)
        return FALSE;
    if (rfbReadExact(client, (char *)rest, sizeof(rest)) <= 0 || rest[0] != 0) {
        rfbCloseClient(client);
        return TRUE;
    }
    if (!client->viewOnly)
        vnc_input_key(&v->input, (uint32_t)rest[7] << 24 | rest[8] << 16 | rest[9] << 8 | rest[10],
                      rest[1] | rest[2]);
    displays_wake(v->session, false);
    return TRUE;
}

static int extended_encodings[] = {EXTENDED_KEYS, 0};
static rfbProtocolExtension extended_keys = {
    .pseudoEncodings = extended_encodings,
    .enablePseudoEncoding = offer_extended_keys,
    .handleMessage = on_message,
};

/* ---- the picture ---- */

static bool resize(struct vnc *v, int width, int height)
{
    char *old = v->rfb->frameBuffer, *now = calloc((size_t)width * (size_t)height, 4);

    if (!now)
        return false;
    rfbNewFramebuffer(v->rfb, now, width, height, 8, 3, 4);
    v->input.placed = false;
    free(old);
    return true;
}

static void copy(struct vnc *v, const struct orrery_screen *screen, const struct display_rect *r)
{
    const rfbPixelFormat *f = &v->rfb->serverFormat;

    for (uint32_t y = r->y; y < r->y + r->height; y++) {
        const uint32_t *from = screen->pixels + (size_t)y * screen->width + r->x;
        uint32_t *to = (uint32_t *)(void *)v->rfb->frameBuffer + (size_t)y * screen->width + r->x;
        for (uint32_t x = 0; x < r->width; x++)
            to[x] = (from[x] >> 16 & 255) << f->redShift | (from[x] >> 8 & 255) << f->greenShift |
                    (from[x] & 255) << f->blueShift;
    }
    rfbMarkRectAsModified(v->rfb, (int)r->x, (int)r->y, (int)(r->x + r->width),
                          (int)(r->y + r->height));
}

/* Makes room for the screen as it is now. */
static bool fit(struct vnc *v)
{
    const struct orrery_screen *screen = &v->session->displays.screen;
    int width = (int)screen->width, height = (int)screen->height;

    return (width == v->rfb->width && height == v->rfb->height) || resize(v, width, height);
}

static void vnc_refresh(struct display *d)
{
    struct vnc *v = d->state;
    const struct displays *all = &d->session->displays;

    if (!fit(v))
        return;
    for (unsigned i = 0; i < all->nchanged; i++)
        copy(v, &all->screen, &all->changed[i]);
}

/* A client that comes is told the present size, and its first picture is the present one: not all
 * can change their minds later. */
static void bring_up_to_date(struct vnc *v)
{
    struct orrery_screen *screen = &v->session->displays.screen;
    struct display_rect all;

    if (!orrery_screen(v->session->machine, screen) || !fit(v))
        return;
    all = (struct display_rect){0, 0, screen->width, screen->height};
    copy(v, screen, &all);
}

static bool vnc_active(const struct display *d)
{
    return ((const struct vnc *)d->state)->clients;
}

/* ---- the loop ---- */

static void prepare(void *opaque, struct loop *loop)
{
    struct vnc *v = opaque;
    rfbClientIteratorPtr i = rfbGetClientIterator(v->rfb);
    rfbClientPtr client;

    for (unsigned n = 0; n < v->listener.count; n++)
        v->watch[n] = loop_watch(loop, v->listener.fd[n], POLLIN);
    while ((client = rfbClientIteratorNext(i)))
        loop_watch(loop, client->sock, POLLIN);
    rfbReleaseClientIterator(i);
    if (v->clients)
        loop_within(loop, POLL_MS);
}

static void accept_client(struct vnc *v, int listening)
{
    int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return;
    listen_name(fd, true, &v->arriving_from);
    v->arriving = pump_start(fd);
    if (!v->arriving)
        return;
    if (!v->clients)
        bring_up_to_date(v);
    rfbNewClient(v->rfb, pump_inner(v->arriving));
    if (v->arriving) /* it did not come in */
        pump_stop(v->arriving);
    v->arriving = NULL;
}

/* One picture after the other: while the last is under way, changes gather. */
static void update_client(rfbClientPtr client)
{
    struct peer *peer = peer_of(client);

    if (client->state == RFB_NORMAL && !peer->initialized) {
        peer->initialized = true;
        tell(client, NEWS_VNC_INITIALIZED);
    }
    if (!pump_is_empty(peer->pump))
        return;
    client->enableLastRectEncoding = FALSE; /* the number of rectangles is known */
    rfbUpdateClient(client);
}

static void dispatch(void *opaque, struct loop *loop)
{
    struct vnc *v = opaque;
    rfbClientPtr client, next;

    for (unsigned n = 0; n < v->listener.count; n++)
        if (loop_ready(loop, v->watch[n]))
            accept_client(v, v->listener.fd[n]);
    if (!v->rfb->clientHead)
        return;
    for (int n = 0; n < MAX_MESSAGES && rfbCheckFds(v->rfb, 0) > 0; n++)
        continue;
    for (client = v->rfb->clientHead; client; client = next) {
        next = client->next;
        if (client->sock != RFB_INVALID_SOCKET)
            update_client(client);
        if (client->sock == RFB_INVALID_SOCKET)
            rfbClientConnectionGone(client);
    }
}

/* ---- life ---- */

static struct vnc *find(const struct session *s)
{
    for (unsigned i = 0; i < s->displays.count; i++)
        if (s->displays.display[i].type == display_vnc)
            return s->displays.display[i].state;
    return NULL;
}

bool display_set_password(struct session *s, const char *password)
{
    struct vnc *v = find(s);

    if (!v || !v->asks)
        return false;
    snprintf(v->password, sizeof(v->password), "%s", password);
    v->passwords[0] = *password ? v->password : NULL;
    return true;
}

bool display_expire_password(struct session *s, int64_t when)
{
    struct vnc *v = find(s);

    if (!v || !v->asks)
        return false;
    v->expires = (time_t)when;
    return true;
}

static rfbBool check_password(rfbClientPtr client, const char *answer, int len)
{
    const struct vnc *v = of_client(client);

    if (v->expires && time(NULL) >= v->expires)
        return FALSE;
    return rfbCheckPasswordByList(client, answer, len);
}

bool display_vnc_server(const struct session *s, struct display_peer *name, bool *asks)
{
    const struct vnc *v = find(s);

    if (!v)
        return false;
    *asks = v->asks;
    return listen_name(v->listener.fd[0], false, name);
}

bool display_vnc_client(const struct session *s, unsigned n, struct display_peer *name)
{
    const struct vnc *v = find(s);
    rfbClientPtr client = v ? v->rfb->clientHead : NULL;

    while (client && n--)
        client = client->next;
    if (client)
        *name = peer_of(client)->name;
    return client;
}

static bool read_password(struct vnc *v, const char *path)
{
    char line[64];
    FILE *f = fopen(path, "re");
    bool ok = f && fgets(line, sizeof(line), f);

    if (f)
        fclose(f);
    if (!ok)
        return complain("-vnc: cannot read a password from '%s'", path);
    line[strcspn(line, "\r\n")] = 0;
    if (!*line || strlen(line) > MAX_PASSWORD)
        return complain("-vnc: the password in '%s' is not 1 to %d characters long", path,
                        MAX_PASSWORD);
    memcpy(v->password, line, strlen(line) + 1);
    v->passwords[0] = v->password;
    return v->asks = true;
}

static bool is_switch(const char *value, bool *on)
{
    *on = !value || !strcmp(value, "on");
    return *on || !strcmp(value, "off");
}

static bool options(struct vnc *v, char *arg)
{
    char *name, *value;

    while (next_property(&arg, &name, &value)) {
        bool on;
        if (!strcmp(name, "password") && is_switch(value, &on)) {
            v->asks = on;
        } else if (!strcmp(name, "password-file") && value) {
            if (!read_password(v, value))
                return false;
        } else if (!strcmp(name, "share") && value &&
                   (!strcmp(value, "ignore") || !strcmp(value, "force-shared"))) {
            v->rfb->alwaysShared = TRUE;
        } else if (strcmp(name, "share") || !value || strcmp(value, "allow-exclusive")) {
            return complain("-vnc: unknown or malformed property '%s' (password=on|off, "
                            "password-file=PATH, share=allow-exclusive|force-shared|ignore)",
                            name);
        }
    }
    return true;
}

static bool start(struct vnc *v)
{
    const struct orrery_screen *screen = &v->session->displays.screen;
    int width = screen->width ? (int)screen->width : 720;
    int height = screen->height ? (int)screen->height : 400;

    rfbLogEnable(FALSE);
    v->rfb = rfbGetScreen(NULL, NULL, width, height, 8, 3, 4);
    if (!v->rfb)
        return false;
    v->rfb->frameBuffer = calloc((size_t)width * (size_t)height, 4);
    v->rfb->screenData = v;
    v->rfb->desktopName = "Orrery";
    v->rfb->port = v->rfb->ipv6port = 0; /* we listen */
    v->rfb->deferUpdateTime = v->rfb->deferPtrUpdateTime = 0;
    v->rfb->maxClientWait = PARTIAL_MS;
    v->rfb->kbdAddEvent = on_symbol;
    v->rfb->ptrAddEvent = on_pointer;
    v->rfb->newClientHook = on_client;
    v->rfb->passwordCheck = check_password;
    rfbSetCursor(v->rfb, NULL); /* the guest draws its own */
    return v->rfb->frameBuffer;
}

static bool vnc_open(struct display *d)
{
    struct vnc *v = d->state = calloc(1, sizeof(*v));
    char *at = d->arg + (*d->arg == '='), *address, *value;

    if (!v)
        return complain("-vnc: out of memory");
    v->session = d->session;
    v->input.session = d->session;
    if (!start(v))
        return complain("-vnc: out of memory");
    if (!next_property(&at, &address, &value) || value)
        return complain("-vnc: an address comes first (:N, HOST:N, unix:PATH)");
    if (!options(v, at) || !listen_open(&v->listener, "vnc", address, FIRST_PORT))
        return false;
    if (v->asks)
        v->rfb->authPasswdData = v->passwords;
    rfbRegisterProtocolExtension(&extended_keys);
    rfbInitServer(v->rfb);
    v->source = (struct loop_source){.prepare = prepare, .dispatch = dispatch, .opaque = v};
    loop_add(&v->session->loop, &v->source);
    return true;
}

static void vnc_close(struct display *d)
{
    struct vnc *v = d->state;

    if (!v)
        return;
    listen_close(&v->listener);
    if (v->rfb) {
        rfbShutdownServer(v->rfb, TRUE);
        free(v->rfb->frameBuffer);
        rfbScreenCleanup(v->rfb);
        rfbUnregisterProtocolExtension(&extended_keys);
    }
    free(v);
}

static const struct display_type type = {
    .name = "vnc",
    .open = vnc_open,
    .active = vnc_active,
    .refresh = vnc_refresh,
    .close = vnc_close,
};

const struct display_type *const display_vnc = &type;
#endif
