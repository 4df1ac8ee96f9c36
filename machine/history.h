/* The inside of a machine's history, shared by history.c and moments.c. */
#ifndef MACHINE_HISTORY_H
#define MACHINE_HISTORY_H

#include "cpu/stops.h"
#include "devices/core/blk_delta.h"
#include "machine/machine.h"
#include "machine/snapshot.h"

/* A place to go back to. */
struct moment {
    struct snapshot *snapshot;
    u64 tick;
    size_t place; /* of the journal */
    u64 idle_since, idle_after;
    struct blk *medium[MAX_DRIVES]; /* in each drive with removable media, or NULL */
    struct blk_delta *disks;        /* what changes until the next moment; NULL: nothing, or last */
};

struct history {
    struct orrery *o;
    struct moment *moment; /* by tick; at least one */
    unsigned count, room, base;
    struct blk_delta *current;
    struct blk_watch watch;
    u64 budget;
    u64 front;  /* the furthest tick that the machine has come to, once it has gone back */
    u64 due;    /* when a moment may be wanted */
    u64 target; /* on the way to this tick: 0 if on none */
    u64 near;   /* then: where the next moment is made */
    bool scanning;
    bool disk_failed;
    u64 planted_ns, cost_ns; /* host's time when the last moment was made, and what it took */
};

/* -- history.c: for whoever looks for something in the past. The machine must have a history; what
 * is due at the present tick happens first, so history_enter() returns the moment to come back to.
 * -- */

u64 history_enter(struct orrery *o);
/* Puts the machine to a tick of the range. False: it cannot get there. */
bool history_visit(struct orrery *o, u64 tick);
/* Runs from there up to a tick; nobody stops it, and no moments are made. */
bool history_rerun(struct orrery *o, u64 until);
/* The tick of the last moment before a tick, from which it can be run at once. */
u64 history_moment(const struct orrery *o, u64 tick);

/* -- moments.c -- */

/* Makes the present a moment; the new base. False: no memory. */
bool history_plant(struct history *h);
void moment_free(struct moment *m);
/* What is in the drives now, for who asks. */
void history_note_media(struct history *h);
u64 history_bytes(const struct history *h);

#endif
