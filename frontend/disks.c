/* Drives that are no IDE or floppy drives: those with if=virtio, which get a virtio-blk-pci each,
 * and those with if=none that a -device of the machine names (drive=ID). The machine opens their
 * images under their ids. */
#include "frontend/options.h"

#include <string.h>

bool disks_add_virtio(struct options *o, struct drive *d)
{
    struct disks *all = &o->disks;
    char *text = all->device[all->virtios];

    if (o->ndevices == MAX_DEVICES)
        return complain("-drive: at most %d devices", MAX_DEVICES);
    if (!d->id) {
        snprintf(all->id[all->virtios], sizeof(all->id[0]), "virtio%u", all->virtios);
        d->id = all->id[all->virtios];
    }
    if (strlen(d->id) >= DISK_ID || strchr(d->id, ','))
        return complain("-drive: '%s' is no id for if=virtio: too long, or with a comma", d->id);
    snprintf(text, sizeof(all->device[0]), "virtio-blk-pci,drive=%s", d->id);
    all->virtios++;
    d->media = MEDIA_DISK;
    o->devices[o->ndevices++] = text;
    return true;
}

/* Does a -device option say drive=id? */
static bool names_drive(const char *option, const char *id)
{
    size_t len = strlen(id);

    while ((option = strchr(option, ','))) {
        option++;
        if (!strncmp(option, "drive=", 6) && !strncmp(option + 6, id, len) &&
            (!option[6 + len] || option[6 + len] == ','))
            return true;
    }
    return false;
}

static bool is_named(const struct options *o, const struct drive *d)
{
    for (unsigned i = 0; d->id && i < o->ndevices; i++)
        if (names_drive(o->devices[i], d->id))
            return true;
    return false;
}

bool disks_finish(struct options *o)
{
    unsigned n = 0;

    for (unsigned i = 0; i < o->drives.count; i++) {
        struct drive *d = &o->drives.drive[i];
        if (d->placed || !is_named(o, d))
            continue;
        if (!d->file || d->media == MEDIA_CDROM)
            return complain("-drive: '%s' is no disk with an image, which its -device needs",
                            d->id);
        d->placed = true;
        o->disks.disk[n++] = drives_result(o, d, d->id);
    }
    o->config.disks = o->disks.disk;
    return true;
}
