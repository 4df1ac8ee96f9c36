/* The PS/2 mouse, with the wheel and five-button extensions that the usual knocks (sample rates
 * 200, 100, 80 and 200, 200, 80) switch on. IBM PS/2 Hardware Interface Technical Reference,
 * "Mouse"; Microsoft's IntelliMouse protocol. Movement is summed up until the queue has room for
 * a packet. */
#include "devices/ps2.h"

enum { ACK = 0xfa, NAK = 0xfe, BAT_OK = 0xaa };
enum { ID_PLAIN = 0, ID_WHEEL = 3, ID_FIVE_BUTTONS = 4 };

const struct field ps2_mouse_fields[] = {
    FIELD_SUB(struct ps2_mouse, port, ps2_port_fields),
    FIELD(struct ps2_mouse, reporting),
    FIELD(struct ps2_mouse, remote),
    FIELD(struct ps2_mouse, wrap),
    FIELD(struct ps2_mouse, double_scale),
    FIELD(struct ps2_mouse, resolution),
    FIELD(struct ps2_mouse, rate),
    FIELD(struct ps2_mouse, id),
    FIELD_ARRAY(struct ps2_mouse, rates),
    FIELD(struct ps2_mouse, buttons),
    FIELD(struct ps2_mouse, reported),
    FIELD(struct ps2_mouse, dx),
    FIELD(struct ps2_mouse, dy),
    FIELD(struct ps2_mouse, dz),
    FIELD_END,
};

static s32 clamp(s32 v, s32 low, s32 high)
{
    return v < low ? low : v > high ? high : v;
}

/* 2:1 scaling applies to stream mode reports only. */
static s32 scaled(s32 v)
{
    static const s8 small[6] = {0, 1, 1, 3, 6, 9};
    s32 a = v < 0 ? -v : v;
    a = a < 6 ? small[a] : 2 * a;
    return v < 0 ? -a : a;
}

static u32 packet_size(const struct ps2_mouse *m)
{
    return m->id == ID_PLAIN ? 3 : 4;
}

static void put_packet(struct ps2_mouse *m, struct ps2_queue *q, bool scale)
{
    s32 dx = clamp(m->dx, -255, 255), dy = clamp(m->dy, -255, 255);
    s32 dz = m->id == ID_FIVE_BUTTONS ? clamp(m->dz, -8, 7) : clamp(m->dz, -128, 127);
    s32 x = clamp(scale ? scaled(dx) : dx, -256, 255);
    s32 y = clamp(scale ? scaled(dy) : dy, -256, 255);

    ps2_put(q, (u8)(8 | (m->buttons & 7) | (x < 0) << 4 | (y < 0) << 5));
    ps2_put(q, (u8)x);
    ps2_put(q, (u8)y);
    if (m->id == ID_WHEEL)
        ps2_put(q, (u8)dz);
    else if (m->id == ID_FIVE_BUTTONS)
        ps2_put(q, (u8)((dz & 15) | (m->buttons & 0x18) << 1));
    m->dx -= dx;
    m->dy -= dy;
    m->dz = m->id == ID_PLAIN ? 0 : m->dz - dz;
    m->reported = m->buttons;
}

void ps2_mouse_refill(struct ps2_mouse *m)
{
    bool any = false;

    if (!m->reporting || m->remote)
        return;
    while ((m->dx || m->dy || (m->dz && m->id != ID_PLAIN) || m->buttons != m->reported) &&
           ps2_room(&m->port.events) >= packet_size(m)) {
        put_packet(m, &m->port.events, m->double_scale);
        any = true;
    }
    if (any)
        m->port.changed(m->port.opaque);
}

void ps2_mouse_move(struct ps2_mouse *m, int dx, int dy, int dz, u8 buttons)
{
    const s32 limit = 100000;

    m->dx = clamp(m->dx + clamp(dx, -limit, limit), -limit, limit);
    m->dy = clamp(m->dy - clamp(dy, -limit, limit), -limit, limit);
    m->dz = clamp(m->dz + clamp(dz, -127, 127), -127, 127);
    m->buttons = buttons & 0x1f;
    ps2_mouse_refill(m);
}

static void set_defaults(struct ps2_mouse *m)
{
    m->reporting = m->remote = m->wrap = m->double_scale = false;
    m->rate = 100;
    m->resolution = 2;
    m->dx = m->dy = m->dz = 0;
    ps2_clear(&m->port.events);
}

void ps2_mouse_reset(struct ps2_mouse *m)
{
    ps2_clear(&m->port.answers);
    set_defaults(m);
    m->id = ID_PLAIN;
    m->rates[0] = m->rates[1] = 0;
    m->buttons = m->reported = 0;
    m->port.last = m->port.command = 0;
}

static void argument(struct ps2_mouse *m, u8 command, u8 byte)
{
    if (command == 0xe8) {
        m->resolution = byte & 3;
    } else {
        if (m->rates[0] == 200 && byte == 80)
            m->id = m->rates[1] == 100 ? ID_WHEEL : m->rates[1] == 200 ? ID_FIVE_BUTTONS : m->id;
        m->rates[0] = m->rates[1];
        m->rates[1] = byte;
        m->rate = byte;
    }
    ps2_answer(&m->port, ACK);
}

static void answer_status(struct ps2_mouse *m)
{
    u8 buttons = (u8)((m->buttons & 1) << 2 | (m->buttons & 4) >> 1 | (m->buttons & 2) >> 1);
    ps2_answer(&m->port, (u8)(m->remote << 6 | m->reporting << 5 | m->double_scale << 4 | buttons));
    ps2_answer(&m->port, m->resolution);
    ps2_answer(&m->port, m->rate);
}

static void command(struct ps2_mouse *m, u8 byte)
{
    struct ps2_port *port = &m->port;

    if (byte < 0xe6 || byte == 0xef) {
        ps2_answer(port, NAK);
        return;
    }
    if (byte == 0xfe) {
        ps2_answer(port, port->last);
        return;
    }
    ps2_answer(port, ACK);
    switch (byte) {
    case 0xe6: m->double_scale = false; break;
    case 0xe7: m->double_scale = true; break;
    case 0xe8:
    case 0xf3: port->command = byte; break;
    case 0xe9: answer_status(m); break;
    case 0xea: m->remote = false; break;
    case 0xeb: put_packet(m, &port->answers, false); break;
    case 0xee: m->wrap = true; break;
    case 0xf0: m->remote = true; break;
    case 0xf2: ps2_answer(port, m->id); break;
    case 0xf4: m->reporting = true; break;
    case 0xf5:
        m->reporting = false;
        ps2_clear(&port->events);
        break;
    case 0xf6: set_defaults(m); break;
    case 0xff:
        ps2_mouse_reset(m);
        ps2_answer(port, ACK);
        ps2_answer(port, BAT_OK);
        ps2_answer(port, m->id);
        break;
    default: break; /* ECh outside wrap mode and the rest: acknowledged */
    }
}

/* In wrap mode every byte but reset wrap and reset comes back. */
void ps2_mouse_write(struct ps2_mouse *m, u8 byte)
{
    u8 waiting = m->port.command;

    if (m->wrap && byte != 0xec && byte != 0xff) {
        ps2_answer(&m->port, byte);
        return;
    }
    m->wrap = false;
    m->port.command = 0;
    if (waiting)
        argument(m, waiting, byte);
    else
        command(m, byte);
}
