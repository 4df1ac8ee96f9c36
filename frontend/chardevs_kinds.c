/* The table of all kinds of character devices, and those that are nothing but memory: null, vc,
 * ringbuf, and a mouse. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "frontend/chardevs.h"
#include "frontend/options.h"

const struct chr_kind *const chr_kinds[] = {
    &chr_stdio, &chr_socket, &chr_file,    &chr_pty,     &chr_pipe,
    &chr_null,  &chr_vc,     &chr_ringbuf, &chr_msmouse, NULL,
};

static bool open_null(struct chr *c, const struct chr_spec *spec)
{
    (void)spec;
    return c->open = true;
}

static void drop(struct chr *c, const void *data, size_t len)
{
    (void)c;
    (void)data;
    (void)len;
}

static bool open_vc(struct chr *c, const struct chr_spec *spec)
{
    fprintf(stderr, "orrery: warning: %s: there are no virtual consoles, output of 'vc' is lost\n",
            c->id);
    return open_null(c, spec);
}

/* ---- ringbuf ---- */

struct ringbuf {
    uint32_t size, head, n;
    uint8_t data[];
};

static bool open_ringbuf(struct chr *c, const struct chr_spec *spec)
{
    uint32_t size = spec->size ? spec->size : 65536;
    struct ringbuf *r = (size & (size - 1)) ? NULL : calloc(1, sizeof(*r) + size);

    if (!r)
        return complain("%s: the size of a ringbuf is a power of two", c->id);
    r->size = size;
    c->state = r;
    return c->open = true;
}

/* The oldest go when it is full. */
static void output_ringbuf(struct chr *c, const void *data, size_t len)
{
    struct ringbuf *r = c->state;
    const uint8_t *bytes = data;

    for (size_t i = 0; i < len; i++) {
        r->data[(r->head + r->n) % r->size] = bytes[i];
        if (r->n < r->size)
            r->n++;
        else
            r->head++;
    }
}

size_t chr_ringbuf_read(struct chr *c, void *buf, size_t size)
{
    struct ringbuf *r = c->state;
    uint8_t *out = buf;
    size_t n = 0;

    for (; n < size && r->n; r->n--)
        out[n++] = r->data[r->head++ % r->size];
    return n;
}

/* ---- msmouse ---- */

/* Microsoft's serial mouse: 1200 baud, 7 bits, a packet of three bytes; a fourth when the middle
 * button changes, as Logitech has it. It says 'M' when it gets power by RTS. */
struct msmouse {
    int dx, dy;
    unsigned buttons, sent;
    bool rts;
    size_t room; /* of its user when all was taken */
};

static bool open_msmouse(struct chr *c, const struct chr_spec *spec)
{
    (void)spec;
    c->state = calloc(1, sizeof(struct msmouse));
    CHECK(c->state, "out of memory");
    return c->open = true;
}

static void lines_msmouse(struct chr *c, bool dtr, bool rts)
{
    struct msmouse *m = c->state;

    if (dtr && rts && !m->rts)
        chr_take(c, "M3", 2);
    m->rts = rts;
}

static int part(int *movement)
{
    int d = *movement < -127 ? -127 : *movement > 127 ? 127 : *movement;
    *movement -= d;
    return d;
}

/* One packet, when the port has taken the last one: a slow line sums movements up. */
static void send_packet(struct chr *c)
{
    struct msmouse *m = c->state;
    size_t room = c->users ? c->user[c->focus]->room(c->user[c->focus]->opaque) : 0;
    uint8_t packet[4];
    unsigned x, y;

    m->room = room > m->room ? room : m->room;
    if (!room || room < m->room || c->in[0].n || (!m->dx && !m->dy && m->buttons == m->sent))
        return;
    x = (unsigned)part(&m->dx) & 0xff;
    y = (unsigned)part(&m->dy) & 0xff;
    packet[0] =
        (uint8_t)(0x40 | (m->buttons & 1) << 5 | (m->buttons & 2) << 3 | y >> 6 << 2 | x >> 6);
    packet[1] = x & 0x3f;
    packet[2] = y & 0x3f;
    packet[3] = m->buttons & 4 ? 0x20 : 0;
    chr_take(c, packet, (m->buttons ^ m->sent) & 4 ? 4 : 3);
    m->sent = m->buttons;
}

static void dispatch_msmouse(struct chr *c, struct loop *loop)
{
    (void)loop;
    send_packet(c);
}

void chr_msmouse_move(struct chr *c, int dx, int dy, unsigned buttons)
{
    struct msmouse *m = c->state;

    m->dx += dx;
    m->dy += dy;
    m->buttons = buttons & 7;
    send_packet(c);
}

const struct chr_kind chr_null = {.name = "null", .props = "", .open = open_null, .output = drop};
const struct chr_kind chr_vc = {.name = "vc", .props = "", .open = open_vc, .output = drop};
const struct chr_kind chr_ringbuf = {
    .name = "ringbuf", .props = "size ", .open = open_ringbuf, .output = output_ringbuf};
const struct chr_kind chr_msmouse = {
    .name = "msmouse",
    .props = "",
    .open = open_msmouse,
    .output = drop,
    .lines = lines_msmouse,
    .dispatch = dispatch_msmouse,
};
