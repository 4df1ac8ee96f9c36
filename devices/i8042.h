/* Keys and mouse movements into the machine, by way of the input journal. */
#ifndef DEVICES_I8042_H
#define DEVICES_I8042_H

#include "base/types.h"

struct journal;

#define KEYBOARD_CHANNEL "keyboard"
#define MOUSE_CHANNEL    "mouse"

/* A key number is the key's scan code of set 1, with bit 7 for those with the prefix E0 (the
 * numbers that QEMU's sendkey takes, too). Two keys with codes of their own: */
enum { KEY_PRINT = 0xb7, KEY_PAUSE = 0xc6 };

/* Frontends: a key goes down or up. Nothing happens if the machine has no keyboard. */
void i8042_send_key(struct journal *j, u8 key, bool down);

/* Frontends: relative movement (dy downwards), wheel (positive: towards the user), and the
 * buttons now held (bits 0-4: left, right, middle, 4th, 5th). */
void i8042_send_mouse(struct journal *j, s16 dx, s16 dy, s8 dz, u8 buttons);

/* The controller's translation of set 2 codes below 80h to set 1. */
extern const u8 i8042_translation[128];

#endif
