/* The input journal. Live and recording, input waits in a queue (the only part that other threads
 * touch) until the machine reaches an instruction boundary; replaying, the whole file is in memory,
 * checked before the first instruction, and a cursor walks its records. */
#include "devices/core/journal.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "devices/core/clock.h"

#define MAGIC     "ORRERYJ\n"
#define MAGIC_LEN 8
#define VERSION   1u
#define MAX_INPUT (1u << 20)

struct channel {
    char *name;
    void (*sink)(void *opaque, const void *data, size_t len);
    void *opaque;
};

struct pending {
    struct pending *next;
    int channel;
    u32 len;
    u8 data[];
};

/* Bytes being read, from `at` to `end`. */
struct reader {
    const u8 *at, *end;
    bool failed; /* ran beyond the end: values read since are 0 */
};

struct record {
    u64 tick;
    u32 channel;
    u32 len;
    const u8 *data;
};

struct journal {
    struct clock *clk;
    struct journal_hooks hooks;
    enum journal_mode mode;
    struct channel channels[JOURNAL_MAX_CHANNELS];
    int channel_count;
    char error[256]; /* empty: none */

    pthread_mutex_t lock; /* guards first and last */
    struct pending *first, *last;

    FILE *file; /* record */
    struct hash file_hash;
    u64 check_ticks, next_check;

    u8 *image; /* replay: the file */
    struct reader records;
    struct record cursor; /* the record to be delivered next */
    bool ended;
};

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

static void put_record_header(struct journal *j, u64 tick, u32 channel, u32 len)
{
    put_uint(j, tick, 8);
    put_uint(j, channel, 4);
    put_uint(j, len, 4);
}

static void put_state(struct journal *j, u32 channel)
{
    put_record_header(j, clock_ticks(j->clk), channel, 8);
    put_uint(j, state_hash(j), 8);
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
    put_state(j, JOURNAL_END);
    put_uint(j, hash_value(&j->file_hash), 8);
    if (fclose(j->file) && !j->error[0])
        snprintf(j->error, sizeof(j->error), "cannot write the journal: %s", strerror(errno));
    j->file = NULL;
    j->mode = JOURNAL_LIVE;
    return !j->error[0];
}

/* ---- reading ---- */

static const u8 *get(struct reader *r, size_t len)
{
    const u8 *p = r->at;
    if (r->failed || (size_t)(r->end - r->at) < len) {
        r->failed = true;
        return NULL;
    }
    r->at += len;
    return p;
}

static u64 get_uint(struct reader *r, unsigned size)
{
    const u8 *p = get(r, size);
    u64 value = 0;
    for (unsigned i = 0; p && i < size; i++)
        value |= (u64)p[i] << (8 * i);
    return value;
}

/* A length and that many bytes, as a new string; NULL if it does not fit. */
static char *get_text(struct reader *r)
{
    size_t len = get_uint(r, 4);
    const u8 *p = get(r, len);
    return p ? strndup((const char *)p, len) : NULL;
}

static bool get_record(struct reader *r, struct record *record)
{
    record->tick = get_uint(r, 8);
    record->channel = (u32)get_uint(r, 4);
    record->len = (u32)get_uint(r, 4);
    record->data = get(r, record->len);
    return !r->failed;
}

static u8 *read_file(const char *path, size_t *size, char *err, size_t err_size)
{
    FILE *file = fopen(path, "rb");
    u8 *data = NULL;
    size_t room = 0;

    if (!file) {
        snprintf(err, err_size, "%s: %s", path, strerror(errno));
        return NULL;
    }
    *size = 0;
    do {
        if (*size == room) {
            room = room ? room * 2 : 65536;
            data = realloc(data, room);
            CHECK(data, "out of memory");
        }
        *size += fread(data + *size, 1, room - *size, file);
    } while (!feof(file) && !ferror(file));
    if (ferror(file)) {
        snprintf(err, err_size, "%s: %s", path, strerror(errno));
        free(data);
        data = NULL;
    }
    fclose(file);
    return data;
}

/* Reads up to the configuration: malloc'ed text, or NULL and err. */
static char *open_header(struct reader *r, const char *path, char *err, size_t err_size)
{
    const u8 *magic = get(r, MAGIC_LEN);
    u32 version;
    char *config;

    if (!magic || memcmp(magic, MAGIC, MAGIC_LEN)) {
        snprintf(err, err_size, "%s: not an Orrery input journal", path);
        return NULL;
    }
    version = (u32)get_uint(r, 4);
    if (!r->failed && version != VERSION) {
        snprintf(err, err_size, "%s: journal version %u, this Orrery reads version %u", path,
                 version, VERSION);
        return NULL;
    }
    config = get_text(r);
    if (!config)
        snprintf(err, err_size, "%s: the journal is cut off in its header", path);
    return config;
}

char *journal_read_config(const char *path, char *err, size_t err_size)
{
    size_t size;
    u8 *image = read_file(path, &size, err, err_size);
    char *config;

    if (!image)
        return NULL;
    struct reader r = {image, image + size, false};
    config = open_header(&r, path, err, err_size);
    free(image);
    return config;
}

/* Length of the line at text. */
static int line_len(const char *text)
{
    return (int)strcspn(text, "\n");
}

/* Compares line by line, so that the message can show the line that differs. */
static bool same_config(const char *path, const char *was, const char *is, char *err,
                        size_t err_size)
{
    while (*was || *is) {
        int a = line_len(was), b = line_len(is);
        if (a != b || memcmp(was, is, (size_t)a)) {
            snprintf(err, err_size,
                     "%s: the journal belongs to another machine: it has '%.*s', this one '%.*s'",
                     path, a, was, b, is);
            return false;
        }
        was += was[a] ? a + 1 : a;
        is += is[b] ? b + 1 : b;
    }
    return true;
}

static bool same_channels(struct journal *j, struct reader *r, const char *path, char *err,
                          size_t err_size)
{
    u32 count = (u32)get_uint(r, 4);

    for (u32 i = 0; i < count && !r->failed; i++) {
        const char *mine = i < (u32)j->channel_count ? j->channels[i].name : "nothing";
        char *name = get_text(r);
        bool same = name && !strcmp(name, mine);
        if (name && !same)
            snprintf(err, err_size, "%s: input channel %u is '%s' in the journal, '%s' here", path,
                     i, name, mine);
        free(name);
        if (name && !same)
            return false;
    }
    if (r->failed) {
        snprintf(err, err_size, "%s: the journal is cut off in its header", path);
        return false;
    }
    if (count != (u32)j->channel_count) {
        snprintf(err, err_size, "%s: this machine has the input channel '%s', the journal has not",
                 path, j->channels[count].name);
        return false;
    }
    return true;
}

static bool record_is_sane(const struct journal *j, const struct record *record, u64 last_tick)
{
    if (record->tick < last_tick)
        return false;
    if (record->channel == JOURNAL_CHECK || record->channel == JOURNAL_END)
        return record->len == 8;
    return record->channel < (u32)j->channel_count && record->len <= MAX_INPUT;
}

/* Walks all records once: nothing of a bad file may reach the guest. */
static bool check_records(const struct journal *j, struct reader r, const u8 *image,
                          const char *path, char *err, size_t err_size)
{
    struct record record = {0};
    struct hash h;
    const u8 *end;

    for (u64 n = 0, last = 0; record.channel != JOURNAL_END; n++, last = record.tick) {
        if (!get_record(&r, &record)) {
            snprintf(err, err_size, "%s: the journal is cut off after %llu records (no end record)",
                     path, (unsigned long long)n);
            return false;
        }
        if (!record_is_sane(j, &record, last)) {
            snprintf(err, err_size, "%s: the journal is damaged at record %llu", path,
                     (unsigned long long)n);
            return false;
        }
    }
    end = r.at;
    hash_init(&h);
    hash_bytes(&h, image, (size_t)(end - image));
    if (get_uint(&r, 8) != hash_value(&h) || r.failed || r.at != r.end) {
        snprintf(err, err_size, "%s: the journal is damaged (its checksum does not match)", path);
        return false;
    }
    return true;
}

static bool open_replay(struct journal *j, struct reader *r, const char *path, const char *config,
                        char *err, size_t err_size)
{
    char *recorded = open_header(r, path, err, err_size);
    bool ok = recorded && same_config(path, recorded, config, err, err_size) &&
              same_channels(j, r, path, err, err_size) &&
              check_records(j, *r, j->image, path, err, err_size);
    free(recorded);
    return ok;
}

bool journal_replay(struct journal *j, const char *path, const char *config, char *err,
                    size_t err_size)
{
    size_t size;

    CHECK(j->mode == JOURNAL_LIVE, "the journal is in use");
    j->image = read_file(path, &size, err, err_size);
    if (!j->image)
        return false;
    struct reader r = {j->image, j->image + size, false};
    if (!open_replay(j, &r, path, config, err, err_size)) {
        free(j->image);
        j->image = NULL;
        return false;
    }
    j->mode = JOURNAL_REPLAY;
    j->records = r;
    get_record(&j->records, &j->cursor);
    return true;
}

/* ---- running ---- */

void journal_input(struct journal *j, int channel, const void *data, size_t len)
{
    struct pending *p;

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
    if (j->first)
        j->last->next = p;
    else
        j->first = p;
    j->last = p;
    pthread_mutex_unlock(&j->lock);
    if (j->hooks.kick)
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
    if (j->mode == JOURNAL_REPLAY)
        return j->ended || j->error[0] ? CLOCK_NEVER : j->cursor.tick;
    if (has_pending(j))
        return clock_ticks(j->clk);
    return j->mode == JOURNAL_RECORD ? j->next_check : CLOCK_NEVER;
}

static void run_live(struct journal *j)
{
    u64 now = clock_ticks(j->clk);

    if (j->mode == JOURNAL_RECORD && now >= j->next_check) {
        put_state(j, JOURNAL_CHECK);
        while (j->next_check <= now)
            j->next_check += j->check_ticks;
    }
    for (struct pending *p = take_pending(j), *next; p; p = next) {
        const struct channel *c = &j->channels[p->channel];
        next = p->next;
        if (j->mode == JOURNAL_RECORD) {
            put_record_header(j, now, (u32)p->channel, p->len);
            put(j, p->data, p->len);
        }
        c->sink(c->opaque, p->data, p->len);
        free(p);
    }
}

static void compare_state(struct journal *j, const struct record *record)
{
    struct reader r = {record->data, record->data + 8, false};
    u64 was = get_uint(&r, 8), is = state_hash(j);

    if (was != is)
        snprintf(j->error, sizeof(j->error),
                 "replay differs at tick %llu: state hash %016llx, recorded %016llx",
                 (unsigned long long)record->tick, (unsigned long long)is, (unsigned long long)was);
}

static void run_replay(struct journal *j)
{
    u64 now = clock_ticks(j->clk);

    while (!j->ended && !j->error[0] && j->cursor.tick <= now) {
        const struct record *record = &j->cursor;
        if (record->tick < now) {
            snprintf(j->error, sizeof(j->error), "replay ran past tick %llu, to %llu",
                     (unsigned long long)record->tick, (unsigned long long)now);
        } else if (record->channel == JOURNAL_END) {
            compare_state(j, record);
            j->ended = true;
        } else if (record->channel == JOURNAL_CHECK) {
            compare_state(j, record);
            get_record(&j->records, &j->cursor);
        } else {
            const struct channel *c = &j->channels[record->channel];
            c->sink(c->opaque, record->data, record->len);
            get_record(&j->records, &j->cursor);
        }
    }
}

void journal_run(struct journal *j)
{
    if (j->mode == JOURNAL_REPLAY)
        run_replay(j);
    else
        run_live(j);
}
