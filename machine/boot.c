/* What the ways to start without firmware share: files, the memory map, and the flat protected mode
 * that both the Linux and the Multiboot protocol begin in. */
#include "machine/boot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "cpu/seg.h"

#define LOW_END  0x9fc00u /* the kibibyte above is the BIOS's */
#define ROM_BASE 0xe0000u
#define HIGH     0x100000u

unsigned boot_memory_map(u64 ram_bytes, struct e820_entry map[E820_MAX])
{
    map[0] = (struct e820_entry){0, LOW_END, E820_RAM};
    map[1] = (struct e820_entry){LOW_END, 0x400, E820_RESERVED};
    map[2] = (struct e820_entry){ROM_BASE, HIGH - ROM_BASE, E820_RESERVED};
    map[3] = (struct e820_entry){HIGH, ram_bytes - HIGH, E820_RAM};
    return ram_bytes > HIGH ? 4 : 3;
}

void boot_store_e820(u8 *at, const struct e820_entry *e)
{
    store_le(at, 8, e->base);
    store_le(at + 8, 8, e->len);
    store_le(at + 16, 4, e->type);
}

bool boot_refuse(char *err, size_t size, const char *what, const char *path, const char *why)
{
    snprintf(err, size, "%s '%s': %s", what, path, why);
    return false;
}

bool boot_read_file(const char *what, const char *path, u8 **data, u64 *len, char *err, size_t size)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return boot_refuse(err, size, what, path, strerror(errno));
    bool ok = false;
    long end = -1;
    struct stat st;
    if (!fstat(fileno(f), &st) && S_ISDIR(st.st_mode)) {
        boot_refuse(err, size, what, path, "is a directory");
    } else if (fseek(f, 0, SEEK_END) || (end = ftell(f)) < 0 || fseek(f, 0, SEEK_SET)) {
        boot_refuse(err, size, what, path, "not a regular file");
    } else if (end == 0) {
        boot_refuse(err, size, what, path, "the file is empty");
    } else {
        *len = (u64)end;
        *data = malloc((size_t)end);
        ok = *data && fread(*data, 1, (size_t)end, f) == (size_t)end;
        if (!ok)
            boot_refuse(err, size, what, path, *data ? "cannot be read" : "too large");
    }
    fclose(f);
    return ok;
}

void boot_store_gdt(u8 gdt[BOOT_GDT_SIZE], u16 cs)
{
    memset(gdt, 0, BOOT_GDT_SIZE);
    store_le(gdt + cs, 8, 0x00cf9b000000ffffull);
    store_le(gdt + cs + 8, 8, 0x00cf93000000ffffull);
}

static void set_flat(struct segment *s, u16 sel, u16 type)
{
    s->sel = sel;
    s->base = 0;
    s->limit = UINT32_MAX;
    s->attr = (u16)(SA_P | SA_S | SA_DB | SA_G | SA_ACCESSED | SA_RW | type);
    seg_update_cache(s);
}

void boot_enter_flat(struct cpu *cpu, u32 gdt, u16 cs, u32 entry)
{
    for (unsigned s = 0; s < SEG_COUNT; s++)
        set_flat(&cpu->seg[s], cs + 8, 0);
    set_flat(&cpu->seg[SEG_CS], cs, SA_CODE);
    cpu->gdtr.base = gdt;
    cpu->gdtr.limit = BOOT_GDT_SIZE - 1;
    cpu->cr0 |= CR0_PE;
    cpu->mmu.cr0 = cpu->cr0;
    cpu->cpl = 0;
    cpu->eip = entry;
}
