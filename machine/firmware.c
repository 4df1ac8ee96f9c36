/* Firmware: Orrery's own (bios/), or another's with -bios. A ROM image, whole at the top of the 4
 * GiB, where the reset vector is, and its last 128 KiB a second time below 1 MiB, where real-mode
 * code lives. */
#include "machine/firmware.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "bios/images.h"
#include "machine/boot.h"

#define UNIT     0x10000u
#define MAX_SIZE (16u << 20)
#define ISA_SIZE 0x20000u
#define ISA_END  0x100000u
#define TOP      (1ull << 32)

struct firmware {
    u8 *file; /* NULL: built in */
    const u8 *data;
    u64 size;
};

static struct firmware *builtin(char *err, size_t err_size)
{
    struct firmware *fw = calloc(1, sizeof(*fw));

    if (!fw) {
        snprintf(err, err_size, "out of memory");
        return NULL;
    }
    fw->data = system_rom;
    fw->size = system_rom_size;
    return fw;
}

struct firmware *firmware_load(const char *path, char *err, size_t err_size)
{
    if (!path)
        return builtin(err, err_size);
    struct firmware *fw = calloc(1, sizeof(*fw));
    if (!fw || !boot_read_file("bios", path, &fw->file, &fw->size, err, err_size)) {
        firmware_free(fw);
        return NULL;
    }
    fw->data = fw->file;
    if (fw->size % UNIT || fw->size > MAX_SIZE) {
        boot_refuse(err, err_size, "bios", path,
                    "not a ROM image (64 KiB to 16 MiB, a multiple of 64 KiB)");
        firmware_free(fw);
        return NULL;
    }
    return fw;
}

void firmware_free(struct firmware *fw)
{
    if (!fw)
        return;
    free(fw->file);
    free(fw);
}

void firmware_map(const struct firmware *fw, struct phys *phys)
{
    u64 isa = fw->size < ISA_SIZE ? fw->size : ISA_SIZE;
    phys_add_rom(phys, TOP - fw->size, fw->size, fw->data);
    phys_add_rom(phys, ISA_END - isa, isa, fw->data + fw->size - isa);
}

u64 firmware_hash(const struct firmware *fw)
{
    struct hash h;
    hash_init(&h);
    hash_bytes(&h, fw->data, fw->size);
    return hash_value(&h);
}
