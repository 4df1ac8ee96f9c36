/* The drives from outside: what is in them, and changing it. Those with removable media are found
 * by the names that the board knows them by; a change goes through the journal
 * (devices/core/medium.h). */
#include "machine/machine.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

static char *copy(const char *text)
{
    char *c = text ? strdup(text) : NULL;

    CHECK(!text || c, "out of memory");
    return c;
}

/* name: NULL for what the board calls it. */
static void note(struct orrery *o, const struct orrery_drive *d, const char *board_name,
                 bool removable)
{
    struct drive_note *n = &o->drive[o->drives++];

    snprintf(n->name, sizeof(n->name), "%s", d->name ? d->name : board_name);
    n->file = copy(d->file);
    n->removable = removable;
    n->readonly = d->readonly || d->cdrom;
}

void machine_note_drives(struct orrery *o, const struct orrery_config *c)
{
    for (unsigned i = 0; i < ARRAY_LEN(c->ide); i++) {
        const struct orrery_drive *d = &c->ide[i];
        char name[32];

        snprintf(name, sizeof(name), "ide%u-%s%u", i / 2, d->cdrom ? "cd" : "hd", i % 2);
        if (d->file || d->cdrom)
            note(o, d, name, d->cdrom);
    }
    for (unsigned i = 0; i < ARRAY_LEN(c->floppy); i++) {
        char name[32];

        snprintf(name, sizeof(name), "floppy%u", i);
        if (c->floppy[i].floppy)
            note(o, &c->floppy[i], name, true);
    }
}

void machine_forget_drives(struct orrery *o)
{
    for (unsigned i = 0; i < o->drives; i++)
        free(o->drive[i].file);
}

static struct medium *find(struct orrery *o, const char *drive, char *err, size_t err_size)
{
    struct medium *m = bus_find_object(o->bus, MEDIUM_KIND, drive);
    if (!m)
        snprintf(err, err_size, "there is no drive '%s' with removable media", drive);
    return m;
}

/* The drive holds this now, or nothing. */
static void note_file(struct orrery *o, const char *drive, const char *file)
{
    for (unsigned i = 0; i < o->drives; i++) {
        if (strcmp(o->drive[i].name, drive) != 0)
            continue;
        char *now = copy(file);
        free(o->drive[i].file);
        o->drive[i].file = now;
    }
}

static bool may_change(struct orrery *o, char *err, size_t err_size)
{
    if (history_disturb(o))
        return true;
    snprintf(err, err_size, "%s", o->error);
    return false;
}

struct medium *machine_medium(struct orrery *o, unsigned n)
{
    for (unsigned i = 0; i < o->drives; i++)
        if (o->drive[i].removable && !n--)
            return bus_find_object(o->bus, MEDIUM_KIND, o->drive[i].name);
    return NULL;
}

void machine_note_medium(struct orrery *o, const struct medium *m)
{
    const struct blk *now = medium_now(m);

    note_file(o, m->name, now ? blk_path(now) : NULL);
}

bool orrery_eject(struct orrery *o, const char *drive, bool force, char *err, size_t err_size)
{
    struct medium *m = find(o, drive, err, err_size);

    if (!m || !may_change(o, err, err_size) || !medium_eject(m, force, err, err_size))
        return false;
    note_file(o, drive, NULL);
    return true;
}

bool orrery_change(struct orrery *o, const char *drive, const char *file, bool force, char *err,
                   size_t err_size)
{
    struct medium *m = find(o, drive, err, err_size);

    if (!m || !may_change(o, err, err_size) || !medium_change(m, file, force, err, err_size))
        return false;
    note_file(o, drive, file);
    return true;
}

bool orrery_drive_state(const struct orrery *o, unsigned n, struct orrery_drive_state *out)
{
    const struct drive_note *d = &o->drive[n];
    const struct medium *m;

    if (n >= o->drives)
        return false;
    m = d->removable ? bus_find_object(o->bus, MEDIUM_KIND, d->name) : NULL;
    if (m && o->muted) /* it may just have been changed once more */
        machine_note_medium((struct orrery *)(uintptr_t)o, m);
    *out = (struct orrery_drive_state){
        .name = d->name,
        .file = d->file,
        .removable = d->removable,
        .readonly = d->readonly,
        .tray_open = m && m->ops->open && m->ops->open(m->opaque),
        .locked = m && m->ops->locked(m->opaque),
    };
    return true;
}
