/* What disks held before they were overwritten: the difference between two moments of all disks of
 * a machine, in chunks of 4 KiB. A delta first collects old contents; exchanging it with the disks
 * takes them back to then, and exchanging it once more takes them forth again. */
#ifndef DEVICES_CORE_BLK_DELTA_H
#define DEVICES_CORE_BLK_DELTA_H

#include "devices/core/blk.h"

struct blk_delta;

struct blk_delta *blk_delta_new(void);
void blk_delta_free(struct blk_delta *d); /* NULL is allowed */

/* These sectors are going to be overwritten: keeps what is not yet kept. */
void blk_delta_note(struct blk_delta *d, struct blk *b, u64 sector, u32 count);

/* Exchanges contents. False: a disk could not be read or written, then or before. */
bool blk_delta_exchange(struct blk_delta *d);

/* Adds what `from` has and `into` has not; empties `from`. */
void blk_delta_merge(struct blk_delta *into, struct blk_delta *from);

u64 blk_delta_bytes(const struct blk_delta *d); /* of memory; NULL: 0 */

#endif
