/* The table of all device types. Linking this file links every device in. */
#include <string.h>

#include "devices/core/dev.h"

const struct dev_type *const dev_types[] = {
#define DEV(x) &dev_##x,
#include "devices/devices.def"
#undef DEV
    NULL,
};

/* Short names of those that QEMU has on other buses, too. */
static const char *full_name(const char *name)
{
    static const char *const aliases[][2] = {
        {"virtio-blk", "virtio-blk-pci"},
        {"virtio-net", "virtio-net-pci"},
        {"virtio-serial", "virtio-serial-pci"},
        {"virtio-rng", "virtio-rng-pci"},
    };

    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
        if (!strcmp(aliases[i][0], name))
            return aliases[i][1];
    return name;
}

const struct dev_type *dev_type_find(const char *name)
{
    name = full_name(name);
    for (const struct dev_type *const *type = dev_types; *type; type++) {
        if (!strcmp((*type)->name, name))
            return *type;
    }
    return NULL;
}
