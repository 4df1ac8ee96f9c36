/* A device: one file, one struct dev_type, one line in devices/devices.def.
 *
 * The type's `fields` table declares every member that makes up the guest visible state, timers
 * included, once: hash, dump, snapshot and comparison all walk it. A member that is not in the
 * table must be configuration (set by init, constant afterwards) or derived (rebuilt by
 * `loaded`).
 *
 *     struct foo { struct dev dev; u32 iobase; u8 reg[4]; struct timer tick; };
 *     static const struct field foo_fields[] = {
 *         FIELD_ARRAY(struct foo, reg), FIELD(struct foo, tick), FIELD_END };
 *     static const struct prop foo_props[] = { PROP_U32(struct foo, iobase, "0x300"), PROP_END };
 *     const struct dev_type dev_foo = { .name = "foo", .size = sizeof(struct foo), .version = 1,
 *         .fields = foo_fields, .props = foo_props, .init = foo_init, .reset = foo_reset };
 *     ...
 *     dev_create(bus, &dev_foo, "iobase=0x310,id=foo1", err, sizeof(err)); */
#ifndef DEVICES_CORE_DEV_H
#define DEVICES_CORE_DEV_H

#include <stddef.h>
#include <stdio.h>

#include "base/types.h"
#include "devices/core/bus.h"

struct hash;

enum field_kind {
    FIELD_UINT,   /* unsigned or bool, 1..8 bytes */
    FIELD_SINT,   /* signed */
    FIELD_TIMER,  /* struct timer: armed and deadline */
    FIELD_STRUCT, /* nested, described by sub */
    FIELD_BLOB,   /* u8 *, of *(u32 *)len_offset bytes: allocated by init, constant length */
    FIELD_PAGES,  /* the same, page multiples, in phys_track(): snapshots take it by pages */
};

struct field {
    const char *name; /* NULL ends the table */
    enum field_kind kind;
    u32 offset;     /* in the enclosing struct */
    u32 size;       /* of one element */
    u32 count;      /* of elements */
    u32 len_offset; /* FIELD_BLOB: where its length (u32) stands */
    u16 since;      /* first version of the device type that has the field */
    bool is_bool;   /* FIELD_UINT */
    u64 max;        /* FIELD_UINT, FIELD_SINT (0 to max): what a file may say; 0: anything */
    const struct field *sub;
    /* Before version `grown` of the type there were was_count elements of was_size bytes */
    u16 grown;
    u32 was_size, was_count;
};

#define FIELD_KIND_OF(x)                                                                           \
    _Generic((x), bool                                                                             \
             : FIELD_UINT, u8                                                                      \
             : FIELD_UINT, u16                                                                     \
             : FIELD_UINT, u32                                                                     \
             : FIELD_UINT, u64                                                                     \
             : FIELD_UINT, s8                                                                      \
             : FIELD_SINT, s16                                                                     \
             : FIELD_SINT, s32                                                                     \
             : FIELD_SINT, s64                                                                     \
             : FIELD_SINT, struct timer                                                            \
             : FIELD_TIMER)

#define FIELD_MEMBER(s, f) (((s *)0)->f)

#define FIELD_IS_BOOL(x) _Generic((x), bool : true, default : false)

/* An integer, bool, enum or timer; anything else does not compile. _V: new in version v of the
 * type. _MAX: indexes, lengths and the like, which must be within limits for the device to work. */
#define FIELD_V(s, f, v)                                                                           \
    {                                                                                              \
        .name = #f, .kind = FIELD_KIND_OF(FIELD_MEMBER(s, f)), .offset = offsetof(s, f),           \
        .size = sizeof(FIELD_MEMBER(s, f)), .count = 1, .since = (v),                              \
        .is_bool = FIELD_IS_BOOL(FIELD_MEMBER(s, f))                                               \
    }
#define FIELD(s, f) FIELD_V(s, f, 1)

#define FIELD_MAX_V(s, f, m, v)                                                                    \
    {                                                                                              \
        .name = #f, .kind = FIELD_KIND_OF(FIELD_MEMBER(s, f)), .offset = offsetof(s, f),           \
        .size = sizeof(FIELD_MEMBER(s, f)), .count = 1, .since = (v), .max = (m)                   \
    }
#define FIELD_MAX(s, f, m) FIELD_MAX_V(s, f, m, 1)
#define FIELD_ARRAY_MAX(s, f, m)                                                                   \
    {                                                                                              \
        .name = #f, .kind = FIELD_KIND_OF(FIELD_MEMBER(s, f)[0]), .offset = offsetof(s, f),        \
        .size = sizeof(FIELD_MEMBER(s, f)[0]), .count = ARRAY_LEN(FIELD_MEMBER(s, f)), .since = 1, \
        .max = (m)                                                                                 \
    }

/* A one-dimensional array of those. */
#define FIELD_ARRAY_V(s, f, v)                                                                     \
    {                                                                                              \
        .name = #f, .kind = FIELD_KIND_OF(FIELD_MEMBER(s, f)[0]), .offset = offsetof(s, f),        \
        .size = sizeof(FIELD_MEMBER(s, f)[0]), .count = ARRAY_LEN(FIELD_MEMBER(s, f)),             \
        .since = (v), .is_bool = FIELD_IS_BOOL(FIELD_MEMBER(s, f)[0])                              \
    }
#define FIELD_ARRAY(s, f) FIELD_ARRAY_V(s, f, 1)

/* Unsigned integers that were narrower before version v, of type `was`, or fewer, n. */
#define FIELD_GREW_V(s, f, v, was, began)                                                          \
    {                                                                                              \
        .name = #f, .kind = FIELD_KIND_OF(FIELD_MEMBER(s, f)), .offset = offsetof(s, f),           \
        .size = sizeof(FIELD_MEMBER(s, f)), .count = 1, .since = (began), .grown = (v),            \
        .was_size = sizeof(was), .was_count = 1                                                    \
    }
#define FIELD_GREW(s, f, v, was) FIELD_GREW_V(s, f, v, was, 1)
#define FIELD_ARRAY_GREW(s, f, v, was, n)                                                          \
    {                                                                                              \
        .name = #f, .kind = FIELD_KIND_OF(FIELD_MEMBER(s, f)[0]), .offset = offsetof(s, f),        \
        .size = sizeof(FIELD_MEMBER(s, f)[0]), .count = ARRAY_LEN(FIELD_MEMBER(s, f)), .since = 1, \
        .grown = (v), .was_size = sizeof(was), .was_count = (n)                                    \
    }

/* A nested struct, or an array of them, with its own table. */
#define FIELD_SUB(s, f, table)                                                                     \
    {                                                                                              \
        .name = #f, .kind = FIELD_STRUCT, .offset = offsetof(s, f),                                \
        .size = sizeof(FIELD_MEMBER(s, f)), .count = 1, .since = 1, .sub = (table)                 \
    }
#define FIELD_SUBS(s, f, table)                                                                    \
    {                                                                                              \
        .name = #f, .kind = FIELD_STRUCT, .offset = offsetof(s, f),                                \
        .size = sizeof(FIELD_MEMBER(s, f)[0]), .count = ARRAY_LEN(FIELD_MEMBER(s, f)), .since = 1, \
        .sub = (table)                                                                             \
    }

/* Of which there were n before version v. */
#define FIELD_SUBS_GREW(s, f, table, v, n)                                                         \
    {                                                                                              \
        .name = #f, .kind = FIELD_STRUCT, .offset = offsetof(s, f),                                \
        .size = sizeof(FIELD_MEMBER(s, f)[0]), .count = ARRAY_LEN(FIELD_MEMBER(s, f)), .since = 1, \
        .grown = (v), .was_count = (n), .sub = (table)                                             \
    }

/* Memory of the device's own behind a u8 pointer, e.g. video RAM; `len` is a u32 member. */
#define FIELD_MEM(s, f, len)                                                                       \
    {                                                                                              \
        .name = #f, .kind = FIELD_BLOB, .offset = offsetof(s, f), .size = 1, .count = 1,           \
        .since = 1, .len_offset = offsetof(s, len)                                                 \
    }

#define FIELD_PAGED(s, f, len)                                                                     \
    {                                                                                              \
        .name = #f, .kind = FIELD_PAGES, .offset = offsetof(s, f), .size = 1, .count = 1,          \
        .since = 1, .len_offset = offsetof(s, len)                                                 \
    }

#define FIELD_END                                                                                  \
    {                                                                                              \
        .name = NULL                                                                               \
    }

enum prop_kind {
    PROP_KIND_U32,    /* decimal, 0x hexadecimal, or with suffix K or M */
    PROP_KIND_BOOL,   /* on, off */
    PROP_KIND_STR,    /* const char *, owned by the device core */
    PROP_KIND_OBJECT, /* void *, found by name with bus_find_object() */
};

/* A setting of a device: options text fills it before init. */
struct prop {
    const char *name; /* NULL ends the table */
    enum prop_kind kind;
    u32 offset;
    const char *def;         /* option text of the default; NULL leaves zero */
    const char *object_kind; /* PROP_KIND_OBJECT: as given to bus_add_object() */
};

#define PROP_AS(s, f, d, k)                                                                        \
    {                                                                                              \
        .name = #f, .kind = k, .offset = offsetof(s, f), .def = d                                  \
    }
#define PROP_U32(s, f, d)  PROP_AS(s, f, d, PROP_KIND_U32)
#define PROP_BOOL(s, f, d) PROP_AS(s, f, d, PROP_KIND_BOOL)
#define PROP_STR(s, f, d)  PROP_AS(s, f, d, PROP_KIND_STR)
#define PROP_OBJECT(s, f, what)                                                                    \
    {                                                                                              \
        .name = #f, .kind = PROP_KIND_OBJECT, .offset = offsetof(s, f), .object_kind = what        \
    }
#define PROP_END                                                                                   \
    {                                                                                              \
        .name = NULL                                                                               \
    }

struct dev_type {
    const char *name; /* as in -device */
    u32 size;         /* of the device's struct, whose first member is struct dev */
    u16 version;      /* of the fields; counts up from 1 when fields are added */
    const struct field *fields;
    const struct prop *props; /* or NULL */
    bool on_board;            /* part of the board, once: -device does not make it */

    /* Properties are set, everything else is zero. Claims ports, makes timers. Returns NULL, or a
     * message (static text) that refuses the configuration. reset is called next. */
    const char *(*init)(struct dev *dev, struct bus *bus);
    void (*reset)(struct dev *dev);   /* hardware reset; also at power-on */
    void (*destroy)(struct dev *dev); /* frees what init allocated; or NULL */

    /* After fields were loaded: rebuild derived state, drive bus_set_a20() and the like again. Must
     * not change fields nor call other devices. Or NULL. */
    void (*loaded)(struct dev *dev);

    /* Could this copy of the device, into which fields were loaded from a file, be `loaded`? What
     * FIELD_MAX cannot tell. Or NULL. */
    bool (*valid)(const struct dev *copy);

    /* For people: what it now does, in the words of a monitor. Or NULL. */
    void (*describe)(const struct dev *dev, FILE *out);
};

/* The head of every device. */
struct dev {
    const struct dev_type *type;
    struct bus *bus;
    struct dev *next;
    char *id;      /* the option id=, or the type's name, with .2, .3 ... appended if taken */
    char *options; /* as given, or "" */
};

/* Makes a device from its type and options "name=value,name=value" (NULL: none), calls init and
 * reset, and appends it to the bus, which owns it. On failure: NULL, and one line of explanation
 * in err. */
struct dev *dev_create(struct bus *bus, const struct dev_type *type, const char *options, char *err,
                       size_t err_size);

/* Frees a device; bus_destroy() does it for all. Its claims must be gone with the bus. */
void dev_destroy(struct dev *dev);

/* Appends type, id and every field to a state hash. */
void dev_hash(const struct dev *dev, struct hash *h);

/* Prints "id.field = value" lines, arrays as lists, long ones shortened. */
void dev_dump(const struct dev *dev, FILE *out);

/* The same for any struct with a field table (CPU, clock, ...). */
void fields_hash(const struct field *fields, const void *base, struct hash *h);
void fields_dump(const struct field *fields, const void *base, const char *prefix, FILE *out);

/* Appends all fields but those of FIELD_PAGES. */
struct pack;
struct unpack;
void fields_save(const struct field *fields, const void *base, struct pack *out);
/* Takes what a type of that version saved; in->failed tells whether that can be. Into a copy:
 * no timer is touched, nor memory behind pointers. Else timers are armed anew. */
enum fields_load { FIELDS_COPY, FIELDS_APPLY };
void fields_load(const struct field *fields, unsigned version, void *base, enum fields_load how,
                 struct unpack *in);

/* A device type by its name in -device, or NULL; and the table of all (ends with NULL). These live
 * in devices/registry.c, which links every device in. */
const struct dev_type *dev_type_find(const char *name);
extern const struct dev_type *const dev_types[];

#define DEV(x) extern const struct dev_type dev_##x;
#include "devices/devices.def"
#undef DEV

#endif
