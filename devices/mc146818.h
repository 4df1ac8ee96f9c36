/* What the board and frontends may do with the RTC besides its ports. */
#ifndef DEVICES_MC146818_H
#define DEVICES_MC146818_H

#include "devices/core/dev.h"

/* The journal channel that sets the date: 8 bytes, little-endian seconds since 1970-01-01
 * (signed). For a machine that starts at the host's date: send it before the first instruction. */
#define RTC_CHANNEL "rtc"

#define RTC_ID "mc146818rtc" /* bus_find_dev() */

/* Sets a byte of CMOS RAM (10h..7Fh) as a setup program would, and the checksum over 10h..2Dh. The
 * battery keeps it across resets. */
void mc146818_set_cmos(struct dev *rtc, u8 index, u8 value);

/* The date that the clock would have had at virtual time 0, in seconds since 1970: it changes when
 * somebody sets the clock, and only then. */
s64 mc146818_epoch(const struct dev *rtc);

#endif
