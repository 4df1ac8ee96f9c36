/* Tables of shared pages: two levels, counted references at both, copied when written. */
#include "machine/pages.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

bool pages_init(struct pages *t, u64 count, u64 *used)
{
    *t = (struct pages){.count = count, .used = used};
    t->chunk = calloc(pages_chunks(t) + 1, sizeof(struct chunk *));
    if (!t->chunk)
        t->count = 0;
    return t->chunk;
}

static void drop_page(struct pages *t, struct page *p)
{
    if (!p || --p->refs)
        return;
    *t->used -= sizeof(*p);
    free(p);
}

static void drop_chunk(struct pages *t, struct chunk *c)
{
    if (!c || --c->refs)
        return;
    for (u32 i = 0; i < CHUNK_PAGES; i++)
        drop_page(t, c->page[i]);
    *t->used -= sizeof(*c);
    free(c);
}

void pages_free(struct pages *t)
{
    for (u64 i = 0; t->chunk && i < pages_chunks(t); i++)
        drop_chunk(t, t->chunk[i]);
    free(t->chunk);
    *t = (struct pages){0};
}

bool pages_copy(struct pages *t, const struct pages *from)
{
    if (!pages_init(t, from->count, from->used))
        return false;
    for (u64 i = 0; i < pages_chunks(t); i++) {
        t->chunk[i] = from->chunk[i];
        if (t->chunk[i])
            t->chunk[i]->refs++;
    }
    return true;
}

const u8 *pages_get(const struct pages *t, u64 n)
{
    const struct chunk *c = t->chunk[n / CHUNK_PAGES];
    const struct page *p = c ? c->page[n % CHUNK_PAGES] : NULL;

    return p ? p->data : NULL;
}

/* The chunk, nobody else's. */
static struct chunk *own_chunk(struct pages *t, u64 n)
{
    struct chunk **at = &t->chunk[n], *old = *at, *c;

    if (old && old->refs == 1)
        return old;
    c = malloc(sizeof(*c));
    if (!c)
        return NULL;
    if (old)
        memcpy(c, old, sizeof(*c));
    else
        memset(c, 0, sizeof(*c));
    for (u32 i = 0; i < CHUNK_PAGES; i++)
        if (c->page[i])
            c->page[i]->refs++;
    c->refs = 1;
    *t->used += sizeof(*c);
    drop_chunk(t, old);
    *at = c;
    return c;
}

static bool is_zero(const u8 *data)
{
    return !data[0] && !memcmp(data, data + 1, PAGE_SIZE - 1);
}

bool pages_put(struct pages *t, u64 n, const u8 *data)
{
    struct page *p = NULL;
    struct chunk *c;

    if (is_zero(data)) {
        if (!pages_get(t, n))
            return true;
    } else {
        p = malloc(sizeof(*p));
        if (!p)
            return false;
        p->refs = 1;
        memcpy(p->data, data, PAGE_SIZE);
    }
    c = own_chunk(t, n / CHUNK_PAGES);
    if (!c) {
        free(p);
        return false;
    }
    *t->used += p ? sizeof(*p) : 0;
    drop_page(t, c->page[n % CHUNK_PAGES]);
    c->page[n % CHUNK_PAGES] = p;
    return true;
}

void pages_take_chunk(struct pages *t, u64 n, const struct pages *from)
{
    struct chunk *c = from->chunk[n];

    CHECK(t->count == from->count, "tables of %llu and %llu pages", (unsigned long long)t->count,
          (unsigned long long)from->count);
    if (c)
        c->refs++;
    drop_chunk(t, t->chunk[n]);
    t->chunk[n] = c;
}

u64 pages_own_bytes(const struct pages *t)
{
    u64 bytes = pages_chunks(t) * sizeof(struct chunk *);

    for (u64 i = 0; i < pages_chunks(t); i++) {
        const struct chunk *c = t->chunk[i];
        if (!c || c->refs > 1)
            continue;
        bytes += sizeof(*c);
        for (u32 k = 0; k < CHUNK_PAGES; k++)
            bytes += c->page[k] && c->page[k]->refs == 1 ? sizeof(struct page) : 0;
    }
    return bytes;
}
