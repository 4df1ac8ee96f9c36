/* Look-ups in the table of keys, by what is on the left of each function's name. The table is read
 * from its beginning: it has some 150 rows, and people type slowly. */
#include "frontend/keys.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "machine/orrery.h"

struct key {
    uint8_t number;
    const char *name;
    uint16_t scancode;
    uint32_t symbol, shifted;
};

static const struct key keys[] = {
#define KEY(number, name, scancode, symbol, shifted) {number, name, scancode, symbol, shifted},
#include "frontend/keys.def"
#undef KEY
};

#define KEYS (sizeof(keys) / sizeof(keys[0]))

/* Others by which a key is known: by name, scancode or symbol. */
static const struct key aliases[] = {
    {0x2b, "", 50, 0, 0}, /* the key left of Return on keyboards of 102 keys */
    {0x7e, "", 134, 0, 0},     {0xdd, "menu", 118, 0, 0}, {0xa0, "", 262, 0, 0},
    {0x1c, "", 0, '\n', '\r'}, {0x0f, "", 0, '\t', 0},    {0x0e, "", 0, '\b', 0x7f},
    {0x01, "", 0, 0x1b, 0},    {0x9c, "", 0, 0xff8d, 0},  {0xb8, "", 0, 0xfe03, 0xff7e}, /* AltGr */
    {0x1c, "enter", 0, 0, 0},  {0x39, "space", 0, 0, 0},
};

#define ALIASES (sizeof(aliases) / sizeof(aliases[0]))

static const struct key *row(size_t n)
{
    return n < KEYS ? &keys[n] : &aliases[n - KEYS];
}

uint8_t key_by_name(const char *name, size_t len)
{
    char text[8] = "", *end;
    unsigned long number;

    for (size_t i = 0; i < KEYS + ALIASES; i++)
        if (len && strlen(row(i)->name) == len && !memcmp(row(i)->name, name, len))
            return row(i)->number;
    if (len < 3 || len > 4 || strncmp(name, "0x", 2) || !isxdigit((unsigned char)name[2]))
        return 0;
    memcpy(text, name + 2, len - 2);
    number = strtoul(text, &end, 16);
    return *end ? 0 : (uint8_t)number;
}

const char *key_name(uint8_t number)
{
    for (size_t i = 0; i < KEYS; i++)
        if (keys[i].number == number)
            return keys[i].name;
    return NULL;
}

uint8_t key_by_scancode(unsigned scancode)
{
    for (size_t i = 0; scancode && i < KEYS + ALIASES; i++)
        if (row(i)->scancode == scancode)
            return row(i)->number;
    return 0;
}

uint8_t key_by_symbol(uint32_t symbol, bool *shift)
{
    *shift = false;
    for (size_t i = 0; symbol && i < KEYS + ALIASES; i++) {
        const struct key *k = row(i);
        if (k->symbol == symbol || k->shifted == symbol) {
            *shift = k->shifted == symbol && symbol > ' ' && symbol < 0x7f;
            return k->number;
        }
    }
    return 0;
}

bool keys_is_down(const struct keys_held *held, uint8_t number)
{
    return held->down[number / 8] >> (number % 8) & 1;
}

void keys_change(struct keys_held *held, struct orrery *o, uint8_t number, bool down)
{
    if (!number || keys_is_down(held, number) == down)
        return;
    held->down[number / 8] ^= (uint8_t)(1u << (number % 8));
    orrery_key(o, number, down);
}

void keys_release(struct keys_held *held, struct orrery *o)
{
    for (unsigned number = 1; number < 256; number++)
        keys_change(held, o, (uint8_t)number, false);
}
