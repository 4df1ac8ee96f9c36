/* The journal's inside, shared by journal.c and journal_read.c. */
#ifndef DEVICES_CORE_JOURNAL_INTERNAL_H
#define DEVICES_CORE_JOURNAL_INTERNAL_H

#include <pthread.h>
#include <stdio.h>

#include "base/hash.h"
#include "devices/core/journal.h"

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

struct record {
    u64 tick;
    u32 channel;
    u32 len;
    const u8 *data;
    bool own; /* data is malloc'ed */
};

/* What is known of a run: records in order. */
struct log {
    struct record *record;
    size_t count, room;
};

/* Where a file was and what had been hashed of it. */
struct file_place {
    long offset;
    struct hash hash;
};

struct journal {
    struct clock *clk;
    struct journal_hooks hooks;
    enum journal_mode mode;
    struct channel channels[JOURNAL_MAX_CHANNELS];
    int channel_count;
    char error[256]; /* empty: none */

    pthread_mutex_t lock; /* guards first, last and past */
    struct pending *first, *last;

    FILE *file; /* record */
    struct hash file_hash;
    u64 check_ticks, next_check;

    bool keep;      /* what is delivered goes into the log */
    struct log log; /* replay: the whole file */
    size_t at;      /* the record to be delivered next */
    bool past;      /* live, record: `at` is not the end, or the tick is before `end` */
    u64 end;        /* past: where the known ends */
    struct file_place kept_from; /* record: of the log's first record */

    u8 *image; /* replay: the file */
    bool ended;
    size_t compared; /* hashes of the records before this one have been compared */
};

/* Appends a record, whose data are copied if `own`. */
void log_add(struct log *log, const struct record *record, bool own);
/* Forgets those from n on. */
void log_cut(struct log *log, size_t n);

#endif
