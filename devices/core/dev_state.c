/* Field tables into memory and back: what snapshots are made of. The form is that of files: fields
 * in the order of their table, integers little-endian, nothing between them, so its length depends
 * on table and version alone. Memory that phys keeps marks of (FIELD_PAGES) is not in it. */
#include "devices/core/dev.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/pack.h"

static u64 load_uint(const u8 *p, u32 size)
{
    u16 w;
    u32 d;
    u64 q;

    switch (size) {
    case 1: return *p;
    case 2: memcpy(&w, p, 2); return w;
    case 4: memcpy(&d, p, 4); return d;
    default: memcpy(&q, p, 8); return q;
    }
}

static void store_uint(u8 *p, u32 size, u64 value)
{
    u8 b = (u8)value;
    u16 w = (u16)value;
    u32 d = (u32)value;

    switch (size) {
    case 1: memcpy(p, &b, 1); break;
    case 2: memcpy(p, &w, 2); break;
    case 4: memcpy(p, &d, 4); break;
    default: memcpy(p, &value, 8); break;
    }
}

static u8 *blob(const struct field *f, const u8 *base, u32 *len)
{
    u8 *data;

    *len = (u32)load_uint(base + f->len_offset, 4);
    memcpy(&data, base + f->offset, sizeof(data));
    return data;
}

static void save_elements(const struct field *f, const u8 *p, struct pack *out)
{
    if (f->size == 1) {
        pack_bytes(out, p, f->count);
        return;
    }
    for (u32 i = 0; i < f->count; i++, p += f->size)
        pack_uint(out, load_uint(p, f->size), f->size);
}

static void save_timers(const struct field *f, const u8 *p, struct pack *out)
{
    for (u32 i = 0; i < f->count; i++, p += f->size) {
        const struct timer *timer = (const struct timer *)(const void *)p;
        pack_uint(out, timer->armed, 1);
        pack_uint(out, timer->deadline, 8);
    }
}

void fields_save(const struct field *fields, const void *base, struct pack *out)
{
    for (const struct field *f = fields; f && f->name; f++) {
        const u8 *p = (const u8 *)base + f->offset, *data;
        u32 len;

        switch (f->kind) {
        case FIELD_UINT:
        case FIELD_SINT: save_elements(f, p, out); break;
        case FIELD_TIMER: save_timers(f, p, out); break;
        case FIELD_STRUCT:
            for (u32 i = 0; i < f->count; i++)
                fields_save(f->sub, p + (size_t)i * f->size, out);
            break;
        case FIELD_BLOB:
            data = blob(f, base, &len);
            pack_bytes(out, data, len);
            break;
        case FIELD_PAGES: break;
        }
    }
}

static bool fits(const struct field *f, u64 value)
{
    unsigned shift = 64 - 8 * f->size;

    if (f->is_bool)
        return value <= 1;
    if (f->kind == FIELD_SINT && (s64)(value << shift) < 0)
        return !f->max;
    return !f->max || value <= f->max;
}

static void load_elements(const struct field *f, unsigned version, u8 *p, struct unpack *in)
{
    bool grew = version < f->grown;
    u32 size = grew ? f->was_size : f->size, n = grew ? f->was_count : f->count;

    for (u32 i = 0; i < f->count; i++, p += f->size) {
        u64 value = i < n ? unpack_uint(in, size) : 0;
        if (!fits(f, value))
            in->failed = true;
        if (!in->failed)
            store_uint(p, f->size, value);
    }
}

static void load_bytes(u8 *p, size_t len, bool apply, struct unpack *in)
{
    const u8 *data = unpack_bytes(in, len);

    if (data && apply)
        memcpy(p, data, len);
}

static void load_timers(const struct field *f, u8 *p, bool apply, struct unpack *in)
{
    for (u32 i = 0; i < f->count; i++, p += f->size) {
        struct timer *timer = (struct timer *)(void *)p;
        u64 armed = unpack_uint(in, 1), deadline = unpack_uint(in, 8);

        if (armed > 1)
            in->failed = true;
        if (!apply || in->failed)
            continue;
        timer_cancel(timer);
        timer->deadline = deadline; /* periodic ones add to it */
        if (armed)
            timer_arm(timer, deadline);
    }
}

/* What an older version did not know begins as zeros. */
static void forget(const struct field *f, u8 *p, bool apply)
{
    if (f->kind == FIELD_TIMER) {
        for (u32 i = 0; apply && i < f->count; i++, p += f->size)
            timer_cancel((struct timer *)(void *)p);
    } else if (f->kind == FIELD_UINT || f->kind == FIELD_SINT) {
        memset(p, 0, (size_t)f->size * f->count);
    }
}

void fields_load(const struct field *fields, unsigned version, void *base, enum fields_load how,
                 struct unpack *in)
{
    bool apply = how == FIELDS_APPLY;

    for (const struct field *f = fields; f && f->name; f++) {
        u8 *p = (u8 *)base + f->offset, *data;
        u32 len;

        if (f->since > version) {
            forget(f, p, apply);
            continue;
        }
        switch (f->kind) {
        case FIELD_UINT:
        case FIELD_SINT:
            if (f->size == 1 && !f->is_bool && !f->max && !f->grown)
                load_bytes(p, f->count, true, in);
            else
                load_elements(f, version, p, in);
            break;
        case FIELD_TIMER: load_timers(f, p, apply, in); break;
        case FIELD_STRUCT:
            for (u32 i = 0; i < f->count; i++) {
                bool is_new = version < f->grown && i >= f->was_count;
                fields_load(f->sub, is_new ? 0 : version, p + (size_t)i * f->size, how, in);
            }
            break;
        case FIELD_BLOB:
            data = blob(f, base, &len);
            load_bytes(data, len, apply, in);
            break;
        case FIELD_PAGES: break;
        }
    }
}
