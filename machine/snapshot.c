/* Snapshots in memory. The machine keeps the tables of its present: a page that phys has marked as
 * clean equals the one in there, so a snapshot is a copy of tables after those of written pages
 * were renewed, and restoring looks only at what differs in the tables or was written. The present
 * goes when the last snapshot does. */
#include "machine/snapshot_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "machine/state.h"

/* -- images -- */

bool image_init(struct orrery *o, struct image *im, u64 *used)
{
    *im = (struct image){.areas = phys_areas(o->phys)};
    for (unsigned i = 0; i < im->areas; i++)
        if (!pages_init(&im->area[i], phys_area(o->phys, i)->size >> PAGE_BITS, used))
            return false;
    return true;
}

void image_free(struct image *im)
{
    for (unsigned i = 0; i < im->areas; i++)
        pages_free(&im->area[i]);
    pages_free(&im->state);
    *im = (struct image){0};
}

static bool image_copy(struct image *im, const struct image *from)
{
    *im = (struct image){.areas = from->areas, .state_len = from->state_len};
    for (unsigned i = 0; i < im->areas; i++)
        if (!pages_copy(&im->area[i], &from->area[i]))
            return false;
    return pages_copy(&im->state, &from->state);
}

/* -- the present -- */

static struct present *present_of(struct orrery *o)
{
    struct present *p = o->present;

    if (p)
        return p;
    p = calloc(1, sizeof(*p));
    if (p && !image_init(o, &p->image, &p->used)) {
        image_free(&p->image);
        free(p);
        p = NULL;
    }
    o->present = p;
    return p;
}

static void forget_present(struct orrery *o)
{
    struct present *p = o->present;

    if (!p || p->snapshots)
        return;
    for (unsigned i = 0; i < p->image.areas; i++) {
        const struct phys_area *a = phys_area(o->phys, i);
        for (u64 n = 0; n < a->size >> PAGE_BITS; n++)
            a->clean[n] &= (u8)~PHYS_KEPT;
    }
    image_free(&p->image);
    free(p);
    o->present = NULL;
}

/* The first page from n on that was written to, or the area's end. */
static u64 next_written(const struct phys_area *a, u64 n, u64 end)
{
    while (n < end && (a->clean[n] & PHYS_KEPT))
        n++;
    return n;
}

static bool renew_area(const struct phys_area *a, struct pages *t)
{
    for (u64 n = 0; (n = next_written(a, n, t->count)) < t->count; n++) {
        if (!pages_put(t, n, a->mem + (n << PAGE_BITS)))
            return false;
        a->clean[n] |= PHYS_KEPT;
    }
    return true;
}

/* Pages of state that stand as they were stay shared. */
bool image_set_state(struct image *im, const u8 *data, size_t len, u64 *used)
{
    struct pages next;
    u64 count = (len + PAGE_MASK) >> PAGE_BITS;

    if (!pages_init(&next, count, used))
        return false;
    for (u64 i = 0; i < pages_chunks(&next); i++)
        if (i < pages_chunks(&im->state) && next.count == im->state.count)
            pages_take_chunk(&next, i, &im->state);
    for (u64 n = 0; n < count; n++) {
        u8 page[PAGE_SIZE] = {0};
        const u8 *was = pages_get(&next, n);
        size_t part = len - (n << PAGE_BITS);

        memcpy(page, data + (n << PAGE_BITS), part < PAGE_SIZE ? part : PAGE_SIZE);
        if (was && !memcmp(was, page, PAGE_SIZE))
            continue;
        if (!pages_put(&next, n, page)) {
            pages_free(&next);
            return false;
        }
    }
    pages_free(&im->state);
    im->state = next;
    im->state_len = len;
    return true;
}

static bool renew(struct orrery *o, struct present *p)
{
    struct pack state = {0};
    bool ok;

    state_save(o, &state);
    ok = !state.failed && image_set_state(&p->image, state.data, state.len, &p->used);
    free(state.data);
    for (unsigned i = 0; ok && i < p->image.areas; i++)
        ok = renew_area(phys_area(o->phys, i), &p->image.area[i]);
    return ok;
}

struct snapshot *snapshot_new(struct orrery *o)
{
    struct present *p = present_of(o);
    struct snapshot *s = p ? calloc(1, sizeof(*s)) : NULL;

    if (!s) {
        forget_present(o);
        return NULL;
    }
    s->machine = o;
    s->tick = clock_ticks(&o->clock);
    p->snapshots++;
    return s;
}

struct snapshot *snapshot_take(struct orrery *o)
{
    struct snapshot *s = snapshot_new(o);

    if (s && renew(o, o->present) && image_copy(&s->image, &o->present->image))
        return s;
    snapshot_free(s);
    return NULL;
}

void snapshot_free(struct snapshot *s)
{
    if (!s)
        return;
    image_free(&s->image);
    s->machine->present->snapshots--;
    forget_present(s->machine);
    free(s);
}

/* -- restoring -- */

static void restore_chunk(struct orrery *o, unsigned area, u64 chunk, const struct pages *to)
{
    const struct phys_area *a = phys_area(o->phys, area);
    struct pages *now = &o->present->image.area[area];
    u64 first = chunk * CHUNK_PAGES, end = first + CHUNK_PAGES;

    end = end < to->count ? end : to->count;
    for (u64 n = first; n < end; n++) {
        const u8 *data = pages_get(to, n);
        if ((a->clean[n] & PHYS_KEPT) && data == pages_get(now, n))
            continue;
        phys_area_replace(o->phys, area, n, data);
        a->clean[n] |= PHYS_KEPT;
    }
    pages_take_chunk(now, chunk, to);
}

static void restore_area(struct orrery *o, unsigned area, const struct pages *to)
{
    const struct phys_area *a = phys_area(o->phys, area);
    const struct pages *now = &o->present->image.area[area];

    for (u64 i = 0; i < pages_chunks(to); i++) {
        u64 first = i * CHUNK_PAGES, end = first + CHUNK_PAGES;
        end = end < to->count ? end : to->count;
        if (to->chunk[i] != now->chunk[i] || next_written(a, first, end) < end)
            restore_chunk(o, area, i, to);
    }
}

u8 *image_state(const struct image *im)
{
    u8 *data = calloc(im->state.count + 1, PAGE_SIZE);

    CHECK(data, "no memory for a machine's state");
    for (u64 n = 0; n < im->state.count; n++) {
        const u8 *page = pages_get(&im->state, n);
        if (page)
            memcpy(data + (n << PAGE_BITS), page, PAGE_SIZE);
    }
    return data;
}

void snapshot_restore(struct orrery *o, const struct snapshot *s)
{
    u8 *state = image_state(&s->image);

    CHECK(s->machine == o && s->image.areas == phys_areas(o->phys), "another machine's snapshot");
    for (unsigned i = 0; i < s->image.areas; i++)
        restore_area(o, i, &s->image.area[i]);
    state_load(o, state, s->image.state_len);
    sound_seek(o);
    free(state);
}

/* -- asking -- */

u64 snapshot_bytes(const struct snapshot *s)
{
    u64 bytes = sizeof(*s) + pages_own_bytes(&s->image.state);

    for (unsigned i = 0; i < s->image.areas; i++)
        bytes += pages_own_bytes(&s->image.area[i]);
    return bytes;
}

u64 snapshot_all_bytes(const struct orrery *o)
{
    return o->present ? o->present->used : 0;
}

u64 snapshot_tick(const struct snapshot *s)
{
    return s->tick;
}
