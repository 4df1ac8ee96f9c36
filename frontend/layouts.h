/* Layouts of the guest's keyboard: which key, with which modifiers, gives a character. For those
 * who are told characters and not keys: VNC clients without extended key events, terminals,
 * pasting. */
#ifndef FRONTEND_LAYOUTS_H
#define FRONTEND_LAYOUTS_H

#include <stdbool.h>
#include <stdint.h>

struct layout; /* NULL is the US one */

enum { LAYOUT_SHIFT = 1, LAYOUT_ALT_GR = 2 };

struct layout_key {
    uint8_t number;     /* of orrery_key(); 0: there is none */
    unsigned modifiers; /* LAYOUT_..., that have to be down */
    bool dead;          /* it waits for the next character */
    bool fixed; /* modifiers matter: Caps Lock does not change it, nor is it Return's like */
};

/* By QEMU's name. False: it is not known. */
bool layout_find(const char *name, const struct layout **layout);
/* By X's symbol or by Unicode. */
struct layout_key layout_key(const struct layout *l, uint32_t symbol);
/* One character of UTF-8 text, which is moved on; 0 at the end. What is malformed is itself. */
uint32_t layout_next_char(const char **text);

#endif
