/* The two PS/2 devices behind the i8042: the AT keyboard and the mouse. They are parts of the
 * controller's state, not devices on the bus: bytes go in with _write(), bytes come out with
 * _take(). `changed` tells the controller that there may be something to take. */
#ifndef DEVICES_PS2_H
#define DEVICES_PS2_H

#include "devices/core/dev.h"

#define PS2_QUEUE 32 /* a power of two */

struct ps2_queue {
    u32 head, tail; /* bytes put in and taken out so far */
    u8 data[PS2_QUEUE];
};

/* What both have. Answers overtake what was typed or moved. */
struct ps2_port {
    void (*changed)(void *opaque);
    void *opaque;
    struct ps2_queue answers, events;
    u8 last;    /* sent: for the resend command */
    u8 command; /* waits for its argument; 0: none */
};

struct ps2_keyboard {
    struct ps2_port port;
    bool scanning;
    u8 scan_set; /* 1..3 */
    u8 leds, rate;
    u8 modifiers;        /* held down: PS2_CTRL ... */
    u8 repeated;         /* the key that repeats while it is held, 0: none */
    struct timer repeat; /* its next make code */
};

struct ps2_mouse {
    struct ps2_port port;
    bool reporting, remote, wrap, double_scale;
    u8 resolution, rate, id;
    u8 rates[2];          /* the two sample rates set before the last: the knock of wheel mice */
    u8 buttons, reported; /* bits 0-4: left, right, middle, 4th, 5th */
    s32 dx, dy, dz;       /* movement not yet reported; dy counts upwards */
};

extern const struct field ps2_keyboard_fields[];
extern const struct field ps2_mouse_fields[];

/* Once: the clock of the keyboard's repetition. */
void ps2_keyboard_init(struct ps2_keyboard *k, struct clock *clock);

/* Power-on state. The port's changed and opaque stay, and what is held down. */
void ps2_keyboard_reset(struct ps2_keyboard *k);
void ps2_mouse_reset(struct ps2_mouse *m);

/* A byte from the host. */
void ps2_keyboard_write(struct ps2_keyboard *k, u8 byte);
void ps2_mouse_write(struct ps2_mouse *m, u8 byte);

/* Is a byte waiting; the next byte (only if one is). */
bool ps2_pending(const struct ps2_port *port);
u8 ps2_take(struct ps2_port *port);

/* A key goes down or up; key numbers as in devices/i8042.h. */
void ps2_keyboard_key(struct ps2_keyboard *k, u8 key, bool down);

/* Relative movement (dy counts downwards, as on screens), wheel clicks (positive: towards the
 * user), and the buttons as they now are. */
void ps2_mouse_move(struct ps2_mouse *m, int dx, int dy, int dz, u8 buttons);

/* A packet was taken: room for what has not been reported yet. */
void ps2_mouse_refill(struct ps2_mouse *m);

/* For the two implementations. */
extern const struct field ps2_port_fields[];
bool ps2_put(struct ps2_queue *q, u8 byte); /* false: full, nothing put */
u32 ps2_room(const struct ps2_queue *q);
void ps2_clear(struct ps2_queue *q);
void ps2_answer(struct ps2_port *port, u8 byte);

#endif
