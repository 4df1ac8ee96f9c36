/* Keys and the mouse, from frontends to the machine's keyboard controller; the date. */
#include "base/bytes.h"
#include "devices/core/journal.h"
#include "devices/i8042.h"
#include "devices/mc146818.h"
#include "machine/machine.h"

static int clamp(int n, int min, int max)
{
    return n < min ? min : n > max ? max : n;
}

void orrery_key(struct orrery *o, uint8_t key, bool down)
{
    i8042_send_key(o->journal, key, down);
}

void orrery_mouse(struct orrery *o, int dx, int dy, int wheel, unsigned buttons)
{
    i8042_send_mouse(o->journal, (s16)clamp(dx, INT16_MIN, INT16_MAX),
                     (s16)clamp(dy, INT16_MIN, INT16_MAX), (s8)clamp(wheel, INT8_MIN, INT8_MAX),
                     (u8)buttons);
}

void orrery_set_date(struct orrery *o, int64_t seconds)
{
    u8 data[8];

    store_le(data, sizeof(data), (u64)seconds);
    journal_input(o->journal, journal_find_channel(o->journal, RTC_CHANNEL), data, sizeof(data));
}

int64_t orrery_epoch(const struct orrery *o)
{
    return mc146818_epoch(bus_find_dev(o->bus, RTC_ID));
}
