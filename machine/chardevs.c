/* Character devices that -device options name (chardev=ID): the host's ends of ports that are no
 * serial port of the board. The frontend numbers them as it lists them in the configuration. */
#include "machine/machine.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

bool chardevs_build(struct orrery *o, const struct orrery_config *c, char *err, size_t err_size)
{
    unsigned n = 0;

    for (const struct orrery_chardev *chr = c->chardevs; chr && chr->id; chr++, n++) {
        if (n == ORRERY_CHARDEVS || bus_find_object(o->bus, CHARDEV_KIND, chr->id)) {
            snprintf(err, err_size, "chardev '%s': %s", chr->id,
                     n == ORRERY_CHARDEVS ? "too many of them" : "the name is taken");
            return false;
        }
        o->chardev[n].name = strdup(chr->id);
        CHECK(o->chardev[n].name, "out of memory");
        outlet_chardev(o, &o->chardev[n].end, &o->chardev[n].out, &chr->sink);
        bus_add_object(o->bus, CHARDEV_KIND, o->chardev[n].name, &o->chardev[n].end);
    }
    return true;
}

void chardevs_describe(const struct orrery *o, FILE *out)
{
    for (unsigned n = 0; n < ORRERY_CHARDEVS && o->chardev[n].name; n++)
        fprintf(out, "chardev=%s\n", o->chardev[n].name);
}

void chardevs_free(struct orrery *o)
{
    for (unsigned n = 0; n < ORRERY_CHARDEVS; n++)
        free(o->chardev[n].name);
}

void orrery_chardev_input(struct orrery *o, unsigned n, const void *data, size_t len)
{
    if (n < ORRERY_CHARDEVS && o->chardev[n].end.journal)
        chardev_input(&o->chardev[n].end, data, len);
}

size_t orrery_chardev_room(const struct orrery *o, unsigned n)
{
    return n < ORRERY_CHARDEVS && o->chardev[n].end.ring ? chardev_room(&o->chardev[n].end) : 0;
}
