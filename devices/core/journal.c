/* The input journal. Live and recording, input waits in a queue (the only part that other threads
 * touch) until the machine reaches an instruction boundary. What is known of a run is a log of
 * records, which a cursor walks: the whole file of a replay, or what has been delivered since the
 * machine has a history, after it has gone back. */
#include "devices/core/journal_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/check.h"
#include "devices/core/clock.h"

struct journal *journal_create(struct clock *clk)
{
    struct journal *j = calloc(1, sizeof(*j));
    CHECK(j, "out of memory");
    j->clk = clk;
    pthread_mutex_init(&j->lock, NULL);
    return j;
}

void journal_destroy(struct journal *j)
{
    if (!j)
        return;
    if (j->file)
        fclose(j->file);
    while (j->first) {
        struct pending *next = j->first->next;
        free(j->first);
        j->first = next;
    }
    for (int i = 0; i < j->channel_count; i++)
        free(j->channels[i].name);
    pthread_mutex_destroy(&j->lock);
    log_cut(&j->log, 0);
    free(j->log.record);
    free(j->image);
    free(j);
}

void journal_set_hooks(struct journal *j, const struct journal_hooks *hooks)
{
    j->hooks = *hooks;
}

int journal_find_channel(struct journal *j, const char *name)
{
    for (int i = 0; i < j->channel_count; i++) {
        if (!strcmp(j->channels[i].name, name))
            return i;
    }
    return -1;
}

int journal_add_channel(struct journal *j, const char *name,
                        void (*sink)(void *opaque, const void *data, size_t len), void *opaque)
{
    CHECK(j->channel_count < JOURNAL_MAX_CHANNELS, "too many input channels");
    CHECK(journal_find_channel(j, name) < 0, "input channel '%s' exists", name);
    struct channel *c = &j->channels[j->channel_count];
    *c = (struct channel){strdup(name), sink, opaque};
    CHECK(c->name, "out of memory");
    return j->channel_count++;
}

enum journal_mode journal_mode(const struct journal *j)
{
    return j->mode;
}

bool journal_ended(const struct journal *j)
{
    return j->ended;
}

const char *journal_error(const struct journal *j)
{
    return j->error[0] ? j->error : NULL;
}

/* ---- the log ---- */

void log_add(struct log *log, const struct record *record, bool own)
{
    struct record *r;

    if (log->count == log->room) {
        log->room = log->room ? log->room * 2 : 256;
        log->record = realloc(log->record, log->room * sizeof(*log->record));
        CHECK(log->record, "out of memory");
    }
    r = &log->record[log->count++];
    *r = *record;
    r->own = own;
    if (own) {
        u8 *data = malloc(record->len + 1);
        CHECK(data, "out of memory");
        memcpy(data, record->data, record->len);
        r->data = data;
    }
}

void log_cut(struct log *log, size_t n)
{
    while (log->count > n) {
        const struct record *r = &log->record[--log->count];
        if (r->own)
            free((void *)(uintptr_t)r->data);
    }
}

static u64 state_hash(struct journal *j)
{
    return j->hooks.state_hash ? j->hooks.state_hash(j->hooks.opaque) : 0;
}

/* ---- writing ---- */

static void put(struct journal *j, const void *data, size_t len)
{
    hash_bytes(&j->file_hash, data, len);
    if (fwrite(data, 1, len, j->file) != len && !j->error[0])
        snprintf(j->error, sizeof(j->error), "cannot write the journal: %s", strerror(errno));
}

static void put_uint(struct journal *j, u64 value, unsigned size)
{
    u8 bytes[8];
    for (unsigned i = 0; i < size; i++)
        bytes[i] = (u8)(value >> (8 * i));
    put(j, bytes, size);
}

static void put_text(struct journal *j, const char *text)
{
    put_uint(j, strlen(text), 4);
    put(j, text, strlen(text));
}

static void put_record(struct journal *j, const struct record *r)
{
    put_uint(j, r->tick, 8);
    put_uint(j, r->channel, 4);
    put_uint(j, r->len, 4);
    put(j, r->data, r->len);
}

/* Something has come at this tick: into the file and the log. */
static void note(struct journal *j, u32 channel, const void *data, u32 len)
{
    struct record r = {.tick = clock_ticks(j->clk), .channel = channel, .len = len, .data = data};

    if (j->mode == JOURNAL_RECORD)
        put_record(j, &r);
    if (j->keep) {
        log_add(&j->log, &r, true);
        j->at = j->log.count;
    }
}

static void note_state(struct journal *j, u32 channel)
{
    u8 hash[8];

    store_le(hash, sizeof(hash), state_hash(j));
    note(j, channel, hash, sizeof(hash));
}

bool journal_record(struct journal *j, const char *path, const char *config, u64 check_ticks,
                    char *err, size_t err_size)
{
    CHECK(j->mode == JOURNAL_LIVE, "the journal is in use");
    j->file = fopen(path, "wb");
    if (!j->file) {
        snprintf(err, err_size, "%s: %s", path, strerror(errno));
        return false;
    }
    j->mode = JOURNAL_RECORD;
    j->check_ticks = check_ticks;
    j->next_check = check_ticks ? clock_ticks(j->clk) + check_ticks : CLOCK_NEVER;
    hash_init(&j->file_hash);
    put(j, MAGIC, MAGIC_LEN);
    put_uint(j, VERSION, 4);
    put_text(j, config);
    put_uint(j, (u32)j->channel_count, 4);
    for (int i = 0; i < j->channel_count; i++)
        put_text(j, j->channels[i].name);
    return true;
}

bool journal_finish(struct journal *j)
{
    if (!j->file)
        return !j->error[0];
    if (j->past) /* it ends here */
        journal_fork(j);
    note_state(j, JOURNAL_END);
    put_uint(j, hash_value(&j->file_hash), 8);
    if (fclose(j->file) && !j->error[0])
        snprintf(j->error, sizeof(j->error), "cannot write the journal: %s", strerror(errno));
    j->file = NULL;
    j->mode = JOURNAL_LIVE;
    return !j->error[0];
}

/* ---- running ---- */

/* Ignored in a replay, and while what is already known happens again. */
void journal_input(struct journal *j, int channel, const void *data, size_t len)
{
    struct pending *p;
    bool past;

    CHECK(channel >= 0 && channel < j->channel_count, "input channel %d", channel);
    CHECK(len <= MAX_INPUT, "an input of %zu bytes", len);
    if (j->mode == JOURNAL_REPLAY)
        return;
    p = malloc(sizeof(*p) + len);
    CHECK(p, "out of memory");
    p->next = NULL;
    p->channel = channel;
    p->len = (u32)len;
    memcpy(p->data, data, len);
    pthread_mutex_lock(&j->lock);
    past = j->past;
    if (!past) {
        if (j->first)
            j->last->next = p;
        else
            j->first = p;
        j->last = p;
    }
    pthread_mutex_unlock(&j->lock);
    if (past)
        free(p);
    else if (j->hooks.kick)
        j->hooks.kick(j->hooks.opaque);
}

static struct pending *take_pending(struct journal *j)
{
    struct pending *list;
    pthread_mutex_lock(&j->lock);
    list = j->first;
    j->first = j->last = NULL;
    pthread_mutex_unlock(&j->lock);
    return list;
}

static bool has_pending(struct journal *j)
{
    bool yes;
    pthread_mutex_lock(&j->lock);
    yes = j->first != NULL;
    pthread_mutex_unlock(&j->lock);
    return yes;
}

u64 journal_next(struct journal *j)
{
    if (j->mode == JOURNAL_REPLAY && (j->ended || j->error[0]))
        return CLOCK_NEVER;
    if (j->mode == JOURNAL_REPLAY || j->past)
        return j->at < j->log.count ? j->log.record[j->at].tick : j->end;
    if (has_pending(j))
        return clock_ticks(j->clk);
    return j->mode == JOURNAL_RECORD ? j->next_check : CLOCK_NEVER;
}

/* What a device arms for this very moment fires before the next input, however far apart the two
 * came from outside. */
static void deliver(struct journal *j, u32 channel, const void *data, u32 len)
{
    const struct channel *c = &j->channels[channel];

    c->sink(c->opaque, data, len);
    clock_run(j->clk, clock_now(j->clk));
}

static void run_live(struct journal *j)
{
    u64 now = clock_ticks(j->clk);

    if (j->mode == JOURNAL_RECORD && now >= j->next_check) {
        note_state(j, JOURNAL_CHECK);
        while (j->next_check <= now)
            j->next_check += j->check_ticks;
    }
    for (struct pending *p = take_pending(j), *next; p; p = next) {
        next = p->next;
        note(j, (u32)p->channel, p->data, p->len);
        deliver(j, (u32)p->channel, p->data, p->len);
        free(p);
    }
}

static void compare_state(struct journal *j, const struct record *record)
{
    u64 was = load_le(record->data, 8), is;

    if (j->at < j->compared) /* it has gone back since */
        return;
    is = state_hash(j);
    j->compared = j->at + 1;
    if (was != is)
        snprintf(j->error, sizeof(j->error),
                 "replay differs at tick %llu: state hash %016llx, recorded %016llx",
                 (unsigned long long)record->tick, (unsigned long long)is, (unsigned long long)was);
}

static void run_record(struct journal *j, const struct record *record)
{
    if (record->channel < JOURNAL_CHECK)
        deliver(j, record->channel, record->data, record->len);
    else if (j->mode == JOURNAL_REPLAY)
        compare_state(j, record);
    j->ended = record->channel == JOURNAL_END;
}

static void set_past(struct journal *j, bool past)
{
    pthread_mutex_lock(&j->lock);
    j->past = past;
    pthread_mutex_unlock(&j->lock);
}

static void run_known(struct journal *j)
{
    u64 now = clock_ticks(j->clk);

    while (!j->ended && !j->error[0] && j->at < j->log.count) {
        struct record record = j->log.record[j->at];
        if (record.tick > now)
            return;
        if (record.tick < now)
            snprintf(j->error, sizeof(j->error), "replay ran past tick %llu, to %llu",
                     (unsigned long long)record.tick, (unsigned long long)now);
        else
            run_record(j, &record);
        j->at += !j->ended;
    }
    if (j->past && now >= j->end)
        set_past(j, false);
}

void journal_run(struct journal *j)
{
    if (j->mode == JOURNAL_REPLAY || j->past)
        run_known(j);
    if (j->mode != JOURNAL_REPLAY && !j->past)
        run_live(j);
}

/* ---- going back ---- */

void journal_keep(struct journal *j)
{
    if (j->mode == JOURNAL_REPLAY || j->keep)
        return;
    if (j->mode == JOURNAL_RECORD)
        j->kept_from = (struct file_place){ftell(j->file), j->file_hash};
    j->keep = true;
}

void journal_forget(struct journal *j)
{
    if (j->past)
        journal_fork(j);
    j->keep = false;
    if (j->mode != JOURNAL_REPLAY) {
        log_cut(&j->log, 0);
        j->at = 0;
    }
}

size_t journal_place(const struct journal *j)
{
    return j->at;
}

void journal_go_back(struct journal *j, size_t place)
{
    CHECK(j->mode == JOURNAL_REPLAY || j->keep, "nothing is known");
    CHECK(place <= j->log.count, "place %zu", place);
    if (!j->past)
        j->end = clock_ticks(j->clk);
    j->at = place;
    j->ended = false;
    if (j->mode != JOURNAL_REPLAY)
        set_past(j, true);
}

bool journal_is_past(const struct journal *j)
{
    return j->past;
}

u64 journal_known_end(const struct journal *j)
{
    if (j->mode == JOURNAL_REPLAY)
        return j->log.record[j->log.count - 1].tick;
    return j->past ? j->end : clock_ticks(j->clk);
}

size_t journal_known(const struct journal *j)
{
    return j->log.count;
}

/* The file as it was at this tick. */
static void rewrite_file(struct journal *j)
{
    u64 now = clock_ticks(j->clk);

    if (fflush(j->file) || ftruncate(fileno(j->file), j->kept_from.offset) ||
        fseek(j->file, j->kept_from.offset, SEEK_SET))
        snprintf(j->error, sizeof(j->error), "cannot write the journal: %s", strerror(errno));
    j->file_hash = j->kept_from.hash;
    for (size_t i = 0; i < j->log.count; i++)
        put_record(j, &j->log.record[i]);
    while (j->check_ticks && j->next_check > now + j->check_ticks)
        j->next_check -= j->check_ticks;
}

void journal_fork(struct journal *j)
{
    if (j->mode != JOURNAL_REPLAY && !j->past)
        return;
    log_cut(&j->log, j->at);
    if (j->mode == JOURNAL_RECORD)
        rewrite_file(j);
    else
        j->mode = JOURNAL_LIVE;
    j->keep = true;
    j->ended = false;
    set_past(j, false);
}

u64 journal_tick(const struct journal *j)
{
    return clock_ticks(j->clk);
}
