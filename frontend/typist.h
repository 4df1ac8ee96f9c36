/* Types for people: text pasted, keys of terminals that report only whole strokes. Keys go to the
 * guest one after the other, in its own time, so that a slow guest loses none. */
#ifndef FRONTEND_TYPIST_H
#define FRONTEND_TYPIST_H

#include "frontend/layouts.h"
#include "frontend/loop.h"
#include "machine/orrery.h"

#define TYPIST_KEYS 8192

/* Zero-initialize. */
struct typist {
    struct loop_source source;
    struct orrery *machine;
    const struct layout *layout;
    uint16_t event[TYPIST_KEYS]; /* key number, bit 8: down */
    unsigned head, tail;
    uint64_t next_ns; /* guest time of the next event */
};

void typist_open(struct typist *t, struct orrery *machine, const struct layout *layout,
                 struct loop *loop);
void typist_close(struct typist *t, struct loop *loop);

enum { TYPE_SHIFT = 1, TYPE_CTRL = 2, TYPE_ALT = 4, TYPE_ALT_GR = 8 };
/* One key with modifiers. What does not fit in any more is dropped as a whole. */
void typist_key(struct typist *t, uint8_t key, unsigned modifiers);
void typist_named(struct typist *t, const char *name, unsigned modifiers);
/* A character, on a keyboard of the layout; control characters with Ctrl. False if there is no key
 * for it. */
bool typist_char(struct typist *t, uint32_t c, unsigned modifiers);
/* UTF-8 text; what cannot be typed is left out. */
void typist_text(struct typist *t, const char *text);

#endif
