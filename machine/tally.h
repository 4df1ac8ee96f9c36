/* Counts by text: stacks of a profile, functions, categories. */
#ifndef MACHINE_TALLY_H
#define MACHINE_TALLY_H

#include <stdio.h>

#include "base/types.h"

struct tally_row {
    char *key;
    u64 count;
};

struct tally {
    struct tally_row *rows; /* hash table, empty where key is NULL */
    size_t used, room;
    u64 total; /* of all counts, those lost for want of memory too */
};

void tally_add(struct tally *t, const char *key, u64 n);
void tally_free(struct tally *t);

/* The rows sorted: by key, or by count, the greatest first. The array is the caller's to free(),
 * its keys the tally's; NULL: none, or no memory. */
struct tally_row *tally_sorted(const struct tally *t, bool by_count);

#endif
