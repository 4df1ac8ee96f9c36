/* Symbols to keys: a client's layout is unknown, so what counts is the character, and Shift is put
 * right around it. Places to movements: the guest's mouse only knows how far it went; whenever the
 * pointer is at an edge it is pushed further, so that the guest's arrives there, too. Manual,
 * "VNC". */
#include "frontend/vnc_input.h"

#include <string.h>

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

/* A stroke with the other state of Shift than the one that is held. */
static void press_shifted(struct vnc_input *in, uint8_t key, bool shift)
{
    static const uint8_t shifts[] = {KEY_SHIFT, KEY_SHIFT_R};

    if (shift)
        orrery_key(in->session->machine, KEY_SHIFT, true);
    for (int i = 0; i < 2; i++)
        if (!shift && keys_is_down(&in->held, shifts[i]))
            orrery_key(in->session->machine, shifts[i], false);
    keys_change(&in->held, in->session->machine, key, true);
    for (int i = 0; i < 2; i++)
        if (!shift && keys_is_down(&in->held, shifts[i]))
            orrery_key(in->session->machine, shifts[i], true);
    if (shift)
        orrery_key(in->session->machine, KEY_SHIFT, false);
}

/* Another symbol comes up than went down: Shift was let go in between. */
static void release_all_but_modifiers(struct vnc_input *in)
{
    for (unsigned key = 1; key < 256; key++)
        if (!is_modifier((uint8_t)key))
            keys_change(&in->held, in->session->machine, (uint8_t)key, false);
}

void vnc_input_symbol(struct vnc_input *in, uint32_t symbol, bool down)
{
    bool shift, held = keys_is_down(&in->held, KEY_SHIFT) || keys_is_down(&in->held, KEY_SHIFT_R);
    bool letter = (symbol | 0x20) >= 'a' && (symbol | 0x20) <= 'z'; /* Caps Lock decides, too */
    uint8_t key = key_by_symbol(symbol, &shift);

    if (!key || symbol == ALT_GR || symbol == MODE_SWITCH)
        return;
    if (!down && !keys_is_down(&in->held, key))
        release_all_but_modifiers(in);
    else if (down && !keys_is_down(&in->held, key) && symbol > ' ' && symbol < 0x7f && !letter &&
             shift != held)
        press_shifted(in, key, shift);
    else
        keys_change(&in->held, in->session->machine, key, down);
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
