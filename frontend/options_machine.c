/* Options for the machine: memory, board, accelerator, devices. Who says something of QEMU's that
 * Orrery does another way is told so by a warning. */
#include "frontend/handlers.h"

#include <string.h>

#include "frontend/numbers.h"
#include "frontend/props.h"

/* ---- -m ---- */

bool opt_memory(struct options *o, const char *name, const char *arg)
{
    char *rest = (char *)arg, *key, *value;

    (void)name;
    for (bool first = true; next_property(&rest, &key, &value); first = false) {
        bool plain = first && !value;
        if (plain || !strcmp(key, "size")) {
            const char *size = plain ? key : value ? value : "";
            if (!parse_size(size, 1ull << 20, &o->config.ram_bytes) || !o->config.ram_bytes)
                return complain("-m: '%s' is not a memory size", size);
        } else if (strcmp(key, "slots") && strcmp(key, "maxmem")) { /* memory cannot be added */
            return complain("-m: unknown property '%s' (size, slots, maxmem)", key);
        }
    }
    return o->config.ram_bytes || complain("-m: no memory size is given");
}

/* ---- -accel ---- */

#define MAX_CACHE (1024ull << 20)

static bool accel_property(struct options *o, const char *key, const char *value)
{
    if (value && (!strcmp(key, "cache-size") || !strcmp(key, "tb-size"))) {
        if (!parse_size(value, 1ull << 20, &o->config.cache_bytes) ||
            o->config.cache_bytes < (1ull << 20))
            return complain("-accel: %s must be 1 to 1024 MiB", key);
        if (o->config.cache_bytes > MAX_CACHE && !strcmp(key, "cache-size"))
            return complain("-accel: %s must be 1 to 1024 MiB", key);
        if (o->config.cache_bytes > MAX_CACHE) {
            o->config.cache_bytes = MAX_CACHE;
            warn_user("-accel: %s is 1024 MiB, not %s", key, value);
        }
        return true;
    }
    if (value && (!strcmp(key, "thread") || !strcmp(key, "split-wx")))
        return warn_user("-accel: '%s' has no effect: one thread runs the guest", key);
    return complain("-accel: unknown or malformed property '%s' (cache-size=MiB)", key);
}

/* One name, or QEMU's list of alternatives, a:b:c. */
static bool accel_name(struct options *o, const char *name)
{
    static const char *const others[] = {"tcg", "kvm", "hax", "hvf", "whpx", "nvmm", "xen"};
    size_t len = strcspn(name, ":");

    if (!strcmp(name, "jit") || !strcmp(name, "interp")) {
        o->config.accel = name;
        return true;
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (strlen(others[i]) == len && !strncmp(name, others[i], len))
            return warn_user("-accel: there is no '%.*s': Orrery's own translator runs the guest",
                             (int)len, name);
    return complain("-accel: unknown accelerator '%s' (jit, interp)", name);
}

bool opt_accel(struct options *o, const char *name, const char *arg)
{
    char *rest = (char *)arg, *key, *value;

    (void)name;
    o->config.accel = NULL;
    if (!next_property(&rest, &key, &value))
        return complain("-accel: unknown accelerator '' (jit, interp)");
    if (value && strcmp(key, "accel"))
        return complain("-accel: unknown accelerator '%s=%s' (jit, interp)", key, value);
    if (!accel_name(o, value ? value : key))
        return false;
    while (next_property(&rest, &key, &value))
        if (!accel_property(o, key, value))
            return false;
    return true;
}

/* ---- -machine ---- */

static bool machine_type(const char *type)
{
    static const char *const pcs[] = {"pc", "pc-i440fx", "pc-0.", "pc-1."};

    for (size_t i = 0; i < sizeof(pcs) / sizeof(pcs[0]); i++)
        if (!strcmp(type, pcs[i]) || (i && !strncmp(type, pcs[i], strlen(pcs[i]))))
            return true;
    return complain("-machine: '%s' is not supported: there is the PC with a 440FX (pc)", type);
}

/* What the board has for good; another wish is warned of. */
static const struct {
    const char *name, *has;
} fixed[] = {
    {"acpi", "on"},
    {"hpet", "on"},
    {"pit", "on"},
    {"i8042", "on"},
    {"graphics", "on"},
    {"smm", "on"},
    {"usb", "off"},
    {"vmport", "off"},
    {"nvdimm", "off"},
    {"fd-bootchk", NULL},
    {"kernel_irqchip", NULL},
    {"kernel-irqchip", NULL},
    {"mem-merge", NULL},
    {"dump-guest-core", NULL},
    {"suppress-vmdesc", NULL},
    {"smbus", NULL},
    {"sata", NULL},
    {"default-ram-id", NULL},
    {"x-south-bridge", NULL},
};

static bool machine_property(struct options *o, char *key, char *value)
{
    if (!strcmp(key, "type") && value)
        return machine_type(value);
    if (!strcmp(key, "accel") && value)
        return accel_name(o, value);
    if (!strcmp(key, "pcspk-audiodev") && value) {
        o->audio.speaker = value;
        return true;
    }
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        if (strcmp(fixed[i].name, key))
            continue;
        if (!fixed[i].has || (value && strcmp(value, fixed[i].has)))
            warn_user("-machine: '%s%s%s' has no effect", key, value ? "=" : "",
                      value ? value : "");
        return true;
    }
    return complain("-machine: unknown property '%s'", key);
}

bool opt_machine(struct options *o, const char *name, const char *arg)
{
    char *rest = (char *)arg, *key, *value;

    (void)name;
    if (!*arg)
        return machine_type(arg);
    for (bool first = true; next_property(&rest, &key, &value); first = false) {
        if (first && !value && !strcmp(key, "help")) {
            puts("pc    PC with a 440FX and a PIIX (default)");
            return o->done = true;
        }
        if (first && !value ? !machine_type(key) : !machine_property(o, key, value))
            return false;
    }
    return true;
}

/* ---- -smp ---- */

bool opt_smp(struct options *o, const char *name, const char *arg)
{
    static const char *const keys[] = {"cpus",     "cores",   "threads", "sockets", "dies",
                                       "clusters", "modules", "books",   "drawers", "maxcpus"};
    char *rest = (char *)arg, *key, *value;
    uint64_t most = 1, n;

    (void)o;
    (void)name;
    if (!*arg)
        return complain("-smp: '' is not a number of CPUs");
    for (bool first = true; next_property(&rest, &key, &value); first = false) {
        size_t i = 0;
        while (value && i < sizeof(keys) / sizeof(keys[0]) && strcmp(keys[i], key))
            i++;
        if (i == sizeof(keys) / sizeof(keys[0]) || (!value && !first))
            return complain("-smp: unknown property '%s'", key);
        if (!parse_count(value ? value : key, &n) || !n || n > 255)
            return complain("-smp: '%s' is not a number of CPUs", value ? value : key);
        if (strcmp(key, "maxcpus") && n > most)
            most = n;
    }
    return most == 1 || warn_user("-smp: there is one CPU, not %d", (int)most);
}

/* ---- devices ---- */

bool opt_vga(struct options *o, const char *name, const char *arg)
{
    static const char *const others[] = {"cirrus", "vmware", "qxl", "virtio", "xenfb"};

    (void)name;
    o->said_vga = true;
    o->config.no_vga = !strcmp(arg, "none");
    if (o->config.no_vga || !strcmp(arg, "std"))
        return true;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (!strcmp(arg, others[i]))
            return warn_user("-vga: there is no '%s': the guest gets 'std'", arg);
    return complain("-vga: '%s' is not supported (std, none)", arg);
}

static bool begins(const char *text, const char *with)
{
    return !strncmp(text, with, strlen(with));
}

/* Types that a user may add. */
static bool list_devices(struct options *o)
{
    const char *name;

    for (unsigned n = 0; (name = orrery_device_type(n)); n++)
        puts(name);
    puts("ide-hd\nide-cd\nfloppy");
    return o->done = true;
}

/* The display adapters of QEMU: the board has the one that there is. */
static bool is_display(const char *arg)
{
    static const char *const types[] = {"VGA",          "isa-vga", "cirrus-vga", "isa-cirrus-vga",
                                        "vmware-svga",  "qxl-vga", "virtio-vga", "bochs-display",
                                        "secondary-vga"};
    size_t len = strcspn(arg, ",");

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (strlen(types[i]) == len && !strncmp(types[i], arg, len))
            return true;
    return false;
}

static bool add_display(struct options *o, const char *arg)
{
    o->said_vga = true;
    o->config.no_vga = false;
    return !strcmp(arg, "VGA") ||
           warn_user("-device: '%s': the guest gets the VGA of '-vga std'", arg);
}

bool opt_device(struct options *o, const char *name, const char *arg)
{
    static const char *const usb[] = {"usb-",      "piix3-usb", "piix4-usb", "nec-usb",
                                      "qemu-xhci", "ich9-usb",  "pci-ohci",  "ich9-ehci"};

    (void)name;
    if (!strcmp(arg, "help") || !strcmp(arg, "?"))
        return list_devices(o);
    if (is_display(arg))
        return add_display(o, arg);
    if (drives_is_device(arg))
        return drives_device(o, arg);
    for (size_t i = 0; i < sizeof(usb) / sizeof(usb[0]); i++)
        if (begins(arg, usb[i]))
            return warn_user("-device: '%.*s' is left out: there is no USB", (int)strcspn(arg, ","),
                             arg);
    if (o->ndevices == MAX_DEVICES)
        return complain("-device: at most %d devices", MAX_DEVICES);
    o->devices[o->ndevices++] = arg;
    return true;
}

bool opt_global(struct options *o, const char *name, const char *arg)
{
    if (begins(arg, "isa-fdc."))
        return drives_global(o, name, arg);
    if (!strchr(arg, '='))
        return complain("-global: '%s' is no TYPE.PROPERTY=VALUE", arg);
    return warn_user("-global: '%s' has no effect", arg);
}

bool opt_serial(struct options *o, const char *name, const char *arg)
{
    (void)name;
    if (o->nserial == ORRERY_SERIAL_PORTS)
        return complain("-serial: at most %d serial ports", ORRERY_SERIAL_PORTS);
    o->serial[o->nserial++] = arg;
    return true;
}
