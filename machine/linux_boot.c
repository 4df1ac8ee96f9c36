/* Direct boot of a Linux bzImage by the 32-bit boot protocol (Linux,
 * Documentation/arch/x86/boot.rst): the protected-mode kernel goes to 1 MiB, the initrd as high as
 * the kernel allows, the boot parameters, command line and a flat GDT into low memory, and the CPU
 * starts in flat protected mode with ESI at the parameters. */
#include "machine/machine.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/hash.h"
#include "devices/fw_cfg.h"
#include "machine/boot.h"

#include <stdlib.h>
#include <string.h>

/* Offsets in the setup header and the boot parameters ("zero page"). */
enum {
    HDR_START = 0x1f1,
    HDR_SETUP_SECTS = 0x1f1,
    HDR_SYSSIZE = 0x1f4,
    HDR_BOOT_FLAG = 0x1fe,
    HDR_JUMP = 0x200,
    HDR_MAGIC = 0x202,
    HDR_VERSION = 0x206,
    HDR_TYPE_OF_LOADER = 0x210,
    HDR_LOADFLAGS = 0x211,
    HDR_CODE32_START = 0x214,
    HDR_RAMDISK_IMAGE = 0x218,
    HDR_RAMDISK_SIZE = 0x21c,
    HDR_HEAP_END = 0x224,
    HDR_CMD_LINE_PTR = 0x228,
    HDR_INITRD_ADDR_MAX = 0x22c,
    HDR_CMDLINE_SIZE = 0x238,
    HDR_PREF_ADDRESS = 0x258,
    HDR_INIT_SIZE = 0x260,
    BP_VIDEO_MODE = 0x06,
    BP_VIDEO_COLS = 0x07,
    BP_VIDEO_LINES = 0x0e,
    BP_VIDEO_ISVGA = 0x0f,
    BP_FONT_POINTS = 0x10,
    BP_ALT_MEM_K = 0x1e0,
    BP_E820_ENTRIES = 0x1e8,
    BP_E820_TABLE = 0x2d0,
};

enum {
    LOADED_HIGH = 0x01,
    KEEP_SEGMENTS = 0x40,
    CAN_USE_HEAP = 0x80,
};

#define HDR_MAGIC_VALUE 0x53726448u /* "HdrS" */
#define BOOT_FLAG_VALUE 0xaa55
#define MIN_VERSION     0x0203 /* initrd_addr_max; every kernel since 2.4.18 */

#define GDT_ADDR     0x8000u
#define PARAMS_ADDR  0x10000u
#define CMDLINE_ADDR 0x20000u
#define CMDLINE_ROOM 0x10000u
#define STACK_TOP    0x90000u
#define KERNEL_ADDR  0x100000u

struct linux_image {
    u8 *kernel;
    u64 kernel_size;
    u8 *initrd;
    u64 initrd_size;
    char *cmdline;
    u32 setup_size; /* real-mode part: boot sector and setup */
    u32 initrd_addr;
    u64 ram_bytes;
};

static u32 field(const struct linux_image *img, unsigned offset, unsigned size)
{
    return (u32)load_le(img->kernel + offset, size);
}

/* Since 2.10 the header tells how much memory the kernel unpacks itself into. */
static bool check_room(const struct linux_image *img, const char *path, char *err, size_t size)
{
    if (field(img, HDR_VERSION, 2) < 0x020a)
        return true;
    u64 need = load_le(img->kernel + HDR_PREF_ADDRESS, 8) + field(img, HDR_INIT_SIZE, 4);
    if (need <= img->ram_bytes)
        return true;
    snprintf(err, size, "kernel '%s': needs %llu MiB of guest memory (-m)", path,
             (unsigned long long)((need + (1 << 20) - 1) >> 20));
    return false;
}

static bool check_kernel(struct linux_image *img, const char *path, char *err, size_t size)
{
    if (img->kernel_size < 0x264 || field(img, HDR_BOOT_FLAG, 2) != BOOT_FLAG_VALUE ||
        field(img, HDR_MAGIC, 4) != HDR_MAGIC_VALUE)
        return boot_refuse(err, size, "kernel", path,
                           "neither a Linux bzImage nor a Multiboot image");
    if (field(img, HDR_VERSION, 2) < MIN_VERSION || !(field(img, HDR_LOADFLAGS, 1) & LOADED_HIGH))
        return boot_refuse(err, size, "kernel", path,
                           "too old: not a bzImage of boot protocol 2.03 or later");
    u32 sects = field(img, HDR_SETUP_SECTS, 1);
    img->setup_size = ((sects ? sects : 4) + 1) * 512;
    u64 body = (u64)field(img, HDR_SYSSIZE, 4) * 16;
    if (img->kernel_size < img->setup_size || img->kernel_size - img->setup_size + 16 <= body)
        return boot_refuse(err, size, "kernel", path, "the file is truncated");
    if (KERNEL_ADDR + (img->kernel_size - img->setup_size) > img->ram_bytes)
        return boot_refuse(err, size, "kernel", path, "does not fit into the guest's memory");
    return check_room(img, path, err, size);
}

/* The initrd goes as high as kernel and memory allow. */
static bool place_initrd(struct linux_image *img, const char *path, char *err, size_t size)
{
    u64 top = (u64)field(img, HDR_INITRD_ADDR_MAX, 4) + 1;
    u64 kernel_end = KERNEL_ADDR + (img->kernel_size - img->setup_size);
    if (top > img->ram_bytes)
        top = img->ram_bytes;
    if (img->initrd_size > top || ((top - img->initrd_size) & ~(u64)PAGE_MASK) < kernel_end)
        return boot_refuse(err, size, "initrd", path, "does not fit into the guest's memory");
    img->initrd_addr = (u32)((top - img->initrd_size) & ~(u64)PAGE_MASK);
    return true;
}

static bool load_all(struct linux_image *img, const char *kernel, const char *initrd,
                     const char *append, char *err, size_t size)
{
    if (!boot_read_file("kernel", kernel, &img->kernel, &img->kernel_size, err, size) ||
        !check_kernel(img, kernel, err, size))
        return false;
    u32 room = field(img, HDR_VERSION, 2) >= 0x0206 ? field(img, HDR_CMDLINE_SIZE, 4) : 255;
    if (room >= CMDLINE_ROOM)
        room = CMDLINE_ROOM - 1;
    img->cmdline = strdup(append ? append : "");
    if (!img->cmdline || strlen(img->cmdline) > room) {
        snprintf(err, size, "the kernel command line is longer than %u bytes", room);
        return false;
    }
    if (!initrd)
        return true;
    return boot_read_file("initrd", initrd, &img->initrd, &img->initrd_size, err, size) &&
           place_initrd(img, initrd, err, size);
}

struct linux_image *linux_load(const char *kernel, const char *initrd, const char *append,
                               u64 ram_bytes, char *err, size_t err_size)
{
    struct linux_image *img = calloc(1, sizeof(*img));
    if (!img) {
        snprintf(err, err_size, "out of memory");
        return NULL;
    }
    img->ram_bytes = ram_bytes;
    if (!load_all(img, kernel, initrd, append, err, err_size)) {
        linux_image_free(img);
        return NULL;
    }
    return img;
}

void linux_image_free(struct linux_image *img)
{
    if (!img)
        return;
    free(img->kernel);
    free(img->initrd);
    free(img->cmdline);
    free(img);
}

u64 linux_image_hash(const struct linux_image *img)
{
    struct hash h;
    hash_init(&h);
    hash_bytes(&h, img->kernel, img->kernel_size);
    hash_u64(&h, img->initrd_size);
    hash_bytes(&h, img->initrd, img->initrd_size);
    hash_bytes(&h, img->cmdline, strlen(img->cmdline));
    return hash_value(&h);
}

static void make_params(const struct linux_image *img, u8 params[PAGE_SIZE], bool vga)
{
    struct e820_entry map[E820_MAX];
    u32 header_end = 0x202 + img->kernel[HDR_JUMP + 1];
    memset(params, 0, PAGE_SIZE);
    memcpy(params + HDR_START, img->kernel + HDR_START, header_end - HDR_START);
    params[HDR_TYPE_OF_LOADER] = 0xff; /* no number assigned */
    params[HDR_LOADFLAGS] = (u8)(params[HDR_LOADFLAGS] & ~KEEP_SEGMENTS);
    store_le(params + HDR_CMD_LINE_PTR, 4, CMDLINE_ADDR);
    store_le(params + HDR_CODE32_START, 4, KERNEL_ADDR);
    store_le(params + HDR_RAMDISK_IMAGE, 4, img->initrd_addr);
    store_le(params + HDR_RAMDISK_SIZE, 4, img->initrd_size);
    if (vga) { /* without, all zeros: no screen */
        params[BP_VIDEO_MODE] = 3;
        params[BP_VIDEO_COLS] = 80;
        params[BP_VIDEO_LINES] = 25;
        params[BP_VIDEO_ISVGA] = 1;
        params[BP_FONT_POINTS] = 16;
    }
    store_le(params + BP_ALT_MEM_K, 4, (img->ram_bytes - KERNEL_ADDR) / 1024);
    params[BP_E820_ENTRIES] = (u8)boot_memory_map(img->ram_bytes, map);
    for (unsigned i = 0; i < params[BP_E820_ENTRIES]; i++)
        boot_store_e820(params + BP_E820_TABLE + i * E820_ENTRY_SIZE, &map[i]);
}

void linux_boot(const struct linux_image *img, struct phys *phys, struct cpu *cpu, bool vga)
{
    u8 params[PAGE_SIZE], gdt[BOOT_GDT_SIZE];
    make_params(img, params, vga);
    phys_dma_write(phys, PARAMS_ADDR, params, sizeof(params));
    phys_dma_write(phys, CMDLINE_ADDR, img->cmdline, strlen(img->cmdline) + 1);
    boot_store_gdt(gdt, BOOT_CS_LINUX);
    phys_dma_write(phys, GDT_ADDR, gdt, sizeof(gdt));
    phys_dma_write(phys, KERNEL_ADDR, img->kernel + img->setup_size,
                   img->kernel_size - img->setup_size);
    if (img->initrd_size)
        phys_dma_write(phys, img->initrd_addr, img->initrd, img->initrd_size);
    boot_enter_flat(cpu, GDT_ADDR, BOOT_CS_LINUX, KERNEL_ADDR);
    cpu->gpr[ESI] = PARAMS_ADDR;
    cpu->gpr[ESP] = STACK_TOP;
}

/* The real-mode part with what a boot loader has to fill in (boot.rst), for a start in real mode at
 * PARAMS_ADDR. */
static void add_setup(const struct linux_image *img, struct dev *fw_cfg)
{
    u8 *setup = malloc(img->setup_size);
    CHECK(setup, "out of memory");
    memcpy(setup, img->kernel, img->setup_size);
    setup[HDR_TYPE_OF_LOADER] = 0xff;
    setup[HDR_LOADFLAGS] |= CAN_USE_HEAP;
    store_le(setup + HDR_HEAP_END, 2, CMDLINE_ADDR - PARAMS_ADDR - 0x200);
    store_le(setup + HDR_CMD_LINE_PTR, 4, CMDLINE_ADDR);
    store_le(setup + HDR_RAMDISK_IMAGE, 4, img->initrd_addr);
    store_le(setup + HDR_RAMDISK_SIZE, 4, img->initrd_size);
    fw_cfg_set(fw_cfg, FW_CFG_SETUP_DATA, setup, img->setup_size);
    free(setup);
}

void linux_add_items(const struct linux_image *img, struct dev *fw_cfg)
{
    u32 kernel_size = (u32)(img->kernel_size - img->setup_size);
    u32 cmdline_size = (u32)strlen(img->cmdline) + 1;
    const struct {
        u16 key;
        u32 value;
    } numbers[] = {
        {FW_CFG_KERNEL_ADDR, KERNEL_ADDR},      {FW_CFG_KERNEL_SIZE, kernel_size},
        {FW_CFG_INITRD_ADDR, img->initrd_addr}, {FW_CFG_INITRD_SIZE, (u32)img->initrd_size},
        {FW_CFG_CMDLINE_ADDR, CMDLINE_ADDR},    {FW_CFG_CMDLINE_SIZE, cmdline_size},
        {FW_CFG_SETUP_ADDR, PARAMS_ADDR},       {FW_CFG_SETUP_SIZE, img->setup_size},
    };

    for (unsigned i = 0; i < ARRAY_LEN(numbers); i++)
        fw_cfg_set_int(fw_cfg, numbers[i].key, numbers[i].value, 4);
    fw_cfg_refer(fw_cfg, FW_CFG_KERNEL_DATA, img->kernel + img->setup_size, kernel_size);
    fw_cfg_refer(fw_cfg, FW_CFG_INITRD_DATA, img->initrd, (u32)img->initrd_size);
    fw_cfg_refer(fw_cfg, FW_CFG_CMDLINE_DATA, img->cmdline, cmdline_size);
    add_setup(img, fw_cfg);
}
