/* A hash table of texts with counts. Without memory for a new text its count only enters the total.
 */
#include "machine/tally.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

static struct tally_row *slot(struct tally_row *rows, size_t room, const char *key)
{
    struct hash h;
    hash_init(&h);
    hash_bytes(&h, key, strlen(key));
    size_t i = (size_t)hash_value(&h) & (room - 1);
    while (rows[i].key && strcmp(rows[i].key, key))
        i = (i + 1) & (room - 1);
    return &rows[i];
}

static bool grow(struct tally *t)
{
    size_t room = t->room ? 2 * t->room : 256;
    struct tally_row *rows = calloc(room, sizeof(*rows));
    if (!rows)
        return false;
    for (size_t i = 0; i < t->room; i++)
        if (t->rows[i].key)
            *slot(rows, room, t->rows[i].key) = t->rows[i];
    free(t->rows);
    t->rows = rows;
    t->room = room;
    return true;
}

void tally_add(struct tally *t, const char *key, u64 n)
{
    t->total += n;
    if (2 * (t->used + 1) > t->room && !grow(t) && t->used + 1 >= t->room)
        return;
    struct tally_row *row = slot(t->rows, t->room, key);
    if (!row->key) {
        row->key = strdup(key);
        if (!row->key)
            return;
        t->used++;
    }
    row->count += n;
}

void tally_free(struct tally *t)
{
    for (size_t i = 0; i < t->room; i++)
        free(t->rows[i].key);
    free(t->rows);
    *t = (struct tally){0};
}

static int by_key(const void *a, const void *b)
{
    const struct tally_row *x = a, *y = b;
    return strcmp(x->key, y->key);
}

static int by_count(const void *a, const void *b)
{
    const struct tally_row *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return strcmp(x->key, y->key);
}

struct tally_row *tally_sorted(const struct tally *t, bool count_first)
{
    struct tally_row *rows = t->used ? malloc(t->used * sizeof(*rows)) : NULL;
    size_t n = 0;
    if (!rows)
        return NULL;
    for (size_t i = 0; i < t->room; i++)
        if (t->rows[i].key)
            rows[n++] = t->rows[i];
    qsort(rows, n, sizeof(*rows), count_first ? by_count : by_key);
    return rows;
}
