/* Deltas of disks: a hash table of chunks by (disk, number), open addressing. A chunk of zeros has
 * no memory of its own, so that what is discarded or first written costs little. The disks must
 * stay open (blk_hold()) for as long as a delta speaks of them. */
#include "devices/core/blk_delta.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define CHUNK         4096u
#define CHUNK_SECTORS (CHUNK / BLK_SECTOR)

struct chunk {
    struct blk *blk; /* NULL: a free place of the table */
    u64 number;
    u8 *data; /* NULL: zeros */
};

struct blk_delta {
    struct chunk *table;
    size_t used, room; /* room: a power of two, or 0 */
    u64 bytes;         /* of data */
    bool failed;
};

struct blk_delta *blk_delta_new(void)
{
    struct blk_delta *d = calloc(1, sizeof(*d));
    CHECK(d, "out of memory");
    return d;
}

static void clear(struct blk_delta *d)
{
    for (size_t i = 0; i < d->room; i++)
        free(d->table[i].data);
    free(d->table);
    *d = (struct blk_delta){.failed = d->failed};
}

void blk_delta_free(struct blk_delta *d)
{
    if (!d)
        return;
    clear(d);
    free(d);
}

/* The chunk's place in the table, or the free one where it would be. */
static struct chunk *find(const struct blk_delta *d, const struct blk *b, u64 number)
{
    u64 h = (number ^ (u64)(uintptr_t)b << 20) * 0x9e3779b97f4a7c15ull;
    size_t i = (size_t)(h >> 20) & (d->room - 1);

    while (d->table[i].blk && (d->table[i].blk != b || d->table[i].number != number))
        i = (i + 1) & (d->room - 1);
    return &d->table[i];
}

static void grow(struct blk_delta *d)
{
    struct blk_delta old = *d;

    d->room = old.room ? old.room * 2 : 64;
    d->table = calloc(d->room, sizeof(*d->table));
    CHECK(d->table, "out of memory");
    for (size_t i = 0; i < old.room; i++) {
        const struct chunk *c = &old.table[i];
        if (c->blk)
            *find(d, c->blk, c->number) = *c;
    }
    free(old.table);
}

static bool has(const struct blk_delta *d, const struct blk *b, u64 number)
{
    return d->room && find(d, b, number)->blk;
}

/* Takes data over. */
static void add(struct blk_delta *d, struct blk *b, u64 number, u8 *data)
{
    if (d->used * 4 >= d->room * 3)
        grow(d);
    *find(d, b, number) = (struct chunk){b, number, data};
    d->used++;
    d->bytes += data ? CHUNK : 0;
}

/* Sectors of a chunk; the disk's last one may be shorter. */
static u32 chunk_sectors(const struct blk *b, u64 number)
{
    u64 left = blk_sectors(b) - number * CHUNK_SECTORS;
    return left < CHUNK_SECTORS ? (u32)left : CHUNK_SECTORS;
}

static const u8 zeros[CHUNK];

/* What the disk now has in a chunk: false if it cannot be read; *data NULL: zeros. */
static bool read_chunk(struct blk *b, u64 number, u8 **data)
{
    u32 n = chunk_sectors(b, number);

    *data = NULL;
    if (blk_is_hole(b, number * CHUNK_SECTORS, n))
        return true;
    *data = calloc(1, CHUNK);
    CHECK(*data, "out of memory");
    if (!blk_read(b, number * CHUNK_SECTORS, *data, n)) {
        free(*data);
        *data = NULL;
        return false;
    }
    if (!memcmp(*data, zeros, CHUNK)) {
        free(*data);
        *data = NULL;
    }
    return true;
}

void blk_delta_note(struct blk_delta *d, struct blk *b, u64 sector, u32 count)
{
    u64 last = (sector + count - 1) / CHUNK_SECTORS;

    for (u64 number = sector / CHUNK_SECTORS; count && number <= last; number++) {
        u8 *data;
        if (has(d, b, number))
            continue;
        d->failed |= !read_chunk(b, number, &data);
        add(d, b, number, data);
    }
}

bool blk_delta_exchange(struct blk_delta *d)
{
    for (size_t i = 0; d && i < d->room; i++) {
        struct chunk *c = &d->table[i];
        u8 *now;
        if (!c->blk)
            continue;
        d->failed |= !read_chunk(c->blk, c->number, &now);
        d->failed |= !blk_put(c->blk, c->number * CHUNK_SECTORS, c->data ? c->data : zeros,
                              chunk_sectors(c->blk, c->number));
        d->bytes += now ? CHUNK : 0;
        d->bytes -= c->data ? CHUNK : 0;
        free(c->data);
        c->data = now;
    }
    return !d || !d->failed;
}

void blk_delta_merge(struct blk_delta *into, struct blk_delta *from)
{
    for (size_t i = 0; i < from->room; i++) {
        struct chunk *c = &from->table[i];
        if (!c->blk || has(into, c->blk, c->number))
            continue;
        add(into, c->blk, c->number, c->data);
        c->data = NULL;
    }
    into->failed |= from->failed;
    clear(from);
}

u64 blk_delta_bytes(const struct blk_delta *d)
{
    return d ? d->bytes + d->room * sizeof(*d->table) + sizeof(*d) : 0;
}
