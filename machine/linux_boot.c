/* Linux kernels and what starts like them (memtest86+, iPXE, memdisk): a boot sector, the real-mode
 * part behind it, and the kernel proper (Linux, Documentation/arch/x86/boot.rst). Here it is
 * decided what goes where and what the real-mode part's header is told; the ROM of bios/kernel/
 * loads it all and jumps to the real-mode part, which asks the BIOS for all else.
 *
 * Three layouts, by the version of the protocol: old kernels want their real-mode part at 90000h
 * and, unless they are loaded high, the rest at 10000h. */
#include "machine/linux_boot.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/hash.h"
#include "devices/fw_cfg.h"
#include "machine/boot.h"
#include "machine/kernel_rom.h"

#include <stdlib.h>
#include <string.h>

/* Offsets in boot sector and header. */
enum {
    HDR_CMDLINE_MAGIC = 0x20, /* before 2.02 */
    HDR_CMDLINE_OFFSET = 0x22,
    HDR_SETUP_SECTS = 0x1f1,
    HDR_SYSSIZE = 0x1f4,
    HDR_VID_MODE = 0x1fa,
    HDR_BOOT_FLAG = 0x1fe,
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
    HDR_XLOADFLAGS = 0x236,
    HDR_CMDLINE_SIZE = 0x238,
    HDR_PREF_ADDRESS = 0x258,
    HDR_INIT_SIZE = 0x260,
    HDR_END = 0x268,
};

enum {
    LOADED_HIGH = 0x01,
    CAN_USE_HEAP = 0x80,
    KERNEL_64 = 0x01, /* xloadflags, since 2.12 */
};

#define HDR_MAGIC_VALUE     0x53726448u /* "HdrS" */
#define BOOT_FLAG_VALUE     0xaa55
#define CMDLINE_MAGIC_VALUE 0xa33fu

#define HIGH         0x100000u
#define LOW_KERNEL   0x10000u
#define LOW_SETUP    0x90000u
#define SETUP        0x10000u
#define CMDLINE      0x20000u /* as far above the real-mode part as one segment reaches */
#define CMDLINE_ROOM 0x10000u
#define OLD_CMDLINE  0x9a000u /* its end */
#define OLD_ROOM     256u
#define INITRD_MAX   0x37ffffffu /* before the header tells */

struct linux_image {
    u8 *file;
    u64 file_size;
    u8 *setup; /* the real-mode part with what the header is told, and at least HDR_END bytes */
    u8 *initrd;
    u64 initrd_size;
    char *cmdline;
    u32 version; /* of the protocol: 0 before 2.00 */
    bool high;
    u32 setup_size;
    u32 setup_addr, kernel_addr, cmdline_addr, initrd_addr;
    u64 ram_bytes;
};

static u32 field(const struct linux_image *img, unsigned offset, unsigned size)
{
    return offset + size <= img->file_size ? (u32)load_le(img->file + offset, size) : 0;
}

/* ---- the kernel ---- */

bool linux_is_64(const struct linux_image *img)
{
    return img->version >= 0x020c && (field(img, HDR_XLOADFLAGS, 2) & KERNEL_64);
}

/* Since 2.10 the header tells how much memory the kernel unpacks itself into. */
static bool check_room(const struct linux_image *img, const char *path, char *err, size_t size)
{
    if (img->version < 0x020a || img->file_size < HDR_END)
        return true;
    u64 need = load_le(img->file + HDR_PREF_ADDRESS, 8) + field(img, HDR_INIT_SIZE, 4);
    if (need <= img->ram_bytes)
        return true;
    snprintf(err, size, "kernel '%s': needs %llu MiB of guest memory (-m)", path,
             (unsigned long long)((need + (1 << 20) - 1) >> 20));
    return false;
}

static void place_kernel(struct linux_image *img)
{
    bool new = img->high && img->version >= 0x0202;

    img->setup_addr = new ? SETUP : LOW_SETUP;
    img->kernel_addr = img->high ? HIGH : LOW_KERNEL;
}

/* Only since 2.04 syssize has four bytes, and before 2.00 nothing but it tells a kernel from any
 * other boot sector. */
static bool check_kernel(struct linux_image *img, const char *path, char *err, size_t size)
{
    bool header = field(img, HDR_MAGIC, 4) == HDR_MAGIC_VALUE;
    u32 sects = field(img, HDR_SETUP_SECTS, 1);
    u64 body, room;

    img->version = header ? field(img, HDR_VERSION, 2) : 0;
    img->high = header && field(img, HDR_LOADFLAGS, 1) & LOADED_HIGH;
    img->setup_size = ((sects ? sects : 4) + 1) * 512;
    body = (u64)field(img, HDR_SYSSIZE, img->version >= 0x0204 ? 4 : 2) * 16;
    if (field(img, HDR_BOOT_FLAG, 2) != BOOT_FLAG_VALUE || (!header && !body))
        return boot_refuse(err, size, "kernel", path,
                           "neither a Linux kernel (bzImage, zImage) nor a Multiboot image");
    if (img->file_size <= img->setup_size || img->file_size - img->setup_size + 16 <= body)
        return boot_refuse(err, size, "kernel", path,
                           header ? "the file is truncated"
                                  : "neither a Linux kernel (bzImage, zImage) nor a Multiboot "
                                    "image, or truncated");
    place_kernel(img);
    room = img->high ? img->ram_bytes : LOW_SETUP;
    if (img->kernel_addr + (img->file_size - img->setup_size) > room)
        return boot_refuse(err, size, "kernel", path,
                           img->high ? "does not fit into the guest's memory"
                                     : "too large for a kernel that is loaded low (zImage)");
    return check_room(img, path, err, size);
}

/* ---- the command line ---- */

/* The value of "NAME=" at the beginning of a word; NULL: it is not there. */
static const char *option(const char *cmdline, const char *name)
{
    size_t len = strlen(name);

    for (const char *p = cmdline; (p = strstr(p, name)); p++)
        if ((p == cmdline || p[-1] == ' ') && p[len] == '=')
            return p + len + 1;
    return NULL;
}

static bool set_cmdline(struct linux_image *img, const char *append, char *err, size_t size)
{
    bool old = img->setup_addr == LOW_SETUP;
    u32 room = img->version >= 0x0206 ? field(img, HDR_CMDLINE_SIZE, 4) : 255;
    u32 most = (old ? OLD_ROOM : CMDLINE_ROOM) - 1;

    if (room > most)
        room = most;
    img->cmdline = strdup(append ? append : "");
    if (!img->cmdline || strlen(img->cmdline) > room) {
        snprintf(err, size, "the kernel command line is longer than %u bytes", room);
        return false;
    }
    img->cmdline_addr = old ? OLD_CMDLINE - OLD_ROOM : CMDLINE;
    return true;
}

/* vga= is for the loader (boot.rst, "Special command line options"): a number, or a word. */
static void set_video_mode(const struct linux_image *img)
{
    static const struct {
        const char *word;
        u16 mode;
    } words[] = {{"normal", 0xffff}, {"ext", 0xfffe}, {"ask", 0xfffd}};
    const char *vga = option(img->cmdline, "vga");
    u32 mode;

    if (!vga)
        return;
    mode = (u32)strtoul(vga, NULL, 0);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (!strncmp(vga, words[i].word, strlen(words[i].word)))
            mode = words[i].mode;
    store_le(img->setup + HDR_VID_MODE, 2, mode);
}

/* ---- the initrd ---- */

/* mem=, if it says less than there is: the initrd has to be below that, too. */
static u64 memory_limit(const struct linux_image *img)
{
    static const char units[] = "kKmMgG";
    const char *mem = option(img->cmdline, "mem");
    char *end;
    u64 limit = mem ? strtoull(mem, &end, 0) : 0;
    const char *unit = mem && *end ? strchr(units, *end) : NULL;

    if (unit)
        limit <<= 10 * ((unit - units) / 2 + 1);
    return limit && limit < img->ram_bytes ? limit : img->ram_bytes;
}

/* It goes as high as kernel, command line and the firmware's tables allow. */
static bool place_initrd(struct linux_image *img, const char *path, char *err, size_t size)
{
    u64 max = img->version >= 0x0203 ? field(img, HDR_INITRD_ADDR_MAX, 4) : INITRD_MAX;
    u64 top = kernel_ram_end(img->ram_bytes), limit = memory_limit(img);
    u64 low = img->high ? HIGH + (img->file_size - img->setup_size) : HIGH;

    if (top > limit)
        top = limit;
    if (top > max + 1)
        top = max + 1;
    if (img->version < 0x0200)
        return boot_refuse(err, size, "initrd", path, "the kernel is too old for one");
    if (img->initrd_size > top || ((top - img->initrd_size) & ~(u64)PAGE_MASK) < low)
        return boot_refuse(err, size, "initrd", path, "does not fit into the guest's memory");
    img->initrd_addr = (u32)((top - img->initrd_size) & ~(u64)PAGE_MASK);
    return true;
}

/* ---- what the real-mode part is told ---- */

static void fill_header(struct linux_image *img)
{
    u8 *h = img->setup;

    memcpy(h, img->file, img->setup_size);
    set_video_mode(img);
    if (img->version >= 0x0200)
        h[HDR_TYPE_OF_LOADER] = 0xff; /* no number assigned */
    if (img->version >= 0x0201) {
        h[HDR_LOADFLAGS] |= CAN_USE_HEAP;
        store_le(h + HDR_HEAP_END, 2, img->cmdline_addr - img->setup_addr - 0x200);
    }
    if (img->version >= 0x0202) {
        store_le(h + HDR_CMD_LINE_PTR, 4, img->cmdline_addr);
    } else {
        store_le(h + HDR_CMDLINE_MAGIC, 2, CMDLINE_MAGIC_VALUE);
        store_le(h + HDR_CMDLINE_OFFSET, 2, img->cmdline_addr - img->setup_addr);
    }
    if (img->initrd) {
        store_le(h + HDR_RAMDISK_IMAGE, 4, img->initrd_addr);
        store_le(h + HDR_RAMDISK_SIZE, 4, img->initrd_size);
    }
}

static bool load_all(struct linux_image *img, const char *kernel, const char *initrd,
                     const char *append, char *err, size_t size)
{
    if (!boot_read_file("kernel", kernel, &img->file, &img->file_size, err, size) ||
        !check_kernel(img, kernel, err, size) || !set_cmdline(img, append, err, size))
        return false;
    if (initrd && (!boot_read_file("initrd", initrd, &img->initrd, &img->initrd_size, err, size) ||
                   !place_initrd(img, initrd, err, size)))
        return false;
    img->setup = malloc(img->setup_size);
    if (!img->setup) {
        snprintf(err, size, "out of memory");
        return false;
    }
    fill_header(img);
    return true;
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
    free(img->file);
    free(img->setup);
    free(img->initrd);
    free(img->cmdline);
    free(img);
}

u64 linux_image_hash(const struct linux_image *img)
{
    struct hash h;
    hash_init(&h);
    hash_bytes(&h, img->file, img->file_size);
    hash_u64(&h, img->initrd_size);
    hash_bytes(&h, img->initrd, img->initrd_size);
    hash_bytes(&h, img->cmdline, strlen(img->cmdline));
    return hash_value(&h);
}

void linux_add_items(const struct linux_image *img, struct dev *fw_cfg)
{
    u32 kernel_size = (u32)(img->file_size - img->setup_size);
    u32 cmdline_size = (u32)strlen(img->cmdline) + 1, initrd_size = (u32)img->initrd_size;
    const struct {
        u16 key;
        u32 value;
    } numbers[] = {
        {FW_CFG_KERNEL_ADDR, img->kernel_addr},   {FW_CFG_KERNEL_SIZE, kernel_size},
        {FW_CFG_INITRD_ADDR, img->initrd_addr},   {FW_CFG_INITRD_SIZE, initrd_size},
        {FW_CFG_CMDLINE_ADDR, img->cmdline_addr}, {FW_CFG_CMDLINE_SIZE, cmdline_size},
        {FW_CFG_SETUP_ADDR, img->setup_addr},     {FW_CFG_SETUP_SIZE, img->setup_size},
    };
    const u8 *kernel = img->file + img->setup_size, *cmdline = (const u8 *)img->cmdline;
    const struct kernel_piece pieces[] = {
        {FW_CFG_SETUP_DATA, img->setup_addr, img->setup_size, img->setup_size, img->setup},
        {FW_CFG_CMDLINE_DATA, img->cmdline_addr, cmdline_size, cmdline_size, cmdline},
        {FW_CFG_KERNEL_DATA, img->kernel_addr, kernel_size, kernel_size, kernel},
        {FW_CFG_INITRD_DATA, img->initrd_addr, initrd_size, initrd_size, img->initrd},
    };
    const struct kernel_start start = {
        .real_seg = (u16)(img->setup_addr >> 4),
        .real_sp = (u16)(img->cmdline_addr - img->setup_addr - 16),
    };

    for (unsigned i = 0; i < ARRAY_LEN(numbers); i++)
        fw_cfg_set_int(fw_cfg, numbers[i].key, numbers[i].value, 4);
    kernel_rom_add(fw_cfg, &start, pieces, ARRAY_LEN(pieces));
}
