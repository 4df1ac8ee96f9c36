/* Snapshots of a machine in memory. They share what is equal: pages of memory, and the state of
 * devices in pieces of a page. Nothing is tracked, and nothing costs, while a machine has none; the
 * first one copies all of its memory, each later one what was written to since.
 *
 * Taking a snapshot is nothing that the guest could notice, but that windows (mmu/tlb.h) begin
 * anew; from there the machine goes on as it does after that snapshot was restored. */
#ifndef MACHINE_SNAPSHOT_H
#define MACHINE_SNAPSHOT_H

#include "machine/orrery.h"
#include "base/types.h"

struct snapshot;

/* The machine stands between two instructions (no orrery_run() is under way). NULL: no memory. The
 * caller frees it, before the machine. */
struct snapshot *snapshot_take(struct orrery *o);
/* Brings the machine back there. Host side things (journal, files, sound handed out) stay where
 * they are. */
void snapshot_restore(struct orrery *o, const struct snapshot *s);
void snapshot_free(struct snapshot *s); /* NULL is allowed */

/* Bytes that freeing it would give back, roughly; and that all of a machine's have together. */
u64 snapshot_bytes(const struct snapshot *s);
u64 snapshot_all_bytes(const struct orrery *o);
/* The count of ticks (struct clock) at which it was taken. */
u64 snapshot_tick(const struct snapshot *s);

#endif
