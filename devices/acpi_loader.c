/* The board's ACPI tables for firmware: the same image that a machine without any has in ROM, with
 * pointers relative to the file, and the script that tells which fields are pointers and checksums
 * (QEMU, hw/acpi/bios-linker-loader: lines of 128 bytes). */
#include "devices/acpi_loader.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "devices/fw_cfg.h"

#define RSDP_FILE   "etc/acpi/rsdp"
#define TABLES_FILE "etc/acpi/tables"
#define RSDP_SIZE   20
#define SKIP        64 /* of the image: the RSDP, and what aligns the FACS */
#define NAME        56
#define LINE        128
#define MAX_LINES   32

enum { ALLOCATE = 1, ADD_POINTER = 2, ADD_CHECKSUM = 3 };
enum { ZONE_HIGH = 1, ZONE_LOW = 2 };
enum { RSDP_CHECKSUM = 8, RSDP_RSDT = 16, TABLE_LENGTH = 4, TABLE_CHECKSUM = 9, TABLE_HEADER = 36 };

struct script {
    u8 lines[MAX_LINES][LINE];
    u32 count;
    u8 *image;
};

static u8 *line(struct script *s, u32 what, const char *file)
{
    CHECK(s->count < MAX_LINES, "ACPI script of more than %u lines", MAX_LINES);
    u8 *l = s->lines[s->count++];

    store_le(l, 4, what);
    memcpy(l + 4, file, strlen(file));
    return l + 4 + NAME;
}

static void allocate(struct script *s, const char *file, u32 align, u8 zone)
{
    u8 *l = line(s, ALLOCATE, file);

    store_le(l, 4, align);
    l[4] = zone;
}

/* The field of `size` bytes at an offset of the image; in it, the address becomes an offset in the
 * tables' file. */
static void pointer(struct script *s, u32 at, u8 size)
{
    bool rsdp = at < RSDP_SIZE;
    u8 *l = line(s, ADD_POINTER, rsdp ? RSDP_FILE : TABLES_FILE);
    u64 target = load_le(s->image + at, size);

    CHECK(target >= ACPI_TABLES_BASE + SKIP, "ACPI pointer %#llx", (unsigned long long)target);
    store_le(s->image + at, size, target - ACPI_TABLES_BASE - SKIP);
    memcpy(l, TABLES_FILE, strlen(TABLES_FILE));
    store_le(l + NAME, 4, rsdp ? at : at - SKIP);
    l[NAME + 4] = size;
}

static void checksum(struct script *s, u32 start, u32 len, u32 field)
{
    bool rsdp = start < RSDP_SIZE;
    u8 *l = line(s, ADD_CHECKSUM, rsdp ? RSDP_FILE : TABLES_FILE);
    u32 base = rsdp ? 0 : SKIP;

    s->image[start + field] = 0;
    store_le(l, 4, start + field - base);
    store_le(l + 4, 4, start - base);
    store_le(l + 8, 4, len);
}

static u32 offset_at(const struct script *s, u32 at)
{
    return (u32)load_le(s->image + at, 4) - ACPI_TABLES_BASE;
}

static u32 length_of(const struct script *s, u32 table)
{
    return (u32)load_le(s->image + table + TABLE_LENGTH, 4);
}

/* FACS and DSDT, each in an old and a new field. */
static void fadt(struct script *s, u32 at)
{
    static const struct {
        u8 field, size;
    } pointers[] = {{36, 4}, {40, 4}, {132, 8}, {140, 8}};

    for (size_t i = 0; i < ARRAY_LEN(pointers); i++)
        pointer(s, at + pointers[i].field, pointers[i].size);
    checksum(s, at, length_of(s, at), TABLE_CHECKSUM);
}

/* The script for the image; the offset of its end. */
static u32 write_script(struct script *s)
{
    u32 rsdt = offset_at(s, RSDP_RSDT), len = length_of(s, rsdt);

    allocate(s, TABLES_FILE, SKIP, ZONE_HIGH);
    allocate(s, RSDP_FILE, 16, ZONE_LOW);
    for (u32 at = rsdt + TABLE_HEADER; at < rsdt + len; at += 4) {
        u32 table = offset_at(s, at);
        if (!memcmp(s->image + table, "FACP", 4))
            fadt(s, table);
        pointer(s, at, 4);
    }
    checksum(s, rsdt, len, TABLE_CHECKSUM);
    pointer(s, RSDP_RSDT, 4);
    checksum(s, 0, RSDP_SIZE, RSDP_CHECKSUM);
    return rsdt + len; /* it is the last table */
}

void acpi_add_files(const struct acpi_config *config, struct dev *fw_cfg)
{
    u8 image[ACPI_TABLES_SIZE];
    struct script s = {.image = image};

    acpi_build(config, image);
    u32 end = write_script(&s);
    fw_cfg_set_file(fw_cfg, RSDP_FILE, image, RSDP_SIZE);
    fw_cfg_set_file(fw_cfg, TABLES_FILE, image + SKIP, end - SKIP);
    fw_cfg_set_file(fw_cfg, "etc/table-loader", s.lines, s.count * LINE);
}
