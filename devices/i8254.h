/* What the loudspeaker sees of the interval timer. */
#ifndef DEVICES_I8254_H
#define DEVICES_I8254_H

#include "devices/core/dev.h"

#define I8254_ID "i8254"
#define I8254_HZ 1193182u

/* Its clocks, counted from time 0: the one that runs at a time, and the first nanosecond of one. */
u64 i8254_clock_at(u64 ns);
u64 i8254_clock_ns(u64 clock);

/* Calls back before anything is done to channel 2 or port 61h. One listener. */
void i8254_on_speaker(struct dev *dev, void (*changes)(void *opaque), void *opaque);

/* Level of the wire to the speaker at a clock, which must not lie before the last change; *until:
 * the next clock at which it may differ, or CLOCK_NEVER. Changes nothing. */
bool i8254_speaker(const struct dev *dev, u64 now, u64 *until);

#endif
