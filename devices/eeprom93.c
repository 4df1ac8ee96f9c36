/* A 93C46 in its 16-bit organization (Microchip 93LC46B data sheet): start bit, two bits of opcode,
 * six of address, sixteen of data, most significant first, taken at rising edges of the clock.
 * Writing is done when chip select falls, and takes no time. */
#include "devices/eeprom93.h"

enum { OP_SPECIAL, OP_WRITE, OP_READ, OP_ERASE };
enum { SPECIAL_EWDS, SPECIAL_WRAL, SPECIAL_ERAL, SPECIAL_EWEN };

#define COMMAND_BITS 9 /* with the start bit */
#define WORD_BITS    16

const struct field eeprom93_fields[] = {
    FIELD_ARRAY(struct eeprom93, word), FIELD(struct eeprom93, cs),
    FIELD(struct eeprom93, clock),      FIELD(struct eeprom93, out),
    FIELD(struct eeprom93, writable),   FIELD_MAX(struct eeprom93, bits, 25),
    FIELD(struct eeprom93, shift),      FIELD(struct eeprom93, command),
    FIELD(struct eeprom93, sent),       FIELD_END,
};

static void deselect(struct eeprom93 *e)
{
    e->bits = 0;
    e->shift = 0;
    e->command = e->sent = 0;
    e->out = true; /* ready */
}

void eeprom93_reset(struct eeprom93 *e)
{
    e->cs = e->clock = e->writable = false;
    deselect(e);
}

static unsigned opcode(u16 command)
{
    return command >> 6 & 3;
}

static void fill(struct eeprom93 *e, u16 value)
{
    for (unsigned i = 0; i < EEPROM93_WORDS; i++)
        e->word[i] = value;
}

/* Chip select fell: what was complete is done. */
static void finish(struct eeprom93 *e)
{
    bool whole = e->bits == COMMAND_BITS + WORD_BITS;
    unsigned special = e->command >> 4 & 3, addr = e->command % EEPROM93_WORDS;

    if (e->bits < COMMAND_BITS)
        return;
    if (opcode(e->command) == OP_SPECIAL && (special == SPECIAL_EWEN || special == SPECIAL_EWDS))
        e->writable = special == SPECIAL_EWEN;
    if (!e->writable)
        return;
    if (opcode(e->command) == OP_WRITE && whole)
        e->word[addr] = (u16)e->shift;
    else if (opcode(e->command) == OP_ERASE)
        e->word[addr] = 0xffff;
    else if (opcode(e->command) == OP_SPECIAL && special == SPECIAL_ERAL)
        fill(e, 0xffff);
    else if (opcode(e->command) == OP_SPECIAL && special == SPECIAL_WRAL && whole)
        fill(e, (u16)e->shift);
}

static void rising_edge(struct eeprom93 *e, bool in)
{
    bool reading = e->bits == COMMAND_BITS && opcode(e->command) == OP_READ;

    if (!e->bits && !in) /* no start bit yet */
        return;
    if (reading) { /* word after word */
        unsigned addr = (e->command + e->sent / WORD_BITS) % EEPROM93_WORDS;
        e->out = e->word[addr] >> (WORD_BITS - 1 - e->sent % WORD_BITS) & 1;
        e->sent++;
        return;
    }
    if (e->bits >= COMMAND_BITS + WORD_BITS)
        return;
    e->shift = e->shift << 1 | in;
    if (++e->bits != COMMAND_BITS)
        return;
    e->command = (u16)e->shift;
    if (opcode(e->command) == OP_READ)
        e->out = false; /* a zero before the data */
}

void eeprom93_write(struct eeprom93 *e, bool cs, bool clock, bool in)
{
    bool rises = clock && !e->clock && cs && e->cs;

    if (e->cs && !cs)
        finish(e);
    if (e->cs != cs)
        deselect(e);
    e->cs = cs;
    e->clock = clock;
    if (rises)
        rising_edge(e, in);
}
