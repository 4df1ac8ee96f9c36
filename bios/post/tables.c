/* ACPI and SMBIOS tables. The board makes them (it knows what it is made of) and passes them by the
 * configuration device: ACPI as files and a script, etc/table-loader, that says where to put them,
 * which fields are pointers and which are checksums; SMBIOS as an entry point and its structures.
 */
#include "bios/post/post.h"

enum { ALLOCATE = 1, ADD_POINTER, ADD_CHECKSUM, WRITE_POINTER };
#define NAME 56

/* A line of the script: 128 bytes. */
struct command {
    u32 what;
    union {
        struct {
            char file[NAME];
            u32 align;
            u8 zone;
        } __attribute__((packed)) alloc;
        struct {
            char file[NAME], target[NAME]; /* where the pointer is, what it points to */
            u32 offset;
            u8 size;
        } __attribute__((packed)) pointer;
        struct {
            char file[NAME];
            u32 offset, start, length;
        } __attribute__((packed)) checksum;
        u8 size[124];
    };
} __attribute__((packed));

/* Files that are in memory. */
#define MAX_LOADED 16
static struct loaded {
    char name[NAME];
    u32 at, len;
} loaded[MAX_LOADED];
static u32 loaded_count;

static const struct loaded *find(const char *name)
{
    for (u32 i = 0; i < loaded_count; i++)
        if (!memcmp(loaded[i].name, name, strlen(name) + 1))
            return &loaded[i];
    return NULL;
}

static bool load(const char *name, u32 align, u8 zone)
{
    struct fwcfg_file f;
    struct loaded *l = &loaded[loaded_count];

    if (loaded_count == MAX_LOADED || !fwcfg_find(name, &f) || !f.len)
        return false;
    l->at = allocate(zone == ZONE_LOW ? ZONE_LOW : ZONE_HIGH, f.len, align);
    if (!l->at)
        return false;
    memcpy(l->name, f.name, NAME);
    l->len = f.len;
    fwcfg_item(f.key, (void *)l->at, f.len);
    loaded_count++;
    return true;
}

static bool add_pointer(const struct command *c)
{
    const struct loaded *file = find(c->pointer.file), *target = find(c->pointer.target);
    u32 offset = c->pointer.offset, v = 0;

    if (!file || !target || c->pointer.size > 8 || offset + c->pointer.size > file->len)
        return false;
    memcpy(&v, (u8 *)file->at + offset, c->pointer.size < 4 ? c->pointer.size : 4);
    v += target->at;
    memcpy((u8 *)file->at + offset, &v, c->pointer.size < 4 ? c->pointer.size : 4);
    return true;
}

static bool add_checksum(const struct command *c)
{
    const struct loaded *file = find(c->checksum.file);
    u32 start = c->checksum.start, length = c->checksum.length;
    u8 *data;

    if (!file || c->checksum.offset >= file->len || start > file->len || length > file->len - start)
        return false;
    data = (u8 *)file->at;
    data[c->checksum.offset] -= sum(data + start, length);
    return true;
}

static bool obey(const struct command *c)
{
    switch (c->what) {
    case ALLOCATE: return load(c->alloc.file, c->alloc.align, c->alloc.zone);
    case ADD_POINTER: return add_pointer(c);
    case ADD_CHECKSUM: return add_checksum(c);
    default: return true; /* nobody wants to be told where tables are */
    }
}

static void acpi(void)
{
    struct fwcfg_file f;
    u8 *script = (u8 *)0x30000; /* RAM that nobody uses yet */

    if (!fwcfg_find("etc/table-loader", &f) || f.len > 0x10000)
        return;
    fwcfg_item(f.key, script, f.len);
    for (u32 at = 0; at + sizeof(struct command) <= f.len; at += sizeof(struct command))
        if (!obey((struct command *)(script + at))) {
            debug("ACPI: no room or a bad script, line %u\n", at / (u32)sizeof(struct command));
            return;
        }
}

/* The entry point of 31 bytes: "_SM_", checksum, ...; at 16 "_DMI_", its checksum, at 24 the
 * address of the structures. */
static void smbios(void)
{
    struct fwcfg_file anchor, tables;
    u32 at, entry;
    u8 *e;

    if (!fwcfg_find("etc/smbios/smbios-anchor", &anchor) || anchor.len != 31 ||
        !fwcfg_find("etc/smbios/smbios-tables", &tables))
        return;
    at = allocate(ZONE_LOW, tables.len, 16);
    if (!at)
        at = allocate(ZONE_HIGH, tables.len, 16);
    entry = allocate(ZONE_LOW, anchor.len, 16);
    if (!at || !entry)
        return;
    fwcfg_item(tables.key, (void *)at, tables.len);
    e = (u8 *)entry;
    fwcfg_item(anchor.key, e, anchor.len);
    *(u32 *)(e + 24) = at;
    e[21] = 0;
    e[21] = (u8)-sum(e + 16, 15);
    e[4] = 0;
    e[4] = (u8)-sum(e, 31);
}

void tables_setup(void)
{
    acpi();
    smbios();
}
