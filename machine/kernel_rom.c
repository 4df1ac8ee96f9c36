/* How a kernel gets into the machine: as in QEMU firmware finds an option ROM among the files of
 * the configuration device, which is the first boot device, and which lets the same device copy all
 * pieces into memory. The ROM's code is bios/kernel/start.s; behind it stand parameters and a list
 * of the device's descriptors (QEMU, docs/specs/fw_cfg.rst), made here. */
#include "machine/kernel_rom.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "bios/images.h"
#include "devices/fw_cfg.h"

#define FILE_NAME  "genroms/kernel.bin"
#define UNIT       512u
#define DMA_COPY   (8u | 2u) /* select, and read into memory */
#define PARAMETERS 16u
#define DESCRIPTOR 16u
#define ROM_MAX    4096u

/* The ROM's head tells where the parameters go. */
enum { ROM_UNITS = 2, ROM_PARAMETERS = 8 };
/* bios/kernel/start.s has the same. */
enum { P_ENTRY = 0, P_INFO = 4, P_REAL_SP = 8, P_REAL_SEG = 10, P_LENGTH = 12 };

/* Firmware gives away the last 128 KiB whose beginning leaves 64 KiB for its tables. */
u64 kernel_ram_end(u64 ram_bytes)
{
    return (ram_bytes - 0x10000) & ~(u64)0x1ffff;
}

static void store_descriptor(u8 *at, const struct kernel_piece *p)
{
    store_be(at, 4, (u32)p->key << 16 | DMA_COPY);
    store_be(at + 4, 4, (u32)p->room);
    store_be(at + 8, 8, p->addr);
}

void kernel_rom_add(struct dev *fw_cfg, const struct kernel_start *start,
                    const struct kernel_piece *piece, unsigned count)
{
    u8 rom[ROM_MAX] = {0}, sum = 0;
    u32 length = PARAMETERS + (count + 1) * DESCRIPTOR, size;
    u8 *p = rom + load_le(kernel_rom + ROM_PARAMETERS, 2);

    memcpy(rom, kernel_rom, kernel_rom_size);
    size = (u32)(p - rom) + length;
    CHECK(count <= KERNEL_PIECES_MAX && size < sizeof(rom), "a kernel of %u pieces", count);
    store_le(p + P_ENTRY, 4, start->entry);
    store_le(p + P_INFO, 4, start->info);
    store_le(p + P_REAL_SP, 2, start->real_sp);
    store_le(p + P_REAL_SEG, 2, start->real_seg);
    store_le(p + P_LENGTH, 2, length);
    for (unsigned i = 0; i < count; i++) {
        store_descriptor(p + PARAMETERS + i * DESCRIPTOR, &piece[i]);
        fw_cfg_refer(fw_cfg, piece[i].key, piece[i].data, (u32)piece[i].size);
    }
    size = (size + UNIT) / UNIT * UNIT; /* with room for a checksum */
    rom[ROM_UNITS] = (u8)(size / UNIT);
    for (u32 i = 0; i < size; i++)
        sum = (u8)(sum + rom[i]);
    rom[size - 1] = (u8)-sum;
    fw_cfg_set_file(fw_cfg, FILE_NAME, rom, size);
    fw_cfg_set_file(fw_cfg, "bootorder", "/rom@" FILE_NAME, sizeof("/rom@" FILE_NAME));
}
