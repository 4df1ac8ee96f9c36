/* Drives on the command line. A drive with if=ide takes its place when its option is read, in the
 * order of the options; one with if=none waits for the -device that names it. What is left over,
 * taken twice, unknown or contradictory is refused. */
#include "frontend/drives.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/options.h"

/* ---- properties: name=value, separated by commas; a doubled comma is one of the value's ---- */

/* Cuts the next one off *rest; false at the end. *value is NULL where there is no '='. */
static bool next_property(char **rest, char **name, char **value)
{
    char *in = *rest, *out = *rest;

    if (!in || !*in)
        return false;
    *name = in;
    while (*in && (*in != ',' || in[1] == ',')) {
        in += *in == ',';
        *out++ = *in++;
    }
    *rest = *in ? in + 1 : NULL;
    *out = 0;
    *value = strchr(*name, '=');
    if (*value)
        *(*value)++ = 0;
    return true;
}

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

static const char *slot_name(unsigned n)
{
    static const char *const names[IDE_DRIVES] = {"primary master", "primary slave",
                                                  "secondary master", "secondary slave"};
    return names[n];
}

/* A free place with this bus and unit; either may be -1, any. */
static bool take_slot(struct drives *all, struct drive *d, int bus, int unit, unsigned *slot)
{
    for (unsigned n = 0; n < IDE_DRIVES; n++) {
        bool fits = (bus < 0 || n / 2 == (unsigned)bus) && (unit < 0 || n % 2 == (unsigned)unit);
        if (!fits)
            continue;
        if (!all->slot[n]) {
            all->slot[n] = d;
            *slot = n;
            d->on_ide = true;
            return true;
        }
        if (bus >= 0 && unit >= 0)
            return complain("-%s: there is a drive on IDE %s already", d->option, slot_name(n));
    }
    return complain("-%s: no place is left for another IDE drive", d->option);
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

static bool plain_drive(struct options *o, const char *name, const char *file, unsigned n,
                        enum drive_media media)
{
    struct drive *d = new_drive(&o->drives, name);
    unsigned slot;

    if (!d)
        return false;
    d->file = file;
    d->media = media;
    return take_slot(&o->drives, d, (int)n / 2, (int)n % 2, &slot);
}

bool drives_hd(struct options *o, const char *name, const char *arg)
{
    return plain_drive(o, name, arg, (unsigned)(name[2] - 'a'), MEDIA_DISK);
}

bool drives_cdrom(struct options *o, const char *name, const char *arg)
{
    return plain_drive(o, name, arg, 2, MEDIA_CDROM);
}

/* ---- -drive ---- */

/* What -drive says besides what a struct drive holds. */
struct drive_line {
    struct drive *d;
    int index, bus, unit; /* -1: not given */
    bool none;            /* if=none */
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
    l->none = !strcmp(value, "none");
    if (!l->none && strcmp(value, "ide"))
        return complain("-drive: interface '%s' is not supported (ide, none)", value);
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

/* Writes go to the host's cache, and a flush of the guest's brings them to the disk. */
static bool set_cache(struct drive_line *l, const char *name, const char *value)
{
    (void)l;
    (void)name;
    if (strcmp(value, "writeback"))
        return complain("-drive: cache '%s' is not supported (writeback)", value);
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
    return parse_index(value, IDE_DRIVES, &l->index) || bad_value("drive", name, value);
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
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (strcmp(table[i].name, name))
            continue;
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
    if (d->media == MEDIA_CDROM && d->readonly == OFF)
        return complain("-%s: a CD-ROM drive only reads", d->option);
    if (d->media == MEDIA_DISK && !d->file)
        return complain("-%s: a disk needs an image, file=", d->option);
    return true;
}

static bool place_drive(struct drives *all, struct drive_line *l)
{
    unsigned slot;

    if (l->none) {
        if (l->index >= 0 || l->bus >= 0 || l->unit >= 0)
            return complain("-drive: if=none has no index, bus and unit");
        if (!l->d->id)
            return complain("-drive: if=none needs an id, for a -device to name it");
        return true;
    }
    if (l->index >= 0 && (l->bus >= 0 || l->unit >= 0))
        return complain("-drive: index excludes bus and unit");
    if (l->index >= 0) {
        l->bus = l->index / 2;
        l->unit = l->index % 2;
    }
    if (l->d->media == MEDIA_UNSET)
        l->d->media = MEDIA_DISK;
    return check_drive(l->d) && take_slot(all, l->d, l->bus, l->unit, &slot);
}

bool drives_drive(struct options *o, const char *name, const char *arg)
{
    struct drive_line l = {new_drive(&o->drives, name), -1, -1, -1, false};
    char *rest = (char *)arg, *key, *value;

    if (!l.d)
        return false;
    while (next_property(&rest, &key, &value)) {
        if (!strcmp(key, "id") && value && find_drive(&o->drives, value))
            return complain("-drive: id '%s' is taken", value);
        if (!drive_property(&l, key, value))
            return false;
    }
    return place_drive(&o->drives, &l);
}

/* ---- -device ide-hd, ide-cd ---- */

bool drives_is_device(const char *arg)
{
    size_t len = strcspn(arg, ",");
    return len == 6 && (!strncmp(arg, "ide-hd", 6) || !strncmp(arg, "ide-cd", 6));
}

bool drives_device(struct options *o, const char *arg)
{
    if (o->drives.devices == IDE_DRIVES)
        return complain("-device: no place is left for another IDE drive");
    o->drives.device[o->drives.devices++] = (char *)arg;
    return true;
}

/* What such a -device says. */
struct device_line {
    const char *type, *drive, *id;
    int bus, unit;
};

static bool device_property(struct device_line *l, const char *name, const char *value)
{
    if (!value || !*value)
        return complain("-device: %s: property '%s' needs a value", l->type, name);
    if (!strcmp(name, "drive"))
        l->drive = value;
    else if (!strcmp(name, "id"))
        l->id = value;
    else if (!strcmp(name, "bus"))
        return (!strncmp(value, "ide.", 4) && parse_index(value + 4, 2, &l->bus)) ||
               bad_value("device", name, value);
    else if (!strcmp(name, "unit"))
        return parse_index(value, 2, &l->unit) || bad_value("device", name, value);
    else
        return complain("-device: %s: no property '%s'", l->type, name);
    return true;
}

/* The drive that a device names, or a new one for a CD-ROM drive without a disc. */
static struct drive *drive_of(struct drives *all, const struct device_line *l, bool cdrom)
{
    struct drive *d = l->drive ? find_drive(all, l->drive) : NULL;

    if (!l->drive && cdrom) {
        d = new_drive(all, "device");
    } else if (!l->drive) {
        complain("-device: ide-hd needs a drive, drive=ID");
    } else if (!d) {
        complain("-device: %s: there is no -drive with id '%s'", l->type, l->drive);
    } else if (d->on_ide) {
        complain("-device: %s: drive '%s' is in use", l->type, l->drive);
        return NULL;
    } else if (d->media != MEDIA_UNSET && cdrom != (d->media == MEDIA_CDROM)) {
        complain("-device: %s: drive '%s' has other media", l->type, l->drive);
        return NULL;
    }
    return d;
}

static bool finish_device(struct drives *all, char *text)
{
    struct device_line l = {.bus = -1, .unit = -1};
    char *rest = text, *key, *value;
    struct drive *d;
    unsigned slot;
    bool cdrom;

    if (!next_property(&rest, &key, &value))
        return complain("-device: no device is named");
    l.type = key;
    cdrom = !strcmp(key, "ide-cd");
    while (next_property(&rest, &key, &value))
        if (!device_property(&l, key, value))
            return false;
    d = drive_of(all, &l, cdrom);
    if (!d)
        return false;
    d->media = cdrom ? MEDIA_CDROM : MEDIA_DISK;
    if (!check_drive(d) || !take_slot(all, d, l.bus, l.unit, &slot))
        return false;
    all->name[slot] = l.id;
    return true;
}

static void finish_slot(struct options *o, unsigned n)
{
    const struct drive *d = o->drives.slot[n];
    struct orrery_drive *out = &o->config.ide[n];

    if (!d)
        return;
    *out = (struct orrery_drive){
        .file = d->file,
        .cdrom = d->media == MEDIA_CDROM,
        .readonly = d->readonly == ON,
        .snapshot = d->snapshot == ON || (o->snapshot && d->snapshot != OFF),
        .raw = d->raw,
        .name = o->drives.name[n] ? o->drives.name[n] : d->id,
    };
}

bool drives_finish(struct options *o)
{
    struct drives *all = &o->drives;

    for (unsigned i = 0; i < all->devices; i++)
        if (!finish_device(all, all->device[i]))
            return false;
    for (unsigned i = 0; i < all->count; i++)
        if (!all->drive[i].on_ide)
            return complain("-drive: no -device uses the drive '%s'", all->drive[i].id);
    for (unsigned n = 0; n < IDE_DRIVES; n++)
        finish_slot(o, n);
    return true;
}
