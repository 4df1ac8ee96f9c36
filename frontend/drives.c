/* Drives on the command line. A drive with if=ide or if=floppy takes its place when its option is
 * read, in the order of the options; one with if=none waits for the -device that names it. What is
 * left over, taken twice, unknown or contradictory is refused. */
#include "frontend/drives.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "frontend/options.h"
#include "frontend/props.h"

/* A number below `limit`. */
static bool parse_index(const char *text, unsigned limit, int *out)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end || n >= limit)
        return false;
    *out = (int)n;
    return true;
}

/* ---- places ---- */

static const struct interface {
    const char *name, *bus; /* of -drive if=; of -device bus=, a number follows */
    const char *kind;       /* in messages */
    unsigned first;         /* of its places */
    unsigned buses;         /* with two units each */
} interfaces[] = {{"ide", "ide.", "IDE", 0, 2}, {"floppy", "floppy-bus.", "floppy", 4, 1}};
static const struct interface *const ide = &interfaces[0], *const floppy = &interfaces[1];

static const char *const place_names[PLACES] = {
    "IDE primary master",  "IDE primary slave", "IDE secondary master",
    "IDE secondary slave", "floppy drive A",    "floppy drive B",
};

/* A free place with this bus and unit; either may be -1, any. */
static bool take_slot(struct drives *all, struct drive *d, const struct interface *at, int bus,
                      int unit, unsigned *slot)
{
    *slot = at->first;
    for (unsigned n = 0; n < at->buses * 2; n++) {
        bool fits = (bus < 0 || n / 2 == (unsigned)bus) && (unit < 0 || n % 2 == (unsigned)unit);
        if (!fits)
            continue;
        *slot = at->first + n;
        if (!all->slot[*slot]) {
            all->slot[*slot] = d;
            d->placed = true;
            return true;
        }
        if (bus >= 0 && unit >= 0)
            return complain("-%s: %s is taken by another drive", d->option, place_names[*slot]);
    }
    return complain("-%s: no place is left for another %s drive", d->option, at->kind);
}

static struct drive *new_drive(struct drives *all, const char *option)
{
    struct drive *d = &all->drive[all->count];

    if (all->count == MAX_DRIVES) {
        complain("-%s: at most %d drives", option, MAX_DRIVES);
        return NULL;
    }
    all->count++;
    d->option = option;
    return d;
}

/* QEMU's names of what is no file of the host. One that is there is a file all the same. */
static bool check_protocol(const struct drive *d)
{
    static const char *const protocols[] = {"fat:", "http:",  "https:", "ftp:", "ftps:", "nbd:",
                                            "ssh:", "iscsi:", "rbd:",   "nfs:", "json:", "vvfat:"};

    for (size_t i = 0; d->file && i < sizeof(protocols) / sizeof(protocols[0]); i++)
        if (!strncmp(d->file, protocols[i], strlen(protocols[i])) && access(d->file, F_OK))
            return complain("-%s: '%s' is not supported: images are files of the host", d->option,
                            d->file);
    return true;
}

static bool plain_drive(struct options *o, const char *name, const char *file,
                        const struct interface *at, int n, enum drive_media media)
{
    struct drive *d = new_drive(&o->drives, name);
    unsigned slot;

    if (!d)
        return false;
    d->file = file;
    d->media = media;
    return check_protocol(d) && take_slot(&o->drives, d, at, n / 2, n % 2, &slot);
}

bool drives_hd(struct options *o, const char *name, const char *arg)
{
    return plain_drive(o, name, arg, ide, name[2] - 'a', MEDIA_DISK);
}

bool drives_cdrom(struct options *o, const char *name, const char *arg)
{
    return plain_drive(o, name, arg, ide, 2, MEDIA_CDROM);
}

bool drives_fd(struct options *o, const char *name, const char *arg)
{
    return plain_drive(o, name, arg, floppy, name[2] - 'a', MEDIA_FLOPPY);
}

/* ---- -drive ---- */

/* What -drive says besides what a struct drive holds. */
struct drive_line {
    struct drive *d;
    const struct interface *at; /* NULL: if=none or virtio */
    int index, bus, unit;       /* -1: not given */
    bool virtio;
};

static bool bad_value(const char *option, const char *name, const char *value)
{
    return complain("-%s: bad value '%s' for '%s'", option, value, name);
}

static bool parse_switch(const char *name, const char *value, enum tristate *out)
{
    *out = !strcmp(value, "on") ? ON : !strcmp(value, "off") ? OFF : UNSET;
    return *out != UNSET || bad_value("drive", name, value);
}

static bool set_media(struct drive_line *l, const char *name, const char *value)
{
    l->d->media = !strcmp(value, "disk")    ? MEDIA_DISK
                  : !strcmp(value, "cdrom") ? MEDIA_CDROM
                                            : MEDIA_UNSET;
    return l->d->media != MEDIA_UNSET || bad_value("drive", name, value);
}

static bool set_interface(struct drive_line *l, const char *name, const char *value)
{
    (void)name;
    l->at = NULL;
    for (size_t i = 0; i < sizeof(interfaces) / sizeof(interfaces[0]); i++)
        if (!strcmp(interfaces[i].name, value))
            l->at = &interfaces[i];
    l->virtio = !strcmp(value, "virtio");
    if (!l->at && !l->virtio && strcmp(value, "none"))
        return complain("-drive: interface '%s' is not supported (ide, floppy, virtio, none)",
                        value);
    return true;
}

static bool set_format(struct drive_line *l, const char *name, const char *value)
{
    (void)name;
    l->d->raw = true;
    if (strcmp(value, "raw"))
        return complain("-drive: format '%s' is not supported: convert the image to raw", value);
    return true;
}

/* Writes go to the host's cache, and a flush of the guest's brings them to the disk. Whoever wants
 * less safety, or no cache of the host's, gets the same; whoever wants more is told. */
static bool set_cache(struct drive_line *l, const char *name, const char *value)
{
    (void)l;
    (void)name;
    if (!strcmp(value, "writethrough") || !strcmp(value, "directsync"))
        return warn_user("-drive: cache=%s has no effect: the guest must flush", value);
    if (strcmp(value, "writeback") && strcmp(value, "none") && strcmp(value, "unsafe"))
        return complain("-drive: cache '%s' is not supported (writeback)", value);
    return true;
}

/* How the host does it does not matter to the guest. */
static bool set_nothing(struct drive_line *l, const char *name, const char *value)
{
    (void)l;
    (void)name;
    (void)value;
    return true;
}

static bool set_file(struct drive_line *l, const char *name, const char *value)
{
    (void)name;
    l->d->file = *value ? value : NULL;
    return true;
}

static bool set_id(struct drive_line *l, const char *name, const char *value)
{
    if (!*value)
        return bad_value("drive", name, value);
    l->d->id = value;
    return true;
}

static bool set_index(struct drive_line *l, const char *name, const char *value)
{
    return parse_index(value, 4, &l->index) || bad_value("drive", name, value);
}

static bool set_bus(struct drive_line *l, const char *name, const char *value)
{
    return parse_index(value, 2, &l->bus) || bad_value("drive", name, value);
}

static bool set_unit(struct drive_line *l, const char *name, const char *value)
{
    return parse_index(value, 2, &l->unit) || bad_value("drive", name, value);
}

static bool set_readonly(struct drive_line *l, const char *name, const char *value)
{
    return parse_switch(name, value, &l->d->readonly);
}

static bool set_snapshot(struct drive_line *l, const char *name, const char *value)
{
    return parse_switch(name, value, &l->d->snapshot);
}

static bool drive_property(struct drive_line *l, const char *name, const char *value)
{
    static const struct {
        const char *name;
        bool (*set)(struct drive_line *l, const char *name, const char *value);
    } table[] = {
        {"file", set_file},         {"if", set_interface},      {"index", set_index},
        {"bus", set_bus},           {"unit", set_unit},         {"media", set_media},
        {"format", set_format},     {"readonly", set_readonly}, {"read-only", set_readonly},
        {"snapshot", set_snapshot}, {"cache", set_cache},       {"id", set_id},
        {"aio", set_nothing},       {"discard", set_nothing},   {"detect-zeroes", set_nothing},
        {"werror", set_nothing},    {"rerror", set_nothing},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (strcmp(table[i].name, name))
            continue;
        if (!value && (table[i].set == set_readonly || table[i].set == set_snapshot))
            value = "on";
        return value ? table[i].set(l, name, value)
                     : complain("-drive: property '%s' needs a value", name);
    }
    return complain("-drive: no property '%s'", name);
}

static struct drive *find_drive(struct drives *all, const char *id)
{
    for (unsigned i = 0; i < all->count; i++)
        if (all->drive[i].id && !strcmp(all->drive[i].id, id))
            return &all->drive[i];
    return NULL;
}

/* What the properties of a drive must agree on. */
static bool check_drive(const struct drive *d)
{
    if (!check_protocol(d))
        return false;
    if (d->media == MEDIA_CDROM && d->readonly == OFF)
        return complain("-%s: a CD-ROM drive only reads", d->option);
    if (d->media == MEDIA_DISK && !d->file)
        return complain("-%s: a disk needs an image, file=", d->option);
    return true;
}

static bool place_drive(struct drives *all, struct drive_line *l)
{
    unsigned slot;

    if (!l->at) {
        if (l->index >= 0 || l->bus >= 0 || l->unit >= 0)
            return complain("-drive: if=%s has no index, bus and unit",
                            l->virtio ? "virtio" : "none");
        if (l->virtio && (l->d->media == MEDIA_CDROM || !l->d->file))
            return complain("-drive: if=virtio is for disks, with an image");
        if (!l->d->id && !l->virtio)
            return complain("-drive: if=none needs an id, for a -device to name it");
        return true;
    }
    if (l->index >= 0 && (l->bus >= 0 || l->unit >= 0))
        return complain("-drive: index excludes bus and unit");
    if (l->index >= 0) {
        l->bus = l->index / 2;
        l->unit = l->index % 2;
    }
    if (l->bus >= (int)l->at->buses)
        return complain("-drive: if=%s has no such %s", l->at->name,
                        l->index < 0 ? "bus" : "index");
    if (l->at == floppy && l->d->media == MEDIA_CDROM)
        return complain("-drive: if=floppy has other media than a cdrom");
    if (l->at == floppy)
        l->d->media = MEDIA_FLOPPY;
    else if (l->d->media == MEDIA_UNSET)
        l->d->media = MEDIA_DISK;
    return check_drive(l->d) && take_slot(all, l->d, l->at, l->bus, l->unit, &slot);
}

bool drives_drive(struct options *o, const char *name, const char *arg)
{
    struct drive_line l = {new_drive(&o->drives, name), ide, -1, -1, -1, false};
    char *rest = (char *)arg, *key, *value;

    if (!l.d)
        return false;
    while (next_property(&rest, &key, &value)) {
        if (!strcmp(key, "id") && value && find_drive(&o->drives, value))
            return complain("-drive: id '%s' is taken", value);
        if (!drive_property(&l, key, value))
            return false;
    }
    return place_drive(&o->drives, &l) && (!l.virtio || disks_add_virtio(o, l.d));
}

/* ---- -device ide-hd, ide-cd, floppy ---- */

static const struct device_type {
    const char *name;
    const struct interface *at;
    enum drive_media media;
} device_types[] = {{"ide-hd", &interfaces[0], MEDIA_DISK},
                    {"ide-cd", &interfaces[0], MEDIA_CDROM},
                    {"floppy", &interfaces[1], MEDIA_FLOPPY}};

static const struct device_type *find_type(const char *arg)
{
    size_t len = strcspn(arg, ",");

    for (size_t i = 0; i < sizeof(device_types) / sizeof(device_types[0]); i++)
        if (strlen(device_types[i].name) == len && !strncmp(arg, device_types[i].name, len))
            return &device_types[i];
    return NULL;
}

bool drives_is_device(const char *arg)
{
    return find_type(arg);
}

bool drives_device(struct options *o, const char *arg)
{
    if (o->drives.devices == PLACES)
        return complain("-device: no place is left for another drive");
    o->drives.device[o->drives.devices++] = (char *)arg;
    return true;
}

/* -global isa-fdc.driveA=ID is -device floppy,unit=0,drive=ID. */
bool drives_global(struct options *o, const char *name, const char *arg)
{
    static const char head[] = "isa-fdc.drive";
    const char *unit = arg + sizeof(head) - 1;

    if (strncmp(arg, head, sizeof(head) - 1) || (*unit != 'A' && *unit != 'B') || unit[1] != '=')
        return complain("-%s: '%s' is not supported (isa-fdc.driveA, isa-fdc.driveB)", name, arg);
    o->drives.global[*unit - 'A'] = unit + 2;
    return true;
}

/* What such an option says. */
struct device_line {
    const struct device_type *type;
    const char *option; /* in messages */
    const char *drive, *id;
    int bus, unit;
};

static bool device_property(struct device_line *l, const char *name, const char *value)
{
    size_t len = strlen(l->type->at->bus);

    if (!value || !*value)
        return complain("%s: property '%s' needs a value", l->option, name);
    if (!strcmp(name, "drive"))
        l->drive = value;
    else if (!strcmp(name, "id"))
        l->id = value;
    else if (!strcmp(name, "bus"))
        return (!strncmp(value, l->type->at->bus, len) &&
                parse_index(value + len, l->type->at->buses, &l->bus)) ||
               bad_value("device", name, value);
    else if (!strcmp(name, "unit"))
        return parse_index(value, 2, &l->unit) || bad_value("device", name, value);
    else
        return complain("%s: no property '%s'", l->option, name);
    return true;
}

/* The drive that a device names, or a new one without a medium. */
static struct drive *drive_of(struct drives *all, const struct device_line *l)
{
    struct drive *d = l->drive ? find_drive(all, l->drive) : NULL;
    enum drive_media media = l->type->media;

    if (!l->drive && media != MEDIA_DISK)
        return new_drive(all, "device");
    if (!l->drive) {
        complain("%s: a disk needs a drive, drive=ID", l->option);
    } else if (!d) {
        complain("%s: there is no -drive with id '%s'", l->option, l->drive);
    } else if (d->placed) {
        complain("%s: drive '%s' is in use", l->option, l->drive);
        return NULL;
    } else if (d->media != MEDIA_UNSET && (d->media == MEDIA_CDROM) != (media == MEDIA_CDROM)) {
        complain("%s: drive '%s' has other media", l->option, l->drive);
        return NULL;
    }
    return d;
}

static bool place_device(struct drives *all, const struct device_line *l)
{
    struct drive *d = drive_of(all, l);
    unsigned slot;

    if (!d)
        return false;
    d->media = l->type->media;
    if (!check_drive(d) || !take_slot(all, d, l->type->at, l->bus, l->unit, &slot))
        return false;
    all->name[slot] = l->id;
    return true;
}

static bool finish_device(struct drives *all, char *text)
{
    struct device_line l = {.type = find_type(text), .bus = -1, .unit = -1};
    char *rest = text, *key, *value, option[32];

    CHECK(l.type && next_property(&rest, &key, &value), "-device %s", text);
    snprintf(option, sizeof(option), "-device: %s", l.type->name);
    l.option = option;
    while (next_property(&rest, &key, &value))
        if (!device_property(&l, key, value))
            return false;
    return place_device(all, &l);
}

struct orrery_drive drives_result(const struct options *o, const struct drive *d, const char *name)
{
    return (struct orrery_drive){
        .file = d->file,
        .cdrom = d->media == MEDIA_CDROM,
        .floppy = d->media == MEDIA_FLOPPY,
        .readonly = d->readonly == ON,
        .snapshot = d->snapshot == ON || (o->snapshot && d->snapshot != OFF),
        .raw = d->raw,
        .name = name,
    };
}

static struct orrery_drive placed(const struct options *o, unsigned n)
{
    const struct drive *d = o->drives.slot[n];

    return drives_result(o, d, o->drives.name[n] ? o->drives.name[n] : d->id);
}

/* A PC has a CD-ROM drive and a floppy drive, as QEMU's has, unless the user has said what is at
 * their places, or places drives by -device. */
static void add_usual(struct options *o)
{
    const struct drives *all = &o->drives;
    const unsigned cdrom = 2;
    bool placed_ide = false, placed_floppy = all->global[0] || all->global[1];

    for (unsigned i = 0; i < all->devices; i++)
        *(strncmp(all->device[i], "ide-", 4) ? &placed_floppy : &placed_ide) = true;
    if (o->nodefaults)
        return;
    if (!all->slot[cdrom] && !placed_ide)
        o->config.ide[cdrom].cdrom = true;
    if (!all->slot[floppy->first] && !placed_floppy)
        o->config.floppy[0].floppy = true;
}

/* Who gives nothing to boot gets the demonstration in drive A. */
static void add_demo(struct options *o)
{
    struct orrery_config *c = &o->config;

    if (o->nodefaults || c->kernel || c->bios || c->floppy[0].floppy)
        return;
    for (unsigned i = 0; i < o->drives.count; i++)
        if (o->drives.drive[i].file)
            return;
    o->demo = true;
    c->floppy[0] = (struct orrery_drive){.file = ORRERY_DEMO, .floppy = true, .readonly = true};
}

bool drives_finish(struct options *o)
{
    struct drives *all = &o->drives;

    for (unsigned i = 0; i < all->devices; i++)
        if (!finish_device(all, all->device[i]))
            return false;
    for (int i = 0; i < 2; i++) {
        const struct device_line l = {
            &device_types[2], "-global: isa-fdc", all->global[i], NULL, 0, i};
        if (all->global[i] && !place_device(all, &l))
            return false;
    }
    if (!disks_finish(o))
        return false;
    for (unsigned i = 0; i < all->count; i++)
        if (!all->drive[i].placed)
            warn_user("-drive: no -device uses the drive '%s'", all->drive[i].id);
    for (unsigned n = 0; n < PLACES; n++)
        if (all->slot[n])
            *(n < floppy->first ? &o->config.ide[n] : &o->config.floppy[n - floppy->first]) =
                placed(o, n);
    add_demo(o);
    add_usual(o);
    return true;
}
