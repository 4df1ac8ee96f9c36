/* A fake board for device tests: a bus, a clock that the test moves by hand, a journal, and
 * watchers on every wire. No CPU. */
#ifndef TESTS_FUZZ_RIG_H
#define TESTS_FUZZ_RIG_H

#include "devices/core/bus.h"
#include "devices/core/clock.h"
#include "devices/core/journal.h"

struct devtest {
    struct clock clk;
    u64 ticks;
    struct journal *journal;
    struct bus *bus; /* phys is the test's: NULL at first */
    bool level[BUS_GSIS];
    unsigned rises[BUS_GSIS];
    bool intr, a20;
    unsigned nmis;
    unsigned requests[4]; /* by enum bus_request */
    u32 request_arg;
    char out[4096]; /* what chardevs made with dt_chardev() wrote */
    size_t out_len;
    unsigned deadline_changes;
    unsigned events, max_events; /* of the clock; time stands still after the last. 0: no limit */
};

struct devtest *dt_open(void);
void dt_close(struct devtest *t);

/* Moves time to a tick, stopping wherever a timer or the journal is due, as the machine loop
 * does. */
void dt_run_to(struct devtest *t, u64 target);

/* Hash of clock and devices. */
u64 dt_hash(struct devtest *t);

#endif
