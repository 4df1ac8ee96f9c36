/* The input journal: everything that comes from outside (serial bytes, keys, packets, the host's
 * date) passes through here, is stamped with the tick count and only then reaches a device. A
 * run is a pure function of its initial state and its journal.
 *
 * Any thread may call journal_input(). The machine loop, on its own thread at an instruction
 * boundary, calls clock_run() first and journal_run() second, always in that order, and never
 * runs beyond journal_next(). Live: input is delivered by the next journal_run(). Record: the
 * same, and written to a file. Replay: live input is ignored; entries are delivered at exactly
 * their tick. That repeats the run only if whatever the CPU does advances the tick count, taking
 * an interrupt included: otherwise an input recorded after it would be replayed before it.
 *
 * File, all little-endian: "ORRERYJ\n", u32 version, u32 length + configuration text, u32 number
 * of channels, each u32 length + name; then records { u64 tick, u32 channel, u32 length, bytes
 * }; channel JOURNAL_CHECK and JOURNAL_END carry a u64 state hash; after the end record a u64
 * hash of everything before it. */
#ifndef DEVICES_CORE_JOURNAL_H
#define DEVICES_CORE_JOURNAL_H

#include "base/types.h"

struct clock;
struct journal;

#define JOURNAL_MAX_CHANNELS 64
#define JOURNAL_CHECK        0xfffffffeu
#define JOURNAL_END          0xffffffffu

enum journal_mode { JOURNAL_LIVE, JOURNAL_RECORD, JOURNAL_REPLAY };

/* A journal in live mode. `clk` supplies the stamps and must outlive it. */
struct journal *journal_create(struct clock *clk);

/* Closes without an end record if journal_finish() was not called: such a file is refused later. */
void journal_destroy(struct journal *j);

/* What the machine supplies. Both may be NULL. */
struct journal_hooks {
    u64 (*state_hash)(void *opaque); /* of the whole machine, now */
    void (*kick)(void *opaque);      /* input is waiting: leave the CPU loop soon. Any thread. */
    void *opaque;
};
void journal_set_hooks(struct journal *j, const struct journal_hooks *hooks);

/* Names a channel and the function that takes its input in the guest; done while the board is
 * built, in the same order in every run. Returns its number. The name is copied. */
int journal_add_channel(struct journal *j, const char *name,
                        void (*sink)(void *opaque, const void *data, size_t len), void *opaque);

/* Channel number by name, or -1: for frontends. */
int journal_find_channel(struct journal *j, const char *name);

/* Outside input. Copies the data. len is at most 1 MiB. */
void journal_input(struct journal *j, int channel, const void *data, size_t len);

/* Starts recording or replaying; before the first instruction, after all channels were added.
 * `config` describes the machine; replay refuses a journal of another one and says what differs.
 * `check_ticks`: write a state hash every so many ticks (0: only at the end). Return true, or
 * false with one line of explanation in err. */
bool journal_record(struct journal *j, const char *path, const char *config, u64 check_ticks,
                    char *err, size_t err_size);
bool journal_replay(struct journal *j, const char *path, const char *config, char *err,
                    size_t err_size);

/* Reads only the configuration text, so that a machine can be built from it: malloc'ed, or NULL
 * and err. */
char *journal_read_config(const char *path, char *err, size_t err_size);

enum journal_mode journal_mode(const struct journal *j);

/* The tick at which journal_run() must be called next, or CLOCK_NEVER. May be the current tick. */
u64 journal_next(struct journal *j);

/* Delivers what is due at the current tick, and writes or compares state hashes that are due. */
void journal_run(struct journal *j);

/* Replay has reached the end record: the machine should stop here. */
bool journal_ended(const struct journal *j);

/* Replay found a state that differs from the recorded one, or recording could not write: one
 * line that says where; NULL while all is well. */
const char *journal_error(const struct journal *j);

/* -- going back: what is known is delivered again --
 *
 * The machine is put back to a moment and the journal to the place that it was at then. From there
 * on what is known comes again at its ticks, as in a replay; live input is ignored, and nothing is
 * written. After the last of it, at the tick from which it went back, it is live as before. */

/* From now on what is delivered is kept in memory; a replay has all anyway. Or no longer. */
void journal_keep(struct journal *j);
void journal_forget(struct journal *j);
size_t journal_place(const struct journal *j);
/* Before the clock is put back. */
void journal_go_back(struct journal *j, size_t place);
/* Is something known that comes again? (Of a replay: false.) */
bool journal_is_past(const struct journal *j);
u64 journal_known_end(const struct journal *j); /* the tick up to which all is known */
size_t journal_known(const struct journal *j);  /* records kept */
/* Drops what is known of the future: live, or recording, from here on. Ends a replay. */
void journal_fork(struct journal *j);
u64 journal_tick(const struct journal *j); /* now */

/* Record: writes the end record (current tick, state hash) and closes. Returns journal_error()
 * == NULL. */
bool journal_finish(struct journal *j);

#endif
