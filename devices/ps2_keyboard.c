/* The AT keyboard: commands, and key numbers to the scan codes of sets 1, 2 and 3 (IBM PS/2
 * Hardware Interface Technical Reference, "Keyboards (101- and 102-Key)"). A key number is a set
 * 1 code; set 2 follows from it through the controller's own translation table read backwards,
 * set 3 is set 2 but for the keys in a table of exceptions. The key last pressed repeats while it
 * is held, in the guest's time. */
#include "devices/i8042.h"
#include "devices/ps2.h"

enum { CTRL = 3, SHIFT = 0xc, ALT = 0x30 }; /* modifiers: two bits each */
enum { ACK = 0xfa, RESEND = 0xfe, ECHO = 0xee, BAT_OK = 0xaa };

const struct field ps2_keyboard_fields[] = {
    FIELD_SUB(struct ps2_keyboard, port, ps2_port_fields),
    FIELD(struct ps2_keyboard, scanning),
    FIELD_MAX(struct ps2_keyboard, scan_set, 3),
    FIELD(struct ps2_keyboard, leds),
    FIELD(struct ps2_keyboard, rate),
    FIELD(struct ps2_keyboard, modifiers),
    FIELD(struct ps2_keyboard, repeated),
    FIELD(struct ps2_keyboard, repeat),
    FIELD_END,
};

/* Key numbers whose set 3 code is not their set 2 code. */
static const u8 set3_exceptions[][2] = {
    {0x01, 0x08}, {0x3b, 0x07}, {0x3c, 0x0f}, {0x3d, 0x17}, {0x3e, 0x1f}, {0x3f, 0x27},
    {0x40, 0x2f}, {0x41, 0x37}, {0x42, 0x3f}, {0x43, 0x47}, {0x44, 0x4f}, {0x57, 0x56},
    {0x58, 0x5e}, {0xb7, 0x57}, {0x46, 0x5f}, {0xc6, 0x62}, {0x2b, 0x5c}, {0x3a, 0x14},
    {0x1d, 0x11}, {0x38, 0x19}, {0xb8, 0x39}, {0x9d, 0x58}, {0xd2, 0x67}, {0xc7, 0x6e},
    {0xc9, 0x6f}, {0xd3, 0x64}, {0xcf, 0x65}, {0xd1, 0x6d}, {0xc8, 0x63}, {0xcb, 0x61},
    {0xd0, 0x60}, {0xcd, 0x6a}, {0x45, 0x76}, {0xb5, 0x77}, {0x37, 0x7e}, {0x4a, 0x84},
    {0x4e, 0x7c}, {0x9c, 0x79}, {0xdb, 0x8b}, {0xdc, 0x8c}, {0xdd, 0x8d}, {0x56, 0x13},
    {0x54, 0x57}, {0x7d, 0x5d}, {0x79, 0x86}, {0x7b, 0x85}, {0x70, 0x87}, {0x7e, 0x7b},
};

/* The set 2 code of a set 1 code, 0 if there is none. */
static u8 set2_code(u8 set1)
{
    if (set1 == 0x41)
        return 0x83; /* F7; the table has a second, unused code for it */
    if (set1 == 0x54)
        return 0x84; /* Alt+SysRq, likewise */
    for (unsigned code = 1; code < 0x80; code++) {
        if (i8042_translation[code] == set1)
            return (u8)code;
    }
    return 0;
}

/* 0: set 3 is older than this key. */
static u8 set3_code(u8 key)
{
    for (size_t i = 0; i < ARRAY_LEN(set3_exceptions); i++) {
        if (set3_exceptions[i][0] == key)
            return set3_exceptions[i][1];
    }
    return key < 0x54 || key == 0x73 ? set2_code(key) : 0;
}

struct codes {
    u8 byte[8];
    unsigned count;
};

static void add(struct codes *c, u8 byte)
{
    c->byte[c->count++] = byte;
}

/* One code of sets 1 or 2, e.g. E0 F0 75. */
static void add_code(struct codes *c, int set, bool extended, u8 set1, bool down)
{
    if (extended)
        add(c, 0xe0);
    if (set == 2 && !down)
        add(c, 0xf0);
    add(c, set == 2 ? set2_code(set1) : (u8)(set1 | (down ? 0 : 0x80)));
}

/* E1 and the codes of Ctrl and NumLock, down and up at once. Pause has no release. */
static void add_pause(struct codes *c, int set)
{
    static const u8 one[] = {0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5};
    static const u8 two[] = {0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77};
    const u8 *from = set == 1 ? one : two;
    for (size_t i = 0; i < (set == 1 ? sizeof(one) : sizeof(two)); i++)
        add(c, from[i]);
}

/* Print Screen: in the older keyboard's way under Alt, and wrapped in a left shift that is not
 * there if nothing else is held. */
static void add_print(struct codes *c, int set, u8 modifiers, bool down, bool again)
{
    bool wrap = !(modifiers & (CTRL | SHIFT)) && !again;

    if (modifiers & ALT) {
        add_code(c, set, false, 0x54, down);
        return;
    }
    if (wrap && down)
        add_code(c, set, true, 0x2a, down);
    add_code(c, set, true, 0x37, down);
    if (wrap && !down)
        add_code(c, set, true, 0x2a, down);
}

/* Of a key going down, once more (again) or up. */
static struct codes scan_codes(const struct ps2_keyboard *k, u8 key, bool down, bool again)
{
    struct codes c = {.count = 0};
    int set = k->scan_set;

    if (set == 3) {
        if (!down)
            add(&c, 0xf0);
        add(&c, set3_code(key));
    } else if (key == KEY_PAUSE && (k->modifiers & CTRL)) { /* Break */
        if (down) {
            add_code(&c, set, true, 0x46, true);
            add_code(&c, set, true, 0x46, false);
        }
    } else if (key == KEY_PAUSE) {
        if (down)
            add_pause(&c, set);
    } else if (key == KEY_PRINT) {
        add_print(&c, set, k->modifiers, down, again);
    } else {
        add_code(&c, set, key & 0x80, key & 0x7f, down);
    }
    return c;
}

/* Puts a key's codes into the queue if it is of this set. */
static void send(struct ps2_keyboard *k, u8 key, bool down, bool again)
{
    struct ps2_queue *q = &k->port.events;
    struct codes c = scan_codes(k, key, down, again);

    if (!c.count || !c.byte[c.count - 1])
        return;
    if (ps2_room(q) < c.count + 1) { /* one place is kept for the overrun code */
        if (ps2_room(q))
            ps2_put(q, k->scan_set == 1 ? 0xff : 0x00);
        return;
    }
    for (unsigned i = 0; i < c.count; i++)
        ps2_put(q, c.byte[i]);
    k->port.changed(k->port.opaque);
}

static void track_modifiers(struct ps2_keyboard *k, u8 key, bool down)
{
    static const u8 keys[] = {0x1d, 0x9d, 0x2a, 0x36, 0x38, 0xb8};

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        u8 bit = (u8)(1u << i);
        if (keys[i] == key)
            k->modifiers = down ? k->modifiers | bit : k->modifiers & (u8)~bit;
    }
}

/* ---- repetition ("typematic"): 250 to 1000 ms after the key, then 2 to 30 times a second ---- */

static void stop_repeating(struct ps2_keyboard *k)
{
    k->repeated = 0;
    timer_cancel(&k->repeat);
}

/* What the guest has not taken is not repeated, so that a held key does not fill the queue. */
static void on_repeat(void *opaque)
{
    struct ps2_keyboard *k = opaque;
    u64 period = (8u + (k->rate & 7)) << (k->rate >> 3 & 3); /* in 1/240 s */

    if (ps2_room(&k->port.events) == PS2_QUEUE)
        send(k, k->repeated, true, true);
    timer_arm(&k->repeat, k->repeat.deadline + period * 1000000000u / 240);
}

void ps2_keyboard_init(struct ps2_keyboard *k, struct clock *clock)
{
    timer_init(&k->repeat, clock, on_repeat, k);
}

void ps2_keyboard_key(struct ps2_keyboard *k, u8 key, bool down)
{
    track_modifiers(k, key, down);
    if (k->repeated == key || down)
        stop_repeating(k);
    if (!k->scanning)
        return;
    send(k, key, down, false);
    if (!down || (key == KEY_PAUSE && k->scan_set != 3))
        return;
    k->repeated = key;
    timer_arm(&k->repeat, clock_now(k->repeat.clk) + ((k->rate >> 5 & 3u) + 1) * 250u * 1000000u);
}

/* Defaults of commands F5h, F6h and FFh. */
static void set_defaults(struct ps2_keyboard *k)
{
    k->rate = 0x2b;
    k->scan_set = 2;
    ps2_clear(&k->port.events);
    stop_repeating(k);
}

void ps2_keyboard_reset(struct ps2_keyboard *k)
{
    ps2_clear(&k->port.answers);
    set_defaults(k);
    k->leds = 0;
    k->scanning = true;
    k->port.last = k->port.command = 0;
}

static void argument(struct ps2_keyboard *k, u8 command, u8 byte)
{
    ps2_answer(&k->port, ACK);
    switch (command) {
    case 0xed: k->leds = byte & 7; break;
    case 0xf3: k->rate = byte & 0x7f; break;
    case 0xf0:
        if (!byte) {
            ps2_answer(&k->port, k->scan_set);
        } else if (byte <= 3) {
            k->scan_set = byte;
            ps2_clear(&k->port.events);
            stop_repeating(k);
        }
        break;
    default: break; /* FBh-FDh: the type of one key, accepted */
    }
}

static void command(struct ps2_keyboard *k, u8 byte)
{
    struct ps2_port *port = &k->port;

    switch (byte) {
    case ECHO: ps2_answer(port, ECHO); return;
    case RESEND: ps2_answer(port, port->last); return;
    case 0xed:
    case 0xf0:
    case 0xf3:
    case 0xfb:
    case 0xfc:
    case 0xfd:
        port->command = byte;
        ps2_answer(port, ACK);
        return;
    case 0xf2:
        ps2_answer(port, ACK);
        ps2_answer(port, 0xab);
        ps2_answer(port, 0x83);
        return;
    case 0xf4:
        ps2_clear(&port->events);
        stop_repeating(k);
        k->scanning = true;
        break;
    case 0xf5:
        set_defaults(k);
        k->scanning = false;
        break;
    case 0xf6:
        set_defaults(k);
        k->scanning = true;
        break;
    case 0xf7:
    case 0xf8:
    case 0xf9:
    case 0xfa: break; /* the type of all keys, accepted */
    case 0xff:
        ps2_keyboard_reset(k);
        ps2_answer(port, ACK);
        ps2_answer(port, BAT_OK);
        return;
    default: ps2_answer(port, RESEND); return;
    }
    ps2_answer(port, ACK);
}

/* EDh and above are commands even where an argument is expected. */
void ps2_keyboard_write(struct ps2_keyboard *k, u8 byte)
{
    u8 waiting = k->port.command;
    k->port.command = 0;
    if (waiting && byte < 0xed)
        argument(k, waiting, byte);
    else
        command(k, byte);
}
