/* Disks that -device options name (drive=ID): the machine opens them, a controller attaches to
 * each. */
#include "machine/machine.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "devices/board_pc.h"

unsigned machine_drive_mode(const struct orrery_drive *d)
{
    unsigned mode = d->readonly ? BLK_READONLY : d->snapshot ? BLK_SNAPSHOT : BLK_WRITABLE;
    return d->raw ? mode | BLK_RAW : mode;
}

bool disks_build(struct orrery *o, const struct orrery_config *c, char *err, size_t err_size)
{
    unsigned n = 0;

    for (const struct orrery_drive *d = c->disks; d && d->file; d++, n++) {
        if (n == ORRERY_DISKS || bus_find_object(o->bus, BLK_KIND, d->name)) {
            snprintf(err, err_size, "drive '%s': %s", d->name,
                     n == ORRERY_DISKS ? "too many of them" : "the name is taken");
            return false;
        }
        o->disk[n].blk = blk_open(d->file, machine_drive_mode(d), err, err_size);
        if (!o->disk[n].blk)
            return false;
        o->disk[n].name = strdup(d->name);
        CHECK(o->disk[n].name, "out of memory");
        bus_add_object(o->bus, BLK_KIND, o->disk[n].name, o->disk[n].blk);
    }
    return true;
}

void disks_describe(const struct orrery *o, const struct orrery_config *c, FILE *out)
{
    for (unsigned n = 0; n < ORRERY_DISKS && o->disk[n].blk; n++)
        fprintf(out, "disk %s=%s%s size %llu\n", o->disk[n].name, c->disks[n].file,
                c->disks[n].readonly ? " readonly" : "",
                (unsigned long long)blk_sectors(o->disk[n].blk) * BLK_SECTOR);
}

void machine_each_disk(struct orrery *o, void (*fn)(void *opaque, struct blk *b), void *opaque)
{
    for (unsigned n = 0; n < 4; n++)
        if (board_pc_disk(o->bus, n))
            fn(opaque, board_pc_disk(o->bus, n));
    for (unsigned n = 0; n < 2; n++)
        if (board_pc_floppy(o->bus, n))
            fn(opaque, board_pc_floppy(o->bus, n));
    for (unsigned n = 0; n < ORRERY_DISKS && o->disk[n].blk; n++)
        fn(opaque, o->disk[n].blk);
}

void disks_free(struct orrery *o)
{
    for (unsigned n = 0; n < ORRERY_DISKS; n++) {
        blk_close(o->disk[n].blk);
        free(o->disk[n].name);
    }
}
