/* A queue of key events. One goes out each few milliseconds of guest time: faster than anybody
 * types, slow enough for the keyboard's own queue. */
#include "frontend/typist.h"

#include <string.h>

#include "frontend/keys.h"

#define EVENT_NS   8000000u
#define PER_STROKE 12 /* at most: four modifiers and the key, down and up, and a space */
#define POLL_MS    4

static unsigned waiting(const struct typist *t)
{
    return t->head - t->tail;
}

static void prepare(void *opaque, struct loop *loop)
{
    struct typist *t = opaque;

    if (waiting(t))
        loop_within(loop, POLL_MS);
}

static void dispatch(void *opaque, struct loop *loop)
{
    struct typist *t = opaque;
    uint64_t now = orrery_time_ns(t->machine);

    (void)loop;
    if (!waiting(t) || now < t->next_ns)
        return;
    uint16_t event = t->event[t->tail++ % TYPIST_KEYS];
    orrery_key(t->machine, (uint8_t)event, event >> 8);
    t->next_ns = now + EVENT_NS;
}

void typist_open(struct typist *t, struct orrery *machine, const struct layout *layout,
                 struct loop *loop)
{
    t->layout = layout;
    t->machine = machine;
    t->source = (struct loop_source){.prepare = prepare, .dispatch = dispatch, .opaque = t};
    loop_add(loop, &t->source);
}

void typist_close(struct typist *t, struct loop *loop)
{
    loop_remove(loop, &t->source);
}

static void put(struct typist *t, uint8_t key, bool down)
{
    t->event[t->head++ % TYPIST_KEYS] = (uint16_t)(key | down << 8);
}

void typist_key(struct typist *t, uint8_t key, unsigned modifiers)
{
    static const uint8_t keys[] = {KEY_SHIFT, KEY_CTRL, KEY_ALT, KEY_ALT_R};

    if (!key || waiting(t) > TYPIST_KEYS - PER_STROKE)
        return;
    for (int i = 0; i < 4; i++)
        if (modifiers >> i & 1)
            put(t, keys[i], true);
    put(t, key, true);
    put(t, key, false);
    for (int i = 3; i >= 0; i--)
        if (modifiers >> i & 1)
            put(t, keys[i], false);
}

void typist_named(struct typist *t, const char *name, unsigned modifiers)
{
    typist_key(t, key_by_name(name, strlen(name)), modifiers);
}

bool typist_char(struct typist *t, uint32_t c, unsigned modifiers)
{
    struct layout_key key = layout_key(t->layout, c);

    if (!key.number && c < 0x20) {
        modifiers |= TYPE_CTRL;
        key = layout_key(t->layout, c >= 1 && c <= 26 ? c + 'a' - 1 : c == 0 ? '2' : c + '@');
    }
    if (key.modifiers & LAYOUT_SHIFT)
        modifiers |= TYPE_SHIFT;
    if (key.modifiers & LAYOUT_ALT_GR)
        modifiers |= TYPE_ALT_GR;
    typist_key(t, key.number, modifiers);
    if (key.dead)
        typist_key(t, layout_key(t->layout, ' ').number, 0);
    return key.number;
}

void typist_text(struct typist *t, const char *text)
{
    uint32_t c;

    while ((c = layout_next_char(&text)))
        if (!(c == '\r' && *text == '\n'))
            typist_char(t, c, 0);
}
