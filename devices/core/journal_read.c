/* Reading a journal: the whole file is in memory and checked before the first instruction, so that
 * nothing of a bad one reaches the guest. Its records point into it. */
#include "devices/core/journal_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

/* Bytes being read, from `at` to `end`. */
struct reader {
    const u8 *at, *end;
    bool failed; /* ran beyond the end: values read since are 0 */
};

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
    record->own = false;
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

/* All records, into the log. */
static bool read_records(struct journal *j, struct reader r, const u8 *image, const char *path,
                         char *err, size_t err_size)
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
        log_add(&j->log, &record, false);
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
              read_records(j, *r, j->image, path, err, err_size);
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
        log_cut(&j->log, 0);
        return false;
    }
    j->mode = JOURNAL_REPLAY;
    j->at = 0;
    return true;
}
