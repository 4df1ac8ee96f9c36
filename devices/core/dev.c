/* Devices as data: creation from a type and an option string, and the walks over their field tables
 * that give the state hash and the dump. */
#include "devices/core/dev.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"

/* ---- fields ---- */

static u64 load_uint(const u8 *p, u32 size)
{
    switch (size) {
    case 1: return *p;
    case 2: return *(const u16 *)(const void *)p;
    case 4: return *(const u32 *)(const void *)p;
    case 8: return *(const u64 *)(const void *)p;
    }
    CHECK(false, "a field of %u bytes", size);
    return 0;
}

static u32 blob_length(const struct field *f, const u8 *base)
{
    return (u32)load_uint(base + f->len_offset, 4);
}

static u8 *blob_data(const struct field *f, const u8 *base)
{
    u8 *data;
    memcpy(&data, base + f->offset, sizeof(data));
    return data;
}

static void hash_field(const struct field *f, const u8 *base, struct hash *h)
{
    const u8 *p = base + f->offset;

    if (f->kind == FIELD_PAGES) /* an area of memory: phys_hash_areas() */
        return;
    if (f->kind == FIELD_BLOB) {
        hash_uint(h, blob_length(f, base), 4);
        hash_bytes(h, blob_data(f, base), blob_length(f, base));
        return;
    }
    if (f->size == 1 && f->kind != FIELD_STRUCT) {
        hash_bytes(h, p, f->count);
        return;
    }
    for (u32 i = 0; i < f->count; i++, p += f->size) {
        if (f->kind == FIELD_STRUCT) {
            fields_hash(f->sub, p, h);
        } else if (f->kind == FIELD_TIMER) {
            const struct timer *timer = (const struct timer *)(const void *)p;
            hash_uint(h, timer->armed, 1);
            hash_u64(h, timer->deadline);
        } else {
            hash_uint(h, load_uint(p, f->size), f->size);
        }
    }
}

void fields_hash(const struct field *fields, const void *base, struct hash *h)
{
    for (const struct field *f = fields; f->name; f++)
        hash_field(f, base, h);
}

static void hash_text(struct hash *h, const char *text)
{
    hash_bytes(h, text, strlen(text) + 1);
}

void dev_hash(const struct dev *dev, struct hash *h)
{
    hash_text(h, dev->type->name);
    hash_text(h, dev->id);
    if (dev->type->fields)
        fields_hash(dev->type->fields, dev, h);
}

#define DUMP_MAX_ELEMENTS 64

static void dump_value(const struct field *f, const u8 *p, FILE *out)
{
    if (f->kind == FIELD_TIMER) {
        const struct timer *timer = (const struct timer *)(const void *)p;
        if (timer->armed)
            fprintf(out, " at %llu ns", (unsigned long long)timer->deadline);
        else
            fprintf(out, " off");
        return;
    }
    u64 value = load_uint(p, f->size);
    if (f->kind == FIELD_SINT) {
        unsigned shift = 64 - 8 * f->size;
        fprintf(out, " %lld", (long long)((s64)(value << shift) >> shift));
    } else {
        fprintf(out, " 0x%llx", (unsigned long long)value);
    }
}

static void dump_blob(const struct field *f, const u8 *base, const char *prefix, FILE *out)
{
    struct hash h;
    hash_init(&h);
    hash_bytes(&h, blob_data(f, base), blob_length(f, base));
    fprintf(out, "%s.%s = %u bytes, hash %016llx\n", prefix, f->name, blob_length(f, base),
            (unsigned long long)hash_value(&h));
}

void fields_dump(const struct field *fields, const void *base, const char *prefix, FILE *out)
{
    for (const struct field *f = fields; f->name; f++) {
        const u8 *p = (const u8 *)base + f->offset;
        if (f->kind == FIELD_BLOB || f->kind == FIELD_PAGES) {
            dump_blob(f, base, prefix, out);
            continue;
        }
        if (f->kind == FIELD_STRUCT) {
            for (u32 i = 0; i < f->count; i++, p += f->size) {
                char name[128];
                if (f->count > 1)
                    snprintf(name, sizeof(name), "%s.%s[%u]", prefix, f->name, i);
                else
                    snprintf(name, sizeof(name), "%s.%s", prefix, f->name);
                fields_dump(f->sub, p, name, out);
            }
            continue;
        }
        fprintf(out, "%s.%s =", prefix, f->name);
        for (u32 i = 0; i < f->count && i < DUMP_MAX_ELEMENTS; i++, p += f->size)
            dump_value(f, p, out);
        fprintf(out, f->count > DUMP_MAX_ELEMENTS ? " ... (%u)\n" : "\n", f->count);
    }
}

void dev_dump(const struct dev *dev, FILE *out)
{
    if (dev->type->fields)
        fields_dump(dev->type->fields, dev, dev->id, out);
}

/* ---- options ---- */

static bool parse_u32(const char *text, u32 *value)
{
    char *end;
    unsigned long long v = strtoull(text, &end, 0);

    if (end == text || *text == '-')
        return false;
    if (*end == 'K' || *end == 'k') {
        v <<= 10;
        end++;
    } else if (*end == 'M') {
        v <<= 20;
        end++;
    }
    if (*end || v > UINT32_MAX)
        return false;
    *value = (u32)v;
    return true;
}

static bool parse_bool(const char *text, bool *value)
{
    *value = !strcmp(text, "on");
    return *value || !strcmp(text, "off");
}

static char *copy_text(const char *text)
{
    char *copy = strdup(text);
    CHECK(copy, "out of memory");
    return copy;
}

static bool set_prop(struct dev *dev, const struct prop *prop, const char *text)
{
    u8 *p = (u8 *)dev + prop->offset;
    void *value;

    switch (prop->kind) {
    case PROP_KIND_U32: return parse_u32(text, (u32 *)(void *)p);
    case PROP_KIND_BOOL: return parse_bool(text, (bool *)(void *)p);
    case PROP_KIND_STR:
        memcpy(&value, p, sizeof(value));
        free(value);
        value = copy_text(text);
        break;
    case PROP_KIND_OBJECT:
        value = bus_find_object(dev->bus, prop->object_kind, text);
        if (!value)
            return false;
        break;
    default: return false;
    }
    memcpy(p, &value, sizeof(value));
    return true;
}

static const struct prop *find_prop(const struct dev_type *type, const char *name)
{
    for (const struct prop *prop = type->props; prop && prop->name; prop++) {
        if (!strcmp(prop->name, name))
            return prop;
    }
    return NULL;
}

/* One "name=value", which it cuts in two. A name alone means name=on. */
static bool apply_option(struct dev *dev, char *option, char *err, size_t err_size)
{
    char *value = strchr(option, '=');
    const struct prop *prop;

    if (value)
        *value++ = 0;
    if (!strcmp(option, "id") && value) {
        if (bus_find_dev(dev->bus, value)) {
            snprintf(err, err_size, "%s: id '%s' is taken", dev->type->name, value);
            return false;
        }
        dev->id = copy_text(value);
        return true;
    }
    prop = find_prop(dev->type, option);
    if (!prop) {
        snprintf(err, err_size, "%s: no property '%s'", dev->type->name, option);
        return false;
    }
    if (!set_prop(dev, prop, value ? value : "on")) {
        snprintf(err, err_size, "%s: bad value '%s' for '%s'", dev->type->name, value ? value : "",
                 option);
        return false;
    }
    return true;
}

static bool apply_options(struct dev *dev, char *err, size_t err_size)
{
    char *copy = copy_text(dev->options), *rest = copy, *option;
    bool ok = true;

    for (const struct prop *prop = dev->type->props; prop && prop->name; prop++) {
        if (prop->def)
            CHECK(set_prop(dev, prop, prop->def), "default of %s.%s", dev->type->name, prop->name);
    }
    while (ok && (option = strsep(&rest, ","))) {
        if (*option)
            ok = apply_option(dev, option, err, err_size);
    }
    free(copy);
    return ok;
}

/* ---- life ---- */

static void default_id(struct dev *dev)
{
    char name[96];
    snprintf(name, sizeof(name), "%s", dev->type->name);
    for (unsigned n = 2; bus_find_dev(dev->bus, name); n++)
        snprintf(name, sizeof(name), "%s.%u", dev->type->name, n);
    dev->id = copy_text(name);
}

static void free_dev(struct dev *dev)
{
    for (const struct prop *prop = dev->type->props; prop && prop->name; prop++) {
        void *text;
        if (prop->kind != PROP_KIND_STR)
            continue;
        memcpy(&text, (u8 *)dev + prop->offset, sizeof(text));
        free(text);
    }
    free(dev->id);
    free(dev->options);
    free(dev);
}

struct dev *dev_create(struct bus *bus, const struct dev_type *type, const char *options, char *err,
                       size_t err_size)
{
    struct dev *dev = calloc(1, type->size);
    struct dev **end = &bus->devs;
    const char *refusal;

    CHECK(dev, "out of memory");
    dev->type = type;
    dev->bus = bus;
    dev->options = copy_text(options ? options : "");
    if (!apply_options(dev, err, err_size)) {
        free_dev(dev);
        return NULL;
    }
    if (!dev->id)
        default_id(dev);
    refusal = type->init(dev, bus);
    if (refusal) {
        snprintf(err, err_size, "%s: %s", dev->id, refusal);
        free_dev(dev);
        return NULL;
    }
    while (*end)
        end = &(*end)->next;
    *end = dev;
    if (type->reset)
        type->reset(dev);
    return dev;
}

void dev_destroy(struct dev *dev)
{
    if (dev->type->destroy)
        dev->type->destroy(dev);
    free_dev(dev);
}
