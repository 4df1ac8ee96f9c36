/* Look-ups in the table of layouts. Characters are compared as Unicode; X's symbols are that up to
 * FF, and from 1000000 on; of the others those that are on the keyboards are listed here. */
#include "frontend/layouts.h"

#include <stddef.h>
#include <string.h>

#include "frontend/keys.h"

#define LEVELS  3
#define UNICODE 0x1000000u

struct layout {
    const char *name, *level[LEVELS], *dead[2];
};

static const struct layout layouts[] = {
#define LAYOUT(name, plain, shift, altgr, dead, dead_altgr)                                        \
    {name, {plain, shift, altgr}, {dead, dead_altgr}},
#include "frontend/layouts.def"
#undef LAYOUT
};

/* Keys in the order of the table's texts. */
static const uint8_t order[] = {
    0x29, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x10, 0x11, 0x12,
    0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1e, 0x1f, 0x20, 0x21, 0x22, 0x23, 0x24,
    0x25, 0x26, 0x27, 0x28, 0x2b, 0x56, 0x2c, 0x2d, 0x2e, 0x2f, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35,
};

static const struct {
    uint32_t symbol, character;
    bool dead;
} symbols[] = {{0x20ac, 0x20ac, false}, {0xfe50, '`', true}, {0xfe51, 0xb4, true},
               {0xfe52, '^', true},     {0xfe53, '~', true}, {0xfe57, 0xa8, true},
               {0xfe58, 0xb0, true},    {0xfe5b, 0xb8, true}};

bool layout_find(const char *name, const struct layout **layout)
{
    *layout = NULL;
    for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
        if (!strcmp(layouts[i].name, name))
            *layout = &layouts[i];
    return *layout || !strcmp(name, "en-us");
}

uint32_t layout_next_char(const char **text)
{
    const unsigned char *p = (const unsigned char *)*text;
    unsigned more = *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : *p >= 0xc0 ? 1 : 0;
    uint32_t c = more ? *p & (0x3fu >> more) : *p;

    for (unsigned i = 1; i <= more; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            *text += 1;
            return *p;
        }
        c = c << 6 | (p[i] & 0x3f);
    }
    *text += *p ? 1 + more : 0;
    return c;
}

static bool contains(const char *text, uint32_t character)
{
    uint32_t c;

    while ((c = layout_next_char(&text)))
        if (c == character)
            return true;
    return false;
}

/* The place of a character in a text of the table, or -1. */
static int place(const char *text, uint32_t character)
{
    uint32_t c;

    for (int i = 0; (c = layout_next_char(&text)); i++)
        if (c == character)
            return i;
    return -1;
}

static bool is_letter(uint32_t c)
{
    uint32_t small = c | 0x20;

    return (small >= 'a' && small <= 'z') || (small >= 0xe0 && small <= 0xfe && small != 0xf7);
}

static bool is_dead(const struct layout *l, unsigned level, uint32_t c)
{
    return contains(l->dead[level == 2], c);
}

/* Dead or alive, the one that is wanted if there are both. */
static struct layout_key search(const struct layout *l, uint32_t c, bool dead)
{
    struct layout_key found = {.number = 0};

    for (unsigned level = 0; level < LEVELS; level++) {
        int i = place(l->level[level], c);
        if (i < 0 || (found.number && is_dead(l, level, c) != dead))
            continue;
        found = (struct layout_key){.number = order[i],
                                    .modifiers = level,
                                    .dead = is_dead(l, level, c),
                                    .fixed = !is_letter(c) || level == 2};
        if (found.dead == dead)
            break;
    }
    return found;
}

static struct layout_key us_key(uint32_t symbol)
{
    bool shift;
    struct layout_key found = {.number = key_by_symbol(symbol, &shift)};

    found.modifiers = shift ? LAYOUT_SHIFT : 0;
    found.fixed = symbol > ' ' && symbol < 0x7f && !is_letter(symbol);
    return found;
}

struct layout_key layout_key(const struct layout *l, uint32_t symbol)
{
    uint32_t c = symbol >= UNICODE && symbol < 2 * UNICODE ? symbol - UNICODE : symbol;
    bool dead = false;

    if (!l)
        return us_key(c);
    for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
        if (symbols[i].symbol == symbol) {
            c = symbols[i].character;
            dead = symbols[i].dead;
        }
    }
    if (c <= ' ' || (c >= 0x7f && c <= 0xa0) || (c > 0xff && c != 0x20ac))
        return us_key(c); /* no characters: the same everywhere */
    return search(l, c, dead);
}
