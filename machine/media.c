/* Changing media from outside. The drives are found by the names that the board knows them by; the
 * change itself goes through the journal (devices/core/medium.h). */
#include "machine/machine.h"

#include "devices/core/medium.h"

static struct medium *find(struct orrery *o, const char *drive, char *err, size_t err_size)
{
    struct medium *m = bus_find_object(o->bus, MEDIUM_KIND, drive);
    if (!m)
        snprintf(err, err_size, "there is no drive '%s' with removable media", drive);
    return m;
}

bool orrery_eject(struct orrery *o, const char *drive, bool force, char *err, size_t err_size)
{
    struct medium *m = find(o, drive, err, err_size);
    return m && medium_eject(m, force, err, err_size);
}

bool orrery_change(struct orrery *o, const char *drive, const char *file, bool force, char *err,
                   size_t err_size)
{
    struct medium *m = find(o, drive, err, err_size);
    return m && medium_change(m, file, force, err, err_size);
}
