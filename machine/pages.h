/* Pages of memory at one moment, shared between moments as long as they are equal. A table names
 * pages of zeros by nothing at all. */
#ifndef MACHINE_PAGES_H
#define MACHINE_PAGES_H

#include "base/types.h"

#define CHUNK_PAGES 512u

struct page {
    u32 refs;
    u8 data[PAGE_SIZE];
};

struct chunk {
    u32 refs;
    struct page *page[CHUNK_PAGES]; /* NULL: zeros */
};

struct pages {
    u64 count;
    u64 *used;            /* bytes that this table and those sharing with it have allocated */
    struct chunk **chunk; /* NULL: zeros */
};

/* A table of count pages, all zeros. False: no memory. `used` is counted up and down. */
bool pages_init(struct pages *t, u64 count, u64 *used);
/* The same pages as another table's. False: no memory, and *t is empty. */
bool pages_copy(struct pages *t, const struct pages *from);
void pages_free(struct pages *t); /* zeroed ones, too */

/* The contents of a page; NULL: zeros. */
const u8 *pages_get(const struct pages *t, u64 n);
/* Sets it. False: no memory, and it is as it was. */
bool pages_put(struct pages *t, u64 n, const u8 *data);
/* Takes chunk n of another table of the same size over. */
void pages_take_chunk(struct pages *t, u64 n, const struct pages *from);

static inline u64 pages_chunks(const struct pages *t)
{
    return (t->count + CHUNK_PAGES - 1) / CHUNK_PAGES;
}

/* Bytes that nobody but this table has. */
u64 pages_own_bytes(const struct pages *t);

#endif
