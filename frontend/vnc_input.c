/* Symbols to keys: a client's layout is unknown, so what counts is the character, and Shift is put
 * right around it. Places to movements: the guest's mouse only knows how far it went; whenever the
 * pointer is at an edge it is pushed further, so that the guest's arrives there, too. Manual,
 * "VNC". */
#include "frontend/vnc_input.h"

#include <string.h>

#include "frontend/layouts.h"
#include "frontend/session.h"
#include "machine/orrery.h"

#define PUSH 64 /* dots beyond an edge */

enum { ALT_GR = 0xfe03, MODE_SWITCH = 0xff7e };

static bool is_modifier(uint8_t key)
{
    static const uint8_t modifiers[] = {KEY_SHIFT,  KEY_SHIFT_R, KEY_CTRL,
                                        KEY_CTRL_R, KEY_ALT,     KEY_ALT_R};

    return memchr(modifiers, key, sizeof(modifiers));
}

/* Shift and AltGr as the guest has to see them for a stroke, or (after) as they are held. */
static void put_right(struct vnc_input *in, unsigned wanted, bool after)
{
    static const struct {
        unsigned modifier;
        uint8_t keys[2];
    } modifiers[] = {{LAYOUT_SHIFT, {KEY_SHIFT, KEY_SHIFT_R}}, {LAYOUT_ALT_GR, {KEY_ALT_R, 0}}};

    const int count = in->session->options.display.layout ? 2 : 1; /* US keyboards have no AltGr */

    for (int i = 0; i < count; i++) {
        const uint8_t *keys = modifiers[i].keys;
        bool held[2] = {keys_is_down(&in->held, keys[0]), keys_is_down(&in->held, keys[1])};
        bool want = wanted & modifiers[i].modifier;
        if (want && !held[0] && !held[1])
            orrery_key(in->session->machine, keys[0], !after);
        for (int k = 0; k < 2 && !want; k++)
            if (held[k])
                orrery_key(in->session->machine, keys[k], after);
    }
}

static unsigned held_modifiers(const struct vnc_input *in)
{
    bool shift = keys_is_down(&in->held, KEY_SHIFT) || keys_is_down(&in->held, KEY_SHIFT_R);
    bool alt_gr = in->session->options.display.layout && keys_is_down(&in->held, KEY_ALT_R);

    return (shift ? LAYOUT_SHIFT : 0) | (alt_gr ? LAYOUT_ALT_GR : 0);
}

/* Another symbol comes up than went down: a modifier was let go in between. */
static void release_all_but_modifiers(struct vnc_input *in)
{
    for (unsigned key = 1; key < 256; key++)
        if (!is_modifier((uint8_t)key))
            keys_change(&in->held, in->session->machine, (uint8_t)key, false);
}

void vnc_input_symbol(struct vnc_input *in, uint32_t symbol, bool down)
{
    const struct layout *layout = in->session->options.display.layout;
    struct layout_key key = layout_key(layout, symbol);
    bool alt_gr = symbol == ALT_GR || symbol == MODE_SWITCH, adjust;

    if (!key.number || (alt_gr && !layout))
        return;
    adjust = down && key.fixed && !keys_is_down(&in->held, key.number) &&
             key.modifiers != held_modifiers(in);
    if (!down && !keys_is_down(&in->held, key.number))
        release_all_but_modifiers(in);
    if (adjust)
        put_right(in, key.modifiers, false);
    keys_change(&in->held, in->session->machine, key.number, down);
    if (adjust)
        put_right(in, key.modifiers, true);
}

void vnc_input_key(struct vnc_input *in, uint32_t key, bool down)
{
    if (key && key < 256)
        keys_change(&in->held, in->session->machine, (uint8_t)key, down);
}

static int push(int at, int size)
{
    return at <= 0 ? -PUSH : at >= size - 1 ? PUSH : 0;
}

void vnc_input_pointer(struct vnc_input *in, int x, int y, unsigned mask, int width, int height)
{
    unsigned buttons = (mask & 1) | (mask >> 1 & 2) | (mask << 1 & 4);
    int wheel =
        (mask >> 4 & 1) - (mask >> 3 & 1); /* buttons 4 and 5: away from, towards the user */

    if (!in->placed) { /* into the corner, from where the way is known */
        session_mouse(in->session, -width, -height, 0, 0);
        in->x = in->y = 0;
        in->placed = true;
    }
    session_mouse(in->session, x - in->x + (x != in->x ? push(x, width) : 0),
                  y - in->y + (y != in->y ? push(y, height) : 0), wheel, buttons);
    in->x = x;
    in->y = y;
    in->buttons = buttons;
}

void vnc_input_release(struct vnc_input *in)
{
    keys_release(&in->held, in->session->machine);
    if (in->buttons)
        session_mouse(in->session, 0, 0, 0, in->buttons = 0);
    in->placed = false;
}
