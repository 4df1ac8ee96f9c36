/* A 93C46 serial EEPROM: 64 words of 16 bits behind three wires in and one out (Microwire). Listed
 * as FIELD_SUB(struct foo, eeprom, eeprom93_fields). */
#ifndef DEVICES_EEPROM93_H
#define DEVICES_EEPROM93_H

#include "devices/core/dev.h"

#define EEPROM93_WORDS 64

struct eeprom93 {
    u16 word[EEPROM93_WORDS];
    bool cs, clock, out; /* levels; out: of its data output */
    bool writable;       /* after EWEN */
    u8 bits;             /* shifted in since the start bit, that one included */
    u32 shift;           /* those bits */
    u16 command;         /* the first nine, when they are complete */
    u16 sent;            /* bits read so far */
};
extern const struct field eeprom93_fields[];

/* Fresh from the factory: contents are the owner's to set. Power-on of the interface only. */
void eeprom93_reset(struct eeprom93 *e);

/* Levels of chip select, clock and data in. */
void eeprom93_write(struct eeprom93 *e, bool cs, bool clock, bool in);

static inline bool eeprom93_out(const struct eeprom93 *e)
{
    return e->out;
}

#endif
