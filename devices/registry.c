/* The table of all device types. Linking this file links every device in. */
#include <string.h>

#include "devices/core/dev.h"

const struct dev_type *const dev_types[] = {
#define DEV(x) &dev_##x,
#include "devices/devices.def"
#undef DEV
    NULL,
};

const struct dev_type *dev_type_find(const char *name)
{
    for (const struct dev_type *const *type = dev_types; *type; type++) {
        if (!strcmp((*type)->name, name))
            return *type;
    }
    return NULL;
}
