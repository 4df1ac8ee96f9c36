/* Keys by name, by position on the host's keyboard, and by the symbol that is meant: one table,
 * frontend/keys.def. Numbers are those of orrery_key(); 0 is no key. Names are QEMU's (manual,
 * "Keys by name"). */
#ifndef FRONTEND_KEYS_H
#define FRONTEND_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    KEY_ESC = 0x01,
    KEY_CTRL = 0x1d,
    KEY_SHIFT = 0x2a,
    KEY_SHIFT_R = 0x36,
    KEY_ALT = 0x38,
    KEY_CTRL_R = 0x9d,
    KEY_ALT_R = 0xb8,
};

/* A name of len bytes, or a number as 0x1e. */
uint8_t key_by_name(const char *name, size_t len);
/* NULL: there is no such key. */
const char *key_name(uint8_t number);

/* SDL's scancode: a USB keyboard's usage number. */
uint8_t key_by_scancode(unsigned scancode);

/* X's key symbol or an ASCII character, on a US keyboard; *shift: whether Shift has to be down.
 * Newline, tab, backspace and escape are keys as well. */
uint8_t key_by_symbol(uint32_t symbol, bool *shift);

/* The keys that one keyboard of the host holds down, so that every key goes down once and comes up
 * again. Zero-initialize. */
struct orrery;
struct keys_held {
    uint8_t down[32];
};
/* A key changes; what changes nothing (the host's own repetition) is not passed on. */
void keys_change(struct keys_held *held, struct orrery *o, uint8_t number, bool down);
bool keys_is_down(const struct keys_held *held, uint8_t number);
/* All of them up. */
void keys_release(struct keys_held *held, struct orrery *o);

#endif
