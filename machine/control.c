/* The front panel: reset, power button, NMI, and ports read and written from outside. All of it
 * is input, so it enters through the journal (channel "machine") and a replay repeats it. A record
 * is one byte, what is done, and for ports the number, the size and the value. */
#include "base/bytes.h"
#include "devices/core/journal.h"
#include "devices/piix4_pm.h"
#include "machine/machine.h"

#include <string.h>

enum { OP_RESET = 'r', OP_NMI = 'n', OP_IN = 'i', OP_OUT = 'o', OP_REGISTER = 'g' };
enum { PORT_RECORD = 8 }; /* op, size, port, value */

/* Journal sink. */
static void on_input(void *opaque, const void *data, size_t len)
{
    struct orrery *o = opaque;
    const u8 *r = data;
    unsigned size = len == PORT_RECORD ? r[1] : 0;
    bool port = size == 1 || size == 2 || size == 4;

    if (!len)
        return;
    if (r[0] == OP_RESET) {
        o->reset_wanted = o->reset_from_outside = true;
        o->cpu->events |= EV_STOP;
    } else if (r[0] == OP_NMI) {
        bus_nmi(o->bus);
    } else if (r[0] == OP_IN && port) {
        o->port_value = bus_in(o->bus, (u16)load_le(r + 2, 2), size);
    } else if (r[0] == OP_OUT && port) {
        bus_out(o->bus, (u16)load_le(r + 2, 2), size, (u32)load_le(r + 4, 4));
    } else if (r[0] == OP_REGISTER && len > 2) {
        o->poked = machine_set_register(o, r[1], r + 2, len - 2);
    }
}

void machine_add_control(struct orrery *o)
{
    o->control = journal_add_channel(o->journal, "machine", on_input, o);
}

static void input(struct orrery *o, u8 op)
{
    journal_input(o->journal, o->control, &op, 1);
}

void orrery_reset(struct orrery *o)
{
    input(o, OP_RESET);
}

void orrery_nmi(struct orrery *o)
{
    input(o, OP_NMI);
}

void orrery_powerdown(struct orrery *o)
{
    int channel = journal_find_channel(o->journal, POWER_BUTTON_CHANNEL);

    if (channel >= 0)
        journal_input(o->journal, channel, "", 1);
}

/* The CPU stands between two instructions: what is due now happens now. */
static void now(struct orrery *o, const u8 *record, size_t len)
{
    journal_input(o->journal, o->control, record, len);
    clock_run(&o->clock, clock_now(&o->clock));
    journal_run(o->journal);
}

bool orrery_write_register(struct orrery *o, int reg, const uint8_t *value)
{
    u8 record[2 + ORRERY_REGISTER_MAX] = {OP_REGISTER, (u8)reg};
    unsigned bytes = orrery_register_bytes(reg);

    if (journal_mode(o->journal) == JOURNAL_REPLAY)
        return false;
    memcpy(record + 2, value, bytes);
    o->poked = false;
    now(o, record, 2 + bytes);
    return o->poked;
}

static void port_now(struct orrery *o, u8 op, unsigned size, u16 port, u32 value)
{
    u8 record[PORT_RECORD] = {op, (u8)size};

    store_le(record + 2, 2, port);
    store_le(record + 4, 4, value);
    now(o, record, sizeof(record));
}

bool orrery_port_in(struct orrery *o, uint16_t port, unsigned size, uint32_t *value)
{
    if (journal_mode(o->journal) == JOURNAL_REPLAY)
        return false;
    port_now(o, OP_IN, size, port, 0);
    *value = o->port_value;
    return true;
}

bool orrery_port_out(struct orrery *o, uint16_t port, unsigned size, uint32_t value)
{
    if (journal_mode(o->journal) == JOURNAL_REPLAY)
        return false;
    port_now(o, OP_OUT, size, port, value);
    return true;
}

uint64_t orrery_resets(const struct orrery *o)
{
    return o->resets;
}
