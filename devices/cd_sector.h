/* Raw sectors of a data track. ECMA-130 chapters 14, 15, annexes A and B. */
#ifndef DEVICES_CD_SECTOR_H
#define DEVICES_CD_SECTOR_H

#include "base/types.h"

#define CD_USER  2048u
#define CD_RAW   2352u
#define CD_FRAME 75u /* sectors a second */

/* Where the parts of a mode 1 sector begin. */
enum { CD_AT_SYNC = 0, CD_AT_HEADER = 12, CD_AT_USER = 16, CD_AT_EDC = 2064, CD_AT_ECC_P = 2076 };

/* A sector number as minute, second, frame, 2 seconds before sector 0 included; 255:59:74 is the
 * most. */
void cd_msf(u32 lba, u8 msf[3]);

/* The reverse; false if there is no such time, or it is before sector 0. */
bool cd_lba(const u8 msf[3], u32 *lba);

/* Completes raw[CD_RAW], whose user data are in place, with sync, header, EDC and ECC of mode 1. */
void cd_mode1(u8 *raw, u32 lba);

#endif
