/* Changing media through the input journal. A record is one byte, what is done, and for a new
 * medium the path of its image: a replay opens it at the same tick. What is not there any more then
 * is an empty drive, which the next state hash tells apart. */
#include "devices/core/medium.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "devices/core/journal.h"

enum { OP_EJECT = 'e', OP_FORCE = 'f', OP_INSERT = 'i' };

#define MAX_PATH 4096

static void keep(struct medium *m, struct blk *blk)
{
    struct medium_kept *grown;

    if (!blk)
        return;
    grown = realloc(m->kept, (m->kept_count + 1) * sizeof(*m->kept));
    CHECK(grown, "out of memory");
    m->kept = grown;
    m->kept[m->kept_count++] = (struct medium_kept){journal_tick(m->journal), blk};
    blk_hold(blk);
    blk_set_watch(blk, m->watch);
}

/* The image that is put in now. With a history it may have been before: then with all that the
 * guest wrote to its overlay. */
static struct blk *open_medium(struct medium *m, const char *path)
{
    char err[256];
    struct blk *blk;

    for (size_t i = 0; i < m->kept_count; i++) {
        const struct medium_kept *k = &m->kept[i];
        if (k->tick == journal_tick(m->journal) && !strcmp(blk_path(k->blk), path))
            return blk_reuse(k->blk);
    }
    blk = blk_open(path, m->mode, err, sizeof(err));
    if (m->watch)
        keep(m, blk);
    return blk;
}

/* Journal sink. */
static void on_input(void *opaque, const void *data, size_t len)
{
    struct medium *m = opaque;
    const char *record = data;
    char path[MAX_PATH + 1];

    if (!len || len > MAX_PATH)
        return;
    if (record[0] != OP_INSERT) {
        m->ops->eject(m->opaque, record[0] == OP_FORCE);
        return;
    }
    memcpy(path, record + 1, len - 1);
    path[len - 1] = 0;
    if (m->ops->current(m->opaque)) /* so says a file that no machine wrote */
        m->ops->eject(m->opaque, true);
    m->ops->insert(m->opaque, open_medium(m, path));
}

bool medium_name_ok(struct bus *bus, const char *name)
{
    return strlen(name) < MEDIUM_NAME && !bus_find_object(bus, MEDIUM_KIND, name);
}

void medium_init(struct medium *m, struct bus *bus, const char *name, unsigned mode,
                 const struct medium_ops *ops, void *opaque)
{
    char channel[MEDIUM_NAME + 8];

    CHECK(medium_name_ok(bus, name), "drive name '%s'", name);
    snprintf(m->name, sizeof(m->name), "%s", name);
    m->ops = ops;
    m->opaque = opaque;
    m->mode = mode;
    m->journal = bus->journal;
    m->channel = -1;
    bus_add_object(bus, MEDIUM_KIND, m->name, m);
    snprintf(channel, sizeof(channel), "medium %s", name);
    if (m->journal)
        m->channel = journal_add_channel(m->journal, channel, on_input, m);
}

static void input(struct medium *m, char op, const char *path)
{
    char record[MAX_PATH];
    size_t len = 1 + strlen(path);

    CHECK(len <= sizeof(record), "path too long");
    record[0] = op;
    memcpy(record + 1, path, len - 1);
    if (m->journal)
        journal_input(m->journal, m->channel, record, len);
}

bool medium_eject(struct medium *m, bool force, char *err, size_t err_size)
{
    bool held = !force && m->ops->locked(m->opaque);

    input(m, force ? OP_FORCE : OP_EJECT, "");
    if (held)
        snprintf(err, err_size, "drive '%s' is locked by the guest", m->name);
    return !held;
}

/* Whether the image can be opened and is for this drive. What is in the drive may be put in anew.
 */
static bool can_insert(const struct medium *m, const char *path, char *err, size_t err_size)
{
    const struct blk *now = m->ops->current(m->opaque);
    unsigned lock = now && blk_is_file(now, path) ? BLK_UNLOCKED : 0;
    struct blk *blk = blk_open(path, m->mode | lock, err, err_size);
    bool good = blk && (!m->ops->accepts || m->ops->accepts(m->opaque, blk, path, err, err_size));

    blk_close(blk);
    return good;
}

bool medium_change(struct medium *m, const char *path, bool force, char *err, size_t err_size)
{
    if (strlen(path) >= MAX_PATH) {
        snprintf(err, err_size, "drive '%s': the path is too long", m->name);
        return false;
    }
    if (!can_insert(m, path, err, err_size) || !medium_eject(m, force, err, err_size))
        return false;
    input(m, OP_INSERT, path);
    return true;
}

/* ---- going back in time ---- */

static void forget(struct medium *m, size_t i)
{
    blk_set_watch(m->kept[i].blk, NULL);
    blk_release(m->kept[i].blk);
}

struct blk *medium_now(const struct medium *m)
{
    return (struct blk *)(uintptr_t)m->ops->current(m->opaque);
}

void medium_keep(struct medium *m, const struct blk_watch *watch)
{
    for (size_t i = 0; i < m->kept_count; i++)
        forget(m, i);
    free(m->kept);
    m->kept = NULL;
    m->kept_count = 0;
    m->watch = watch;
    if (watch)
        keep(m, medium_now(m));
}

void medium_cut(struct medium *m, u64 tick)
{
    while (m->kept_count && m->kept[m->kept_count - 1].tick > tick)
        forget(m, --m->kept_count);
}

void medium_put(struct medium *m, struct blk *blk)
{
    if (blk != medium_now(m))
        m->ops->put(m->opaque, blk ? blk_reuse(blk) : NULL);
}
